//! How long the packets of a leg are to be, in milliseconds (RFC 8866 6.4).

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use crate::{switch::Quirks, wire::sdp::Media};

/// What a peer wants to be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Lengths {
    /// `a=ptime`.
    #[serde(rename = "ptime_ms")]
    pub ms: u16,
    /// `a=maxptime`, where there is one: in tens, as phones count.
    #[serde(rename = "maxptime_ms", default, skip_serializing_if = "Option::is_none")]
    pub most: Option<u16>,
}

impl Lengths {
    /// What everybody takes who says nothing.
    pub const USUAL: Self = Self { ms: 20, most: None };

    /// Between what phones make, and never longer than it can take.
    pub fn of(media: &Media) -> Self {
        let wished = media.ptime.filter(|ms| (10..=60).contains(ms) && ms % 10 == 0).unwrap_or(Self::USUAL.ms);
        let most = media.maxptime.map(|most| (most / 10 * 10).max(10));
        Self { ms: most.map_or(wished, |most| wished.min(most)), most }
    }

    /// The same for a leg that is sent what the settings say, whatever it says itself.
    pub fn bent(self, quirks: &Quirks) -> Self {
        let ms = quirks.ptime_ms.unwrap_or(self.ms);
        Self { ms, most: self.most.filter(|most| ms <= *most) }
    }

    /// What a leg is asked to send: what the settings say, else packets as long as these and no longer than whoever hears
    /// them takes.
    pub fn asked(quirks: &Quirks, wished: u16, most: Option<u16>) -> Self {
        match quirks.ptime_ms {
            Some(ms) => Self { ms, most: None },
            None => Self { ms: most.map_or(wished, |most| wished.min(most)), most },
        }
    }

    pub fn write(self, text: &mut String) {
        // Writing to a String can't fail.
        let _ = write!(text, "a=ptime:{}\r\n", self.ms);
        if let Some(most) = self.most {
            let _ = write!(text, "a=maxptime:{most}\r\n");
        }
    }
}
