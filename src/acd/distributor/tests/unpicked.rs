//! Accepted at the page, and the phone is not picked up yet.

use super::{Room, room::*};
use crate::{
    acd::*,
    base::{AgentId, EngagementId, InteractionId, QueueId, UserId},
};

const BOSS: Actor = Actor::Supervisor(UserId(9));

/// The one who rings accepts at his page.
fn accepts(room: &mut Room) -> (u64, EngagementId) {
    let (offer, agent, _) = room.the_ring();
    let engagement = room.ask(|acd, now| acd.accept(now, offer, Actor::Agent(agent))).unwrap();
    assert_eq!(room.status(agent.0), Status::Busy);
    (agent.0, engagement)
}

fn goes(room: &mut Room, agent: u64, device: Option<&DeviceChoice>) {
    let agent = AgentId(agent);
    match device {
        Some(device) => room.ask(|acd, now| acd.handle_pinned(now, agent, device, false)),
        None => room.ask(|acd, now| acd.handle_device(now, agent, false)),
    }
}

/// Rules 16b and 37c: his only phone is gone before it is picked up, or the one that rings: the caller has his place back
/// and is offered to the next in the same moment, and nothing is counted as answered. P5.
#[test]
fn the_phone_goes() {
    for pinned in [false, true] {
        let device = pinned.then_some(DeviceChoice::Phone);
        let mut room = Room::with(2, |settings| {
            for member in &mut first_queue(settings).members {
                member.device = device.clone().unwrap_or_default();
            }
        });
        for agent in [1, 2] {
            room.ask(|acd, now| acd.handle_pinned(now, AgentId(agent), &DeviceChoice::Phone, true));
        }
        let call = room.call();
        let (first, _) = accepts(&mut room);
        let second = 3 - first;
        goes(&mut room, second, Some(&DeviceChoice::Web));
        assert!(room.ringing().is_empty(), "another device of another");
        goes(&mut room, first, device.as_ref());
        assert_eq!((room.the_ring_of(second), room.agent(first).activity), (call, Activity::Idle));
        assert_eq!(room.withdrawals(), [(AgentId(first), WithdrawCause::Unreachable)]);
        assert_eq!((room.agent(first).today.answered, room.agent(first).missed), (0, 0));
        room.talk();
        assert_eq!((room.agent(second).today.answered, room.queue(1).today.answered), (1, 1));
    }
}

/// Rule 38: he has picked it up: what becomes of its registration is no matter.
#[test]
fn a_phone_that_was_picked_up_may_go() {
    let mut room = Room::new(2);
    room.call();
    let (first, engagement) = accepts(&mut room);
    room.ask(|acd, _| acd.handle_picked_up(engagement));
    goes(&mut room, first, None);
    assert!(room.ringing().is_empty());
    room.connected(engagement);
    assert_eq!(room.status(first), Status::Busy);
}

/// SEMANTICS 2.4: a supervisor moves or takes away whom nobody has picked up for, and his phone stops ringing; once it is
/// picked up, he is too late.
#[test]
fn a_supervisor_takes_the_caller_elsewhere() {
    let away = |acd: &mut Acd, now, call: InteractionId, moves: bool| match moves {
        true => acd.move_to(now, call, QueueId(2), BOSS),
        false => acd.withdraw(now, call, BOSS),
    };
    for (moves, outcome) in [(true, Outcome::TransferredInWait), (false, Outcome::Withdrawn(BOSS))] {
        let mut settings = centre(1, 2);
        settings.queues.get_mut(&QueueId(2)).unwrap().members.clear();
        let mut room = Room::with(1, |it| *it = settings);
        let call = room.call();
        let (agent, _) = accepts(&mut room);
        room.ask(|acd, now| away(acd, now, call, moves)).unwrap();
        assert_eq!(room.outcomes(), [(call, outcome)]);
        assert_eq!(room.withdrawals(), [(AgentId(agent), WithdrawCause::Withdrawn)]);
        assert_eq!((room.status(agent), room.agent(agent).today.answered), (Status::Ready, 0));

        let call = room.call();
        let (_, engagement) = accepts(&mut room);
        room.ask(|acd, _| acd.handle_picked_up(engagement));
        assert_eq!(room.ask(|acd, now| away(acd, now, call, moves)).map_err(|it| it.code), Err("connecting"));
    }
}

/// RP-04, RP-06: what agents have answered is what their queues have: an accept whose phone nobody picked up is none.
#[test]
fn rp_06_answered_is_what_was_bridged() {
    let mut room = Room::new(1);
    let call = room.call();
    let (agent, engagement) = accepts(&mut room);
    room.ask(|acd, now| acd.handle_winner_lost(now, engagement));
    let answered = |room: &Room| (room.agent(agent).today.answered, room.queue(1).today.answered);
    assert_eq!(answered(&room), (0, 0));
    let (_, engagement) = accepts(&mut room);
    assert_eq!(answered(&room), (0, 0));
    room.connected(engagement);
    assert_eq!(answered(&room), (1, 1));
    room.restart(1, &[call], false);
    assert_eq!(answered(&room), (1, 1), "out of the journal");
}
