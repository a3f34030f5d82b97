//! Who is connected: the write queues by flow, the counts by source (`network_of` the address).

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{
    base::{FlowId, network_of},
    sip::{Path, Transport},
};

/// Messages that wait for one peer to read. A peer further behind than this has stopped reading, and is cut off.
pub const WRITES_MAX: usize = 256;

pub struct Flow {
    path: Path,
    writes: mpsc::Sender<Bytes>,
    /// Made by us: further requests to the same remote go here.
    outgoing: bool,
    /// We said yes to something on it (registered, answered a call): it may be silent for long.
    pub welcome: Arc<AtomicBool>,
    pub stop: CancellationToken,
}

impl Flow {
    pub fn new(path: Path, outgoing: bool) -> (Self, WriteQueue) {
        let (writes, queue) = mpsc::channel(WRITES_MAX);
        let welcome = Arc::new(AtomicBool::new(outgoing));
        let flow = Self { path, writes, outgoing, welcome: Arc::clone(&welcome), stop: CancellationToken::new() };
        (flow, WriteQueue { queue, welcome, ours: outgoing })
    }
}

/// The connection's end of a flow.
pub struct WriteQueue {
    pub queue: mpsc::Receiver<Bytes>,
    pub welcome: Arc<AtomicBool>,
    /// We made the connection: keeping it alive is for us to do.
    pub ours: bool,
}

/// No room for another connection, from this address or at all.
#[derive(Debug)]
pub struct Full;

pub struct Table {
    inside: Mutex<Flows>,
    total_max: usize,
    per_source_max: usize,
    refused: AtomicU64,
}

#[derive(Default)]
struct Flows {
    by_id: HashMap<FlowId, Flow>,
    outgoing: HashMap<(Transport, SocketAddr), FlowId>,
    per_source: HashMap<IpAddr, usize>,
}

impl Table {
    pub fn new(total_max: usize, per_source_max: usize) -> Self {
        Self { inside: Mutex::default(), total_max, per_source_max, refused: AtomicU64::new(0) }
    }

    pub fn insert(&self, id: FlowId, flow: Flow) -> Result<(), Full> {
        let mut flows = self.lock();
        let total = flows.by_id.len();
        let source = network_of(flow.path.remote.ip());
        let here = flows.per_source.entry(source).or_insert(0);
        if total >= self.total_max || (*here >= self.per_source_max && !flow.outgoing) {
            self.refused.fetch_add(1, Ordering::Relaxed);
            if *here == 0 {
                flows.per_source.remove(&source);
            }
            return Err(Full);
        }
        *here += 1;
        if flow.outgoing {
            flows.outgoing.insert((flow.path.transport, flow.path.remote), id);
        }
        flows.by_id.insert(id, flow);
        Ok(())
    }

    pub fn remove(&self, id: FlowId) {
        let mut flows = self.lock();
        let Some(flow) = flows.by_id.remove(&id) else { return };
        let place = (flow.path.transport, flow.path.remote);
        if flows.outgoing.get(&place) == Some(&id) {
            flows.outgoing.remove(&place);
        }
        let source = network_of(flow.path.remote.ip());
        if let Some(here) = flows.per_source.get_mut(&source) {
            *here -= 1;
            if *here == 0 {
                flows.per_source.remove(&source);
            }
        }
    }

    /// The connection of ours to that address, if one is up or on its way.
    pub fn outgoing(&self, path: &Path) -> Option<FlowId> {
        self.lock().outgoing.get(&(path.transport, path.remote)).copied()
    }

    /// `false` when the flow has gone or has just been cut off for not reading.
    pub fn send(&self, id: FlowId, bytes: Bytes) -> bool {
        let flows = self.lock();
        let Some(flow) = flows.by_id.get(&id) else { return false };
        if says_yes(&bytes) {
            flow.welcome.store(true, Ordering::Relaxed);
        }
        match flow.writes.try_send(bytes) {
            Ok(()) => true,
            Err(_) => {
                flow.stop.cancel();
                false
            }
        }
    }

    pub fn hang_up(&self, id: FlowId) {
        if let Some(flow) = self.lock().by_id.get(&id) {
            flow.stop.cancel();
        }
    }

    pub fn close_all(&self) {
        for flow in self.lock().by_id.values() {
            flow.stop.cancel();
        }
    }

    pub fn len(&self) -> usize {
        self.lock().by_id.len()
    }

    pub fn take_refused(&self) -> u64 {
        self.refused.swap(0, Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Flows> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A 2xx to a REGISTER or an INVITE: whoever gets it has shown who he is.
fn says_yes(bytes: &[u8]) -> bool {
    let has = |wanted: &[u8]| bytes.windows(wanted.len()).any(|part| part == wanted);
    bytes.starts_with(b"SIP/2.0 2") && (has(b" REGISTER\r\n") || has(b" INVITE\r\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(remote: &str) -> Flow {
        let remote = remote.parse().unwrap();
        let local = SocketAddr::new(std::net::Ipv6Addr::LOCALHOST.into(), 5060);
        Flow::new(Path { transport: Transport::Tcp, local, remote, flow: None }, false).0
    }

    /// SW-19: all addresses of a /64 share the places of one source.
    #[test]
    fn sw_19_a_64_of_ipv6_has_the_places_of_one_source() {
        let table = Table::new(10, 2);
        let remotes = ["[2001:db8:0:1::1]:5060", "[2001:db8:0:1::2]:5060", "[2001:db8:0:1::3]:5060"];
        let taken = |id: u64, remote: &str| table.insert(FlowId(id), flow(remote)).is_ok();
        assert_eq!([taken(1, remotes[0]), taken(2, remotes[1]), taken(3, remotes[2])], [true, true, false]);
        assert!(taken(4, "[2001:db8:0:2::1]:5060"), "another is not hindered");
        table.remove(FlowId(1));
        assert!(taken(5, remotes[2]));
    }
}
