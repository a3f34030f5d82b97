//! A scenario: queues as in a centre's file, agents with shifts and breaks, calls with their curves.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::{
    acd::{
        AgentSettings, ClockTime, DevicePresence, MemberSettings, NeededSkill, Policies, QueueSettings, ReasonSettings,
        Settings,
    },
    base::{AgentId, Chance, QueueId},
};

/// Agents of one scenario.
pub const AGENTS_MAX: u32 = 20_000;

/// Calls of one stream in an hour.
const PER_HOUR_MAX: f64 = 1_000_000.0;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    #[serde(default = "one")]
    pub seed: u64,
    pub from: ClockTime,
    pub to: ClockTime,
    #[serde(default = "half_an_hour")]
    pub interval_mins: u32,
    #[serde(default)]
    pub policies: Policies,
    #[serde(rename = "queue")]
    pub queues: Vec<QueueSettings>,
    #[serde(rename = "agents")]
    pub groups: Vec<AgentGroup>,
    #[serde(rename = "calls")]
    pub streams: Vec<CallStream>,
}

/// So many agents who are alike.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentGroup {
    pub key: String,
    pub count: u32,
    /// Whom they work for; `{ queue = "sales", tier = 1 }` for a tier.
    pub queues: Vec<Place>,
    #[serde(default)]
    pub skills: BTreeMap<String, u8>,
    /// All day when there is none.
    #[serde(default)]
    pub shifts: Vec<Span>,
    #[serde(default)]
    pub breaks: Vec<Span>,
    /// From the first ring to the answer.
    #[serde(default)]
    pub answer: Length,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Place {
    Key(String),
    Tiered { queue: String, tier: u16 },
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Span {
    pub from: ClockTime,
    pub to: ClockTime,
}

/// Calls of one kind.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallStream {
    pub queue: String,
    /// The rate from each time on, in order.
    pub arrivals: Vec<Arrivals>,
    pub talk: Length,
    /// How long the agent wraps up by his own choice; the queue's `acw_secs` is the limit.
    #[serde(default)]
    pub wrap_up: Length,
    /// How long a caller waits before he gives up; for ever when left out.
    pub patience: Option<Length>,
    #[serde(default)]
    pub skills: Vec<NeededSkill>,
    #[serde(default)]
    pub priority: i32,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arrivals {
    pub from: ClockTime,
    pub per_hour: f64,
}

/// How long something takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Length {
    /// No time at all.
    #[default]
    None,
    /// Always so many seconds.
    Constant(f64),
    /// With this mean.
    Exponential(f64),
    /// With this mean and standard deviation.
    LogNormal {
        mean: f64,
        deviation: f64,
    },
    Uniform {
        from: f64,
        to: f64,
    },
}

const fn one() -> u64 {
    1
}

const fn half_an_hour() -> u32 {
    30
}

impl Length {
    pub fn draw(self, chance: &mut Chance) -> f64 {
        let above_zero = |chance: &mut Chance| 1.0 - chance.unit();
        match self {
            Self::None => 0.0,
            Self::Constant(secs) => secs,
            Self::Exponential(mean) => -above_zero(chance).ln() * mean,
            Self::LogNormal { mean, deviation } => {
                let spread = (1.0 + (deviation / mean).powi(2)).ln();
                let (radius, angle) = ((-2.0 * above_zero(chance).ln()).sqrt(), std::f64::consts::TAU * chance.unit());
                (mean.ln() - spread / 2.0 + spread.sqrt() * radius * angle.cos()).exp()
            }
            Self::Uniform { from, to } => from + (to - from) * chance.unit(),
        }
    }

    fn is_sound(self) -> bool {
        let good = |secs: f64| secs.is_finite() && (0.0..=86_400.0).contains(&secs);
        match self {
            Self::None => true,
            Self::Constant(secs) | Self::Exponential(secs) => good(secs),
            Self::LogNormal { mean, deviation } => good(mean) && mean > 0.0 && good(deviation),
            Self::Uniform { from, to } => good(from) && good(to) && from <= to,
        }
    }
}

impl Scenario {
    /// Reads and checks it; what is wrong is said with the place.
    pub fn read(text: &str) -> Result<Self, String> {
        let scenario: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        let faults = scenario.faults();
        if faults.is_empty() { Ok(scenario) } else { Err(faults.join("\n")) }
    }

    /// Everything wrong with it, in words.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let queues: BTreeSet<&str> = self.queues.iter().map(|queue| queue.key.as_str()).collect();
        if self.from >= self.to {
            faults.push(format!("to: expected a time after {}", self.from));
        }
        if !(1..=1_440).contains(&self.interval_mins) {
            faults.push(String::from("interval_mins: expected 1 to 1440"));
        }
        if self.groups.iter().map(|group| u64::from(group.count)).sum::<u64>() > u64::from(AGENTS_MAX) {
            faults.push(format!("agents: expected {AGENTS_MAX} at most, all groups together"));
        }
        for group in &self.groups {
            let place = format!("agents \"{}\"", group.key);
            for queue in group.queues.iter().map(Place::queue).filter(|queue| !queues.contains(queue)) {
                faults.push(format!("{place}: queues: there is no queue \"{queue}\""));
            }
            if group.shifts.iter().chain(&group.breaks).any(|span| span.from >= span.to) {
                faults.push(format!("{place}: expected shifts and breaks that end after they begin"));
            }
            if !group.answer.is_sound() {
                faults.push(format!("{place}: answer: expected seconds from 0 to 86400"));
            }
        }
        for (stream, number) in self.streams.iter().zip(1..) {
            let place = format!("calls {number}");
            if !queues.contains(stream.queue.as_str()) {
                faults.push(format!("{place}: queue: there is no queue \"{}\"", stream.queue));
            }
            if stream.arrivals.is_empty() || !stream.arrivals.is_sorted_by(|a, b| a.from < b.from) {
                faults.push(format!("{place}: arrivals: expected at least one, with rising times"));
            }
            if stream.arrivals.iter().any(|it| !(0.0..=PER_HOUR_MAX).contains(&it.per_hour)) {
                faults.push(format!("{place}: per_hour: expected 0 to {PER_HOUR_MAX}"));
            }
            let lengths = [Some(stream.talk), Some(stream.wrap_up), stream.patience];
            if lengths.into_iter().flatten().any(|length| !length.is_sound()) {
                faults.push(format!("{place}: talk, wrap_up, patience: expected seconds from 0 to 86400"));
            }
        }
        faults.extend(self.settings().check().iter().map(ToString::to_string));
        faults
    }

    /// The centre as the distributor knows it. Queues are numbered from 1 in their order, agents too.
    pub fn settings(&self) -> Settings {
        let mut settings = Settings { policies: self.policies.clone(), ..Settings::default() };
        settings.policies.device_presence = DevicePresence::Ready;
        settings.reasons.push(ReasonSettings::new(BREAK));
        for (queue, id) in self.queues.iter().zip(1..) {
            settings.queues.insert(QueueId(id), QueueSettings { members: Vec::new(), ..queue.clone() });
        }
        let mut id = 0;
        for group in &self.groups {
            for number in 1..=group.count.min(AGENTS_MAX) {
                id += 1;
                let key = format!("{}-{number}", group.key);
                for place in &group.queues {
                    let queue = settings.queues.values_mut().find(|queue| queue.key == place.queue());
                    let member = MemberSettings { tier: place.tier(), ..MemberSettings::new(&key) };
                    queue.into_iter().for_each(|queue| queue.members.push(member.clone()));
                }
                let agent = AgentSettings { key, skills: group.skills.clone(), ..AgentSettings::default() };
                settings.agents.insert(AgentId(id), agent);
            }
        }
        settings
    }
}

/// Why agents are away in a break.
pub const BREAK: &str = "break";

impl Place {
    pub fn queue(&self) -> &str {
        match self {
            Self::Key(queue) | Self::Tiered { queue, .. } => queue,
        }
    }

    fn tier(&self) -> u16 {
        match self {
            Self::Key(_) => 0,
            Self::Tiered { tier, .. } => *tier,
        }
    }
}
