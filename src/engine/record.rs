//! What remains of a call.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    acd,
    base::{AgentId, CallId, InteractionId, Private, QueueId, TrunkId, Wall},
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
    pub legs: Vec<LegRecord>,
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
}

impl QueueRecord {
    pub(super) fn new(queue: QueueId, interaction: InteractionId, outcome: &str) -> Self {
        let outcome = outcome.to_owned();
        Self { queue, interaction, outcome, waited_ms: 0, agent: None, offers: 0, why: None }
    }
}
