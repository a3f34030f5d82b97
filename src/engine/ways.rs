//! Which of our sockets leads to a peer.

use std::net::{IpAddr, SocketAddr};

use super::Engine;
use crate::{
    sip::{Path, Transport, registrar::Binding},
    switch::Listener,
};

impl Engine {
    /// Our socket for that way. Loopback speaks with loopback; of the others the one in the same network, else the first.
    pub(super) fn listener_towards(&self, transport: Transport, remote: SocketAddr) -> Option<&Listener> {
        let fits =
            |listener: &&Listener| listener.transport == transport && listener.local.is_ipv4() == remote.is_ipv4();
        let listeners = || self.settings.listeners.iter().filter(fits);
        let alike = |listener: &&Listener| listener.local.ip().is_loopback() == remote.ip().is_loopback();
        let nearest =
            listeners().filter(alike).rev().max_by_key(|listener| shared_network(listener.local.ip(), remote.ip()));
        nearest.or_else(|| listeners().next())
    }

    /// The way to a device: over its connection, or from the socket that it registered at while that is there. `None` when
    /// nothing leads there that may be used.
    pub(super) fn path_to(&self, binding: &Binding) -> Option<Path> {
        let path = binding.way()?;
        let is_there = path.flow.is_some() || self.settings.listeners.iter().any(|listener| listener.carries(&path));
        let other = || self.listener_towards(path.transport, path.remote).map(|listener| listener.local);
        let local = if is_there { None } else { other() };
        Some(Path { local: local.unwrap_or(path.local), ..path })
    }
}

/// How much of two addresses is alike, where that makes them neighbours: from 16 bits of IPv4 or 48 of IPv6 on.
fn shared_network(one: IpAddr, other: IpAddr) -> u32 {
    match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => neighbours((one.to_bits() ^ other.to_bits()).leading_zeros(), 16),
        (IpAddr::V6(one), IpAddr::V6(other)) => neighbours((one.to_bits() ^ other.to_bits()).leading_zeros(), 48),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => 0,
    }
}

fn neighbours(alike: u32, least: u32) -> u32 {
    if alike >= least { alike } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SW-03: neighbours are known by what their addresses share.
    #[test]
    fn neighbours_share_the_beginning_of_their_addresses() {
        let shared = |one: &str, other: &str| shared_network(one.parse().unwrap(), other.parse().unwrap());
        assert!(shared("192.168.1.1", "192.168.1.77") > shared("192.168.0.1", "192.168.1.77"));
        assert_eq!(shared("172.17.0.1", "203.0.113.9"), 0);
        assert_eq!(shared("10.1.0.1", "10.200.0.1"), 0);
        assert!(shared("2001:db8:1::1", "2001:db8:1::2") > 0);
        assert_eq!(shared("2001:db8:1::1", "2001:db8:2::2"), 0);
    }
}
