//! What another leg sent becomes this leg's: rewritten in place, on one line of numbers and times.

use std::{ops::Range, time::Duration};

use super::{
    super::{
        Codec, Form,
        cut::Cut,
        g711,
        ingress::{DROPOUT_MAX, Heard, Kind, MISORDER_MAX},
    },
    Egress, Feed, frame_millis, units,
};
use crate::{
    base::Instant,
    wire::rtp::{HEADER_BYTES, Header},
};

/// A speaker's timestamps may run ahead of the clock by this; further, and he has a new time base.
const LEAP_MAX: Duration = Duration::from_secs(5);

/// How another leg's numbers become ours.
#[derive(Debug)]
pub(super) struct Relayed {
    ssrc: u32,
    sequence_shift: u16,
    timestamp_shift: u32,
    /// Numbers of ours that the highest took: more than one where it was cut.
    pieces: u16,
    /// The first sequence number taken over: what is older was replaced by something else.
    first: u16,
    highest: u16,
    /// Of the last audio packet, as it came.
    timestamp: u32,
}

impl Egress {
    /// Rewrites a packet that another leg sent for this one, in place; tells its new length, `None` when this leg must
    /// not hear it. Sound that is longer than the leg takes has as many numbers as it is to be cut into.
    #[inline]
    pub fn relay(&mut self, now: Instant, form: &Form, heard: &Heard, packet: &mut [u8]) -> Option<usize> {
        if !form.may_send || self.is_busy() {
            self.pause_relay();
            return None;
        }
        let payload_type = match heard.kind {
            Kind::Audio(codec) if codec.reaches(form.codec) => Some(form.payload.send),
            Kind::Audio(_) => None,
            Kind::TelephoneEvent(hz) => form.telephone_event.filter(|_| hz == form.event_hz).map(|types| types.send),
            Kind::ComfortNoise => form.comfort_noise.map(|types| types.send),
        };
        let pieces = match heard.kind {
            Kind::Audio(_) => Cut::of(form, heard.header.payload().len()).map_or(1, |cut| cut.pieces),
            Kind::TelephoneEvent(_) | Kind::ComfortNoise => 1,
        };
        let level = self.level_at(now);
        let (sequence, timestamp, marker) = self.place(now, form, heard, payload_type.map(|_| pieces))?;
        let len = normalize(packet, heard.header.payload())?;
        let payload = packet.get_mut(HEADER_BYTES..len)?;
        match (heard.kind, form.codec) {
            (Kind::Audio(Codec::Pcmu), Codec::Pcma) => g711::recode(payload, &g711::ULAW_TO_ALAW),
            (Kind::Audio(Codec::Pcma), Codec::Pcmu) => g711::recode(payload, &g711::ALAW_TO_ULAW),
            (Kind::Audio(_) | Kind::TelephoneEvent(_) | Kind::ComfortNoise, _) => {}
        }
        if matches!(heard.kind, Kind::Audio(_)) {
            self.join(form.codec, level, payload);
            if form.codec == Codec::G722 {
                self.past.keep(payload);
            }
        }
        let payload_type = payload_type?;
        let mut header = Header::new(payload_type, sequence, timestamp, self.ssrc, 0);
        header.marker = marker;
        header.write(packet);
        self.count(len, pieces);
        Some(len)
    }

    /// Where another leg's packet lies on our time line, which takes so many numbers of ours; none, if this leg can't
    /// hear it.
    fn place(&mut self, now: Instant, form: &Form, heard: &Heard, takes: Option<u16>) -> Option<(u16, u32, bool)> {
        let header = &heard.header;
        let clock_hz = form.codec.clock_hz();
        let is_audio = matches!(heard.kind, Kind::Audio(_) | Kind::ComfortNoise);
        let since = self.sent_at.map_or(Duration::ZERO, |sent_at| now.since(sent_at));
        if let Feed::Relay(relayed) = &mut self.feed
            && relayed.ssrc == header.ssrc
        {
            let step = header.sequence.wrapping_sub(relayed.highest);
            let is_late = step == 0 || step > u16::MAX - MISORDER_MAX;
            if is_late {
                let is_ours = header.sequence.wrapping_sub(relayed.first).cast_signed() >= 0;
                let pieces = takes.filter(|_| is_ours)?;
                let (sequence, timestamp, marker) = relayed.shifted(header);
                return Some((sequence.wrapping_add(step.wrapping_mul(pieces - 1)), timestamp, marker));
            }
            let leap = header.timestamp.wrapping_sub(relayed.timestamp);
            let has_new_base = is_audio && leap > units(since + LEAP_MAX, clock_hz);
            if step < DROPOUT_MAX && !has_new_base {
                relayed.highest = header.sequence;
                let before = std::mem::replace(&mut relayed.pieces, takes.unwrap_or(1));
                relayed.sequence_shift = relayed.sequence_shift.wrapping_add(before - 1);
                let Some(pieces) = takes else {
                    relayed.sequence_shift = relayed.sequence_shift.wrapping_sub(1);
                    return None;
                };
                if step <= MISORDER_MAX {
                    // What is missing would have been cut like this one; after a long hole nobody counts.
                    relayed.sequence_shift = relayed.sequence_shift.wrapping_add((step - 1) * (pieces - 1));
                }
                let placed = relayed.shifted(header);
                if is_audio {
                    let passed = header.timestamp.wrapping_sub(relayed.timestamp);
                    self.length = passed.clamp(1, clock_hz / 10);
                    relayed.timestamp = header.timestamp;
                    (self.timestamp, self.sent_at) = (placed.1, Some(now));
                }
                self.sequence = placed.0.wrapping_add(pieces - 1);
                return Some(placed);
            }
        }
        takes.map(|pieces| self.take_over(now, form, heard, pieces))
    }

    /// Another speaker, or the same with new numbers: goes on right behind what the leg heard last.
    #[cold]
    fn take_over(&mut self, now: Instant, form: &Form, heard: &Heard, pieces: u16) -> (u16, u32, bool) {
        let header = &heard.header;
        let (sequence, timestamp) = (self.sequence.wrapping_add(1), self.follow_on(now, form));
        self.eases_in |= self.level_at(now).is_some();
        self.is_stale = true;
        self.feed = Feed::Relay(Relayed {
            ssrc: header.ssrc,
            sequence_shift: sequence.wrapping_sub(header.sequence),
            timestamp_shift: timestamp.wrapping_sub(header.timestamp),
            pieces,
            first: header.sequence,
            highest: header.sequence,
            timestamp: header.timestamp,
        });
        (self.sequence, self.timestamp, self.sent_at) = (sequence.wrapping_add(pieces - 1), timestamp, Some(now));
        self.length = u32::from(frame_millis(form)) * (form.codec.clock_hz() / 1_000);
        // A new talkspurt (RFC 3551 4.1); on an event the mark would say that it begins here (RFC 4733 2.2.2).
        let marker = header.marker || matches!(heard.kind, Kind::Audio(_));
        (sequence, timestamp, marker)
    }
}

impl Relayed {
    fn shifted(&self, header: &Header) -> (u16, u32, bool) {
        let sequence = header.sequence.wrapping_add(self.sequence_shift);
        (sequence, header.timestamp.wrapping_add(self.timestamp_shift), header.marker)
    }
}

/// A header of twelve octets, and neither extension, contributing sources nor padding: those were agreed with the other
/// leg, if at all. Tells the new length.
#[inline]
fn normalize(packet: &mut [u8], payload: Range<usize>) -> Option<usize> {
    let Range { start, end } = payload;
    if start != HEADER_BYTES || end != packet.len() {
        packet.get(start..end)?;
        packet.copy_within(start..end, HEADER_BYTES);
    }
    Some(HEADER_BYTES + (end - start))
}
