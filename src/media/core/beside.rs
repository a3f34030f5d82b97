//! Clips that are heard along with the talk: whoever hears one is in a mix, for that long.

use super::{Core, End, Event, Matrix, NOBODY, Player, Stream};
use crate::base::{Instant, PlayId, StreamId};

impl Core {
    /// A clip that is to be heard along with the talk has begun on this leg, or came here with it.
    pub(super) fn accompany(&mut self, id: StreamId) {
        if !self.accompanied.contains(&id) {
            self.accompanied.push(id);
        }
    }

    /// What has changed may have begun or ended a talk: where there is one, the clip is laid over it; where there is none,
    /// it plays like any other.
    pub(super) fn settle(&mut self, now: Instant) {
        if self.accompanied.is_empty() {
            return;
        }
        let mut legs = std::mem::take(&mut self.accompanied);
        legs.retain(|id| self.settle_one(now, *id));
        self.accompanied = legs;
    }

    /// False: it hears no such clip any more.
    fn settle_one(&mut self, now: Instant, id: StreamId) -> bool {
        let Some(place) = self.by_id.get(&id).copied() else { return false };
        let talks = self.can_be_mixed(place);
        let Some(stream) = self.stream_mut(place) else { return false };
        if talks && stream.egress.player.as_ref().is_some_and(|player| player.with_talk && player.over().is_none()) {
            stream.lay_over_talk();
        } else if !talks || stream.egress.player.is_some() {
            stream.lay_over_nothing();
        }
        let (partner, mix) = (stream.partner, stream.mix);
        let (plays, is_beside) = (stream.hears_clip_with_talk(), stream.egress.beside.is_some());
        if is_beside && mix != NOBODY {
            self.reconsider(mix);
        } else if is_beside && let Some(other) = self.stream(partner).map(|other| other.id) {
            self.arrange(now, &Matrix::pair(id, other));
        }
        self.queue(now, id);
        plays
    }

    /// Whether what a leg hears of others is decoded, or can be.
    fn can_be_mixed(&self, place: u32) -> bool {
        let Some(stream) = self.stream(place).filter(|stream| stream.form.codec.is_ours()) else { return false };
        stream.mix != NOBODY || self.stream(stream.partner).is_some_and(|other| other.form.codec.is_ours())
    }

    /// Stops the clip that lies over a leg's talk, if it is that one.
    pub(super) fn stop_beside(&mut self, id: StreamId, play: PlayId, end: End) -> bool {
        let Some(stream) = self.find(id) else { return false };
        let Some(beside) = stream.egress.beside.as_mut().filter(|beside| beside.id() == Some(play)) else {
            return false;
        };
        beside.stop();
        self.events.push_back(Event::Finished { stream: id, play, end });
        true
    }
}

impl Stream {
    pub(super) fn hears_clip_with_talk(&self) -> bool {
        self.egress.beside.as_ref().is_some_and(|beside| beside.id().is_some())
            || self.egress.player.as_ref().is_some_and(Player::has_with_talk)
    }

    fn lay_over_talk(&mut self) {
        let Some(player) = self.egress.player.take() else { return };
        self.egress.lay_beside(player);
    }

    /// There is no talk, or the leg hears music in its place.
    fn lay_over_nothing(&mut self) {
        let Some(clip) = self.egress.beside.take().and_then(|mut beside| beside.take()) else { return };
        let clip = clip.rising();
        match &mut self.egress.player {
            Some(beneath) => _ = beneath.lay_over(clip),
            None => self.egress.player = Some(clip),
        }
    }
}
