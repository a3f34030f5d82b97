//! What an agent writes down of an interaction: its disposition, tags and notes (AW-09, CH-18).

use std::{collections::BTreeSet, fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use super::Refused;
use crate::base::Private;

/// Bytes of notes on one engagement; longer ones are refused. About two printed pages: each change is journalled whole.
pub const NOTES_MAX: usize = 8_000;

/// Tags on one engagement; more are refused.
pub const TAGS_MAX: usize = 16;

macro_rules! keys {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            pub fn new(key: &str) -> Self {
                Self(key.into())
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(key: &str) -> Self {
                Self::new(key)
            }
        }
    )*};
}

keys! {
    /// Key of a result that an agent chooses: one of the administrator's, or [`Disposition::none`].
    Disposition
    /// Key of a free label.
    Tag
}

impl Disposition {
    /// Recorded where the queue wanted one and the wrap-up was ended without.
    pub fn none() -> Self {
        Self::new(Self::NONE)
    }

    pub(super) const NONE: &str = "none";
}

/// What is written of one engagement.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Work {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disposition: Option<Disposition>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub tags: BTreeSet<Tag>,
    #[serde(skip_serializing_if = "is_empty")]
    pub notes: Private<String>,
}

fn is_empty(text: &Private<String>) -> bool {
    text.reveal().is_empty()
}

/// A change of it; what is left out stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkChange {
    /// `Some(None)` takes it back.
    pub disposition: Option<Option<Disposition>>,
    pub tags: Option<BTreeSet<Tag>>,
    pub notes: Option<Private<String>>,
}

impl WorkChange {
    /// Refused whole, or all of it is done.
    pub(super) fn apply(self, work: &mut Work) -> Result<(), Refused> {
        if self.tags.as_ref().is_some_and(|tags| tags.len() > TAGS_MAX) {
            return Err(Refused::not_understood("too_many_tags", format!("at most {TAGS_MAX} tags")));
        }
        if self.notes.as_ref().is_some_and(|notes| notes.reveal().len() > NOTES_MAX) {
            return Err(Refused::not_understood("notes_too_long", format!("at most {NOTES_MAX} bytes of notes")));
        }
        let Self { disposition, tags, notes } = self;
        work.disposition = disposition.unwrap_or_else(|| work.disposition.take());
        work.tags = tags.unwrap_or_else(|| std::mem::take(&mut work.tags));
        work.notes = notes.unwrap_or_else(|| std::mem::take(&mut work.notes));
        Ok(())
    }
}
