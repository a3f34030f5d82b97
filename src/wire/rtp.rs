//! The RTP header (RFC 3550 §5.1), read and written in place.

use std::ops::Range;

/// Octets of a header without contributing sources and extension.
pub const HEADER_BYTES: usize = 12;

/// The fields of a packet whose lengths are consistent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    pub payload_type: u8,
    pub marker: bool,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    /// Where the payload lies: behind contributing sources and extension, before padding.
    start: u16,
    end: u16,
}

impl Header {
    /// A header for a packet that is to be built around `payload_len` octets.
    pub fn new(payload_type: u8, sequence: u16, timestamp: u32, ssrc: u32, payload_len: u16) -> Self {
        let start = HEADER_BYTES as u16;
        Self { payload_type, marker: false, sequence, timestamp, ssrc, start, end: start.saturating_add(payload_len) }
    }

    /// `None` for what is no RTP: another version, or lengths that point outside the packet.
    #[inline]
    pub fn read(packet: &[u8]) -> Option<Self> {
        let [first, second, s0, s1, t0, t1, t2, t3, r0, r1, r2, r3] = *packet.first_chunk::<HEADER_BYTES>()?;
        if first >> 6 != 2 {
            return None;
        }
        let plain = first & 0x3F == 0;
        let (start, end) = if plain { (HEADER_BYTES, packet.len()) } else { payload_bounds(first, packet)? };
        Some(Self {
            payload_type: second & 0x7F,
            marker: second & 0x80 != 0,
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([r0, r1, r2, r3]),
            start: u16::try_from(start).ok()?,
            end: u16::try_from(end).ok()?,
        })
    }

    /// Where the payload lies in the packet that was read.
    #[inline]
    pub fn payload(&self) -> Range<usize> {
        usize::from(self.start)..usize::from(self.end)
    }

    /// Writes these fields over those of `packet`, which keeps its sources, extension and padding. Nothing is written
    /// when it is too short for a header.
    #[inline]
    pub fn rewrite(&self, packet: &mut [u8]) {
        if let Some([_, second, fields @ ..]) = packet.first_chunk_mut::<HEADER_BYTES>() {
            *second = u8::from(self.marker) << 7 | (self.payload_type & 0x7F);
            let [s0, s1] = self.sequence.to_be_bytes();
            let [t0, t1, t2, t3] = self.timestamp.to_be_bytes();
            let [r0, r1, r2, r3] = self.ssrc.to_be_bytes();
            *fields = [s0, s1, t0, t1, t2, t3, r0, r1, r2, r3];
        }
    }

    /// Begins a plain packet: the header alone, the payload is the caller's to fill in at [`Header::payload`].
    #[inline]
    pub fn write(&self, packet: &mut [u8]) {
        if let Some(first) = packet.first_mut() {
            *first = 0x80;
        }
        self.rewrite(packet);
    }
}

#[cold]
fn payload_bounds(first: u8, packet: &[u8]) -> Option<(usize, usize)> {
    let mut start = HEADER_BYTES + usize::from(first & 0x0F) * 4;
    if first & 0x10 != 0 {
        let words = packet.get(start..)?.first_chunk::<4>()?;
        start += 4 + usize::from(u16::from_be_bytes([words[2], words[3]])) * 4;
    }
    let mut end = packet.len();
    if first & 0x20 != 0 {
        let padding = usize::from(*packet.last()?);
        end = end.checked_sub(padding).filter(|_| padding > 0)?;
    }
    (start <= end).then_some((start, end))
}

/// RTCP shares a port with RTP when multiplexed: its packet types lie where no payload type may (RFC 5761 §4).
#[inline]
pub fn is_rtcp(packet: &[u8]) -> bool {
    matches!(packet, [first, 192..=223, ..] if first >> 6 == 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_and_rewritten_in_place() {
        let mut packet = [0x80, 0x80, 0, 7, 0, 0, 0, 160, 1, 2, 3, 4, 0xAA, 0xBB];
        let mut header = Header::read(&packet).unwrap();
        assert_eq!((header.payload_type, header.marker, header.sequence), (0, true, 7));
        assert_eq!((header.timestamp, header.ssrc, header.payload()), (160, 0x0102_0304, 12..14));
        (header.payload_type, header.marker, header.sequence, header.ssrc) = (101, false, 65_535, 9);
        header.rewrite(&mut packet);
        assert_eq!(Header::read(&packet), Some(header));
        assert_eq!(packet[12..], [0xAA, 0xBB]);
        let mut fresh = [0; 14];
        Header::new(8, 1, 2, 3, 2).write(&mut fresh);
        assert_eq!(Header::read(&fresh), Some(Header::new(8, 1, 2, 3, 2)));
    }

    #[test]
    fn sources_extension_and_padding_are_stepped_over() {
        let mut packet = vec![0xB1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1];
        packet.extend([9; 4]); // one contributing source
        packet.extend([0xBE, 0xDE, 0, 1, 1, 2, 3, 4]); // an extension of one word
        packet.extend([0xAA, 0xBB, 0xCC, 2, 2]); // three octets of payload, two of padding
        assert_eq!(Header::read(&packet).unwrap().payload(), 24..27);
        for (at, lie) in [(0, 0xBF), (18, 0xFF), (28, 0), (28, 6), (0, 0x40)] {
            let mut bad = packet.clone();
            bad[at] = lie;
            assert_eq!(Header::read(&bad), None, "{lie:#x} at {at}");
        }
        for len in 0..24 {
            assert_eq!(Header::read(&packet[..len]), None, "{len}");
        }
    }

    #[test]
    fn rtcp_is_told_from_rtp() {
        assert!(is_rtcp(&[0x80, 200, 0, 0]) && !is_rtcp(&[0x80, 0]) && !is_rtcp(&[0x80, 0x80 | 101]) && !is_rtcp(&[]));
    }
}
