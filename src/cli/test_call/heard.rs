//! What a caller heard, piece by piece: silence, ringback, hold music, or someone.

use std::{
    collections::HashSet,
    fmt::{self, Write as _},
    time::Duration,
};

use crate::media::{Codec, Country, Sound, Tone, built_in, tone, tone_peak};

/// Samples of the pieces that are judged one by one: long enough for a tone, short enough for a syllable.
const PIECE: usize = 1_600;

/// Quieter pieces are silence.
const QUIET: f64 = 60.0;

/// Octets by which a place in the music is known again.
const PRINT: usize = 16;

/// A change shorter than this is noise on a border, not a piece of its own.
const SHORTEST: Duration = Duration::from_millis(400);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sort {
    Silence,
    Ringback,
    HoldMusic,
    /// Nothing that the switch plays by itself: an agent, a clip, a phone's own sound.
    Someone,
}

impl fmt::Display for Sort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Silence => "silence",
            Self::Ringback => "ringback tone",
            Self::HoldMusic => "hold music",
            Self::Someone => "someone",
        })
    }
}

/// A stretch of one sort.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stretch {
    pub sort: Sort,
    pub from: Duration,
    pub length: Duration,
}

/// Knows the switch's own sounds again.
pub struct Ear {
    music: HashSet<[u8; PRINT]>,
}

impl Ear {
    pub fn new() -> Self {
        Self { music: prints(&built_in::hold_music()) }
    }

    /// The samples cut into stretches.
    pub fn judge(&self, samples: &[i16]) -> Vec<Stretch> {
        let mut stretches: Vec<Stretch> = Vec::new();
        for (index, piece) in samples.chunks(PIECE).enumerate() {
            let sort = self.sort(piece);
            let (from, length) = (time_of(index * PIECE), time_of(piece.len()));
            match stretches.last_mut() {
                Some(last) if last.sort == sort => last.length += length,
                _ => stretches.push(Stretch { sort, from, length }),
            }
        }
        smooth(stretches)
    }

    fn sort(&self, piece: &[i16]) -> Sort {
        if loudness(piece) < QUIET {
            return Sort::Silence;
        }
        let octets = Sound::from_samples(piece);
        let known = octets.octets(Codec::Pcmu).chunks_exact(PRINT).filter(|print| self.knows(print)).count();
        // Most prints of music are found again; a few of any speech may be, by chance.
        if known * 2 > piece.len() / PRINT {
            return Sort::HoldMusic;
        }
        let peak = tone_peak(piece, 425.0);
        // A pure tone carries nearly all of what is heard.
        if peak > loudness(piece) * std::f64::consts::SQRT_2 * 0.9 { Sort::Ringback } else { Sort::Someone }
    }

    fn knows(&self, print: &[u8]) -> bool {
        <[u8; PRINT]>::try_from(print).is_ok_and(|print| self.music.contains(&print))
    }
}

/// Every place of a sound, in µ-law: players send it so, and our ear decodes and encodes it without loss.
fn prints(sound: &Sound) -> HashSet<[u8; PRINT]> {
    let octets = sound.octets(Codec::Pcmu);
    octets.windows(PRINT).filter_map(|window| window.try_into().ok()).collect()
}

fn loudness(samples: &[i16]) -> f64 {
    crate::media::loudness(samples)
}

fn time_of(samples: usize) -> Duration {
    Duration::from_micros(samples as u64 * 125)
}

/// Takes stretches that are too short to mean anything into the one before.
fn smooth(stretches: Vec<Stretch>) -> Vec<Stretch> {
    let mut smooth: Vec<Stretch> = Vec::new();
    for stretch in stretches {
        match smooth.last_mut() {
            Some(last) if last.sort == stretch.sort || stretch.length < SHORTEST => last.length += stretch.length,
            _ => smooth.push(stretch),
        }
    }
    // Ringback comes and goes; its pauses are part of it.
    let mut whole: Vec<Stretch> = Vec::new();
    for stretch in smooth {
        let pause = stretch.sort == Sort::Silence && stretch.length <= cadence();
        match whole.last_mut() {
            Some(last) if last.sort == stretch.sort || (last.sort == Sort::Ringback && pause) => {
                last.length += stretch.length;
            }
            _ => whole.push(stretch),
        }
    }
    whole
}

fn cadence() -> Duration {
    time_of(tone(Tone::Ringback, Country::Neutral).len())
}

/// One line for people: `hold music 0.0-4.2 s, someone 4.2-14.2 s`.
pub fn told(stretches: &[Stretch]) -> String {
    let mut text = String::new();
    for Stretch { sort, from, length } in stretches {
        let comma = if text.is_empty() { "" } else { ", " };
        let _ = write!(text, "{comma}{sort} {:.1}-{:.1} s", from.as_secs_f64(), (*from + *length).as_secs_f64());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorts(samples: &[i16]) -> Vec<Sort> {
        Ear::new().judge(samples).into_iter().map(|stretch| stretch.sort).collect()
    }

    #[test]
    fn the_ear_tells_music_tone_voice_and_silence_apart() {
        let music: Vec<i16> = built_in::hold_music().samples().skip(1_234).take(24_000).collect();
        let ringback: Vec<i16> = tone(Tone::Ringback, Country::Neutral).samples().collect();
        let voice: Vec<i16> = built_in::hello().samples().take(16_000).collect();
        assert_eq!(sorts(&[0; 16_000]), [Sort::Silence]);
        assert_eq!(sorts(&music), [Sort::HoldMusic]);
        assert_eq!(sorts(&ringback), [Sort::Ringback], "one stretch, its pause included");
        assert!(sorts(&voice).contains(&Sort::Someone));
        let call = [ringback.as_slice(), &music, &voice].concat();
        let heard = sorts(&call);
        assert_eq!(heard.get(..3), Some([Sort::Ringback, Sort::HoldMusic, Sort::Someone].as_slice()), "{heard:?}");
    }
}
