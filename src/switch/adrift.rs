//! Legs whose far end is away: a page that was closed, a phone whose connection or registration is gone, and what is heard
//! no more. Whoever talked to it hears music while it may come back; what becomes of him then is the engine's affair.

use super::{Cause, EndedBy, Fact, Switch, Timer};
use crate::{
    base::{LegId, Now, StreamId},
    sip::{Ended, Path, Request, TransactionId},
    wire::sip::Method,
};

impl Switch {
    /// The phone of a leg is gone, or back: it is up as long as it is heard, but a short silence is enough to miss it.
    pub fn forsake(&mut self, id: LegId, phone: Path, gone: bool) {
        let Some(leg) = self.legs.get_mut(&id).filter(|leg| leg.is_up() && leg.forsaken != gone) else { return };
        // Who is back may well be elsewhere in the network.
        if leg.signalling.path().is_some_and(|at| !gone || at.is_same_way(&phone)) {
            leg.forsaken = gone;
            if !gone {
                self.undesert(id);
            }
            self.open_media(id);
        }
    }

    /// One that has no sound yet can't be told by its silence that nobody comes for it.
    pub(super) fn set_adrift(&mut self, now: Now, leg: LegId) {
        if self.legs.get(&leg).is_some_and(|leg| !leg.media.open) {
            self.timers.set(Timer::Adrift(leg), now.mono + self.settings.times.page_grace);
        }
    }

    /// Nothing is heard of a leg. Where its device is known to be away, whoever talked to it hears music until it is back
    /// or given up; another one has been waited for long enough.
    pub(super) fn on_silent(&mut self, now: Now, stream: StreamId) {
        let Some(leg) = self.streams.get(&stream).and_then(|leg| self.legs.get(leg)) else { return };
        let id = leg.id;
        if !leg.is_adrift() {
            return self.miss(now, id);
        }
        if !self.is_deserted(id) {
            self.timers.set(Timer::Adrift(id), now.mono + self.settings.times.page_grace);
            self.hold_peer_of(id);
        }
    }

    /// Whoever talked to a leg hears music while it is away, and what is recorded of him rests or goes on.
    fn hold_peer_of(&mut self, id: LegId) {
        let Some((call, peer)) = self.legs.get(&id).map(|leg| (leg.call, leg.peer)) else { return };
        peer.into_iter().for_each(|peer| self.sound_hold(peer));
        self.fact(Fact::Changed { call });
    }

    /// Its device is back, or its sound was only late.
    pub(super) fn undesert(&mut self, leg: LegId) {
        if self.timers.cancel(Timer::Adrift(leg)) {
            self.hold_peer_of(leg);
        }
    }

    pub(super) fn on_heard_again(&mut self, stream: StreamId) {
        if let Some(leg) = self.streams.get(&stream).copied() {
            self.undesert(leg);
        }
    }

    pub(super) fn is_deserted(&self, leg: LegId) -> bool {
        self.timers.deadline(&Timer::Adrift(leg)).is_some()
    }

    pub(super) fn on_adrift(&mut self, now: Now, leg: LegId) {
        if self.legs.get(&leg).is_some_and(|leg| leg.is_adrift()) {
            self.miss(now, leg);
        }
    }

    /// The dialog of a leg is over. Where nobody ended it, the peer can be told nothing any more.
    pub(super) fn on_ended(&mut self, now: Now, leg: LegId, why: &Ended) {
        match why {
            Ended::Bye { reason } => {
                let cause = reason.as_deref().and_then(Cause::from_reason).unwrap_or(Cause::NORMAL);
                self.leg_gone(now, leg, cause, EndedBy::Peer);
            }
            Ended::Timeout | Ended::SessionExpired | Ended::Unreachable | Ended::FlowClosed => self.miss(now, leg),
        }
    }

    /// Nobody is there any more. Of one of two who talk, the engine says what becomes of the other; it gives up the rest.
    fn miss(&mut self, now: Now, id: LegId) {
        let Some(leg) = self.legs.get(&id) else { return };
        if leg.is_up() && leg.joined && leg.guest.is_none() {
            self.fact(Fact::Deserted { call: leg.call, leg: id });
        } else {
            self.give_up(now, id);
        }
    }

    /// Asks the phone of a leg, within its call, whether it is there; its answer is a [`Fact::Response`].
    pub fn ask(&mut self, now: Now, leg: LegId) -> Option<TransactionId> {
        let usage = self.legs.get(&leg)?.signalling.usage()?;
        Some(self.stack.request(now, Request::inside(Method::Options, usage)))
    }

    /// It is not.
    pub fn desert(&mut self, now: Now, leg: LegId) {
        self.miss(now, leg);
    }

    /// A leg whose device did not come back is over, and with it whatever it ends.
    pub fn give_up(&mut self, now: Now, leg: LegId) {
        self.hang_up_leg(now, leg, Cause::LOST);
        self.leg_gone(now, leg, Cause::LOST, EndedBy::Switch);
    }
}
