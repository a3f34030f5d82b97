//! What the journal keeps of the distributor. Each entry replaces what was known of its subject, so that reading them
//! twice does no harm, and a checkpoint is merely the last entry of each subject.
//!
//! Times are wall times. Offers are not kept: after a restart nobody rings, and who waited is offered again.

use serde::{Deserialize, Serialize};

use super::{
    Actor, Channel, DeviceChoice, DirectKind, Door, InteractionKind, MemberState, NeededSkill, Outcome, PartEnd,
    Pending, Preferred, QueueSettings, Reason, Selection, Status, Work,
};
use crate::base::{AgentId, CallId, EngagementId, InteractionId, Private, QueueId, Wall};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum Entry {
    Agent(Box<AgentRecord>),
    Member(MemberRecord),
    MemberGone {
        agent: AgentId,
        queue: QueueId,
    },
    Queue(Box<QueueRecord>),
    Waiting(Box<WaitingRecord>),
    /// The interaction no longer waits.
    Left {
        interaction: InteractionId,
        queue: QueueId,
        outcome: Outcome,
    },
    /// Somebody gave up, and may come back to his place.
    GaveUp(GivenUp),
    /// He has come back.
    CameBack {
        queue: QueueId,
        caller: Private<String>,
    },
    /// A caller of a queue that remembers it spoke to an agent.
    Spoke(Spoke),
    /// The settings know the queue no more, and people are in it still: what it was like.
    Drains {
        queue: QueueId,
        rules: Box<QueueSettings>,
    },
    /// It is forgotten, or the settings know it again.
    Drained {
        queue: QueueId,
    },
    Engagement(Box<EngagementRecord>),
    EngagementGone {
        engagement: EngagementId,
    },
    /// A new day: its number since the epoch, in the centre's zone. The agents' counters start again.
    Day {
        day: i32,
    },
    /// The same in a queue's zone: what it and its members count.
    QueueDay {
        queue: QueueId,
        day: i32,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgentRecord {
    pub agent: AgentId,
    pub online: bool,
    /// Signed in at a page, rather than by a device alone.
    pub page: bool,
    /// Why offline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offline_reason: Option<Reason>,
    /// Why a pending log-off, where it is not by his own choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaves_for: Option<Reason>,
    pub dnd: bool,
    /// A supervisor chose his status, for good.
    #[serde(default)]
    pub locked: bool,
    pub channels: Vec<ChannelRecord>,
    /// Calls through no queue in which he talks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub direct: Vec<DirectRecord>,
    pub missed: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub banned: Option<BanRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Wall>,
    /// End of the last handled interaction, or the sign-in: longest idle counts from here.
    pub idle_since: Wall,
    /// Has handled something ever; if not, `idle_since` moves with each sign-in.
    #[serde(default)]
    pub handled: bool,
    /// Start of the status shown.
    pub since: Wall,
    /// Time in each status today, up to `counted`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub times: Vec<StatusTime>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted: Option<Wall>,
    pub today: AgentCounters,
}

/// How long an agent was in one status today.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusTime {
    pub status: Status,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    pub ms: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChannelRecord {
    pub channel: Channel,
    pub selection: Selection,
    pub since: Wall,
    pub actor: Actor,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<Pending>,
    /// Not Ready was chosen in the middle of something, to apply at once.
    #[serde(default)]
    pub over_activity: bool,
    /// What people see, and since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<ShownRecord>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShownRecord {
    pub status: Status,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    pub since: Wall,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectRecord {
    pub call: CallId,
    pub kind: DirectKind,
    pub since: Wall,
    /// The agent dialled it.
    pub out: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BanRecord {
    Until(Wall),
    UntilManual,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MemberRecord {
    pub agent: AgentId,
    pub queue: QueueId,
    pub state: MemberState,
    pub temporary: bool,
    /// Paused together with all the others, and resumed with them.
    #[serde(default)]
    pub paused_by_all: bool,
    /// Leaves the queue when his interactions are over.
    #[serde(default)]
    pub leaving: bool,
    /// Somebody chose where it rings, otherwise than the settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceChoice>,
    /// Order of joining.
    pub joined: u64,
    pub calls_today: u32,
    pub talk_ms_today: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QueueRecord {
    pub queue: QueueId,
    /// Whom round-robin asked last: his order and id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<(u64, AgentId)>,
    #[serde(default)]
    pub door: Door,
    /// What an interaction takes an agent, and what people waited, lately.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handle_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waited_ms: Option<u64>,
    pub today: QueueCounters,
}

/// One who gave up waiting, and may come back to his place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GivenUp {
    pub queue: QueueId,
    pub caller: Private<String>,
    pub arrived: Wall,
    pub left: Wall,
}

/// Whom somebody spoke to last in a queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spoke {
    pub queue: QueueId,
    pub caller: Private<String>,
    pub agent: AgentId,
    pub at: Wall,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WaitingRecord {
    pub interaction: InteractionId,
    pub queue: QueueId,
    pub kind: InteractionKind,
    pub priority: i32,
    /// Effective arrival: decides the place.
    pub arrived: Wall,
    /// Entry into this queue: decides the longest wait.
    pub entered: Wall,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<CallId>,
    pub caller: Private<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skills: Vec<NeededSkill>,
    /// So many of the queue's rings were open to it, some before their time.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub opened: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preferred: Option<Preferred>,
    /// Who already missed or declined it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tried: Vec<AgentId>,
    /// Any member may have it, whatever its queue's expression says.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub relaxed: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over so")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EngagementRecord {
    pub engagement: EngagementId,
    pub agent: AgentId,
    pub interaction: InteractionId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<CallId>,
    #[serde(default)]
    pub caller: Private<String>,
    /// None: a wrap-up after a call that came through no queue.
    pub queue: Option<QueueId>,
    pub kind: InteractionKind,
    pub channel: Channel,
    pub accepted: Wall,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connected: Option<Wall>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wrap_up: Option<WrapUpRecord>,
    pub talk_ms: u64,
    /// How the talk ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<PartEnd>,
    /// The selection was Ready at the accept and is untouched.
    pub was_ready: bool,
    #[serde(default)]
    pub work: Work,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrapUpRecord {
    pub since: Wall,
    /// None: until somebody ends it.
    pub until: Option<Wall>,
    /// The queue's idea of its end, if it has one.
    #[serde(default)]
    pub target: Option<Wall>,
    pub extended: u32,
}

/// An agent's day so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AgentCounters {
    pub offered: u32,
    pub answered: u32,
    pub missed: u32,
    pub declined: u32,
    pub busy: u32,
    pub unreachable: u32,
    pub not_ready: u32,
    pub talk_ms: u64,
    pub wrap_up_ms: u64,
}

/// A queue's day so far. `entered + refused` interactions were presented; each of them waits still or is in exactly
/// one of the rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct QueueCounters {
    pub entered: u32,
    /// Refused at entry: full, closed, no agents, estimated wait.
    pub refused: u32,
    pub answered: u32,
    pub answered_in_target: u32,
    pub abandoned: u32,
    pub abandoned_in_target: u32,
    pub abandoned_short: u32,
    pub expired: u32,
    pub no_agents: u32,
    /// Went on by the queue's chain after having waited here.
    pub overflowed: u32,
    pub other: u32,
    pub offers: u32,
    pub wait_ms: u64,
    pub wait_ms_max: u64,
    /// Engagements that are over with their wrap-up.
    pub handled: u32,
    pub talk_ms: u64,
    pub wrap_up_ms: u64,
}
