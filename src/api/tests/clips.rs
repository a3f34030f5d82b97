//! Clips at the API: whose they are, who may do what, and what the workers are told.

use axum::{
    body::Body,
    http::{Request as HttpRequest, StatusCode, header},
};
use serde_json::Value;

use super::desk::{Desk, OFFICE, Reply};
use crate::engine::Request;

fn file(millis: usize) -> Vec<u8> {
    [b"RIFF".to_vec(), vec![0x55; millis * 8]].concat()
}

async fn upload(desk: &Desk, method: &str, cookie: &str, path: &str, body: Vec<u8>) -> Reply {
    let request = HttpRequest::builder().method(method).uri(format!("/api/v1/clips{path}"));
    let request = request.header(header::COOKIE, cookie).header(header::HOST, "desk.example");
    desk.send(OFFICE, request.body(Body::from(body)).unwrap()).await
}

async fn names(desk: &Desk, cookie: &str, path: &str) -> Vec<String> {
    let listed = desk.get(cookie, path).await.json();
    let name = |clip: &Value| clip["name"].as_str().unwrap().to_owned();
    listed["clips"].as_array().unwrap().iter().map(name).collect()
}

const LIST: &str = "/api/v1/clips";

/// SC-01, SC-06: an agent's clip is his alone; supervisors keep those of all; what is no sound is refused.
#[tokio::test]
async fn sc_01_sc_06_whose_clips_are() {
    let desk = Desk::new("clips").await;
    let (ana, rui, eva) = (desk.sign_in("ana").await, desk.sign_in("rui").await, desk.sign_in("eva").await);
    assert_eq!(upload(&desk, "POST", "", "?name=x", file(100)).await.status, StatusCode::UNAUTHORIZED);
    for (path, body, status) in [
        ("?name=", file(100), StatusCode::BAD_REQUEST),
        ("?nam=x", file(100), StatusCode::BAD_REQUEST),
        ("?name=x", b"<html>".to_vec(), StatusCode::BAD_REQUEST),
        ("?name=x", Vec::new(), StatusCode::BAD_REQUEST),
        ("?name=x&public=true", file(100), StatusCode::FORBIDDEN),
        ("?name=x", vec![0; 33 << 20], StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        assert_eq!(upload(&desk, "POST", &ana, path, body).await.status, status, "{path}");
    }
    let made = upload(&desk, "POST", &ana, "?name=Hello%20..%2Fthere&tags=greeting,%20en", file(250)).await;
    assert_eq!(made.status, StatusCode::OK, "{}", made.text);
    let clip = made.json()["clip"].clone();
    assert_eq!((&clip["name"], &clip["millis"], &clip["own"]), (&"Hello ../there".into(), &250.into(), &true.into()));
    assert_eq!(clip["tags"], serde_json::json!(["greeting", "en"]));
    assert_eq!(clip["sha256"].as_str().unwrap().len(), 64);
    assert_eq!(upload(&desk, "POST", &eva, "?name=All&public=true", file(100)).await.status, StatusCode::OK);
    assert_eq!(names(&desk, &ana, LIST).await, ["Hello ../there", "All"]);
    assert_eq!(names(&desk, &rui, LIST).await, ["All"]);
    let own = format!("{LIST}/{}", clip["clip"].as_str().unwrap());
    assert_eq!(desk.write("PUT", &rui, &own, r#"{"name":"mine"}"#).await.status, StatusCode::NOT_FOUND);
    let all = format!("{LIST}/{}", (clip["clip"].as_str().unwrap().parse::<u64>().unwrap() + 1));
    assert_eq!(desk.write("PUT", &ana, &all, r#"{"name":"mine"}"#).await.status, StatusCode::FORBIDDEN);
    assert_eq!(desk.write("DELETE", &rui, &all, "").await.status, StatusCode::FORBIDDEN);
    assert_eq!(
        desk.picture.clips(),
        [
            (clip["clip"].as_str().unwrap().parse().unwrap(), 2_000),
            (1 + clip["clip"].as_str().unwrap().parse::<u64>().unwrap(), 800)
        ]
    );
}

/// SC-02, SC-03: changed, archived and out of reach, taken back, recorded anew, deleted; after a restart those that may be
/// played are there again.
#[tokio::test]
async fn sc_02_sc_03_a_clips_life() {
    let desk = Desk::new("clip-life").await;
    let ana = desk.sign_in("ana").await;
    let made = upload(&desk, "POST", &ana, "?name=One", file(100)).await.json();
    let id = made["clip"]["clip"].as_str().unwrap().to_owned();
    let at = format!("{LIST}/{id}");
    let play = format!(r#"{{"clip":"{id}","hang_up":true}}"#);
    let renamed = desk.write("PUT", &ana, &at, r#"{"name":"Two","tags":["a"]}"#).await.json();
    assert_eq!((&renamed["clip"]["name"], &renamed["clip"]["archived"]), (&"Two".into(), &false.into()));
    assert_eq!(desk.write("PUT", &ana, &at, r#"{"archived":true}"#).await.status, StatusCode::OK);
    assert_eq!(desk.picture.clips(), [], "the workers forget it");
    assert_eq!(names(&desk, &ana, LIST).await, [""; 0]);
    assert_eq!(names(&desk, &ana, "/api/v1/clips?archived=true").await, ["Two"]);
    assert_eq!(desk.write("POST", &ana, "/api/v1/calls/11/clip", &play).await.status, StatusCode::NOT_FOUND);
    assert_eq!(desk.write("PUT", &ana, &at, r#"{"archived":false}"#).await.status, StatusCode::OK);
    assert_eq!(upload(&desk, "PUT", &ana, &format!("/{id}/sound"), file(300)).await.status, StatusCode::OK);
    assert_eq!(desk.picture.clips(), [(id.parse().unwrap(), 2_400)]);
    desk.picture.asked();
    assert_eq!(desk.write("POST", &ana, "/api/v1/calls/11/clip", &play).await.status, StatusCode::OK);
    assert!(
        matches!(desk.picture.asked()[..], [(_, Request::PlayClip { play, .. })] if play.hang_up && play.agent_hears)
    );
    let along = format!(r#"{{"clip":"{id}","with_talk":true}}"#);
    assert_eq!(desk.write("POST", &ana, "/api/v1/calls/11/clip", &along).await.status, StatusCode::OK);
    assert!(matches!(desk.picture.asked()[..], [(_, Request::PlayClip { play, .. })] if play.with_talk));
    let both = format!(r#"{{"clip":"{id}","with_talk":true,"hang_up":true}}"#);
    assert_eq!(desk.write("POST", &ana, "/api/v1/calls/11/clip", &both).await.status, StatusCode::BAD_REQUEST);
    let again = desk.restarted().await;
    again.api.load_clips().await;
    assert_eq!(again.picture.clips(), [(id.parse().unwrap(), 2_400)], "known again after a restart");
    drop(again);
    assert_eq!(desk.write("DELETE", &ana, &at, "").await.status, StatusCode::OK);
    assert_eq!(desk.write("DELETE", &ana, &at, "").await.status, StatusCode::NOT_FOUND);
    assert_eq!((names(&desk, &ana, LIST).await.len(), desk.picture.clips().len()), (0, 0));
}
