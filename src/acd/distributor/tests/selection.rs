//! What agents choose: rules 5 to 14, 32, 33.

use super::{Room, room::*};
use crate::{
    acd::*,
    base::{AgentId, UserId},
};

const BOSS: Actor = Actor::Supervisor(UserId(9));

fn not_ready() -> Selection {
    Selection::not_ready("break")
}

fn set(room: &mut Room, agent: u64, selection: Selection) -> Result<(), Refused> {
    room.ask(|acd, now| acd.select(now, AgentId(agent), Channel::Voice, selection, BOSS))
}

/// Rules 5 and 8: chosen, kept with its reason, and a call that waits is offered in the same turn. AS-01, AS-02, AS-19.
#[test]
fn ready_takes_what_waits() {
    let mut room = Room::new(1);
    room.select(1, not_ready()).unwrap();
    assert_eq!((room.status(1), room.view(1).reason), (Status::NotReady, Some("break".into())));
    let call = room.call();
    room.pass(5);
    assert!(room.ringing().is_empty());
    room.select(1, Selection::Ready).unwrap();
    assert_eq!(room.the_ring().2, call);
    let events = room.events(1);
    let back = events.iter().find(|event| event.rule == Rule::Ready).expect("told");
    assert_eq!((back.old.status, back.new.status), (Status::NotReady, Status::Ready));
    assert_eq!((back.actor, back.channel), (Actor::Agent(AgentId(1)), Channel::Voice));
    assert_eq!(back.at.0 - events[0].at.0, 5_000);
}

/// A reason must be one of the administrator's; it may be compulsory. AS-02.
#[test]
fn a_reason_is_known_or_refused() {
    let mut room = Room::new(1);
    assert_eq!(room.select(1, Selection::not_ready("golf")).unwrap_err().status, 404);
    assert!(room.select(1, Selection::NotReady { reason: None }).is_ok());
    let mut room = Room::with(1, |settings| settings.policies.reason_required = true);
    assert_eq!(room.select(1, Selection::NotReady { reason: None }).unwrap_err().code, "reason_required");
}

/// The status clock restarts with the status and with nothing else. AS-15.
#[test]
fn the_status_clock_counts_from_the_change() {
    let mut room = Room::new(1);
    room.select(1, not_ready()).unwrap();
    let since = room.agent(1).since;
    room.pass(70);
    assert_eq!(room.agent(1).since, since);
    room.ask(|acd, now| acd.set_dnd(now, AgentId(1), true, Actor::Agent(AgentId(1)))).unwrap();
    assert_eq!(room.agent(1).since.0 - since.0, 70_000);
    room.restart(10, &[], false);
    assert_eq!(room.agent(1).since.0 - since.0, 70_000, "a restart is no change");
}

/// Rules 11 and 6: pending until the end, cancelled by Ready; no new offer meanwhile. AS-04, AS-13, AS-14.
#[test]
fn not_ready_in_a_call_waits_for_its_end() {
    let mut room = Room::with(1, |settings| first_queue(settings).acw_secs = 5);
    room.call();
    let engagement = room.talk();
    room.select(1, not_ready()).unwrap();
    let pending = Some(Pending::NotReady { reason: Some("break".into()) });
    assert_eq!((room.status(1), room.view(1).pending), (Status::Busy, pending.clone()));
    room.call();
    room.end(engagement);
    assert_eq!((room.status(1), room.view(1).pending), (Status::WrapUp, pending));
    room.pass(5);
    assert_eq!((room.status(1), room.ringing().len()), (Status::NotReady, 0));
    room.select(1, Selection::Ready).unwrap();
    let engagement = room.talk();
    room.select(1, not_ready()).unwrap();
    room.select(1, Selection::Ready).unwrap();
    room.end(engagement);
    room.pass(5);
    assert_eq!(room.status(1), Status::Ready);
    assert_eq!((room.hits(Rule::NotReadyPending), room.hits(Rule::ReadyWhileActive)), (2, 1));
}

/// Rules 10 and 12, immediate mode: the status says Not Ready from the click, the call goes on beside it.
/// AS-13.
#[test]
fn not_ready_at_once_shows_at_once() {
    let mut room = Room::with(1, |settings| {
        settings.policies.not_ready_mode = NotReadyMode::Immediate;
        first_queue(settings).acw_secs = 5;
    });
    room.call();
    let engagement = room.talk();
    room.pass(3);
    room.select(1, not_ready()).unwrap();
    let view = room.view(1);
    assert_eq!((view.status, view.activity), (Status::NotReady, Activity::Busy));
    assert_eq!(room.agent(1).since, room.acd.snapshot(room.now).at);
    room.end(engagement);
    assert_eq!(room.view(1).activity, Activity::WrapUp);
    room.select(1, Selection::not_ready("lunch")).unwrap();
    room.pass(5);
    let view = room.view(1);
    assert_eq!((view.activity, view.reason), (Activity::Idle, Some("lunch".into())));
    assert_eq!((room.hits(Rule::NotReadyImmediate), room.hits(Rule::NotReadyInWrapUp)), (1, 1));
}

/// Rule 12: where the queue says so, Not Ready ends the wrap-up.
#[test]
fn not_ready_may_end_the_wrap_up() {
    let mut room = Room::with(1, |settings| {
        let queue = first_queue(settings);
        (queue.acw_secs, queue.not_ready_ends_acw) = (60, true);
    });
    room.call();
    let engagement = room.talk();
    room.end(engagement);
    room.select(1, not_ready()).unwrap();
    let view = room.view(1);
    assert_eq!((view.status, view.activity), (Status::NotReady, Activity::Idle));
}

/// Rule 9: the offer is withdrawn without penalty, counted by itself, and offered to the next at once.
#[test]
fn not_ready_while_it_rings_passes_it_on() {
    let mut room = Room::new(2);
    room.call();
    room.select(1, not_ready()).unwrap();
    assert_eq!((room.rings_at(), room.agent(1).missed), (vec![2], 0));
    assert_eq!(room.ends(), [(AgentId(1), OfferEnd::CancelledAgentNotReady)]);
    assert_eq!(room.agent(1).today.not_ready, 1);
    assert_eq!(room.withdrawals(), [(AgentId(1), WithdrawCause::AgentNotReady)]);
}

/// Rules 13 and 14: queue offers go, direct calls are refused, and the selection is as before afterwards.
/// AS-08.
#[test]
fn do_not_disturb_lays_over_the_selection() {
    let mut room = Room::new(1);
    let call = room.call();
    let me = Actor::Agent(AgentId(1));
    room.ask(|acd, now| acd.set_dnd(now, AgentId(1), true, me)).unwrap();
    assert_eq!((room.status(1), room.ringing().len()), (Status::Dnd, 0));
    let direct =
        room.ask(|acd, now| acd.handle_direct_ringing(now, AgentId(1), crate::base::CallId(5), DirectKind::Internal));
    assert_eq!(direct.unwrap_err().code, "dnd");
    room.ask(|acd, now| acd.set_dnd(now, AgentId(1), false, me)).unwrap();
    assert_eq!(room.the_ring().2, call);
}

/// Rule 33 by the table of overrides: what a supervisor may set when, told to the agent and on record. AS-04, AS-19.
#[test]
fn a_supervisor_sets_what_he_may() {
    let mut room = Room::with(1, |settings| first_queue(settings).acw_secs = 60);
    set(&mut room, 1, not_ready()).unwrap();
    let event = room.events(1).pop().expect("told");
    assert_eq!((event.actor, event.rule), (BOSS, Rule::Override));
    let [Notice::Override(told)] = &room.notices()[..] else { panic!("{:?}", room.notices()) };
    assert_eq!((told.agent, told.actor, told.reason.clone()), (AgentId(1), BOSS, Some("break".into())));
    set(&mut room, 1, Selection::Ready).unwrap();
    room.call();
    set(&mut room, 1, Selection::Ready).unwrap();
    assert_eq!(room.status(1), Status::Ringing, "no effect on an offer");
    let engagement = room.talk();
    let refused = set(&mut room, 1, Selection::Ready).unwrap_err();
    assert_eq!((refused.status, refused.code), (409, "occupied"));
    set(&mut room, 1, not_ready()).unwrap();
    assert!(room.view(1).pending.is_some());
    room.end(engagement);
    set(&mut room, 1, Selection::Ready).unwrap();
    assert_eq!(room.status(1), Status::Ready, "Ready ends the wrap-up");
    room.ask(|acd, now| acd.force_offline(now, AgentId(1), BOSS)).unwrap();
    assert_eq!(set(&mut room, 1, Selection::Ready).unwrap_err().status, 409);
    assert_eq!(set(&mut room, 9, Selection::Ready).unwrap_err().status, 404);
}

/// Only rules 1, 5, 6, 7, 31 and 33 make anybody Ready (I7): in the events of a busy day no other rule does. AS-19.
#[test]
fn nobody_becomes_ready_by_accident() {
    let mut room = Room::with(3, |settings| {
        let queue = first_queue(settings);
        (queue.acw_secs, queue.missed_max) = (5, 1);
    });
    for round in 0..30 {
        room.call();
        room.progress();
        let Some((offer, _, _)) = room.ringing().first().copied() else {
            for agent in 1..=3 {
                room.ask(|acd, now| acd.handle_device(now, AgentId(agent), true));
                room.select(agent, Selection::Ready).unwrap();
            }
            continue;
        };
        match round % 3 {
            0 => room.pass(25),
            1 => {
                let engagement = room.answer(offer);
                room.connected(engagement);
                room.end(engagement);
                room.pass(6);
            }
            _ => room.fail(offer, OfferFault::Declined),
        }
    }
    let ready_by = |event: &AgentEvent| {
        let was = event.old.status == Status::NotReady && event.old.activity == Activity::Idle;
        was && event.new.status == Status::Ready
    };
    let allowed = [Rule::SignIn, Rule::Ready, Rule::ReadyWhileActive, Rule::ReadyInWrapUp, Rule::After, Rule::Override];
    for event in (1..=3).flat_map(|agent| room.events(agent)).filter(ready_by) {
        assert!(allowed.contains(&event.rule), "{event:?}");
    }
    let missed = |event: &AgentEvent| event.new.reason == Some(Reason::missed());
    assert!((1..=3).any(|agent| room.events(agent).iter().any(missed)), "somebody missed too much");
}
