//! SIP messages (RFC 3261 §7 and §25): read in one pass into header ranges, typed on demand, written once.
//!
//! [`Message::parse`] decides whether a message may be processed at all: start line, framing, the headers that every
//! transaction needs. What parses but an application must refuse (an unknown method, scheme, extension or body) is
//! accepted here and refused above.

mod fault;
mod framer;
mod malformed;
mod message;
mod method;
mod name;
mod name_addr;
mod params;
mod parse;
mod replaces;
mod scan;
mod shape;
mod status;
mod text;
mod uri;
mod via;
mod writer;

#[cfg(test)]
mod tests;

pub use fault::SyntaxError;
pub use framer::{Frame, FrameError, Framer, is_keep_alive};
pub use malformed::Malformed;
pub use message::{CSeq, Message};
pub use method::Method;
pub use name::Name;
pub use name_addr::NameAddr;
pub use params::Params;
pub use replaces::Replaces;
pub use status::reason_phrase;
pub use text::{List, list, quoted, unquoted};
pub use uri::{Host, Uri};
pub use via::{Via, is_rfc3261, response_address, returned_via};
pub use writer::Writer;

/// Octets of one message, start line to end of body. A UDP datagram can't be longer, and no call needs more.
pub const MESSAGE_MAX: usize = 65_536;

/// Octets of one header line with its folds, and of the start line. Identity headers are the longest seen (about 2 KB).
pub const HEADER_LINE_MAX: usize = 8_192;

/// Header lines of one message. Sixty Vias and as many Record-Routes still fit.
pub const HEADERS_MAX: usize = 256;

/// Header lines of one kind. Max-Forwards stops an honest message at 70 hops.
pub const SAME_HEADER_MAX: usize = 100;
