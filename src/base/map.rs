//! Maps for look-up. What is iterated goes into a `BTreeMap`, so that the same day replays to the same outputs.

use std::{
    collections::{HashMap, HashSet},
    hash::{BuildHasherDefault, Hasher, RandomState},
};

/// Look-up by ids that we made ourselves: a fast, fixed hash. Never for keys that a peer chooses.
pub type FastMap<K, V> = HashMap<K, V, BuildHasherDefault<IdHasher>>;
pub type FastSet<K> = HashSet<K, BuildHasherDefault<IdHasher>>;

/// Look-up by keys that a peer chooses (Call-ID, branch, user part): a keyed hash, so that nobody can make them collide.
///
/// The order of such a map differs from run to run and must never be observed: do not iterate it.
pub type KeyedMap<K, V> = HashMap<K, V, RandomState>;

pub fn keyed_map<K, V>() -> KeyedMap<K, V> {
    HashMap::with_hasher(RandomState::new())
}

/// FNV-1a with a multiply-shift finish for integers.
#[derive(Clone, Copy)]
pub struct IdHasher(u64);

impl Default for IdHasher {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl IdHasher {
    fn mix(&mut self, word: u64) {
        self.0 = (self.0 ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 ^= self.0 >> 29;
    }
}

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn write_u8(&mut self, word: u8) {
        self.mix(u64::from(word));
    }

    fn write_u16(&mut self, word: u16) {
        self.mix(u64::from(word));
    }

    fn write_u32(&mut self, word: u32) {
        self.mix(u64::from(word));
    }

    fn write_u64(&mut self, word: u64) {
        self.mix(word);
    }

    fn write_usize(&mut self, word: usize) {
        self.mix(word as u64);
    }

    fn write_isize(&mut self, word: isize) {
        self.mix(word as u64);
    }

    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }
}
