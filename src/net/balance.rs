//! What strangers' addresses are answered by datagram: no more octets than have come from there, since whoever forges an
//! address could have it flooded otherwise.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
};

use super::SOURCES_MAX;
use crate::base::{Instant, network_of};

/// Octets that an address is answered beyond what came from it. A house full of phones that register for the first time in
/// one moment is owed some hundred octets each.
const CREDIT_MAX: u64 = 64 << 10;

/// Octets a second by which the credit grows again.
const REFILL: u64 = 4 << 10;

/// The credit of each source (`network_of` its address) that is not whole. When as many are owed as can be remembered, further ones get nothing.
#[derive(Default)]
pub struct Balance {
    credits: HashMap<IpAddr, Credit>,
}

#[derive(Clone, Copy)]
struct Credit {
    octets: u64,
    at: Instant,
}

impl Balance {
    /// A datagram came.
    pub fn came(&mut self, source: SocketAddr, octets: usize) {
        if let Some(credit) = self.credits.get_mut(&network_of(source.ip())) {
            credit.octets = (credit.octets + octets as u64).min(CREDIT_MAX);
        }
    }

    /// Whether an answer of so many octets may go there.
    pub fn admit(&mut self, now: Instant, remote: SocketAddr, octets: usize) -> bool {
        let source = network_of(remote.ip());
        if !self.credits.contains_key(&source) && self.credits.len() >= SOURCES_MAX {
            self.rest(now);
            if self.credits.len() >= SOURCES_MAX {
                return false;
            }
        }
        let credit = self.credits.entry(source).or_insert(Credit { octets: CREDIT_MAX, at: now });
        *credit = credit.grown(now);
        let rest = credit.octets.checked_sub(octets as u64);
        credit.octets = rest.unwrap_or(credit.octets);
        rest.is_some()
    }

    /// Forgets those whose credit is whole.
    pub fn rest(&mut self, now: Instant) {
        self.credits.retain(|_, credit| credit.grown(now).octets < CREDIT_MAX);
        self.credits.shrink_to_fit();
    }
}

impl Credit {
    fn grown(self, now: Instant) -> Self {
        let micros = now.as_micros().saturating_sub(self.at.as_micros());
        Self { octets: (self.octets + micros.saturating_mul(REFILL) / 1_000_000).min(CREDIT_MAX), at: now }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_micros(millis * 1_000)
    }

    /// SW-19: an address gets what came from it and a little more, others as much, and the table is bounded.
    #[test]
    fn sw_19_nobody_is_sent_more_than_came_from_him() {
        let mut balance = Balance::default();
        let (one, two): (SocketAddr, SocketAddr) =
            ("192.0.2.1:5060".parse().unwrap(), "192.0.2.2:5060".parse().unwrap());
        let (mut came, mut went) = (0, 0);
        for _ in 0..10_000 {
            balance.came(one, 480);
            came += 480;
            went += if balance.admit(at(0), one, 580) { 580 } else { 0 };
        }
        assert!(went > came - 580 && went <= came + CREDIT_MAX, "{went} of {came}");
        assert!(balance.admit(at(0), two, 580), "another is not hindered");
        assert!(!balance.admit(at(0), one, 4_000) && balance.admit(at(1_000), one, 4_000));
        balance.rest(at(60_000));
        assert!(balance.credits.is_empty());
        for number in 0..SOURCES_MAX as u32 + 10 {
            balance.admit(at(0), SocketAddr::new(number.to_be_bytes().into(), 1), 100);
        }
        assert_eq!(balance.credits.len(), SOURCES_MAX);
        assert!(balance.admit(at(1_000), two, 100), "room comes by itself");
    }
}
