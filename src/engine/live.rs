//! What pages and webhooks are told as it happens.

use std::sync::Arc;

use serde::Serialize;

use super::{CallView, DeviceView};
use crate::{
    acd,
    base::{AgentId, CallId, ClipId, EngagementId, InteractionId, LegId, OfferId, Private, QueueId, Wall},
    media::{Answer, Because},
};

/// One numbered event. Numbers have no gaps within a run; not each reader sees each event.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Event {
    pub sequence: u64,
    pub at: Wall,
    #[serde(flatten)]
    pub what: Happened,
}

#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(tag = "event", content = "is", rename_all = "snake_case")]
pub enum Happened {
    /// A call appeared or changed.
    Call(CallView),
    CallEnded {
        call: CallId,
    },
    /// A call goes on, but some of what should be recorded of it is lost.
    RecordingFails {
        call: CallId,
        why: String,
    },
    /// Somebody who was to come into a call did not.
    PartyLost {
        call: CallId,
        cause: crate::switch::Cause,
    },
    /// Who has picked up, where that was asked.
    AnswerJudged {
        call: CallId,
        leg: LegId,
        answer: Answer,
        because: Because,
    },
    /// A machine's beep has just ended: what is said now is recorded there.
    Beep {
        call: CallId,
        leg: LegId,
    },
    /// Somebody has been on hold for longer than he should be; the leg that holds.
    HeldLong {
        call: CallId,
        leg: LegId,
    },
    /// An agent's clip plays in a call; until it ends, or is stopped.
    ClipStarted {
        call: CallId,
        clip: ClipId,
    },
    ClipEnded {
        call: CallId,
    },
    Device(DeviceView),
    /// What people see of an agent changed.
    Agent(acd::AgentEvent),
    Member(acd::MemberEvent),
    /// A queue opened or closed.
    Queue(acd::QueueEvent),
    /// An agent is asked.
    Offer(OfferView),
    OfferEnded {
        offer: OfferId,
        agent: AgentId,
        interaction: InteractionId,
        queue: QueueId,
        end: acd::OfferEnd,
        ring_ms: u64,
    },
    /// An interaction waits in a queue.
    Waiting {
        interaction: InteractionId,
        queue: QueueId,
        call: CallId,
        caller: Private<String>,
        priority: i32,
        arrived: Wall,
    },
    /// It no longer waits.
    Left {
        interaction: InteractionId,
        queue: QueueId,
        outcome: acd::Outcome,
        agent: Option<AgentId>,
        wait_ms: u64,
    },
    /// A text came for a queue, or from a caller whom nobody hears yet.
    Text {
        from: Private<String>,
        queue: Option<QueueId>,
        call: Option<CallId>,
        text: Private<String>,
    },
    /// An agent wrote something down of an interaction.
    Work {
        agent: AgentId,
        engagement: EngagementId,
    },
    EngagementEnded(Box<acd::EngagementSummary>),
    Notice(acd::Notice),
    /// A program elsewhere is not asked for a while, or is again.
    Service(super::ServiceEvent),
    SettingsChanged,
    /// The wall clock was set forward by so many milliseconds, or back: every time that was told before reads otherwise now.
    ClockSet {
        by_ms: i64,
    },
    Draining,
}

/// What an agent's page shows while it rings.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct OfferView {
    pub offer: OfferId,
    pub agent: AgentId,
    pub interaction: InteractionId,
    pub queue: QueueId,
    pub queue_name: String,
    pub kind: acd::InteractionKind,
    pub caller: Private<String>,
    pub waited_ms: u64,
    pub made: Wall,
    pub until: Wall,
    /// The page answers by itself.
    pub auto_answer: bool,
    /// Why this agent was chosen.
    pub why: Arc<acd::Why>,
}
