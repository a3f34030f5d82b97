//! Uploads, and files that the settings name, become sound: WAV, FLAC, MP3, Ogg with Vorbis or Opus, told apart by what is in
//! them, never by a name.
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
    SAMPLE_RATE, SOUND_SAMPLES_MAX, Sound, ogg,
    wav::{
        WAV_BYTES_MAX,
        chunks::{self, Chunks},
    },
};
use narrow::Narrow;

/// The largest file taken: five minutes of 16-bit stereo at 44.1 kHz are 53 MB, as FLAC half of that.
pub const UPLOAD_BYTES_MAX: usize = 32 << 20;

/// The longest clip, in seconds. What is said in a call is over sooner.
pub const UPLOAD_SECONDS_MAX: usize = 300;

/// Packets looked at for each second that a file may have: the shortest there are have 64 samples.
const PACKETS_A_SECOND_MAX: usize = 1_000;

/// Broken packets that are left out before the whole file counts as broken.
const BROKEN_MAX: usize = 16;

/// Octets of notes and pictures that are skipped.
const NOTES_MAX: usize = 4 << 20;

const RATES: std::ops::RangeInclusive<u32> = 4_000..=192_000;
const CHANNELS_MAX: usize = 8;

/// How long a clip rises from silence at its beginning and falls back at its end, so that neither clicks.
const EDGE_MS: usize = 4;

/// What is taken of a file.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub octets: usize,
    pub seconds: usize,
    /// Its first and last milliseconds rise and fall. What is to go round is left as it is.
    pub fades: bool,
}

impl Bounds {
    pub const UPLOAD: Self = Self { octets: UPLOAD_BYTES_MAX, seconds: UPLOAD_SECONDS_MAX, fades: true };
    /// Of who has the settings to write: music may last as long as any sound.
    pub const SETTINGS: Self = Self { octets: WAV_BYTES_MAX, seconds: SOUND_SAMPLES_MAX / SAMPLE_RATE, fades: false };
}

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

/// Decodes a whole file to what players play: mono, at 16 kHz where there is more in it than 8 kHz hold, as long as the original.
pub fn decode(mut file: Vec<u8>, bounds: Bounds) -> Result<Sound, UploadError> {
    if file.len() > bounds.octets {
        return Err(UploadError::TooLarge);
    }
    if chunks::is_wave(&file) {
        let found = chunks::read(&file).map_err(|_| UploadError::Broken)?;
        if has_no_rate(found) {
            return Err(UploadError::Broken);
        }
        file = chunks::plain(found);
    } else {
        hide_waves(&mut file);
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
    for _ in 0..bounds.seconds * PACKETS_A_SECOND_MAX {
        let packet = match format.next_packet() {
            Ok(packet) if packet.track_id() == id => packet,
            Ok(_) => continue,
            Err(Error::IoError(_)) => return finish(narrow, bounds),
            Err(_) => return Err(UploadError::Broken),
        };
        match voice.decode(&packet, &mut narrow, bounds.seconds)? {
            Decoded::Sound => {}
            Decoded::Broken if broken < BROKEN_MAX => broken += 1,
            Decoded::Broken => return Err(UploadError::Broken),
            Decoded::End => return finish(narrow, bounds),
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

    fn decode(&mut self, packet: &Packet, narrow: &mut Option<Narrow>, seconds: usize) -> Result<Decoded, UploadError> {
        let decoder = match self {
            Self::Library(decoder) => decoder,
            Self::Opus(stream) => {
                let is_sound = stream.decode(packet.buf(), narrow, seconds)?;
                return Ok(if is_sound { Decoded::Sound } else { Decoded::Broken });
            }
        };
        match decoder.decode(packet) {
            Ok(decoded) => take(decoded, narrow, seconds).map(|()| Decoded::Sound),
            Err(Error::DecodeError(_)) => Ok(Decoded::Broken),
            Err(Error::IoError(_)) => Ok(Decoded::End),
            Err(_) => Err(UploadError::Broken),
        }
    }
}

/// The library looks for a beginning that it knows anywhere in a file, and what it takes a wave for there has not been looked at.
fn hide_waves(file: &mut [u8]) {
    let found: Vec<usize> = (0..file.len()).filter(|at| file.get(*at..).is_some_and(chunks::is_wave)).collect();
    for at in found {
        file[at..at + 4].fill(0);
    }
}

/// A description that would have the decoder divide by nothing.
fn has_no_rate(wave: Chunks<'_>) -> bool {
    wave.format.get(4..8) == Some(&[0; 4])
}

/// Mixes what one packet holds to mono, and makes it narrow.
fn take(decoded: AudioBufferRef<'_>, narrow: &mut Option<Narrow>, seconds: usize) -> Result<(), UploadError> {
    let (spec, frames) = (*decoded.spec(), decoded.frames());
    let channels = spec.channels.count();
    if !RATES.contains(&spec.rate) || !(1..=CHANNELS_MAX).contains(&channels) {
        return Err(UploadError::Unknown);
    }
    let narrow = narrow.get_or_insert_with(|| Narrow::new(spec.rate));
    if narrow.rate() != spec.rate {
        return Err(UploadError::Broken);
    }
    if narrow.taken() + frames > seconds * spec.rate as usize {
        return Err(UploadError::TooLong);
    }
    let mut samples = SampleBuffer::<f32>::new(decoded.capacity() as u64, spec);
    samples.copy_interleaved_ref(decoded);
    for frame in samples.samples().chunks_exact(channels) {
        narrow.push(frame.iter().sum::<f32>() / channels as f32);
    }
    Ok(())
}

fn finish(narrow: Option<Narrow>, bounds: Bounds) -> Result<Sound, UploadError> {
    let edge_ms = if bounds.fades { EDGE_MS } else { 0 };
    let sound =
        narrow.map(|narrow| narrow.finish(edge_ms)).filter(|sound| !sound.is_empty()).ok_or(UploadError::Empty)?;
    debug_assert!(sound.len() <= (bounds.seconds + 1) * SAMPLE_RATE);
    Ok(sound)
}

#[cfg(test)]
mod tests;
