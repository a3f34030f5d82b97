//! The order by a score of priority and wait.

use super::{Room, room::*};
use crate::{
    acd::*,
    base::{AgentId, InteractionId, QueueId},
};

/// Two queues of one agent, who is away for the moment.
fn room(order: WaitOrder) -> Room {
    let mut settings = centre(1, 2);
    settings.policies.wait_order = order;
    let mut room = Room::closed(settings.clone());
    room.acd.settings(room.now, settings);
    room.ask(|acd, now| acd.handle_device(now, AgentId(1), true));
    room.select(1, Selection::not_ready("break")).unwrap();
    room
}

/// Serves all who wait, and says in which order.
fn served(room: &mut Room) -> Vec<InteractionId> {
    let mut order = Vec::new();
    room.select(1, Selection::Ready).unwrap();
    while let [(_, _, interaction)] = room.ringing()[..] {
        order.push(interaction);
        let engagement = room.talk();
        room.end(engagement);
    }
    order
}

/// RT-19: a point of priority is worth a minute of waiting, over all queues; who has waited long enough goes before a
/// newcomer of a higher priority, and the place that is told is the same.
#[test]
fn a_score_is_priority_and_wait() {
    for (order, expected) in [(WaitOrder::Priority, [1, 2, 0]), (WaitOrder::Score, [0, 1, 2])] {
        let mut room = room(order);
        let old = room.call_to(QueueId(1), 0);
        room.pass(301);
        let urgent = room.call_to(QueueId(2), 5);
        let also = room.call_to(QueueId(1), 4);
        let place = |room: &Room, id| room.acd.position(id);
        let first_of_one = if order == WaitOrder::Score { old } else { also };
        assert_eq!(place(&room, first_of_one), Some(1), "{order:?}");
        let all = [old, urgent, also];
        assert_eq!(served(&mut room), expected.map(|at| all[at]), "{order:?}");
    }
}

/// RT-19: a minute less, and the newcomer is first. Nothing need happen in between: the order never changes by waiting.
#[test]
fn a_minute_less_and_the_newcomer_is_first() {
    let mut room = room(WaitOrder::Score);
    let old = room.call_to(QueueId(1), 0);
    room.pass(299);
    let urgent = room.call_to(QueueId(1), 5);
    room.pass(3_000);
    assert_eq!(served(&mut room), [urgent, old]);
}

/// RT-19: the order changes with the settings for those who wait already, and is kept over a restart.
#[test]
fn the_order_changes_for_who_waits() {
    let mut room = room(WaitOrder::Priority);
    let old = room.call_to(QueueId(1), 0);
    room.pass(301);
    let urgent = room.call_to(QueueId(1), 5);
    assert_eq!((room.acd.position(urgent), room.acd.position(old)), (Some(1), Some(2)));
    room.settings.policies.wait_order = WaitOrder::Score;
    let settings = room.settings.clone();
    room.ask(|acd, now| acd.settings(now, settings));
    assert_eq!((room.acd.position(old), room.acd.position(urgent)), (Some(1), Some(2)));
    room.restart(1, &[old, urgent], true);
    room.ask(|acd, now| acd.handle_device(now, AgentId(1), true));
    assert_eq!((room.acd.position(old), room.acd.position(urgent)), (Some(1), Some(2)));
    room.ask(|acd, now| acd.reprioritise(now, urgent, 9, Actor::System)).unwrap();
    assert_eq!(served(&mut room), [urgent, old]);
}
