//! The clock marks of RFC 3261 and the waiting lines that keep them cheap.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::TransactionId;
use crate::base::Instant;

/// RFC 3261 17.1.1.1, table 4. Settings may stretch them; tests use them as they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
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

/// The lengths that almost every transaction waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wait {
    /// T1: the first repetition.
    First,
    /// 64*T1: all ends.
    GiveUp,
    /// T4, or a little more: stragglers of a finished transaction.
    Short,
    /// 64*T1, or a little more, behind an answered non-INVITE (timer J): the ones to forget first when there is no room.
    Answered,
    /// 64*T1, or a little more, behind an answered INVITE.
    Linger,
    /// Any other.
    Odd(Duration),
}

/// Transactions that only wait for stragglers end at multiples of this, many at once: a wake-up for each costs more than
/// ending it. About 65 ms.
const GRID_MICROS: u64 = 1 << 16;

/// Room that an empty line keeps; what a flood took beyond it is given back.
const LINE_KEPT: usize = 1_024;

/// Deadlines of transactions.
///
/// Most are one of few lengths, so they stand in line: the first in is the first due, and setting one costs a push.
/// None is ever taken out: an entry counts only while its transaction still waits for exactly that moment, which the
/// stack checks with the `live` it hands in.
pub(super) struct Clock {
    timers: TimerSettings,
    lines: [VecDeque<(Instant, TransactionId)>; 5],
    odd: BinaryHeap<Reverse<(Instant, TransactionId)>>,
}

impl Clock {
    pub fn new(timers: TimerSettings) -> Self {
        Self { timers, lines: Default::default(), odd: BinaryHeap::new() }
    }

    /// When a wait that starts now ends; the transaction is to remember it.
    pub fn set(&mut self, now: Instant, id: TransactionId, wait: Wait) -> Instant {
        let (line, until) = match wait {
            Wait::First => (0, now + self.timers.t1),
            Wait::GiveUp => (1, now + self.timers.give_up()),
            Wait::Short => (2, on_grid(now + self.timers.t4)),
            Wait::Answered => (3, on_grid(now + self.timers.give_up())),
            Wait::Linger => (4, on_grid(now + self.timers.give_up())),
            Wait::Odd(length) => {
                self.odd.push(Reverse((now + length, id)));
                return now + length;
            }
        };
        self.lines[line].push_back((until, id));
        until
    }

    pub fn next(&self) -> Option<Instant> {
        let odd = self.odd.peek().map(|Reverse((until, _))| *until);
        self.lines.iter().filter_map(|line| line.front()).map(|(until, _)| *until).chain(odd).min()
    }

    /// Takes the first entry that is due.
    pub fn take_due(&mut self, now: Instant) -> Option<(Instant, TransactionId)> {
        let odd = self.odd.peek().map(|Reverse(first)| *first).filter(|(until, _)| *until <= now);
        let line = self
            .lines
            .iter_mut()
            .filter(|line| line.front().is_some_and(|(until, _)| *until <= now))
            .min_by_key(|line| line.front().copied());
        match (line, odd) {
            (Some(line), Some(odd)) if line.front().is_some_and(|first| *first <= odd) => line.pop_front(),
            (Some(line), None) => line.pop_front(),
            (Some(_) | None, Some(_)) => self.odd.pop().map(|Reverse(first)| first),
            (None, None) => None,
        }
    }

    /// Drops entries that nobody waits for from the heads of the lines, so that they wake nobody.
    pub fn prune(&mut self, live: impl Fn(Instant, TransactionId) -> bool) {
        for line in &mut self.lines {
            while line.front().is_some_and(|(until, id)| !live(*until, *id)) {
                line.pop_front();
            }
            if line.is_empty() && line.capacity() > LINE_KEPT {
                line.shrink_to(LINE_KEPT);
            }
        }
        while self.odd.peek().is_some_and(|Reverse((until, id))| !live(*until, *id)) {
            self.odd.pop();
        }
    }

    /// The non-INVITE that was answered longest ago.
    pub fn take_answered(&mut self) -> Option<(Instant, TransactionId)> {
        self.lines[3].pop_front()
    }

    pub fn len(&self) -> usize {
        self.odd.len() + self.lines.iter().map(VecDeque::len).sum::<usize>()
    }
}

/// The next multiple of the grid.
fn on_grid(until: Instant) -> Instant {
    Instant::from_micros(until.as_micros().div_ceil(GRID_MICROS).saturating_mul(GRID_MICROS))
}
