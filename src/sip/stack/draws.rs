//! Where the stack's drawing stands, for a recording.

use serde::{Deserialize, Serialize};

use super::Stack;
use crate::{base::Chance, sip::slab::Places};

/// The generator of tags and branches, the key of stateless tags, and the numbers of transactions, which branches carry.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StackDraws {
    chance: Chance,
    tag_key: [u8; 32],
    transactions: Places,
}

impl Stack {
    pub fn mark_draws(&mut self) -> StackDraws {
        StackDraws { chance: self.chance.clone(), tag_key: self.tag_key, transactions: self.transactions.mark() }
    }

    /// Goes on drawing where another stood. Transactions that are there are forgotten: they are not the other's.
    pub fn follow(&mut self, draws: StackDraws) {
        self.transactions.follow(draws.transactions);
        (self.chance, self.tag_key) = (draws.chance, draws.tag_key);
    }
}
