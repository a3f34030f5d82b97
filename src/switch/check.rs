//! What must hold at any time, and how much there is.

use super::Switch;
use crate::sip::StackCounts;

/// How much a switch holds; all zero, but for free ports, when every call has ended and its transactions have too.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SwitchCounts {
    pub calls: usize,
    pub legs: usize,
    pub rings: usize,
    /// Streams whose figures are awaited.
    pub closing: usize,
    pub ports_free: usize,
    pub ports_total: usize,
    /// Ports for browsers' legs.
    pub doors_free: usize,
    pub timers: usize,
    pub stack: StackCounts,
}

impl Switch {
    pub fn counts(&self) -> SwitchCounts {
        SwitchCounts {
            calls: self.calls.len(),
            legs: self.legs.len(),
            rings: self.rings.len(),
            closing: self.closing.len(),
            ports_free: self.ports.free(),
            ports_total: self.ports.total(),
            doors_free: self.doors.ports.free(),
            timers: self.timers.len(),
            stack: self.stack.counts(),
        }
    }

    /// Every leg belongs to a call that knows it, every call has a caller or is settling, every port is accounted for.
    /// Empty when all is well.
    pub fn check_invariants(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut check = |holds: bool, what: &dyn Fn() -> String| {
            if !holds {
                wrong.push(what());
            }
        };
        for (id, leg) in &self.legs {
            let known = self.calls.get(&leg.call).is_some_and(|call| call.legs.contains(id));
            check(known, &|| format!("{id} is unknown to {}", leg.call));
            let usage = leg.signalling.usage();
            check(usage.is_none_or(|usage| self.usages.get(&usage) == Some(id)), &|| format!("{id} has no dialog"));
            check(self.streams.get(&leg.media.stream) == Some(id), &|| format!("{id} has no stream"));
            let peer = leg.peer.is_none_or(|peer| self.legs.get(&peer).is_some_and(|peer| peer.peer == Some(*id)));
            check(peer, &|| format!("{id} hears a leg that does not hear it"));
        }
        for (id, call) in &self.calls {
            let has_caller = call.legs.contains(&call.caller_leg);
            let settles = call.legs.is_empty() && !call.unsettled.is_empty();
            check(has_caller || settles, &|| format!("{id} has no caller"));
            check(call.legs.iter().all(|leg| self.legs.contains_key(leg)), &|| format!("{id} has a dead leg"));
            check(call.rings.iter().all(|ring| self.rings.contains_key(ring)), &|| format!("{id} has a dead ring"));
        }
        for (id, ring) in &self.rings {
            check(!ring.legs.is_empty(), &|| format!("{id:?} rings nobody"));
            check(self.calls.contains_key(&ring.call), &|| format!("{id:?} rings for no call"));
        }
        let browsers = self.legs.values().filter(|leg| leg.media.door.is_some()).count();
        for (pool, legs) in [(&self.ports, self.legs.len() - browsers), (&self.doors.ports, browsers)] {
            check(pool.free() + legs == pool.total(), &|| {
                format!("{} ports, {} free, {legs} legs", pool.total(), pool.free())
            });
        }
        let dialogs = self.legs.values().filter(|leg| leg.signalling.usage().is_some()).count();
        check(self.usages.len() == dialogs, &|| format!("{} dialogs, {dialogs} legs", self.usages.len()));
        check(self.streams.len() == self.legs.len(), &|| format!("{} streams too many", self.streams.len()));
        wrong
    }

    /// For tests of what becomes of a fault that can't be mended.
    #[cfg(test)]
    pub(crate) fn lose_a_port(&mut self) {
        let lost = self.ports.take(crate::base::Instant::from_micros(0), None);
        assert!(lost.is_some());
    }
}
