//! From octets to a message that may be processed: framing, start line, and the headers every transaction needs.

use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};

use super::MESSAGE_MAX;
use super::fault::SyntaxError;
use super::malformed::Malformed;
use super::message::{Message, Start};
use super::method::Method;
use super::name::Name;
use super::name_addr::Pieces;
use super::scan::{self, Head, Line, Lines, Span};
use super::shape::{Address, Hop};
use super::text::{List, TOKEN, list, number, span_of, split, trim};
use super::uri::Uri;
use super::via::Via;

/// Sequence numbers are below 2^31 (RFC 3261 §8.1.1.5).
const CSEQ_MAX: u32 = (1 << 31) - 1;

/// Why a message is refused, before the bytes are put beside it.
pub(super) struct Fault {
    pub status: u16,
    pub field: Option<Name>,
    pub reason: &'static str,
}

impl From<SyntaxError> for Fault {
    fn from(error: SyntaxError) -> Self {
        Self { status: 400, field: None, reason: error.0 }
    }
}

impl Fault {
    pub const fn too_large() -> Self {
        Self { status: 513, field: None, reason: "Message Too Large" }
    }

    pub fn in_header(field: Name, error: SyntaxError) -> Self {
        Self { status: 400, field: Some(field), reason: error.0 }
    }
}

/// What the checks found.
struct Checked {
    start: Start,
    method: Method,
    cseq: u32,
    end: usize,
    via: Hop,
    from: Address,
    to: Address,
    contact: Option<Address>,
}

impl Message {
    /// Reads one datagram or one framed message. Octets behind the body are cut off (RFC 3261 §18.3), line ends before
    /// the start line are skipped (§7.5).
    pub fn parse(mut bytes: Bytes) -> Result<Self, Malformed> {
        let blank = bytes.chunks_exact(2).take_while(|pair| *pair == b"\r\n").count() * 2;
        bytes.advance(blank);
        if bytes.len() > MESSAGE_MAX {
            return Err(Malformed::new(bytes, Fault::too_large()));
        }
        let mut lines = Lines::new();
        let head = match scan::head(&bytes, &mut lines) {
            Ok(head) => head,
            Err(fault) => return Err(Malformed::new(bytes, fault)),
        };
        if head.folded {
            bytes = unfolded(bytes, head.end);
        }
        if bytes.get(..head.end).is_some_and(|head| std::str::from_utf8(head).is_err()) {
            bytes = legible(bytes, &lines);
        }
        match checked(&bytes, &head, &lines) {
            Ok(Checked { start, method, cseq, end, via, from, to, contact }) => {
                bytes.truncate(end);
                let lines = Arc::from(lines.as_slice());
                Ok(Self { bytes, start, method, cseq, lines, via, from, to, contact, head: head.end })
            }
            Err(fault) => Err(Malformed::new(bytes, fault)),
        }
    }
}

/// Each fold becomes blanks of the same length (RFC 3261 §7.3.1), in place when nobody else holds the bytes.
fn unfolded(bytes: Bytes, head: usize) -> Bytes {
    let mut bytes = bytes.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&shared[..]));
    for at in 0..head {
        if let Some(fold @ [b'\r', b'\n', b' ' | b'\t']) = bytes.get_mut(at..at + 3) {
            fold.fill(b' ');
        }
    }
    bytes.freeze()
}

/// Older phones and gateways write names in Latin-1. What is no UTF-8 becomes `?` octet by octet, but in what must go back as
/// it came: those lines stay as they are, and the message is refused.
fn legible(bytes: Bytes, lines: &[Line]) -> Bytes {
    let mut bytes = bytes.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&shared[..]));
    for line in lines.iter().filter(|line| !matches!(line.name, Name::Via | Name::CallId | Name::CSeq)) {
        let Some(mut rest) = bytes.get_mut(line.value.range()) else { continue };
        while let Err(error) = std::str::from_utf8(rest) {
            let end = error.error_len().map_or(rest.len(), |length| error.valid_up_to() + length);
            let (bad, behind) = rest.split_at_mut(end);
            bad.iter_mut().skip(error.valid_up_to()).for_each(|octet| *octet = b'?');
            rest = behind;
        }
    }
    bytes.freeze()
}

fn checked(bytes: &[u8], head: &Head, lines: &[Line]) -> Result<Checked, Fault> {
    let text = bytes.get(..head.end).and_then(|head| std::str::from_utf8(head).ok());
    let text = text.ok_or(SyntaxError("Message head is not UTF-8"))?;
    let (start, asked) = start_line(text, head.start_line)?;
    let found = Found::of(text, lines)?;
    let via = found.via.ok_or(SyntaxError("Missing Via header field"))?;
    let from = found.from.ok_or(SyntaxError("Missing From header field"))?;
    let to = found.to.ok_or(SyntaxError("Missing To header field"))?;
    if !found.call_id {
        return Err(SyntaxError("Missing Call-ID header field").into());
    }
    let (cseq, method) = cseq(found.cseq.ok_or(SyntaxError("Missing CSeq header field"))?, asked)?;
    let end = match found.content_length {
        Some(length) => head.end.checked_add(length).filter(|end| *end <= bytes.len()),
        None => Some(bytes.len()),
    };
    let end = end.ok_or(SyntaxError("Content-Length beyond the end of the message"))?;
    Ok(Checked { start, method, cseq, end, via, from, to, contact: found.contact })
}

fn start_line(head: &str, span: Span) -> Result<(Start, Option<Method>), Fault> {
    const FAULT: SyntaxError = SyntaxError("Malformed start line");
    let line = span.of(head);
    let (first, rest) = split(line, b' ').ok_or(FAULT)?;
    if first.eq_ignore_ascii_case("SIP/2.0") {
        let (status, reason) = rest.split_once(' ').unwrap_or((rest, ""));
        let status = (status.len() == 3).then(|| number(status, 699)).flatten().filter(|status| *status >= 100);
        let status =
            status.and_then(|status| u16::try_from(status).ok()).ok_or(SyntaxError("Malformed status code"))?;
        return Ok((Start::Response { status, reason: Span::within(head, reason) }, None));
    }
    let method = Method::parse(first).ok_or(SyntaxError("Malformed method"))?;
    let (uri, version) = rest.rsplit_once(' ').ok_or(FAULT)?;
    if !version.eq_ignore_ascii_case("SIP/2.0") {
        let other = version.get(..4).is_some_and(|name| name.eq_ignore_ascii_case("SIP/"));
        return Err(if other {
            Fault { status: 505, field: None, reason: "Version Not Supported" }
        } else {
            FAULT.into()
        });
    }
    let parsed = Uri::parse(uri).map_err(|_| SyntaxError("Malformed Request-URI"))?;
    if !parsed.headers.is_empty() {
        return Err(SyntaxError("Request-URI with headers").into());
    }
    Ok((Start::Request { uri: Span::within(head, uri) }, Some(method)))
}

/// Headers that are looked at before a message exists.
#[derive(Default)]
struct Found<'a> {
    via: Option<Hop>,
    from: Option<Address>,
    to: Option<Address>,
    contact: Option<Address>,
    /// `Contact: *` was there.
    star: bool,
    call_id: bool,
    cseq: Option<&'a str>,
    content_length: Option<usize>,
}

impl<'a> Found<'a> {
    fn of(head: &'a str, lines: &[Line]) -> Result<Self, Fault> {
        let mut found = Self::default();
        for line in lines {
            found.take(head, line).map_err(|error| Fault::in_header(line.name, error))?;
        }
        Ok(found)
    }

    #[inline]
    fn take(&mut self, head: &'a str, line: &Line) -> Result<(), SyntaxError> {
        const FAULT: SyntaxError = SyntaxError("malformed");
        let value = line.value.of(head);
        let address = |text| Pieces::parse(text).map(|pieces| Address::of(head, &pieces));
        let name = line.name;
        if name == Name::Via {
            for via in elements(value)? {
                let via = Via::parse(via)?;
                self.via.get_or_insert_with(|| Hop::of(head, &via));
            }
        } else if name == Name::From {
            self.from = Some(address(value)?);
        } else if name == Name::To {
            self.to = Some(address(value)?);
        } else if name == Name::Contact {
            if self.contact.is_some() && value == "*" || self.star {
                return Err(SyntaxError("`*` beside other contacts"));
            }
            self.star = value == "*";
            for contact in elements(value)?.filter(|contact| *contact != "*" || !self.star) {
                let contact = address(contact)?;
                self.contact.get_or_insert(contact);
            }
        } else if name == Name::CallId {
            self.call_id = !value.is_empty();
            // A control would be a blank when it is written again, and the call another one.
            return if value.bytes().any(|b| b == b' ' || b.is_ascii_control()) { Err(FAULT) } else { Ok(()) };
        } else if name == Name::CSeq {
            self.cseq = Some(value);
        } else if name == Name::ContentLength {
            let length = number(value, u32::MAX).and_then(|length| usize::try_from(length).ok());
            self.content_length = Some(length.ok_or(FAULT)?);
        } else if name == Name::MaxForwards {
            number(value, u8::MAX.into()).ok_or(FAULT)?;
        }
        Ok(())
    }
}

/// The elements of a list that must have one.
fn elements(value: &str) -> Result<List<'_>, SyntaxError> {
    if value.is_empty() { Err(SyntaxError("empty")) } else { Ok(list(value)) }
}

/// The number and the method; that of a request must be the one it asks for.
fn cseq(value: &str, asked: Option<Method>) -> Result<(u32, Method), Fault> {
    let fault = |reason| Fault::in_header(Name::CSeq, SyntaxError(reason));
    let end = span_of(value.as_bytes(), TOKEN);
    let (digits, method) = value.split_at_checked(end).ok_or_else(|| fault("malformed"))?;
    let cseq = number(digits, CSEQ_MAX).ok_or_else(|| fault("malformed number"))?;
    let method = trim(method);
    match asked {
        Some(asked) if asked.as_str() == method => Ok((cseq, asked)),
        Some(_) => Err(fault("not the method of the request")),
        None => Ok((cseq, Method::parse(method).ok_or_else(|| fault("malformed method"))?)),
    }
}
