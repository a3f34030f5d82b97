//! What the journal says in the end: of each subject the last word, of days gone by nothing.

use std::collections::BTreeMap;

use super::super::super::{
    AgentRecord, EngagementRecord, Entry, GivenUp, MemberRecord, QueueCounters, QueueRecord, QueueSettings, Spoke,
    WaitingRecord,
};
use crate::base::{AgentId, EngagementId, InteractionId, QueueId};

/// The last word on each subject.
#[derive(Default)]
pub(super) struct Folded {
    pub agents: BTreeMap<AgentId, AgentRecord>,
    pub members: BTreeMap<(AgentId, QueueId), MemberRecord>,
    pub queues: BTreeMap<QueueId, QueueRecord>,
    pub waiting: BTreeMap<InteractionId, WaitingRecord>,
    pub given_up: BTreeMap<(QueueId, String), GivenUp>,
    pub spoke: BTreeMap<(QueueId, String), Spoke>,
    pub engagements: BTreeMap<EngagementId, EngagementRecord>,
    pub drains: BTreeMap<QueueId, QueueSettings>,
    pub day: i32,
    /// Where it is not the centre's.
    pub queue_days: BTreeMap<QueueId, i32>,
}

impl Folded {
    pub fn add(&mut self, entry: Entry) {
        match entry {
            Entry::Agent(it) => drop(self.agents.insert(it.agent, *it)),
            Entry::Member(it) => drop(self.members.insert((it.agent, it.queue), it)),
            Entry::MemberGone { agent, queue } => drop(self.members.remove(&(agent, queue))),
            Entry::Queue(it) => drop(self.queues.insert(it.queue, *it)),
            Entry::Waiting(it) => drop(self.waiting.insert(it.interaction, *it)),
            // He may be in another queue by now.
            Entry::Left { interaction, queue, .. } => {
                if self.waiting.get(&interaction).is_some_and(|it| it.queue == queue) {
                    self.waiting.remove(&interaction);
                }
            }
            Entry::GaveUp(it) => drop(self.given_up.insert((it.queue, it.caller.reveal().clone()), it)),
            Entry::CameBack { queue, caller } => drop(self.given_up.remove(&(queue, caller.reveal().clone()))),
            Entry::Spoke(it) => drop(self.spoke.insert((it.queue, it.caller.reveal().clone()), it)),
            Entry::Engagement(it) => drop(self.engagements.insert(it.engagement, *it)),
            Entry::EngagementGone { engagement } => drop(self.engagements.remove(&engagement)),
            Entry::Drains { queue, rules } => drop(self.drains.insert(queue, *rules)),
            Entry::Drained { queue } => drop(self.drains.remove(&queue)),
            Entry::Day { day } => self.turn_to(day),
            Entry::QueueDay { queue, day } => self.turn_queue_to(queue, day),
        }
    }

    pub fn turn_to(&mut self, day: i32) {
        if day == self.day {
            return;
        }
        self.day = day;
        for agent in self.agents.values_mut() {
            agent.today = Default::default();
            (agent.times, agent.counted) = (Vec::new(), None);
        }
        // Journals of before queues had days of their own.
        let others: Vec<_> = self.queues.keys().filter(|queue| !self.queue_days.contains_key(queue)).copied().collect();
        others.into_iter().for_each(|queue| self.begin_queue_day(queue));
    }

    pub fn turn_queue_to(&mut self, queue: QueueId, day: i32) {
        let before = self.queue_days.insert(queue, day).unwrap_or(self.day);
        if before != day {
            self.begin_queue_day(queue);
        }
    }

    fn begin_queue_day(&mut self, queue: QueueId) {
        for member in self.members.values_mut().filter(|member| member.queue == queue) {
            (member.calls_today, member.talk_ms_today) = (0, 0);
        }
        let carried = self.waiting.values().filter(|waiting| waiting.queue == queue).count();
        if let Some(record) = self.queues.get_mut(&queue) {
            let entered = u32::try_from(carried).unwrap_or(u32::MAX);
            record.today = QueueCounters { entered, ..QueueCounters::default() };
        }
    }
}
