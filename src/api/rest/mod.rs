//! The REST addresses under `/api/v1`; `openapi.json` beside this file says the same for programs, and a test compares.

pub mod agents;
mod body;
pub mod calls;
pub mod clips;
mod csv;
pub mod figures;
pub mod live_calls;
pub mod me;
pub mod operate;
pub mod people;
pub mod recordings;
pub mod records;
mod scope;
pub mod services;
pub mod session;
pub mod targets;
pub mod timeline;
pub mod waiting;
pub mod why;
mod wording;
pub mod work;

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Api, Problem, Signed, live};
use crate::{
    acd,
    base::{AgentId, QueueId},
    engine::{Actor, Request},
    store::Role,
};

pub use body::Asked;
use body::{AnyBody, Body};
use scope::Scope;

pub const OPENAPI: &str = include_str!("openapi.json");

/// `GET /api/v1/openapi.json`
pub async fn openapi() -> Response {
    std::future::ready(([(header::CONTENT_TYPE, "application/json")], OPENAPI).into_response()).await
}

/// `GET /api/v1/queues`
pub async fn queues(State(api): State<Arc<Api>>, signed: Signed) -> Result<Json<Value>, Problem> {
    let view = api.view().await?;
    let sight = api.sight(&signed);
    let queues = view.queues.values().map(|queue| live::queue_json(queue, &sight)).collect::<Vec<_>>();
    Ok(Json(json!({ "queues": queues })))
}

/// `GET /api/v1/trunks`: the lines to carriers, for supervisors.
pub async fn trunks(State(api): State<Arc<Api>>, signed: Signed) -> Result<Json<Value>, Problem> {
    signed.needs(Role::Supervisor)?;
    Ok(Json(json!({ "now": (api.clock)().wall, "trunks": api.snapshot().await?.trunks })))
}

/// What was done; the live connection shows what came of it.
#[derive(Debug, Serialize)]
pub struct Done {
    done: bool,
}

const DONE: Json<Done> = Json(Done { done: true });

/// A change of somebody's own choice, or of a supervisor's.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusChange {
    status: Option<ChosenStatus>,
    reason: Option<String>,
    /// One channel alone; without it all of the agent's.
    channel: Option<acd::Channel>,
    dnd: Option<bool>,
    /// One switch: Ready on all channels, or not to be disturbed.
    receive: Option<bool>,
    /// For supervisors: Ready also ends do-not-disturb.
    #[serde(default)]
    force: bool,
    /// For supervisors: the agent may not choose otherwise until a supervisor chooses again.
    #[serde(default)]
    locked: bool,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ChosenStatus {
    Ready,
    NotReady,
    /// Off one channel, on with the others.
    LogOff,
    /// For administrators: off altogether. Calls go on to their end (AS-05).
    Offline,
    /// Understood, and refused: calls alone make an agent busy (AS-04).
    Busy,
}

/// A verb on one membership, or on all of them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MembershipChange {
    #[serde(rename = "do")]
    verb: MembershipVerb,
    reason: Option<String>,
    /// For `log_in` without a queue in the address; all assigned ones when left out (QM-01).
    queues: Option<Vec<String>>,
    /// For `log_out` during a call: now, not after it.
    #[serde(default)]
    now: bool,
    /// For `pin`: the device that rings for the queue; the one that the settings say when left out (QM-10).
    device: Option<acd::DeviceChoice>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum MembershipVerb {
    LogIn,
    LogOut,
    Pause,
    Resume,
    Pin,
}

impl Api {
    async fn change_status(&self, actor: Actor, agent: AgentId, change: StatusChange) -> Result<Json<Done>, Problem> {
        if change.status.is_none() && change.dnd.is_none() && change.receive.is_none() {
            let give = "Give status (ready, not_ready or log_off), dnd or receive (true or false).";
            return Err(Problem::bad_request(give));
        }
        if let Some(ChosenStatus::Offline) = change.status {
            return self.force_offline(actor, agent, &change).await;
        }
        let how = acd::Force { force: change.force, locked: change.locked };
        if how != acd::Force::default() && (!actor.overrides() || change.status.is_none()) {
            return Err(Problem::bad_request("force and locked go with a supervisor's status."));
        }
        // What can't be understood is refused before anything is done.
        if change.reason.is_some() && !matches!(change.status, Some(ChosenStatus::NotReady)) {
            return Err(Problem::bad_request("reason goes with not_ready."));
        }
        let selection = self.selection(&change)?;
        if let Some(on) = change.receive {
            self.ask(actor, Request::Receive { agent, on }).await?;
        }
        if let Some(on) = change.dnd {
            self.ask(actor, Request::Dnd { agent, on }).await?;
        }
        if let Some(selection) = selection {
            let request = match (change.channel, self.only_channel(agent)) {
                (channel, _) if actor.overrides() => Request::SetStatus { agent, channel, selection, how },
                (Some(channel), _) | (None, Some(channel)) => Request::Select { agent, channel, selection },
                (None, None) => Request::SelectAll { agent, selection },
            };
            self.ask(actor, request).await?;
        }
        Ok(DONE)
    }

    /// What a wished status selects.
    fn selection(&self, change: &StatusChange) -> Result<Option<acd::Selection>, Problem> {
        let selection = match change.status {
            None | Some(ChosenStatus::Offline) => return Ok(None),
            Some(ChosenStatus::Ready) => acd::Selection::Ready,
            Some(ChosenStatus::NotReady) => acd::Selection::NotReady { reason: self.reason(change.reason.clone())? },
            Some(ChosenStatus::LogOff) if change.channel.is_none() => {
                return Err(Problem::bad_request("Name the channel to log off; to leave altogether, sign out."));
            }
            Some(ChosenStatus::LogOff) => acd::Selection::NotReady { reason: Some(acd::Reason::logged_off()) },
            Some(ChosenStatus::Busy) => {
                let refused =
                    acd::Refused::not_now("not_chosen", "Calls alone make an agent busy, and their end ends it.");
                return Err(self.problem(refused));
            }
        };
        Ok(Some(selection))
    }

    async fn force_offline(&self, actor: Actor, agent: AgentId, change: &StatusChange) -> Result<Json<Done>, Problem> {
        if !matches!(actor, Actor::Admin(_)) {
            return Err(Problem::forbidden("An administrator takes agents offline.").hint("To leave, sign out."));
        }
        let alone = change.reason.is_none() && change.channel.is_none() && change.dnd.is_none();
        if !alone || change.receive.is_some() || change.force || change.locked {
            return Err(Problem::bad_request("offline goes alone."));
        }
        self.ask(actor, Request::ForceOffline { agent }).await?;
        Ok(DONE)
    }

    /// The agent's channel, where he has no other.
    fn only_channel(&self, agent: AgentId) -> Option<acd::Channel> {
        let centre = self.handle.centre();
        let channels = &centre.acd.agents.get(&agent)?.channels;
        channels.first().copied().filter(|_| channels.len() == 1)
    }

    async fn change_membership(
        &self,
        actor: Actor,
        agent: AgentId,
        queue: Option<QueueId>,
        change: MembershipChange,
    ) -> Result<Json<Done>, Problem> {
        if change.device.is_some() && change.verb != MembershipVerb::Pin {
            return Err(Problem::bad_request("device goes with pin."));
        }
        if change.reason.is_some() && change.verb != MembershipVerb::Pause {
            return Err(Problem::bad_request("reason goes with pause."));
        }
        let request = match change.verb {
            MembershipVerb::LogIn => return self.log_in(actor, agent, queue, change.queues).await,
            MembershipVerb::LogOut => Request::LogOut { agent, queue, now: change.now },
            MembershipVerb::Pause => Request::Pause { agent, queue, reason: self.reason(change.reason)? },
            MembershipVerb::Resume => Request::Resume { agent, queue },
            MembershipVerb::Pin => {
                let queue = queue.ok_or_else(|| Problem::bad_request("Name the queue for which the device rings."))?;
                Request::SetDevice { agent, queue, device: change.device }
            }
        };
        self.ask(actor, request).await?;
        Ok(DONE)
    }

    /// SV-09: all of the agent's memberships in these queues that the change means anything to.
    async fn change_memberships_in(
        &self,
        actor: Actor,
        agent: AgentId,
        queues: &[QueueId],
        change: MembershipChange,
    ) -> Result<Json<Done>, Problem> {
        if change.verb == MembershipVerb::Pin || change.device.is_some() {
            // What is said of one queue alone is refused as it is from anybody.
            return self.change_membership(actor, agent, None, change).await;
        }
        if change.verb == MembershipVerb::LogIn {
            if change.queues.is_some() {
                return self.log_in(actor, agent, None, change.queues).await;
            }
            let assigned = self.assigned_queues(agent).await?.into_iter().filter(|queue| queues.contains(queue));
            return self.log_in_to(actor, agent, assigned.collect()).await;
        }
        let snapshot = self.snapshot().await?;
        let members = snapshot.acd.agents.into_iter().find(|view| view.agent == agent).map(|view| view.queues);
        let concerned = members.unwrap_or_default().into_iter().filter(|member| {
            queues.contains(&member.queue)
                && match change.verb {
                    MembershipVerb::LogIn | MembershipVerb::Pin => false,
                    MembershipVerb::LogOut => member.state != acd::MemberState::LoggedOut,
                    MembershipVerb::Pause => member.state == acd::MemberState::Active,
                    MembershipVerb::Resume => matches!(member.state, acd::MemberState::Paused { .. }),
                }
        });
        for member in concerned {
            let (verb, reason, now) = (change.verb, change.reason.clone(), change.now);
            let one = MembershipChange { verb, reason, queues: None, now, device: None };
            let Json(Done { .. }) = self.change_membership(actor, agent, Some(member.queue), one).await?;
        }
        Ok(DONE)
    }

    /// QM-01: all the queues that were named; without names, all he is assigned to.
    async fn log_in(
        &self,
        actor: Actor,
        agent: AgentId,
        queue: Option<QueueId>,
        named: Option<Vec<String>>,
    ) -> Result<Json<Done>, Problem> {
        let queues = match (queue, named) {
            (Some(queue), _) => vec![queue],
            (None, Some(keys)) => keys.iter().map(|key| self.queue_by_key(key)).collect::<Result<_, _>>()?,
            (None, None) => self.assigned_queues(agent).await?,
        };
        self.log_in_to(actor, agent, queues).await
    }

    async fn log_in_to(&self, actor: Actor, agent: AgentId, queues: Vec<QueueId>) -> Result<Json<Done>, Problem> {
        self.ask(actor, Request::LogIn { agent, queues }).await?;
        Ok(DONE)
    }

    async fn assigned_queues(&self, agent: AgentId) -> Result<Vec<QueueId>, Problem> {
        let snapshot = self.snapshot().await?;
        let agents = snapshot.acd.agents;
        let found = agents.into_iter().find(|view| view.agent == agent);
        let found = found.ok_or_else(|| Problem::not_found("This agent is not in the settings any more."))?;
        Ok(found.queues.iter().filter(|member| !member.temporary).map(|member| member.queue).collect())
    }

    /// Only reasons that an administrator has defined; `system:` ones are the switch's own.
    fn reason(&self, key: Option<String>) -> Result<Option<acd::Reason>, Problem> {
        let Some(key) = key else { return Ok(None) };
        let centre = self.handle.centre();
        let known = centre.acd.reasons.iter().find(|reason| reason.key.as_str() == key);
        known.map(|reason| Some(reason.key.clone())).ok_or_else(|| {
            let keys = centre.acd.reasons.iter().map(|reason| reason.key.as_str()).collect::<Vec<_>>().join(", ");
            Problem::bad_request("There is no such reason.").hint(format!("Reasons are: {keys}."))
        })
    }

    fn queue_by_key(&self, key: &str) -> Result<QueueId, Problem> {
        let centre = self.handle.centre();
        let found = centre.acd.queues.iter().find(|(_, queue)| queue.key == key);
        found
            .map(|(id, _)| *id)
            .ok_or_else(|| Problem::not_found(format!("There is no queue `{}`.", key.escape_debug())))
    }

    fn agent_by_key(&self, key: &str) -> Result<AgentId, Problem> {
        let centre = self.handle.centre();
        let found = centre.acd.agents.iter().find(|(_, agent)| agent.key == key);
        found.map(|(id, _)| *id).ok_or_else(|| Problem::not_found("There is no such agent."))
    }
}

/// A number from an address; what is none names nothing.
fn number(text: &str, what: &'static str) -> Result<u64, Problem> {
    text.parse().map_err(|_| Problem::not_found(what))
}
