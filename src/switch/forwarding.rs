//! Calls that are forwarded instead of taken on (RFC 3261 16): no leg, no media; the two sides find each other through us and
//! talk without us. What passes is told by [`Fact::Through`](super::Fact::Through).

use super::{Caller, Switch, Target, Way, presentation::addressed};
use crate::{
    base::Now,
    sip::{
        Mark, Path, Reply, UsageId,
        proxy::{NextPhase, ProxyPlan, ProxyTarget, WayKey},
    },
};

impl Switch {
    /// Forwards an INVITE of which [`Fact::Invite`](super::Fact::Invite) told; its targets are labelled by their place in all
    /// phases together, and nothing of it leaves before what `after` stands for. `Err`: how it is to be refused.
    pub fn forward(
        &mut self,
        now: Now,
        (usage, path): (UsageId, Path),
        caller: &Caller,
        (phases, next): (Vec<Vec<Target>>, NextPhase),
        after: Mark,
    ) -> Result<(), Reply> {
        let mut labels = 0..;
        let mut labelled = |target| proxied(caller, target, labels.next().unwrap_or_default());
        let of_phase = |phase: Vec<Target>| phase.into_iter().filter_map(&mut labelled).collect();
        let plan = ProxyPlan { phases: phases.into_iter().map(of_phase).collect(), next, after };
        self.stack.forward(now, usage, path, plan)
    }

    /// What the next process needs so that dialogs go on through it.
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
/// where that is told at all. `None` for a page: nothing is forwarded to it.
fn proxied(caller: &Caller, target: Target, label: u32) -> Option<ProxyTarget> {
    let (_, _, mut headers) = addressed(caller, &target);
    headers.retain(|(name, _)| name != "Privacy");
    let Way::Sip(way) = target.way else { return None };
    let spares = target.spares.into_iter().filter_map(|spare| proxied(caller, spare, label)).collect();
    Some(ProxyTarget {
        path: way.path,
        uri: way.uri,
        routes: way.route_set,
        headers,
        label,
        dead_time: target.dead_time,
        spares,
    })
}
