//! Whom it rings: strategies, one winner, fairness.

use strowger::acd::{Status, Strategy};

use super::caller;
use crate::sim::{Agent, End, Habit, World, millis, secs};

fn three(world: &World) -> Vec<Agent> {
    ["ana", "bia", "eva"]
        .map(|name| {
            let agent = world.agent(name).ready();
            world.run_for(secs(2));
            agent
        })
        .into()
}

fn served(world: &World, agents: &[Agent]) -> usize {
    let call = caller(world);
    world.within(10, "served", |world| agents.iter().any(|agent| world.hear_each_other(&call, &**agent)));
    let by = agents.iter().position(|agent| world.hear_each_other(&call, &**agent)).unwrap();
    call.hangs_up();
    world.run_for(secs(2));
    by
}

/// RT-01: the longest idle, then the next, and round again.
#[test]
fn longest_idle_goes_round() {
    let world = World::seed(50);
    let agents = three(&world);
    agents.iter().for_each(|agent| agent.answers_after(secs(1)));
    let order: Vec<_> = (0..6).map(|_| served(&world, &agents)).collect();
    assert_eq!(order, [0, 1, 2, 0, 1, 2]);
    world.settle();
}

/// RT-01: in turn by the order of membership, whoever was idle longest.
#[test]
fn round_robin_takes_turns() {
    let world = World::seed(51);
    world.queue_has(|queue| queue.strategy = Strategy::RoundRobin);
    let agents = three(&world);
    agents.iter().for_each(|agent| agent.answers_after(secs(1)));
    let order: Vec<_> = (0..6).map(|_| served(&world, &agents)).collect();
    let first = order[0];
    assert_eq!(order, (0..6).map(|step| (first + step) % 3).collect::<Vec<_>>());
    world.settle();
}

/// RT-08, P2: all ring, one wins; the others stop as "answered elsewhere", without a missed call, and are Ready.
#[test]
fn ring_all_has_one_winner() {
    let world = World::seed(52);
    world.queue_has(|queue| queue.strategy = Strategy::RingAll);
    let agents = three(&world);
    agents[1].answers_after(secs(3));
    let call = caller(&world);
    world.within(2, "all ring", |_| agents.iter().all(|agent| agent.is_ringing()));
    world.within(5, "one has him", |world| world.hear_each_other(&call, &agents[1]));
    for loser in [&agents[0], &agents[2]] {
        assert_eq!(loser.call().end(), Some(End::Cancelled));
        assert!(loser.call().reasons().iter().any(|reason| reason.contains("cause=200")), "answered elsewhere");
        assert_eq!((loser.status(), loser.view().missed), (Status::Ready, 0));
    }
    call.hangs_up();
    world.settle();
}

/// RT-07, P34: a burst of calls rings every agent once, none twice.
#[test]
fn a_burst_is_spread() {
    let world = World::seed(53);
    let agents = three(&world);
    agents.iter().for_each(|agent| agent.answers_after(secs(1)));
    let carrier = world.carrier();
    let calls: Vec<_> = (0..5).map(|_| carrier.calls(super::SUPPORT_NUMBER)).collect();
    world.run_for(secs(4));
    assert!(agents.iter().all(|agent| agent.all_calls().len() == 1), "each has one");
    let talking = |world: &World| {
        calls.iter().filter(|call| agents.iter().any(|agent| world.hear_each_other(*call, &**agent))).count()
    };
    world.within(5, "three talk", |world| talking(world) == 3);
    for call in &calls {
        call.hangs_up();
    }
    world.settle();
}

/// RT-12, rules 19 and 20: a phone that answers lives. What it says it can't do it is asked again after `busy_secs`, as if it were
/// busy, and its agent stays where he is; who is not there at all (404) is gone. The caller has the next agent at once.
#[test]
fn rt_12_a_phone_that_can_not_is_no_dead_phone() {
    for (seed, status) in [(55, 302), (56, 488), (57, 500), (58, 503), (59, 404)] {
        let world = World::seed(seed);
        world.queue_has(|queue| (queue.strategy, queue.busy_secs) = (Strategy::Linear, 10));
        let agents = three(&world);
        agents[0].does(Habit::Refuses(status));
        agents[1].answers_after(millis(200));
        let first = caller(&world);
        world.within(3, "the next has him", |world| world.hear_each_other(&first, &agents[1]));
        let lives = status != 404;
        assert_eq!((agents[0].view().reachable, agents[0].view().missed), (lives, 0), "{status}");
        assert_eq!(agents[0].status(), if lives { Status::Ready } else { Status::Offline }, "{status}");
        agents[2].answers_after(millis(200));
        let second = caller(&world);
        world.within(3, "so has the second", |world| world.hear_each_other(&second, &agents[2]));
        assert_eq!(agents[0].all_calls().len(), 1, "{status}: not asked again so soon");
        if lives {
            let third = caller(&world);
            agents[0].answers_after(millis(200));
            world.run_for(secs(4));
            assert_eq!(agents[0].all_calls().len(), 1, "{status}");
            world.within(10, "then he is", |world| world.hear_each_other(&third, &agents[0]));
            third.hangs_up();
        }
        first.hangs_up();
        second.hangs_up();
        world.settle();
    }
}

/// P5: the last of a top-down list can't be reached while the others talk. Each caller comes to the first of them who is
/// free again, and the dead one at the end is not what they wait for.
#[test]
fn p_5_one_unavailable_agent_at_the_end_stops_nobody() {
    let world = World::seed(54);
    world.queue_has(|queue| queue.strategy = Strategy::Linear);
    let agents = three(&world);
    agents.iter().take(2).for_each(|agent| agent.answers_after(millis(200)));
    agents[2].does(Habit::Refuses(480));
    let carrier = world.carrier();
    let mut talks = Vec::new();
    for agent in agents.iter().take(2) {
        let call = carrier.calls(super::SUPPORT_NUMBER);
        world.within(3, "they talk", |world| world.hear_each_other(&call, agent));
        talks.push(call);
    }
    let waits = [(); 2].map(|()| carrier.calls(super::SUPPORT_NUMBER));
    world.run_for(secs(6));
    assert_eq!(
        agents.iter().map(|agent| agent.all_calls().len()).collect::<Vec<_>>(),
        [1, 1, 1],
        "the dead one was asked once"
    );
    for (agent, (talk, next)) in agents.iter().zip(talks.iter().zip(&waits)) {
        talk.hangs_up();
        world.within(2, "the next in line has him", |world| world.hear_each_other(next, agent));
    }
    assert_eq!(agents[2].all_calls().len(), 1);
    waits.iter().for_each(|call| call.hangs_up());
    world.settle();
}
