//! Recordings: which calls, from when to when, and who is heard in which channel. When they rest is in `resting`.

use strowger::{
    acd::{Actor, Selection},
    base::{CallId, UserId},
    engine::{ClipPlay, ConsultStep, Happened, RecordingRule, RecordingView, Request, SegmentRecord},
    media::{spoken::Language, tape::Format, tone_peak},
};

use super::{caller, talking};
use crate::sim::{Agent, Call, SPOKEN, SUPPORT, Voice, World, secs};

/// The first agent of a world.
const ANA: UserId = UserId(1);

/// Every voice speaks at 8000; what is above this is there, what is below that is not.
pub(super) const HEARD: i16 = 6_000;
pub(super) const SPARED: i16 = 300;

pub(super) const fn always() -> RecordingRule {
    RecordingRule { queue: Some(SUPPORT), trunk: None, agent: None, percent: 100, format: None }
}

pub(super) fn records(world: &World, rule: RecordingRule) {
    world.centre_has(|centre| centre.recording.rules = vec![rule]);
}

pub(super) fn voice(call: &Call) -> Voice {
    call.with(|call| call.media.voice)
}

/// How loud a voice is in a part of a channel.
pub(super) fn peak(channel: &[i16], from_ms: usize, ms: usize, voice: Voice) -> i16 {
    let part = channel.get(from_ms * 8..(from_ms + ms) * 8).expect("the file is that long");
    tone_peak(part, f64::from(voice.0)) as i16
}

/// The one segment of the world's one call.
pub(super) fn only(world: &World) -> SegmentRecord {
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
    // What the rule says of the file, else what the centre does.
    for (format, ending) in [(None, ".opus"), (Some(Format::Wav), ".wav")] {
        world.centre_has(|centre| {
            centre.recording.format = Format::Opus;
            centre.recording.rules = vec![RecordingRule { format, ..always() }];
        });
        let call = talking(&world, &ana);
        call.hangs_up();
        world.run_for(secs(2));
        assert!(world.segments().last().unwrap().path.ends_with(ending), "{:?}", world.segments());
    }
    world.settle();
}

pub(super) fn live(world: &World) -> (CallId, Option<RecordingView>) {
    let snapshot = world.snapshot();
    (snapshot.calls[0].call, snapshot.calls[0].recording)
}

pub(super) fn rests(world: &World, by: &Agent, call: CallId, rests: bool) {
    world.asks(Actor::Agent(by.id), Request::RestRecording { call, rests }).unwrap();
}

/// RC-01, SC-05, SC-07: the clip behind which a call ends is in its recording to the last sample, though the agent is gone.
#[test]
fn rc_01_sc_05_sc_07_the_last_clip_is_recorded() {
    let world = World::seed(714);
    records(&world, always());
    let ana = world.agent("ana").ready();
    let call = talking(&world, &ana);
    let (id, _) = live(&world);
    world.run_for(secs(2));
    let clip = Language::English.clip("thanks").expect("a sentence");
    let play = ClipPlay { clip, from_ms: 0, agent_hears: true, with_talk: false, hang_up: true };
    world.asks(Actor::Agent(ana.id), Request::PlayClip { call: id, play }).expect("played");
    world.within(12, "the call ends behind the clip", |_| call.is_over());
    world.settle();
    let segment = only(&world);
    let [_, right] = world.recorded(&segment.path);
    let wanted: Vec<i16> = SPOKEN[&clip].samples().collect();
    assert!(right.windows(wanted.len()).any(|part| part == wanted), "all of it, as it was played");
    assert!(!segment.is_partial() && segment.file.is_some());
}

/// RC-03, P25: a call that is passed on is one recording: a segment for each who talked with the customer, each with that
/// agent's voice, and none of the music between.
#[test]
fn rc_03_p25_a_transfer_goes_on_in_a_new_segment() {
    let world = World::seed(705);
    records(&world, always());
    let ana = world.agent("ana").ready();
    let call = talking(&world, &ana);
    let bia = world.agent("bia").ready();
    bia.answers_after(secs(4));
    let (customer, first) = (voice(&call), voice(&ana.call()));
    world.run_for(secs(3));
    let (id, _) = live(&world);
    let transfer = Request::Transfer { call: id, by: ANA, to: "bia".into(), failed: None };
    world.asks(Actor::Agent(ana.id), transfer).unwrap();
    world.within(20, "bia has him", |world| world.hear_each_other(&call, &bia));
    let second = voice(&bia.call());
    world.run_for(secs(3));
    call.hangs_up();
    world.settle();
    let segments = world.segments();
    assert_eq!(segments.len(), 2, "{segments:#?}");
    for (segment, (agent, voice, other)) in segments.iter().zip([(ana.id, first, second), (bia.id, second, first)]) {
        assert_eq!((segment.call, segment.leg, segment.agent), (id, segments[0].leg, Some(agent)));
        let [left, right] = world.recorded(&segment.path);
        let end = left.len() / 8;
        assert!(end >= 2_500, "{end} ms");
        assert!(peak(&left, end - 1_500, 800, customer) > HEARD && peak(&right, end - 1_500, 800, voice) > HEARD);
        for at in (0..end - 200).step_by(100) {
            assert!(peak(&right, at, 200, other) < SPARED, "the other agent at {at} ms");
            assert!(peak(&right, at, 200, Voice::MUSIC) < SPARED, "music at {at} ms");
        }
    }
    let legs: Vec<_> = world.records()[0].legs.iter().map(|leg| leg.leg).collect();
    assert!(segments.iter().all(|segment| legs.contains(&segment.leg) && legs.contains(&segment.others[0])));
}

/// RC-01, SC-07: what a crash interrupts is kept as far as it was written, the row says so, and a call that goes on is
/// recorded on into another segment, resting if it rested.
#[test]
fn rc_01_a_crash_keeps_what_was_written() {
    for (seed, paused) in [(706, false), (707, true)] {
        let world = World::seed(seed);
        records(&world, always());
        let ana = world.agent("ana").ready();
        let call = talking(&world, &ana);
        world.run_for(secs(5));
        let (id, _) = live(&world);
        if paused {
            rests(&world, &ana, id, true);
            world.run_for(secs(1));
        }
        world.crashes();
        world.run_for(secs(1));
        world.starts();
        world.within(5, "they talk again", |world| world.hear_each_other(&call, &ana));
        world.run_for(secs(3));
        assert_eq!(live(&world).1.map(|view| view.paused), Some(paused));
        call.hangs_up();
        world.settle();
        let segments = world.segments();
        assert_eq!(segments.len(), 2, "{segments:#?}");
        let (first, second) = (&segments[0], &segments[1]);
        assert!(first.interrupted && first.is_partial() && !second.interrupted);
        assert_eq!((first.call, second.call), (id, id));
        let ended = first.ended.unwrap();
        assert!(ended <= second.began, "{segments:#?}");
        if !paused {
            let length_ms = first.file.as_ref().unwrap().length_ms;
            assert_eq!(ended.0 - first.began.0, i64::try_from(length_ms).unwrap(), "where its sound ends");
        }
        let [left, _] = world.recorded(&first.path);
        assert!(left.len() >= 8 * 4_000, "{} ms", left.len() / 8);
        assert!(peak(&left, 1_000, 2_000, voice(&call)) > HEARD);
        let [left, _] = world.recorded(&second.path);
        let is_there = peak(&left, 1_000, 1_000, voice(&call)) > HEARD;
        assert_eq!(is_there, !paused);
    }
}

/// RC-01, RC-03, OP-01: a call at a page is recorded again when the page is back after `kill -9`, and not only when somebody holds.
#[test]
fn rc_01_a_page_that_is_back_is_recorded_again() {
    for seed in [709, 710] {
        let world = World::seed(seed);
        records(&world, always());
        let (ana, page) = world.agent("ana").at_a_page();
        ana.selects(Selection::Ready).unwrap();
        let call = caller(&world);
        world.within(3, "the page rings", |_| page.is_ringing());
        page.accepts();
        world.within(3, "they talk", |world| world.hear_each_other(&call, &page));
        world.run_for(secs(3));
        world.crashes();
        world.run_for(secs(1));
        world.starts();
        world.run_for(secs(1));
        world.session(ana.id, true);
        let page = page.loads_again();
        world.within(4, "they talk on", |world| world.hear_each_other(&call, &page));
        world.run_for(secs(4));
        let (customer, agent) = (voice(&call), voice(&page.call()));
        call.hangs_up();
        world.settle();
        let last = world.segments().pop().expect("a segment");
        let [left, right] = world.recorded(&last.path);
        let from = left.len() / 8 - 2_500;
        assert!(peak(&left, from, 2_000, customer) > HEARD && peak(&right, from, 2_000, agent) > HEARD, "{last:#?}");
    }
}

/// OP-10, RC-01: whoever sets the wall clock makes no recording longer or shorter than its file, and moves no pause out of it.
#[test]
fn op_10_rc_01_a_clock_that_is_set_stretches_nothing() {
    for (seed, millis) in [(714, 3_600_000), (715, -3_600_000)] {
        let world = World::seed(seed);
        records(&world, always());
        let ana = world.agent("ana").ready();
        let call = talking(&world, &ana);
        world.run_for(secs(5));
        let (id, _) = live(&world);
        rests(&world, &ana, id, true);
        world.sets_wall_clock_by(millis);
        world.run_for(secs(2));
        rests(&world, &ana, id, false);
        world.run_for(secs(3));
        call.hangs_up();
        world.settle();
        let segment = only(&world);
        let lasted = segment.ended.unwrap().0 - segment.began.0;
        assert!((9_000..14_000).contains(&lasted), "{millis}: {segment:#?}");
        let [pause] = &segment.pauses[..] else { panic!("{segment:#?}") };
        let (at, until) = (pause.at.0 - segment.began.0, pause.until.unwrap().0 - segment.began.0);
        assert!((4_000..8_000).contains(&at) && (1_900..2_200).contains(&(until - at)), "{millis}: {segment:#?}");
    }
}

/// RC-03, P25: a third who comes in is in the segment, and when the agent leaves the two who talk on are another of the same
/// recording; the queue between two agents is in none.
#[test]
fn rc_03_p25_thirds_and_queues_are_one_recording() {
    let world = World::seed(708);
    records(&world, always());
    let ana = world.agent("ana").ready();
    let eva = world.phone("eva");
    eva.registers();
    world.run_for(secs(1));
    eva.answers_after(secs(1));
    let call = talking(&world, &ana);
    let (id, _) = live(&world);
    let customer = voice(&call);
    let first = voice(&ana.call());
    let add = Request::AddLeg { call: id, by: ANA, to: "eva".into() };
    world.asks(Actor::Agent(ana.id), add).unwrap();
    world.within(5, "Eva is in it", |_| eva.all_calls().pop().is_some_and(|call| call.is_up()));
    world.run_for(secs(4));
    let third = voice(&eva.all_calls().pop().unwrap());
    ana.hangs_up();
    world.run_for(secs(4));
    eva.hangs_up();
    world.settle();
    let segments = world.segments();
    assert_eq!(segments.len(), 2, "{segments:#?}");
    assert!(segments.iter().all(|segment| segment.call == id && segment.leg == segments[0].leg));
    assert_eq!((segments[0].others.len(), segments[1].others.len()), (2, 1));
    assert_eq!(segments[0].others[1], segments[1].others[0]);
    let [left, right] = world.recorded(&segments[0].path);
    let end = left.len() / 8;
    assert!(peak(&left, end - 1_500, 500, customer) > HEARD);
    assert!(peak(&right, end - 1_500, 500, first) > HEARD && peak(&right, end - 1_500, 500, third) > HEARD);
    let [left, right] = world.recorded(&segments[1].path);
    assert!(peak(&left, 1_000, 500, customer) > HEARD && peak(&right, 1_000, 500, third) > HEARD);
    assert!((500..3_000).step_by(100).all(|at| peak(&right, at, 200, first) < SPARED));
}

/// RC-03, CH-07, P25: what the agent asks somebody in private is a segment of its own, with both of them and nothing of the
/// customer or his music; it rests when the recording rests; merged and completed, the recording goes on as with any third.
#[test]
fn rc_03_ch_07_p25_what_is_asked_in_private_is_recorded() {
    let world = World::seed(711);
    records(&world, always());
    let ana = world.agent("ana").ready();
    let eva = world.phone("eva");
    eva.registers();
    world.run_for(secs(1));
    eva.answers_after(secs(1));
    let call = talking(&world, &ana);
    let (id, _) = live(&world);
    let (customer, agent) = (voice(&call), voice(&ana.call()));
    let asks = |step| world.asks(Actor::Agent(ana.id), Request::ConsultStep { call: id, step }).unwrap();
    world.run_for(secs(2));
    world.asks(Actor::Agent(ana.id), Request::Consult { call: id, by: ANA, to: "eva".into() }).unwrap();
    world.within(5, "Eva is asked", |_| eva.all_calls().pop().is_some_and(|call| call.is_up()));
    world.run_for(secs(3));
    rests(&world, &ana, id, true);
    world.run_for(secs(2));
    rests(&world, &ana, id, false);
    world.run_for(secs(2));
    let asked = voice(&eva.call());
    asks(ConsultStep::Swap);
    world.run_for(secs(2));
    asks(ConsultStep::Swap);
    world.run_for(secs(2));
    asks(ConsultStep::Complete);
    world.within(3, "the two talk", |world| world.hear_each_other(&call, &eva));
    world.run_for(secs(3));
    call.hangs_up();
    world.settle();
    let (private, open): (Vec<_>, Vec<_>) = world.segments().into_iter().partition(|segment| segment.private);
    assert_eq!((private.len(), open.len()), (2, 2), "{private:#?} {open:#?}");
    assert!(private.iter().chain(&open).all(|segment| segment.call == id));
    for segment in &private {
        assert_eq!((segment.agent, segment.others.as_slice()), (Some(ana.id), &open[0].others[..1]));
        let [left, right] = world.recorded(&segment.path);
        assert!(peak(&left, 300, 1_000, asked) > HEARD && peak(&right, 300, 1_000, agent) > HEARD);
        for (channel, strangers) in [(&left, [agent, customer]), (&right, [asked, customer])] {
            let heard = |who: &Voice| peak(channel, 300, 1_000, *who);
            assert!(strangers.iter().all(|who| heard(who) < SPARED), "{:?}", strangers.map(|who| heard(&who)));
            let music = |at: &usize| peak(channel, *at, 200, Voice::MUSIC) >= SPARED;
            assert_eq!((0..channel.len() / 8 - 200).step_by(100).find(music), None, "his music");
        }
    }
    let rested = private[0].file.as_ref().unwrap().paused.clone();
    assert!(rested.len() == 1 && (1_800..2_300).contains(&rested[0].ms), "{rested:?}");
    let [left, right] = world.recorded(&private[0].path);
    let middle = rested[0].from_ms as usize + 500;
    assert!(peak(&left, middle, 1_000, asked) < SPARED && peak(&right, middle, 1_000, agent) < SPARED, "it rested");
    let [left, right] = world.recorded(&open[1].path);
    assert!(peak(&left, 1_000, 500, customer) > HEARD && peak(&right, 1_000, 500, asked) > HEARD);
    assert_eq!(open[0].others.len(), 1, "who was asked in private did not talk with the customer then");
}

/// RC-01, THREATS (disk slow): the disk stands still for seconds while it records: nobody in the call hears a thing,
/// the loss is told of once and marked where it is, and the recording goes on behind it.
#[test]
fn rc_01_a_disk_that_stands_still_hinders_no_call() {
    let world = World::seed(712);
    records(&world, always());
    let ana = world.agent("ana").ready();
    let call = talking(&world, &ana);
    world.run_for(secs(4));
    let sides = [call.clone(), ana.call()];
    sides.iter().for_each(Call::listens_anew);
    world.recordings_stand_still(true);
    // One call alone takes long to fill what a worker keeps for all.
    let told = |what: &Happened| matches!(what, Happened::RecordingFails { .. });
    let count = || world.happened().iter().filter(|what| told(what)).count();
    world.within(600, "it is told of", |_| count() == 1);
    world.run_for(secs(5));
    world.recordings_stand_still(false);
    world.run_for(secs(4));
    assert!(world.hear_each_other(&sides[0], &sides[1]));
    for side in &sides {
        let (gap, skipped) = side.with(|call| (call.media.ear.longest_gap_us, call.media.ear.skipped));
        assert!(gap <= 40_000 && skipped == 0, "{gap} us, {skipped} packets");
    }
    assert_eq!(count(), 1);
    let (customer, agent) = (voice(&sides[0]), voice(&sides[1]));
    call.hangs_up();
    world.settle();
    let segment = only(&world);
    let file = segment.file.as_ref().unwrap();
    assert!(segment.is_partial());
    let [lost] = file.lost[..] else { panic!("{file:?}") };
    assert!((4_500..6_000).contains(&lost.ms), "{file:?}");
    let [left, right] = world.recorded(&segment.path);
    for from in [lost.from_ms as usize - 1_200, (lost.from_ms + lost.ms) as usize + 500] {
        assert!(peak(&left, from, 1_000, customer) > HEARD && peak(&right, from, 1_000, agent) > HEARD, "at {from}");
    }
}

/// RC-03: passed on to a queue, the customer waits unrecorded, and whoever takes him there is recorded.
#[test]
fn rc_03_a_queue_between_two_agents_is_not_recorded() {
    let world = World::seed(709);
    records(&world, always());
    let ana = world.agent("ana").ready();
    let call = talking(&world, &ana);
    let (id, _) = live(&world);
    world.run_for(secs(2));
    let transfer = Request::Transfer { call: id, by: ANA, to: "800".into(), failed: None };
    ana.selects(Selection::not_ready("lunch")).unwrap();
    world.asks(Actor::Agent(ana.id), transfer).unwrap();
    world.run_for(secs(10));
    let bia = world.agent("bia");
    bia.answers_after(secs(1));
    let bia = bia.ready();
    world.within(60, "bia has him", |world| world.hear_each_other(&call, &bia));
    world.run_for(secs(3));
    call.hangs_up();
    world.settle();
    let segments = world.segments();
    assert_eq!(segments.len(), 2, "{segments:#?}");
    assert_eq!((segments[0].agent, segments[1].agent), (Some(ana.id), Some(bia.id)));
    for segment in &segments {
        let [_, right] = world.recorded(&segment.path);
        let end = right.len() / 8;
        assert!((1_500..6_000).contains(&end), "{end} ms");
        assert!((0..end - 200).step_by(100).all(|at| peak(&right, at, 200, Voice::MUSIC) < SPARED));
    }
}

/// RC-01, THREATS (disk full): the call lives and nobody in it hears a thing; it is told of once, and the recording says
/// where it lacks something.
#[test]
fn rc_01_a_full_disk_is_told_of_and_the_call_lives() {
    let world = World::seed(710);
    records(&world, always());
    let ana = world.agent("ana").ready();
    let call = talking(&world, &ana);
    world.run_for(secs(4));
    call.listens_anew();
    ana.call().listens_anew();
    world.recordings_fit(false);
    world.run_for(secs(3));
    world.recordings_fit(true);
    world.run_for(secs(3));
    assert!(world.hear_each_other(&call, &ana));
    for side in [&call, &ana.call()] {
        let gap = side.with(|call| call.media.ear.longest_gap_us);
        assert!(gap <= 40_000, "{gap}");
    }
    let told = |what: &Happened| matches!(what, Happened::RecordingFails { .. });
    assert_eq!(world.happened().iter().filter(|what| told(what)).count(), 1);
    let (customer, agent) = (voice(&call), voice(&ana.call()));
    call.hangs_up();
    world.settle();
    let segment = only(&world);
    let file = segment.file.as_ref().unwrap();
    let [lost] = file.lost[..] else { panic!("{file:?}") };
    assert!((2_700..3_300).contains(&lost.ms) && segment.is_partial(), "{file:?}");
    let [left, right] = world.recorded(&segment.path);
    for from in [lost.from_ms as usize - 1_200, lost.from_ms as usize + 200] {
        assert!(peak(&left, from, 1_000, customer) > HEARD && peak(&right, from, 1_000, agent) > HEARD, "at {from}");
    }
}
