//! What users of other distributors suffer from, by its number (SEMANTICS 5), where no other test tells its story.

use super::{Room, room::*};
use crate::{
    acd::*,
    base::{AgentId, InteractionId, Private, QueueId},
};

fn callback(room: &mut Room, id: u64) -> InteractionId {
    let id = InteractionId(id);
    let call = Enqueue::inbound(id, QueueId(1), Private::new("+351210000009".into()));
    room.enqueue(Enqueue { kind: InteractionKind::Callback, ..call }).unwrap();
    id
}

/// P7: a membership that ends is told like one that begins, whoever ends it: agent, supervisor or settings.
#[test]
fn p7_every_coming_and_going_is_told() {
    let mut room = Room::new(2);
    let (ana, queue) = (AgentId(1), QueueId(1));
    room.ask(|acd, now| acd.logout(now, ana, Some(queue), LogoutWhen::Now, Actor::Agent(ana))).unwrap();
    room.ask(|acd, now| acd.login(now, ana, queue, Actor::Agent(ana))).unwrap();
    let mut settings = room.settings.clone();
    first_queue(&mut settings).members.remove(0);
    room.ask(|acd, now| acd.settings(now, settings.clone()));
    settings.agents.remove(&AgentId(2));
    first_queue(&mut settings).members.clear();
    room.ask(|acd, now| acd.settings(now, settings));
    let told = room.said.iter().filter_map(|output| {
        let Output::Member(event) = output else { return None };
        Some((event.agent.0, event.new.clone()))
    });
    let expected = [(1, Some(MemberState::LoggedOut)), (1, Some(MemberState::Active)), (1, None), (2, None)];
    assert_eq!(told.collect::<Vec<_>>(), expected);
}

/// P17: one agent of three queues takes who came first over all of them, whatever the queue; none is starved.
#[test]
fn p17_first_come_over_several_queues() {
    let mut settings = centre(1, 3);
    for queue in settings.queues.values_mut() {
        queue.acw_secs = 0;
    }
    let mut room = Room::closed(settings.clone());
    room.acd.settings(room.now, settings);
    room.ask(|acd, now| acd.handle_device(now, AgentId(1), true));
    room.select(1, Selection::not_ready("break")).unwrap();
    let mut came = Vec::new();
    for queue in [3, 1, 1, 2, 3, 2, 1, 3, 2, 2] {
        came.push(room.call_to(QueueId(queue), 0));
        room.pass(7);
    }
    room.select(1, Selection::Ready).unwrap();
    let mut served = Vec::new();
    while let [(_, _, interaction)] = room.ringing()[..] {
        served.push(interaction);
        let engagement = room.talk();
        room.pass(3);
        room.end(engagement);
    }
    assert_eq!(served, came);
}

/// P19: what a call and a change of an agent cost depends on his own queues, not on how many queues and members there
/// are: counted in what is looked at, a centre of thirty times the queues with ten times the members costs the same.
#[test]
fn p19_cost_does_not_grow_with_queues_and_members() {
    let looks = |agents: u64, queues: u64| {
        let mut settings = centre(agents, queues);
        // Each agent is in three queues, and each queue has its part of the agents.
        for (queue, n) in settings.queues.values_mut().zip(0..) {
            let own = |member: &MemberSettings| {
                let agent: u64 = member.agent[1..].parse().unwrap_or(0);
                (0..3).any(|other| (agent + other) % queues == n)
            };
            queue.members.retain(own);
        }
        let mut room = Room::closed(settings.clone());
        room.acd.settings(room.now, settings);
        for agent in 1..=agents {
            room.acd.handle_device(room.now, AgentId(agent), true);
        }
        let before = room.acd.looks.so_far();
        for call in 0..50 {
            let queue = QueueId(call % queues + 1);
            let id = InteractionId(call + 1);
            room.acd.enqueue(room.now, Enqueue::inbound(id, queue, Private::default())).unwrap();
            let mut said = std::iter::from_fn(|| room.acd.poll_output());
            let asked = said.find_map(|output| {
                let Output::Offer(offer) = output else { return None };
                Some(offer.offer)
            });
            let offer = asked.expect("an agent is asked");
            let engagement = room.acd.handle_answered(room.now, offer).expect("a live offer");
            room.acd.handle_connected(room.now, engagement);
            room.acd.handle_ended(room.now, engagement, PartEnd::Customer);
        }
        room.acd.looks.so_far() - before
    };
    let (small, large) = (looks(30, 10), looks(3_000, 300));
    println!("50 calls: {small} looks in a small centre, {large} in one of thirty times the queues");
    assert!(large <= small + small / 4, "{small} became {large}");
}

/// P24: a callback has its place among the callers, neither before those who came earlier nor twice, and no more agents
/// are asked for callbacks than are free.
#[test]
fn p24_callbacks_keep_their_place() {
    let mut room = Room::new(1);
    room.select(1, Selection::not_ready("break")).unwrap();
    let first = room.call();
    room.pass(5);
    let back = callback(&mut room, 50);
    room.pass(5);
    let last = room.call();
    room.pass(5);
    let also = callback(&mut room, 51);
    let places = |room: &Room| [first, back, last, also].map(|id| room.acd.position(id));
    assert_eq!(places(&room), [Some(1), Some(2), Some(3), Some(4)]);
    room.select(1, Selection::Ready).unwrap();
    let mut served = Vec::new();
    while let [(_, _, interaction)] = room.ringing()[..] {
        served.push(interaction);
        let engagement = room.talk();
        room.end(engagement);
    }
    assert_eq!(served, [first, back, last, also]);
}

/// P32: a callback that is missed, declined or refused by a busy phone leaves the agent as a call does.
#[test]
fn p32_callbacks_end_offers_as_calls_do() {
    let after = |kind: &dyn Fn(&mut Room) -> InteractionId, how: Option<OfferFault>| {
        let mut room = Room::with(1, |settings| {
            let queue = first_queue(settings);
            (queue.ban_secs, queue.reject_secs) = (BanTime::Secs(60), BanTime::Secs(90));
        });
        let id = kind(&mut room);
        let (offer, _, _) = room.the_ring();
        match how {
            Some(fault) => room.fail(offer, fault),
            None => {
                room.progress();
                room.pass(20);
            }
        }
        let agent = room.agent(1);
        let until = agent.until.map(|until| until.0 - room.now.wall.0);
        (agent.status, until, agent.missed, agent.today.missed, room.acd.position(id), room.ends()[0].1)
    };
    for how in [None, Some(OfferFault::Declined), Some(OfferFault::DeviceBusy), Some(OfferFault::Unreachable)] {
        assert_eq!(after(&|room| callback(room, 50), how), after(&Room::call, how), "{how:?}");
    }
}
