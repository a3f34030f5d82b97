//! Copies of a request on their way: which go out when, and what ends them.

use std::time::Duration;

use super::{
    Best, Branch, BranchState, NextPhase, Proxied, ProxyClock, ProxyId, ProxyTarget, RING_MAX, ThroughStep,
    forward::Forward,
};
use crate::{
    base::Now,
    sip::{Reply, Stack, stack::Start, transaction::ClientOwner},
};

/// Whoever else rings hears why it stops (RFC 3326).
const ELSEWHERE: &str = "SIP;cause=200;text=\"Call completed elsewhere\"";

impl Stack {
    /// The next targets, as many at once as Max-Breadth allows; the rest of them is a phase of its own (RFC 5393 5.3.3).
    pub(super) fn start_phase(&mut self, now: Now, id: ProxyId) {
        let Some(proxied) = self.proxy.slab.get_mut(id) else { return };
        let breadth = proxied.breadth;
        let Some(mut phase) = proxied.rest.pop_front() else { return self.finish_proxied(now, id) };
        let room = usize::try_from(breadth).unwrap_or(usize::MAX);
        if phase.len() > room {
            let later = phase.split_off(room);
            proxied.rest.push_front(later);
        }
        let count = u32::try_from(phase.len()).unwrap_or(u32::MAX).max(1);
        let (share, over) = (breadth / count, breadth % count);
        for (at, target) in phase.into_iter().enumerate() {
            let share = share + u32::from(at == 0) * over;
            self.start_branch(now, id, target, share);
        }
        self.go_on(now, id);
    }

    fn start_branch(&mut self, now: Now, id: ProxyId, target: ProxyTarget, share: u32) {
        let has_room = self.has_room();
        let transaction = self.new_branch();
        let Some(proxied) = self.proxy.slab.get(id) else { return };
        let at = u16::try_from(proxied.branches.len()).unwrap_or(u16::MAX);
        if !has_room {
            return self.note_refusal(id, Best::Ours(503));
        }
        let (request, opens) = (proxied.request.clone(), proxied.request.to_tag().is_none());
        let (is_invite, after, has_others) = (proxied.is_invite(), proxied.after, !proxied.rest.is_empty());
        let forward = Forward {
            branch: transaction,
            target: &target,
            recorded: (is_invite && opens).then_some(proxied.path),
            came_on: proxied.path,
            breadth: (is_invite && opens).then_some(share),
        };
        let bytes = self.forwarded_bytes(&request, &forward);
        let method = request.method().cloned().unwrap_or(crate::wire::sip::Method::Invite);
        let ProxyTarget { path, dead_time, mut spares, label, .. } = target;
        let start = Start::new(method, transaction, path, bytes, ClientOwner::Proxy(id, at));
        let client = self.start_client(now, Start { after, ..start });
        if !spares.is_empty() || has_others {
            self.proxy.timers.set((id, ProxyClock::Silent(at)), now.mono + dead_time.max(Duration::from_millis(1)));
        }
        spares.reverse();
        let branch = Branch { client, label, path, state: BranchState::Silent, cancel: None, spares };
        if let Some(proxied) = self.proxy.slab.get_mut(id) {
            proxied.branches.push(branch);
        }
    }

    /// A branch failed, or has said nothing for too long: the next way to the same target, if there is one.
    pub(super) fn try_spare(&mut self, now: Now, id: ProxyId, at: u16) -> bool {
        let Some(proxied) = self.proxy.slab.get_mut(id).filter(|proxied| proxied.goes_on()) else { return false };
        let breadth = proxied.breadth;
        let Some(branch) = proxied.branches.get_mut(usize::from(at)) else { return false };
        let Some(mut next) = branch.spares.pop() else { return false };
        next.spares = std::mem::take(&mut branch.spares);
        next.spares.reverse();
        self.start_branch(now, id, next, breadth);
        true
    }

    /// A branch has said nothing for too long: another way to its target, or who comes next. Where neither is left it may
    /// go on trying.
    pub(super) fn on_branch_silent(&mut self, now: Now, id: ProxyId, at: u16) {
        let Some(proxied) = self.proxy.slab.get(id) else { return };
        let Some(branch) = proxied.branches.get(usize::from(at)) else { return };
        if branch.state != BranchState::Silent || branch.spares.is_empty() && proxied.rest.is_empty() {
            return;
        }
        if proxied.opens() {
            let event = proxied.through(ThroughStep::Silent { label: branch.label, path: branch.path });
            self.tell(event);
        }
        let spared = self.try_spare(now, id, at);
        if let Some(branch) = self.branch(id, at) {
            branch.state = BranchState::Abandoned;
            branch.cancel = Some(None);
        }
        if !spared {
            self.note_refusal(id, Best::Ours(408));
            self.go_on(now, id);
        }
    }

    fn branch(&mut self, id: ProxyId, at: u16) -> Option<&mut Branch> {
        self.proxy.slab.get_mut(id)?.branches.get_mut(usize::from(at))
    }

    /// Ends all branches but one.
    pub(super) fn cancel_branches(&mut self, now: Now, id: ProxyId, but: Option<u16>, reason: Option<&'static str>) {
        let Some(proxied) = self.proxy.slab.get(id) else { return };
        for at in 0..proxied.branches.len() {
            let at = at as u16;
            if but != Some(at) {
                self.cancel_branch(now, id, at, reason);
            }
        }
    }

    pub(super) fn cancel_losers(&mut self, now: Now, id: ProxyId, winner: u16) {
        self.cancel_branches(now, id, Some(winner), Some(ELSEWHERE));
    }

    /// At once where something has been heard of it, otherwise as soon as that is so (9.1).
    pub(super) fn cancel_branch(&mut self, now: Now, id: ProxyId, at: u16, reason: Option<&'static str>) {
        let Some(proxied) = self.proxy.slab.get_mut(id).filter(|proxied| proxied.is_invite()) else {
            return;
        };
        let Some(branch) = proxied.branches.get_mut(usize::from(at)) else { return };
        branch.spares.clear();
        match branch.state {
            BranchState::Silent => branch.cancel = Some(reason),
            BranchState::Proceeding => {
                let client = branch.client;
                branch.cancel = None;
                self.cancel_client(now, client, reason);
            }
            BranchState::Abandoned | BranchState::Over => {}
        }
        self.proxy.timers.cancel((id, ProxyClock::Rings(at)));
    }

    /// Something came on a branch.
    pub(super) fn hear_branch(&mut self, now: Now, id: ProxyId, at: u16) {
        self.proxy.timers.cancel((id, ProxyClock::Silent(at)));
        let Some(proxied) = self.proxy.slab.get_mut(id) else { return };
        let is_invite = proxied.is_invite();
        let Some(branch) = proxied.branches.get_mut(usize::from(at)) else { return };
        if matches!(branch.state, BranchState::Silent | BranchState::Proceeding) {
            branch.state = BranchState::Proceeding;
        }
        if branch.state != BranchState::Over {
            if let Some(reason) = branch.cancel.take() {
                let client = branch.client;
                self.cancel_client(now, client, reason);
            } else if is_invite && branch.state == BranchState::Proceeding {
                self.proxy.timers.set((id, ProxyClock::Rings(at)), now.mono + RING_MAX);
            }
        }
    }

    pub(super) fn end_branch(&mut self, id: ProxyId, at: u16) {
        for clock in [ProxyClock::Silent(at), ProxyClock::Rings(at)] {
            self.proxy.timers.cancel((id, clock));
        }
        if let Some(branch) = self.branch(id, at) {
            branch.state = BranchState::Over;
            branch.spares.clear();
        }
    }

    /// Once no branch is open: the next phase, or the best answer.
    pub(super) fn go_on(&mut self, now: Now, id: ProxyId) {
        let Some(proxied) = self.proxy.slab.get(id) else { return };
        let is_open = |branch: &Branch| matches!(branch.state, BranchState::Silent | BranchState::Proceeding);
        if proxied.branches.iter().any(is_open) {
            return;
        }
        if proxied.answered {
            return self.settle_proxied(now, id);
        }
        if proxied.tries_next() { self.start_phase(now, id) } else { self.finish_proxied(now, id) }
    }

    /// An answer that nobody behind us gave.
    pub(super) fn answer_proxied(&mut self, now: Now, id: ProxyId, status: u16) {
        let Some(server) = self.proxy.slab.get(id).map(|proxied| proxied.server) else { return };
        self.answer(now, server, &Reply::new(status));
    }
}

impl Proxied {
    /// Whether anything more may be tried.
    fn goes_on(&self) -> bool {
        !self.cancelled && !self.answered && self.best.as_ref().is_none_or(|best| best.status() < 600)
    }

    fn tries_next(&self) -> bool {
        let status = self.best.as_ref().map_or(408, Best::status);
        let wanted = match self.next {
            NextPhase::Refused => true,
            NextPhase::PeerFailed => matches!(status, 408 | 500..=599),
        };
        self.goes_on() && wanted && !self.rest.is_empty()
    }
}
