//! The lexical ground of every header: tokens, quoted strings, comma lists (RFC 3261 §25.1).

use std::borrow::Cow;
use std::fmt;

use super::fault::SyntaxError;

const TOKEN: u8 = 1;
const USER: u8 = 2;
const HOST: u8 = 4;
const URI: u8 = 8;

/// What each octet may be part of.
const CLASS: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    mark(&mut table, b"-.!%*_+`'~", TOKEN);
    // `#` is not in the grammar, but phones dial it unescaped.
    mark(&mut table, b"-_.!~*'()&=+$,;?/%#[]", USER);
    mark(&mut table, b"-._", HOST);
    mark(&mut table, b"-_.!~*'()&=+$,;?/%#[]:@|^`{}", URI);
    let mut byte = 0;
    while byte < 128 {
        if (byte as u8).is_ascii_alphanumeric() {
            table[byte] = TOKEN | USER | HOST | URI;
        }
        byte += 1;
    }
    table
}

const fn mark(table: &mut [u8; 256], bytes: &[u8], class: u8) {
    let mut at = 0;
    while at < bytes.len() {
        table[bytes[at] as usize] |= class;
        at += 1;
    }
}

fn all(text: &str, class: u8) -> bool {
    !text.is_empty() && text.bytes().all(|b| CLASS[usize::from(b)] & class != 0)
}

pub(super) fn is_token_byte(byte: u8) -> bool {
    CLASS[usize::from(byte)] & TOKEN != 0
}

pub(super) fn is_token(text: &str) -> bool {
    all(text, TOKEN)
}

/// User or password of a URI: no blank, `@` or `:`; every `%` starts an escape.
pub(super) fn is_user(text: &str) -> bool {
    all(text, USER) && escapes_hold(text)
}

pub(super) fn is_host_name(text: &str) -> bool {
    all(text, HOST)
}

/// What may stand in a URI of any scheme.
pub(super) fn is_uri(text: &str) -> bool {
    all(text, URI)
}

fn escapes_hold(text: &str) -> bool {
    let hex = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_hexdigit());
    text.split('%').skip(1).all(|rest| {
        let mut bytes = rest.bytes();
        hex(bytes.next()) && hex(bytes.next())
    })
}

/// Without the blanks on both sides.
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
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
        let (element, rest) = match find_bare(rest, b',').and_then(|at| rest.split_at_checked(at)) {
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
    if !inner.contains('\\') {
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
