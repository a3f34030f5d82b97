//! Who may call, what can be called, and the lines to the outside: the switch's part of the domain settings.
//!
//! These are validated values. Text becomes them, and they become text again, on the `settings` floor.

use std::{fmt, net::IpAddr, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Numbering, Quirks};
use crate::{
    base::{ClipId, DialClassId, Extension, GroupId, MenuId, Number, Private, QueueId, TrunkGroupId, TrunkId, UserId},
    sip::{Lookup, Transport, digest::Ha1},
};

/// A person or thing with credentials.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct User {
    pub id: UserId,
    /// The user part of the address-of-record, the digest user name, and the name at the page.
    pub name: Extension,
    /// A second internal address, mostly digits: `201`.
    pub extension: Option<Extension>,
    /// What called phones show.
    pub display: Private<String>,
    /// The number shown outside; without one a trunk's own rule decides.
    pub number: Option<Number>,
    /// Digest hashes; `None` for someone who has no phone.
    pub ha1: Option<Ha1>,
    /// Argon2 hash (PHC string) for the page. The engine never reads it; it is kept so that the settings stay whole.
    pub page_password: Option<Private<String>>,
    pub role: Role,
    /// The called outside do not see his number (CLIR), unless he says otherwise for a call.
    #[serde(default)]
    pub hides_number: bool,
    /// What he may dial outside; `None`: anything that is not barred for all.
    #[serde(default)]
    pub class: Option<DialClassId>,
}

impl User {
    /// Somebody without anything but a name.
    pub fn new(id: UserId, name: Extension) -> Self {
        Self {
            id,
            display: Private::new(name.as_str().to_owned()),
            name,
            extension: None,
            number: None,
            ha1: None,
            page_password: None,
            role: Role::User,
            hides_number: false,
            class: None,
        }
    }
}

/// What a user may do at the page and through the API; each includes what stands before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Calls and is called.
    User,
    /// Takes calls from queues.
    Agent,
    /// Sees and guides agents and queues.
    Supervisor,
    /// Changes settings.
    Admin,
}

/// Several users behind one address.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Group {
    pub id: GroupId,
    pub name: Extension,
    pub strategy: GroupStrategy,
    /// In configured order.
    pub members: Vec<UserId>,
    /// How long the whole group rings (simultaneous), or each member (sequential, random).
    pub ring_time: Duration,
}

/// How a group is rung (RT-02).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupStrategy {
    /// All at once, one winner.
    Simultaneous,
    /// One after the other in an order drawn anew for each call.
    Random,
    /// One after the other in configured order.
    Sequential,
}

/// A provider line we trade calls with.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Trunk {
    pub id: TrunkId,
    pub name: String,
    /// Where its calls come from. Empty: it only takes calls.
    pub sources: Vec<Source>,
    /// Where calls to it go. `None`: it only brings calls.
    pub destination: Option<TrunkDestination>,
    /// Answers to challenges of that destination, and of nobody else.
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
}

/// What is believed of a trunk, and what it is told, about who calls (TK-08).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct TrunkIdentity {
    /// It is in our trust domain (RFC 3325 2): what it asserts is believed, and it is told who calls though he hides.
    pub trusted: bool,
    /// It is told the names that we have looked up of callers; without it they stay with us.
    #[serde(default)]
    pub passes_names: bool,
    pub forwarding: Forwarding,
}

/// What a trunk is told of a call that was forwarded or passed on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Forwarding {
    /// RFC 5806.
    pub diversion: bool,
    /// RFC 7044.
    pub history: bool,
    /// RFC 3892.
    pub referred_by: bool,
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

/// Which packets belong to a trunk: a network and, when several trunks share an address, a port.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Source {
    pub network: Cidr,
    pub port: Option<u16>,
}

/// An IP network in CIDR form.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cidr {
    address: IpAddr,
    bits: u8,
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
    pub fn address(&self) -> Option<(Transport, std::net::SocketAddr)> {
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
            Some(port) => super::authority(&self.host, port),
            None if self.host.contains(':') => format!("[{}]", self.host),
            None => self.host.clone(),
        }
    }
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TrunkCredentials {
    pub user: String,
    pub password: Private<String>,
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

/// From a dialled user part to what is rung. The most specific matching route wins: exact before pattern, longer
/// pattern before shorter, earlier before later. Users, groups and their extensions are reached by name without one.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Route {
    pub pattern: Pattern,
    /// Who may use it.
    pub from: Side,
    /// Leading characters taken off before the rest goes to a trunk.
    pub strip: u8,
    /// What a trunk gets in front of the rest.
    pub prepend: String,
    pub destination: Destination,
    /// The number shown to a trunk for calls that leave this way; it comes before every other rule.
    #[serde(default)]
    pub caller_id: Option<Number>,
    #[serde(default)]
    pub mode: Mode,
}

impl Route {
    /// For anyone, with the number as it was dialled.
    pub fn new(pattern: Pattern, destination: Destination) -> Self {
        Self {
            pattern,
            from: Side::Anyone,
            strip: 0,
            prepend: String::new(),
            destination,
            caller_id: None,
            mode: Mode::Call,
        }
    }
}

/// What becomes of an INVITE that a route leads on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// It is taken on, and a call of our own goes on.
    #[default]
    Call,
    /// It is forwarded as it is (RFC 3261 16).
    Proxy,
}

/// The side a call comes from.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Users and every trunk. Never enough to reach a trunk from a trunk: that takes `Trunk`.
    Anyone,
    Users,
    Trunks,
    /// This trunk alone.
    Trunk(TrunkId),
}

/// Where a route leads.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Destination {
    User(UserId),
    Group(GroupId),
    Trunk(TrunkId),
    Trunks(TrunkGroupId),
    Queue(QueueId),
    /// Answer, play once, hang up.
    Clip(ClipId),
    /// Answer, ask for keys, lead on.
    Menu(MenuId),
}

/// Literal characters, `X` for one digit, and a trailing `*` for any rest. `+3512XXXXXXXX`, `9*`, `800`.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern(Box<str>);

/// Characters in a pattern: as long as what can be dialled.
pub const PATTERN_MAX: usize = crate::base::DIALLED_MAX;

impl Pattern {
    pub fn new(text: &str) -> Option<Self> {
        let head = text.strip_suffix('*').unwrap_or(text);
        let fits = (1..=PATTERN_MAX).contains(&text.len());
        let clean = head.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'.' | b'_' | b'-' | b'#'));
        (fits && clean).then(|| Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Matches exactly one dialled string.
    pub fn is_exact(&self) -> bool {
        !self.0.contains(['X', '*'])
    }

    pub fn matches(&self, dialled: &str) -> bool {
        let (head, open) = match self.0.strip_suffix('*') {
            Some(head) => (head, true),
            None => (&*self.0, false),
        };
        let long_enough = if open { dialled.len() >= head.len() } else { dialled.len() == head.len() };
        long_enough
            && head.bytes().zip(dialled.bytes()).all(|(want, got)| match want {
                b'X' => got.is_ascii_digit(),
                literal => literal == got,
            })
    }
}

impl Cidr {
    pub fn new(address: IpAddr, bits: u8) -> Option<Self> {
        let most = if address.is_ipv4() { 32 } else { 128 };
        (bits <= most).then_some(Self { address, bits })
    }

    pub fn contains(&self, other: IpAddr) -> bool {
        match (self.address, other) {
            (IpAddr::V4(net), IpAddr::V4(ip)) => {
                let shift = 32 - u32::from(self.bits);
                u32::from(net).checked_shr(shift) == u32::from(ip).checked_shr(shift)
            }
            (IpAddr::V6(net), IpAddr::V6(ip)) => {
                let shift = 128 - u32::from(self.bits);
                u128::from(net).checked_shr(shift) == u128::from(ip).checked_shr(shift)
            }
            (IpAddr::V4(_), IpAddr::V6(ip)) => ip.to_ipv4_mapped().is_some_and(|ip| self.contains(IpAddr::V4(ip))),
            (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

impl Source {
    pub fn matches(&self, remote: std::net::SocketAddr) -> bool {
        self.port.is_none_or(|port| port == remote.port()) && self.network.contains(remote.ip())
    }
}

impl std::str::FromStr for Cidr {
    type Err = &'static str;

    /// `10.0.0.0/8`, `2001:db8::/32`, or an address alone.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "expected a network such as 10.0.0.0/8 or an address";
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u8>().map_err(|_| EXPECTED)?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| EXPECTED)?;
        Self::new(address, bits.unwrap_or(if address.is_ipv4() { 32 } else { 128 })).ok_or(EXPECTED)
    }
}

impl TryFrom<String> for Cidr {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Cidr> for String {
    fn from(cidr: Cidr) -> Self {
        cidr.to_string()
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

impl fmt::Debug for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for Pattern {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(&text).ok_or("expected letters, digits, + . _ - #, X for a digit and a trailing * for any rest")
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.0.into()
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cidr(text: &str) -> Cidr {
        text.parse().unwrap()
    }

    #[test]
    fn a_network_holds_its_own_addresses_only() {
        assert!(cidr("10.1.0.0/16").contains("10.1.255.3".parse().unwrap()));
        assert!(!cidr("10.1.0.0/16").contains("10.2.0.1".parse().unwrap()));
        assert!(cidr("0.0.0.0/0").contains("203.0.113.9".parse().unwrap()));
        assert!(cidr("127.0.0.1").contains("::ffff:127.0.0.1".parse().unwrap()));
        assert!(cidr("2001:db8::/32").contains("2001:db8:1::1".parse().unwrap()));
        assert!("10.0.0.0/33".parse::<Cidr>().is_err());
    }

    /// TK-02: two trunks may share an address and differ by port.
    #[test]
    fn tk_02_a_source_may_name_its_port() {
        let source = Source { network: cidr("127.0.0.1/32"), port: Some(5080) };
        assert!(source.matches("127.0.0.1:5080".parse().unwrap()));
        assert!(!source.matches("127.0.0.1:5081".parse().unwrap()));
    }

    #[test]
    fn patterns_match_digits_and_rests() {
        let pattern = |text: &str| Pattern::new(text).unwrap();
        assert!(pattern("+3512XXXXXXXX").matches("+351212345678"));
        assert!(!pattern("+3512XXXXXXXX").matches("+35121234567a"));
        assert!(pattern("9*").matches("9") && pattern("9*").matches("9000"));
        assert!(pattern("800").is_exact() && !pattern("800").matches("8000"));
        assert!(Pattern::new("a b").is_none() && Pattern::new("").is_none());
    }
}
