//! Other sites, big requests, strangers at the metrics.

use axum::{
    body::Body,
    http::{Request as HttpRequest, StatusCode, header},
};

use super::desk::{Desk, OFFICE};
use crate::{
    api::{ApiSettings, Health},
    base::Private,
    engine::Refused,
};

/// CSRF.
#[tokio::test]
async fn a_foreign_page_can_not_write() {
    let settings = ApiSettings { origins: vec!["https://pages.example".into()], ..ApiSettings::default() };
    let desk = Desk::with("csrf", settings).await;
    let ana = desk.sign_in("ana").await;
    let ready = |name: &'static str, value: &'static str| {
        let request =
            HttpRequest::put("/api/v1/me/status").header(header::COOKIE, &ana).header(header::HOST, "desk.example");
        let request = request.header(header::CONTENT_TYPE, "application/json").header(name, value);
        request.body(Body::from(r#"{"status":"ready"}"#)).unwrap()
    };
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("origin", "http://desk.example.evil.example"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let reply = desk.send(OFFICE, ready(name, value)).await;
        assert_eq!(reply.status, StatusCode::FORBIDDEN, "{name}: {value}");
    }
    assert_eq!(desk.picture.asked(), []);
    for (name, value) in [
        ("origin", "http://desk.example"),
        ("origin", "https://desk.example"),
        ("origin", "https://pages.example"),
        ("sec-fetch-site", "same-origin"),
        ("x-program", "no browser"),
    ] {
        let reply = desk.send(OFFICE, ready(name, value)).await;
        assert_eq!(reply.status, StatusCode::OK, "{name}: {value}");
    }
}

/// A form of another site can send text, but not JSON.
#[tokio::test]
async fn bodies_are_small_and_json() {
    let desk = Desk::new("bodies").await;
    let ana = desk.sign_in("ana").await;
    let big = format!(r#"{{"status":"ready","reason":"{}"}}"#, "x".repeat(20_000));
    assert_eq!(desk.write("PUT", &ana, "/api/v1/me/status", &big).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    for wrong in ["", "{", "[]", r#"{"status":"bored"}"#, r#"{"status":"ready","more":1}"#, "{}"] {
        let reply = desk.write("PUT", &ana, "/api/v1/me/status", wrong).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{wrong}: {}", reply.text);
        assert_eq!(reply.headers[header::CONTENT_TYPE], "application/problem+json");
    }
    let busy = desk.write("PUT", &ana, "/api/v1/me/status", r#"{"status":"busy","dnd":true}"#).await;
    assert_eq!(busy.status, StatusCode::CONFLICT, "AS-04: {}", busy.text);
    // AS-08: of what is refused nothing is done.
    let half = r#"{"dnd":true,"status":"not_ready","reason":"nope"}"#;
    assert_eq!(desk.write("PUT", &ana, "/api/v1/me/status", half).await.status, StatusCode::BAD_REQUEST);
    let request = HttpRequest::put("/api/v1/me/status").header(header::COOKIE, &ana);
    let form = request.header(header::CONTENT_TYPE, "text/plain").body(Body::from(r#"{"status":"ready"}"#)).unwrap();
    assert_eq!(desk.send(OFFICE, form).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(desk.picture.asked(), []);
}

#[tokio::test]
async fn every_answer_carries_the_guarding_headers() {
    let desk = Desk::new("headers").await;
    for path in ["/", "/nothing", "/api/v1/nothing", "/api/v1/me", "/healthz", "/app/../../etc/passwd"] {
        let reply = desk.get("", path).await;
        for name in ["content-security-policy", "x-content-type-options", "x-frame-options", "referrer-policy"] {
            assert!(reply.headers.contains_key(name), "{path}: {name}");
        }
        assert!(!reply.text.contains("root:"));
    }
    assert_eq!(desk.get("", "/api/v1/me").await.headers[header::CACHE_CONTROL], "no-store");
    assert_eq!(desk.write("PATCH", "", "/api/v1/me", "{}").await.status, StatusCode::METHOD_NOT_ALLOWED);
}

/// AP-07: metrics from this machine, with the token, or for an administrator.
#[tokio::test]
async fn metrics_are_not_for_strangers() {
    let settings = ApiSettings { metrics_token: Some(Private::new("s3cret".into())), ..ApiSettings::default() };
    let desk = Desk::with("metrics", settings).await;
    let from = |host: &'static str, token: &'static str, cookie: String| {
        let request = HttpRequest::get("/metrics").header(header::HOST, host).header(header::COOKIE, cookie);
        request.header(header::AUTHORIZATION, token).body(Body::empty()).unwrap()
    };
    let none = String::new;
    let local = desk.send("127.0.0.1:5", from("localhost:8080", "", none())).await;
    assert_eq!(local.status, StatusCode::OK);
    for line in
        ["process_metric 1", "queue_waiting{queue=\"support\"} 2", "agents{status=\"busy\"} 1", "snapshot_missing 0"]
    {
        assert!(local.text.lines().any(|found| found == line), "{line} in\n{}", local.text);
    }
    for (peer, host, token, status) in [
        (OFFICE, "desk.example", "", StatusCode::FORBIDDEN),
        (OFFICE, "localhost", "", StatusCode::FORBIDDEN),
        ("127.0.0.1:5", "evil.example", "", StatusCode::FORBIDDEN),
        (OFFICE, "desk.example", "Bearer wrong", StatusCode::FORBIDDEN),
        (OFFICE, "desk.example", "Bearer s3cret", StatusCode::OK),
    ] {
        assert_eq!(desk.send(peer, from(host, token, none())).await.status, status, "{peer} {host} {token}");
    }
    for (name, status) in [("ana", StatusCode::FORBIDDEN), ("eva", StatusCode::FORBIDDEN), ("adm", StatusCode::OK)] {
        let cookie = desk.sign_in(name).await;
        assert_eq!(desk.get(&cookie, "/metrics").await.status, status, "{name}");
    }
}

#[tokio::test]
async fn health_and_readiness_tell_apart_what_is_wrong() {
    let desk = Desk::new("health").await;
    let well = Health { engine: true, restored: true, journal: true, draining: false };
    for (health, healthy, ready) in [
        (well, true, true),
        (Health { restored: false, ..well }, true, false),
        (Health { journal: false, ..well }, true, false),
        (Health { draining: true, ..well }, true, false),
        (Health { engine: false, ..well }, false, false),
    ] {
        *desk.picture.health.lock().unwrap() = health;
        assert_eq!(desk.get("", "/healthz").await.status.is_success(), healthy);
        assert_eq!(desk.get("", "/readyz").await.status.is_success(), ready);
    }
}

#[tokio::test]
async fn a_full_disk_is_named_in_the_hint() {
    let desk = Desk::new("full").await;
    let ana = desk.sign_in("ana").await;
    let refused = Refused { status: 503, code: "journal", detail: "not written".into() };
    *desk.picture.refuses.lock().unwrap() = Some(refused);
    *desk.picture.health.lock().unwrap() = Health { engine: true, restored: true, journal: false, draining: false };
    let reply = desk.write("PUT", &ana, "/api/v1/me/status", r#"{"status":"ready"}"#).await;
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(reply.json()["hint"].as_str().unwrap().contains("disk"));
    assert_eq!(reply.headers[header::RETRY_AFTER], "2");
}

/// AP-01: what the router itself can't read is told as every other fault is.
#[tokio::test]
async fn ap_01_an_address_that_is_no_text_is_a_problem() {
    let desk = Desk::new("address").await;
    let eva = desk.sign_in("eva").await;
    let reply = desk.get(&eva, "/api/v1/calls/%ff").await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    assert_eq!(reply.headers[header::CONTENT_TYPE], "application/problem+json", "{}", reply.text);
}
