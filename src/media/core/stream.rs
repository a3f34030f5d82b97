//! One leg's media, both ways.

use super::{
    super::{
        Form, Port, Remote, Stats, egress::Egress, ingress::Ingress, quality, reports::Reports, srtp::Secure,
        voice::Voice,
    },
    NOBODY,
};
use crate::base::{Chance, Instant, StreamId};

/// A stream between open and close. Opaque: it only travels from worker to worker.
#[derive(Debug)]
pub struct Stream {
    pub(super) id: StreamId,
    pub(super) port: Port,
    pub(super) form: Form,
    /// The place of the stream it is joined with.
    pub(super) partner: u32,
    /// The place of the mix that it is in, and how it is heard there.
    pub(super) mix: u32,
    pub(super) voice: Option<Box<Voice>>,
    /// A secure leg's keys and counters.
    pub(super) secure: Option<Box<Secure>>,
    pub(super) ingress: Ingress,
    pub(super) egress: Egress,
    pub(super) reports: Reports,
}

impl Stream {
    pub(super) fn new(
        now: Instant,
        id: StreamId,
        port: Port,
        remote: Option<Remote>,
        form: Form,
        chance: &mut Chance,
    ) -> Self {
        Self {
            id,
            port,
            partner: NOBODY,
            mix: NOBODY,
            voice: None,
            secure: form.security.clone().map(|agreed| Box::new(Secure::new(agreed))),
            ingress: Ingress::new(now, remote, &form),
            egress: Egress::new(chance),
            reports: Reports::new(chance.word(), super::ticks::report_due(now, chance)),
            form,
        }
    }

    /// Keys may come, change or stay; a leg that had them never loses them.
    pub(super) fn rekey(&mut self) {
        let Some(agreed) = self.form.security.clone() else { return };
        match &mut self.secure {
            Some(secure) if secure.agreed == agreed => {}
            Some(secure) => secure.rekey(agreed),
            None => self.secure = Some(Box::new(Secure::new(agreed))),
        }
    }

    /// Protects what leaves in the first `len` octets of `packet`, where the leg is secure; tells its length then.
    #[inline]
    pub(super) fn seal(&mut self, packet: &mut [u8], len: usize) -> Option<usize> {
        match &mut self.secure {
            None => Some(len),
            Some(secure) => secure.protect(packet, len),
        }
    }

    pub fn id(&self) -> StreamId {
        self.id
    }

    pub fn port(&self) -> Port {
        self.port
    }

    pub(super) fn stats(&mut self) -> Stats {
        let stats = self.ingress.close(self.form.codec.clock_hz());
        let mos = quality::mos(self.form.codec, &stats);
        Stats { packets_sent: self.egress.packets, bytes_sent: self.egress.octets, mos, ..stats }
    }
}
