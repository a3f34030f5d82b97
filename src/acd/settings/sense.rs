//! What a queue is told that it could never do.

use super::{QueueSettings, Ring};

/// Its rules that can't do what they say, by their keys.
pub(super) fn faults(queue: &QueueSettings) -> Vec<(&'static str, String)> {
    let mut faults = Vec::new();
    if let Some((wide, narrow)) =
        queue.rings.iter().zip(queue.rings.iter().skip(1)).find(|(one, next)| narrows(one, next))
    {
        let before = wide.tier.map_or_else(|| "all tiers".to_owned(), |tier| format!("tiers up to {tier}"));
        let hint = format!(
            "the circle grows narrower after {} seconds: from {before} to those up to {}",
            narrow.after_secs,
            narrow.tier.unwrap_or_default()
        );
        faults.push(("rings", hint));
    }
    if queue.leave_when.is_empty() {
        for (key, secs) in
            [("leave_after_secs", queue.leave_after_secs), ("leave_min_wait_secs", queue.leave_min_wait_secs)]
        {
            if secs > 0 {
                faults.push((key, String::from("it delays leave_when, and that is not given")));
            }
        }
    } else if (1..=queue.leave_min_wait_secs).contains(&queue.max_wait_secs) {
        let hint = format!("nobody waits so long: max_wait_secs = {} comes first", queue.max_wait_secs);
        faults.push(("leave_min_wait_secs", hint));
    }
    if queue.last_agent.secs > 0 && queue.last_agent.days == 0 {
        faults.push(("last_agent", String::from("with days = 0 nobody is remembered: expected at least 1 day")));
    }
    faults
}

/// The next ring lets fewer have a call than the one before. Without a tier it is open to all.
fn narrows(one: &Ring, next: &Ring) -> bool {
    match (one.tier, next.tier) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(one), Some(next)) => next < one,
    }
}
