//! The definitions of what centres are measured by, in one place: service level, waits, handle time, occupancy.
//!
//! A figure without anything to divide by is `None`, never 0 or 100 percent.

use serde::Serialize;

use super::{QueueCounters, ReasonKind, ReasonSettings, Status, StatusTime};

/// What came to a queue in some time and what became of it; times in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Entered the queue, whatever came of it.
    pub offered: u64,
    pub answered: u64,
    /// Answered, and given up, within the target T.
    pub answered_in_target: u64,
    pub abandoned: u64,
    pub abandoned_in_target: u64,
    /// Given up within the short time S.
    pub abandoned_short: u64,
    /// Waits of the answered together.
    pub answered_wait_ms: u64,
    /// Engagements that are over with their wrap-up, and what they took.
    pub handled: u64,
    pub talk_ms: u64,
    pub wrap_up_ms: u64,
}

/// Figures of a queue; shares are between 0 and 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Figures {
    pub offered: u64,
    /// The default: A_T ÷ (A + Ab − Ab_S).
    pub sl_excl_short: Option<f64>,
    /// A_T ÷ A.
    pub sl_answered: Option<f64>,
    /// (A_T + Ab_T) ÷ (A + Ab).
    pub sl2: Option<f64>,
    /// A_T ÷ (A + Ab).
    pub sl_offered: Option<f64>,
    /// (Ab − Ab_S) ÷ (offered − Ab_S).
    pub abandon_rate: Option<f64>,
    /// Mean wait of the answered.
    pub asa_ms: Option<f64>,
    /// Talk, holds included, and wrap-up, extensions included.
    pub aht_ms: Option<f64>,
}

/// A share or mean, where there is anything to divide by.
pub fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

impl From<&QueueCounters> for Tally {
    fn from(today: &QueueCounters) -> Self {
        Self {
            offered: today.entered.into(),
            answered: today.answered.into(),
            answered_in_target: today.answered_in_target.into(),
            abandoned: today.abandoned.into(),
            abandoned_in_target: today.abandoned_in_target.into(),
            abandoned_short: today.abandoned_short.into(),
            answered_wait_ms: today.wait_ms,
            handled: today.handled.into(),
            talk_ms: today.talk_ms,
            wrap_up_ms: today.wrap_up_ms,
        }
    }
}

impl Tally {
    /// Two times or queues together.
    pub fn plus(&self, other: &Self) -> Self {
        Self {
            offered: self.offered + other.offered,
            answered: self.answered + other.answered,
            answered_in_target: self.answered_in_target + other.answered_in_target,
            abandoned: self.abandoned + other.abandoned,
            abandoned_in_target: self.abandoned_in_target + other.abandoned_in_target,
            abandoned_short: self.abandoned_short + other.abandoned_short,
            answered_wait_ms: self.answered_wait_ms + other.answered_wait_ms,
            handled: self.handled + other.handled,
            talk_ms: self.talk_ms + other.talk_ms,
            wrap_up_ms: self.wrap_up_ms + other.wrap_up_ms,
        }
    }

    pub fn figures(&self) -> Figures {
        let (answered, abandoned, short) = (self.answered, self.abandoned, self.abandoned_short);
        let both = answered + abandoned;
        Figures {
            offered: self.offered,
            sl_excl_short: ratio(self.answered_in_target, both.saturating_sub(short)),
            sl_answered: ratio(self.answered_in_target, answered),
            sl2: ratio(self.answered_in_target + self.abandoned_in_target, both),
            sl_offered: ratio(self.answered_in_target, both),
            abandon_rate: ratio(abandoned.saturating_sub(short), self.offered.saturating_sub(short)),
            asa_ms: ratio(self.answered_wait_ms, answered),
            aht_ms: ratio(self.talk_ms + self.wrap_up_ms, self.handled),
        }
    }
}

/// Talk, hold, ring and wrap-up against these and the time free for more.
pub fn occupancy(times: &[StatusTime]) -> Option<f64> {
    let sum = |wanted: &[Status]| times.iter().filter(|it| wanted.contains(&it.status)).map(|it| it.ms).sum::<u64>();
    let busy = sum(&[Status::Busy, Status::Dialing, Status::Ringing, Status::WrapUp]);
    ratio(busy, busy + sum(&[Status::Ready]))
}

/// Whether an agent is at work: with interactions, free for them, or Not Ready for work of another kind.
pub fn is_at_work(status: Status, reason: Option<&ReasonSettings>) -> bool {
    match status {
        Status::Ready | Status::Ringing | Status::Dialing | Status::Busy | Status::WrapUp | Status::Banned => true,
        Status::NotReady => reason.is_some_and(|reason| reason.kind == ReasonKind::Productive),
        Status::Offline | Status::Dnd => false,
    }
}

/// The part of the scheduled time that was worked: both are spans in order, from and to.
pub fn adherence(scheduled: &[(i64, i64)], actual: &[(i64, i64)]) -> Option<f64> {
    let overlap = |a: &(i64, i64), b: &(i64, i64)| u64::try_from(a.1.min(b.1) - a.0.max(b.0)).unwrap_or(0);
    let both: u64 = scheduled.iter().map(|span| actual.iter().map(|other| overlap(span, other)).sum::<u64>()).sum();
    ratio(both, scheduled.iter().map(|span| overlap(span, span)).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn percent(share: Option<f64>) -> f64 {
        (share.expect("a figure") * 10_000.0).round() / 100.0
    }

    /// RP-07: the four formulas with their vectors; S = T, and S = 5 s.
    #[test]
    fn service_levels_by_their_names() {
        let tally = Tally {
            offered: 1060,
            answered: 1000,
            answered_in_target: 860,
            abandoned: 60,
            abandoned_in_target: 20,
            abandoned_short: 20,
            ..Tally::default()
        };
        let figures = tally.figures();
        assert_eq!(
            [figures.sl_answered, figures.sl2, figures.sl_offered, figures.sl_excl_short].map(percent),
            [86.0, 83.02, 81.13, 82.69]
        );
        let figures = Tally { abandoned_short: 8, ..tally }.figures();
        assert_eq!([figures.sl_excl_short, figures.sl2].map(percent), [81.75, 83.02]);
    }

    /// RP-06, RP-07: nothing to divide by is no figure.
    #[test]
    fn nothing_is_neither_good_nor_bad() {
        let figures = Tally::default().figures();
        let all = [figures.sl_excl_short, figures.sl_answered, figures.sl2, figures.sl_offered, figures.abandon_rate];
        assert_eq!((all, figures.asa_ms, figures.aht_ms), ([None; 5], None, None));
        assert_eq!((occupancy(&[]), adherence(&[], &[(0, 9)])), (None, None));
        let only_short = Tally { offered: 3, abandoned: 3, abandoned_short: 3, ..Tally::default() }.figures();
        assert_eq!((only_short.sl_excl_short, only_short.abandon_rate), (None, None));
    }

    /// RP-06: ASA is of the answered alone, AHT has the wrap-up in it, short ones are no abandonment, occupancy leaves
    /// out pauses, adherence is what of the schedule was worked.
    #[test]
    fn waits_and_work() {
        let tally = Tally {
            offered: 14,
            answered: 4,
            abandoned: 6,
            abandoned_short: 4,
            answered_wait_ms: 60_000,
            handled: 4,
            talk_ms: 400_000,
            wrap_up_ms: 80_000,
            ..Tally::default()
        };
        let figures = tally.figures();
        assert_eq!(
            (figures.asa_ms, figures.aht_ms, figures.abandon_rate),
            (Some(15_000.0), Some(120_000.0), Some(0.2))
        );
        let time = |status, ms| StatusTime { status, reason: None, ms };
        let day = [
            time(Status::Busy, 50),
            time(Status::Ringing, 5),
            time(Status::WrapUp, 20),
            time(Status::Ready, 25),
            time(Status::NotReady, 900),
            time(Status::Dnd, 900),
        ];
        assert_eq!(occupancy(&day), Some(0.75));
        assert_eq!(adherence(&[(0, 100), (200, 300)], &[(50, 250)]), Some(0.5));
    }
}
