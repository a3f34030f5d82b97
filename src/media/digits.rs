//! Telephone events (RFC 4733): digits heard once each with their whole length, and digits sent.

use std::{collections::VecDeque, time::Duration};

use super::DTMF_MILLIS_MAX;
use crate::{base::Instant, wire::rtp::Header};

/// The codes of digits, in their order.
const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#', 'A', 'B', 'C', 'D'];

/// A digit whose packets stop without an end packet is over after this: all three ends were lost.
const END_LOST: Duration = Duration::from_millis(150);

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
    /// SSRC and timestamp of the last digit told.
    told: Option<(u32, u32)>,
}

#[derive(Debug)]
struct Pressed {
    code: u8,
    ssrc: u32,
    timestamp: u32,
    /// Length of the segments before this one (RFC 4733 2.5.1.3).
    before: u32,
    duration: u16,
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
        let is_told = |(ssrc, timestamp): (u32, u32)| ssrc == header.ssrc && !is_after(header.timestamp, timestamp);
        if digit_of(code).is_none() || self.told.is_some_and(is_told) {
            return [None, None];
        }
        let mut ended = None;
        match &mut self.pressed {
            Some(pressed) if pressed.ssrc == header.ssrc && pressed.timestamp == header.timestamp => {
                pressed.duration = pressed.duration.max(duration);
                pressed.heard_at = now;
            }
            Some(pressed) if pressed.is_continued_by(code, header) => {
                pressed.before = pressed.before.saturating_add(u32::from(pressed.duration));
                pressed.timestamp = header.timestamp;
                pressed.duration = duration;
                pressed.heard_at = now;
            }
            Some(pressed) if pressed.ssrc == header.ssrc && !is_after(header.timestamp, pressed.timestamp) => {
                return [None, None];
            }
            Some(_) => {
                ended = self.end();
                self.press(now, code, header, duration);
            }
            None => self.press(now, code, header, duration),
        }
        [ended, if is_end { self.end() } else { None }]
    }

    /// Ends a digit whose end packets were lost. Call when other packets come, and now and then.
    pub fn overdue(&mut self, now: Instant) -> Option<Digit> {
        let pressed = self.pressed.as_ref()?;
        if now.since(pressed.heard_at) < END_LOST {
            return None;
        }
        self.end()
    }

    fn press(&mut self, now: Instant, code: u8, header: &Header, duration: u16) {
        let Header { ssrc, timestamp, .. } = *header;
        self.pressed = Some(Pressed { code, ssrc, timestamp, before: 0, duration, heard_at: now });
    }

    fn end(&mut self) -> Option<Digit> {
        let pressed = self.pressed.take()?;
        self.told = Some((pressed.ssrc, pressed.timestamp));
        let length = pressed.before.saturating_add(u32::from(pressed.duration));
        digit_of(pressed.code).map(|digit| (digit, length))
    }
}

impl Pressed {
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
    ends: u8,
    pause: u8,
}

/// What goes out in one tick of a digit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A packet of the event; `first` opens it: marker set, timestamp fixed.
    Event { payload: [u8; 4], first: bool },
    /// The pause behind it.
    Pause,
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

    /// The next tick of `tick_ms`; `None` when all is sent. A digit of more than 8 s is cut where the duration field
    /// ends.
    pub fn step(&mut self, tick_ms: u32, clock_hz: u32) -> Option<Step> {
        if self.current.is_none() {
            let (code, length) = self.waiting.pop_front()?;
            self.current = Some(Current { code, length, sent: 0, ends: 0, pause: 0 });
        }
        let current = self.current.as_mut()?;
        if current.ends == END_PACKETS {
            current.pause += 1;
            if current.pause >= PAUSE_TICKS {
                self.current = None;
            }
            return Some(Step::Pause);
        }
        let first = current.sent == 0;
        current.sent = (current.sent + tick_ms).min(current.length);
        let is_end = current.sent == current.length;
        current.ends += u8::from(is_end);
        let duration = u16::try_from(u64::from(current.sent) * u64::from(clock_hz) / 1_000).unwrap_or(u16::MAX);
        let [high, low] = duration.to_be_bytes();
        Some(Step::Event { payload: [current.code, u8::from(is_end) << 7 | VOLUME, high, low], first })
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
            if let Step::Event { payload, first } = step {
                timestamp = if first { 5_000 + tick * 160 } else { timestamp };
                digits.extend(
                    listening.hear(at(u64::from(tick) * 20), &event(timestamp), &payload).into_iter().flatten(),
                );
            }
        }
        assert_eq!(digits, [('4', 800), ('*', 2_000)]);
        assert!(sending.is_idle());
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
