//! What can be seen to be wrong before anything is changed: refused whole, with the place and a hint.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use jiff::tz::TimeZone;

use super::{AgentSettings, DispositionRule, NextStatus, Onward, QueueSettings, Settings, fits, preferred, sense};
use crate::{
    acd::{Channel, Disposition, QUEUE_WAITING_MAX, Reason},
    base::{KEY_EXPECTED, is_key, way_round},
};

/// Levels of a skill.
const LEVEL_MAX: u8 = 10;

/// One thing wrong with the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The table, as a path of keys: `queues.support.members`.
    pub place: String,
    pub hint: String,
    /// A name that nothing has, and the names that there are.
    pub unknown: Option<(String, Vec<String>)>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place.escape_debug(), self.hint)
    }
}

impl Settings {
    /// Everything wrong with them; empty when they may be applied.
    pub fn check(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let agents: BTreeSet<&str> = self.agents.values().map(|agent| agent.key.as_str()).collect();
        let reasons: BTreeSet<&Reason> = self.reasons.iter().map(|reason| &reason.key).collect();
        unique("agents", self.agents.values().map(|agent| agent.key.as_str()), &mut faults);
        unique("queues", self.queues.values().map(|queue| queue.key.as_str()), &mut faults);
        unique("reasons", self.reasons.iter().map(|reason| reason.key.as_str()), &mut faults);
        for reason in &self.reasons {
            if reason.key.as_str().starts_with("system:") {
                fault(&mut faults, format!("reasons.{}", reason.key), "keys that begin with system: are taken");
            }
        }
        self.check_work(&mut faults);
        for agent in self.agents.values() {
            check_agent(agent, &mut faults);
        }
        for queue in self.queues.values() {
            check_queue(queue, &agents, &reasons, &mut faults);
        }
        self.check_who_is_left(&mut faults);
        self.check_sense(&mut faults);
        self.check_calendars(&mut faults);
        self.check_overflow(&mut faults);
        let voice = self.agents.values().map(|agent| &agent.capacity).chain([&self.policies.capacity]);
        if voice.filter_map(|capacity| capacity.get(&Channel::Voice)).any(|most| *most != 1) {
            fault(&mut faults, "policies.capacity".into(), "one call at a time: voice is always 1");
        }
        let none = |capacity: &BTreeMap<Channel, u32>| capacity.values().any(|most| *most == 0);
        if none(&self.policies.capacity) || self.agents.values().any(|agent| none(&agent.capacity)) {
            let hint = "0 would keep everybody from it: leave the channel out of the agent's channels";
            fault(&mut faults, "policies.capacity".into(), hint);
        }
        if self.policies.load.values().any(|load| *load > 100) {
            fault(&mut faults, "policies.load".into(), "expected 0 to 100 percent");
        }
        if TimeZone::get(&self.policies.time_zone).is_err() {
            let hint = format!("there is no time zone `{}`, such as Europe/Lisbon", self.policies.time_zone);
            fault(&mut faults, "policies.time_zone".into(), hint);
        }
        faults
    }
}

impl Settings {
    /// Rules that can't do what they say.
    fn check_sense(&self, faults: &mut Vec<Fault>) {
        for queue in self.queues.values() {
            for (key, hint) in sense::faults(queue) {
                fault(faults, format!("queues.{}.{key}", queue.key), hint);
            }
        }
        if self.policies.reason_required && self.reasons.is_empty() {
            let hint = "there is none to give, and nobody could be Not Ready: add [[reason]]";
            fault(faults, "policies.reason_required".into(), hint);
        }
    }

    fn check_work(&self, faults: &mut Vec<Fault>) {
        unique("dispositions", self.dispositions.iter().map(|it| it.key.as_str()), faults);
        unique("tags", self.tags.iter().map(|it| it.key.as_str()), faults);
        if self.dispositions.iter().any(|it| it.key.as_str() == Disposition::NONE) {
            fault(faults, "dispositions.none".into(), "this key is taken: it is recorded where none was chosen");
        }
        for queue in self.queues.values() {
            let place = || format!("queues.{}.dispositions", queue.key);
            let known = |key: &&Disposition| self.dispositions.iter().any(|it| it.key == **key);
            if let Some(gone) = queue.dispositions.iter().find(|key| !known(key)) {
                let known = self.dispositions.iter().map(|it| it.key.as_str());
                unknown(faults, place(), "there is no disposition", gone.as_str(), known);
            }
            if queue.disposition == DispositionRule::Required && self.dispositions.is_empty() {
                fault(faults, place(), "one is compulsory and there are none: add [[disposition]]");
            }
        }
    }

    /// Rules under which nobody could ever be asked.
    fn check_who_is_left(&self, faults: &mut Vec<Fault>) {
        let by_key: BTreeMap<&str, &AgentSettings> =
            self.agents.values().map(|agent| (agent.key.as_str(), agent)).collect();
        let skills: BTreeSet<&String> = self.agents.values().flat_map(|agent| agent.skills.keys()).collect();
        for queue in self.queues.values() {
            let place = |key: &str| format!("queues.{}.{key}", queue.key);
            let dropped = queue.rings.iter().flat_map(|ring| &ring.drop_skills);
            for gone in dropped.filter(|skill| !skills.contains(skill)) {
                let known = skills.iter().map(|skill| skill.as_str());
                unknown(faults, place("rings"), "drop_skills: no agent has the skill", gone, known);
            }
            for hint in preferred::faults(queue, &skills) {
                fault(faults, place("prefer"), hint);
            }
            for hint in fits::faults(queue, &by_key) {
                fault(faults, place("fits"), hint);
            }
            let lowest = queue.members.iter().map(|member| member.tier).min();
            if let (Some(lowest), Some(most)) = (lowest, queue.rings.last().and_then(|ring| ring.tier))
                && most < lowest
            {
                let hint = format!("the last ring ends at tier {most}, and every member stands in {lowest} or higher");
                fault(faults, place("rings"), hint);
            }
            let agents: Vec<_> = queue.members.iter().filter_map(|member| by_key.get(member.agent.as_str())).collect();
            if !agents.is_empty() && agents.iter().all(|agent| !agent.channels.contains(&queue.channel)) {
                fault(faults, place("channel"), "no member has this channel among his `channels`");
            }
        }
    }

    fn check_calendars(&self, faults: &mut Vec<Fault>) {
        unique("calendars", self.calendars.iter().map(|calendar| calendar.key.as_str()), faults);
        for calendar in &self.calendars {
            for (key, hint) in calendar.faults() {
                fault(faults, format!("calendars.{}.{key}", calendar.key), hint);
            }
        }
        let hours = self.queues.values().map(|queue| (format!("queues.{}.hours", queue.key), &queue.hours));
        let shifts = self.agents.values().map(|agent| (format!("agents.{}.shifts", agent.key), &agent.shifts));
        for (place, named) in hours.chain(shifts) {
            if let Some(named) = named
                && self.calendars.iter().all(|calendar| calendar.key != *named)
            {
                let known = self.calendars.iter().map(|calendar| calendar.key.as_str());
                unknown(faults, place, "there is no calendar", named, known);
            }
        }
    }

    /// Chains lead to queues that there are, and never back.
    fn check_overflow(&self, faults: &mut Vec<Fault>) {
        let next: BTreeMap<&str, Vec<&str>> =
            self.queues.values().map(|queue| (queue.key.as_str(), queues_of(queue.overflow.iter()))).collect();
        for queue in self.queues.values() {
            let place = |key: &str| format!("queues.{}.{key}", queue.key);
            for (key, to) in
                [("overflow", queues_of(queue.overflow.iter())), ("exit_keys", queues_of(queue.exit_keys.values()))]
            {
                for gone in to.iter().filter(|to| !next.contains_key(**to)) {
                    unknown(faults, place(key), "there is no queue", gone, next.keys().copied());
                }
            }
            if queue.overflow.iter().collect::<BTreeSet<_>>().len() < queue.overflow.len() {
                fault(faults, place("overflow"), "one destination is there twice");
            }
            if queue.overflow.iter().rev().skip(1).any(|to| matches!(to, Onward::HangUp | Onward::Clip(_))) {
                fault(faults, place("overflow"), "a clip or a hang-up ends the chain: put it last");
            }
            if let Some(path) = way_round(queue.key.as_str(), |at| next.get(at).into_iter().flatten().copied()) {
                fault(faults, place("overflow"), format!("it loops: {}", path.join(" → ")));
            }
        }
    }
}

fn queues_of<'a>(onward: impl Iterator<Item = &'a Onward>) -> Vec<&'a str> {
    let queue = |to: &'a Onward| match to {
        Onward::Queue(key) => Some(&**key),
        Onward::User(_) | Onward::Group(_) | Onward::Number(_) | Onward::Menu(_) | Onward::Clip(_) | Onward::HangUp => {
            None
        }
    };
    onward.filter_map(queue).collect()
}

fn fault(faults: &mut Vec<Fault>, place: String, hint: impl Into<String>) {
    faults.push(Fault { place, hint: hint.into(), unknown: None });
}

fn unknown<'a>(faults: &mut Vec<Fault>, place: String, what: &str, name: &str, known: impl Iterator<Item = &'a str>) {
    let unknown = Some((name.to_owned(), known.map(str::to_owned).collect()));
    faults.push(Fault { place, hint: format!("{what} `{name}`"), unknown });
}

fn unique<'a>(table: &str, keys: impl Iterator<Item = &'a str>, faults: &mut Vec<Fault>) {
    let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
    for key in keys {
        *seen.entry(key).or_default() += 1;
    }
    for (key, count) in seen {
        if key.is_empty() {
            fault(faults, table.into(), "each needs a key, such as key = \"ana\"");
        } else if !is_key(key) && !key.starts_with("system:") {
            fault(faults, format!("{table}.{key}"), format!("a key has {KEY_EXPECTED}"));
        } else if count > 1 {
            fault(faults, format!("{table}.{key}"), "this key is used twice");
        }
    }
}

fn check_agent(agent: &AgentSettings, faults: &mut Vec<Fault>) {
    for (skill, level) in &agent.skills {
        if !(1..=LEVEL_MAX).contains(level) {
            fault(faults, format!("agents.{}.skills.{skill}", agent.key), "expected a level from 1 to 10");
        }
    }
}

fn check_queue(queue: &QueueSettings, agents: &BTreeSet<&str>, reasons: &BTreeSet<&Reason>, faults: &mut Vec<Fault>) {
    let place = |key: &str| format!("queues.{}.{key}", queue.key);
    let mut seen = BTreeSet::new();
    for member in &queue.members {
        if !agents.contains(member.agent.as_str()) {
            fault(faults, place("members"), format!("there is no agent `{}`", member.agent));
        } else if !seen.insert(member.agent.as_str()) {
            fault(faults, place("members"), format!("`{}` is there twice", member.agent));
        }
    }
    if !queue.time_zone.is_empty() && TimeZone::get(&queue.time_zone).is_err() {
        let hint = format!("there is no time zone `{}`, such as Europe/Lisbon", queue.time_zone);
        fault(faults, place("time_zone"), hint);
    }
    if queue.ring_secs == 0 {
        fault(faults, place("ring_secs"), "expected at least 1 second");
    }
    if !(1..=QUEUE_WAITING_MAX).contains(&queue.max_waiting) {
        fault(faults, place("max_waiting"), format!("expected 1 to {QUEUE_WAITING_MAX}"));
    }
    if let NextStatus::NotReady(reason) = &queue.next_status
        && !reasons.contains(reason)
    {
        let known = reasons.iter().map(|known| known.as_str());
        unknown(faults, place("next_status"), "there is no reason", reason.as_str(), known);
    }
    if queue.ewt_round_secs == 0 {
        fault(faults, place("ewt_round_secs"), "expected at least 1 second");
    }
    for (key, hint) in queue.announce.faults() {
        fault(faults, place(&format!("announce.{key}")), hint);
    }
    for (key, hint) in queue.decision.iter().flat_map(|decision| decision.faults()) {
        fault(faults, place(&format!("decision.{key}")), hint);
    }
    let is_key = |text: &str| matches!(text.as_bytes(), [b'0'..=b'9' | b'*' | b'#' | b'A'..=b'D']);
    if let Some(key) = queue.exit_keys.keys().find(|key| !is_key(key)) {
        fault(faults, place("exit_keys"), format!("`{key}` is not a key of a telephone"));
    }
    if queue.rings.windows(2).any(|pair| matches!(pair, [a, b] if a.after_secs >= b.after_secs)) {
        fault(faults, place("rings"), "expected rising after_secs");
    }
}
