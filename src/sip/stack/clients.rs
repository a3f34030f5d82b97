//! Client transactions at work: what the tables order is done here.

use std::sync::Arc;

use bytes::Bytes;

use super::Stack;
use crate::{
    base::Now,
    sip::{
        Credentials, Event, Mark, Path, TransactionId, compose, digest,
        timer::Wait,
        transaction::{
            Acknowledged, Branch, ClientEffect, ClientFact, ClientOwner, ClientState, ClientTransaction, Kind,
            Transaction, client_step,
        },
    },
    wire::sip::{Message, Method, Name},
};

/// Branches of one fork whose 2xx we acknowledge; a peer that answers more often is ignored.
const ACKS_MAX: usize = 16;

/// A response and the path on which it came.
pub(in crate::sip) type Arrived = (Message, Path);

/// What is needed to start one.
pub(in crate::sip) struct Start {
    pub method: Method,
    pub branch: Branch,
    pub path: Path,
    pub bytes: Bytes,
    pub owner: ClientOwner,
    pub credentials: Option<Arc<Credentials>>,
    pub challenged: bool,
    pub renewed: bool,
    /// The way to try when the first is refused.
    pub fallback: Option<Path>,
    /// It does not leave before that.
    pub after: Mark,
}

impl Start {
    pub fn new(method: Method, branch: Branch, path: Path, bytes: Bytes, owner: ClientOwner) -> Self {
        Self {
            method,
            branch,
            path,
            bytes,
            owner,
            credentials: None,
            challenged: false,
            renewed: false,
            fallback: None,
            after: Mark::default(),
        }
    }
}

impl Stack {
    /// Sends a request whose branch came from `new_branch` just before.
    pub(in crate::sip) fn start_client(&mut self, now: Now, start: Start) -> TransactionId {
        let Start { method, branch, path, bytes, owner, credentials, challenged, renewed, fallback, after } = start;
        let id = self.transactions.next_id();
        let until = self.clock.set(now.mono, id, Wait::GiveUp);
        let resend_at = (!path.transport.is_reliable()).then(|| self.clock.set(now.mono, id, Wait::First));
        self.transactions.insert(Transaction::Client(Box::new(ClientTransaction {
            kind: Kind::of(&method),
            state: ClientState::Calling,
            method,
            token: branch.token,
            path,
            bytes: bytes.clone(),
            pause: self.settings.timers.t1,
            resend_at,
            until: Some(until),
            owner,
            credentials,
            challenged,
            renewed,
            acks: Vec::new(),
            cancel: None,
            fallback,
            after,
        })));
        self.unheard.insert((path.remote, id));
        if let Some(flow) = path.flow {
            self.on_flows.insert((flow, id));
        }
        self.send_after(path, bytes, after);
        id
    }

    pub(in crate::sip) fn client(&mut self, id: TransactionId) -> Option<&mut ClientTransaction> {
        match self.transactions.get_mut(id) {
            Some(Transaction::Client(client)) => Some(client),
            Some(Transaction::Server(_) | Transaction::Answered(_)) | None => None,
        }
    }

    /// A response finds its transaction by our branch; one that fits none is dropped (17.1.3).
    pub(super) fn on_response(&mut self, now: Now, path: Path, response: Message) {
        let Some(branch) = response.top_via().ok().and_then(|via| Branch::parse(via.branch()?)) else { return };
        let place = match self.earlier.get(&branch.token) {
            Some(id) => self.transactions.get(*id).map(|found| (*id, found)),
            None => self.transactions.at_place(branch.place),
        };
        let Some((id, Transaction::Client(client))) = place else { return };
        // A second Via would mean that it was meant for somebody behind us (8.1.3.3).
        let is_forwarded = matches!(client.owner, ClientOwner::Proxy(..));
        if client.token != branch.token || (!is_forwarded && response.list(Name::Via).nth(1).is_some()) {
            return;
        }
        let method = response.cseq().method;
        let id = match (&client.method, client.cancel) {
            (own, _) if *own == method => id,
            (Method::Invite, Some(cancel)) if method == Method::Cancel => cancel,
            (_, _) => return,
        };
        let fact = match response.status() {
            Some(100..=199) => ClientFact::Provisional,
            Some(200..=299) => ClientFact::Success,
            Some(300..=699) => ClientFact::Failure,
            Some(_) | None => return,
        };
        self.client_fact(now, id, fact, Some((response, path)));
    }

    pub(in crate::sip) fn client_fact(
        &mut self,
        now: Now,
        id: TransactionId,
        fact: ClientFact,
        arrived: Option<Arrived>,
    ) {
        let Some(client) = self.client(id) else { return };
        let (state, effects) = client_step(client.kind, client.state, fact);
        let first_word = client.state == ClientState::Calling && state != ClientState::Calling;
        client.state = state;
        let (remote, owner) = (client.path.remote, client.owner);
        if first_word {
            self.unheard.remove(&(remote, id));
        }
        for effect in effects {
            match effect {
                ClientEffect::SendRequest => self.resend_request(now, id),
                ClientEffect::SendAck => self.ack_failure(id, arrived.as_ref()),
                ClientEffect::Linger => self.linger_client(now, id),
                ClientEffect::Quiet => self.with_client(id, |client| client.resend_at = None),
                ClientEffect::Patient => self.with_client(id, |client| client.until = None),
                // The tables put telling last: whoever hears of it finds everything else done.
                ClientEffect::Tell => {
                    if let Some((response, path)) = &arrived {
                        self.on_answer(now, id, owner, response, *path);
                    }
                }
                ClientEffect::TellSilence => self.on_no_answer(now, id, owner, false),
                ClientEffect::TellUnreachable => {
                    if !self.fall_back(now, id, owner) {
                        self.on_no_answer(now, id, owner, true);
                    }
                }
            }
        }
        if self.client(id).is_some_and(|client| client.state == ClientState::Over) {
            self.remove_transaction(id);
        }
    }

    pub(in crate::sip) fn with_client(&mut self, id: TransactionId, change: impl FnOnce(&mut ClientTransaction)) {
        if let Some(client) = self.client(id) {
            change(client);
        }
    }

    fn resend_request(&mut self, now: Now, id: TransactionId) {
        let t2 = self.settings.timers.t2;
        let Some(client) = self.client(id) else { return };
        // INVITE doubles without end, others up to T2, and at T2 once a provisional came (17.1.1.2, 17.1.2.2).
        client.pause = match (client.kind, client.state == ClientState::Proceeding) {
            (Kind::Invite, _) => client.pause * 2,
            (Kind::Other, true) => t2,
            (Kind::Other, false) => (client.pause * 2).min(t2),
        };
        let (path, bytes, pause, after) = (client.path, client.bytes.clone(), client.pause, client.after);
        let resend_at = self.clock.set(now.mono, id, Wait::Odd(pause));
        self.with_client(id, |client| client.resend_at = Some(resend_at));
        self.send_after(path, bytes, after);
    }

    fn linger_client(&mut self, now: Now, id: TransactionId) {
        let Some(client) = self.client(id) else { return };
        let wait = match (client.state, client.kind) {
            // Other branches of a fork may answer whatever carries them.
            (ClientState::Accepted, _) => Some(Wait::Linger),
            (_, _) if client.path.transport.is_reliable() => None,
            (_, Kind::Invite) => Some(Wait::Linger),
            (_, Kind::Other) => Some(Wait::Short),
        };
        let flow = client.path.flow;
        if let Some(flow) = flow {
            self.on_flows.remove(&(flow, id));
        }
        let until = wait.map(|wait| self.clock.set(now.mono, id, wait));
        self.with_client(id, |client| {
            client.until = until;
            if until.is_none() {
                client.state = ClientState::Over;
            }
        });
    }

    /// ACK to 300-699, hop by hop, on the way of the INVITE (17.1.1.3).
    fn ack_failure(&mut self, id: TransactionId, arrived: Option<&Arrived>) {
        let Some((response, _)) = arrived else { return };
        let to = response.header(Name::To).unwrap_or_default();
        let Some(client) = self.client(id) else { return };
        let Ok(request) = Message::parse(client.bytes.clone()) else { return };
        let path = client.path;
        let bytes = compose::companion(&request, &Method::Ack, to, None);
        self.send(path, bytes);
    }

    /// Sends the ACK to a 2xx and keeps it, to be sent again when the 2xx comes again.
    pub(in crate::sip) fn send_ack(&mut self, invite: TransactionId, tag: &str, path: Path, bytes: Bytes) {
        self.with_client(invite, |client| {
            if client.acks.len() < ACKS_MAX {
                client.acks.push(Acknowledged { tag: tag.into(), path, bytes: bytes.clone() });
            }
        });
        self.send(path, bytes);
    }

    /// CANCEL for an INVITE of which something has been heard, once.
    pub(in crate::sip) fn cancel_client(&mut self, now: Now, invite: TransactionId, reason: Option<&str>) {
        let branch = self.new_branch();
        let Some(client) = self.client(invite).filter(|client| client.state == ClientState::Proceeding) else { return };
        if client.cancel.is_some() {
            return;
        }
        let path = client.path;
        let Ok(request) = Message::parse(client.bytes.clone()) else { return };
        let to = request.header(Name::To).unwrap_or_default();
        let bytes = compose::companion(&request, &Method::Cancel, to, reason);
        let cancel = self.start_client(now, Start::new(Method::Cancel, branch, path, bytes, ClientOwner::Nobody));
        // Whoever does not answer the INVITE now is not waited for longer than 64*T1 (9.1).
        let until = self.clock.set(now.mono, invite, Wait::GiveUp);
        self.with_client(invite, |client| {
            client.cancel = Some(cancel);
            client.until = Some(until);
        });
    }

    /// Nobody wants the answer any more: it is waited for no longer than that of a CANCEL.
    pub(in crate::sip) fn limit_client(&mut self, now: Now, id: TransactionId) {
        if self.client(id).is_some_and(|client| client.until.is_none()) {
            let until = self.clock.set(now.mono, id, Wait::GiveUp);
            self.with_client(id, |client| client.until = Some(until));
        }
    }

    /// Whether a 2xx needs no more thought: its ACK was lost and goes out again, or too many forks answered.
    pub(in crate::sip) fn acked_before(&mut self, invite: TransactionId, tag: &str) -> bool {
        let Some(client) = self.client(invite) else { return true };
        let full = client.acks.len() >= ACKS_MAX;
        let known = client.acks.iter().find(|ack| *ack.tag == *tag).map(|ack| (ack.path, ack.bytes.clone()));
        match known {
            Some((path, bytes)) => {
                self.send(path, bytes);
                true
            }
            None => full,
        }
    }

    /// Answers a challenge once, when credentials were given for this peer, who is the one that was asked (22.2). The id of
    /// the new try.
    fn answer_challenge(&mut self, now: Now, id: TransactionId, response: &Message) -> Option<TransactionId> {
        let (challenge, answer) = match response.status() {
            Some(401) => (Name::WwwAuthenticate, Name::Authorization),
            Some(407) => (Name::ProxyAuthenticate, Name::ProxyAuthorization),
            Some(_) | None => return None,
        };
        // Once more when only the nonce was too old (RFC 7616 3.3).
        let stale = response.headers(challenge).any(digest::is_stale);
        let client = self.client(id).filter(|client| !client.challenged || (stale && !client.renewed))?;
        client.renewed = client.challenged;
        client.challenged = true;
        let (credentials, asked) = (client.credentials.clone()?, client.path.remote);
        let request = Message::parse(client.bytes.clone()).ok()?;
        let is_register = client.method == Method::Register;
        let given = self.accounts.for_challenge(&credentials, asked, is_register)?;
        let cnonce = self.chance.token();
        let target = (request.method()?.as_str(), request.uri_text()?);
        let value = digest::answer(response.headers(challenge), &given, target, request.body(), &cnonce)?;
        if let (Some(account), Some(realm)) = (given.account, digest::realm_of(&value)) {
            self.accounts.note_realm(account, &realm, is_register);
        }
        self.try_again(now, id, &request, &[(answer, value)])
    }

    /// The same request once more, with other headers and the next CSeq, for the same owner.
    pub(in crate::sip) fn try_again(
        &mut self,
        now: Now,
        id: TransactionId,
        request: &Message,
        headers: &[(Name, String)],
    ) -> Option<TransactionId> {
        let cseq = request.cseq().number.checked_add(1)?;
        let branch = self.new_branch();
        let client = self.client(id)?;
        let (path, owner, method) = (client.path, client.owner, client.method.clone());
        let (credentials, challenged, renewed) = (client.credentials.clone(), client.challenged, client.renewed);
        let bytes = compose::again(&self.settings, request, &compose::Again { path, branch, cseq, headers });
        if let Some(usage) = owner.usage().and_then(|usage| self.usages.get_mut(usage)) {
            usage.dialog.local_cseq = usage.dialog.local_cseq.max(cseq);
        }
        let start = Start::new(method, branch, path, bytes, owner);
        Some(self.start_client(now, Start { credentials, challenged, renewed, ..start }))
    }

    fn on_answer(&mut self, now: Now, id: TransactionId, owner: ClientOwner, response: &Message, path: Path) {
        let status = response.status().unwrap_or_default();
        if matches!(status, 401 | 407)
            && self.is_wanted(owner)
            && let Some(retry) = self.answer_challenge(now, id, response)
        {
            return self.on_retry(owner, id, retry);
        }
        match owner {
            ClientOwner::Invite(usage) => self.on_invite_answer(now, id, usage, response, path),
            ClientOwner::SdpOffer(usage) => self.on_offer_answer(now, id, usage, response, path),
            ClientOwner::User { .. } | ClientOwner::Refresh(_) | ClientOwner::Bye(_) | ClientOwner::Notify(_)
                if status < 200 => {}
            ClientOwner::User { told, .. } => {
                let (response, flow) = (Some(response.clone()), path.flow);
                self.tell(Event::Response { transaction: told, status, response, flow });
            }
            ClientOwner::Refresh(usage) => self.on_refresh_answer(now, usage, response, path),
            ClientOwner::Bye(usage) => self.drop_usage(usage),
            ClientOwner::Notify(subscription) => {
                self.on_notify_answer(now, id, subscription, status, Some(response));
            }
            ClientOwner::Proxy(proxied, branch) => self.on_proxy_answer(now, proxied, branch, response),
            ClientOwner::Prack(_) | ClientOwner::Nobody => {}
        }
    }

    fn on_no_answer(&mut self, now: Now, id: TransactionId, owner: ClientOwner, unreachable: bool) {
        match owner {
            ClientOwner::Invite(usage) => self.on_invite_silent(now, id, usage, unreachable),
            ClientOwner::SdpOffer(usage) => self.on_offer_silent(now, id, usage, unreachable),
            ClientOwner::Refresh(usage) => self.on_refresh_silent(now, usage, unreachable),
            ClientOwner::User { told, .. } => {
                let status = if unreachable { 503 } else { 408 };
                self.tell(Event::Response { transaction: told, status, response: None, flow: None });
            }
            ClientOwner::Notify(subscription) => {
                self.on_notify_answer(now, id, subscription, if unreachable { 503 } else { 408 }, None);
            }
            ClientOwner::Bye(usage) => self.drop_usage(usage),
            ClientOwner::Proxy(proxied, branch) => self.on_proxy_silent(now, proxied, branch, unreachable),
            ClientOwner::Prack(_) | ClientOwner::Nobody => {}
        }
    }
}
