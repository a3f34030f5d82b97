//! REST, live WebSocket, sign-in, metrics, embedded pages. Shell.
//!
//! Nothing is decided here about calls or agents: a request becomes an engine `Request` with its actor, the engine
//! answers, the live connection shows what came of it. What is decided here is who may ask.
//!
//! May enter: `base`, `settings`, the engine's inputs, outputs and snapshot, `store`. May not: locks or waits that the
//! engine could feel.

pub mod auth;
mod clips;
mod guard;
pub mod handle;
mod live;
mod metrics_page;
mod pages;
mod problem;
mod proxy;
mod rest;
mod serve;

#[cfg(test)]
mod tests;

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{HeaderMap, Method, StatusCode, Uri},
    middleware,
    routing::{get, post, put},
};
use subtle::ConstantTimeEq;
use tower_http::timeout::TimeoutLayer;

pub use auth::{Accounts, Signed, password};
pub use handle::{ClipFault, DecodedClip, EngineHandle, Health, LIVE_WAITING_MAX, PAGE_TOLD_MAX, Reloaded};
pub use live::NoticeView;
pub use problem::Problem;
pub use serve::{ServeSettings, serve};

use crate::{
    base::{AgentId, Cidr, Now, Private},
    engine::{Actor, Answer, Centre, Refused, Request, Snapshot},
    store::{Database, DatabaseError, PageUser},
};

/// The largest request here is a sign-in.
const BODY_MAX: usize = 16 * 1024;

/// How long a request may take, all told; the engine answers in milliseconds.
const REQUEST_TIME: Duration = Duration::from_secs(15);

/// How long the engine may take to answer.
const ANSWER_TIME: Duration = Duration::from_secs(5);

/// Reads the clocks; handed in by the server, by hand in tests.
pub type Clock = Arc<dyn Fn() -> Now + Send + Sync>;

/// Writes the process's own metrics in Prometheus text form.
pub type MetricsText = Arc<dyn Fn() -> String + Send + Sync>;

#[derive(Clone, Debug, Default)]
pub struct ApiSettings {
    /// Where pages are listened for.
    pub port: u16,
    /// Pages are reached by https, here or at a proxy: cookies are marked `Secure`.
    pub secure: bool,
    /// Further origins (`https://pages.example`) whose pages may write, besides the host that was asked.
    pub origins: Vec<String>,
    /// What a scraper elsewhere than on this machine must send as `Authorization: Bearer`.
    pub metrics_token: Option<Private<String>>,
    /// Proxies whose X-Forwarded-For and X-Forwarded-Proto are believed.
    pub trusted_proxies: Vec<Cidr>,
    /// What the command line of this machine sends as `Authorization: Bearer`: it acts as an administrator.
    pub admin_token: Option<Private<String>>,
    /// The data folder, with recordings and clips.
    pub data: PathBuf,
}

/// Everything that a request may need.
pub struct Api {
    settings: ApiSettings,
    handle: Arc<dyn EngineHandle>,
    database: Database,
    accounts: Accounts,
    limiter: auth::Limiter,
    clips: clips::Clips,
    presence: live::Presence,
    hub: live::Hub,
    pages: pages::Pages,
    clock: Clock,
    metrics_text: MetricsText,
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Api {
    /// The future is the hub, to be run beside the server.
    pub fn new(
        settings: ApiSettings,
        handle: Arc<dyn EngineHandle>,
        database: Database,
        clock: Clock,
        metrics_text: MetricsText,
    ) -> (Arc<Self>, impl Future<Output = ()> + Send + 'static) {
        let epoch = format!("{:x}", clock().wall.as_millis());
        let (hub, keeper) = live::Hub::start(Arc::clone(&handle), epoch);
        let accounts = Accounts::new(database.clone());
        let api = Self {
            clips: clips::Clips::new(&settings.data),
            settings,
            handle,
            database,
            accounts,
            limiter: auth::Limiter::default(),
            presence: live::Presence::default(),
            hub,
            pages: pages::Pages::new(),
            clock,
            metrics_text,
        };
        (Arc::new(api), keeper)
    }

    /// Who may sign in: the users of the centre that have a page password. Call it at start, again once the database is
    /// ready, and whenever the settings change.
    pub async fn set_users(&self, centre: &Centre) {
        self.accounts.set_users(PageUser::of(centre), (self.clock)().wall).await;
    }

    /// Takes up the sessions of an earlier run. Call it once, after the first [`Api::set_users`].
    pub async fn load_sessions(&self) -> Result<(), DatabaseError> {
        self.accounts.load_sessions((self.clock)().wall).await
    }

    /// The database is away for longer than pages should wait to be told that nobody knows them.
    pub fn wait_for_no_sessions(&self) {
        self.accounts.wait_for_no_sessions();
    }

    /// All addresses. Requests must carry the peer's address (`ConnectInfo`); [`serve`] sees to it.
    pub fn router(self: &Arc<Self>) -> Router {
        let api = Arc::clone(self);
        let limited = TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, REQUEST_TIME);
        Router::new()
            .nest("/api/v1", rest_routes())
            .route("/healthz", get(metrics_page::healthz))
            .route("/readyz", get(metrics_page::readyz))
            .route("/metrics", get(metrics_page::metrics))
            .route("/", get(pages::index))
            .route("/{*path}", get(pages::file))
            .method_not_allowed_fallback(wrong_method)
            .fallback(nowhere)
            .layer(DefaultBodyLimit::max(BODY_MAX))
            .layer(limited)
            .layer(middleware::from_fn_with_state(Arc::clone(&api), guard::origin))
            .layer(middleware::from_fn_with_state(Arc::clone(&api), guard::headers))
            .layer(middleware::from_fn_with_state(Arc::clone(&api), proxy::believe))
            .with_state(api)
    }

    fn signed(&self, headers: &HeaderMap) -> Option<Signed> {
        if let (Some(token), Some(given)) = (&self.settings.admin_token, auth::bearer(headers)) {
            return bool::from(token.reveal().as_bytes().ct_eq(given.as_bytes())).then(Signed::local);
        }
        self.accounts.signed(&auth::hash_of(self.token(headers)?), (self.clock)().wall)
    }

    fn token<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        auth::token(headers, proxy::is_https(self, headers), self.settings.port)
    }

    /// For whom [`Self::signed`] knows nobody: a page must not take a switch that has just started for one that has signed
    /// it out.
    fn not_signed_in(&self, headers: &HeaderMap) -> Problem {
        if self.token(headers).is_some() && !self.accounts.has_read_sessions() {
            return Problem::unavailable("Who is signed in has not been read yet.");
        }
        Problem::not_signed_in()
    }

    async fn ask(&self, actor: Actor, request: Request) -> Result<Answer, Problem> {
        match tokio::time::timeout(ANSWER_TIME, self.handle.ask(actor, request)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(refused)) => Err(self.problem(refused)),
            Err(_) => Err(Problem::unavailable("The switch did not answer in time.")),
        }
    }

    fn problem(&self, refused: Refused) -> Problem {
        let problem = Problem::from(refused);
        if problem.status == 503 && !self.handle.health().journal {
            return problem.hint("The journal can't be written: look at the disk. Calls go on.");
        }
        problem
    }

    async fn snapshot(&self) -> Result<Snapshot, Problem> {
        self.snapshot_by(Request::Snapshot).await
    }

    /// With the devices, which cost the engine more than all the rest where there are many.
    async fn snapshot_with_devices(&self) -> Result<Snapshot, Problem> {
        self.snapshot_by(Request::SnapshotWithDevices).await
    }

    async fn snapshot_by(&self, request: Request) -> Result<Snapshot, Problem> {
        match self.ask(Actor::Api, request).await? {
            Answer::Snapshot(snapshot) => Ok(*snapshot),
            Answer::Done | Answer::Explanation(_) | Answer::Subscriptions(_) | Answer::Said(_) => {
                Err(Problem::unavailable("The switch gave no snapshot."))
            }
        }
    }

    /// What pages show now, freshly made.
    async fn view(&self) -> Result<live::View, Problem> {
        Ok(live::View::of(&self.snapshot().await?, &self.handle.centre(), &live::View::default()))
    }

    async fn is_online(&self, agent: AgentId) -> Option<bool> {
        let snapshot = self.snapshot().await.ok()?;
        snapshot.acd.agents.iter().find(|view| view.agent == agent).map(|view| view.online)
    }
}

fn rest_routes() -> Router<Arc<Api>> {
    Router::new()
        .route("/openapi.json", get(rest::openapi))
        .route("/session", post(rest::session::sign_in).delete(rest::session::sign_out))
        .route("/me", get(rest::me::read))
        .route("/me/status", get(rest::me::status).put(rest::me::select))
        .route("/me/active", post(rest::me::active))
        .route("/me/queues", get(rest::me::queues).put(rest::me::set_all_queues))
        .route("/me/queues/{queue}", put(rest::me::set_queue))
        .route("/me/offers/{offer}/accept", post(rest::me::accept))
        .route("/me/offers/{offer}/decline", post(rest::me::decline))
        .route("/me/engagements/{engagement}/work", put(rest::work::write))
        .route("/me/engagements/{engagement}/done", post(rest::work::done))
        .route("/me/wrap-up/finish", post(rest::me::finish_wrap_up))
        .route("/me/wrap-up/extend", post(rest::me::extend_wrap_up))
        .route("/queues", get(rest::queues))
        .route("/queues/{queue}/figures", get(rest::figures::of_queue))
        .route("/agents/{agent}/figures", get(rest::figures::of_agent))
        .route("/agents/{agent}/timeline", get(rest::timeline::of_agent))
        .route("/staffing", get(rest::figures::staffing))
        .route("/queues/{queue}/door", put(rest::waiting::set_door))
        .route("/me/waiting", get(rest::waiting::own))
        .route("/me/waiting/{interaction}/take", post(rest::waiting::take))
        .route("/me/waiting/{interaction}/assign", post(rest::waiting::assign))
        .route("/waiting/{interaction}", put(rest::waiting::change).delete(rest::waiting::withdraw))
        .route("/trunks", get(rest::trunks))
        .route("/agents", get(rest::agents::list))
        .route("/agents/{agent}/status", put(rest::agents::select))
        .route("/agents/{agent}/queues", put(rest::agents::set_all_queues))
        .route("/agents/{agent}/queues/{queue}", put(rest::agents::set_queue))
        .route("/agents/{agent}/wrap-up/finish", post(rest::agents::finish_wrap_up))
        .route("/calls", get(rest::calls::list))
        .route("/clips", get(rest::clips::list).post(rest::clips::create))
        .route("/clips/{clip}", put(rest::clips::change).delete(rest::clips::delete))
        .route("/clips/{clip}/sound", get(rest::clips::sound).put(rest::clips::record_anew))
        .route("/calls/{call}/clip", post(rest::clips::play).delete(rest::clips::stop))
        .route("/calls/{call}/hangup", post(rest::calls::hang_up))
        .route("/calls/{call}/transfer", post(rest::live_calls::transfer))
        .route("/calls/{call}/hold", put(rest::live_calls::hold))
        .route("/calls/{call}/consult", post(rest::live_calls::consult).put(rest::live_calls::consult_step))
        .route("/calls/{call}/parties", post(rest::live_calls::add))
        .route("/calls/{call}/parties/{leg}/answer", post(rest::live_calls::judge))
        .route("/calls/{call}/parties/{leg}", put(rest::live_calls::change).delete(rest::live_calls::drop_one))
        .route("/calls/{call}/supervision", put(rest::live_calls::supervise).delete(rest::live_calls::end_supervision))
        .route("/calls/{call}/recording", put(rest::recordings::change))
        .route("/calls/{call}/why", get(rest::why::read))
        .route("/records", get(rest::records::list))
        .route("/records/{call}", get(rest::records::read))
        .route("/records/{call}/recording", get(rest::recordings::of_call))
        .route("/recordings", get(rest::recordings::list))
        .route("/recordings/{segment}", get(rest::recordings::audio))
        .route("/people", get(rest::people::list))
        .route("/targets", get(rest::targets::list))
        .route("/registrations", get(rest::operate::registrations))
        .route("/subscriptions", get(rest::operate::subscriptions))
        .route("/services/{service}/ask", post(rest::services::ask))
        .route("/reload", post(rest::operate::reload))
        .route("/drain", post(rest::operate::drain))
        .route("/flight", post(rest::operate::save_flight))
        .route("/log", put(rest::operate::set_log))
        .route("/traces", post(rest::operate::start_trace).delete(rest::operate::stop_trace))
        .route("/traces/pcap", get(rest::operate::traced))
        .route("/live", get(live::open))
}

async fn nowhere(uri: Uri) -> Problem {
    std::future::ready(Problem::not_found(format!("Nothing is at {}.", uri.path()))).await
}

async fn wrong_method(method: Method, uri: Uri) -> Problem {
    let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "This is not done here that way");
    std::future::ready(problem.detail(format!("{} does not take {method}.", uri.path()))).await
}
