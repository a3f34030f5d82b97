//! Layer 1: what agents choose, and what others choose for them.

use super::{
    super::{Actor, Channel, NotReadyMode, Pending, Reason, Refused, Rule, Selection, WithdrawCause},
    Acd,
    table::{At, Event, Step},
    wrap_up::Ending,
};
use crate::base::{AgentId, Now};

impl Acd {
    /// Chooses Ready or Not Ready for one channel: rules 5 to 12, and 33 on another's behalf.
    pub fn select(
        &mut self,
        now: Now,
        agent: AgentId,
        channel: Channel,
        selection: Selection,
        actor: Actor,
    ) -> Result<(), Refused> {
        let (old, reason) = (self.stood(agent, actor), selection.reason().cloned());
        self.choose(now, agent, channel, selection, actor)?;
        self.tell_override(now, agent, actor, reason, old);
        self.settle(now);
        Ok(())
    }

    /// The same as a part of a greater act, which tells and settles.
    pub(super) fn choose(
        &mut self,
        now: Now,
        agent: AgentId,
        channel: Channel,
        selection: Selection,
        actor: Actor,
    ) -> Result<(), Refused> {
        let it = self.agent(agent)?;
        if !it.settings.channels.contains(&channel) {
            return Err(Refused::not_allowed("no_channel", format!("{} has no such channel", self.agent_name(agent))));
        }
        self.may_choose(agent, actor)?;
        if let Selection::NotReady { reason } = &selection {
            self.check_reason(reason.as_ref())?;
        }
        let event = match (&selection, actor.overrides()) {
            (Selection::Ready, false) => Event::SelectReady,
            (Selection::Ready, true) => Event::OverrideReady,
            (Selection::NotReady { .. }, false) => Event::SelectNotReady,
            (Selection::NotReady { .. }, true) => Event::OverrideNotReady,
        };
        let rule = match self.step(agent, channel, event) {
            Step::Do(rule) => rule,
            Step::Refuse(code) => {
                return Err(Refused::not_now(code, format!("not while {} is {code}", self.agent_name(agent))));
            }
            Step::Late | Step::Same => return Ok(()),
        };
        match selection {
            Selection::Ready => self.select_ready(now, agent, channel, rule, actor)?,
            Selection::NotReady { reason } => self.select_not_ready(now, agent, channel, reason, rule, actor),
        }
        Ok(())
    }

    /// Do not disturb, for all channels at once: rules 13 and 14.
    pub fn set_dnd(&mut self, now: Now, agent: AgentId, on: bool, actor: Actor) -> Result<(), Refused> {
        self.agent(agent)?;
        self.may_choose(agent, actor)?;
        let event = if on { Event::DndOn } else { Event::DndOff };
        let Step::Do(rule) = self.step(agent, Channel::Voice, event) else { return Ok(()) };
        let old = self.stood(agent, actor);
        self.change(now, agent, actor, rule, |agent| agent.dnd = on);
        if on {
            self.withdraw_offers_of(now, agent, None, WithdrawCause::AgentNotReady, actor);
        }
        self.tell_override(now, agent, actor, None, old);
        self.settle(now);
        Ok(())
    }

    /// One of the administrator's reasons, or none where none is needed.
    pub(super) fn check_reason(&self, reason: Option<&Reason>) -> Result<(), Refused> {
        match reason {
            None if self.policies.reason_required => {
                Err(Refused::not_understood("reason_required", "a reason has to be given"))
            }
            None => Ok(()),
            Some(reason) if self.reasons.contains_key(reason) || *reason == Reason::logged_off() => Ok(()),
            Some(reason) => Err(Refused::unknown("no_reason", format!("there is no reason `{reason}`"))),
        }
    }

    fn select_ready(
        &mut self,
        now: Now,
        agent: AgentId,
        channel: Channel,
        rule: Rule,
        actor: Actor,
    ) -> Result<(), Refused> {
        let wrapping = !self.agent(agent)?.on(channel).wrapping.is_empty();
        let finishes = wrapping && matches!(rule, Rule::ReadyInWrapUp | Rule::Override);
        if finishes {
            self.may_finish(agent, None, actor, Ending::Otherwise)?;
        }
        let at = self.at(now);
        self.lift_bans(agent);
        self.change(now, agent, actor, rule, |agent| {
            agent.missed = 0;
            let state = agent.on_mut(channel);
            state.pending = None;
            state.over_activity = false;
            state.choose(Selection::Ready, actor, at);
        });
        self.resume_together(now, agent, actor);
        if finishes {
            self.finish_wrap_ups(now, agent, None, rule, actor);
        }
        Ok(())
    }

    /// What Not Ready does depends on what goes on; `rule` is what people are told.
    fn select_not_ready(
        &mut self,
        now: Now,
        agent: AgentId,
        channel: Channel,
        reason: Option<Reason>,
        rule: Rule,
        actor: Actor,
    ) {
        let Some(at) = self.agents.get(&agent).map(|it| it.at(channel)) else { return };
        let immediate = self.policies.not_ready_mode_of(channel) == NotReadyMode::Immediate;
        let plainly = NotReadyNow { reason, rule, actor, over_activity: false };
        match at {
            At::Offline => {}
            At::Idle => self.become_not_ready(now, agent, channel, plainly),
            At::Offered => {
                self.become_not_ready(now, agent, channel, plainly);
                self.withdraw_offers_of(now, agent, None, WithdrawCause::AgentNotReady, actor);
            }
            At::WrapUp if self.not_ready_ends_wrap_up(agent, channel) => {
                self.become_not_ready(now, agent, channel, plainly);
                self.finish_wrap_ups(now, agent, None, rule, actor);
            }
            At::Dialing | At::Busy | At::WrapUp if immediate => {
                let rule = if rule == Rule::NotReadyPending { Rule::NotReadyImmediate } else { rule };
                self.become_not_ready(now, agent, channel, NotReadyNow { rule, over_activity: true, ..plainly });
            }
            At::Dialing | At::Busy | At::WrapUp => self.change(now, agent, actor, rule, |agent| {
                agent.missed = 0;
                agent.on_mut(channel).pending = Some(Pending::NotReady { reason: plainly.reason });
            }),
        }
    }

    fn become_not_ready(&mut self, now: Now, agent: AgentId, channel: Channel, it: NotReadyNow) {
        let at = self.at(now);
        self.change(now, agent, it.actor, it.rule, |agent| {
            agent.missed = 0;
            let state = agent.on_mut(channel);
            state.pending = None;
            state.over_activity = it.over_activity;
            state.choose(Selection::NotReady { reason: it.reason }, it.actor, at);
            if it.over_activity {
                state.since = at;
            }
        });
    }
}

/// Not Ready, at once.
struct NotReadyNow {
    reason: Option<Reason>,
    rule: Rule,
    actor: Actor,
    /// In the middle of something, which goes on.
    over_activity: bool,
}
