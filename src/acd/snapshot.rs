//! A picture of the whole for pages, metrics and tests.

use serde::Serialize;

use super::{
    Activity, AgentCounters, Channel, DeviceChoice, DispositionRule, Door, InteractionKind, MarkDone, MemberState,
    Pending, QueueCounters, Reason, Selection, Status, StatusTime, Work,
};
use crate::base::{AgentId, CallId, EngagementId, InteractionId, OfferId, Private, QueueId, Wall};

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Snapshot {
    pub at: Wall,
    pub agents: Vec<AgentSnapshot>,
    pub queues: Vec<QueueSnapshot>,
    /// Invariant violations mended since the start; zero unless we got something wrong.
    pub repairs_total: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AgentSnapshot {
    pub agent: AgentId,
    pub key: String,
    pub name: String,
    pub status: Status,
    pub reason: Option<Reason>,
    pub activity: Activity,
    pub pending: Option<Pending>,
    pub selection: Selection,
    /// Start of the status.
    pub since: Wall,
    /// End of the wrap-up or the ban, where there is one.
    pub until: Option<Wall>,
    pub online: bool,
    /// The green dot: a device that can be reached.
    pub reachable: bool,
    pub dnd: bool,
    /// A supervisor chose his status: his own choice is refused.
    pub locked: bool,
    pub missed: u32,
    pub offers: Vec<OfferSnapshot>,
    pub engagements: Vec<EngagementSnapshot>,
    pub queues: Vec<MemberSnapshot>,
    /// Time in each status today, this moment included; together the time signed in.
    pub times: Vec<StatusTime>,
    /// The part of his working time in the last half hour that went into interactions, in ten thousandths.
    pub occupancy: u32,
    /// Asked whether he is there: Offline at that moment.
    pub inactive_until: Option<Wall>,
    pub today: AgentCounters,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OfferSnapshot {
    pub offer: OfferId,
    pub interaction: InteractionId,
    pub queue: QueueId,
    pub made: Wall,
    pub until: Wall,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EngagementSnapshot {
    pub engagement: EngagementId,
    pub interaction: InteractionId,
    pub queue: Option<QueueId>,
    pub channel: Channel,
    pub kind: InteractionKind,
    pub accepted: Wall,
    pub connected: Option<Wall>,
    /// Start of the wrap-up, once it runs.
    pub wrap_up_since: Option<Wall>,
    /// None: until somebody ends it.
    pub wrap_up_until: Option<Wall>,
    /// The queue's idea of its length, also where there is no limit.
    pub wrap_up_target: Option<Wall>,
    /// The call that it is, or was.
    pub call: Option<CallId>,
    pub caller: Private<String>,
    pub mark_done: MarkDone,
    pub disposition: DispositionRule,
    /// What the agent has written of it so far.
    pub work: Work,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MemberSnapshot {
    pub queue: QueueId,
    pub state: MemberState,
    pub temporary: bool,
    pub tier: u16,
    /// Where it rings.
    pub device: DeviceChoice,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QueueSnapshot {
    pub queue: QueueId,
    pub key: String,
    pub name: String,
    pub waiting: Vec<WaitingSnapshot>,
    /// Members logged in and online.
    pub logged_in: u32,
    /// Members who could be offered something now.
    pub routable: u32,
    pub open: bool,
    pub door: Door,
    /// How long one would wait who came now; `None` while nobody works for the queue.
    pub ewt_ms: Option<u64>,
    pub today: QueueCounters,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WaitingSnapshot {
    pub interaction: InteractionId,
    /// From 1.
    pub position: u32,
    pub priority: i32,
    pub arrived: Wall,
    pub caller: Private<String>,
    /// How long it will still wait.
    pub ewt_ms: Option<u64>,
    /// Whom it rings at.
    pub ringing: Vec<AgentId>,
    /// An agent has accepted; the bridge is being made.
    pub connecting: bool,
}
