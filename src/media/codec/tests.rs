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
    assert_eq!(wishes, Wishes { second_copies: true, bitrate_max: Some(16_000), ..Wishes::default() });
    let wishes = Wishes::read("maxplaybackrate=8000;cbr=1;usedtx=1;stereo=1");
    assert_eq!(wishes, Wishes { rate_max: Some(8_000), is_even: true, rests: true, ..Wishes::default() });
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

/// SW-08: what the filters of our encoders hold back is what it is said to be: a joint is made that much ahead.
#[test]
fn sw_08_an_encoder_is_as_late_as_it_says() {
    let opus = opus::Encoder::new(Wishes::default()).expect("an encoder");
    assert_eq!(usize::from(opus.delay()) / 3, delay(Codec::Opus));
    // A single beat, found again by its place.
    let mut encoder = Encoder::new(Codec::G722, Wishes::default()).expect("an encoder");
    let mut beat = [0_i16; 3 * FRAME];
    beat[100] = 20_000;
    encoder.push(&beat);
    let mut octets = [0; 3 * FRAME];
    let len = encoder.packet(60, &mut octets).expect("a packet");
    let mut made = [0; PACKET_SAMPLES_MAX];
    let count = Decoder::new(Codec::G722).expect("a decoder").decode(Codec::G722, &octets[..len], &mut made);
    let loudest = (0..count).max_by_key(|at| made[*at].unsigned_abs()).unwrap();
    assert!(loudest.abs_diff(100 + delay(Codec::G722)) <= 1, "{loudest}");
}

/// SW-08: what a peer's `a=fmtp` asks of an Opus encoder is done: fewer bits, packets of one size, nothing for silence, and
/// nothing that he can't play (RFC 7587 6.1).
#[test]
fn sw_08_an_opus_peer_is_sent_what_it_asks_for() {
    let sound: Vec<i16> = (0..50).flat_map(|frame| sine(300.0 + 60.0 * f64::from(frame), FRAME)).collect();
    let packets = |fmtp: &str, sound: &[i16]| -> Vec<Vec<u8>> {
        let mut encoder = Encoder::new(Codec::Opus, Wishes::read(fmtp)).expect("an encoder");
        let mut octets = [0; 1_500];
        let frame = |frame: &[i16]| {
            encoder.push(frame);
            let len = encoder.packet(20, &mut octets).expect("a packet");
            octets[..len].to_vec()
        };
        sound.chunks(FRAME).map(frame).collect()
    };
    let octets = |packets: &[Vec<u8>]| packets.iter().map(Vec::len).sum::<usize>();
    let plain = packets("useinbandfec=1", &sound);
    assert!(octets(&packets("maxaveragebitrate=12000", &sound)) * 3 < octets(&plain) * 2);
    let even = packets("cbr=1;maxaveragebitrate=24000", &sound);
    assert!(
        even.iter().all(|packet| packet.len() == even[0].len()),
        "{:?}",
        even.iter().map(Vec::len).collect::<Vec<_>>()
    );
    assert!(plain.iter().any(|packet| packet.len() != plain[0].len()));
    let silence = vec![0; 100 * FRAME];
    let (rests, speaks) = (packets("usedtx=1", &silence), packets("", &silence));
    assert!(octets(&rests[50..]) * 2 < octets(&speaks[50..]), "{} {}", octets(&rests[50..]), octets(&speaks[50..]));
    // A tone at 6 kHz does not come through to one who plays 8,000 samples a second.
    let high = sine(6_000.0, 50 * FRAME);
    let heard = |fmtp: &str| {
        let mut decoder = Decoder::new(Codec::Opus).expect("a decoder");
        let mut made = [0; PACKET_SAMPLES_MAX];
        let mut all = Vec::new();
        for packet in packets(fmtp, &high) {
            let count = decoder.decode(Codec::Opus, &packet, &mut made);
            all.extend_from_slice(&made[..count]);
        }
        all[RATE / 4..].iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>()
    };
    assert!(heard("maxplaybackrate=8000") * 20.0 < heard("maxplaybackrate=16000"));
}
