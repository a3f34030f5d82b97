//! How the engine's facts stand in the journal.

use crate::engine::{Entry, JOURNAL_VERSION, Record};

use super::Journalled;

impl Journalled for Entry {
    const VERSION: u32 = JOURNAL_VERSION as u32;

    fn kind(&self) -> &'static str {
        match self {
            Self::Version(_) => "version",
            Self::Acd(_) => "acd",
            Self::Bound { .. } => "bound",
            Self::Unbound { .. } => "unbound",
            Self::CallBegan(_) => "call_began",
            Self::CallEnded { .. } => "call_ended",
        }
    }
}

impl Journalled for Record {
    const VERSION: u32 = JOURNAL_VERSION as u32;

    fn kind(&self) -> &'static str {
        match self {
            Self::Call(_) => "record",
            Self::Engagement(_) => "engagement",
        }
    }
}
