//! All subscriptions of a stack, by what they are looked up by.

use std::collections::BTreeSet;

use super::{Ground, Subscription, SubscriptionClock, SubscriptionId, Unsubscribed};
use crate::{
    base::{FastMap, FlowId, Timers},
    sip::{Event, Stack, UsageId, slab::Slab},
    wire::sip::Message,
};

pub(in crate::sip) struct Subscriptions {
    slab: Slab<SubscriptionId, Subscription>,
    /// Those with a dialog of their own, by the tag that we gave it.
    tags: FastMap<u64, SubscriptionId>,
    /// Those whose watcher is reached over a connection.
    flows: BTreeSet<(FlowId, SubscriptionId)>,
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

    /// A connection ended: nobody behind it can be told anything.
    pub(in crate::sip) fn close_subscriptions_of_flow(&mut self, flow: FlowId) {
        for id in self.subscriptions.of_flow(flow) {
            self.close_subscription(id, Unsubscribed::FlowClosed);
        }
    }

    /// A call's dialog is gone, and what lived in it too (RFC 5057 5.2).
    pub(in crate::sip) fn close_subscriptions_of_call(&mut self, usage: UsageId) {
        for id in self.subscriptions.of_call(usage) {
            self.subscriptions.remove(id);
        }
    }
}
