//! The sound of uploaded clips: a file each, named for the clip and the digest of what is in it, never by a person.

use std::{
    fs, io,
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use super::StoredClip;
use crate::base::ClipId;

/// The longest file that is read: a quarter of an hour of µ-law.
const FILE_BYTES_MAX: u64 = 8 << 20;

/// A folder of clips. All of it blocks.
#[derive(Clone, Debug)]
pub struct ClipFiles {
    folder: PathBuf,
}

impl ClipFiles {
    pub fn new(data: &Path) -> Self {
        Self { folder: data.join("clips") }
    }

    /// Writes a file whole or not at all; tells its digest.
    pub fn write(&self, clip: ClipId, file: &[u8]) -> io::Result<String> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let digest = digest(file);
        let path = self.path(clip, &digest);
        let beside = path.with_extension("new");
        let mut out = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        out.write_all(file)?;
        out.sync_all()?;
        fs::rename(&beside, &path)?;
        fs::File::open(&self.folder)?.sync_all()?;
        Ok(digest)
    }

    /// The octets of a clip's file, as they were written.
    pub fn octets(&self, clip: &StoredClip) -> io::Result<Vec<u8>> {
        let path = self.path(clip.clip, &clip.sha256);
        if fs::metadata(&path)?.len() > FILE_BYTES_MAX {
            return Err(io::Error::other("the file is longer than a clip can be"));
        }
        let file = fs::read(path)?;
        if digest(&file) != clip.sha256 {
            return Err(io::Error::other("the file is not what was written: its digest differs"));
        }
        Ok(file)
    }

    /// Takes a sound away; one that is gone already is no error.
    pub fn remove(&self, clip: ClipId, digest: &str) -> io::Result<()> {
        match fs::remove_file(self.path(clip, digest)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn path(&self, clip: ClipId, digest: &str) -> PathBuf {
        // Of a row that somebody has tampered with no more than hex reaches a path.
        let digest: String = digest.chars().filter(char::is_ascii_hexdigit).take(16).collect();
        self.folder.join(format!("{}-{digest}.wav", clip.0))
    }
}

fn digest(file: &[u8]) -> String {
    hex::encode(Sha256::digest(file))
}
