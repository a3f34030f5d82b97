//! One file: a head, and two channels behind it.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use super::{HEAD_TIME, is_due, place_of};
use crate::{
    base::Instant,
    engine::SegmentFile,
    media::{
        Codec,
        tape::{CHANNELS, Piece, Tape, Timeline},
        wav::{STEREO_HEAD, stereo_head},
    },
};

/// Octets made and written at a time.
const CHUNK: usize = 64 << 10;

/// A file that is written.
pub struct Writing {
    place: Option<PathBuf>,
    file: io::Result<File>,
    timeline: Timeline,
    chunk: Vec<u8>,
    /// Octets of sound in the file.
    written: u64,
    head_at: Option<Instant>,
    /// Since when the disk takes nothing.
    failing: Option<Instant>,
}

impl Writing {
    pub fn begin(data: &Path, path: &str, now: Instant, law: Codec) -> Self {
        let place = place_of(data, path);
        let file = place.as_deref().map_or_else(|| Err(io::ErrorKind::InvalidFilename.into()), create);
        let timeline = Timeline::new(now, law);
        let mut begun = Self { place, file, timeline, chunk: Vec::new(), written: 0, head_at: None, failing: None };
        if begun.write_head().is_err() || begun.file.is_err() {
            begun.failing = Some(now);
        }
        begun
    }

    /// Why nothing can be written.
    pub fn fault(&self) -> Option<String> {
        self.file.as_ref().err().map(ToString::to_string)
    }

    /// `Err`, once, when from now on the disk takes nothing.
    pub fn handle(&mut self, tape: &Tape, piece: &Piece) -> io::Result<()> {
        let written = self.write_ready(piece.at);
        self.timeline.handle(tape, piece);
        written
    }

    pub fn write_until(&mut self, now: Instant) -> io::Result<()> {
        self.write_ready(now)?;
        if self.failing.is_none() && is_due(self.head_at, now, HEAD_TIME) {
            self.head_at = Some(now);
            return self.write_head().inspect_err(|_| self.failing = Some(now));
        }
        Ok(())
    }

    pub fn finish(&mut self, now: Instant) {
        // What fails from here on is told with the file.
        let _ = self.write_ready(now);
        loop {
            let more = self.timeline.finish(now, &mut self.chunk, CHUNK);
            let _ = self.flush(now);
            if !more {
                break;
            }
        }
        if let Some(since) = self.failing.take() {
            self.timeline.lose(since, now);
        }
    }

    fn write_ready(&mut self, now: Instant) -> io::Result<()> {
        let mut first = Ok(());
        loop {
            let more = self.timeline.take(now, &mut self.chunk, CHUNK);
            if self.chunk.len() >= CHUNK || more {
                first = first.and(self.flush(now));
            }
            if !more {
                return first.and(if self.chunk.is_empty() { Ok(()) } else { self.flush(now) });
            }
        }
    }

    /// What can't be written is left out; `Err` when that begins.
    fn flush(&mut self, now: Instant) -> io::Result<()> {
        let Ok(file) = &self.file else {
            self.chunk.clear();
            return Ok(());
        };
        let result = file.write_all_at(&self.chunk, STEREO_HEAD as u64 + self.written);
        let length = self.chunk.len() as u64;
        self.chunk.clear();
        match result {
            Ok(()) => {
                self.written += length;
                if let Some(since) = self.failing.take() {
                    self.timeline.lose(since, now);
                }
                Ok(())
            }
            Err(_) if self.failing.is_some() => Ok(()),
            Err(why) => {
                self.failing = Some(now);
                Err(why)
            }
        }
    }

    fn write_head(&self) -> io::Result<()> {
        let Ok(file) = &self.file else { return Ok(()) };
        file.write_all_at(&stereo_head(self.timeline.law(), self.written / CHANNELS as u64), 0)
    }

    /// The whole of it, with its digest.
    pub fn close(self) -> SegmentFile {
        let headed = self.write_head();
        let length_ms = self.written / CHANNELS as u64 / 8;
        let sha256 =
            self.place.as_deref().filter(|_| headed.is_ok() && self.file.is_ok()).and_then(|place| digest(place).ok());
        let (paused, lost) = (self.timeline.pauses().to_vec(), self.timeline.lost().to_vec());
        SegmentFile { length_ms, octets: STEREO_HEAD as u64 + self.written, sha256, paused, lost }
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

/// Finishes a file that a process died over: its head tells all that is there.
pub fn mend(data: &Path, path: &str) -> SegmentFile {
    let none = SegmentFile { length_ms: 0, octets: 0, sha256: None, paused: Vec::new(), lost: Vec::new() };
    let Some(place) = place_of(data, path) else { return none };
    mend_at(&place).unwrap_or(none)
}

fn mend_at(place: &Path) -> io::Result<SegmentFile> {
    let mut file = OpenOptions::new().read(true).write(true).open(place)?;
    let octets = file.seek(SeekFrom::End(0))?;
    let mut tag = [0; 2];
    file.read_exact_at(&mut tag, 20)?;
    let law = if u16::from_le_bytes(tag) == 6 { Codec::Pcma } else { Codec::Pcmu };
    let samples = octets.saturating_sub(STEREO_HEAD as u64) / CHANNELS as u64;
    let whole = STEREO_HEAD as u64 + samples * CHANNELS as u64;
    file.set_len(whole)?;
    file.write_all_at(&stereo_head(law, samples), 0)?;
    let sha256 = Some(digest(place)?);
    Ok(SegmentFile { length_ms: samples / 8, octets: whole, sha256, paused: Vec::new(), lost: Vec::new() })
}
