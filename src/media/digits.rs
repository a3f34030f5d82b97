//! Telephone events (RFC 4733): digits heard once each with their whole length, and digits sent.

use std::{collections::VecDeque, time::Duration};

use super::DTMF_MILLIS_MAX;
use crate::{base::Instant, wire::rtp::Header};

/// The codes of digits, in their order.
const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#', 'A', 'B', 'C', 'D'];

/// A digit whose packets stop without an end packet is over after this: all three ends were lost.
const END_LOST: Duration = Duration::from_millis(150);

/// So long after a digit was told, packets of it and of those before it may still be on their way. Later, what looks old is
/// of a sender whose time begins anew.
const STRAGGLE: Duration = Duration::from_secs(2);

/// Digits that wait to be sent on a leg; more are dropped. A number with its pauses fits twice.
pub const DIGITS_WAITING_MAX: usize = 64;

/// How long they may sound, all in all: whoever sends them is not heard meanwhile.
const DIGITS_MILLIS_MAX: u32 = 10_000;

/// The shortest digit that we send: RFC 4733 2.5.1 knows no bound, Q.24 receivers need 40 ms.
const DIGIT_MILLIS_MIN: u32 = 40;

/// The end of a digit is said three times (RFC 4733 2.5.1.4).
const END_PACKETS: u8 = 3;

/// Ticks of silence behind the end packets: with them a pause of 60 ms between digits.
const PAUSE_TICKS: u8 = 1;

/// The longest duration that a packet can say, in clock units: 8 s at 8 kHz, but 1.4 s at 48 kHz.
pub const SEGMENT: u32 = 0xffff;

/// Says -10 dBm0.
const VOLUME: u8 = 10;

/// The digit of an event code.
pub fn digit_of(code: u8) -> Option<char> {
    DIGITS.get(usize::from(code)).copied()
}

/// The event code of a digit.
pub fn code_of(digit: char) -> Option<u8> {
    let place = DIGITS.iter().position(|known| *known == digit.to_ascii_uppercase())?;
    u8::try_from(place).ok()
}

/// Hears digits out of event packets that may be lost, doubled and late.
#[derive(Debug, Default)]
pub struct Listening {
    pressed: Option<Pressed>,
    /// The last digit told, until its sender begins anew.
    told: Option<Told>,
}

/// Where a digit lay among the packets of its sender.
#[derive(Debug)]
struct Told {
    ssrc: u32,
    timestamp: u32,
    /// Of its last packet.
    sequence: u16,
    at: Instant,
}

#[derive(Debug)]
struct Pressed {
    code: u8,
    ssrc: u32,
    timestamp: u32,
    /// Length of the segments before this one (RFC 4733 2.5.1.3).
    before: u32,
    duration: u16,
    /// The highest of its packets.
    sequence: u16,
    heard_at: Instant,
}

/// A digit that ended, its length in clock units.
pub type Digit = (char, u32);

impl Listening {
    /// Takes one event packet. Two digits end at once when the end of the first was lost and the second is so short
    /// that one packet is all there is of it.
    pub fn hear(&mut self, now: Instant, header: &Header, payload: &[u8]) -> [Option<Digit>; 2] {
        let Some([code, flags, high, low]) = payload.first_chunk::<4>().copied() else {
            return [None, None];
        };
        let (is_end, duration) = (flags & 0x80 != 0, u16::from_be_bytes([high, low]));
        if digit_of(code).is_none() || self.told.as_ref().is_some_and(|told| told.covers(now, header)) {
            return [None, None];
        }
        let mut ended = None;
        match &mut self.pressed {
            Some(pressed) if pressed.ssrc == header.ssrc && pressed.timestamp == header.timestamp => {
                pressed.duration = pressed.duration.max(duration);
                pressed.goes_on(now, header);
            }
            Some(pressed) if pressed.is_continued_by(code, header) => {
                pressed.before = pressed.before.saturating_add(u32::from(pressed.duration));
                pressed.timestamp = header.timestamp;
                pressed.duration = duration;
                pressed.goes_on(now, header);
            }
            Some(pressed) if pressed.place(pressed.heard_at).covers(now, header) => return [None, None],
            Some(_) => {
                ended = self.end(now);
                self.press(now, code, header, duration);
            }
            None => self.press(now, code, header, duration),
        }
        [ended, if is_end { self.end(now) } else { None }]
    }

    /// The sender's numbers begin anew: none of its digits is an old one.
    pub fn begin_anew(&mut self) {
        self.told = None;
    }

    /// Ends a digit whose end packets were lost. Call when other packets come, and now and then.
    pub fn overdue(&mut self, now: Instant) -> Option<Digit> {
        let pressed = self.pressed.as_ref()?;
        if now.since(pressed.heard_at) < END_LOST {
            return None;
        }
        self.end(now)
    }

    fn press(&mut self, now: Instant, code: u8, header: &Header, duration: u16) {
        let Header { ssrc, timestamp, sequence, .. } = *header;
        // What straggles of the digits before lies before this one too.
        self.told = None;
        self.pressed = Some(Pressed { code, ssrc, timestamp, before: 0, duration, sequence, heard_at: now });
    }

    fn end(&mut self, now: Instant) -> Option<Digit> {
        let pressed = self.pressed.take()?;
        self.told = Some(pressed.place(now));
        let length = pressed.before.saturating_add(u32::from(pressed.duration));
        digit_of(pressed.code).map(|digit| (digit, length))
    }
}

impl Told {
    /// Whether a packet is one of this digit, or of one before it. A sender that goes from one time base to another, as
    /// what stands in front of two phones may, goes on counting its packets, or begins its next digit with the marker set.
    fn covers(&self, now: Instant, header: &Header) -> bool {
        let is_recent = now.since(self.at) < STRAGGLE;
        if self.ssrc != header.ssrc || is_after(header.timestamp, self.timestamp) {
            return false;
        }
        if self.timestamp == header.timestamp {
            return is_recent || !header.marker;
        }
        let is_later = header.sequence.wrapping_sub(self.sequence).cast_signed() > 0;
        is_recent && !is_later
    }
}

impl Pressed {
    const fn place(&self, at: Instant) -> Told {
        Told { ssrc: self.ssrc, timestamp: self.timestamp, sequence: self.sequence, at }
    }

    fn goes_on(&mut self, now: Instant, header: &Header) {
        if header.sequence.wrapping_sub(self.sequence).cast_signed() > 0 {
            self.sequence = header.sequence;
        }
        self.heard_at = now;
    }

    /// A digit longer than the duration field can say goes on in a new segment right behind.
    fn is_continued_by(&self, code: u8, header: &Header) -> bool {
        const NEARLY_FULL: u16 = 0xf000;
        let step = header.timestamp.wrapping_sub(self.timestamp);
        self.ssrc == header.ssrc
            && self.code == code
            && !header.marker
            && self.duration >= NEARLY_FULL
            && step == u32::from(self.duration)
    }
}

/// Timestamps wrap: later is what lies less than half a round ahead.
fn is_after(timestamp: u32, reference: u32) -> bool {
    timestamp.wrapping_sub(reference).cast_signed() > 0
}

/// Digits to be sent, one after the other with a pause between.
#[derive(Debug, Default)]
pub struct Sending {
    waiting: VecDeque<(u8, u32)>,
    current: Option<Current>,
}

#[derive(Debug)]
struct Current {
    code: u8,
    /// In milliseconds.
    length: u32,
    sent: u32,
    /// Length of the segments that are full, in clock units.
    before: u64,
    is_full: bool,
    ends: u8,
    pause: u8,
}

/// What goes out in one tick of a digit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A packet of the event.
    Event { payload: [u8; 4], opens: Opens },
    /// The pause behind it.
    Pause,
}

/// What a packet of an event begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opens {
    Nothing,
    /// The event: the marker is set, and its timestamp is now.
    Digit,
    /// Its next segment (RFC 4733 2.5.1.3): no marker, and the timestamp is [`SEGMENT`] later.
    Segment,
}

impl Sending {
    /// Queues a digit; false when it is none or too many wait.
    pub fn push(&mut self, digit: char, millis: u32) -> bool {
        let Some(code) = code_of(digit) else {
            return false;
        };
        let millis = millis.clamp(DIGIT_MILLIS_MIN, DTMF_MILLIS_MAX);
        let sounds = self.current.as_ref().map_or(0, |current| current.length);
        let all = self.waiting.iter().fold(sounds, |all, (_, millis)| all + millis);
        if self.waiting.len() >= DIGITS_WAITING_MAX || all + millis > DIGITS_MILLIS_MAX {
            return false;
        }
        self.waiting.push_back((code, millis));
        true
    }

    pub fn is_idle(&self) -> bool {
        self.current.is_none() && self.waiting.is_empty()
    }

    /// The next digit in whole, for a leg that hears digits as tones.
    pub fn take(&mut self) -> Option<(char, u32)> {
        let (code, millis) = self.waiting.pop_front()?;
        digit_of(code).map(|digit| (digit, millis))
    }

    /// The next tick of `tick_ms`; `None` when all is sent. A digit longer than the duration field can say goes on in
    /// another segment.
    pub fn step(&mut self, tick_ms: u32, clock_hz: u32) -> Option<Step> {
        if self.current.is_none() {
            let (code, length) = self.waiting.pop_front()?;
            self.current = Some(Current { code, length, sent: 0, before: 0, is_full: false, ends: 0, pause: 0 });
        }
        let current = self.current.as_mut()?;
        if current.ends == END_PACKETS {
            current.pause += 1;
            if current.pause >= PAUSE_TICKS {
                self.current = None;
            }
            return Some(Step::Pause);
        }
        let opens = match (current.sent, std::mem::take(&mut current.is_full)) {
            (0, _) => Opens::Digit,
            (_, true) => Opens::Segment,
            (_, false) => Opens::Nothing,
        };
        if opens == Opens::Segment {
            current.before += u64::from(SEGMENT);
        }
        current.sent = (current.sent + tick_ms).min(current.length);
        let units = u64::from(current.sent) * u64::from(clock_hz) / 1_000 - current.before;
        // What is beyond is told in the next tick, by a segment of its own.
        current.is_full = units > u64::from(SEGMENT);
        let is_end = current.sent == current.length && !current.is_full;
        current.ends += u8::from(is_end);
        let [high, low] = u16::try_from(units).unwrap_or(u16::MAX).to_be_bytes();
        Some(Step::Event { payload: [current.code, u8::from(is_end) << 7 | VOLUME, high, low], opens })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_micros(millis * 1_000)
    }

    fn event(timestamp: u32) -> Header {
        Header::new(101, 0, timestamp, 7, 4)
    }

    /// All packets of a digit of 100 ms: code, timestamp, end?, duration.
    fn packets(code: u8, timestamp: u32) -> Vec<(u32, [u8; 4])> {
        let durations = [160u16, 320, 480, 640, 800, 800, 800];
        let packet = |(index, duration): (usize, &u16)| {
            let [high, low] = duration.to_be_bytes();
            (timestamp, [code, if index >= 4 { 0x8a } else { 0x0a }, high, low])
        };
        durations.iter().enumerate().map(packet).collect()
    }

    fn hear_all(listening: &mut Listening, packets: &[(u32, [u8; 4])]) -> Vec<Digit> {
        let mut digits = Vec::new();
        for (index, (timestamp, payload)) in packets.iter().enumerate() {
            digits.extend(listening.hear(at(index as u64 * 20), &event(*timestamp), payload).into_iter().flatten());
        }
        digits
    }

    /// SW-11: three end packets are one digit, its length is kept.
    #[test]
    fn a_digit_is_told_once_with_its_length() {
        let mut listening = Listening::default();
        let mut sent = packets(5, 1_000);
        sent.extend(packets(5, 3_000));
        sent.extend(packets(11, 5_000));
        assert_eq!(hear_all(&mut listening, &sent), [('5', 800), ('5', 800), ('#', 800)]);
    }

    /// SW-11: whichever packets of a digit are lost or doubled, it is one digit as long as one arrives.
    #[test]
    fn any_loss_and_doubling_leaves_one_digit() {
        let first = packets(1, 1_000);
        let second = packets(2, 3_000);
        for kept in 1u32..128 {
            let mut listening = Listening::default();
            let mut sent: Vec<_> = Vec::new();
            for (index, packet) in first.iter().enumerate() {
                if kept & 1 << index != 0 {
                    sent.extend([*packet, *packet]);
                }
            }
            sent.extend(&second);
            let digits: Vec<char> = hear_all(&mut listening, &sent).into_iter().map(|(digit, _)| digit).collect();
            assert_eq!(digits, ['1', '2'], "kept {kept:07b}");
        }
    }

    #[test]
    fn late_packets_of_an_old_digit_are_nothing() {
        let mut listening = Listening::default();
        let (first, second) = (packets(1, 1_000), packets(2, 3_000));
        let sent = [&first[..5], &second[..2], &first[5..], &second[2..], &first[..2]].concat();
        assert_eq!(hear_all(&mut listening, &sent), [('1', 800), ('2', 800)]);
    }

    #[test]
    fn a_digit_without_its_end_is_over_soon() {
        let mut listening = Listening::default();
        assert_eq!(hear_all(&mut listening, &packets(9, 0)[..3]), []);
        assert_eq!(listening.overdue(at(100)), None);
        assert_eq!(listening.overdue(at(200)), Some(('9', 480)));
        assert_eq!(listening.overdue(at(900)), None);
    }

    #[test]
    fn a_digit_of_ten_seconds_is_one_digit() {
        let mut listening = Listening::default();
        let long = |timestamp, end: u8, duration: u16| {
            let [high, low] = duration.to_be_bytes();
            (timestamp, [3, end, high, low])
        };
        let sent = [long(0, 10, 0xffff), long(0xffff, 10, 160), long(0xffff, 0x8a, 14_465), long(0xffff, 0x8a, 14_465)];
        assert_eq!(hear_all(&mut listening, &sent), [('3', 80_000)]);
    }

    #[test]
    fn garbage_is_no_digit() {
        let mut listening = Listening::default();
        assert_eq!(listening.hear(at(0), &event(0), &[1, 0x80, 0]), [None, None]);
        assert_eq!(listening.hear(at(0), &event(0), &[200, 0x80, 0, 9]), [None, None]);
    }

    /// SW-11: what we send we would hear.
    #[test]
    fn digits_sent_are_digits_heard() {
        let (mut sending, mut listening) = (Sending::default(), Listening::default());
        assert!(sending.push('4', 100) && sending.push('*', 250) && !sending.push('x', 100));
        let (mut timestamp, mut digits) = (5_000, Vec::new());
        for tick in 0..40u32 {
            let Some(step) = sending.step(20, 8_000) else { continue };
            if let Step::Event { payload, opens } = step {
                timestamp = if opens == Opens::Digit { 5_000 + tick * 160 } else { timestamp };
                digits.extend(
                    listening.hear(at(u64::from(tick) * 20), &event(timestamp), &payload).into_iter().flatten(),
                );
            }
        }
        assert_eq!(digits, [('4', 800), ('*', 2_000)]);
        assert!(sending.is_idle());
    }

    /// SW-11, RFC 4733 2.5.1.3: a key held longer than a packet can say is sent in segments, and heard as one of its length;
    /// also one that ends in the very tick that fills a segment.
    #[test]
    fn sw_11_a_long_digit_is_sent_in_segments() {
        for (millis, clock_hz) in [(3_000, 48_000), (1_380, 48_000), (4_100, 48_000), (9_000, 8_000), (1_000, 48_000)] {
            let (mut sending, mut listening) = (Sending::default(), Listening::default());
            assert!(sending.push('8', millis));
            let (mut timestamp, mut digits, mut segments) = (0u32, Vec::new(), 0);
            for tick in 0..600u32 {
                let Some(Step::Event { payload, opens }) = sending.step(20, clock_hz) else { continue };
                match opens {
                    Opens::Nothing => {}
                    Opens::Digit => timestamp = 7_000,
                    Opens::Segment => timestamp += SEGMENT,
                }
                segments += u32::from(opens == Opens::Segment);
                let mut header = event(timestamp);
                header.marker = opens == Opens::Digit;
                digits.extend(listening.hear(at(u64::from(tick) * 20), &header, &payload).into_iter().flatten());
            }
            let units = millis * (clock_hz / 1_000);
            assert_eq!((digits, segments), (vec![('8', units)], (units - 1) / SEGMENT), "{millis} ms at {clock_hz}");
        }
    }

    /// SW-11: a sender whose timestamps step back (behind a proxy that keeps its SSRC, or from a file played again) is
    /// understood at once where it goes on counting, and in any case soon.
    #[test]
    fn sw_11_a_digit_of_a_new_time_base_is_heard() {
        let heard = |old: (u64, u32, u16), new: (u64, u32, u16)| {
            let mut listening = Listening::default();
            let mut digits = String::new();
            for (code, (millis, timestamp, sequence)) in [(1, old), (2, new)] {
                for (place, (_, payload)) in packets(code, timestamp).iter().enumerate() {
                    let mut header = event(timestamp);
                    (header.sequence, header.marker) = (sequence + place as u16, place == 0);
                    let digit = listening.hear(at(millis + place as u64 * 20), &header, payload);
                    digits.extend(digit.into_iter().flatten().map(|(digit, _)| digit));
                }
            }
            digits
        };
        assert_eq!(heard((0, 100_000, 10), (500, 5_000, 40)), "12", "it counts on");
        assert_eq!(heard((0, 100_000, 10), (500, 5_000, 2)), "1", "a straggler by all its numbers");
        assert_eq!(heard((0, 100_000, 10), (4_000, 5_000, 2)), "12", "nothing straggles for four seconds");
        assert_eq!(heard((0, 100_000, 10), (4_000, 100_000, 10)), "12", "played again");
    }

    #[test]
    fn only_so_many_digits_wait() {
        let mut sending = Sending::default();
        assert_eq!((0..100).filter(|_| sending.push('1', 100)).count(), DIGITS_WAITING_MAX);
        // THREATS: nor does anybody silence his own leg for minutes.
        let mut sending = Sending::default();
        assert_eq!((0..100).filter(|_| sending.push('1', 4_000)).count(), 2);
        assert!(sending.step(20, 8_000).is_some());
        assert!(!sending.push('2', 4_000), "the one that sounds counts too");
        assert!(sending.push('2', 1_000));
    }
}
