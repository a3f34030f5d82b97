//! The live connection, over real sockets.

mod ends;

use std::{net::SocketAddr, time::Duration};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
    time::timeout,
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest, handshake::client::Response},
};

use super::desk::{ANA, Desk, START, SUPPORT, call, centre};
use crate::{
    acd::{
        Activity, MemberState, NeededSkill, Notice, Outcome, Overridden, QueueStanding, Standing, Status, StatusView,
    },
    api::{ServeSettings, serve},
    base::{CallId, InteractionId, LegId, OfferId, PageId, Private, QueueId, UserId},
    engine::{Actor, Centre, Happened, LegView, PageSays, PageTold, Request, ServiceEvent, ServiceTurn},
    switch::{Caller, Guest, LegParty, LegSide, PageOrder},
};

/// A desk with its door open.
struct Open {
    desk: Desk,
    address: SocketAddr,
    _stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Open {
    async fn new(name: &str) -> Self {
        Self::of(name, |_| {}).await
    }

    async fn of(name: &str, change: impl FnOnce(&mut Centre)) -> Self {
        let desk = Desk::of(name, change).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = watch::channel(false);
        let served = serve(listener, desk.router.clone(), ServeSettings::default(), stopped);
        #[allow(clippy::disallowed_methods)]
        let task = tokio::spawn(served);
        Self { desk, address, _stop: stop, task }
    }

    async fn connect(&self, cookie: &str, origin: Option<&str>, query: &str) -> Result<(Page, Response), Error> {
        let mut request = format!("ws://{}/api/v1/live{query}", self.address).into_client_request().unwrap();
        request.headers_mut().insert("cookie", cookie.parse().unwrap());
        if let Some(origin) = origin {
            request.headers_mut().insert("origin", origin.parse().unwrap());
        }
        let (socket, response) = connect_async(request).await?;
        Ok((Page { socket }, response))
    }

    async fn page(&self, cookie: &str) -> Page {
        self.connect(cookie, Some(&format!("http://{}", self.address)), "").await.unwrap().0
    }

    async fn refused(&self, cookie: &str, origin: Option<&str>) -> u16 {
        match self.connect(cookie, origin, "").await {
            Err(Error::Http(response)) => response.status().as_u16(),
            other => panic!("{:?}", other.map(|(_, response)| response)),
        }
    }
}

/// SV-05: events that come faster than they can be told are counted in the patch, for everybody; the others come.
#[tokio::test]
async fn sv_05_lost_events_are_counted() {
    let open = Open::new("lost-events").await;
    let mut page = open.page(&open.desk.sign_in("eva").await).await;
    assert_eq!(page.json().await["type"], "snapshot");
    // In one go: the desk keeps sixteen for who is slow.
    for _ in 0..40 {
        open.desk.picture.tell(Happened::SettingsChanged);
    }
    let patch = page.json().await;
    let told = patch["events"].as_array().map_or(0, Vec::len) as u64;
    assert_eq!((told, patch["events_lost"].as_u64()), (16, Some(24)), "{patch}");
    open.desk.picture.tell(Happened::SettingsChanged);
    let patch = page.json().await;
    assert_eq!((patch["events"].as_array().map(Vec::len), &patch["events_lost"]), (Some(1), &Value::Null), "{patch}");
}

struct Page {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Page {
    async fn next(&mut self) -> Message {
        timeout(Duration::from_secs(10), self.socket.next()).await.expect("a message").expect("no end").unwrap()
    }

    async fn json(&mut self) -> Value {
        loop {
            match self.next().await {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Ping(_) | Message::Pong(_) => {}
                other @ (Message::Binary(_) | Message::Close(_) | Message::Frame(_)) => panic!("{other:?}"),
            }
        }
    }

    async fn says(&mut self, word: Value) {
        let text = json!({ "phone": word }).to_string();
        // Whoever was cut off says it to nobody.
        let _ = self.socket.send(Message::Text(text.into())).await;
    }

    /// Reads on until the other side closes.
    async fn closed(&mut self) -> (u16, String) {
        loop {
            if let Message::Close(Some(close)) = self.next().await {
                return (close.code.into(), close.reason.to_string());
            }
        }
    }
}

/// AP-02: a snapshot, then patches numbered without gaps.
#[tokio::test]
async fn a_page_gets_a_snapshot_and_then_numbered_patches() {
    let open = Open::new("live").await;
    let eva = open.desk.sign_in("eva").await;
    let mut page = open.page(&eva).await;
    let snapshot = page.json().await;
    assert_eq!(snapshot["type"], "snapshot");
    assert_eq!(snapshot["calls"].as_array().unwrap().len(), 3);
    assert_eq!(snapshot["agents"][0]["engagements"][0]["caller"], "+351210000021");
    assert_eq!(snapshot["agents"][0]["engagements"][0]["may_extend"], true);
    assert_eq!(snapshot["choices"]["reasons"][0]["reason"], "lunch");
    let seq = snapshot["seq"].as_u64().unwrap();

    open.desk.picture.show(|shown| shown.acd.agents[0].status = Status::WrapUp);
    let patch = page.json().await;
    assert_eq!((&patch["type"], &patch["seq"]), (&json!("patch"), &json!(seq + 1)));
    assert_eq!(patch["agents"][0]["status"], "wrap_up");
    assert_eq!(patch["agents"].as_array().unwrap().len(), 1, "only what changed");
    assert_eq!(patch["events"][0]["event"], "settings_changed");
    assert!(patch.get("queues").is_none());

    open.desk.picture.show(|shown| shown.calls.retain(|call| call.call != CallId(13)));
    let patch = page.json().await;
    assert_eq!((&patch["seq"], &patch["gone"]["calls"]), (&json!(seq + 2), &json!(["13"])));
}

/// SV-07, SV-08: a supervisor's page shows how he is in a call until he is out of it; the agent's shows nothing of it.
#[tokio::test]
async fn sv_07_a_page_shows_how_its_supervisor_is_in_a_call() {
    let open = Open::new("supervises").await;
    let (ana, eva) = (open.desk.sign_in("ana").await, open.desk.sign_in("eva").await);
    let (mut agent, mut page) = (open.page(&ana).await, open.page(&eva).await);
    assert!(agent.json().await.get("supervises").is_none());
    assert!(page.json().await.get("supervises").is_none());
    let as_guest = |guest: Option<Guest>| {
        open.desk.picture.show(|shown| {
            let call = shown.calls.iter_mut().find(|call| call.call == CallId(11)).unwrap();
            call.legs = guest.map(ear).into_iter().collect();
        });
    };
    for (guest, mode) in [(Guest::Listens, "listen"), (Guest::Whispers { to: LegId(2) }, "whisper")] {
        as_guest(Some(guest));
        let told = page.json().await;
        assert_eq!(told["supervises"], json!([{ "call": "11", "leg": "8", "mode": mode }]));
        assert!(agent.json().await.get("supervises").is_none());
    }
    let mut late = open.page(&eva).await;
    assert_eq!(late.json().await["supervises"][0]["mode"], "whisper", "to a page that comes later too");
    as_guest(None);
    assert_eq!(page.json().await["supervises"], json!([]));
}

/// Eva's leg, beside the two who talk.
fn ear(guest: Guest) -> LegView {
    LegView {
        leg: LegId(8),
        side: LegSide::Called,
        party: LegParty::User(UserId(3)),
        address: Private::new("eva".to_owned()),
        answered: true,
        holds: false,
        guest: Some(guest),
        muted: false,
        gain_db: 0,
        held: false,
    }
}

/// AP-02: who comes back gets what he missed, and a whole snapshot when that is gone or was another run's.
#[tokio::test]
async fn a_page_resumes_where_it_left_off() {
    let open = Open::new("resume").await;
    let eva = open.desk.sign_in("eva").await;
    let mut page = open.page(&eva).await;
    let snapshot = page.json().await;
    let (epoch, seq) = (snapshot["epoch"].as_str().unwrap().to_owned(), snapshot["seq"].as_u64().unwrap());
    drop(page);
    open.desk.picture.show(|shown| shown.calls.push(call(14, 24, "+351210000024", None)));
    let from = Some(format!("http://{}", open.address));
    let (mut page, _) = open.connect(&eva, from.as_deref(), &format!("?epoch={epoch}&after={seq}")).await.unwrap();
    assert_eq!(page.json().await["type"], "resumed");
    let patch = page.json().await;
    assert_eq!((&patch["seq"], &patch["calls"][0]["call"]), (&json!(seq + 1), &json!("14")));
    for query in ["?epoch=other&after=1".to_owned(), format!("?epoch={epoch}&after={}", seq + 999)] {
        let (mut page, _) = open.connect(&eva, from.as_deref(), &query).await.unwrap();
        assert_eq!(page.json().await["type"], "snapshot", "{query}");
    }
}

/// AP-02: each sees what he may. An agent's stream has the same numbers and no other's customers.
#[tokio::test]
async fn an_agent_sees_his_own_customers_alone() {
    let open = Open::new("own").await;
    let ana = open.desk.sign_in("ana").await;
    let mut page = open.page(&ana).await;
    let snapshot = page.json().await;
    assert_eq!(snapshot["me"]["engagements"][0]["caller"], "+351210000021");
    assert_eq!(snapshot["agents"][1]["status"], "ringing");
    assert!(!snapshot.to_string().contains("+351210000022"));
    let seq = snapshot["seq"].as_u64().unwrap();
    open.desk.picture.show(|shown| shown.calls.push(call(14, 24, "+351210000024", None)));
    let patch = page.json().await;
    assert_eq!(patch, json!({ "type": "patch", "seq": seq + 1, "now": patch["now"] }));
    open.desk.picture.show(|shown| shown.acd.agents[0].dnd = true);
    let patch = page.json().await;
    assert_eq!((&patch["seq"], &patch["me"]["dnd"]), (&json!(seq + 2), &json!(true)));
    assert_eq!(patch["me"]["engagements"][0]["call"], "11");
}

/// SV-05: what was done to an agent on his behalf is told on his page at once, and on no other agent's.
#[tokio::test]
async fn sv_05_an_agent_is_told_at_his_page() {
    let open = Open::new("told").await;
    let mut pages = Vec::new();
    for who in ["ana", "rui"] {
        let cookie = open.desk.sign_in(who).await;
        let mut page = open.page(&cookie).await;
        page.json().await;
        pages.push(page);
    }
    let standing = |status| Standing {
        view: StatusView { status, reason: None, activity: Activity::Idle, pending: None },
        queues: vec![QueueStanding { queue: SUPPORT, state: MemberState::Active }],
    };
    let (actor, at) = (Actor::Supervisor(UserId(3)), START);
    let (old, new) = (standing(Status::Ready), standing(Status::NotReady));
    let it = Overridden { agent: ANA, actor, reason: Some("lunch".into()), old, new, at };
    open.desk.picture.tell(Happened::Notice(Notice::Override(Box::new(it))));
    let patch = pages[0].json().await;
    let [told] = &patch["notices"].as_array().unwrap()[..] else { panic!("{patch}") };
    assert_eq!((&told["agent"], &told["by"]["user"], &told["reason"]), (&json!("ana"), &json!("eva"), &json!("lunch")));
    assert_eq!((&told["old"]["status"], &told["new"]["status"]), (&json!("ready"), &json!("not_ready")));
    assert_eq!(told["new"]["queues"], json!([{ "queue": "support", "state": { "is": "active" } }]));
    assert!(pages[1].json().await.get("notices").is_none());
}

/// AS-11, AS-16: what an agent or a supervisor should look at is told at his own page and at the supervisors', at nobody
/// else's; who waits for a skill that nobody has, and a service that gives no answers, at the supervisors' alone.
#[tokio::test]
async fn as_11_as_16_who_should_look_is_told() {
    let open = Open::new("alerts").await;
    let mut pages = Vec::new();
    for who in ["ana", "rui", "eva"] {
        let cookie = open.desk.sign_in(who).await;
        let mut page = open.page(&cookie).await;
        page.json().await;
        pages.push(page);
    }
    let too_long = Notice::TooLong { agent: ANA, reason: "lunch".into(), since: START, logged_out: true };
    let skills = vec![NeededSkill { skill: "pt".into(), level: 3 }];
    let unserved = Notice::Unserved { queue: SUPPORT, skills, by_rule: false, waiting: 2 };
    let about_ana = |told: &Value| {
        let [told] = &told["alerts"].as_array().unwrap()[..] else { panic!("{told}") };
        assert_eq!(
            (&told["alert"], &told["agent"], &told["reason"]),
            (&json!("too_long"), &json!("ana"), &json!("lunch"))
        );
    };
    open.desk.picture.tell(Happened::Notice(too_long));
    about_ana(&pages[0].json().await);
    assert!(pages[1].json().await.get("alerts").is_none());
    about_ana(&pages[2].json().await);
    open.desk.picture.tell(Happened::Notice(unserved));
    assert!(pages[0].json().await.get("alerts").is_none() && pages[1].json().await.get("alerts").is_none());
    let told = pages[2].json().await;
    assert_eq!((&told["alerts"][0]["queue"], &told["alerts"][0]["waiting"]), (&json!("support"), &json!(2)));
    assert_eq!(told["alerts"][0]["skills"][0]["skill"], "pt");
    let turn = ServiceTurn::Rests { unanswered: 3, why: "it did not answer in time".into(), seconds: 5 };
    open.desk.picture.tell(Happened::Service(ServiceEvent { service: "crm".into(), turn }));
    assert!(pages[0].json().await.get("alerts").is_none() && pages[1].json().await.get("alerts").is_none());
    let told = &pages[2].json().await["alerts"][0];
    assert_eq!(
        (&told["alert"], &told["service"], &told["unanswered"]),
        (&json!("service_rests"), &json!("crm"), &json!(3))
    );
}

/// SV-09: a supervisor of other queues sees at his page neither this one's callers and calls nor what happens to them; one
/// of this queue does, from the moment on at which the settings say so.
#[tokio::test]
async fn sv_09_a_page_shows_the_supervised_queues_alone() {
    for (queue, may) in [(SUPPORT, true), (QueueId(99), false)] {
        let open = Open::of(&format!("sight-{}", queue.0), |centre| {
            let mut sales = centre.acd.queues[&SUPPORT].clone();
            (sales.key, sales.members) = ("sales".into(), Vec::new());
            centre.acd.queues.insert(QueueId(99), sales);
            centre.supervised.insert(UserId(3), [queue].into());
        })
        .await;
        let eva = open.desk.sign_in("eva").await;
        let mut page = open.page(&eva).await;
        let snapshot = page.json().await;
        let of = |list: &str, key: &str, name: &str| {
            let all = snapshot[list].as_array().unwrap();
            all.iter().find(|it| it[key] == name).cloned().unwrap_or_default()
        };
        assert_eq!(of("queues", "queue", "support").get("callers").is_some(), may, "{snapshot}");
        assert_eq!(of("agents", "agent", "ana").get("engagements").is_some(), may);
        assert_eq!(snapshot["calls"].as_array().unwrap_or(&Vec::new()).is_empty(), !may);
        assert_eq!(snapshot.to_string().contains("+351210000022"), may);
        open.desk.picture.tell(Happened::Left {
            interaction: InteractionId(23),
            queue: SUPPORT,
            outcome: Outcome::Abandoned,
            agent: None,
            wait_ms: 1,
        });
        let patch = page.json().await;
        assert_eq!(patch.to_string().contains("abandoned"), may, "{patch}");
        let records = open.desk.get(&eva, "/api/v1/records?queue=support").await.status;
        assert_eq!(records.is_success(), may);
        assert!(open.desk.get(&eva, "/api/v1/records").await.status.is_success(), "those of his own queues");
        let why = open.desk.get(&eva, "/api/v1/calls/11/why").await.status;
        assert_eq!(why.as_u16() == 403, !may);
    }
}

/// AS-05, AS-21: the engine hears of an agent's first page and of his last.
#[tokio::test]
async fn the_engine_knows_when_an_agents_last_page_is_gone() {
    let open = Open::new("presence").await;
    let ana = open.desk.sign_in("ana").await;
    open.desk.picture.show(|shown| shown.acd.agents[0].online = false);
    let sessions = || open.desk.picture.sessions.lock().unwrap().clone();
    let mut first = open.page(&ana).await;
    first.json().await;
    assert_eq!(sessions(), [(ANA, true)]);
    assert_eq!(open.desk.picture.asked(), [(Actor::Agent(ANA), Request::SignIn { agent: ANA })]);
    let mut second = open.page(&ana).await;
    second.json().await;
    drop(first);
    second.socket.close(None).await.unwrap();
    while sessions().len() < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(sessions(), [(ANA, true), (ANA, false)]);
}

/// CH-01, AS-05: a page's telephone speaks as the user who is signed in, is told what concerns it alone, and is gone with its
/// connection.
#[tokio::test]
async fn ch_01_a_pages_telephone() {
    let open = Open::new("phone").await;
    let ana = open.desk.sign_in("ana").await;
    let mut page = open.page(&ana).await;
    page.json().await;
    page.says(json!({ "do": "on", "legs": ["5"] })).await;
    page.says(json!({ "do": "answer", "leg": "17", "sdp": "v=0" })).await;
    page.says(json!({ "do": "answer", "leg": "x", "sdp": "v=0" })).await;
    page.says(json!({ "do": "fly" })).await;
    for _ in 0..2 {
        let told = page.json().await;
        assert_eq!((&told["type"], &told["told"]), (&json!("phone"), &json!("not_understood")), "{told}");
    }
    let said = open.desk.picture.said.lock().unwrap().clone();
    let user = centre().users.iter().find(|user| user.name.as_str() == "ana").unwrap().id;
    let answer = PageSays::Answer { leg: LegId(17), sdp: "v=0".into() };
    assert_eq!(said, [(PageId(1), user, PageSays::On { legs: vec![LegId(5)] }), (PageId(1), user, answer)]);
    let caller = Caller { display: Some("Rui".into()), ..Caller::default() };
    let order = PageOrder::Ring { caller, sdp: "v=0".into() };
    let told = PageTold::Leg { leg: LegId(17), call: CallId(4), offer: Some(OfferId(9)), order };
    let line = open.desk.picture.told.lock().unwrap()[0].clone();
    line.send(told).await.unwrap();
    let told = page.json().await;
    assert_eq!((&told["is"], &told["leg"], &told["offer"]), (&json!("ring"), &json!("17"), &json!("9")), "{told}");
    assert_eq!(told["caller"]["display"], "Rui");
    drop(page);
    while open.desk.picture.said.lock().unwrap().last().map(|said| said.2.clone()) != Some(PageSays::Gone) {
        tokio::task::yield_now().await;
    }
}

/// CH-01, AS-05: words are bounded in number, and count only while the session does.
#[tokio::test]
async fn ch_01_a_pages_words_are_bounded() {
    let open = Open::new("words").await;
    let ana = open.desk.sign_in("ana").await;
    let mut page = open.page(&ana).await;
    page.json().await;
    for _ in 0..60 {
        page.says(json!({ "do": "rings", "leg": "1" })).await;
    }
    assert_eq!(page.closed().await, (1008, "too_fast".into()));
    assert!(open.desk.picture.said.lock().unwrap().len() <= 50);
    let mut page = open.page(&ana).await;
    page.json().await;
    open.desk.write("DELETE", &ana, "/api/v1/session", "").await;
    page.says(json!({ "do": "on" })).await;
    assert_eq!(page.closed().await, (4401, "signed_out".into()));
    assert!(!open.desk.picture.said.lock().unwrap().iter().any(|said| matches!(said.2, PageSays::On { .. })));
}
