//! Two channels of a recording, side by side on one line of time.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{Channel, Piece, Tape, What, drift::Drift};
use crate::{
    base::Instant,
    media::{
        Codec,
        codec::{Decoder, Down, PACKET_SAMPLES_MAX, RATE},
        g711,
    },
};

/// Left and right.
pub const CHANNELS: usize = 2;

/// Samples a second of a file, in each channel: of the telephone's band.
pub const TAPED_RATE: u32 = 8_000;

/// And of a wide one, for files that hold it.
pub const TAPED_RATE_WIDE: u32 = RATE as u32;

/// How long a packet's place is kept free, in milliseconds: what comes later is left out.
const WAIT_MS: u64 = 600;

/// A packet may come so many milliseconds sooner than its timestamp says: else the speaker has a new time base. And
/// [`WAIT_MS`] later.
const EARLY_MAX_MS: u64 = 200;

/// Pauses and losses that one file tells of, each; of more, only that there were more.
pub const SPANS_MAX: usize = 1_000;

/// A part of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// Where it is in the file.
    pub from_ms: u64,
    /// How long it lasted: in the file only where it was not cut out.
    pub ms: u64,
}

/// Makes the samples of one file of the pieces of its recording. Pure.
///
/// Hand it each [`Piece`] in turn, and before that [`take`](Self::take) what it has ready, until it has nothing more.
#[derive(Debug)]
pub struct Timeline {
    rate: u32,
    began: Instant,
    lanes: [Lane; CHANNELS],
    /// Samples that were given out, and those left out by cuts.
    given: u64,
    cut: u64,
    paused: Option<(Instant, bool)>,
    pauses: Vec<Part>,
    lost: Vec<Part>,
    /// What was given out and is not in the file.
    left_out: Vec<Part>,
}

/// From where, and how long: in samples that were given out.
#[derive(Clone, Copy, Debug)]
struct Part {
    from: u64,
    count: u64,
}

/// One channel.
#[derive(Debug)]
struct Lane {
    rate: u32,
    /// From `given` on.
    sound: VecDeque<i16>,
    anchor: Option<Anchor>,
    drift: Drift,
    ear: Option<Ear>,
}

/// Where a speaker's timestamps lie.
#[derive(Clone, Copy, Debug)]
struct Anchor {
    source: u32,
    codec: Codec,
    timestamp: u32,
    place: u64,
}

/// For what is not G.711, or more than that.
#[derive(Debug)]
struct Ear {
    codec: Codec,
    decoder: Decoder,
    /// To a narrow file.
    down: Option<Down>,
}

impl Timeline {
    /// A file of so many samples a second that begins now.
    pub fn new(began: Instant, rate: u32) -> Self {
        let lanes = [Lane::new(rate), Lane::new(rate)];
        let (pauses, lost, left_out) = (Vec::new(), Vec::new(), Vec::new());
        Self { rate, began, lanes, given: 0, cut: 0, paused: None, pauses, lost, left_out }
    }

    /// Takes a piece; what [`take`](Self::take) gives at its time must have been taken.
    pub fn handle(&mut self, tape: &Tape, piece: &Piece) {
        let at = self.place(piece.at);
        match &piece.what {
            What::Sound { channel, codec, source, timestamp, from, len } => {
                let payload = tape.sound(*from, *len);
                let lane = &mut self.lanes[usize::from(*channel == Channel::Right)];
                lane.put(self.given, at, (*source, *codec, *timestamp), payload);
            }
            What::Pauses { cut } => self.paused = self.paused.or(Some((piece.at, *cut))),
            What::Resumes => self.resume(piece.at),
            What::Lost { since } => {
                let (from, count) = (self.place(*since), self.samples(piece.at, *since));
                note(&mut self.lost, Part { from, count });
            }
            What::Begins { .. } | What::Ends => {}
        }
    }

    /// The last so many samples that were given out are not in the file, which goes on without them.
    pub fn leave_out(&mut self, count: u64) {
        let from = self.given.saturating_sub(count);
        match self.left_out.last_mut().filter(|last| last.from + last.count == from) {
            Some(last) => last.count += count,
            None => note(&mut self.left_out, Part { from, count }),
        }
    }

    fn resume(&mut self, now: Instant) {
        let Some((since, cut)) = self.paused else { return };
        let part = Part { from: self.place(since), count: self.samples(now, since) };
        note(&mut self.pauses, part);
        self.paused = None;
        if cut {
            self.cut += part.count;
        }
        // Whatever comes next stands where it comes.
        self.lanes.iter_mut().for_each(|lane| lane.anchor = None);
    }

    /// Where a moment is in what is given out.
    fn place(&self, at: Instant) -> u64 {
        let at = self.paused.filter(|(_, cut)| *cut).map_or(at, |(since, _)| since.min(at));
        self.samples(at, self.began).saturating_sub(self.cut)
    }

    fn samples(&self, at: Instant, since: Instant) -> u64 {
        at.as_micros().saturating_sub(since.as_micros()) * u64::from(self.rate) / 1_000_000
    }

    /// Adds to `sound` what nothing can change any more, left and right in turn, up to so many samples; false when there is
    /// no more of it.
    pub fn take(&mut self, now: Instant, sound: &mut Vec<i16>, max: usize) -> bool {
        let wait = WAIT_MS * u64::from(self.rate) / 1_000;
        self.give(self.place(now).saturating_sub(wait), sound, max)
    }

    /// The rest, for a recording that ended.
    pub fn finish(&mut self, now: Instant, sound: &mut Vec<i16>, max: usize) -> bool {
        if self.paused.is_some() {
            self.resume(now);
        }
        let rest = self.lanes.iter().map(|lane| lane.sound.len() as u64).max().unwrap_or(0);
        self.give(self.place(now).max(self.given + rest), sound, max)
    }

    fn give(&mut self, until: u64, sound: &mut Vec<i16>, max: usize) -> bool {
        let count = until.saturating_sub(self.given).min((max / CHANNELS) as u64);
        for _ in 0..count {
            sound.extend(self.lanes.each_mut().map(|lane| lane.sound.pop_front().unwrap_or(0)));
        }
        self.given += count;
        self.given < until
    }

    /// Milliseconds in the file so far.
    pub fn length_ms(&self) -> u64 {
        self.in_file(self.given) * 1_000 / u64::from(self.rate)
    }

    pub fn pauses(&self) -> Vec<Span> {
        self.pauses.iter().map(|part| self.span(*part)).collect()
    }

    /// What is missing, in its order.
    pub fn lost(&self) -> Vec<Span> {
        let mut lost: Vec<Span> = self.lost.iter().chain(&self.left_out).map(|part| self.span(*part)).collect();
        lost.sort_by_key(|span| span.from_ms);
        lost
    }

    fn span(&self, part: Part) -> Span {
        let millis = |samples: u64| samples * 1_000 / u64::from(self.rate);
        Span { from_ms: millis(self.in_file(part.from)), ms: millis(part.count) }
    }

    /// Where in the file that is which was given out there.
    fn in_file(&self, place: u64) -> u64 {
        let before = self.left_out.iter().take_while(|part| part.from < place);
        place - before.map(|part| part.count.min(place - part.from)).sum::<u64>()
    }
}

impl Lane {
    fn new(rate: u32) -> Self {
        Self { rate, sound: VecDeque::new(), anchor: None, drift: Drift::default(), ear: None }
    }

    fn put(&mut self, given: u64, at: u64, (source, codec, timestamp): (u32, Codec, u32), payload: &[u8]) {
        let mut sound = [0; PACKET_SAMPLES_MAX];
        let Some(count) = self.decode(codec, payload, &mut sound) else { return };
        let place = self.place_of(at, Anchor { source, codec, timestamp, place: at });
        // Of what comes too late only the rest is heard.
        let late = given.saturating_sub(place).min(count as u64) as usize;
        let begin = place.saturating_sub(given) as usize;
        let sound = &sound[late..count];
        // A hole of one step was made by sliding: a sample held is not heard, one of silence clicks.
        let is_slid = begin.saturating_sub(self.sound.len()) <= (self.rate / TAPED_RATE) as usize;
        let fill = self.sound.back().copied().filter(|_| is_slid && late == 0).unwrap_or(0);
        if self.sound.len() < begin {
            self.sound.resize(begin, fill);
        }
        if self.sound.len() < begin + sound.len() {
            self.sound.resize(begin + sound.len(), 0);
        }
        for (there, sample) in self.sound.range_mut(begin..begin + sound.len()).zip(sound) {
            *there = *sample;
        }
    }

    /// By its timestamp, where that goes on from the last one; else where it came.
    fn place_of(&mut self, at: u64, new: Anchor) -> u64 {
        if let Some(anchor) = self.anchor.filter(|old| (old.source, old.codec) == (new.source, new.codec)) {
            let ahead = i64::from(new.timestamp.wrapping_sub(anchor.timestamp).cast_signed());
            let ahead = ahead * i64::from(self.rate) / i64::from(new.codec.clock_hz().max(1));
            let place = anchor.place.saturating_add_signed(ahead);
            let early = place.cast_signed() - at.cast_signed();
            let [late_max, early_max] =
                [WAIT_MS, EARLY_MAX_MS].map(|ms| (ms * u64::from(self.rate) / 1_000).cast_signed());
            if (-late_max..=early_max).contains(&early) {
                if ahead <= 0 {
                    return place;
                }
                let place = place.saturating_add_signed(self.drift.slide(early, self.rate));
                // Timestamps wrap; the anchor follows.
                self.anchor = Some(Anchor { place, ..new });
                return place;
            }
        }
        (self.anchor, self.drift) = (Some(new), Drift::default());
        at
    }

    /// At the file's rate; `None` for what we can't decode.
    fn decode(&mut self, codec: Codec, payload: &[u8], sound: &mut [i16; PACKET_SAMPLES_MAX]) -> Option<usize> {
        let table = match codec {
            Codec::Pcmu if self.rate == TAPED_RATE => &g711::ULAW_TO_LINEAR,
            Codec::Pcma if self.rate == TAPED_RATE => &g711::ALAW_TO_LINEAR,
            Codec::Pcmu | Codec::Pcma | Codec::G722 | Codec::Opus => return self.decode_wide(codec, payload, sound),
            Codec::G729 | Codec::Other(_) | Codec::T38 => return None,
        };
        for (place, octet) in sound.iter_mut().zip(payload) {
            *place = table[usize::from(*octet)];
        }
        Some(payload.len().min(sound.len()))
    }

    fn decode_wide(&mut self, codec: Codec, payload: &[u8], sound: &mut [i16; PACKET_SAMPLES_MAX]) -> Option<usize> {
        if self.ear.as_ref().is_none_or(|ear| ear.codec != codec) {
            let down = (self.rate == TAPED_RATE).then(Down::new);
            self.ear = Some(Ear { codec, decoder: Decoder::new(codec)?, down });
        }
        let Ear { decoder, down, .. } = self.ear.as_mut()?;
        let Some(down) = down else { return Some(decoder.decode(codec, payload, sound)) };
        let mut wide = [0; PACKET_SAMPLES_MAX];
        let made = decoder.decode(codec, payload, &mut wide);
        let (mut places, mut count) = (sound.iter_mut(), 0);
        down.run(wide.get(..made)?, |sample| {
            if let Some(place) = places.next() {
                *place = sample;
                count += 1;
            }
        });
        Some(count)
    }
}

fn note(parts: &mut Vec<Part>, part: Part) {
    if parts.len() < SPANS_MAX {
        parts.push(part);
    }
}
