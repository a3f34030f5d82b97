//! `/healthz`, `/readyz`, `/metrics`.

use std::{collections::BTreeMap, fmt::Write, net::SocketAddr, sync::Arc};

use axum::{
    Json,
    extract::{ConnectInfo, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;
use subtle::ConstantTimeEq;

use super::{Api, Problem, auth, guard};
use crate::{engine::Snapshot, store::Role};

/// The process lives and its engine goes round: otherwise it should be started anew.
pub async fn healthz(State(api): State<Arc<Api>>) -> Response {
    let health = api.handle.health();
    let status = if health.engine { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    std::future::ready((status, Json(json!({ "engine": health.engine }))).into_response()).await
}

/// New calls may be sent here. The database is told but does not count: calls go on without it.
pub async fn readyz(State(api): State<Arc<Api>>) -> Response {
    let health = api.handle.health();
    let ready = health.engine && health.restored && health.journal && !health.draining;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({
        "engine": health.engine,
        "restored": health.restored,
        "journal": health.journal,
        "draining": health.draining,
        "database": api.database.is_ready(),
    });
    std::future::ready((status, Json(body)).into_response()).await
}

/// From this machine, or with the token, or with an administrator's session.
pub async fn metrics(
    State(api): State<Arc<Api>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if !may_read(&api, peer, &headers) {
        return Err(Problem::forbidden("Metrics are for this machine, or for who has the token.")
            .hint("Set [http] metrics_token and send it as Authorization: Bearer."));
    }
    let mut text = (api.metrics_text)();
    // An engine that stands still is when the rest is wanted most.
    let snapshot = api.snapshot().await;
    let missing = u8::from(snapshot.is_err());
    let help = "Whether queues and agents are missing here, since the engine did not tell of them in time.";
    let _ = writeln!(text, "# HELP snapshot_missing {help}\n# TYPE snapshot_missing gauge\nsnapshot_missing {missing}");
    if let Ok(snapshot) = snapshot {
        write_snapshot(&mut text, &snapshot);
    }
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response())
}

fn may_read(api: &Api, peer: SocketAddr, headers: &HeaderMap) -> bool {
    // A proxy that is named in the settings never asks for itself.
    let proxies = &api.settings.trusted_proxies;
    if guard::is_local(peer.ip(), headers) && !proxies.iter().any(|network| network.contains(peer.ip().to_canonical()))
    {
        return true;
    }
    if let (Some(token), Some(given)) = (&api.settings.metrics_token, auth::bearer(headers))
        && bool::from(token.reveal().as_bytes().ct_eq(given.as_bytes()))
    {
        return true;
    }
    api.signed(headers).is_some_and(|signed| signed.user.role >= Role::Admin)
}

/// What the loop's own gauges don't say: queues and agents by name.
fn write_snapshot(text: &mut String, snapshot: &Snapshot) {
    write_queues(text, snapshot);
    write_agents(text, snapshot);
}

fn write_queues(text: &mut String, snapshot: &Snapshot) {
    let queues = || snapshot.acd.queues.iter().map(|queue| (label(&queue.key), queue));
    family(text, "queue_waiting", "Interactions waiting.", queues().map(|(key, q)| (key, q.waiting.len() as u64)));
    family(text, "queue_logged_in", "Members logged in.", queues().map(|(key, q)| (key, q.logged_in.into())));
    family(
        text,
        "queue_routable",
        "Members who could be offered a call.",
        queues().map(|(key, q)| (key, q.routable.into())),
    );
    let longest = queues().map(|(key, queue)| {
        let first = queue.waiting.iter().map(|waiting| waiting.arrived).min();
        (key, first.map_or(0, |first| snapshot.at.since(first).as_secs()))
    });
    family(text, "queue_longest_wait_seconds", "Wait of who waits longest.", longest);
}

fn write_agents(text: &mut String, snapshot: &Snapshot) {
    let mut by_status: BTreeMap<String, u64> = BTreeMap::new();
    for agent in &snapshot.acd.agents {
        let status = serde_json::to_value(agent.status).ok();
        *by_status.entry(status.as_ref().and_then(|word| word.as_str()).unwrap_or("?").to_owned()).or_default() += 1;
    }
    let _ = writeln!(text, "# HELP agents Agents by status.\n# TYPE agents gauge");
    for (status, count) in by_status {
        let _ = writeln!(text, "agents{{status=\"{status}\"}} {count}");
    }
}

fn family(text: &mut String, name: &str, help: &str, values: impl Iterator<Item = (String, u64)>) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
    for (queue, value) in values {
        let _ = writeln!(text, "{name}{{queue=\"{queue}\"}} {value}");
    }
}

/// A label's value, with what would end it escaped.
fn label(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
