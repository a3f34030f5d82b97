//! Engagements with what agents wrote of them (AW-09, CH-18).

use sqlx::{Any, AssertSqlSafe, Row, Transaction, any::AnyRow};

use super::{
    Database, DatabaseError,
    records::{CALLS_MAX, Insert, ROWS_MAX, insert_sql, number, parse, value, word},
};
use crate::{
    acd::{Disposition, EngagementSummary, Work},
    base::{AgentId, CallId, EngagementId, InteractionId, Private, QueueId, Wall},
};

const COLUMNS: &str = "engagement_id, call_id, agent_id, queue_id, kind, accepted, ended, talk_ms, wrap_up_ms, \
     extended, disposition, tags, notes, actor, interaction_id, talk_end";

/// As a part of a batch: what is there already is left as it is.
pub(super) async fn put(
    work: &mut Transaction<'static, Any>,
    engagements: &[&EngagementSummary],
) -> Result<(), DatabaseError> {
    for chunk in engagements.chunks(ROWS_MAX) {
        let mut insert = sqlx::query(insert_sql("engagements", COLUMNS, "engagement_id", chunk.len()));
        for engagement in chunk {
            insert = bind(insert, engagement);
        }
        insert.execute(&mut **work).await?;
    }
    Ok(())
}

impl Database {
    /// All engagements of these calls that are over, in the order of their accepts.
    pub async fn engagements(&self, calls: &[CallId]) -> Result<Vec<EngagementSummary>, DatabaseError> {
        let mut found = Vec::new();
        for chunk in calls.chunks(CALLS_MAX) {
            let places = (1..=chunk.len()).map(|n| format!("${n}")).collect::<Vec<_>>().join(",");
            let sql = format!("SELECT {COLUMNS} FROM engagements WHERE call_id IN ({places}) ORDER BY accepted");
            let mut query = sqlx::query(AssertSqlSafe(sql));
            for call in chunk {
                query = query.bind(call.0.cast_signed());
            }
            for row in query.fetch_all(&self.pool).await? {
                found.push(read(&row)?);
            }
        }
        Ok(found)
    }
}

fn bind<'q>(insert: Insert<'q>, it: &EngagementSummary) -> Insert<'q> {
    let Work { disposition, tags, notes } = &it.work;
    insert
        .bind(it.engagement.0.cast_signed())
        .bind(it.call.map(|call| call.0.cast_signed()))
        .bind(it.agent.0.cast_signed())
        .bind(it.queue.map(|queue| queue.0.cast_signed()))
        .bind(word(&it.kind))
        .bind(it.accepted.as_millis())
        .bind(it.ended.as_millis())
        .bind(it.talk_ms.cast_signed())
        .bind(it.wrap_up_ms.cast_signed())
        .bind(i64::from(it.extended))
        .bind(disposition.as_ref().map(|disposition| disposition.as_str().to_owned()))
        .bind(Some(tags).filter(|tags| !tags.is_empty()).map(word))
        .bind(Some(notes.reveal().clone()).filter(|notes| !notes.is_empty()))
        .bind(word(&it.actor))
        .bind(it.interaction.0.cast_signed())
        .bind(it.end.as_ref().map(word))
}

fn read(row: &AnyRow) -> Result<EngagementSummary, DatabaseError> {
    let id = |column| row.try_get::<Option<i64>, _>(column).map(|id| id.map(i64::cast_unsigned));
    let tags: Option<String> = row.try_get(11)?;
    Ok(EngagementSummary {
        engagement: EngagementId(id(0)?.unwrap_or_default()),
        call: id(1)?.map(CallId),
        agent: AgentId(id(2)?.unwrap_or_default()),
        queue: id(3)?.map(QueueId),
        kind: value(row, 4)?,
        accepted: Wall(row.try_get(5)?),
        ended: Wall(row.try_get(6)?),
        talk_ms: id(7)?.unwrap_or_default(),
        wrap_up_ms: id(8)?.unwrap_or_default(),
        extended: number(row, 9)?,
        work: Work {
            disposition: row.try_get::<Option<String>, _>(10)?.map(|key| Disposition::new(&key)),
            tags: tags.map(|text| parse(&text)).transpose()?.unwrap_or_default(),
            notes: Private::new(row.try_get::<Option<String>, _>(12)?.unwrap_or_default()),
        },
        actor: value(row, 13)?,
        end: row.try_get::<Option<String>, _>(15)?.map(|_| value(row, 15)).transpose()?,
        interaction: InteractionId(id(14)?.unwrap_or_default()),
    })
}
