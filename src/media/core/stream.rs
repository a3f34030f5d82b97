//! One leg's media, both ways.

use super::{
    super::{Form, Port, Remote, Stats, egress::Egress, ingress::Ingress, reports::Reports, voice::Voice},
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
            ingress: Ingress::new(now, remote, &form),
            egress: Egress::new(chance),
            reports: Reports::new(chance.word(), super::ticks::report_due(now, chance)),
            form,
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
        Stats { packets_sent: self.egress.packets, bytes_sent: self.egress.octets, ..stats }
    }
}
