//! Against guessing: wrong credentials, counted per source and claimed user.

use std::{net::IpAddr, time::Duration};

use crate::base::{Instant, KeyedMap, keyed_map};

/// Wrong credentials in a row before a source is turned away for that user.
const GUESSES_MAX: u32 = 10;

/// How long it is turned away; also how long a guess is remembered.
const REST: Duration = Duration::from_secs(60);

/// Pairs of source and user remembered. When it is full, all are forgotten: an attacker with so many addresses is not
/// slowed down by this table anyway.
const PAIRS_MAX: usize = 20_000;

/// Who has guessed. A ban is on a pair of source and user: the real user on another address notices nothing.
pub(super) struct Guesses(KeyedMap<(IpAddr, Box<str>), Guess>);

struct Guess {
    count: u32,
    last: Instant,
}

impl Default for Guesses {
    fn default() -> Self {
        Self(keyed_map())
    }
}

impl Guesses {
    /// Whether credentials for this user are not even looked at when they come from there.
    pub fn is_banned(&self, now: Instant, source: IpAddr, user: &str) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let guess = self.0.get(&(source, user.into()));
        guess.is_some_and(|guess| guess.count >= GUESSES_MAX && now.since(guess.last) < REST)
    }

    /// One more wrong guess; true when this was the one too many.
    pub fn note_wrong(&mut self, now: Instant, source: IpAddr, user: &str) -> bool {
        if self.0.len() >= PAIRS_MAX {
            self.0.clear();
        }
        let guess = self.0.entry((source, user.into())).or_insert(Guess { count: 0, last: now });
        if now.since(guess.last) >= REST {
            guess.count = 0;
        }
        guess.count += 1;
        guess.last = now;
        guess.count == GUESSES_MAX
    }

    pub fn note_right(&mut self, source: IpAddr, user: &str) {
        if !self.0.is_empty() {
            self.0.remove(&(source, user.into()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guesser_rests_and_the_real_user_does_not() {
        let (bad, good): (IpAddr, IpAddr) = ([203, 0, 113, 9].into(), [192, 0, 2, 7].into());
        let mut guesses = Guesses::default();
        let mut now = Instant::from_micros(1);
        assert!((1..GUESSES_MAX).all(|_| !guesses.note_wrong(now, bad, "ana")));
        assert!(guesses.note_wrong(now, bad, "ana"));
        assert!(guesses.is_banned(now, bad, "ana"));
        assert!(!guesses.is_banned(now, good, "ana") && !guesses.is_banned(now, bad, "rui"));
        now += REST;
        assert!(!guesses.is_banned(now, bad, "ana"));
    }
}
