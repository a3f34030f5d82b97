//! Call progress tones and DTMF tones, made once and played like clips.

use std::{f64::consts::TAU, sync::Arc};

use super::{SAMPLE_RATE, Sound, Tone};

/// Whose cadences a caller hears. ITU-T E.180 recommends 425 Hz everywhere; the cadence differs from land to land.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Country {
    /// The commonest European cadences.
    #[default]
    Neutral,
    Portugal,
}

/// Peak of a single tone: -10 dBm0, loud enough and far from clipping.
const TONE_PEAK: f64 = 10_000.0;

/// Rise and fall of a tone, so that it does not click.
const RAMP_SAMPLES: usize = 40;

/// One sounding part of a cadence: lengths in milliseconds, frequencies in Hz.
struct Beat {
    on_ms: usize,
    off_ms: usize,
}

/// One whole cadence of a tone.
pub fn tone(tone: Tone, country: Country) -> Sound {
    let (hz, beat) = match (tone, country) {
        (Tone::Ringback, Country::Neutral) => (425.0, Beat { on_ms: 1_000, off_ms: 4_000 }),
        (Tone::Ringback, Country::Portugal) => (425.0, Beat { on_ms: 1_000, off_ms: 5_000 }),
        (Tone::Busy, Country::Neutral | Country::Portugal) => (425.0, Beat { on_ms: 500, off_ms: 500 }),
        (Tone::Congestion, Country::Neutral) => (425.0, Beat { on_ms: 250, off_ms: 250 }),
        (Tone::Congestion, Country::Portugal) => (425.0, Beat { on_ms: 200, off_ms: 200 }),
        (Tone::Beep, Country::Neutral | Country::Portugal) => (1_400.0, Beat { on_ms: 200, off_ms: 0 }),
    };
    Sound::from_samples(&render(&[hz], &beat))
}

/// A digit as its pair of tones (ITU-T Q.23), with a pause behind; `None` for what is no digit.
pub fn dtmf(digit: char, millis: u32) -> Option<Sound> {
    const ROWS: [f64; 4] = [697.0, 770.0, 852.0, 941.0];
    const COLUMNS: [f64; 4] = [1_209.0, 1_336.0, 1_477.0, 1_633.0];
    const KEYS: &str = "123A456B789C*0#D";
    let place = KEYS.find(digit.to_ascii_uppercase())?;
    let on_ms = usize::try_from(millis).unwrap_or(usize::MAX).min(super::DTMF_MILLIS_MAX as usize);
    let beat = Beat { on_ms, off_ms: 60 };
    Some(Sound::from_samples(&render(&[ROWS[place / 4], COLUMNS[place % 4]], &beat)))
}

/// Every tone of a country, by its discriminant.
#[derive(Clone, Debug)]
pub struct Tones([Arc<Sound>; 4]);

impl Tones {
    pub fn of(country: Country) -> Self {
        let make = |kind| Arc::new(tone(kind, country));
        Self([make(Tone::Ringback), make(Tone::Busy), make(Tone::Congestion), make(Tone::Beep)])
    }

    pub fn sound(&self, tone: Tone) -> &Arc<Sound> {
        let [ringback, busy, congestion, beep] = &self.0;
        match tone {
            Tone::Ringback => ringback,
            Tone::Busy => busy,
            Tone::Congestion => congestion,
            Tone::Beep => beep,
        }
    }
}

fn render(frequencies: &[f64], beat: &Beat) -> Vec<i16> {
    let per_ms = SAMPLE_RATE / 1_000;
    let (on, off) = (beat.on_ms * per_ms, beat.off_ms * per_ms);
    let peak = TONE_PEAK / frequencies.len() as f64;
    let sounding = (0..on).map(|at| {
        let seconds = at as f64 / SAMPLE_RATE as f64;
        let wave: f64 = frequencies.iter().map(|hz| (TAU * hz * seconds).sin()).sum();
        let ramp = (at.min(on - 1 - at) as f64 / RAMP_SAMPLES as f64).min(1.0);
        (wave * peak * ramp) as i16
    });
    sounding.chain(std::iter::repeat_n(0, off)).collect()
}
