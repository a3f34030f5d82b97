//! Numbers for what the switch makes.

use serde::{Deserialize, Serialize};

use crate::{
    base::{Chance, Now, Wall},
    media::PortPool,
    sip::StackDraws,
    switch::Switch,
};

/// Midnight before 2026, UTC: ids start from the milliseconds since then, so that those of a later run are higher.
const EPOCH: Wall = Wall(1_767_225_600_000);

/// Draws ids. A run begins above everything that an earlier run of fewer than a thousand a second has drawn, and above
/// everything that the journal remembers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ids {
    call: u64,
    leg: u64,
    ring: u64,
    stream: u64,
    play: u64,
    interaction: u64,
    #[serde(default)]
    segment: u64,
    #[serde(default)]
    ask: u64,
}

impl Ids {
    pub(super) fn new(now: Now) -> Self {
        let floor = u64::try_from(now.wall.0.saturating_sub(EPOCH.0)).unwrap_or(0).max(1);
        Self { call: floor, leg: floor, ring: 0, stream: 0, play: 0, interaction: floor, segment: floor, ask: 0 }
    }

    /// Nothing up to these was drawn by this run, and nothing will be.
    pub fn raise(&mut self, call: u64, interaction: u64) {
        self.call = self.call.max(call);
        self.interaction = self.interaction.max(interaction);
    }

    pub fn raise_segment(&mut self, segment: u64) {
        self.segment = self.segment.max(segment);
    }

    pub(super) fn raise_leg(&mut self, leg: u64) {
        self.leg = self.leg.max(leg);
    }

    /// For the floor above, too: a call that was refused at the door has a number all the same.
    pub fn next_call(&mut self) -> u64 {
        self.call += 1;
        self.call
    }

    /// For the floor above, too: the sides of a call that is only forwarded have numbers all the same.
    pub fn next_leg(&mut self) -> u64 {
        self.leg += 1;
        self.leg
    }

    /// For the floor above.
    pub fn next_ask(&mut self) -> u64 {
        self.ask += 1;
        self.ask
    }

    pub(super) fn next_ring(&mut self) -> u64 {
        self.ring += 1;
        self.ring
    }

    pub(super) fn next_stream(&mut self) -> u64 {
        self.stream += 1;
        self.stream
    }

    pub(super) fn next_play(&mut self) -> u64 {
        self.play += 1;
        self.play
    }

    /// For the floor above.
    pub fn next_segment(&mut self) -> u64 {
        self.segment += 1;
        self.segment
    }

    /// For the floor above.
    pub fn next_interaction(&mut self) -> u64 {
        self.interaction += 1;
        self.interaction
    }
}

/// Where the switch's drawing stands, for a recording.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SwitchDraws {
    stack: StackDraws,
    chance: Chance,
    ids: Ids,
    /// Ports that are not in use, in their order.
    ports: PortPool,
    doors: PortPool,
}

impl Switch {
    pub fn rings_nobody(&self) -> bool {
        self.rings.is_empty()
    }

    pub fn mark(&mut self) -> SwitchDraws {
        SwitchDraws {
            stack: self.stack.mark_draws(),
            chance: self.chance.clone(),
            ids: self.ids.clone(),
            ports: self.ports.clone(),
            doors: self.doors.ports.clone(),
        }
    }

    /// Goes on drawing where another stood that had the same calls.
    pub fn follow(&mut self, draws: SwitchDraws) {
        self.stack.follow(draws.stack);
        (self.chance, self.ids) = (draws.chance, draws.ids);
        (self.ports, self.doors.ports) = (draws.ports, draws.doors);
    }
}
