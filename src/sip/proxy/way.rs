//! The way back, written into our Record-Route: a proxy that keeps no dialogs finds in each request inside one where it
//! goes on (RFC 3261 16.12, RFC 5658; the idea of RFC 5626 5.2).
//!
//! Each of the two URIs that we add names the hop on its side, and which side that is. A request inside the dialog comes
//! with both; the last of them says where it leaves, the first where whoever sends it should be. What they say is sealed
//! together with the Call-ID, so that nobody makes one up; that the dialog lives, and who is in it, `dialogs` knows.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use hmac::{Hmac, Mac, digest::generic_array::GenericArray};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    base::FlowId,
    sip::{Path, Transport},
    wire::sip::{Message, Method, Name, NameAddr, Uri},
};

/// Bytes of a seal.
const SEAL: usize = 16;

/// Routes of one request that are looked at.
const ROUTES_MAX: usize = 32;

/// Set in the first byte of a way to the caller.
const TO_CALLER: u8 = 0x80;

const TRANSPORTS: [Transport; 5] = [Transport::Udp, Transport::Tcp, Transport::Tls, Transport::Ws, Transport::Wss];

/// What seals them.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WayKey([u8; 32]);

impl WayKey {
    pub(super) fn of_secret(secret: &[u8; 32]) -> Self {
        Self(Sha256::new_with_prefix(b"way").chain_update(secret).finalize().into())
    }

    pub(super) const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for WayKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WayKey")
    }
}

/// A side of a call that was let through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::sip) enum Side {
    Caller,
    Called,
}

impl Side {
    pub const fn other(self) -> Self {
        match self {
            Self::Caller => Self::Called,
            Self::Called => Self::Caller,
        }
    }
}

/// The hop on one side of us.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Way {
    pub to: Side,
    pub path: Path,
}

/// Where a request inside a dialog goes on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::sip) struct Onward {
    pub path: Path,
    pub to: Side,
    /// Where the other side is, as far as the request says so.
    pub back: Option<IpAddr>,
    /// Who is meant in the end: the Request-URI as it was before any strict router.
    pub target: String,
    pub uri: String,
    pub routes: Vec<String>,
}

/// The user part of a Record-Route of ours.
pub(super) fn token(key: &WayKey, call_id: &str, way: Way) -> String {
    let mut bytes = written(way);
    let seal = seal(key, call_id, &bytes);
    bytes.extend_from_slice(&seal.finalize().into_bytes()[..SEAL]);
    hex::encode(bytes)
}

/// The way that a token names, if it is ours and of that call.
fn read(key: &WayKey, call_id: &str, token: &str) -> Option<Way> {
    let bytes = hex::decode(token).ok()?;
    let (way, sealed) = bytes.split_at_checked(bytes.len().checked_sub(SEAL)?)?;
    seal(key, call_id, way).verify_truncated_left(sealed).ok()?;
    parsed(way)
}

fn seal(key: &WayKey, call_id: &str, way: &[u8]) -> Hmac<Sha256> {
    let mut block = [0; 64];
    block[..32].copy_from_slice(key.bytes());
    let mut seal = <Hmac<Sha256> as Mac>::new(&GenericArray::from(block));
    seal.update(&(call_id.len() as u64).to_be_bytes());
    seal.update(call_id.as_bytes());
    seal.update(way);
    seal
}

fn written(Way { to, path }: Way) -> Vec<u8> {
    let transport = TRANSPORTS.iter().position(|known| *known == path.transport).unwrap_or_default();
    let to = match to {
        Side::Caller => TO_CALLER,
        Side::Called => 0,
    };
    let mut bytes = vec![transport as u8 | to];
    for address in [path.local, path.remote] {
        match address.ip() {
            IpAddr::V4(ip) => {
                bytes.push(4);
                bytes.extend_from_slice(&ip.octets());
            }
            IpAddr::V6(ip) => {
                bytes.push(6);
                bytes.extend_from_slice(&ip.octets());
            }
        }
        bytes.extend_from_slice(&address.port().to_be_bytes());
    }
    if let Some(flow) = path.flow {
        bytes.extend_from_slice(&flow.0.to_be_bytes());
    }
    bytes
}

fn parsed(bytes: &[u8]) -> Option<Way> {
    let (first, rest) = bytes.split_first()?;
    let to = if first & TO_CALLER == 0 { Side::Called } else { Side::Caller };
    let transport = *TRANSPORTS.get(usize::from(first & !TO_CALLER))?;
    let (local, rest) = address(rest)?;
    let (remote, rest) = address(rest)?;
    let flow = match rest.len() {
        0 => None,
        _ => Some(FlowId(u64::from_be_bytes(rest.try_into().ok()?))),
    };
    Some(Way { to, path: Path { transport, local, remote, flow } })
}

fn address(bytes: &[u8]) -> Option<(SocketAddr, &[u8])> {
    let (kind, rest) = bytes.split_first()?;
    let (ip, rest): (IpAddr, &[u8]) = match kind {
        4 => rest.split_first_chunk::<4>().map(|(ip, rest)| (Ipv4Addr::from(*ip).into(), rest))?,
        6 => rest.split_first_chunk::<16>().map(|(ip, rest)| (Ipv6Addr::from(*ip).into(), rest))?,
        _ => return None,
    };
    let (port, rest) = rest.split_first_chunk::<2>()?;
    Some((SocketAddr::new(ip, u16::from_be_bytes(*port)), rest))
}

/// Where a request goes on that says to be inside a dialog that we let through; `None` for all others.
pub(super) fn onward(key: &WayKey, request: &Message) -> Option<Onward> {
    let call_id = request.call_id();
    let of_uri = |uri: &Uri<'_>| read(key, call_id, uri.user?);
    let of_route = |route: &str| of_uri(&NameAddr::parse(route).ok()?.uri);
    // Registrations are never let through, and a CANCEL finds its INVITE by itself.
    if matches!(request.method()?, Method::Register | Method::Cancel) || request.to_tag().is_none() {
        return None;
    }
    let mut routes: Vec<String> = request.list(Name::Route).take(ROUTES_MAX).map(str::to_owned).collect();
    let mut uri = request.uri_text()?.to_owned();
    let mut ways: Option<(Way, Way)> = None;
    let mut pass = |way: Way| ways = Some((ways.map_or(way, |(first, _)| first), way));
    // A strict router before us has put our URI in place of the target, which stands last (16.4).
    if let Some(ours) = request.request_uri().ok().and_then(|uri| of_uri(&uri)) {
        pass(ours);
        uri = NameAddr::parse(&routes.pop()?).ok()?.uri_text.to_owned();
    }
    while let Some(ours) = routes.first().and_then(|route| of_route(route)) {
        pass(ours);
        routes.remove(0);
    }
    let target = uri.clone();
    let is_strict = |route: &String| NameAddr::parse(route).is_ok_and(|route| !route.uri.params.has("lr"));
    if routes.first().is_some_and(is_strict) {
        let next = NameAddr::parse(&routes.remove(0)).ok()?.uri_text.to_owned();
        routes.push(format!("<{}>", std::mem::replace(&mut uri, next)));
    }
    let (first, last) = ways?;
    let back = (first.to != last.to).then(|| first.path.remote.ip());
    Some(Onward { path: last.path, to: last.to, back, target, uri, routes })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: WayKey = WayKey([7; 32]);

    fn path(remote: &str, flow: Option<FlowId>) -> Path {
        Path {
            transport: if flow.is_some() { Transport::Wss } else { Transport::Udp },
            local: "[2001:db8::1]:5061".parse().unwrap(),
            remote: remote.parse().unwrap(),
            flow,
        }
    }

    /// SW-02: a way is read as it was written, in its own call and under its own key alone.
    #[test]
    fn sw_02_a_way_is_sealed() {
        let far = path("[2001:db8::2]:7", Some(FlowId(u64::MAX)));
        for (to, path) in [(Side::Called, path("192.0.2.1:5060", None)), (Side::Caller, far)] {
            let way = Way { to, path };
            let token = token(&KEY, "call", way);
            assert_eq!(read(&KEY, "call", &token), Some(way));
            assert_eq!(read(&KEY, "another", &token), None);
            assert_eq!(read(&WayKey([8; 32]), "call", &token), None);
            for at in 0..token.len() {
                let digit = if token.as_bytes()[at] == b'0' { "1" } else { "0" };
                let forged = format!("{}{digit}{}", &token[..at], &token[at + 1..]);
                assert_eq!(read(&KEY, "call", &forged), None);
                assert_eq!(read(&KEY, "call", &token[..at]), None);
            }
        }
    }
}
