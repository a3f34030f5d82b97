//! New offers inside a call: hold and resume, a new address, another codec; each answered here, for its own leg.

use super::{
    Cause, EndedBy, Fact, Switch,
    fax::Turn,
    negotiate::{self, Suits},
};
use crate::{
    base::{LegId, Now},
    sip::{Body, Reply},
    wire::sip::Method,
};

impl Switch {
    /// A re-INVITE or UPDATE of a peer.
    pub(super) fn on_offer(&mut self, now: Now, id: LegId, method: &Method, body: Option<&Body>) {
        if self.is_asked_to_turn(id) {
            return self.refuse_offer(now, id, Reply::new(491));
        }
        let other = self.spoken_by_peer(id);
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Some(body) = body else {
            // Without a body an UPDATE only refreshes; a re-INVITE asks for our offer, and its ACK brings the answer.
            let refresh = *method == Method::Update;
            let local = (!refresh).then(|| {
                leg.media.version += 1;
                leg.media.offer(other.as_ref().map_or(Suits::Anybody, Suits::Agreed));
                leg.media.local.clone()
            });
            self.respond_offer(now, id, 200, local);
            return;
        };
        let Some(description) = negotiate::description(&body.content_type, &body.bytes) else {
            return self.refuse_offer(now, id, negotiate::no_description());
        };
        let Some(offered) = negotiate::read_offer(description) else {
            return self.refuse_offer(now, id, negotiate::no_media());
        };
        match self.turn_of(id, &offered) {
            Turn::Own => {}
            Turn::Asks(other) => return self.ask_to_turn(now, id, other, offered),
            Turn::Refused(status) => return self.refuse_offer(now, id, Reply::new(status)),
        }
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Some((local, agreed)) = leg.media.answer(&offered, other.as_ref()) else {
            let reply = if leg.media.meets(&offered) { Reply::new(488) } else { negotiate::no_way() };
            return self.refuse_offer(now, id, reply);
        };
        leg.media.local = local.clone();
        self.respond_offer(now, id, 200, Some(local));
        self.settle_media(now, id, agreed);
    }

    /// The ACK to our 2xx; their answer when that carried our offer.
    pub(super) fn on_acked(&mut self, now: Now, id: LegId, body: Option<&Body>) {
        let Some(leg) = self.legs.get(&id).filter(|leg| leg.media.awaits_answer) else { return };
        let had_media = leg.media.agreed.is_some();
        let taken = body.is_some_and(|body| self.take_answer(now, id, body));
        if !taken && !had_media {
            // They asked for our offer and did not answer it: there is nothing to talk over.
            self.hang_up_leg(now, id, Cause::MEDIA);
            self.leg_gone(now, id, Cause::MEDIA, EndedBy::Switch);
        }
    }

    /// Our own offer inside a call was answered.
    pub(super) fn on_offer_answered(&mut self, now: Now, id: LegId, status: u16, body: Option<&Body>) {
        let body = body.filter(|_| (200..300).contains(&status));
        let taken = body.is_some_and(|body| self.take_answer(now, id, body));
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.media.awaits_answer = false;
        }
        self.on_turn_answered(now, id, status, taken);
    }

    /// A refresh is due that the peer wants as a re-INVITE: our description as it stands.
    pub(super) fn on_refresh_due(&mut self, now: Now, id: LegId) {
        let other = self.spoken_by_peer(id);
        let Some(leg) = self.legs.get_mut(&id) else { return };
        leg.media.version += 1;
        let agreed = leg.media.agreed.clone();
        leg.media.offer(other.or(agreed).as_ref().map_or(Suits::Anybody, Suits::Agreed));
        let body = Body::sdp(leg.media.local.clone());
        if let Some(usage) = leg.signalling.usage() {
            self.stack.reinvite(now, usage, Some(body));
        }
    }

    fn spoken_by_peer(&self, id: LegId) -> Option<negotiate::Agreed> {
        let peer = self.legs.get(&id)?.peer?;
        self.legs.get(&peer)?.media.agreed.clone()
    }

    /// Takes an answer to our offer. False when it is none that we could use.
    pub(super) fn take_answer(&mut self, now: Now, id: LegId, body: &Body) -> bool {
        let Some(leg) = self.legs.get_mut(&id) else { return false };
        if !leg.media.awaits_answer {
            return leg.media.agreed.is_some();
        }
        let agreed = negotiate::description(&body.content_type, &body.bytes)
            .and_then(|description| negotiate::read_answer(description, &leg.media));
        let Some(agreed) = agreed else { return false };
        // An answer before the final response may still be replaced by the one in it.
        leg.media.awaits_answer = !leg.is_up();
        self.settle_media(now, id, agreed);
        true
    }

    /// What a leg's media is from now on, and who notices.
    pub(super) fn settle_media(&mut self, now: Now, id: LegId, agreed: negotiate::Agreed) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let held = leg.holds();
        let (first, is_guest) = (leg.media.agreed.is_none(), leg.guest.is_some());
        let (holds, call, peer, up) = (agreed.holds, leg.call, leg.peer, leg.is_up());
        leg.media.agreed = Some(agreed);
        if first {
            if up && leg.ring.is_none() {
                self.open_media(id);
                self.play_queued(id);
            }
            match peer {
                Some(peer) => self.join(now, id, peer),
                // A third, whose page is back.
                None if up && is_guest => self.arrange(call),
                None => {}
            }
            return;
        }
        self.open_media(id);
        // Another process would go on with another key, address or codec.
        self.fact(Fact::Renewed { call });
        if held == holds {
            return;
        }
        if let Some(peer) = peer {
            self.open_media(peer);
            self.sound_hold(peer);
        }
        self.sound_hold(id);
        self.fact(Fact::Held { call, leg: id, holds });
        self.fact(Fact::Changed { call });
    }
}
