//! Messages out of a stream (RFC 3261 §18.3, RFC 5626 §3.5.1).

use std::fmt;

use bytes::{Buf, Bytes, BytesMut};

use super::malformed::Malformed;
use super::name::Name;
use super::parse::Fault;
use super::scan::{self, Lines};
use super::text::number;
use super::{MESSAGE_MAX, SyntaxError};

/// Cuts a stream into messages. Push what was read, then take frames until there is none.
///
/// It never holds more than one message that is not yet whole and what was last pushed. After an error the stream can't
/// be followed any more: answer if the error says so, and close.
#[derive(Debug, Default)]
pub struct Framer {
    buffer: BytesMut,
    /// No end of a head begins before this place.
    looked: usize,
    /// Length of the message at the front, once its head is whole.
    whole: Option<usize>,
    failed: Option<FrameError>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Frame {
    /// One message, for [`super::Message::parse`].
    Message(Bytes),
    /// A double CRLF: to be answered by a single one.
    KeepAlive,
}

/// The stream lost its framing.
#[derive(Clone, Debug)]
pub struct FrameError {
    pub reason: &'static str,
    /// What to send before closing.
    pub answer: Option<Bytes>,
}

impl Framer {
    /// Adds what was read from the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.failed.is_none() {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// The next whole frame; `None` until more is pushed.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        if self.whole.is_none() {
            if let Some(pong) = self.blank_lines() {
                return Ok(Some(pong));
            }
            self.whole = match self.length() {
                Ok(length) => length,
                Err(error) => return Err(self.fail(error)),
            };
        }
        let Some(length) = self.whole.filter(|length| *length <= self.buffer.len()) else { return Ok(None) };
        self.whole = None;
        self.looked = 0;
        Ok(Some(Frame::Message(self.buffer.split_to(length).freeze())))
    }

    /// Something is here that is not yet a whole message. A line end is none: it is a pong, or half of a ping.
    pub fn is_partial(&self) -> bool {
        !matches!(&self.buffer[..], [] | [b'\r'] | [b'\r', b'\n'])
    }

    /// Takes line ends between messages; two of them ask for a pong.
    fn blank_lines(&mut self) -> Option<Frame> {
        loop {
            if self.buffer.starts_with(b"\r\n\r\n") {
                self.buffer.advance(4);
                return Some(Frame::KeepAlive);
            }
            // A single one may be the first half of a ping, so it stays until something else follows.
            if !self.buffer.starts_with(b"\r\n") || matches!(self.buffer.get(2), None | Some(b'\r')) {
                return None;
            }
            self.buffer.advance(2);
        }
    }

    /// Length of the message at the front. A limit is hit before anything is kept for it.
    fn length(&mut self) -> Result<Option<usize>, Fault> {
        let blank = if self.buffer.starts_with(b"\r") { 2 } else { 0 };
        let from = self.looked.max(blank);
        let found = self.buffer.get(from..).and_then(|new| new.windows(4).position(|end| end == b"\r\n\r\n"));
        let Some(end) = found.map(|at| from + at + 4) else {
            self.looked = self.buffer.len().saturating_sub(3);
            return if self.buffer.len() > MESSAGE_MAX { Err(Fault::too_large()) } else { Ok(None) };
        };
        let length = content_length(self.buffer.get(..end).unwrap_or_default())?;
        match end.checked_add(length).filter(|length| *length <= MESSAGE_MAX) {
            Some(length) => Ok(Some(length)),
            None => Err(Fault::too_large()),
        }
    }

    fn fail(&mut self, fault: Fault) -> FrameError {
        self.buffer.truncate(MESSAGE_MAX);
        let malformed = Malformed::new(std::mem::take(&mut self.buffer).freeze(), fault);
        let error = FrameError { reason: malformed.reason, answer: malformed.answer() };
        self.failed = Some(FrameError { answer: None, ..error.clone() });
        error
    }
}

/// On a stream the length is compulsory and said once, or what follows could be taken for another message.
fn content_length(head: &[u8]) -> Result<usize, Fault> {
    const FAULT: SyntaxError = SyntaxError("Malformed Content-Length header field");
    let mut lines = Lines::new();
    scan::head(head, &mut lines)?;
    let line = lines.iter().find(|line| line.name == Name::ContentLength);
    let line = line.ok_or(SyntaxError("Missing Content-Length header field"))?;
    let value = std::str::from_utf8(line.value.bytes_of(head)).map_err(|_| FAULT)?;
    Ok(number(value, u32::MAX).and_then(|length| usize::try_from(length).ok()).ok_or(FAULT)?)
}

/// A datagram that only keeps a flow open (RFC 5626 §3.5, and what older phones send): line ends and NULs, or nothing.
pub fn is_keep_alive(datagram: &[u8]) -> bool {
    datagram.len() <= 8 && datagram.iter().all(|b| matches!(b, b'\r' | b'\n' | 0))
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason)
    }
}

impl std::error::Error for FrameError {}
