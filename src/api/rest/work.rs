//! What an agent writes of an interaction, and his being done with it (AW-08, AW-09, CH-18).

use std::{collections::BTreeSet, sync::Arc};

use axum::{
    Json,
    extract::{Path, State},
};
use serde::{Deserialize, Deserializer};

use super::{Body, ChosenStatus, DONE, Done, number};
use crate::{
    acd::{Disposition, Selection, Tag, WorkChange},
    api::{Api, Problem, Signed},
    base::{EngagementId, Private},
    engine::{Actor, Request},
};

const NONE: &str = "You have no such interaction any more: it is done with.";

/// What is left out stays as it is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Written {
    /// `null` takes it back.
    #[serde(default, deserialize_with = "given")]
    disposition: Option<Option<Disposition>>,
    tags: Option<BTreeSet<Tag>>,
    notes: Option<Private<String>>,
}

/// Tells a `null` from what was left out.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// What he is next; may be left out where the queue says it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Next {
    status: Option<ChosenStatus>,
    reason: Option<String>,
}

/// `PUT /api/v1/me/engagements/{engagement}/work`: in the talk and after it.
pub async fn write(
    State(api): State<Arc<Api>>,
    signed: Signed,
    Path(engagement): Path<String>,
    Body(written): Body<Written>,
) -> Result<Json<Done>, Problem> {
    let (agent, engagement) = (signed.agent()?, EngagementId(number(&engagement, NONE)?));
    let Written { disposition, tags, notes } = written;
    let change = WorkChange { disposition, tags, notes };
    api.ask(Actor::Agent(agent), Request::Write { agent, engagement, change }).await?;
    Ok(DONE)
}

/// `POST /api/v1/me/engagements/{engagement}/done`
pub async fn done(
    State(api): State<Arc<Api>>,
    signed: Signed,
    Path(engagement): Path<String>,
    Body(next): Body<Next>,
) -> Result<Json<Done>, Problem> {
    let (agent, engagement) = (signed.agent()?, EngagementId(number(&engagement, NONE)?));
    let next = match next.status {
        None if next.reason.is_some() => return Err(Problem::bad_request("A reason goes with status not_ready.")),
        None => None,
        Some(ChosenStatus::Ready) => Some(Selection::Ready),
        Some(ChosenStatus::NotReady) => Some(Selection::NotReady { reason: api.reason(next.reason)? }),
        Some(ChosenStatus::LogOff | ChosenStatus::Offline | ChosenStatus::Busy) => {
            return Err(Problem::bad_request("Give status ready or not_ready."));
        }
    };
    api.ask(Actor::Agent(agent), Request::MarkDone { agent, engagement, next }).await?;
    Ok(DONE)
}
