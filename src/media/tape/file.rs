//! The octets of a recording's file, made of its samples: WAV in one of the laws of G.711, or Opus in Ogg.

use serde::{Deserialize, Serialize};

use super::{CHANNELS, TAPED_RATE, TAPED_RATE_WIDE};
use crate::media::{
    Codec,
    codec::opus,
    g711,
    ogg::{Page, Place},
    wav::stereo_head,
};

/// What a recording's file is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// G.711 as it was said: nothing is worked out, 16 KB a second.
    #[default]
    Wav,
    /// A quarter of that or less, for some CPU time.
    Opus,
}

impl Format {
    pub const ALL: [(&'static str, Self); 2] = [("wav", Self::Wav), ("opus", Self::Opus)];

    /// How its files' names end.
    pub const fn ending(self) -> &'static str {
        match self {
            Self::Wav => "wav",
            Self::Opus => "opus",
        }
    }

    /// Of a file that we named.
    pub fn of(path: &str) -> Self {
        if path.ends_with(".opus") { Self::Opus } else { Self::Wav }
    }

    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Wav => "audio/wav",
            Self::Opus => "audio/ogg",
        }
    }
}

/// Makes the octets of one file, two channels. Pure.
///
/// What it gives is written one behind the other, after the [`head`](Self::head). What could not be written is left out:
/// [`go_back`](Self::go_back) to where it stood before, and the next octets follow what was written last.
#[derive(Debug)]
pub enum FileEncoder {
    Wav { law: Codec, samples: u64 },
    Opus(Box<OpusFile>),
}

/// Where a file stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stand {
    samples: u64,
    sequence: u32,
}

impl FileEncoder {
    /// Of a leg that speaks that codec: an Opus file is as wide as that is. `None` never, for what we ask of Opus; the
    /// codec's own types say otherwise.
    pub fn new(format: Format, codec: Codec, serial: u32) -> Option<Self> {
        let law = if codec == Codec::Pcma { Codec::Pcma } else { Codec::Pcmu };
        Some(match format {
            Format::Wav => Self::Wav { law, samples: 0 },
            Format::Opus => {
                let rate = if matches!(codec, Codec::G722 | Codec::Opus) { TAPED_RATE_WIDE } else { TAPED_RATE };
                Self::Opus(Box::new(OpusFile::new(rate, serial)?))
            }
        })
    }

    /// Samples a second that it takes, in each channel.
    pub fn rate(&self) -> u32 {
        match self {
            Self::Wav { .. } => TAPED_RATE,
            Self::Opus(file) => file.rate,
        }
    }

    /// What the file begins with.
    pub fn head(&self) -> Vec<u8> {
        match self {
            Self::Wav { law, samples } => stereo_head(*law, *samples).to_vec(),
            Self::Opus(file) => file.head(),
        }
    }

    /// Whether the head tells how long the file is, and so must be written again while it grows.
    pub fn head_tells_length(&self) -> bool {
        matches!(self, Self::Wav { .. })
    }

    /// Adds to `octets` what becomes of these samples, left and right in turn: with Opus whole packets on a page.
    pub fn push(&mut self, sound: &[i16], octets: &mut Vec<u8>) {
        match self {
            Self::Wav { law, samples } => {
                let encode = if *law == Codec::Pcma { g711::encode_alaw } else { g711::encode_ulaw };
                octets.extend(sound.iter().map(|sample| encode(*sample)));
                *samples += (sound.len() / CHANNELS) as u64;
            }
            Self::Opus(file) => file.push(sound, octets),
        }
    }

    /// The rest.
    pub fn finish(&mut self, octets: &mut Vec<u8>) {
        match self {
            Self::Wav { .. } => {}
            Self::Opus(file) => file.finish(octets),
        }
    }

    /// Samples in the file so far, in each channel.
    pub fn samples(&self) -> u64 {
        match self {
            Self::Wav { samples, .. } => *samples,
            Self::Opus(file) => file.length.unwrap_or(file.frames * file.frame() as u64),
        }
    }

    pub fn stand(&self) -> Stand {
        let sequence = match self {
            Self::Wav { .. } => 0,
            Self::Opus(file) => file.sequence,
        };
        Stand { samples: self.samples(), sequence }
    }

    /// What came since then is not in the file; tells how many samples.
    pub fn go_back(&mut self, to: Stand) -> u64 {
        let count = self.samples().saturating_sub(to.samples);
        match self {
            Self::Wav { samples, .. } => *samples = to.samples,
            Self::Opus(file) => {
                file.frames = to.samples / file.frame() as u64;
                (file.sequence, file.length) = (to.sequence, None);
            }
        }
        count
    }
}

/// Packets of one page: no player waits for more than a second to know where it is (RFC 7845 6).
const PAGE_PACKETS: usize = 50;

/// Samples of 20 ms as an Opus file counts them.
const TICKS: u64 = 960;

/// The head and the tags have a page each.
const HEAD_PAGES: u32 = 2;

/// Octets of one channel's frame.
const FRAME_OCTETS_MAX: usize = 1_275;

/// Ogg with two streams of one channel each (RFC 7845 5.1.1.2): as a pair they would be coded as what both have in common
/// and what sets them apart, and each would be heard a little in the other's place.
#[derive(Debug)]
pub struct OpusFile {
    rate: u32,
    serial: u32,
    channels: [opus::Encoder; CHANNELS],
    /// Samples that are no frame yet.
    waiting: Vec<i16>,
    page: Page,
    /// Those in the file, and on the page.
    frames: u64,
    /// Of the next page.
    sequence: u32,
    /// Of a file that is finished, in samples.
    length: Option<u64>,
}

impl OpusFile {
    fn new(rate: u32, serial: u32) -> Option<Self> {
        let channels = [opus::Encoder::for_file(rate)?, opus::Encoder::for_file(rate)?];
        let (waiting, page) = (Vec::new(), Page::default());
        Some(Self { rate, serial, channels, waiting, page, frames: 0, sequence: HEAD_PAGES, length: None })
    }

    /// Samples of a frame, in each channel.
    fn frame(&self) -> usize {
        self.rate as usize / 50
    }

    /// What a decoder gives before the first sample, at 48 kHz.
    fn skip(&self) -> u64 {
        u64::from(self.channels[0].delay())
    }

    /// RFC 7845 5.1 and 5.2.
    fn head(&self) -> Vec<u8> {
        let mut head = b"OpusHead\x01".to_vec();
        head.push(CHANNELS as u8);
        head.extend(self.channels[0].delay().to_le_bytes());
        head.extend(self.rate.to_le_bytes());
        // No gain; family 1; two streams, none of a pair; left from the first, right from the second.
        head.extend([0, 0, 1, CHANNELS as u8, 0, 0, 1]);
        let mut tags = b"OpusTags\x08\0\0\0strowger".to_vec();
        tags.extend([0; 4]);
        let (mut page, mut octets) = (Page::default(), Vec::new());
        for (sequence, packet) in (0..).zip([head, tags]) {
            page.push(&packet);
            let place = Place { serial: self.serial, sequence, granule: 0, begins: sequence == 0, ends: false };
            page.write(place, &mut octets);
        }
        octets
    }

    fn push(&mut self, sound: &[i16], octets: &mut Vec<u8>) {
        let mut rest = std::mem::take(&mut self.waiting);
        rest.extend_from_slice(sound);
        let frames = rest.chunks_exact(self.frame() * CHANNELS);
        self.waiting = frames.remainder().to_vec();
        for frame in frames {
            self.encode(frame);
            if self.page.packets() >= PAGE_PACKETS {
                self.turn(self.frames * TICKS, false, octets);
            }
        }
        if !self.page.is_empty() {
            self.turn(self.frames * TICKS, false, octets);
        }
    }

    /// Ends the page.
    fn turn(&mut self, granule: u64, ends: bool, octets: &mut Vec<u8>) {
        let place = Place { serial: self.serial, sequence: self.sequence, granule, begins: false, ends };
        self.page.write(place, octets);
        self.sequence = self.sequence.wrapping_add(1);
    }

    /// Puts a frame on the page.
    fn encode(&mut self, frame: &[i16]) {
        let mut packet = Vec::with_capacity(FRAME_OCTETS_MAX);
        let mut made = [0; FRAME_OCTETS_MAX];
        for (at, encoder) in self.channels.iter_mut().enumerate() {
            let mono: Vec<i16> = frame.iter().skip(at).step_by(CHANNELS).copied().collect();
            let mut len = encoder.encode(&mono, &mut made);
            if len == 0 {
                // It never fails; else a decoder conceals 20 ms of speech (RFC 6716 3.1).
                (made[0], len) = (if self.rate > TAPED_RATE { 0x48 } else { 0x08 }, 1);
            }
            let made = &made[..len];
            // All but the last tell how long they are.
            if at + 1 < CHANNELS {
                crate::media::ogg::delimit(made, &mut packet);
            } else {
                packet.extend_from_slice(made);
            }
        }
        self.page.push(&packet);
        self.frames += 1;
    }

    /// The decoder is late: the last samples come out of it only with what follows, and the last page says how many of those
    /// count (RFC 7845 4.4).
    fn finish(&mut self, octets: &mut Vec<u8>) {
        let length = self.frames * self.frame() as u64 + (self.waiting.len() / CHANNELS) as u64;
        let end = length * 48_000 / u64::from(self.rate) + self.skip();
        while self.frames * TICKS < end {
            let mut frame = std::mem::take(&mut self.waiting);
            frame.resize(self.frame() * CHANNELS, 0);
            self.encode(&frame);
        }
        self.turn(end, true, octets);
        self.length = Some(length);
    }
}
