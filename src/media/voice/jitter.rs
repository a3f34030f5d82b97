//! Packets in the order in which they were sent.

use crate::{media::Codec, wire::rtp::Header};

/// Packets that wait at a time: more than a second of the usual ones. Also how far apart two can be and still belong
/// together.
const PACKETS_MAX: usize = 64;

/// Packets lost in a row that are worth making up; after more, the sound begins anew.
const LOST_MAX: u16 = 5;

/// The octets of a packet that are kept; a longer one is no speech of ours.
const PACKET_BYTES_MAX: usize = 1_280;

/// One speaker's packets. Each comes out once, in order; what comes after its turn is late.
#[derive(Debug)]
pub struct Jitter {
    slots: Vec<Slot>,
    held: usize,
    ssrc: u32,
    /// The number whose turn is next; `None` before the first.
    next: Option<u16>,
    /// Where its sound should begin.
    timestamp: u32,
    /// Clock units of the last packet.
    span: u32,
    /// Packets that came when they had been made up.
    pub late: u64,
}

#[derive(Debug, Default)]
struct Slot {
    is_held: bool,
    /// Its turn came before it did.
    is_missed: bool,
    sequence: u16,
    timestamp: u32,
    codec: Option<Codec>,
    octets: Vec<u8>,
}

/// Whose turn it is.
#[derive(Debug, PartialEq, Eq)]
pub enum Turn<'a> {
    Packet {
        codec: Codec,
        octets: &'a [u8],
    },
    /// A packet that did not come; the one behind it, where that is here.
    Lost {
        behind: Option<&'a [u8]>,
    },
    /// The speaker was silent before the next packet: it begins anew.
    Gap,
    /// Nothing is here.
    Dry,
}

impl Jitter {
    pub fn new() -> Self {
        let slots = std::iter::repeat_with(Slot::default).take(PACKETS_MAX).collect();
        Self { slots, held: 0, ssrc: 0, next: None, timestamp: 0, span: 0, late: 0 }
    }

    /// Takes a packet as it comes.
    pub fn push(&mut self, codec: Codec, header: &Header, octets: &[u8]) {
        if octets.is_empty() || octets.len() > PACKET_BYTES_MAX {
            return;
        }
        if self.ssrc != header.ssrc {
            self.clear();
            self.ssrc = header.ssrc;
        }
        let ahead = self.next.map_or(0, |next| header.sequence.wrapping_sub(next).cast_signed());
        if ahead < 0 && usize::from(ahead.unsigned_abs()) < PACKETS_MAX {
            let slot = &mut self.slots[usize::from(header.sequence) % PACKETS_MAX];
            // Otherwise it is a copy.
            if std::mem::take(&mut slot.is_missed) && slot.sequence == header.sequence {
                self.late += 1;
            }
            return;
        }
        if usize::from(ahead.unsigned_abs()) >= PACKETS_MAX {
            self.clear();
        }
        if self.next.is_none() {
            self.make_room_for(header.sequence);
        }
        let slot = &mut self.slots[usize::from(header.sequence) % PACKETS_MAX];
        self.held += usize::from(!slot.is_held);
        (slot.is_held, slot.sequence, slot.timestamp) = (true, header.sequence, header.timestamp);
        slot.is_missed = false;
        slot.codec = Some(codec);
        slot.octets.clear();
        slot.octets.extend_from_slice(octets);
    }

    /// A packet that was played without waiting here.
    pub fn follow(&mut self, header: &Header, span: u32) {
        self.clear();
        self.ssrc = header.ssrc;
        self.next = Some(header.sequence.wrapping_add(1));
        (self.timestamp, self.span) = (header.timestamp.wrapping_add(span), span);
    }

    pub fn clear(&mut self) {
        for slot in &mut self.slots {
            slot.is_held = false;
        }
        (self.held, self.next) = (0, None);
    }

    /// Packets that wait.
    pub fn len(&self) -> usize {
        self.held
    }

    /// The first packet that waits gets the next turn, whatever came before it.
    pub fn begin(&mut self) {
        let anchor = self.next.or_else(|| self.slots.iter().find(|slot| slot.is_held).map(|slot| slot.sequence));
        let Some(anchor) = anchor else { return };
        let first = self
            .slots
            .iter()
            .filter(|slot| slot.is_held)
            .min_by_key(|slot| slot.sequence.wrapping_sub(anchor).cast_signed());
        if let Some(first) = first {
            (self.next, self.timestamp) = (Some(first.sequence), first.timestamp);
        }
    }

    /// Takes the next turn. After a packet, tell how long it was by [`played`](Self::played).
    pub fn turn(&mut self) -> Turn<'_> {
        let Some(next) = self.next.filter(|_| self.held > 0) else { return Turn::Dry };
        let at = usize::from(next) % PACKETS_MAX;
        if self.slots[at].is_held && self.slots[at].sequence == next {
            if self.slots[at].timestamp.wrapping_sub(self.timestamp).cast_signed() > 0 {
                return Turn::Gap;
            }
            self.held -= 1;
            self.next = Some(next.wrapping_add(1));
            let slot = &mut self.slots[at];
            slot.is_held = false;
            self.timestamp = slot.timestamp;
            return Turn::Packet { codec: slot.codec.unwrap_or(Codec::Pcmu), octets: &slot.octets };
        }
        let following = (1..=LOST_MAX).find(|step| {
            let wanted = next.wrapping_add(*step);
            let slot = &self.slots[usize::from(wanted) % PACKETS_MAX];
            slot.is_held && slot.sequence == wanted
        });
        let Some(step) = following else { return Turn::Gap };
        // Silence was left out as well, beside what was lost.
        let behind = &self.slots[usize::from(next.wrapping_add(step)) % PACKETS_MAX];
        let missing = behind.timestamp.wrapping_sub(self.timestamp);
        if self.span == 0 || missing > self.span.saturating_mul(u32::from(step)) {
            return Turn::Gap;
        }
        (self.slots[at].is_missed, self.slots[at].sequence) = (true, next);
        self.next = Some(next.wrapping_add(1));
        self.timestamp = self.timestamp.wrapping_add(self.span);
        let behind = &self.slots[usize::from(next.wrapping_add(1)) % PACKETS_MAX];
        Turn::Lost { behind: (step == 1).then_some(behind.octets.as_slice()) }
    }

    /// The packet taken last was so long, in clock units.
    pub fn played(&mut self, span: u32) {
        self.span = span;
        self.timestamp = self.timestamp.wrapping_add(span);
    }

    /// Leaves out the packet whose turn is next; false when none is here.
    pub fn skip(&mut self) -> bool {
        self.begin();
        let span = self.span;
        let is_packet = matches!(self.turn(), Turn::Packet { .. });
        self.timestamp = self.timestamp.wrapping_add(if is_packet { span } else { 0 });
        is_packet
    }

    /// Before anything was played, the numbers may reach back too; but not around.
    fn make_room_for(&mut self, sequence: u16) {
        for slot in self.slots.iter_mut().filter(|slot| slot.is_held) {
            if usize::from(slot.sequence.wrapping_sub(sequence).cast_signed().unsigned_abs()) >= PACKETS_MAX {
                slot.is_held = false;
                self.held -= 1;
            }
        }
    }
}
