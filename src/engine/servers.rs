//! Where the names of trunks lead, as the shell looked them up, and which of their servers is tried first.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use super::{Engine, Output, drive::Timer};
use crate::{
    base::{Instant, Now, in_weighted_order},
    sip::{Lookup, Path, Server, Transport},
    switch::{Listener, Trunk, TrunkDestination},
};

/// How often a name is looked up again, whatever longer time its records grant.
const AGAIN_MAX: Duration = Duration::from_secs(300);

/// The same, whatever shorter one; also after a look-up that found nothing.
const AGAIN_MIN: Duration = Duration::from_secs(15);

/// How long a server that failed is tried after all others of its name (RFC 3263 4.3).
const REST_TIME: Duration = Duration::from_secs(60);

/// Failed servers remembered; when it is full, all are forgotten, and cost one vain try each.
const RESTING_MAX: usize = 256;

/// All names of trunks and their servers. As many as there are trunks.
#[derive(Default)]
pub(super) struct Servers {
    known: BTreeMap<Lookup, Vec<Server>>,
    resting: BTreeMap<(Transport, SocketAddr), Instant>,
}

impl Servers {
    pub fn of(&self, destination: &TrunkDestination) -> Vec<Server> {
        match destination.address() {
            Some((transport, address)) => vec![Server { transport, address, priority: 0, weight: 1 }],
            None => self.known.get(&destination.lookup()).cloned().unwrap_or_default(),
        }
    }

    /// Those that failed a moment ago come last.
    fn put_resting_last(&self, now: Instant, servers: &mut [Server]) {
        let rests =
            |server: &Server| self.resting.get(&(server.transport, server.address)).is_some_and(|until| *until > now);
        servers.sort_by_key(rests);
    }

    pub fn note_failed(&mut self, now: Instant, transport: Transport, address: SocketAddr) {
        if self.resting.len() >= RESTING_MAX {
            self.resting.clear();
        }
        self.resting.insert((transport, address), now + REST_TIME);
    }

    /// Names that lead somewhere.
    #[cfg(test)]
    pub fn known(&self) -> usize {
        self.known.len()
    }
}

impl Engine {
    /// Asks the shell for every name that the trunks have.
    pub(super) fn resolve(&mut self) {
        let able = self.able();
        for lookup in self.directory.names() {
            self.emit(Output::Resolve { lookup, able: able.clone() });
        }
    }

    /// The transports that we can send on, the plainest first: UDP and TLS need a listener of ours.
    fn able(&self) -> Vec<Transport> {
        let listens = |transport: &Transport| self.settings.listeners.iter().any(|of| of.transport == *transport);
        [Transport::Udp, Transport::Tcp, Transport::Tls].into_iter().filter(listens).collect()
    }

    /// What a name leads to; an answer without servers does not take away those that worked.
    pub(super) fn on_resolved(&mut self, now: Now, lookup: Lookup, servers: Vec<Server>, lasts: Duration) {
        let again = if servers.is_empty() { AGAIN_MIN } else { lasts.clamp(AGAIN_MIN, AGAIN_MAX) };
        let due = now.mono + again;
        let sooner = self.timers.deadline(&Timer::Resolve).filter(|until| *until > now.mono && *until < due);
        self.timers.set(Timer::Resolve, sooner.unwrap_or(due));
        if !servers.is_empty() && self.directory.names().contains(&lookup) {
            self.servers.known.insert(lookup, servers);
            self.set_accounts();
        }
    }

    /// Names that no trunk has any more.
    pub(super) fn forget_names(&mut self) {
        let names = self.directory.names();
        self.servers.known.retain(|lookup, _| names.contains(lookup));
    }

    /// Whether a trunk is called there, whatever the port.
    pub(super) fn is_trunks_server(&self, source: IpAddr) -> bool {
        let destinations = self.directory.trunks.values().filter_map(|trunk| trunk.destination.as_ref());
        destinations.flat_map(|destination| self.servers.of(destination)).any(|server| server.address.ip() == source)
    }

    /// The way to a trunk, and the socket of ours on it: its first server that has not failed just now.
    pub(super) fn trunk_way(&self, now: Now, trunk: &Trunk) -> Option<(Path, &Listener)> {
        let mut servers = self.servers.of(trunk.destination.as_ref()?);
        self.servers.put_resting_last(now.mono, &mut servers);
        servers.iter().find_map(|server| self.way_to(server))
    }

    /// All ways to a trunk in the order in which one call tries them: by priority, drawn by weight.
    pub(super) fn trunk_ways(&mut self, now: Now, destination: &TrunkDestination) -> Vec<Path> {
        let servers = self.servers.of(destination);
        let rank = |server: &Server| (server.priority, server.weight);
        let mut servers = in_weighted_order(servers, rank, self.switch.chance());
        self.servers.put_resting_last(now.mono, &mut servers);
        servers.iter().filter_map(|server| self.way_to(server)).map(|(path, _)| path).collect()
    }

    fn way_to(&self, server: &Server) -> Option<(Path, &Listener)> {
        let listener = self.listener_towards(server.transport, server.address)?;
        let path = Path { transport: server.transport, local: listener.local, remote: server.address, flow: None };
        Some((path, listener))
    }

    /// One server of a trunk did not answer: for a while the others come first.
    pub(super) fn note_server_failed(&mut self, now: Now, path: Path) {
        self.servers.note_failed(now.mono, path.transport, path.remote);
    }
}
