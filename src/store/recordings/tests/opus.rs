//! Opus files: written by us, read by others' code, judged by what is heard.

use symphonia::core::{formats::FormatOptions, io::MediaSourceStream, meta::MetadataOptions, probe::Hint};

use super::*;
use crate::media::tape::{TAPED_RATE, TAPED_RATE_WIDE};

pub(super) const OPUS: &str = "recordings/2026-11-28/call-1-seg-9.opus";

/// What a player plays: both channels, as long as the last page says, at the rate that the head tells.
pub(super) fn played(data: &Path, path: &str) -> (u32, [Vec<i16>; 2]) {
    let octets = fs::read(data.join(path)).unwrap();
    assert_eq!(&octets[28..36], b"OpusHead");
    let skip = usize::from(u16::from_le_bytes([octets[38], octets[39]]));
    let rate = u32::from_le_bytes([octets[40], octets[41], octets[42], octets[43]]);
    let ticks = 48_000 / rate as usize;
    let end = ogg::last_page(&octets).expect("a page").2;
    assert!(end.ends, "the last page says so");
    let source = MediaSourceStream::new(Box::new(io::Cursor::new(octets)), Default::default());
    let (hint, how, notes) = (Hint::new(), FormatOptions::default(), MetadataOptions::default());
    let mut format = symphonia::default::get_probe().format(&hint, source, &how, &notes).expect("Ogg").format;
    assert_eq!(format.default_track().unwrap().codec_params.channels.unwrap().count(), 2);
    let decoder = || ropus::Decoder::new(rate, ropus::Channels::Mono).unwrap();
    let (mut decoders, mut channels) = ([decoder(), decoder()], [Vec::new(), Vec::new()]);
    while let Ok(packet) = format.next_packet() {
        // Two streams: the first tells how long it is (RFC 6716 B).
        let (first, rest) = (packet.data[0], &packet.data[1..]);
        let (length, from) =
            if rest[0] < 252 { (rest[0].into(), 1) } else { (usize::from(rest[0]) + 4 * usize::from(rest[1]), 2) };
        let left = [&[first], &rest[from..from + length]].concat();
        let frames = [left.as_slice(), &rest[from + length..]];
        for ((decoder, channel), frame) in decoders.iter_mut().zip(&mut channels).zip(frames) {
            let mut made = vec![0; rate as usize / 50];
            let count = decoder.decode(frame, &mut made, ropus::DecodeMode::Normal).unwrap();
            channel.extend(&made[..count]);
        }
    }
    let whole = end.granule as usize / ticks;
    (rate, channels.map(|channel| channel[skip / ticks..whole].to_vec()))
}

fn peak(rate: u32, channel: &[i16], from_ms: usize, ms: usize, hz: f64) -> f64 {
    // The ear believes in 8 kHz.
    let part = &channel[from_ms * rate as usize / 1_000..(from_ms + ms) * rate as usize / 1_000];
    tone_peak(part, hz * f64::from(TAPED_RATE) / f64::from(rate))
}

/// A packet of 20 ms that the leg says.
fn says(tap: &mut Tap, tape: &mut Tape, codec: Codec, ms: u64, payload: &[u8]) {
    let header = Header::new(0, (ms / 20) as u16, (ms * u64::from(codec.clock_hz()) / 1_000) as u32, 5, 160);
    tap.says(at(ms), tape, codec, &header, payload);
}

fn tone(hz: f64, ms: u64) -> Vec<u8> {
    let sample = |at: u64| (std::f64::consts::TAU * hz * at as f64 / 8_000.0).sin() * 8_000.0;
    (ms * 8..ms * 8 + 160).map(|at| g711::encode_ulaw(sample(at) as i16)).collect()
}

/// RC-01: an Opus file holds the customer left and the agent's side right, neither in the other's channel, exactly as long
/// as it lasted and where it was said; its digest is that of the file, and it is a fraction of a WAV file.
#[test]
fn rc_01_an_opus_file_has_both_sides() {
    let data = folder("opus");
    let (mut writer, told) = writer(&data);
    let (mut tap, mut tape) = begin(OPUS);
    for ms in (0..5_000).step_by(10) {
        if ms % 20 == 0 {
            // The customer is silent in the middle.
            if !(2_000..3_000).contains(&ms) {
                says(&mut tap, &mut tape, Codec::Pcmu, ms, &tone(1_000.0, ms));
            }
            speak(&mut tap, &mut tape, ms, ms + 20);
        }
        if ms % 200 == 0 {
            writer.write(&reel(&mut tape, ms));
        }
    }
    tap.end(at(5_013), &mut tape);
    writer.write(&reel(&mut tape, 5_013));
    let file = finished(&told);
    let (rate, [left, right]) = played(&data, OPUS);
    assert_eq!((rate, file.length_ms, left.len(), right.len()), (TAPED_RATE, 5_013, 5_013 * 8, 5_013 * 8));
    for from in [200, 1_500, 3_300, 4_400] {
        let [mine, other] = [peak(rate, &left, from, 400, 1_000.0), peak(rate, &left, from, 400, 600.0)];
        assert!((6_500.0..9_500.0).contains(&mine) && other < 150.0, "left at {from} ms: {mine} and {other}");
        let [mine, other] = [peak(rate, &right, from, 400, 600.0), peak(rate, &right, from, 400, 1_000.0)];
        assert!((6_500.0..9_500.0).contains(&mine) && other < 150.0, "right at {from} ms: {mine} and {other}");
    }
    // Silence begins and ends where it was, to some milliseconds.
    let edge = |from: usize| peak(rate, &left, from, 30, 1_000.0);
    assert!(edge(1_965) > 5_000.0 && edge(2_010) < 1_500.0 && edge(2_960) < 500.0 && edge(3_010) > 5_000.0);
    let octets = fs::read(data.join(OPUS)).unwrap();
    assert_eq!((file.octets, file.sha256), (octets.len() as u64, Some(hex::encode(sha2::Sha256::digest(&octets)))));
    assert!(octets.len() < 5_013 * 16 / 3, "{} octets", octets.len());
}

/// RC-01: a leg that speaks Opus is kept as wide as it speaks.
#[test]
fn rc_01_an_opus_file_is_as_wide_as_its_leg() {
    let data = folder("wide");
    let (mut writer, told) = writer(&data);
    let mut tape = Tape::default();
    let mut tap = Tap::begin(at(0), &mut tape, &Form::plain(Codec::Opus), SEGMENT, OPUS.into(), false);
    let mut encoder = ropus::Encoder::builder(16_000, ropus::Channels::Mono, ropus::Application::Voip).build().unwrap();
    for ms in (0..3_000_u64).step_by(20) {
        let sample = |at: u64| (std::f64::consts::TAU * 5_000.0 * at as f64 / 16_000.0).sin() * 8_000.0;
        let sound: Vec<i16> = (ms * 16..ms * 16 + 320).map(|at| sample(at) as i16).collect();
        let mut packet = [0; 400];
        let length = encoder.encode(&sound, &mut packet).unwrap();
        says(&mut tap, &mut tape, Codec::Opus, ms, &packet[..length]);
        if ms % 200 == 0 {
            writer.write(&reel(&mut tape, ms));
        }
    }
    tap.end(at(3_000), &mut tape);
    writer.write(&reel(&mut tape, 3_000));
    assert_eq!(finished(&told).length_ms, 3_000);
    let (rate, [left, right]) = played(&data, OPUS);
    assert_eq!((rate, left.len()), (TAPED_RATE_WIDE, 48_000));
    assert!(peak(rate, &left, 500, 2_000, 5_000.0) > 4_000.0, "{}", peak(rate, &left, 500, 2_000, 5_000.0));
    assert!(right.iter().all(|sample| sample.abs() < 64));
}

/// RC-02: a pause is silence in the file, or cut out of it, and what was said meanwhile is nowhere.
#[test]
fn rc_02_an_opus_file_rests() {
    for cut in [false, true] {
        let data = folder(if cut { "opus-cut" } else { "opus-rest" });
        let (mut writer, told) = writer(&data);
        let (mut tap, mut tape) = begin(OPUS);
        for ms in (0..6_000).step_by(20) {
            if ms == 2_000 {
                tap.pause(at(ms), &mut tape, cut);
            }
            if ms == 4_000 {
                tap.resume(at(ms), &mut tape);
            }
            let hz = if (2_000..4_000).contains(&ms) { 2_500.0 } else { 600.0 };
            says(&mut tap, &mut tape, Codec::Pcmu, ms, &tone(hz, ms));
            if ms % 200 == 180 {
                writer.write(&reel(&mut tape, ms + 20));
            }
        }
        tap.end(at(6_000), &mut tape);
        writer.write(&reel(&mut tape, 6_000));
        let (file, length) = (finished(&told), if cut { 4_000 } else { 6_000 });
        let (rate, [left, _]) = played(&data, OPUS);
        assert_eq!((file.length_ms, left.len()), (length, length as usize * 8));
        assert_eq!(file.paused, [Span { from_ms: 2_000, ms: 2_000 }]);
        for from in [200, 1_200, length as usize - 1_700, length as usize - 700] {
            assert!(peak(rate, &left, from, 600, 600.0) > 6_500.0, "cut: {cut}, at {from} ms");
        }
        for from in (0..length as usize - 100).step_by(100) {
            assert!(peak(rate, &left, from, 100, 2_500.0) < 300.0, "the secret at {from} ms");
        }
    }
}

/// RC-01: after `kill -9`, in the middle of a page too, what was written is played, but for the last second at most.
#[test]
fn rc_01_an_opus_file_outlives_a_crash() {
    for torn in [0, 1, 30, 200] {
        let data = folder(&format!("opus-crash-{torn}"));
        let (mut writer, _) = writer(&data);
        let (mut tap, mut tape) = begin(OPUS);
        for turn in 0..25 {
            speak(&mut tap, &mut tape, turn * 200, turn * 200 + 200);
            writer.write(&reel(&mut tape, turn * 200 + 200));
        }
        drop(writer);
        let place = data.join(OPUS);
        let whole = fs::metadata(&place).unwrap().len();
        fs::OpenOptions::new().write(true).open(&place).unwrap().set_len(whole - torn).unwrap();
        let file = file::mend(&data, OPUS);
        assert!(file.length_ms >= 4_000 - torn * 4 && file.sha256.is_some(), "{torn}: {file:?}");
        let (rate, [_, right]) = played(&data, OPUS);
        assert_eq!(right.len() as u64 / 8, file.length_ms);
        assert!(peak(rate, &right, 200, 3_000, 600.0) > 6_500.0);
        assert_eq!(fs::metadata(&place).unwrap().len(), file.octets);
    }
}
