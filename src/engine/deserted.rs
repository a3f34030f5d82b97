//! An agent whose telephone is gone in the middle of a call, page or phone: what becomes of his customer, and of him.

use super::{AgentLost, Engine, StoryEvent};
use crate::{
    acd::PartEnd,
    base::{AgentId, CallId, LegId, Now},
    switch::{CallSight, Cause, Guest, LegParty},
};

impl Engine {
    /// His customer goes back to the head of the queue that he came from, as one whom nobody took; where others are in the
    /// call they talk on, and any other call is over.
    pub(super) fn on_deserted(&mut self, now: Now, call: CallId, leg: LegId) {
        let rule = self.directory.agent_lost;
        if rule == AgentLost::HangUp || !self.customer_goes_back(now, call, leg) {
            self.switch.give_up(now, leg);
        }
    }

    fn customer_goes_back(&mut self, now: Now, call: CallId, leg: LegId) -> bool {
        let Some(LegParty::User(user)) = self.switch.leg(leg).map(|leg| leg.party()) else { return false };
        let Some(agent) = self.directory.agent_of(user) else { return false };
        let Some((queue, priority, arrived)) = self.origin(call, user) else { return false };
        let others = |sight: CallSight<'_>| sight.legs().any(|leg| leg.guest().is_some_and(Guest::talks));
        if self.switch.call(call).is_none_or(others) || self.agent_leg(call) != Some(leg) {
            return false;
        }
        let shown = self.switch.partner(leg).map(|customer| self.shown_as(call, customer)).unwrap_or_default();
        if !self.switch.put_aside(leg, shown) {
            return false;
        }
        self.tell_lost(now, call, agent);
        // Before he is free: nobody else is to be offered to a telephone that is gone.
        if let Some(path) = self.switch.leg(leg).and_then(|leg| leg.path()) {
            self.doubt_phone(now, user, &path);
        }
        self.end_interaction(now, call, PartEnd::Lost);
        self.switch.end_called(now, leg, Cause::LOST);
        self.put_back(now, call, queue, (priority, arrived));
        true
    }

    fn tell_lost(&mut self, now: Now, call: CallId, agent: AgentId) {
        let at = self.switch.time_in(call, now);
        if let Some(record) = self.notes.get_mut(&call).and_then(|note| note.queue.as_mut()) {
            let queue = record.queue;
            record.tell(at, queue, StoryEvent::AgentLost { agent });
        }
    }
}
