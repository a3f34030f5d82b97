//! The search for people.

use axum::http::StatusCode;

use super::desk::{Desk, START};
use crate::{
    base::UserId,
    engine::{DeviceKind, DeviceView},
};

pub fn device(user: u64, contact: &str, reachable: bool) -> DeviceView {
    DeviceView {
        user: UserId(user),
        kind: DeviceKind::Phone,
        contact: contact.to_owned(),
        user_agent: "desk phone".to_owned(),
        since: START,
        expires: None,
        reachable,
    }
}

/// QM-09: anybody is found by name, role or queue, whatever the case, and shown with each device and whether it can be
/// reached; for supervisors alone.
#[tokio::test]
async fn qm_09_people_are_found_with_their_devices() {
    let desk = Desk::new("people").await;
    desk.picture.snapshot.lock().unwrap().devices = vec![
        device(1, "sip:ana@10.0.0.1", true),
        device(1, "sip:ana@10.0.0.2", false),
        device(3, "sip:eva@10.0.0.3", true),
    ];
    let eva = desk.sign_in("eva").await;
    let found = async |query: &str| {
        let reply = desk.get(&eva, &format!("/api/v1/people{query}")).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
        let people = reply.json()["people"].as_array().unwrap().clone();
        people.iter().map(|person| person["user"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(found("").await, ["adm", "ana", "eva", "rui"]);
    assert_eq!(found("?search=AN").await, ["ana"]);
    assert_eq!(found("?search=office").await.len(), 4, "what phones show of them");
    assert_eq!(found("?role=agent").await, ["ana", "rui"]);
    assert_eq!(found("?role=supervisor&search=a").await, ["eva"]);
    assert_eq!(found("?queue=support").await, ["ana", "rui"]);
    assert!(found("?search=nobody").await.is_empty());
    let ana = &desk.get(&eva, "/api/v1/people?search=ana").await.json()["people"][0];
    assert_eq!((ana["agent"].as_str(), ana["status"].as_str()), (Some("ana"), Some("busy")));
    let devices = ana["devices"].as_array().unwrap();
    assert_eq!(devices.iter().map(|it| it["reachable"].as_bool()).collect::<Vec<_>>(), [Some(true), Some(false)]);
}

/// QM-09: what can't be searched for is said, and agents see nothing.
#[tokio::test]
async fn qm_09_a_bad_search_is_refused() {
    let desk = Desk::new("people-bad").await;
    let eva = desk.sign_in("eva").await;
    for (query, status) in [
        ("?role=boss", StatusCode::BAD_REQUEST),
        ("?name=ana", StatusCode::BAD_REQUEST),
        ("?queue=nowhere", StatusCode::NOT_FOUND),
    ] {
        assert_eq!(desk.get(&eva, &format!("/api/v1/people{query}")).await.status, status, "{query}");
    }
    let ana = desk.sign_in("ana").await;
    assert_eq!(desk.get(&ana, "/api/v1/people").await.status, StatusCode::FORBIDDEN);
}

/// CH-06: anybody who is signed in finds whom a call can go to, by name or number, with how each stands; never himself.
#[tokio::test]
async fn ch_06_whom_a_call_can_go_to() {
    let desk = Desk::new("targets").await;
    desk.picture.snapshot.lock().unwrap().devices = vec![device(2, "sip:rui@10.0.0.3", true)];
    let ana = desk.sign_in("ana").await;
    let found = async |query: &str| {
        let reply = desk.get(&ana, &format!("/api/v1/targets{query}")).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
        reply.json()["targets"].as_array().unwrap().clone()
    };
    let all = found("").await;
    let kinds: Vec<&str> = all.iter().map(|one| one["kind"].as_str().unwrap()).collect();
    assert!(
        kinds.is_sorted_by_key(|kind| ["user", "group", "queue"].iter().position(|other| other == kind)),
        "{kinds:?}"
    );
    assert!(!all.iter().any(|one| one["to"] == "ana"), "{all:?}");
    let rui = found("?search=RUI").await;
    assert_eq!((rui.len(), &rui[0]["kind"], &rui[0]["reachable"]), (1, &"user".into(), &true.into()), "{rui:?}");
    assert!(rui[0]["status"].is_string(), "{rui:?}");
    let long = "x".repeat(65);
    assert_eq!(desk.get(&ana, &format!("/api/v1/targets?search={long}")).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(desk.get("", "/api/v1/targets").await.status, StatusCode::UNAUTHORIZED);
}
