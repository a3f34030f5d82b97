//! Digest authentication (RFC 7616, RFC 8760): as server with [`Verifier`], as client with [`answer`].
//!
//! MD5 because every phone has it, SHA-256 offered first because it is better; `qop=auth`, and `auth-int` where the peer or
//! the settings want the body covered.

mod answer;
mod fields;
mod nonce;
mod verify;

use md5::Md5;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use answer::{answer, is_of_realm, is_stale, realm_of};
pub use verify::{Covered, Verdict, Verifier, VerifierDraws};

/// RFC 7616 6.1, without the session variants that no phone uses.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Algorithm {
    Md5,
    Sha256,
}

impl Algorithm {
    /// As the `algorithm` parameter names it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Self::Md5, Self::Sha256].into_iter().find(|algorithm| algorithm.name().eq_ignore_ascii_case(word))
    }

    /// The hash of the parts with a colon between them, in lower-case hexadecimal.
    fn hash(self, parts: &[&str]) -> HexHash {
        match self {
            Self::Md5 => HexHash::of::<Md5>(parts),
            Self::Sha256 => HexHash::of::<Sha256>(parts),
        }
    }
}

impl Algorithm {
    fn hash_bytes(self, bytes: &[u8]) -> HexHash {
        match self {
            Self::Md5 => HexHash::of_hash(&Md5::digest(bytes)),
            Self::Sha256 => HexHash::of_hash(&Sha256::digest(bytes)),
        }
    }
}

/// A hash in hexadecimal, on the stack.
struct HexHash {
    text: [u8; 64],
    len: usize,
}

impl HexHash {
    fn of<D: Digest>(parts: &[&str]) -> Self {
        let mut hasher = D::new();
        for (at, part) in parts.iter().enumerate() {
            if at > 0 {
                hasher.update(b":");
            }
            hasher.update(part.as_bytes());
        }
        Self::of_hash(&hasher.finalize())
    }

    fn of_hash(hash: &[u8]) -> Self {
        let len = hash.len() * 2;
        let mut text = [0; 64];
        // Both hashes fit: 16 or 32 octets.
        let _ = hex::encode_to_slice(hash, &mut text[..len]);
        Self { text, len }
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.text[..self.len]).unwrap_or_default()
    }
}

/// H(user:realm:password), what a server keeps instead of the password.
pub fn ha1(algorithm: Algorithm, user: &str, realm: &str, password: &str) -> String {
    algorithm.hash(&[user, realm, password]).as_str().to_owned()
}

/// A user's secret, per algorithm, in lower-case hexadecimal. It is worth the password inside its realm: keep it sealed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ha1 {
    pub md5: String,
    pub sha256: String,
}

impl Ha1 {
    pub fn new(user: &str, realm: &str, password: &str) -> Self {
        Self { md5: ha1(Algorithm::Md5, user, realm, password), sha256: ha1(Algorithm::Sha256, user, realm, password) }
    }

    /// Tells these credentials from others, and nobody what they are.
    pub fn fingerprint(&self) -> u64 {
        let hash =
            Sha256::new().chain_update("fingerprint:").chain_update(&self.sha256).chain_update(&self.md5).finalize();
        u64::from_be_bytes(hash.first_chunk().copied().unwrap_or_default())
    }

    fn of(&self, algorithm: Algorithm) -> &str {
        match algorithm {
            Algorithm::Md5 => &self.md5,
            Algorithm::Sha256 => &self.sha256,
        }
    }
}

impl std::fmt::Debug for Ha1 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ha1(•••)")
    }
}

/// KD of RFC 7616 3.4.1, or of RFC 2069 when `qop` is `None`.
fn response(algorithm: Algorithm, ha1: &str, nonce: &str, qop: Option<Qop<'_>>, method: &str, uri: &str) -> HexHash {
    let ha2 = match qop.and_then(|qop| qop.body) {
        Some(body) => algorithm.hash(&[method, uri, body]),
        None => algorithm.hash(&[method, uri]),
    };
    match qop {
        Some(qop) => algorithm.hash(&[ha1, nonce, qop.nc, qop.cnonce, qop.name(), ha2.as_str()]),
        None => algorithm.hash(&[ha1, nonce, ha2.as_str()]),
    }
}

#[derive(Clone, Copy)]
struct Qop<'a> {
    nc: &'a str,
    cnonce: &'a str,
    /// Hash of the body, for `auth-int`.
    body: Option<&'a str>,
}

impl Qop<'_> {
    const fn name(self) -> &'static str {
        if self.body.is_some() { "auth-int" } else { "auth" }
    }
}

#[cfg(test)]
mod tests;
