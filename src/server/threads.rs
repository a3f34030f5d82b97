//! Named threads: the only place of the shell that starts any by hand.

use std::{io, thread};

/// Starts a thread with a name that `top -H` and a backtrace show (15 characters are kept by the kernel).
pub fn start<T: Send + 'static>(
    name: &str,
    body: impl FnOnce() -> T + Send + 'static,
) -> io::Result<thread::JoinHandle<T>> {
    thread::Builder::new().name(name.to_owned()).spawn(body)
}
