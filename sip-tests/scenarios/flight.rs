//! What the switch went through is gone through again.

use strowger::{
    acd::Selection,
    engine::{
        Emitted, Input, Output,
        flight::{Play, Played, Recording, Step, replay},
    },
    wire::sip::Method,
};

use super::talking;
use crate::sim::{World, millis, secs};

fn again(recording: &Recording) -> Played {
    replay(recording.to_bytes(), Play::default(), |_| {}).expect("a recording that can be read")
}

/// Some calls, a device that does not answer, an agent at his page, a lossy line.
fn a_morning(world: &World, calls: u64) {
    let mut chance = world.chance();
    let agents = ["ana", "bia"].map(|name| world.agent(name).ready());
    agents[0].answers_after(secs(1));
    for number in 0..calls {
        let call = world.carrier().calls(super::SUPPORT_NUMBER);
        world.run_for(millis(500 + chance.below(9_000)));
        if number % 3 == 0 {
            let _ = agents[1].selects(Selection::not_ready("lunch"));
            world.run_for(millis(chance.below(900)));
            let _ = agents[1].selects(Selection::Ready);
        }
        call.hangs_up();
        world.run_for(millis(chance.below(3_000)));
    }
}

/// OP-01: the same inputs at the same times give the same outputs to the last octet, from the start of the process on.
#[test]
fn a_recorded_morning_comes_out_again() {
    for seed in [8_100, 8_101] {
        println!("seed {seed}");
        let world = World::seed(seed).over_a_day();
        a_morning(&world, 12);
        let played = again(&world.recording());
        assert!(played.whole && played.inputs > 200 && played.outputs > 300, "{played:?}");
        assert_eq!((played.differ, played.first), (0, None), "{played:?}");
    }
}

/// OP-01: what is kept is bounded. A recording that begins in the middle of a life says so, and most of what came then comes
/// out again to the last octet: the same tags, branches, ports and decisions.
#[test]
fn a_long_recording_keeps_its_end() {
    let seed = 8_110;
    println!("seed {seed}");
    let world = World::seed(seed).over_a_day();
    world.keeps_octets(1);
    world.crashes();
    world.starts();
    let room = strowger::engine::flight::RECORDER_OCTETS_MIN;
    a_morning(&world, 150);
    let recording = world.recording();
    assert!(!recording.is_whole());
    let octets: usize = recording.to_bytes().len();
    assert!(octets < 2 * room, "{octets} octets kept");
    let played = again(&recording);
    println!("{played:?}");
    assert!(!played.whole && played.inputs > 500, "{played:?}");
    assert!(played.differ * 3 < played.inputs, "most of it comes out again: {played:?}");
}

/// OP-01: an input that is left out, or an engine that decides otherwise, is seen where it first shows.
#[test]
fn what_comes_out_otherwise_is_found() {
    let world = World::seed(8_120);
    let ana = world.agent("ana").ready();
    let call = talking(&world, &ana);
    call.hangs_up();
    world.settle();
    let bytes = world.recording().to_bytes();
    let mut invite = 0;
    let is_invite =
        |input: &Input| matches!(input, Input::Sip { message, .. } if message.method() == Some(&Method::Invite));
    let played = replay(bytes.clone(), Play::default(), |step| {
        if let Step::Begins { number, input, .. } = step
            && is_invite(input)
        {
            invite = number;
        }
    });
    assert!(invite > 0 && played.unwrap().differ == 0);
    let mut sent = 0;
    let without = replay(bytes, Play { skip: &[invite] }, |step| {
        if let Step::Done { outputs, .. } = step {
            sent += outputs.iter().filter(|one: &&Emitted| matches!(one.output, Output::Send { .. })).count();
        }
    });
    let without = without.unwrap();
    assert!(without.first.is_some_and(|first| first > invite), "{without:?}");
    assert!(sent > 0);
}
