//! One `m=` line and what follows it.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::session::{Address, write_lines};
use crate::base::Private;

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Media {
    pub kind: Kind,
    /// 0: refused, or over.
    pub port: u16,
    /// `RTP/AVP`, `UDP/TLS/RTP/SAVPF`, … as written.
    pub proto: String,
    /// Payload types in order of preference.
    pub formats: SmallVec<[Format; 8]>,
    /// Formats that are no payload types: `t38`, `webrtc-datachannel`.
    pub other_formats: Vec<String>,
    /// Its own `c=` line, where that names an address; see [`super::Session::address`].
    pub connection: Option<IpAddr>,
    /// Its own, else the session's, else sendrecv.
    pub direction: Direction,
    /// Milliseconds a packet.
    pub ptime: Option<u16>,
    /// At most so many.
    pub maxptime: Option<u16>,
    /// Where RTCP goes when not to the next port (RFC 3605).
    pub rtcp: Option<(u16, Option<IpAddr>)>,
    pub rtcp_mux: bool,
    /// Values of `a=crypto` (RFC 4568): keys.
    pub crypto: Vec<Private<String>>,
    /// All other lines, `a=` and the like included.
    pub lines: Vec<String>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    Audio,
    Video,
    Image,
    Other(Box<str>),
}

/// One payload type and what it stands for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Format {
    pub pt: u8,
    /// Encoding name; empty for a dynamic type without `a=rtpmap`, which nobody can use.
    pub name: Cow<'static, str>,
    /// Hz.
    pub clock: u32,
    pub channels: u8,
    pub fmtp: Option<String>,
}

/// From the point of view of whoever wrote the description (RFC 3264 §5.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    #[default]
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

impl Media {
    /// Audio over plain RTP.
    pub fn audio(port: u16, formats: impl IntoIterator<Item = Format>) -> Self {
        let mut media = Self::new(Kind::Audio, port, "RTP/AVP");
        media.formats.extend(formats);
        media
    }

    pub(super) fn new(kind: Kind, port: u16, proto: &str) -> Self {
        Self {
            kind,
            port,
            proto: proto.to_owned(),
            formats: SmallVec::new(),
            other_formats: Vec::new(),
            connection: None,
            direction: Direction::SendRecv,
            ptime: None,
            maxptime: None,
            rtcp: None,
            rtcp_mux: false,
            crypto: Vec::new(),
            lines: Vec::new(),
        }
    }

    /// The line that refuses this one in an answer: the same with port 0 (RFC 3264 §6).
    pub fn refused(&self) -> Self {
        let mut refused = Self::new(self.kind.clone(), 0, &self.proto);
        refused.formats.extend(self.formats.first().cloned());
        refused.other_formats.extend(self.other_formats.first().cloned());
        refused
    }

    pub fn kind_text(&self) -> &str {
        match &self.kind {
            Kind::Audio => "audio",
            Kind::Video => "video",
            Kind::Image => "image",
            Kind::Other(kind) => kind,
        }
    }

    /// Payload types have a meaning only over RTP.
    pub fn is_rtp(&self) -> bool {
        is_rtp(&self.proto)
    }
}

pub(super) fn is_rtp(proto: &str) -> bool {
    proto.split('/').any(|part| part.eq_ignore_ascii_case("RTP"))
}

impl Kind {
    pub(super) fn of(text: &str) -> Self {
        match text {
            "audio" => Self::Audio,
            "video" => Self::Video,
            "image" => Self::Image,
            _ => Self::Other(text.into()),
        }
    }
}

impl Direction {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    pub(super) fn of(attribute: &str) -> Option<Self> {
        [Self::SendRecv, Self::SendOnly, Self::RecvOnly, Self::Inactive].into_iter().find(|d| d.as_str() == attribute)
    }

    /// As the other side sees it.
    pub const fn reversed(self) -> Self {
        match self {
            Self::SendOnly => Self::RecvOnly,
            Self::RecvOnly => Self::SendOnly,
            Self::SendRecv | Self::Inactive => self,
        }
    }
}

/// Static payload types (RFC 3551 §6) that peers may leave without `a=rtpmap`.
const STATIC: &[(u8, &str, u32)] = &[
    (0, "PCMU", 8_000),
    (3, "GSM", 8_000),
    (4, "G723", 8_000),
    (5, "DVI4", 8_000),
    (6, "DVI4", 16_000),
    (7, "LPC", 8_000),
    (8, "PCMA", 8_000),
    (9, "G722", 8_000),
    (12, "QCELP", 8_000),
    (13, "CN", 8_000),
    (14, "MPA", 90_000),
    (15, "G728", 8_000),
    (16, "DVI4", 11_025),
    (17, "DVI4", 22_050),
    (18, "G729", 8_000),
    (26, "JPEG", 90_000),
    (31, "H261", 90_000),
    (32, "MPV", 90_000),
    (34, "H263", 90_000),
];

impl Format {
    pub fn new(pt: u8, name: &'static str, clock: u32) -> Self {
        Self { pt, name: Cow::Borrowed(name), clock, channels: 1, fmtp: None }
    }

    /// Digits as RTP events (RFC 4733): all keys of a telephone.
    pub fn telephone_event(pt: u8, clock: u32) -> Self {
        Self { fmtp: Some("0-16".to_owned()), ..Self::new(pt, "telephone-event", clock) }
    }

    /// What a payload type stands for by itself.
    pub(super) fn of_payload_type(pt: u8) -> Self {
        let known = STATIC.iter().find(|(known, _, _)| *known == pt);
        known.map_or_else(|| Self::new(pt, "", 0), |(_, name, clock)| Self::new(pt, name, *clock))
    }

    /// The same encoding, whatever its number on either side.
    pub fn is_same_encoding(&self, other: &Self) -> bool {
        !self.name.is_empty()
            && self.name.eq_ignore_ascii_case(&other.name)
            && (self.clock, self.channels) == (other.clock, other.channels)
    }
}

impl fmt::Display for Media {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "m={} {} {}", self.kind_text(), self.port, self.proto)?;
        self.formats.iter().try_for_each(|format| write!(f, " {}", format.pt))?;
        self.other_formats.iter().try_for_each(|format| write!(f, " {format}"))?;
        f.write_str("\r\n")?;
        write_lines(f, &self.lines, "i")?;
        if let Some(address) = self.connection {
            write!(f, "c={}\r\n", Address(address))?;
        }
        write_lines(f, &self.lines, "bk")?;
        for format in self.formats.iter().filter(|format| !format.name.is_empty()) {
            write!(f, "{format}")?;
        }
        if let Some(ptime) = self.ptime {
            write!(f, "a=ptime:{ptime}\r\n")?;
        }
        if let Some(most) = self.maxptime {
            write!(f, "a=maxptime:{most}\r\n")?;
        }
        if let Some((port, address)) = self.rtcp {
            write!(f, "a=rtcp:{port}")?;
            address.map_or(Ok(()), |address| write!(f, " {}", Address(address)))?;
            f.write_str("\r\n")?;
        }
        if self.rtcp_mux {
            f.write_str("a=rtcp-mux\r\n")?;
        }
        self.crypto.iter().try_for_each(|crypto| write!(f, "a=crypto:{}\r\n", crypto.reveal()))?;
        write_lines(f, &self.lines, "a")?;
        if self.port != 0 { write!(f, "a={}\r\n", self.direction.as_str()) } else { Ok(()) }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a=rtpmap:{} {}/{}", self.pt, self.name, self.clock)?;
        if self.channels > 1 {
            write!(f, "/{}", self.channels)?;
        }
        f.write_str("\r\n")?;
        self.fmtp.as_ref().map_or(Ok(()), |fmtp| write!(f, "a=fmtp:{} {fmtp}\r\n", self.pt))
    }
}
