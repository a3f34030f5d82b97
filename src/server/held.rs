//! Durable before told: outputs that wait until the journal has written what they promise.

use std::collections::BTreeMap;

use crate::engine::{Emitted, EntryId, Output};

/// Outputs held at once. A group commit takes some milliseconds, so this is a journal that has stood still for seconds;
/// what comes then is refused (pages) or dropped (phones ask again).
pub const HELD_MAX: usize = 32_768;

/// Outputs by the entry they wait for, then by the order in which they came.
pub struct Held {
    written: EntryId,
    waiting: BTreeMap<(EntryId, u64), Output>,
    count: u64,
    failing: bool,
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
    Later,
    /// The journal can't keep the promise.
    Never(Output),
}

impl Held {
    pub fn pass(&mut self, emitted: Emitted) -> Pass {
        let Emitted { output, after } = emitted;
        match after {
            None => Pass::Now(output),
            Some(entry) if entry <= self.written => Pass::Now(output),
            Some(_) if self.failing || self.waiting.len() >= HELD_MAX => Pass::Never(output),
            Some(entry) => {
                self.count += 1;
                self.waiting.insert((entry, self.count), output);
                Pass::Later
            }
        }
    }

    /// Everything up to `entry` is written: what may go now, in order.
    pub fn written(&mut self, entry: EntryId) -> impl Iterator<Item = Output> + use<> {
        self.written = self.written.max(entry);
        let later = self.waiting.split_off(&(EntryId(self.written.0.saturating_add(1)), 0));
        std::mem::replace(&mut self.waiting, later).into_values()
    }

    /// The journal can't write (or can again). What is held already goes on waiting: it may still be written.
    pub fn set_failing(&mut self, failing: bool) {
        self.failing = failing;
    }

    pub fn len(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Answer, RequestId};

    fn reply(number: u64, after: Option<u64>) -> Emitted {
        let output = Output::Reply { id: RequestId(number), result: Ok(Answer::Done) };
        Emitted { output, after: after.map(EntryId) }
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
        assert!(matches!(held.pass(reply(1, Some(5))), Pass::Later));
        assert!(matches!(held.pass(reply(2, Some(6))), Pass::Later));
        assert!(matches!(held.pass(reply(3, Some(5))), Pass::Later));
        assert!(matches!(held.pass(reply(4, None)), Pass::Now(_)));
        let gone: Vec<u64> = held.written(EntryId(5)).map(|output| number(&output)).collect();
        assert_eq!(gone, [1, 3]);
        assert!(matches!(held.pass(reply(5, Some(5))), Pass::Now(_)));
        assert_eq!(held.written(EntryId(9)).count(), 1);
        assert_eq!(held.len(), 0);
    }

    /// OP-01: a journal that can't write refuses new promises and keeps the number of old ones bounded.
    #[test]
    fn a_journal_that_stands_still_promises_nothing_more() {
        let mut held = Held::default();
        for number in 0..HELD_MAX as u64 {
            assert!(matches!(held.pass(reply(number, Some(7))), Pass::Later));
        }
        assert!(matches!(held.pass(reply(0, Some(7))), Pass::Never(_)));
        assert_eq!(held.written(EntryId(7)).count(), HELD_MAX);
        held.set_failing(true);
        assert!(matches!(held.pass(reply(1, Some(8))), Pass::Never(_)));
        held.set_failing(false);
        assert!(matches!(held.pass(reply(1, Some(8))), Pass::Later));
    }
}
