//! Subscriptions to events (RFC 6665), the notifier's side. Each is a dialog of its own, or lives in that of a call
//! (REFER, RFC 3515).
//!
//! What enters: SUBSCRIBE requests that the floor above has judged, and the bodies of its event packages, opaque here.
//! Who may watch what, and what there is to see, is not asked here. Forged requests find no subscription and get 481.

mod ask;
mod kept;
mod notify;
mod refer;
mod table;

use crate::{
    base::{FlowId, Instant, Now},
    sip::{Stack, TransactionId, UsageId, dialog::Dialog, slab::SlabId},
};

pub use ask::{EventAsked, Package};
pub use kept::KeptSubscription;
pub(in crate::sip) use table::Subscriptions;

/// Subscriptions at once; the next SUBSCRIBE gets 503. At about 1 KB each this is 100 MB.
pub const SUBSCRIPTIONS_MAX: usize = 100_000;

/// The shortest life that is granted, in seconds; who wants less gets 423.
pub const SUBSCRIPTION_SECS_MIN: u32 = 60;

/// The longest; who wants more gets this. Also what is granted to those without a wish: a phone that went away without
/// a word is told of nothing for an hour at most.
pub const SUBSCRIPTION_SECS_MAX: u32 = 3_600;

/// One subscription, from the SUBSCRIBE that made it to its last NOTIFY.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubscriptionId(u64);

impl SubscriptionId {
    /// The ends of all ids, for ranges over ordered sets.
    pub const FIRST: Self = Self(0);
    pub const LAST: Self = Self(u64::MAX);
}

impl std::fmt::Debug for SubscriptionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "subscription-{:x}", self.0)
    }
}

impl SlabId for SubscriptionId {
    fn from_raw(raw: u64) -> Self {
        Self(raw)
    }

    fn raw(self) -> u64 {
        self.0
    }
}

/// Why the last NOTIFY says `terminated` (RFC 6665 4.1.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Farewell {
    /// It has run out, was taken back, or was only a look.
    Timeout,
    /// The watcher may watch no more.
    Rejected,
    /// What was watched is no more.
    NoResource,
}

impl Farewell {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Rejected => "rejected",
            Self::NoResource => "noresource",
        }
    }
}

/// How a subscription ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unsubscribed {
    /// The last NOTIFY has been sent.
    Told,
    /// A NOTIFY came to nothing: the status of its answer, 408 for none, 503 for a peer that is not there.
    Failed(u16),
    /// The watcher's connection closed, and he did not come back.
    FlowClosed,
}

/// Whose dialog a subscription uses.
enum Ground {
    Own(Box<Dialog>),
    /// That of a call: it ends with it (RFC 5057).
    Call(UsageId),
}

/// What a subscription waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Active,
    /// The last state is wanted, to be sent with this.
    Leaving(Farewell),
}

/// Whether a NOTIFY may go: there is one on its way at a time, so that a slow watcher gets the latest state and never a
/// heap of old ones.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Line {
    Free,
    Sending(TransactionId),
    /// The watcher asked to be left alone for a while (Retry-After).
    Resting,
    /// His connection has ended: he may come back over another one.
    Adrift,
}

pub(in crate::sip) struct Subscription {
    ground: Ground,
    event: Box<str>,
    /// The `id` of the Event header: several subscriptions of one kind (RFC 6665 8.2.1).
    event_id: Option<Box<str>>,
    /// User part of our Contact.
    contact_user: Box<str>,
    until: Instant,
    phase: Phase,
    line: Line,
    /// Something is to be told as soon as the line is free.
    due: bool,
    /// The journal allows NOTIFYs up to this CSeq.
    cseq_kept: u32,
    /// What was told last, for those in a call's dialog: nobody else could say it again.
    last: Option<crate::sip::Body>,
}

/// Reasons for a subscription to wake up.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(in crate::sip) enum SubscriptionClock {
    Expires,
    /// Retry-After is over.
    Rested,
}

impl Subscription {
    fn flow(&self) -> Option<FlowId> {
        match &self.ground {
            Ground::Own(dialog) => dialog.path.flow,
            Ground::Call(_) => None,
        }
    }

    fn dialog(&self) -> Option<&Dialog> {
        match &self.ground {
            Ground::Own(dialog) => Some(dialog),
            Ground::Call(_) => None,
        }
    }

    fn secs_left(&self, now: Now) -> u64 {
        self.until.since(now.mono).as_secs()
    }

    /// Value of an Event header.
    fn event_line(&self) -> String {
        match &self.event_id {
            Some(id) => format!("{};id={id}", self.event),
            None => self.event.to_string(),
        }
    }

    /// Value of a Subscription-State header.
    fn state_line(&self, now: Now) -> String {
        match self.phase {
            Phase::Active => format!("active;expires={}", self.secs_left(now)),
            Phase::Leaving(farewell) => format!("terminated;reason={}", farewell.as_str()),
        }
    }
}

impl Stack {
    pub(in crate::sip) fn on_subscription_due(&mut self, now: Now, id: SubscriptionId, clock: SubscriptionClock) {
        match clock {
            SubscriptionClock::Expires => self.leave(now, id, Farewell::Timeout),
            SubscriptionClock::Rested => self.line_free(now, id),
        }
    }
}
