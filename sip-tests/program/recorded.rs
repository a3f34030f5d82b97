//! `kill -9` in the middle of a call that is recorded.

use std::{fs, path::PathBuf};

use super::{
    going_on::{Voice, connects, tick, until_both_hear},
    http::Http,
    phone::Phone,
    running::Program,
};

const CUSTOMER: u8 = 0x11;
const AGENT: u8 = 0x22;

/// The files there are, in the order of their segments.
fn files(program: &Program) -> Vec<PathBuf> {
    let days = fs::read_dir(program.data("recordings")).into_iter().flatten().flatten();
    let files = days.flat_map(|day| fs::read_dir(day.path()).unwrap().flatten()).map(|file| file.path());
    let mut files: Vec<PathBuf> = files.collect();
    files.sort_by_key(|file| (file.as_os_str().len(), file.clone()));
    files
}

/// How many packets' worth of each side's voice a player would play: as far as the head says, left and right.
fn heard(file: &PathBuf) -> [usize; 2] {
    let octets = fs::read(file).unwrap();
    assert_eq!((&octets[..4], &octets[50..54]), (&b"RIFF"[..], &b"data"[..]));
    let length = u32::from_le_bytes(octets[54..58].try_into().unwrap()) as usize;
    let sound = &octets[58..58 + length];
    [(0, CUSTOMER), (1, AGENT)].map(|(channel, octet)| {
        let of_it = sound.iter().skip(channel).step_by(2).filter(|there| **there == octet);
        of_it.count() / 160
    })
}

fn speak_for(ticks: usize, one: &mut Voice<'_>, other: &mut Voice<'_>) {
    for _ in 0..ticks {
        one.speaks();
        other.speaks();
        tick();
    }
}

/// RC-01, RC-03, OP-01: what was recorded until `kill -9` is played as it is, the next process finishes that file and
/// records on into another of the same call, and both have their digests.
#[test]
fn a_recording_outlives_kill_nine() {
    let mut program = Program::demo("recorded").start();
    program.rewrite("centre.toml", "# [recording]\n", "[[recording.rule]]\npercent = 100\n\n#\n");
    program.kill();
    program = program.start_again();
    let mut agent = Phone::new(program.sip);
    assert_eq!(agent.register("ana", program.password("ana")), 200);
    let mut carrier = Phone::at(program.sip, program.trunk);
    let (accepted, offer) = connects(&mut carrier, &mut agent, "800");
    let (mut caller, mut called) = (Voice::new(&carrier, &accepted, CUSTOMER), Voice::new(&agent, &offer, AGENT));
    until_both_hear(&mut caller, &mut called);
    speak_for(200, &mut caller, &mut called);
    program.kill();
    let first = files(&program);
    assert_eq!(first.len(), 1, "{first:?}");
    let before = heard(&first[0]);
    assert!(before.iter().all(|packets| *packets >= 60), "{before:?} packets of 200");
    program = program.start_again();
    until_both_hear(&mut caller, &mut called);
    speak_for(100, &mut caller, &mut called);
    carrier.bye();
    agent.expect_request("BYE");
    agent.answer_last(200);
    let both = files(&program);
    assert_eq!((both.len(), &both[0]), (2, &first[0]), "{both:?}");
    let name = both[0].file_name().unwrap().to_str().unwrap();
    let call = name.strip_prefix("call-").and_then(|rest| rest.split('-').next()).unwrap();
    let page = Http::sign_in(program.http, "admin", program.password("admin"));
    let list = format!("/api/v1/records/{call}/recording");
    page.until(&list, |answer| answer.matches("\"sha256\":\"").count() == 2);
    let answer = page.get(&list);
    assert_eq!(answer.matches("\"interrupted\":true").count(), 1, "{answer}");
    assert_eq!(answer.matches("\"interrupted\":false").count(), 1, "{answer}");
    // What the head did not tell yet is told now.
    let [mended, second] = [heard(&both[0]), heard(&both[1])];
    assert!(mended.iter().all(|packets| *packets >= 140), "{mended:?} packets of 200");
    assert!(second.iter().all(|packets| *packets >= 80), "{second:?} packets of 100");
    program.stop();
}
