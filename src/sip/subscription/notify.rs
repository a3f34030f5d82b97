//! NOTIFY, and what becomes of it (RFC 6665 4.2.2).

use std::time::Duration;

use super::{Farewell, Ground, Line, Phase, SubscriptionClock, SubscriptionId, Unsubscribed};
use crate::{
    base::{Instant, Now},
    sip::{
        Body, Event, Mark, Path, Stack, TransactionId, UsageId, compose, dialog::Dialog, stack::Start,
        transaction::ClientOwner,
    },
    wire::sip::{Message, Method, Name, Writer},
};

/// CSeq numbers that one journal entry allows: a restarted switch goes on above them, and a day of changes writes a
/// handful of entries.
pub(super) const CSEQ_BLOCK: u32 = 1_000;

/// What stands in a NOTIFY of one subscription.
struct Lines {
    contact: Option<String>,
    event: String,
    state: String,
}

impl Lines {
    fn write(&self, writer: &mut Writer) {
        if let Some(contact) = &self.contact {
            writer.header(Name::Contact, contact);
        }
        writer.header(Name::Event, &self.event).header(Name::SubscriptionState, &self.state);
    }
}

impl Stack {
    /// Sends the state of what is watched, made by `body` for this NOTIFY's number, the first of a subscription being 0.
    ///
    /// Where one is on its way already nothing is sent: [`Event::NotifyDue`] follows when it has been answered. The last
    /// one goes at once; the subscription is over then.
    pub fn notify(&mut self, now: Now, id: SubscriptionId, after: Mark, body: impl FnOnce(u32) -> Option<Body>) {
        let room = self.has_room();
        let Some(known) = self.subscriptions.get_mut(id) else { return };
        let leaves = known.phase != Phase::Active;
        if !leaves && known.line != Line::Free {
            known.due = true;
            return;
        }
        if !room {
            return self.close_subscription(id, Unsubscribed::Failed(503));
        }
        let owner = if leaves { ClientOwner::Nobody } else { ClientOwner::Notify(id) };
        let sent = self.send_notify(now, id, owner, after, body);
        if leaves || sent.is_none() {
            let why = if leaves { Unsubscribed::Told } else { Unsubscribed::Failed(481) };
            self.close_subscription(id, why);
        } else if let (Some(known), Some(transaction)) = (self.subscriptions.get_mut(id), sent) {
            known.line = Line::Sending(transaction);
            known.due = false;
        }
    }

    fn send_notify(
        &mut self,
        now: Now,
        id: SubscriptionId,
        owner: ClientOwner,
        after: Mark,
        body: impl FnOnce(u32) -> Option<Body>,
    ) -> Option<TransactionId> {
        let known = self.subscriptions.get_mut(id)?;
        let (event, state) = (known.event_line(), known.state_line(now));
        let usage = match &mut known.ground {
            Ground::Own(dialog) => {
                dialog.local_cseq = dialog.local_cseq.saturating_add(1);
                None
            }
            Ground::Call(usage) => Some(*usage),
        };
        let known = self.subscriptions.get(id)?;
        match (usage, known.dialog()) {
            (None, Some(dialog)) => {
                let contact = compose::contact(
                    &self.settings,
                    dialog.path,
                    compose::Contact { user: &known.contact_user, secure: false },
                )
                .to_string();
                let body = body(dialog.local_cseq - 1);
                let lines = Lines { contact: Some(contact), event, state };
                let dialog = dialog.clone();
                Some(self.send_in_own_dialog(now, &dialog, owner, after, (lines, body)))
            }
            (Some(usage), _) => self.send_in_call(now, usage, owner, &Lines { contact: None, event, state }, body(0)),
            (None, None) => None,
        }
    }

    fn send_in_own_dialog(
        &mut self,
        now: Now,
        dialog: &Dialog,
        owner: ClientOwner,
        after: Mark,
        (lines, body): (Lines, Option<Body>),
    ) -> TransactionId {
        let branch = self.new_branch();
        let mut writer = compose::in_dialog(&self.settings, dialog, &Method::Notify, dialog.local_cseq, branch);
        lines.write(&mut writer);
        let bytes = compose::finish(&mut writer, body.as_ref());
        let start = Start::new(Method::Notify, branch, dialog.path, bytes, owner);
        self.start_client(now, Start { after, ..start })
    }

    fn send_in_call(
        &mut self,
        now: Now,
        usage: UsageId,
        owner: ClientOwner,
        lines: &Lines,
        body: Option<Body>,
    ) -> Option<TransactionId> {
        if !self.is_talkative(usage) {
            return None;
        }
        self.send_inside(now, usage, &Method::Notify, owner, body.as_ref(), |stack, usage, writer| {
            writer.header(Name::Contact, stack.contact_of(usage));
            lines.write(writer);
        })
    }

    /// Until when a subscription with a dialog of its own lasts, and the way to who watches.
    pub fn subscription(&self, id: SubscriptionId) -> Option<(Instant, Path)> {
        let known = self.subscriptions.get(id)?;
        Some((known.until, known.dialog()?.path))
    }

    /// Whether the next NOTIFY needs an entry in the journal first, see `keep_subscription`.
    pub fn is_worn(&self, id: SubscriptionId) -> bool {
        let dialog = self.subscriptions.get(id).and_then(|known| Some((known.dialog()?.local_cseq, known.cseq_kept)));
        dialog.is_some_and(|(last, kept)| last >= kept)
    }

    /// Ends a subscription from our side; its last state is wanted.
    pub fn unsubscribe(&mut self, now: Now, id: SubscriptionId, farewell: Farewell) {
        self.leave(now, id, farewell);
    }

    pub(super) fn leave(&mut self, now: Now, id: SubscriptionId, farewell: Farewell) {
        let Some(known) = self.subscriptions.get_mut(id) else { return };
        if known.line == Line::Adrift {
            return self.close_subscription(id, Unsubscribed::FlowClosed);
        }
        known.phase = Phase::Leaving(farewell);
        match known.ground {
            Ground::Own(_) => self.tell(Event::NotifyDue { subscription: id }),
            Ground::Call(_) => {
                let last = known.last.clone();
                self.notify(now, id, Mark::default(), |_| last);
            }
        }
    }

    /// The next may go, if there is anything to tell.
    pub(super) fn line_free(&mut self, now: Now, id: SubscriptionId) {
        let Some(known) = self.subscriptions.get_mut(id) else { return };
        known.line = Line::Free;
        if !std::mem::replace(&mut known.due, false) {
            return;
        }
        match known.ground {
            Ground::Own(_) => self.tell(Event::NotifyDue { subscription: id }),
            Ground::Call(_) => {
                let last = known.last.clone();
                self.notify(now, id, Mark::default(), |_| last);
            }
        }
    }

    /// The final answer to a NOTIFY, or the lack of it.
    pub(in crate::sip) fn on_notify_answer(
        &mut self,
        now: Now,
        transaction: TransactionId,
        id: SubscriptionId,
        status: u16,
        response: Option<&Message>,
    ) {
        let Some(known) = self.subscriptions.get_mut(id) else { return };
        if known.line != Line::Sending(transaction) {
            return;
        }
        let left = known.secs_left(now);
        let rest = response
            .and_then(|response| response.header(Name::RetryAfter))
            .and_then(|value| value.split([';', ' ', '(']).next()?.trim().parse::<u64>().ok());
        match (status, rest) {
            (200..=299, _) => self.line_free(now, id),
            // It is there and wants to be left alone for a while, then to hear how things stand.
            (_, Some(rest)) if status != 481 && rest < left => {
                known.line = Line::Resting;
                known.due = true;
                let until = now.mono + Duration::from_secs(rest.max(1));
                self.subscriptions.timers.set((id, SubscriptionClock::Rested), until);
            }
            (_, _) => self.close_subscription(id, Unsubscribed::Failed(status)),
        }
    }
}
