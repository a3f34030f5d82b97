//! How a browser's leg comes about: ICE finds the way, DTLS brings the keys. What offer and answer say of both.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::Port;
use crate::base::Private;

/// Addresses of the peer that are tried; a browser on a laptop names some ten, most of them useless.
pub const CANDIDATES_MAX: usize = 16;

/// What offer and answer have settled for a browser's leg. Whoever changes `ours` and `theirs` restarts ICE (RFC 8445 9);
/// another fingerprint is another peer, and a new handshake.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Link {
    pub ours: Credentials,
    pub theirs: Credentials,
    /// Where the peer says that it may be reached. Empty is enough: it will call.
    pub candidates: SmallVec<[SocketAddr; 4]>,
    pub fingerprint: Fingerprint,
    pub handshake: Handshake,
    pub side: Side,
}

/// User fragment and password of one side (RFC 8445 5.3).
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    pub fragment: Box<str>,
    pub password: Private<Box<str>>,
}

/// SHA-256 of a certificate (RFC 8122 5). No browser sends another.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Fingerprint(pub [u8; 32]);

/// Who begins the DTLS handshake (RFC 5763 5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Handshake {
    /// We do: `a=setup:active`.
    Begin,
    /// The peer does: `a=setup:passive`.
    Await,
}

/// Our part in ICE.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// We only answer checks; the peer chooses (RFC 8445 2.5). Enough for who has a public address.
    Lite,
    /// We check too, and choose.
    Controlling,
    /// We check too; the peer chooses.
    Controlled,
}

/// What the plane has for browsers' legs: told to the engine once, before the first call.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Doors {
    /// Of the one certificate that all legs show.
    pub fingerprint: Fingerprint,
    /// A port each for so many legs; many share a socket, so none needs rest.
    pub ports: Vec<Port>,
    /// Further addresses, by worker, that its socket is reached at.
    pub others: Vec<Vec<SocketAddr>>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credentials({})", self.fragment)
    }
}

impl std::fmt::Display for Fingerprint {
    /// `AB:CD:…`, as `a=fingerprint` writes it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().enumerate().try_for_each(|(at, octet)| write!(f, "{}{octet:02X}", if at > 0 { ":" } else { "" }))
    }
}

impl Fingerprint {
    /// `AB:CD:…`, in either case.
    pub fn parse(text: &str) -> Option<Self> {
        let mut octets = [0; 32];
        let mut words = text.trim().split(':');
        for octet in &mut octets {
            let word = words.next().filter(|word| word.len() == 2)?;
            *octet = u8::from_str_radix(word, 16).ok()?;
        }
        words.next().is_none().then_some(Self(octets))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_as_it_is_written() {
        let print = Fingerprint(std::array::from_fn(|at| at as u8 * 7));
        assert_eq!(Fingerprint::parse(&print.to_string()), Some(print));
        assert_eq!(Fingerprint::parse(&print.to_string().to_lowercase()), Some(print));
        for broken in ["", "00", &format!("{print}:00"), &print.to_string().replace(':', ""), &"+1:".repeat(32)] {
            assert_eq!(Fingerprint::parse(broken), None, "{broken}");
        }
    }
}
