//! Thirds in calls, and supervisors' ears: who may.

use axum::http::StatusCode;

use super::desk::{ANA, Desk};
use crate::{
    base::{CallId, LegId, Private, UserId},
    engine::{Actor, LegView, Request, Supervision},
    switch::{Guest, LegParty, LegSide},
};

fn leg(leg: u64, guest: Option<Guest>) -> LegView {
    LegView {
        leg: LegId(leg),
        side: LegSide::Called,
        party: LegParty::User(UserId(leg)),
        address: Private::new(format!("leg {leg}")),
        answered: true,
        holds: false,
        guest,
        muted: false,
        gain_db: 0,
        held: false,
    }
}

/// CH-13, CH-03: an agent brings a third into his own call and no other's; whom he does not see he can't put out or mute.
#[tokio::test]
async fn ch_13_ch_03_who_brings_a_third_in() {
    let desk = Desk::new("parties").await;
    desk.picture.show(|snapshot| {
        let call = snapshot.calls.iter_mut().find(|call| call.call == CallId(11)).unwrap();
        call.legs = vec![leg(1, None), leg(2, None), leg(3, Some(Guest::Party)), leg(4, Some(Guest::Listens))];
    });
    let (ana, rui, eva) = (desk.sign_in("ana").await, desk.sign_in("rui").await, desk.sign_in("eva").await);
    let at = async |method: &str, who: &str, path: &str, body: &str| {
        desk.write(method, who, &format!("/api/v1/calls/{path}"), body).await.status
    };
    let to = r#"{"to":"eva"}"#;
    assert_eq!(at("POST", "", "11/parties", to).await, StatusCode::UNAUTHORIZED);
    assert_eq!(at("POST", &rui, "11/parties", to).await, StatusCode::NOT_FOUND);
    for body in [r#"{"to":""}"#, "{}", r#"{"to":"x","by":3}"#] {
        assert_eq!(at("POST", &ana, "11/parties", body).await, StatusCode::BAD_REQUEST, "{body}");
    }
    for unseen in ["4", "99", "x"] {
        assert_eq!(at("DELETE", &ana, &format!("11/parties/{unseen}"), "").await, StatusCode::NOT_FOUND);
        assert_eq!(at("PUT", &ana, &format!("11/parties/{unseen}"), r#"{"muted":true}"#).await, StatusCode::NOT_FOUND);
    }
    assert_eq!(desk.picture.asked(), []);
    assert_eq!(at("POST", &ana, "11/parties", to).await, StatusCode::OK);
    assert_eq!(at("PUT", &ana, "11/parties/2", r#"{"muted":true}"#).await, StatusCode::OK);
    assert_eq!(at("DELETE", &eva, "11/parties/3", "").await, StatusCode::OK);
    let asked: Vec<_> = desk.picture.asked();
    assert!(matches!(&asked[0], (Actor::Agent(ANA), Request::AddLeg { call: CallId(11), to, .. }) if to == "eva"));
    let mute = Request::MuteLeg { call: CallId(11), leg: LegId(2), muted: true };
    assert_eq!(asked[1], (Actor::Agent(ANA), mute));
    for body in
        [r#"{}"#, r#"{"gain_db":13}"#, r#"{"gain_db":-25}"#, r#"{"gain_db":3,"muted":true}"#, r#"{"gain_db":1.5}"#]
    {
        assert_eq!(at("PUT", &ana, "11/parties/2", body).await, StatusCode::BAD_REQUEST, "{body}");
    }
    assert_eq!(at("PUT", &rui, "11/parties/2", r#"{"gain_db":3}"#).await, StatusCode::NOT_FOUND);
    assert_eq!(desk.picture.asked(), []);
    assert_eq!(at("PUT", &ana, "11/parties/2", r#"{"gain_db":-24}"#).await, StatusCode::OK);
    let quieter = Request::SetGain { call: CallId(11), leg: LegId(2), gain_db: -24 };
    assert_eq!(desk.picture.asked(), [(Actor::Agent(ANA), quieter)]);
    let put_out = Request::DropLeg { call: CallId(11), leg: LegId(3) };
    assert_eq!(asked[2], (Actor::Supervisor(UserId(3)), put_out));
    let calls = desk.get(&ana, "/api/v1/calls").await.json();
    assert_eq!(calls["calls"][0]["legs"], 3, "who listens is not shown");
    assert_eq!(calls["calls"][0]["parties"][2]["third"], true);
}

/// CP-07: who has picked up is guessed by figures that mean something; anything else is refused before anybody is asked.
#[tokio::test]
async fn cp_07_an_answer_is_judged_by_figures_that_can_be() {
    let desk = Desk::new("judging").await;
    desk.picture.show(|snapshot| {
        let call = snapshot.calls.iter_mut().find(|call| call.call == CallId(11)).unwrap();
        call.legs = vec![leg(1, None), leg(2, None)];
    });
    let ana = desk.sign_in("ana").await;
    let judged = async |body: &str| desk.write("POST", &ana, "/api/v1/calls/11/parties/2/answer", body).await.status;
    for body in
        [r#"{"greeting_ms":30001}"#, r#"{"silence_threshold":32768}"#, r#"{"silence_threshold":-1}"#, r#"{"loud":1}"#]
    {
        assert_eq!(judged(body).await, StatusCode::BAD_REQUEST, "{body}");
    }
    assert_eq!(desk.picture.asked(), []);
    assert_eq!(judged(r#"{"silence_threshold":32767,"greeting_ms":30000}"#).await, StatusCode::OK);
}

/// SV-07, SV-08: only supervisors listen, whisper, barge and take over.
#[tokio::test]
async fn sv_07_sv_08_who_supervises() {
    let desk = Desk::new("supervision").await;
    let (ana, eva) = (desk.sign_in("ana").await, desk.sign_in("eva").await);
    let at = async |method: &str, who: &str, body: &str| {
        desk.write(method, who, "/api/v1/calls/11/supervision", body).await.status
    };
    assert_eq!(at("PUT", &ana, r#"{"mode":"listen"}"#).await, StatusCode::FORBIDDEN);
    assert_eq!(at("DELETE", &ana, "").await, StatusCode::FORBIDDEN);
    assert_eq!(at("PUT", &eva, r#"{"mode":"spy"}"#).await, StatusCode::BAD_REQUEST);
    assert_eq!(desk.picture.asked(), []);
    let (eva_is, call, user) = (Actor::Supervisor(UserId(3)), CallId(11), UserId(3));
    let modes = [Supervision::Listen, Supervision::Whisper, Supervision::Barge, Supervision::TakeOver];
    for (word, mode) in ["listen", "whisper", "barge", "take_over"].into_iter().zip(modes) {
        assert_eq!(at("PUT", &eva, &format!(r#"{{"mode":"{word}"}}"#)).await, StatusCode::OK);
        assert_eq!(desk.picture.asked().pop(), Some((eva_is, Request::Supervise { call, user, mode })));
    }
    assert_eq!(at("DELETE", &eva, "").await, StatusCode::OK);
    assert_eq!(desk.picture.asked().pop(), Some((eva_is, Request::EndSupervision { call, user })));
}
