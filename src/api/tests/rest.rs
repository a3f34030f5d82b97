//! What the addresses do.

use axum::http::{StatusCode, header};
use serde_json::json;

use super::desk::{ANA, Desk, RUI, START, SUPPORT, not_ready};
use crate::{
    acd::{Channel, Extension, Reason, Selection, Status, StatusSpan, WorkChange},
    api::rest::OPENAPI,
    base::{CallId, EngagementId, InteractionId, OfferId, Private, UserId, Wall},
    engine::{Actor, Record, Refused, Request},
};

const HOUR: i64 = 3_600_000;

/// AS-01, AS-02
#[tokio::test]
async fn an_agent_chooses_his_status() {
    let desk = Desk::new("status").await;
    let ana = desk.sign_in("ana").await;
    let put = async |body: &str| desk.write("PUT", &ana, "/api/v1/me/status", body).await;
    assert_eq!(put(r#"{"status":"ready"}"#).await.status, StatusCode::OK);
    assert_eq!(put(r#"{"status":"not_ready","reason":"lunch"}"#).await.status, StatusCode::OK);
    assert_eq!(put(r#"{"dnd":true}"#).await.status, StatusCode::OK);
    let select = |selection| Request::Select { agent: ANA, channel: Channel::Voice, selection };
    let him = Actor::Agent(ANA);
    let wanted = [select(Selection::Ready), select(not_ready("lunch")), Request::Dnd { agent: ANA, on: true }];
    assert_eq!(desk.picture.asked(), wanted.map(|request| (him, request)));
    for made_up in ["nap", "system:login"] {
        let reply = put(&json!({ "status": "not_ready", "reason": made_up }).to_string()).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST);
        assert!(reply.json()["hint"].as_str().unwrap().contains("lunch"));
    }
    assert_eq!(desk.picture.asked(), []);
}

/// AS-05: an administrator takes an agent offline; who is one leaves by signing out, and a supervisor logs him out of queues.
#[tokio::test]
async fn as_05_an_administrator_takes_an_agent_offline() {
    let desk = Desk::new("offline").await;
    for (who, path, status) in [
        ("ana", "/api/v1/me/status", StatusCode::FORBIDDEN),
        ("eva", "/api/v1/agents/rui/status", StatusCode::FORBIDDEN),
        ("adm", "/api/v1/agents/rui/status", StatusCode::OK),
    ] {
        let cookie = desk.sign_in(who).await;
        assert_eq!(desk.write("PUT", &cookie, path, r#"{"status":"offline"}"#).await.status, status, "{who}");
    }
    let [(Actor::Admin(_), Request::ForceOffline { agent: RUI })] = &desk.picture.asked()[..] else {
        panic!("one request")
    };
    let cookie = desk.sign_in("adm").await;
    let body = r#"{"status":"offline","dnd":true}"#;
    assert_eq!(desk.write("PUT", &cookie, "/api/v1/agents/rui/status", body).await.status, StatusCode::BAD_REQUEST);
}

/// RT-18: an agent gives who waits to a colleague; to himself, he takes him.
#[tokio::test]
async fn rt_18_an_agent_gives_a_caller_to_a_colleague() {
    let desk = Desk::new("assign").await;
    let ana = desk.sign_in("ana").await;
    for agent in ["rui", "ana"] {
        let body = json!({ "agent": agent }).to_string();
        let reply = desk.write("POST", &ana, "/api/v1/me/waiting/23/assign", &body).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    }
    let (him, interaction) = (Actor::Agent(ANA), InteractionId(23));
    let wanted = [Request::Assign { interaction, agent: RUI }, Request::Pull { interaction, agent: ANA }];
    assert_eq!(desk.picture.asked(), wanted.map(|request| (him, request)));
    let reply = desk.write("POST", &ana, "/api/v1/me/waiting/23/assign", r#"{"agent":"nobody"}"#).await;
    assert_eq!(reply.status, StatusCode::NOT_FOUND);
}

/// AP-01: what can't be read is refused in the API's words; no list stands for an object.
#[tokio::test]
async fn a_body_that_is_wrong_is_told_what_is_wrong() {
    let desk = Desk::new("bodies").await;
    let ana = desk.sign_in("ana").await;
    for (body, detail, hint) in [
        ("[]", "The body must be a JSON object, not a list.", ""),
        (r#"["ready",null,null,null,null,false,false]"#, "The body must be a JSON object, not a list.", ""),
        (r#""ready""#, "The body must be a JSON object, not a text.", ""),
        (
            r#"{"status":"asleep"}"#,
            "`status` can't be `asleep`.",
            "It is one of `ready`, `not_ready`, `log_off`, `offline`, `busy`.",
        ),
        (r#"{"dnd":1}"#, "`dnd` must be true or false, not 1.", ""),
        (
            r#"{"state":"ready"}"#,
            "There is no field `state` here.",
            "Fields are `status`, `reason`, `channel`, `dnd`, `receive`, `force`, `locked`.",
        ),
    ] {
        let reply = desk.write("PUT", &ana, "/api/v1/me/status", body).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{body}");
        let problem = reply.json();
        assert_eq!(
            (problem["detail"].as_str(), problem["hint"].as_str().unwrap_or("")),
            (Some(detail), hint),
            "{body}"
        );
    }
    let broken = desk.write("PUT", &ana, "/api/v1/me/status", "{\"dnd\":").await;
    assert!(broken.json()["detail"].as_str().unwrap().starts_with("The body is no JSON: "), "{}", broken.text);
    assert_eq!(desk.picture.asked(), []);
}

/// AS-04: what the engine refuses is told with its word and reason.
#[tokio::test]
async fn a_refusal_is_a_problem_document() {
    let desk = Desk::new("refusal").await;
    let ana = desk.sign_in("ana").await;
    let refused = Refused { status: 409, code: "occupied", detail: "a call is live".into() };
    *desk.picture.refuses.lock().unwrap() = Some(refused);
    let reply = desk.write("PUT", &ana, "/api/v1/me/status", r#"{"status":"ready"}"#).await;
    assert_eq!(reply.status, StatusCode::CONFLICT);
    assert_eq!(reply.headers[header::CONTENT_TYPE], "application/problem+json");
    let problem = reply.json();
    assert_eq!(problem["type"], "occupied");
    assert_eq!((&problem["status"], &problem["detail"]), (&json!(409), &json!("a call is live")));
}

/// AS-15: the timer is the server's.
#[tokio::test]
async fn the_own_status_comes_with_the_servers_time() {
    let desk = Desk::new("timer").await;
    let rui = desk.sign_in("rui").await;
    let status = desk.get(&rui, "/api/v1/me/status").await.json();
    assert_eq!((&status["now"], &status["me"]["since"]), (&json!(START.0), &json!(START.0)));
    assert_eq!(status["me"]["status"], "ringing");
    assert_eq!(status["me"]["offers"][0]["caller"], "+351210000022");
    let nobody = desk.sign_in("eva").await;
    assert_eq!(desk.get(&nobody, "/api/v1/me/status").await.status, StatusCode::FORBIDDEN);
}

/// QM-01, QM-03, QM-10: in and out, paused, and where it rings.
#[tokio::test]
async fn an_agent_logs_in_pauses_and_logs_out() {
    let desk = Desk::new("queues").await;
    let ana = desk.sign_in("ana").await;
    let him = Actor::Agent(ANA);
    for (path, body, request) in [
        ("/support", r#"{"do":"log_in"}"#, Request::LogIn { agent: ANA, queues: vec![SUPPORT] }),
        (
            "/support",
            r#"{"do":"pause","reason":"lunch"}"#,
            Request::Pause { agent: ANA, queue: Some(SUPPORT), reason: Some(Reason::new("lunch")) },
        ),
        ("/support", r#"{"do":"resume"}"#, Request::Resume { agent: ANA, queue: Some(SUPPORT) }),
        ("/support", r#"{"do":"log_out"}"#, Request::LogOut { agent: ANA, queue: Some(SUPPORT), now: false }),
        (
            "/support",
            r#"{"do":"pin","device":"phone:Yealink"}"#,
            Request::SetDevice {
                agent: ANA,
                queue: SUPPORT,
                device: Some(crate::acd::DeviceChoice::Named("Yealink".into())),
            },
        ),
        ("/support", r#"{"do":"pin","device":null}"#, Request::SetDevice { agent: ANA, queue: SUPPORT, device: None }),
        ("", r#"{"do":"log_in"}"#, Request::LogIn { agent: ANA, queues: vec![SUPPORT] }),
        ("", r#"{"do":"log_in","queues":["support"]}"#, Request::LogIn { agent: ANA, queues: vec![SUPPORT] }),
        ("", r#"{"do":"pause"}"#, Request::Pause { agent: ANA, queue: None, reason: None }),
        ("", r#"{"do":"resume"}"#, Request::Resume { agent: ANA, queue: None }),
        ("", r#"{"do":"log_out","now":true}"#, Request::LogOut { agent: ANA, queue: None, now: true }),
    ] {
        let reply = desk.write("PUT", &ana, &format!("/api/v1/me/queues{path}"), body).await;
        assert_eq!(reply.status, StatusCode::OK, "{path} {body}: {}", reply.text);
        assert_eq!(desk.picture.asked(), [(him, request)], "{path} {body}");
    }
    for (path, wrong) in [
        ("", r#"{"do":"pin","device":"web"}"#),
        ("/support", r#"{"do":"pin","device":"desk"}"#),
        ("/support", r#"{"do":"resume","reason":"lunch"}"#),
        ("/support", r#"{"do":"log_in","reason":"nosuch"}"#),
    ] {
        let refused = desk.write("PUT", &ana, &format!("/api/v1/me/queues{path}"), wrong).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{wrong}: {}", refused.text);
    }
    let unknown = desk.write("PUT", &ana, "/api/v1/me/queues/sales", r#"{"do":"log_in"}"#).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    let one_unknown = r#"{"do":"log_in","queues":["support","sales"]}"#;
    let refused = desk.write("PUT", &ana, "/api/v1/me/queues", one_unknown).await;
    assert_eq!(
        (refused.status, &refused.json()["detail"]),
        (StatusCode::NOT_FOUND, &json!("There is no queue `sales`."))
    );
    assert_eq!(desk.picture.asked(), [], "all or none");
}

/// AS-02: a reason is said of Not Ready alone, and of a pause; with anything else nothing is done.
#[tokio::test]
async fn as_02_a_reason_goes_with_not_ready() {
    let desk = Desk::new("reasons").await;
    let ana = desk.sign_in("ana").await;
    for wrong in [
        r#"{"status":"ready","reason":"nosuch"}"#,
        r#"{"status":"ready","reason":"lunch"}"#,
        r#"{"dnd":true,"reason":"lunch"}"#,
        r#"{"status":"not_ready","reason":"nosuch"}"#,
    ] {
        let refused = desk.write("PUT", &ana, "/api/v1/me/status", wrong).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{wrong}: {}", refused.text);
        assert_eq!(desk.picture.asked(), [], "{wrong}");
    }
}

/// While it waits, everybody's part; afterwards the record's story; for supervisors.
#[tokio::test]
async fn why_a_call_waits_or_came_to_whom() {
    let desk = Desk::new("why").await;
    let (ana, boss) = (desk.sign_in("ana").await, desk.sign_in("eva").await);
    assert_eq!(desk.get(&ana, "/api/v1/calls/12/why").await.status, StatusCode::FORBIDDEN);
    assert_eq!(desk.get(&boss, "/api/v1/calls/999/why").await.status, StatusCode::NOT_FOUND);
    desk.get(&boss, "/api/v1/calls/12/why").await;
    let asked = desk.picture.asked();
    assert_eq!(asked, [(Actor::Api, Request::Explain { interaction: InteractionId(22) })]);
}

/// RP-06, RP-11: the day's figures, for supervisors; staff for a load, by the queue's own handle time too.
#[tokio::test]
async fn figures_and_staffing() {
    let desk = Desk::new("figures").await;
    let (ana, boss) = (desk.sign_in("ana").await, desk.sign_in("eva").await);
    assert_eq!(desk.get(&ana, "/api/v1/queues/support/figures").await.status, StatusCode::FORBIDDEN);
    let figures = desk.get(&boss, "/api/v1/queues/support/figures").await.json();
    assert_eq!((&figures["figures"]["sl_excl_short"], &figures["ewt_ms"]), (&json!(null), &json!(60_000)));
    assert_eq!(desk.get(&ana, "/api/v1/agents/ana/figures").await.status, StatusCode::OK);
    assert_eq!(desk.get(&ana, "/api/v1/agents/rui/figures").await.status, StatusCode::FORBIDDEN);
    let staffing = async |query: &str| desk.get(&boss, &format!("/api/v1/staffing?{query}")).await;
    let table = staffing("calls_per_hour=200&handle_secs=180").await.json();
    assert_eq!((&table["enough"], &table["erlangs"]), (&json!(14), &json!(10.0)));
    for bad in [
        "calls_per_hour=200",
        "calls_per_hour=200&queue=support",
        "calls_per_hour=-1&handle_secs=9",
        "calls_per_hour=1e9&handle_secs=900",
    ] {
        assert_eq!(staffing(bad).await.status, StatusCode::BAD_REQUEST, "{bad}");
    }
    let nothing = staffing("").await;
    assert_eq!(nothing.status, StatusCode::BAD_REQUEST);
    assert_eq!(nothing.headers[header::CONTENT_TYPE], "application/problem+json");
    assert_eq!(nothing.json()["detail"], "`calls_per_hour` is missing.");
}

/// RP-09, RP-06: every stretch of an agent's time, cut at what was asked for, with their sum and what he kept of his shifts;
/// his own, and for supervisors. Too much at once is refused.
#[tokio::test]
async fn rp_09_an_agents_timeline() {
    let desk = Desk::of("timeline", |centre| {
        let days = "days = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'], from = '00:00', to = '24:00'";
        let always = toml::from_str(&format!("key = 'always'\nhours = [{{ {days} }}]")).unwrap();
        centre.acd.calendars.push(always);
        centre.acd.agents.get_mut(&ANA).unwrap().shifts = Some("always".into());
    })
    .await;
    let hour = |hour: i64| Wall(START.0 + hour * HOUR);
    let span = |status, reason: Option<&str>, from, to| {
        let reason = reason.map(Reason::new);
        Record::Status(StatusSpan { agent: ANA, status, reason, from: hour(from), to: hour(to) })
    };
    let lunch = span(Status::NotReady, Some("lunch"), -4, -2);
    let spans = [span(Status::Offline, None, -9, -4), lunch, span(Status::Ready, None, -2, 0)];
    desk.api.database.put_records(&spans).await.unwrap();
    let (ana, rui, boss) = (desk.sign_in("ana").await, desk.sign_in("rui").await, desk.sign_in("eva").await);
    let path = |from: i64, to: i64| format!("/api/v1/agents/ana/timeline?from={}&to={}", hour(from).0, hour(to).0);
    for who in [&ana, &boss] {
        let told = desk.get(who, &path(-3, 1)).await.json();
        let from_to = |at: usize| (told["spans"][at]["from"].clone(), told["spans"][at]["to"].clone());
        assert_eq!(from_to(0), (json!(hour(-3)), json!(hour(-2))), "{told}");
        assert_eq!((from_to(1), &told["spans"][2]), ((json!(hour(-2)), json!(hour(0))), &json!(null)));
        assert_eq!((&told["spans"][0]["reason"], &told["complete"]), (&json!("lunch"), &json!(true)));
        assert_eq!((&told["logged_in_ms"], &told["adherence"]), (&json!(3 * HOUR), &json!(2.0 / 3.0)));
    }
    assert_eq!(desk.get(&boss, &path(-9, -4)).await.json()["logged_in_ms"], 0);
    assert_eq!(desk.get(&rui, &path(-3, 1)).await.status, StatusCode::FORBIDDEN);
    for (from, to) in [(0, 0), (1, 0), (-24 * 32, 0)] {
        assert_eq!(desk.get(&boss, &path(from, to)).await.status, StatusCode::BAD_REQUEST, "{from} {to}");
    }
}

/// RP-09: while the newest stretch is not written yet, nobody is told that this were all.
#[tokio::test]
async fn rp_09_a_stretch_that_is_not_written_yet_is_missed() {
    let desk = Desk::new("behind").await;
    let rui = desk.sign_in("rui").await;
    let hour = |hour: i64| Wall(START.0 + hour * HOUR);
    let write = async |status, from, to| {
        let span = StatusSpan { agent: RUI, status, reason: None, from: hour(from), to: hour(to) };
        desk.api.database.put_records(&[Record::Status(span)]).await.unwrap();
    };
    let complete = async |from: i64, to: i64| {
        let path = format!("/api/v1/agents/rui/timeline?from={}&to={}", hour(from).0, hour(to).0);
        let told = desk.get(&rui, &path).await.json();
        assert!(told["complete"] == true || told["adherence"].is_null());
        told["complete"].as_bool().unwrap()
    };
    assert!(!complete(-1, 1).await, "he came from somewhere");
    write(Status::Offline, -9, -4).await;
    assert!(!complete(-1, 1).await && !complete(-5, -1).await);
    assert!(complete(0, 1).await && complete(-9, -4).await);
    assert!(!complete(20, 21).await, "that is still to come");
    write(Status::Ready, -4, 0).await;
    assert!(complete(-1, 1).await && complete(-5, -1).await);
}

/// CH-01, AW-03, AW-06
#[tokio::test]
async fn an_agent_answers_and_wraps_up() {
    let desk = Desk::new("work").await;
    let (ana, rui) = (desk.sign_in("ana").await, desk.sign_in("rui").await);
    let post =
        async |who: &str, path: &str, body: &str| desk.write("POST", who, &format!("/api/v1/me{path}"), body).await;
    assert_eq!(post(&rui, "/offers/41/accept", "").await.status, StatusCode::OK);
    assert_eq!(post(&rui, "/offers/41/decline", "").await.status, StatusCode::OK);
    assert_eq!(post(&rui, "/wrap-up/finish", "{}").await.status, StatusCode::OK);
    assert_eq!(post(&rui, "/wrap-up/extend", r#"{"engagement":"31"}"#).await.status, StatusCode::OK);
    let offer = OfferId(41);
    let wanted = [
        Request::Accept { agent: RUI, offer },
        Request::Decline { agent: RUI, offer },
        Request::FinishWrapUp { agent: RUI, engagement: None },
        Request::ExtendWrapUp { agent: RUI, engagement: Some(EngagementId(31)), by: Extension::Step },
    ];
    assert_eq!(desk.picture.asked(), wanted.map(|request| (Actor::Agent(RUI), request)));
    // Another's offer is his in nobody's words but the engine's, which knows whose it is.
    assert_eq!(post(&ana, "/offers/41/accept", "").await.status, StatusCode::OK);
    assert_eq!(desk.picture.asked(), [(Actor::Agent(ANA), Request::Accept { agent: ANA, offer })]);
    assert_eq!(post(&ana, "/offers/x/accept", "").await.status, StatusCode::NOT_FOUND);
    assert_eq!(desk.picture.asked(), []);
}

/// AW-08, AW-09: what is left out stays, null takes back; a made-up word is told with what there is.
#[tokio::test]
async fn work_is_written_and_marked_done() {
    let desk = Desk::new("work").await;
    let ana = desk.sign_in("ana").await;
    let at = async |method: &str, path: &str, body: &str| {
        desk.write(method, &ana, &format!("/api/v1/me/engagements/{path}"), body).await.status
    };
    let full = r#"{"disposition":"sold","tags":["vip"],"notes":"call back"}"#;
    assert_eq!(at("PUT", "31/work", full).await, StatusCode::OK);
    assert_eq!(at("PUT", "31/work", r#"{"disposition":null}"#).await, StatusCode::OK);
    assert_eq!(at("POST", "31/done", r#"{"status":"not_ready","reason":"lunch"}"#).await, StatusCode::OK);
    assert_eq!(at("POST", "31/done", "{}").await, StatusCode::OK);
    let (agent, engagement) = (ANA, EngagementId(31));
    let change = WorkChange {
        disposition: Some(Some("sold".into())),
        tags: Some(["vip".into()].into()),
        notes: Some(Private::new("call back".into())),
    };
    let back = WorkChange { disposition: Some(None), ..WorkChange::default() };
    let wanted = [
        Request::Write { agent, engagement, change },
        Request::Write { agent, engagement, change: back },
        Request::MarkDone { agent, engagement, next: Some(not_ready("lunch")) },
        Request::MarkDone { agent, engagement, next: None },
    ];
    assert_eq!(desk.picture.asked(), wanted.map(|request| (Actor::Agent(ANA), request)));
    for (path, body) in [("31/work", r#"{"note":"x"}"#), ("31/work", "[]")] {
        assert_eq!(at("PUT", path, body).await, StatusCode::BAD_REQUEST, "{body}");
    }
    for body in [r#"{"reason":"lunch"}"#, r#"{"status":"log_off"}"#, r#"{"status":"not_ready","reason":"nap"}"#] {
        assert_eq!(at("POST", "31/done", body).await, StatusCode::BAD_REQUEST, "{body}");
    }
    assert_eq!(at("PUT", "x/work", "{}").await, StatusCode::NOT_FOUND);
}

/// CH-01: an agent ends his own call and no other's.
#[tokio::test]
async fn a_call_is_ended_by_who_may() {
    let desk = Desk::new("hangup").await;
    let (ana, rui, eva) = (desk.sign_in("ana").await, desk.sign_in("rui").await, desk.sign_in("eva").await);
    let end = async |who: &str, call: &str| desk.write("POST", who, &format!("/api/v1/calls/{call}/hangup"), "").await;
    assert_eq!(end(&rui, "11").await.status, StatusCode::NOT_FOUND);
    assert_eq!(end(&rui, "11").await.text, end(&rui, "999").await.text);
    assert_eq!(end(&rui, "x").await.status, StatusCode::NOT_FOUND);
    assert_eq!(desk.picture.asked(), []);
    assert_eq!(end(&ana, "11").await.status, StatusCode::OK);
    assert_eq!(end(&eva, "13").await.status, StatusCode::OK);
    let wanted = [(Actor::Agent(ANA), CallId(11)), (Actor::Supervisor(UserId(3)), CallId(13))];
    assert_eq!(desk.picture.asked(), wanted.map(|(actor, call)| (actor, Request::HangUp { call })));
    let calls = async |who: &str| desk.get(who, "/api/v1/calls").await.json()["calls"].as_array().unwrap().len();
    assert_eq!((calls(&ana).await, calls(&rui).await, calls(&eva).await), (1, 0, 3));
    let trunks = desk.get(&eva, "/api/v1/trunks").await.json();
    assert_eq!((&trunks["trunks"][0]["key"], &trunks["trunks"][0]["reachable"]), (&json!("carrier"), &json!(true)));
    assert_eq!(desk.get(&rui, "/api/v1/trunks").await.status, StatusCode::FORBIDDEN);
}

/// SV-02, SV-03, SV-04
#[tokio::test]
async fn a_supervisor_acts_for_agents_and_an_agent_does_not() {
    let desk = Desk::new("supervisor").await;
    let (rui, eva) = (desk.sign_in("rui").await, desk.sign_in("eva").await);
    let writes = [
        ("PUT", "/agents/ana/status", r#"{"status":"not_ready","reason":"lunch"}"#),
        ("PUT", "/agents/ana/queues/support", r#"{"do":"log_out"}"#),
        ("PUT", "/agents/ana/queues", r#"{"do":"pause"}"#),
        ("POST", "/agents/ana/wrap-up/finish", "{}"),
    ];
    for (method, path, body) in writes {
        let reply = desk.write(method, &rui, &format!("/api/v1{path}"), body).await;
        assert_eq!(reply.status, StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(desk.picture.asked(), []);
    for (method, path, body) in writes {
        let reply = desk.write(method, &eva, &format!("/api/v1{path}"), body).await;
        assert_eq!(reply.status, StatusCode::OK, "{path}: {}", reply.text);
    }
    let asked = desk.picture.asked();
    assert_eq!(asked.len(), writes.len());
    assert!(asked.iter().all(|(actor, _)| *actor == Actor::Supervisor(UserId(3))));
    let unknown = desk.write("PUT", &eva, "/api/v1/agents/nobody/status", r#"{"status":"ready"}"#).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
}

/// AS-17: everyone sees everyone's status; customers' numbers are for supervisors.
#[tokio::test]
async fn others_customers_are_not_shown_to_agents() {
    let desk = Desk::new("filter").await;
    let (ana, eva) = (desk.sign_in("ana").await, desk.sign_in("eva").await);
    for path in ["/api/v1/agents", "/api/v1/queues", "/api/v1/calls"] {
        let text = desk.get(&ana, path).await.text;
        assert!(!text.contains("+351210000022") && !text.contains("+351210000023"), "{path}: {text}");
    }
    let agents = desk.get(&ana, "/api/v1/agents").await.json();
    assert_eq!(agents["agents"][1]["status"], "ringing");
    assert_eq!(agents["agents"][1]["name"], "rui of the office");
    let shown = desk.get(&eva, "/api/v1/queues").await.json();
    assert_eq!(shown["queues"][0]["callers"][0]["ringing"], json!(["rui"]));
}

/// AP-01: the document and the router say the same.
#[tokio::test]
async fn the_openapi_document_is_what_the_router_does() {
    let document: serde_json::Value = serde_json::from_str(OPENAPI).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    let mut described: Vec<(String, String)> = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys().filter(|key| *key != "parameters") {
            described.push((path.clone(), method.clone()));
        }
    }
    let source = include_str!("../mod.rs");
    let mut routed: Vec<(String, String)> = Vec::new();
    for line in source.lines().filter(|line| line.contains(".route(\"/") && line.contains("rest::")) {
        let path = line.split('"').nth(1).unwrap();
        for method in ["get", "post", "put", "delete"].iter().filter(|method| line.contains(&format!("{method}(rest")))
        {
            routed.push((format!("/api/v1{path}"), (*method).to_owned()));
        }
    }
    routed.push(("/api/v1/live".into(), "get".into()));
    for path in ["/healthz", "/readyz", "/metrics"] {
        routed.push((path.into(), "get".into()));
    }
    described.sort();
    routed.sort();
    assert_eq!(described, routed);
    let desk = Desk::new("openapi").await;
    assert_eq!(desk.get("", "/api/v1/openapi.json").await.text, OPENAPI);
}
