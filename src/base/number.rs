//! What people dial, from raw to checked.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Characters in a dialled user part; longer ones are refused before routing. E.164 has 15 digits and the longest
/// sensible user name is far below this.
pub const DIALLED_MAX: usize = 64;

/// Digits of an E.164 number (ITU-T E.164 6.2.1).
pub const NUMBER_DIGITS_MAX: usize = 15;

/// A user part as it was dialled, before routing: 1 to 64 visible characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Dialled(Box<str>);

impl Dialled {
    /// `None` when empty, longer than [`DIALLED_MAX`] bytes, or with control characters, spaces or quotes.
    pub fn new(text: &str) -> Option<Self> {
        let fits = (1..=DIALLED_MAX).contains(&text.len());
        let clean = text.chars().all(|c| !c.is_control() && !c.is_whitespace() && !matches!(c, '"' | '<' | '>'));
        (fits && clean).then(|| Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An internal address: `800`, `ana`. Letters, digits, `.`, `_`, `-`, `*`, `#`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Extension(Box<str>);

impl Extension {
    pub fn new(text: &str) -> Option<Self> {
        let fits = (1..=DIALLED_MAX).contains(&text.len());
        let clean = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'*' | b'#'));
        (fits && clean).then(|| Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What [`is_key`] wants, for whoever wrote something else.
pub const KEY_EXPECTED: &str = "letters, digits and . _ - * #, at most 64";

/// Whether settings may call an entry so. Keys stand in paths of the API, in metrics and in logs.
pub fn is_key(text: &str) -> bool {
    let clean = text.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '*' | '#'));
    (1..=DIALLED_MAX).contains(&text.chars().count()) && clean && text.chars().any(char::is_alphanumeric)
}

/// A checked E.164 number: `+` and 3 to 15 digits, the first not zero.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Number(Box<str>);

impl Number {
    pub fn new(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('+')?;
        let fits = (3..=NUMBER_DIGITS_MAX).contains(&digits.len());
        let clean = digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
        (fits && clean).then(|| Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

macro_rules! text_type {
    ($($name:ident, $what:literal;)*) => {$(
        impl TryFrom<String> for $name {
            type Error = &'static str;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                Self::new(&text).ok_or($what)
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.0.into()
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }
    )*};
}

text_type! {
    Dialled, "expected 1 to 64 visible characters";
    Extension, "expected letters, digits and . _ - * #";
    Number, "expected an E.164 number such as +351210000001";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_e164() {
        assert!(Number::new("+351210000001").is_some());
        for wrong in ["351210000001", "+0351", "+", "+12", "+1234567890123456", "+35121 0000"] {
            assert!(Number::new(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn what_is_dialled_is_bounded_and_clean() {
        assert!(Dialled::new("*97#").is_some());
        assert!(Dialled::new("joão").is_some());
        assert!(Dialled::new("").is_none());
        assert!(Dialled::new("a\r\nVia: x").is_none());
        assert!(Dialled::new(&"9".repeat(65)).is_none());
        assert!(Extension::new("800").is_some());
        assert!(Extension::new("a b").is_none());
    }
}
