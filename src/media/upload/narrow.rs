//! Any rate to 16 kHz, or to 8 where there is no more in it, by a windowed sinc: flat to four fifths of what that holds, and what
//! lies above does not fold down.

use std::f32::consts::PI;

use super::{SAMPLE_RATE, Sound};
use crate::media::codec::RATE;

/// Zero crossings of the filter on either side.
const LOBES: usize = 24;

/// Where it begins to fall, of half of the lower rate.
const CUTOFF: f32 = 0.9;

/// Places between two samples for which the filter is worked out; the nearest is taken.
const PHASES: usize = 64;

/// Takes samples one by one, and gives them at the rate of sounds.
pub struct Narrow {
    rate: u32,
    /// Of what it gives.
    to: usize,
    /// The filter at each phase, `2 * half` weights each.
    weights: Vec<f32>,
    half: usize,
    /// The latest samples, with `half` of silence in front of the first.
    window: Vec<f32>,
    /// Index of the window's first sample in the whole, which begins with that silence.
    first: usize,
    taken: usize,
    out: Vec<i16>,
}

impl Narrow {
    pub fn new(rate: u32) -> Self {
        let to = if rate as usize > SAMPLE_RATE { RATE } else { SAMPLE_RATE };
        // What is slower is only filled in.
        let cutoff = CUTOFF * (to as f32 / rate as f32).min(1.0);
        let half = (LOBES as f32 / cutoff).ceil() as usize;
        let mut weights = Vec::with_capacity(PHASES * 2 * half);
        for phase in 0..PHASES {
            let from = weights.len();
            for at in 0..2 * half {
                // Distance from the place that is wanted, in samples.
                let away = at as f32 + 1.0 - half as f32 - phase as f32 / PHASES as f32;
                let turn = PI * away / half as f32;
                let window = 0.42 + 0.5 * turn.cos() + 0.08 * (2.0 * turn).cos();
                let angle = PI * cutoff * away;
                let sinc = if angle.abs() < 1e-6 { 1.0 } else { angle.sin() / angle };
                weights.push(sinc * window);
            }
            let sum: f32 = weights[from..].iter().sum();
            weights[from..].iter_mut().for_each(|weight| *weight /= sum);
        }
        Self { rate, to, weights, half, window: vec![0.0; half], first: 0, taken: 0, out: Vec::new() }
    }

    pub const fn rate(&self) -> u32 {
        self.rate
    }

    /// Samples taken so far.
    pub const fn taken(&self) -> usize {
        self.taken
    }

    pub fn push(&mut self, sample: f32) {
        self.taken += 1;
        self.window.push(sample);
        self.make(self.taken);
        if self.window.len() >= 16 * self.half + 4_096 {
            let keep = 4 * self.half;
            self.first += self.window.len() - keep;
            self.window.drain(..self.window.len() - keep);
        }
    }

    /// All of it, exactly as long as what was taken; so many milliseconds at either end rise from silence and fall back to it.
    pub fn finish(mut self, edge_ms: usize) -> Sound {
        let whole = self.taken;
        for _ in 0..2 * self.half {
            self.window.push(0.0);
        }
        self.make(whole + 2 * self.half);
        let length = (whole as u64 * SAMPLE_RATE as u64).div_ceil(u64::from(self.rate));
        let length = usize::try_from(length).unwrap_or(usize::MAX).saturating_mul(self.to / SAMPLE_RATE);
        self.out.truncate(length);
        let mut samples = self.out;
        let edge = edge_ms * self.to / 1_000;
        for at in 0..edge.min(samples.len()) {
            for place in [at, samples.len() - 1 - at] {
                samples[place] = (i32::from(samples[place]) * at as i32 / edge as i32) as i16;
            }
        }
        if self.to == RATE { Sound::from_wide(&samples) } else { Sound::from_samples(&samples) }
    }

    /// Makes what can be made when so many samples are there.
    fn make(&mut self, there: usize) {
        loop {
            // The place of the next sample, in samples of the source and 64ths of one.
            let place = self.out.len() as u64 * u64::from(self.rate) * PHASES as u64 / self.to as u64;
            let (at, phase) = ((place / PHASES as u64) as usize, (place % PHASES as u64) as usize);
            // Sample `at` stands at `half + at`; the filter reaches `half` beyond it.
            if at + self.half >= there {
                return;
            }
            let from = at + 1 - self.first;
            let Some(samples) = self.window.get(from..from + 2 * self.half) else { return };
            let weights = &self.weights[phase * 2 * self.half..(phase + 1) * 2 * self.half];
            let sum: f32 = samples.iter().zip(weights).map(|(sample, weight)| sample * weight).sum();
            // Saturates.
            self.out.push((sum * 32_768.0).round() as i16);
        }
    }
}
