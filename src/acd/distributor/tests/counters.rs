//! What is counted by day.

use super::{Room, queues::serve, room::*};
use crate::acd::*;

/// Midnight in the centre's zone starts the counters again; who waits is carried over. OP-10.
#[test]
fn midnight_starts_the_counters_again() {
    let mut room = Room::with(1, |settings| settings.policies.time_zone = "Europe/Lisbon".into());
    serve(&mut room);
    room.select(1, Selection::not_ready("break")).unwrap();
    room.call();
    assert_eq!((room.agent(1).today.answered, room.queue(1).today.entered), (1, 2));
    room.pass(24 * 3600);
    assert_eq!((room.agent(1).today.answered, room.queue(1).today.entered), (0, 1));
}

/// RP-10: the day's counters survive a restart by journal and by checkpoint, and begin again at midnight of the centre's
/// zone, also when it passes while the process is away.
#[test]
fn counters_survive_and_begin_again() {
    for from_checkpoint in [false, true] {
        let mut room = Room::with(1, |settings| {
            settings.policies.time_zone = "America/New_York".into();
            first_queue(settings).acw_secs = 5;
        });
        serve(&mut room);
        room.pass(10);
        let (queue, agent) = (room.queue(1).today, room.agent(1).today);
        assert_eq!((queue.answered, queue.handled, queue.wrap_up_ms, agent.answered), (1, 1, 5_000, 1));
        room.restart(60, &[], from_checkpoint);
        assert_eq!((room.queue(1).today, room.agent(1).today), (queue, agent));
        // These mornings are 03:00 in New York: midnight there is 21 hours away.
        room.restart(20 * 3_600, &[], from_checkpoint);
        assert_eq!(room.queue(1).today.answered, 1, "23:00");
        room.restart(2 * 3_600, &[], from_checkpoint);
        assert_eq!((room.queue(1).today.answered, room.agent(1).today.answered), (0, 0), "01:00");
        assert_eq!(room.agent(1).times.iter().map(|it| it.ms).sum::<u64>(), 0);
    }
}

/// RP-06: the average of handling is of whole calls: one whose wrap-up goes on is not in it yet, with no part of it.
#[test]
fn rp_06_handling_is_counted_whole() {
    let mut room = Room::with(1, |settings| first_queue(settings).acw_secs = 5);
    room.call();
    let engagement = room.talk();
    room.pass(10);
    room.end(engagement);
    room.pass(10);
    let before = room.queue(1).today;
    assert_eq!((before.talk_ms, before.wrap_up_ms, before.handled), (10_000, 5_000, 1));
    room.call();
    let engagement = room.talk();
    room.pass(30);
    room.end(engagement);
    let meanwhile = room.queue(1).today;
    assert_eq!((meanwhile.talk_ms, meanwhile.wrap_up_ms, meanwhile.handled), (10_000, 5_000, 1));
    room.pass(10);
    let after = room.queue(1).today;
    assert_eq!((after.talk_ms, after.wrap_up_ms, after.handled), (40_000, 10_000, 2));
}
