//! WAV files to sound: a reader over bytes. PCM of 16 bits, µ-law and A-law; mono or stereo; 8 or 16 kHz.

pub mod chunks;

use super::{SAMPLE_RATE, SOUND_SAMPLES_MAX, Sound, g711};

/// The largest file looked at: half an hour of stereo PCM at 16 kHz is 115 MB.
pub const WAV_BYTES_MAX: usize = 128 << 20;

/// Why a file can't be played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WavError {
    NotWav,
    /// It ends before it says it does, or lacks its format or sound.
    Torn,
    TooLong,
    /// The format tag, channels, bits and rate that we don't read.
    Format {
        tag: u16,
        channels: u16,
        bits: u16,
        rate: u32,
    },
}

impl std::fmt::Display for WavError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotWav => f.write_str("not a WAV file"),
            Self::Torn => f.write_str("the file is torn"),
            Self::TooLong => write!(f, "longer than {} minutes", SOUND_SAMPLES_MAX / SAMPLE_RATE / 60),
            Self::Format { tag, channels, bits, rate } => write!(
                f,
                "format {tag}, {channels} channels, {bits} bits, {rate} Hz is not read: use 16-bit PCM, µ-law or A-law, \
                 mono or stereo, 8000 or 16000 Hz"
            ),
        }
    }
}

impl std::error::Error for WavError {}

/// Reads a whole WAV file. Stereo is mixed to mono; 16 kHz is kept, and filtered down to 8.
pub fn read(file: &[u8]) -> Result<Sound, WavError> {
    if file.len() > WAV_BYTES_MAX {
        return Err(WavError::TooLong);
    }
    let chunks = chunks::read(file)?;
    Format::read(chunks.format)?.sound(chunks.sound)
}

/// A mono file that holds all of a sound: µ-law at 8 kHz, or 16 bits at 16 kHz where it is wide.
pub fn write(sound: &Sound) -> Vec<u8> {
    let Some(wide) = sound.wide() else { return file(TAG_ULAW, 1, SAMPLE_RATE, sound.octets(super::Codec::Pcmu)) };
    let octets: Vec<u8> = wide.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    file(TAG_PCM, 2, 2 * SAMPLE_RATE, &octets)
}

fn file(tag: u16, bytes: u16, rate: usize, octets: &[u8]) -> Vec<u8> {
    let length = u32::try_from(octets.len()).unwrap_or(u32::MAX);
    let pad = octets.len() % 2;
    let mut file = Vec::with_capacity(58 + octets.len() + pad);
    file.extend_from_slice(b"RIFF");
    file.extend_from_slice(&length.saturating_add(50 + pad as u32).to_le_bytes());
    file.extend_from_slice(b"WAVEfmt ");
    file.extend_from_slice(&18u32.to_le_bytes());
    for field in [tag, 1] {
        file.extend_from_slice(&field.to_le_bytes());
    }
    for field in [rate as u32, rate as u32 * u32::from(bytes)] {
        file.extend_from_slice(&field.to_le_bytes());
    }
    for field in [bytes, bytes * 8, 0] {
        file.extend_from_slice(&field.to_le_bytes());
    }
    file.extend_from_slice(b"fact");
    file.extend_from_slice(&4u32.to_le_bytes());
    file.extend_from_slice(&(length / u32::from(bytes)).to_le_bytes());
    file.extend_from_slice(b"data");
    file.extend_from_slice(&length.to_le_bytes());
    file.extend_from_slice(octets);
    file.resize(file.len() + pad, 0);
    file
}

/// Octets before the sound of a file of two channels.
pub const STEREO_HEAD: usize = 58;

/// What stands before the sound of a file in one of the laws of G.711, two channels at 8 kHz, with so many samples in
/// each. A file of which more was written than its head says is played that far.
pub fn stereo_head(law: super::Codec, samples: u64) -> [u8; STEREO_HEAD] {
    let tag = if law == super::Codec::Pcma { TAG_ALAW } else { TAG_ULAW };
    // 37 hours; of a longer one the rest is not played.
    let samples = u32::try_from(samples).unwrap_or(u32::MAX).min((u32::MAX - STEREO_HEAD as u32) / 2);
    let mut head = [0; STEREO_HEAD];
    let fields: [&[u8]; 16] = [
        b"RIFF",
        &(samples * 2 + STEREO_HEAD as u32 - 8).to_le_bytes(),
        b"WAVEfmt ",
        &18u32.to_le_bytes(),
        &tag.to_le_bytes(),
        &2u16.to_le_bytes(),
        &(SAMPLE_RATE as u32).to_le_bytes(),
        &(SAMPLE_RATE as u32 * 2).to_le_bytes(),
        &2u16.to_le_bytes(),
        &8u16.to_le_bytes(),
        &0u16.to_le_bytes(),
        b"fact",
        &4u32.to_le_bytes(),
        &samples.to_le_bytes(),
        b"data",
        &(samples * 2).to_le_bytes(),
    ];
    for (place, octet) in head.iter_mut().zip(fields.into_iter().flatten()) {
        *place = *octet;
    }
    head
}

const TAG_PCM: u16 = 1;
const TAG_ALAW: u16 = 6;
const TAG_ULAW: u16 = 7;
/// The real tag follows in the extension.
const TAG_EXTENSIBLE: u16 = 0xfffe;

struct Format {
    decode: fn(&[u8]) -> i16,
    bytes: usize,
    channels: usize,
    /// Samples in for one out.
    step: usize,
}

impl Format {
    fn read(body: &[u8]) -> Result<Self, WavError> {
        let half = |at: usize| body.get(at..at + 2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
        let short = |at: usize| half(at).ok_or(WavError::Torn);
        let (mut tag, channels, bits) = (short(0)?, short(2)?, short(14)?);
        let rate = u32::from(short(4)?) | u32::from(short(6)?) << 16;
        if tag == TAG_EXTENSIBLE {
            tag = short(24)?;
        }
        let refused = Err(WavError::Format { tag, channels, bits, rate });
        let (decode, bytes): (fn(&[u8]) -> i16, usize) = match (tag, bits) {
            (TAG_PCM, 16) => (|octets| octets.first_chunk().map_or(0, |pair| i16::from_le_bytes(*pair)), 2),
            (TAG_ULAW, 8) => (|octets| octets.first().map_or(0, |octet| g711::ULAW_TO_LINEAR[usize::from(*octet)]), 1),
            (TAG_ALAW, 8) => (|octets| octets.first().map_or(0, |octet| g711::ALAW_TO_LINEAR[usize::from(*octet)]), 1),
            _ => return refused,
        };
        let step = match rate {
            8_000 => 1,
            16_000 => 2,
            _ => return refused,
        };
        if !(1..=2).contains(&channels) {
            return refused;
        }
        Ok(Self { decode, bytes, channels: usize::from(channels), step })
    }

    fn sound(&self, body: &[u8]) -> Result<Sound, WavError> {
        if body.len() / (self.bytes * self.channels * self.step) > SOUND_SAMPLES_MAX {
            return Err(WavError::TooLong);
        }
        let mono: Vec<i16> = body
            .chunks_exact(self.bytes * self.channels)
            .map(|frame| {
                let sum: i32 = frame.chunks_exact(self.bytes).map(|octets| i32::from((self.decode)(octets))).sum();
                (sum / self.channels as i32) as i16
            })
            .collect();
        Ok(if self.step == 2 { Sound::from_wide(&mono) } else { Sound::from_samples(&mono) })
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;
    use crate::media::{Codec, tone_peak, tone_snr_db};

    /// 8,000 samples.
    fn sine(rate: f64, hz: f64) -> Vec<i16> {
        (0..8_000).map(|at| ((TAU * hz * f64::from(at) / rate).sin() * 9_000.0) as i16).collect()
    }

    /// SW-12: WAV files of the sorts people have become sound; torn ones are refused or read as far as they go.
    #[test]
    fn wav_files_are_read() {
        let sound = Sound::from_samples(&sine(8_000.0, 1_000.0));
        let file = write(&sound);
        let again = read(&file).expect("our own");
        assert_eq!(again.octets(Codec::Pcmu), sound.octets(Codec::Pcmu));
        for cut in 0..file.len() {
            let _ = read(&file[..cut]);
        }
        let pcm = |rate: u32, channels: u16, samples: &[i16]| {
            let body: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
            let mut file = b"RIFF\0\0\0\0WAVELIST\x03\0\0\0abc\0fmt \x10\0\0\0\x01\0".to_vec();
            file.extend(channels.to_le_bytes());
            file.extend(rate.to_le_bytes());
            file.extend([0; 4]);
            file.extend([0, 0, 16, 0]);
            file.extend(b"data");
            file.extend((body.len() as u32).to_le_bytes());
            file.extend(body);
            file
        };
        let stereo: Vec<i16> = sine(16_000.0, 500.0).into_iter().flat_map(|sample| [sample, sample]).collect();
        for file in
            [pcm(8_000, 1, &sine(8_000.0, 500.0)), pcm(16_000, 1, &sine(16_000.0, 500.0)), pcm(16_000, 2, &stereo)]
        {
            let samples: Vec<i16> = read(&file).expect("a usual file").samples().collect();
            assert!(tone_snr_db(&samples[100..3_900], 500.0) > 30.0);
            assert!((8_500.0..9_500.0).contains(&tone_peak(&samples[100..3_900], 500.0)));
        }
        let wide = sine(16_000.0, 6_000.0);
        let sound = read(&pcm(16_000, 1, &wide)).expect("a file");
        assert_eq!((sound.wide(), sound.len()), (Some(&wide[..]), 4_000));
        assert_eq!(read(&write(&sound)).expect("our own"), sound, "kept as wide as it was");
        let folded: Vec<i16> = read(&pcm(16_000, 1, &sine(16_000.0, 7_000.0))).expect("a file").samples().collect();
        assert!(tone_peak(&folded[100..3_900], 1_000.0) < 300.0, "7 kHz must not fold down to 1");
        assert!(matches!(read(&pcm(44_100, 1, &[0])), Err(WavError::Format { rate: 44_100, .. })));
        assert!(matches!(read(&pcm(8_000, 0, &[0])), Err(WavError::Format { channels: 0, .. })));
        assert_eq!(read(b"OggS"), Err(WavError::NotWav));
    }
}
