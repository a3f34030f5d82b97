//! Fax: datagrams that pass from leg to leg as they are (UDPTL, ITU-T T.38 9.1). Nothing is read in them.

use std::net::SocketAddr;

use super::{super::Codec, Core, Verdict, stream::Guard};
use crate::base::Instant;

impl Core {
    pub(super) fn handle_udptl(&mut self, now: Instant, place: u32, from: SocketAddr, datagram: &[u8]) -> Verdict {
        let Some(stream) = self.stream_mut(place) else { return Verdict::Nothing };
        let id = stream.id;
        let Some(event) = stream.ingress.receive(now, id, from, datagram) else { return Verdict::Nothing };
        let (partner, may_receive) = (stream.partner, stream.form.may_receive);
        self.events.extend(event);
        let other = self.stream_mut(partner).filter(|other| {
            may_receive && other.form.codec == Codec::T38 && other.form.may_send && matches!(other.guard, Guard::Plain)
        });
        if let Some(other) = other
            && let Some(to) = other.ingress.rule.target()
        {
            other.egress.count_udptl(datagram.len());
            return Verdict::Forward { index: other.port.index, local: other.local, to, len: datagram.len() };
        }
        if let Some(stream) = self.stream_mut(place) {
            stream.ingress.stats.unheard += 1;
        }
        Verdict::Nothing
    }
}
