//! What must hold at any time between the distributor, the calls and what is noted of both; and what is done where it does
//! not.
//!
//! What is held of a call that is over is let go, and the distributor derives its lists anew. A fault within a call that
//! lives is told and left: ending it would do more harm than the fault.

use std::{collections::BTreeSet, time::Duration};

use super::{Alarm, Engine, drive::Timer};
use crate::{
    acd::PartEnd,
    base::{AgentId, CallId, EngagementId, Now},
    switch::{Cause, EndedBy, LegParty, RingId},
};

/// How often the invariants are checked. It costs about a tenth of a microsecond a leg.
pub(super) const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// Faults told of one sweep: the first ones say it all.
const TOLD_MAX: usize = 5;

impl Engine {
    /// What must hold at any time, in words; empty when all is well.
    pub fn check_invariants(&self) -> Vec<String> {
        let mut wrong = self.switch.check_invariants();
        let acd = self.acd.check_invariants();
        wrong.extend(acd.into_iter().map(|found| format!("{}: {}", found.invariant, found.what)));
        wrong.extend(self.watching.check());
        wrong.extend(
            self.held_by_the_dead().map(|call| format!("{call} is over, and still in a menu, a queue or a talk")),
        );
        wrong.extend(self.callless().map(|engagement| format!("{engagement} has no call")));
        wrong.extend(
            self.idle_in_talk().map(|(call, agent)| format!("{agent} talks in {call} and is not busy with it")),
        );
        wrong.extend(self.unasked().map(|ring| format!("{ring:?} rings for an offer that does not know of it")));
        wrong
    }

    /// Calls that are over and hold a menu, an agent or a place in a queue.
    fn held_by_the_dead(&self) -> impl Iterator<Item = CallId> + '_ {
        let noted = self.notes.iter().filter(|(_, note)| note.engagement.is_some() || note.interaction.is_some());
        let held = noted.map(|(call, _)| *call).chain(self.in_menus.keys().copied());
        let held = held.chain(self.direct.keys().map(|(call, _)| *call));
        held.filter(|call| self.switch.call(*call).is_none())
    }

    fn callless(&self) -> impl Iterator<Item = EngagementId> + '_ {
        let astray = self
            .engagements
            .iter()
            .filter(|(engagement, call)| self.notes.get(call).is_none_or(|note| note.engagement != Some(**engagement)));
        astray.map(|(engagement, _)| *engagement)
    }

    /// Agents who talk, as one of the two, in a call that neither their engagement nor anything else keeps them busy with.
    fn idle_in_talk(&self) -> impl Iterator<Item = (CallId, AgentId)> + '_ {
        let legs = self.notes.keys().filter_map(|call| self.switch.call(*call)).flat_map(|sight| sight.legs());
        let talking = legs.filter(|leg| self.switch.partner(leg.id()).is_some());
        let agents = talking.filter_map(|leg| match leg.party() {
            LegParty::User(user) => Some((leg.call(), self.directory.agent_of(user)?)),
            LegParty::Trunk(_) => None,
        });
        // Who is offline may call for help, and is not kept.
        agents.filter(|(call, agent)| {
            !self.direct.contains_key(&(*call, *agent)) && !self.has_engagement(*call, *agent) && !self.is_urgent(*call)
        })
    }

    fn unasked(&self) -> impl Iterator<Item = RingId> + '_ {
        let astray = self
            .rings
            .iter()
            .filter(|(ring, offer)| self.offers.get(offer).is_none_or(|asked| asked.ring != Some(**ring)));
        astray.map(|(ring, _)| *ring)
    }

    /// Once a second: looks, mends what it can, tells what it found; what it could not mend it tells once.
    pub(super) fn sweep(&mut self, now: Now) {
        self.timers.set(Timer::Sweep, now.mono + SWEEP_EVERY);
        self.watch_wall(now);
        // What ended in this very moment has not been told yet.
        self.settle(now);
        let found = self.check_invariants();
        if found.is_empty() {
            self.broken.clear();
            return;
        }
        self.repair(now);
        let left: BTreeSet<String> = self.check_invariants().into_iter().collect();
        let news: Vec<String> = found.into_iter().filter(|what| !self.broken.contains(what)).collect();
        self.totals.invariants_broken += news.len() as u64;
        self.totals.invariants_repaired += news.iter().filter(|what| !left.contains(*what)).count() as u64;
        for what in news.into_iter().take(TOLD_MAX) {
            let repaired = !left.contains(&what);
            self.alarm(now, Alarm::Invariant { what, repaired });
        }
        self.broken = left;
    }

    fn repair(&mut self, now: Now) {
        let over: BTreeSet<CallId> = self.held_by_the_dead().collect();
        for call in over {
            self.on_over(now, call, (EndedBy::Switch, None));
        }
        let callless: Vec<EngagementId> = self.callless().collect();
        for engagement in callless {
            self.engagements.remove(&engagement);
            self.acd.handle_ended(now, engagement, PartEnd::System);
        }
        let unasked: Vec<RingId> = self.unasked().collect();
        for ring in unasked {
            self.rings.remove(&ring);
            self.switch.stop_ring(now, ring, Cause::CANCELLED);
        }
        self.acd.repair(now);
        self.settle(now);
    }
}
