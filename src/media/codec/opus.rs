//! The door to Opus (RFC 6716, RFC 7587): one channel at 16 kHz, in both directions. The codec brings other rates and
//! channels there by itself.

use ropus::{Application, Bandwidth, Channels, DecodeMode, InbandFec};

use super::{RATE, Wishes};

/// Bits a second that we encode at, unless the peer wants less: as good as wideband speech gets.
const BITRATE: u32 = 32_000;

/// The least that a peer can ask for (RFC 7587 6.1).
const BITRATE_MIN: u32 = 6_000;

/// How hard the encoder tries, of 10: beyond, speech gains little and costs twice.
const COMPLEXITY: u8 = 5;

/// The loss that the encoder is told to expect when the peer can use its second copies.
const LOSS_PERCENT: u8 = 10;

/// Bits a second of one channel of a file: of a telephone's band, and of a wide one.
const FILE_BITRATE: u32 = 16_000;
const FILE_BITRATE_WIDE: u32 = 24_000;

/// A file's encoder has every recorded call to do.
const FILE_COMPLEXITY: u8 = 2;

/// How long a packet is, in samples, by its first octets (RFC 6716 3.1).
pub fn span(octets: &[u8]) -> usize {
    let Some(first) = octets.first().copied() else { return 0 };
    let (configuration, step) = (first >> 3, usize::from(first >> 3 & 3));
    let frame = match configuration {
        0..=11 => [160, 320, 640, 960][step],
        12..=15 => [160, 320][step % 2],
        _ => 40 << step,
    };
    let frames = match first & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => octets.get(1).map_or(0, |second| usize::from(second & 63)),
    };
    frame * frames
}

/// The flag of speech frames behind those that say whether somebody speaks (RFC 6716 4.2.3).
fn has_second_copy(octets: &[u8]) -> bool {
    let (Some(first), Some(flags)) = (octets.first(), octets.get(1)) else { return false };
    let is_speech_of_one_frame = first >> 3 < 16 && first & 3 == 0;
    let frames = (span(octets) / 320).max(1);
    is_speech_of_one_frame && flags << frames & 0x80 != 0
}

pub struct Encoder(ropus::Encoder);

pub struct Decoder(ropus::Decoder);

impl Encoder {
    /// `None` never, for these settings; the codec's own types say otherwise.
    pub fn new(wishes: Wishes) -> Option<Self> {
        let bitrate = wishes.bitrate_max.unwrap_or(BITRATE).clamp(BITRATE_MIN, BITRATE);
        let builder = ropus::Encoder::builder(RATE as u32, Channels::Mono, Application::Voip)
            .complexity(COMPLEXITY)
            .bitrate(ropus::Bitrate::try_bits(bitrate).ok()?)
            .max_bandwidth(match wishes.rate_max {
                Some(..=8_000) => Bandwidth::Narrowband,
                Some(8_001..=12_000) => Bandwidth::Mediumband,
                Some(_) | None => Bandwidth::Wideband,
            })
            .vbr(!wishes.is_even)
            .dtx(wishes.rests);
        let builder = if wishes.second_copies {
            builder.inband_fec(InbandFec::Enabled).packet_loss_perc(LOSS_PERCENT)
        } else {
            builder
        };
        builder.build().ok().map(Self)
    }

    /// For a file, at 8 or 16 kHz: nothing of it is lost on its way, and nobody waits for it.
    pub fn for_file(rate: u32) -> Option<Self> {
        let bitrate = if rate > 8_000 { FILE_BITRATE_WIDE } else { FILE_BITRATE };
        let builder = ropus::Encoder::builder(rate, Channels::Mono, Application::Voip)
            .complexity(FILE_COMPLEXITY)
            .bitrate(ropus::Bitrate::try_bits(bitrate).ok()?);
        builder.build().ok().map(Self)
    }

    /// By how much sound comes out late, in samples at 48 kHz.
    pub fn delay(&self) -> u16 {
        let ticks = 48_000 / self.0.sample_rate().max(1);
        u16::try_from(self.0.lookahead() * ticks).unwrap_or(u16::MAX)
    }

    pub fn encode(&mut self, samples: &[i16], octets: &mut [u8]) -> usize {
        self.0.encode(samples, octets).unwrap_or(0)
    }
}

impl Decoder {
    pub fn new() -> Option<Self> {
        ropus::Decoder::new(RATE as u32, Channels::Mono).ok().map(Self)
    }

    /// Tells how many samples it made; none of what is no Opus.
    pub fn decode(&mut self, octets: &[u8], samples: &mut [i16]) -> usize {
        if octets.is_empty() {
            return 0;
        }
        self.0.decode(octets, samples, DecodeMode::Normal).unwrap_or(0)
    }

    /// A lost packet, so many samples long, out of the second copy in the packet behind it; 0 where there is none, and
    /// then only the codec's memory goes on.
    pub fn recover(&mut self, behind: Option<&[u8]>, samples: &mut [i16]) -> usize {
        if let Some(octets) = behind.filter(|octets| has_second_copy(octets)) {
            return self.0.decode(octets, samples, DecodeMode::Fec).unwrap_or(0);
        }
        let _ = self.0.decode(&[], samples, DecodeMode::Normal);
        0
    }
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("opus::Encoder")
    }
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("opus::Decoder")
    }
}
