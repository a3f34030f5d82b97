//! A speaker's clock beside ours. A recording stands by its speakers' timestamps, and no two clocks run alike: each channel is
//! slid along, a step at a time that nobody hears, so that question and answer stay where they were said.

/// So many packets are looked at before it is slid: the one of them that the line delayed least tells where they belong.
const WINDOW: u32 = 250;

/// A smaller shift is left, in milliseconds: it is the line's as often as the clock's.
const LEFT_MS: i64 = 10;

/// A packet is slid by no more than one sample in so many of a second.
const STEPS_A_SECOND: u32 = 8_000;

/// How far one channel is from where it belongs.
#[derive(Debug, Default)]
pub(super) struct Drift {
    /// By how much the packet that was delayed least came before its place in the file; none yet where nothing was seen.
    best: Option<i64>,
    seen: u32,
    /// What is still to be slid, in samples: later, or sooner.
    left: i64,
}

impl Drift {
    /// A packet came so many samples before its place, or behind it; by how many it is to stand later, or sooner.
    pub fn slide(&mut self, early: i64, rate: u32) -> i64 {
        if self.left != 0 {
            let step = i64::from(rate / STEPS_A_SECOND).max(1);
            let by = self.left.clamp(-step, step);
            self.left -= by;
            return by;
        }
        self.best = Some(self.best.map_or(early, |best| best.max(early)));
        self.seen += 1;
        if self.seen == WINDOW {
            let best = self.best.take().unwrap_or(0);
            self.seen = 0;
            if best.abs() > LEFT_MS * i64::from(rate) / 1_000 {
                self.left = -best;
            }
        }
        0
    }
}
