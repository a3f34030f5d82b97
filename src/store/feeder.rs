//! Carries call records from the journal's outbox into the database, at the database's pace.

use std::time::Duration;

use tokio::sync::Notify;

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

    /// Runs until it is dropped; nothing is lost by that. Told `wake` whenever records were added.
    pub async fn run(self, wake: &Notify) {
        self.database.ready().await;
        let mut pause = tokio::time::interval(GATHER_TIME);
        pause.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            pause.tick().await;
            if self.carry().await < BATCH as usize {
                wake.notified().await;
                pause.reset();
            }
        }
    }

    /// One batch; how many there were.
    async fn carry(&self) -> usize {
        let batch = self.outbox.oldest(BATCH).await;
        let Some((last, _)) = batch.last() else { return 0 };
        let (last, count) = (*last, batch.len());
        let records: Vec<Record> = batch.into_iter().map(|(_, record)| record).collect();
        let mut retry = tokio::time::interval(RETRY_TIME);
        let mut away = false;
        loop {
            retry.tick().await;
            match self.database.put_records(&records).await {
                Ok(()) => break,
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
            tracing::warn!("the journal is full: these call records will be offered to the database again");
        }
        count
    }
}
