//! Slows down guessing: per source and name, and per source over all names. A user who signs in from elsewhere notices
//! nothing of it; one beside the guesser waits only when his own name is being guessed there. The wait of a whole source
//! is spared whoever has signed in from it before, and the first try of a name until there have been too many of those:
//! one password can be tried with every name, too.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::base::{Instant, network_of};

/// Wrong tries that cost nothing: people mistype.
const FREE: u32 = 5;

/// Wrong tries of one source over all names before it has to wait; an office behind one address has many people.
const SOURCE_FREE: u32 = 60;

/// Wrong tries of one source over all names up to which a name's first try need not wait.
const FIRST_TRIES_MAX: u32 = 4 * SOURCE_FREE;

/// The first wait; it doubles with each further try.
const FIRST_WAIT: Duration = Duration::from_secs(2);

const WAIT_MAX: Duration = Duration::from_secs(300);

/// After this long without a try everything is forgiven.
const FORGET_TIME: Duration = Duration::from_secs(900);

/// Sources and the names that signed in from them; the oldest make room. Lost at a restart: one signs in again then.
const AT_HOME_MAX: usize = 20_000;

/// Sources and names remembered; at some 100 bytes each, a few megabytes. When full, the oldest make room.
const REMEMBERED_MAX: usize = 20_000;

#[derive(Debug, Default)]
pub struct Limiter {
    tries: Mutex<HashMap<(IpAddr, Option<String>), Tries>>,
    /// When somebody last signed in from there.
    at_home: Mutex<HashMap<(IpAddr, String), Instant>>,
}

#[derive(Debug, Clone, Copy)]
struct Tries {
    wrong: u32,
    last: Instant,
    until: Instant,
}

impl Limiter {
    /// How long this source must wait before it may try this name again.
    pub fn wait(&self, now: Instant, source: IpAddr, name: &str) -> Option<Duration> {
        let tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        let own = tries.get(&(network_of(source), Some(name.to_owned())));
        let shared = tries.get(&(network_of(source), None)).filter(|_| !self.is_at_home(source, name));
        let shared = shared.filter(|shared| own.is_some() || shared.wrong > FIRST_TRIES_MAX);
        let until = own.into_iter().chain(shared).map(|tries| tries.until).max()?;
        (until > now).then(|| until.since(now))
    }

    pub fn wrong(&self, now: Instant, source: IpAddr, name: &str) {
        let mut tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        if tries.len() >= REMEMBERED_MAX {
            make_room(&mut tries, now);
        }
        for (key, free) in
            [((network_of(source), Some(name.to_owned())), FREE), ((network_of(source), None), SOURCE_FREE)]
        {
            let entry = tries.entry(key).or_insert(Tries { wrong: 0, last: now, until: Instant::ZERO });
            if now.since(entry.last) > FORGET_TIME {
                entry.wrong = 0;
            }
            entry.wrong = entry.wrong.saturating_add(1);
            entry.last = now;
            if let Some(over) = entry.wrong.checked_sub(free) {
                entry.until = now + FIRST_WAIT.saturating_mul(1 << over.min(10)).min(WAIT_MAX);
            }
        }
    }

    /// The right password clears the name at this source, not the source: it may be guessing others.
    pub fn right(&self, now: Instant, source: IpAddr, name: &str) {
        self.settle_in(now, source, name);
        let mut tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        tries.remove(&(network_of(source), Some(name.to_owned())));
    }

    fn is_at_home(&self, source: IpAddr, name: &str) -> bool {
        let at_home = self.at_home.lock().unwrap_or_else(PoisonError::into_inner);
        at_home.contains_key(&(network_of(source), name.to_owned()))
    }

    fn settle_in(&self, now: Instant, source: IpAddr, name: &str) {
        let mut at_home = self.at_home.lock().unwrap_or_else(PoisonError::into_inner);
        if at_home.len() >= AT_HOME_MAX {
            let mut ages: Vec<Instant> = at_home.values().copied().collect();
            ages.sort_unstable();
            let middle = ages.get(ages.len() / 2).copied().unwrap_or(now);
            at_home.retain(|_, last| *last > middle);
        }
        at_home.insert((network_of(source), name.to_owned()), now);
    }
}

fn make_room(tries: &mut HashMap<(IpAddr, Option<String>), Tries>, now: Instant) {
    tries.retain(|_, tries| now.since(tries.last) < FORGET_TIME);
    if tries.len() >= REMEMBERED_MAX {
        let mut ages: Vec<Instant> = tries.values().map(|tries| tries.last).collect();
        ages.sort_unstable();
        let middle = ages.get(ages.len() / 2).copied().unwrap_or(now);
        tries.retain(|_, tries| tries.last > middle);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFICE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));
    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 9));

    #[test]
    fn guessing_gets_slower_and_the_user_elsewhere_does_not_notice() {
        let limiter = Limiter::default();
        let mut now = Instant::from_micros(1);
        for _ in 0..4 {
            limiter.wrong(now, OFFICE, "ana");
        }
        assert_eq!(limiter.wait(now, OFFICE, "ana"), None);
        limiter.wrong(now, OFFICE, "ana");
        assert_eq!(limiter.wait(now, OFFICE, "ana"), Some(Duration::from_secs(2)));
        limiter.wrong(now, OFFICE, "ana");
        assert_eq!(limiter.wait(now, OFFICE, "ana"), Some(Duration::from_secs(4)));
        assert_eq!(limiter.wait(now, OFFICE, "rui"), None);
        assert_eq!(limiter.wait(now, HOME, "ana"), None);
        now += Duration::from_secs(5);
        assert_eq!(limiter.wait(now, OFFICE, "ana"), None);
        limiter.right(now, OFFICE, "ana");
        limiter.wrong(now, OFFICE, "ana");
        assert_eq!(limiter.wait(now, OFFICE, "ana"), None);
    }

    #[test]
    fn a_source_that_tries_many_names_waits_too() {
        let limiter = Limiter::default();
        let now = Instant::from_micros(1);
        for n in 0..60 {
            limiter.wrong(now, OFFICE, &format!("user{n}"));
        }
        assert!(limiter.wait(now, OFFICE, "user3").is_some());
        assert_eq!(limiter.wait(now, HOME, "user3"), None);
        assert_eq!(limiter.wait(now, OFFICE, "someone else"), None, "his name was not guessed");
    }

    /// One password with every name: each name's first try is spared no longer, but who is at home there is.
    #[test]
    fn a_source_that_tries_every_name_once_waits_too() {
        let limiter = Limiter::default();
        let now = Instant::from_micros(1);
        limiter.right(now, OFFICE, "ana");
        for n in 0..FIRST_TRIES_MAX {
            assert_eq!(limiter.wait(now, OFFICE, &format!("user{n}")), None);
            limiter.wrong(now, OFFICE, &format!("user{n}"));
        }
        limiter.wrong(now, OFFICE, "one more");
        assert_eq!(limiter.wait(now, OFFICE, "someone else"), Some(WAIT_MAX));
        assert_eq!(limiter.wait(now, OFFICE, "ana"), None, "she has signed in from there");
        assert_eq!(limiter.wait(now, HOME, "someone else"), None);
    }

    #[test]
    fn memory_is_bounded() {
        let limiter = Limiter::default();
        for n in 0..(REMEMBERED_MAX as u64 + 500) {
            limiter.wrong(Instant::from_micros(n), OFFICE, &n.to_string());
        }
        assert!(limiter.tries.lock().unwrap().len() <= REMEMBERED_MAX + 2);
    }
}
