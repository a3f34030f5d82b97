//! What a person should look at: for the agent whom it is about, and for who supervises him or the queue.

use serde::Serialize;

use crate::{
    acd::{NeededSkill, Notice, Reason},
    base::{AgentId, QueueId, Wall},
    engine::{Centre, Event, Happened, ServiceEvent, ServiceTurn},
};

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AlertView {
    pub at: Wall,
    /// Whom it is about.
    #[serde(skip)]
    pub agent_id: Option<AgentId>,
    #[serde(flatten)]
    pub what: AlertOf,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "alert")]
pub enum AlertOf {
    /// So many offers missed in a row: Not Ready now (AS-11).
    Missed { agent: String, missed: u32 },
    /// Longer in a status than its reason allows (AS-16).
    TooLong { agent: String, reason: Reason, since: Wall, logged_out: bool },
    /// Nobody logged in may have these who wait.
    Unserved { queue: String, skills: Vec<NeededSkill>, by_rule: bool, waiting: u32 },
    /// A program elsewhere gives no answers: calls go on without it (RT-06).
    ServiceRests { service: String, unanswered: u32 },
    /// It is asked again; so many questions had no answer, and for so many more none was waited for.
    ServiceAskedAgain { service: String, unanswered: u32, spared: u32 },
}

impl AlertView {
    /// `None`: nothing to look at.
    pub fn of(event: &Event, centre: &Centre) -> Option<Self> {
        if let Happened::Service(event_of) = &event.what {
            return Some(Self { at: event.at, agent_id: None, what: AlertOf::service(event_of) });
        }
        let Happened::Notice(notice) = &event.what else { return None };
        let key = |id: &AgentId| centre.acd.agents.get(id).map_or_else(|| id.to_string(), |agent| agent.key.clone());
        let queue_key = |id: &QueueId| centre.acd.queues.get(id).map_or_else(|| id.to_string(), |it| it.key.clone());
        let (agent_id, what) = match notice {
            Notice::Missed { agent, missed } => (Some(*agent), AlertOf::Missed { agent: key(agent), missed: *missed }),
            Notice::TooLong { agent, reason, since, logged_out } => {
                let (reason, since, logged_out) = (reason.clone(), *since, *logged_out);
                (Some(*agent), AlertOf::TooLong { agent: key(agent), reason, since, logged_out })
            }
            Notice::Unserved { queue, skills, by_rule, waiting } => {
                let (queue, skills) = (queue_key(queue), skills.clone());
                (None, AlertOf::Unserved { queue, skills, by_rule: *by_rule, waiting: *waiting })
            }
            // Told in ways of their own.
            Notice::Override(_) | Notice::Inactive { .. } | Notice::Repaired { .. } => return None,
        };
        Some(Self { at: event.at, agent_id, what })
    }
}

impl AlertOf {
    fn service(ServiceEvent { service, turn }: &ServiceEvent) -> Self {
        let service = service.clone();
        match *turn {
            ServiceTurn::Rests { unanswered, .. } => Self::ServiceRests { service, unanswered },
            ServiceTurn::AskedAgain { unanswered, spared, .. } => {
                Self::ServiceAskedAgain { service, unanswered, spared }
            }
        }
    }
}
