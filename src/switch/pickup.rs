//! A new dialog in the place of another (RFC 3891): a ringing call is picked up, a call moves to another phone.

use std::sync::Arc;

use super::{
    Cause, EndedBy, Fact, LegParty, LegSide, LegStage, Switch, Then,
    call::Farewell,
    doors::Towards,
    leg::{Leg, LegState},
    negotiate::{self, Suits},
    signalling::Signalling,
};
use crate::{
    base::{LegId, Now, Private},
    sip::{Body, Path, Reply, UsageId},
    wire::sip::Message,
};

/// An INVITE that shall take a leg's place: judged and identified.
#[derive(Clone, Debug)]
pub struct Pickup<'a> {
    pub usage: UsageId,
    pub request: &'a Message,
    pub path: Path,
    pub party: LegParty,
    /// Who picks up, as the record shows it.
    pub address: Private<String>,
    pub leg: LegId,
}

impl Switch {
    /// Answers an INVITE with Replaces and puts the new leg in the place of the old. `Err` is the answer to give it;
    /// nothing has changed then.
    pub fn pick_up(&mut self, now: Now, pickup: Pickup<'_>) -> Result<(), Reply> {
        self.serves(pickup.request)?;
        let old = self.legs.get(&pickup.leg).ok_or_else(|| Reply::new(481))?;
        if old.guest.is_some() {
            // A third's place is not one of the two.
            return Err(Reply::new(481));
        }
        let (call, ring, was_up, peer) = (old.call, old.ring, old.is_up(), old.peer);
        let known = self.calls.get(&call).ok_or_else(|| Reply::new(481))?;
        let (worker, partner) = (known.worker, if was_up { peer } else { Some(known.caller_leg) });
        let offered = negotiate::offered(pickup.request)?;
        let other = partner.and_then(|partner| self.legs.get(&partner)).and_then(|leg| leg.media.agreed.clone());
        let Some(mut media) =
            self.take_media(now, worker, Towards::Phone(&pickup.path), (offered.as_ref(), Arc::default()))
        else {
            self.fact(Fact::NoPort);
            return Err(Reply::new(503).header("Retry-After", "5"));
        };
        match &offered {
            Some(offered) => {
                let Some((local, agreed)) = negotiate::answer(&media, offered, other.as_ref()) else {
                    self.give_back(now, &media);
                    return Err(if media.meets(offered) { Reply::new(488) } else { negotiate::no_way() });
                };
                (media.local, media.agreed) = (local, Some(agreed));
            }
            None => media.offer(other.as_ref().map_or(Suits::Anybody, Suits::Agreed)),
        }
        let (id, end) = (LegId(self.ids.next_leg()), self.draw_end());
        let (usage, body, party) = (pickup.usage, Body::sdp(media.local.clone()), pickup.party);
        self.keep_leg(Leg {
            id,
            call,
            signalling: Signalling::Dialog { usage, call_id: pickup.request.call_id().into(), path: pickup.path },
            // It stands for one that was called, whoever sent the INVITE.
            side: LegSide::Called,
            party,
            address: pickup.address,
            state: LegState::Up,
            media,
            end,
            info_digits: None,
            ends_call: true,
            peer: None,
            guest: None,
            muted: false,
            gain_db: 0,
            held: false,
            joined: false,
            forsaken: false,
            ring,
            began: self.time_in(call, now),
            rang: None,
            answered: Some(self.time_in(call, now)),
        });
        if let Some(known) = self.calls.get_mut(&call) {
            known.legs.push(id);
        }
        self.stack.respond(now, usage, Reply::new(200).body(body));
        self.fact(Fact::Leg { call, leg: id, party, side: LegSide::Called, ring, stage: LegStage::Answered });
        if was_up {
            self.change_places(now, pickup.leg, id);
        } else {
            self.win_by_pickup(now, pickup.leg, id);
        }
        Ok(())
    }

    /// The new leg talks on where the old one did.
    fn change_places(&mut self, now: Now, old: LegId, new: LegId) {
        let Some(leg) = self.legs.get(&old) else { return };
        let (call, peer) = (leg.call, leg.peer);
        if let Some(known) = self.calls.get_mut(&call)
            && known.caller_leg == old
        {
            known.caller_leg = new;
        }
        if let Some(peer) = peer {
            self.hush(peer);
            self.pair(peer, new);
        }
        self.end_leg(now, old, Cause::NORMAL, EndedBy::Switch, Farewell::Ours);
        if let Some(peer) = peer {
            self.join(now, peer, new);
        }
        self.after_leg(now, call);
    }

    /// The new leg answers what rang at the old one, and at all others of its ring.
    fn win_by_pickup(&mut self, now: Now, old: LegId, new: LegId) {
        let Some(leg) = self.legs.get(&old) else { return };
        let (call, ring) = (leg.call, leg.ring);
        let Some((ring, won)) = ring.and_then(|ring| Some((ring, self.forget_ring(ring)?))) else { return };
        for loser in won.legs {
            self.end_leg(now, loser, Cause::ELSEWHERE, EndedBy::Other, Farewell::Ours);
        }
        let Some(party) = self.legs.get(&new).map(|leg| leg.party) else { return };
        self.fact(Fact::RingWon { call, ring, leg: new, party });
        if won.plan.then == Then::Connect {
            self.connect(now, call, new);
        }
        self.after_leg(now, call);
    }
}
