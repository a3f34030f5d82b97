//! Inputs from other threads (stream connections, pages, media workers, the journal), and the bell that wakes the loop.

use std::{
    collections::VecDeque,
    io,
    os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// Inputs of our own making that wait for the loop. Media events and journal reports are few and bounded by calls; past
/// this something is badly stuck, and the sender is told.
pub const INBOX_MAX: usize = 65_536;

/// Wakes the loop out of its sleep on sockets. A ring costs a system call only when the loop sleeps.
#[derive(Clone)]
pub struct Bell(Arc<Rope>);

struct Rope {
    asleep: AtomicBool,
    event: OwnedFd,
}

impl Bell {
    pub fn new() -> io::Result<Self> {
        // SAFETY: a plain call; the descriptor is ours and owned from here on.
        let event = unsafe {
            let fd = libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC);
            if fd < 0 {
                return Err(io::Error::last_os_error());
            }
            OwnedFd::from_raw_fd(fd)
        };
        Ok(Self(Arc::new(Rope { asleep: AtomicBool::new(false), event })))
    }

    /// Call after the input has been put where the loop will look.
    pub fn ring(&self) {
        if self.0.asleep.swap(false, Ordering::SeqCst) {
            let one = 1u64.to_ne_bytes();
            // SAFETY: writes 8 bytes from a buffer of 8.
            unsafe { libc::write(self.fd(), one.as_ptr().cast(), one.len()) };
        }
    }

    /// The loop is about to sleep unless `something_waits`. `false`: it must not.
    pub fn fall_asleep(&self, something_waits: impl FnOnce() -> bool) -> bool {
        self.0.asleep.store(true, Ordering::SeqCst);
        if something_waits() {
            self.0.asleep.store(false, Ordering::SeqCst);
            return false;
        }
        true
    }

    /// The loop is awake; `rung`: the descriptor was readable and is cleared.
    pub fn wake_up(&self, rung: bool) {
        self.0.asleep.store(false, Ordering::SeqCst);
        if rung {
            let mut count = [0u8; 8];
            // SAFETY: reads 8 bytes into a buffer of 8; the descriptor does not block.
            unsafe { libc::read(self.fd(), count.as_mut_ptr().cast(), count.len()) };
        }
    }

    /// Readable when the bell has been rung.
    pub fn fd(&self) -> RawFd {
        self.0.event.as_raw_fd()
    }
}

/// The sending end; cheap to clone. A push costs one short lock, and one system call when the loop sleeps.
pub struct Inbox<T> {
    waiting: Arc<Mutex<VecDeque<T>>>,
    bell: Bell,
}

/// The inbox is full; the input is given back.
#[derive(Debug)]
pub struct Full<T>(pub T);

impl<T> Inbox<T> {
    pub fn new(bell: Bell) -> Self {
        Self { waiting: Arc::default(), bell }
    }

    pub fn push(&self, input: T) -> Result<(), Full<T>> {
        {
            let mut waiting = self.lock();
            if waiting.len() >= INBOX_MAX {
                return Err(Full(input));
            }
            waiting.push_back(input);
        }
        self.bell.ring();
        Ok(())
    }

    /// Takes all that waits; `into` must be empty. The lock is held for an exchange of two pointers.
    pub fn take(&self, into: &mut VecDeque<T>) {
        std::mem::swap(&mut *self.lock(), into);
    }

    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<T>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Clone for Inbox<T> {
    fn clone(&self) -> Self {
        Self { waiting: Arc::clone(&self.waiting), bell: self.bell.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rung(bell: &Bell) -> bool {
        let mut fds = [libc::pollfd { fd: bell.fd(), events: libc::POLLIN, revents: 0 }];
        // SAFETY: one descriptor, valid for the call.
        unsafe { libc::poll(fds.as_mut_ptr(), 1, 0) == 1 }
    }

    #[test]
    fn the_bell_rings_once_and_only_for_a_sleeper() {
        let bell = Bell::new().unwrap();
        let inbox = Inbox::new(bell.clone());
        inbox.push(1).unwrap();
        assert!(!rung(&bell));
        assert!(!bell.fall_asleep(|| !inbox.is_empty()), "something waits");
        let mut got = VecDeque::new();
        inbox.take(&mut got);
        assert!(bell.fall_asleep(|| !inbox.is_empty()));
        inbox.push(2).unwrap();
        inbox.push(3).unwrap();
        assert!(rung(&bell));
        bell.wake_up(true);
        assert!(!rung(&bell));
        got.clear();
        inbox.take(&mut got);
        assert_eq!(got, [2, 3]);
    }

    #[test]
    fn a_full_inbox_gives_the_input_back() {
        let inbox = Inbox::new(Bell::new().unwrap());
        for number in 0..INBOX_MAX as u32 {
            inbox.push(number).unwrap();
        }
        assert_eq!(inbox.push(7).unwrap_err().0, 7);
    }
}
