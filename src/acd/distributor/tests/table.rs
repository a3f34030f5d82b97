//! The transition table row by row (§ numbers are those of the rules), then each rule driven through the machine.

use super::super::table::{At, At::*, Event, Step, step};
use crate::acd::Rule;

const ROWS: &[(Event, &[At], Step)] = &[
    (Event::ComeOnline, &[Offline], Step::Do(Rule::SignIn)),
    (Event::ComeOnline, &[Idle, Offered, Dialing, Busy, WrapUp], Step::Same),
    (Event::SignOut, &[Idle], Step::Do(Rule::SignOut)),
    (Event::SignOut, &[Offered, Dialing, Busy, WrapUp], Step::Do(Rule::SignOutPending)),
    (Event::SignOut, &[Offline], Step::Same),
    (Event::ForceOffline, &[Idle, Offered, Dialing, Busy, WrapUp], Step::Do(Rule::ForcedOffline)),
    (Event::ForceOffline, &[Offline], Step::Same),
    (Event::GraceOver, &[Idle], Step::Do(Rule::SessionLost)),
    (Event::GraceOver, &[Offered, Dialing, Busy, WrapUp], Step::Do(Rule::PageWhileBusy)),
    (Event::GraceOver, &[Offline], Step::Late),
    (Event::PageGone, &[Offered], Step::Do(Rule::SessionLostWhileOffered)),
    (Event::PageGone, &[Dialing, Busy, WrapUp], Step::Do(Rule::PageWhileBusy)),
    (Event::PageGone, &[Offline, Idle], Step::Same),
    (Event::SelectReady, &[Idle], Step::Do(Rule::Ready)),
    (Event::SelectReady, &[Offered, Dialing, Busy], Step::Do(Rule::ReadyWhileActive)),
    (Event::SelectReady, &[WrapUp], Step::Do(Rule::ReadyInWrapUp)),
    (Event::SelectReady, &[Offline], Step::Refuse("offline")),
    (Event::SelectNotReady, &[Idle], Step::Do(Rule::NotReady)),
    (Event::SelectNotReady, &[Offered], Step::Do(Rule::NotReadyWhileOffered)),
    (Event::SelectNotReady, &[Dialing, Busy], Step::Do(Rule::NotReadyPending)),
    (Event::SelectNotReady, &[WrapUp], Step::Do(Rule::NotReadyInWrapUp)),
    (Event::SelectNotReady, &[Offline], Step::Refuse("offline")),
    (Event::OverrideReady, &[Idle, Offered, WrapUp], Step::Do(Rule::Override)),
    (Event::OverrideReady, &[Dialing, Busy], Step::Refuse("occupied")),
    (Event::OverrideReady, &[Offline], Step::Refuse("offline")),
    (Event::OverrideNotReady, &[Idle, Offered, Dialing, Busy, WrapUp], Step::Do(Rule::Override)),
    (Event::OverrideNotReady, &[Offline], Step::Refuse("offline")),
    (Event::DndOn, &At::ALL, Step::Do(Rule::DndOn)),
    (Event::DndOff, &At::ALL, Step::Do(Rule::DndOff)),
    (Event::Offer, &[Idle], Step::Do(Rule::Offer)),
    (Event::Offer, &[Offline, Offered, Dialing, Busy, WrapUp], Step::Late),
    (Event::Accept, &[Offered], Step::Do(Rule::Accept)),
    (Event::Accept, &[Offline, Idle, Dialing, Busy, WrapUp], Step::Late),
    (Event::NoAnswer, &[Offered], Step::Do(Rule::NoAnswer)),
    (Event::NoAnswer, &[Offline, Idle, Dialing, Busy, WrapUp], Step::Late),
    (Event::Decline, &[Offered], Step::Do(Rule::Declined)),
    (Event::Decline, &[Offline, Idle, Dialing, Busy, WrapUp], Step::Late),
    (Event::DeviceBusy, &[Offered], Step::Do(Rule::DeviceBusy)),
    (Event::DeviceBusy, &[Offline, Idle, Dialing, Busy, WrapUp], Step::Late),
    (Event::Unreachable, &[Offered], Step::Do(Rule::Unreachable)),
    (Event::Unreachable, &[Offline, Idle, Dialing, Busy, WrapUp], Step::Late),
    (Event::OfferGone, &[Offered], Step::Do(Rule::OfferGone)),
    (Event::OfferGone, &[Offline, Idle, Dialing, Busy, WrapUp], Step::Late),
    (Event::WinnerLost, &[Dialing, Busy], Step::Do(Rule::WinnerLost)),
    (Event::WinnerLost, &[Offline, Idle, Offered, WrapUp], Step::Late),
    (Event::DialOut, &[Offline, Idle, Offered, WrapUp], Step::Do(Rule::DialOut)),
    (Event::DialOut, &[Dialing, Busy], Step::Do(Rule::InCall)),
    (Event::DirectRings, &[Idle], Step::Do(Rule::DirectRings)),
    (Event::DirectRings, &[Offered, Dialing, Busy, WrapUp], Step::Refuse("busy")),
    (Event::DirectRings, &[Offline], Step::Refuse("offline")),
    (Event::DirectAnswered, &[Offered, Dialing], Step::Do(Rule::DialAnswered)),
    (Event::DirectAnswered, &[Offline, Idle, WrapUp], Step::Do(Rule::OutsideCall)),
    (Event::DirectAnswered, &[Busy], Step::Do(Rule::InCall)),
    (Event::DirectEnded, &[Offline, Offered, Dialing], Step::Do(Rule::DialFailed)),
    (Event::DirectEnded, &[Busy], Step::Do(Rule::Ended)),
    (Event::DirectEnded, &[Idle, WrapUp], Step::Late),
    (Event::InteractionEnded, &[Offline, Busy], Step::Do(Rule::Ended)),
    (Event::InteractionEnded, &[Dialing], Step::Do(Rule::DialFailed)),
    (Event::InteractionEnded, &[Idle, Offered, WrapUp], Step::Late),
    (Event::WrapUpLimit, &[Offered, Dialing, Busy, WrapUp], Step::Do(Rule::WrapUpLimit)),
    (Event::WrapUpLimit, &[Offline, Idle], Step::Late),
    (Event::FinishByAgent, &[Offered, Dialing, Busy, WrapUp], Step::Do(Rule::WrapUpFinished)),
    (Event::FinishByAgent, &[Offline, Idle], Step::Refuse("no_wrap_up")),
    (Event::FinishBySupervisor, &[Offered, Dialing, Busy, WrapUp], Step::Do(Rule::WrapUpEndedFor)),
    (Event::FinishBySupervisor, &[Offline, Idle], Step::Refuse("no_wrap_up")),
    (Event::Extend, &[Offered, Dialing, Busy, WrapUp], Step::Do(Rule::WrapUpExtended)),
    (Event::Extend, &[Offline, Idle], Step::Refuse("no_wrap_up")),
];

/// Rules 1 to 38: in which states an event does what. A changed cell of the table must be a changed line here.
/// OP-02.
#[test]
fn each_event_does_in_each_state_what_its_rule_says() {
    let mut seen = std::collections::BTreeSet::new();
    for (event, states, expected) in ROWS {
        for at in *states {
            assert_eq!(step(*at, *event), *expected, "{event:?} at {at:?}");
            assert!(seen.insert((*event, *at)), "{event:?} at {at:?} twice");
        }
    }
    assert_eq!(seen.len(), Event::ALL.len() * At::ALL.len(), "a pair is missing here");
}
