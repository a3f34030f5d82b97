//! A phone that writes its requests itself, for what a stack of ours does not send.

use std::net::SocketAddr;

use super::world::{REALM, SWITCH, World};
use crate::{
    base::Private,
    sip::{Credentials, digest},
    wire::sip::{Message, Name},
};

pub struct Writer {
    pub at: SocketAddr,
    pub user: &'static str,
    call: String,
    cseq: u32,
    /// The switch's tag, once there is a dialog.
    pub to_tag: Option<String>,
    /// Requests of the switch that were seen.
    seen: usize,
    /// What it sent last.
    last: String,
}

impl Writer {
    pub fn new(user: &'static str, port: u16) -> Self {
        let at = SocketAddr::from(([127, 0, 0, 1], port));
        Self { at, user, call: format!("writes-{port}"), cseq: 0, to_tag: None, seen: 0, last: String::new() }
    }

    /// Sends it as it is, and gives the answer.
    pub fn send(&mut self, world: &mut World, method: &str, target: &str, what: (&str, &str)) -> Message {
        self.write(world, method, (target, SWITCH), what);
        self.answer_of(world, self.cseq).expect("an answer")
    }

    fn write(&mut self, world: &mut World, method: &str, to: (&str, &str), (more, body): (&str, &str)) {
        self.cseq += 1;
        let (target, host) = to;
        let (at, call, cseq) = (self.at, &self.call, self.cseq);
        let to_tag = self.to_tag.as_ref().map(|tag| format!(";tag={tag}")).unwrap_or_default();
        let text = format!(
            "{method} sip:{target}@{host} SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bK{call}{cseq}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:{user}@{REALM}>;tag=w\r\nTo: <sip:{target}@{REALM}>{to_tag}\r\n\
             Call-ID: {call}\r\nCSeq: {cseq} {method}\r\nContact: <sip:w{port}@{at}>\r\n{more}Content-Length: {length}\r\n\r\n\
             {body}",
            user = self.user,
            port = at.port(),
            length = body.len(),
        );
        world.packet(at, text.as_bytes());
        self.last = text;
    }

    /// The same packet once more, as a network doubles it.
    pub fn repeat(&self, world: &mut World) {
        world.packet(self.at, self.last.as_bytes());
    }

    /// A request that was overtaken by a later one.
    pub fn send_late(&mut self, world: &mut World, method: &str, target: &str, what: (&str, &str)) {
        self.cseq -= 2;
        self.write(world, method, (target, SWITCH), what);
        self.cseq += 1;
    }

    /// The last answer to the request of that number.
    fn answer_of(&self, world: &World, cseq: u32) -> Option<Message> {
        let is_answer = |message: &&Message| {
            message.status().is_some() && message.call_id() == self.call && message.cseq().number == cseq
        };
        world.sent.iter().rev().map(|(_, message, _)| message).find(is_answer).cloned()
    }

    /// The last answer to the last request.
    pub fn answer(&self, world: &World) -> Option<u16> {
        self.answer_of(world, self.cseq).and_then(|answer| answer.status())
    }

    /// Asks, and again with the digest that is wanted.
    pub fn ask(&mut self, world: &mut World, method: &str, target: &str, what: (&str, &str)) -> Message {
        self.ask_at(world, method, (target, SWITCH), what)
    }

    /// The same where the switch is called by another name.
    pub fn ask_at(&mut self, world: &mut World, method: &str, to: (&str, &str), what: (&str, &str)) -> Message {
        self.tell_at(world, method, to, what);
        self.answer_of(world, self.cseq).expect("an answer")
    }

    /// The same where the answer is still to come.
    pub fn tell(&mut self, world: &mut World, method: &str, target: &str, what: (&str, &str)) {
        self.tell_at(world, method, (target, SWITCH), what);
    }

    fn tell_at(&mut self, world: &mut World, method: &str, to: (&str, &str), (more, body): (&str, &str)) {
        self.write(world, method, to, (more, body));
        let challenge = self.answer_of(world, self.cseq).expect("an answer");
        assert_eq!(challenge.status(), Some(401), "nothing is done for who is not known");
        let password = Private::new(format!("pw-{}", self.user));
        let credentials = Credentials { user: self.user.to_owned(), password, realm: None, account: None };
        let uri = format!("sip:{}@{}", to.0, to.1);
        let asked = challenge.headers(Name::WwwAuthenticate);
        let proof = digest::answer(asked, &credentials, (method, &uri), body.as_bytes(), "cnonce").unwrap();
        self.write(world, method, to, (&format!("Authorization: {proof}\r\n{more}"), body));
    }

    /// The requests of the switch that came since. Each is answered so.
    pub fn hears(&mut self, world: &mut World, status: u16) -> Vec<Message> {
        let mut heard = Vec::new();
        loop {
            let to = self.at;
            let ours = |sent: &&(SocketAddr, Message, _)| sent.0 == to && sent.1.method().is_some();
            let request = world.sent.iter().filter(ours).map(|(_, message, _)| message).nth(self.seen).cloned();
            let Some(request) = request else { return heard };
            self.seen += 1;
            let header = |name| request.header(name).unwrap_or_default();
            let answer = format!(
                "SIP/2.0 {status} x\r\nVia: {}\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {}\r\n\
                 Content-Length: 0\r\n\r\n",
                header(Name::Via),
                header(Name::From),
                header(Name::To),
                header(Name::CallId),
                header(Name::CSeq)
            );
            world.packet(self.at, answer.as_bytes());
            heard.push(request);
        }
    }

    /// Forgets what the world remembers of all that was sent.
    pub fn forget(&mut self, world: &mut World) {
        world.sent.clear();
        self.seen = 0;
    }
}
