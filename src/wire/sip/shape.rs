//! Where the pieces of a value stand that was read and found good, so that nothing is read twice.

use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::name_addr::{NameAddr, Pieces};
use super::params::Params;
use super::scan::Span;
use super::text::unquoted;
use super::uri::{Host, Uri};
use super::via::Via;

/// A [`NameAddr`] without its text.
#[derive(Clone, Copy)]
pub(super) struct Address {
    /// As written, quotes and escapes included.
    display: Span,
    uri_text: Span,
    uri: UriShape,
    params: Span,
}

/// A [`Via`] without its text.
#[derive(Clone, Copy)]
pub(super) struct Hop {
    transport: Span,
    host: HostShape,
    port: Option<u16>,
    params: Span,
}

#[derive(Clone, Copy)]
struct UriShape {
    scheme: Span,
    user: Span,
    password: Span,
    host: HostShape,
    port: Option<u16>,
    params: Span,
    headers: Span,
    opaque: Span,
}

#[derive(Clone, Copy)]
enum HostShape {
    V4(Ipv4Addr),
    V6(Ipv6Addr),
    Name(Span),
}

impl Address {
    #[inline]
    pub fn of(head: &str, pieces: &Pieces<'_>) -> Self {
        Self {
            display: Span::within(head, pieces.display),
            uri_text: Span::within(head, pieces.uri_text),
            uri: UriShape::of(head, &pieces.uri),
            params: Span::within(head, pieces.params.as_str()),
        }
    }

    #[inline]
    pub fn read<'a>(&self, head: &'a str) -> NameAddr<'a> {
        NameAddr {
            display: Some(unquoted(self.display.of(head))).filter(|display: &Cow<'_, str>| !display.is_empty()),
            uri: self.uri.read(head),
            uri_text: self.uri_text.of(head),
            params: Params::of_checked(self.params.of(head)),
        }
    }

    #[inline]
    pub fn params<'a>(&self, head: &'a str) -> Params<'a> {
        Params::of_checked(self.params.of(head))
    }
}

impl Hop {
    #[inline]
    pub fn of(head: &str, via: &Via<'_>) -> Self {
        Self {
            transport: Span::within(head, via.transport),
            host: HostShape::of(head, via.host),
            port: via.port,
            params: Span::within(head, via.params.as_str()),
        }
    }

    #[inline]
    pub fn read<'a>(&self, head: &'a str) -> Via<'a> {
        Via {
            transport: self.transport.of(head),
            host: self.host.read(head),
            port: self.port,
            params: Params::of_checked(self.params.of(head)),
        }
    }
}

impl UriShape {
    #[inline]
    fn of(head: &str, uri: &Uri<'_>) -> Self {
        let span = |piece| Span::within(head, piece);
        Self {
            scheme: span(uri.scheme),
            user: span(uri.user.unwrap_or_default()),
            password: span(uri.password.unwrap_or_default()),
            host: HostShape::of(head, uri.host),
            port: uri.port,
            params: span(uri.params.as_str()),
            headers: span(uri.headers),
            opaque: span(uri.opaque),
        }
    }

    /// User and password are never empty, so an empty one is an absent one.
    #[inline]
    fn read<'a>(&self, head: &'a str) -> Uri<'a> {
        let present = |span: Span| Some(span.of(head)).filter(|text| !text.is_empty());
        Uri {
            scheme: self.scheme.of(head),
            user: present(self.user),
            password: present(self.password),
            host: self.host.read(head),
            port: self.port,
            params: Params::of_checked(self.params.of(head)),
            headers: self.headers.of(head),
            opaque: self.opaque.of(head),
        }
    }
}

impl HostShape {
    #[inline]
    fn of(head: &str, host: Host<'_>) -> Self {
        match host {
            Host::V4(address) => Self::V4(address),
            Host::V6(address) => Self::V6(address),
            Host::Name(name) => Self::Name(Span::within(head, name)),
        }
    }

    #[inline]
    fn read(self, head: &str) -> Host<'_> {
        match self {
            Self::V4(address) => Host::V4(address),
            Self::V6(address) => Host::V6(address),
            Self::Name(name) => Host::Name(name.of(head)),
        }
    }
}
