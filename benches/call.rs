//! What one call costs the engine: a trunk's INVITE to a trunk, ringing, answer, BYE, both dialogs and their media
//! commands. `cargo bench --bench call`; only the engine's own work is timed, not the far ends' messages.

use std::{
    hint::black_box,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant as Clock},
};

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use strowger::{
    base::{Extension, Instant, Now, TrunkId, UserId, Wall},
    engine::{Centre, Engine, EngineSettings, Entry, Input, KeptBinding, Limits, Listener, Output, Times},
    media,
    sip::{Path, TimerSettings, Transport, digest::Ha1, registrar::Binding},
    switch::{Destination, Pattern, Route, Side, Source, Trunk, TrunkDestination, User},
    wire::sip::{Message, Name, Writer},
};

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 38000 RTP/AVP 0 8 101\r\n\
                   a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=sendrecv\r\n";

struct Bench {
    engine: Engine,
    now: Now,
    local: SocketAddr,
    caller: SocketAddr,
    called: SocketAddr,
    spent: Duration,
    count: u64,
}

impl Bench {
    fn new() -> Self {
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let (local, caller, called) = (address(5060), address(15_900), address(15_901));
        let settings = EngineSettings {
            secures_tls: false,
            realm: "bench.test".to_owned(),
            domains: Vec::new(),
            listeners: vec![Listener {
                transport: Transport::Udp,
                local,
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
        let now = Now { mono: Instant::from_micros(1_000_000), wall: Wall(1_795_000_000_000) };
        let mut engine = Engine::new(settings, [1; 32], now);
        let trunk = |id, remote: SocketAddr| Trunk {
            sources: vec![Source { network: "127.0.0.1/32".parse().expect("a network"), port: Some(remote.port()) }],
            destination: Some(TrunkDestination {
                host: remote.ip().to_string(),
                port: Some(remote.port()),
                transport: Some(Transport::Udp),
            }),
            ..Trunk::new(TrunkId(id), format!("trunk{id}"))
        };
        let centre = Centre {
            trunks: vec![trunk(1, caller), trunk(2, called)],
            routes: vec![Route {
                from: Side::Trunk(TrunkId(1)),
                ..Route::new(Pattern::new("9000").expect("a pattern"), Destination::Trunk(TrunkId(2)))
            }],
            ..Centre::default()
        };
        engine.handle(now, Input::Settings(Box::new(centre)));
        let port = |index| media::Port { worker: 0, index, rtp: address(20_000 + 2 * index) };
        engine.handle(now, Input::Ports((0..2_000).map(port).collect()));
        let mut bench = Self { engine, now, local, caller, called, spent: Duration::ZERO, count: 0 };
        bench.drain();
        bench
    }

    /// Hands a message in, and gives what the engine sends.
    #[allow(clippy::disallowed_methods)]
    fn feed(&mut self, from: SocketAddr, bytes: Bytes) -> Vec<(SocketAddr, Message)> {
        let path = Path { transport: Transport::Udp, local: self.local, remote: from, flow: None };
        let message = Message::parse(bytes).expect("it parses");
        let begun = Clock::now();
        self.engine.handle(self.now, Input::Sip { path, message });
        let sent = self.drain();
        self.spent += begun.elapsed();
        sent.into_iter().map(|(to, bytes)| (to, Message::parse(bytes).expect("it parses"))).collect()
    }

    fn drain(&mut self) -> Vec<(SocketAddr, Bytes)> {
        let mut sent = Vec::with_capacity(4);
        while let Some(emitted) = self.engine.poll_output() {
            match emitted.output {
                Output::Send { path, bytes } => sent.push((path.remote, bytes)),
                Output::Media { command: media::Command::Close { stream }, .. } => {
                    let stats = Box::default();
                    self.engine.handle(self.now, Input::Media(media::Event::Closed { stream, stats }));
                }
                other @ (Output::Media { .. }
                | Output::Journal { .. }
                | Output::Record(_)
                | Output::Live(_)
                | Output::Reply { .. }
                | Output::Resolve { .. }
                | Output::Ask(_)
                | Output::Page { .. }
                | Output::Mend { .. }
                | Output::Gate(_)
                | Output::Alarm(_)
                | Output::Drained) => {
                    black_box(other);
                }
            }
        }
        sent
    }

    fn call(&mut self) {
        self.count += 1;
        let invite = self.request("INVITE", 1, "<sip:9000@127.0.0.1:5060>", Some(SDP));
        let sent = self.feed(self.caller, invite);
        let out = find(&sent, self.called, |message| message.is_request());
        let ringing = respond(&out, 180, None);
        self.feed(self.called, ringing);
        let answer = respond(&out, 200, Some(SDP));
        let sent = self.feed(self.called, answer);
        let ok = find(&sent, self.caller, |message| message.status() == Some(200));
        let to = ok.header(Name::To).expect("To").to_owned();
        let ack = self.request("ACK", 1, &to, None);
        self.feed(self.caller, ack);
        let bye = self.request("BYE", 2, &to, None);
        let sent = self.feed(self.caller, bye);
        let bye = find(&sent, self.called, |message| message.is_request() && message.cseq().number > 0);
        self.feed(self.called, respond(&bye, 200, None));
        self.now.mono += Duration::from_millis(5);
        self.tick();
    }

    #[allow(clippy::disallowed_methods)]
    fn tick(&mut self) {
        let begun = Clock::now();
        self.engine.handle(self.now, Input::Tick);
        self.drain();
        self.spent += begun.elapsed();
    }

    fn request(&self, method: &str, cseq: u32, to: &str, body: Option<&str>) -> Bytes {
        let method = strowger::wire::sip::Method::parse(method).expect("a method");
        let count = self.count;
        let mut writer = Writer::request(&method, "sip:9000@127.0.0.1:5060");
        writer
            .raw("Via", &format!("SIP/2.0/UDP 127.0.0.1:15900;branch=z9hG4bK{count}-{cseq}-{}", method.as_str()))
            .raw("Max-Forwards", "70")
            .raw("From", &format!("<sip:{}@127.0.0.1>;tag=a{count}", 351_000_000_000 + count))
            .raw("To", to)
            .raw("Call-ID", &format!("call-{count}@bench"))
            .raw("CSeq", &format!("{cseq} {}", method.as_str()))
            .raw("Contact", "<sip:uac@127.0.0.1:15900>");
        match body {
            Some(body) => writer.body("application/sdp", body.as_bytes()),
            None => writer.end(),
        }
    }
}

fn find(sent: &[(SocketAddr, Message)], to: SocketAddr, fits: impl Fn(&Message) -> bool) -> Message {
    sent.iter().find(|(other, message)| *other == to && fits(message)).expect("the engine goes on").1.clone()
}

fn respond(request: &Message, status: u16, body: Option<&str>) -> Bytes {
    let mut writer = Writer::response(status, None);
    for name in [Name::Via, Name::From, Name::CallId, Name::CSeq] {
        writer.copy(request, name);
    }
    let to = request.header(Name::To).expect("To");
    let tag = if to.contains("tag=") { "" } else { ";tag=b" };
    writer.raw("To", &format!("{to}{tag}")).raw("Contact", "<sip:uas@127.0.0.1:15901>");
    match body {
        Some(body) => writer.body("application/sdp", body.as_bytes()),
        None => writer.end(),
    }
}

fn whole_call(criterion: &mut Criterion) {
    let mut bench = Bench::new();
    criterion.bench_function("call, setup to release, in the engine", |bencher| {
        bencher.iter_custom(|rounds| {
            bench.spent = Duration::ZERO;
            for _ in 0..rounds {
                bench.call();
            }
            bench.spent
        });
    });
}

/// The flight recorder's base and the journal's checkpoint: the engine does nothing else meanwhile.
fn checkpoint(criterion: &mut Criterion) {
    const DEVICES: u64 = 10_000;
    let Bench { mut engine, now, .. } = Bench::new();
    let user = |number: u64| {
        let name = format!("phone{number}");
        let ha1 = Some(Ha1::new(&name, "bench.test", "secret"));
        User { ha1, ..User::new(UserId(number), Extension::new(&name).expect("a name")) }
    };
    let centre = Centre { users: (1..=DEVICES).map(user).collect(), ..Centre::default() };
    engine.handle(now, Input::Settings(Box::new(centre)));
    let binding = |number: u64| Binding {
        aor: format!("phone{number}").into(),
        contact: format!("sip:phone{number}@192.0.2.7:5060").into(),
        path: Path {
            transport: Transport::Udp,
            local: SocketAddr::from(([127, 0, 0, 1], 5060)),
            remote: SocketAddr::from(([192, 0, 2, 7], 5060)),
            flow: None,
        },
        expires: Wall(now.wall.0 + 3_600_000),
        q: 1_000,
        instance: Some(format!("<urn:uuid:00000000-0000-0000-0000-{number:012}>").into()),
        reg_id: Some(1),
        user_agent: Some("Bench/1.0".into()),
        route: Box::default(),
        domain: None,
        call_id: format!("{number}@192.0.2.7").into(),
        cseq: 1,
        since: now.wall,
        refreshed: now.wall,
        reachable: true,
        contested: None,
    };
    let bound = |number| Entry::Bound(KeptBinding { binding: Arc::new(binding(number)), proof: None });
    engine.handle(now, Input::Restore((1..=DEVICES).map(bound).collect()));
    engine.handle(now, Input::Restored);
    while engine.poll_output().is_some() {}
    assert_eq!(engine.counts().bindings, DEVICES);
    criterion.bench_function("checkpoint with 10,000 devices", |bencher| {
        bencher.iter_with_large_drop(|| engine.checkpoint(now))
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).measurement_time(Duration::from_secs(5));
    targets = whole_call, checkpoint
}
criterion_main!(benches);
