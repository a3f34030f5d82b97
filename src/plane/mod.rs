//! Media workers: threads with their own sockets around the pure media core. Shell.
//!
//! A packet goes in and out on one thread: no task, lock, channel or allocation touches it. Commands come by a bounded
//! channel, events leave by a callback on the worker's thread. Uses base, wire and media.

mod bind;
mod browser;
mod crossing;
mod orders;
mod outbox;
mod sys;
#[cfg(test)]
mod tests;
mod worker;

use std::{
    io,
    net::{IpAddr, SocketAddr},
    num::NonZero,
    ops::RangeInclusive,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{SyncSender, sync_channel},
    },
    thread::{Builder, JoinHandle, available_parallelism},
};

use crate::{
    base::{Chance, FastMap, Instant, StreamId},
    media::{Command, Core, Country, Event, Port, link::Doors, tape::Reel},
};
use browser::{Browsers, Identity};
use crossing::Crossing;
use orders::{Bell, Order};
use sys::Waker;
use worker::{Shared, Worker};

/// Commands that wait for one worker. One that lets so many pile up stands still; further ones are refused.
pub const COMMANDS_MAX: usize = 65_536;

/// More workers than this only wake each other up.
pub const WORKERS_MAX: usize = 64;

/// How the plane is set up.
#[derive(Clone, Debug)]
pub struct PlaneSettings {
    /// Where RTP is sent and received.
    pub address: IpAddr,
    /// Ports for RTP (even) and RTCP (the odd one above).
    pub ports: RangeInclusive<u16>,
    /// Further addresses that browsers' legs are reached at (IPv6 beside IPv4); `None` when there shall be no such legs.
    pub browsers: Option<Vec<IpAddr>>,
    /// Threads; one a core when `None`.
    pub workers: Option<usize>,
    /// Whose tones callers hear.
    pub country: Country,
    /// For SSRCs and first sequence numbers.
    pub seed: [u8; 32],
    /// Who writes recordings; without anybody, nothing is recorded.
    pub tapes: Option<SyncSender<Reel>>,
}

/// What was bound.
#[derive(Clone, Debug)]
pub struct Bound {
    pub ports: Vec<Port>,
    /// For browsers' legs, where there shall be any.
    pub doors: Option<Doors>,
}

/// What all workers did so far, for the metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub received: u64,
    pub sent: u64,
    /// Packets that the kernel did not take.
    pub unsent: u64,
    /// Packets to ports without a stream.
    pub strays: u64,
    pub streams: u64,
}

/// Reads what all workers did so far, from any thread.
#[derive(Clone, Debug)]
pub struct Meter(Arc<Counters>);

impl Meter {
    pub fn counts(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            received: read(&self.0.received),
            sent: read(&self.0.sent),
            unsent: read(&self.0.unsent),
            strays: read(&self.0.strays),
            streams: read(&self.0.streams),
        }
    }
}

/// A worker does not take commands any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stalled;

/// The running workers. Dropping it ends them.
#[derive(Debug)]
pub struct Plane {
    workers: Vec<Handle>,
    /// Which worker a stream is on: a join moves streams.
    places: FastMap<StreamId, u16>,
    /// Browsers' legs: port and home.
    homes: FastMap<StreamId, (u16, u16)>,
    counters: Arc<Counters>,
}

#[derive(Debug)]
struct Handle {
    orders: SyncSender<Order>,
    bell: Arc<Bell>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    received: AtomicU64,
    sent: AtomicU64,
    unsent: AtomicU64,
    strays: AtomicU64,
    streams: AtomicU64,
}

impl Plane {
    /// Binds the ports and starts the workers. `clock` tells the time of the whole process; `events` is called on the
    /// workers' threads and must not wait.
    pub fn start<E, C>(settings: &PlaneSettings, clock: C, events: E) -> io::Result<(Self, Bound)>
    where
        E: Fn(Event) + Send + Clone + 'static,
        C: Fn() -> Instant + Send + Clone + 'static,
    {
        let count = settings.workers.unwrap_or_else(|| available_parallelism().map_or(1, NonZero::get));
        let count = count.clamp(1, WORKERS_MAX);
        let shared_sockets = bind::bind_shared(settings, count)?;
        let (pairs, ports) = bind::bind(settings, count, &shared_sockets)?;
        let identity = settings.browsers.as_ref().map(|_| Identity::make().map(Arc::new)).transpose()?;
        let polls = (0..count).map(|_| sys::Epoll::new()).collect::<io::Result<Vec<_>>>()?;
        for port in &ports {
            worker::watch(&polls[usize::from(port.worker)], &pairs[usize::from(port.index)], port.index)?;
        }
        let counters = Arc::new(Counters::default());
        let bells = (0..count).map(|_| Waker::new().map(Bell::new).map(Arc::new)).collect::<io::Result<Vec<_>>>()?;
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..count).map(|_| sync_channel(COMMANDS_MAX)).unzip();
        let others = senders.iter().cloned().zip(bells.iter().cloned()).collect();
        let doors = identity.as_ref().map(|identity| doors(identity, &shared_sockets, pairs.len()));
        let tapes = settings.tapes.clone();
        let shared = Shared { pairs, shared: shared_sockets, polls, counters: counters.clone(), others, tapes };
        let shared = Arc::new(shared);
        let mut chance = Chance::from_seed(settings.seed);
        let mut workers = Vec::with_capacity(count);
        for (place, ((orders, receiver), bell)) in senders.into_iter().zip(receivers).zip(bells).enumerate() {
            let core = Core::new(settings.country, chance.fork());
            let browsers = identity.clone().map(|identity| Browsers::new(identity, chance.fork()));
            let worker = Worker::new(place as u16, core, shared.clone(), receiver, bell.clone(), browsers)?;
            let (clock, events) = (clock.clone(), events.clone());
            let thread = Builder::new().name(format!("media-{place}")).spawn(move || worker.run(&clock, &events))?;
            workers.push(Handle { orders, bell, thread: Some(thread) });
        }
        let (places, homes) = (FastMap::default(), FastMap::default());
        Ok((Self { workers, places, homes, counters }, Bound { ports, doors }))
    }

    /// Hands a command to the worker that has its stream. Never waits.
    pub fn send(&mut self, command: Command) -> Result<(), Stalled> {
        let Some(stream) = command.stream() else {
            return (0..self.workers.len()).try_for_each(|worker| self.order(worker, Order::Obey(command.clone())));
        };
        let worker = match &command {
            Command::Open { port, form, .. } => {
                self.places.insert(stream, port.worker);
                if form.link.is_some() {
                    self.homes.insert(stream, (port.index, port.worker));
                }
                Some(port.worker)
            }
            Command::Close { .. } => {
                if let Some((index, home)) = self.homes.remove(&stream) {
                    self.order(usize::from(home), Order::Browser(Crossing::Unlink { index, stream }))?;
                }
                self.places.remove(&stream)
            }
            Command::Update { form, .. } => {
                if let (Some((index, home)), Some(link)) = (self.homes.get(&stream).copied(), &form.link) {
                    let link = Arc::clone(link);
                    self.order(usize::from(home), Order::Browser(Crossing::Link { index, stream, link }))?;
                }
                self.places.get(&stream).copied()
            }
            Command::Join { b, .. } => {
                self.gather(stream, *b)?;
                self.places.get(&stream).copied()
            }
            Command::Mix { matrix } => {
                matrix.streams().skip(1).try_for_each(|other| self.gather(stream, other))?;
                self.places.get(&stream).copied()
            }
            Command::Part { .. }
            | Command::Record { .. }
            | Command::Play { .. }
            | Command::Stop { .. }
            | Command::SendDtmf { .. }
            | Command::Judge { .. }
            | Command::LoadClip { .. }
            | Command::DropClip { .. } => self.places.get(&stream).copied(),
        };
        worker.map_or(Ok(()), |worker| self.order(usize::from(worker), Order::Obey(command)))
    }

    pub fn meter(&self) -> Meter {
        Meter(Arc::clone(&self.counters))
    }

    pub fn counts(&self) -> Counts {
        self.meter().counts()
    }

    pub fn workers(&self) -> usize {
        self.workers.len()
    }

    /// Brings two streams to one worker, that of the first.
    fn gather(&mut self, a: StreamId, b: StreamId) -> Result<(), Stalled> {
        let (Some(to), Some(from)) = (self.places.get(&a).copied(), self.places.get(&b).copied()) else {
            return Ok(());
        };
        if to == from {
            return Ok(());
        }
        self.order(usize::from(to), Order::Await(b))?;
        self.order(usize::from(from), Order::Release { stream: b, to })?;
        self.places.insert(b, to);
        Ok(())
    }

    fn order(&self, worker: usize, order: Order) -> Result<(), Stalled> {
        let worker = self.workers.get(worker).ok_or(Stalled)?;
        let is_urgent = order.is_urgent();
        worker.orders.try_send(order).map_err(|_| Stalled)?;
        if is_urgent || worker.bell.is_deep_asleep() {
            worker.bell.ring();
        }
        Ok(())
    }
}

/// Ports for browsers' legs, whose numbers follow those of the pairs; each worker is home to as many.
fn doors(identity: &Identity, shared: &[Vec<(SocketAddr, sys::Udp)>], pairs: usize) -> Doors {
    let room = usize::from(u16::MAX) - pairs.min(usize::from(u16::MAX));
    let port = |number: usize| {
        let worker = number % shared.len();
        let (rtp, _) = shared.get(worker)?.first()?;
        // There is room: `number` is below it.
        Some(Port { worker: worker as u16, index: (pairs + number) as u16, rtp: *rtp })
    };
    Doors {
        fingerprint: identity.fingerprint,
        ports: (0..room.min(browser::LEGS_MAX)).filter_map(port).collect(),
        others: shared.iter().map(|sockets| sockets.iter().skip(1).map(|(local, _)| *local).collect()).collect(),
    }
}

impl Drop for Plane {
    fn drop(&mut self) {
        for worker in &self.workers {
            worker.bell.end();
        }
        for worker in &mut self.workers {
            if let Some(thread) = worker.thread.take() {
                // A worker that panicked has said so already.
                let _ = thread.join();
            }
        }
    }
}
