//! One lasting tone: the beep of an answering machine, a fax, call progress.

use std::f32::consts::TAU;

use super::{FRAME, FRAME_MS, power_at};

/// Tones looked for, in Hertz: lower is mains hum and the pitch of voices, higher no machine beeps.
const LOWEST: usize = 350;
const STEP: usize = 50;
const COUNT: usize = 38;

/// The part of a frame's power that lies in the loudest two neighbours when a tone is all there is.
const PURE: f32 = 0.8;

/// Root of the mean square below which nothing is looked for: -42 dBov.
const FAINT: f32 = 260.0;

/// The shortest tone that is told. A vowel is not as even for so long.
const SHORTEST_MS: u32 = 160;

/// A tone that has ended, or that is simply too long to be waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Toned {
    /// To the nearest 25 Hz.
    pub hz: u16,
    pub millis: u32,
    pub is_over: bool,
}

/// Finds tones in frames of 20 ms.
#[derive(Clone, Debug)]
pub struct ToneFinder {
    /// 2 cos of each frequency.
    coefficients: [f32; COUNT],
    sounding: Option<Sounding>,
}

#[derive(Clone, Copy, Debug)]
struct Sounding {
    /// Twice the place between two frequencies.
    place: usize,
    millis: u32,
    /// It was told while it sounded.
    is_told: bool,
}

/// What is told while it sounds: call progress and fax machines go on for seconds.
const LONG_MS: u32 = 800;

impl ToneFinder {
    pub fn new() -> Self {
        let hz = |at: usize| (LOWEST + STEP * at) as f32;
        let coefficients = std::array::from_fn(|at| 2.0 * (TAU * hz(at) / 8_000.0).cos());
        Self { coefficients, sounding: None }
    }

    /// Takes a frame; tells a tone when it has ended, and once before when it is long.
    pub fn hear(&mut self, frame: &[i16; FRAME]) -> Option<Toned> {
        let place = self.place(frame);
        match (&mut self.sounding, place) {
            (Some(sounding), Some(place)) if sounding.place.abs_diff(place) <= 1 => {
                sounding.millis = sounding.millis.saturating_add(FRAME_MS);
                let is_due =
                    sounding.millis >= LONG_MS && !std::mem::replace(&mut sounding.is_told, sounding.millis >= LONG_MS);
                is_due.then(|| sounding.told(false))
            }
            (_, place) => {
                let next = place.map(|place| Sounding { place, millis: FRAME_MS, is_told: false });
                let ended = std::mem::replace(&mut self.sounding, next)?;
                (ended.millis >= SHORTEST_MS).then(|| ended.told(true))
            }
        }
    }

    /// A tone sounds, for so long.
    pub fn sounds_for(&self) -> u32 {
        self.sounding.map_or(0, |sounding| sounding.millis)
    }

    /// Twice the place of the tone that is nearly all of the frame.
    fn place(&self, frame: &[i16; FRAME]) -> Option<usize> {
        let power: f32 = frame.iter().map(|sample| f32::from(*sample).powi(2)).sum();
        if power < FAINT * FAINT * FRAME as f32 {
            return None;
        }
        let powers: [f32; COUNT] = std::array::from_fn(|at| power_at(frame, self.coefficients[at]));
        let pairs = powers.windows(2).enumerate().map(|(at, pair)| (at, pair[0] + pair[1]));
        let (at, most) = pairs.max_by(|one, other| one.1.total_cmp(&other.1))?;
        // A tone of power P gives P times the square of half the count.
        let share = 2.0 * most / (FRAME as f32 * power);
        let (low, high) = (powers[at], powers[at + 1]);
        let nearer = if low > 4.0 * high {
            0
        } else if high > 4.0 * low {
            2
        } else {
            1
        };
        (share >= PURE).then_some(2 * at + nearer)
    }
}

impl Sounding {
    fn told(self, is_over: bool) -> Toned {
        let hz = LOWEST + STEP * self.place / 2;
        Toned { hz: u16::try_from(hz).unwrap_or(u16::MAX), millis: self.millis, is_over }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tones(parts: &[(f32, usize)]) -> Vec<Toned> {
        let mut finder = ToneFinder::new();
        let samples: Vec<i16> = parts
            .iter()
            .flat_map(|(hz, millis)| {
                (0..millis * 8).map(move |at| ((TAU * hz * at as f32 / 8_000.0).sin() * 6_000.0) as i16)
            })
            .collect();
        samples.chunks_exact(FRAME).filter_map(|frame| finder.hear(frame.try_into().expect("a frame"))).collect()
    }

    /// CP-07: a beep of any pitch that machines have is told with its length when it ends.
    #[test]
    fn beeps_are_told_when_they_end() {
        for hz in (400..=2_100).step_by(17) {
            let heard = tones(&[(0.0, 305), (hz as f32, 400), (0.0, 200)]);
            let [beep] = heard[..] else { panic!("{hz}: {heard:?}") };
            assert!(beep.is_over && beep.hz.abs_diff(hz) <= 30, "{hz}: {beep:?}");
            assert!((360..=420).contains(&beep.millis), "{hz}: {beep:?}");
        }
        assert_eq!(tones(&[(1_000.0, 100), (0.0, 200)]), [], "too short");
        let long = tones(&[(425.0, 1_000), (0.0, 200)]);
        assert!(!long[0].is_over && long[1].is_over && long.len() == 2, "{long:?}");
    }
}
