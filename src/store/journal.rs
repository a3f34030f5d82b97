//! The append-only list of what happened, on disk within milliseconds.
//!
//! One thread owns the file. What the loop hands over while a group is being written forms the next group, so a busy
//! second costs some hundred commits and not tens of thousands. The loop never waits: it is told "written up to" by a
//! callback and lets go then of the outputs that it held back.
//!
//! **What "written" means.** Committed to SQLite's write-ahead log: safe from `kill -9` and from a crash of the
//! process. With `power_loss_safe` every commit also waits for the disk (`synchronous = FULL`); without it
//! (`NORMAL`, the default) a power cut may cost the last moments before it, never the file.
//!
//! **When the disk is full or broken** the same group is tried again every [`RETRY_TIME`], the loop hears
//! [`Report::Failing`] and refuses what it can't acknowledge, and calls go on. When the waiting list is full too,
//! entries are turned away ([`Full`]) and the journal asks for a checkpoint as soon as it can write again, because only
//! that makes it whole.
//!
//! **Call records** ride along in a table of their own, the outbox, until the database has taken them.

mod file;
mod inbox;
mod writer;

#[cfg(test)]
mod tests;

use std::{fmt, path::PathBuf, sync::Arc, thread, time::Duration};

use serde::{Serialize, de::DeserializeOwned};

use crate::base::Wall;

use inbox::{Inbox, Order};

/// Orders waiting for the writer; at tens of thousands a second this is some seconds of a disk that stands still.
/// Beyond it entries are turned away and a checkpoint is asked for.
pub const WAITING_MAX: usize = 100_000;

/// Orders written in one commit; more would hold back the first of them for longer than a page should wait.
pub const GROUP_MAX: usize = 4_096;

/// Between two tries at a group that could not be written.
pub const RETRY_TIME: Duration = Duration::from_millis(250);

/// A checkpoint is due when this many entries, and four times those of the last checkpoint, were written since. Reading
/// them back takes well under the second that a restart may take.
pub const CHECKPOINT_AFTER: u64 = 50_000;

/// Call records kept on disk for a database that is away; the oldest go first. A year of a quiet centre.
pub const OUTBOX_MAX: u64 = 1_000_000;

/// What can be journalled: self-describing (its JSON is an object or a string), so that a newer switch reads it.
pub trait Journalled: Serialize + DeserializeOwned + Send + 'static {
    /// Raised when a reader must know which shape it has before it.
    const VERSION: u32;

    /// One word for whoever looks into the file by hand.
    fn kind(&self) -> &'static str;

    /// Whose keys are in it: it is taken out of the file when they are not needed any more.
    fn keys_of(&self) -> Option<u64> {
        None
    }

    /// Whose keys are not needed any more.
    fn drops_keys_of(&self) -> Option<u64> {
        None
    }
}

#[derive(Clone, Debug)]
pub struct JournalSettings {
    pub path: PathBuf,
    /// Every commit waits for the disk. Costs a disk flush a group.
    pub power_loss_safe: bool,
    /// How long the first entry of a group waits for others when something is held until it is written.
    pub gather: Duration,
    /// The same when nobody waits: what a `kill -9` may take with it was promised to nobody.
    pub linger: Duration,
    /// See [`WAITING_MAX`].
    pub waiting_max: usize,
    /// The file never grows past this; at the limit the journal behaves as on a full disk until a checkpoint.
    pub size_max: u64,
}

impl JournalSettings {
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            power_loss_safe: false,
            gather: Duration::from_millis(8),
            linger: Duration::from_millis(20),
            waiting_max: WAITING_MAX,
            size_max: 8 << 30,
        }
    }
}

/// What the journal tells the loop, from the journal's own thread: hand it on and return.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// Everything appended up to and including this id is written.
    Written(u64),
    /// A group could not be written. Said once; [`Report::Recovered`] ends it.
    Failing {
        why: String,
    },
    Recovered,
    /// Time to call [`Journal::checkpoint`]. `whole: false` when entries were turned away and the file has a gap.
    CheckpointDue {
        whole: bool,
    },
    /// Records were added to the outbox.
    RecordsWaiting,
}

/// What the file held at start.
#[derive(Debug)]
pub struct Restored<E> {
    pub entries: Vec<E>,
    /// Lines that this switch could not read; they were logged and are gone with the next checkpoint.
    pub unreadable: u64,
    /// A damaged file was moved here; `entries` is what could be saved from it.
    pub set_aside: Option<PathBuf>,
}

#[derive(Debug)]
pub struct JournalError {
    pub path: PathBuf,
    pub why: String,
}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "journal {}: {}", self.path.display(), self.why)
    }
}

impl std::error::Error for JournalError {}

/// The waiting list is full: the entry was not taken, and the journal will ask for a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

/// The loop's end of the journal. `E` is the engine's entry, `R` its call record.
///
/// After [`append`](Self::append), [`record`](Self::record) and [`hurry`](Self::hurry), call [`flush`](Self::flush) before
/// sleeping. Nothing here waits for the disk, except [`Journal::open`] and [`Journal::close`].
#[derive(Debug)]
pub struct Journal<E, R> {
    inbox: Arc<Inbox<E, R>>,
    writer: Option<thread::JoinHandle<()>>,
}

impl<E: Journalled, R: Journalled> Journal<E, R> {
    /// Opens or creates the file (mode 0600), reads it whole and starts the writer. A damaged file is set aside and
    /// what can be read of it is kept. A file that another switch has open is an error.
    pub fn open(
        settings: JournalSettings,
        report: impl Fn(Report) + Send + 'static,
    ) -> Result<(Self, Restored<E>), JournalError> {
        let path = settings.path.clone();
        let fail = |why: String| JournalError { path: path.clone(), why };
        let inbox = Arc::new(Inbox::new(settings.waiting_max));
        let (opened, wait) = std::sync::mpsc::sync_channel(1);
        let theirs = Arc::clone(&inbox);
        let writer = thread::Builder::new()
            .name("journal".into())
            .spawn(move || match file::File::open(&settings) {
                Ok((file, restored)) => {
                    let kept = restored.entries.len() as u64;
                    let _ = opened.send(Ok(restored));
                    writer::Writer::new(file, settings, theirs, report, kept).run();
                }
                Err(why) => {
                    let _ = opened.send(Err(why));
                }
            })
            .map_err(|e| fail(e.to_string()))?;
        let restored = wait.recv().map_err(|_| fail("the writer ended".into()))?.map_err(fail)?;
        Ok((Self { inbox, writer: Some(writer) }, restored))
    }

    /// Ids must rise within one run; they mean nothing in another.
    pub fn append(&self, id: u64, wall: Wall, entry: E) -> Result<(), Full> {
        self.inbox.push(Order::Append { id, wall, entry })
    }

    /// Something is held until what was appended is written: don't linger.
    pub fn hurry(&self) {
        self.inbox.hurry();
    }

    /// To be called when the loop has nothing more to append for now: one wake-up of the writer for a whole turn.
    pub fn flush(&self) {
        self.inbox.flush();
    }

    /// Puts a call record into the outbox.
    pub fn record(&self, wall: Wall, record: R) -> Result<(), Full> {
        self.inbox.push(Order::Record { wall, record })
    }

    /// Replaces everything appended so far by `entries`, in one transaction. Never turned away.
    pub fn checkpoint(&self, wall: Wall, entries: Vec<E>) {
        self.inbox.push_checkpoint(wall, entries);
    }

    /// The feeder's end of the outbox.
    pub fn outbox(&self) -> Outbox<E, R> {
        Outbox { inbox: Arc::clone(&self.inbox) }
    }

    /// Writes what waits (with a few tries on a broken disk) and closes the file.
    pub fn close(mut self) {
        self.end();
    }
}

impl<E, R> Journal<E, R> {
    fn end(&mut self) {
        self.inbox.close();
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the journal's writer had failed");
        }
    }
}

impl<E, R> Drop for Journal<E, R> {
    fn drop(&mut self) {
        self.end();
    }
}

/// Call records on disk that the database has not taken yet, oldest first.
#[derive(Debug)]
pub struct Outbox<E, R> {
    inbox: Arc<Inbox<E, R>>,
}

impl<E: Journalled, R: Journalled> Outbox<E, R> {
    /// The oldest records, at most `max`, each with its place. Empty when there are none or the file can't be read now.
    pub async fn oldest(&self, max: u32) -> Vec<(i64, R)> {
        let (reply, answer) = tokio::sync::oneshot::channel();
        if self.inbox.push(Order::Oldest { max, reply }).is_err() {
            return Vec::new();
        }
        answer.await.unwrap_or_default()
    }

    /// The database has all records up to this place.
    pub fn delivered(&self, up_to: i64) -> Result<(), Full> {
        self.inbox.push(Order::Delivered { up_to })
    }
}
