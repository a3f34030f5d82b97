//! Calls that outlive their process: what is kept of a usage, and how another process goes on with it or ends it.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Calling, Invited, Phase, Session, Usage, UsageClock};
use crate::{
    base::{Now, Wall},
    sip::{
        Credentials, Mark, Path, SessionId, Stack, Transport, UsageId,
        dialog::{Dialog, same_host, same_place},
        timer::Wait,
        transaction::{Branch, ClientOwner, ClientState, ClientTransaction, Kind, ServerOwner, Transaction},
    },
    wire::sip::{Message, Method, Name},
};

/// What is added to our CSeq when a dialog goes on: requests that the journal did not hear of may have gone out, and a
/// gap is allowed (RFC 3261 12.2.2).
const CSEQ_LEAP: u32 = 100;

/// How long a call behind a connection waits for its phone to connect again.
pub const FLOW_GRACE: std::time::Duration = std::time::Duration::from_secs(60);

/// What must be known of one side of a call to go on with it in another process, or to end it there.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct KeptUsage {
    call_id: Box<str>,
    local_tag: u64,
    local: Box<str>,
    remote_tag: Box<str>,
    remote: Box<str>,
    target: Box<str>,
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    routes: Box<[Box<str>]>,
    local_cseq: u32,
    remote_cseq: Option<u32>,
    path: Path,
    contact_user: Box<str>,
    #[serde(default)]
    peer_updates: bool,
    #[serde(default)]
    peer_infos: bool,
    /// We opened it.
    ours: bool,
    #[serde(default)]
    ends: SessionId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    session: Option<KeptSession>,
    /// Nobody has answered it: the head of its INVITE, to be cancelled or refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unanswered: Option<Box<str>>,
}

/// Session timers (RFC 4028), as wall time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct KeptSession {
    seconds: u32,
    we_refresh: bool,
    until: Wall,
}

impl KeptUsage {
    pub fn call_id(&self) -> &str {
        &self.call_id
    }

    pub const fn path(&self) -> Path {
        self.path
    }
}

impl Stack {
    /// What another process needs to go on; `None` for one that is ending.
    pub fn keep(&self, now: Now, id: UsageId) -> Option<KeptUsage> {
        let usage = self.usages.get(id)?;
        let unanswered = match &usage.phase {
            Phase::Calling(calling) => Some(self.head_of_ours(calling)?),
            Phase::Invited(invited) => Some(self.head_of_theirs(invited)?),
            Phase::AckWanted { .. } | Phase::Answered { .. } | Phase::Confirmed => None,
            Phase::Ending => return None,
        };
        let dialog = &usage.dialog;
        let until = self.usage_timers.deadline(&(id, UsageClock::Expire));
        let session = usage.session.zip(until).map(|(session, until)| KeptSession {
            seconds: session.seconds,
            we_refresh: session.we_refresh,
            until: now.wall_of(until),
        });
        Some(KeptUsage {
            call_id: dialog.call_id.clone(),
            local_tag: dialog.local_tag,
            local: dialog.local.clone(),
            remote_tag: dialog.remote_tag.clone(),
            remote: dialog.remote.clone(),
            target: dialog.target.clone(),
            routes: dialog.routes.clone(),
            local_cseq: dialog.local_cseq,
            remote_cseq: dialog.remote_cseq,
            path: dialog.path,
            contact_user: usage.contact_user.clone(),
            peer_updates: usage.peer_updates,
            peer_infos: usage.peer_infos,
            ours: usage.ours,
            ends: dialog.session,
            session,
            unanswered,
        })
    }

    fn head_of_ours(&self, calling: &Calling) -> Option<Box<str>> {
        match self.transactions.get(calling.invite)? {
            Transaction::Client(client) => head(&Message::parse(client.bytes.clone()).ok()?),
            Transaction::Server(_) | Transaction::Answered(_) => None,
        }
    }

    fn head_of_theirs(&self, invited: &Invited) -> Option<Box<str>> {
        match self.transactions.get(invited.invite)? {
            Transaction::Server(server) => head(server.request.as_ref()?),
            Transaction::Client(_) | Transaction::Answered(_) => None,
        }
    }

    /// Goes on with a usage of an earlier process; one that nobody had answered can only be ended now. `None` when there
    /// is no room for it, or it is here already.
    pub fn resume(&mut self, now: Now, kept: KeptUsage, credentials: Option<Credentials>) -> Option<UsageId> {
        let full = self.usages.len() >= self.settings.usages_max || !self.has_room();
        if full || self.tags.contains_key(&kept.local_tag) {
            return None;
        }
        // A connection does not outlive its process.
        let path = Path { flow: None, ..kept.path };
        let dialog = Dialog {
            call_id: kept.call_id,
            local_tag: kept.local_tag,
            local: kept.local,
            remote_tag: kept.remote_tag,
            remote: kept.remote,
            target: kept.target,
            routes: kept.routes,
            local_cseq: kept.local_cseq.saturating_add(CSEQ_LEAP),
            remote_cseq: kept.remote_cseq,
            path,
            session: kept.ends,
        };
        let mut usage = Usage::new(dialog, Phase::Confirmed, &kept.contact_user, kept.ours);
        (usage.peer_updates, usage.peer_infos) = (kept.peer_updates, kept.peer_infos);
        usage.credentials = credentials.map(Arc::new);
        if let Some(invite) = kept.unanswered {
            return self.resume_unanswered(now, usage, path, &invite);
        }
        usage.session =
            kept.session.map(|session| Session { seconds: session.seconds, we_refresh: session.we_refresh });
        let id = self.add_usage(usage);
        if let Some(KeptSession { seconds, we_refresh, until }) = kept.session {
            let until = now.mono_of(until);
            self.usage_timers.set((id, UsageClock::Expire), until);
            if we_refresh {
                // Where it would have been due, or at once when that moment is past.
                let (refresh, expire) = super::session::moments(seconds);
                let due = (until - (expire.saturating_sub(refresh))).max(now.mono);
                self.usage_timers.set((id, UsageClock::Refresh), due);
            }
        }
        if path.transport != Transport::Udp {
            self.usage_timers.set((id, UsageClock::FlowGrace), now.mono + FLOW_GRACE);
        }
        Some(id)
    }

    fn resume_unanswered(&mut self, now: Now, mut usage: Usage, path: Path, invite: &str) -> Option<UsageId> {
        let request = Message::parse(Bytes::copy_from_slice(invite.as_bytes())).ok()?;
        let transaction = self.transactions.next_id();
        let (ours, tag) = (usage.ours, usage.dialog.local_tag);
        usage.phase = if ours {
            Phase::Calling(Box::new(Calling {
                invite: transaction,
                heard: true,
                alive: true,
                cancelled: None,
                silent: true,
                offered: true,
                early: Vec::new(),
            }))
        } else {
            Phase::Invited(Box::new(Invited { invite: transaction, offered: true, reliable: None }))
        };
        let id = self.add_usage(usage);
        if ours {
            self.resume_client(now, path, &request, id);
        } else {
            self.begin_server(now, path, &request, ServerOwner::Invite(id), tag);
        }
        Some(id)
    }

    /// Our INVITE as if it had just been heard of by its peer.
    fn resume_client(&mut self, now: Now, path: Path, request: &Message, usage: UsageId) {
        let id = self.transactions.next_id();
        let until = self.clock.set(now.mono, id, Wait::GiveUp);
        let branch = request.top_via().ok().and_then(|via| Branch::parse(via.branch()?));
        let token = branch.map_or(0, |branch| branch.token);
        self.transactions.insert(Transaction::Client(Box::new(ClientTransaction {
            kind: Kind::Invite,
            state: ClientState::Proceeding,
            method: Method::Invite,
            token,
            path,
            bytes: request.bytes().clone(),
            pause: self.settings.timers.t1,
            resend_at: None,
            until: Some(until),
            owner: ClientOwner::Invite(usage),
            credentials: None,
            challenged: true,
            renewed: true,
            acks: Vec::new(),
            cancel: None,
            fallback: None,
            after: Mark::default(),
        })));
        self.earlier.insert(token, id);
    }

    /// A phone of the user of a call has registered from `path`, calling itself `contact`. True when the call goes on there:
    /// its own way has ended or is behind a NAT, and this is the same phone.
    pub fn reconnected(&mut self, id: UsageId, path: Path, contact: &str) -> bool {
        let waits = self.usage_timers.deadline(&(id, UsageClock::FlowGrace)).is_some();
        let Some(usage) = self.usages.get(id) else { return false };
        if matches!(usage.phase, Phase::Calling(_)) {
            return self.comes_back(id, path, contact);
        }
        let dialog = &usage.dialog;
        let is_back = dialog.path.transport == path.transport
            && match path.flow {
                None => dialog.has_moved_behind_nat(path) && same_place(&dialog.target, contact),
                flow if dialog.path.flow.is_some() => {
                    // The old connection may be dead without our knowing; another phone has another address.
                    let same_site = dialog.path.remote.ip() == path.remote.ip();
                    dialog.path.flow != flow && same_site && same_place(&dialog.target, contact)
                }
                // A page may call itself anew each time, and a phone by the port of its connection.
                Some(_) => waits || same_host(&dialog.target, contact),
            };
        if is_back {
            self.rehome(id, path);
        }
        is_back
    }
}

/// A request without its body.
fn head(request: &Message) -> Option<Box<str>> {
    let (method, uri) = (request.method()?, request.uri_text()?);
    let mut text = format!("{} {uri} SIP/2.0\r\n", method.as_str());
    for (name, known, value) in request.lines() {
        if !matches!(known, Name::ContentLength | Name::ContentType) {
            text.push_str(name);
            text.push_str(": ");
            text.push_str(value);
            text.push_str("\r\n");
        }
    }
    text.push_str("Content-Length: 0\r\n\r\n");
    Some(text.into())
}
