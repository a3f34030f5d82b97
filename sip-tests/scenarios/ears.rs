//! What the switch makes of what it hears: who has picked up, and keys that come as tones.

use std::{f64::consts::TAU, path::Path};

use strowger::{
    base::{LegId, UserId},
    engine::{Actor, Happened, Request},
    media::{Answer, AnswerSettings, Because, wav},
    switch::LegParty,
};

use crate::sim::{Abilities, Call, Talk, World, secs};

fn line(name: &str) -> Vec<i16> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("sip-tests/corpus/answers").join(name);
    wav::read(&std::fs::read(path).expect("a line")).expect("a sound").samples().collect()
}

fn tones(hertz: &[f64], millis: usize) -> Vec<i16> {
    let wave = |at: usize| hertz.iter().map(|hz| (TAU * hz * at as f64 / 8_000.0).sin() * 5_000.0).sum::<f64>();
    (0..millis * 8).map(|at| wave(at) as i16).collect()
}

fn silence(millis: usize) -> Vec<i16> {
    vec![0; millis * 8]
}

/// Somebody calls out; what picks up is to be judged.
fn picked_up(world: &World) -> (Call, Call) {
    let (eva, carrier) = (world.phone("eva"), world.carrier());
    eva.registers();
    carrier.answers_after(secs(1));
    carrier.talks(Talk::Never);
    world.run_for(secs(1));
    let call = eva.calls("9+351210000002");
    world.within(5, "somebody picks up", |_| call.is_up());
    (call, carrier.call())
}

fn leg_outside(world: &World) -> Request {
    let call = &world.snapshot().calls[0];
    let outside = |party: &LegParty| matches!(party, LegParty::Trunk(_));
    let leg: LegId = call.legs.iter().find(|leg| outside(&leg.party)).expect("the leg outside").leg;
    Request::JudgeAnswer { call: call.call, leg, settings: AnswerSettings::default() }
}

fn judged(world: &World) -> Option<(Answer, Because)> {
    world.happened().iter().find_map(|what| {
        let Happened::AnswerJudged { answer, because, .. } = what else { return None };
        Some((*answer, *because))
    })
}

/// CP-07: a person, a machine with its beep, a fax and silence are told apart on the leg that was asked about, once each.
#[test]
fn cp_07_who_picked_up_is_told() {
    let kinds: [(&str, Vec<i16>, (Answer, Because), usize); 4] = [
        ("a person", [silence(600), line("fresh_human_00.wav")].concat(), (Answer::Human, Because::Waits), 0),
        (
            "a machine",
            [silence(400), line("fresh_machine_01.wav"), silence(600), tones(&[1_000.0], 400)].concat(),
            (Answer::Machine, Because::LongGreeting),
            1,
        ),
        ("a fax", [silence(800), tones(&[2_100.0], 3_000)].concat(), (Answer::Machine, Because::Fax), 0),
        ("nobody", Vec::new(), (Answer::NotSure, Because::InitialSilence), 0),
    ];
    for (seed, (kind, says, wanted, beeps)) in kinds.into_iter().enumerate() {
        let world = World::seed(470 + seed as u64);
        let (caller, called) = picked_up(&world);
        world.asks(Actor::Supervisor(UserId(9)), leg_outside(&world)).expect("it can be listened to");
        called.says([says, silence(4_000)].concat());
        world.within(9, kind, |world| judged(world).is_some());
        assert_eq!(judged(&world), Some(wanted), "{kind}");
        world.run_for(secs(6));
        let told = |what: &&Happened| matches!(what, Happened::Beep { .. });
        assert_eq!(world.happened().iter().filter(told).count(), beeps, "{kind}");
        let judgements = |what: &&Happened| matches!(what, Happened::AnswerJudged { .. });
        assert_eq!(world.happened().iter().filter(judgements).count(), 1, "{kind}");
        called.phone.talks(Talk::Always);
        world.within(3, "they talk", |world| world.hear_each_other(&caller, &called));
        caller.hangs_up();
        world.settle();
    }
}

/// CP-07: who hangs up before anything is sure has hung up.
#[test]
fn cp_07_who_hangs_up_is_told() {
    let world = World::seed(480);
    let (_, called) = picked_up(&world);
    world.asks(Actor::Supervisor(UserId(9)), leg_outside(&world)).expect("it can be listened to");
    called.says(line("fresh_human_01.wav"));
    world.run_for(secs(1));
    called.hangs_up();
    world.within(3, "it is told", |world| judged(world).is_some());
    assert_eq!(judged(&world), Some((Answer::HungUp, Because::HungUp)));
    world.settle();
}

/// SW-11: keys of a phone that knows no telephone-event are heard as tones, reach the other phone as one digit each, and
/// are not heard there a second time.
#[test]
fn sw_11_tones_become_digits() {
    let world = World::seed(490);
    let (old, new) = (world.phone("eva"), world.phone("rui"));
    old.can(Abilities { event: None, ..Abilities::default() });
    old.registers();
    new.registers();
    new.answers_after(secs(1));
    world.run_for(secs(1));
    let call = old.calls("rui");
    world.within(5, "they talk", |world| world.hear_each_other(&call, &new));
    let other = new.call();
    other.tapes();
    let five = tones(&[770.0, 1_336.0], 120);
    let hash = tones(&[941.0, 1_477.0], 120);
    call.says([silence(100), five.clone(), silence(80), five, silence(80), hash, silence(200)].concat());
    world.run_for(secs(3));
    assert_eq!(other.digits(), "55#");
    let tape = other.with(|call| call.media.ear.tape.clone()).expect("a tape");
    let loud = |frame: &&[i16]| strowger::media::tone_peak(frame, 770.0) > 1_500.0;
    let frames = tape.chunks_exact(160).filter(loud).count();
    assert!(frames <= 4, "two keys are heard for {} ms", frames * 20);
    world.within(3, "they talk on", |world| world.hear_each_other(&call, &new));
    other.presses("9");
    call.tapes();
    world.run_for(secs(2));
    let tape = call.with(|call| call.media.ear.tape.clone()).expect("a tape");
    assert!(tape.chunks_exact(160).any(|frame| strowger::media::tone_peak(frame, 1_477.0) > 1_500.0), "as tones");
    call.hangs_up();
    world.settle();
}
