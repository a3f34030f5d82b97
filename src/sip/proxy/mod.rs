//! Forwarding instead of terminating (RFC 3261 16): a request goes on to one target or several, with us in its Via and, where
//! it opens a dialog, in its Record-Route; the best of the answers goes back.
//!
//! What enters: an INVITE that the floor above would rather forward than take on, with its targets; and requests inside
//! dialogs that we let through, which find their way by themselves (`way`) as long as the dialog lives (`dialogs`). What is
//! remembered of a forwarded request is gone when its transactions are.

mod answers;
mod branches;
mod dialogs;
mod forward;
mod inside;
mod way;

use std::{collections::VecDeque, time::Duration};

use smallvec::SmallVec;

use super::{
    Event, Headers, Mark, Path, Reply, Stack, TransactionId, UsageId,
    slab::{Slab, SlabId},
    transaction::ServerOwner,
};
use crate::{
    base::{Instant, Now, Timers},
    wire::sip::{Message, Method, Name},
};

pub use dialogs::{DIALOGS_MAX, Sides};
pub use forward::is_forwarded_branch;
pub use way::WayKey;

/// Requests that are being forwarded at once; the next gets 503. At about 2 KB each this is 40 MB.
pub const PROXIED_MAX: usize = 20_000;

/// Targets of one request, over all its phases; the rest is left out.
pub const TARGETS_MAX: usize = 64;

/// Branches that a request and all its copies may come to at once, where it says nothing of that (RFC 5393 5.3.3.1).
const BREADTH: u32 = 60;

/// Timer C: an INVITE that rings is not forwarded for longer without a word (16.6 step 11).
const RING_MAX: Duration = Duration::from_secs(181);

/// One request that is being forwarded.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(in crate::sip) struct ProxyId(u64);

impl SlabId for ProxyId {
    fn from_raw(raw: u64) -> Self {
        Self(raw)
    }

    fn raw(self) -> u64 {
        self.0
    }
}

/// Where a request may go on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProxyTarget {
    pub path: Path,
    /// Request-URI.
    pub uri: String,
    pub routes: Vec<String>,
    /// What is added for this target.
    pub headers: Headers,
    /// Headers of the request that this target is not told.
    pub withheld: SmallVec<[Name; 2]>,
    /// The caller's name for it; told when it answers.
    pub label: u32,
    /// Nothing heard for so long: the next of the spares is tried.
    pub dead_time: Duration,
    /// Other ways to the very same (RFC 3263 4.3).
    pub spares: Vec<ProxyTarget>,
}

/// When the next phase of targets is tried.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NextPhase {
    /// After any refusal but 6xx.
    Refused,
    /// Only when the peer itself failed: 408, 5xx, or nothing at all.
    PeerFailed,
}

/// To whom a request goes: those of a phase at once, the phases one after the other.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProxyPlan {
    pub phases: Vec<Vec<ProxyTarget>>,
    pub next: NextPhase,
    /// Nothing of it leaves before that.
    pub after: Mark,
}

/// What becomes of a call that goes through us, as far as it passes here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Through {
    pub call_id: Box<str>,
    /// The tag of whoever sent the request that this is about.
    pub from: Box<str>,
    pub step: ThroughStep,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ThroughStep {
    /// Somebody is being rung.
    Rang,
    /// A target has said nothing for too long; the next is tried.
    Silent { label: u32, path: Path },
    /// The first 2xx has gone back.
    Answered { to: Box<str>, label: u32, path: Path },
    /// The final refusal has.
    Refused { status: u16 },
    /// A BYE is on its way to the side with this tag.
    Left { to: Box<str>, reason: Option<String> },
    /// A side wants to be addressed otherwise from now on; `to` is the tag of the other one.
    Moved { to: Box<str> },
}

/// A request on its way through.
pub(in crate::sip) struct Proxied {
    server: TransactionId,
    request: Message,
    /// On which it came.
    path: Path,
    /// To where answers go.
    back: Path,
    branches: Vec<Branch>,
    rest: VecDeque<Vec<ProxyTarget>>,
    next: NextPhase,
    after: Mark,
    /// What is left of Max-Breadth.
    breadth: u32,
    best: Option<Best>,
    /// Of all 401 and 407, for the one that goes back (16.7 step 7).
    challenges: Vec<(Name, String)>,
    /// That somebody is rung has been told.
    rang: bool,
    /// The final answer has gone back.
    answered: bool,
    /// It was a 2xx: more may come.
    accepted: bool,
    cancelled: bool,
}

impl Proxied {
    fn is_invite(&self) -> bool {
        self.request.method() == Some(&Method::Invite)
    }

    /// An INVITE that opens a dialog.
    fn opens(&self) -> bool {
        self.is_invite() && self.request.to_tag().is_none()
    }

    fn through(&self, step: ThroughStep) -> Event {
        through(&self.request, step)
    }
}

fn through(request: &Message, step: ThroughStep) -> Event {
    let from = request.from_tag().unwrap_or_default().into();
    Event::Through(Through { call_id: request.call_id().into(), from, step })
}

/// Somebody in the dialog of that request is addressed otherwise from now on.
fn moved(request: &Message) -> Event {
    through(request, ThroughStep::Moved { to: request.to_tag().unwrap_or_default().into() })
}

/// The best refusal so far.
#[derive(Clone)]
enum Best {
    Theirs(Box<Message>),
    /// Nobody said it, but so it is.
    Ours(u16),
}

impl Best {
    fn status(&self) -> u16 {
        match self {
            Self::Theirs(response) => response.status().unwrap_or(500),
            Self::Ours(status) => *status,
        }
    }
}

/// One copy that went out.
struct Branch {
    client: TransactionId,
    label: u32,
    path: Path,
    state: BranchState,
    /// It is to be cancelled as soon as it may be: why, for a Reason header.
    cancel: Option<Option<&'static str>>,
    spares: Vec<ProxyTarget>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum BranchState {
    /// Nothing has been heard.
    Silent,
    Proceeding,
    /// Nothing was heard, and another way is tried: it is cancelled when it shows life after all.
    Abandoned,
    /// A final answer came, or none will.
    Over,
}

/// Reasons for a forwarded request to wake up.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(in crate::sip) enum ProxyClock {
    /// Nothing has been heard of a branch.
    Silent(u16),
    /// Timer C of a branch.
    Rings(u16),
    /// No further 2xx is to be expected.
    Over,
}

/// All that is being forwarded.
pub(in crate::sip) struct Proxy {
    slab: Slab<ProxyId, Proxied>,
    timers: Timers<(ProxyId, ProxyClock)>,
    dialogs: dialogs::Dialogs,
    /// Seals the ways in our Record-Routes.
    key: WayKey,
}

impl Proxy {
    pub fn new(secret: &[u8; 32]) -> Self {
        let dialogs = dialogs::Dialogs::new();
        Self { slab: Slab::new(), timers: Timers::new(), dialogs, key: WayKey::of_secret(secret) }
    }

    /// Seals with the key of an earlier process: the ways that it wrote lead on.
    pub fn seal_with(&mut self, key: WayKey) {
        self.key = key;
    }

    pub fn len(&self) -> usize {
        self.slab.len()
    }

    pub fn timers(&self) -> usize {
        self.timers.len()
    }

    pub fn next(&self) -> Option<Instant> {
        self.timers.next()
    }

    pub fn take_due(&mut self, now: Instant) -> Option<(ProxyId, ProxyClock)> {
        self.timers.take_due(now)
    }
}

impl Stack {
    /// Forwards an INVITE that the floor above was told of, instead of answering it; its usage is over with that. `Err` is
    /// the answer where it can't be: the INVITE still waits for it.
    pub fn forward(&mut self, now: Now, usage: UsageId, path: Path, plan: ProxyPlan) -> Result<(), Reply> {
        let server = self.invite_of(usage).ok_or_else(|| Reply::new(481))?;
        let request = self.asked(server).ok_or_else(|| Reply::new(481))?;
        if self.has_looped(&request) {
            return Err(Reply::new(482));
        }
        if request.max_forwards() == Some(0) {
            return Err(Reply::new(483));
        }
        required(&request)?;
        if plan.phases.iter().all(Vec::is_empty) {
            return Err(Reply::new(480));
        }
        let breadth = request.other("Max-Breadth").map_or(Some(BREADTH), |text| text.trim().parse().ok());
        let breadth = breadth.filter(|breadth| *breadth > 0).ok_or_else(|| Reply::new(440))?;
        if !self.proxy.dialogs.open(now.mono, &request) {
            return Err(Reply::new(503).header("Retry-After", "10"));
        }
        let id = self.open_proxied(server, &request, path, plan, breadth).inspect_err(|_| {
            self.proxy.dialogs.end(now.mono, request.call_id(), request.from_tag().unwrap_or_default());
        })?;
        self.drop_usage(usage);
        self.forget_merged(server);
        self.start_phase(now, id);
        Ok(())
    }

    /// What is known of the sides of a call that was let through: who keeps it, and the key of the ways, and hands both to
    /// the next process keeps that call going.
    pub fn sides_through(&self, call_id: &str, caller_tag: &str) -> Option<&Sides> {
        self.proxy.dialogs.sides(call_id, caller_tag)
    }

    pub fn restore_through(&mut self, call_id: &str, caller_tag: &str, sides: Sides) {
        self.proxy.dialogs.restore(call_id, caller_tag, sides);
    }

    /// A call that was let through is over: soon nothing of it goes on any more.
    pub fn end_through(&mut self, now: Instant, call_id: &str, caller_tag: &str) {
        self.proxy.dialogs.end(now, call_id, caller_tag);
    }

    /// What seals the ways in our Record-Routes.
    pub const fn way_key(&self) -> &WayKey {
        &self.proxy.key
    }

    pub fn set_way_key(&mut self, key: WayKey) {
        self.proxy.seal_with(key);
    }

    /// Keeps what must be known of a request while it is forwarded.
    fn open_proxied(
        &mut self,
        server: TransactionId,
        request: &Message,
        path: Path,
        plan: ProxyPlan,
        breadth: u32,
    ) -> Result<ProxyId, Reply> {
        if self.proxy.slab.len() >= PROXIED_MAX {
            return Err(Reply::new(503).header("Retry-After", "10"));
        }
        let Some(transaction) = self.server(server) else { return Err(Reply::new(481)) };
        let back = transaction.path;
        let id = self.proxy.slab.next_id();
        if let Some(transaction) = self.server(server) {
            transaction.owner = ServerOwner::Proxy(id);
        }
        let mut room = TARGETS_MAX;
        let mut phases: VecDeque<Vec<ProxyTarget>> = plan.phases.into();
        for phase in &mut phases {
            phase.truncate(room);
            room -= phase.len();
        }
        self.proxy.slab.insert(Proxied {
            server,
            request: request.clone(),
            path,
            back,
            branches: Vec::new(),
            rest: phases,
            next: plan.next,
            after: plan.after,
            breadth,
            best: None,
            challenges: Vec::new(),
            rang: false,
            answered: false,
            accepted: false,
            cancelled: false,
        });
        Ok(id)
    }

    pub(in crate::sip) fn on_proxy_due(&mut self, now: Now, id: ProxyId, clock: ProxyClock) {
        match clock {
            ProxyClock::Silent(branch) => self.on_branch_silent(now, id, branch),
            ProxyClock::Rings(branch) => self.cancel_branch(now, id, branch, None),
            ProxyClock::Over => self.close_proxied(id),
        }
    }

    /// Their CANCEL reached us (16.10).
    pub(in crate::sip) fn on_proxy_cancelled(&mut self, now: Now, id: ProxyId) {
        let Some(proxied) = self.proxy.slab.get_mut(id) else { return };
        proxied.cancelled = true;
        proxied.rest.clear();
        self.cancel_branches(now, id, None, None);
    }

    fn close_proxied(&mut self, id: ProxyId) {
        let Some(proxied) = self.proxy.slab.remove(id) else { return };
        self.proxy.timers.cancel((id, ProxyClock::Over));
        for branch in 0..proxied.branches.len() {
            let branch = branch as u16;
            self.proxy.timers.cancel((id, ProxyClock::Silent(branch)));
            self.proxy.timers.cancel((id, ProxyClock::Rings(branch)));
        }
    }
}

/// We serve no extension that a proxy may be required to (RFC 3261 16.3 step 5).
fn required(request: &Message) -> Result<(), Reply> {
    let required: Vec<&str> = request.list(Name::ProxyRequire).collect();
    if required.is_empty() { Ok(()) } else { Err(Reply::new(420).header("Unsupported", required.join(", "))) }
}
