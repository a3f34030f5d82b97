//! Calls: legs, bridges, offer and answer between legs, routes, trunks. Uses base, wire, sip and the media types.
//!
//! The switch obeys: it knows no queue, no agent and no policy of distribution. What happens to its calls it tells as
//! facts; what shall happen it is told by commands.

mod adrift;
mod bridge;
mod call;
mod cause;
mod check;
mod clips;
mod dial_plan;
mod digits;
mod doors;
mod early;
mod ears;
mod fact;
mod fax;
mod fork;
mod forwarding;
mod ground;
mod guests;
mod headers;
mod ids;
mod keep;
mod leg;
mod negotiate;
mod numbering;
mod offers;
mod pages;
mod pickup;
mod presentation;
mod progress;
mod quirks;
mod record;
mod route;
mod session_id;
mod settings;
mod sight;
mod signalling;
mod subscriptions;
mod taping;
mod texts;
mod transfer;

use std::{collections::VecDeque, net::SocketAddr};

use crate::{
    base::{CallId, Chance, FastMap, FlowId, Instant, LegId, Now, StreamId, Timers},
    media::{self, Command, PortPool},
    sip::{self, Event, Mark, Path, Reply, Stack, TransactionId, Transport},
    wire::sip::Message,
};

pub use call::{Admission, Invited, STATS_WAIT};
pub use check::SwitchCounts;
pub use dial_plan::{DialClass, DialPlan};
pub use fact::{
    ANONYMOUS, CallSummary, Caller, Fact, GoesOn, LegStage, Lost, Moved, Output, RingId, RingPlan, SipWay, Target,
    Then, Way,
};
pub use fork::FORK_MAX;
pub use ground::{Listener, SwitchSettings, Times, authority, escape_user};
pub use headers::{HEADER_PATTERNS_MAX, HeaderPattern, HeaderRules, PASSED_BYTES_MAX, PASSED_HEADERS_MAX};
pub use numbering::{NUMBER_RULES_MAX, NumberForm, NumberPlan, NumberRule, NumberRules, Numbering};
pub use pickup::Pickup;
pub use presentation::{Asserts, Forwarding, IdentityHeader, Presentation, TrunkFrom, TrunkIdentity};
pub use quirks::{ADDED_HEADERS_MAX, Digits, Quirks};
pub use record::{Cause, EndedBy, LegParty, LegRecord, LegSide, Quality};
pub use route::{Routed, Router, TrunkLoad};
pub use settings::{
    CallerIdRule, Destination, Group, GroupStrategy, Health, Mode, PATTERN_MAX, Pattern, Role, Route, Side, Source,
    Trunk, TrunkCredentials, TrunkDestination, TrunkGroup, TrunkLimits, TrunkMember, Upkeep, User,
};

pub use guests::{GUESTS_MAX, Guest};
pub use ids::{Ids, SwitchDraws};
pub use keep::{KeptCall, Resumed};
pub use sight::{CallSight, LegSight};
pub use signalling::{PageOrder, peer_name};
pub use texts::Text;

use call::Call;
use doors::Doors;
use fork::Ring;
use leg::Leg;

/// All calls of one centre, over one SIP stack and one pool of media ports. Pure: it owns no socket, clock or task.
///
/// After every `handle_*` and every command, drain `poll_output` until `None`, then sleep until `poll_timeout`. A
/// command on a call, leg or ring that is gone does nothing: its end has been told.
pub struct Switch {
    settings: SwitchSettings,
    headers: HeaderRules,
    /// What passes of the message that is being handled, and from which leg of which call.
    passing: Option<(CallId, LegId, sip::Headers)>,
    stack: Stack,
    ports: PortPool,
    doors: Doors,
    chance: Chance,
    ids: Ids,
    calls: FastMap<CallId, Call>,
    legs: FastMap<LegId, Leg>,
    rings: FastMap<RingId, Ring>,
    usages: FastMap<sip::UsageId, LegId>,
    streams: FastMap<StreamId, LegId>,
    /// Streams told to close, whose figures are still to come.
    closing: FastMap<StreamId, CallId>,
    /// Where the devices that still ring were called, and how else they can be.
    called: FastMap<LegId, fork::Called>,
    timers: Timers<Timer>,
    outputs: VecDeque<Output>,
}

/// Why the switch wakes up.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
enum Timer {
    /// A called leg gave no sign of life.
    Dead(LegId),
    /// Nobody has come for a leg that has no sound.
    Adrift(LegId),
    /// A phase has rung long enough.
    PhaseOver(RingId),
    /// A call has lasted longer than any may.
    CallTooLong(CallId),
    /// Whoever is asked for fax, or for sound again, says nothing.
    TurnLate(LegId),
    /// The media workers owe the figures of an ended call.
    StatsLate(CallId),
}

impl Switch {
    pub fn new(settings: SwitchSettings, stack: Stack, chance: Chance, now: Now) -> Self {
        Self {
            settings,
            headers: HeaderRules::default(),
            passing: None,
            stack,
            ports: PortPool::default(),
            doors: Doors::default(),
            chance,
            ids: Ids::new(now),
            calls: FastMap::default(),
            legs: FastMap::default(),
            rings: FastMap::default(),
            usages: FastMap::default(),
            streams: FastMap::default(),
            closing: FastMap::default(),
            called: FastMap::default(),
            timers: Timers::new(),
            outputs: VecDeque::new(),
        }
    }

    pub fn handle_message(&mut self, now: Now, path: Path, message: Message) {
        self.stack.handle_message(now, path, message);
        self.drain_stack(now);
    }

    /// Whether a call or another dialog depends on a connection.
    pub fn is_in_use(&self, flow: FlowId) -> bool {
        self.stack.is_in_use(flow)
    }

    /// The legs whose signalling goes over a connection.
    pub fn legs_on(&self, flow: FlowId) -> Vec<LegId> {
        self.stack.usages_on(flow).iter().filter_map(|usage| self.usages.get(usage).copied()).collect()
    }

    pub fn handle_flow_closed(&mut self, now: Now, flow: FlowId) {
        self.stack.handle_flow_closed(now, flow);
        self.drain_stack(now);
    }

    /// The sockets have changed; `advertised` is what peers are told in place of their own addresses.
    pub fn set_listeners(&mut self, listeners: Vec<Listener>, advertised: Vec<sip::Advertised>) {
        self.settings.listeners = listeners;
        self.stack.set_advertised(advertised);
    }

    /// Which headers pass from leg to leg from now on.
    pub fn set_headers(&mut self, headers: HeaderRules) {
        self.headers = headers;
    }

    pub fn handle_unreachable(&mut self, now: Now, transport: Transport, remote: SocketAddr) {
        self.stack.handle_unreachable(now, transport, remote);
        self.drain_stack(now);
    }

    /// Ports that the plane has bound.
    pub fn handle_ports(&mut self, ports: Vec<media::Port>) {
        self.ports.add(ports);
    }

    pub fn handle_timeout(&mut self, now: Now) {
        self.stack.handle_timeout(now);
        self.drain_stack(now);
        while let Some(timer) = self.timers.take_due(now.mono) {
            match timer {
                Timer::Dead(leg) => self.on_dead(now, leg),
                Timer::Adrift(leg) => self.on_adrift(now, leg),
                Timer::PhaseOver(ring) => self.on_phase_over(now, ring),
                Timer::CallTooLong(call) => self.end_call(now, call, Cause::LOST, EndedBy::Switch),
                Timer::TurnLate(leg) => self.on_turn_late(now, leg),
                Timer::StatsLate(call) => self.settle(call),
            }
            self.drain_stack(now);
        }
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.stack.poll_timeout(), self.timers.next()].into_iter().flatten().min()
    }

    pub fn poll_output(&mut self, now: Now) -> Option<Output> {
        self.drain_stack(now);
        self.outputs.pop_front()
    }

    /// Answers a [`Fact::Request`].
    pub fn reply(&mut self, now: Now, transaction: TransactionId, reply: Reply) {
        self.stack.reply(now, transaction, reply);
    }

    /// See [`Stack::has_byes`].
    pub fn has_byes(&self) -> bool {
        self.stack.has_byes()
    }

    /// See [`Stack::answer_byes`].
    pub fn answer_byes(&mut self, now: Now, after: Mark) {
        self.stack.answer_byes(now, after);
    }

    /// No call is left, and none settles.
    pub fn is_idle(&self) -> bool {
        self.calls.is_empty()
    }

    /// Sends a request outside any call; its response is nobody's.
    pub fn request(&mut self, now: Now, request: sip::Request) -> TransactionId {
        self.stack.request(now, request)
    }

    /// Whose challenges the credentials of our calls and requests answer.
    pub fn accounts(&mut self) -> &mut sip::Accounts {
        self.stack.accounts()
    }

    pub fn ids(&mut self) -> &mut Ids {
        &mut self.ids
    }

    pub fn chance(&mut self) -> &mut Chance {
        &mut self.chance
    }

    fn drain_stack(&mut self, now: Now) {
        while let Some(output) = self.stack.poll_output() {
            match output {
                sip::Output::Send { path, bytes, after } => self.outputs.push_back(Output::Send { path, bytes, after }),
                sip::Output::Event(event) => self.on_event(now, event),
            }
        }
    }

    fn on_event(&mut self, now: Now, event: Event) {
        match event {
            Event::Invite { usage, request, path } => {
                self.fact(Fact::Invite { usage, request: Box::new(request), path });
            }
            Event::Request { transaction, request, path, usage } => {
                let leg = usage.and_then(|usage| self.leg_of(usage));
                self.fact(Fact::Request { transaction, request: Box::new(request), path, leg });
            }
            Event::Response { transaction, status, response, flow } => {
                self.fact(Fact::Response { transaction, status, response: response.map(Box::new), flow });
            }
            Event::Subscribe { transaction, request, path, known } => {
                self.fact(Fact::Subscribe { transaction, request: Box::new(request), path, known });
            }
            Event::Through(through) => self.fact(Fact::Through(Box::new(through))),
            Event::NotifyDue { subscription } => self.fact(Fact::NotifyDue { subscription }),
            Event::SubscriptionEnded { subscription, why } => {
                self.fact(Fact::SubscriptionEnded { subscription, why });
            }
            Event::Provisional { usage, status, body, response } => self.for_leg(usage, |switch, leg| {
                switch.with_passing(leg, Some(&response), |switch| switch.on_provisional(now, leg, status, body));
            }),
            Event::Answered { usage, body, needs_ack_body, response } => self.for_leg(usage, |switch, leg| {
                let then = |switch: &mut Self| switch.on_answered(now, leg, body, needs_ack_body);
                switch.with_passing(leg, Some(&response), then);
            }),
            Event::Rejected { usage, status, response, why } => self.for_leg(usage, |switch, leg| {
                switch.note_refusal(leg, response.as_ref());
                switch.on_rejected(now, leg, status, response.as_ref(), why);
            }),
            Event::Cancelled { usage, reason } => {
                let cause = reason.as_deref().and_then(Cause::from_reason);
                let cause = Cause { q850: cause.map_or(16, |cause| cause.q850), ..Cause::CANCELLED };
                self.for_leg(usage, |switch, leg| switch.leg_gone(now, leg, cause, EndedBy::Peer));
            }
            Event::Acked { usage, body } => {
                self.for_leg(usage, |switch, leg| switch.on_acked(now, leg, body.as_ref()));
            }
            Event::AckMissing { .. } => {}
            Event::SdpOffer { usage, method, body, .. } => {
                self.for_leg(usage, |switch, leg| switch.on_offer(now, leg, &method, body.as_ref()));
            }
            Event::OfferTakenBack { usage } => self.for_leg(usage, |switch, leg| switch.on_turn_taken_back(now, leg)),
            Event::OfferAnswered { usage, status, body } => {
                self.for_leg(usage, |switch, leg| switch.on_offer_answered(now, leg, status, body.as_ref()));
            }
            Event::RefreshDue { usage } => self.for_leg(usage, |switch, leg| switch.on_refresh_due(now, leg)),
            Event::Renewed { usage } => self.for_leg(usage, |switch, leg| {
                if let Some(call) = switch.legs.get(&leg).map(|leg| leg.call) {
                    switch.fact(Fact::Renewed { call });
                }
            }),
            Event::Info { usage, transaction, request } => self.on_info(now, usage, transaction, &request),
            Event::Ended { usage, why, request } => self.for_leg(usage, |switch, leg| {
                switch.with_passing(leg, request.as_ref(), |switch| switch.on_ended(now, leg, &why));
            }),
        }
    }

    fn leg_of(&self, usage: sip::UsageId) -> Option<LegId> {
        self.usages.get(&usage).copied()
    }

    fn for_leg(&mut self, usage: sip::UsageId, then: impl FnOnce(&mut Self, LegId)) {
        if let Some(leg) = self.leg_of(usage) {
            then(self, leg);
        }
    }

    fn fact(&mut self, fact: Fact) {
        self.outputs.push_back(Output::Fact(fact));
    }

    fn command(&mut self, worker: u16, command: Command) {
        self.outputs.push_back(Output::Media { worker, command });
    }
}
