//! An agent, and what can be said of him by looking.

use std::collections::{BTreeMap, BTreeSet};

use super::Ms;
use crate::acd::{DeviceChoice, DirectKind, Status};

#[derive(Clone, Debug, Default)]
pub(in super::super) struct Agent {
    pub id: u64,
    pub skills: BTreeMap<String, u8>,
    pub online: bool,
    pub device: bool,
    /// Devices that may be pinned and can be reached.
    pub pins: BTreeSet<DeviceChoice>,
    /// Signed in at a page, and its socket is open.
    pub page: bool,
    pub page_open: bool,
    /// Offline because he was lost: his page brings him back.
    pub was_lost: bool,
    pub grace: Option<Ms>,
    pub lost: bool,
    pub inactive: Option<Ms>,
    pub prompted: bool,

    pub ready: bool,
    pub dnd: bool,
    pub pending: Option<Pending>,
    /// Not Ready was chosen at once, in the middle of something.
    pub over_activity: bool,
    pub locked: bool,
    pub ban: Option<Ban>,
    pub not_before: Option<Ms>,
    pub missed: u32,

    pub places: BTreeMap<u64, Place>,

    pub offer: Option<u64>,
    pub call: Option<u64>,
    /// His customer is still dialled.
    pub dials_back: bool,
    pub direct: Vec<Direct>,
    /// In the order in which they began.
    pub wrap_ups: Vec<WrapUp>,
    /// Was Ready when he accepted, and has not chosen since.
    pub untouched: bool,

    pub idle_since: Ms,
    pub handled: bool,
    pub occupancy: u32,
    pub shown: Shown,
    pub worked: Vec<(Ms, Ms, bool)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Pending {
    NotReady,
    LogOff,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Ban {
    Until(Ms),
    UntilManual,
}

/// A call that came through no queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Direct {
    pub call: u64,
    pub kind: DirectKind,
    pub doing: Doing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Doing {
    Rings,
    Dials,
    Talks,
}

#[derive(Clone, Copy, Debug)]
pub(in super::super) struct WrapUp {
    /// None: until somebody ends it.
    pub until: Option<Ms>,
    pub engagement: u64,
    pub extended: u32,
    /// None: after a call that came through no queue.
    pub queue: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Shown {
    status: Status,
    since: Ms,
}

impl Default for Shown {
    fn default() -> Self {
        Self { status: Status::Offline, since: 0 }
    }
}

/// A membership.
#[derive(Clone, Debug)]
pub(in super::super) struct Place {
    pub standing: Standing,
    pub assigned: bool,
    /// Ends when what he does for the queue is over.
    pub leaving: bool,
    /// Paused together with all the others that were active.
    pub together: bool,
    pub order: u64,
    pub joined: u64,
    pub tier: u16,
    /// Which device rings by the settings, and which one somebody chose instead.
    pub settled: DeviceChoice,
    pub chosen: Option<DeviceChoice>,
    pub calls: u32,
    pub talk: Ms,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Standing {
    Active,
    Paused,
    LoggedOut,
}

/// How far back occupancy looks, and how many stretches of work it remembers.
const LATELY: Ms = 30 * 60_000;
const STRETCHES: usize = 512;

impl Agent {
    pub fn idle(&self) -> bool {
        self.offer.is_none() && self.call.is_none() && self.wrap_ups.is_empty() && self.direct.is_empty()
    }

    /// Nothing but a wrap-up goes on.
    pub fn only_wraps_up(&self) -> bool {
        self.online
            && !self.wrap_ups.is_empty()
            && self.offer.is_none()
            && self.call.is_none()
            && self.direct.is_empty()
    }

    pub fn is_banned(&self) -> bool {
        self.ban.is_some() || self.not_before.is_some()
    }

    pub fn has(&self, doing: Doing) -> bool {
        self.direct.iter().any(|direct| direct.doing == doing)
    }

    pub fn present(&self, heeds_phones: bool) -> bool {
        self.page && self.page_open || self.device && heeds_phones
    }

    pub fn is_in(&self, queue: u64) -> bool {
        let place = self.places.get(&queue).filter(|place| place.standing != Standing::LoggedOut);
        self.online && place.is_some_and(|place| !place.leaving)
    }

    pub fn may_be_asked(&self, queue: u64) -> bool {
        let place = self.places.get(&queue).is_some_and(|place| place.standing == Standing::Active && !place.leaving);
        let free = self.idle() && self.ban.is_none() && self.not_before.is_none();
        let pin = self.rings_at(queue);
        let pinned = matches!(pin, DeviceChoice::Web | DeviceChoice::Phone | DeviceChoice::Named(_));
        let place = place && (!pinned || self.pins.contains(&pin));
        place && free && self.online && self.device && self.ready && !self.dnd && self.pending.is_none()
    }

    pub fn rings_at(&self, queue: u64) -> DeviceChoice {
        let place = self.places.get(&queue);
        place.map(|place| place.chosen.clone().unwrap_or(place.settled.clone())).unwrap_or_default()
    }

    fn activity(&self) -> Option<Status> {
        if self.call.is_some() && !self.dials_back || self.has(Doing::Talks) {
            Some(Status::Busy)
        } else if self.call.is_some() || self.has(Doing::Dials) {
            Some(Status::Dialing)
        } else if self.offer.is_some() || self.has(Doing::Rings) {
            Some(Status::Ringing)
        } else if !self.wrap_ups.is_empty() {
            Some(Status::WrapUp)
        } else {
            None
        }
    }

    pub fn status(&self) -> Status {
        match self.activity() {
            _ if !self.online => Status::Offline,
            Some(_) if self.over_activity && !self.ready => Status::NotReady,
            Some(status) => status,
            None if self.ban.is_some() => Status::Banned,
            None if self.dnd => Status::Dnd,
            None if !self.ready => Status::NotReady,
            None => Status::Ready,
        }
    }

    /// He, or another for him, chooses.
    pub fn choose(&mut self, ready: bool) {
        (self.ready, self.pending, self.over_activity, self.untouched) = (ready, None, false, false);
    }

    /// Counts the stretch of work that ends when people see another status.
    pub fn seen(&mut self, now: Ms) {
        let (status, Shown { status: before, since }) = (self.status(), self.shown);
        if status == before {
            return;
        }
        if let Some(works) = works(before) {
            self.worked.push((since, now, works));
        }
        let kept = self.worked.len().saturating_sub(STRETCHES);
        self.worked.drain(..kept);
        self.shown = Shown { status, since: now };
        self.occupancy = self.occupancy_at(now);
    }

    /// The part of the last half hour that went into interactions, of the time in which it might have.
    pub fn occupancy_at(&self, now: Ms) -> u32 {
        let present = works(self.shown.status).map(|works| (self.shown.since, now, works));
        let lengths = self.worked.iter().chain(&present).map(|(from, to, works)| {
            let too_old = (now - from).saturating_sub(LATELY);
            ((to - from).saturating_sub(too_old), *works)
        });
        let (busy, all) =
            lengths.fold((0, 0), |(busy, all), (length, works)| (busy + if works { length } else { 0 }, all + length));
        (busy * 10_000).checked_div(all).unwrap_or(0) as u32
    }

    /// After a restart what is seen still lasts on, but what he worked before is forgotten.
    pub fn forget_work(&mut self, now: Ms) {
        self.worked.clear();
        self.occupancy = 0;
        self.seen(now);
    }
}

fn works(status: Status) -> Option<bool> {
    match status {
        Status::Busy | Status::Dialing | Status::Ringing | Status::WrapUp => Some(true),
        Status::Ready => Some(false),
        Status::Offline | Status::Banned | Status::Dnd | Status::NotReady => None,
    }
}
