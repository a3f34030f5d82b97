//! A day on which the process dies a thousand times, at drawn moments, with its journal torn anywhere.

use strowger::{
    acd::{Selection, Status},
    engine::CallStage,
};

use super::SUPPORT_NUMBER;
use crate::sim::{Agent, Call, HoldForm, World, millis, secs};

const CRASHES: u32 = 1_000;

/// The journal is replaced by a checkpoint once in so many lives.
const COMPACT_EVERY: u32 = 25;

/// Nobody is busy without a call, no call is without people, and what was acknowledged stands.
fn holds_together(world: &World, crash: u32, agents: &[(Agent, Option<bool>)]) {
    world.judges();
    let snapshot = world.snapshot();
    for (agent, chose_ready) in agents {
        let view = agent.view();
        if view.status == Status::Busy {
            let has_call = snapshot.calls.iter().any(|call| {
                call.agent == Some(agent.id) || call.legs.iter().any(|leg| leg.address.reveal().contains(&agent.name()))
            });
            assert!(has_call, "crash {crash}: {} is busy without a call: {:#?}", agent.name(), snapshot.calls);
        }
        if *chose_ready == Some(false) {
            assert!(!view.selection.is_ready() || view.pending.is_some(), "crash {crash}: {} chose", agent.name());
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
    let mut agents: Vec<(Agent, Option<bool>)> =
        ["ana", "bia", "eva", "rui"].into_iter().map(|name| (world.agent(name).ready(), None)).collect();
    for (agent, _) in &agents {
        agent.answers_after(millis(300));
    }
    let (mut calls, mut gone_on): (Vec<Call>, u32) = (Vec::new(), 0);
    for crash in 0..CRASHES {
        calls.retain(|call| !call.is_over());
        match chance.below(8) {
            0..=2 if calls.len() < 6 => calls.push(world.carrier().calls(SUPPORT_NUMBER)),
            3 => calls.iter().take(1).for_each(Call::hangs_up),
            4 => {
                let at = usize::try_from(chance.below(4)).unwrap();
                let ready = chance.below(3) > 0;
                let selection = if ready { Selection::Ready } else { Selection::not_ready("lunch") };
                let (agent, chose) = &mut agents[at];
                if agent.selects(selection).is_ok() {
                    *chose = Some(ready);
                }
            }
            5 => {
                let at = usize::try_from(chance.below(4)).unwrap();
                agents[at].0.all_calls().iter().filter(|call| call.is_up()).for_each(Call::hangs_up);
            }
            6 => calls.iter().filter(|call| call.is_up()).take(1).for_each(|call| call.holds(HoldForm::SendOnly)),
            _ => {}
        }
        world.run_for(millis(chance.below(900)));
        if crash % COMPACT_EVERY == 0 {
            world.compacts();
        }
        let talked = world.snapshot().calls.iter().filter(|call| call.stage == CallStage::Talking).count();
        world.crashes_torn();
        world.run_for(millis(chance.below(300)));
        world.starts();
        world.run_for(millis(5));
        holds_together(&world, crash, &agents);
        let talk = world.snapshot().calls.iter().filter(|call| call.stage == CallStage::Talking).count();
        gone_on += u32::try_from(talk.min(talked)).unwrap();
    }
    println!("{CRASHES} crashes, {gone_on} times two people talked on");
    assert!(gone_on > CRASHES / 4, "calls go on: {gone_on}");
    for call in &calls {
        call.hangs_up();
    }
    world.run_for(secs(120));
    holds_together(&world, CRASHES, &agents);
    let left = world.snapshot().counts;
    assert_eq!(left.invariants_repaired, 0, "{left:?}");
}
