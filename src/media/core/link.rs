//! What ICE and DTLS find out about browsers' legs; they run beside the core, in whoever owns the sockets.

use std::net::{IpAddr, SocketAddr};

use super::{
    super::{Event, Security},
    Core,
};

impl Core {
    /// The way to the peer of port `index` that ICE has chosen, and the address of ours that it sees there; or that there
    /// is none any more.
    pub fn handle_way(&mut self, index: u16, way: Option<SocketAddr>, local: Option<IpAddr>) {
        if let Some(stream) = self.at_port(index) {
            stream.local = local;
            stream.ingress.rule.chosen(way);
        }
    }

    /// The keys that the handshake of port `index` has brought.
    pub fn handle_keys(&mut self, index: u16, keys: Security) {
        let Some(stream) = self.at_port(index) else { return };
        if stream.guard.key(keys) {
            let stream = stream.id;
            self.events.push_back(Event::Secured { stream });
        }
    }

    /// The handshake of port `index` has failed.
    pub fn handle_broken(&mut self, index: u16) {
        if let Some(stream) = self.at_port(index).map(|stream| stream.id) {
            self.events.push_back(Event::Broken { stream });
        }
    }

    fn at_port(&mut self, index: u16) -> Option<&mut super::Stream> {
        let place = self.by_port.get(usize::from(index)).copied()?;
        self.stream_mut(place).filter(|stream| stream.form.link.is_some())
    }
}
