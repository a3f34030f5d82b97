//! Reliable provisional answers (RFC 3262), theirs and ours, and the offers and answers that travel with them.

use std::{collections::VecDeque, time::Duration};

use super::{Phase, Usage, UsageClock, offer::Exchange};
use crate::{
    base::{Instant, Now},
    sip::{
        Body, Event, Reply, Stack, TransactionId, UsageId, compose,
        stack::Start,
        transaction::{ClientOwner, ServerFact},
    },
    wire::sip::{Message, Method, Name},
};

/// Provisional answers that wait for the PRACK of the one before; what rings more often says nothing new.
const WAITING_MAX: usize = 4;

/// Our reliable provisional answer that waits for its PRACK.
pub(super) struct Reliable {
    rseq: u32,
    /// Whether the last one has been acknowledged.
    done: bool,
    /// It carries a description: no 2xx before its PRACK (RFC 3262 3).
    describes: bool,
    /// One with a description has been acknowledged: further offers may come (RFC 3311 5.1).
    pub settled: bool,
    /// What it carried was our offer, and a PRACK has brought the answer.
    pub answered: bool,
    pause: Duration,
    until: Instant,
    waiting: VecDeque<Reply>,
}

impl Reliable {
    /// The number of the one whose PRACK has not come.
    pub fn open(&self) -> Option<u32> {
        (!self.done).then_some(self.rseq)
    }

    fn holds_success(&self) -> bool {
        self.waiting.back().is_some_and(|reply| reply.status >= 200)
    }
}

fn requires_100rel(message: &Message) -> bool {
    message.list(Name::Require).any(|tag| tag.trim().eq_ignore_ascii_case("100rel"))
}

impl Stack {
    /// Sends PRACK for a reliable provisional answer that is next in order. Whether the answer is news.
    pub(super) fn acknowledge_provisional(&mut self, now: Now, usage: UsageId, response: &Message) -> bool {
        if !requires_100rel(response) {
            return true;
        }
        let Some(rseq) = response.header(Name::RSeq).and_then(|value| value.trim().parse::<u32>().ok()) else {
            return false;
        };
        let branch = self.new_branch();
        let tag = response.to_tag().unwrap_or_default();
        let Some(Usage { phase: Phase::Calling(calling), credentials, .. }) = self.usages.get_mut(usage) else {
            return false;
        };
        let Some(early) = calling.early.iter_mut().find(|early| *early.dialog.remote_tag == *tag) else {
            return false;
        };
        // One that came before, or out of order: the PRACK is repeated by itself, the missing one will be (3262 4).
        if early.rseq.is_some_and(|last| last.checked_add(1) != Some(rseq)) {
            return false;
        }
        early.rseq = Some(rseq);
        early.settled |= !response.body().is_empty();
        early.dialog.local_cseq = early.dialog.local_cseq.saturating_add(1);
        let cseq = early.dialog.local_cseq;
        let mut writer = compose::in_dialog(&self.settings, &early.dialog, &Method::Prack, cseq, branch);
        writer.header(Name::RAck, format_args!("{rseq} {} INVITE", response.cseq().number));
        let (path, bytes) = (early.dialog.path, writer.end());
        let credentials = credentials.clone();
        let start = Start::new(Method::Prack, branch, path, bytes, ClientOwner::Prack(usage));
        self.start_client(now, Start { credentials, ..start });
        true
    }

    /// Whether their INVITE wants provisional answers reliably.
    pub(super) fn must_be_reliable(&mut self, invite: TransactionId) -> bool {
        self.server(invite).and_then(|server| server.request.as_ref()).is_some_and(requires_100rel)
    }

    /// Whether our next provisional answer must carry an offer: it is the first reliable one to an INVITE that brought none
    /// (RFC 3262 5). Its PRACK brings the answer: [`Event::Acked`].
    pub fn must_offer(&mut self, usage: UsageId) -> bool {
        match self.usages.get(usage).map(|usage| &usage.phase) {
            Some(Phase::Invited(invited)) if !invited.offered && invited.reliable.is_none() => {
                let invite = invited.invite;
                self.must_be_reliable(invite)
            }
            Some(_) | None => false,
        }
    }

    /// Keeps a 2xx back until the PRACK of a description of ours has come. False: it may go.
    pub(super) fn hold_success(&mut self, usage: UsageId, success: &Reply) -> bool {
        let Some(Usage { phase: Phase::Invited(invited), .. }) = self.usages.get_mut(usage) else { return false };
        let Some(reliable) = invited.reliable.as_mut().filter(|reliable| !reliable.done && reliable.describes) else {
            return false;
        };
        reliable.waiting.clear();
        reliable.waiting.push_back(success.clone());
        true
    }

    pub(super) fn respond_reliably(&mut self, now: Now, usage: UsageId, respond: &Reply) {
        let first = self.chance.below(1 << 16);
        let (t1, give_up) = (self.settings.timers.t1, self.settings.timers.give_up());
        let Some(Usage { phase: Phase::Invited(invited), .. }) = self.usages.get_mut(usage) else { return };
        let invite = invited.invite;
        let reliable = invited.reliable.get_or_insert_with(|| Reliable {
            rseq: u32::try_from(first).unwrap_or(1),
            done: true,
            describes: false,
            settled: false,
            answered: false,
            pause: t1,
            until: now.mono,
            waiting: VecDeque::new(),
        });
        if !reliable.done {
            if reliable.waiting.len() < WAITING_MAX && !reliable.holds_success() {
                reliable.waiting.push_back(respond.clone());
            }
            return;
        }
        reliable.rseq = reliable.rseq.saturating_add(1);
        (reliable.done, reliable.pause, reliable.until) = (false, t1, now.mono + give_up);
        reliable.describes = respond.body.is_some();
        let rseq = reliable.rseq.to_string();
        let mut reply = respond.clone();
        reply.headers.push(("Require".into(), "100rel".to_owned()));
        reply.headers.push(("RSeq".into(), rseq));
        let Some(bytes) = self.write_answer(usage, invite, &reply) else { return };
        self.conclude(now, invite, reply.status, bytes, false);
        self.usage_timers.set((usage, UsageClock::Repeat), now.mono + t1);
    }

    pub(super) fn on_repeat_due(&mut self, now: Now, usage: UsageId) {
        let Some(Usage { phase: Phase::Invited(invited), .. }) = self.usages.get_mut(usage) else { return };
        let invite = invited.invite;
        let Some(reliable) = invited.reliable.as_mut().filter(|reliable| !reliable.done) else { return };
        if now.mono >= reliable.until {
            // No PRACK within 64*T1: the INVITE is refused (RFC 3262 3).
            self.answer_invited(now, usage, &Reply::new(500).reason("No PRACK"));
            self.tell(Event::Cancelled { usage, reason: None });
            return self.drop_usage(usage);
        }
        reliable.pause *= 2;
        let again = (now.mono + reliable.pause).min(reliable.until);
        self.server_fact(now, invite, ServerFact::Request);
        self.usage_timers.set((usage, UsageClock::Repeat), again);
    }

    pub(super) fn on_prack(&mut self, now: Now, transaction: TransactionId, id: UsageId, prack: &Message) {
        let claimed = prack.header(Name::RAck).and_then(|value| {
            let mut parts = value.split_whitespace();
            let (rseq, cseq) = (parts.next()?.parse::<u32>().ok()?, parts.next()?.parse::<u32>().ok()?);
            (parts.next()? == "INVITE").then_some((rseq, cseq))
        });
        let invite = match self.usages.get(id) {
            Some(Usage { phase: Phase::Invited(invited), .. }) => Some(invited.invite),
            Some(_) | None => None,
        };
        let number = invite.and_then(|invite| self.asked(invite)).map(|request| request.cseq().number);
        let Some(usage) = self.usages.get_mut(id) else { return self.answer(now, transaction, &Reply::new(481)) };
        let open = match &mut usage.phase {
            Phase::Invited(invited) => invited.reliable.as_mut(),
            Phase::Calling(_) | Phase::AckWanted { .. } | Phase::Answered { .. } | Phase::Confirmed | Phase::Ending => {
                // Our 2xx has overtaken it (RFC 3262 3).
                let late = usage.unacknowledged.take_if(|open| Some(*open) == claimed).is_some();
                return self.answer(now, transaction, &Reply::new(if late { 200 } else { 481 }));
            }
        };
        let fits = |open: &&mut Reliable| claimed.is_some() && claimed == open.open().zip(number);
        let Some(open) = open.filter(fits) else { return self.answer(now, transaction, &Reply::new(481)) };
        (open.done, open.settled) = (true, open.settled || open.describes);
        self.usage_timers.cancel((id, UsageClock::Repeat));
        self.take_described_prack(now, transaction, id, prack);
    }

    /// A PRACK that fits: it may bring the answer to the offer of ours that it acknowledges, or, where ours was an answer, a
    /// new offer (RFC 3262 5).
    fn take_described_prack(&mut self, now: Now, transaction: TransactionId, id: UsageId, prack: &Message) {
        let Some(Usage { phase: Phase::Invited(invited), exchange, .. }) = self.usages.get_mut(id) else { return };
        let Some(reliable) = &mut invited.reliable else { return };
        match Body::of(prack).filter(|_| reliable.settled) {
            Some(body) if invited.offered || reliable.answered => {
                let method = Method::Prack;
                *exchange = Exchange::Theirs { transaction, method: method.clone(), late: false };
                return self.tell(Event::SdpOffer { usage: id, method, body: Some(body), request: prack.clone() });
            }
            Some(body) => {
                reliable.answered = true;
                self.tell(Event::Acked { usage: id, body: Some(body) });
            }
            None => {}
        }
        self.answer(now, transaction, &Reply::new(200));
        self.go_on_reliably(now, id);
    }

    /// What has waited for a PRACK.
    pub(super) fn go_on_reliably(&mut self, now: Now, id: UsageId) {
        let Some(Usage { phase: Phase::Invited(invited), .. }) = self.usages.get_mut(id) else { return };
        let Some(reliable) = invited.reliable.as_mut() else { return };
        let (next, answered) = (reliable.waiting.pop_front(), reliable.answered);
        match next {
            // What it offers has been answered already.
            Some(next) if next.status >= 200 && answered => {
                self.answer_invited(now, id, &Reply { body: None, ..next });
            }
            Some(next) if next.status >= 200 => self.answer_invited(now, id, &next),
            Some(next) => self.respond_reliably(now, id, &next),
            None => {}
        }
    }
}
