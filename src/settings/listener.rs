//! `[sip] listen`: where SIP is listened for.

use std::{fmt, net::SocketAddr, str::FromStr};

use super::{fault::At, read::Section};

/// Listeners of one switch. Each costs a socket in every turn of the loop.
pub const LISTENERS_MAX: usize = 16;

/// `udp:127.0.0.1:5060`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Listener {
    pub kind: ListenerKind,
    pub address: SocketAddr,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ListenerKind {
    Udp,
    Tcp,
    Tls,
    Ws,
    Wss,
}

impl ListenerKind {
    const ALL: [Self; 5] = [Self::Udp, Self::Tcp, Self::Tls, Self::Ws, Self::Wss];

    fn word(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Ws => "ws",
            Self::Wss => "wss",
        }
    }

    /// Whether it needs a certificate.
    pub fn is_secure(self) -> bool {
        matches!(self, Self::Tls | Self::Wss)
    }
}

impl FromStr for Listener {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (kind, address) = text.split_once(':').ok_or(())?;
        let kind = ListenerKind::ALL.into_iter().find(|known| known.word() == kind).ok_or(())?;
        Ok(Self { kind, address: address.parse().map_err(|_| ())? })
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.word(), self.address)
    }
}

pub(super) fn read(sip: &Section<'_>, texts: &[At<String>]) -> Vec<Listener> {
    const EXPECTED: &str = "udp:, tcp:, tls:, ws: or wss: and address:port";
    let mut listeners: Vec<Listener> = Vec::new();
    for text in texts {
        let Some(listener) = sip.parse_by(text, "listen", EXPECTED, |text| text.parse::<Listener>().ok()) else {
            continue;
        };
        // Each of tcp, tls, ws and wss is a TCP port.
        let same_port = |other: &Listener| {
            let udp = |listener: &Listener| listener.kind == ListenerKind::Udp;
            other.address == listener.value.address && udp(other) == udp(&listener.value)
        };
        if listener.value.address.port() != 0 && listeners.iter().any(same_port) {
            sip.fault(text.mark, format!("listen: the port of {} is given twice", text.value), None);
        }
        listeners.push(listener.value);
    }
    if texts.is_empty() {
        sip.fault(sip.mark(), "listen: expected at least one listener", Some(String::from("\"udp:127.0.0.1:5060\"")));
    }
    if let Some(first_too_many) = texts.get(LISTENERS_MAX) {
        sip.fault(first_too_many.mark, format!("listen: expected at most {LISTENERS_MAX} listeners"), None);
    }
    listeners
}
