//! The implicit subscription of a REFER (RFC 3515 2.4.4): it lives in the call's dialog, and tells how a transfer goes.

use std::time::Duration;

use super::{EventAsked, Ground, Line, Phase, Subscription, SubscriptionId};
use crate::{
    base::Now,
    sip::{Body, Farewell, Mark, Path, Reply, Stack, TransactionId, UsageId},
    wire::sip::{Message, reason_phrase},
};

/// How long a phone may believe that a transfer goes on when it hears nothing more.
const REFER_TIME: Duration = Duration::from_secs(180);

/// REFERs of one call that are told of at once; the next is carried out, but its outcome is told to nobody.
const REFERS_MAX: usize = 4;

impl Stack {
    /// Subscribes the peer of a call to the outcome of its REFER. `id` tells a later REFER of one dialog from the first
    /// (RFC 3515 2.4.6).
    pub fn subscribe_to_refer(&mut self, now: Now, usage: UsageId, id: Option<u32>) -> Option<SubscriptionId> {
        if self.subscriptions.of_call(usage).len() >= REFERS_MAX || !self.is_talkative(usage) {
            return None;
        }
        Some(self.subscriptions.add(Subscription {
            ground: Ground::Call(usage),
            event: "refer".into(),
            event_id: id.map(|id| id.to_string().into()),
            contact_user: Box::default(),
            until: now.mono + REFER_TIME,
            phase: Phase::Active,
            line: Line::Free,
            due: false,
            cseq_kept: u32::MAX,
            last: None,
        }))
    }

    /// Tells how a transfer goes (RFC 3515 2.4.5); a final status is the last word, and goes whatever is on its way.
    pub fn tell_refer(&mut self, now: Now, id: SubscriptionId, status: u16) {
        let line = format!("SIP/2.0 {status} {}\r\n", reason_phrase(status));
        let body = Body::new("message/sipfrag;version=2.0", line);
        let Some(known) = self.subscriptions.get_mut(id) else { return };
        known.last = Some(body.clone());
        if status >= 200 {
            known.phase = Phase::Leaving(Farewell::NoResource);
        }
        self.notify(now, id, Mark::default(), |_| Some(body));
    }

    /// SUBSCRIBE in a call: longer, or no more, of what a REFER there began. There is nothing else to subscribe to.
    pub(in crate::sip) fn on_subscribe_in_call(
        &mut self,
        now: Now,
        path: Path,
        request: &Message,
        (transaction, usage): (TransactionId, UsageId),
    ) {
        let asked = EventAsked::read(request).filter(|asked| asked.event.eq_ignore_ascii_case("refer"));
        let fits = |id: &SubscriptionId| {
            self.subscriptions
                .get(*id)
                .is_some_and(|known| asked.is_some_and(|asked| asked.id == known.event_id.as_deref()))
        };
        let Some(id) = self.subscriptions.of_call(usage).into_iter().find(fits) else {
            let status = if asked.is_some() { 481 } else { 489 };
            return self.answer(now, transaction, &Reply::new(status).header("Allow-Events", "refer"));
        };
        if let Err(reply) = self.resubscribe(now, transaction, path, id) {
            return self.answer(now, transaction, &reply);
        }
        self.confirm_subscription(now, transaction, id, Mark::default());
        let last = self.subscriptions.get(id).and_then(|known| known.last.clone());
        self.notify(now, id, Mark::default(), |_| last);
    }
}
