//! The lists from which pairs are found, kept in step with the agents: what an agent counts for, and who may be asked.

use super::{
    super::{Channel, Factor, QueueSettings, Strategy},
    Acd,
    agent::{Agent, Member},
    estimate::{WHOLE_AGENT, is_staff},
    matching::Asked,
    queue::{AgentKey, Need, PLAIN, Pool, PoolId, Queue},
};
use crate::base::{AgentId, FastMap, Now, QueueId};

/// Kinds of need that a queue remembers while nobody has them: the next call of the kind then finds its agents
/// without a search. Each costs a little at every change of an agent.
const POOLS_KEPT_MAX: usize = 24;

impl Acd {
    /// Brings the queues' lists into step with the agents that this turn has changed: where they count, and where they
    /// may be asked. An agent who comes alone, while no interaction has just begun to want one, is served first and
    /// stands in lists only if nobody wants him.
    pub(super) fn refresh_stale(&mut self, now: Now) {
        let stale = std::mem::take(&mut self.turn.stale);
        let mut rest = stale.iter().copied();
        match (rest.next(), rest.next()) {
            (Some(agent), None) if !self.turn.has_seekers() && !self.is_asked_about(agent) => {
                let free = self.recount(agent);
                if free && self.turn.unmanned.is_empty() {
                    self.serve(now, agent);
                } else if free {
                    self.turn.agents.insert(agent);
                    self.list_everywhere(agent);
                }
            }
            _ => stale.into_iter().for_each(|agent| self.refresh(agent)),
        }
    }

    /// The same for one agent, wholly. Costs O(log n) for each of his queues.
    pub(super) fn refresh(&mut self, agent: AgentId) {
        self.turn.stale.remove(&agent);
        if !self.recount(agent) {
            return;
        }
        self.turn.agents.insert(agent);
        self.list_everywhere(agent);
    }

    /// Before a queue is judged by its members in the middle of a turn.
    pub(super) fn recount_stale(&mut self) {
        for agent in self.turn.stale.clone() {
            self.recount(agent);
        }
    }

    /// Counts the agent where he belongs and takes him from the lists where he can't be asked any more. Whether there
    /// are queues in which he can.
    fn recount(&mut self, agent: AgentId) -> bool {
        let Some(it) = self.agents.get_mut(&agent) else { return false };
        let mut may_be_asked = false;
        let mut members = std::mem::take(&mut it.members);
        let by_channel = Channel::ALL.map(|channel| it.held_back(channel, &self.policies));
        let held_back_in = |queue: &Queue, member: &Member| {
            let channel = queue.rules.channel;
            member.held_back(channel, by_channel.get(channel.index()).copied().unwrap_or_default(), &it.pinned)
        };
        let staff = |(id, member): (&QueueId, &Member)| {
            self.queues.get(id).is_some_and(|queue| is_staff(held_back_in(queue, member)))
        };
        let places = members.iter().filter(|(id, member)| staff((id, member))).count() as u64;
        let part = WHOLE_AGENT.checked_div(places).unwrap_or(0);
        for (id, member) in &mut members {
            self.looks.at_one();
            let Some(queue) = self.queues.get_mut(id) else { continue };
            let held_back = held_back_in(queue, member);
            let share = if is_staff(held_back) { part } else { 0 };
            queue.staffed = queue.staffed - member.share + share;
            member.share = share;
            if held_back != member.held_back || member.tier != member.counted_tier {
                let lowest = queue.logged_in.keys().next().copied();
                queue.count(member.held_back, member.counted_tier, -1);
                queue.count(held_back, member.tier, 1);
                let came_or_went = held_back.has(Factor::LoggedOut) != member.held_back.has(Factor::LoggedOut);
                if (came_or_went || member.tier != member.counted_tier) && !queue.line.is_empty() {
                    self.turn.others.insert(*id);
                }
                if !queue.rules.rings.is_empty() && queue.logged_in.keys().next().copied() > lowest {
                    self.turn.unmanned.insert(*id);
                }
                (member.held_back, member.counted_tier) = (held_back, member.tier);
                if !queue.leave_when.is_empty() {
                    self.turn.queues.insert(*id);
                }
            }
            may_be_asked |= held_back.is_empty();
            if member.listed.is_some() && !held_back.is_empty() {
                list(it, member, queue, None);
            }
        }
        it.members = members;
        may_be_asked
    }

    fn list_everywhere(&mut self, agent: AgentId) {
        let Some(it) = self.agents.get_mut(&agent) else { return };
        let mut members = std::mem::take(&mut it.members);
        for (id, member) in members.iter_mut().filter(|(_, member)| member.held_back.is_empty()) {
            self.looks.at_one();
            if let Some(queue) = self.queues.get_mut(id) {
                bring_up_to_date(it, member, queue);
                if queue.rules.decision.is_some() {
                    self.turn.asking.insert(queue.id);
                }
            }
        }
        it.members = members;
    }

    /// Somebody elsewhere has a say in some of his queues: with one agent more they may be asked about one more, whoever
    /// gets him.
    fn is_asked_about(&self, agent: AgentId) -> bool {
        let queues = self.agents.get(&agent).into_iter().flat_map(|agent| agent.members.keys());
        queues.filter_map(|id| self.queues.get(id)).any(|queue| queue.rules.decision.is_some())
    }

    /// An agent who has just become free, and nobody else: what he is asked is found by the heads of his queues' lines
    /// alone. Only the queue that asks him lists him meanwhile.
    fn serve(&mut self, now: Now, agent: AgentId) {
        let at = self.at(now);
        while let Some((_, id)) = self.best_for(agent, at) {
            let queue = self.waiting.get(&id).map(|it| it.queue);
            if let Some(it) = self.agents.get_mut(&agent)
                && let Some((id, mut member)) = queue.and_then(|queue| it.members.remove_entry(&queue))
            {
                if let Some(queue) = self.queues.get_mut(&id) {
                    bring_up_to_date(it, &mut member, queue);
                }
                it.members.insert(id, member);
            }
            if self.ask(now, id) == Asked::Nobody {
                break;
            }
        }
        self.list_everywhere(agent);
    }

    /// The pool for a need; made, with everybody who meets it, where it is new.
    pub(super) fn pool_for(&mut self, queue: QueueId, need: Need) -> PoolId {
        let Some(line) = self.queues.get_mut(&queue) else { return PLAIN };
        if let Some((id, pool)) = line.pools.iter_mut().find(|(_, pool)| pool.need == need) {
            pool.users += 1;
            return *id;
        }
        let mut pool = Pool { need, users: 1, ..Default::default() };
        let listed = match pool.need.only {
            Some(only) => only_member(&self.agents, only, queue).into_iter().collect(),
            None => line.pools.get(&PLAIN).map(|plain| plain.routable.clone()).unwrap_or_default(),
        };
        for key in listed {
            if let Some(it) = self.agents.get(&key.agent)
                && pool.need.admits(it, key.tier)
            {
                pool.routable.insert(pool_key(key, it, &pool.need, &line.rules));
            }
        }
        let id = line.next_pool;
        line.next_pool = line.next_pool.wrapping_add(1).max(1);
        line.pools.insert(id, pool);
        id
    }

    pub(super) fn leave_pool(&mut self, queue: QueueId, id: PoolId) {
        let Some(line) = self.queues.get_mut(&queue) else { return };
        let Some(pool) = line.pools.get_mut(&id) else { return };
        pool.users = pool.users.saturating_sub(1);
        let forget = pool.users == 0 && (pool.need.only.is_some() || line.pools.len() > POOLS_KEPT_MAX);
        if forget && id != PLAIN {
            line.pools.remove(&id);
        }
    }
}

fn only_member(agents: &FastMap<AgentId, Agent>, agent: AgentId, queue: QueueId) -> Option<AgentKey> {
    agents.get(&agent)?.members.get(&queue)?.listed
}

/// Lists a member whom nothing holds back under what the strategy now compares.
fn bring_up_to_date(agent: &Agent, member: &mut Member, queue: &mut Queue) {
    let key = Some(agent_key(agent, member, queue));
    if key != member.listed {
        list(agent, member, queue, key);
    }
}

pub(super) fn list(agent: &Agent, member: &mut Member, queue: &mut Queue, key: Option<AgentKey>) {
    for pool in queue.pools.values_mut() {
        let admits = |key: &AgentKey| pool.need.admits(agent, key.tier);
        let (old, new) = (member.listed.filter(admits), key.filter(admits));
        if let Some(old) = old {
            pool.routable.remove(&pool_key(old, agent, &pool.need, &queue.rules));
        }
        if let Some(new) = new {
            pool.routable.insert(pool_key(new, agent, &pool.need, &queue.rules));
        }
    }
    member.listed = key;
}

/// What the strategy compares.
fn agent_key(agent: &Agent, member: &Member, queue: &Queue) -> AgentKey {
    let (measure, order) = match queue.rules.strategy {
        Strategy::LongestIdle => (agent.idle_since.0, member.order),
        Strategy::SkillsBest => (0, member.order),
        Strategy::FewestCalls => (i64::from(member.calls), member.order),
        Strategy::LeastOccupied => (i64::from(agent.occupancy), member.order),
        Strategy::LeastTalk => (i64::try_from(member.talk_ms).unwrap_or(i64::MAX), member.order),
        Strategy::RoundRobin => (0, member.joined),
        Strategy::OrderedRoundRobin
        | Strategy::Random
        | Strategy::WeightedRandom
        | Strategy::Linear
        | Strategy::RingAll
        | Strategy::RingProgressive => (0, member.order),
    };
    let then = match queue.rules.strategy {
        Strategy::SkillsBest => agent.idle_since.0,
        Strategy::LongestIdle
        | Strategy::FewestCalls
        | Strategy::LeastTalk
        | Strategy::RoundRobin
        | Strategy::OrderedRoundRobin
        | Strategy::LeastOccupied
        | Strategy::Random
        | Strategy::WeightedRandom
        | Strategy::Linear
        | Strategy::RingAll
        | Strategy::RingProgressive => 0,
    };
    AgentKey { tier: member.tier, measure, then, order, agent: agent.id }
}

/// In skills-best the measure depends on the need: the best score is least.
pub(super) fn pool_key(key: AgentKey, agent: &Agent, need: &Need, rules: &QueueSettings) -> AgentKey {
    if rules.strategy != Strategy::SkillsBest {
        return key;
    }
    AgentKey { measure: -need.score(&rules.prefer, &agent.settings.skills), ..key }
}
