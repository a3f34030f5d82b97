//! Those who wait: seen, moved, given to somebody, taken (QE-15, RT-18); and the doors of queues (QE-17).

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Body, DONE, Done, Scope, number};
use crate::{
    acd,
    api::{Api, Problem, Signed},
    base::InteractionId,
    engine::{Actor, Request},
};

const NONE: &str = "It does not wait any more: it was answered, or the caller is gone.";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DoorChange {
    door: acd::Door,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assignment {
    agent: String,
}

/// What is done with one who waits; one thing at a time.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WaitingChange {
    priority: Option<i32>,
    queue: Option<String>,
    agent: Option<String>,
}

/// `PUT /api/v1/queues/{queue}/door`
pub async fn set_door(
    State(api): State<Arc<Api>>,
    signed: Signed,
    Path(queue): Path<String>,
    Body(change): Body<DoorChange>,
) -> Result<Json<Done>, Problem> {
    let (scope, queue) = (Scope::of(&api, &signed)?, api.queue_by_key(&queue)?);
    scope.queue(queue)?;
    api.ask(signed.actor(), Request::SetDoor { queue, door: change.door }).await?;
    Ok(DONE)
}

/// `GET /api/v1/me/waiting`: who waits in the queues that one belongs to.
pub async fn own(State(api): State<Arc<Api>>, signed: Signed) -> Result<Json<Value>, Problem> {
    let (view, agent) = (api.view().await?, signed.agent()?);
    let me = view.agents.get(&agent).ok_or_else(|| Problem::not_found("You are not in the settings any more."))?;
    let own = view.queues.values().filter(|queue| me.queues.iter().any(|member| member.queue == queue.queue));
    let queues = own.map(|queue| json!({ "queue": queue.queue, "callers": queue.callers })).collect::<Vec<_>>();
    Ok(Json(json!({ "now": (api.clock)().wall, "queues": queues })))
}

/// `POST /api/v1/me/waiting/{interaction}/take`
pub async fn take(
    State(api): State<Arc<Api>>,
    signed: Signed,
    Path(interaction): Path<String>,
) -> Result<Json<Done>, Problem> {
    let (agent, interaction) = (signed.agent()?, InteractionId(number(&interaction, NONE)?));
    api.ask(Actor::Agent(agent), Request::Pull { interaction, agent }).await?;
    Ok(DONE)
}

/// `POST /api/v1/me/waiting/{interaction}/assign`: to a colleague in its queue who is ready for it (RT-18).
pub async fn assign(
    State(api): State<Arc<Api>>,
    signed: Signed,
    Path(interaction): Path<String>,
    Body(Assignment { agent }): Body<Assignment>,
) -> Result<Json<Done>, Problem> {
    let (me, interaction) = (signed.agent()?, InteractionId(number(&interaction, NONE)?));
    let agent = api.agent_by_key(&agent)?;
    let request =
        if agent == me { Request::Pull { interaction, agent } } else { Request::Assign { interaction, agent } };
    api.ask(Actor::Agent(me), request).await?;
    Ok(DONE)
}

/// `PUT /api/v1/waiting/{interaction}`
pub async fn change(
    State(api): State<Arc<Api>>,
    signed: Signed,
    Path(interaction): Path<String>,
    Body(change): Body<WaitingChange>,
) -> Result<Json<Done>, Problem> {
    let (scope, interaction) = (Scope::of(&api, &signed)?, InteractionId(number(&interaction, NONE)?));
    scope.interaction(&api, interaction.0).await?;
    let request = match change {
        WaitingChange { priority: Some(priority), queue: None, agent: None } => {
            Request::SetPriority { interaction, priority }
        }
        WaitingChange { priority: None, queue: Some(queue), agent: None } => {
            Request::Move { interaction, queue: api.queue_by_key(&queue)? }
        }
        WaitingChange { priority: None, queue: None, agent: Some(agent) } => {
            Request::Assign { interaction, agent: api.agent_by_key(&agent)? }
        }
        WaitingChange { .. } => return Err(Problem::bad_request("Give one of priority, queue and agent.")),
    };
    api.ask(signed.actor(), request).await?;
    Ok(DONE)
}

/// `DELETE /api/v1/waiting/{interaction}`: its call ends.
pub async fn withdraw(
    State(api): State<Arc<Api>>,
    signed: Signed,
    Path(interaction): Path<String>,
) -> Result<Json<Done>, Problem> {
    let (scope, interaction) = (Scope::of(&api, &signed)?, InteractionId(number(&interaction, NONE)?));
    scope.interaction(&api, interaction.0).await?;
    api.ask(signed.actor(), Request::Withdraw { interaction }).await?;
    Ok(DONE)
}
