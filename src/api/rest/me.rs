//! What someone does for himself.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Body, DONE, Done, MembershipChange, StatusChange, number};
use crate::{
    acd::Extension,
    api::{Api, Problem, Signed, live},
    base::{EngagementId, OfferId},
    engine::{Actor, Request},
    store::{PageUser, Role},
};

/// Who is signed in.
#[derive(Debug, Serialize)]
pub struct Account {
    name: String,
    role: Role,
    /// Key of the agent that he is.
    agent: Option<String>,
}

impl Account {
    pub fn of(api: &Api, user: &PageUser) -> Self {
        let centre = api.handle.centre();
        let agent = user.agent.and_then(|agent| centre.acd.agents.get(&agent)).map(|agent| agent.key.clone());
        Self { name: user.name.clone(), role: user.role, agent }
    }
}

/// `GET /api/v1/me`
pub async fn read(State(api): State<Arc<Api>>, signed: Signed) -> Json<Account> {
    std::future::ready(Json(Account::of(&api, &signed.user))).await
}

/// `GET /api/v1/me/status`: his own status with its timer, offers, engagements and memberships.
pub async fn status(State(api): State<Arc<Api>>, signed: Signed) -> Result<Json<Value>, Problem> {
    let (view, agent) = (api.view().await?, signed.agent()?);
    let me = view.agents.get(&agent).ok_or_else(|| Problem::not_found("You are not in the settings any more."))?;
    Ok(Json(json!({ "now": (api.clock)().wall, "me": live::Me::from(&**me) })))
}

/// `PUT /api/v1/me/status`
pub async fn select(
    State(api): State<Arc<Api>>,
    signed: Signed,
    Body(change): Body<StatusChange>,
) -> Result<Json<Done>, Problem> {
    let agent = signed.agent()?;
    api.change_status(Actor::Agent(agent), agent, change).await
}

/// `POST /api/v1/me/active`: somebody sits at the page.
pub async fn active(State(api): State<Arc<Api>>, signed: Signed) -> Result<Json<Done>, Problem> {
    let agent = signed.agent()?;
    api.ask(Actor::Agent(agent), Request::Active { agent }).await?;
    Ok(DONE)
}

/// `GET /api/v1/me/queues`
pub async fn queues(State(api): State<Arc<Api>>, signed: Signed) -> Result<Json<Value>, Problem> {
    let (view, agent) = (api.view().await?, signed.agent()?);
    let me = view.agents.get(&agent).ok_or_else(|| Problem::not_found("You are not in the settings any more."))?;
    Ok(Json(json!({ "queues": me.queues })))
}

/// `PUT /api/v1/me/queues`: all at once.
pub async fn set_all_queues(
    State(api): State<Arc<Api>>,
    signed: Signed,
    Body(change): Body<MembershipChange>,
) -> Result<Json<Done>, Problem> {
    let agent = signed.agent()?;
    api.change_membership(Actor::Agent(agent), agent, None, change).await
}

/// `PUT /api/v1/me/queues/{queue}`
pub async fn set_queue(
    State(api): State<Arc<Api>>,
    signed: Signed,
    Path(queue): Path<String>,
    Body(change): Body<MembershipChange>,
) -> Result<Json<Done>, Problem> {
    let (agent, queue) = (signed.agent()?, api.queue_by_key(&queue)?);
    api.change_membership(Actor::Agent(agent), agent, Some(queue), change).await
}

/// `POST /api/v1/me/offers/{offer}/accept`
pub async fn accept(
    State(api): State<Arc<Api>>,
    signed: Signed,
    Path(offer): Path<String>,
) -> Result<Json<Done>, Problem> {
    let (agent, offer) = (signed.agent()?, offer_of(&offer)?);
    api.ask(Actor::Agent(agent), Request::Accept { agent, offer }).await?;
    Ok(DONE)
}

/// `POST /api/v1/me/offers/{offer}/decline`
pub async fn decline(
    State(api): State<Arc<Api>>,
    signed: Signed,
    Path(offer): Path<String>,
) -> Result<Json<Done>, Problem> {
    let (agent, offer) = (signed.agent()?, offer_of(&offer)?);
    api.ask(Actor::Agent(agent), Request::Decline { agent, offer }).await?;
    Ok(DONE)
}

/// Whose offer it is, the engine knows.
fn offer_of(text: &str) -> Result<OfferId, Problem> {
    number(text, "There is no such offer.").map(OfferId)
}

/// Which wrap-up; the only one when left out.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrapUp {
    engagement: Option<String>,
    /// For extending: until finished by hand, instead of by the queue's step.
    #[serde(default)]
    indefinitely: bool,
}

impl WrapUp {
    pub fn engagement(&self) -> Result<Option<EngagementId>, Problem> {
        let number = |text: &String| number(text, "There is no such engagement.").map(EngagementId);
        self.engagement.as_ref().map(number).transpose()
    }
}

/// `POST /api/v1/me/wrap-up/finish`
pub async fn finish_wrap_up(
    State(api): State<Arc<Api>>,
    signed: Signed,
    Body(which): Body<WrapUp>,
) -> Result<Json<Done>, Problem> {
    let agent = signed.agent()?;
    let engagement = which.engagement()?;
    api.ask(Actor::Agent(agent), Request::FinishWrapUp { agent, engagement }).await?;
    Ok(DONE)
}

/// `POST /api/v1/me/wrap-up/extend`
pub async fn extend_wrap_up(
    State(api): State<Arc<Api>>,
    signed: Signed,
    Body(which): Body<WrapUp>,
) -> Result<Json<Done>, Problem> {
    let agent = signed.agent()?;
    let engagement = which.engagement()?;
    let by = if which.indefinitely { Extension::Indefinite } else { Extension::Step };
    api.ask(Actor::Agent(agent), Request::ExtendWrapUp { agent, engagement, by }).await?;
    Ok(DONE)
}
