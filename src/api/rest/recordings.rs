//! Recordings of calls, for supervisors and whoever was in them (RC-01).

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tower_http::services::ServeFile;

use super::{Asked, Body, DONE, Done, Scope, live_calls, number, records};
use crate::{
    api::{Api, Problem, Signed},
    base::{CallId, SegmentId, Wall},
    engine::{Actor, Centre, RecordingFormat, Request as Ask, SegmentRecord, Span},
    store::{Role, SegmentFilter, recordings},
};

const NONE: &str = "There is no such recording.";

const LIMIT: u32 = 50;

#[derive(Debug, Serialize)]
struct SegmentView<'a> {
    segment: String,
    call: String,
    /// The customer's leg, or that of who was asked in private; and who else was in it.
    leg: String,
    others: Vec<String>,
    queue: Option<String>,
    agent: Option<String>,
    began: Wall,
    ended: Option<Wall>,
    format: RecordingFormat,
    length_ms: u64,
    octets: u64,
    sha256: Option<&'a str>,
    private: bool,
    /// Something is missing.
    partial: bool,
    interrupted: bool,
    pauses: Vec<PauseView>,
    /// Where in the file it rested, and where something is missing.
    paused: &'a [Span],
    lost: &'a [Span],
    audio: String,
}

#[derive(Debug, Serialize)]
struct PauseView {
    by: Actor,
    at: Wall,
    until: Option<Wall>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordingChange {
    paused: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// Number of a segment: those before it.
    before: Option<String>,
    limit: Option<u32>,
}

/// `PUT /api/v1/calls/{call}/recording`: lets one's own call's recording rest, or go on; any for a supervisor (RC-02).
pub async fn change(
    State(api): State<Arc<Api>>,
    signed: Signed,
    Path(call): Path<String>,
    Body(change): Body<RecordingChange>,
) -> Result<Json<Done>, Problem> {
    let (call, actor) = live_calls::own_call(&api, &signed, &call).await?;
    api.ask(actor, Ask::RestRecording { call, rests: change.paused }).await?;
    Ok(DONE)
}

/// `GET /api/v1/records/{call}/recording`: its segments, in their order; an agent is told of his own.
pub async fn of_call(
    State(api): State<Arc<Api>>,
    signed: Signed,
    Path(call): Path<String>,
) -> Result<Json<Value>, Problem> {
    const NO_CALL: &str = "There is no such call.";
    let call = CallId(number(&call, NO_CALL)?);
    let segments = api.database.segments(call).await.map_err(records::away)?;
    let (centre, mut shown) = (api.handle.centre(), Vec::new());
    for segment in &segments {
        if check(&api, &signed, segment).await.is_ok() {
            shown.push(SegmentView::of(segment, &centre));
        }
    }
    if shown.is_empty() {
        if signed.user.role < Role::Supervisor {
            return Err(Problem::not_found(NONE));
        }
        // Nothing of it may be kept, or not yet; but there has to be such a call, and it has to be his.
        let scope = Scope::of(&api, &signed)?;
        let is_over = records::view_of(&api, &scope, call).await?.is_some();
        if !is_over && segments.is_empty() && !api.view().await?.calls.contains_key(&call) {
            return Err(Problem::not_found(NO_CALL));
        }
    }
    Ok(Json(json!({ "recording": shown })))
}

/// `GET /api/v1/recordings`: the newest first that one may hear.
pub async fn list(
    State(api): State<Arc<Api>>,
    signed: Signed,
    Asked(wanted): Asked<Wanted>,
) -> Result<Json<Value>, Problem> {
    let queues = match signed.user.role {
        Role::Agent => Some(Vec::new()),
        Role::Supervisor | Role::Admin => Scope::of(&api, &signed)?.queues(),
    };
    let before = wanted.before.map(|before| number(&before, NONE)).transpose()?.map(SegmentId);
    let filter = SegmentFilter { before, queues, agent: signed.user.agent, limit: wanted.limit.unwrap_or(LIMIT) };
    let segments = api.database.newest_segments(filter).await.map_err(records::away)?;
    let (centre, mut shown) = (api.handle.centre(), Vec::new());
    for segment in &segments {
        if check(&api, &signed, segment).await.is_ok() {
            shown.push(SegmentView::of(segment, &centre));
        }
    }
    Ok(Json(json!({ "recordings": shown })))
}

/// `GET /api/v1/recordings/{segment}`: the sound, or the part of it that a Range header names.
pub async fn audio(
    State(api): State<Arc<Api>>,
    signed: Signed,
    Path(segment): Path<String>,
    mut request: Request,
) -> Result<Response, Problem> {
    let segment = SegmentId(number(&segment, NONE)?);
    let found = api.database.segment(segment).await.map_err(records::away)?;
    let record = found.ok_or_else(|| Problem::not_found(NONE))?;
    check(&api, &signed, &record).await?;
    // The path is of our own making; it is looked at all the same.
    let place = recordings::place_of(&api.settings.data, &record.path).ok_or_else(|| Problem::not_found(NONE))?;
    tracing::info!(by = signed.user.name, call = %record.call, %segment, "a recording is heard");
    heed_plain_ranges(request.headers_mut());
    let mut response = ServeFile::new(place).try_call(request).await.map_err(|why| {
        tracing::warn!(%why, %segment, "a recording can't be read");
        Problem::not_found("The file of this recording can't be read.")
    })?;
    if response.status().is_client_error() && response.status() != axum::http::StatusCode::RANGE_NOT_SATISFIABLE {
        return Err(Problem::not_found("The file of this recording is gone."));
    }
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(RecordingFormat::of(&record.path).media_type()));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    Ok(response.into_response())
}

/// One range of octets is heeded. Whatever else is asked for, another unit or several at once, the whole is the answer (RFC
/// 9110 14.2); an end behind every file is the file's end (14.1.2).
fn heed_plain_ranges(headers: &mut HeaderMap) {
    let Some(asked) = headers.remove(header::RANGE) else { return };
    let Some((first, last)) = asked.to_str().ok().and_then(|text| text.strip_prefix("bytes=")?.trim().split_once('-'))
    else {
        return;
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if first.len() + last.len() == 0 || !digits(first) || !digits(last) {
        return;
    }
    let is_behind = !first.is_empty() && last.parse::<u64>().is_err();
    let last = if is_behind { "" } else { last };
    if let Ok(plain) = HeaderValue::try_from(format!("bytes={first}-{last}")) {
        headers.insert(header::RANGE, plain);
    }
}

/// A supervisor hears what his queues and agents are in, an agent his own. What he may not hear is not there for him.
async fn check(api: &Api, signed: &Signed, record: &SegmentRecord) -> Result<(), Problem> {
    let is_own = record.agent.is_some() && record.agent == signed.user.agent;
    if is_own {
        return Ok(());
    }
    if signed.user.role < Role::Supervisor {
        return Err(Problem::not_found(NONE));
    }
    let scope = Scope::of(api, signed)?;
    match (record.queue, record.agent) {
        (Some(queue), _) => scope.queue(queue),
        (None, Some(agent)) => scope.agent(api, agent).await,
        (None, None) => scope.all(),
    }
}

impl<'a> SegmentView<'a> {
    fn of(record: &'a SegmentRecord, centre: &Centre) -> Self {
        let file = record.file.as_ref();
        let pause = |pause: &crate::engine::Pause| PauseView { by: pause.by, at: pause.at, until: pause.until };
        Self {
            segment: record.segment.0.to_string(),
            call: record.call.0.to_string(),
            leg: record.leg.0.to_string(),
            others: record.others.iter().map(|leg| leg.0.to_string()).collect(),
            queue: record.queue.map(|queue| records::queue_key(centre, queue)),
            agent: record.agent.map(|agent| records::agent_key(centre, agent)),
            began: record.began,
            ended: record.ended,
            format: RecordingFormat::of(&record.path),
            length_ms: file.map_or(0, |file| file.length_ms),
            octets: file.map_or(0, |file| file.octets),
            sha256: file.and_then(|file| file.sha256.as_deref()),
            private: record.private,
            partial: record.is_partial(),
            interrupted: record.interrupted,
            pauses: record.pauses.iter().map(pause).collect(),
            paused: file.map(|file| file.paused.as_slice()).unwrap_or_default(),
            lost: file.map(|file| file.lost.as_slice()).unwrap_or_default(),
            audio: format!("/api/v1/recordings/{}", record.segment.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RC-01: players ask for one range; what else may stand there does not keep the sound from anybody.
    #[test]
    fn rc_01_one_range_of_octets_is_heeded() {
        let heeded = |asked: &'static str| {
            let mut headers = HeaderMap::from_iter([(header::RANGE, HeaderValue::from_static(asked))]);
            heed_plain_ranges(&mut headers);
            headers.get(header::RANGE).map(|value| value.to_str().unwrap().to_owned())
        };
        for (asked, wanted) in [
            ("bytes=0-99", Some("bytes=0-99")),
            ("bytes=44-", Some("bytes=44-")),
            ("bytes=-100", Some("bytes=-100")),
            ("bytes=0-99999999999999999999999", Some("bytes=0-")),
            ("seconds=0-9", None),
            ("bytes=0-9,20-29", None),
            ("bytes=-", None),
            ("bytes=a-b", None),
        ] {
            assert_eq!(heeded(asked).as_deref(), wanted, "{asked}");
        }
    }
}
