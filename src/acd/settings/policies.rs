//! Rules for the whole centre.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::acd::{Channel, DirectKind};

/// Rules for the whole centre.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policies {
    /// What an agent becomes on signing in at a page.
    pub default_on_login: LoginDefault,
    /// Whether a registered device alone brings an agent online.
    pub device_presence: DevicePresence,
    /// How long a lost page or registration may stay away.
    pub session_grace_secs: u32,
    pub not_ready_mode: NotReadyMode,
    /// Where it differs from channel to channel.
    pub not_ready_modes: BTreeMap<Channel, NotReadyMode>,
    /// How many interactions an agent may have at once, by channel; one where nothing is said. Voice is always one.
    pub capacity: BTreeMap<Channel, u32>,
    /// What one interaction of a channel takes of an agent, in percent. He is offered nothing that would take him beyond
    /// 100, whatever the channel. Nothing where nothing is said.
    pub load: BTreeMap<Channel, u32>,
    /// Who goes first among those who wait.
    pub wait_order: WaitOrder,
    /// An agent at a page that shows no sign of life so long is asked whether he is there. Zero: off.
    pub inactive_secs: u32,
    /// How long he has to answer before he is Offline.
    pub inactive_prompt_secs: u32,
    /// Not Ready and pause must name one of the reasons.
    pub reason_required: bool,
    /// Signing in takes up the memberships where signing out left them.
    pub restore_memberships: bool,
    /// Signing out logs out of all queues.
    pub logout_on_signout: bool,
    /// Supervisors may end an agent's wrap-up.
    pub acw_early_end_supervisor: bool,
    /// Agents may log in to queues they are not assigned to.
    pub login_unassigned: bool,
    /// An agent who is offline may still dial out of his phone.
    pub dial_offline: bool,
    /// An agent who is Not Ready may dial out.
    pub dial_not_ready: bool,
    /// Wrap-up after a call that came through no queue. Zero: none.
    pub direct_acw_secs: u32,
    /// Kinds of such calls that have it.
    pub direct_acw_types: BTreeSet<DirectKind>,
    /// The same after a call of one's own that nobody answered.
    pub acw_for_unanswered_out: bool,
    /// An agent who has had somebody on hold for so long is reminded, and again after each such time. Zero: never.
    pub hold_recall_secs: u32,
    /// IANA name of the zone whose midnight starts the day's counters.
    pub time_zone: String,
}

impl Default for Policies {
    fn default() -> Self {
        Self {
            default_on_login: LoginDefault::NotReady,
            device_presence: DevicePresence::Off,
            session_grace_secs: 30,
            not_ready_mode: NotReadyMode::Pending,
            not_ready_modes: BTreeMap::new(),
            capacity: BTreeMap::new(),
            load: BTreeMap::new(),
            wait_order: WaitOrder::default(),
            inactive_secs: 0,
            inactive_prompt_secs: 180,
            reason_required: false,
            restore_memberships: true,
            logout_on_signout: false,
            acw_early_end_supervisor: true,
            login_unassigned: true,
            dial_offline: false,
            dial_not_ready: true,
            direct_acw_secs: 0,
            direct_acw_types: DirectKind::ALL.into(),
            acw_for_unanswered_out: false,
            hold_recall_secs: 0,
            time_zone: "UTC".into(),
        }
    }
}

impl Policies {
    pub(in crate::acd) fn not_ready_mode_of(&self, channel: Channel) -> NotReadyMode {
        self.not_ready_modes.get(&channel).copied().unwrap_or(self.not_ready_mode)
    }
}

/// The order of those who wait, behind the weight of their queues and before their arrival.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitOrder {
    /// The higher priority, however long the others have waited.
    #[default]
    Priority,
    /// The higher score: minutes waited, and a minute more for each point of priority, so that nobody is passed for ever.
    Score,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoginDefault {
    /// Not Ready, reason `system:login`.
    #[default]
    NotReady,
    Ready,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DevicePresence {
    /// Only a page brings an agent online.
    #[default]
    Off,
    /// A registered device brings him online, as [`Policies::default_on_login`] says.
    Online,
    /// A registered device makes him Ready: for agents who have only a phone.
    Ready,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotReadyMode {
    /// Not Ready chosen during an engagement applies at its end; no new offer meanwhile.
    #[default]
    Pending,
    /// It applies from the click; the engagement goes on.
    Immediate,
}
