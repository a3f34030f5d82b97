//! How a phone writes sound into packets, and reads it.

use strowger::media::{
    self, Wishes,
    codec::{self, PACKET_SAMPLES_MAX},
};

use super::sound::{FRAME, Law, PERIOD, Voice};

/// What a phone may speak.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Coding {
    Mu,
    A,
    G722,
    Opus,
}

impl Coding {
    /// As `a=rtpmap` writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mu => "PCMU/8000",
            Self::A => "PCMA/8000",
            Self::G722 => "G722/8000",
            Self::Opus => "opus/48000/2",
        }
    }

    /// By how much its timestamps rise in a packet.
    pub const fn step(self) -> u32 {
        match self {
            Self::Mu | Self::A | Self::G722 => FRAME as u32,
            Self::Opus => 6 * FRAME as u32,
        }
    }

    fn ours(self) -> media::Codec {
        match self {
            Self::Mu => media::Codec::Pcmu,
            Self::A => media::Codec::Pcma,
            Self::G722 => media::Codec::G722,
            Self::Opus => media::Codec::Opus,
        }
    }
}

/// One side of a call, in one coding.
#[derive(Debug)]
pub enum Speech {
    /// A law, and all that the voice says before it repeats itself.
    Narrow(Law, Vec<u8>),
    /// What has a memory: one for what is said, one for what is heard.
    Wide(Box<(codec::Encoder, codec::Decoder)>),
}

impl Speech {
    pub fn new(coding: Coding, voice: Voice) -> Self {
        let law = match coding {
            Coding::Mu => Law::Mu,
            Coding::A => Law::A,
            Coding::G722 | Coding::Opus => {
                let encoder = codec::Encoder::new(coding.ours(), Wishes::default()).expect("ours");
                return Self::Wide(Box::new((encoder, codec::Decoder::new(coding.ours()).expect("ours"))));
            }
        };
        Self::Narrow(law, law.period(voice))
    }

    /// The packet of a voice that begins so many samples (at 8 kHz) after its beginning.
    pub fn voice(&mut self, voice: Voice, at: u64) -> Vec<u8> {
        match self {
            Self::Narrow(_, period) => (0..FRAME).map(|step| period[(at as usize + step) % PERIOD]).collect(),
            Self::Wide(_) => self.wide((0..2 * FRAME as u64).map(|step| voice.wide(2 * at + step))),
        }
    }

    /// A packet of samples at 8 kHz.
    pub fn write(&mut self, mut samples: impl FnMut() -> i16) -> Vec<u8> {
        match self {
            Self::Narrow(law, _) => (0..FRAME).map(|_| law.encode(samples())).collect(),
            Self::Wide(_) => {
                let samples: Vec<i16> = (0..FRAME).map(|_| samples()).collect();
                self.wide(samples.into_iter().flat_map(|sample| [sample; 2]))
            }
        }
    }

    fn wide(&mut self, samples: impl Iterator<Item = i16>) -> Vec<u8> {
        let Self::Wide(coder) = self else { return Vec::new() };
        coder.0.push(&samples.collect::<Vec<i16>>());
        let mut octets = vec![0; 400];
        let len = coder.0.packet(20, &mut octets).expect("a packet");
        octets.truncate(len);
        octets
    }

    /// At 8 kHz; of wide sound every other sample, so that nothing is smoothed away.
    pub fn read(&mut self, payload: &[u8], coding: Coding) -> Vec<i16> {
        match self {
            Self::Narrow(law, _) => payload.iter().map(|octet| law.decode(*octet)).collect(),
            Self::Wide(coder) => {
                let mut samples = [0; PACKET_SAMPLES_MAX];
                let count = coder.1.decode(coding.ours(), payload, &mut samples);
                samples[..count].iter().step_by(2).copied().collect()
            }
        }
    }
}
