//! A piece of sound, ready to be put into packets.

use super::{
    Codec,
    codec::{self, Down},
    g711,
};

/// The longest sound: half an hour, 29 MB in both laws and 58 MB more where it is wide. Longer music repeats.
pub const SOUND_SAMPLES_MAX: usize = 30 * 60 * SAMPLE_RATE;

/// Samples a second of everything that is played or heard.
pub const SAMPLE_RATE: usize = 8_000;

/// A clip or tone at 8 kHz, encoded once in both laws: a player only copies octets. What came wider than the telephone's band is
/// kept so too, for legs that hear it.
#[derive(Clone, PartialEq, Eq)]
pub struct Sound {
    ulaw: Box<[u8]>,
    alaw: Box<[u8]>,
    /// Linear, at 16 kHz: two samples for each octet.
    wide: Option<Box<[i16]>>,
}

impl Sound {
    /// From linear samples at 8 kHz; cut at [`SOUND_SAMPLES_MAX`].
    pub fn from_samples(samples: &[i16]) -> Self {
        let samples = &samples[..samples.len().min(SOUND_SAMPLES_MAX)];
        Self {
            ulaw: samples.iter().map(|sample| g711::encode_ulaw(*sample)).collect(),
            alaw: samples.iter().map(|sample| g711::encode_alaw(*sample)).collect(),
            wide: None,
        }
    }

    /// From linear samples at 16 kHz; a last odd one is left out.
    pub fn from_wide(samples: &[i16]) -> Self {
        let samples = &samples[..(samples.len() & !1).min(2 * SOUND_SAMPLES_MAX)];
        let (mut down, mut narrow) = (Down::new(), Vec::with_capacity(samples.len() / 2 + codec::DOWN_DELAY));
        down.run(samples, |sample| narrow.push(sample));
        // What is still in the filter.
        down.run(&[0; 2 * codec::DOWN_DELAY], |sample| narrow.push(sample));
        Self { wide: Some(samples.into()), ..Self::from_samples(&narrow[codec::DOWN_DELAY..]) }
    }

    /// All of it at 16 kHz, where it came so wide.
    pub fn wide(&self) -> Option<&[i16]> {
        self.wide.as_deref()
    }

    /// Fills pairs of samples at 16 kHz from that sample on; tells how many there were.
    pub fn pairs(&self, from: usize, pairs: &mut [[i16; 2]]) -> usize {
        let count = pairs.len().min(self.len().saturating_sub(from));
        match &self.wide {
            Some(wide) => {
                for (pair, samples) in pairs[..count].iter_mut().zip(wide[2 * from..].chunks_exact(2)) {
                    *pair = [samples[0], samples[1]];
                }
            }
            None => {
                let last = self.len().saturating_sub(1);
                let sample =
                    |at: usize| self.ulaw.get(at.min(last)).map_or(0, |octet| g711::level(Codec::Pcmu, *octet));
                codec::widen(&mut pairs[..count], |at| sample((from + at).saturating_sub(codec::WIDEN_BEFORE)));
            }
        }
        count
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
