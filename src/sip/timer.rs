//! The clock marks of RFC 3261 and the waiting lines that keep them cheap.

use std::time::Duration;

/// RFC 3261 17.1.1.1, table 4. Settings may stretch them; tests use them as they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TimerSettings {
    /// Round-trip estimate: the first retransmission.
    pub t1: Duration,
    /// The longest pause between retransmissions of a non-INVITE request or an INVITE response.
    pub t2: Duration,
    /// How long a message may stay in the network.
    pub t4: Duration,
}

impl Default for TimerSettings {
    fn default() -> Self {
        Self { t1: Duration::from_millis(500), t2: Duration::from_secs(4), t4: Duration::from_secs(5) }
    }
}

impl TimerSettings {
    /// Timers B, D, F, H, J, L and M, and how long a 2xx waits for its ACK.
    pub fn give_up(&self) -> Duration {
        self.t1 * 64
    }
}
