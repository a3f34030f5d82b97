//! Sound clips that agents play in their calls: both hear them and talk on (SC-04), or the customer hears one to its last
//! sample and is hung up, while the agent is free at once (SC-05).

use std::time::Duration;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::{Engine, Happened, Refused, drive::Timer, told::Purpose};
use crate::{
    acd::PartEnd,
    base::{CallId, ClipId, LegId, Now, PlayId},
    media::Source,
    switch::{Cause, EndedBy, Guest, LegSight},
};

/// A clip behind which a call ends takes no longer; the longest there is has five minutes.
const LAST_CLIP_TIME_MAX: Duration = Duration::from_secs(330);

/// How a clip is played in a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ClipPlay {
    pub clip: ClipId,
    /// From so far in on.
    #[serde(default)]
    pub from_ms: u32,
    /// The agent hears it too; otherwise he goes on hearing the customer.
    pub agent_hears: bool,
    /// Whoever hears it goes on hearing the others beneath it, quieter; else it takes their place.
    #[serde(default)]
    pub with_talk: bool,
    /// The call ends behind it, for the agent at once: there is no talk then.
    pub hang_up: bool,
}

impl ClipPlay {
    const fn source(self) -> Source {
        match self.from_ms {
            0 => Source::Clip(self.clip),
            millis => Source::From { clip: self.clip, millis },
        }
    }
}

impl Engine {
    /// In calls of queues and campaigns alone (SC-06). A clip that plays gives way.
    pub(super) fn play_clip(&mut self, now: Now, call: CallId, play: ClipPlay) -> Result<(), Refused> {
        let note = self.notes.get(&call).ok_or_else(|| Refused::unknown("no_call", "this call is over"))?;
        if note.engagement.is_none() {
            return Err(Refused::not_now("no_queue_call", "clips are for calls of queues and campaigns"));
        }
        if note.transfer.is_some() || self.is_asking(call) {
            return Err(Refused::not_now("busy", "this call is being passed on, or somebody is asked first"));
        }
        let pair = self.agent_leg(call).and_then(|agent| Some((agent, self.switch.partner(agent)?)));
        let (agent, customer) = pair.ok_or_else(|| Refused::not_now("not_talking", "nobody talks in this call"))?;
        self.stop_clip(call);
        if play.hang_up {
            return self.play_and_hang_up(now, call, (agent, customer), play.source());
        }
        for leg in self.hearers(call, (agent, customer), play.agent_hears) {
            let id = match play.with_talk {
                true => self.switch.play_with_talk(leg, play.source()),
                false => self.switch.play_over(leg, play.source()),
            };
            if let Some(id) = id {
                self.plays.insert((call, id), Purpose::Clip);
            }
        }
        self.live(now, Happened::ClipStarted { call, clip: play.clip });
        Ok(())
    }

    /// They talk on at once.
    pub(super) fn stop_clip_asked(&mut self, call: CallId) -> Result<(), Refused> {
        if self.stop_clip(call) {
            return Ok(());
        }
        Err(Refused::not_now("no_clip", "no clip plays in this call"))
    }

    /// False: no clip plays.
    pub(super) fn stop_clip(&mut self, call: CallId) -> bool {
        if !self.plays_clip(call) {
            return false;
        }
        let legs = self.switch.call(call).into_iter().flat_map(|sight| sight.legs());
        let legs: SmallVec<[LegId; 4]> = legs.map(|leg| leg.id()).collect();
        legs.into_iter().for_each(|leg| self.switch.stop_clip(leg));
        true
    }

    /// Who hears a clip: the customer and whoever else is in the call, the agent where he wants to (CH-13, SV-07).
    fn hearers(&self, call: CallId, (agent, customer): (LegId, LegId), agent_hears: bool) -> SmallVec<[LegId; 4]> {
        let guests = self.switch.call(call).into_iter().flat_map(|sight| sight.legs());
        let guests = guests.filter(|leg| leg.is_answered() && leg.guest().is_some()).map(|leg| leg.id());
        [Some(customer), agent_hears.then_some(agent)].into_iter().flatten().chain(guests).collect()
    }

    /// A clip has ended for one who heard it.
    pub(super) fn on_clip_played(&mut self, now: Now, call: CallId) {
        if !self.plays_clip(call) {
            self.live(now, Happened::ClipEnded { call });
        }
    }

    fn plays_clip(&self, call: CallId) -> bool {
        let of_call = (call, PlayId(0))..=(call, PlayId(u64::MAX));
        self.plays.range(of_call).any(|(_, purpose)| *purpose == Purpose::Clip)
    }

    /// The leg that hears a clip as the last thing of a call.
    pub(super) fn hears_farewell(&self, call: CallId) -> Option<LegId> {
        let of_call = (call, PlayId(0))..=(call, PlayId(u64::MAX));
        let hears = self.plays.range(of_call).any(|(_, purpose)| *purpose == Purpose::Farewell);
        self.switch.call(call).filter(|_| hears).map(|sight| sight.caller_leg())
    }

    fn play_and_hang_up(
        &mut self,
        now: Now,
        call: CallId,
        (agent, customer): (LegId, LegId),
        clip: Source,
    ) -> Result<(), Refused> {
        // A supervisor who only listens is nobody: the agent is not to learn of him.
        let is_heard = |leg: LegSight<'_>| !matches!(leg.guest(), None | Some(Guest::Listens | Guest::Whispers { .. }));
        if self.has_company(call) || self.switch.call(call).is_some_and(|sight| sight.legs().any(is_heard)) {
            return Err(Refused::not_now("others", "others are in this call: it can't end behind a clip"));
        }
        let shown = self.shown_as(call, customer);
        if !self.switch.put_aside(agent, shown) {
            return Err(Refused::not_now("not_talking", "nobody talks in this call"));
        }
        let play = self.switch.play_once(call, clip);
        self.end_interaction(now, call, PartEnd::Clip);
        self.switch.release(now, agent);
        match play {
            Some(play) => {
                self.plays.insert((call, play), Purpose::Farewell);
                self.timers.set(Timer::PlayLate(call, play), now.mono + LAST_CLIP_TIME_MAX);
            }
            None => self.switch.end_call(now, call, Cause::NORMAL, EndedBy::Switch),
        }
        Ok(())
    }
}
