//! What does not hold is found within a second, and mended where it can be.

use std::time::Duration;

use super::world::{World, centre};
use crate::{
    base::{AgentId, CallId, EngagementId},
    engine::{Alarm, Input, Output},
};

/// Lets the engine alone live so many seconds, in which things may be wrong: what it told of them.
fn lives(world: &mut World, seconds: u64) -> Vec<(String, bool)> {
    let mut found = Vec::new();
    for _ in 0..seconds {
        world.now.mono += Duration::from_millis(1_001);
        world.engine.handle(world.now, Input::Tick);
        while let Some(emitted) = world.engine.poll_output() {
            if let Output::Alarm(Alarm::Invariant { what, repaired }) = emitted.output {
                found.push((what, repaired));
            }
        }
    }
    found
}

/// OP-02: what is held of calls that are over is let go, told once and counted.
#[test]
fn op_02_what_is_held_of_a_dead_call_is_let_go() {
    let mut world = World::with(7, centre());
    assert_eq!(lives(&mut world, 2), []);
    world.engine.direct.insert((CallId(90), AgentId(1)), 1);
    world.engine.engagements.insert(EngagementId(91), CallId(92));
    assert_eq!(world.engine.check_invariants().len(), 2);
    let told = lives(&mut world, 3);
    assert!(!told.is_empty() && told.iter().all(|(_, repaired)| *repaired), "{told:?}");
    assert_eq!(world.engine.check_invariants(), Vec::<String>::new());
    let counts = world.engine.counts();
    assert_eq!((counts.invariants_broken, counts.invariants_repaired), (2, 2));
}

/// OP-02: what can't be mended is told once, and not as mended.
#[test]
fn op_02_what_cannot_be_mended_is_told_once() {
    let mut world = World::with(8, centre());
    world.engine.switch.lose_a_port();
    let told = lives(&mut world, 5);
    assert!(matches!(told.as_slice(), [(_, false)]), "{told:?}");
    let counts = world.engine.counts();
    assert_eq!((counts.invariants_broken, counts.invariants_repaired), (1, 0));
}
