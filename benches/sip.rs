//! What the SIP floor costs by itself, without sockets: time per transaction, call side and registration, bytes per idle
//! dialog and registered device. `cargo bench --bench sip`.

// A bench is what reads the clock.
#![allow(clippy::disallowed_methods)]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    hint::black_box,
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::{Duration, Instant as Clock},
};

use bytes::Bytes;
use strowger::{
    base::{Chance, Extension, Instant, Now, Private, UserId, Wall},
    engine::{Centre, Engine, EngineSettings, Input, Limits, Listener, Output, Times},
    sip::{
        self, Body, Credentials, Event, Invite, Party, Path, Reply, Stack, StackSettings, TimerSettings, Transport,
        UsageId,
        digest::{self, Covered, Ha1, Verdict, Verifier},
        registrar::{Registrar, RegistrarSettings},
    },
    switch::User,
    wire::sip::{Message, Name},
};

struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static MADE: AtomicUsize = AtomicUsize::new(0);

// SAFETY: all is left to the system's allocator; only figures are kept beside it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(layout.size(), Relaxed);
        MADE.fetch_add(1, Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 38000 RTP/AVP 0 8 101\r\n\
                   a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=sendrecv\r\n";

fn address(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

fn path(local: u16, remote: u16) -> Path {
    Path { transport: Transport::Udp, local: address(local), remote: address(remote), flow: None }
}

fn start() -> Now {
    Now { mono: Instant::from_micros(1_000_000), wall: Wall(1_795_000_000_000) }
}

fn later(now: Now, length: Duration) -> Now {
    Now { mono: now.mono + length, wall: now.wall + length }
}

fn parsed(bytes: Bytes) -> Message {
    Message::parse(bytes).expect("what we write parses")
}

/// Two stacks that call each other, with the time and the messages of both.
struct Pair {
    stacks: [Stack; 2],
    now: Now,
}

impl Pair {
    fn new() -> Self {
        let stack = |seed| Stack::new(StackSettings::default(), Chance::from_number(seed));
        Self { stacks: [stack(1), stack(2)], now: start() }
    }

    /// Carries all messages until none is left; the callee rings and answers, `told` sees the caller's usage go up.
    fn carry(&mut self) {
        loop {
            let mut quiet = true;
            for end in [0, 1] {
                while let Some(output) = self.stacks[end].poll_output() {
                    quiet = false;
                    match output {
                        sip::Output::Send { path, bytes, .. } => {
                            let back = Path { local: path.remote, remote: path.local, ..path };
                            self.stacks[1 - end].handle_message(self.now, back, parsed(bytes));
                        }
                        sip::Output::Event(Event::Invite { usage, .. }) => {
                            self.stacks[end].respond(self.now, usage, Reply::new(180));
                            let answer = Reply::new(200).body(Body::sdp(SDP));
                            self.stacks[end].respond(self.now, usage, answer);
                        }
                        sip::Output::Event(event) => {
                            black_box(event);
                        }
                    }
                }
            }
            if quiet {
                return;
            }
        }
    }

    fn call(&mut self) -> UsageId {
        let (from, to) = (Party::named("Ana", "sip:ana@127.0.0.1"), Party::new("sip:bob@127.0.0.1:5070"));
        let mut invite = Invite::new(path(5060, 5070), "sip:bob@127.0.0.1:5070", from, to);
        invite.contact_user = "ana".to_owned();
        invite.body = Some(Body::sdp(SDP));
        let usage = self.stacks[0].invite(self.now, invite);
        self.carry();
        usage
    }

    fn pass(&mut self, length: Duration) {
        self.now = later(self.now, length);
        for stack in &mut self.stacks {
            stack.handle_timeout(self.now);
        }
        self.carry();
    }
}

fn report(what: &str, per: Duration, made: usize, count: usize) {
    let made = made as f64 / count as f64;
    println!("{what:<44} {:>8.2} µs   {made:>6.1} allocations", per.as_secs_f64() * 1e6);
}

fn measured(what: &str, count: usize, mut each: impl FnMut(usize)) {
    for n in 0..count / 10 {
        each(n);
    }
    let (made, clock) = (MADE.load(Relaxed), Clock::now());
    for n in 0..count {
        each(n);
    }
    let spent = clock.elapsed();
    report(what, spent / u32::try_from(count).unwrap_or(u32::MAX), MADE.load(Relaxed) - made, count);
}

fn calls() {
    let mut pair = Pair::new();
    measured("a call, both sides, seven messages", 20_000, |n| {
        let usage = pair.call();
        let now = pair.now;
        pair.stacks[0].bye(now, usage, None);
        pair.carry();
        if n % 100 == 0 {
            pair.pass(Duration::from_secs(1));
        }
    });
    pair.pass(Duration::from_secs(40));
    pair.pass(Duration::from_secs(40));
    println!("  left: {:?}", pair.stacks[0].counts());
}

fn idle_dialogs() {
    const CALLS: usize = 10_000;
    let mut pair = Pair::new();
    for _ in 0..2 {
        let before = HELD.load(Relaxed);
        let usages: Vec<UsageId> = (0..CALLS).map(|_| pair.call()).collect();
        let busy = HELD.load(Relaxed) - before;
        pair.pass(Duration::from_secs(33));
        pair.pass(Duration::from_secs(33));
        let idle = HELD.load(Relaxed).saturating_sub(before);
        println!("a dialog just answered / idle, bytes: {} / {}", busy / CALLS / 2, idle / CALLS / 2);
        for usage in usages {
            let now = pair.now;
            pair.stacks[0].bye(now, usage, None);
            pair.carry();
        }
        pair.pass(Duration::from_secs(33));
        pair.pass(Duration::from_secs(33));
        println!("  after all have ended, bytes a call: {}", HELD.load(Relaxed).saturating_sub(before) / CALLS);
    }
}

fn register_text(user: usize, cseq: u32, authorization: Option<&str>) -> Bytes {
    let authorization = authorization.map(|value| format!("Authorization: {value}\r\n")).unwrap_or_default();
    Bytes::from(format!(
        "REGISTER sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:15900;branch=z9hG4bK{user}-{cseq};rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:u{user}@127.0.0.1>;tag=t{user}\r\nTo: <sip:u{user}@127.0.0.1>\r\n\
         Call-ID: register-{user}@127.0.0.1\r\nCSeq: {cseq} REGISTER\r\n\
         Contact: <sip:u{user}@127.0.0.1:15900>;expires=3600\r\nUser-Agent: bench\r\n{authorization}\
         Content-Length: 0\r\n\r\n"
    ))
}

struct Office {
    stack: Stack,
    verifier: Verifier,
    registrar: Registrar,
    secret: Ha1,
    now: Now,
}

impl Office {
    /// One REGISTER in, one answer out. All users have one password; each has a device of his own.
    fn handle(&mut self, user: &str, bytes: Bytes) -> Bytes {
        let from = path(5060, 15_900);
        self.stack.handle_message(self.now, from, parsed(bytes));
        let Some(sip::Output::Event(Event::Request { transaction, request, path, .. })) = self.stack.poll_output()
        else {
            panic!("a REGISTER is told");
        };
        let source = path.remote.ip();
        let target = Covered { method: "REGISTER", uri: request.uri_text().unwrap_or_default(), body: b"" };
        let claims = request.headers(Name::Authorization);
        let reply = match self.verifier.verify(self.now, source, target, claims, |_| Some(&self.secret)) {
            Verdict::Ok(_) => {
                let done = self.registrar.register(self.now, user, &request, path).expect("accepted");
                Reply { headers: done.headers, ..Reply::new(200) }
            }
            Verdict::Challenge { stale } => {
                let challenges = self.verifier.challenge(self.now, source, stale);
                challenges.into_iter().fold(Reply::new(401), |reply, value| reply.header("WWW-Authenticate", value))
            }
            Verdict::Refused | Verdict::Misdirected => panic!("the password is right"),
        };
        self.stack.reply(self.now, transaction, reply);
        match self.stack.poll_output() {
            Some(sip::Output::Send { bytes, .. }) => bytes,
            other => panic!("{other:?}"),
        }
    }
}

fn registrations() {
    const DEVICES: usize = 20_000;
    let secret = Ha1::new("u", "bench", "secret");
    let mut office = Office {
        stack: Stack::new(StackSettings::default(), Chance::from_number(3)),
        verifier: Verifier::new("bench", Chance::from_number(4)),
        registrar: Registrar::new(RegistrarSettings::default()),
        secret,
        now: start(),
    };
    let credentials =
        Credentials { user: "u".into(), password: Private::new("secret".into()), realm: None, account: None };
    let target = ("REGISTER", "sip:127.0.0.1");
    let before = HELD.load(Relaxed);
    let (mut spent, mut made) = (Duration::ZERO, 0);
    for user in 0..DEVICES {
        let first = register_text(user, 1, None);
        let name = format!("u{user}");
        let (clock, held) = (Clock::now(), MADE.load(Relaxed));
        let challenged = office.handle(&name, first);
        spent += clock.elapsed();
        made += MADE.load(Relaxed) - held;
        let challenged = parsed(challenged);
        let asked = challenged.headers(Name::WwwAuthenticate).skip(1);
        let value = digest::answer(asked, &credentials, target, b"", "c0ffee").expect("answered");
        let second = register_text(user, 2, Some(&value));
        let (clock, held) = (Clock::now(), MADE.load(Relaxed));
        black_box(office.handle(&name, second));
        spent += clock.elapsed();
        made += MADE.load(Relaxed) - held;
    }
    report("a REGISTER with digest MD5, two round trips", spent / DEVICES as u32, made, DEVICES);
    office.now = later(office.now, Duration::from_secs(400));
    office.stack.handle_timeout(office.now);
    while office.stack.poll_output().is_some() {}
    let held = HELD.load(Relaxed).saturating_sub(before);
    println!("a registered device, bytes: {} ({} registered)", held / DEVICES, office.registrar.len());
}

/// The engine with as many users as devices are to be held.
struct Hall {
    engine: Engine,
    now: Now,
}

impl Hall {
    fn new(devices: usize) -> Self {
        let settings = EngineSettings {
            secures_tls: false,
            realm: "bench".to_owned(),
            domains: Vec::new(),
            listeners: vec![Listener {
                transport: Transport::Udp,
                local: address(5060),
                advertised: None,
                media_address: None,
                inside: Vec::new(),
            }],
            user_agent: "strowger".to_owned(),
            force_rport: false,
            limits: Limits::default(),
            times: Times::default(),
            timers: TimerSettings::default(),
            devices: Default::default(),
        };
        let user = |id: usize| {
            let name = format!("u{id}");
            let ha1 = Some(Ha1::new(&name, "bench", "secret"));
            User { ha1, ..User::new(UserId(id as u64 + 1), Extension::new(&name).expect("a name")) }
        };
        let centre = Centre { users: (0..devices).map(user).collect(), ..Centre::default() };
        let mut hall = Self { engine: Engine::new(settings, [7; 32], start()), now: start() };
        hall.engine.handle(hall.now, Input::Settings(Box::new(centre)));
        hall.drain();
        hall
    }

    fn drain(&mut self) -> Option<Bytes> {
        let mut sent = None;
        while let Some(emitted) = self.engine.poll_output() {
            if let Output::Send { bytes, .. } = emitted.output {
                sent = Some(bytes);
            }
        }
        sent
    }

    /// One message in, its answer out, and how long that took.
    fn handle(&mut self, bytes: Bytes) -> (Message, Duration) {
        let message = parsed(bytes);
        self.now = later(self.now, Duration::from_micros(100));
        let clock = Clock::now();
        self.engine.handle(self.now, Input::Sip { path: path(5060, 15_900), message });
        let answer = self.drain();
        let spent = clock.elapsed();
        (parsed(answer.expect("an answer")), spent)
    }

    /// Registers a device, or renews it.
    fn register(&mut self, user: usize, cseq: u32) -> Duration {
        let (challenged, first) = self.handle(register_text(user, cseq, None));
        let name = format!("u{user}");
        let credentials =
            Credentials { user: name, password: Private::new("secret".into()), realm: None, account: None };
        let asked = challenged.headers(Name::WwwAuthenticate).skip(1);
        let value =
            digest::answer(asked, &credentials, ("REGISTER", "sip:127.0.0.1"), b"", "c0ffee").expect("answered");
        let (accepted, second) = self.handle(register_text(user, cseq + 1, Some(&value)));
        assert_eq!(accepted.status(), Some(200), "{user}");
        first + second
    }
}

/// A hundred thousand devices in the engine itself: a REGISTER must cost the same whether few are held or all.
fn held() {
    const DEVICES: usize = 100_000;
    const SLICE: usize = 20_000;
    let mut hall = Hall::new(DEVICES);
    let before = HELD.load(Relaxed);
    let round = |hall: &mut Hall, users: std::ops::Range<usize>, cseq: u32, what: &str| {
        let (made, count) = (MADE.load(Relaxed), users.len());
        let spent: Duration = users.map(|user| hall.register(user, cseq)).sum();
        report(what, spent / count as u32, MADE.load(Relaxed) - made, count);
    };
    for from in (0..DEVICES).step_by(SLICE) {
        round(&mut hall, from..from + SLICE, 1, &format!("a REGISTER, {from} devices held already"));
    }
    round(&mut hall, 0..SLICE, 3, &format!("the same renewed, {DEVICES} held"));
    hall.now = later(hall.now, Duration::from_secs(400));
    hall.engine.handle(hall.now, Input::Tick);
    hall.drain();
    let bytes = HELD.load(Relaxed).saturating_sub(before) / DEVICES;
    println!("a device held by the engine, bytes: {bytes} ({} held)", hall.engine.counts().bindings);
}

fn answers() {
    let mut stack = Stack::new(StackSettings::default(), Chance::from_number(5));
    let mut now = start();
    measured("OPTIONS in, 200 out, kept 32 s", 50_000, |n| {
        let text = register_text(n, 1, None);
        let text = String::from_utf8_lossy(&text).replace("REGISTER", "OPTIONS");
        stack.handle_message(now, path(5060, 15_900), parsed(Bytes::from(text)));
        let Some(sip::Output::Event(Event::Request { transaction, .. })) = stack.poll_output() else { return };
        stack.reply(now, transaction, Reply::new(200));
        while let Some(output) = stack.poll_output() {
            black_box(output);
        }
        now = later(now, Duration::from_micros(700));
        stack.handle_timeout(now);
    });
}

fn main() {
    calls();
    idle_dialogs();
    registrations();
    held();
    answers();
}
