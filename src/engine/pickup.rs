//! INVITE with Replaces (RFC 3891): who may take whose place.

use super::{Engine, calls::why_not_rung, sip_in::Identity};
use crate::{
    base::{LegId, Now, UserId},
    sip::{Path, Reply, UsageId},
    switch::{LegParty, Pickup},
    wire::sip::{Message, Name, Replaces},
};

impl Engine {
    /// A known caller's INVITE that shall take another dialog's place.
    pub(super) fn on_pickup(&mut self, now: Now, usage: UsageId, request: &Message, path: Path, identity: &Identity) {
        let picked = self.judge_pickup(now, request, identity).and_then(|(user, leg)| {
            let address = self.shown_user(user, false).number;
            let party = LegParty::User(user);
            let call = self.switch.leg(leg).map(|leg| leg.call());
            let picked = self.switch.pick_up(now, Pickup { usage, request, path, party, address, leg });
            if let (Err(_), Some(call), Some(agent)) = (&picked, call, self.directory.agent_of(user))
                && self.direct.get(&(call, agent)) == Some(&0)
            {
                self.end_direct(now, agent, call);
            }
            picked
        });
        if let Err(reply) = picked {
            self.totals.calls_refused += 1;
            self.switch.refuse(now, usage, reply);
        }
    }

    /// A talk moves only to another phone of the same user; what rings may be picked up by those who share a group with
    /// whom it rings for. A queue's offer is the queue's to give.
    fn judge_pickup(&mut self, now: Now, request: &Message, identity: &Identity) -> Result<(UserId, LegId), Reply> {
        let Identity::User(user) = identity else { return Err(Reply::new(403)) };
        let mut lines = request.headers(Name::Replaces);
        let (Some(line), None) = (lines.next(), lines.next()) else { return Err(Reply::new(400)) };
        let replaces = Replaces::parse(line).map_err(|_| Reply::new(400).reason("Bad Replaces"))?;
        let leg = self.switch.find_replaced(replaces.call_id, replaces.to_tag, replaces.from_tag);
        let leg = leg.or_else(|| self.ringing_by_alias(&replaces)).ok_or_else(|| Reply::new(481))?;
        let sight = self.switch.leg(leg).ok_or_else(|| Reply::new(481))?;
        let (call, party) = (sight.call(), sight.party());
        let own = party == LegParty::User(*user);
        if sight.is_answered() {
            if replaces.early_only {
                return Err(Reply::new(486));
            }
            let idle = self.notes.get(&call).is_some_and(|note| note.transfer.is_none());
            return if own && idle && self.switch.partner(leg).is_some() {
                Ok((*user, leg))
            } else {
                Err(Reply::new(403))
            };
        }
        // Only what we called can be answered in another's place.
        let Some(ring) = sight.ring() else { return Err(Reply::new(481)) };
        let LegParty::User(rung) = party else { return Err(Reply::new(403)) };
        if self.rings.contains_key(&ring) || !(own || self.directory.share_a_group(*user, rung)) {
            return Err(Reply::new(403));
        }
        if self.is_own_call(call, *user) {
            return Err(Reply::new(403));
        }
        if !own {
            self.try_to_ring(now, call, *user).map_err(|why| Reply::new(why_not_rung(&why).status()))?;
        }
        Ok((*user, leg))
    }
}
