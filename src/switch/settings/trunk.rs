//! Lines to the outside: where their calls come from and go to, what they may carry, how they are kept up.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::Source;
use crate::{
    base::{Number, Private, TrunkGroupId, TrunkId},
    sip::{Lookup, Transport},
    switch::{Numbering, Quirks, TrunkIdentity, authority},
};

/// A provider line we trade calls with.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Trunk {
    pub id: TrunkId,
    pub name: String,
    /// Where its calls come from. Empty, with no names either: it only takes calls.
    pub sources: Vec<Source>,
    /// Its calls come over TLS with a certificate for one of these domains, in small letters. With sources too, both must hold.
    #[serde(default)]
    pub certificate_names: Vec<String>,
    /// Where calls to it go. `None`: it only brings calls.
    pub destination: Option<TrunkDestination>,
    /// Answers to challenges of that destination's own servers, and of nobody else.
    pub credentials: Option<TrunkCredentials>,
    pub caller_id: CallerIdRule,
    /// Calls at one time, both ways together; the next is refused with 503. `None`: only the switch's limits.
    pub calls_max: Option<u32>,
    pub upkeep: Upkeep,
    pub limits: TrunkLimits,
    #[serde(default)]
    pub numbering: Numbering,
    #[serde(default)]
    pub identity: TrunkIdentity,
    #[serde(default)]
    pub quirks: Arc<Quirks>,
    /// Key of the calendar that says when calls may go out by it; `None`: always.
    #[serde(default)]
    pub hours: Option<String>,
}

impl Trunk {
    /// A line over which nothing comes and nothing goes yet.
    pub fn new(id: TrunkId, name: impl Into<String>) -> Self {
        Self {
            id,
            name: name.into(),
            sources: Vec::new(),
            certificate_names: Vec::new(),
            destination: None,
            credentials: None,
            caller_id: CallerIdRule::Pass,
            calls_max: None,
            upkeep: Upkeep::default(),
            limits: TrunkLimits::default(),
            numbering: Numbering::default(),
            identity: TrunkIdentity::default(),
            quirks: Arc::default(),
            hours: None,
        }
    }

    /// Whether a call is its own that comes from there, on a connection whose certificate is for these domains.
    pub fn calls_from(&self, remote: SocketAddr, domains: &[String]) -> bool {
        let by_source = !self.sources.is_empty();
        (by_source || !self.certificate_names.is_empty())
            && (!by_source || self.sources.iter().any(|source| source.matches(remote)))
            && self.is_shown(domains)
    }

    /// Whether a certificate for these domains is all that it asks for.
    pub fn is_shown(&self, domains: &[String]) -> bool {
        let names = &self.certificate_names;
        names.is_empty() || names.iter().any(|name| domains.contains(name))
    }

    /// The host that From names where it is not ours: a carrier at which we are registered knows us by an address there.
    pub fn from_domain(&self) -> Option<Arc<str>> {
        let registered = self.destination.as_ref().filter(|_| self.upkeep.register.is_some());
        self.identity.from.domain.clone().or_else(|| registered.map(|destination| destination.authority().into()))
    }
}

/// What a trunk may carry beside `calls_max` (TK-09); `None` is no limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct TrunkLimits {
    /// Calls at one time that come from it.
    pub calls_in: Option<u32>,
    /// Calls at one time that go to it.
    pub calls_out: Option<u32>,
    /// New calls in one second, both ways together.
    pub per_second: Option<u32>,
}

/// Trunks that carry the same calls (TK-05).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TrunkGroup {
    pub id: TrunkGroupId,
    pub name: String,
    pub members: Vec<TrunkMember>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TrunkMember {
    pub trunk: TrunkId,
    /// The lowest is tried first; the next only when all of these failed.
    pub priority: u16,
    /// The share of the calls among those of one priority.
    pub weight: u16,
}

/// How a trunk is kept up.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Upkeep {
    /// Register there with the trunk's credentials, for so long at a time (TK-01).
    pub register: Option<Duration>,
    /// Ask whether it is there (TK-04).
    pub health: Option<Health>,
}

/// OPTIONS now and then, and how many answers decide.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Health {
    pub every: Duration,
    /// Failures in a row after which no call goes there.
    pub down_after: u32,
    /// Answers in a row after which calls go there again.
    pub up_after: u32,
}

impl Upkeep {
    pub fn is_kept_up(&self) -> bool {
        self.register.is_some() || self.health.is_some()
    }
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TrunkDestination {
    /// An address or a name. Names are resolved by the shell, never by the engine.
    pub host: String,
    /// Without one a name's servers are looked up (SRV, RFC 3263), and an address has its transport's own.
    pub port: Option<u16>,
    /// Without one a name's domain says (NAPTR), and an address has UDP.
    pub transport: Option<Transport>,
}

impl TrunkDestination {
    /// Where it is, when that stands in the settings.
    pub fn address(&self) -> Option<(Transport, SocketAddr)> {
        let transport = self.transport.unwrap_or(Transport::Udp);
        let ip: IpAddr = self.host.parse().ok()?;
        Some((transport, (ip, self.port.unwrap_or(transport.default_port())).into()))
    }

    /// The name to look up.
    pub fn lookup(&self) -> Lookup {
        Lookup { host: self.host.clone(), port: self.port, transport: self.transport }
    }

    /// As a URI writes it: without a port where none was given.
    pub fn authority(&self) -> String {
        match self.port {
            Some(port) => authority(&self.host, port),
            None if self.host.contains(':') => format!("[{}]", self.host),
            None => self.host.clone(),
        }
    }
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TrunkCredentials {
    pub user: String,
    pub password: Private<String>,
    /// Its realm. `None`: the one that its registrar names, or else that its servers name first.
    #[serde(default)]
    pub realm: Option<String>,
}

/// Which number a trunk shows for our calls.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallerIdRule {
    /// The caller's own: a user's number or name, a caller's number as it came.
    Pass,
    /// Always this one.
    Fixed(Number),
}
