//! Browsers' descriptions: ICE (RFC 8839), DTLS (RFC 8842), one port for everything (RFC 5761, 9143).

use std::{fmt::Write, net::SocketAddr};

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use sha2::{Digest, Sha256};
use smallvec::SmallVec;

use crate::{
    base::Private,
    media::link::{CANDIDATES_MAX, Credentials, Fingerprint, Handshake, Link, Side},
    wire::{
        sdp::{Media, Session},
        stun::FRAGMENT_MAX,
    },
};

/// The profile of browsers, and of nobody else.
pub const PROTO: &str = "UDP/TLS/RTP/SAVPF";

/// Passwords are 22 to 256 characters (RFC 8445 5.3).
const PASSWORD: std::ops::RangeInclusive<usize> = 22..=256;

/// What a browser says of itself.
#[derive(Clone, PartialEq, Debug)]
pub struct Browser {
    credentials: Credentials,
    fingerprint: Fingerprint,
    setup: Setup,
    candidates: SmallVec<[SocketAddr; 4]>,
    is_lite: bool,
    mid: Option<Box<str>>,
    bundles: bool,
}

/// `a=setup` (RFC 4145 4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Setup {
    Active,
    Passive,
    Either,
}

/// Our side of a browser's leg, before anything is settled.
#[derive(Clone)]
pub struct Door {
    /// Fragments and passwords grow out of it.
    pub secret: Private<[u8; 32]>,
    pub fingerprint: Fingerprint,
    /// Where we are reached, best first.
    pub addresses: SmallVec<[SocketAddr; 2]>,
}

/// What we say in a description.
pub struct Ours<'a> {
    pub credentials: &'a Credentials,
    /// `None`: the peer may choose.
    pub handshake: Option<Handshake>,
    pub mid: &'a str,
    pub bundles: bool,
    pub is_lite: bool,
}

impl Browser {
    /// `None` when anything is missing that a secure leg needs.
    pub fn of(session: &Session, media: &Media) -> Option<Self> {
        let find = |name: &str| attribute(&media.lines, name).or_else(|| attribute(&session.lines, name));
        let all = media.lines.iter().chain(&session.lines);
        let fingerprint = all.filter_map(|line| line.strip_prefix("a=fingerprint:")).find_map(|value| {
            let (hash, print) = value.trim().split_once(' ')?;
            Fingerprint::parse(print).filter(|_| hash.eq_ignore_ascii_case("sha-256"))
        })?;
        let (fragment, password) = (find("ice-ufrag")?, find("ice-pwd")?);
        let is_sound =
            |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'));
        let fits = (4..=FRAGMENT_MAX).contains(&fragment.len()) && PASSWORD.contains(&password.len());
        if !media.rtcp_mux || !fits || !is_sound(fragment) || !is_sound(password) {
            return None;
        }
        let setup = match find("setup").unwrap_or("actpass") {
            "active" => Setup::Active,
            "passive" => Setup::Passive,
            "actpass" => Setup::Either,
            _ => return None,
        };
        let mid = attribute(&media.lines, "mid").filter(|mid| mid.len() <= 64).map(Into::into);
        Some(Self {
            credentials: Credentials { fragment: fragment.into(), password: Private::new(password.into()) },
            fingerprint,
            setup,
            candidates: media.lines.iter().filter_map(|line| candidate(line)).take(CANDIDATES_MAX).collect(),
            is_lite: session.lines.iter().any(|line| line == "a=ice-lite"),
            bundles: session.lines.iter().any(|line| line.starts_with("a=group:BUNDLE")),
            mid,
        })
    }

    /// The link that comes of its offer, or of its answer to `asked`, beside the one that there is.
    pub fn link(&self, door: &Door, before: Option<&Link>, asked: bool) -> Option<Link> {
        let same_peer = before.filter(|before| before.fingerprint == self.fingerprint);
        let ours = match before {
            None => door.credentials(None),
            Some(before) if asked || before.theirs == self.credentials => before.ours.clone(),
            // It starts ICE anew, and so must we (RFC 8839 4.4.3).
            Some(before) => door.credentials(Some(&before.ours)),
        };
        let handshake = match (self.setup, same_peer) {
            (Setup::Active, _) => Handshake::Await,
            (Setup::Passive, _) => Handshake::Begin,
            (Setup::Either, _) if asked => return None,
            (Setup::Either, Some(before)) => before.handshake,
            (Setup::Either, None) => Handshake::Await,
        };
        // Whoever meets one that only answers has to ask (RFC 8445 6.1.1).
        let side = if self.is_lite { Side::Controlling } else { Side::Lite };
        Some(Link {
            ours,
            theirs: self.credentials.clone(),
            candidates: self.candidates.clone(),
            fingerprint: self.fingerprint,
            handshake,
            side,
        })
    }

    pub fn mid(&self) -> &str {
        self.mid.as_deref().unwrap_or_default()
    }

    pub const fn bundles(&self) -> bool {
        self.bundles
    }
}

impl Door {
    /// New ones, or those after `before`.
    pub fn credentials(&self, before: Option<&Credentials>) -> Credentials {
        let mut hash = Sha256::new();
        hash.update(self.secret.reveal());
        hash.update(before.map_or("", |before| &before.fragment));
        let text = STANDARD_NO_PAD.encode(hash.finalize());
        // 43 characters: 48 bits to be told apart by, 192 to be believed by.
        let (fragment, rest) = text.split_at(8);
        let password = rest.get(..32).unwrap_or(rest);
        Credentials { fragment: fragment.into(), password: Private::new(password.into()) }
    }

    /// What stands above the media line.
    pub fn head(&self, text: &mut String, ours: &Ours<'_>) {
        if ours.bundles && !ours.mid.is_empty() {
            let _ = write!(text, "a=group:BUNDLE {}\r\n", ours.mid);
        }
        text.push_str("a=msid-semantic:WMS *\r\n");
        if ours.is_lite {
            text.push_str("a=ice-lite\r\n");
        }
    }

    /// What stands below it.
    pub fn lines(&self, text: &mut String, ours: &Ours<'_>) {
        let setup = match ours.handshake {
            None => "actpass",
            Some(Handshake::Begin) => "active",
            Some(Handshake::Await) => "passive",
        };
        if !ours.mid.is_empty() {
            let _ = write!(text, "a=mid:{}\r\n", ours.mid);
        }
        let Credentials { fragment, password } = ours.credentials;
        let _ = write!(
            text,
            "a=rtcp-mux\r\na=msid:strowger audio\r\na=ice-ufrag:{fragment}\r\na=ice-pwd:{}\r\n\
             a=fingerprint:sha-256 {}\r\na=setup:{setup}\r\n",
            password.reveal(),
            self.fingerprint,
        );
        for (at, address) in self.addresses.iter().enumerate() {
            // Type preference 126 of a host candidate, one component (RFC 8445 5.1.2.1).
            let priority = 126_u32 << 24 | (65_535 - at as u32) << 8 | 255;
            let _ = write!(
                text,
                "a=candidate:{} 1 udp {priority} {} {} typ host\r\n",
                at + 1,
                address.ip(),
                address.port()
            );
        }
        text.push_str("a=end-of-candidates\r\n");
    }
}

/// Whether a media line is a browser's.
pub fn is_browsers(media: &Media) -> bool {
    media.proto.to_ascii_uppercase().starts_with("UDP/TLS/RTP/SAVP")
}

/// `a=candidate:1 1 udp 2122260223 192.0.2.1 54321 typ host …`; names (mDNS) and TCP are left: the peer's checks show
/// where it is.
fn candidate(line: &str) -> Option<SocketAddr> {
    let mut words = line.strip_prefix("a=candidate:")?.split_ascii_whitespace();
    let (_, component, transport, _) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let address = SocketAddr::new(words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let is_usable = component == "1" && transport.eq_ignore_ascii_case("udp");
    (is_usable && address.port() != 0 && !address.ip().is_unspecified()).then_some(address)
}

fn attribute<'a>(lines: &'a [String], name: &str) -> Option<&'a str> {
    lines.iter().find_map(|line| Some(line.strip_prefix("a=")?.strip_prefix(name)?.strip_prefix(':')?.trim()))
}
