//! The state as others see it: cheap copies.

use serde::Serialize;

use super::{Direction, RecordingView, TrunkView};
use crate::{
    acd,
    base::{AgentId, CallId, InteractionId, LegId, Private, QueueId, TrunkId, UserId, Wall},
    switch::{Guest, LegParty, LegSide},
};

/// Everything a page shows, as of one moment.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Snapshot {
    /// The number of the last live event that it contains.
    pub sequence: u64,
    pub at: Wall,
    pub acd: acd::Snapshot,
    pub calls: Vec<CallView>,
    /// Only when asked for by `Request::SnapshotWithDevices`.
    pub devices: Vec<DeviceView>,
    pub trunks: Vec<TrunkView>,
    pub counts: Counts,
}

/// One live call.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct CallView {
    pub call: CallId,
    pub direction: Direction,
    pub trunk: Option<TrunkId>,
    pub caller: Private<String>,
    pub dialled: Private<String>,
    pub began: Wall,
    pub answered: Option<Wall>,
    pub stage: CallStage,
    pub queue: Option<QueueId>,
    pub interaction: Option<InteractionId>,
    /// Whom the queue gave it to, or who talks on in his place.
    pub agent: Option<AgentId>,
    /// Agents who are in it, or rung by it, through no queue.
    pub direct: Vec<AgentId>,
    /// `None`: it is not recorded now.
    pub recording: Option<RecordingView>,
    /// Its caller is in a menu.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub menu: Option<MenuView>,
    /// Somebody is asked in private, or rung to be.
    pub asking: bool,
    pub legs: Vec<LegView>,
}

/// Which menu a caller is in, and since when.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct MenuView {
    pub menu: String,
    pub since: Wall,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CallStage {
    /// Someone is being rung.
    Ringing,
    /// The caller waits in a queue.
    Waiting,
    /// People hear each other.
    Talking,
    /// One of them holds the other.
    Held,
    /// A clip plays.
    Playing,
}

#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct LegView {
    pub leg: LegId,
    pub side: LegSide,
    pub party: LegParty,
    pub address: Private<String>,
    pub answered: bool,
    /// This leg's peer has put us on hold.
    pub holds: bool,
    /// What it is beside the two of the bridge.
    pub guest: Option<Guest>,
    /// Nobody hears it.
    pub muted: bool,
    /// How much louder the others hear it than it is, in decibels.
    pub gain_db: i8,
    /// On hold by hand.
    pub held: bool,
}

/// What somebody answers with.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceKind {
    /// A telephone that has registered.
    Phone,
    /// A page with a microphone.
    Web,
}

/// One device.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct DeviceView {
    pub user: UserId,
    pub kind: DeviceKind,
    pub contact: String,
    pub user_agent: String,
    pub since: Wall,
    /// Of a registration; `None` when that is gone.
    pub expires: Option<Wall>,
    pub reachable: bool,
}

/// Sizes and totals, for metrics.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Counts {
    pub calls: u64,
    pub legs: u64,
    pub dialogs: u64,
    pub transactions: u64,
    pub bindings: u64,
    pub ports_free: u64,
    pub ports_used: u64,
    pub timers: u64,
    /// Calls in queues, those that talk to an agent included.
    pub waiting: u64,
    pub calls_begun: u64,
    pub calls_ended: u64,
    /// Calls that were not taken on, for good: a challenge is none of them, nor is a call that leads nowhere.
    pub calls_refused: u64,
    /// Calls that were only forwarded.
    pub calls_forwarded: u64,
    /// Requests that are being forwarded.
    pub forwarding: u64,
    /// Calls of which one side was passed on to somebody else.
    pub transfers: u64,
    /// Texts that no device has answered yet.
    pub texts_underway: u64,
    /// Texts that somebody has.
    pub texts: u64,
    /// Texts that nobody has.
    pub texts_refused: u64,
    /// Who watches somebody now.
    pub subscriptions: u64,
    /// What those who watch were told, each.
    pub notifies: u64,
    /// What was written to be told, for however many.
    pub documents: u64,
    /// Watchers that could be told no more.
    pub watchers_lost: u64,
    /// What phones say of their users now.
    pub publications: u64,
    pub registrations: u64,
    pub wrong_credentials: u64,
    pub offers: u64,
    /// Questions for whose answer nobody waited, since the service gave none lately.
    pub questions_spared: u64,
    /// Invariants found broken since the start, each until it held again.
    pub invariants_broken: u64,
    /// Those of them that held again in the same second.
    pub invariants_repaired: u64,
    /// What the distributor had to derive anew.
    pub acd_repairs: u64,
}
