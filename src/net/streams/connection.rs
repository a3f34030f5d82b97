//! One TCP or TLS connection: frames in, queued messages out, time limits on both.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::mpsc,
    time::{Instant, timeout, timeout_at},
};
use tokio_util::sync::CancellationToken;

use super::{Arrival, Shared, table::WriteQueue};
use crate::{
    sip::Path,
    wire::sip::{Frame, Framer, Message},
};

/// A message must be whole this long after its first octet, however slowly it drips.
const MESSAGE_TIME: Duration = Duration::from_secs(10);

/// A connection on which we have not yet said yes to anything may be silent this long before the loop is asked about it.
const STRANGER_IDLE_TIME: Duration = Duration::from_secs(30);

/// A connection of ours that brings nothing at all for a day is of no use to anybody.
const PATIENCE: Duration = Duration::from_secs(86_400);

/// A peer that takes nothing for this long has stopped reading.
pub const WRITE_TIME: Duration = Duration::from_secs(10);

/// Read at once: a few messages.
const READ_BUFFER: usize = 8_192;

/// Answers to keep-alives and malformed messages that wait to be written; more means that the peer only writes.
const OWN_ANSWERS_MAX: usize = 32;

const PONG: Bytes = Bytes::from_static(b"\r\n");

/// What keeps NATs and peers from taking a connection of ours for forgotten (RFC 5626 4.4.1).
const PING: Bytes = Bytes::from_static(b"\r\n\r\n");

/// So long a connection of ours may be silent before it is said; below the two minutes that RFC 5626 4.4.1 allows.
const PING_EVERY: Duration = Duration::from_secs(90);

/// Serves the connection until either end has enough of it; returns why it ended.
pub async fn serve<R, W>(
    shared: &Shared,
    (read, write): (R, W),
    path: Path,
    queue: WriteQueue,
    stop: CancellationToken,
) -> &'static str
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let (answers, own) = mpsc::channel(OWN_ANSWERS_MAX);
    let ours = queue.ours;
    let reader = Reader { shared, path, read, answers, framer: Framer::default(), welcome: queue.welcome, ours };
    let ping_every = ours.then(|| ping_every(shared));
    tokio::select! {
        () = stop.cancelled() => "closed by us",
        why = reader.run() => why,
        result = write_all(write, queue.queue, own, ping_every) => result.map_or("write failed", |()| "drained"),
    }
}

/// How long a connection may be silent before the loop is asked whether anything depends on it.
pub fn idle_time(shared: &Shared, welcome: &AtomicBool) -> Duration {
    let known = welcome.load(Ordering::Relaxed);
    if known { shared.limits.idle_time } else { STRANGER_IDLE_TIME.min(shared.limits.idle_time) }
}

/// How long a connection that we keep up may be silent before something is said on it.
pub fn ping_every(shared: &Shared) -> Duration {
    PING_EVERY.min(shared.limits.idle_time / 3)
}

/// How long shaking hands may take.
pub fn handshake_time(shared: &Shared) -> Duration {
    MESSAGE_TIME.min(shared.limits.idle_time)
}

async fn write_all(
    mut write: impl AsyncWrite + Unpin,
    mut queue: mpsc::Receiver<Bytes>,
    mut own: mpsc::Receiver<Bytes>,
    ping_every: Option<Duration>,
) -> io::Result<()> {
    loop {
        let next = async {
            tokio::select! {
                next = queue.recv() => next,
                Some(next) = own.recv() => Some(next),
            }
        };
        let next = match ping_every {
            Some(silence) => timeout(silence, next).await.unwrap_or(Some(PING)),
            None => next.await,
        };
        let Some(bytes) = next else { return Ok(()) };
        let all = async {
            write.write_all(&bytes).await?;
            write.flush().await
        };
        timeout(WRITE_TIME, all).await.map_err(|_| io::ErrorKind::TimedOut)??;
    }
}

struct Reader<'a, R> {
    shared: &'a Shared,
    path: Path,
    read: R,
    answers: mpsc::Sender<Bytes>,
    framer: Framer,
    welcome: Arc<AtomicBool>,
    ours: bool,
}

impl<R: AsyncRead + Unpin> Reader<'_, R> {
    /// Returns why it ended.
    async fn run(mut self) -> &'static str {
        let mut buffer = vec![0u8; READ_BUFFER];
        let mut partial_until: Option<Instant> = None;
        loop {
            // A peer that answers no ping may still be there; whether its host is, TCP finds out.
            let patient = self.ours.then_some(PATIENCE);
            let idle = || now() + patient.unwrap_or_else(|| idle_time(self.shared, &self.welcome));
            let count = match timeout_at(partial_until.unwrap_or_else(idle), self.read.read(&mut buffer)).await {
                Err(_) if partial_until.is_some() => return "message too slow",
                Err(_) if self.ours => return "idle",
                Err(_) => {
                    self.shared.tell_idle(self.path).await;
                    continue;
                }
                Ok(Err(_)) => return "read failed",
                Ok(Ok(0)) => return "closed by the peer",
                Ok(Ok(count)) => count,
            };
            self.framer.push(buffer.get(..count).unwrap_or_default());
            match self.take_frames().await {
                Ok(0) if partial_until.is_some() => {}
                Ok(_) => partial_until = self.framer.is_partial().then(|| now() + MESSAGE_TIME),
                Err(why) => return why,
            }
        }
    }

    /// Hands on every whole message; returns how many frames there were.
    async fn take_frames(&mut self) -> Result<usize, &'static str> {
        let mut count = 0;
        loop {
            match self.framer.next_frame() {
                Ok(None) => return Ok(count),
                Ok(Some(Frame::KeepAlive)) => self.answer(PONG)?,
                Ok(Some(Frame::Message(bytes))) => match Message::parse(bytes) {
                    Ok(message) => self.shared.tell(Arrival::Message { path: self.path, message }).await,
                    Err(malformed) => self.shared.tell(Arrival::Malformed { path: self.path, malformed }).await,
                },
                Err(error) => {
                    self.say_last(error.answer).await;
                    return Err(error.reason);
                }
            }
            count += 1;
        }
    }

    fn answer(&self, bytes: Bytes) -> Result<(), &'static str> {
        self.answers.try_send(bytes).map_err(|_| "the peer does not read")
    }

    /// Before closing: lets the writer take it, for a moment.
    async fn say_last(&self, answer: Option<Bytes>) {
        let Some(bytes) = answer else { return };
        if self.answers.try_send(bytes).is_ok() {
            // The permit of every place is free again once the writer has taken them all and written the last.
            let _ = timeout(Duration::from_millis(200), self.answers.reserve_many(OWN_ANSWERS_MAX)).await;
            tokio::task::yield_now().await;
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the shell measures how slowly a peer writes")]
pub fn now() -> Instant {
    Instant::from_std(std::time::Instant::now())
}
