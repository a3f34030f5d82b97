//! The wall clock of the machine is set.

use super::{Room, leaving::from, room::*};
use crate::{
    acd::*,
    base::{InteractionId, Wall},
};

fn line(room: &Room) -> Vec<u64> {
    room.queue(1).waiting.iter().map(|it| it.interaction.0).collect()
}

/// The wall clock is set back and forth by hours: no timer fires early or late, no order changes. OP-10.
#[test]
fn a_set_clock_changes_nothing() {
    let mut room = Room::with(1, |settings| first_queue(settings).acw_secs = 30);
    let before = room.call();
    let engagement = room.talk();
    room.now.wall = Wall(room.now.wall.0 - 7_200_000);
    room.pass(10);
    room.end(engagement);
    let first = room.call();
    room.now.wall = Wall(room.now.wall.0 - 3_600_000);
    let second = room.call();
    room.now.wall = Wall(room.now.wall.0 + 9 * 3_600_000);
    assert_eq!(line(&room), [first.0, second.0]);
    room.pass_ms(29_999);
    assert_eq!(room.status(1), Status::WrapUp);
    room.pass_ms(1);
    assert_eq!(room.the_ring().2, first);
    assert_eq!((room.agent(1).today.talk_ms, room.outcomes()[0].0), (10_000, before));
}

/// OP-10, QE-13: a place is kept for as long where the wall clock was set after it was given up, over a restart too.
#[test]
fn op_10_a_place_is_kept_by_a_clock_that_was_set() {
    for by_ms in [7_200_000, -7_200_000] {
        for from_checkpoint in [false, true] {
            let mut room = Room::with(0, |settings| first_queue(settings).resume_secs = 60);
            room.enqueue(from(1, 1, "+1")).unwrap();
            room.enqueue(from(2, 1, "+2")).unwrap();
            room.pass(10);
            room.enqueue(from(3, 1, "+3")).unwrap();
            room.hang_up(InteractionId(1));
            room.hang_up(InteractionId(2));
            room.now.wall.0 += by_ms;
            room.ask(|acd, now| assert_eq!(acd.handle_wall(now), Some(by_ms)));
            room.restart(30, &[InteractionId(3)], from_checkpoint);
            assert_eq!(room.now.wall.0 - room.queue(1).waiting[0].arrived.0, 30_000);
            room.enqueue(from(4, 1, "+1")).unwrap();
            assert_eq!(line(&room), [4, 3]);
            room.pass(31);
            room.enqueue(from(5, 1, "+2")).unwrap();
            assert_eq!(line(&room), [4, 3, 5], "too late");
        }
    }
}
