//! The flight recorder's place in the shell: it hears every input before the engine does, and when something is wrong
//! (an invariant, a panic, a loop that stands still) or somebody asks, what is kept goes into a sealed file.
//!
//! `data/flight/TIME-REASON.flight` holds a recording, `data/flight.key` opens it, `data/quarantine/` names the messages
//! that killed the engine.

mod quarantine;
mod seal;

#[cfg(test)]
mod tests;

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, TryLockError},
    time::Duration,
};

use quarantine::Quarantine;
pub use seal::{Header, Key, unseal};

use super::{clock::Clock, threads};
use crate::{
    base::{Instant, Now},
    engine::{
        Engine, EngineSettings, Input,
        flight::{Base, Digest, Recorder, Recording},
    },
};

/// The key, in the data folder.
pub const KEY_FILE: &str = "flight.key";

/// Recordings, in the data folder.
const FOLDER: &str = "flight";

/// Recordings kept on disk; the oldest go first.
pub const RECORDINGS_MAX: usize = 16;

/// A fault that repeats itself is written down at most so often.
const SAVE_PAUSE: Duration = Duration::from_secs(60);

/// Why a recording is saved.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Why {
    /// An invariant was broken and repaired.
    Invariant(String),
    Panic(String),
    /// The engine's thread has stood still for long.
    Stall,
    Asked,
}

impl Why {
    /// One word, for the name of the file.
    fn word(&self) -> &'static str {
        match self {
            Self::Invariant(_) => "invariant",
            Self::Panic(_) => "panic",
            Self::Stall => "stall",
            Self::Asked => "asked",
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Invariant(what) => format!("an invariant was broken: {what}"),
            Self::Panic(what) => format!("the engine failed: {what}"),
            Self::Stall => String::from("the engine stood still"),
            Self::Asked => String::from("asked for"),
        }
    }
}

/// Shared by the loop, the watchdog, the pages and the panic hook; a lock nobody waits for in the ordinary course.
#[derive(Clone, Debug)]
pub struct Flight(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    recorder: Mutex<Recorder>,
    settings: EngineSettings,
    data: PathBuf,
    key: Key,
    clock: Clock,
    quarantine: Quarantine,
    saved: Mutex<Option<Instant>>,
}

impl Flight {
    /// Of an engine that is made with the same settings, seed and time.
    pub fn open(
        data: &Path,
        octets_max: usize,
        (settings, seed, now): (&EngineSettings, [u8; 32], Now),
        clock: Clock,
    ) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(data.join(FOLDER))?;
        let key = Key::read_or_make(&data.join(KEY_FILE))?;
        let quarantine = Quarantine::read(data.join("quarantine"));
        if quarantine.len() > 0 {
            tracing::warn!(
                messages = quarantine.len(),
                "messages that killed the engine are not heard: see quarantine"
            );
        }
        let mut recorder = Recorder::new(octets_max, settings, seed, now);
        recorder.take_room();
        Ok(Self(Arc::new(Shared {
            recorder: Mutex::new(recorder),
            settings: settings.clone(),
            data: data.to_owned(),
            key,
            clock,
            quarantine,
            saved: Mutex::default(),
        })))
    }

    /// An input that is about to be given to the engine. `false`: it must not be, it killed one.
    pub fn input(&self, now: Now, input: &Input) -> bool {
        if self.0.quarantine.holds(input) {
            metrics::counter!("inputs_quarantined_total").increment(1);
            return false;
        }
        self.0.recorder.lock().unwrap_or_else(PoisonError::into_inner).input(now, input);
        true
    }

    /// What came out of it.
    pub fn told(&self, now: Now, engine: &mut Engine, digests: &[Digest]) {
        let mut recorder = self.0.recorder.lock().unwrap_or_else(PoisonError::into_inner);
        recorder.told(digests);
        if recorder.wants_base(engine.is_calm()) {
            let settings = self.0.settings.clone();
            recorder.rebase(Base { now, settings, entries: engine.checkpoint(now), bearings: engine.mark() });
        }
    }

    /// Writes what is kept, beside whatever goes on. `false`: not again so soon; a fault may repeat itself.
    pub fn save(&self, why: Why) -> bool {
        let now = self.0.clock.mono();
        let mut saved = self.0.saved.lock().unwrap_or_else(PoisonError::into_inner);
        if saved.is_some_and(|saved| now.since(saved) < SAVE_PAUSE) {
            return false;
        }
        let Some((recording, _)) = self.taken() else { return false };
        *saved = Some(now);
        drop(saved);
        let flight = self.clone();
        let body = move || match flight.write(&recording, &why) {
            Ok(file) => tracing::error!(file = %file.display(), why = why.text(), "the flight recorder was saved"),
            Err(error) => tracing::error!(%error, "the flight recorder could not be saved"),
        };
        let started = threads::start("flight", body);
        if let Err(error) = &started {
            tracing::error!(%error, "the flight recorder could not be saved");
        }
        started.is_ok()
    }

    /// Writes what is kept, now.
    pub fn save_now(&self, why: &Why) -> io::Result<PathBuf> {
        let (recording, _) = self.taken().ok_or_else(|| io::Error::other("the recorder is busy"))?;
        self.write(&recording, why)
    }

    /// The engine has failed in the midst of an input: the last words of this process.
    fn on_panic(&self, what: &str) {
        let Some((recording, input)) = self.taken() else { return };
        let why = Why::Panic(what.to_owned());
        let file = self.write(&recording, &why);
        match &file {
            Ok(file) => tracing::error!(file = %file.display(), "the flight recorder was saved"),
            Err(error) => tracing::error!(%error, "the flight recorder could not be saved"),
        }
        let Some((_, input)) = input else { return };
        match self.0.quarantine.add(&input, &why.text(), file.as_deref().ok()) {
            Ok(Some(file)) => {
                tracing::error!(file = %file.display(), "the message that did it will not be heard again")
            }
            Ok(None) => {}
            Err(error) => tracing::error!(%error, "the message that did it could not be written down"),
        }
    }

    /// Never waits for long: whoever asks may be the one that holds it.
    fn taken(&self) -> Option<(Recording, Option<(Now, Input)>)> {
        let mut recorder = match self.0.recorder.try_lock() {
            Ok(recorder) => recorder,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                std::thread::yield_now();
                self.0.recorder.try_lock().ok()?
            }
        };
        let input = recorder.last_input();
        Some((recorder.recording(), input))
    }

    /// Whole or not at all: written beside, then moved over.
    fn write(&self, recording: &Recording, why: &Why) -> io::Result<PathBuf> {
        let at = self.0.clock.now().wall;
        let folder = self.0.data.join(FOLDER);
        make_room(&folder)?;
        let path = folder.join(format!("{}-{}.flight", at.as_millis(), why.word()));
        let beside = path.with_extension("new");
        let header = Header::new(at, why.text(), recording.is_whole())?;
        let file = fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&beside)?;
        let mut file = io::BufWriter::new(file);
        seal::seal(&mut file, &self.0.key, &header, recording.pieces())?;
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&beside, &path)?;
        Ok(path)
    }

    /// From now on a panic of the engine's thread is written down before the process ends.
    pub fn catch_panics(&self) {
        let flight = self.clone();
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            before(panic);
            if std::thread::current().name() == Some(super::ENGINE_THREAD) {
                flight.on_panic(&panic.to_string());
            }
        }));
    }
}

fn make_room(folder: &Path) -> io::Result<()> {
    let is_recording = |path: &PathBuf| path.extension().is_some_and(|end| end == "flight" || end == "new");
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder)?.flatten().map(|file| file.path()).filter(is_recording).collect();
    // Names begin with the time.
    files.sort();
    let gone = (files.len() + 1).saturating_sub(RECORDINGS_MAX);
    files.iter().take(gone).try_for_each(fs::remove_file)
}
