//! Ears: what is listened for in a leg's sound, beside whoever hears it.

use smallvec::SmallVec;

use super::{
    super::{
        AnswerSettings, Event,
        ear::{Ear, Found},
        g711,
        ingress::{Heard, Kind},
    },
    Core, NOBODY, Stream,
};
use crate::base::{Instant, StreamId};

/// What one packet may bring to light.
pub type Findings = SmallVec<[Found; 2]>;

impl Stream {
    /// Listens for what this leg's form and the engine want, and for nothing else.
    pub(super) fn tune_ear(&mut self, now: Instant) {
        let wants_keys = self.form.presses_tones();
        let codec = self.says;
        let ear = match self.ear.take() {
            Some(ear) if ear.codec() == codec => Some(ear),
            Some(ear) => ear.recoded(now, codec).map(Box::new),
            None if wants_keys => Ear::new(now, codec).map(Box::new),
            None => None,
        };
        self.ear = ear.and_then(|mut ear| {
            ear.listen_for_keys(wants_keys);
            ear.is_needed().then_some(ear)
        });
    }
}

impl Core {
    /// A packet of a leg that is listened to. Of a key that is held its hearers are not told twice: where they get it as
    /// a digit, its tones are taken out.
    #[cold]
    pub(super) fn overhear(&mut self, now: Instant, place: u32, heard: &Heard, buffer: &mut [u8]) -> Findings {
        let mut found = Findings::new();
        let (Kind::Audio(codec), Some(payload)) = (heard.kind, buffer.get_mut(heard.header.payload())) else {
            return found;
        };
        let Some(stream) = self.stream_mut(place) else { return found };
        let Some(ear) = &mut stream.ear else { return found };
        ear.hear(now, codec, &heard.header, payload, &mut |told| found.push(told));
        let holds = ear.hears_key();
        if !ear.is_needed() {
            stream.ear = None;
        }
        let (partner, mix) = (stream.partner, stream.mix);
        let is_told = mix != NOBODY || self.stream(partner).is_some_and(|other| other.form.is_told_digits());
        if holds && is_told && codec.is_g711() {
            payload.fill(g711::silence(codec));
        }
        found
    }

    pub(super) fn judge(&mut self, now: Instant, id: StreamId, settings: AnswerSettings) {
        let Some(stream) = self.find(id) else { return };
        let codec = stream.says;
        let ear = stream.ear.take().or_else(|| Ear::new(now, codec).map(Box::new));
        stream.ear = ear.map(|mut ear| {
            ear.judge(now, settings);
            ear
        });
        self.judged.push(id);
    }

    /// Somebody waits for a judgement, and a leg that sends nothing in silence brings no packets that would bring it about.
    pub(super) fn look_at_judged(&mut self, now: Instant) {
        let mut judged = std::mem::take(&mut self.judged);
        judged.sort_unstable();
        judged.dedup();
        judged.retain(|id| {
            let Some(place) = self.by_id.get(id).copied() else { return false };
            self.let_wait(now, *id, place);
            self.stream(place).and_then(|stream| stream.ear.as_ref()).is_some_and(|ear| ear.judges())
        });
        self.judged.append(&mut judged);
    }

    /// Nothing may have come from a leg for a while.
    pub(super) fn let_wait(&mut self, now: Instant, id: StreamId, place: u32) {
        let Some(ear) = self.stream_mut(place).and_then(|stream| stream.ear.as_mut()) else { return };
        let mut found = Findings::new();
        ear.wait(now, &mut |told| found.push(told));
        found.into_iter().for_each(|found| self.tell_found(now, id, place, found));
    }

    pub(super) fn tell_found(&mut self, now: Instant, id: StreamId, place: u32, found: Found) {
        self.events.push_back(told(id, found));
        if let Found::Key(digit, millis) = found {
            self.digit_to_mix(now, place, digit, millis);
            // Who is told no digits has heard the tones.
            self.digit_to_partner(now, place, digit, millis, |other| other.form.is_told_digits());
        }
    }
}

/// What the engine is told of it.
pub fn told(stream: StreamId, found: Found) -> Event {
    match found {
        Found::Key(digit, millis) => Event::Dtmf { stream, digit, millis },
        Found::Answer(answer, because) => Event::Answered { stream, answer, because },
        Found::Beep { hz, millis } => Event::Beep { stream, hz, millis },
    }
}
