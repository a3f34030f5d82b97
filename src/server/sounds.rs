//! Clips from files into the media workers.

use std::{fs, io, path::Path};

use crate::{
    media::{SOUND_SAMPLES_MAX, Sound, built_in, spoken, wav},
    settings::{BUILT_IN, BUILT_IN_WORD, ClipFile},
};

/// The longest file that a clip of the longest length can be.
const FILE_BYTES_MAX: u64 = (SOUND_SAMPLES_MAX * 8) as u64;

/// Reads one clip; `folder` is that of the main file.
pub fn read(clip: &ClipFile, folder: &Path) -> io::Result<Sound> {
    if clip.file.value == BUILT_IN {
        return Ok(built_in::hold_music());
    }
    if let Some(name) = clip.file.value.strip_prefix(BUILT_IN_WORD) {
        return spoken::named(name).ok_or_else(|| io::Error::other(format!("nothing built in is called {name}")));
    }
    let path = folder.join(&clip.file.value);
    let told = |error: String| io::Error::other(format!("{}: {error}", path.display()));
    let size = fs::metadata(&path).map_err(|error| told(error.to_string()))?.len();
    if size > FILE_BYTES_MAX {
        return Err(told(String::from("too long")));
    }
    let file = fs::read(&path).map_err(|error| told(error.to_string()))?;
    wav::read(&file).map_err(|error| told(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::ClipId,
        settings::{At, Mark},
    };

    fn clip(file: &str) -> ClipFile {
        ClipFile { id: ClipId(1), file: At::new(file.to_owned(), Mark::default()) }
    }

    #[test]
    fn a_missing_file_is_named() {
        let said = read(&clip("gone.wav"), Path::new("config")).unwrap_err().to_string();
        assert!(said.starts_with("config/gone.wav: "), "{said}");
    }

    #[test]
    fn a_built_in_sentence_is_read_by_name() {
        assert!(read(&clip("built-in:pt/thanks"), Path::new("config")).is_ok_and(|sound| sound.len() > 8_000));
        assert!(read(&clip("built-in:pt/thank"), Path::new("config")).is_err());
    }
}
