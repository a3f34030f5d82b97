//! Sign-in and sign-out.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Json,
    extract::{ConnectInfo, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;

use super::{Body, me::Account};
use crate::{
    api::{Api, Problem, Signed, auth, proxy},
    base::{AgentId, Private},
    engine::{Actor, Request},
};

/// Bytes of a name at sign-in; longer ones are nobody's.
const NAME_MAX: usize = 64;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    name: String,
    password: Private<String>,
}

/// `POST /api/v1/session`. An unknown name and a wrong password have the same answer after the same work.
pub async fn sign_in(
    State(api): State<Arc<Api>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Body(given): Body<Credentials>,
) -> Result<Response, Problem> {
    if !api.accounts.is_loaded() {
        return Err(Problem::unavailable("The accounts have not been read yet."));
    }
    let now = (api.clock)();
    if given.name.len() > NAME_MAX || given.password.reveal().len() > auth::password::PASSWORD_MAX {
        return Err(wrong());
    }
    if let Some(wait) = api.limiter.wait(now.mono, peer.ip(), &given.name) {
        metrics::counter!("api_sign_ins_total", "result" => "limited").increment(1);
        return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_tries", "Too many wrong tries")
            .detail(format!("Try again in {} seconds.", wait.as_secs() + 1))
            .retry_after(wait.as_secs() + 1));
    }
    let user = api.accounts.user(&given.name);
    let hash = user.as_ref().map(|user| user.password.clone());
    let good = auth::password::verify(given.password.into_inner(), hash).await;
    let good = good.ok_or_else(|| Problem::unavailable("Too many people sign in at this moment."))?;
    let Some(user) = user.filter(|_| good) else {
        api.limiter.wrong(now.mono, peer.ip(), &given.name);
        metrics::counter!("api_sign_ins_total", "result" => "wrong").increment(1);
        tracing::info!(source = %peer.ip(), name = %Private::new(&given.name), "wrong credentials at sign-in");
        return Err(wrong());
    };
    api.limiter.right(now.mono, peer.ip(), &given.name);
    metrics::counter!("api_sign_ins_total", "result" => "right").increment(1);
    // Whatever session the browser came with ends here: nobody can plant one and wait for it to become good.
    let is_https = proxy::is_https(&api, &headers);
    if let Some(old) = auth::token(&headers, is_https, api.settings.port) {
        api.accounts.close(&auth::hash_of(old)).await;
    }
    let token = api.accounts.open(&user, now.wall, |session| api.presence.is_used(session)).await?;
    if let Some(agent) = user.agent {
        bring_online(&api, agent).await;
    }
    let cookie = auth::set_cookie(Some(&token), is_https, api.settings.port);
    let cookie = cookie.ok_or_else(|| Problem::unavailable("No cookie could be made."))?;
    Ok(([(header::SET_COOKIE, cookie)], Json(Account::of(&api, &user))).into_response())
}

/// Who signs in and opens no live connection is not there to answer: the grace of a lost page runs until he does.
async fn bring_online(api: &Api, agent: AgentId) {
    if let Err(problem) = api.ask(Actor::Agent(agent), Request::SignIn { agent }).await {
        tracing::warn!(%agent, detail = %problem.detail, "signed in at the page, but not as an agent");
    }
    if !api.presence.is_open(agent) {
        api.handle.session(agent, false);
    }
}

/// `DELETE /api/v1/session`. The agent goes offline, or will when his call has ended.
pub async fn sign_out(State(api): State<Arc<Api>>, headers: HeaderMap, signed: Signed) -> Result<Response, Problem> {
    if let Some(agent) = signed.user.agent
        && let Err(problem) = api.ask(Actor::Agent(agent), Request::SignOut { agent }).await
    {
        tracing::debug!(%agent, detail = %problem.detail, "signed out at the page only");
    }
    api.accounts.close(&signed.session).await;
    let cookie = auth::set_cookie(None, proxy::is_https(&api, &headers), api.settings.port);
    let cookie = cookie.ok_or_else(|| Problem::unavailable("No cookie could be made."))?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response())
}

fn wrong() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "wrong_credentials", "Name or password is wrong")
}
