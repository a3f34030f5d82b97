//! What must always be so (I1 to I6), checked cheaply on what each turn touched and fully when asked; and the mending.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    super::{Factor, Notice, Output, Rule, Strategy},
    Acd, Timer, Violation,
    engagements::Phase,
    queue::{Queue, WaitPhase},
};
use crate::base::{AgentId, Now};

impl Acd {
    /// Looks at everything. Empty unless we got something wrong.
    pub fn check_invariants(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        let agents: BTreeSet<_> = self.agents.keys().copied().collect();
        for agent in agents {
            self.check_agent(agent, &mut found);
            self.check_lists(agent, &mut found);
        }
        self.check_references(&mut found);
        let queues: BTreeSet<_> = self.queues.keys().copied().collect();
        for queue in queues.iter().filter_map(|queue| self.queues.get(queue)) {
            self.check_queue(queue, &mut found);
        }
        found
    }

    /// After each turn: the agents that it touched. A violation is mended, counted and told; in tests it is a bug.
    pub(super) fn check_touched(&mut self, now: Now) {
        let mut found = Vec::new();
        for agent in std::mem::take(&mut self.turn.check) {
            self.check_agent(agent, &mut found);
            if self.agents.get(&agent).is_some_and(|agent| agent.removed && agent.idle()) {
                self.forget_agent(now, agent);
            }
        }
        if !found.is_empty() {
            debug_assert!(found.is_empty(), "{found:?}");
            self.mend(now, &found);
        }
    }

    /// I1 and I2 of one agent.
    fn check_agent(&self, id: AgentId, found: &mut Vec<Violation>) {
        let Some(agent) = self.agents.get(&id) else { return };
        let mut wrong = |invariant, what: String| found.push(Violation { invariant, what });
        for channel in &agent.channels {
            for engagement in channel.live.iter().chain(&channel.dialing) {
                match self.engagements.get(engagement) {
                    Some(it) if it.agent == id && !matches!(it.phase, Phase::WrapUp { .. }) => {}
                    Some(_) | None => wrong("I1", format!("{id} is busy with {engagement}, which does not live")),
                }
            }
            for engagement in &channel.wrapping {
                match self.engagements.get(engagement).map(|it| (it.agent == id, it.phase)) {
                    Some((true, Phase::WrapUp { until, .. }))
                        if until.is_none() || self.timers.deadline(&Timer::WrapUp(*engagement)) == until => {}
                    Some(_) | None => wrong("I1", format!("{id} wraps up {engagement} without end")),
                }
            }
            for offer in &channel.offers {
                let timed = self.timers.deadline(&Timer::Ring(*offer)).is_some();
                match self.offers.get(offer) {
                    Some(it) if it.agent == id && timed => {}
                    Some(_) | None => wrong("I2", format!("{id} is offered {offer}, which does not live")),
                }
            }
        }
    }

    /// The lists of the queues say of an agent what his layers say.
    fn check_lists(&self, id: AgentId, found: &mut Vec<Violation>) {
        let Some(agent) = self.agents.get(&id) else { return };
        for (queue_id, member) in &agent.members {
            let Some(queue) = self.queues.get(queue_id) else { continue };
            let channel = queue.rules.channel;
            let held_back = member.held_back(channel, agent.held_back(channel, &self.policies), &agent.pinned);
            let listed = member.listed.is_some();
            if held_back != member.held_back || held_back.is_empty() != listed {
                let what = format!("{id} is out of step in {queue_id}: {held_back:?} {member:?}");
                found.push(Violation { invariant: "I4", what });
            }
            for pool in queue.pools.values() {
                let meets = listed && pool.need.admits(agent, member.tier);
                if meets != pool.routable.iter().any(|key| key.agent == id) {
                    let what = format!("{id} is missed in {queue_id} by {:?}", pool.need);
                    found.push(Violation { invariant: "I4", what });
                }
            }
        }
    }

    /// Offers and engagements are held from both sides.
    fn check_references(&self, found: &mut Vec<Violation>) {
        let mut wrong = |invariant, what: String| found.push(Violation { invariant, what });
        let offers: BTreeSet<_> = self.offers.keys().copied().collect();
        for it in offers.iter().filter_map(|id| self.offers.get(id)) {
            let (offer, agent, interaction) = (it.offer, it.agent, it.interaction);
            if !self.agents.get(&agent).is_some_and(|agent| agent.on(it.channel).offers.contains(&offer)) {
                wrong("I2", format!("{offer} rings at {agent}, who does not know"));
            }
            if !self.waiting.get(&interaction).is_some_and(|it| it.offers.contains(&offer)) {
                wrong("I3", format!("{offer} offers {interaction}, which is not there"));
            }
        }
        let engagements: BTreeSet<_> = self.engagements.keys().copied().collect();
        for it in engagements.iter().filter_map(|id| self.engagements.get(id)) {
            let state = self.agents.get(&it.agent).map(|agent| agent.on(it.channel));
            let held = state.is_some_and(|state| match it.phase {
                Phase::Connecting | Phase::Live => state.live.contains(&it.id) || state.dialing.contains(&it.id),
                Phase::WrapUp { .. } => state.wrapping.contains(&it.id),
            });
            if !held {
                wrong("I1", format!("{} lives without {}", it.id, it.agent));
            }
        }
    }

    /// I3 to I6 of one queue.
    fn check_queue(&self, queue: &Queue, found: &mut Vec<Violation>) {
        let id = queue.id;
        let mut wrong = |invariant, what: String| found.push(Violation { invariant, what });
        for key in &queue.line {
            let Some(it) = self.waiting.get(&key.interaction).filter(|it| it.queue == id && it.key() == *key) else {
                wrong("I5", format!("{} stands in {id} and does not wait", key.interaction));
                continue;
            };
            let many = matches!(queue.rules.strategy, Strategy::RingAll | Strategy::RingProgressive);
            let connecting = matches!(it.phase, WaitPhase::Connecting(_));
            if it.offers.len() > 1 && !many || connecting && !it.offers.is_empty() {
                wrong("I3", format!("{} is offered {} times", it.interaction, it.offers.len()));
            }
            if let WaitPhase::Connecting(engagement) = it.phase
                && !self.engagements.contains_key(&engagement)
            {
                wrong("I3", format!("{} waits for {engagement}, which is over", it.interaction));
            }
            let wanted = queue.pools.get(&it.pool).is_some_and(|pool| pool.wanting.contains(key));
            let asked = it.deciding.is_asked();
            if asked != queue.asking.contains(&it.interaction)
                || asked && self.timers.deadline(&Timer::Undecided(it.interaction)).is_none()
            {
                wrong("I4", format!("{} is asked about for ever", it.interaction));
            }
            let alone = it.offers.is_empty() && it.phase == WaitPhase::Open && !asked;
            if wanted != it.wanting || alone && !wanted {
                wrong("I4", format!("{} is forgotten in {id}", it.interaction));
            }
        }
        let heads = queue.pools.iter().filter_map(|(pool, it)| Some((*it.wanting.first()?, *pool)));
        if heads.collect::<BTreeSet<_>>() != queue.heads {
            wrong("I4", format!("the heads of {id} are not those of its pools"));
        }
        for (id, pool) in &queue.pools {
            let may_ask = self.may_ask(queue, *id);
            let pair = pool.wanting.iter().find_map(|key| {
                let takes =
                    |agent: &&super::queue::AgentKey| self.takes(key.interaction, agent.agent, agent.tier, may_ask);
                pool.routable.iter().find(takes).map(|agent| (key.interaction, agent.agent))
            });
            if let Some((interaction, agent)) = pair {
                wrong("I4", format!("{interaction} waits in {id} though {agent} is free"));
            }
        }
        let counted: u32 = queue.standings.iter().map(|(_, count)| *count).sum();
        if counted as usize != queue.members.len() || queue.standings.iter().any(|(_, count)| *count == 0) {
            wrong("I4", format!("{id} counts {counted} of {} members", queue.members.len()));
        }
        let inside = queue.standings.iter().filter(|((set, _), _)| !set.has(Factor::LoggedOut));
        let inside = inside.fold(BTreeMap::new(), |mut all, ((_, tier), count)| {
            *all.entry(*tier).or_default() += count;
            all
        });
        if inside != queue.logged_in {
            wrong("I4", format!("{id} has {inside:?} logged in, and counts {:?}", queue.logged_in));
        }
        let staffed: u64 =
            queue.members.iter().filter_map(|agent| self.agents.get(agent)?.members.get(&id)).map(|it| it.share).sum();
        if staffed != queue.staffed {
            wrong("I4", format!("{id} has {} of its staff, and counts {}", staffed, queue.staffed));
        }
        let presented = queue.today.entered;
        if presented as usize != queue.line.len() + queue.today.ended() as usize {
            wrong("I6", format!("{id}: {presented} entered, {} wait, {} ended", queue.line.len(), queue.today.ended()));
        }
    }

    /// Mends what `check_invariants` finds; tells how much it was (rule 40).
    pub fn repair(&mut self, now: Now) -> usize {
        let found = self.check_invariants();
        if !found.is_empty() {
            self.mend(now, &found);
            self.settle(now);
        }
        found.len()
    }

    /// Back to what can be derived: whatever is held from one side only goes, and all lists are built anew.
    fn mend(&mut self, now: Now, found: &[Violation]) {
        for violation in found {
            self.repairs += 1;
            self.hit(Rule::Repair);
            let what = format!("{}: {}", violation.invariant, violation.what);
            self.outputs.push_back(Output::Notice(Notice::Repaired { what }));
        }
        self.drop_dangling();
        self.unsaved.queues.extend(self.draining.iter().copied());
        for queue in self.queues.values_mut() {
            let waiting = &self.waiting;
            queue.line.retain(|key| waiting.get(&key.interaction).is_some_and(|it| it.key() == *key));
            queue.arrivals = queue.line.iter().map(|key| (key.arrived, key.interaction)).collect();
            queue.asking.retain(|id| waiting.get(id).is_some_and(|it| it.deciding.is_asked()));
            queue.heads.clear();
            for pool in queue.pools.values_mut() {
                pool.wanting.clear();
            }
            let line = u32::try_from(queue.line.len()).unwrap_or(u32::MAX);
            queue.today.entered = line + queue.today.ended();
        }
        self.relist_all();
        let agents: BTreeSet<_> = self.agents.keys().copied().collect();
        for agent in agents.iter().copied() {
            self.change(now, agent, super::Actor::System, Rule::Repair, |_| {});
        }
        let waiting: BTreeSet<_> = self.waiting.keys().copied().collect();
        for interaction in waiting {
            if let Some(it) = self.waiting.get_mut(&interaction)
                && let WaitPhase::Connecting(engagement) = it.phase
                && !self.engagements.contains_key(&engagement)
            {
                it.phase = WaitPhase::Open;
            }
            self.forget_question(now, interaction);
            self.widen(now, interaction);
            self.back_in_place(now, interaction);
        }
        // What was to come after an offer or an engagement that is gone comes now.
        for agent in agents {
            self.leave_where_leaving(now, agent);
            self.after(now, agent, None, super::Actor::System);
        }
    }

    fn drop_dangling(&mut self) {
        let (agents, waiting) = (&self.agents, &self.waiting);
        self.offers.retain(|offer, it| {
            agents.get(&it.agent).is_some_and(|agent| agent.on(it.channel).offers.contains(offer))
                && waiting.get(&it.interaction).is_some_and(|it| it.offers.contains(offer))
        });
        self.engagements.retain(|id, it| {
            let state = agents.get(&it.agent).map(|agent| agent.on(it.channel));
            state.is_some_and(|state| {
                state.live.contains(id) || state.dialing.contains(id) || state.wrapping.contains(id)
            })
        });
        let (offers, engagements, timers) = (&self.offers, &self.engagements, &self.timers);
        for agent in self.agents.values_mut() {
            let id = agent.id;
            for state in &mut agent.channels {
                let lives = |held: &mut crate::base::EngagementId, wrapping: bool| {
                    let it = engagements.get(held).filter(|it| it.agent == id);
                    it.is_some_and(|it| match it.phase {
                        Phase::Connecting | Phase::Live => !wrapping,
                        Phase::WrapUp { until, .. } => {
                            wrapping && (until.is_none() || timers.deadline(&Timer::WrapUp(*held)).is_some())
                        }
                    })
                };
                state.live.retain(|held| lives(held, false));
                state.dialing.retain(|held| lives(held, false));
                state.wrapping.retain(|held| lives(held, true));
                state.offers.retain(|held| offers.contains_key(held));
            }
        }
        for it in self.waiting.values_mut() {
            it.offers.retain(|held| offers.contains_key(held));
        }
    }
}

#[cfg(test)]
impl Acd {
    /// Tears engagements and offers away from under their agents, as no event does.
    pub fn break_for_test(&mut self) {
        self.engagements.clear();
        self.offers.clear();
    }
}
