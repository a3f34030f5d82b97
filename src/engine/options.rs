//! OPTIONS: what we can (RFC 3261 11.2).

use super::{ALLOW, Engine, SUPPORTED, watching::EVENTS};
use crate::{
    sip::{Path, Reply, Transport},
    wire::sip::{Message, Name},
};

/// The first line of the answer, our tag, what we saw of its sender in the Via, and the lines that every answer has.
const OURS: usize = 120;

impl Engine {
    /// The answer to OPTIONS. A stranger's datagram, whose source may be forged, gets no more than it is long itself, and so
    /// only what has room of what else is told.
    pub(super) fn options(&self, request: &Message, path: Path, in_call: bool) -> Reply {
        let mut reply = Reply::new(200)
            .header("Allow", ALLOW)
            .header("Supported", SUPPORTED)
            .header("Allow-Events", EVENTS)
            .header("Accept", "application/sdp")
            .header("Accept-Encoding", "identity")
            .header("Accept-Language", "en");
        let is_known = || in_call || self.registrar.is_known(path.remote) || self.is_trunks(path.remote.ip());
        if path.transport == Transport::Udp && !is_known() {
            let mut room = request.bytes().len().saturating_sub(OURS + given_back(request));
            reply.headers.retain(|(name, value)| {
                let size = name.len() + value.len() + ": \r\n".len();
                let fits = size <= room;
                room -= if fits { size } else { 0 };
                fits
            });
        }
        reply
    }
}

/// Octets of the headers that are given back.
fn given_back(request: &Message) -> usize {
    let names = [Name::Via, Name::From, Name::To, Name::CallId, Name::CSeq];
    let lines = names.into_iter().flat_map(|name| {
        let size = name.as_str().len() + ": \r\n".len();
        request.headers(name).map(move |value| size + value.len())
    });
    lines.sum()
}
