//! Who gets an interaction, decided elsewhere (RT-06): what is asked, what may come back, what is made of it.

use serde::{Deserialize, Serialize};

use super::{Candidate, Channel, Factor, InteractionKind, NeededSkill, Strategy};
use crate::base::{AgentId, CallId, DecisionId, Instant, InteractionId, Private, QueueId};

/// Candidates that a question names; of more it tells how many there are.
pub const DECISION_CANDIDATES_MAX: usize = 32;

/// Agents that one answer may rule out.
pub const VETOES_MAX: usize = 64;

/// Who gets this interaction? Nobody is kept free for it meanwhile, and it keeps its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Dilemma {
    pub decision: DecisionId,
    /// Key of the program that is asked.
    pub service: String,
    pub interaction: InteractionId,
    pub queue: QueueId,
    pub channel: Channel,
    pub kind: InteractionKind,
    pub call: Option<CallId>,
    pub caller: Private<String>,
    pub priority: i32,
    pub position: u32,
    pub waited_ms: u64,
    pub skills: Vec<NeededSkill>,
    pub strategy: Strategy,
    /// The first of those who could be asked, in the order in which they would be.
    pub candidates: Vec<Candidate>,
    /// All of those.
    pub candidates_total: u32,
    /// Members who can't be asked, counted under the first thing that holds each back.
    pub excluded: Vec<(Factor, u32)>,
    /// Free members who lack a skill or whose tier is not open yet.
    pub unfit: u32,
    /// Who missed or declined it already.
    pub tried: Vec<AgentId>,
    /// An answer later than this is none.
    pub until: Instant,
}

/// What came back. It is a wish: whoever is named must still be free then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Said {
        /// Who shall be asked. None: whom the strategy chooses.
        agent: Option<AgentId>,
        /// Who shall not.
        veto: Vec<AgentId>,
    },
    Nothing(Undecided),
}

/// Why nothing came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Undecided {
    /// Not in time.
    Late,
    /// It was not reached, or not even asked.
    Away,
    /// It has given no answers lately, and is not asked for a while.
    Rests,
    /// Nothing that means anything.
    Garbled,
    /// The interaction was gone, or given to somebody by hand, before the answer came.
    Over,
}

/// What became of a question. Kept with the call record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    pub service: String,
    /// Who was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentId>,
    /// Who was ruled out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub veto: Vec<AgentId>,
    /// Why the strategy decided without an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undecided: Option<Undecided>,
    /// How long the answer took.
    pub took_ms: u64,
}
