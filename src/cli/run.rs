//! `strowger run`: start, say what to do next, run until told to end.

use std::{io::Write, path::Path, sync::Arc};

use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::{
    runtime::{self, Runtime},
    signal::unix::{Signal, SignalKind, signal},
};

use super::{Failed, environment};
use crate::{
    server::{self, Control, Ended, Fresh, Origin, Running, threads},
    sip::Transport,
    switch::{Destination, Route},
};

pub fn run(config: &Path) -> Result<(), Failed> {
    let environment = environment();
    let loaded = server::read_files(config, &environment)?;
    server::start_logging(&loaded.server.log).map_err(|why| format!("log: {why}"))?;
    let _said = Said;
    let metrics = PrometheusBuilder::new().install_recorder().map_err(|why| format!("metrics: {why}"))?;
    let origin = Origin { config: config.to_owned(), environment, show };
    // Whoever sees it well may tell it to end.
    let signals = Signals::hear()?;
    let running = server::start(loaded, origin, Arc::new(move || metrics.render()))?;
    signals.heed(running.control())?;
    say(&mut std::io::stdout().lock(), &running)?;
    match running.wait() {
        Ended::Drained => tracing::info!("ended: no call was left"),
        Ended::TimeIsUp => tracing::warn!("ended: time was up, the calls left were hung up"),
        Ended::Told => tracing::info!("ended"),
    }
    Ok(())
}

/// Whatever ends the program, what it said is written first.
struct Said;

impl Drop for Said {
    fn drop(&mut self) {
        server::flush_log();
    }
}

const HOW_TO_STOP: &str = "  stop    Ctrl-C lets calls end; a second one does not wait\n\n";

/// Says what to do next. Passwords that could not be shown are not kept: the next start makes others.
fn say(out: &mut impl Write, running: &Running) -> Result<(), Failed> {
    match out.write_all(banner(running).as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => {
            running.passwords.save().map_err(|error| format!("generated passwords: {error}"))?;
            // Whoever waits for the last line may count on all before.
            let _ = out.write_all(HOW_TO_STOP.as_bytes()).and_then(|()| out.flush());
            Ok(())
        }
        Err(error) if running.passwords.fresh.is_empty() => {
            tracing::warn!(%error, "what to do next could not be shown");
            Ok(())
        }
        Err(error) => Err(format!(
            "the passwords made at first start could not be shown on standard output ({error}); they were not kept, and the \
             next start makes others"
        )
        .into()),
    }
}

/// What to do next.
fn banner(running: &Running) -> String {
    let mut lines = vec![String::new(), format!("strowger {} is running.", env!("CARGO_PKG_VERSION")), String::new()];
    let sip: Vec<String> =
        running.bound.iter().map(|bound| format!("{} {}", bound.transport.via_name(), bound.address)).collect();
    lines.push(format!("  SIP     {}", sip.join(", ")));
    lines.push(format!("  page    http://{}/", running.http));
    let address = running.bound.iter().find(|bound| bound.transport == Transport::Udp).or(running.bound.first());
    if let (Some(user), Some(bound)) = (running.centre.users.iter().find(|user| user.ha1.is_some()), address) {
        lines.push(format!("  phones  register as sip:{}@{}, user name {}", user.name, bound.address, user.name));
    }
    let to_queue = |route: &&Route| matches!(route.destination, Destination::Queue(_)) && route.pattern.is_exact();
    if let Some(Route { pattern, .. }) = running.centre.routes.iter().find(to_queue) {
        lines.push(format!("  ring    {pattern} reaches a queue; without a phone: strowger test-call {pattern}"));
    }
    if !running.passwords.fresh.is_empty() {
        lines.push(passwords(&running.passwords.fresh));
    }
    lines.push(String::from("\n"));
    lines.join("\n")
}

fn passwords(fresh: &[Fresh]) -> String {
    let mut lines = vec![String::from("\n  Passwords made just now, for phone and page. They are shown this once:\n")];
    lines.extend(fresh.iter().map(|fresh| format!("    {:12} {}", fresh.user, fresh.password.reveal())));
    lines.join("\n")
}

/// Those of users who came with a reload.
fn show(fresh: &[Fresh]) -> std::io::Result<()> {
    if fresh.is_empty() {
        return Ok(());
    }
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}\n", passwords(fresh))?;
    out.flush()
}

/// SIGTERM and Ctrl-C drain, the second one ends at once; SIGHUP reads the settings again.
struct Signals {
    ends: (Runtime, Ends),
    hup: (Runtime, Signal),
}

impl Signals {
    /// From now on none of them kills; what comes meanwhile is kept for [`heed`](Self::heed).
    fn hear() -> Result<Self, Failed> {
        let ends =
            inside(|| Ok(Ends { term: signal(SignalKind::terminate())?, int: signal(SignalKind::interrupt())? }))?;
        Ok(Self { ends, hup: inside(|| signal(SignalKind::hangup()))? })
    }

    fn heed(self, control: Control) -> Result<(), Failed> {
        let Self { ends: (runtime, mut ends), hup: (readers, mut hup) } = self;
        let rereader = control.clone();
        // Reading takes its time, in which a SIGTERM must be heard.
        let read = move || {
            while readers.block_on(hup.recv()).is_some() {
                // What came of it is in the log.
                let _ = rereader.reload();
            }
        };
        drop(threads::start("reload", read)?);
        let body = move || {
            runtime.block_on(async {
                ends.next().await;
                let drain_time = control.drain_time();
                control.drain(drain_time);
                ends.next().await;
                control.end();
                // A third one, should even that not work.
                ends.next().await;
                std::process::exit(1);
            });
        };
        drop(threads::start("signals", body)?);
        Ok(())
    }
}

/// Signals, and the runtime that hears them.
fn inside<T>(register: impl FnOnce() -> std::io::Result<T>) -> std::io::Result<(Runtime, T)> {
    let runtime = runtime::Builder::new_current_thread().enable_io().build()?;
    let registered = {
        let _inside = runtime.enter();
        register()?
    };
    Ok((runtime, registered))
}

struct Ends {
    term: Signal,
    int: Signal,
}

impl Ends {
    async fn next(&mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.int.recv() => {}
        }
    }
}
