//! INVITEs that a route wants forwarded (`mode = "proxy"`, SW-02): judged as any other, then handed through.
//!
//! What is only forwarded is no call of ours: nobody is busy by it; a line of each carrier is (TK-09). What
//! remains of it is a record (`forwarded`). Whoever hides his number is taken on all the same, since a proxy can't hide
//! a From; and so is whoever may not go there or whose calls are counted (SW-20), to be judged like any other.

use super::{Engine, identity::presented, order::phases_of, outgoing::RESPONSE_TIME};
use crate::{
    base::{Dialled, GroupId, Now, TrunkId},
    sip::{Path, Reply, UsageId, proxy::NextPhase},
    switch::{Caller, Destination, LegParty, Mode, Routed, Target},
    wire::sip::Message,
};

impl Engine {
    /// Where a call is only to be forwarded; `None` where it is to be taken on.
    pub(super) fn forwarded_by_route(&self, party: LegParty, caller: &Caller, dialled: &Dialled) -> Option<Routed> {
        let hides = match party {
            LegParty::User(user) => self.directory.users.get(&user).is_some_and(|user| user.hides_number),
            LegParty::Trunk(_) => false,
        };
        let routed = self.directory.router.route(party, dialled.as_str())?;
        let goes = self.is_allowed(party, &routed) && !self.is_counted(party, &routed);
        (routed.mode == Mode::Proxy && !caller.hidden && !hides && goes).then_some(routed)
    }

    pub(super) fn forward_call(
        &mut self,
        now: Now,
        at: (UsageId, Path),
        request: &Message,
        (party, caller, dialled): (LegParty, &Caller, &Dialled),
        routed: Routed,
    ) {
        let to = routed.destination;
        let (phases, next) = self.forwarding_phases(now, party, routed);
        let called = phases.iter().flatten().map(|target| (target.party, target.address.clone())).collect();
        let after = self.keep_way_key();
        // No carrier had a line free, or one that works.
        let to_carriers = matches!(to, Destination::Trunk(_) | Destination::Trunks(_));
        let room = if phases.is_empty() && to_carriers {
            Err(Reply::new(503).header("Retry-After", "5"))
        } else {
            self.can_keep_forward()
        };
        let done = room.and_then(|()| self.switch.forward(now, at, (party, caller), (phases, next), after));
        match done {
            Ok(()) => {
                self.totals.calls_forwarded += 1;
                let record = self.forward_record(now, (party, caller, dialled), (request, at.1), to);
                self.keep_forward(now, (request, at.1), record, called);
            }
            Err(reply) => self.turn_away(now, at.0, (party, caller.clone(), dialled), reply),
        }
    }

    fn forwarding_phases(&mut self, now: Now, party: LegParty, routed: Routed) -> (Vec<Vec<Target>>, NextPhase) {
        let Routed { destination, number, .. } = routed;
        match destination {
            Destination::User(user) => {
                let user = self.directory.users.get(&user).cloned();
                (user.map(|user| self.user_phases(&user)).unwrap_or_default(), NextPhase::Refused)
            }
            Destination::Group(group) => (self.group_phases(group), NextPhase::Refused),
            Destination::Trunk(trunk) => (self.trunk_phases(now, party, &[trunk], &number), NextPhase::PeerFailed),
            Destination::Trunks(group) => {
                let order = self.trunks_in_order(group).unwrap_or_default();
                (self.trunk_phases(now, party, &order, &number), NextPhase::PeerFailed)
            }
            // The settings take no such route for these: what plays is ours to take on.
            Destination::Queue(_) | Destination::Clip(_) | Destination::Menu(_) => (Vec::new(), NextPhase::Refused),
        }
    }

    fn group_phases(&mut self, group: GroupId) -> Vec<Vec<Target>> {
        let Some(group) = self.group_in_order(group) else { return Vec::new() };
        let users = group.members.iter().filter_map(|user| self.directory.users.get(user));
        phases_of(group.strategy, users.map(|user| self.user_targets(user)).collect())
    }

    /// Each trunk that can take it is a phase of its own; its further servers are tried within.
    fn trunk_phases(&mut self, now: Now, party: LegParty, trunks: &[TrunkId], number: &str) -> Vec<Vec<Target>> {
        let mut phases = Vec::new();
        for trunk in trunks {
            let target = match party {
                LegParty::User(user) => self.trunk_target_of(now, *trunk, number, user).ok(),
                LegParty::Trunk(_) => self.trunk_target_between(now, *trunk, number),
            };
            phases.extend(target.map(|target| vec![target]));
        }
        // Whoever is not the last is not waited for long (TK-05).
        let others = phases.len().saturating_sub(1);
        for target in phases.iter_mut().take(others).flatten() {
            target.dead_time = target.dead_time.min(RESPONSE_TIME);
        }
        phases
    }

    /// A carrier as the target of another's call: it is told no more than that one says itself.
    fn trunk_target_between(&mut self, now: Now, trunk: TrunkId, number: &str) -> Option<Target> {
        let trunk = self.directory.trunks.get(&trunk).cloned()?;
        let shown = presented(&trunk, None, false);
        let urgent = self.directory.dial_plan.is_emergency(number);
        self.trunk_target_showing(now, &trunk, number, shown, urgent).ok()
    }
}
