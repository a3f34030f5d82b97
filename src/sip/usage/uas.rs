//! Calls that are placed to us (RFC 3261 13.3).

use std::time::Duration;

use bytes::Bytes;

use super::{Invited, Phase, Reliable, Usage, UsageClock};
use crate::{
    base::Now,
    sip::{
        Body, Event, Path, Reply, Stack, TransactionId, UsageId, compose,
        dialog::{Dialog, caller_target, is_sips},
        transaction::{ServerFact, ServerOwner},
    },
    wire::sip::{Message, Name},
};

impl Stack {
    /// Opens a usage for a new INVITE whose Contact is known to be there.
    pub(in crate::sip) fn open_theirs(&mut self, now: Now, path: Path, request: Message) -> TransactionId {
        let tag = self.new_tag();
        let dialog = Dialog::from_request(&request, tag, caller_target(&request).unwrap_or_default(), path);
        let invite = self.transactions.next_id();
        let offered = !request.body().is_empty();
        let phase = Phase::Invited(Box::new(Invited { invite, offered, reliable: None }));
        let user = request.request_uri().ok().and_then(|uri| uri.user).unwrap_or_default();
        let mut usage = Usage::new(dialog, phase, user, false);
        usage.secure = request.uri_text().is_some_and(is_sips);
        usage.learn(&request);
        let usage = self.add_usage(usage);
        let transaction = self.begin_server(now, path, &request, ServerOwner::Invite(usage), tag);
        if let Some(seconds) = request.expires().filter(|seconds| *seconds > 0) {
            self.usage_timers.set((usage, UsageClock::Lapse), now.mono + Duration::from_secs(seconds.into()));
        }
        self.tell(Event::Invite { usage, request, path });
        transaction
    }

    /// Answers their INVITE: 1xx any number of times, then one final. A 2xx is repeated until its ACK; it waits for the PRACK
    /// of a description that went before it.
    pub fn respond(&mut self, now: Now, usage: UsageId, respond: Reply) {
        let Some(Usage { phase: Phase::Invited(invited), .. }) = self.usages.get(usage) else { return };
        let invite = invited.invite;
        match respond.status {
            0..=100 => {}
            101..=199 if self.must_be_reliable(invite) => self.respond_reliably(now, usage, &respond),
            200..=299 if self.hold_success(usage, &respond) => {}
            101..=299 => self.answer_invited(now, usage, &respond),
            300.. => {
                self.answer_invited(now, usage, &respond);
                self.drop_usage(usage);
            }
        }
    }

    /// Writes and sends an answer to their INVITE; after a 2xx the usage waits for the ACK.
    pub(super) fn answer_invited(&mut self, now: Now, usage: UsageId, respond: &Reply) {
        let Some((invite, settled, open)) = self.invited(usage) else { return };
        let Some(bytes) = self.write_answer(usage, invite, respond) else { return };
        if (200..300).contains(&respond.status) {
            let request = self.asked(invite);
            if let Some(found) = self.usages.get_mut(usage) {
                let cseq = found.dialog.remote_cseq.unwrap_or_default();
                let cseq = request.as_ref().map_or(cseq, |request| request.cseq().number);
                found.phase = Phase::Answered { invite, cseq, we_offered: !settled, bye: None };
                found.unacknowledged = open.map(|rseq| (rseq, cseq));
            }
            self.usage_timers.cancel((usage, UsageClock::Repeat));
            self.usage_timers.cancel((usage, UsageClock::Lapse));
            if let Some(request) = request {
                self.session_granted(now, usage, &request);
            }
        }
        self.conclude(now, invite, respond.status, bytes, respond.once);
    }

    /// Their INVITE; whether its offer is theirs, or ours and answered; the RSeq of ours that waits for its PRACK.
    fn invited(&self, usage: UsageId) -> Option<(TransactionId, bool, Option<u32>)> {
        match &self.usages.get(usage)?.phase {
            Phase::Invited(invited) => {
                let reliable = invited.reliable.as_ref();
                let settled = invited.offered || reliable.is_some_and(|reliable| reliable.answered);
                Some((invited.invite, settled, reliable.and_then(Reliable::open)))
            }
            Phase::Calling(_) | Phase::AckWanted { .. } | Phase::Answered { .. } | Phase::Confirmed | Phase::Ending => {
                None
            }
        }
    }

    /// An answer inside the dialog of a usage, first or later.
    pub(super) fn write_answer(&mut self, usage: UsageId, transaction: TransactionId, reply: &Reply) -> Option<Bytes> {
        let request = self.asked(transaction)?;
        let mut writer = self.begin_answer(transaction, reply)?;
        let found = self.usages.get(usage)?;
        if (101..300).contains(&reply.status) {
            writer.copy(&request, Name::RecordRoute);
            self.describe(&mut writer, found.dialog.path, found.own_contact(), found.abilities);
        }
        if (200..300).contains(&reply.status) {
            self.grant_session(&mut writer, usage, &request);
        }
        if let Some(session) = found.dialog.session.header() {
            writer.header(Name::SessionId, session);
        }
        writer.header(Name::Server, &self.settings.user_agent);
        compose::add(&mut writer, &reply.headers);
        Some(compose::finish(&mut writer, reply.body.as_ref()))
    }

    pub(in crate::sip) fn on_invite_cancelled(&mut self, now: Now, usage: UsageId, cancel: &Message) {
        self.answer_invited(now, usage, &Reply::new(487));
        let reason = cancel.header(Name::Reason).map(str::to_owned);
        self.tell(Event::Cancelled { usage, reason });
        self.drop_usage(usage);
    }

    /// An ACK that fits the dialog: to our first 2xx, to a later one, or once more.
    pub(in crate::sip) fn on_usage_acked(&mut self, now: Now, usage: UsageId, ack: &Message) {
        let number = ack.cseq().number;
        let Some(found) = self.usages.get_mut(usage) else { return };
        let Phase::Answered { invite, cseq, bye, .. } = &mut found.phase else {
            return self.on_offer_acked(now, usage, ack);
        };
        if *cseq != number {
            return self.on_offer_acked(now, usage, ack);
        }
        let (invite, bye) = (*invite, bye.take());
        found.phase = Phase::Confirmed;
        self.server_fact(now, invite, ServerFact::Ack);
        match bye {
            Some(bye) => self.send_bye(now, usage, bye),
            None => {
                self.tell(Event::Acked { usage, body: Body::of(ack) });
                self.run_queued(now, usage);
            }
        }
    }
}
