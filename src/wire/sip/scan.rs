//! The single pass over the head of a message: where its lines begin and end.

use std::ops::Range;

use smallvec::SmallVec;

use super::fault::SyntaxError;
use super::name::Name;
use super::parse::Fault;
use super::text::{BLANK, TOKEN, find, span_of};
use super::{HEADER_LINE_MAX, HEADERS_MAX, SAME_HEADER_MAX};

/// A piece of the head. It starts below [`super::MESSAGE_MAX`] and is at most [`HEADER_LINE_MAX`] long.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Span {
    start: u16,
    len: u16,
}

impl Span {
    /// `None` when the piece lies beyond what a message may be.
    #[inline]
    pub fn new(start: usize, end: usize) -> Option<Self> {
        Some(Self { start: u16::try_from(start).ok()?, len: u16::try_from(end.checked_sub(start)?).ok()? })
    }

    /// Where `piece`, which is a part of `head`, stands in it. An empty piece may stand anywhere.
    #[inline]
    pub fn within(head: &str, piece: &str) -> Self {
        let start = (piece.as_ptr() as usize).wrapping_sub(head.as_ptr() as usize);
        Self::new(start, start.wrapping_add(piece.len())).unwrap_or_default()
    }

    #[inline]
    pub fn of(self, head: &str) -> &str {
        head.get(self.range()).unwrap_or_default()
    }

    pub fn bytes_of(self, head: &[u8]) -> &[u8] {
        head.get(self.range()).unwrap_or_default()
    }

    pub fn range(self) -> Range<usize> {
        let start = usize::from(self.start);
        start..start + usize::from(self.len)
    }
}

/// One header line: its name as written and its value without the blanks around it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    pub name: Name,
    pub label: Span,
    pub value: Span,
}

/// Lines while they are being found: on the stack, so that a message costs one allocation however many it has.
pub(super) type Lines = SmallVec<[Line; HEADERS_MAX]>;

pub(super) struct Head {
    pub start_line: Span,
    /// Where the body starts.
    pub end: usize,
    /// Some value runs over several lines.
    pub folded: bool,
}

const TOO_LONG: SyntaxError = SyntaxError("Header line too long");

/// Finds the lines of `bytes`, which is at most [`super::MESSAGE_MAX`] long.
pub(super) fn head(bytes: &[u8], lines: &mut Lines) -> Result<Head, Fault> {
    let start_end = line_end(bytes, 0)?;
    if start_end > HEADER_LINE_MAX {
        return Err(SyntaxError("Start line too long").into());
    }
    let start_line = Span::new(0, start_end).ok_or(TOO_LONG)?;
    let mut counts = [0_u8; Name::COUNT];
    let mut folded = false;
    let mut at = start_end + 2;
    loop {
        if bytes.get(at..).is_some_and(|rest| rest.starts_with(b"\r\n")) {
            return Ok(Head { start_line, end: at + 2, folded });
        }
        let (name, label, lead) = line_start(bytes.get(at..).unwrap_or_default())?;
        let mut end = line_end(bytes, at + lead)?;
        while matches!(bytes.get(end + 2), Some(b' ' | b'\t')) {
            folded = true;
            end = line_end(bytes, end + 2)?;
        }
        if end - at > HEADER_LINE_MAX {
            return Err(TOO_LONG.into());
        }
        count(&mut counts, name)?;
        if lines.len() == HEADERS_MAX {
            return Err(SyntaxError("Too many header lines").into());
        }
        let value = value_span(bytes, at + lead, end).ok_or(TOO_LONG)?;
        lines.push(Line { name, label: Span::new(at, at + label).ok_or(TOO_LONG)?, value });
        at = end + 2;
    }
}

fn count(counts: &mut [u8; Name::COUNT], name: Name) -> Result<(), Fault> {
    let Some(count) = counts.get_mut(name as usize) else { return Ok(()) };
    // Unknown headers are not one kind; the bound on all lines holds for them.
    if *count > 0 && name != Name::Other {
        if name.is_single() {
            return Err(Fault::in_header(name, SyntaxError("more than one")));
        }
        if usize::from(*count) == SAME_HEADER_MAX {
            return Err(SyntaxError("Too many header lines of a kind").into());
        }
    }
    *count = count.saturating_add(1);
    Ok(())
}

/// `Name :` and the blanks behind it (RFC 3261 §7.3.1): the name, how long it is written, and where the value begins.
#[inline]
fn line_start(line: &[u8]) -> Result<(Name, usize, usize), SyntaxError> {
    const FAULT: SyntaxError = SyntaxError("Malformed header name");
    let colon = find(line, b':').ok_or(FAULT)?;
    let mut label = line.get(..colon).unwrap_or_default();
    while let [rest @ .., b' ' | b'\t'] = label {
        label = rest;
    }
    let name = Name::of(label);
    // Known names are tokens by themselves; of others nothing is known yet, not even that they end in this line.
    if name == Name::Other && (label.is_empty() || span_of(label, TOKEN) < label.len()) {
        return Err(FAULT);
    }
    let blanks = span_of(line.get(colon + 1..).unwrap_or_default(), BLANK);
    Ok((name, label.len(), colon + 1 + blanks))
}

/// The value without the blanks and folds around it.
#[inline]
fn value_span(bytes: &[u8], start: usize, end: usize) -> Option<Span> {
    let mut value = bytes.get(start..end)?;
    while let [b' ' | b'\t' | b'\r' | b'\n', rest @ ..] = value {
        value = rest;
    }
    let start = end - value.len();
    while let [rest @ .., b' ' | b'\t' | b'\r' | b'\n'] = value {
        value = rest;
    }
    Span::new(start, start + value.len())
}

/// The CR of the CRLF that ends the line at `from`. Other control characters are only allowed as quoted pairs.
#[inline]
fn line_end(bytes: &[u8], from: usize) -> Result<usize, SyntaxError> {
    let mut at = from;
    loop {
        at = next_control(bytes, at).ok_or(SyntaxError("Unterminated message head"))?;
        match bytes.get(at..) {
            Some([b'\r', b'\n', ..]) => return Ok(at),
            Some([b'\t', ..]) => {}
            Some([b'\r' | b'\n', ..]) => return Err(SyntaxError("Line end is not CRLF")),
            _ if at > from && bytes.get(at - 1) == Some(&b'\\') => {}
            _ => return Err(SyntaxError("Control character in message head")),
        }
        at += 1;
    }
}

/// The next octet below 0x20 or equal to 0x7F, sixteen octets at a time.
#[inline]
fn next_control(bytes: &[u8], from: usize) -> Option<usize> {
    let (chunks, rest) = bytes.get(from..)?.as_chunks::<16>();
    let mut at = from;
    for chunk in chunks {
        // Without a branch inside, the compiler makes one comparison of sixteen octets of it.
        if chunk.iter().fold(false, |found, byte| found | byte.is_ascii_control()) {
            let (low, high) = chunk.split_at(8);
            return Some(at + control_in(low).or_else(|| Some(8 + control_in(high)?))?);
        }
        at += 16;
    }
    rest.iter().position(u8::is_ascii_control).map(|found| at + found)
}

/// The lowest control octet of eight.
#[inline]
fn control_in(eight: &[u8]) -> Option<usize> {
    const LOW: u64 = 0x2020_2020_2020_2020;
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let x = u64::from_le_bytes(*eight.first_chunk()?);
    let deleted = x ^ (ONES * 0x7F);
    // Borrows only run upwards, so the lowest octet found is a true one.
    let found = ((x.wrapping_sub(LOW) & !x) | (deleted.wrapping_sub(ONES) & !deleted)) & HIGH;
    (found != 0).then(|| found.trailing_zeros() as usize / 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_control_octet_is_found_at_every_offset() {
        for at in 0..40 {
            for control in [0, 9, 10, 13, 31, 127] {
                let mut bytes = vec![b'\xC3'; 41];
                bytes[at] = control;
                for from in 0..=at {
                    assert_eq!(next_control(&bytes, from), Some(at), "{control} at {at} from {from}");
                }
                assert_eq!(next_control(&bytes, at + 1), None);
            }
        }
        for byte in (0x20..0x7F).chain(0x80..=0xFF) {
            assert_eq!(next_control(&[byte; 19], 0), None, "{byte}");
        }
    }
}
