//! Session descriptions as a simple phone writes and reads them.

use std::{fmt::Write, net::SocketAddr};

use super::keys::{self, Key};
use crate::sim::speech::Coding;

/// Which way audio flows, as `a=` says it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Flow {
    #[default]
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

impl Flow {
    const ALL: [Self; 4] = [Self::SendRecv, Self::SendOnly, Self::RecvOnly, Self::Inactive];

    pub const fn word(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    pub const fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// What answers this when the answerer wants everything (RFC 3264 6.1).
    pub const fn mirrored(self) -> Self {
        match self {
            Self::SendRecv => Self::SendRecv,
            Self::SendOnly => Self::RecvOnly,
            Self::RecvOnly => Self::SendOnly,
            Self::Inactive => Self::Inactive,
        }
    }
}

/// How a phone asks the other to wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HoldForm {
    SendOnly,
    Inactive,
    /// RFC 2543: the address 0.0.0.0.
    NoAddress,
}

impl HoldForm {
    pub const ALL: [Self; 3] = [Self::SendOnly, Self::Inactive, Self::NoAddress];
}

/// What a phone can do, in its order of preference.
#[derive(Clone, Debug)]
pub struct Abilities {
    pub codecs: Vec<(u8, Coding)>,
    /// Payload type that it offers for telephone-event.
    pub event: Option<u8>,
    /// Lines of its own below the media line, each with its end.
    pub lines: &'static str,
}

impl Default for Abilities {
    fn default() -> Self {
        Self { codecs: vec![(0, Coding::Mu), (8, Coding::A)], event: Some(101), lines: "" }
    }
}

/// The part of a description that matters here.
#[derive(Clone, PartialEq, Debug)]
pub struct Described {
    /// `None`: 0.0.0.0 or port 0.
    pub rtp: Option<SocketAddr>,
    pub codecs: Vec<(u8, Coding)>,
    pub event: Option<u8>,
    pub flow: Flow,
    /// `a=rtcp-mux`
    pub muxes: bool,
    /// `a=ptime`
    pub ptime: Option<u16>,
    /// `a=maxptime`
    pub maxptime: Option<u16>,
    /// `a=crypto`
    pub key: Option<Key>,
}

impl Described {
    pub fn read(body: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(body).ok()?;
        let (mut address, mut port, mut codecs, mut event, mut flow) = (None, None, Vec::new(), None, Flow::SendRecv);
        let (mut muxes, mut ptime, mut maxptime, mut key) = (false, None, None, None);
        for line in text.lines() {
            if let Some(host) = line.strip_prefix("c=IN IP4 ").or_else(|| line.strip_prefix("c=IN IP6 ")) {
                address = host.trim().parse().ok();
            } else if let Some(media) = line.strip_prefix("m=audio ") {
                let mut words = media.split_whitespace();
                port = words.next().and_then(|word| word.parse::<u16>().ok());
                for word in words.skip(1) {
                    match word {
                        "0" => codecs.push((0, Coding::Mu)),
                        "8" => codecs.push((8, Coding::A)),
                        "9" => codecs.push((9, Coding::G722)),
                        _ => {}
                    }
                }
            } else if let Some(map) = line.strip_prefix("a=rtpmap:") {
                let (number, name) = map.split_once(' ')?;
                if name.to_ascii_lowercase().starts_with("telephone-event/8000") {
                    event = number.parse().ok();
                } else if name.to_ascii_lowercase().starts_with("opus/48000") {
                    codecs.push((number.parse().ok()?, Coding::Opus));
                }
            } else if let Some(value) = line.strip_prefix("a=crypto:") {
                key = key.or_else(|| keys::read(value));
            } else if line == "a=rtcp-mux" {
                muxes = true;
            } else if let Some(millis) = line.strip_prefix("a=ptime:") {
                ptime = millis.parse().ok();
            } else if let Some(millis) = line.strip_prefix("a=maxptime:") {
                maxptime = millis.parse().ok();
            } else if let Some(found) = Flow::ALL.into_iter().find(|flow| line.strip_prefix("a=") == Some(flow.word()))
            {
                flow = found;
            }
        }
        let rtp = SocketAddr::new(address?, port?);
        let reachable = !rtp.ip().is_unspecified() && rtp.port() != 0;
        Some(Self { rtp: reachable.then_some(rtp), codecs, event, flow, muxes, ptime, maxptime, key })
    }
}

/// Writes a description; `no_address` is the old form of hold.
pub fn write(
    session: (u64, u64),
    rtp: SocketAddr,
    codecs: &[(u8, Coding)],
    event: Option<u8>,
    flow: Flow,
    no_address: bool,
) -> String {
    let (id, version) = session;
    let ip = rtp.ip();
    let connection = if no_address { "0.0.0.0".to_owned() } else { ip.to_string() };
    let mut numbers: Vec<String> = codecs.iter().map(|(number, _)| number.to_string()).collect();
    numbers.extend(event.map(|number| number.to_string()));
    let mut text = format!("v=0\r\no=- {id} {version} IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {connection}\r\nt=0 0\r\n");
    let _ = write!(text, "m=audio {} RTP/AVP {}\r\n", rtp.port(), numbers.join(" "));
    for (number, coding) in codecs {
        let _ = write!(text, "a=rtpmap:{number} {}\r\n", coding.name());
    }
    if let Some(event) = event {
        let _ = write!(text, "a=rtpmap:{event} telephone-event/8000\r\na=fmtp:{event} 0-16\r\n");
    }
    let _ = write!(text, "a=ptime:20\r\na={}\r\n", flow.word());
    text
}
