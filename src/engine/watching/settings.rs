//! Who may watch whom, and what they see: `[watching]` of the centre's files.

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WatchSettings {
    /// Who may watch whom. Everybody may watch himself.
    pub watchers: Watchers,
    /// A phone that rings is shown (`early`).
    pub ringing: bool,
    /// Wrap-up is noted in presence.
    pub wrap_up: bool,
    pub dnd: DndShown,
}

impl Default for WatchSettings {
    fn default() -> Self {
        Self { watchers: Watchers::Users, ringing: true, wrap_up: true, dnd: DndShown::Busy }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Watchers {
    /// Every user may watch every user.
    Users,
    /// Those who share a group may watch each other; supervisors may watch all.
    Groups,
    /// Supervisors and administrators alone.
    Supervisors,
    Nobody,
}

/// What others see of one who is not to be disturbed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DndShown {
    /// Busy, with a note.
    Busy,
    /// Not to be reached, with a note.
    Closed,
    /// What his own device says.
    Default,
}
