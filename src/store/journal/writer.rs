//! The thread that owns the file: takes a group, writes it, says so; on a broken disk tries again.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::{
    CHECKPOINT_AFTER, JournalSettings, Journalled, RETRY_TIME, Report,
    file::{self, File, Group},
    inbox::{Inbox, Order},
};

/// Tries at the last group when the switch ends on a broken disk.
const LAST_TRIES: u32 = 4;

pub struct Writer<E, R, F> {
    file: File,
    settings: JournalSettings,
    inbox: Arc<Inbox<E, R>>,
    report: F,
    /// Entries since the last checkpoint, and those in it.
    since: u64,
    kept: u64,
    asked: bool,
}

/// Orders folded into one commit, and whom to tell.
struct Batch<R> {
    group: Group,
    written: Option<u64>,
    readers: Vec<(u32, oneshot::Sender<Vec<(i64, R)>>)>,
    /// Entries of the checkpoint in it.
    checkpoint: Option<u64>,
}

impl<R> Default for Batch<R> {
    fn default() -> Self {
        Self { group: Group::default(), written: None, readers: Vec::new(), checkpoint: None }
    }
}

impl<R: Journalled> Batch<R> {
    fn fold<E: Journalled>(&mut self, orders: Vec<Order<E, R>>) {
        for order in orders {
            match order {
                Order::Append { id, wall, entry } => {
                    self.group.entries.extend(file::line(wall.as_millis(), &entry));
                    self.written = Some(id);
                }
                Order::Record { wall, record } => self.group.records.extend(file::line(wall.as_millis(), &record)),
                Order::Checkpoint { wall, entries } => {
                    let lines = entries.iter().filter_map(|entry| file::line(wall.as_millis(), entry));
                    self.group.entries = lines.collect();
                    self.group.clear = true;
                    self.checkpoint = Some(self.group.entries.len() as u64);
                }
                Order::Oldest { max, reply } => self.readers.push((max, reply)),
                Order::Delivered { up_to } => self.group.delivered = self.group.delivered.max(Some(up_to)),
            }
        }
    }
}

impl<E: Journalled, R: Journalled, F: Fn(Report)> Writer<E, R, F> {
    pub fn new(file: File, settings: JournalSettings, inbox: Arc<Inbox<E, R>>, report: F, kept: u64) -> Self {
        Self { file, settings, inbox, report, since: 0, kept, asked: false }
    }

    pub fn run(mut self) {
        while let Some(orders) = self.inbox.next_group(self.settings.gather, self.settings.linger) {
            let mut batch = Batch::default();
            batch.fold(orders);
            self.write(batch);
        }
        self.file.close();
    }

    fn write(&mut self, mut batch: Batch<R>) {
        let mut failing = false;
        let mut last_tries = LAST_TRIES;
        while let Err(fault) = self.file.write(&batch.group) {
            if !failing {
                failing = true;
                metrics::counter!("journal_failures_total").increment(1);
                tracing::error!(%fault, "the journal can't be written; calls go on, nothing new is acknowledged");
                (self.report)(Report::Failing { why: fault.to_string() });
            }
            if self.inbox.is_closed() {
                last_tries -= 1;
                if last_tries == 0 {
                    tracing::error!(lost = batch.group.entries.len(), "the journal ends with unwritten entries");
                    return;
                }
            }
            // A checkpoint covers the group that does not fit, and may be smaller.
            if let Some(orders) = self.inbox.after(RETRY_TIME) {
                batch.fold(orders);
            }
            if let Err(fault) = self.file.reopen(&self.settings) {
                tracing::debug!(%fault, "the journal can't be opened again yet");
            }
        }
        if failing {
            tracing::info!("the journal is written again");
            (self.report)(Report::Recovered);
        }
        self.told(batch);
    }

    fn told(&mut self, batch: Batch<R>) {
        if let Some(kept) = batch.checkpoint {
            self.kept = kept;
            self.since = 0;
            self.asked = false;
        }
        self.since += batch.group.entries.len() as u64;
        metrics::counter!("journal_entries_total").increment(batch.group.entries.len() as u64);
        metrics::counter!("journal_commits_total").increment(1);
        if let Some(id) = batch.written {
            (self.report)(Report::Written(id));
        }
        if !batch.group.records.is_empty() {
            (self.report)(Report::RecordsWaiting);
        }
        for (max, reply) in batch.readers {
            let _ = reply.send(self.file.oldest(max));
        }
        let gap = self.inbox.turned_away();
        if (gap || self.since >= CHECKPOINT_AFTER.max(4 * self.kept)) && !self.asked {
            self.asked = true;
            (self.report)(Report::CheckpointDue { whole: !gap });
        }
    }
}
