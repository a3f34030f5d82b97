//! What the agent's device says, and what comes of it: five different things.

use strowger::{
    acd::{BanTime, Reason, Selection, Status},
    engine::CallStage,
};

use super::caller;
use crate::sim::{End, Habit, HoldForm, Voice, World, secs};

/// Rule 17: rung to the end: missed, left alone for the ban; the caller keeps his place.
#[test]
fn no_answer_is_a_missed_offer() {
    let world = World::seed(40);
    let ana = world.agent("ana").ready().queue_has(|queue| {
        queue.ring_secs = 10;
        queue.ban_secs = BanTime::Secs(30);
    });
    let call = caller(&world);
    world.within(12, "the offer ends", |_| ana.view().missed == 1);
    assert_eq!(ana.status(), Status::Banned);
    assert!(world.hears(&call, Voice::MUSIC), "the caller still waits");
    ana.answers_after(secs(1));
    world.run_for(secs(25));
    assert_eq!(ana.all_calls().len(), 1, "no offer during the ban");
    world.within(15, "they talk", |world| world.hear_each_other(&call, &ana));
    call.hangs_up();
    world.settle();
}

/// AS-11, P22: so many missed in a row make Not Ready, and the counter starts anew with Ready.
#[test]
fn three_missed_offers_make_not_ready() {
    let world = World::seed(41);
    let ana = world.agent("ana").ready().queue_has(|queue| queue.ring_secs = 5);
    let call = caller(&world);
    world.within(30, "three missed", |_| ana.status() == Status::NotReady);
    let view = ana.view();
    assert_eq!(view.selection.reason(), Some(&Reason::missed()));
    assert_eq!(ana.all_calls().len(), 3);
    world.run_for(secs(30));
    assert_eq!(ana.all_calls().len(), 3, "no more offers");
    ana.answers_after(secs(1));
    ana.selects(Selection::Ready).unwrap();
    world.within(5, "they talk", |world| world.hear_each_other(&call, &ana));
    assert_eq!(ana.view().missed, 0);
    call.hangs_up();
    world.settle();
}

/// Rule 18, RT-12: declined after ringing: left alone a little, not missed.
#[test]
fn declined_is_not_missed() {
    // 480 is what phones in browsers say.
    for status in [603, 486, 480] {
        let world = World::seed(42);
        let ana = world.agent("ana").ready();
        ana.does(Habit::RingsThenRefuses(secs(2), status));
        let call = caller(&world);
        world.within(4, "declined", |_| ana.status() == Status::Banned);
        assert_eq!(ana.view().missed, 0, "{status}");
        ana.answers_after(secs(1));
        world.within(10, "they talk after the ban", |world| world.hear_each_other(&call, &ana));
        call.hangs_up();
        world.settle();
    }
}

/// Rule 17, RT-12: a phone that stops ringing by itself is left alone a little, and the call counts as missed.
#[test]
fn a_phone_that_stops_ringing_is_not_asked_at_once() {
    let world = World::seed(42);
    let ana = world.agent("ana").ready();
    ana.does(Habit::RingsThenRefuses(secs(2), 408));
    let call = caller(&world);
    world.within(4, "it gave up", |_| ana.status() == Status::Banned);
    assert_eq!(ana.view().missed, 1);
    world.run_for(secs(4));
    assert_eq!(ana.all_calls().len(), 1);
    ana.answers_after(secs(1));
    world.within(10, "they talk after the pause", |world| world.hear_each_other(&call, &ana));
    call.hangs_up();
    world.settle();
}

/// Rule 19, RT-12: busy at once is no fault of the agent's: later again.
#[test]
fn a_busy_device_is_asked_later() {
    let world = World::seed(43);
    let ana = world.agent("ana").ready();
    ana.does(Habit::Refuses(486));
    let call = caller(&world);
    world.run_for(secs(3));
    assert_eq!((ana.all_calls().len(), ana.view().missed), (1, 0));
    ana.answers_after(secs(1));
    world.run_for(secs(5));
    assert_eq!(ana.all_calls().len(), 1, "left alone for 10 s");
    world.within(10, "they talk", |world| world.hear_each_other(&call, &ana));
    call.hangs_up();
    world.settle();
}

/// Rule 20, P35: a phone without a sign of life: the next agent after three seconds, the device shown as unreachable.
#[test]
fn a_dead_phone_costs_three_seconds() {
    let world = World::seed(44);
    let ana = world.agent("ana").ready();
    world.run_for(secs(1));
    let bia = world.agent("bia").ready();
    ana.dies();
    bia.answers_after(secs(1));
    let call = caller(&world);
    world.within(8, "the other agent has him", |world| world.hear_each_other(&call, &bia));
    assert!(!ana.view().reachable);
    assert_eq!(ana.view().missed, 0);
    call.hangs_up();
    world.run_for(secs(40));
    ana.revives();
    ana.registers();
    world.within(3, "P36: back with the next registration", |_| ana.view().reachable && ana.status() == Status::Ready);
    world.settle();
}

/// Rule 20: said to be unavailable: re-routed at once.
#[test]
fn unavailable_goes_on_at_once() {
    let world = World::seed(45);
    let ana = world.agent("ana").ready();
    world.run_for(secs(1));
    let bia = world.agent("bia").ready();
    ana.does(Habit::Refuses(480));
    bia.answers_after(secs(1));
    let call = caller(&world);
    world.within(3, "the other agent has him", |world| world.hear_each_other(&call, &bia));
    call.hangs_up();
    world.settle();
    assert_eq!(ana.view().missed, 0);
}

/// Rule 19, P36: a phone that answers lives, whatever it answers. One that could not take the call is asked again after the queue's
/// pause, and its agent stays where he was; nobody logs in again by hand.
#[test]
fn p_36_a_phone_that_refuses_strangely_is_tried_again() {
    for status in [488, 500, 415, 302] {
        let world = World::seed(48);
        let ana = world.agent("ana").ready();
        world.run_for(secs(1));
        ana.does(Habit::Refuses(status));
        let call = caller(&world);
        world.within(3, "it was tried", |_| ana.all_calls().len() == 1);
        world.within(2, "the caller still waits", |world| world.hears(&call, Voice::MUSIC));
        assert!(ana.view().reachable && ana.status() == Status::Ready, "{status}");
        ana.answers_after(secs(1));
        world.within(14, "they talk", |world| world.hear_each_other(&call, &ana));
        assert_eq!((ana.all_calls().len(), ana.view().missed), (2, 0));
        call.hangs_up();
        world.settle();
    }
}

/// Rule 20, P36: a queue that gives a silent phone less time than the phones' own rule: its agent is back with the next
/// registration all the same.
#[test]
fn p_36_an_impatient_queue_keeps_nobody_out() {
    let world = World::seed(49);
    let ana = world.agent("ana").ready().queue_has(|queue| queue.device_dead_secs = 1);
    world.run_for(secs(1));
    ana.dies();
    let call = caller(&world);
    world.within(3, "it was tried", |_| !ana.view().reachable);
    ana.revives();
    ana.answers_after(secs(1));
    ana.registers();
    // The INVITE of the first offer, said again, may come to the phone behind that of the second.
    let talks = |world: &World| ana.all_calls().iter().any(|his| world.hear_each_other(&call, his));
    world.within(5, "he is back, and they talk", talks);
    call.hangs_up();
    world.settle();
}

/// Rule 9: Not Ready while it rings: withdrawn without penalty, the caller goes on at once.
#[test]
fn not_ready_while_ringing_withdraws() {
    let world = World::seed(46);
    let ana = world.agent("ana").ready();
    world.run_for(secs(1));
    let bia = world.agent("bia").ready();
    bia.answers_after(secs(1));
    let call = caller(&world);
    world.within(2, "it rings", |_| ana.is_ringing());
    ana.selects(Selection::not_ready("lunch")).unwrap();
    world.within(3, "the other agent has him", |world| world.hear_each_other(&call, &bia));
    assert_eq!(ana.call().end(), Some(End::Cancelled));
    assert_eq!((ana.status(), ana.view().missed), (Status::NotReady, 0));
    call.hangs_up();
    world.settle();
}

/// Rule 37, RT-15: a direct call makes an agent busy; no queue call rings him meanwhile.
#[test]
fn a_direct_call_makes_busy() {
    let world = World::seed(47);
    let ana = world.agent("ana").ready();
    let rui = world.phone("rui");
    rui.registers();
    world.run_for(secs(1));
    ana.answers_after(secs(1));
    let direct = rui.calls("ana");
    world.within(5, "they talk", |world| world.hear_each_other(&direct, &ana));
    assert_eq!(ana.status(), Status::Busy);
    let seen = || world.snapshot().calls[0].clone();
    assert_eq!(
        (seen().direct, seen().stage),
        (vec![ana.view().agent], CallStage::Talking),
        "she sees whom she talks to"
    );
    direct.holds(HoldForm::SendOnly);
    world.within(2, "the hold is seen", |_| seen().stage == CallStage::Held);
    direct.resumes();
    world.within(2, "and its end", |_| seen().stage == CallStage::Talking);
    let waiting = caller(&world);
    world.run_for(secs(10));
    assert_eq!(ana.all_calls().len(), 1, "busy is not rung");
    direct.hangs_up();
    world.within(5, "now the waiting one", |world| world.hear_each_other(&waiting, &ana));
    waiting.hangs_up();
    world.settle();
}

/// Rule 17 and not rule 20: a phone that only says "trying" is alive, and the offer rings to its end.
#[test]
fn trying_is_a_sign_of_life() {
    let world = World::seed(48);
    let ana = world.agent("ana").ready().queue_has(|queue| queue.ring_secs = 8);
    ana.does(Habit::Tries);
    let call = caller(&world);
    world.run_for(secs(7));
    assert_eq!((ana.status(), ana.view().missed), (Status::Ringing, 0));
    world.within(3, "missed", |_| ana.view().missed == 1);
    assert!(ana.view().reachable);
    call.hangs_up();
    world.settle();
}
