//! What callers and agents of a queue are told: a welcome, their place, whose call it is. When it is time the distributor
//! says; how it sounds is said here.

use std::{sync::Arc, time::Duration};

use super::{Engine, Spoken, drive::Timer};
use crate::{
    acd::{Announcement, Expected, Place},
    base::{CallId, ClipId, EngagementId, InteractionId, LegId, Now, OfferId, PlayId, QueueId},
    media::{
        Source,
        spoken::{Language, Phrase},
    },
    switch::{Cause, EndedBy},
};

/// A caller who waits unanswered is told so again this often: proxies give up on a silent INVITE after three minutes.
const EARLY_REMINDER: Duration = Duration::from_secs(60);

/// A welcome that lasts longer is cut: the plane has lost it, or nobody wants to hear that much before he waits.
const WELCOME_TIME_MAX: Duration = Duration::from_secs(120);

/// The bridge waits no longer for what agent and caller are told before it.
pub(super) const BRIEFING_TIME_MAX: Duration = Duration::from_secs(10);

/// How much longer the distributor waits for that bridge.
const BRIEFING_MARGIN: Duration = Duration::from_secs(5);

/// What a clip is for, and so what comes behind it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Purpose {
    /// It is all that the caller gets.
    Farewell,
    /// The queue takes him then.
    Welcome(QueueId),
    Announcement(InteractionId),
    /// The bridge comes when all of these are over.
    Briefing(OfferId),
    /// What a menu says.
    Menu,
    /// Of an agent's: they talk on behind it.
    Clip,
}

/// Of an offer that was accepted: told before the bridge.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Briefing {
    #[default]
    NotYet,
    /// So many clips still play.
    Plays(u8),
    Over,
}

impl Engine {
    /// Plays a clip as the last thing that a caller hears.
    pub(super) fn play_farewell(&mut self, now: Now, call: CallId, clip: ClipId) {
        self.switch.answer(now, call);
        self.on_transferred(now, call);
        if let Some(play) = self.switch.play_once(call, Source::Clip(clip)) {
            self.plays.insert((call, play), Purpose::Farewell);
        }
    }

    /// A call comes to a queue: welcomed first, where the queue says so.
    pub(super) fn approach(&mut self, now: Now, call: CallId, queue: QueueId) {
        let Some(welcome) = self.spoken(queue, call).and_then(|(spoken, language)| {
            let key = spoken.welcome.as_deref()?;
            self.directory.clip_in(key, language)
        }) else {
            return self.enqueue(now, call, queue, self.place_of(now, call));
        };
        let place = self.place_of(now, call);
        self.let_hear(now, call, queue);
        self.on_transferred(now, call);
        let Some(play) = self.switch.play_once(call, Source::Clip(welcome)) else { return };
        self.plays.insert((call, play), Purpose::Welcome(queue));
        if let Some(note) = self.notes.get_mut(&call) {
            note.approached = Some(place);
        }
        self.timers.set(Timer::PlayLate(call, play), now.mono + WELCOME_TIME_MAX);
    }

    /// Makes a caller hear his queue: answered, or by early media.
    pub(super) fn let_hear(&mut self, now: Now, call: CallId, queue: QueueId) {
        if !self.directory.spoken(queue).early_media {
            return self.switch.answer(now, call);
        }
        self.switch.sound_early(now, call);
        self.timers.set(Timer::StillEarly(call), now.mono + EARLY_REMINDER);
    }

    pub(super) fn on_still_early(&mut self, now: Now, call: CallId) {
        if self.switch.remind_early(now, call) {
            self.timers.set(Timer::StillEarly(call), now.mono + EARLY_REMINDER);
        }
    }

    /// The distributor wants somebody told something.
    pub(super) fn on_announce(&mut self, now: Now, interaction: InteractionId, queue: QueueId, what: &Announcement) {
        let in_menu = self.waiting.get(&interaction).is_some_and(|waiting| self.is_in_menu(waiting.call));
        let told = self.announcement(interaction, queue, what).filter(|_| !in_menu);
        let play =
            told.and_then(|(call, source)| Some((call, self.switch.play_over(self.switch.caller_leg(call)?, source)?)));
        match play {
            Some(play) => drop(self.plays.insert(play, Purpose::Announcement(interaction))),
            None => self.acd.handle_announced(now, interaction),
        }
    }

    fn announcement(
        &self,
        interaction: InteractionId,
        queue: QueueId,
        what: &Announcement,
    ) -> Option<(CallId, Source)> {
        let call = self.waiting.get(&interaction)?.call;
        let (_, language) = self.spoken(queue, call)?;
        let source = match what {
            Announcement::Clip(key) => Source::Clip(self.directory.clip_in(key, language)?),
            Announcement::Standing { place, wait } => {
                let place = place.map(|place| match place {
                    Place::First => Phrase::First,
                    Place::Number(number) => Phrase::Place(number),
                    Place::Beyond(number) => Phrase::Beyond(number),
                });
                let wait = wait.map(|wait| match wait {
                    Expected::Minutes(minutes) => Phrase::Wait(minutes),
                    Expected::MoreThan(minutes) => Phrase::WaitOver(minutes),
                });
                let phrases: Vec<Phrase> = place.into_iter().chain(wait).collect();
                Source::Sequence(language.say(&phrases))
            }
        };
        Some((call, source))
    }

    /// What a queue tells, and the language for this caller.
    fn spoken(&self, queue: QueueId, call: CallId) -> Option<(Arc<Spoken>, Language)> {
        let spoken = self.directory.spoken(queue);
        let language = spoken.language_for(self.switch.call(call)?.shown().number.reveal());
        Some((spoken, language))
    }

    /// Before the bridge: what agent and caller are told now. True: the bridge waits for it.
    pub(super) fn brief(&mut self, now: Now, call: CallId, offer: OfferId, engagement: EngagementId) -> bool {
        let Some(asked) = self.offers.get(&offer) else { return false };
        let (Some(leg), briefing, waited_ms) = (asked.leg, asked.briefing, asked.waited_ms) else { return false };
        match briefing {
            Briefing::Over => return false,
            Briefing::Plays(_) => return true,
            Briefing::NotYet => {}
        }
        let clips = self.briefing(call, leg, waited_ms);
        // What he was being told gives way.
        if let Some(caller) = self.switch.caller_leg(call).filter(|_| !clips.is_empty()) {
            self.switch.stop_clip(caller);
        }
        let mut plays = 0;
        for (leg, source) in clips {
            if let Some(play) = self.switch.play_over(leg, source) {
                self.plays.insert((call, play), Purpose::Briefing(offer));
                plays += 1;
            }
        }
        let Some(asked) = self.offers.get_mut(&offer).filter(|_| plays > 0) else { return false };
        asked.briefing = Briefing::Plays(plays);
        self.acd.handle_briefing(now, engagement, BRIEFING_TIME_MAX + BRIEFING_MARGIN);
        self.timers.set(Timer::BriefingLate(offer), now.mono + BRIEFING_TIME_MAX);
        true
    }

    /// Who is told what before a bridge.
    fn briefing(&self, call: CallId, agent: LegId, waited_ms: u64) -> Vec<(LegId, Source)> {
        let queue = self.notes.get(&call).and_then(|note| note.queue.as_ref()).map(|queue| queue.queue);
        let Some((spoken, language)) = queue.and_then(|queue| self.spoken(queue, call)) else { return Vec::new() };
        // An agent is spoken to in the queue's language, whatever the caller's is.
        let mut whisper: Vec<ClipId> = Vec::new();
        whisper.extend(spoken.whisper.as_deref().and_then(|key| self.directory.clip_in(key, spoken.language)));
        if spoken.whisper_wait {
            let minutes = u16::try_from(waited_ms / 60_000).unwrap_or(u16::MAX);
            whisper.extend(spoken.language.say(&[Phrase::HasWaited(minutes)]));
        }
        let whisper = (!whisper.is_empty()).then_some((agent, Source::Sequence(whisper)));
        let connecting = spoken.connecting.as_deref().and_then(|key| self.directory.clip_in(key, language));
        let connecting = connecting.and_then(|clip| Some((self.switch.caller_leg(call)?, Source::Clip(clip))));
        whisper.into_iter().chain(connecting).collect()
    }

    /// A clip is over.
    pub(super) fn on_played(&mut self, now: Now, call: CallId, play: PlayId) {
        let Some(purpose) = self.plays.remove(&(call, play)) else { return };
        match purpose {
            Purpose::Farewell => {
                self.timers.cancel(Timer::PlayLate(call, play));
                self.switch.end_call(now, call, Cause::NORMAL, EndedBy::Switch);
            }
            Purpose::Menu => self.on_menu_said(now, call, play),
            Purpose::Clip => self.on_clip_played(now, call),
            Purpose::Welcome(queue) => {
                self.timers.cancel(Timer::PlayLate(call, play));
                let place = self.notes.get_mut(&call).and_then(|note| note.approached.take());
                self.enqueue(now, call, queue, place.unwrap_or_else(|| self.place_of(now, call)));
            }
            Purpose::Announcement(interaction) => self.acd.handle_announced(now, interaction),
            Purpose::Briefing(offer) => {
                let Some(asked) = self.offers.get_mut(&offer) else { return };
                if let Briefing::Plays(left) = asked.briefing
                    && left > 1
                {
                    asked.briefing = Briefing::Plays(left - 1);
                    return;
                }
                self.end_briefing(now, offer);
            }
        }
    }

    /// What they were told has been said, or has taken too long: the bridge.
    pub(super) fn end_briefing(&mut self, now: Now, offer: OfferId) {
        self.timers.cancel(Timer::BriefingLate(offer));
        let Some(asked) = self.offers.get_mut(&offer) else { return };
        if !matches!(asked.briefing, Briefing::Plays(_)) {
            return;
        }
        asked.briefing = Briefing::Over;
        if let Some(engagement) = asked.engagement {
            self.bridge(now, offer, engagement);
        }
    }

    /// The agent is gone before the bridge: the caller is told nothing more of it.
    pub(super) fn drop_briefing(&mut self, offer: OfferId, call: CallId) {
        self.timers.cancel(Timer::BriefingLate(offer));
        let of_call = (call, PlayId(0))..=(call, PlayId(u64::MAX));
        self.timers.cancel(Timer::StillEarly(call));
        let plays: Vec<PlayId> = self
            .plays
            .range(of_call)
            .filter(|(_, purpose)| **purpose == Purpose::Briefing(offer))
            .map(|((_, play), _)| *play)
            .collect();
        for play in &plays {
            self.plays.remove(&(call, *play));
        }
        if let Some(caller) = self.switch.caller_leg(call).filter(|_| !plays.is_empty()) {
            self.switch.stop_clip(caller);
        }
    }

    /// A welcome need not be heard to its end: any key cuts it.
    pub(super) fn cut_welcome(&mut self, now: Now, call: CallId) {
        let of_call = (call, PlayId(0))..=(call, PlayId(u64::MAX));
        let welcome = self.plays.range(of_call).find(|(_, purpose)| matches!(purpose, Purpose::Welcome(_)));
        if let Some(((_, play), _)) = welcome {
            let play = *play;
            self.switch.stop_playing(call);
            self.on_played(now, call, play);
        }
    }

    /// The call is over, and whatever was said in it.
    pub(super) fn forget_plays(&mut self, call: CallId) {
        let of_call = (call, PlayId(0))..=(call, PlayId(u64::MAX));
        let plays: Vec<PlayId> = self.plays.range(of_call).map(|((_, play), _)| *play).collect();
        for play in plays {
            self.plays.remove(&(call, play));
            self.timers.cancel(Timer::PlayLate(call, play));
        }
    }
}
