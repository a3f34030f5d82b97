//! RTCP (RFC 3550 6): our own reports about a leg, and what the peer's say of ours. Nothing is passed from leg to leg.

use super::{Stats, ingress::Reception};
use crate::base::Instant;

/// Octets of our largest report: a sender report with one block, and our name.
pub const REPORT_BYTES_MAX: usize = 28 + 24 + 28;

/// Packets looked at in one compound; a real one has two or three.
const COMPOUND_MAX: usize = 16;

/// 1900 to 1970, so that our seconds look like NTP's. Our clock is not the wall's: RFC 3550 6.4.1 allows that.
const NTP_EPOCH_SECONDS: u64 = 2_208_988_800;

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;

/// What a leg's RTCP has to remember.
#[derive(Debug)]
pub struct Reports {
    /// A random name, one a leg: it ties no legs together (RFC 7022).
    name: [u8; 16],
    pub due: Instant,
    /// When we last made one: between two we tell whether we sent.
    pub made_at: Instant,
    /// The middle of the peer's last sender report's time, and when it came.
    heard: Option<(u32, Instant)>,
}

/// What we send on a leg, for its sender report.
#[derive(Clone, Copy, Debug)]
pub struct Sent {
    pub timestamp: u32,
    pub packets: u64,
    pub octets: u64,
}

impl Reports {
    pub fn new(name: u64, due: Instant) -> Self {
        let mut text = [0; 16];
        for (place, octet) in text.iter_mut().enumerate() {
            *octet = b"0123456789abcdef"[(name >> (60 - 4 * place)) as usize & 0x0f];
        }
        Self { name: text, due, made_at: Instant::ZERO, heard: None }
    }

    /// Writes a compound packet: a sender or receiver report, and our name. Tells its length.
    pub fn write(
        &mut self,
        now: Instant,
        ssrc: u32,
        sent: Option<Sent>,
        heard: Option<Reception>,
        out: &mut [u8; REPORT_BYTES_MAX],
    ) -> usize {
        self.made_at = now;
        let mut at = 0;
        let mut put = |bytes: &[u8]| {
            out[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
        };
        let blocks = u8::from(heard.is_some());
        let words = 1 + u16::from(blocks) * 6 + if sent.is_some() { 5 } else { 0 };
        put(&[0x80 | blocks, if sent.is_some() { SENDER_REPORT } else { RECEIVER_REPORT }]);
        put(&words.to_be_bytes());
        put(&ssrc.to_be_bytes());
        if let Some(sent) = sent {
            put(&ntp(now).to_be_bytes());
            put(&sent.timestamp.to_be_bytes());
            // The counters wrap (RFC 3550 6.4.1).
            put(&(sent.packets as u32).to_be_bytes());
            put(&(sent.octets as u32).to_be_bytes());
        }
        if let Some(heard) = heard {
            let (last, delay) = self.heard.map_or((0, 0), |(last, at)| (last, short(now.since(at).as_micros())));
            put(&heard.ssrc.to_be_bytes());
            let [_, lost @ ..] = heard.lost.to_be_bytes();
            put(&[heard.fraction_lost]);
            put(&lost);
            for field in [heard.highest, heard.jitter, last, delay] {
                put(&field.to_be_bytes());
            }
        }
        // One chunk: SSRC, CNAME item of sixteen octets, two zeros to the next word.
        put(&[0x81, SOURCE_DESCRIPTION, 0, 6]);
        put(&ssrc.to_be_bytes());
        put(&[1, 16]);
        put(&self.name);
        put(&[0, 0]);
        at
    }

    /// Takes the peer's compound packet; what it says of `ssrc`, ours, goes into the figures. False for what is no
    /// RTCP.
    pub fn read(&mut self, now: Instant, ssrc: u32, clock_hz: u32, packet: &[u8], stats: &mut Stats) -> bool {
        let mut rest = packet;
        for place in 0..COMPOUND_MAX {
            let Some((head, after)) = rest.split_first_chunk::<4>() else {
                return place > 0;
            };
            let [first, kind, high, low] = *head;
            let length = usize::from(u16::from_be_bytes([high, low])) * 4;
            let Some(body) = after.get(..length) else {
                return false;
            };
            if first >> 6 != 2 || (place == 0 && !matches!(kind, SENDER_REPORT | RECEIVER_REPORT)) {
                return false;
            }
            let blocks = match kind {
                SENDER_REPORT => {
                    if let Some(middle) = word(body, 6) {
                        self.heard = Some((middle, now));
                    }
                    body.get(24..)
                }
                RECEIVER_REPORT => body.get(4..),
                _ => None,
            };
            let count = usize::from(first & 0x1f);
            for block in blocks.unwrap_or_default().chunks_exact(24).take(count) {
                if word(block, 0) == Some(ssrc) {
                    learn(now, clock_hz, block, stats);
                }
            }
            rest = after.get(length..).unwrap_or_default();
        }
        true
    }
}

fn learn(now: Instant, clock_hz: u32, block: &[u8], stats: &mut Stats) {
    let field = |at| word(block, at).unwrap_or_default();
    stats.lost_at_peer = if field(4) & 0x80_0000 == 0 { field(4) & 0x7f_ffff } else { 0 };
    let jitter = u64::from(field(12)) * 1_000_000 / u64::from(clock_hz.max(1));
    stats.jitter_at_peer_us = u32::try_from(jitter).unwrap_or(u32::MAX);
    let (last, delay) = (field(16), field(20));
    if last != 0 {
        // RFC 3550 6.4.1, in 1/65536 s; a peer that errs by a little makes it negative.
        let middle = (ntp(now) >> 16) as u32;
        let trip = middle.wrapping_sub(last).wrapping_sub(delay).cast_signed().max(0).unsigned_abs();
        stats.rtt_us = u32::try_from(u64::from(trip) * 1_000_000 >> 16).ok();
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.first_chunk().map(|word| u32::from_be_bytes(*word))
}

fn ntp(now: Instant) -> u64 {
    let micros = now.as_micros();
    let fraction = ((micros % 1_000_000) << 32) / 1_000_000;
    (micros / 1_000_000).wrapping_add(NTP_EPOCH_SECONDS) << 32 | fraction
}

/// Microseconds in 1/65536 s.
fn short(micros: u128) -> u32 {
    u32::try_from(micros * 65_536 / 1_000_000).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_micros(millis * 1_000)
    }

    fn reception(ssrc: u32) -> Reception {
        Reception { ssrc, fraction_lost: 5, lost: -3, highest: 70_000, jitter: 80 }
    }

    /// SW-07: two switches that report to each other learn loss, jitter and the round trip.
    #[test]
    fn reports_are_understood_by_their_like() {
        let (mut ours, mut theirs) = (Reports::new(1, at(0)), Reports::new(2, at(0)));
        let (mut packet, mut stats) = ([0; REPORT_BYTES_MAX], Stats::default());
        let sent = Sent { timestamp: 8_000, packets: 50, octets: 8_000 };
        let len = ours.write(at(10_000), 0xaaaa, Some(sent), None, &mut packet);
        assert!(theirs.read(at(10_030), 0xbbbb, 8_000, &packet[..len], &mut stats));
        assert_eq!(stats, Stats::default(), "it says nothing of theirs");
        let about = Reception { lost: 7, ..reception(0xaaaa) };
        let len = theirs.write(at(12_030), 0xbbbb, None, Some(about), &mut packet);
        assert!(ours.read(at(12_060), 0xaaaa, 8_000, &packet[..len], &mut stats));
        assert_eq!((stats.lost_at_peer, stats.jitter_at_peer_us), (7, 10_000));
        let rtt = stats.rtt_us.expect("a round trip");
        assert!((59_900..60_100).contains(&rtt), "{rtt}");
        let len = theirs.write(at(12_030), 0xbbbb, Some(sent), Some(reception(0xaaaa)), &mut packet);
        assert_eq!(len, REPORT_BYTES_MAX);
        assert!(ours.read(at(12_060), 0xaaaa, 8_000, &packet[..len], &mut stats));
        assert_eq!(stats.lost_at_peer, 0, "doubled packets are no loss");
    }

    /// SW-07: every cut and every flipped octet of a report is survived.
    #[test]
    fn garbage_is_survived() {
        let (mut reports, mut packet, mut stats) = (Reports::new(1, at(0)), [0; REPORT_BYTES_MAX], Stats::default());
        let sent = Sent { timestamp: 8_000, packets: 50, octets: 8_000 };
        let len = reports.write(at(10_000), 1, Some(sent), Some(reception(2)), &mut packet);
        for cut in 0..len {
            reports.read(at(1), 2, 8_000, &packet[..cut], &mut stats);
            for value in [0, 0x1f, 0x7f, 0x9f, 0xff] {
                let mut torn = packet;
                torn[cut] = value;
                reports.read(at(1), 2, 8_000, &torn[..len], &mut stats);
            }
        }
        assert!(!reports.read(at(1), 2, 8_000, b"", &mut stats));
        assert!(!reports.read(at(1), 2, 8_000, &[0x80, 0, 0, 0], &mut stats));
    }
}
