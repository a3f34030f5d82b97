//! The settings' files, read from disk for the pure floor that understands them.

use std::{
    fmt, fs,
    io::{self, Read as _},
    path::Path,
};

use crate::settings::{Faults, Included, Loaded, ServerSettings, Source, includes, load, server_as_read};

/// A settings file longer than this is not one.
const FILE_BYTES_MAX: u64 = 64 << 20;

#[derive(Debug)]
pub enum FilesError {
    /// The main file can't be read.
    Main {
        path: String,
        why: io::Error,
    },
    Faults(Faults),
}

impl fmt::Display for FilesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Main { path, why } => {
                write!(f, "{path}: {why}")?;
                if why.kind() == io::ErrorKind::NotFound {
                    let hint = "start in the folder that has config/, or name a file: strowger run --config FILE";
                    write!(f, "\n    hint: {hint}")?;
                }
                Ok(())
            }
            Self::Faults(faults) => fmt::Display::fmt(faults, f),
        }
    }
}

impl std::error::Error for FilesError {}

/// Reads the main file, what it includes, and the environment.
pub fn read_files(config: &Path, environment: &[(String, String)]) -> Result<Loaded, FilesError> {
    let main = read(config).map_err(|why| FilesError::Main { path: config.display().to_string(), why })?;
    let folder = config.parent().unwrap_or_else(|| Path::new("."));
    let included = includes(&main, environment).into_iter().map(|name| {
        let text = read_included(&folder.join(&name)).map_err(|error| error.to_string());
        Included { name, text }
    });
    let included = included.collect();
    load(main, included, environment).map_err(FilesError::Faults)
}

/// What the main file says of the server; what is wrong with the rest of the files does not matter here.
pub fn find_server(config: &Path, environment: &[(String, String)]) -> Result<ServerSettings, FilesError> {
    let main = read(config).map_err(|why| FilesError::Main { path: config.display().to_string(), why })?;
    let (server, whole) = server_as_read(main, environment);
    if !whole {
        eprintln!(
            "{}: there are errors in it (strowger check tells them); asking at {}",
            config.display(),
            server.http.listen
        );
    }
    Ok(server)
}

/// Opening a pipe would wait for whoever writes to it.
fn read_included(path: &Path) -> io::Result<Source> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    read(path)
}

fn read(path: &Path) -> io::Result<Source> {
    let mut octets = Vec::new();
    // One that is no file has no length of its own.
    fs::File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut octets)?;
    if octets.len() as u64 > FILE_BYTES_MAX {
        return Err(io::Error::other("too long for a settings file"));
    }
    let text = String::from_utf8(octets).map_err(|error| {
        let line =
            error.as_bytes().iter().take(error.utf8_error().valid_up_to()).filter(|octet| **octet == b'\n').count() + 1;
        io::Error::other(format!("line {line} is not UTF-8: save the file in that encoding"))
    })?;
    Ok(Source::new(path.display().to_string(), text))
}
