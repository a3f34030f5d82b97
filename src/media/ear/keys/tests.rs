use std::{f64::consts::TAU, path::Path};

use super::*;
use crate::{
    base::Chance,
    media::{g711, wav},
};

/// Both tones of a key, each off by a part of itself and as loud as told.
fn pressed(key: char, millis: usize, off: f64, (row, column): (f64, f64)) -> Vec<f64> {
    let at = KEYS.iter().flatten().position(|known| *known == key).expect("a key");
    let (low, high) = (f64::from(ROWS[at / 4]) * (1.0 + off), f64::from(COLUMNS[at % 4]) * (1.0 + off));
    let wave = |hz: f64, peak: f64, at: usize| (TAU * hz * at as f64 / 8_000.0).sin() * peak;
    (0..millis * 8).map(|at| wave(low, row, at) + wave(high, column, at)).collect()
}

fn heard(samples: &[f64]) -> Vec<(char, u32)> {
    let mut keys = Keys::new();
    let law = |sample: &f64| g711::ULAW_TO_LINEAR[usize::from(g711::encode_ulaw(*sample as i16))];
    let samples: Vec<i16> = samples.iter().map(law).collect();
    samples.chunks_exact(FRAME).filter_map(|frame| keys.hear(frame.try_into().expect("a frame"))).collect()
}

fn quiet(millis: usize) -> Vec<f64> {
    vec![0.0; millis * 8]
}

const LEVEL: (f64, f64) = (5_000.0, 5_000.0);

/// SW-11: every key is heard once with its length, wherever the frames are cut; two of the same with a pause are two.
#[test]
fn keys_are_heard_once_with_their_length() {
    for key in KEYS.into_iter().flatten() {
        for lead in 0..20 {
            let parts =
                [quiet(60 + lead), pressed(key, 100, 0.0, LEVEL), quiet(60), pressed(key, 70, 0.0, LEVEL), quiet(100)];
            let [first, second] = heard(&parts.concat())[..] else { panic!("{key} at {lead}") };
            assert_eq!((first.0, second.0), (key, key));
            assert!(first.1.abs_diff(100) <= 20 && second.1.abs_diff(70) <= 20, "{key}: {first:?} {second:?}");
        }
    }
}

/// SW-11: tones of ITU-T Q.24 are taken (1.5 % off, 40 ms, uneven by 4 and 8 dB, 15 dB above noise), others are not.
#[test]
fn tones_are_judged_as_q24_says() {
    let mut chance = Chance::from_number(24);
    let mut taken = |key: char, millis: usize, off: f64, level: (f64, f64), noise: f64| {
        let mut samples = [quiet(77), pressed(key, millis, off, level), quiet(120)].concat();
        samples.iter_mut().for_each(|sample| *sample += (chance.unit() - 0.5) * noise);
        heard(&samples).iter().map(|(key, _)| *key).collect::<String>()
    };
    for key in KEYS.into_iter().flatten() {
        let one = key.to_string();
        for off in [-0.015, 0.015] {
            assert_eq!(taken(key, 60, off, LEVEL, 0.0), one, "{key} off by {off}");
        }
        for off in [-0.035, 0.035] {
            assert_eq!(taken(key, 60, off, LEVEL, 0.0), "", "{key} off by {off}");
        }
        assert_eq!(taken(key, 42, 0.0, LEVEL, 0.0), one, "{key} short");
        assert_eq!(taken(key, 20, 0.0, LEVEL, 0.0), "", "{key} too short");
        assert_eq!(taken(key, 80, 0.0, (4_000.0, 6_200.0), 0.0), one, "{key} with its column 4 dB louder");
        assert_eq!(taken(key, 80, 0.0, (6_000.0, 2_500.0), 0.0), one, "{key} with its row 7.6 dB louder");
        assert_eq!(taken(key, 80, 0.0, (3_000.0, 9_000.0), 0.0), "", "{key} too uneven");
        assert_eq!(taken(key, 80, 0.0, (700.0, 700.0), 0.0), one, "{key} faint");
        // Noise of 15 dB below the tones.
        assert_eq!(taken(key, 80, 0.0, LEVEL, 3_080.0), one, "{key} in noise");
    }
}

/// SW-11: a digit that is broken for a moment is one digit.
#[test]
fn a_gap_of_a_packet_leaves_one_digit() {
    let samples =
        [quiet(50), pressed('5', 60, 0.0, LEVEL), quiet(10), pressed('5', 60, 0.0, LEVEL), quiet(100)].concat();
    let [(key, millis)] = heard(&samples)[..] else { panic!("{:?}", heard(&samples)) };
    assert!(key == '5' && (110..=150).contains(&millis), "{millis}");
}

/// SW-11: nothing that is said or played in the repository is a digit, at any level: no talk-off.
#[test]
fn speech_and_music_are_no_digits() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = ["media", "media/voices/en", "media/voices/pt", "media/voices/es", "sip-tests/corpus/answers"];
    let files = folders.iter().flat_map(|folder| std::fs::read_dir(root.join(folder)).expect("sounds"));
    let (mut count, mut length) = (0, 0);
    for path in
        files.map(|entry| entry.expect("a file").path()).filter(|path| path.extension().is_some_and(|end| end == "wav"))
    {
        let sound = wav::read(&std::fs::read(&path).expect("a file")).expect("a sound");
        let samples: Vec<f64> = sound.samples().map(f64::from).collect();
        for gain in [0.25, 1.0, 2.5] {
            for lead in [0, 40] {
                let louder = samples.iter().map(|sample| sample * gain);
                let shifted: Vec<f64> = std::iter::repeat_n(0.0, lead).chain(louder).collect();
                assert_eq!(heard(&shifted), [], "{} at {gain}", path.display());
            }
        }
        (count, length) = (count + 1, length + samples.len());
    }
    println!("{count} files, {} s of sound, each six times: no digit", length / 8_000);
    assert!(count > 150 && length > 200 * 8_000);
}
