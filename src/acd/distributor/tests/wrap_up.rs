//! Engagements and what follows: rules 22 to 31, 37.

use super::{Room, room::*};
use crate::{
    acd::*,
    base::{AgentId, CallId, InteractionId, Private, QueueId, UserId},
};

const BOSS: Actor = Actor::Supervisor(UserId(9));
const ME: Actor = Actor::Agent(AgentId(1));

/// One agent in wrap-up after ten seconds of talk.
fn wrapping(change: impl FnOnce(&mut QueueSettings)) -> Room {
    let mut room = Room::with(1, |settings| {
        first_queue(settings).acw_secs = 30;
        change(first_queue(settings));
    });
    room.call();
    let engagement = room.talk();
    room.pass(10);
    room.end(engagement);
    assert_eq!(room.status(1), Status::WrapUp);
    room
}

fn finish(room: &mut Room, actor: Actor) -> Result<(), Refused> {
    room.ask(|acd, now| acd.finish_wrap_up(now, AgentId(1), None, actor))
}

fn extend(room: &mut Room, by: Extension) -> Result<(), Refused> {
    room.ask(|acd, now| acd.extend_wrap_up(now, AgentId(1), None, by, ME))
}

/// Rules 26 and 27: seen by everybody with its end, exact to the millisecond, never early. AW-02, AW-05, AW-11.
#[test]
fn wrap_up_is_seen_and_ends_at_its_limit() {
    let mut room = wrapping(|_| {});
    let agent = room.agent(1);
    assert_eq!(agent.until.map(|until| until.0 - agent.since.0), Some(30_000));
    room.call();
    room.pass_ms(29_999);
    assert_eq!(room.status(1), Status::WrapUp);
    room.pass_ms(1);
    assert_eq!(room.rings_at(), [1], "what waited is offered in the same turn");
    assert_eq!((room.agent(1).today.wrap_up_ms, room.hits(Rule::WrapUpLimit)), (30_000, 1));
}

/// Without the limit the length is only a target. AW-05.
#[test]
fn without_a_limit_the_length_is_a_target() {
    let mut room = wrapping(|queue| queue.after_service_limit = false);
    room.pass(500);
    let agent = room.agent(1);
    assert_eq!((agent.status, agent.until), (Status::WrapUp, None));
    let target = agent.engagements[0].wrap_up_target.expect("a target");
    assert_eq!(target.0 - agent.since.0, 30_000);
    finish(&mut room, ME).unwrap();
    assert_eq!(room.status(1), Status::Ready);
}

/// Rules 28, 7 and 29: finished by the agent or by Ready; by a supervisor only where the administrator allows it.
/// AW-03, AW-04, SV-06.
#[test]
fn wrap_up_can_be_finished_early() {
    let mut room = wrapping(|_| {});
    finish(&mut room, ME).unwrap();
    assert_eq!((room.status(1), room.hits(Rule::WrapUpFinished)), (Status::Ready, 1));
    let refused = finish(&mut room, ME).unwrap_err();
    assert_eq!(refused.status, 409);
    assert!(refused.detail.ends_with(" is in no wrap-up") && !refused.detail.contains("agent-"), "{}", refused.detail);
    let mut room = wrapping(|_| {});
    room.select(1, Selection::Ready).unwrap();
    assert_eq!((room.status(1), room.hits(Rule::ReadyInWrapUp) > 0), (Status::Ready, true));
    let mut room = wrapping(|_| {});
    finish(&mut room, BOSS).unwrap();
    assert_eq!((room.status(1), room.hits(Rule::WrapUpEndedFor)), (Status::Ready, 1));
    let mut settings = room.settings.clone();
    settings.policies.acw_early_end_supervisor = false;
    room.ask(|acd, now| acd.settings(now, settings));
    room.call();
    let engagement = room.talk();
    room.end(engagement);
    assert_eq!(finish(&mut room, BOSS).unwrap_err().status, 403);
    let mut room = wrapping(|queue| queue.acw_early_end_agent = false);
    assert_eq!(finish(&mut room, ME).unwrap_err().status, 409);
    assert_eq!(room.select(1, Selection::Ready).unwrap_err().status, 409);
}

/// Rule 30: by steps so often, or without end where that is allowed. AW-06.
#[test]
fn wrap_up_can_be_extended() {
    let mut room = wrapping(|queue| queue.acw_extend = Extend::by(20, 2));
    extend(&mut room, Extension::Step).unwrap();
    extend(&mut room, Extension::Step).unwrap();
    assert_eq!(extend(&mut room, Extension::Step).unwrap_err().status, 409);
    assert_eq!(extend(&mut room, Extension::Indefinite).unwrap_err().status, 403);
    room.pass(69);
    assert_eq!(room.status(1), Status::WrapUp);
    room.pass(1);
    assert_eq!(room.status(1), Status::Ready);
    let ended = room.said.iter().find_map(|output| {
        let Output::EngagementEnded(summary) = output else { return None };
        Some((**summary).clone())
    });
    let ended = ended.expect("a summary");
    assert_eq!((ended.extended, ended.wrap_up_ms, ended.talk_ms), (2, 70_000, 10_000));
    let mut room = wrapping(|queue| queue.acw_extend = Extend::INDEFINITE);
    extend(&mut room, Extension::Indefinite).unwrap();
    room.pass(9_999);
    assert_eq!(room.status(1), Status::WrapUp);
    let mut room = wrapping(|_| {});
    assert_eq!(extend(&mut room, Extension::Step).unwrap_err().status, 403);
}

/// Rule 31: Ready, Not Ready with a reason, as before, or the agent's choice; never over his own choice meanwhile.
/// AW-07.
#[test]
fn the_next_status_is_the_queues() {
    for (next, status, reason) in [
        (NextStatus::Ready, Status::Ready, None),
        (NextStatus::Previous, Status::Ready, None),
        (NextStatus::NotReady("lunch".into()), Status::NotReady, Some("lunch".into())),
        (NextStatus::Manual, Status::NotReady, Some(Reason::manual())),
    ] {
        let mut room = wrapping(|queue| queue.next_status = next);
        room.pass(30);
        assert_eq!((room.status(1), room.view(1).reason), (status, reason));
    }
    let mut room = wrapping(|queue| queue.next_status = NextStatus::Manual);
    room.select(1, Selection::Ready).unwrap();
    assert_eq!(room.status(1), Status::Ready, "he chose himself");
}

/// The wrap-up of the call's own queue, whatever else the agent serves. AW-11, P13.
#[test]
fn each_queue_has_its_own_wrap_up() {
    let mut settings = centre(1, 6);
    for (queue, secs) in settings.queues.values_mut().zip([10, 20, 30, 40, 50, 60]) {
        queue.acw_secs = secs;
    }
    let mut room = Room::closed(settings.clone());
    room.acd.settings(room.now, settings);
    room.ask(|acd, now| acd.handle_device(now, AgentId(1), true));
    for queue in [6, 1, 3] {
        room.call_to(QueueId(queue), 0);
        let engagement = room.talk();
        room.end(engagement);
        room.pass_ms(queue * 10_000 - 1);
        assert_eq!(room.status(1), Status::WrapUp, "{queue}");
        room.pass_ms(1);
        assert_eq!(room.status(1), Status::Ready, "{queue}");
    }
}

/// Each agent's wrap-up ends by itself, whoever else still wraps up. P11.
#[test]
fn wrap_ups_do_not_wait_for_each_other() {
    let mut room = Room::with(2, |settings| first_queue(settings).acw_secs = 30);
    room.call();
    let first = room.talk();
    room.call();
    let second = room.talk();
    room.end(first);
    room.pass(20);
    room.end(second);
    room.pass(10);
    assert_eq!((room.status(1), room.status(2)), (Status::Ready, Status::WrapUp));
}

/// An agent's own shorter wrap-up; the queue's is the cap. AW-01.
#[test]
fn an_agent_may_have_a_shorter_wrap_up() {
    for (own, expected) in [(10, 10), (90, 30)] {
        let mut room = Room::with(1, |settings| {
            first_queue(settings).acw_secs = 30;
            settings.agents.values_mut().for_each(|agent| agent.acw_secs = Some(own));
        });
        room.call();
        let engagement = room.talk();
        room.end(engagement);
        let agent = room.agent(1);
        assert_eq!(agent.until.map(|until| until.0 - agent.since.0), Some(expected * 1000));
    }
}

/// Kinds that the queue leaves out have none; unanswered offers neither. AW-10 in part, AW-12.
#[test]
fn wrap_up_is_for_talk_of_the_right_kind() {
    let mut room = Room::with(1, |settings| {
        let queue = first_queue(settings);
        (queue.acw_secs, queue.missed_max) = (30, 0);
        queue.acw_types.remove(&InteractionKind::Inbound);
    });
    room.call();
    room.progress();
    room.pass(20);
    assert_ne!(room.status(1), Status::WrapUp);
    let engagement = room.talk();
    room.end(engagement);
    assert_eq!(room.status(1), Status::Ready);
}

/// Rules 22, 23, 24: dialling out holds the voice, withdraws an offer without blame, and frees the agent when it
/// comes to nothing. AS-09.
#[test]
fn dialling_out_takes_the_voice() {
    let mut room = Room::new(2);
    room.call();
    let dial = |room: &mut Room, call| {
        room.ask(|acd, now| acd.handle_direct_dialing(now, AgentId(1), CallId(call), DirectKind::Internal))
    };
    dial(&mut room, 7).unwrap();
    assert_eq!((room.status(1), room.rings_at()), (Status::Dialing, vec![2]));
    assert_eq!(room.ends(), [(AgentId(1), OfferEnd::CancelledAgentNotReady)]);
    room.ask(|acd, now| acd.handle_direct_ended(now, AgentId(1), CallId(7)));
    assert_eq!((room.status(1), room.hits(Rule::DialFailed)), (Status::Ready, 1));
    room.select(1, Selection::not_ready("break")).unwrap();
    dial(&mut room, 8).unwrap();
    room.direct(1, 8);
    assert_eq!((room.status(1), room.hits(Rule::DialAnswered)), (Status::Busy, 1));
    dial(&mut room, 9).unwrap();
    assert_eq!(room.hits(Rule::InCall), 1, "a consultation");
    room.ask(|acd, now| acd.handle_direct_ended(now, AgentId(1), CallId(9)));
    room.ask(|acd, now| acd.handle_direct_ended(now, AgentId(1), CallId(8)));
    assert_eq!(room.status(1), Status::NotReady);
    room.ask(|acd, now| acd.force_offline(now, AgentId(1), BOSS)).unwrap();
    assert_eq!(dial(&mut room, 10).unwrap_err().status, 403);
}

/// Rules 22b and 37: a call past the queues makes busy; no queue offer meanwhile, the phone says busy to a second one.
#[test]
fn a_direct_call_makes_busy() {
    let mut room = Room::new(1);
    room.ask(|acd, now| acd.handle_direct_ringing(now, AgentId(1), CallId(7), DirectKind::Internal)).unwrap();
    assert_eq!(room.status(1), Status::Ringing);
    room.call();
    assert!(room.ringing().is_empty());
    let second = room.ask(|acd, now| acd.handle_direct_ringing(now, AgentId(1), CallId(8), DirectKind::Internal));
    assert_eq!(second.unwrap_err().code, "busy");
    room.direct(1, 7);
    assert_eq!(room.status(1), Status::Busy);
    room.ask(|acd, now| acd.handle_direct_ended(now, AgentId(1), CallId(7)));
    assert_eq!(room.rings_at(), [1]);
    room.direct(1, 9);
    assert_eq!((room.status(1), room.hits(Rule::DialAnswered)), (Status::Busy, 2));
    room.ask(|acd, now| acd.handle_direct_ended(now, AgentId(1), CallId(9)));
    let engagement = room.talk();
    room.end(engagement);
    room.direct(1, 10);
    assert_eq!(room.hits(Rule::OutsideCall), 1);
}

/// Rule 22: in wrap-up he may dial; the wrap-up runs on beside the call.
#[test]
fn wrap_up_goes_on_beside_a_call() {
    let mut room = wrapping(|_| {});
    room.ask(|acd, now| acd.handle_direct_dialing(now, AgentId(1), CallId(7), DirectKind::Internal)).unwrap();
    room.direct(1, 7);
    room.pass(31);
    assert_eq!(room.status(1), Status::Busy);
    assert!(room.agent(1).engagements.is_empty(), "it ended meanwhile");
    room.ask(|acd, now| acd.handle_direct_ended(now, AgentId(1), CallId(7)));
    assert_eq!(room.status(1), Status::Ready);
}

/// Calls past the queues are of four kinds, each with a wrap-up or without. AW-10.
#[test]
fn each_kind_of_direct_call_may_have_a_wrap_up() {
    for has in DirectKind::ALL {
        let mut room = Room::with(1, |settings| {
            (settings.policies.direct_acw_secs, settings.policies.direct_acw_types) = (15, [has].into());
        });
        let ana = AgentId(1);
        let ends = |room: &mut Room, call| room.ask(|acd, now| acd.handle_direct_ended(now, ana, CallId(call)));
        for (kind, number) in [DirectKind::Outbound, DirectKind::Inbound, DirectKind::Internal].into_iter().zip(7..) {
            let call = CallId(number);
            room.ask(|acd, now| match kind {
                DirectKind::Inbound => acd.handle_direct_ringing(now, ana, call, kind),
                DirectKind::Outbound | DirectKind::Internal | DirectKind::Consult => {
                    acd.handle_direct_dialing(now, ana, call, kind)
                }
            })
            .unwrap();
            room.ask(|acd, now| acd.handle_direct_busy(now, ana, call, kind));
            ends(&mut room, number);
            assert_eq!(room.status(1) == Status::WrapUp, kind == has, "{kind:?}, {has:?} has one");
            room.pass(15);
        }
        room.call();
        let engagement = room.talk();
        room.ask(|acd, now| acd.handle_direct_dialing(now, ana, CallId(10), DirectKind::Internal)).unwrap();
        room.ask(|acd, now| acd.handle_direct_busy(now, ana, CallId(10), DirectKind::Internal));
        ends(&mut room, 10);
        room.end(engagement);
        assert_eq!(room.status(1) == Status::WrapUp, has == DirectKind::Consult, "{has:?} has one");
    }
}

/// Rule 37: after a call that he had while he was offline there is no wrap-up: nothing would end it, and he would come back into it.
/// AW-10, AW-12.
#[test]
fn nobody_wraps_up_offline() {
    let mut room = Room::with(1, |settings| settings.policies.direct_acw_secs = 15);
    let ana = AgentId(1);
    room.ask(|acd, now| acd.force_offline(now, ana, BOSS)).unwrap();
    room.direct(1, 7);
    room.ask(|acd, now| acd.handle_direct_ended(now, ana, CallId(7)));
    assert_eq!(room.agent(1).engagements, []);
    room.pass(60);
    room.ask(|acd, now| acd.sign_in(now, ana, Actor::Agent(ana))).unwrap();
    room.select(1, Selection::Ready).unwrap();
    assert_eq!(room.status(1), Status::Ready);
}

/// Rules 24 and 26: calls past the queues have a wrap-up only where that is set.
#[test]
fn direct_calls_may_have_a_wrap_up() {
    let mut room = Room::with(1, |settings| settings.policies.direct_acw_secs = 15);
    room.direct(1, 7);
    room.ask(|acd, now| acd.handle_direct_ended(now, AgentId(1), CallId(7)));
    assert_eq!(room.status(1), Status::WrapUp);
    room.pass(15);
    assert_eq!(room.status(1), Status::Ready);
}

/// Rules 16, 23 and 24: an agent-first interaction is Dialing until its customer answers. AS-09.
#[test]
fn an_agent_first_interaction_dials() {
    let mut room = Room::new(1);
    let callback = |id| Enqueue {
        kind: InteractionKind::Callback,
        ..Enqueue::inbound(InteractionId(id), QueueId(1), Private::default())
    };
    room.enqueue(callback(1)).unwrap();
    let (offer, _, _) = room.the_ring();
    let engagement = room.answer(offer);
    assert_eq!(room.status(1), Status::Dialing);
    room.connected(engagement);
    assert_eq!(room.status(1), Status::Busy);
    room.end(engagement);
    room.enqueue(callback(2)).unwrap();
    let (offer, _, _) = room.the_ring();
    let engagement = room.answer(offer);
    room.end(engagement);
    assert_eq!((room.status(1), room.hits(Rule::DialFailed)), (Status::Ready, 1));
}
