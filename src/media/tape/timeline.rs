//! Two channels of a recording, side by side on one line of time.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{Channel, Piece, Tape, What};
use crate::{
    base::Instant,
    media::{
        Codec,
        codec::{Decoder, Down, PACKET_SAMPLES_MAX},
        g711,
    },
};

/// Left and right.
pub const CHANNELS: usize = 2;

/// Samples a second of a file, in each channel.
pub const TAPED_RATE: u32 = 8_000;

/// How long a packet's place is kept free: what comes later is left out.
const WAIT: u64 = 600 * SAMPLES_A_MILLI;

/// A packet may come so much sooner than its timestamp says: else the speaker has a new time base.
const EARLY_MAX: i64 = 200 * SAMPLES_A_MILLI as i64;

/// And so much later.
const LATE_MAX: i64 = WAIT as i64;

const SAMPLES_A_MILLI: u64 = TAPED_RATE as u64 / 1_000;

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

/// Makes the octets of one file of the pieces of its recording. Pure.
///
/// Hand it each [`Piece`] in turn, and before that [`take`](Self::take) what it has ready, until it has nothing more.
#[derive(Debug)]
pub struct Timeline {
    law: Codec,
    began: Instant,
    lanes: [Lane; CHANNELS],
    /// Samples that were given out, and those left out by cuts.
    given: u64,
    cut: u64,
    paused: Option<(Instant, bool)>,
    pauses: Vec<Span>,
    lost: Vec<Span>,
}

/// One channel.
#[derive(Debug, Default)]
struct Lane {
    /// From `given` on.
    sound: VecDeque<i16>,
    anchor: Option<Anchor>,
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

/// For what is not G.711.
#[derive(Debug)]
struct Ear {
    codec: Codec,
    decoder: Decoder,
    down: Down,
}

impl Timeline {
    /// A file in one of the laws of G.711 that begins now.
    pub fn new(began: Instant, law: Codec) -> Self {
        let (lanes, none) = (<[Lane; CHANNELS]>::default(), Vec::new());
        Self { law, began, lanes, given: 0, cut: 0, paused: None, pauses: none.clone(), lost: none }
    }

    pub fn law(&self) -> Codec {
        self.law
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
            What::Lost { since } => self.lose(*since, piece.at),
            What::Begins { .. } | What::Ends => {}
        }
    }

    /// What could not be kept.
    pub fn lose(&mut self, since: Instant, until: Instant) {
        let from_ms = self.place(since) / SAMPLES_A_MILLI;
        note(&mut self.lost, Span { from_ms, ms: millis(until, since) });
    }

    fn resume(&mut self, now: Instant) {
        let Some((since, cut)) = self.paused else { return };
        let from_ms = self.place(since) / SAMPLES_A_MILLI;
        note(&mut self.pauses, Span { from_ms, ms: millis(now, since) });
        self.paused = None;
        if cut {
            self.cut += samples(now, since);
        }
        // Whatever comes next stands where it comes.
        self.lanes.iter_mut().for_each(|lane| lane.anchor = None);
    }

    /// Where a moment is in the file.
    fn place(&self, at: Instant) -> u64 {
        let at = self.paused.filter(|(_, cut)| *cut).map_or(at, |(since, _)| since.min(at));
        samples(at, self.began).saturating_sub(self.cut)
    }

    /// Adds to `octets` what nothing can change any more, up to so many octets; false when there is no more of it.
    pub fn take(&mut self, now: Instant, octets: &mut Vec<u8>, max: usize) -> bool {
        self.give(self.place(now).saturating_sub(WAIT), octets, max)
    }

    /// The rest, for a recording that ended.
    pub fn finish(&mut self, now: Instant, octets: &mut Vec<u8>, max: usize) -> bool {
        if self.paused.is_some() {
            self.resume(now);
        }
        let sound = self.lanes.iter().map(|lane| lane.sound.len() as u64).max().unwrap_or(0);
        self.give(self.place(now).max(self.given + sound), octets, max)
    }

    fn give(&mut self, until: u64, octets: &mut Vec<u8>, max: usize) -> bool {
        let encode = if self.law == Codec::Pcma { g711::encode_alaw } else { g711::encode_ulaw };
        let count = until.saturating_sub(self.given).min((max / CHANNELS) as u64);
        for _ in 0..count {
            octets.extend(self.lanes.each_mut().map(|lane| encode(lane.sound.pop_front().unwrap_or(0))));
        }
        self.given += count;
        self.given < until
    }

    /// Milliseconds in the file so far.
    pub fn length_ms(&self) -> u64 {
        self.given / SAMPLES_A_MILLI
    }

    pub fn pauses(&self) -> &[Span] {
        &self.pauses
    }

    pub fn lost(&self) -> &[Span] {
        &self.lost
    }
}

impl Lane {
    fn put(&mut self, given: u64, at: u64, (source, codec, timestamp): (u32, Codec, u32), payload: &[u8]) {
        let mut sound = [0; PACKET_SAMPLES_MAX];
        let Some(count) = self.decode(codec, payload, &mut sound) else { return };
        let place = self.place_of(at, Anchor { source, codec, timestamp, place: at });
        // Of what comes too late only the rest is heard.
        let late = given.saturating_sub(place).min(count as u64) as usize;
        let begin = place.saturating_sub(given) as usize;
        let sound = &sound[late..count];
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
            let ahead = ahead * i64::from(TAPED_RATE) / i64::from(new.codec.clock_hz().max(1));
            let place = anchor.place.saturating_add_signed(ahead);
            let early = place.cast_signed() - at.cast_signed();
            if (-LATE_MAX..=EARLY_MAX).contains(&early) {
                if ahead > 0 {
                    // Timestamps wrap; the anchor follows.
                    self.anchor = Some(Anchor { place, ..new });
                }
                return place;
            }
        }
        self.anchor = Some(new);
        at
    }

    /// At the file's rate; `None` for what we can't decode.
    fn decode(&mut self, codec: Codec, payload: &[u8], sound: &mut [i16; PACKET_SAMPLES_MAX]) -> Option<usize> {
        let table = match codec {
            Codec::Pcmu => &g711::ULAW_TO_LINEAR,
            Codec::Pcma => &g711::ALAW_TO_LINEAR,
            Codec::G722 | Codec::Opus => return self.decode_wide(codec, payload, sound),
            Codec::G729 | Codec::Other(_) => return None,
        };
        for (place, octet) in sound.iter_mut().zip(payload) {
            *place = table[usize::from(*octet)];
        }
        Some(payload.len().min(sound.len()))
    }

    fn decode_wide(&mut self, codec: Codec, payload: &[u8], sound: &mut [i16; PACKET_SAMPLES_MAX]) -> Option<usize> {
        if self.ear.as_ref().is_none_or(|ear| ear.codec != codec) {
            self.ear = Some(Ear { codec, decoder: Decoder::new(codec)?, down: Down::new() });
        }
        let ear = self.ear.as_mut()?;
        let mut wide = [0; PACKET_SAMPLES_MAX];
        let made = ear.decoder.decode(codec, payload, &mut wide);
        let (mut places, mut count) = (sound.iter_mut(), 0);
        ear.down.run(wide.get(..made)?, |sample| {
            if let Some(place) = places.next() {
                *place = sample;
                count += 1;
            }
        });
        Some(count)
    }
}

fn note(spans: &mut Vec<Span>, span: Span) {
    if spans.len() < SPANS_MAX {
        spans.push(span);
    }
}

fn samples(at: Instant, since: Instant) -> u64 {
    at.as_micros().saturating_sub(since.as_micros()) * u64::from(TAPED_RATE) / 1_000_000
}

fn millis(at: Instant, since: Instant) -> u64 {
    at.as_micros().saturating_sub(since.as_micros()) / 1_000
}
