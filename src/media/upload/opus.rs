//! Opus in Ogg (RFC 7845): the library takes the file apart, and the codec of the calls decodes what is in it.

use super::{UploadError, narrow::Narrow};
use crate::media::{
    codec::{PACKET_SAMPLES_MAX, RATE, opus::Decoder},
    ogg,
};

/// Samples that Opus counts for one that is decoded here.
const TICKS: u64 = 48_000 / RATE as u64;

/// A file's only stream.
pub struct Stream {
    decoder: Decoder,
    gain: f32,
    /// Samples in front of the first that is heard.
    skip: u64,
    /// Samples from there to the end, as the file says.
    left: u64,
}

impl Stream {
    /// By its head, its number in the file, and the end of that. `None` where one packet holds more than one stream of one or
    /// two channels.
    pub fn new(head: &[u8], serial: u32, tail: &[u8]) -> Option<Self> {
        let word = |at: usize| Some(u16::from_le_bytes([*head.get(at)?, *head.get(at + 1)?]));
        let (channels, family, streams) = (*head.get(9)?, *head.get(18)?, head.get(19).copied());
        let is_one = channels <= 2 && (family == 0 || (family == 1 && streams == Some(1)));
        let skip = u64::from(word(10)?);
        let last = ogg::last_page(tail).map(|(_, _, place)| place).filter(|place| place.serial == serial);
        // In 256ths of a decibel.
        let gain = 10_f32.powf(f32::from(word(16)?.cast_signed()) / (20.0 * 256.0));
        let left = last.map_or(u64::MAX, |place| place.granule.saturating_sub(skip).div_ceil(TICKS));
        let decoder = Decoder::new().filter(|_| is_one)?;
        Some(Self { decoder, gain, skip: skip.div_ceil(TICKS), left })
    }

    /// Tells whether there was anything in it.
    pub fn decode(&mut self, packet: &[u8], narrow: &mut Option<Narrow>, seconds: usize) -> Result<bool, UploadError> {
        let mut made = [0; PACKET_SAMPLES_MAX];
        let count = self.decoder.decode(packet, &mut made);
        let narrow = narrow.get_or_insert_with(|| Narrow::new(RATE as u32));
        if narrow.taken() + count > seconds * RATE {
            return Err(UploadError::TooLong);
        }
        for sample in &made[..count] {
            if self.skip > 0 {
                self.skip -= 1;
            } else if self.left > 0 {
                self.left -= 1;
                narrow.push(f32::from(*sample) / 32_768.0 * self.gain);
            }
        }
        Ok(count > 0)
    }
}
