//! One media worker: its sockets, its core, its loop.

use std::{
    collections::VecDeque,
    io,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::Ordering,
        mpsc::{Receiver, SyncSender, TrySendError},
    },
};

use super::{
    Counters,
    bind::Pair,
    browser::Browsers,
    crossing::Crossing,
    orders::{Bell, Order},
    outbox::SharedOutbox,
    sys::{BATCH_MAX, Epoll, Inbox, Ready, Udp, prefer_this_thread},
};
use crate::{
    base::{FastMap, FastSet, Instant, StreamId},
    media::{Command, Core, Event, Stream, Verdict, link::Link, tape::Reel},
};

/// Readiness reports taken at a time.
const READY_MAX: usize = 512;

/// Sockets served between two looks at the clock: the jitter that we measure is off by less than they take.
const PACKETS_A_CLOCK: usize = 32;

/// The largest datagram that we take; RTP never exceeds an Ethernet frame.
pub const PACKET_BYTES_MAX: usize = 1_600;

/// Orders obeyed before packets get their turn again.
const ORDERS_A_TURN: usize = 256;

const BELL: u64 = u64::MAX;

/// Of the sockets that browsers' legs share; the number of the address follows.
const SHARED: u64 = 1 << 32;

/// Batches of datagrams taken from a shared socket a turn.
const SHARED_A_TURN: usize = 64 / BATCH_MAX;

/// What the workers have in common.
#[derive(Debug)]
pub struct Shared {
    pub pairs: Vec<Pair>,
    /// By worker, a socket an address: what all browsers' legs at home there share.
    pub shared: Vec<Vec<(SocketAddr, Udp)>>,
    pub polls: Vec<Epoll>,
    pub counters: Arc<Counters>,
    /// The way to each worker.
    pub others: Vec<(SyncSender<Order>, Arc<Bell>)>,
    /// Where recordings are written, if anywhere.
    pub tapes: Option<SyncSender<Reel>>,
}

impl Shared {
    /// The worker that a browser's port is at home on; `None` for a port with sockets of its own.
    pub fn home(&self, index: u16) -> Option<u16> {
        let number = usize::from(index).checked_sub(self.pairs.len())?;
        // There are at most 64 workers.
        (!self.shared.is_empty()).then(|| (number % self.shared.len()) as u16)
    }

    /// The socket that reaches there, of several the one at that address of ours.
    pub fn shared_socket(&self, worker: u16, to: SocketAddr, local: Option<IpAddr>) -> Option<&Udp> {
        let number = self.shared_number(worker, to, local)?;
        Some(&self.shared.get(usize::from(worker))?.get(number)?.1)
    }

    /// Its number among those of that worker.
    pub fn shared_number(&self, worker: u16, to: SocketAddr, local: Option<IpAddr>) -> Option<usize> {
        let sockets = self.shared.get(usize::from(worker))?.iter().enumerate();
        let mut those = sockets.filter(|(_, (bound, socket))| socket.reaches(*bound, to));
        let first = those.next()?;
        let is_told = |(_, (bound, _)): &(usize, &(SocketAddr, Udp))| Some(bound.ip()) == local;
        let told = if is_told(&first) { None } else { those.find(is_told) };
        Some(told.unwrap_or(first).0)
    }

    /// An order from worker to worker. One that stands still loses it.
    pub fn tell(&self, worker: u16, order: Order) {
        if let Some((orders, bell)) = self.others.get(usize::from(worker)) {
            let _ = orders.try_send(order);
            bell.ring();
        }
    }
}

pub struct Worker {
    pub(super) place: u16,
    pub(super) core: Core,
    pub(super) shared: Arc<Shared>,
    orders: Receiver<Order>,
    bell: Arc<Bell>,
    /// Streams on their way here, and what was ordered since.
    awaited: FastSet<StreamId>,
    /// Streams that came before the order to await them had its turn.
    arrived: FastSet<StreamId>,
    held: VecDeque<Order>,
    /// Browsers' legs at home here, and those of them whose streams are elsewhere.
    pub(super) browsers: Option<Browsers>,
    pub(super) away: FastMap<u16, u16>,
    /// Of the sockets that browsers' legs share: what came in one call, and what goes in the next.
    inbox: Option<Box<Inbox<PACKET_BYTES_MAX>>>,
    outbox: SharedOutbox,
    pub(super) tally: Tally,
}

/// Counted here, told to all at the end of a turn.
#[derive(Default)]
pub(super) struct Tally {
    pub received: u64,
    pub sent: u64,
    pub unsent: u64,
    strays: u64,
    streams: u64,
}

impl Tally {
    #[inline]
    pub fn count(&mut self, sent: io::Result<()>) {
        match sent {
            Ok(()) => self.sent += 1,
            Err(_) => self.unsent += 1,
        }
    }
}

/// Lets a poll report both sockets of a port.
pub fn watch(poll: &Epoll, pair: &Pair, index: u16) -> io::Result<()> {
    poll.add(&pair.rtp, u64::from(index) << 1)?;
    poll.add(&pair.rtcp, u64::from(index) << 1 | 1)
}

impl Worker {
    pub fn new(
        place: u16,
        core: Core,
        shared: Arc<Shared>,
        orders: Receiver<Order>,
        bell: Arc<Bell>,
        browsers: Option<Browsers>,
    ) -> io::Result<Self> {
        let poll = &shared.polls[usize::from(place)];
        poll.add_waker(&bell.waker, BELL)?;
        for (number, (_, socket)) in shared.shared.get(usize::from(place)).into_iter().flatten().enumerate() {
            poll.add(socket, SHARED + number as u64)?;
        }
        let (awaited, arrived, held) = (FastSet::default(), FastSet::default(), VecDeque::new());
        let (away, tally) = (FastMap::default(), Tally::default());
        let inbox = browsers.as_ref().map(|_| Box::new(Inbox::new()));
        let outbox = SharedOutbox::default();
        Ok(Self { place, core, shared, orders, bell, awaited, arrived, held, browsers, away, inbox, outbox, tally })
    }

    /// Serves until told to end.
    pub fn run(mut self, clock: &impl Fn() -> Instant, events: &impl Fn(Event)) {
        prefer_this_thread();
        let mut ready = [Ready { events: 0, u64: 0 }; READY_MAX];
        let mut buffer = [0; PACKET_BYTES_MAX];
        while !self.bell.is_ended() {
            let timeout = self.sleep_time(clock);
            self.flush();
            let Ok(count) = self.shared.polls[usize::from(self.place)].wait(&mut ready, timeout) else {
                // The kernel refuses our own poll: nothing can be served any more.
                return;
            };
            self.bell.wake_up();
            self.obey_all(clock());
            for some in ready[..count].chunks(PACKETS_A_CLOCK) {
                let now = clock();
                for report in some {
                    self.serve(now, report.u64, &mut buffer);
                }
                self.flush();
            }
            let now = clock();
            if self.core.poll_timeout().is_some_and(|due| due <= now) {
                self.tick(now);
            }
            self.tick_browsers(now);
            while let Some(event) = self.core.poll_event() {
                events(event);
            }
            if self.core.has_tape(now) {
                self.hand_on_tape(now);
            }
            self.tell_counts();
        }
        self.obey_all(clock());
        self.core.end_tapes(clock());
        let reel = Reel { worker: self.place, at: clock(), tape: self.core.take_tape() };
        if let Some(tapes) = &self.shared.tapes {
            // Nobody is heard here any more: now there is time to wait. Without a writer nothing can be done.
            let _ = tapes.send(reel);
        }
    }

    /// What was recorded goes to be written, as soon as somebody can take it.
    fn hand_on_tape(&mut self, now: Instant) {
        let Some(tapes) = &self.shared.tapes else { return };
        let reel = Reel { worker: self.place, at: now, tape: self.core.take_tape() };
        match tapes.try_send(reel) {
            Ok(()) | Err(TrySendError::Disconnected(_)) => {}
            Err(TrySendError::Full(reel)) => self.core.put_tape_back(now, reel.tape),
        }
    }

    /// How long to wait for a packet, in milliseconds; -1 without end.
    fn sleep_time(&mut self, clock: &impl Fn() -> Instant) -> i32 {
        if self.core.poll_timeout().is_none() {
            self.bell.fall_deep_asleep();
            self.obey_all(clock());
        }
        let browsers = self.browsers.as_ref().and_then(Browsers::poll_timeout);
        [self.core.poll_timeout(), browsers].into_iter().flatten().min().map_or(-1, |due| {
            let millis = due.since(clock()).as_micros().div_ceil(1_000);
            i32::try_from(millis).unwrap_or(i32::MAX)
        })
    }

    fn serve(&mut self, now: Instant, token: u64, buffer: &mut [u8]) {
        if token == BELL {
            self.bell.hush();
            return self.obey_all(now);
        }
        let Ok(index) = u16::try_from(token >> 1) else {
            return self.serve_shared(now, token.saturating_sub(SHARED));
        };
        let Some(pair) = self.shared.pairs.get(usize::from(index)) else {
            return;
        };
        let is_rtcp = token & 1 == 1;
        // One a turn: a socket with more is reported again, and none keeps the others waiting.
        let Ok((len, from)) = (if is_rtcp { &pair.rtcp } else { &pair.rtp }).receive(buffer) else {
            return;
        };
        self.tally.received += 1;
        if is_rtcp {
            if let Some(packet) = buffer.get_mut(..len) {
                self.core.handle_rtcp(now, index, from, packet);
            }
            return;
        }
        self.pass(now, index, from, buffer, len);
    }

    /// Has the core judge a packet, and sends what it makes of it.
    #[inline]
    pub(super) fn pass(&mut self, now: Instant, index: u16, from: SocketAddr, buffer: &mut [u8], len: usize) {
        match self.core.handle_packet(now, index, from, buffer, len) {
            Verdict::Nothing => {}
            Verdict::Forward { index, local, to, len } => {
                let Some(packet) = buffer.get(..len) else { return };
                match self.shared.pairs.get(usize::from(index)) {
                    Some(pair) => self.tally.count(pair.rtp.send(packet, to, local)),
                    None => self.outbox.push(&self.shared, &mut self.tally, index, packet, (to, local)),
                }
            }
            Verdict::Pieces { index, local, to } => {
                while let Some(piece) = self.core.poll_piece() {
                    match self.shared.pairs.get(usize::from(index)) {
                        Some(pair) => self.tally.count(pair.rtp.send(piece, to, local)),
                        None => self.outbox.push(&self.shared, &mut self.tally, index, piece, (to, local)),
                    }
                }
            }
        }
    }

    fn tick(&mut self, now: Instant) {
        let (shared, tally, outbox) = (&self.shared, &mut self.tally, &mut self.outbox);
        self.core.handle_tick(now, &mut |out| match shared.pairs.get(usize::from(out.index)) {
            Some(pair) => {
                let socket = if out.is_rtcp { &pair.rtcp } else { &pair.rtp };
                tally.count(socket.send(out.packet, out.to, out.local));
            }
            None => outbox.push(shared, tally, out.index, out.packet, (out.to, out.local)),
        });
    }

    /// Sends what waits to go from shared sockets.
    fn flush(&mut self) {
        self.outbox.flush(&self.shared, &mut self.tally);
    }

    fn obey_all(&mut self, now: Instant) {
        for _ in 0..ORDERS_A_TURN {
            let Ok(order) = self.orders.try_recv() else {
                return;
            };
            match order {
                Order::Adopt { stream, moved } => self.adopt(now, stream, moved),
                Order::Browser(crossing) => self.cross(now, crossing),
                Order::Obey(_) | Order::Await(_) | Order::Release { .. } if !self.awaited.is_empty() => {
                    self.held.push_back(order);
                }
                Order::Obey(_) | Order::Await(_) | Order::Release { .. } => self.obey(now, order),
            }
        }
        // More may wait.
        self.bell.ring();
    }

    fn obey(&mut self, now: Instant, order: Order) {
        match order {
            Order::Obey(command) => {
                let closing = if let Command::Close { stream } = &command {
                    self.core.port(*stream).filter(|port| port.worker != self.place)
                } else {
                    None
                };
                let opened = link_of(&command);
                self.core.handle_command(now, command);
                if let Some((index, stream, link)) = opened {
                    self.cross(now, Crossing::Link { index, stream, link });
                }
                if let Some(port) = closing {
                    self.rewire(now, port.index, self.place, port.worker);
                }
            }
            Order::Await(stream) => {
                if !self.arrived.remove(&stream) {
                    self.awaited.insert(stream);
                }
            }
            Order::Release { stream, to } => {
                let moved = self.core.release(stream);
                if let Some(moved) = &moved {
                    if moved.is_taped() {
                        // Its end will be on the other's tape: what is on ours comes before that.
                        self.hand_on_tape(now);
                    }
                    self.rewire(now, moved.port().index, self.place, to);
                }
                self.shared.tell(to, Order::Adopt { stream, moved });
            }
            Order::Adopt { stream, moved } => self.adopt(now, stream, moved),
            Order::Browser(crossing) => self.cross(now, crossing),
        }
    }

    fn adopt(&mut self, now: Instant, stream: StreamId, moved: Option<Box<Stream>>) {
        if let Some(moved) = moved {
            self.core.adopt(now, moved);
        }
        if !self.awaited.remove(&stream) {
            self.arrived.insert(stream);
        }
        while self.awaited.is_empty()
            && let Some(order) = self.held.pop_front()
        {
            self.obey(now, order);
        }
    }

    /// Another worker's poll reports the port from now on.
    fn rewire(&mut self, now: Instant, index: u16, from: u16, to: u16) {
        if let Some(home) = self.shared.home(index) {
            // Its socket stays with its home, which only has to know.
            let at = Crossing::At { index, worker: to };
            return if home == self.place { self.cross(now, at) } else { self.shared.tell(home, Order::Browser(at)) };
        }
        let (from, to) = (self.shared.polls.get(usize::from(from)), self.shared.polls.get(usize::from(to)));
        if let (Some(from), Some(to), Some(pair)) = (from, to, self.shared.pairs.get(usize::from(index))) {
            // What the kernel refuses here leaves the port deaf; its call ends by the silence watch.
            let _ = from.remove(&pair.rtp).and_then(|()| from.remove(&pair.rtcp)).and_then(|()| watch(to, pair, index));
        }
    }

    /// Datagrams on the socket that browsers' legs share: sound, or what finds the way for it.
    fn serve_shared(&mut self, now: Instant, number: u64) {
        let shared = Arc::clone(&self.shared);
        let sockets = shared.shared.get(usize::from(self.place));
        let Some((at, socket)) = sockets.and_then(|sockets| sockets.get(usize::try_from(number).ok()?)) else { return };
        let Some(mut inbox) = self.inbox.take() else { return };
        for _ in 0..SHARED_A_TURN {
            let count = socket.receive_many(&mut inbox).unwrap_or(0);
            self.tally.received += count as u64;
            for place in 0..count {
                if let Some((buffer, came)) = inbox.datagram(place) {
                    self.serve_browser(now, (came.from, came.local.unwrap_or(at.ip())), buffer, came.len);
                }
            }
            if count < BATCH_MAX {
                break;
            }
        }
        self.inbox = Some(inbox);
    }

    fn tell_counts(&mut self) {
        let Tally { received, sent, unsent, strays, streams } = std::mem::take(&mut self.tally);
        let counters = &self.shared.counters;
        counters.received.fetch_add(received, Ordering::Relaxed);
        counters.sent.fetch_add(sent, Ordering::Relaxed);
        if unsent > 0 {
            counters.unsent.fetch_add(unsent, Ordering::Relaxed);
        }
        let (strays_now, streams_now) = (self.core.strays(), self.core.len() as u64);
        if strays_now != strays {
            counters.strays.fetch_add(strays_now - strays, Ordering::Relaxed);
        }
        if streams_now != streams {
            // Wraps for a while when a stream leaves one worker before it is counted on the other.
            counters.streams.fetch_add(streams_now.wrapping_sub(streams), Ordering::Relaxed);
        }
        self.tally = Tally { strays: strays_now, streams: streams_now, ..Tally::default() };
    }
}

/// The link of a leg that begins.
fn link_of(command: &Command) -> Option<(u16, StreamId, Arc<Link>)> {
    let Command::Open { stream, port, form, .. } = command else { return None };
    Some((port.index, *stream, Arc::clone(form.link.as_ref()?)))
}
