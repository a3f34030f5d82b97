//! Skills that a queue likes to see in an agent, and what they are worth to it (RT-03).

use std::{collections::BTreeSet, ops::RangeInclusive};

use super::{QueueSettings, Strategy};

/// What one level may be worth.
const WEIGHT: RangeInclusive<u32> = 1..=100;

/// Skills that one queue may weigh.
const PREFER_MAX: usize = 16;

/// What is wrong with `prefer`, where the centre's agents have these skills.
pub(super) fn faults(queue: &QueueSettings, skills: &BTreeSet<&String>) -> Vec<String> {
    let mut faults = Vec::new();
    if queue.prefer.is_empty() {
        return faults;
    }
    if queue.strategy != Strategy::SkillsBest {
        faults.push(String::from("only one strategy compares skills: set strategy = \"skills_best\""));
    }
    if queue.prefer.len() > PREFER_MAX {
        faults.push(format!("expected at most {PREFER_MAX} skills"));
    }
    for (skill, weight) in &queue.prefer {
        if !skills.contains(skill) {
            let known: Vec<&str> = skills.iter().take(PREFER_MAX).map(|skill| skill.as_str()).collect();
            let known = if known.is_empty() { String::from("none") } else { known.join(", ") };
            faults.push(format!("no agent has the skill `{skill}`; there are: {known}"));
        }
        if !WEIGHT.contains(weight) {
            faults.push(format!("{skill}: expected a weight from {} to {}", WEIGHT.start(), WEIGHT.end()));
        }
    }
    faults
}
