//! Subscriptions, handed through: the floor above judges who may watch what, the stack knows how.

use super::Switch;
use crate::{
    base::{FlowId, Instant, LegId, Now},
    sip::{Body, Farewell, KeptSubscription, Mark, Package, Path, Reply, SubscriptionId, TransactionId},
};

impl Switch {
    /// See [`Stack::subscribe`](crate::sip::Stack::subscribe).
    pub fn subscribe(
        &mut self,
        now: Now,
        transaction: TransactionId,
        path: Path,
        package: Package,
    ) -> Result<SubscriptionId, Reply> {
        self.stack.subscribe(now, transaction, path, package)
    }

    /// See [`Stack::resubscribe`](crate::sip::Stack::resubscribe).
    pub fn resubscribe(
        &mut self,
        now: Now,
        transaction: TransactionId,
        path: Path,
        id: SubscriptionId,
    ) -> Result<(), Reply> {
        self.stack.resubscribe(now, transaction, path, id)
    }

    pub fn confirm_subscription(&mut self, now: Now, transaction: TransactionId, id: SubscriptionId, after: Mark) {
        self.stack.confirm_subscription(now, transaction, id, after);
    }

    /// See [`Stack::notify`](crate::sip::Stack::notify).
    pub fn notify(&mut self, now: Now, id: SubscriptionId, after: Mark, body: impl FnOnce(u32) -> Option<Body>) {
        self.stack.notify(now, id, after, body);
    }

    pub fn unsubscribe(&mut self, now: Now, id: SubscriptionId, farewell: Farewell) {
        self.stack.unsubscribe(now, id, farewell);
    }

    /// See [`Stack::subscription`](crate::sip::Stack::subscription).
    pub fn subscription(&self, id: SubscriptionId) -> Option<(Instant, Path)> {
        self.stack.subscription(id)
    }

    /// See [`Stack::is_worn`](crate::sip::Stack::is_worn).
    pub fn subscription_is_worn(&self, id: SubscriptionId) -> bool {
        self.stack.is_worn(id)
    }

    /// See [`Stack::keep_subscription`](crate::sip::Stack::keep_subscription).
    pub fn keep_subscription(&mut self, now: Now, id: SubscriptionId) -> Option<KeptSubscription> {
        self.stack.keep_subscription(now, id)
    }

    /// See [`Stack::kept_subscription`](crate::sip::Stack::kept_subscription).
    pub fn kept_subscription(&self, now: Now, id: SubscriptionId) -> Option<KeptSubscription> {
        self.stack.kept_subscription(now, id)
    }

    /// See [`Stack::restore_subscription`](crate::sip::Stack::restore_subscription).
    pub fn restore_subscription(&mut self, now: Now, kept: KeptSubscription) -> Option<SubscriptionId> {
        self.stack.restore_subscription(now, kept)
    }

    /// See [`Stack::subscriptions_on`](crate::sip::Stack::subscriptions_on).
    pub fn subscriptions_on(&self, flow: FlowId) -> Vec<SubscriptionId> {
        self.stack.subscriptions_on(flow)
    }

    /// See [`Stack::subscriptions_adrift`](crate::sip::Stack::subscriptions_adrift).
    pub fn subscriptions_adrift(&self, from: std::net::IpAddr) -> Vec<SubscriptionId> {
        self.stack.subscriptions_adrift(from)
    }

    /// See [`Stack::resume_subscription`](crate::sip::Stack::resume_subscription).
    pub fn resume_subscriptions(&mut self, now: Now, ids: &[SubscriptionId], path: Path, contact: &str) {
        for id in ids {
            self.stack.resume_subscription(*id, path, contact);
        }
        self.drain_stack(now);
    }

    /// 202 to a REFER in a leg's dialog, and the subscription to what becomes of it, where it is wanted.
    pub fn accept_refer(
        &mut self,
        now: Now,
        transaction: TransactionId,
        leg: LegId,
        told: Option<Option<u32>>,
    ) -> Option<SubscriptionId> {
        let usage = self.legs.get(&leg)?.signalling.usage()?;
        let contact = self.stack.contact(usage)?;
        let subscription = told.and_then(|id| self.stack.subscribe_to_refer(now, usage, id));
        let mut reply = Reply::new(202).header("Contact", contact);
        if subscription.is_none() {
            reply = reply.header("Refer-Sub", "false");
        }
        self.stack.reply(now, transaction, reply);
        subscription
    }

    /// Tells the phone that asked for a transfer how it goes (RFC 3515 2.4.5); the last word is a final status.
    pub fn tell_refer(&mut self, now: Now, refer: SubscriptionId, status: u16) {
        self.stack.tell_refer(now, refer, status);
    }
}
