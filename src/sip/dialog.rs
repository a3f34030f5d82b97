//! The relation of two user agents (RFC 3261 12).

use std::net::IpAddr;

use smallvec::SmallVec;

use super::{EndId, Path, SessionId, Transport};
use crate::wire::sip::{Message, Name, NameAddr, Uri};

/// Record-Route entries of one dialog; a path through more proxies than this is a loop or an attack.
pub(super) const ROUTES_MAX: usize = 32;

/// One dialog, or the half of one that our INVITE opens before anybody answered.
#[derive(Clone, Debug)]
pub(super) struct Dialog {
    pub call_id: Box<str>,
    pub local_tag: u64,
    /// Our From or To value, tag and all.
    pub local: Box<str>,
    /// Empty before anybody answered, and for peers of RFC 2543.
    pub remote_tag: Box<str>,
    /// Their From or To value, tag and all.
    pub remote: Box<str>,
    /// Their Contact: the Request-URI of what we send.
    pub target: Box<str>,
    pub routes: Box<[Box<str>]>,
    pub local_cseq: u32,
    pub remote_cseq: Option<u32>,
    /// The way to them, or to the first proxy on it.
    pub path: Path,
    pub session: SessionId,
}

/// Request-URI and Route values of a request in a dialog (12.2.1.1).
pub(super) struct Addressed<'a> {
    pub uri: &'a str,
    pub routes: SmallVec<[&'a str; 4]>,
    /// For a strict router: the target stands last.
    pub last: Option<&'a str>,
}

impl Dialog {
    /// As the callee, from an INVITE or SUBSCRIBE; its Contact is known to be there.
    pub fn from_request(request: &Message, local_tag: u64, target: &str, source: Path) -> Self {
        let routes = collected(request.list(Name::RecordRoute));
        let to = request.header(Name::To).unwrap_or_default();
        let path = way_back(request, &routes, target, source);
        Self {
            call_id: request.call_id().into(),
            local_tag,
            local: format!("{to};tag={local_tag:016x}").into(),
            remote_tag: request.from_tag().unwrap_or_default().into(),
            remote: request.header(Name::From).unwrap_or_default().into(),
            target: target.into(),
            routes,
            local_cseq: 0,
            remote_cseq: Some(request.cseq().number),
            path,
            session: SessionId { remote: EndId::of_sender(request).unwrap_or_default(), ..SessionId::default() },
        }
    }

    /// As the caller, what an answer with a To tag makes of our half (12.1.2).
    pub fn answered(&self, response: &Message, source: Path) -> Self {
        let mut dialog = self.clone();
        dialog.remote_tag = response.to_tag().unwrap_or_default().into();
        dialog.remote = response.header(Name::To).unwrap_or_default().into();
        dialog.session.hear(response);
        let mut routes = collected(response.list(Name::RecordRoute));
        routes.reverse();
        dialog.routes = routes;
        if let Some(contact) = usable_contact(response, source) {
            dialog.target = contact.into();
        }
        // What reached them once does again: their Contact is only looked at when it is not the address we asked.
        let asked = dialog.routes.is_empty() && same_place(&self.target, &dialog.target);
        if !asked {
            let path = Path { remote: self.path.remote, ..source };
            dialog.path = next_hop(path, dialog.routes.first().map(|route| &**route), &dialog.target, false);
        }
        dialog
    }

    /// A target refresh (12.2.1.2, 12.2.2): the Contact is new, the route set stays.
    pub fn refresh_target(&mut self, message: &Message, source: Path) {
        if let Some(contact) = usable_contact(message, source)
            && *contact != *self.target
        {
            self.target = contact.into();
            self.path = next_hop(source, self.routes.first().map(|route| &**route), contact, false);
        }
    }

    /// A request that renews the dialog says anew where its sender is, NAT and all.
    pub fn renew(&mut self, request: &Message, source: Path) {
        if let Some(contact) = contact_of(request) {
            self.target = contact.into();
        }
        self.path = way_back(request, &self.routes, &self.target, source);
    }

    /// Whether `source` may be where the peer's NAT lets it speak from now: the way was learnt from where its datagrams came,
    /// since its Contact names another host, and only the port is another one.
    pub fn has_moved_behind_nat(&self, source: Path) -> bool {
        let learnt = self.routes.is_empty()
            && Uri::parse(&self.target).is_ok_and(|target| target.host.ip() != Some(self.path.remote.ip()));
        let same_nat = self.path.remote.ip() == source.remote.ip() && self.path.local == source.local;
        let datagrams = self.path.transport == Transport::Udp && source.transport == Transport::Udp;
        datagrams && learnt && same_nat && self.path.remote.port() != source.remote.port()
    }

    pub fn addressed(&self) -> Addressed<'_> {
        let strict = self.routes.first().is_some_and(|route| !is_loose(route));
        let routes = self.routes.iter().map(|route| &**route);
        if strict && let Some(first) = self.routes.first() {
            let uri = NameAddr::parse(first).map_or(&*self.target, |route| route.uri_text);
            return Addressed { uri, routes: routes.skip(1).collect(), last: Some(&self.target) };
        }
        Addressed { uri: &self.target, routes: routes.collect(), last: None }
    }
}

fn collected<'a>(routes: impl Iterator<Item = &'a str>) -> Box<[Box<str>]> {
    routes.take(ROUTES_MAX).map(Box::from).collect()
}

fn is_loose(route: &str) -> bool {
    NameAddr::parse(route).is_ok_and(|route| route.uri.params.has("lr"))
}

pub(super) fn same_place(one: &str, other: &str) -> bool {
    match (Uri::parse(one), Uri::parse(other)) {
        (Ok(one), Ok(other)) => one.host == other.host && one.port == other.port,
        (Ok(_) | Err(_), _) => false,
    }
}

pub(super) fn same_host(one: &str, other: &str) -> bool {
    match (Uri::parse(one), Uri::parse(other)) {
        (Ok(one), Ok(other)) => one.host == other.host,
        (Ok(_) | Err(_), _) => false,
    }
}

/// The first Contact URI of a message.
pub(super) fn contact_of(message: &Message) -> Option<&str> {
    message.contacts().next()?.ok().map(|contact| contact.uri_text)
}

/// Whether a URI asks for secure transport all the way (RFC 3261 19.1).
pub(super) fn is_sips(uri: &str) -> bool {
    uri.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("sips:"))
}

/// Their Contact, unless it asks for what the way that it came does not give: `sips:` never leaves insecurely.
fn usable_contact(message: &Message, source: Path) -> Option<&str> {
    contact_of(message).filter(|contact| source.transport.is_secure() || !is_sips(contact))
}

/// Where a caller wants to be reached: his Contact, or his From where he speaks RFC 2543, which asked for no more.
pub(super) fn caller_target(invite: &Message) -> Option<&str> {
    contact_of(invite).or_else(|| {
        let old = invite.top_via().is_ok_and(|via| !via.is_rfc3261());
        old.then(|| invite.from().ok().map(|from| from.uri_text)).flatten()
    })
}

/// The way to whoever sent this request.
fn way_back(request: &Message, routes: &[Box<str>], target: &str, source: Path) -> Path {
    let behind_nat = request.top_via().is_ok_and(|via| via.host.ip() != Some(source.remote.ip()));
    next_hop(source, routes.first().map(|route| &**route), target, behind_nat)
}

/// Where a request in a dialog goes: to the first route, else to the target, when that names an address that a peer at
/// `source` can mean; otherwise back to `source` itself: over its connection, through its NAT. Names are never resolved
/// here: a peer's Contact must not send us anywhere.
pub(super) fn next_hop(source: Path, route: Option<&str>, target: &str, behind_nat: bool) -> Path {
    let uri = match route {
        Some(route) => NameAddr::parse(route).map(|route| route.uri),
        None => Uri::parse(target),
    };
    let Some((uri, ip)) = uri.ok().and_then(|uri| Some((uri, uri.host.ip()?))) else { return source };
    let port = uri.port.unwrap_or(source.transport.default_port());
    let same_host = ip == source.remote.ip();
    let believable = same_host || (!(behind_nat && route.is_none()) && reach(ip) == reach(source.remote.ip()));
    // Through a NAT the port that the phone names is not the one we see.
    let its_own_port = !(behind_nat && same_host && route.is_none());
    if source.flow.is_some() || !believable || !its_own_port || ip.is_unspecified() || port == 0 {
        return source;
    }
    Path { remote: (ip, port).into(), ..source }
}

#[derive(PartialEq, Eq)]
enum Reach {
    Host,
    Site,
    World,
}

fn reach(ip: IpAddr) -> Reach {
    let site = match ip {
        IpAddr::V4(v4) => v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local(),
    };
    match (ip.is_loopback(), site) {
        (true, _) => Reach::Host,
        (false, true) => Reach::Site,
        (false, false) => Reach::World,
    }
}
