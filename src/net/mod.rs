//! SIP sockets: UDP read and written by the loop's own thread in batches, TCP, TLS and WebSocket by tasks, one gate
//! before the engine.
//!
//! What enters: octets from strangers. What leaves: parsed messages with the [`Path`] they came on, at a bounded rate
//! and in bounded number. What is malformed is answered or dropped here; while the switch is overloaded new calls are
//! refused here. The loop sleeps in [`Net::wait`], woken by a socket, by the [`Inbox`] or by its deadline: a UDP message
//! costs no hand-over between threads, and whatever came meanwhile is read in one system call.

mod balance;
mod domains;
mod gate;
mod inbox;
mod interfaces;
mod lanes;
mod mirror;
mod rates;
mod receiving;
mod refuse;
mod streams;
mod stun;
mod tls;
mod trace;
mod udp;

use std::{
    collections::{HashMap, VecDeque},
    hash::RandomState,
    io,
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use tokio::runtime::Handle;

pub use gate::{ADMITTED_MAX, BANS_MAX, KNOWN_MAX};
pub use inbox::{Bell, Full, INBOX_MAX, Inbox};
pub use interfaces::addresses;
pub use lanes::{
    DIALOG_WAITING_MAX, INVITE_WAITING_MAX, LANE_OCTETS_MAX, Lane, OTHER_WAITING_MAX, OVERLOAD_AGE,
    REGISTER_WAITING_MAX, RELIEF_AGE,
};
pub use mirror::{Collector, MIRRORED_MAX};
pub use rates::SOURCES_MAX;
pub use refuse::unkept;
pub use tls::{Tls, TlsError, TlsSettings, check_authorities};
pub use trace::{FILTERS_MAX, TRACED_MAX, TRACED_OCTETS_MAX, masked};
pub use udp::UNSENT_MAX;

use crate::{
    base::{FlowId, Instant, Now},
    engine::{GateOrder, Input, TraceFilter},
    sip::{Path, Transport},
    wire::sip::{Malformed, Message},
};
use balance::Balance;
use gate::Gate;
use lanes::Lanes;
use mirror::Mirror;
use rates::Rates;
use streams::Streams;
use trace::Trace;
use udp::UdpListener;

/// How often large tables are looked through for what is over.
const LONG_REST: Duration = Duration::from_secs(60);

/// Calls of one address beyond its rate that are answered 503 in a second; the rest get silence. The answer is hardly longer
/// than the shortest INVITE, so that it is of no use against whoever's address was forged.
const REFUSALS_MAX: u32 = 1_000;

/// What a UDP listener or a stream may cost.
#[derive(Clone, Copy, Debug)]
pub struct StreamLimits {
    pub total_max: usize,
    pub per_ip_max: usize,
    pub idle_time: Duration,
}

/// Where it really listens (a port of 0 has been replaced by the one given).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bound {
    pub transport: Transport,
    pub address: SocketAddr,
}

/// Counted since the last call of [`Net::take_counts`].
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Counts {
    pub received: u64,
    pub sent: u64,
    /// Not SIP, or refused as malformed.
    pub malformed: u64,
    /// New calls answered 503 here.
    pub refused_calls: u64,
    /// New calls beyond their address's rate, answered 503 as far as that is bounded too.
    pub rate_limited: u64,
    /// Requests of banned sources and of scanners, dropped.
    pub shut_out: u64,
    /// Messages of other kinds dropped because their lane was full.
    pub dropped_in: u64,
    /// Messages dropped because the kernel would not take them.
    pub dropped_out: u64,
    pub refused_connections: u64,
    /// Answers to strangers' datagrams that would have been longer than what came.
    pub withheld: u64,
    /// Messages that the collector of the mirror did not get.
    pub unmirrored: u64,
}

/// All sockets of one switch; used by the loop's thread alone.
///
/// Each turn: [`Net::wait`], [`Net::receive`], [`Net::next_input`] until `None` or enough, [`Net::send`] for what comes out,
/// [`Net::flush`].
pub struct Net {
    listeners: Vec<UdpListener>,
    streams: Streams,
    bound: Vec<Bound>,
    /// Still open for the calls on them; nothing new is taken there.
    retired: Vec<SocketAddr>,
    bell: Bell,
    lanes: Lanes,
    /// Facts about peers, handed out before any message.
    facts: Vec<Input>,
    /// Connections that have ended, handed out after the messages.
    ended: VecDeque<FlowId>,
    /// Connections that others made and on which nothing has come for long.
    idle: Vec<FlowId>,
    polled: Vec<libc::pollfd>,
    /// Used again and again while reading.
    came: Vec<(Path, Result<Message, Malformed>)>,
    unreachable: Vec<SocketAddr>,
    hash: RandomState,
    /// Answers to datagrams go to the port that they came from, whatever their Via says.
    force_rport: bool,
    rates: Option<(Rates, Trusted)>,
    /// Of 503s to calls beyond that: no address is sent more, whoever writes it into his datagrams.
    refusals: Rates,
    /// Of octets answered to strangers with those that came.
    balance: Balance,
    /// Connections on which a certificate was shown, for these domains.
    domains: HashMap<FlowId, Vec<String>>,
    gate: Gate,
    trace: Trace,
    mirror: Option<Mirror>,
    /// For the mirror, which wants the time of day.
    today: Now,
    /// Of the present turn.
    now: Instant,
    rested: Instant,
    counts: Counts,
}

/// Who is not subject to the rate of new calls, by address and the domains of a certificate: trunks.
pub type Trusted = Box<dyn Fn(SocketAddr, &[String]) -> bool + Send>;

impl Net {
    pub fn new(runtime: Handle, limits: StreamLimits, first_flow: FlowId) -> io::Result<Self> {
        let bell = Bell::new()?;
        Ok(Self {
            listeners: Vec::new(),
            streams: Streams::new(runtime, bell.clone(), limits, first_flow),
            bound: Vec::new(),
            retired: Vec::new(),
            bell,
            lanes: Lanes::default(),
            facts: Vec::new(),
            ended: VecDeque::new(),
            idle: Vec::new(),
            polled: Vec::new(),
            came: Vec::new(),
            unreachable: Vec::new(),
            hash: RandomState::new(),
            force_rport: false,
            rates: None,
            refusals: Rates::new(REFUSALS_MAX),
            balance: Balance::default(),
            domains: HashMap::new(),
            gate: Gate::default(),
            trace: Trace::default(),
            mirror: None,
            today: Now::default(),
            now: Instant::default(),
            rested: Instant::default(),
            counts: Counts::default(),
        })
    }

    pub fn listen(&mut self, transport: Transport, address: SocketAddr) -> io::Result<Bound> {
        let address = match transport {
            Transport::Udp => {
                let listener = UdpListener::bind(address)?;
                let local = listener.local();
                self.listeners.push(listener);
                local
            }
            Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => {
                self.streams.listen(transport, address)?
            }
        };
        let bound = Bound { transport, address };
        self.bound.push(bound);
        Ok(bound)
    }

    /// Takes nothing new there. Over UDP the socket stays open for the calls that use it, until [`Net::close`].
    pub fn retire(&mut self, bound: Bound) {
        match bound.transport {
            Transport::Udp if self.retired.contains(&bound.address) => {}
            Transport::Udp => self.retired.push(bound.address),
            Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => self.close(bound),
        }
    }

    /// Listens there again.
    pub fn take_back(&mut self, bound: Bound) {
        self.retired.retain(|address| *address != bound.address);
    }

    /// Listens there no more. Stream connections that are open stay.
    pub fn close(&mut self, bound: Bound) {
        self.bound.retain(|other| *other != bound);
        match bound.transport {
            Transport::Udp => {
                self.listeners.retain(|listener| listener.local() != bound.address);
                self.retired.retain(|address| *address != bound.address);
                // What was polled goes by the listener's place.
                self.polled.clear();
            }
            Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => {
                self.streams.stop_listening(bound.transport, bound.address);
            }
        }
    }

    /// New calls a second from one address, but for those that are trusted.
    pub fn limit_calls(&mut self, per_second: u32, trusted: Trusted) {
        self.rates = Some((Rates::new(per_second), trusted));
    }

    /// Whether what is answered here goes to the port that a datagram came from even where its Via does not ask for that.
    pub fn set_force_rport(&mut self, force_rport: bool) {
        self.force_rport = force_rport;
    }

    /// Certificates for TLS and WSS; connections that are open keep theirs.
    pub fn set_tls(&mut self, tls: Option<Arc<Tls>>) {
        self.streams.set_tls(tls);
    }

    /// Pages of other hosts that may open a WebSocket.
    pub fn set_origins(&mut self, origins: Arc<[String]>) {
        self.streams.set_origins(origins);
    }

    /// Whose certificate is expected at an address that we connect to.
    pub fn name(&mut self, address: SocketAddr, host: &str) {
        self.streams.name(address, host);
    }

    /// Mirrors every message to a collector from now on, or none.
    pub fn set_mirror(&mut self, collector: Option<Collector>) -> io::Result<()> {
        self.mirror = collector.map(|collector| Mirror::open(self.streams.runtime(), collector)).transpose()?;
        Ok(())
    }

    /// A turn begins.
    pub fn stamp(&mut self, now: Now) {
        self.today = now;
    }

    pub fn bound(&self) -> &[Bound] {
        &self.bound
    }

    /// For inputs of other threads: whoever rings it ends the sleep in [`Net::wait`].
    pub fn bell(&self) -> Bell {
        self.bell.clone()
    }

    /// Sleeps until a socket has something, the bell rings, or `length` has passed (`None`: without limit).
    /// `something_waits` is asked once before: inputs of other threads that are here already.
    pub fn wait(&mut self, length: Option<Duration>, something_waits: impl FnOnce() -> bool) {
        let streams = &self.streams;
        if self.lanes.len() > 0 || !self.facts.is_empty() || !self.ended.is_empty() {
            return;
        }
        if !self.bell.fall_asleep(|| something_waits() || !streams.is_empty()) {
            return;
        }
        self.polled.clear();
        self.polled.push(libc::pollfd { fd: self.bell.fd(), events: libc::POLLIN, revents: 0 });
        for listener in &self.listeners {
            let events = if listener.is_blocked() { libc::POLLIN | libc::POLLOUT } else { libc::POLLIN };
            self.polled.push(libc::pollfd { fd: listener.fd(), events, revents: 0 });
        }
        let timeout = length.map(|length| libc::timespec {
            tv_sec: libc::time_t::try_from(length.as_secs()).unwrap_or(libc::time_t::MAX),
            tv_nsec: libc::c_long::from(length.subsec_nanos()),
        });
        let timeout = timeout.as_ref().map_or(std::ptr::null(), |timeout| &raw const *timeout);
        // SAFETY: the list and the time limit outlive the call; no signal mask is changed.
        unsafe { libc::ppoll(self.polled.as_mut_ptr(), self.polled.len() as libc::nfds_t, timeout, std::ptr::null()) };
        let rung = self.polled.first().is_some_and(|bell| bell.revents != 0);
        self.bell.wake_up(rung);
    }

    /// After [`Net::receive`]: ends connections that have been silent for long and on which nothing depends. The others may
    /// be silent for as long again; whether their peer's host is there, TCP finds out.
    pub fn close_idle(&mut self, is_in_use: impl Fn(FlowId) -> bool) {
        for flow in self.idle.drain(..).filter(|flow| !is_in_use(*flow)) {
            self.streams.hang_up(flow);
        }
    }

    /// What the engine has found out about a source.
    pub fn obey(&mut self, now: Instant, order: GateOrder) {
        self.gate.obey(now, order);
    }

    /// Words in User-Agent by which scanners give themselves away.
    pub fn set_scanners(&mut self, words: &[String]) {
        self.gate.set_scanners(words);
    }

    /// Once a second or so: forgets what is over and gives memory back.
    pub fn rest(&mut self, now: Instant) {
        self.gate.rest(now);
        self.lanes.rest();
        if now.since(self.rested) >= LONG_REST {
            self.rested = now;
            self.gate.forget_expired(now);
            self.refusals.rest(now);
            self.balance.rest(now);
            if let Some((rates, _)) = &mut self.rates {
                rates.rest(now);
            }
        }
    }

    /// Sources of registered devices.
    pub fn known(&self) -> usize {
        self.gate.known()
    }

    /// Sources banned now.
    pub fn bans(&self) -> usize {
        self.gate.bans()
    }

    /// Logs and keeps what fits; `false`: too many filters.
    pub fn start_trace(&mut self, filter: TraceFilter) -> bool {
        self.trace.start(filter)
    }

    pub fn stop_trace(&mut self) {
        self.trace.stop();
    }

    /// What was traced, of one call or all, as a pcap file.
    pub fn traced(&self, now: Now, call: Option<&str>) -> Vec<u8> {
        self.trace.pcap(now, call)
    }

    /// Hands a message to its socket; UDP goes out with [`Net::flush`].
    pub fn send(&mut self, path: Path, bytes: Bytes) {
        if self.is_too_much(&path, &bytes) {
            self.counts.withheld += 1;
            return;
        }
        self.counts.sent += 1;
        self.trace.goes(self.now, &path, &bytes);
        if let Some(mirror) = &self.mirror
            && let Ok(message) = Message::parse(bytes.clone())
        {
            mirror.tell(self.today, &path, &message, false);
        }
        if path.transport == Transport::Udp {
            self.note_refused(&bytes);
        }
        match path.transport {
            Transport::Udp => match self.listeners.iter_mut().find(|listener| listener.local() == path.local) {
                Some(listener) => listener.send(path.remote, bytes),
                None => {
                    self.counts.dropped_out += 1;
                    tracing::warn!(%path, "no listener with this address");
                }
            },
            Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => self.streams.send(&path, bytes),
        }
    }

    pub fn flush(&mut self) {
        for listener in &mut self.listeners {
            listener.flush();
        }
    }

    /// Messages waiting for the engine.
    pub fn waiting(&self, lane: Lane) -> usize {
        self.lanes.waiting(lane)
    }

    /// How long the oldest of them has waited.
    pub fn age(&self, now: Instant) -> Duration {
        self.lanes.age(now)
    }

    pub fn connections(&self) -> usize {
        self.streams.count()
    }

    pub fn take_counts(&mut self) -> Counts {
        let mut counts = std::mem::take(&mut self.counts);
        counts.dropped_out += self.listeners.iter_mut().map(UdpListener::take_dropped).sum::<u64>();
        counts.refused_connections = self.streams.take_refused();
        counts.unmirrored = self.mirror.as_ref().map_or(0, Mirror::take_lost);
        counts
    }
}

#[cfg(test)]
mod tests;
