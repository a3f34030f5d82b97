//! What an agent's time consisted of, stretch by stretch (RP-09), and what of his shifts he worked (RP-06).

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Asked, Scope, records::away};
use crate::{
    acd::{self, AgentSnapshot, Calendar, Status, StatusSpan},
    api::{Api, Problem, Signed},
    base::{AgentId, Wall},
    engine::Centre,
};

/// Stretches in one answer; an agent of a busy queue has about a thousand in a day.
const SPANS_MAX: u32 = 5_000;

/// Time that may be asked about at once: a month with a day that is longer.
const TIME_MAX_MS: i64 = 31 * 86_400_000 + 3_600_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// Milliseconds since 1970.
    from: i64,
    to: i64,
}

#[derive(Debug, Serialize)]
struct SpanView<'a> {
    status: Status,
    reason: Option<&'a acd::Reason>,
    from: Wall,
    to: Wall,
}

/// `GET /api/v1/agents/{agent}/timeline?from=…&to=…`: one's own, or for a supervisor those of the agents of his queues.
pub async fn of_agent(
    State(api): State<Arc<Api>>,
    signed: Signed,
    Path(agent): Path<String>,
    Asked(wanted): Asked<Wanted>,
) -> Result<Json<Value>, Problem> {
    let id = api.agent_by_key(&agent)?;
    if signed.user.agent != Some(id) {
        Scope::of(&api, &signed)?.agent(&api, id).await?;
    }
    let (from, to) = (Wall(wanted.from), Wall(wanted.to));
    let length = wanted.to.checked_sub(wanted.from).filter(|length| (1..=TIME_MAX_MS).contains(length));
    if length.is_none() {
        return Err(Problem::bad_request("`to` is later than `from`, by 31 days at most."));
    }
    let snapshot = api.snapshot().await?;
    let now = snapshot.acd.at;
    let view = snapshot.acd.agents.into_iter().find(|view| view.agent == id);
    let view = view.ok_or_else(|| Problem::not_found("There is no such agent."))?;
    // Asked first: what is written between the two is in the second.
    let written = api.database.status_written_to(id).await.map_err(away)?;
    let mut spans = api.database.status_spans(id, (from, to), SPANS_MAX + 1).await.map_err(away)?;
    let behind = from > now || is_behind(&view, written, (from, to));
    let more = spans.len() > SPANS_MAX as usize;
    spans.truncate(SPANS_MAX as usize);
    if !more && view.since < now.min(to) {
        let (status, reason) = (view.status, view.reason);
        spans.push(StatusSpan { agent: id, status, reason, from: view.since, to: now });
    }
    let complete = !more && !behind && spans.windows(2).all(|pair| matches!(pair, [one, next] if one.to == next.from));
    for span in &mut spans {
        (span.from, span.to) = (span.from.max(from), span.to.min(to));
    }
    spans.retain(|span| span.from < span.to);
    let logged_in = spans.iter().filter(|span| span.status != Status::Offline);
    let logged_in_ms: i64 = logged_in.map(|span| span.to.0 - span.from.0).sum();
    let adherence = complete.then(|| adherence_of(&api.handle.centre(), id, (from, to.min(now)), &spans)).flatten();
    let view = |span: &StatusSpan| json!(SpanView::of(span));
    Ok(Json(json!({
        "agent": agent,
        "from": from,
        "to": to,
        "spans": spans.iter().map(view).collect::<Vec<_>>(),
        "logged_in_ms": logged_in_ms,
        "complete": complete,
        "adherence": adherence,
    })))
}

/// Whether a stretch of that time is over and not written yet: what is written ends before the status that lasts began. Of
/// whom nothing is written yet was offline before, and so has only just come.
fn is_behind(view: &AgentSnapshot, written: Option<Wall>, (from, to): (Wall, Wall)) -> bool {
    let unknown_from = match written {
        Some(written) => written.max(from),
        None if view.status == Status::Offline => return false,
        None => from,
    };
    unknown_from < view.since.min(to)
}

impl<'a> SpanView<'a> {
    fn of(span: &'a StatusSpan) -> Self {
        Self { status: span.status, reason: span.reason.as_ref(), from: span.from, to: span.to }
    }
}

/// What he worked of his shifts so far; none without shifts in that time.
fn adherence_of(centre: &Centre, agent: AgentId, (from, to): (Wall, Wall), spans: &[StatusSpan]) -> Option<f64> {
    let shifts = centre.acd.agents.get(&agent)?.shifts.as_ref()?;
    let calendar = centre.acd.calendars.iter().find(|calendar| calendar.key == *shifts)?;
    let calendar = Calendar::new(calendar.clone(), &centre.acd.policies.time_zone);
    let scheduled: Vec<_> = calendar.open_between(from, to).iter().map(|(from, to)| (from.0, to.0)).collect();
    let reason = |span: &StatusSpan| centre.acd.reasons.iter().find(|it| Some(&it.key) == span.reason.as_ref());
    let at_work = spans.iter().filter(|span| acd::is_at_work(span.status, reason(span)));
    let actual: Vec<_> = at_work.map(|span| (span.from.0, span.to.0)).collect();
    acd::adherence(&scheduled, &actual)
}
