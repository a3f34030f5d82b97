//! Bridges of three and more.

use std::{f64::consts::TAU, time::Duration};

use super::{
    super::*,
    world::{Phone, World, form, music},
};
use crate::media::{Codec, Gain, Suite, tone_peak};

/// Everybody hears everybody; each phone by its place.
fn all(world: &World, phones: &[usize]) -> Matrix {
    levels(world, phones, |_, _| Gain::UNITY)
}

fn levels(world: &World, phones: &[usize], gain: impl Fn(usize, usize) -> Gain) -> Matrix {
    let legs: Vec<_> = phones.iter().map(|phone| (world.phones[*phone].stream, true)).collect();
    Matrix::new(&legs, |listener, speaker| gain(phones[listener], phones[speaker]))
}

pub fn mix(world: &mut World, matrix: Matrix) {
    world.tell(Command::Mix { matrix: Box::new(matrix) });
}

/// The peak of each voice at each ear over the last 400 ms, by listener.
fn heard(world: &World) -> Vec<Vec<f64>> {
    let tail = |samples: &[i16], rate: usize| samples[samples.len().saturating_sub(rate * 2 / 5)..].to_vec();
    let voices: Vec<f64> = world.phones.iter().map(|phone| phone.hz).collect();
    let peak = |phone: &Phone, hz: f64| match phone.wide_ear {
        // The measure knows 8 kHz: half of what it is told.
        Some(_) => tone_peak(&tail(&phone.wide, 16_000), hz / 2.0),
        None => tone_peak(&tail(phone.ear.samples(), 8_000), hz),
    };
    world.phones.iter().map(|phone| voices.iter().map(|hz| peak(phone, *hz)).collect()).collect()
}

/// What is left of the last `millis` when these tones are taken out of it, at its loudest: a click is a thousand and
/// more.
pub fn clicks(phone: &Phone, voices: &[f64], millis: usize) -> f64 {
    let samples = phone.ear.samples();
    let mut left: Vec<f64> = samples[samples.len() - millis * 8..].iter().map(|sample| f64::from(*sample)).collect();
    for hz in voices {
        let turn = 2.0 * (TAU * hz / 8_000.0).cos();
        left = left.windows(3).map(|three| three[0] - turn * three[1] + three[2]).collect();
    }
    left.into_iter().map(f64::abs).fold(0.0, f64::max)
}

/// SW-10: three and four legs of every law: each hears all the others, and nothing of itself.
#[test]
fn sw_10_each_hears_the_others_and_not_itself() {
    for codecs in [&[Codec::Pcmu, Codec::Pcma, Codec::Pcmu][..], &[Codec::Pcma, Codec::Pcmu, Codec::Pcmu, Codec::Pcma]]
    {
        let mut world = World::with(codecs);
        let everybody: Vec<usize> = (0..codecs.len()).collect();
        let matrix = all(&world, &everybody);
        mix(&mut world, matrix);
        world.run(1_500);
        for (listener, row) in heard(&world).into_iter().enumerate() {
            for (speaker, peak) in row.into_iter().enumerate() {
                let is_heard = (7_200.0..8_800.0).contains(&peak);
                assert!(if speaker == listener { peak < 40.0 } else { is_heard }, "{listener} {speaker}: {peak:.0}");
            }
            world.phones[listener].assert_continuous();
        }
        for phone in 0..codecs.len() {
            world.close(phone);
        }
        world.run(100);
        assert!(world.core.is_empty());
    }
}

/// SW-10, CH-03: the matrix alone makes listening, whispering, muting and a quieter voice; each cell measured.
#[test]
fn sw_10_ch_03_the_matrix_says_who_hears_whom() {
    let (no, yes, half) = (Gain::SILENT, Gain::UNITY, Gain::from_db(-6.02));
    let mut world = World::with(&[Codec::Pcmu, Codec::Pcma, Codec::Pcmu]);
    // By listener: the customer, the agent, the supervisor.
    for table in [
        [[no, yes, no], [yes, no, no], [yes, yes, no]],
        [[no, yes, no], [yes, no, yes], [yes, yes, no]],
        [[no, yes, yes], [yes, no, yes], [yes, yes, no]],
        [[no, no, yes], [no, no, no], [yes, no, no]],
        [[no, half, yes], [yes, no, half], [half, no, no]],
        [[no, no, no], [yes, no, no], [yes, yes, no]],
    ] {
        let matrix = levels(&world, &[0, 1, 2], |listener, speaker| table[listener][speaker]);
        mix(&mut world, matrix);
        world.run(1_000);
        for (listener, row) in heard(&world).into_iter().enumerate() {
            for (speaker, peak) in row.into_iter().enumerate() {
                let wanted = f64::from(table[listener][speaker].parts()) / 256.0 * 8_000.0;
                assert!((peak - wanted).abs() < 50.0 + wanted / 10.0, "{table:?} {listener} {speaker}: {peak:.0}");
            }
            // RTP keeps flowing towards who hears nobody.
            assert!(world.phones[listener].ear.longest_wait < Duration::from_millis(85), "{listener}");
        }
    }
}

/// SW-08, SW-10, CH-13: a browser's leg (Opus, protected) talks with a plain one, a third comes and listens, whispers, talks
/// and leaves: each cell of who hears whom, and no leg misses a packet.
#[test]
fn sw_08_sw_10_ch_13_a_browsers_leg_in_a_conference() {
    let (no, yes) = (Gain::SILENT, Gain::UNITY);
    for pair in [[Codec::Pcma, Codec::Opus], [Codec::Opus, Codec::Pcma], [Codec::Pcma, Codec::Pcma]] {
        let mut world = World::with(&[pair[0], pair[1], Codec::Pcmu]);
        super::secure::protect(&mut world, 1, Suite::Long);
        world.join(0, 1);
        world.run(1_000);
        let two = [[no, yes, no], [yes, no, no], [no, no, no]];
        let three = [[no, yes, yes], [yes, no, yes], [yes, yes, no]];
        let listens = [[no, yes, no], [yes, no, no], [yes, yes, no]];
        let whispers = [[no, yes, no], [yes, no, yes], [yes, yes, no]];
        for (what, table, there) in [
            ("two", two, &[0, 1][..]),
            ("a third", three, &[0, 1, 2]),
            ("two again", two, &[0, 1]),
            ("a listener", listens, &[0, 1, 2]),
            ("who whispers", whispers, &[0, 1, 2]),
            ("and talks", three, &[0, 1, 2]),
            ("alone again", two, &[0, 1]),
        ] {
            let matrix = levels(&world, there, |listener, speaker| table[listener][speaker]);
            mix(&mut world, matrix);
            world.run(1_500);
            for (listener, row) in heard(&world).into_iter().enumerate().filter(|(who, _)| there.contains(who)) {
                for (speaker, peak) in row.into_iter().enumerate() {
                    let is_heard = table[listener][speaker] == yes;
                    let fits = if is_heard { (6_000.0..10_000.0).contains(&peak) } else { peak < 150.0 };
                    assert!(fits, "{pair:?}, {what}: {speaker} at {listener}: {peak:.0}");
                }
            }
        }
        for phone in 0..3 {
            world.phones[phone].assert_continuous();
            world.close(phone);
        }
        world.run(100);
        assert!(world.core.is_empty());
    }
}

/// SW-10: a third comes and goes: nobody who stays hears a click, or a gap beyond a frame; then the two are relayed again.
#[test]
fn sw_10_coming_and_going_makes_no_click_and_no_gap() {
    let mut world = World::call([Codec::Pcmu, Codec::Pcma]);
    let mut third = World::with(&[Codec::Pcmu, Codec::Pcmu, Codec::Pcmu]).phones.pop().expect("three");
    third.hz = 1_000.0;
    let (stream, port, remote) = (third.stream, third.port, Some(Remote::new(third.addr)));
    world.phones.push(third);
    let standing = Box::new(Standing::begin(&mut Chance::from_number(stream.0)));
    world.tell(Command::Open { stream, port, remote, form: form(Codec::Pcmu), standing });
    world.run(1_003);
    let voices = [400.0, 700.0, 1_000.0];
    let before = clicks(&world.phones[0], &[700.0], 500);
    let matrix = all(&world, &[0, 1, 2]);
    mix(&mut world, matrix);
    world.run(1_200);
    for (listener, others) in [(0, [700.0, 1_000.0]), (1, [400.0, 1_000.0])] {
        let phone = &world.phones[listener];
        let found = clicks(phone, &others, 1_400);
        assert!(found < 3_000.0, "{listener}: {found:.0} after joining, {before:.0} before");
        assert!(phone.ear.longest_wait <= Duration::from_millis(45), "{:?}", phone.ear.longest_wait);
    }
    world.run(500);
    let heard_by_third = heard(&world)[2].clone();
    assert!(heard_by_third[0] > 7_200.0 && heard_by_third[1] > 7_200.0, "{heard_by_third:?}");
    // He hangs up in the middle of a word.
    world.tell(Command::Close { stream });
    world.phones[2].speaks = false;
    let matrix = all(&world, &[0, 1]);
    mix(&mut world, matrix);
    world.run(1_200);
    for (listener, voice) in [(0, 700.0), (1, 400.0)] {
        let phone = &world.phones[listener];
        let found = clicks(phone, &[voice, 1_000.0], 1_300);
        assert!(found < 3_000.0, "{listener}: {found:.0} after leaving");
        assert!(phone.ear.longest_wait <= Duration::from_millis(45), "{:?}", phone.ear.longest_wait);
        assert!(crate::media::longest_quiet_ms(phone.ear.samples(), 100) <= 20);
        assert!(voices.iter().all(|hz| (*hz - voice).abs() < 1.0
            || tone_peak(&phone.ear.samples()[phone.ear.samples().len() - 3_200..], *hz) < 40.0));
        phone.assert_continuous();
    }
    // Relayed: a packet leaves with the one that came.
    let packet = world.phones[0].packet();
    assert!(matches!(world.send(0, packet), Verdict::Forward { .. }));
}

/// SW-10, SW-11: a digit reaches everybody who hears who pressed it; a silent supervisor's keys reach nobody.
#[test]
fn sw_10_sw_11_digits_reach_all_who_hear() {
    let mut world = World::with(&[Codec::Pcmu, Codec::Pcmu, Codec::Pcmu]);
    let streams = [0, 1, 2].map(|phone: usize| world.phones[phone].stream);
    let legs = [(streams[0], true), (streams[1], true), (streams[2], false)];
    mix(&mut world, Matrix::new(&legs, |_, _| Gain::UNITY));
    world.run(200);
    for (presser, code) in [(0, 5), (2, 4)] {
        world.phones[presser].speaks = false;
        let started = world.phones[presser].timestamp;
        for step in 1..=5u16 {
            world.event_packet(presser, code, started, step * 160, step == 5);
            world.run(20);
        }
        world.phones[presser].speaks = true;
        world.run(500);
    }
    let digits: Vec<_> = world.phones.iter().map(|phone| phone.ear.digits.as_str()).collect();
    assert_eq!(digits, ["", "5", "5"]);
    assert!(world.events.iter().any(|event| matches!(event, Event::Dtmf { digit: '4', .. })), "the engine is told");
}

/// CH-03, SW-11: who is muted is not heard, and his keys are.
#[test]
fn ch_03_a_muted_leg_presses_keys() {
    let mut world = World::call([Codec::Pcmu, Codec::Pcmu]);
    let streams = [0, 1].map(|phone: usize| (world.phones[phone].stream, true));
    let gain = |_, speaker| if speaker == 0 { Gain::SILENT } else { Gain::UNITY };
    mix(&mut world, Matrix::telling(&streams, gain, |_, _| true));
    world.run(600);
    let started = world.phones[0].timestamp;
    for step in 1..=5u16 {
        world.event_packet(0, 5, started, step * 160, step == 5);
        world.run(20);
    }
    world.run(500);
    assert_eq!(world.phones[1].ear.digits, "5");
    let [of_first, of_second] = [heard(&world)[1][0], heard(&world)[0][1]];
    assert!(of_first < 100.0 && of_second > 4_000.0, "{of_first} {of_second}");
}

/// SW-10: a leg that hears a clip hears no mix meanwhile, and the mix again behind it; loud voices together don't wrap.
#[test]
fn sw_10_clips_and_loud_voices() {
    let mut world = World::with(&[Codec::Pcmu; 5]);
    world.tell(Command::LoadClip { clip: ClipId(1), sound: music(3_000.0, 300) });
    let matrix = levels(&world, &[0, 1, 2, 3, 4], |_, _| Gain::MAX);
    mix(&mut world, matrix);
    world.run(500);
    world.play(0, 1, Source::Clip(ClipId(1)), false);
    world.run(250);
    let samples = world.phones[0].ear.samples();
    assert!(tone_peak(&samples[samples.len() - 1_200..], 3_000.0) > 7_000.0);
    assert!(tone_peak(&samples[samples.len() - 1_200..], 700.0) < 100.0);
    world.run(500);
    let samples = world.phones[0].ear.samples();
    // Wrapped sums would scatter the power; cut ones keep it at the voices.
    assert!(tone_peak(&samples[samples.len() - 2_400..], 700.0) > 4_000.0);
    world.phones[0].assert_continuous();
}

/// SW-10: whatever comes and goes in whatever order, each leg hears one unbroken stream, and nothing is left behind.
#[test]
fn sw_10_any_order_of_coming_and_going() {
    for seed in 0..12 {
        let mut chance = Chance::from_number(seed);
        let mut world = World::with(&[Codec::Pcmu, Codec::Pcma, Codec::Pcmu, Codec::G722]);
        for _ in 0..12 {
            let mut in_it: Vec<usize> = (0..4).filter(|_| chance.below(3) > 0).collect();
            let count = in_it.len().max(1);
            in_it.rotate_left(chance.below(4) as usize % count);
            match chance.below(4) {
                0 if in_it.len() > 1 => world.join(in_it[0], in_it[1]),
                1 => {
                    let stream = world.phones[chance.below(4) as usize].stream;
                    world.tell(Command::Part { stream });
                }
                _ => {
                    let salt = chance.below(4);
                    let matrix =
                        levels(&world, &in_it, |one, other| match (one as u64 * 3 + other as u64 + salt) % 4 {
                            0 => Gain::SILENT,
                            1 => Gain::from_db(3.0),
                            _ => Gain::UNITY,
                        });
                    mix(&mut world, matrix);
                }
            }
            world.run(10 + chance.below(250));
        }
        let streams: Vec<_> = world.phones.iter().map(|phone| phone.stream).collect();
        for (phone, stream) in world.phones.iter().zip(streams) {
            phone.assert_continuous();
            assert!(phone.heard.iter().all(|header| header.ssrc == phone.heard[0].ssrc), "{stream}");
        }
        for phone in 0..4 {
            world.close(phone);
        }
        world.run(100);
        assert!(world.core.is_empty() && world.core.poll_timeout().is_none(), "seed {seed}");
    }
}

/// More legs than a mix takes are left out, and named twice a leg is there once.
#[test]
fn sw_10_a_mix_has_its_bound() {
    let mut world = World::with(&[Codec::Pcmu, Codec::Pcmu]);
    let streams: Vec<_> =
        (0..40).map(|_| (world.phones[0].stream, true)).chain([(world.phones[1].stream, true)]).collect();
    mix(&mut world, Matrix::new(&streams, |_, _| Gain::UNITY));
    world.run(200);
    assert_eq!(all(&world, &[0, 1, 0, 1]).seats().len(), 2);
    world.close(0);
    world.close(1);
    assert!(world.core.is_empty());
}
