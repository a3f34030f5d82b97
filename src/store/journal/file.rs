//! The journal's file: one SQLite connection that nobody else may open.

use std::{collections::BTreeMap, time::Duration};

use rusqlite::{Connection, ErrorCode, OpenFlags, Row, params};

use crate::store::{is_damage, private_file, set_aside};

use super::{JournalSettings, Journalled, OUTBOX_MAX, Restored};

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

const INSERT_ENTRY: &str = "INSERT INTO entries (wall, version, kind, body) VALUES (?1, ?2, ?3, ?4)";

const INSERT_RECORD: &str = "INSERT INTO outbox (wall, version, body) VALUES (?1, ?2, ?3)";

/// One line, ready for the disk.
#[derive(Debug, Clone)]
pub struct Line {
    pub wall: i64,
    pub version: u32,
    pub kind: &'static str,
    pub body: String,
    /// See [`Journalled::keys_of`] and [`Journalled::drops_keys_of`].
    pub keys_of: Option<u64>,
    pub drops_keys_of: Option<u64>,
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
}

#[derive(Debug)]
pub struct File {
    /// `None` after a failed write until it could be opened again.
    connection: Option<Connection>,
    records_since_trim: usize,
    /// Where keys stand: by whose they are.
    keys: Keys,
}

type Keys = BTreeMap<u64, Vec<i64>>;

/// What the entries table held, as far as it could be read.
struct Read<E> {
    entries: Vec<E>,
    keys: Keys,
    unreadable: u64,
    damage: Option<String>,
}

impl File {
    pub fn open<E: Journalled>(settings: &JournalSettings) -> Result<(Self, Restored<E>), String> {
        private_file(&settings.path).map_err(|e| e.to_string())?;
        let (read, file) = match Self::connect(settings) {
            Ok(file) => (read_all(file.link().map_err(|e| e.to_string())?), Some(file)),
            Err(fault) if fault.is_damage() => {
                let damage = Some(fault.to_string());
                (Read { entries: Vec::new(), keys: Keys::new(), unreadable: 0, damage }, None)
            }
            Err(fault) => return Err(fault.to_string()),
        };
        let Some(damage) = read.damage else {
            let mut file = file.ok_or("no connection")?;
            file.keys = read.keys;
            let restored = Restored { entries: read.entries, unreadable: read.unreadable, set_aside: None };
            return Ok((file, restored));
        };
        drop(file);
        let aside = set_aside(&settings.path).map_err(|e| format!("damaged ({damage}) and can't be set aside: {e}"))?;
        tracing::error!(%damage, saved = read.entries.len(), aside = %aside.display(), "the journal was damaged");
        private_file(&settings.path).map_err(|e| e.to_string())?;
        let mut file = Self::connect(settings).map_err(|e| e.to_string())?;
        let saved = Group { clear: true, entries: lines(&read.entries), ..Group::default() };
        file.write(&saved).map_err(|e| e.to_string())?;
        Ok((file, Restored { entries: read.entries, unreadable: read.unreadable, set_aside: Some(aside) }))
    }

    fn connect(settings: &JournalSettings) -> Result<Self, Fault> {
        // No other thread ever sees this connection: SQLite need not lock it.
        let connection = Connection::open_with_flags(
            &settings.path,
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        connection.busy_timeout(LOCK_TIME)?;
        connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // What is deleted is overwritten: keys are among it.
        connection.pragma_update(None, "secure_delete", "FAST")?;
        connection.pragma_update(None, "synchronous", if settings.power_loss_safe { "FULL" } else { "NORMAL" })?;
        let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if found > SCHEMA_VERSION {
            return Err(Fault::Newer);
        }
        connection.execute_batch(SCHEMA)?;
        let pages = (settings.size_max / PAGE_BYTES).max(16);
        connection.pragma_update(None, "max_page_count", i64::try_from(pages).unwrap_or(i64::MAX))?;
        Ok(Self { connection: Some(connection), records_since_trim: 0, keys: Keys::new() })
    }

    /// After a failed write the connection may hold half a transaction or a dead descriptor.
    pub fn reopen(&mut self, settings: &JournalSettings) -> Result<(), Fault> {
        self.connection = None;
        self.connection = Self::connect(settings)?.connection;
        Ok(())
    }

    /// Folds the write-ahead log into the file and lets go of the lock.
    pub fn close(self) {
        if let Some(connection) = self.connection
            && let Err((_, fault)) = connection.close()
        {
            tracing::warn!(%fault, "the journal was not closed in good order; nothing is lost");
        }
    }

    fn link(&self) -> Result<&Connection, Fault> {
        self.connection.as_ref().ok_or(Fault::Closed)
    }

    pub fn write(&mut self, group: &Group) -> Result<(), Fault> {
        if group.is_empty() {
            return Ok(());
        }
        let work = self.connection.as_ref().ok_or(Fault::Closed)?;
        let mut keys: Option<Keys> = None;
        // Prepared once: a commit is most of what a lone entry costs. After a fault the connection is opened anew, which
        // rolls back.
        work.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        if group.clear {
            work.execute("DELETE FROM entries", [])?;
            keys = Some(Keys::new());
        }
        if !group.entries.is_empty() {
            let mut insert = work.prepare_cached(INSERT_ENTRY)?;
            for line in &group.entries {
                insert.execute(params![line.wall, line.version, line.kind, line.body])?;
                if let Some(of) = line.keys_of {
                    let keys = keys.get_or_insert_with(|| self.keys.clone());
                    keys.entry(of).or_default().push(work.last_insert_rowid());
                }
                let dropped = line.drops_keys_of.filter(|of| keys.as_ref().unwrap_or(&self.keys).contains_key(of));
                if let Some(of) = dropped {
                    let places = keys.get_or_insert_with(|| self.keys.clone()).remove(&of).unwrap_or_default();
                    for place in places {
                        work.prepare_cached("DELETE FROM entries WHERE seq = ?1")?.execute([place])?;
                    }
                }
            }
        }
        if let Some(up_to) = group.delivered {
            work.prepare_cached("DELETE FROM outbox WHERE seq <= ?1")?.execute([up_to])?;
        }
        if !group.records.is_empty() {
            let mut insert = work.prepare_cached(INSERT_RECORD)?;
            for line in &group.records {
                insert.execute(params![line.wall, line.version, line.body])?;
            }
            self.records_since_trim += group.records.len();
            if self.records_since_trim >= TRIM_EVERY {
                self.records_since_trim = 0;
                trim(work)?;
            }
        }
        work.prepare_cached("COMMIT")?.execute([])?;
        if let Some(keys) = keys {
            self.keys = keys;
        }
        Ok(())
    }

    pub fn oldest<R: Journalled>(&self, max: u32) -> Vec<(i64, R)> {
        let read = || {
            let sql = "SELECT seq, version, body FROM outbox ORDER BY seq LIMIT ?1";
            let mut query = self.link()?.prepare_cached(sql)?;
            let rows = query.query_map([max], |row| Ok((row.get(0)?, decode::<R>(row))))?;
            rows.filter_map(|row| row.map(|(seq, record)| Some((seq, record?))).transpose())
                .collect::<Result<Vec<_>, _>>()
                .map_err(Fault::from)
        };
        read().unwrap_or_else(|fault: Fault| {
            tracing::warn!(%fault, "the outbox can't be read");
            Vec::new()
        })
    }
}

fn trim(work: &Connection) -> Result<(), Fault> {
    let kept = i64::try_from(OUTBOX_MAX).unwrap_or(i64::MAX);
    let cut = work.execute("DELETE FROM outbox WHERE seq <= (SELECT max(seq) FROM outbox) - ?1", [kept])?;
    if cut > 0 {
        metrics::counter!("store_records_lost_total").increment(cut as u64);
        tracing::error!(cut, "the records database has been away too long: the oldest call records were dropped");
    }
    Ok(())
}

/// Why the file could not be opened or written.
#[derive(Debug)]
pub enum Fault {
    Newer,
    Closed,
    Sql(rusqlite::Error),
}

impl Fault {
    fn code(&self) -> Option<ErrorCode> {
        let Self::Sql(fault) = self else { return None };
        fault.sqlite_error_code()
    }

    fn is_damage(&self) -> bool {
        matches!(self, Self::Sql(error) if is_damage(error))
    }

    fn is_locked(&self) -> bool {
        matches!(self.code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
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

fn read_all<E: Journalled>(connection: &Connection) -> Read<E> {
    let mut read = Read { entries: Vec::new(), keys: Keys::new(), unreadable: 0, damage: None };
    let result = (|| {
        let mut query = connection.prepare("SELECT seq, version, body FROM entries ORDER BY seq")?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            match decode::<E>(row) {
                Some(entry) => {
                    if let Some(of) = entry.keys_of() {
                        read.keys.entry(of).or_default().push(row.get(0)?);
                    }
                    read.entries.push(entry);
                }
                None => read.unreadable += 1,
            }
        }
        Ok(())
    })();
    read.damage = result.err().map(|fault: rusqlite::Error| fault.to_string());
    read
}

/// `None`, and a line in the log, for what a newer switch or a broken disk has left. The body itself is not logged: it
/// has people's numbers in it.
fn decode<T: Journalled>(row: &Row<'_>) -> Option<T> {
    let seq: i64 = row.get(0).unwrap_or_default();
    let version: i64 = row.get(1).unwrap_or_default();
    let body = row.get_ref(2).ok()?.as_str().ok()?;
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
        Ok(body) => Some(Line {
            wall,
            version: T::VERSION,
            kind: value.kind(),
            body,
            keys_of: value.keys_of(),
            drops_keys_of: value.drops_keys_of(),
        }),
        Err(fault) => {
            tracing::error!(%fault, kind = value.kind(), "an entry can't be written as JSON");
            None
        }
    }
}

fn lines<T: Journalled>(values: &[T]) -> Vec<Line> {
    values.iter().filter_map(|value| line(0, value)).collect()
}
