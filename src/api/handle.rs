//! What the API needs of the running switch; the server's loop implements it on the engine's inbox.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde::Serialize;
use tokio::sync::{broadcast, mpsc};

use crate::{
    base::{AgentId, ClipId, PageId, UserId},
    engine::{Actor, Answer, Centre, Event, PageSays, PageTold, Refused, Request, TraceFilter},
};

/// Live events that may wait for the hub before the oldest are lost; pages are told how many.
pub const LIVE_WAITING_MAX: usize = 4_096;

/// What a page's telephone is told and has not read; a page that leaves so much has to come again.
pub const PAGE_TOLD_MAX: usize = 64;

/// The API's way to the engine. Cheap to call from many tasks; nothing here blocks.
pub trait EngineHandle: Send + Sync + 'static {
    /// Puts the request into the engine's inbox and waits for its reply. An answer that must be durable comes when it
    /// is; when the inbox is full or the journal can't be written, a 503 comes at once.
    fn ask(&self, actor: Actor, request: Request) -> BoxFuture<'_, Result<Answer, Refused>>;

    /// The first page of an agent opened its live connection, or the last one closed it (AS-05, AS-21).
    fn session(&self, agent: AgentId, open: bool);

    /// A live connection as that of a telephone; what it is told comes out of the receiver. It is told nothing more when
    /// it falls behind by [`PAGE_TOLD_MAX`], or has said that it is gone.
    fn open_page(&self) -> (PageId, mpsc::Receiver<PageTold>);

    /// What the user who is signed in says there. False: the inbox is full.
    fn page(&self, page: PageId, user: UserId, says: PageSays) -> bool;

    /// Every `Output::Live` from now on. A receiver that lags is told so and takes a snapshot.
    fn live(&self) -> broadcast::Receiver<Arc<Event>>;

    /// The domain settings that the engine has now.
    fn centre(&self) -> Arc<Centre>;

    fn health(&self) -> Health;

    /// Reads the settings again, whole or not at all; `Err` says what is wrong with them.
    fn reload(&self) -> BoxFuture<'_, Result<Reloaded, String>>;

    /// Takes no new calls, and ends when the present ones have ended.
    fn drain(&self);

    /// Logs and keeps the SIP that fits; `false` when there are too many filters.
    fn start_trace(&self, filter: TraceFilter) -> BoxFuture<'_, bool>;

    /// Traces nothing more and forgets what was kept.
    fn stop_trace(&self);

    /// What was traced, of one call or all, as a pcap file; empty when the switch does not answer.
    fn traced(&self, call: Option<String>) -> BoxFuture<'_, Vec<u8>>;

    /// Writes what the engine went through to a file, and says to which.
    fn save_flight(&self) -> BoxFuture<'_, Result<String, String>>;

    /// Decodes an uploaded file to what players play.
    fn decode_clip(&self, file: Vec<u8>) -> BoxFuture<'_, Result<DecodedClip, ClipFault>>;

    /// Has the media workers know a clip, a WAV file of ours, in place of what they knew by that id.
    fn load_clip(&self, clip: ClipId, wav: Arc<[u8]>) -> BoxFuture<'_, Result<(), String>>;

    /// Has them forget it; what plays it goes on.
    fn drop_clip(&self, clip: ClipId);

    /// What is logged from now on, as `[log] level` has it.
    fn set_log(&self, level: &str) -> Result<(), String>;
}

/// An upload as it is kept and played.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DecodedClip {
    /// A mono µ-law file at 8 kHz.
    pub wav: Vec<u8>,
    pub millis: u64,
}

/// Why an upload is no clip.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClipFault {
    /// It is more than is taken, not something else.
    pub is_too_much: bool,
    pub why: String,
}

/// What a reload did.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Reloaded {
    /// One line for each entry of the centre that is new, gone or changed.
    pub changes: Vec<String>,
    /// Sections of the main file that have changed and count from the next start on.
    pub needs_restart: Vec<&'static str>,
}

/// What `/healthz` and `/readyz` judge by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    /// The engine's thread has gone round lately.
    pub engine: bool,
    /// What the journal holds is in place again.
    pub restored: bool,
    /// The journal is being written.
    pub journal: bool,
    /// No new calls are taken.
    pub draining: bool,
}
