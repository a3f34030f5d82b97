//! Ports for legs: pairs of their own for phones, doors in few shared sockets for browsers.

use std::sync::Arc;

use smallvec::SmallVec;

use super::{
    Quirks, Switch,
    leg::LegMedia,
    negotiate::{self, Offered},
};
use crate::{
    base::{Now, Private, StreamId},
    media::{PortPool, link},
    sip::{Path, Transport},
};

/// What the plane has for browsers' legs.
#[derive(Default)]
pub(super) struct Doors {
    fingerprint: Option<link::Fingerprint>,
    pub ports: PortPool,
    /// By worker, further addresses of its socket.
    others: Vec<Vec<std::net::SocketAddr>>,
}

impl Switch {
    /// What the plane has for browsers' legs.
    pub fn handle_doors(&mut self, doors: link::Doors) {
        self.doors.fingerprint = Some(doors.fingerprint);
        self.doors.others = doors.others;
        self.doors.ports.add(doors.ports);
    }

    /// A port and what goes with it for a leg on that path: a browser's when the peer offers so, or, before it has said
    /// anything, when it is called over a WebSocket. `None` when none is free.
    pub(super) fn take_media(
        &mut self,
        now: Now,
        worker: Option<u16>,
        path: &Path,
        (offered, quirks): (Option<&Offered>, Arc<Quirks>),
    ) -> Option<LegMedia> {
        let is_browser = offered.map_or(matches!(path.transport, Transport::Ws | Transport::Wss), Offered::is_browsers);
        let pool = if is_browser { &mut self.doors.ports } else { &mut self.ports };
        let port = pool.take(now.mono, worker)?;
        let listener = self.settings.listeners.iter().find(|listener| listener.carries(path));
        let address = listener.and_then(|listener| listener.media_address);
        // A pool bound to every address is reached at the one that the signalling uses.
        let bound = Some(port.rtp.ip()).filter(|ip| !ip.is_unspecified()).unwrap_or(path.local.ip());
        let address = address.unwrap_or(bound);
        let door = self.doors.fingerprint.filter(|_| is_browser).map(|fingerprint| {
            let others = self.doors.others.get(usize::from(port.worker)).into_iter().flatten().copied();
            let mut addresses = SmallVec::from_slice(&[std::net::SocketAddr::new(address, port.rtp.port())]);
            addresses.extend(others);
            negotiate::Door { secret: Private::new(self.chance.bytes()), fingerprint, addresses }
        });
        Some(LegMedia {
            stream: StreamId(self.ids.next_stream()),
            port,
            address,
            session: self.chance.below(1 << 62),
            version: 1,
            quirks,
            key: Private::new(self.chance.bytes()),
            wants_security: false,
            door,
            agreed: None,
            local: bytes::Bytes::new(),
            ours: negotiate::Menu::default(),
            awaits_answer: false,
            open: false,
            form: None,
            remote: None,
            play: None,
            clip: None,
            queued: None,
            standing: crate::media::Standing::begin(&mut self.chance),
            standing_at: now.wall,
        })
    }

    pub(super) fn give_back(&mut self, now: Now, media: &LegMedia) {
        let pool = if media.door.is_some() { &mut self.doors.ports } else { &mut self.ports };
        pool.give_back(now.mono, media.port);
    }
}
