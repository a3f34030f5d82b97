//! What those who are rung say, or leave unsaid.

use smallvec::SmallVec;

use super::{FLOW_FAILED, Place};
use crate::{
    base::{LegId, Now, Wall},
    sip::{Body, Fault},
    switch::{
        Cause, EndedBy, Fact, LegParty, LegStage, Lost, Moved, RingId, Switch, Then, Timer, call::Farewell,
        leg::LegState,
    },
    wire::sip::{Message, NameAddr},
};

/// Contacts of one redirection that are looked at.
const MOVED_MAX: usize = 8;

impl Switch {
    /// The wall clock as what is told of the leg's call goes by it.
    fn time_at(&self, leg: LegId, now: Now) -> Option<Wall> {
        self.legs.get(&leg).map(|leg| self.time_in(leg.call, now))
    }

    /// 101-199 from a called leg.
    pub(in crate::switch) fn on_provisional(&mut self, now: Now, id: LegId, status: u16, body: Option<Body>) {
        let Some(at) = self.time_at(id, now) else { return };
        let Some(leg) = self.legs.get_mut(&id) else { return };
        self.timers.cancel(Timer::Dead(id));
        let (status, body) = match status {
            183 if leg.media.quirks.rings_for_progress => (180, None),
            _ => (status, body),
        };
        let first = leg.state == LegState::Calling && matches!(status, 180..=183);
        if first {
            leg.state = LegState::Ringing;
            leg.rang = Some(at);
        }
        let (call, ring, party, side) = (leg.call, leg.ring, leg.party, leg.side);
        let early = body.is_some_and(|body| self.take_answer(now, id, &body));
        let alerted = status == 180
            && self.called.get_mut(&id).is_some_and(|called| !std::mem::replace(&mut called.alerted, true));
        if let Some(ring) = ring.filter(|_| alerted) {
            self.fact(Fact::Alerted { call, ring });
        }
        if first {
            self.fact(Fact::Leg { call, leg: id, party, side, ring, stage: LegStage::Ringing });
            if let Some(ring) = ring {
                self.fact(Fact::Rang { call, ring });
            }
            self.fact(Fact::Changed { call });
        }
        let connects = ring.and_then(|ring| self.rings.get(&ring)).is_some_and(|ring| ring.plan.then == Then::Connect);
        if connects && matches!(status, 180..=183) {
            self.pass_progress(now, call, id, status, early);
            // Who has heard somebody before, who is gone, is not to be left in silence.
            ring.into_iter().for_each(|ring| self.hear_next(now, ring));
        }
    }

    /// 2xx from a called leg.
    pub(in crate::switch) fn on_answered(&mut self, now: Now, id: LegId, body: Option<Body>, needs_ack_body: bool) {
        let at = self.time_at(id, now);
        let Some(leg) = self.legs.get_mut(&id) else { return };
        self.timers.cancel(Timer::Dead(id));
        leg.state = LegState::Up;
        leg.answered = at;
        let (call, ring, party, side, usage) = (leg.call, leg.ring, leg.party, leg.side, leg.signalling.usage());
        let has_media = match body {
            Some(body) => self.take_answer(now, id, &body),
            None => {
                leg.media.awaits_answer = false;
                leg.media.agreed.is_some()
            }
        };
        if let Some(usage) = usage.filter(|_| needs_ack_body) {
            // We always offer; a peer that offers in its answer to that broke RFC 3264 and is thanked and let go.
            self.stack.ack(now, usage, None);
        }
        let Some(ring) = ring.filter(|ring| self.rings.contains_key(ring)) else {
            return self.end_leg(now, id, Cause::CANCELLED, EndedBy::Switch, Farewell::Ours);
        };
        if !has_media {
            self.end_leg(now, id, Cause::MEDIA, EndedBy::Switch, Farewell::Ours);
            return self.leg_failed(now, ring, id, Lost::Unable, Cause::MEDIA);
        }
        let Some(won) = self.forget_ring(ring) else { return };
        for loser in won.legs.into_iter().filter(|leg| *leg != id) {
            self.end_leg(now, loser, Cause::ELSEWHERE, EndedBy::Other, Farewell::Ours);
        }
        self.tell_used(id, party);
        self.fact(Fact::Leg { call, leg: id, party, side, ring: Some(ring), stage: LegStage::Answered });
        self.fact(Fact::RingWon { call, ring, leg: id, party });
        if won.plan.then == Then::Connect {
            self.connect(now, call, id);
        }
    }

    /// Our INVITE came to nothing.
    pub(in crate::switch) fn on_rejected(
        &mut self,
        now: Now,
        id: LegId,
        status: u16,
        response: Option<&Message>,
        why: Fault,
    ) {
        let Some(leg) = self.legs.get(&id) else { return };
        let (ring, party, rang) = (leg.ring, leg.party, leg.state == LegState::Ringing);
        let called = self.called.remove(&id);
        let reached = match party {
            LegParty::User(_) => rang,
            // A carrier sends 183 for announcements of its own too.
            LegParty::Trunk(_) => called.as_ref().is_some_and(|called| called.alerted),
        };
        let given = response.and_then(|response| response.header(crate::wire::sip::Name::Reason));
        let cause = match given.and_then(Cause::from_reason) {
            Some(given) => Cause { sip: status, q850: given.q850 },
            // Between an edge and its registrar alone (RFC 5626 5.3.1): a caller hears that nobody is there.
            None if status == FLOW_FAILED => Cause::from_status(480),
            None => Cause::from_status(status),
        };
        let nobody = matches!(why, Fault::Silent | Fault::Unreachable);
        let lost = lost(status, rang, nobody);
        let silent = nobody || matches!(status, 404 | 410 | FLOW_FAILED | 480);
        let (place, spares) = called.map(|called| (called.at, called.spares)).unzip();
        let dead = place.filter(|_| lost == Lost::Unreachable && silent);
        // Whoever was heard to ring was reached: another server would only ring him again.
        if !reached && (nobody || matches!(status, FLOW_FAILED | 503)) {
            self.dial_spare(now, ring, spares.unwrap_or_default());
        }
        self.end_leg(now, id, cause, EndedBy::Peer, Farewell::Theirs);
        if let Some(ring) = ring {
            if let Some(known) = self.rings.get_mut(&ring).filter(|known| known.moved.is_none()) {
                known.moved = response.and_then(|response| moved(party, status, response));
            }
            if status >= 600 {
                self.end_same_party(now, ring, party, cause);
                // Nor do his other devices ring later (RFC 3261 16.7 step 5); whoever else comes after him does.
                if let Some(known) = self.rings.get_mut(&ring).filter(|_| matches!(party, LegParty::User(_))) {
                    known.plan.phases.iter_mut().for_each(|phase| phase.retain(|target| target.party != party));
                }
            }
            self.leg_failed(now, ring, id, lost, cause);
        }
        if let Some(place) = dead {
            self.tell_dead(party, place, status == FLOW_FAILED);
        }
    }

    /// Nothing at all came from a called leg for too long.
    pub(in crate::switch) fn on_dead(&mut self, now: Now, id: LegId) {
        let Some(leg) = self.legs.get(&id) else { return };
        let (ring, party) = (leg.ring, leg.party);
        let missed = self.is_missed(id);
        if leg.state != LegState::Calling && !missed {
            return;
        }
        if !missed && self.is_heard(leg) {
            // Only a 100, but a sign of life.
            if let Some(ring) = ring {
                let call = leg.call;
                self.fact(Fact::Alive { call, ring });
            }
            return;
        }
        let cause = Cause::from_status(if missed { 480 } else { 408 });
        let called = self.called.remove(&id);
        let (place, spares) = called.map(|called| (called.at, called.spares)).unzip();
        self.dial_spare(now, ring, spares.unwrap_or_default());
        self.end_leg(now, id, cause, EndedBy::Switch, Farewell::Ours);
        if let Some(ring) = ring {
            self.leg_failed(now, ring, id, Lost::Unreachable, cause);
        }
        if let Some(place) = place {
            self.tell_dead(party, place, false);
        }
    }

    /// Somebody picked up there.
    fn tell_used(&mut self, leg: LegId, party: LegParty) {
        let Some(called) = self.called.remove(&leg) else { return };
        self.fact(match called.at {
            Place::Contact(contact, _) => Fact::Used { party, contact },
            Place::Page(_) => Fact::PageUsed { party },
        });
    }

    fn tell_dead(&mut self, party: LegParty, place: Place, flow_failed: bool) {
        self.fact(match place {
            Place::Contact(contact, path) => Fact::Dead { party, contact, path, flow_failed },
            Place::Page(page) => Fact::PageDead { page },
        });
    }

    /// A person who said no says so on all his devices (RFC 3261 21.6).
    fn end_same_party(&mut self, now: Now, ring: RingId, party: LegParty, cause: Cause) {
        let Some(ring) = self.rings.get_mut(&ring) else { return };
        let legs = &self.legs;
        let is_same = |leg: &LegId| legs.get(leg).is_some_and(|leg| leg.party == party);
        let same: SmallVec<[LegId; 2]> = ring.legs.iter().copied().filter(is_same).collect();
        ring.legs.retain(|leg| !same.contains(leg));
        for leg in same {
            self.end_leg(now, leg, cause, EndedBy::Other, Farewell::Ours);
        }
    }
}

/// Where a redirection leads: the contacts by their q, those of one q as they came.
fn moved(by: LegParty, status: u16, response: &Message) -> Option<Moved> {
    if !matches!(status, 300..=302) {
        return None;
    }
    let q = |contact: &NameAddr<'_>| {
        let q = contact.params.value("q").and_then(|q| q.trim().parse::<f32>().ok()).unwrap_or(1.0);
        std::cmp::Reverse((q.clamp(0.0, 1.0) * 1_000.0) as u32)
    };
    let mut contacts: Vec<NameAddr<'_>> = response.contacts().flatten().take(MOVED_MAX).collect();
    contacts.sort_by_key(q);
    let to: Vec<String> = contacts.into_iter().map(|contact| contact.uri_text.to_owned()).collect();
    (!to.is_empty()).then_some(Moved { by, to })
}

/// What one device's refusal amounts to, or that nobody answered there at all.
fn lost(status: u16, rang: bool, nobody: bool) -> Lost {
    match status {
        // Phones in browsers say 480 when somebody presses Reject.
        480 | 486 | 600 if rang => Lost::Declined,
        486 | 600 => Lost::Busy,
        603 | 607 | 608 => Lost::Declined,
        487 => Lost::NoAnswer,
        // The phone itself gave up ringing.
        408 if rang => Lost::NoAnswer,
        404 | 408 | 410 | FLOW_FAILED | 480 => Lost::Unreachable,
        _ if nobody => Lost::Unreachable,
        _ => Lost::Unable,
    }
}
