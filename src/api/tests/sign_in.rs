//! Sign-in, sessions, roles.

use std::time::Duration;

use axum::{
    body::Body,
    http::{Request as HttpRequest, StatusCode, header},
};

use super::desk::{ANA, Desk, OFFICE, centre};
use crate::{
    api::{
        ApiSettings,
        auth::{SESSIONS_PER_USER_MAX, password},
    },
    engine::{Actor, Request},
    switch::Role,
};

/// AS-05, AS-21: signing in at the page brings the agent online, signing out takes him off.
#[tokio::test]
async fn signing_in_opens_a_session_and_brings_the_agent_online() {
    let desk = Desk::new("sign-in").await;
    assert_eq!(desk.get("", "/api/v1/me").await.status, StatusCode::UNAUTHORIZED);
    let reply = desk.sign_in_reply(OFFICE, "ana", "ana's password").await;
    assert_eq!(reply.json()["agent"], "ana");
    assert_eq!(desk.picture.asked(), [(Actor::Agent(ANA), Request::SignIn { agent: ANA })]);
    // No page is open yet: the grace runs.
    assert_eq!(*desk.picture.sessions.lock().unwrap(), [(ANA, false)]);
    let set = reply.headers[header::SET_COOKIE].to_str().unwrap();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(set.contains(part), "{set}");
    }
    assert!(!set.contains("Secure"));
    let me = desk.get(&reply.cookie(), "/api/v1/me").await;
    assert_eq!(me.json()["role"], "agent");
    let out = desk.write("DELETE", &reply.cookie(), "/api/v1/session", "").await;
    assert_eq!(out.status, StatusCode::NO_CONTENT);
    assert!(out.headers[header::SET_COOKIE].to_str().unwrap().contains("Max-Age=0"));
    assert_eq!(desk.picture.asked(), [(Actor::Agent(ANA), Request::SignOut { agent: ANA })]);
    assert_eq!(desk.get(&reply.cookie(), "/api/v1/me").await.status, StatusCode::UNAUTHORIZED);
}

/// AS-15: tabs share the cookie. What is clicked in a page of Ana's counts for nobody when Rui has signed in in another tab.
#[tokio::test]
async fn a_page_acts_for_nobody_but_whom_it_shows() {
    let desk = Desk::new("two-tabs").await;
    let rui = desk.sign_in("rui").await;
    desk.picture.asked();
    let click = |shown: &str| {
        let request = HttpRequest::put("/api/v1/me/status").header(header::COOKIE, &rui);
        let request = request.header(header::CONTENT_TYPE, "application/json").header("Strowger-User", shown);
        desk.send(OFFICE, request.body(Body::from(r#"{"dnd":true}"#)).unwrap())
    };
    let refused = click("ana").await;
    assert_eq!((refused.status, &refused.json()["type"]), (StatusCode::CONFLICT, &"other_user".into()));
    assert!(desk.picture.asked().is_empty());
    assert!(click("rui").await.status.is_success());
    assert!(!desk.picture.asked().is_empty());
}

#[tokio::test]
async fn behind_tls_the_cookie_stays_there() {
    let desk = Desk::with("secure", ApiSettings { secure: true, ..ApiSettings::default() }).await;
    let reply = desk.sign_in_reply(OFFICE, "ana", "ana's password").await;
    let set = reply.headers[header::SET_COOKIE].to_str().unwrap();
    assert!(set.starts_with("__Host-strowger-0=") && set.ends_with("; Secure"), "{set}");
    assert!(reply.headers.contains_key(header::STRICT_TRANSPORT_SECURITY));
}

/// Nobody learns which names exist.
#[tokio::test]
async fn an_unknown_name_and_a_wrong_password_look_the_same() {
    let desk = Desk::new("enumeration").await;
    let wrong = desk.sign_in_reply(OFFICE, "ana", "guess").await;
    let unknown = desk.sign_in_reply(OFFICE, "nobody", "guess").await;
    let long = desk.sign_in_reply(OFFICE, &"n".repeat(65), "guess").await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    assert_eq!(wrong.headers[header::CONTENT_TYPE], "application/problem+json");
    assert_eq!((wrong.status, &wrong.text), (unknown.status, &unknown.text));
    assert_eq!((wrong.status, &wrong.text), (long.status, &long.text));
    let names = |headers: &axum::http::HeaderMap| headers.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&wrong.headers), names(&unknown.headers));
    assert!(!wrong.headers.contains_key(header::SET_COOKIE));
}

#[tokio::test]
async fn guessing_is_slowed_down_and_the_user_elsewhere_gets_in() {
    let desk = Desk::new("guessing").await;
    for _ in 0..5 {
        assert_eq!(desk.sign_in_reply(OFFICE, "ana", "guess").await.status, StatusCode::UNAUTHORIZED);
    }
    let limited = desk.sign_in_reply(OFFICE, "ana", "ana's password").await;
    assert_eq!(limited.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(limited.headers[header::RETRY_AFTER], "3");
    for _ in 0..5 {
        desk.sign_in_reply(OFFICE, "nobody", "guess").await;
    }
    assert_eq!(desk.sign_in_reply(OFFICE, "nobody", "guess").await.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(desk.sign_in_reply("198.51.100.9:99", "ana", "ana's password").await.status, StatusCode::OK);
    desk.wait(Duration::from_secs(3));
    assert_eq!(desk.sign_in_reply(OFFICE, "ana", "ana's password").await.status, StatusCode::OK);
}

/// A session planted in the victim's browser does not become good by his sign-in.
#[tokio::test]
async fn a_session_is_new_at_every_sign_in() {
    let desk = Desk::new("fixation").await;
    let planted = desk.sign_in("rui").await;
    let body = serde_json::json!({ "name": "ana", "password": "ana's password" }).to_string();
    let request = HttpRequest::post("/api/v1/session").header(header::CONTENT_TYPE, "application/json");
    let reply = desk.send(OFFICE, request.header(header::COOKIE, &planted).body(Body::from(body)).unwrap()).await;
    assert_ne!(reply.cookie(), planted);
    assert_eq!(desk.get(&planted, "/api/v1/me").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(desk.get(&reply.cookie(), "/api/v1/me").await.json()["name"], "ana");
    assert_eq!(desk.get("strowger-0=made-up", "/api/v1/me").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_session_survives_a_restart_and_ends_in_time() {
    let desk = Desk::new("restart").await;
    let cookie = desk.sign_in("ana").await;
    let again = desk.restarted().await;
    assert_eq!(again.get(&cookie, "/api/v1/me").await.json()["name"], "ana");
    again.wait(Duration::from_secs(12 * 3600 + 1));
    assert_eq!(again.get(&cookie, "/api/v1/me").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_user_has_a_bounded_number_of_sessions() {
    let desk = Desk::new("sessions").await;
    let first = desk.sign_in("ana").await;
    for _ in 0..SESSIONS_PER_USER_MAX {
        desk.wait(Duration::from_secs(1));
        desk.sign_in("ana").await;
    }
    assert_eq!(desk.get(&first, "/api/v1/me").await.status, StatusCode::UNAUTHORIZED);
}

/// The role counts at each request, not at sign-in.
#[tokio::test]
async fn a_demotion_works_at_once() {
    let desk = Desk::new("demotion").await;
    let eva = desk.sign_in("eva").await;
    assert_eq!(desk.get(&eva, "/api/v1/records").await.status, StatusCode::OK);
    let mut centre = centre();
    centre.users[2].role = Role::Agent;
    desk.api.set_users(&centre).await;
    assert_eq!(desk.get(&eva, "/api/v1/records").await.status, StatusCode::FORBIDDEN);
    centre.users.remove(2);
    desk.api.set_users(&centre).await;
    assert_eq!(desk.get(&eva, "/api/v1/records").await.status, StatusCode::UNAUTHORIZED);
}

/// Whoever knows the old password alone is out at once; others stay, and so it is after a restart.
#[tokio::test]
async fn a_new_password_ends_the_sessions_made_with_the_old_one() {
    let desk = Desk::new("new-password").await;
    let (ana, eva) = (desk.sign_in("ana").await, desk.sign_in("eva").await);
    let mut centre = centre();
    centre.users[0].page_password = Some(password::hash("another").unwrap());
    desk.api.set_users(&centre).await;
    assert_eq!(desk.get(&ana, "/api/v1/me").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(desk.get(&eva, "/api/v1/me").await.status, StatusCode::OK);
    desk.api.load_sessions().await.unwrap();
    assert_eq!(desk.get(&ana, "/api/v1/me").await.status, StatusCode::UNAUTHORIZED, "gone from the database too");
    assert_eq!(desk.sign_in_reply(OFFICE, "ana", "another").await.status, StatusCode::OK);
}

/// OP-02: a switch that has just started has not signed anybody out: a page that asks too early is told to come again. Where
/// the database stays away he may sign in anew.
#[tokio::test]
async fn op_02_a_page_that_comes_back_too_early_stays_signed_in() {
    let desk = Desk::new("too-early").await;
    let ana = desk.sign_in("ana").await;
    let starting = desk.starting().await;
    assert_eq!(
        starting.get("", "/api/v1/me").await.status,
        StatusCode::UNAUTHORIZED,
        "without a cookie there is no doubt"
    );
    let early = starting.get(&ana, "/api/v1/me").await;
    assert_eq!(early.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(early.headers.contains_key(header::RETRY_AFTER));
    starting.api.load_sessions().await.unwrap();
    assert_eq!(starting.get(&ana, "/api/v1/me").await.status, StatusCode::OK);
    let without = desk.starting().await;
    without.api.wait_for_no_sessions();
    assert_eq!(without.get(&ana, "/api/v1/me").await.status, StatusCode::UNAUTHORIZED);
    let anew = without.sign_in("ana").await;
    assert_eq!(without.get(&anew, "/api/v1/me").await.status, StatusCode::OK);
}

/// One who guesses in an office does not lock out those who work there.
#[tokio::test]
async fn a_user_gets_in_beside_one_who_guesses() {
    let desk = Desk::new("beside").await;
    desk.sign_in("ana").await;
    for number in 0..61 {
        desk.sign_in_reply(OFFICE, &format!("user{number}"), "guess").await;
    }
    desk.sign_in_reply(OFFICE, "ana", "mistyped").await;
    desk.sign_in("ana").await;
    desk.sign_in("eva").await;
    let again = desk.sign_in_reply(OFFICE, "user0", "guess").await;
    assert_eq!(again.status, StatusCode::TOO_MANY_REQUESTS);
}
