//! Layer 2: who belongs to which queue, and whether he takes its calls just now.

use super::{
    super::{
        Actor, Factor, LogoutWhen, MemberEvent, MemberStart, MemberState, Output, Reason, Refused, Rule, WithdrawCause,
    },
    Acd,
    agent::Member,
    lists::list,
    queue::Queue,
};
use crate::base::{AgentId, Now, QueueId};

impl Acd {
    /// Logs in to a queue; a membership that the settings don't assign is temporary.
    pub fn login(&mut self, now: Now, agent: AgentId, queue: QueueId, actor: Actor) -> Result<(), Refused> {
        self.login_all(now, agent, &[queue], actor)
    }

    /// Logs in to several queues, or to none of them where one refuses: then it says which do, and why (QM-01).
    pub fn login_all(&mut self, now: Now, agent: AgentId, queues: &[QueueId], actor: Actor) -> Result<(), Refused> {
        self.agent(agent)?;
        let refused = queues.iter().filter_map(|queue| self.check_login(agent, *queue, actor).err());
        let refused =
            refused.reduce(|first, other| Refused { detail: format!("{}; {}", first.detail, other.detail), ..first });
        if let Some(refused) = refused {
            return Err(refused);
        }
        let old = self.stood(agent, actor);
        for queue in queues {
            self.set_member(now, agent, *queue, MemberState::Active, actor);
        }
        self.tell_override(now, agent, actor, None, old);
        self.settle(now);
        Ok(())
    }

    fn check_login(&self, agent: AgentId, queue: QueueId, actor: Actor) -> Result<(), Refused> {
        self.queue(queue)?;
        let belongs = self.agent(agent)?.members.contains_key(&queue);
        if belongs || actor.overrides() || self.policies.login_unassigned {
            return Ok(());
        }
        let detail = format!("{} is not assigned to {}", self.agent_name(agent), self.queue_name(queue));
        Err(Refused::not_allowed("not_assigned", detail))
    }

    /// Logs out of one queue, or of all.
    pub fn logout(
        &mut self,
        now: Now,
        agent: AgentId,
        queue: Option<QueueId>,
        when: LogoutWhen,
        actor: Actor,
    ) -> Result<(), Refused> {
        let old = self.stood(agent, actor);
        let it = self.agent(agent)?;
        match queue {
            None => self.logout_everywhere(now, agent, when, actor),
            Some(queue) if it.members.contains_key(&queue) => self.logout_one(now, agent, queue, when, actor),
            Some(queue) => return Err(self.no_member(agent, queue)),
        }
        if actor.overrides() {
            self.hit(Rule::LogOutFor);
            self.tell_override(now, agent, actor, None, old);
        }
        self.settle(now);
        Ok(())
    }

    /// Pauses one membership, or all that are active.
    pub fn pause(
        &mut self,
        now: Now,
        agent: AgentId,
        queue: Option<QueueId>,
        reason: Option<Reason>,
        actor: Actor,
    ) -> Result<(), Refused> {
        self.check_reason(reason.as_ref())?;
        let old = self.stood(agent, actor);
        let it = self.agent(agent)?;
        let state = MemberState::Paused { reason: reason.clone() };
        match queue {
            Some(queue) => {
                self.check_logged_in(agent, queue)?;
                self.set_member(now, agent, queue, state, actor);
                self.withdraw_offers_of(now, agent, Some(queue), WithdrawCause::AgentNotReady, actor);
            }
            None => {
                // Who is on a break from all of them may change what for.
                let counts = |member: &Member| member.state == MemberState::Active || member.paused_by_all;
                let concerned = it.members.iter().filter(|(_, member)| counts(member));
                let concerned: Vec<_> = concerned.map(|(queue, _)| *queue).collect();
                for queue in concerned {
                    self.set_member(now, agent, queue, state.clone(), actor);
                    self.mark_paused_by_all(agent, queue);
                }
                self.withdraw_offers_of(now, agent, None, WithdrawCause::AgentNotReady, actor);
            }
        }
        self.tell_override(now, agent, actor, reason, old);
        self.settle(now);
        Ok(())
    }

    /// Resumes one membership, or exactly those that were paused together.
    pub fn resume(&mut self, now: Now, agent: AgentId, queue: Option<QueueId>, actor: Actor) -> Result<(), Refused> {
        let old = self.stood(agent, actor);
        match queue {
            Some(queue) => {
                self.check_logged_in(agent, queue)?;
                self.set_member(now, agent, queue, MemberState::Active, actor);
            }
            None => self.resume_together(now, agent, actor),
        }
        self.tell_override(now, agent, actor, None, old);
        self.settle(now);
        Ok(())
    }

    /// Exactly those that were paused together (QM-03).
    pub(super) fn resume_together(&mut self, now: Now, agent: AgentId, actor: Actor) {
        let Some(it) = self.agents.get(&agent) else { return };
        let paused = it.members.iter().filter(|(_, member)| member.paused_by_all && !member.leaving);
        let paused: Vec<_> = paused.map(|(queue, _)| *queue).collect();
        for queue in paused {
            self.set_member(now, agent, queue, MemberState::Active, actor);
        }
    }

    pub(super) fn queue(&self, queue: QueueId) -> Result<&Queue, Refused> {
        self.queues.get(&queue).ok_or_else(|| Refused::unknown("no_queue", format!("there is no {queue}")))
    }

    pub(super) fn logout_everywhere(&mut self, now: Now, agent: AgentId, when: LogoutWhen, actor: Actor) {
        let Some(it) = self.agents.get(&agent) else { return };
        let inside = it.members.iter().filter(|(_, member)| member.state != MemberState::LoggedOut);
        let inside: Vec<_> = inside.map(|(queue, _)| *queue).collect();
        for queue in inside {
            self.logout_one(now, agent, queue, when, actor);
        }
    }

    fn logout_one(&mut self, now: Now, agent: AgentId, queue: QueueId, when: LogoutWhen, actor: Actor) {
        self.withdraw_offers_of(now, agent, Some(queue), WithdrawCause::Withdrawn, actor);
        if when == LogoutWhen::After && self.works_for(agent, queue) {
            if let Some(member) = self.member_mut(agent, queue) {
                member.leaving = true;
            }
            self.unsaved.members.insert((agent, queue));
            self.refresh(agent);
            return;
        }
        self.leave_queue(now, agent, queue, actor);
    }

    /// The membership ends: an assigned one is logged out, a temporary one is gone.
    pub(super) fn leave_queue(&mut self, now: Now, agent: AgentId, queue: QueueId, actor: Actor) {
        match self.agents.get(&agent).and_then(|agent| agent.members.get(&queue)) {
            Some(member) if member.assigned => self.set_member(now, agent, queue, MemberState::LoggedOut, actor),
            Some(_) => self.remove_member(now, agent, queue, actor),
            None => {}
        }
    }

    /// Logs out what was to be logged out after the last engagement for the queue.
    pub(super) fn leave_if_leaving(&mut self, now: Now, agent: AgentId, queue: QueueId) {
        let leaving = self.member_mut(agent, queue).is_some_and(|member| member.leaving);
        if leaving && !self.works_for(agent, queue) {
            self.leave_queue(now, agent, queue, Actor::System);
        }
    }

    /// What he was to leave after a call, where no call of it is left: after a restart, or a repair.
    pub(super) fn leave_where_leaving(&mut self, now: Now, agent: AgentId) {
        let queues: Vec<QueueId> =
            self.agents.get(&agent).into_iter().flat_map(|it| it.members.keys().copied()).collect();
        queues.into_iter().for_each(|queue| self.leave_if_leaving(now, agent, queue));
    }

    fn works_for(&self, agent: AgentId, queue: QueueId) -> bool {
        let Some(agent) = self.agents.get(&agent) else { return false };
        let mut engaged = agent.channels.iter().flat_map(|channel| channel.dialing.iter().chain(&channel.live));
        engaged.any(|id| self.engagements.get(id).is_some_and(|engagement| engagement.queue == Some(queue)))
    }

    pub(super) fn member_mut(&mut self, agent: AgentId, queue: QueueId) -> Option<&mut Member> {
        self.agents.get_mut(&agent)?.members.get_mut(&queue)
    }

    fn mark_paused_by_all(&mut self, agent: AgentId, queue: QueueId) {
        if let Some(member) = self.member_mut(agent, queue) {
            member.paused_by_all = true;
        }
    }

    /// Sets what a membership is, making it first where there is none.
    pub(super) fn set_member(&mut self, now: Now, agent: AgentId, queue: QueueId, state: MemberState, actor: Actor) {
        let at = self.at(now);
        let (assigned, tier, order) = self.assignment(agent, queue);
        let (joined, settled) = (self.next_joined, self.device_in(agent, queue));
        let Some(it) = self.agents.get_mut(&agent) else { return };
        let Some(line) = self.queues.get_mut(&queue) else { return };
        let mut old = None;
        let member = match it.members.entry(queue) {
            std::collections::btree_map::Entry::Occupied(entry) => {
                let member = entry.into_mut();
                old = Some(member.state.clone());
                member
            }
            std::collections::btree_map::Entry::Vacant(entry) => {
                self.next_joined += 1;
                line.members.insert(agent);
                let member = entry.insert(Member::new(assigned, state.clone(), joined, order));
                (member.tier, member.settled) = (tier, settled);
                member.held_back = Factor::ALL.iter().collect();
                member.counted_tier = tier;
                line.count(member.held_back, tier, 1);
                member
            }
        };
        member.state = state.clone();
        member.paused_by_all = false;
        member.leaving = false;
        let temporary = !member.assigned;
        if old.as_ref() != Some(&state) {
            let device = member.device().clone();
            let event = MemberEvent { agent, queue, actor, old, new: Some(state), temporary, device, at };
            self.outputs.push_back(Output::Member(event));
        }
        self.unsaved.members.insert((agent, queue));
        self.refresh(agent);
    }

    pub(super) fn remove_member(&mut self, now: Now, agent: AgentId, queue: QueueId, actor: Actor) {
        let at = self.at(now);
        let Some(it) = self.agents.get_mut(&agent) else { return };
        let Some(mut member) = it.members.remove(&queue) else { return };
        if let Some(line) = self.queues.get_mut(&queue) {
            line.members.remove(&agent);
            line.count(member.held_back, member.counted_tier, -1);
            line.staffed -= member.share;
            list(it, &mut member, line, None);
            self.turn.queues.insert(queue);
            self.turn.others.insert(queue);
            if !line.rules.rings.is_empty() {
                self.turn.unmanned.insert(queue);
            }
        }
        let (old, temporary, device) = (Some(member.state.clone()), !member.assigned, member.device().clone());
        let event = MemberEvent { agent, queue, actor, old, new: None, temporary, device, at };
        self.outputs.push_back(Output::Member(event));
        self.unsaved.members.insert((agent, queue));
    }

    /// Whether the settings assign the agent to the queue, in which tier and at which place.
    pub(super) fn assignment(&self, agent: AgentId, queue: QueueId) -> (bool, u16, u64) {
        let temporary = (false, 0, temporary_order(self.next_joined));
        let (Some(it), Some(queue)) = (self.agents.get(&agent), self.queues.get(&queue)) else { return temporary };
        let mut members = queue.rules.members.iter().zip(0..);
        let found = members.find(|(member, _)| member.agent == it.settings.key);
        found.map_or(temporary, |(member, order)| (true, member.tier, order))
    }

    fn check_logged_in(&self, agent: AgentId, queue: QueueId) -> Result<(), Refused> {
        match self.agent(agent)?.members.get(&queue) {
            None => Err(self.no_member(agent, queue)),
            Some(member) if member.state == MemberState::LoggedOut => {
                let (agent, queue) = (self.agent_name(agent), self.queue_name(queue));
                Err(Refused::not_now("logged_out", format!("{agent} is not logged in to {queue}")))
            }
            Some(_) => Ok(()),
        }
    }

    pub(super) fn no_member(&self, agent: AgentId, queue: QueueId) -> Refused {
        Refused::unknown("no_member", self.not_of(agent, queue))
    }

    pub(super) fn not_of(&self, agent: AgentId, queue: QueueId) -> String {
        format!("{} does not belong to {}", self.agent_name(agent), self.queue_name(queue))
    }

    pub(super) fn start_of(&self, agent: AgentId, queue: QueueId) -> MemberStart {
        let (Some(it), Some(queue)) = (self.agents.get(&agent), self.queues.get(&queue)) else {
            return MemberStart::LoggedOut;
        };
        let member = queue.rules.members.iter().find(|member| member.agent == it.settings.key);
        member.map_or(MemberStart::LoggedOut, |member| member.start)
    }
}

/// Behind all whom the settings assign, in the order in which they joined.
pub(super) fn temporary_order(joined: u64) -> u64 {
    u64::from(u32::MAX) + joined
}
