//! What the switch stands on: its sockets as peers see them, and its patience.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::{
    base::Cidr,
    sip::{Path, Transport},
};

/// One SIP socket as peers see it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Listener {
    pub transport: Transport,
    pub local: SocketAddr,
    /// Host and port for Via and Contact when they differ from `local` (NAT, a name in a certificate).
    pub advertised: Option<(String, u16)>,
    /// The address in our SDP for calls over this listener; `None`: the media port's own.
    pub media_address: Option<IpAddr>,
    /// Networks whose peers reach `local` and the media ports as they are: they are told neither of the two above.
    #[serde(default)]
    pub inside: Vec<Cidr>,
}

impl Listener {
    /// Whether a path leaves from here.
    pub fn carries(&self, path: &Path) -> bool {
        self.transport == path.transport && self.local == path.local
    }

    fn is_inside(&self, peer: IpAddr) -> bool {
        self.inside.iter().any(|network| network.contains(peer))
    }

    /// Host and port that this peer uses.
    pub fn authority(&self, peer: IpAddr) -> (String, u16) {
        let told = self.advertised.clone().filter(|_| !self.is_inside(peer));
        told.unwrap_or_else(|| (self.local.ip().to_string(), self.local.port()))
    }

    /// What this peer is told in place of the media port's own address.
    pub fn media_address(&self, peer: IpAddr) -> Option<IpAddr> {
        self.media_address.filter(|_| !self.is_inside(peer))
    }
}

/// What the switch is told once.
#[derive(Clone, Debug)]
pub struct SwitchSettings {
    pub listeners: Vec<Listener>,
    pub times: Times,
    /// Who is called over TLS or secure WebSocket is offered secure sound, and nothing else.
    pub secures_tls: bool,
    /// Calls at once; the next is refused with 503.
    pub calls_max: usize,
}

/// Deadlines of calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Times {
    /// How long a device or trunk is rung when nothing else says.
    pub ring_time: Duration,
    /// A device that gives no response at all for so long is taken for dead.
    pub device_dead_time: Duration,
    /// The same for a trunk, which may sit behind a slow network.
    pub trunk_dead_time: Duration,
    /// No RTP and no RTCP on a bridged leg for so long ends the call.
    pub silence_bridged: Duration,
    /// The same for a leg that waits or is held.
    pub silence_waiting: Duration,
    /// A browser whose page is gone is heard no more for so long: it does not come back.
    pub page_grace: Duration,
    /// So long nothing is heard of a leg whose page is away, and whoever talked to it hears music.
    pub page_silent: Duration,
    /// No call lasts longer.
    pub call_time_max: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            ring_time: Duration::from_secs(60),
            device_dead_time: Duration::from_secs(3),
            trunk_dead_time: Duration::from_secs(6),
            silence_bridged: Duration::from_secs(60),
            silence_waiting: Duration::from_secs(30 * 60),
            page_grace: Duration::from_secs(30),
            page_silent: Duration::from_secs(2),
            call_time_max: Duration::from_secs(24 * 60 * 60),
        }
    }
}

/// Host and port as a URI writes them: an IPv6 address in brackets.
pub fn authority(host: &str, port: u16) -> String {
    if host.contains(':') && !host.starts_with('[') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// A user part as a SIP URI writes it (RFC 3261 25.1): what is not allowed there is escaped.
pub fn escape_user(user: &str) -> std::borrow::Cow<'_, str> {
    let plain = |byte: u8| {
        byte.is_ascii_alphanumeric()
            || matches!(
                byte,
                b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'\'' | b'(' | b')' | b'&' | b'=' | b'+' | b'$' | b',' | b'/'
            )
    };
    if user.bytes().all(plain) {
        return user.into();
    }
    let mut text = String::with_capacity(user.len() + 8);
    for byte in user.bytes() {
        if plain(byte) {
            text.push(char::from(byte));
        } else {
            text.push('%');
            text.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('0').to_ascii_uppercase());
            text.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0').to_ascii_uppercase());
        }
    }
    text.into()
}
