//! Any octets as a course of events around one engine: what far ends send, damaged or not, in whatever order, and time.
//!
//! The fuzzer and `cargo test` read octets by the same rules, so that a finding is a file. Far ends here keep no state of
//! their own but the last messages: they answer what they should not, twice, late, or somebody else's.

use std::{collections::VecDeque, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use strowger::{
    acd,
    base::{AgentId, Extension, FlowId, Instant, Now, QueueId, TrunkId, UserId, Wall},
    engine::{
        Actor, Centre, Counts, Devices, Engine, EngineSettings, Entry, Input, KeptBinding, Limits, Listener, Output,
        Request, RequestId, Times,
    },
    media::{self, Command},
    sip::{Path, TimerSettings, Transport, digest::Ha1, registrar::Binding},
    switch::{Destination, Mode, Pattern, Role, Route, Side, Source, Trunk, TrunkDestination, User},
    wire::sip::Message,
};

const SWITCH: &str = "127.0.0.1:5060";
const CARRIER: &str = "127.0.0.1:5080";
const PHONE: &str = "127.0.0.1:5070";
const REALM: &str = "strowger.test";

/// Steps of one course; what is left of the octets is not read.
const STEPS_MAX: usize = 200;

/// Messages of the switch that can be answered or followed.
const KEPT_MAX: usize = 12;

/// After this long everything has ended: longer than any timer, session, registration or ban.
const OVER: Duration = Duration::from_secs(2_400);

/// Methods of requests, by the octet that chooses them.
const METHODS: [&str; 16] = [
    "INVITE",
    "ACK",
    "BYE",
    "CANCEL",
    "PRACK",
    "UPDATE",
    "REFER",
    "SUBSCRIBE",
    "NOTIFY",
    "OPTIONS",
    "MESSAGE",
    "INFO",
    "PUBLISH",
    "REGISTER",
    "INVITE",
    "BREW",
];

const STATUSES: [u16; 16] = [100, 180, 183, 200, 200, 202, 302, 401, 407, 404, 422, 481, 486, 491, 503, 603];

/// Headers that change what a request means.
const EXTRAS: [&str; 16] = [
    "",
    "Require: 100rel\r\n",
    "Supported: 100rel, timer, replaces, outbound, path\r\n",
    "Session-Expires: 90;refresher=uac\r\nMin-SE: 90\r\n",
    "Refer-To: <sip:ana@strowger.test>\r\n",
    "Refer-To: <sip:800@strowger.test?Replaces=a%3Bto-tag%3Db%3Bfrom-tag%3Dc>\r\n",
    "Replaces: talk-1;to-tag=x;from-tag=t1\r\n",
    "Event: dialog\r\nExpires: 300\r\n",
    "Event: presence\r\nExpires: 0\r\n",
    "RSeq: 1\r\nRequire: 100rel\r\n",
    "RAck: 1 1 INVITE\r\n",
    "Contact: <sip:else@127.0.0.1:5099;transport=tcp>\r\n",
    "Route: <sip:127.0.0.1:5060;lr>\r\nRecord-Route: <sip:127.0.0.1:5060;lr>\r\n",
    "Require: nothing-we-know\r\nProxy-Require: nor-this\r\n",
    "Privacy: id\r\nP-Asserted-Identity: <sip:+1@x>\r\nDiversion: <sip:a@b>;reason=unknown\r\nHistory-Info: <sip:a@b>;index=1\r\n",
    "Max-Forwards: 0\r\nRetry-After: 1\r\nReason: Q.850;cause=17\r\nAlso: x\r\n",
];

const BODIES: [&str; 6] = [
    "",
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 30000 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\n",
    "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 30000 RTP/AVP 8\r\na=sendonly\r\n",
    "v=0\r\no=- 1 3 IN IP4 0.0.0.0\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\nm=audio 0 RTP/AVP 9\r\nm=video 4 RTP/AVP 31\r\n",
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 30000 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\n",
    "SIP/2.0 200 OK\r\n",
];

/// Plays the octets through and says what happened; panics when the engine does, breaks an invariant, or keeps what is
/// over.
pub fn course(octets: &[u8]) -> Counts {
    let mut talk = Talk::new();
    let mut octets = Octets { left: octets };
    for _ in 0..STEPS_MAX {
        let Some(step) = octets.next() else { break };
        talk.step(step, &mut octets);
        talk.judge();
    }
    talk.end()
}

struct Octets<'a> {
    left: &'a [u8],
}

impl Octets<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.left.split_first()?;
        self.left = rest;
        Some(*first)
    }

    /// Zero when nothing is left.
    fn one(&mut self) -> usize {
        usize::from(self.next().unwrap_or(0))
    }

    fn among<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.one() % all.len()]
    }
}

struct Talk {
    engine: Engine,
    now: Now,
    /// What the switch sent lately.
    sent: VecDeque<Message>,
    requests: u32,
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn path(remote: &str) -> Path {
    Path { transport: Transport::Udp, local: address(SWITCH), remote: address(remote), flow: None }
}

fn user(id: u64, name: &str) -> User {
    User {
        ha1: Some(Ha1::new(name, REALM, "secret")),
        role: Role::Agent,
        ..User::new(UserId(id), Extension::new(name).expect("a name"))
    }
}

fn centre() -> Centre {
    let mut centre = Centre { users: vec![user(1, "ana"), user(2, "rui")], ..Centre::default() };
    let own = |address: &str| {
        let address: SocketAddr = address.parse().expect("an address");
        TrunkDestination { host: address.ip().to_string(), port: Some(address.port()), transport: Some(Transport::Udp) }
    };
    centre.trunks.push(Trunk {
        sources: vec![Source { network: "127.0.0.1/32".parse().expect("a network"), port: Some(5080) }],
        destination: Some(own(CARRIER)),
        ..Trunk::new(TrunkId(1), "carrier")
    });
    for (pattern, destination) in [
        ("800", Destination::Queue(QueueId(1))),
        ("201", Destination::User(UserId(1))),
        ("9000", Destination::Trunk(TrunkId(1))),
    ] {
        let route = Route::new(Pattern::new(pattern).expect("a pattern"), destination);
        centre.routes.push(Route { from: Side::Anyone, ..route });
    }
    let forwarded = Route::new(Pattern::new("77").expect("a pattern"), Destination::User(UserId(1)));
    centre.routes.push(Route { from: Side::Anyone, mode: Mode::Proxy, ..forwarded });
    let agent = acd::AgentSettings {
        key: "ana".to_owned(),
        device_presence: Some(acd::DevicePresence::Ready),
        ..acd::AgentSettings::default()
    };
    centre.acd.agents.insert(AgentId(1), agent);
    let queue = acd::QueueSettings {
        key: "support".to_owned(),
        members: vec![acd::MemberSettings::new("ana")],
        ..acd::QueueSettings::default()
    };
    centre.acd.queues.insert(QueueId(1), queue);
    centre
}

fn binding(now: Wall) -> Binding {
    Binding {
        aor: "ana".into(),
        contact: format!("sip:ana@{PHONE}").into(),
        path: path(PHONE),
        expires: now + Duration::from_secs(1_800),
        q: 1_000,
        instance: None,
        reg_id: None,
        domain: None,
        user_agent: None,
        route: Box::default(),
        call_id: "bound".into(),
        cseq: 1,
        since: now,
        refreshed: now,
        reachable: true,
        contested: None,
    }
}

impl Talk {
    fn new() -> Self {
        let now = Now { mono: Instant::from_micros(1_000_000), wall: Wall(1_795_000_000_000) };
        let listener = Listener {
            transport: Transport::Udp,
            local: address(SWITCH),
            advertised: None,
            media_address: None,
            inside: Vec::new(),
        };
        let settings = EngineSettings {
            secures_tls: false,
            realm: REALM.to_owned(),
            domains: Vec::new(),
            listeners: vec![listener],
            user_agent: "strowger".to_owned(),
            force_rport: false,
            limits: Limits::default(),
            times: Times::default(),
            timers: TimerSettings::default(),
            devices: Devices::default(),
        };
        let mut talk = Self { engine: Engine::new(settings, [7; 32], now), now, sent: VecDeque::new(), requests: 0 };
        talk.feed(Input::Settings(Box::new(centre())));
        talk.feed(Input::Restore(vec![Entry::Bound(KeptBinding {
            binding: Arc::new(binding(now.wall)),
            proof: None,
        })]));
        let port =
            |index| media::Port { worker: 0, index, rtp: SocketAddr::new(address(SWITCH).ip(), 20_000 + 2 * index) };
        talk.feed(Input::Ports((0..24).map(port).collect()));
        talk.feed(Input::Restored);
        talk
    }

    fn feed(&mut self, input: Input) {
        self.engine.handle(self.now, input);
        let mut closed = Vec::new();
        while let Some(emitted) = self.engine.poll_output() {
            if let Output::Send { bytes, .. } = emitted.output {
                let message = Message::parse(bytes).expect("what the switch writes can be read");
                self.sent.push_front(message);
                self.sent.truncate(KEPT_MAX);
            } else if let Output::Media { command: Command::Close { stream }, .. } = emitted.output {
                closed.push(stream);
            }
        }
        for stream in closed {
            self.feed(Input::Media(media::Event::Closed { stream, stats: Box::default() }));
        }
    }

    fn step(&mut self, step: u8, octets: &mut Octets<'_>) {
        match step % 8 {
            0 | 1 => {
                let text = self.fresh(octets);
                self.send(&text, octets);
            }
            2 => {
                let text = self.follow(octets);
                self.send(&text, octets);
            }
            3..=5 => {
                let text = self.answer(octets);
                self.send(&text, octets);
            }
            6 => {
                let millis = [1, 100, 500, 2_000, 10_000, 32_000, 60_000, 600_000][octets.one() % 8];
                self.pass(Duration::from_millis(millis));
            }
            _ => match octets.one() % 4 {
                0 => self.feed(Input::Unreachable { transport: Transport::Udp, remote: address(PHONE) }),
                1 => self.feed(Input::Unreachable { transport: Transport::Udp, remote: address(CARRIER) }),
                2 => self.feed(Input::FlowClosed(FlowId(1))),
                _ => self.feed(Input::Tick),
            },
        }
    }

    /// A request outside of dialogs.
    fn fresh(&mut self, octets: &mut Octets<'_>) -> String {
        self.requests += 1;
        // Most of what can go wrong begins with a call.
        let method = if octets.one().is_multiple_of(2) { "INVITE" } else { octets.among(&METHODS) };
        let number = octets.among(&["800", "201", "9000", "ana", "77"]);
        let (extra, body, again) = (octets.among(&EXTRAS), octets.among(&BODIES), octets.one() % 4);
        // Now and then the same transaction or call again.
        let call = if again == 0 { 1 } else { self.requests };
        format!(
            "{method} sip:{number}@{SWITCH} SIP/2.0\r\nVia: SIP/2.0/UDP {CARRIER};branch=z9hG4bKtalk{call}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:+351{call}@carrier.example>;tag=t{call}\r\nTo: <sip:{number}@{REALM}>\r\n\
             Call-ID: talk-{call}\r\nCSeq: 1 {method}\r\nContact: <sip:c@{CARRIER}>\r\n{extra}{}",
            with(body)
        )
    }

    /// A request in a dialog that the switch answered, or began.
    fn follow(&mut self, octets: &mut Octets<'_>) -> String {
        let Some(last) = self.sent.get(octets.one() % KEPT_MAX).cloned() else { return String::new() };
        self.requests += 1;
        let (method, cseq) = (octets.among(&METHODS), 1 + octets.one() % 4);
        let (extra, body) = (octets.among(&EXTRAS), octets.among(&BODIES));
        // What is to be acknowledged is known to the far end alone.
        let rseq = header(&last, "RSeq");
        let acknowledges = *method == "PRACK" && !rseq.is_empty();
        let rack = if acknowledges { format!("RAck: {rseq} {}\r\n", header(&last, "CSeq")) } else { String::new() };
        let (from, to) = (header(&last, "From"), header(&last, "To"));
        // A response turned about is our own request again; a request, that of its called side.
        let (from, to) = if last.is_request() { (format!("{to};tag=uas"), from) } else { (from, to) };
        let (call_id, branch) = (header(&last, "Call-ID"), self.requests);
        let via = if octets.one().is_multiple_of(4) {
            header(&last, "Via")
        } else {
            format!("SIP/2.0/UDP {CARRIER};branch=z9hG4bKf{branch}")
        };
        format!(
            "{method} sip:c@{SWITCH} SIP/2.0\r\nVia: {via}\r\nMax-Forwards: 70\r\nFrom: {from}\r\nTo: {to}\r\n\
             Call-ID: {call_id}\r\nCSeq: {cseq} {method}\r\nContact: <sip:c@{CARRIER}>\r\n{rack}{extra}{}",
            with(body)
        )
    }

    /// An answer to something that the switch sent, and be it an answer.
    fn answer(&mut self, octets: &mut Octets<'_>) -> String {
        let Some(last) = self.sent.get(octets.one() % KEPT_MAX).cloned() else { return String::new() };
        let (status, extra, body) = (octets.among(&STATUSES), octets.among(&EXTRAS), octets.among(&BODIES));
        let tag = if octets.one().is_multiple_of(4) { "" } else { ";tag=uas" };
        let headers =
            ["Via", "From", "Call-ID", "CSeq"].map(|name| format!("{name}: {}\r\n", header(&last, name))).concat();
        let to = header(&last, "To");
        let tag = if to.contains(";tag=") { "" } else { tag };
        format!(
            "SIP/2.0 {status} So\r\n{headers}To: {to}{tag}\r\nContact: <sip:uas@{PHONE}>\r\n\
             WWW-Authenticate: Digest realm=\"x\", nonce=\"y\"\r\n{extra}{}",
            with(body)
        )
    }

    /// Sends it as it is, or with some octets changed.
    fn send(&mut self, text: &str, octets: &mut Octets<'_>) {
        let mut bytes = text.as_bytes().to_vec();
        let damage = octets.one();
        for _ in 0..damage.saturating_sub(192) % 8 {
            let (high, low, what) = (octets.one(), octets.one(), octets.one());
            let at = (high << 8 | low) % bytes.len().max(1);
            if let Some(octet) = bytes.get_mut(at) {
                *octet = what as u8;
            }
        }
        let remote = if damage.is_multiple_of(2) { CARRIER } else { PHONE };
        if let Ok(message) = Message::parse(Bytes::from(bytes)) {
            self.feed(Input::Sip { path: path(remote), message });
        }
    }

    /// Time passes, and every timer that falls into it fires in its place.
    fn pass(&mut self, time: Duration) {
        let until = self.now.mono + time;
        while let Some(due) = self.engine.poll_timeout().filter(|due| *due <= until) {
            self.set(due.max(self.now.mono));
            self.feed(Input::Tick);
        }
        self.set(until);
        self.feed(Input::Tick);
    }

    fn set(&mut self, mono: Instant) {
        self.now = Now { mono, wall: self.now.wall + mono.since(self.now.mono) };
    }

    fn judge(&self) {
        let wrong = self.engine.check_invariants();
        assert!(wrong.is_empty(), "{wrong:?}");
    }

    /// Whoever still talks or waits is hung up on, and nobody says anything any more: all of it ends by itself.
    fn end(&mut self) -> Counts {
        self.pass(Duration::from_secs(200));
        let live = self.engine.snapshot(self.now).calls;
        for (id, call) in live.into_iter().map(|view| view.call).enumerate() {
            let request = Request::HangUp { call };
            self.feed(Input::Request { id: RequestId(id as u64), actor: Actor::Api, request });
        }
        self.pass(OVER);
        self.judge();
        let counts = self.engine.counts();
        let left =
            [counts.calls, counts.legs, counts.dialogs, counts.transactions, counts.ports_used, counts.forwarding];
        assert_eq!(
            left, [0; 6],
            "calls, legs, dialogs, transactions, ports and forwarded requests are left: {counts:?}"
        );
        assert_eq!((counts.waiting, counts.texts_underway), (0, 0), "{counts:?}");
        counts
    }
}

fn with(body: &str) -> String {
    let kind = if body.starts_with("v=0") { "application/sdp" } else { "message/sipfrag" };
    format!("Content-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// The first line of a header, as it was written.
fn header(message: &Message, name: &str) -> String {
    let text = String::from_utf8_lossy(message.bytes());
    let line = text.split("\r\n").find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_default().trim().to_owned()
}
