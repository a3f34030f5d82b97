//! From octets to a message that may be processed: framing, start line, and the headers every transaction needs.

use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};

use super::MESSAGE_MAX;
use super::fault::SyntaxError;
use super::malformed::Malformed;
use super::message::{Message, Start};
use super::method::Method;
use super::name::Name;
use super::name_addr::NameAddr;
use super::scan::{self, Head, Line, Lines, Span};
use super::text::{list, number, trim};
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
    fn in_header(field: Name, error: SyntaxError) -> Self {
        Self { status: 400, field: Some(field), reason: error.0 }
    }
}

/// What the checks found.
struct Checked {
    start: Start,
    method: Method,
    cseq: u32,
    end: usize,
}

impl Message {
    /// Reads one datagram or one framed message. Octets behind the body are cut off (RFC 3261 §18.3), line ends before
    /// the start line are skipped (§7.5).
    pub fn parse(mut bytes: Bytes) -> Result<Self, Malformed> {
        let blank = bytes.chunks_exact(2).take_while(|pair| *pair == b"\r\n").count() * 2;
        bytes.advance(blank);
        if bytes.len() > MESSAGE_MAX {
            let fault = Fault { status: 513, field: None, reason: "Message Too Large" };
            return Err(Malformed::new(bytes, fault));
        }
        let mut lines = Lines::new();
        let head = match scan::head(&bytes, &mut lines) {
            Ok(head) => head,
            Err(error) => return Err(Malformed::new(bytes, error.into())),
        };
        if head.folded {
            bytes = unfolded(bytes, head.end);
        }
        match checked(&bytes, &head, &lines) {
            Ok(Checked { start, method, cseq, end }) => {
                bytes.truncate(end);
                Ok(Self { bytes, start, method, cseq, lines: Arc::from(lines.as_slice()), head: head.end })
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

fn checked(bytes: &[u8], head: &Head, lines: &[Line]) -> Result<Checked, Fault> {
    let text = bytes.get(..head.end).and_then(|head| std::str::from_utf8(head).ok());
    let text = text.ok_or(SyntaxError("Message head is not UTF-8"))?;
    let (start, asked) = start_line(text, head.start_line)?;
    let found = Found::of(text, lines)?;
    let (cseq, method) = found.cseq(asked)?;
    let end = match found.content_length {
        Some(length) => head.end.checked_add(length).filter(|end| *end <= bytes.len()),
        None => Some(bytes.len()),
    };
    let end = end.ok_or(SyntaxError("Content-Length beyond the end of the message"))?;
    Ok(Checked { start, method, cseq, end })
}

fn start_line(head: &str, span: Span) -> Result<(Start, Option<Method>), Fault> {
    const FAULT: SyntaxError = SyntaxError("Malformed start line");
    let line = span.of(head);
    let (first, rest) = line.split_once(' ').ok_or(FAULT)?;
    // The pieces are slices of the head, so what stands before them is their place.
    let place = |piece: &str| {
        let start = piece.as_ptr() as usize - head.as_ptr() as usize;
        Span::new(start, start + piece.len()).ok_or(FAULT)
    };
    if first.eq_ignore_ascii_case("SIP/2.0") {
        let (status, reason) = rest.split_once(' ').unwrap_or((rest, rest.get(rest.len()..).unwrap_or_default()));
        let status = (status.len() == 3).then(|| number(status, 699)).flatten().filter(|status| *status >= 100);
        let status =
            status.and_then(|status| u16::try_from(status).ok()).ok_or(SyntaxError("Malformed status code"))?;
        return Ok((Start::Response { status, reason: place(reason)? }, None));
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
    Ok((Start::Request { uri: place(uri)? }, Some(method)))
}

/// Checks every element of a list, which must have one.
fn each<'a>(value: &'a str, check: impl Fn(&'a str) -> Result<(), SyntaxError>) -> Result<(), SyntaxError> {
    if value.is_empty() { Err(SyntaxError("empty")) } else { list(value).try_for_each(check) }
}

/// Headers that are looked at before a message exists.
#[derive(Default)]
struct Found<'a> {
    via: bool,
    from: bool,
    to: bool,
    call_id: bool,
    cseq: Option<&'a str>,
    content_length: Option<usize>,
}

impl<'a> Found<'a> {
    fn of(head: &'a str, lines: &[Line]) -> Result<Self, Fault> {
        let mut found = Self::default();
        let mut seen = 0_u128;
        for line in lines {
            let bit = 1_u128 << (line.name as u8);
            if seen & bit != 0 && line.name.is_single() {
                return Err(Fault::in_header(line.name, SyntaxError("more than one")));
            }
            seen |= bit;
            found.take(line.name, line.value.of(head)).map_err(|error| Fault::in_header(line.name, error))?;
        }
        found.complete()?;
        Ok(found)
    }

    fn take(&mut self, name: Name, value: &'a str) -> Result<(), SyntaxError> {
        if name == Name::Via {
            self.via = true;
            return each(value, |via| Via::parse(via).map(|_| ()));
        }
        if name == Name::From {
            self.from = true;
            return NameAddr::parse(value).map(|_| ());
        }
        if name == Name::To {
            self.to = true;
            return NameAddr::parse(value).map(|_| ());
        }
        if name == Name::CallId {
            self.call_id = !value.is_empty();
            let blank = value.contains([' ', '\t']);
            return if blank { Err(SyntaxError("malformed")) } else { Ok(()) };
        }
        if name == Name::CSeq {
            self.cseq = Some(value);
        } else if name == Name::ContentLength {
            let length = number(value, u32::MAX).and_then(|length| usize::try_from(length).ok());
            self.content_length = Some(length.ok_or(SyntaxError("malformed"))?);
        } else if name == Name::MaxForwards {
            number(value, u8::MAX.into()).ok_or(SyntaxError("malformed"))?;
        } else if name == Name::Contact && value != "*" {
            return each(value, |contact| NameAddr::parse(contact).map(|_| ()));
        }
        Ok(())
    }

    fn complete(&self) -> Result<(), Fault> {
        let missing = [
            (self.via, "Missing Via header field"),
            (self.from, "Missing From header field"),
            (self.to, "Missing To header field"),
            (self.call_id, "Missing Call-ID header field"),
            (self.cseq.is_some(), "Missing CSeq header field"),
        ];
        match missing.into_iter().find(|(found, _)| !found) {
            Some((_, reason)) => Err(SyntaxError(reason).into()),
            None => Ok(()),
        }
    }

    /// The number and the method; that of a request must be the one it asks for.
    fn cseq(&self, asked: Option<Method>) -> Result<(u32, Method), Fault> {
        let fault = |reason| Fault::in_header(Name::CSeq, SyntaxError(reason));
        let (digits, method) =
            self.cseq.unwrap_or_default().split_once([' ', '\t']).ok_or_else(|| fault("malformed"))?;
        let cseq = number(digits, CSEQ_MAX).ok_or_else(|| fault("malformed number"))?;
        let method = trim(method);
        match asked {
            Some(asked) if asked.as_str() == method => Ok((cseq, asked)),
            Some(_) => Err(fault("not the method of the request")),
            None => Ok((cseq, Method::parse(method).ok_or_else(|| fault("malformed method"))?)),
        }
    }
}
