//! A caller who hears us before he is answered: early media (RFC 3960), for queues that are free to wait in.

use super::{Fact, Switch, leg::LegState};
use crate::{
    base::{CallId, LegId, Now},
    sip::{Body, Reply},
};

impl Switch {
    /// Lets the caller hear us with a 183, unanswered. One who made no offer can only be answered.
    pub fn sound_early(&mut self, now: Now, call: CallId) {
        let Some(known) = self.calls.get(&call) else { return };
        if known.offered.is_none() {
            return self.answer(now, call);
        }
        let Some((id, true)) = self.early(call).map(|(id, heard)| (id, !heard)) else { return };
        let body = self.describe_caller(id);
        self.respond(now, id, Reply::new(183).body(Body::sdp(body)));
        self.open_media(id);
        self.fact(Fact::Changed { call });
    }

    /// Tells the proxies on the way that the caller still waits (RFC 3261 13.3.1.1). False: he is answered, or gone.
    pub fn remind_early(&mut self, now: Now, call: CallId) -> bool {
        let Some((id, true)) = self.early(call) else { return false };
        self.respond(now, id, Reply::new(183));
        true
    }

    /// Whether the caller hears what is played to him, answered or not.
    pub fn hears(&self, call: CallId) -> bool {
        let leg = self.calls.get(&call).and_then(|call| self.legs.get(&call.caller_leg));
        leg.is_some_and(|leg| leg.is_up() || leg.media.open)
    }

    /// The caller's leg while it is unanswered, and whether he hears us already.
    fn early(&self, call: CallId) -> Option<(LegId, bool)> {
        let id = self.calls.get(&call)?.caller_leg;
        let leg = self.legs.get(&id).filter(|leg| leg.state == LegState::Incoming)?;
        Some((id, leg.media.open))
    }
}
