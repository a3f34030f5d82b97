use std::f64::consts::TAU;

use super::*;
use crate::media::Foreign;

const ALL: [Codec; 4] = [Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::Opus];

fn sine(hz: f64, count: usize) -> Vec<i16> {
    (0..count).map(|at| ((TAU * hz * at as f64 / RATE as f64).sin() * 8_000.0) as i16).collect()
}

/// Against the best fitting sine of that frequency, in dB; the first tenth of a second is for settling.
fn snr_db(samples: &[i16], hz: f64) -> f64 {
    let samples = &samples[RATE / 10..];
    let (mut sine, mut cosine, mut all) = (0.0, 0.0, 0.0);
    for (at, sample) in samples.iter().enumerate() {
        let turn = TAU * hz * at as f64 / RATE as f64;
        sine += f64::from(*sample) * turn.sin();
        cosine += f64::from(*sample) * turn.cos();
        all += f64::from(*sample).powi(2);
    }
    let tone = 2.0 * (sine.powi(2) + cosine.powi(2)) / samples.len() as f64;
    10.0 * (tone / (all - tone).max(1e-9)).log10()
}

fn through(codec: Codec, samples: &[i16], millis: u16) -> Vec<i16> {
    let mut encoder = Encoder::new(codec, Wishes::default()).expect("ours");
    let mut decoder = Decoder::new(codec).expect("ours");
    let (mut octets, mut made) = ([0; 480], [0; PACKET_SAMPLES_MAX]);
    let mut heard = Vec::new();
    for frame in samples.chunks_exact(FRAME) {
        encoder.push(frame);
        while let Some(len) = encoder.packet(millis, &mut octets) {
            let count = decoder.decode(codec, &octets[..len], &mut made);
            assert_eq!(count, usize::from(millis) * RATE / 1_000, "{codec:?}");
            heard.extend(&made[..count]);
        }
    }
    heard
}

/// SW-08: tone in, tone out, for each codec and packet length.
#[test]
fn sw_08_each_codec_keeps_a_tone() {
    for (codec, least) in [(Codec::Pcmu, 33.0), (Codec::Pcma, 33.0), (Codec::G722, 30.0), (Codec::Opus, 15.0)] {
        for hz in [300.0, 1_000.0, 3_100.0] {
            for millis in [20, 40, 60] {
                let heard = through(codec, &sine(hz, RATE), millis);
                let snr = snr_db(&heard, hz);
                assert!(snr > least, "{codec:?} {hz} Hz {millis} ms: {snr:.1} dB");
            }
        }
    }
    for codec in [Codec::G722, Codec::Opus] {
        let snr = snr_db(&through(codec, &sine(6_000.0, RATE), 20), 6_000.0);
        assert!(snr > 12.0, "{codec:?} is wide: {snr:.1} dB at 6 kHz");
    }
    assert!(Encoder::new(Codec::G729, Wishes::default()).is_none() && Decoder::new(Codec::G729).is_none());
}

/// SW-08: what G.711 can't carry is gone before it folds back, and what it carries comes up clean.
#[test]
fn sw_08_resampling_does_not_fold() {
    let heard = through(Codec::Pcma, &sine(5_000.0, RATE), 20);
    let loudest = heard[RATE / 10..].iter().map(|sample| sample.unsigned_abs()).max().unwrap_or(0);
    assert!(loudest < 40, "5 kHz left {loudest} behind");
}

/// G.722 against octets of another encoder (libg722, from public-domain code).
#[test]
fn g722_agrees_with_another_encoder() {
    let samples: Vec<i16> = (0..800_i32).map(|at| ((at * at * 37 + at * 911) % 20_001 - 10_000) as i16).collect();
    let (mut encoder, mut octets) = (g722::Encoder::new(), [0; 400]);
    assert_eq!(encoder.encode(&samples, &mut octets), 400);
    let sum = octets.iter().fold(0_u32, |sum, octet| sum.wrapping_mul(31).wrapping_add(u32::from(*octet)));
    let mut made = [0; 800];
    assert_eq!(g722::Decoder::new().decode(&octets, &mut made), 800);
    let heard = made.iter().fold(0_u32, |sum, sample| sum.wrapping_mul(31).wrapping_add(*sample as u16 as u32));
    assert_eq!((sum, heard), (3_183_150_275, 2_570_757_630));
}

/// THREATS, malformed media: whatever octets come, nothing falls over and nothing outgrows a packet.
#[test]
fn any_octets_may_come() {
    let mut chance = crate::base::Chance::from_number(99);
    let mut made = [0; PACKET_SAMPLES_MAX];
    for codec in ALL {
        let mut decoder = Decoder::new(codec).expect("ours");
        for _ in 0..3_000 {
            let octets: Vec<u8> = (0..chance.below(400)).map(|_| chance.word() as u8).collect();
            assert!(decoder.decode(codec, &octets, &mut made) <= PACKET_SAMPLES_MAX);
            let behind = (chance.below(2) == 0).then_some(octets.as_slice());
            assert!(decoder.recover(behind, &mut made[..FRAME]) <= FRAME);
        }
    }
}

#[test]
fn wishes_are_read() {
    let wishes = Wishes::read("minptime=10; useinbandfec=1;maxaveragebitrate=16000");
    assert_eq!(wishes, Wishes { second_copies: true, bitrate_max: Some(16_000) });
    assert_eq!(Wishes::read("garbage;;=;useinbandfec"), Wishes::default());
}

#[test]
fn foreign_codecs_are_told_apart() {
    let named = |name| Codec::named(name, 8_000, 1);
    assert_eq!(named("iLBC"), named("ILBC"));
    assert_ne!(named("iLBC"), named("speex"));
    assert!(matches!(named("iLBC"), Some(Codec::Other(Foreign { .. }))));
    assert_eq!(Codec::named("opus", 48_000, 2), Some(Codec::Opus));
    assert_eq!((named(""), Codec::named("x", 10, 1)), (None, None));
}
