//! One browser's leg: its ICE, its handshake, and how far they are.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use smallvec::SmallVec;

use super::{
    Identity, Said,
    handshake::{Association, Progress},
};
use crate::{
    base::{Chance, Instant, StreamId},
    media::{
        Security,
        ice::{Heard, Ice, WAYS_MAX},
        link::{Fingerprint, Link},
    },
    wire::stun::{Message, Writer},
};

/// From the first believed check to keys; a browser needs a tenth of a second.
const HANDSHAKE: Duration = Duration::from_secs(15);

pub struct Peer {
    pub stream: StreamId,
    /// Ours.
    pub fragment: Box<str>,
    ice: Ice,
    association: Association,
    expected: Fingerprint,
    heard: SmallVec<[Place; 2]>,
    /// The way that was told last, and the address of ours that goes with it.
    way: Option<SocketAddr>,
    local: Option<IpAddr>,
    /// Where the handshake goes until a way is chosen.
    spoken_from: Option<SocketAddr>,
    keys: Option<Box<Security>>,
    phase: Phase,
}

/// Where signed words came from, and when last.
struct Place {
    address: SocketAddr,
    heard_at: Instant,
    /// Ours that they were sent to; of several the one that the peer has chosen.
    local: IpAddr,
}

/// What the leg waits for.
enum Phase {
    /// A signed check.
    Sought,
    Handshake {
        until: Instant,
    },
    /// Keys have come; to be told.
    Keyed,
    /// To be told.
    Refused,
    /// It has been told, one way or the other.
    Told,
}

impl Peer {
    pub fn new(
        now: Instant,
        mark: u16,
        stream: StreamId,
        link: &Link,
        identity: &Identity,
        chance: &mut Chance,
    ) -> Self {
        Self {
            stream,
            fragment: link.ours.fragment.clone(),
            ice: Ice::new(now, link, mark, chance),
            association: Association::new(identity, link.fingerprint, link.handshake),
            expected: link.fingerprint,
            heard: SmallVec::new(),
            way: None,
            local: None,
            spoken_from: None,
            keys: None,
            phase: Phase::Sought,
        }
    }

    /// A new description: other credentials restart ICE, over which sound goes on; another certificate is another peer.
    pub fn relink(&mut self, now: Instant, mark: u16, link: &Link, identity: &Identity, chance: &mut Chance) {
        if self.ice.is_of(link) {
            self.ice.add_candidates(link);
        } else {
            self.ice = Ice::new(now, link, mark, chance);
            self.fragment = link.ours.fragment.clone();
        }
        if self.expected != link.fingerprint {
            self.expected = link.fingerprint;
            self.association = Association::new(identity, link.fingerprint, link.handshake);
            (self.phase, self.spoken_from) = (Phase::Sought, None);
        }
    }

    /// Whether the sender is believed now, and the answer to it.
    pub fn on_stun(
        &mut self,
        now: Instant,
        (from, local): (SocketAddr, IpAddr),
        message: &Message<'_>,
    ) -> (bool, Option<Writer>) {
        let (heard, answer) = self.ice.handle(now, from, message);
        let is_believed = heard == Heard::Believed;
        if is_believed {
            match self.heard.iter_mut().find(|known| known.address == from) {
                Some(known) => {
                    known.heard_at = now;
                    if message.use_candidate {
                        known.local = local;
                    }
                }
                None => self.heard.push(Place { address: from, heard_at: now, local }),
            }
        }
        (is_believed, answer)
    }

    /// The place that was heard longest ago, where there are too many; it is forgotten.
    pub fn leave_oldest(&mut self) -> Option<SocketAddr> {
        if self.heard.len() <= WAYS_MAX {
            return None;
        }
        let is_spare = |known: &&Place| Some(known.address) != self.way && Some(known.address) != self.spoken_from;
        let oldest = self.heard.iter().filter(is_spare).min_by_key(|known| known.heard_at)?.address;
        self.leave(oldest);
        Some(oldest)
    }

    /// The address of ours that goes with one of the peer's.
    fn local_for(&self, address: SocketAddr) -> Option<IpAddr> {
        self.heard.iter().find(|known| known.address == address).map(|known| known.local)
    }

    pub fn on_dtls(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) {
        self.spoken_from = Some(from);
        match self.association.handle(now, datagram) {
            Progress::Nothing => {}
            Progress::Keys(keys) => (self.keys, self.phase) = (Some(Box::new(keys)), Phase::Keyed),
            Progress::Refused => self.phase = Phase::Refused,
        }
    }

    /// When it was last heard from there.
    pub fn heard_at(&self, from: SocketAddr) -> Instant {
        self.heard.iter().find(|known| known.address == from).map_or(Instant::ZERO, |known| known.heard_at)
    }

    /// That address is somebody else's now.
    pub fn leave(&mut self, from: SocketAddr) {
        self.heard.retain(|known| known.address != from);
    }

    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.heard.iter().map(|known| known.address)
    }

    /// What is due, and what is to be told.
    pub fn attend(
        &mut self,
        now: Instant,
        index: u16,
        identity: &Identity,
        chance: &mut Chance,
        say: &mut dyn FnMut(Said<'_>),
    ) {
        while let Some((to, check)) = self.ice.handle_timeout(now, chance) {
            say(Said::Send { to, local: self.local_for(to), octets: check.octets() });
        }
        // While ICE starts anew, sound goes on over the old way (RFC 8445 9).
        let way = self.ice.chosen(now).or_else(|| self.way.filter(|_| self.ice.is_seeking(now)));
        let local = way.and_then(|way| self.local_for(way));
        if (way, local) != (self.way, self.local) {
            (self.way, self.local) = (way, local);
            say(Said::Way { index, way, local });
        }
        if matches!(self.phase, Phase::Sought) && !self.heard.is_empty() && !self.association.has_keys() {
            self.phase = Phase::Handshake { until: now + HANDSHAKE };
        }
        if way.is_some() {
            self.association.begin(now, identity);
        }
        if self.association.poll_timeout().is_some_and(|due| due <= now) {
            self.association.handle_timeout(now);
        }
        self.transmit(say);
        match std::mem::replace(&mut self.phase, Phase::Told) {
            Phase::Handshake { until } if now < until => self.phase = Phase::Handshake { until },
            Phase::Handshake { .. } | Phase::Refused => say(Said::Broken { index }),
            Phase::Keyed => self.say_keys(index, say),
            Phase::Sought => self.phase = Phase::Sought,
            Phase::Told => {}
        }
    }

    pub fn poll_timeout(&self, now: Instant) -> Option<Instant> {
        let until = match self.phase {
            Phase::Handshake { until } => Some(until),
            Phase::Sought | Phase::Keyed | Phase::Refused | Phase::Told => None,
        };
        [self.ice.poll_timeout(now), self.association.poll_timeout(), until].into_iter().flatten().min()
    }

    /// What was told of it so far.
    pub fn repeat(&self, index: u16, say: &mut dyn FnMut(Said<'_>)) {
        say(Said::Way { index, way: self.way, local: self.local });
        self.say_keys(index, say);
    }

    fn say_keys(&self, index: u16, say: &mut dyn FnMut(Said<'_>)) {
        if let Some(keys) = &self.keys {
            say(Said::Keys { index, keys: Security::clone(keys) });
        }
    }

    /// Says good-bye.
    pub fn part(&mut self, now: Instant, say: &mut dyn FnMut(Said<'_>)) {
        self.association.close(now);
        self.transmit(say);
    }

    fn transmit(&mut self, say: &mut dyn FnMut(Said<'_>)) {
        let to = self.way.or(self.spoken_from);
        let local = to.and_then(|to| self.local_for(to));
        while let Some(octets) = self.association.poll_transmit() {
            if let Some(to) = to {
                say(Said::Send { to, local, octets: &octets });
            }
        }
    }
}
