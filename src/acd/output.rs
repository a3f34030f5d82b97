//! What comes out of the distributor, and the words for how things end.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    Actor, AgentEvent, Channel, Decided, DeviceChoice, Dilemma, Entry, Factor, InteractionKind, MemberState, Onward,
    Reason, Status, StatusView, Strategy, Work,
};
use crate::base::{AgentId, CallId, EngagementId, Instant, InteractionId, OfferId, Private, QueueId, Wall};

/// One thing that happened, or that has to be done. Entries come before everything else of the same turn.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// To be journalled.
    Entry(Entry),
    /// Ask elsewhere who gets it; `handle_decided` with the answer.
    Decide(Box<Dilemma>),
    /// What became of that question: each has exactly one end.
    Decided {
        interaction: InteractionId,
        queue: QueueId,
        decided: Decided,
    },
    /// Ring the agent.
    Offer(Box<Offer>),
    /// Stop ringing the agent; `OfferEnded` says the same for the record.
    Withdraw {
        offer: OfferId,
        agent: AgentId,
        interaction: InteractionId,
        cause: WithdrawCause,
    },
    OfferEnded {
        offer: OfferId,
        agent: AgentId,
        interaction: InteractionId,
        queue: QueueId,
        end: OfferEnd,
        ring_ms: u64,
    },
    /// The agent has it: bridge the customer with him, then say `handle_connected`.
    Connect {
        interaction: InteractionId,
        agent: AgentId,
        offer: OfferId,
        engagement: EngagementId,
    },
    /// An interaction waits in a queue from now on.
    Entered {
        interaction: InteractionId,
        queue: QueueId,
        priority: i32,
        /// By the distributor's clock: `Acd::shown` tells what the wall's says.
        arrived: Wall,
        caller: Private<String>,
    },
    /// Tell this to whoever waits; `handle_announced` when it is over.
    Announce {
        interaction: InteractionId,
        queue: QueueId,
        what: Announcement,
    },
    /// It has entered, and nobody can be asked just now.
    Nobody {
        interaction: InteractionId,
        queue: QueueId,
        why: WhyNobody,
    },
    /// An interaction's one end, as far as its queue is concerned. Whatever but `Answered` still has a caller to be
    /// told, unless he is gone, or goes on: into another queue by an `Entered` or `Left` of that one, to any other
    /// place by whoever reads this.
    Left {
        interaction: InteractionId,
        queue: QueueId,
        outcome: Outcome,
        agent: Option<AgentId>,
        wait_ms: u64,
        onward: Option<Onward>,
    },
    /// The agent wrote something down of it.
    Work {
        agent: AgentId,
        engagement: EngagementId,
    },
    /// An engagement is over, wrap-up included.
    EngagementEnded(Box<EngagementSummary>),
    /// An agent was in one status for a time, which is over.
    Span(StatusSpan),
    Agent(AgentEvent),
    Member(MemberEvent),
    Queue(QueueEvent),
    Notice(Notice),
}

/// What one who waits is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Announcement {
    /// His place and his wait, as far as they are to be told.
    Standing { place: Option<Place>, wait: Option<Expected> },
    /// A clip, by its key.
    Clip(Arc<str>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    First,
    Number(u16),
    Beyond(u16),
}

/// How much longer; no minutes are less than one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    Minutes(u16),
    MoreThan(u16),
}

/// What the agent is asked, and by when.
#[derive(Clone, Debug, PartialEq)]
pub struct Offer {
    pub offer: OfferId,
    pub agent: AgentId,
    pub interaction: InteractionId,
    pub queue: QueueId,
    pub channel: Channel,
    pub kind: InteractionKind,
    pub caller: Private<String>,
    pub waited_ms: u64,
    pub made: Wall,
    pub until: Instant,
    pub until_wall: Wall,
    pub auto_answer: bool,
    /// Where it rings.
    pub device: DeviceChoice,
    pub why: Arc<Why>,
}

/// Why this agent. Kept with the call record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Why {
    pub strategy: Strategy,
    /// Who was asked.
    pub agent: AgentId,
    /// His rank among the candidates, from 1.
    pub rank: u32,
    /// All who could have been asked.
    pub candidates: u32,
    /// The first of them, in the order of the strategy.
    pub first: Vec<Candidate>,
    /// Members who could not be asked, counted under the first thing that held each back.
    pub excluded: Vec<(Factor, u32)>,
    /// Free members who lack a skill or whose tier is not open yet.
    #[serde(default)]
    pub unfit: u32,
    /// Nobody was chosen: this one assigned it by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assigned: Option<Actor>,
    /// A program elsewhere was asked before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided: Option<Decided>,
}

/// Why nobody is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhyNobody {
    /// Members under the first thing that holds each back.
    pub excluded: Vec<(Factor, u32)>,
    /// Free members who lack a skill, whose tier is not open yet, or for whom it is not kept.
    pub unfit: u32,
    /// Members who could be asked, but for a veto from elsewhere.
    #[serde(default)]
    pub vetoed: u32,
    /// The queue waits a while before it offers.
    pub delayed: bool,
}

/// Candidates that a [`Why`] names: the winner and the next five.
pub const WHY_CANDIDATES_MAX: usize = 6;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    pub agent: AgentId,
    pub tier: u16,
    /// What the strategy compared: milliseconds idle, calls handled, milliseconds talked; nothing for a mere order.
    pub measure: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WithdrawCause {
    /// Another agent was first: no missed call on the phone.
    Elsewhere,
    CustomerGone,
    /// The agent chose Not Ready, DND or to dial out himself.
    AgentNotReady,
    NoAnswer,
    /// A supervisor, a settings change, a wait that ran out.
    Withdrawn,
    /// The agent declined at his page while his phone rings.
    Declined,
    /// The device gave no sign of life.
    Unreachable,
}

/// How an offer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OfferEnd {
    Accepted,
    NoAnswer,
    Declined,
    DeviceBusy,
    Unreachable,
    LostRace,
    CancelledCustomer,
    CancelledWithdrawn,
    CancelledAgentNotReady,
    /// Accepted, and the agent's leg died before the customer was bridged.
    Dump,
}

/// How a device refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OfferFault {
    /// 603 from all devices, or 486 or 480 after a 180.
    Declined,
    /// 486 without a 180 before.
    DeviceBusy,
    /// Another answer that does not take it: 302, 488, 500, 503. As if the device were busy; and whoever waits behind is next,
    /// for it may never take this one.
    Unable,
    /// There is no way to him that this one may go. He may have any other.
    Unfit,
    /// 480, 404, transport error, no binding, nothing heard at all.
    Unreachable,
    /// The device itself gave up ringing (408, 487): missed as in rule 17, and left alone as in rule 18.
    NoAnswer,
    /// We could not ask: no port was left. That is no fault of the device's.
    NoRoom,
}

/// How a queued interaction ended; each has exactly one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is", content = "of")]
pub enum Outcome {
    Answered,
    Abandoned,
    AbandonedShort,
    AbandonedRinging,
    Expired,
    NoAgents,
    Full,
    EwtExceeded,
    Closed,
    ExitKey(char),
    CallbackRequested,
    Voicemail,
    Overflowed(Onward),
    TransferredInWait,
    Withdrawn(Actor),
    SystemError,
    Shutdown,
}

/// A stretch of an agent's time in one status, that of his main channel. Each begins where the one before ended, over
/// restarts too, so that they add up to the time in which he was logged in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusSpan {
    pub agent: AgentId,
    pub status: Status,
    pub reason: Option<Reason>,
    pub from: Wall,
    pub to: Wall,
}

/// How an agent's part in an interaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartEnd {
    /// The customer hung up.
    Customer,
    /// The agent hung up, at his phone or his page.
    Agent,
    /// He passed the customer on.
    Transferred,
    /// A supervisor took his place.
    TakenOver,
    /// He left, and others talk on.
    Left,
    /// He was free, and the customer heard a last clip.
    Clip,
    /// His device was gone.
    Lost,
    /// Somebody else asked for the end of the call.
    Request,
    /// The switch: a limit, a fault.
    System,
}

/// What an engagement was, at its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngagementSummary {
    pub engagement: EngagementId,
    pub agent: AgentId,
    pub interaction: InteractionId,
    /// The call that it was.
    #[serde(default)]
    pub call: Option<CallId>,
    /// None: a call that came through no queue.
    pub queue: Option<QueueId>,
    pub kind: InteractionKind,
    pub accepted: Wall,
    pub ended: Wall,
    pub talk_ms: u64,
    pub wrap_up_ms: u64,
    pub extended: u32,
    /// How the talk ended. None: told by an older process.
    #[serde(default)]
    pub end: Option<PartEnd>,
    /// What the agent wrote of it.
    pub work: Work,
    /// Who ended it, wrap-up included.
    pub actor: Actor,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberEvent {
    pub agent: AgentId,
    pub queue: QueueId,
    pub actor: Actor,
    /// `None` on either side: there was, or is, no such membership.
    pub old: Option<MemberState>,
    pub new: Option<MemberState>,
    pub temporary: bool,
    /// Where it rings from now on.
    #[serde(default)]
    pub device: DeviceChoice,
    pub at: Wall,
}

/// A queue opened or closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueEvent {
    pub queue: QueueId,
    pub open: bool,
    pub door: Door,
    pub actor: Actor,
    pub at: Wall,
}

/// What people say of a queue's door.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Door {
    /// Its hours decide.
    #[default]
    Hours,
    /// Open by hand.
    Open,
    /// Closed by hand.
    Closed,
}

/// Something that a person should be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum Notice {
    /// So many offers missed in a row: Not Ready now. To the agent and his supervisors.
    Missed { agent: AgentId, missed: u32 },
    /// Somebody else changed what the agent chose, or ended his wrap-up.
    Override(Box<Overridden>),
    /// No sign of life at the page: is he there? Offline at that moment.
    Inactive { agent: AgentId, until: Wall },
    /// Longer in a status than its reason allows.
    TooLong { agent: AgentId, reason: Reason, since: Wall, logged_out: bool },
    /// Nobody who is logged in to the queue may have these who wait: none has the skills, the queue's
    /// expression holds for none (`by_rule`), or there is nobody at all.
    Unserved { queue: QueueId, skills: Vec<NeededSkill>, by_rule: bool, waiting: u32 },
    /// An invariant did not hold and was mended.
    Repaired { what: String },
}

/// What somebody did to an agent on his behalf, for the agent to know (SV-05).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overridden {
    pub agent: AgentId,
    pub actor: Actor,
    pub reason: Option<Reason>,
    pub old: Standing,
    pub new: Standing,
    pub at: Wall,
}

/// How an agent stood: as people see him, and in those queues that the override changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    #[serde(flatten)]
    pub view: StatusView,
    pub queues: Vec<QueueStanding>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueStanding {
    pub queue: QueueId,
    pub state: MemberState,
}

/// What an [`Enqueue`] asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Enqueue {
    pub interaction: InteractionId,
    pub queue: QueueId,
    pub kind: InteractionKind,
    /// Higher goes first.
    pub priority: i32,
    /// The arrival of before, by the distributor's clock, for one who keeps his place; `None` is now.
    pub arrived: Option<Wall>,
    /// The call that it is, for records.
    pub call: Option<CallId>,
    pub caller: Private<String>,
    /// All of these, at least at these levels.
    pub skills: Vec<NeededSkill>,
    /// Asked first, for a while.
    pub preferred: Option<Preferred>,
    /// He was taken out of this line and goes back to his place: the rules of entry are not for him.
    pub returns: bool,
}

impl Enqueue {
    /// An inbound call, now, with nothing special.
    pub fn inbound(interaction: InteractionId, queue: QueueId, caller: Private<String>) -> Self {
        Self {
            interaction,
            queue,
            kind: InteractionKind::Inbound,
            priority: 0,
            arrived: None,
            call: None,
            caller,
            skills: Vec::new(),
            preferred: None,
            returns: false,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NeededSkill {
    pub skill: String,
    pub level: u8,
}

/// The agent whom a customer spoke to last, or who owns him.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preferred {
    pub agent: AgentId,
    /// Nobody else is asked so long.
    pub secs: u32,
}

/// Why a command was not obeyed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// 400 not understood, 403 not allowed, 404 no such thing, 409 not now.
    pub status: u16,
    /// A word for programs.
    #[serde(skip_deserializing)]
    pub code: &'static str,
    pub detail: String,
}

impl Refused {
    pub fn not_understood(code: &'static str, detail: impl Into<String>) -> Self {
        Self { status: 400, code, detail: detail.into() }
    }

    pub fn not_allowed(code: &'static str, detail: impl Into<String>) -> Self {
        Self { status: 403, code, detail: detail.into() }
    }

    pub fn unknown(code: &'static str, detail: impl Into<String>) -> Self {
        Self { status: 404, code, detail: detail.into() }
    }

    pub fn not_now(code: &'static str, detail: impl Into<String>) -> Self {
        Self { status: 409, code, detail: detail.into() }
    }
}
