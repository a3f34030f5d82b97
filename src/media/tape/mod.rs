//! Recording, the half that has no files: what a leg says and hears is put on its worker's [`Tape`] as it passes, as it
//! is, and a [`Timeline`] makes two aligned channels of it wherever there is time for that.
//!
//! A worker never waits for who writes: a tape that nobody takes grows to [`TAPE_OCTETS_MAX`], and then sound is left out
//! and counted.

mod drift;
mod file;
#[cfg(test)]
mod tests;
mod timeline;

use std::{sync::Arc, time::Duration};

use super::{Codec, Form};
use crate::{
    base::{Instant, SegmentId},
    wire::rtp::HEADER_BYTES,
};

/// What [`Tap::says`] is told of a packet.
pub use crate::wire::rtp::Header;

pub use file::{FileEncoder, Format, Stand};
pub use timeline::{CHANNELS, SPANS_MAX, Span, TAPED_RATE, TAPED_RATE_WIDE, Timeline};

/// What is on one worker's tape that nobody has taken: at a hundred recorded calls some two seconds of a disk that stands
/// still, beside what waits between. More sound is left out.
pub const TAPE_OCTETS_MAX: usize = 4 << 20;

/// A tape of so much is handed on at once.
const TAPE_OCTETS: usize = 256 << 10;

/// A tape is handed on so long after its first piece: what a `kill -9` can lose at most.
const TAPE_TIME: Duration = Duration::from_millis(200);

/// What becomes of a leg's recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taping {
    /// Its sound goes to a new file; an earlier recording of it ends.
    Begin {
        segment: SegmentId,
        /// Below the data folder.
        path: Arc<str>,
        /// What it hears is to be the left channel, instead of what it says.
        swapped: bool,
    },
    /// Nothing is put on the tape. With `cut` the file goes on as if no time passed; else it is silent meanwhile.
    Pause {
        cut: bool,
    },
    Resume,
    End,
}

/// What was recorded since the last one was handed on.
#[derive(Debug, Default)]
pub struct Tape {
    pub pieces: Vec<Piece>,
    octets: Vec<u8>,
    began: Option<Instant>,
}

#[derive(Clone, Debug)]
pub struct Piece {
    pub segment: SegmentId,
    pub at: Instant,
    pub what: What,
}

#[derive(Clone, Debug)]
pub enum What {
    /// The file of a leg that speaks that codec.
    Begins {
        path: Arc<str>,
        codec: Codec,
    },
    /// One packet's payload; its octets are [`Tape::sound`].
    Sound {
        channel: Channel,
        codec: Codec,
        source: u32,
        timestamp: u32,
        from: u32,
        len: u16,
    },
    Pauses {
        cut: bool,
    },
    Resumes,
    /// There was no room for what came since then.
    Lost {
        since: Instant,
    },
    Ends,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    Left,
    Right,
}

impl Tape {
    /// Whether it should be handed on.
    pub fn is_due(&self, now: Instant) -> bool {
        self.octets.len() >= TAPE_OCTETS || self.due().is_some_and(|due| due <= now)
    }

    pub fn due(&self) -> Option<Instant> {
        self.began.map(|began| began + TAPE_TIME)
    }

    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// The octets of a piece of sound.
    pub fn sound(&self, from: u32, len: u16) -> &[u8] {
        self.octets.get(from as usize..from as usize + usize::from(len)).unwrap_or_default()
    }

    pub(super) fn put_off(mut self, now: Instant) -> Self {
        self.began = Some(now);
        self
    }

    fn push(&mut self, at: Instant, segment: SegmentId, what: What) {
        self.began.get_or_insert(at);
        self.pieces.push(Piece { segment, at, what });
    }

    fn push_sound(&mut self, payload: &[u8]) -> Option<(u32, u16)> {
        let from = self.octets.len();
        if from + payload.len() + self.pieces.len() * size_of::<Piece>() > TAPE_OCTETS_MAX {
            return None;
        }
        self.octets.extend_from_slice(payload);
        Some((u32::try_from(from).ok()?, u16::try_from(payload.len()).ok()?))
    }
}

/// A tape on its way to whoever writes it.
#[derive(Debug)]
pub struct Reel {
    /// Whose it was: only its own tapes tell how far a worker's recordings have come.
    pub worker: u16,
    pub at: Instant,
    pub tape: Tape,
}

/// Where a leg's sound is taken off; it moves with the leg's stream from worker to worker.
#[derive(Debug)]
pub struct Tap {
    pub segment: SegmentId,
    swapped: bool,
    is_paused: bool,
    /// Since when nothing fits on the tape.
    lost: Option<Instant>,
}

impl Tap {
    pub fn begin(
        now: Instant,
        tape: &mut Tape,
        form: &Form,
        segment: SegmentId,
        path: Arc<str>,
        swapped: bool,
    ) -> Self {
        tape.push(now, segment, What::Begins { path, codec: form.codec });
        Self { segment, swapped, is_paused: false, lost: None }
    }

    pub fn pause(&mut self, now: Instant, tape: &mut Tape, cut: bool) {
        if !std::mem::replace(&mut self.is_paused, true) {
            tape.push(now, self.segment, What::Pauses { cut });
        }
    }

    pub fn resume(&mut self, now: Instant, tape: &mut Tape) {
        if std::mem::take(&mut self.is_paused) {
            tape.push(now, self.segment, What::Resumes);
        }
    }

    pub fn end(mut self, now: Instant, tape: &mut Tape) {
        self.tell_lost(now, tape);
        tape.push(now, self.segment, What::Ends);
    }

    /// A packet that the leg sent. True: from here on something is lost.
    pub fn says(&mut self, now: Instant, tape: &mut Tape, codec: Codec, header: &Header, payload: &[u8]) -> bool {
        let channel = if self.swapped { Channel::Right } else { Channel::Left };
        self.put(now, tape, (channel, codec), (header.ssrc, header.timestamp), payload)
    }

    /// A packet for the leg, before it is protected. True: from here on something is lost.
    pub fn hears(&mut self, now: Instant, tape: &mut Tape, form: &Form, packet: &[u8]) -> bool {
        let Some(header) = Header::read(packet).filter(|header| header.payload_type == form.payload.send) else {
            return false;
        };
        let channel = if self.swapped { Channel::Left } else { Channel::Right };
        let payload = packet.get(HEADER_BYTES..).unwrap_or_default();
        self.put(now, tape, (channel, form.codec), (header.ssrc, header.timestamp), payload)
    }

    fn put(
        &mut self,
        now: Instant,
        tape: &mut Tape,
        (channel, codec): (Channel, Codec),
        (source, timestamp): (u32, u32),
        payload: &[u8],
    ) -> bool {
        if self.is_paused {
            return false;
        }
        let Some((from, len)) = tape.push_sound(payload) else {
            return self.lost.replace(self.lost.unwrap_or(now)).is_none();
        };
        self.tell_lost(now, tape);
        tape.push(now, self.segment, What::Sound { channel, codec, source, timestamp, from, len });
        false
    }

    fn tell_lost(&mut self, now: Instant, tape: &mut Tape) {
        if let Some(since) = self.lost.take() {
            tape.push(now, self.segment, What::Lost { since });
        }
    }
}
