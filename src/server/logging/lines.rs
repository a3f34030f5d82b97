//! Lines of the log on their way out. Whoever says something puts it down and goes on; a thread of their own writes them, some
//! at a time: the engine and the media workers say things too, and wait for no disk and no reader.

use std::{
    io::{self, Write},
    iter, mem,
    os::fd::{AsFd, AsRawFd, BorrowedFd},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tracing_subscriber::fmt::MakeWriter;

use crate::server::threads;

/// What may wait; lines beyond it are lost (`log_lines_lost_total`).
const WAITING_OCTETS_MAX: usize = 1 << 20;

/// After a line more are awaited for so long: at many lines a second, a wake-up and a system call are for dozens.
const GATHER: Duration = Duration::from_millis(20);

/// [`Lines::flush`] gives up then: somebody stopped reading, and the process has to end.
const FLUSH_TIME: Duration = Duration::from_secs(1);

/// Of a pipe that is ready so much can be written without waiting (pipe(7)).
const READY_OCTETS: usize = 4_096;

/// Takes lines; clones take them for the same place.
#[derive(Clone)]
pub struct Lines(Arc<Shared>);

#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    /// Something waits, or what waits is wanted at once.
    some: Condvar,
    /// What waited was written.
    written: Condvar,
}

#[derive(Default)]
struct Waiting {
    text: Vec<u8>,
    /// The thread has taken text that it has not written yet.
    in_hand: bool,
    /// Somebody waits for the end of it.
    wanted: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lines {
    /// Lines go to `out` from now on.
    pub fn start(out: impl AsFd + Write + Send + 'static) -> io::Result<Self> {
        let lines = Self(Arc::default());
        let shared = Arc::clone(&lines.0);
        drop(threads::start("log", move || write_all(&shared, out))?);
        Ok(lines)
    }

    fn put(&self, line: &[u8]) {
        let mut waiting = self.0.lock();
        if waiting.text.len() + line.len() > WAITING_OCTETS_MAX {
            drop(waiting);
            metrics::counter!("log_lines_lost_total").increment(1);
            return;
        }
        let is_first = waiting.text.is_empty();
        waiting.text.extend_from_slice(line);
        drop(waiting);
        if is_first {
            self.0.some.notify_one();
        }
    }

    /// Until everything that was put down before is written, or a second is over.
    pub fn flush(&self) {
        let mut waiting = self.0.lock();
        waiting.wanted = true;
        self.0.some.notify_one();
        let is_left = |waiting: &mut Waiting| waiting.in_hand || !waiting.text.is_empty();
        // Whoever ends the process does so either way.
        drop(self.0.written.wait_timeout_while(waiting, FLUSH_TIME, is_left));
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line(self)
    }
}

/// Takes one line, in one piece.
pub struct Line<'a>(&'a Lines);

impl Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.put(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Without end: the thread ends with the process.
fn write_all(shared: &Shared, out: impl AsFd + Write) {
    let mut place = Place { out, is_cut: false, is_stalled: false };
    let mut text = Vec::new();
    loop {
        let mut waiting = shared.lock();
        while waiting.text.is_empty() {
            waiting = shared.some.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        if !waiting.wanted {
            // The first of many, mostly; `flush` cuts it short.
            waiting = shared.some.wait_timeout(waiting, GATHER).unwrap_or_else(PoisonError::into_inner).0;
        }
        mem::swap(&mut text, &mut waiting.text);
        waiting.in_hand = true;
        drop(waiting);
        place.write(&text);
        text.clear();
        let mut waiting = shared.lock();
        waiting.in_hand = false;
        waiting.wanted &= !waiting.text.is_empty();
        drop(waiting);
        shared.written.notify_all();
    }
}

struct Place<W> {
    out: W,
    /// What went last was not the end of a line.
    is_cut: bool,
    /// What came after it was lost.
    is_stalled: bool,
}

impl<W: AsFd + Write> Place<W> {
    /// What can't be written without waiting is lost: who reads the log through a pipe and has stopped keeps nobody waiting.
    fn write(&mut self, text: &[u8]) {
        let mut pieces = text.chunks(READY_OCTETS - 1);
        while let Some(piece) = pieces.next() {
            if !is_ready(self.out.as_fd()) || self.put(piece).is_err() {
                let lost = iter::once(piece).chain(pieces).flatten().filter(|octet| **octet == b'\n').count();
                metrics::counter!("log_lines_lost_total").increment(lost as u64);
                self.is_stalled = true;
                return;
            }
            (self.is_cut, self.is_stalled) = (!piece.ends_with(b"\n"), false);
        }
    }

    /// A line that went only in part is ended first.
    fn put(&mut self, piece: &[u8]) -> io::Result<()> {
        if self.is_cut && self.is_stalled {
            self.out.write_all(&[b"\n", piece].concat())
        } else {
            self.out.write_all(piece)
        }
    }
}

fn is_ready(to: BorrowedFd<'_>) -> bool {
    let mut asked = [libc::pollfd { fd: to.as_raw_fd(), events: libc::POLLOUT, revents: 0 }];
    // SAFETY: one descriptor, valid for the call.
    let found = unsafe { libc::poll(asked.as_mut_ptr(), 1, 0) };
    // Where nobody can say, or nobody listens any more, writing does not wait.
    found != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn say(lines: &Lines, what: &[u8]) {
        lines.make_writer().write_all(what).unwrap();
    }

    /// OP-09: a reader of the log who has stopped reading stops nobody; when he reads again, lines come again, each its own.
    #[test]
    fn op_09_a_log_that_nobody_reads_stops_nobody() {
        let (mut read, write) = io::pipe().unwrap();
        let lines = Lines::start(write).unwrap();
        let mut line = [b'x'; 1_000];
        line[999] = b'\n';
        // More than any pipe holds, and more than may wait.
        for _ in 0..4_000 {
            say(&lines, &line);
        }
        lines.flush();
        let mut some = vec![0; 60_000];
        io::Read::read_exact(&mut read, &mut some).unwrap();
        say(&lines, b"the end\n");
        lines.flush();
        // What a pipe holds at most, and not more than there is.
        let mut rest = vec![0; 1 << 20];
        let len = io::Read::read(&mut read, &mut rest).unwrap();
        let rest = rest[..len].strip_suffix(b"\nthe end\n").unwrap();
        assert!(rest.split(|octet| *octet == b'\n').all(|line| line.iter().all(|octet| *octet == b'x')));
    }

    /// OP-09: whoever ends the process loses no line.
    #[test]
    fn op_09_what_was_said_is_written_before_the_end() {
        let (mut read, write) = io::pipe().unwrap();
        let lines = Lines::start(write).unwrap();
        for number in 0..3 {
            say(&lines, format!("line {number}\n").as_bytes());
        }
        lines.flush();
        let mut text = [0; 100];
        let len = io::Read::read(&mut read, &mut text).unwrap();
        assert_eq!(&text[..len], b"line 0\nline 1\nline 2\n");
    }

    /// A place that takes nothing until it may.
    struct Stuck {
        pipe: io::PipeWriter,
        may: std::sync::mpsc::Receiver<()>,
    }

    impl AsFd for Stuck {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.pipe.as_fd()
        }
    }

    impl Write for Stuck {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            let _ = self.may.recv();
            self.pipe.write(text)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// OP-09: while a disk takes a line and does not come back, whoever says more goes on; nothing of it is lost.
    #[test]
    fn op_09_a_disk_that_stands_still_keeps_nobody_waiting() {
        let (mut read, pipe) = io::pipe().unwrap();
        let (release, may) = std::sync::mpsc::channel();
        let lines = Lines::start(Stuck { pipe, may }).unwrap();
        for _ in 0..1_000 {
            say(&lines, b"line\n");
        }
        drop(release);
        lines.flush();
        let mut text = vec![0; 5_000];
        io::Read::read_exact(&mut read, &mut text).unwrap();
        assert!(text.chunks(5).all(|line| line == b"line\n"));
    }
}
