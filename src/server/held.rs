//! Durable before told: outputs that wait until the journal has written what they promise.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    base::Instant,
    engine::{Emitted, EntryId, Output},
};

/// Outputs held at once. A group commit takes some milliseconds, so this is a journal that has stood still for seconds;
/// what comes then is refused.
pub const HELD_MAX: usize = 32_768;

/// How long anything is held. A journal that works takes milliseconds; one that has not written by now may never, and
/// whoever waits is better told so while he listens.
pub const HELD_TIME: Duration = Duration::from_secs(2);

/// Outputs by the entry they wait for, then by the order in which they came.
pub struct Held {
    written: EntryId,
    waiting: BTreeMap<(EntryId, u64), Waiting>,
    count: u64,
    failing: bool,
}

struct Waiting {
    output: Output,
    patient: bool,
    until: Instant,
}

impl Default for Held {
    fn default() -> Self {
        Self { written: EntryId(0), waiting: BTreeMap::new(), count: 0, failing: false }
    }
}

/// What becomes of an output.
#[derive(Debug)]
pub enum Pass {
    Now(Output),
    Later {
        /// The journal is to write soon.
        hurried: bool,
    },
    /// The journal can't keep the promise.
    Never(Output),
}

impl Pass {
    /// Of what the journal does not write.
    fn unwritten(output: Output, patient: bool) -> Self {
        if patient { Self::Now(output) } else { Self::Never(output) }
    }
}

impl Held {
    pub fn pass(&mut self, now: Instant, emitted: Emitted) -> Pass {
        let Emitted { output, after, patient } = emitted;
        let Some(entry) = after.filter(|entry| *entry > self.written) else { return Pass::Now(output) };
        if self.failing || self.waiting.len() >= HELD_MAX {
            return Pass::unwritten(output, patient);
        }
        if !self.holds(entry, &output) {
            self.count += 1;
            self.waiting.insert((entry, self.count), Waiting { output, patient, until: now + HELD_TIME });
        }
        Pass::Later { hurried: !patient }
    }

    /// A request that comes again while its answer is held brings no second answer.
    fn holds(&self, entry: EntryId, output: &Output) -> bool {
        let Output::Send { path, bytes } = output else { return false };
        let mut same = self.waiting.range((entry, 0)..=(entry, u64::MAX)).map(|(_, waiting)| &waiting.output);
        same.any(|held| matches!(held, Output::Send { path: to, bytes: held } if to == path && held == bytes))
    }

    /// Everything up to `entry` is written: what may go now, in order.
    pub fn written(&mut self, entry: EntryId) -> impl Iterator<Item = Output> + use<> {
        self.written = self.written.max(entry);
        let later = self.waiting.split_off(&(EntryId(self.written.0.saturating_add(1)), 0));
        std::mem::replace(&mut self.waiting, later).into_values().map(|waiting| waiting.output)
    }

    /// When to ask for what is [`overdue`](Self::overdue).
    pub fn due(&self) -> Option<Instant> {
        self.waiting.first_key_value().map(|(_, waiting)| waiting.until)
    }

    /// What has waited for too long, to be told or refused.
    pub fn overdue(&mut self, now: Instant) -> Vec<Pass> {
        if self.due().is_none_or(|due| due > now) {
            return Vec::new();
        }
        let waiting = std::mem::take(&mut self.waiting).into_iter();
        let (over, waiting) = waiting.partition(|(_, waiting)| waiting.until <= now);
        self.waiting = waiting;
        let over: BTreeMap<_, _> = over;
        over.into_values().map(|waiting| Pass::unwritten(waiting.output, waiting.patient)).collect()
    }

    /// The process ends: what promises nothing may go.
    pub fn farewells(&mut self) -> impl Iterator<Item = Output> + use<> {
        let waiting = std::mem::take(&mut self.waiting).into_values();
        waiting.filter(|waiting| waiting.patient).map(|waiting| waiting.output)
    }

    /// The journal can't write (or can again). What is held already goes on waiting for its time: it may still be written.
    pub fn set_failing(&mut self, failing: bool) {
        self.failing = failing;
    }

    pub fn is_failing(&self) -> bool {
        self.failing
    }

    pub fn len(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        engine::{Answer, RequestId},
        sip::{Path, Transport},
    };

    const NOW: Instant = Instant::from_micros(1_000_000);

    fn reply(number: u64, after: Option<u64>) -> Emitted {
        let output = Output::Reply { id: RequestId(number), result: Ok(Answer::Done) };
        Emitted { output, after: after.map(EntryId), patient: false }
    }

    /// The answer to a BYE.
    fn bye(text: &'static str, after: u64) -> Emitted {
        let (local, remote) = ("10.0.0.1:5060".parse().unwrap(), "10.0.0.9:5060".parse().unwrap());
        let path = Path { transport: Transport::Udp, local, remote, flow: None };
        let output = Output::Send { path, bytes: bytes::Bytes::from_static(text.as_bytes()) };
        Emitted { output, after: Some(EntryId(after)), patient: true }
    }

    fn number(output: &Output) -> u64 {
        match output {
            Output::Reply { id, .. } => id.0,
            Output::Send { .. }
            | Output::Media { .. }
            | Output::Journal { .. }
            | Output::Record(_)
            | Output::Live(_)
            | Output::Page { .. }
            | Output::Resolve { .. }
            | Output::Ask(_)
            | Output::Mend { .. }
            | Output::Gate(_)
            | Output::Alarm(_)
            | Output::Drained => panic!("{output:?}"),
        }
    }

    /// OP-01: nothing is told before it is written, and then everything in its order.
    #[test]
    fn what_is_promised_waits_for_the_journal() {
        let mut held = Held::default();
        assert!(matches!(held.pass(NOW, reply(1, Some(5))), Pass::Later { hurried: true }));
        assert!(matches!(held.pass(NOW, reply(2, Some(6))), Pass::Later { hurried: true }));
        assert!(matches!(held.pass(NOW, reply(3, Some(5))), Pass::Later { hurried: true }));
        assert!(matches!(held.pass(NOW, reply(4, None)), Pass::Now(_)));
        let gone: Vec<u64> = held.written(EntryId(5)).map(|output| number(&output)).collect();
        assert_eq!(gone, [1, 3]);
        assert!(matches!(held.pass(NOW, reply(5, Some(5))), Pass::Now(_)));
        assert_eq!(held.written(EntryId(9)).count(), 1);
        assert_eq!(held.len(), 0);
    }

    /// OP-01: a journal that can't write refuses new promises and keeps the number of old ones bounded.
    #[test]
    fn a_journal_that_stands_still_promises_nothing_more() {
        let mut held = Held::default();
        for number in 0..HELD_MAX as u64 {
            assert!(matches!(held.pass(NOW, reply(number, Some(7))), Pass::Later { hurried: true }));
        }
        assert!(matches!(held.pass(NOW, reply(0, Some(7))), Pass::Never(_)));
        assert_eq!(held.written(EntryId(7)).count(), HELD_MAX);
        held.set_failing(true);
        assert!(matches!(held.pass(NOW, reply(1, Some(8))), Pass::Never(_)));
        held.set_failing(false);
        assert!(matches!(held.pass(NOW, reply(1, Some(8))), Pass::Later { hurried: true }));
    }

    /// OP-01: the answer to a BYE waits too, but hurries nobody; the repeated BYE adds nothing; and what can't be written
    /// keeps it no longer than its time.
    #[test]
    fn a_farewell_waits_without_haste_and_not_for_ever() {
        let mut held = Held::default();
        for text in ["one", "two", "one"] {
            assert!(matches!(held.pass(NOW, bye(text, 5)), Pass::Later { hurried: false }));
        }
        assert_eq!(held.len(), 2, "a copy brings no second answer");
        assert_eq!(held.written(EntryId(5)).count(), 2);

        assert!(matches!(held.pass(NOW, bye("three", 6)), Pass::Later { .. }));
        assert!(matches!(held.pass(NOW, reply(4, Some(7))), Pass::Later { .. }));
        assert_eq!(held.due(), Some(NOW + HELD_TIME));
        assert!(held.overdue(NOW + HELD_TIME / 2).is_empty());
        let over = held.overdue(NOW + HELD_TIME);
        assert!(matches!(&over[..], [Pass::Now(Output::Send { .. }), Pass::Never(Output::Reply { .. })]), "{over:?}");
        assert_eq!((held.len(), held.due()), (0, None));

        held.set_failing(true);
        assert!(matches!(held.pass(NOW, bye("four", 8)), Pass::Now(_)));
        held.set_failing(false);
        assert!(matches!(held.pass(NOW, bye("four", 8)), Pass::Later { .. }));
        assert!(matches!(held.pass(NOW, reply(5, Some(9))), Pass::Later { .. }));
        assert_eq!(held.farewells().count(), 1, "at the end nothing is promised that is not written");
    }
}
