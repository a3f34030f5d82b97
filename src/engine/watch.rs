//! Against guessing: wrong credentials, counted per source and claimed user, and per source.

use std::{net::IpAddr, time::Duration};

use crate::base::{Instant, KeyedMap, keyed_map};

/// So many times the wrong credentials for one user, for whatever users, and the source itself is banned.
const SOURCE_FACTOR: u32 = 5;

/// Pairs of source and user remembered, and sources. When it is full, all are forgotten: an attacker with so many
/// addresses is not slowed down by this table anyway.
const PAIRS_MAX: usize = 20_000;

/// Who has guessed. A ban is on a pair of source and user: the real user on another address notices nothing. Who guesses
/// for many users is banned as a source.
pub(super) struct Guesses {
    guesses_max: u32,
    /// Also how long a guess is remembered.
    ban_time: Duration,
    pairs: KeyedMap<(IpAddr, Box<str>), Guess>,
    sources: KeyedMap<IpAddr, Guess>,
}

#[derive(Clone, Copy)]
struct Guess {
    count: u32,
    last: Instant,
}

/// What one more wrong guess was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Wrong {
    /// One too many for this user.
    pub pair: bool,
    /// One too many for the source.
    pub source: bool,
}

impl Guesses {
    pub fn new(guesses_max: u32, ban_time: Duration) -> Self {
        Self { guesses_max, ban_time, pairs: keyed_map(), sources: keyed_map() }
    }

    /// Whether credentials for this user are not even looked at when they come from there.
    pub fn is_banned(&self, now: Instant, source: IpAddr, user: &str) -> bool {
        if self.pairs.is_empty() {
            return false;
        }
        let guess = self.pairs.get(&(source, user.into()));
        guess.is_some_and(|guess| guess.count >= self.guesses_max && now.since(guess.last) < self.ban_time)
    }

    /// One more wrong guess.
    pub fn note_wrong(&mut self, now: Instant, source: IpAddr, user: &str) -> Wrong {
        if self.pairs.len() >= PAIRS_MAX {
            self.forget(now);
        }
        let (most, time) = (self.guesses_max, self.ban_time);
        let pair = self.pairs.entry((source, user.into())).or_insert(Guess { count: 0, last: now });
        let pair = pair.one_more(now, time) == most;
        let one = self.sources.entry(source).or_insert(Guess { count: 0, last: now });
        let source = one.one_more(now, time).is_multiple_of(most.saturating_mul(SOURCE_FACTOR));
        Wrong { pair, source }
    }

    pub fn note_right(&mut self, source: IpAddr, user: &str) {
        if !self.pairs.is_empty() {
            self.pairs.remove(&(source, user.into()));
        }
    }

    /// Those who have rested; all, when that makes no room.
    pub fn forget(&mut self, now: Instant) {
        let time = self.ban_time;
        self.pairs.retain(|_, guess| now.since(guess.last) < time);
        self.sources.retain(|_, guess| now.since(guess.last) < time);
        if self.pairs.len() >= PAIRS_MAX {
            self.pairs.clear();
            self.sources.clear();
        }
        self.pairs.shrink_to_fit();
        self.sources.shrink_to_fit();
    }
}

impl Guess {
    fn one_more(&mut self, now: Instant, rest: Duration) -> u32 {
        if now.since(self.last) >= rest {
            self.count = 0;
        }
        self.count = self.count.saturating_add(1);
        self.last = now;
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REST: Duration = Duration::from_secs(60);

    /// SW-19: a guesser rests, the real user elsewhere does not, and who guesses for many users is found out as well.
    #[test]
    fn a_guesser_rests_and_the_real_user_does_not() {
        let (bad, good): (IpAddr, IpAddr) = ([203, 0, 113, 9].into(), [192, 0, 2, 7].into());
        let mut guesses = Guesses::new(10, REST);
        let mut now = Instant::from_micros(1);
        assert!((1..10).all(|_| !guesses.note_wrong(now, bad, "ana").pair));
        assert_eq!(guesses.note_wrong(now, bad, "ana"), Wrong { pair: true, source: false });
        assert!(guesses.is_banned(now, bad, "ana"));
        assert!(!guesses.is_banned(now, good, "ana") && !guesses.is_banned(now, bad, "rui"));
        let many = (0..40).position(|number| guesses.note_wrong(now, bad, &format!("u{number}")).source);
        assert_eq!(many, Some(39), "fifty in all");
        now += REST;
        assert!(!guesses.is_banned(now, bad, "ana"));
        guesses.forget(now);
        assert_eq!((guesses.pairs.capacity(), guesses.sources.capacity()), (0, 0));
    }
}
