//! How requests find their server transaction (RFC 3261 17.2.3) and responses their client transaction (17.1.3).

use std::{
    fmt,
    hash::{BuildHasher, Hasher},
};

use crate::{
    sip::TransactionId,
    wire::sip::{Host, Message, Method, is_rfc3261},
};

/// Every branch that follows RFC 3261 begins with it.
const COOKIE: &str = "z9hG4bK";

/// Our branch: the cookie, 64 unguessable bits, and the place where the transaction lies, so that no map is needed.
#[derive(Clone, Copy)]
pub(in crate::sip) struct Branch {
    pub token: u64,
    pub place: u32,
}

impl Branch {
    pub fn new(token: u64, id: TransactionId) -> Self {
        Self { token, place: (id.0 & 0xffff_ffff) as u32 }
    }

    pub fn parse(text: &str) -> Option<Self> {
        let hex = text.strip_prefix(COOKIE)?;
        let token = u64::from_str_radix(hex.get(..16)?, 16).ok()?;
        // What the request was like may follow, where it was only forwarded.
        let place = hex.get(16..)?.split('.').next()?;
        let place = u32::from_str_radix(place, 16).ok()?;
        Some(Self { token, place })
    }
}

impl fmt::Display for Branch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{COOKIE}{:016x}{:x}", self.token, self.place)
    }
}

/// What names a request among those we answer: 128 keyed bits of its naming parts, so that a peer can neither foresee
/// nor repeat another's, and a request that waits costs no text.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(in crate::sip) struct Key(u64, u64);

/// Two hashes with keys of their own over the same parts.
struct Parts<H>(H, H);

impl<H: Hasher> Parts<H> {
    fn text(&mut self, text: &str) -> &mut Self {
        // The end of each part is marked: no octet of UTF-8 is 0xFF.
        for hasher in [&mut self.0, &mut self.1] {
            hasher.write(text.as_bytes());
            hasher.write_u8(0xff);
        }
        self
    }

    fn number(&mut self, number: u32) -> &mut Self {
        self.0.write_u32(number);
        self.1.write_u32(number);
        self
    }

    fn host(&mut self, host: &Host<'_>) -> &mut Self {
        match host {
            Host::V4(v4) => self.number(u32::from(*v4)),
            Host::V6(v6) => v6.octets().chunks(4).fold(self, |parts, chunk| {
                parts.number(chunk.iter().fold(0, |word, octet| (word << 8) | u32::from(*octet)))
            }),
            Host::Name(name) => self.text(name),
        }
    }

    fn key(&self) -> Key {
        Key(self.0.finish(), self.1.finish())
    }
}

/// The key of a request (17.2.3); `None` when its Via can't be read. `as_invite` looks for the INVITE that an ACK or
/// CANCEL means.
pub(in crate::sip) fn server_key<S: BuildHasher>(keys: [&S; 2], request: &Message, as_invite: bool) -> Option<Key> {
    let via = request.top_via().ok()?;
    let method = if as_invite { "INVITE" } else { request.method().map(Method::as_str).unwrap_or_default() };
    let mut parts = Parts(keys[0].build_hasher(), keys[1].build_hasher());
    let branch = via.branch().unwrap_or_default();
    parts.text(method).text(branch).host(&via.host).number(via.port.unwrap_or(0).into());
    if !is_rfc3261(branch) {
        // A branch of RFC 2543 may stand for many requests; these parts tell them apart.
        parts.text(request.call_id()).text(request.from_tag().unwrap_or_default()).number(request.cseq().number);
    }
    Some(parts.key())
}

/// What is the same in all copies of an INVITE that was forked on its way to us (8.2.2.2).
pub(in crate::sip) fn merge_key<S: BuildHasher>(keys: [&S; 2], request: &Message) -> Key {
    let mut parts = Parts(keys[0].build_hasher(), keys[1].build_hasher());
    parts.text(request.call_id()).text(request.from_tag().unwrap_or_default()).number(request.cseq().number).key()
}
