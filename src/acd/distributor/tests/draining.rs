//! Queues that a reload takes away while people wait in them (AD-03): nobody who waits notices.

use super::{Room, room::*};
use crate::{
    acd::*,
    base::{AgentId, QueueId},
};

/// Two queues of one agent, who is in a call; somebody waits in the first, which then goes from the settings.
fn drained(change: impl FnOnce(&mut Settings)) -> (Room, crate::base::EngagementId, crate::base::InteractionId) {
    let mut settings = centre(1, 2);
    change(&mut settings);
    let mut room = Room::closed(settings.clone());
    room.acd.settings(room.now, settings);
    room.ask(|acd, now| acd.handle_device(now, AgentId(1), true));
    room.call();
    let engagement = room.talk();
    let waiting = room.call();
    room.pass(5);
    reload(&mut room, |settings| drop(settings.queues.remove(&QueueId(1))));
    (room, engagement, waiting)
}

/// Of the settings that the day began with.
fn reload(room: &mut Room, change: impl FnOnce(&mut Settings)) {
    let mut settings = room.settings.clone();
    change(&mut settings);
    room.ask(|acd, now| acd.settings(now, settings));
}

fn knows_it(room: &Room) -> bool {
    room.acd.snapshot(room.now).queues.iter().any(|queue| queue.queue == QueueId(1))
}

/// Who waits keeps his place, ahead of who comes elsewhere later, and gets the agent whom he would have got; the queue is
/// shown as closed, takes nobody new, and is forgotten with its memberships when the last talk from there is over. AD-03, RT-07,
/// rule 35.
#[test]
fn who_waits_in_a_queue_that_goes_is_served() {
    let (mut room, engagement, waiting) = drained(|_| {});
    assert!(!room.queue(1).open);
    let newcomer = Enqueue::inbound(crate::base::InteractionId(7), QueueId(1), Default::default());
    assert_eq!(room.enqueue(newcomer), Err(Outcome::Closed));
    room.call_to(QueueId(2), 0);
    room.end(engagement);
    assert_eq!(room.the_ring().2, waiting);
    let engagement = room.talk();
    assert_eq!((room.queue(1).waiting.len(), room.agent(1).queues.len()), (0, 2), "he belongs to it while he talks");
    room.end(engagement);
    assert!(!knows_it(&room));
    assert_eq!(room.agent(1).queues.iter().map(|it| it.queue).collect::<Vec<_>>(), [QueueId(2)]);
    assert_eq!(room.rings_at(), [1], "the other queue's");
}

/// Nobody may wait for nobody: when the last member has left, who waits goes on by the chain that the queue had, in his
/// place, or ends with an outcome. AD-03, QE-08.
#[test]
fn a_queue_that_goes_keeps_its_chain() {
    for leads_on in [true, false] {
        let (mut room, engagement, waiting) = drained(|settings| {
            if leads_on {
                first_queue(settings).overflow = vec![Onward::Queue("q2".into())];
            }
        });
        room.ask(|acd, now| acd.logout(now, AgentId(1), Some(QueueId(1)), LogoutWhen::Now, Actor::Api)).expect("done");
        let (outcome, place) = match leads_on {
            true => (Outcome::Overflowed(Onward::Queue("q2".into())), Some(1)),
            false => (Outcome::NoAgents, None),
        };
        assert_eq!(room.outcomes().last(), Some(&(waiting, outcome)));
        assert_eq!(room.acd.position(waiting), place);
        assert!(knows_it(&room), "he talks");
        room.end(engagement);
        assert!(!knows_it(&room));
    }
}

/// No other chain leads to it; who gives up leaves it as any other. AD-03.
#[test]
fn nothing_leads_to_a_queue_that_goes() {
    let (mut room, engagement, waiting) = drained(|settings| {
        let second = settings.queues.get_mut(&QueueId(2)).expect("a queue");
        (second.overflow, second.max_waiting) = (vec![Onward::Queue("q1".into())], 1);
    });
    room.call_to(QueueId(2), 0);
    let newcomer = Enqueue::inbound(crate::base::InteractionId(7), QueueId(2), Default::default());
    assert_eq!(room.enqueue(newcomer), Err(Outcome::Full));
    let moved = room.ask(|acd, now| acd.move_to(now, crate::base::InteractionId(102), QueueId(1), Actor::Api));
    assert_eq!(moved.map_err(|refused| refused.code), Err("closed"));
    room.pass(60);
    room.hang_up(waiting);
    assert_eq!(room.outcomes().last(), Some(&(waiting, Outcome::Abandoned)));
    room.end(engagement);
    assert!(!knows_it(&room));
}

/// Put back into the settings before it is empty, it goes on as if nothing had been. AD-03.
#[test]
fn a_queue_that_comes_back_never_went() {
    let (mut room, engagement, waiting) = drained(|_| {});
    reload(&mut room, |_| {});
    assert!(room.queue(1).open);
    let next = room.call();
    room.end(engagement);
    assert_eq!(room.the_ring().2, waiting);
    room.talk();
    assert_eq!(room.acd.position(next), Some(1));
    assert!(knows_it(&room));
}

/// The process dies meanwhile, twice: in the next one he keeps his place, with what was counted and who was paused; talks have
/// the wrap-up that the queue had. Once nobody waits there it does not come back. AD-03, OP-01, OP-02.
#[test]
fn a_crash_hurries_no_queue_that_goes() {
    for from_checkpoint in [false, true] {
        let (mut room, engagement, waiting) = drained(|settings| first_queue(settings).acw_secs = 10);
        room.settings.queues.remove(&QueueId(1));
        let talking = room.agent(1).engagements[0].interaction;
        room.ask(|acd, now| acd.pause(now, AgentId(1), None, None, Actor::Api)).expect("done");
        let before = (room.agent(1).queues, room.queue(1).today);
        for _ in 0..2 {
            room.restart(3, &[talking, waiting], from_checkpoint);
            assert_eq!((room.outcomes(), room.acd.position(waiting)), (vec![], Some(1)));
            assert_eq!((room.agent(1).queues, room.queue(1).today), before);
        }
        let newcomer = Enqueue::inbound(crate::base::InteractionId(7), QueueId(1), Default::default());
        assert_eq!(room.enqueue(newcomer), Err(Outcome::Closed));
        room.ask(|acd, now| acd.handle_device(now, AgentId(1), true));
        room.end(engagement);
        assert_eq!(room.status(1), Status::WrapUp);
        room.pass(10);
        room.ask(|acd, now| acd.resume(now, AgentId(1), None, Actor::Api)).expect("done");
        assert_eq!(room.the_ring().2, waiting);
        let engagement = room.talk();
        room.restart(3, &[waiting], from_checkpoint);
        room.end(engagement);
        assert_eq!(room.status(1), Status::WrapUp);
        room.pass(10);
        for _ in 0..2 {
            assert!(!knows_it(&room));
            assert_eq!(room.agent(1).queues.iter().map(|it| it.queue).collect::<Vec<_>>(), [QueueId(2)]);
            room.restart(3, &[waiting], from_checkpoint);
        }
    }
}

/// The settings of the next process know it again: theirs count. AD-03.
#[test]
fn a_queue_that_comes_back_over_a_crash_never_went() {
    let (mut room, _, waiting) = drained(|_| {});
    first_queue(&mut room.settings).ring_secs = 5;
    room.restart(3, &[waiting], false);
    room.ask(|acd, now| acd.handle_device(now, AgentId(1), true));
    assert!(room.queue(1).open);
    assert_eq!(room.the_ring().2, waiting);
    room.progress();
    room.pass(5);
    assert_eq!(room.ends(), [(AgentId(1), OfferEnd::NoAnswer)]);
}

/// At closing time those who wait in it leave; but its going from the settings is no closing time. AD-03.
#[test]
fn a_queue_that_goes_does_not_close() {
    let (room, _, waiting) = drained(|settings| first_queue(settings).closing_lets_go = true);
    assert_eq!((room.outcomes().len(), room.acd.position(waiting)), (1, Some(1)), "one was answered before");
}

/// Where it goes by how occupied its members are, that is looked at on. RT-01, AD-03.
#[test]
fn a_queue_that_goes_follows_occupancy_over_a_crash() {
    let (mut room, _, waiting) = drained(|settings| first_queue(settings).strategy = Strategy::LeastOccupied);
    room.settings.queues.remove(&QueueId(1));
    room.restart(3, &[waiting], true);
    let soon = room.now.mono + std::time::Duration::from_secs(1);
    assert!(room.acd.poll_timeout().is_some_and(|next| next <= soon));
}
