//! The settings read again while the switch runs: whole or not at all.

use std::{
    collections::BTreeSet,
    fmt, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError},
    time::Duration,
};

use tokio::sync::oneshot;

use super::{Fresh, Order, certificate, credentials, files::read_files, logging, sockets, sounds};
use crate::{
    api::Reloaded,
    base::ClipId,
    engine::Centre,
    media::Sound,
    net::{Inbox, Tls},
    settings::{CentreFiles, Loaded, ServerSettings, difference, without_values},
};

/// Where the settings come from.
#[derive(Clone, Debug)]
pub struct Origin {
    pub config: PathBuf,
    pub environment: Vec<(String, String)>,
    /// Shows passwords just made, once.
    pub show: fn(&[Fresh]) -> io::Result<()>,
}

impl Origin {
    /// What the settings' file names are relative to.
    pub fn folder(&self) -> &Path {
        self.config.parent().unwrap_or_else(|| Path::new("."))
    }
}

/// Everything that the loop takes over at once.
#[derive(Debug)]
pub struct Change {
    pub server: ServerSettings,
    pub centre: Arc<Centre>,
    pub clips: Vec<(ClipId, Arc<Sound>)>,
    pub clips_gone: Vec<ClipId>,
    pub tls: Option<Arc<Tls>>,
    /// Told when it is done, or why nothing was changed.
    pub done: oneshot::Sender<Result<(), String>>,
}

/// Reads the settings again, one at a time.
pub struct Reloader {
    origin: Origin,
    inbox: Inbox<Order>,
    current: Mutex<Current>,
}

struct Current {
    /// What the switch started with: what only a start reads counts as it stands here.
    started: ServerSettings,
    server: ServerSettings,
    files: CentreFiles,
}

impl fmt::Debug for Reloader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reloader").field("config", &self.origin.config).finish_non_exhaustive()
    }
}

impl Reloader {
    /// `files` with every password filled in.
    pub fn new(origin: Origin, inbox: Inbox<Order>, server: ServerSettings, files: CentreFiles) -> Self {
        Self { origin, inbox, current: Mutex::new(Current { started: server.clone(), server, files }) }
    }

    /// How long calls may go on after a drain began.
    pub fn drain_time(&self) -> Duration {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).server.limits.drain_time
    }

    /// Reads, judges, compares and takes over; blocks while files are read and the loop takes its turn. `Err` says what
    /// is wrong with file, line and hint; nothing has changed then.
    pub fn reload(&self) -> Result<Reloaded, String> {
        let mut current = match self.current.try_lock() {
            Ok(current) => current,
            Err(TryLockError::Poisoned(current)) => current.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(String::from("a reload is under way; try again")),
        };
        let done = self.take_over(&mut current);
        match &done {
            Ok(reloaded) => {
                for change in &reloaded.changes {
                    tracing::info!(change = without_values(change), "settings");
                }
                tracing::info!(changes = reloaded.changes.len(), "the settings were read again");
                for section in &reloaded.needs_restart {
                    tracing::warn!(section, "changed in the file; counts from the next start on");
                }
            }
            Err(why) => {
                metrics::counter!("settings_refused_total").increment(1);
                tracing::error!(why, "the settings were refused; nothing was changed");
            }
        }
        done
    }

    fn take_over(&self, current: &mut MutexGuard<'_, Current>) -> Result<Reloaded, String> {
        let Loaded { server, mut files, places } =
            read_files(&self.origin.config, &self.origin.environment).map_err(|error| error.to_string())?;
        if current.server.realm != server.realm {
            return Err(realm_stays(&self.origin.config));
        }
        let needs_restart = needs_restart(&current.started, &server);
        let data = PathBuf::from(&current.server.data_dir);
        let passwords = credentials::fill(&mut files.centre, &files.generated, &data, &server.realm)
            .map_err(|error| format!("generated passwords: {error}"))?;
        let folder = self.origin.folder();
        certificate::check(&server, folder, &places).map_err(|faults| faults.to_string())?;
        let sounds = sounds::read_all(&files.clips, folder, &places).map_err(|faults| faults.to_string())?;
        let clips = sounds.into_iter().map(|(id, sound)| (id, Arc::new(sound))).collect::<Vec<_>>();
        let tls = sockets::open_tls(&server, folder, &data).map_err(|error| error.to_string())?;
        logging::check(&server.log.level)?;

        let still: BTreeSet<ClipId> = clips.iter().map(|(id, _)| *id).collect();
        let before = current.files.clips.iter().map(|clip| clip.id);
        let clips_gone = before.filter(|id| !still.contains(id)).collect();
        let centre = Arc::new(files.centre.clone());
        let (done, told) = oneshot::channel();
        let change = Change { server: server.clone(), centre, clips, clips_gone, tls, done };
        let ending = || String::from("the switch ends");
        self.inbox.push(Order::Change(Box::new(change))).map_err(|_| String::from("the switch is overloaded"))?;
        told.blocking_recv().unwrap_or_else(|_| Err(ending()))?;

        // A password that nobody has seen is not kept: the next reload makes another.
        if let Err(error) = (self.origin.show)(&passwords.fresh).and_then(|()| passwords.save()) {
            tracing::error!(%error, "the new users' passwords could not be shown and kept");
        }
        logging::set(&server.log.level)?;
        let changes = difference(&current.files, &files);
        current.server = server;
        current.files = files;
        Ok(Reloaded { changes, needs_restart })
    }
}

fn realm_stays(config: &Path) -> String {
    format!(
        "{}: realm: can't change while the switch runs, for every password's hash hangs on it\n    hint: put the old one \
         back, or set passwords anew and start again",
        config.display()
    )
}

/// What has changed and is read at the start alone.
pub fn needs_restart(started: &ServerSettings, new: &ServerSettings) -> Vec<&'static str> {
    let fixed = |limits: &crate::settings::Limits| {
        let crate::settings::Limits { calls_max, connections_max, connections_per_ip_max, .. } = *limits;
        let bans = (limits.guesses_max, limits.ban_time);
        (calls_max, connections_max, connections_per_ip_max, limits.idle_time, bans, limits.recorder_octets)
    };
    let rtp =
        |rtp: &crate::settings::RtpSettings| (rtp.bind, rtp.ports.clone(), rtp.workers, rtp.secures_tls, rtp.tones);
    let sections = [
        ("realm", started.realm != new.realm),
        ("data_dir", started.data_dir != new.data_dir),
        ("[sip] user_agent", started.sip.user_agent != new.sip.user_agent),
        ("[sip] domains", started.sip.domains != new.sip.domains),
        ("[sip] force_rport", started.sip.force_rport != new.sip.force_rport),
        ("[sip] dns", started.sip.dns != new.sip.dns),
        ("[devices]", started.devices != new.devices),
        ("[hep]", started.hep != new.hep),
        ("[notify]", started.notify != new.notify),
        ("[http]", started.http != new.http),
        ("[rtp]", rtp(&started.rtp) != rtp(&new.rtp)),
        ("[store]", started.store != new.store),
        ("[limits]", fixed(&started.limits) != fixed(&new.limits)),
        ("[log] format", started.log.format != new.log.format),
    ];
    sections.into_iter().filter(|(_, changed)| *changed).map(|(section, _)| section).collect()
}
