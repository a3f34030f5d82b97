//! How long a wait will be.
//!
//! Position × what an interaction takes ÷ staffed agents, each shared out over the queues that he works for; then the
//! mean of that and of what people waited lately. Both averages weigh the last twenty most.

use super::{
    super::{Factor, Factors},
    Acd,
    queue::{PLAIN, PoolId, Queue, WaitKey},
};
use crate::base::{InteractionId, QueueId};

/// One whole agent, in the unit in which shares are counted.
pub(super) const WHOLE_AGENT: u64 = 1_000_000;

/// Samples that an average remembers.
const SAMPLES: u64 = 20;

/// What keeps an agent from the next call, but not from the one after.
const BUSY: Factors = Factors::NONE.with(Factor::InUse).with(Factor::Ringing).with(Factor::Wrapup).with(Factor::Banned);

/// An average in which each of the last twenty weighs most.
pub(super) fn average(before: Option<u64>, sample: u64) -> u64 {
    match before {
        None => sample,
        Some(before) => (before * (SAMPLES - 1) + sample * 2).div_ceil(SAMPLES + 1),
    }
}

/// Works for the queue, if not at this very moment.
pub(super) fn is_staff(held_back: Factors) -> bool {
    held_back.iter().all(|factor| BUSY.has(factor))
}

impl Queue {
    /// An interaction took an agent so long. The first ones tell something beside what was expected, not all.
    pub fn took(&mut self, handle_ms: u64) {
        self.handle_ms = Some(average(Some(self.handling_ms()), handle_ms));
    }

    fn handling_ms(&self) -> u64 {
        self.handle_ms.unwrap_or(u64::from(self.rules.expected_handle_secs) * 1_000)
    }

    /// The wait of one at this position, from 1, whom so many free agents may have; `None` where nobody works for the queue.
    pub fn estimate_ms(&self, position: u32, free: usize) -> Option<u64> {
        if self.staffed == 0 {
            return None;
        }
        if u32::try_from(free).unwrap_or(u32::MAX) >= position {
            return Some(0);
        }
        let work = u64::from(position).saturating_mul(self.handling_ms()).saturating_mul(WHOLE_AGENT);
        let by_work = work / self.staffed.max(WHOLE_AGENT);
        let blended = self.waited_ms.map_or(by_work, |lately| u64::midpoint(by_work, lately));
        Some(blended.next_multiple_of(u64::from(self.rules.ewt_round_secs.max(1)) * 1_000))
    }

    /// Agents who could be asked now for what holds on to a pool.
    pub fn free_of(&self, pool: PoolId) -> usize {
        self.pools.get(&pool).map_or(0, |pool| pool.routable.len())
    }

    /// The place, from 1, of one who would stand there.
    pub fn place(&self, key: WaitKey) -> u32 {
        let at_the_end = self.line.last().is_none_or(|last| *last < key);
        let before = if at_the_end { self.line.len() } else { self.line.range(..key).count() };
        u32::try_from(before).unwrap_or(u32::MAX).saturating_add(1)
    }
}

impl Acd {
    /// How long the interaction will still wait, in milliseconds.
    pub fn estimate_ms(&self, interaction: InteractionId) -> Option<u64> {
        let it = self.waiting.get(&interaction)?;
        let line = self.queues.get(&it.queue)?;
        line.estimate_ms(line.place(it.key()), line.free_of(it.pool))
    }

    /// How long one would wait who came now.
    pub fn estimate_for_newcomer_ms(&self, queue: QueueId) -> Option<u64> {
        let line = self.queues.get(&queue)?;
        let place = u32::try_from(line.line.len()).unwrap_or(u32::MAX).saturating_add(1);
        line.estimate_ms(place, line.free_of(PLAIN))
    }
}
