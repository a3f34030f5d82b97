//! Passing one side of a call on to somebody else (RFC 5589): whoever asked for it is put aside, the other side becomes
//! the one for whom is rung.

use super::{Cause, EndedBy, Switch, call::Farewell, leg::PlayWhy};
use crate::{
    base::{CallId, LegId, Now},
    media::{Command, Source, Tone},
    switch::Caller,
};

impl Switch {
    /// Whoever hears a leg, once both are answered: the one that can be passed on.
    pub fn partner(&self, leg: LegId) -> Option<LegId> {
        let leg = self.legs.get(&leg).filter(|leg| leg.is_up() && leg.joined)?;
        leg.peer.filter(|peer| self.legs.get(peer).is_some_and(|peer| peer.is_up()))
    }

    /// The leg whose dialog a Replaces header means (RFC 3891 3).
    pub fn find_replaced(&self, call_id: &str, to_tag: &str, from_tag: &str) -> Option<LegId> {
        self.stack.find_replaced(call_id, to_tag, from_tag).and_then(|usage| self.leg_of(usage))
    }

    /// From now on whoever is rung for the call is called on a secure transport or not at all, or on any. Returns what held
    /// before.
    pub fn set_secure(&mut self, call: CallId, secure: bool) -> bool {
        self.calls.get_mut(&call).is_some_and(|call| std::mem::replace(&mut call.secure, secure))
    }

    /// Puts a leg aside: its partner hears ringback and is the one for whom is rung from now on, shown as `shown`. The
    /// leg stays up, alone; it ends the call no more.
    pub fn put_aside(&mut self, by: LegId, shown: Caller) -> bool {
        let Some(stays) = self.partner(by) else { return false };
        let Some(call) = self.legs.get(&by).map(|leg| leg.call) else { return false };
        let Some(known) = self.calls.get_mut(&call) else { return false };
        known.caller_leg = stays;
        known.shown = shown;
        for id in [by, stays] {
            self.hush(id);
            if let Some(leg) = self.legs.get_mut(&id) {
                (leg.peer, leg.joined, leg.ring, leg.held) = (None, false, None, false);
                leg.ends_call = id == stays;
                let (worker, stream) = (leg.media.port.worker, leg.media.stream);
                self.command(worker, Command::Part { stream });
            }
            self.open_media(id);
        }
        self.arrange(call);
        self.play(stays, Source::Tone(Tone::Ringback), true, PlayWhy::Waiting);
        true
    }

    /// Nobody took the one who was to be passed on: he talks to whom he talked to before, if that one is still there.
    pub fn take_back(&mut self, now: Now, by: LegId) -> bool {
        let Some(call) = self.legs.get(&by).filter(|leg| leg.is_up()).map(|leg| leg.call) else { return false };
        let Some(caller) = self.calls.get(&call).map(|call| call.caller_leg) else { return false };
        if !self.legs.get(&caller).is_some_and(|leg| leg.is_up()) {
            return false;
        }
        self.pair(caller, by);
        self.join(now, caller, by);
        true
    }

    /// Ends one leg in the ordinary way and leaves the rest of its call alone.
    pub fn release(&mut self, now: Now, leg: LegId) {
        let Some(call) = self.legs.get(&leg).map(|leg| leg.call) else { return };
        self.end_leg(now, leg, Cause::NORMAL, EndedBy::Switch, Farewell::Ours);
        self.after_leg(now, call);
    }

    /// Two calls become one: the partners of `by` and `other` hear each other in the call of `by`, and the call of
    /// `other` ends with both of these legs. The call that goes on, if it can be.
    pub fn merge(&mut self, now: Now, by: LegId, other: LegId) -> Option<(CallId, CallId)> {
        let (one, two) = (self.partner(by)?, self.partner(other)?);
        let (call, gone) = (self.legs.get(&by)?.call, self.legs.get(&other)?.call);
        if call == gone {
            return None;
        }
        let moved = self.legs.get_mut(&two)?;
        moved.call = call;
        (moved.ring, moved.ends_call) = (None, true);
        let left = self.calls.get_mut(&gone)?;
        left.legs.retain(|leg| *leg != two);
        left.ended.get_or_insert((left.at(now), Cause::NORMAL, EndedBy::Other));
        let kept = self.calls.get_mut(&call)?;
        kept.legs.push(two);
        kept.caller_leg = one;
        for leg in [one, two] {
            self.hush(leg);
        }
        self.pair(one, two);
        for leg in [by, other] {
            self.end_leg(now, leg, Cause::NORMAL, EndedBy::Switch, Farewell::Ours);
        }
        self.move_guests(now, gone, call);
        self.join(now, one, two);
        self.after_leg(now, gone);
        self.after_leg(now, call);
        Some((call, gone))
    }
}
