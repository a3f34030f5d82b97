//! Time as a value. The shell stamps `Now`; nothing pure reads a clock.

use std::{
    fmt,
    ops::{Add, AddAssign, Sub},
    time::Duration,
};

use serde::{Deserialize, Serialize};

/// Monotonic time in microseconds since an arbitrary start. For deadlines inside one run; it means nothing in another, so
/// nothing but a recording of one run writes it down.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Instant(u64);

impl Instant {
    pub const ZERO: Self = Self(0);
    /// Later than any deadline.
    pub const FAR: Self = Self(u64::MAX);

    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Zero when `earlier` is in fact later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    /// Saturates at [`Instant::FAR`].
    fn add(self, length: Duration) -> Self {
        let micros = u64::try_from(length.as_micros()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(micros))
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, length: Duration) {
        *self = *self + length;
    }
}

impl Sub<Duration> for Instant {
    type Output = Self;

    /// Saturates at zero.
    fn sub(self, length: Duration) -> Self {
        let micros = u64::try_from(length.as_micros()).unwrap_or(u64::MAX);
        Self(self.0.saturating_sub(micros))
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}s", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

/// Wall-clock time in milliseconds since the Unix epoch. For records and for deadlines that cross a restart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Wall(pub i64);

impl Wall {
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// What a clock says that was set forward by so many milliseconds, or back.
    #[must_use]
    pub const fn set_by(self, by_ms: i64) -> Self {
        Self(self.0.saturating_add(by_ms))
    }

    /// Zero when `earlier` is in fact later (a clock was set back).
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl Add<Duration> for Wall {
    type Output = Self;

    fn add(self, length: Duration) -> Self {
        let millis = i64::try_from(length.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(millis))
    }
}

impl fmt::Debug for Wall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ms", self.0)
    }
}

/// Both clocks, read at one moment and handed in with every input. `mono` never goes backwards; `wall` may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Now {
    pub mono: Instant,
    pub wall: Wall,
}

impl Now {
    /// The wall time of a monotonic deadline, for the journal.
    pub fn wall_of(&self, until: Instant) -> Wall {
        if until >= self.mono {
            self.wall + until.since(self.mono)
        } else {
            let past = i64::try_from(self.mono.since(until).as_millis()).unwrap_or(i64::MAX);
            Wall(self.wall.0.saturating_sub(past))
        }
    }

    /// The monotonic deadline of a wall time read from the journal; one already past is due now.
    pub fn mono_of(&self, until: Wall) -> Instant {
        self.mono + until.since(self.wall)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_survives_the_way_through_the_journal() {
        let before = Now { mono: Instant::from_micros(5_000_000), wall: Wall(1_000_000) };
        let journalled = before.wall_of(before.mono + Duration::from_secs(20));
        let after = Now { mono: Instant::from_micros(77), wall: Wall(1_005_000) };
        assert_eq!(after.mono_of(journalled), after.mono + Duration::from_secs(15));
    }

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(Instant::FAR + Duration::from_secs(1), Instant::FAR);
        assert_eq!(Instant::ZERO - Duration::from_secs(1), Instant::ZERO);
        assert_eq!(Wall(5).since(Wall(9)), Duration::ZERO);
    }
}
