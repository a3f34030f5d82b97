//! The numbered rules of an agent's life, so that a change says by which of them it came about.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident $number:literal,)*) => {
        /// A rule of the agent's state machine. Its number stands in events and in tests.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Rule {
            $($(#[$doc])* #[serde(rename = $number)] $name,)*
        }

        impl Rule {
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            pub const fn number(self) -> &'static str {
                match self {
                    $(Self::$name => $number,)*
                }
            }
        }
    };
}

rules! {
    /// Offline: sign-in at a page, or a device that brings online.
    SignIn "1",
    /// Sign-out while idle.
    SignOut "2",
    /// Sign-out while active: when it is over.
    SignOutPending "3",
    /// A lost session stayed away for its grace.
    SessionLost "4",
    /// Ready chosen.
    Ready "5",
    /// Ready chosen in the middle of something: cancels what was pending.
    ReadyWhileActive "6",
    /// Ready chosen in wrap-up: finishes it.
    ReadyInWrapUp "7",
    /// Not Ready chosen while idle.
    NotReady "8",
    /// Not Ready chosen while it rings: the offer is withdrawn.
    NotReadyWhileOffered "9",
    /// Not Ready chosen in an engagement, at once.
    NotReadyImmediate "10",
    /// Not Ready chosen in an engagement, for its end.
    NotReadyPending "11",
    /// Not Ready chosen in wrap-up.
    NotReadyInWrapUp "12",
    /// Do not disturb.
    DndOn "13",
    /// No longer.
    DndOff "14",
    /// An offer is made.
    Offer "15",
    /// An offer is accepted.
    Accept "16",
    /// The winner's leg died before the bridge.
    WinnerLost "16b",
    /// Not answered.
    NoAnswer "17",
    /// Declined.
    Declined "18",
    /// The device was busy.
    DeviceBusy "19",
    /// The device could not be reached.
    Unreachable "20",
    /// The offer lost its reason: customer gone, another was first, withdrawn.
    OfferGone "21",
    /// The agent dials out.
    DialOut "22",
    /// A call that came through no queue rings him.
    DirectRings "22b",
    /// The called side answered, or the agent answered a direct call.
    DialAnswered "23",
    /// His own call came to nothing.
    DialFailed "24",
    /// Hold, consult, a second call beside the first.
    InCall "25",
    /// An engagement's talk is over.
    Ended "26",
    /// The wrap-up reached its limit.
    WrapUpLimit "27",
    /// The agent finished his wrap-up.
    WrapUpFinished "28",
    /// A supervisor finished it.
    WrapUpEndedFor "29",
    /// The wrap-up is longer now.
    WrapUpExtended "30",
    /// What comes after an interaction: the pending, the lost session, the queue's next status.
    After "31",
    /// A ban is over.
    BanOver "32",
    /// A supervisor sets the status.
    Override "33",
    /// A supervisor logs out of a queue.
    LogOutFor "34",
    /// The settings changed underneath.
    Reload "35",
    /// Nobody answered the page's question whether he is there; or a status lasted too long.
    Inactive "36",
    /// Busy with a call that came through no queue.
    OutsideCall "37",
    /// An administrator forces offline.
    ForcedOffline "37b",
    /// The session went while it rang, and no device is left.
    SessionLostWhileOffered "37c",
    /// The page went or came while busy: nothing changes.
    PageWhileBusy "38",
    /// Rebuilt after a restart.
    Boot "39",
    /// An invariant was mended.
    Repair "40",
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.number())
    }
}
