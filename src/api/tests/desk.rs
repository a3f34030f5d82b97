//! An API over a switch that is only a picture: tests say what it shows and read what it was asked.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, LazyLock, Mutex},
    time::Duration,
};

use axum::{
    Extension,
    body::Body,
    extract::ConnectInfo,
    http::{HeaderMap, Request as HttpRequest, StatusCode, header},
};
use futures_util::{FutureExt, future::BoxFuture};
use serde_json::Value;
use tokio::sync::{broadcast, mpsc};
use tower::ServiceExt;

use super::super::*;
use crate::{
    acd::{
        self, Activity, AgentSnapshot, Channel, EngagementSnapshot, InteractionKind, MemberSnapshot, MemberState,
        OfferSnapshot, QueueSnapshot, Reason, Selection, Status, WaitingSnapshot,
    },
    base::{CallId, ClipId, EngagementId, Extension as Name, InteractionId, OfferId, PageId, QueueId, UserId, Wall},
    engine::{CallStage, CallView, Counts, Direction, Event, PageSays, PageTold, TraceFilter, TrunkView},
    switch::{Role, User},
};

pub const ANA: AgentId = AgentId(1);
pub const RUI: AgentId = AgentId(2);
pub const SUPPORT: QueueId = QueueId(7);
pub const START: Wall = Wall(1_790_000_000_000);
pub const OFFICE: &str = "192.0.2.7:4711";

/// The switch as the API sees it.
pub struct Picture {
    pub snapshot: Mutex<Snapshot>,
    pub asked: Mutex<Vec<(Actor, Request)>>,
    pub refuses: Mutex<Option<Refused>>,
    pub sessions: Mutex<Vec<(AgentId, bool)>>,
    /// What pages said of their telephones.
    pub said: Mutex<Vec<(PageId, UserId, PageSays)>>,
    /// Where those are told something.
    pub told: Mutex<Vec<mpsc::Sender<PageTold>>>,
    pub health: Mutex<Health>,
    pub reload_fault: Mutex<Option<String>>,
    pub filters: Mutex<Vec<TraceFilter>>,
    clips: Mutex<BTreeMap<ClipId, usize>>,
    live: broadcast::Sender<Arc<Event>>,
    centre: Arc<Centre>,
}

impl EngineHandle for Picture {
    fn ask(&self, actor: Actor, request: Request) -> BoxFuture<'_, Result<Answer, Refused>> {
        let answer = if matches!(request, Request::Snapshot | Request::SnapshotWithDevices) {
            let mut snapshot = self.snapshot.lock().unwrap().clone();
            if request == Request::Snapshot {
                snapshot.devices.clear();
            }
            Ok(Answer::Snapshot(Box::new(snapshot)))
        } else if let Some(refused) = self.refuses.lock().unwrap().clone() {
            Err(refused)
        } else if request == Request::Subscriptions {
            Ok(Answer::Subscriptions(Vec::new()))
        } else {
            self.asked.lock().unwrap().push((actor, request));
            Ok(Answer::Done)
        };
        std::future::ready(answer).boxed()
    }

    fn session(&self, agent: AgentId, open: bool) {
        self.sessions.lock().unwrap().push((agent, open));
    }

    fn open_page(&self) -> (PageId, mpsc::Receiver<PageTold>) {
        let (sender, receiver) = mpsc::channel(PAGE_TOLD_MAX);
        let mut told = self.told.lock().unwrap();
        told.push(sender);
        (PageId(told.len() as u64), receiver)
    }

    fn page(&self, page: PageId, user: UserId, says: PageSays) -> bool {
        self.said.lock().unwrap().push((page, user, says));
        true
    }

    fn live(&self) -> broadcast::Receiver<Arc<Event>> {
        self.live.subscribe()
    }

    fn centre(&self) -> Arc<Centre> {
        Arc::clone(&self.centre)
    }

    fn health(&self) -> Health {
        *self.health.lock().unwrap()
    }

    fn reload(&self) -> BoxFuture<'_, Result<Reloaded, String>> {
        let done = Reloaded { changes: vec![String::from("+ user \"new\"")], needs_restart: Vec::new() };
        std::future::ready(self.reload_fault.lock().unwrap().clone().map_or(Ok(done), Err)).boxed()
    }

    fn drain(&self) {
        self.health.lock().unwrap().draining = true;
    }

    fn start_trace(&self, filter: TraceFilter) -> BoxFuture<'_, bool> {
        let mut filters = self.filters.lock().unwrap();
        filters.push(filter);
        std::future::ready(filters.len() <= 2).boxed()
    }

    fn stop_trace(&self) {
        self.filters.lock().unwrap().clear();
    }

    fn traced(&self, call: Option<String>) -> BoxFuture<'_, Vec<u8>> {
        std::future::ready(format!("pcap of {call:?}").into_bytes()).boxed()
    }

    fn save_flight(&self) -> BoxFuture<'_, Result<String, String>> {
        std::future::ready(Ok(String::from("data/flight/1-asked.flight"))).boxed()
    }

    /// Eight octets a millisecond behind the four of its name.
    fn decode_clip(&self, file: Vec<u8>) -> BoxFuture<'_, Result<DecodedClip, ClipFault>> {
        let fault = ClipFault { is_too_much: false, why: String::from("no sound") };
        let millis = (file.len() as u64).saturating_sub(4) / 8;
        let is_sound = file.starts_with(b"RIFF");
        std::future::ready(if is_sound { Ok(DecodedClip { wav: file, millis }) } else { Err(fault) }).boxed()
    }

    fn load_clip(&self, clip: ClipId, wav: Arc<[u8]>) -> BoxFuture<'_, Result<(), String>> {
        self.clips.lock().unwrap().insert(clip, wav.len() - 4);
        std::future::ready(Ok(())).boxed()
    }

    fn drop_clip(&self, clip: ClipId) {
        self.clips.lock().unwrap().remove(&clip);
    }

    fn set_log(&self, level: &str) -> Result<(), String> {
        if level == "loud" { Err(String::from("no such level")) } else { Ok(()) }
    }
}

impl Picture {
    /// Changes what the switch shows and says that something happened.
    pub fn show(&self, change: impl FnOnce(&mut Snapshot)) {
        change(&mut self.snapshot.lock().unwrap());
        self.tell(crate::engine::Happened::SettingsChanged);
    }

    /// Says that something happened.
    pub fn tell(&self, what: crate::engine::Happened) {
        let mut snapshot = self.snapshot.lock().unwrap();
        snapshot.sequence += 1;
        let event = Event { sequence: snapshot.sequence, at: snapshot.at, what };
        let _ = self.live.send(Arc::new(event));
    }

    /// What the media workers know: clips by number, with their samples.
    pub fn clips(&self) -> Vec<(u64, usize)> {
        self.clips.lock().unwrap().iter().map(|(clip, samples)| (clip.0, *samples)).collect()
    }

    pub fn asked(&self) -> Vec<(Actor, Request)> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

pub struct Desk {
    pub api: Arc<Api>,
    pub picture: Arc<Picture>,
    pub now: Arc<Mutex<Now>>,
    pub router: Router,
    folder: PathBuf,
    hub: tokio::task::JoinHandle<()>,
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.hub.abort();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// What came back.
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|why| panic!("{why}: {}", self.text))
    }

    /// The cookie to send from now on.
    pub fn cookie(&self) -> String {
        let cookie = self.headers[header::SET_COOKIE].to_str().unwrap();
        cookie.split(';').next().unwrap().to_owned()
    }
}

impl Desk {
    pub async fn new(name: &str) -> Self {
        Self::with(name, ApiSettings::default()).await
    }

    pub async fn with(name: &str, settings: ApiSettings) -> Self {
        let folder = std::env::temp_dir().join(format!("strowger-api-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        let database = Database::open(&format!("sqlite:{}/strowger.db", folder.display())).unwrap();
        database.prepare().await.unwrap();
        let desk = Self::over(settings, database, folder, centre()).await;
        desk.api.load_sessions().await.unwrap();
        desk
    }

    /// With other settings of the centre.
    pub async fn of(name: &str, change: impl FnOnce(&mut Centre)) -> Self {
        let mut centre = centre();
        change(&mut centre);
        let folder = std::env::temp_dir().join(format!("strowger-api-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        let database = Database::open(&format!("sqlite:{}/strowger.db", folder.display())).unwrap();
        database.prepare().await.unwrap();
        let desk = Self::over(ApiSettings::default(), database, folder, centre).await;
        desk.api.load_sessions().await.unwrap();
        desk
    }

    /// Another process over the same database.
    pub async fn restarted(&self) -> Self {
        let desk = self.starting().await;
        desk.api.load_sessions().await.unwrap();
        desk
    }

    /// The same before it has read who is signed in.
    pub async fn starting(&self) -> Self {
        let copy = self.folder.join("again");
        let settings = ApiSettings { data: self.folder.clone(), ..ApiSettings::default() };
        Self::over(settings, self.api.database.clone(), copy, centre()).await
    }

    async fn over(mut settings: ApiSettings, database: Database, folder: PathBuf, centre: Centre) -> Self {
        if settings.data.as_os_str().is_empty() {
            settings.data = folder.clone();
        }
        let centre = Arc::new(centre);
        let health = Health { engine: true, restored: true, journal: true, draining: false };
        let picture = Arc::new(Picture {
            snapshot: Mutex::new(snapshot()),
            asked: Mutex::default(),
            refuses: Mutex::default(),
            sessions: Mutex::default(),
            said: Mutex::default(),
            told: Mutex::default(),
            health: Mutex::new(health),
            reload_fault: Mutex::default(),
            filters: Mutex::default(),
            clips: Mutex::default(),
            live: broadcast::Sender::new(16),
            centre: Arc::clone(&centre),
        });
        let now = Arc::new(Mutex::new(Now { mono: crate::base::Instant::from_micros(1), wall: START }));
        let clock = Arc::clone(&now);
        let clock: Clock = Arc::new(move || *clock.lock().unwrap());
        let text: MetricsText = Arc::new(|| "process_metric 1\n".into());
        let (api, hub) = Api::new(settings, Arc::clone(&picture) as Arc<dyn EngineHandle>, database, clock, text);
        api.set_users(&centre).await;
        let router = api.router();
        #[allow(clippy::disallowed_methods)]
        let hub = tokio::spawn(hub);
        Self { api, picture, now, router, folder, hub }
    }

    pub fn wait(&self, time: Duration) {
        let mut now = self.now.lock().unwrap();
        now.mono += time;
        now.wall = now.wall + time;
    }

    pub async fn send(&self, from: &str, request: HttpRequest<Body>) -> Reply {
        let peer: SocketAddr = from.parse().unwrap();
        let router = self.router.clone().layer(Extension(ConnectInfo(peer)));
        let response = router.oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        Reply { status: head.status, headers: head.headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
    }

    pub async fn get(&self, cookie: &str, path: &str) -> Reply {
        let request = HttpRequest::get(path).header(header::COOKIE, cookie).header(header::HOST, "desk.example");
        self.send(OFFICE, request.body(Body::empty()).unwrap()).await
    }

    /// The same in another form.
    pub async fn get_as(&self, cookie: &str, path: &str, accept: &str) -> Reply {
        let request = HttpRequest::get(path).header(header::COOKIE, cookie).header(header::HOST, "desk.example");
        self.send(OFFICE, request.header(header::ACCEPT, accept).body(Body::empty()).unwrap()).await
    }

    pub async fn write(&self, method: &str, cookie: &str, path: &str, body: &str) -> Reply {
        let request = HttpRequest::builder().method(method).uri(path).header(header::COOKIE, cookie);
        let request = request.header(header::HOST, "desk.example").header(header::CONTENT_TYPE, "application/json");
        self.send(OFFICE, request.body(Body::from(body.to_owned())).unwrap()).await
    }

    pub async fn sign_in_reply(&self, from: &str, name: &str, password: &str) -> Reply {
        let body = serde_json::json!({ "name": name, "password": password }).to_string();
        let request = HttpRequest::post("/api/v1/session").header(header::CONTENT_TYPE, "application/json");
        self.send(from, request.body(Body::from(body)).unwrap()).await
    }

    /// The cookie.
    pub async fn sign_in(&self, name: &str) -> String {
        let reply = self.sign_in_reply(OFFICE, name, &format!("{name}'s password")).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
        self.picture.asked();
        self.picture.sessions.lock().unwrap().clear();
        reply.cookie()
    }
}

/// Ana and Rui are agents, Eva supervises them.
pub fn centre() -> Centre {
    // Argon2 takes its time: once for all tests.
    static USERS: LazyLock<Vec<User>> = LazyLock::new(|| {
        [("ana", Role::Agent), ("rui", Role::Agent), ("eva", Role::Supervisor), ("adm", Role::Admin)]
            .iter()
            .zip(1..)
            .map(|((name, role), id)| User {
                display: Private::new(format!("{name} of the office")),
                page_password: Some(password::hash(&format!("{name}'s password")).unwrap()),
                role: *role,
                ..User::new(UserId(id), Name::new(name).unwrap())
            })
            .collect()
    });
    let agent = |key: &str| acd::AgentSettings { key: key.into(), ..acd::AgentSettings::default() };
    let queue = acd::QueueSettings { key: "support".into(), acw_extend: acd::Extend::by(30, 2), ..Default::default() };
    let reason = serde_json::json!({ "key": "lunch", "name": "Lunch <b>break</b>" });
    let acd = acd::Settings {
        agents: BTreeMap::from([(ANA, agent("ana")), (RUI, agent("rui"))]),
        queues: BTreeMap::from([(SUPPORT, queue)]),
        reasons: vec![serde_json::from_value(reason).unwrap()],
        ..acd::Settings::default()
    };
    Centre { users: USERS.clone(), acd, ..Centre::default() }
}

/// Ana talks to a customer, another is offered to Rui, a third waits.
pub fn snapshot() -> Snapshot {
    let mut ana = agent(ANA, "ana", Status::Busy, Activity::Busy);
    ana.engagements.push(EngagementSnapshot {
        engagement: EngagementId(31),
        interaction: InteractionId(21),
        queue: Some(SUPPORT),
        channel: Channel::Voice,
        kind: InteractionKind::Inbound,
        accepted: START,
        connected: Some(START),
        wrap_up_since: None,
        wrap_up_until: None,
        wrap_up_target: None,
        call: Some(CallId(11)),
        caller: Private::new("+351210000021".to_owned()),
        mark_done: acd::MarkDone::Auto,
        disposition: acd::DispositionRule::Optional,
        work: acd::Work::default(),
    });
    let mut rui = agent(RUI, "rui", Status::Ringing, Activity::Offered);
    rui.offers.push(OfferSnapshot {
        offer: OfferId(41),
        interaction: InteractionId(22),
        queue: SUPPORT,
        made: START,
        until: START + Duration::from_secs(20),
    });
    let waiting = |interaction: u64, position: u32, caller: &str, ringing: Vec<AgentId>| WaitingSnapshot {
        interaction: InteractionId(interaction),
        position,
        priority: 0,
        arrived: START,
        caller: Private::new(caller.to_owned()),
        ewt_ms: Some(40_000),
        ringing,
        connecting: false,
    };
    let queue = QueueSnapshot {
        queue: SUPPORT,
        key: "support".into(),
        name: "Support".into(),
        waiting: vec![waiting(22, 1, "+351210000022", vec![RUI]), waiting(23, 2, "+351210000023", vec![])],
        logged_in: 2,
        routable: 0,
        open: true,
        door: acd::Door::Hours,
        ewt_ms: Some(60_000),
        today: acd::QueueCounters::default(),
    };
    let acd = acd::Snapshot { at: START, agents: vec![ana, rui], queues: vec![queue], repairs_total: 0 };
    let calls = vec![
        call(11, 21, "+351210000021", Some(ANA)),
        call(12, 22, "+351210000022", None),
        call(13, 23, "+351210000023", None),
    ];
    Snapshot {
        sequence: 1,
        at: START,
        acd,
        calls,
        trunks: vec![TrunkView {
            key: "carrier".to_owned(),
            reachable: Some(true),
            registered_until: None,
            registration: None,
            calls: 2,
        }],
        devices: Vec::new(),
        counts: Counts { calls: 3, ..Counts::default() },
    }
}

fn agent(agent: AgentId, key: &str, status: Status, activity: Activity) -> AgentSnapshot {
    AgentSnapshot {
        times: Vec::new(),
        occupancy: 0,
        inactive_until: None,
        agent,
        key: key.into(),
        name: key.to_uppercase(),
        status,
        reason: None,
        activity,
        pending: None,
        selection: Selection::Ready,
        since: START,
        until: None,
        online: true,
        reachable: true,
        dnd: false,
        locked: false,
        missed: 0,
        offers: Vec::new(),
        engagements: Vec::new(),
        queues: vec![MemberSnapshot {
            queue: SUPPORT,
            state: MemberState::Active,
            temporary: false,
            tier: 0,
            device: Default::default(),
        }],
        today: acd::AgentCounters::default(),
    }
}

pub fn call(call: u64, interaction: u64, caller: &str, agent: Option<AgentId>) -> CallView {
    CallView {
        call: CallId(call),
        direction: Direction::Inbound,
        trunk: None,
        caller: Private::new(caller.to_owned()),
        dialled: Private::new("800".to_owned()),
        began: START,
        answered: Some(START),
        stage: if agent.is_some() { CallStage::Talking } else { CallStage::Waiting },
        queue: Some(SUPPORT),
        interaction: Some(InteractionId(interaction)),
        agent,
        direct: Vec::new(),
        recording: None,
        menu: None,
        asking: false,
        legs: Vec::new(),
    }
}

pub fn not_ready(reason: &str) -> Selection {
    Selection::NotReady { reason: Some(Reason::new(reason)) }
}
