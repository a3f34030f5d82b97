//! Recordings: who may hear which, and who may let them rest.

use axum::http::StatusCode;
use serde_json::json;

use super::desk::{ANA, Desk, RUI, SUPPORT};
use crate::{
    api::ApiSettings,
    base::{AgentId, CallId, LegId, SegmentId, UserId, Wall},
    engine::{Actor, Pause, Record, RecordingView, Request, SegmentFile, SegmentRecord, Span},
    store::scratch::Scratch,
};

fn segment(segment: u64, agent: AgentId, path: &str) -> Record {
    Record::Segment(Box::new(SegmentRecord {
        segment: SegmentId(segment),
        call: CallId(77),
        leg: LegId(1),
        others: vec![LegId(2)],
        queue: Some(SUPPORT),
        agent: Some(agent),
        path: path.into(),
        began: Wall(1_000),
        ended: Some(Wall(2_000)),
        pauses: vec![Pause { by: Actor::Agent(agent), at: Wall(1_100), until: Some(Wall(1_200)) }],
        private: false,
        interrupted: false,
        file: Some(SegmentFile {
            length_ms: 1_000,
            octets: 16,
            sha256: Some("ab".into()),
            paused: vec![Span { from_ms: 100, ms: 100 }],
            lost: Vec::new(),
        }),
    }))
}

fn segments() -> [Record; 4] {
    [
        segment(1, ANA, "recordings/one.wav"),
        segment(2, RUI, "recordings/gone.wav"),
        segment(3, ANA, "recordings/../secret"),
        segment(5, ANA, "recordings/four.opus"),
    ]
}

/// RC-01, AP-10: a supervisor hears every recording of his queues, an agent his own; to others they are not there, and no
/// path leads to another file.
#[tokio::test]
async fn rc_01_who_may_hear_a_recording() {
    let data = Scratch::new("api-heard");
    std::fs::create_dir_all(data.join("recordings")).unwrap();
    std::fs::write(data.join("recordings/one.wav"), b"RIFF of one call").unwrap();
    std::fs::write(data.join("recordings/four.opus"), b"OggS of one call").unwrap();
    std::fs::write(data.join("secret"), b"of the house").unwrap();
    let desk = Desk::with("recordings", ApiSettings { data: data.to_path_buf(), ..ApiSettings::default() }).await;
    desk.api.database.put_records(&segments()).await.unwrap();
    let (ana, rui, eva) = (desk.sign_in("ana").await, desk.sign_in("rui").await, desk.sign_in("eva").await);
    let listed = async |who: &str| {
        let list = desk.get(who, "/api/v1/records/77/recording").await.json();
        let list = list["recording"].as_array().unwrap().clone();
        list.iter().map(|one| one["segment"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(
        (listed(&ana).await, listed(&rui).await),
        (vec!["1".to_owned(), "3".into(), "5".into()], vec!["2".to_owned()])
    );
    assert_eq!(listed(&eva).await, ["1", "2", "3", "5"]);
    let newest = async |who: &str, more: &str| {
        let list = desk.get(who, &format!("/api/v1/recordings{more}")).await.json();
        let list = list["recordings"].as_array().unwrap().clone();
        list.iter().map(|one| one["segment"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(
        (newest(&eva, "").await, newest(&ana, "").await),
        (vec!["5".to_owned(), "3".into(), "2".into(), "1".into()], vec!["5".to_owned(), "3".into(), "1".into()])
    );
    assert_eq!(
        (newest(&rui, "").await, newest(&eva, "?before=3&limit=1").await),
        (vec!["2".to_owned()], vec!["2".to_owned()])
    );
    assert_eq!(desk.get("", "/api/v1/recordings").await.status, StatusCode::UNAUTHORIZED);
    let one = desk.get(&eva, "/api/v1/records/77/recording").await.json()["recording"][0].clone();
    assert_eq!((&one["queue"], &one["agent"], &one["partial"]), (&json!("support"), &json!("ana"), &json!(false)));
    assert_eq!(one["paused"], json!([{ "from_ms": 100, "ms": 100 }]));
    let heard = desk.get(&ana, "/api/v1/recordings/1").await;
    assert_eq!((heard.status, heard.text.as_str()), (StatusCode::OK, "RIFF of one call"));
    assert_eq!(heard.headers["content-type"], "audio/wav");
    assert_eq!(heard.headers["cache-control"], "private, no-store");
    let opus = desk.get(&ana, "/api/v1/recordings/5").await;
    assert_eq!(
        (opus.text.as_str(), &opus.headers["content-type"]),
        ("OggS of one call", &"audio/ogg".parse().unwrap())
    );
    for (who, segment, status) in [
        ("", "1", StatusCode::UNAUTHORIZED),
        (rui.as_str(), "1", StatusCode::NOT_FOUND),
        (&eva, "1", StatusCode::OK),
        (&eva, "2", StatusCode::NOT_FOUND),
        (&eva, "3", StatusCode::NOT_FOUND),
        (&eva, "4", StatusCode::NOT_FOUND),
        (&eva, "..%2f..%2fsecret", StatusCode::NOT_FOUND),
    ] {
        let reply = desk.get(who, &format!("/api/v1/recordings/{segment}")).await;
        assert_eq!(reply.status, status, "{segment}: {}", reply.text);
        assert!(!reply.text.contains("of the house"));
    }
    assert_eq!(desk.get(&rui, "/api/v1/records/78/recording").await.status, StatusCode::NOT_FOUND);
    let unknown = desk.get(&eva, "/api/v1/records/78/recording").await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND, "a call that never was");
    let live = desk.get(&eva, "/api/v1/records/11/recording").await;
    assert_eq!((live.status, &live.json()["recording"]), (StatusCode::OK, &json!([])), "nothing is kept of it yet");
}

/// RC-01, SV-09: a supervisor of other queues hears nothing of this one.
#[tokio::test]
async fn rc_01_a_limited_supervisor_hears_his_queues() {
    let limited = Desk::of("recordings-limited", |centre| {
        centre.supervised.insert(UserId(3), std::collections::BTreeSet::new());
    });
    let limited = limited.await;
    limited.api.database.put_records(&segments()).await.unwrap();
    let eva = limited.sign_in("eva").await;
    assert_eq!(limited.get(&eva, "/api/v1/recordings/1").await.status, StatusCode::FORBIDDEN);
}

/// RC-02, P33: an agent lets the recording of his own call rest, a supervisor of any; the page shows which it is.
#[tokio::test]
async fn rc_02_p33_who_may_pause_a_recording() {
    let desk = Desk::new("recording-rests").await;
    desk.picture.show(|snapshot| {
        let call = snapshot.calls.iter_mut().find(|call| call.call == CallId(11)).unwrap();
        call.recording = Some(RecordingView { paused: true, resumes: Some(Wall(5)) });
    });
    let (ana, rui, eva) = (desk.sign_in("ana").await, desk.sign_in("rui").await, desk.sign_in("eva").await);
    let path = "/api/v1/calls/11/recording";
    let rests = async |who: &str, body: &str| desk.write("PUT", who, path, body).await.status;
    assert_eq!(rests(&rui, r#"{"paused":true}"#).await, StatusCode::NOT_FOUND);
    assert_eq!(rests(&ana, r#"{"paused":1}"#).await, StatusCode::BAD_REQUEST);
    assert_eq!(desk.picture.asked(), []);
    assert_eq!(rests(&ana, r#"{"paused":true}"#).await, StatusCode::OK);
    assert_eq!(rests(&eva, r#"{"paused":false}"#).await, StatusCode::OK);
    let asked = |rests| Request::RestRecording { call: CallId(11), rests };
    let expected = [(Actor::Agent(ANA), asked(true)), (Actor::Supervisor(UserId(3)), asked(false))];
    assert_eq!(desk.picture.asked(), expected);
    let me = desk.get(&ana, "/api/v1/me/status").await.json();
    assert_eq!(me["me"]["engagements"][0]["recording"], json!({ "paused": true, "resumes": 5 }), "{me}");
}
