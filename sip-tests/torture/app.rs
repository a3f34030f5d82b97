//! The torture messages at the whole engine, from an address that may call.

use std::net::SocketAddr;

use bytes::Bytes;
use strowger::{
    base::{Extension, Instant, Now, TrunkId, UserId, Wall},
    engine::{Centre, Engine, EngineSettings, Input, Limits, Listener, Output, Times},
    sip::{Path, TimerSettings, Transport},
    switch::{Source, Trunk, User},
    wire::sip::Message,
};

const NOW: Now = Now { mono: Instant::from_micros(1_000_000), wall: Wall(1_795_000_000_000) };

fn engine() -> Engine {
    let settings = EngineSettings {
        secures_tls: false,
        realm: "strowger.test".to_owned(),
        domains: Vec::new(),
        listeners: vec![Listener {
            transport: Transport::Udp,
            local: local(),
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
    let mut engine = Engine::new(settings, [7; 32], NOW);
    let centre = Centre {
        users: vec![User::new(UserId(1), Extension::new("ana").expect("a name"))],
        trunks: vec![Trunk {
            sources: vec![Source { network: "127.0.0.1/32".parse().expect("a network"), port: Some(5080) }],
            ..Trunk::new(TrunkId(1), "carrier")
        }],
        ..Centre::default()
    };
    engine.handle(NOW, Input::Settings(Box::new(centre)));
    let port =
        |index| strowger::media::Port { worker: 0, index, rtp: SocketAddr::new(local().ip(), 20_000 + 2 * index) };
    engine.handle(NOW, Input::Ports((0..4).map(port).collect()));
    engine
}

fn local() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 5060))
}

/// The status given to one packet; `None` when nothing was said.
fn answer(packet: Bytes) -> Option<u16> {
    // The answer to a broken message repeats what was broken: only its first line is read here.
    let status = |bytes: Bytes| -> Option<u16> {
        std::str::from_utf8(bytes.strip_prefix(b"SIP/2.0 ")?.get(..3)?).ok()?.parse().ok()
    };
    let message = match Message::parse(packet) {
        Ok(message) => message,
        Err(malformed) => return malformed.answer().and_then(status),
    };
    let mut engine = engine();
    let remote = SocketAddr::from(([127, 0, 0, 1], 5080));
    let path = Path { transport: Transport::Udp, local: local(), remote, flow: None };
    engine.handle(NOW, Input::Sip { path, message });
    let mut answers = Vec::new();
    while let Some(emitted) = engine.poll_output() {
        if let Output::Send { bytes, .. } = emitted.output {
            answers.extend(status(bytes));
        }
    }
    assert_eq!(engine.check_invariants(), Vec::<String>::new());
    answers.into_iter().rfind(|status| *status != 100)
}

/// Each message gets the answer that the manifest names; `ok` is any but 400 and 5xx.
#[test]
fn the_engine_answers_as_the_manifest_says() {
    let cases = super::cases();
    assert_eq!(cases.len(), 61);
    let mut wrong = Vec::new();
    for case in cases {
        let answered = answer(case.bytes);
        let right = match (case.app.as_str(), answered) {
            ("ok", answered) => answered.is_none_or(|status| status != 400 && !(500..600).contains(&status)),
            ("drop", answered) => answered.is_none(),
            // The method is unknown as well: either is right.
            ("400", Some(501)) => case.file.ends_with("mismatch02.dat"),
            (expected, Some(status)) => expected == status.to_string(),
            (_, None) => false,
        };
        if !right {
            wrong.push(format!("{}: {} expected, {answered:?} given", case.file, case.app));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
