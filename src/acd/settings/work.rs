//! What agents may write of an interaction, and when it is done with.

use serde::{Deserialize, Serialize};

use crate::acd::{Disposition, QueueSettings, Tag};

/// A result that agents may choose.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DispositionSettings {
    pub key: Disposition,
    /// The words that people see; the key when empty.
    #[serde(default)]
    pub name: String,
}

/// A label that agents may put on an interaction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TagSettings {
    pub key: Tag,
    /// The words that people see; the key when empty.
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub colour: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DispositionRule {
    #[default]
    Off,
    Optional,
    /// A wrap-up can't be finished by hand before a disposition is chosen. Its limit still ends it.
    Required,
}

/// How an engagement is done with after its talk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarkDone {
    /// With the wrap-up, however that ends.
    #[default]
    Auto,
    /// It stays until the agent marks it done: without an `acw_secs` for as long as he likes, with one until its limit.
    /// Choosing Ready does not end it; with `next_status = "manual"` he says what he is next as he marks it.
    Required,
}

impl QueueSettings {
    /// Whether this disposition may be chosen here.
    pub(in crate::acd) fn takes(&self, disposition: &Disposition, all: &[DispositionSettings]) -> bool {
        let known = all.iter().any(|known| known.key == *disposition);
        self.disposition != DispositionRule::Off
            && known
            && (self.dispositions.is_empty() || self.dispositions.contains(disposition))
    }
}
