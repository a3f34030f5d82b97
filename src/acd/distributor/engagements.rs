//! Engagements: from the accept through talk and wrap-up to what comes after.

use std::{sync::Arc, time::Duration};

use super::{
    super::{
        Actor, Channel, DispositionRule, EngagementSummary, Extend, ExtendWord, Extension, InteractionKind, OfferEnd,
        Outcome, Output, Pending, QueueSettings, Reason, Refused, Rule, Selection, WithdrawCause,
    },
    Acd, Timer,
    estimate::average,
    millis,
    offers::Ringing,
    queue::WaitPhase,
    seconds,
    table::{Event, Step},
};
use crate::base::{AgentId, EngagementId, Instant, InteractionId, Now, OfferId, QueueId, Wall};

/// From an accept in the last moment of ringing to the bridge; more than any leg needs.
const CONNECT_TIME: Duration = Duration::from_secs(5);

/// One agent's handling of one interaction.
#[derive(Debug)]
pub(super) struct Engagement {
    pub id: EngagementId,
    pub agent: AgentId,
    pub interaction: InteractionId,
    /// None: a wrap-up after a call that came through no queue.
    pub queue: Option<QueueId>,
    pub kind: InteractionKind,
    pub channel: Channel,
    pub offer: OfferId,
    pub offered: Instant,
    pub offer_until: Instant,
    pub accepted: Wall,
    pub connected: Option<Wall>,
    pub phase: Phase,
    pub talk_ms: u64,
    /// The selection was Ready at the accept; and how often he had chosen by then.
    pub was_ready: bool,
    pub chosen: u32,
    pub disposed: bool,
    /// The queue's rules as they were at the accept: its own wrap-up applies, whatever else he serves.
    pub rules: Arc<QueueSettings>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Accepted; the customer is being bridged, or dialled.
    Connecting,
    Live,
    WrapUp {
        since: Wall,
        /// None: until somebody ends it.
        until: Option<Instant>,
        target: Wall,
        extended: u32,
    },
}

impl Acd {
    pub(super) fn begin_engagement(&mut self, now: Now, id: EngagementId, ringing: &Ringing, kind: InteractionKind) {
        let Some(agent) = self.agents.get(&ringing.agent) else { return };
        let Some(line) = self.queues.get(&ringing.queue) else { return };
        let state = agent.on(ringing.channel);
        let engagement = Engagement {
            id,
            agent: ringing.agent,
            interaction: ringing.interaction,
            queue: Some(ringing.queue),
            kind,
            channel: ringing.channel,
            offer: ringing.offer,
            offered: ringing.made,
            offer_until: ringing.until,
            accepted: self.at(now),
            connected: None,
            phase: Phase::Connecting,
            talk_ms: 0,
            was_ready: state.selection.is_ready(),
            chosen: state.chosen,
            disposed: false,
            rules: Arc::clone(&line.rules),
        };
        if !kind.agent_first() {
            self.timers.set(Timer::Connect(id), ringing.until.max(now.mono + CONNECT_TIME));
        }
        self.engagements.insert(id, engagement);
        self.unsaved.engagements.insert(id);
    }

    /// Accepted at the page, and nobody picked up the phone: as if its leg had died.
    pub(super) fn on_connect_over(&mut self, now: Now, engagement: EngagementId) {
        let Some(it) = self.engagements.get(&engagement) else { return };
        let (offer, agent, interaction) = (it.offer, it.agent, it.interaction);
        self.outputs.push_back(Output::Withdraw { offer, agent, interaction, cause: WithdrawCause::NoAnswer });
        self.handle_winner_lost(now, engagement);
    }

    /// Customer and agent are bridged; or the customer of an agent-first interaction answered (rule 23).
    pub fn handle_connected(&mut self, now: Now, engagement: EngagementId) {
        let at = self.at(now);
        let Some(it) = self.engagements.get_mut(&engagement) else { return };
        if it.phase != Phase::Connecting {
            return;
        }
        it.phase = Phase::Live;
        it.connected = Some(at);
        self.timers.cancel(Timer::Connect(engagement));
        let (agent, channel, interaction, kind) = (it.agent, it.channel, it.interaction, it.kind);
        self.offer_settled(now, engagement, OfferEnd::Accepted);
        self.unsaved.engagements.insert(engagement);
        if kind.agent_first() {
            self.change(now, agent, Actor::System, Rule::DialAnswered, |agent| {
                let state = agent.on_mut(channel);
                state.dialing.retain(|held| *held != engagement);
                state.live.push(engagement);
            });
        }
        self.leave(now, interaction, Outcome::Answered, WithdrawCause::Elsewhere);
        self.settle(now);
    }

    fn offer_settled(&mut self, now: Now, engagement: EngagementId, end: OfferEnd) {
        let Some(it) = self.engagements.get(&engagement) else { return };
        let Some(queue) = it.queue else { return };
        let ring_ms = millis(now.mono.since(it.offered));
        let (offer, agent, interaction) = (it.offer, it.agent, it.interaction);
        self.outputs.push_back(Output::OfferEnded { offer, agent, interaction, queue, end, ring_ms });
    }

    /// The winner's leg died before the bridge (rule 16b): the interaction is back in its place; a missed call only if
    /// the ring time had passed.
    pub fn handle_winner_lost(&mut self, now: Now, engagement: EngagementId) {
        let Some(it) = self.engagements.get(&engagement) else { return };
        if it.phase != Phase::Connecting {
            return;
        }
        let (agent, channel, interaction) = (it.agent, it.channel, it.interaction);
        let late = now.mono >= it.offer_until;
        let missed_max = it.rules.missed_max;
        let Step::Do(_) = self.step(agent, channel, Event::WinnerLost) else { return };
        self.forget_engagement(now, engagement, OfferEnd::Dump, Rule::WinnerLost);
        if late {
            if let Some(agent) = self.agents.get_mut(&agent) {
                agent.missed += 1;
            }
            self.check_missed(now, agent, channel, missed_max);
        }
        self.after(now, agent, None, Actor::System);
        if let Some(waiting) = self.waiting.get_mut(&interaction) {
            waiting.phase = WaitPhase::Open;
        }
        self.back_in_place(now, interaction);
        self.settle(now);
    }

    /// The customer left while the bridge was being made: no talk, no wrap-up.
    pub(super) fn drop_connection(&mut self, now: Now, engagement: EngagementId, end: OfferEnd) {
        let Some(it) = self.engagements.get(&engagement) else { return };
        let (agent, rule) = (it.agent, if it.kind.agent_first() { Rule::DialFailed } else { Rule::OfferGone });
        self.forget_engagement(now, engagement, end, rule);
        self.after(now, agent, None, Actor::System);
    }

    fn forget_engagement(&mut self, now: Now, engagement: EngagementId, end: OfferEnd, rule: Rule) {
        self.offer_settled(now, engagement, end);
        self.timers.cancel(Timer::Connect(engagement));
        let Some(it) = self.engagements.remove(&engagement) else { return };
        self.unsaved.engagements.insert(engagement);
        self.change(now, it.agent, Actor::System, rule, |agent| {
            let state = agent.on_mut(it.channel);
            state.live.retain(|held| *held != engagement);
            state.dialing.retain(|held| *held != engagement);
        });
        if let Some(queue) = it.queue {
            self.leave_if_leaving(now, it.agent, queue);
        }
    }

    /// The interaction is over for this agent: hung up on either side, or transferred away (rule 26). Before the
    /// bridge it is the customer who is gone.
    pub fn handle_ended(&mut self, now: Now, engagement: EngagementId) {
        let Some(it) = self.engagements.get(&engagement) else { return };
        match it.phase {
            Phase::Connecting => {
                self.leave(now, it.interaction, Outcome::AbandonedRinging, WithdrawCause::CustomerGone)
            }
            Phase::Live => {
                if let Step::Do(rule) = self.step(it.agent, it.channel, Event::InteractionEnded) {
                    self.end_talk(now, engagement, rule);
                }
            }
            Phase::WrapUp { .. } => {}
        }
        self.settle(now);
    }

    pub(super) fn end_talk(&mut self, now: Now, engagement: EngagementId, rule: Rule) {
        let at = self.at(now);
        let Some(it) = self.engagements.get_mut(&engagement) else { return };
        let (agent, channel, queue) = (it.agent, it.channel, it.queue);
        it.talk_ms = it.connected.map_or(0, |connected| millis(at.since(connected)));
        let talk_ms = it.talk_ms;
        let secs = self.wrap_up_secs(engagement);
        if let Some(member) = queue.and_then(|queue| self.member_mut(agent, queue)) {
            member.calls += 1;
            member.talk_ms += talk_ms;
        }
        if let Some(queue) = queue {
            self.unsaved.members.insert((agent, queue));
            if let Some(line) = self.queues.get_mut(&queue) {
                line.today.talk_ms += talk_ms;
            }
            self.unsaved.queues.insert(queue);
        }
        let until = match secs {
            0 => None,
            secs => Some((secs, now.mono + seconds(secs))),
        };
        if let (Some((secs, until)), Some(it)) = (until, self.engagements.get_mut(&engagement)) {
            let limited = it.rules.after_service_limit;
            let until = limited.then_some(until);
            it.phase = Phase::WrapUp { since: at, until, target: at + seconds(secs), extended: 0 };
            if let Some(until) = until {
                self.timers.set(Timer::WrapUp(engagement), until);
            }
        }
        self.unsaved.engagements.insert(engagement);
        self.change(now, agent, Actor::System, rule, |agent| {
            agent.today.talk_ms += talk_ms;
            let state = agent.on_mut(channel);
            state.live.retain(|held| *held != engagement);
            if secs > 0 {
                state.wrapping.push(engagement);
            }
        });
        if let Some(queue) = queue {
            self.leave_if_leaving(now, agent, queue);
        }
        if secs == 0 {
            self.close(now, engagement, rule, Actor::System);
        }
    }

    /// The queue's wrap-up for this kind of interaction, or the agent's own where that is shorter.
    fn wrap_up_secs(&self, engagement: EngagementId) -> u32 {
        let Some(it) = self.engagements.get(&engagement) else { return 0 };
        if it.queue.is_some() && !it.kind.wraps_up(&it.rules) {
            return 0;
        }
        let own = self.agents.get(&it.agent).and_then(|agent| agent.settings.acw_secs);
        own.map_or(it.rules.acw_secs, |own| own.min(it.rules.acw_secs))
    }

    /// Rule 27.
    pub(super) fn on_wrap_up_limit(&mut self, now: Now, engagement: EngagementId) {
        let Some(it) = self.engagements.get(&engagement) else { return };
        if let Step::Do(rule) = self.step(it.agent, it.channel, Event::WrapUpLimit) {
            self.close(now, engagement, rule, Actor::System);
        }
    }

    /// Finishes one wrap-up, or all of the agent's: rules 28 and 29.
    pub fn finish_wrap_up(
        &mut self,
        now: Now,
        agent: AgentId,
        engagement: Option<EngagementId>,
        actor: Actor,
    ) -> Result<(), Refused> {
        self.agent(agent)?;
        let event = if actor.overrides() { Event::FinishBySupervisor } else { Event::FinishByAgent };
        let rule = match self.step(agent, Channel::Voice, event) {
            Step::Do(rule) => rule,
            Step::Refuse(code) => return Err(no_wrap_up(agent, code)),
            Step::Late | Step::Same => return Ok(()),
        };
        self.may_finish(agent, engagement, actor)?;
        self.finish_wrap_ups(now, agent, engagement, rule, actor);
        self.notice_override(agent, actor, None);
        self.settle(now);
        Ok(())
    }

    /// Whether the actor may end the wrap-up now.
    pub(super) fn may_finish(
        &self,
        agent: AgentId,
        engagement: Option<EngagementId>,
        actor: Actor,
    ) -> Result<(), Refused> {
        let wrapping = self.wrapping(agent, engagement);
        if wrapping.is_empty() {
            return Err(no_wrap_up(agent, "no_wrap_up"));
        }
        if actor.overrides() && !self.policies.acw_early_end_supervisor {
            return Err(Refused::not_allowed("not_enabled", "supervisors may not end a wrap-up"));
        }
        for it in wrapping.iter().filter_map(|id| self.engagements.get(id)) {
            if !actor.overrides() && !it.rules.acw_early_end_agent {
                return Err(Refused::not_now("no_early_end", "this queue's wrap-up runs to its end"));
            }
            if !actor.overrides() && it.rules.disposition == DispositionRule::Required && !it.disposed {
                return Err(Refused::not_now("disposition_required", "choose a disposition first"));
            }
        }
        Ok(())
    }

    fn wrapping(&self, agent: AgentId, engagement: Option<EngagementId>) -> Vec<EngagementId> {
        let Some(agent) = self.agents.get(&agent) else { return Vec::new() };
        let all = agent.channels.iter().flat_map(|channel| channel.wrapping.iter().copied());
        all.filter(|id| engagement.is_none_or(|only| only == *id)).collect()
    }

    pub(super) fn not_ready_ends_wrap_up(&self, agent: AgentId, channel: Channel) -> bool {
        let Some(agent) = self.agents.get(&agent) else { return false };
        let mut wrapping = agent.on(channel).wrapping.iter().filter_map(|id| self.engagements.get(id));
        wrapping.any(|engagement| engagement.rules.not_ready_ends_acw)
    }

    pub(super) fn finish_wrap_ups(
        &mut self,
        now: Now,
        agent: AgentId,
        engagement: Option<EngagementId>,
        rule: Rule,
        actor: Actor,
    ) {
        for id in self.wrapping(agent, engagement) {
            self.close(now, id, rule, actor);
        }
    }

    /// Rule 30.
    pub fn extend_wrap_up(
        &mut self,
        now: Now,
        agent: AgentId,
        engagement: Option<EngagementId>,
        by: Extension,
        actor: Actor,
    ) -> Result<(), Refused> {
        self.agent(agent)?;
        let rule = match self.step(agent, Channel::Voice, Event::Extend) {
            Step::Do(rule) => rule,
            Step::Refuse(code) => return Err(no_wrap_up(agent, code)),
            Step::Late | Step::Same => return Ok(()),
        };
        let id = self.wrapping(agent, engagement).first().copied().ok_or_else(|| no_wrap_up(agent, "no_wrap_up"))?;
        let it = self.engagements.get_mut(&id).ok_or_else(|| no_wrap_up(agent, "no_wrap_up"))?;
        let allowed = it.rules.acw_extend;
        let Phase::WrapUp { until, target, extended, .. } = &mut it.phase else {
            return Err(no_wrap_up(agent, "no_wrap_up"));
        };
        match (by, allowed) {
            (Extension::Step, Extend::By(step)) if *extended < step.max => {
                if let Some(until) = until {
                    *until += seconds(step.secs);
                    self.timers.set(Timer::WrapUp(id), *until);
                }
                *target = *target + seconds(step.secs);
            }
            (Extension::Step, Extend::By(_)) => {
                return Err(Refused::not_now("extended_enough", "this wrap-up can't be extended again"));
            }
            (Extension::Step | Extension::Indefinite, Extend::Word(ExtendWord::Indefinite)) => {
                *until = None;
                self.timers.cancel(Timer::WrapUp(id));
            }
            (Extension::Indefinite, Extend::By(_)) | (_, Extend::Word(ExtendWord::Off)) => {
                return Err(Refused::not_allowed("not_enabled", "this queue's wrap-up can't be extended so"));
            }
        }
        *extended += 1;
        self.unsaved.engagements.insert(id);
        self.change(now, agent, actor, rule, |_| {});
        self.settle(now);
        Ok(())
    }

    /// The agent chose a disposition: he may finish now.
    pub fn dispose(&mut self, now: Now, engagement: EngagementId, _actor: Actor) -> Result<(), Refused> {
        let it = self.engagements.get_mut(&engagement);
        let it = it.ok_or_else(|| Refused::unknown("no_engagement", format!("there is no {engagement}")))?;
        it.disposed = true;
        self.unsaved.engagements.insert(engagement);
        self.settle(now);
        Ok(())
    }

    /// An engagement is wholly over.
    fn close(&mut self, now: Now, engagement: EngagementId, rule: Rule, actor: Actor) {
        let at = self.at(now);
        let Some(it) = self.engagements.remove(&engagement) else { return };
        self.timers.cancel(Timer::WrapUp(engagement));
        self.unsaved.engagements.insert(engagement);
        let (wrap_up_ms, extended) = match it.phase {
            Phase::WrapUp { since, extended, .. } => (millis(at.since(since)), extended),
            Phase::Connecting | Phase::Live => (0, 0),
        };
        if let Some(line) = it.queue.and_then(|queue| self.queues.get_mut(&queue)) {
            line.today.wrap_up_ms += wrap_up_ms;
            line.today.handled += 1;
            line.handle_ms = Some(average(line.handle_ms, it.talk_ms + wrap_up_ms));
            self.unsaved.queues.insert(line.id);
        }
        self.change(now, it.agent, actor, rule, |agent| {
            agent.today.wrap_up_ms += wrap_up_ms;
            agent.idle_since = at;
            agent.handled = true;
            agent.on_mut(it.channel).wrapping.retain(|held| *held != engagement);
        });
        self.outputs.push_back(Output::EngagementEnded(EngagementSummary {
            engagement,
            agent: it.agent,
            interaction: it.interaction,
            queue: it.queue,
            accepted: it.accepted,
            talk_ms: it.talk_ms,
            wrap_up_ms,
            extended,
        }));
        self.after(now, it.agent, Some(&it), actor);
    }

    /// Rule 31, whenever a channel has become idle: first what was asked for, then the lost session, then what the
    /// queue wants after an engagement.
    pub(super) fn after(&mut self, now: Now, agent: AgentId, engagement: Option<&Engagement>, actor: Actor) {
        let channel = engagement.map_or(Channel::Voice, |engagement| engagement.channel);
        let Some(it) = self.agents.get(&agent) else { return };
        if it.at(channel) != super::table::At::Idle {
            return;
        }
        let state = it.on(channel);
        let (pending, lost, everything_idle) = (state.pending.clone(), it.lost, it.idle());
        let untouched = engagement.filter(|was| was.was_ready && was.chosen == state.chosen && was.channel == channel);
        let next = untouched.and_then(|was| Self::next_selection(&was.rules.next_status));
        let over = state.over_activity;
        match pending {
            Some(Pending::NotReady { reason }) => {
                self.choose_after(now, agent, channel, Selection::NotReady { reason });
            }
            Some(Pending::LogOff) if everything_idle => {
                self.go_offline(now, agent, None, Rule::After, actor);
                return;
            }
            Some(Pending::LogOff) => {}
            None if lost => {}
            None => {
                if let Some(selection) = next {
                    self.choose_after(now, agent, channel, selection);
                } else if over {
                    self.change(now, agent, Actor::System, Rule::After, |agent| {
                        agent.on_mut(channel).over_activity = false;
                    });
                } else {
                    self.hit(Rule::After);
                }
            }
        }
        if lost && everything_idle {
            self.go_offline(now, agent, Some(Reason::lost()), Rule::After, Actor::System);
        }
    }

    fn choose_after(&mut self, now: Now, agent: AgentId, channel: Channel, selection: Selection) {
        let at = self.at(now);
        self.change(now, agent, Actor::System, Rule::After, |agent| {
            let state = agent.on_mut(channel);
            state.pending = None;
            state.over_activity = false;
            state.choose(selection, Actor::System, at);
        });
    }
}

fn no_wrap_up(agent: AgentId, code: &'static str) -> Refused {
    Refused::not_now(code, format!("{agent} is in no wrap-up"))
}
