//! The process dies in the middle of calls, and the next one goes on with them.

use strowger::{
    acd::{Reason, Selection, Status},
    base::UserId,
    engine::{Actor, Request, StoryEvent},
};

use super::{caller, talking};
use crate::sim::{Call, End, HoldForm, Phone, Voice, World, millis, secs};

/// Dead for a second, and up again.
pub(super) fn restarts(world: &World) {
    world.crashes();
    world.run_for(secs(1));
    world.starts();
}

/// One unbroken source towards whoever listens.
fn one_source(call: &Call) {
    call.with(|call| assert_eq!(call.media.ear.sources.len(), 1, "the same source before and after"));
}

/// OP-01, P10: customer and agent hear each other again without another INVITE; he is busy with the same engagement, and
/// a BYE from either side releases everything.
#[test]
fn a_queue_call_goes_on() {
    for (seed, compacted, by_agent) in [(700, false, false), (701, true, false), (702, false, true), (703, true, true)]
    {
        let world = World::seed(seed);
        let ana = world.agent("ana").ready();
        let call = talking(&world, &ana);
        world.run_for(secs(15));
        if compacted {
            world.compacts();
        }
        let (since, invites) = (ana.view().since, (ana.requests_of("INVITE"), world.carrier().requests_of("INVITE")));
        restarts(&world);
        call.listens_anew();
        ana.call().listens_anew();
        world.within(2, "they hear each other again", |world| world.hear_each_other(&call, &ana));
        assert_eq!((ana.status(), ana.view().since), (Status::Busy, since), "busy with it since he took it");
        assert_eq!(
            invites,
            (ana.requests_of("INVITE"), world.carrier().requests_of("INVITE")),
            "nobody was asked again"
        );
        one_source(&call);
        one_source(&ana.call());
        world.run_for(secs(5));
        if by_agent {
            ana.hangs_up()
        } else {
            call.hangs_up()
        };
        world.within(2, "free again", |_| ana.status() != Status::Busy);
        world.settle();
        assert!(call.is_over() && ana.all_calls().iter().all(Call::is_over));
        let records = world.records();
        let record = records.first().expect("a record");
        assert_eq!(records.len(), 1, "one call, one record");
        let queue = record.queue.as_ref().expect("it came through a queue");
        assert_eq!((queue.outcome.as_str(), queue.agent), ("answered", Some(ana.id)));
        let asked =
            queue.story.iter().any(|step| matches!(&step.what, StoryEvent::Offered { why, .. } if why.agent == ana.id));
        assert!(asked, "why she was asked is still known: {:?}", queue.story);
        assert_eq!((record.legs.len(), record.cause.q850), (2, 16), "an ordinary end");
        let next = talking(&world, &ana);
        next.hangs_up();
        world.settle();
    }
}

/// OP-01, rule 22: an agent who calls a queue herself is busy with that before and after, and free when she hangs up.
#[test]
fn an_agent_who_waits_in_a_queue_stays_busy() {
    let world = World::seed(718);
    let ana = world.agent("ana").ready();
    let call = ana.calls("800");
    world.within(5, "she waits, and hears the music", |world| world.hears(&call, Voice::MUSIC));
    assert_eq!(ana.status(), Status::Busy);
    restarts(&world);
    call.listens_anew();
    world.within(2, "the music goes on", |world| world.hears(&call, Voice::MUSIC));
    assert_eq!(ana.status(), Status::Busy, "still on the phone");
    call.hangs_up();
    world.within(2, "free again", |_| ana.status() == Status::Ready);
    world.settle();
}

/// OP-01: twice in a row, the second time before anything was told of the sound.
#[test]
fn a_call_outlives_several_processes() {
    let world = World::seed(704);
    let ana = world.agent("ana").ready();
    let call = talking(&world, &ana);
    for pause in [0, 1, 30] {
        world.run_for(secs(pause));
        restarts(&world);
        for one in [call.clone(), ana.call()] {
            one.listens_anew();
        }
        world.within(2, "they hear each other again", |world| world.hear_each_other(&call, &ana));
    }
    call.hangs_up();
    world.settle();
}

/// OP-01: who waits keeps his place, hears music again and is served in his turn.
#[test]
fn waiting_callers_keep_their_places() {
    let world = World::seed(705);
    let ana = world.agent("ana");
    let first = caller(&world);
    world.run_for(secs(3));
    let second = caller(&world);
    world.run_for(secs(3));
    restarts(&world);
    for call in [&first, &second] {
        call.listens_anew();
        world.within(2, "music again", |world| world.hears(call, Voice::MUSIC));
        assert!(!call.is_over());
    }
    ana.answers_after(secs(1));
    let ana = ana.ready();
    world.within(5, "the first is served first", |world| world.hear_each_other(&first, &ana));
    assert!(world.hears(&second, Voice::MUSIC));
    first.hangs_up();
    world.within(30, "then the second", |world| world.hear_each_other(&second, &ana));
    second.hangs_up();
    world.settle();
    assert_eq!(world.records().len(), 2);
}

/// OP-01, OP-02: a phone that rang for a caller in the queue is let go, and the caller is offered again.
#[test]
fn an_offer_is_made_again() {
    let world = World::seed(706);
    let ana = world.agent("ana").ready();
    ana.answers_after(secs(3_600));
    let call = caller(&world);
    world.within(2, "it rings", |_| ana.is_ringing());
    world.run_for(secs(1));
    let rang = ana.call();
    world.crashes();
    ana.answers_after(secs(1));
    world.run_for(secs(1));
    world.starts();
    world.within(3, "the old ringing has stopped", |_| rang.is_over());
    world.within(15, "they talk", |world| world.hear_each_other(&call, &ana));
    call.hangs_up();
    world.settle();
    assert_eq!(world.records().len(), 1);
}

/// OP-01: a call that nobody had answered ends on both sides and in the records.
#[test]
fn a_call_in_the_middle_of_its_setup_ends() {
    let world = World::seed(707);
    let (rui, eva) = (world.phone("rui"), world.phone("eva"));
    rui.registers();
    eva.registers();
    world.run_for(secs(1));
    eva.answers_after(secs(3_600));
    let call = rui.calls("eva");
    world.within(2, "it rings", |_| eva.is_ringing());
    world.run_for(secs(2));
    let rings = eva.call();
    restarts(&world);
    world.within(3, "both are let go", |_| call.is_over() && rings.is_over());
    assert!(call.status().is_some_and(|status| status >= 500), "the caller is told: {:?}", call.status());
    world.settle();
    let records = world.records();
    assert_eq!((records.len(), records[0].answered, records[0].legs.len()), (1, None, 2));
}

/// OP-01: who was on hold hears music again, and is taken back.
#[test]
fn a_held_call_goes_on_held() {
    let world = World::seed(708);
    let ana = world.agent("ana").ready();
    let call = talking(&world, &ana);
    ana.call().holds(HoldForm::SendOnly);
    world.within(3, "music", |world| world.hears(&call, Voice::MUSIC));
    world.run_for(secs(2));
    restarts(&world);
    call.listens_anew();
    ana.call().listens_anew();
    world.within(2, "music again", |world| world.hears(&call, Voice::MUSIC));
    ana.call().resumes();
    world.within(3, "they talk again", |world| world.hear_each_other(&call, &ana));
    call.hangs_up();
    world.settle();
}

/// OP-01, OP-02: an agent who talks outside the queues is busy again; the queue leaves him alone until he is free.
#[test]
fn a_call_between_phones_goes_on() {
    let world = World::seed(709);
    let (ana, rui) = (world.agent("ana").ready(), world.phone("rui"));
    rui.registers();
    world.run_for(secs(1));
    rui.answers_after(secs(1));
    let call = ana.calls("rui");
    world.within(5, "they talk", |world| world.hear_each_other(&call, &rui));
    world.run_for(secs(1));
    restarts(&world);
    call.listens_anew();
    rui.call().listens_anew();
    world.within(2, "they hear each other again", |world| world.hear_each_other(&call, &rui));
    assert_eq!(ana.status(), Status::Busy);
    let waits = caller(&world);
    world.run_for(secs(3));
    assert!(!ana.is_ringing(), "he is on the phone");
    rui.hangs_up();
    ana.answers_after(secs(1));
    world.within(30, "now he takes it", |world| world.hear_each_other(&waits, &ana));
    waits.hangs_up();
    world.settle();
}

/// OP-01, SW-09: a phone with keys (SDES): the next process goes on with them, in either direction beyond where the last one may
/// have been, so that no two packets go under one number; twice in a row, and past where the phone's numbers begin anew.
#[test]
fn op_01_sw_09_a_protected_call_goes_on() {
    for begins_at in [65_520, 30_000] {
        let world = World::seed(720);
        let (ana, rui) = (world.phone("ana"), world.phone("rui"));
        [&ana, &rui].into_iter().for_each(Phone::registers);
        ana.has_keys();
        world.run_for(secs(1));
        rui.answers_after(secs(1));
        let call = ana.calls("rui");
        call.with(|call| call.media.counts_from(begins_at));
        world.within(5, "they talk", |world| world.hear_each_other(&call, &rui));
        world.run_for(secs(12));
        for _ in 0..2 {
            restarts(&world);
            call.listens_anew();
            rui.call().listens_anew();
            world.within(2, "they hear each other again", |world| world.hear_each_other(&call, &rui));
            one_source(&call);
            world.run_for(secs(3));
        }
        call.with(|call| {
            assert_eq!(call.media.unopened, 0, "each packet was protected by the key, and under its own number")
        });
        call.hangs_up();
        world.settle();
    }
}

/// OP-01, SW-09: a phone whose re-INVITE brought another key is heard by the next process too.
#[test]
fn op_01_sw_09_a_changed_key_is_known_to_the_next_process() {
    let world = World::seed(721);
    let (ana, rui) = (world.phone("ana"), world.phone("rui"));
    [&ana, &rui].into_iter().for_each(Phone::registers);
    ana.has_keys();
    world.run_for(secs(1));
    rui.answers_after(secs(1));
    let call = ana.calls("rui");
    world.within(5, "they talk", |world| world.hear_each_other(&call, &rui));
    world.run_for(secs(3));
    for _ in 0..2 {
        call.with(|call| call.media.changes_key());
        call.resumes();
        world.run_for(secs(1));
        restarts(&world);
        call.listens_anew();
        rui.call().listens_anew();
        world.within(2, "they hear each other again", |world| world.hear_each_other(&call, &rui));
    }
    call.with(|call| assert_eq!(call.media.unopened, 0));
    call.hangs_up();
    world.settle();
}

/// OP-02, P1: whoever hung up while nobody listened is not kept busy; the repeated BYE, or silence, ends it.
#[test]
fn who_left_meanwhile_is_not_kept() {
    for away in [5, 60] {
        let world = World::seed(710 + away);
        let ana = world.agent("ana").ready();
        let call = talking(&world, &ana);
        world.run_for(secs(5));
        world.crashes();
        call.hangs_up();
        ana.hangs_up();
        world.run_for(secs(away));
        world.starts();
        world.within(70, "free again", |_| ana.status() != Status::Busy);
        world.settle();
        assert_eq!(world.records().len(), 1);
        let next = talking(&world, &ana);
        next.hangs_up();
        world.settle();
    }
}

/// OP-01, P20: what an agent had asked for while busy is done when the call ends, after the restart.
#[test]
fn a_pending_not_ready_is_kept() {
    let world = World::seed(780);
    let ana = world.agent("ana").ready();
    let call = talking(&world, &ana);
    ana.selects(Selection::not_ready("lunch")).unwrap();
    world.run_for(secs(1));
    restarts(&world);
    world.run_for(secs(1));
    assert_eq!(ana.status(), Status::Busy);
    call.hangs_up();
    world.within(40, "lunch", |_| ana.status() == Status::NotReady);
    assert_eq!(ana.view().selection.reason(), Some(&Reason::new("lunch")));
    world.settle();
}

/// Until a phone that hung up has its 200, and not a moment longer.
fn is_answered(world: &World, call: &Call) {
    let until = world.clock() + millis(200);
    while !call.is_over() {
        assert!(world.clock() < until, "no answer to the BYE");
        world.run_for(millis(1));
    }
    assert_eq!(call.end(), Some(End::WeHungUp));
}

/// OP-01, OP-02: whoever has a 200 to his BYE is not called back to life, however soon after it the process dies: the answer
/// waits until the journal has the end.
#[test]
fn a_call_that_was_let_go_is_over() {
    for (seed, by_agent, acw_secs) in [(790, false, 0), (791, false, 60), (792, true, 0), (793, true, 60)] {
        let world = World::seed(seed);
        let ana = world.agent("ana").ready().queue_has(|queue| queue.acw_secs = acw_secs);
        let call = talking(&world, &ana);
        world.run_for(secs(5));
        let leaves = if by_agent { ana.call() } else { call.clone() };
        leaves.hangs_up();
        is_answered(&world, &leaves);
        restarts(&world);
        world.run_for(millis(100));
        let after = if acw_secs > 0 { Status::WrapUp } else { Status::Ready };
        assert_eq!((ana.status(), world.snapshot().calls.len()), (after, 0), "by the agent: {by_agent}");
        world.settle();
        assert_eq!(world.records().len(), 1);
    }
}

/// OP-01: the same of one who leaves a call that goes on.
#[test]
fn who_left_two_others_stays_away() {
    let world = World::seed(794);
    let ana = world.agent("ana").ready();
    let eva = world.phone("eva");
    eva.registers();
    world.run_for(secs(1));
    eva.answers_after(secs(1));
    let customer = talking(&world, &ana);
    let call = world.snapshot().calls[0].call;
    world.asks(Actor::System, Request::AddLeg { call, by: UserId(1), to: "eva".into() }).expect("eva is rung");
    world.within(5, "eva is in it", |_| eva.all_calls().pop().is_some_and(|call| call.is_up()));
    world.run_for(secs(2));
    let leaves = eva.call();
    leaves.hangs_up();
    is_answered(&world, &leaves);
    restarts(&world);
    world.run_for(millis(100));
    assert_eq!(world.snapshot().calls[0].legs.len(), 2, "{:#?}", world.snapshot().calls);
    for one in [customer.clone(), ana.call()] {
        one.listens_anew();
    }
    world.within(2, "the two hear each other", |world| world.hear_each_other(&customer, &ana));
    customer.hangs_up();
    world.settle();
}

/// OP-01: an operator who is told that a call is over is told what stays true.
#[test]
fn a_call_that_an_operator_ended_is_over() {
    let world = World::seed(795);
    let ana = world.agent("ana").ready();
    talking(&world, &ana);
    world.run_for(secs(5));
    let call = world.snapshot().calls[0].call;
    world.asks(Actor::System, Request::HangUp { call }).expect("it ends");
    restarts(&world);
    world.run_for(millis(100));
    assert_eq!((ana.status(), world.snapshot().calls.len()), (Status::Ready, 0));
    world.settle();
}
