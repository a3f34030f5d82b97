//! How the engine's facts stand in the journal.

use crate::engine::{Entry, JOURNAL_VERSION, Record};

use super::Journalled;

impl Journalled for Entry {
    const VERSION: u32 = JOURNAL_VERSION as u32;

    fn kind(&self) -> &'static str {
        match self {
            Self::Version(_) => "version",
            Self::Acd(_) => "acd",
            Self::QueueVoice(_) => "queue_voice",
            Self::Bound { .. } => "bound",
            Self::Unbound { .. } => "unbound",
            Self::Used { .. } => "used",
            Self::Watched(_) => "watched",
            Self::Unwatched { .. } => "unwatched",
            Self::Published(_) => "published",
            Self::Unpublished { .. } => "unpublished",
            Self::CallBegan(_) => "call_began",
            Self::Running(_) => "running",
            Self::Standings(_) => "standings",
            Self::CallOver { .. } => "call_over",
            Self::CallEnded { .. } => "call_ended",
            Self::WayKey(_) => "way_key",
            Self::Forwarded(_) => "forwarded",
            Self::Segment(_) => "segment",
            Self::SegmentStored { .. } => "segment_stored",
        }
    }

    fn keys_of(&self) -> Option<u64> {
        let Self::Running(running) = self else { return None };
        running.has_keys().then_some(running.record.call.0)
    }

    fn drops_keys_of(&self) -> Option<u64> {
        let Self::CallEnded { call, .. } = self else { return None };
        Some(call.0)
    }
}

impl Journalled for Record {
    const VERSION: u32 = JOURNAL_VERSION as u32;

    fn kind(&self) -> &'static str {
        match self {
            Self::Call(_) => "record",
            Self::Engagement(_) => "engagement",
            Self::Segment(_) => "segment",
            Self::Status(_) => "status",
        }
    }
}
