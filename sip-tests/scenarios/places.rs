//! Who stands where in a line: callers who come back to it, are put back into it, or are passed on to it.

use strowger::{
    acd::{Actor, Selection, Status},
    base::UserId,
    engine::{Clip, Input, Request, Said, StoryEvent, ToQueue},
    media::spoken::Language,
};

use super::{
    caller,
    menus::{SALES, asked, calls_menu, has_menus, seller},
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

/// RT-03, RT-05, QE-12: what a call needs of an agent, and whose customer he is, outlive a step of the chain outside the
/// queues: in the queue behind it his own agent is waited for, and then only who has the skill is asked.
#[test]
fn rt_03_rt_05_skills_and_owner_go_along() {
    let world = World::seed(1707);
    has_menus(
        &world,
        [serde_json::json!({ "key": "main", "look_up": "crm", "to": "queue:support", "otherwise": "hangup" })],
    );
    queue_has(&world, |queue| {
        (queue.max_wait_secs, queue.overflow) = (5, vec!["user:eva".parse().unwrap(), "queue:sales".parse().unwrap()]);
    });
    let eva = world.phone("eva");
    eva.registers();
    eva.does(Habit::Refuses(486));
    let (bia, rui, ana) = (seller(&world, "bia"), seller(&world, "rui"), seller(&world, "ana"));
    world.centre_has(|centre| {
        for (agent, level) in [(rui.id, 5), (ana.id, 4)] {
            centre.acd.agents.get_mut(&agent).unwrap().skills = [("pt".to_owned(), level)].into();
        }
    });
    ana.selects(Selection::not_ready("lunch")).unwrap();
    let call = calls_menu(&world);
    let json = serde_json::json!({ "skills": { "pt": 3 }, "agent": "ana", "agent_secs": 20 });
    let ask = asked(&world)[0].ask;
    world.feeds(Input::Answered { ask, said: Ok(Said { status: 200, json }) });
    let in_sales =
        |world: &World| world.snapshot().acd.queues.iter().any(|it| it.queue == SALES && !it.waiting.is_empty());
    world.within(8, "eva is busy, and he waits in the other queue", in_sales);
    assert_eq!(eva.all_calls().len(), 1);
    world.run_for(secs(18));
    assert!(bia.all_calls().is_empty() && rui.all_calls().is_empty(), "his own agent is waited for");
    world.within(4, "who has the skill is asked", |_| rui.is_ringing());
    assert!(bia.all_calls().is_empty(), "who lacks it was idle longer");
    rui.call().answers();
    world.within(3, "they talk", |world| world.hear_each_other(&call, &rui));
    call.hangs_up();
    world.settle();
}

/// OP-10, QE-03: the wall clock is set back or forward by an hour while one talks, one waits, and one wraps up: calls, rings
/// and wrap-ups go on and end in their time, whoever comes later stands behind who waits, and records last as long as the
/// calls did.
#[test]
fn op_10_a_clock_that_is_set_moves_nobody() {
    for (seed, millis) in [(1708, 3_600_000), (1709, -3_600_000)] {
        let world = World::seed(seed);
        let ana = world.agent("ana").ready().queue_has(|queue| (queue.acw_secs, queue.ring_secs) = (30, 8));
        let talks = talking(&world, &ana);
        let first = caller(&world);
        world.run_for(secs(20));
        world.sets_wall_clock_by(millis);
        world.run_for(secs(100));
        assert!(world.hear_each_other(&talks, &ana) && world.hears(&first, Voice::MUSIC), "both go on");
        let second = caller(&world);
        talks.hangs_up();
        world.within(1, "wraps up", |_| ana.status() == Status::WrapUp);
        world.sets_wall_clock_by(-2 * millis);
        world.run_for(secs(28));
        assert_eq!(ana.status(), Status::WrapUp, "not sooner");
        world.within(6, "then the first in line has her", |world| world.hear_each_other(&first, &ana));
        assert!(world.hears(&second, Voice::MUSIC));
        first.hangs_up();
        second.hangs_up();
        world.settle();
        let records = world.records();
        let lasted = |record: &strowger::engine::CallRecord| record.ended.0 - record.began.0;
        assert!((120_000..128_000).contains(&lasted(&records[0])), "{records:#?}");
        for record in &records {
            assert!((0..200_000).contains(&lasted(record)), "{record:#?}");
            assert!(
                record.legs.iter().all(|leg| (0..=lasted(record)).contains(&(leg.ended.0 - leg.began.0))),
                "{record:#?}"
            );
            let mut story = record.queue.as_ref().unwrap().story.iter();
            assert!(story.all(|step| (record.began..=record.ended).contains(&step.at)), "{record:#?}");
        }
        let talked = world.engagements()[0].talk_ms;
        assert!((118_000..126_000).contains(&talked), "{talked}");
    }
}

/// QE-12: a chain from queue to queue, to a colleague, to a number outside and to a clip: at each step he hears what belongs
/// there, each is tried once, and behind the clip's last sample he is hung up.
#[test]
fn qe_12_a_whole_chain_is_heard() {
    let world = World::seed(1710);
    has_menus(&world, []);
    let sorry = Language::English.clip("thanks").unwrap();
    world.centre_has(|centre| {
        centre.clips.push(Clip { id: sorry, name: "sorry".into() });
        for (queue, chain) in
            [(SUPPORT, vec!["queue:sales"]), (SALES, vec!["user:eva", "number:9+351210000002", "clip:sorry"])]
        {
            let queue = centre.acd.queues.get_mut(&queue).unwrap();
            (queue.max_wait_secs, queue.overflow) = (5, chain.iter().map(|to| to.parse().unwrap()).collect());
        }
    });
    let (eva, carrier) = (world.phone("eva"), world.carrier());
    eva.registers();
    eva.does(Habit::RingsThenRefuses(secs(4), 486));
    carrier.does(Habit::RingsThenRefuses(secs(4), 503));
    world.run_for(secs(1));
    let call = caller(&world);
    let in_sales =
        |world: &World| world.snapshot().acd.queues.iter().any(|it| it.queue == SALES && !it.waiting.is_empty());
    world.within(3, "music", |world| world.hears(&call, Voice::MUSIC));
    world.within(6, "the next queue", in_sales);
    world.within(2, "music there too", |world| world.hears(&call, Voice::MUSIC));
    world.within(7, "the colleague rings", |_| eva.is_ringing());
    world.within(3, "and he hears it", |world| world.hears(&call, Voice::RINGBACK));
    world.within(5, "then the number outside", |_| carrier.is_ringing());
    world.within(3, "and he hears that", |world| world.hears(&call, Voice::RINGBACK));
    call.tapes();
    world.within(12, "the clip, and over", |_| call.is_over());
    assert!(call.heard(&[sorry]).is_some(), "to its last sample");
    assert_eq!((eva.all_calls().len(), carrier.all_calls().len()), (1, 2), "the other one is his own");
    world.settle();
    let record = &world.records()[0];
    let led = record.queue.iter().flat_map(|queue| &queue.story).filter_map(|step| {
        let StoryEvent::Left { onward, .. } = &step.what else { return None };
        onward.as_ref().map(ToString::to_string)
    });
    assert_eq!(led.collect::<Vec<_>>(), ["queue:sales", "user:eva"]);
}
