//! Which calls are recorded.

use serde::{Deserialize, Serialize};

use crate::{
    base::{AgentId, QueueId, TrunkId},
    media::tape::Format,
};

/// Rules that a centre may have.
pub const RECORDING_RULES_MAX: usize = 1_000;

/// What is recorded (RC-01), and how a pause is (RC-02).
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RecordingSettings {
    /// The first that fits a call decides; when none does, it is not recorded.
    pub rules: Vec<RecordingRule>,
    pub pause: PauseKind,
    pub on_hold: HoldKind,
    /// A pause ends by itself after so long; zero: never.
    pub resume_secs: u32,
    /// What the files are, where a rule does not say it.
    pub format: Format,
}

/// Of the calls that it fits, so many in a hundred are recorded. What it does not name fits any.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RecordingRule {
    pub queue: Option<QueueId>,
    pub trunk: Option<TrunkId>,
    pub agent: Option<AgentId>,
    pub percent: u8,
    #[serde(default)]
    pub format: Option<Format>,
}

/// What a file has in place of a pause.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PauseKind {
    #[default]
    Silence,
    /// Nothing: the file goes on with what came after it.
    Cut,
}

/// What is recorded while one of the two who talk is on hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldKind {
    /// Nothing: the recording rests, and says so.
    #[default]
    Rest,
    /// The music that the other hears, and what he says meanwhile.
    Record,
}

impl RecordingRule {
    pub(super) fn fits(&self, queue: Option<QueueId>, trunk: Option<TrunkId>, agent: Option<AgentId>) -> bool {
        let any = |wanted: bool, is: bool| !wanted || is;
        any(self.queue.is_some(), self.queue == queue)
            && any(self.trunk.is_some(), self.trunk == trunk)
            && any(self.agent.is_some(), self.agent == agent)
    }
}
