//! What was done to an agent on his behalf (SV-05), with names for numbers: for his page, and for programs elsewhere.

use serde::Serialize;

use crate::{
    acd::{Actor, MemberState, Overridden, Reason, Standing, StatusView},
    base::{UserId, Wall},
    engine::Centre,
};

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NoticeView {
    pub agent: String,
    pub by: By,
    pub reason: Option<Reason>,
    pub old: StandingView,
    pub new: StandingView,
    pub at: Wall,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct By {
    pub role: &'static str,
    /// Absent where no person did it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// How he stood: as people see him, and in the queues that were changed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StandingView {
    #[serde(flatten)]
    pub view: StatusView,
    pub queues: Vec<QueueStandingView>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QueueStandingView {
    pub queue: String,
    pub state: MemberState,
}

impl NoticeView {
    pub fn of(it: &Overridden, centre: &Centre) -> Self {
        let agent = centre.acd.agents.get(&it.agent);
        Self {
            agent: agent.map_or_else(|| it.agent.to_string(), |agent| agent.key.clone()),
            by: By::of(it.actor, centre),
            reason: it.reason.clone(),
            old: StandingView::of(&it.old, centre),
            new: StandingView::of(&it.new, centre),
            at: it.at,
        }
    }
}

impl By {
    fn of(actor: Actor, centre: &Centre) -> Self {
        let person = |role, id: UserId| {
            let user = centre.users.iter().find(|user| user.id == id);
            Self {
                role,
                user: Some(user.map_or_else(|| id.to_string(), |user| user.name.to_string())),
                name: user.map(|user| user.display.reveal().clone()),
            }
        };
        let nobody = |role| Self { role, user: None, name: None };
        match actor {
            Actor::Supervisor(id) => person("supervisor", id),
            Actor::Admin(id) => person("admin", id),
            Actor::Api => nobody("api"),
            Actor::Agent(_) => nobody("agent"),
            Actor::System => nobody("system"),
        }
    }
}

impl StandingView {
    fn of(standing: &Standing, centre: &Centre) -> Self {
        let queues = standing.queues.iter().map(|it| QueueStandingView {
            queue: centre.acd.queues.get(&it.queue).map_or_else(|| it.queue.to_string(), |queue| queue.key.clone()),
            state: it.state.clone(),
        });
        Self { view: standing.view.clone(), queues: queues.collect() }
    }
}
