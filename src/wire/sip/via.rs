//! Via values (RFC 3261 §20.42).

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use super::fault::SyntaxError;
use super::params::Params;
use super::text::{TOKEN, find, number, span_of, split, trim};
use super::uri::{Host, host_port, v6};

/// One hop a request took, and where its response goes back to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Via<'a> {
    /// `UDP`, `TCP`, … as written.
    pub transport: &'a str,
    pub host: Host<'a>,
    pub port: Option<u16>,
    pub params: Params<'a>,
}

/// What every branch of RFC 3261 begins with; others are matched the old way (§17.2.3).
pub(super) const MAGIC_COOKIE: &str = "z9hG4bK";

/// Where a Via without a port is answered over UDP.
const UDP_PORT: u16 = 5060;

impl<'a> Via<'a> {
    /// One element of the header's list.
    pub fn parse(text: &'a str) -> Result<Self, SyntaxError> {
        let end = find(text.as_bytes(), b';').unwrap_or(text.len());
        let (sent, params) = text.split_at_checked(end).unwrap_or((text, ""));
        let (transport, sent_by) = sent_protocol(sent).ok_or(SyntaxError("malformed sent-protocol"))?;
        let (host, port) = host_port(trim(sent_by))?;
        Ok(Self { transport, host, port, params: Params::of_header(params)? })
    }

    pub fn branch(&self) -> Option<&'a str> {
        self.params.value("branch")
    }

    pub fn is_rfc3261(&self) -> bool {
        self.branch().is_some_and(is_rfc3261)
    }

    /// With or without brackets around an IPv6 address (RFC 5118 §4.5).
    pub fn received(&self) -> Option<IpAddr> {
        let text = self.params.value("received")?;
        text.parse().ok().or_else(|| v6(text.strip_prefix('[')?.strip_suffix(']')?).map(IpAddr::V6))
    }

    /// Outer: asked for (RFC 3581); inner: filled in.
    pub fn rport(&self) -> Option<Option<u16>> {
        let value = self.params.get("rport")?;
        Some(value.and_then(|v| number(v, u16::MAX.into())).and_then(|port| u16::try_from(port).ok()))
    }
}

/// A branch that names its transaction: the magic cookie and something behind it.
pub fn is_rfc3261(branch: &str) -> bool {
    branch
        .split_at_checked(MAGIC_COOKIE.len())
        .is_some_and(|(cookie, name)| cookie.eq_ignore_ascii_case(MAGIC_COOKIE) && !name.is_empty())
}

/// The top Via of a request as it goes back in the response: with `received` and `rport` as we saw them, whatever came in
/// them (RFC 3261 §18.2.1, RFC 3581 §4). One that can't be read goes back as it came.
pub fn returned_via(text: &str, source: SocketAddr) -> impl fmt::Display + '_ {
    fmt::from_fn(move |f| {
        let Ok(via) = Via::parse(text) else { return f.write_str(text) };
        f.write_str(split(text, b';').map_or(text, |(sent, _)| trim(sent)))?;
        for piece in via.params.pieces() {
            let name = trim(split(piece, b'=').map_or(piece, |(name, _)| name));
            if !name.eq_ignore_ascii_case("rport") && !name.eq_ignore_ascii_case("received") {
                write!(f, ";{piece}")?;
            }
        }
        let asked = via.rport().is_some();
        if asked || via.host.ip() != Some(source.ip()) {
            write!(f, ";received={}", source.ip())?;
        }
        if asked { write!(f, ";rport={}", source.port()) } else { Ok(()) }
    })
}

/// Where the response goes to a request that came as a datagram from `source`: back to that address, never to `maddr`; to
/// that port when the top Via asks for it (RFC 3581 §4), when it is `forced` or no Via can be read, else to the port in the
/// Via, or the usual one (RFC 3261 §18.2.2).
pub fn response_address(via: Option<&Via<'_>>, source: SocketAddr, forced: bool) -> SocketAddr {
    match via {
        Some(via) if !forced && via.rport().is_none() => {
            SocketAddr::new(source.ip(), via.port.filter(|port| *port != 0).unwrap_or(UDP_PORT))
        }
        Some(_) | None => source,
    }
}

/// `SIP / 2.0 / UDP` and what follows it.
fn sent_protocol(text: &str) -> Option<(&str, &str)> {
    let rest = match text.strip_prefix("SIP/2.0/") {
        Some(rest) => rest,
        None => {
            let (protocol, rest) = split(text, b'/')?;
            let (version, rest) = split(rest, b'/')?;
            let known = trim(protocol).eq_ignore_ascii_case("SIP") && trim(version) == "2.0";
            known.then(|| rest.trim_ascii_start())?
        }
    };
    let (transport, sent_by) = rest.split_at_checked(span_of(rest.as_bytes(), TOKEN))?;
    (!transport.is_empty() && sent_by.starts_with([' ', '\t'])).then_some((transport, sent_by))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_via_goes_back_with_what_we_saw() {
        let source = "192.0.2.9:4000".parse().unwrap();
        let returned = |text| returned_via(text, source).to_string();
        assert_eq!(
            returned("SIP/2.0/UDP h ; rport=1; x=\"a;rport\";Received=1.1.1.1;branch=b"),
            "SIP/2.0/UDP h;x=\"a;rport\";branch=b;received=192.0.2.9;rport=4000"
        );
        assert_eq!(returned("SIP/2.0/UDP 192.0.2.9:5060;branch=b"), "SIP/2.0/UDP 192.0.2.9:5060;branch=b");
        assert_eq!(returned("SIP/2.0/UDP 10.0.0.1"), "SIP/2.0/UDP 10.0.0.1;received=192.0.2.9");
        assert_eq!(returned("SIP/2.0/UDP h;;"), "SIP/2.0/UDP h;;");
    }

    #[test]
    fn where_a_response_goes() {
        let source: SocketAddr = "192.0.2.9:4000".parse().unwrap();
        for (via, forced, port) in [
            ("10.0.0.1:5099", false, 5099),
            ("10.0.0.1:5099;maddr=203.0.113.1", false, 5099),
            ("10.0.0.1:5099;received=203.0.113.1", false, 5099),
            ("10.0.0.1", false, 5060),
            ("10.0.0.1:0", false, 5060),
            ("10.0.0.1:5099;rport", false, 4000),
            ("10.0.0.1:5099;rport=7", false, 4000),
            ("10.0.0.1:0;rport", false, 4000),
            ("10.0.0.1:5099", true, 4000),
            ("10.0.0.1", true, 4000),
        ] {
            let text = format!("SIP/2.0/UDP {via};branch=z9hG4bK1");
            let to = response_address(Some(&Via::parse(&text).unwrap()), source, forced);
            assert_eq!(to, SocketAddr::new(source.ip(), port), "{via}, forced: {forced}");
        }
        assert_eq!(response_address(None, source, false), source);
    }

    #[test]
    fn a_via_is_read_with_blanks_anywhere() {
        let via = Via::parse("SIP  / 2.0  / TCP     spindle.example.com : 5070  ;  branch  =   z9hG4bK9ikj8").unwrap();
        assert_eq!((via.transport, via.host, via.port), ("TCP", Host::Name("spindle.example.com"), Some(5070)));
        assert_eq!((via.branch(), via.is_rfc3261()), (Some("z9hG4bK9ikj8"), true));
        let via = Via::parse("SIP/2.0/UDP [2001:db8::9:1];received=[2001:db8::9:255];rport=99;branch=z9hG4bK").unwrap();
        assert_eq!((via.received(), via.rport()), ("2001:db8::9:255".parse().ok(), Some(Some(99))));
        assert!(!via.is_rfc3261());
        assert_eq!(Via::parse("SIP/2.0/UDP h;rport").unwrap().rport(), Some(None));
        for bad in [
            "",
            "SIP/2.0/UDP",
            "SIP/2.0/UDP ",
            "SIP/3.0/UDP h",
            "SIP/2.0/UDP h:x",
            "SIP/2.0/UDP h;;,;,,",
            "SIP/2.0/UDP 2001:db8::1",
        ] {
            assert!(Via::parse(bad).is_err(), "{bad}");
        }
    }
}
