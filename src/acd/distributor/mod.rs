//! The distributor itself: one owner of all agents and queues.
//!
//! What may happen in which state stands in `table`; who is asked next in `matching`. Every change of an agent goes
//! through [`Acd::change`], which tells people, and every public call ends in
//! [`Acd::settle`], which brings the lists into step and hands out what can be handed out, in the same turn.

mod activity;
mod agent;
mod announce;
mod clock;
mod counters;
mod decision;
mod devices;
mod direct;
mod doors;
mod engagements;
mod estimate;
mod invariants;
mod journal;
mod lists;
mod looks;
mod matching;
mod members;
mod offers;
mod onward;
mod overrides;
mod presence;
mod queue;
mod reload;
mod selection;
mod sticky;
mod table;
mod unfit;
mod view;
mod waiting;
mod wall;
mod wrap_up;

#[cfg(test)]
mod tests;

pub use overrides::Force;
pub use sticky::SPOKE_MAX;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

pub use self::journal::Alive;
use self::{
    agent::{Agent, Ban},
    engagements::Engagement,
    journal::Unsaved,
    offers::Ringing,
    queue::{Queue, Waiting},
    table::{Event, Step},
};
use super::{
    Actor, AgentEvent, Channel, DispositionSettings, Entry, Factor, Output, Policies, Reason, ReasonSettings, Refused,
    Rule, StatusSpan, StatusView, TagSettings,
};
use crate::base::{
    AgentId, Chance, EngagementId, FastMap, Instant, InteractionId, Now, OfferId, QueueId, Timers, Wall,
};

/// All agents and queues of one centre. Pure: it owns no socket, clock or task.
///
/// Give it `settings` first. After every command and `handle_*`, drain `poll_output` until `None`, then call
/// `handle_timeout` at `poll_timeout`. `now` never goes backwards. An unknown or outdated id in a fact is no error:
/// the fact is late and nothing happens.
#[derive(Debug)]
pub struct Acd {
    chance: Chance,
    /// Where the steady clock is tied to the wall: what is counted never jumps when the wall clock is set.
    anchor: Option<Now>,
    /// How far the wall was ahead of it when it was last looked at, in milliseconds.
    ahead_ms: i64,
    policies: Arc<Policies>,
    reasons: BTreeMap<Reason, ReasonSettings>,
    dispositions: Vec<DispositionSettings>,
    tags: Vec<TagSettings>,
    agents: FastMap<AgentId, Agent>,
    queues: FastMap<QueueId, Queue>,
    queue_keys: BTreeMap<Box<str>, QueueId>,
    /// Gone from the settings, and somebody waits there or works for it still.
    draining: BTreeSet<QueueId>,
    waiting: FastMap<InteractionId, Waiting>,
    told: FastMap<InteractionId, announce::Told>,
    offers: FastMap<OfferId, Ringing>,
    engagements: FastMap<EngagementId, Engagement>,
    timers: Timers<Timer>,
    outputs: VecDeque<Output>,
    entries: VecDeque<Entry>,
    turn: Turn,
    unsaved: Unsaved,
    /// Entries are wanted.
    journals: bool,
    /// Read from the journal before there were settings.
    limbo: Option<(Vec<Entry>, Alive)>,
    next_id: u64,
    next_joined: u64,
    day: i32,
    hits: [u64; Rule::ALL.len()],
    looks: looks::Looks,
    repairs: u64,
}

/// What this turn has touched, to be settled at its end.
#[derive(Debug, Default)]
struct Turn {
    /// Have changed, and the queues' lists don't know it yet.
    stale: BTreeSet<AgentId>,
    /// May be able to take something now.
    agents: BTreeSet<AgentId>,
    /// Would take an agent now.
    wanting: BTreeSet<InteractionId>,
    /// May have somebody elsewhere asked about more of those who wait.
    asking: BTreeSet<QueueId>,
    /// May have become empty, or stopped being so.
    queues: BTreeSet<QueueId>,
    /// May find a ring in which nobody is logged in.
    narrow: BTreeSet<InteractionId>,
    /// Have nobody in their lowest tiers any more, or somebody in the higher ones for the first time.
    unmanned: BTreeSet<QueueId>,
    /// Have others logged in than before, or somebody in line who has nobody.
    others: BTreeSet<QueueId>,
    /// Have entered a line; to be told of if nobody is asked.
    entered: Vec<InteractionId>,
    /// To be checked against the invariants.
    check: BTreeSet<AgentId>,
}

impl Turn {
    fn is_settled(&self) -> bool {
        let widened = self.narrow.is_empty() && self.unmanned.is_empty();
        self.stale.is_empty() && self.queues.is_empty() && widened && !self.has_seekers()
    }

    /// Something may be handed out.
    fn has_seekers(&self) -> bool {
        !self.agents.is_empty() || !self.wanting.is_empty() || !self.asking.is_empty()
    }
}

/// Wake-ups, each with its reason. Of those due at one moment the first listed comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Timer {
    /// The longest wait is over.
    MaxWait(InteractionId),
    /// The device gave no sign of life.
    Dead(OfferId),
    /// The offer rang long enough.
    Ring(OfferId),
    /// Accepted, and the agent's phone was never picked up.
    Connect(EngagementId),
    WrapUp(EngagementId),
    Ban(AgentId),
    NotBefore(AgentId),
    /// Page and device stayed away long enough.
    Grace(AgentId),
    /// Nobody left long enough: those who wait leave.
    Empty(QueueId),
    /// See whether somebody is there who may have those who wait.
    Unfit(QueueId),
    /// The interaction may be offered, or to more agents than before.
    Widen(InteractionId),
    /// One more agent for a progressive ring.
    Progress(InteractionId),
    /// Nobody elsewhere has said in time who gets it.
    Undecided(InteractionId),
    /// A veto from elsewhere is over.
    Vetoed(InteractionId),
    /// Time to tell one who waits something.
    Announce(InteractionId),
    /// Time to ask whether an agent is there, or to believe that he is not.
    Inactive(AgentId),
    /// Longer in a status than its reason allows.
    TooLong(AgentId),
    /// Time to look again how occupied the agents of one second in each minute were.
    Occupancy,
    /// The hours open or close it.
    Door(QueueId),
    /// A new day of the centre.
    Midnight,
    /// A new day of a queue.
    QueueMidnight(QueueId),
}

/// When a logging-out of a queue takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogoutWhen {
    /// When what he does for that queue is over.
    After,
    /// Now; a call goes on without the membership.
    Now,
}

/// How much longer a wrap-up shall be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Extension {
    /// By the queue's step.
    Step,
    /// Until it is finished by hand.
    Indefinite,
}

/// Something that must never be so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// `I1` to `I8`.
    pub invariant: &'static str,
    pub what: String,
}

/// Everybody's part in one waiting interaction, asked for by people.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Explanation {
    pub interaction: InteractionId,
    pub queue: QueueId,
    pub position: u32,
    pub waited_ms: u64,
    /// The program elsewhere that is being asked who gets it.
    pub asking: Option<String>,
    /// Nobody else is asked for the time being: whose customer he is, or who spoke with him last.
    pub kept_for: Option<KeptFor>,
    /// In the order in which they would be asked; then those held back.
    pub members: Vec<MemberReason>,
}

#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct KeptFor {
    pub agent: AgentId,
    pub until: Wall,
}

#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct MemberReason {
    pub agent: AgentId,
    /// From 1 for those who could be asked.
    pub rank: Option<u32>,
    /// What holds him back.
    pub held_back: Vec<Factor>,
    /// Lacks a skill that is asked for, or is not whom the queue's expression asks for.
    pub unfit: bool,
    /// Stands in a tier that is not open to it yet.
    pub tier_not_open: bool,
    /// A program elsewhere has ruled him out for the time being.
    pub vetoed: bool,
    pub status: StatusView,
}

impl Acd {
    pub fn new(chance: Chance) -> Self {
        Self {
            chance,
            anchor: None,
            ahead_ms: 0,
            policies: Arc::default(),
            reasons: BTreeMap::new(),
            dispositions: Vec::new(),
            tags: Vec::new(),
            agents: FastMap::default(),
            queues: FastMap::default(),
            queue_keys: BTreeMap::new(),
            draining: BTreeSet::new(),
            waiting: FastMap::default(),
            told: FastMap::default(),
            offers: FastMap::default(),
            engagements: FastMap::default(),
            timers: Timers::new(),
            outputs: VecDeque::new(),
            entries: VecDeque::new(),
            turn: Turn::default(),
            unsaved: Unsaved::default(),
            journals: true,
            limbo: None,
            next_id: 1,
            next_joined: 1,
            day: 0,
            hits: [0; Rule::ALL.len()],
            looks: looks::Looks::default(),
            repairs: 0,
        }
    }

    /// For simulations: nothing is journalled.
    pub fn without_journal(self) -> Self {
        Self { journals: false, ..self }
    }

    /// Entries first, then the rest in its order.
    pub fn poll_output(&mut self) -> Option<Output> {
        let output = self.entries.pop_front().map(Output::Entry).or_else(|| self.outputs.pop_front());
        self.told(output)
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Does all that is due, in the order of the deadlines, and hands out afterwards: what becomes possible at one
    /// moment is judged together.
    pub fn handle_timeout(&mut self, now: Now) {
        while let Some(timer) = self.timers.take_due(now.mono) {
            self.on_timer(now, timer);
        }
        self.settle(now);
    }

    fn on_timer(&mut self, now: Now, timer: Timer) {
        match timer {
            Timer::MaxWait(interaction) => self.on_max_wait(now, interaction),
            Timer::Dead(offer) => self.on_dead(now, offer),
            Timer::Ring(offer) => self.on_ring_over(now, offer),
            Timer::Connect(engagement) => self.on_connect_over(now, engagement),
            Timer::WrapUp(engagement) => self.on_wrap_up_limit(now, engagement),
            Timer::Ban(agent) => self.on_ban_over(now, agent),
            Timer::NotBefore(agent) => self.on_not_before(now, agent),
            Timer::Grace(agent) => self.on_grace_over(now, agent),
            Timer::Empty(queue) => self.on_empty(now, queue),
            Timer::Unfit(queue) => self.on_unfit_look(now, queue),
            Timer::Widen(interaction) => self.on_widen(now, interaction),
            Timer::Progress(interaction) => self.on_progress_step(interaction),
            Timer::Undecided(interaction) => self.on_undecided(now, interaction),
            Timer::Vetoed(interaction) => self.on_veto_over(interaction),
            Timer::Announce(interaction) => self.on_announce(now, interaction),
            Timer::Inactive(agent) => self.on_inactive(now, agent),
            Timer::TooLong(agent) => self.on_too_long(now, agent),
            Timer::Occupancy => self.on_occupancy(now),
            Timer::Door(queue) => self.on_door(now, queue),
            Timer::Midnight => self.on_midnight(now),
            Timer::QueueMidnight(queue) => self.on_queue_midnight(now, queue),
        }
    }

    /// How often each rule was applied since the start.
    pub fn rule_hits(&self) -> impl Iterator<Item = (Rule, u64)> + '_ {
        Rule::ALL.iter().copied().zip(self.hits)
    }

    /// The queue in which somebody waits.
    pub fn waits_in(&self, interaction: InteractionId) -> Option<QueueId> {
        self.waiting.get(&interaction).map(|waiting| waiting.queue)
    }

    /// Whether customer and agent of an engagement are bridged.
    pub fn is_talking(&self, engagement: EngagementId) -> bool {
        self.engagements.get(&engagement).is_some_and(|it| it.phase == engagements::Phase::Live)
    }

    pub fn repairs_total(&self) -> u64 {
        self.repairs
    }

    fn hit(&mut self, rule: Rule) {
        if let Some(count) = self.hits.get_mut(rule as usize) {
            *count += 1;
        }
    }

    /// For a recording: the generator and the next id.
    pub fn draws(&self) -> (Chance, u64) {
        (self.chance.clone(), self.next_id)
    }

    /// Goes on drawing where another stood.
    pub fn set_draws(&mut self, (chance, next_id): (Chance, u64)) {
        (self.chance, self.next_id) = (chance, next_id);
    }

    /// Ids of offers and engagements begin at the wall clock, so that one from before a restart is never met again.
    fn fresh_id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }

    fn agent(&self, agent: AgentId) -> Result<&Agent, Refused> {
        self.agents.get(&agent).ok_or_else(|| Refused::unknown("no_agent", format!("there is no {agent}")))
    }

    /// As people know him: a refusal is read by them.
    fn agent_name(&self, agent: AgentId) -> String {
        self.agents.get(&agent).map_or_else(|| agent.to_string(), |it| it.settings.key.clone())
    }

    fn queue_name(&self, queue: QueueId) -> String {
        self.queues.get(&queue).map_or_else(|| queue.to_string(), |it| it.rules.key.clone())
    }

    /// What the table says of an event for an agent's channel.
    fn step(&self, agent: AgentId, channel: Channel, event: Event) -> Step {
        match self.agents.get(&agent) {
            Some(agent) => table::step(agent.at_for(channel, event, &self.policies), event),
            None => Step::Late,
        }
    }

    /// The one way to change an agent: applies `change` and tells people what they see differently now. The lists of
    /// the queues follow when the turn is settled.
    fn change(&mut self, now: Now, agent: AgentId, actor: Actor, rule: Rule, change: impl FnOnce(&mut Agent)) {
        let at = self.at(now);
        let mut timed = false;
        let Some(it) = self.agents.get_mut(&agent) else { return };
        change(it);
        for channel in Channel::ALL {
            if !it.settings.channels.contains(&channel) {
                continue;
            }
            let new = it.view(channel);
            let state = it.on_mut(channel);
            if new == state.shown {
                continue;
            }
            let restarts = (new.status, &new.reason) != (state.shown.status, &state.shown.reason);
            let began = state.shown_since;
            if restarts {
                state.shown_since = at;
            }
            let old = std::mem::replace(&mut state.shown, new.clone());
            let since = state.shown_since;
            if restarts && channel == it.main_channel() {
                it.clock.count(old.status, old.reason.as_ref(), began, at);
                if let Some(from) = it.clock.span(began, at) {
                    let (status, reason) = (old.status, old.reason.clone());
                    self.outputs.push_back(Output::Span(StatusSpan { agent, status, reason, from, to: at }));
                }
                it.occupancy = it.clock.occupancy(new.status, at, at);
                timed = true;
            }
            let event = AgentEvent { agent, channel, actor, rule, old, new, at, since };
            self.outputs.push_back(Output::Agent(event));
        }
        if timed {
            self.watch_length(now, agent);
        }
        self.hit(rule);
        self.unsaved.agents.insert(agent);
        self.turn.check.insert(agent);
        self.turn.stale.insert(agent);
    }

    fn ban(&mut self, now: Now, agent: AgentId, secs: super::BanTime) {
        let Some(it) = self.agents.get_mut(&agent) else { return };
        match secs {
            super::BanTime::Secs(0) => {}
            super::BanTime::Secs(secs) => {
                let until = now.mono + seconds(secs);
                let longer = match it.ban {
                    None => true,
                    Some(Ban::Until(old)) => old < until,
                    Some(Ban::UntilManual) => false,
                };
                if longer {
                    it.ban = Some(Ban::Until(until));
                    self.timers.set(Timer::Ban(agent), until);
                }
            }
            super::BanTime::Word(super::UntilManual::UntilManual) => {
                it.ban = Some(Ban::UntilManual);
                self.timers.cancel(Timer::Ban(agent));
            }
        }
    }

    /// Rule 32.
    fn on_ban_over(&mut self, now: Now, agent: AgentId) {
        self.change(now, agent, Actor::System, Rule::BanOver, |agent| agent.ban = None);
    }

    fn on_not_before(&mut self, now: Now, agent: AgentId) {
        self.change(now, agent, Actor::System, Rule::BanOver, |agent| agent.not_before = None);
    }

    fn lift_bans(&mut self, agent: AgentId) {
        self.timers.cancel(Timer::Ban(agent));
        self.timers.cancel(Timer::NotBefore(agent));
        if let Some(agent) = self.agents.get_mut(&agent) {
            agent.ban = None;
            agent.not_before = None;
        }
    }
}

fn seconds(secs: u32) -> Duration {
    Duration::from_secs(secs.into())
}

fn millis(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}
