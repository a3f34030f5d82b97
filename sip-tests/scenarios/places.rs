//! Who stands where in a line: callers who come back to it, are put back into it, or are passed on to it.

use strowger::{
    acd::{Actor, Status},
    base::UserId,
    engine::{Request, ToQueue},
};

use super::{
    caller,
    menus::{SALES, has_menus},
    talking,
};
use crate::sim::{Agent, Call, Habit, Phone, SUPPORT, Voice, World, secs};

/// A user who calls the queue and hears music.
fn waits(world: &World, phone: &Phone) -> Call {
    let call = phone.calls("800");
    world.within(3, "music", |world| world.hears(&call, Voice::MUSIC));
    call
}

fn queue_has(world: &World, change: impl Fn(&mut strowger::acd::QueueSettings)) {
    world.centre_has(|centre| change(centre.acd.queues.get_mut(&SUPPORT).unwrap()));
}

/// An agent who is free from now on.
fn free(world: &World, name: &str) -> Agent {
    let agent = world.agent(name);
    agent.answers_after(secs(1));
    agent.ready()
}

/// QE-13: who hung up and calls again in time is before those who came meanwhile; too late he is behind them.
#[test]
fn qe_13_who_calls_again_has_his_place() {
    for (seed, away, first) in [(1700, 10, "eva"), (1701, 70, "rui")] {
        let world = World::seed(seed);
        queue_has(&world, |queue| queue.resume_secs = 60);
        let (eva, rui) = (world.phone("eva"), world.phone("rui"));
        eva.registers();
        rui.registers();
        world.run_for(secs(1));
        let gone = waits(&world, &eva);
        let later = waits(&world, &rui);
        gone.hangs_up();
        world.run_for(secs(away));
        let again = waits(&world, &eva);
        let ana = free(&world, "ana");
        let (one, other) = if first == "eva" { (&again, &later) } else { (&later, &again) };
        world.within(6, first, |world| world.hear_each_other(one, &ana));
        assert!(world.hears(other, Voice::MUSIC));
        one.hangs_up();
        other.hangs_up();
        world.settle();
    }
}

/// AS-21, QE-09: a customer whose agent's phone is gone is back in his queue though it is full by now.
#[test]
fn as_21_a_full_queue_takes_its_own_back() {
    let world = World::seed(1702);
    queue_has(&world, |queue| queue.max_waiting = 1);
    let ana = world.agent("ana").ready();
    let call = talking(&world, &ana);
    let later = caller(&world);
    ana.dies();
    world.within(70, "music", |world| world.hears(&call, Voice::MUSIC));
    let bia = free(&world, "bia");
    world.within(6, "he has the next agent", |world| world.hear_each_other(&call, &bia));
    assert!(world.hears(&later, Voice::MUSIC));
    call.hangs_up();
    later.hangs_up();
    let now = world.clock();
    ana.revives();
    ana.call().with(|call| call.finish(now, crate::sim::End::Silence));
    world.settle();
}

/// CH-09: who is passed on to a queue is behind who came before, unless the centre raises him or lets him keep his place.
#[test]
fn ch_09_the_place_of_one_who_is_passed_on() {
    let rules = [(0, false, false), (1, false, true), (0, true, true)];
    for (seed, (boost, keep_place, first)) in (1703..).zip(rules) {
        let world = World::seed(seed);
        world.centre_has(|centre| centre.to_queue = ToQueue { boost, keep_place });
        queue_has(&world, |queue| queue.acw_secs = 60);
        let ana = world.agent("ana").ready();
        let call = talking(&world, &ana);
        let later = caller(&world);
        world.run_for(secs(5));
        ana.call().refers("800");
        world.within(2, "the queue has him", |world| ana.call().is_over() && world.hears(&call, Voice::MUSIC));
        assert_eq!(ana.status(), Status::WrapUp);
        let bia = free(&world, "bia");
        let (one, other) = if first { (&call, &later) } else { (&later, &call) };
        world.within(6, "the first", |world| world.hear_each_other(one, &bia));
        assert!(!world.hear_each_other(other, &bia), "{boost} {keep_place}");
        one.hangs_up();
        other.hangs_up();
        world.settle();
    }
}

/// QE-12, QE-15: a priority that a supervisor has given outlives a step of the chain outside the queues.
#[test]
fn qe_12_qe_15_a_given_priority_goes_along() {
    let world = World::seed(1706);
    has_menus(&world, []);
    queue_has(&world, |queue| {
        (queue.max_wait_secs, queue.overflow) = (5, vec!["user:eva".parse().unwrap(), "queue:sales".parse().unwrap()]);
    });
    let eva = world.phone("eva");
    eva.registers();
    eva.does(Habit::Refuses(486));
    world.run_for(secs(1));
    let call = caller(&world);
    let waits_in = |world: &World, queue| {
        let queues = world.snapshot().acd.queues;
        queues.into_iter().find(|view| view.queue == queue).map(|view| view.waiting).unwrap_or_default()
    };
    let interaction = waits_in(&world, SUPPORT)[0].interaction;
    world.asks(Actor::Supervisor(UserId(9)), Request::SetPriority { interaction, priority: 7 }).unwrap();
    world.within(8, "he waits in the other queue", |world| !waits_in(world, SALES).is_empty());
    assert_eq!((eva.all_calls().len(), waits_in(&world, SALES)[0].priority), (1, 7));
    world.within(2, "music again", |world| world.hears(&call, Voice::MUSIC));
    call.hangs_up();
    world.settle();
}
