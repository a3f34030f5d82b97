//! Named threads of the server, and what a panic in any thread means.

use std::{io, thread};

/// The name of the threads that serve pages, connections and the database.
pub const SHELL: &str = "shell";

/// From now on a panic ends the process, to be started again, unless it is in a task of the shell: that loses one request or
/// connection, and nobody's call. The engine, the media workers and whoever writes the journal or a recording leave things in
/// no known state.
pub fn abort_on_panic() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        before(panic);
        if thread::current().name() != Some(SHELL) {
            std::process::abort();
        }
        metrics::counter!("panics_total").increment(1);
        tracing::error!("a task of the shell has failed: whoever it served is not answered");
    }));
}

/// Starts a thread with a name that `top -H` and a backtrace show (15 characters are kept by the kernel).
pub fn start<T: Send + 'static>(
    name: &str,
    body: impl FnOnce() -> T + Send + 'static,
) -> io::Result<thread::JoinHandle<T>> {
    thread::Builder::new().name(name.to_owned()).spawn(body)
}
