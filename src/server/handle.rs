//! The API's way to the engine: requests into the inbox, replies back to whoever waits.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio::{
    sync::{broadcast, mpsc, oneshot, watch},
    task::spawn_blocking,
};

use super::{
    Order, TraceOrder, decoding,
    flight::{Flight, Why},
    logging,
    page_phones::PagePhones,
    pulse::Pulse,
    reload::Reloader,
};
use crate::{
    acd::{Actor, Refused},
    api::{ClipFault, DecodedClip, EngineHandle, Health, LIVE_WAITING_MAX, Reloaded},
    base::{AgentId, ClipId, PageId, UserId},
    engine::{Answer, Centre, Event, Input, PageSays, PageTold, Request, RequestId, TraceFilter},
    media,
    net::Inbox,
};

/// Requests that wait for their reply; beyond it pages are told to come back.
pub const REQUESTS_MAX: usize = 4_096;

/// For a drain that is asked for before the settings are known.
const DRAIN_TIME: Duration = Duration::from_secs(60);

type Reply = oneshot::Sender<Result<Answer, Refused>>;

/// One for the whole process, shared by all tasks of the API and by the loop.
pub struct Handle {
    inbox: Inbox<Order>,
    waiting: Mutex<HashMap<RequestId, Reply>>,
    next: AtomicU64,
    live: broadcast::Sender<Arc<Event>>,
    centre: watch::Sender<Arc<Centre>>,
    reloader: OnceLock<Arc<Reloader>>,
    flight: OnceLock<Option<Flight>>,
    page_phones: PagePhones,
    pulse: Pulse,
}

fn busy(code: &'static str, detail: &str) -> Refused {
    Refused { status: 503, code, detail: detail.to_owned() }
}

impl Handle {
    pub fn new(inbox: Inbox<Order>, pulse: Pulse, centre: Arc<Centre>) -> Self {
        Self {
            inbox,
            waiting: Mutex::default(),
            next: AtomicU64::new(1),
            live: broadcast::Sender::new(LIVE_WAITING_MAX),
            centre: watch::Sender::new(centre),
            reloader: OnceLock::new(),
            flight: OnceLock::new(),
            page_phones: PagePhones::default(),
            pulse,
        }
    }

    /// Who reads the settings again; set once, at the start.
    pub fn set_reloader(&self, reloader: Arc<Reloader>) {
        let _ = self.reloader.set(reloader);
    }

    /// Where the engine's inputs are kept; set once, at the start.
    pub fn set_flight(&self, flight: Option<Flight>) {
        let _ = self.flight.set(flight);
    }

    pub fn reloader(&self) -> Option<&Arc<Reloader>> {
        self.reloader.get()
    }

    /// From the loop: these are the domain settings now.
    pub fn set_centre(&self, centre: Arc<Centre>) {
        self.centre.send_replace(centre);
    }

    /// Changes of the domain settings.
    pub fn centres(&self) -> watch::Receiver<Arc<Centre>> {
        self.centre.subscribe()
    }

    /// From the loop: a reply has come.
    pub fn reply(&self, id: RequestId, result: Result<Answer, Refused>) {
        if let Some(waiting) = self.lock().remove(&id) {
            // Whoever asked may have gone.
            let _ = waiting.send(result);
        }
    }

    /// From the loop: the reply could not be made durable.
    pub fn refuse(&self, id: RequestId) {
        self.reply(
            id,
            Err(busy("journal_failing", "it holds for now, but could not be written down: a restart may undo it")),
        );
    }

    /// From the loop: something happened.
    pub fn tell(&self, event: Event) {
        if self.live.receiver_count() > 0 {
            let _ = self.live.send(Arc::new(event));
        }
    }

    /// From the loop: a page's telephone is told something.
    pub fn tell_page(&self, page: PageId, told: PageTold) {
        self.page_phones.tell(page, told);
    }

    fn put_page(&self, page: PageId, user: UserId, says: PageSays) -> bool {
        let is_gone = says == PageSays::Gone;
        let is_told = self.inbox.push(Order::Input(Input::Page { page, user, says })).is_ok();
        if is_gone && !is_told {
            self.page_phones.keep_untold(page, user);
        }
        is_told
    }

    fn put(&self, actor: Actor, request: Request) -> Result<oneshot::Receiver<Result<Answer, Refused>>, Refused> {
        let id = RequestId(self.next.fetch_add(1, Ordering::Relaxed));
        let (sender, receiver) = oneshot::channel();
        {
            let mut waiting = self.lock();
            if waiting.len() >= REQUESTS_MAX {
                waiting.retain(|_, reply| !reply.is_closed());
            }
            if waiting.len() >= REQUESTS_MAX {
                return Err(busy("busy", "too many requests wait"));
            }
            waiting.insert(id, sender);
        }
        if self.inbox.push(Order::Input(Input::Request { id, actor, request })).is_err() {
            self.lock().remove(&id);
            return Err(busy("busy", "the switch is overloaded"));
        }
        Ok(receiver)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RequestId, Reply>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EngineHandle for Handle {
    fn ask(&self, actor: Actor, request: Request) -> BoxFuture<'_, Result<Answer, Refused>> {
        let put = self.put(actor, request);
        Box::pin(async move { put?.await.unwrap_or_else(|_| Err(busy("ending", "the switch ends"))) })
    }

    fn session(&self, agent: AgentId, open: bool) {
        if self.inbox.push(Order::Input(Input::Session { agent, open })).is_err() {
            tracing::warn!(%agent, open, "a page's session was not told to the engine: its inbox is full");
        }
    }

    fn open_page(&self) -> (PageId, mpsc::Receiver<PageTold>) {
        self.page_phones.open()
    }

    fn page(&self, page: PageId, user: UserId, says: PageSays) -> bool {
        if says == PageSays::Gone {
            self.page_phones.close(page);
        }
        for (gone, user) in self.page_phones.take_untold() {
            self.put_page(gone, user, PageSays::Gone);
        }
        self.put_page(page, user, says)
    }

    fn live(&self) -> broadcast::Receiver<Arc<Event>> {
        self.live.subscribe()
    }

    fn centre(&self) -> Arc<Centre> {
        Arc::clone(&self.centre.borrow())
    }

    fn health(&self) -> Health {
        Health {
            engine: self.pulse.is_going_round(),
            restored: self.pulse.is_restored(),
            journal: self.pulse.journal_works(),
            draining: self.pulse.is_draining(),
        }
    }

    fn reload(&self) -> BoxFuture<'_, Result<Reloaded, String>> {
        let reloader = self.reloader.get().cloned();
        Box::pin(async move {
            let Some(reloader) = reloader else { return Err(String::from("the switch has not started yet")) };
            let done = spawn_blocking(move || reloader.reload()).await;
            done.unwrap_or_else(|_| Err(String::from("the reload failed")))
        })
    }

    fn drain(&self) {
        let time = self.reloader.get().map_or(DRAIN_TIME, |reloader| reloader.drain_time());
        if self.inbox.push(Order::Drain { time }).is_err() {
            tracing::error!("the engine was not told to drain: its inbox is full");
        }
    }

    fn start_trace(&self, filter: TraceFilter) -> BoxFuture<'_, bool> {
        let (sender, told) = oneshot::channel();
        let put = self.inbox.push(Order::Trace(TraceOrder::Start(filter, sender))).is_ok();
        Box::pin(async move { put && told.await.unwrap_or(false) })
    }

    fn stop_trace(&self) {
        if self.inbox.push(Order::Trace(TraceOrder::Stop)).is_err() {
            tracing::error!("the trace goes on: the engine's inbox is full");
        }
    }

    fn traced(&self, call: Option<String>) -> BoxFuture<'_, Vec<u8>> {
        let (sender, told) = oneshot::channel();
        let put = self.inbox.push(Order::Trace(TraceOrder::Take(call, sender))).is_ok();
        Box::pin(async move { if put { told.await.unwrap_or_default() } else { Vec::new() } })
    }

    fn save_flight(&self) -> BoxFuture<'_, Result<String, String>> {
        let flight = self.flight.get().cloned().flatten();
        Box::pin(async move {
            let Some(flight) = flight else {
                return Err(String::from("[limits] recorder_mb is 0: nothing is recorded"));
            };
            let saved = spawn_blocking(move || flight.save_now(&Why::Asked)).await;
            let saved = saved.unwrap_or_else(|error| Err(std::io::Error::other(error)));
            saved.map(|file| file.display().to_string()).map_err(|error| error.to_string())
        })
    }

    fn decode_clip(&self, file: Vec<u8>) -> BoxFuture<'_, Result<DecodedClip, ClipFault>> {
        Box::pin(async move {
            let failed = |_| Err(ClipFault { is_too_much: false, why: String::from("The file can't be decoded.") });
            spawn_blocking(move || decoding::decode(&file)).await.unwrap_or_else(failed)
        })
    }

    fn load_clip(&self, clip: ClipId, wav: Arc<[u8]>) -> BoxFuture<'_, Result<(), String>> {
        let inbox = self.inbox.clone();
        Box::pin(async move {
            let read = spawn_blocking(move || media::wav::read(&wav)).await.map_err(|error| error.to_string())?;
            let sound = Arc::new(read.map_err(|error| error.to_string())?);
            inbox.push(Order::Clip(clip, Some(sound))).map_err(|_| String::from("the switch is overloaded"))
        })
    }

    fn drop_clip(&self, clip: ClipId) {
        if self.inbox.push(Order::Clip(clip, None)).is_err() {
            tracing::warn!(%clip, "a clip stays known to the media workers: the engine's inbox is full");
        }
    }

    fn set_log(&self, level: &str) -> Result<(), String> {
        logging::set(level)
    }
}
