//! SIP, SIPS, TEL and any other URI (RFC 3261 §19.1, RFC 3966).

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::fault::SyntaxError;
use super::params::Params;
use super::text::{HOST, QUESTION, URI_PARAM, USER, escapes_hold, find, is, is_uri, is_user, number, span_of, split};

/// A URI of any scheme. `sip` and `sips` are taken apart; of `tel` the number stands in `user`; of others only scheme
/// and `opaque` are known, and the host is `Name("")`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Uri<'a> {
    pub scheme: &'a str,
    /// As written: escapes stay (see [`Uri::user_decoded`]).
    pub user: Option<&'a str>,
    pub password: Option<&'a str>,
    pub host: Host<'a>,
    pub port: Option<u16>,
    pub params: Params<'a>,
    /// Behind the `?`, empty when there are none.
    pub headers: &'a str,
    /// Everything behind the scheme and its colon.
    pub opaque: &'a str,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Host<'a> {
    V4(Ipv4Addr),
    V6(Ipv6Addr),
    Name(&'a str),
}

impl<'a> Uri<'a> {
    pub fn parse(text: &'a str) -> Result<Self, SyntaxError> {
        match Self::at_front(text)? {
            (uri, len) if len == text.len() => Ok(uri),
            _ => Err(MALFORMED),
        }
    }

    /// The URI at the front, up to an octet that belongs to none, and how long it is.
    #[inline]
    pub(super) fn at_front(text: &'a str) -> Result<(Self, usize), SyntaxError> {
        let sip = |head: &[u8; 3]| head.eq_ignore_ascii_case(b"sip");
        match text.as_bytes() {
            [s, i, p, b':', ..] if sip(&[*s, *i, *p]) => Self::sip(text, 3),
            [s, i, p, b's' | b'S', b':', ..] if sip(&[*s, *i, *p]) => Self::sip(text, 4),
            _ => Self::other(text),
        }
    }

    /// `sip` or `sips`.
    pub fn is_sip(&self) -> bool {
        self.scheme.eq_ignore_ascii_case("sip") || self.scheme.eq_ignore_ascii_case("sips")
    }

    /// The user part with its escapes resolved; empty when there is none. What does not decode to UTF-8 stays escaped.
    pub fn user_decoded(&self) -> Cow<'a, str> {
        decoded(self.user.unwrap_or_default())
    }

    /// The value of the first header of that name that stands behind the `?`, with its escapes resolved.
    pub fn header(&self, name: &str) -> Option<Cow<'a, str>> {
        self.headers.split('&').find_map(|field| {
            let (own, value) = field.split_once('=')?;
            own.eq_ignore_ascii_case(name).then(|| decoded(value))
        })
    }

    fn sip(text: &'a str, scheme: usize) -> Result<(Self, usize), SyntaxError> {
        let opaque = text.get(scheme + 1..).unwrap_or_default();
        let (user, password, mut rest) = userinfo(opaque)?;
        let (host, len) = Host::at_front(rest)?;
        rest = rest.get(len..).unwrap_or_default();
        let mut port = None;
        if let Some(digits) = rest.strip_prefix(':') {
            let len = span_of(digits.as_bytes(), HOST);
            port = Some(port_number(digits.get(..len).unwrap_or_default())?);
            rest = digits.get(len..).unwrap_or_default();
        }
        let mut params = Params::default();
        if let Some(text) = rest.strip_prefix(';') {
            let len = uri_params(text.as_bytes())?;
            params = Params::of_checked(text.get(..len).unwrap_or_default());
            rest = text.get(len..).unwrap_or_default();
        }
        let mut headers = "";
        if let Some(text) = rest.strip_prefix('?') {
            let len = span_of(text.as_bytes(), URI_PARAM | QUESTION);
            headers = text.get(..len).filter(|headers| !headers.is_empty()).ok_or(MALFORMED)?;
            rest = text.get(len..).unwrap_or_default();
        }
        let opaque = opaque.get(..opaque.len() - rest.len()).unwrap_or_default();
        let scheme = text.get(..scheme).unwrap_or_default();
        Ok((Self { scheme, user, password, host, port, params, headers, opaque }, text.len() - rest.len()))
    }

    fn other(text: &'a str) -> Result<(Self, usize), SyntaxError> {
        let (scheme, opaque) = split(text, b':').ok_or(SyntaxError("URI without scheme"))?;
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
        if !scheme.starts_with(|c: char| c.is_ascii_alphabetic()) || !scheme.bytes().all(plain) {
            return Err(SyntaxError("malformed URI scheme"));
        }
        let len = opaque.bytes().position(|b| !is_uri(b)).unwrap_or(opaque.len());
        let opaque = opaque.get(..len).filter(|opaque| !opaque.is_empty()).ok_or(MALFORMED)?;
        let (host, params) = (Host::Name(""), Params::default());
        let uri = Self { scheme, user: None, password: None, host, port: None, params, headers: "", opaque };
        let uri = if scheme.eq_ignore_ascii_case("tel") { uri.tel()? } else { uri };
        Ok((uri, scheme.len() + 1 + len))
    }

    fn tel(mut self) -> Result<Self, SyntaxError> {
        let (number, params) = split(self.opaque, b';').unwrap_or((self.opaque, ""));
        if !is_user(number) {
            return Err(SyntaxError("malformed telephone number"));
        }
        self.user = Some(number);
        if number.len() < self.opaque.len() {
            match uri_params(params.as_bytes())? {
                len if len == params.len() => self.params = Params::of_checked(params),
                _ => return Err(MALFORMED),
            }
        }
        Ok(self)
    }
}

const MALFORMED: SyntaxError = SyntaxError("malformed URI");

/// User, password and what follows their `@`; all of `text` when there is none. A user may hold `;`, `?` and `,`, so it is
/// looked for first.
#[inline]
fn userinfo(text: &str) -> Result<(Option<&str>, Option<&str>, &str), SyntaxError> {
    const FAULT: SyntaxError = SyntaxError("malformed user part");
    let mut colon = None;
    let mut escapes = false;
    for (at, byte) in text.bytes().enumerate() {
        if is(byte, USER) {
            continue;
        }
        match byte {
            b'%' => escapes = true,
            b':' if colon.is_none() => colon = Some(at),
            b'@' => {
                let user = text.get(..colon.unwrap_or(at)).unwrap_or_default();
                let password = colon.and_then(|colon| text.get(colon + 1..at)).filter(|password| !password.is_empty());
                let holds = !escapes || (escapes_hold(user) && password.is_none_or(escapes_hold));
                return if holds && !user.is_empty() {
                    Ok((Some(user), password, text.get(at + 1..).unwrap_or_default()))
                } else {
                    Err(FAULT)
                };
            }
            _ => break,
        }
    }
    Ok((None, None, text))
}

/// How long the parameters are: each has a name, and they end before a `?`.
#[inline]
fn uri_params(bytes: &[u8]) -> Result<usize, SyntaxError> {
    const FAULT: SyntaxError = SyntaxError("malformed URI parameter");
    let mut named = false;
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b';' if named => named = false,
            b';' | b'=' if !named => return Err(FAULT),
            byte if is(*byte, URI_PARAM) => named = true,
            _ if named => return Ok(at),
            _ => return Err(FAULT),
        }
    }
    if named { Ok(bytes.len()) } else { Err(FAULT) }
}

fn port_number(text: &str) -> Result<u16, SyntaxError> {
    let port = number(text, u16::MAX.into()).and_then(|port| u16::try_from(port).ok());
    port.ok_or(SyntaxError("malformed port"))
}

impl<'a> Host<'a> {
    /// An address, IPv6 in brackets, or a name.
    pub fn parse(text: &'a str) -> Result<Self, SyntaxError> {
        match Self::at_front(text)? {
            (host, len) if len == text.len() => Ok(host),
            _ => Err(SyntaxError("malformed host")),
        }
    }

    /// The host at the front and how long it is.
    fn at_front(text: &'a str) -> Result<(Self, usize), SyntaxError> {
        if let Some(inner) = text.strip_prefix('[') {
            let end = find(inner.as_bytes(), b']').ok_or(SyntaxError("malformed IPv6 reference"))?;
            let address = inner.get(..end).and_then(v6).ok_or(SyntaxError("malformed IPv6 reference"))?;
            return Ok((Host::V6(address), end + 2));
        }
        let len = span_of(text.as_bytes(), HOST);
        let name = text.get(..len).filter(|name| !name.is_empty()).ok_or(SyntaxError("malformed host"))?;
        let numeric = |b: Option<&u8>| b.is_some_and(u8::is_ascii_digit);
        if numeric(name.as_bytes().first())
            && numeric(name.as_bytes().last())
            && let Ok(address) = name.parse()
        {
            return Ok((Host::V4(address), len));
        }
        Ok((Host::Name(name), len))
    }

    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Host::V4(address) => Some(IpAddr::V4(*address)),
            Host::V6(address) => Some(IpAddr::V6(*address)),
            Host::Name(_) => None,
        }
    }
}

impl fmt::Display for Host<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::V4(address) => write!(f, "{address}"),
            Host::V6(address) => write!(f, "[{address}]"),
            Host::Name(name) => f.write_str(name),
        }
    }
}

/// Also with the third colon that the grammar of RFC 3261 wrongly allowed (RFC 5118 §4.10).
pub(super) fn v6(text: &str) -> Option<Ipv6Addr> {
    text.parse().ok().or_else(|| text.contains(":::").then(|| text.replacen(":::", "::", 1).parse().ok())?)
}

/// `host[:port]`; blanks may stand around the colon in a Via.
pub(super) fn host_port(text: &str) -> Result<(Host<'_>, Option<u16>), SyntaxError> {
    let (host, len) = Host::at_front(text)?;
    let rest = text.get(len..).unwrap_or_default().trim_ascii_start();
    match rest.strip_prefix(':') {
        Some(port) => Ok((host, Some(port_number(port.trim_ascii())?))),
        None if rest.is_empty() => Ok((host, None)),
        None => Err(SyntaxError("malformed host")),
    }
}

pub(super) fn decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut plain = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let mut ahead = bytes.clone();
        match (byte, ahead.next().and_then(hex), ahead.next().and_then(hex)) {
            (b'%', Some(high), Some(low)) => {
                plain.push(high << 4 | low);
                bytes = ahead;
            }
            _ => plain.push(byte),
        }
    }
    String::from_utf8(plain).map_or(Cow::Borrowed(text), Cow::Owned)
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sip_uri_is_taken_apart() {
        let uri = Uri::parse("SIP:+351;x=1:pw@[2001:db8::1]:5070;transport=tcp;lr?a=b").unwrap();
        assert_eq!((uri.user, uri.password), (Some("+351;x=1"), Some("pw")));
        assert_eq!((uri.host.to_string().as_str(), uri.port), ("[2001:db8::1]", Some(5070)));
        assert_eq!((uri.params.value("Transport"), uri.params.has("lr")), (Some("tcp"), true));
        assert_eq!(uri.headers, "a=b");
        assert_eq!(Uri::parse("sip:example.com").unwrap().user, None);
        assert_eq!(Uri::parse("sip:10.0.0.1").unwrap().host.ip(), Some([10, 0, 0, 1].into()));
        assert_eq!(Uri::parse("tel:+1-201;phone-context=x").unwrap().user, Some("+1-201"));
        assert_eq!(Uri::parse("soap.beep://192.0.2.103:3002").unwrap().opaque, "//192.0.2.103:3002");
    }

    #[test]
    fn what_is_no_uri_is_refused() {
        let bad = "|x|sip:|sip:@h|sip:a@|sip:a b@h|sip:a@b@c|sip:%zz@h|sip:h:|sip:h:99999|sip:2001:db8::1|sip:[::1|sip:[x]|1s:x|sip:h;|sip:h;;a|sip:h>|tel:";
        for text in bad.split('|') {
            assert!(Uri::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn escapes_are_resolved_only_where_they_make_text() {
        let user = |text| Uri::parse(text).unwrap().user_decoded();
        assert_eq!(user("sip:sips%3Auser%40example.com@h"), "sips:user@example.com");
        assert_eq!(user("sip:null-%00-null@h"), "null-\0-null");
        assert_eq!(user("sip:%ff@h"), "%ff");
    }
}
