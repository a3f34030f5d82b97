//! Ringing: one or several devices, together or one after the other, and one winner.

mod answers;

use smallvec::SmallVec;

use super::{
    Caller, Cause, EndedBy, Fact, GoesOn, LegParty, LegSide, Lost, Moved, Output, RingId, RingPlan, SipWay, Switch,
    Target, Then, Timer, Way,
    call::Farewell,
    doors::Towards,
    headers,
    leg::{Leg, LegState},
    presentation::{addressed, shown},
    signalling::{PageOrder, Signalling},
};
use crate::{
    base::{CallId, LegId, Now, PageId},
    sip::{Body, Headers, Invite, Path, Transport},
};

/// Flow Failed: the connection to the device is gone (RFC 5626 11.5).
pub(super) const FLOW_FAILED: u16 = 430;

/// Devices rung at once for one call; the rest of a phase is left out.
pub const FORK_MAX: usize = 64;

/// Where a device that rings was called.
pub(super) struct Called {
    at: Place,
    spares: Vec<Target>,
    /// It has said by 180 that whoever is called is alerted.
    alerted: bool,
    /// Who a page was told is calling; it may have to be told again.
    shown: Option<Box<Caller>>,
}

#[derive(Clone)]
enum Place {
    Contact(Box<str>, Path),
    Page(PageId),
}

/// Somebody is being rung.
pub(super) struct Ring {
    pub call: CallId,
    pub plan: RingPlan,
    /// The phase that rings.
    pub phase: usize,
    pub legs: SmallVec<[LegId; 2]>,
    /// The most telling of the failures so far.
    pub lost: Option<(Lost, Cause)>,
    /// The first redirection.
    pub moved: Option<Moved>,
}

impl Switch {
    /// Rings somebody for a call. `RingWon` or `RingLost` follows, unless `stop_ring` comes first.
    pub fn ring(&mut self, now: Now, call: CallId, plan: RingPlan) -> Option<RingId> {
        let known = self.calls.get_mut(&call)?;
        let id = RingId(self.ids.next_ring());
        known.rings.push(id);
        known.refused = Headers::new();
        self.rings.insert(id, Ring { call, plan, phase: 0, legs: SmallVec::new(), lost: None, moved: None });
        self.start_phase(now, id);
        Some(id)
    }

    /// Stops ringing; nothing more is told of the ring.
    pub fn stop_ring(&mut self, now: Now, id: RingId, cause: Cause) {
        let Some(ring) = self.forget_ring(id) else { return self.retract(now, id, cause) };
        for leg in ring.legs {
            self.end_leg(now, leg, cause, EndedBy::Other, Farewell::Ours);
        }
        self.after_leg(now, ring.call);
    }

    /// A ring that was won or lost in this very turn, which nobody has been told yet: nobody is, and who won it is let go.
    fn retract(&mut self, now: Now, id: RingId, cause: Cause) {
        let mut won = None;
        self.outputs.retain(|output| {
            if let Output::Fact(Fact::RingWon { ring, leg, .. }) = output
                && *ring == id
            {
                won = Some(*leg);
                return false;
            }
            !matches!(output, Output::Fact(Fact::RingLost { ring, .. }) if *ring == id)
        });
        if let Some(leg) = won {
            self.end_called(now, leg, cause);
        }
    }

    /// Takes back one device of a ring that is still being called, as if it were busy.
    pub fn pass_over(&mut self, now: Now, leg: LegId) {
        let Some(ring) = self.legs.get(&leg).filter(|leg| !leg.is_up()).and_then(|leg| leg.ring) else { return };
        self.end_leg(now, leg, Cause::BUSY, EndedBy::Switch, Farewell::Ours);
        self.leg_failed(now, ring, leg, Lost::Busy, Cause::BUSY);
    }

    /// Takes a ring out of the books; its legs are the caller's affair.
    pub(super) fn forget_ring(&mut self, id: RingId) -> Option<Ring> {
        let ring = self.rings.remove(&id)?;
        self.timers.cancel(Timer::PhaseOver(id));
        if let Some(call) = self.calls.get_mut(&ring.call) {
            call.rings.retain(|other| *other != id);
        }
        Some(ring)
    }

    /// Rings the first phase from the present one on in which somebody can be rung.
    fn start_phase(&mut self, now: Now, id: RingId) {
        loop {
            let Some(ring) = self.rings.get_mut(&id) else { return };
            let (call, time) = (ring.call, ring.plan.phase_time);
            // Each phase rings once: its targets are used up.
            let Some(targets) = ring.plan.phases.get_mut(ring.phase).map(std::mem::take) else {
                return self.lose(id);
            };
            for target in targets.into_iter().take(FORK_MAX) {
                match self.dial(now, call, id, target) {
                    Some(leg) => {
                        if let Some(ring) = self.rings.get_mut(&id) {
                            ring.legs.push(leg);
                        }
                    }
                    None => {
                        let (lost, cause) = self.why_not(call);
                        self.note_loss(id, lost, cause);
                    }
                }
            }
            let Some(ring) = self.rings.get_mut(&id) else { return };
            if !ring.legs.is_empty() {
                return self.timers.set(Timer::PhaseOver(id), now.mono + time);
            }
            ring.phase += 1;
        }
    }

    /// The present phase came to nothing.
    fn next_phase(&mut self, now: Now, id: RingId) {
        let Some(ring) = self.rings.get_mut(&id) else { return };
        let reached = ring.lost.is_some_and(|(lost, _)| lost.was_reached());
        if reached && ring.plan.goes_on == GoesOn::IfUnreachable {
            return self.lose(id);
        }
        ring.phase += 1;
        self.start_phase(now, id);
    }

    /// Nobody is left to ring.
    fn lose(&mut self, id: RingId) {
        let Some(ring) = self.forget_ring(id) else { return };
        let (lost, cause) = ring.lost.unwrap_or((Lost::Unreachable, Cause::from_status(480)));
        self.fact(Fact::RingLost { call: ring.call, ring: id, lost, cause, moved: ring.moved });
    }

    fn note_loss(&mut self, id: RingId, lost: Lost, cause: Cause) {
        let Some(ring) = self.rings.get_mut(&id) else { return };
        if ring.lost.is_none_or(|(worst, _)| lost > worst) {
            ring.lost = Some((lost, cause));
        }
    }

    /// Why nobody could be dialled for a call: no port was left, no secure way for `sips:`, or no plain one for fax.
    fn why_not(&self, call: CallId) -> (Lost, Cause) {
        match self.calls.get(&call) {
            Some(call) if call.secure => (Lost::Unfit, Cause::from_status(480)),
            Some(call) if call.offers_fax() => (Lost::Unfit, Cause::MEDIA),
            Some(_) | None => (Lost::NoRoom, Cause::NO_ROOM),
        }
    }

    /// Whether the sound on that way is to be protected.
    fn secures(&self, way: &Way) -> bool {
        self.settings.secures_tls && matches!(way, Way::Sip(way) if way.path.transport == Transport::Tls)
    }

    /// Sends one INVITE.
    fn dial(&mut self, now: Now, call_id: CallId, ring_id: RingId, target: Target) -> Option<LegId> {
        let call = self.calls.get(&call_id)?;
        let secures = self.secures(&target.way);
        if !call.may_go(&target.way, secures) {
            return None;
        }
        let (worker, caller) = (call.worker, call.caller_leg);
        let Some(mut media) = self.take_media(now, worker, towards(&target.way), (None, target.quirks.clone())) else {
            self.fact(Fact::NoPort);
            return None;
        };
        let (speaks_for, end) = (self.end_of(caller), self.draw_end());
        let spoken = self.legs.get(&caller).and_then(|leg| leg.media.agreed.clone());
        let call = self.calls.get_mut(&call_id)?;
        call.worker.get_or_insert(media.port.worker);
        media.wants_security = secures && media.door.is_none();
        media.offer(call.offers(spoken.as_ref()));
        let plan = &self.rings.get(&ring_id)?.plan;
        let (ends_call, id) = (plan.then == Then::Connect, LegId(self.ids.next_leg()));
        call.legs.push(id);
        let (signalling, at, told) = match &target.way {
            Way::Sip(way) => {
                let passed = headers::onward(&call.passed, call.party, &target, &plan.headers);
                let mut invite = invite(call.max_forwards, passed, plan, (&target, way), media.local.clone());
                invite.speaks_for = speaks_for;
                let usage = self.stack.invite(now, invite);
                let call_id = self.stack.call_id(usage).unwrap_or_default().into();
                let place = Place::Contact(way.uri.as_str().into(), way.path);
                (Signalling::Dialog { usage, call_id, path: way.path }, place, None)
            }
            Way::Page(page) => {
                let (caller, sdp) = (shown(&plan.caller, &target), String::from_utf8_lossy(&media.local).into_owned());
                self.tell_page(Some(*page), call_id, id, PageOrder::Ring { caller: caller.clone(), sdp });
                (Signalling::Page(Some(*page)), Place::Page(*page), Some(Box::new(caller)))
            }
        };
        let leg = Leg {
            id,
            call: call_id,
            signalling,
            side: LegSide::Called,
            party: target.party,
            address: target.address,
            state: LegState::Calling,
            media,
            end,
            info_digits: None,
            ends_call,
            peer: None,
            guest: None,
            muted: false,
            gain_db: 0,
            held: false,
            joined: false,
            forsaken: false,
            ring: Some(ring_id),
            began: self.time_in(call_id, now),
            rang: None,
            answered: None,
        };
        self.called.insert(id, Called { at, spares: target.spares, alerted: false, shown: told });
        self.timers.set(Timer::Dead(id), now.mono + target.dead_time);
        self.keep_leg(leg);
        Some(id)
    }

    /// The next way to whom could not be reached on this one; before the leg that failed ends, so that nobody takes the
    /// called for free in between.
    fn dial_spare(&mut self, now: Now, ring: Option<RingId>, mut spares: Vec<Target>) {
        let Some((id, call)) = ring.and_then(|id| Some((id, self.rings.get(&id)?.call))) else { return };
        while !spares.is_empty() {
            let mut next = spares.remove(0);
            next.spares = std::mem::take(&mut spares);
            let rest = next.spares.clone();
            match self.dial(now, call, id, next) {
                Some(leg) => {
                    if let Some(ring) = self.rings.get_mut(&id) {
                        ring.legs.push(leg);
                    }
                    return;
                }
                None => spares = rest,
            }
        }
    }

    /// A device that is rung is called elsewhere from now on.
    pub(super) fn called_from_now_on(&mut self, leg: LegId, contact: &str, path: Path) {
        if let Some(called) = self.called.get_mut(&leg) {
            called.at = Place::Contact(contact.into(), path);
        }
    }

    /// What rang at a page that is gone rings at that one; who is shown there as calling.
    pub(super) fn called_at_page(&mut self, leg: LegId, page: PageId) -> Option<Caller> {
        let called = self.called.get_mut(&leg)?;
        called.at = Place::Page(page);
        called.shown.as_deref().cloned()
    }

    /// Whether there is another way to who is called on that leg.
    pub(super) fn has_spares(&self, leg: LegId) -> bool {
        self.called.get(&leg).is_some_and(|called| !called.spares.is_empty())
    }

    /// The contact at which a leg's device is called, until it answers.
    pub fn called_at(&self, leg: LegId) -> Option<&str> {
        match &self.called.get(&leg)?.at {
            Place::Contact(contact, _) => Some(contact),
            Place::Page(_) => None,
        }
    }

    /// A phase has rung long enough.
    pub(super) fn on_phase_over(&mut self, now: Now, id: RingId) {
        let Some(ring) = self.rings.get_mut(&id) else { return };
        for leg in std::mem::take(&mut ring.legs) {
            let heard = self.legs.get(&leg).is_some_and(|leg| self.is_heard(leg));
            let (lost, cause) =
                if heard { (Lost::NoAnswer, Cause::NO_ANSWER) } else { (Lost::Unreachable, Cause::from_status(408)) };
            self.note_loss(id, lost, cause);
            self.end_leg(now, leg, cause, EndedBy::Switch, Farewell::Ours);
        }
        self.next_phase(now, id);
        self.hear_next(now, id);
    }

    fn leg_failed(&mut self, now: Now, id: RingId, leg: LegId, lost: Lost, cause: Cause) {
        self.note_loss(id, lost, cause);
        let Some(ring) = self.rings.get_mut(&id) else { return };
        ring.legs.retain(|other| *other != leg);
        if ring.legs.is_empty() {
            self.next_phase(now, id);
        }
        self.hear_next(now, id);
    }
}

/// The INVITE for one target.
fn invite(
    max_forwards: u8,
    passed: Headers,
    plan: &RingPlan,
    (target, way): (&Target, &SipWay),
    offer: bytes::Bytes,
) -> Invite {
    let (from, to, mut headers) = addressed(&plan.caller, target);
    headers.extend(plan.headers.iter().cloned());
    headers.extend(passed);
    headers.extend(target.quirks.add.iter().map(|(name, value)| (name.clone().into(), value.clone())));
    let usual = Invite::new(way.path, way.uri.clone(), from, to);
    Invite {
        route_set: way.route_set.clone(),
        headers,
        body: Some(Body::sdp(offer)),
        credentials: way.credentials.as_deref().cloned(),
        max_forwards,
        large_by_tcp: matches!(target.party, LegParty::Trunk(_)),
        abilities: target.quirks.abilities(),
        datagram_max: target.quirks.datagram_max(),
        comeback_time: waits_for(plan, target).then_some(target.dead_time),
        ..usual
    }
}

/// Whether a device whose connection ends while it is rung is waited for. Whoever waits in a queue is better offered to the
/// next agent, and a device that has another way is called there.
fn waits_for(plan: &RingPlan, target: &Target) -> bool {
    plan.then == Then::Connect && target.spares.is_empty() && matches!(target.party, LegParty::User(_))
}

/// What our media is for at the other end of a way.
fn towards(way: &Way) -> Towards<'_> {
    match way {
        Way::Sip(way) => Towards::Phone(&way.path),
        Way::Page(_) => Towards::Page,
    }
}
