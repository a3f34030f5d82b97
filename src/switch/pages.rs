//! What pages say of their users' legs: the other half of [`super::signalling`].
//!
//! A page speaks for a leg only while it is the one that the leg is at; anything else it says is let go.

use super::{
    Admission, Cause, EndedBy, LegParty, Switch, Then, Timer,
    call::Arrival,
    doors::Towards,
    fork::FLOW_FAILED,
    leg::LegState,
    negotiate,
    signalling::{PageOrder, Signalling},
};
use crate::{
    base::{CallId, LegId, Now, PageId},
    sip::{Body, Fault, Headers, Reply},
    wire::sip::Method,
};

/// Hops that a call of a page may take.
const MAX_FORWARDS: u8 = 70;

impl Switch {
    /// Takes on a call that a page makes, with its offer. `Err` says why not, as to a phone.
    pub fn admit_page(
        &mut self,
        now: Now,
        page: PageId,
        sdp: &str,
        admission: Admission,
    ) -> Result<(CallId, LegId), Reply> {
        let offered = negotiate::read_offer(sdp.as_bytes()).filter(negotiate::SdpOffer::is_browsers);
        let offered = offered.ok_or_else(|| Reply::new(488))?;
        let media = self.room_for(now, Towards::Page, Some(&offered), &admission)?;
        let arrival = Arrival {
            signalling: Signalling::Page(Some(page)),
            media,
            offered: Some(offered),
            passed: Headers::new(),
            max_forwards: MAX_FORWARDS,
            secure: false,
        };
        let call = self.begin(now, arrival, admission);
        let leg = self.calls.get(&call).map(|call| call.caller_leg).ok_or_else(|| Reply::new(500))?;
        Ok((call, leg))
    }

    /// A page shows a call to its user.
    pub fn page_rings(&mut self, now: Now, page: PageId, leg: LegId) {
        if self.is_at(leg, page) && self.is_called(leg) {
            self.on_provisional(now, leg, 180, None);
        }
    }

    /// Its user takes the call; its answer to our offer.
    pub fn page_answers(&mut self, now: Now, page: PageId, leg: LegId, sdp: String) {
        if self.is_at(leg, page) && self.is_called(leg) {
            self.on_answered(now, leg, Some(Body::sdp(sdp)), false);
        }
    }

    /// Its user hangs up, refuses a call or gives one up.
    pub fn page_hangs_up(&mut self, now: Now, page: PageId, leg: LegId) {
        if !self.is_at(leg, page) {
            return;
        }
        match self.legs.get(&leg).map(|leg| leg.state) {
            Some(LegState::Calling | LegState::Ringing) => self.on_rejected(now, leg, 603, None, Fault::Refused),
            Some(LegState::Incoming) => self.leg_gone(now, leg, Cause::CANCELLED, EndedBy::Peer),
            Some(LegState::Up) => self.leg_gone(now, leg, Cause::NORMAL, EndedBy::Peer),
            None => {}
        }
    }

    /// An offer inside a call: another network, another microphone, a page that was loaded again.
    pub fn page_offers(&mut self, now: Now, page: PageId, leg: LegId, sdp: String) {
        let is_up = self.legs.get(&leg).is_some_and(|leg| leg.is_up());
        if is_up && self.is_at(leg, page) {
            self.on_offer(now, leg, &Method::Invite, Some(&Body::sdp(sdp)));
        }
    }

    /// The live connection of a page has ended: what nobody had answered there is over, what is talked over goes on while
    /// anything is heard of it, and may be taken up again.
    pub fn page_gone(&mut self, now: Now, page: PageId) {
        for leg in self.legs_at(Some(page), None) {
            let Some(known) = self.legs.get_mut(&leg) else { continue };
            match known.state {
                LegState::Calling | LegState::Ringing => self.miss_ringing(now, leg),
                LegState::Incoming => self.leg_gone(now, leg, Cause::CANCELLED, EndedBy::Peer),
                LegState::Up => {
                    known.signalling = Signalling::Page(None);
                    self.open_media(leg);
                    self.set_adrift(now, leg);
                }
            }
        }
    }

    /// A page takes up the legs of its user whose page is gone, and those that it has the sound of though the switch knows
    /// them at another; which these are.
    pub fn page_takes_up(&mut self, page: PageId, party: LegParty, claimed: &[LegId]) -> Vec<LegId> {
        let mut legs = [claimed, &self.legs_at(None, Some(party))].concat();
        legs.sort();
        legs.dedup();
        self.page_takes_these(page, party, legs)
    }

    /// A page takes up those legs of its user at no page of which nothing is heard any more.
    pub fn page_takes_silent(&mut self, page: PageId, party: LegParty) -> Vec<LegId> {
        let silent = self.legs_at(None, Some(party)).into_iter().filter(|leg| self.is_deserted(*leg)).collect();
        self.page_takes_these(page, party, silent)
    }

    /// Whether a user has talked at a page that is gone.
    pub fn misses_page(&self, party: LegParty) -> bool {
        self.legs_at(None, Some(party)).iter().any(|leg| self.legs.get(leg).is_some_and(|leg| leg.is_up()))
    }

    fn page_takes_these(&mut self, page: PageId, party: LegParty, mut legs: Vec<LegId>) -> Vec<LegId> {
        legs.retain(|leg| {
            let known = self.legs.get(leg).filter(|known| known.party == party && known.is_up());
            known.is_some_and(|known| matches!(known.signalling, Signalling::Page(at) if at != Some(page)))
        });
        for leg in &legs {
            self.undesert(*leg);
            let Some(known) = self.legs.get_mut(leg) else { continue };
            let call = known.call;
            let before = std::mem::replace(&mut known.signalling, Signalling::Page(Some(page)));
            if let Signalling::Page(before) = before {
                self.tell_page(before, call, *leg, PageOrder::Over { cause: Cause::ELSEWHERE });
            }
            self.open_media(*leg);
            // A third's has no other way into the talk.
            self.arrange(call);
        }
        legs
    }

    /// Who is called directly is given the time that a page takes to load; an offer goes to the next agent at once.
    fn miss_ringing(&mut self, now: Now, id: LegId) {
        let ring = self.legs.get(&id).and_then(|leg| self.rings.get(&leg.ring?));
        let waits = ring.is_some_and(|ring| ring.plan.then == Then::Connect) && !self.has_spares(id);
        let Some(leg) = self.legs.get_mut(&id).filter(|_| waits) else {
            return self.on_rejected(now, id, FLOW_FAILED, None, Fault::Unreachable);
        };
        leg.signalling = Signalling::Page(None);
        self.timers.set(Timer::Dead(id), now.mono + self.settings.times.device_dead_time);
    }

    /// Whether somebody is called at a page that is gone.
    pub(super) fn is_missed(&self, leg: LegId) -> bool {
        let known = self.legs.get(&leg);
        known.is_some_and(|leg| matches!(leg.signalling, Signalling::Page(None)) && !leg.is_up())
    }

    /// A page of a user is there: what rang at one that is gone rings here.
    pub fn page_rings_again(&mut self, now: Now, page: PageId, party: LegParty) {
        for id in self.legs_at(None, Some(party)) {
            let Some(leg) = self.legs.get_mut(&id).filter(|leg| !leg.is_up()) else { continue };
            let sdp = String::from_utf8_lossy(&leg.media.local).into_owned();
            leg.signalling = Signalling::Page(Some(page));
            let call = leg.call;
            let Some(caller) = self.called_at_page(id, page) else { continue };
            self.timers.set(Timer::Dead(id), now.mono + self.settings.times.device_dead_time);
            self.tell_page(Some(page), call, id, PageOrder::Ring { caller, sdp });
        }
    }

    fn is_at(&self, leg: LegId, page: PageId) -> bool {
        let known = self.legs.get(&leg);
        known.is_some_and(|leg| matches!(leg.signalling, Signalling::Page(Some(at)) if at == page))
    }

    fn is_called(&self, leg: LegId) -> bool {
        self.legs.get(&leg).is_some_and(|leg| matches!(leg.state, LegState::Calling | LegState::Ringing))
    }

    /// Legs at that page, or at none; in their order.
    fn legs_at(&self, page: Option<PageId>, of: Option<LegParty>) -> Vec<LegId> {
        let is_there = |signalling: &Signalling| matches!(signalling, Signalling::Page(at) if *at == page);
        let legs = self.legs.values().filter(|leg| is_there(&leg.signalling) && of.is_none_or(|of| of == leg.party));
        let mut legs: Vec<LegId> = legs.map(|leg| leg.id).collect();
        legs.sort();
        legs
    }
}
