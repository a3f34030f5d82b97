//! Each queue's own midnight.

use super::{Room, room::*};
use crate::{
    acd::*,
    base::{AgentId, QueueId},
};

/// Two queues of one agent: the first counts by the centre's day in New York, the second by Auckland's. The morning is
/// 03:00 in New York and 21:00 in Auckland.
fn room() -> Room {
    let mut settings = centre(1, 2);
    settings.policies.time_zone = "America/New_York".into();
    for queue in settings.queues.values_mut() {
        queue.strategy = Strategy::FewestCalls;
    }
    settings.queues.get_mut(&QueueId(2)).expect("a queue").time_zone = "Pacific/Auckland".into();
    assert_eq!(settings.check(), []);
    let mut room = Room::closed(settings.clone());
    room.acd.settings(room.now, settings);
    room.ask(|acd, now| acd.handle_device(now, AgentId(1), true));
    for queue in [1, 2] {
        room.call_to(QueueId(queue), 0);
        let engagement = room.talk();
        room.pass(5);
        room.end(engagement);
    }
    room
}

fn answered(room: &Room) -> (u32, u32, u32) {
    (room.queue(1).today.answered, room.queue(2).today.answered, room.agent(1).today.answered)
}

/// What the strategies compare: calls of today, in each queue.
fn calls(room: &mut Room, queue: u64) -> Option<i64> {
    room.said.clear();
    let call = room.call_to(QueueId(queue), 0);
    let why = room.said.iter().find_map(|output| {
        let Output::Offer(offer) = output else { return None };
        offer.why.first[0].measure
    });
    room.hang_up(call);
    why
}

/// RP-10: a queue's counters, and what it counts of its members, begin again at midnight of its own time zone; the other
/// queue's and the agent's at that of the centre.
#[test]
fn each_queue_has_its_own_midnight() {
    let mut room = room();
    assert_eq!(answered(&room), (1, 1, 2));
    room.pass(2 * 3_600);
    assert_eq!(answered(&room), (1, 1, 2), "23:00 in Auckland");
    assert_eq!((calls(&mut room, 1), calls(&mut room, 2)), (Some(1), Some(1)));
    room.pass(2 * 3_600);
    assert_eq!(answered(&room), (1, 0, 2), "01:00 in Auckland");
    assert_eq!((calls(&mut room, 1), calls(&mut room, 2)), (Some(1), Some(0)));
    room.pass(18 * 3_600);
    assert_eq!(answered(&room), (0, 0, 0), "01:00 in New York");
}

/// RP-10: also when that midnight passes while the process is away, whichever way it comes back; who waits is carried
/// over.
#[test]
fn a_queues_midnight_may_pass_while_away() {
    for from_checkpoint in [false, true] {
        let mut room = room();
        room.select(1, Selection::not_ready("break")).unwrap();
        let waits = room.call_to(QueueId(2), 0);
        room.restart(2 * 3_600, &[waits], from_checkpoint);
        assert_eq!(answered(&room), (1, 1, 2), "23:00 in Auckland");
        room.restart(2 * 3_600, &[waits], from_checkpoint);
        assert_eq!(answered(&room), (1, 0, 2), "01:00 in Auckland");
        assert_eq!(room.queue(2).today.entered, 1);
        room.restart(18 * 3_600, &[waits], from_checkpoint);
        assert_eq!(answered(&room), (0, 0, 0), "01:00 in New York");
    }
}

/// A journal written before queues had days of their own counts by the centre's.
#[test]
fn an_older_journal_counts_by_the_centres_day() {
    let mut room = room();
    room.journal.retain(|entry| !matches!(entry, Entry::QueueDay { .. }));
    room.settings.queues.get_mut(&QueueId(2)).expect("a queue").time_zone.clear();
    room.restart(10 * 3_600, &[], false);
    assert_eq!(answered(&room), (1, 1, 2));
    room.restart(12 * 3_600, &[], false);
    assert_eq!(answered(&room), (0, 0, 0));
}

/// RP-10: a zone that there is not is refused with its place.
#[test]
fn an_unknown_zone_is_refused() {
    let mut settings = centre(1, 1);
    first_queue(&mut settings).time_zone = "Nowhere/Land".into();
    let faults = settings.check();
    assert_eq!((faults.len(), faults[0].place.as_str()), (1, "queues.q1.time_zone"));
}
