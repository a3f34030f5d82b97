//! A speaker as a mixer hears him: packets of any rhythm in, one frame of sound every 20 ms out.

mod jitter;
mod line;
#[cfg(test)]
mod tests;

use std::time::Duration;

use super::{
    Codec,
    codec::{self, Decoder, FRAME, PACKET_SAMPLES_MAX, RATE},
};
use crate::{base::Instant, wire::rtp::Header};
use jitter::{Jitter, Turn};
pub use line::Line;

/// What is left waiting when too much has come at once.
const SHORT: usize = RATE * 60 / 1_000;

/// Sound that may always wait; what is more for some time is left out, wave by wave.
const SPARE: usize = RATE * 25 / 1_000;

/// That time, in frames: it doubles whenever something came too late, and halves whenever a wave was left out.
const PATIENCE_MIN: usize = 100;
const PATIENCE_MAX: usize = 1_600;

/// Sound that may wait at all, 400 ms; beyond, the oldest is left out at once.
const WAITING_MAX: usize = RATE * 400 / 1_000;

/// How long missing sound is made up before the speaker counts as silent.
const DRY_MAX: usize = RATE * 120 / 1_000;

/// Who was heard so lately speaks.
const FRESH: Duration = Duration::from_millis(45);

/// Turns that one frame may take: of the shortest packets there are, and losses among them.
const TURNS_MAX: usize = 32;

/// One speaker's ear. Its buffer grows by what came too late, and shrinks when more waits than was ever needed.
#[derive(Debug)]
pub struct Voice {
    codec: Codec,
    decoder: Decoder,
    jitter: Jitter,
    line: Line,
    /// Samples of the last packet.
    span: usize,
    speaks: bool,
    /// Something has waited for one frame: a network may delay one packet more than another.
    has_waited: bool,
    /// Something came after its turn: the next is to be given more time.
    grows: bool,
    /// Samples made up since the last packet.
    dry: usize,
    /// The least that waited behind a frame lately, and for how many frames.
    least: usize,
    frames: usize,
    patience: usize,
    /// When something was last heard elsewhere.
    remembered: Option<Instant>,
    pub figures: Figures,
}

/// What became of the sound, in samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    pub made_up: u64,
    pub left_out: u64,
}

impl Voice {
    /// `None` for a codec that is not ours.
    pub fn new(codec: Codec) -> Option<Self> {
        Some(Self {
            codec,
            decoder: Decoder::new(codec)?,
            jitter: Jitter::new(),
            line: Line::new(),
            span: FRAME,
            speaks: false,
            has_waited: false,
            grows: false,
            dry: 0,
            least: usize::MAX,
            frames: 0,
            patience: PATIENCE_MIN,
            remembered: None,
            figures: Figures::default(),
        })
    }

    /// Takes a packet as it comes.
    pub fn push(&mut self, codec: Codec, header: &Header, octets: &[u8]) {
        if !self.speaks {
            self.span = codec::span(codec, octets).clamp(1, PACKET_SAMPLES_MAX);
        }
        let late = self.jitter.late;
        self.jitter.push(codec, header, octets);
        self.grows |= self.jitter.late > late;
    }

    /// A packet that was heard another way: what comes next follows on it.
    pub fn remember(&mut self, now: Instant, codec: Codec, header: &Header, octets: &[u8]) {
        let mut made = [0; PACKET_SAMPLES_MAX];
        if suit(&mut self.decoder, codec) {
            self.line.make_up(0);
        }
        self.codec = codec;
        let count = self.decoder.decode(codec, octets, &mut made);
        self.span = count.clamp(1, PACKET_SAMPLES_MAX);
        self.line.remember(&made[..count]);
        let span = (count as u64 * u64::from(self.codec.clock_hz()) / RATE as u64) as u32;
        self.jitter.follow(header, span);
        self.remembered = Some(now);
    }

    /// From here on it is heard this way. Gives the end of what was, made up to where a listener has heard it, when he
    /// was just speaking.
    pub fn go_on(&mut self, now: Instant) -> Option<Vec<i16>> {
        let remembered = self.remembered.take()?;
        if now.since(remembered) > FRESH {
            return None;
        }
        (self.speaks, self.dry, self.least, self.frames) = (true, 0, usize::MAX, 0);
        Some(self.line.go_on(codec::delay(self.codec)))
    }

    /// The next 20 ms; false when that is silence.
    pub fn frame(&mut self, frame: &mut [i16; FRAME]) -> bool {
        if !self.speaks && self.jitter.len() > 0 {
            if self.has_waited {
                self.jitter.begin();
                (self.speaks, self.dry, self.least, self.frames) = (true, 0, usize::MAX, 0);
            }
            self.has_waited = !self.has_waited;
        }
        if std::mem::take(&mut self.grows) && self.speaks && self.waiting() < WAITING_MAX / 2 {
            self.line.make_up(FRAME);
            self.figures.made_up += FRAME as u64;
            self.patience = (self.patience * 2).min(PATIENCE_MAX);
        }
        let is_silent = !self.speaks && self.line.len() == 0;
        for _ in 0..TURNS_MAX {
            if !self.speaks || self.line.len() >= FRAME {
                break;
            }
            self.turn();
        }
        self.line.rest(FRAME.saturating_sub(self.line.len()));
        self.line.take(frame);
        if self.speaks {
            self.keep_short();
        }
        !is_silent
    }

    /// Samples that wait, as far as they can be told before they are decoded.
    fn waiting(&self) -> usize {
        self.line.len() + self.jitter.len() * self.span
    }

    fn turn(&mut self) {
        let mut made = [0; PACKET_SAMPLES_MAX];
        match self.jitter.turn() {
            Turn::Packet { codec, octets } => {
                if suit(&mut self.decoder, codec) {
                    self.line.make_up(0);
                }
                self.codec = codec;
                let count = self.decoder.decode(codec, octets, &mut made);
                self.jitter.played((count as u64 * u64::from(codec.clock_hz()) / RATE as u64) as u32);
                if count > 0 {
                    self.span = count;
                    self.line.push(&made[..count]);
                }
                self.dry = 0;
            }
            Turn::Lost { behind } => {
                if self.dry >= self.span {
                    // What was made up while it was late.
                    self.dry -= self.span;
                    return;
                }
                let wanted = made.get_mut(..self.span).unwrap_or_default();
                let count = self.decoder.recover(behind, wanted);
                // Only what was sent twice is better than the last wave again.
                if count == self.span {
                    self.line.push(&made[..count]);
                } else {
                    self.line.make_up(self.span);
                }
                self.figures.made_up += self.span as u64;
            }
            Turn::Gap => self.stop(),
            Turn::Dry => {
                let count = FRAME - self.line.len();
                self.line.make_up(count);
                if self.dry == 0 {
                    self.patience = (self.patience * 2).min(PATIENCE_MAX);
                }
                self.dry += count;
                self.figures.made_up += count as u64;
                if self.dry >= DRY_MAX {
                    self.stop();
                }
            }
        }
    }

    fn stop(&mut self) {
        self.speaks = false;
    }

    /// Leaves out what waits for nothing.
    fn keep_short(&mut self) {
        let waiting = self.waiting();
        self.least = self.least.min(waiting);
        self.frames += 1;
        if waiting > WAITING_MAX {
            for _ in 0..TURNS_MAX {
                if self.waiting() <= SHORT || !self.jitter.skip() {
                    break;
                }
                self.figures.left_out += self.span as u64;
            }
            (self.least, self.frames) = (usize::MAX, 0);
        } else if self.frames >= self.patience {
            if self.least > SPARE {
                while self.line.len() < 2 * FRAME && self.jitter.len() > 0 && self.speaks {
                    self.turn();
                }
                self.figures.left_out += self.line.shorten() as u64;
                self.patience = (self.patience / 2).max(PATIENCE_MIN);
            }
            (self.least, self.frames) = (usize::MAX, 0);
        }
    }
}

/// A speaker may go on in another codec: true where that takes another decoder. What it makes begins where the sound of the
/// last one would have gone on.
fn suit(decoder: &mut Decoder, codec: Codec) -> bool {
    let fresh = if decoder.suits(codec) { None } else { Decoder::new(codec) };
    fresh.map(|fresh| *decoder = fresh).is_some()
}
