//! Where interactions go that leave a queue without an agent.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

/// A destination by its key, as text: `"queue:sales"`, `"user:ana"`, `"group:office"`, `"number:+351210000001"`,
/// `"menu:main"`, `"clip:sorry"` (played, then hung up), `"hangup"`.
///
/// The distributor itself follows queues; the rest is done by whoever drives it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Onward {
    Queue(Arc<str>),
    User(Arc<str>),
    Group(Arc<str>),
    /// As if one of our users had dialled it.
    Number(Arc<str>),
    /// What he presses there decides.
    Menu(Arc<str>),
    Clip(Arc<str>),
    HangUp,
}

impl FromStr for Onward {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "expected \"queue:KEY\", \"user:KEY\", \"group:KEY\", \"number:NUMBER\", \"menu:KEY\", \"clip:KEY\" or \"hangup\"";
        if text == "hangup" {
            return Ok(Self::HangUp);
        }
        let (kind, key) = text.split_once(':').filter(|(_, key)| !key.is_empty()).ok_or(EXPECTED)?;
        match kind {
            "queue" => Ok(Self::Queue(key.into())),
            "user" => Ok(Self::User(key.into())),
            "group" => Ok(Self::Group(key.into())),
            "number" => Ok(Self::Number(key.into())),
            "menu" => Ok(Self::Menu(key.into())),
            "clip" => Ok(Self::Clip(key.into())),
            _ => Err(EXPECTED),
        }
    }
}

impl fmt::Display for Onward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Queue(key) => write!(f, "queue:{key}"),
            Self::User(key) => write!(f, "user:{key}"),
            Self::Group(key) => write!(f, "group:{key}"),
            Self::Number(number) => write!(f, "number:{number}"),
            Self::Menu(key) => write!(f, "menu:{key}"),
            Self::Clip(key) => write!(f, "clip:{key}"),
            Self::HangUp => f.write_str("hangup"),
        }
    }
}

impl TryFrom<String> for Onward {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Onward> for String {
    fn from(onward: Onward) -> Self {
        onward.to_string()
    }
}
