//! One device of an address-of-record.

use std::{fmt::Write, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    base::{Now, Wall},
    sip::{Path, Transport, dialog::next_hop},
    wire::sip::{Message, Uri},
};

/// Where a device can be reached, as its REGISTER said and as we saw it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Binding {
    pub aor: Box<str>,
    /// Contact URI: the Request-URI of what is sent to the device.
    pub contact: Box<str>,
    /// Where the REGISTER came from: the way to the device, through whatever NAT lies between.
    pub path: Path,
    pub expires: Wall,
    /// Preference in thousandths, 0-1000.
    pub q: u16,
    /// `+sip.instance`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reg_id: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<Box<str>>,
    /// Path header values (RFC 3327), nearest first: the route set towards the device.
    #[serde(default, skip_serializing_if = "<[Box<str>]>::is_empty")]
    pub route: Box<[Box<str>]>,
    /// The host of its address-of-record, as the device writes it: what it calls us.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<Box<str>>,
    pub call_id: Box<str>,
    pub cseq: u32,
    /// First registered.
    pub since: Wall,
    /// Last refreshed.
    pub refreshed: Wall,
    /// False after it did not answer at all; a refresh makes it true again.
    pub reachable: bool,
    /// Since when it is contested: a device registered that may be the same one behind a new port. A refresh ends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contested: Option<Wall>,
}

/// What happened to a binding, with its state after it (or, when it is gone, at its end).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BindingChange {
    Added(Arc<Binding>),
    Refreshed(Arc<Binding>),
    /// Un-registered, replaced, or its connection ended.
    Removed(Arc<Binding>),
    Expired(Arc<Binding>),
    Reachability(Arc<Binding>),
    /// Another registered that may be the same device, or it has turned out that it is not.
    Contest(Arc<Binding>),
}

impl BindingChange {
    pub fn binding(&self) -> &Arc<Binding> {
        match self {
            Self::Added(binding)
            | Self::Refreshed(binding)
            | Self::Removed(binding)
            | Self::Expired(binding)
            | Self::Reachability(binding)
            | Self::Contest(binding) => binding,
        }
    }

    /// Whether the device can't be called any more.
    pub fn is_gone(&self) -> bool {
        match self {
            Self::Removed(_) | Self::Expired(_) => true,
            Self::Added(_) | Self::Refreshed(_) | Self::Reachability(_) | Self::Contest(_) => false,
        }
    }

    /// Whether it came of what the device itself said.
    pub(super) fn is_registration(&self) -> bool {
        match self {
            Self::Added(_) | Self::Refreshed(_) => true,
            Self::Removed(_) | Self::Expired(_) | Self::Reachability(_) | Self::Contest(_) => false,
        }
    }
}

impl Binding {
    /// The way to the device. Over its connection while there is one (RFC 5626); else to the nearest proxy of its Path (RFC
    /// 3327 5.4), or by the transport that its Contact asks for, where those name the host that the REGISTER came from; else
    /// back to just there. `None`: a `sips:` contact to which nothing secure leads.
    pub fn way(&self) -> Option<Path> {
        let way = if self.path.flow.is_some() { self.path } else { self.named_way() };
        let secure = is_sips(self.route.first().unwrap_or(&self.contact)) || is_sips(&self.contact);
        (!secure || way.transport.is_secure()).then_some(way)
    }

    fn named_way(&self) -> Path {
        // Whoever registers may write what he likes there, another host or a carrier of ours: only the proxy that the REGISTER came
        // from is known to be on the way.
        let is_source = |route: &&str| {
            Uri::parse(inside_brackets(route)).is_ok_and(|uri| uri.host.ip() == Some(self.path.remote.ip()))
        };
        let nearest = self.route.first().map(|route| &**route).filter(is_source);
        if nearest.is_none() && !self.route.is_empty() {
            return self.path;
        }
        let wanted = Uri::parse(nearest.map_or(&*self.contact, inside_brackets)).ok();
        let Some(uri) = wanted else { return self.path };
        let asked = uri.params.value("transport").and_then(Transport::parse);
        let transport = match asked {
            // "tls" as a transport is old, but seen; to a browser's phone nobody can connect.
            Some(Transport::Tcp) if is_sips_scheme(&uri) => Transport::Tls,
            Some(Transport::Ws | Transport::Wss) => return self.path,
            Some(other) => other,
            None if is_sips_scheme(&uri) => Transport::Tls,
            None => self.path.transport,
        };
        let source = Path { transport, ..self.path };
        // Behind a NAT nobody answers at another transport of the port that we see.
        let behind_nat = nearest.is_none() && uri.host.ip() != Some(self.path.remote.ip());
        if nearest.is_none() && (behind_nat || transport == self.path.transport) {
            return self.path;
        }
        next_hop(source, nearest, &self.contact, false)
    }

    /// A request of the same Call-ID that is not later than what made this binding (RFC 3261 10.3 step 7).
    pub(super) fn is_newer_than(&self, request: &Message) -> bool {
        &*self.call_id == request.call_id() && request.cseq().number <= self.cseq
    }

    pub(super) fn contact_line(&self, now: Now) -> String {
        let left = self.expires.since(now.wall).as_secs();
        let mut line = format!("<{}>;expires={left}", self.contact);
        if self.q != 1000 {
            // Writing to a String can't fail.
            let _ = write!(line, ";q=0.{:03}", self.q);
        }
        if let Some(instance) = &self.instance {
            let _ = write!(line, ";+sip.instance=\"{instance}\"");
        }
        if let Some(reg_id) = self.reg_id {
            let _ = write!(line, ";reg-id={reg_id}");
        }
        line
    }
}

fn is_sips(text: &str) -> bool {
    Uri::parse(inside_brackets(text)).is_ok_and(|uri| is_sips_scheme(&uri))
}

fn is_sips_scheme(uri: &Uri<'_>) -> bool {
    uri.scheme.eq_ignore_ascii_case("sips")
}

/// The URI of a Path value or a bare one.
fn inside_brackets(text: &str) -> &str {
    let inside = text.split_once('<').map_or(text, |(_, rest)| rest);
    inside.split('>').next().unwrap_or(inside)
}
