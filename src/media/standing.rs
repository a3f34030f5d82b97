//! Where a stream stands: the numbers that it goes on from, in this process or in the next.

use std::{net::SocketAddr, time::Duration};

use serde::{Deserialize, Serialize};

use crate::base::Chance;

/// A stream tells where it stands each time that so many packets have gone out, or were heard on a secure leg: ten
/// seconds of speech.
pub const STANDING_PACKETS: u64 = 512;

/// How far beyond the last word another process goes on: over all that may have been sent since, and far enough below
/// half the space of sequence numbers for a receiver to guess right (RFC 3711 3.3.1).
const INDEX_LEAP: u64 = STANDING_PACKETS + 128;

/// The same for RTCP, which tells its index in each packet.
const RTCP_LEAP: u32 = 4_096;

/// The numbers of a leg's stream, and from where it is heard.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Standing {
    pub ssrc: u32,
    /// Of the last packet sent: its sequence number, and above it how often that wrapped.
    pub index: u64,
    pub timestamp: u32,
    /// Index of the next secure RTCP packet.
    #[serde(default)]
    pub rtcp: u32,
    /// Who was heard last on a secure leg, and the index of his last packet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heard: Option<(u32, u64)>,
    /// Where the peer was found to be, when that is not where its description says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learnt: Option<SocketAddr>,
}

impl Standing {
    /// A new stream's.
    pub fn begin(chance: &mut Chance) -> Self {
        let word = chance.word();
        Self {
            ssrc: (word >> 32) as u32,
            // RFC 3550 5.1 wants random starts; the lower half leaves a listener's first wrap for later.
            index: word & 0x7fff,
            timestamp: (chance.word() & 0x7fff_ffff) as u32,
            ..Self::default()
        }
    }

    /// Where another process goes on, so long after this was told.
    #[must_use]
    pub fn later(self, since: Duration, clock_hz: u32) -> Self {
        let passed = since.as_micros() * u128::from(clock_hz) / 1_000_000;
        Self {
            index: self.index.wrapping_add(INDEX_LEAP),
            // Wraps as timestamps do.
            timestamp: self.timestamp.wrapping_add(passed as u32),
            rtcp: self.rtcp.wrapping_add(RTCP_LEAP) & 0x7fff_ffff,
            ..self
        }
    }
}
