//! Phones that hold somebody. They send no sound, so that their silence tells nothing: each is asked within its call, now
//! and then, whether it is still there. One that says nothing is gone as if it had fallen silent in a talk.

use std::time::Duration;

use super::{Engine, drive::Timer};
use crate::{
    base::{FastMap, Instant, LegId, Now},
    sip::TransactionId,
};

/// How often a phone that holds is asked. With the 32 s that an answer may take, whoever is held by nobody waits a minute.
const ASKED_EVERY: Duration = Duration::from_secs(30);

/// A phone that can't even be asked, since its connection is gone or its address refuses, is tried again so soon: most are
/// back in a moment.
const TRIED_EVERY: Duration = Duration::from_secs(4);

/// For so long. A request that nobody refuses is repeated for 32 s before it counts as unanswered: those are tried no more.
const AWAY_MAX: Duration = Duration::from_secs(30);

/// Phones that hold somebody and have been asked whether they are there.
#[derive(Default)]
pub(super) struct Holders {
    asked: FastMap<TransactionId, LegId>,
    /// Since when each has been asked without an answer.
    unheard: FastMap<LegId, Instant>,
}

impl Engine {
    /// A phone has begun to hold, or does so no more.
    pub(super) fn watch_holder(&mut self, now: Now, leg: LegId) {
        self.holders.unheard.remove(&leg);
        if self.is_holder(leg) && self.switch.leg(leg).is_some_and(|leg| leg.page().is_none()) {
            self.timers.set(Timer::AskHolder(leg), now.mono + ASKED_EVERY);
        } else {
            self.timers.cancel(Timer::AskHolder(leg));
        }
    }

    fn is_holder(&self, leg: LegId) -> bool {
        self.switch.leg(leg).is_some_and(|leg| leg.holds())
    }

    pub(super) fn ask_holder(&mut self, now: Now, leg: LegId) {
        let asked = if self.is_holder(leg) { self.switch.ask(now, leg) } else { None };
        let Some(asked) = asked else {
            self.holders.unheard.remove(&leg);
            return;
        };
        self.holders.asked.insert(asked, leg);
        self.holders.unheard.entry(leg).or_insert(now.mono);
    }

    /// True: it was one of these that was asked. Any answer but that it knows of no such call is a sign of life.
    pub(super) fn on_holder_answer(&mut self, now: Now, of: TransactionId, status: u16, heard: bool) -> bool {
        let Some(leg) = self.holders.asked.remove(&of) else { return false };
        let since = self.holders.unheard.get(&leg).copied().unwrap_or(now.mono);
        if !self.is_holder(leg) || (heard && status != 481) {
            self.watch_holder(now, leg);
        } else if !heard && now.mono.since(since) < AWAY_MAX {
            self.timers.set(Timer::AskHolder(leg), now.mono + TRIED_EVERY);
        } else {
            self.holders.unheard.remove(&leg);
            self.switch.desert(now, leg);
        }
        true
    }
}
