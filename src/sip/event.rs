//! What the stack tells the floor above.

use bytes::Bytes;

use super::{Body, Mark, Path, SubscriptionId, TransactionId, Unsubscribed, UsageId, proxy::Through};
use crate::{
    base::FlowId,
    wire::sip::{Message, Method},
};

/// What leaves the [`Stack`](super::Stack).
#[derive(Clone, Debug)]
// Each is moved twice and gone; a box would cost an allocation for every message.
#[allow(clippy::large_enum_variant)]
pub enum Output {
    /// Must not leave before what `after` stands for is done.
    Send {
        path: Path,
        bytes: Bytes,
        after: Mark,
    },
    Event(Event),
}

/// Facts, in the order in which they became true.
///
/// A usage ends once: after `Rejected`, `Cancelled` or `Ended`, after `bye`, and after a final answer of 300 or more to
/// its INVITE, nothing more is told of it and commands on it do nothing.
#[derive(Clone, Debug)]
pub enum Event {
    /// A new call is offered to us. Answer with `respond`.
    Invite { usage: UsageId, request: Message, path: Path },
    /// 101-199 to our INVITE; a reliable one has been acknowledged. `100` is not told.
    Provisional { usage: UsageId, status: u16, body: Option<Body>, response: Message },
    /// 2xx to our INVITE. With `needs_ack_body` the body is their offer, and `ack` must bring our answer; otherwise the
    /// ACK has gone.
    Answered { usage: UsageId, body: Option<Body>, response: Message, needs_ack_body: bool },
    /// Our INVITE came to nothing: 300-699, or `None` when no final answer came.
    Rejected { usage: UsageId, status: u16, response: Option<Message>, why: Fault },
    /// The caller gave up before we answered; `reason` is the value of its Reason header.
    Cancelled { usage: UsageId, reason: Option<String> },
    /// The ACK to our 2xx, with their answer when our 2xx carried the offer; or a PRACK with their answer to the offer in our
    /// reliable provisional answer.
    Acked { usage: UsageId, body: Option<Body> },
    /// No ACK came to our 2xx within 64*T1. The stack has sent BYE; `Ended` follows.
    AckMissing { usage: UsageId },
    /// They send a re-INVITE (no body: they ask for our offer), or an UPDATE or a PRACK with an offer. Answer with
    /// `respond_offer`.
    SdpOffer { usage: UsageId, method: Method, body: Option<Body>, request: Message },
    /// They take that back: no answer is wanted.
    OfferTakenBack { usage: UsageId },
    /// What became of our `reinvite` or `update`, after back-off from glare.
    OfferAnswered { usage: UsageId, status: u16, body: Option<Body> },
    /// The session timer runs out and the peer takes no UPDATE: send a `reinvite` with the description as it stands.
    RefreshDue { usage: UsageId },
    /// The session timer of an established call was set anew.
    Renewed { usage: UsageId },
    /// INFO inside a call. Answer with `reply`.
    Info { usage: UsageId, transaction: TransactionId, request: Message },
    /// The other side, or the lack of it, ended an answered call. Where BYEs are held, `answer_byes` is due.
    Ended { usage: UsageId, why: Ended, request: Option<Message> },
    /// A request that needs an answer with `reply`: outside any dialog (REGISTER, OPTIONS, MESSAGE, REFER …) or, with
    /// `usage`, inside a call (REFER, NOTIFY, MESSAGE, OPTIONS).
    Request { transaction: TransactionId, request: Message, path: Path, usage: Option<UsageId> },
    /// SUBSCRIBE, to be judged: outside any dialog, or in that of a `known` subscription. Refuse it with `reply`, or grant
    /// it with `subscribe` or `resubscribe` and then `confirm_subscription` and `notify`.
    Subscribe { transaction: TransactionId, request: Message, path: Path, known: Option<SubscriptionId> },
    /// The state of what is watched is wanted: `notify`.
    NotifyDue { subscription: SubscriptionId },
    /// Nothing more will be told of it.
    SubscriptionEnded { subscription: SubscriptionId, why: Unsubscribed },
    /// What becomes of a call that was given to `forward`.
    Through(Through),
    /// The final answer to a `request` of ours, and the connection on which it came; without `response` none came, and
    /// `status` says what that amounts to.
    Response { transaction: TransactionId, status: u16, response: Option<Message>, flow: Option<FlowId> },
}

/// Whose fault it is that our INVITE came to nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// They said no.
    Refused,
    /// We cancelled it.
    Cancelled,
    /// Nothing came within 64*T1, not even a provisional answer.
    Silent,
    /// Provisional answers came, a final one never did.
    Unanswered,
    /// The network said that nobody is there.
    Unreachable,
    /// A limit of ours was reached; nothing was sent.
    Full,
}

/// How an answered call ended without us wanting it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ended {
    /// They sent BYE; `reason` is the value of its Reason header.
    Bye { reason: Option<String> },
    /// No ACK to our 2xx, or a request of ours inside the call got no answer (408) or 481.
    Timeout,
    /// Nobody refreshed the session (RFC 4028 10).
    SessionExpired,
    /// The network said that nobody is there.
    Unreachable,
    /// Their connection closed and can't be opened from our side.
    FlowClosed,
}
