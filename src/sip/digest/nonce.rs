//! Nonces that prove themselves, and the memory of the counts seen with them.

use std::{collections::VecDeque, net::IpAddr, time::Duration};

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::base::{Chance, Instant, KeyedMap, keyed_map};

/// How long a nonce is good. Phones register about once an hour and pay one round trip more each time; a stolen answer is
/// worthless after it.
pub(super) const NONCE_TIME: Duration = Duration::from_secs(300);

/// Nonces with a remembered count. When it is full the oldest is forgotten and becomes stale with all issued before it,
/// so that a forgotten count can't be replayed.
pub(super) const NONCES_MAX: usize = 65_536;

/// Octets of a nonce, which is written in hexadecimal.
const NONCE_LEN: usize = 32;

/// Counts that may arrive late, behind the highest seen: requests sent together overtake each other.
const WINDOW: u32 = 64;

/// What a nonce says about itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Standing {
    /// Ours, fresh, for this source.
    Good { serial: u64 },
    /// Ours, for this source, but too old or forgotten.
    Stale,
    /// Ours to look at, but issued to another address or before a restart, or made up: whoever shows it need not even have
    /// heard us.
    Unproved,
    /// Does not even look like ours.
    Foreign,
}

/// Issues and checks nonces: `issued ‖ serial ‖ MAC(key, issued ‖ serial ‖ source)`, 8, 8 and 16 octets. No state is kept
/// for a challenge; only a nonce that was answered rightly gets a row.
pub(super) struct Nonces {
    key: [u8; 32],
    serial: u64,
    seen: KeyedMap<u64, Counts>,
    order: VecDeque<(Instant, u64)>,
    /// Serials below this are stale.
    floor: u64,
}

#[derive(Clone, Copy)]
struct Counts {
    highest: u32,
    /// Bit n: `highest - n` was seen.
    seen: u64,
}

impl Nonces {
    pub fn new(chance: &mut Chance) -> Self {
        Self { key: chance.bytes(), serial: 0, seen: keyed_map(), order: VecDeque::new(), floor: 0 }
    }

    /// Whoever has these issues and takes the same nonces.
    pub fn draws(&self) -> ([u8; 32], u64) {
        (self.key, self.serial)
    }

    pub fn set_draws(&mut self, (key, serial): ([u8; 32], u64)) {
        (self.key, self.serial) = (key, serial);
    }

    pub fn issue(&mut self, now: Instant, source: IpAddr) -> String {
        self.serial += 1;
        hex::encode(self.octets(now.as_micros(), self.serial, source))
    }

    fn octets(&self, issued: u64, serial: u64, source: IpAddr) -> [u8; NONCE_LEN] {
        let said = [issued.to_be_bytes(), serial.to_be_bytes()];
        let mut hasher = Sha256::new();
        hasher.update(self.key);
        hasher.update(said.as_flattened());
        match source {
            IpAddr::V4(v4) => hasher.update(v4.octets()),
            IpAddr::V6(v6) => hasher.update(v6.octets()),
        }
        let mut octets = [0; NONCE_LEN];
        let (head, mac) = octets.split_at_mut(16);
        head.copy_from_slice(said.as_flattened());
        mac.copy_from_slice(&hasher.finalize()[..16]);
        octets
    }

    pub fn standing(&self, now: Instant, source: IpAddr, nonce: &str) -> Standing {
        let mut octets = [0; NONCE_LEN];
        if hex::decode_to_slice(nonce, &mut octets).is_err() {
            return Standing::Foreign;
        }
        let [issued, serial] =
            [0, 8].map(|at| octets[at..at + 8].iter().fold(0, |word, octet| (word << 8) | u64::from(*octet)));
        let genuine = self.octets(issued, serial, source);
        if !bool::from(genuine.ct_eq(&octets)) {
            return Standing::Unproved;
        }
        let age = now.since(Instant::from_micros(issued));
        if age > NONCE_TIME || serial < self.floor { Standing::Stale } else { Standing::Good { serial } }
    }

    /// Takes a count for this nonce; false when it was seen before or is too far behind.
    pub fn take(&mut self, now: Instant, serial: u64, count: u32) -> bool {
        self.forget_old(now);
        match self.seen.get_mut(&serial) {
            Some(counts) => counts.take(count),
            None if serial < self.floor => false,
            None => {
                self.make_room();
                self.seen.insert(serial, Counts { highest: count, seen: 1 });
                self.order.push_back((now, serial));
                true
            }
        }
    }

    fn forget_old(&mut self, now: Instant) {
        // A row may go one lifetime after its first use: the nonce is older than that and stale.
        while let Some((since, serial)) = self.order.front().copied() {
            if now.since(since) <= NONCE_TIME {
                break;
            }
            self.order.pop_front();
            self.seen.remove(&serial);
        }
    }

    fn make_room(&mut self) {
        if self.order.len() >= NONCES_MAX
            && let Some((_, serial)) = self.order.pop_front()
        {
            self.seen.remove(&serial);
            self.floor = self.floor.max(serial + 1);
        }
    }

    pub fn remembered(&self) -> usize {
        self.seen.len()
    }
}

impl Counts {
    fn take(&mut self, count: u32) -> bool {
        if count > self.highest {
            let step = count - self.highest;
            self.seen = if step >= WINDOW { 1 } else { (self.seen << step) | 1 };
            self.highest = count;
            return true;
        }
        let behind = self.highest - count;
        let bit = if behind >= WINDOW { return false } else { 1u64 << behind };
        let fresh = self.seen & bit == 0;
        self.seen |= bit;
        fresh
    }
}
