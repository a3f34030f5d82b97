//! Packets that are longer than their hearer takes (`a=maxptime`, RFC 8866 6.4), cut up where the codec can be cut.
//!
//! Each piece is a packet by itself: what is in it was in the long one, in the same octets, and nothing waits.

use std::collections::VecDeque;

use super::{Codec, Form, srtp::TAIL_MAX};
use crate::wire::rtp::{HEADER_BYTES, Header};

/// What is made of one packet at most: 200 ms, which any phone should take (RFC 3551 4.2), in pieces of ten. What would make
/// more is no phone's, and passes as it is.
const PIECES_MAX: usize = 20;

/// Where a packet is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Octets of a piece, but for the last.
    octets: usize,
    /// What it takes of the leg's clock.
    units: u32,
    /// Two or more.
    pub pieces: u16,
}

impl Cut {
    /// `None` where so many octets of the leg's own codec go in one packet.
    #[inline]
    pub fn of(form: &Form, octets: usize) -> Option<Self> {
        let most = form.maxptime_ms?;
        let (frame, millis) = frame(form.codec)?;
        let frames = usize::from(most / millis).max(1);
        let piece = frames * frame;
        let pieces = octets.div_ceil(piece);
        let units = u32::try_from(frames).ok()? * u32::from(millis) * (form.codec.clock_hz() / 1_000);
        let pieces = u16::try_from(pieces).ok().filter(|_| (2..=PIECES_MAX).contains(&pieces))?;
        Some(Self { octets: piece, units, pieces })
    }
}

/// Octets and milliseconds of what a codec's packets can be cut to; `None` where they are no rows of equal frames.
const fn frame(codec: Codec) -> Option<(usize, u16)> {
    match codec {
        Codec::Pcmu | Codec::Pcma | Codec::G722 => Some((80, 10)),
        // What is not a whole frame at the end of a packet describes the silence behind (G.729 B).
        Codec::G729 => Some((10, 10)),
        Codec::Opus | Codec::Other(_) | Codec::T38 => None,
    }
}

/// The pieces of one packet, until they are sent.
#[derive(Debug, Default)]
pub struct Pieces {
    octets: Vec<u8>,
    /// Of those not sent yet.
    lens: VecDeque<usize>,
    /// Where the first of them begins.
    next: usize,
}

impl Pieces {
    /// Takes a packet apart that has nothing between header and payload, nor behind it. Each piece has the header of the
    /// whole but for its number, its time, and the mark, which the first one keeps. `seal` protects what stands in so many
    /// octets and tells their number then, or that it can't go.
    pub fn fill(&mut self, cut: Cut, packet: &[u8], mut seal: impl FnMut(&mut [u8], usize) -> Option<usize>) {
        self.octets.clear();
        self.lens.clear();
        self.next = 0;
        let Some(whole) = Header::read(packet) else { return };
        let payload = packet.get(HEADER_BYTES..).unwrap_or_default();
        for (at, piece) in (0..cut.pieces).zip(payload.chunks(cut.octets)) {
            let (from, len) = (self.octets.len(), HEADER_BYTES + piece.len());
            self.octets.resize(from + len + TAIL_MAX, 0);
            let Some(room) = self.octets.get_mut(from..) else { return };
            room[HEADER_BYTES..len].copy_from_slice(piece);
            let mut header = whole;
            header.sequence = whole.sequence.wrapping_add(at);
            header.timestamp = whole.timestamp.wrapping_add(u32::from(at) * cut.units);
            header.marker = whole.marker && at == 0;
            header.write(room);
            let sealed = seal(room, len);
            self.octets.truncate(from + sealed.unwrap_or(0));
            self.lens.extend(sealed);
        }
    }

    /// The next one to send.
    pub fn poll(&mut self) -> Option<&[u8]> {
        let len = self.lens.pop_front()?;
        let from = self.next;
        self.next += len;
        self.octets.get(from..self.next)
    }
}
