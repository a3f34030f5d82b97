//! Recordings: which calls, from when to when, and who is heard in which channel.

use strowger::{
    engine::{RecordingRule, SegmentRecord},
    media::tone_peak,
};

use super::{caller, talking};
use crate::sim::{Call, SUPPORT, Voice, World, secs};

/// Every voice speaks at 8000; what is above this is there, what is below that is not.
const HEARD: i16 = 6_000;
const SPARED: i16 = 300;

const fn always() -> RecordingRule {
    RecordingRule { queue: Some(SUPPORT), trunk: None, agent: None, percent: 100 }
}

fn records(world: &World, rule: RecordingRule) {
    world.centre_has(|centre| centre.recording.rules = vec![rule]);
}

fn voice(call: &Call) -> Voice {
    call.with(|call| call.media.voice)
}

/// How loud a voice is in a part of a channel.
fn peak(channel: &[i16], from_ms: usize, ms: usize, voice: Voice) -> i16 {
    let part = channel.get(from_ms * 8..(from_ms + ms) * 8).expect("the file is that long");
    tone_peak(part, f64::from(voice.0)) as i16
}

/// The one segment of the world's one call.
fn only(world: &World) -> SegmentRecord {
    let segments = world.segments();
    assert_eq!(segments.len(), 1, "{segments:#?}");
    segments.into_iter().next().unwrap()
}

/// RC-01: a queue that is recorded is so from the bridge on: the customer on the left, the agent on the right, and no
/// hold music before it.
#[test]
fn rc_01_a_queues_call_is_recorded_from_the_bridge() {
    let world = World::seed(700);
    records(&world, always());
    let ana = world.agent("ana");
    ana.answers_after(secs(1));
    let call = caller(&world);
    world.run_for(secs(8));
    let ana = ana.ready();
    world.within(6, "they talk", |world| world.hear_each_other(&call, &ana));
    world.run_for(secs(5));
    let (customer, agent) = (voice(&call), voice(&ana.call()));
    call.hangs_up();
    world.settle();
    let segment = only(&world);
    assert_eq!((segment.queue, segment.agent, segment.call), (Some(SUPPORT), Some(ana.id), world.records()[0].call));
    assert_eq!(segment.others.len(), 1);
    let file = segment.file.as_ref().expect("finished");
    assert!((5_000..8_000).contains(&file.length_ms), "not the wait: {} ms", file.length_ms);
    assert!(!segment.is_partial() && file.lost.is_empty());
    let [left, right] = world.recorded(&segment.path);
    for from in (500..4_500).step_by(500) {
        assert!(peak(&left, from, 200, customer) > HEARD && peak(&right, from, 200, agent) > HEARD, "at {from} ms");
        assert!(peak(&left, from, 200, agent) < SPARED && peak(&right, from, 200, customer) < SPARED, "at {from} ms");
    }
    for from in (0..4_500).step_by(500) {
        assert!(peak(&right, from, 200, Voice::MUSIC) < SPARED, "hold music at {from} ms");
    }
}

/// RC-01: rules are asked in their order; a call that none fits is not recorded, and a rule of some percent takes some.
#[test]
fn rc_01_rules_decide_what_is_recorded() {
    let world = World::seed(701);
    let ana = world.agent("ana").ready();
    for (percent, recorded) in [(0, 0..=0), (100, 6..=6), (50, 1..=5)] {
        let never = RecordingRule { queue: None, percent: 0, ..always() };
        world.centre_has(|centre| centre.recording.rules = vec![RecordingRule { percent, ..always() }, never]);
        let before = world.segments().len();
        for _ in 0..6 {
            let call = talking(&world, &ana);
            call.hangs_up();
            world.within(5, "over", |_| call.is_over());
            world.run_for(secs(2));
        }
        let count = world.segments().len() - before;
        assert!(recorded.contains(&count), "of {percent} % {count} of 6");
    }
    world.settle();
}
