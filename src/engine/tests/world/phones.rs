//! The far ends: SIP stacks that are told what to do and do nothing by themselves.

use std::{collections::VecDeque, net::SocketAddr};

use super::{REALM, SWITCH, World};
use crate::{
    base::{Chance, Now, Private},
    sip::{self, Body, Credentials, Invite, Party, Path, Reply, Stack, StackSettings, Transport, UsageId},
    wire::sip::{Message, Method},
};

/// A far end: what it was told, and nothing done by itself.
pub struct Phone {
    pub address: SocketAddr,
    pub stack: Stack,
    pub events: VecDeque<sip::Event>,
    pub password: String,
    pub rtp: u16,
}

impl World {
    pub fn add_phone(&mut self, address: &str, password: &str) -> SocketAddr {
        let address: SocketAddr = address.parse().unwrap();
        let chance = Chance::from_number(u64::from(address.port()));
        let stack = Stack::new(StackSettings::default(), chance);
        let rtp = address.port() + 20_000;
        let phone = Phone { address, stack, events: VecDeque::new(), password: password.to_owned(), rtp };
        self.phones.insert(address, phone);
        address
    }

    /// A registered phone of a user.
    pub fn phone(&mut self, user: &str, port: u16) -> SocketAddr {
        let at = self.add_phone(&format!("127.0.0.1:{port}"), &format!("pw-{user}"));
        self.register(at, user);
        let status = self.response(at);
        assert_eq!(status, Some(200), "{user} registers");
        at
    }

    pub fn register(&mut self, at: SocketAddr, user: &str) {
        let contact = format!("<sip:{user}-{}@{at}>", at.port());
        self.register_with(at, user, &[("Contact", contact), ("Expires", "3600".to_owned())]);
    }

    pub fn register_with(&mut self, at: SocketAddr, user: &str, headers: &[(&'static str, String)]) {
        self.register_at(at, user, REALM, headers);
    }

    /// The same by a phone that calls us so.
    pub fn register_at(&mut self, at: SocketAddr, user: &str, domain: &str, headers: &[(&'static str, String)]) {
        let aor = format!("sip:{user}@{domain}");
        let now = self.now;
        let phone = self.phones.get_mut(&at).unwrap();
        let path = phone.path();
        let mut request = sip::Request::outside(
            Method::Register,
            path,
            format!("sip:{domain}"),
            Party::new(aor.clone()),
            Party::new(aor),
        );
        request.headers.extend(headers.iter().map(|(name, value)| ((*name).into(), value.clone())));
        request.credentials = phone.credentials(user);
        phone.stack.request(now, request);
        self.settle();
    }

    /// The status of the response to the phone's last request.
    pub fn response(&mut self, at: SocketAddr) -> Option<u16> {
        let phone = self.phones.get_mut(&at).unwrap();
        let found = phone.events.iter().position(|event| matches!(event, sip::Event::Response { .. }))?;
        match phone.events.remove(found) {
            Some(sip::Event::Response { status, .. }) => Some(status),
            _ => None,
        }
    }

    /// Calls, with an ordinary offer.
    pub fn call(&mut self, at: SocketAddr, user: &str, number: &str) -> UsageId {
        let body = self.phones[&at].offer();
        self.call_with(at, user, number, Some(body), |_| {})
    }

    pub fn call_with(
        &mut self,
        at: SocketAddr,
        user: &str,
        number: &str,
        body: Option<Body>,
        change: impl FnOnce(&mut Invite),
    ) -> UsageId {
        let now = self.now;
        let phone = self.phones.get_mut(&at).unwrap();
        let from =
            Party::new(format!("sip:{user}@{}", if phone.password.is_empty() { "carrier.example" } else { REALM }));
        let mut invite = Invite::new(
            phone.path(),
            format!("sip:{number}@{SWITCH}"),
            from,
            Party::new(format!("sip:{number}@{REALM}")),
        );
        invite.body = body;
        invite.credentials = phone.credentials(user);
        change(&mut invite);
        let usage = phone.stack.invite(now, invite);
        self.settle();
        usage
    }

    /// The INVITE that waits at a phone.
    pub fn incoming(&mut self, at: SocketAddr) -> Option<(UsageId, Message)> {
        let events = &mut self.phones.get_mut(&at).unwrap().events;
        let found = events.iter().position(|event| matches!(event, sip::Event::Invite { .. }))?;
        match events.remove(found) {
            Some(sip::Event::Invite { usage, request, .. }) => Some((usage, request)),
            _ => None,
        }
    }

    pub fn respond(&mut self, at: SocketAddr, usage: UsageId, reply: Reply) {
        let now = self.now;
        self.phones.get_mut(&at).unwrap().stack.respond(now, usage, reply);
        self.settle();
    }

    /// Rings, then answers.
    pub fn answer(&mut self, at: SocketAddr) -> UsageId {
        let (usage, _) = self.incoming(at).expect("an INVITE waits");
        self.respond(at, usage, Reply::new(180));
        let body = self.phones[&at].offer();
        self.respond(at, usage, Reply::new(200).body(body));
        usage
    }

    pub fn bye(&mut self, at: SocketAddr, usage: UsageId) {
        let now = self.now;
        self.phones.get_mut(&at).unwrap().stack.bye(now, usage, None);
        self.settle();
    }

    pub fn cancel(&mut self, at: SocketAddr, usage: UsageId) {
        let now = self.now;
        self.phones.get_mut(&at).unwrap().stack.cancel(now, usage, None);
        self.settle();
    }

    pub fn reinvite(&mut self, at: SocketAddr, usage: UsageId, body: Option<Body>) {
        let now = self.now;
        self.phones.get_mut(&at).unwrap().stack.reinvite(now, usage, body);
        self.settle();
    }

    pub fn command(&mut self, at: SocketAddr, command: impl FnOnce(&mut Stack, Now)) {
        let now = self.now;
        command(&mut self.phones.get_mut(&at).unwrap().stack, now);
        self.settle();
    }

    /// Takes the first event of a phone that fits.
    pub fn event(&mut self, at: SocketAddr, fits: impl Fn(&sip::Event) -> bool) -> Option<sip::Event> {
        let events = &mut self.phones.get_mut(&at).unwrap().events;
        let found = events.iter().position(fits)?;
        events.remove(found)
    }

    pub fn is_answered(&mut self, at: SocketAddr) -> bool {
        self.event(at, |event| matches!(event, sip::Event::Answered { .. })).is_some()
    }

    pub fn is_ended(&mut self, at: SocketAddr) -> bool {
        self.event(at, |event| matches!(event, sip::Event::Ended { .. })).is_some()
    }

    pub fn rejected(&mut self, at: SocketAddr) -> Option<u16> {
        match self.event(at, |event| matches!(event, sip::Event::Rejected { .. })) {
            Some(sip::Event::Rejected { status, .. }) => Some(status),
            _ => None,
        }
    }
}

impl Phone {
    fn path(&self) -> Path {
        Path { transport: Transport::Udp, local: self.address, remote: SWITCH.parse().unwrap(), flow: None }
    }

    fn credentials(&self, user: &str) -> Option<Credentials> {
        let password = Private::new(self.password.clone());
        (!self.password.is_empty()).then(|| Credentials { user: user.to_owned(), password, realm: None, account: None })
    }

    /// An ordinary description: both laws and digits.
    pub fn offer(&self) -> Body {
        self.describe(&[0, 8], 96, "sendrecv")
    }

    pub fn describe(&self, codecs: &[u8], digits: u8, direction: &str) -> Body {
        let list: Vec<String> = codecs.iter().map(u8::to_string).collect();
        Body::sdp(format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {} RTP/AVP {} {digits}\r\n\
             a=rtpmap:{digits} telephone-event/8000\r\na={direction}\r\n",
            self.rtp,
            list.join(" "),
        ))
    }
}
