//! Messages that may not be processed, and what is said to whoever sent them.

use std::fmt;
use std::net::SocketAddr;

use bytes::Bytes;
use smallvec::SmallVec;

use super::name::Name;
use super::name_addr::NameAddr;
use super::parse::Fault;
use super::text::list;
use super::via::{Via, response_address, returned_via};
use super::writer::Writer;
use super::{HEADER_LINE_MAX, HEADERS_MAX};

/// Refused by [`super::Message::parse`].
#[derive(Clone)]
pub struct Malformed {
    /// What is wrong; nothing of it comes from the peer.
    pub reason: &'static str,
    /// The header it is about, when it is one.
    pub field: Option<Name>,
    /// 400, 505 or 513.
    pub status: u16,
    bytes: Bytes,
}

impl Malformed {
    pub(super) fn new(bytes: Bytes, fault: Fault) -> Self {
        Self { reason: fault.reason, field: fault.field, status: fault.status, bytes }
    }

    /// The message as it came.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The first line is one of SIP's.
    pub fn looks_like_sip(&self) -> bool {
        let line = self.bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
        line.windows(4).any(|piece| piece == b"SIP/")
    }

    /// Its Call-ID, or nothing.
    pub fn call_id(&self) -> &str {
        let lines = self.bytes.split(|byte| *byte == b'\n').filter_map(|line| std::str::from_utf8(line).ok());
        let named = lines.filter_map(|line| line.split_once(':'));
        let call = named.into_iter().find(|(name, _)| {
            let name = name.trim_end();
            name.eq_ignore_ascii_case("call-id") || name.eq_ignore_ascii_case("i")
        });
        call.map_or("", |(_, value)| value.trim())
    }

    /// The refusal of a request that can still be recognised as one, its Via, From, To, Call-ID and CSeq given back as
    /// far as they can be read. `None`: say nothing, since it is a response, an ACK or no SIP at all.
    pub fn answer(&self) -> Option<Bytes> {
        self.refusal(None).map(|(bytes, _)| bytes)
    }

    /// The same for a datagram from `source`, and where it goes by its top Via ([`response_address`]).
    pub fn answer_to(&self, source: SocketAddr, forced: bool) -> Option<(SocketAddr, Bytes)> {
        let (bytes, to) = self.refusal(Some((source, forced)))?;
        Some((to.unwrap_or(source), bytes))
    }

    fn refusal(&self, from: Option<(SocketAddr, bool)>) -> Option<(Bytes, Option<SocketAddr>)> {
        let end = self.bytes.windows(4).position(|end| end == b"\r\n\r\n").unwrap_or(self.bytes.len());
        let head = self.bytes.get(..end)?;
        let (start, rest) = next_line(head)?;
        if !is_request(start) {
            return None;
        }
        let reason = self.to_string();
        let mut refusal = Refusal {
            writer: Writer::response(self.status, Some(&reason)),
            from,
            head,
            seen: SmallVec::new(),
            to: None,
        };
        let mut lines = Some(rest);
        for _ in 0..HEADERS_MAX {
            let Some((line, rest)) = lines.and_then(next_line) else { break };
            lines = Some(rest);
            refusal.give_back(line);
        }
        refusal.seen.contains(&Name::Via).then(|| (refusal.writer.end(), refusal.to))
    }
}

/// Up to the next line end that is not a fold, and what follows it.
fn next_line(text: &[u8]) -> Option<(&[u8], &[u8])> {
    if text.is_empty() {
        return None;
    }
    let fold = |at: usize| matches!(text.get(at + 2), Some(b' ' | b'\t'));
    let end = text.windows(2).enumerate().find(|(at, pair)| *pair == b"\r\n" && !fold(*at));
    let end = end.map_or(text.len(), |(at, _)| at);
    Some((text.get(..end)?, text.get(end + 2..).unwrap_or_default()))
}

/// Method, URI and `SIP/` something. An ACK is never answered (RFC 3261 §17.1.1.3).
fn is_request(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    let version = line.rsplit(|b| *b == b' ').next().unwrap_or_default();
    let sip = |text: &[u8]| text.get(..4).is_some_and(|head| head.eq_ignore_ascii_case(b"SIP/"));
    sip(version) && !sip(line) && !line.starts_with(b"ACK ") && version.len() < line.len()
}

struct Refusal<'a> {
    writer: Writer,
    /// Where it came from as a datagram, and whether the answer goes there at all events.
    from: Option<(SocketAddr, bool)>,
    head: &'a [u8],
    /// What was given back: every Via, of the others the first.
    seen: SmallVec<[Name; 8]>,
    /// Where the top Via wants the answer.
    to: Option<SocketAddr>,
}

impl Refusal<'_> {
    fn give_back(&mut self, line: &[u8]) -> Option<()> {
        let colon = line.iter().take(HEADER_LINE_MAX).position(|b| *b == b':')?;
        let name = Name::of(line.get(..colon)?.trim_ascii());
        let value = line.get(colon + 1..)?.trim_ascii();
        let wanted = matches!(name, Name::Via | Name::From | Name::To | Name::CallId | Name::CSeq);
        let seen = self.seen.contains(&name);
        if !wanted || value.len() > HEADER_LINE_MAX || (seen && name != Name::Via) {
            return None;
        }
        self.seen.push(name);
        // One octet for each that is not UTF-8: the usual three would make of a small request a large answer.
        let value = String::from_utf8_lossy(value).replace(char::REPLACEMENT_CHARACTER, "?");
        if name == Name::To && NameAddr::parse(&value).is_ok_and(|to| to.tag().is_none()) {
            self.writer.header(name, format_args!("{value};tag={:016x}", fingerprint(self.head)));
        } else if name == Name::Via && !seen {
            self.top_via(&value);
        } else {
            self.writer.header(name, &value);
        }
        Some(())
    }

    fn top_via(&mut self, value: &str) {
        let mut vias = list(value);
        let top = vias.next().unwrap_or_default();
        let (Some((source, forced)), Ok(via)) = (self.from, Via::parse(top)) else {
            self.writer.header(Name::Via, value);
            return;
        };
        self.to = Some(response_address(Some(&via), source, forced));
        self.writer.header(Name::Via, returned_via(top, source));
        for via in vias {
            self.writer.header(Name::Via, via);
        }
    }
}

/// FNV-1a: a tag that is the same when the request comes again, so that no state is kept for it (RFC 3261 §8.2.7).
fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01B3))
}

/// As it stands in the reason phrase of the answer.
impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field {
            Some(name) => write!(f, "Malformed {name} header field: {}", self.reason),
            None => f.write_str(self.reason),
        }
    }
}

impl fmt::Debug for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Malformed({} {self})", self.status)
    }
}

impl std::error::Error for Malformed {}
