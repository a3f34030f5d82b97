//! What leaves from the sockets that browsers' legs share: gathered for a turn, and sent by one system call.

use std::net::{IpAddr, SocketAddr};

use super::{
    sys::Outbox,
    worker::{PACKET_BYTES_MAX, Shared, Tally},
};

/// What is sent from shared sockets, kept until the turn is over: one system call sends it all.
#[derive(Debug, Default)]
pub struct SharedOutbox {
    /// The worker whose socket it is, and its number there.
    socket: (u16, usize),
    waiting: Option<Box<Outbox<PACKET_BYTES_MAX>>>,
}

impl SharedOutbox {
    /// A packet of a browser's port, to there and from that address of ours.
    pub(super) fn push(
        &mut self,
        shared: &Shared,
        tally: &mut Tally,
        index: u16,
        packet: &[u8],
        (to, local): (SocketAddr, Option<IpAddr>),
    ) {
        let found = shared.home(index).and_then(|home| Some((home, shared.shared_number(home, to, local)?)));
        let Some(socket) = found else { return };
        if socket != self.socket {
            self.flush(shared, tally);
            self.socket = socket;
        }
        let waiting = self.waiting.get_or_insert_with(|| Box::new(Outbox::new()));
        if !waiting.push(packet, to, local) {
            self.flush(shared, tally);
            // Longer than any packet: it goes nowhere.
            let taken = self.waiting.as_mut().is_some_and(|waiting| waiting.push(packet, to, local));
            tally.unsent += u64::from(!taken);
        }
    }

    /// Sends what waits.
    pub(super) fn flush(&mut self, shared: &Shared, tally: &mut Tally) {
        let Some(waiting) = self.waiting.as_mut().filter(|waiting| !waiting.is_empty()) else { return };
        let (worker, number) = self.socket;
        if let Some((_, socket)) = shared.shared.get(usize::from(worker)).and_then(|sockets| sockets.get(number)) {
            let (sent, refused) = socket.send_many(waiting);
            tally.sent += sent;
            tally.unsent += refused;
        }
    }
}
