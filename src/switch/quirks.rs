//! What one trunk wants otherwise than others (TK-10). A leg without any keeps to the RFCs.

use serde::{Deserialize, Serialize};

use super::HeaderRules;
use crate::{
    media::Codec,
    sip::{Abilities, DATAGRAM_SAFE},
};

/// Header lines that a trunk's calls get.
pub const ADDED_HEADERS_MAX: usize = 16;

/// The habits of one trunk.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Quirks {
    /// These alone, the preferred first; empty: all, as the other side has them.
    pub codecs: Vec<Codec>,
    /// Of its packets and ours; `None`: as it is asked for.
    pub ptime_ms: Option<u16>,
    pub digits: Digits,
    /// It takes no reliable provisional answers (RFC 3262).
    pub no_reliable: bool,
    /// It takes no UPDATE, whatever it says.
    pub no_update: bool,
    pub no_session_timer: bool,
    /// Its 183 brings nothing worth hearing: the caller hears our ringback.
    pub rings_for_progress: bool,
    /// Of the headers that pass, these alone; `None`: all.
    pub pass: Option<HeaderRules>,
    /// Lines that every INVITE to it gets.
    pub add: Vec<(String, String)>,
    /// Longer requests go by TCP; `None`: those that UDP would cut up.
    pub datagram_max: Option<u16>,
}

/// How a leg wants digits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Digits {
    /// As telephone-events (RFC 4733), or as tones to who takes none.
    #[default]
    Rtp,
    /// INFO with `application/dtmf-relay`: the digit and how long it was.
    InfoRelay,
    /// INFO with `application/dtmf`: the digit alone.
    InfoPlain,
}

impl Quirks {
    pub(super) fn passes(&self, header: &str) -> bool {
        self.pass.as_ref().is_none_or(|rules| rules.lists(header))
    }

    pub(super) fn is_usual(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn datagram_max(&self) -> usize {
        self.datagram_max.map_or(DATAGRAM_SAFE, usize::from)
    }

    pub(super) fn abilities(&self) -> Abilities {
        Abilities { reliable: !self.no_reliable, updates: !self.no_update, session_timer: !self.no_session_timer }
    }
}
