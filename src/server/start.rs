//! From settings to a running switch, and its end.

use std::{
    borrow::Cow,
    fmt, fs, io,
    net::SocketAddr,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
    thread::JoinHandle,
    time::Duration,
};

use tokio::{runtime::Builder, sync::Notify};

use super::{
    Clock, ENGINE_THREAD, Ended, Handle, Order, Unsaved, admin,
    asking::asker,
    certificate, credentials,
    flight::{Flight, Why},
    http::HttpClient,
    limits, logging, notices, pages,
    pages::Pages,
    pulse::{self, Pulse},
    reload::{Origin, Reloader},
    resolve::resolver,
    seed,
    sockets::{Sockets, trunk_sources},
    sounds, threads,
    turn::{Loop, MediaSink, State},
};
use crate::{
    api::Reloaded,
    base::{ClipId, Now},
    engine::{self, Centre, Engine, EngineSettings, Entry, Input, Record},
    media::{Command, Sound, spoken, tape::Reel},
    net::{Bound, Collector, Inbox},
    plane::{self, Plane, PlaneSettings},
    settings::{CentreFiles, Faults, HepSettings, JournalSync, Loaded, Places, ServerSettings},
    sip::TimerSettings,
    store::{Database, Feeder, Journal, JournalSettings, recordings::Recorder},
    switch::{Listener, Times},
};

/// Threads for connections, pages and the database. The loop and the media workers have their own.
const RUNTIME_THREADS: usize = 2;

/// Media workers at most when the settings leave it open; below it, one a core: 1,500 calls are more than one core carries.
const WORKERS_DEFAULT_MAX: usize = 8;

/// Why the switch did not start. Nothing of it runs then.
#[derive(Debug)]
pub enum StartError {
    /// What the settings name can't be read.
    Files(Faults),
    Step {
        what: String,
        why: String,
        hint: Option<Cow<'static, str>>,
    },
}

impl StartError {
    pub(super) fn new(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |why| Self::Step { what, hint: hint(why.kind()).map(Cow::Borrowed), why: why.to_string() }
    }

    /// Whatever failed: where the disk of the data folder is full, that is why.
    fn with_room(self, data: &str) -> Self {
        match self {
            Self::Step { what, why, hint: None } => {
                Self::Step { what, why, hint: limits::lacks_room(data).map(Cow::Owned) }
            }
            Self::Step { .. } | Self::Files(_) => self,
        }
    }

    fn plain(what: &str, why: impl fmt::Display) -> Self {
        Self::Step { what: what.to_owned(), why: why.to_string(), hint: None }
    }
}

/// What is mostly behind it, and what helps.
#[expect(clippy::wildcard_enum_match_arm, reason = "the kinds are the library's")]
fn hint(kind: io::ErrorKind) -> Option<&'static str> {
    match kind {
        io::ErrorKind::AddrInUse => Some(
            "something listens there already, perhaps another strowger; end it, or choose another port in the main file \
             or by STROWGER_SIP_LISTEN, STROWGER_HTTP_LISTEN, STROWGER_RTP_PORTS",
        ),
        io::ErrorKind::AddrNotAvailable => {
            Some("this machine has no such address; `ip address` lists those that it has")
        }
        io::ErrorKind::PermissionDenied => {
            Some("the user that runs the switch must be allowed to: read and write there, or listen below port 1024")
        }
        _ => None,
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Files(faults) => fmt::Display::fmt(faults, f),
            Self::Step { what, why, hint: None } => write!(f, "{what}: {why}"),
            Self::Step { what, why, hint: Some(hint) } => write!(f, "{what}: {why}\n    hint: {hint}"),
        }
    }
}

impl std::error::Error for StartError {}

/// A switch that runs.
pub struct Running {
    /// Where it listens for SIP.
    pub bound: Vec<Bound>,
    /// Where its pages are.
    pub http: SocketAddr,
    /// Those made at this start, to be shown once and then kept.
    pub passwords: Unsaved,
    pub centre: Arc<Centre>,
    inbox: Inbox<Order>,
    reloader: Arc<Reloader>,
    engine: Option<JoinHandle<Ended>>,
    pages: Option<Pages>,
    watchdog: Option<mpsc::Sender<()>>,
    runtime: Option<tokio::runtime::Runtime>,
}

/// Starts everything. `metrics` writes what `/metrics` shows.
pub fn start(
    loaded: Loaded,
    origin: Origin,
    metrics: Arc<dyn Fn() -> String + Send + Sync>,
) -> Result<Running, StartError> {
    let data = loaded.server.data_dir.clone();
    start_all(loaded, origin, metrics).map_err(|fault| fault.with_room(&data))
}

fn start_all(
    loaded: Loaded,
    origin: Origin,
    metrics: Arc<dyn Fn() -> String + Send + Sync>,
) -> Result<Running, StartError> {
    let Loaded { server, mut files, places } = loaded;
    let folder = origin.folder().to_owned();
    let sounds = read_named(&server, &files, &folder, &places).map_err(StartError::Files)?;
    let clock = Clock::start();
    let data = make_folder(&server.data_dir)?;
    let passwords = credentials::fill(&mut files.centre, &files.generated, &data, &server.realm)
        .map_err(StartError::new("generated passwords"))?;
    let runtime = start_runtime(clock).map_err(StartError::new("threads"))?;
    let shell = runtime.handle().clone();
    let _inside = shell.enter();

    let (sockets, mut net) = Sockets::open(&server, &folder, &data, runtime.handle(), clock.now())?;
    let inbox = Inbox::new(net.bell());
    let centre = Arc::new(files.centre.clone());
    net.limit_calls(server.limits.invite_rate_max, trunk_sources(&centre));
    net.set_mirror(collector(&server.hep)).map_err(StartError::new("[hep] collector"))?;
    let pulse = Pulse::new(clock);
    let handle = Arc::new(Handle::new(inbox.clone(), pulse.clone(), Arc::clone(&centre)));
    let (http, http_address) =
        pages::bind(server.http.listen).map_err(StartError::new(format!("[http] listen {}", server.http.listen)))?;
    let (journal, restored) = open_journal(&server, &data, &inbox)?;
    let (recorder, tapes) = start_recorder(&data, &inbox)?;
    let (plane, media) = open_plane(&server, (tapes, sounds), clock, &inbox)?;
    let database = open_database(&server)?;
    let records_wake = Arc::new(Notify::new());
    feed_records(&runtime, &journal, &database, &records_wake);

    let settings = engine_settings(&server, sockets.listeners());
    let (seed, born) = (seed().map_err(StartError::new("seed"))?, clock.now());
    let flight = open_flight(&server, &data, (&settings, seed, born), clock)?;
    handle.set_flight(flight.clone());
    let bound = net.bound().to_vec();
    let client = HttpClient::new().map_err(|why| StartError::plain("trusted certificates", why))?;
    let switch = Loop {
        engine: Engine::new(settings, seed, born),
        notices: notices::start(runtime.handle(), (&server.notify, client.clone()), &data, &handle, clock)?,
        ask: asker(runtime.handle().clone(), client, handle.centres(), inbox.clone(), clock),
        resolve: resolver(runtime.handle().clone(), inbox.clone(), &server.sip.dns),
        meter: plane.meter(),
        media: media_sink(plane),
        recorder,
        handle: Arc::clone(&handle),
        pulse: pulse.clone(),
        inbox: inbox.clone(),
        state: State::default(),
        journal,
        net,
        sockets,
        clock,
        records_wake,
        flight: flight.clone(),
        first: first_inputs(&centre, media, restored).collect(),
    };
    let api = admin::settings(&server.http, http_address, &data).map_err(StartError::new("admin token"))?;
    let reloader = Arc::new(Reloader::new(origin, inbox.clone(), server, files));
    handle.set_reloader(Arc::clone(&reloader));
    let pages = Pages::start(runtime.handle(), http, database, handle, clock, metrics, api)
        .map_err(StartError::new("pages"))?;
    threads::abort_on_panic();
    let engine = threads::start(ENGINE_THREAD, move || switch.run()).map_err(StartError::new("threads"))?;
    let watchdog = start_watchdog(pulse, flight).map_err(StartError::new("threads"))?;
    Ok(Running {
        bound,
        http: http_address,
        passwords,
        centre,
        inbox,
        reloader,
        engine: Some(engine),
        pages: Some(pages),
        watchdog: Some(watchdog),
        runtime: Some(runtime),
    })
}

/// The files that the settings name, judged before anything starts; the sounds among them.
fn read_named(
    server: &ServerSettings,
    files: &CentreFiles,
    folder: &Path,
    places: &Places,
) -> Result<Vec<(ClipId, Sound)>, Faults> {
    certificate::check(server, folder, places)?;
    sounds::read_all(&files.clips, folder, places)
}

impl Running {
    /// For ending it from another thread.
    pub fn control(&self) -> Control {
        Control { inbox: self.inbox.clone(), reloader: Arc::clone(&self.reloader) }
    }

    /// Waits for the end, then closes the rest.
    pub fn wait(mut self) -> Ended {
        let ended = self.engine.take().and_then(|engine| engine.join().ok()).unwrap_or(Ended::Told);
        drop(self.watchdog.take());
        if let Some(pages) = self.pages.take() {
            pages.end();
        }
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
        ended
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.control().end();
    }
}

/// Ends a running switch, or has it read its settings again.
#[derive(Clone)]
pub struct Control {
    inbox: Inbox<Order>,
    reloader: Arc<Reloader>,
}

impl Control {
    /// Reads the settings again, whole or not at all. What came of it is in the log too.
    pub fn reload(&self) -> Result<Reloaded, String> {
        self.reloader.reload()
    }

    /// How long [`Control::drain`] waits as the settings have it.
    pub fn drain_time(&self) -> Duration {
        self.reloader.drain_time()
    }

    /// Takes no new calls; the switch ends when the last has ended, or after `time`.
    pub fn drain(&self, time: Duration) {
        // A full inbox means that the loop has stopped; the watchdog sees to that.
        let _ = self.inbox.push(Order::Drain { time });
    }

    /// Ends now; calls are hung up.
    pub fn end(&self) {
        let _ = self.inbox.push(Order::End);
    }
}

fn open_flight(
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

fn make_folder(path: &str) -> Result<PathBuf, StartError> {
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

fn start_runtime(clock: Clock) -> io::Result<tokio::runtime::Runtime> {
    limits::plain_pages();
    limits::outlive_file_limits();
    // Without it there are fewer calls.
    let _ = limits::raise_open_files();
    Builder::new_multi_thread()
        .worker_threads(RUNTIME_THREADS)
        .thread_name(threads::SHELL)
        .on_thread_park(move || threads::on_rest(clock.mono()))
        .enable_all()
        .build()
}

type Opened = (Journal<Entry, Record>, Vec<Entry>);

fn open_journal(server: &ServerSettings, data: &Path, inbox: &Inbox<Order>) -> Result<Opened, StartError> {
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
    let (journal, restored) = Journal::open(settings, report).map_err(|error| StartError::plain("journal", error))?;
    if let Some(moved) = restored.set_aside {
        tracing::error!(path = %moved.display(), "the journal was damaged; what could be read was kept");
    }
    tracing::debug!(entries = restored.entries.len(), unreadable = restored.unreadable, "journal read");
    Ok((journal, restored.entries))
}

/// What the engine is told before anybody calls.
fn first_inputs(centre: &Centre, media: plane::Bound, restored: Vec<Entry>) -> impl Iterator<Item = Input> {
    let known = [Input::Settings(Box::new(centre.clone())), Input::Ports(media.ports)];
    let doors = media.doors.map(Input::Doors);
    known.into_iter().chain(doors).chain([Input::Restore(restored), Input::Restored])
}

fn open_plane(
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
fn start_recorder(data: &Path, inbox: &Inbox<Order>) -> Result<(Recorder, mpsc::SyncSender<Reel>), StartError> {
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

fn media_sink(mut plane: Plane) -> MediaSink {
    Box::new(move |_, command| {
        if plane.send(command).is_err() {
            metrics::counter!("media_commands_lost_total").increment(1);
        }
    })
}

/// Where the records are, by the settings.
pub fn database_url(server: &ServerSettings) -> String {
    match server.store.database.as_str() {
        "" => format!("sqlite:{}", Path::new(&server.data_dir).join("strowger.db").display()),
        url => url.to_owned(),
    }
}

fn open_database(server: &ServerSettings) -> Result<Database, StartError> {
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

fn feed_records(
    runtime: &tokio::runtime::Runtime,
    journal: &Journal<Entry, Record>,
    database: &Database,
    wake: &Arc<Notify>,
) {
    let feeder = Feeder::new(journal.outbox(), database.clone());
    let wake = Arc::clone(wake);
    let task = runtime.spawn(async move { feeder.run(&wake).await });
    // It runs as long as the process: whatever ends it sooner must be seen.
    let watch = async move {
        if let Err(error) = task.await
            && error.is_panic()
        {
            metrics::counter!("records_feeder_failed_total").increment(1);
            tracing::error!(%error, "call records wait in the journal until the next start: what feeds the database has failed");
        }
    };
    tokio_util::task::TaskTracker::new().spawn_on(watch, runtime.handle());
}

fn engine_settings(server: &ServerSettings, listeners: Vec<Listener>) -> EngineSettings {
    let domains = server.sip.advertised.iter().chain([&server.realm]).chain(&server.sip.domains).cloned().collect();
    EngineSettings {
        realm: server.realm.clone(),
        domains,
        listeners,
        secures_tls: server.rtp.secures_tls,
        user_agent: server.sip.user_agent.clone(),
        force_rport: server.sip.force_rport,
        limits: engine::Limits {
            calls_max: server.limits.calls_max,
            guesses_max: server.limits.guesses_max,
            ban_time: server.limits.ban_time,
            ..engine::Limits::default()
        },
        times: Times::default(),
        timers: TimerSettings::default(),
        devices: server.devices.clone(),
    }
}

fn collector(hep: &HepSettings) -> Option<Collector> {
    hep.collector.map(|address| Collector { address, key: hep.key.clone(), agent: hep.agent })
}

fn start_watchdog(pulse: Pulse, flight: Option<Flight>) -> io::Result<mpsc::Sender<()>> {
    let (keep, stop) = mpsc::channel();
    let last_words = move || {
        if let Some(Err(error)) = flight.map(|flight| flight.save_now(&Why::Stall)) {
            tracing::error!(%error, "the flight recorder could not be saved");
        }
    };
    drop(threads::start("watchdog", move || pulse::watch(&pulse, &stop, last_words))?);
    Ok(keep)
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
}
