//! A table of named deadlines.

use std::{collections::BTreeSet, hash::Hash};

use super::{FastMap, Instant};

/// Deadlines by key; a key has at most one. Setting, moving, cancelling and taking cost O(log n).
///
/// Keys that are due at the same moment come out in key order, so that the same day replays the same way.
#[derive(Clone, Debug)]
pub struct Timers<K> {
    due: BTreeSet<(Instant, K)>,
    at: FastMap<K, Instant>,
}

impl<K: Copy + Ord + Hash> Timers<K> {
    pub fn new() -> Self {
        Self { due: BTreeSet::new(), at: FastMap::default() }
    }

    /// Sets or moves the deadline of `key`.
    pub fn set(&mut self, key: K, until: Instant) {
        if let Some(old) = self.at.insert(key, until) {
            self.due.remove(&(old, key));
        }
        self.due.insert((until, key));
    }

    /// Forgets the deadline of `key`; tells whether there was one.
    pub fn cancel(&mut self, key: K) -> bool {
        match self.at.remove(&key) {
            Some(old) => self.due.remove(&(old, key)),
            None => false,
        }
    }

    pub fn deadline(&self, key: &K) -> Option<Instant> {
        self.at.get(key).copied()
    }

    /// When the next one is due.
    pub fn next(&self) -> Option<Instant> {
        self.due.first().map(|(until, _)| *until)
    }

    /// Takes the first key whose deadline is not after `now`. Call until `None`.
    pub fn take_due(&mut self, now: Instant) -> Option<K> {
        let (until, key) = *self.due.first()?;
        if until > now {
            return None;
        }
        self.due.pop_first();
        self.at.remove(&key);
        Some(key)
    }

    pub fn len(&self) -> usize {
        self.due.len()
    }

    pub fn is_empty(&self) -> bool {
        self.due.is_empty()
    }
}

impl<K: Copy + Ord + Hash> Default for Timers<K> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: u64) -> Instant {
        Instant::from_micros(micros)
    }

    #[test]
    fn a_moved_deadline_fires_once_at_its_new_time() {
        let mut timers = Timers::new();
        timers.set('a', at(10));
        timers.set('b', at(20));
        timers.set('a', at(30));
        assert_eq!(timers.take_due(at(15)), None);
        assert_eq!(timers.next(), Some(at(20)));
        assert_eq!(timers.take_due(at(40)), Some('b'));
        assert_eq!(timers.take_due(at(40)), Some('a'));
        assert_eq!(timers.take_due(at(40)), None);
        assert!(timers.is_empty());
    }

    #[test]
    fn a_cancelled_deadline_never_fires() {
        let mut timers = Timers::new();
        timers.set(1, at(10));
        assert!(timers.cancel(1));
        assert!(!timers.cancel(1));
        assert_eq!(timers.take_due(Instant::FAR), None);
    }
}
