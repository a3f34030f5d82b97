//! Uploads become sound: WAV, FLAC, MP3, Ogg with Vorbis or Opus, told apart by what is in them, never by a name.
//!
//! A file is hostile until it is decoded: its size, its length and the work that it makes are bounded, and what its
//! notes say is not read.

mod narrow;
mod opus;

use std::io::Cursor;

use symphonia::core::{
    audio::{AudioBufferRef, SampleBuffer},
    codecs::{CODEC_TYPE_NULL, CODEC_TYPE_OPUS, CodecParameters, Decoder, DecoderOptions},
    errors::Error,
    formats::{FormatOptions, Packet},
    io::{MediaSourceStream, MediaSourceStreamOptions},
    meta::{Limit, MetadataOptions},
    probe::Hint,
};

use super::{
    SAMPLE_RATE, Sound, ogg,
    wav::chunks::{self, Chunks},
};
use narrow::Narrow;

/// The largest file taken: five minutes of 16-bit stereo at 44.1 kHz are 53 MB, as FLAC half of that.
pub const UPLOAD_BYTES_MAX: usize = 32 << 20;

/// The longest clip, in seconds. What is said in a call is over sooner.
pub const UPLOAD_SECONDS_MAX: usize = 300;

/// Packets looked at: the shortest there are have 64 samples.
const PACKETS_MAX: usize = 300_000;

/// Broken packets that are left out before the whole file counts as broken.
const BROKEN_MAX: usize = 16;

/// Octets of notes and pictures that are skipped.
const NOTES_MAX: usize = 4 << 20;

const RATES: std::ops::RangeInclusive<u32> = 4_000..=192_000;
const CHANNELS_MAX: usize = 8;

/// How long a clip rises from silence at its beginning and falls back at its end, in samples: 4 ms, so that neither clicks.
const EDGE: usize = 32;

/// Why an upload is no clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UploadError {
    TooLarge,
    /// None of the kinds that are read.
    Unknown,
    /// It can't be decoded to its end.
    Broken,
    TooLong,
    /// It ends before it begins.
    Empty,
}

impl UploadError {
    pub const ALL: [Self; 5] = [Self::TooLarge, Self::Unknown, Self::Broken, Self::TooLong, Self::Empty];

    /// For who decodes elsewhere: never 0.
    pub const fn number(self) -> u8 {
        match self {
            Self::TooLarge => 1,
            Self::Unknown => 2,
            Self::Broken => 3,
            Self::TooLong => 4,
            Self::Empty => 5,
        }
    }

    pub fn numbered(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|fault| fault.number() == number)
    }
}

impl std::fmt::Display for UploadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooLarge => write!(f, "The file is larger than {} MB.", UPLOAD_BYTES_MAX >> 20),
            Self::Unknown => f.write_str("This is no WAV, FLAC, MP3 or Ogg file (Vorbis, Opus)."),
            Self::Broken => f.write_str("The file is broken: it can't be decoded to its end."),
            Self::TooLong => write!(f, "It is longer than {} minutes.", UPLOAD_SECONDS_MAX / 60),
            Self::Empty => f.write_str("There is no sound in it."),
        }
    }
}

impl std::error::Error for UploadError {}

/// Decodes a whole file to what players play: mono at 8 kHz, as long as the original.
pub fn decode(mut file: Vec<u8>) -> Result<Sound, UploadError> {
    if file.len() > UPLOAD_BYTES_MAX {
        return Err(UploadError::TooLarge);
    }
    if chunks::is_wave(&file) {
        let found = chunks::read(&file).map_err(|_| UploadError::Broken)?;
        if has_no_rate(found) {
            return Err(UploadError::Broken);
        }
        file = chunks::plain(found);
    }
    let tail = file.get(file.len().saturating_sub(ogg::PAGE_OCTETS_MAX)..).unwrap_or_default().to_vec();
    let source = MediaSourceStream::new(Box::new(Cursor::new(file)), MediaSourceStreamOptions::default());
    let notes = Limit::Maximum(NOTES_MAX);
    let notes = MetadataOptions { limit_metadata_bytes: notes, limit_visual_bytes: notes };
    let options = FormatOptions { enable_gapless: true, ..FormatOptions::default() };
    let probed = symphonia::default::get_probe().format(&Hint::new(), source, &options, &notes);
    let mut format = probed.map_err(|_| UploadError::Unknown)?.format;
    let track = format.tracks().iter().find(|track| track.codec_params.codec != CODEC_TYPE_NULL);
    let (id, parameters) = track.map(|track| (track.id, track.codec_params.clone())).ok_or(UploadError::Unknown)?;
    let mut voice = Voice::of(&parameters, id, &tail)?;
    let (mut narrow, mut broken): (Option<Narrow>, usize) = (None, 0);
    for _ in 0..PACKETS_MAX {
        let packet = match format.next_packet() {
            Ok(packet) if packet.track_id() == id => packet,
            Ok(_) => continue,
            Err(Error::IoError(_)) => return finish(narrow),
            Err(_) => return Err(UploadError::Broken),
        };
        match voice.decode(&packet, &mut narrow)? {
            Decoded::Sound => {}
            Decoded::Broken if broken < BROKEN_MAX => broken += 1,
            Decoded::Broken => return Err(UploadError::Broken),
            Decoded::End => return finish(narrow),
        }
    }
    Err(UploadError::TooLong)
}

/// What makes sound of packets.
enum Voice {
    Library(Box<dyn Decoder>),
    Opus(Box<opus::Stream>),
}

/// What a packet was.
enum Decoded {
    Sound,
    Broken,
    /// The file ends within it.
    End,
}

impl Voice {
    fn of(parameters: &CodecParameters, id: u32, tail: &[u8]) -> Result<Self, UploadError> {
        if parameters.codec == CODEC_TYPE_OPUS {
            let head = parameters.extra_data.as_deref().unwrap_or_default();
            return opus::Stream::new(head, id, tail).map(Box::new).map(Self::Opus).ok_or(UploadError::Unknown);
        }
        let decoder = symphonia::default::get_codecs().make(parameters, &DecoderOptions::default());
        decoder.map(Self::Library).map_err(|_| UploadError::Unknown)
    }

    fn decode(&mut self, packet: &Packet, narrow: &mut Option<Narrow>) -> Result<Decoded, UploadError> {
        let decoder = match self {
            Self::Library(decoder) => decoder,
            Self::Opus(stream) => {
                let is_sound = stream.decode(packet.buf(), narrow)?;
                return Ok(if is_sound { Decoded::Sound } else { Decoded::Broken });
            }
        };
        match decoder.decode(packet) {
            Ok(decoded) => take(decoded, narrow).map(|()| Decoded::Sound),
            Err(Error::DecodeError(_)) => Ok(Decoded::Broken),
            Err(Error::IoError(_)) => Ok(Decoded::End),
            Err(_) => Err(UploadError::Broken),
        }
    }
}

/// A description that would have the decoder divide by nothing.
fn has_no_rate(wave: Chunks<'_>) -> bool {
    wave.format.get(4..8) == Some(&[0; 4])
}

/// Mixes what one packet holds to mono, and makes it narrow.
fn take(decoded: AudioBufferRef<'_>, narrow: &mut Option<Narrow>) -> Result<(), UploadError> {
    let (spec, frames) = (*decoded.spec(), decoded.frames());
    let channels = spec.channels.count();
    if !RATES.contains(&spec.rate) || !(1..=CHANNELS_MAX).contains(&channels) {
        return Err(UploadError::Unknown);
    }
    let narrow = narrow.get_or_insert_with(|| Narrow::new(spec.rate));
    if narrow.rate() != spec.rate {
        return Err(UploadError::Broken);
    }
    if narrow.taken() + frames > UPLOAD_SECONDS_MAX * spec.rate as usize {
        return Err(UploadError::TooLong);
    }
    let mut samples = SampleBuffer::<f32>::new(decoded.capacity() as u64, spec);
    samples.copy_interleaved_ref(decoded);
    for frame in samples.samples().chunks_exact(channels) {
        narrow.push(frame.iter().sum::<f32>() / channels as f32);
    }
    Ok(())
}

fn finish(narrow: Option<Narrow>) -> Result<Sound, UploadError> {
    let mut samples = narrow.map(Narrow::finish).unwrap_or_default();
    if samples.is_empty() {
        return Err(UploadError::Empty);
    }
    let last = samples.len() - 1;
    let edge = EDGE.min(samples.len());
    for at in 0..edge {
        for place in [at, last - at] {
            samples[place] = (i32::from(samples[place]) * at as i32 / EDGE as i32) as i16;
        }
    }
    debug_assert!(samples.len() <= (UPLOAD_SECONDS_MAX + 1) * SAMPLE_RATE);
    Ok(Sound::from_samples(&samples))
}

#[cfg(test)]
mod tests;
