//! Randomness as a value: seeded by the shell from the system, by tests by hand.

use rand_chacha::{
    ChaCha12Rng,
    rand_core::{RngCore, SeedableRng},
};
use serde::{Deserialize, Serialize};

/// A ChaCha generator. Tags, branches, nonces, credentials and random choices all come from here, so that the same
/// seed and the same inputs give the same outputs.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(from = "Position", into = "Position")]
pub struct Chance(ChaCha12Rng);

/// Where a generator stands. A secret, like what it will draw.
#[derive(Serialize, Deserialize)]
struct Position {
    seed: [u8; 32],
    /// Words drawn; beyond 2^64 nobody comes.
    drawn: u64,
}

impl From<Position> for Chance {
    fn from(position: Position) -> Self {
        let mut generator = ChaCha12Rng::from_seed(position.seed);
        generator.set_word_pos(u128::from(position.drawn));
        Self(generator)
    }
}

impl From<Chance> for Position {
    fn from(chance: Chance) -> Self {
        Self { seed: chance.0.get_seed(), drawn: u64::try_from(chance.0.get_word_pos()).unwrap_or(u64::MAX) }
    }
}

impl Chance {
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(ChaCha12Rng::from_seed(seed))
    }

    /// For tests and simulations.
    pub fn from_number(seed: u64) -> Self {
        Self(ChaCha12Rng::seed_from_u64(seed))
    }

    pub fn word(&mut self) -> u64 {
        self.0.next_u64()
    }

    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        self.0.fill_bytes(&mut out);
        out
    }

    /// Evenly from `0..bound`; zero when `bound` is zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 {
            return 0;
        }
        // Lemire's multiply-shift; the bias of the simple form is below 2^-32 for every bound we use.
        ((u128::from(self.word()) * u128::from(bound)) >> 64) as u64
    }

    /// Evenly from `0.0..1.0`.
    pub fn unit(&mut self) -> f64 {
        (self.word() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Sixteen lower-case hexadecimal digits: 64 bits that nobody can guess.
    pub fn token(&mut self) -> String {
        format!("{:016x}", self.word())
    }

    /// A generator of its own for a part, so that what one part draws does not shift another's.
    pub fn fork(&mut self) -> Self {
        Self::from_seed(self.bytes())
    }
}

/// The lowest priority first; among equals by chance, as their weights want it (RFC 2782). A weight of zero counts as one.
pub fn in_weighted_order<T>(mut left: Vec<T>, rank: impl Fn(&T) -> (u32, u16), chance: &mut Chance) -> Vec<T> {
    left.sort_by_key(|item| rank(item).0);
    let mut order = Vec::with_capacity(left.len());
    while let Some(first) = left.first().map(|item| rank(item).0) {
        let weights = left.iter().map(&rank).take_while(|(priority, _)| *priority == first);
        let weights: Vec<u64> = weights.map(|(_, weight)| u64::from(weight.max(1))).collect();
        let mut drawn = chance.below(weights.iter().sum());
        let mut at = 0;
        for (place, weight) in weights.iter().enumerate() {
            if drawn < *weight {
                at = place;
                break;
            }
            drawn -= weight;
        }
        order.push(left.remove(at));
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written down and read again, it goes on where it was.
    #[test]
    fn a_generator_goes_on_where_it_stood() {
        for drawn in [0, 1, 5, 1_000] {
            let mut one = Chance::from_number(7);
            for _ in 0..drawn {
                one.bytes::<5>();
            }
            let mut two: Chance = serde_json::from_str(&serde_json::to_string(&one).unwrap()).unwrap();
            assert_eq!((one.word(), one.fork().token()), (two.word(), two.fork().token()));
        }
    }

    #[test]
    fn the_same_seed_draws_the_same() {
        let (mut one, mut two) = (Chance::from_number(7), Chance::from_number(7));
        assert_eq!(one.token(), two.token());
        assert_eq!(one.fork().word(), two.fork().word());
        assert!((0..1000).all(|_| one.below(3) < 3));
        assert_eq!(one.below(0), 0);
        assert!((0..1000).map(|_| one.unit()).all(|u| (0.0..1.0).contains(&u)));
    }

    /// TK-05: priorities are strict, weights are shares.
    #[test]
    fn tk_05_weights_share_the_calls() {
        let items = vec![('a', 2, 100), ('b', 1, 30), ('c', 1, 70)];
        let mut chance = Chance::from_number(5);
        let mut share = 0;
        for _ in 0..1_000 {
            let order = in_weighted_order(items.clone(), |(_, priority, weight)| (*priority, *weight), &mut chance);
            assert_eq!((order.len(), order[2].0), (3, 'a'));
            share += u32::from(order[0].0 == 'c');
        }
        assert!((650..750).contains(&share), "{share}");
    }
}
