//! Why a call waits, or came to whom it came: while it waits from the distributor, afterwards from its record.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
};
use serde_json::{Value, json};

use super::{Scope, number};
use crate::{
    acd::Explanation,
    api::{Api, Problem, Signed},
    base::CallId,
    engine::{Actor, Answer, Centre, Request},
};

/// `GET /api/v1/calls/{call}/why`
pub async fn read(
    State(api): State<Arc<Api>>,
    signed: Signed,
    Path(call): Path<String>,
) -> Result<Json<Value>, Problem> {
    let scope = Scope::of(&api, &signed)?;
    let id = CallId(number(&call, "There is no such call.")?);
    let snapshot = api.snapshot().await?;
    let live = snapshot.calls.iter().find(|view| view.call == id);
    scope.call(&api, id).await?;
    if let Some(interaction) = live.and_then(|view| view.interaction)
        && let Ok(Answer::Explanation(why)) = api.ask(Actor::Api, Request::Explain { interaction }).await
    {
        return Ok(Json(json!({ "call": call, "waits": explained(&why, &api.handle.centre()) })));
    }
    match super::records::view_of(&api, &scope, id).await {
        Ok(Some(record)) => Ok(Json(json!({ "call": call, "record": record }))),
        Ok(None) if live.is_some() => Err(Problem::not_found("It waits for nobody; its record comes when it ends.")),
        Ok(None) => Err(Problem::not_found("There is no such call.")),
        Err(problem) => Err(problem),
    }
}

/// Everybody's part in a waiting call, with names.
fn explained(why: &Explanation, centre: &Centre) -> Value {
    let agent = |id| centre.acd.agents.get(&id).map_or_else(String::new, |agent| agent.key.clone());
    let members = why.members.iter().map(|member| {
        json!({
            "agent": agent(member.agent),
            "rank": member.rank,
            "held_back": member.held_back,
            "unfit": member.unfit,
            "tier_not_open": member.tier_not_open,
            "vetoed": member.vetoed,
            "status": member.status.status,
            "reason": member.status.reason,
        })
    });
    let kept_for = why.kept_for.as_ref().map(|kept| json!({ "agent": agent(kept.agent), "until": kept.until }));
    json!({
        "queue": centre.acd.queues.get(&why.queue).map(|queue| &queue.key),
        "position": why.position,
        "waited_ms": why.waited_ms,
        "asking": why.asking,
        "kept_for": kept_for,
        "members": members.collect::<Vec<_>>(),
    })
}
