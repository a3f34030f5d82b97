//! Requests inside a dialog, both ways (RFC 3261 12.2).

use super::{Phase, Usage};
use crate::{
    base::Now,
    sip::{
        Body, Ended, Event, Path, Reply, Request, Stack, Target, TransactionId, Transport, UsageId, compose,
        stack::Start,
        transaction::{ClientOwner, ServerOwner},
        values::Outside,
    },
    wire::sip::{Message, Method, Name, Writer},
};

impl Stack {
    /// Sends a request in the dialog of a usage, with the next CSeq.
    pub(in crate::sip) fn send_inside(
        &mut self,
        now: Now,
        id: UsageId,
        method: &Method,
        owner: ClientOwner,
        body: Option<&Body>,
        fill: impl FnOnce(&Self, &Usage, &mut Writer),
    ) -> Option<TransactionId> {
        let branch = self.new_branch();
        let usage = self.usages.get_mut(id)?;
        usage.dialog.local_cseq = usage.dialog.local_cseq.saturating_add(1);
        let cseq = usage.dialog.local_cseq;
        let usage = self.usages.get(id)?;
        let mut writer = compose::in_dialog(&self.settings, &usage.dialog, method, cseq, branch);
        fill(self, usage, &mut writer);
        let bytes = compose::finish(&mut writer, body);
        let (path, credentials, most) = (usage.dialog.path, usage.credentials.clone(), usage.datagram_max);
        let start = Start::new(method.clone(), branch, path, bytes, owner);
        let start = self.by_tcp_if_large(Start { credentials, ..start }, most, cseq);
        Some(self.start_client(now, start))
    }

    /// A request that is too long for a datagram goes by TCP (RFC 3261 18.1.1), with the Contact of its dialog as it is.
    fn by_tcp_if_large(&self, start: Start, datagram_max: Option<usize>, cseq: u32) -> Start {
        let fits = datagram_max.is_none_or(|most| start.bytes.len() <= most);
        if fits || start.path.transport != Transport::Udp {
            return start;
        }
        let Ok(request) = Message::parse(start.bytes.clone()) else { return start };
        let path = Path { transport: Transport::Tcp, ..start.path };
        let again = compose::Again { path, branch: start.branch, cseq, headers: &[] };
        let bytes = compose::again(&self.settings, &request, &again);
        Start { path, bytes, fallback: Some(start.path), ..start }
    }

    /// TCP was refused: the same request by UDP, however long it is. False: it has been tried, or the request is an INVITE
    /// for a new call, which has more to change.
    pub(in crate::sip) fn fall_back(&mut self, now: Now, id: TransactionId, owner: ClientOwner) -> bool {
        if matches!(owner, ClientOwner::Invite(_)) {
            return false;
        }
        let Some((bytes, path)) = self.client(id).and_then(|c| Some((c.bytes.clone(), c.fallback.take()?))) else {
            return false;
        };
        let Ok(request) = Message::parse(bytes) else { return false };
        self.with_client(id, |client| client.path.transport = path.transport);
        let retry = self.try_again(now, id, &request, &[]);
        retry.into_iter().for_each(|retry| self.on_retry(owner, id, retry));
        retry.is_some()
    }

    pub fn info(&mut self, now: Now, usage: UsageId, body: Body) {
        let mut request = Request::inside(Method::Info, usage);
        request.body = Some(body);
        self.request(now, request);
    }

    /// Whether the peer of a usage says that it takes INFO.
    pub fn takes_info(&self, usage: UsageId) -> bool {
        self.usages.get(usage).is_some_and(|usage| usage.peer_infos)
    }

    /// Whether requests may go in the dialog of a usage: there is one, and it is not ending.
    pub(in crate::sip) fn is_talkative(&self, usage: UsageId) -> bool {
        self.usages.get(usage).is_some_and(|usage| match usage.phase {
            Phase::Calling(_) | Phase::Ending => false,
            Phase::AckWanted { .. } | Phase::Invited(_) | Phase::Answered { .. } | Phase::Confirmed => true,
        })
    }

    /// Sends a request; [`Event::Response`] follows once.
    pub fn request(&mut self, now: Now, request: Request) -> TransactionId {
        // The answer is told under the id of the first try.
        let told = self.transactions.next_id();
        let sent = match &request.target {
            Target::Usage(usage) => {
                let owner = ClientOwner::User { told, usage: Some(*usage) };
                if self.is_talkative(*usage) {
                    self.send_inside(
                        now,
                        *usage,
                        &request.method,
                        owner,
                        request.body.as_ref(),
                        |stack, usage, writer| {
                            // Those refresh the target of the dialog (RFC 6665 4.4.1).
                            if matches!(request.method, Method::Notify | Method::Subscribe | Method::Refer) {
                                writer.header(Name::Contact, stack.contact_of(usage));
                            }
                            compose::add(writer, &request.headers);
                        },
                    )
                } else {
                    None
                }
            }
            Target::Outside(outside) if self.has_room() => self.send_outside(now, told, &request, outside),
            Target::Outside(_) => None,
        };
        sent.unwrap_or_else(|| {
            // An id that no transaction has or will have.
            let nobody = TransactionId(self.chance.word() | 1 << 63);
            self.tell(Event::Response { transaction: nobody, status: 503, response: None, flow: None });
            nobody
        })
    }

    fn send_outside(
        &mut self,
        now: Now,
        told: TransactionId,
        request: &Request,
        outside: &Outside,
    ) -> Option<TransactionId> {
        let (call_id, cseq) =
            outside.sequence.clone().unwrap_or_else(|| (self.chance.token() + &self.chance.token(), 1));
        let from = format!("{};tag={}", compose::party(&outside.from), self.chance.token());
        let to = compose::party(&outside.to).to_string();
        let branch = self.new_branch();
        let head = compose::Head {
            method: &request.method,
            path: outside.path,
            branch,
            from: &from,
            to: &to,
            call_id: &call_id,
            cseq,
            max_forwards: outside.max_forwards,
        };
        let mut writer = head.write(&self.settings, &outside.uri, outside.route_set.iter().map(String::as_str));
        compose::add(&mut writer, &request.headers);
        let bytes = compose::finish(&mut writer, request.body.as_ref());
        let owner = ClientOwner::User { told, usage: None };
        let credentials = request.credentials.clone().map(std::sync::Arc::new);
        let start = Start::new(request.method.clone(), branch, outside.path, bytes, owner);
        let start = self.by_tcp_if_large(Start { credentials, ..start }, outside.datagram_max, cseq);
        Some(self.start_client(now, start))
    }

    /// A request from the other side of a dialog.
    pub(in crate::sip) fn on_request_inside(&mut self, now: Now, path: Path, request: Message, id: UsageId) {
        let Some(method) = request.method().cloned() else { return };
        let owner = match method {
            Method::Invite | Method::Update => ServerOwner::SdpOffer(id),
            Method::Bye | Method::Prack => ServerOwner::Nobody,
            Method::Ack
            | Method::Cancel
            | Method::Options
            | Method::Register
            | Method::Info
            | Method::Refer
            | Method::Subscribe
            | Method::Notify
            | Method::Message
            | Method::Publish
            | Method::Other(_) => ServerOwner::User,
        };
        let transaction = self.begin_server(now, path, &request, owner, 0);
        if !self.in_order(id, &request) {
            // It was overtaken by a later one (12.2.2).
            let reply = Reply::new(500).header("Retry-After", "0");
            return self.answer(now, transaction, &reply);
        }
        self.follow_peer(id, path);
        if let Some(usage) = self.usages.get_mut(id) {
            usage.dialog.session.hear(&request);
        }
        match method {
            Method::Bye => self.on_bye(now, transaction, id, request),
            Method::Prack => self.on_prack(now, transaction, id, &request),
            _ if self.is_ending(id) => self.answer(now, transaction, &Reply::new(481)),
            Method::Invite | Method::Update => self.on_offer(now, transaction, id, &request, path),
            Method::Info => self.tell(Event::Info { usage: id, transaction, request }),
            Method::Subscribe => self.on_subscribe_in_call(now, path, &request, (transaction, id)),
            Method::Ack
            | Method::Cancel
            | Method::Options
            | Method::Register
            | Method::Refer
            | Method::Notify
            | Method::Message
            | Method::Publish
            | Method::Other(_) => self.tell(Event::Request { transaction, request, path, usage: Some(id) }),
        }
    }

    fn is_ending(&self, id: UsageId) -> bool {
        matches!(self.usages.get(id), Some(Usage { phase: Phase::Ending, .. }))
    }

    /// Takes the CSeq of a new request: each must be higher than the one before.
    fn in_order(&mut self, id: UsageId, request: &Message) -> bool {
        let number = request.cseq().number;
        let tag = request.from_tag().unwrap_or_default();
        let Some(usage) = self.usages.get_mut(id) else { return false };
        let last = match &mut usage.phase {
            Phase::Calling(calling) => {
                let early = calling.early.iter_mut().find(|early| *early.dialog.remote_tag == *tag);
                match early {
                    Some(early) => &mut early.dialog.remote_cseq,
                    None => return false,
                }
            }
            Phase::AckWanted { .. } | Phase::Invited(_) | Phase::Answered { .. } | Phase::Confirmed | Phase::Ending => {
                &mut usage.dialog.remote_cseq
            }
        };
        let later = last.is_none_or(|last| number > last);
        if later {
            *last = Some(number);
        }
        later
    }

    /// A peer that speaks from a new connection is answered there from now on (RFC 5626 in spirit), and one behind a NAT at the
    /// port that its NAT has given it now. Whoever sent this knows the tags of both sides, and comes later than all before.
    fn follow_peer(&mut self, id: UsageId, path: Path) {
        let Some(dialog) = self.usages.get(id).map(|usage| &usage.dialog) else { return };
        let known = dialog.path;
        let reconnected = path.flow.is_some() && known.flow != path.flow && known.transport == path.transport;
        if reconnected || dialog.has_moved_behind_nat(path) {
            self.rehome(id, path);
        }
    }

    fn on_bye(&mut self, now: Now, transaction: TransactionId, id: UsageId, request: Message) {
        self.accept_bye(now, transaction);
        let Some(usage) = self.usages.get(id) else { return };
        let reason = request.header(Name::Reason).map(str::to_owned);
        match usage.phase {
            Phase::Calling(_) => self.on_bye_while_calling(now, id),
            Phase::Invited(_) => {
                self.answer_invited(now, id, &Reply::new(487));
                self.tell(Event::Cancelled { usage: id, reason });
                self.drop_usage(id);
            }
            // Our own BYE crosses theirs: both are answered, and ours clears the rest.
            Phase::Ending => {}
            Phase::Answered { bye: Some(_), .. } => {
                self.refuse_pending(now, id);
                self.drop_usage(id);
            }
            Phase::AckWanted { .. } | Phase::Answered { .. } | Phase::Confirmed => {
                if matches!(usage.phase, Phase::AckWanted { .. }) {
                    self.ack(now, id, None);
                }
                self.refuse_pending(now, id);
                let ended = Event::Ended { usage: id, why: Ended::Bye { reason }, request: Some(request) };
                self.tell(ended);
                self.drop_usage(id);
            }
        }
    }
}
