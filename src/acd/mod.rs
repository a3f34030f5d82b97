//! Agents, memberships, queues, offers, wrap-up: who gets which interaction, and why.
//!
//! Uses `base` only and knows no SIP: it speaks of interactions, agents and deadlines. What a phone does comes in as a
//! fact (`handle_*`), what people ask comes in as a command, what is to be done goes out as an [`Output`].

mod decision;
mod distributor;
mod entry;
mod figures;
mod output;
mod rule;
mod settings;
mod shift;
mod snapshot;
mod staffing;
mod status;
mod work;

pub use decision::*;
pub use distributor::{
    Acd, Alive, Explanation, Extension, Force, KeptFor, LogoutWhen, MemberReason, SPOKE_MAX, Violation,
};
pub use entry::*;
pub use figures::{Figures, Tally, adherence, is_at_work, occupancy, ratio};
pub use output::*;
pub use rule::Rule;
pub use settings::*;
pub use snapshot::*;
pub use staffing::{Load, STAFF_MAX, Staffed};
pub use status::*;
pub use work::{Disposition, NOTES_MAX, TAGS_MAX, Tag, Work, WorkChange};

/// Interactions waiting in one queue; the next caller is refused as `full`.
/// Beyond this the wait is hours and only memory grows.
pub const QUEUE_WAITING_MAX: usize = 10_000;

/// Agents an interaction remembers as having missed or declined it; beyond this the oldest is forgotten.
pub const TRIED_MAX: usize = 32;

/// Callers a queue remembers as having given up; beyond this the oldest is forgotten.
pub const GIVEN_UP_MAX: usize = 500;

/// Direct calls that one agent's phone may have at once; further ones are refused as busy.
pub const DIRECT_CALLS_MAX: usize = 8;

/// Phones that ring at once for one interaction; the rest are not asked. Each costs a call leg.
pub const RING_ALL_MAX: usize = 256;
