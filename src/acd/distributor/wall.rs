//! Two clocks. Lengths of time and places in line are counted on one that starts with the wall's and that nobody sets; doors
//! and days go by the wall's, and what is told is told by it.

use std::collections::BTreeSet;

use super::{
    super::{Actor, shift::Shift},
    Acd,
};
use crate::base::{Instant, Now, Wall};

/// The wall clock was set if it moved so far against the steady one; by less it is only being corrected.
const STEP_MS: u64 = 1_000;

impl Acd {
    /// The wall clock is looked at now and then. Where it was set, doors and days go by what it says now, and all that was
    /// told before is written once more, as it says it; lengths of time and places in line stay. By how many milliseconds.
    pub fn handle_wall(&mut self, now: Now) -> Option<i64> {
        let ahead_ms = now.wall.0.saturating_sub(self.at(now).0);
        if ahead_ms.abs_diff(self.ahead_ms) < STEP_MS {
            return None;
        }
        let by_ms = ahead_ms.saturating_sub(self.ahead_ms);
        self.ahead_ms = ahead_ms;
        self.on_midnight(now);
        let queues: BTreeSet<_> = self.queues.keys().copied().collect();
        for queue in queues {
            self.on_queue_midnight(now, queue);
            self.watch_door(now, queue, Actor::System);
        }
        self.settle(now);
        if self.journals {
            self.entries.extend(self.kept(now));
        }
        Some(by_ms)
    }

    /// The clock by which interactions stand in line: the wall as it was at the start, and what has passed since.
    pub fn clock(&self, now: Now) -> Wall {
        self.at(now)
    }

    /// What the wall clock, as it is set now, says to a time of the distributor's.
    pub fn shown(&self, at: Wall) -> Wall {
        self.told(at)
    }

    pub(super) fn told<T: Shift>(&self, mut what: T) -> T {
        // Most clocks are never set.
        if self.ahead_ms != 0 {
            what.shift(self.ahead_ms);
        }
        what
    }

    /// The steady clock: the wall as it was at the start, and what has passed since.
    pub(super) fn at(&self, now: Now) -> Wall {
        match self.anchor {
            Some(anchor) => anchor.wall + now.mono.since(anchor.mono),
            None => now.wall,
        }
    }

    pub(super) fn wall_of(&self, now: Now, until: Instant) -> Wall {
        Now { mono: now.mono, wall: self.at(now) }.wall_of(until)
    }

    pub(super) fn mono_of(&self, now: Now, until: Wall) -> Instant {
        Now { mono: now.mono, wall: self.at(now) }.mono_of(until)
    }
}
