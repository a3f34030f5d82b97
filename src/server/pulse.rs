//! Whether the loop still goes round, and what happens when it does not.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::Duration,
};

use super::{clock::Clock, logging};
use crate::base::Instant;

/// A turn of the loop takes microseconds. One that takes this long is told and makes `/healthz` fail.
pub const STALL_TIME: Duration = Duration::from_secs(2);

/// After this the engine will not come back by itself: the process aborts and is started again, and the journal brings
/// back what counts.
pub const ABORT_TIME: Duration = Duration::from_secs(20);

/// How often the watchdog looks.
const LOOK_TIME: Duration = Duration::from_millis(500);

/// Written by the loop, read by the watchdog and the health page.
#[derive(Clone)]
pub struct Pulse {
    clock: Clock,
    shared: Arc<Shared>,
}

struct Shared {
    /// When the present turn began, in microseconds; zero while the loop sleeps.
    turn: AtomicU64,
    /// What the journal holds is in place.
    restored: AtomicBool,
    journal: AtomicBool,
    draining: AtomicBool,
}

impl Pulse {
    pub fn new(clock: Clock) -> Self {
        let shared = Shared {
            turn: AtomicU64::new(0),
            restored: AtomicBool::new(false),
            journal: AtomicBool::new(true),
            draining: AtomicBool::new(false),
        };
        Self { clock, shared: Arc::new(shared) }
    }

    pub fn turn_begins(&self, now: Instant) {
        self.shared.turn.store(now.as_micros().max(1), Ordering::Relaxed);
    }

    pub fn loop_sleeps(&self) {
        self.shared.turn.store(0, Ordering::Relaxed);
    }

    /// From now on calls may come.
    pub fn set_restored(&self) {
        self.shared.restored.store(true, Ordering::Relaxed);
    }

    pub fn is_restored(&self) -> bool {
        self.shared.restored.load(Ordering::Relaxed)
    }

    pub fn set_journal(&self, works: bool) {
        self.shared.journal.store(works, Ordering::Relaxed);
    }

    pub fn set_draining(&self) {
        self.shared.draining.store(true, Ordering::Relaxed);
    }

    pub fn journal_works(&self) -> bool {
        self.shared.journal.load(Ordering::Relaxed)
    }

    pub fn is_draining(&self) -> bool {
        self.shared.draining.load(Ordering::Relaxed)
    }

    /// How long the present turn has taken; zero while the loop sleeps.
    pub fn turn_time(&self) -> Duration {
        match self.shared.turn.load(Ordering::Relaxed) {
            0 => Duration::ZERO,
            began => self.clock.mono().since(Instant::from_micros(began)),
        }
    }

    pub fn is_going_round(&self) -> bool {
        self.turn_time() < STALL_TIME
    }
}

/// Watches until `stop` is dropped. `last_words` are said before the process gives up.
pub fn watch(pulse: &Pulse, stop: &Receiver<()>, last_words: impl FnOnce()) {
    let mut told = false;
    while stop.recv_timeout(LOOK_TIME) == Err(RecvTimeoutError::Timeout) {
        let time = pulse.turn_time();
        if time >= ABORT_TIME {
            tracing::error!(seconds = time.as_secs(), "the engine stands still: giving up, to be started again");
            last_words();
            logging::flush();
            std::process::abort();
        }
        let stalled = time >= STALL_TIME;
        if stalled && !told {
            tracing::error!(millis = time.as_millis(), "the engine stands still");
            metrics::counter!("engine_stalls_total").increment(1);
        } else if told && !stalled {
            tracing::warn!("the engine goes round again");
        }
        told = stalled;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sleeping_loop_is_not_a_standing_one() {
        let clock = Clock::start();
        let pulse = Pulse::new(clock);
        assert!(pulse.is_going_round());
        pulse.turn_begins(clock.mono());
        assert!(pulse.is_going_round());
        assert!(pulse.turn_time() < STALL_TIME);
        pulse.loop_sleeps();
        assert_eq!(pulse.turn_time(), Duration::ZERO);
    }
}
