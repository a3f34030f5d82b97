//! Calls that are forwarded instead of taken on (RFC 3261 16): no leg, no media; the two sides find each other through us and
//! talk without us. What passes is told by [`Fact::Through`](super::Fact::Through).

use super::{Caller, LegParty, Switch, Target, Way, headers, presentation::addressed};
use crate::{
    base::Now,
    sip::{
        Mark, Path, Reply, UsageId,
        proxy::{NextPhase, ProxyPlan, ProxyTarget, Sides, WayKey},
    },
};

impl Switch {
    /// Forwards an INVITE of which [`Fact::Invite`](super::Fact::Invite) told; its targets are labelled by their place in all
    /// phases together, and nothing of it leaves before what `after` stands for. `Err`: how it is to be refused.
    pub fn forward(
        &mut self,
        now: Now,
        (usage, path): (UsageId, Path),
        (party, caller): (LegParty, &Caller),
        (phases, next): (Vec<Vec<Target>>, NextPhase),
        after: Mark,
    ) -> Result<(), Reply> {
        let mut labels = 0..;
        let mut labelled = |target| proxied(party, caller, target, labels.next().unwrap_or_default());
        let of_phase = |phase: Vec<Target>| phase.into_iter().filter_map(&mut labelled).collect();
        let plan = ProxyPlan { phases: phases.into_iter().map(of_phase).collect(), next, after };
        self.stack.forward(now, usage, path, plan)
    }

    /// With [`way_key`](Self::way_key), what the next process needs so that a call goes on through it.
    pub fn sides_through(&self, call_id: &str, caller_tag: &str) -> Option<&Sides> {
        self.stack.sides_through(call_id, caller_tag)
    }

    pub fn restore_through(&mut self, call_id: &str, caller_tag: &str, sides: Sides) {
        self.stack.restore_through(call_id, caller_tag, sides);
    }

    /// A forwarded call is over: soon nothing of it goes on any more.
    pub fn end_through(&mut self, now: Now, call_id: &str, caller_tag: &str) {
        self.stack.end_through(now.mono, call_id, caller_tag);
    }

    /// What seals the ways of those calls.
    pub const fn way_key(&self) -> &WayKey {
        self.stack.way_key()
    }

    pub fn set_way_key(&mut self, key: WayKey) {
        self.stack.set_way_key(key);
    }

    /// Whether a request has been here before as it is now.
    pub fn has_looped(&self, request: &crate::wire::sip::Message) -> bool {
        self.stack.has_looped(request)
    }
}

/// A target of a call as one of a forwarded request. Its From stays as the caller wrote it; who he is we assert beside it,
/// where that is told at all, and where the call has been only a trunk is believed. `None` for a page: nothing is forwarded
/// to it.
fn proxied(party: LegParty, caller: &Caller, target: Target, label: u32) -> Option<ProxyTarget> {
    let (_, _, mut headers) = addressed(caller, &target);
    headers.retain(|(name, _)| name != "Privacy");
    let withheld = headers::HISTORIES.into_iter().filter(|name| !headers::is_told(*name, party, &target)).collect();
    let Way::Sip(way) = target.way else { return None };
    let spares = target.spares.into_iter().filter_map(|spare| proxied(party, caller, spare, label)).collect();
    Some(ProxyTarget {
        path: way.path,
        uri: way.uri,
        routes: way.route_set,
        headers,
        withheld,
        label,
        dead_time: target.dead_time,
        spares,
    })
}
