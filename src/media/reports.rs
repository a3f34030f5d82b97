//! RTCP (RFC 3550 6): our own reports about a leg, and what the peer's say of ours. Nothing is passed from leg to leg.

use super::Stats;
use crate::{
    base::Instant,
    wire::rtcp::{Block, Compound, Packet, Report, Sender},
};

/// 1900 to 1970, so that our seconds look like NTP's. Our clock is not the wall's: RFC 3550 6.4.1 allows that.
const NTP_EPOCH_SECONDS: u64 = 2_208_988_800;

/// What a leg's RTCP has to remember.
#[derive(Debug)]
pub struct Reports {
    /// A random name, one a leg: it ties no legs together (RFC 7022).
    name: String,
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
        Self { name: format!("{name:016x}"), due, made_at: Instant::ZERO, heard: None }
    }

    /// Writes a compound packet: a sender or receiver report, and our name. Tells its length.
    pub fn write(
        &mut self,
        now: Instant,
        ssrc: u32,
        sent: Option<Sent>,
        heard: Option<Block>,
        out: &mut [u8],
    ) -> Option<usize> {
        self.made_at = now;
        // The counters wrap (RFC 3550 6.4.1).
        let sender = sent.map(|Sent { timestamp, packets, octets }| Sender {
            ntp: ntp(now),
            timestamp,
            packets: packets as u32,
            octets: octets as u32,
        });
        let (last_report, delay) = self.heard.map_or((0, 0), |(last, at)| (last, short(now.since(at).as_micros())));
        let block = heard.map(|block| Block { last_report, delay, ..block });
        Report { ssrc, sender, block, cname: &self.name, bye: false }.write(out)
    }

    /// Takes the peer's compound packet; what it says of `ssrc`, ours, goes into the figures. False for what does not
    /// begin with a report, as every compound does (RFC 3550 6.1).
    pub fn read(&mut self, now: Instant, ssrc: u32, clock_hz: u32, packet: &[u8], stats: &mut Stats) -> bool {
        let mut has_report = false;
        for packet in Compound::new(packet) {
            let blocks = match packet {
                Packet::SenderReport { sender, blocks, .. } => {
                    self.heard = Some((sender.middle(), now));
                    blocks
                }
                Packet::ReceiverReport { blocks, .. } => blocks,
                Packet::SourceDescription(_) | Packet::Bye(_) | Packet::Other(_) if has_report => continue,
                Packet::SourceDescription(_) | Packet::Bye(_) | Packet::Other(_) => return false,
            };
            has_report = true;
            blocks.iter().filter(|block| block.ssrc == ssrc).for_each(|block| learn(now, clock_hz, &block, stats));
        }
        has_report
    }
}

fn learn(now: Instant, clock_hz: u32, block: &Block, stats: &mut Stats) {
    stats.has_reported = true;
    stats.lost_at_peer = block.lost.max(0).unsigned_abs();
    let jitter = u64::from(block.jitter) * 1_000_000 / u64::from(clock_hz.max(1));
    stats.jitter_at_peer_us = u32::try_from(jitter).unwrap_or(u32::MAX);
    if block.last_report != 0 {
        // RFC 3550 6.4.1, in 1/65536 s; a peer that errs by a little makes it negative.
        let middle = (ntp(now) >> 16) as u32;
        let trip = middle.wrapping_sub(block.last_report).wrapping_sub(block.delay).cast_signed();
        stats.rtt_us = u32::try_from((u64::from(trip.max(0).unsigned_abs()) * 1_000_000) >> 16).ok();
    }
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
    use crate::wire::rtcp::REPORT_MAX;

    fn at(millis: u64) -> Instant {
        Instant::from_micros(millis * 1_000)
    }

    fn reception(ssrc: u32) -> Block {
        Block { ssrc, fraction_lost: 5, lost: -3, highest_sequence: 70_000, jitter: 80, ..Block::default() }
    }

    /// SW-07: two switches that report to each other learn loss, jitter and the round trip.
    #[test]
    fn reports_are_understood_by_their_like() {
        let (mut ours, mut theirs) = (Reports::new(1, at(0)), Reports::new(2, at(0)));
        let (mut packet, mut stats) = ([0; REPORT_MAX], Stats::default());
        let sent = Sent { timestamp: 8_000, packets: 50, octets: 8_000 };
        let len = ours.write(at(10_000), 0xaaaa, Some(sent), None, &mut packet).expect("room");
        assert!(theirs.read(at(10_030), 0xbbbb, 8_000, &packet[..len], &mut stats));
        assert_eq!(stats, Stats::default(), "it says nothing of theirs");
        let about = Block { lost: 7, ..reception(0xaaaa) };
        let len = theirs.write(at(12_030), 0xbbbb, None, Some(about), &mut packet).expect("room");
        assert!(ours.read(at(12_060), 0xaaaa, 8_000, &packet[..len], &mut stats));
        assert_eq!((stats.lost_at_peer, stats.jitter_at_peer_us), (7, 10_000));
        let rtt = stats.rtt_us.expect("a round trip");
        assert!((59_900..60_100).contains(&rtt), "{rtt}");
        let len = theirs.write(at(12_030), 0xbbbb, Some(sent), Some(reception(0xaaaa)), &mut packet).expect("room");
        assert!(ours.read(at(12_060), 0xaaaa, 8_000, &packet[..len], &mut stats));
        assert_eq!(stats.lost_at_peer, 0, "doubled packets are no loss");
    }

    /// SW-07: every cut and every flipped octet of a report is survived.
    #[test]
    fn garbage_is_survived() {
        let (mut reports, mut packet, mut stats) = (Reports::new(1, at(0)), [0; REPORT_MAX], Stats::default());
        let sent = Sent { timestamp: 8_000, packets: 50, octets: 8_000 };
        let len = reports.write(at(10_000), 1, Some(sent), Some(reception(2)), &mut packet).expect("room");
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
