//! The loop that stamps `now`, and everything that is started around it.
//!
//! One thread owns the engine and the SIP sockets (`turn`): it reads what came, hands it to the engine, and writes
//! what comes out. Media workers, the journal's writer, stream connections and pages run beside it and talk to it
//! through one inbox. What the engine promises is told only when the journal has written it (`held`). Nothing is
//! decided here.

mod admin;
mod asking;
mod call_log;
mod certificate;
mod clock;
mod credentials;
pub mod decoding;
mod files;
mod flight;
mod gauges;
mod handle;
mod held;
mod http;
mod limits;
mod logging;
mod notices;
mod opening;
mod page_phones;
mod pages;
mod pulse;
mod reload;
mod resolve;
mod sockets;
mod sounds;
mod start;
pub mod threads;
mod turn;

pub use admin::Door;
pub use certificate::check as check_certificate;
pub use clock::Clock;
pub use credentials::{Fresh, Unsaved, recall as recall_passwords};
pub use files::{FilesError, find_server, read_files};
pub use flight::{Header as FlightHeader, KEY_FILE as FLIGHT_KEY_FILE, Key as FlightKey, unseal as unseal_flight};
pub use handle::{Handle, REQUESTS_MAX};
pub use held::HELD_MAX;
pub use logging::{flush as flush_log, start_logging};
pub use opening::database_url;
pub use pulse::{ABORT_TIME, STALL_TIME};
pub use reload::{Change, Origin, needs_restart};
pub use sounds::read_all as read_sounds;
pub use start::{Control, Running, StartError, start};
pub use turn::Ended;

use std::{io, sync::Arc, time::Duration};

use tokio::sync::oneshot;

use crate::{
    base::ClipId,
    engine::{Input, TraceFilter},
    media::Sound,
    store::Report,
};

/// The thread that owns the engine.
const ENGINE_THREAD: &str = "engine";

/// What the loop is told by other threads.
#[expect(clippy::large_enum_variant, reason = "moved once or twice; a box would cost an allocation a message")]
#[derive(Debug)]
pub enum Order {
    Input(Input),
    Journal(Report),
    Trace(TraceOrder),
    /// A clip for the media workers, or one that they may forget. The engine knows none of its sound.
    Clip(ClipId, Option<Arc<Sound>>),
    /// New settings.
    Change(Box<Change>),
    /// Take no new calls; end when the last has ended, or after `time`.
    Drain {
        time: Duration,
    },
    /// End now: what calls are left are hung up.
    End,
    /// Nobody carries call records to the database any more.
    Carried,
}

/// What is traced, and what becomes of it.
#[derive(Debug)]
pub enum TraceOrder {
    /// Told `false` when there are too many filters.
    Start(TraceFilter, oneshot::Sender<bool>),
    Stop,
    /// One call or all, as a pcap file.
    Take(Option<String>, oneshot::Sender<Vec<u8>>),
}

/// A seed for the engine's generator.
pub fn seed() -> io::Result<[u8; 32]> {
    credentials::random()
}
