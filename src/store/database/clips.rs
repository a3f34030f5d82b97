//! Sound clips that were uploaded (SC-01, SC-02): what is known of each. Their sound is in files.

use sqlx::{Row, any::AnyRow};

use super::{Database, DatabaseError};
use crate::base::{ClipId, UserId, Wall};

/// Uploaded clips have ids from here on; those of the settings and of the switch itself lie below.
pub const UPLOADED_FIRST: u64 = 1 << 50;

/// One uploaded clip.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredClip {
    pub clip: ClipId,
    /// Whose it is.
    pub owner: UserId,
    /// All agents may play it.
    pub public: bool,
    pub name: String,
    pub tags: Vec<String>,
    pub millis: u64,
    /// Of its file, in hex.
    pub sha256: String,
    /// Kept, and not offered in calls.
    pub archived: bool,
    pub created: Wall,
    pub changed: Wall,
}

const COLUMNS: &str = "clip_id, owner_id, is_public, name, tags, millis, sha256, archived, created, changed";

impl Database {
    /// All of them, the oldest first.
    pub async fn clips(&self) -> Result<Vec<StoredClip>, DatabaseError> {
        let sql = select("ORDER BY clip_id");
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(&self.pool).await?;
        rows.iter().map(read).collect()
    }

    pub async fn clip(&self, clip: ClipId) -> Result<Option<StoredClip>, DatabaseError> {
        let sql = select("WHERE clip_id = $1");
        let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(clip.0.cast_signed()).fetch_optional(&self.pool).await?;
        row.as_ref().map(read).transpose()
    }

    /// Writes a clip, new or changed.
    pub async fn put_clip(&self, clip: &StoredClip) -> Result<(), DatabaseError> {
        let tags = serde_json::to_string(&clip.tags).map_err(|why| DatabaseError::Row(why.to_string()))?;
        sqlx::query(
            "INSERT INTO clips (clip_id, owner_id, is_public, name, tags, millis, sha256, archived, created, changed)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
             ON CONFLICT (clip_id) DO UPDATE SET is_public = excluded.is_public, name = excluded.name,
             tags = excluded.tags, millis = excluded.millis, sha256 = excluded.sha256, archived = excluded.archived,
             changed = excluded.changed",
        )
        .bind(clip.clip.0.cast_signed())
        .bind(clip.owner.0.cast_signed())
        .bind(i64::from(clip.public))
        .bind(clip.name.clone())
        .bind(tags)
        .bind(clip.millis.cast_signed())
        .bind(clip.sha256.clone())
        .bind(i64::from(clip.archived))
        .bind(clip.created.as_millis())
        .bind(clip.changed.as_millis())
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    pub async fn drop_clip(&self, clip: ClipId) -> Result<(), DatabaseError> {
        sqlx::query("DELETE FROM clips WHERE clip_id = $1").bind(clip.0.cast_signed()).execute(&self.pool).await?;
        Ok(())
    }
}

fn select(rest: &str) -> String {
    format!("SELECT {COLUMNS} FROM clips {rest}")
}

fn read(row: &AnyRow) -> Result<StoredClip, DatabaseError> {
    let tags: String = row.try_get(4)?;
    Ok(StoredClip {
        clip: ClipId(row.try_get::<i64, _>(0)?.cast_unsigned()),
        owner: UserId(row.try_get::<i64, _>(1)?.cast_unsigned()),
        public: row.try_get::<i64, _>(2)? != 0,
        name: row.try_get(3)?,
        tags: serde_json::from_str(&tags).map_err(|why| DatabaseError::Row(why.to_string()))?,
        millis: row.try_get::<i64, _>(5)?.cast_unsigned(),
        sha256: row.try_get(6)?,
        archived: row.try_get::<i64, _>(7)? != 0,
        created: Wall(row.try_get(8)?),
        changed: Wall(row.try_get(9)?),
    })
}
