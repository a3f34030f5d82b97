//! From octets to a description.

use std::borrow::Cow;
use std::net::IpAddr;

use super::media::{Direction, Format, Kind, Media, is_rtp};
use super::session::{Origin, SdpError, Session};
use super::{FORMATS_MAX, LINES_MAX, MEDIA_MAX};
use crate::wire::sip::MESSAGE_MAX;

impl Session {
    /// Reads a body. Lines may end in CRLF, LF or CR (RFC 8866 §9); text that is not UTF-8 is replaced, not refused.
    pub fn parse(body: &[u8]) -> Result<Self, SdpError> {
        if body.len() > MESSAGE_MAX {
            return Err(SdpError("description too large"));
        }
        if body.iter().any(|b| b.is_ascii_control() && !matches!(b, b'\r' | b'\n' | b'\t')) {
            return Err(SdpError("control character"));
        }
        let text = String::from_utf8_lossy(body);
        let mut lines = text.split(['\r', '\n']).filter(|line| !line.is_empty());
        if lines.next().map(str::trim_end) != Some("v=0") {
            return Err(SdpError("not version 0"));
        }
        let mut reader = Reader::default();
        for (count, line) in lines.enumerate() {
            if count == LINES_MAX {
                return Err(SdpError("too many lines"));
            }
            reader.line(line)?;
        }
        reader.session()
    }
}

#[derive(Default)]
struct Reader {
    origin: Option<Origin>,
    name: String,
    connection: Option<IpAddr>,
    direction: Direction,
    ptime: Option<u16>,
    media: Vec<Media>,
    /// Of the media line being read: its own direction.
    own_direction: Option<Direction>,
    lines: Vec<String>,
}

impl Reader {
    fn line(&mut self, line: &str) -> Result<(), SdpError> {
        let (letter, value) = line.split_once('=').ok_or(SdpError("line without ="))?;
        match letter {
            "m" => self.media_line(value),
            "c" => self.connection_line(value),
            "o" if self.media.is_empty() => {
                self.origin = Some(origin(value)?);
                Ok(())
            }
            "s" if self.media.is_empty() => {
                self.name = value.to_owned();
                Ok(())
            }
            "t" | "v" => Ok(()),
            "a" => self.attribute(line, value),
            _ if letter.len() == 1 => {
                self.other(line);
                Ok(())
            }
            _ => Err(SdpError("malformed line")),
        }
    }

    fn session(mut self) -> Result<Session, SdpError> {
        self.settle_direction();
        Ok(Session {
            origin: self.origin.ok_or(SdpError("no origin"))?,
            name: if self.name.is_empty() { "-".to_owned() } else { self.name },
            connection: self.connection,
            media: self.media,
            lines: self.lines,
        })
    }

    /// `m=audio 49170[/2] RTP/AVP 0 8 101`
    fn media_line(&mut self, value: &str) -> Result<(), SdpError> {
        const FAULT: SdpError = SdpError("malformed media line");
        self.settle_direction();
        if self.media.len() == MEDIA_MAX {
            return Err(SdpError("too many media lines"));
        }
        let mut words = value.split_ascii_whitespace();
        let (kind, port, proto) = (words.next(), words.next(), words.next());
        let (Some(kind), Some(port), Some(proto)) = (kind, port, proto) else { return Err(FAULT) };
        let port = port.split('/').next().and_then(digits::<u16>).ok_or(FAULT)?;
        let mut media = Media::new(Kind::of(kind), port, proto);
        media.ptime = self.ptime;
        for word in words.take(FORMATS_MAX) {
            match digits::<u8>(word).filter(|pt| *pt < 128 && is_rtp(proto)) {
                Some(pt) if media.formats.iter().any(|format| format.pt == pt) => {}
                Some(pt) => media.formats.push(Format::of_payload_type(pt)),
                None if is_rtp(proto) => {}
                None => media.other_formats.push(word.to_owned()),
            }
        }
        if media.formats.is_empty() && media.other_formats.is_empty() {
            return Err(SdpError("media line without usable format"));
        }
        self.media.push(media);
        Ok(())
    }

    /// `c=IN IP4 192.0.2.1[/ttl]`. A name is not looked up, so it counts as no address.
    fn connection_line(&mut self, value: &str) -> Result<(), SdpError> {
        let address = address(value).ok_or(SdpError("malformed connection line"))?;
        match self.media.last_mut() {
            Some(media) => media.connection = address,
            None => self.connection = address,
        }
        Ok(())
    }

    fn attribute(&mut self, line: &str, value: &str) -> Result<(), SdpError> {
        let (name, value) = value.split_once(':').map_or((value, ""), |(name, value)| (name, value.trim()));
        if let Some(direction) = Direction::of(name.trim_end()) {
            match self.media.last() {
                Some(_) => self.own_direction = Some(direction),
                None => self.direction = direction,
            }
            return Ok(());
        }
        let Some(media) = self.media.last_mut() else {
            if name == "ptime" {
                self.ptime = milliseconds(value);
            }
            self.other(line);
            return Ok(());
        };
        match name {
            "rtpmap" => rtpmap(media, value),
            "fmtp" => fmtp(media, value),
            "ptime" => media.ptime = milliseconds(value).or(media.ptime),
            "maxptime" => media.maxptime = milliseconds(value).or(media.maxptime),
            "rtcp" => media.rtcp = rtcp(value).or(media.rtcp),
            "rtcp-mux" => media.rtcp_mux = true,
            "crypto" => media.crypto.push(crate::base::Private::new(value.to_owned())),
            _ => self.other(line),
        }
        Ok(())
    }

    fn other(&mut self, line: &str) {
        let lines = self.media.last_mut().map_or(&mut self.lines, |media| &mut media.lines);
        lines.push(line.to_owned());
    }

    fn settle_direction(&mut self) {
        if let Some(media) = self.media.last_mut() {
            media.direction = self.own_direction.take().unwrap_or(self.direction);
        }
    }
}

/// `o=ana 2890844526 2890842807 IN IP4 192.0.2.1`. Numbers beyond 64 bits count as 0: they only tell change.
fn origin(value: &str) -> Result<Origin, SdpError> {
    let mut words = value.split_ascii_whitespace();
    let (username, session_id, version) = (words.next(), words.next(), words.next());
    let (Some(username), Some(session_id), Some(version)) = (username, session_id, version) else {
        return Err(SdpError("malformed origin"));
    };
    let place: Vec<&str> = words.take(3).collect();
    Ok(Origin {
        username: username.to_owned(),
        session_id: digits(session_id).unwrap_or(0),
        version: digits(version).unwrap_or(0),
        addr: address(&place.join(" ")).ok_or(SdpError("malformed origin"))?,
    })
}

/// Outer: well-formed; inner: an address and not a name.
fn address(value: &str) -> Option<Option<IpAddr>> {
    let mut words = value.split_ascii_whitespace();
    let (network, family, host) = (words.next()?, words.next()?, words.next()?);
    let host = host.split('/').next()?;
    let known = network == "IN" && matches!(family, "IP4" | "IP6") && !host.is_empty();
    known.then(|| host.parse().ok())
}

/// `96 opus/48000/2`. One that does not fit its media line, or makes no sense, counts as absent.
fn rtpmap(media: &mut Media, value: &str) {
    let Some((pt, encoding)) = value.split_once([' ', '\t']) else { return };
    let Some(format) = digits(pt).and_then(|pt: u8| media.formats.iter_mut().find(|format| format.pt == pt)) else {
        return;
    };
    let mut parts = encoding.trim().split('/');
    let name = parts.next().unwrap_or_default();
    let clock = parts.next().and_then(digits::<u32>).filter(|clock| *clock > 0);
    let channels = parts.next().map_or(Some(1), digits::<u8>).filter(|channels| *channels > 0);
    let (Some(clock), Some(channels)) = (clock, channels) else { return };
    if name.is_empty() {
        return;
    }
    format.name = usual_name(name).map_or_else(|| Cow::Owned(name.to_owned()), Cow::Borrowed);
    format.clock = clock;
    format.channels = channels;
}

/// The encodings of nearly every offer, so that their names cost nothing.
fn usual_name(name: &str) -> Option<&'static str> {
    const USUAL: [&str; 7] = ["PCMU", "PCMA", "telephone-event", "G722", "G729", "opus", "CN"];
    USUAL.into_iter().find(|usual| *usual == name)
}

fn fmtp(media: &mut Media, value: &str) {
    let Some((pt, parameters)) = value.split_once([' ', '\t']) else { return };
    if let Some(format) = digits(pt).and_then(|pt: u8| media.formats.iter_mut().find(|format| format.pt == pt)) {
        format.fmtp = Some(parameters.trim().to_owned());
    }
}

/// `53020 IN IP4 192.0.2.1`, where the address may be left out.
fn rtcp(value: &str) -> Option<(u16, Option<IpAddr>)> {
    let (port, place) = value.split_once(' ').unwrap_or((value, ""));
    Some((digits(port)?, address(place).flatten()))
}

/// Whole milliseconds; what stands behind a point is left out.
fn milliseconds(value: &str) -> Option<u16> {
    value.split('.').next().and_then(digits).filter(|ms| *ms > 0)
}

/// Digits only: `u16::from_str` would take a sign.
fn digits<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}
