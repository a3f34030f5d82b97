//! What a worker is told, and how it is woken.

use std::sync::atomic::{AtomicBool, Ordering, fence};

use super::{crossing::Crossing, sys::Waker};
use crate::{
    base::StreamId,
    media::{Command, Stream},
};

/// What a worker is told.
#[expect(clippy::large_enum_variant, reason = "moved twice; a box would cost an allocation an order")]
#[derive(Debug)]
pub enum Order {
    Obey(Command),
    /// The stream will come from another worker: hold everything until then.
    Await(StreamId),
    /// Gives the stream to that worker.
    Release {
        stream: StreamId,
        to: u16,
    },
    /// Here it is, with its port's sockets; `None` when it was gone.
    Adopt {
        stream: StreamId,
        moved: Option<Box<Stream>>,
    },
    Browser(Crossing),
}

impl Order {
    /// Whether it starts something that is heard, or that another worker waits for.
    pub const fn is_urgent(&self) -> bool {
        match self {
            Self::Obey(command) => match command {
                Command::Play { .. } | Command::SendDtmf { .. } => true,
                Command::Open { .. }
                | Command::Update { .. }
                | Command::Record { .. }
                | Command::Join { .. }
                | Command::Mix { .. }
                | Command::Part { .. }
                | Command::Stop { .. }
                | Command::Judge { .. }
                | Command::Close { .. }
                | Command::LoadClip { .. }
                | Command::DropClip { .. } => false,
            },
            Self::Await(_) | Self::Release { .. } | Self::Adopt { .. } | Self::Browser(_) => true,
        }
    }
}

/// Wakes a worker; rung again before it looked, it costs nothing.
///
/// A wake-up costs more than most orders do, and a worker with streams wakes by itself: with the next packet, at the
/// latest with the core's sweep a tenth of a second on, and obeys what waits before it looks at any packet. So an order
/// that nobody would notice to be late rings only a worker that [sleeps without end](Bell::is_deep_asleep).
#[derive(Debug)]
pub struct Bell {
    pub waker: Waker,
    rung: AtomicBool,
    deep_asleep: AtomicBool,
    ended: AtomicBool,
}

impl Bell {
    pub const fn new(waker: Waker) -> Self {
        let (rung, deep_asleep, ended) = (AtomicBool::new(false), AtomicBool::new(false), AtomicBool::new(false));
        Self { waker, rung, deep_asleep, ended }
    }

    /// The worker has nothing open, and so no deadline: only a packet or the bell wakes it.
    ///
    /// Asked after an order was put down; the worker says it before its last look at the orders. The fences see to it
    /// that not both miss the other.
    pub fn is_deep_asleep(&self) -> bool {
        fence(Ordering::SeqCst);
        self.deep_asleep.load(Ordering::Relaxed)
    }

    pub fn fall_deep_asleep(&self) {
        self.deep_asleep.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    pub fn ring(&self) {
        if !self.rung.swap(true, Ordering::AcqRel) {
            self.waker.wake();
        }
    }

    pub fn end(&self) {
        self.ended.store(true, Ordering::Release);
        self.waker.wake();
    }

    pub fn is_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Something is open again.
    pub fn wake_up(&self) {
        self.deep_asleep.store(false, Ordering::Relaxed);
    }

    /// Before the orders are read: one that comes later rings again.
    pub fn hush(&self) {
        self.waker.rest();
        self.rung.store(false, Ordering::Release);
    }
}
