//! What a caller heard, piece by piece: silence, ringback, the built-in hold music, or anything else.

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
    /// Anything else: an agent, but also a clip, a menu, a queue's own music, or a phone's own sound.
    Other,
}

impl fmt::Display for Sort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Silence => "silence",
            Self::Ringback => "ringback tone",
            Self::HoldMusic => "hold music",
            Self::Other => "someone or a clip",
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
    /// Ringback as in the switch's country.
    ringback: HashSet<[u8; PRINT]>,
    /// From one ring to the next.
    cadence: Duration,
}

impl Ear {
    pub fn new(country: Country) -> Self {
        let ringback = tone(Tone::Ringback, country);
        let cadence = time_of(ringback.len());
        Self { music: prints(&built_in::hold_music()), ringback: prints(&ringback), cadence }
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
        smooth(stretches, self.cadence)
    }

    fn sort(&self, piece: &[i16]) -> Sort {
        if loudness(piece) < QUIET {
            return Sort::Silence;
        }
        let octets = Sound::from_samples(piece);
        // Most prints of music are found again; a few of any speech may be, by chance.
        let is_of = |sound: &HashSet<[u8; PRINT]>| {
            let prints = octets.octets(Codec::Pcmu).chunks_exact(PRINT);
            let known = prints.filter(|print| <[u8; PRINT]>::try_from(*print).is_ok_and(|it| sound.contains(&it)));
            known.count() * 2 > piece.len() / PRINT
        };
        if is_of(&self.music) {
            return Sort::HoldMusic;
        }
        let peak = tone_peak(piece, 425.0);
        // A phone's own: a pure tone carries nearly all of what is heard.
        let is_tone = || peak > loudness(piece) * std::f64::consts::SQRT_2 * 0.9;
        if is_of(&self.ringback) || is_tone() { Sort::Ringback } else { Sort::Other }
    }
}

/// Every place of a sound but where it is silent, in µ-law: players send it so, and our ear decodes and encodes it without
/// loss.
fn prints(sound: &Sound) -> HashSet<[u8; PRINT]> {
    let octets = sound.octets(Codec::Pcmu);
    let sounds = octets.windows(PRINT).filter(|window| window.iter().any(|octet| Some(octet) != window.first()));
    sounds.filter_map(|window| window.try_into().ok()).collect()
}

fn loudness(samples: &[i16]) -> f64 {
    crate::media::loudness(samples)
}

fn time_of(samples: usize) -> Duration {
    Duration::from_micros(samples as u64 * 125)
}

/// Takes stretches that are too short to mean anything into the one before.
fn smooth(stretches: Vec<Stretch>, cadence: Duration) -> Vec<Stretch> {
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
        let pause = stretch.sort == Sort::Silence && stretch.length <= cadence;
        match whole.last_mut() {
            Some(last) if last.sort == stretch.sort || (last.sort == Sort::Ringback && pause) => {
                last.length += stretch.length;
            }
            _ => whole.push(stretch),
        }
    }
    whole
}

/// One line for people: `hold music 0.0-4.2 s, someone or a clip 4.2-14.2 s`.
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
        Ear::new(Country::Neutral).judge(samples).into_iter().map(|stretch| stretch.sort).collect()
    }

    #[test]
    fn the_ear_tells_music_tone_voice_and_silence_apart() {
        let music: Vec<i16> = built_in::hold_music().samples().skip(1_234).take(24_000).collect();
        let ringback: Vec<i16> = tone(Tone::Ringback, Country::Neutral).samples().collect();
        let voice: Vec<i16> = built_in::hello().samples().take(16_000).collect();
        assert_eq!(sorts(&[0; 16_000]), [Sort::Silence]);
        assert_eq!(sorts(&music), [Sort::HoldMusic]);
        assert_eq!(sorts(&ringback), [Sort::Ringback], "one stretch, its pause included");
        assert!(sorts(&voice).contains(&Sort::Other));
        let call = [ringback.as_slice(), &music, &voice].concat();
        let heard = sorts(&call);
        assert_eq!(heard.get(..3), Some([Sort::Ringback, Sort::HoldMusic, Sort::Other].as_slice()), "{heard:?}");
    }

    /// Ringback is not taken for a person in any country.
    #[test]
    fn the_ear_knows_each_countrys_ringback() {
        for (name, country) in Country::NAMED {
            let rings: Vec<i16> = tone(Tone::Ringback, country).samples().collect();
            let heard = Ear::new(country).judge(&[&rings[..], &rings[..]].concat());
            let sorts: Vec<_> = heard.iter().map(|stretch| stretch.sort).collect();
            assert_eq!(sorts, [Sort::Ringback], "{name}");
        }
    }
}
