//! TCP: connections accepted and made, each a flow with a bounded write queue, limits in number, time and size.

mod connection;
mod table;

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    runtime::Handle,
    sync::mpsc,
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{StreamLimits, inbox::Bell};
use crate::{
    base::FlowId,
    sip::{Path, Transport},
    wire::sip::Message,
};
use table::{Flow, Full, Table};

/// Messages on their way from all connections to the loop. When they are this many, reading waits, and so do the peers.
const ARRIVALS_MAX: usize = 1_024;

/// A peer that has not accepted our connection by then is not reachable; below Timer B (32 s) by far.
const CONNECT_TIME: Duration = Duration::from_secs(4);

/// After an accept that failed (no descriptors left), before the next.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What connections tell the loop, in the order in which it happened on each.
#[expect(clippy::large_enum_variant, reason = "moved once or twice; a box would cost an allocation a message")]
#[derive(Debug)]
pub enum Arrival {
    Message { path: Path, message: Message },
    Closed(FlowId),
    Unreachable { remote: SocketAddr },
}

/// The loop's end of all stream connections.
pub struct Streams {
    shared: Arc<Shared>,
    arrivals: mpsc::Receiver<Arrival>,
    runtime: Handle,
    tasks: TaskTracker,
    stop: CancellationToken,
}

pub(super) struct Shared {
    table: Table,
    limits: StreamLimits,
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
        let shared = Arc::new(Shared { table, limits, next_flow, arrivals: sender, bell });
        Self { shared, arrivals, runtime, tasks: TaskTracker::new(), stop: CancellationToken::new() }
    }

    /// Starts accepting at `address`; returns the address really bound.
    pub fn listen(&self, address: SocketAddr) -> io::Result<SocketAddr> {
        let _inside = self.runtime.enter();
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let listener = socket.listen(1_024)?;
        let local = listener.local_addr()?;
        let (shared, tasks, stop) = (Arc::clone(&self.shared), self.tasks.clone(), self.stop.clone());
        self.tasks.spawn_on(accept_all(shared, listener, tasks, stop), &self.runtime);
        Ok(local)
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
            None => match self.shared.table.outgoing(path.remote) {
                Some(flow) => drop(self.shared.table.send(flow, bytes)),
                None => self.connect(path, bytes),
            },
        }
    }

    fn connect(&self, path: &Path, first: Bytes) {
        let flow = self.shared.new_flow();
        let path = Path { flow: Some(flow), ..*path };
        let (entry, queue) = Flow::new(path, true);
        let stop = entry.stop.clone();
        if self.shared.table.insert(flow, entry).is_err() {
            return self.tell_later(Arrival::Unreachable { remote: path.remote });
        }
        let _ = self.shared.table.send(flow, first);
        let shared = Arc::clone(&self.shared);
        let task = async move {
            match timeout(CONNECT_TIME, dial(&path)).await {
                Ok(Ok(stream)) => connection::serve(&shared, stream, path, queue, stop).await,
                Ok(Err(_)) | Err(_) => {
                    shared.table.remove(flow);
                    shared.tell(Arrival::Unreachable { remote: path.remote }).await;
                    shared.tell(Arrival::Closed(flow)).await;
                }
            }
        };
        self.tasks.spawn_on(task, &self.runtime);
    }

    fn tell_later(&self, arrival: Arrival) {
        let shared = Arc::clone(&self.shared);
        self.tasks.spawn_on(async move { shared.tell(arrival).await }, &self.runtime);
    }

    /// Stops accepting and closes every connection.
    pub fn close(&self) {
        self.stop.cancel();
        self.shared.table.close_all();
        self.tasks.close();
    }
}

impl Drop for Streams {
    fn drop(&mut self) {
        self.close();
    }
}

/// From the listener's own address where it has one, so that the carrier sees the address it knows.
async fn dial(path: &Path) -> io::Result<TcpStream> {
    let socket = if path.remote.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if !path.local.ip().is_unspecified() && path.local.is_ipv4() == path.remote.is_ipv4() {
        socket.bind(SocketAddr::new(path.local.ip(), 0))?;
    }
    socket.connect(path.remote).await
}

async fn accept_all(shared: Arc<Shared>, listener: TcpListener, tasks: TaskTracker, stop: CancellationToken) {
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, remote)) = accepted else {
            if timeout(ACCEPT_PAUSE, stop.cancelled()).await.is_ok() {
                return;
            }
            continue;
        };
        let Ok(local) = stream.local_addr() else { continue };
        let flow = shared.new_flow();
        let path = Path { transport: Transport::Tcp, local, remote, flow: Some(flow) };
        let (entry, queue) = Flow::new(path, false);
        let stop = entry.stop.clone();
        if let Err(Full) = shared.table.insert(flow, entry) {
            continue;
        }
        let shared = Arc::clone(&shared);
        tasks.spawn(async move { connection::serve(&shared, stream, path, queue, stop).await });
    }
}

#[cfg(test)]
mod tests;
