//! `;name=value` parameters of headers and URIs.

use super::fault::SyntaxError;
use super::text::{find_bare, is_token, quoted_end, trim};

/// Parameters behind a header value or URI, read when asked for. Names are case-insensitive.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Params<'a> {
    /// Without the leading `;`.
    text: &'a str,
}

impl<'a> Params<'a> {
    /// The outer `Option` says whether the parameter is there, the inner one whether it has a value. The value of a
    /// quoted string comes without its quotes, its escapes as written.
    pub fn get(&self, name: &str) -> Option<Option<&'a str>> {
        self.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The value of a parameter that is there and has one.
    pub fn value(&self, name: &str) -> Option<&'a str> {
        self.get(name).flatten()
    }

    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&'a str, Option<&'a str>)> + use<'a> {
        self.pieces().map(|piece| match piece.split_once('=') {
            Some((name, value)) => (trim(name), Some(bare(trim(value)))),
            None => (piece, None),
        })
    }

    /// As written, without the leading `;`.
    pub fn as_str(&self) -> &'a str {
        self.text
    }

    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Parameters of a header: `text` is empty or starts with `;`.
    pub(super) fn of_header(text: &'a str) -> Result<Self, SyntaxError> {
        let params = Self::after_semicolon(text)?;
        for piece in params.pieces() {
            let (name, value) = piece.split_once('=').map_or((piece, None), |(name, value)| (name, Some(value)));
            if !is_token(trim(name)) || !value.is_none_or(|value| is_header_value(trim(value))) {
                return Err(SyntaxError("malformed parameter"));
            }
        }
        Ok(params)
    }

    /// Parameters of a URI, whose characters are known to be good: `text` is empty or starts with `;`.
    pub(super) fn of_uri(text: &'a str) -> Result<Self, SyntaxError> {
        let params = Self::after_semicolon(text)?;
        if params.pieces().any(|piece| piece.is_empty() || piece.starts_with('=')) {
            return Err(SyntaxError("malformed URI parameter"));
        }
        Ok(params)
    }

    fn pieces(&self) -> Pieces<'a> {
        Pieces { rest: (!self.text.is_empty()).then_some(self.text), quoted: self.text.contains('"') }
    }

    fn after_semicolon(text: &'a str) -> Result<Self, SyntaxError> {
        let text = trim(text);
        if text.is_empty() {
            return Ok(Self::default());
        }
        match text.strip_prefix(';') {
            Some(rest) if !trim(rest).is_empty() => Ok(Self { text: trim(rest) }),
            Some(_) | None => Err(SyntaxError("malformed parameter")),
        }
    }
}

struct Pieces<'a> {
    rest: Option<&'a str>,
    /// A quote stands somewhere, so semicolons must be looked at with care.
    quoted: bool,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let rest = self.rest?;
        let end = if self.quoted { find_bare(rest, b';') } else { rest.bytes().position(|b| b == b';') };
        let (piece, rest) = match end.and_then(|at| rest.split_at_checked(at)) {
            Some((piece, rest)) => (piece, rest.get(1..)),
            None => (rest, None),
        };
        self.rest = rest;
        Some(trim(piece))
    }
}

fn bare(value: &str) -> &str {
    value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or(value)
}

/// Token, host or quoted string; colons and brackets of IPv6 addresses included.
fn is_header_value(value: &str) -> bool {
    if value.starts_with('"') {
        return quoted_end(value) == Ok(value.len());
    }
    !value.is_empty() && value.bytes().all(|b| b > b' ' && !matches!(b, b'"' | b',' | b'<' | b'>' | b'\\' | 0x7F))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_found_whatever_stands_around_them() {
        let params = Params::of_header(r#"; TAG = 1 ;lr;note="a;b\"c" ; v6=[::1]"#).unwrap();
        assert_eq!(params.get("tag"), Some(Some("1")));
        assert_eq!(params.get("LR"), Some(None));
        assert_eq!(params.value("note"), Some(r#"a;b\"c"#));
        assert_eq!(params.value("v6"), Some("[::1]"));
        assert_eq!(params.get("absent"), None);
        for bad in [";", ";;a", ";a;", ";a=", "a=1", ";=1", ";a b", ";a=\"x", ";a=<x>"] {
            assert!(Params::of_header(bad).is_err(), "{bad}");
        }
    }
}
