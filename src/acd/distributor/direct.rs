//! Calls that came through no queue: they hold the agent's voice as any other, and the queues see it.

use std::sync::Arc;

use super::{
    super::{
        Actor, Channel, DirectKind, DispositionRule, InteractionKind, QueueSettings, Refused, Rule, WithdrawCause, Work,
    },
    Acd,
    agent::{Direct, DirectPhase},
    engagements::{Engagement, Phase},
    millis,
    table::{At, Event, Step},
};
use crate::base::{AgentId, CallId, EngagementId, InteractionId, Now, OfferId, Private};

impl Acd {
    /// A call that comes through no queue wants to ring the agent (rule 22b). Refused: answer busy.
    pub fn handle_direct_ringing(
        &mut self,
        now: Now,
        agent: AgentId,
        call: CallId,
        kind: DirectKind,
    ) -> Result<(), Refused> {
        let it = self.agent(agent)?;
        if it.dnd {
            return Err(Refused::not_now("dnd", format!("{} is not to be disturbed", self.agent_name(agent))));
        }
        match self.step(agent, Channel::Voice, Event::DirectRings) {
            Step::Do(rule) => self.direct(now, agent, (call, kind), DirectPhase::Ringing, rule)?,
            Step::Refuse(code) => return Err(Refused::not_now(code, format!("{} is {code}", self.agent_name(agent)))),
            Step::Late | Step::Same => {}
        }
        self.settle(now);
        Ok(())
    }

    /// The agent dials out (rule 22). Refused: answer 403.
    pub fn handle_direct_dialing(
        &mut self,
        now: Now,
        agent: AgentId,
        call: CallId,
        kind: DirectKind,
    ) -> Result<(), Refused> {
        let it = self.agent(agent)?;
        if !it.online && !self.policies.dial_offline {
            return Err(Refused::not_allowed("offline", format!("{} is offline", self.agent_name(agent))));
        }
        let not_ready = it.at(Channel::Voice) == At::Idle && !it.on(Channel::Voice).selection.is_ready();
        if it.online && not_ready && !self.policies.dial_not_ready {
            return Err(Refused::not_allowed("not_ready", format!("{} is not ready", self.agent_name(agent))));
        }
        match self.step(agent, Channel::Voice, Event::DialOut) {
            Step::Do(rule) => {
                self.withdraw_offers_of(now, agent, None, WithdrawCause::AgentNotReady, Actor::Agent(agent));
                self.direct(now, agent, (call, kind), DirectPhase::Dialing, rule)?;
            }
            Step::Refuse(code) => return Err(Refused::not_now(code, format!("{} is {code}", self.agent_name(agent)))),
            Step::Late | Step::Same => {}
        }
        self.settle(now);
        Ok(())
    }

    /// The direct call is answered (rule 23); or one is found on his phone (rule 37).
    pub fn handle_direct_busy(&mut self, now: Now, agent: AgentId, call: CallId, kind: DirectKind) {
        if let Step::Do(rule) = self.step(agent, Channel::Voice, Event::DirectAnswered) {
            self.withdraw_offers_of(now, agent, None, WithdrawCause::AgentNotReady, Actor::System);
            // Too many at once: he is busy anyhow.
            let _ = self.direct(now, agent, (call, kind), DirectPhase::Talking, rule);
        }
        self.settle(now);
    }

    /// The direct call is over, answered or not (rules 21, 24, 26, 37).
    pub fn handle_direct_ended(&mut self, now: Now, agent: AgentId, call: CallId) {
        let Some(it) = self.agents.get(&agent) else { return };
        let Some(direct) = it.on(Channel::Voice).direct.iter().find(|direct| direct.call == call).copied() else {
            return;
        };
        let rule = match (self.step(agent, Channel::Voice, Event::DirectEnded), direct.phase) {
            (_, DirectPhase::Ringing) => Rule::OfferGone,
            (Step::Do(rule), DirectPhase::Dialing | DirectPhase::Talking) => rule,
            (Step::Refuse(_) | Step::Late | Step::Same, DirectPhase::Dialing | DirectPhase::Talking) => return,
        };
        let wraps_up = match direct.phase {
            DirectPhase::Ringing => false,
            DirectPhase::Dialing => self.policies.acw_for_unanswered_out,
            DirectPhase::Talking => true,
        };
        // Who is offline is not waited for, and nothing would end it.
        let wraps_up = wraps_up && it.online && self.policies.direct_acw_types.contains(&direct.kind);
        let wraps_up = wraps_up && self.policies.direct_acw_secs > 0;
        if wraps_up {
            self.begin_direct_wrap_up(now, agent, direct);
        }
        // Whom somebody gave him, or he called: he has handled him like one from a queue (P13, P21). A wrap-up counts it
        // at its own end.
        let at = self.at(now);
        let handled = !wraps_up && direct.phase == DirectPhase::Talking && direct.kind.is_outside();
        self.change(now, agent, Actor::System, rule, |agent| {
            agent.on_mut(Channel::Voice).direct.retain(|direct| direct.call != call);
            if handled {
                (agent.idle_since, agent.handled) = (at, true);
                agent.today.talk_ms += millis(at.since(direct.since));
            }
        });
        self.after(now, agent, None, Actor::System);
        self.settle(now);
    }

    /// The direct call became part of another one: from now on he talks to whoever is in that.
    pub fn handle_direct_moved(&mut self, now: Now, agent: AgentId, from: CallId, (to, kind): (CallId, DirectKind)) {
        let at = self.at(now);
        let Some(it) = self.agents.get_mut(&agent) else { return };
        let held = &mut it.on_mut(Channel::Voice).direct;
        if held.iter().any(|direct| direct.call == to) {
            return self.handle_direct_ended(now, agent, from);
        }
        for direct in held.iter_mut().filter(|direct| direct.call == from) {
            (direct.call, direct.kind, direct.since) = (to, kind, at);
            self.unsaved.agents.insert(agent);
        }
        self.settle(now);
    }

    fn direct(
        &mut self,
        now: Now,
        agent: AgentId,
        (call, kind): (CallId, DirectKind),
        phase: DirectPhase,
        rule: Rule,
    ) -> Result<(), Refused> {
        let at = self.at(now);
        let state = self.agent(agent)?.on(Channel::Voice);
        let (held, out) = (&state.direct, phase == DirectPhase::Dialing);
        let kind = if out && !state.live.is_empty() { DirectKind::Consult } else { kind };
        if held.len() >= super::super::DIRECT_CALLS_MAX && held.iter().all(|direct| direct.call != call) {
            return Err(Refused::not_now("busy", format!("{} has too many calls", self.agent_name(agent))));
        }
        self.change(now, agent, Actor::Agent(agent), rule, |agent| {
            let direct = &mut agent.on_mut(Channel::Voice).direct;
            match direct.iter_mut().find(|direct| direct.call == call) {
                Some(direct) => {
                    // The talk begins with the answer.
                    direct.since = if direct.phase == phase { direct.since } else { at };
                    direct.phase = phase;
                }
                None => direct.push(Direct { call, kind, phase, since: at, out }),
            }
        });
        Ok(())
    }

    /// What holds for a wrap-up after a call that came through no queue.
    pub(super) fn direct_rules(&self) -> Arc<QueueSettings> {
        Arc::new(QueueSettings {
            acw_secs: self.policies.direct_acw_secs,
            disposition: DispositionRule::Optional,
            ..QueueSettings::default()
        })
    }

    /// An engagement of its own, which begins and ends as wrap-up.
    fn begin_direct_wrap_up(&mut self, now: Now, agent: AgentId, direct: Direct) {
        let id = EngagementId(self.fresh_id());
        let Some(it) = self.agents.get(&agent) else { return };
        let state = it.on(Channel::Voice);
        let engagement = Engagement {
            id,
            agent,
            interaction: InteractionId(direct.call.0),
            call: Some(direct.call),
            caller: Private::default(),
            queue: None,
            kind: InteractionKind::Direct,
            channel: Channel::Voice,
            offer: OfferId(0),
            offered: now.mono,
            offer_until: now.mono,
            rings_at: None,
            accepted: direct.since,
            connected: Some(direct.since),
            phase: Phase::Live,
            talk_ms: 0,
            end: None,
            was_ready: state.selection.is_ready(),
            chosen: state.chosen,
            work: Work::default(),
            rules: self.direct_rules(),
        };
        self.engagements.insert(id, engagement);
        if let Some(it) = self.agents.get_mut(&agent) {
            it.on_mut(Channel::Voice).live.push(id);
        }
        self.end_talk(now, id, Rule::Ended, None);
    }
}
