//! Secure RTP and RTCP (RFC 3711) in place: AES in counter mode with HMAC-SHA1, or AES-GCM (RFC 7714). One master key each
//! way, as SDES gives them (RFC 4568).

mod key;

use key::Keys;
pub use key::TAIL_MAX;
use serde::{Deserialize, Serialize};

use super::Standing;
use crate::{
    base::Private,
    wire::rtp::{HEADER_BYTES, Header},
};

/// Octets of a master key with the longest salt; what a suite does not need of it is not read.
pub const KEY_BYTES: usize = 30;

/// Sequence numbers behind the highest that are still taken, each once.
const WINDOW: u64 = 128;

/// Senders that one leg may have had: a new SSRC is only believed when its packet is authentic.
const SSRCS_MAX: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Suite {
    /// AES_CM_128_HMAC_SHA1_80.
    Long,
    /// AES_CM_128_HMAC_SHA1_32.
    Short,
    /// AEAD_AES_128_GCM.
    Sealed,
}

/// Both directions' keys, as agreed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Security {
    pub suite: Suite,
    /// Ours: what we send is protected by it.
    pub ours: Private<[u8; KEY_BYTES]>,
    pub theirs: Private<[u8; KEY_BYTES]>,
    /// Octets of the key identifier that each of their packets carries. There is but one key, so it tells nothing.
    #[serde(default)]
    pub mki: u8,
}

/// A leg's secure half, both ways.
pub struct Secure {
    pub agreed: Security,
    ours: Keys,
    theirs: Keys,
    sent: Option<Track>,
    sent_rtcp: u32,
    heard: Vec<Heard>,
}

/// One sender's packet numbers.
struct Heard {
    ssrc: u32,
    rtp: Option<Track>,
    rtcp: Option<Track>,
}

/// The highest packet index, and which of those behind it have come (RFC 3711 3.3.2).
#[derive(Clone, Copy)]
struct Track {
    highest: u64,
    seen: u128,
}

impl Suite {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Long => "AES_CM_128_HMAC_SHA1_80",
            Self::Short => "AES_CM_128_HMAC_SHA1_32",
            Self::Sealed => "AEAD_AES_128_GCM",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        [Self::Long, Self::Short, Self::Sealed].into_iter().find(|suite| suite.name().eq_ignore_ascii_case(name))
    }

    /// Octets of a master key with its salt.
    pub const fn key_bytes(self) -> usize {
        match self {
            Self::Long | Self::Short => KEY_BYTES,
            Self::Sealed => 28,
        }
    }
}

impl Secure {
    pub fn new(agreed: Security) -> Self {
        let keys = |master: &Private<[u8; KEY_BYTES]>| Keys::new(master.reveal(), agreed.suite);
        let (ours, theirs) = (keys(&agreed.ours), keys(&agreed.theirs));
        Self { agreed, ours, theirs, sent: None, sent_rtcp: 0, heard: Vec::new() }
    }

    /// Goes on where an earlier process stood: nothing is protected twice under one index, and what was heard by then is
    /// not heard again.
    pub fn stand(&mut self, standing: &Standing) {
        self.sent = Some(Track { highest: standing.index, seen: u128::MAX });
        self.sent_rtcp = standing.rtcp & 0x7fff_ffff;
        if let Some((ssrc, highest)) = standing.heard {
            self.heard_of(ssrc).rtp = Some(Track { highest, seen: u128::MAX });
        }
    }

    /// The index of the last packet sent, that of the next RTCP, and the last of whoever was heard last.
    pub fn stands(&self) -> (Option<u64>, u32, Option<(u32, u64)>) {
        let heard = self.heard.last().and_then(|heard| Some((heard.ssrc, heard.rtp?.highest)));
        (self.sent.map(|sent| sent.highest), self.sent_rtcp, heard)
    }

    /// Other keys, or the same again: a direction whose key stays goes on counting.
    pub fn rekey(&mut self, agreed: Security) {
        let fresh = Self::new(agreed);
        if fresh.agreed.suite != self.agreed.suite || fresh.agreed.ours != self.agreed.ours {
            (self.ours, self.sent, self.sent_rtcp) = (fresh.ours, None, 0);
        }
        if fresh.agreed.suite != self.agreed.suite || fresh.agreed.theirs != self.agreed.theirs {
            self.theirs = fresh.theirs;
            self.heard.clear();
        }
        self.agreed = fresh.agreed;
    }

    /// Protects an RTP packet of `len` octets in place; tells its new length. `None` when there is no room for the tag, or
    /// when one of that number has gone before: under one index never goes more than one packet (RFC 3711 9.1).
    pub fn protect(&mut self, packet: &mut [u8], len: usize) -> Option<usize> {
        let (plain, _) = packet.split_at_mut_checked(len)?;
        let header = Header::read(plain)?;
        let index = Track::index(self.sent.as_ref(), header.sequence);
        if self.sent.is_some_and(|sent| sent.has(index)) {
            return None;
        }
        Track::note(&mut self.sent, index);
        let start = payload_start(plain)?;
        self.ours.rtp.protect(packet, start, len, header.ssrc, index)
    }

    /// Checks and decrypts an RTP packet in place; tells its length without the tag. `None` for what is not authentic or
    /// has come before; nothing is changed then.
    pub fn unprotect(&mut self, packet: &mut [u8]) -> Option<usize> {
        let packet = without_mki(packet, self.agreed.mki, self.theirs.rtp.behind_mki())?;
        let plain = packet.get(..packet.len().checked_sub(self.theirs.rtp.tail())?)?;
        if plain.len() < HEADER_BYTES {
            return None;
        }
        // Padding lies in what is encrypted: its length can't be read yet.
        let sequence = u16::from_be_bytes([plain[2], plain[3]]);
        let ssrc = u32::from_be_bytes([plain[8], plain[9], plain[10], plain[11]]);
        let known = self.heard.iter().position(|heard| heard.ssrc == ssrc);
        let track = known.and_then(|at| self.heard.get(at)).and_then(|heard| heard.rtp);
        let index = Track::index(track.as_ref(), sequence);
        if track.is_some_and(|track| track.has(index)) {
            return None;
        }
        let start = payload_start(plain)?;
        let len = self.theirs.rtp.unprotect(packet, start, ssrc, index)?;
        Track::note(&mut self.heard_of(ssrc).rtp, index);
        Some(len)
    }

    /// Whether a packet says that it is of somebody who has been heard by these keys.
    pub fn knows(&self, packet: &[u8]) -> bool {
        let ssrc = packet.get(8..12).and_then(<[u8]>::first_chunk::<4>).map(|octets| u32::from_be_bytes(*octets));
        ssrc.is_some_and(|ssrc| self.heard.iter().any(|heard| heard.ssrc == ssrc))
    }

    /// Protects an RTCP compound of `len` octets in place; tells its new length.
    pub fn protect_rtcp(&mut self, packet: &mut [u8], len: usize) -> Option<usize> {
        let ssrc = u32::from_be_bytes(*packet.get(4..8)?.first_chunk::<4>()?);
        let index = self.sent_rtcp;
        self.sent_rtcp = (index + 1) & 0x7fff_ffff;
        self.ours.rtcp.protect_rtcp(packet, len, ssrc, index)
    }

    /// Checks and decrypts an RTCP compound in place; tells its length.
    pub fn unprotect_rtcp(&mut self, packet: &mut [u8]) -> Option<usize> {
        let packet = without_mki(packet, self.agreed.mki, self.theirs.rtcp.behind_mki_rtcp())?;
        let (word, len) = self.theirs.rtcp.rtcp_index(packet)?;
        let ssrc = u32::from_be_bytes(*packet.get(4..)?.first_chunk::<4>()?);
        let index = u64::from(word & 0x7fff_ffff);
        let known = self.heard.iter().find(|heard| heard.ssrc == ssrc).and_then(|heard| heard.rtcp);
        if known.is_some_and(|track| track.has(index)) {
            return None;
        }
        self.theirs.rtcp.unprotect_rtcp(packet, len, ssrc, word)?;
        Track::note(&mut self.heard_of(ssrc).rtcp, index);
        Some(len)
    }

    /// An authentic sender; the one that was heard of first makes room.
    fn heard_of(&mut self, ssrc: u32) -> &mut Heard {
        let at = self.heard.iter().position(|heard| heard.ssrc == ssrc).unwrap_or_else(|| {
            if self.heard.len() == SSRCS_MAX {
                self.heard.remove(0);
            }
            self.heard.push(Heard { ssrc, rtp: None, rtcp: None });
            self.heard.len() - 1
        });
        &mut self.heard[at]
    }
}

impl Track {
    /// The index that a sequence number most likely stands for (RFC 3711 3.3.1).
    fn index(track: Option<&Self>, sequence: u16) -> u64 {
        let Some(track) = track else { return u64::from(sequence) };
        let step = sequence.wrapping_sub(track.highest as u16).cast_signed();
        track.highest.checked_add_signed(i64::from(step)).unwrap_or(u64::from(sequence))
    }

    /// Has it come, or is it too old to tell?
    fn has(self, index: u64) -> bool {
        match self.highest.checked_sub(index) {
            None => false,
            Some(behind) => behind >= WINDOW || self.seen >> behind & 1 != 0,
        }
    }

    fn note(track: &mut Option<Self>, index: u64) {
        let Some(track) = track else {
            *track = Some(Self { highest: index, seen: 1 });
            return;
        };
        if let Some(behind) = track.highest.checked_sub(index) {
            track.seen |= 1_u128.checked_shl(u32::try_from(behind).unwrap_or(u32::MAX)).unwrap_or(0);
        } else {
            let step = u32::try_from(index - track.highest).unwrap_or(u32::MAX);
            track.seen = track.seen.checked_shl(step).unwrap_or(0) | 1;
            track.highest = index;
        }
    }
}

/// Closes the gap that a key identifier leaves in front of the last `behind` octets (RFC 3711 3.1, RFC 7714 8.1).
fn without_mki(packet: &mut [u8], mki: u8, behind: usize) -> Option<&mut [u8]> {
    let mki = usize::from(mki);
    if mki > 0 {
        let at = packet.len().checked_sub(behind)?;
        packet.copy_within(at.., at.checked_sub(mki)?);
    }
    let len = packet.len().checked_sub(mki)?;
    packet.get_mut(..len)
}

/// Behind contributing sources and extension, which stay in the clear.
fn payload_start(packet: &[u8]) -> Option<usize> {
    let first = *packet.first()?;
    if first >> 6 != 2 {
        return None;
    }
    let mut start = HEADER_BYTES + usize::from(first & 0x0f) * 4;
    if first & 0x10 != 0 {
        let words = packet.get(start..)?.first_chunk::<4>()?;
        start += 4 + usize::from(u16::from_be_bytes([words[2], words[3]])) * 4;
    }
    (start <= packet.len()).then_some(start)
}

impl std::fmt::Debug for Security {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Security({})", self.suite.name())
    }
}

impl std::fmt::Debug for Secure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secure({})", self.agreed.suite.name())
    }
}

#[cfg(test)]
mod tests;
