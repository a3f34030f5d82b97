//! What people ask about later, and who may open the pages: SQLite or PostgreSQL, by the URL, with the same migrations
//! and the same queries.
//!
//! The switch never waits for it. Opening it does not connect; until [`Database::prepare`] has succeeded, every call
//! fails and its caller goes on without.
//!
//! Every value that comes from outside is a bound parameter. The only SQL that is put together at run time is the count
//! of placeholders in an INSERT.

mod accounts;
mod clips;
mod engagements;
mod records;
mod segments;
mod states;

#[cfg(test)]
mod tests;

use std::{fmt, path::PathBuf, time::Duration};

use sqlx::{
    AnyConnection, AnyPool, Connection, Executor,
    any::AnyPoolOptions,
    migrate::{MigrateError, Migrator},
};
use tokio::{sync::watch, time::timeout};

pub use accounts::{PageUser, Role, StoredSession};
pub use clips::{StoredClip, UPLOADED_FIRST};
pub use records::RecordFilter;
pub use segments::SegmentFilter;

static MIGRATIONS: Migrator = sqlx::migrate!("src/store/migrations");

/// Connections to a PostgreSQL server; pages and records need few.
const CONNECTIONS_MAX: u32 = 8;

/// SQLite has one writer at a time anyway; the others read.
const SQLITE_CONNECTIONS_MAX: u32 = 3;

/// How long a query waits for a connection; a page should hear "not now" before its user gives up.
const ACQUIRE_TIME: Duration = Duration::from_secs(3);

/// Where a URL names none.
const POSTGRES_PORT: u16 = 5432;

/// Between two tries to reach a database that is away.
const RETRY_TIME: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub enum DatabaseError {
    /// The URL is of no kind that we know.
    Url(String),
    File(PathBuf, std::io::Error),
    /// No connection to this server.
    Unreachable(String, String),
    /// Away, locked, or refusing.
    Sql(sqlx::Error),
    Migration(MigrateError),
    /// A row that this version does not understand.
    Row(String),
}

impl fmt::Display for DatabaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => {
                write!(f, "database URL {url:?}: expected sqlite:data/strowger.db or postgres://user@host/name")
            }
            Self::File(path, why) => write!(f, "database {}: {why}", path.display()),
            Self::Unreachable(server, why) => write!(f, "database at {server}: {why}"),
            Self::Sql(why) => write!(f, "database: {why}"),
            Self::Migration(MigrateError::VersionMissing(step)) => write!(
                f,
                "database: a newer version of the switch has written it (step {step}): start that version again, or name \
                 another one in [store] database; calls go on, and their records wait in the journal"
            ),
            Self::Migration(why) => write!(f, "database: the tables could not be brought up to date: {why}"),
            Self::Row(why) => write!(f, "database: {why}"),
        }
    }
}

impl std::error::Error for DatabaseError {}

impl From<sqlx::Error> for DatabaseError {
    fn from(error: sqlx::Error) -> Self {
        Self::Sql(error)
    }
}

/// A cheap handle; clones share the connections.
#[derive(Clone, Debug)]
pub struct Database {
    pool: AnyPool,
    ready: watch::Sender<bool>,
}

/// Behind `sqlite:`.
fn file_of(rest: &str) -> PathBuf {
    let path = rest.strip_prefix("//").unwrap_or(rest);
    PathBuf::from(path.split('?').next().unwrap_or(path))
}

impl Database {
    /// Before the only switch that uses it opens it: a SQLite file that can't be read any more is moved aside, and the
    /// next [`Database::open`] begins a new one. Where it is now, should that have been so.
    pub fn set_aside_if_damaged(url: &str) -> std::io::Result<Option<PathBuf>> {
        let Some(path) = url.strip_prefix("sqlite:").map(file_of).filter(|path| path.exists()) else { return Ok(None) };
        let looked = rusqlite::Connection::open(&path)
            .and_then(|file| file.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0)));
        match looked {
            Err(why) if super::is_damage(&why) => super::set_aside(&path).map(Some),
            Ok(_) | Err(_) => Ok(None),
        }
    }

    /// Checks the URL and, for SQLite, creates the file (mode 0600) and its folder. Does not connect.
    pub fn open(url: &str) -> Result<Self, DatabaseError> {
        sqlx::any::install_default_drivers();
        let (url, sqlite) = if let Some(path) = url.strip_prefix("sqlite:") {
            let path = file_of(path);
            super::private_file(&path).map_err(|why| DatabaseError::File(path.clone(), why))?;
            (format!("sqlite://{}", path.display()), true)
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            (url.to_owned(), false)
        } else {
            return Err(DatabaseError::Url(without_password(url)));
        };
        let pool = AnyPoolOptions::new()
            .max_connections(if sqlite { SQLITE_CONNECTIONS_MAX } else { CONNECTIONS_MAX })
            .acquire_timeout(ACQUIRE_TIME)
            .after_connect(move |connection, _| {
                Box::pin(async move {
                    if sqlite {
                        let pragmas =
                            "PRAGMA busy_timeout = 3000; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL";
                        connection.execute(pragmas).await?;
                    }
                    Ok(())
                })
            })
            .connect_lazy(&url)
            .map_err(|_| DatabaseError::Url(without_password(&url)))?;
        Ok(Self { pool, ready: watch::Sender::new(false) })
    }

    /// Brings the tables up to date. May be called again.
    pub async fn prepare(&self) -> Result<(), DatabaseError> {
        match MIGRATIONS.run(&self.pool).await {
            Ok(()) => {
                self.ready.send_replace(true);
                Ok(())
            }
            // All that the pool knows.
            Err(MigrateError::Execute(sqlx::Error::PoolTimedOut)) => Err(self.why_unreachable().await),
            Err(why) => Err(DatabaseError::Migration(why)),
        }
    }

    /// Asks the server itself.
    async fn why_unreachable(&self) -> DatabaseError {
        let options = self.pool.connect_options();
        let url = &options.database_url;
        let server = format!("{}:{}", url.host_str().unwrap_or("localhost"), url.port().unwrap_or(POSTGRES_PORT));
        match timeout(ACQUIRE_TIME, AnyConnection::connect_with(&options)).await {
            Ok(Ok(_)) => sqlx::Error::PoolTimedOut.into(),
            Ok(Err(why)) => DatabaseError::Unreachable(server, why.to_string()),
            Err(_) => DatabaseError::Unreachable(server, String::from("it does not answer")),
        }
    }

    /// Tries [`Database::prepare`] until it succeeds: a database that is away at start is no reason not to start.
    pub async fn prepare_when_reachable(&self) {
        let mut ticks = tokio::time::interval(RETRY_TIME);
        let mut told = false;
        loop {
            ticks.tick().await;
            match self.prepare().await {
                Ok(()) => return,
                Err(why) if !told => {
                    told = true;
                    tracing::error!(%why, "the database can't be used yet; calls go on");
                }
                Err(_) => {}
            }
        }
    }

    pub fn is_ready(&self) -> bool {
        *self.ready.borrow()
    }

    /// Returns when the tables are there.
    pub async fn ready(&self) {
        let mut ready = self.ready.subscribe();
        // The sender lives as long as `self`, so waiting can't fail.
        let _ = ready.wait_for(|ready| *ready).await;
    }

    pub async fn is_reachable(&self) -> bool {
        sqlx::query("SELECT 1").execute(&self.pool).await.is_ok()
    }

    /// A whole text by name: the centre's settings.
    pub async fn document(&self, name: &str) -> Result<Option<String>, DatabaseError> {
        let found = sqlx::query_scalar("SELECT body FROM documents WHERE name = $1").bind(name.to_owned());
        Ok(found.fetch_optional(&self.pool).await?)
    }

    pub async fn put_document(&self, name: &str, body: &str, changed: crate::base::Wall) -> Result<(), DatabaseError> {
        sqlx::query(
            "INSERT INTO documents (name, body, changed) VALUES ($1, $2, $3)
             ON CONFLICT (name) DO UPDATE SET body = excluded.body, changed = excluded.changed",
        )
        .bind(name.to_owned())
        .bind(body.to_owned())
        .bind(changed.as_millis())
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// For messages: `postgres://user:secret@host/name` without the secret.
fn without_password(url: &str) -> String {
    let Some((head, tail)) = url.split_once('@') else { return url.to_owned() };
    let Some((scheme, user)) = head.split_once("://") else { return format!("…@{tail}") };
    format!("{scheme}://{}@{tail}", user.split(':').next().unwrap_or_default())
}
