//! Who talks with whom, told on every leg in the same words (RFC 7989). The switch is an end itself only for who waits;
//! for a peer that has no name it speaks in one of its own.

use super::Switch;
use crate::{
    base::LegId,
    sip::{EndId, UsageId},
};

impl Switch {
    /// What this side calls itself, or we call it.
    pub(super) fn end_of(&self, leg: LegId) -> EndId {
        let Some(leg) = self.legs.get(&leg).filter(|_| self.headers.correlates()) else { return EndId::default() };
        leg.signalling.usage().and_then(|usage| self.stack.called_itself(usage)).unwrap_or(leg.end)
    }

    /// A name for a leg that has none of its own, or for the switch.
    pub(super) fn draw_end(&mut self) -> EndId {
        if self.headers.correlates() { EndId::draw(&mut self.chance) } else { EndId::default() }
    }

    /// Nobody but us talks to this peer yet.
    pub(super) fn speak_for_ourselves(&mut self, usage: UsageId) {
        let end = self.draw_end();
        self.stack.speak_for(usage, end);
    }

    /// From now on the one is told of the other.
    pub(super) fn speak_for_each_other(&mut self, a: LegId, b: LegId) {
        for (to, of) in [(a, b), (b, a)] {
            let end = self.end_of(of);
            if let Some(usage) = self.legs.get(&to).and_then(|leg| leg.signalling.usage()) {
                self.stack.speak_for(usage, end);
            }
        }
    }
}
