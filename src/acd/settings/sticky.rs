//! Who calls again is asked for at the agent whom he spoke to last (RT-05).

use serde::{Deserialize, Serialize};

/// `[queue.last_agent]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LastAgent {
    /// Nobody else is asked so long, if that agent is logged in. Zero: off.
    pub secs: u32,
    /// Longer ago than this is forgotten.
    pub days: u32,
}

impl Default for LastAgent {
    fn default() -> Self {
        Self { secs: 0, days: 30 }
    }
}
