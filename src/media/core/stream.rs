//! One leg's media, both ways.

use std::net::{IpAddr, SocketAddr};

use super::{
    super::{
        Codec, Form, Port, Remote, STANDING_PACKETS, Security, Standing, Stats,
        cut::{Cut, Pieces},
        ear::Ear,
        egress::Egress,
        ingress::Ingress,
        quality,
        reports::Reports,
        srtp::Secure,
        tape::Tap,
        voice::Voice,
    },
    NOBODY, Outgoing,
};
use crate::{
    base::{Chance, Instant, StreamId},
    wire::rtp::HEADER_BYTES,
};

/// A stream between open and close. Opaque: it only travels from worker to worker.
#[derive(Debug)]
pub struct Stream {
    pub(super) id: StreamId,
    pub(super) port: Port,
    pub(super) form: Form,
    /// What it says is coded so: as agreed, or in another that it may change to.
    pub(super) says: Codec,
    /// Ours that its packets leave from, where its socket has several.
    pub(super) local: Option<IpAddr>,
    /// The place of the stream it is joined with.
    pub(super) partner: u32,
    /// The place of the mix that it is in, and how it is heard there.
    pub(super) mix: u32,
    pub(super) voice: Option<Box<Voice>>,
    /// What is listened for in its sound, if anything is.
    pub(super) ear: Option<Box<Ear>>,
    pub(super) guard: Guard,
    pub(super) ingress: Ingress,
    pub(super) egress: Egress,
    pub(super) reports: Reports,
    pub(super) tap: Option<Tap>,
    /// What was told last of where it stands, and how much had been sent and heard by then.
    told: Standing,
    told_at: (u64, u64),
    /// Its keys are new: its numbers count anew.
    is_rekeyed: bool,
}

/// What stands between a leg and the wire.
#[derive(Debug)]
pub(super) enum Guard {
    /// Nothing: it was agreed so.
    Plain,
    /// Keys are on their way: until then nothing passes, in neither direction.
    Awaited,
    Secure(Box<Secure>),
}

impl Guard {
    /// Opens what came, in place; tells its length. `None` for what is not authentic.
    #[inline]
    pub(super) fn open(&mut self, packet: &mut [u8]) -> Option<usize> {
        match self {
            Self::Plain => Some(packet.len()),
            Self::Awaited => None,
            Self::Secure(secure) => secure.unprotect(packet),
        }
    }

    pub(super) fn open_rtcp(&mut self, packet: &mut [u8]) -> Option<usize> {
        match self {
            Self::Plain => Some(packet.len()),
            Self::Awaited => None,
            Self::Secure(secure) => secure.unprotect_rtcp(packet),
        }
    }

    /// Protects what leaves in the first `len` octets of `packet`; tells its length then.
    #[inline]
    pub(super) fn seal(&mut self, packet: &mut [u8], len: usize) -> Option<usize> {
        match self {
            Self::Plain => Some(len),
            Self::Awaited => None,
            Self::Secure(secure) => secure.protect(packet, len),
        }
    }

    pub(super) fn seal_rtcp(&mut self, packet: &mut [u8], len: usize) -> Option<usize> {
        match self {
            Self::Plain => Some(len),
            Self::Awaited => None,
            Self::Secure(secure) => secure.protect_rtcp(packet, len),
        }
    }

    /// Keys come or change; a direction whose key stays goes on counting. Tells whether they are others.
    pub(super) fn key(&mut self, agreed: Security) -> bool {
        match self {
            Self::Secure(secure) if secure.agreed == agreed => return false,
            Self::Secure(secure) => secure.rekey(agreed),
            Self::Plain | Self::Awaited => *self = Self::Secure(Box::new(Secure::new(agreed))),
        }
        true
    }
}

impl Stream {
    pub(super) fn new(
        now: Instant,
        id: StreamId,
        port: Port,
        remote: Option<Remote>,
        form: Form,
        standing: Standing,
        chance: &mut Chance,
    ) -> Self {
        let mut ingress = Ingress::new(now, remote, &form);
        if let Some(learnt) = standing.learnt {
            ingress.rule.relearn(now, learnt);
        }
        let secure = form.security.clone().map(|agreed| {
            let mut secure = Box::new(Secure::new(agreed));
            secure.stand(&standing);
            secure
        });
        let mut stream = Self {
            id,
            port,
            local: form.local,
            says: form.codec,
            partner: NOBODY,
            mix: NOBODY,
            voice: None,
            ear: None,
            guard: match secure {
                Some(secure) => Guard::Secure(secure),
                None if form.link.is_some() => Guard::Awaited,
                None => Guard::Plain,
            },
            ingress,
            egress: Egress::new(&standing),
            reports: Reports::new(chance.word(), super::ticks::report_due(now, chance)),
            tap: None,
            told: standing,
            told_at: (0, 0),
            is_rekeyed: false,
            form,
        };
        stream.tune_ear(now);
        stream
    }

    /// Opens what came from there, in place; tells its length. What can't be opened is counted.
    #[inline]
    pub(super) fn open(&mut self, now: Instant, from: SocketAddr, packet: &mut [u8]) -> Option<usize> {
        let opened = if self.may_open(now, from, packet) { self.guard.open(packet) } else { None };
        if opened.is_none() {
            // Without the key, whoever is not where the leg is expected has no business here.
            let is_stranger = !self.ingress.rule.knows(from);
            self.ingress.stats.strangers += u64::from(is_stranger);
            self.ingress.stats.malformed += u64::from(!is_stranger);
        }
        opened
    }

    /// Whether a packet is worth the work of opening it. From where the leg is, always; from elsewhere it may be the leg, which
    /// has moved: one packet of it will do, and of strangers there may be any number.
    #[inline]
    fn may_open(&mut self, now: Instant, from: SocketAddr, packet: &[u8]) -> bool {
        match &self.guard {
            Guard::Plain | Guard::Awaited => true,
            Guard::Secure(_) if self.ingress.rule.knows(from) => true,
            Guard::Secure(secure) if secure.knows(packet) => self.ingress.known_tries.admits(now),
            Guard::Secure(_) => self.ingress.tries.admits(now),
        }
    }

    /// The same of a report.
    pub(super) fn may_open_rtcp(&mut self, now: Instant, from: SocketAddr) -> bool {
        let is_open = matches!(self.guard, Guard::Plain | Guard::Awaited);
        is_open || self.ingress.rule.knows_reporter(from) || self.ingress.tries.admits(now)
    }

    /// Keys may come, change or stay; a leg that had them never loses them.
    pub(super) fn rekey(&mut self) {
        if let Some(agreed) = self.form.security.clone() {
            self.is_rekeyed |= self.guard.key(agreed);
        }
    }

    /// Where it stands, when that is worth telling again.
    pub(super) fn stands(&mut self) -> Option<Standing> {
        let (sent, heard) = (self.egress.packets, self.ingress.stats.packets_received);
        let learnt = self.ingress.rule.found();
        let secure = match &self.guard {
            Guard::Secure(secure) => Some(secure.stands()),
            Guard::Plain | Guard::Awaited => None,
        };
        let wrapped = secure.and_then(|(_, _, heard)| heard).is_some_and(|(ssrc, index)| {
            self.told.heard.map_or(index >> 16 > 0, |(old, at)| (old, at >> 16) != (ssrc, index >> 16))
        });
        let much = self.is_rekeyed
            || sent - self.told_at.0 >= STANDING_PACKETS
            || (secure.is_some() && heard - self.told_at.1 >= STANDING_PACKETS);
        if !much && !wrapped && learnt == self.told.learnt {
            return None;
        }
        let (sequence, timestamp) = self.egress.numbers();
        let (index, rtcp, heard_to) = secure.unwrap_or((None, 0, None));
        self.told = Standing {
            ssrc: self.egress.ssrc,
            index: index.unwrap_or(u64::from(sequence)),
            timestamp,
            rtcp,
            heard: heard_to,
            learnt,
        };
        (self.told_at, self.is_rekeyed) = ((sent, heard), false);
        Some(self.told)
    }

    /// Sends a packet of our own making, the first `len` octets; in pieces where it is longer than the leg takes.
    pub(super) fn send(
        &mut self,
        pieces: &mut Pieces,
        packet: &mut [u8],
        len: usize,
        to: SocketAddr,
        send: &mut dyn FnMut(Outgoing<'_>),
    ) {
        let (index, is_rtcp, local) = (self.port.index, false, self.local);
        if let Some(cut) = Cut::of(&self.form, len.saturating_sub(HEADER_BYTES)) {
            pieces.fill(cut, packet.get(..len).unwrap_or_default(), |piece, len| self.guard.seal(piece, len));
            while let Some(packet) = pieces.poll() {
                send(Outgoing { index, is_rtcp, local, to, packet });
            }
        } else if let Some(packet) = self.guard.seal(packet, len).and_then(|len| packet.get(..len)) {
            send(Outgoing { index, is_rtcp, local, to, packet });
        }
    }

    /// It is being recorded.
    pub fn is_taped(&self) -> bool {
        self.tap.is_some()
    }

    pub fn id(&self) -> StreamId {
        self.id
    }

    pub fn port(&self) -> Port {
        self.port
    }

    pub(super) fn stats(&mut self) -> Stats {
        let stats = self.ingress.close();
        let mos = quality::mos(self.form.codec, &stats);
        let stats = Stats { packets_sent: self.egress.packets, bytes_sent: self.egress.octets, mos, ..stats };
        let mos_at_peer = quality::mos_at_peer(self.form.codec, &stats);
        Stats { mos_at_peer, ..stats }
    }
}
