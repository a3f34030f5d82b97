//! One file: a head, and two channels behind it.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use super::{HEAD_TIME, WRITE_TIME, is_due, place_of};
use crate::{
    base::{Instant, SegmentId},
    engine::SegmentFile,
    media::{
        Codec,
        ogg::{self, PAGE_OCTETS_MAX},
        tape::{CHANNELS, FileEncoder, Format, Piece, Stand, Tape, Timeline},
        wav::{STEREO_HEAD, stereo_head},
    },
};

/// Samples made and written at a time.
const CHUNK: usize = 64 << 10;

/// A file that is written.
pub struct Writing {
    place: Option<PathBuf>,
    file: io::Result<File>,
    /// When the head was written last, or was tried to be.
    headed: Option<Instant>,
    /// When sound was written last.
    wrote: Option<Instant>,
    timeline: Timeline,
    encoder: FileEncoder,
    /// What is not encoded yet, and not written.
    sound: Vec<i16>,
    octets: Vec<u8>,
    /// Octets in the file; none before its head.
    written: u64,
    /// The disk takes nothing.
    is_failing: bool,
}

impl Writing {
    /// `None` where no encoder could be made.
    pub fn begin(data: &Path, path: &str, now: Instant, codec: Codec, segment: SegmentId) -> Option<Self> {
        let place = place_of(data, path);
        // Both halves of the id are in it: two files of one folder have different numbers.
        let serial = (segment.0 ^ segment.0 >> 32) as u32;
        let encoder = FileEncoder::new(Format::of(path), codec, serial)?;
        let timeline = Timeline::new(now, encoder.rate());
        let file = Err(io::ErrorKind::NotFound.into());
        let (sound, octets) = (Vec::new(), Vec::new());
        let (headed, wrote, written, is_failing) = (None, None, 0, false);
        Some(Self { place, file, headed, wrote, timeline, encoder, sound, octets, written, is_failing })
    }

    /// Makes the file and its head. `Err`, once, when it can't be; it is tried again while the recording lasts.
    pub fn open(&mut self, now: Instant) -> io::Result<()> {
        let result = self.try_head(now);
        self.note(result)
    }

    /// `Err`, once, when from now on the disk takes nothing.
    pub fn handle(&mut self, tape: &Tape, piece: &Piece) -> io::Result<()> {
        let taken = self.take(piece.at);
        self.timeline.handle(tape, piece);
        taken
    }

    pub fn write_until(&mut self, now: Instant) -> io::Result<()> {
        let mut first = self.take(now);
        if is_due(self.wrote, now, WRITE_TIME) {
            first = first.and(self.write(now));
        }
        if self.encoder.head_tells_length() && !self.is_failing && is_due(self.headed, now, HEAD_TIME) {
            let result = self.try_head(now);
            first = first.and(self.note(result));
        }
        first
    }

    /// What fails from here on is told with the file.
    pub fn finish(&mut self, now: Instant) {
        let _ = self.take(now);
        while self.timeline.finish(now, &mut self.sound, CHUNK) {
            let _ = self.write(now);
        }
        let _ = self.write(now);
        let before = self.encoder.stand();
        self.encoder.finish(&mut self.octets);
        let _ = self.keep(now, before);
    }

    fn take(&mut self, now: Instant) -> io::Result<()> {
        let mut first = Ok(());
        loop {
            let room = CHUNK.saturating_sub(self.sound.len());
            if !self.timeline.take(now, &mut self.sound, room) {
                return first;
            }
            first = first.and(self.write(now));
        }
    }

    fn write(&mut self, now: Instant) -> io::Result<()> {
        self.wrote = Some(now);
        let before = self.encoder.stand();
        self.encoder.push(&self.sound, &mut self.octets);
        self.sound.clear();
        self.keep(now, before)
    }

    /// What can't be written is left out, and the file goes on without it.
    fn keep(&mut self, now: Instant, before: Stand) -> io::Result<()> {
        if self.octets.is_empty() {
            return Ok(());
        }
        let result = self.try_write(now);
        if result.is_ok() {
            self.written += self.octets.len() as u64;
        } else {
            self.timeline.leave_out(self.encoder.go_back(before));
        }
        self.octets.clear();
        self.note(result)
    }

    fn try_write(&mut self, now: Instant) -> io::Result<()> {
        if self.written == 0 && (self.headed.is_none() || is_due(self.headed, now, HEAD_TIME)) {
            self.try_head(now)?;
        }
        match &self.file {
            Ok(file) if self.written > 0 => file.write_all_at(&self.octets, self.written),
            Ok(_) | Err(_) => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn try_head(&mut self, now: Instant) -> io::Result<()> {
        self.headed = Some(now);
        if self.file.is_err() {
            let place = self.place.as_deref().ok_or(io::ErrorKind::InvalidFilename)?;
            self.file = Ok(create(place)?);
        }
        let head = self.encoder.head();
        if let Ok(file) = &self.file {
            file.write_all_at(&head, 0)?;
        }
        self.written = self.written.max(head.len() as u64);
        Ok(())
    }

    fn note(&mut self, result: io::Result<()>) -> io::Result<()> {
        let was_failing = std::mem::replace(&mut self.is_failing, result.is_err());
        result.or_else(|why| if was_failing { Ok(()) } else { Err(why) })
    }

    /// The whole of it, with its digest.
    pub fn close(self) -> SegmentFile {
        let length_ms = self.encoder.samples() * 1_000 / u64::from(self.encoder.rate());
        // No end of what could not be written stays behind.
        let closed = self.file.and_then(|file| {
            file.set_len(self.written)?;
            if self.encoder.head_tells_length() { file.write_all_at(&self.encoder.head(), 0) } else { Ok(()) }
        });
        let sha256 = self.place.as_deref().filter(|_| closed.is_ok()).and_then(|place| digest(place).ok());
        let (paused, lost) = (self.timeline.pauses(), self.timeline.lost());
        SegmentFile { length_ms, octets: self.written, sha256, paused, lost }
    }
}

fn create(place: &Path) -> io::Result<File> {
    if let Some(folder) = place.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(place)
}

fn digest(place: &Path) -> io::Result<String> {
    let mut file = File::open(place)?;
    let (mut sum, mut chunk) = (Sha256::new(), vec![0; CHUNK]);
    loop {
        let count = file.read(&mut chunk)?;
        if count == 0 {
            break;
        }
        sum.update(chunk.get(..count).unwrap_or_default());
    }
    Ok(hex::encode(sum.finalize()))
}

/// Finishes a file that a process died over: it tells all that is there.
pub fn mend(data: &Path, path: &str) -> SegmentFile {
    let none = SegmentFile { length_ms: 0, octets: 0, sha256: None, paused: Vec::new(), lost: Vec::new() };
    let Some(place) = place_of(data, path) else { return none };
    let mended = match Format::of(path) {
        Format::Wav => mend_wav(&place),
        Format::Opus => mend_opus(&place),
    };
    mended
        .and_then(|(length_ms, octets)| {
            Ok(SegmentFile { length_ms, octets, sha256: Some(digest(&place)?), ..none.clone() })
        })
        .unwrap_or(none)
}

/// Milliseconds and octets of it.
fn mend_wav(place: &Path) -> io::Result<(u64, u64)> {
    let mut file = OpenOptions::new().read(true).write(true).open(place)?;
    let octets = file.seek(SeekFrom::End(0))?;
    let mut tag = [0; 2];
    file.read_exact_at(&mut tag, 20)?;
    let law = if u16::from_le_bytes(tag) == 6 { Codec::Pcma } else { Codec::Pcmu };
    let samples = octets.saturating_sub(STEREO_HEAD as u64) / CHANNELS as u64;
    let whole = STEREO_HEAD as u64 + samples * CHANNELS as u64;
    file.set_len(whole)?;
    file.write_all_at(&stereo_head(law, samples), 0)?;
    Ok((samples / 8, whole))
}

/// A torn page at its end is cut off, and the one before is the last.
fn mend_opus(place: &Path) -> io::Result<(u64, u64)> {
    let mut file = OpenOptions::new().read(true).write(true).open(place)?;
    let octets = file.seek(SeekFrom::End(0))?;
    // Where the first packet says what a decoder gives too much (RFC 7845 5.1).
    let mut skip = [0; 2];
    file.read_exact_at(&mut skip, 28 + 10)?;
    let from = octets.saturating_sub(2 * PAGE_OCTETS_MAX as u64);
    let mut tail = vec![0; usize::try_from(octets - from).unwrap_or(0)];
    file.read_exact_at(&mut tail, from)?;
    let (at, length, last) = ogg::last_page(&tail).ok_or(io::ErrorKind::InvalidData)?;
    let page = tail.get_mut(at..at + length).ok_or(io::ErrorKind::InvalidData)?;
    ogg::end(page);
    file.write_all_at(page, from + at as u64)?;
    let whole = from + (at + length) as u64;
    file.set_len(whole)?;
    Ok((last.granule.saturating_sub(u64::from(u16::from_le_bytes(skip))) / 48, whole))
}
