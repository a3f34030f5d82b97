//! Where log lines go: to standard error, for people or for collectors.

use std::{
    io::{self, IsTerminal, Write},
    os::fd::{AsFd, AsRawFd, BorrowedFd},
    sync::OnceLock,
};

use tracing_subscriber::EnvFilter;

use crate::settings::{LogFormat, LogSettings, level_fault};

/// Puts another filter in the place of the present one.
type Put = Box<dyn Fn(EnvFilter) -> Result<(), String> + Send + Sync>;

static PUT: OnceLock<Put> = OnceLock::new();

/// Starts logging for the whole process. `RUST_LOG` comes before the settings. Only the first call counts.
pub fn start_logging(settings: &LogSettings) {
    let filter = EnvFilter::try_from_default_env().or_else(|_| parse(&settings.level));
    let (filter, fault) = match filter {
        Ok(filter) => (filter, None),
        Err(fault) => (EnvFilter::new("info"), Some(fault)),
    };
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // It would say on standard error that a line could not be written there, and fail over that: a log on a full disk
        // would end all calls.
        .log_internal_errors(false)
        .with_writer(|| Unhurried(io::stderr()))
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
}

/// Writes what can be written at once and leaves out the rest (`log_lines_lost_total`): who reads the log through a pipe and
/// has stopped would otherwise stop all calls, since the engine's thread writes lines too.
struct Unhurried<W>(W);

/// Of a pipe that is ready so much can be written without waiting (pipe(7)).
const READY_OCTETS: usize = 4_096;

impl<W: AsFd + Lockable> Write for Unhurried<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // Held from the question to the end, or another thread might take the room.
        let mut to = self.0.lock();
        for piece in line.chunks(READY_OCTETS) {
            if !is_ready(self.0.as_fd()) {
                metrics::counter!("log_lines_lost_total").increment(1);
                break;
            }
            to.write_all(piece)?;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What several threads write to, one at a time.
trait Lockable {
    fn lock(&self) -> impl Write;
}

impl Lockable for io::Stderr {
    fn lock(&self) -> impl Write {
        Self::lock(self)
    }
}

fn is_ready(to: BorrowedFd<'_>) -> bool {
    let mut asked = [libc::pollfd { fd: to.as_raw_fd(), events: libc::POLLOUT, revents: 0 }];
    // SAFETY: one descriptor, valid for the call.
    let found = unsafe { libc::poll(asked.as_mut_ptr(), 1, 0) };
    // Where nobody can say, or nobody listens any more, writing does not wait.
    found != 0
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

    struct Pipe(io::PipeWriter);

    impl Lockable for Pipe {
        fn lock(&self) -> impl Write {
            &self.0
        }
    }

    impl AsFd for Pipe {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.0.as_fd()
        }
    }

    /// OP-09: a reader of the log who has stopped reading stops nobody; when he reads again, lines come again.
    #[test]
    fn op_09_a_log_that_nobody_reads_stops_nobody() {
        let (mut read, write) = io::pipe().unwrap();
        let mut log = Unhurried(Pipe(write));
        let line = [b'x'; 1_000];
        // More than any pipe holds.
        for _ in 0..4_000 {
            log.write_all(&line).unwrap();
        }
        let mut some = vec![0; 60_000];
        io::Read::read_exact(&mut read, &mut some).unwrap();
        log.write_all(b"the end").unwrap();
        drop(log);
        let mut rest = Vec::new();
        io::Read::read_to_end(&mut read, &mut rest).unwrap();
        assert!(rest.ends_with(b"xthe end"), "{}", rest.len());
    }
}
