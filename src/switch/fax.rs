//! From sound to fax and back (T.38): the one kind of offer inside a call that is not answered for its own leg. The other leg
//! is asked first, in the same words, and what it says is the answer.
//!
//! Two who are bridged and nobody else can have it: whatever we would play, mix or record is sound.

use std::time::Duration;

use super::{
    Switch, Timer,
    negotiate::{self, SdpOffer, Suits},
};
use crate::{
    base::{LegId, Now},
    sip::Body,
};

/// How long whoever asks waits for the other side, which may have to put off its answer for a glare (RFC 3261 14.1).
const TURN_TIME_MAX: Duration = Duration::from_secs(20);

/// What becomes of an offer inside a call.
pub(super) enum Turn {
    /// Nothing for the other side to notice.
    Own,
    /// The other leg is to be asked.
    Asks(LegId),
    /// Nobody can be asked, or not now.
    Refused(u16),
}

impl Switch {
    /// What an offer of a leg means for the other one.
    pub(super) fn turn_of(&self, id: LegId, offered: &SdpOffer) -> Turn {
        let Some(leg) = self.legs.get(&id) else { return Turn::Refused(488) };
        let peer = leg.peer.and_then(|peer| self.legs.get(&peer));
        let is_peer_fax = peer.and_then(|peer| peer.media.agreed.as_ref()).is_some_and(negotiate::Agreed::is_fax);
        match &leg.media.agreed {
            Some(agreed) if offered.keeps(agreed) => return Turn::Own,
            // It comes back alone: the other side has sound already.
            Some(_) | None if !offered.is_fax() && !is_peer_fax => return Turn::Own,
            Some(_) | None => {}
        }
        let Some(peer) = peer.filter(|_| self.is_alone_with_peer(id)) else { return Turn::Refused(488) };
        if peer.media.awaits_answer || leg.media.awaits_answer {
            return Turn::Refused(491);
        }
        Turn::Asks(peer.id)
    }

    /// Two phones in a bridge of their own, neither held nor protected.
    fn is_alone_with_peer(&self, id: LegId) -> bool {
        let legs = || std::iter::once(id).chain(self.legs.get(&id).and_then(|leg| leg.peer));
        let call = self.legs.get(&id).and_then(|leg| self.calls.get(&leg.call));
        call.is_some_and(|call| call.legs.len() == 2 && call.rings.is_empty())
            && legs().filter_map(|leg| self.legs.get(&leg)).all(|leg| {
                let is_free = !leg.muted && !leg.held && (leg.id == id || !leg.holds());
                leg.joined && leg.is_up() && is_free && leg.signalling.usage().is_some() && leg.media.can_fax()
            })
    }

    /// Whether a leg is asked just now: it makes no offers of its own meanwhile.
    pub(super) fn is_asked_to_turn(&self, id: LegId) -> bool {
        let asks = |peer: LegId| self.legs.get(&peer).is_some_and(|peer| peer.media.turns.is_some());
        self.legs.get(&id).is_some_and(|leg| leg.media.asked_to_turn && leg.peer.is_some_and(asks))
    }

    /// Asks the other leg for what this one wants.
    pub(super) fn ask_to_turn(&mut self, now: Now, id: LegId, other: LegId, offered: SdpOffer) {
        self.make_offer(now, other, Suits::Offered(&offered));
        if let Some(other) = self.legs.get_mut(&other) {
            other.media.asked_to_turn = true;
        }
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.media.turns = Some(Box::new(offered));
            self.timers.set(Timer::TurnLate(id), now.mono + TURN_TIME_MAX);
        }
    }

    /// The other leg has answered; `taken` if it agreed to something.
    pub(super) fn on_turn_answered(&mut self, now: Now, other: LegId, status: u16, taken: bool) {
        let Some(leg) = self.legs.get_mut(&other) else { return };
        if !std::mem::take(&mut leg.media.asked_to_turn) {
            return;
        }
        let (granted, asker) = (leg.media.agreed.clone().filter(|_| taken), leg.peer);
        let agreed = asker.is_some_and(|asker| self.turn(now, asker, granted.as_ref(), status));
        if !agreed && (200..300).contains(&status) {
            self.turn_back(now, other);
        }
    }

    /// Gives whoever asked his answer. False: he has none of what he wanted, or waits for it no more.
    fn turn(&mut self, now: Now, id: LegId, granted: Option<&negotiate::Agreed>, status: u16) -> bool {
        self.timers.cancel(Timer::TurnLate(id));
        let Some(leg) = self.legs.get_mut(&id) else { return false };
        let Some(offered) = leg.media.turns.take() else { return false };
        let granted = granted.filter(|granted| granted.is_fax() == offered.is_fax());
        let answer = granted.and_then(|granted| leg.media.answer(&offered, Some(granted)));
        let Some((local, agreed)) = answer else {
            let status = if matches!(status, 415 | 488 | 491 | 606) { status } else { 488 };
            self.respond_offer(now, id, status, None);
            return false;
        };
        leg.media.local = local.clone();
        let call = leg.call;
        if !self.respond_offer(now, id, 200, Some(local)) {
            return false;
        }
        self.settle_media(now, id, agreed);
        self.fact(super::Fact::Changed { call });
        true
    }

    /// The other side says nothing: whoever asked goes on as he was.
    pub(super) fn on_turn_late(&mut self, now: Now, id: LegId) {
        self.turn(now, id, None, 488);
        self.ask_no_more(now, id);
    }

    /// Whoever asked has changed his mind.
    pub(super) fn on_turn_taken_back(&mut self, now: Now, id: LegId) {
        self.timers.cancel(Timer::TurnLate(id));
        if self.legs.get_mut(&id).is_some_and(|leg| leg.media.turns.take().is_some()) {
            self.ask_no_more(now, id);
        }
    }

    fn ask_no_more(&mut self, now: Now, id: LegId) {
        let other = self.legs.get(&id).and_then(|leg| leg.peer).and_then(|peer| self.legs.get(&peer));
        if let Some(usage) = other.filter(|other| other.media.asked_to_turn).and_then(|other| other.signalling.usage())
        {
            self.stack.take_offer_back(now, usage);
        }
    }

    /// A leg has become what its peer is not: it is asked to be what that one is.
    pub(super) fn turn_back(&mut self, now: Now, id: LegId) {
        let Some(leg) = self.legs.get(&id).filter(|leg| leg.is_up() && !leg.media.awaits_answer) else { return };
        let peer = leg.peer.and_then(|peer| self.legs.get(&peer)).and_then(|peer| peer.media.agreed.clone());
        let (Some(own), Some(peer)) = (&leg.media.agreed, peer) else { return };
        if own.is_fax() != peer.is_fax() {
            self.make_offer(now, id, Suits::Agreed(&peer));
        }
    }

    /// Two are brought together of whom one has fax: it becomes sound again.
    pub(super) fn turn_to_sound(&mut self, now: Now, a: LegId, b: LegId) {
        for (leg, peer) in [(a, b), (b, a)] {
            let is_fax = |leg: &LegId| {
                self.legs.get(leg).and_then(|leg| leg.media.agreed.as_ref()).is_some_and(negotiate::Agreed::is_fax)
            };
            if is_fax(&leg) && !is_fax(&peer) {
                self.turn_back(now, leg);
            }
        }
    }

    fn make_offer(&mut self, now: Now, id: LegId, suits: Suits<'_>) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        leg.media.version += 1;
        leg.media.offer(suits);
        let body = Body::sdp(leg.media.local.clone());
        if let Some(usage) = leg.signalling.usage() {
            self.stack.reinvite(now, usage, Some(body));
        }
    }
}
