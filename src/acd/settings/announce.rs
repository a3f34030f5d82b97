//! What a queue tells those who wait, and how often.

use serde::{Deserialize, Serialize};

/// `[queue.announce]`. Nothing is told unless `place`, `wait` or `periodic` says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Announce {
    pub place: PlaceRule,
    /// The last place that is told as a number.
    pub place_max: u16,
    pub wait: WaitRule,
    /// A longer wait is told as "more than" so many minutes. Zero: no bound.
    pub wait_max_minutes: u16,
    /// Place and wait are told first after so many seconds.
    pub first_secs: u32,
    /// And again so many seconds after they were told last. Zero: once.
    pub every_secs: u32,
    /// Sooner, but not before so many seconds, when the place has improved. Zero: not sooner.
    pub least_secs: u32,
    /// A place or wait that is no better than the one told last is not told.
    pub only_if_improved: bool,
    /// Keys of clips, one at a time.
    pub periodic: Vec<String>,
    /// In a drawn order instead of the given one.
    pub periodic_random: bool,
    /// The first after so many seconds, the next ones so many seconds later.
    pub periodic_first_secs: u32,
    pub periodic_secs: u32,
    /// Counted from the end of the one before, not from its beginning.
    pub periodic_from_end: bool,
}

impl Default for Announce {
    fn default() -> Self {
        Self {
            place: PlaceRule::Off,
            place_max: 10,
            wait: WaitRule::Off,
            wait_max_minutes: 0,
            first_secs: 5,
            every_secs: 60,
            least_secs: 15,
            only_if_improved: false,
            periodic: Vec::new(),
            periodic_random: false,
            periodic_first_secs: 30,
            periodic_secs: 60,
            periodic_from_end: false,
        }
    }
}

/// Who is told his place in the line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlaceRule {
    #[default]
    Off,
    Always,
    /// Those up to `place_max`.
    Limit,
    /// All; those behind it, that they are.
    MoreThan,
}

/// Whether people are told how long they will wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitRule {
    #[default]
    Off,
    Always,
    Once,
}

/// The shortest time between two announcements of one kind; less would leave no time for the music.
const SECS_MIN: u32 = 5;

/// Clips of one queue that take turns.
const PERIODIC_MAX: usize = 32;

impl Announce {
    /// Whether anything is ever told.
    pub fn speaks(&self) -> bool {
        self.tells_standing() || !self.periodic.is_empty()
    }

    pub fn tells_standing(&self) -> bool {
        self.place != PlaceRule::Off || self.wait != WaitRule::Off
    }

    /// Key and what is wrong with it.
    pub(super) fn faults(&self) -> Vec<(&'static str, String)> {
        let mut faults = Vec::new();
        let often = format!("expected 0 (off) or at least {SECS_MIN} seconds");
        for (key, secs) in [("every_secs", self.every_secs), ("least_secs", self.least_secs)] {
            if (1..SECS_MIN).contains(&secs) {
                faults.push((key, often.clone()));
            }
        }
        if !(1..=999).contains(&self.place_max) {
            faults.push(("place_max", "expected 1 to 999".into()));
        }
        if self.wait_max_minutes > 999 {
            faults.push(("wait_max_minutes", "expected up to 999".into()));
        }
        if self.every_secs > 0 && self.least_secs > self.every_secs {
            faults.push(("least_secs", "expected no more than every_secs".into()));
        }
        if !self.periodic.is_empty() && self.periodic_secs < SECS_MIN {
            faults.push(("periodic_secs", format!("expected at least {SECS_MIN} seconds")));
        }
        if self.periodic.len() > PERIODIC_MAX {
            faults.push(("periodic", format!("expected at most {PERIODIC_MAX} clips")));
        }
        faults
    }
}
