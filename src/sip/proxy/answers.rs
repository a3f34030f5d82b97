//! Answers on their way back: which go at once, which is the best of those that wait (16.7).

use super::{Best, BranchState, ProxyClock, ProxyId, ThroughStep, forward::returned_bytes};
use crate::{
    base::Now,
    sip::{Stack, transaction::ServerFact},
    wire::sip::{Message, Name},
};

impl Stack {
    /// An answer to one of the copies.
    pub(in crate::sip) fn on_proxy_answer(&mut self, now: Now, id: ProxyId, at: u16, response: &Message) {
        let status = response.status().unwrap_or_default();
        if (101..=299).contains(&status)
            && self.proxy.dialogs.note_answer(response)
            && let Some(proxied) = self.proxy.slab.get(id).filter(|proxied| !proxied.opens())
        {
            let event = super::moved(&proxied.request);
            self.tell(event);
        }
        let is_for_nobody = response.list(Name::Via).nth(1).is_none();
        match status {
            // Somebody has eaten the Via of whoever asked.
            200.. if is_for_nobody => self.on_refusal(now, id, at, Best::Ours(502)),
            // Timer C runs whether or not it can go back.
            ..200 => {
                self.hear_branch(now, id, at);
                if status > 100 && !is_for_nobody {
                    self.return_provisional(now, id, response);
                }
            }
            200..=299 => self.return_success(now, id, at, response),
            _ => self.on_refusal(now, id, at, Best::Theirs(Box::new(response.clone()))),
        }
    }

    /// No answer came, or none can (16.8, 16.9).
    pub(in crate::sip) fn on_proxy_silent(&mut self, now: Now, id: ProxyId, at: u16, unreachable: bool) {
        self.on_refusal(now, id, at, Best::Ours(if unreachable { 503 } else { 408 }));
    }

    fn return_provisional(&mut self, now: Now, id: ProxyId, response: &Message) {
        let Some(proxied) = self.proxy.slab.get(id).filter(|proxied| !proxied.answered) else { return };
        // Of other requests only the final answer is of use to anybody (RFC 4320 4.1).
        if !proxied.is_invite() {
            return;
        }
        let server = proxied.server;
        let status = response.status().unwrap_or_default();
        if let Some(bytes) = returned_bytes(response, &[]) {
            self.conclude(now, server, status, bytes, false);
        }
        let Some(proxied) = self.proxy.slab.get_mut(id).filter(|proxied| proxied.opens()) else { return };
        if matches!(status, 180..=183) && !std::mem::replace(&mut proxied.rang, true) {
            let event = proxied.through(ThroughStep::Rang);
            self.tell(event);
        }
    }

    /// The first ends what else rings; further ones to an INVITE, of other branches or repeated, go back all the same.
    fn return_success(&mut self, now: Now, id: ProxyId, at: u16, response: &Message) {
        let Some(bytes) = returned_bytes(response, &[]) else { return };
        self.end_branch(id, at);
        let Some(proxied) = self.proxy.slab.get_mut(id) else { return };
        let is_invite = proxied.is_invite();
        let (server, back, first) = (proxied.server, proxied.back, !std::mem::replace(&mut proxied.answered, true));
        proxied.accepted = true;
        if first {
            proxied.rest.clear();
            self.conclude(now, server, response.status().unwrap_or_default(), bytes, false);
            // Who answered repeats it until the ACK comes: we don't (RFC 6026 7.1).
            self.server_fact(now, server, ServerFact::Ack);
            self.cancel_losers(now, id, at);
            self.tell_answered(id, at, response);
        } else if is_invite {
            self.send(back, bytes);
        }
        self.go_on(now, id);
    }

    fn tell_answered(&mut self, id: ProxyId, at: u16, response: &Message) {
        let Some(proxied) = self.proxy.slab.get(id).filter(|proxied| proxied.opens()) else { return };
        let Some(branch) = proxied.branches.get(usize::from(at)) else { return };
        let to = response.to_tag().unwrap_or_default().into();
        let event = proxied.through(ThroughStep::Answered { to, label: branch.label, path: branch.path });
        self.tell(event);
    }

    fn on_refusal(&mut self, now: Now, id: ProxyId, at: u16, refusal: Best) {
        let status = refusal.status();
        let branch = self.proxy.slab.get(id).and_then(|proxied| proxied.branches.get(usize::from(at)));
        match branch.map(|branch| branch.state) {
            Some(BranchState::Silent | BranchState::Proceeding) => {}
            // What another way says counts.
            Some(BranchState::Abandoned) => return self.end_branch(id, at),
            Some(BranchState::Over) | None => return,
        }
        let spared = matches!(status, 408 | 503) && self.try_spare(now, id, at);
        if spared {
            return self.end_branch(id, at);
        }
        self.end_branch(id, at);
        self.note_refusal(id, refusal);
        if status >= 600 {
            if let Some(proxied) = self.proxy.slab.get_mut(id) {
                proxied.rest.clear();
            }
            self.cancel_branches(now, id, Some(at), None);
        }
        self.go_on(now, id);
    }

    pub(super) fn note_refusal(&mut self, id: ProxyId, refusal: Best) {
        let Some(proxied) = self.proxy.slab.get_mut(id) else { return };
        if let Best::Theirs(response) = &refusal
            && matches!(refusal.status(), 401 | 407)
        {
            let of = |name: Name| response.headers(name).map(move |value| (name, value.to_owned()));
            let asked = of(Name::WwwAuthenticate).chain(of(Name::ProxyAuthenticate));
            proxied.challenges.extend(asked);
        }
        let better = proxied.best.as_ref().is_none_or(|best| rank(refusal.status()) < rank(best.status()));
        if better {
            proxied.best = Some(refusal);
        }
    }

    /// Nothing more will come: the best goes back.
    pub(super) fn finish_proxied(&mut self, now: Now, id: ProxyId) {
        let Some(proxied) = self.proxy.slab.get_mut(id) else { return };
        proxied.answered = true;
        let (server, is_invite) = (proxied.server, proxied.is_invite());
        let best = proxied.best.clone().unwrap_or(Best::Ours(480));
        let challenges = if matches!(best.status(), 401 | 407) { proxied.challenges.clone() } else { Vec::new() };
        if let Some(proxied) = self.proxy.slab.get(id).filter(|proxied| proxied.opens()) {
            let event = proxied.through(ThroughStep::Refused { status: best.status() });
            self.tell(event);
        }
        match best {
            // That a server behind us is full does not mean that we are (16.7 step 6).
            Best::Theirs(_) | Best::Ours(_) if best.status() == 503 => self.answer_proxied(now, id, 500),
            // Whoever asked has given up as well (RFC 4320 4.2).
            Best::Ours(408) if !is_invite => {}
            Best::Ours(status) => self.answer_proxied(now, id, status),
            Best::Theirs(response) => {
                if let Some(bytes) = returned_bytes(&response, &challenges) {
                    self.conclude_kept(now, server, response.status().unwrap_or(500), bytes);
                }
            }
        }
        self.settle_proxied(now, id);
    }

    /// Answered, and no branch is open: forgotten, at once or when no further 2xx can come.
    pub(super) fn settle_proxied(&mut self, now: Now, id: ProxyId) {
        let Some(proxied) = self.proxy.slab.get(id) else { return };
        let late = proxied.branches.iter().any(|branch| branch.state == BranchState::Abandoned);
        if proxied.is_invite() && (proxied.accepted || late) {
            let until = now.mono + self.settings.timers.give_up();
            if self.proxy.timers.deadline(&(id, ProxyClock::Over)).is_none() {
                self.proxy.timers.set((id, ProxyClock::Over), until);
            }
        } else {
            self.close_proxied(id);
        }
    }
}

/// Which refusal says most, the least first: 6xx, then the lowest class, and in 4xx those that help to ask better.
fn rank(status: u16) -> u8 {
    match status {
        600.. => 0,
        300..=399 => 1,
        401 | 407 | 415 | 420 | 484 => 2,
        400 | 402..=406 | 409..=414 | 416..=419 | 421..=483 | 485..=499 => 3,
        // That there was no answer says less than any answer.
        408 => 5,
        _ => 4,
    }
}
