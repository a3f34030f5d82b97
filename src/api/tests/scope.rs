//! Supervisors of some queues.

use std::collections::BTreeSet;

use axum::http::StatusCode;

use super::{
    desk::{ANA, Desk, RUI, SUPPORT},
    people::device,
};
use crate::{
    acd::{AgentSettings, Channel, MemberSnapshot, MemberState, QueueSnapshot, Selection},
    base::{AgentId, QueueId, UserId},
    engine::{Actor, Request},
};

const EVA: UserId = UserId(3);

/// All that a supervisor does to the one queue there is, to its agents, its calls and who waits in it.
const ACTS: [(&str, &str, &str); 11] = [
    ("PUT", "agents/ana/status", r#"{"status":"ready"}"#),
    ("PUT", "agents/ana/queues", r#"{"do":"log_out"}"#),
    ("PUT", "agents/ana/queues/support", r#"{"do":"log_in"}"#),
    ("POST", "agents/ana/wrap-up/finish", "{}"),
    ("PUT", "queues/support/door", r#"{"door":"closed"}"#),
    ("PUT", "waiting/23", r#"{"priority":3}"#),
    ("DELETE", "waiting/23", ""),
    ("PUT", "calls/11/supervision", r#"{"mode":"listen"}"#),
    ("PUT", "calls/11/supervision", r#"{"mode":"barge"}"#),
    ("POST", "calls/11/hangup", ""),
    ("PUT", "calls/11/hold", r#"{"held":true}"#),
];

async fn desk(name: &str, queues: Option<&[QueueId]>) -> Desk {
    let limits: Option<BTreeSet<QueueId>> = queues.map(|queues| queues.iter().copied().collect());
    Desk::of(name, |centre| {
        let mut sales = centre.acd.queues[&SUPPORT].clone();
        sales.key = "sales".into();
        centre.acd.queues.insert(QueueId(99), sales);
        centre.supervised.extend(limits.map(|limits| (EVA, limits)));
    })
    .await
}

/// SV-09, AD-01: a supervisor of other queues does nothing to this one, its agents and calls, and sees none of its calls;
/// one of this queue, one without limits and an administrator do.
#[tokio::test]
async fn sv_09_a_supervisor_of_other_queues_has_no_rights() {
    let outside: &[QueueId] = &[QueueId(99)];
    let inside: &[QueueId] = &[SUPPORT];
    let cases = [("out", "eva", Some(outside), false), ("in", "eva", Some(inside), true), ("all", "eva", None, true)];
    for (name, who, queues, may) in cases.into_iter().chain([("adm", "adm", Some(outside), true)]) {
        let desk = desk(&format!("scope-{name}"), queues).await;
        desk.picture.show(|shown| shown.devices.push(device(1, "sip:ana@10.0.0.1", true)));
        let cookie = desk.sign_in(who).await;
        for (method, path, body) in ACTS {
            let status = desk.write(method, &cookie, &format!("/api/v1/{path}"), body).await.status;
            let expected = if may { StatusCode::OK } else { StatusCode::FORBIDDEN };
            assert_eq!(status, expected, "{name}: {method} {path}");
        }
        assert_eq!(desk.picture.asked().is_empty(), !may, "{name}: what is refused does not reach the engine");
        let calls = desk.get(&cookie, "/api/v1/calls").await.json()["calls"].as_array().unwrap().len();
        assert_eq!(calls > 0, may, "{name}");
        let of_agent = desk.get(&cookie, "/api/v1/agents/ana/figures").await.status;
        assert_eq!(of_agent != StatusCode::FORBIDDEN, may, "{name}: figures of an agent");
        let devices = desk.get(&cookie, "/api/v1/registrations").await.json()["registrations"].to_string();
        assert_eq!(devices.contains("\"ana\""), may, "{name}: devices of an agent");
        let figures = desk.get(&cookie, "/api/v1/queues/support/figures").await.status;
        assert_eq!(figures == StatusCode::OK, may, "{name}");
        let staffing = "/api/v1/staffing?calls_per_hour=20&handle_secs=60&queue=support";
        assert_eq!(desk.get(&cookie, staffing).await.status == StatusCode::OK, may, "{name}: its staff");
    }
}

/// SV-09: whoever logs an agent in to a queue of his for a time has power over that membership, not over the agent.
#[tokio::test]
async fn sv_09_a_temporary_membership_gives_no_rights_to_an_agent() {
    const SALES: QueueId = QueueId(99);
    for (temporary, expected) in [(true, StatusCode::FORBIDDEN), (false, StatusCode::OK)] {
        let desk = desk(&format!("scope-temporary-{temporary}"), Some(&[SALES])).await;
        desk.picture.show(|snapshot| {
            let sales = QueueSnapshot { queue: SALES, key: "sales".into(), ..snapshot.acd.queues[0].clone() };
            snapshot.acd.queues.push(sales);
            let state = MemberState::Active;
            snapshot.acd.agents[0].queues.push(MemberSnapshot {
                queue: SALES,
                state,
                temporary,
                tier: 0,
                device: Default::default(),
            });
            snapshot.devices.push(device(1, "sip:ana@10.0.0.1", true));
        });
        let eva = desk.sign_in("eva").await;
        for (method, path, body) in [
            ("PUT", "agents/ana/status", r#"{"status":"not_ready"}"#),
            ("PUT", "agents/ana/queues", r#"{"do":"pause"}"#),
            ("POST", "agents/ana/wrap-up/finish", "{}"),
        ] {
            let status = desk.write(method, &eva, &format!("/api/v1/{path}"), body).await.status;
            assert_eq!(status, expected, "{temporary}: {path}");
        }
        let figures = desk.get(&eva, "/api/v1/agents/ana/figures").await.status;
        assert_eq!(figures == StatusCode::FORBIDDEN, temporary, "{figures}");
        let devices = desk.get(&eva, "/api/v1/registrations").await.json()["registrations"].to_string();
        assert_eq!(devices.contains("\"ana\""), !temporary);
        let out = desk.write("PUT", &eva, "/api/v1/agents/ana/queues/sales", r#"{"do":"log_out"}"#).await;
        assert_eq!(out.status, StatusCode::OK, "the membership is his");
    }
}

/// SV-09: "all queues" are those that he supervises: memberships elsewhere stay, and to name another is refused.
#[tokio::test]
async fn sv_09_all_queues_are_those_he_supervises() {
    const SALES: QueueId = QueueId(99);
    let desk = desk("scope-all-queues", Some(&[SALES])).await;
    let member =
        |queue, state, temporary| MemberSnapshot { queue, state, temporary, tier: 0, device: Default::default() };
    let paused = MemberState::Paused { reason: None };
    desk.picture.show(|snapshot| {
        let sales = QueueSnapshot { queue: SALES, key: "sales".into(), ..snapshot.acd.queues[0].clone() };
        snapshot.acd.queues.push(sales);
        snapshot.acd.agents[0].queues =
            vec![member(SUPPORT, MemberState::Active, false), member(SALES, MemberState::Active, false)];
        snapshot.acd.agents[1].queues =
            vec![member(SUPPORT, paused.clone(), false), member(SALES, paused.clone(), false)];
    });
    let eva = desk.sign_in("eva").await;
    let change = async |agent: &str, body: &str| {
        let reply = desk.write("PUT", &eva, &format!("/api/v1/agents/{agent}/queues"), body).await;
        (reply.status, desk.picture.asked().into_iter().map(|(_, request)| request).collect::<Vec<_>>())
    };
    let (agent, queue, now) = (ANA, Some(SALES), false);
    let cases = [
        ("ana", r#"{"do":"log_out"}"#, vec![Request::LogOut { agent, queue, now }]),
        ("ana", r#"{"do":"pause"}"#, vec![Request::Pause { agent, queue, reason: None }]),
        ("ana", r#"{"do":"log_in"}"#, vec![Request::LogIn { agent, queues: vec![SALES] }]),
        ("ana", r#"{"do":"log_in","queues":["sales"]}"#, vec![Request::LogIn { agent, queues: vec![SALES] }]),
        ("ana", r#"{"do":"resume"}"#, vec![]),
        ("rui", r#"{"do":"resume"}"#, vec![Request::Resume { agent: RUI, queue }]),
    ];
    for (who, body, asked) in cases {
        assert_eq!(change(who, body).await, (StatusCode::OK, asked), "{who} {body}");
    }
    let named = change("ana", r#"{"do":"log_in","queues":["sales","support"]}"#).await;
    assert_eq!(named, (StatusCode::FORBIDDEN, vec![]));
}

/// AS-22, AD-01: a supervisor and an administrator who are agents too choose their own status at the workspace as any
/// agent does, and act there as agents; whoever is an agent alone reaches nothing else.
#[tokio::test]
async fn as_22_any_role_may_be_an_agent() {
    let desk = Desk::of("roles", |centre| {
        for (id, key) in [(3, "eva"), (4, "adm")] {
            let agent = AgentSettings { key: key.into(), ..AgentSettings::default() };
            centre.acd.agents.insert(AgentId(id), agent);
        }
    })
    .await;
    for (who, agent) in [("ana", AgentId(1)), ("eva", AgentId(3)), ("adm", AgentId(4))] {
        let cookie = desk.sign_in(who).await;
        let reply = desk.write("PUT", &cookie, "/api/v1/me/status", r#"{"status":"ready"}"#).await;
        assert_eq!(reply.status, StatusCode::OK, "{who}: {}", reply.text);
        let select = Request::Select { agent, channel: Channel::Voice, selection: Selection::Ready };
        assert_eq!(desk.picture.asked(), [(Actor::Agent(agent), select)], "{who}");
    }
    let ana = desk.sign_in("ana").await;
    for path in ["people", "records", "registrations", "trunks", "queues/support/figures"] {
        assert_eq!(desk.get(&ana, &format!("/api/v1/{path}")).await.status, StatusCode::FORBIDDEN, "{path}");
    }
}
