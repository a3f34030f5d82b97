//! Carries call records from the journal's outbox into the database, at the database's pace.

use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::engine::{Entry, Record};

use super::{Database, journal::Outbox};

/// Records in one transaction.
const BATCH: u32 = 256;

/// How long records gather before they are carried over; nobody asks for a call in the second it ended.
const GATHER_TIME: Duration = Duration::from_millis(500);

/// Between two tries at a database that is away.
const RETRY_TIME: Duration = Duration::from_secs(2);

/// Woken by the journal's `RecordsWaiting`; also looks by itself at start, for what the last run left.
#[derive(Debug)]
pub struct Feeder {
    outbox: Outbox<Entry, Record>,
    database: Database,
}

impl Feeder {
    pub const fn new(outbox: Outbox<Entry, Record>, database: Database) -> Self {
        Self { outbox, database }
    }

    /// Told `wake` whenever records were added. Runs until `end` is cancelled and the database has what was in the outbox by
    /// then, or doesn't take it: what is left, also when it is dropped before, waits in the journal.
    pub async fn run(self, wake: &Notify, end: &CancellationToken) {
        tokio::select! {
            biased;
            () = self.database.ready() => {}
            () = end.cancelled() => return,
        }
        let mut pause = tokio::time::interval(GATHER_TIME);
        pause.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = pause.tick() => {}
                () = end.cancelled() => {}
            }
            // Asked before the outbox is read: what was put there before the end is seen.
            let ends = end.is_cancelled();
            if self.carry(end).await == BATCH as usize {
                continue;
            }
            if ends {
                return;
            }
            tokio::select! {
                () = wake.notified() => pause.reset(),
                () = end.cancelled() => {}
            }
        }
    }

    /// One batch; how many the database took.
    async fn carry(&self, end: &CancellationToken) -> usize {
        let batch = self.outbox.oldest(BATCH).await;
        let Some((last, _)) = batch.last() else { return 0 };
        let (last, count) = (*last, batch.len());
        let records: Vec<Record> = batch.into_iter().map(|(_, record)| record).collect();
        let mut retry = tokio::time::interval(RETRY_TIME);
        let mut away = false;
        loop {
            tokio::select! {
                _ = retry.tick() => {}
                () = end.cancelled() => {}
            }
            match self.database.put_records(&records).await {
                Ok(()) => break,
                Err(why) if end.is_cancelled() => {
                    tracing::warn!(%why, "call records can't be stored; they wait in the journal for the next start");
                    return 0;
                }
                Err(why) if !away => {
                    away = true;
                    metrics::counter!("store_database_failures_total").increment(1);
                    tracing::error!(%why, "call records can't be stored; they wait in the journal");
                }
                Err(_) => {}
            }
        }
        if away {
            tracing::info!("call records are stored again");
        }
        metrics::counter!("store_records_total").increment(count as u64);
        if self.outbox.delivered(last).is_err() {
            tracing::warn!("the journal takes no more: these call records will be offered to the database again");
        }
        count
    }
}
