//! Who may open the pages, and the sessions they have.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use sqlx::{Row, any::AnyRow};

use crate::{
    acd,
    base::{AgentId, Private, UserId, Wall},
    engine::Centre,
    switch,
};

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

impl PageUser {
    /// Those of a centre who have a password for the pages. Plain users, who only phone, have nothing to see there.
    pub fn of(centre: &Centre) -> Vec<Self> {
        let page_user = |user: &switch::User| {
            let name = user.name.to_string();
            let agents = &centre.acd.agents;
            let is_his = |agent: &acd::AgentSettings| *agent.user.as_ref().unwrap_or(&agent.key) == name;
            let role = match user.role {
                switch::Role::User => return None,
                switch::Role::Agent => Role::Agent,
                switch::Role::Supervisor => Role::Supervisor,
                switch::Role::Admin => Role::Admin,
            };
            Some(Self {
                user: user.id,
                agent: agents.iter().find(|(_, agent)| is_his(agent)).map(|(id, _)| *id),
                role,
                password: user.page_password.clone()?,
                name,
            })
        };
        centre.users.iter().filter_map(page_user).collect()
    }
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
    /// Replaces the list of users. Sessions of those who are gone, or whose password was another one, end.
    pub async fn put_users(&self, users: &[PageUser], changed: Wall) -> Result<(), DatabaseError> {
        let mut work = self.pool.begin().await?;
        for user in users {
            sqlx::query(
                "DELETE FROM sessions WHERE user_name = $1
                 AND EXISTS (SELECT 1 FROM page_users WHERE name = $1 AND password <> $2)",
            )
            .bind(user.name.clone())
            .bind(user.password.reveal().clone())
            .execute(&mut *work)
            .await?;
        }
        sqlx::query("DELETE FROM page_users").execute(&mut *work).await?;
        for user in users {
            sqlx::query(
                "INSERT INTO page_users (name, user_id, agent_id, role, password, changed)
                 VALUES ($1, $2, $3, $4, $5, $6)",
            )
            .bind(user.name.clone())
            .bind(user.user.0.cast_signed())
            .bind(user.agent.map(|agent| agent.0.cast_signed()))
            .bind(user.role.as_str())
            .bind(user.password.reveal().clone())
            .bind(changed.as_millis())
            .execute(&mut *work)
            .await?;
        }
        sqlx::query("DELETE FROM sessions WHERE user_name NOT IN (SELECT name FROM page_users)")
            .execute(&mut *work)
            .await?;
        work.commit().await?;
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
