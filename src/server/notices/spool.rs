//! Notices that nobody has taken yet, one file each, in their order.

use std::{
    collections::VecDeque,
    fs, io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::PathBuf,
};

use crate::base::Wall;

/// Notices that wait at most; then the oldest makes room.
pub const SPOOL_MAX: usize = 1_000;

/// Within one millisecond no more are told.
const PER_MILLISECOND: u64 = 1_000;

pub struct Spool {
    folder: PathBuf,
    /// Numbers of those that wait: the time of each, and a count within its millisecond.
    numbers: VecDeque<u64>,
}

impl Spool {
    /// With what an earlier run left.
    pub fn open(folder: PathBuf) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let mut numbers = Vec::new();
        for file in fs::read_dir(&folder)? {
            let path = file?.path();
            let number = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
            match (number, path.extension().and_then(|extension| extension.to_str())) {
                (Some(number), Some("json")) => numbers.push(number),
                // Half written when the process ended.
                (_, Some("new")) => fs::remove_file(&path)?,
                (_, _) => {}
            }
        }
        numbers.sort_unstable();
        Ok(Self { folder, numbers: numbers.into() })
    }

    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// Writes one down behind all others; how many had to go for it.
    pub fn put(&mut self, at: Wall, text: &[u8]) -> io::Result<usize> {
        let first = u64::try_from(at.as_millis()).unwrap_or(0).saturating_mul(PER_MILLISECOND);
        let number = self.numbers.back().map_or(first, |last| first.max(last + 1));
        let (path, new) = (self.path(number), self.path(number).with_extension("new"));
        let mut file = fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&new)?;
        io::Write::write_all(&mut file, text)?;
        fs::rename(&new, &path)?;
        self.numbers.push_back(number);
        let too_many = self.numbers.len().saturating_sub(SPOOL_MAX);
        for _ in 0..too_many {
            if let Some(oldest) = self.numbers.front().copied() {
                self.remove(oldest);
            }
        }
        Ok(too_many)
    }

    /// The one to send next: number, time and text. One that can't be read any more is skipped for good.
    pub fn oldest(&mut self) -> Option<(u64, Wall, Vec<u8>)> {
        while let Some(number) = self.numbers.front().copied() {
            match fs::read(self.path(number)) {
                Ok(text) => {
                    let at = i64::try_from(number / PER_MILLISECOND).unwrap_or(0);
                    return Some((number, Wall::from_millis(at), text));
                }
                Err(why) => {
                    tracing::warn!(%why, number, "a notice can't be read");
                    self.numbers.pop_front();
                }
            }
        }
        None
    }

    pub fn remove(&mut self, number: u64) {
        self.numbers.retain(|known| *known != number);
        if let Err(why) = fs::remove_file(self.path(number)) {
            tracing::warn!(%why, number, "a notice can't be removed, and may be sent again");
        }
    }

    fn path(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{number:020}.json"))
    }
}
