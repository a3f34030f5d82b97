//! When a queue is open: weekly hours in a time zone, and the dates that differ.

use std::{fmt, str::FromStr};

use jiff::{
    Timestamp, ToSpan as _, Zoned,
    civil::{Date, Time, Weekday},
    tz::TimeZone,
};
use serde::{Deserialize, Serialize};

use crate::base::Wall;

/// Days that are looked ahead for the next change; beyond them one looks again.
const HORIZON_DAYS: i64 = 9;

/// Opening hours, which queues refer to by their key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CalendarSettings {
    pub key: String,
    /// IANA name; empty: the zone of the policies.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub time_zone: String,
    pub hours: Vec<WeeklyHours>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<DateHours>,
}

/// `{ days = ["mon", "tue"], from = "09:00", to = "18:00" }`. A `to` that is not after `from` is the next day's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeeklyHours {
    pub days: Vec<Day>,
    pub from: ClockTime,
    pub to: ClockTime,
}

/// `{ date = "2026-12-25" }` is closed, with `from` and `to` it is open so. Several entries of one date add up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DateHours {
    pub date: CalendarDate,
    /// What people call it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<ClockTime>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<ClockTime>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

/// Minutes since midnight, `00:00` to `24:00`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClockTime(u16);

const DAY_MINUTES: u16 = 24 * 60;

/// A date such as `2026-12-25`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CalendarDate(Date);

impl ClockTime {
    /// Since midnight.
    pub const fn minutes(self) -> u16 {
        self.0
    }
}

impl FromStr for ClockTime {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "expected a time such as \"09:00\", up to \"24:00\"";
        let (hours, minutes) = text.split_once(':').ok_or(EXPECTED)?;
        let two = |text: &str| text.parse::<u16>().ok().filter(|_| text.len() == 2);
        let (hours, minutes) = (two(hours).ok_or(EXPECTED)?, two(minutes).ok_or(EXPECTED)?);
        let all = hours.saturating_mul(60).saturating_add(minutes);
        if minutes < 60 && all <= DAY_MINUTES { Ok(Self(all)) } else { Err(EXPECTED) }
    }
}

impl fmt::Display for ClockTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl FromStr for CalendarDate {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self).map_err(|_| "expected a date such as \"2026-12-25\"")
    }
}

impl fmt::Display for CalendarDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

macro_rules! as_text {
    ($($name:ident)*) => {$(
        impl TryFrom<String> for $name {
            type Error = &'static str;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.to_string()
            }
        }
    )*};
}

as_text! { ClockTime CalendarDate }

impl Day {
    const fn of(weekday: Weekday) -> Self {
        match weekday {
            Weekday::Monday => Self::Mon,
            Weekday::Tuesday => Self::Tue,
            Weekday::Wednesday => Self::Wed,
            Weekday::Thursday => Self::Thu,
            Weekday::Friday => Self::Fri,
            Weekday::Saturday => Self::Sat,
            Weekday::Sunday => Self::Sun,
        }
    }
}

impl CalendarSettings {
    /// What is wrong with it, in words.
    pub(super) fn faults(&self) -> Vec<(&'static str, String)> {
        let mut faults = Vec::new();
        if !self.time_zone.is_empty() && TimeZone::get(&self.time_zone).is_err() {
            faults.push(("time_zone", format!("there is no time zone `{}`, such as Europe/Lisbon", self.time_zone)));
        }
        let mut same = self.hours.iter().map(|hours| (hours.from, hours.to)).collect::<Vec<_>>();
        for exception in &self.exceptions {
            match (exception.from, exception.to) {
                (Some(from), Some(to)) => same.push((from, to)),
                (None, None) => {}
                (Some(_), None) | (None, Some(_)) => {
                    faults.push(("exceptions", format!("{}: give both from and to, or neither", exception.date)));
                }
            }
        }
        let closed = self.exceptions.iter().filter(|it| it.from.is_none() && it.to.is_none());
        for day in closed {
            if self.exceptions.iter().any(|it| it.date == day.date && it.from.is_some() && it.to.is_some()) {
                faults.push(("exceptions", format!("{}: one line closes that day, another opens it", day.date)));
            }
        }
        if same.iter().any(|(from, to)| from == to) {
            faults.push(("hours", String::from("from and to are equal; a whole day is \"00:00\" to \"24:00\"")));
        }
        if self.hours.iter().any(|hours| hours.days.is_empty()) {
            faults.push(("hours", String::from("name at least one day, such as days = [\"mon\"]")));
        }
        if same.is_empty() {
            faults.push(("hours", String::from("it never opens: add hours")));
        }
        faults
    }
}

/// A calendar, ready to be asked.
#[derive(Clone, Debug)]
pub struct Calendar {
    zone: TimeZone,
    settings: CalendarSettings,
}

impl Calendar {
    pub fn new(settings: CalendarSettings, default_zone: &str) -> Self {
        let name = if settings.time_zone.is_empty() { default_zone } else { &settings.time_zone };
        Self { zone: TimeZone::get(name).unwrap_or(TimeZone::UTC), settings }
    }

    pub fn is_open(&self, at: Wall) -> bool {
        let moment = self.moment(at);
        let minute = minute_of(moment.time());
        let today = self.spans(moment.date()).any(|(from, to)| minute >= from.0 && (to <= from || minute < to.0));
        let yesterday = moment.date().yesterday().ok();
        let mut late = yesterday.into_iter().flat_map(|date| self.spans(date));
        today || late.any(|(from, to)| to <= from && minute < to.0)
    }

    /// The next moment after `at` at which it opens or closes, or at which to ask again.
    pub fn next_change(&self, at: Wall) -> Wall {
        let moment = self.moment(at);
        let now_open = self.is_open(at);
        // Where the clocks change, it is another time of day at once.
        let mut edges: Vec<_> = self.clocks_change(at).into_iter().collect();
        for ahead in -1..=HORIZON_DAYS {
            let Ok(date) = moment.date().checked_add(ahead.days()) else { continue };
            edges.extend(self.edges(date, 0));
            for (from, to) in self.spans(date) {
                let end = if to <= from { to.0 + DAY_MINUTES } else { to.0 };
                edges.extend(self.edges(date, from.0).chain(self.edges(date, end)));
            }
        }
        edges.sort_unstable();
        let mut later = edges.iter().filter(|edge| **edge > at);
        let change = later.clone().find(|edge| self.is_open(**edge) != now_open);
        change.or(later.next_back()).copied().unwrap_or(Wall(at.0 + 86_400_000))
    }

    /// When it is open between two moments: from and to, in order.
    pub fn open_between(&self, from: Wall, to: Wall) -> Vec<(Wall, Wall)> {
        let (mut spans, mut at) = (Vec::<(Wall, Wall)>::new(), from);
        while at < to {
            let next = self.next_change(at).min(to);
            match spans.last_mut().filter(|last| last.1 == at) {
                _ if !self.is_open(at) => {}
                Some(last) => last.1 = next,
                None => spans.push((at, next)),
            }
            at = next;
        }
        spans
    }

    /// So many minutes into a date, on the wall: twice in an hour that the clocks repeat.
    fn edges(&self, date: Date, minutes: u16) -> impl Iterator<Item = Wall> + use<> {
        let local = || {
            let date = date.checked_add(i64::from(minutes / DAY_MINUTES).days()).ok()?;
            let minutes = minutes % DAY_MINUTES;
            let time = Time::new((minutes / 60).try_into().ok()?, (minutes % 60).try_into().ok()?, 0, 0).ok()?;
            Some(self.zone.to_ambiguous_timestamp(date.to_datetime(time)))
        };
        let both = local().map(|local| [local.earlier(), local.later()]);
        both.into_iter().flatten().flatten().map(|moment| Wall(moment.as_millisecond()))
    }

    /// When the clocks of the zone change next.
    fn clocks_change(&self, at: Wall) -> Option<Wall> {
        let moment = Timestamp::from_millisecond(at.0).ok()?;
        Some(Wall(self.zone.following(moment).next()?.timestamp().as_millisecond()))
    }

    fn moment(&self, at: Wall) -> Zoned {
        Timestamp::from_millisecond(at.0).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(self.zone.clone())
    }

    /// When it is open on a date: the exceptions where there are any, else the hours of the week.
    fn spans(&self, date: Date) -> impl Iterator<Item = (ClockTime, ClockTime)> + '_ {
        let day = Day::of(date.weekday());
        let special = self.settings.exceptions.iter().any(|exception| exception.date.0 == date);
        let exceptions = self.settings.exceptions.iter().filter(move |exception| exception.date.0 == date);
        let weekly = self.settings.hours.iter().filter(move |hours| !special && hours.days.contains(&day));
        let exceptions = exceptions.filter_map(|exception| Some((exception.from?, exception.to?)));
        exceptions.chain(weekly.map(|hours| (hours.from, hours.to)))
    }
}

fn minute_of(time: Time) -> u16 {
    u16::from(time.hour().unsigned_abs()) * 60 + u16::from(time.minute().unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calendar(zone: &str, hours: &str) -> Calendar {
        let settings: CalendarSettings = toml::from_str(hours).unwrap();
        assert_eq!(settings.faults(), []);
        Calendar::new(settings, zone)
    }

    fn at(text: &str) -> Wall {
        Wall(text.parse::<Timestamp>().unwrap().as_millisecond())
    }

    /// QE-17: hours are those of the zone, before and after the clocks change.
    #[test]
    fn hours_follow_the_zone() {
        let lisbon = calendar("Europe/Lisbon", "hours = [{ days = ['mon', 'sun'], from = '09:00', to = '18:00' }]");
        assert!(lisbon.is_open(at("2026-03-23T09:00:00Z")), "Monday in winter time");
        assert!(!lisbon.is_open(at("2026-03-23T08:59:59Z")) && !lisbon.is_open(at("2026-03-23T18:00:00Z")));
        assert!(lisbon.is_open(at("2026-03-30T08:00:00Z")), "a week later it is an hour ahead");
        assert!(!lisbon.is_open(at("2026-03-30T17:00:00Z")));
        assert_eq!(lisbon.next_change(at("2026-03-23T20:00:00Z")), at("2026-03-29T08:00:00Z"), "Sunday, changed");
        assert_eq!(lisbon.next_change(at("2026-03-29T08:00:00Z")), at("2026-03-29T17:00:00Z"));
    }

    /// RP-06, OP-10: what is open between two moments, over the nights in which the clocks change.
    #[test]
    fn op_10_open_hours_are_counted_over_changed_clocks() {
        let night = calendar("Europe/Lisbon", "hours = [{ days = ['sat'], from = '22:00', to = '06:00' }]");
        for (evening, from, to) in [
            ("2026-03-28T12:00:00Z", "2026-03-28T22:00:00Z", "2026-03-29T05:00:00Z"),
            ("2026-10-24T12:00:00Z", "2026-10-24T21:00:00Z", "2026-10-25T06:00:00Z"),
        ] {
            let week = Wall(at(evening).0 + 5 * 86_400_000);
            assert_eq!(night.open_between(at(evening), week), [(at(from), at(to))], "seven hours, and nine");
        }
        assert_eq!(night.open_between(at("2026-03-29T00:00:00Z"), at("2026-03-29T00:00:00Z")), []);
        let holiday = calendar(
            "Europe/Lisbon",
            "hours = [{ days = ['sun'], from = '01:30', to = '02:30' }]
             exceptions = [{ date = '2026-03-29', from = '01:30', to = '03:00' }]",
        );
        assert_eq!(
            holiday.open_between(at("2026-03-29T00:00:00Z"), at("2026-03-29T23:00:00Z")),
            [(at("2026-03-29T01:00:00Z"), at("2026-03-29T02:00:00Z"))],
            "half past one is not on that day's clock: it is two, and open, at once"
        );
        let twice = holiday.open_between(at("2026-10-25T00:00:00Z"), at("2026-10-25T23:00:00Z"));
        let times = [("00:30", "01:00"), ("01:30", "02:30")];
        let times = times.map(|(from, to)| [from, to].map(|time| at(&format!("2026-10-25T{time}:00Z"))));
        assert_eq!(twice, times.map(|[from, to]| (from, to)), "and in October half past one comes twice");
    }

    /// QE-17: a holiday closes, another date opens longer, a night passes midnight.
    #[test]
    fn dates_differ_and_nights_pass() {
        let night = calendar(
            "UTC",
            "hours = [{ days = ['mon', 'fri'], from = '22:00', to = '06:00' }]
             exceptions = [{ date = '2026-12-25', name = 'Christmas' }, { date = '2026-12-24', from = '10:00', to = '12:00' }]",
        );
        assert!(night.is_open(at("2026-12-21T22:00:00Z")) && night.is_open(at("2026-12-22T05:59:00Z")));
        assert!(!night.is_open(at("2026-12-22T06:00:00Z")) && !night.is_open(at("2026-12-25T23:00:00Z")));
        assert!(night.is_open(at("2026-12-24T11:00:00Z")) && !night.is_open(at("2026-12-24T12:00:00Z")));
        assert_eq!(night.next_change(at("2026-12-24T12:00:00Z")), at("2026-12-28T22:00:00Z"));
        let always = calendar(
            "UTC",
            "hours = [{ days = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'], from = '00:00', to = '24:00' }]",
        );
        assert!(always.is_open(at("2026-12-24T00:00:00Z")) && always.is_open(at("2026-12-24T23:59:59Z")));
        assert!(always.next_change(at("2026-12-24T12:00:00Z")) > at("2026-12-30T00:00:00Z"), "asked again in a while");
    }

    /// QE-17: what never opens, or can't be read, is refused.
    #[test]
    fn bad_calendars_are_refused() {
        let faults = |text: &str| toml::from_str::<CalendarSettings>(text).unwrap().faults();
        assert_eq!(faults("exceptions = [{ date = '2026-12-25' }]")[0].1, "it never opens: add hours");
        assert_eq!(faults("hours = [{ days = ['mon'], from = '09:00', to = '09:00' }]").len(), 1);
        let torn = "exceptions = [{ date = '2026-12-24' }, { date = '2026-12-24', from = '09:00', to = '12:00' }]";
        assert_eq!(faults(torn), [("exceptions", "2026-12-24: one line closes that day, another opens it".to_owned())]);
        let halves = ["09:00', to = '12:00", "14:00', to = '18:00"]
            .map(|it| format!("{{ date = '2026-12-24', from = '{it}' }}"));
        assert_eq!(faults(&format!("exceptions = [{}]", halves.join(", "))), []);
        assert_eq!(
            faults("time_zone = 'Nowhere/Land'\nhours = [{ days = ['mon'], from = '09:00', to = '10:00' }]").len(),
            1
        );
        for text in
            ["hours = [{ days = ['mon'], from = '9:00', to = '25:00' }]", "exceptions = [{ date = '2026-02-30' }]"]
        {
            assert!(toml::from_str::<CalendarSettings>(text).is_err(), "{text}");
        }
    }
}
