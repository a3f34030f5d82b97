//! `strowger run`: start, say what to do next, run until told to end.

use std::{io::Write as _, path::Path, sync::Arc, time::Duration};

use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{Failed, environment};
use crate::{
    server::{self, Control, Ended, Running, threads},
    sip::Transport,
    switch::{Destination, Route},
};

pub fn run(config: &Path) -> Result<(), Failed> {
    let loaded = server::read_files(config, &environment())?;
    server::start_logging(&loaded.server.log);
    let metrics = PrometheusBuilder::new().install_recorder().map_err(|why| format!("metrics: {why}"))?;
    let drain_time = loaded.server.limits.drain_time;
    let folder = config.parent().unwrap_or_else(|| Path::new("."));
    let running = server::start(loaded, folder, Arc::new(move || metrics.render()))?;
    print!("{}", banner(&running));
    std::io::stdout().flush()?;
    listen_for_signals(running.control(), drain_time)?;
    match running.wait() {
        Ended::Drained => tracing::info!("ended: no call was left"),
        Ended::TimeIsUp => tracing::warn!("ended: time was up, the calls left were hung up"),
        Ended::Told => tracing::info!("ended"),
    }
    Ok(())
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
    if !running.fresh.is_empty() {
        lines.push(String::from("\n  Passwords made just now, for phone and page. They are shown this once:\n"));
        lines.extend(running.fresh.iter().map(|fresh| format!("    {:12} {}", fresh.user, fresh.password.reveal())));
    }
    lines.push(String::from("\n  stop    Ctrl-C lets calls end; a second one does not wait\n\n"));
    lines.join("\n")
}

/// SIGTERM and Ctrl-C drain; the second one ends at once.
fn listen_for_signals(control: Control, drain_time: Duration) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let (mut term, mut int) = {
        let _inside = runtime.enter();
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?)
    };
    let body = move || {
        runtime.block_on(async {
            next(&mut term, &mut int).await;
            tracing::info!(seconds = drain_time.as_secs(), "no new calls; ending when the present ones have ended");
            control.drain(drain_time);
            next(&mut term, &mut int).await;
            control.end();
            // A third one, should even that not work.
            next(&mut term, &mut int).await;
            std::process::exit(1);
        });
    };
    drop(threads::start("signals", body)?);
    Ok(())
}

async fn next(term: &mut Signal, int: &mut Signal) {
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
}
