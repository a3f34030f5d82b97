//! The journal's file: one SQLite connection that nobody else may open.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use futures_util::StreamExt;
use sqlx::{
    AssertSqlSafe, Connection, Row as _, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteLockingMode, SqliteRow, SqliteSynchronous},
};

use crate::store::private_file;

use super::{JournalSettings, Journalled, OUTBOX_MAX, Restored};

/// Rows in one INSERT. Each count has a prepared statement of its own. SQLite looks a parameter's name up in a list, so
/// that the cost of binding grows with the square of this.
const ROWS_MAX: usize = 16;

/// The outbox is cut to [`OUTBOX_MAX`] once in so many records.
const TRIM_EVERY: usize = 1_000;

const SCHEMA_VERSION: i64 = 1;

const PAGE_BYTES: u64 = 4_096;

/// How long opening waits for a switch that is just ending.
const LOCK_TIME: Duration = Duration::from_secs(2);

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS entries (
        seq INTEGER PRIMARY KEY, wall INTEGER NOT NULL, version INTEGER NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS outbox (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, wall INTEGER NOT NULL, version INTEGER NOT NULL, body TEXT NOT NULL
    ) STRICT;
    PRAGMA user_version = 1;";

/// One line, ready for the disk.
#[derive(Debug, Clone)]
pub struct Line {
    pub wall: i64,
    pub version: u32,
    pub kind: &'static str,
    pub body: String,
}

/// What one commit does: in this order.
#[derive(Debug, Default)]
pub struct Group {
    /// A checkpoint: all earlier entries go.
    pub clear: bool,
    pub entries: Vec<Line>,
    pub records: Vec<Line>,
    pub delivered: Option<i64>,
}

impl Group {
    pub fn is_empty(&self) -> bool {
        !self.clear && self.entries.is_empty() && self.records.is_empty() && self.delivered.is_none()
    }

    /// SQLite makes a lone statement a transaction by itself, which saves two trips.
    fn is_one_statement(&self) -> bool {
        let entries = self.entries.len().div_ceil(ROWS_MAX);
        let records = self.records.len().div_ceil(ROWS_MAX);
        entries + records + usize::from(self.clear) + usize::from(self.delivered.is_some()) == 1
    }
}

#[derive(Debug)]
pub struct File {
    /// `None` after a failed write until it could be opened again.
    connection: Option<SqliteConnection>,
    options: SqliteConnectOptions,
    inserts: HashMap<(Table, usize), Arc<String>>,
    records_since_trim: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Table {
    Entries,
    Outbox,
}

/// What the entries table held, as far as it could be read.
struct Read<E> {
    entries: Vec<E>,
    unreadable: u64,
    damage: Option<String>,
}

impl File {
    pub async fn open<E: Journalled>(settings: &JournalSettings) -> Result<(Self, Restored<E>), String> {
        private_file(&settings.path).map_err(|e| e.to_string())?;
        let options = options(settings);
        let (read, file) = match Self::connect(options.clone(), settings).await {
            Ok(mut file) => (read_all(file.link().map_err(|e| e.to_string())?).await, Some(file)),
            Err(fault) if fault.is_damage() => {
                (Read { entries: Vec::new(), unreadable: 0, damage: Some(fault.to_string()) }, None)
            }
            Err(fault) => return Err(fault.to_string()),
        };
        let Some(damage) = read.damage else {
            let file = file.ok_or("no connection")?;
            let restored = Restored { entries: read.entries, unreadable: read.unreadable, set_aside: None };
            return Ok((file, restored));
        };
        if let Some(connection) = file.and_then(|file| file.connection) {
            let _ = connection.close().await;
        }
        let aside = set_aside(&settings.path).map_err(|e| format!("damaged ({damage}) and can't be set aside: {e}"))?;
        tracing::error!(%damage, saved = read.entries.len(), aside = %aside.display(), "the journal was damaged");
        private_file(&settings.path).map_err(|e| e.to_string())?;
        let mut file = Self::connect(options, settings).await.map_err(|e| e.to_string())?;
        let saved = Group { clear: true, entries: lines(&read.entries), ..Group::default() };
        file.write(&saved).await.map_err(|e| e.to_string())?;
        Ok((file, Restored { entries: read.entries, unreadable: read.unreadable, set_aside: Some(aside) }))
    }

    async fn connect(options: SqliteConnectOptions, settings: &JournalSettings) -> Result<Self, Fault> {
        let mut connection = SqliteConnection::connect_with(&options).await?;
        let found: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut connection).await?;
        if found > SCHEMA_VERSION {
            return Err(Fault::Newer);
        }
        sqlx::raw_sql(SCHEMA).execute(&mut connection).await?;
        let pages = (settings.size_max / PAGE_BYTES).max(16);
        sqlx::raw_sql(AssertSqlSafe(format!("PRAGMA max_page_count = {pages}"))).execute(&mut connection).await?;
        Ok(Self { connection: Some(connection), options, inserts: HashMap::new(), records_since_trim: 0 })
    }

    /// After a failed write the connection may hold half a transaction or a dead descriptor.
    pub async fn reopen(&mut self, settings: &JournalSettings) -> Result<(), Fault> {
        if let Some(connection) = self.connection.take() {
            let _ = connection.close().await;
        }
        self.connection = Self::connect(self.options.clone(), settings).await?.connection;
        Ok(())
    }

    /// Folds the write-ahead log into the file and lets go of the lock.
    pub async fn close(self) {
        if let Some(connection) = self.connection
            && let Err(fault) = connection.close().await
        {
            tracing::warn!(%fault, "the journal was not closed in good order; nothing is lost");
        }
    }

    fn link(&mut self) -> Result<&mut SqliteConnection, Fault> {
        self.connection.as_mut().ok_or(Fault::Closed)
    }

    pub async fn write(&mut self, group: &Group) -> Result<(), Fault> {
        if group.is_empty() {
            return Ok(());
        }
        if group.is_one_statement() {
            return self.write_statements(group).await;
        }
        sqlx::query("BEGIN IMMEDIATE").execute(self.link()?).await?;
        let written = match self.write_statements(group).await {
            Ok(()) => sqlx::query("COMMIT").execute(self.link()?).await.map(drop).map_err(Fault::from),
            Err(fault) => Err(fault),
        };
        if written.is_err() {
            // SQLite has often rolled back by itself by now; then this fails, and that is well.
            let _ = sqlx::query("ROLLBACK").execute(self.link()?).await;
        }
        written
    }

    async fn write_statements(&mut self, group: &Group) -> Result<(), Fault> {
        if group.clear {
            sqlx::query("DELETE FROM entries").execute(self.link()?).await?;
        }
        self.insert(Table::Entries, &group.entries).await?;
        if let Some(up_to) = group.delivered {
            sqlx::query("DELETE FROM outbox WHERE seq <= ?1").bind(up_to).execute(self.link()?).await?;
        }
        self.insert(Table::Outbox, &group.records).await?;
        self.records_since_trim += group.records.len();
        if self.records_since_trim >= TRIM_EVERY {
            self.trim().await?;
        }
        Ok(())
    }

    async fn insert(&mut self, table: Table, lines: &[Line]) -> Result<(), Fault> {
        for chunk in lines.chunks(ROWS_MAX) {
            let count = chunk.len();
            let sql = self.inserts.entry((table, count)).or_insert_with(|| Arc::new(insert_sql(table, count)));
            let mut query = sqlx::query(AssertSqlSafe(Arc::clone(sql)));
            for line in chunk {
                query = query.bind(line.wall).bind(i64::from(line.version));
                query = match table {
                    Table::Entries => query.bind(line.kind).bind(line.body.as_str()),
                    Table::Outbox => query.bind(line.body.as_str()),
                };
            }
            query.execute(self.link()?).await?;
        }
        Ok(())
    }

    async fn trim(&mut self) -> Result<(), Fault> {
        self.records_since_trim = 0;
        let kept = i64::try_from(OUTBOX_MAX).unwrap_or(i64::MAX);
        let cut = sqlx::query("DELETE FROM outbox WHERE seq <= (SELECT max(seq) FROM outbox) - ?1")
            .bind(kept)
            .execute(self.link()?)
            .await?
            .rows_affected();
        if cut > 0 {
            metrics::counter!("store_records_lost_total").increment(cut);
            tracing::error!(cut, "the records database has been away too long: the oldest call records were dropped");
        }
        Ok(())
    }

    pub async fn oldest<R: Journalled>(&mut self, max: u32) -> Vec<(i64, R)> {
        let Ok(link) = self.link() else { return Vec::new() };
        let query = sqlx::query("SELECT seq, version, body FROM outbox ORDER BY seq LIMIT ?1").bind(i64::from(max));
        let rows = query.fetch_all(link).await;
        match rows {
            Ok(rows) => rows.iter().filter_map(|row| Some((row.try_get(0).ok()?, decode::<R>(row)?))).collect(),
            Err(fault) => {
                tracing::warn!(%fault, "the outbox can't be read");
                Vec::new()
            }
        }
    }
}

/// Why the file could not be opened or written.
#[derive(Debug)]
pub enum Fault {
    Newer,
    Closed,
    Sql(sqlx::Error),
}

impl Fault {
    fn code(&self) -> Option<i64> {
        let Self::Sql(sqlx::Error::Database(fault)) = self else { return None };
        // Extended result codes keep the plain one in the low byte.
        fault.code()?.parse::<i64>().ok().map(|code| code & 0xff)
    }

    /// SQLITE_CORRUPT, SQLITE_NOTADB.
    fn is_damage(&self) -> bool {
        matches!(self.code(), Some(11 | 26))
    }

    /// SQLITE_BUSY, SQLITE_LOCKED.
    fn is_locked(&self) -> bool {
        matches!(self.code(), Some(5 | 6))
    }
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        Self::Sql(error)
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Newer => f.write_str("it was written by a newer version of the switch"),
            Self::Closed => f.write_str("it is not open"),
            Self::Sql(_) if self.is_locked() => f.write_str("another switch has it open"),
            Self::Sql(error) => error.fmt(f),
        }
    }
}

fn options(settings: &JournalSettings) -> SqliteConnectOptions {
    let synchronous = if settings.power_loss_safe { SqliteSynchronous::Full } else { SqliteSynchronous::Normal };
    SqliteConnectOptions::new()
        .filename(&settings.path)
        .locking_mode(SqliteLockingMode::Exclusive)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(synchronous)
        .busy_timeout(LOCK_TIME)
        .statement_cache_capacity(2 * ROWS_MAX + 16)
}

async fn read_all<E: Journalled>(connection: &mut SqliteConnection) -> Read<E> {
    let mut read = Read { entries: Vec::new(), unreadable: 0, damage: None };
    let mut rows = sqlx::query("SELECT seq, version, body FROM entries ORDER BY seq").fetch(connection);
    while let Some(row) = rows.next().await {
        match row {
            Ok(row) => match decode::<E>(&row) {
                Some(entry) => read.entries.push(entry),
                None => read.unreadable += 1,
            },
            Err(fault) => {
                read.damage = Some(fault.to_string());
                break;
            }
        }
    }
    read
}

/// `None`, and a line in the log, for what a newer switch or a broken disk has left. The body itself is not logged: it
/// has people's numbers in it.
fn decode<T: Journalled>(row: &SqliteRow) -> Option<T> {
    let seq: i64 = row.try_get(0).unwrap_or_default();
    let version: i64 = row.try_get(1).unwrap_or_default();
    let body: &str = row.try_get(2).ok()?;
    match serde_json::from_str(body) {
        Ok(value) => Some(value),
        Err(fault) => {
            let (line, column) = (fault.line(), fault.column());
            tracing::warn!(seq, version, line, column, ours = T::VERSION, "an entry of the journal can't be read");
            None
        }
    }
}

pub fn line<T: Journalled>(wall: i64, value: &T) -> Option<Line> {
    match serde_json::to_string(value) {
        Ok(body) => Some(Line { wall, version: T::VERSION, kind: value.kind(), body }),
        Err(fault) => {
            tracing::error!(%fault, kind = value.kind(), "an entry can't be written as JSON");
            None
        }
    }
}

fn lines<T: Journalled>(values: &[T]) -> Vec<Line> {
    values.iter().filter_map(|value| line(0, value)).collect()
}

fn insert_sql(table: Table, rows: usize) -> String {
    let (head, row) = match table {
        Table::Entries => ("INSERT INTO entries (wall, version, kind, body) VALUES ", "(?,?,?,?)"),
        Table::Outbox => ("INSERT INTO outbox (wall, version, body) VALUES ", "(?,?,?)"),
    };
    format!("{head}{}", vec![row; rows].join(","))
}

fn set_aside(path: &Path) -> std::io::Result<PathBuf> {
    let sibling = |n: u32, tail: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".damaged-{n}{tail}"));
        PathBuf::from(name)
    };
    let n = (1..).find(|n| !sibling(*n, "").exists()).unwrap_or(u32::MAX);
    for tail in ["", "-wal", "-shm"] {
        let mut from = path.as_os_str().to_owned();
        from.push(tail);
        if Path::new(&from).exists() {
            fs::rename(&from, sibling(n, tail))?;
        }
    }
    Ok(sibling(n, ""))
}
