//! Which codecs a leg is offered and which one it gets, with whose numbers.

use smallvec::SmallVec;

use crate::{
    media::{Codec, PayloadTypes},
    switch::{Digits, Quirks},
    wire::sdp::{Format, Media},
};

/// What we encode and decode ourselves, the cheapest first.
const OURS: [Codec; 4] = [Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::Opus];

/// Codecs taken over from an offer; the rest of a longer one is left out.
pub const CHOICES_MAX: usize = 16;

/// Payload types for what has no static one.
const DYNAMIC: std::ops::RangeInclusive<u8> = 96..=127;

/// Encodings that accompany a codec and are none by themselves.
const NO_CODECS: [&str; 5] = ["telephone-event", "CN", "red", "ulpfec", "rtx"];

/// One codec of a description, with that side's number for it.
#[derive(Clone, PartialEq, Debug)]
pub struct Choice {
    pub codec: Codec,
    pub format: Format,
}

/// What one description has of audio: its codecs in order, and what goes with them.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Menu {
    pub choices: SmallVec<[Choice; 4]>,
    /// Clock and payload type of telephone-event (RFC 4733).
    events: SmallVec<[(u32, u8); 2]>,
    /// Clock and payload type of comfort noise (RFC 3389).
    noises: SmallVec<[(u32, u8); 1]>,
}

impl Menu {
    pub fn of(media: &Media) -> Self {
        let mut menu = Self::default();
        for format in media.formats.iter().filter(|format| format.clock > 0) {
            let name = |wanted: &str| format.name.eq_ignore_ascii_case(wanted);
            if name("telephone-event") {
                menu.events.push((format.clock, format.pt));
            } else if name("CN") {
                menu.noises.push((format.clock, format.pt));
            } else if menu.choices.len() < CHOICES_MAX
                && !NO_CODECS.into_iter().any(name)
                && let Some(codec) = Codec::named(&format.name, format.clock, format.channels)
                && !menu.choices.iter().any(|choice| choice.codec == codec)
            {
                menu.choices.push(Choice { codec, format: format.clone() });
            }
        }
        menu
    }

    /// What we offer somebody who shall talk with the owner of `theirs`: all that passes untouched, then what we
    /// transcode it to, if we can decode any of it.
    pub fn for_peer_of(theirs: Option<&Self>) -> Self {
        let mut menu = Self::default();
        if let Some(theirs) = theirs {
            menu.choices.extend(theirs.choices.iter().cloned());
        }
        if menu.choices.is_empty() || menu.choices.iter().any(|choice| choice.codec.is_ours()) {
            for codec in OURS {
                if !menu.choices.iter().any(|choice| choice.codec == codec) {
                    let format = menu.format(codec);
                    menu.choices.push(Choice { codec, format });
                }
            }
        }
        let noises = theirs.map(|theirs| theirs.noises.clone()).unwrap_or_default();
        // A caller's own number for it is as good as any; 13 is static (RFC 3551 6).
        menu.noises = noises.into_iter().filter(|(clock, pt)| *clock == 8_000 && *pt == 13).collect();
        let mut clocks: SmallVec<[u32; 4]> = SmallVec::new();
        for clock in menu.choices.iter().map(|choice| choice.codec.clock_hz()) {
            if !clocks.contains(&clock) {
                clocks.push(clock);
            }
        }
        for clock in clocks {
            let pt = menu.vacant(101);
            menu.events.push((clock, pt));
        }
        menu
    }

    /// The same for a leg that wants it otherwise: its codecs alone, in its order; no events where digits go in INFO.
    pub fn bent(&self, quirks: &Quirks) -> Self {
        let mut menu = self.clone();
        if !quirks.codecs.is_empty() {
            let place = |choice: &Choice| quirks.codecs.iter().position(|codec| *codec == choice.codec);
            menu.choices.retain(|choice| place(choice).is_some());
            menu.choices.sort_by_key(|choice| place(choice));
        }
        if quirks.digits != Digits::Rtp {
            menu.events.clear();
        }
        menu
    }

    /// The place of the codec that the owner of this menu gets, when he talks with somebody who speaks `other`; by
    /// himself, he gets what we can play music in. `None` when the two can't be brought together.
    pub fn choose(&self, other: Option<Codec>) -> Option<&Choice> {
        let first = |wanted: &dyn Fn(Codec) -> bool| self.choices.iter().find(|choice| wanted(choice.codec));
        match other {
            Some(other) => first(&|codec| codec == other)
                .or_else(|| first(&|codec| codec.reaches(other)))
                .or_else(|| first(&|codec| codec.is_ours() && other.is_ours())),
            None => first(&Codec::is_ours).or(self.choices.first()),
        }
    }

    pub fn find(&self, codec: Codec) -> Option<&Choice> {
        self.choices.iter().find(|choice| choice.codec == codec)
    }

    /// What its owner may change to beside that codec, of what we have offered and can decode: with our numbers (RFC 3264 7).
    pub fn also_of(&self, ours: &Self, codec: Codec) -> Box<[(u8, Codec)]> {
        let others = self.choices.iter().map(|choice| choice.codec).filter(|other| *other != codec && other.is_ours());
        others.filter_map(|other| Some((ours.find(other)?.format.pt, other))).collect()
    }

    /// Clock and number of telephone-event beside a codec: at the codec's clock (RFC 4733 2.1), or at 8000 from those
    /// who know no other.
    pub fn event(&self, codec: Codec) -> Option<(u32, u8)> {
        let at = |clock: u32| self.events.iter().find(|(other, _)| *other == clock).copied();
        at(codec.clock_hz()).or_else(|| at(8_000))
    }

    pub fn event_at(&self, clock: u32) -> Option<u8> {
        self.events.iter().find(|(other, _)| *other == clock).map(|(_, pt)| *pt)
    }

    pub fn noise(&self, codec: Codec) -> Option<u8> {
        self.noises.iter().find(|(clock, _)| *clock == codec.clock_hz()).map(|(_, pt)| *pt)
    }

    /// The formats of an `m=` line.
    pub fn formats(&self) -> impl Iterator<Item = Format> + '_ {
        let choices = self.choices.iter().map(|choice| choice.format.clone());
        let noises = self.noises.iter().map(|(clock, pt)| Format::new(*pt, "CN", *clock));
        choices.chain(noises).chain(self.events.iter().map(|(clock, pt)| Format::telephone_event(*pt, *clock)))
    }

    /// What suits a browser. One telephone-event alone, at the first codec's clock: given two, Chromium sends but the ends of
    /// digits. No comfort noise: given it, Chromium all but stops sending while nobody speaks, and whoever is muted there
    /// would be silent on the wire (CH-03).
    pub fn suit_browser(&mut self) {
        self.noises.clear();
        if let Some(event) = self.choices.first().and_then(|choice| self.event(choice.codec)) {
            self.events = std::iter::once(event).collect();
        }
    }

    /// One codec alone, and what goes with it.
    pub fn only(&self, choice: Choice) -> Self {
        let noises = self.noise(choice.codec).map(|pt| (choice.codec.clock_hz(), pt));
        let events = self.event(choice.codec);
        Self {
            choices: std::iter::once(choice).collect(),
            events: events.into_iter().collect(),
            noises: noises.into_iter().collect(),
        }
    }

    fn format(&self, codec: Codec) -> Format {
        let usual = codec.static_payload_type().filter(|pt| !self.has(*pt));
        let pt = usual.unwrap_or_else(|| self.vacant(111));
        Format { channels: codec.channels(), fmtp: wishes(codec), ..Format::new(pt, codec.name(), codec.clock_hz()) }
    }

    /// A payload type that nothing here has yet; the usual one if it can be.
    fn vacant(&self, usual: u8) -> u8 {
        // There are more numbers than a menu has lines.
        std::iter::once(usual).chain(DYNAMIC).find(|pt| !self.has(*pt)).unwrap_or(96)
    }

    fn has(&self, pt: u8) -> bool {
        self.choices.iter().any(|choice| choice.format.pt == pt)
            || self.events.iter().chain(&self.noises).any(|(_, other)| *other == pt)
    }
}

/// What we would like to be sent of a codec that we decode ourselves.
pub fn wishes(codec: Codec) -> Option<String> {
    (codec == Codec::Opus).then(|| "useinbandfec=1".to_owned())
}

/// Numbers in either direction, where both sides have one.
pub fn both(theirs: Option<u8>, ours: Option<u8>) -> Option<PayloadTypes> {
    Some(PayloadTypes { send: theirs?, receive: ours? })
}
