//! What remains of a call.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use super::{MenuStep, SegmentRecord};
use crate::{
    acd,
    base::{AgentId, CallId, InteractionId, OfferId, Private, QueueId, TrunkId, Wall},
    switch::{Cause, EndedBy, LegRecord},
};

/// One ended call with its legs (AP-05). Calls that were refused after they were identified have one too.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct CallRecord {
    pub call: CallId,
    pub direction: Direction,
    pub trunk: Option<TrunkId>,
    pub caller: Private<String>,
    pub dialled: Private<String>,
    pub began: Wall,
    /// When the caller got his 200.
    pub answered: Option<Wall>,
    /// When two people first heard each other.
    pub connected: Option<Wall>,
    pub ended: Wall,
    pub cause: Cause,
    pub ended_by: EndedBy,
    pub queue: Option<QueueRecord>,
    /// Which way it went through menus.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub menus: Vec<MenuStep>,
    pub legs: Vec<LegRecord>,
}

/// What the database keeps, on its way through the journal's outbox.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Record {
    Call(Box<CallRecord>),
    Engagement(Box<acd::EngagementSummary>),
    Segment(Box<SegmentRecord>),
    Status(acd::StatusSpan),
}

impl Record {
    pub fn call(&self) -> Option<&CallRecord> {
        match self {
            Self::Call(record) => Some(record),
            Self::Engagement(_) | Self::Segment(_) | Self::Status(_) => None,
        }
    }

    pub fn engagement(&self) -> Option<&acd::EngagementSummary> {
        match self {
            Self::Call(_) | Self::Segment(_) | Self::Status(_) => None,
            Self::Engagement(summary) => Some(summary),
        }
    }

    pub fn segment(&self) -> Option<&SegmentRecord> {
        match self {
            Self::Call(_) | Self::Engagement(_) | Self::Status(_) => None,
            Self::Segment(record) => Some(record),
        }
    }

    pub fn status(&self) -> Option<&acd::StatusSpan> {
        match self {
            Self::Call(_) | Self::Engagement(_) | Self::Segment(_) => None,
            Self::Status(span) => Some(span),
        }
    }
}

/// Which way a call went, seen from the centre.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    Inbound,
    Outbound,
    Internal,
    /// From one trunk to another.
    Transit,
}

/// The call's time in a queue.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct QueueRecord {
    pub queue: QueueId,
    pub interaction: InteractionId,
    /// One of the distributor's outcomes: `answered`, `abandoned`, …
    pub outcome: String,
    pub waited_ms: u64,
    /// Who took it.
    pub agent: Option<AgentId>,
    /// How many offers were made for it.
    pub offers: u32,
    /// Why that agent was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<Arc<acd::Why>>,
    /// Who was asked and who was not, in all the queues that it passed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub story: Vec<StoryStep>,
}

/// One thing that happened to a call in a queue, and why.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct StoryStep {
    pub at: Wall,
    pub queue: QueueId,
    #[serde(flatten)]
    pub what: StoryEvent,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "step")]
pub enum StoryEvent {
    /// It entered, and nobody could be asked.
    Nobody(acd::WhyNobody),
    /// A program elsewhere was asked who gets it.
    Decided(acd::Decided),
    /// This agent was asked.
    Offered {
        offer: OfferId,
        why: Arc<acd::Why>,
        /// `None`: not over when the record was made.
        end: Option<acd::OfferEnd>,
        ring_ms: u64,
    },
    /// The telephone of the agent who had taken it was gone: it waits again in the place that it had.
    AgentLost { agent: AgentId },
    /// It left the queue; with a destination it went on there.
    Left { outcome: String, onward: Option<acd::Onward>, waited_ms: u64 },
}

/// Steps of one call that are kept; of more, the first ones and the last.
pub const STORY_MAX: usize = 40;

/// Steps of a running call that the journal keeps, the last ones: they are written again with each change.
const STORY_KEPT_MAX: usize = 6;

impl QueueRecord {
    /// Adds a step, in the place of the last one when there is no room.
    pub(super) fn tell(&mut self, at: Wall, queue: QueueId, what: StoryEvent) {
        if self.story.len() >= STORY_MAX {
            self.story.pop();
        }
        self.story.push(StoryStep { at, queue, what });
    }

    pub(super) fn offer_ended(&mut self, ended: OfferId, how: acd::OfferEnd, rang_ms: u64) {
        for step in self.story.iter_mut().rev() {
            if let StoryEvent::Offered { offer, end, ring_ms, .. } = &mut step.what
                && *offer == ended
            {
                (*end, *ring_ms) = (Some(how), rang_ms);
                return;
            }
        }
    }

    /// What rang when the process ended rings no more; for how long it did nobody knows better than by the queue's ring time.
    pub(super) fn process_ended(&mut self, now: Wall, ring_max: Duration) {
        for step in &mut self.story {
            if let StoryEvent::Offered { end: end @ None, ring_ms, .. } = &mut step.what {
                let rang = now.since(step.at).min(ring_max);
                (*end, *ring_ms) =
                    (Some(acd::OfferEnd::CancelledWithdrawn), u64::try_from(rang.as_millis()).unwrap_or(0));
            }
        }
    }

    /// For the journal, while the call runs.
    pub(super) fn shortened(&self) -> Self {
        let story = self.story.iter().skip(self.story.len().saturating_sub(STORY_KEPT_MAX)).cloned().collect();
        Self { story, why: self.why.clone(), outcome: self.outcome.clone(), ..*self }
    }

    pub(super) fn new(queue: QueueId, interaction: InteractionId, outcome: &str) -> Self {
        let outcome = outcome.to_owned();
        Self { queue, interaction, outcome, waited_ms: 0, agent: None, offers: 0, why: None, story: Vec::new() }
    }
}
