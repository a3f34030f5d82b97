//! The words for what agents do: the four layers of an agent and the status derived from them.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::base::{AgentId, UserId, Wall};

/// Key of a reason: one of the administrator's, or `system:…`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Reason(Arc<str>);

impl Reason {
    pub fn new(key: &str) -> Self {
        Self(key.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Signed in, nothing chosen yet.
    pub fn login() -> Self {
        Self::new("system:login")
    }

    /// Too many offers missed in a row.
    pub fn missed() -> Self {
        Self::new("system:missed")
    }

    /// The queue wants the agent to choose after each engagement.
    pub fn manual() -> Self {
        Self::new("system:manual")
    }

    /// Page or registration stayed away.
    pub fn lost() -> Self {
        Self::new("system:lost")
    }

    /// The device of an agent without a page can't be reached.
    pub fn unreachable() -> Self {
        Self::new("system:unreachable")
    }

    /// Logged off one channel alone.
    pub fn logged_off() -> Self {
        Self::new("system:logged_off")
    }

    /// Nobody was at the page.
    pub fn inactive() -> Self {
        Self::new("system:inactive")
    }

    /// Longer in one status than the administrator allows.
    pub fn too_long() -> Self {
        Self::new("system:too_long")
    }

    /// The administrator took the reason away.
    pub fn removed() -> Self {
        Self::new("(removed)")
    }
}

impl fmt::Debug for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for Reason {
    fn from(key: &str) -> Self {
        Self::new(key)
    }
}

/// What an agent can be Ready for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    Voice,
    Chat,
    Email,
}

impl Channel {
    pub const ALL: [Self; 3] = [Self::Voice, Self::Chat, Self::Email];

    pub(super) const fn index(self) -> usize {
        match self {
            Self::Voice => 0,
            Self::Chat => 1,
            Self::Email => 2,
        }
    }
}

/// A call of an agent's that came through no queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DirectKind {
    /// He dialled somebody outside.
    Outbound,
    /// Somebody outside dialled him.
    Inbound,
    /// With a colleague, whoever of them dialled.
    Internal,
    /// He dialled it while he had a customer: to ask somebody.
    Consult,
}

impl DirectKind {
    pub const ALL: [Self; 4] = [Self::Outbound, Self::Inbound, Self::Internal, Self::Consult];

    /// With somebody from outside.
    pub const fn is_outside(self) -> bool {
        matches!(self, Self::Outbound | Self::Inbound)
    }
}

/// Why there is an interaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InteractionKind {
    Inbound,
    Callback,
    Campaign,
    /// A call through no queue.
    Direct,
}

impl InteractionKind {
    /// The agent's side is built first and the customer dialled then.
    pub const fn agent_first(self) -> bool {
        match self {
            Self::Callback | Self::Campaign => true,
            Self::Inbound | Self::Direct => false,
        }
    }

    /// As settings and headers write it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Callback => "callback",
            Self::Campaign => "campaign",
            Self::Direct => "direct",
        }
    }

    /// Somebody listens while it waits.
    pub const fn listens(self) -> bool {
        match self {
            Self::Inbound => true,
            Self::Callback | Self::Campaign | Self::Direct => false,
        }
    }
}

/// What the agent chose, per channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum Selection {
    Ready,
    NotReady { reason: Option<Reason> },
}

impl Selection {
    pub fn not_ready(reason: impl Into<Reason>) -> Self {
        Self::NotReady { reason: Some(reason.into()) }
    }

    pub fn is_ready(&self) -> bool {
        *self == Self::Ready
    }

    pub fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Ready => None,
            Self::NotReady { reason } => reason.as_ref(),
        }
    }
}

/// Asked for while busy, applied at the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum Pending {
    NotReady { reason: Option<Reason> },
    LogOff,
}

/// What the calls make true, in one word: the first of these that holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activity {
    /// In an engagement or a call of his own.
    Busy,
    /// Calls somebody who has not answered.
    Dialing,
    /// His device rings.
    Offered,
    /// Wraps up.
    WrapUp,
    Idle,
}

impl Activity {
    pub const ALL: [Self; 5] = [Self::Busy, Self::Dialing, Self::Offered, Self::WrapUp, Self::Idle];
}

/// What people see, derived from the layers and never set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Offline,
    Ringing,
    Dialing,
    Busy,
    WrapUp,
    /// Left alone for a while after an offer he missed or declined.
    Banned,
    Dnd,
    NotReady,
    Ready,
}

/// The status with what stands beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusView {
    pub status: Status,
    /// Of Not Ready, or of having gone Offline.
    pub reason: Option<Reason>,
    /// Differs from what the status says when Not Ready was chosen in the middle of something.
    pub activity: Activity,
    pub pending: Option<Pending>,
}

/// An agent's belonging to a queue, as he or a supervisor left it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum MemberState {
    LoggedOut,
    Active,
    Paused { reason: Option<Reason> },
}

/// Who did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is", content = "id")]
pub enum Actor {
    Agent(AgentId),
    Supervisor(UserId),
    Admin(UserId),
    /// The switch itself: a timer, a call's end, a rule.
    System,
    Api,
}

impl Actor {
    /// Acts on another's behalf, by the rules of supervisor overrides.
    pub const fn overrides(self) -> bool {
        match self {
            Self::Supervisor(_) | Self::Admin(_) | Self::Api => true,
            Self::Agent(_) | Self::System => false,
        }
    }
}

/// What can hold a member back from being offered an interaction, as entry and leave rules name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Factor {
    /// Not logged in to the queue, or offline.
    LoggedOut,
    /// The one device that may ring for the queue can't be reached, though others can. Counts as unavailable too.
    PinnedDevice,
    /// His device can't be reached.
    Unavailable,
    Paused,
    Dnd,
    /// Not Ready, or about to be.
    NotReady,
    InUse,
    Ringing,
    Wrapup,
    Banned,
    /// In a tier that is not open yet.
    Tier,
}

impl Factor {
    pub const ALL: [Self; 11] = [
        Self::LoggedOut,
        Self::PinnedDevice,
        Self::Unavailable,
        Self::Paused,
        Self::Dnd,
        Self::NotReady,
        Self::InUse,
        Self::Ringing,
        Self::Wrapup,
        Self::Banned,
        Self::Tier,
    ];
}

/// A set of [`Factor`]s.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Factors(u16);

impl Factors {
    pub const NONE: Self = Self(0);

    pub const fn with(self, factor: Factor) -> Self {
        Self(self.0 | 1 << factor as u16)
    }

    pub const fn has(self, factor: Factor) -> bool {
        self.0 & 1 << factor as u16 != 0
    }

    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn iter(self) -> impl Iterator<Item = Factor> {
        Factor::ALL.into_iter().filter(move |factor| self.has(*factor))
    }
}

impl<'a> FromIterator<&'a Factor> for Factors {
    fn from_iter<T: IntoIterator<Item = &'a Factor>>(factors: T) -> Self {
        factors.into_iter().fold(Self::NONE, |set, factor| set.with(*factor))
    }
}

impl fmt::Debug for Factors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// One change of what people see of an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentEvent {
    pub agent: AgentId,
    pub channel: Channel,
    pub actor: Actor,
    /// Number of the rule that made the change.
    pub rule: super::Rule,
    pub old: StatusView,
    pub new: StatusView,
    /// When; also the start of the new status, unless only what stands beside it changed.
    pub at: Wall,
    pub since: Wall,
}
