//! What the switch tells, and what it is told.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Cause, EndedBy, Forwarding, LegParty, LegRecord, LegSide, PageOrder, Presentation, Quirks};
use crate::{
    base::{CallId, FlowId, LegId, PageId, PlayId, Private, Wall},
    media::{self, Answer, Because},
    sip::{Credentials, Headers, Mark, Path, SubscriptionId, TransactionId, Unsubscribed, UsageId, proxy::Through},
    wire::sip::Message,
};

/// What leaves the switch.
#[expect(clippy::large_enum_variant, reason = "moved twice; a box would cost an allocation an order")]
#[derive(Debug)]
pub enum Output {
    /// Must not leave before what `after` stands for is done.
    Send {
        path: Path,
        bytes: Bytes,
        after: Mark,
    },
    Media {
        worker: u16,
        command: media::Command,
    },
    /// For a page whose user's leg it is.
    Page {
        page: PageId,
        call: CallId,
        leg: LegId,
        order: PageOrder,
    },
    Fact(Fact),
}

/// Facts, in the order in which they became true.
#[derive(Debug)]
pub enum Fact {
    /// A call is offered to us. Judge it, then `admit` or `refuse` it.
    Invite { usage: UsageId, request: Box<Message>, path: Path },
    /// Any other request that wants an answer; with `leg` it came inside a call.
    Request { transaction: TransactionId, request: Box<Message>, path: Path, leg: Option<LegId> },
    /// SUBSCRIBE: judge it, then grant or refuse it.
    Subscribe { transaction: TransactionId, request: Box<Message>, path: Path, known: Option<SubscriptionId> },
    /// The state of what is watched is wanted.
    NotifyDue { subscription: SubscriptionId },
    /// A watcher is told of nothing any more.
    SubscriptionEnded { subscription: SubscriptionId, why: Unsubscribed },
    /// What becomes of a call that is only forwarded.
    Through(Box<Through>),
    /// A device of the ring rings.
    Rang { call: CallId, ring: RingId },
    /// Somebody of them has said by 180 that the called is alerted; 183 says nothing of that (RFC 3261 21.1.5).
    Alerted { call: CallId, ring: RingId },
    /// A device of the ring has given no more than a 100 so far.
    Alive { call: CallId, ring: RingId },
    /// A device of the ring answered; the others are being cancelled. With [`Then::Tell`] it waits for `connect`.
    RingWon { call: CallId, ring: RingId, leg: LegId, party: LegParty },
    /// Nobody answered, and nobody rings any more. The ring is gone.
    /// With `moved` one of those who were rung said where to try instead.
    RingLost { call: CallId, ring: RingId, lost: Lost, cause: Cause, moved: Option<Moved> },
    /// A called device gave no sign of life, or the network said that it is gone; with `flow_failed` a proxy before it says
    /// that its connection is no more (430, RFC 5626 11.5).
    Dead { party: LegParty, contact: Box<str>, path: Path, flow_failed: bool },
    /// The same of a page.
    PageDead { page: PageId },
    /// Somebody picked up at that device.
    Used { party: LegParty, contact: Box<str> },
    /// The same at a page.
    PageUsed { party: LegParty },
    /// Caller and called hear each other.
    Connected { call: CallId, leg: LegId },
    /// The caller is gone; all his rings have been cancelled already.
    CallerGone { call: CallId, cause: Cause },
    /// A leg began, rings, talks or ended.
    Leg { call: CallId, leg: LegId, party: LegParty, side: LegSide, ring: Option<RingId>, stage: LegStage },
    /// An answered called leg ended while its call goes on (nothing was connected yet).
    WinnerLost { call: CallId, ring: RingId, leg: LegId },
    /// Nothing has been heard of one of two who talk for long, or its dialog failed: its device is gone. It waits for
    /// `give_up`, or for whatever else is to become of it.
    Deserted { call: CallId, leg: LegId },
    /// Two talk on of three; the one without whom they do was this. With `asked` he had asked one of them in private.
    WentOn { call: CallId, without: Option<LegParty>, asked: bool },
    /// A leg's peer put us on hold, or took us back.
    Held { call: CallId, leg: LegId, holds: bool },
    /// A digit was pressed, in whichever way.
    Dtmf { call: CallId, leg: LegId, digit: char, millis: u32 },
    /// Who has picked up, where that was asked.
    AnswerJudged { call: CallId, leg: LegId, answer: Answer, because: Because },
    /// A machine's beep has just ended.
    Beep { call: CallId, leg: LegId },
    /// What was played once is over: at its end, or because something else came. Not told when its leg ended.
    Played { call: CallId, leg: LegId, play: PlayId },
    /// Something that a page shows has changed.
    Changed { call: CallId },
    /// Something has that only another process would want to know.
    Renewed { call: CallId },
    /// A leg's sound has come so far.
    Stands { leg: LegId },
    /// Some of what is recorded of a leg is lost.
    Untaped { leg: LegId },
    /// The last leg ended: by whose doing, and behind whom, if it was one of those in it who left.
    Over { call: CallId, by: EndedBy, left: Option<LegParty> },
    /// Everything about an ended call is known, its media included. It is forgotten now.
    Settled(Box<CallSummary>),
    /// The end of a request of the floor above, and the connection on which it came; without `response` none came, and
    /// `status` says what that amounts to.
    Response { transaction: TransactionId, status: u16, response: Option<Box<Message>>, flow: Option<FlowId> },
    /// A call could not get a port.
    NoPort,
}

/// One attempt to reach somebody for a call: one or several devices.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RingId(pub(super) u64);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LegStage {
    /// The INVITE came, or has gone out.
    Begun,
    Ringing,
    Answered,
    Ended,
}

/// Where somebody who was rung wants to be called instead (RFC 3261 8.1.3.4).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Moved {
    /// Who said so.
    pub by: LegParty,
    /// The Contact URIs, the most wanted first; nothing of them is believed yet.
    pub to: Vec<String>,
}

/// What a lost ring amounts to, over all its devices.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Lost {
    /// Nobody could be reached: no device, no response, 404, 480, a transport error.
    Unreachable,
    /// We had no port left to call anybody with.
    NoRoom,
    /// Who can be reached, and there is no way to him that this call may go: a secure one, or one for fax.
    Unfit,
    /// Who can be reached and does not take it, with 302, 488, 500, 503 and the like.
    Unable,
    /// Busy before it rang.
    Busy,
    /// It rang, and nobody took it in time.
    NoAnswer,
    /// Rejected by hand: 603, or 480 or 486 after it rang.
    Declined,
}

impl Lost {
    /// Whoever was called has been asked: busy, away from his desk, or not willing.
    pub const fn was_reached(self) -> bool {
        match self {
            Self::Unreachable | Self::NoRoom | Self::Unfit | Self::Unable => false,
            Self::Busy | Self::NoAnswer | Self::Declined => true,
        }
    }
}

/// Whom to ring, in which order, and what then.
#[derive(Clone, Debug)]
pub struct RingPlan {
    /// One after the other; those of one phase together.
    pub phases: Vec<Vec<Target>>,
    /// How long each phase rings.
    pub phase_time: Duration,
    pub goes_on: GoesOn,
    pub then: Then,
    /// Who is shown as calling.
    pub caller: Caller,
    /// Further headers for the called.
    pub headers: Arc<Headers>,
}

/// When a ring goes on to its next phase.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GoesOn {
    /// Whatever became of the present one.
    Always,
    /// When nobody could be reached in it: whoever said no, or did not answer, has been asked.
    IfUnreachable,
}

/// What happens when somebody answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Then {
    /// The caller gets his 200 and both hear each other. Progress is passed on to him.
    Connect,
    /// Only tell; the caller notices nothing until `connect`.
    Tell,
}

/// Someone to ring.
#[derive(Clone, Debug)]
pub struct Target {
    pub party: LegParty,
    pub way: Way,
    /// Host in From, and of whoever is named beside it.
    pub domain: Arc<str>,
    /// Host in To.
    pub called_at: Arc<str>,
    /// What the record shows, and the user part of To.
    pub address: Private<String>,
    /// No response at all for so long: it is dead.
    pub dead_time: Duration,
    pub shown: Presentation,
    /// What it wants otherwise than others.
    pub quirks: Arc<Quirks>,
    /// What it is told of where a call has been.
    pub forwarding: Forwarding,
    /// Other ways to the very same: further flows of one device (RFC 5626 7), further servers of one trunk (RFC 3263 4.3).
    /// Each is tried when the one before could not be reached.
    pub spares: Vec<Target>,
}

/// How a target is called.
#[derive(Clone, Debug)]
pub enum Way {
    Sip(SipWay),
    /// By an order over the live connection of a page.
    Page(PageId),
}

impl Way {
    /// Nobody reads on the way what is said to it.
    pub fn is_secure(&self) -> bool {
        match self {
            Self::Sip(way) => way.path.transport.is_secure(),
            // Its sound always is; how its page is reached is for whoever runs the switch to say.
            Self::Page(_) => true,
        }
    }
}

#[derive(Clone, Debug)]
pub struct SipWay {
    pub path: Path,
    /// Request-URI.
    pub uri: String,
    pub route_set: Vec<String>,
    pub credentials: Option<Box<Credentials>>,
}

/// In place of a number that is not known.
pub const ANONYMOUS: &str = "anonymous";

/// Who calls, as far as it may be shown.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Caller {
    /// What the caller calls himself.
    pub display: Option<String>,
    /// What we call him by what we have looked up: for our own people, and for trunks whose settings pass it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looked_up: Option<String>,
    /// Number or user name; [`ANONYMOUS`] when not even we know it.
    pub number: Private<String>,
    /// The caller asked not to be shown (RFC 3323).
    pub hidden: bool,
}

impl Caller {
    /// His name for our own people.
    pub fn name(&self) -> Option<&str> {
        self.looked_up.as_deref().or(self.display.as_deref())
    }

    /// The number as whoever may not see a hidden one sees it.
    pub fn visible_number(&self) -> Private<String> {
        if self.hidden { Private::new(ANONYMOUS.to_owned()) } else { self.number.clone() }
    }
}

/// Everything to know about a call that is over.
#[derive(Clone, PartialEq, Debug)]
pub struct CallSummary {
    pub call: CallId,
    pub party: LegParty,
    pub caller: Private<String>,
    pub dialled: Private<String>,
    pub began: Wall,
    pub answered: Option<Wall>,
    pub connected: Option<Wall>,
    pub ended: Wall,
    pub cause: Cause,
    pub ended_by: EndedBy,
    pub legs: Vec<LegRecord>,
}
