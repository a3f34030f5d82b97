//! How requests find their server transaction (RFC 3261 17.2.3) and responses their client transaction (17.1.3).

use std::fmt::{self, Write};

use crate::{
    sip::TransactionId,
    wire::sip::{Message, Method},
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
        let place = u32::from_str_radix(hex.get(16..)?, 16).ok()?;
        Some(Self { token, place })
    }
}

impl fmt::Display for Branch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{COOKIE}{:016x}{:x}", self.token, self.place)
    }
}

/// Writes the key of a request into `key`; `false` when its Via can't be read. `as_invite` looks for the INVITE that an
/// ACK or CANCEL means.
pub(in crate::sip) fn server_key(key: &mut String, request: &Message, as_invite: bool) -> bool {
    key.clear();
    let Ok(via) = request.top_via() else { return false };
    let method = if as_invite { "INVITE" } else { request.method().map(Method::as_str).unwrap_or_default() };
    // Writing to a String can't fail.
    let _ = match via.branch() {
        Some(branch) if via.is_rfc3261() => {
            write!(key, "{branch} {} {} {method}", via.host, via.port.unwrap_or_default())
        }
        branch => write!(
            key,
            "{} {} {} {} {} {} {method}",
            branch.unwrap_or_default(),
            via.host,
            via.port.unwrap_or_default(),
            request.call_id(),
            request.from_tag().unwrap_or_default(),
            request.cseq().number,
        ),
    };
    true
}

/// Writes what is the same in all copies of an INVITE that was forked on its way to us.
pub(in crate::sip) fn merge_key(key: &mut String, request: &Message) {
    key.clear();
    let _ = write!(key, "{} {} {}", request.call_id(), request.from_tag().unwrap_or_default(), request.cseq().number);
}
