//! Which way a caller went through menus, for his record.

use serde::{Deserialize, Serialize};

use super::settings::Way;
use crate::base::Wall;

/// Steps of one call that are kept: the first ones and the last.
pub const STEPS_MAX: usize = 40;

/// One menu that a caller came through.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MenuStep {
    /// When he came to it.
    pub at: Wall,
    pub menu: String,
    /// How it ended and where it led. `None`: he hung up in it, or an agent was free.
    pub end: Option<(MenuEnd, Way)>,
}

/// What ended a menu. What was typed is a secret of the caller's: only how much it was is kept.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MenuEnd {
    /// Everything was said.
    Said,
    Pressed {
        key: char,
    },
    Typed {
        name: String,
        digits: u8,
    },
    /// Nothing was pressed, so often as it was tried.
    Silent,
    /// What was pressed last led nowhere.
    Wrong,
    /// A service answered, and named a branch or none.
    Answered {
        branch: Option<String>,
    },
    Unanswered {
        why: String,
    },
    /// It had led to somebody who did not answer, and goes on from there.
    NobodyAnswered,
}
