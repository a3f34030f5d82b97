//! A parsed message: the bytes and where its headers stand in them.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::fault::SyntaxError;
use super::method::Method;
use super::name::Name;
use super::name_addr::NameAddr;
use super::scan::{Line, Span};
use super::shape::{Address, Hop};
use super::text::{list, number, trim};
use super::uri::Uri;
use super::via::Via;

/// One request or response. A clone shares everything; what it hands out borrows from it.
///
/// Folded lines are flattened to one line each, so no header value holds a CR or LF.
#[derive(Clone)]
pub struct Message {
    pub(super) bytes: Bytes,
    pub(super) start: Start,
    /// That of the request, or of the CSeq in a response.
    pub(super) method: Method,
    pub(super) cseq: u32,
    pub(super) lines: Arc<[Line]>,
    pub(super) via: Hop,
    pub(super) from: Address,
    pub(super) to: Address,
    /// The first one.
    pub(super) contact: Option<Address>,
    /// The head of `bytes` is valid UTF-8 up to here, where the body starts.
    pub(super) head: usize,
}

#[derive(Clone, Copy)]
pub(super) enum Start {
    Request { uri: Span },
    Response { status: u16, reason: Span },
}

/// The CSeq header (RFC 3261 §20.16); the number is below 2^31.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CSeq {
    pub number: u32,
    pub method: Method,
}

impl Message {
    /// Start line to end of body.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    pub fn is_request(&self) -> bool {
        matches!(self.start, Start::Request { .. })
    }

    /// `None` for a response; see [`Message::cseq`] for the method it answers.
    pub fn method(&self) -> Option<&Method> {
        self.is_request().then_some(&self.method)
    }

    /// The Request-URI as written.
    pub fn uri_text(&self) -> Option<&str> {
        match self.start {
            Start::Request { uri } => Some(uri.of(self.head())),
            Start::Response { .. } => None,
        }
    }

    pub fn status(&self) -> Option<u16> {
        match self.start {
            Start::Request { .. } => None,
            Start::Response { status, .. } => Some(status),
        }
    }

    /// Empty for a request.
    pub fn reason_phrase(&self) -> &str {
        match self.start {
            Start::Request { .. } => "",
            Start::Response { reason, .. } => reason.of(self.head()),
        }
    }

    /// The first line of that name.
    pub fn header(&self, name: Name) -> Option<&str> {
        self.headers(name).next()
    }

    /// One value per line, in order.
    pub fn headers(&self, name: Name) -> impl Iterator<Item = &str> + Clone {
        let head = self.head();
        self.lines.iter().filter(move |line| line.name == name).map(move |line| line.value.of(head))
    }

    /// The elements of all lines of that name: a comma list, where each may hold several.
    pub fn list(&self, name: Name) -> impl Iterator<Item = &str> + Clone {
        self.headers(name).flat_map(list)
    }

    /// The first line of any name, known or not, in any case.
    pub fn other(&self, name: &str) -> Option<&str> {
        self.lines().find(|(label, _, _)| label.eq_ignore_ascii_case(name)).map(|(_, _, value)| value)
    }

    /// Every line in order: name as written, name, value.
    pub fn lines(&self) -> impl Iterator<Item = (&str, Name, &str)> {
        let head = self.head();
        self.lines.iter().map(move |line| (line.label.of(head), line.name, line.value.of(head)))
    }

    pub fn body(&self) -> &[u8] {
        self.bytes.get(self.head..).unwrap_or_default()
    }

    /// The body without copying it.
    pub fn body_bytes(&self) -> Bytes {
        self.bytes.slice(self.head.min(self.bytes.len())..)
    }

    /// Fails for a response.
    pub fn request_uri(&self) -> Result<Uri<'_>, SyntaxError> {
        Uri::parse(self.uri_text().ok_or(SyntaxError("no Request-URI"))?)
    }

    /// Every hop, the nearest first.
    pub fn vias(&self) -> impl Iterator<Item = Result<Via<'_>, SyntaxError>> {
        self.list(Name::Via).map(Via::parse)
    }

    pub fn top_via(&self) -> Result<Via<'_>, SyntaxError> {
        Ok(self.via.read(self.head()))
    }

    pub fn from(&self) -> Result<NameAddr<'_>, SyntaxError> {
        Ok(self.from.read(self.head()))
    }

    pub fn to(&self) -> Result<NameAddr<'_>, SyntaxError> {
        Ok(self.to.read(self.head()))
    }

    pub fn from_tag(&self) -> Option<&str> {
        self.from.params(self.head()).value("tag")
    }

    pub fn to_tag(&self) -> Option<&str> {
        self.to.params(self.head()).value("tag")
    }

    pub fn call_id(&self) -> &str {
        self.header(Name::CallId).unwrap_or_default()
    }

    pub fn cseq(&self) -> CSeq {
        CSeq { number: self.cseq, method: self.method.clone() }
    }

    /// Every contact that names an address; none for `*` (see [`Message::contact_is_star`]).
    pub fn contacts(&self) -> impl Iterator<Item = Result<NameAddr<'_>, SyntaxError>> {
        let first = self.contact.map(|contact| Ok(contact.read(self.head())));
        first.into_iter().chain(self.list(Name::Contact).skip(1).map(NameAddr::parse))
    }

    /// `Contact: *`: all bindings (RFC 3261 §10.2.2).
    pub fn contact_is_star(&self) -> bool {
        self.header(Name::Contact) == Some("*")
    }

    pub fn max_forwards(&self) -> Option<u8> {
        number(self.header(Name::MaxForwards)?, u8::MAX.into()).and_then(|hops| u8::try_from(hops).ok())
    }

    /// Seconds; more than fits counts as the most that fits, what is no number as absent.
    pub fn expires(&self) -> Option<u32> {
        let text = self.header(Name::Expires)?;
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| number(text, u32::MAX).unwrap_or(u32::MAX))
    }

    /// Type and subtype without parameters.
    pub fn content_type(&self) -> Option<&str> {
        self.header(Name::ContentType).map(|value| trim(value.split(';').next().unwrap_or_default()))
    }

    fn head(&self) -> &str {
        let head = self.bytes.get(..self.head).unwrap_or_default();
        // SAFETY: `parse` checked that the first `head` octets are UTF-8, and `Bytes` never changes under us.
        unsafe { std::str::from_utf8_unchecked(head) }
    }
}

/// The start line alone: the rest holds people's names and secrets.
impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status() {
            Some(status) => write!(f, "Message({status} to {} {})", self.cseq, self.method),
            None => write!(f, "Message({} {})", self.method, self.cseq),
        }
    }
}
