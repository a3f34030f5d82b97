//! The pool of pre-bound ports, a value of the engine's.

use std::{collections::VecDeque, net::SocketAddr, ops::RangeInclusive, time::Duration};

use serde::{Deserialize, Serialize};

use super::Port;
use crate::base::Instant;

/// How long a port rests after its call before another gets it: stragglers of the old call die out meanwhile.
pub const PORT_REST: Duration = Duration::from_secs(2);

/// The rest is cut to this when no port has rested in full: a new call matters more than a stray packet, which the
/// source rule turns away in most cases anyway.
pub const PORT_REST_PRESSED: Duration = Duration::from_millis(200);

/// Pairs of an even port for RTP and the next one for RTCP that a range has room for.
pub fn port_pairs(ports: &RangeInclusive<u16>) -> usize {
    (*ports.start()..*ports.end()).filter(|port| port % 2 == 0).count()
}

/// Without so many no call has room: one for each worker, which all browsers' legs there share, and two for the sides of a call.
pub const fn port_pairs_min(workers: usize) -> usize {
    workers + 2
}

/// Ports that the plane bound, handed out and taken back without asking it.
///
/// Within a worker the port that has rested longest goes first. Its size is that of what the plane bound; empty means
/// that the call is refused.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct PortPool {
    /// Per worker, ordered by the moment from which the port rests; `None`, never used, is in front.
    free: Vec<VecDeque<(Port, Option<Instant>)>>,
    total: usize,
    /// Where the next taker without a hint begins.
    turn: usize,
}

impl PortPool {
    pub fn new(ports: impl IntoIterator<Item = Port>) -> Self {
        let mut pool = Self::default();
        pool.add(ports);
        pool
    }

    /// More ports that the plane bound.
    pub fn add(&mut self, ports: impl IntoIterator<Item = Port>) {
        for port in ports {
            self.total += 1;
            self.worker(port.worker).push_front((port, None));
        }
    }

    /// A port of the hinted worker, or of the workers in turn when there is no hint or it has none.
    pub fn take(&mut self, now: Instant, hint: Option<u16>) -> Option<Port> {
        [PORT_REST, PORT_REST_PRESSED].into_iter().find_map(|rest| self.take_rested(now, hint, rest))
    }

    /// That very port, wherever it stands: a call of an earlier process goes on with it.
    pub fn claim(&mut self, rtp: SocketAddr) -> Option<Port> {
        self.free.iter_mut().find_map(|free| {
            let at = free.iter().position(|(port, _)| port.rtp == rtp)?;
            free.remove(at).map(|(port, _)| port)
        })
    }

    /// Starts the port's rest.
    pub fn give_back(&mut self, now: Instant, port: Port) {
        self.worker(port.worker).push_back((port, Some(now)));
    }

    /// Ports not in use, resting ones included.
    pub fn free(&self) -> usize {
        self.free.iter().map(VecDeque::len).sum()
    }

    /// All ports, in use or not.
    pub const fn total(&self) -> usize {
        self.total
    }

    fn take_rested(&mut self, now: Instant, hint: Option<u16>, rest: Duration) -> Option<Port> {
        let is_rested = |queue: &VecDeque<(Port, Option<Instant>)>| {
            queue.front().is_some_and(|(_, since)| since.is_none_or(|since| now.since(since) >= rest))
        };
        let hinted = hint.map(usize::from).filter(|worker| self.free.get(*worker).is_some_and(is_rested));
        let worker = hinted.or_else(|| {
            let from = self.turn;
            self.turn = from.wrapping_add(1);
            let count = self.free.len();
            (0..count).map(|step| (from + step) % count).find(|worker| self.free.get(*worker).is_some_and(is_rested))
        })?;
        self.free.get_mut(worker)?.pop_front().map(|(port, _)| port)
    }

    fn worker(&mut self, worker: u16) -> &mut VecDeque<(Port, Option<Instant>)> {
        let worker = usize::from(worker);
        if self.free.len() <= worker {
            self.free.resize_with(worker + 1, VecDeque::new);
        }
        &mut self.free[worker]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(worker: u16, index: u16) -> Port {
        Port { worker, index, rtp: ([127, 0, 0, 1], 16_384 + index * 2).into() }
    }

    fn at(millis: u64) -> Instant {
        Instant::from_micros(millis * 1_000)
    }

    /// SW-07: a call's port is not handed to the next one while stragglers may still come.
    #[test]
    fn a_port_given_back_rests() {
        let mut pool = PortPool::new([port(0, 0), port(0, 1)]);
        let first = pool.take(at(1_000), None).expect("a fresh one");
        pool.give_back(at(1_000), first);
        let second = pool.take(at(1_001), None).expect("the other one");
        assert_ne!(first, second);
        assert_eq!(pool.take(at(1_100), None), None, "the first still rests");
        assert_eq!(pool.take(at(1_200), None), Some(first), "pressed, but rested a little");
        assert_eq!(pool.take(at(9_000), None), None, "empty");
        assert_eq!((pool.free(), pool.total()), (0, 2));
    }

    #[test]
    fn the_port_that_rested_longest_goes_first() {
        let mut pool = PortPool::new((0..3).map(|index| port(0, index)));
        let taken: Vec<Port> = (0..3).filter_map(|_| pool.take(at(0), None)).collect();
        for (index, port) in taken.iter().rev().enumerate() {
            pool.give_back(at(10 + index as u64), *port);
        }
        let again: Vec<Port> = (0..3).filter_map(|_| pool.take(at(5_000), None)).collect();
        assert_eq!(again, taken.into_iter().rev().collect::<Vec<_>>());
    }

    #[test]
    fn a_hint_is_followed_while_it_can_be() {
        let mut pool = PortPool::new([port(0, 0), port(1, 1), port(1, 2)]);
        assert_eq!(pool.take(at(0), Some(1)).map(|port| port.worker), Some(1));
        assert_eq!(pool.take(at(0), Some(1)).map(|port| port.worker), Some(1));
        assert_eq!(pool.take(at(0), Some(1)).map(|port| port.worker), Some(0));
        assert_eq!(pool.take(at(0), Some(1)), None);
    }

    #[test]
    fn without_a_hint_the_workers_take_turns() {
        let mut pool = PortPool::new((0..4).map(|index| port(index % 2, index)));
        let workers: Vec<u16> = (0..4).filter_map(|_| pool.take(at(0), None)).map(|port| port.worker).collect();
        assert!(workers == [0, 1, 0, 1] || workers == [1, 0, 1, 0], "{workers:?}");
    }
}
