//! The wall clock of the machine was set. No timer goes by it; what stands by it moves along, and is written once more, so that
//! a restart finds nothing older or younger than it is.

use super::{Engine, Entry, Happened};
use crate::base::Now;

impl Engine {
    /// Looked at once a second.
    pub(super) fn watch_wall(&mut self, now: Now) {
        let Some(by_ms) = self.acd.handle_wall(now) else { return };
        self.registrar.wall_was_set(by_ms);
        self.lines.wall_was_set(by_ms);
        self.watching.wall_was_set(by_ms);
        for entry in self.checkpoint(now) {
            // The distributor has written its own.
            if !matches!(entry, Entry::Version(_) | Entry::Acd(_)) {
                self.journal(entry);
            }
        }
        self.live(now, Happened::ClockSet { by_ms });
    }
}
