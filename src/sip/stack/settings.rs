//! What a stack is told once, and its bounds.

use std::{net::SocketAddr, time::Duration};

use crate::{
    base::Cidr,
    sip::{Path, TimerSettings, Transport, subscription::SUBSCRIPTIONS_MAX},
};

/// Transactions at once. At 32 s each this is 8,000 requests a second for ever; when it is full, the longest answered
/// non-INVITE is forgotten first, and if none is, new requests get 503.
pub const TRANSACTIONS_MAX: usize = 262_144;

/// Calls' sides at once; the next INVITE gets 503, or `Rejected` with [`Fault::Full`](crate::sip::Fault::Full) if it is
/// ours.
pub const USAGES_MAX: usize = 65_536;

/// What a stack is told once.
#[derive(Clone, Debug)]
pub struct StackSettings {
    /// Of our digest; what is said to us alone goes to nobody else.
    pub realm: String,
    /// Value of User-Agent and Server.
    pub user_agent: String,
    /// What to write as our host and port for a socket of ours, where it differs from the socket's own address.
    pub advertised: Vec<Advertised>,
    pub timers: TimerSettings,
    /// Methods we understand; others are answered 405 or 501.
    pub allow: Vec<&'static str>,
    /// Option tags that a peer may require; others are answered 420.
    pub supported: Vec<&'static str>,
    /// The session interval that we propose (RFC 4028 4).
    pub session_expires: Duration,
    /// The shortest that we accept; less is answered 422.
    pub session_min: Duration,
    /// Answer to the source port even without `rport`.
    pub force_rport: bool,
    /// The floor above says when a BYE is answered ([`answer_byes`](crate::sip::Stack::answer_byes)); otherwise it is at once.
    pub holds_byes: bool,
    pub transactions_max: usize,
    pub usages_max: usize,
    pub subscriptions_max: usize,
}

/// What peers elsewhere are told in place of a socket's own address.
#[derive(Clone, Debug)]
pub struct Advertised {
    pub transport: Transport,
    pub local: SocketAddr,
    /// Host and port, as a URI writes them.
    pub told: String,
    /// Networks whose peers are told the socket's own address.
    pub inside: Vec<Cidr>,
}

impl Advertised {
    /// Whether this is what the peer at the end of a path is told.
    pub(in crate::sip) fn holds_for(&self, path: &Path) -> bool {
        (self.transport, self.local) == (path.transport, path.local)
            && !self.inside.iter().any(|network| network.contains(path.remote.ip()))
    }
}

impl Default for StackSettings {
    fn default() -> Self {
        Self {
            realm: String::new(),
            user_agent: concat!("strowger/", env!("CARGO_PKG_VERSION")).to_owned(),
            advertised: Vec::new(),
            timers: TimerSettings::default(),
            allow: vec![
                "INVITE",
                "ACK",
                "BYE",
                "CANCEL",
                "OPTIONS",
                "REGISTER",
                "PRACK",
                "UPDATE",
                "INFO",
                "REFER",
                "NOTIFY",
                "SUBSCRIBE",
                "MESSAGE",
            ],
            supported: vec!["100rel", "timer", "replaces"],
            session_expires: Duration::from_secs(1800),
            session_min: Duration::from_secs(90),
            force_rport: false,
            holds_byes: false,
            transactions_max: TRANSACTIONS_MAX,
            usages_max: USAGES_MAX,
            subscriptions_max: SUBSCRIPTIONS_MAX,
        }
    }
}
