//! Layer 0: who is there. Pages sign in and out, devices register, both get lost and come back.

use std::collections::BTreeSet;

use super::{
    super::{
        Actor, Channel, DevicePresence, LogoutWhen, MemberStart, MemberState, Reason, Refused, Rule, Selection,
        WithdrawCause,
    },
    Acd, Timer,
    agent::Agent,
    seconds,
    table::{Event, Step},
};
use crate::base::{AgentId, Now};

impl Acd {
    /// A page signs in.
    pub fn sign_in(&mut self, now: Now, agent: AgentId, actor: Actor) -> Result<(), Refused> {
        let ready = self.agent(agent)?.ready_on_login(&self.policies);
        if let Some(it) = self.agents.get_mut(&agent) {
            it.page = true;
            it.page_open = true;
        }
        self.come_online(now, agent, ready, actor);
        self.handle_activity(now, agent);
        // With a page he can be reached on channels that need one.
        self.refresh(agent);
        self.watch_presence(now, agent);
        self.settle(now);
        Ok(())
    }

    pub fn sign_out(&mut self, now: Now, agent: AgentId, actor: Actor) -> Result<(), Refused> {
        self.agent(agent)?;
        match self.step(agent, Channel::Voice, Event::SignOut) {
            Step::Do(Rule::SignOut) if self.agent(agent)?.idle() => {
                self.go_offline(now, agent, None, Rule::SignOut, actor);
            }
            Step::Do(_) => self.change(now, agent, actor, Rule::SignOutPending, |agent| agent.will_log_off(None)),
            Step::Refuse(_) | Step::Late | Step::Same => {}
        }
        self.settle(now);
        Ok(())
    }

    /// Rule 37b: offers are withdrawn and wrap-ups end; live engagements end their life first.
    pub fn force_offline(&mut self, now: Now, agent: AgentId, actor: Actor) -> Result<(), Refused> {
        self.agent(agent)?;
        let old = self.stood(agent, actor);
        if let Step::Do(rule) = self.step(agent, Channel::Voice, Event::ForceOffline) {
            self.change(now, agent, actor, rule, |agent| agent.will_log_off(None));
            self.withdraw_offers_of(now, agent, None, WithdrawCause::Withdrawn, actor);
            self.finish_wrap_ups(now, agent, None, rule, actor);
            self.after(now, agent, None, actor);
            self.tell_override(now, agent, actor, None, old);
        }
        self.settle(now);
        Ok(())
    }

    /// A device of the agent's can be reached now (registered, or registered again), or no longer can.
    pub fn handle_device(&mut self, now: Now, agent: AgentId, reachable: bool) {
        let Some(it) = self.agents.get_mut(&agent) else { return };
        if it.device == reachable {
            return;
        }
        it.device = reachable;
        let presence = it.device_presence(&self.policies);
        let by_default = it.ready_on_login(&self.policies);
        self.refresh(agent);
        if reachable && presence != DevicePresence::Off {
            self.come_online(now, agent, presence == DevicePresence::Ready || by_default, Actor::System);
        }
        if !reachable {
            self.on_page_or_device_gone(now, agent);
        }
        self.watch_presence(now, agent);
        self.settle(now);
    }

    /// Agents whose device can be reached and counts for nothing.
    pub(super) fn unheeded(&self) -> BTreeSet<AgentId> {
        let of_no_account = |it: &&Agent| it.device && it.device_presence(&self.policies) == DevicePresence::Off;
        self.agents.values().filter(of_no_account).map(|it| it.id).collect()
    }

    /// Where a device is enough from now on, those that are there already bring their agents online, as if they came now.
    pub(super) fn heed_devices(&mut self, now: Now, unheeded: BTreeSet<AgentId>) {
        for agent in unheeded {
            let Some(it) = self.agents.get(&agent).filter(|it| !it.removed) else { continue };
            let (presence, by_default) = (it.device_presence(&self.policies), it.ready_on_login(&self.policies));
            if presence != DevicePresence::Off {
                self.come_online(now, agent, presence == DevicePresence::Ready || by_default, Actor::System);
            }
        }
    }

    /// The agent's page is there, or is gone (its live socket opened or closed).
    pub fn handle_session(&mut self, now: Now, agent: AgentId, open: bool) {
        let Some(it) = self.agents.get_mut(&agent) else { return };
        let was = std::mem::replace(&mut it.page_open, open);
        let ready = it.ready_on_login(&self.policies);
        let came_back = open && !it.online && it.offline_reason == Some(Reason::lost());
        if came_back {
            it.page = true;
            self.come_online(now, agent, ready, Actor::Agent(agent));
            self.handle_activity(now, agent);
        } else if was && !open {
            self.on_page_or_device_gone(now, agent);
        }
        self.refresh(agent);
        self.watch_presence(now, agent);
        self.settle(now);
    }

    /// Rule 1.
    fn come_online(&mut self, now: Now, agent: AgentId, ready: bool, actor: Actor) {
        let Step::Do(rule) = self.step(agent, Channel::Voice, Event::ComeOnline) else { return };
        let at = self.at(now);
        self.lift_bans(agent);
        if !self.policies.restore_memberships {
            self.reset_memberships(now, agent, actor);
        }
        self.change(now, agent, actor, rule, |agent| {
            agent.online = true;
            agent.lost = false;
            agent.offline_reason = None;
            agent.missed = 0;
            if !agent.handled {
                agent.idle_since = at;
            }
            for channel in &mut agent.channels {
                let selection =
                    if ready { Selection::Ready } else { Selection::NotReady { reason: Some(Reason::login()) } };
                channel.pending = None;
                channel.choose(selection, actor, at);
            }
        });
    }

    /// Off for good: rules 2, 4, 20, 31 and 37b.
    pub(super) fn go_offline(&mut self, now: Now, agent: AgentId, reason: Option<Reason>, rule: Rule, actor: Actor) {
        let by_choice = matches!(rule, Rule::SignOut | Rule::After) && reason.is_none();
        self.timers.cancel(Timer::Inactive(agent));
        self.timers.cancel(Timer::Grace(agent));
        self.lift_bans(agent);
        self.change(now, agent, actor, rule, |agent| {
            agent.online = false;
            agent.page = false;
            agent.lost = false;
            agent.prompted = false;
            agent.offline_reason = reason;
            agent.missed = 0;
            for channel in &mut agent.channels {
                channel.pending = None;
                channel.over_activity = false;
            }
        });
        if by_choice && self.policies.logout_on_signout {
            self.logout_everywhere(now, agent, LogoutWhen::Now, actor);
        }
    }

    fn reset_memberships(&mut self, now: Now, agent: AgentId, actor: Actor) {
        let queues: Vec<_> = match self.agents.get(&agent) {
            Some(agent) => {
                agent.members.iter().filter(|(_, member)| member.assigned).map(|(queue, _)| *queue).collect()
            }
            None => return,
        };
        for queue in queues {
            let state = match self.start_of(agent, queue) {
                MemberStart::Active => MemberState::Active,
                MemberStart::LoggedOut => MemberState::LoggedOut,
            };
            self.set_member(now, agent, queue, state, actor);
        }
    }

    /// Rules 37c and 38; and 16b for what he accepted at his page and has no phone left to pick up.
    fn on_page_or_device_gone(&mut self, now: Now, agent: AgentId) {
        let left = self.agents.get(&agent).is_some_and(|agent| agent.reachable(Channel::Voice));
        if !left {
            self.give_up_unpicked(now, agent, None);
        }
        match self.step(agent, Channel::Voice, Event::PageGone) {
            Step::Do(Rule::SessionLostWhileOffered) => {
                if !left {
                    self.hit(Rule::SessionLostWhileOffered);
                    self.withdraw_offers_of(now, agent, None, WithdrawCause::Unreachable, Actor::System);
                }
            }
            Step::Do(rule) => self.hit(rule),
            Step::Refuse(_) | Step::Late | Step::Same => {}
        }
    }

    /// Starts the grace of one who is no longer held online, or ends it.
    pub(super) fn watch_presence(&mut self, now: Now, agent: AgentId) {
        let Some(it) = self.agents.get_mut(&agent) else { return };
        let timer = Timer::Grace(agent);
        if !it.online {
            return;
        }
        if it.present(&self.policies) {
            it.lost = false;
            self.timers.cancel(timer);
        } else if !it.lost && self.timers.deadline(&timer).is_none() {
            self.timers.set(timer, now.mono + seconds(self.policies.session_grace_secs));
        }
        self.unsaved.agents.insert(agent);
    }

    /// Rule 4, and what of it waits for the end of an engagement.
    pub(super) fn on_grace_over(&mut self, now: Now, agent: AgentId) {
        match self.step(agent, Channel::Voice, Event::GraceOver) {
            Step::Do(Rule::SessionLost) if self.agents.get(&agent).is_some_and(|agent| agent.idle()) => {
                self.go_offline(now, agent, Some(Reason::lost()), Rule::SessionLost, Actor::System);
            }
            Step::Do(_) => self.change(now, agent, Actor::System, Rule::PageWhileBusy, |agent| agent.lost = true),
            Step::Refuse(_) | Step::Late | Step::Same => {}
        }
    }
}
