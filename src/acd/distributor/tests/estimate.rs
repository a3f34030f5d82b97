//! How long a wait is said to be (QE-08).

use super::{Room, leaving::from, room::*};
use crate::{
    acd::*,
    base::{AgentId, QueueId},
};

/// QE-08: position × handle time ÷ staff, each agent shared over his queues, then the mean with the waits of late;
/// rounded up; unknown without staff, nothing where somebody is free.
#[test]
fn the_estimate_follows_its_formula() {
    let mut room = Room::with(4, |settings| {
        let mut second = first_queue(settings).clone();
        (second.key, second.members) = ("q2".into(), second.members[..2].to_vec());
        settings.queues.insert(QueueId(2), second);
        let first = first_queue(settings);
        (first.expected_handle_secs, first.ewt_round_secs) = (120, 1);
    });
    assert_eq!(room.queue(1).ewt_ms, Some(0), "four are free");
    for agent in 1..=4 {
        room.direct(agent, agent);
    }
    // Agents 1 and 2 count half in each of their queues: 1 × 120 s ÷ 3 = 40 s.
    assert_eq!((room.queue(1).ewt_ms, room.queue(2).ewt_ms), (Some(40_000), Some(180_000)));
    let first = room.call();
    room.call();
    assert_eq!(room.queue(1).waiting.iter().map(|it| it.ewt_ms).collect::<Vec<_>>(), [Some(40_000), Some(80_000)]);
    assert_eq!(room.acd.estimate_ms(first), Some(40_000));
    room.pass(10);
    room.ask(|acd, now| acd.handle_direct_ended(now, AgentId(4), crate::base::CallId(4)));
    let engagement = room.talk();
    room.pass(60);
    room.end(engagement);
    // One took 60 s, so that 120 becomes 114.3, after a wait of 10 s: (1 × 114.3 ÷ 3 + 10) ÷ 2 for who is first now.
    assert_eq!((room.rings_at(), room.queue(1).waiting[0].ewt_ms), (vec![4], Some(25_000)));
    for agent in 1..=4 {
        room.ask(|acd, now| acd.logout(now, AgentId(agent), None, LogoutWhen::Now, Actor::Agent(AgentId(agent))))
            .unwrap();
    }
    assert_eq!(room.queue(1).ewt_ms, None);
}

/// QE-08: one call that took a second tells little of the next; twenty tell nearly all.
#[test]
fn qe_08_what_was_expected_counts_until_twenty_have_told() {
    let mut room = Room::with(1, |settings| {
        (first_queue(settings).expected_handle_secs, first_queue(settings).ewt_round_secs) = (60, 1);
    });
    let handled = |room: &mut Room, calls: u64| {
        for _ in 0..calls {
            room.call();
            let engagement = room.talk();
            room.pass(1);
            room.end(engagement);
        }
        let line = &room.acd.queues[&QueueId(1)];
        line.handle_ms.unwrap() / 1_000
    };
    assert_eq!((handled(&mut room, 1), handled(&mut room, 19)), (54, 8));
}

/// QE-08, QE-09: agents who are free and can't have the caller shorten no wait of his.
#[test]
fn qe_08_who_lacks_the_skill_shortens_no_wait() {
    let mut room = Room::with(2, |settings| {
        settings.agents.get_mut(&AgentId(2)).unwrap().skills = [("es".to_owned(), 5)].into();
        let queue = first_queue(settings);
        (queue.expected_handle_secs, queue.ewt_round_secs, queue.max_ewt_secs) = (120, 1, 50);
    });
    room.direct(2, 9);
    let needing = |id: u64| {
        let skills = vec![NeededSkill { skill: "es".into(), level: 1 }];
        Enqueue { skills, ..from(id, 1, "+1") }
    };
    assert_eq!(room.queue(1).ewt_ms, Some(0));
    assert_eq!(room.enqueue(needing(1)), Err(Outcome::EwtExceeded), "60 s for one of two agents");
    let mut settings = room.settings.clone();
    first_queue(&mut settings).max_ewt_secs = 70;
    room.ask(|acd, now| acd.settings(now, settings));
    assert_eq!(room.enqueue(needing(2)), Ok(()));
    assert_eq!(room.queue(1).waiting[0].ewt_ms, Some(60_000));
    room.ask(|acd, now| acd.handle_direct_ended(now, AgentId(2), crate::base::CallId(9)));
    assert_eq!(room.rings_at(), [2]);
}
