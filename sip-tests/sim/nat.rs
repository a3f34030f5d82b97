//! A router that translates addresses, between the switch with the phones of its house and everybody else.

use std::net::{IpAddr, SocketAddr};

use strowger::{base::Cidr, engine::EngineSettings};

use super::{World, centre};

/// Where the world finds the switch.
pub const PUBLIC: &str = "203.0.113.7";

/// The phones of the house; the carrier is elsewhere.
const INSIDE: &str = "10.0.1.0/24";

#[derive(Clone, Copy)]
pub(super) struct Nat {
    public: IpAddr,
    inside: Cidr,
}

impl Nat {
    fn is_inside(&self, peer: SocketAddr) -> bool {
        self.inside.contains(peer.ip())
    }

    /// Where the switch is for this peer.
    pub fn switch(&self, peer: SocketAddr) -> SocketAddr {
        let local: SocketAddr = centre::SWITCH.parse().unwrap();
        if self.is_inside(peer) { local } else { SocketAddr::new(self.public, local.port()) }
    }

    /// Where something for that address arrives; nothing finds the inside from outside, or the outside from inside.
    pub fn carry(&self, from: SocketAddr, to: SocketAddr) -> Option<SocketAddr> {
        let local: SocketAddr = centre::SWITCH.parse().unwrap();
        (to.ip() == self.switch(from).ip()).then(|| SocketAddr::new(local.ip(), to.port()))
    }

    pub fn tell(&self, settings: &mut EngineSettings) {
        for listener in &mut settings.listeners {
            listener.advertised = Some((self.public.to_string(), listener.local.port()));
            listener.media_address = Some(self.public);
            listener.inside = vec![self.inside];
        }
    }
}

impl World {
    /// A world in which the switch is behind a router, and told so. Before anybody is in it.
    pub fn behind_nat(seed: u64) -> Self {
        let nat = Nat { public: PUBLIC.parse().unwrap(), inside: INSIDE.parse().unwrap() };
        Self::seed_behind(seed, Some(nat))
    }
}
