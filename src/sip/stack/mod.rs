//! The stack: all transactions and dialogs of one switch.

mod clients;
mod draws;
mod incoming;
mod servers;
mod settings;
mod stateless;

use std::{
    collections::{BTreeSet, VecDeque},
    net::SocketAddr,
};

use bytes::Bytes;

pub(super) use clients::Start;
pub use draws::StackDraws;
pub use settings::{Advertised, StackSettings, TRANSACTIONS_MAX, USAGES_MAX};

use super::{
    Accounts, EndId, Event, Mark, Output, Path, TransactionId, Transport, UsageId,
    proxy::Proxy,
    slab::Slab,
    subscription::Subscriptions,
    timer::Clock,
    transaction::{Branch, ClientFact, ClientOwner, Key, ServerFact, Transaction, server_key},
    usage::{Usage, UsageClock},
};
use crate::{
    base::{Chance, FastMap, FlowId, Instant, KeyedMap, Now, Timers, keyed_map},
    wire::sip::Message,
};

/// How much a stack holds; all zero when everything has ended and 64*T1 have passed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct StackCounts {
    pub transactions: usize,
    pub usages: usize,
    pub subscriptions: usize,
    /// Requests that are being forwarded.
    pub proxied: usize,
    pub timers: usize,
}

/// All SIP transactions, dialogs and INVITE usages of one switch. Pure: it owns no socket and no clock.
///
/// After every `handle_*` and every command, drain `poll_output` until `None`, then sleep until `poll_timeout`.
/// `now` never goes backwards. A command on a usage that is gone does nothing: its end is already told.
pub struct Stack {
    pub(super) settings: StackSettings,
    pub(super) chance: Chance,
    pub(super) outputs: VecDeque<Output>,
    pub(super) transactions: Slab<TransactionId, Transaction>,
    pub(super) clock: Clock,
    pub(super) usages: Slab<UsageId, Usage>,
    pub(super) usage_timers: Timers<(UsageId, UsageClock)>,
    pub(super) subscriptions: Subscriptions,
    pub(super) proxy: Proxy,
    accounts: Accounts,
    /// Usages by the tag that we gave their dialogs.
    pub(super) tags: FastMap<u64, UsageId>,
    /// Usages whose peer is reached over a connection.
    pub(super) usage_flows: BTreeSet<(FlowId, UsageId)>,
    /// INVITEs of an earlier process, by the unguessable half of their branch.
    pub(super) earlier: FastMap<u64, TransactionId>,
    server_keys: KeyedMap<Key, TransactionId>,
    merge_keys: KeyedMap<Key, TransactionId>,
    /// BYEs that are held, each with its answer.
    byes: Vec<(TransactionId, Bytes)>,
    /// Requests of ours that nobody has answered yet, by where they went.
    pub(super) unheard: BTreeSet<(SocketAddr, TransactionId)>,
    /// Requests of ours that wait on a connection.
    pub(super) on_flows: BTreeSet<(FlowId, TransactionId)>,
    /// For tags of answers that leave nothing behind.
    tag_key: [u8; 32],
    /// Values of Allow and Supported, written once.
    pub(super) allow: String,
    pub(super) supported: String,
    /// The same without 100rel.
    pub(super) supported_plain: String,
}

impl Stack {
    pub fn new(settings: StackSettings, mut chance: Chance) -> Self {
        let tag_key = chance.bytes();
        let plain: Vec<&str> = settings.supported.iter().copied().filter(|tag| *tag != "100rel").collect();
        Self {
            clock: Clock::new(settings.timers),
            tag_key,
            allow: settings.allow.join(", "),
            supported: settings.supported.join(", "),
            supported_plain: plain.join(", "),
            settings,
            chance,
            outputs: VecDeque::new(),
            transactions: Slab::new(),
            usages: Slab::new(),
            usage_timers: Timers::new(),
            subscriptions: Subscriptions::new(),
            proxy: Proxy::new(&tag_key),
            accounts: Accounts::default(),
            tags: FastMap::default(),
            usage_flows: BTreeSet::new(),
            earlier: FastMap::default(),
            server_keys: keyed_map(),
            merge_keys: keyed_map(),
            byes: Vec::new(),
            unheard: BTreeSet::new(),
            on_flows: BTreeSet::new(),
        }
    }

    /// Whose challenges credentials with an account answer.
    pub fn accounts(&mut self) -> &mut Accounts {
        &mut self.accounts
    }

    /// One parsed message and the path on which it came.
    pub fn handle_message(&mut self, now: Now, path: Path, message: Message) {
        if message.is_request() {
            self.on_request(now, path, message);
        } else {
            self.on_response(now, path, message);
        }
    }

    /// A connection ended: what waited on it fails, an unanswered caller behind it has hung up.
    pub fn handle_flow_closed(&mut self, now: Now, flow: FlowId) {
        // Before what is on its way to them fails.
        self.cast_subscriptions_adrift(flow);
        let range = (flow, TransactionId(0))..=(flow, TransactionId(u64::MAX));
        let waiting: Vec<TransactionId> = self.on_flows.range(range).map(|(_, id)| *id).collect();
        for id in waiting {
            if !self.await_comeback(now, id) {
                self.client_fact(now, id, ClientFact::FlowClosed, None);
            }
        }
        let range = (flow, UsageId(0))..=(flow, UsageId(u64::MAX));
        let usages: Vec<UsageId> = self.usage_flows.range(range).map(|(_, id)| *id).collect();
        for usage in usages {
            self.on_usage_flow_closed(now, usage);
        }
    }

    /// The calls that depend on a connection, in talk or while they ring there.
    pub fn usages_on(&self, flow: FlowId) -> Vec<UsageId> {
        let rings = self.on_flows.range((flow, TransactionId(0))..=(flow, TransactionId(u64::MAX)));
        let rings = rings.filter_map(|(_, id)| {
            let owner = match self.transactions.get(*id)? {
                Transaction::Client(client) => client.owner,
                Transaction::Server(_) | Transaction::Answered(_) => return None,
            };
            if let ClientOwner::Invite(usage) = owner { Some(usage) } else { None }
        });
        let talks = self.usage_flows.range((flow, UsageId(0))..=(flow, UsageId(u64::MAX))).map(|(_, id)| *id);
        let mut usages: Vec<UsageId> = rings.chain(talks).collect();
        usages.sort_unstable();
        usages.dedup();
        usages
    }

    /// Whether a request of ours, a call or a subscription depends on a connection.
    pub fn is_in_use(&self, flow: FlowId) -> bool {
        let waits = self.on_flows.range((flow, TransactionId(0))..=(flow, TransactionId(u64::MAX))).next().is_some();
        let talks = self.usage_flows.range((flow, UsageId(0))..=(flow, UsageId(u64::MAX))).next().is_some();
        waits || talks || !self.subscriptions.of_flow(flow).is_empty()
    }

    /// The network says that nobody is at `remote` (ICMP, connection refused).
    pub fn handle_unreachable(&mut self, now: Now, transport: Transport, remote: SocketAddr) {
        let range = (remote, TransactionId(0))..=(remote, TransactionId(u64::MAX));
        let waiting: Vec<TransactionId> = self.unheard.range(range).map(|(_, id)| *id).collect();
        for id in waiting {
            if self.client(id).is_some_and(|client| client.path.transport == transport) {
                self.client_fact(now, id, ClientFact::Unreachable, None);
            }
        }
    }

    pub fn handle_timeout(&mut self, now: Now) {
        while let Some((until, id)) = self.clock.take_due(now.mono) {
            self.on_transaction_due(now, until, id);
        }
        while let Some((usage, clock)) = self.usage_timers.take_due(now.mono) {
            self.on_usage_due(now, usage, clock);
        }
        while let Some((subscription, clock)) = self.subscriptions.timers.take_due(now.mono) {
            self.on_subscription_due(now, subscription, clock);
        }
        while let Some((proxied, clock)) = self.proxy.take_due(now.mono) {
            self.on_proxy_due(now, proxied, clock);
        }
        self.prune();
    }

    /// May be earlier than anything is really due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let usages = [self.usage_timers.next(), self.subscriptions.timers.next()];
        let clocks = usages.into_iter().chain([self.clock.next(), self.proxy.next()]);
        clocks.flatten().min()
    }

    pub fn poll_output(&mut self) -> Option<Output> {
        let output = self.outputs.pop_front();
        if output.is_none() {
            self.prune();
        }
        output
    }

    pub fn counts(&self) -> StackCounts {
        StackCounts {
            transactions: self.transactions.len(),
            usages: self.usages.len(),
            subscriptions: self.subscriptions.len(),
            proxied: self.proxy.len(),
            timers: self.clock.len() + self.usage_timers.len() + self.subscriptions.timers.len() + self.proxy.timers(),
        }
    }

    pub fn settings(&self) -> &StackSettings {
        &self.settings
    }

    /// What to write as our host and port from now on, see [`StackSettings::advertised`].
    pub fn set_advertised(&mut self, advertised: Vec<Advertised>) {
        self.settings.advertised = advertised;
    }

    /// The Call-ID of a usage, for traces and Replaces.
    pub fn call_id(&self, usage: UsageId) -> Option<&str> {
        self.usages.get(usage).map(|usage| &*usage.dialog.call_id)
    }

    /// Our Contact in a usage.
    pub fn contact(&self, usage: UsageId) -> Option<String> {
        self.usages.get(usage).map(|usage| self.contact_of(usage))
    }

    /// Whom we speak for in a usage from now on (Session-ID).
    pub fn speak_for(&mut self, usage: UsageId, end: EndId) {
        if let Some(usage) = self.usages.get_mut(usage) {
            usage.dialog.session.local = end;
        }
    }

    /// What the peer of a usage calls itself.
    pub fn called_itself(&self, usage: UsageId) -> Option<EndId> {
        self.usages.get(usage).map(|usage| usage.dialog.session.remote).filter(|end| end.is_known())
    }

    /// Whether anything, be it only a 100, has come for our INVITE.
    pub fn is_heard(&self, usage: UsageId) -> bool {
        self.usages.get(usage).is_some_and(Usage::is_heard)
    }

    /// Finds the usage that a Replaces header means (RFC 3891 3): its tags are seen from our side.
    pub fn find_replaced(&self, call_id: &str, to_tag: &str, from_tag: &str) -> Option<UsageId> {
        let id = self.usage_of_tag(to_tag)?;
        self.usages.get(id)?.is_dialog(call_id, from_tag).then_some(id)
    }

    pub(super) fn usage_of_tag(&self, tag: &str) -> Option<UsageId> {
        if tag.len() != 16 {
            return None;
        }
        u64::from_str_radix(tag, 16).ok().and_then(|tag| self.tags.get(&tag).copied())
    }

    pub(super) fn tell(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    pub(super) fn send(&mut self, path: Path, bytes: Bytes) {
        self.send_after(path, bytes, Mark::default());
    }

    pub(super) fn send_after(&mut self, path: Path, bytes: Bytes, after: Mark) {
        self.outputs.push_back(Output::Send { path, bytes, after });
    }

    /// A tag that nobody can guess; never zero, which stands for none.
    pub(super) fn new_tag(&mut self) -> u64 {
        self.chance.word().max(1)
    }

    /// The branch of the transaction that will be added next.
    pub(super) fn new_branch(&mut self) -> Branch {
        Branch::new(self.chance.word(), self.transactions.next_id())
    }

    fn on_transaction_due(&mut self, now: Now, until: Instant, id: TransactionId) {
        match self.transactions.get_mut(id) {
            Some(Transaction::Client(client)) if client.until == Some(until) => {
                client.until = None;
                self.client_fact(now, id, ClientFact::Deadline, None);
            }
            Some(Transaction::Client(client)) if client.resend_at == Some(until) => {
                client.resend_at = None;
                self.client_fact(now, id, ClientFact::Resend, None);
            }
            Some(Transaction::Server(server)) if server.until == Some(until) => {
                server.until = None;
                self.server_fact(now, id, ServerFact::Deadline);
            }
            Some(Transaction::Server(server)) if server.resend_at == Some(until) => {
                server.resend_at = None;
                self.server_fact(now, id, ServerFact::Resend);
            }
            Some(Transaction::Answered(answered)) if answered.until == until => {
                self.server_fact(now, id, ServerFact::Deadline);
            }
            Some(Transaction::Client(_) | Transaction::Server(_) | Transaction::Answered(_)) | None => {}
        }
    }

    fn prune(&mut self) {
        let transactions = &self.transactions;
        self.clock.prune(|until, id| transactions.get(id).is_some_and(|found| found.waits_for(until)));
    }

    /// Makes room for one more transaction if it can: the non-INVITE answered longest ago is forgotten first.
    pub(super) fn has_room(&mut self) -> bool {
        while self.transactions.len() >= self.settings.transactions_max {
            let Some((until, id)) = self.clock.take_answered() else { return false };
            if matches!(self.transactions.get(id), Some(Transaction::Answered(answered)) if answered.until == until) {
                self.remove_transaction(id);
            }
        }
        true
    }

    /// It is no INVITE of ours to take on: copies of it that come another way are for whoever answers it to tell.
    pub(super) fn forget_merged(&mut self, id: TransactionId) {
        if let Some(key) = self.server(id).and_then(|server| server.merge_key.take()) {
            self.merge_keys.remove(&key);
        }
    }

    /// The key of a request, and that of the INVITE which an ACK or CANCEL means.
    fn key_of(&self, request: &Message, as_invite: bool) -> Option<Key> {
        server_key([self.server_keys.hasher(), self.merge_keys.hasher()], request, as_invite)
    }

    pub(super) fn remove_transaction(&mut self, id: TransactionId) {
        match self.transactions.remove(id) {
            Some(Transaction::Client(client)) => {
                self.unheard.remove(&(client.path.remote, id));
                if let Some(flow) = client.path.flow {
                    self.on_flows.remove(&(flow, id));
                }
                if self.earlier.get(&client.token) == Some(&id) {
                    self.earlier.remove(&client.token);
                }
            }
            Some(Transaction::Server(server)) => {
                self.server_keys.remove(&server.key);
                if let Some(key) = &server.merge_key {
                    self.merge_keys.remove(key);
                }
            }
            Some(Transaction::Answered(answered)) => {
                self.server_keys.remove(&answered.key);
            }
            None => {}
        }
    }
}

#[cfg(test)]
mod tests;
