//! Which of an agent's devices rings for a queue (QM-10).

use std::fmt;

use serde::{Deserialize, Serialize};

/// Characters of a phone's name; what phones call themselves is shorter.
pub const DEVICE_NAME_MAX: usize = 128;

/// A device of an agent's, as people name it. Which one it is just now, whoever rings it knows.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum DeviceChoice {
    /// The one that he used last; where that can't be reached, any other.
    #[default]
    LastActive,
    /// All of them at once.
    All,
    /// His page.
    Web,
    /// His registered phones.
    Phone,
    /// The registered phone of that name: the beginning of what it calls itself (its User-Agent), or the whole of what
    /// it is known by (its instance).
    Named(Box<str>),
}

impl DeviceChoice {
    /// It rings at this device and no other: while that can't be reached, the agent can't be asked.
    pub const fn is_pinned(&self) -> bool {
        match self {
            Self::LastActive | Self::All => false,
            Self::Web | Self::Phone | Self::Named(_) => true,
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LastActive => f.write_str("last_active"),
            Self::All => f.write_str("all"),
            Self::Web => f.write_str("web"),
            Self::Phone => f.write_str("phone"),
            Self::Named(name) => write!(f, "phone:{name}"),
        }
    }
}

impl From<DeviceChoice> for String {
    fn from(choice: DeviceChoice) -> Self {
        choice.to_string()
    }
}

impl TryFrom<String> for DeviceChoice {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match (text.as_str(), text.strip_prefix("phone:")) {
            ("last_active", _) => Ok(Self::LastActive),
            ("all", _) => Ok(Self::All),
            ("web", _) => Ok(Self::Web),
            ("phone", _) => Ok(Self::Phone),
            (_, Some(name)) if (1..=DEVICE_NAME_MAX).contains(&name.trim().len()) => {
                Ok(Self::Named(name.trim().into()))
            }
            (_, Some(_)) => Err(format!("a device \"phone:NAME\" has a name of 1 to {DEVICE_NAME_MAX} characters")),
            (_, None) => Err(format!(
                "there is no device \"{text}\": expected \"last_active\", \"all\", \"web\", \"phone\" or \"phone:NAME\""
            )),
        }
    }
}
