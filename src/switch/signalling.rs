//! How a leg's far end is spoken to: a phone by SIP, in a dialog; a browser's page by orders over its live connection.
//!
//! This is the one seam between the two. Forks, bridges, hold, transfers, guests and records ask here for what is to be said
//! and do not know who hears it.

use std::net::IpAddr;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{
    Caller, Cause, Output, Switch,
    leg::{Leg, LegState},
    sight::LegSight,
};
use crate::{
    base::{CallId, LegId, Now, PageId},
    sip::{Body, Headers, Path, Reply, UsageId},
};

/// Who is spoken to.
#[derive(Clone, Debug)]
pub(super) enum Signalling {
    Dialog {
        usage: UsageId,
        call_id: Box<str>,
        path: Path,
    },
    /// `None`: its live connection is gone, and may come back.
    Page(Option<PageId>),
}

/// What a page is told of a leg of its user.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum PageOrder {
    /// Somebody calls; our offer.
    Ring { caller: Caller, sdp: String },
    /// What becomes of the call that it made: it rings there, and with a description he hears what comes from there.
    Progress {
        status: u16,
        #[serde(skip_serializing_if = "Option::is_none")]
        sdp: Option<String>,
    },
    /// Its call was answered; our answer to its offer.
    Answered { sdp: String },
    /// Our answer to a further offer of it.
    #[serde(rename = "answer")]
    SdpAnswer { sdp: String },
    /// That offer can't be met; what was agreed on stands.
    Refused { status: u16 },
    /// The leg is over.
    Over { cause: Cause },
}

impl Signalling {
    /// The dialog, where there is one.
    pub const fn usage(&self) -> Option<UsageId> {
        match self {
            Self::Dialog { usage, .. } => Some(*usage),
            Self::Page(_) => None,
        }
    }

    /// Whether it is a page's leg whose page is away.
    pub const fn is_adrift(&self) -> bool {
        matches!(self, Self::Page(None))
    }

    /// The way of the dialog as it was set up, where there is one.
    pub const fn path(&self) -> Option<&Path> {
        match self {
            Self::Dialog { path, .. } => Some(path),
            Self::Page(_) => None,
        }
    }

    pub fn call_id(&self) -> &str {
        match self {
            Self::Dialog { call_id, .. } => call_id,
            Self::Page(_) => "",
        }
    }

    /// From where its sound is believed before anything was heard. A page shows by ICE where it is.
    pub fn source(&self) -> IpAddr {
        match self {
            Self::Dialog { path, .. } => path.remote.ip(),
            Self::Page(_) => IpAddr::from([0; 4]),
        }
    }

    /// As the records name it.
    pub fn peer_name(&self) -> String {
        match self {
            Self::Dialog { path, .. } => peer_name(path),
            Self::Page(_) => "page".to_owned(),
        }
    }
}

/// Where a leg's signalling goes, as the records write it.
pub fn peer_name(path: &Path) -> String {
    format!("{}:{}", path.transport.via_name().to_ascii_lowercase(), path.remote)
}

impl Switch {
    /// Says something to who called and waits for an answer.
    pub(super) fn respond(&mut self, now: Now, leg: LegId, mut reply: Reply) {
        let Some(known) = self.legs.get(&leg) else { return };
        match known.signalling {
            Signalling::Dialog { usage, .. } => {
                if matches!(reply.status, 101..=199) && self.stack.must_offer(usage) {
                    reply.body = Some(Body::sdp(self.describe_caller(leg)));
                }
                self.stack.respond(now, usage, reply);
            }
            Signalling::Page(page) => {
                let sdp = reply.body.as_ref().map(text);
                let order = match (reply.status, sdp) {
                    (status @ 100..=199, sdp) => PageOrder::Progress { status, sdp },
                    (200..=299, Some(sdp)) => PageOrder::Answered { sdp },
                    // A refusal comes with the end of the leg.
                    (_, _) => return,
                };
                self.tell_page(page, known.call, leg, order);
            }
        }
    }

    /// The answer to a peer's offer inside a call. False: the peer waits for none, since it has taken its offer back.
    pub(super) fn respond_offer(&mut self, now: Now, leg: LegId, status: u16, body: Option<Bytes>) -> bool {
        let Some(known) = self.legs.get(&leg) else { return false };
        match known.signalling {
            Signalling::Dialog { usage, .. } => self.stack.respond_offer(now, usage, status, body.map(Body::sdp)),
            Signalling::Page(page) => {
                let order = match body {
                    Some(sdp) => PageOrder::SdpAnswer { sdp: lossy(&sdp) },
                    None => PageOrder::Refused { status },
                };
                self.tell_page(page, known.call, leg, order);
                true
            }
        }
    }

    /// The same where it is refused, for a reason that may stand in a header.
    pub(super) fn refuse_offer(&mut self, now: Now, leg: LegId, reply: Reply) {
        let Some(known) = self.legs.get(&leg) else { return };
        match known.signalling {
            Signalling::Dialog { usage, .. } => drop(self.stack.answer_offer(now, usage, reply)),
            Signalling::Page(page) => {
                let order = PageOrder::Refused { status: reply.status };
                self.tell_page(page, known.call, leg, order);
            }
        }
    }

    /// Says good-bye to a leg that is out of the books, in the words of its state; `refused` goes with a refusal.
    pub(super) fn say_goodbye(&mut self, now: Now, leg: &Leg, cause: Cause, refused: Headers) {
        let usage = match leg.signalling {
            Signalling::Dialog { usage, .. } => usage,
            Signalling::Page(page) => return self.tell_page(page, leg.call, leg.id, PageOrder::Over { cause }),
        };
        match leg.state {
            LegState::Incoming => {
                let mut reply = Reply::new(cause.status()).header("Reason", cause.reason());
                reply.headers.extend(refused);
                self.stack.respond(now, usage, reply);
            }
            LegState::Calling | LegState::Ringing => self.stack.cancel(now, usage, Some(cause.reason())),
            LegState::Up => {
                let headers = self.passing_to(leg);
                self.stack.bye_with(now, usage, Some(cause.reason()), headers);
            }
        }
    }

    /// The same for an answered leg that is still in them.
    pub(super) fn hang_up_leg(&mut self, now: Now, leg: LegId, cause: Cause) {
        let Some(known) = self.legs.get(&leg) else { return };
        match known.signalling {
            Signalling::Dialog { usage, .. } => self.stack.bye(now, usage, Some(cause.reason())),
            Signalling::Page(page) => self.tell_page(page, known.call, leg, PageOrder::Over { cause }),
        }
    }

    /// Whether anything at all came from a leg that was called.
    pub(super) fn is_heard(&self, leg: &Leg) -> bool {
        match leg.signalling {
            Signalling::Dialog { usage, .. } => self.stack.is_heard(usage),
            Signalling::Page(_) => leg.state != LegState::Calling,
        }
    }

    pub(super) fn tell_page(&mut self, page: Option<PageId>, call: CallId, leg: LegId, order: PageOrder) {
        if let Some(page) = page {
            self.outputs.push_back(Output::Page { page, call, leg, order });
        }
    }
}

impl LegSight<'_> {
    /// The way of its dialog, where it has one.
    pub fn path(self) -> Option<Path> {
        self.signalling().path().copied()
    }

    /// The page that it is at.
    pub fn page(self) -> Option<PageId> {
        match self.signalling() {
            Signalling::Page(page) => *page,
            Signalling::Dialog { .. } => None,
        }
    }
}

fn text(body: &Body) -> String {
    lossy(&body.bytes)
}

/// Our descriptions are ASCII.
fn lossy(sdp: &[u8]) -> String {
    String::from_utf8_lossy(sdp).into_owned()
}
