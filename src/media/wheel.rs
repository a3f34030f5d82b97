//! When which stream's next frame is due: a wheel of slots of a few milliseconds.

use crate::base::{Instant, StreamId};

/// Frames of one slot go out together: fewer wake-ups, at the price of so much jitter at most.
const SLOT_MICROS: u64 = 5_000;

/// Slots of one turn: 320 ms, longer than any frame.
const SLOTS: usize = 64;

/// Who is woken, and the ticket by which it knows whether it still waits for this wake-up.
pub type Entry = (Wake, u32);

/// What wakes up by the wheel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    Stream(StreamId),
    /// By its place.
    Mix(u32),
}

/// A turning list of streams and mixes. An entry says "look at this one then"; what there is to do it knows.
#[derive(Debug)]
pub struct Wheel {
    slots: [Vec<Entry>; SLOTS],
    /// The slot being emptied; those before it are empty.
    at: u64,
    queued: usize,
}

impl Wheel {
    pub fn new() -> Self {
        Self { slots: std::array::from_fn(|_| Vec::new()), at: 0, queued: 0 }
    }

    /// Wakes it at `due`, or a little later.
    pub fn push(&mut self, now: Instant, due: Instant, entry: Entry) {
        if self.queued == 0 {
            self.at = self.at.max((now.as_micros() / SLOT_MICROS).saturating_sub(1));
        }
        let wanted = due.as_micros().div_ceil(SLOT_MICROS);
        // What is due beyond a turn wakes early and is pushed again.
        let slot = wanted.clamp(self.at + 1, self.at + SLOTS as u64 - 1);
        self.slots[slot as usize % SLOTS].push(entry);
        self.queued += 1;
    }

    /// Takes one that is due. Call until `None`; what is pushed meanwhile comes in a later slot.
    pub fn take_due(&mut self, now: Instant) -> Option<Entry> {
        let last = now.as_micros() / SLOT_MICROS;
        if self.queued == 0 {
            return None;
        }
        // All entries lie within one turn: a longer leap would only visit empty slots.
        self.at = self.at.max(last.saturating_sub(SLOTS as u64));
        loop {
            if let Some(entry) = self.slots[self.at as usize % SLOTS].pop() {
                self.queued -= 1;
                return Some(entry);
            }
            if self.at >= last {
                return None;
            }
            self.at += 1;
        }
    }

    /// When the next entry is due.
    pub fn next(&self) -> Option<Instant> {
        if self.queued == 0 {
            return None;
        }
        (self.at..self.at + SLOTS as u64)
            .find(|slot| !self.slots[*slot as usize % SLOTS].is_empty())
            .map(|slot| Instant::from_micros(slot * SLOT_MICROS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_micros(millis * 1_000)
    }

    #[test]
    fn wakes_in_order_and_never_early() {
        let mut wheel = Wheel::new();
        for (id, due) in [(1, 1_020), (2, 1_003), (3, 1_300), (4, 900)] {
            wheel.push(at(1_000), at(due), (Wake::Stream(StreamId(id)), 0));
        }
        let mut woken = Vec::new();
        for now in 1_000..1_400 {
            assert!(wheel.next().is_none_or(|next| next >= at(now)));
            while let Some((Wake::Stream(StreamId(id)), _)) = wheel.take_due(at(now)) {
                woken.push((id, now));
            }
        }
        assert_eq!(woken, [(4, 1_000), (2, 1_005), (1, 1_020), (3, 1_300)]);
        assert_eq!(wheel.next(), None);
    }

    #[test]
    fn a_leap_in_time_loses_nobody() {
        let mut wheel = Wheel::new();
        (0..100).for_each(|id| wheel.push(at(0), at(id * 3), (Wake::Stream(StreamId(id)), 0)));
        assert_eq!(std::iter::from_fn(|| wheel.take_due(at(3_600_000))).count(), 100);
        wheel.push(at(3_600_000), at(3_600_020), (Wake::Stream(StreamId(7)), 0));
        assert_eq!(wheel.next(), Some(at(3_600_020)));
    }
}
