//! `;name=value` parameters of headers and URIs.

use super::fault::SyntaxError;
use super::text::{BLANK, TOKEN, VALUE, find, find_bare, quoted_end, span_of, split, trim};

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
        self.pieces().map(|piece| match split(piece, b'=') {
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
        const FAULT: SyntaxError = SyntaxError("malformed parameter");
        let text = trim(text);
        if text.is_empty() {
            return Ok(Self::default());
        }
        let params = text.strip_prefix(';').ok_or(FAULT)?;
        let mut rest = params;
        loop {
            rest = header_param(rest).ok_or(FAULT)?;
            if rest.is_empty() {
                return Ok(Self { text: trim(params) });
            }
        }
    }

    /// Parameters that were checked, without their leading `;`.
    pub(super) const fn of_checked(text: &'a str) -> Self {
        Self { text }
    }

    /// Each as written.
    #[inline]
    pub(super) fn pieces(&self) -> Pieces<'a> {
        Pieces {
            rest: (!self.text.is_empty()).then_some(self.text),
            quoted: find(self.text.as_bytes(), b'"').is_some(),
        }
    }
}

/// Steps over one parameter and the `;` behind it. Nothing is left after the last; a `;` there is a fault.
fn header_param(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    let mut at = span_of(bytes, BLANK);
    let name = span_of(bytes.get(at..)?, TOKEN);
    if name == 0 {
        return None;
    }
    at += name;
    at += span_of(bytes.get(at..)?, BLANK);
    if bytes.get(at) == Some(&b'=') {
        at += 1;
        at += span_of(bytes.get(at..)?, BLANK);
        let value = text.get(at..)?;
        let len = if value.starts_with('"') { quoted_end(value).ok()? } else { span_of(value.as_bytes(), VALUE) };
        if len == 0 {
            return None;
        }
        at += len;
        at += span_of(bytes.get(at..)?, BLANK);
    }
    match bytes.get(at) {
        None => Some(""),
        Some(b';') => text.get(at + 1..).filter(|rest| !rest.is_empty()),
        Some(_) => None,
    }
}

pub(super) struct Pieces<'a> {
    rest: Option<&'a str>,
    /// A quote stands somewhere, so semicolons must be looked at with care.
    quoted: bool,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let rest = self.rest?;
        let end = if self.quoted { find_bare(rest, b';') } else { find(rest.as_bytes(), b';') };
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
