//! Who has picked up (CP-07): asked of the media workers, and what they heard.

use super::{Fact, Switch, leg::LegState};
use crate::{
    base::{CallId, LegId, StreamId},
    media::{AnswerSettings, Command},
};

impl Switch {
    /// Has an answered leg listened to; `AnswerJudged` follows. False: it has no sound that we can decode.
    pub fn judge_answer(&mut self, id: LegId, settings: AnswerSettings) -> bool {
        let Some(leg) = self.legs.get(&id).filter(|leg| leg.state == LegState::Up && leg.media.open) else {
            return false;
        };
        if !leg.media.form.as_ref().is_some_and(|form| form.codec.is_ours()) {
            return false;
        }
        let (worker, stream) = (leg.media.port.worker, leg.media.stream);
        self.command(worker, Command::Judge { stream, settings: Box::new(settings) });
        true
    }

    pub(super) fn on_heard(&mut self, stream: StreamId, fact: impl FnOnce(CallId, LegId) -> Fact) {
        let live = self.streams.get(&stream).and_then(|leg| self.legs.get(leg)).map(|leg| (leg.call, leg.id));
        if let Some((call, leg)) = live.or_else(|| self.just_closed(stream)) {
            self.fact(fact(call, leg));
        }
    }

    /// A leg that has ended, while its figures are still to come: that it hung up is heard only then.
    fn just_closed(&self, stream: StreamId) -> Option<(CallId, LegId)> {
        let call = *self.closing.get(&stream)?;
        let (_, leg) = self.calls.get(&call)?.unsettled.iter().find(|(other, _)| *other == stream)?;
        Some((call, *leg))
    }
}
