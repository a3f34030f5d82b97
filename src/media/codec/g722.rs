//! G.722 at 64 kbit/s (ITU-T G.722): 16 kHz sound in two bands, each coded by differences. The order of steps follows the
//! blocks of the recommendation, and of the public-domain code by Carnegie Mellon University and Steve Underwood.

/// Two samples make one octet.
pub const SAMPLES_AN_OCTET: usize = 2;

/// Filter that splits into two bands and joins them again (G.722 3.1).
const QMF: [i32; 12] = [3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11];

/// Decision levels of the lower band (G.722 table 14); beyond the last is the largest.
const DECISIONS: [i32; 30] = [
    0, 35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1023, 1121, 1219, 1339,
    1458, 1612, 1765, 1980, 2195, 2557, 2919,
];

/// The upper band's one decision level.
const DECISION_HIGH: i32 = 564;

/// Differences that the codes stand for, as parts of the scale: the upper band's two bits, the lower band's four that
/// steer it, all of its six.
const TWO_BITS: [i32; 4] = [-7408, -1616, 7408, 1616];
const FOUR_BITS: [i32; 16] =
    [0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584, 1200, 0];
const SIX_BITS: [i32; 64] = [
    -136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232, -9360, -8576,
    -7856, -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776, -2400, -2032, -1688, -1360, -1040,
    -728, 24808, 21904, 19008, 16704, 14984, 13512, 12280, 11192, 10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456,
    4944, 4464, 4008, 3576, 3168, 2776, 2400, 2032, 1688, 1360, 1040, 728, 432, 136, -432, -136,
];

/// Logarithmic steps of the scale by code: the lower band by its four bits, the upper by its two.
const STEPS_LOW: [i32; 16] = [-60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60];
const STEPS_HIGH: [i32; 4] = [798, -214, 798, -214];

/// 2^(n/32) in 11 bits.
const POWERS: [i32; 32] = [
    2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834, 2896, 2960, 3025,
    3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
];

#[derive(Clone, Debug)]
pub struct Encoder {
    heard: [i32; 24],
    low: Band,
    high: Band,
}

#[derive(Clone, Debug)]
pub struct Decoder {
    made: [i32; 24],
    low: Band,
    high: Band,
}

/// One band's predictor and scale, equal on both sides.
#[derive(Clone, Debug, Default)]
struct Band {
    /// The next sample as predicted, and the part of it that comes from the zeros.
    predicted: i32,
    zeros: i32,
    /// The last two reconstructed samples, and their parts; the newest first.
    made: [i32; 2],
    parts: [i32; 2],
    poles: [i32; 2],
    /// The last six differences, and their weights.
    steps: [i32; 6],
    weights: [i32; 6],
    log_scale: i32,
    scale: i32,
}

impl Encoder {
    pub fn new() -> Self {
        Self { heard: [0; 24], low: Band::new(32), high: Band::new(8) }
    }

    /// Encodes pairs of samples at 16 kHz; a last odd one is left out. Tells how many octets it made.
    pub fn encode(&mut self, samples: &[i16], octets: &mut [u8]) -> usize {
        let pairs = samples.chunks_exact(SAMPLES_AN_OCTET);
        octets.iter_mut().zip(pairs).map(|(octet, pair)| *octet = self.code(pair)).count()
    }

    fn code(&mut self, pair: &[i16]) -> u8 {
        self.heard.copy_within(2.., 0);
        for (place, sample) in self.heard[22..].iter_mut().zip(pair) {
            *place = i32::from(*sample);
        }
        let (odd, even) = filter(&self.heard);
        let low = limit(((even + odd) >> 14) - self.low.predicted);
        let size = if low >= 0 { low } else { -(low + 1) };
        let level = (1..DECISIONS.len()).find(|at| size < (DECISIONS[*at] * self.low.scale) >> 12).unwrap_or(30) as u8;
        // The two smallest negative codes would be confused with stuffing (G.722 table 15).
        let low_code = match (low < 0, level) {
            (true, 1 | 2) => 64 - level,
            (true, _) => 34 - level,
            (false, _) => 62 - level,
        };
        self.low.advance_low(low_code >> 2);
        let high = limit(((even - odd) >> 14) - self.high.predicted);
        let size = if high >= 0 { high } else { -(high + 1) };
        let is_large = size >= (DECISION_HIGH * self.high.scale) >> 12;
        let high_code = match (high < 0, is_large) {
            (true, true) => 0,
            (true, false) => 1,
            (false, true) => 2,
            (false, false) => 3,
        };
        self.high.advance_high(high_code);
        high_code << 6 | low_code
    }
}

impl Decoder {
    pub fn new() -> Self {
        Self { made: [0; 24], low: Band::new(32), high: Band::new(8) }
    }

    /// Decodes octets, two samples each; tells how many samples it made.
    pub fn decode(&mut self, octets: &[u8], samples: &mut [i16]) -> usize {
        let pairs = samples.chunks_exact_mut(SAMPLES_AN_OCTET);
        2 * octets.iter().zip(pairs).map(|(octet, pair)| self.sound(*octet, pair)).count()
    }

    fn sound(&mut self, octet: u8, pair: &mut [i16]) {
        let (low_code, high_code) = (octet & 0x3f, octet >> 6);
        let low = self.low.predicted + ((self.low.scale * SIX_BITS[usize::from(low_code)]) >> 15);
        let low = low.clamp(-16_384, 16_383);
        self.low.advance_low(low_code >> 2);
        let high = self.high.predicted + ((self.high.scale * TWO_BITS[usize::from(high_code)]) >> 15);
        let high = high.clamp(-16_384, 16_383);
        self.high.advance_high(high_code);
        self.made.copy_within(2.., 0);
        self.made[22] = low + high;
        self.made[23] = low - high;
        let (second, first) = filter(&self.made);
        for (place, sum) in pair.iter_mut().zip([first, second]) {
            *place = limit(sum >> 11) as i16;
        }
    }
}

impl Band {
    fn new(scale: i32) -> Self {
        Self { scale, ..Self::default() }
    }

    fn advance_low(&mut self, code: u8) {
        let code = usize::from(code & 15);
        let step = (self.scale * FOUR_BITS[code]) >> 15;
        self.log_scale = (((self.log_scale * 127) >> 7) + STEPS_LOW[code]).clamp(0, 18_432);
        self.scale = power(self.log_scale, 8);
        self.predict(step);
    }

    fn advance_high(&mut self, code: u8) {
        let code = usize::from(code & 3);
        let step = (self.scale * TWO_BITS[code]) >> 15;
        self.log_scale = (((self.log_scale * 127) >> 7) + STEPS_HIGH[code]).clamp(0, 22_528);
        self.scale = power(self.log_scale, 10);
        self.predict(step);
    }

    /// Block 4: adapts two poles and six zeros to the newest difference and predicts the next sample.
    fn predict(&mut self, step: i32) {
        let made = limit(self.predicted + step);
        let part = limit(self.zeros + step);
        let same = |one: i32, other: i32| one >> 15 == other >> 15;
        // The second pole.
        let wanted = limit(self.poles[0] << 2);
        let wanted = (if same(part, self.parts[0]) { -wanted } else { wanted }).min(32_767);
        let push = if same(part, self.parts[1]) { 128 } else { -128 };
        let second = ((wanted >> 7) + push + ((self.poles[1] * 32_512) >> 15)).clamp(-12_288, 12_288);
        // The first pole, bounded by the second.
        let push = if same(part, self.parts[0]) { 192 } else { -192 };
        let bound = limit(15_360 - second);
        let first = limit(push + ((self.poles[0] * 32_640) >> 15)).clamp(-bound, bound);
        // The zeros.
        let size = if step == 0 { 0 } else { 128 };
        for (weight, past) in self.weights.iter_mut().zip(&self.steps) {
            let push = if same(*past, step) { size } else { -size };
            *weight = limit(push + ((*weight * 32_640) >> 15));
        }
        self.steps.copy_within(..5, 1);
        self.steps[0] = step;
        self.made = [made, self.made[0]];
        self.parts = [part, self.parts[0]];
        self.poles = [first, second];
        let weighed = |weight: i32, value: i32| (weight * limit(value + value)) >> 15;
        let poles = limit(weighed(first, self.made[0]) + weighed(second, self.made[1]));
        let zeros = self.weights.iter().zip(&self.steps).map(|(weight, step)| weighed(*weight, *step)).sum();
        self.zeros = limit(zeros);
        self.predicted = limit(poles + self.zeros);
    }
}

/// Both halves of the band filter, each over every other sample.
fn filter(samples: &[i32; 24]) -> (i32, i32) {
    let (mut odd, mut even) = (0, 0);
    for (at, pair) in samples.chunks_exact(2).enumerate() {
        odd += pair[0] * QMF[at];
        even += pair[1] * QMF[11 - at];
    }
    (odd, even)
}

/// From the logarithmic scale to the linear.
fn power(log: i32, shift: i32) -> i32 {
    let (fine, shift) = (POWERS[(log >> 6 & 31) as usize], shift - (log >> 11));
    (if shift < 0 { fine << -shift } else { fine >> shift }) << 2
}

fn limit(value: i32) -> i32 {
    value.clamp(i32::from(i16::MIN), i32::from(i16::MAX))
}
