//! Journal and database. Shell.
//!
//! The [`journal`] is what makes the switch survive a `kill -9`: local, append-only, on its own file and thread, never
//! waited for by the engine. The database holds what people ask about later (records) and who may open the pages;
//! the [`feeder`] carries call records from the one into the other, at whatever pace the database allows.
//!
//! The [`recordings`] are files: a thread writes what the media workers have put on tape.
//!
//! May enter: `base`, the sound of `media`, and the engine's entries and records. May not: sockets of ours, decisions
//! about calls.

pub mod clips;
mod database;
mod entries;
pub mod feeder;
pub mod journal;
pub mod recordings;
#[cfg(test)]
pub mod scratch;

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use rusqlite::ErrorCode;

pub use clips::ClipFiles;
pub use database::{
    Database, DatabaseError, PageUser, RecordFilter, Role, SegmentFilter, StoredClip, StoredSession, UPLOADED_FIRST,
};
pub use feeder::Feeder;
pub use journal::{Full, Journal, JournalError, JournalSettings, Journalled, Report, Restored};

/// SQLite says that the file is none of its own, or none any more.
fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

/// Moves a damaged file away, and its side files with it, so that a new one can take its place; tells where to.
pub fn set_aside(path: &Path) -> io::Result<PathBuf> {
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

/// Makes sure that the file exists with mode 0600, in a folder that was made 0700 if it was not there. SQLite gives its
/// side files the same rights.
fn private_file(path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists()) {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let file = fs::OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)?;
    file.set_permissions(fs::Permissions::from_mode(0o600))
}
