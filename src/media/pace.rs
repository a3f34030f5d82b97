//! How many packets one leg may bring: more than any phone sends, and far less than the machine could pass on.
//!
//! RTP has no hop count. Where descriptions name ports of ours, two calls may be bound to each other so that a packet goes
//! round for ever, at whatever speed the machine has; with a bound on each leg it goes round at that of a few calls.

use std::time::Duration;

use crate::base::Instant;

/// The packets of one leg: 500 a second in the long run, since the shortest that phones make hold 5 ms. So many may come at
/// once after a rest, too: what a network held back for ten seconds.
pub type Pace = Bucket<2, 500>;

/// Packets from where a secure leg is not, which are opened to see whether it has moved there: 50 a second. One is enough to
/// find it, and opening one takes far longer than dropping it.
pub type Tries = Bucket<20, 50>;

/// One every so many milliseconds in the long run, and so many at once after a rest: a bucket that leaks (ITU-T I.371, generic
/// cell rate algorithm).
#[derive(Debug, Default)]
pub struct Bucket<const GAP_MS: u64, const BURST: u32> {
    /// When it will be empty.
    empty_at: Instant,
}

impl<const GAP_MS: u64, const BURST: u32> Bucket<GAP_MS, BURST> {
    pub fn admits(&mut self, now: Instant) -> bool {
        let gap = Duration::from_millis(GAP_MS);
        let from = self.empty_at.max(now);
        let fits = from.since(now) < gap * BURST;
        if fits {
            self.empty_at = from + gap;
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_held_back_passes_and_a_flood_does_not() {
        let mut pace = Pace::default();
        let mut now = Instant::from_micros(5_000_000);
        let mut admitted = |now, many: u32| (0..many).filter(|_| pace.admits(now)).count();
        assert_eq!(admitted(now, 10_000), 500);
        now += Duration::from_millis(100);
        assert_eq!(admitted(now, 10_000), 50);
        now += Duration::from_secs(60);
        for _ in 0..10_000 {
            now += Duration::from_millis(5);
            assert_eq!(admitted(now, 1), 1, "the fastest phone");
        }
        assert_eq!(admitted(now, 10_000), 499);
    }
}
