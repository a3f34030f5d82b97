//! Browsers' legs of one worker: which datagram of the shared socket is whose, ICE, DTLS. Sound goes on to the core.
//!
//! A peer is found by the address that it is known at, or by the user fragment in its check: never by trying them all.
//! Before a signed check has come from an address, nothing else from there is looked at.

mod certificate;
#[cfg(test)]
mod course;
mod handshake;
mod peer;
#[cfg(test)]
mod tests;

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

pub use certificate::Identity;

use crate::{
    base::{Chance, FastMap, Instant, KeyedMap, StreamId, Timers, keyed_map},
    media::{Security, ice::Ice, link::Link},
    wire::stun,
};
use peer::Peer;

/// Browsers' legs of all workers together; the next call with one is refused for want of a port.
pub const LEGS_MAX: usize = 10_000;

/// An address belongs to the peer that was first believed there, until that one has been quiet for so long.
const ADDRESS_REST: std::time::Duration = std::time::Duration::from_secs(5);

/// What comes of a datagram or a timer, for the core and the socket.
#[derive(Debug)]
pub enum Said<'a> {
    /// Send this, from that address of ours where it is known which.
    Send {
        to: SocketAddr,
        local: Option<IpAddr>,
        octets: &'a [u8],
    },
    /// ICE has chosen a way for that port, and the address of ours that the peer goes by, or lost it.
    Way {
        index: u16,
        way: Option<SocketAddr>,
        local: Option<IpAddr>,
    },
    Keys {
        index: u16,
        keys: Security,
    },
    Broken {
        index: u16,
    },
}

/// What kind of datagram it is (RFC 7983 7).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Stun,
    Dtls,
    Rtp,
    Other,
}

/// All browsers' legs whose port is at home on one worker.
pub struct Browsers {
    identity: Arc<Identity>,
    /// By port number.
    peers: FastMap<u16, Box<Peer>>,
    by_address: KeyedMap<SocketAddr, u16>,
    by_fragment: FastMap<Box<str>, u16>,
    timers: Timers<u16>,
    chance: Chance,
}

impl Browsers {
    pub fn new(identity: Arc<Identity>, chance: Chance) -> Self {
        Self {
            identity,
            peers: FastMap::default(),
            by_address: keyed_map(),
            by_fragment: FastMap::default(),
            timers: Timers::new(),
            chance,
        }
    }

    /// A leg begins on a port, or its description has changed.
    pub fn link(&mut self, now: Instant, index: u16, stream: StreamId, link: &Link, say: &mut dyn FnMut(Said<'_>)) {
        match self.peers.get_mut(&index).filter(|peer| peer.stream == stream) {
            Some(peer) => {
                self.by_fragment.remove(&*peer.fragment);
                peer.relink(now, index, link, &self.identity, &mut self.chance);
            }
            None => {
                self.forget(index);
                let peer = Peer::new(now, index, stream, link, &self.identity, &mut self.chance);
                self.peers.insert(index, Box::new(peer));
            }
        }
        self.by_fragment.insert(link.ours.fragment.clone(), index);
        self.attend(now, index, say);
    }

    /// The leg is over; its peer is told so.
    pub fn unlink(&mut self, now: Instant, index: u16, stream: StreamId, say: &mut dyn FnMut(Said<'_>)) {
        if let Some(peer) = self.peers.get_mut(&index).filter(|peer| peer.stream == stream) {
            peer.part(now, say);
            self.forget(index);
        }
    }

    /// Says once more where a leg is and what its keys are.
    pub fn repeat(&self, index: u16, say: &mut dyn FnMut(Said<'_>)) {
        if let Some(peer) = self.peers.get(&index) {
            peer.repeat(index, say);
        }
    }

    /// A datagram from the shared socket, and the address of ours that it was sent to. Tells whose sound it is, if it is
    /// sound: the core's to judge.
    #[inline]
    pub fn handle(
        &mut self,
        now: Instant,
        (from, local): (SocketAddr, IpAddr),
        datagram: &[u8],
        say: &mut dyn FnMut(Said<'_>),
    ) -> Option<u16> {
        match Kind::of(datagram) {
            Kind::Rtp => self.by_address.get(&from).copied(),
            Kind::Stun => {
                self.on_stun(now, (from, local), datagram, say);
                None
            }
            Kind::Dtls => {
                // Only from where ICE has seen the peer: a forged ClientHello starts nothing.
                let index = self.by_address.get(&from).copied()?;
                self.peers.get_mut(&index)?.on_dtls(now, from, datagram);
                self.attend(now, index, say);
                None
            }
            Kind::Other => None,
        }
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    pub fn handle_timeout(&mut self, now: Instant, say: &mut dyn FnMut(Said<'_>)) {
        while let Some(index) = self.timers.take_due(now) {
            self.attend(now, index, say);
        }
    }

    /// Legs, and the addresses that they are known at.
    #[cfg(test)]
    pub fn sizes(&self) -> [usize; 4] {
        [self.peers.len(), self.by_address.len(), self.by_fragment.len(), self.timers.len()]
    }

    fn on_stun(
        &mut self,
        now: Instant,
        (from, local): (SocketAddr, IpAddr),
        datagram: &[u8],
        say: &mut dyn FnMut(Said<'_>),
    ) {
        let Some(message) = stun::Message::parse(datagram) else { return };
        // An answer is to a check of ours, which bears its port's number.
        let index = match message.fragments() {
            Some((ours, _)) => self.by_fragment.get(ours).copied(),
            None => Some(Ice::mark_of(message.transaction)),
        };
        let Some(index) = index else { return };
        let Some(peer) = self.peers.get_mut(&index) else { return };
        let (is_believed, answer) = peer.on_stun(now, (from, local), &message);
        let left = peer.leave_oldest();
        if is_believed && !self.take_address(now, from, index) {
            // Somebody else is at that address, and alive: whoever claims it now is not answered.
            return;
        }
        if let Some(left) = left.filter(|left| self.by_address.get(left) == Some(&index)) {
            self.by_address.remove(&left);
        }
        if let Some(answer) = answer {
            // From where the check was sent to: another address would be another way (RFC 8445 7.2.5.2.1).
            say(Said::Send { to: from, local: Some(local), octets: answer.octets() });
        }
        self.attend(now, index, say);
    }

    fn take_address(&mut self, now: Instant, from: SocketAddr, index: u16) -> bool {
        let holder = self.by_address.get(&from).copied().filter(|holder| *holder != index);
        if let Some(holder) = holder.and_then(|holder| self.peers.get_mut(&holder)) {
            if now.since(holder.heard_at(from)) < ADDRESS_REST {
                return false;
            }
            holder.leave(from);
        }
        self.by_address.insert(from, index);
        true
    }

    /// Does what the peer has to do by now, and sets its timer.
    fn attend(&mut self, now: Instant, index: u16, say: &mut dyn FnMut(Said<'_>)) {
        let Some(peer) = self.peers.get_mut(&index) else { return };
        peer.attend(now, index, &self.identity, &mut self.chance, say);
        match peer.poll_timeout(now) {
            Some(due) => self.timers.set(index, due),
            None => _ = self.timers.cancel(index),
        }
    }

    fn forget(&mut self, index: u16) {
        let Some(peer) = self.peers.remove(&index) else { return };
        self.timers.cancel(index);
        if self.by_fragment.get(&*peer.fragment) == Some(&index) {
            self.by_fragment.remove(&*peer.fragment);
        }
        for address in peer.addresses() {
            if self.by_address.get(&address) == Some(&index) {
                self.by_address.remove(&address);
            }
        }
    }
}

impl Kind {
    #[inline]
    fn of(datagram: &[u8]) -> Self {
        match datagram.first() {
            Some(128..=191) => Self::Rtp,
            Some(0..=3) => Self::Stun,
            Some(20..=63) => Self::Dtls,
            Some(_) | None => Self::Other,
        }
    }
}

impl std::fmt::Debug for Browsers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Browsers({})", self.peers.len())
    }
}
