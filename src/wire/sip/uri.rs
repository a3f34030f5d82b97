//! SIP, SIPS, TEL and any other URI (RFC 3261 §19.1, RFC 3966).

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::fault::SyntaxError;
use super::params::Params;
use super::text::{is_host_name, is_uri, is_user, number};

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
        let (scheme, opaque) = text.split_once(':').ok_or(SyntaxError("URI without scheme"))?;
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
        if !scheme.starts_with(|c: char| c.is_ascii_alphabetic()) || !scheme.bytes().all(plain) {
            return Err(SyntaxError("malformed URI scheme"));
        }
        if !is_uri(opaque) {
            return Err(SyntaxError("malformed URI"));
        }
        let uri = Self {
            scheme,
            user: None,
            password: None,
            host: Host::Name(""),
            port: None,
            params: Params::default(),
            headers: "",
            opaque,
        };
        if uri.is_sip() {
            return uri.sip();
        }
        if scheme.eq_ignore_ascii_case("tel") {
            return uri.tel();
        }
        Ok(uri)
    }

    /// `sip` or `sips`.
    pub fn is_sip(&self) -> bool {
        self.scheme.eq_ignore_ascii_case("sip") || self.scheme.eq_ignore_ascii_case("sips")
    }

    /// The user part with its escapes resolved; empty when there is none. What does not decode to UTF-8 stays escaped.
    pub fn user_decoded(&self) -> Cow<'a, str> {
        decoded(self.user.unwrap_or_default())
    }

    /// Any valid user may hold `;`, `?` and `,`, so the `@` is looked for first.
    fn sip(mut self) -> Result<Self, SyntaxError> {
        let rest = match self.opaque.split_once('@') {
            Some((userinfo, rest)) => {
                let (user, password) =
                    userinfo.split_once(':').map_or((userinfo, None), |(user, password)| (user, Some(password)));
                if !is_user(user) || !password.is_none_or(|p| p.is_empty() || is_user(p)) {
                    return Err(SyntaxError("malformed user part"));
                }
                self.user = Some(user);
                self.password = password;
                rest
            }
            None => self.opaque,
        };
        let (rest, headers) = rest.split_once('?').unwrap_or((rest, ""));
        self.headers = headers;
        let end = rest.bytes().position(|b| b == b';').unwrap_or(rest.len());
        let (authority, params) = rest.split_at_checked(end).unwrap_or((rest, ""));
        (self.host, self.port) = host_port(authority)?;
        if rest.contains('@') {
            return Err(SyntaxError("malformed URI"));
        }
        self.params = Params::of_uri(params)?;
        Ok(self)
    }

    fn tel(mut self) -> Result<Self, SyntaxError> {
        let end = self.opaque.bytes().position(|b| b == b';').unwrap_or(self.opaque.len());
        let (number, params) = self.opaque.split_at_checked(end).unwrap_or((self.opaque, ""));
        if !is_user(number) {
            return Err(SyntaxError("malformed telephone number"));
        }
        self.user = Some(number);
        self.params = Params::of_uri(params)?;
        Ok(self)
    }
}

impl<'a> Host<'a> {
    /// An address, with or without the brackets of IPv6, or a name.
    pub fn parse(text: &'a str) -> Result<Self, SyntaxError> {
        if let Some(inner) = text.strip_prefix('[') {
            let inner = inner.strip_suffix(']').ok_or(SyntaxError("malformed IPv6 reference"))?;
            return v6(inner).map(Host::V6).ok_or(SyntaxError("malformed IPv6 reference"));
        }
        if text.starts_with(|c: char| c.is_ascii_digit())
            && let Ok(address) = text.parse()
        {
            return Ok(Host::V4(address));
        }
        if !is_host_name(text) {
            return Err(SyntaxError("malformed host"));
        }
        Ok(Host::Name(text))
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
    let from = if text.starts_with('[') { text.find(']').unwrap_or(0) } else { 0 };
    let colon = text.bytes().skip(from).position(|b| b == b':').map(|at| at + from);
    let Some((host, port)) = colon.and_then(|at| text.split_at_checked(at)) else {
        return Ok((Host::parse(text)?, None));
    };
    let port = port.strip_prefix(':').unwrap_or_default().trim_start_matches(' ');
    let port = number(port, u16::MAX.into()).and_then(|port| u16::try_from(port).ok());
    Ok((Host::parse(host.trim_end_matches(' '))?, Some(port.ok_or(SyntaxError("malformed port"))?)))
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
