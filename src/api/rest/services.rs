//! Programs elsewhere that the switch asks, tried by an administrator before a caller depends on them.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
};
use serde_json::{Value, json};

use super::AnyBody;
use crate::{
    api::{Api, Problem, Signed},
    engine::{Actor, Answer, Request},
    store::Role,
};

/// `POST /api/v1/services/{service}/ask`: the body is the question; what the service says comes back, whatever its status.
pub async fn ask(
    State(api): State<Arc<Api>>,
    signed: Signed,
    Path(key): Path<String>,
    AnyBody(question): AnyBody,
) -> Result<Json<Value>, Problem> {
    signed.needs(Role::Admin)?;
    let centre = api.handle.centre();
    let service = centre.services.iter().find(|service| service.name == key);
    let service = service.ok_or_else(|| Problem::not_found("There is no such service."))?.id;
    match api.ask(Actor::Api, Request::TryService { service, question }).await? {
        Answer::Said(said) => Ok(Json(json!({ "status": said.status, "said": said.json }))),
        Answer::Done | Answer::Snapshot(_) | Answer::Explanation(_) | Answer::Subscriptions(_) => {
            Err(Problem::unavailable("The switch gave no answer."))
        }
    }
}
