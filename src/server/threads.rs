//! Named threads of the server, and what a panic in any thread means.

use std::{cell::Cell, io, sync::OnceLock, thread, time::Duration};

use super::logging;
use crate::base::Instant;

/// The name of the threads that serve pages, connections and the database.
pub const SHELL: &str = "shell";

/// From now on a panic ends the process, to be started again, unless it is in a task of the shell: that loses one request or
/// connection, and nobody's call. The engine, the media workers and whoever writes the journal or a recording leave things in
/// no known state. Called behind whoever has last words to say: hooks of before run first.
pub fn abort_on_panic() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        before(panic);
        if thread::current().name() != Some(SHELL) {
            logging::flush();
            std::process::abort();
        }
        metrics::counter!("panics_total").increment(1);
        tracing::error!("a task of the shell has failed: whoever it served is not answered");
    }));
}

/// How a thread gives memory back that it holds and does not use; none in tests, which have another allocator.
static GIVE_BACK: OnceLock<fn()> = OnceLock::new();

/// A thread of the shell that goes to sleep gives memory back at most so often.
const GIVE_BACK_EVERY: Duration = Duration::from_secs(5);

thread_local! {
    static GAVE_BACK: Cell<Instant> = const { Cell::new(Instant::ZERO) };
}

/// Only the first counts.
pub fn set_give_back(give_back: fn()) {
    let _ = GIVE_BACK.set(give_back);
}

/// A thread of the shell has nothing to do: what thousands of connections held would stay with it otherwise.
pub fn on_rest(now: Instant) {
    if let Some(give_back) = GIVE_BACK.get()
        && now.since(GAVE_BACK.get()) >= GIVE_BACK_EVERY
    {
        GAVE_BACK.set(now);
        give_back();
    }
}

/// Starts a thread with a name that `top -H` and a backtrace show (15 characters are kept by the kernel).
pub fn start<T: Send + 'static>(
    name: &str,
    body: impl FnOnce() -> T + Send + 'static,
) -> io::Result<thread::JoinHandle<T>> {
    thread::Builder::new().name(name.to_owned()).spawn(body)
}
