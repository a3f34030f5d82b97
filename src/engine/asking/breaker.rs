//! A service that has given no answer several times in a row is not asked for a while, so that nobody waits for it.
//!
//! When that is over, one question is a probe: it goes out, and nobody waits for its answer either. An answer ends the
//! rest, none makes the next one twice as long. What was asked before a rest began, or within it, says nothing of what
//! is true now, and counts for nothing.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::{Instant, Now};

/// When a service is no longer asked, and for how long: of a `[[service]]`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Patience {
    /// Questions in a row without an answer; zero: it is asked all the same.
    pub rest_after: u32,
    /// The first rest.
    pub rest_time: Duration,
    /// No rest is longer.
    pub rest_time_max: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { rest_after: 3, rest_time: Duration::from_secs(5), rest_time_max: Duration::from_secs(120) }
    }
}

/// Whether one service is asked.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Breaker {
    /// Counts its rests and what came between them.
    era: u32,
    stage: Stage,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Stage {
    /// Asked whenever somebody wants to know; so many in a row had no answer.
    Trusted { unanswered: u32 },
    /// Not asked until then.
    Resting { rest: Rest, until: Instant },
    /// The one question that goes out in a rest has no answer yet.
    Probed { rest: Rest },
}

impl Default for Stage {
    fn default() -> Self {
        Self::Trusted { unanswered: 0 }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Rest {
    since: Instant,
    /// The present part of it, up to its probe.
    length: Duration,
    /// Questions that had no answer, those that led to it included.
    unanswered: u32,
    /// Questions for whose answer nobody waited.
    spared: u32,
}

/// What becomes of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// It goes out, and whoever asks waits. Bring the era back with what came of it.
    Ask { era: u32 },
    /// It goes out, and nobody waits for the answer.
    Probe { era: u32 },
    /// It doesn't go out.
    Spare,
}

/// A rest began or ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    Rests { unanswered: u32, length: Duration },
    AskedAgain { unanswered: u32, spared: u32, since: Instant },
}

impl Breaker {
    /// Somebody wants to ask.
    pub fn ask(&mut self, now: Now) -> Leave {
        match &mut self.stage {
            Stage::Trusted { .. } => Leave::Ask { era: self.era },
            Stage::Resting { rest, until } => {
                rest.spared = rest.spared.saturating_add(1);
                if now.mono < *until {
                    return Leave::Spare;
                }
                self.stage = Stage::Probed { rest: *rest };
                Leave::Probe { era: self.era }
            }
            Stage::Probed { rest } => {
                rest.spared = rest.spared.saturating_add(1);
                Leave::Spare
            }
        }
    }

    /// What came of a question that went out in an era.
    pub fn heard(&mut self, now: Now, era: u32, answered: bool, patience: Patience) -> Option<Turn> {
        if era != self.era {
            return None;
        }
        match &mut self.stage {
            Stage::Trusted { unanswered } if answered => {
                *unanswered = 0;
                None
            }
            Stage::Trusted { unanswered } => {
                *unanswered = unanswered.saturating_add(1);
                let (unanswered, length) = (*unanswered, patience.rest_time);
                if patience.rest_after == 0 || unanswered < patience.rest_after {
                    return None;
                }
                let rest = Rest { since: now.mono, length, unanswered, spared: 0 };
                self.begin(Stage::Resting { rest, until: now.mono + length });
                Some(Turn::Rests { unanswered, length })
            }
            // Nobody was asked in this era yet.
            Stage::Resting { .. } => None,
            Stage::Probed { .. } if answered => self.trust_again(),
            Stage::Probed { rest } => {
                let mut rest = *rest;
                rest.unanswered = rest.unanswered.saturating_add(1);
                rest.length = (rest.length * 2).min(patience.rest_time_max.max(patience.rest_time));
                self.begin(Stage::Resting { rest, until: now.mono + rest.length });
                None
            }
        }
    }

    /// It is there, or is another one now: whoever wants to may ask it.
    pub fn trust_again(&mut self) -> Option<Turn> {
        let stage = std::mem::take(&mut self.stage);
        self.era = self.era.wrapping_add(1);
        match stage {
            Stage::Trusted { .. } => None,
            Stage::Resting { rest, .. } | Stage::Probed { rest } => {
                let Rest { unanswered, spared, since, .. } = rest;
                Some(Turn::AskedAgain { unanswered, spared, since })
            }
        }
    }

    /// The answer to its probe will not come: the next question is one.
    pub fn forget_probe(&mut self) {
        if let Stage::Probed { rest } = self.stage {
            self.stage = Stage::Resting { rest, until: Instant::default() };
        }
    }

    fn begin(&mut self, stage: Stage) {
        (self.era, self.stage) = (self.era.wrapping_add(1), stage);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience =
        Patience { rest_after: 3, rest_time: Duration::from_secs(5), rest_time_max: Duration::from_secs(15) };

    fn at(secs: u64) -> Now {
        let mut now = Now::default();
        now.mono += Duration::from_secs(secs);
        now
    }

    fn asks(breaker: &mut Breaker, secs: u64) -> u32 {
        match breaker.ask(at(secs)) {
            Leave::Ask { era } | Leave::Probe { era } => era,
            Leave::Spare => panic!("spared at {secs}"),
        }
    }

    fn resting() -> Breaker {
        let mut breaker = Breaker::default();
        let eras = [0; 3].map(|_| asks(&mut breaker, 0));
        let turns = eras.map(|era| breaker.heard(at(0), era, false, PATIENCE));
        let length = Duration::from_secs(5);
        assert_eq!(turns, [None, None, Some(Turn::Rests { unanswered: 3, length })]);
        breaker
    }

    /// RT-06: an answer between begins the count anew; three in a row and it rests, five seconds, then ten, then never more
    /// than the most; one probe each, and the one that is answered ends it.
    #[test]
    fn rt_06_rests_grow_up_to_the_most() {
        let mut breaker = Breaker::default();
        for answered in [false, false, true, false, false] {
            let era = asks(&mut breaker, 0);
            assert_eq!(breaker.heard(at(0), era, answered, PATIENCE), None);
        }
        let mut breaker = resting();
        let mut from = 0;
        for length in [5, 10, 15, 15] {
            assert_eq!(breaker.ask(at(from + length - 1)), Leave::Spare, "{length}");
            from += length;
            let Leave::Probe { era } = breaker.ask(at(from)) else { panic!("{length}") };
            assert_eq!(breaker.ask(at(from)), Leave::Spare, "one probe");
            assert_eq!(breaker.heard(at(from), era, false, PATIENCE), None);
        }
        let Leave::Probe { era } = breaker.ask(at(from + 15)) else { panic!("the last") };
        let turn = breaker.heard(at(from + 15), era, true, PATIENCE);
        assert_eq!(turn, Some(Turn::AskedAgain { unanswered: 7, spared: 13, since: Instant::default() }));
        assert!(matches!(breaker.ask(at(from + 15)), Leave::Ask { .. }));
    }

    /// RT-06: what was asked before a rest counts neither in it nor after it, in either order.
    #[test]
    fn rt_06_what_was_asked_before_a_rest_counts_for_nothing() {
        for answered in [true, false] {
            let mut breaker = Breaker::default();
            let eras = [0; 6].map(|_| asks(&mut breaker, 0));
            let turns = eras[..3].iter().filter_map(|era| breaker.heard(at(0), *era, false, PATIENCE));
            assert_eq!(turns.count(), 1);
            assert_eq!(breaker.heard(at(1), eras[3], answered, PATIENCE), None);
            assert_eq!(breaker.ask(at(1)), Leave::Spare);
            let probe = asks(&mut breaker, 5);
            assert!(breaker.heard(at(5), probe, true, PATIENCE).is_some());
            for era in &eras[4..] {
                assert_eq!(breaker.heard(at(6), *era, answered, PATIENCE), None);
            }
            let eras = [0; 2].map(|_| asks(&mut breaker, 6));
            assert!(eras.iter().all(|era| breaker.heard(at(6), *era, false, PATIENCE).is_none()));
        }
    }

    /// RT-06: no patience of that kind, no rest.
    #[test]
    fn rt_06_a_service_that_may_not_rest_does_not() {
        let patience = Patience { rest_after: 0, ..PATIENCE };
        let mut breaker = Breaker::default();
        for _ in 0..100 {
            let era = asks(&mut breaker, 0);
            assert_eq!(breaker.heard(at(0), era, false, patience), None);
        }
    }
}
