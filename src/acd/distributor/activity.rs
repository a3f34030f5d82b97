//! Signs of life: pages at which nobody sits (rule 36), statuses that last too long, and how occupied agents are.

use std::time::Duration;

use super::{
    super::{Actor, Notice, Output, Reason, Refused, Rule, Selection, Status, Strategy},
    Acd, Timer, seconds,
};
use crate::base::{AgentId, Now};

/// What an agent's occupancy is compared by is at most this old; what is shown is exact.
const OCCUPANCY_ROUND_SECS: u64 = 60;

impl Acd {
    /// The agent did something at his page.
    pub fn handle_activity(&mut self, now: Now, agent: AgentId) {
        if let Some(it) = self.agents.get_mut(&agent) {
            it.prompted = false;
        }
        self.watch_activity(now, agent);
    }

    pub(super) fn watch_activity(&mut self, now: Now, agent: AgentId) {
        let timer = Timer::Inactive(agent);
        let watched = self.agents.get(&agent).is_some_and(|agent| agent.online && agent.page);
        if watched && self.policies.inactive_secs > 0 {
            self.timers.set(timer, now.mono + seconds(self.policies.inactive_secs));
        } else {
            self.timers.cancel(timer);
        }
    }

    /// Rule 36: he is asked; unanswered, he is Not Ready and then Offline. Whoever is in the middle of something is there.
    pub(super) fn on_inactive(&mut self, now: Now, agent: AgentId) {
        let Some(it) = self.agents.get_mut(&agent) else { return };
        if !it.online || !it.idle() || self.policies.inactive_secs == 0 {
            it.prompted = false;
            return self.watch_activity(now, agent);
        }
        if !it.prompted {
            it.prompted = true;
            let until = now.mono + seconds(self.policies.inactive_prompt_secs);
            self.timers.set(Timer::Inactive(agent), until);
            let until = self.wall_of(now, until);
            return self.outputs.push_back(Output::Notice(Notice::Inactive { agent, until }));
        }
        self.send_away(now, agent, &Reason::inactive());
    }

    fn send_away(&mut self, now: Now, agent: AgentId, reason: &Reason) {
        let at = self.at(now);
        self.change(now, agent, Actor::System, Rule::Inactive, |agent| {
            for channel in &mut agent.channels {
                channel.choose(Selection::NotReady { reason: Some(reason.clone()) }, Actor::System, at);
            }
        });
        self.go_offline(now, agent, Some(reason.clone()), Rule::Inactive, Actor::System);
    }

    /// Sets the clock for a status whose reason has a longest time.
    pub(super) fn watch_length(&mut self, now: Now, agent: AgentId) {
        let timer = Timer::TooLong(agent);
        let until = self.agents.get(&agent).and_then(|it| {
            let state = it.on(it.main_channel());
            let reason = state.shown.reason.as_ref().filter(|_| state.shown.status == Status::NotReady)?;
            let reason = self.reasons.get(reason).filter(|reason| reason.max_secs > 0)?;
            let told = it.told_long == Some((state.shown_since, reason.max_logs_out));
            (!told).then(|| state.shown_since + seconds(reason.max_secs))
        });
        match until {
            Some(until) => self.timers.set(timer, self.mono_of(now, until)),
            None => {
                self.timers.cancel(timer);
            }
        }
    }

    pub(super) fn on_too_long(&mut self, now: Now, agent: AgentId) {
        let Some(it) = self.agents.get(&agent) else { return };
        let state = it.on(it.main_channel());
        let (idle, since, reason) = (it.idle(), state.shown_since, state.shown.reason.clone());
        let Some(reason) = reason.filter(|_| state.shown.status == Status::NotReady) else { return };
        let logs_out = self.reasons.get(&reason).is_some_and(|reason| reason.max_logs_out);
        let logged_out = idle && logs_out;
        if let Some(it) = self.agents.get_mut(&agent) {
            it.told_long = Some((since, logs_out));
        }
        self.outputs.push_back(Output::Notice(Notice::TooLong { agent, reason, since, logged_out }));
        if logged_out {
            self.send_away(now, agent, &Reason::too_long());
        } else if logs_out {
            // He chose it in the middle of something, which ends its life first (rule 3).
            self.change(now, agent, Actor::System, Rule::SignOutPending, |agent| {
                agent.will_log_off(Some(Reason::too_long()));
            });
        }
    }

    /// Begins, or ends, looking at occupancy.
    pub(super) fn watch_occupancy(&mut self, now: Now) {
        if self.queues.values().any(|queue| queue.rules.strategy == Strategy::LeastOccupied) {
            self.timers.set(Timer::Occupancy, now.mono + Duration::from_secs(1));
        } else {
            self.timers.cancel(Timer::Occupancy);
        }
    }

    /// A sixtieth of the agents each second: their last half hour has moved on though they did nothing.
    pub(super) fn on_occupancy(&mut self, now: Now) {
        let at = self.at(now);
        let turn = now.mono.as_micros() / 1_000_000 % OCCUPANCY_ROUND_SECS;
        let due = self.agents.keys().copied().filter(|agent| agent.0 % OCCUPANCY_ROUND_SECS == turn);
        let due: std::collections::BTreeSet<_> = due.collect();
        for agent in due {
            let Some(it) = self.agents.get_mut(&agent).filter(|it| it.online) else { continue };
            let state = it.on(it.main_channel());
            let occupancy = it.clock.occupancy(state.shown.status, state.shown_since, at);
            if occupancy != it.occupancy {
                it.occupancy = occupancy;
                self.refresh(agent);
            }
        }
        self.watch_occupancy(now);
    }

    /// One switch for everything: Ready on all channels, or not to be disturbed (AS-07).
    pub fn receive(&mut self, now: Now, agent: AgentId, on: bool, actor: Actor) -> Result<(), Refused> {
        if !on {
            return self.set_dnd(now, agent, true, actor);
        }
        self.select_all(now, agent, Selection::Ready, actor)?;
        self.set_dnd(now, agent, false, actor)
    }

    /// The same choice for all the agent's channels. Refused where all refuse it.
    pub fn select_all(&mut self, now: Now, agent: AgentId, selection: Selection, actor: Actor) -> Result<(), Refused> {
        let (old, reason) = (self.stood(agent, actor), selection.reason().cloned());
        self.choose_all(now, agent, &selection, actor)?;
        self.tell_override(now, agent, actor, reason, old);
        self.settle(now);
        Ok(())
    }

    /// The same as a part of a greater act, which tells and settles.
    pub(super) fn choose_all(
        &mut self,
        now: Now,
        agent: AgentId,
        selection: &Selection,
        actor: Actor,
    ) -> Result<(), Refused> {
        let channels = self.agent(agent)?.settings.channels.clone();
        let results: Vec<_> =
            channels.into_iter().map(|channel| self.choose(now, agent, channel, selection.clone(), actor)).collect();
        if results.iter().any(Result::is_ok) {
            return Ok(());
        }
        results.into_iter().find(Result::is_err).unwrap_or(Ok(()))
    }
}
