//! The single pass over the head of a message: where its lines begin and end.

use std::ops::Range;

use smallvec::SmallVec;

use super::fault::SyntaxError;
use super::name::Name;
use super::text::is_token_byte;
use super::{HEADER_LINE_MAX, HEADERS_MAX, SAME_HEADER_MAX};

/// A piece of the head. It starts below [`super::MESSAGE_MAX`] and is at most [`HEADER_LINE_MAX`] long.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Span {
    start: u16,
    len: u16,
}

impl Span {
    /// `None` when the piece lies beyond what a message may be.
    pub fn new(start: usize, end: usize) -> Option<Self> {
        Some(Self { start: u16::try_from(start).ok()?, len: u16::try_from(end.checked_sub(start)?).ok()? })
    }

    pub fn of(self, head: &str) -> &str {
        head.get(self.range()).unwrap_or_default()
    }

    pub fn bytes_of(self, head: &[u8]) -> &[u8] {
        head.get(self.range()).unwrap_or_default()
    }

    fn range(self) -> Range<usize> {
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
pub(super) fn head(bytes: &[u8], lines: &mut Lines) -> Result<Head, SyntaxError> {
    let start_end = line_end(bytes, 0)?;
    if start_end > HEADER_LINE_MAX {
        return Err(SyntaxError("Start line too long"));
    }
    let start_line = Span::new(0, start_end).ok_or(TOO_LONG)?;
    let mut counts = [0_u8; Name::COUNT];
    let mut folded = false;
    let mut at = start_end + 2;
    loop {
        let first = line_end(bytes, at)?;
        if first == at {
            return Ok(Head { start_line, end: at + 2, folded });
        }
        let mut end = first;
        while matches!(bytes.get(end + 2), Some(b' ' | b'\t')) {
            folded = true;
            end = line_end(bytes, end + 2)?;
        }
        let line = header_line(bytes, at, end)?;
        count(&mut counts, line.name)?;
        if lines.len() == HEADERS_MAX {
            return Err(SyntaxError("Too many header lines"));
        }
        lines.push(line);
        at = end + 2;
    }
}

fn count(counts: &mut [u8; Name::COUNT], name: Name) -> Result<(), SyntaxError> {
    // Unknown headers are not one kind; the bound on all lines holds for them.
    if name != Name::Other
        && let Some(count) = counts.get_mut(name as usize)
    {
        *count = count.saturating_add(1);
        if usize::from(*count) > SAME_HEADER_MAX {
            return Err(SyntaxError("Too many header lines of a kind"));
        }
    }
    Ok(())
}

/// `Name : value` (RFC 3261 §7.3.1): blanks may stand before the colon and around the value.
fn header_line(bytes: &[u8], start: usize, end: usize) -> Result<Line, SyntaxError> {
    if end - start > HEADER_LINE_MAX {
        return Err(TOO_LONG);
    }
    let line = bytes.get(start..end).unwrap_or_default();
    let label = line.iter().position(|b| !is_token_byte(*b)).ok_or(SyntaxError("Header line without colon"))?;
    let rest = line.get(label..).unwrap_or_default();
    let gap = rest.iter().position(|b| !is_blank(*b)).ok_or(SyntaxError("Header line without colon"))?;
    if label == 0 || rest.get(gap) != Some(&b':') {
        return Err(SyntaxError("Malformed header name"));
    }
    let value = rest.get(gap + 1..).unwrap_or_default();
    let lead = value.iter().position(|b| !is_blank(*b)).unwrap_or(value.len());
    let tail = value.iter().rposition(|b| !is_blank(*b)).map_or(value.len(), |last| last + 1);
    let from = start + label + gap + 1;
    Ok(Line {
        name: Name::of(line.get(..label).unwrap_or_default()),
        label: Span::new(start, start + label).ok_or(TOO_LONG)?,
        value: Span::new(from + lead, from + tail).ok_or(TOO_LONG)?,
    })
}

const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// The CR of the CRLF that ends the line at `from`. Other control characters are only allowed as quoted pairs.
fn line_end(bytes: &[u8], from: usize) -> Result<usize, SyntaxError> {
    let mut at = from;
    loop {
        at = next_control(bytes, at).ok_or(SyntaxError("Unterminated message head"))?;
        match bytes.get(at) {
            Some(b'\r') if bytes.get(at + 1) == Some(&b'\n') => return Ok(at),
            Some(b'\t') => {}
            Some(b'\r' | b'\n') => return Err(SyntaxError("Line end is not CRLF")),
            _ if at > from && bytes.get(at - 1) == Some(&b'\\') => {}
            _ => return Err(SyntaxError("Control character in message head")),
        }
        at += 1;
    }
}

/// The next octet below 0x20 or equal to 0x7F, eight octets at a time.
fn next_control(bytes: &[u8], from: usize) -> Option<usize> {
    const LOW: u64 = 0x2020_2020_2020_2020;
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let (words, rest) = bytes.get(from..)?.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let x = u64::from_le_bytes(*word);
        let deleted = x ^ (ONES * 0x7F);
        // Borrows only run upwards, so the lowest octet found is a true one.
        let found = ((x.wrapping_sub(LOW) & !x) | (deleted.wrapping_sub(ONES) & !deleted)) & HIGH;
        if found != 0 {
            return Some(from + index * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    rest.iter().position(|b| b.is_ascii_control()).map(|at| from + words.len() * 8 + at)
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
