//! Both clocks of the system, read into [`Now`].

use std::time::{Instant as SystemInstant, SystemTime, UNIX_EPOCH};

use crate::base::{Instant, Now, Wall};

/// Stamps [`Now`]. All copies share one start, so that their monotonic times compare.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: SystemInstant,
}

#[expect(clippy::disallowed_methods, reason = "the shell reads the clocks, here and nowhere else")]
impl Clock {
    pub fn start() -> Self {
        Self { start: SystemInstant::now() }
    }

    pub fn now(&self) -> Now {
        Now { mono: self.mono(), wall: wall() }
    }

    /// Monotonic: never goes back, whatever happens to the wall clock.
    pub fn mono(&self) -> Instant {
        Instant::from_micros(u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX))
    }
}

#[expect(clippy::disallowed_methods, reason = "as above")]
fn wall() -> Wall {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Wall::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// OP-10: deadlines run on the monotonic clock, records on the wall clock.
    #[test]
    fn both_clocks_are_read() {
        let clock = Clock::start();
        let (one, two) = (clock.now(), clock.now());
        assert!(two.mono >= one.mono);
        assert!(one.wall.as_millis() > 1_700_000_000_000);
    }
}
