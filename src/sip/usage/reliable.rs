//! Reliable provisional answers (RFC 3262), theirs and ours.

use std::{collections::VecDeque, time::Duration};

use super::{Phase, Usage, UsageClock};
use crate::{
    base::{Instant, Now},
    sip::{
        Event, Reply, Stack, TransactionId, UsageId, compose,
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
    pause: Duration,
    until: Instant,
    waiting: VecDeque<Reply>,
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

    pub(super) fn respond_reliably(&mut self, now: Now, usage: UsageId, respond: &Reply) {
        let first = self.chance.below(1 << 16);
        let (t1, give_up) = (self.settings.timers.t1, self.settings.timers.give_up());
        let Some(Usage { phase: Phase::Invited(invited), .. }) = self.usages.get_mut(usage) else { return };
        let invite = invited.invite;
        let reliable = invited.reliable.get_or_insert_with(|| Reliable {
            rseq: u32::try_from(first).unwrap_or(1),
            done: true,
            pause: t1,
            until: now.mono,
            waiting: VecDeque::new(),
        });
        if !reliable.done {
            if reliable.waiting.len() < WAITING_MAX {
                reliable.waiting.push_back(respond.clone());
            }
            return;
        }
        reliable.rseq = reliable.rseq.saturating_add(1);
        (reliable.done, reliable.pause, reliable.until) = (false, t1, now.mono + give_up);
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

    pub(super) fn on_prack(&mut self, now: Now, transaction: TransactionId, usage: UsageId, prack: &Message) {
        let claimed = prack.header(Name::RAck).and_then(|value| {
            let mut parts = value.split_whitespace();
            Some((parts.next()?.parse::<u32>().ok()?, parts.next()?.parse::<u32>().ok()?, parts.next()?))
        });
        let invite = match self.usages.get(usage) {
            Some(Usage { phase: Phase::Invited(invited), .. }) => Some(invited.invite),
            Some(_) | None => None,
        };
        let number = invite.and_then(|invite| self.asked(invite)).map(|request| request.cseq().number);
        let Some(Usage { phase: Phase::Invited(invited), .. }) = self.usages.get_mut(usage) else {
            return self.answer(now, transaction, &Reply::new(481));
        };
        let open = invited.reliable.as_mut().filter(|reliable| !reliable.done);
        let fits = open.filter(|open| claimed == Some((open.rseq, number.unwrap_or_default(), "INVITE")));
        let Some(open) = fits else {
            return self.answer(now, transaction, &Reply::new(481));
        };
        open.done = true;
        let next = open.waiting.pop_front();
        self.usage_timers.cancel((usage, UsageClock::Repeat));
        self.answer(now, transaction, &Reply::new(200));
        if let Some(next) = next {
            self.respond_reliably(now, usage, &next);
        }
    }
}
