//! An ear: what a leg hears, decoded and measured. For `strowger test-call` and for tests.

use std::{f64::consts::TAU, time::Duration};

use super::{SAMPLE_RATE, g711};
use crate::{base::Instant, wire::rtp::Header};

/// What one listener keeps: ten minutes, 10 MB. What comes later is only counted.
pub const LISTENER_SAMPLES_MAX: usize = 10 * 60 * SAMPLE_RATE;

/// A hole in the timestamps longer than this is a new talkspurt, not a loss to be filled with silence.
const HOLE_SAMPLES_MAX: u32 = 60 * SAMPLE_RATE as u32;

/// Listens to one RTP stream as a phone would, without a jitter buffer: PCMU and PCMA by their static payload types.
#[derive(Clone, Debug, Default)]
pub struct Listener {
    samples: Vec<i16>,
    last: Option<Last>,
    first_at: Option<Instant>,
    /// The whole of it.
    pub packets: u64,
    /// Another SSRC appeared: some phones go silent for good then.
    pub ssrc_changes: u32,
    /// Sequence numbers that did not follow by one.
    pub sequence_breaks: u32,
    /// Timestamps that went back or left out sound.
    pub timestamp_breaks: u32,
    /// The longest time between two packets.
    pub longest_wait: Duration,
    /// The longest piece that the timestamps left out.
    pub longest_hole: Duration,
    /// Digits heard as telephone-event, by their end packets' first appearance.
    pub digits: String,
    digit_at: Option<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Last {
    ssrc: u32,
    sequence: u16,
    /// Where the next sound should begin.
    next: u32,
    at: Instant,
}

impl Listener {
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a packet as it arrives; false for what is no sound of ours.
    pub fn hear(&mut self, now: Instant, packet: &[u8]) -> bool {
        let Some(header) = Header::read(packet) else {
            return false;
        };
        let payload = packet.get(header.payload()).unwrap_or_default();
        let decode = match header.payload_type {
            0 => &g711::ULAW_TO_LINEAR,
            8 => &g711::ALAW_TO_LINEAR,
            96..=127 => return self.digit(now, &header, payload),
            _ => return false,
        };
        self.follow(now, &header, true);
        let room = LISTENER_SAMPLES_MAX.saturating_sub(self.samples.len());
        self.samples.extend(payload.iter().take(room).map(|octet| decode[usize::from(*octet)]));
        if let Some(last) = &mut self.last {
            last.next = header.timestamp.wrapping_add(payload.len() as u32);
        }
        true
    }

    /// All that was heard; holes are silence.
    pub fn samples(&self) -> &[i16] {
        &self.samples
    }

    /// What was heard in milliseconds `from..to` since the first packet's sound.
    pub fn between(&self, from_ms: usize, to_ms: usize) -> &[i16] {
        let place = |millis: usize| (millis * (SAMPLE_RATE / 1_000)).min(self.samples.len());
        self.samples.get(place(from_ms)..place(to_ms)).unwrap_or_default()
    }

    pub fn heard_ms(&self) -> u64 {
        (self.samples.len() / (SAMPLE_RATE / 1_000)) as u64
    }

    /// When the first packet came.
    pub fn first_at(&self) -> Option<Instant> {
        self.first_at
    }

    fn digit(&mut self, now: Instant, header: &Header, payload: &[u8]) -> bool {
        let Some([code, flags, ..]) = payload.first_chunk::<4>() else {
            return false;
        };
        self.follow(now, header, false);
        if flags & 0x80 != 0 && self.digit_at != Some(header.timestamp) {
            self.digit_at = Some(header.timestamp);
            self.digits.extend(super::digit_of(*code));
        }
        true
    }

    fn follow(&mut self, now: Instant, header: &Header, is_audio: bool) {
        self.packets += 1;
        self.first_at.get_or_insert(now);
        let Header { ssrc, sequence, timestamp, .. } = *header;
        let mut next = timestamp;
        if let Some(last) = self.last {
            self.longest_wait = self.longest_wait.max(now.since(last.at));
            self.ssrc_changes += u32::from(last.ssrc != ssrc);
            self.sequence_breaks += u32::from(last.sequence.wrapping_add(1) != sequence);
            next = last.next;
            if is_audio && last.ssrc == ssrc && last.next != timestamp {
                self.timestamp_breaks += 1;
                self.fill(timestamp.wrapping_sub(last.next));
            }
        }
        self.last = Some(Last { ssrc, sequence, next, at: now });
    }

    fn fill(&mut self, hole: u32) {
        if hole > HOLE_SAMPLES_MAX {
            return;
        }
        let length = Duration::from_micros(u64::from(hole) * 125);
        self.longest_hole = self.longest_hole.max(length);
        let filled = (self.samples.len() + hole as usize).min(LISTENER_SAMPLES_MAX);
        self.samples.resize(filled.max(self.samples.len()), 0);
    }
}

/// How loud one frequency is in samples at 8 kHz: its peak, 0 to 32767 (Goertzel's way).
pub fn tone_peak(samples: &[i16], hz: f64) -> f64 {
    let turn = TAU * hz / SAMPLE_RATE as f64;
    let coefficient = 2.0 * turn.cos();
    let (mut one, mut two) = (0.0, 0.0);
    for sample in samples {
        let zero = f64::from(*sample) + coefficient * one - two;
        (one, two) = (zero, one);
    }
    let power = one * one + two * two - coefficient * one * two;
    2.0 * power.max(0.0).sqrt() / samples.len().max(1) as f64
}

/// The tone's power against that of all the rest, in dB.
pub fn tone_snr_db(samples: &[i16], hz: f64) -> f64 {
    let peak = tone_peak(samples, hz);
    let tone = peak * peak / 2.0;
    let all = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / samples.len().max(1) as f64;
    10.0 * (tone.max(1e-9) / (all - tone).max(1e-9)).log10()
}

/// Root of the mean square, 0 to 32767.
pub fn loudness(samples: &[i16]) -> f64 {
    (samples.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / samples.len().max(1) as f64).sqrt()
}

/// The longest stretch in milliseconds whose samples stay within `quiet` of zero.
pub fn longest_quiet_ms(samples: &[i16], quiet: u16) -> usize {
    let (mut longest, mut run) = (0, 0);
    for sample in samples {
        run = if sample.unsigned_abs() <= quiet { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest / (SAMPLE_RATE / 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(hz: f64, peak: f64, count: usize) -> Vec<i16> {
        (0..count).map(|at| ((TAU * hz * at as f64 / 8_000.0).sin() * peak) as i16).collect()
    }

    #[test]
    fn a_tone_is_measured() {
        let samples = sine(440.0, 10_000.0, 8_000);
        assert!((9_900.0..10_100.0).contains(&tone_peak(&samples, 440.0)));
        assert!(tone_peak(&samples, 800.0) < 100.0);
        assert!(tone_snr_db(&samples, 440.0) > 40.0 && tone_snr_db(&samples, 800.0) < -30.0);
        assert!((7_000.0..7_100.0).contains(&loudness(&samples)));
    }

    #[test]
    fn quiet_is_measured() {
        let mut samples = sine(440.0, 10_000.0, 800);
        samples.extend([3; 240]);
        samples.extend(sine(440.0, 10_000.0, 800));
        assert_eq!(longest_quiet_ms(&samples, 8), 30);
        assert_eq!(longest_quiet_ms(&[], 8), 0);
    }
}
