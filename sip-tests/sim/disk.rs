//! The journal as the store keeps it: written in groups a little later, lost when the process dies before that.

use std::collections::VecDeque;

use strowger::{
    base::Chance,
    engine::{Emitted, Entry, EntryId},
};

#[derive(Debug, Default)]
pub struct Disk {
    /// What a restart finds, as text, so that every entry makes the way through its encoding.
    written: Vec<String>,
    /// Of those, the ones that were cut off while they were written.
    torn: Vec<String>,
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

    /// The same in the middle of a write: some of the waiting entries are on the disk, and perhaps half of another.
    pub fn tear(&mut self, chance: &mut Chance) {
        let whole = chance.below(self.pending.len() as u64 + 1);
        for _ in 0..whole {
            self.written.extend(self.pending.pop_front().map(|(_, text)| text));
        }
        if let Some((_, mut text)) = self.pending.pop_front() {
            let cut = chance.below(text.len() as u64) as usize;
            let cut = (0..=cut).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            text.truncate(cut);
            self.written.push(text.clone());
            self.torn.push(text);
        }
        self.crash();
    }

    /// Replaces what was written by a checkpoint.
    pub fn compact(&mut self, checkpoint: &[Entry]) {
        self.torn.clear();
        self.written = checkpoint.iter().map(|entry| serde_json::to_string(entry).unwrap()).collect();
    }

    pub fn read(&self) -> Vec<Entry> {
        let read = |text: &String| match serde_json::from_str(text) {
            Ok(entry) => Some(entry),
            Err(error) => {
                assert!(self.torn.contains(text), "{error}: {text}");
                None
            }
        };
        self.written.iter().filter_map(read).collect()
    }
}
