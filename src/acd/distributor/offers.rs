//! The offer protocol: one agent is asked, until a deadline, and answers in one of a few ways.

use std::sync::Arc;

use super::{
    super::{
        Actor, BanTime, Channel, DeviceChoice, NextStatus, Notice, Offer, OfferEnd, OfferFault, Output, Reason,
        Refused, Rule, Selection, TimeoutPriority, Why, WithdrawCause,
    },
    Acd, Timer, millis,
    queue::WaitPhase,
    seconds,
    table::{Event, Step},
};
use crate::{
    acd::Strategy,
    base::{AgentId, EngagementId, Instant, InteractionId, Now, OfferId, QueueId},
};

/// A live offer.
#[derive(Debug)]
pub(super) struct Ringing {
    pub offer: OfferId,
    pub agent: AgentId,
    pub interaction: InteractionId,
    pub queue: QueueId,
    pub channel: Channel,
    pub tier: u16,
    /// Where it rings.
    pub device: DeviceChoice,
    pub made: Instant,
    pub until: Instant,
    /// A device gave a sign of life.
    pub progressed: bool,
}

impl OfferEnd {
    pub(super) fn of(cause: WithdrawCause) -> Self {
        match cause {
            WithdrawCause::Elsewhere => Self::LostRace,
            WithdrawCause::CustomerGone => Self::CancelledCustomer,
            WithdrawCause::AgentNotReady => Self::CancelledAgentNotReady,
            WithdrawCause::NoAnswer => Self::NoAnswer,
            WithdrawCause::Withdrawn => Self::CancelledWithdrawn,
            WithdrawCause::Declined => Self::Declined,
            WithdrawCause::Unreachable => Self::Unreachable,
        }
    }
}

/// Whoever refused is not asked again at once, whatever the settings say: a device that refuses by itself would be asked hundreds of
/// times a second.
const REFUSED_SECS_MIN: u32 = 1;

/// How long somebody is not asked again for what he can't have.
const UNFIT_SECS: u32 = 30;

/// Who could not be asked for want of a port is free again then, and asked again if a port is.
const NO_ROOM_SECS: u32 = 1;

/// What an ended offer does to the agent.
struct Penalty {
    rule: Rule,
    end: OfferEnd,
    ban: BanTime,
    not_before_secs: u32,
    missed: bool,
    /// The device that can't be reached.
    unreachable: Option<DeviceChoice>,
}

impl Acd {
    /// Rule 15.
    pub(super) fn make_offer(&mut self, now: Now, id: InteractionId, agent: AgentId, tier: u16, why: Why) {
        let at = self.at(now);
        let Some(it) = self.waiting.get(&id) else { return };
        let Some(line) = self.queues.get(&it.queue) else { return };
        let (line_id, rules) = (line.id, Arc::clone(&line.rules));
        let Step::Do(rule) = self.step(agent, rules.channel, Event::Offer) else { return };
        let device = self.member_mut(agent, line_id).map(|member| member.device().clone()).unwrap_or_default();
        let offer = OfferId(self.fresh_id());
        let Some(it) = self.waiting.get_mut(&id) else { return };
        let Some(line) = self.queues.get_mut(&it.queue) else { return };
        let mut until = now.mono + seconds(rules.ring_secs);
        if let Some(expires) = it.expires
            && rules.timeout_priority == TimeoutPriority::App
        {
            until = until.min(expires);
        }
        it.offers.push(offer);
        (it.step_due, it.unfit_since) = (false, None);
        line.today.offers += 1;
        let ringing = Ringing {
            offer,
            agent,
            interaction: id,
            queue: it.queue,
            channel: rules.channel,
            tier,
            device: device.clone(),
            made: now.mono,
            until,
            progressed: false,
        };
        let made = Offer {
            offer,
            agent,
            interaction: id,
            queue: it.queue,
            channel: rules.channel,
            kind: it.kind,
            caller: it.caller.clone(),
            waited_ms: millis(at.since(it.entered)),
            made: at,
            until,
            until_wall: self.wall_of(now, until),
            auto_answer: rules.auto_answer,
            device,
            why: Arc::new(why),
        };
        self.unsaved.queues.insert(ringing.queue);
        self.timers.set(Timer::Ring(offer), until);
        if rules.device_dead_secs > 0 {
            self.timers.set(Timer::Dead(offer), now.mono + seconds(rules.device_dead_secs));
        }
        if rules.strategy == Strategy::RingProgressive {
            self.timers.set(Timer::Progress(id), now.mono + seconds(rules.progressive_secs));
        }
        self.offers.insert(offer, ringing);
        self.change(now, agent, Actor::System, rule, |agent| {
            agent.today.offered += 1;
            agent.on_mut(rules.channel).offers.push(offer);
        });
        // He must not be chosen again in this turn.
        self.refresh(agent);
        self.outputs.push_back(Output::Offer(Box::new(made)));
        self.update_wanting(id);
    }

    /// A device gave a provisional response.
    pub fn handle_progress(&mut self, _now: Now, offer: OfferId) {
        if let Some(ringing) = self.offers.get_mut(&offer) {
            ringing.progressed = true;
            self.timers.cancel(Timer::Dead(offer));
        }
    }

    /// A device answered. `None`: too late, the offer is over; hang up on it.
    pub fn handle_answered(&mut self, now: Now, offer: OfferId) -> Option<EngagementId> {
        let agent = self.offers.get(&offer)?.agent;
        let engagement = self.take(now, offer, Actor::Agent(agent));
        self.settle(now);
        engagement
    }

    /// Accepted at the page; the same as `handle_answered`, but a late one is refused with words.
    pub fn accept(&mut self, now: Now, offer: OfferId, actor: Actor) -> Result<EngagementId, Refused> {
        let device = self.offers.get(&offer).filter(|it| it.channel == Channel::Voice).map(|it| it.device.clone());
        let engagement = self.take(now, offer, actor);
        if let Some(it) = engagement.and_then(|engagement| self.engagements.get_mut(&engagement)) {
            it.rings_at = device;
        }
        self.settle(now);
        engagement.ok_or_else(offer_over)
    }

    /// Declined at the page (rule 18).
    pub fn decline(&mut self, now: Now, offer: OfferId, actor: Actor) -> Result<(), Refused> {
        if !self.offers.contains_key(&offer) {
            return Err(offer_over());
        }
        self.fail(now, offer, OfferFault::Declined, Some(WithdrawCause::Declined), actor);
        self.settle(now);
        Ok(())
    }

    pub fn handle_failed(&mut self, now: Now, offer: OfferId, fault: OfferFault) {
        let Some(ringing) = self.offers.get(&offer) else { return };
        let actor = if fault == OfferFault::Declined { Actor::Agent(ringing.agent) } else { Actor::System };
        self.fail(now, offer, fault, None, actor);
        self.settle(now);
    }

    /// T_ring: rule 17, or rule 20 when no device ever gave a sign of life.
    pub(super) fn on_ring_over(&mut self, now: Now, offer: OfferId) {
        let Some(ringing) = self.offers.get(&offer) else { return };
        if ringing.progressed {
            self.fail(now, offer, OfferFault::NoAnswer, Some(WithdrawCause::NoAnswer), Actor::System);
        } else {
            self.fail(now, offer, OfferFault::Unreachable, Some(WithdrawCause::Unreachable), Actor::System);
        }
    }

    pub(super) fn on_dead(&mut self, now: Now, offer: OfferId) {
        self.fail(now, offer, OfferFault::Unreachable, Some(WithdrawCause::Unreachable), Actor::System);
    }

    /// Rules 17 to 20, and 21 where nobody could be asked.
    fn fail(&mut self, now: Now, offer: OfferId, fault: OfferFault, tell: Option<WithdrawCause>, actor: Actor) {
        let Some(ringing) = self.offers.get(&offer) else { return };
        let (agent, channel, interaction) = (ringing.agent, ringing.channel, ringing.interaction);
        let Some(line) = self.queues.get(&ringing.queue) else { return };
        let rules = Arc::clone(&line.rules);
        let (event, end) = match fault {
            OfferFault::NoAnswer => (Event::NoAnswer, OfferEnd::NoAnswer),
            OfferFault::Declined => (Event::Decline, OfferEnd::Declined),
            OfferFault::DeviceBusy | OfferFault::Unable | OfferFault::Unfit => {
                (Event::DeviceBusy, OfferEnd::DeviceBusy)
            }
            OfferFault::Unreachable => (Event::Unreachable, OfferEnd::Unreachable),
            OfferFault::NoRoom => (Event::OfferGone, OfferEnd::CancelledWithdrawn),
        };
        let Step::Do(rule) = self.step(agent, channel, event) else { return };
        let mut penalty = Penalty {
            rule,
            end,
            ban: BanTime::Secs(0),
            not_before_secs: 0,
            missed: false,
            unreachable: (fault == OfferFault::Unreachable).then(|| ringing.device.clone()),
        };
        match fault {
            OfferFault::NoAnswer => {
                penalty.ban = rules.ban_secs;
                penalty.missed = true;
                if tell.is_none() {
                    // The device gave up by itself, and might do so at once, again and again.
                    penalty.not_before_secs = REFUSED_SECS_MIN;
                    self.ban(now, agent, rules.reject_secs);
                }
            }
            OfferFault::Declined => {
                penalty.ban = rules.reject_secs;
                penalty.missed = rules.reject_counts;
                penalty.not_before_secs = REFUSED_SECS_MIN;
            }
            OfferFault::DeviceBusy => penalty.not_before_secs = rules.busy_secs.max(REFUSED_SECS_MIN),
            OfferFault::NoRoom => penalty.not_before_secs = NO_ROOM_SECS,
            OfferFault::Unable => {
                penalty.not_before_secs = rules.busy_secs.max(REFUSED_SECS_MIN);
                self.rule_out(now, interaction, agent, penalty.not_before_secs.saturating_add(REFUSED_SECS_MIN));
            }
            OfferFault::Unfit => self.rule_out(now, interaction, agent, UNFIT_SECS),
            OfferFault::Unreachable => {}
        }
        if fault != OfferFault::NoRoom {
            self.note_tried(interaction, agent);
        }
        self.punish(now, agent, &penalty);
        self.end_offer_by(now, offer, penalty.end, tell, penalty.rule, actor);
        if penalty.missed {
            self.check_missed(now, agent, channel, rules.missed_max);
        }
        if penalty.unreachable.is_some_and(|device| !device.is_pinned()) {
            self.on_unreachable(now, agent);
        }
        self.after(now, agent, None, actor);
        self.back_in_place(now, interaction);
    }

    /// Whoever has not been asked for it comes before this agent from now on.
    pub(super) fn note_tried(&mut self, interaction: InteractionId, agent: AgentId) {
        let Some(it) = self.waiting.get_mut(&interaction) else { return };
        if !it.tried.contains(&agent) {
            if it.tried.len() >= super::super::TRIED_MAX {
                it.tried.remove(0);
            }
            it.tried.push(agent);
        }
        self.unsaved.waiting.insert(interaction);
    }

    fn punish(&mut self, now: Now, agent: AgentId, penalty: &Penalty) {
        self.ban(now, agent, penalty.ban);
        let Some(it) = self.agents.get_mut(&agent) else { return };
        if penalty.not_before_secs > 0 {
            let until = now.mono + seconds(penalty.not_before_secs);
            it.not_before = Some(until);
            self.timers.set(Timer::NotBefore(agent), until);
        }
        if penalty.missed {
            it.missed += 1;
        }
        match &penalty.unreachable {
            Some(device) if device.is_pinned() => drop(it.pinned.remove(device)),
            Some(_) => it.device = false,
            None => {}
        }
    }

    /// Missed once too often: Not Ready, and the people concerned are told.
    pub(super) fn check_missed(&mut self, now: Now, agent: AgentId, channel: Channel, most: u32) {
        let Some(it) = self.agents.get(&agent) else { return };
        let missed = it.missed;
        if most == 0 || missed < most || !it.on(channel).selection.is_ready() {
            return;
        }
        let at = self.at(now);
        self.change(now, agent, Actor::System, Rule::NoAnswer, |agent| {
            agent.missed = 0;
            let state = agent.on_mut(channel);
            state.choose(Selection::NotReady { reason: Some(Reason::missed()) }, Actor::System, at);
        });
        self.outputs.push_back(Output::Notice(Notice::Missed { agent, missed }));
    }

    /// Rule 20: without a page there is nothing left that holds the agent online. A page that is just being loaded anew has
    /// its grace.
    fn on_unreachable(&mut self, now: Now, agent: AgentId) {
        let Some(it) = self.agents.get(&agent) else { return };
        if it.online && !it.page && it.idle() {
            self.go_offline(now, agent, Some(Reason::unreachable()), Rule::Unreachable, Actor::System);
        } else {
            self.watch_presence(now, agent);
        }
    }

    /// Withdraws the agent's offers, or those for one queue: nobody is to blame (rules 9, 13, 21, 22, 37b, 37c).
    pub(super) fn withdraw_offers_of(
        &mut self,
        now: Now,
        agent: AgentId,
        queue: Option<QueueId>,
        cause: WithdrawCause,
        actor: Actor,
    ) {
        let Some(it) = self.agents.get(&agent) else { return };
        let offers: Vec<_> = it.channels.iter().flat_map(|channel| channel.offers.iter().copied()).collect();
        for offer in offers {
            let Some(ringing) = self.offers.get(&offer) else { continue };
            if queue.is_some_and(|queue| ringing.queue != queue) {
                continue;
            }
            let interaction = ringing.interaction;
            let end =
                if cause == WithdrawCause::Unreachable { OfferEnd::CancelledWithdrawn } else { OfferEnd::of(cause) };
            self.end_offer(now, offer, end, Some(cause), actor);
            self.after(now, agent, None, actor);
            self.back_in_place(now, interaction);
        }
    }

    pub(super) fn end_offer(
        &mut self,
        now: Now,
        offer: OfferId,
        end: OfferEnd,
        tell: Option<WithdrawCause>,
        actor: Actor,
    ) {
        let Some(ringing) = self.offers.get(&offer) else { return };
        let rule = match self.step(ringing.agent, ringing.channel, Event::OfferGone) {
            Step::Do(rule) => rule,
            Step::Refuse(_) | Step::Late | Step::Same => Rule::OfferGone,
        };
        self.end_offer_by(now, offer, end, tell, rule, actor);
    }

    /// The one end of an offer: taken off the agent and the interaction, counted, told.
    fn end_offer_by(
        &mut self,
        now: Now,
        offer: OfferId,
        end: OfferEnd,
        tell: Option<WithdrawCause>,
        rule: Rule,
        actor: Actor,
    ) {
        let Some(ringing) = self.offers.remove(&offer) else { return };
        let Ringing { agent, interaction, queue, channel, made, .. } = ringing;
        self.timers.cancel(Timer::Ring(offer));
        self.timers.cancel(Timer::Dead(offer));
        if let Some(it) = self.waiting.get_mut(&interaction) {
            it.offers.retain(|held| *held != offer);
        }
        self.change(now, agent, actor, rule, |agent| {
            agent.today.offer_ended(end);
            agent.on_mut(channel).offers.retain(|held| *held != offer);
        });
        if let Some(cause) = tell {
            self.outputs.push_back(Output::Withdraw { offer, agent, interaction, cause });
        }
        let ring_ms = millis(now.mono.since(made));
        self.outputs.push_back(Output::OfferEnded { offer, agent, interaction, queue, end, ring_ms });
        self.update_wanting(interaction);
    }

    /// Rule 16: the first has it, the others are told so without blame.
    fn take(&mut self, now: Now, offer: OfferId, actor: Actor) -> Option<EngagementId> {
        let ringing = self.offers.get(&offer)?;
        let (agent, channel, id) = (ringing.agent, ringing.channel, ringing.interaction);
        let Step::Do(rule) = self.step(agent, channel, Event::Accept) else { return None };
        let ringing = self.offers.remove(&offer)?;
        self.timers.cancel(Timer::Ring(offer));
        self.timers.cancel(Timer::Dead(offer));
        self.timers.cancel(Timer::Progress(id));
        let it = self.waiting.get_mut(&id)?;
        it.offers.retain(|held| *held != offer);
        let losers = std::mem::take(&mut it.offers);
        let engagement = EngagementId(self.fresh_id());
        let it = self.waiting.get_mut(&id)?;
        it.phase = WaitPhase::Connecting(engagement);
        let kind = it.kind;
        self.update_wanting(id);
        for loser in losers {
            let loser_agent = self.offers.get(&loser).map(|ringing| ringing.agent);
            self.end_offer(now, loser, OfferEnd::LostRace, Some(WithdrawCause::Elsewhere), Actor::System);
            if let Some(loser) = loser_agent {
                self.after(now, loser, None, Actor::System);
            }
        }
        self.begin_engagement(now, engagement, &ringing, kind);
        self.change(now, agent, actor, rule, |agent| {
            agent.missed = 0;
            let state = agent.on_mut(channel);
            state.offers.retain(|held| *held != offer);
            if kind.agent_first() { state.dialing.push(engagement) } else { state.live.push(engagement) }
        });
        self.outputs.push_back(Output::Connect { interaction: id, agent, offer, engagement });
        Some(engagement)
    }

    /// What a queue's next status makes of a selection; nothing where all stays.
    pub(super) fn next_selection(next: &NextStatus) -> Option<Selection> {
        match next {
            NextStatus::Ready | NextStatus::Previous => None,
            NextStatus::NotReady(reason) => Some(Selection::NotReady { reason: Some(reason.clone()) }),
            NextStatus::Manual => Some(Selection::NotReady { reason: Some(Reason::manual()) }),
        }
    }
}

fn offer_over() -> Refused {
    Refused::unknown("no_offer", "this offer is over")
}
