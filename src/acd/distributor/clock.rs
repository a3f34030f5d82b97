//! What an agent did with his day: time in each status, and how busy he was lately.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use super::{
    super::{Reason, Status, StatusTime},
    millis,
};
use crate::base::Wall;

/// How far back occupancy looks.
const LATELY: Duration = Duration::from_secs(30 * 60);

/// Stretches of work that are remembered for it; beyond this the oldest is forgotten. A call takes two or three.
const STRETCHES_MAX: usize = 512;

/// Time in each status since midnight, and the stretches of the last half hour in which he worked or could have.
#[derive(Debug)]
pub(super) struct StatusClock {
    times: BTreeMap<(Status, Option<Reason>), u64>,
    /// Counted up to here.
    counted: Wall,
    /// Up to here his time was told, span by span.
    told: Wall,
    stretches: VecDeque<Stretch>,
}

#[derive(Clone, Copy, Debug)]
struct Stretch {
    from: Wall,
    to: Wall,
    busy: bool,
}

/// In an interaction, or free for one; nothing otherwise.
fn is_busy(status: Status) -> Option<bool> {
    match status {
        Status::Busy | Status::Dialing | Status::Ringing | Status::WrapUp => Some(true),
        Status::Ready => Some(false),
        Status::Offline | Status::Banned | Status::Dnd | Status::NotReady => None,
    }
}

impl StatusClock {
    pub fn new(at: Wall) -> Self {
        Self { times: BTreeMap::new(), counted: at, told: at, stretches: VecDeque::new() }
    }

    /// A status that began at `since` has lasted until now.
    pub fn count(&mut self, status: Status, reason: Option<&Reason>, since: Wall, at: Wall) {
        let ms = millis(at.since(self.counted.max(since)));
        self.counted = at;
        if status != Status::Offline && ms > 0 {
            *self.times.entry((status, reason.cloned())).or_default() += ms;
        }
        if let Some(busy) = is_busy(status) {
            self.stretches.push_back(Stretch { from: since, to: at, busy });
        }
        while self.stretches.front().is_some_and(|first| at.since(first.to) >= LATELY) {
            self.stretches.pop_front();
        }
        if self.stretches.len() > STRETCHES_MAX {
            self.stretches.pop_front();
        }
    }

    /// Where the span begins that ends now; none, where it has no length.
    pub fn span(&mut self, began: Wall, at: Wall) -> Option<Wall> {
        let from = began.max(self.told);
        self.told = at.max(self.told);
        (from < at).then_some(from)
    }

    /// A new day.
    pub fn reset(&mut self, at: Wall) {
        self.times.clear();
        self.counted = at;
    }

    /// With the status that lasts still.
    pub fn times(&self, status: Status, reason: Option<&Reason>, since: Wall, at: Wall) -> Vec<StatusTime> {
        let mut times = self.times.clone();
        let ms = millis(at.since(self.counted.max(since)));
        if status != Status::Offline && ms > 0 {
            *times.entry((status, reason.cloned())).or_default() += ms;
        }
        listed(&times)
    }

    pub fn counted(&self) -> (Vec<StatusTime>, Wall) {
        (listed(&self.times), self.counted)
    }

    pub fn restore(&mut self, times: Vec<StatusTime>, counted: Wall) {
        self.times = times.into_iter().map(|it| ((it.status, it.reason), it.ms)).collect();
        self.counted = counted;
        // What came before is told already, or begins with the status that lasts.
        self.told = Wall(i64::MIN);
    }

    /// The part of the last half hour's working time that went into interactions, in ten thousandths.
    pub fn occupancy(&self, status: Status, since: Wall, at: Wall) -> u32 {
        let present = is_busy(status).map(|busy| Stretch { from: since, to: at, busy });
        let (mut busy, mut all) = (0, 0);
        for stretch in self.stretches.iter().chain(&present) {
            let too_old = at.since(stretch.from).saturating_sub(LATELY);
            let length = millis(stretch.to.since(stretch.from).saturating_sub(too_old));
            all += length;
            busy += if stretch.busy { length } else { 0 };
        }
        u32::try_from((busy * 10_000).checked_div(all).unwrap_or(0)).unwrap_or(0)
    }
}

fn listed(times: &BTreeMap<(Status, Option<Reason>), u64>) -> Vec<StatusTime> {
    let times = times.iter();
    times.map(|((status, reason), ms)| StatusTime { status: *status, reason: reason.clone(), ms: *ms }).collect()
}
