//! A small network: stacks and hand-written peers, latency, loss, copies, disorder.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use bytes::Bytes;

use crate::{
    base::{Chance, FlowId, Instant, Now, Wall},
    sip::{Body, Event, Invite, Output, Party, Path, Reply, Stack, StackCounts, StackSettings, Transport, UsageId},
    wire::sip::{Message, Name},
};

/// How bad the line is, in per cent.
#[derive(Clone, Copy, Default)]
pub(in crate::sip) struct Line {
    pub loss: u64,
    pub copies: u64,
    pub disorder: u64,
}

pub(in crate::sip) struct End {
    pub stack: Stack,
    pub address: SocketAddr,
    pub events: Vec<Event>,
}

pub(in crate::sip) struct World {
    pub now: Now,
    pub transport: Transport,
    pub ends: Vec<End>,
    /// What reached addresses that have no stack: (to, message).
    pub post: Vec<(SocketAddr, Message)>,
    /// When each of them got there, in milliseconds after the start of the world.
    pub times: Vec<u64>,
    pub line: Line,
    wire: BTreeMap<(Instant, u64), (SocketAddr, SocketAddr, Bytes)>,
    sent: u64,
    chance: Chance,
}

pub(in crate::sip) const MS: fn(u64) -> Duration = Duration::from_millis;
pub(in crate::sip) const LATENCY: Duration = Duration::from_millis(5);

/// A hand-written peer.
pub(in crate::sip) const EVE: &str = "10.0.0.66:5060";

pub(in crate::sip) fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

impl World {
    /// Ends at 10.0.0.1, 10.0.0.2, … port 5060.
    pub fn new(seed: u64, ends: usize, transport: Transport) -> Self {
        Self::with(seed, ends, transport, |_| {})
    }

    pub fn with(seed: u64, ends: usize, transport: Transport, change: impl Fn(&mut StackSettings)) -> Self {
        let mut chance = Chance::from_number(seed);
        let ends = (1..=ends).map(|n| {
            let mut settings = StackSettings::default();
            change(&mut settings);
            let address = address(&format!("10.0.0.{n}:5060"));
            End { stack: Stack::new(settings, chance.fork()), address, events: Vec::new() }
        });
        Self {
            now: Now { mono: Instant::from_micros(1_000_000), wall: Wall(1_700_000_000_000) },
            transport,
            ends: ends.collect(),
            post: Vec::new(),
            times: Vec::new(),
            line: Line::default(),
            wire: BTreeMap::new(),
            sent: 0,
            chance,
        }
    }

    pub fn path(&self, from: usize, to: SocketAddr) -> Path {
        let flow = self.transport.is_reliable().then(|| flow_of(self.ends[from].address, to));
        Path { transport: self.transport, local: self.ends[from].address, remote: to, flow }
    }

    pub fn invite_to(&self, from: usize, to: SocketAddr, body: Option<&'static str>) -> Invite {
        let own = self.ends[from].address;
        let mut invite = Invite::new(
            self.path(from, to),
            format!("sip:bob@{to}"),
            Party::named("Alice \"A\"", format!("sip:alice@{own}")),
            Party::new(format!("sip:bob@{to}")),
        );
        invite.contact_user = "alice".into();
        invite.body = body.map(Body::sdp);
        invite
    }

    /// End 0 calls `to` with an offer.
    pub fn call(&mut self, to: SocketAddr) -> UsageId {
        let invite = self.invite_to(0, to, Some("offer"));
        let now = self.now;
        self.ends[0].stack.invite(now, invite)
    }

    /// A call from end 0 to end 1, answered and acknowledged: both usages.
    pub fn talking(&mut self) -> (UsageId, UsageId) {
        let bob = self.ends[1].address;
        let ours = self.call(bob);
        self.run(MS(50));
        let theirs = self.invited(1);
        let now = self.now;
        self.ends[1].stack.respond(now, theirs, Reply::new(200).body(Body::sdp("answer")));
        self.run(MS(50));
        assert!(self.ends[0].events.iter().any(|e| matches!(e, Event::Answered { .. })));
        assert!(self.ends[1].events.iter().any(|e| matches!(e, Event::Acked { .. })));
        self.forget();
        (ours, theirs)
    }

    pub fn forget(&mut self) {
        self.ends.iter_mut().for_each(|end| end.events.clear());
        self.post.clear();
        self.times.clear();
    }

    /// The usage of the last INVITE that an end was told of.
    pub fn invited(&self, end: usize) -> UsageId {
        let found = self.ends[end].events.iter().rev().find_map(|event| match event {
            Event::Invite { usage, .. } => Some(*usage),
            _ => None,
        });
        found.expect("an INVITE arrived")
    }

    pub fn stack(&mut self, end: usize) -> (&mut Stack, Now) {
        (&mut self.ends[end].stack, self.now)
    }

    pub fn events(&self, end: usize) -> &[Event] {
        &self.ends[end].events
    }

    /// Puts bytes on the wire from an address to an end, at once and whole.
    pub fn inject(&mut self, from: SocketAddr, end: usize, text: &str) {
        let message = Message::parse(Bytes::copy_from_slice(text.as_bytes())).expect(text);
        let to = self.ends[end].address;
        self.deliver(from, to, message);
        self.drain();
    }

    pub fn run(&mut self, length: Duration) {
        let end = self.now.mono + length;
        self.drain();
        loop {
            let arrival = self.wire.keys().next().map(|(at, _)| *at);
            let timeout = self.ends.iter().filter_map(|end| end.stack.poll_timeout()).min();
            let Some(next) = arrival.into_iter().chain(timeout).min().filter(|next| *next <= end) else { break };
            self.step_to(next.max(self.now.mono));
            let due = self.wire.first_key_value().filter(|((at, _), _)| *at <= self.now.mono).map(|(key, _)| *key);
            if let Some((from, to, bytes)) = due.and_then(|key| self.wire.remove(&key)) {
                self.deliver(from, to, Message::parse(bytes.clone()).expect("what a stack sends parses"));
            }
            let now = self.now;
            self.ends.iter_mut().for_each(|end| end.stack.handle_timeout(now));
            self.drain();
        }
        self.step_to(end);
    }

    fn step_to(&mut self, at: Instant) {
        self.now.wall = self.now.wall + at.since(self.now.mono);
        self.now.mono = at;
    }

    fn deliver(&mut self, from: SocketAddr, to: SocketAddr, message: Message) {
        let (now, transport) = (self.now, self.transport);
        match self.ends.iter_mut().find(|end| end.address == to) {
            Some(end) => {
                let flow = transport.is_reliable().then(|| flow_of(from, to));
                end.stack.handle_message(now, Path { transport, local: to, remote: from, flow }, message);
            }
            None => {
                self.post.push((to, message));
                self.times.push(self.now.mono.as_micros() / 1000 - 1000);
            }
        }
    }

    pub fn drain(&mut self) {
        for at in 0..self.ends.len() {
            while let Some(output) = self.ends[at].stack.poll_output() {
                match output {
                    Output::Event(event) => self.ends[at].events.push(event),
                    Output::Send { path, bytes, .. } => self.post_bytes(self.ends[at].address, path.remote, bytes),
                }
            }
        }
    }

    fn post_bytes(&mut self, from: SocketAddr, to: SocketAddr, bytes: Bytes) {
        let reliable = self.transport.is_reliable();
        if !reliable && self.chance.below(100) < self.line.loss {
            return;
        }
        let copies = if !reliable && self.chance.below(100) < self.line.copies { 2 } else { 1 };
        for _ in 0..copies {
            let late = !reliable && self.chance.below(100) < self.line.disorder;
            let latency = if late { LATENCY + MS(self.chance.below(700)) } else { LATENCY };
            self.sent += 1;
            self.wire.insert((self.now.mono + latency, self.sent), (from, to, bytes.clone()));
        }
    }

    pub fn counts(&self) -> Vec<StackCounts> {
        self.ends.iter().map(|end| end.stack.counts()).collect()
    }

    /// Lets everything that still waits run out, and finds nothing left.
    #[track_caller]
    pub fn settle(&mut self) {
        self.run(Duration::from_secs(70));
        for (at, counts) in self.counts().into_iter().enumerate() {
            assert_eq!(counts, StackCounts::default(), "end {at} keeps something");
        }
    }

    /// The last message of this method (or answer to it) in the post, and where it went.
    pub fn last_request(&self, method: &str) -> Message {
        let found = self.post.iter().rev().find(|(_, m)| m.method().is_some_and(|own| own.as_str() == method));
        found.unwrap_or_else(|| panic!("no {method} in {:?}", self.post)).1.clone()
    }

    pub fn last_answer(&self, method: &str) -> Message {
        let found = self.post.iter().rev().find(|(_, m)| !m.is_request() && m.cseq().method.as_str() == method);
        found.unwrap_or_else(|| panic!("no answer to {method} in {:?}", self.post)).1.clone()
    }

    pub fn sent_requests(&self, method: &str) -> usize {
        self.post.iter().filter(|(_, m)| m.method().is_some_and(|own| own.as_str() == method)).count()
    }

    /// Requests of this method without their repetitions.
    pub fn transactions(&self, method: &str) -> usize {
        let all = self.post.iter().filter(|(_, m)| m.method().is_some_and(|own| own.as_str() == method));
        all.map(|(_, m)| m.cseq().number).collect::<std::collections::BTreeSet<u32>>().len()
    }

    pub fn statuses(&self, method: &str) -> Vec<u16> {
        let answers = self.post.iter().filter(|(_, m)| !m.is_request() && m.cseq().method.as_str() == method);
        answers.filter_map(|(_, m)| m.status()).collect()
    }
}

fn flow_of(one: SocketAddr, other: SocketAddr) -> FlowId {
    let (low, high) = if one < other { (one, other) } else { (other, one) };
    let number = |address: SocketAddr| match address.ip() {
        std::net::IpAddr::V4(v4) => u64::from(u32::from(v4)) ^ u64::from(address.port()),
        std::net::IpAddr::V6(_) => 0,
    };
    FlowId(number(low) << 32 | number(high))
}

/// What a hand-written peer answers. The To tag goes in unless it is empty.
pub(in crate::sip) fn answer(request: &Message, status: u16, tag: &str, more: &str, body: &str) -> String {
    let mut out = format!("SIP/2.0 {status} Whatever\r\n");
    for (name, key) in [("Via", Name::Via), ("From", Name::From)] {
        for value in request.headers(key) {
            out += &format!("{name}: {value}\r\n");
        }
    }
    let to = request.header(Name::To).unwrap();
    let tagged = to.contains(";tag=") || tag.is_empty();
    out += &if tagged { format!("To: {to}\r\n") } else { format!("To: {to};tag={tag}\r\n") };
    out += &format!("Call-ID: {}\r\nCSeq: {}\r\n", request.call_id(), request.header(Name::CSeq).unwrap());
    out += more;
    out + &format!("Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// An INVITE by hand from `source`, with any more header lines.
pub(in crate::sip) fn invite_text(source: SocketAddr, branch: &str, more: &str, body: &str) -> String {
    format!(
        "INVITE sip:bob@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {source};branch={branch};rport\r\nMax-Forwards: 70\r\n\
         From: <sip:eve@{source}>;tag=evetag\r\nTo: <sip:bob@10.0.0.1>\r\nCall-ID: hand-made\r\nCSeq: 1 INVITE\r\n\
         Contact: <sip:eve@{source}>\r\n{more}Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A later request by hand in the dialog of an answer that a stack gave to `invite_text`.
pub(in crate::sip) fn in_dialog_text(
    source: SocketAddr,
    answer: &Message,
    method: &str,
    cseq: u32,
    more: &str,
    body: &str,
) -> String {
    format!(
        "{method} sip:bob@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {source};branch=z9hG4bK{method}{cseq}{};rport\r\n\
         Max-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {cseq} {method}\r\n\
         Contact: <sip:eve@{source}>\r\n{more}Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
        body.len(),
        answer.header(Name::From).unwrap(),
        answer.header(Name::To).unwrap(),
        answer.call_id(),
        body.len()
    )
}

/// A call from a hand-written peer at [`EVE`] that is up, its INVITE with these headers: the world, our usage, our 2xx.
pub(in crate::sip) fn talking_by_hand(seed: u64, more: &str) -> (World, UsageId, Message) {
    let eve = address(EVE);
    let mut world = World::new(seed, 1, Transport::Udp);
    world.inject(eve, 0, &invite_text(eve, "z9hG4bK1", more, "offer"));
    let usage = world.invited(0);
    let (stack, now) = world.stack(0);
    stack.respond(now, usage, Reply::new(200).body(Body::sdp("answer")));
    world.run(MS(10));
    let ok = world.last_answer("INVITE");
    world.inject(eve, 0, &in_dialog_text(eve, &ok, "ACK", 1, "", ""));
    world.forget();
    (world, usage, ok)
}
