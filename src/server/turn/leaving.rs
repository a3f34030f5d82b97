//! The end of the process: the calls that are left are hung up, and what remains of them is put where it will be asked for.
//!
//! The loop goes round meanwhile: far ends are answered, and the media workers tell what they counted, without which no
//! record is whole.

use std::time::Duration;

use super::{Ended, Loop};
use crate::{
    acd::Actor,
    base::{Instant, Now},
    engine::{Input, Output, Request, RequestId},
    switch::STATS_WAIT,
};

/// For calls that were hung up to become records. The switch waits no longer than its part of it for the last word of the
/// media workers; nobody waits for a far end.
const RECORDS_WAIT: Duration = STATS_WAIT.saturating_add(Duration::from_millis(500));

/// For the database to take those records. What it has not taken by then waits in the journal for the next start.
const DATABASE_WAIT: Duration = Duration::from_secs(3);

/// What is still awaited, and until when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Leaving {
    Records { until: Instant },
    Database { until: Instant },
}

impl Leaving {
    pub fn until(self) -> Instant {
        match self {
            Self::Records { until } | Self::Database { until } => until,
        }
    }
}

impl Loop {
    /// Goes on with the end, a turn at a time: whether nothing is awaited any more.
    pub(super) fn has_left(&mut self, ended: Ended) -> bool {
        let now = self.clock.mono();
        let leaving = match self.state.leaving {
            Some(leaving) => leaving,
            None if ended == Ended::Drained => self.hand_over(now),
            None => {
                self.hang_up_all();
                Leaving::Records { until: now + RECORDS_WAIT }
            }
        };
        let is_late = leaving.until() <= now;
        let leaving = match leaving {
            Leaving::Records { .. } if self.state.drained || is_late => self.hand_over(now),
            Leaving::Records { .. } | Leaving::Database { .. } => leaving,
        };
        self.state.leaving = Some(leaving);
        match leaving {
            Leaving::Records { .. } => false,
            Leaving::Database { .. } => self.state.carried || is_late,
        }
    }

    /// Ends what is left, so that nobody is left hanging, and lets nothing new begin.
    fn hang_up_all(&mut self) {
        self.pulse.set_draining();
        self.handle_input(Input::Drain);
        for view in self.engine.snapshot(self.clock.now()).calls {
            let request = Request::HangUp { call: view.call };
            self.handle_input(Input::Request { id: RequestId(0), actor: Actor::System, request });
        }
        self.net.flush();
        self.journal.flush();
    }

    fn hand_over(&self, now: Instant) -> Leaving {
        self.journal.flush();
        self.records_end.cancel();
        Leaving::Database { until: now + DATABASE_WAIT }
    }

    /// Closes the journal; nothing is held any more for what it has not written.
    pub(super) fn say_goodbye(mut self) {
        let now: Now = self.clock.now();
        self.journal.checkpoint(now.wall, self.engine.checkpoint(now));
        self.journal.close();
        for output in self.state.held.farewells() {
            if let Output::Send { path, bytes } = output {
                self.net.send(path, bytes);
            }
        }
        self.net.flush();
    }
}
