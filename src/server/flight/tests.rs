use std::{fs, os::unix::fs::PermissionsExt};

use bytes::Bytes;

use super::*;
use crate::{
    engine::flight::{Play, replay},
    sip::{Path as Way, Transport},
    store::scratch::Scratch,
    wire::sip::Message,
};

fn invite(call: &str) -> Input {
    let (local, remote) = ("127.0.0.1:5060".parse().unwrap(), "192.0.2.7:5070".parse().unwrap());
    let text = format!(
        "INVITE sip:800@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7:5070;branch=z9hG4bK{call}\r\n\
         From: <sip:a@b>;tag=1\r\nTo: <sip:800@b>\r\nCall-ID: {call}\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\n\
         Authorization: Digest response=\"0123456789\"\r\nContent-Length: 0\r\n\r\n"
    );
    let message = Message::parse(Bytes::from(text.into_bytes())).unwrap();
    Input::Sip { path: Way { transport: Transport::Udp, local, remote, flow: None }, message }
}

fn flight(data: &Path) -> (Flight, Engine, Clock) {
    let (clock, settings) = (Clock::start(), EngineSettings::plain());
    let now = clock.now();
    let flight = Flight::open(data, 0, (&settings, [3; 32], now), clock).unwrap();
    (flight, Engine::new(settings, [3; 32], now), clock)
}

fn only_file(folder: &Path) -> PathBuf {
    let files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    assert_eq!(fs::metadata(&files[0]).unwrap().permissions().mode() & 0o777, 0o600);
    files[0].clone()
}

/// OP-01: when the engine fails, what it went through is on the disk, the message that did it is named, and the next
/// process never gives it to its engine.
#[test]
fn what_killed_the_engine_is_kept_and_not_heard_again() {
    let data = Scratch::new("flight-panic");
    let (flight, mut engine, clock) = flight(&data);
    assert!(flight.input(clock.now(), &invite("good")));
    engine.handle(clock.now(), invite("good"));
    flight.told(clock.now(), &mut engine, &[]);
    assert!(flight.input(clock.now(), &invite("evil")));
    flight.catch_panics();
    let died = threads::start(crate::server::ENGINE_THREAD, || panic!("a fault of ours")).unwrap().join();
    assert!(died.is_err());

    let file = only_file(&data.join(FOLDER));
    let key = Key::read(&data.join(KEY_FILE)).unwrap();
    assert_eq!(fs::metadata(data.join(KEY_FILE)).unwrap().permissions().mode() & 0o777, 0o600);
    let (header, recording) = unseal(&mut fs::File::open(&file).unwrap(), &key).unwrap();
    assert!(header.why.contains("a fault of ours") && header.whole, "{header:?}");
    let played = replay(recording, Play::default(), |_| {}).unwrap();
    assert_eq!(played.inputs, 2, "the one that did it is the last");

    let named = fs::read_to_string(only_file(&data.join("quarantine"))).unwrap();
    assert!(named.contains("Call-ID: evil") && named.contains("a fault of ours"), "{named}");
    assert!(!named.contains("0123456789"), "a secret in the open: {named}");
    let (next, ..) = self::flight(&data);
    assert!(!next.input(clock.now(), &invite("evil")) && next.input(clock.now(), &invite("good")));
}

/// OP-01: a fault that repeats itself does not fill the disk, and of many recordings the oldest go.
#[test]
fn recordings_are_few() {
    let data = Scratch::new("flight-few");
    let (flight, ..) = flight(&data);
    for at in 0..RECORDINGS_MAX + 3 {
        fs::write(data.join(FOLDER).join(format!("{at:03}-asked.flight")), "old").unwrap();
    }
    let saved = flight.save_now(&Why::Asked).unwrap();
    let left = fs::read_dir(data.join(FOLDER)).unwrap().count();
    assert!(saved.exists() && left == RECORDINGS_MAX, "{left} are left");
    let why = || Why::Invariant("I1".to_owned());
    let begun: Vec<bool> = (0..4).map(|_| flight.save(why())).collect();
    assert_eq!(begun, [true, false, false, false]);
    // It is written beside this, and would come back into a folder that is gone.
    let is_fault = |file: fs::DirEntry| file.file_name().to_string_lossy().contains("invariant");
    while !fs::read_dir(data.join(FOLDER)).unwrap().any(|file| is_fault(file.unwrap())) {
        std::thread::yield_now();
    }
}
