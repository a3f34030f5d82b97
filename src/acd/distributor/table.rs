//! The one transition table: what an event does in each state of a channel. Every pair is spelled out, so that a new
//! state or event does not compile before somebody has thought about it.

use super::Rule;

/// Where one channel of an agent stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum At {
    Offline,
    Idle,
    Offered,
    Dialing,
    Busy,
    WrapUp,
}

impl At {
    pub const ALL: [Self; 6] = [Self::Offline, Self::Idle, Self::Offered, Self::Dialing, Self::Busy, Self::WrapUp];
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    /// A page signs in, or a device that brings online registers.
    ComeOnline,
    SignOut,
    ForceOffline,
    /// Page and device stayed away for the grace.
    GraceOver,
    /// The page went; whether a device is left is the second half of rule 37c.
    PageGone,
    SelectReady,
    SelectNotReady,
    OverrideReady,
    OverrideNotReady,
    DndOn,
    DndOff,
    Offer,
    Accept,
    NoAnswer,
    Decline,
    DeviceBusy,
    Unreachable,
    OfferGone,
    WinnerLost,
    DialOut,
    DirectRings,
    /// A call outside the queues is found answered.
    DirectAnswered,
    DirectEnded,
    InteractionEnded,
    WrapUpLimit,
    FinishByAgent,
    FinishBySupervisor,
    Extend,
}

#[cfg(test)]
impl Event {
    pub const ALL: [Self; 28] = [
        Self::ComeOnline,
        Self::SignOut,
        Self::ForceOffline,
        Self::GraceOver,
        Self::PageGone,
        Self::SelectReady,
        Self::SelectNotReady,
        Self::OverrideReady,
        Self::OverrideNotReady,
        Self::DndOn,
        Self::DndOff,
        Self::Offer,
        Self::Accept,
        Self::NoAnswer,
        Self::Decline,
        Self::DeviceBusy,
        Self::Unreachable,
        Self::OfferGone,
        Self::WinnerLost,
        Self::DialOut,
        Self::DirectRings,
        Self::DirectAnswered,
        Self::DirectEnded,
        Self::InteractionEnded,
        Self::WrapUpLimit,
        Self::FinishByAgent,
        Self::FinishBySupervisor,
        Self::Extend,
    ];
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// This rule applies; what it may do beyond the table (guards, policies) stands with the rule.
    Do(Rule),
    /// Asked for by people, and not possible now: the word for it.
    Refuse(&'static str),
    /// A late fact: the world has moved on, nothing happens.
    Late,
    /// Nothing to do: it is so already.
    Same,
}

/// What `event` does to a channel that stands `at`.
pub fn step(at: At, event: Event) -> Step {
    row(event)[at as usize]
}

#[rustfmt::skip]
const fn row(event: Event) -> [Step; At::ALL.len()] {
    use Rule::*;
    use Step::*;
    match event {
        //                          Offline               Idle                  Offered                      Dialing               Busy                  WrapUp
        // Coming and going.
        Event::ComeOnline         => [Do(SignIn),           Same,                 Same,                        Same,                 Same,                 Same],
        Event::SignOut            => [Same,                 Do(SignOut),          Do(SignOutPending),          Do(SignOutPending),   Do(SignOutPending),   Do(SignOutPending)],
        Event::ForceOffline       => [Same,                 Do(ForcedOffline),    Do(ForcedOffline),           Do(ForcedOffline),    Do(ForcedOffline),    Do(ForcedOffline)],
        Event::GraceOver          => [Late,                 Do(SessionLost),      Do(PageWhileBusy),           Do(PageWhileBusy),    Do(PageWhileBusy),    Do(PageWhileBusy)],
        Event::PageGone           => [Same,                 Same,                 Do(SessionLostWhileOffered), Do(PageWhileBusy),    Do(PageWhileBusy),    Do(PageWhileBusy)],
        // What people choose.
        Event::SelectReady        => [Refuse("offline"),    Do(Ready),            Do(ReadyWhileActive),        Do(ReadyWhileActive), Do(ReadyWhileActive), Do(ReadyInWrapUp)],
        Event::SelectNotReady     => [Refuse("offline"),    Do(NotReady),         Do(NotReadyWhileOffered),    Do(NotReadyPending),  Do(NotReadyPending),  Do(NotReadyInWrapUp)],
        Event::OverrideReady      => [Refuse("offline"),    Do(Override),         Do(Override),                Refuse("occupied"),   Refuse("occupied"),   Do(Override)],
        Event::OverrideNotReady   => [Refuse("offline"),    Do(Override),         Do(Override),                Do(Override),         Do(Override),         Do(Override)],
        Event::DndOn              => [Do(DndOn),            Do(DndOn),            Do(DndOn),                   Do(DndOn),            Do(DndOn),            Do(DndOn)],
        Event::DndOff             => [Do(DndOff),           Do(DndOff),           Do(DndOff),                  Do(DndOff),           Do(DndOff),           Do(DndOff)],
        // An offer and its ends.
        Event::Offer              => [Late,                 Do(Offer),            Late,                        Late,                 Late,                 Late],
        Event::Accept             => [Late,                 Late,                 Do(Accept),                  Late,                 Late,                 Late],
        Event::NoAnswer           => [Late,                 Late,                 Do(NoAnswer),                Late,                 Late,                 Late],
        Event::Decline            => [Late,                 Late,                 Do(Declined),                Late,                 Late,                 Late],
        Event::DeviceBusy         => [Late,                 Late,                 Do(DeviceBusy),              Late,                 Late,                 Late],
        Event::Unreachable        => [Late,                 Late,                 Do(Unreachable),             Late,                 Late,                 Late],
        Event::OfferGone          => [Late,                 Late,                 Do(OfferGone),               Late,                 Late,                 Late],
        // Calls that came through no queue.
        Event::DialOut            => [Do(DialOut),          Do(DialOut),          Do(DialOut),                 Do(InCall),           Do(InCall),           Do(DialOut)],
        Event::DirectRings        => [Refuse("offline"),    Do(DirectRings),      Refuse("busy"),              Refuse("busy"),       Refuse("busy"),       Refuse("busy")],
        Event::DirectAnswered     => [Do(OutsideCall),      Do(OutsideCall),      Do(DialAnswered),            Do(DialAnswered),     Do(InCall),           Do(OutsideCall)],
        Event::DirectEnded        => [Do(DialFailed),       Late,                 Do(DialFailed),              Do(DialFailed),       Do(Ended),            Late],
        // Engagements and wrap-up.
        Event::WinnerLost         => [Late,                 Late,                 Late,                        Do(WinnerLost),       Do(WinnerLost),       Late],
        Event::InteractionEnded   => [Do(Ended),            Late,                 Late,                        Do(DialFailed),       Do(Ended),            Late],
        Event::WrapUpLimit        => [Late,                 Late,                 Do(WrapUpLimit),             Do(WrapUpLimit),      Do(WrapUpLimit),      Do(WrapUpLimit)],
        Event::FinishByAgent      => [Refuse("no_wrap_up"), Refuse("no_wrap_up"), Do(WrapUpFinished),          Do(WrapUpFinished),   Do(WrapUpFinished),   Do(WrapUpFinished)],
        Event::FinishBySupervisor => [Refuse("no_wrap_up"), Refuse("no_wrap_up"), Do(WrapUpEndedFor),          Do(WrapUpEndedFor),   Do(WrapUpEndedFor),   Do(WrapUpEndedFor)],
        Event::Extend             => [Refuse("no_wrap_up"), Refuse("no_wrap_up"), Do(WrapUpExtended),          Do(WrapUpExtended),   Do(WrapUpExtended),   Do(WrapUpExtended)],
    }
}
