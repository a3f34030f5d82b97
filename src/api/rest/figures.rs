//! Figures of the day, and how many agents it would take (RP-06, RP-07, RP-11).

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Asked, Scope};
use crate::{
    acd::{self, Load, Tally},
    api::{Api, Problem, Signed},
    base::QueueId,
};

/// Rows around the staff that is enough.
const ROWS_AROUND: u32 = 5;

/// `GET /api/v1/queues/{queue}/figures`: today, by the definitions of [`acd::Figures`].
pub async fn of_queue(
    State(api): State<Arc<Api>>,
    signed: Signed,
    Path(queue): Path<String>,
) -> Result<Json<Value>, Problem> {
    let (scope, queue) = (Scope::of(&api, &signed)?, api.queue_by_key(&queue)?);
    scope.queue(queue)?;
    let snapshot = api.snapshot().await?;
    let found = snapshot.acd.queues.into_iter().find(|view| view.queue == queue);
    let view = found.ok_or_else(|| Problem::not_found("There is no such queue."))?;
    let figures = Tally::from(&view.today).figures();
    Ok(Json(json!({ "queue": view.key, "counters": view.today, "figures": figures, "ewt_ms": view.ewt_ms })))
}

/// `GET /api/v1/agents/{agent}/figures`: today's time in each status, occupancy and counters; one's own, or for a
/// supervisor those of the agents of his queues.
pub async fn of_agent(
    State(api): State<Arc<Api>>,
    signed: Signed,
    Path(agent): Path<String>,
) -> Result<Json<Value>, Problem> {
    let agent = api.agent_by_key(&agent)?;
    if signed.user.agent != Some(agent) {
        Scope::of(&api, &signed)?.agent(&api, agent).await?;
    }
    let snapshot = api.snapshot().await?;
    let found = snapshot.acd.agents.into_iter().find(|view| view.agent == agent);
    let view = found.ok_or_else(|| Problem::not_found("There is no such agent."))?;
    Ok(Json(json!({
        "agent": view.key,
        "counters": view.today,
        "times": view.times,
        "occupancy": acd::occupancy(&view.times),
        "occupancy_of_late": f64::from(view.occupancy) / 10_000.0,
    })))
}

/// What is to be reckoned; with a queue its own handle time of today stands in for one that is left out.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    calls_per_hour: f64,
    handle_secs: Option<f64>,
    queue: Option<String>,
    /// 20 when left out.
    target_secs: Option<f64>,
    /// 0.8 when left out.
    service_level: Option<f64>,
    /// Erlang A with it, Erlang C without.
    patience_secs: Option<f64>,
}

/// `GET /api/v1/staffing`: what so many agents would make of so many calls.
pub async fn staffing(
    State(api): State<Arc<Api>>,
    signed: Signed,
    Asked(wanted): Asked<Wanted>,
) -> Result<Json<Value>, Problem> {
    let scope = Scope::of(&api, &signed)?;
    let queue = wanted.queue.as_deref().map(|key| api.queue_by_key(key)).transpose()?;
    if let Some(queue) = queue {
        scope.queue(queue)?;
    }
    let handle_secs = match (wanted.handle_secs, queue) {
        (Some(secs), _) => secs,
        (None, Some(queue)) => api.handle_secs_of(queue).await?,
        (None, None) => return Err(Problem::bad_request("Give handle_secs, or a queue that has handled calls today.")),
    };
    let load = Load {
        calls_per_hour: wanted.calls_per_hour,
        handle_secs,
        target_secs: wanted.target_secs.unwrap_or(20.0),
        patience_secs: wanted.patience_secs,
    };
    let level = wanted.service_level.unwrap_or(0.8);
    let sound =
        [load.calls_per_hour, load.handle_secs, load.patience_secs.unwrap_or(1.0)].into_iter().all(|it| it > 0.0);
    if !sound || load.target_secs < 0.0 || !(0.0..1.0).contains(&level) || load.erlangs() > f64::from(acd::STAFF_MAX) {
        let hint = format!("Work is calls per hour × handle time; up to {} agents are reckoned.", acd::STAFF_MAX);
        return Err(Problem::bad_request("Rates and times are above zero, service_level below 1.").hint(hint));
    }
    let table = load.table(level, ROWS_AROUND);
    let enough = table.iter().find(|row| row.service_level >= level).map(|row| row.agents);
    Ok(Json(json!({ "erlangs": load.erlangs(), "handle_secs": handle_secs, "enough": enough, "table": table })))
}

impl Api {
    async fn handle_secs_of(&self, queue: QueueId) -> Result<f64, Problem> {
        let snapshot = self.snapshot().await?;
        let found = snapshot.acd.queues.iter().find(|view| view.queue == queue);
        let aht_ms = found.and_then(|view| Tally::from(&view.today).figures().aht_ms);
        aht_ms.map(|ms| ms / 1_000.0).ok_or_else(|| Problem::bad_request("This queue has handled nothing today."))
    }
}
