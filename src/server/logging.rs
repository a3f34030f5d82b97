//! Where log lines go: to standard error, for people or for collectors.

mod lines;

use std::{
    io::{self, IsTerminal},
    sync::OnceLock,
};

use lines::Lines;
use tracing_subscriber::EnvFilter;

use crate::settings::{LogFormat, LogSettings, level_fault};

/// Puts another filter in the place of the present one.
type Put = Box<dyn Fn(EnvFilter) -> Result<(), String> + Send + Sync>;

static PUT: OnceLock<Put> = OnceLock::new();

static LINES: OnceLock<Lines> = OnceLock::new();

/// Waits until everything that was said is written, for whoever ends the process. Not for long: nobody may read it.
pub fn flush() {
    if let Some(lines) = LINES.get() {
        lines.flush();
    }
}

/// Starts logging for the whole process. `RUST_LOG` comes before the settings. Only the first call counts.
pub fn start_logging(settings: &LogSettings) -> io::Result<()> {
    let lines = Lines::start(io::stderr())?;
    let _ = LINES.set(lines.clone());
    let filter = EnvFilter::try_from_default_env().or_else(|_| parse(&settings.level));
    let (filter, fault) = match filter {
        Ok(filter) => (filter, None),
        Err(fault) => (EnvFilter::new("info"), Some(fault)),
    };
    let lines = tracing_subscriber::fmt()
        .with_writer(lines)
        .with_env_filter(filter)
        // It would say on standard error that a line could not be written there, and fail over that: a log on a full disk
        // would end all calls.
        .log_internal_errors(false)
        .with_ansi(io::stderr().is_terminal());
    // A second start in one process (tests) keeps the first.
    match settings.format {
        LogFormat::Text => {
            let lines = lines.with_target(false).with_filter_reloading();
            let handle = lines.reload_handle();
            if lines.try_init().is_ok() {
                let _ = PUT.set(Box::new(move |filter| handle.reload(filter).map_err(|error| error.to_string())));
            }
        }
        LogFormat::Json => {
            let lines = lines.json().flatten_event(true).with_filter_reloading();
            let handle = lines.reload_handle();
            if lines.try_init().is_ok() {
                let _ = PUT.set(Box::new(move |filter| handle.reload(filter).map_err(|error| error.to_string())));
            }
        }
    }
    if let Some(fault) = fault {
        tracing::warn!("{fault}; logging at info");
    }
    Ok(())
}

/// Warns of every extension of a handshake that it does not know, and browsers send many.
const TALKATIVE: &str = "rtc_dtls=error";

fn parse(level: &str) -> Result<EnvFilter, String> {
    if let Some(fault) = level_fault(level) {
        return Err(format!("log level: {fault}"));
    }
    let level = if level.contains("rtc_dtls") { level.to_owned() } else { format!("{level},{TALKATIVE}") };
    EnvFilter::try_new(&level).map_err(|error| format!("log level \"{level}\": {error}"))
}

/// Whether `level` can be understood.
pub fn check(level: &str) -> Result<(), String> {
    parse(level).map(drop)
}

/// Logs that much from now on; `RUST_LOG` has had its say at the start.
pub fn set(level: &str) -> Result<(), String> {
    let filter = parse(level)?;
    PUT.get().map_or(Ok(()), |put| put(filter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_level_is_refused() {
        assert!(check("info,strowger::net=debug").is_ok());
        assert!(check("warn,strowger::net::udp=off,[turn{call=7}]=trace").is_ok());
        for half in ["nonsense=", "=debug", "info,strowger=loud"] {
            assert!(check(half).is_err(), "{half}");
        }
        assert!(check("infoo").unwrap_err().contains("infoo"));
        assert!(check("warn,deubg").unwrap_err().contains("deubg"));
        assert!(check("").is_err() && check(" ").is_err());
        assert!(check("strowger=loud").unwrap_err().contains("loud"));
    }
}
