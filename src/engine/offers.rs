//! Offers as rings: the distributor offers a caller to an agent, his devices ring, one answers or none does.

use std::{sync::Arc, time::Duration};

use super::{Engine, Happened, OfferView, StoryEvent, told::Briefing};
use crate::{
    acd::{self, OfferFault, WithdrawCause},
    base::{AgentId, CallId, EngagementId, InteractionId, LegId, Now, OfferId},
    sip::Headers,
    switch::{Caller, Cause, GoesOn, Lost, RingId, RingPlan, Then},
};

/// How much longer than its offer a ring may last: the distributor's deadline comes first, this one only if that is lost.
const RING_MARGIN: Duration = Duration::from_secs(5);

/// An offer on its way through an agent's devices.
pub(super) struct Asked {
    pub agent: AgentId,
    /// Where it rings.
    pub device: acd::DeviceChoice,
    pub why: Arc<acd::Why>,
    pub ring: Option<RingId>,
    /// The device that answered.
    pub leg: Option<LegId>,
    /// Accepted, by device or page: what to connect.
    pub engagement: Option<EngagementId>,
    pub waited_ms: u64,
    pub briefing: Briefing,
}

impl Engine {
    /// Ring the agent's devices.
    pub(super) fn on_offer(&mut self, now: Now, offer: &acd::Offer) {
        self.totals.offers += 1;
        let queue_name = self.directory.queue_name(offer.queue).to_owned();
        self.live(
            now,
            Happened::Offer(OfferView {
                offer: offer.offer,
                agent: offer.agent,
                interaction: offer.interaction,
                queue: offer.queue,
                queue_name: queue_name.clone(),
                kind: offer.kind,
                caller: offer.caller.clone(),
                waited_ms: offer.waited_ms,
                made: offer.made,
                until: offer.until_wall,
                auto_answer: offer.auto_answer,
                why: Arc::clone(&offer.why),
            }),
        );
        let asked = Asked {
            agent: offer.agent,
            device: offer.device.clone(),
            why: Arc::clone(&offer.why),
            ring: None,
            leg: None,
            engagement: None,
            waited_ms: offer.waited_ms,
            briefing: Briefing::NotYet,
        };
        self.offers.insert(offer.offer, asked);
        let Some(call) = self.waiting.get_mut(&offer.interaction).map(|waiting| {
            waiting.ringing += 1;
            waiting.offers.push(offer.offer);
            waiting.call
        }) else {
            // He whom it was for is gone: that is no fault of the agent's.
            return self.acd.handle_failed(now, offer.offer, OfferFault::NoRoom);
        };
        let at = self.switch.time_in(call, now);
        if let Some(queue) = self.notes.get_mut(&call).and_then(|note| note.queue.as_mut()) {
            queue.offers += 1;
            let what = StoryEvent::Offered { offer: offer.offer, why: Arc::clone(&offer.why), end: None, ring_ms: 0 };
            queue.tell(at, offer.queue, what);
        }
        let user = self.directory.user_of(offer.agent);
        let phases = user.map(|user| self.offered_phases(user, &offer.device)).unwrap_or_default();
        let Some(sight) = self.switch.call(call) else {
            return self.acd.handle_failed(now, offer.offer, OfferFault::NoRoom);
        };
        if phases.is_empty() {
            return self.no_device(now, offer.offer, offer.agent);
        }
        let caller = sight.shown();
        let shown = caller.name().filter(|_| !caller.hidden).unwrap_or(offer.caller.reveal());
        let display = Some(format!("[{queue_name}] {shown}"));
        let caller = Caller { display, number: offer.caller.clone(), ..Caller::default() };
        let plan = RingPlan {
            phases,
            phase_time: offer.until.since(now.mono) + RING_MARGIN,
            goes_on: GoesOn::IfUnreachable,
            then: Then::Tell,
            caller,
            headers: Arc::new(offer_headers(offer, &queue_name, &self.settings.realm)),
        };
        if self.directory.sounds_change(offer.queue) {
            self.sound(offer.interaction);
        }
        let id = offer.offer;
        self.ring_offer(now, call, id, plan);
    }

    /// None of his devices can be rung. The next sign of life of any is told, whatever was told before.
    fn no_device(&mut self, now: Now, offer: OfferId, agent: AgentId) {
        self.acd.handle_failed(now, offer, OfferFault::Unreachable);
        self.reachable.insert(agent, false);
    }

    /// The ring is entered into the books before the switch can tell anything of it.
    fn ring_offer(&mut self, now: Now, call: CallId, offer: OfferId, plan: RingPlan) {
        let Some(ring) = self.switch.ring(now, call, plan) else {
            return self.acd.handle_failed(now, offer, OfferFault::NoRoom);
        };
        self.rings.insert(ring, offer);
        if let Some(asked) = self.offers.get_mut(&offer) {
            asked.ring = Some(ring);
        }
    }

    /// A device of the agent gave a sign of life.
    pub(super) fn on_offer_rings(&mut self, now: Now, ring: RingId) {
        if let Some(offer) = self.rings.get(&ring) {
            self.acd.handle_progress(now, *offer);
        }
    }

    /// A device of the agent answered.
    pub(super) fn on_offer_answered(&mut self, now: Now, _call: CallId, ring: RingId, leg: LegId) {
        let Some(offer) = self.rings.get(&ring).copied() else { return };
        let Some(asked) = self.offers.get_mut(&offer) else {
            return self.switch.end_called(now, leg, Cause::ELSEWHERE);
        };
        asked.leg = Some(leg);
        if let Some(engagement) = asked.engagement {
            // He had accepted at his page before.
            self.acd.handle_picked_up(engagement);
            return self.bridge(now, offer, engagement);
        }
        if self.acd.handle_answered(now, offer).is_none() {
            self.switch.end_called(now, leg, Cause::ELSEWHERE);
        }
    }

    pub(super) fn on_connect(
        &mut self,
        now: Now,
        interaction: InteractionId,
        offer: OfferId,
        engagement: EngagementId,
    ) {
        let Some(waiting) = self.waiting.get(&interaction) else { return };
        let call = waiting.call;
        self.forget_course(call);
        self.engagements.insert(engagement, call);
        let Some(asked) = self.offers.get_mut(&offer) else { return };
        if let Some(note) = self.notes.get_mut(&call) {
            note.engagement = Some(engagement);
            if let Some(queue) = note.queue.as_mut() {
                queue.why = Some(Arc::clone(&asked.why));
            }
        }
        asked.engagement = Some(engagement);
        // Without a leg he accepted at his page: it is bridged when he picks up.
        if asked.leg.is_some() {
            self.bridge(now, offer, engagement);
        }
    }

    pub(super) fn bridge(&mut self, now: Now, offer: OfferId, engagement: EngagementId) {
        let Some(leg) = self.offers.get(&offer).and_then(|asked| asked.leg) else { return };
        if let Some(call) = self.engagements.get(&engagement).copied()
            && !self.brief(now, call, offer, engagement)
        {
            self.switch.connect(now, call, leg);
        }
    }

    /// Customer and agent hear each other.
    pub(super) fn on_connected(&mut self, now: Now, call: CallId) {
        let Some(note) = self.notes.get_mut(&call) else { return };
        note.connected = true;
        note.came_through();
        if let Some(engagement) = note.engagement {
            self.acd.handle_connected(now, engagement);
            // From here on it counts as answered, even if the process should not see its end.
            self.keep_call(call);
        }
    }

    /// Nobody answered an offer at the agent's devices.
    pub(super) fn on_offer_lost(&mut self, now: Now, ring: RingId, lost: Lost) {
        let Some(offer) = self.rings.remove(&ring) else { return };
        let Some(asked) = self.offers.get_mut(&offer) else { return };
        asked.ring = None;
        // He had accepted at his page, and his phone did not follow.
        if let Some(call) = asked.engagement.and_then(|engagement| self.engagements.get(&engagement).copied()) {
            return self.on_winner_lost(now, call);
        }
        let fault = match lost {
            Lost::Unreachable => OfferFault::Unreachable,
            Lost::NoRoom => OfferFault::NoRoom,
            // A phone that answers lives; it can't take this call (rule 19), and may take another.
            Lost::Unfit => OfferFault::Unfit,
            Lost::Unable => OfferFault::Unable,
            Lost::Busy => OfferFault::DeviceBusy,
            Lost::NoAnswer => OfferFault::NoAnswer,
            Lost::Declined => OfferFault::Declined,
        };
        let (agent, device) = (asked.agent, asked.device.clone());
        self.acd.handle_failed(now, offer, fault);
        if fault == OfferFault::Unreachable {
            self.doubt_devices(now, agent, &device);
        }
    }

    /// The agent's leg died before the customer was bridged with it (rule 16b).
    pub(super) fn on_winner_lost(&mut self, now: Now, call: CallId) {
        let Some(note) = self.notes.get_mut(&call) else { return };
        let (interaction, engagement) = (note.interaction, note.engagement.take());
        if let Some(engagement) = engagement {
            self.engagements.remove(&engagement);
            let of_it = |asked: &Asked| asked.engagement == Some(engagement);
            if let Some(offer) = self.offers.iter().find(|(_, asked)| of_it(asked)).map(|(offer, _)| *offer) {
                self.drop_briefing(offer, call);
            }
            self.acd.handle_winner_lost(now, engagement);
        }
        if let Some(interaction) = interaction {
            self.sound(interaction);
            self.await_menu(now, call, interaction);
        }
    }

    pub(super) fn on_withdraw(&mut self, now: Now, offer: OfferId, cause: WithdrawCause) {
        let Some(asked) = self.offers.get_mut(&offer) else { return };
        let unreachable = (cause == WithdrawCause::Unreachable).then(|| (asked.agent, asked.device.clone()));
        let cause = match cause {
            WithdrawCause::Elsewhere => Cause::ELSEWHERE,
            WithdrawCause::CustomerGone => Cause::CANCELLED,
            WithdrawCause::NoAnswer | WithdrawCause::Unreachable => Cause::NO_ANSWER,
            WithdrawCause::AgentNotReady | WithdrawCause::Withdrawn | WithdrawCause::Declined => {
                Cause { sip: 487, q850: 31 }
            }
        };
        let leg = asked.leg.take();
        if let Some(ring) = asked.ring.take() {
            self.rings.remove(&ring);
            self.switch.stop_ring(now, ring, cause);
        }
        if let Some(leg) = leg {
            self.switch.end_called(now, leg, cause);
        }
        if let Some((agent, device)) = unreachable {
            // The distributor takes the device for gone, by the queue's own patience; the next sign of life is news to it.
            self.doubt_devices(now, agent, &device);
            if device.is_pinned() {
                self.reachable_pins.remove(&(agent, device));
            } else {
                self.reachable.insert(agent, false);
            }
        }
    }

    pub(super) fn on_offer_ended(&mut self, now: Now, interaction: InteractionId, offer: OfferId, end: acd::OfferEnd) {
        if let Some(waiting) = self.waiting.get_mut(&interaction) {
            waiting.ringing = waiting.ringing.saturating_sub(1);
            if end != acd::OfferEnd::Accepted {
                waiting.offers.retain(|other| *other != offer);
            }
            if end != acd::OfferEnd::Accepted && self.directory.sounds_change(waiting.queue) {
                self.sound(interaction);
            }
        }
        if end == acd::OfferEnd::Accepted {
            return;
        }
        let Some(asked) = self.offers.remove(&offer) else { return };
        if let Some(call) = asked.engagement.and_then(|engagement| self.engagements.get(&engagement).copied()) {
            self.drop_briefing(offer, call);
        }
        if let Some(ring) = asked.ring {
            self.rings.remove(&ring);
        }
        // Accepted at the page, and taken back before the phone was picked up.
        if let Some(engagement) = asked.engagement
            && let Some(call) = self.engagements.remove(&engagement)
            && let Some(note) = self.notes.get_mut(&call)
            && note.engagement == Some(engagement)
        {
            note.engagement = None;
            if end == acd::OfferEnd::Dump {
                self.await_menu(now, call, interaction);
            }
        }
    }
}

/// What an agent's phone is told about an offer (RT-14), and to answer it by itself where the queue says so (RT-13).
/// Phones differ in which of the two they know.
fn offer_headers(offer: &acd::Offer, queue_name: &str, realm: &str) -> Headers {
    let mut headers: Headers = vec![
        ("X-Strowger-Interaction".into(), offer.interaction.to_string()),
        ("X-Strowger-Type".into(), offer.kind.word().to_owned()),
        ("X-Strowger-Queue".into(), queue_name.to_owned()),
        ("X-Strowger-Wait".into(), (offer.waited_ms / 1_000).to_string()),
    ];
    if offer.auto_answer {
        headers.push(("Call-Info".into(), format!("<sip:{realm}>;answer-after=0")));
        headers.push(("Alert-Info".into(), format!("<http://{realm}>;info=alert-autoanswer;delay=0")));
    }
    headers
}
