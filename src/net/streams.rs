//! TCP, TLS and WebSocket: connections accepted and made, each a flow with a bounded write queue, limits in number, time
//! and size.

mod accept;
mod connect;
mod connection;
mod table;
mod websocket;

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use tokio::{net::TcpSocket, runtime::Handle, sync::mpsc};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{StreamLimits, inbox::Bell, tls::Tls};
use crate::{
    base::FlowId,
    sip::{Path, Transport},
    wire::sip::{Malformed, Message},
};
use table::{Flow, Table};

/// Messages on their way from all connections to the loop. When they are this many, reading waits, and so do the peers.
const ARRIVALS_MAX: usize = 1_024;

/// Hosts remembered by address, for checking whose certificate is shown.
const NAMES_MAX: usize = 1_024;

/// What connections tell the loop, in the order in which it happened on each.
#[expect(clippy::large_enum_variant, reason = "moved once or twice; a box would cost an allocation a message")]
#[derive(Debug)]
pub enum Arrival {
    Message {
        path: Path,
        message: Message,
    },
    /// It can't be read; its answer is the loop's affair.
    Malformed {
        path: Path,
        malformed: Malformed,
    },
    /// Whoever made this connection has proved to be of these domains.
    Certified {
        flow: FlowId,
        source: IpAddr,
        domains: Vec<String>,
    },
    Closed(FlowId),
    /// Nothing has come on it for the time that one may be silent. It stays open unless [`Streams::hang_up`] ends it.
    Idle(FlowId),
    Unreachable {
        transport: Transport,
        remote: SocketAddr,
    },
}

/// The loop's end of all stream connections.
pub struct Streams {
    shared: Arc<Shared>,
    arrivals: mpsc::Receiver<Arrival>,
    runtime: Handle,
    tasks: TaskTracker,
    /// Listeners; each ends with its token.
    listeners: HashMap<(Transport, SocketAddr), CancellationToken>,
}

pub(super) struct Shared {
    table: Table,
    limits: StreamLimits,
    /// `None`: neither TLS nor WSS.
    tls: RwLock<Option<Arc<Tls>>>,
    /// Pages of other hosts that may open a WebSocket.
    origins: RwLock<Arc<[String]>>,
    /// The hosts behind addresses that we connect to.
    names: Mutex<HashMap<SocketAddr, String>>,
    next_flow: AtomicU64,
    arrivals: mpsc::Sender<Arrival>,
    bell: Bell,
}

impl Shared {
    async fn tell(&self, arrival: Arrival) {
        // The loop has ended when this fails, and with it the process.
        if self.arrivals.send(arrival).await.is_ok() {
            self.bell.ring();
        }
    }

    async fn tell_idle(&self, path: Path) {
        if let Some(flow) = path.flow {
            self.tell(Arrival::Idle(flow)).await;
        }
    }

    fn tls(&self) -> Option<Arc<Tls>> {
        self.tls.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn origins(&self) -> Arc<[String]> {
        Arc::clone(&self.origins.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The flow is no more.
    async fn end(&self, flow: FlowId) {
        self.table.remove(flow);
        self.tell(Arrival::Closed(flow)).await;
    }

    fn new_flow(&self) -> FlowId {
        FlowId(self.next_flow.fetch_add(1, Ordering::Relaxed))
    }
}

impl Streams {
    /// `first_flow`: above every id of earlier runs, because bindings in the journal name flows.
    pub fn new(runtime: Handle, bell: Bell, limits: StreamLimits, first_flow: FlowId) -> Self {
        let (sender, arrivals) = mpsc::channel(ARRIVALS_MAX);
        let table = Table::new(limits.total_max, limits.per_ip_max);
        let next_flow = AtomicU64::new(first_flow.0);
        let shared = Shared {
            table,
            limits,
            tls: RwLock::default(),
            origins: RwLock::new(Arc::from([])),
            names: Mutex::default(),
            next_flow,
            arrivals: sender,
            bell,
        };
        let tasks = TaskTracker::new();
        Self { shared: Arc::new(shared), arrivals, runtime, tasks, listeners: HashMap::new() }
    }

    pub fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// For new connections from now on.
    pub fn set_tls(&self, tls: Option<Arc<Tls>>) {
        *self.shared.tls.write().unwrap_or_else(PoisonError::into_inner) = tls;
    }

    pub fn set_origins(&self, origins: Arc<[String]>) {
        *self.shared.origins.write().unwrap_or_else(PoisonError::into_inner) = origins;
    }

    /// Remembers whose certificate is expected there. When too many are known, all are forgotten; they are told again
    /// with the next look-up.
    pub fn name(&self, address: SocketAddr, host: &str) {
        let mut names = self.shared.names.lock().unwrap_or_else(PoisonError::into_inner);
        if names.len() >= NAMES_MAX {
            names.clear();
        }
        names.insert(address, host.to_owned());
    }

    /// Starts accepting at `address`; returns the address really bound.
    pub fn listen(&mut self, transport: Transport, address: SocketAddr) -> io::Result<SocketAddr> {
        let _inside = self.runtime.enter();
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        if address.is_ipv6() {
            socket2::SockRef::from(&socket).set_only_v6(true)?;
        }
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let listener = socket.listen(1_024)?;
        let local = listener.local_addr()?;
        let stop = CancellationToken::new();
        self.listeners.insert((transport, local), stop.clone());
        let task = accept::accept_all(Arc::clone(&self.shared), transport, listener, self.tasks.clone(), stop);
        self.tasks.spawn_on(task, &self.runtime);
        Ok(local)
    }

    /// Accepts no more there; connections that are open stay.
    pub fn stop_listening(&mut self, transport: Transport, address: SocketAddr) {
        if let Some(stop) = self.listeners.remove(&(transport, address)) {
            stop.cancel();
        }
    }

    pub fn try_recv(&mut self) -> Option<Arrival> {
        self.arrivals.try_recv().ok()
    }

    pub fn is_empty(&self) -> bool {
        self.arrivals.is_empty()
    }

    /// Connections open now.
    pub fn count(&self) -> usize {
        self.shared.table.len()
    }

    /// Connections refused because of the limits, since the last call.
    pub fn take_refused(&self) -> u64 {
        self.shared.table.take_refused()
    }

    /// Sends on the path's flow, or on a connection to its remote, made if there is none. A flow that has gone is told
    /// (again) as [`Arrival::Closed`].
    pub fn send(&self, path: &Path, bytes: Bytes) {
        match path.flow {
            Some(flow) => {
                if !self.shared.table.send(flow, bytes) {
                    self.tell_later(Arrival::Closed(flow));
                }
            }
            None => match self.shared.table.outgoing(path) {
                Some(flow) => drop(self.shared.table.send(flow, bytes)),
                None => self.connect(path, bytes),
            },
        }
    }

    /// Ends a connection; [`Arrival::Closed`] follows.
    pub fn hang_up(&self, flow: FlowId) {
        self.shared.table.hang_up(flow);
    }

    fn connect(&self, path: &Path, first: Bytes) {
        let flow = self.shared.new_flow();
        let path = Path { flow: Some(flow), ..*path };
        let (entry, queue) = Flow::new(path, true);
        let stop = entry.stop.clone();
        if self.shared.table.insert(flow, entry).is_err() {
            return self.tell_later(Arrival::Unreachable { transport: path.transport, remote: path.remote });
        }
        let _ = self.shared.table.send(flow, first);
        let shared = Arc::clone(&self.shared);
        self.tasks.spawn_on(async move { connect::run(&shared, path, flow, queue, stop).await }, &self.runtime);
    }

    fn tell_later(&self, arrival: Arrival) {
        let shared = Arc::clone(&self.shared);
        self.tasks.spawn_on(async move { shared.tell(arrival).await }, &self.runtime);
    }

    /// Stops accepting and closes every connection.
    pub fn close(&self) {
        for stop in self.listeners.values() {
            stop.cancel();
        }
        self.shared.table.close_all();
        self.tasks.close();
    }
}

impl Drop for Streams {
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(test)]
mod tests;
