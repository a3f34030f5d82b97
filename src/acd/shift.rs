//! Between the distributor's clock and the wall's. Inside, all is counted on a clock that nobody sets; what leaves the
//! distributor is told by the wall as it is set now, so each wall time in it moves by as much as the wall was set.

use super::{
    AgentEvent, AgentRecord, AgentSnapshot, BanRecord, ChannelRecord, DirectRecord, EngagementRecord,
    EngagementSnapshot, EngagementSummary, Entry, GivenUp, MemberEvent, Notice, Offer, OfferSnapshot, Output,
    Overridden, QueueEvent, QueueSnapshot, ShownRecord, Snapshot, Spoke, StatusSpan, WaitingRecord, WaitingSnapshot,
    WrapUpRecord,
};
use crate::base::Wall;

/// What holds wall times.
pub(super) trait Shift {
    /// Moves each of them by so many milliseconds.
    fn shift(&mut self, by_ms: i64);
}

impl Shift for Wall {
    fn shift(&mut self, by_ms: i64) {
        *self = self.set_by(by_ms);
    }
}

impl<T: Shift> Shift for Option<T> {
    fn shift(&mut self, by_ms: i64) {
        self.iter_mut().for_each(|it| it.shift(by_ms));
    }
}

impl<T: Shift> Shift for Vec<T> {
    fn shift(&mut self, by_ms: i64) {
        self.iter_mut().for_each(|it| it.shift(by_ms));
    }
}

impl<T: Shift> Shift for Box<T> {
    fn shift(&mut self, by_ms: i64) {
        (**self).shift(by_ms);
    }
}

/// Every wall time of a type, by its fields.
macro_rules! shift {
    ($($type:ident: $($field:ident),+;)+) => {
        $(impl Shift for $type {
            fn shift(&mut self, by_ms: i64) {
                $(self.$field.shift(by_ms);)+
            }
        })+
    };
}

shift! {
    Offer: made, until_wall;
    EngagementSummary: accepted, ended;
    StatusSpan: from, to;
    AgentEvent: at, since;
    MemberEvent: at;
    QueueEvent: at;
    Overridden: at;
    Snapshot: at, agents, queues;
    QueueSnapshot: waiting;
    AgentSnapshot: since, until, offers, engagements, inactive_until;
    OfferSnapshot: made, until;
    EngagementSnapshot: accepted, connected, wrap_up_since, wrap_up_until, wrap_up_target;
    WaitingSnapshot: arrived;
    AgentRecord: channels, direct, banned, not_before, idle_since, since, counted;
    ChannelRecord: since, shown;
    ShownRecord: since;
    DirectRecord: since;
    GivenUp: arrived, left;
    Spoke: at;
    WaitingRecord: arrived, entered;
    EngagementRecord: accepted, connected, wrap_up;
    WrapUpRecord: since, until, target;
}

impl Shift for BanRecord {
    fn shift(&mut self, by_ms: i64) {
        match self {
            Self::Until(until) => until.shift(by_ms),
            Self::UntilManual => {}
        }
    }
}

impl Shift for Entry {
    fn shift(&mut self, by_ms: i64) {
        match self {
            Self::Agent(it) => it.shift(by_ms),
            Self::Waiting(it) => it.shift(by_ms),
            Self::GaveUp(it) => it.shift(by_ms),
            Self::Spoke(it) => it.shift(by_ms),
            Self::Engagement(it) => it.shift(by_ms),
            Self::Member(_)
            | Self::MemberGone { .. }
            | Self::Queue(_)
            | Self::Left { .. }
            | Self::CameBack { .. }
            | Self::Drains { .. }
            | Self::Drained { .. }
            | Self::EngagementGone { .. }
            | Self::Day { .. }
            | Self::QueueDay { .. } => {}
        }
    }
}

impl Shift for Notice {
    fn shift(&mut self, by_ms: i64) {
        match self {
            Self::Override(it) => it.shift(by_ms),
            Self::Inactive { until, .. } => until.shift(by_ms),
            Self::TooLong { since, .. } => since.shift(by_ms),
            Self::Missed { .. } | Self::Unserved { .. } | Self::Repaired { .. } => {}
        }
    }
}

impl Shift for Output {
    fn shift(&mut self, by_ms: i64) {
        match self {
            Self::Entry(it) => it.shift(by_ms),
            Self::Offer(it) => it.shift(by_ms),
            Self::EngagementEnded(it) => it.shift(by_ms),
            Self::Span(it) => it.shift(by_ms),
            Self::Agent(it) => it.shift(by_ms),
            Self::Member(it) => it.shift(by_ms),
            Self::Queue(it) => it.shift(by_ms),
            Self::Notice(it) => it.shift(by_ms),
            // A place in line comes back as it was told, so it stays on the distributor's clock.
            Self::Entered { .. }
            | Self::Decide(_)
            | Self::Decided { .. }
            | Self::Withdraw { .. }
            | Self::OfferEnded { .. }
            | Self::Connect { .. }
            | Self::Announce { .. }
            | Self::Nobody { .. }
            | Self::Left { .. }
            | Self::Work { .. } => {}
        }
    }
}
