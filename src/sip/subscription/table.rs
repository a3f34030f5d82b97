//! All subscriptions of a stack, by what they are looked up by.

use std::{collections::BTreeSet, net::IpAddr};

use super::{Ground, Line, Phase, Subscription, SubscriptionClock, SubscriptionId, Unsubscribed};
use crate::{
    base::{FastMap, FlowId, Timers},
    sip::{Event, Path, Stack, Transport, UsageId, dialog::same_host, slab::Slab},
    wire::sip::Message,
};

pub(in crate::sip) struct Subscriptions {
    slab: Slab<SubscriptionId, Subscription>,
    /// Those with a dialog of their own, by the tag that we gave it.
    tags: FastMap<u64, SubscriptionId>,
    /// Those whose watcher is reached over a connection.
    flows: BTreeSet<(FlowId, SubscriptionId)>,
    /// Those whose watcher's connection has ended, by where it came from.
    adrift: BTreeSet<(IpAddr, SubscriptionId)>,
    /// Those in the dialog of a call.
    calls: BTreeSet<(UsageId, SubscriptionId)>,
    pub timers: Timers<(SubscriptionId, SubscriptionClock)>,
}

impl Subscriptions {
    pub fn new() -> Self {
        Self {
            slab: Slab::new(),
            tags: FastMap::default(),
            flows: BTreeSet::new(),
            adrift: BTreeSet::new(),
            calls: BTreeSet::new(),
            timers: Timers::new(),
        }
    }

    pub fn len(&self) -> usize {
        self.slab.len()
    }

    pub(super) fn get(&self, id: SubscriptionId) -> Option<&Subscription> {
        self.slab.get(id)
    }

    pub(super) fn get_mut(&mut self, id: SubscriptionId) -> Option<&mut Subscription> {
        self.slab.get_mut(id)
    }

    pub(super) fn add(&mut self, subscription: Subscription) -> SubscriptionId {
        let (until, flow) = (subscription.until, subscription.flow());
        let id = self.slab.next_id();
        if let Some(dialog) = subscription.dialog().filter(|_| subscription.line == Line::Adrift) {
            self.adrift.insert((dialog.path.remote.ip(), id));
        }
        match &subscription.ground {
            Ground::Own(dialog) => {
                self.tags.insert(dialog.local_tag, id);
            }
            Ground::Call(usage) => {
                self.calls.insert((*usage, id));
            }
        }
        if let Some(flow) = flow {
            self.flows.insert((flow, id));
        }
        self.timers.set((id, SubscriptionClock::Expires), until);
        self.slab.insert(subscription)
    }

    pub(super) fn remove(&mut self, id: SubscriptionId) -> bool {
        let Some(gone) = self.slab.remove(id) else { return false };
        if let Some(flow) = gone.flow() {
            self.flows.remove(&(flow, id));
        }
        match &gone.ground {
            Ground::Own(dialog) => {
                self.tags.remove(&dialog.local_tag);
                self.adrift.remove(&(dialog.path.remote.ip(), id));
            }
            Ground::Call(usage) => {
                self.calls.remove(&(*usage, id));
            }
        }
        for clock in [SubscriptionClock::Expires, SubscriptionClock::Rested] {
            self.timers.cancel((id, clock));
        }
        true
    }

    /// After the way to the watcher may have changed.
    pub(super) fn moved(&mut self, id: SubscriptionId, from: Option<FlowId>) {
        let Some(subscription) = self.slab.get(id) else { return };
        let to = subscription.flow();
        if let Some(flow) = from {
            self.flows.remove(&(flow, id));
        }
        if let Some(flow) = to {
            self.flows.insert((flow, id));
        }
    }

    pub(in crate::sip) fn of_flow(&self, flow: FlowId) -> Vec<SubscriptionId> {
        let range = (flow, SubscriptionId(0))..=(flow, SubscriptionId(u64::MAX));
        self.flows.range(range).map(|(_, id)| *id).collect()
    }

    /// Its watcher's connection has ended: nothing can be told, until there is another way.
    fn cast_adrift(&mut self, id: SubscriptionId) {
        let Some(subscription) = self.slab.get_mut(id) else { return };
        (subscription.line, subscription.due) = (Line::Adrift, true);
        let from = subscription.flow();
        if let Ground::Own(dialog) = &mut subscription.ground {
            dialog.path.flow = None;
            self.adrift.insert((dialog.path.remote.ip(), id));
        }
        self.moved(id, from);
    }

    /// There is a way to its watcher again.
    pub(super) fn come_ashore(&mut self, id: SubscriptionId, from: IpAddr) {
        self.adrift.remove(&(from, id));
        if let Some(subscription) = self.slab.get_mut(id).filter(|it| it.line == Line::Adrift) {
            subscription.line = Line::Free;
        }
    }

    fn adrift_from(&self, ip: IpAddr) -> Vec<SubscriptionId> {
        let range = (ip, SubscriptionId(0))..=(ip, SubscriptionId(u64::MAX));
        self.adrift.range(range).map(|(_, id)| *id).collect()
    }

    pub(super) fn of_call(&self, usage: UsageId) -> Vec<SubscriptionId> {
        let range = (usage, SubscriptionId(0))..=(usage, SubscriptionId(u64::MAX));
        self.calls.range(range).map(|(_, id)| *id).collect()
    }

    /// The subscription whose dialog a request belongs to: our tag, theirs and the Call-ID must fit (RFC 3261 12.2.2).
    pub fn of_request(&self, request: &Message) -> Option<SubscriptionId> {
        let tag = request.to_tag().filter(|tag| tag.len() == 16)?;
        let id = *self.tags.get(&u64::from_str_radix(tag, 16).ok()?)?;
        let dialog = self.slab.get(id)?.dialog()?;
        let fits =
            *dialog.call_id == *request.call_id() && *dialog.remote_tag == *request.from_tag().unwrap_or_default();
        fits.then_some(id)
    }
}

impl Stack {
    /// It is over, for whatever reason; nothing is sent.
    pub(super) fn close_subscription(&mut self, id: SubscriptionId, why: Unsubscribed) {
        if self.subscriptions.remove(id) {
            self.tell(Event::SubscriptionEnded { subscription: id, why });
        }
    }

    /// A connection ended: nobody behind it can be told anything, until the phone is back over another one.
    pub(in crate::sip) fn cast_subscriptions_adrift(&mut self, flow: FlowId) {
        for id in self.subscriptions.of_flow(flow) {
            if self.subscriptions.get(id).is_some_and(|known| known.phase == Phase::Active) {
                self.subscriptions.cast_adrift(id);
            } else {
                self.close_subscription(id, Unsubscribed::FlowClosed);
            }
        }
    }

    /// Subscriptions whose watcher is reached over a connection.
    pub fn subscriptions_on(&self, flow: FlowId) -> Vec<SubscriptionId> {
        self.subscriptions.of_flow(flow)
    }

    /// Subscriptions from an address whose connection has ended, at whatever port it was.
    pub fn subscriptions_adrift(&self, from: IpAddr) -> Vec<SubscriptionId> {
        self.subscriptions.adrift_from(from)
    }

    /// The user of a subscription whose connection has ended has registered over another one, calling himself `contact`. Where that
    /// is the phone that watches, it is told there how things stand.
    pub fn resume_subscription(&mut self, id: SubscriptionId, path: Path, contact: &str) {
        let Some(known) = self.subscriptions.get_mut(id).filter(|known| known.line == Line::Adrift) else { return };
        let Ground::Own(dialog) = &mut known.ground else { return };
        let is_it = match path.transport {
            // A page calls itself anew each time; one that knows nothing of this says so by 481.
            Transport::Ws | Transport::Wss => true,
            Transport::Tcp | Transport::Tls | Transport::Udp => same_host(&dialog.target, contact),
        };
        let at = dialog.path;
        if path.flow.is_none() || at.transport != path.transport || at.remote.ip() != path.remote.ip() || !is_it {
            return;
        }
        (dialog.path, known.due) = (path, false);
        self.subscriptions.moved(id, None);
        self.subscriptions.come_ashore(id, path.remote.ip());
        self.tell(Event::NotifyDue { subscription: id });
    }

    /// A call's dialog is gone, and what lived in it too (RFC 5057 5.2).
    pub(in crate::sip) fn close_subscriptions_of_call(&mut self, usage: UsageId) {
        for id in self.subscriptions.of_call(usage) {
            self.subscriptions.remove(id);
        }
    }
}
