//! Phones that hold somebody. They send no sound, so that their silence tells nothing: each is asked within its call, now
//! and then, whether it is still there. One that says nothing is gone as if it had fallen silent in a talk.

use std::time::Duration;

use super::{Engine, drive::Timer};
use crate::{
    base::{LegId, Now},
    sip::TransactionId,
};

/// How often a phone that holds is asked. With the 32 s that an answer may take, whoever is held by nobody waits a minute.
const ASKED_EVERY: Duration = Duration::from_secs(30);

impl Engine {
    /// A phone has begun to hold, or does so no more.
    pub(super) fn watch_holder(&mut self, now: Now, leg: LegId) {
        if self.switch.leg(leg).is_some_and(|leg| leg.holds() && leg.page().is_none()) {
            self.timers.set(Timer::AskHolder(leg), now.mono + ASKED_EVERY);
        } else {
            self.timers.cancel(Timer::AskHolder(leg));
        }
    }

    pub(super) fn ask_holder(&mut self, now: Now, leg: LegId) {
        if !self.switch.leg(leg).is_some_and(|leg| leg.holds()) {
            return;
        }
        if let Some(asked) = self.switch.ask(now, leg) {
            self.holders.insert(asked, leg);
        }
    }

    /// True: it was one of these that was asked. Any answer but that it knows of no such call is a sign of life.
    pub(super) fn on_holder_answer(&mut self, now: Now, of: TransactionId, status: u16, heard: bool) -> bool {
        let Some(leg) = self.holders.remove(&of) else { return false };
        if heard && status != 481 {
            self.watch_holder(now, leg);
        } else if self.switch.leg(leg).is_some_and(|leg| leg.holds()) {
            self.switch.desert(now, leg);
        }
        true
    }
}
