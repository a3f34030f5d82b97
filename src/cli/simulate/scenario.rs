//! A scenario: queues as in a centre's file, agents with shifts and breaks, calls with their curves.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::place::{Fault, Step, line};
use crate::{
    acd::{
        AgentSettings, ClockTime, DevicePresence, MemberSettings, Policies, QueueSettings, ReasonSettings, Settings,
    },
    base::{AgentId, Chance, QueueId},
};

/// Agents of one scenario.
pub const AGENTS_MAX: u32 = 20_000;

/// What a length of time must be.
const SOUND: &str = "expected seconds from 0 to 86400";

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
    /// What an agent needs for it, and how much of it.
    #[serde(default)]
    pub skills: BTreeMap<String, u8>,
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
    /// Reads and checks it; what is wrong is said with its line.
    pub fn read(file: &str, text: &str) -> Result<Self, String> {
        let wrong = |error: toml::de::Error| {
            let at = line(text, error.span().map_or(0, |span| span.start));
            format!("{file}:{at}: {}", error.message())
        };
        let scenario: Self = toml::from_str(text).map_err(wrong)?;
        scenario.check(file, text)?;
        Ok(scenario)
    }

    /// Everything wrong with it, each with its line in the text that it was read from.
    pub fn check(&self, file: &str, text: &str) -> Result<(), String> {
        let faults: Vec<_> = self.faults().iter().map(|fault| fault.told(file, text)).collect();
        if faults.is_empty() { Ok(()) } else { Err(faults.join("\n")) }
    }

    fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut whole = |key: &str, problem: String| {
            faults.push(Fault { way: vec![Step::Key(key.into())], problem, hint: None });
        };
        if self.from >= self.to {
            whole("to", format!("to: expected a time after {}", self.from));
        }
        if !(1..=1_440).contains(&self.interval_mins) {
            whole("interval_mins", String::from("interval_mins: expected 1 to 1440"));
        }
        if self.groups.iter().map(|group| u64::from(group.count)).sum::<u64>() > u64::from(AGENTS_MAX) {
            whole("agents", format!("agents: expected {AGENTS_MAX} at most, all groups together"));
        }
        for (queue, number) in self.queues.iter().zip(0..).filter(|(queue, _)| queue.decision.is_some()) {
            let problem = format!("queue \"{}\": a program decides here, and a scenario has none to ask", queue.key);
            let fault = Fault::of_entry("queue", number, "decision", problem);
            faults.push(fault.hint("leave [queue.decision] out: the day is then as when the program gives no answer"));
        }
        for (group, number) in self.groups.iter().zip(0..) {
            self.check_group(group, number, &mut faults);
        }
        for (stream, number) in self.streams.iter().zip(0..) {
            self.check_stream(stream, number, &mut faults);
        }
        if faults.is_empty() {
            // With as many agents as nobody plans with, the rest would take its time.
            faults.extend(self.settings().check().into_iter().map(|fault| self.as_written(&fault)));
        }
        faults
    }

    fn check_group(&self, group: &AgentGroup, number: usize, faults: &mut Vec<Fault>) {
        let mut fault = |key: &str, problem: String| {
            faults.push(Fault::of_entry("agents", number, key, format!("agents \"{}\": {problem}", group.key)));
        };
        if self.groups.iter().take(number).any(|other| other.key == group.key) {
            fault("key", String::from("there is such a group already"));
        }
        for queue in group.queues.iter().map(Place::queue).filter(|queue| !self.has_queue(queue)) {
            fault("queues", self.no_queue("queues", queue));
        }
        for (key, spans) in [("shifts", &group.shifts), ("breaks", &group.breaks)] {
            if spans.iter().any(|span| span.from >= span.to) {
                fault(key, format!("{key}: expected an end after the beginning"));
            }
        }
        if !group.answer.is_sound() {
            fault("answer", format!("answer: {SOUND}"));
        }
    }

    fn check_stream(&self, stream: &CallStream, number: usize, faults: &mut Vec<Fault>) {
        let mut fault = |key: &str, problem: String| {
            faults.push(Fault::of_entry("calls", number, key, format!("calls {}: {problem}", number + 1)));
        };
        if !self.has_queue(&stream.queue) {
            fault("queue", self.no_queue("queue", &stream.queue));
        }
        if stream.arrivals.is_empty() || !stream.arrivals.is_sorted_by(|a, b| a.from < b.from) {
            fault("arrivals", String::from("arrivals: expected at least one, with rising times"));
        }
        if stream.arrivals.iter().any(|it| !(0.0..=PER_HOUR_MAX).contains(&it.per_hour)) {
            fault("arrivals", format!("per_hour: expected 0 to {PER_HOUR_MAX}"));
        }
        let lengths = [("talk", Some(stream.talk)), ("wrap_up", Some(stream.wrap_up)), ("patience", stream.patience)];
        for (key, length) in lengths {
            if length.is_some_and(|length| !length.is_sound()) {
                fault(key, format!("{key}: {SOUND}"));
            }
        }
        for (skill, level) in
            stream.skills.iter().filter(|(skill, level)| !self.has_skill(&stream.queue, skill, **level))
        {
            let known: BTreeSet<&str> =
                self.groups.iter().flat_map(|group| group.skills.keys().map(String::as_str)).collect();
            let known = if known.is_empty() { "none".into() } else { known.into_iter().collect::<Vec<_>>().join(", ") };
            let problem = format!("skills: nobody of queue \"{}\" has {skill} at {level} or more", stream.queue);
            let fault = Fault::of_entry("calls", number, "skills", format!("calls {}: {problem}", number + 1));
            faults.push(fault.hint(format!("skills of agents are: {known}; or a ring of the queue drops it")));
        }
    }

    fn has_queue(&self, key: &str) -> bool {
        self.queues.iter().any(|queue| queue.key == key)
    }

    fn no_queue(&self, key: &str, name: &str) -> String {
        let known = self.queues.iter().map(|queue| queue.key.as_str()).collect::<Vec<_>>().join(", ");
        format!("{key}: there is no queue \"{name}\"; there are {known}")
    }

    /// Somebody of the queue has it, or it is needed no more after a while.
    fn has_skill(&self, queue: &str, skill: &str, level: u8) -> bool {
        let mut rings = self.queues.iter().filter(|it| it.key == queue).flat_map(|it| &it.rings);
        let mut groups = self.groups.iter().filter(|group| group.queues.iter().any(|place| place.queue() == queue));
        rings.any(|ring| ring.drop_skills.contains(skill))
            || groups.any(|group| group.skills.get(skill).is_some_and(|has| *has >= level))
    }

    /// What the distributor refuses, where the scenario has it: its `queues.support.rings` is a key of a `[[queue]]`.
    fn as_written(&self, fault: &crate::acd::Fault) -> Fault {
        let parts: Vec<&str> = fault.place.split('.').collect();
        let entry = match parts.as_slice() {
            ["queues", key, ..] => self.queues.iter().position(|queue| queue.key == *key).map(|at| ("queue", at)),
            ["agents", key, ..] => {
                let group = key.rsplit_once('-').map_or(*key, |(group, _)| group);
                self.groups.iter().position(|it| it.key == group).map(|at| ("agents", at))
            }
            _ => None,
        };
        let mut way: Vec<Step> = match entry {
            Some((list, at)) => vec![Step::Key(list.into()), Step::Item(at)],
            None => parts.first().map(|part| Step::Key((*part).into())).into_iter().collect(),
        };
        way.extend(parts.iter().skip(if entry.is_some() { 2 } else { 1 }).map(|part| Step::Key((*part).into())));
        Fault { way, problem: fault.to_string(), hint: None }
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
