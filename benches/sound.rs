//! What a leg's sound costs a media worker, sockets left out: `cargo bench --bench sound`.
//!
//! A hundred calls of each kind for ten seconds of a clock moved by hand, packets of 20 ms from both sides. Printed is the
//! CPU time a packet that came in: relayed, secured, decoded and encoded, mixed, played, recorded; and beside it the same
//! against the plain relay of the same run; and what a leg of each kind takes of memory. A packet is a frame of 20 ms.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a bench reads clocks")]

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant as Clock},
};

use strowger::{
    base::{Chance, ClipId, Instant, PlayId, Private, SegmentId, StreamId},
    media::{
        Codec, Command, Core, Country, Form, KEY_BYTES, Matrix, PROTECTION_BYTES_MAX, PayloadTypes, Play, Port, Remote,
        Secure, Security, Sound, Source, Standing, Suite, Verdict, built_in,
        link::{Credentials, Fingerprint, Handshake, Link, Side},
        tape::Taping,
    },
    wire::rtp::{HEADER_BYTES, Header},
};

const CALLS: usize = 100;
const ROUNDS: usize = 500;
const FRAME: Duration = Duration::from_millis(20);

/// What one call of a kind is.
#[derive(Clone, Copy)]
struct Kind {
    name: &'static str,
    codecs: [Codec; 3],
    legs: usize,
    security: Option<Suite>,
    /// The first leg is a browser's: its way comes by ICE, its keys by DTLS.
    browser: bool,
    plays: bool,
    records: bool,
}

const PLAIN: Kind = Kind {
    name: "relayed",
    codecs: [Codec::Pcmu; 3],
    legs: 2,
    security: None,
    browser: false,
    plays: false,
    records: false,
};

/// Legs of a kind whose memory is taken.
const LEGS_WEIGHED: usize = 2_400;

fn kinds() -> [Kind; 12] {
    let codecs = |one, two| [one, two, Codec::Pcmu];
    [
        PLAIN,
        Kind { name: "relayed, laws differ", codecs: codecs(Codec::Pcmu, Codec::Pcma), ..PLAIN },
        Kind { name: "relayed, one side AES_CM_80", security: Some(Suite::Long), ..PLAIN },
        Kind { name: "relayed, one side AES_GCM", security: Some(Suite::Sealed), ..PLAIN },
        Kind { name: "relayed, one side a browser", browser: true, ..PLAIN },
        Kind { name: "relayed and recorded", records: true, ..PLAIN },
        Kind { name: "music to both", plays: true, ..PLAIN },
        Kind { name: "PCMU and G.722", codecs: codecs(Codec::Pcmu, Codec::G722), ..PLAIN },
        Kind { name: "PCMU and Opus", codecs: codecs(Codec::Pcmu, Codec::Opus), ..PLAIN },
        Kind { name: "a browser's Opus and PCMU", codecs: codecs(Codec::Opus, Codec::Pcmu), browser: true, ..PLAIN },
        Kind { name: "three in a mix", legs: 3, ..PLAIN },
        Kind { name: "three, one of them Opus", codecs: codecs(Codec::Opus, Codec::Pcmu), legs: 3, ..PLAIN },
    ]
}

/// One leg's far end.
struct Leg {
    port: Port,
    from: SocketAddr,
    codec: Codec,
    guard: Option<Secure>,
    /// What it says again and again, a packet each.
    says: Vec<Vec<u8>>,
    sequence: u16,
}

fn main() {
    println!("{CALLS} calls, {} s each; CPU a packet that came in", ROUNDS / 50);
    let mut plain = 0.0;
    for kind in kinds() {
        let cost = measure(kind);
        if kind.name == PLAIN.name {
            plain = cost;
        }
        let octets = weigh(kind);
        println!(
            "  {:28} {cost:7.3} µs   {:5.1} times a relayed one   {octets:6} octets a leg",
            kind.name,
            cost / plain
        );
    }
}

/// Resident octets of a leg that has spoken and been spoken to for a second.
fn weigh(kind: Kind) -> usize {
    let calls = LEGS_WEIGHED / kind.legs;
    let before = resident();
    let mut world = World::open(kind, calls);
    world.run(50);
    resident().saturating_sub(before) / (calls * kind.legs)
}

fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: usize = pages.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
    pages * 4_096
}

fn security(suite: Suite, ours: u8, theirs: u8) -> Security {
    let key = |octet| Private::new([octet; KEY_BYTES]);
    Security { suite, ours: key(ours), theirs: key(theirs), mki: 0 }
}

fn form(codec: Codec, security: Option<Security>) -> Form {
    let dynamic = PayloadTypes::both(111);
    let payload = codec.static_payload_type().map_or(dynamic, PayloadTypes::both);
    Form { payload, security, ..Form::plain(codec) }
}

/// CPU a packet, in microseconds.
fn measure(kind: Kind) -> f64 {
    World::open(kind, CALLS).run(ROUNDS)
}

/// A core and everybody's far end.
struct World {
    core: Core,
    now: Instant,
    kind: Kind,
    legs: Vec<Leg>,
}

impl World {
    fn open(kind: Kind, calls: usize) -> Self {
        let now = Instant::from_micros(1_000_000);
        let core = Core::new(Country::Neutral, Chance::from_number(1));
        let mut world = Self { core, now, kind, legs: Vec::new() };
        let music = Arc::new(built_in::hold_music());
        world.core.handle_command(now, Command::LoadClip { clip: ClipId(1), sound: music });
        (0..calls).for_each(|call| world.open_call(call));
        world
    }

    fn open_call(&mut self, call: usize) {
        let Self { core, now, kind, legs } = self;
        let (now, kind) = (*now, *kind);
        let ids: Vec<StreamId> = (0..kind.legs).map(|leg| StreamId((call * 8 + leg) as u64 + 1)).collect();
        for (leg, stream) in ids.iter().enumerate() {
            legs.push(open(core, now, kind, (call * kind.legs + leg) as u16, leg, *stream));
        }
        let command = match ids[..] {
            [a, b] => Command::Join { a, b },
            _ => {
                let everybody: Vec<(StreamId, bool)> = ids.iter().map(|id| (*id, true)).collect();
                Command::Mix { matrix: Box::new(Matrix::new(&everybody, |_, _| strowger::media::Gain::UNITY)) }
            }
        };
        core.handle_command(now, command);
        for (at, stream) in ids.iter().enumerate() {
            if kind.plays {
                let play = Play {
                    id: PlayId(at as u64 + 1),
                    source: Source::Clip(ClipId(1)),
                    repeat: true,
                    over: false,
                    with_talk: false,
                };
                core.handle_command(now, Command::Play { stream: *stream, play });
            }
        }
        if kind.records {
            let path: Arc<str> = format!("call-{call}.wav").into();
            let taping = Taping::Begin { segment: SegmentId(call as u64 + 1), path, swapped: false };
            core.handle_command(now, Command::Record { stream: ids[0], taping });
        }
    }
    /// CPU a packet, in microseconds.
    fn run(&mut self, rounds: usize) -> f64 {
        let Self { core, now, kind, legs } = self;
        let (mut spent, mut packets) = (Duration::ZERO, 0_u32);
        for round in 0..rounds {
            *now += FRAME;
            let now = *now;
            let heard: Vec<(u16, SocketAddr, Vec<u8>, usize)> = legs.iter_mut().map(|leg| leg.speak(round)).collect();
            let began = Clock::now();
            for (index, from, mut buffer, len) in heard {
                let verdict = core.handle_packet(now, index, from, &mut buffer, len);
                assert!(round < 2 || kind.legs > 2 || !kind.records || verdict != Verdict::Nothing, "it is relayed");
                packets += 1;
            }
            core.handle_tick(now, &mut |_| {});
            while core.poll_event().is_some() {}
            if core.has_tape(now) {
                drop(core.take_tape());
            }
            spent += began.elapsed();
        }
        spent.as_secs_f64() * 1e6 / f64::from(packets)
    }
}

fn open(core: &mut Core, now: Instant, kind: Kind, index: u16, leg: usize, stream: StreamId) -> Leg {
    let from = SocketAddr::from(([127, 0, 0, 1], 40_000 + 2 * index));
    let port = Port { worker: 0, index, rtp: SocketAddr::from(([127, 0, 0, 1], 20_000 + 2 * index)) };
    let codec = kind.codecs[leg];
    let suite = kind.security.filter(|_| leg == 0);
    let mut form = form(codec, suite.map(|suite| security(suite, 1, 2)));
    let browser = kind.browser && leg == 0;
    form.link = browser.then(|| Arc::new(link()));
    let standing = Box::new(Standing::default());
    core.handle_command(now, Command::Open { stream, port, remote: Some(Remote::new(from)), form, standing });
    if browser {
        core.handle_way(index, Some(from), None);
        core.handle_keys(index, security(Suite::Long, 1, 2));
    }
    let suite = suite.or(browser.then_some(Suite::Long));
    let guard = suite.map(|suite| Secure::new(security(suite, 2, 1)));
    Leg { port, from, codec, guard, says: voice(codec), sequence: 0 }
}

/// What offer and answer would have settled.
fn link() -> Link {
    let one =
        |name: &str| Credentials { fragment: name.into(), password: Private::new("a-password-of-some-length".into()) };
    Link {
        ours: one("ours"),
        theirs: one("them"),
        candidates: Default::default(),
        fingerprint: Fingerprint([7; 32]),
        handshake: Handshake::Await,
        side: Side::Lite,
    }
}

/// A second of speech in that codec; what the core itself would send of it, so that nothing here encodes.
fn voice(codec: Codec) -> Vec<Vec<u8>> {
    let mut core = Core::new(Country::Neutral, Chance::from_number(2));
    let mut now = Instant::from_micros(1_000_000);
    let to = SocketAddr::from(([127, 0, 0, 1], 40_000));
    let port = Port { worker: 0, index: 0, rtp: SocketAddr::from(([127, 0, 0, 1], 20_000)) };
    let (stream, sound): (_, Sound) = (StreamId(1), built_in::hello());
    let standing = Box::new(Standing::default());
    let (clip, remote) = (ClipId(1), Some(Remote::new(to)));
    core.handle_command(now, Command::LoadClip { clip, sound: Arc::new(sound) });
    core.handle_command(now, Command::Open { stream, port, remote, form: form(codec, None), standing });
    let play = Play { id: PlayId(1), source: Source::Clip(clip), repeat: true, over: false, with_talk: false };
    core.handle_command(now, Command::Play { stream, play });
    let mut said = Vec::new();
    for _ in 0..60 {
        now += FRAME;
        core.handle_tick(now, &mut |out| {
            if !out.is_rtcp {
                said.push(out.packet[HEADER_BYTES..].to_vec());
            }
        });
    }
    said.truncate(50);
    said
}

impl Leg {
    /// The next packet, protected where the leg is.
    fn speak(&mut self, round: usize) -> (u16, SocketAddr, Vec<u8>, usize) {
        let says = &self.says[round % self.says.len()];
        let step = self.codec.clock_hz() / 50;
        let payload_type = self.codec.static_payload_type().unwrap_or(111);
        let mut header =
            Header::new(payload_type, self.sequence, u32::from(self.sequence) * step, 7, says.len() as u16);
        header.marker = self.sequence == 0;
        let mut buffer = vec![0; HEADER_BYTES + says.len() + PROTECTION_BYTES_MAX + 64];
        header.write(&mut buffer);
        buffer[HEADER_BYTES..HEADER_BYTES + says.len()].copy_from_slice(says);
        self.sequence = self.sequence.wrapping_add(1);
        let mut len = HEADER_BYTES + says.len();
        if let Some(guard) = &mut self.guard {
            len = guard.protect(&mut buffer, len).unwrap();
        }
        (self.port.index, self.from, buffer, len)
    }
}
