//! `"Display" <uri>;params`, the value of From, To, Contact, Route and their like (RFC 3261 §20.10).

use std::borrow::Cow;

use super::fault::SyntaxError;
use super::params::Params;
use super::text::{quoted_end, trim, unquoted};
use super::uri::Uri;

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NameAddr<'a> {
    /// Without quotes and escapes; `None` when there is none or it is empty.
    pub display: Option<Cow<'a, str>>,
    pub uri: Uri<'a>,
    pub uri_text: &'a str,
    /// Those of the header, not of the URI.
    pub params: Params<'a>,
}

/// The same with the display name as written.
pub(super) struct Pieces<'a> {
    pub display: &'a str,
    pub uri: Uri<'a>,
    pub uri_text: &'a str,
    pub params: Params<'a>,
}

impl<'a> NameAddr<'a> {
    /// One value of the header, without a list around it.
    pub fn parse(text: &'a str) -> Result<Self, SyntaxError> {
        let Pieces { display, uri, uri_text, params } = Pieces::parse(text)?;
        let display = Some(unquoted(display)).filter(|display| !display.is_empty());
        Ok(Self { display, uri, uri_text, params })
    }

    pub fn tag(&self) -> Option<&'a str> {
        self.params.value("tag")
    }
}

impl<'a> Pieces<'a> {
    pub fn parse(text: &'a str) -> Result<Self, SyntaxError> {
        let text = trim(text);
        if text.starts_with('"') {
            let (display, rest) = text.split_at_checked(quoted_end(text)?).unwrap_or((text, ""));
            return Self::bracketed(display, trim(rest));
        }
        match text.bytes().position(|b| matches!(b, b'<' | b';')).and_then(|at| text.split_at_checked(at)) {
            Some((display, rest)) if rest.starts_with('<') => {
                // The grammar wants tokens here; only what would make the value ambiguous is refused.
                if display.bytes().any(|b| matches!(b, b',' | b'"' | b'>' | b'\\')) {
                    return Err(SyntaxError("malformed display name"));
                }
                Self::bracketed(trim(display), rest)
            }
            Some((uri, params)) => Self::bare(trim(uri), params),
            None => Self::bare(text, ""),
        }
    }

    #[inline]
    fn bracketed(display: &'a str, text: &'a str) -> Result<Self, SyntaxError> {
        let inner = text.strip_prefix('<').ok_or(SyntaxError("display name without angle brackets"))?;
        let (uri, len) = Uri::at_front(inner)?;
        let (uri_text, rest) = inner.split_at_checked(len).unwrap_or((inner, ""));
        let params = rest.strip_prefix('>').ok_or(SyntaxError("malformed URI in angle brackets"))?;
        Ok(Self { display, uri, uri_text, params: Params::of_header(params)? })
    }

    /// Without brackets a comma, question mark or semicolon would be read two ways, so it belongs to the header
    /// (RFC 3261 §20).
    fn bare(uri_text: &'a str, params: &'a str) -> Result<Self, SyntaxError> {
        if uri_text.bytes().any(|b| matches!(b, b',' | b'?')) {
            return Err(SyntaxError("URI needs angle brackets"));
        }
        Ok(Self { display: "", uri: Uri::parse(uri_text)?, uri_text, params: Params::of_header(params)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_an_address_is_read() {
        let quoted = NameAddr::parse(r#""Ann \"A\" <x>;," <sip:ann@h;lr> ; tag = 7"#).unwrap();
        assert_eq!(quoted.display.as_deref(), Some(r#"Ann "A" <x>;,"#));
        assert_eq!((quoted.uri_text, quoted.tag()), ("sip:ann@h;lr", Some("7")));
        assert!(quoted.uri.params.has("lr"));
        let tight = NameAddr::parse("caller<sip:c@h>").unwrap();
        assert_eq!(tight.display.as_deref(), Some("caller"));
        let bare = NameAddr::parse("sip:c@h;tag=1").unwrap();
        assert_eq!((bare.display.clone(), bare.uri.params.has("tag"), bare.tag()), (None, false, Some("1")));
        assert_eq!(NameAddr::parse("\"\" <sip:c@h>").unwrap().display, None);
        assert_eq!(NameAddr::parse("isbn:2983792873").unwrap().uri.scheme, "isbn");
    }

    #[test]
    fn an_ambiguous_address_is_refused() {
        let bad = [
            "",
            "\"A <sip:a@h>",
            "\"A\" sip:a@h",
            "Bell, Alexander <sip:a@h>",
            "<sip:a@h",
            "< sip:a@h >",
            "<sip:a@h>;;",
            "<sip:a@h> x",
            "sip:a@h?Route=x",
            "sip:a,b@h",
            "<>",
        ];
        for text in bad {
            assert!(NameAddr::parse(text).is_err(), "{text}");
        }
    }
}
