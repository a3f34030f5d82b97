//! The whole description.

use std::fmt;
use std::net::IpAddr;

use bytes::Bytes;

use super::media::Media;

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Session {
    pub origin: Origin,
    /// `s=`; `-` when there is none.
    pub name: String,
    /// The session's `c=` line, where that names an address.
    pub connection: Option<IpAddr>,
    pub media: Vec<Media>,
    /// All other lines above the first media line but `t=`; directions are told by each media line.
    pub lines: Vec<String>,
}

/// Who made the description; `version` grows with every change (RFC 3264 §8).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Origin {
    pub username: String,
    pub session_id: u64,
    pub version: u64,
    /// `None` where a name stands, which we never look up.
    pub addr: Option<IpAddr>,
}

/// What makes a description unusable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SdpError(pub &'static str);

impl Session {
    /// A description of ours, without media yet.
    pub fn new(addr: IpAddr, session_id: u64, version: u64) -> Self {
        Self {
            origin: Origin { username: "-".to_owned(), session_id, version, addr: Some(addr) },
            name: "-".to_owned(),
            connection: Some(addr),
            media: Vec::new(),
            lines: Vec::new(),
        }
    }

    /// Where that media line wants to be sent to; `None` where only a name is given.
    pub fn address(&self, media: &Media) -> Option<IpAddr> {
        media.connection.or(self.connection)
    }

    pub fn to_bytes(&self) -> Bytes {
        Bytes::from(self.to_string())
    }
}

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Origin { username, session_id, version, addr } = &self.origin;
        write!(f, "v=0\r\no={username} {session_id} {version} ")?;
        match addr {
            Some(addr) => write!(f, "{}\r\n", Address(*addr))?,
            None => f.write_str("IN IP4 0.0.0.0\r\n")?,
        }
        write!(f, "s={}\r\n", self.name)?;
        write_lines(f, &self.lines, "iuep")?;
        if let Some(address) = self.connection {
            write!(f, "c={}\r\n", Address(address))?;
        }
        write_lines(f, &self.lines, "b")?;
        f.write_str("t=0 0\r\n")?;
        write_lines(f, &self.lines, "rzka")?;
        self.media.iter().try_for_each(|media| media.fmt(f))
    }
}

/// `IN IP4 192.0.2.1`.
pub(super) struct Address(pub IpAddr);

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IN {} {}", if self.0.is_ipv4() { "IP4" } else { "IP6" }, self.0)
    }
}

/// Those lines whose letter is one of `letters`, in their order.
pub(super) fn write_lines(f: &mut fmt::Formatter<'_>, lines: &[String], letters: &str) -> fmt::Result {
    let wanted = lines.iter().filter(|line| line.chars().next().is_some_and(|letter| letters.contains(letter)));
    wanted.into_iter().try_for_each(|line| write!(f, "{line}\r\n"))
}

impl fmt::Display for SdpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for SdpError {}
