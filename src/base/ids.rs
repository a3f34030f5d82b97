//! Ids are types: a queue's id can't stand where an agent's is meant.
//!
//! Ids are plain numbers, unique for the life of a centre. Nothing may assume that an id was made on this node.

use std::fmt;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl From<u64> for $name {
            fn from(raw: u64) -> Self {
                Self(raw)
            }
        }
    )*};
}

ids! {
    /// One conversation through the switch, first INVITE to last BYE.
    CallId "call-";
    /// One side of a call: its dialog and its media.
    LegId "leg-";
    /// One RTP stream of the media plane.
    StreamId "stream-";
    /// One running player (clip, tone, hold music) of the media plane.
    PlayId "play-";
    /// What the distributor hands out: a call, a callback, a campaign attempt, a chat.
    InteractionId "ix-";
    /// The distributor asks an agent to take something.
    OfferId "offer-";
    /// A program elsewhere is asked which agent gets an interaction.
    DecisionId "decision-";
    /// One agent's handling of one interaction, accept to end of wrap-up.
    EngagementId "eng-";
    /// A person who answers.
    AgentId "agent-";
    /// A waiting line.
    QueueId "queue-";
    /// A person or thing with credentials.
    UserId "user-";
    /// A ring group.
    GroupId "group-";
    /// A provider line we trade calls with.
    TrunkId "trunk-";
    /// Trunks that carry the same calls.
    TrunkGroupId "trunks-";
    /// What some users may dial.
    DialClassId "class-";
    /// A sentence or a piece of music that can be played.
    ClipId "clip-";
    /// A continuous piece of a recording: one file.
    SegmentId "seg-";
    /// One live connection of a stream transport (TCP, TLS, WS).
    FlowId "flow-";
    /// One live connection of a page.
    PageId "page-";
    /// What a caller hears and presses before somebody answers him.
    MenuId "menu-";
    /// A program elsewhere that may be asked.
    ServiceId "service-";
    /// One question to it.
    AskId "ask-";
}
