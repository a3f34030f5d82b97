//! Session descriptions (RFC 8866) as offers and answers carry them (RFC 3264).
//!
//! What a call needs is typed; every other line is kept in its order and written back as it came. Lines that contradict
//! the grammar where we read it make the whole description invalid; what we do not read is not judged.

mod media;
mod parse;
mod session;

#[cfg(test)]
mod tests;

pub use media::{Direction, Format, Kind, Media};
pub use session::{Origin, SdpError, Session};

/// Media lines of one description. A call has one or two; each costs a line in the answer.
pub const MEDIA_MAX: usize = 16;

/// Formats looked at in one media line; those behind are not ours to choose.
pub const FORMATS_MAX: usize = 64;

/// Lines of one description. Browsers' offers with all their candidates stay below half of it.
pub const LINES_MAX: usize = 1_024;
