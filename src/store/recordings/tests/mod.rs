//! Real files.

mod disk;
mod opus;

use std::{
    fs,
    sync::{Arc, Mutex},
};

use sha2::Digest;

use super::*;
use crate::{
    engine::SegmentFile,
    media::{
        Codec, Form, g711, ogg,
        tape::{Header, Span, Tap, Tape},
        tone_peak, wav,
    },
    store::scratch::Scratch,
};

const SEGMENT: SegmentId = SegmentId(9);
const PATH: &str = "recordings/2026-11-28/call-1-seg-9.wav";

type Told = Arc<Mutex<Vec<SegmentReport>>>;

fn folder(name: &str) -> Scratch {
    Scratch::new(&format!("recordings-{name}"))
}

fn writer(data: &Path) -> (Writer<impl Fn(SegmentReport) + use<>>, Told) {
    let told = Told::default();
    let tell = Arc::clone(&told);
    (
        Writer {
            data: data.to_owned(),
            report: move |report| tell.lock().unwrap().push(report),
            open: BTreeMap::new(),
        },
        told,
    )
}

fn at(ms: u64) -> Instant {
    Instant::from_micros(1_000_000 + ms * 1_000)
}

fn begin(path: &str) -> (Tap, Tape) {
    let mut tape = Tape::default();
    let tap = Tap::begin(at(0), &mut tape, &Form::plain(Codec::Pcmu), SEGMENT, path.into(), false);
    (tap, tape)
}

/// So many milliseconds of a voice for the customer.
fn speak(tap: &mut Tap, tape: &mut Tape, from: u64, until: u64) {
    for ms in (from..until).step_by(20) {
        let sample = |at: u64| (std::f64::consts::TAU * 600.0 * at as f64 / 8_000.0).sin() * 8_000.0;
        let mut packet = vec![0x80, 0];
        packet.extend(((ms / 20) as u16).to_be_bytes());
        packet.extend(((ms * 8) as u32).to_be_bytes());
        packet.extend(1u32.to_be_bytes());
        packet.extend((ms * 8..ms * 8 + 160).map(|at| g711::encode_ulaw(sample(at) as i16)));
        tap.hears(at(ms), tape, &Form::plain(Codec::Pcmu), &packet);
    }
}

fn reel(tape: &mut Tape, ms: u64) -> Reel {
    Reel { worker: 0, at: at(ms), tape: std::mem::take(tape) }
}

fn finished(told: &Told) -> SegmentFile {
    match told.lock().unwrap().last().map(|report| report.what.clone()) {
        Some(Reported::Finished(file)) => file,
        other => panic!("{other:?}"),
    }
}

/// What sox would say of it: any player reads the file as far as its head says.
fn is_played(data: &Path, path: &str) -> Vec<i16> {
    wav::read(&fs::read(data.join(path)).unwrap()).expect("a WAV file").samples().collect()
}

/// RC-01: the file of a recording is a WAV file of two channels, its digest is that of the file, and only its owner can
/// read it.
#[test]
fn rc_01_a_file_is_written_and_digested() {
    use std::os::unix::fs::PermissionsExt;
    let data = folder("whole");
    let (mut writer, told) = writer(&data);
    let (mut tap, mut tape) = begin(PATH);
    for second in 0..3 {
        speak(&mut tap, &mut tape, second * 1_000, second * 1_000 + 1_000);
        writer.write(&reel(&mut tape, second * 1_000 + 1_000));
    }
    tap.end(at(3_000), &mut tape);
    writer.write(&reel(&mut tape, 3_000));
    let file = finished(&told);
    assert_eq!((file.length_ms, file.octets), (3_000, 58 + 3_000 * 16));
    let octets = fs::read(data.join(PATH)).unwrap();
    assert_eq!(file.sha256, Some(hex::encode(sha2::Sha256::digest(&octets))));
    let sound = is_played(&data, PATH);
    assert_eq!(sound.len(), 24_000);
    // Read as one channel the two are halved.
    assert!(tone_peak(&sound[800..23_000], 600.0) > 3_700.0);
    assert_eq!(fs::metadata(data.join(PATH)).unwrap().permissions().mode() & 0o777, 0o600);
}

/// RC-01: what was recorded is playable at any moment, and after `kill -9` all of it that was written is.
#[test]
fn rc_01_what_was_written_is_playable_after_a_crash() {
    let data = folder("crash");
    let (mut writer, _) = writer(&data);
    let (mut tap, mut tape) = begin(PATH);
    for turn in 0..25 {
        speak(&mut tap, &mut tape, turn * 200, turn * 200 + 200);
        writer.write(&reel(&mut tape, turn * 200 + 200));
    }
    // Five seconds; the head is at most one behind, and the newest sound waits for stragglers.
    let before = is_played(&data, PATH).len() / 8;
    assert!(before >= 3_300, "{before} ms can be played while it is written");
    drop(writer);
    let file = file::mend(&data, PATH);
    assert!(file.length_ms >= 4_000 && file.sha256.is_some(), "{file:?}");
    let sound = is_played(&data, PATH);
    assert_eq!(sound.len() as u64 / 8, file.length_ms);
    assert!(tone_peak(&sound[800..], 600.0) > 3_700.0);
}

/// RC-01: a disk that takes nothing is told of once, the recording is marked, and nothing else suffers. No path leads out
/// of the folder.
#[test]
fn rc_01_a_disk_that_takes_nothing_is_told_of() {
    let data = folder("full");
    fs::write(data.join("recordings"), "in the way").unwrap();
    let (mut writer, told) = writer(&data);
    let (mut tap, mut tape) = begin(PATH);
    for second in 0..3 {
        speak(&mut tap, &mut tape, second * 1_000, second * 1_000 + 1_000);
        writer.write(&reel(&mut tape, second * 1_000 + 1_000));
    }
    tap.end(at(3_000), &mut tape);
    writer.write(&reel(&mut tape, 3_000));
    let failing = told.lock().unwrap().iter().filter(|report| matches!(report.what, Reported::Failing(_))).count();
    assert_eq!(failing, 1);
    let file = finished(&told);
    assert!(file.sha256.is_none() && file.lost.len() == 1, "{file:?}");
    for path in ["/etc/passwd", "recordings/../../x.wav", "../recordings/x", "elsewhere/x.wav", ""] {
        assert_eq!(place_of(&data, path), None, "{path}");
    }
}
