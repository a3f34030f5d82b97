//! Sound on its way to be played: what was played last, what comes next; made longer where packets are missing, shorter
//! where too many wait.

use crate::media::codec::{FRAME, RATE};

/// Waves that repeat: from 400 to 66 Hz.
const PERIOD_MIN: usize = RATE / 400;
const PERIOD_MAX: usize = RATE / 66;

/// Samples compared to find the period: 10 ms.
const COMPARED: usize = RATE / 100;

/// What is kept of the past.
const PAST: usize = 2 * FRAME;

/// Made-up sound keeps its loudness for so long, then fades until so long (G.711 Appendix I has 10 and 60 ms).
const STEADY: usize = RATE / 50;
const FADED: usize = RATE * 60 / 1_000;

/// Where made-up sound and the next packet overlap: 5 ms.
const OVERLAP: usize = RATE / 200;

#[derive(Debug, Default)]
pub struct Line {
    samples: Vec<i16>,
    /// The next to be played.
    at: usize,
    made_up: Option<MadeUp>,
}

/// A wave that goes on by itself.
#[derive(Debug)]
struct MadeUp {
    wave: Vec<i16>,
    /// Samples made so far.
    made: usize,
}

impl Line {
    pub fn new() -> Self {
        Self { samples: vec![0; PAST], at: PAST, made_up: None }
    }

    /// Samples that wait.
    pub fn len(&self) -> usize {
        self.samples.len() - self.at
    }

    /// Real sound; where made-up sound comes before it, the two overlap.
    pub fn push(&mut self, sound: &[i16]) {
        let joined = self.made_up.take().map_or(0, |mut made_up| {
            let count = OVERLAP.min(sound.len());
            for (at, sample) in sound[..count].iter().enumerate() {
                let part = (at + 1) as i32;
                let (old, new) = (i32::from(made_up.next()), i32::from(*sample));
                let whole = count as i32 + 1;
                self.samples.push(((old * (whole - part) + new * part) / whole) as i16);
            }
            count
        });
        self.samples.extend(&sound[joined..]);
    }

    /// Sound that was played without waiting here.
    pub fn remember(&mut self, sound: &[i16]) {
        self.push(sound);
        self.at = self.samples.len();
        self.trim();
    }

    /// Goes on by itself for so many samples, as if they were played; gives the end of the past.
    pub fn go_on(&mut self, count: usize) -> Vec<i16> {
        self.make_up(count);
        self.at = self.samples.len();
        self.samples[self.at - PAST..].to_vec()
    }

    /// Silence that was meant.
    pub fn rest(&mut self, count: usize) {
        if count == 0 {
            return;
        }
        // Not with a click: what sounded last dies away.
        if self.made_up.is_none() && self.samples.last().is_some_and(|last| last.unsigned_abs() > 8) {
            self.make_up(OVERLAP.min(count));
            let from = self.samples.len() - OVERLAP.min(count);
            for (at, sample) in self.samples[from..].iter_mut().enumerate() {
                *sample = (i32::from(*sample) * (OVERLAP - at) as i32 / (OVERLAP as i32 + 1)) as i16;
            }
            self.samples.extend(std::iter::repeat_n(0, count - OVERLAP.min(count)));
        } else {
            self.samples.extend(std::iter::repeat_n(0, count));
        }
        self.made_up = None;
    }

    /// Sound in place of what is missing: the last wave, again and again, fading.
    pub fn make_up(&mut self, count: usize) {
        let mut made_up = self.made_up.take().unwrap_or_else(|| {
            let past = &self.samples[self.samples.len() - PAST..];
            let period = period(past);
            MadeUp { wave: past[PAST - period..].to_vec(), made: 0 }
        });
        self.samples.extend(std::iter::repeat_with(|| made_up.next()).take(count));
        self.made_up = Some(made_up);
    }

    /// Leaves out one wave of what waits, if one can be found there; tells how many samples that was.
    pub fn shorten(&mut self) -> usize {
        let Some(waiting) = self.samples.get(self.at..).filter(|waiting| waiting.len() >= PAST) else { return 0 };
        // The wave that begins what waits, found from its end.
        let period = period(&waiting[..PAST]);
        let overlap = OVERLAP.min(period);
        for at in self.at..self.at + overlap {
            let part = (at - self.at + 1) as i32;
            let (old, new) = (i32::from(self.samples[at]), i32::from(self.samples[at + period]));
            let whole = overlap as i32 + 1;
            self.samples[at] = ((old * (whole - part) + new * part) / whole) as i16;
        }
        self.samples.drain(self.at + overlap..self.at + period + overlap);
        period
    }

    /// Plays a frame. There must be one.
    pub fn take(&mut self, frame: &mut [i16; FRAME]) {
        if let Some(sound) = self.samples.get(self.at..self.at + FRAME) {
            frame.copy_from_slice(sound);
            self.at += FRAME;
        }
        self.trim();
    }

    fn trim(&mut self) {
        if self.at > 2 * PAST {
            self.samples.drain(..self.at - PAST);
            self.at = PAST;
        }
    }
}

impl MadeUp {
    fn next(&mut self) -> i16 {
        let sample = self.wave.get(self.made % self.wave.len().max(1)).copied().unwrap_or(0);
        let left = FADED.saturating_sub(self.made).min(FADED - STEADY);
        self.made += 1;
        (i32::from(sample) * left as i32 / (FADED - STEADY) as i32) as i16
    }
}

/// After how many samples the end of `past` repeats what came before.
fn period(past: &[i16]) -> usize {
    let (before, end) = past.split_at(past.len() - COMPARED);
    let likeness = |lag: usize| {
        let from = past.len() - COMPARED - lag;
        let other = &past[from..from + COMPARED];
        let (mut product, mut power) = (0.0_f32, 1.0_f32);
        for (one, other) in end.iter().zip(other) {
            product += f32::from(*one) * f32::from(*other);
            power += f32::from(*other) * f32::from(*other);
        }
        product.max(0.0) * product / power
    };
    let longest = PERIOD_MAX.min(before.len());
    (PERIOD_MIN..=longest).max_by(|one, other| likeness(*one).total_cmp(&likeness(*other))).unwrap_or(PERIOD_MIN)
}
