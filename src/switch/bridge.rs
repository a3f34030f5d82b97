//! Who hears whom: the two legs of a bridge, music and clips in its place, silence.

use super::{
    Cause, EndedBy, Fact, LegStage, Switch,
    call::Farewell,
    leg::{LegState, PlayWhy, Playing},
    negotiate::{self, Suits},
};
use crate::{
    base::{CallId, LegId, Now, PlayId, StreamId},
    media::{self, Command, Play, Source, Tone},
    sip::{Body, Reply},
};

impl Switch {
    /// Answers the caller, so that he can be played to.
    pub fn answer(&mut self, now: Now, call: CallId) {
        let Some(known) = self.calls.get(&call) else { return };
        let id = known.caller_leg;
        if self.answer_caller(now, id) {
            self.open_media(id);
            self.fact(Fact::Changed { call });
        }
    }

    /// Whether the caller can be made to hear something of ours. One who offered only codecs that we can't encode can
    /// but talk with somebody who has them.
    pub fn can_play_to(&self, call: CallId) -> bool {
        let Some(call) = self.calls.get(&call) else { return true };
        let agreed = self.legs.get(&call.caller_leg).and_then(|leg| leg.media.agreed.as_ref());
        match (agreed, &call.offered) {
            (Some(agreed), _) => agreed.codec.is_ours(),
            (None, Some(offered)) => offered.has_ours(),
            (None, None) => true,
        }
    }

    /// Bridges the caller with an answered leg. The caller is answered if he was not.
    pub fn connect(&mut self, now: Now, call: CallId, called: LegId) {
        let Some(known) = self.calls.get(&call) else { return };
        let caller = known.caller_leg;
        if !self.legs.get(&called).is_some_and(|leg| leg.call == call && leg.is_up()) || caller == called {
            return;
        }
        self.pair(caller, called);
        self.answer_caller(now, caller);
        self.join(now, caller, called);
    }

    /// Plays to the caller until stopped or connected.
    pub fn play_waiting(&mut self, call: CallId, source: Source) {
        let Some(leg) = self.calls.get(&call).map(|call| call.caller_leg) else { return };
        self.play(leg, source, true, PlayWhy::Waiting);
    }

    pub fn stop_playing(&mut self, call: CallId) {
        let Some(leg) = self.calls.get(&call).map(|call| call.caller_leg) else { return };
        self.hush(leg);
    }

    /// Sets who hears whom, once both have media.
    pub(super) fn pair(&mut self, a: LegId, b: LegId) {
        for (leg, peer) in [(a, b), (b, a)] {
            let old = self.legs.get_mut(&leg).and_then(|leg| leg.peer.replace(peer));
            if let Some(old) = old.filter(|old| *old != peer).and_then(|old| self.legs.get_mut(&old)) {
                old.peer = None;
            }
        }
        self.speak_for_each_other(a, b);
    }

    /// The caller's 200, with our answer or, when he made no offer, with ours. False when he had it already.
    fn answer_caller(&mut self, now: Now, id: LegId) -> bool {
        let Some(leg) = self.legs.get(&id).filter(|leg| leg.state == LegState::Incoming) else { return false };
        let call = leg.call;
        let late = self.calls.get(&call).is_some_and(|call| call.offered.is_none());
        let answered_early = late && leg.media.agreed.is_some();
        let body = self.describe_caller(id);
        let at = self.time_in(call, now);
        let Some(leg) = self.legs.get_mut(&id) else { return false };
        leg.state = LegState::Up;
        leg.answered = Some(at);
        let (party, side) = (leg.party, leg.side);
        if let Some(call) = self.calls.get_mut(&call) {
            call.answered = Some(at);
        }
        let headers = self.passing_to_caller(call);
        // Who was offered something early and answered in a PRACK gets no second offer (RFC 3262 5).
        let body = (!answered_early).then(|| Body::sdp(body));
        self.respond(now, id, Reply { headers, body, ..Reply::new(200) });
        self.fact(Fact::Leg { call, leg: id, party, side, ring: None, stage: LegStage::Answered });
        true
    }

    /// Our description for the caller: the answer to his offer, made once, or an offer of ours.
    pub(super) fn describe_caller(&mut self, id: LegId) -> bytes::Bytes {
        let Some(leg) = self.legs.get_mut(&id) else { return bytes::Bytes::new() };
        if leg.media.agreed.is_some() || !leg.media.local.is_empty() {
            return leg.media.local.clone();
        }
        let other = leg.peer.and_then(|peer| self.legs.get(&peer)).and_then(|peer| peer.media.agreed.clone());
        let Some(leg) = self.legs.get_mut(&id) else { return bytes::Bytes::new() };
        match self.calls.get(&leg.call).and_then(|call| call.offered.as_ref()) {
            Some(offered) => {
                // A called side that took what the caller can't have hears nothing; the rest of the call stands.
                let answer = negotiate::answer(&leg.media, offered, other.as_ref());
                if let Some((local, agreed)) = answer.or_else(|| negotiate::answer(&leg.media, offered, None)) {
                    leg.media.local = local;
                    leg.media.agreed = Some(agreed);
                }
            }
            None => leg.media.offer(other.as_ref().map_or(Suits::Anybody, Suits::Agreed)),
        }
        leg.media.local.clone()
    }

    /// Joins two legs whose media is settled. Whoever still waits for an answer is joined when it comes.
    pub(super) fn join(&mut self, now: Now, a: LegId, b: LegId) {
        let settled = |leg: LegId| self.legs.get(&leg).is_some_and(|leg| leg.media.agreed.is_some());
        if !settled(a) || !settled(b) {
            return;
        }
        for leg in [a, b] {
            // Whatever is being announced: nobody waits for its end.
            self.stop_clip(leg);
            if self.legs.get(&leg).is_some_and(|leg| leg.media.play.is_some_and(|play| play.why == PlayWhy::Waiting)) {
                self.hush(leg);
            }
            self.open_media(leg);
        }
        let (Some(one), Some(other)) = (self.legs.get(&a), self.legs.get(&b)) else { return };
        let (call, called, both_up) = (one.call, other.id, one.is_up() && other.is_up());
        self.arrange(call);
        self.sound_hold(a);
        self.sound_hold(b);
        if !both_up {
            return;
        }
        self.turn_to_sound(now, a, b);
        let mut fresh = false;
        for leg in [a, b] {
            if let Some(leg) = self.legs.get_mut(&leg) {
                fresh |= !std::mem::replace(&mut leg.joined, true);
            }
        }
        let Some(known) = self.calls.get_mut(&call) else { return };
        if fresh {
            known.connected.get_or_insert(known.at(now));
            self.fact(Fact::Connected { call, leg: called });
            self.fact(Fact::Changed { call });
        }
    }

    /// Opens the stream of a leg, or brings an open one up to date.
    pub(super) fn open_media(&mut self, id: LegId) {
        let Some(leg) = self.legs.get(&id) else { return };
        let Some(agreed) = leg.media.agreed.as_ref() else { return };
        let peer = leg.peer.and_then(|peer| self.legs.get(&peer));
        let is_away = self.is_away(id) || leg.peer.is_some_and(|peer| self.is_away(peer));
        let talks = peer.is_some_and(|peer| !peer.holds()) && !leg.holds() && !is_away;
        let times = &self.settings.times;
        let silence = match talks {
            // Nobody tells any more when such a device is gone, but its silence.
            _ if leg.is_adrift() => times.page_silent,
            true => times.silence_bridged,
            false => times.silence_waiting,
        };
        let mut form = agreed.form(leg.signalling.source(), silence);
        form.digits_elsewhere = self.gets_digits_by_info(leg);
        form.local = self.sends_from(leg);
        let (stream, port, remote) = (leg.media.stream, leg.media.port, Some(agreed.remote));
        let command = if leg.media.open {
            if leg.media.form.as_ref() == Some(&form) && leg.media.remote == remote {
                return;
            }
            Command::Update { stream, remote, form: form.clone() }
        } else {
            Command::Open { stream, port, remote, form: form.clone(), standing: Box::new(leg.media.standing) }
        };
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.media.open = true;
            leg.media.form = Some(form);
            leg.media.remote = remote;
        }
        self.command(port.worker, command);
    }

    /// Music for a leg whose peer holds it, and an end to it when the peer is back.
    pub(super) fn sound_hold(&mut self, id: LegId) {
        let Some(leg) = self.legs.get(&id) else { return };
        let held = leg.peer.and_then(|peer| self.legs.get(&peer)).is_some_and(|peer| peer.holds());
        let held = held || leg.peer.is_some_and(|peer| self.is_deserted(peer));
        let is_away = leg.peer.is_some_and(|peer| self.is_away(peer)) && !self.is_away(id);
        // Two who talk on need no music.
        let held = (held || is_away) && !self.has_third(leg.call);
        let plays = leg.media.play.is_some_and(|play| play.why == PlayWhy::Held);
        let source = self.calls.get(&leg.call).and_then(|call| call.hold_music.clone());
        match (held, plays) {
            (true, false) => {
                self.play(id, source.unwrap_or(Source::Tone(Tone::Beep)), true, PlayWhy::Held);
            }
            (false, true) => self.hush(id),
            (true, true) | (false, false) => {}
        }
    }

    pub(super) fn play(&mut self, id: LegId, source: Source, repeat: bool, why: PlayWhy) -> Option<PlayId> {
        let play = Play { id: PlayId(self.ids.next_play()), source, repeat, over: false, with_talk: false };
        self.start(id, play, why)
    }

    fn start(&mut self, id: LegId, play: Play, why: PlayWhy) -> Option<PlayId> {
        let leg = self.legs.get_mut(&id)?;
        let started = play.id;
        if !leg.media.open {
            leg.media.queued = Some((play, why));
            return Some(started);
        }
        leg.media.play = Some(Playing { id: started, why });
        let (worker, stream) = (leg.media.port.worker, leg.media.stream);
        self.command(worker, Command::Play { stream, play });
        Some(started)
    }

    /// Plays what was asked for before there was a stream.
    pub(super) fn play_queued(&mut self, id: LegId) {
        let queued = self.legs.get_mut(&id).and_then(|leg| leg.media.queued.take());
        if let Some((play, why)) = queued {
            self.start(id, play, why);
        }
    }

    pub(super) fn hush(&mut self, id: LegId) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        leg.media.queued = None;
        let Some(play) = leg.media.play.take() else { return };
        let (worker, stream) = (leg.media.port.worker, leg.media.stream);
        self.command(worker, Command::Stop { stream, play: play.id });
    }

    /// From the media workers.
    pub fn handle_media(&mut self, now: Now, event: media::Event) {
        match event {
            media::Event::Dtmf { stream, digit, millis } => self.on_heard_digit(now, stream, digit, millis),
            media::Event::Silent { stream, .. } => self.on_silent(now, stream),
            media::Event::Heard { stream } => self.on_heard_again(stream),
            media::Event::Secured { .. } => {}
            media::Event::Broken { stream } => self.on_lost_media(now, stream, Cause::MEDIA),
            media::Event::Stands { stream, standing } => self.on_stands(now, stream, *standing),
            media::Event::Answered { stream, answer, because } => {
                self.on_heard(stream, |call, leg| Fact::AnswerJudged { call, leg, answer, because });
            }
            media::Event::Beep { stream, .. } => self.on_heard(stream, |call, leg| Fact::Beep { call, leg }),
            media::Event::Untaped { stream } => self.on_untaped(stream),
            media::Event::Finished { stream, play, .. } => self.on_played(stream, play),
            media::Event::Closed { stream, stats } => self.on_closed(stream, &stats),
        }
    }

    /// A leg without sound is none.
    pub(super) fn on_lost_media(&mut self, now: Now, stream: StreamId, cause: Cause) {
        let Some(id) = self.streams.get(&stream).copied() else { return };
        if self.legs.contains_key(&id) {
            self.hang_up_leg(now, id, cause);
            self.leg_gone(now, id, cause, EndedBy::Switch);
        }
    }

    fn on_stands(&mut self, now: Now, stream: StreamId, standing: media::Standing) {
        let Some(leg) = self.streams.get(&stream).and_then(|leg| self.legs.get_mut(leg)) else { return };
        (leg.media.standing, leg.media.standing_at) = (standing, now.wall);
        let leg = leg.id;
        self.fact(Fact::Stands { leg });
    }

    fn on_closed(&mut self, stream: StreamId, stats: &media::Stats) {
        let Some(call) = self.closing.remove(&stream) else { return };
        let Some(known) = self.calls.get_mut(&call) else { return };
        let Some(at) = known.unsettled.iter().position(|(other, _)| *other == stream) else { return };
        let (_, leg) = known.unsettled.remove(at);
        if let Some(record) = known.records.iter_mut().find(|record| record.leg == leg) {
            record.quality = Some(stats.into());
        }
        if known.unsettled.is_empty() && known.legs.is_empty() {
            self.settle(call);
        }
    }

    /// Ends the called side of a call and leaves the caller where he is.
    pub fn end_called(&mut self, now: Now, leg: LegId, cause: Cause) {
        let Some(call) = self.legs.get(&leg).map(|leg| leg.call) else { return };
        self.end_leg(now, leg, cause, EndedBy::Switch, Farewell::Ours);
        self.after_leg(now, call);
    }
}
