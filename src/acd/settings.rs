//! What an administrator decides: agents, queues, who belongs where, reasons, policies.
//!
//! The shapes are those of the settings files (TOML tables of the same names); a value left out has the default given
//! here. Agents, queues and reasons are named there by a `key` (`ana`, `support`); ids are the keys of the maps in
//! [`Settings`], chosen by whoever loads them and stable across restarts, because the journal speaks of ids.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Channel, Disposition, Factor, InteractionKind, Reason};
use crate::base::{AgentId, QueueId};

mod announce;
mod calendar;
mod check;
mod decision;
mod device;
mod fits;
mod member;
mod onward;
mod policies;
mod preferred;
mod sense;
mod sticky;
mod unfit;
mod work;

pub use announce::{Announce, PlaceRule, WaitRule};
pub use calendar::{Calendar, CalendarDate, CalendarSettings, ClockTime, DateHours, Day, WeeklyHours};
pub use check::Fault;
pub use decision::DecisionSettings;
pub use device::{DEVICE_NAME_MAX, DeviceChoice};
pub use fits::{Fits, Task, Who};
pub use member::{MemberSettings, MemberStart};
pub use onward::Onward;
pub use policies::{DevicePresence, LoginDefault, NotReadyMode, Policies, WaitOrder};
pub use sticky::LastAgent;
pub use unfit::{Unfit, UnfitRule};
pub use work::{DispositionRule, DispositionSettings, MarkDone, TagSettings};

/// Everything the distributor is told, whole: compared with what it had, and changed gently.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    pub agents: BTreeMap<AgentId, AgentSettings>,
    pub queues: BTreeMap<QueueId, QueueSettings>,
    pub reasons: Vec<ReasonSettings>,
    pub dispositions: Vec<DispositionSettings>,
    pub tags: Vec<TagSettings>,
    pub calendars: Vec<CalendarSettings>,
    pub policies: Policies,
}

/// A person who answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AgentSettings {
    /// The name in settings and addresses: `ana`.
    pub key: String,
    /// The name that people see; the key when empty.
    pub name: String,
    /// Key of the user whose devices ring; the agent's own key when absent. The distributor only carries it.
    pub user: Option<String>,
    /// A shorter wrap-up than the queue's; the queue's is the cap.
    pub acw_secs: Option<u32>,
    /// Overrides [`Policies::device_presence`].
    pub device_presence: Option<DevicePresence>,
    /// Overrides [`Policies::default_on_login`].
    pub default_on_login: Option<LoginDefault>,
    /// Skills with their level, 1 to 10.
    pub skills: BTreeMap<String, u8>,
    /// What the agent may be Ready for.
    pub channels: BTreeSet<Channel>,
    /// Overrides [`Policies::capacity`].
    pub capacity: BTreeMap<Channel, u32>,
    /// Key of the calendar that says when he is to work. The distributor only carries it.
    pub shifts: Option<String>,
}

impl Default for AgentSettings {
    fn default() -> Self {
        Self {
            key: String::new(),
            name: String::new(),
            user: None,
            acw_secs: None,
            device_presence: None,
            default_on_login: None,
            skills: BTreeMap::new(),
            channels: BTreeSet::from([Channel::Voice]),
            capacity: BTreeMap::new(),
            shifts: None,
        }
    }
}

/// A waiting line and how its interactions are handed out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QueueSettings {
    /// The name in settings: `support`.
    pub key: String,
    /// The name that people see; the key when empty.
    pub name: String,
    pub members: Vec<MemberSettings>,
    /// What waits here: calls, chats or mails.
    pub channel: Channel,
    /// IANA name of the zone whose midnight begins the day's counters here; empty: the zone of the policies.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub time_zone: String,
    pub strategy: Strategy,
    /// What one level of a skill is worth to `skills_best`. Nobody is kept away for want of it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub prefer: BTreeMap<String, u32>,
    /// Whom its interactions may have, as an expression ([`Fits`]). Empty: any member.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub fits: String,
    /// A program elsewhere is asked before the strategy. None: the strategy alone.
    pub decision: Option<DecisionSettings>,
    /// Who calls again comes to the agent whom he spoke to last.
    pub last_agent: LastAgent,
    /// A shared agent takes the heavier queue first.
    pub weight: u32,
    /// Optional ageing of the weight: one more for each such number of seconds that the longest in line has waited, so
    /// that a light queue never starves. Zero: off.
    pub weight_ageing_secs: u32,

    /// How long one offer rings.
    pub ring_secs: u32,
    /// The agent's phone and page are told to answer by themselves.
    pub auto_answer: bool,
    /// An offer whose device stays wholly silent this long is given up as unreachable. Zero: off.
    pub device_dead_secs: u32,
    /// After an offer that was not answered, the agent is left alone this long.
    pub ban_secs: BanTime,
    /// The same after an offer that was declined.
    pub reject_secs: BanTime,
    /// The same after a device that said busy.
    pub busy_secs: u32,
    /// A declined offer counts as missed.
    pub reject_counts: bool,
    /// So many offers missed in a row, over all queues, make the agent Not Ready. Zero: off.
    pub missed_max: u32,
    /// For `ring_progressive`: one more agent each so many seconds.
    pub progressive_secs: u32,
    /// The pause between a call's becoming offerable and its offer.
    pub member_delay_secs: u32,

    /// Wrap-up after an engagement. Zero: none at all.
    pub acw_secs: u32,
    /// Off: `acw_secs` is only a target shown to the agent.
    pub after_service_limit: bool,
    pub acw_early_end_agent: bool,
    pub acw_extend: Extend,
    /// Kinds of interaction that have a wrap-up.
    pub acw_types: BTreeSet<InteractionKind>,
    pub next_status: NextStatus,
    pub mark_done: MarkDone,
    pub disposition: DispositionRule,
    /// Those of the centre's that may be chosen here; all of them when empty.
    pub dispositions: Vec<Disposition>,
    pub not_ready_ends_acw: bool,

    /// Longest wait; then the interaction leaves as `expired`. Zero: no limit.
    pub max_wait_secs: u32,
    /// Which gives way when a wait runs out while an agent rings.
    pub timeout_priority: TimeoutPriority,
    /// Interactions waiting at once; the next is refused as `full`.
    pub max_waiting: usize,
    /// A newcomer is refused as `no_agents` when each member is held back by one of these. Empty: never.
    pub join_unless: BTreeSet<Factor>,
    /// Those who wait leave as `no_agents` when each member is held back by one of these. Empty: never.
    pub leave_when: BTreeSet<Factor>,
    /// The queue must be so for this long before anyone leaves.
    pub leave_after_secs: u32,
    /// Nor does anyone leave so before having waited this long.
    pub leave_min_wait_secs: u32,
    /// What becomes of those who need an agent whom nobody logged in is.
    pub unfit: Unfit,
    /// A longer estimated wait refuses newcomers as `ewt_exceeded`. Zero: never.
    pub max_ewt_secs: u32,
    /// How long one interaction takes an agent, until twenty of them tell.
    pub expected_handle_secs: u32,
    /// Estimated waits are told in steps of so many seconds, rounded up.
    pub ewt_round_secs: u32,
    /// Digits that take a caller out of the queue at any time, and where to.
    pub exit_keys: BTreeMap<String, Onward>,
    /// Where those go, in this order, whom the queue refuses or lets go after the longest wait or for want of agents.
    /// In another queue they keep their arrival.
    pub overflow: Vec<Onward>,
    /// Who gave up, or was cut off by a restart, and calls again within this time has his old place. Zero: off.
    pub resume_secs: u32,
    /// Key of the calendar that says when it is open. None: always.
    pub hours: Option<String>,
    /// At closing time those who still wait leave as `closed`.
    pub closing_lets_go: bool,
    /// The emergency switch: newcomers are refused as `closed`, whatever hours and people say.
    pub closed: bool,

    /// After so many seconds of waiting: a wider circle of agents. In order of time.
    pub rings: Vec<Ring>,
    /// A ring whose tiers have nobody logged in, while the queue has somebody, is not waited for: the next is open at once,
    /// and stays open for whoever waited then.
    pub no_agent_no_wait: bool,

    /// Target of the service level.
    pub service_level_secs: u32,
    /// Who gives up this early does not count against the service level.
    pub short_secs: u32,

    /// Key of the music heard while waiting. The distributor only carries it.
    pub hold_music: Option<String>,
    /// What those who wait are told.
    pub announce: Announce,
}

impl Default for QueueSettings {
    fn default() -> Self {
        Self {
            key: String::new(),
            name: String::new(),
            members: Vec::new(),
            channel: Channel::Voice,
            time_zone: String::new(),
            strategy: Strategy::LongestIdle,
            prefer: BTreeMap::new(),
            fits: String::new(),
            decision: None,
            last_agent: LastAgent::default(),
            weight: 0,
            weight_ageing_secs: 0,
            ring_secs: 20,
            auto_answer: false,
            device_dead_secs: 3,
            ban_secs: BanTime::Secs(0),
            reject_secs: BanTime::Secs(5),
            busy_secs: 10,
            reject_counts: false,
            missed_max: 3,
            progressive_secs: 5,
            member_delay_secs: 0,
            acw_secs: 0,
            after_service_limit: true,
            acw_early_end_agent: true,
            acw_extend: Extend::OFF,
            acw_types: BTreeSet::from([InteractionKind::Inbound, InteractionKind::Callback, InteractionKind::Campaign]),
            next_status: NextStatus::Previous,
            mark_done: MarkDone::Auto,
            disposition: DispositionRule::Off,
            dispositions: Vec::new(),
            not_ready_ends_acw: false,
            max_wait_secs: 0,
            timeout_priority: TimeoutPriority::App,
            max_waiting: super::QUEUE_WAITING_MAX,
            join_unless: BTreeSet::new(),
            leave_when: BTreeSet::new(),
            leave_after_secs: 0,
            leave_min_wait_secs: 0,
            unfit: Unfit::default(),
            max_ewt_secs: 0,
            expected_handle_secs: 180,
            ewt_round_secs: 10,
            exit_keys: BTreeMap::new(),
            overflow: Vec::new(),
            resume_secs: 0,
            hours: None,
            closing_lets_go: false,
            closed: false,
            rings: Vec::new(),
            no_agent_no_wait: true,
            service_level_secs: 20,
            short_secs: 5,
            hold_music: None,
            announce: Announce::default(),
        }
    }
}

/// How the agent is chosen among those who may be offered an interaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// The longest time since the end of the last handled interaction, wrap-up included.
    #[default]
    LongestIdle,
    /// The next after the last offered, in the order in which members joined.
    RoundRobin,
    /// The next after the last offered, in the order of the settings.
    OrderedRoundRobin,
    /// The fewest handled in this queue since midnight.
    FewestCalls,
    /// The least talk in this queue since midnight.
    LeastTalk,
    /// The lowest occupancy over the last half hour.
    LeastOccupied,
    Random,
    /// By chance, a higher tier less likely.
    WeightedRandom,
    /// Always from the first in the order of the settings.
    Linear,
    /// All at once; the first to answer has it.
    RingAll,
    /// One more each `progressive_secs`, the others keep ringing.
    RingProgressive,
    /// The best sum of skill levels, each by its weight in [`QueueSettings::prefer`], then the longest idle. What an
    /// interaction needs and the queue does not weigh counts once.
    SkillsBest,
}

impl Strategy {
    pub const ALL: [Self; 12] = [
        Self::LongestIdle,
        Self::RoundRobin,
        Self::OrderedRoundRobin,
        Self::FewestCalls,
        Self::LeastTalk,
        Self::LeastOccupied,
        Self::Random,
        Self::WeightedRandom,
        Self::Linear,
        Self::RingAll,
        Self::RingProgressive,
        Self::SkillsBest,
    ];
}

/// How long an agent is left alone: seconds, or `"until_manual"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum BanTime {
    Secs(u32),
    Word(UntilManual),
}

impl BanTime {
    /// Until the agent or a supervisor selects Ready again.
    pub const UNTIL_MANUAL: Self = Self::Word(UntilManual::UntilManual);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UntilManual {
    UntilManual,
}

/// Whether and how far an agent may lengthen his wrap-up: `"off"`, `"indefinite"` or `{ secs = 30, max = 2 }`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Extend {
    Word(ExtendWord),
    By(ExtendBy),
}

impl Extend {
    pub const OFF: Self = Self::Word(ExtendWord::Off);
    pub const INDEFINITE: Self = Self::Word(ExtendWord::Indefinite);

    pub const fn by(secs: u32, max: u32) -> Self {
        Self::By(ExtendBy { secs, max })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExtendWord {
    Off,
    Indefinite,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExtendBy {
    pub secs: u32,
    /// Times in one wrap-up.
    pub max: u32,
}

/// What an agent becomes after an engagement, if he was Ready at its accept and has not chosen since.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NextStatus {
    Ready,
    NotReady(Reason),
    /// What he was before: Ready.
    #[default]
    Previous,
    /// Not Ready until he chooses.
    Manual,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeoutPriority {
    /// The longest wait wins: it ends the ringing.
    #[default]
    App,
    /// The offer wins: it rings to its end.
    Conf,
}

/// One step of relaxation: from `after_secs` of waiting on, agents up to `tier` may be asked and `drop_skills` are
/// no longer required.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ring {
    pub after_secs: u32,
    /// Absent: every tier.
    pub tier: Option<u16>,
    pub drop_skills: BTreeSet<String>,
}

impl QueueSettings {
    /// Where the first ring opens tiers after a while, those below them are open until then: another one, from the start.
    pub(super) fn begin_rings(&mut self) {
        let first = self.rings.first().filter(|ring| ring.after_secs > 0);
        if let Some(tier) = first.and_then(|ring| ring.tier) {
            let begins = Ring { tier: Some(tier.saturating_sub(1)), ..Ring::default() };
            self.rings.insert(0, begins);
        }
    }
}

/// A reason for being Not Ready or paused, with its meaning for reports.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReasonSettings {
    pub key: Reason,
    /// The words that people see; the key when empty.
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub kind: ReasonKind,
    #[serde(default)]
    pub colour: String,
    /// Longer than this is brought to the agent's and the supervisor's notice. Zero: no limit.
    #[serde(default)]
    pub max_secs: u32,
    /// And the agent is Offline then.
    #[serde(default)]
    pub max_logs_out: bool,
}

impl ReasonSettings {
    /// Plain, without any limit.
    pub fn new(key: &str) -> Self {
        Self {
            key: Reason::new(key),
            name: String::new(),
            kind: ReasonKind::NotReady,
            colour: String::new(),
            max_secs: 0,
            max_logs_out: false,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReasonKind {
    #[default]
    NotReady,
    /// Work of another kind.
    Productive,
    /// May be reached by colleagues' transfers.
    Reachable,
}
