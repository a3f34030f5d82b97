//! Recordings: what is known of their files (RC-01, RC-03).

use sqlx::{Any, AssertSqlSafe, Row, Transaction, any::AnyRow};

use super::{
    Database, DatabaseError,
    records::{Insert, ROWS_MAX, insert_sql, value, word},
};
use crate::{
    base::{AgentId, CallId, LegId, QueueId, SegmentId, Wall},
    engine::SegmentRecord,
};

const COLUMNS: &str = "segment_id, call_id, leg_id, others, queue_id, agent_id, path, began, ended, pauses, \
     interrupted, file, private";

/// Segments of one call that are told of.
const SEGMENTS_MAX: i64 = 1_000;

/// Segments of one answer.
const PAGE_MAX: u32 = 500;

/// Which segments are wanted; what is left out fits all.
#[derive(Debug, Clone, Default)]
pub struct SegmentFilter {
    pub before: Option<SegmentId>,
    /// Of these queues, or of that agent.
    pub queues: Option<Vec<QueueId>>,
    pub agent: Option<AgentId>,
    pub limit: u32,
}

/// As a part of a batch: what is there already is left as it is.
pub(super) async fn put(
    work: &mut Transaction<'static, Any>,
    segments: &[&SegmentRecord],
) -> Result<(), DatabaseError> {
    for chunk in segments.chunks(ROWS_MAX) {
        let mut insert = sqlx::query(insert_sql("segments", COLUMNS, "segment_id", chunk.len()));
        for segment in chunk {
            insert = bind(insert, segment);
        }
        insert.execute(&mut **work).await?;
    }
    Ok(())
}

impl Database {
    /// The finished segments of a call, in their order.
    pub async fn segments(&self, call: CallId) -> Result<Vec<SegmentRecord>, DatabaseError> {
        let sql = format!("SELECT {COLUMNS} FROM segments WHERE call_id = $1 ORDER BY segment_id LIMIT $2");
        let query = sqlx::query(AssertSqlSafe(sql)).bind(call.0.cast_signed()).bind(SEGMENTS_MAX);
        query.fetch_all(&self.pool).await?.iter().map(read).collect()
    }

    /// The newest first.
    pub async fn newest_segments(&self, filter: SegmentFilter) -> Result<Vec<SegmentRecord>, DatabaseError> {
        let whose = match filter.queues.as_deref() {
            None => String::from("0 = 0"),
            Some([]) => String::from("agent_id = $3"),
            Some(queues) => {
                let places = (4..4 + queues.len()).map(|n| format!("${n}")).collect::<Vec<_>>().join(",");
                format!("(agent_id = $3 OR queue_id IN ({places}))")
            }
        };
        let sql = format!(
            "SELECT {COLUMNS} FROM segments WHERE segment_id < $1 AND {whose} ORDER BY segment_id DESC LIMIT $2"
        );
        let before = filter.before.map_or(i64::MAX, |segment| segment.0.cast_signed());
        let query = sqlx::query(AssertSqlSafe(sql)).bind(before).bind(i64::from(filter.limit.min(PAGE_MAX)));
        let mut query = match filter.queues {
            // Nobody is agent 0.
            Some(_) => query.bind(filter.agent.map_or(0, |agent| agent.0.cast_signed())),
            None => query,
        };
        for queue in filter.queues.iter().flatten() {
            query = query.bind(queue.0.cast_signed());
        }
        query.fetch_all(&self.pool).await?.iter().map(read).collect()
    }

    pub async fn segment(&self, segment: SegmentId) -> Result<Option<SegmentRecord>, DatabaseError> {
        let sql = format!("SELECT {COLUMNS} FROM segments WHERE segment_id = $1");
        let query = sqlx::query(AssertSqlSafe(sql)).bind(segment.0.cast_signed());
        query.fetch_optional(&self.pool).await?.as_ref().map(read).transpose()
    }
}

fn bind<'q>(insert: Insert<'q>, it: &SegmentRecord) -> Insert<'q> {
    insert
        .bind(it.segment.0.cast_signed())
        .bind(it.call.0.cast_signed())
        .bind(it.leg.0.cast_signed())
        .bind(word(&it.others))
        .bind(it.queue.map(|queue| queue.0.cast_signed()))
        .bind(it.agent.map(|agent| agent.0.cast_signed()))
        .bind(it.path.clone())
        .bind(it.began.as_millis())
        .bind(it.ended.map(Wall::as_millis))
        .bind(word(&it.pauses))
        .bind(i64::from(it.interrupted))
        .bind(it.file.as_ref().map(word))
        .bind(i64::from(it.private))
}

fn read(row: &AnyRow) -> Result<SegmentRecord, DatabaseError> {
    let file: Option<String> = row.try_get(11)?;
    Ok(SegmentRecord {
        segment: SegmentId(row.try_get::<i64, _>(0)?.cast_unsigned()),
        call: CallId(row.try_get::<i64, _>(1)?.cast_unsigned()),
        leg: LegId(row.try_get::<i64, _>(2)?.cast_unsigned()),
        others: value(row, 3)?,
        queue: row.try_get::<Option<i64>, _>(4)?.map(|queue| QueueId(queue.cast_unsigned())),
        agent: row.try_get::<Option<i64>, _>(5)?.map(|agent| AgentId(agent.cast_unsigned())),
        path: row.try_get(6)?,
        began: Wall(row.try_get(7)?),
        ended: row.try_get::<Option<i64>, _>(8)?.map(Wall),
        pauses: value(row, 9)?,
        private: row.try_get::<i64, _>(12)? != 0,
        interrupted: row.try_get::<i64, _>(10)? != 0,
        file: file.map(|text| super::records::parse(&text)).transpose()?,
    })
}
