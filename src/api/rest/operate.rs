//! What an administrator does to the running switch.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Json, extract::State, http::StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Body, DONE, Done};
use crate::{
    api::{Api, Problem, Reloaded, Signed},
    engine::DeviceView,
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

/// `GET /api/v1/registrations`: devices, by user.
pub async fn registrations(State(api): State<Arc<Api>>, signed: Signed) -> Result<Json<Value>, Problem> {
    signed.needs(Role::Supervisor)?;
    let (snapshot, centre) = (api.snapshot().await?, api.handle.centre());
    let names: BTreeMap<_, _> = centre.users.iter().map(|user| (user.id, user.name.as_str())).collect();
    let device = |device: &DeviceView| {
        json!({
            "user": names.get(&device.user),
            "contact": device.contact,
            "user_agent": device.user_agent,
            "since": device.since,
            "expires": device.expires,
            "reachable": device.reachable,
        })
    };
    let devices = snapshot.devices.iter().map(device).collect::<Vec<_>>();
    Ok(Json(json!({ "now": snapshot.at, "registrations": devices })))
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
