//! What must survive the process.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    CallRecord, KeptForward, KeptPublication, KeptWatch, LegStanding, QueueVoice, RunningCall, SegmentRecord,
    UsedDevice,
};
use crate::{
    acd,
    base::{CallId, SegmentId, UserId, Wall},
    sip::{proxy::WayKey, registrar::Binding},
};

/// Numbers journal entries of one run, from 1 without gaps.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EntryId(pub u64);

/// The version written by this switch. Older ones are read.
pub const JOURNAL_VERSION: u16 = 2;

/// A device as the journal has it. The binding is the registrar's own: a checkpoint of many devices copies none.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct KeptBinding {
    #[serde(flatten)]
    pub binding: Arc<Binding>,
    /// What its user's credentials hashed to: another password, and it is not taken up again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<u64>,
}

/// One fact. Self-describing when serialised, so that a newer switch reads an older journal.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// First in every checkpoint.
    Version(u16),
    Acd(acd::Entry),
    /// What a queue sounds like in which people wait though the settings know it no more.
    QueueVoice(Box<QueueVoice>),
    /// A device registered or refreshed.
    Bound(KeptBinding),
    /// A device is gone.
    Unbound {
        aor: Box<str>,
        contact: Box<str>,
        /// Which of the device's flows.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reg_id: Option<u32>,
    },
    /// A user's device that he used last is another one now.
    Used {
        user: UserId,
        device: UsedDevice,
    },
    /// Somebody watches a user, or goes on doing so.
    Watched(Box<KeptWatch>),
    /// He watches no more; `tag` is that of his dialog.
    Unwatched {
        tag: u64,
    },
    /// A phone has told how its user is, or goes on meaning that.
    Published(Box<KeptPublication>),
    /// It means it no more.
    Unpublished {
        tag: u64,
    },
    /// A call ran, as switches wrote it that could not go on with one: a record is made of it.
    CallBegan(Box<CallRecord>),
    /// A call runs. Should the process die, the next one goes on from this.
    Running(Box<RunningCall>),
    /// How far the sound of some legs has come.
    Standings(Vec<LegStanding>),
    /// Nobody is left in a call; its record waits for figures.
    CallOver {
        call: CallId,
        at: Wall,
    },
    /// Its record has been emitted.
    CallEnded {
        call: CallId,
        at: Wall,
    },
    /// What seals the way of dialogs that go through us: they go on through the next process.
    WayKey(WayKey),
    /// A call that is only forwarded was answered; `CallEnded` follows.
    Forwarded(Box<KeptForward>),
    /// A recording runs, rests, goes on or has ended; its file is not finished.
    Segment(Box<SegmentRecord>),
    /// It is, and its row has been emitted.
    SegmentStored {
        segment: SegmentId,
    },
}
