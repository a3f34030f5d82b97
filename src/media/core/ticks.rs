//! What happens by itself: players and digits frame by frame, reports, the silence watch.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use super::{
    super::{
        Codec, End, Event,
        egress::{Frame, OWN_PACKET_BYTES_MAX},
        reports::Sent,
        srtp::TAIL_MAX,
        wheel::Wake,
    },
    Core,
};
use crate::{
    base::{Chance, Instant, StreamId},
    wire::rtcp::REPORT_MAX,
};

/// A packet of our own making.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outgoing<'a> {
    /// The port whose socket sends it.
    pub index: u16,
    /// From its RTCP socket.
    pub is_rtcp: bool,
    /// Ours that it leaves from, where that socket has several.
    pub local: Option<IpAddr>,
    pub to: SocketAddr,
    pub packet: &'a [u8],
}

/// The slow look at every stream, a slice at a time: all of them once a second.
#[derive(Debug, Default)]
pub struct Sweep {
    next: Instant,
    slice: usize,
}

const SWEEP_STEP: Duration = Duration::from_millis(100);
const SWEEP_SLICES: usize = 10;

/// Frames that one stream may send in one tick; the rest waits for the next.
const FRAMES_A_TICK_MAX: usize = 8;

/// RFC 3550 6.2: five seconds, half more or less, so that reports don't march in step.
pub fn report_due(now: Instant, chance: &mut Chance) -> Instant {
    now + Duration::from_millis(2_500 + chance.below(5_000))
}

impl Sweep {
    /// The first stream: the sweep begins.
    pub(super) fn begin(&mut self, now: Instant) {
        if self.next < now {
            self.next = now + SWEEP_STEP;
        }
    }
}

impl Core {
    /// When [`handle_tick`](Self::handle_tick) wants to be called next; `None` while nothing is open.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.by_id.is_empty() {
            return self.tape.due();
        }
        Some(self.wheel.next().map_or(self.sweep.next, |next| next.min(self.sweep.next)))
    }

    /// Sends what is due by now. A late tick is made up for within bounds.
    pub fn handle_tick(&mut self, now: Instant, send: &mut dyn FnMut(Outgoing<'_>)) {
        while let Some(entry) = self.wheel.take_due(now) {
            match entry {
                (Wake::Stream(stream), ticket) => self.frames(now, (stream, ticket), send),
                (Wake::Mix(mix), ticket) => self.mix(now, mix, ticket, send),
            }
        }
        if now >= self.sweep.next && !self.by_id.is_empty() {
            self.sweep.next = (self.sweep.next + SWEEP_STEP).max(now);
            self.look_at_judged(now);
            self.sweep.slice = (self.sweep.slice + 1) % SWEEP_SLICES;
            for place in (self.sweep.slice..self.streams.len()).step_by(SWEEP_SLICES) {
                // A worker has fewer than 65536 places.
                self.look_at(now, place as u32, send);
            }
        }
    }

    fn frames(&mut self, now: Instant, (id, ticket): (StreamId, u32), send: &mut dyn FnMut(Outgoing<'_>)) {
        let Some(place) = self.by_id.get(&id) else {
            return;
        };
        let Some(stream) = self.streams.get_mut(*place as usize).and_then(Option::as_deref_mut) else {
            return;
        };
        if !stream.egress.is_queued || stream.egress.ticket != ticket {
            return;
        }
        let to = stream.ingress.rule.target().filter(|_| stream.form.may_send);
        let mut packet = [0; OWN_PACKET_BYTES_MAX];
        for _ in 0..FRAMES_A_TICK_MAX {
            if stream.egress.due > now {
                break;
            }
            match stream.egress.frame(now, &stream.form, to.is_some(), &mut packet) {
                Frame::Packet(len) => {
                    if let Some(tap) = stream.tap.as_mut().filter(|_| to.is_some())
                        && tap.hears(now, &mut self.tape, &stream.form, &packet[..len])
                    {
                        self.events.push_back(Event::Untaped { stream: id });
                    }
                    if let Some(to) = to {
                        stream.send(&mut self.pieces, &mut packet, len, to, send);
                    }
                }
                Frame::Quiet => {}
                Frame::Finished(play) => self.events.push_back(Event::Finished { stream: id, play, end: End::Played }),
                Frame::Done => {
                    stream.egress.is_queued = false;
                    return;
                }
            }
        }
        self.wheel.push(now, stream.egress.due, (Wake::Stream(id), ticket));
    }

    fn look_at(&mut self, now: Instant, place: u32, send: &mut dyn FnMut(Outgoing<'_>)) {
        let Some(stream) = self.streams.get_mut(place as usize).and_then(Option::as_deref_mut) else {
            return;
        };
        let id = stream.id;
        if let Some(for_ms) = stream.ingress.silence(now, &stream.form) {
            self.events.push_back(Event::Silent { stream: id, for_ms });
        }
        if let Some(standing) = stream.stands() {
            self.events.push_back(Event::Stands { stream: id, standing: Box::new(standing) });
        }
        // Fax has no reports.
        if now >= stream.reports.due && stream.form.codec != Codec::T38 {
            stream.reports.due = report_due(now, &mut self.chance);
            let clock_hz = stream.form.codec.clock_hz();
            let egress = &stream.egress;
            let sent = egress.has_sent_since(stream.reports.made_at).then(|| Sent {
                timestamp: egress.timestamp_at(now, clock_hz),
                packets: egress.packets,
                octets: egress.octets,
            });
            let heard = stream.ingress.report();
            if let Some(to) = stream.ingress.rule.rtcp_target()
                && (sent.is_some() || heard.is_some())
            {
                let mut packet = [0; REPORT_MAX + TAIL_MAX];
                let written = stream.reports.write(now, egress.ssrc, sent, heard, &mut packet[..REPORT_MAX]);
                let written = written.and_then(|len| stream.guard.seal_rtcp(&mut packet, len));
                if let Some(len) = written {
                    let is_rtcp = !stream.ingress.rule.is_muxed();
                    let (index, local) = (stream.port.index, stream.local);
                    send(Outgoing { index, is_rtcp, local, to, packet: &packet[..len] });
                }
            }
        }
        if let Some(digit) = stream.ingress.digits.overdue(now) {
            let event_hz = stream.form.event_hz;
            self.tell_digit(now, id, place, digit, event_hz);
        }
        self.let_wait(now, id, place);
    }
}
