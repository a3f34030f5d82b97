//! What a caller hears of those who are rung for him: that it rings, what one of them sends before he answers (RFC 3960), or
//! our ringback.
//!
//! Whose phone has had no description from us rings by itself at a 180. Everybody else listens to us, so it is for us to let
//! him hear something as long as anybody rings.

use super::{RingId, Switch, Then, leg::LegState};
use crate::{
    base::{CallId, LegId, Now},
    media::{Source, Tone},
    sip::{Body, Reply},
};

impl Switch {
    /// Tells the caller that somebody else is rung for him now.
    pub fn tell_forwarded(&mut self, now: Now, call: CallId) {
        let caller = self.calls.get(&call).and_then(|call| self.legs.get(&call.caller_leg));
        if let Some(leg) = caller.filter(|leg| leg.state == LegState::Incoming).map(|leg| leg.id) {
            self.respond(now, leg, Reply::new(181));
        }
    }

    /// Tells the caller that it rings; with media from there, he hears it.
    pub(super) fn pass_progress(&mut self, now: Now, call: CallId, called: LegId, status: u16, early: bool) {
        let Some(known) = self.calls.get(&call) else { return };
        let caller = known.caller_leg;
        let (told, made_offer) = (known.told, known.offered.is_some());
        // Who was passed on has his 200 long since, and hears our ringback or theirs.
        if early && self.legs.get(&caller).is_some_and(|leg| leg.is_up() && leg.peer.is_none()) {
            self.pair(caller, called);
            return self.join(now, caller, called);
        }
        let Some(leg) = self.legs.get(&caller).filter(|leg| leg.state == LegState::Incoming) else { return };
        let (hears, early) = (leg.peer, early && made_offer);
        // Nobody else's progress matters while one is heard; that one may well begin to ring after it has said something.
        if hears.is_some_and(|hears| hears != called) || (told == status && (hears.is_some() || !early)) {
            return;
        }
        if let Some(known) = self.calls.get_mut(&call) {
            known.told = status;
        }
        let headers = self.passing_to_caller(call);
        let reply = Reply { headers, ..Reply::new(status) };
        if early && hears.is_none() {
            self.pair(caller, called);
            let body = self.describe_caller(caller);
            self.respond(now, caller, reply.body(Body::sdp(body)));
            self.join(now, caller, called);
        } else {
            self.speak_for_each_other(caller, called);
            self.respond(now, caller, reply);
        }
    }

    /// Some of those who ring are gone. A caller who heard one of them hears the next who says something, or our ringback.
    pub(super) fn hear_next(&mut self, now: Now, ring: RingId) {
        let Some(ring) = self.rings.get(&ring).filter(|ring| ring.plan.then == Then::Connect) else { return };
        let (call, ringing) = (ring.call, ring.legs.clone());
        let caller = self.calls.get(&call).and_then(|call| self.legs.get(&call.caller_leg));
        let Some(caller) = caller.filter(|leg| leg.peer.is_none() && leg.media.open) else { return };
        let (caller, plays) = (caller.id, caller.media.play.is_some());
        let speaks = |leg: &LegId| self.legs.get(leg).is_some_and(|leg| leg.media.agreed.is_some());
        if let Some(next) = ringing.iter().copied().find(speaks) {
            self.pair(caller, next);
            self.join(now, caller, next);
        } else if !plays {
            self.play_waiting(call, Source::Tone(Tone::Ringback));
        }
    }
}
