//! Values that must not leak into logs.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Wraps people's numbers and names, and secrets. Its `Debug` and `Display` keep the first five and last two
/// characters of long values and none of short ones: `+3519•••••21`. The value itself is asked for by name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Private<T>(T);

impl<T> Private<T> {
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself: for the wire and the database, never for a log.
    pub const fn reveal(&self) -> &T {
        &self.0
    }

    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T: AsRef<str>> fmt::Display for Private<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.as_ref();
        let count = text.chars().count();
        if count < 10 {
            return f.write_str("•••");
        }
        let head: String = text.chars().take(5).collect();
        let tail: String = text.chars().skip(count - 2).collect();
        write!(f, "{head}{}{tail}", "•".repeat((count - 7).min(8)))
    }
}

impl<T: AsRef<str>> fmt::Debug for Private<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_shows_its_ends_only() {
        assert_eq!(Private::new("+351912345621").to_string(), "+3519••••••21");
        assert_eq!(format!("{:?}", Private::new("secret")), "•••");
    }
}
