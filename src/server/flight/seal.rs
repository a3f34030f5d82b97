//! A recording on the disk: sealed piece by piece, so that a file without its key says nothing but when and why.

use std::{
    fmt, fs,
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use bytes::Bytes;
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    hkdf::{HKDF_SHA256, Salt},
};
use serde::{Deserialize, Serialize};

use crate::{
    base::{Private, Wall},
    server::credentials::random,
    store,
};

/// The first line of a file.
const MAGIC: &str = "strowger flight 1\n";

/// Of the second line: there is room for a long reason.
const HEADER_OCTETS_MAX: usize = 8_192;

/// A piece that claims to be longer is none: the longest holds a base.
const SEALED_OCTETS_MAX: usize = 1 << 30;

/// What a file says to everybody.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Header {
    /// Of the program that wrote it.
    pub version: String,
    pub at: Wall,
    pub why: String,
    /// Recorded from the start of the process on.
    pub whole: bool,
    /// Each file is sealed with a key of its own, made of this and the folder's.
    salt: String,
}

impl Header {
    pub fn new(at: Wall, why: String, whole: bool) -> io::Result<Self> {
        let salt = hex::encode(random::<16>()?);
        Ok(Self { version: env!("CARGO_PKG_VERSION").to_owned(), at, why, whole, salt })
    }
}

/// What all recordings of one data folder are sealed with; in a file beside their folder, so that a recording can be
/// handed on without it.
#[derive(Clone)]
pub struct Key([u8; 32]);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

impl Key {
    pub fn read(path: &Path) -> io::Result<Self> {
        let text = Private::new(fs::read_to_string(path)?);
        let mut key = [0; 32];
        hex::decode_to_slice(text.reveal().trim(), &mut key)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "expected 64 hexadecimal digits"))?;
        Ok(Self(key))
    }

    /// That of the file, or a new one in it; what is no key is moved aside: finding faults later is no reason not to start.
    pub fn read_or_make(path: &Path) -> io::Result<Self> {
        match Self::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                let aside = store::set_aside(path)?;
                tracing::error!(aside = %aside.display(), "the flight recorder's key was damaged; recordings of before can't be opened");
            }
            read => return read,
        }
        let key = random::<32>()?;
        let mut file = fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(path)?;
        file.write_all(hex::encode(key).as_bytes())?;
        file.sync_all()?;
        Ok(Self(key))
    }

    fn for_file(&self, header: &Header) -> io::Result<LessSafeKey> {
        let salt = Salt::new(HKDF_SHA256, header.salt.as_bytes());
        let expanded = salt.extract(&self.0);
        let key = expanded.expand(&[b"strowger flight"], &AES_256_GCM).map(UnboundKey::from);
        key.map(LessSafeKey::new).map_err(|_| io::Error::other("no key could be derived"))
    }
}

/// Each piece under its number, the last one marked: pieces can't be left out, swapped or cut off.
fn nonce(number: u64) -> Nonce {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&number.to_be_bytes());
    Nonce::assume_unique_for_key(nonce)
}

fn bound_to(header: &[u8], is_last: bool) -> Aad<Vec<u8>> {
    let mut bound = header.to_vec();
    bound.push(u8::from(is_last));
    Aad::from(bound)
}

/// Writes a recording whole.
pub fn seal(to: &mut impl Write, key: &Key, header: &Header, pieces: impl Iterator<Item = Bytes>) -> io::Result<()> {
    let sealing = key.for_file(header)?;
    let line = serde_json::to_vec(header).map_err(io::Error::other)?;
    to.write_all(MAGIC.as_bytes())?;
    to.write_all(&line)?;
    to.write_all(b"\n")?;
    let mut pieces = pieces.peekable();
    let mut number = 0;
    while let Some(piece) = pieces.next() {
        let mut sealed = piece.to_vec();
        sealing
            .seal_in_place_append_tag(nonce(number), bound_to(&line, pieces.peek().is_none()), &mut sealed)
            .map_err(|_| io::Error::other("a piece could not be sealed"))?;
        to.write_all(&u32::try_from(sealed.len()).map_err(io::Error::other)?.to_le_bytes())?;
        to.write_all(&sealed)?;
        number += 1;
    }
    Ok(())
}

fn damaged(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// What the file says to everybody, and the rest of it.
fn split(file: &[u8]) -> io::Result<(&[u8], Header, &[u8])> {
    let rest = file.strip_prefix(MAGIC.as_bytes()).ok_or_else(|| damaged("not a flight recording"))?;
    let end = rest.iter().take(HEADER_OCTETS_MAX).position(|octet| *octet == b'\n');
    let (line, rest) = rest.split_at(end.ok_or_else(|| damaged("its header has no end"))?);
    let header = serde_json::from_slice(line).map_err(|error| damaged(&format!("its header: {error}")))?;
    Ok((line, header, &rest[1..]))
}

/// Reads a file that `seal` wrote.
pub fn unseal(from: &mut impl Read, key: &Key) -> io::Result<(Header, Bytes)> {
    let mut file = Vec::new();
    from.read_to_end(&mut file)?;
    let (line, header, mut rest) = split(&file)?;
    let opening = key.for_file(&header)?;
    let mut recording = Vec::with_capacity(rest.len());
    let mut number = 0;
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let length = u32::from_le_bytes(*length) as usize;
        if length > SEALED_OCTETS_MAX || length > after.len() {
            return Err(damaged("it is cut off"));
        }
        let (sealed, next) = after.split_at(length);
        let mut sealed = sealed.to_vec();
        let opened = opening.open_in_place(nonce(number), bound_to(line, next.is_empty()), &mut sealed);
        recording.extend_from_slice(opened.map_err(|_| damaged("another key, cut off, or changed"))?);
        number += 1;
        rest = next;
    }
    if number == 0 || !rest.is_empty() {
        return Err(damaged("it is cut off"));
    }
    Ok((header, Bytes::from(recording)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::scratch::Scratch;

    fn sealed(key: &Key) -> Vec<u8> {
        let header = Header::new(Wall(5), "asked for".to_owned(), true).unwrap();
        let mut file = Vec::new();
        let pieces = ["inline:c2VjcmV0", "Authorization: Digest"].map(|piece| Bytes::from_static(piece.as_bytes()));
        seal(&mut file, key, &header, pieces.into_iter()).unwrap();
        file
    }

    /// What a power cut left of it costs the recordings of before, not the start.
    #[test]
    fn a_damaged_key_is_set_aside() {
        let folder = Scratch::new("flight-key");
        let path = folder.join("flight.key");
        for (n, damaged) in [(1, &b""[..]), (2, b"0123"), (3, b"\xff\xfe\x00")] {
            fs::write(&path, damaged).unwrap();
            let made = Key::read_or_make(&path).unwrap();
            assert_eq!(Key::read(&path).unwrap().0, made.0);
            assert_eq!(fs::read(folder.join(format!("flight.key.damaged-{n}"))).unwrap(), damaged);
        }
    }

    /// OP-01: what is sealed comes out again with its key and with no other, and not when an octet was changed, a piece
    /// left out or the end cut off; without the key nothing of it can be read.
    #[test]
    fn only_the_key_opens_it_and_only_whole() {
        let key = Key([7; 32]);
        let file = sealed(&key);
        let (header, recording) = unseal(&mut file.as_slice(), &key).unwrap();
        assert_eq!((header.why.as_str(), &recording[..]), ("asked for", &b"inline:c2VjcmV0Authorization: Digest"[..]));
        for secret in ["inline", "Digest"] {
            assert!(!file.windows(secret.len()).any(|window| window == secret.as_bytes()));
        }
        assert!(unseal(&mut file.as_slice(), &Key([8; 32])).is_err());
        for cut in 0..file.len() {
            assert!(unseal(&mut &file[..cut], &key).is_err(), "cut at {cut}");
            let mut changed = file.clone();
            changed[cut] ^= 1;
            assert!(unseal(&mut changed.as_slice(), &key).is_err(), "changed at {cut}");
        }
        let longer: Vec<u8> = file.iter().copied().chain([0, 0, 0, 0]).collect();
        assert!(unseal(&mut longer.as_slice(), &key).is_err());
    }
}
