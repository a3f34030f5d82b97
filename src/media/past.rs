//! What a leg was relayed last. G.722 leaves its state in the leg's decoder, and an encoder of ours that is to go on from
//! there must have it too: one that began anew would be decoded at the loudness of what was before.

use super::{
    Codec,
    codec::{self, Decoder, PACKET_SAMPLES_MAX},
    voice,
};

/// Octets of a packet that are kept: 60 ms.
const KEPT_MAX: usize = 480;

/// The last two packets: after these a decoder that began anew is where the leg's is, near enough.
#[derive(Debug, Default)]
pub struct Past {
    packets: [Vec<u8>; 2],
}

impl Past {
    pub fn keep(&mut self, payload: &[u8]) {
        self.packets.swap(0, 1);
        self.packets[1].clear();
        self.packets[1].extend_from_slice(payload.get(..KEPT_MAX).unwrap_or(payload));
    }

    /// Its sound, made up to where our own encoder brings what is said next.
    pub fn sound(&mut self) -> Vec<i16> {
        let Some(mut decoder) = Decoder::new(Codec::G722) else { return Vec::new() };
        let mut line = voice::Line::new();
        for packet in self.packets.iter_mut().filter(|packet| !packet.is_empty()) {
            let mut made = [0; PACKET_SAMPLES_MAX];
            let count = decoder.decode(Codec::G722, packet, &mut made);
            line.remember(&made[..count]);
            packet.clear();
        }
        line.go_on(codec::delay(Codec::G722))
    }
}
