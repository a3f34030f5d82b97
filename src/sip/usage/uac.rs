//! Calls that we place (RFC 3261 13.2).

use std::sync::Arc;

use bytes::Bytes;

use super::{Bye, Calling, Early, Phase, Usage, offer::Exchange};
use crate::{
    base::Now,
    sip::{
        Abilities, Body, EndId, Event, Fault, Invite, Path, SessionId, Stack, TransactionId, Transport, UsageId,
        compose,
        dialog::{Dialog, is_sips},
        stack::Start,
        timer::Wait,
        transaction::{Branch, ClientOwner},
    },
    wire::sip::{Message, Method, Name, Writer},
};

/// Early dialogs of one INVITE. A fork with more branches is still heard; those beyond have no dialog before they answer.
const EARLY_MAX: usize = 16;

impl Stack {
    /// Places a call.
    pub fn invite(&mut self, now: Now, invite: Invite) -> UsageId {
        let tag = self.new_tag();
        let call_id = invite.call_id.clone().unwrap_or_else(|| self.chance.token() + &self.chance.token());
        let dialog = Dialog {
            call_id: call_id.into(),
            local_tag: tag,
            local: format!("{};tag={tag:016x}", compose::party(&invite.from)).into(),
            remote_tag: Box::default(),
            remote: compose::party(&invite.to).to_string().into(),
            target: invite.uri.as_str().into(),
            routes: invite.route_set.iter().map(|route| route.as_str().into()).collect(),
            local_cseq: 1,
            remote_cseq: None,
            path: invite.path,
            session: SessionId { local: invite.speaks_for, ..SessionId::default() },
        };
        let full = self.usages.len() >= self.settings.usages_max || !self.has_room();
        let branch = self.new_branch();
        let calling = Calling {
            invite: self.transactions.next_id(),
            heard: false,
            alive: false,
            cancelled: None,
            silent: false,
            offered: invite.body.is_some(),
            early: Vec::new(),
        };
        let mut usage = Usage::new(dialog, Phase::Calling(Box::new(calling)), &invite.contact_user, true);
        usage.credentials = invite.credentials.clone().map(Arc::new);
        usage.secure = is_sips(&invite.uri);
        usage.abilities = invite.abilities;
        usage.comeback_time = invite.comeback_time;
        usage.datagram_max = invite.large_by_tcp.then_some(invite.datagram_max);
        let mut path = invite.path;
        let mut bytes = self.write_invite(&usage.dialog, &invite, path, branch);
        let mut fallback = None;
        if invite.large_by_tcp && path.transport == Transport::Udp && bytes.len() > invite.datagram_max {
            fallback = Some(path);
            path.transport = Transport::Tcp;
            usage.dialog.path = path;
            bytes = self.write_invite(&usage.dialog, &invite, path, branch);
        }
        let credentials = usage.credentials.clone();
        let id = self.add_usage(usage);
        if full {
            self.tell(Event::Rejected { usage: id, status: 503, response: None, why: Fault::Full });
            self.drop_usage(id);
            return id;
        }
        let start = Start::new(Method::Invite, branch, path, bytes, ClientOwner::Invite(id));
        self.start_client(now, Start { credentials, fallback, ..start });
        id
    }

    fn write_invite(&self, dialog: &Dialog, invite: &Invite, path: Path, branch: Branch) -> Bytes {
        let head = compose::Head {
            method: &Method::Invite,
            path,
            branch,
            from: &dialog.local,
            to: &dialog.remote,
            call_id: &dialog.call_id,
            cseq: 1,
            max_forwards: invite.max_forwards,
        };
        let mut writer = head.write(&self.settings, &invite.uri, invite.route_set.iter().map(String::as_str));
        let contact = compose::Contact { user: &invite.contact_user, secure: is_sips(&invite.uri) };
        let reliable = invite.body.is_some() && invite.abilities.reliable;
        let abilities = Abilities { reliable, ..invite.abilities };
        self.describe(&mut writer, path, contact, abilities);
        if abilities.session_timer {
            self.propose_session(&mut writer, None, 0);
        }
        if let Some(session) = dialog.session.header() {
            writer.header(Name::SessionId, session);
        }
        compose::add(&mut writer, &invite.headers);
        compose::finish(&mut writer, invite.body.as_ref())
    }

    /// TCP was refused: the same INVITE by UDP, however long it is (RFC 3261 18.1.1).
    fn fall_back_calling(&mut self, now: Now, id: TransactionId, usage: UsageId) -> bool {
        let Some((bytes, path)) = self.client(id).and_then(|c| Some((c.bytes.clone(), c.fallback.take()?))) else {
            return false;
        };
        let Ok(request) = Message::parse(bytes) else { return false };
        let Some(found) = self.usages.get_mut(usage) else { return false };
        found.dialog.path = path;
        let contact = compose::contact(&self.settings, path, found.own_contact()).to_string();
        self.with_client(id, |client| client.path.transport = path.transport);
        match self.try_again(now, id, &request, &[(Name::Contact, contact)]) {
            Some(retry) => {
                self.on_retry(ClientOwner::Invite(usage), id, retry);
                true
            }
            None => false,
        }
    }

    pub(in crate::sip) fn contact_of(&self, usage: &Usage) -> String {
        compose::contact(&self.settings, usage.dialog.path, usage.own_contact()).to_string()
    }

    /// Contact, Allow and Supported of a request or answer that (re)opens a dialog. Without an offer of ours a reliable
    /// provisional answer could bring theirs, which only a PRACK with a body could answer: then it is not offered.
    pub(super) fn describe(&self, writer: &mut Writer, path: Path, ours: compose::Contact<'_>, offered: Abilities) {
        writer.header(Name::Contact, compose::contact(&self.settings, path, ours));
        let without = |all: &[&'static str], tag: &str| {
            all.iter().copied().filter(|one| *one != tag).collect::<Vec<_>>().join(", ")
        };
        match offered.updates {
            true => writer.header(Name::Allow, &self.allow),
            false => writer.header(Name::Allow, without(&self.settings.allow, "UPDATE")),
        };
        match (offered.reliable, offered.session_timer) {
            (true, true) => writer.header(Name::Supported, &self.supported),
            (false, true) => writer.header(Name::Supported, &self.supported_plain),
            (true, false) => writer.header(Name::Supported, without(&self.settings.supported, "timer")),
            (false, false) => {
                let tags: Vec<&str> = self.supported_plain.split(", ").filter(|tag| *tag != "timer").collect();
                writer.header(Name::Supported, tags.join(", "))
            }
        };
    }

    /// What the peer of a usage is to be spared from now on (TK-10).
    pub fn spare(&mut self, usage: UsageId, abilities: Abilities) {
        if let Some(usage) = self.usages.get_mut(usage) {
            usage.abilities = abilities;
            usage.peer_updates &= abilities.updates;
        }
    }

    /// The peer of a usage is no registered device: a request to it that is longer than that takes TCP.
    pub fn send_large_by_tcp(&mut self, usage: UsageId, datagram_max: usize) {
        if let Some(usage) = self.usages.get_mut(usage) {
            usage.datagram_max = Some(datagram_max);
        }
    }

    /// Takes our unanswered INVITE back: at once, or at the first provisional answer. A 2xx that crosses it gets ACK and
    /// BYE. `Rejected` follows in any case. `reason` is a Reason header value. A call that was answered meanwhile gets
    /// BYE.
    pub fn cancel(&mut self, now: Now, usage: UsageId, reason: Option<String>) {
        let Some(found) = self.usages.get_mut(usage) else { return };
        match &mut found.phase {
            Phase::Calling(calling) if calling.cancelled.is_none() => {
                calling.cancelled = Some(Bye { reason, ..Bye::default() });
                let (heard, invite) = (calling.heard, calling.invite);
                if heard {
                    self.send_cancel(now, usage, invite);
                }
            }
            Phase::Calling(_) | Phase::Invited(_) | Phase::Ending => {}
            Phase::AckWanted { .. } | Phase::Answered { .. } | Phase::Confirmed => self.bye(now, usage, reason),
        }
    }

    fn send_cancel(&mut self, now: Now, usage: UsageId, invite: TransactionId) {
        let Some(Phase::Calling(calling)) = self.usages.get(usage).map(|usage| &usage.phase) else { return };
        let reason = calling.cancelled.as_ref().and_then(|cancel| cancel.reason.clone());
        self.cancel_client(now, invite, reason.as_deref());
    }

    /// A request of a usage went out again under a new transaction.
    pub(in crate::sip) fn on_retry(&mut self, owner: ClientOwner, old: TransactionId, retry: TransactionId) {
        let Some(usage) = owner.usage().and_then(|usage| self.usages.get_mut(usage)) else { return };
        match (&mut usage.phase, &mut usage.exchange) {
            (Phase::Calling(calling), _) if calling.invite == old => {
                calling.invite = retry;
                (calling.heard, calling.alive) = (false, true);
            }
            (_, Exchange::Ours(ours)) if ours.transaction == old => ours.transaction = retry,
            (_, _) => {}
        }
    }

    /// Whether a request may be tried again: not an INVITE that was cancelled.
    pub(in crate::sip) fn is_wanted(&self, owner: ClientOwner) -> bool {
        let ClientOwner::Invite(usage) = owner else { return true };
        match self.usages.get(usage).map(|usage| &usage.phase) {
            Some(Phase::Calling(calling)) => calling.cancelled.is_none(),
            Some(_) | None => false,
        }
    }

    pub(in crate::sip) fn on_invite_answer(
        &mut self,
        now: Now,
        id: TransactionId,
        usage: UsageId,
        response: &Message,
        path: Path,
    ) {
        let current = matches!(
            self.usages.get(usage).map(|usage| &usage.phase),
            Some(Phase::Calling(calling)) if calling.invite == id
        );
        match (response.status().unwrap_or_default(), current) {
            (100..200, true) => self.on_provisional(now, id, usage, response, path),
            (200..300, true) => self.on_accepted(now, id, usage, response, path),
            (200..300, false) => self.on_late_success(now, id, usage, response, path),
            (300.., true) => self.on_refused(now, id, usage, response),
            (_, _) => {}
        }
    }

    fn on_provisional(&mut self, now: Now, id: TransactionId, usage: UsageId, response: &Message, path: Path) {
        let status = response.status().unwrap_or_default();
        let Some(Usage { phase: Phase::Calling(calling), dialog, .. }) = self.usages.get_mut(usage) else { return };
        calling.alive = true;
        let first = !std::mem::replace(&mut calling.heard, true);
        if calling.cancelled.is_some() {
            if first {
                self.send_cancel(now, usage, id);
            }
            return;
        }
        if status == 100 {
            return;
        }
        let tag = response.to_tag().unwrap_or_default();
        let known = calling.early.iter().any(|early| *early.dialog.remote_tag == *tag);
        if !tag.is_empty() && !known && calling.early.len() < EARLY_MAX {
            let dialog = dialog.answered(response, path);
            calling.early.push(Early { dialog, rseq: None, answer: None, settled: false });
        }
        if let Some(found) = self.usages.get_mut(usage) {
            found.learn(response);
        }
        if self.acknowledge_provisional(now, usage, response) {
            self.keep_early_answer(usage, response);
            let event = Event::Provisional { usage, status, body: Body::of(response), response: response.clone() };
            self.tell(event);
        }
    }

    /// What a branch of a fork described before it answered is its own, whatever the others describe.
    fn keep_early_answer(&mut self, usage: UsageId, response: &Message) {
        let Some(Usage { phase: Phase::Calling(calling), .. }) = self.usages.get_mut(usage) else { return };
        let tag = response.to_tag().unwrap_or_default();
        let early = calling.early.iter_mut().find(|early| *early.dialog.remote_tag == *tag);
        if let (Some(early), Some(body)) = (early, Body::of(response)) {
            early.answer = Some(body);
        }
    }

    fn on_accepted(&mut self, now: Now, id: TransactionId, usage_id: UsageId, response: &Message, path: Path) {
        let cseq = response.cseq().number;
        let tag = response.to_tag().unwrap_or_default();
        let Some(usage) = self.usages.get_mut(usage_id) else { return };
        let Phase::Calling(calling) = &mut usage.phase else { return };
        let early = calling.early.iter().position(|early| *early.dialog.remote_tag == *tag);
        let cancelled = calling.cancelled.take();
        let (offered, silent) = (calling.offered, calling.silent);
        let early = early.map(|at| calling.early.swap_remove(at));
        let (early, answer) = early.map(|early| (early.dialog, early.answer)).unzip();
        // The 2xx may bring another Contact and other routes than the ringing did; the CSeqs run on (12.1.2).
        let mut dialog = usage.dialog.answered(response, path);
        if let Some(early) = early {
            dialog.local_cseq = dialog.local_cseq.max(early.local_cseq);
            dialog.remote_cseq = early.remote_cseq;
        }
        usage.learn(response);
        let path = std::mem::replace(&mut dialog.path, usage.dialog.path);
        usage.dialog = dialog;
        usage.phase = Phase::AckWanted { invite: id, cseq };
        self.rehome(usage_id, path);
        // Who described himself reliably before need not do it again (RFC 3262 5).
        let body = Body::of(response).or(answer.flatten().filter(|_| offered));
        if let Some(bye) = cancelled {
            self.ack(now, usage_id, None);
            self.send_bye(now, usage_id, bye);
            if !silent {
                let response = Some(response.clone());
                self.tell(Event::Rejected { usage: usage_id, status: 487, response, why: Fault::Cancelled });
            }
            return;
        }
        let needs_ack_body = !offered && body.is_some();
        if !needs_ack_body {
            self.ack(now, usage_id, None);
        }
        self.session_agreed(now, usage_id, response);
        self.tell(Event::Answered { usage: usage_id, body, response: response.clone(), needs_ack_body });
    }

    /// Our answer to the offer in a 2xx (see [`Event::Answered`] and [`Event::OfferAnswered`]).
    pub fn ack(&mut self, now: Now, usage: UsageId, body: Option<Body>) {
        let Some(found) = self.usages.get_mut(usage) else { return };
        if let Phase::AckWanted { invite, cseq } = found.phase {
            found.phase = Phase::Confirmed;
            self.send_dialog_ack(usage, invite, cseq, body.as_ref());
            self.run_queued(now, usage);
        } else {
            self.ack_offer(now, usage, body.as_ref());
        }
    }

    /// The ACK to a 2xx travels as a request of its own, with the credentials of its INVITE (13.2.2.4).
    pub(super) fn send_dialog_ack(&mut self, usage: UsageId, invite: TransactionId, cseq: u32, body: Option<&Body>) {
        let branch = self.new_branch();
        let signed = self.client(invite).filter(|client| client.challenged).map(|client| client.bytes.clone());
        let Some(found) = self.usages.get(usage) else { return };
        let mut writer = compose::in_dialog(&self.settings, &found.dialog, &Method::Ack, cseq, branch);
        if let Some(request) = signed.and_then(|bytes| Message::parse(bytes).ok()) {
            writer.copy(&request, Name::Authorization).copy(&request, Name::ProxyAuthorization);
        }
        let bytes = compose::finish(&mut writer, body);
        let (tag, path) = (found.dialog.remote_tag.clone(), found.dialog.path);
        self.send_ack(invite, &tag, path, bytes);
    }

    /// A 2xx that is not the first: the same again, another branch of a fork, or one to a call that nobody wants any
    /// more. The last two are acknowledged and ended at once (13.2.2.4).
    fn on_late_success(&mut self, now: Now, id: TransactionId, usage: UsageId, response: &Message, source: Path) {
        let tag = response.to_tag().unwrap_or_default();
        let waits = matches!(
            self.usages.get(usage),
            Some(Usage { phase: Phase::AckWanted { .. }, dialog, .. }) if *dialog.remote_tag == *tag
        );
        if waits || self.acked_before(id, tag) {
            return;
        }
        let Some(dialog) = self.ack_stray(id, response, source) else { return };
        let branch = self.new_branch();
        let cseq = dialog.local_cseq.saturating_add(1);
        let bye = compose::in_dialog(&self.settings, &dialog, &Method::Bye, cseq, branch).end();
        self.start_client(now, Start::new(Method::Bye, branch, dialog.path, bye, ClientOwner::Nobody));
    }

    /// Acknowledges a 2xx of a dialog that nobody here has; what there is of the dialog.
    pub(super) fn ack_stray(&mut self, id: TransactionId, response: &Message, source: Path) -> Option<Dialog> {
        let client = self.client(id)?;
        let path = client.path;
        let request = Message::parse(client.bytes.clone()).ok()?;
        let cseq = response.cseq().number;
        let half = Dialog {
            call_id: response.call_id().into(),
            local_tag: 0,
            local: response.header(Name::From).unwrap_or_default().into(),
            remote_tag: Box::default(),
            remote: Box::default(),
            target: request.uri_text().unwrap_or_default().into(),
            routes: Box::default(),
            local_cseq: cseq,
            remote_cseq: None,
            path,
            session: SessionId { local: EndId::of_sender(&request).unwrap_or_default(), ..SessionId::default() },
        };
        let dialog = half.answered(response, source);
        let branch = self.new_branch();
        let ack = compose::in_dialog(&self.settings, &dialog, &Method::Ack, cseq, branch).end();
        self.send_ack(id, &dialog.remote_tag, dialog.path, ack);
        Some(dialog)
    }

    fn on_refused(&mut self, now: Now, id: TransactionId, usage: UsageId, response: &Message) {
        let status = response.status().unwrap_or_default();
        if status == 422 && self.stretch_session(now, id, usage, response) {
            return;
        }
        self.reject(usage, status, Some(response.clone()), Fault::Refused);
    }

    /// No final answer came to our INVITE.
    pub(in crate::sip) fn on_invite_silent(&mut self, now: Now, id: TransactionId, usage: UsageId, unreachable: bool) {
        let Some(found) = self.usages.get(usage) else { return };
        let Phase::Calling(calling) = &found.phase else {
            // The connection went while a 2xx was on its way to us; the dialog has its own ways to end.
            return;
        };
        if calling.invite != id
            || (unreachable && calling.cancelled.is_none() && self.fall_back_calling(now, id, usage))
        {
            return;
        }
        let Some(Usage { phase: Phase::Calling(calling), .. }) = self.usages.get(usage) else { return };
        let (status, why) = match (unreachable, calling.heard) {
            (true, _) => (503, Fault::Unreachable),
            (false, true) => (408, Fault::Unanswered),
            (false, false) => (408, Fault::Silent),
        };
        self.reject(usage, status, None, why);
    }

    fn reject(&mut self, usage: UsageId, status: u16, response: Option<Message>, why: Fault) {
        let Some(Usage { phase: Phase::Calling(calling), .. }) = self.usages.get(usage) else { return };
        let why = if calling.cancelled.is_some() { Fault::Cancelled } else { why };
        if !calling.silent {
            self.tell(Event::Rejected { usage, status, response, why });
        }
        self.drop_usage(usage);
    }

    /// A BYE on an early dialog of ours: the 2xx before it was lost, or they break the rule of 15.1.1. Either way they
    /// are gone.
    pub(super) fn on_bye_while_calling(&mut self, now: Now, usage: UsageId) {
        let Some(Usage { phase: Phase::Calling(calling), .. }) = self.usages.get(usage) else { return };
        let invite = calling.invite;
        let until = self.clock.set(now.mono, invite, Wait::GiveUp);
        self.with_client(invite, |client| client.until = Some(until));
        self.reject(usage, 480, None, Fault::Refused);
    }
}
