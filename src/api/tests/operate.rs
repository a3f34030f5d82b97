//! What an administrator does to the running switch.

use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use serde_json::json;

use super::desk::{Desk, OFFICE};
use crate::{api::ApiSettings, base::Private};

/// AD-03, AP-11: an administrator has the settings read again and is told what changed, or what is wrong with them; nobody
/// else may.
#[tokio::test]
async fn an_administrator_reloads_the_settings() {
    let desk = Desk::new("reload").await;
    let (ana, admin) = (desk.sign_in("ana").await, desk.sign_in("adm").await);
    assert_eq!(desk.write("POST", &ana, "/api/v1/reload", "").await.status, StatusCode::FORBIDDEN);
    assert_eq!(desk.write("POST", "", "/api/v1/reload", "").await.status, StatusCode::UNAUTHORIZED);
    let reply = desk.write("POST", &admin, "/api/v1/reload", "").await;
    assert_eq!((reply.status, &reply.json()["changes"][0]), (StatusCode::OK, &"+ user \"new\"".into()));
    *desk.picture.reload_fault.lock().unwrap() = Some(String::from("x.toml:3:1: unknown key"));
    let reply = desk.write("POST", &admin, "/api/v1/reload", "").await;
    assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(reply.json()["detail"].as_str().unwrap().contains("x.toml:3:1"));
}

/// OP-04, AP-11: draining and the log's level are an administrator's too.
#[tokio::test]
async fn an_administrator_drains_and_sets_the_log() {
    let desk = Desk::new("drain").await;
    let (ana, admin) = (desk.sign_in("ana").await, desk.sign_in("adm").await);
    let log = async |who: &str, level: &str| {
        desk.write("PUT", who, "/api/v1/log", &format!(r#"{{"level":"{level}"}}"#)).await.status
    };
    assert_eq!(log(&ana, "debug").await, StatusCode::FORBIDDEN);
    assert_eq!(log(&admin, "debug").await, StatusCode::OK);
    assert_eq!(log(&admin, "loud").await, StatusCode::BAD_REQUEST);
    assert_eq!(desk.write("POST", &ana, "/api/v1/drain", "").await.status, StatusCode::FORBIDDEN);
    assert!(!desk.picture.health.lock().unwrap().draining);
    assert_eq!(desk.write("POST", &admin, "/api/v1/drain", "").await.status, StatusCode::OK);
    assert_eq!(desk.write("POST", &ana, "/api/v1/flight", "").await.status, StatusCode::FORBIDDEN);
    assert!(desk.write("POST", &admin, "/api/v1/flight", "").await.text.contains("asked.flight"));
    assert!(desk.picture.health.lock().unwrap().draining);
}

/// AP-11: who can read the token's file is an administrator; a wrong token is nobody, even with a good cookie beside it.
#[tokio::test]
async fn the_command_line_comes_with_a_token() {
    let settings = ApiSettings { admin_token: Some(Private::new("the-token".into())), ..ApiSettings::default() };
    let desk = Desk::with("token", settings).await;
    let get = async |token: &str, path: &str| {
        let request = Request::get(path).header(header::AUTHORIZATION, format!("Bearer {token}"));
        desk.send(OFFICE, request.body(Body::empty()).unwrap()).await
    };
    for path in ["/api/v1/calls", "/api/v1/registrations", "/api/v1/subscriptions", "/api/v1/trunks"] {
        assert_eq!(get("the-token", path).await.status, StatusCode::OK);
        assert_eq!(get("the-tokem", path).await.status, StatusCode::UNAUTHORIZED);
        assert_eq!(get("", path).await.status, StatusCode::UNAUTHORIZED);
    }
    let ana = desk.sign_in("ana").await;
    assert_eq!(desk.get(&ana, "/api/v1/registrations").await.status, StatusCode::FORBIDDEN);
    assert_eq!(desk.get(&ana, "/api/v1/subscriptions").await.status, StatusCode::FORBIDDEN);
}

/// OP-09: behind a trusted proxy that speaks https the cookie is Secure, and limits count the browser's address; the same
/// words from anybody else count for nothing.
#[tokio::test]
async fn a_trusted_proxy_is_believed_and_nobody_else() {
    let settings = ApiSettings { trusted_proxies: vec!["10.0.0.1/32".parse().unwrap()], ..ApiSettings::default() };
    let desk = Desk::with("proxy", settings).await;
    let sign_in = async |peer: &str, client: &str, password: &str| {
        let body = json!({ "name": "ana", "password": password }).to_string();
        let request = Request::post("/api/v1/session").header("x-forwarded-proto", "https");
        let request = request.header("x-forwarded-for", client).header(header::CONTENT_TYPE, "application/json");
        desk.send(peer, request.body(Body::from(body)).unwrap()).await
    };
    let reply = sign_in("10.0.0.1:5000", "203.0.113.9", "ana's password").await;
    assert_eq!(reply.status, StatusCode::OK);
    assert!(reply.headers[header::SET_COOKIE].to_str().unwrap().contains("; Secure"));
    assert!(reply.headers.contains_key(header::STRICT_TRANSPORT_SECURITY));
    let reply = sign_in(OFFICE, "203.0.113.9", "ana's password").await;
    assert!(!reply.headers[header::SET_COOKIE].to_str().unwrap().contains("Secure"));
    for _ in 0..30 {
        sign_in("10.0.0.1:5000", "203.0.113.66", "wrong").await;
    }
    assert_eq!(sign_in("10.0.0.1:5000", "203.0.113.66", "wrong").await.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(sign_in("10.0.0.1:5000", "203.0.113.9", "ana's password").await.status, StatusCode::OK);
}

/// AP-08: an administrator traces a number, a call or a source, and gets one call as a pcap; nobody else does.
#[tokio::test]
async fn an_administrator_traces_sip() {
    let desk = Desk::new("trace").await;
    let (eva, admin) = (desk.sign_in("eva").await, desk.sign_in("adm").await);
    let start = async |who: &str, body: &str| desk.write("POST", who, "/api/v1/traces", body).await.status;
    assert_eq!(start(&eva, r#"{"number":"800"}"#).await, StatusCode::FORBIDDEN);
    assert_eq!(start(&admin, r#"{"number":"800"}"#).await, StatusCode::OK);
    assert_eq!(start(&admin, r#"{"source":"192.0.2.7"}"#).await, StatusCode::OK);
    for faulty in [r#"{"number":""}"#, r#"{"source":"here"}"#, r#"{"all":true}"#] {
        assert_eq!(start(&admin, faulty).await, StatusCode::BAD_REQUEST, "{faulty}");
    }
    assert_eq!(start(&admin, r#"{"call":"x@y"}"#).await, StatusCode::SERVICE_UNAVAILABLE, "one too many");
    assert_eq!(desk.picture.filters.lock().unwrap().len(), 3);
    assert_eq!(desk.get(&eva, "/api/v1/traces/pcap").await.status, StatusCode::FORBIDDEN);
    let reply = desk.get(&admin, "/api/v1/traces/pcap?call=x@y").await;
    assert_eq!((reply.status, reply.text.as_str()), (StatusCode::OK, "pcap of Some(\"x@y\")"));
    assert_eq!(desk.write("DELETE", &admin, "/api/v1/traces", "").await.status, StatusCode::OK);
    assert!(desk.picture.filters.lock().unwrap().is_empty());
}
