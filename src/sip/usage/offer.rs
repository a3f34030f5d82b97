//! Offers inside a call, ours and theirs: re-INVITE (RFC 3261 14, 6141) and UPDATE (RFC 3311), one at a time.

use std::time::Duration;

use super::{Phase, Usage, UsageClock};
use crate::{
    base::Now,
    sip::{
        Abilities, Body, Ended, Event, Path, Reply, Stack, TransactionId, UsageId,
        transaction::{ClientOwner, ServerFact},
    },
    wire::sip::{Message, Method, Name},
};

/// Times that an offer is repeated after 491 or 500 with Retry-After; a peer that says so for ever never lets go.
const TRIES_MAX: u8 = 5;

/// The longest that a peer's Retry-After holds an offer back.
const RETRY_AFTER_MAX: u64 = 10;

/// The one offer under way after the first.
pub(super) enum Exchange {
    Idle,
    /// Ours waits for its answer.
    Ours(Ours),
    /// They answered our re-INVITE without body with an offer: `ack` must bring our answer.
    OursUnacked {
        transaction: TransactionId,
        cseq: u32,
    },
    /// Ours met theirs and waits for its next try.
    BackOff {
        ours: Ours,
    },
    /// Theirs waits for `respond_offer`.
    Theirs {
        transaction: TransactionId,
        method: Method,
        late: bool,
    },
    /// Our 2xx to their re-INVITE waits for its ACK.
    TheirsUnacked {
        transaction: TransactionId,
        cseq: u32,
        late: bool,
    },
}

pub(super) struct Ours {
    pub transaction: TransactionId,
    method: Method,
    body: Option<Body>,
    tries: u8,
}

impl Stack {
    /// A new offer by re-INVITE; without body it asks for theirs. One waits while another offer is under way; a newer one
    /// replaces it. `OfferAnswered` follows for each that is not replaced; a 2xx to an INVITE without body then needs `ack`.
    pub fn reinvite(&mut self, now: Now, usage: UsageId, body: Option<Body>) {
        self.offer(now, usage, Method::Invite, body);
    }

    /// A new offer by UPDATE (RFC 3311).
    pub fn update(&mut self, now: Now, usage: UsageId, body: Option<Body>) {
        self.offer(now, usage, Method::Update, body);
    }

    fn offer(&mut self, now: Now, id: UsageId, method: Method, body: Option<Body>) {
        let Some(usage) = self.usages.get_mut(id) else { return };
        if let Exchange::BackOff { ours } = &mut usage.exchange {
            // The newest description is the one to try with.
            (ours.method, ours.body) = (method, body);
            return;
        }
        if matches!(usage.phase, Phase::Ending) {
            return;
        }
        usage.queued = Some(Box::new((method, body)));
        self.run_queued(now, id);
    }

    /// Sends the offer that waits, when nothing else is under way.
    pub(super) fn run_queued(&mut self, now: Now, id: UsageId) {
        let Some(usage) = self.usages.get_mut(id) else { return };
        if !matches!((&usage.phase, &usage.exchange), (Phase::Confirmed, Exchange::Idle)) {
            return;
        }
        if let Some(queued) = usage.queued.take() {
            let (method, body) = *queued;
            self.send_offer(now, id, method, body, 0);
        }
    }

    fn send_offer(&mut self, now: Now, id: UsageId, method: Method, body: Option<Body>, tries: u8) {
        let owner = ClientOwner::SdpOffer(id);
        let sent = self.send_inside(now, id, &method, owner, body.as_ref(), |stack, usage, writer| {
            let reliable = body.is_some() && usage.abilities.reliable;
            let abilities = Abilities { reliable, ..usage.abilities };
            stack.describe(writer, usage.dialog.path, usage.own_contact(), abilities);
            if usage.session.is_some() {
                stack.propose_session(writer, usage.session, 0);
            }
        });
        if let (Some(transaction), Some(usage)) = (sent, self.usages.get_mut(id)) {
            usage.exchange = Exchange::Ours(Ours { transaction, method, body, tries });
        }
    }

    pub(in crate::sip) fn on_offer_answer(
        &mut self,
        now: Now,
        id: TransactionId,
        usage_id: UsageId,
        response: &Message,
        path: Path,
    ) {
        let status = response.status().unwrap_or_default();
        let current = matches!(
            self.usages.get(usage_id),
            Some(Usage { exchange: Exchange::Ours(ours), .. }) if ours.transaction == id
        );
        match (status, current) {
            (..200, _) => {}
            (200..300, true) => self.on_offer_accepted(now, id, usage_id, response, path),
            (200..300, false) => self.on_offer_accepted_again(id, usage_id, response, path),
            (300.., true) => self.on_offer_refused(now, id, usage_id, response),
            (300.., false) => {}
        }
    }

    fn on_offer_accepted(&mut self, now: Now, id: TransactionId, usage_id: UsageId, response: &Message, path: Path) {
        let Some(usage) = self.usages.get_mut(usage_id) else { return };
        let Exchange::Ours(ours) = std::mem::replace(&mut usage.exchange, Exchange::Idle) else { return };
        usage.learn(response);
        self.refresh_target(usage_id, response, path);
        let body = Body::of(response);
        let cseq = response.cseq().number;
        if ours.method == Method::Invite {
            if ours.body.is_none() && body.is_some() {
                if let Some(usage) = self.usages.get_mut(usage_id) {
                    usage.exchange = Exchange::OursUnacked { transaction: id, cseq };
                }
            } else {
                self.send_dialog_ack(usage_id, id, cseq, None);
            }
        }
        self.session_agreed(now, usage_id, response);
        self.tell(Event::OfferAnswered { usage: usage_id, status: response.status().unwrap_or_default(), body });
        self.run_queued(now, usage_id);
    }

    /// The 2xx to a re-INVITE came again, or its call is over: it gets its ACK all the same.
    fn on_offer_accepted_again(&mut self, id: TransactionId, usage_id: UsageId, response: &Message, path: Path) {
        let invite = self.client(id).is_some_and(|client| client.method == Method::Invite);
        let waits = matches!(
            self.usages.get(usage_id),
            Some(Usage { exchange: Exchange::OursUnacked { transaction, .. }, .. }) if *transaction == id
        );
        if !invite || waits || self.acked_before(id, response.to_tag().unwrap_or_default()) {
            return;
        }
        if self.usages.get(usage_id).is_some() {
            self.send_dialog_ack(usage_id, id, response.cseq().number, None);
        } else {
            let _ = self.ack_stray(id, response, path);
        }
    }

    fn on_offer_refused(&mut self, now: Now, id: TransactionId, usage_id: UsageId, response: &Message) {
        let status = response.status().unwrap_or_default();
        if status == 422 && self.stretch_session(now, id, usage_id, response) {
            return;
        }
        let Some(usage) = self.usages.get_mut(usage_id) else { return };
        let Exchange::Ours(mut ours) = std::mem::replace(&mut usage.exchange, Exchange::Idle) else { return };
        let after = response
            .header(Name::RetryAfter)
            .and_then(|value| value.split([' ', ';', '(']).next().unwrap_or_default().parse::<u64>().ok());
        match (status, after) {
            (491, _) if ours.tries < TRIES_MAX => {
                let opened = usage.ours;
                let pause = self.glare_pause(opened);
                self.back_off(now, usage_id, ours, pause);
            }
            (500, Some(after)) if ours.tries < TRIES_MAX => {
                let pause = Duration::from_secs(after.min(RETRY_AFTER_MAX)) + self.glare_pause(false);
                self.back_off(now, usage_id, ours, pause);
            }
            (405 | 501, _) if ours.method == Method::Update => {
                usage.peer_updates = false;
                ours.method = Method::Invite;
                self.send_offer(now, usage_id, ours.method, ours.body, ours.tries);
            }
            (481, _) => self.end_quietly(now, usage_id, Ended::Timeout),
            (408, _) => self.end(now, usage_id, Ended::Timeout, None),
            (_, _) => {
                self.tell(Event::OfferAnswered { usage: usage_id, status, body: None });
                self.run_queued(now, usage_id);
            }
        }
    }

    /// Whoever opened the dialog waits 2.1 to 4 s, the other side up to 2 s, in steps of 10 ms (14.1).
    fn glare_pause(&mut self, opened: bool) -> Duration {
        let steps = if opened { 210 + self.chance.below(191) } else { self.chance.below(201) };
        Duration::from_millis(steps * 10)
    }

    fn back_off(&mut self, now: Now, id: UsageId, mut ours: Ours, pause: Duration) {
        ours.tries = ours.tries.saturating_add(1);
        let Some(usage) = self.usages.get_mut(id) else { return };
        if let Some(newer) = usage.queued.take() {
            (ours.method, ours.body) = *newer;
        }
        usage.exchange = Exchange::BackOff { ours };
        self.usage_timers.set((id, UsageClock::Glare), now.mono + pause);
    }

    pub(super) fn on_back_off_over(&mut self, now: Now, id: UsageId) {
        let Some(usage) = self.usages.get_mut(id) else { return };
        if !matches!(usage.exchange, Exchange::BackOff { .. }) {
            return;
        }
        if let Exchange::BackOff { ours } = std::mem::replace(&mut usage.exchange, Exchange::Idle) {
            self.send_offer(now, id, ours.method, ours.body, ours.tries);
        }
    }

    /// No answer to our offer: the other side is gone (12.2.1.2).
    pub(in crate::sip) fn on_offer_silent(&mut self, now: Now, id: TransactionId, usage: UsageId, unreachable: bool) {
        let current = matches!(
            self.usages.get(usage),
            Some(Usage { exchange: Exchange::Ours(ours), .. }) if ours.transaction == id
        );
        if current {
            let why = if unreachable { Ended::Unreachable } else { Ended::Timeout };
            self.end(now, usage, why, None);
        }
    }

    /// Their re-INVITE or UPDATE, in its place among the offers (14.2, RFC 3311 5.2).
    pub(super) fn on_offer(
        &mut self,
        now: Now,
        transaction: TransactionId,
        id: UsageId,
        request: &Message,
        path: Path,
    ) {
        let Some(method) = request.method().cloned() else { return };
        let body = Body::of(request);
        if let Some(refusal) = self.session_too_small(request) {
            return self.answer(now, transaction, &refusal);
        }
        if let Some(usage) = self.usages.get_mut(id) {
            usage.learn(request);
        }
        if method == Method::Update && body.is_none() {
            return self.grant_refresh(now, transaction, id, request, path);
        }
        match self.refuses_offer(now, id, request) {
            Some(491) => self.answer(now, transaction, &Reply::new(491)),
            Some(status) => {
                let after = self.chance.below(RETRY_AFTER_MAX + 1).to_string();
                self.answer(now, transaction, &Reply::new(status).header("Retry-After", after));
            }
            None => {
                self.take_early_offer(id, request);
                self.refresh_target(id, request, path);
                let Some(usage) = self.usages.get_mut(id) else { return };
                let late = body.is_none();
                let theirs = Exchange::Theirs { transaction, method: method.clone(), late };
                if let Exchange::BackOff { ours } = std::mem::replace(&mut usage.exchange, theirs) {
                    usage.queued = Some(Box::new((ours.method, ours.body)));
                    self.usage_timers.cancel((id, UsageClock::Glare));
                }
                self.tell(Event::SdpOffer { usage: id, method, body, request: request.clone() });
            }
        }
    }

    /// 491 while an offer of ours is open, 500 while one of theirs is. Before the call is answered that of its INVITE is open
    /// until a reliable provisional answer has settled it (RFC 3311 5.1).
    fn refuses_offer(&mut self, now: Now, id: UsageId, request: &Message) -> Option<u16> {
        let usage = self.usages.get(id)?;
        let is_update = request.method() == Some(&Method::Update);
        match (&usage.phase, &usage.exchange) {
            (Phase::Calling(calling), Exchange::Idle) if is_update && calling.has_settled(request) => None,
            (Phase::Calling(_), _) => Some(491),
            (Phase::Invited(invited), Exchange::Idle) if is_update && invited.has_settled() => None,
            (Phase::Invited(_), _) => Some(500),
            (Phase::AckWanted { .. }, _) => Some(491),
            // Our 2xx carried the offer and its answer has not come.
            (Phase::Answered { we_offered: true, .. }, _) => Some(491),
            (_, Exchange::Ours(_) | Exchange::OursUnacked { .. }) => Some(491),
            (_, Exchange::Theirs { .. }) => Some(500),
            (_, Exchange::TheirsUnacked { late: true, .. }) => Some(491),
            // A new INVITE says that the last one is settled: its ACK was lost or comes late.
            (_, Exchange::TheirsUnacked { transaction, .. }) if !is_update => {
                let transaction = *transaction;
                self.server_fact(now, transaction, ServerFact::Ack);
                None
            }
            (_, Exchange::Idle | Exchange::BackOff { .. } | Exchange::TheirsUnacked { .. }) => None,
        }
    }

    /// Their CANCEL of a re-INVITE: the session stays as it was.
    pub(in crate::sip) fn on_offer_cancelled(&mut self, now: Now, transaction: TransactionId, id: UsageId) {
        self.answer(now, transaction, &Reply::new(487));
        if let Some(usage) = self.usages.get_mut(id) {
            usage.exchange = Exchange::Idle;
        }
        self.tell(Event::OfferTakenBack { usage: id });
        self.run_queued(now, id);
    }

    /// Takes our last `reinvite` back, if nothing has come of it yet. `OfferAnswered` follows as ever: with 487, or with what
    /// crossed it.
    pub fn take_offer_back(&mut self, now: Now, id: UsageId) {
        let Some(usage) = self.usages.get_mut(id) else { return };
        if usage.queued.take().is_some() {
            return self.tell(Event::OfferAnswered { usage: id, status: 487, body: None });
        }
        match &usage.exchange {
            Exchange::Ours(ours) => {
                let transaction = ours.transaction;
                self.cancel_client(now, transaction, None);
            }
            Exchange::BackOff { .. } => {
                usage.exchange = Exchange::Idle;
                self.usage_timers.cancel((id, UsageClock::Glare));
                self.tell(Event::OfferAnswered { usage: id, status: 487, body: None });
            }
            Exchange::Idle
            | Exchange::OursUnacked { .. }
            | Exchange::Theirs { .. }
            | Exchange::TheirsUnacked { .. } => {}
        }
    }

    /// Answers an [`Event::SdpOffer`]. False: there is none any more.
    pub fn respond_offer(&mut self, now: Now, usage: UsageId, status: u16, body: Option<Body>) -> bool {
        self.answer_offer(now, usage, Reply { body, ..Reply::new(status) })
    }

    /// The same, with headers.
    pub fn answer_offer(&mut self, now: Now, usage: UsageId, reply: Reply) -> bool {
        let Some(Usage { exchange: Exchange::Theirs { transaction, method, late }, .. }) = self.usages.get(usage)
        else {
            return false;
        };
        let (transaction, late) = (*transaction, *late);
        let (invite, is_prack) = (*method == Method::Invite, *method == Method::Prack);
        let status = reply.status;
        let Some(request) = self.asked(transaction) else { return false };
        let Some(bytes) = self.write_answer(usage, transaction, &reply) else { return false };
        let success = (200..300).contains(&status);
        if success && !is_prack {
            self.session_granted(now, usage, &request);
        }
        if let Some(found) = self.usages.get_mut(usage) {
            found.exchange = match (status, success && invite) {
                (..200, _) => {
                    self.conclude(now, transaction, status, bytes, false);
                    return true;
                }
                (_, true) => Exchange::TheirsUnacked { transaction, cseq: request.cseq().number, late },
                (_, false) => Exchange::Idle,
            };
        }
        self.conclude(now, transaction, status, bytes, false);
        if is_prack {
            self.go_on_reliably(now, usage);
        }
        self.run_queued(now, usage);
        true
    }

    pub(super) fn on_offer_acked(&mut self, now: Now, usage: UsageId, ack: &Message) {
        let Some(found) = self.usages.get_mut(usage) else { return };
        let transaction = match found.exchange {
            Exchange::TheirsUnacked { transaction, cseq, .. } if cseq == ack.cseq().number => transaction,
            Exchange::TheirsUnacked { .. }
            | Exchange::Idle
            | Exchange::Ours(_)
            | Exchange::OursUnacked { .. }
            | Exchange::BackOff { .. }
            | Exchange::Theirs { .. } => return,
        };
        found.exchange = Exchange::Idle;
        self.server_fact(now, transaction, ServerFact::Ack);
        self.tell(Event::Acked { usage, body: Body::of(ack) });
        self.run_queued(now, usage);
    }

    /// Our answer to the offer that their 2xx to our empty re-INVITE brought.
    pub(super) fn ack_offer(&mut self, now: Now, usage: UsageId, body: Option<&Body>) {
        let Some(found) = self.usages.get_mut(usage) else { return };
        if let Exchange::OursUnacked { transaction, cseq } = found.exchange {
            found.exchange = Exchange::Idle;
            self.send_dialog_ack(usage, transaction, cseq, body);
            self.run_queued(now, usage);
        }
    }

    /// What a branch of a fork offers before it answers takes the place of what it answered.
    fn take_early_offer(&mut self, id: UsageId, request: &Message) {
        let Some(Usage { phase: Phase::Calling(calling), .. }) = self.usages.get_mut(id) else { return };
        if let Some(early) = calling.early_of(request) {
            early.answer = None;
        }
    }

    pub(super) fn refresh_target(&mut self, id: UsageId, message: &Message, path: Path) {
        let Some(usage) = self.usages.get_mut(id) else { return };
        if matches!(usage.phase, Phase::Calling(_)) {
            // The dialog is that of a branch, and the 2xx will bring its target.
            return;
        }
        let before = usage.dialog.path;
        usage.dialog.refresh_target(message, path);
        let after = std::mem::replace(&mut usage.dialog.path, before);
        self.rehome(id, after);
    }
}
