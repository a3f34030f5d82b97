//! What a request is, before anybody is told of it.

use super::Stack;
use crate::{
    base::Now,
    sip::{
        Event, Path, Reply, TransactionId,
        dialog::{caller_target, is_sips},
        transaction::{ServerFact, ServerOwner, ServerState, merge_key},
    },
    wire::sip::{Message, Method, Name},
};

/// What only a REGISTER may require (RFC 3327, RFC 5626).
const REGISTRAR_TAGS: [&str; 2] = ["path", "outbound"];

impl Stack {
    pub(super) fn on_request(&mut self, now: Now, path: Path, request: Message) {
        let Some(method) = request.method().cloned() else { return };
        if request.from().is_err() || request.to().is_err() {
            return self.refuse(path, &request, &Reply::new(400).reason("Bad From or To"));
        }
        match method {
            Method::Ack => return self.on_ack(now, path, &request),
            Method::Cancel => return self.on_cancel(now, path, &request),
            Method::Invite
            | Method::Bye
            | Method::Options
            | Method::Register
            | Method::Prack
            | Method::Update
            | Method::Info
            | Method::Refer
            | Method::Subscribe
            | Method::Notify
            | Method::Message
            | Method::Publish
            | Method::Other(_) => {}
        }
        let Some(key) = self.key_of(&request, false) else { return };
        if let Some(id) = self.server_keys.get(&key).copied() {
            return self.server_fact(now, id, ServerFact::Request);
        }
        if !self.has_room() {
            return self.refuse(path, &request, &Reply::new(503).header("Retry-After", "10"));
        }
        if let Some(onward) = self.onward(now, &request) {
            return self.forward_inside(now, path, &request, onward);
        }
        if let Some(refusal) = self.unsupported(&request, &method) {
            return self.refuse(path, &request, &refusal);
        }
        // A REGISTER has no dialog, whatever stands in its To.
        match request.to_tag() {
            Some(tag) if method != Method::Register => {
                let usage = self.usage_of_tag(tag).filter(|usage| self.is_peer_of(*usage, &request));
                match usage {
                    Some(usage) => self.on_request_inside(now, path, request, usage),
                    None => match self.subscriptions.of_request(&request) {
                        Some(subscription) => self.on_subscription_request(now, path, request, subscription),
                        None => self.refuse(path, &request, &Reply::new(481)),
                    },
                }
            }
            Some(_) | None => self.on_request_outside(now, path, request, &method),
        }
    }

    /// What we can't do, whoever asks: 416, 405, 501, and 420 and 415 where the request is certain to be ours (8.2.1-8.2.3).
    fn unsupported(&self, request: &Message, method: &Method) -> Option<Reply> {
        let scheme = request.uri_text().and_then(|uri| uri.split(':').next()).unwrap_or_default();
        if !["sip", "sips", "tel"].iter().any(|known| known.eq_ignore_ascii_case(scheme)) {
            return Some(Reply::new(416));
        }
        if request.request_uri().is_err() {
            return Some(Reply::new(400).reason("Bad Request-URI"));
        }
        if !self.settings.allow.contains(&method.as_str()) {
            let status = if matches!(method, Method::Other(_)) { 501 } else { 405 };
            return Some(Reply::new(status).header("Allow", self.allow.clone()));
        }
        // An INVITE may only be passing through, and what it requires is then for others to judge (16.3).
        if *method == Method::Invite && request.to_tag().is_none() { None } else { self.lacks(request) }
    }

    /// What a request that is ours to serve wants beyond what we can: an extension, or a body read that is packed (8.2.2.3,
    /// 8.2.3).
    pub fn lacks(&self, request: &Message) -> Option<Reply> {
        let method = request.method()?;
        let ours = self.settings.supported.iter();
        let ours = ours.chain(REGISTRAR_TAGS.iter().filter(|_| *method == Method::Register));
        let known = |tag: &&str| ours.clone().any(|ours| ours.eq_ignore_ascii_case(tag));
        let unknown: Vec<&str> =
            request.list(Name::Require).map(str::trim).filter(|tag| !tag.is_empty() && !known(tag)).collect();
        if !unknown.is_empty() {
            return Some(Reply::new(420).header("Unsupported", unknown.join(", ")));
        }
        let is_packed = |coding: &str| !coding.trim().eq_ignore_ascii_case("identity");
        let read = matches!(method, Method::Invite | Method::Update | Method::Prack | Method::Info);
        let packed = read && !request.body().is_empty() && request.list(Name::ContentEncoding).any(is_packed);
        packed.then(|| Reply::new(415).header("Accept-Encoding", "identity"))
    }

    fn on_request_outside(&mut self, now: Now, path: Path, request: Message, method: &Method) {
        match method {
            Method::Invite => self.on_new_invite(now, path, request),
            Method::Bye | Method::Update | Method::Prack | Method::Info => {
                self.refuse(path, &request, &Reply::new(481));
            }
            Method::Ack
            | Method::Cancel
            | Method::Options
            | Method::Register
            | Method::Refer
            | Method::Subscribe
            | Method::Notify
            | Method::Message
            | Method::Publish
            | Method::Other(_) => {
                let tag = self.new_tag();
                let transaction = self.begin_server(now, path, &request, ServerOwner::User, tag);
                self.tell(if *method == Method::Subscribe {
                    Event::Subscribe { transaction, request, path, known: None }
                } else {
                    Event::Request { transaction, request, path, usage: None }
                });
            }
        }
    }

    fn on_new_invite(&mut self, now: Now, path: Path, request: Message) {
        let merge_key = merge_key([self.server_keys.hasher(), self.merge_keys.hasher()], &request);
        let refusal = if self.merge_keys.contains_key(&merge_key) {
            Some(Reply::new(482))
        } else if self.usages.len() >= self.settings.usages_max {
            Some(Reply::new(503).header("Retry-After", "10"))
        } else if caller_target(&request).is_none() {
            Some(Reply::new(400).reason("Missing Contact"))
        } else if caller_target(&request).is_some_and(is_sips) && !path.transport.is_secure() {
            // What we send him later would have to leave securely, and can't.
            Some(Reply::new(400).reason("sips Contact On An Insecure Transport"))
        } else {
            self.session_too_small(&request)
        };
        if let Some(refusal) = refusal {
            return self.refuse(path, &request, &refusal);
        }
        let transaction = self.open_theirs(now, path, request);
        if let Some(server) = self.server(transaction) {
            server.merge_key = Some(merge_key);
            self.merge_keys.insert(merge_key, transaction);
        }
    }

    /// The ACK to a 300-699 belongs to its transaction, that to a 2xx to the dialog; any other is a stray.
    fn on_ack(&mut self, now: Now, path: Path, ack: &Message) {
        let known = self.key_of(ack, true).and_then(|key| self.server_keys.get(&key).copied());
        let refused = known.filter(|id| {
            self.server(*id).is_some_and(|s| matches!(s.state, ServerState::Completed | ServerState::Confirmed))
        });
        if let Some(id) = refused {
            return self.server_fact(now, id, ServerFact::Ack);
        }
        if let Some(onward) = self.onward(now, ack) {
            return self.forward_ack(path, ack, onward);
        }
        let usage = ack.to_tag().and_then(|tag| self.usage_of_tag(tag)).filter(|usage| self.is_peer_of(*usage, ack));
        if let Some(usage) = usage {
            self.on_usage_acked(now, usage, ack);
        }
    }

    /// CANCEL finds its INVITE by branch and sent-by (9.2); it gets the same answer however often it comes.
    fn on_cancel(&mut self, now: Now, path: Path, cancel: &Message) {
        let Some(key) = self.key_of(cancel, true) else { return };
        let found = self.server_keys.get(&key).copied();
        let Some((id, tag)) = found.and_then(|id| Some((id, self.server(id)?.tag))) else {
            return self.refuse(path, cancel, &Reply::new(481));
        };
        self.answer_statelessly(path, cancel, &Reply::new(200), tag);
        self.on_cancelled(now, id, cancel);
    }

    fn on_cancelled(&mut self, now: Now, id: TransactionId, cancel: &Message) {
        let Some(server) = self.server(id) else { return };
        let waits = matches!(server.state, ServerState::Asked | ServerState::Proceeding);
        match server.owner {
            ServerOwner::Invite(usage) if waits => self.on_invite_cancelled(now, usage, cancel),
            ServerOwner::SdpOffer(usage) if waits => self.on_offer_cancelled(now, id, usage),
            ServerOwner::Proxy(proxied) if waits => self.on_proxy_cancelled(now, proxied),
            ServerOwner::Invite(_)
            | ServerOwner::SdpOffer(_)
            | ServerOwner::Proxy(_)
            | ServerOwner::User
            | ServerOwner::Nobody => {}
        }
    }
}
