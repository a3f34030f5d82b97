//! Out to the journal and back.
//!
//! What the journal keeps of a subject is written and read in one file: whoever gives it a field sees both ways. Here is
//! when that happens: what a turn has changed is written at its end, all of it for a checkpoint, and read at a start.

mod agents;
mod folded;
mod interactions;
mod queues;

use std::collections::{BTreeMap, BTreeSet};

use self::folded::Folded;
use super::{
    super::{DirectKind, Entry, Outcome, Rule},
    Acd, Actor,
};
use crate::base::{AgentId, CallId, EngagementId, InteractionId, Now, QueueId};

/// What this turn changed and the journal does not know yet.
#[derive(Debug, Default)]
pub(super) struct Unsaved {
    pub agents: BTreeSet<AgentId>,
    pub members: BTreeSet<(AgentId, QueueId)>,
    pub queues: BTreeSet<QueueId>,
    pub waiting: BTreeSet<InteractionId>,
    pub engagements: BTreeSet<EngagementId>,
    left: Vec<Entry>,
}

impl Unsaved {
    pub fn left(&mut self, interaction: InteractionId, queue: QueueId, outcome: Outcome) {
        self.left.push(Entry::Left { interaction, queue, outcome });
    }
}

/// Interactions whose calls outlived their process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alive {
    /// The caller is there and waits.
    pub waiting: BTreeSet<InteractionId>,
    /// He and an agent hear each other.
    pub talking: BTreeSet<InteractionId>,
    /// An agent talks in a call that came through no queue.
    pub direct: BTreeSet<(AgentId, CallId, DirectKind)>,
}

impl Acd {
    /// Rebuilds from the journal (rule 39), before or after the first `settings`. `alive` names the interactions whose
    /// calls live on; the others end as `system_error`. Nobody is busy afterwards without a live call, and nobody
    /// rings: who waited is offered again.
    pub fn restore(&mut self, now: Now, entries: impl IntoIterator<Item = Entry>, alive: &Alive) {
        let entries: Vec<_> = entries.into_iter().collect();
        if self.anchor.is_none() {
            self.limbo = Some((entries, alive.clone()));
            return;
        }
        let mut folded = Folded { day: self.day, ..Folded::default() };
        entries.into_iter().for_each(|entry| folded.add(entry));
        folded.turn_to(self.day);
        for (queue, rules) in std::mem::take(&mut folded.drains) {
            self.drain_on(now, queue, rules);
        }
        for queue in self.queues.values() {
            folded.turn_queue_to(queue.id, queue.day);
        }
        let Folded { agents, members, queues, waiting, given_up, spoke, engagements, .. } = folded;
        queues.into_values().for_each(|record| self.restore_queue(record));
        let mut given_up: Vec<_> = given_up.into_values().collect();
        given_up.sort_by_key(|gone| gone.left);
        given_up.into_iter().for_each(|gone| self.restore_given_up(gone));
        let mut spoke: Vec<_> = spoke.into_values().collect();
        spoke.sort_by_key(|spoke| spoke.at);
        spoke.into_iter().for_each(|spoke| self.restore_talk(spoke));
        let doors: BTreeSet<_> = self.queues.keys().copied().collect();
        for queue in doors {
            self.watch_door(now, queue, Actor::System);
        }
        for record in agents.into_values() {
            self.restore_agent(now, record, &alive.direct);
        }
        for record in members.into_values() {
            self.restore_member(record);
        }
        for record in engagements.into_values() {
            self.restore_engagement(now, record, &alive.talking);
        }
        for record in waiting.into_values() {
            self.restore_waiting(now, record, &alive.waiting);
        }
        // A journal torn within a turn may count somebody of whom it knows no more.
        for queue in self.queues.values_mut() {
            let line = u32::try_from(queue.line.len()).unwrap_or(u32::MAX);
            queue.today.entered = line + queue.today.ended();
        }
        self.relist_all();
        let everybody: BTreeSet<_> = self.agents.keys().copied().collect();
        for agent in everybody {
            self.leave_where_leaving(now, agent);
            self.change(now, agent, Actor::System, Rule::Boot, |_| {});
            self.after(now, agent, None, Actor::System);
            self.watch_presence(now, agent);
            self.watch_length(now, agent);
            self.watch_activity(now, agent);
        }
        self.settle(now);
    }

    /// Writes what this turn changed.
    pub(super) fn save(&mut self, now: Now) {
        let unsaved = std::mem::take(&mut self.unsaved);
        if !self.journals {
            self.entries.clear();
            return;
        }
        let Unsaved { agents, members, queues, waiting, engagements, left } = unsaved;
        for queue in queues {
            let entry = self.queue_entry(queue);
            self.entries.extend(entry);
        }
        for id in waiting {
            let entry = self.waiting_entry(id);
            self.entries.extend(entry);
        }
        for engagement in engagements {
            let entry = self.engagement_entry(now, engagement);
            self.entries.push_back(entry.unwrap_or(Entry::EngagementGone { engagement }));
        }
        self.entries.extend(left);
        for (agent, queue) in members {
            let entry = self.member_entry(agent, queue);
            self.entries.push_back(entry.unwrap_or(Entry::MemberGone { agent, queue }));
        }
        for agent in agents {
            let entry = self.agent_entry(now, agent);
            self.entries.extend(entry);
        }
    }

    /// All that `restore` needs.
    pub fn checkpoint(&self, now: Now) -> Vec<Entry> {
        self.told(self.kept(now))
    }

    /// The same by the distributor's clock.
    pub(in super::super) fn kept(&self, now: Now) -> Vec<Entry> {
        let mut entries = vec![Entry::Day { day: self.day }];
        let days: BTreeMap<_, _> = self.queues.values().map(|queue| (queue.id, queue.day)).collect();
        entries.extend(days.into_iter().map(|(queue, day)| Entry::QueueDay { queue, day }));
        let agents: BTreeSet<_> = self.agents.keys().copied().collect();
        let queues: BTreeSet<_> = self.queues.keys().copied().collect();
        let waiting: BTreeSet<_> = self.waiting.keys().copied().collect();
        let engagements: BTreeSet<_> = self.engagements.keys().copied().collect();
        entries.extend(agents.iter().filter_map(|agent| self.agent_entry(now, *agent)));
        for agent in &agents {
            let members = self.agents.get(agent).into_iter().flat_map(|agent| agent.members.keys());
            entries.extend(members.filter_map(|queue| self.member_entry(*agent, *queue)));
        }
        entries.extend(queues.iter().filter_map(|queue| self.queue_entry(*queue)));
        entries.extend(self.draining.iter().filter_map(|queue| self.drains_entry(*queue)));
        entries.extend(waiting.iter().filter_map(|id| self.waiting_entry(*id)));
        let given_up = queues.iter().filter_map(|queue| self.queues.get(queue)).flat_map(|queue| &queue.given_up);
        entries.extend(given_up.cloned().map(Entry::GaveUp));
        let lines = queues.iter().filter_map(|queue| self.queues.get(queue));
        entries.extend(lines.flat_map(super::queue::Queue::talks).map(Entry::Spoke));
        entries.extend(engagements.iter().filter_map(|id| self.engagement_entry(now, *id)));
        entries
    }
}
