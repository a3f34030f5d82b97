//! A browser's leg between workers. Its socket, ICE and handshake stay with the worker of its port, its home; its stream
//! goes where the call is. Mostly that is the same: a call's ports are taken from one worker. When two calls become one
//! it may not be, and then its packets are handed over.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use super::{browser::Said, orders::Order, worker::Worker};
use crate::{
    base::{Instant, StreamId},
    media::{PROTECTION_BYTES_MAX, Security, link::Link},
};

/// What two workers tell each other of a browser's leg.
#[derive(Debug)]
pub enum Crossing {
    /// To the home: the leg begins, or its description changed.
    Link {
        index: u16,
        stream: StreamId,
        link: Arc<Link>,
    },
    /// To the home: the leg is over.
    Unlink {
        index: u16,
        stream: StreamId,
    },
    /// To the home: the stream is with that worker now.
    At {
        index: u16,
        worker: u16,
    },
    /// From the home: sound.
    Packet {
        index: u16,
        from: SocketAddr,
        octets: Box<[u8]>,
    },
    /// From the home: what ICE and the handshake found out.
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

impl Worker {
    /// A datagram on a socket that browsers' legs share: from there, to that address of ours.
    #[inline]
    pub(super) fn serve_browser(
        &mut self,
        now: Instant,
        (from, local): (SocketAddr, IpAddr),
        buffer: &mut [u8],
        len: usize,
    ) {
        let Some(datagram) = buffer.get(..len) else { return };
        let index = self.with_browsers(|browsers, say| browsers.handle(now, (from, local), datagram, say));
        let Some(index) = index.flatten() else { return };
        match self.away.get(&index).copied() {
            None => self.pass(now, index, from, buffer, len),
            Some(worker) => {
                let packet = Crossing::Packet { index, from, octets: datagram.into() };
                self.shared.tell(worker, Order::Browser(packet));
            }
        }
    }

    pub(super) fn tick_browsers(&mut self, now: Instant) {
        if self.browsers.as_ref().and_then(|browsers| browsers.poll_timeout()).is_some_and(|due| due <= now) {
            self.with_browsers(|browsers, say| browsers.handle_timeout(now, say));
        }
    }

    pub(super) fn cross(&mut self, now: Instant, crossing: Crossing) {
        match crossing {
            Crossing::Link { index, stream, link } => {
                self.with_browsers(|browsers, say| browsers.link(now, index, stream, &link, say));
            }
            Crossing::Unlink { index, stream } => {
                self.with_browsers(|browsers, say| browsers.unlink(now, index, stream, say));
            }
            Crossing::At { index, worker } => {
                match worker == self.place {
                    true => _ = self.away.remove(&index),
                    false => _ = self.away.insert(index, worker),
                }
                // What was told meanwhile went to where it had been.
                self.with_browsers(|browsers, say| browsers.repeat(index, say));
            }
            Crossing::Packet { index, from, octets } => {
                let mut buffer = [0; super::worker::PACKET_BYTES_MAX + PROTECTION_BYTES_MAX];
                if let Some(room) = buffer.get_mut(..octets.len()) {
                    room.copy_from_slice(&octets);
                    self.pass(now, index, from, &mut buffer, octets.len());
                }
            }
            Crossing::Way { index, way, local } => self.core.handle_way(index, way, local),
            Crossing::Keys { index, keys } => self.core.handle_keys(index, keys),
            Crossing::Broken { index } => self.core.handle_broken(index),
        }
    }

    fn with_browsers<T>(
        &mut self,
        act: impl FnOnce(&mut super::browser::Browsers, &mut dyn FnMut(Said<'_>)) -> T,
    ) -> Option<T> {
        let browsers = self.browsers.as_mut()?;
        let (shared, core, tally, place) = (&self.shared, &mut self.core, &mut self.tally, self.place);
        let away = &self.away;
        let mut tell = |index: u16, crossing: Crossing| match away.get(&index) {
            Some(worker) => shared.tell(*worker, Order::Browser(crossing)),
            None => match crossing {
                Crossing::Way { way, local, .. } => core.handle_way(index, way, local),
                Crossing::Keys { keys, .. } => core.handle_keys(index, keys),
                Crossing::Broken { .. } => core.handle_broken(index),
                Crossing::Link { .. } | Crossing::Unlink { .. } | Crossing::At { .. } | Crossing::Packet { .. } => {}
            },
        };
        let mut say = |said: Said<'_>| match said {
            Said::Send { to, local, octets } => {
                let sent = shared.shared_socket(place, to, local).map(|socket| socket.send(octets, to, local));
                match sent {
                    Some(Ok(())) => tally.sent += 1,
                    Some(Err(_)) | None => tally.unsent += 1,
                }
            }
            Said::Way { index, way, local } => tell(index, Crossing::Way { index, way, local }),
            Said::Keys { index, keys } => tell(index, Crossing::Keys { index, keys }),
            Said::Broken { index } => tell(index, Crossing::Broken { index }),
        };
        Some(act(browsers, &mut say))
    }
}
