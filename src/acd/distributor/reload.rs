//! New settings: what is gone ends gently, what is new appears, no call notices (rule 35).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    super::{
        Actor, Calendar, Entry, Factor, MemberStart, MemberState, OfferEnd, Pending, Policies, QueueSettings, Reason,
        ReasonSettings, Rule, Selection, Settings, Strategy, WithdrawCause,
    },
    Acd, Agent, Queue, Timer,
};
use crate::base::{AgentId, Now, QueueId};

/// Offers and engagements a switch makes in a millisecond at most, so that ids begun at the wall clock never meet.
const IDS_PER_MILLISECOND: u64 = 256;

impl Acd {
    /// Takes over new settings, which [`Settings::check`] found good.
    pub fn settings(&mut self, now: Now, settings: Settings) {
        let starts = self.anchor.is_none();
        if starts {
            self.anchor = Some(now);
            let wall = u64::try_from(now.wall.0).unwrap_or(0);
            self.next_id = self.next_id.max(wall.saturating_mul(IDS_PER_MILLISECOND));
        }
        let Settings { agents, mut queues, reasons, dispositions, tags, calendars, policies } = settings;
        queues.values_mut().for_each(QueueSettings::begin_rings);
        (self.dispositions, self.tags) = (dispositions, tags);
        let unheeded = self.unheeded();
        self.take_policies(policies);
        self.reasons = reasons.into_iter().map(|reason| (reason.key.clone(), reason)).collect();
        self.take_agents(now, agents);
        self.take_queues(now, queues);
        self.take_calendars(now, calendars);
        self.take_memberships(now);
        if starts {
            // No news: written now, it would be the last word on who was paused when the journal is read.
            self.unsaved.members.clear();
        }
        self.forget_reasons(now);
        self.heed_devices(now, unheeded);
        self.on_midnight(now);
        let queues: BTreeSet<_> = self.queues.keys().copied().collect();
        for queue in queues {
            self.on_queue_midnight(now, queue);
        }
        self.watch_occupancy(now);
        let everybody: BTreeSet<_> = self.agents.keys().copied().collect();
        for agent in everybody {
            self.watch_length(now, agent);
        }
        self.relist_all();
        self.reorder();
        let waiting: BTreeSet<_> = self.waiting.keys().copied().collect();
        for interaction in waiting {
            self.widen(now, interaction);
            self.begin_telling(now, interaction);
        }
        self.turn.queues.extend(self.queues.keys().copied());
        if let Some((entries, alive)) = self.limbo.take() {
            self.restore(now, entries, &alive);
        }
        self.settle(now);
    }

    fn take_policies(&mut self, policies: Policies) {
        self.policies = Arc::new(policies);
    }

    fn take_agents(&mut self, now: Now, settings: BTreeMap<AgentId, super::super::AgentSettings>) {
        let at = self.at(now);
        let known: BTreeSet<_> = self.agents.keys().copied().collect();
        for gone in known.into_iter().filter(|agent| !settings.contains_key(agent)) {
            self.hit(Rule::Reload);
            if let Some(agent) = self.agents.get_mut(&gone) {
                agent.removed = true;
            }
            self.withdraw_offers_of(now, gone, None, WithdrawCause::Withdrawn, Actor::System);
            self.turn.check.insert(gone);
        }
        for (id, settings) in settings {
            match self.agents.get_mut(&id) {
                Some(agent) => {
                    agent.settings = settings;
                    agent.removed = false;
                }
                None => {
                    self.agents.insert(id, Agent::new(id, settings, at));
                }
            }
            self.watch_presence(now, id);
        }
    }

    fn take_queues(&mut self, now: Now, settings: BTreeMap<QueueId, QueueSettings>) {
        let known: BTreeSet<_> = self.queues.keys().copied().collect();
        for gone in known.into_iter().filter(|queue| !settings.contains_key(queue)) {
            if !self.draining.insert(gone) {
                continue;
            }
            self.hit(Rule::Reload);
            if let Some(queue) = self.queues.get_mut(&gone) {
                queue.drain();
            }
            let entry = self.drains_entry(gone);
            self.entries.extend(entry);
            self.unsaved.queues.insert(gone);
        }
        for (id, settings) in settings {
            match self.queues.get_mut(&id) {
                Some(queue) => {
                    queue.removed = false;
                    if self.draining.remove(&id) {
                        self.entries.push_back(Entry::Drained { queue: id });
                    }
                    let asks_otherwise = queue.rules.decision != settings.decision;
                    let widens_otherwise = (&queue.rules.rings, queue.rules.no_agent_no_wait)
                        != (&settings.rings, settings.no_agent_no_wait);
                    queue.take_rules(settings);
                    if widens_otherwise {
                        self.close_rings(id);
                    }
                    if asks_otherwise {
                        self.forget_decisions(now, id);
                    }
                    self.ring_no_longer_together(now, id);
                }
                None => {
                    self.queues.insert(id, Queue::new(id, settings));
                }
            }
        }
    }

    /// Queues that the settings don't know any more are forgotten once nobody waits there, talks or wraps up what he had
    /// from there: until then they have their members (rule 35). True: one was.
    pub(super) fn forget_drained(&mut self, now: Now) -> bool {
        // Whatever ends in a queue is counted there, and so is to be saved.
        let touched = self.draining.iter().filter(|queue| self.unsaved.queues.contains(queue));
        let is_empty = |queue: &&QueueId| self.queues.get(*queue).is_none_or(|queue| queue.line.is_empty());
        let is_done = |queue: &&QueueId| self.engagements.values().all(|it| it.queue != Some(**queue));
        let empty: Vec<_> = touched.filter(is_empty).filter(is_done).copied().collect();
        for gone in &empty {
            let members = self.queues.get(gone).map(|queue| queue.members.clone()).unwrap_or_default();
            for agent in members {
                self.remove_member(now, agent, *gone, Actor::System);
            }
            for timer in [Timer::Empty(*gone), Timer::Door(*gone), Timer::Unfit(*gone), Timer::QueueMidnight(*gone)] {
                self.timers.cancel(timer);
            }
            self.queues.remove(gone);
            self.draining.remove(gone);
            self.entries.push_back(Entry::Drained { queue: *gone });
        }
        !empty.is_empty()
    }

    /// A queue that drained when the process ended drains on, unless the settings know it again.
    pub(super) fn drain_on(&mut self, now: Now, id: QueueId, rules: QueueSettings) {
        if self.queues.contains_key(&id) {
            return;
        }
        let mut queue = Queue::new(id, rules);
        queue.drain();
        // That was told when it went.
        queue.open = false;
        self.queues.insert(id, queue);
        self.draining.insert(id);
        self.unsaved.queues.insert(id);
        self.on_queue_midnight(now, id);
        self.watch_occupancy(now);
        self.assign_members(now, id, &self.agents_by_key());
    }

    /// The queues that the settings know no more and in which people are still, as they were.
    pub fn draining(&self) -> impl Iterator<Item = (QueueId, &QueueSettings)> {
        self.draining.iter().filter_map(|queue| Some((*queue, &*self.queues.get(queue)?.rules)))
    }

    /// Where one after the other is asked now, of those who ring together the first goes on.
    fn ring_no_longer_together(&mut self, now: Now, id: QueueId) {
        let Some(queue) = self.queues.get(&id) else { return };
        if matches!(queue.rules.strategy, Strategy::RingAll | Strategy::RingProgressive) {
            return;
        }
        let line = queue.line.iter().filter_map(|key| self.waiting.get(&key.interaction));
        let rest: Vec<_> = line.flat_map(|it| it.offers.iter().skip(1).copied()).collect();
        for offer in rest {
            let Some(agent) = self.offers.get(&offer).map(|ringing| ringing.agent) else { continue };
            let cause = WithdrawCause::Withdrawn;
            self.end_offer(now, offer, OfferEnd::of(cause), Some(cause), Actor::System);
            self.after(now, agent, None, Actor::System);
        }
    }

    fn take_calendars(&mut self, now: Now, calendars: Vec<super::super::CalendarSettings>) {
        let stay = self.queues.values().filter(|queue| !queue.removed);
        self.queue_keys = stay.map(|queue| (queue.rules.key.as_str().into(), queue.id)).collect();
        let zone = &self.policies.time_zone;
        for queue in self.queues.values_mut() {
            let hours = queue.rules.hours.as_ref();
            let found = hours.and_then(|key| calendars.iter().find(|calendar| calendar.key == *key));
            queue.calendar = found.map(|settings| Calendar::new(settings.clone(), zone));
        }
        let queues: BTreeSet<_> = self.queues.keys().copied().collect();
        for queue in queues {
            self.watch_door(now, queue, Actor::System);
        }
    }

    /// Assigned memberships appear, move and end as the settings say; temporary ones stay.
    fn take_memberships(&mut self, now: Now) {
        let (queues, by_key) = (self.queues.keys().copied().collect::<BTreeSet<_>>(), self.agents_by_key());
        for queue in queues {
            let before = self.queues.get(&queue).map(|line| line.members.clone()).unwrap_or_default();
            let assigned = self.assign_members(now, queue, &by_key);
            for agent in before.difference(&assigned).copied() {
                self.end_assignment(now, agent, queue);
            }
        }
    }

    /// A queue that drains may name some who are gone.
    fn agents_by_key(&self) -> BTreeMap<String, AgentId> {
        let stay = self.agents.values().filter(|agent| !agent.removed);
        stay.map(|agent| (agent.settings.key.clone(), agent.id)).collect()
    }

    /// Those whom a queue's rules name belong to it. Tells who they are.
    fn assign_members(&mut self, now: Now, queue: QueueId, by_key: &BTreeMap<String, AgentId>) -> BTreeSet<AgentId> {
        let mut assigned = BTreeSet::new();
        let Some(line) = self.queues.get(&queue) else { return assigned };
        let (rules, before) = (Arc::clone(&line.rules), line.members.clone());
        for (member, order) in rules.members.iter().zip(0..) {
            let Some(agent) = by_key.get(&member.agent).copied() else { continue };
            assigned.insert(agent);
            if before.contains(&agent) {
                if let Some(it) = self.member_mut(agent, queue) {
                    // Taken away and given back before his call was over: he never left.
                    it.leaving &= it.assigned;
                    (it.assigned, it.tier, it.order) = (true, member.tier, order);
                    it.settled = member.device.clone();
                }
                continue;
            }
            let state = match member.start {
                MemberStart::Active => MemberState::Active,
                MemberStart::LoggedOut => MemberState::LoggedOut,
            };
            self.set_member(now, agent, queue, state, Actor::System);
        }
        assigned
    }

    fn end_assignment(&mut self, now: Now, agent: AgentId, queue: QueueId) {
        let Some(member) = self.member_mut(agent, queue) else { return };
        if !member.assigned {
            return;
        }
        member.assigned = false;
        member.leaving = true;
        self.hit(Rule::Reload);
        self.withdraw_offers_of(now, agent, Some(queue), WithdrawCause::Withdrawn, Actor::System);
        self.unsaved.members.insert((agent, queue));
        self.leave_if_leaving(now, agent, queue);
    }

    /// Reasons that are in use and no longer exist are shown as removed.
    fn forget_reasons(&mut self, now: Now) {
        let everybody: BTreeSet<_> = self.agents.keys().copied().collect();
        for id in everybody {
            let reasons = &self.reasons;
            let Some(agent) = self.agents.get_mut(&id) else { continue };
            let mut touched = false;
            for channel in &mut agent.channels {
                let selection = with_known_reason(channel.selection.clone(), reasons);
                touched |= selection != channel.selection;
                channel.selection = selection;
                if let Some(Pending::NotReady { reason: Some(reason) }) = &mut channel.pending {
                    *reason = known(reason.clone(), reasons);
                }
            }
            for (queue, member) in &mut agent.members {
                if let MemberState::Paused { reason: Some(reason) } = &mut member.state {
                    *reason = known(reason.clone(), reasons);
                    self.unsaved.members.insert((id, *queue));
                }
            }
            if touched {
                self.change(now, id, Actor::System, Rule::Reload, |_| {});
            }
        }
    }

    /// Builds all lists anew: after changes that touch everybody.
    pub(super) fn relist_all(&mut self) {
        for queue in self.queues.values_mut() {
            queue.count_nobody();
            queue.staffed = 0;
            for pool in queue.pools.values_mut() {
                pool.routable.clear();
            }
        }
        let everybody: BTreeSet<_> = self.agents.keys().copied().collect();
        for id in everybody {
            let Some(agent) = self.agents.get_mut(&id) else { continue };
            for (queue, member) in &mut agent.members {
                member.listed = None;
                member.held_back = Factor::ALL.iter().collect();
                if let Some(queue) = self.queues.get_mut(queue) {
                    member.counted_tier = member.tier;
                    member.share = 0;
                    queue.count(member.held_back, member.tier, 1);
                }
            }
            self.refresh(id);
        }
    }

    /// An agent whom the settings no longer know, once nothing goes on with him.
    pub(super) fn forget_agent(&mut self, now: Now, id: AgentId) {
        let Some(agent) = self.agents.get(&id) else { return };
        let queues: Vec<_> = agent.members.keys().copied().collect();
        for queue in queues {
            self.remove_member(now, id, queue, Actor::System);
        }
        if self.agents.get(&id).is_some_and(|agent| agent.online) {
            self.go_offline(now, id, None, Rule::Reload, Actor::System);
        }
        for timer in [Timer::Grace(id), Timer::TooLong(id), Timer::Inactive(id)] {
            self.timers.cancel(timer);
        }
        self.lift_bans(id);
        self.agents.remove(&id);
    }
}

/// The reason, or the word for one that is no longer there.
pub(super) fn known(reason: Reason, reasons: &BTreeMap<Reason, ReasonSettings>) -> Reason {
    if reason.as_str().starts_with("system:") || reasons.contains_key(&reason) { reason } else { Reason::removed() }
}

pub(super) fn with_known_reason(selection: Selection, reasons: &BTreeMap<Reason, ReasonSettings>) -> Selection {
    match selection {
        Selection::NotReady { reason: Some(reason) } => Selection::NotReady { reason: Some(known(reason, reasons)) },
        Selection::NotReady { reason: None } => Selection::NotReady { reason: None },
        Selection::Ready => Selection::Ready,
    }
}
