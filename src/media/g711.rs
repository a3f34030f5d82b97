//! G.711: µ-law and A-law, by table.

use super::Codec;

/// One law to the other, octet for octet.
pub type Table = [u8; 256];

/// µ-law octets to linear samples.
pub static ULAW_TO_LINEAR: [i16; 256] = {
    let mut table = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        table[octet] = ulaw_to_linear(octet as u8);
        octet += 1;
    }
    table
};

/// A-law octets to linear samples.
pub static ALAW_TO_LINEAR: [i16; 256] = {
    let mut table = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        table[octet] = alaw_to_linear(octet as u8);
        octet += 1;
    }
    table
};

/// Re-codes PCMU to PCMA.
pub static ULAW_TO_ALAW: Table = {
    let mut table = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        table[octet] = encode_alaw(ulaw_to_linear(octet as u8));
        octet += 1;
    }
    table
};

/// Re-codes PCMA to PCMU.
pub static ALAW_TO_ULAW: Table = {
    let mut table = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        table[octet] = encode_ulaw(alaw_to_linear(octet as u8));
        octet += 1;
    }
    table
};

/// How much of a packet goes over from what was heard before it: 5 ms.
const EASE: usize = 40;

/// The first 5 ms of a packet go over into it from what stood at `level`; of another codec's packet nothing changes.
pub fn ease_in(payload: &mut [u8], codec: Codec, from: i16) {
    if !codec.is_g711() {
        return;
    }
    let count = payload.len().min(EASE) as i32;
    for (at, octet) in (0..count).zip(payload) {
        let to = i32::from(level(codec, *octet));
        *octet = encode(codec, ((to * at + i32::from(from) * (count - at)) / count) as i16);
    }
}

/// The sample that an octet stands for; 0 for one of another codec.
pub fn level(codec: Codec, octet: u8) -> i16 {
    match codec {
        Codec::Pcmu => ULAW_TO_LINEAR[usize::from(octet)],
        Codec::Pcma => ALAW_TO_LINEAR[usize::from(octet)],
        Codec::G722 | Codec::G729 | Codec::Opus | Codec::Other(_) | Codec::T38 => 0,
    }
}

/// A sample's octet in A-law, or else in µ-law.
pub fn encode(codec: Codec, sample: i16) -> u8 {
    if codec == Codec::Pcma { encode_alaw(sample) } else { encode_ulaw(sample) }
}

/// Silence in either law.
pub const ULAW_SILENCE: u8 = 0xff;
pub const ALAW_SILENCE: u8 = 0xd5;

/// What µ-law adds before it looks for the segment, so that every segment begins at a power of two.
const BIAS: i32 = 0x84;
const ULAW_CLIP: i32 = 32_635;

pub const fn encode_ulaw(sample: i16) -> u8 {
    let (sign, magnitude) = if sample < 0 { (0x80, -(sample as i32)) } else { (0, sample as i32) };
    let biased = (if magnitude > ULAW_CLIP { ULAW_CLIP } else { magnitude }) + BIAS;
    // biased is 0x84..=0x7fff: its highest bit is 7..=14.
    let segment = 24 - biased.leading_zeros() as i32;
    let mantissa = (biased >> (segment + 3)) & 0x0f;
    !(sign | (segment << 4) | mantissa) as u8
}

pub const fn encode_alaw(sample: i16) -> u8 {
    // A-law works on 13 bits; negative values are one's complements, so that there is no zero to share.
    let scaled = sample as i32 >> 3;
    let (mask, magnitude) = if scaled >= 0 { (0xd5, scaled) } else { (0x55, -scaled - 1) };
    let code = if magnitude < 32 {
        magnitude >> 1
    } else {
        let segment = 27 - magnitude.leading_zeros() as i32;
        (segment << 4) | ((magnitude >> segment) & 0x0f)
    };
    (code ^ mask) as u8
}

const fn ulaw_to_linear(octet: u8) -> i16 {
    let bits = !octet as i32;
    let (segment, mantissa) = ((bits >> 4) & 0x07, bits & 0x0f);
    let magnitude = (((mantissa << 3) + BIAS) << segment) - BIAS;
    (if bits & 0x80 != 0 { -magnitude } else { magnitude }) as i16
}

const fn alaw_to_linear(octet: u8) -> i16 {
    let bits = (octet ^ 0x55) as i32;
    let (segment, mantissa) = ((bits >> 4) & 0x07, bits & 0x0f);
    let magnitude = if segment == 0 { (mantissa << 4) + 8 } else { ((mantissa << 4) + 0x108) << (segment - 1) };
    (if bits & 0x80 != 0 { magnitude } else { -magnitude }) as i16
}

/// Re-codes a payload in place.
pub fn recode(payload: &mut [u8], table: &Table) {
    for octet in payload {
        *octet = table[usize::from(*octet)];
    }
}

/// The octet of no sound.
pub const fn silence(codec: Codec) -> u8 {
    if matches!(codec, Codec::Pcma) { ALAW_SILENCE } else { ULAW_SILENCE }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_octets() {
        assert_eq!((encode_ulaw(0), encode_alaw(0)), (ULAW_SILENCE, ALAW_SILENCE));
        assert_eq!((encode_ulaw(32_767), encode_ulaw(-32_768)), (0x80, 0x00));
        assert_eq!((encode_alaw(32_767), encode_alaw(-32_768)), (0xaa, 0x2a));
        assert_eq!((ULAW_TO_LINEAR[0x80], ULAW_TO_LINEAR[0x00]), (32_124, -32_124));
        assert_eq!((ALAW_TO_LINEAR[0xaa], ALAW_TO_LINEAR[0x2a]), (32_256, -32_256));
    }

    #[test]
    fn what_was_decoded_encodes_to_the_same() {
        for octet in 0..=255u8 {
            let heard = ULAW_TO_LINEAR[usize::from(octet)];
            // µ-law has two zeros.
            assert!(encode_ulaw(heard) == octet || (octet == 0x7f && heard == 0), "{octet:#x}");
            assert_eq!(encode_alaw(ALAW_TO_LINEAR[usize::from(octet)]), octet);
        }
    }

    #[test]
    fn every_sample_keeps_its_size() {
        for sample in i16::MIN..=i16::MAX {
            let (ulaw, alaw) = (encode_ulaw(sample), encode_alaw(sample));
            let bound = i32::from(sample).abs() / 16 + 16;
            for heard in [ULAW_TO_LINEAR[usize::from(ulaw)], ALAW_TO_LINEAR[usize::from(alaw)]] {
                let error = (i32::from(heard) - i32::from(sample)).abs();
                assert!(error <= bound.max(644), "{sample} became {heard}");
                assert!(error <= bound || i32::from(sample).abs() > 32_000, "{sample} became {heard}");
            }
        }
    }

    /// SW-07: PCMU to PCMA and back costs at most one step of the finer law.
    #[test]
    fn recoding_keeps_the_sound() {
        for octet in 0..=255u8 {
            let mut payload = [octet];
            let before = i32::from(ULAW_TO_LINEAR[usize::from(octet)]);
            recode(&mut payload, &ULAW_TO_ALAW);
            recode(&mut payload, &ALAW_TO_ULAW);
            let after = i32::from(ULAW_TO_LINEAR[usize::from(payload[0])]);
            assert!((before - after).abs() <= before.abs() / 16 + 16, "{octet:#x}: {before} became {after}");
        }
    }
}
