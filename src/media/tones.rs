//! Call progress tones and DTMF tones, made once and played like clips.

use std::{
    f64::consts::TAU,
    sync::{Arc, OnceLock},
};

use super::{SAMPLE_RATE, Sound, Tone};

/// Whose tones a caller hears (ITU-T E.180, supplement 2). 425 Hz is recommended everywhere; cadences differ from land to
/// land.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Country {
    /// The commonest European cadences.
    #[default]
    Neutral,
    Portugal,
    Spain,
    France,
    Germany,
    UnitedKingdom,
    UnitedStates,
    Brazil,
}

impl Country {
    /// Each with its name in settings: that of ISO 3166, where there is one.
    pub const NAMED: [(&'static str, Self); 8] = [
        ("neutral", Self::Neutral),
        ("pt", Self::Portugal),
        ("es", Self::Spain),
        ("fr", Self::France),
        ("de", Self::Germany),
        ("gb", Self::UnitedKingdom),
        ("us", Self::UnitedStates),
        ("br", Self::Brazil),
    ];
}

/// Peak of a single tone: -10 dBm0, loud enough and far from clipping.
const TONE_PEAK: f64 = 10_000.0;

/// Rise and fall of a tone, so that it does not click.
const RAMP_SAMPLES: usize = 40;

/// One sounding part of a cadence and the pause behind it, in milliseconds.
type Beat = (usize, usize);

/// One whole cadence of a tone.
pub fn tone(tone: Tone, country: Country) -> Sound {
    let (frequencies, beats): (&[f64], &[Beat]) = match tone {
        Tone::Ringback => ringback(country),
        Tone::Busy => busy(country),
        Tone::Congestion => congestion(country),
        Tone::Beep => (&[1_400.0], &[(200, 0)]),
    };
    let samples: Vec<i16> = beats.iter().flat_map(|beat| render(frequencies, *beat)).collect();
    Sound::from_samples(&samples)
}

fn ringback(country: Country) -> (&'static [f64], &'static [Beat]) {
    match country {
        Country::Neutral | Country::Germany | Country::Brazil => (&[425.0], &[(1_000, 4_000)]),
        Country::Portugal => (&[425.0], &[(1_000, 5_000)]),
        Country::Spain => (&[425.0], &[(1_500, 3_000)]),
        Country::France => (&[440.0], &[(1_500, 3_500)]),
        Country::UnitedKingdom => (&[400.0, 450.0], &[(400, 200), (400, 2_000)]),
        Country::UnitedStates => (&[440.0, 480.0], &[(2_000, 4_000)]),
    }
}

fn busy(country: Country) -> (&'static [f64], &'static [Beat]) {
    match country {
        Country::Neutral | Country::Portugal => (&[425.0], &[(500, 500)]),
        Country::Spain => (&[425.0], &[(200, 200)]),
        Country::France => (&[440.0], &[(500, 500)]),
        Country::Germany => (&[425.0], &[(480, 480)]),
        Country::UnitedKingdom => (&[400.0], &[(375, 375)]),
        Country::UnitedStates => (&[480.0, 620.0], &[(500, 500)]),
        Country::Brazil => (&[425.0], &[(250, 250)]),
    }
}

fn congestion(country: Country) -> (&'static [f64], &'static [Beat]) {
    match country {
        Country::Neutral => (&[425.0], &[(250, 250)]),
        Country::Portugal => (&[425.0], &[(200, 200)]),
        Country::Spain => (&[425.0], &[(200, 200), (200, 200), (200, 600)]),
        Country::France => (&[440.0], &[(250, 250)]),
        Country::Germany => (&[425.0], &[(240, 240)]),
        Country::UnitedKingdom => (&[400.0], &[(400, 350), (225, 525)]),
        Country::UnitedStates => (&[480.0, 620.0], &[(250, 250)]),
        Country::Brazil => (&[425.0], &[(250, 250), (750, 250)]),
    }
}

/// A digit as its pair of tones (ITU-T Q.23), with a pause behind; `None` for what is no digit.
pub fn dtmf(digit: char, millis: u32) -> Option<Sound> {
    const ROWS: [f64; 4] = [697.0, 770.0, 852.0, 941.0];
    const COLUMNS: [f64; 4] = [1_209.0, 1_336.0, 1_477.0, 1_633.0];
    const KEYS: &str = "123A456B789C*0#D";
    let place = KEYS.find(digit.to_ascii_uppercase())?;
    let on_ms = usize::try_from(millis).unwrap_or(usize::MAX).min(super::DTMF_MILLIS_MAX as usize);
    Some(Sound::from_samples(&render(&[ROWS[place / 4], COLUMNS[place % 4]], (on_ms, 60))))
}

/// Every tone of a country, by its discriminant.
#[derive(Clone, Debug)]
pub struct Tones([Arc<Sound>; 4]);

impl Tones {
    /// Made once in a process: every worker plays the same.
    pub fn of(country: Country) -> Self {
        static MADE: [OnceLock<Tones>; Country::NAMED.len()] = [const { OnceLock::new() }; Country::NAMED.len()];
        let make = |kind| Arc::new(tone(kind, country));
        let tones = || Self([make(Tone::Ringback), make(Tone::Busy), make(Tone::Congestion), make(Tone::Beep)]);
        MADE.get(country as usize).map_or_else(tones, |made| made.get_or_init(tones).clone())
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

fn render(frequencies: &[f64], (on_ms, off_ms): Beat) -> Vec<i16> {
    let per_ms = SAMPLE_RATE / 1_000;
    let (on, off) = (on_ms * per_ms, off_ms * per_ms);
    let peak = TONE_PEAK / frequencies.len() as f64;
    let sounding = (0..on).map(|at| {
        let seconds = at as f64 / SAMPLE_RATE as f64;
        let wave: f64 = frequencies.iter().map(|hz| (TAU * hz * seconds).sin()).sum();
        let ramp = (at.min(on - 1 - at) as f64 / RAMP_SAMPLES as f64).min(1.0);
        (wave * peak * ramp) as i16
    });
    sounding.chain(std::iter::repeat_n(0, off)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::{longest_quiet_ms, tone_peak};

    /// SW-12: each country's ringback sounds at its frequency and rests as long as it should.
    #[test]
    fn each_country_rings_its_own_way() {
        let expected = [
            (Country::Neutral, 425.0, 5_000, 4_000),
            (Country::Portugal, 425.0, 6_000, 5_000),
            (Country::Spain, 425.0, 4_500, 3_000),
            (Country::France, 440.0, 5_000, 3_500),
            (Country::Germany, 425.0, 5_000, 4_000),
            (Country::UnitedKingdom, 450.0, 3_000, 2_000),
            (Country::UnitedStates, 480.0, 6_000, 4_000),
            (Country::Brazil, 425.0, 5_000, 4_000),
        ];
        assert_eq!(expected.len(), Country::NAMED.len());
        for (country, hz, whole_ms, pause_ms) in expected {
            let samples: Vec<i16> = tone(Tone::Ringback, country).samples().collect();
            assert_eq!(samples.len(), whole_ms * 8, "{country:?}");
            let pause = longest_quiet_ms(&samples, 60);
            assert!(pause.abs_diff(pause_ms) < 25, "{country:?} rests {pause} ms");
            let (peak, other) = (tone_peak(&samples[400..2_800], hz), tone_peak(&samples[400..2_800], 1_000.0));
            assert!(peak > 3_000.0 && other < 300.0, "{country:?}: {peak} {other}");
            assert_ne!(tone(Tone::Busy, country), tone(Tone::Ringback, country));
            assert!(!tone(Tone::Congestion, country).is_empty());
        }
    }
}
