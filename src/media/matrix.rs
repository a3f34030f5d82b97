//! Who hears whom, and how loud: the one thing that a conference, a private word and an ear at the wall differ in.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::base::StreamId;

/// Legs that one mix brings together; of more, the last are left out. Each costs a decoder and an encoder, and each pair
/// a sum.
pub const MIX_LEGS_MAX: usize = 16;

/// How loud one leg hears another, in 256ths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Gain(u16);

impl Gain {
    pub const SILENT: Self = Self(0);
    /// As it was said.
    pub const UNITY: Self = Self(256);
    /// 12 dB: beyond, any voice only distorts.
    pub const MAX: Self = Self(1_024);
    /// What a leg may be set to, in decibels: less would be as good as silence.
    pub const DB: std::ops::RangeInclusive<i8> = -24..=12;

    /// In 256ths, up to [`MAX`](Self::MAX).
    pub fn new(parts: u16) -> Self {
        Self(parts).min(Self::MAX)
    }

    /// Decibels, -60 and less being silence.
    pub fn from_db(db: f32) -> Self {
        if db <= -60.0 {
            return Self::SILENT;
        }
        // Saturates.
        Self::new((256.0 * 10_f32.powf(db / 20.0)).round() as u16)
    }

    pub const fn is_silent(self) -> bool {
        self.0 == 0
    }

    pub const fn parts(self) -> u16 {
        self.0
    }
}

/// Legs and how loud each hears the others. The whole of it is told anew with each change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matrix {
    seats: SmallVec<[Seat; 4]>,
}

/// One leg in a matrix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seat {
    pub stream: StreamId,
    /// The digits it presses reach those who hear it.
    pub sends_digits: bool,
    /// By the place of who speaks; its own is silent.
    hears: SmallVec<[Gain; 4]>,
    /// Whose digits reach it, a bit a place.
    is_told: u16,
}

impl Matrix {
    /// Of legs, and whether their digits are passed on: what each (first) hears of each other (second). One named twice is
    /// there once.
    pub fn new(legs: &[(StreamId, bool)], gain: impl Fn(usize, usize) -> Gain) -> Self {
        Self::telling(legs, &gain, |listener, speaker| !gain(listener, speaker).is_silent())
    }

    /// The same where some are told the digits of whom they don't hear: who is muted still presses keys.
    pub fn telling(
        legs: &[(StreamId, bool)],
        gain: impl Fn(usize, usize) -> Gain,
        is_told: impl Fn(usize, usize) -> bool,
    ) -> Self {
        let is_first = |at: usize| legs[..at].iter().all(|(other, _)| *other != legs[at].0);
        let kept: SmallVec<[usize; 4]> = (0..legs.len()).filter(|at| is_first(*at)).take(MIX_LEGS_MAX).collect();
        let seat = |listener: &usize| Seat {
            stream: legs[*listener].0,
            sends_digits: legs[*listener].1,
            hears: kept
                .iter()
                .map(|speaker| if speaker == listener { Gain::SILENT } else { gain(*listener, *speaker) })
                .collect(),
            is_told: kept.iter().enumerate().fold(0, |told, (place, speaker)| {
                told | u16::from(speaker != listener && is_told(*listener, *speaker)) << place
            }),
        };
        Self { seats: kept.iter().map(seat).collect() }
    }

    /// Two who hear each other as it is.
    pub fn pair(a: StreamId, b: StreamId) -> Self {
        Self::new(&[(a, true), (b, true)], |_, _| Gain::UNITY)
    }

    pub fn seats(&self) -> &[Seat] {
        &self.seats
    }

    pub fn streams(&self) -> impl Iterator<Item = StreamId> + '_ {
        self.seats.iter().map(|seat| seat.stream)
    }

    /// How loud the one at `listener` hears the one at `speaker`.
    pub fn gain(&self, listener: usize, speaker: usize) -> Gain {
        self.seats.get(listener).and_then(|seat| seat.hears.get(speaker)).copied().unwrap_or_default()
    }

    /// Whether the one at `listener` is told the digits of the one at `speaker`.
    pub fn is_told(&self, listener: usize, speaker: usize) -> bool {
        let told = self.seats.get(listener).map_or(0, |seat| seat.is_told);
        speaker < MIX_LEGS_MAX && told >> speaker & 1 == 1
    }

    /// Two who hear each other as it is, digits too: nothing needs to be mixed for them.
    pub fn is_plain_pair(&self) -> bool {
        self.seats.len() == 2
            && self.seats.iter().all(|seat| seat.sends_digits)
            && self.gain(0, 1) == Gain::UNITY
            && self.gain(1, 0) == Gain::UNITY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gains_are_bounded() {
        assert_eq!(Gain::from_db(0.0), Gain::UNITY);
        assert_eq!(Gain::from_db(-6.02).parts(), 128);
        assert_eq!(Gain::from_db(400.0), Gain::MAX);
        assert_eq!(Gain::from_db(f32::NEG_INFINITY), Gain::SILENT);
        assert_eq!(Gain::new(u16::MAX), Gain::MAX);
        assert_eq!(Gain::from_db(f32::NAN), Gain::SILENT);
    }

    #[test]
    fn nobody_hears_himself_and_a_crowd_is_cut() {
        let legs: Vec<_> = (0..40).map(|leg| (StreamId(leg), true)).collect();
        let matrix = Matrix::new(&legs, |_, _| Gain::UNITY);
        assert_eq!(matrix.seats().len(), MIX_LEGS_MAX);
        assert!((0..MIX_LEGS_MAX).all(|leg| matrix.gain(leg, leg).is_silent()));
        assert_eq!(matrix.gain(40, 0), Gain::SILENT);
        assert!(matrix.is_told(3, 15) && !matrix.is_told(3, 3) && !matrix.is_told(3, 16) && !matrix.is_told(40, 0));
        assert!(Matrix::pair(StreamId(1), StreamId(2)).is_plain_pair() && !matrix.is_plain_pair());
    }
}
