//! Recordings of the real program, on a real disk.

use std::{fs, path::PathBuf, time::Duration};

use sha2::{Digest, Sha256};

use super::{
    going_on::{Voice, connects, until_both_hear},
    http::Http,
    phone::Phone,
    running::{Program, lasts},
};

/// What the two say: octets of µ-law.
const CUSTOMER: u8 = 0x11;
const AGENT: u8 = 0x22;

/// The files of all recordings, in the order in which they began.
fn files(program: &Program) -> Vec<PathBuf> {
    let days = fs::read_dir(program.data("recordings")).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> =
        days.flat_map(|day| fs::read_dir(day.path()).unwrap().flatten()).map(|file| file.path()).collect();
    files.sort();
    files
}

/// Samples of each channel that the head of a file tells of, once it has been looked at that they are whose they should
/// be: more than nine in ten of them.
fn played(file: &PathBuf) -> usize {
    let octets = fs::read(file).unwrap();
    assert_eq!((&octets[..4], &octets[8..16], octets[20], octets[22]), (&b"RIFF"[..], &b"WAVEfmt "[..], 7, 2));
    let length = u32::from_le_bytes(octets[54..58].try_into().unwrap()) as usize;
    let sound = &octets[58..58 + length];
    let is_right = |pair: &&[u8]| pair[0] == CUSTOMER && pair[1] == AGENT;
    let right = sound.chunks_exact(2).filter(is_right).count();
    assert!(right * 10 > length / 2 * 8, "{right} of {}", length / 2);
    length / 2
}

fn speak(one: &mut Voice<'_>, other: &mut Voice<'_>, packets: usize) {
    for _ in 0..packets {
        one.speaks();
        other.speaks();
        lasts(Duration::from_millis(20));
    }
}

/// RC-01: `kill -9` in a recorded call: what was said by a second before is in a file that plays, its row says that it was
/// interrupted, and the call is recorded on into another, with the digest of each.
#[test]
fn rc_01_a_recording_outlives_kill_nine() {
    let mut program = Program::demo("recording").start();
    program.rewrite("centre.toml", "# [recording]", "[[recording.rule]]\nqueue = \"support\"\n# [recording]");
    program.hang_up_signal();
    program.until_logged("the settings were read again", 1);
    let mut agent = Phone::new(program.sip);
    assert_eq!(agent.register("ana", program.password("ana")), 200);
    let mut carrier = Phone::at(program.sip, program.trunk);
    let (accepted, offer) = connects(&mut carrier, &mut agent, "800");
    let (mut caller, mut called) = (Voice::new(&carrier, &accepted, CUSTOMER), Voice::new(&agent, &offer, AGENT));
    until_both_hear(&mut caller, &mut called);
    speak(&mut caller, &mut called, 200);
    program.kill();
    let [first] = &files(&program)[..] else { panic!("{:?}", files(&program)) };
    // The head may be a second behind what is there.
    assert!(played(first) >= 8_000 * 2, "{} samples can be played", played(first));
    program = program.start_again();
    until_both_hear(&mut caller, &mut called);
    speak(&mut caller, &mut called, 100);
    carrier.bye();
    agent.expect_request("BYE");
    agent.answer_last(200);
    let page = Http::sign_in(program.http, "admin", program.password("admin"));
    let files = files(&program);
    assert_eq!(files.len(), 2, "{files:?}");
    let name = files[0].file_name().unwrap().to_str().unwrap();
    let call = name.strip_prefix("call-").unwrap().split('-').next().unwrap();
    let path = format!("/api/v1/records/{call}/recording");
    page.until(&path, |answer| answer.matches("\"sha256\":\"").count() == 2);
    assert!(played(&files[0]) >= 8_000 * 3, "{} samples can be played after the restart", played(&files[0]));
    assert!(played(&files[1]) >= 8_000);
    let rows = page.get(&path);
    for file in &files {
        let sum: String = Sha256::digest(fs::read(file).unwrap()).iter().map(|octet| format!("{octet:02x}")).collect();
        assert!(rows.contains(&sum), "{sum} is missing in {rows}");
    }
    assert_eq!((rows.matches("\"interrupted\":true").count(), rows.matches("\"partial\":true").count()), (1, 1));
    program.stop();
}
