//! Inputs that killed the engine: written down beside its recording, and never given to it again.
//!
//! Who sent the killing message sends it again when no answer comes; without this the next process would die of it too.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use crate::{engine::Input, net::masked};

/// Inputs kept; beyond it the oldest is forgotten.
pub const QUARANTINE_MAX: usize = 64;

/// Names an input by its octets.
type Name = [u8; 16];

/// By file name: `NAME.txt`, each for whoever wants to know, and to be deleted when the fault is mended.
#[derive(Debug)]
pub struct Quarantine {
    folder: PathBuf,
    names: BTreeSet<Name>,
}

/// What comes from outside and may come again. The rest is of our own making: its numbers mean nothing to another
/// process.
fn name(input: &Input) -> Option<Name> {
    let Input::Sip { message, .. } = input else { return None };
    Sha256::digest(message.bytes()).first_chunk().copied()
}

impl Quarantine {
    /// Those of earlier processes.
    pub fn read(folder: PathBuf) -> Self {
        let name = |path: &Path| {
            let mut name = Name::default();
            hex::decode_to_slice(path.file_stem()?.to_str()?, &mut name).ok().map(|()| name)
        };
        let files = fs::read_dir(&folder).into_iter().flatten().flatten();
        let names = files.filter_map(|file| name(&file.path())).collect();
        Self { folder, names }
    }

    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Costs nothing while nothing is quarantined.
    pub fn holds(&self, input: &Input) -> bool {
        !self.names.is_empty() && name(input).is_some_and(|name| self.names.contains(&name))
    }

    /// Writes down what killed the engine. `None`: it is nothing that could come again.
    pub fn add(&self, input: &Input, why: &str, recording: Option<&Path>) -> io::Result<Option<PathBuf>> {
        let (Some(name), Input::Sip { path, message }) = (name(input), input) else { return Ok(None) };
        fs::create_dir_all(&self.folder)?;
        self.make_room()?;
        let file = self.folder.join(hex::encode(name)).with_extension("txt");
        let mut out = fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&file)?;
        writeln!(out, "# {why}\n# {path}")?;
        if let Some(recording) = recording {
            writeln!(out, "# strowger replay {}", recording.display())?;
        }
        writeln!(out, "# Delete this file when the fault is mended: from the next start on it is heard again.\n")?;
        out.write_all(&masked(message.bytes()))?;
        out.sync_all()?;
        Ok(Some(file))
    }

    fn make_room(&self) -> io::Result<()> {
        let mut files: Vec<_> = fs::read_dir(&self.folder)?.flatten().collect();
        files.sort_by_key(|file| file.metadata().and_then(|about| about.modified()).ok());
        let gone = (files.len() + 1).saturating_sub(QUARANTINE_MAX);
        files.iter().take(gone).try_for_each(|file| fs::remove_file(file.path()))
    }
}
