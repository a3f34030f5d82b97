//! What is spoken and what is heard: every voice is a tone of its own, and an ear tells them apart.

use std::{cell::RefCell, collections::BTreeMap};

use strowger::base::Instant;

/// Samples of one packet: 20 ms at 8 kHz.
pub const FRAME: usize = 160;

/// Samples after which every voice repeats itself.
pub const PERIOD: usize = 400;

/// Packets that an ear judges by: 240 ms, which tells tones 20 Hz apart from each other.
const HEARD_FRAMES: usize = 12;

/// A voice: a frequency.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Voice(pub u32);

impl Voice {
    /// The hold music of the simulated centre.
    pub const MUSIC: Self = Self(3_340);
    /// Ringback, as most of Europe has it.
    pub const RINGBACK: Self = Self(425);
    /// What a stranger shouts.
    pub const STRANGER: Self = Self(3_060);

    /// The n-th of 120 voices; none is near the music, a call-progress tone or another.
    pub fn nth(number: u64) -> Self {
        Self(520 + 20 * u32::try_from(number % 120).unwrap())
    }

    pub fn sample(self, at: u64) -> i16 {
        let turns = (at % 8_000) as f64 * f64::from(self.0) / 8_000.0;
        (8_000.0 * (std::f64::consts::TAU * turns.fract()).sin()) as i16
    }

    /// The same at 16 kHz.
    pub fn wide(self, at: u64) -> i16 {
        let turns = (at % 16_000) as f64 * f64::from(self.0) / 16_000.0;
        (8_000.0 * (std::f64::consts::TAU * turns.fract()).sin()) as i16
    }

    pub fn samples(self, count: usize) -> Vec<i16> {
        (0..count as u64).map(|at| self.sample(at)).collect()
    }
}

/// The two laws of G.711, written out from its tables of segments and slow on purpose: a second truth beside the
/// switch's own tables.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Law {
    Mu,
    A,
}

impl Law {
    pub fn encode(self, sample: i16) -> u8 {
        (0..=255_u8).min_by_key(|octet| (i32::from(self.decode(*octet)) - i32::from(sample)).abs()).unwrap()
    }

    pub fn decode(self, octet: u8) -> i16 {
        match self {
            Self::Mu => {
                let bits = !octet;
                let magnitude = ((i32::from(bits & 0x0f) << 3) + 0x84) << ((bits >> 4) & 7);
                let value = magnitude - 0x84;
                i16::try_from(if bits & 0x80 != 0 { -value } else { value }).unwrap()
            }
            Self::A => {
                let bits = octet ^ 0x55;
                let (segment, step) = (u32::from((bits >> 4) & 7), i32::from(bits & 0x0f));
                let value = match segment {
                    0 => (step << 4) + 8,
                    _ => ((step << 4) + 0x108) << (segment - 1),
                };
                i16::try_from(if bits & 0x80 != 0 { value } else { -value }).unwrap()
            }
        }
    }

    /// Everything that a voice says before it repeats itself (all of ours are multiples of 20 Hz).
    pub fn period(self, voice: Voice) -> Vec<u8> {
        thread_local! {
            static WRITTEN: RefCell<BTreeMap<(bool, Voice), Vec<u8>>> = const { RefCell::new(BTreeMap::new()) };
        }
        let write = || (0..PERIOD as u64).map(|at| self.encode(voice.sample(at))).collect();
        WRITTEN.with_borrow_mut(|written| written.entry((self == Self::A, voice)).or_insert_with(write).clone())
    }
}

/// One packet's worth of a voice in µ-law.
pub fn mu_law(voice: Voice, from: u64) -> Vec<u8> {
    (from..from + FRAME as u64).map(|at| Law::Mu.encode(voice.sample(at))).collect()
}

/// What comes in on one call.
#[derive(Debug, Default)]
pub struct Ear {
    /// The latest packets, by sequence number with its turns.
    frames: BTreeMap<u64, Vec<i16>>,
    pub packets: u64,
    pub last: Option<Instant>,
    /// Each synchronisation source that was heard, in order of appearance.
    pub sources: Vec<u32>,
    /// The longest silence between two packets, in microseconds; only while somebody spoke.
    pub longest_gap_us: u64,
    /// Sequence numbers that were jumped over.
    pub skipped: u64,
    /// Octets of a kind that was not agreed.
    pub strange_payload_types: Vec<u8>,
    newest: Option<u64>,
    /// Everything heard since it was switched on, as it came.
    pub tape: Option<Vec<i16>>,
}

impl Ear {
    pub fn hear(&mut self, now: Instant, ssrc: u32, sequence: u16, samples: Vec<i16>) {
        self.packets += 1;
        if let Some(last) = self.last.replace(now) {
            self.longest_gap_us = self.longest_gap_us.max(now.as_micros() - last.as_micros());
        }
        if !self.sources.contains(&ssrc) {
            self.sources.push(ssrc);
        }
        if let Some(tape) = &mut self.tape {
            tape.extend(&samples);
        }
        let number = self.extended(sequence);
        if let Some(newest) = self.newest
            && number > newest + 1
        {
            self.skipped += number - newest - 1;
        }
        self.newest = Some(self.newest.map_or(number, |newest| newest.max(number)));
        self.frames.insert(number, samples);
        while self.frames.len() > HEARD_FRAMES {
            self.frames.pop_first();
        }
    }

    fn extended(&self, sequence: u16) -> u64 {
        let Some(newest) = self.newest else { return 0x1_0000 + u64::from(sequence) };
        let step = sequence.wrapping_sub(newest as u16) as i16;
        newest.saturating_add_signed(i64::from(step))
    }

    /// Forgets what it heard, not what it counted; gaps count from here.
    pub fn listen_anew(&mut self) {
        self.frames.clear();
        self.last = None;
        self.longest_gap_us = 0;
        self.skipped = 0;
    }

    /// Whether enough has been heard to judge.
    pub fn is_full(&self) -> bool {
        self.frames.len() >= HEARD_FRAMES
    }

    /// How much of what was heard lately is this voice: 0 to 1.
    pub fn share(&self, voice: Voice) -> f64 {
        let samples: Vec<f64> = self.frames.values().flatten().map(|sample| f64::from(*sample)).collect();
        share(&samples, voice)
    }

    /// Loud and clear: the voice is most of what was heard lately.
    pub fn hears(&self, voice: Voice) -> bool {
        self.is_full() && self.share(voice) > 0.6
    }

    /// Not even an echo of it.
    pub fn is_spared(&self, voice: Voice) -> bool {
        self.share(voice) < 0.05
    }
}

/// Goertzel's algorithm: the part of the signal's power that lies at one frequency.
fn share(samples: &[f64], voice: Voice) -> f64 {
    let power: f64 = samples.iter().map(|sample| sample * sample).sum();
    let count = samples.len() as f64;
    if samples.is_empty() || power < count * 10_000.0 {
        return 0.0;
    }
    let coefficient = 2.0 * (std::f64::consts::TAU * f64::from(voice.0) / 8_000.0).cos();
    let (mut one, mut two) = (0.0, 0.0);
    for sample in samples {
        (one, two) = (sample + coefficient * one - two, one);
    }
    let at_voice = one * one + two * two - coefficient * one * two;
    2.0 * at_voice / (count * power)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ear(law: Law, voices: &[Voice]) -> Ear {
        let mut ear = Ear::default();
        for packet in 0..20_u64 {
            let mixed = (0..FRAME as u64).map(|at| {
                let sum: i32 = voices.iter().map(|voice| i32::from(voice.sample(packet * 160 + at))).sum();
                law.decode(law.encode(i16::try_from(sum).unwrap()))
            });
            ear.hear(Instant::from_micros(packet * 20_000), 7, packet as u16, mixed.collect());
        }
        ear
    }

    #[test]
    fn voices_are_told_apart() {
        for law in [Law::Mu, Law::A] {
            let ear = ear(law, &[Voice::nth(3)]);
            assert!(ear.hears(Voice::nth(3)), "{}", ear.share(Voice::nth(3)));
            for other in (0..120).filter(|other| *other != 3).map(Voice::nth).chain([Voice::MUSIC, Voice::STRANGER]) {
                assert!(ear.is_spared(other), "{other:?}: {}", ear.share(other));
            }
        }
    }

    #[test]
    fn a_voice_below_another_is_noticed() {
        let ear = ear(Law::Mu, &[Voice::nth(3), Voice::nth(30)]);
        assert!(!ear.hears(Voice::nth(3)) && !ear.is_spared(Voice::nth(3)) && !ear.is_spared(Voice::nth(30)));
    }

    #[test]
    fn silence_is_nobody() {
        let mut ear = Ear::default();
        for packet in 0..20 {
            ear.hear(Instant::ZERO, 7, packet, vec![0; FRAME]);
        }
        assert!(!ear.hears(Voice::nth(0)) && ear.is_spared(Voice::nth(0)));
    }
}
