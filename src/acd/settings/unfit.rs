//! Those who need what nobody has who is there (a skill, a tier).

use serde::{Deserialize, Serialize};

/// `[queue.unfit]`. An alert is told in any case: nobody waits silently for somebody who can't come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Unfit {
    pub then: UnfitRule,
    /// So long it may be so: somebody may log in, or be back from a lost connection.
    pub secs: u32,
}

impl Default for Unfit {
    fn default() -> Self {
        Self { then: UnfitRule::default(), secs: 60 }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnfitRule {
    /// It leaves as `no_agents`, by the queue's chain.
    #[default]
    Leave,
    /// It needs no skill any more, and any member may have it.
    Relax,
    /// It waits on.
    Wait,
}
