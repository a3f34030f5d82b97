//! New calls a second from one source (`network_of` its address): beyond the limit they cost the engine nothing.

use std::{collections::HashMap, hash::RandomState, net::IpAddr};

use crate::base::{Instant, network_of};

/// Addresses remembered at once. When as many call within one second, those that nobody remembers are dropped.
pub const SOURCES_MAX: usize = 65_536;

/// A bucket for each address: it holds one second's worth and fills up in one second.
pub struct Rates {
    per_second: u32,
    /// Keyed by chance, since a peer chooses his address.
    buckets: HashMap<IpAddr, Bucket, RandomState>,
}

#[derive(Clone, Copy)]
struct Bucket {
    /// Microseconds' worth of calls still in it, at `at`.
    micros: u64,
    at: Instant,
}

const SECOND: u64 = 1_000_000;

impl Rates {
    pub fn new(per_second: u32) -> Self {
        Self { per_second: per_second.max(1), buckets: HashMap::default() }
    }

    /// Whether this address may place one more call now.
    pub fn admit(&mut self, now: Instant, source: IpAddr) -> bool {
        let source = network_of(source);
        let price = SECOND / u64::from(self.per_second);
        if !self.buckets.contains_key(&source) && !self.has_room(now) {
            return false;
        }
        let bucket = self.buckets.entry(source).or_insert(Bucket { micros: SECOND, at: now });
        let filled = bucket.micros.saturating_add(micros_since(now, bucket.at)).min(SECOND);
        *bucket = Bucket { micros: filled.saturating_sub(price), at: now };
        let enough = filled >= price;
        if !enough {
            bucket.micros = filled;
        }
        enough
    }

    /// Forgets full buckets, which say nothing.
    pub fn rest(&mut self, now: Instant) {
        self.buckets.retain(|_, bucket| bucket.micros + micros_since(now, bucket.at) < SECOND);
        self.buckets.shrink_to_fit();
    }

    /// Forgets full buckets when the table is full.
    fn has_room(&mut self, now: Instant) -> bool {
        if self.buckets.len() >= SOURCES_MAX {
            self.buckets.retain(|_, bucket| bucket.micros + micros_since(now, bucket.at) < SECOND);
        }
        self.buckets.len() < SOURCES_MAX
    }
}

fn micros_since(now: Instant, earlier: Instant) -> u64 {
    now.as_micros().saturating_sub(earlier.as_micros())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_micros(millis * 1_000)
    }

    /// SW-19: one address can't take the whole switch, and gets its share again as time goes on.
    #[test]
    fn an_address_has_its_share_and_no_more() {
        let mut rates = Rates::new(10);
        let (one, two) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let let_in = (0..100).filter(|_| rates.admit(at(0), one)).count();
        assert_eq!(let_in, 10);
        assert!(rates.admit(at(0), two), "another is not hindered");
        assert!(!rates.admit(at(50), one));
        assert!(rates.admit(at(100), one));
        assert!(!rates.admit(at(100), one));
        assert_eq!((0..100).filter(|_| rates.admit(at(5_000), one)).count(), 10);
    }

    /// SW-19: all addresses of a /64 have one share.
    #[test]
    fn sw_19_a_64_of_ipv6_has_one_share() {
        let mut rates = Rates::new(10);
        let of = |network: u16, host: u16| IpAddr::from([0x2001, 0xdb8, 0, network, 0, 0, 0, host]);
        assert_eq!((0..100).filter(|host| rates.admit(at(0), of(1, *host))).count(), 10);
        assert!(rates.admit(at(0), of(2, 1)), "another is not hindered");
    }

    /// SW-19: forged addresses fill a table of known size, which empties by itself.
    #[test]
    fn the_table_is_bounded() {
        let mut rates = Rates::new(1);
        for number in 0..SOURCES_MAX as u32 + 10 {
            rates.admit(at(0), IpAddr::from(number.to_be_bytes()));
        }
        assert_eq!(rates.buckets.len(), SOURCES_MAX);
        assert!(!rates.admit(at(1), IpAddr::from([200, 0, 0, 1])));
        assert!(rates.admit(at(1_001), IpAddr::from([200, 0, 0, 1])));
        assert_eq!(rates.buckets.len(), 1);
        rates.rest(at(3_000));
        assert_eq!(rates.buckets.capacity(), 0);
    }
}
