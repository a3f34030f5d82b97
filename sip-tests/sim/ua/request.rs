//! The asking side: REGISTER, INVITE and what follows, with their repetitions and credentials.

use std::{net::SocketAddr, time::Duration};

use md5::{Digest, Md5};
use sha2::Sha256;
use strowger::{
    base::Instant,
    wire::sip::{Message, Method, Name},
};

use super::{
    Call, End, GIVE_UP, Intent, State, T1, T2, Ua,
    sdp::{self, Described, Flow},
};

/// A request on its way.
#[derive(Debug)]
pub(super) struct Client {
    pub branch: String,
    pub method: &'static str,
    pub bytes: Vec<u8>,
    pub to: SocketAddr,
    pub next: Instant,
    pub interval: Duration,
    pub until: Instant,
    pub purpose: Purpose,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Purpose {
    Register,
    Invite(usize),
    Reinvite(usize, Flow, bool),
    Fax(usize),
    Cancel,
    Bye(usize),
    Refer(usize),
    Other,
}

impl Ua {
    /// Registers, and goes on renewing.
    pub fn register(&mut self, now: Instant) {
        self.send_register(now, "");
    }

    fn send_register(&mut self, now: Instant, credentials: &str) {
        self.register_cseq += 1;
        let host = self.switch.ip();
        let (name, sip, expires) = (&self.name, self.sip, self.expires.unwrap_or(0));
        let rest = format!(
            "From: <sip:{name}@{host}>;tag=r{}\r\nTo: <sip:{name}@{host}>\r\nCall-ID: {}\r\nCSeq: {} REGISTER\r\n\
             Contact: <sip:{name}@{sip}>\r\nExpires: {expires}\r\n{credentials}Content-Length: 0\r\n\r\n",
            self.register_cseq, self.register_call_id, self.register_cseq
        );
        self.send(now, "REGISTER", &format!("sip:{host}"), &rest, Purpose::Register);
    }

    /// Calls; `extra` are whole header lines.
    pub fn call(&mut self, now: Instant, to: &str, late_offer: bool, extra: &str) -> usize {
        let host = self.switch.ip();
        let remote_uri = format!("sip:{to}@{host}");
        let media = self.media();
        let call = Call {
            call_id: format!("{}@{}", self.chance.token(), self.name),
            local_uri: format!("sip:{}@{host}", self.name),
            local_tag: self.chance.token(),
            target: remote_uri.clone(),
            remote_uri,
            late_offer,
            extra: extra.to_owned(),
            ..Call::new(now, State::Calling, media)
        };
        self.calls.push(call);
        let index = self.calls.len() - 1;
        self.send_invite(now, index, "");
        index
    }

    fn send_invite(&mut self, now: Instant, index: usize, credentials: &str) {
        let body = match self.first_offer(index) {
            Some(fax) => fax,
            None if self.calls[index].late_offer => String::new(),
            None => self.offer(index, Flow::SendRecv, false),
        };
        let require = if self.is_reliable { "Require: 100rel\r\n" } else { "" };
        let extra = format!("{credentials}{require}{}", self.calls[index].extra);
        let branch = self.send_in_dialog(now, index, "INVITE", &extra, &body, Purpose::Invite(index));
        let call = &mut self.calls[index];
        (call.branch, call.invite_cseq) = (branch, call.cseq);
    }

    pub(super) fn offer(&mut self, index: usize, flow: Flow, no_address: bool) -> String {
        let abilities = self.abilities.clone();
        let media = &mut self.calls[index].media;
        media.event.1 = abilities.event;
        media.session.1 += 1;
        let rtp = media.rtp;
        let text = sdp::write(media.session, rtp, &abilities.codecs, abilities.event, flow, no_address);
        media.described(text + abilities.lines, self.is_secure)
    }

    /// Asks the other to wait, or to go on.
    pub fn reinvite(&mut self, now: Instant, index: usize, flow: Flow, no_address: bool) {
        if !self.calls[index].is_up() {
            return;
        }
        let body = self.offer(index, flow, no_address);
        self.send_in_dialog(now, index, "INVITE", "", &body, Purpose::Reinvite(index, flow, no_address));
    }

    pub fn hang_up(&mut self, now: Instant, index: usize) {
        match self.calls[index].state {
            State::Calling | State::Ringing => {
                self.calls[index].wants_cancel = true;
                if self.calls[index].has_provisional {
                    self.send_cancel(now, index);
                }
            }
            State::Incoming => self.refuse(now, index, 480),
            State::Answered | State::Up => {
                self.calls[index].state = State::Leaving;
                self.send_in_dialog(now, index, "BYE", "", "", Purpose::Bye(index));
            }
            State::Leaving | State::Over => {}
        }
    }

    /// An INFO with a DTMF digit, as older phones send it.
    pub fn info_digit(&mut self, now: Instant, index: usize, digit: char) {
        let body = format!("Signal={digit}\r\nDuration=120\r\n");
        let extra = "Content-Type: application/dtmf-relay\r\n";
        self.send_in_dialog(now, index, "INFO", extra, &body, Purpose::Other);
    }

    /// Asks the switch to pass the other side on to `to`, or, with another call of ours, to the other side of that one.
    pub fn refer(&mut self, now: Instant, index: usize, to: &str, consult: Option<usize>, extra: &str) {
        let host = self.switch.ip();
        let target = match consult {
            Some(other) => {
                let (call_id, ours, theirs) = self.calls[other].secrets();
                let call_id = call_id.replace('@', "%40");
                format!("sip:{to}@{host}?Replaces={call_id}%3Bto-tag%3D{theirs}%3Bfrom-tag%3D{ours}")
            }
            None if to.starts_with("sip:") => to.to_owned(),
            None => format!("sip:{to}@{host}"),
        };
        let extra = format!("Refer-To: <{target}>\r\n{extra}");
        self.send_in_dialog(now, index, "REFER", &extra, "", Purpose::Refer(index));
    }

    pub(super) fn send_cancel(&mut self, now: Instant, index: usize) {
        let call = &self.calls[index];
        let lines = format!(
            "From: <{}>;tag={}\r\nTo: <{}>\r\nCall-ID: {}\r\nCSeq: {} CANCEL\r\nContent-Length: 0\r\n\r\n",
            call.local_uri, call.local_tag, call.remote_uri, call.call_id, call.invite_cseq
        );
        let (uri, branch) = (call.target.clone(), call.branch.clone());
        // A caller who has given up waits no longer than this for the 487 (RFC 3261 9.1).
        for client in self.clients.iter_mut().filter(|client| client.purpose == Purpose::Invite(index)) {
            client.until = client.until.min(now + GIVE_UP);
        }
        self.send_on(now, "CANCEL", &uri, branch, &lines, Purpose::Cancel);
    }

    pub(super) fn send_in_dialog(
        &mut self,
        now: Instant,
        index: usize,
        method: &'static str,
        extra: &str,
        body: &str,
        purpose: Purpose,
    ) -> String {
        self.calls[index].cseq += 1;
        let rest = self.dialog_lines(index, method, self.calls[index].cseq, extra, body);
        let uri = self.calls[index].target.clone();
        self.send(now, method, &uri, &rest, purpose)
    }

    fn dialog_lines(&self, index: usize, method: &str, cseq: u32, extra: &str, body: &str) -> String {
        let call = &self.calls[index];
        let tag = call.remote_tag.as_ref().map(|tag| format!(";tag={tag}")).unwrap_or_default();
        let routes: String = call.routes.iter().map(|route| format!("Route: {route}\r\n")).collect();
        let kind = if body.starts_with("v=0") { "Content-Type: application/sdp\r\n" } else { "" };
        format!(
            "From: <{}>;tag={}\r\nTo: <{}>{tag}\r\nCall-ID: {}\r\nCSeq: {cseq} {method}\r\n\
             Contact: <sip:{}@{}>\r\n{routes}{extra}{kind}Content-Length: {}\r\n\r\n{body}",
            call.local_uri,
            call.local_tag,
            call.remote_uri,
            call.call_id,
            self.name,
            self.sip,
            body.len()
        )
    }

    fn send(&mut self, now: Instant, method: &'static str, uri: &str, rest: &str, purpose: Purpose) -> String {
        let branch = format!("z9hG4bK{}", self.chance.token());
        self.send_on(now, method, uri, branch.clone(), rest, purpose);
        branch
    }

    fn send_on(&mut self, now: Instant, method: &'static str, uri: &str, branch: String, rest: &str, purpose: Purpose) {
        let bytes = self.request_bytes(method, uri, &branch, rest);
        self.out.push((self.switch, bytes.clone()));
        let (next, until) = (now + T1, now + GIVE_UP);
        self.clients.push(Client { branch, method, bytes, to: self.switch, next, interval: T1, until, purpose });
    }

    fn request_bytes(&self, method: &str, uri: &str, branch: &str, rest: &str) -> Vec<u8> {
        let (sip, user_agent) = (self.sip, &self.user_agent);
        format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {sip};branch={branch};rport\r\nMax-Forwards: 70\r\n\
             User-Agent: {user_agent}\r\n{rest}"
        )
        .into_bytes()
    }

    /// An ACK has no answer: sent once, and again with each repetition of the 200.
    pub(super) fn send_ack(&mut self, index: usize, cseq: u32, body: &str) {
        let rest = self.dialog_lines(index, "ACK", cseq, "", body);
        let branch = format!("z9hG4bK{}", self.chance.token());
        let bytes = self.request_bytes("ACK", &self.calls[index].target.clone(), &branch, &rest);
        self.out.push((self.switch, bytes));
    }

    /// The ACK of a refused INVITE belongs to its transaction (RFC 3261 17.1.1.3).
    fn send_refusal_ack(&mut self, client: &str, uri: &str, response: &Message) {
        let line = |name: Name| response.header(name).unwrap_or_default().to_owned();
        let rest = format!(
            "From: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {} ACK\r\nContent-Length: 0\r\n\r\n",
            line(Name::From),
            line(Name::To),
            response.call_id(),
            response.cseq().number
        );
        let bytes = self.request_bytes("ACK", uri, client, &rest);
        self.out.push((self.switch, bytes));
    }

    pub(super) fn repeat_requests(&mut self, now: Instant) {
        let mut given_up = Vec::new();
        for client in &mut self.clients {
            if client.until <= now {
                given_up.push(client.purpose);
            } else if client.next <= now {
                self.out.push((client.to, client.bytes.clone()));
                client.interval =
                    if client.method == "INVITE" { client.interval * 2 } else { (client.interval * 2).min(T2) };
                client.next = now + client.interval;
            }
        }
        self.clients.retain(|client| client.until > now);
        for purpose in given_up {
            match purpose {
                Purpose::Invite(call) | Purpose::Bye(call) => self.calls[call].finish(now, End::Silence),
                Purpose::Register => self.registered = None,
                Purpose::Reinvite(..) | Purpose::Fax(_) | Purpose::Refer(_) | Purpose::Cancel | Purpose::Other => {}
            }
        }
    }

    pub(super) fn on_response(&mut self, now: Instant, response: &Message) {
        let status = response.status().unwrap_or_default();
        let branch = response.top_via().ok().and_then(|via| via.branch().map(str::to_owned)).unwrap_or_default();
        let method = response.cseq().method.to_string();
        let found = self.clients.iter().position(|client| client.branch == branch && client.method == method);
        let Some(at) = found else {
            // A repeated 200 to an INVITE whose transaction is over (RFC 6026).
            if method == "INVITE" && (200..300).contains(&status) {
                self.on_late_success(now, response);
            } else if method == "INVITE" && status >= 300 {
                self.send_refusal_ack(&branch, &format!("sip:{}", self.switch), response);
            }
            return;
        };
        let purpose = self.clients[at].purpose;
        if status < 200 {
            // An INVITE that was heard is not repeated; a patient caller waits as long as it takes.
            if method == "INVITE" {
                self.clients[at].next = Instant::FAR;
                self.clients[at].until = Instant::FAR;
            }
            if let Purpose::Invite(call) = purpose {
                self.on_provisional(now, call, response);
            }
            return;
        }
        let client = self.clients.swap_remove(at);
        let uri = String::from_utf8_lossy(&client.bytes).split(' ').nth(1).unwrap_or_default().to_owned();
        if method == "INVITE" && status >= 300 {
            self.send_refusal_ack(&client.branch, &uri, response);
        }
        match purpose {
            Purpose::Register => self.on_registered(now, status, response),
            Purpose::Invite(call) => self.on_invite_final(now, call, status, &uri, response),
            Purpose::Reinvite(call, flow, no_address) => {
                self.on_reinvite_final(now, (call, flow, no_address), status, response)
            }
            Purpose::Fax(call) => self.on_fax_final(now, call, status, response),
            Purpose::Bye(call) => self.calls[call].finish(now, End::WeHungUp),
            Purpose::Refer(call) => self.calls[call].referred.push(status),
            Purpose::Cancel | Purpose::Other => {}
        }
    }

    fn on_registered(&mut self, now: Instant, status: u16, response: &Message) {
        let tried = self.registered == Some(401);
        self.registered = Some(status);
        if status == 401 && !tried {
            let uri = format!("sip:{}", self.switch.ip());
            if let Some(line) = self.credentials(response, "REGISTER", &uri) {
                self.send_register(now, &line);
            }
        } else if status == 200
            && let Some(expires) = self.expires
        {
            self.intents.retain(|(_, intent)| *intent != Intent::Register);
            self.intend(now + Duration::from_secs(u64::from(expires) / 2), Intent::Register);
        }
    }

    fn on_provisional(&mut self, now: Instant, index: usize, response: &Message) {
        let status = response.status().unwrap_or_default();
        let call = &mut self.calls[index];
        call.statuses.push(status);
        call.has_provisional = true;
        call.early_tag = response.to_tag().map(str::to_owned);
        if status > 100 && call.state == State::Calling {
            call.state = State::Ringing;
            call.rang = Some(now);
        }
        if let Some(theirs) = Described::read(response.body()).filter(|_| !call.late_offer) {
            call.media.settle(&theirs, &self.abilities, Flow::SendRecv);
        }
        self.acknowledge(now, index, response);
        if self.calls[index].wants_cancel {
            self.calls[index].wants_cancel = false;
            self.send_cancel(now, index);
        }
    }

    fn on_invite_final(&mut self, now: Instant, index: usize, status: u16, uri: &str, response: &Message) {
        self.calls[index].statuses.push(status);
        if matches!(status, 401 | 407) && !self.calls[index].tried_credentials {
            self.calls[index].tried_credentials = true;
            if let Some(line) = self.credentials(response, "INVITE", uri) {
                return self.send_invite(now, index, &line);
            }
        }
        if status >= 300 {
            return self.calls[index].finish(now, End::Refused(status));
        }
        let was_cancelled = self.calls[index].is_over() || self.has_cancelled(index);
        self.take_peer(index, response);
        let call = &mut self.calls[index];
        call.answered = Some(now);
        call.state = State::Up;
        call.cseq = call.cseq.max(response.cseq().number);
        let body = self.take_success(index, response);
        self.settle_fax(index, response.body());
        self.send_ack(index, response.cseq().number, &body);
        if was_cancelled {
            self.hang_up(now, index);
        }
    }

    fn has_cancelled(&self, index: usize) -> bool {
        let call = &self.calls[index];
        call.wants_cancel
            || self.clients.iter().any(|client| client.purpose == Purpose::Cancel && client.branch == call.branch)
    }

    /// Tag, target and route set, from the other's first response or request.
    fn take_peer(&mut self, index: usize, response: &Message) {
        let call = &mut self.calls[index];
        call.remote_tag = response.to_tag().map(str::to_owned);
        if let Some(contact) = response.header(Name::Contact) {
            call.target = uri_of(contact);
        }
        call.routes = response.list(Name::RecordRoute).map(str::to_owned).collect();
        call.routes.reverse();
    }

    /// Takes the description of a 200; gives the body of the ACK: our answer to a late offer.
    fn take_success(&mut self, index: usize, response: &Message) -> String {
        let Some(theirs) = Described::read(response.body()) else { return String::new() };
        if !self.calls[index].late_offer {
            let flow = self.calls[index].offers;
            self.calls[index].media.settle(&theirs, &self.abilities, flow);
            return String::new();
        }
        self.calls[index].late_offer = false;
        self.answer_to(index, &theirs)
    }

    fn on_late_success(&mut self, now: Instant, response: &Message) {
        let Some(index) = self.calls.iter().position(|call| call.call_id == response.call_id()) else { return };
        // The same 200 again: the same ACK. Another's 200 (a fork): we can have only one.
        let is_same = self.calls[index].remote_tag.as_deref() == response.to_tag();
        assert!(is_same, "{}: a second 200 from another leg at {now:?}", self.name);
        self.send_ack(index, response.cseq().number, "");
    }

    fn on_reinvite_final(&mut self, now: Instant, asked: (usize, Flow, bool), status: u16, response: &Message) {
        let (index, flow, no_address) = asked;
        self.calls[index].statuses.push(status);
        if status == 491 {
            // RFC 3261 14.1: whoever owns the Call-ID waits longer.
            let wait =
                if self.calls[index].outgoing { 2_100 + self.chance.below(1_900) } else { self.chance.below(2_000) };
            return self.intend(now + Duration::from_millis(wait), Intent::Again(index, flow, no_address));
        }
        if status >= 300 {
            return;
        }
        self.calls[index].offers = flow;
        let body = self.take_success(index, response);
        self.send_ack(index, response.cseq().number, &body);
    }

    /// A header line with credentials for the challenge; prefers SHA-256 on every second phone.
    fn credentials(&mut self, response: &Message, method: &str, uri: &str) -> Option<String> {
        let password = self.password.clone()?;
        let (name, header) = match response.status()? {
            401 => (Name::WwwAuthenticate, "Authorization"),
            _ => (Name::ProxyAuthenticate, "Proxy-Authorization"),
        };
        let challenges: Vec<&str> = response.headers(name).collect();
        let wants_sha = self.name.len().is_multiple_of(2);
        let is_sha = |challenge: &str| challenge.to_ascii_uppercase().contains("SHA-256");
        let challenge = challenges.iter().find(|one| is_sha(one) == wants_sha).or(challenges.first())?;
        let field = |key: &str| {
            let start = challenge.find(&format!("{key}="))? + key.len() + 1;
            Some(challenge[start..].trim_start_matches('"').split(['"', ',']).next()?.to_owned())
        };
        let (realm, nonce) = (field("realm")?, field("nonce")?);
        let (algorithm, hash): (&str, fn(&str) -> String) =
            if is_sha(challenge) { ("SHA-256", sha256) } else { ("MD5", md5) };
        let cnonce = self.chance.token();
        let one = hash(&format!("{}:{realm}:{password}", self.name));
        let two = hash(&format!("{method}:{uri}"));
        let answer = hash(&format!("{one}:{nonce}:00000001:{cnonce}:auth:{two}"));
        let opaque = field("opaque").map(|opaque| format!(", opaque=\"{opaque}\"")).unwrap_or_default();
        Some(format!(
            "{header}: Digest username=\"{}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", \
             response=\"{answer}\", algorithm={algorithm}, qop=auth, nc=00000001, cnonce=\"{cnonce}\"{opaque}\r\n",
            self.name
        ))
    }

    /// Whether a request waits for its answer, by method.
    pub fn asks(&self, method: &Method) -> bool {
        self.clients.iter().any(|client| client.method == method.to_string())
    }
}

fn md5(text: &str) -> String {
    hex::encode(Md5::digest(text))
}

fn sha256(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

/// The URI inside a Contact or Route value.
pub(super) fn uri_of(value: &str) -> String {
    match value.split_once('<') {
        Some((_, rest)) => rest.split('>').next().unwrap_or_default().to_owned(),
        None => value.split(';').next().unwrap_or_default().trim().to_owned(),
    }
}
