//! RTCP (RFC 3550 §6): compound packets walked within their bounds, reports built into the caller's buffer.

/// Packets looked at in one compound; a datagram of 1,500 octets holds few with anything in them.
pub const PACKETS_MAX: usize = 32;

/// Octets of the longest report of ours: sender and block, a CNAME of [`CNAME_MAX`], a BYE.
pub const REPORT_MAX: usize = 28 + BLOCK_BYTES + 8 + 2 + CNAME_MAX + 4 + 8;

/// Octets of the canonical name we send; it is random, so a few do.
pub const CNAME_MAX: usize = 32;

const BLOCK_BYTES: usize = 24;

/// One packet of a compound.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Packet<'a> {
    SenderReport {
        ssrc: u32,
        sender: Sender,
        blocks: Blocks<'a>,
    },
    ReceiverReport {
        ssrc: u32,
        blocks: Blocks<'a>,
    },
    /// Items as they came (RFC 3550 §6.5).
    SourceDescription(&'a [u8]),
    /// The sources that leave.
    Bye(Sources<'a>),
    /// Feedback, extended reports, application packets.
    Other(u8),
}

/// What a sender says of its stream.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Sender {
    /// Seconds since 1900 in 32.32 fixed point.
    pub ntp: u64,
    pub timestamp: u32,
    pub packets: u32,
    pub octets: u32,
}

/// What a receiver says of one source.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Block {
    pub ssrc: u32,
    /// Since the last report, of 256.
    pub fraction_lost: u8,
    /// In all; below zero when duplicates came. 24 bits on the wire.
    pub lost: i32,
    /// Sequence number with its wraps above it.
    pub highest_sequence: u32,
    /// In units of the stream's clock.
    pub jitter: u32,
    /// Middle half of the last sender report's `ntp`; 0 when none came.
    pub last_report: u32,
    /// Since then, of 65,536 of a second.
    pub delay: u32,
}

/// Report blocks, read when asked for; at most 31.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Blocks<'a>(&'a [u8]);

/// Synchronisation sources, read when asked for; at most 31.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sources<'a>(&'a [u8]);

/// Walks a compound packet and stops at the first that contradicts its length; what came before it holds.
#[derive(Clone, Debug)]
pub struct Compound<'a> {
    rest: &'a [u8],
    left: usize,
}

impl<'a> Compound<'a> {
    pub fn new(packet: &'a [u8]) -> Self {
        Self { rest: packet, left: PACKETS_MAX }
    }

    fn step(&mut self) -> Option<Packet<'a>> {
        let [first, kind, high, low] = *self.rest.first_chunk::<4>()?;
        let len = 4 + usize::from(u16::from_be_bytes([high, low])) * 4;
        let (packet, rest) = self.rest.split_at_checked(len)?;
        if first >> 6 != 2 {
            return None;
        }
        let padding = if first & 0x20 == 0 { 0 } else { usize::from(*packet.last()?) };
        let body = packet.get(4..len.checked_sub(padding)?)?;
        self.rest = rest;
        let count = usize::from(first & 0x1F);
        match kind {
            200 => {
                let (ssrc, body) = word(body)?;
                let (sender, body) = Sender::read(body)?;
                Some(Packet::SenderReport { ssrc, sender, blocks: Blocks(body.get(..count * BLOCK_BYTES)?) })
            }
            201 => {
                let (ssrc, body) = word(body)?;
                Some(Packet::ReceiverReport { ssrc, blocks: Blocks(body.get(..count * BLOCK_BYTES)?) })
            }
            202 => Some(Packet::SourceDescription(body)),
            203 => Some(Packet::Bye(Sources(body.get(..count * 4)?))),
            _ => Some(Packet::Other(kind)),
        }
    }
}

impl<'a> Iterator for Compound<'a> {
    type Item = Packet<'a>;

    fn next(&mut self) -> Option<Packet<'a>> {
        self.left = self.left.checked_sub(1)?;
        let packet = self.step();
        if packet.is_none() {
            self.left = 0;
        }
        packet
    }
}

impl Blocks<'_> {
    pub fn iter(&self) -> impl Iterator<Item = Block> + '_ {
        self.0.as_chunks::<BLOCK_BYTES>().0.iter().filter_map(|block| Block::read(block))
    }
}

impl Sources<'_> {
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.0.as_chunks::<4>().0.iter().map(|ssrc| u32::from_be_bytes(*ssrc))
    }
}

impl Sender {
    fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (high, bytes) = word(bytes)?;
        let (low, bytes) = word(bytes)?;
        let (timestamp, bytes) = word(bytes)?;
        let (packets, bytes) = word(bytes)?;
        let (octets, bytes) = word(bytes)?;
        Some((Self { ntp: u64::from(high) << 32 | u64::from(low), timestamp, packets, octets }, bytes))
    }

    /// What a receiver gives back as [`Block::last_report`].
    pub const fn middle(&self) -> u32 {
        (self.ntp >> 16) as u32
    }
}

impl Block {
    fn read(bytes: &[u8]) -> Option<Self> {
        let (ssrc, bytes) = word(bytes)?;
        let (lost, bytes) = word(bytes)?;
        let (highest_sequence, bytes) = word(bytes)?;
        let (jitter, bytes) = word(bytes)?;
        let (last_report, bytes) = word(bytes)?;
        let (delay, _) = word(bytes)?;
        let [fraction_lost, ..] = lost.to_be_bytes();
        // Shifted up and down again, so that the sign of 24 bits is kept.
        let lost = (lost << 8).cast_signed() >> 8;
        Some(Self { ssrc, fraction_lost, lost, highest_sequence, jitter, last_report, delay })
    }
}

fn word(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (word, rest) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*word), rest))
}

/// A report of ours: as sender when something was sent, with a block when something was heard, and the CNAME that every
/// compound needs (RFC 3550 §6.1).
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    pub ssrc: u32,
    pub sender: Option<Sender>,
    pub block: Option<Block>,
    /// Cut at [`CNAME_MAX`] octets.
    pub cname: &'a str,
    /// Ends with a BYE (RFC 3550 §6.6).
    pub bye: bool,
}

impl Report<'_> {
    /// Writes the compound and says how long it is; `None` when it does not fit; [`REPORT_MAX`] always do.
    pub fn write(&self, buffer: &mut [u8]) -> Option<usize> {
        let mut out = Out { buffer, at: 0 };
        let count = u8::from(self.block.is_some());
        let start = out.open(if self.sender.is_some() { 200 } else { 201 }, count)?;
        out.word(self.ssrc)?;
        if let Some(Sender { ntp, timestamp, packets, octets }) = self.sender {
            [(ntp >> 32) as u32, ntp as u32, timestamp, packets, octets].into_iter().try_for_each(|w| out.word(w))?;
        }
        if let Some(block) = self.block {
            let lost = block.lost.clamp(-0x80_0000, 0x7F_FFFF).cast_unsigned() & 0xFF_FFFF;
            let lost = u32::from(block.fraction_lost) << 24 | lost;
            let words = [block.ssrc, lost, block.highest_sequence, block.jitter, block.last_report, block.delay];
            words.into_iter().try_for_each(|word| out.word(word))?;
        }
        out.close(start)?;
        let start = out.open(202, 1)?;
        out.word(self.ssrc)?;
        let name = self.cname.as_bytes();
        let name = name.get(..name.len().min(CNAME_MAX))?;
        out.put(&[1, u8::try_from(name.len()).ok()?])?;
        out.put(name)?;
        // At least one null ends the items, more fill the word.
        out.put([0; 4].get(..4 - (out.at - start) % 4)?)?;
        out.close(start)?;
        if self.bye {
            let start = out.open(203, 1)?;
            out.word(self.ssrc)?;
            out.close(start)?;
        }
        Some(out.at)
    }
}

struct Out<'a> {
    buffer: &'a mut [u8],
    at: usize,
}

impl Out<'_> {
    fn put(&mut self, bytes: &[u8]) -> Option<()> {
        let end = self.at.checked_add(bytes.len())?;
        self.buffer.get_mut(self.at..end)?.copy_from_slice(bytes);
        self.at = end;
        Some(())
    }

    fn word(&mut self, word: u32) -> Option<()> {
        self.put(&word.to_be_bytes())
    }

    /// Starts a packet and says where.
    fn open(&mut self, kind: u8, count: u8) -> Option<usize> {
        let start = self.at;
        self.put(&[0x80 | count, kind, 0, 0])?;
        Some(start)
    }

    fn close(&mut self, start: usize) -> Option<()> {
        let words = u16::try_from((self.at - start) / 4 - 1).ok()?;
        self.buffer.get_mut(start + 2..start + 4)?.copy_from_slice(&words.to_be_bytes());
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: Block =
        Block { ssrc: 9, fraction_lost: 25, lost: -3, highest_sequence: 70_000, jitter: 12, last_report: 5, delay: 6 };

    fn reported(packet: Packet<'_>) -> (Option<Sender>, Blocks<'_>) {
        if let Packet::SenderReport { ssrc: 7, sender, blocks } = packet {
            return (Some(sender), blocks);
        }
        let Packet::ReceiverReport { ssrc: 7, blocks } = packet else { panic!("{packet:?}") };
        (None, blocks)
    }

    #[test]
    fn a_report_of_ours_reads_back() {
        let sender = Sender { ntp: 0x1234_5678_9ABC_DEF0, timestamp: 160, packets: 1, octets: 160 };
        assert_eq!(sender.middle(), 0x5678_9ABC);
        for (sender, block, bye) in [(Some(sender), Some(BLOCK), true), (None, Some(BLOCK), false), (None, None, true)]
        {
            for cname in ["", "a", "ab", "abc", "abcd", "0123456789012345678901234567890123456789"] {
                let mut buffer = [0xFF; REPORT_MAX];
                let len = Report { ssrc: 7, sender, block, cname, bye }.write(&mut buffer).unwrap();
                let packets: Vec<_> = Compound::new(&buffer[..len]).collect();
                let (read, blocks) = reported(packets[0]);
                assert_eq!(read, sender);
                assert_eq!(blocks.iter().next(), block);
                assert!(matches!(packets[1], Packet::SourceDescription(items) if items.len() % 4 == 0));
                assert_eq!(packets.len(), if bye { 3 } else { 2 });
                if bye {
                    assert!(matches!(packets[2], Packet::Bye(sources) if sources.iter().eq([7])));
                }
            }
        }
    }

    #[test]
    fn a_lying_length_ends_the_walk() {
        let mut buffer = [0; REPORT_MAX];
        let report = Report { ssrc: 7, sender: None, block: Some(BLOCK), cname: "x", bye: true };
        let len = report.write(&mut buffer).unwrap();
        assert_eq!(Compound::new(&buffer[..len - 1]).count(), 2);
        buffer[0] = 0x80 | 31; // more blocks than there are
        assert_eq!(Compound::new(&buffer[..len]).count(), 0);
        buffer[0] = 0xA1; // padding longer than the packet
        buffer[31] = 255;
        assert_eq!(Compound::new(&buffer[..len]).count(), 0);
        assert_eq!(Compound::new(&[0x80, 204, 0, 0].repeat(1_000)).count(), PACKETS_MAX);
        assert_eq!(report.write(&mut [0; 16]), None);
    }
}
