//! What the loop stands on, opened by the settings: folder, threads, journal, database, media, recordings.

use std::{
    borrow::Cow,
    fs, io,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{Clock, Order, flight::Flight, limits, seed, start::StartError, threads};
use crate::{
    base::{ClipId, Now},
    engine::{EngineSettings, Entry, Input, Record},
    media::{Command, Sound, spoken, tape::Reel},
    net::Inbox,
    plane::{self, Plane, PlaneSettings},
    settings::{JournalSync, ServerSettings},
    store::{Database, Feeder, Journal, JournalSettings, recordings::Recorder},
};

/// Threads for connections, pages and the database. The loop and the media workers have their own.
const RUNTIME_THREADS: usize = 2;

/// Media workers at most when the settings leave it open; below it, one a core: 1,500 calls are more than one core carries.
const WORKERS_DEFAULT_MAX: usize = 8;

pub(super) fn open_flight(
    server: &ServerSettings,
    data: &Path,
    born: (&EngineSettings, [u8; 32], Now),
    clock: Clock,
) -> Result<Option<Flight>, StartError> {
    if server.limits.recorder_octets == 0 {
        return Ok(None);
    }
    let flight = Flight::open(data, server.limits.recorder_octets, born, clock);
    let flight = flight.map_err(StartError::new("flight recorder"))?;
    flight.catch_panics();
    Ok(Some(flight))
}

pub(super) fn make_folder(path: &str) -> Result<PathBuf, StartError> {
    if Path::new(path).is_file() {
        let hint = Some(Cow::Borrowed(
            "data_dir names a folder, which is made at first start; move that file, or name another",
        ));
        return Err(StartError::Step {
            what: format!("data folder {path}"),
            why: String::from("that is a file"),
            hint,
        });
    }
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(StartError::new(format!("data folder {path}")))?;
    // Its files are ours alone, but who may write here may put others in their place.
    let mode = fs::metadata(path).map_err(StartError::new(format!("data folder {path}")))?.permissions().mode();
    if mode & 0o002 != 0 {
        let why = format!("everybody may write there, so that its files could be anybody's; run: chmod 700 {path}");
        return Err(StartError::plain(&format!("data folder {path}"), why));
    }
    Ok(PathBuf::from(path))
}

pub(super) fn start_runtime(clock: Clock) -> io::Result<tokio::runtime::Runtime> {
    limits::plain_pages();
    limits::outlive_file_limits();
    // Without it there are fewer calls.
    let _ = limits::raise_open_files();
    threads::start_shell(RUNTIME_THREADS, clock)
}

pub(super) type Opened = (Journal<Entry, Record>, Vec<Entry>);

pub(super) fn open_journal(server: &ServerSettings, data: &Path, inbox: &Inbox<Order>) -> Result<Opened, StartError> {
    let mut settings = JournalSettings::at(data.join("journal.db"));
    settings.power_loss_safe = match server.store.sync {
        JournalSync::Commit => false,
        JournalSync::Disk => true,
    };
    let inbox = inbox.clone();
    let report = move |report| {
        if inbox.push(Order::Journal(report)).is_err() {
            metrics::counter!("journal_reports_lost_total").increment(1);
        }
    };
    let (journal, restored) = Journal::open(settings, report).map_err(|error| {
        let hint = help(&error.why).map(Cow::Borrowed);
        StartError::Step { what: String::from("journal"), why: error.to_string(), hint }
    })?;
    if let Some(moved) = restored.set_aside {
        tracing::error!(path = %moved.display(), "the journal was damaged; what could be read was kept");
    }
    tracing::debug!(entries = restored.entries.len(), unreadable = restored.unreadable, "journal read");
    Ok((journal, restored.entries))
}

/// What helps against a fault of the journal, by what it or the system says.
fn help(why: &str) -> Option<&'static str> {
    const HELP: [(&str, &str); 4] = [
        ("Read-only file system", "the disk of the data folder is mounted for reading only: mount it for writing"),
        ("Permission denied", "the user that runs the switch must be allowed to read and write there"),
        ("newer version", "start that version again, or give this one a data_dir of its own"),
        ("another switch", "end the other one first, or give this one a data_dir of its own"),
    ];
    HELP.iter().find(|(says, _)| why.contains(says)).map(|(_, help)| *help)
}

pub(super) fn open_plane(
    server: &ServerSettings,
    (tapes, sounds): (mpsc::SyncSender<Reel>, Vec<(ClipId, Sound)>),
    clock: Clock,
    inbox: &Inbox<Order>,
) -> Result<(Plane, plane::Bound), StartError> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let workers = match server.rtp.workers {
        0 => cores.clamp(1, WORKERS_DEFAULT_MAX),
        many => usize::from(many),
    };
    let settings = PlaneSettings {
        address: server.rtp.bind,
        ports: server.rtp.ports.clone(),
        browsers: Some(Vec::new()),
        workers: Some(workers),
        country: server.rtp.tones,
        seed: seed().map_err(StartError::new("seed"))?,
        tapes: Some(tapes),
    };
    let inbox = inbox.clone();
    let events = move |event| {
        if inbox.push(Order::Input(Input::Media(event))).is_err() {
            metrics::counter!("media_events_lost_total").increment(1);
        }
    };
    let what = format!("[rtp] ports {}-{}", server.rtp.ports.start(), server.rtp.ports.end());
    let (mut plane, media) = Plane::start(&settings, move || clock.mono(), events).map_err(StartError::new(what))?;
    load_sounds(&mut plane, sounds)?;
    Ok((plane, media))
}

/// Whoever writes recordings, and the way of tapes to it.
pub(super) fn start_recorder(
    data: &Path,
    inbox: &Inbox<Order>,
) -> Result<(Recorder, mpsc::SyncSender<Reel>), StartError> {
    let inbox = inbox.clone();
    let report = move |report| {
        if inbox.push(Order::Input(Input::Segment(report))).is_err() {
            // The next start asks for it again.
            metrics::counter!("recordings_unfinished_total").increment(1);
        }
    };
    Recorder::start(data.to_owned(), report).map_err(StartError::new("recorder"))
}

fn load_sounds(plane: &mut Plane, named: Vec<(ClipId, Sound)>) -> Result<(), StartError> {
    for (clip, sound) in named.into_iter().chain(spoken::clips()) {
        let command = Command::LoadClip { clip, sound: Arc::new(sound) };
        plane.send(command).map_err(|_| StartError::plain("clip", "not taken"))?;
    }
    Ok(())
}

/// Where the records are, by the settings.
pub fn database_url(server: &ServerSettings) -> String {
    match server.store.database.as_str() {
        "" => format!("sqlite:{}", Path::new(&server.data_dir).join("strowger.db").display()),
        url => url.to_owned(),
    }
}

pub(super) fn open_database(server: &ServerSettings) -> Result<Database, StartError> {
    let url = database_url(server);
    match Database::set_aside_if_damaged(&url) {
        Ok(None) => {}
        Ok(Some(aside)) => tracing::error!(
            aside = %aside.display(),
            "the database was damaged and a new one is begun: call records and page sign-ins of before are in that file"
        ),
        Err(why) => return Err(StartError::plain("database", format!("it is damaged and can't be set aside: {why}"))),
    }
    Database::open(&url).map_err(|error| StartError::plain("database", error))
}

/// Carries records to the database. What is given back tells that there are more, and that it is to finish:
/// [`Order::Carried`] follows.
pub(super) fn feed_records(
    runtime: &tokio::runtime::Runtime,
    journal: &Journal<Entry, Record>,
    database: &Database,
    inbox: &Inbox<Order>,
) -> (Arc<Notify>, CancellationToken) {
    let feeder = Feeder::new(journal.outbox(), database.clone());
    let (wake, end, inbox) = (Arc::new(Notify::new()), CancellationToken::new(), inbox.clone());
    let bells = (Arc::clone(&wake), end.clone());
    let task = runtime.spawn(async move { feeder.run(&wake, &end).await });
    // It runs until the loop leaves: whatever ends it sooner must be seen.
    let watch = async move {
        if let Err(error) = task.await
            && error.is_panic()
        {
            metrics::counter!("records_feeder_failed_total").increment(1);
            tracing::error!(%error, "call records wait in the journal until the next start: what feeds the database has failed");
        }
        if inbox.push(Order::Carried).is_err() {
            tracing::warn!("the end was not told that the records are carried: the engine's inbox is full");
        }
    };
    tokio_util::task::TaskTracker::new().spawn_on(watch, runtime.handle());
    bells
}

#[cfg(test)]
mod tests {
    use super::*;

    /// THREATS (files): nothing is trusted that lies where everybody may write.
    #[test]
    fn a_folder_that_everybody_may_write_to_is_refused() {
        let scratch = crate::store::scratch::Scratch::new("open-folder");
        let folder = scratch.join("data");
        let path = folder.to_str().expect("a path");
        assert_eq!(make_folder(path).expect("a new folder"), folder);
        let mode = |mode| fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).expect("permissions");
        mode(0o777);
        let told = make_folder(path).map_err(|fault| fault.to_string());
        assert!(told.is_err_and(|told| told.contains("chmod 700")));
        mode(0o755);
        assert!(make_folder(path).is_ok(), "who may only read changes nothing");
    }

    /// OP-06: what can't be opened is told with what helps.
    #[test]
    fn op_06_a_data_folder_that_is_none_is_told_with_a_hint() {
        let scratch = crate::store::scratch::Scratch::new("open-file");
        fs::write(scratch.join("data"), "").expect("a file");
        let told = make_folder(scratch.join("data").to_str().expect("a path")).map_err(|fault| fault.to_string());
        assert!(
            told.as_ref().is_err_and(|told| told.contains("that is a file") && told.contains("hint: ")),
            "{told:?}"
        );
        assert!(help("it was written by a newer version of the switch").is_some_and(|help| help.contains("data_dir")));
        assert!(help("Read-only file system (os error 30)").is_some_and(|help| help.contains("mount")));
        assert_eq!(help("database disk image is malformed"), None);
    }
}
