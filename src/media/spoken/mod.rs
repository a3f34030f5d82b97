//! What the switch says by itself: numbers and sentences in the languages that it speaks, as sequences of built-in clips.
//!
//! Enters: the grammar of numbers, the names of the words. The sound of each word is a file in `media/voices`.

mod number;
mod words;

use super::{SAMPLE_RATE, Sound, wav};
use crate::base::ClipId;

pub use number::{NUMBER_MAX, number, number_before_noun};

/// A language that the switch speaks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, serde::Serialize, serde::Deserialize)]
pub enum Language {
    #[default]
    #[serde(rename = "en")]
    English,
    #[serde(rename = "pt")]
    Portuguese,
    #[serde(rename = "es")]
    Spanish,
}

/// One thing to say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phrase {
    /// You are the first in the line.
    First,
    /// You are number … in the line.
    Place(u16),
    /// Your place is above …
    Beyond(u16),
    /// The wait is about … minutes; none is less than one.
    Wait(u16),
    /// The wait is more than … minutes.
    WaitOver(u16),
    /// To an agent: this caller has waited … minutes.
    HasWaited(u16),
}

/// Built-in words lie above every clip that a settings file names (those stay below 2^48).
const FIRST_CLIP: u64 = 1 << 48;

/// Room for the words of one language.
const WORDS_MAX: u64 = 256;

/// The pause between two sentences.
const PAUSE: &str = "pause";
const PAUSE_MILLIS: usize = 250;

impl Language {
    pub const ALL: [Self; 3] = [Self::English, Self::Portuguese, Self::Spanish];

    /// Its name in settings: that of ISO 639.
    pub const fn name(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Portuguese => "pt",
            Self::Spanish => "es",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.name() == name)
    }

    fn words(self) -> &'static [words::Word] {
        match self {
            Self::English => words::ENGLISH,
            Self::Portuguese => words::PORTUGUESE,
            Self::Spanish => words::SPANISH,
        }
    }

    fn first_clip(self) -> u64 {
        FIRST_CLIP + self as u64 * WORDS_MAX
    }

    /// The clip of a word; the pause has one in every language.
    pub fn clip(self, word: &str) -> Option<ClipId> {
        let words = self.words();
        let place = words.iter().position(|(name, _)| *name == word);
        let place = place.or_else(|| (word == PAUSE).then_some(words.len()))?;
        Some(ClipId(self.first_clip() + place as u64))
    }

    /// The sentences as clips to be played one behind the other.
    pub fn say(self, phrases: &[Phrase]) -> Vec<ClipId> {
        let spoken = phrases.iter().enumerate().flat_map(|(at, phrase)| {
            let pause = (at > 0).then_some(PAUSE);
            pause.into_iter().chain(self.phrase(*phrase))
        });
        spoken.filter_map(|word| self.clip(word)).collect()
    }

    /// The words of one sentence.
    pub fn phrase(self, phrase: Phrase) -> Vec<&'static str> {
        match phrase {
            Phrase::First => vec!["first"],
            Phrase::Place(place) => [vec!["you_are_number"], number(self, place), vec!["in_line"]].concat(),
            Phrase::Beyond(place) => [vec!["beyond"], number(self, place)].concat(),
            Phrase::Wait(0) => vec!["wait_short"],
            Phrase::Wait(minutes) => self.minutes("wait", minutes),
            Phrase::WaitOver(minutes) => self.minutes("wait_over", minutes),
            Phrase::HasWaited(0) => vec!["has_waited_short"],
            Phrase::HasWaited(minutes) => self.minutes("has_waited", minutes),
        }
    }

    fn minutes(self, before: &'static str, minutes: u16) -> Vec<&'static str> {
        let noun = if minutes == 1 { "minute" } else { "minutes" };
        [vec![before], number_before_noun(self, minutes), vec![noun]].concat()
    }
}

/// Every built-in clip with its sound.
pub fn clips() -> impl Iterator<Item = (ClipId, Sound)> {
    Language::ALL.into_iter().flat_map(|language| {
        let pause = (PAUSE, Sound::from_samples(&[0; PAUSE_MILLIS * SAMPLE_RATE / 1_000]));
        let words = language.words().iter().map(|(name, file)| (*name, read(file)));
        words.chain([pause]).filter_map(move |(name, sound)| Some((language.clip(name)?, sound)))
    })
}

/// A built-in clip as a settings file names it: `pt/thanks`.
pub fn named(name: &str) -> Option<Sound> {
    let (language, word) = name.split_once('/')?;
    let mut words = Language::named(language)?.words().iter();
    words.find(|(name, _)| *name == word).map(|(_, file)| read(file))
}

/// Files of our own: a test reads them, so that no start has to fail.
fn read(file: &[u8]) -> Sound {
    wav::read(file).unwrap_or_else(|_| Sound::from_samples(&[]))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::media::{longest_quiet_ms, loudness};

    /// SW-12: every word is there, begins and ends without a click, and sounds all the way but for the breaks of speech.
    #[test]
    fn every_word_sounds() {
        for language in Language::ALL {
            assert!((language.words().len() as u64) < WORDS_MAX);
            for (name, file) in language.words() {
                let samples: Vec<i16> = wav::read(file).expect(name).samples().collect();
                assert!((800..8_000 * 8).contains(&samples.len()), "{name}: {} samples", samples.len());
                assert!(loudness(&samples) > 500.0, "{name}: {}", loudness(&samples));
                assert!(longest_quiet_ms(&samples, 60) < 600, "{name}");
                let edges = [samples[0], samples[samples.len() - 1]];
                assert!(edges.iter().all(|edge| edge.abs() < 300), "{name}: {edges:?}");
            }
        }
    }

    #[test]
    fn each_clip_has_an_id_of_its_own() {
        let clips: BTreeMap<ClipId, Sound> = clips().collect();
        let words: usize = Language::ALL.iter().map(|language| language.words().len() + 1).sum();
        assert_eq!(clips.len(), words);
        assert!(clips.keys().all(|clip| (1 << 48..1 << 53).contains(&clip.0)));
        assert_eq!(named("pt/thanks"), Language::Portuguese.clip("thanks").and_then(|clip| clips.get(&clip).cloned()));
        assert!(named("pt/nothing").is_none() && named("thanks").is_none() && named("xx/thanks").is_none());
    }

    /// QE-06: no sentence has a word that its language lacks.
    #[test]
    fn every_sentence_can_be_said() {
        for language in Language::ALL {
            let numbers = (0..=NUMBER_MAX).flat_map(|number| {
                [Phrase::Place(number), Phrase::Beyond(number), Phrase::Wait(number), Phrase::WaitOver(number)]
            });
            for phrase in
                numbers.chain([Phrase::First, Phrase::HasWaited(0), Phrase::HasWaited(1), Phrase::HasWaited(12)])
            {
                let words = language.phrase(phrase);
                assert!(words.iter().all(|word| language.clip(word).is_some()), "{language:?} {words:?}");
                assert_eq!(language.say(&[phrase]).len(), words.len());
            }
        }
        assert_eq!(Language::English.phrase(Phrase::Wait(1)), ["wait", "1", "minute"]);
        assert_eq!(Language::Spanish.phrase(Phrase::Wait(1)), ["wait", "1-", "minute"]);
        assert_eq!(Language::Portuguese.phrase(Phrase::Place(4)), ["you_are_number", "4", "in_line"]);
        assert_eq!(Language::English.say(&[Phrase::First, Phrase::Wait(0)]).len(), 3, "with a pause between");
    }
}
