//! Live calls.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
};
use serde_json::{Value, json};

use super::{DONE, Done, Scope, number};
use crate::{
    api::{Api, Problem, Signed, live::CallView},
    base::CallId,
    engine::{Actor, Request},
    store::Role,
};

/// `GET /api/v1/calls`: an agent gets his own, a supervisor those of his queues.
pub async fn list(State(api): State<Arc<Api>>, signed: Signed) -> Result<Json<Value>, Problem> {
    let view = api.view().await?;
    let scope = Scope::of(&api, &signed).ok();
    let shown =
        |call: &&Arc<CallView>| scope.as_ref().is_some_and(|scope| scope.shows(call)) || call.is_of(signed.user.agent);
    let calls = view.calls.values().filter(shown).collect::<Vec<_>>();
    Ok(Json(json!({ "now": (api.clock)().wall, "calls": calls })))
}

/// `POST /api/v1/calls/{call}/hangup`: one's own, or any for a supervisor. Another's call is to an agent as one that is
/// not.
pub async fn hang_up(
    State(api): State<Arc<Api>>,
    signed: Signed,
    Path(call): Path<String>,
) -> Result<Json<Done>, Problem> {
    const NONE: &str = "There is no such call; it may have just ended.";
    let call = CallId(number(&call, NONE)?);
    let view = api.view().await?;
    let live = view.calls.get(&call).ok_or_else(|| Problem::not_found(NONE))?;
    let actor = match (signed.user.role, signed.user.agent) {
        (_, Some(agent)) if live.is_of(Some(agent)) => Actor::Agent(agent),
        (Role::Supervisor | Role::Admin, _) => {
            Scope::of(&api, &signed)?.call(&api, call).await?;
            signed.actor()
        }
        (Role::Agent, _) => return Err(Problem::not_found(NONE)),
    };
    api.ask(actor, Request::HangUp { call }).await?;
    Ok(DONE)
}
