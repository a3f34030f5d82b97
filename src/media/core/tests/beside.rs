//! Clips that are heard along with the talk.

use std::{f64::consts::TAU, time::Duration};

use super::{
    super::*,
    mixing::{clicks, mix},
    world::{Phone, World, form, music},
};
use crate::media::{Codec, Gain, tone_peak};

const CLIP_HZ: f64 = 1_500.0;

/// A clip that begins and ends softly, as those that people make do.
fn soft(millis: usize) -> Arc<Sound> {
    let count = millis * 8;
    let part = |at: usize| at.min(count - at).min(160) as f64 / 160.0;
    let wave = |at: usize| 8_000.0 * part(at) * (TAU * CLIP_HZ * at as f64 / 8_000.0).sin();
    Arc::new(Sound::from_samples(&(0..count).map(|at| wave(at) as i16).collect::<Vec<i16>>()))
}

/// A call whose second phone speaks at 700 Hz, and a clip of one second.
fn call(codecs: [Codec; 2]) -> World {
    let mut world = World::call(codecs);
    world.tell(Command::LoadClip { clip: ClipId(1), sound: soft(1_000) });
    world.run(1_000);
    world
}

fn play_with_talk(world: &mut World, phone: usize, id: u64) {
    let stream = world.phones[phone].stream;
    let play = Play { id: PlayId(id), source: Source::Clip(ClipId(1)), repeat: false, over: true, with_talk: true };
    world.tell(Command::Play { stream, play });
}

/// How loud a phone heard that in its last 300 ms.
fn peak(phone: &Phone, hz: f64) -> f64 {
    let (samples, rate) = if phone.wide_ear.is_some() { (&phone.wide[..], 2) } else { (phone.ear.samples(), 1) };
    // The measure knows 8 kHz.
    tone_peak(&samples[samples.len() - 2_400 * rate..], hz / rate as f64)
}

/// What a phone hears of its partner and of the clip: each at its loudness (8,000 is all of it).
fn assert_hears(world: &World, phone: usize, voice: f64, clip: f64, what: &str) {
    let partner = world.phones[1 - phone].hz;
    for (hz, wanted) in [(partner, voice), (CLIP_HZ, clip), (world.phones[phone].hz, 0.0)] {
        let heard = peak(&world.phones[phone], hz);
        assert!(
            (heard - wanted).abs() < 120.0 + wanted / 4.0,
            "{what}: {hz} Hz at {phone}: {heard:.0}, not {wanted:.0}"
        );
    }
}

fn ends(world: &World) -> Vec<(u64, End)> {
    let ended = |event: &Event| if let Event::Finished { play, end, .. } = event { Some((play.0, *end)) } else { None };
    world.events.iter().filter_map(ended).collect()
}

/// SC-04, SW-12: over the talk a leg hears clip and partner together, the partner 12 dB quieter; before and behind it the
/// partner alone, without a click or a gap, and relayed as before. The partner hears no difference.
#[test]
fn sc_04_sw_12_a_clip_is_heard_along_with_the_talk() {
    let all = [
        [Codec::Pcmu, Codec::Pcma],
        [Codec::Pcmu, Codec::Pcmu],
        [Codec::G722, Codec::G722],
        [Codec::Opus, Codec::Opus],
        [Codec::Opus, Codec::Pcma],
    ];
    for codecs in all {
        let mut world = call(codecs);
        assert_hears(&world, 0, 8_000.0, 0.0, "before");
        play_with_talk(&mut world, 0, 1);
        world.run(700);
        assert_hears(&world, 0, 2_000.0, 8_000.0, "over the talk");
        assert_hears(&world, 1, 8_000.0, 0.0, "the partner");
        assert_eq!(ends(&world), []);
        world.run(1_100);
        assert_eq!(ends(&world), [(1, End::Played)], "{codecs:?}");
        assert_hears(&world, 0, 8_000.0, 0.0, "behind it");
        assert_hears(&world, 1, 8_000.0, 0.0, "the partner");
        for phone in &world.phones {
            phone.assert_continuous();
            assert!(phone.ear.longest_wait <= Duration::from_millis(45), "{:?}", phone.ear.longest_wait);
        }
        if codecs[0].is_g711() {
            let found = clicks(&world.phones[0], &[700.0, CLIP_HZ], 1_800);
            // The laws' steps at this loudness come to 3,400; where the clip jumps in, it is 11,000.
            assert!(found < 4_500.0, "{codecs:?}: {found:.0}");
        }
        if codecs[0].reaches(codecs[1]) {
            let packet = world.phones[1].packet();
            assert!(matches!(world.send(1, packet), Verdict::Forward { .. }), "relayed again");
        }
    }
}

/// SC-04: every sample of the clip is heard, from the first to the last.
#[test]
fn sc_04_none_of_the_clip_is_missing() {
    let mut world = call([Codec::Pcmu; 2]);
    world.tell(Command::LoadClip { clip: ClipId(1), sound: music(CLIP_HZ, 1_000) });
    world.phones[1].speaks = false;
    world.run(300);
    let before = world.phones[0].ear.samples().len();
    play_with_talk(&mut world, 0, 1);
    world.run(1_600);
    let heard = &world.phones[0].ear.samples()[before..];
    let loud = |sample: &i16| sample.unsigned_abs() > 1_000;
    let first = heard.iter().position(loud).expect("the clip");
    let last = heard.iter().rposition(loud).expect("the clip");
    assert!((7_990..=8_010).contains(&(last - first + 1)), "{} samples", last - first + 1);
}

/// SC-04: stopped or replaced in the middle, it is told so once, and nothing clicks.
#[test]
fn sc_04_it_is_stopped_and_replaced() {
    let mut world = call([Codec::Pcmu; 2]);
    play_with_talk(&mut world, 0, 1);
    world.run(333);
    play_with_talk(&mut world, 0, 2);
    assert_eq!(ends(&world), [(1, End::Replaced)]);
    world.run(333);
    assert_hears(&world, 0, 2_000.0, 8_000.0, "the second");
    world.stop(0, 1);
    world.stop(0, 2);
    assert_eq!(ends(&world), [(1, End::Replaced), (2, End::Stopped)]);
    world.run(700);
    assert_hears(&world, 0, 8_000.0, 0.0, "stopped");
    let found = clicks(&world.phones[0], &[700.0, CLIP_HZ], 1_400);
    assert!(found < 3_000.0, "{found:.0}");
    world.phones[0].assert_continuous();
    play_with_talk(&mut world, 0, 3);
    world.run(200);
    world.close(0);
    assert_eq!(ends(&world)[2..], [(3, End::Stopped)]);
}

/// SC-04: when the talk ends, the clip is heard to its end, alone; when it begins again, beneath it.
#[test]
fn sc_04_the_talk_may_end_and_begin_beneath_it() {
    let mut world = call([Codec::Pcmu; 2]);
    world.tell(Command::LoadClip { clip: ClipId(1), sound: soft(3_000) });
    let stream = world.phones[0].stream;
    world.tell(Command::Part { stream });
    play_with_talk(&mut world, 0, 1);
    world.run(600);
    assert_hears(&world, 0, 0.0, 8_000.0, "nobody is there");
    world.join(0, 1);
    world.run(700);
    assert_hears(&world, 0, 2_000.0, 8_000.0, "a talk");
    // It moves to another worker, and comes with its clip.
    let streams = [0, 1].map(|phone: usize| world.phones[phone].stream);
    let mut there = Core::new(Country::Neutral, Chance::from_number(8));
    for id in streams {
        there.adopt(world.now, world.core.release(id).expect("it is open"));
    }
    world.core = there;
    world.join(0, 1);
    world.run(600);
    assert_hears(&world, 0, 2_000.0, 8_000.0, "elsewhere");
    // On hold, with music.
    world.tell(Command::Part { stream });
    world.tell(Command::LoadClip { clip: ClipId(2), sound: music(2_500.0, 5_000) });
    world.play(0, 2, Source::Clip(ClipId(2)), true);
    world.run(400);
    assert_hears(&world, 0, 0.0, 8_000.0, "over music");
    world.stop(0, 2);
    world.join(0, 1);
    world.run(450);
    assert_hears(&world, 0, 2_000.0, 8_000.0, "and talk");
    world.run(1_400);
    assert_eq!(ends(&world), [(2, End::Stopped), (1, End::Played)]);
    assert_hears(&world, 0, 8_000.0, 0.0, "behind it");
    world.phones[0].assert_continuous();
}

/// SC-04, CH-13: in a bridge of three one hears a clip along with the others; they hear nothing of it, and whoever leaves
/// takes nothing of it along.
#[test]
fn sc_04_ch_13_one_of_three_hears_a_clip() {
    let mut world = World::with(&[Codec::Pcmu; 3]);
    world.tell(Command::LoadClip { clip: ClipId(1), sound: soft(2_000) });
    let legs = |count: usize| (0..count).map(|at| (StreamId(100 + at as u64), true)).collect::<Vec<_>>();
    mix(&mut world, Matrix::new(&legs(3), |_, _| Gain::UNITY));
    world.run(700);
    play_with_talk(&mut world, 0, 1);
    world.run(600);
    for (phone, hz, wanted) in [
        (0, CLIP_HZ, 8_000.0),
        (0, 700.0, 2_000.0),
        (0, 1_000.0, 2_000.0),
        (1, CLIP_HZ, 0.0),
        (1, 400.0, 8_000.0),
        (2, 700.0, 8_000.0),
    ] {
        let heard = peak(&world.phones[phone], hz);
        assert!((heard - wanted).abs() < 100.0 + wanted / 10.0, "{hz} at {phone}: {heard:.0}");
    }
    mix(&mut world, Matrix::new(&legs(2), |_, _| Gain::UNITY));
    world.run(600);
    assert_hears(&world, 0, 2_000.0, 8_000.0, "two are left");
    world.run(1_600);
    assert_eq!(ends(&world), [(1, End::Played)]);
    assert_hears(&world, 0, 8_000.0, 0.0, "behind it");
}

/// What can't be decoded can't be mixed: the clip takes its place.
#[test]
fn sc_04_a_clip_takes_the_place_of_what_is_not_decoded() {
    let mut world = call([Codec::Pcmu, Codec::Pcmu]);
    world.update(1, form(Codec::G729));
    world.phones[1].speaks = false;
    play_with_talk(&mut world, 0, 1);
    world.run(600);
    assert!(peak(&world.phones[0], CLIP_HZ) > 7_000.0);
    world.run(800);
    assert_eq!(ends(&world), [(1, End::Played)]);
}
