//! Messages we write: once, into one buffer.

use std::fmt::{self, Display, Write as _};

use bytes::Bytes;

use super::message::Message;
use super::method::Method;
use super::name::Name;
use super::status::reason_phrase;

/// Room for the usual message with a session description, so that the buffer is made once.
const ROOM: usize = 1_024;

/// Writes one message, in the order of its calls: start line, headers, then [`Writer::body`] or [`Writer::end`], after
/// which the writer is empty.
///
/// Whatever values hold, a line stays one line: control characters become blanks.
#[derive(Debug)]
pub struct Writer {
    buffer: Vec<u8>,
}

impl Writer {
    /// A URI is cut at its first blank or control character.
    pub fn request(method: &Method, uri: &str) -> Self {
        let uri = uri.split(|c: char| c == ' ' || c.is_control()).next().unwrap_or_default();
        Self::start(format_args!("{method} {uri} SIP/2.0"))
    }

    /// Without a reason, the usual phrase.
    pub fn response(status: u16, reason: Option<&str>) -> Self {
        Self::start(format_args!("SIP/2.0 {status} {}", reason.unwrap_or_else(|| reason_phrase(status))))
    }

    /// A header that [`Name`] knows. Content-Length is the writer's own affair and left out here.
    pub fn header(&mut self, name: Name, value: impl Display) -> &mut Self {
        if matches!(name, Name::ContentLength | Name::Other) {
            debug_assert_eq!(name, Name::ContentLength, "an unknown header is written by `raw`");
            return self;
        }
        self.line(name.as_str(), |clean| clean.display(&value))
    }

    /// [`Writer::header`] with a value that is text already: most are, and formatting costs more than copying.
    pub fn text(&mut self, name: Name, value: &str) -> &mut Self {
        if matches!(name, Name::ContentLength | Name::Other) {
            return self.header(name, value);
        }
        self.line(name.as_str(), |clean| clean.text(value))
    }

    /// A header by the name it is to be written with; what is not a token in it is left out.
    pub fn raw(&mut self, name: &str, value: &str) -> &mut Self {
        let known = Name::of(name.as_bytes());
        if known != Name::Other {
            return self.text(known, value);
        }
        if !super::text::is_token(name) {
            return self;
        }
        self.line(name, |clean| clean.text(value))
    }

    /// Every line of that name, in order and as it came.
    pub fn copy(&mut self, message: &Message, name: Name) -> &mut Self {
        for value in message.headers(name) {
            self.text(name, value);
        }
        self
    }

    /// Ends the message with a body.
    pub fn body(&mut self, content_type: impl Display, body: &[u8]) -> Bytes {
        self.header(Name::ContentType, content_type);
        self.finish(body)
    }

    /// Ends the message without a body.
    pub fn end(&mut self) -> Bytes {
        self.finish(&[])
    }

    fn start(line: fmt::Arguments<'_>) -> Self {
        let mut writer = Self { buffer: Vec::with_capacity(ROOM) };
        Clean(&mut writer.buffer).display(&line);
        writer.buffer.extend_from_slice(b"\r\n");
        writer
    }

    fn line(&mut self, name: &str, value: impl FnOnce(&mut Clean<'_>)) -> &mut Self {
        self.buffer.extend_from_slice(name.as_bytes());
        self.buffer.extend_from_slice(b": ");
        value(&mut Clean(&mut self.buffer));
        self.buffer.extend_from_slice(b"\r\n");
        self
    }

    fn finish(&mut self, body: &[u8]) -> Bytes {
        self.line(Name::ContentLength.as_str(), |clean| clean.display(&body.len()));
        self.buffer.extend_from_slice(b"\r\n");
        self.buffer.extend_from_slice(body);
        std::mem::take(&mut self.buffer).into()
    }
}

/// Lets no control character through.
struct Clean<'a>(&'a mut Vec<u8>);

impl Clean<'_> {
    fn text(&mut self, text: &str) {
        // Without a branch, so that sixteen octets are looked at at once.
        self.0.extend(text.bytes().map(|byte| if byte.is_ascii_control() { b' ' } else { byte }));
    }

    /// A `Display` that fails writes what it got to; the sink itself never fails.
    fn display(&mut self, value: &dyn Display) {
        let written = write!(self, "{value}");
        debug_assert!(written.is_ok(), "a header value failed to write itself");
    }
}

impl fmt::Write for Clean<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.text(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_written_in_order_with_its_length() {
        let mut writer = Writer::request(&Method::Invite, "sip:800@h");
        writer.header(Name::Via, "SIP/2.0/UDP h;branch=z9hG4bK1").raw("x-note", "5").header(Name::ContentLength, 99);
        let bytes = writer.body("text/plain", b"hello");
        let text = "INVITE sip:800@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nx-note: 5\r\n\
                    Content-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello";
        assert_eq!(bytes, text);
        assert_eq!(Writer::response(486, None).end(), "SIP/2.0 486 Busy Here\r\nContent-Length: 0\r\n\r\n");
    }

    #[test]
    fn nothing_we_write_breaks_out_of_its_line() {
        let mut writer = Writer::request(&Method::Bye, "sip:a@h SIP/2.0\r\nVia: evil");
        writer.header(Name::From, "\"a\r\n\r\nb\0\" <sip:a@h>").raw("X: y\r\nZ", "1").raw("l", "7");
        let text = "BYE sip:a@h SIP/2.0\r\nFrom: \"a    b \" <sip:a@h>\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(writer.end(), text);
    }
}
