//! Asking a program elsewhere who gets an interaction (RT-06).

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

/// Shorter, and no program could answer; longer, and callers wait for a program rather than for an agent.
const ANSWER_MS: RangeInclusive<u32> = 50..=10_000;

/// A veto is for the moment, not a way to keep somebody waiting.
const VETO_SECS: RangeInclusive<u32> = 1..=3_600;

/// `[queue.decision]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DecisionSettings {
    /// Key of the program that is asked. The distributor only carries it.
    pub service: String,
    /// How long it has to answer; then the strategy decides.
    pub answer_ms: u32,
    /// How long whom it rules out is not asked for that interaction.
    pub veto_secs: u32,
}

impl Default for DecisionSettings {
    fn default() -> Self {
        Self { service: String::new(), answer_ms: 1_000, veto_secs: 30 }
    }
}

impl DecisionSettings {
    /// What is wrong with it by itself: the key and a hint.
    pub(super) fn faults(&self) -> Vec<(&'static str, String)> {
        let mut faults = Vec::new();
        if self.service.is_empty() {
            faults.push(("service", String::from("whom to ask: the key of a [[service]]")));
        }
        for (key, value, range) in [("answer_ms", self.answer_ms, ANSWER_MS), ("veto_secs", self.veto_secs, VETO_SECS)]
        {
            if !range.contains(&value) {
                faults.push((key, format!("expected {} to {}", range.start(), range.end())));
            }
        }
        faults
    }
}
