//! Server transactions at work: what the tables order is done here.

use std::time::Duration;

use bytes::Bytes;

use super::Stack;
use crate::{
    base::Now,
    sip::{
        Mark, Path, Reply, SessionId, TransactionId, compose,
        timer::Wait,
        transaction::{
            Answered, Kind, ServerEffect, ServerFact, ServerOwner, ServerState, ServerTransaction, Transaction,
            server_step,
        },
    },
    wire::sip::{Message, Method},
};

/// An INVITE that nobody answered gets 100 after this (17.2.1).
const TRYING_TIME: Duration = Duration::from_millis(200);

impl Stack {
    /// Keeps a request. `tag` is the To tag of our answers, zero when it has one.
    pub(in crate::sip) fn begin_server(
        &mut self,
        now: Now,
        path: Path,
        request: &Message,
        owner: ServerOwner,
        tag: u64,
    ) -> TransactionId {
        let id = self.transactions.next_id();
        let kind = request.method().map_or(Kind::Other, Kind::of);
        let (until, resend_at) = match kind {
            Kind::Invite => (None, Some(self.clock.set(now.mono, id, Wait::Odd(TRYING_TIME)))),
            // Whoever should answer never did: it must not stay for ever.
            Kind::Other => (Some(self.clock.set(now.mono, id, Wait::GiveUp)), None),
        };
        let key = self.key_of(request, false).unwrap_or_default();
        self.server_keys.insert(key, id);
        self.transactions.insert(Transaction::Server(Box::new(ServerTransaction {
            kind,
            state: ServerState::Asked,
            path: compose::response_path(request, path, self.settings.force_rport),
            source: path.remote,
            request: Some(request.clone()),
            response: None,
            tag,
            pause: self.settings.timers.t1,
            resend_at,
            until,
            owner,
            key,
            after: Mark::default(),
            merge_key: None,
        })));
        id
    }

    pub(in crate::sip) fn server(&mut self, id: TransactionId) -> Option<&mut ServerTransaction> {
        match self.transactions.get_mut(id) {
            Some(Transaction::Server(server)) => Some(server),
            Some(Transaction::Client(_) | Transaction::Answered(_)) | None => None,
        }
    }

    /// The request of a transaction that waits for its final answer.
    pub(in crate::sip) fn asked(&mut self, id: TransactionId) -> Option<Message> {
        self.server(id)?.request.clone()
    }

    /// Starts the answer to a kept request: Via, From, To with our tag, Call-ID, CSeq.
    pub(in crate::sip) fn begin_answer(
        &mut self,
        id: TransactionId,
        reply: &Reply,
    ) -> Option<crate::wire::sip::Writer> {
        let server = self.server(id)?;
        let request = server.request.as_ref()?;
        Some(compose::response(request, server.source, reply.status, reply.reason.as_deref(), server.tag))
    }

    /// Sends a written answer. `once` forgets the request with it.
    pub(in crate::sip) fn conclude(&mut self, now: Now, id: TransactionId, status: u16, bytes: Bytes, once: bool) {
        self.conclude_kept(now, id, status, bytes);
        if once || matches!(status, 401 | 407) {
            self.remove_transaction(id);
        }
    }

    /// The same where the request is remembered whatever the answer is: its challenge is somebody else's.
    pub(in crate::sip) fn conclude_kept(&mut self, now: Now, id: TransactionId, status: u16, bytes: Bytes) {
        let Some(server) = self.server(id) else { return };
        if server.request.is_none() {
            return;
        }
        server.response = Some(bytes);
        let fact = match status {
            0..=199 => ServerFact::Provisional,
            200..=299 => ServerFact::Success,
            300.. => ServerFact::Failure,
        };
        if status >= 200 {
            server.request = None;
        }
        self.server_fact(now, id, fact);
        self.keep_answer_only(id);
    }

    /// A plain answer by the stack itself.
    pub(in crate::sip) fn answer(&mut self, now: Now, id: TransactionId, reply: &Reply) {
        let Some(bytes) = self.write_plain_answer(id, reply) else { return };
        if let Some(server) = self.server(id) {
            server.after = reply.after;
        }
        self.conclude(now, id, reply.status, bytes, reply.once);
    }

    fn write_plain_answer(&mut self, id: TransactionId, reply: &Reply) -> Option<Bytes> {
        let server = self.server(id)?;
        let (request, source, tag) = (server.request.clone()?, server.source, server.tag);
        let session = self.session_of(&request);
        Some(compose::answer(&self.settings, &request, (source, tag), session, reply))
    }

    /// The 200 to a BYE, written while its dialog is still known.
    pub(in crate::sip) fn accept_bye(&mut self, now: Now, id: TransactionId) {
        let Some(bytes) = self.write_plain_answer(id, &Reply::new(200)) else { return };
        if self.settings.holds_byes {
            self.byes.push((id, bytes));
        } else {
            self.conclude(now, id, 200, bytes, false);
        }
    }

    /// Whether [`Stack::answer_byes`] is due.
    pub fn has_byes(&self) -> bool {
        !self.byes.is_empty()
    }

    /// Answers the BYEs that are held, once what they brought about is known: neither an answer nor a copy of it leaves
    /// before `after`.
    pub fn answer_byes(&mut self, now: Now, after: Mark) {
        while let Some((id, bytes)) = self.byes.pop() {
            if let Some(server) = self.server(id) {
                server.after = after;
            }
            self.conclude(now, id, 200, bytes, false);
        }
    }

    /// Both ends, for an answer inside a dialog.
    fn session_of(&self, request: &Message) -> Option<SessionId> {
        let usage = self.usage_of_tag(request.to_tag()?)?;
        self.usages.get(usage)?.dialog.session.header()
    }

    /// Answers an [`Event::Request`](crate::sip::Event::Request) or [`Event::Info`](crate::sip::Event::Info).
    pub fn reply(&mut self, now: Now, transaction: TransactionId, mut reply: Reply) {
        let Some(request) =
            self.server(transaction).filter(|s| s.owner == ServerOwner::User).and_then(|s| s.request.clone())
        else {
            return;
        };
        // Non-INVITE knows no provisional answer but 100 (RFC 4320 4.1).
        if (101..200).contains(&reply.status) {
            return;
        }
        // To a stranger nothing is told but what the floor above has chosen.
        if request.method() == Some(&Method::Options) && (200..300).contains(&reply.status) && !reply.once {
            for (name, value) in [("Allow", &self.allow), ("Supported", &self.supported)] {
                if !reply.headers.iter().any(|(own, _)| own.eq_ignore_ascii_case(name)) {
                    reply.headers.push((name.into(), value.clone()));
                }
            }
        }
        self.answer(now, transaction, &reply);
    }

    /// An answered non-INVITE shrinks to its answer.
    fn keep_answer_only(&mut self, id: TransactionId) {
        let Some(found) = self.transactions.get_mut(id) else { return };
        if let Transaction::Server(server) = found
            && (server.kind, server.state) == (Kind::Other, ServerState::Completed)
            && let (Some(until), Some(response)) = (server.until, &server.response)
        {
            // A copy of its own size: the buffer it was written in is larger.
            let response = Bytes::copy_from_slice(response);
            let (path, key, after) = (server.path, server.key, server.after);
            let answered = Answered { path, response, until, key, after };
            *found = Transaction::Answered(Box::new(answered));
        }
    }

    fn answered_fact(&mut self, id: TransactionId, (path, response, after): (Path, Bytes, Mark), fact: ServerFact) {
        let (state, effects) = server_step(Kind::Other, ServerState::Completed, fact);
        if effects.contains(&ServerEffect::Send) {
            self.send_after(path, response, after);
        }
        if state == ServerState::Over {
            self.remove_transaction(id);
        }
    }

    pub(in crate::sip) fn server_fact(&mut self, now: Now, id: TransactionId, fact: ServerFact) {
        if let Some(Transaction::Answered(answered)) = self.transactions.get(id) {
            let kept = (answered.path, answered.response.clone(), answered.after);
            return self.answered_fact(id, kept, fact);
        }
        let Some(server) = self.server(id) else { return };
        let (state, effects) = server_step(server.kind, server.state, fact);
        server.state = state;
        let owner = server.owner;
        for effect in effects {
            match effect {
                ServerEffect::Send => self.send_response(id),
                ServerEffect::SendTrying => self.send_trying(id),
                ServerEffect::Repeat => self.repeat_response(now, id, false),
                ServerEffect::RepeatAlways => self.repeat_response(now, id, true),
                ServerEffect::Slower => self.repeat_slower(now, id),
                ServerEffect::Quiet => {
                    if let Some(server) = self.server(id) {
                        server.resend_at = None;
                        if matches!(server.state, ServerState::Acked | ServerState::Confirmed) {
                            server.response = None;
                        }
                    }
                }
                ServerEffect::Linger => self.linger_server(now, id, Wait::Linger),
                ServerEffect::LingerShort => self.linger_server(now, id, Wait::Short),
                ServerEffect::TellNoAck => self.on_ack_missing(now, id, owner),
            }
        }
        if self.server(id).is_some_and(|server| server.state == ServerState::Over) {
            self.remove_transaction(id);
        }
    }

    fn send_response(&mut self, id: TransactionId) {
        let Some(server) = self.server(id) else { return };
        if let Some(bytes) = server.response.clone() {
            let (path, after) = (server.path, server.after);
            self.send_after(path, bytes, after);
        }
    }

    fn send_trying(&mut self, id: TransactionId) {
        let Some(server) = self.server(id) else { return };
        let Some(request) = &server.request else { return };
        let bytes = compose::response(request, server.source, 100, None, 0).end();
        server.response = Some(bytes);
        self.send_response(id);
    }

    fn repeat_response(&mut self, now: Now, id: TransactionId, always: bool) {
        let t1 = self.settings.timers.t1;
        let Some(server) = self.server(id) else { return };
        server.pause = t1;
        let repeated = always || !server.path.transport.is_reliable();
        let resend_at = repeated.then(|| self.clock.set(now.mono, id, Wait::First));
        if let Some(server) = self.server(id) {
            server.resend_at = resend_at;
        }
    }

    fn repeat_slower(&mut self, now: Now, id: TransactionId) {
        let t2 = self.settings.timers.t2;
        let Some(server) = self.server(id) else { return };
        server.pause = (server.pause * 2).min(t2);
        let pause = server.pause;
        let resend_at = self.clock.set(now.mono, id, Wait::Odd(pause));
        if let Some(server) = self.server(id) {
            server.resend_at = Some(resend_at);
        }
    }

    fn linger_server(&mut self, now: Now, id: TransactionId, wait: Wait) {
        let Some(server) = self.server(id) else { return };
        let reliable = server.path.transport.is_reliable();
        let wait = match (server.kind, server.state) {
            // Nothing is repeated over a reliable transport: timers I and J are zero.
            (Kind::Other, _) | (Kind::Invite, ServerState::Confirmed) if reliable => {
                server.state = ServerState::Over;
                return;
            }
            (Kind::Other, _) => Wait::Answered,
            (Kind::Invite, _) => wait,
        };
        let until = self.clock.set(now.mono, id, wait);
        if let Some(server) = self.server(id) {
            server.until = Some(until);
        }
    }
}
