//! What can be dialled, by whom, and where it leads.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::base::{ClipId, GroupId, MenuId, Number, QueueId, TrunkGroupId, TrunkId, UserId};

/// From a dialled user part to what is rung. The most specific matching route wins: exact before pattern, longer
/// pattern before shorter, earlier before later. Users, groups and their extensions are reached by name without one.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Route {
    pub pattern: Pattern,
    /// Who may use it.
    pub from: Side,
    /// Leading characters taken off before the rest goes to a trunk.
    pub strip: u8,
    /// What a trunk gets in front of the rest.
    pub prepend: String,
    pub destination: Destination,
    /// The number shown to a trunk for calls that leave this way; it comes before every other rule.
    #[serde(default)]
    pub caller_id: Option<Number>,
    #[serde(default)]
    pub mode: Mode,
}

impl Route {
    /// For anyone, with the number as it was dialled.
    pub fn new(pattern: Pattern, destination: Destination) -> Self {
        Self {
            pattern,
            from: Side::Anyone,
            strip: 0,
            prepend: String::new(),
            destination,
            caller_id: None,
            mode: Mode::Call,
        }
    }
}

/// What becomes of an INVITE that a route leads on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// It is taken on, and a call of our own goes on.
    #[default]
    Call,
    /// It is forwarded as it is (RFC 3261 16).
    Proxy,
}

/// The side a call comes from.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Users and every trunk. Never enough to reach a trunk from a trunk: that takes `Trunk`.
    Anyone,
    Users,
    Trunks,
    /// This trunk alone.
    Trunk(TrunkId),
}

/// Where a route leads.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Destination {
    User(UserId),
    Group(GroupId),
    Trunk(TrunkId),
    Trunks(TrunkGroupId),
    Queue(QueueId),
    /// Answer, play once, hang up.
    Clip(ClipId),
    /// Answer, ask for keys, lead on.
    Menu(MenuId),
}

/// Literal characters, `X` for one digit, and a trailing `*` for any rest. `+3512XXXXXXXX`, `9*`, `800`.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern(Box<str>);

/// Characters in a pattern: as long as what can be dialled.
pub const PATTERN_MAX: usize = crate::base::DIALLED_MAX;

impl Pattern {
    pub fn new(text: &str) -> Option<Self> {
        let head = text.strip_suffix('*').unwrap_or(text);
        let fits = (1..=PATTERN_MAX).contains(&text.len());
        let clean = head.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'.' | b'_' | b'-' | b'#'));
        (fits && clean).then(|| Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Matches exactly one dialled string.
    pub fn is_exact(&self) -> bool {
        !self.0.contains(['X', '*'])
    }

    pub fn matches(&self, dialled: &str) -> bool {
        let (head, open) = match self.0.strip_suffix('*') {
            Some(head) => (head, true),
            None => (&*self.0, false),
        };
        let long_enough = if open { dialled.len() >= head.len() } else { dialled.len() == head.len() };
        long_enough
            && head.bytes().zip(dialled.bytes()).all(|(want, got)| match want {
                b'X' => got.is_ascii_digit(),
                literal => literal == got,
            })
    }
}

impl TryFrom<String> for Pattern {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(&text).ok_or("expected letters, digits, + . _ - #, X for a digit and a trailing * for any rest")
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.0.into()
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_digits_and_rests() {
        let pattern = |text: &str| Pattern::new(text).unwrap();
        assert!(pattern("+3512XXXXXXXX").matches("+351212345678"));
        assert!(!pattern("+3512XXXXXXXX").matches("+35121234567a"));
        assert!(pattern("9*").matches("9") && pattern("9*").matches("9000"));
        assert!(pattern("800").is_exact() && !pattern("800").matches("8000"));
        assert!(Pattern::new("a b").is_none() && Pattern::new("").is_none());
    }
}
