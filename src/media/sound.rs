//! A piece of sound, ready to be put into packets.

use super::{Codec, g711};

/// The longest sound: half an hour, 29 MB in both laws. Longer music repeats.
pub const SOUND_SAMPLES_MAX: usize = 30 * 60 * SAMPLE_RATE;

/// Samples a second of everything that is played or heard.
pub const SAMPLE_RATE: usize = 8_000;

/// A clip or tone at 8 kHz, encoded once in both laws: a player only copies octets.
#[derive(Clone, PartialEq, Eq)]
pub struct Sound {
    ulaw: Box<[u8]>,
    alaw: Box<[u8]>,
}

impl Sound {
    /// From linear samples at 8 kHz; cut at [`SOUND_SAMPLES_MAX`].
    pub fn from_samples(samples: &[i16]) -> Self {
        let samples = &samples[..samples.len().min(SOUND_SAMPLES_MAX)];
        Self {
            ulaw: samples.iter().map(|sample| g711::encode_ulaw(*sample)).collect(),
            alaw: samples.iter().map(|sample| g711::encode_alaw(*sample)).collect(),
        }
    }

    /// The octets of a G.711 codec; of another, none.
    pub fn octets(&self, codec: Codec) -> &[u8] {
        match codec {
            Codec::Pcmu => &self.ulaw,
            Codec::Pcma => &self.alaw,
            Codec::G722 | Codec::G729 | Codec::Opus | Codec::Other(_) | Codec::T38 => &[],
        }
    }

    pub fn samples(&self) -> impl Iterator<Item = i16> + '_ {
        self.ulaw.iter().map(|octet| g711::ULAW_TO_LINEAR[usize::from(*octet)])
    }

    /// In samples.
    pub fn len(&self) -> usize {
        self.ulaw.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ulaw.is_empty()
    }
}

impl std::fmt::Debug for Sound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sound({} ms)", self.len() / (SAMPLE_RATE / 1_000))
    }
}
