//! Recordings that rest: by somebody's wish (RC-02), and while one of the two is on hold (RC-01).

use strowger::{
    acd::Actor,
    engine::{HoldKind, PauseKind, RecordingView, Request},
};

use super::{
    recordings::{HEARD, SPARED, always, live, only, peak, records, rests, voice},
    talking,
};
use crate::sim::{HoldForm, Voice, World, secs};

/// RC-02, P33: an agent lets the recording rest and go on: what is said meanwhile is nowhere in the file, which is silent
/// there or goes on without it, and the row says who, when and where.
#[test]
fn rc_02_p33_an_agent_pauses_and_resumes() {
    for (seed, pause) in [(702, PauseKind::Silence), (703, PauseKind::Cut)] {
        let world = World::seed(seed);
        records(&world, always());
        world.centre_has(|centre| centre.recording.pause = pause);
        let ana = world.agent("ana").ready();
        let call = talking(&world, &ana);
        let (customer, agent) = (voice(&call), voice(&ana.call()));
        world.run_for(secs(3));
        let (id, view) = live(&world);
        assert_eq!(view, Some(RecordingView { paused: false, resumes: None }));
        rests(&world, &ana, id, true);
        rests(&world, &ana, id, true);
        assert!(live(&world).1.unwrap().paused);
        // What must not be kept: another voice.
        let secret = Voice::nth(77);
        call.says((0..4 * 8_000).map(|at| secret.sample(at)));
        world.run_for(secs(5));
        rests(&world, &ana, id, false);
        world.run_for(secs(3));
        call.hangs_up();
        world.settle();
        let segment = only(&world);
        let file = segment.file.as_ref().unwrap();
        let [span] = file.paused[..] else { panic!("{file:?}") };
        assert!((4_900..5_200).contains(&span.ms), "{span:?}");
        let [who] = segment.pauses[..] else { panic!("{segment:?}") };
        assert_eq!(who.by, Actor::Agent(ana.id));
        assert!(who.until.unwrap().since(who.at).as_millis() >= 5_000);
        let [left, right] = world.recorded(&segment.path);
        let (from, ms) = (span.from_ms as usize, span.ms as usize);
        let total = left.len() / 8;
        for at in (0..total - 200).step_by(100) {
            assert!(peak(&left, at, 200, secret) < SPARED, "the secret at {at} ms of {total}");
        }
        let on = if pause == PauseKind::Cut { from } else { from + ms };
        for (channel, voice) in [(&left, customer), (&right, agent)] {
            assert!(peak(channel, from - 700, 500, voice) > HEARD && peak(channel, on + 300, 500, voice) > HEARD);
        }
        if pause == PauseKind::Silence {
            let part = &left[(from + 100) * 8..(from + ms - 100) * 8];
            assert!(part.iter().chain(&right[(from + 100) * 8..(from + ms - 100) * 8]).all(|sample| sample.abs() < 16));
        }
    }
}

/// RC-01, CH-02: while one of the two holds, from either side, the recording rests, marked as the switch's own doing: neither
/// the music is in it nor what the other says to his room; a pause within outlasts the hold. Settings may want all of it.
#[test]
fn rc_01_ch_02_a_hold_is_not_recorded() {
    for (seed, on_hold) in [(712, HoldKind::Rest), (713, HoldKind::Record)] {
        let world = World::seed(seed);
        records(&world, always());
        world.centre_has(|centre| centre.recording.on_hold = on_hold);
        let ana = world.agent("ana").ready();
        let call = talking(&world, &ana);
        let (customer, agent, secret) = (voice(&call), voice(&ana.call()), Voice::nth(77));
        let (id, _) = live(&world);
        for (holder, says) in [(&ana.call(), 2), (&call, 0)] {
            world.run_for(secs(2));
            holder.holds(HoldForm::ALL[0]);
            world.run_for(secs(1));
            call.says((0..says * 8_000).map(|at| secret.sample(at)));
            world.run_for(secs(3));
            holder.resumes();
        }
        world.run_for(secs(2));
        ana.call().holds(HoldForm::ALL[0]);
        world.run_for(secs(1));
        rests(&world, &ana, id, true);
        world.run_for(secs(1));
        ana.call().resumes();
        world.run_for(secs(2));
        rests(&world, &ana, id, false);
        world.run_for(secs(2));
        call.hangs_up();
        world.settle();
        let segment = only(&world);
        let [left, right] = world.recorded(&segment.path);
        let loudest = |channel: &[i16], voice: Voice| {
            (0..channel.len() / 8 - 200).step_by(100).map(|at| peak(channel, at, 200, voice)).max().unwrap()
        };
        let (music, said) = (loudest(&right, Voice::MUSIC), loudest(&left, secret));
        if on_hold == HoldKind::Record {
            assert!(music > SPARED && said > HEARD && segment.pauses.len() == 1, "{music} {said} {segment:?}");
            continue;
        }
        assert!(music < SPARED && said < SPARED, "{music} {said}");
        let by: Vec<Actor> = segment.pauses.iter().map(|pause| pause.by).collect();
        assert_eq!(by, [Actor::System, Actor::System, Actor::System, Actor::Agent(ana.id)]);
        let times: Vec<u64> =
            segment.pauses.iter().map(|pause| pause.until.unwrap().since(pause.at).as_secs()).collect();
        assert!(times.iter().zip([4, 4, 2, 3]).all(|(took, wanted)| took.abs_diff(wanted) <= 1), "{times:?}");
        let paused = segment.file.as_ref().unwrap().paused.clone();
        assert_eq!(paused.len(), 3, "{paused:?}");
        for span in &paused {
            let (from, to) = (span.from_ms as usize, (span.from_ms + span.ms) as usize);
            assert!(left[(from + 100) * 8..(to - 100) * 8].iter().all(|sample| sample.abs() < 16), "{span:?}");
            for (channel, voice) in [(&left, customer), (&right, agent)] {
                assert!(peak(channel, from - 700, 400, voice) > HEARD, "before {span:?}");
                assert!(peak(channel, to + 400, 400, voice) > HEARD, "behind {span:?}");
            }
        }
    }
}

/// RC-02: a pause that nobody ends ends by itself.
#[test]
fn rc_02_a_pause_ends_by_itself() {
    let world = World::seed(704);
    records(&world, always());
    world.centre_has(|centre| centre.recording.resume_secs = 5);
    let ana = world.agent("ana").ready();
    let call = talking(&world, &ana);
    let (id, _) = live(&world);
    rests(&world, &ana, id, true);
    assert!(live(&world).1.unwrap().resumes.is_some());
    world.run_for(secs(4));
    assert!(live(&world).1.unwrap().paused);
    world.run_for(secs(2));
    assert!(!live(&world).1.unwrap().paused);
    world.run_for(secs(2));
    call.hangs_up();
    world.settle();
    let segment = only(&world);
    let file = segment.file.unwrap();
    assert!((4_950..5_050).contains(&file.paused[0].ms), "{file:?}");
    let refused = world.asks(Actor::Agent(ana.id), Request::RestRecording { call: id, rests: true });
    assert_eq!(refused.unwrap_err().code, "not_recorded");
}
