//! Clips: played once, in place of what a leg hears or over it, and told when they end.

use super::{
    Fact, Switch,
    leg::{LegState, PlayWhy},
};
use crate::{
    base::{CallId, LegId, PlayId, StreamId},
    media::{Command, Play, Source},
};

impl Switch {
    /// The leg of the one for whom a call waits and rings.
    pub fn caller_leg(&self, call: CallId) -> Option<LegId> {
        self.calls.get(&call).map(|call| call.caller_leg)
    }

    /// Plays to the caller once; `Played` follows. `None`: there is nobody to hear it.
    pub fn play_once(&mut self, call: CallId, source: Source) -> Option<PlayId> {
        let leg = self.calls.get(&call)?.caller_leg;
        self.play(leg, source, false, PlayWhy::Once)
    }

    /// Plays a clip to one leg, over music or talk, which go on behind it; `Played` follows. `None`: the leg can't hear
    /// it now.
    pub fn play_over(&mut self, id: LegId, source: Source) -> Option<PlayId> {
        self.lay_over(id, source, false)
    }

    /// The same, and the leg goes on hearing the talk, quieter, where there is one that can be decoded.
    pub fn play_with_talk(&mut self, id: LegId, source: Source) -> Option<PlayId> {
        self.lay_over(id, source, true)
    }

    fn lay_over(&mut self, id: LegId, source: Source, with_talk: bool) -> Option<PlayId> {
        let leg = self
            .legs
            .get(&id)
            .filter(|leg| (leg.state == LegState::Up || leg.media.open) && leg.media.agreed.is_some())?;
        // An agent who has answered, but is not yet connected.
        if !leg.media.open {
            self.open_media(id);
        }
        self.stop_clip(id);
        let play = PlayId(self.ids.next_play());
        let leg = self.legs.get_mut(&id).filter(|leg| leg.media.open)?;
        leg.media.clip = Some(play);
        let (worker, stream) = (leg.media.port.worker, leg.media.stream);
        self.command(
            worker,
            Command::Play { stream, play: Play { id: play, source, repeat: false, over: true, with_talk } },
        );
        Some(play)
    }

    /// Ends the clip that lies over what a leg hears.
    pub fn stop_clip(&mut self, id: LegId) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Some(play) = leg.media.clip.take() else { return };
        let (call, worker, stream) = (leg.call, leg.media.port.worker, leg.media.stream);
        self.command(worker, Command::Stop { stream, play });
        self.fact(Fact::Played { call, leg: id, play });
    }

    pub(super) fn on_played(&mut self, stream: StreamId, play: PlayId) {
        let Some(leg) = self.streams.get(&stream).and_then(|leg| self.legs.get_mut(leg)) else { return };
        let (call, id) = (leg.call, leg.id);
        if leg.media.clip == Some(play) {
            leg.media.clip = None;
            return self.fact(Fact::Played { call, leg: id, play });
        }
        let Some(ended) = leg.media.play.filter(|playing| playing.id == play) else { return };
        leg.media.play = None;
        if ended.why == PlayWhy::Once {
            self.fact(Fact::Played { call, leg: id, play });
        }
    }
}
