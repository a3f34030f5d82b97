//! Tens of thousands of damaged messages, from a printed seed.

use strowger::base::Chance;

use super::{corpus, properties};
use crate::torture;

const SEED: u64 = 0x5150;
/// Of SIP; the other formats are smaller.
const ROUNDS: u64 = 30_000;

/// Octets that mean something to some parser.
const SHARP: &[u8] = b"\r\n\t \0\"\\<>;:,=@%[]/?&#-09azAZ\x7F\x80\xFF\xC3";

/// Texts that mean something.
const WORDS: &[&str] = &[
    "\r\n",
    "\r\n ",
    "\r\n\r\n",
    "SIP/2.0",
    "Content-Length: 4294967296\r\n",
    "l: 0\r\n",
    "sip:",
    "tel:",
    "z9hG4bK",
    ";tag=",
    "\"",
    "<>",
    "%00",
    "[::1]",
    ":::",
    "m=audio 0 RTP/AVP 0\r\n",
    "a=rtpmap:0 x/1\r\n",
    "\u{2028}",
    ";;",
    "99999999999",
];

struct Damage {
    chance: Chance,
}

impl Damage {
    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.chance.below(bound.max(1) as u64)).unwrap_or(0)
    }

    fn of(&mut self, original: &[u8], other: &[u8]) -> Vec<u8> {
        let mut bytes = original.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len() + 1);
            let to = (at + 1 + self.below(24)).min(bytes.len());
            match self.below(7) {
                0 => bytes.truncate(at),
                1 => drop(bytes.drain(at.min(to)..to)),
                2 => bytes.insert(at, SHARP[self.below(SHARP.len())]),
                3 => drop(bytes.splice(at..at, WORDS[self.below(WORDS.len())].bytes())),
                4 => {
                    let piece = bytes[at.min(to)..to].repeat(1 + self.below(40));
                    drop(bytes.splice(at..at, piece));
                }
                5 => {
                    let from = self.below(other.len());
                    drop(bytes.splice(at.min(to)..to, other[from..].iter().copied().take(200)));
                }
                _ => {
                    let bit = 1 << self.chance.below(8);
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte ^= bit;
                    }
                }
            }
        }
        bytes
    }
}

fn damage(originals: &[Vec<u8>], rounds: u64, check: fn(&[u8])) {
    for round in 0..rounds {
        let seed = SEED + round;
        let mut damage = Damage { chance: Chance::from_number(seed) };
        let original = damage.below(originals.len());
        let other = damage.below(originals.len());
        let bytes = damage.of(&originals[original], &originals[other]);
        let result = std::panic::catch_unwind(|| check(&bytes));
        assert!(result.is_ok(), "seed {seed:#x}: {}", bytes.escape_ascii());
    }
}

#[test]
fn no_damaged_sip_message_does_harm() {
    let mut originals: Vec<Vec<u8>> = torture::cases().iter().map(|case| case.bytes.to_vec()).collect();
    originals.extend(corpus::of("sip"));
    damage(&originals, ROUNDS, |bytes| {
        properties::sip_message(bytes);
        properties::framer(bytes);
    });
}

#[test]
fn no_damaged_description_does_harm() {
    damage(&corpus::of("sdp"), ROUNDS / 3, properties::sdp);
}

#[test]
fn no_damaged_media_packet_does_harm() {
    damage(&corpus::of("rtp"), ROUNDS / 3, properties::rtp);
    damage(&corpus::of("rtcp"), ROUNDS / 3, properties::rtcp);
}
