//! What agents did with their time, stretch by stretch (RP-09).

use sqlx::{Any, Row, Transaction};

use super::{
    Database, DatabaseError,
    records::{ROWS_MAX, insert_sql, value, word},
};
use crate::{
    acd::{Reason, StatusSpan},
    base::{AgentId, Wall},
};

const COLUMNS: &str = "agent_id, began, ended, status, reason";

/// As a part of a batch: what is there already is left as it is.
pub(super) async fn put(work: &mut Transaction<'static, Any>, spans: &[&StatusSpan]) -> Result<(), DatabaseError> {
    for chunk in spans.chunks(ROWS_MAX) {
        let mut insert = sqlx::query(insert_sql("agent_states", COLUMNS, "agent_id, began", chunk.len()));
        for span in chunk {
            insert = insert
                .bind(span.agent.0.cast_signed())
                .bind(span.from.as_millis())
                .bind(span.to.as_millis())
                .bind(word(&span.status))
                .bind(span.reason.as_ref().map(|reason| reason.as_str().to_owned()));
        }
        insert.execute(&mut **work).await?;
    }
    Ok(())
}

impl Database {
    /// An agent's time in each status from one moment to another, oldest first, with the whole of those that reach over
    /// its ends; `most` of them.
    pub async fn status_spans(
        &self,
        agent: AgentId,
        (from, to): (Wall, Wall),
        most: u32,
    ) -> Result<Vec<StatusSpan>, DatabaseError> {
        let sql = "SELECT began, ended, status, reason FROM agent_states
             WHERE agent_id = $1 AND began < $2 AND ended > $3 AND began >= COALESCE(
                 (SELECT MAX(began) FROM agent_states WHERE agent_id = $1 AND began <= $3), $3)
             ORDER BY began LIMIT $4";
        let query = sqlx::query(sql)
            .bind(agent.0.cast_signed())
            .bind(to.as_millis())
            .bind(from.as_millis())
            .bind(i64::from(most));
        let rows = query.fetch_all(&self.pool).await?;
        let span = |row| {
            Ok(StatusSpan {
                agent,
                from: Wall(Row::try_get(row, 0)?),
                to: Wall(Row::try_get(row, 1)?),
                status: value(row, 2)?,
                reason: Row::try_get::<Option<String>, _>(row, 3)?.map(|key| Reason::new(&key)),
            })
        };
        rows.iter().map(span).collect()
    }

    /// Up to where an agent's time is written; none: nothing of it is.
    pub async fn status_written_to(&self, agent: AgentId) -> Result<Option<Wall>, DatabaseError> {
        let sql = "SELECT ended FROM agent_states WHERE agent_id = $1 ORDER BY began DESC LIMIT 1";
        let row = sqlx::query(sql).bind(agent.0.cast_signed()).fetch_optional(&self.pool).await?;
        row.map(|row| Ok(Wall(Row::try_get(&row, 0)?))).transpose()
    }
}
