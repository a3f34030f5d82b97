//! The journal as the store keeps it: written in groups a little later, lost when the process dies before that.

use std::collections::VecDeque;

use strowger::engine::{Emitted, Entry, EntryId};

#[derive(Debug, Default)]
pub struct Disk {
    /// What a restart finds, as text, so that every entry makes the way through its encoding.
    written: Vec<String>,
    pending: VecDeque<(EntryId, String)>,
    held: VecDeque<Emitted>,
    up_to: Option<EntryId>,
}

impl Disk {
    pub fn append(&mut self, id: EntryId, entry: &Entry) {
        self.pending.push_back((id, serde_json::to_string(entry).unwrap()));
    }

    pub fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Gives the output back when what it waits for is written already.
    pub fn hold(&mut self, emitted: Emitted) -> Option<Emitted> {
        let is_written = |after: EntryId| self.up_to.is_some_and(|up_to| after <= up_to);
        if emitted.after.is_none_or(is_written) {
            return Some(emitted);
        }
        self.held.push_back(emitted);
        None
    }

    /// A group is written: what waited for it may go.
    pub fn commit(&mut self) -> Vec<Emitted> {
        self.up_to = self.pending.back().map(|(id, _)| *id).or(self.up_to);
        self.written.extend(self.pending.drain(..).map(|(_, text)| text));
        let up_to = self.up_to;
        let (free, held) =
            self.held.drain(..).partition(|emitted| emitted.after.is_none_or(|after| Some(after) <= up_to));
        self.held = held;
        Vec::from(free)
    }

    /// The process dies: what was not written never happened, what was held is never said.
    pub fn crash(&mut self) {
        self.pending.clear();
        self.held.clear();
        self.up_to = None;
    }

    /// Replaces what was written by a checkpoint.
    pub fn compact(&mut self, checkpoint: &[Entry]) {
        self.written = checkpoint.iter().map(|entry| serde_json::to_string(entry).unwrap()).collect();
    }

    pub fn read(&self) -> Vec<Entry> {
        self.written.iter().map(|text| serde_json::from_str(text).unwrap()).collect()
    }
}
