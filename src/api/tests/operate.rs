//! What an administrator does to the running switch.

use axum::http::StatusCode;

use super::desk::Desk;

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
    assert!(desk.picture.health.lock().unwrap().draining);
}
