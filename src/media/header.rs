//! The RTP header as the relay needs it: read once, written in place (RFC 3550 5.1).

/// Octets of a header without contributing sources and extension.
pub const HEADER_BYTES: usize = 12;

/// The fields of a packet whose lengths are consistent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    pub payload_type: u8,
    pub marker: bool,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    /// From where to where the payload goes, padding left out.
    pub payload: (u16, u16),
}

impl Header {
    /// `None` for what is no RTP.
    #[inline]
    pub fn read(packet: &[u8]) -> Option<Self> {
        let (fixed, rest) = packet.split_first_chunk::<HEADER_BYTES>()?;
        let [first, second, seq_hi, seq_lo, t0, t1, t2, t3, s0, s1, s2, s3] = *fixed;
        if first >> 6 != 2 {
            return None;
        }
        let (start, end) =
            if first & 0x3f == 0 { (HEADER_BYTES, packet.len()) } else { payload_bounds(first, packet, rest)? };
        Some(Self {
            payload_type: second & 0x7f,
            marker: second & 0x80 != 0,
            sequence: u16::from_be_bytes([seq_hi, seq_lo]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([s0, s1, s2, s3]),
            payload: (u16::try_from(start).ok()?, u16::try_from(end).ok()?),
        })
    }

    /// Writes over the header of a packet; what it says of extension and padding stays. Nothing is written into a
    /// packet too short for a header.
    #[inline]
    pub fn write(&self, packet: &mut [u8]) {
        if let Some(fixed) = packet.first_chunk_mut::<HEADER_BYTES>() {
            fixed[1] = u8::from(self.marker) << 7 | (self.payload_type & 0x7f);
            fixed[2..4].copy_from_slice(&self.sequence.to_be_bytes());
            fixed[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
            fixed[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
        }
    }
}

/// Where the payload begins and ends behind contributing sources, extension and before padding.
#[cold]
fn payload_bounds(first: u8, packet: &[u8], rest: &[u8]) -> Option<(usize, usize)> {
    let mut start = usize::from(first & 0x0f) * 4;
    if first & 0x10 != 0 {
        let words = rest.get(start + 2..start + 4)?;
        start += 4 + usize::from(u16::from_be_bytes([words[0], words[1]])) * 4;
    }
    start += HEADER_BYTES;
    let padding = if first & 0x20 != 0 { usize::from(*packet.last()?) } else { 0 };
    if first & 0x20 != 0 && padding == 0 {
        return None;
    }
    let end = packet.len().checked_sub(padding)?;
    (start <= end).then_some((start, end))
}
