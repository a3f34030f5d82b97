//! The stack: all transactions and dialogs of one switch.

use std::{collections::VecDeque, net::SocketAddr, time::Duration};

use super::{Body, Event, Invite, Output, Path, Reply, Request, TimerSettings, TransactionId, Transport, UsageId};
use crate::{
    base::{Chance, FlowId, Instant, Now},
    wire::sip::Message,
};

/// What a stack is told once.
#[derive(Clone, Debug)]
pub struct StackSettings {
    /// Value of User-Agent and Server.
    pub user_agent: String,
    /// What to write as our host and port for a socket of ours, where it differs from the socket's own address.
    pub advertised: Vec<(Transport, SocketAddr, String)>,
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
    pub transactions_max: usize,
    pub usages_max: usize,
}

/// Transactions at once. At 32 s each this is 8,000 requests a second for ever; when it is full, the longest answered
/// non-INVITE is forgotten first, and if none is, new requests get 503.
pub const TRANSACTIONS_MAX: usize = 262_144;

/// Calls' sides at once; the next INVITE gets 503, or `Rejected` with [`Fault::Full`](super::Fault::Full) if it is ours.
pub const USAGES_MAX: usize = 65_536;

impl Default for StackSettings {
    fn default() -> Self {
        Self {
            user_agent: concat!("strowger/", env!("CARGO_PKG_VERSION")).to_owned(),
            advertised: Vec::new(),
            timers: TimerSettings::default(),
            allow: vec![
                "INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "REGISTER", "PRACK", "UPDATE", "INFO", "REFER", "NOTIFY",
            ],
            supported: vec!["100rel", "timer", "replaces"],
            session_expires: Duration::from_secs(1800),
            session_min: Duration::from_secs(90),
            force_rport: false,
            transactions_max: TRANSACTIONS_MAX,
            usages_max: USAGES_MAX,
        }
    }
}

/// How much a stack holds; all zero when everything has ended and 64*T1 have passed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct StackCounts {
    pub transactions: usize,
    pub usages: usize,
    pub timers: usize,
}

/// All SIP transactions, dialogs and INVITE usages of one switch. Pure: it owns no socket and no clock.
///
/// After every `handle_*` and every command, drain `poll_output` until `None`, then sleep until `poll_timeout`.
/// `now` never goes backwards. A command on a usage that is gone does nothing: its end is already told.
pub struct Stack {
    settings: StackSettings,
    chance: Chance,
    outputs: VecDeque<Output>,
}

impl Stack {
    pub fn new(settings: StackSettings, chance: Chance) -> Self {
        Self { settings, chance, outputs: VecDeque::new() }
    }

    /// One parsed message and the path on which it came.
    pub fn handle_message(&mut self, now: Now, path: Path, message: Message) {
        let _ = (now, path, message);
    }

    /// A connection ended: what waited on it fails.
    pub fn handle_flow_closed(&mut self, now: Now, flow: FlowId) {
        let _ = (now, flow);
    }

    /// The network says that nobody is at `remote` (ICMP, connection refused).
    pub fn handle_unreachable(&mut self, now: Now, transport: Transport, remote: SocketAddr) {
        let _ = (now, transport, remote);
    }

    pub fn handle_timeout(&mut self, now: Now) {
        let _ = now;
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Places a call.
    pub fn invite(&mut self, now: Now, invite: Invite) -> UsageId {
        let _ = (now, invite);
        UsageId(self.chance.word())
    }

    /// Takes our unanswered INVITE back: at once, or at the first provisional answer. A 2xx that crosses it gets ACK and
    /// BYE. `Rejected` follows in any case. `reason` is a Reason header value.
    pub fn cancel(&mut self, now: Now, usage: UsageId, reason: Option<String>) {
        let _ = (now, usage, reason);
    }

    /// Answers their INVITE: 1xx any number of times, then one final. A 2xx is repeated until its ACK.
    pub fn respond(&mut self, now: Now, usage: UsageId, respond: Reply) {
        let _ = (now, usage, respond);
    }

    /// Our answer to the offer in a 2xx (see [`Event::Answered`]).
    pub fn ack(&mut self, now: Now, usage: UsageId, body: Option<Body>) {
        let _ = (now, usage, body);
    }

    /// A new offer by re-INVITE; without body it asks for theirs. One waits while another offer is under way; a newer one
    /// replaces it. `OfferAnswered` follows for each that is not replaced; a 2xx to an INVITE without body then needs `ack`.
    pub fn reinvite(&mut self, now: Now, usage: UsageId, body: Option<Body>) {
        let _ = (now, usage, body);
    }

    /// A new offer by UPDATE (RFC 3311); also possible before the answer.
    pub fn update(&mut self, now: Now, usage: UsageId, body: Option<Body>) {
        let _ = (now, usage, body);
    }

    /// Answers an [`Event::Offer`].
    pub fn respond_offer(&mut self, now: Now, usage: UsageId, status: u16, body: Option<Body>) {
        let _ = (now, usage, status, body);
    }

    /// Ends an answered call; before the answer it cancels our INVITE or refuses theirs with 480.
    pub fn bye(&mut self, now: Now, usage: UsageId, reason: Option<String>) {
        let _ = (now, usage, reason);
    }

    pub fn info(&mut self, now: Now, usage: UsageId, body: Body) {
        let _ = (now, usage, body);
    }

    /// Answers an [`Event::Request`] or [`Event::Info`].
    pub fn reply(&mut self, now: Now, transaction: TransactionId, reply: Reply) {
        let _ = (now, transaction, reply);
    }

    /// Sends a request; [`Event::Response`] follows once.
    pub fn request(&mut self, now: Now, request: Request) -> TransactionId {
        let _ = (now, request);
        TransactionId(self.chance.word())
    }

    /// The Call-ID of a usage, for traces and Replaces.
    pub fn call_id(&self, usage: UsageId) -> Option<&str> {
        let _ = usage;
        None
    }

    /// Whether anything, be it only a 100, has come for our INVITE.
    pub fn is_heard(&self, usage: UsageId) -> bool {
        let _ = usage;
        false
    }

    /// Finds the usage that a Replaces header means (RFC 3891 3): its tags are seen from our side.
    pub fn find_replaced(&self, call_id: &str, to_tag: &str, from_tag: &str) -> Option<UsageId> {
        let _ = (call_id, to_tag, from_tag);
        None
    }

    pub fn counts(&self) -> StackCounts {
        StackCounts::default()
    }

    pub fn settings(&self) -> &StackSettings {
        &self.settings
    }
}

#[allow(dead_code)]
fn told(event: Event) -> Output {
    Output::Event(event)
}
