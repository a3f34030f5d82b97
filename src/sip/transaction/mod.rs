//! One request and its responses (RFC 3261 17): what is kept of it, and the tables that move it.

mod client;
mod key;
mod server;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;

pub(super) use client::{ClientEffect, ClientFact, ClientState, step as client_step};
pub(super) use key::{Branch, Key, merge_key, server_key};
pub(super) use server::{ServerEffect, ServerFact, ServerState, step as server_step};

use super::{Credentials, Mark, Path, SubscriptionId, TransactionId, UsageId, proxy::ProxyId, slab::SlabId};
use crate::{
    base::Instant,
    wire::sip::{Message, Method},
};

/// Which pair of tables applies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Invite,
    Other,
}

impl Kind {
    pub fn of(method: &Method) -> Self {
        if *method == Method::Invite { Self::Invite } else { Self::Other }
    }
}

impl SlabId for TransactionId {
    fn from_raw(raw: u64) -> Self {
        Self(raw)
    }

    fn raw(self) -> u64 {
        self.0
    }
}

/// Each lies apart, so that a flood gives its memory back when it is over.
pub(super) enum Transaction {
    Client(Box<ClientTransaction>),
    Server(Box<ServerTransaction>),
    Answered(Box<Answered>),
}

impl Transaction {
    /// Whether it still waits for that moment.
    pub fn waits_for(&self, until: Instant) -> bool {
        match self {
            Self::Client(client) => client.until == Some(until) || client.resend_at == Some(until),
            Self::Server(server) => server.until == Some(until) || server.resend_at == Some(until),
            Self::Answered(answered) => answered.until == until,
        }
    }
}

/// A non-INVITE of theirs in its state "Completed": no more than it takes to give the same answer again. Most of what a
/// busy registrar holds is these.
pub(super) struct Answered {
    pub path: Path,
    pub response: Bytes,
    pub until: Instant,
    pub key: Key,
    /// No copy of the response leaves before that.
    pub after: Mark,
}

/// Our request, until its answer and the stragglers behind it are in.
pub(super) struct ClientTransaction {
    pub kind: Kind,
    pub state: ClientState,
    pub method: Method,
    /// The unguessable half of the branch.
    pub token: u64,
    pub path: Path,
    /// The request; dropped when nothing can need it any more.
    pub bytes: Bytes,
    pub pause: Duration,
    pub resend_at: Option<Instant>,
    pub until: Option<Instant>,
    pub owner: ClientOwner,
    pub credentials: Option<Arc<Credentials>>,
    /// A challenge has been answered; a second one is a refusal, unless it says that the nonce was too old.
    pub challenged: bool,
    /// Such a one has been answered too.
    pub renewed: bool,
    /// ACKs to 2xx, by the tag they answer: sent again when the 2xx comes again.
    pub acks: Vec<Acknowledged>,
    pub cancel: Option<TransactionId>,
    /// The way to try when this one is refused.
    pub fallback: Option<Path>,
    /// No copy of the request leaves before that.
    pub after: Mark,
}

pub(super) struct Acknowledged {
    pub tag: Box<str>,
    pub path: Path,
    pub bytes: Bytes,
}

/// Who hears of the answer to our request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ClientOwner {
    /// The floor above, under the id that it was given; inside a call or not.
    User {
        told: TransactionId,
        usage: Option<UsageId>,
    },
    /// The call that this INVITE opens.
    Invite(UsageId),
    /// The re-INVITE or UPDATE of a call.
    SdpOffer(UsageId),
    /// The UPDATE that only keeps a session alive.
    Refresh(UsageId),
    Prack(UsageId),
    Bye(UsageId),
    /// A NOTIFY that is not the last.
    Notify(SubscriptionId),
    /// One copy of a request that is being forwarded.
    Proxy(ProxyId, u16),
    /// CANCEL, the last NOTIFY, and the BYE to a call that nobody here has.
    Nobody,
}

impl ClientOwner {
    /// The call's side that it belongs to.
    pub fn usage(self) -> Option<UsageId> {
        match self {
            Self::Invite(usage)
            | Self::SdpOffer(usage)
            | Self::Refresh(usage)
            | Self::Prack(usage)
            | Self::Bye(usage) => Some(usage),
            Self::User { usage, .. } => usage,
            Self::Notify(_) | Self::Proxy(..) | Self::Nobody => None,
        }
    }
}

/// Their request, until the answer and the stragglers behind it are through.
pub(super) struct ServerTransaction {
    pub kind: Kind,
    pub state: ServerState,
    /// Where responses go: the source IP, the source port only with `rport` (RFC 3581).
    pub path: Path,
    /// Where the request came from.
    pub source: SocketAddr,
    /// Until the final answer is written.
    pub request: Option<Message>,
    pub response: Option<Bytes>,
    /// The To tag that we add; zero when the request came with one.
    pub tag: u64,
    pub pause: Duration,
    pub resend_at: Option<Instant>,
    pub until: Option<Instant>,
    pub owner: ServerOwner,
    pub key: Key,
    /// The response does not leave before that.
    pub after: Mark,
    /// Call-ID, From tag and CSeq of an INVITE outside dialogs: the same again under another branch was forked on the
    /// way (8.2.2.2).
    pub merge_key: Option<Key>,
}

/// Who answers their request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ServerOwner {
    User,
    Invite(UsageId),
    /// Their re-INVITE or UPDATE inside a call.
    SdpOffer(UsageId),
    /// Whoever it is being forwarded to.
    Proxy(ProxyId),
    /// The stack did by itself.
    Nobody,
}

impl ServerOwner {
    /// The call's side that it belongs to.
    pub fn usage(self) -> Option<UsageId> {
        match self {
            Self::Invite(usage) | Self::SdpOffer(usage) => Some(usage),
            Self::User | Self::Proxy(_) | Self::Nobody => None,
        }
    }
}

#[cfg(test)]
mod tests;
