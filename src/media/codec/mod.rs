//! Sound to octets and back. All that is decoded, concealed and mixed is linear, at [`RATE`], in frames of [`FRAME`].

mod g722;
pub(in crate::media) mod opus;
mod resample;
#[cfg(test)]
mod tests;

use super::{Codec, g711};
use resample::Up;
pub(in crate::media) use resample::{DOWN_DELAY, Down, WIDEN_BEFORE, widen};

/// Samples a second of decoded sound.
pub const RATE: usize = 16_000;

/// Samples of one frame: 20 ms.
pub const FRAME: usize = RATE / 50;

/// By how many samples sound comes out of a G.711 leg's decoder and encoder late: 32 by the filter up, 30 by the one down.
pub const FILTER_DELAY: usize = 62;

/// The same of an encoder of ours beside the packets of another: 22 by the filters of G.722, 6.5 ms by what Opus looks ahead.
pub const fn delay(codec: Codec) -> usize {
    match codec {
        Codec::Pcmu | Codec::Pcma => FILTER_DELAY,
        Codec::G722 => 22,
        Codec::Opus => 104,
        Codec::G729 | Codec::Other(_) | Codec::T38 => 0,
    }
}

/// The longest packet that is decoded: Opus has none beyond 120 ms (RFC 7587 4.2).
pub const PACKET_SAMPLES_MAX: usize = RATE * 120 / 1_000;

/// Octets of the longest packet of one frame (RFC 6716 3.2.1).
const PACKET_BYTES_MAX: usize = 1_275;

/// What a peer asks of our encoder (RFC 7587 6.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// `useinbandfec=1`: each packet may carry a small copy of the one before.
    pub second_copies: bool,
    /// `maxaveragebitrate`.
    pub bitrate_max: Option<u32>,
    /// `maxplaybackrate`: what lies above half of it is not heard there.
    pub rate_max: Option<u32>,
    /// `cbr=1`: all packets are of one size, so that it tells nothing of what is said.
    pub is_even: bool,
    /// `usedtx=1`: hardly anything is sent for silence.
    pub rests: bool,
}

impl Wishes {
    /// Reads the parameters of an `a=fmtp` line.
    pub fn read(fmtp: &str) -> Self {
        let value = |wanted: &str| {
            fmtp.split(';').find_map(|parameter| {
                let (name, value) = parameter.split_once('=')?;
                name.trim().eq_ignore_ascii_case(wanted).then(|| value.trim())
            })
        };
        Self {
            second_copies: value("useinbandfec") == Some("1"),
            bitrate_max: value("maxaveragebitrate").and_then(|bits| bits.parse().ok()),
            rate_max: value("maxplaybackrate").and_then(|rate| rate.parse().ok()),
            is_even: value("cbr") == Some("1"),
            rests: value("usedtx") == Some("1"),
        }
    }
}

/// One leg's encoder: takes frames, gives packets.
#[derive(Debug)]
pub struct Encoder {
    codec: Codec,
    form: Sending,
    wishes: Wishes,
    /// Samples that wait until a packet is full.
    waiting: Vec<i16>,
}

#[derive(Debug)]
enum Sending {
    G711(Down),
    G722(g722::Encoder),
    Opus(Box<opus::Encoder>),
}

impl Encoder {
    /// `None` for what is not ours.
    pub fn new(codec: Codec, wishes: Wishes) -> Option<Self> {
        let form = match codec {
            Codec::Pcmu | Codec::Pcma => Sending::G711(Down::new()),
            Codec::G722 => Sending::G722(g722::Encoder::new()),
            Codec::Opus => Sending::Opus(Box::new(opus::Encoder::new(wishes)?)),
            Codec::G729 | Codec::Other(_) | Codec::T38 => return None,
        };
        Some(Self { codec, form, wishes, waiting: Vec::with_capacity(4 * FRAME) })
    }

    /// Is it what that leg wants?
    pub fn suits(&self, codec: Codec, wishes: Wishes) -> bool {
        (self.codec, self.wishes) == (codec, wishes)
    }

    /// Forgets samples that wait for the rest of their packet, and what a filter still holds of those before.
    pub fn clear(&mut self) {
        self.waiting.clear();
        match &mut self.form {
            Sending::G711(down) => *down = Down::new(),
            Sending::G722(_) | Sending::Opus(_) => {}
        }
    }

    /// What is pushed first comes next to this, which was heard before by other ways than through this encoder. What it
    /// remembers of its own means nothing to the listener's decoder any more.
    pub fn prime(&mut self, past: &[i16]) {
        self.clear();
        match &mut self.form {
            Sending::G711(down) => down.run(past, |_| {}),
            Sending::G722(encoder) => {
                *encoder = g722::Encoder::new();
                encoder.encode(past, &mut [0; PACKET_SAMPLES_MAX / g722::SAMPLES_AN_OCTET]);
            }
            Sending::Opus(encoder) => {
                if let Some(fresh) = opus::Encoder::new(self.wishes) {
                    **encoder = fresh;
                }
                for frame in past.chunks_exact(FRAME) {
                    encoder.encode(frame, &mut [0; PACKET_BYTES_MAX]);
                }
            }
        }
    }

    /// No samples wait for the rest of their packet.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Takes sound. Make packets of it with [`packet`](Self::packet) before there is more than a second of it.
    pub fn push(&mut self, samples: &[i16]) {
        let room = RATE.saturating_sub(self.waiting.len());
        self.waiting.extend(samples.iter().take(room));
    }

    /// Makes a packet of `millis`, when there is enough for it; tells its octets.
    pub fn packet(&mut self, millis: u16, octets: &mut [u8]) -> Option<usize> {
        let count = usize::from(millis) * (RATE / 1_000);
        let samples = self.waiting.get(..count)?;
        let len = match &mut self.form {
            Sending::G711(down) => {
                let is_ulaw = self.codec == Codec::Pcmu;
                let mut places = octets.iter_mut();
                let mut len = 0;
                down.run(samples, |sample| {
                    if let Some(octet) = places.next() {
                        *octet = if is_ulaw { g711::encode_ulaw(sample) } else { g711::encode_alaw(sample) };
                        len += 1;
                    }
                });
                len
            }
            Sending::G722(encoder) => encoder.encode(samples, octets),
            Sending::Opus(encoder) => encoder.encode(samples, octets),
        };
        self.waiting.drain(..count);
        (len > 0).then_some(len)
    }
}

/// How many samples a packet will make, as far as it says so.
pub fn span(codec: Codec, octets: &[u8]) -> usize {
    if codec == Codec::Opus { opus::span(octets) } else { octets.len() * 2 }
}

/// One leg's decoder.
#[derive(Debug)]
pub enum Decoder {
    /// Either law, as each packet says.
    G711(Box<Up>),
    G722(Box<g722::Decoder>),
    Opus(Box<opus::Decoder>),
}

impl Decoder {
    /// `None` for what is not ours.
    pub fn new(codec: Codec) -> Option<Self> {
        Some(match codec {
            Codec::Pcmu | Codec::Pcma => Self::G711(Box::new(Up::new())),
            Codec::G722 => Self::G722(Box::new(g722::Decoder::new())),
            Codec::Opus => Self::Opus(Box::new(opus::Decoder::new()?)),
            Codec::G729 | Codec::Other(_) | Codec::T38 => return None,
        })
    }

    /// Whether it is one for packets of that codec.
    pub const fn suits(&self, codec: Codec) -> bool {
        match self {
            Self::G711(_) => codec.is_g711(),
            Self::G722(_) => matches!(codec, Codec::G722),
            Self::Opus(_) => matches!(codec, Codec::Opus),
        }
    }

    /// Decodes a packet of `codec`, which is the decoder's or, of G.711, the other law; tells how many samples it made.
    pub fn decode(&mut self, codec: Codec, octets: &[u8], samples: &mut [i16; PACKET_SAMPLES_MAX]) -> usize {
        match self {
            Self::G711(up) => {
                let table = if codec == Codec::Pcma { &g711::ALAW_TO_LINEAR } else { &g711::ULAW_TO_LINEAR };
                let linear = octets.iter().map(|octet| table[usize::from(*octet)]);
                let mut places = samples.iter_mut();
                let mut count = 0;
                up.run(linear.take(PACKET_SAMPLES_MAX / 2), |sample| {
                    if let Some(place) = places.next() {
                        *place = sample;
                        count += 1;
                    }
                });
                count
            }
            Self::G722(decoder) => decoder.decode(octets, samples),
            Self::Opus(decoder) => decoder.decode(octets, samples),
        }
    }

    /// What the codec itself can do about a lost packet: Opus may have a second copy of it in the one behind. Tells how
    /// many samples it made.
    pub fn recover(&mut self, behind: Option<&[u8]>, samples: &mut [i16]) -> usize {
        match self {
            Self::G711(_) | Self::G722(_) => 0,
            Self::Opus(decoder) => decoder.recover(behind, samples),
        }
    }
}
