//! A WAV file taken apart: what describes its sound, and the sound.
//!
//! Whoever writes into a pipe can't go back to say how much it became, and says 0, all ones or some large number; those who
//! play such files take what is there. Whoever writes more than 4 GB says how much in a chunk of its own (RF64, EBU 3306).

use super::WavError;

/// Chunks looked at: writers put a handful of notes around the sound.
const CHUNKS_MAX: usize = 64;

/// Where a file's `ds64` says how long the sound is.
const LONG_AT: std::ops::Range<usize> = 8..16;

/// What a writer puts where it doesn't know a length, or where the length stands elsewhere.
const UNKNOWN: u32 = u32::MAX;

#[derive(Clone, Copy)]
pub struct Chunks<'a> {
    pub format: &'a [u8],
    pub sound: &'a [u8],
}

pub fn is_wave(file: &[u8]) -> bool {
    matches!(file.get(..4), Some(b"RIFF" | b"RF64" | b"BW64")) && file.get(8..12) == Some(b"WAVE")
}

/// Finds both, in either order.
pub fn read(file: &[u8]) -> Result<Chunks<'_>, WavError> {
    if !is_wave(file) {
        return Err(WavError::NotWav);
    }
    let (mut rest, mut long, mut format, mut sound) = (&file[12..], None, None, None);
    for _ in 0..CHUNKS_MAX {
        let Some(chunk) = Chunk::read(rest) else { break };
        match chunk.name {
            b"ds64" => long = long_of(chunk.body),
            b"fmt " => format = format.or(Some(chunk.body)),
            b"data" => {
                let (body, behind) = chunk.sound(long);
                sound = sound.or(Some(body));
                rest = behind;
                if format.is_some() {
                    break;
                }
                continue;
            }
            // Notes of the writer's.
            &_ => {}
        }
        rest = chunk.behind;
    }
    let (format, sound) = format.zip(sound).ok_or(WavError::Torn)?;
    Ok(Chunks { format, sound })
}

/// The same sound as every reader of WAV takes it: one description, one sound, lengths that are true.
pub fn plain(chunks: Chunks<'_>) -> Vec<u8> {
    let mut file = b"RIFF\0\0\0\0WAVE".to_vec();
    for (name, body) in [(b"fmt ", chunks.format), (b"data", chunks.sound)] {
        file.extend_from_slice(name);
        file.extend_from_slice(&u32::try_from(body.len()).unwrap_or(UNKNOWN).to_le_bytes());
        file.extend_from_slice(body);
        file.resize(file.len() + body.len() % 2, 0);
    }
    let length = u32::try_from(file.len() - 8).unwrap_or(UNKNOWN);
    file[4..8].copy_from_slice(&length.to_le_bytes());
    file
}

struct Chunk<'a> {
    name: &'a [u8; 4],
    length: u32,
    /// A body cut short by the file's end is given as far as it goes, as a writer that crashed leaves it.
    body: &'a [u8],
    behind: &'a [u8],
    /// Everything from the body's first octet to the end of the file.
    all: &'a [u8],
}

impl<'a> Chunk<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let (name, rest) = bytes.split_first_chunk::<4>()?;
        let (length, all) = rest.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length);
        let (body, behind) = all.split_at((length as usize).min(all.len()));
        Some(Self { name, length, body, behind: padded(body, behind), all })
    }

    /// Its body as sound, and what follows. Nothing at all, in front of what is no chunk either, is a length unknown.
    fn sound(&self, long: Option<u64>) -> (&'a [u8], &'a [u8]) {
        match (self.length, long) {
            (UNKNOWN, Some(long)) => {
                let (body, behind) = self.all.split_at(usize::try_from(long).unwrap_or(usize::MAX).min(self.all.len()));
                (body, padded(body, behind))
            }
            (0, _) if !starts_chunk(self.all) => (self.all, &[]),
            _ => (self.body, self.behind),
        }
    }
}

/// Bodies of odd length are padded; some writers forget it.
fn padded<'a>(body: &[u8], behind: &'a [u8]) -> &'a [u8] {
    let forgotten = matches!(behind.get(..4), Some(b"fmt " | b"data" | b"fact" | b"LIST"));
    if body.len().is_multiple_of(2) || forgotten { behind } else { behind.get(1..).unwrap_or_default() }
}

/// Whether a name in letters stands here, before a length that the file has room for.
fn starts_chunk(bytes: &[u8]) -> bool {
    Chunk::read(bytes).is_some_and(|chunk| {
        chunk.name.iter().all(|octet| (b' '..=b'~').contains(octet)) && chunk.length as usize == chunk.body.len()
    })
}

fn long_of(body: &[u8]) -> Option<u64> {
    body.get(LONG_AT)?.first_chunk().map(|octets| u64::from_le_bytes(*octets))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMAT: [u8; 16] = [1, 0, 1, 0, 0x40, 0x1f, 0, 0, 0x80, 0x3e, 0, 0, 2, 0, 16, 0];

    fn file(kind: &[u8; 4], chunks: &[(&[u8; 4], u32, &[u8])]) -> Vec<u8> {
        let mut file = kind.to_vec();
        file.extend([0xff; 4]);
        file.extend(b"WAVE");
        for (name, length, body) in chunks {
            file.extend(*name);
            file.extend(length.to_le_bytes());
            file.extend(*body);
        }
        file
    }

    fn sound(file: &[u8]) -> Result<&[u8], WavError> {
        read(file).map(|chunks| {
            assert_eq!(chunks.format, FORMAT);
            chunks.sound
        })
    }

    /// SC-07: what was written by a program that could not say how much it would become is read to its end.
    #[test]
    fn sc_07_lengths_of_pipes_are_not_believed() {
        let samples: Vec<u8> = (0..400u16).flat_map(|at| (at * 77).to_le_bytes()).collect();
        for length in [0, u32::MAX, 0x7fff_f000, 801] {
            let piped = file(b"RIFF", &[(b"fmt ", 16, &FORMAT), (b"data", length, &samples)]);
            assert_eq!(sound(&piped), Ok(&samples[..]), "{length:#x}");
        }
        let silence = file(b"RIFF", &[(b"fmt ", 16, &FORMAT), (b"data", 0, &[0; 400])]);
        assert_eq!(sound(&silence), Ok(&[0; 400][..]), "silence is no chunk");
        let empty = file(b"RIFF", &[(b"fmt ", 16, &FORMAT), (b"data", 0, b""), (b"LIST", 4, b"INFO")]);
        assert_eq!(sound(&empty), Ok(&[][..]), "an empty sound before notes is empty");
    }

    /// SC-07: long files, either order, padding kept or forgotten, notes anywhere.
    #[test]
    fn sc_07_chunks_come_in_any_order() {
        let mut long = [0; 28];
        long[8] = 4;
        let found = Ok(&[1, 2, 3, 4][..]);
        for kind in [b"RF64", b"BW64"] {
            let chunks: [(&[u8; 4], u32, &[u8]); 4] = [
                (b"ds64", 28, &long),
                (b"fmt ", 16, &FORMAT),
                (b"data", u32::MAX, &[1, 2, 3, 4]),
                (b"LIST", 4, b"INFO"),
            ];
            assert_eq!(sound(&file(kind, &chunks)), found);
        }
        assert_eq!(sound(&file(b"RIFF", &[(b"data", 4, &[1, 2, 3, 4]), (b"fmt ", 16, &FORMAT)])), found);
        for notes in [&b"abc\0"[..], &b"abc"[..]] {
            let noted = [(b"LIST", 3, notes), (b"fmt ", 16, &FORMAT[..]), (b"data", 4, &[1, 2, 3, 4])];
            assert_eq!(sound(&file(b"RIFF", &noted)), found, "padded {}", notes.len() == 4);
        }
        let torn = file(b"RIFF", &[(b"data", 4, &[1, 2, 3, 4])]);
        assert_eq!(sound(&torn), Err(WavError::Torn), "nothing says what it is");
        assert_eq!(sound(&file(b"OggS", &[])), Err(WavError::NotWav));
    }
}
