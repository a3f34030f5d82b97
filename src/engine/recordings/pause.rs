//! A recording that rests: for what nobody may keep, such as the number of a card (RC-02), and while one of the two is on
//! hold (RC-01).

use std::time::Duration;

use serde::Serialize;

use super::{Decision, HoldKind, Pause, PauseKind};
use crate::{
    acd::Actor,
    base::{CallId, LegId, Now, Wall},
    engine::{Engine, Entry, Refused, drive::Timer},
    media::tape::Taping,
};

/// Pauses of one segment that are told of, each with who wanted it; of more, the last takes the place of the one before.
const PAUSES_MAX: usize = 100;

/// How a live call is recorded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct RecordingView {
    pub paused: bool,
    /// When it goes on by itself.
    pub resumes: Option<Wall>,
}

impl Engine {
    /// Lets a call's recording rest, or go on. What is so already stays so.
    pub(in crate::engine) fn rest_recording(
        &mut self,
        now: Now,
        call: CallId,
        rests: bool,
        by: Actor,
    ) -> Result<(), Refused> {
        let Some(Decision::Recorded { pause, .. }) = self.recordings.calls.get_mut(&call) else {
            return Err(Refused::not_now("not_recorded", "this call is not recorded"));
        };
        if pause.is_some() == rests {
            return Ok(());
        }
        *pause = rests.then_some(Pause { by, at: now.wall, until: None });
        self.timers.cancel(Timer::ResumeRecording(call));
        if rests {
            self.resume_by_itself(now, call, now.wall);
        }
        for leg in self.recorded_legs(call) {
            if rests {
                self.switch.record(leg, self.resting());
            } else if self.recordings.live.get(&leg).is_some_and(|live| !live.on_hold) {
                self.switch.record(leg, Taping::Resume);
            }
            self.note_rest(now, leg, rests.then_some(by), |pause| !pause.is_hold());
        }
        self.changed(now, call);
        Ok(())
    }

    /// Who is on hold hears music, and says to his room what is for nobody here: the recording of his leg rests meanwhile,
    /// if the settings don't say otherwise.
    pub(super) fn rest_on_hold(&mut self, now: Now, call: CallId, leg: LegId) {
        let rests = self.recordings.settings.on_hold == HoldKind::Rest && self.switch.is_on_hold(call);
        let Some(live) = self.recordings.live.get_mut(&leg) else { return };
        if std::mem::replace(&mut live.on_hold, rests) == rests {
            return;
        }
        let is_paused = matches!(self.recordings.calls.get(&call), Some(Decision::Recorded { pause: Some(_), .. }));
        if rests {
            self.switch.record(leg, self.resting());
        } else if !is_paused {
            self.switch.record(leg, Taping::Resume);
        }
        self.note_rest(now, leg, rests.then_some(Actor::System), Pause::is_hold);
    }

    pub(super) fn resting(&self) -> Taping {
        Taping::Pause { cut: self.recordings.settings.pause == PauseKind::Cut }
    }

    /// When a pause that began then ends by itself.
    fn resumes_at(&self, began: Wall) -> Option<Wall> {
        let secs = self.recordings.settings.resume_secs;
        (secs > 0).then(|| began + Duration::from_secs(u64::from(secs)))
    }

    pub(super) fn resume_by_itself(&mut self, now: Now, call: CallId, began: Wall) {
        if let Some(at) = self.resumes_at(began) {
            self.timers.set(Timer::ResumeRecording(call), now.mono_of(at));
        }
    }

    pub(in crate::engine) fn on_rested_enough(&mut self, now: Now, call: CallId) {
        // Whoever was quicker has ended it.
        let _ = self.rest_recording(now, call, false, Actor::System);
    }

    fn recorded_legs(&self, call: CallId) -> Vec<LegId> {
        let legs = self.switch.call(call).into_iter().flat_map(|sight| sight.legs().map(|leg| leg.id()));
        legs.filter(|leg| self.recordings.live.contains_key(leg)).collect()
    }

    /// A rest begins by somebody, or those of a kind end.
    fn note_rest(&mut self, now: Now, leg: LegId, by: Option<Actor>, ends: impl Fn(&Pause) -> bool) {
        let Some((segment, at)) = self.recordings.live.get(&leg).map(|live| (live.segment, live.at(now))) else {
            return;
        };
        let Some(record) = self.recordings.open.get_mut(&segment) else { return };
        match by {
            Some(by) => {
                record.pauses.truncate(PAUSES_MAX - 1);
                record.pauses.push(Pause { by, at, until: None });
            }
            None => {
                let those = record.pauses.iter_mut().filter(|pause| ends(pause));
                those.for_each(|pause| _ = pause.until.get_or_insert(at));
            }
        }
        let record = record.clone();
        self.journal(Entry::Segment(Box::new(record)));
    }

    /// For pages; `None` for a call that is not recorded now.
    pub(in crate::engine) fn recording_view(&self, call: CallId) -> Option<RecordingView> {
        let Some(Decision::Recorded { pause, .. }) = self.recordings.calls.get(&call) else { return None };
        if self.recorded_legs(call).is_empty() {
            return None;
        }
        let resumes = pause.as_ref().and_then(|pause| self.resumes_at(pause.at));
        Some(RecordingView { paused: pause.is_some(), resumes })
    }
}
