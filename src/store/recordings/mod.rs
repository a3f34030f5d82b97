//! The files of recordings. One thread writes them, and may wait for a disk; nobody waits for it.
//!
//! A file is playable at any moment: the head of a WAV file tells, at most [`HEAD_TIME`] late, how much there is, and an
//! Opus file is whole pages. What the disk does not take is left out and told; the file goes on behind it.

mod file;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    io,
    path::{Component, Path, PathBuf},
    sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel},
    thread::{Builder, JoinHandle},
    time::Duration,
};

use crate::{
    base::{Instant, SegmentId},
    engine::{Reported, SegmentReport},
    media::tape::{Piece, Reel, Tape, What},
};

use file::Writing;

/// Tapes that wait for the disk: 16 MB of sound. When they are full the workers keep theirs, as long as they can.
pub const REELS_MAX: usize = 64;

/// Files of an earlier process that wait to be finished: as many as there can be calls.
pub const MENDS_MAX: usize = 20_000;

/// How often a file that grows is given a new head: what a player believes.
pub const HEAD_TIME: Duration = Duration::from_secs(1);

/// Sound is written so often, in larger pieces than it comes in: it would be a system call a packet.
const WRITE_TIME: Duration = Duration::from_millis(200);

/// How often orders to mend are looked for.
const MEND_TIME: Duration = Duration::from_millis(500);

/// The writer's thread, as others see it. It ends when nobody can send it a tape any more.
#[derive(Debug)]
pub struct Recorder {
    mends: SyncSender<(SegmentId, String)>,
    thread: Option<JoinHandle<()>>,
}

impl Recorder {
    /// Writes below `data`. `report` is called on the thread and must not wait.
    pub fn start(
        data: PathBuf,
        report: impl Fn(SegmentReport) + Send + 'static,
    ) -> io::Result<(Self, SyncSender<Reel>)> {
        let (tapes, reels) = sync_channel(REELS_MAX);
        let (mends, to_mend) = sync_channel(MENDS_MAX);
        let body = move || Writer { data, report, open: BTreeMap::new() }.run(&reels, &to_mend);
        let thread = Some(Builder::new().name(String::from("recorder")).spawn(body)?);
        Ok((Self { mends, thread }, tapes))
    }

    /// An earlier process died over a file: it is finished and told of. False: too many wait, or the thread is gone.
    pub fn mend(&self, segment: SegmentId, path: String) -> bool {
        self.mends.try_send((segment, path)).is_ok()
    }
}

impl Drop for Recorder {
    /// Waits until everything on its way is written: whoever sends tapes must be gone.
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            // One that panicked has said so.
            let _ = thread.join();
        }
    }
}

struct Writer<R> {
    data: PathBuf,
    report: R,
    open: BTreeMap<SegmentId, Open>,
}

struct Open {
    writing: Writing,
    /// Whose tapes it is on, and how far the last of them came.
    worker: u16,
    at: Instant,
}

impl<R: Fn(SegmentReport)> Writer<R> {
    fn run(mut self, reels: &Receiver<Reel>, mends: &Receiver<(SegmentId, String)>) {
        loop {
            // A file of an earlier process takes as long as it is to read: one at a time, when nothing else waits.
            let waiting = match reels.try_recv() {
                Ok(reel) => Some(reel),
                Err(TryRecvError::Disconnected) => break,
                Err(TryRecvError::Empty) => match mends.try_recv() {
                    Ok((segment, path)) => {
                        let file = file::mend(&self.data, &path);
                        self.tell(segment, Reported::Finished(file));
                        None
                    }
                    // The next tape, or a look for orders to mend.
                    Err(_) => reels.recv_timeout(MEND_TIME).ok(),
                },
            };
            waiting.iter().for_each(|reel| self.write(reel));
        }
        // Their ends were not told: the switch was ended in the middle of calls.
        for (segment, mut open) in std::mem::take(&mut self.open) {
            open.writing.finish(open.at);
            let file = open.writing.close();
            self.tell(segment, Reported::Finished(file));
        }
    }

    fn tell(&self, segment: SegmentId, what: Reported) {
        (self.report)(SegmentReport { segment, what });
    }

    fn write(&mut self, reel: &Reel) {
        for piece in &reel.tape.pieces {
            self.handle(reel.worker, &reel.tape, piece);
        }
        let mut failed = Vec::new();
        for (segment, open) in self.open.iter_mut().filter(|(_, open)| open.worker == reel.worker) {
            open.at = reel.at;
            if let Err(why) = open.writing.write_until(reel.at) {
                failed.push((*segment, why.to_string()));
            }
        }
        failed.into_iter().for_each(|(segment, why)| self.tell(segment, Reported::Failing(why)));
    }

    fn handle(&mut self, worker: u16, tape: &Tape, piece: &Piece) {
        match &piece.what {
            What::Begins { path, codec } => {
                let Some(mut writing) = Writing::begin(&self.data, path, piece.at, *codec, piece.segment) else {
                    return self.tell(piece.segment, Reported::Failing(String::from("no encoder could be made")));
                };
                if let Err(why) = writing.open(piece.at) {
                    self.tell(piece.segment, Reported::Failing(why.to_string()));
                }
                self.open.insert(piece.segment, Open { writing, worker, at: piece.at });
            }
            What::Sound { .. } | What::Pauses { .. } | What::Resumes | What::Lost { .. } => {
                let Some(open) = self.open.get_mut(&piece.segment) else { return };
                open.worker = worker;
                if let Err(why) = open.writing.handle(tape, piece) {
                    self.tell(piece.segment, Reported::Failing(why.to_string()));
                }
            }
            What::Ends => {
                let Some(mut open) = self.open.remove(&piece.segment) else { return };
                open.writing.finish(piece.at);
                let file = open.writing.close();
                self.tell(piece.segment, Reported::Finished(file));
            }
        }
    }
}

/// The place of a file, if it is one below the data folder.
pub fn place_of(data: &Path, path: &str) -> Option<PathBuf> {
    let path = Path::new(path);
    let is_plain = path.components().all(|part| matches!(part, Component::Normal(_)));
    (is_plain && path.starts_with("recordings")).then(|| data.join(path))
}

/// Whether a moment has come since `last`.
fn is_due(last: Option<Instant>, now: Instant, time: Duration) -> bool {
    last.is_none_or(|last| now.since(last) >= time)
}
