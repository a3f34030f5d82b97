//! Session-ID (RFC 7989): who talks with whom, the same on every leg of a call.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    base::Chance,
    wire::sip::{Message, Name},
};

/// What one end of a conversation is called, whichever dialogs lie between the two. All zero: nobody knows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
pub struct EndId([u8; 16]);

/// Both ends as one dialog has them: whom we speak for, and what its peer calls itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct SessionId {
    pub local: EndId,
    pub remote: EndId,
}

impl EndId {
    /// For a peer that has no name of its own, or for ourselves: a UUID of version 4 (RFC 7989 4.1).
    pub fn draw(chance: &mut Chance) -> Self {
        let mut bytes: [u8; 16] = chance.bytes();
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        Self(bytes)
    }

    pub fn is_known(self) -> bool {
        self != Self::default()
    }

    /// 32 lower-case hexadecimal digits (RFC 7989 5).
    fn parse(text: &str) -> Option<Self> {
        let clean = text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        clean.then(|| u128::from_str_radix(text, 16).ok()).flatten().map(|number| Self(number.to_be_bytes()))
    }

    /// Both ends that a message names, as far as they are known.
    pub fn named(message: &Message) -> impl Iterator<Item = Self> {
        let parts = message.header(Name::SessionId).into_iter().flat_map(|value| value.split(';'));
        let ends = parts.filter_map(|part| Self::parse(part.trim().trim_start_matches("remote=").trim()));
        ends.filter(|id| id.is_known()).take(2)
    }

    /// What the sender of a message calls itself.
    pub fn of_sender(message: &Message) -> Option<Self> {
        let value = message.header(Name::SessionId)?;
        Self::parse(value.split(';').next().unwrap_or_default().trim()).filter(|id| id.is_known())
    }
}

impl SessionId {
    /// Takes over what the peer calls itself from now on.
    pub fn hear(&mut self, message: &Message) {
        if let Some(id) = EndId::of_sender(message) {
            self.remote = id;
        }
    }

    /// As it stands in a message of ours; none where there is nobody to speak for.
    pub fn header(self) -> Option<Self> {
        self.local.is_known().then_some(self)
    }
}

impl fmt::Display for EndId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{};remote={}", self.local, self.remote)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_name_of_32_digits_is_one() {
        let good = "ab30317f1a784dc48ff824d0d3715d86";
        assert_eq!(EndId::parse(good).map(|id| id.to_string()).as_deref(), Some(good));
        for bad in ["", "AB30317F1A784DC48FF824D0D3715D86", "ab30317f-1a78-4dc4-8ff8-24d0d3715d86", "+b30317f1a784dc4"]
        {
            assert_eq!(EndId::parse(bad), None, "{bad}");
        }
        let drawn = EndId::draw(&mut Chance::from_number(1)).to_string();
        assert!(drawn.as_bytes()[12] == b'4' && matches!(drawn.as_bytes()[16], b'8' | b'9' | b'a' | b'b'), "{drawn}");
    }
}
