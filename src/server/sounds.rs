//! Clips from files into the media workers.

use std::{fs, io, path::Path};

use super::decoding;
use crate::{
    api::{ClipFault, DecodedClip},
    base::ClipId,
    media::{
        Codec, SAMPLE_RATE, SOUND_SAMPLES_MAX, Sound, built_in, g711, spoken,
        upload::{Bounds, UploadError},
        wav::{self, WavError},
    },
    settings::{BUILT_IN, BUILT_IN_WORD, ClipFile, Faults, Places},
};

/// Reads every clip of the settings; all that can't be read are told together, where they are named.
pub fn read_all(clips: &[ClipFile], folder: &Path, places: &Places) -> Result<Vec<(ClipId, Sound)>, Faults> {
    let mut faults = Vec::new();
    let mut sounds = Vec::new();
    for clip in clips {
        match read(clip, folder) {
            Ok(sound) => sounds.push((clip.id, sound)),
            Err(why) => {
                let hint = String::from(
                    "files (WAV, FLAC, MP3, Ogg with Vorbis or Opus; .ulaw, .alaw and .pcm at 8 kHz) are looked for beside the \
                     main file; \"built-in\" is the music within",
                );
                faults.push(places.fault(clip.file.mark, format!("file: {why}"), Some(hint)));
            }
        }
    }
    if faults.is_empty() { Ok(sounds) } else { Err(Faults(faults)) }
}

/// Reads one clip; `folder` is that of the main file.
fn read(clip: &ClipFile, folder: &Path) -> io::Result<Sound> {
    if clip.file.value == BUILT_IN {
        return Ok(built_in::hold_music());
    }
    if let Some(name) = clip.file.value.strip_prefix(BUILT_IN_WORD) {
        return spoken::named(name).ok_or_else(|| io::Error::other(format!("nothing built in is called {name}")));
    }
    let path = folder.join(&clip.file.value);
    let told = |error: String| io::Error::other(format!("{}: {error}", path.display()));
    let size = fs::metadata(&path).map_err(|error| told(error.to_string()))?.len();
    if size > Bounds::SETTINGS.octets as u64 {
        return Err(told(why(UploadError::TooLarge)));
    }
    let file = fs::read(&path).map_err(|error| told(error.to_string()))?;
    if let Some(sound) = path.extension().and_then(|ending| bare(ending.to_str()?, &file)) {
        return sound.map_err(|fault| told(why(fault)));
    }
    match wav::read(&file) {
        Ok(sound) => Ok(sound),
        Err(WavError::NotWav | WavError::Format { .. }) => {
            decoding::decode_of_settings(&file).map_err(|fault| told(why(fault)))
        }
        Err(fault @ (WavError::Torn | WavError::TooLong)) => Err(told(fault.to_string())),
    }
}

/// Samples at 8 kHz without a head, which only the file's name tells of; `None` for another ending.
fn bare(ending: &str, file: &[u8]) -> Option<Result<Sound, UploadError>> {
    let law = |codec| file.iter().map(|octet| g711::level(codec, *octet)).collect::<Vec<i16>>();
    let samples = match ending.to_ascii_lowercase().as_str() {
        "ulaw" | "ul" => law(Codec::Pcmu),
        "alaw" | "al" => law(Codec::Pcma),
        "pcm" | "sln" => file.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect(),
        _ => return None,
    };
    Some(match samples.len() {
        0 => Err(UploadError::Empty),
        1..=SOUND_SAMPLES_MAX => Ok(Sound::from_samples(&samples)),
        _ => Err(UploadError::TooLong),
    })
}

/// What a fault means for who writes settings.
fn why(fault: UploadError) -> String {
    match fault {
        UploadError::TooLarge => format!("larger than {} MB", Bounds::SETTINGS.octets >> 20),
        UploadError::TooLong => format!("longer than {} minutes", Bounds::SETTINGS.seconds / 60),
        UploadError::Unknown => String::from("no WAV, FLAC, MP3 or Ogg file (Vorbis, Opus)"),
        UploadError::Broken => String::from("broken: it can't be decoded to its end"),
        UploadError::Empty => String::from("there is no sound in it"),
    }
}

/// An upload's sound as it is kept and played.
pub fn decoded(sound: &Sound) -> DecodedClip {
    let millis = (sound.len() as u64 * 1_000).div_ceil(SAMPLE_RATE as u64);
    DecodedClip { wav: wav::write(sound), millis }
}

pub fn fault(fault: UploadError) -> ClipFault {
    let is_too_much = matches!(fault, UploadError::TooLarge | UploadError::TooLong);
    ClipFault { is_too_much, why: fault.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::ClipId,
        media::upload,
        settings::{At, Mark, Source, load},
    };

    fn clip(file: &str) -> ClipFile {
        ClipFile { id: ClipId(1), file: At::new(file.to_owned(), Mark::default()) }
    }

    #[test]
    fn a_missing_file_is_named() {
        let said = read(&clip("gone.wav"), Path::new("config")).unwrap_err().to_string();
        assert!(said.starts_with("config/gone.wav: "), "{said}");
    }

    /// All that is missing is told at once, where it is named.
    #[test]
    fn missing_files_are_told_with_their_lines() {
        let text = "[[clip]]\nkey = \"a\"\nfile = \"gone.wav\"\n[[clip]]\nkey = \"b\"\nfile = \"lost.wav\"\n";
        let loaded = load(Source::new("strowger.toml", text), Vec::new(), &[]).unwrap();
        let said = read_all(&loaded.files.clips, Path::new("config"), &loaded.places).unwrap_err().to_string();
        assert!(said.contains("strowger.toml:3:8: file: config/gone.wav: "), "{said}");
        assert!(said.contains("strowger.toml:6:8: file: config/lost.wav: "), "{said}");
        assert!(said.contains("hint: "), "{said}");
    }

    /// SW-12, QE-04: sound without a head is what its name says, at 8 kHz.
    #[test]
    fn sw_12_bare_samples_are_read_by_their_ending() {
        let samples: Vec<i16> = (0..800).map(|at| (at - 400) * 20).collect();
        let ulaw: Vec<u8> = samples.iter().map(|sample| g711::encode_ulaw(*sample)).collect();
        let alaw: Vec<u8> = samples.iter().map(|sample| g711::encode_alaw(*sample)).collect();
        let pcm: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        for (ending, file) in
            [("ulaw", &ulaw), ("UL", &ulaw), ("alaw", &alaw), ("al", &alaw), ("pcm", &pcm), ("sln", &pcm)]
        {
            let sound = bare(ending, file).expect("a known ending").expect("a sound");
            let off = sound.samples().zip(&samples).map(|(one, other)| one.abs_diff(*other)).max();
            assert!(sound.len() == 800 && off < Some(520), "{ending}: {off:?}");
        }
        assert!(bare("wav", &pcm).is_none() && bare("pcm", &[1]).is_some_and(|read| read.is_err()));
    }

    #[test]
    fn a_built_in_sentence_is_read_by_name() {
        assert!(read(&clip("built-in:pt/thanks"), Path::new("config")).is_ok_and(|sound| sound.len() > 8_000));
        assert!(read(&clip("built-in:pt/thank"), Path::new("config")).is_err());
    }

    /// SC-01, SC-07: what is kept of an upload is what players read, as long as it was.
    #[test]
    fn sc_01_sc_07_an_upload_is_kept_as_it_is_played() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("sip-tests/corpus/upload/tone.flac");
        let clip = decoded(&upload::decode(fs::read(path).expect("a file"), Bounds::UPLOAD).expect("a clip"));
        let sound = wav::read(&clip.wav).expect("our own file");
        assert_eq!((clip.millis, sound.len()), (1_000, 8_000));
        let told = upload::decode(b"no sound".to_vec(), Bounds::UPLOAD).map_err(fault);
        assert!(told.is_err_and(|fault| !fault.is_too_much));
    }
}
