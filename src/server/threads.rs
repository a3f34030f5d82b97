//! Named threads of the server, and what a panic in any thread means.

use std::{cell::Cell, io, sync::OnceLock, thread, time::Duration};

use tokio::runtime::{Builder, Runtime};

use super::{clock::Clock, logging};
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
    static GAVE_BACK: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Only the first counts.
pub fn set_give_back(give_back: fn()) {
    let _ = GIVE_BACK.set(give_back);
}

/// A thread of the shell has nothing to do: what thousands of connections held would stay with it otherwise.
fn on_rest(now: Instant) {
    if let Some(give_back) = GIVE_BACK.get()
        && GAVE_BACK.get().is_none_or(|before| now.since(before) >= GIVE_BACK_EVERY)
    {
        GAVE_BACK.set(Some(now));
        give_back();
    }
}

/// The threads of the shell, so many.
pub fn start_shell(count: usize, clock: Clock) -> io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(count)
        .thread_name(SHELL)
        .on_thread_park(move || on_rest(clock.mono()))
        .enable_all()
        .build()
}

/// Starts a thread with a name that `top -H` and a backtrace show (15 characters are kept by the kernel).
pub fn start<T: Send + 'static>(
    name: &str,
    body: impl FnOnce() -> T + Send + 'static,
) -> io::Result<thread::JoinHandle<T>> {
    thread::Builder::new().name(name.to_owned()).spawn(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    thread_local! {
        static GIVEN: Cell<u32> = const { Cell::new(0) };
    }

    /// TARGETS, memory: what a thread holds goes back when it rests, at most every five seconds; threads of the shell do rest.
    #[test]
    fn memory_goes_back_where_nothing_is_to_do() {
        set_give_back(|| GIVEN.set(GIVEN.get() + 1));
        for (second, given) in [(1, 1), (2, 1), (5, 1), (6, 2), (10, 2), (60, 3)] {
            on_rest(Instant::from_micros(second * 1_000_000));
            assert_eq!(GIVEN.get(), given, "after {second} s");
        }
        let shell = start_shell(1, Clock::start()).unwrap();
        let given = || shell.block_on(shell.spawn(async { GIVEN.get() })).unwrap();
        assert!((0..10_000).any(|_| given() > 0), "it has rested between two tasks");
    }
}
