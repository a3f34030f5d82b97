//! Keys in a description (SDES, RFC 4568).

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    base::Private,
    media::{KEY_BYTES, Security, Suite},
    wire::sdp::Media,
};

/// Octets of a key identifier (RFC 4568 6.1).
const MKI_MAX: u8 = 128;

/// One `a=crypto` line that we can follow.
#[derive(Clone, PartialEq)]
pub struct Crypto {
    tag: u32,
    suite: Suite,
    key: Private<[u8; KEY_BYTES]>,
    /// Octets of the identifier that stands in each of their packets.
    mki: u8,
}

impl Crypto {
    /// The first of a media line that we can follow.
    pub fn of(media: &Media) -> Option<Self> {
        media.crypto.iter().find_map(|line| Self::read(line.reveal()))
    }

    /// Our lines in an offer: each suite, with our key.
    pub fn offer(ours: &Private<[u8; KEY_BYTES]>) -> String {
        let suites = [Suite::Long, Suite::Short, Suite::Sealed];
        (1..).zip(suites).map(|(tag, suite)| line(tag, suite, ours)).collect()
    }

    /// The line that takes this one, with our key.
    pub fn answer(&self, ours: &Private<[u8; KEY_BYTES]>) -> String {
        line(self.tag, self.suite, ours)
    }

    pub fn security(&self, ours: &Private<[u8; KEY_BYTES]>) -> Security {
        Security { suite: self.suite, ours: ours.clone(), theirs: self.key.clone(), mki: self.mki }
    }

    /// `1 AES_CM_128_HMAC_SHA1_80 inline:<key and salt>[|lifetime][|MKI:length] [session parameters]`
    fn read(text: &str) -> Option<Self> {
        let mut words = text.split_ascii_whitespace();
        let tag = words.next()?.parse().ok()?;
        let suite = Suite::named(words.next()?)?;
        let (method, value) = words.next()?.split_once(':')?;
        let mut parts = value.trim_end_matches(';').split('|');
        let key = STANDARD.decode(parts.next()?).ok()?;
        let key = Private::new(filled(&key, suite)?);
        let mki = parts.find_map(|part| part.split_once(':')).map_or(Some(0), |(_, length)| length.parse().ok())?;
        // A second key would need its identifier, other parameters would change how a packet is protected.
        let is_plain = mki <= MKI_MAX && words.all(|word| word.starts_with("WSH=") || word.starts_with('-'));
        (is_plain && method.eq_ignore_ascii_case("inline")).then_some(Self { tag, suite, key, mki })
    }
}

/// A key of just the suite's length, filled with zeros.
fn filled(key: &[u8], suite: Suite) -> Option<[u8; KEY_BYTES]> {
    let mut filled = [0; KEY_BYTES];
    filled.get_mut(..suite.key_bytes()).filter(|place| place.len() == key.len())?.copy_from_slice(key);
    Some(filled)
}

fn line(tag: u32, suite: Suite, key: &Private<[u8; KEY_BYTES]>) -> String {
    format!("a=crypto:{tag} {} inline:{}\r\n", suite.name(), STANDARD.encode(&key.reveal()[..suite.key_bytes()]))
}

impl std::fmt::Debug for Crypto {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Crypto({} {})", self.tag, self.suite.name())
    }
}
