//! Keys heard as two tones (ITU-T Q.23), where no telephone-event was agreed.
//!
//! Speech has the same frequencies. What it has not, for forty milliseconds, is two even tones and nothing else: each
//! look asks that nearly all of the power lies in one tone of either group.

use std::f32::consts::TAU;

use super::{FRAME, power_at};

const ROWS: [f32; 4] = [697.0, 770.0, 852.0, 941.0];
const COLUMNS: [f32; 4] = [1_209.0, 1_336.0, 1_477.0, 1_633.0];
const KEYS: [[char; 4]; 4] = [['1', '2', '3', 'A'], ['4', '5', '6', 'B'], ['7', '8', '9', 'C'], ['*', '0', '#', 'D']];

/// Samples between two looks: 10 ms. Each look is at twice as many.
const HOP: usize = FRAME / 2;
const HOP_MS: u32 = 10;

/// Looks in a row that must see the same key: with their length, a tone of 40 ms gives as many (ITU-T Q.24).
const SEEN_MIN: u8 = 3;

/// Looks in a row without it that end it: a pause of 40 ms parts two digits.
const UNSEEN_MAX: u8 = 2;

/// What a look sees of a tone beyond its ends.
const OVERHANG_MS: u32 = HOP_MS;

/// The part of the power that must lie in the two tones.
const PURE: f32 = 0.86;

/// The column's tone may be this much louder than the row's, and the row's than the column's, in power: 4 and 8 dB, and a
/// little more for what a codec does.
const TWIST: f32 = 3.2;
const TWIST_BACK: f32 = 8.0;

/// In its group a tone is louder than any other by this, in power.
const ALONE: f32 = 4.0;

/// Off by at most 1.5 % (ITU-T Q.24): where the tone is sought beside its place.
const OFF: [f32; 3] = [-0.012, 0.0, 0.012];

/// Root of the mean square below which nothing is looked for: -36 dBov.
const FAINT: f32 = 500.0;

/// Hears keys in sound at 8 kHz.
#[derive(Clone, Debug)]
pub struct Keys {
    /// 2 cos of each frequency and of its neighbours, rows first.
    coefficients: [[f32; 3]; 8],
    /// The last half of the last look.
    past: [i16; HOP],
    seen: Option<Seen>,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    key: char,
    looks: u32,
    unseen: u8,
}

impl Keys {
    pub fn new() -> Self {
        let coefficients = |hz: f32| OFF.map(|off| 2.0 * (TAU * hz * (1.0 + off) / 8_000.0).cos());
        let mut all = [[0.0; 3]; 8];
        for (place, hz) in all.iter_mut().zip(ROWS.into_iter().chain(COLUMNS)) {
            *place = coefficients(hz);
        }
        Self { coefficients: all, past: [0; HOP], seen: None }
    }

    /// Takes a frame; tells the key that ended in it, with its length in milliseconds.
    pub fn hear(&mut self, frame: &[i16; FRAME]) -> Option<(char, u32)> {
        let mut ended = None;
        for half in frame.chunks_exact(HOP) {
            let mut look = [0; FRAME];
            look[..HOP].copy_from_slice(&self.past);
            look[HOP..].copy_from_slice(half);
            self.past.copy_from_slice(half);
            let key = self.look(&look);
            ended = self.follow(key).or(ended);
        }
        ended
    }

    /// A key is held: what is heard is not meant for ears.
    pub fn is_held(&self) -> bool {
        self.seen.is_some_and(|seen| seen.looks >= 2)
    }

    fn follow(&mut self, key: Option<char>) -> Option<(char, u32)> {
        let Some(seen) = &mut self.seen else {
            self.seen = key.map(|key| Seen { key, looks: 1, unseen: 0 });
            return None;
        };
        if key == Some(seen.key) {
            seen.looks += 1 + u32::from(std::mem::take(&mut seen.unseen));
            return None;
        }
        seen.unseen += 1;
        // Until it is sure, it must be seen without a break.
        let is_sure = seen.looks >= u32::from(SEEN_MIN);
        if is_sure && seen.unseen <= UNSEEN_MAX {
            return None;
        }
        let ended = is_sure.then_some((seen.key, seen.looks * HOP_MS + OVERHANG_MS));
        self.seen = key.map(|key| Seen { key, looks: 1, unseen: 0 });
        ended
    }

    /// The key whose tones are all that this look has.
    fn look(&self, look: &[i16; FRAME]) -> Option<char> {
        let power: f32 = look.iter().map(|sample| f32::from(*sample).powi(2)).sum();
        if power < FAINT * FAINT * FRAME as f32 {
            return None;
        }
        let middle: [f32; 8] = std::array::from_fn(|at| power_at(look, self.coefficients[at][1]));
        let (rows, columns) = middle.split_at(4);
        let (row, column) = (loudest(rows)?, loudest(columns)?);
        let row_power = self.best(look, row, middle[row]);
        let column_power = self.best(look, 4 + column, middle[4 + column]);
        let is_even = column_power <= row_power * TWIST && row_power <= column_power * TWIST_BACK;
        let share = 2.0 * (row_power + column_power) / (FRAME as f32 * power);
        (is_even && share >= PURE).then_some(KEYS[row][column])
    }

    /// The power of a tone that may be a little off its place.
    fn best(&self, look: &[i16; FRAME], at: usize, middle: f32) -> f32 {
        let [low, _, high] = self.coefficients[at];
        power_at(look, low).max(power_at(look, high)).max(middle)
    }
}

/// The place of the tone that is alone in its group.
fn loudest(powers: &[f32]) -> Option<usize> {
    let (at, most) = powers.iter().enumerate().max_by(|one, other| one.1.total_cmp(other.1))?;
    let is_alone = powers.iter().enumerate().all(|(other, power)| other == at || power * ALONE <= *most);
    is_alone.then_some(at)
}

#[cfg(test)]
mod tests;
