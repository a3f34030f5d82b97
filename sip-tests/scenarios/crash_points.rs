//! A day on which the process dies a thousand times, at drawn moments, with its journal torn anywhere.

use std::collections::BTreeMap;

use strowger::{
    acd::{
        AgentSnapshot, BanTime, Extend, Extension, MemberState, Pending, QueueSettings, Reason, Selection, Snapshot,
        Status, WaitingSnapshot,
    },
    base::{AgentId, Chance, InteractionId, QueueId, Wall},
    engine::{Actor, CallStage, Request},
};

use super::SUPPORT_NUMBER;
use crate::sim::{Agent, Call, HoldForm, World, millis, secs};

const CRASHES: u32 = 1_000;

/// The journal is replaced by a checkpoint once in so many lives.
const COMPACT_EVERY: u32 = 25;

/// A queue that nobody is assigned to: who works for it does so for the time being.
const SALES: QueueId = QueueId(9);

/// What the journal has written surely; what is younger was perhaps told to nobody.
const WRITTEN_MS: i64 = 1_000;

/// What people asked for and were told is done.
fn asks_for_something(world: &World, chance: &mut Chance, agent: AgentId) {
    let reasons = ["lunch", "meeting", "paperwork"];
    let reason = Reason::new(reasons[usize::try_from(chance.below(3)).unwrap()]);
    let queue = [Some(QueueId(1)), Some(SALES), None][usize::try_from(chance.below(3)).unwrap()];
    let waiting = world.snapshot().acd.queues.iter().find_map(|queue| Some(queue.waiting.last()?.interaction));
    let priority = i32::try_from(chance.below(5)).unwrap();
    let request = match (chance.below(16), waiting) {
        (0, _) => Request::Pause { agent, queue, reason: Some(reason) },
        (1..=3, _) => Request::Resume { agent, queue },
        (4, _) => Request::Dnd { agent, on: true },
        (5..=7, _) => Request::Dnd { agent, on: false },
        (8, _) => Request::LogIn { agent, queue: SALES },
        (9, _) => Request::LogOut { agent, queue: Some(SALES), now: true },
        (10, _) => Request::ExtendWrapUp { agent, engagement: None, by: Extension::Step },
        (11 | 12, _) => {
            let offers = world.snapshot().acd.agents.into_iter().flat_map(|it| it.offers.into_iter().zip([it.agent]));
            let Some((offer, agent)) = offers.into_iter().next() else { return };
            let offer = offer.offer;
            let _ = world.asks(Actor::Agent(agent), Request::Decline { agent, offer });
            return;
        }
        (_, Some(interaction)) => Request::SetPriority { interaction, priority },
        (_, None) => return,
    };
    // What is refused changes nothing.
    let _ = world.asks(Actor::Api, request);
}

/// How often each thing was found as it was left.
type Kept = BTreeMap<&'static str, u32>;

/// Everything that was acknowledged before is so after: what nobody but people changes exactly, what the clock or a call may
/// have changed since, where it is the same still.
fn compare(crash: u32, (before, died): (&Snapshot, Wall), after: &Snapshot, kept: &mut Kept) {
    let lasts = |status| {
        matches!(
            status,
            Status::NotReady | Status::Dnd | Status::Banned | Status::WrapUp | Status::Busy | Status::Offline
        )
    };
    for (was, is) in before.agents.iter().zip(&after.agents) {
        let place = format!("crash {crash}: {}", was.name);
        assert_eq!((was.dnd, was.locked), (is.dnd, is.locked), "{place}");
        assert_eq!(was.queues, is.queues, "{place}");
        count(kept, "pauses with reasons", was.queues.iter().any(|it| it.state != is_active()));
        count(kept, "temporary memberships", was.queues.iter().any(|it| it.temporary));
        count(kept, "not to be disturbed", was.dnd);
        let old = died.0 - was.since.0 > WRITTEN_MS;
        if old && lasts(was.status) && (was.status, &was.reason) == (is.status, &is.reason) {
            assert_eq!(was.since, is.since, "{place} is {:?}", was.status);
            // The end is kept by the steady clock, which begins anew: to the millisecond.
            let ends = was.until.zip(is.until).map(|(was, is)| (was.0 - is.0).abs());
            assert!(was.until.is_some() == is.until.is_some() && ends.is_none_or(|off| off <= 1), "{place}: {ends:?}");
            let name = status_name(was);
            count(kept, name, true);
        }
    }
    let waiting = |snapshot: &Snapshot| -> BTreeMap<InteractionId, WaitingSnapshot> {
        let lines = snapshot.queues.iter().flat_map(|queue| queue.waiting.clone());
        lines.map(|it| (it.interaction, it)).collect()
    };
    let (was, is) = (waiting(before), waiting(after));
    let both: Vec<_> = was.values().filter_map(|was| Some((was, is.get(&was.interaction)?))).collect();
    for (was, is) in &both {
        assert_eq!((was.priority, was.arrived), (is.priority, is.arrived), "crash {crash}: {}", was.interaction);
    }
    let mut order = both.clone();
    order.sort_by_key(|(was, _)| was.position);
    assert!(order.is_sorted_by_key(|(_, is)| is.position), "crash {crash}: {both:#?}");
    count(kept, "priorities", both.iter().any(|(was, _)| was.priority > 0));
    count(kept, "places in line", both.len() > 1);
}

fn is_active() -> MemberState {
    MemberState::Active
}

fn status_name(agent: &AgentSnapshot) -> &'static str {
    match agent.status {
        Status::NotReady => "not ready, reason and since",
        Status::Dnd => "do not disturb, since",
        Status::Banned => "banned, until",
        Status::WrapUp => "wrap-up left",
        Status::Busy => "busy, since",
        Status::Offline | Status::Ringing | Status::Dialing | Status::Ready => "others",
    }
}

fn count(kept: &mut Kept, what: &'static str, found: bool) {
    *kept.entry(what).or_default() += u32::from(found);
}

/// Nobody is busy without a call, no call is without people, and what was acknowledged stands.
fn holds_together(world: &World, crash: u32, agents: &[(Agent, Option<Selection>)]) {
    world.judges();
    let snapshot = world.snapshot();
    for (agent, chose) in agents {
        let view = agent.view();
        if view.status == Status::Busy {
            let has_call = snapshot.calls.iter().any(|call| {
                call.agent == Some(agent.id) || call.legs.iter().any(|leg| leg.address.reveal().contains(&agent.name()))
            });
            assert!(has_call, "crash {crash}: {} is busy without a call: {:#?}", agent.name(), snapshot.calls);
        }
        if let Some(Selection::NotReady { reason }) = chose {
            let pending = matches!(&view.pending, Some(Pending::NotReady { reason: waits }) if waits == reason);
            let chosen = view.selection.reason() == reason.as_ref();
            assert!(pending || chosen, "crash {crash}: {} chose {reason:?}: {view:#?}", agent.name());
        }
    }
    let held: Vec<_> = snapshot.acd.queues.iter().flat_map(|queue| &queue.waiting).map(|it| it.interaction).collect();
    for call in &snapshot.calls {
        assert!(!call.legs.is_empty(), "crash {crash}: nobody is in {call:#?}");
    }
    for interaction in held {
        let owner = snapshot.calls.iter().any(|call| call.interaction == Some(interaction));
        assert!(owner, "crash {crash}: {interaction} waits without a call");
    }
}

/// OP-01, OP-02, P10: whenever the process dies, what was acknowledged is kept, nobody is busy without a call, and no call
/// is left without its people; at the end of the day all have gone home.
#[test]
fn a_thousand_crashes_leave_nothing_behind() {
    let seed = 9_000;
    println!("seed {seed}");
    let world = World::seed(seed).over_a_day();
    let mut chance = world.chance();
    world.queue_has(|queue| {
        (queue.acw_secs, queue.reject_secs) = (4, BanTime::Secs(15));
        queue.acw_extend = Extend::by(3, 2);
    });
    world.centre_has(|centre| {
        let sales = QueueSettings { key: "sales".into(), ..QueueSettings::default() };
        centre.acd.queues.insert(SALES, sales);
    });
    let mut kept = Kept::new();
    let mut agents: Vec<(Agent, Option<Selection>)> =
        ["ana", "bia", "eva", "rui", "gil", "zita"].into_iter().map(|name| (world.agent(name).ready(), None)).collect();
    for (agent, _) in &agents {
        agent.answers_after(millis(300));
    }
    let (mut calls, mut gone_on): (Vec<Call>, u32) = (Vec::new(), 0);
    for crash in 0..CRASHES {
        calls.retain(|call| !call.is_over());
        match chance.below(11) {
            0..=2 if calls.len() < 9 => calls.push(world.carrier().calls(SUPPORT_NUMBER)),
            3 => calls.iter().take(1).for_each(Call::hangs_up),
            4 => {
                let at = usize::try_from(chance.below(4)).unwrap();
                let ready = chance.below(3) > 0;
                let reason = ["lunch", "meeting"][usize::try_from(chance.below(2)).unwrap()];
                let selection = if ready { Selection::Ready } else { Selection::not_ready(reason) };
                let (agent, chose) = &mut agents[at];
                if agent.selects(selection.clone()).is_ok() {
                    *chose = Some(selection);
                }
            }
            5 => {
                let at = usize::try_from(chance.below(4)).unwrap();
                agents[at].0.all_calls().iter().filter(|call| call.is_up()).for_each(Call::hangs_up);
            }
            6 => calls.iter().filter(|call| call.is_up()).take(1).for_each(|call| call.holds(HoldForm::SendOnly)),
            7..=9 => {
                let agent = agents[usize::try_from(chance.below(4)).unwrap()].0.id;
                asks_for_something(&world, &mut chance, agent);
            }
            _ => {}
        }
        world.run_for(millis(chance.below(900)));
        if crash % COMPACT_EVERY == 0 {
            world.compacts();
        }
        let before = world.snapshot();
        let talked = before.calls.iter().filter(|call| call.stage == CallStage::Talking).count();
        world.crashes_torn();
        world.run_for(millis(chance.below(300)));
        world.starts();
        world.run_for(millis(5));
        holds_together(&world, crash, &agents);
        compare(crash, (&before.acd, before.acd.at), &world.snapshot().acd, &mut kept);
        let talk = world.snapshot().calls.iter().filter(|call| call.stage == CallStage::Talking).count();
        gone_on += u32::try_from(talk.min(talked)).unwrap();
    }
    println!("{CRASHES} crashes, {gone_on} times two people talked on; kept: {kept:?}");
    let never: Vec<_> = kept.iter().filter(|(what, times)| **times < 10 && **what != "others").collect();
    assert!(never.is_empty(), "hardly ever compared: {never:?}");
    assert!(gone_on > CRASHES / 4, "calls go on: {gone_on}");
    for call in &calls {
        call.hangs_up();
    }
    world.run_for(secs(120));
    holds_together(&world, CRASHES, &agents);
    let left = world.snapshot().counts;
    assert_eq!(left.invariants_repaired, 0, "{left:?}");
}
