//! What remains of a recording: the row of one of its segments.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    acd::Actor,
    base::{AgentId, CallId, LegId, QueueId, SegmentId, Wall},
    media::tape::Span,
};

/// A continuous piece of a call's recording, in a file of its own: from when two hear each other until one of them is
/// another. The segments of a call are its recording (RC-03).
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct SegmentRecord {
    pub segment: SegmentId,
    pub call: CallId,
    /// Whose two channels it has: the customer's leg, or that of who is asked in private.
    pub leg: LegId,
    /// Who else was in it, in the order in which they came.
    pub others: Vec<LegId>,
    pub queue: Option<QueueId>,
    pub agent: Option<AgentId>,
    /// Below the data folder.
    pub path: String,
    pub began: Wall,
    /// `None`: it runs, or the process died over it.
    pub ended: Option<Wall>,
    pub pauses: Vec<Pause>,
    /// What an agent asked somebody while the customer waited.
    #[serde(default)]
    pub private: bool,
    /// The process died over it: there is what was written by then.
    pub interrupted: bool,
    /// `None`: the file is not finished yet.
    pub file: Option<SegmentFile>,
}

/// Somebody let the recording rest, or the switch did so itself while one of the two was on hold.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Pause {
    pub by: Actor,
    pub at: Wall,
    pub until: Option<Wall>,
}

/// The finished file.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct SegmentFile {
    pub length_ms: u64,
    pub octets: u64,
    /// In hexadecimal digits; `None`: the file could not be read again, or there is none.
    pub sha256: Option<String>,
    /// Where it rested.
    pub paused: Vec<Span>,
    /// What is missing in it, and where.
    pub lost: Vec<Span>,
}

impl Pause {
    /// Nobody asked for it.
    pub fn is_hold(&self) -> bool {
        self.by == Actor::System
    }
}

impl SegmentRecord {
    /// The process died over it, and what there is of it ends where its file does: pauses that are cut out of that lasted too.
    pub(super) fn end_with_file(&mut self, pauses_are_cut: bool) {
        let (Some(latest), Some(file)) = (self.ended, self.file.as_ref().filter(|file| file.sha256.is_some())) else {
            return;
        };
        let mut ended = self.began + Duration::from_millis(file.length_ms);
        for pause in &self.pauses {
            let lasted = pause.until.unwrap_or(pause.at).since(pause.at);
            if pauses_are_cut && pause.at <= ended {
                ended = ended + lasted;
            }
        }
        let ended = ended.min(latest);
        self.ended = Some(ended);
        for pause in &mut self.pauses {
            pause.at = pause.at.min(ended);
            pause.until = pause.until.map(|until| until.min(ended));
        }
    }

    /// Something is missing in it.
    pub fn is_partial(&self) -> bool {
        self.interrupted || self.file.as_ref().is_none_or(|file| file.sha256.is_none() || !file.lost.is_empty())
    }
}

/// From whoever writes the files.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct SegmentReport {
    pub segment: SegmentId,
    pub what: Reported,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reported {
    /// It can't be written; what comes meanwhile is lost. Told once until it can.
    Failing(String),
    /// The file is finished.
    Finished(SegmentFile),
}
