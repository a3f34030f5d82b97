//! Who spoke to whom last, where a queue wants that its callers come to the same agent again (RT-05).

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use super::{
    super::{Entry, Preferred, Spoke},
    Acd,
    onward::is_known,
    queue::{Pool, Queue},
};
use crate::base::{AgentId, EngagementId, InteractionId, Now, Private, QueueId, Wall};

/// Callers that one queue remembers; beyond this the longest ago is forgotten. About 100 octets each.
pub const SPOKE_MAX: usize = 20_000;

#[derive(Debug, Default)]
pub(super) struct LastAgents {
    by_caller: BTreeMap<String, (AgentId, Wall)>,
    /// The longest ago first; those who have spoken again since stand further behind once more.
    order: VecDeque<(Wall, String)>,
}

impl LastAgents {
    fn of(&self, caller: &str) -> Option<(AgentId, Wall)> {
        self.by_caller.get(caller).copied()
    }

    fn remember(&mut self, caller: String, agent: AgentId, at: Wall) {
        self.order.push_back((at, caller.clone()));
        self.by_caller.insert(caller, (agent, at));
        while self.by_caller.len() > SPOKE_MAX || self.order.len() > 2 * SPOKE_MAX {
            let Some((at, caller)) = self.order.pop_front() else { return };
            if self.of(&caller).is_some_and(|(_, last)| last == at) {
                self.by_caller.remove(&caller);
            }
        }
    }

    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

impl Queue {
    /// For the journal.
    pub fn talks(&self) -> impl Iterator<Item = Spoke> {
        let talks = self.last_agents.by_caller.iter();
        talks.map(|(caller, (agent, at))| Spoke {
            queue: self.id,
            caller: Private::new(caller.clone()),
            agent: *agent,
            at: *at,
        })
    }
}

impl Acd {
    /// Nobody is kept waiting for an agent who has left the queue: whoever was is everybody's from now on.
    pub(super) fn release_kept(&mut self, now: Now, queue: QueueId) {
        let Some(line) = self.queues.get(&queue) else { return };
        let is_deserted = |pool: &&Pool| pool.need.only.is_some_and(|agent| !self.may_serve(agent, queue));
        if !line.pools.values().any(|pool| is_deserted(&pool)) {
            return;
        }
        let is_kept = |id: &InteractionId| {
            let pool = self.waiting.get(id).and_then(|it| line.pools.get(&it.pool));
            pool.as_ref().is_some_and(is_deserted)
        };
        let kept: Vec<_> = line.line.iter().map(|key| key.interaction).filter(is_kept).collect();
        for id in kept {
            if let Some(it) = self.waiting.get_mut(&id) {
                it.preferred = None;
            }
            self.unsaved.waiting.insert(id);
            self.widen(now, id);
        }
    }

    /// The agent whom a caller of a queue spoke to last, for the queue's time.
    pub(super) fn last_agent(&self, queue: QueueId, caller: &Private<String>, at: Wall) -> Option<Preferred> {
        let line = self.queues.get(&queue)?;
        let rule = line.rules.last_agent;
        if rule.secs == 0 || !is_known(caller) {
            return None;
        }
        let (agent, spoke) = line.last_agents.of(caller.reveal())?;
        let recent = at.since(spoke) <= Duration::from_secs(u64::from(rule.days) * 24 * 3_600);
        recent.then_some(Preferred { agent, secs: rule.secs })
    }

    /// Customer and agent hear each other.
    pub(super) fn remember_talk(&mut self, now: Now, engagement: EngagementId) {
        let at = self.at(now);
        let Some(it) = self.engagements.get(&engagement) else { return };
        let Some(line) = it.queue.and_then(|queue| self.queues.get_mut(&queue)) else { return };
        if line.rules.last_agent.secs == 0 || !is_known(&it.caller) {
            return;
        }
        let (queue, agent, caller) = (line.id, it.agent, it.caller.clone());
        line.last_agents.remember(caller.reveal().clone(), agent, at);
        self.entries.push_back(Entry::Spoke(Spoke { queue, caller, agent, at }));
    }

    pub(super) fn restore_talk(&mut self, spoke: Spoke) {
        let Some(line) = self.queues.get_mut(&spoke.queue).filter(|line| line.rules.last_agent.secs > 0) else {
            return;
        };
        line.last_agents.remember(spoke.caller.reveal().clone(), spoke.agent, spoke.at);
    }
}
