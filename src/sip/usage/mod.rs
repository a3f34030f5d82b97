//! INVITE dialog usages (RFC 5057): calls seen from one side, from the first INVITE to the end.

mod comeback;
mod inside;
mod keep;
mod offer;
mod reliable;
mod session;
mod uac;
mod uas;

use std::{sync::Arc, time::Duration};

use super::{
    Abilities, Body, Credentials, Ended, Event, Headers, Path, Reply, Stack, TransactionId, Transport, UsageId,
    compose,
    dialog::Dialog,
    slab::SlabId,
    transaction::{ClientOwner, ServerFact, ServerOwner},
};
use crate::{
    base::Now,
    wire::sip::{Message, Method, Name},
};
pub use keep::{FLOW_GRACE, KeptUsage};
use offer::Exchange;
use reliable::Reliable;
use session::Session;

impl SlabId for UsageId {
    fn from_raw(raw: u64) -> Self {
        Self(raw)
    }

    fn raw(self) -> u64 {
        self.0
    }
}

/// One side of a call.
pub(super) struct Usage {
    pub dialog: Dialog,
    pub phase: Phase,
    exchange: Exchange,
    /// An offer of ours that waits for the exchange under way.
    queued: Option<Box<(Method, Option<Body>)>>,
    session: Option<Session>,
    credentials: Option<Arc<Credentials>>,
    /// User part of our Contact.
    contact_user: Box<str>,
    /// The call was placed to a `sips:` URI: so is our Contact (RFC 3261 8.1.1.8, 12.1.1).
    secure: bool,
    /// The peer takes UPDATE, as its Allow says.
    peer_updates: bool,
    /// It takes INFO, likewise.
    peer_infos: bool,
    abilities: Abilities,
    /// Octets beyond which a request takes TCP in place of UDP; `None` for a registered device.
    datagram_max: Option<usize>,
    /// How long a device is waited for whose connection ended while it is rung; `None`: not at all.
    comeback_time: Option<Duration>,
    /// A 422 has been followed.
    stretched: bool,
    /// We opened the dialog: whose back-off after glare is the longer (14.1).
    ours: bool,
    /// Our reliable provisional answer, by RSeq and CSeq, whose PRACK our 2xx did not wait for.
    unacknowledged: Option<(u32, u32)>,
}

/// What a usage waits for.
pub(super) enum Phase {
    /// Our INVITE is out.
    Calling(Box<Calling>),
    /// Their 2xx carried the offer: `ack` must bring our answer.
    AckWanted {
        invite: TransactionId,
        cseq: u32,
    },
    /// Their INVITE waits for our final answer.
    Invited(Box<Invited>),
    /// Our 2xx waits for its ACK; a BYE that is wanted waits with it (15).
    Answered {
        invite: TransactionId,
        cseq: u32,
        we_offered: bool,
        bye: Option<Bye>,
    },
    Confirmed,
    /// Our BYE is out.
    Ending,
}

pub(super) struct Calling {
    invite: TransactionId,
    /// A provisional answer came: CANCEL may go (9.1).
    heard: bool,
    /// Anything came, be it a challenge.
    alive: bool,
    cancelled: Option<Bye>,
    /// Nobody wants to hear how it ends.
    silent: bool,
    /// Our INVITE carried the offer.
    offered: bool,
    early: Vec<Early>,
}

impl Calling {
    /// The branch that sent a request.
    fn early_of(&mut self, request: &Message) -> Option<&mut Early> {
        let tag = request.from_tag().unwrap_or_default();
        self.early.iter_mut().find(|early| *early.dialog.remote_tag == *tag)
    }

    /// Whether that branch may make offers.
    fn has_settled(&self, request: &Message) -> bool {
        let tag = request.from_tag().unwrap_or_default();
        self.early.iter().any(|early| early.settled && *early.dialog.remote_tag == *tag)
    }
}

/// One branch of a fork that has given a sign of life with a tag (13.2.2.1).
struct Early {
    dialog: Dialog,
    /// The last reliable provisional answer (RFC 3262 4).
    rseq: Option<u32>,
    /// Its last description, for a 2xx that repeats none.
    answer: Option<Body>,
    /// A description of its has been acknowledged: offers may follow (RFC 3311 5.1).
    settled: bool,
}

pub(super) struct Invited {
    invite: TransactionId,
    /// Their INVITE carried the offer.
    offered: bool,
    reliable: Option<Reliable>,
}

impl Invited {
    /// Whether they may make further offers.
    fn has_settled(&self) -> bool {
        self.reliable.as_ref().is_some_and(|reliable| reliable.settled && (self.offered || reliable.answered))
    }
}

/// A BYE or CANCEL that is wanted, with the value of its Reason header; a BYE has its further headers.
#[derive(Default)]
pub(super) struct Bye {
    reason: Option<String>,
    headers: Headers,
}

/// Reasons for a usage to wake up.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum UsageClock {
    /// Back-off after glare is over (14.1).
    Glare,
    /// Half of the session interval has passed: we refresh (RFC 4028 7.4).
    Refresh,
    /// Nobody refreshed the session (RFC 4028 10).
    Expire,
    /// A reliable provisional answer is repeated until its PRACK (RFC 3262 3).
    Repeat,
    /// Their connection closed and has not come back.
    FlowGrace,
    /// Their INVITE is good for no longer (Expires, RFC 3261 13.3.1).
    Lapse,
}

const CLOCKS: [UsageClock; 6] = [
    UsageClock::Glare,
    UsageClock::Refresh,
    UsageClock::Expire,
    UsageClock::Repeat,
    UsageClock::FlowGrace,
    UsageClock::Lapse,
];

impl Usage {
    fn new(dialog: Dialog, phase: Phase, contact_user: &str, ours: bool) -> Self {
        Self {
            dialog,
            phase,
            exchange: Exchange::Idle,
            queued: None,
            session: None,
            credentials: None,
            contact_user: contact_user.into(),
            secure: false,
            peer_updates: false,
            peer_infos: false,
            abilities: Abilities::default(),
            datagram_max: None,
            comeback_time: None,
            stretched: false,
            ours,
            unacknowledged: None,
        }
    }

    fn own_contact(&self) -> compose::Contact<'_> {
        compose::Contact { user: &self.contact_user, secure: self.secure }
    }

    pub(super) fn is_heard(&self) -> bool {
        match &self.phase {
            Phase::Calling(calling) => calling.alive,
            Phase::AckWanted { .. } | Phase::Invited(_) | Phase::Answered { .. } | Phase::Confirmed | Phase::Ending => {
                true
            }
        }
    }

    /// Whether this is its Call-ID, and the tag of its other side or of one of them.
    pub(super) fn is_dialog(&self, call_id: &str, tag: &str) -> bool {
        if *self.dialog.call_id != *call_id {
            return false;
        }
        match &self.phase {
            Phase::Calling(calling) => calling.early.iter().any(|early| *early.dialog.remote_tag == *tag),
            Phase::AckWanted { .. } | Phase::Invited(_) | Phase::Answered { .. } | Phase::Confirmed | Phase::Ending => {
                *self.dialog.remote_tag == *tag
            }
        }
    }

    /// Learns what the peer can do and who it is, from any message of its.
    fn learn(&mut self, message: &Message) {
        self.dialog.session.hear(message);
        if message.header(Name::Allow).is_some() {
            let allows = |wanted: &str| message.list(Name::Allow).any(|method| method.trim() == wanted);
            (self.peer_updates, self.peer_infos) = (allows("UPDATE") && self.abilities.updates, allows("INFO"));
        }
    }
}

impl Stack {
    pub(super) fn add_usage(&mut self, usage: Usage) -> UsageId {
        let (tag, flow) = (usage.dialog.local_tag, usage.dialog.path.flow);
        let id = self.usages.insert(usage);
        self.tags.insert(tag, id);
        if let Some(flow) = flow {
            self.usage_flows.insert((flow, id));
        }
        id
    }

    /// The INVITE of theirs that waits for its answer.
    pub(super) fn invite_of(&self, id: UsageId) -> Option<TransactionId> {
        match &self.usages.get(id)?.phase {
            Phase::Invited(invited) => Some(invited.invite),
            Phase::Calling(_) | Phase::AckWanted { .. } | Phase::Answered { .. } | Phase::Confirmed | Phase::Ending => {
                None
            }
        }
    }

    pub(super) fn drop_usage(&mut self, id: UsageId) {
        let Some(usage) = self.usages.remove(id) else { return };
        self.tags.remove(&usage.dialog.local_tag);
        self.close_subscriptions_of_call(id);
        if let Some(flow) = usage.dialog.path.flow {
            self.usage_flows.remove(&(flow, id));
        }
        for clock in CLOCKS {
            self.usage_timers.cancel((id, clock));
        }
    }

    /// Changes the way to the peer.
    fn rehome(&mut self, id: UsageId, path: Path) {
        let Some(usage) = self.usages.get_mut(id) else { return };
        let old = std::mem::replace(&mut usage.dialog.path, path);
        if old.remote != path.remote {
            // The next process has to know where he is.
            self.tell(Event::Renewed { usage: id });
        }
        if old.flow == path.flow {
            return;
        }
        if let Some(flow) = old.flow {
            self.usage_flows.remove(&(flow, id));
        }
        if let Some(flow) = path.flow {
            self.usage_flows.insert((flow, id));
            self.usage_timers.cancel((id, UsageClock::FlowGrace));
        }
    }

    /// Whether a request with our To tag comes from the dialog's other side: Call-ID and From tag must fit (12.2.2).
    pub(super) fn is_peer_of(&self, id: UsageId, request: &Message) -> bool {
        let tag = request.from_tag().unwrap_or_default();
        self.usages.get(id).is_some_and(|usage| usage.is_dialog(request.call_id(), tag))
    }

    /// Ends an answered call; before the answer it cancels our INVITE or refuses theirs with 480.
    pub fn bye(&mut self, now: Now, usage: UsageId, reason: Option<String>) {
        self.bye_with(now, usage, reason, Headers::new());
    }

    /// The same with further headers for the BYE.
    pub fn bye_with(&mut self, now: Now, usage: UsageId, reason: Option<String>, headers: Headers) {
        let Some(found) = self.usages.get_mut(usage) else { return };
        match &mut found.phase {
            Phase::Calling(calling) => {
                calling.silent = true;
                self.cancel(now, usage, reason);
            }
            Phase::AckWanted { .. } => {
                self.ack(now, usage, None);
                self.send_bye(now, usage, Bye { reason, headers });
            }
            Phase::Invited(_) => {
                let reply = Reply::new(480);
                let reply = if let Some(reason) = reason { reply.header("Reason", reason) } else { reply };
                self.respond(now, usage, reply);
            }
            // The callee must not send BYE before the ACK came or its wait is over (15).
            Phase::Answered { bye, .. } => *bye = Some(Bye { reason, headers }),
            Phase::Confirmed => self.send_bye(now, usage, Bye { reason, headers }),
            Phase::Ending => {}
        }
    }

    /// Sends BYE; the usage stays until it is answered, so that a crossing BYE finds it.
    fn send_bye(&mut self, now: Now, id: UsageId, bye: Bye) {
        self.refuse_pending(now, id);
        for clock in CLOCKS {
            self.usage_timers.cancel((id, clock));
        }
        let Some(usage) = self.usages.get_mut(id) else { return };
        usage.phase = Phase::Ending;
        usage.session = None;
        usage.queued = None;
        usage.exchange = Exchange::Idle;
        let owner = ClientOwner::Bye(id);
        self.send_inside(now, id, &Method::Bye, owner, None, |_, _, writer| {
            if let Some(reason) = bye.reason {
                writer.header(Name::Reason, reason);
            }
            compose::add(writer, &bye.headers);
        });
    }

    /// Tells that the call is over and says BYE to whoever may still be there.
    fn end(&mut self, now: Now, id: UsageId, why: Ended, reason: Option<String>) {
        let silent = matches!(
            self.usages.get(id).map(|usage| &usage.phase),
            None | Some(Phase::Ending | Phase::Answered { bye: Some(_), .. })
        );
        if !silent {
            self.tell(Event::Ended { usage: id, why, request: None });
        }
        self.send_bye(now, id, Bye { reason, ..Bye::default() });
    }

    /// Tells that the call is over where a BYE would find nobody.
    fn end_quietly(&mut self, now: Now, id: UsageId, why: Ended) {
        self.refuse_pending(now, id);
        self.tell(Event::Ended { usage: id, why, request: None });
        self.drop_usage(id);
    }

    /// Requests of theirs that wait inside a call that ends get 487 (15.1.2), and a 2xx is repeated no more.
    fn refuse_pending(&mut self, now: Now, id: UsageId) {
        let Some(usage) = self.usages.get_mut(id) else { return };
        match std::mem::replace(&mut usage.exchange, Exchange::Idle) {
            Exchange::Theirs { transaction, .. } => self.answer(now, transaction, &Reply::new(487)),
            Exchange::TheirsUnacked { transaction, .. } => self.server_fact(now, transaction, ServerFact::Ack),
            // A peer that went no further than 100 would be waited for without end.
            Exchange::Ours(ours) => self.limit_client(now, ours.transaction),
            Exchange::Idle | Exchange::OursUnacked { .. } | Exchange::BackOff { .. } => {}
        }
        if let Some(Phase::Answered { invite, .. }) = self.usages.get(id).map(|usage| &usage.phase) {
            let invite = *invite;
            self.server_fact(now, invite, ServerFact::Ack);
        }
    }

    pub(super) fn on_usage_due(&mut self, now: Now, id: UsageId, clock: UsageClock) {
        match clock {
            UsageClock::Glare => self.on_back_off_over(now, id),
            UsageClock::Refresh => self.on_refresh_due(now, id),
            UsageClock::Expire => {
                let reason = Some("SIP;cause=408;text=\"Session expired\"".to_owned());
                self.end(now, id, Ended::SessionExpired, reason);
            }
            UsageClock::Repeat => self.on_repeat_due(now, id),
            UsageClock::FlowGrace if self.on_no_comeback(now, id) => {}
            UsageClock::FlowGrace => self.end_quietly(now, id, Ended::FlowClosed),
            UsageClock::Lapse if self.invite_of(id).is_some() => self.give_up_caller(now, id),
            UsageClock::Lapse => {}
        }
    }

    /// A caller whose connection ends before we answered has hung up. An answered call lives on: the peer may come back
    /// over a new connection, or registers over one, and what it can't be told any more ends it; only behind a WebSocket nobody
    /// can be called.
    pub(super) fn on_usage_flow_closed(&mut self, now: Now, id: UsageId) {
        let Some(usage) = self.usages.get(id) else { return };
        let path = Path { flow: None, ..usage.dialog.path };
        match usage.phase {
            Phase::Invited(_) => self.give_up_caller(now, id),
            Phase::Calling(_) | Phase::Ending => {}
            Phase::AckWanted { .. } | Phase::Answered { .. } | Phase::Confirmed => {
                self.rehome(id, path);
                let gone = matches!(path.transport, Transport::Ws | Transport::Wss);
                if gone {
                    let grace = self.settings.timers.give_up();
                    self.usage_timers.set((id, UsageClock::FlowGrace), now.mono + grace);
                }
            }
        }
    }

    /// A caller whom nobody has answered yet waits no longer, and did not say so by CANCEL.
    fn give_up_caller(&mut self, now: Now, id: UsageId) {
        self.answer_invited(now, id, &Reply::new(487));
        self.tell(Event::Cancelled { usage: id, reason: None });
        self.drop_usage(id);
    }

    /// No ACK came to a 2xx of ours, first or later: the call can't go on (13.3.1.4).
    pub(super) fn on_ack_missing(&mut self, now: Now, id: TransactionId, owner: ServerOwner) {
        let Some(usage_id) = owner.usage() else { return };
        let Some(usage) = self.usages.get_mut(usage_id) else { return };
        match (&mut usage.phase, &usage.exchange) {
            (Phase::Answered { invite, bye: Some(bye), .. }, _) if *invite == id => {
                let bye = std::mem::take(bye);
                self.send_bye(now, usage_id, bye);
            }
            (Phase::Answered { invite, .. }, _) if *invite == id => self.give_up_unacked(now, usage_id),
            (_, Exchange::TheirsUnacked { transaction, .. }) if *transaction == id => {
                self.give_up_unacked(now, usage_id);
            }
            (_, _) => {}
        }
    }

    fn give_up_unacked(&mut self, now: Now, id: UsageId) {
        self.tell(Event::AckMissing { usage: id });
        self.end(now, id, Ended::Timeout, Some("SIP;cause=408;text=\"ACK missing\"".to_owned()));
    }
}
