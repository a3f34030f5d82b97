//! When people who wait are told something, and what: their place, their wait, the queue's own clips in turn (§3.5).
//!
//! One thing is said at a time, and nothing once an agent has accepted. How it sounds is for whoever reads the outputs;
//! he says `handle_announced` when it is over.

use std::time::Duration;

use super::{
    super::{Announce, Announcement, Channel, Expected, Output, Place, PlaceRule, WaitRule},
    Acd, Timer,
    queue::WaitPhase,
    seconds,
};
use crate::base::{Instant, InteractionId, Now};

/// Nothing is said for longer; whoever should tell of its end has forgotten it.
const SAYING_MAX: Duration = Duration::from_secs(120);

/// What one interaction has been told.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// When place and wait, and when the next clip, are due.
    standing: Option<Instant>,
    periodic: Option<Instant>,
    /// Place and wait are told again by then, improved or not.
    again: Option<Instant>,
    place: Option<u32>,
    minutes: Option<u64>,
    clips: usize,
    says: Option<Says>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Says {
    Standing,
    Periodic,
}

impl Acd {
    /// A newcomer, or one whose queue has new rules.
    pub(super) fn begin_telling(&mut self, now: Now, id: InteractionId) {
        let Some(it) = self.waiting.get(&id) else { return };
        let Some(line) = self.queues.get(&it.queue) else { return };
        let rules = &line.rules.announce;
        if !rules.speaks() || !it.kind.listens() || line.rules.channel != Channel::Voice {
            self.stop_telling(id);
            return;
        }
        let waited = self.at(now).since(it.entered);
        let due = |secs: u32| now.mono + seconds(secs).saturating_sub(waited);
        let (first, periodic) = (due(rules.first_secs), due(rules.periodic_first_secs));
        let (standing, clips) = (rules.tells_standing(), !rules.periodic.is_empty());
        let told = self.told.entry(id).or_default();
        told.standing = standing.then(|| told.standing.unwrap_or(first));
        told.periodic = clips.then(|| told.periodic.unwrap_or(periodic));
        self.await_telling(id);
    }

    pub(super) fn stop_telling(&mut self, id: InteractionId) {
        if self.told.remove(&id).is_some() {
            self.timers.cancel(Timer::Announce(id));
        }
    }

    /// What was said is over, to its end or not.
    pub fn handle_announced(&mut self, now: Now, id: InteractionId) {
        let Some(says) = self.told.get_mut(&id).and_then(|told| told.says.take()) else { return };
        if says == Says::Periodic
            && let Some(it) = self.waiting.get(&id)
            && let Some(line) = self.queues.get(&it.queue)
            && line.rules.announce.periodic_from_end
            && let Some(told) = self.told.get_mut(&id)
        {
            told.periodic = Some(now.mono + seconds(line.rules.announce.periodic_secs));
        }
        self.await_telling(id);
    }

    fn await_telling(&mut self, id: InteractionId) {
        let Some(told) = self.told.get(&id).filter(|told| told.says.is_none()) else { return };
        if let Some(due) = [told.standing, told.periodic].into_iter().flatten().min() {
            self.timers.set(Timer::Announce(id), due);
        }
    }

    pub(super) fn on_announce(&mut self, now: Now, id: InteractionId) {
        let Some(it) = self.waiting.get(&id) else { return };
        let Some(line) = self.queues.get(&it.queue) else { return };
        let (queue, rules) = (it.queue, std::sync::Arc::clone(&line.rules));
        let connecting = matches!(it.phase, WaitPhase::Connecting(_));
        let Some(told) = self.told.get_mut(&id) else { return };
        told.says = None;
        if connecting {
            // He comes back here if that fails.
            return;
        }
        let is_due = |due: Option<Instant>| due.is_some_and(|due| due <= now.mono);
        let (standing, periodic) = (is_due(told.standing), is_due(told.periodic));
        let mut what = None;
        if standing {
            what = self.standing(now, id, &rules.announce).map(|what| (Says::Standing, what));
        }
        if what.is_none() && periodic {
            what = self.next_clip(now, id, &rules.announce).map(|what| (Says::Periodic, what));
        }
        if let Some((says, what)) = what {
            if let Some(told) = self.told.get_mut(&id) {
                told.says = Some(says);
            }
            self.timers.set(Timer::Announce(id), now.mono + SAYING_MAX);
            self.outputs.push_back(Output::Announce { interaction: id, queue, what });
        }
        self.await_telling(id);
    }

    /// Place and wait as far as they are to be told now; sets when they are looked at again.
    fn standing(&mut self, now: Now, id: InteractionId, rules: &Announce) -> Option<Announcement> {
        let place = self.position(id)?;
        let minutes = self.estimate_ms(id).map(|ms| if ms < 60_000 { 0 } else { ms.div_ceil(60_000) });
        let told = self.told.get_mut(&id)?;
        let improved = told.place.is_none_or(|before| place < before);
        let regular = told.again.is_none_or(|again| again <= now.mono);
        if !regular && !improved {
            told.standing = sooner(now, rules, told.again);
            return None;
        }
        told.again = (rules.every_secs > 0).then(|| now.mono + seconds(rules.every_secs));
        told.standing = sooner(now, rules, told.again);
        let sooner_or_later = |better: bool| better || !rules.only_if_improved;
        let spoken_place = place_of(rules, place).filter(|_| sooner_or_later(improved));
        let quicker = |minutes: &u64| sooner_or_later(told.minutes.is_none_or(|before| *minutes < before));
        let wanted = match rules.wait {
            WaitRule::Off => false,
            WaitRule::Always => true,
            WaitRule::Once => told.minutes.is_none(),
        };
        let spoken_minutes = minutes.filter(|_| wanted).filter(quicker);
        told.place = Some(place);
        told.minutes = spoken_minutes.or(told.minutes);
        let wait = spoken_minutes.map(|minutes| expected(rules, minutes));
        let says_something = spoken_place.is_some() || wait.is_some();
        says_something.then_some(Announcement::Standing { place: spoken_place, wait })
    }

    fn next_clip(&mut self, now: Now, id: InteractionId, rules: &Announce) -> Option<Announcement> {
        let count = rules.periodic.len();
        let drawn = if rules.periodic_random { self.chance.below(count.max(1) as u64) as usize } else { 0 };
        let told = self.told.get_mut(&id)?;
        let at = if rules.periodic_random { drawn } else { told.clips.checked_rem(count)? };
        told.clips = told.clips.wrapping_add(1);
        told.periodic = Some(now.mono + seconds(rules.periodic_secs));
        rules.periodic.get(at).map(|clip| Announcement::Clip(clip.as_str().into()))
    }
}

/// The next look: when it may have improved, at the latest when it is told anyway.
fn sooner(now: Now, rules: &Announce, again: Option<Instant>) -> Option<Instant> {
    let least = (rules.least_secs > 0).then(|| now.mono + seconds(rules.least_secs));
    match (least, again) {
        (Some(least), Some(again)) => Some(least.min(again)),
        (Some(one), None) | (None, Some(one)) => Some(one),
        (None, None) => None,
    }
}

fn place_of(rules: &Announce, place: u32) -> Option<Place> {
    let most = u32::from(rules.place_max);
    match rules.place {
        PlaceRule::Off => None,
        PlaceRule::Limit if place > most => None,
        PlaceRule::MoreThan if place > most => Some(Place::Beyond(rules.place_max)),
        PlaceRule::Always | PlaceRule::Limit | PlaceRule::MoreThan => match u16::try_from(place) {
            Ok(1) => Some(Place::First),
            Ok(place) if place <= 999 => Some(Place::Number(place)),
            Ok(_) | Err(_) => Some(Place::Beyond(999)),
        },
    }
}

fn expected(rules: &Announce, minutes: u64) -> Expected {
    let most = if rules.wait_max_minutes == 0 { 999 } else { rules.wait_max_minutes };
    match u16::try_from(minutes) {
        Ok(minutes) if minutes <= most => Expected::Minutes(minutes),
        Ok(_) | Err(_) => Expected::MoreThan(most),
    }
}
