//! Where users were at home a while ago: a phone that un-registers to start anew is not to be kept out for what others at its
//! address guessed meanwhile.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use crate::base::{Instant, network_of};

/// How long a home is known after its last device has left.
const HOME_TIME: Duration = Duration::from_secs(3_600);

/// Homes that devices have left. When as many are known, further ones are not.
const HOMES_MAX: usize = 65_536;

/// Homes that devices have left lately, by source (`network_of` the address).
#[derive(Default)]
pub(super) struct Homes(BTreeMap<(IpAddr, Box<str>), Left>);

#[derive(Clone, Copy)]
struct Left {
    remote: SocketAddr,
    at: Instant,
}

impl Left {
    fn is_recent(&self, now: Instant) -> bool {
        now.since(self.at) < HOME_TIME
    }
}

impl Homes {
    /// A device of the user's has left.
    pub fn note(&mut self, now: Instant, remote: SocketAddr, user: &str) {
        if self.0.len() >= HOMES_MAX {
            self.0.retain(|_, left| left.is_recent(now));
        }
        let key = (network_of(remote.ip()), user.into());
        if self.0.len() < HOMES_MAX || self.0.contains_key(&key) {
            self.0.insert(key, Left { remote, at: now });
        }
    }

    /// Whether anybody was at home there.
    pub fn was_at_home(&self, now: Instant, source: IpAddr) -> bool {
        let source = network_of(source);
        let of_source = self.0.range((source, "".into())..).take_while(|((home, _), _)| *home == source);
        of_source.into_iter().any(|(_, left)| left.is_recent(now))
    }

    /// Whether he was.
    pub fn was_users_home(&self, now: Instant, source: IpAddr, user: &str) -> bool {
        self.left(now, source, user).is_some()
    }

    /// Whether a device of his was at exactly that place.
    pub fn was_his(&self, now: Instant, remote: SocketAddr, user: &str) -> bool {
        self.left(now, remote.ip(), user).is_some_and(|left| left.remote == remote)
    }

    fn left(&self, now: Instant, source: IpAddr, user: &str) -> Option<&Left> {
        self.0.get(&(network_of(source), user.into())).filter(|left| left.is_recent(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SW-19: a home is known for an hour, and no more of them than there is room for.
    #[test]
    fn sw_19_a_home_is_known_for_an_hour() {
        let mut homes = Homes::default();
        let (begin, place) = (Instant::from_micros(1), SocketAddr::from(([192, 0, 2, 7], 5060)));
        homes.note(begin, place, "ana");
        let later = begin + HOME_TIME - Duration::from_secs(1);
        assert!(homes.was_users_home(later, place.ip(), "ana") && homes.was_at_home(later, place.ip()));
        assert!(homes.was_his(later, place, "ana") && !homes.was_his(later, (place.ip(), 5061).into(), "ana"));
        assert!(
            !homes.was_users_home(later, place.ip(), "rui")
                && !homes.was_users_home(later, [192, 0, 2, 8].into(), "ana")
        );
        assert!(!homes.was_at_home(begin + HOME_TIME, place.ip()));
        for number in 0..HOMES_MAX as u32 + 10 {
            homes.note(later, SocketAddr::new(number.to_be_bytes().into(), 5060), "ana");
        }
        assert_eq!(homes.0.len(), HOMES_MAX);
        homes.note(later + HOME_TIME, place, "ana");
        assert_eq!(homes.0.len(), 1);
    }
}
