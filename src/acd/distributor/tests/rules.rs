//! Every rule of the agent's life driven through the machine, row by row: where he stands, what happens, what he is then,
//! and what becomes of the interaction.

use std::collections::BTreeSet;

use super::{Room, room::*};
use crate::{
    acd::*,
    base::{AgentId, CallId, EngagementId, Private, QueueId, UserId},
};

const ANA: AgentId = AgentId(1);
const ME: Actor = Actor::Agent(ANA);
const BOSS: Actor = Actor::Supervisor(UserId(9));

/// Where the agent stands when it happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Is {
    Offline,
    Ready,
    NotReady,
    Offered,
    /// His own call rings.
    DialsOut,
    /// He has accepted a callback; the customer's phone rings.
    DialsBack,
    Busy,
    WrapUp,
    /// He declined, and is left alone for ten minutes.
    Banned,
}

/// How the row's interaction stands afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// There is none, or it has left for good.
    Empty,
    Waits,
    Rings,
}

struct Row {
    rule: Rule,
    at: Is,
    event: fn(&mut Room),
    status: Status,
    line: Line,
}

const fn row(rule: Rule, at: Is, event: fn(&mut Room), status: Status, line: Line) -> Row {
    Row { rule, at, event, status, line }
}

fn room(is: Is) -> Room {
    let mut room = Room::with(1, |settings| {
        settings.policies.inactive_secs = 3_000;
        settings.policies.direct_acw_secs = 0;
        let queue = first_queue(settings);
        (queue.acw_secs, queue.reject_secs, queue.ban_secs) = (30, BanTime::Secs(600), BanTime::Secs(60));
        queue.acw_extend = Extend::by(20, 1);
    });
    room.ask(|acd, now| acd.sign_in(now, ANA, ME)).unwrap();
    match is {
        Is::Offline => room.ask(|acd, now| acd.force_offline(now, ANA, BOSS)).unwrap(),
        Is::Ready => {}
        Is::NotReady => room.select(1, Selection::not_ready("lunch")).unwrap(),
        Is::Offered => {
            room.call();
        }
        Is::DialsOut => {
            room.ask(|acd, now| acd.handle_direct_dialing(now, ANA, CallId(7), DirectKind::Internal)).unwrap()
        }
        Is::DialsBack => {
            let caller = Private::new("+351210000001".into());
            let back = Enqueue::inbound(crate::base::InteractionId(50), QueueId(1), caller);
            room.enqueue(Enqueue { kind: InteractionKind::Callback, ..back }).unwrap();
            let (offer, _, _) = room.the_ring();
            room.answer(offer);
        }
        Is::Busy => {
            room.call();
            room.talk();
        }
        Is::WrapUp => {
            room.call();
            let engagement = room.talk();
            room.end(engagement);
        }
        Is::Banned => {
            let call = room.call();
            let (offer, _, _) = room.the_ring();
            room.fail(offer, OfferFault::Declined);
            room.hang_up(call);
        }
    }
    room
}

fn engagement(room: &Room) -> EngagementId {
    room.agent(1).engagements[0].engagement
}

fn fail(room: &mut Room, fault: OfferFault) {
    let (offer, _, _) = room.the_ring();
    room.fail(offer, fault);
}

fn not_ready(room: &mut Room) {
    room.select(1, Selection::not_ready("break")).unwrap();
}

fn ready(room: &mut Room) {
    room.select(1, Selection::Ready).unwrap();
}

fn change(room: &mut Room, change: impl FnOnce(&mut Settings)) {
    let mut settings = room.settings.clone();
    change(&mut settings);
    room.settings = settings.clone();
    room.ask(|acd, now| acd.settings(now, settings));
}

fn at_once(room: &mut Room) {
    change(room, |settings| settings.policies.not_ready_mode = NotReadyMode::Immediate);
}

fn page(room: &mut Room, open: bool) {
    room.ask(|acd, now| acd.handle_session(now, ANA, open));
}

fn device(room: &mut Room, reachable: bool) {
    room.ask(|acd, now| acd.handle_device(now, ANA, reachable));
}

fn sign_out(room: &mut Room) {
    room.ask(|acd, now| acd.sign_out(now, ANA, ME)).unwrap();
}

fn gone(room: &mut Room) {
    page(room, false);
    device(room, false);
}

fn set(room: &mut Room, selection: Selection) {
    room.ask(|acd, now| acd.set_status(now, ANA, None, selection, Force::default(), BOSS)).unwrap();
}

fn end(room: &mut Room) {
    let engagement = engagement(room);
    room.end(engagement);
}

fn direct_ends(room: &mut Room) {
    room.ask(|acd, now| acd.handle_direct_ended(now, ANA, CallId(7)));
}

fn accept(room: &mut Room) {
    room.talk();
}

fn finish(room: &mut Room, actor: Actor) {
    room.ask(|acd, now| acd.finish_wrap_up(now, ANA, None, actor)).unwrap();
}

fn log_out(room: &mut Room, when: LogoutWhen) {
    room.ask(|acd, now| acd.logout(now, ANA, Some(QueueId(1)), when, BOSS)).unwrap();
}

fn dnd(room: &mut Room, on: bool) {
    room.ask(|acd, now| acd.set_dnd(now, ANA, on, ME)).unwrap();
}

fn dials(room: &mut Room) {
    room.ask(|acd, now| acd.handle_direct_dialing(now, ANA, CallId(7), DirectKind::Internal)).unwrap();
}

fn force_offline(room: &mut Room) {
    room.ask(|acd, now| acd.force_offline(now, ANA, Actor::Admin(UserId(1)))).unwrap();
}

fn dies_before_the_bridge(room: &mut Room) {
    let (offer, _, _) = room.the_ring();
    let engagement = room.answer(offer);
    // He is asked again at once; declining shows that the call is back in its place.
    room.ask(|acd, now| acd.handle_winner_lost(now, engagement));
}

#[rustfmt::skip]
fn rows() -> Vec<Row> {
    use Is::*;
    use Line::*;
    use Status as S;
    let mut rows = coming_and_going();
    rows.extend([
        row(Rule::Ready, NotReady, ready, S::Ready, Empty),
        row(Rule::Ready, Banned, ready, S::Ready, Empty),
        row(Rule::ReadyWhileActive, Offered, ready, S::Ringing, Rings),
        row(Rule::ReadyWhileActive, DialsOut, ready, S::Dialing, Empty),
        row(Rule::ReadyWhileActive, Busy, ready, S::Busy, Empty),
        row(Rule::ReadyInWrapUp, WrapUp, ready, S::Ready, Empty),
        row(Rule::NotReady, Ready, not_ready, S::NotReady, Empty),
        row(Rule::NotReadyWhileOffered, Offered, not_ready, S::NotReady, Waits),
        row(Rule::NotReadyPending, Busy, not_ready, S::Busy, Empty),
        row(Rule::NotReadyPending, DialsOut, not_ready, S::Dialing, Empty),
        row(Rule::NotReadyImmediate, Busy, |it| { at_once(it); not_ready(it); }, S::NotReady, Empty),
        row(Rule::NotReadyImmediate, DialsOut, |it| { at_once(it); not_ready(it); }, S::NotReady, Empty),
        row(Rule::NotReadyInWrapUp, WrapUp, not_ready, S::WrapUp, Empty),
        row(Rule::NotReadyInWrapUp, WrapUp, |it| { at_once(it); not_ready(it); }, S::NotReady, Empty),
        row(Rule::DndOn, Ready, |it| dnd(it, true), S::Dnd, Empty),
        row(Rule::DndOn, Offered, |it| dnd(it, true), S::Dnd, Waits),
        row(Rule::DndOn, Busy, |it| dnd(it, true), S::Busy, Empty),
        row(Rule::DndOff, Ready, |it| { dnd(it, true); it.call(); dnd(it, false); }, S::Ringing, Rings),
    ]);
    rows.extend(offers());
    rows.extend(calls_and_wrap_up());
    rows
}

/// Rules 1 to 4, 34 to 40.
#[rustfmt::skip]
fn coming_and_going() -> Vec<Row> {
    use Is::*;
    use Line::*;
    use Status as S;
    vec![
        row(Rule::SignIn, Offline, |it| it.ask(|acd, now| acd.sign_in(now, ANA, ME)).unwrap(), S::NotReady, Empty),
        row(Rule::SignIn, Offline, |it| { device(it, false); device(it, true); }, S::Ready, Empty),
        row(Rule::SignOut, Ready, sign_out, S::Offline, Empty),
        row(Rule::SignOutPending, Busy, sign_out, S::Busy, Empty),
        row(Rule::SignOutPending, WrapUp, sign_out, S::WrapUp, Empty),
        row(Rule::SessionLost, Ready, |it| { gone(it); it.pass(30); }, S::Offline, Empty),
        row(Rule::LogOutFor, Ready, |it| log_out(it, LogoutWhen::Now), S::Ready, Empty),
        row(Rule::LogOutFor, Offered, |it| log_out(it, LogoutWhen::Now), S::Ready, Waits),
        row(Rule::LogOutFor, Busy, |it| log_out(it, LogoutWhen::Now), S::Busy, Empty),
        row(Rule::Reload, NotReady, |it| change(it, |settings| settings.reasons.clear()), S::NotReady, Empty),
        row(Rule::Reload, Busy, |it| change(it, |settings| drop(settings.agents.remove(&ANA))), S::Busy, Empty),
        row(Rule::Inactive, Ready, |it| it.pass(3_180), S::Offline, Empty),
        row(Rule::ForcedOffline, Ready, force_offline, S::Offline, Empty),
        row(Rule::ForcedOffline, Offered, force_offline, S::Offline, Waits),
        row(Rule::ForcedOffline, Busy, |it| { force_offline(it); end(it); it.pass(30); }, S::Offline, Empty),
        row(Rule::SessionLostWhileOffered, Offered, gone, S::Ready, Waits),
        row(Rule::PageWhileBusy, Busy, |it| { page(it, false); page(it, true); }, S::Busy, Empty),
        row(Rule::PageWhileBusy, Busy, |it| { gone(it); it.pass(60); }, S::Busy, Empty),
        row(Rule::Boot, Ready, |it| it.restart(1, &[], true), S::Ready, Empty),
        row(Rule::Boot, Offered, |it| it.restart(1, &[], true), S::Ready, Empty),
        row(Rule::Boot, Busy, |it| it.restart(1, &[], true), S::Ready, Empty),
        row(Rule::Boot, WrapUp, |it| it.restart(1, &[], true), S::WrapUp, Empty),
        row(Rule::Repair, Busy, repair, S::Ready, Empty),
    ]
}

fn repair(room: &mut Room) {
    room.acd.break_for_test();
    room.ask(|acd, now| acd.repair(now));
}

/// Rules 15 to 21, 31 to 33.
#[rustfmt::skip]
fn offers() -> Vec<Row> {
    use Is::*;
    use Line::*;
    use Status as S;
    vec![
        row(Rule::Offer, Ready, |it| { it.call(); }, S::Ringing, Rings),
        row(Rule::Accept, Offered, accept, S::Busy, Empty),
        row(Rule::Accept, Offered, |it| { let (offer, _, _) = it.the_ring(); it.answer(offer); }, S::Busy, Waits),
        row(Rule::WinnerLost, Offered, dies_before_the_bridge, S::Ringing, Rings),
        row(Rule::NoAnswer, Offered, |it| { it.progress(); it.pass(20); }, S::Banned, Waits),
        row(Rule::Declined, Offered, |it| fail(it, OfferFault::Declined), S::Banned, Waits),
        row(Rule::DeviceBusy, Offered, |it| fail(it, OfferFault::DeviceBusy), S::Ready, Waits),
        row(Rule::Unreachable, Offered, |it| fail(it, OfferFault::Unreachable), S::Ready, Waits),
        row(Rule::Unreachable, Offered, |it| it.pass(3), S::Ready, Waits),
        row(Rule::Unreachable, Offered, |it| { page(it, false); it.pass(3); }, S::Ready, Waits),
        row(Rule::Unreachable, Offline, |it| { device(it, false); device(it, true); it.call(); it.pass(3); }, S::Offline, Waits),
        row(Rule::OfferGone, Offered, |it| it.hang_up(it.the_ring_of(1)), S::Ready, Empty),
        row(Rule::After, Busy, |it| { not_ready(it); end(it); it.pass(30); }, S::NotReady, Empty),
        row(Rule::After, Busy, |it| { sign_out(it); end(it); it.pass(30); }, S::Offline, Empty),
        row(Rule::After, Busy, |it| { gone(it); it.pass(40); end(it); it.pass(30); }, S::Offline, Empty),
        row(Rule::BanOver, Banned, |it| it.pass(600), S::Ready, Empty),
        row(Rule::Override, NotReady, |it| set(it, Selection::Ready), S::Ready, Empty),
        row(Rule::Override, Offered, |it| set(it, Selection::not_ready("break")), S::NotReady, Waits),
        row(Rule::Override, WrapUp, |it| set(it, Selection::Ready), S::Ready, Empty),
    ]
}

/// Rules 22 to 30.
#[rustfmt::skip]
fn calls_and_wrap_up() -> Vec<Row> {
    use Is::*;
    use Line::*;
    use Status as S;
    let rings = |it: &mut Room| it.ask(|acd, now| acd.handle_direct_ringing(now, ANA, CallId(7), DirectKind::Internal)).unwrap();
    vec![
        row(Rule::DialOut, Ready, dials, S::Dialing, Empty),
        row(Rule::DialOut, NotReady, dials, S::Dialing, Empty),
        row(Rule::DialOut, WrapUp, dials, S::Dialing, Empty),
        row(Rule::DialOut, Offered, dials, S::Dialing, Waits),
        row(Rule::DirectRings, Ready, rings, S::Ringing, Empty),
        row(Rule::DialAnswered, DialsOut, |it| it.direct(1, 7), S::Busy, Empty),
        row(Rule::DialFailed, DialsOut, direct_ends, S::Ready, Empty),
        row(Rule::DialFailed, DialsBack, end, S::Ready, Empty),
        row(Rule::InCall, Busy, |it| it.direct(1, 8), S::Busy, Empty),
        row(Rule::OutsideCall, Ready, |it| it.direct(1, 7), S::Busy, Empty),
        row(Rule::OutsideCall, NotReady, |it| it.direct(1, 7), S::Busy, Empty),
        row(Rule::Ended, Busy, end, S::WrapUp, Empty),
        row(Rule::Ended, Ready, |it| { it.direct(1, 7); direct_ends(it); }, S::Ready, Empty),
        row(Rule::WrapUpLimit, WrapUp, |it| it.pass(30), S::Ready, Empty),
        row(Rule::WrapUpFinished, WrapUp, |it| finish(it, ME), S::Ready, Empty),
        row(Rule::WrapUpEndedFor, WrapUp, |it| finish(it, BOSS), S::Ready, Empty),
        row(Rule::WrapUpExtended, WrapUp, |it| { it.pass(29); extend(it); it.pass(20); }, S::WrapUp, Empty),
    ]
}

fn extend(room: &mut Room) {
    room.ask(|acd, now| acd.extend_wrap_up(now, ANA, None, Extension::Step, ME)).unwrap();
}

fn line(room: &Room) -> Line {
    match (room.queue(1).waiting.len(), room.ringing().iter().any(|(_, agent, _)| *agent == ANA)) {
        (0, _) => Line::Empty,
        (_, false) => Line::Waits,
        (_, true) => Line::Rings,
    }
}

/// Each rule 1 to 40 from each kind of state it speaks of: the rule is the one that is told, the status what it says, and
/// no interaction is lost or left ringing. OP-02.
#[test]
fn each_rule_does_what_it_says() {
    let (mut driven, mut wrong) = (BTreeSet::new(), Vec::new());
    for (number, row) in rows().into_iter().enumerate() {
        let Row { rule, at, event, status, line: expected } = row;
        let mut room = room(at);
        room.said.clear();
        let before = if rule == Rule::Boot { 0 } else { room.hits(rule) };
        event(&mut room);
        room.settle();
        let place = format!("row {number}, rule {rule} while {at:?}");
        let found = (room.hits(rule) > before, room.status(1), line(&room));
        if found != (true, status, expected) {
            wrong.push(format!("{place}: {found:?} is not {:?}", (true, status, expected)));
        }
        driven.insert(rule);
    }
    assert!(wrong.is_empty(), "applied, status, line: {wrong:#?}");
    let missing: Vec<_> = Rule::ALL.iter().filter(|rule| !driven.contains(rule)).collect();
    assert!(missing.is_empty(), "no row drives {missing:?}");
}

/// I7: only rules 1, 5, 6, 7, 31 and 33 make anybody Ready.
#[test]
fn only_these_rules_make_ready() {
    for row in rows() {
        let mut room = room(row.at);
        room.said.clear();
        (row.event)(&mut room);
        for event in room.events(1) {
            let becomes = event.old.status == Status::NotReady && event.new.status == Status::Ready;
            let by = event.rule.number();
            assert!(!becomes || ["1", "5", "6", "7", "31", "33", "39"].contains(&by), "{by} in {:?}", row.at);
        }
    }
}
