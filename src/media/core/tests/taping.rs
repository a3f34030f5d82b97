//! What a recording hears: the customer's leg, both ways, whatever its codec, its keys and its company.

use super::{
    super::super::{
        Gain, Matrix, Suite,
        tape::{TAPE_OCTETS_MAX, TAPED_RATE, Taping, Timeline, What},
        tone_peak,
    },
    secure::protect,
    world::{World, music},
    *,
};
use crate::base::SegmentId;

const SEGMENT: SegmentId = SegmentId(5);

/// Writes down what the core tapes.
struct Desk {
    world: World,
    timeline: Option<Timeline>,
    file: Vec<i16>,
    lost: usize,
}

impl Desk {
    /// The first phone is the customer, and recorded.
    fn of(mut world: World) -> Self {
        world.run(500);
        let stream = world.phones[0].stream;
        let path = "recordings/x.wav".into();
        world.tell(Command::Record { stream, taping: Taping::Begin { segment: SEGMENT, path, swapped: false } });
        Self { world, timeline: None, file: Vec::new(), lost: 0 }
    }

    fn run(&mut self, millis: u64) {
        for _ in 0..millis / 100 {
            self.world.run(100);
            self.write();
        }
    }

    fn write(&mut self) {
        if !self.world.core.has_tape(self.world.now) {
            return;
        }
        let tape = self.world.core.take_tape();
        for piece in &tape.pieces {
            if let What::Begins { .. } = &piece.what {
                assert_eq!(piece.segment, SEGMENT);
                self.timeline = Some(Timeline::new(piece.at, TAPED_RATE));
            }
            let timeline = self.timeline.as_mut().expect("it has begun");
            while timeline.take(piece.at, &mut self.file, 4_000) {}
            timeline.handle(&tape, piece);
            if matches!(piece.what, What::Ends) {
                while timeline.finish(piece.at, &mut self.file, 4_000) {}
            }
        }
        self.lost += self.timeline.as_ref().map_or(0, |timeline| timeline.lost().len());
    }

    /// How loud each tone is in a part of the left and of the right channel.
    fn peaks(&self, from_ms: usize, ms: usize, tones: &[f64]) -> [Vec<f64>; 2] {
        let channel = |at: usize| self.file.iter().skip(at).step_by(2).copied();
        [0, 1].map(|at| {
            let sound: Vec<i16> = channel(at).skip(from_ms * 8).take(ms * 8).collect();
            assert_eq!(sound.len(), ms * 8, "the file is that long");
            tones.iter().map(|hz| tone_peak(&sound, *hz)).collect()
        })
    }
}

/// RC-01, RC-03: relayed, recoded or transcoded, plain or secure: the customer is left, the other right, and neither is in
/// the other's channel.
#[test]
fn rc_01_rc_03_every_sort_of_leg_is_recorded() {
    for codecs in [
        [Codec::Pcmu, Codec::Pcmu],
        [Codec::Pcma, Codec::Pcmu],
        [Codec::Pcmu, Codec::G722],
        [Codec::G722, Codec::G722],
        [Codec::Opus, Codec::Pcmu],
        [Codec::Opus, Codec::Opus],
    ] {
        for is_secure in [false, true] {
            let mut world = World::call(codecs);
            if is_secure {
                protect(&mut world, 0, Suite::Long);
            }
            let tones = [world.phones[0].hz, world.phones[1].hz];
            let mut desk = Desk::of(world);
            desk.run(3_000);
            let stream = desk.world.phones[0].stream;
            desk.world.tell(Command::Close { stream });
            desk.run(300);
            let said = format!("{codecs:?}, secure: {is_secure}");
            for from in [500, 1_500] {
                let [left, right] = desk.peaks(from, 1_000, &tones);
                assert!(left[0] > 5_000.0 && right[1] > 5_000.0, "{said}: {left:?} {right:?}");
                assert!(left[1] < 300.0 && right[0] < 300.0, "{said}: {left:?} {right:?}");
            }
            let length = desk.timeline.as_ref().unwrap().length_ms();
            assert!((2_990..3_250).contains(&length), "{said}: {length} ms");
            assert_eq!(desk.lost, 0);
        }
    }
}

/// RC-03, SC-07: of three the two others are on the right; a clip that the customer hears is in the recording, and so is
/// what comes behind it; whom he does not hear is not.
#[test]
fn rc_03_sc_07_conferences_and_clips_are_recorded() {
    let mut world = World::with(&[Codec::Pcmu, Codec::Pcma, Codec::G722]);
    let streams: Vec<StreamId> = world.phones.iter().map(|phone| phone.stream).collect();
    let seats: Vec<(StreamId, bool)> = streams.iter().map(|stream| (*stream, true)).collect();
    world.tell(Command::Mix { matrix: Box::new(Matrix::new(&seats, |_, _| Gain::UNITY)) });
    world.tell(Command::LoadClip { clip: ClipId(1), sound: music(2_200.0, 1_000) });
    let tones: Vec<f64> = world.phones.iter().map(|phone| phone.hz).chain([2_200.0]).collect();
    let mut desk = Desk::of(world);
    desk.run(2_000);
    desk.world.play(0, 1, Source::Clip(ClipId(1)), false);
    desk.run(1_500);
    // The third is heard by the agent alone: a whisper.
    let gain = |listener, speaker| if speaker == 2 && listener == 0 { Gain::SILENT } else { Gain::UNITY };
    desk.world.tell(Command::Mix { matrix: Box::new(Matrix::new(&seats, gain)) });
    desk.run(2_000);
    desk.world.tell(Command::Record { stream: streams[0], taping: Taping::End });
    desk.run(400);
    let [left, right] = desk.peaks(500, 1_000, &tones);
    assert!(left[0] > 5_000.0 && left[1..].iter().all(|peak| *peak < 300.0), "{left:?}");
    assert!(right[1] > 5_000.0 && right[2] > 5_000.0 && right[0] < 300.0, "{right:?}");
    let [left, right] = desk.peaks(2_150, 700, &tones);
    assert!(left[0] > 5_000.0 && right[3] > 5_000.0 && right[1] < 300.0, "the clip: {left:?} {right:?}");
    let [left, right] = desk.peaks(4_200, 1_000, &tones);
    assert!(left[0] > 5_000.0 && right[1] > 5_000.0 && right[2] < 300.0, "the whisper: {left:?} {right:?}");
}

/// RC-01: a leg that moves to another worker takes its recording along.
#[test]
fn rc_01_a_recording_moves_with_its_leg() {
    let mut desk = Desk::of(World::call([Codec::Pcmu, Codec::Pcmu]));
    desk.run(1_000);
    let stream = desk.world.phones[0].stream;
    desk.write();
    let moved = desk.world.core.release(stream).expect("it is here");
    let mut other = Core::new(Country::Neutral, Chance::from_number(8));
    other.adopt(desk.world.now, moved);
    other.handle_command(desk.world.now, Command::Record { stream, taping: Taping::Pause { cut: false } });
    other.handle_command(desk.world.now, Command::Close { stream });
    let tape = other.take_tape();
    assert!(tape.pieces.iter().all(|piece| piece.segment == SEGMENT));
    assert!(matches!(tape.pieces.last().map(|piece| &piece.what), Some(What::Ends)));
}

/// RC-01: when nobody takes the tapes, calls go on, the loss is told once, and memory is bounded.
#[test]
fn rc_01_a_disk_that_stands_still_hinders_no_call() {
    let mut desk = Desk::of(World::call([Codec::Pcmu, Codec::Pcmu]));
    let untaped = |world: &World| world.events.iter().filter(|event| matches!(event, Event::Untaped { .. })).count();
    while untaped(&desk.world) == 0 {
        desk.world.run(1_000);
        assert!(desk.world.now < Instant::from_micros(2_000_000_000), "it never tells");
    }
    desk.world.run(2_000);
    assert_eq!(untaped(&desk.world), 1);
    let heard = desk.world.phones[1].heard.len();
    desk.world.run(1_000);
    assert!(desk.world.phones[1].heard.len() >= heard + 49, "the call notices nothing");
    let tape = desk.world.core.take_tape();
    assert!(tape.pieces.len() * 160 <= TAPE_OCTETS_MAX);
    desk.world.run(1_000);
    assert_eq!(untaped(&desk.world), 1, "there is room again");
}
