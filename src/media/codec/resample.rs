//! Between 8 and 16 kHz: a half-band filter of 63 taps, 2 ms of delay, flat to 3.4 kHz and 60 dB down from 4.6 kHz.

use std::f32::consts::PI;

/// Weights on either side of the middle.
const TAPS: usize = 16;

/// The filter and what it still remembers.
#[derive(Clone, Debug)]
struct HalfBand {
    weights: [f32; TAPS],
}

/// 8 to 16 kHz.
#[derive(Clone, Debug)]
pub struct Up {
    filter: HalfBand,
    /// The last samples at 8 kHz, the newest last.
    past: [f32; 2 * TAPS],
}

/// 16 to 8 kHz.
#[derive(Clone, Debug)]
pub struct Down {
    filter: HalfBand,
    /// Every other sample at 16 kHz, the newest last: those that the filter weighs, and those it takes as they are.
    weighed: [f32; 2 * TAPS],
    middle: [f32; TAPS],
}

impl HalfBand {
    fn new() -> Self {
        let mut weights = [0.0; TAPS];
        for (at, weight) in weights.iter_mut().enumerate() {
            let place = at as f32 + 0.5;
            let sign = if at % 2 == 0 { 1.0 } else { -1.0 };
            // Blackman's window over the half.
            let turn = PI * place / TAPS as f32;
            let window = 0.42 + 0.5 * turn.cos() + 0.08 * (2.0 * turn).cos();
            *weight = sign * window / (PI * place);
        }
        let sum: f32 = 2.0 * weights.iter().sum::<f32>();
        Self { weights: weights.map(|weight| weight / sum) }
    }

    /// What lies in the middle of these samples.
    fn between(&self, samples: &[f32; 2 * TAPS]) -> f32 {
        let (before, behind) = samples.split_at(TAPS);
        let pairs = before.iter().rev().zip(behind);
        self.weights.iter().zip(pairs).map(|(weight, (one, other))| weight * (one + other)).sum()
    }
}

/// Samples at 8 kHz that [`widen`] looks back.
pub const WIDEN_BEFORE: usize = TAPS - 1;

/// By how many samples at 8 kHz [`Down`] gives sound late.
pub const DOWN_DELAY: usize = TAPS - 1;

/// Two samples for each one, without delay, since those behind it are known: `sample` gives them by number, the first that is
/// filled being number [`WIDEN_BEFORE`].
pub fn widen(pairs: &mut [[i16; 2]], sample: impl Fn(usize) -> i16) {
    let filter = HalfBand::new();
    let mut around: [f32; 2 * TAPS] = std::array::from_fn(|at| f32::from(sample(at)));
    for (at, pair) in pairs.iter_mut().enumerate() {
        *pair = [round(around[WIDEN_BEFORE]), round(filter.between(&around))];
        around.copy_within(1.., 0);
        around[2 * TAPS - 1] = f32::from(sample(at + 2 * TAPS));
    }
}

impl Up {
    pub fn new() -> Self {
        Self { filter: HalfBand::new(), past: [0.0; 2 * TAPS] }
    }

    /// Two samples for each one.
    pub fn run(&mut self, samples: impl Iterator<Item = i16>, mut out: impl FnMut(i16)) {
        for sample in samples {
            self.past.copy_within(1.., 0);
            self.past[2 * TAPS - 1] = f32::from(sample);
            out(round(self.past[TAPS - 1]));
            out(round(self.filter.between(&self.past)));
        }
    }
}

impl Down {
    pub fn new() -> Self {
        Self { filter: HalfBand::new(), weighed: [0.0; 2 * TAPS], middle: [0.0; TAPS] }
    }

    /// One sample for each pair; a last odd one is left out.
    pub fn run(&mut self, samples: &[i16], mut out: impl FnMut(i16)) {
        for pair in samples.chunks_exact(2) {
            self.middle.copy_within(1.., 0);
            self.middle[TAPS - 1] = f32::from(pair[0]);
            self.weighed.copy_within(1.., 0);
            self.weighed[2 * TAPS - 1] = f32::from(pair[1]);
            // The newest weighed sample is TAPS pairs behind the middle: the window stands evenly around it.
            out(round(0.5 * self.middle[0] + 0.5 * self.filter.between(&self.weighed)));
        }
    }
}

fn round(value: f32) -> i16 {
    // Saturates.
    value.round() as i16
}
