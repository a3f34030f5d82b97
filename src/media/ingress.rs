//! What a leg sends us: who may, in which order it came, how much is missing.

use std::time::Duration;

use super::{
    Codec, Event, Form, Remote, Speaker, Stats,
    digits::Listening,
    pace::{Pace, Tries},
    source::{RELEARN, Shown, SourceRule},
};
use crate::{
    base::{Instant, StreamId},
    wire::{rtcp::Block, rtp::Header},
};

/// A step forward in sequence numbers up to this is loss; a larger one is a sender that started anew (RFC 3550 A.1).
pub const DROPOUT_MAX: u16 = 3_000;

/// A step back up to this is a late packet; a larger one is a sender that started anew (RFC 3550 A.1).
pub const MISORDER_MAX: u16 = 100;

/// Octets of a datagram of fax: at least its number, one field and the word that nothing is repaired (ITU-T T.38 9.1).
pub const UDPTL_BYTES_MIN: usize = 4;

/// The largest that fits an Ethernet frame; fax machines ask for a few hundred octets.
pub const UDPTL_BYTES_MAX: usize = 1_472;

/// A leg's receiving half.
#[derive(Debug)]
pub struct Ingress {
    pace: Pace,
    /// Of packets that are opened though they come from elsewhere: of any sender, and of one that is known by its SSRC.
    pub tries: Tries,
    pub known_tries: Pace,
    pub rule: SourceRule,
    pub stats: Stats,
    pub digits: Listening,
    order: Option<Order>,
    /// The SSRC before this one, and since when: its stragglers are no sign that it is back.
    retired: Option<(u32, Instant)>,
    /// Another SSRC that has been heard since this one was.
    rival: Option<Rival>,
    /// Heard at another address, or described anew, and no SSRC has come since: another is no surprise.
    has_moved: bool,
    /// Anything at all, RTCP too, or the start of the silence watch.
    alive_at: Instant,
    is_silent: bool,
    was_heard: bool,
    /// The sum of the jitter after each packet, in microseconds, and of how many packets.
    jitter: (u64, u64),
}

/// So long nothing came, and the sender has paused: what its time did meanwhile is not the network's affair.
const PAUSE: Duration = Duration::from_millis(200);

/// A sender who may take the place of the present one, when that one is silent: so many packets in a row. One packet proves
/// nothing (RFC 3550 6.2.1, 8.2): anybody can send one in a phone's name.
#[derive(Debug)]
struct Rival {
    ssrc: u32,
    next: u16,
    count: u8,
}

/// In a row from a new sender; from the one before, whose stragglers are still about, one more.
const RIVAL_PACKETS: u8 = 2;

/// Sequence numbers and arrival times of one SSRC (RFC 3550 A.1, A.3, A.8).
#[derive(Debug)]
struct Order {
    ssrc: u32,
    highest: u16,
    /// Wraps of `highest`, times 65536.
    cycles: u32,
    first: u16,
    received: u64,
    /// The number that would confirm a sender that started anew.
    restart: Option<u16>,
    /// When the last packet came, and that minus its timestamp, in clock units.
    arrived: u32,
    transit: u32,
    /// Sixteen times the jitter, in clock units.
    jitter: u32,
    /// At the last report, for the fraction lost since.
    reported_expected: u64,
    reported_received: u64,
}

/// An accepted packet, for whoever hears it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    pub kind: Kind,
    pub header: Header,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Audio(Codec),
    /// With the clock of its durations.
    TelephoneEvent(u32),
    ComfortNoise,
}

impl Ingress {
    pub fn new(now: Instant, remote: Option<Remote>, form: &Form) -> Self {
        Self {
            pace: Pace::default(),
            tries: Tries::default(),
            known_tries: Pace::default(),
            rule: match form.link {
                Some(_) => SourceRule::by_ice(),
                None => SourceRule::new(remote, form.allowed.clone()),
            },
            stats: Stats::default(),
            digits: Listening::default(),
            order: None,
            retired: None,
            rival: None,
            has_moved: false,
            alive_at: now,
            is_silent: false,
            was_heard: false,
            jitter: (0, 0),
        }
    }

    /// Offer/answer ended again: the silence watch starts anew.
    pub fn update(&mut self, now: Instant, remote: Option<Remote>, form: &Form) {
        self.rule.signalled(remote, form.allowed.clone());
        self.alive_at = self.alive_at.max(now);
        self.is_silent = false;
        self.has_moved = true;
    }

    /// Judges, counts and describes a packet; `None` when nobody may hear it.
    pub fn hear(
        &mut self,
        now: Instant,
        id: StreamId,
        form: &Form,
        from: std::net::SocketAddr,
        packet: &[u8],
    ) -> Option<(Heard, Option<Event>)> {
        let header = Header::read(packet);
        let kind = header.as_ref().and_then(|header| kind_of(form, header.payload_type));
        let shown = match kind {
            None => Shown::Nothing,
            // It has been opened by them.
            Some(_) if form.security.is_some() => Shown::Key,
            Some(_) => Shown::Sound,
        };
        let speaker = self.rule.judge(now, from, shown);
        if speaker == Speaker::Stranger {
            self.stats.strangers += 1;
            return None;
        }
        let (Some(header), Some(kind)) = (header, kind) else {
            self.stats.malformed += 1;
            return None;
        };
        if speaker == Speaker::Learnt {
            // Stragglers come from where the sender before was. Who was heard, replaced and is described again is back.
            self.retired = None;
            self.has_moved = true;
        }
        if !self.pace.admits(now) {
            self.stats.excess += 1;
            return None;
        }
        let clock_hz = if let Kind::Audio(codec) = kind { codec.clock_hz() } else { form.codec.clock_hz() };
        if !self.follows(now, &header, kind, clock_hz) {
            self.stats.late += 1;
            return None;
        }
        self.stats.packets_received += 1;
        self.stats.bytes_received += header.payload().len() as u64;
        let event = self.alive(now, id);
        Some((Heard { kind, header }, event))
    }

    /// Judges and counts a datagram of fax; `None` when nobody may have it.
    pub fn receive(
        &mut self,
        now: Instant,
        id: StreamId,
        from: std::net::SocketAddr,
        datagram: &[u8],
    ) -> Option<Option<Event>> {
        let fits = (UDPTL_BYTES_MIN..=UDPTL_BYTES_MAX).contains(&datagram.len());
        let is_late = self.is_straggler(datagram);
        let shown = if fits && !is_late { Shown::Sound } else { Shown::Nothing };
        if self.rule.judge(now, from, shown) == Speaker::Stranger {
            self.stats.strangers += 1;
            return None;
        }
        if !fits || is_late {
            self.stats.late += u64::from(is_late);
            self.stats.malformed += u64::from(!fits);
            return None;
        }
        if !self.pace.admits(now) {
            self.stats.excess += 1;
            return None;
        }
        self.stats.packets_received += 1;
        self.stats.bytes_received += datagram.len() as u64;
        self.stats.first_heard.get_or_insert(now);
        self.stats.last_heard = Some(now);
        Some(self.alive(now, id))
    }

    /// The last of the sound that was heard before the fax: the other machine would take it for a datagram.
    fn is_straggler(&self, datagram: &[u8]) -> bool {
        let ssrc = self.order.as_ref().map(|order| order.ssrc);
        Header::read(datagram).is_some_and(|header| Some(header.ssrc) == ssrc)
    }

    /// A sign of life: RTP or RTCP of whom we listen to.
    pub fn alive(&mut self, now: Instant, id: StreamId) -> Option<Event> {
        self.alive_at = now;
        if self.was_heard && !self.is_silent {
            return None;
        }
        self.was_heard = true;
        self.is_silent = false;
        Some(Event::Heard { stream: id })
    }

    /// How long the leg has been silent, told once when its time is over.
    pub fn silence(&mut self, now: Instant, form: &Form) -> Option<u64> {
        let limit = form.silence?;
        let silent = now.since(self.alive_at);
        if self.is_silent || silent < limit {
            return None;
        }
        self.is_silent = true;
        Some(u64::try_from(silent.as_millis()).unwrap_or(u64::MAX))
    }

    /// A report block for our next RTCP packet; advances the interval of its fraction.
    pub fn report(&mut self) -> Option<Block> {
        self.order.as_mut().map(Order::report)
    }

    /// The figures at close.
    pub fn close(&mut self) -> Stats {
        self.stats.lost += self.order.as_ref().map_or(0, Order::lost);
        let (sum, packets) = std::mem::take(&mut self.jitter);
        self.stats.jitter_us = u32::try_from(sum.checked_div(packets).unwrap_or(0)).unwrap_or(u32::MAX);
        std::mem::take(&mut self.stats)
    }

    /// Puts the packet in order; false for what came too late or from a sender that is gone.
    fn follows(&mut self, now: Instant, header: &Header, kind: Kind, clock_hz: u32) -> bool {
        let arrival = clock_units(now, clock_hz);
        match &mut self.order {
            Some(order) if order.ssrc == header.ssrc => {
                (self.rival, self.has_moved) = (None, false);
                let step = header.sequence.wrapping_sub(order.highest);
                if step == 0 || step > u16::MAX - MISORDER_MAX {
                    // Late or doubled: the listener's own buffer decides what it is worth.
                    order.received += 1;
                    self.stats.late += 1;
                } else if step < DROPOUT_MAX {
                    order.advance(header.sequence);
                } else if order.restart == Some(header.sequence) {
                    self.stats.lost += order.lost();
                    *order = Order::new(header, arrival);
                    self.digits.begin_anew();
                } else {
                    order.restart = Some(header.sequence.wrapping_add(1));
                    return false;
                }
                // An event's packets all carry its beginning (RFC 4733 2.2.1): they tell nothing of jitter.
                if matches!(kind, Kind::Audio(_)) {
                    order.jitter(header, arrival, clock_hz);
                    self.jitter.0 += u64::from(micros(order.jitter >> 4, clock_hz));
                    self.jitter.1 += 1;
                }
            }
            Some(order) => {
                let was_here = |(ssrc, since)| ssrc == header.ssrc && now.since(since) < RELEARN;
                let wanted = RIVAL_PACKETS + u8::from(self.retired.is_some_and(was_here));
                let is_silent = self.stats.last_heard.is_none_or(|at| now.since(at) >= PAUSE);
                let is_expected = std::mem::take(&mut self.has_moved) || is_silent;
                if !is_expected && Rival::heard(&mut self.rival, header) < wanted {
                    return false;
                }
                self.rival = None;
                self.retired = Some((order.ssrc, now));
                self.stats.lost += order.lost();
                *order = Order::new(header, arrival);
                self.digits.begin_anew();
            }
            None => {
                self.order = Some(Order::new(header, arrival));
                self.has_moved = false;
                self.stats.first_heard.get_or_insert(now);
            }
        }
        self.stats.last_heard = Some(now);
        true
    }
}

impl Rival {
    /// How many packets have come from him in a row.
    fn heard(rival: &mut Option<Self>, header: &Header) -> u8 {
        let before = rival.as_ref().filter(|it| it.ssrc == header.ssrc && it.next == header.sequence);
        let count = before.map_or(0, |it| it.count).saturating_add(1);
        *rival = Some(Self { ssrc: header.ssrc, next: header.sequence.wrapping_add(1), count });
        count
    }
}

impl Order {
    fn new(header: &Header, arrival: u32) -> Self {
        Self {
            ssrc: header.ssrc,
            highest: header.sequence,
            cycles: 0,
            first: header.sequence,
            received: 1,
            restart: None,
            arrived: arrival,
            transit: arrival.wrapping_sub(header.timestamp),
            jitter: 0,
            reported_expected: 0,
            reported_received: 0,
        }
    }

    fn advance(&mut self, sequence: u16) {
        if sequence < self.highest {
            self.cycles = self.cycles.wrapping_add(1 << 16);
        }
        self.highest = sequence;
        self.received += 1;
        self.restart = None;
    }

    /// RFC 3550 A.8, in integers. Neither a pause of the sender is jitter, nor its new time base: a step of more than a second
    /// counts nothing.
    fn jitter(&mut self, header: &Header, arrival: u32, clock_hz: u32) {
        let transit = arrival.wrapping_sub(header.timestamp);
        let step = transit.wrapping_sub(self.transit).cast_signed().unsigned_abs();
        let quiet = arrival.wrapping_sub(self.arrived);
        (self.transit, self.arrived) = (transit, arrival);
        let pause = clock_hz / 1_000 * PAUSE.as_millis() as u32;
        if !header.marker && quiet < pause && step < clock_hz {
            self.jitter = self.jitter + step - ((self.jitter + 8) >> 4);
        }
    }

    fn extended(&self) -> u32 {
        self.cycles.wrapping_add(u32::from(self.highest))
    }

    fn expected(&self) -> u64 {
        u64::from(self.extended().wrapping_sub(u32::from(self.first))) + 1
    }

    fn lost(&self) -> u64 {
        self.expected().saturating_sub(self.received)
    }

    fn report(&mut self) -> Block {
        let (expected, received) = (self.expected(), self.received);
        let interval = expected.saturating_sub(self.reported_expected);
        let missing = interval.saturating_sub(received.saturating_sub(self.reported_received));
        self.reported_expected = expected;
        self.reported_received = received;
        let fraction = (missing << 8).checked_div(interval).unwrap_or(0);
        Block {
            ssrc: self.ssrc,
            fraction_lost: u8::try_from(fraction).unwrap_or(u8::MAX),
            // Doubled packets make it negative (RFC 3550 6.4.1).
            lost: i32::try_from(expected.cast_signed() - received.cast_signed()).unwrap_or(i32::MAX),
            highest_sequence: self.extended(),
            jitter: self.jitter >> 4,
            ..Block::default()
        }
    }
}

/// What a payload type means on this leg. A peer that agreed on one G.711 law and sends the other is understood.
fn kind_of(form: &Form, payload_type: u8) -> Option<Kind> {
    if payload_type == form.payload.receive {
        return Some(Kind::Audio(form.codec));
    }
    if form.telephone_event.is_some_and(|types| types.receive == payload_type) {
        return Some(Kind::TelephoneEvent(form.event_hz));
    }
    if form.comfort_noise.is_some_and(|types| types.receive == payload_type) {
        return Some(Kind::ComfortNoise);
    }
    if let Some((_, codec)) = form.also.iter().find(|(pt, _)| *pt == payload_type) {
        return Some(Kind::Audio(*codec));
    }
    match payload_type {
        0 if form.codec.is_g711() => Some(Kind::Audio(Codec::Pcmu)),
        8 if form.codec.is_g711() => Some(Kind::Audio(Codec::Pcma)),
        _ => None,
    }
}

/// The clock of a media timestamp, from our own.
pub fn clock_units(now: Instant, clock_hz: u32) -> u32 {
    // Wraps as timestamps do.
    if clock_hz.is_multiple_of(8_000) {
        return (now.as_micros() / 125 * u64::from(clock_hz / 8_000)) as u32;
    }
    (u128::from(now.as_micros()) * u128::from(clock_hz) / 1_000_000) as u32
}

fn micros(units: u32, clock_hz: u32) -> u32 {
    let micros = Duration::from_secs(1).as_micros() as u64 * u64::from(units) / u64::from(clock_hz.max(1));
    u32::try_from(micros).unwrap_or(u32::MAX)
}
