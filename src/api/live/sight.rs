//! What one reader may see of the whole: agents see everybody's status and their own customers, supervisors the rest, as far
//! as they supervise (SV-09).

use std::collections::BTreeMap;

use super::{
    calls::CallView,
    view::{AgentView, QueueView},
};
use crate::{
    acd::Notice,
    base::{AgentId, QueueId, UserId},
    engine::{Centre, Event, Happened},
    store::Role,
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sight {
    Agent,
    /// A supervisor of these queues alone, with the agents that are assigned to them.
    Queues {
        keys: BTreeMap<QueueId, String>,
        agents: Vec<AgentId>,
    },
    All,
}

impl Sight {
    pub fn of(role: Role, user: UserId, centre: &Centre) -> Self {
        match (role, centre.supervised.get(&user)) {
            (Role::Agent, _) => Self::Agent,
            (Role::Supervisor, Some(queues)) => {
                let known = queues.iter().filter_map(|id| Some((*id, centre.acd.queues.get(id)?)));
                let members = known.clone().flat_map(|(_, queue)| queue.members.iter().map(|member| &member.agent));
                let members: Vec<_> = members.collect();
                let agents = centre.acd.agents.iter().filter(|(_, agent)| members.contains(&&agent.key));
                Self::Queues {
                    agents: agents.map(|(id, _)| *id).collect(),
                    keys: known.map(|(id, queue)| (id, queue.key.clone())).collect(),
                }
            }
            (Role::Supervisor, None) | (Role::Admin, _) => Self::All,
        }
    }

    fn within(&self, holds: impl FnOnce(&BTreeMap<QueueId, String>, &[AgentId]) -> bool) -> bool {
        match self {
            Self::Agent => false,
            Self::Queues { keys, agents } => holds(keys, agents),
            Self::All => true,
        }
    }

    /// Whom he talks to; not of one who was only logged in to a queue of theirs for a time.
    pub fn agent(&self, agent: &AgentView) -> bool {
        let is_his = |key: &str, keys: &BTreeMap<QueueId, String>| keys.values().any(|known| known == key);
        self.within(|keys, _| agent.queues.iter().any(|member| !member.temporary && is_his(&member.queue, keys)))
    }

    /// Who waits there.
    pub fn queue(&self, queue: &QueueView) -> bool {
        self.within(|keys, _| keys.values().any(|key| *key == queue.queue))
    }

    pub fn call(&self, call: &CallView) -> bool {
        self.within(|keys, _| call.queue.as_ref().is_some_and(|queue| keys.values().any(|key| key == queue)))
    }

    /// Calls that are gone are numbers alone.
    pub fn calls_that_end(&self) -> bool {
        self.within(|_, _| true)
    }

    pub fn event(&self, event: &Event) -> bool {
        self.within(|keys, agents| {
            let queue = |queue: &QueueId| keys.contains_key(queue);
            let agent = |agent: &AgentId| agents.contains(agent);
            match &event.what {
                Happened::Offer(offer) => queue(&offer.queue),
                Happened::OfferEnded { queue: id, .. }
                | Happened::Waiting { queue: id, .. }
                | Happened::Left { queue: id, .. } => queue(id),
                Happened::Queue(it) => queue(&it.queue),
                Happened::Member(it) => queue(&it.queue),
                Happened::Text { queue: id, .. } => id.as_ref().is_some_and(queue),
                Happened::Agent(it) => agent(&it.agent),
                Happened::Work { agent: id, .. } => agent(id),
                Happened::EngagementEnded(it) => it.queue.as_ref().map_or_else(|| agent(&it.agent), queue),
                Happened::Notice(it) => match it {
                    Notice::Missed { agent: id, .. }
                    | Notice::Inactive { agent: id, .. }
                    | Notice::TooLong { agent: id, .. } => agent(id),
                    Notice::Override(it) => agent(&it.agent),
                    Notice::Unserved { queue: id, .. } => queue(id),
                    Notice::Repaired { .. } => false,
                },
                // Of calls these say no more than a number and what came of it.
                Happened::CallEnded { .. }
                | Happened::PartyLost { .. }
                | Happened::RecordingFails { .. }
                | Happened::AnswerJudged { .. }
                | Happened::Beep { .. }
                | Happened::HeldLong { .. }
                | Happened::ClipStarted { .. }
                | Happened::ClipEnded { .. }
                | Happened::Service(_)
                | Happened::SettingsChanged
                | Happened::ClockSet { .. }
                | Happened::Draining => true,
                // Calls stand in the list, as far as he may see them.
                Happened::Call(_) | Happened::Device(_) => false,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        acd::{InteractionKind, OfferEnd, Strategy, Why},
        base::{InteractionId, OfferId, Private, Wall},
        engine::OfferView,
    };

    fn event(what: Happened) -> Event {
        Event { sequence: 1, at: Wall(0), what }
    }

    fn offered(queue: u64) -> Event {
        let why = Why {
            strategy: Strategy::LongestIdle,
            agent: AgentId(1),
            rank: 1,
            candidates: 1,
            first: Vec::new(),
            excluded: Vec::new(),
            unfit: 0,
            assigned: None,
            decided: None,
        };
        event(Happened::Offer(OfferView {
            offer: OfferId(7),
            agent: AgentId(1),
            interaction: InteractionId(8),
            queue: QueueId(queue),
            queue_name: "Support".into(),
            kind: InteractionKind::Inbound,
            caller: Private::new("+351210000001".into()),
            waited_ms: 0,
            made: Wall(0),
            until: Wall(0),
            auto_answer: false,
            why: Arc::new(why),
        }))
    }

    /// SV-09: an offer names its caller: it is seen by whoever supervises its queue, even for an agent of his in another
    /// queue by nobody else, and by no agent.
    #[test]
    fn sv_09_an_offer_is_seen_by_its_queues_supervisors_alone() {
        let sight = Sight::Queues { keys: [(QueueId(1), "support".to_owned())].into(), agents: vec![AgentId(1)] };
        assert!(sight.event(&offered(1)) && !sight.event(&offered(2)));
        assert!(Sight::All.event(&offered(2)) && !Sight::Agent.event(&offered(1)));
        let ended = |queue| {
            event(Happened::OfferEnded {
                offer: OfferId(7),
                agent: AgentId(1),
                interaction: InteractionId(8),
                queue: QueueId(queue),
                end: OfferEnd::Declined,
                ring_ms: 1,
            })
        };
        assert!(sight.event(&ended(1)) && !sight.event(&ended(2)));
    }
}
