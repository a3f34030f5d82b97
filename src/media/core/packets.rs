//! What comes in on a worker's ports.

use std::net::{IpAddr, SocketAddr};

use super::{
    super::{
        Codec, Event,
        cut::Cut,
        digits::Digit,
        ingress::{Heard, Kind},
    },
    Core, Stream,
    ears::Findings,
};
use crate::{
    base::{Instant, StreamId},
    wire::rtp::{HEADER_BYTES, is_rtcp},
};

/// The length of a digit that a leg hears as tones because it knows no telephone-event.
const TONE_MILLIS_MIN: u32 = 80;

/// What to do with a datagram after it was handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Nothing,
    /// Send the first `len` octets of it from the RTP socket of port `index`, where that has several addresses from that one.
    Forward {
        index: u16,
        local: Option<IpAddr>,
        to: SocketAddr,
        len: usize,
    },
    /// It was longer than the hearer takes: send what [`Core::poll_piece`] gives, the same way.
    Pieces {
        index: u16,
        local: Option<IpAddr>,
        to: SocketAddr,
    },
}

impl Core {
    /// A datagram on the RTP socket of port `index`: the first `len` octets of `buffer`, which it is rewritten in for
    /// whoever hears it. Protected it is longer: without [`PROTECTION_BYTES_MAX`](crate::media::PROTECTION_BYTES_MAX)
    /// octets of room, it is not sent.
    pub fn handle_packet(
        &mut self,
        now: Instant,
        index: u16,
        from: SocketAddr,
        buffer: &mut [u8],
        len: usize,
    ) -> Verdict {
        let Some(packet) = buffer.get_mut(..len) else { return Verdict::Nothing };
        let Some(place) = self.by_port.get(usize::from(index)).copied() else {
            self.strays += 1;
            return Verdict::Nothing;
        };
        let Some(stream) = self.streams.get_mut(place as usize).and_then(Option::as_deref_mut) else {
            self.strays += 1;
            return Verdict::Nothing;
        };
        if stream.form.codec == Codec::T38 {
            return self.handle_udptl(now, place, from, packet);
        }
        if is_rtcp(packet) {
            self.handle_rtcp(now, index, from, packet);
            return Verdict::Nothing;
        }
        let Some(len) = stream.open(now, from, packet) else { return Verdict::Nothing };
        let packet = &packet[..len];
        let id = stream.id;
        let Some((heard, event)) = stream.ingress.hear(now, id, &stream.form, from, packet) else {
            return Verdict::Nothing;
        };
        self.events.extend(event);
        if let Kind::Audio(codec) = heard.kind
            && codec != stream.says
        {
            self.says_in(now, place, codec);
        }
        let Some(stream) = self.stream(place) else { return Verdict::Nothing };
        let (partner, mix) = (stream.partner, stream.mix);
        let may_receive = stream.form.may_receive;
        let found = if stream.ear.is_some() && may_receive {
            self.overhear(now, place, &heard, buffer)
        } else {
            Findings::new()
        };
        let Some(stream) = self.streams.get_mut(place as usize).and_then(Option::as_deref_mut) else {
            return Verdict::Nothing;
        };
        let payload = buffer.get(heard.header.payload()).unwrap_or_default();
        if let (Kind::Audio(codec), Some(voice)) = (heard.kind, stream.voice.as_mut().filter(|_| may_receive)) {
            match partner {
                super::NOBODY => voice.push(codec, &heard.header, payload),
                // Its mix has not begun.
                _ => voice.remember(now, codec, &heard.header, payload),
            }
        }
        if let (Kind::Audio(codec), Some(tap)) = (heard.kind, stream.tap.as_mut().filter(|_| may_receive))
            && tap.says(now, &mut self.tape, codec, &heard.header, payload)
        {
            self.events.push_back(Event::Untaped { stream: id });
        }
        let digits = match heard.kind {
            Kind::TelephoneEvent(_) => stream.ingress.digits.hear(now, &heard.header, payload),
            Kind::Audio(_) | Kind::ComfortNoise => [stream.ingress.digits.overdue(now), None],
        };
        let event_hz = stream.form.event_hz;
        for digit in digits.into_iter().flatten() {
            self.tell_digit(now, id, place, digit, event_hz);
        }
        found.into_iter().for_each(|found| self.tell_found(now, id, place, found));
        if mix != super::NOBODY && partner == super::NOBODY {
            return Verdict::Nothing;
        }
        let verdict = self.pass_on(now, partner, may_receive, &heard, buffer, len);
        if verdict == Verdict::Nothing
            && let Some(stream) = self.stream_mut(place)
        {
            stream.ingress.stats.unheard += 1;
        }
        verdict
    }

    /// A datagram on the RTCP socket of port `index`.
    pub fn handle_rtcp(&mut self, now: Instant, index: u16, from: SocketAddr, packet: &mut [u8]) {
        let place = self.by_port.get(usize::from(index)).copied().unwrap_or(super::NOBODY);
        let Some(stream) = self.streams.get_mut(place as usize).and_then(Option::as_deref_mut) else {
            self.strays += 1;
            return;
        };
        if !stream.ingress.rule.may_report(from) || !stream.may_open_rtcp(now, from) {
            stream.ingress.stats.strangers += 1;
            return;
        }
        let ingress = &mut stream.ingress;
        let Some(packet) = stream.guard.open_rtcp(packet).and_then(|len| packet.get(..len)) else {
            ingress.stats.malformed += 1;
            return;
        };
        let clock_hz = stream.form.codec.clock_hz();
        if !stream.reports.read(now, stream.egress.ssrc, clock_hz, packet, &mut ingress.stats) {
            ingress.stats.malformed += 1;
            return;
        }
        ingress.rule.reported(now, from);
        let event = ingress.alive(now, stream.id);
        self.events.extend(event);
    }

    /// Tells a digit that ended; a partner without telephone-event hears it as tones.
    pub(super) fn tell_digit(&mut self, now: Instant, id: StreamId, place: u32, (digit, length): Digit, event_hz: u32) {
        let millis = u32::try_from(u64::from(length) * 1_000 / u64::from(event_hz.max(1))).unwrap_or(u32::MAX);
        self.events.push_back(Event::Dtmf { stream: id, digit, millis });
        self.digit_to_mix(now, place, digit, millis);
        let needs_own = |other: &Stream| {
            (other.form.telephone_event.is_none() || other.form.event_hz != event_hz)
                && (other.form.telephone_event.is_some() || other.form.codec.is_ours())
        };
        self.digit_to_partner(now, place, digit, millis, needs_own);
    }

    /// Those in a mix hear no events of each other's, and no keys: each gets them made anew.
    pub(super) fn digit_to_mix(&mut self, now: Instant, place: u32, digit: char, millis: u32) {
        let Some(stream) = self.stream(place) else { return };
        let (partner, mix) = (stream.partner, stream.mix);
        for other in self.mixes.hearers_of_digits(mix, place).into_iter().filter(|other| *other != partner) {
            if let Some(other) = self.stream(other).filter(|other| other.egress.player.is_none()) {
                let other = other.id;
                self.send_dtmf(now, other, digit, millis.max(TONE_MILLIS_MIN));
            }
        }
    }

    /// Who is relayed to the presser gets the digit made anew, when what is relayed does not tell him.
    pub(super) fn digit_to_partner(
        &mut self,
        now: Instant,
        place: u32,
        digit: char,
        millis: u32,
        needs_own: impl FnOnce(&Stream) -> bool,
    ) {
        let Some(other) = self.stream(place).and_then(|stream| self.stream(stream.partner)) else { return };
        if needs_own(other) && other.egress.player.is_none() {
            let other = other.id;
            self.send_dtmf(now, other, digit, millis.max(TONE_MILLIS_MIN));
        }
    }

    #[inline]
    fn pass_on(
        &mut self,
        now: Instant,
        partner: u32,
        may_receive: bool,
        heard: &Heard,
        buffer: &mut [u8],
        len: usize,
    ) -> Verdict {
        let Some(other) = self.streams.get_mut(partner as usize).and_then(Option::as_deref_mut) else {
            return Verdict::Nothing;
        };
        let Some(to) = other.ingress.rule.target().filter(|_| may_receive) else {
            other.egress.pause_relay();
            return Verdict::Nothing;
        };
        let sent = other.egress.relay(now, &other.form, heard, &mut buffer[..len]);
        if let (Some(tap), Some(packet)) = (&mut other.tap, sent.and_then(|len| buffer.get(..len)))
            && tap.hears(now, &mut self.tape, &other.form, packet)
        {
            self.events.push_back(Event::Untaped { stream: other.id });
        }
        let (index, local) = (other.port.index, other.local);
        if let (Some(len), Kind::Audio(_)) = (sent, heard.kind)
            && let Some(cut) = Cut::of(&other.form, len.saturating_sub(HEADER_BYTES))
        {
            self.pieces.fill(cut, buffer.get(..len).unwrap_or_default(), |piece, len| other.guard.seal(piece, len));
            return Verdict::Pieces { index, local, to };
        }
        match sent.and_then(|len| other.guard.seal(buffer, len)) {
            Some(len) => Verdict::Forward { index, local, to, len },
            None => Verdict::Nothing,
        }
    }

    /// The next piece of a packet that was cut up, as [`Verdict::Pieces`] told.
    pub fn poll_piece(&mut self) -> Option<&[u8]> {
        self.pieces.poll()
    }
}
