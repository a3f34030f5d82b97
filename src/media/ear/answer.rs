//! Who has picked up: a person says little and waits, a machine talks on. And the beep behind a machine's greeting.
//!
//! The parameters are those that dialers have had for twenty years (SEMANTICS 4.2). What is added to them: the threshold
//! rises with the noise on the line, and tones are no words.

use serde::{Deserialize, Serialize};

use super::{
    FRAME, FRAME_MS, Found,
    tone::{ToneFinder, Toned},
};

/// What is listened for, times in milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AnswerSettings {
    /// Silence from the start on that says nothing of a person.
    pub initial_silence_ms: u32,
    /// A longer greeting is a machine's, pauses included.
    pub greeting_ms: u32,
    /// Who is silent for so long behind a greeting waits for an answer: a person.
    pub after_greeting_silence_ms: u32,
    /// After this nothing more is guessed.
    pub total_analysis_time_ms: u32,
    /// A shorter sound is no word.
    pub minimum_word_length_ms: u32,
    /// A shorter pause parts no words.
    pub between_word_silence_ms: u32,
    /// More words are a machine's.
    pub maximum_number_of_words: u32,
    /// Mean of the samples' magnitude, 0 to 32767, up to which a frame is silent.
    pub silence_threshold: u16,
    /// A longer word is a machine's.
    pub maximum_word_length_ms: u32,
}

impl Default for AnswerSettings {
    /// What was right most often on the tuned half of the test's set, with persons taken for machines weighing most.
    fn default() -> Self {
        Self {
            initial_silence_ms: 3_500,
            greeting_ms: 3_000,
            after_greeting_silence_ms: 900,
            total_analysis_time_ms: 6_000,
            minimum_word_length_ms: 100,
            between_word_silence_ms: 50,
            maximum_number_of_words: 12,
            silence_threshold: 60,
            maximum_word_length_ms: 2_500,
        }
    }
}

/// Who has picked up.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    Human,
    Machine,
    /// To be treated as a person: nobody is to be left in silence for a guess.
    NotSure,
    /// Gone before anything was sure.
    HungUp,
}

/// What the judgement rests on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Because {
    /// A short greeting, and silence behind it.
    Waits,
    /// Nothing was said.
    InitialSilence,
    LongGreeting,
    ManyWords,
    LongWord,
    /// A beep before anything was sure.
    Beep,
    /// The tone of a fax machine.
    Fax,
    /// The time for it was over.
    TimeUp,
    HungUp,
}

/// Frames looked at before the first is judged: what the line's noise is, is known by then.
const FIRST: usize = 10;

/// Frames of which the quietest is the noise: 1.6 s, in which everybody breathes.
const NOISE_FRAMES: usize = 80;

/// A voice is this much louder than the noise, in halves.
const ABOVE_NOISE: u32 = 4;

/// Noise that is louder than this is none.
const NOISE_MAX: u32 = 1_400;

/// What is so much fainter than the loudest word, is its echo or somebody else.
const FAINTER: u32 = 7;

/// How long a tone sounds before it is no word.
const TONE_MS: u32 = 80;

/// For how long a machine's beep is waited for, from the start on.
const BEEP_WAIT_MAX_MS: u32 = 90_000;

/// Call progress is no beep: ringing and busy lie here, and last longer than a beep so low would.
const PROGRESS_HZ: std::ops::RangeInclusive<u16> = 375..=500;
const PROGRESS_MS: u32 = 800;

/// A called fax machine says so in 2.6 to 4 s of 2100 Hz; a calling one in half seconds of 1100 Hz (ITU-T T.30 4.3.3).
const FAX_CALLED_HZ: std::ops::RangeInclusive<u16> = 2_075..=2_125;
const FAX_CALLED_MS: u32 = 800;
const FAX_CALLING_HZ: std::ops::RangeInclusive<u16> = 1_075..=1_125;
const FAX_CALLING_MS: std::ops::RangeInclusive<u32> = 420..=580;

/// Listens to one answered leg, frame by frame.
#[derive(Clone, Debug)]
pub struct Judge {
    settings: AnswerSettings,
    tones: ToneFinder,
    /// Levels of the latest frames, in a ring, and how many there have been.
    levels: [u16; NOISE_FRAMES],
    heard: usize,
    /// Of the loudest word.
    loudest: u32,
    elapsed_ms: u32,
    /// Since the last voice.
    quiet_ms: u32,
    /// Of the sound that goes on now.
    voice_ms: u32,
    /// From the first word to the end of the last.
    greeting_ms: u32,
    words: u32,
    is_in_word: bool,
    sure: Option<Answer>,
    is_done: bool,
}

impl Judge {
    pub fn new(settings: AnswerSettings) -> Self {
        Self {
            settings,
            tones: ToneFinder::new(),
            levels: [0; NOISE_FRAMES],
            heard: 0,
            loudest: 0,
            elapsed_ms: 0,
            quiet_ms: 0,
            voice_ms: 0,
            greeting_ms: 0,
            words: 0,
            is_in_word: false,
            sure: None,
            is_done: false,
        }
    }

    /// A judgement was told.
    pub fn is_sure(&self) -> bool {
        self.sure.is_some()
    }

    /// Nothing is listened for any more.
    pub fn is_done(&self) -> bool {
        self.is_done
    }

    pub fn hear(&mut self, frame: &[i16; FRAME]) -> Option<Found> {
        self.elapsed_ms = self.elapsed_ms.saturating_add(FRAME_MS);
        let level = frame.iter().map(|sample| u32::from(sample.unsigned_abs())).sum::<u32>() / FRAME as u32;
        self.levels[self.heard % NOISE_FRAMES] = u16::try_from(level).unwrap_or(u16::MAX);
        self.heard += 1;
        let toned = self.tones.hear(frame);
        if self.is_sure() {
            self.is_done |= self.elapsed_ms >= BEEP_WAIT_MAX_MS;
            return toned.and_then(|toned| self.beep(toned));
        }
        if let Some(told) = toned.and_then(|toned| self.on_tone(toned)) {
            return Some(told);
        }
        match self.heard {
            ..FIRST => None,
            // What the first frames were is only known now.
            FIRST => (0..FIRST).find_map(|at| self.follow(u32::from(self.levels[at]))),
            _ => self.follow(level),
        }
    }

    fn follow(&mut self, level: u32) -> Option<Found> {
        let is_voice = level > self.threshold() && self.tones.sounds_for() < TONE_MS;
        let decided = if is_voice { self.on_voice(level) } else { self.on_quiet() };
        let decided = decided.or_else(|| {
            let is_late = self.elapsed_ms >= self.settings.total_analysis_time_ms;
            is_late.then_some((Answer::NotSure, Because::TimeUp))
        });
        decided.map(|(answer, because)| self.decide(answer, because))
    }

    fn on_voice(&mut self, level: u32) -> Option<(Answer, Because)> {
        let settings = &self.settings;
        self.voice_ms += FRAME_MS;
        if self.voice_ms >= settings.minimum_word_length_ms {
            // It began with this word, or goes on with what was quiet before it.
            let before = if self.words > 0 { self.quiet_ms } else { self.voice_ms - FRAME_MS };
            self.greeting_ms += before + FRAME_MS;
            self.words += u32::from(!self.is_in_word);
            (self.is_in_word, self.quiet_ms) = (true, 0);
            self.loudest = self.loudest.max(level);
        } else {
            self.quiet_ms += FRAME_MS;
        }
        if self.words > settings.maximum_number_of_words {
            return Some((Answer::Machine, Because::ManyWords));
        }
        if self.voice_ms > settings.maximum_word_length_ms {
            return Some((Answer::Machine, Because::LongWord));
        }
        (self.greeting_ms > settings.greeting_ms).then_some((Answer::Machine, Because::LongGreeting))
    }

    fn on_quiet(&mut self) -> Option<(Answer, Because)> {
        let settings = &self.settings;
        self.quiet_ms += FRAME_MS;
        if self.quiet_ms >= settings.between_word_silence_ms || !self.is_in_word {
            (self.is_in_word, self.voice_ms) = (false, 0);
        }
        if self.words == 0 {
            let is_long = self.quiet_ms >= settings.initial_silence_ms;
            return is_long.then_some((Answer::NotSure, Because::InitialSilence));
        }
        (self.quiet_ms >= settings.after_greeting_silence_ms).then_some((Answer::Human, Because::Waits))
    }

    /// A tone before anything is sure.
    fn on_tone(&mut self, toned: Toned) -> Option<Found> {
        let is_fax = (FAX_CALLED_HZ.contains(&toned.hz) && toned.millis >= FAX_CALLED_MS)
            || (FAX_CALLING_HZ.contains(&toned.hz)
                && toned.is_over
                && self.words == 0
                && FAX_CALLING_MS.contains(&toned.millis));
        if is_fax {
            return Some(self.decide(Answer::Machine, Because::Fax));
        }
        if PROGRESS_HZ.contains(&toned.hz) && toned.millis >= PROGRESS_MS {
            // It rings on elsewhere: nobody has picked up yet.
            (self.elapsed_ms, self.quiet_ms) = (0, 0);
            return None;
        }
        toned.is_over.then(|| self.decide(Answer::Machine, Because::Beep))
    }

    fn beep(&mut self, toned: Toned) -> Option<Found> {
        let is_progress = PROGRESS_HZ.contains(&toned.hz) && toned.millis >= PROGRESS_MS;
        if !toned.is_over || is_progress {
            return None;
        }
        Some(Found::Beep { hz: toned.hz, millis: toned.millis })
    }

    fn decide(&mut self, answer: Answer, because: Because) -> Found {
        self.sure = Some(answer);
        // A person does not beep, and a fax machine takes no message.
        self.is_done = answer == Answer::Human || because == Because::Fax;
        Found::Answer(answer, because)
    }

    /// What a frame must be louder than to be a voice's.
    fn threshold(&self) -> u32 {
        let noise = self.levels.iter().take(self.heard).copied().min().unwrap_or_default();
        let above = u32::from(noise).min(NOISE_MAX) * ABOVE_NOISE / 2;
        above.max(self.loudest / FAINTER).max(u32::from(self.settings.silence_threshold))
    }
}

#[cfg(test)]
mod tests;
