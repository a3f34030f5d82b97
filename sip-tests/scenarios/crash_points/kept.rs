//! What a crash must leave as it was.

use std::collections::BTreeMap;

use strowger::{
    acd::{AgentSnapshot, MemberState, Pending, Reason, Snapshot, Status, WaitingSnapshot},
    base::InteractionId,
};

use super::SALES;
use crate::sim::World;

/// What the journal has written surely; what is younger was perhaps told to nobody.
const WRITTEN_MS: i64 = 1_000;

/// How often each thing was found as it was left.
pub type Kept = BTreeMap<&'static str, u32>;

/// What was so when the process died.
pub struct Before(Snapshot);

impl Before {
    pub fn new(world: &World) -> Self {
        Self(world.snapshot().acd)
    }
}

pub fn count(kept: &mut Kept, what: &'static str, found: bool) {
    *kept.entry(what).or_default() += u32::from(found);
}

/// What he chose waits for the end of what he does.
pub fn waits_for(view: &AgentSnapshot, reason: Option<&Reason>) -> bool {
    matches!(&view.pending, Some(Pending::NotReady { reason: waits }) if waits.as_ref() == reason)
}

/// Everything that was acknowledged before is so after: what nobody but people changes exactly, what the clock or a call may
/// have changed since, where it is the same still.
pub fn compare(crash: u32, Before(before): &Before, after: &Snapshot, kept: &mut Kept) {
    for (was, is) in before.agents.iter().zip(&after.agents) {
        let place = format!("crash {crash}: {}", was.name);
        assert_eq!((was.dnd, was.locked), (is.dnd, is.locked), "{place}");
        // A queue that goes is forgotten with the last call of it, which may have died.
        let goes_on = |it: &&strowger::acd::MemberSnapshot| after.queues.iter().any(|queue| queue.queue == it.queue);
        let places = |of: &AgentSnapshot| of.queues.iter().filter(goes_on).cloned().collect::<Vec<_>>();
        assert_eq!(places(was), places(is), "{place}");
        count(kept, "pauses with reasons", is.queues.iter().any(|it| it.state != MemberState::Active));
        count(kept, "temporary memberships", is.queues.iter().any(|it| it.temporary));
        count(kept, "not to be disturbed", is.dnd);
        count(kept, "locked by a supervisor", is.locked);
        count(kept, "pending for the end of a call", was.pending.is_some() && was.pending == is.pending);
        compare_status((was, is), before.at.0 - was.since.0 > WRITTEN_MS, &place, kept);
    }
    compare_lines(crash, before, after, kept);
}

fn compare_status((was, is): (&AgentSnapshot, &AgentSnapshot), old: bool, place: &str, kept: &mut Kept) {
    if !old || (was.status, &was.reason) != (is.status, &is.reason) {
        return;
    }
    let name = match was.status {
        Status::NotReady => "not ready, reason and since",
        Status::Dnd => "do not disturb, since",
        Status::Banned => "banned, until",
        Status::WrapUp => "wrap-up left",
        Status::Busy => "busy, since",
        Status::Offline | Status::Ringing | Status::Dialing | Status::Ready => return,
    };
    assert_eq!(was.since, is.since, "{place} is {:?}", was.status);
    // The end is kept by the steady clock, which begins anew: to the millisecond.
    let ends = was.until.zip(is.until).map(|(was, is)| (was.0 - is.0).abs());
    assert!(was.until.is_some() == is.until.is_some() && ends.is_none_or(|off| off <= 1), "{place}: {ends:?}");
    count(kept, name, true);
}

fn compare_lines(crash: u32, before: &Snapshot, after: &Snapshot, kept: &mut Kept) {
    let waiting = |snapshot: &Snapshot| -> BTreeMap<InteractionId, WaitingSnapshot> {
        let lines = snapshot.queues.iter().flat_map(|queue| queue.waiting.clone());
        lines.map(|it| (it.interaction, it)).collect()
    };
    let (was, is) = (waiting(before), waiting(after));
    let both: Vec<_> = was.values().filter_map(|was| Some((was, is.get(&was.interaction)?))).collect();
    for (was, is) in &both {
        assert_eq!((was.priority, was.arrived), (is.priority, is.arrived), "crash {crash}: {}", was.interaction);
    }
    for (line, queue) in after.queues.iter().filter_map(|line| {
        let queue = before.queues.iter().find(|queue| queue.queue == line.queue)?;
        Some((line, queue))
    }) {
        let places =
            |line: &strowger::acd::QueueSnapshot| line.waiting.iter().map(|it| it.interaction).collect::<Vec<_>>();
        let (were, are) = (places(queue), places(line));
        let stayed: Vec<_> = were.iter().filter(|it| are.contains(it)).collect();
        let stay: Vec<_> = are.iter().filter(|it| were.contains(it)).collect();
        assert_eq!(stayed, stay, "crash {crash}: the order in {}", line.key);
        count(kept, "waits in a queue that goes", line.queue == SALES && !line.open && !stay.is_empty());
    }
    count(kept, "priorities", both.iter().any(|(was, _)| was.priority > 0));
    count(kept, "places in line", both.len() > 1);
}
