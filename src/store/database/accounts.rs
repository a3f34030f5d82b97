//! Who may open the pages, and the sessions they have.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use sqlx::{Row, any::AnyRow};

use crate::base::{AgentId, Private, UserId, Wall};

use super::{Database, DatabaseError};

/// What someone may do; each may what those before it may.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Agent,
    Supervisor,
    Admin,
}

impl Role {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Supervisor => "supervisor",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = DatabaseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "agent" => Ok(Self::Agent),
            "supervisor" => Ok(Self::Supervisor),
            "admin" => Ok(Self::Admin),
            _ => Err(DatabaseError::Row(format!("unknown role {text:?}"))),
        }
    }
}

/// Someone who may sign in at the pages.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PageUser {
    /// What is typed at sign-in.
    pub name: String,
    pub user: UserId,
    /// The agent that this user is; any role may be one (AS-22).
    pub agent: Option<AgentId>,
    pub role: Role,
    /// Argon2 in PHC form.
    pub password: Private<String>,
}

/// A session as kept on disk: the token itself is known to the browser alone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredSession {
    /// SHA-256 of the token, in hex.
    pub token_hash: String,
    pub user_name: String,
    pub created: Wall,
    pub expires: Wall,
}

impl Database {
    /// Adds the user or replaces who has this name.
    pub async fn put_user(&self, user: &PageUser, changed: Wall) -> Result<(), DatabaseError> {
        sqlx::query(
            "INSERT INTO page_users (name, user_id, agent_id, role, password, changed) VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (name) DO UPDATE SET user_id = excluded.user_id, agent_id = excluded.agent_id,
             role = excluded.role, password = excluded.password, changed = excluded.changed",
        )
        .bind(user.name.clone())
        .bind(user.user.0.cast_signed())
        .bind(user.agent.map(|agent| agent.0.cast_signed()))
        .bind(user.role.as_str())
        .bind(user.password.reveal().clone())
        .bind(changed.as_millis())
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    pub async fn remove_user(&self, name: &str) -> Result<(), DatabaseError> {
        sqlx::query("DELETE FROM page_users WHERE name = $1").bind(name.to_owned()).execute(&self.pool).await?;
        sqlx::query("DELETE FROM sessions WHERE user_name = $1").bind(name.to_owned()).execute(&self.pool).await?;
        Ok(())
    }

    pub async fn users(&self) -> Result<Vec<PageUser>, DatabaseError> {
        let query = sqlx::query("SELECT name, user_id, agent_id, role, password FROM page_users ORDER BY name");
        query.fetch_all(&self.pool).await?.iter().map(read_user).collect()
    }

    pub async fn put_session(&self, session: &StoredSession) -> Result<(), DatabaseError> {
        sqlx::query(
            "INSERT INTO sessions (token_hash, user_name, created, expires) VALUES ($1, $2, $3, $4)
             ON CONFLICT (token_hash) DO UPDATE SET expires = excluded.expires",
        )
        .bind(session.token_hash.clone())
        .bind(session.user_name.clone())
        .bind(session.created.as_millis())
        .bind(session.expires.as_millis())
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    pub async fn remove_session(&self, token_hash: &str) -> Result<(), DatabaseError> {
        let query = sqlx::query("DELETE FROM sessions WHERE token_hash = $1").bind(token_hash.to_owned());
        query.execute(&self.pool).await?;
        Ok(())
    }

    /// Those still good; the others are deleted.
    pub async fn sessions(&self, now: Wall) -> Result<Vec<StoredSession>, DatabaseError> {
        sqlx::query("DELETE FROM sessions WHERE expires <= $1").bind(now.as_millis()).execute(&self.pool).await?;
        let query = sqlx::query("SELECT token_hash, user_name, created, expires FROM sessions");
        query.fetch_all(&self.pool).await?.iter().map(read_session).collect()
    }
}

fn read_user(row: &AnyRow) -> Result<PageUser, DatabaseError> {
    Ok(PageUser {
        name: row.try_get(0)?,
        user: UserId(row.try_get::<i64, _>(1)?.cast_unsigned()),
        agent: row.try_get::<Option<i64>, _>(2)?.map(|agent| AgentId(agent.cast_unsigned())),
        role: row.try_get::<String, _>(3)?.parse()?,
        password: Private::new(row.try_get(4)?),
    })
}

fn read_session(row: &AnyRow) -> Result<StoredSession, DatabaseError> {
    Ok(StoredSession {
        token_hash: row.try_get(0)?,
        user_name: row.try_get(1)?,
        created: Wall(row.try_get(2)?),
        expires: Wall(row.try_get(3)?),
    })
}
