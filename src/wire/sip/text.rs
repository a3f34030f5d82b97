//! The lexical ground of every header: tokens, quoted strings, comma lists (RFC 3261 §25.1).

use std::borrow::Cow;
use std::fmt;

use super::fault::SyntaxError;

/// Of a token.
pub(super) const TOKEN: u8 = 1;
/// Of the user or password of a URI, escapes apart.
pub(super) const USER: u8 = 2;
/// Of a host name or IPv4 address.
pub(super) const HOST: u8 = 4;
/// Of the parameters of a URI.
pub(super) const URI_PARAM: u8 = 8;
/// What begins the headers of a URI and may stand in them.
pub(super) const QUESTION: u8 = 16;
/// Of a header parameter's value that is not quoted: token or host, whose colons and brackets belong to it.
pub(super) const VALUE: u8 = 32;
/// Blank or tab.
pub(super) const BLANK: u8 = 64;

/// What each octet may be part of.
const CLASS: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let alphanumeric = byte < 128 && (byte as u8).is_ascii_alphanumeric();
        table[byte] = if alphanumeric { TOKEN | USER | HOST | URI_PARAM } else { 0 };
        if byte > 0x20 && byte != 0x7F {
            table[byte] |= VALUE;
        }
        byte += 1;
    }
    mark(&mut table, b"-.!%*_+`'~", TOKEN);
    // `#` is not in the grammar, but phones dial it unescaped.
    mark(&mut table, b"-_.!~*'()&=+$,;?/#[]", USER);
    mark(&mut table, b"-._", HOST);
    mark(&mut table, b"-_.!~*'()&=+$,;/%#[]:|^`{}", URI_PARAM);
    mark(&mut table, b"?", QUESTION);
    mark(&mut table, b" \t", BLANK);
    let mut at = 0;
    while at < NO_VALUE.len() {
        table[NO_VALUE[at] as usize] &= !VALUE;
        at += 1;
    }
    table
}

const NO_VALUE: &[u8] = b"\",;<>\\";

const fn mark(table: &mut [u8; 256], bytes: &[u8], class: u8) {
    let mut at = 0;
    while at < bytes.len() {
        table[bytes[at] as usize] |= class;
        at += 1;
    }
}

#[inline]
pub(super) fn is(byte: u8, class: u8) -> bool {
    CLASS[usize::from(byte)] & class != 0
}

/// How many octets of `class` stand at the front.
#[inline]
pub(super) fn span_of(bytes: &[u8], class: u8) -> usize {
    bytes.iter().position(|b| !is(*b, class)).unwrap_or(bytes.len())
}

/// Where `wanted`, an ASCII octet, first stands; eight octets at a time.
#[inline]
pub(super) fn find(bytes: &[u8], wanted: u8) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let mut at = 0;
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        let x = u64::from_le_bytes(*word) ^ (ONES * u64::from(wanted));
        let found = x.wrapping_sub(ONES) & !x & HIGH;
        if found != 0 {
            return Some(at + found.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    rest.iter().position(|b| *b == wanted).map(|found| at + found)
}

/// Before and behind the first `wanted`, an ASCII octet.
#[inline]
pub(super) fn split(text: &str, wanted: u8) -> Option<(&str, &str)> {
    let at = find(text.as_bytes(), wanted)?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

pub(super) fn is_token(text: &str) -> bool {
    !text.is_empty() && span_of(text.as_bytes(), TOKEN) == text.len()
}

/// User or password of a URI: no blank, `@` or `:`; every `%` starts an escape.
pub(super) fn is_user(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| is(b, USER) || b == b'%') && escapes_hold(text)
}

/// May stand in a URI of any scheme.
pub(super) fn is_uri(byte: u8) -> bool {
    is(byte, URI_PARAM | QUESTION) || byte == b'@'
}

/// Every `%` is followed by two hexadecimal digits.
pub(super) fn escapes_hold(text: &str) -> bool {
    let hex = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_hexdigit());
    text.split('%').skip(1).all(|rest| {
        let mut bytes = rest.bytes();
        hex(bytes.next()) && hex(bytes.next())
    })
}

/// Without the blanks on both sides.
#[inline]
pub(super) fn trim(text: &str) -> &str {
    text.trim_ascii()
}

/// Digits only and within `max`; leading zeros are allowed.
pub(super) fn number(text: &str, max: u32) -> Option<u32> {
    if text.is_empty() {
        return None;
    }
    let value = text.bytes().try_fold(0_u32, |value, byte| {
        let digit = byte.is_ascii_digit().then(|| u32::from(byte - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    })?;
    (value <= max).then_some(value)
}

/// Where the quoted string that opens `text` ends, past its closing quote.
pub(super) fn quoted_end(text: &str) -> Result<usize, SyntaxError> {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Ok(at + 1),
            _ => {}
        }
    }
    Err(SyntaxError("unterminated quoted string"))
}

/// Where `wanted` first stands outside quotes and angle brackets.
pub(super) fn find_bare(text: &str, wanted: u8) -> Option<usize> {
    let mut quoted = false;
    let mut escaped = false;
    let mut angle = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' if !angle => quoted = !quoted,
            _ if quoted => {}
            b'<' => angle = true,
            b'>' => angle = false,
            _ if byte == wanted && !angle => return Some(at),
            _ => {}
        }
    }
    None
}

/// The elements of a comma list, trimmed; commas inside quotes and angle brackets do not part.
pub fn list(text: &str) -> List<'_> {
    List { rest: (!text.is_empty()).then_some(text) }
}

#[derive(Clone, Debug)]
pub struct List<'a> {
    rest: Option<&'a str>,
}

impl<'a> Iterator for List<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let rest = self.rest?;
        // Most headers hold one element, so a comma is looked for before it is looked at.
        let comma = find(rest.as_bytes(), b',').is_some().then(|| find_bare(rest, b',')).flatten();
        let (element, rest) = match comma.and_then(|at| rest.split_at_checked(at)) {
            Some((element, rest)) => (element, rest.get(1..)),
            None => (rest, None),
        };
        self.rest = rest;
        Some(trim(element))
    }
}

/// The text of a quoted string without its quotes and escapes; anything else as it is.
pub fn unquoted(text: &str) -> Cow<'_, str> {
    let Some(inner) = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')) else { return Cow::Borrowed(text) };
    if find(inner.as_bytes(), b'\\').is_none() {
        return Cow::Borrowed(inner);
    }
    let mut plain = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(char) = chars.next() {
        plain.extend(if char == '\\' { chars.next() } else { Some(char) });
    }
    Cow::Owned(plain)
}

/// Writes `text` as a quoted string (RFC 3261 §25.1), escaped; control characters become blanks.
pub fn quoted(text: &str) -> impl fmt::Display + '_ {
    fmt::from_fn(move |f| {
        f.write_str("\"")?;
        for char in text.chars() {
            match char {
                '"' | '\\' => write!(f, "\\{char}")?,
                _ if char.is_control() => f.write_str(" ")?,
                _ => write!(f, "{char}")?,
            }
        }
        f.write_str("\"")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_in_quotes_and_angles_do_not_part_a_list() {
        let text = r#""Ann, \"x, y\"" <sip:a,b@h>;q=1 , <sip:c@h>,, d"#;
        let elements: Vec<_> = list(text).collect();
        assert_eq!(elements, [r#""Ann, \"x, y\"" <sip:a,b@h>;q=1"#, "<sip:c@h>", "", "d"]);
        assert_eq!(list("").count(), 0);
    }

    #[test]
    fn quoting_and_unquoting_are_inverse() {
        for text in ["", "plain", r#"a "b" \c"#, "Ünïcode", r"\"] {
            assert_eq!(unquoted(&quoted(text).to_string()), text);
        }
        assert_eq!(quoted("a\r\nVia: x").to_string(), "\"a  Via: x\"");
    }

    #[test]
    fn numbers_are_digits_within_their_bound() {
        assert_eq!(number("0068", 255), Some(68));
        for bad in ["", "-1", "+1", "256", "4294967301", "99999999999999999999", "1 ", "0x1"] {
            assert_eq!(number(bad, 255), None, "{bad}");
        }
    }
}
