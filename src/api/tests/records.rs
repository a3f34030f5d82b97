//! Call records and what agents wrote of them, as programs read them.

use axum::http::StatusCode;
use serde_json::json;

use super::desk::{ANA, Desk, START, SUPPORT};
use crate::{
    acd::{EngagementSummary, Factor, InteractionKind, PartEnd, WhyNobody, Work},
    base::{CallId, EngagementId, InteractionId, Private, Wall},
    engine::{Actor, CallRecord, Direction, QueueRecord, Record, StoryEvent, StoryStep},
    switch::{Cause, EndedBy},
};

/// Of one call that was given up in the queue, and of what an agent wrote of it.
fn records() -> [Record; 2] {
    let record = CallRecord {
        call: CallId(77),
        direction: Direction::Inbound,
        trunk: None,
        caller: Private::new("+351210000077'; DROP TABLE calls; --".into()),
        dialled: Private::new("800".into()),
        began: START,
        answered: Some(START),
        connected: None,
        ended: Wall(START.0 + 5_000),
        cause: Cause { sip: 200, q850: 16 },
        ended_by: EndedBy::Peer,
        queue: Some(QueueRecord {
            story: vec![StoryStep {
                at: Wall(5),
                queue: SUPPORT,
                what: StoryEvent::Nobody(WhyNobody {
                    excluded: vec![(Factor::Paused, 2)],
                    unfit: 1,
                    vetoed: 0,
                    delayed: false,
                }),
            }],
            queue: SUPPORT,
            interaction: InteractionId(5),
            outcome: "abandoned".into(),
            waited_ms: 5_000,
            agent: None,
            offers: 1,
            why: None,
        }),
        menus: Vec::new(),
        legs: Vec::new(),
    };
    let engagement = EngagementSummary {
        engagement: EngagementId(9),
        agent: ANA,
        interaction: InteractionId(5),
        call: Some(CallId(77)),
        queue: Some(SUPPORT),
        kind: InteractionKind::Inbound,
        accepted: Wall(3),
        ended: Wall(9),
        talk_ms: 4,
        wrap_up_ms: 2,
        extended: 0,
        end: Some(PartEnd::Transferred),
        work: Work { disposition: Some("sold".into()), ..Work::default() },
        actor: Actor::Agent(ANA),
    };
    [Record::Call(Box::new(record)), Record::Engagement(Box::new(engagement))]
}

/// AP-05
#[tokio::test]
async fn supervisors_read_call_records() {
    let desk = Desk::new("records").await;
    desk.api.database.put_records(&records()).await.unwrap();
    let (ana, eva) = (desk.sign_in("ana").await, desk.sign_in("eva").await);
    assert_eq!(desk.get(&ana, "/api/v1/records").await.status, StatusCode::FORBIDDEN);
    assert_eq!(desk.get(&ana, "/api/v1/records/77").await.status, StatusCode::FORBIDDEN);
    let list = desk.get(&eva, "/api/v1/records?queue=support&limit=10").await.json();
    assert_eq!(list["records"][0]["caller"], "+351210000077'; DROP TABLE calls; --");
    assert_eq!(list["records"][0]["queue"]["queue"], "support");
    let one = desk.get(&eva, "/api/v1/records/77").await.json()["record"].clone();
    assert_eq!((&one["call"], &one["engagements"][0]["disposition"]), (&json!("77"), &json!("sold")));
    assert_eq!(one["engagements"][0]["agent"], "ana");
    assert_eq!(desk.get(&eva, "/api/v1/records/78").await.status, StatusCode::NOT_FOUND);
    assert_eq!(desk.get(&eva, "/api/v1/records?limit=x").await.status, StatusCode::BAD_REQUEST);
}

/// AP-05: records as a table for spreadsheets, in which nothing that a caller chose is a formula.
#[tokio::test]
async fn ap_05_call_records_come_as_csv() {
    let desk = Desk::new("records-csv").await;
    desk.api.database.put_records(&records()).await.unwrap();
    let (ana, eva) = (desk.sign_in("ana").await, desk.sign_in("eva").await);
    assert_eq!(desk.get_as(&ana, "/api/v1/records", "text/csv").await.status, StatusCode::FORBIDDEN);
    let reply = desk.get_as(&eva, "/api/v1/records", "text/csv").await;
    assert!(reply.headers["content-type"].to_str().unwrap().starts_with("text/csv"));
    let lines: Vec<&str> = reply.text.split_terminator("\r\n").collect();
    let [heads, call] = &lines[..] else { panic!("{}", reply.text) };
    assert!(heads.starts_with("call,direction,trunk,caller,dialled,began,"), "{heads}");
    assert_eq!(heads.split(',').count(), call.split(',').count(), "{call}");
    assert!(call.starts_with("77,inbound,") && call.contains(",'+351210000077'; DROP TABLE calls; --,"), "{call}");
    assert!(call.contains(",support,") && call.contains(",abandoned,"), "{call}");
}

/// AP-05: past calls are found by time, number and outcome, page by page.
#[tokio::test]
async fn call_records_are_found() {
    let desk = Desk::new("records-found").await;
    desk.api.database.put_records(&records()).await.unwrap();
    let eva = desk.sign_in("eva").await;
    let began = START.0;
    for (query, found) in [
        ("number=210000077&outcome=abandoned".to_owned(), 1),
        ("number=%25".into(), 0),
        ("number=999".into(), 0),
        ("outcome=answered".into(), 0),
        (format!("after={began}&before={}", began + 1), 1),
        (format!("after={}", began + 1), 0),
        (format!("before={began}"), 0),
        (format!("before={began}&below=78"), 1),
        (format!("before={began}&below=77"), 0),
    ] {
        let list = desk.get(&eva, &format!("/api/v1/records?{query}")).await.json();
        assert_eq!(list["records"].as_array().map(Vec::len), Some(found), "{query}: {list}");
    }
    for bad in ["below=x".to_owned(), format!("number={}", "9".repeat(65)), "since=1".into()] {
        let reply = desk.get(&eva, &format!("/api/v1/records?{bad}")).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{bad}");
    }
}
