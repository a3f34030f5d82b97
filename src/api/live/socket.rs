//! One page's live connection. It carries what the page sees, and the words of its telephone; whatever else it does goes
//! by REST, each checked on its own.

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    extract::{
        State, WebSocketUpgrade,
        ws::{CloseFrame, Message, WebSocket, close_code},
    },
    http::HeaderMap,
    response::Response,
};
use bytes::Bytes;
use serde::Deserialize;
use tokio::{
    sync::broadcast::error::RecvError,
    time::{Instant, MissedTickBehavior, interval_at, timeout},
};

use super::{
    frame::{Reader, snapshot_text},
    hub::{Joined, Start},
    phone::{self, Line, Pace},
};
use crate::{
    api::{Api, Problem, Signed, auth::TokenHash, guard, rest::Asked},
    base::AgentId,
    engine::{Actor, PAGE_SDP_MAX, Request},
};

/// A word of a telephone with its description, which JSON makes longer; a bigger message ends the connection with 1009.
const MESSAGE_MAX: usize = 2 * PAGE_SDP_MAX;

/// Bytes that wait for a page that does not read; then sending waits, and after [`SEND_TIME`] the page is dropped.
const WRITE_MAX: usize = 1 << 20;

/// How long one patch may take to leave.
const SEND_TIME: Duration = Duration::from_secs(10);

/// A ping goes out this often, and a word that the page's own code sees, which pings it does not: without one for
/// 25 s it takes the connection for dead. It also looks whether the session still holds.
const PING_EVERY: Duration = Duration::from_secs(10);

/// Without a word from the page for so long, it is gone (a laptop that was closed).
const SILENT_MAX: Duration = Duration::from_secs(50);

/// Live connections at once: each costs some 50 KB.
const SOCKETS_MAX: usize = 4_096;

/// Live connections of one session: tabs.
const SOCKETS_PER_SESSION_MAX: usize = 12;

/// Who has how many pages open.
#[derive(Debug, Default)]
pub struct Presence {
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    total: usize,
    agents: HashMap<AgentId, usize>,
    sessions: HashMap<TokenHash, usize>,
}

impl Presence {
    /// `None` when there are too many; otherwise whether this is the agent's first.
    fn enter(&self, signed: &Signed) -> Option<bool> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let of_session = open.sessions.get(&signed.session).copied().unwrap_or(0);
        if open.total >= SOCKETS_MAX || of_session >= SOCKETS_PER_SESSION_MAX {
            return None;
        }
        open.total += 1;
        open.sessions.insert(signed.session, of_session + 1);
        let Some(agent) = signed.user.agent else { return Some(false) };
        let pages = open.agents.entry(agent).or_insert(0);
        *pages += 1;
        Some(*pages == 1)
    }

    pub fn is_open(&self, agent: AgentId) -> bool {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).agents.contains_key(&agent)
    }

    /// Whether a page is open for this session.
    pub fn is_used(&self, session: &TokenHash) -> bool {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).sessions.contains_key(session)
    }

    /// Whether this was the agent's last.
    fn leave(&self, signed: &Signed) -> bool {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.total = open.total.saturating_sub(1);
        one_less(&mut open.sessions, signed.session);
        signed.user.agent.is_some_and(|agent| one_less(&mut open.agents, agent))
    }
}

/// Whether it was the last.
fn one_less<K: std::hash::Hash + Eq>(counts: &mut HashMap<K, usize>, key: K) -> bool {
    let Some(count) = counts.get_mut(&key) else { return false };
    *count -= 1;
    let last = *count == 0;
    if last {
        counts.remove(&key);
    }
    last
}

/// Tells the engine when the agent's last page is gone, however the connection ended.
struct Visit {
    api: Arc<Api>,
    signed: Signed,
}

impl Visit {
    async fn begin(api: Arc<Api>, signed: Signed) -> Option<Self> {
        let first = api.presence.enter(&signed)?;
        let visit = Self { api, signed };
        if let (true, Some(agent)) = (first, visit.signed.user.agent) {
            visit.api.handle.session(agent, true);
            // After a restart, or when the grace of an earlier page has passed, he is offline though signed in.
            visit.sign_in_again(agent).await;
        }
        Some(visit)
    }

    async fn sign_in_again(&self, agent: AgentId) {
        if self.api.is_online(agent).await == Some(false)
            && let Err(refused) = self.api.handle.ask(Actor::Agent(agent), Request::SignIn { agent }).await
        {
            tracing::debug!(%agent, refused.detail, "a page is open, but its agent could not be signed in");
        }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        if self.api.presence.leave(&self.signed)
            && let Some(agent) = self.signed.user.agent
        {
            self.api.handle.session(agent, false);
        }
    }
}

/// Where the page left off.
#[derive(Debug, Deserialize)]
pub struct Resume {
    epoch: Option<String>,
    after: Option<u64>,
    /// Whom the page shows. A browser can't say so in a header here.
    user: Option<String>,
}

/// `GET /api/v1/live`
pub async fn open(
    State(api): State<Arc<Api>>,
    signed: Signed,
    headers: HeaderMap,
    Asked(resume): Asked<Resume>,
    upgrade: Result<WebSocketUpgrade, axum::extract::ws::rejection::WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    guard::check_origin(&api, &headers)?;
    let upgrade = upgrade.map_err(|why| {
        Problem::new(axum::http::StatusCode::UPGRADE_REQUIRED, "websocket_only", "This address speaks WebSocket")
            .detail(why.to_string())
    })?;
    let after = resume.epoch.zip(resume.after);
    let is_his = resume.user.is_none_or(|shown| signed.is_called(shown.as_bytes()));
    Ok(upgrade.max_message_size(MESSAGE_MAX).max_frame_size(MESSAGE_MAX).max_write_buffer_size(WRITE_MAX).on_upgrade(
        move |socket| async move {
            if is_his { serve(api, signed, after, socket).await } else { end(Bye::OtherUser, socket).await }
        },
    ))
}

/// Why we end a connection: a word for programs beside the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bye {
    /// The page went by itself: nobody is there to be told.
    Gone,
    Slow,
    SignedOut,
    /// The page shows one user, the cookie is another's: only loading it again helps.
    OtherUser,
    TooMany,
    Unavailable,
    Silent,
    Unreadable,
    TooBig,
    /// It says more than any page has to say.
    TooFast,
}

impl Bye {
    const fn frame(self) -> (u16, &'static str) {
        match self {
            Self::Gone => (close_code::NORMAL, "gone"),
            Self::Slow => (close_code::POLICY, "slow"),
            Self::SignedOut => (4401, "signed_out"),
            Self::OtherUser => (4409, "other_user"),
            Self::TooMany => (close_code::AGAIN, "too_many"),
            Self::Unavailable => (close_code::AGAIN, "unavailable"),
            Self::Silent => (close_code::POLICY, "silent"),
            Self::Unreadable => (close_code::PROTOCOL, "unreadable"),
            Self::TooBig => (close_code::SIZE, "too_big"),
            Self::TooFast => (close_code::POLICY, "too_fast"),
        }
    }
}

async fn serve(api: Arc<Api>, signed: Signed, after: Option<(String, u64)>, mut socket: WebSocket) {
    let bye = match Visit::begin(Arc::clone(&api), signed.clone()).await {
        None => Bye::TooMany,
        Some(_visit) => {
            let after = after.as_ref().map(|(epoch, seq)| (epoch.as_str(), *seq));
            match api.hub.join(after).await {
                Some(joined) => {
                    let Err(bye) = carry(&api, &signed, joined, &mut socket).await;
                    bye
                }
                None => Bye::Unavailable,
            }
        }
    };
    end(bye, socket).await;
}

async fn end(bye: Bye, mut socket: WebSocket) {
    let (code, reason) = bye.frame();
    metrics::counter!("api_live_ended_total", "reason" => reason).increment(1);
    if bye != Bye::Gone {
        let close = Message::Close(Some(CloseFrame { code, reason: reason.into() }));
        let _ = timeout(Duration::from_secs(1), socket.send(close)).await;
    } else {
        // What answers its close frame leaves with this (RFC 6455 5.5.1).
        let _ = timeout(Duration::from_secs(1), socket.recv()).await;
    }
}

/// Until the page goes or has to.
async fn carry(api: &Api, signed: &Signed, joined: Joined, socket: &mut WebSocket) -> Result<Infallible, Bye> {
    let Joined { start, mut frames } = joined;
    // What he supervises may change while he looks.
    let reader = || Reader { sight: api.sight(signed), agent: signed.user.agent, user: signed.user.user };
    match start {
        Start::Snapshot { seq, view } => {
            send(socket, snapshot_text(&view, &api.hub.epoch, seq, (api.clock)().wall, &reader())).await?;
        }
        Start::Resume { missed } => {
            send(socket, format!("{{\"type\":\"resumed\",\"now\":{}}}", (api.clock)().wall.as_millis())).await?;
            for frame in missed {
                send(socket, frame.text(&reader())).await?;
            }
        }
    }
    let mut heard = Instant::now();
    let mut pings = interval_at(heard + PING_EVERY, PING_EVERY);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut line, mut pace) = (None, Pace::new(heard));
    let mut changes = api.accounts.changes();
    check_session(api, signed)?;
    loop {
        tokio::select! {
            frame = frames.recv() => match frame {
                Ok(frame) => {
                    check_session(api, signed)?;
                    send(socket, frame.text(&reader())).await?;
                }
                Err(RecvError::Lagged(_)) => return Err(Bye::Slow),
                Err(RecvError::Closed) => return Err(Bye::Unavailable),
            },
            message = socket.recv() => match message {
                None | Some(Ok(Message::Close(_))) => return Err(Bye::Gone),
                Some(Ok(Message::Text(text))) => {
                    heard = Instant::now();
                    if !pace.allows(heard) {
                        return Err(Bye::TooFast);
                    }
                    check_session(api, signed)?;
                    let line = line.get_or_insert_with(|| Line::open(api, signed));
                    match phone::read(&text) {
                        Ok(says) => line.say(says).then_some(()).ok_or(Bye::Unavailable)?,
                        Err(why) => send(socket, phone::not_understood(&why)).await?,
                    }
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Binary(_))) => heard = Instant::now(),
                Some(Err(why)) => return Err(after_error(&why)),
            },
            _ = changes.changed() => check_session(api, signed)?,
            told = phone::next(&mut line) => {
                let told = told.ok_or(Bye::Slow)?;
                check_session(api, signed)?;
                send(socket, phone::told_text(&told)).await?;
            }
            _ = pings.tick() => {
                check_session(api, signed)?;
                if heard.elapsed() > SILENT_MAX {
                    return Err(Bye::Silent);
                }
                send_message(socket, Message::Ping(Bytes::new())).await?;
                send(socket, alive_text(api)).await?;
            }
        }
    }
}

/// That the switch is there, and whether it is about to end.
fn alive_text(api: &Api) -> String {
    let (now, draining) = ((api.clock)().wall.as_millis(), api.handle.health().draining);
    format!("{{\"type\":\"alive\",\"now\":{now},\"draining\":{draining}}}")
}

/// The session may have ended, or its user's role changed: what may be seen is judged anew for every patch.
fn check_session(api: &Api, signed: &Signed) -> Result<(), Bye> {
    let now = (api.clock)().wall;
    let still = api.accounts.signed(&signed.session, now);
    let same = still.is_some_and(|still| still.user.role == signed.user.role && still.user.agent == signed.user.agent);
    if same { Ok(()) } else { Err(Bye::SignedOut) }
}

async fn send(socket: &mut WebSocket, text: String) -> Result<(), Bye> {
    send_message(socket, Message::Text(text.into())).await
}

async fn send_message(socket: &mut WebSocket, message: Message) -> Result<(), Bye> {
    match timeout(SEND_TIME, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(Bye::Gone),
        Err(_) => Err(Bye::Slow),
    }
}

fn after_error(why: &axum::Error) -> Bye {
    let text = why.to_string();
    if text.contains("too long") || text.contains("too big") {
        Bye::TooBig
    } else if text.contains("protocol") || text.contains("UTF-8") {
        Bye::Unreadable
    } else {
        Bye::Gone
    }
}
