//! What supervisors see of agents and do for them.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
};
use serde_json::{Value, json};

use super::{Body, DONE, Done, MembershipChange, Scope, StatusChange, me::WrapUp};
use crate::{
    api::{Api, Problem, Signed, live},
    engine::Request,
};

/// `GET /api/v1/agents`: everyone sees everyone's status (AS-17), supervisors also whom they talk to.
pub async fn list(State(api): State<Arc<Api>>, signed: Signed) -> Result<Json<Value>, Problem> {
    let view = api.view().await?;
    let sight = api.sight(&signed);
    let agents = view.agents.values().map(|agent| live::agent_json(agent, &sight)).collect::<Vec<_>>();
    Ok(Json(json!({ "now": (api.clock)().wall, "agents": agents })))
}

/// `PUT /api/v1/agents/{agent}/status`
pub async fn select(
    State(api): State<Arc<Api>>,
    signed: Signed,
    Path(agent): Path<String>,
    Body(change): Body<StatusChange>,
) -> Result<Json<Done>, Problem> {
    let (scope, agent) = (Scope::of(&api, &signed)?, api.agent_by_key(&agent)?);
    scope.agent(&api, agent).await?;
    api.change_status(signed.actor(), agent, change).await
}

/// `PUT /api/v1/agents/{agent}/queues`: all of them; those that he supervises, for a supervisor of some.
pub async fn set_all_queues(
    State(api): State<Arc<Api>>,
    signed: Signed,
    Path(agent): Path<String>,
    Body(change): Body<MembershipChange>,
) -> Result<Json<Done>, Problem> {
    let (scope, agent) = (Scope::of(&api, &signed)?, api.agent_by_key(&agent)?);
    scope.agent(&api, agent).await?;
    let Some(supervised) = scope.queues() else {
        return api.change_membership(signed.actor(), agent, None, change).await;
    };
    for key in change.queues.iter().flatten() {
        scope.queue(api.queue_by_key(key)?)?;
    }
    api.change_memberships_in(signed.actor(), agent, &supervised, change).await
}

/// `PUT /api/v1/agents/{agent}/queues/{queue}`
pub async fn set_queue(
    State(api): State<Arc<Api>>,
    signed: Signed,
    Path((agent, queue)): Path<(String, String)>,
    Body(change): Body<MembershipChange>,
) -> Result<Json<Done>, Problem> {
    let scope = Scope::of(&api, &signed)?;
    let (agent, queue) = (api.agent_by_key(&agent)?, api.queue_by_key(&queue)?);
    scope.queue(queue)?;
    api.change_membership(signed.actor(), agent, Some(queue), change).await
}

/// `POST /api/v1/agents/{agent}/wrap-up/finish`
pub async fn finish_wrap_up(
    State(api): State<Arc<Api>>,
    signed: Signed,
    Path(agent): Path<String>,
    Body(which): Body<WrapUp>,
) -> Result<Json<Done>, Problem> {
    let scope = Scope::of(&api, &signed)?;
    let (agent, engagement) = (api.agent_by_key(&agent)?, which.engagement()?);
    scope.agent(&api, agent).await?;
    api.ask(signed.actor(), Request::FinishWrapUp { agent, engagement }).await?;
    Ok(DONE)
}
