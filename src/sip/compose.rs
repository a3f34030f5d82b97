//! Writing requests and responses, each once.

use std::{
    fmt::{self, Display},
    net::SocketAddr,
};

use bytes::Bytes;

use super::{
    Body, Headers, Party, Path, Reply, SessionId, StackSettings, Transport,
    dialog::{Addressed, Dialog},
    transaction::Branch,
};
use crate::wire::sip::{Message, Method, Name, Writer, quoted, response_address, returned_via};

/// Max-Forwards of what we send by ourselves (8.1.1.6).
const MAX_FORWARDS: u8 = 70;

/// Our host and port on a path, as peers are to write it.
struct OurAddress<'a>(&'a StackSettings, Path);

impl Display for OurAddress<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(settings, path) = self;
        match settings.advertised.iter().find(|advertised| advertised.holds_for(path)) {
            Some(advertised) => f.write_str(&advertised.told),
            None => write!(f, "{}", path.local),
        }
    }
}

pub(super) fn via<'a>(settings: &'a StackSettings, path: Path, branch: impl Display + 'a) -> impl Display + 'a {
    fmt::from_fn(move |f| {
        let name = path.transport.via_name();
        write!(f, "SIP/2.0/{name} {};branch={branch}", OurAddress(settings, path))?;
        if path.transport.is_reliable() { Ok(()) } else { f.write_str(";rport") }
    })
}

/// A Record-Route of ours, by which requests inside the dialog find the way on.
pub(super) fn record_route<'a>(settings: &'a StackSettings, path: Path, token: &'a str) -> impl Display + 'a {
    fmt::from_fn(move |f| {
        write!(f, "<sip:{token}@{}", OurAddress(settings, path))?;
        if let Some(param) = path.transport.uri_param() {
            write!(f, ";transport={param}")?;
        }
        f.write_str(";lr>")
    })
}

/// What our Contact is made of; `user` may be empty, `secure` makes it a `sips:` URI.
#[derive(Clone, Copy)]
pub(super) struct Contact<'a> {
    pub user: &'a str,
    pub secure: bool,
}

/// Our Contact value.
pub(super) fn contact<'a>(settings: &'a StackSettings, path: Path, ours: Contact<'a>) -> impl Display + 'a {
    fmt::from_fn(move |f| {
        let Contact { user, secure } = ours;
        let at = if user.is_empty() { "" } else { "@" };
        let scheme = if secure { "sips" } else { "sip" };
        write!(f, "<{scheme}:{}{at}{}", escaped(user), OurAddress(settings, path))?;
        match path.transport.uri_param() {
            // The scheme says it already, and `transport` then names what TLS runs over (RFC 3261 26.2.2).
            Some(_) if secure && path.transport == Transport::Tls => f.write_str(">"),
            Some(param) => write!(f, ";transport={param}>"),
            None => f.write_str(">"),
        }
    })
}

/// A user part with everything escaped that may not stand there; escapes that are there stay.
fn escaped(user: &str) -> impl Display + '_ {
    fmt::from_fn(move |f| {
        for byte in user.bytes() {
            if byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/%".contains(&byte) {
                write!(f, "{}", char::from(byte))?;
            } else {
                write!(f, "%{byte:02X}")?;
            }
        }
        Ok(())
    })
}

/// From or To without tag.
pub(super) fn party(party: &Party) -> impl Display + '_ {
    fmt::from_fn(|f| match &party.display {
        Some(display) => write!(f, "{} <{}>", quoted(display), party.uri),
        None => write!(f, "<{}>", party.uri),
    })
}

/// What every request begins with.
pub(super) struct Head<'a> {
    pub method: &'a Method,
    pub path: Path,
    pub branch: Branch,
    pub from: &'a str,
    pub to: &'a str,
    pub call_id: &'a str,
    pub cseq: u32,
    pub max_forwards: u8,
}

impl Head<'_> {
    pub fn write<'r>(&self, settings: &StackSettings, uri: &str, routes: impl Iterator<Item = &'r str>) -> Writer {
        let mut writer = Writer::request(self.method, uri);
        writer.header(Name::Via, via(settings, self.path, self.branch));
        writer.header(Name::MaxForwards, self.max_forwards);
        for route in routes {
            writer.text(Name::Route, route);
        }
        writer
            .text(Name::From, self.from)
            .text(Name::To, self.to)
            .text(Name::CallId, self.call_id)
            .header(Name::CSeq, format_args!("{} {}", self.cseq, self.method))
            .text(Name::UserAgent, &settings.user_agent);
        writer
    }
}

/// A request in a dialog, up to its own headers.
pub(super) fn in_dialog(
    settings: &StackSettings,
    dialog: &Dialog,
    method: &Method,
    cseq: u32,
    branch: Branch,
) -> Writer {
    let Addressed { uri, routes, last } = dialog.addressed();
    let last = last.map(|target| format!("<{target}>"));
    let head = Head {
        method,
        path: dialog.path,
        branch,
        from: &dialog.local,
        to: &dialog.remote,
        call_id: &dialog.call_id,
        cseq,
        max_forwards: MAX_FORWARDS,
    };
    let mut writer = head.write(settings, uri, routes.iter().copied().chain(last.as_deref()));
    if let Some(session) = dialog.session.header() {
        writer.header(Name::SessionId, session);
    }
    writer
}

/// CANCEL for an INVITE of ours, or the ACK to its 300-699: same Request-URI, Via and Route (9.1, 17.1.1.3).
pub(super) fn companion(request: &Message, method: &Method, to: &str, reason: Option<&str>) -> Bytes {
    let mut writer = Writer::request(method, request.uri_text().unwrap_or_default());
    if let Some(via) = request.header(Name::Via) {
        writer.text(Name::Via, via);
    }
    writer
        .header(Name::MaxForwards, MAX_FORWARDS)
        .copy(request, Name::Route)
        .copy(request, Name::From)
        .text(Name::To, to)
        .text(Name::CallId, request.call_id())
        .header(Name::CSeq, format_args!("{} {method}", request.cseq().number))
        .copy(request, Name::SessionId);
    if let Some(reason) = reason {
        writer.text(Name::Reason, reason);
    }
    writer.end()
}

/// What changes when a request is sent again as a new one.
pub(super) struct Again<'a> {
    pub path: Path,
    pub branch: Branch,
    pub cseq: u32,
    /// Headers that take the place of those of the same name.
    pub headers: &'a [(Name, String)],
}

/// The same request as a new transaction: after a challenge (22.2) or a 422.
pub(super) fn again(settings: &StackSettings, request: &Message, changed: &Again<'_>) -> Bytes {
    let empty = Method::Other("".into());
    let method = request.method().unwrap_or(&empty);
    let mut writer = Writer::request(method, request.uri_text().unwrap_or_default());
    writer.header(Name::Via, via(settings, changed.path, changed.branch));
    for (written, name, value) in request.lines() {
        let ours = matches!(name, Name::Via | Name::ContentType | Name::ContentLength);
        if name == Name::CSeq {
            writer.header(Name::CSeq, format_args!("{} {method}", changed.cseq));
        } else if !ours && !changed.headers.iter().any(|(new, _)| *new == name) {
            writer.raw(written, value);
        }
    }
    for (name, value) in changed.headers {
        writer.text(*name, value);
    }
    match request.header(Name::ContentType) {
        Some(kind) if !request.body().is_empty() => writer.body(kind, request.body()),
        Some(_) | None => writer.end(),
    }
}

/// Where the response to a request that came on `path` goes: back over its connection, or where [`response_address`] says.
pub fn response_path(request: &Message, path: Path, forced: bool) -> Path {
    if path.transport.is_reliable() {
        return path;
    }
    Path { remote: response_address(request.top_via().ok().as_ref(), path.remote, forced), ..path }
}

/// A response up to its own headers: Via, From, To with our tag, Call-ID, CSeq; `source` is where the request came from.
pub(super) fn response(request: &Message, source: SocketAddr, status: u16, reason: Option<&str>, tag: u64) -> Writer {
    let mut writer = Writer::response(status, reason);
    for (at, text) in request.list(Name::Via).enumerate() {
        match at {
            0 => writer.header(Name::Via, returned_via(text, source)),
            _ => writer.text(Name::Via, text),
        };
    }
    writer.copy(request, Name::From);
    match request.header(Name::To) {
        Some(to) if tag != 0 && status > 100 => writer.header(Name::To, format_args!("{to};tag={tag:016x}")),
        Some(to) => writer.text(Name::To, to),
        None => &mut writer,
    };
    writer.copy(request, Name::CallId).copy(request, Name::CSeq);
    if status == 100 {
        writer.copy(request, Name::Timestamp);
    }
    writer
}

pub(super) fn add(writer: &mut Writer, headers: &Headers) {
    for (name, value) in headers {
        writer.raw(name, value);
    }
}

pub(super) fn finish(writer: &mut Writer, body: Option<&Body>) -> Bytes {
    match body {
        Some(body) => writer.body(&body.content_type, &body.bytes),
        None => writer.end(),
    }
}

/// The whole of a plain answer.
pub(super) fn answer(
    settings: &StackSettings,
    request: &Message,
    (source, tag): (SocketAddr, u64),
    session: Option<SessionId>,
    reply: &Reply,
) -> Bytes {
    let mut writer = response(request, source, reply.status, reply.reason.as_deref(), tag);
    if reply.status > 100 {
        writer.text(Name::Server, &settings.user_agent);
    }
    if let Some(session) = session {
        writer.header(Name::SessionId, session);
    }
    add(&mut writer, &reply.headers);
    finish(&mut writer, reply.body.as_ref())
}
