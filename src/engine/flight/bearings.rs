//! What of a living engine its journal does not say, because a restart draws it anew: generators, counters, and the order
//! of the free ports. With them an engine made of a base draws what the recorded one drew.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    base::{Chance, Now, ServiceId},
    engine::{Engine, Entry, EntryId, Input, asking::Breaker},
    sip::digest::VerifierDraws,
    switch::SwitchDraws,
};

/// Where an engine stood in the middle of its life, beside its journal.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Bearings {
    switch: SwitchDraws,
    verifier: VerifierDraws,
    acd: (Chance, u64),
    last_entry: EntryId,
    sequence: u64,
    #[serde(default)]
    services: BTreeMap<ServiceId, Breaker>,
}

impl Engine {
    /// Nothing rings: a base has all that is under way.
    pub fn is_calm(&self) -> bool {
        self.switch.rings_nobody()
    }

    /// For a [`Base`](super::Base).
    pub fn mark(&mut self) -> Bearings {
        let (last_entry, sequence) = self.counters();
        Bearings {
            switch: self.switch.mark(),
            verifier: self.verifier.draws(),
            acd: self.acd.draws(),
            last_entry,
            sequence,
            services: self.breakers(),
        }
    }

    /// Restores what another engine had, its connections too.
    pub(super) fn stand_in(&mut self, now: Now, entries: Vec<Entry>) {
        self.keep_flows();
        self.handle(now, Input::Restore(entries));
        self.handle(now, Input::Restored);
    }

    /// Goes on drawing where the other stood.
    pub(super) fn take_up(&mut self, bearings: Bearings) {
        let Bearings { switch, verifier, acd, last_entry, sequence, services } = bearings;
        self.switch.follow(switch);
        self.verifier.set_draws(verifier);
        self.acd.set_draws(acd);
        self.set_counters(last_entry, sequence);
        self.set_breakers(services);
    }
}
