//! Queues: what they count, and who would have his place back.

use super::super::{
    super::{Entry, GivenUp, QueueRecord, QueueSettings},
    Acd,
};
use crate::base::QueueId;

impl Acd {
    pub(super) fn queue_entry(&self, queue: QueueId) -> Option<Entry> {
        let it = self.queues.get(&queue)?;
        Some(Entry::Queue(Box::new(QueueRecord {
            queue,
            pointer: it.pointer,
            door: it.door,
            handle_ms: it.handle_ms,
            waited_ms: it.waited_ms,
            today: it.today,
        })))
    }

    /// What another process must know of a queue that its settings don't name.
    pub(in super::super) fn drains_entry(&self, queue: QueueId) -> Option<Entry> {
        let it = self.queues.get(&queue)?;
        Some(Entry::Drains { queue, rules: Box::new(QueueSettings::clone(&it.rules)) })
    }

    pub(super) fn restore_queue(&mut self, record: QueueRecord) {
        if let Some(queue) = self.queues.get_mut(&record.queue) {
            (queue.pointer, queue.today, queue.door) = (record.pointer, record.today, record.door);
            (queue.handle_ms, queue.waited_ms) = (record.handle_ms, record.waited_ms);
        }
    }

    pub(super) fn restore_given_up(&mut self, gone: GivenUp) {
        if let Some(queue) = self.queues.get_mut(&gone.queue).filter(|queue| queue.rules.resume_secs > 0) {
            queue.given_up.push_back(gone);
        }
    }
}
