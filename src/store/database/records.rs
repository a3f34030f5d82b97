//! Call records and their legs (AP-05).

use std::fmt::Write;

use serde::{Serialize, de::DeserializeOwned};
use sqlx::{
    Any, AssertSqlSafe, Row,
    any::{AnyArguments, AnyRow},
    query::Query,
};

use crate::{
    base::{AgentId, CallId, InteractionId, LegId, Private, QueueId, TrunkId, Wall},
    engine::{CallRecord, QueueRecord, Record},
    switch::{Cause, LegRecord},
};

use super::{Database, DatabaseError};

/// Rows in one INSERT. SQLite looks a parameter's name up in a list, so that the cost of binding grows with the square
/// of this times the columns.
pub(super) const ROWS_MAX: usize = 6;

/// Calls whose legs are asked for at once.
pub(super) const CALLS_MAX: usize = 50;

/// Records in one answer.
pub const PAGE_MAX: u32 = 500;

const CALL_COLUMNS: &str = "call_id, direction, trunk_id, caller, dialled, began, answered, connected, ended, cause_sip, \
     cause_q850, ended_by, queue_id, interaction_id, outcome, waited_ms, agent_id, offers, why, story, menus";

const LEG_COLUMNS: &str = "leg_id, call_id, side, party, address, peer, sip_call_id, began, rang, answered, ended, \
     cause_sip, cause_q850, ended_by, codec, quality";

/// Which records are wanted, newest first.
#[derive(Clone, Debug, Default)]
pub struct RecordFilter {
    /// Those that began before this moment.
    pub before: Option<Wall>,
    /// And those of that very moment that are below this one: where the page before left off.
    pub below: Option<CallId>,
    /// Those that began then or later.
    pub after: Option<Wall>,
    /// Of these queues; `None`: of all, and of none.
    pub queues: Option<Vec<QueueId>>,
    pub agent: Option<AgentId>,
    /// A part of the caller's number or of the dialled one.
    pub number: Option<String>,
    /// What came of it in its queue.
    pub outcome: Option<String>,
    /// At most `PAGE_MAX`.
    pub limit: u32,
}

pub(super) type Insert<'q> = Query<'q, Any, AnyArguments>;

impl Database {
    /// Writes calls with their legs, and engagements, in one transaction. What is there already is left as it is, so a
    /// batch may be written again.
    pub async fn put_records(&self, records: &[Record]) -> Result<(), DatabaseError> {
        let mut work = self.pool.begin().await?;
        let engagements: Vec<_> = records.iter().filter_map(Record::engagement).collect();
        super::engagements::put(&mut work, &engagements).await?;
        let segments: Vec<_> = records.iter().filter_map(Record::segment).collect();
        super::segments::put(&mut work, &segments).await?;
        let spans: Vec<_> = records.iter().filter_map(Record::status).collect();
        super::states::put(&mut work, &spans).await?;
        let records: Vec<_> = records.iter().filter_map(Record::call).collect();
        for chunk in records.chunks(ROWS_MAX) {
            let mut insert = sqlx::query(insert_sql("calls", CALL_COLUMNS, "call_id", chunk.len()));
            for record in chunk {
                insert = bind_call(insert, record);
            }
            insert.execute(&mut *work).await?;
        }
        let legs: Vec<_> = records.iter().flat_map(|record| record.legs.iter().map(|leg| (record.call, leg))).collect();
        for chunk in legs.chunks(ROWS_MAX) {
            let mut insert = sqlx::query(insert_sql("legs", LEG_COLUMNS, "leg_id", chunk.len()));
            for (call, leg) in chunk {
                insert = bind_leg(insert, *call, leg);
            }
            insert.execute(&mut *work).await?;
        }
        work.commit().await?;
        Ok(())
    }

    /// Records with their legs, newest first.
    pub async fn records(&self, filter: RecordFilter) -> Result<Vec<CallRecord>, DatabaseError> {
        let of_queues = match filter.queues.as_deref() {
            None => String::from("0 = 0"),
            Some([]) => return Ok(Vec::new()),
            Some(queues) => {
                let places = (11..11 + queues.len()).map(|n| format!("${n}")).collect::<Vec<_>>().join(",");
                format!("queue_id IN ({places})")
            }
        };
        let sql = format!(
            "SELECT {CALL_COLUMNS} FROM calls WHERE began <= $1 AND (began < $1 OR call_id < $2) AND began >= $3
             AND (agent_id = $4 OR $5 = 0) AND ($6 = 0 OR caller LIKE $7 ESCAPE '!' OR dialled LIKE $7 ESCAPE '!')
             AND ($8 = 0 OR outcome = $9) AND {of_queues}
             ORDER BY began DESC, call_id DESC LIMIT $10"
        );
        let mut query = sqlx::query(AssertSqlSafe(sql))
            .bind(filter.before.map_or(i64::MAX, Wall::as_millis))
            .bind(filter.below.map_or(i64::MIN, |call| call.0.cast_signed()))
            .bind(filter.after.map_or(i64::MIN, Wall::as_millis))
            .bind(filter.agent.map_or(0, |agent| agent.0.cast_signed()))
            .bind(i64::from(filter.agent.is_some()))
            .bind(i64::from(filter.number.is_some()))
            .bind(filter.number.as_deref().map_or_else(String::new, part_of))
            .bind(i64::from(filter.outcome.is_some()))
            .bind(filter.outcome.unwrap_or_default())
            .bind(i64::from(filter.limit.min(PAGE_MAX)));
        for queue in filter.queues.iter().flatten() {
            query = query.bind(queue.0.cast_signed());
        }
        let rows = query.fetch_all(&self.pool).await?;
        let mut records = rows.iter().map(read_call).collect::<Result<Vec<_>, _>>()?;
        self.add_legs(&mut records).await?;
        Ok(records)
    }

    pub async fn record(&self, call: CallId) -> Result<Option<CallRecord>, DatabaseError> {
        let sql = format!("SELECT {CALL_COLUMNS} FROM calls WHERE call_id = $1");
        let query = sqlx::query(AssertSqlSafe(sql)).bind(call.0.cast_signed());
        let Some(row) = query.fetch_optional(&self.pool).await? else { return Ok(None) };
        let mut records = vec![read_call(&row)?];
        self.add_legs(&mut records).await?;
        Ok(records.pop())
    }

    async fn add_legs(&self, records: &mut [CallRecord]) -> Result<(), DatabaseError> {
        for chunk in records.chunks_mut(CALLS_MAX) {
            let places = (1..=chunk.len()).map(|n| format!("${n}")).collect::<Vec<_>>().join(",");
            let sql = format!("SELECT {LEG_COLUMNS} FROM legs WHERE call_id IN ({places}) ORDER BY leg_id");
            let mut query = sqlx::query(AssertSqlSafe(sql));
            for record in chunk.iter() {
                query = query.bind(record.call.0.cast_signed());
            }
            for row in query.fetch_all(&self.pool).await? {
                let call = CallId(row.try_get::<i64, _>(1)?.cast_unsigned());
                if let Some(record) = chunk.iter_mut().find(|record| record.call == call) {
                    record.legs.push(read_leg(&row)?);
                }
            }
        }
        Ok(())
    }
}

/// For LIKE: anything with this text in it.
fn part_of(text: &str) -> String {
    format!("%{}%", text.replace('!', "!!").replace('%', "!%").replace('_', "!_"))
}

pub(super) fn insert_sql(table: &str, columns: &str, key: &str, rows: usize) -> AssertSqlSafe<String> {
    let width = columns.split(',').count();
    let mut sql = format!("INSERT INTO {table} ({columns}) VALUES ");
    for row in 0..rows {
        sql.push_str(if row == 0 { "(" } else { ",(" });
        for column in 0..width {
            let comma = if column == 0 { "" } else { "," };
            let _ = write!(sql, "{comma}${}", row * width + column + 1);
        }
        sql.push(')');
    }
    let _ = write!(sql, " ON CONFLICT ({key}) DO NOTHING");
    AssertSqlSafe(sql)
}

fn bind_call<'q>(insert: Insert<'q>, record: &CallRecord) -> Insert<'q> {
    let queue = record.queue.as_ref();
    insert
        .bind(record.call.0.cast_signed())
        .bind(word(&record.direction))
        .bind(record.trunk.map(|trunk| trunk.0.cast_signed()))
        .bind(record.caller.reveal().clone())
        .bind(record.dialled.reveal().clone())
        .bind(record.began.as_millis())
        .bind(record.answered.map(Wall::as_millis))
        .bind(record.connected.map(Wall::as_millis))
        .bind(record.ended.as_millis())
        .bind(i64::from(record.cause.sip))
        .bind(i64::from(record.cause.q850))
        .bind(word(&record.ended_by))
        .bind(queue.map(|queue| queue.queue.0.cast_signed()))
        .bind(queue.map(|queue| queue.interaction.0.cast_signed()))
        .bind(queue.map(|queue| queue.outcome.clone()))
        .bind(queue.map(|queue| queue.waited_ms.cast_signed()))
        .bind(queue.and_then(|queue| queue.agent).map(|agent| agent.0.cast_signed()))
        .bind(queue.map(|queue| i64::from(queue.offers)))
        .bind(queue.and_then(|queue| queue.why.as_ref()).map(word))
        .bind(queue.map(|queue| &queue.story).filter(|story| !story.is_empty()).map(word))
        .bind(Some(&record.menus).filter(|menus| !menus.is_empty()).map(word))
}

fn bind_leg<'q>(insert: Insert<'q>, call: CallId, leg: &LegRecord) -> Insert<'q> {
    insert
        .bind(leg.leg.0.cast_signed())
        .bind(call.0.cast_signed())
        .bind(word(&leg.side))
        .bind(word(&leg.party))
        .bind(leg.address.reveal().clone())
        .bind(leg.peer.clone())
        .bind(leg.sip_call_id.clone())
        .bind(leg.began.as_millis())
        .bind(leg.rang.map(Wall::as_millis))
        .bind(leg.answered.map(Wall::as_millis))
        .bind(leg.ended.as_millis())
        .bind(i64::from(leg.cause.sip))
        .bind(i64::from(leg.cause.q850))
        .bind(word(&leg.ended_by))
        .bind(leg.codec.clone())
        .bind(leg.quality.as_ref().map(word))
}

fn read_call(row: &AnyRow) -> Result<CallRecord, DatabaseError> {
    let queue: Option<i64> = row.try_get(12)?;
    let queue = match queue {
        None => None,
        Some(queue) => Some(QueueRecord {
            queue: QueueId(queue.cast_unsigned()),
            interaction: InteractionId(row.try_get::<Option<i64>, _>(13)?.unwrap_or_default().cast_unsigned()),
            outcome: row.try_get::<Option<String>, _>(14)?.unwrap_or_default(),
            waited_ms: row.try_get::<Option<i64>, _>(15)?.unwrap_or_default().cast_unsigned(),
            agent: row.try_get::<Option<i64>, _>(16)?.map(|agent| AgentId(agent.cast_unsigned())),
            offers: number(row, 17)?,
            why: row.try_get::<Option<String>, _>(18)?.map(|text| parse(&text)).transpose()?,
            story: row.try_get::<Option<String>, _>(19)?.map(|text| parse(&text)).transpose()?.unwrap_or_default(),
        }),
    };
    Ok(CallRecord {
        call: CallId(row.try_get::<i64, _>(0)?.cast_unsigned()),
        direction: value(row, 1)?,
        trunk: row.try_get::<Option<i64>, _>(2)?.map(|trunk| TrunkId(trunk.cast_unsigned())),
        caller: Private::new(row.try_get(3)?),
        dialled: Private::new(row.try_get(4)?),
        began: Wall(row.try_get(5)?),
        answered: row.try_get::<Option<i64>, _>(6)?.map(Wall),
        connected: row.try_get::<Option<i64>, _>(7)?.map(Wall),
        ended: Wall(row.try_get(8)?),
        cause: Cause { sip: number(row, 9)?, q850: number(row, 10)? },
        ended_by: value(row, 11)?,
        queue,
        menus: row.try_get::<Option<String>, _>(20)?.map(|text| parse(&text)).transpose()?.unwrap_or_default(),
        legs: Vec::new(),
    })
}

fn read_leg(row: &AnyRow) -> Result<LegRecord, DatabaseError> {
    let quality: Option<String> = row.try_get(15)?;
    Ok(LegRecord {
        leg: LegId(row.try_get::<i64, _>(0)?.cast_unsigned()),
        side: value(row, 2)?,
        party: value(row, 3)?,
        address: Private::new(row.try_get(4)?),
        peer: row.try_get(5)?,
        sip_call_id: row.try_get(6)?,
        began: Wall(row.try_get(7)?),
        rang: row.try_get::<Option<i64>, _>(8)?.map(Wall),
        answered: row.try_get::<Option<i64>, _>(9)?.map(Wall),
        ended: Wall(row.try_get(10)?),
        cause: Cause { sip: number(row, 11)?, q850: number(row, 12)? },
        ended_by: value(row, 13)?,
        codec: row.try_get(14)?,
        quality: quality.map(|text| parse(&text)).transpose()?,
    })
}

/// Unit variants become their bare word, everything else JSON.
pub(super) fn word<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(other) => other.to_string(),
        Err(_) => String::new(),
    }
}

pub(super) fn parse<T: DeserializeOwned>(text: &str) -> Result<T, DatabaseError> {
    if text.starts_with(['{', '[']) {
        return serde_json::from_str(text).map_err(|why| DatabaseError::Row(why.to_string()));
    }
    serde_json::from_value(serde_json::Value::String(text.to_owned()))
        .map_err(|why| DatabaseError::Row(why.to_string()))
}

pub(super) fn value<T: DeserializeOwned>(row: &AnyRow, column: usize) -> Result<T, DatabaseError> {
    parse(&row.try_get::<String, _>(column)?)
}

/// Zero for a number that does not fit: it was not written by us.
pub(super) fn number<T: TryFrom<i64> + Default>(row: &AnyRow, column: usize) -> Result<T, DatabaseError> {
    Ok(T::try_from(row.try_get::<Option<i64>, _>(column)?.unwrap_or_default()).unwrap_or_default())
}
