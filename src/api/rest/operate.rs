//! What an administrator does to the running switch.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Asked, Body, DONE, Done, Scope, people::user_of};
use crate::{
    acd::AgentSnapshot,
    api::{Api, Problem, Reloaded, Signed},
    base::Private,
    engine::{Actor, Answer, DeviceView, Request, TraceFilter, WatchView},
    store::Role,
};

/// `POST /api/v1/reload`: whole or not at all.
pub async fn reload(State(api): State<Arc<Api>>, signed: Signed) -> Result<Json<Reloaded>, Problem> {
    signed.needs(Role::Admin)?;
    let done = api.handle.reload().await;
    done.map(Json).map_err(|why| {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "settings_refused", "The settings were refused").detail(why)
    })
}

/// `POST /api/v1/drain`
pub async fn drain(State(api): State<Arc<Api>>, signed: Signed) -> Result<Json<Done>, Problem> {
    signed.needs(Role::Admin)?;
    api.handle.drain();
    std::future::ready(Ok(DONE)).await
}

/// `GET /api/v1/registrations`: devices, by user; to a supervisor of some queues, his own and their agents'.
pub async fn registrations(State(api): State<Arc<Api>>, signed: Signed) -> Result<Json<Value>, Problem> {
    let scope = Scope::of(&api, &signed)?;
    let (snapshot, centre) = (api.snapshot_with_devices().await?, api.handle.centre());
    let shown: Option<BTreeSet<&str>> = scope.queues().map(|queues| {
        let is_theirs = |agent: &&AgentSnapshot| {
            agent.queues.iter().any(|member| !member.temporary && queues.contains(&member.queue))
        };
        snapshot.acd.agents.iter().filter(is_theirs).map(|agent| user_of(&centre, agent)).collect()
    });
    let names: BTreeMap<_, _> = centre.users.iter().map(|user| (user.id, user.name.as_str())).collect();
    let device = |device: &DeviceView| {
        json!({
            "user": names.get(&device.user),
            "kind": device.kind,
            "contact": device.contact,
            "user_agent": device.user_agent,
            "since": device.since,
            "expires": device.expires,
            "reachable": device.reachable,
        })
    };
    let is_shown = |device: &&DeviceView| {
        let is_theirs = |shown: &BTreeSet<&str>| names.get(&device.user).is_some_and(|name| shown.contains(name));
        device.user == signed.user.user || shown.as_ref().is_none_or(is_theirs)
    };
    let devices = snapshot.devices.iter().filter(is_shown).map(device).collect::<Vec<_>>();
    Ok(Json(json!({ "now": snapshot.at, "registrations": devices })))
}

/// `GET /api/v1/subscriptions`: who watches whom, and until when.
pub async fn subscriptions(State(api): State<Arc<Api>>, signed: Signed) -> Result<Json<Value>, Problem> {
    signed.needs(Role::Supervisor)?;
    let (answer, centre) = (api.ask(Actor::Api, Request::Subscriptions).await?, api.handle.centre());
    let Answer::Subscriptions(views) = answer else {
        return Err(Problem::unavailable("The switch gave no subscriptions."));
    };
    let names: BTreeMap<_, _> = centre.users.iter().map(|user| (user.id, user.name.as_str())).collect();
    let view = |view: &WatchView| {
        json!({
            "watched": names.get(&view.watched),
            "event": view.event,
            "watcher": names.get(&view.watcher),
            "expires": view.expires,
            "remote": view.remote.to_string(),
            "kept": view.kept,
        })
    };
    Ok(Json(json!({ "subscriptions": views.iter().map(view).collect::<Vec<_>>() })))
}

/// Characters of a number or a Call-ID to trace.
const FILTER_MAX: usize = 256;

/// `POST /api/v1/traces`: the SIP of one number, call or source, from now on, to the log and kept for a pcap.
pub async fn start_trace(
    State(api): State<Arc<Api>>,
    signed: Signed,
    Body(filter): Body<TraceFilter>,
) -> Result<Json<Done>, Problem> {
    signed.needs(Role::Admin)?;
    if let TraceFilter::Number(text) | TraceFilter::Call(text) = &filter
        && !(1..=FILTER_MAX).contains(&text.len())
    {
        return Err(Problem::bad_request(format!("Give 1 to {FILTER_MAX} characters.")));
    }
    let by = &signed.user.name;
    match &filter {
        TraceFilter::Number(number) => tracing::warn!(number = %Private::new(number.as_str()), by, "SIP is traced"),
        TraceFilter::Call(call) => tracing::warn!(call, by, "SIP is traced"),
        TraceFilter::Source(source) => tracing::warn!(%source, by, "SIP is traced"),
    }
    if api.handle.start_trace(filter).await {
        return Ok(DONE);
    }
    Err(Problem::unavailable("Too much is traced already.").hint("End the traces first: DELETE /api/v1/traces."))
}

/// `DELETE /api/v1/traces`
pub async fn stop_trace(State(api): State<Arc<Api>>, signed: Signed) -> Result<Json<Done>, Problem> {
    signed.needs(Role::Admin)?;
    api.handle.stop_trace();
    std::future::ready(Ok(DONE)).await
}

/// Which call's.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Which {
    call: Option<String>,
}

/// `GET /api/v1/traces/pcap`: what was traced, of one call by any of its Call-IDs, or all.
pub async fn traced(
    State(api): State<Arc<Api>>,
    signed: Signed,
    Asked(which): Asked<Which>,
) -> Result<Response, Problem> {
    signed.needs(Role::Admin)?;
    let file = api.handle.traced(which.call).await;
    if file.is_empty() {
        return Err(Problem::unavailable("The switch did not answer."));
    }
    let headers = [
        (header::CONTENT_TYPE, "application/vnd.tcpdump.pcap"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"strowger.pcap\""),
    ];
    Ok((headers, file).into_response())
}

/// `POST /api/v1/flight`: what the engine went through, into a sealed file on the switch's machine.
pub async fn save_flight(State(api): State<Arc<Api>>, signed: Signed) -> Result<Json<Value>, Problem> {
    signed.needs(Role::Admin)?;
    let saved = api.handle.save_flight().await;
    saved.map(|file| Json(json!({ "file": file }))).map_err(Problem::unavailable)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogChange {
    level: String,
}

/// `PUT /api/v1/log`
pub async fn set_log(
    State(api): State<Arc<Api>>,
    signed: Signed,
    Body(change): Body<LogChange>,
) -> Result<Json<Done>, Problem> {
    signed.needs(Role::Admin)?;
    let done = api.handle.set_log(&change.level);
    std::future::ready(done.map(|()| DONE).map_err(Problem::bad_request)).await
}
