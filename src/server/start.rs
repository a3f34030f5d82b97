//! From settings to a running switch, and its end.

use std::{
    borrow::Cow,
    fmt, io,
    net::SocketAddr,
    path::Path,
    sync::{Arc, mpsc},
    thread::JoinHandle,
    time::Duration,
};

use super::{
    Clock, ENGINE_THREAD, Ended, Handle, Order, Unsaved, admin,
    asking::asker,
    certificate, credentials,
    flight::{Flight, Why},
    gauges,
    http::HttpClient,
    limits, notices,
    opening::{
        feed_records, make_folder, open_database, open_flight, open_journal, open_plane, start_recorder, start_runtime,
    },
    pages,
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
    base::ClipId,
    engine::{self, Centre, Engine, EngineSettings, Entry, Input},
    media::Sound,
    net::{Bound, Collector, Inbox},
    plane::{self, Plane},
    settings::{CentreFiles, Faults, HepSettings, Loaded, Places, ServerSettings},
    sip::TimerSettings,
    switch::{Listener, Times},
};

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

    pub(super) fn plain(what: &str, why: impl fmt::Display) -> Self {
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
        io::ErrorKind::ReadOnlyFilesystem => Some("that disk is mounted for reading only: mount it for writing"),
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
    gauges::describe();
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
    let (records_wake, records_end) = feed_records(&runtime, &journal, &database, &inbox);

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
        records_end,
        flight: flight.clone(),
        first: first_inputs(&centre, media, restored).collect(),
    };
    let api = admin::settings(&server.http, http_address, &data).map_err(StartError::new("admin token"))?;
    let reloader = Arc::new(Reloader::new(origin, inbox.clone(), server, files));
    handle.set_reloader(Arc::clone(&reloader));
    let pages = Pages::start(runtime.handle(), http, database, handle, clock, metrics, api)
        .map_err(StartError::new("pages"))?;
    let engine = start_engine(switch).map_err(StartError::new("threads"))?;
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

/// What the engine is told before anybody calls.
fn first_inputs(centre: &Centre, media: plane::Bound, restored: Vec<Entry>) -> impl Iterator<Item = Input> {
    let known = [Input::Settings(Box::new(centre.clone())), Input::Ports(media.ports)];
    let doors = media.doors.map(Input::Doors);
    known.into_iter().chain(doors).chain([Input::Restore(restored), Input::Restored])
}

fn media_sink(mut plane: Plane) -> MediaSink {
    Box::new(move |_, command| {
        if plane.send(command).is_err() {
            metrics::counter!("media_commands_lost_total").increment(1);
        }
    })
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

/// A panic in the engine leaves calls in no known state: from here on it ends the process, to be started again.
fn start_engine(switch: Loop) -> io::Result<JoinHandle<Ended>> {
    threads::abort_on_panic();
    threads::start(ENGINE_THREAD, move || switch.run())
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
