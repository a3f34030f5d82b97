//! Counting each thing once: an agent's by the day of the centre's zone, a queue's and its members' by that of its own.

use std::time::Duration;

use jiff::{Timestamp, ToSpan as _, tz::TimeZone};

use super::{
    super::{AgentCounters, Entry, OfferEnd, Outcome, QueueCounters, QueueSettings},
    Acd, Timer, millis, seconds,
};
use crate::base::{Instant, Now, QueueId, Wall};

impl QueueCounters {
    /// An interaction left the line.
    pub(super) fn left(&mut self, outcome: &Outcome, waited: Duration, rules: &QueueSettings) {
        let in_target = u32::from(waited <= seconds(rules.service_level_secs));
        let short = u32::from(waited <= seconds(rules.short_secs));
        self.wait_ms_max = self.wait_ms_max.max(millis(waited));
        match outcome {
            Outcome::Answered => {
                self.answered += 1;
                self.answered_in_target += in_target;
                self.wait_ms += millis(waited);
            }
            Outcome::Abandoned | Outcome::AbandonedShort | Outcome::AbandonedRinging => {
                self.abandoned += 1;
                self.abandoned_in_target += in_target;
                self.abandoned_short += short;
            }
            Outcome::Expired => self.expired += 1,
            Outcome::NoAgents => self.no_agents += 1,
            Outcome::Overflowed(_) => self.overflowed += 1,
            Outcome::Full
            | Outcome::EwtExceeded
            | Outcome::Closed
            | Outcome::ExitKey(_)
            | Outcome::CallbackRequested
            | Outcome::Voicemail
            | Outcome::TransferredInWait
            | Outcome::Withdrawn(_)
            | Outcome::SystemError
            | Outcome::Shutdown => self.other += 1,
        }
    }

    /// Interactions that entered and left again.
    pub fn ended(&self) -> u32 {
        self.answered + self.abandoned + self.expired + self.no_agents + self.overflowed + self.other
    }
}

impl AgentCounters {
    pub(super) fn offer_ended(&mut self, end: OfferEnd) {
        match end {
            OfferEnd::NoAnswer => self.missed += 1,
            OfferEnd::Declined => self.declined += 1,
            OfferEnd::DeviceBusy => self.busy += 1,
            OfferEnd::Unreachable => self.unreachable += 1,
            OfferEnd::CancelledAgentNotReady => self.not_ready += 1,
            OfferEnd::Accepted
            | OfferEnd::LostRace
            | OfferEnd::CancelledCustomer
            | OfferEnd::CancelledWithdrawn
            | OfferEnd::Dump => {}
        }
    }
}

impl Acd {
    /// Starts the agents' counters again when the centre's day is no longer the one being counted, and sets the clock
    /// for the next midnight.
    pub(super) fn on_midnight(&mut self, now: Now) {
        let (day, midnight) = day_of(now.wall, &self.policies.time_zone);
        if day != self.day {
            self.day = day;
            let at = self.at(now);
            for agent in self.agents.values_mut() {
                agent.clock.reset(at);
                agent.today = AgentCounters::default();
            }
            self.entries.push_back(Entry::Day { day });
        }
        self.timers.set(Timer::Midnight, next_look(now, midnight));
    }

    /// The same for what a queue counts, and what it counts of its members.
    pub(super) fn on_queue_midnight(&mut self, now: Now, id: QueueId) {
        let Some(queue) = self.queues.get_mut(&id) else { return };
        let zone = if queue.rules.time_zone.is_empty() { &self.policies.time_zone } else { &queue.rules.time_zone };
        let (day, midnight) = day_of(now.wall, zone);
        self.timers.set(Timer::QueueMidnight(id), next_look(now, midnight));
        if day == queue.day {
            return;
        }
        queue.day = day;
        // Those who wait were carried over from yesterday.
        let entered = u32::try_from(queue.line.len()).unwrap_or(u32::MAX);
        queue.today = QueueCounters { entered, ..QueueCounters::default() };
        for agent in &queue.members {
            if let Some(member) = self.agents.get_mut(agent).and_then(|agent| agent.members.get_mut(&id)) {
                (member.calls, member.talk_ms) = (0, 0);
            }
        }
        // Some strategies order by what was counted.
        self.turn.stale.extend(&queue.members);
        self.entries.push_back(Entry::QueueDay { queue: id, day });
    }
}

/// Never at once again, whatever a clock that was set says.
fn next_look(now: Now, midnight: Wall) -> Instant {
    now.mono + midnight.since(now.wall).max(Duration::from_millis(1))
}

/// The day's number and its end, in the zone; in UTC where the zone is unknown.
fn day_of(wall: Wall, zone: &str) -> (i32, Wall) {
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    let moment = Timestamp::from_millisecond(wall.0).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(zone);
    let date = moment.date();
    let days = date.since((jiff::Unit::Day, jiff::civil::date(1970, 1, 1))).map_or(0, |span| span.get_days());
    let tomorrow = date.checked_add(1.day()).unwrap_or(date);
    let midnight =
        tomorrow.to_zoned(moment.time_zone().clone()).map_or(wall.0, |zoned| zoned.timestamp().as_millisecond());
    (days, Wall(midnight))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_may_have_twenty_three_hours() {
        let hour = 3_600_000;
        // Lisbon springs forward on 29 March 2026 at 01:00 UTC.
        let noon = Wall(1_774_699_200_000);
        let (saturday, midnight) = day_of(noon, "Europe/Lisbon");
        assert_eq!(midnight.0 - noon.0, 12 * hour);
        let (sunday, next) = day_of(midnight, "Europe/Lisbon");
        assert_eq!(sunday, saturday + 1);
        assert_eq!(next.0 - midnight.0, 23 * hour);
        assert_eq!(day_of(noon, "Nowhere/Land"), day_of(noon, "UTC"));
    }
}
