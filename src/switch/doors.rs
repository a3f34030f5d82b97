//! Ports for legs: pairs of their own for phones, doors in few shared sockets for browsers.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use smallvec::SmallVec;

use super::{
    Listener, Quirks, Switch,
    leg::{Leg, LegMedia},
    negotiate::{self, SdpOffer},
};
use crate::{
    base::{Now, Private, StreamId},
    media::{Port, PortPool, link},
    sip::{Path, Transport},
};

/// Addresses of ours that a page is told of: each is a candidate that a browser tries.
const ADDRESSES_MAX: usize = 4;

/// Where our description goes.
#[derive(Clone, Copy)]
pub(super) enum Towards<'a> {
    Phone(&'a Path),
    /// Over HTTP, from wherever: no socket of SIP is concerned.
    Page,
}

/// What the plane has for browsers' legs.
#[derive(Default)]
pub(super) struct Doors {
    fingerprint: Option<link::Fingerprint>,
    pub ports: PortPool,
    /// By worker, further addresses of its socket.
    others: Vec<Vec<SocketAddr>>,
}

impl Towards<'_> {
    const fn is_browser(self) -> bool {
        match self {
            Self::Phone(path) => matches!(path.transport, Transport::Ws | Transport::Wss),
            Self::Page => true,
        }
    }
}

/// The first of our addresses at which whoever named `wanted` can be met; the usual one where there is none, or nobody did.
fn suiting(usual: IpAddr, others: impl Iterator<Item = IpAddr>, port: Port, wanted: Option<IpAddr>) -> IpAddr {
    let Some(wanted) = wanted else { return usual };
    let suits = |ip: &IpAddr| ip.is_ipv4() == wanted.is_ipv4() && port.reaches(*ip) && !ip.is_unspecified();
    std::iter::once(usual).chain(others).find(suits).unwrap_or(usual)
}

/// A browser's leg: what the peer offers says so, or, before it has said anything, that it is a page or called over a WebSocket.
fn is_browsers(towards: Towards<'_>, offered: Option<&SdpOffer>) -> bool {
    offered.map_or_else(|| towards.is_browser(), SdpOffer::is_browsers)
}

impl Switch {
    /// What the plane has for browsers' legs.
    pub fn handle_doors(&mut self, doors: link::Doors) {
        self.doors.fingerprint = Some(doors.fingerprint);
        self.doors.others = doors.others;
        self.doors.ports.add(doors.ports);
    }

    /// How many more legs of that kind there is room for.
    pub(super) fn ports_free(&self, towards: Towards<'_>, offered: Option<&SdpOffer>) -> usize {
        if is_browsers(towards, offered) { self.doors.ports.free() } else { self.ports.free() }
    }

    /// A port and what goes with it for a leg there: a browser's when the peer offers so, or, before it has said anything,
    /// when it is a page or is called over a WebSocket. `None` when none is free.
    pub(super) fn take_media(
        &mut self,
        now: Now,
        worker: Option<u16>,
        towards: Towards<'_>,
        (offered, quirks): (Option<&SdpOffer>, Arc<Quirks>),
    ) -> Option<LegMedia> {
        let is_browser = is_browsers(towards, offered);
        let pool = if is_browser { &mut self.doors.ports } else { &mut self.ports };
        let port = pool.take(now.mono, worker)?;
        let reached = self.reached_at(towards, port, offered);
        let address = reached.first().copied().unwrap_or(port.rtp.ip());
        let door = self.doors.fingerprint.filter(|_| is_browser).map(|fingerprint| {
            let others = self.doors.others.get(usize::from(port.worker)).into_iter().flatten().copied();
            let at = |ip: &IpAddr| SocketAddr::new(*ip, port.rtp.port());
            let addresses = reached.iter().map(at).chain(others).collect();
            negotiate::Door { secret: Private::new(self.chance.bytes()), fingerprint, addresses }
        });
        let new = LegMedia::new(
            StreamId(self.ids.next_stream()),
            port,
            self.chance.below(1 << 62),
            Private::new(self.chance.bytes()),
            (crate::media::Standing::begin(&mut self.chance), now.wall),
        );
        Some(LegMedia { address, quirks, door, ..new })
    }

    /// Our addresses for that port, the best first. A pool bound to every address is reached at the one that the signalling
    /// uses, or at one of the family that is offered; for a page, which tells us none, at any that we have. A browser is
    /// told what is inside a NAT and what is outside: its signalling may come through a proxy, and it tries them all.
    fn reached_at(&self, towards: Towards<'_>, port: Port, offered: Option<&SdpOffer>) -> SmallVec<[IpAddr; 4]> {
        let bound = Some(port.rtp.ip()).filter(|ip| !ip.is_unspecified());
        let listeners = &self.settings.listeners;
        let (best, of_path) = match towards {
            Towards::Phone(path) => {
                let listener = listeners.iter().find(|listener| listener.carries(path));
                let told = |listener: &Listener| listener.media_address(path.remote.ip());
                let usual = listener.and_then(told).or(bound).unwrap_or(path.local.ip());
                let others = listeners.iter().filter(|_| bound.is_none());
                let others = others.map(|listener| told(listener).unwrap_or(listener.local.ip()));
                let wanted = offered.and_then(SdpOffer::address);
                (Some(suiting(usual, others, port, wanted)), listener)
            }
            Towards::Page => (None, None),
        };
        let outside = |listener: &Listener| listener.media_address.or(bound).unwrap_or(listener.local.ip());
        let inside =
            |listener: &Listener| (!listener.inside.is_empty()).then_some(bound.unwrap_or(listener.local.ip()));
        let mut reached: SmallVec<[IpAddr; 4]> = best.into_iter().collect();
        let mut add = |ip: IpAddr| {
            if !ip.is_unspecified() && !reached.contains(&ip) && reached.len() < ADDRESSES_MAX {
                reached.push(ip);
            }
        };
        match towards {
            Towards::Phone(_) => {
                let is_browser = is_browsers(towards, offered);
                let both = of_path.filter(|of| is_browser && !of.inside.is_empty());
                both.into_iter().flat_map(|of| [Some(outside(of)), inside(of)]).flatten().for_each(add);
            }
            Towards::Page => {
                listeners
                    .iter()
                    .map(outside)
                    .chain(listeners.iter().filter_map(inside))
                    .chain(bound)
                    .for_each(&mut add);
            }
        }
        reached
    }

    /// The address of ours that a leg's packets leave from, where its port has them all: the one that its description names,
    /// or, behind a NAT, the one that is named for. A browser's leg finds its own.
    pub(super) fn sends_from(&self, leg: &Leg) -> Option<IpAddr> {
        let media = &leg.media;
        if !media.port.rtp.ip().is_unspecified() || media.door.is_some() {
            return None;
        }
        let path = leg.signalling.path()?;
        let names = |listener: &&Listener| {
            listener.media_address(path.remote.ip()).unwrap_or(listener.local.ip()) == media.address
        };
        let listeners = self.settings.listeners.iter().filter(names);
        let own = listeners.clone().find(|listener| listener.carries(path));
        own.or_else(|| listeners.clone().next()).map(|listener| listener.local.ip())
    }

    pub(super) fn give_back(&mut self, now: Now, media: &LegMedia) {
        let pool = if media.door.is_some() { &mut self.doors.ports } else { &mut self.ports };
        pool.give_back(now.mono, media.port);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SW-07, RFC 3264 6: an offer is answered in its own family where we have an address of it and the port takes both.
    #[test]
    fn sw_07_an_answer_is_of_the_offers_family() {
        let ip = |text: &str| -> IpAddr { text.parse().unwrap() };
        let (four, six) = (ip("192.0.2.1"), ip("2001:db8::1"));
        let of = |bound: &str, wanted: &str| {
            let port = Port { worker: 0, index: 0, rtp: bound.parse().unwrap() };
            suiting(four, [ip("192.0.2.2"), six].into_iter(), port, Some(ip(wanted)))
        };
        assert_eq!(of("[::]:20000", "2001:db8::7"), six);
        assert_eq!(of("[::]:20000", "198.51.100.7"), four);
        assert_eq!(of("0.0.0.0:20000", "2001:db8::7"), four, "nothing of ours could be heard there");
        let port = Port { worker: 0, index: 0, rtp: "[::]:20000".parse().unwrap() };
        assert_eq!(suiting(four, [six].into_iter(), port, None), four);
    }
}
