//! Against guessing: wrong credentials, counted per source (`network_of`) and claimed user, and per source.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use crate::base::{Instant, KeyedMap, keyed_map, network_of};

/// So many times the wrong credentials for one user, for whatever users, and the source itself is banned; at a user's home
/// so many of its ports may guess for him.
const SOURCE_FACTOR: u32 = 5;

/// Pairs of source and user remembered, and sources. When it is full, all are forgotten: an attacker with so many
/// addresses is not slowed down by this table anyway.
const PAIRS_MAX: usize = 20_000;

/// Who has guessed. A ban is on a pair of source and user: the real user on another address notices nothing. Who guesses
/// for many users is banned as a source.
///
/// Where the user himself is at home (one address for many, or one machine), his further devices must not suffer for who
/// guesses beside them. There each port is counted by itself; when too many have guessed, credentials are looked at only
/// now and then, so that guessing goes no faster there than for who is banned, and a device of his gets in all the same.
pub(super) struct Guesses {
    guesses_max: u32,
    /// Also how long a guess is remembered.
    ban_time: Duration,
    pairs: KeyedMap<(IpAddr, Box<str>), Guess>,
    /// At users' homes.
    ports: KeyedMap<(SocketAddr, Box<str>), Guess>,
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
        Self { guesses_max, ban_time, pairs: keyed_map(), ports: keyed_map(), sources: keyed_map() }
    }

    /// Whether credentials for this user are not even looked at when they come from there. `at_home`: a device of his is
    /// registered at that address, or was lately; `was_his`: at that very place, which others' guesses don't concern.
    pub fn is_banned(&self, now: Instant, remote: SocketAddr, user: &str, (at_home, was_his): (bool, bool)) -> bool {
        if self.pairs.is_empty() {
            return false;
        }
        let (most, time) = (self.guesses_max, self.ban_time);
        let has = |guess: Option<&Guess>, most: u32, time: Duration| {
            guess.is_some_and(|guess| guess.count >= most && now.since(guess.last) < time)
        };
        let pair = self.pairs.get(&(network_of(remote.ip()), user.into()));
        if !at_home {
            return has(pair, most, time);
        }
        has(self.ports.get(&(remote, user.into())), most, time)
            || !was_his && has(pair, most.saturating_mul(SOURCE_FACTOR), time / most.max(1))
    }

    /// One more wrong guess.
    pub fn note_wrong(&mut self, now: Instant, remote: SocketAddr, user: &str, at_home: bool) -> Wrong {
        if self.pairs.len().max(self.ports.len()) >= PAIRS_MAX {
            self.forget(now);
        }
        let (most, time, new) = (self.guesses_max, self.ban_time, Guess { count: 0, last: now });
        let pair = self.pairs.entry((network_of(remote.ip()), user.into())).or_insert(new);
        let pair = pair.one_more(now, time) == most;
        if at_home {
            self.ports.entry((remote, user.into())).or_insert(new).one_more(now, time);
        }
        let one = self.sources.entry(network_of(remote.ip())).or_insert(new);
        let source = one.one_more(now, time).is_multiple_of(most.saturating_mul(SOURCE_FACTOR));
        Wrong { pair, source }
    }

    /// The right ones. Where he is at home anyway, they say nothing of who guesses beside him.
    pub fn note_right(&mut self, remote: SocketAddr, user: &str, at_home: bool) {
        if self.pairs.is_empty() {
            return;
        }
        self.ports.remove(&(remote, user.into()));
        if !at_home {
            self.pairs.remove(&(network_of(remote.ip()), user.into()));
        }
    }

    /// Those who have rested; all, when that makes no room.
    pub fn forget(&mut self, now: Instant) {
        let time = self.ban_time;
        self.pairs.retain(|_, guess| now.since(guess.last) < time);
        self.ports.retain(|_, guess| now.since(guess.last) < time);
        self.sources.retain(|_, guess| now.since(guess.last) < time);
        if self.pairs.len().max(self.ports.len()) >= PAIRS_MAX {
            self.pairs.clear();
            self.ports.clear();
            self.sources.clear();
        }
        self.pairs.shrink_to_fit();
        self.ports.shrink_to_fit();
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
        let [bad, good]: [SocketAddr; 2] = [([203, 0, 113, 9], 5060).into(), ([192, 0, 2, 7], 5060).into()];
        let mut guesses = Guesses::new(10, REST);
        let mut now = Instant::from_micros(1);
        assert!((1..10).all(|_| !guesses.note_wrong(now, bad, "ana", false).pair));
        assert_eq!(guesses.note_wrong(now, bad, "ana", false), Wrong { pair: true, source: false });
        assert!(guesses.is_banned(now, bad, "ana", (false, false)));
        assert!(
            !guesses.is_banned(now, good, "ana", (false, false)) && !guesses.is_banned(now, bad, "rui", (false, false))
        );
        let many = (0..40).position(|number| guesses.note_wrong(now, bad, &format!("u{number}"), false).source);
        assert_eq!(many, Some(39), "fifty in all");
        now += REST;
        assert!(!guesses.is_banned(now, bad, "ana", (false, false)));
        guesses.forget(now);
        assert_eq!((guesses.pairs.capacity(), guesses.sources.capacity()), (0, 0));
    }

    /// SW-19: who has a /64 of IPv6 guesses no further with all its addresses than with one, and hinders nobody outside it.
    #[test]
    fn sw_19_a_guesser_with_a_64_is_one_source() {
        let at = |host: u16| SocketAddr::from(([0x2001, 0xdb8, 0, 1, 0, 0, 0, host], 5060));
        let mut guesses = Guesses::new(10, REST);
        let now = Instant::from_micros(1);
        let found = (1..=10).position(|host| guesses.note_wrong(now, at(host), "ana", false).pair);
        assert_eq!(found, Some(9));
        assert!(guesses.is_banned(now, at(11), "ana", (false, false)));
        assert!(!guesses.is_banned(now, at(11), "ana", (true, false)), "her own phone, registered from that address");
        let elsewhere = SocketAddr::from(([0x2001, 0xdb8, 0, 2, 0, 0, 0, 1], 5060));
        assert!(!guesses.is_banned(now, elsewhere, "ana", (false, false)));
        let many = (0..40).position(|number| guesses.note_wrong(now, at(number), &format!("u{number}"), false).source);
        assert_eq!(many, Some(39), "fifty in all");
    }

    /// SW-19: where the user is at home, who guesses is banned by his port, and from whatever ports he gets no further than
    /// one who is banned: ten times in the time of a ban, beyond the first fifty.
    #[test]
    fn sw_19_a_guesser_at_the_users_home_gets_no_further() {
        let at = |port: u16| SocketAddr::from(([203, 0, 113, 9], port));
        let mut guesses = Guesses::new(10, REST);
        let mut now = Instant::from_micros(1);
        for _ in 0..10 {
            assert!(!guesses.is_banned(now, at(1), "ana", (true, false)));
            guesses.note_wrong(now, at(1), "ana", true);
        }
        assert!(
            guesses.is_banned(now, at(1), "ana", (true, false)) && !guesses.is_banned(now, at(2), "ana", (true, false))
        );
        guesses.note_right(at(3), "ana", true);
        let mut looked_at = 0;
        for port in 100..700 {
            if !guesses.is_banned(now, at(port), "ana", (true, false)) {
                guesses.note_wrong(now, at(port), "ana", true);
                looked_at += 1;
            }
            now += REST / 600;
        }
        assert_eq!(looked_at, 40 + 9);
        now += REST / 10;
        assert!(
            !guesses.is_banned(now, at(9), "ana", (true, false))
                && !guesses.is_banned(now, at(9), "rui", (true, false))
        );
        now += REST;
        assert!(!guesses.is_banned(now, at(1), "ana", (true, false)));
        guesses.forget(now);
        assert_eq!((guesses.pairs.len(), guesses.ports.capacity()), (0, 0));
    }
}
