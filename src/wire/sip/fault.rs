use std::fmt;

/// A value that does not follow the grammar of its header; the text says what is wrong and holds nothing of the peer's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SyntaxError(pub &'static str);

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for SyntaxError {}
