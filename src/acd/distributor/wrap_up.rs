//! Wrap-up: how long it is, who may end it, extend it, or mark its interaction done (rules 27 to 30).

use super::{
    super::{
        Actor, Channel, DispositionRule, Extend, ExtendWord, MarkDone, NextStatus, Output, Refused, Rule, Selection,
        WorkChange,
    },
    Acd, Extension, Timer,
    engagements::{Engagement, Phase},
    seconds,
    table::{Event, Step},
};
use crate::base::{AgentId, EngagementId, Now};

/// The wrap-up that an engagement has.
#[derive(Clone, Copy, Debug)]
pub(super) struct WrapUp {
    /// Zero: as long as the agent likes.
    pub secs: u32,
    /// Ended by the switch when they are over.
    pub limited: bool,
}

/// How a wrap-up is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The agent says that he is done with the interaction.
    MarkDone,
    /// By finishing the wrap-up alone, or by choosing Ready.
    Otherwise,
}

impl Acd {
    /// The queue's wrap-up for this kind of interaction, or the agent's own where that is shorter. None: none at all.
    pub(super) fn wrap_up_of(&self, engagement: EngagementId) -> Option<WrapUp> {
        let it = self.engagements.get(&engagement)?;
        if it.queue.is_some() && !it.kind.wraps_up(&it.rules) {
            return None;
        }
        let own = self.agents.get(&it.agent).and_then(|agent| agent.settings.acw_secs);
        let secs = own.map_or(it.rules.acw_secs, |own| own.min(it.rules.acw_secs));
        let wanted = secs > 0 || it.rules.mark_done == MarkDone::Required;
        wanted.then_some(WrapUp { secs, limited: secs > 0 && it.rules.after_service_limit })
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
            Step::Refuse(code) => return Err(self.no_wrap_up(agent, code)),
            Step::Late | Step::Same => return Ok(()),
        };
        self.may_finish(agent, engagement, actor, Ending::Otherwise)?;
        let old = self.stood(agent, actor);
        self.finish_wrap_ups(now, agent, engagement, rule, actor);
        self.tell_override(now, agent, actor, None, old);
        self.settle(now);
        Ok(())
    }

    /// Whether the actor may end the wrap-up now.
    pub(super) fn may_finish(
        &self,
        agent: AgentId,
        engagement: Option<EngagementId>,
        actor: Actor,
        ending: Ending,
    ) -> Result<(), Refused> {
        let wrapping = self.wrapping(agent, engagement);
        if wrapping.is_empty() {
            return Err(self.no_wrap_up(agent, "no_wrap_up"));
        }
        if actor.overrides() && !self.policies.acw_early_end_supervisor {
            return Err(Refused::not_allowed("not_enabled", "supervisors may not end a wrap-up"));
        }
        for it in wrapping.iter().filter_map(|id| self.engagements.get(id)) {
            if !actor.overrides() && !it.rules.acw_early_end_agent {
                return Err(Refused::not_now("no_early_end", "this queue's wrap-up runs to its end"));
            }
            if !actor.overrides() && it.rules.mark_done == MarkDone::Required && ending != Ending::MarkDone {
                return Err(Refused::not_now("mark_done", "mark the interaction done first"));
            }
            if !actor.overrides() && it.rules.disposition == DispositionRule::Required && it.work.disposition.is_none()
            {
                return Err(Refused::not_now("disposition_required", "choose a disposition first"));
            }
        }
        Ok(())
    }

    pub(super) fn wrapping(&self, agent: AgentId, engagement: Option<EngagementId>) -> Vec<EngagementId> {
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
            Step::Refuse(code) => return Err(self.no_wrap_up(agent, code)),
            Step::Late | Step::Same => return Ok(()),
        };
        let refused = self.no_wrap_up(agent, "no_wrap_up");
        let Some(id) = self.wrapping(agent, engagement).first().copied() else { return Err(refused) };
        let Some(it) = self.engagements.get_mut(&id) else { return Err(refused) };
        let allowed = it.rules.acw_extend;
        let Phase::WrapUp { until, target, extended, .. } = &mut it.phase else {
            return Err(refused);
        };
        match (by, allowed) {
            (Extension::Step, Extend::By(step)) if *extended < step.max => {
                if let Some(until) = until {
                    *until += seconds(step.secs);
                    self.timers.set(Timer::WrapUp(id), *until);
                }
                *target = target.map(|target| target + seconds(step.secs));
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

    /// The agent is done with an interaction (rule 28), and says what he is next where `next` is given.
    pub fn mark_done(
        &mut self,
        now: Now,
        agent: AgentId,
        engagement: EngagementId,
        next: Option<Selection>,
        actor: Actor,
    ) -> Result<(), Refused> {
        let it = self.own_engagement(agent, engagement)?;
        let (channel, wants_status) = (it.channel, self.wants_status(it));
        if next.is_some() {
            self.may_choose(agent, actor)?;
        }
        if let Some(Selection::NotReady { reason }) = &next {
            self.check_reason(reason.as_ref())?;
        }
        let rule = match self.step(agent, channel, Event::FinishByAgent) {
            Step::Do(rule) => rule,
            Step::Refuse(code) => return Err(self.no_wrap_up(agent, code)),
            Step::Late | Step::Same => return Ok(()),
        };
        self.may_finish(agent, Some(engagement), actor, Ending::MarkDone)?;
        if wants_status && next.is_none() {
            return Err(Refused::not_now("status_required", "say what you are next: ready or not_ready"));
        }
        if let Some(selection) = next {
            self.choose_beside(now, agent, channel, selection, rule, actor)?;
        }
        self.close(now, engagement, rule, actor);
        self.settle(now);
        Ok(())
    }

    /// The queue leaves the next status to the agent, and he has not chosen since the accept.
    fn wants_status(&self, it: &Engagement) -> bool {
        let chosen = self.agents.get(&it.agent).map(|agent| agent.on(it.channel).chosen);
        let untouched = it.was_ready && chosen == Some(it.chosen);
        it.rules.mark_done == MarkDone::Required && it.rules.next_status == NextStatus::Manual && untouched
    }

    /// Chosen together with the end of the one thing that goes on: it counts from that end. Beside other things it is a
    /// choice like any other.
    fn choose_beside(
        &mut self,
        now: Now,
        agent: AgentId,
        channel: Channel,
        selection: Selection,
        rule: Rule,
        actor: Actor,
    ) -> Result<(), Refused> {
        if self.agent(agent)?.on(channel).items() > 1 {
            return self.select(now, agent, channel, selection, actor);
        }
        let at = self.at(now);
        if selection.is_ready() {
            self.lift_bans(agent);
        }
        self.change(now, agent, actor, rule, |agent| {
            agent.missed = 0;
            let state = agent.on_mut(channel);
            state.pending = None;
            state.over_activity = false;
            state.choose(selection, actor, at);
        });
        Ok(())
    }

    /// Writes down a disposition, tags or notes, in the talk or after it; all of the change or none.
    pub fn write_work(
        &mut self,
        now: Now,
        agent: AgentId,
        engagement: EngagementId,
        change: WorkChange,
    ) -> Result<(), Refused> {
        let it = self.own_engagement(agent, engagement)?;
        if let Some(Some(disposition)) = &change.disposition
            && !it.rules.takes(disposition, &self.dispositions)
        {
            return Err(Refused::not_understood("no_disposition", format!("`{disposition}` can't be chosen here")));
        }
        let unknown = change.tags.iter().flatten().find(|tag| self.tags.iter().all(|known| known.key != **tag));
        if let Some(tag) = unknown {
            return Err(Refused::not_understood("no_tag", format!("there is no tag `{tag}`")));
        }
        if let Some(it) = self.engagements.get_mut(&engagement) {
            change.apply(&mut it.work)?;
        }
        self.unsaved.engagements.insert(engagement);
        self.outputs.push_back(Output::Work { agent, engagement });
        self.settle(now);
        Ok(())
    }

    fn no_wrap_up(&self, agent: AgentId, code: &'static str) -> Refused {
        Refused::not_now(code, format!("{} is in no wrap-up", self.agent_name(agent)))
    }

    /// Somebody else's engagement is to him as one that is not.
    fn own_engagement(&self, agent: AgentId, engagement: EngagementId) -> Result<&Engagement, Refused> {
        let own = self.engagements.get(&engagement).filter(|it| it.agent == agent);
        own.ok_or_else(|| Refused::unknown("no_engagement", "this interaction is done with"))
    }
}
