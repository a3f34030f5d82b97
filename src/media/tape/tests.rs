//! Signals in, signals out.

use std::time::Duration;

use super::*;
use crate::{
    base::Instant,
    media::{Form, PayloadTypes, g711, tone_peak},
    wire::rtp::Header,
};

const SEGMENT: SegmentId = SegmentId(7);
const BEGIN: Instant = Instant::from_micros(5_000_000);

/// A leg that is recorded, and what is written of it.
struct Desk {
    tape: Tape,
    tap: Tap,
    codec: Codec,
    timeline: Timeline,
    file: Vec<i16>,
}

fn at(ms: u64) -> Instant {
    BEGIN + Duration::from_millis(ms)
}

fn tone(hz: f64, from: u64, law: Codec) -> Vec<u8> {
    let encode = if law == Codec::Pcma { g711::encode_alaw } else { g711::encode_ulaw };
    let sample = |at: u64| (std::f64::consts::TAU * hz * at as f64 / 8_000.0).sin() * 8_000.0;
    (from..from + 160).map(|at| encode(sample(at) as i16)).collect()
}

impl Desk {
    fn new(codec: Codec) -> Self {
        let mut tape = Tape::default();
        let tap = Tap::begin(BEGIN, &mut tape, &Form::plain(codec), SEGMENT, "recordings/x.wav".into(), false);
        Self { tape, tap, codec, timeline: Timeline::new(BEGIN, TAPED_RATE), file: Vec::new() }
    }

    /// The customer's packet of so many milliseconds comes then.
    fn says(&mut self, then: u64, ms: u64, hz: f64) {
        let payload = tone(hz, ms * 8, self.codec);
        let header = Header::new(0, (ms / 20) as u16, (ms as u32 * 8).wrapping_sub(2_000), 1, 160);
        self.tap.says(at(then), &mut self.tape, self.codec, &header, &payload);
    }

    /// And one goes to him.
    fn hears(&mut self, ms: u64, hz: f64) {
        let law = self.codec;
        let mut packet = vec![0; HEADER_BYTES];
        let form = Form { payload: PayloadTypes::both(0), ..Form::plain(law) };
        Header::new(0, (ms / 20) as u16, (ms * 8) as u32, 2, 160).write(&mut packet);
        packet.extend(tone(hz, ms * 8, law));
        self.tap.hears(at(ms), &mut self.tape, &form, &packet);
    }

    fn write(&mut self, until: u64) {
        let tape = std::mem::take(&mut self.tape);
        for piece in &tape.pieces {
            while self.timeline.take(piece.at, &mut self.file, 1_000) {}
            self.timeline.handle(&tape, piece);
        }
        while self.timeline.take(at(until), &mut self.file, 1_000) {}
    }

    fn finish(mut self, ms: u64) -> ([Vec<i16>; 2], Timeline) {
        self.write(ms);
        while self.timeline.finish(at(ms), &mut self.file, 1_000) {}
        let channel = |from: usize| self.file.iter().skip(from).step_by(2).copied();
        ([channel(0).collect(), channel(1).collect()], self.timeline)
    }
}

fn peak(channel: &[i16], from_ms: usize, ms: usize, hz: f64) -> f64 {
    tone_peak(&channel[from_ms * 8..(from_ms + ms) * 8], hz)
}

/// RC-01: two voices are in two channels, side by side, in either law, whatever the network did to the packets' order
/// and times; what was lost is silence, and nothing moves for it.
#[test]
fn rc_01_two_channels_stay_side_by_side() {
    for law in [Codec::Pcmu, Codec::Pcma] {
        let mut desk = Desk::new(law);
        // Jitter of up to 80 ms, neighbours exchanged, a second of losses of every fifth.
        let mut order: Vec<u64> = (0..250).map(|number| number * 20).collect();
        order.chunks_mut(2).step_by(7).for_each(<[u64]>::reverse);
        for (number, ms) in order.into_iter().enumerate() {
            let late = [0, 30, 80, 10][number % 4];
            if !(2_000..3_000).contains(&ms) || number % 5 != 0 {
                desk.says(ms + late, ms, 600.0);
            }
            desk.hears(number as u64 * 20, 1_000.0);
            if number % 10 == 0 {
                desk.write(number as u64 * 20);
            }
        }
        let ([left, right], timeline) = desk.finish(5_000);
        assert_eq!((left.len(), timeline.length_ms()), (40_000, 5_000));
        for ms in (100..1_900).chain(3_200..4_800).step_by(100) {
            assert!(peak(&left, ms, 100, 600.0) > 7_500.0, "{law:?}: {} at {ms} ms", peak(&left, ms, 100, 600.0));
            assert!(peak(&left, ms, 100, 1_000.0) < 150.0, "{law:?}: the other's voice at {ms} ms");
            assert!(peak(&right, ms, 100, 1_000.0) > 7_500.0 && peak(&right, ms, 100, 600.0) < 150.0);
        }
        // Side by side: the phase of the one that was never lost says where it is to the sample.
        let expected = tone(1_000.0, 0, law);
        let table = if law == Codec::Pcma { &g711::ALAW_TO_LINEAR } else { &g711::ULAW_TO_LINEAR };
        let first: Vec<i16> = expected.iter().map(|octet| table[usize::from(*octet)]).collect();
        assert_eq!(right[..160], first[..]);
        assert!(timeline.lost().is_empty());
    }
}

/// RC-01, SW-08: a speaker whose clock is fast or slow stays where he was heard, to within 20 ms (60 where it is a very bad one), for as long as he speaks and
/// whatever the line does; that he is slid along makes no click.
#[test]
fn rc_01_clocks_that_run_apart_stay_side_by_side() {
    for ppm in [-3_000_i64, -300, 50, 3_000] {
        let mut desk = Desk::new(Codec::Pcmu);
        let packets = 6_000_u64;
        let sent = |number: u64| (number as i64 * 20 * (1_000_000 + ppm) / 1_000_000) as u64;
        for number in 0..packets {
            let late = [0, 7, 19, 3, 11][number as usize % 5];
            // A word of 100 ms each ten seconds, over a steady tone.
            let hz = if number % 500 < 5 { 1_500.0 } else { 200.0 };
            desk.says(sent(number) + late, number * 20, hz);
            if number % 10 == 0 {
                desk.write(sent(number));
            }
        }
        let ([left, _], timeline) = desk.finish(sent(packets));
        assert!(timeline.lost().is_empty());
        for number in (500..packets).step_by(500) {
            let said = sent(number) as usize;
            let apart = |ms: usize| peak(&left, ms, 10, 1_500.0) > 4_000.0;
            let heard = (said - 100..said + 100).find(|ms| apart(*ms)).expect("a word");
            let most = if ppm.abs() > 1_000 { 60 } else { 20 };
            assert!(heard.abs_diff(said) <= most, "{ppm} ppm: a word of {said} ms stands at {heard} ms");
        }
        let steepest = left.windows(2).map(|pair| (i32::from(pair[0]) - i32::from(pair[1])).abs()).max();
        // The word's own slope, and one sample of it left out.
        assert!(steepest < Some(16_000), "{ppm} ppm: a click of {steepest:?}");
    }
}

/// RC-01: a speaker who begins anew, with other numbers or after a pause of his, is where he is heard.
#[test]
fn rc_01_a_new_time_base_keeps_its_place() {
    let mut desk = Desk::new(Codec::Pcmu);
    for ms in (0..1_000).step_by(20) {
        desk.says(ms, ms, 600.0);
    }
    // Two seconds of nothing, and then as if an hour had passed.
    for ms in (0..1_000).step_by(20) {
        desk.says(3_000 + ms, 3_600_000 + ms, 600.0);
    }
    let ([left, _], _) = desk.finish(4_000);
    assert_eq!(left.len(), 32_000);
    assert!(peak(&left, 100, 800, 600.0) > 7_500.0 && peak(&left, 3_100, 800, 600.0) > 7_500.0);
    assert!(left[1_100 * 8..2_900 * 8].iter().all(|sample| sample.abs() < 16), "silence between");
}

/// RC-02: a pause is silence, or cut out, and nothing that was said in it is on the tape.
#[test]
fn rc_02_a_pause_is_silence_or_a_cut() {
    for cut in [false, true] {
        let mut desk = Desk::new(Codec::Pcmu);
        for ms in (0..6_000).step_by(20) {
            if ms == 2_000 {
                desk.tap.pause(at(ms), &mut desk.tape, cut);
            }
            if ms == 4_000 {
                desk.tap.resume(at(ms), &mut desk.tape);
            }
            desk.says(ms, ms, if (2_000..4_000).contains(&ms) { 2_500.0 } else { 600.0 });
        }
        let ([left, _], timeline) = desk.finish(6_000);
        assert_eq!(timeline.length_ms(), if cut { 4_000 } else { 6_000 });
        assert_eq!(timeline.pauses(), [Span { from_ms: 2_000, ms: 2_000 }]);
        assert!(peak(&left, 100, 1_800, 600.0) > 7_500.0);
        let end = left.len() / 8;
        assert!(peak(&left, end - 1_900, 1_800, 600.0) > 7_500.0);
        assert!((0..end - 100).step_by(100).all(|ms| peak(&left, ms, 100, 2_500.0) < 150.0), "the secret");
        if !cut {
            assert!(left[2_050 * 8..3_950 * 8].iter().all(|sample| sample.abs() < 16));
        }
    }
}

/// RC-01: a tape that nobody takes is bounded; what did not fit is told, with its place, and what comes later is heard.
#[test]
fn rc_01_a_tape_that_nobody_takes_loses_and_says_so() {
    let mut desk = Desk::new(Codec::Pcmu);
    let mut loses_from = None;
    let mut ms = 0;
    while loses_from.is_none_or(|from| ms < from + 1_000) {
        let header = Header::new(0, (ms / 20) as u16, (ms * 8) as u32, 1, 160);
        let payload = tone(600.0, ms * 8, Codec::Pcmu);
        if desk.tap.says(at(ms), &mut desk.tape, Codec::Pcmu, &header, &payload) {
            assert!(loses_from.replace(ms).is_none(), "told once");
        }
        ms += 20;
    }
    let from = loses_from.unwrap();
    assert!(desk.tape.octets.len() + desk.tape.pieces.len() * size_of::<Piece>() <= TAPE_OCTETS_MAX);
    desk.write(ms);
    for more in 0..50 {
        let ms = ms + more * 20;
        let header = Header::new(0, (ms / 20) as u16, (ms * 8) as u32, 1, 160);
        desk.tap.says(at(ms), &mut desk.tape, Codec::Pcmu, &header, &tone(600.0, ms * 8, Codec::Pcmu));
    }
    let ([left, _], timeline) = desk.finish(ms + 1_000);
    assert_eq!(timeline.lost(), [Span { from_ms: from, ms: ms - from }]);
    assert!(peak(&left, usize::try_from(ms).unwrap() + 100, 800, 600.0) > 7_500.0);
    assert!(peak(&left, usize::try_from(from).unwrap() - 900, 800, 600.0) > 7_500.0);
}

/// RC-01: an hour of silence costs no more than its octets, a chunk at a time.
#[test]
fn rc_01_silence_is_given_out_in_chunks() {
    let mut timeline = Timeline::new(BEGIN, TAPED_RATE);
    let (mut file, mut turns) = (Vec::new(), 0);
    while timeline.take(at(3_600_000), &mut file, 64 << 10) {
        assert!(file.len() <= 64 << 10);
        assert!(file.iter().all(|sample| *sample == 0));
        file.clear();
        turns += 1;
    }
    assert!(turns > 800);
}
