//! Phones whose codecs differ.

use std::time::Duration;

use super::{
    super::*,
    world::{World, form, music},
};
use crate::media::{Codec, PayloadTypes, Wishes, codec::Encoder, longest_quiet_ms, tone_peak};

const OURS: [Codec; 4] = [Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::Opus];

/// SW-08: tone in, tone out between any two codecs that have no sound in common; nobody hears himself, and each hears one
/// unbroken stream.
#[test]
fn sw_08_any_two_codecs_hear_each_other() {
    for (one, other) in OURS.into_iter().flat_map(|one| OURS.into_iter().map(move |other| (one, other))) {
        let mut world = World::call([one, other]);
        world.run(2_500);
        let least = if [one, other].contains(&Codec::Opus) && one != other { 15.0 } else { 25.0 };
        for (ear, voice) in [(0, 700.0), (1, 400.0)] {
            let phone = &world.phones[ear];
            let snr = phone.hears_db(voice);
            assert!(snr > if one == Codec::Opus { 12.0 } else { least }, "{one:?}, {other:?}: {snr:.1} dB");
            assert!(phone.hears_db(phone.hz) < -20.0, "{one:?}, {other:?}: hears itself");
            phone.assert_continuous();
            assert!((115..=126).contains(&phone.heard.len()), "{one:?}, {other:?}: {}", phone.heard.len());
            let step = phone.codec.clock_hz() / 50;
            let even = phone.heard.windows(2).all(|two| two[1].timestamp.wrapping_sub(two[0].timestamp) == step);
            assert!(even, "{one:?}, {other:?}: timestamps");
        }
    }
}

/// SW-08: who has answered with several codecs changes between them in mid-call, without another offer (RFC 3264 7): all of
/// it is heard, and what he hears stays as it is.
#[test]
fn sw_08_a_phone_changes_between_codecs_that_it_answered_with() {
    for listener in [Codec::Pcmu, Codec::G722, Codec::Opus] {
        let mut world = World::call([Codec::Pcma, listener]);
        let also = Box::new([(0, Codec::Pcmu), (9, Codec::G722), (96, Codec::Opus)]);
        world.update(0, Form { also, ..form(Codec::Pcma) });
        world.phones[0].speaks = false;
        for said in [Codec::Pcma, Codec::G722, Codec::Pcmu, Codec::Opus, Codec::G722, Codec::Pcma] {
            let mut mouth = Encoder::new(said, Wishes::default()).expect("ours");
            for _ in 0..75 {
                let packet = world.phones[0].packet_in(said, &mut mouth);
                world.send(0, packet);
                world.run(20);
            }
            for (ear, voice) in [(1, 400.0), (0, 700.0)] {
                let snr = world.phones[ear].hears_db(voice);
                assert!(snr > 12.0, "{said:?} for {listener:?}: {voice} Hz at {ear}: {snr:.1} dB");
            }
        }
        for phone in &world.phones {
            phone.assert_continuous();
            assert!(phone.ear.longest_wait <= Duration::from_millis(65), "{listener:?}: {:?}", phone.ear.longest_wait);
        }
        if listener == Codec::Pcmu {
            let quiet = longest_quiet_ms(&world.phones[1].ear.samples()[800..], 100);
            assert!(quiet <= 85, "{quiet} ms");
        }
        let stats = world.close(0);
        assert_eq!(stats.malformed, 0);
    }
}

/// SW-08, SW-12: a wide leg hears clips and hold music in its own codec, then its peer again.
#[test]
fn sw_08_music_is_heard_in_every_codec() {
    for codec in [Codec::G722, Codec::Opus] {
        let mut world = World::call([codec, Codec::Pcma]);
        world.tell(Command::LoadClip { clip: ClipId(1), sound: music(1_000.0, 400) });
        world.run(500);
        world.play(0, 1, Source::Clip(ClipId(1)), true);
        world.run(2_000);
        assert!(world.phones[0].hears_db(1_000.0) > 12.0, "{codec:?}: {}", world.phones[0].hears_db(1_000.0));
        world.stop(0, 1);
        world.run(2_000);
        assert!(world.phones[0].hears_db(700.0) > 12.0, "{codec:?}: {}", world.phones[0].hears_db(700.0));
        world.phones[0].assert_continuous();
        assert!(world.phones[0].ear.longest_wait <= Duration::from_millis(41));
    }
}

/// SC-07: a clip that came wide is heard so on a wide leg, whole, alone and along with the talk; on a narrow one nothing of it
/// folds down.
#[test]
fn sc_07_a_wide_clip_is_heard_wide() {
    let wave = |hz: f64, at: usize| (4_000.0 * (std::f64::consts::TAU * hz * at as f64 / 16_000.0).sin()) as i16;
    let samples: Vec<i16> = (0..16_000).map(|at| wave(1_000.0, at) + wave(6_000.0, at)).collect();
    for (codec, with_talk) in [(Codec::G722, false), (Codec::Opus, false), (Codec::G722, true), (Codec::Pcmu, false)] {
        let mut world = World::call([codec, Codec::Pcma]);
        world.tell(Command::LoadClip { clip: ClipId(1), sound: Arc::new(Sound::from_wide(&samples)) });
        world.run(500);
        let stream = world.phones[0].stream;
        let play = Play { id: PlayId(1), source: Source::Clip(ClipId(1)), repeat: true, over: true, with_talk };
        world.tell(Command::Play { stream, play });
        world.run(1_500);
        let phone = &world.phones[0];
        let (heard, rate) = if phone.wide_ear.is_some() { (&phone.wide[..], 2) } else { (phone.ear.samples(), 1) };
        let tail = &heard[heard.len() - 4_000 * rate..];
        let [low, high] = [1_000.0, 6_000.0].map(|hz| tone_peak(tail, hz / rate as f64));
        assert!((3_400.0..4_600.0).contains(&low), "{codec:?}: {low:.0}");
        if rate == 2 {
            assert!((2_400.0..4_800.0).contains(&high), "{codec:?}, {with_talk}: {high:.0}");
        } else {
            assert!(tone_peak(tail, 2_000.0) < 40.0, "folded down");
        }
    }
}

/// SW-08, SW-11: a digit crosses between clocks with its length.
#[test]
fn sw_08_sw_11_digits_cross_between_clocks() {
    let mut world = World::call([Codec::Opus, Codec::Pcma]);
    world.run(500);
    let started = world.phones[0].timestamp;
    for step in 1..=6 {
        world.event_packet(0, 5, started, step * 960, step == 6);
        world.run(20);
    }
    world.run(600);
    let stream = world.phones[0].stream;
    assert!(world.events.contains(&Event::Dtmf { stream, digit: '5', millis: 120 }), "{:?}", world.events);
    assert_eq!(world.phones[1].ear.digits, "5");
    world.phones[1].assert_continuous();
}

/// SW-08: a re-INVITE to another codec starts the transcoding, another ends it; who hears it hears one stream.
#[test]
fn sw_08_a_codec_changes_during_the_call() {
    let mut world = World::call([Codec::Pcmu, Codec::Pcmu]);
    world.run(500);
    let wide = Form { payload: PayloadTypes::both(9), ..form(Codec::G722) };
    world.update(1, wide);
    let phone = world.phones.pop().expect("two").speaking(Codec::G722);
    world.phones.push(phone);
    world.run(2_000);
    assert!(world.phones[0].hears_db(700.0) > 25.0 && world.phones[1].hears_db(400.0) > 25.0);
    world.update(1, form(Codec::Pcmu));
    let phone = world.phones.pop().expect("two").speaking(Codec::Pcmu);
    world.phones.push(phone);
    world.run(1_500);
    assert!(world.phones[0].hears_db(700.0) > 25.0 && world.phones[1].hears_db(400.0) > 25.0);
    world.phones[0].assert_continuous();
    assert!(world.phones[0].ear.longest_wait <= Duration::from_millis(101), "{:?}", world.phones[0].ear.longest_wait);
    world.phones[1].assert_continuous();
    world.close(1);
    world.run(100);
}
