//! The parameters of a challenge or of credentials.

use std::borrow::Cow;

/// Parameters looked at in one header; RFC 7616 knows eleven.
const FIELDS_MAX: usize = 32;

/// Walks `name=value` and `name="value"` pairs after the scheme. Ends at what it does not understand.
pub(super) struct Fields<'a> {
    rest: &'a str,
    left: usize,
}

impl<'a> Fields<'a> {
    /// `None` unless the scheme is Digest.
    pub fn of(header: &'a str) -> Option<Self> {
        let header = header.trim_start();
        let (scheme, rest) = header.split_once([' ', '\t'])?;
        scheme.eq_ignore_ascii_case("digest").then_some(Self { rest, left: FIELDS_MAX })
    }

    /// The value of a quoted string that starts after its opening quote, and what follows the closing one.
    fn quoted(text: &'a str) -> Option<(Cow<'a, str>, &'a str)> {
        let mut escaped = false;
        let mut plain = true;
        for (at, byte) in text.bytes().enumerate() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => (escaped, plain) = (true, false),
                b'"' => {
                    let inside = &text[..at];
                    let value = if plain { Cow::Borrowed(inside) } else { Cow::Owned(unescaped(inside)) };
                    return Some((value, &text[at + 1..]));
                }
                _ => {}
            }
        }
        None
    }
}

fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        out.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    out
}

impl<'a> Iterator for Fields<'a> {
    type Item = (&'a str, Cow<'a, str>);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let text = self.rest.trim_start_matches([',', ' ', '\t', '\r', '\n']);
        let (name, text) = text.split_once('=')?;
        let text = text.trim_start();
        let (value, rest) = match text.strip_prefix('"') {
            Some(inside) => Self::quoted(inside)?,
            None => {
                let end = text.find(',').unwrap_or(text.len());
                (Cow::Borrowed(text[..end].trim_end()), &text[end..])
            }
        };
        self.rest = rest;
        Some((name.trim(), value))
    }
}
