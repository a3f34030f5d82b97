//! What is listened for in a leg's sound: keys pressed as tones, and who or what has picked up.
//!
//! Enters: packets as they come, and the time that passes without any. It makes no sound and delays none.

mod answer;
mod keys;
mod tone;

pub use answer::{Answer, AnswerSettings, Because};

use std::time::Duration;

use super::{
    Codec,
    codec::{Decoder, Down, PACKET_SAMPLES_MAX},
    g711,
};
use crate::{base::Instant, wire::rtp::Header};
use answer::Judge;
use keys::Keys;

/// Samples of a frame at 8 kHz: 20 ms.
const FRAME: usize = 160;
const FRAME_MS: u32 = 20;

/// A hole up to this is a lost packet: what was before it goes on. A longer one is silence.
const LOST_MAX: usize = 3;

/// Silence that one packet may make up for, in frames: a minute. Beyond, nobody waits for a judgement any more.
const HOLE_MAX: usize = 3_000;

/// After this time without a packet the leg is silent.
const DRY: Duration = Duration::from_millis(120);

/// What was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    Key(char, u32),
    Answer(Answer, Because),
    Beep { hz: u16, millis: u32 },
}

/// One leg's ear. Without anything to listen for it is not there.
#[derive(Debug)]
pub struct Ear {
    codec: Codec,
    decoder: Decoder,
    down: Down,
    frame: [i16; FRAME],
    filled: usize,
    /// Sender and timestamp of what should come next.
    next: Option<(u32, u32)>,
    /// Up to when the sound is told, packets or none.
    heard_to: Instant,
    keys: Option<Keys>,
    judge: Option<Box<Judge>>,
}

impl Ear {
    /// `None` for a codec that is not ours.
    pub fn new(now: Instant, codec: Codec) -> Option<Self> {
        Some(Self {
            codec,
            decoder: Decoder::new(codec)?,
            down: Down::new(),
            frame: [0; FRAME],
            filled: 0,
            next: None,
            heard_to: now,
            keys: None,
            judge: None,
        })
    }

    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// Listens for keys, or no longer.
    pub fn listen_for_keys(&mut self, wanted: bool) {
        match (&self.keys, wanted) {
            (None, true) => self.keys = Some(Keys::new()),
            (Some(_), false) => self.keys = None,
            (Some(_), true) | (None, false) => {}
        }
    }

    /// Judges from now on who has picked up.
    pub fn judge(&mut self, now: Instant, settings: AnswerSettings) {
        self.judge = Some(Box::new(Judge::new(settings)));
        self.heard_to = now;
    }

    /// The same ear for a leg that speaks another codec now.
    pub fn recoded(self, now: Instant, codec: Codec) -> Option<Self> {
        Some(Self { keys: self.keys, judge: self.judge, ..Self::new(now, codec)? })
    }

    pub fn is_needed(&self) -> bool {
        self.keys.is_some() || self.judge.is_some()
    }

    /// It is not sure yet who has picked up, or waits for a beep.
    pub fn judges(&self) -> bool {
        self.judge.is_some()
    }

    /// A key is held now.
    pub fn hears_key(&self) -> bool {
        self.keys.as_ref().is_some_and(Keys::is_held)
    }

    /// What the judge says when the leg is gone before he was sure.
    pub fn hang_up(&mut self) -> Option<Found> {
        self.judge.take().filter(|judge| !judge.is_sure()).map(|_| Found::Answer(Answer::HungUp, Because::HungUp))
    }

    /// Takes a packet as it comes; what is late is left out.
    pub fn hear(&mut self, now: Instant, codec: Codec, header: &Header, octets: &[u8], found: &mut impl FnMut(Found)) {
        let mut made = [0; PACKET_SAMPLES_MAX];
        let clock_hz = self.codec.clock_hz();
        if let Some((ssrc, next)) = self.next
            && ssrc == header.ssrc
        {
            let hole = i64::from(header.timestamp.wrapping_sub(next).cast_signed());
            if (-i64::from(clock_hz)..0).contains(&hole) {
                return;
            }
            // A sender's new time base is no silence: no more than has passed, and what a network may have held back.
            let passed = (now.since(self.heard_to).as_millis() / u128::from(FRAME_MS)) as usize;
            let frames = usize::try_from(hole * 50 / i64::from(clock_hz)).unwrap_or(0);
            self.pass(frames.min(passed + LOST_MAX), found);
        }
        let count = if codec.is_g711() {
            let table = if codec == Codec::Pcma { &g711::ALAW_TO_LINEAR } else { &g711::ULAW_TO_LINEAR };
            for octet in octets.iter().take(PACKET_SAMPLES_MAX) {
                self.take(table[usize::from(*octet)], found);
            }
            octets.len().min(PACKET_SAMPLES_MAX) as u64
        } else {
            let count = self.decoder.decode(codec, octets, &mut made);
            let mut narrow = [0; PACKET_SAMPLES_MAX / 2];
            let mut len = 0;
            self.down.run(&made[..count], |sample| {
                narrow[len] = sample;
                len += 1;
            });
            narrow[..len].iter().for_each(|sample| self.take(*sample, found));
            len as u64
        };
        let span = (count * u64::from(clock_hz) / 8_000) as u32;
        self.next = Some((header.ssrc, header.timestamp.wrapping_add(span)));
        self.heard_to = now;
    }

    /// Nothing may have come for a while: that is silence, too. Call now and then.
    pub fn wait(&mut self, now: Instant, found: &mut impl FnMut(Found)) {
        let dry = now.since(self.heard_to);
        if dry < DRY {
            return;
        }
        let frames = (dry.as_millis() / u128::from(FRAME_MS)) as usize;
        self.heard_to += Duration::from_millis(u64::from(FRAME_MS)) * frames.min(HOLE_MAX) as u32;
        self.next = None;
        self.silence(frames, found);
    }

    /// Frames that did not come.
    fn pass(&mut self, frames: usize, found: &mut impl FnMut(Found)) {
        if frames > LOST_MAX {
            return self.silence(frames, found);
        }
        for _ in 0..frames {
            // The last frame is at least as good a guess as silence.
            self.tell(found);
        }
    }

    fn silence(&mut self, frames: usize, found: &mut impl FnMut(Found)) {
        (self.frame, self.filled) = ([0; FRAME], 0);
        for _ in 0..frames.min(HOLE_MAX) {
            self.tell(found);
        }
    }

    fn take(&mut self, sample: i16, found: &mut impl FnMut(Found)) {
        if let Some(place) = self.frame.get_mut(self.filled) {
            *place = sample;
            self.filled += 1;
        }
        if self.filled == FRAME {
            self.filled = 0;
            self.tell(found);
        }
    }

    fn tell(&mut self, found: &mut impl FnMut(Found)) {
        if let Some((key, millis)) = self.keys.as_mut().and_then(|keys| keys.hear(&self.frame)) {
            found(Found::Key(key, millis));
        }
        let Some(judge) = &mut self.judge else { return };
        if let Some(told) = judge.hear(&self.frame) {
            found(told);
        }
        if judge.is_done() {
            self.judge = None;
        }
    }
}

/// The power of one frequency in these samples, `coefficient` being twice its cosine (Goertzel's way): of a tone of
/// power P, P times half the square of their count.
fn power_at(samples: &[i16], coefficient: f32) -> f32 {
    let (mut one, mut two) = (0.0_f32, 0.0_f32);
    for sample in samples {
        (one, two) = (f32::from(*sample) + coefficient * one - two, one);
    }
    one * one + two * two - coefficient * one * two
}
