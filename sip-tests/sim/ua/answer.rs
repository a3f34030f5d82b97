//! The answering side: INVITE, ACK, CANCEL, BYE and the rest.

use std::{net::SocketAddr, time::Duration};

use strowger::{
    base::Instant,
    wire::sip::{Message, Method, Name, reason_phrase},
};

use super::{
    Call, End, GIVE_UP, Habit, Intent, Served, State, T1, T2, Ua,
    request::uri_of,
    sdp::{self, Described, Flow},
};

impl Ua {
    pub(super) fn on_request(&mut self, now: Instant, from: SocketAddr, request: &Message) {
        let method = request.method().map(ToString::to_string).unwrap_or_default();
        let branch = request.top_via().ok().and_then(|via| via.branch().map(str::to_owned)).unwrap_or_default();
        if method == "ACK" {
            return self.on_ack(now, request);
        }
        if let Some(known) = self.served.iter().find(|served| served.branch == branch && served.method == method) {
            self.out.extend(known.response.clone().map(|response| (known.to, response)));
            return;
        }
        let call = self.call_of(request);
        self.served.push(Served {
            branch: branch.clone(),
            method: method.clone(),
            call_id: request.call_id().to_owned(),
            cseq: request.cseq().number,
            response: None,
            to: from,
            again: None,
            until: now + GIVE_UP,
            call,
        });
        match (request.method(), call) {
            (Some(Method::Invite), None) if request.to_tag().is_none() => self.on_invite(now, &branch, request),
            (Some(Method::Invite | Method::Update), Some(call)) => self.on_offer(now, &branch, call, request),
            (Some(Method::Cancel), _) => self.on_cancel(now, &branch, request),
            (Some(Method::Bye), Some(call)) => self.on_bye(now, &branch, call, request),
            (Some(Method::Prack), Some(call)) => self.on_prack(now, &branch, call, request),
            (Some(Method::Notify), Some(call)) => self.on_notify(now, &branch, call, request),
            (Some(Method::Bye | Method::Invite | Method::Update | Method::Info | Method::Notify), None) => {
                self.respond(now, &branch, request, 481, "");
            }
            _ => self.respond(now, &branch, request, 200, ""),
        }
    }

    fn on_invite(&mut self, now: Instant, branch: &str, request: &Message) {
        let line = |name: Name| request.header(name).unwrap_or_default().to_owned();
        let media = self.media();
        let mut call = Call {
            invite: Some(request.clone()),
            call_id: request.call_id().to_owned(),
            local_uri: uri_of(&line(Name::To)),
            remote_uri: uri_of(&line(Name::From)),
            local_tag: self.chance.token(),
            remote_tag: request.from_tag().map(str::to_owned),
            target: uri_of(&line(Name::Contact)),
            routes: request.list(Name::RecordRoute).map(str::to_owned).collect(),
            their_cseq: request.cseq().number,
            branch: branch.to_owned(),
            ..Call::new(now, State::Incoming, media)
        };
        if matches!(self.habit, Habit::AnswersAtOnce | Habit::Tries | Habit::Refuses(_)) {
            call.rang = None;
        } else {
            call.rang = Some(now);
        }
        self.calls.push(call);
        let index = self.calls.len() - 1;
        if let Some(served) = self.served.last_mut() {
            served.call = Some(index);
        }
        let rings = |ua: &mut Self| ua.respond(now, branch, request, 180, "");
        match self.habit {
            Habit::AnswersAtOnce => self.answer(now, index),
            Habit::Tries => self.respond(now, branch, request, 100, ""),
            Habit::Refuses(status) => self.refuse(now, index, status),
            Habit::Rings => rings(self),
            Habit::Answers(after) => {
                rings(self);
                self.intend(now + after, Intent::Answer(index));
            }
            Habit::RingsThenRefuses(after, status) => {
                rings(self);
                self.intend(now + after, Intent::Refuse(index, status));
            }
            Habit::AnswersThenLeaves(after, talk) => {
                rings(self);
                self.intend(now + after, Intent::Answer(index));
                self.intend(now + after + talk, Intent::HangUp(index));
            }
        }
    }

    /// Picks up.
    pub fn answer(&mut self, now: Instant, index: usize) {
        if self.calls[index].state != State::Incoming {
            return;
        }
        let Some(request) = self.calls[index].invite.clone() else { return };
        let branch = self.calls[index].branch.clone();
        if self.is_asked_fax(now, &branch, index, &request) {
            return;
        }
        let body = match Described::read(request.body()) {
            Some(_) if self.calls[index].settled_early => String::new(),
            Some(theirs) => self.answer_to(index, &theirs),
            None => {
                self.calls[index].answer_due = true;
                self.offer(index, Flow::SendRecv, false)
            }
        };
        let call = &mut self.calls[index];
        call.state = State::Answered;
        call.answered = Some(now);
        let branch = call.branch.clone();
        self.respond(now, &branch, &request, 200, &body);
    }

    /// Refuses what rings.
    pub fn refuse(&mut self, now: Instant, index: usize, status: u16) {
        if self.calls[index].state != State::Incoming {
            return;
        }
        let Some(request) = self.calls[index].invite.clone() else { return };
        self.calls[index].finish(now, End::Declined(status));
        let branch = self.calls[index].branch.clone();
        self.respond(now, &branch, &request, status, "");
    }

    /// Our answer to their offer, settled.
    pub(super) fn answer_to(&mut self, index: usize, theirs: &Described) -> String {
        let flow = if theirs.rtp.is_none() { Flow::Inactive } else { theirs.flow.mirrored() };
        let abilities = self.abilities.clone();
        let media = &mut self.calls[index].media;
        // Before both are known.
        media.described(String::new(), self.is_secure);
        media.settle(theirs, &abilities, flow);
        media.event.1 = theirs.event.filter(|_| abilities.event.is_some());
        media.session.1 += 1;
        let codecs: Vec<_> = media.law.into_iter().collect();
        let lines =
            if theirs.muxes { abilities.lines.to_owned() } else { abilities.lines.replace("a=rtcp-mux\r\n", "") };
        let text = sdp::write(media.session, media.rtp, &codecs, media.event.1, flow, false);
        media.described(text + &lines, self.is_secure)
    }

    fn on_offer(&mut self, now: Instant, branch: &str, index: usize, request: &Message) {
        let is_invite = request.method() == Some(&Method::Invite);
        if is_invite && self.asks(&Method::Invite) && self.calls[index].talks() {
            return self.respond(now, branch, request, 491, "");
        }
        if self.is_asked_fax(now, branch, index, request) {
            return;
        }
        self.calls[index].their_cseq = request.cseq().number;
        if let Some(contact) = request.header(Name::Contact) {
            self.calls[index].target = uri_of(contact);
        }
        let body = match Described::read(request.body()) {
            Some(theirs) => self.answer_to(index, &theirs),
            None if is_invite => {
                self.calls[index].answer_due = true;
                let flow = self.calls[index].offers;
                self.offer(index, flow, false)
            }
            None => String::new(),
        };
        self.respond(now, branch, request, 200, &body);
    }

    fn on_ack(&mut self, now: Instant, request: &Message) {
        let (call_id, cseq) = (request.call_id(), request.cseq().number);
        for served in self.served.iter_mut().filter(|served| served.method == "INVITE") {
            if served.call_id == call_id && served.cseq == cseq {
                served.again = None;
            }
        }
        let Some(index) = self.call_of(request) else { return };
        if self.calls[index].state == State::Answered {
            self.calls[index].state = State::Up;
        }
        if self.calls[index].answer_due
            && let Some(theirs) = Described::read(request.body())
        {
            self.calls[index].answer_due = false;
            let (flow, abilities) = (self.calls[index].offers, self.abilities.clone());
            self.calls[index].media.settle(&theirs, &abilities, flow);
        }
        let _ = now;
    }

    fn on_cancel(&mut self, now: Instant, branch: &str, request: &Message) {
        if self.ponders_no_more(now, branch, request) {
            return;
        }
        let rings = |call: &Call| call.call_id == request.call_id() && !call.outgoing && call.state == State::Incoming;
        let found = self.calls.iter().rposition(rings);
        let known = self.calls.iter().any(|call| call.branch == branch);
        self.respond(now, branch, request, if known { 200 } else { 481 }, "");
        if let Some(index) = found
            && let Some(invite) = self.calls[index].invite.clone()
        {
            self.calls[index].reasons.extend(request.header(Name::Reason).map(str::to_owned));
            self.calls[index].finish(now, End::Cancelled);
            self.respond(now, branch, &invite, 487, "");
        }
    }

    /// How a transfer of ours goes: the status in the fragment, and whether it is the last word.
    fn on_notify(&mut self, now: Instant, branch: &str, index: usize, request: &Message) {
        let status = String::from_utf8_lossy(request.body()).split(' ').nth(1).and_then(|word| word.parse().ok());
        let state = request.header(Name::SubscriptionState).unwrap_or_default();
        let is_refer = request.header(Name::Event).is_some_and(|event| event.starts_with("refer"));
        assert!(is_refer && request.header(Name::Contact).is_some(), "{request:?}");
        self.calls[index].told.extend(status.map(|status: u16| (status, state.starts_with("terminated"))));
        self.respond(now, branch, request, 200, "");
    }

    fn on_bye(&mut self, now: Instant, branch: &str, index: usize, request: &Message) {
        self.calls[index].reasons.extend(request.header(Name::Reason).map(str::to_owned));
        self.respond(now, branch, request, 200, "");
        let is_leaving = self.calls[index].state == State::Leaving;
        if !is_leaving {
            self.calls[index].finish(now, End::TheyHungUp);
        }
    }

    /// Writes and remembers a response.
    pub(super) fn respond(&mut self, now: Instant, branch: &str, request: &Message, status: u16, body: &str) {
        self.respond_with(now, branch, request, (status, ""), body);
    }

    /// The same; `extra` are whole header lines.
    pub(super) fn respond_with(
        &mut self,
        now: Instant,
        branch: &str,
        request: &Message,
        (status, extra): (u16, &str),
        body: &str,
    ) {
        let method = request.method().map(ToString::to_string).unwrap_or_default();
        let Some(at) = self.served.iter().rposition(|one| one.branch == branch && one.method == method) else { return };
        let tag = match (request.to_tag(), self.served[at].call) {
            (None, Some(call)) if status > 100 => format!(";tag={}", self.calls[call].local_tag),
            (None, None) if status > 100 => format!(";tag={}", self.chance.token()),
            _ => String::new(),
        };
        let mut text = format!("SIP/2.0 {status} {}\r\n", reason_phrase(status));
        for name in [Name::Via, Name::RecordRoute, Name::From] {
            for value in request.headers(name) {
                text += &format!("{}: {value}\r\n", name.as_str());
            }
        }
        text += &format!("To: {}{tag}\r\n", request.header(Name::To).unwrap_or_default());
        text += &format!("Call-ID: {}\r\n", request.call_id());
        text += &format!("CSeq: {}\r\n", request.header(Name::CSeq).unwrap_or_default());
        text += &format!("Contact: <sip:{}@{}>\r\n{extra}", self.name, self.sip);
        if !body.is_empty() {
            text += "Content-Type: application/sdp\r\n";
        }
        text += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
        let served = &mut self.served[at];
        served.response = Some(text.clone().into_bytes());
        if method == "INVITE" && status >= 200 {
            served.again = Some((now + T1, T1));
            served.until = now + GIVE_UP;
        }
        self.out.push((served.to, text.into_bytes()));
    }

    pub(super) fn repeat_responses(&mut self, now: Instant) {
        let mut unheard = Vec::new();
        for served in &mut self.served {
            let Some((next, interval)) = served.again else { continue };
            if served.until <= now {
                unheard.extend(served.call);
                served.again = None;
            } else if next <= now {
                self.out.extend(served.response.clone().map(|response| (served.to, response)));
                let interval: Duration = (interval * 2).min(T2);
                served.again = Some(((now + interval).min(served.until), interval));
            }
        }
        let calls = &self.calls;
        let rings = |served: &Served| {
            served.method == "INVITE" && served.call.is_some_and(|call| calls[call].state == State::Incoming)
        };
        self.served.retain(|served| served.until > now || rings(served));
        for call in unheard {
            if self.calls[call].state == State::Answered {
                self.hang_up(now, call);
            }
        }
    }
}
