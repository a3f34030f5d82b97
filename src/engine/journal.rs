//! What must survive the process.

use serde::{Deserialize, Serialize};

use super::CallRecord;
use crate::{
    acd,
    base::{CallId, Wall},
    sip::registrar::Binding,
};

/// Numbers journal entries of one run, from 1 without gaps.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EntryId(pub u64);

/// The version written by this switch. Older ones are read.
pub const JOURNAL_VERSION: u16 = 1;

/// One fact. Self-describing when serialised, so that a newer switch reads an older journal.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// First in every checkpoint.
    Version(u16),
    Acd(acd::Entry),
    /// A device registered or refreshed.
    Bound(Box<Binding>),
    /// A device is gone.
    Unbound {
        aor: Box<str>,
        contact: Box<str>,
        /// Which of the device's flows.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reg_id: Option<u32>,
    },
    /// A call runs. Should the process die, a record is made of this at the next start.
    CallBegan(Box<CallRecord>),
    /// Its record has been emitted.
    CallEnded {
        call: CallId,
        at: Wall,
    },
}
