//! What the floor above hands in.

use std::{borrow::Cow, fmt, time::Duration};

use bytes::Bytes;

use super::{Abilities, AccountId, EndId, Path};
use crate::{
    base::Private,
    wire::sip::{Message, Method, Name},
};

/// Octets of a request that UDP carries without being cut up on the way (RFC 3261 18.1.1).
pub const DATAGRAM_SAFE: usize = 1_300;

/// One INVITE dialog usage (RFC 5057), from the first INVITE to the end of the call, ours or theirs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UsageId(pub(super) u64);

/// One request and its responses (RFC 3261 17).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransactionId(pub(super) u64);

/// What bytes must wait for before they leave, numbered by the floor above, which alone knows what it is; zero is nothing.
/// Whether they are patient stands in the last bit: with a field of its own every answer would be a word longer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Mark(u64);

impl Mark {
    /// Of bytes that promise it.
    pub const fn promise(number: u64) -> Self {
        Self(number << 1)
    }

    /// Of bytes that promise nothing: they wait without haste, and leave in the end even if it is never done.
    pub const fn patient(number: u64) -> Self {
        Self(number << 1 | 1)
    }

    pub const fn number(self) -> u64 {
        self.0 >> 1
    }

    pub const fn is_patient(self) -> bool {
        self.0 & 1 == 1
    }
}

impl fmt::Debug for UsageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "usage-{:x}", self.0)
    }
}

impl fmt::Debug for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "transaction-{:x}", self.0)
    }
}

/// Header lines in order: name, value. Control characters never reach the wire.
pub type Headers = Vec<(Cow<'static, str>, String)>;

/// A message body; opaque to this floor.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Body {
    pub content_type: Cow<'static, str>,
    pub bytes: Bytes,
}

impl Body {
    pub fn new(content_type: impl Into<Cow<'static, str>>, bytes: impl Into<Bytes>) -> Self {
        Self { content_type: content_type.into(), bytes: bytes.into() }
    }

    pub fn sdp(bytes: impl Into<Bytes>) -> Self {
        Self::new("application/sdp", bytes)
    }

    /// The body of a message, if it carries one. No bytes are copied.
    pub fn of(message: &Message) -> Option<Self> {
        if message.body().is_empty() {
            return None;
        }
        let content_type = match message.content_type() {
            Some(kind) if kind.eq_ignore_ascii_case("application/sdp") => Cow::Borrowed("application/sdp"),
            // With its parameters: a multipart can't be read without.
            Some(_) => Cow::Owned(message.header(Name::ContentType).unwrap_or_default().to_owned()),
            None => Cow::Borrowed("application/octet-stream"),
        };
        Some(Self { content_type, bytes: message.body_bytes() })
    }

    /// Whether it is a session description, whatever parameters follow the type.
    pub fn is_sdp(&self) -> bool {
        let kind = self.content_type.split(';').next().unwrap_or_default();
        kind.trim().eq_ignore_ascii_case("application/sdp")
    }
}

/// Who stands in From or To.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Party {
    /// Shown name, unquoted.
    pub display: Option<String>,
    pub uri: String,
}

impl Party {
    pub fn new(uri: impl Into<String>) -> Self {
        Self { display: None, uri: uri.into() }
    }

    pub fn named(display: impl Into<String>, uri: impl Into<String>) -> Self {
        Self { display: Some(display.into()), uri: uri.into() }
    }
}

/// What answers a peer's challenge.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Credentials {
    pub user: String,
    pub password: Private<String>,
    /// Only challenges of this realm are answered; `None` for whatever realm the account has.
    pub realm: Option<String>,
    /// Whose they are: only that peer's own servers are answered. `None`: whoever is asked, as a phone does.
    pub account: Option<AccountId>,
}

/// A call to place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Invite {
    pub path: Path,
    /// Request-URI.
    pub uri: String,
    pub from: Party,
    pub to: Party,
    /// User part of our Contact; may be empty.
    pub contact_user: String,
    /// Made by the stack when `None`.
    pub call_id: Option<String>,
    /// Route header values, nearest first.
    pub route_set: Vec<String>,
    pub headers: Headers,
    /// The offer; `None` asks the peer for one.
    pub body: Option<Body>,
    pub credentials: Option<Credentials>,
    pub max_forwards: u8,
    /// What is offered to the peer and asked of it.
    pub abilities: Abilities,
    /// Over UDP, take TCP when it is longer than fits a datagram safely (RFC 3261 18.1.1), and UDP after all when that is
    /// refused. Not for registered devices: they are reached the way they came.
    pub large_by_tcp: bool,
    /// What is too long for that.
    pub datagram_max: usize,
    /// A device whose connection ends while it is rung is waited for so long; `None`: it is given up at once.
    pub comeback_time: Option<Duration>,
    /// The end of the conversation that it is made for (Session-ID); unknown: the header is left out.
    pub speaks_for: EndId,
}

impl Invite {
    pub fn new(path: Path, uri: impl Into<String>, from: Party, to: Party) -> Self {
        Self {
            path,
            uri: uri.into(),
            from,
            to,
            contact_user: String::new(),
            call_id: None,
            route_set: Vec::new(),
            headers: Vec::new(),
            body: None,
            credentials: None,
            max_forwards: 70,
            abilities: Abilities::default(),
            large_by_tcp: false,
            datagram_max: DATAGRAM_SAFE,
            comeback_time: None,
            speaks_for: EndId::default(),
        }
    }
}

/// An answer to a peer's request. Via, From, To, Call-ID, CSeq, Record-Route, Contact and Content-Length are the
/// stack's affair.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reply {
    pub status: u16,
    /// The usual phrase when `None`.
    pub reason: Option<Cow<'static, str>>,
    pub headers: Headers,
    pub body: Option<Body>,
    /// Send once and forget the request (RFC 3261 8.2.7): for strangers, so that a forged request costs no memory and
    /// its answer is never repeated. Always so for 401 and 407.
    pub once: bool,
    /// Neither this answer nor a repetition of it leaves before that.
    pub after: Mark,
}

/// The answer to a peer's INVITE.
pub type Respond = Reply;

impl Reply {
    pub fn new(status: u16) -> Self {
        Self { status, reason: None, headers: Vec::new(), body: None, once: false, after: Mark::default() }
    }

    pub fn reason(mut self, phrase: impl Into<Cow<'static, str>>) -> Self {
        self.reason = Some(phrase.into());
        self
    }

    pub fn header(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub fn body(mut self, body: Body) -> Self {
        self.body = Some(body);
        self
    }

    pub fn after(mut self, mark: Mark) -> Self {
        self.after = mark;
        self
    }

    pub fn once(mut self) -> Self {
        self.once = true;
        self
    }
}

/// A request other than INVITE, ACK, BYE, CANCEL and UPDATE to send.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    pub method: Method,
    pub target: Target,
    pub headers: Headers,
    pub body: Option<Body>,
    pub credentials: Option<Credentials>,
}

/// To whom a [`Request`] goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Target {
    /// Inside the dialog of a call.
    Usage(UsageId),
    /// Outside any dialog.
    Outside(Box<Outside>),
}

/// Addressing of a request outside any dialog.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outside {
    pub path: Path,
    pub uri: String,
    pub from: Party,
    pub to: Party,
    pub route_set: Vec<String>,
    /// Call-ID and CSeq of a running sequence (REGISTER); new ones when `None`.
    pub sequence: Option<(String, u32)>,
    pub max_forwards: u8,
    /// Octets beyond which it takes TCP in place of UDP, and UDP after all when that is refused. `None` for registered
    /// devices, which are reached the way they came.
    pub datagram_max: Option<usize>,
}

impl Request {
    /// Outside any dialog.
    pub fn outside(method: Method, path: Path, uri: impl Into<String>, from: Party, to: Party) -> Self {
        let outside = Outside {
            path,
            uri: uri.into(),
            from,
            to,
            route_set: Vec::new(),
            sequence: None,
            max_forwards: 70,
            datagram_max: None,
        };
        Self { method, target: Target::Outside(Box::new(outside)), headers: Vec::new(), body: None, credentials: None }
    }

    /// Inside the dialog of a call.
    pub fn inside(method: Method, usage: UsageId) -> Self {
        Self { method, target: Target::Usage(usage), headers: Vec::new(), body: None, credentials: None }
    }
}
