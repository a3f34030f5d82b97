//! A caller comes over the trunk and waits for an agent.

use strowger::{
    acd::{Outcome, Selection, Status},
    base::UserId,
    engine::{Actor, Direction, Happened, QueueVoice, Request, Spoken, WaitingSound},
    switch::Destination,
};

use super::{SUPPORT_NUMBER, caller, talking};
use crate::sim::{End, Habit, SUPPORT, Voice, World, millis, secs};

/// AP-05, RT-01: the first slice of all: a carrier's call reaches a Ready agent, both hear each other, both are released.
#[test]
fn a_carriers_call_reaches_a_ready_agent() {
    let world = World::seed(30);
    let ana = world.agent("ana").ready();
    let call = talking(&world, &ana);
    assert_eq!(ana.status(), Status::Busy);
    call.hangs_up();
    world.settle();
    assert_eq!(ana.status(), Status::Ready);
    let records = world.records();
    assert_eq!(records.len(), 1);
    let record = &records[0];
    assert_eq!(record.direction, Direction::Inbound);
    let queue = record.queue.as_ref().expect("it went through a queue");
    assert_eq!((queue.outcome.as_str(), queue.agent), ("answered", Some(ana.id)));
    assert!(record.answered.is_some() && record.connected.is_some());
}

/// QE-04: who waits hears music, until an agent is there.
#[test]
fn who_waits_hears_music() {
    let world = World::seed(31);
    let ana = world.agent("ana");
    ana.answers_after(secs(2));
    let call = caller(&world);
    world.within(2, "music", |world| world.hears(&call, Voice::MUSIC));
    world.run_for(secs(30));
    assert!(world.hears(&call, Voice::MUSIC), "and goes on hearing it");
    let ana = ana.ready();
    world.within(6, "they talk", |world| world.hear_each_other(&call, &ana));
    assert!(world.is_spared(&call, Voice::MUSIC));
    ana.hangs_up();
    world.settle();
    assert_eq!(call.end(), Some(End::TheyHungUp));
}

/// AS-01, RT-17: an agent who becomes Ready is rung for a waiting caller in the same moment.
#[test]
fn ready_rings_at_once() {
    let world = World::seed(32);
    let ana = world.agent("ana").ready();
    ana.selects(Selection::not_ready("lunch")).unwrap();
    let call = caller(&world);
    world.run_for(secs(10));
    assert!(!ana.is_ringing(), "Not Ready is not rung");
    let before = world.clock();
    ana.selects(Selection::Ready).unwrap();
    world.within(1, "it rings", |_| ana.is_ringing());
    let rang = ana.call().with(|call| call.began);
    assert!(rang.since(before) < millis(20), "{:?}", rang.since(before));
    ana.call().answers();
    world.within(3, "they talk", |world| world.hear_each_other(&call, &ana));
    call.hangs_up();
    world.settle();
}

/// QM-03: nobody gets an agent before one who came earlier.
#[test]
fn callers_are_served_in_their_order() {
    let world = World::seed(33);
    let ana = world.agent("ana");
    ana.does(Habit::AnswersThenLeaves(secs(1), secs(5)));
    let calls: Vec<_> = (0..4)
        .map(|_| {
            let call = caller(&world);
            world.run_for(secs(1));
            call
        })
        .collect();
    let ana = ana.ready();
    for call in &calls {
        world.within(10, "his turn", |world| world.hear_each_other(call, &ana));
        world.within(10, "over", |_| call.is_over());
    }
    world.settle();
}

/// RT-10, P3: the caller leaves while an agent rings: the phone is silent within 50 ms, and nobody is blamed.
#[test]
fn a_caller_who_leaves_stops_the_ringing() {
    let world = World::seed(34);
    let ana = world.agent("ana").ready();
    let call = caller(&world);
    world.within(2, "it rings", |_| ana.is_ringing());
    let left = world.clock();
    call.hangs_up();
    world.within(1, "it stops", |_| !ana.is_ringing());
    let stopped = ana.call().with(|call| call.ended).unwrap();
    assert!(stopped.since(left) < millis(50), "{:?}", stopped.since(left));
    world.settle();
    assert_eq!((ana.status(), ana.view().missed), (Status::Ready, 0));
    let abandoned = |what: &Happened| {
        let Happened::Left { outcome, .. } = what else { return false };
        matches!(outcome, Outcome::AbandonedShort | Outcome::AbandonedRinging | Outcome::Abandoned)
    };
    assert_eq!(world.happened().iter().filter(|what| abandoned(what)).count(), 1, "exactly one outcome");
}

/// P16, RT-09: an agent who answers and leaves at once costs the caller nothing.
#[test]
fn a_winner_without_media_gives_the_caller_back() {
    let world = World::seed(35);
    let ana = world.agent("ana").ready();
    world.run_for(secs(1));
    let bia = world.agent("bia").ready();
    ana.can(crate::sim::Abilities { codecs: Vec::new(), event: None, lines: "" });
    ana.answers_after(secs(1));
    bia.answers_after(secs(1));
    let call = caller(&world);
    world.within(30, "the other agent has him", |world| world.hear_each_other(&call, &bia));
    assert!(ana.call().is_over());
    call.hangs_up();
    world.settle();
    assert_eq!(world.records().len(), 1);
}

/// The agent sees who calls, and from which queue.
#[test]
fn an_offer_shows_caller_and_queue() {
    let world = World::seed(36);
    let ana = world.agent("ana").ready();
    let call = caller(&world);
    world.within(2, "it rings", |_| ana.is_ringing());
    let invite = ana.call().with(|call| call.invite.clone()).unwrap();
    let from = invite.header(strowger::wire::sip::Name::From).unwrap().to_owned();
    assert!(from.contains("+351919999999") && from.contains("support"), "RT-14: {from}");
    call.hangs_up();
    world.settle();
}

/// QE-14, OP-04: who still waits when the switch has to end has not given up; his record and his queue say so.
#[test]
fn qe_14_who_waits_at_the_end_has_not_given_up() {
    let world = World::seed(38);
    let _ana = world.agent("ana");
    let call = caller(&world);
    world.run_for(secs(20));
    let id = world.snapshot().calls[0].call;
    world.asks(Actor::System, Request::HangUp { call: id }).expect("done");
    world.within(2, "he is let go", |_| call.is_over());
    world.settle();
    assert_eq!(world.records().pop().unwrap().queue.unwrap().outcome, "shutdown");
}

/// QE-14, QE-15: whom a supervisor hangs up while he waits, or puts out of his call, has not given up either: he was withdrawn.
#[test]
fn qe_14_who_is_hung_up_while_he_waits_was_withdrawn() {
    for (rings, puts_out) in [(false, false), (true, false), (false, true), (true, true)] {
        let world = World::seed(39);
        let ana = world.agent("ana");
        let ana = if rings { ana.ready() } else { ana };
        let call = caller(&world);
        world.run_for(secs(8));
        assert_eq!(ana.is_ringing(), rings);
        let view = world.snapshot().calls[0].clone();
        let request = match puts_out {
            true => Request::DropLeg { call: view.call, leg: view.legs[0].leg },
            false => Request::HangUp { call: view.call },
        };
        world.asks(Actor::Supervisor(UserId(9)), request).expect("done");
        world.within(2, "he is let go", |_| call.is_over());
        world.settle();
        let queue = world.records().pop().unwrap().queue.unwrap();
        assert_eq!((queue.outcome.as_str(), queue.waited_ms > 7_000), ("withdrawn", true));
        let today = world.snapshot().acd.queues[0].today;
        assert_eq!((today.abandoned, today.abandoned_short, today.other), (0, 0, 1));
    }
}

/// AS-21, RT-12, I4: an agent who waits in his own queue as a caller and leaves, in whichever way, is not offered himself: he is
/// Ready, and the next caller is his.
#[test]
fn as_21_who_waited_in_his_own_queue_is_ready_again() {
    for (seed, by_request) in [(40, false), (41, true)] {
        let world = World::seed(seed);
        let ana = world.agent("ana").ready();
        let own = ana.calls("800");
        world.run_for(secs(3));
        assert_eq!(ana.status(), Status::Busy);
        if by_request {
            let call = world.snapshot().calls[0].call;
            world.asks(Actor::Supervisor(UserId(9)), Request::HangUp { call }).expect("done");
        } else {
            own.hangs_up();
        }
        world.run_for(secs(1));
        assert!(own.is_over());
        assert_eq!((ana.status(), ana.view().reachable), (Status::Ready, true), "{seed}");
        let call = talking(&world, &ana);
        call.hangs_up();
        world.settle();
        assert_eq!(world.records()[0].queue.as_ref().unwrap().offers, 0, "nobody was asked");
    }
}

/// QE-10: a full queue says so and keeps nothing.
#[test]
fn a_full_queue_refuses() {
    let world = World::seed(37);
    world.queue_has(|queue| queue.max_waiting = 2);
    let _ana = world.agent("ana");
    let waiting = [caller(&world), caller(&world)];
    let refused = world.carrier().calls(SUPPORT_NUMBER);
    world.within(5, "refused", |_| refused.is_over());
    assert!(matches!(refused.end(), Some(End::Refused(486 | 503 | 480 | 600))), "{:?}", refused.end());
    for call in &waiting {
        call.hangs_up();
    }
    world.settle();
}

/// QE-14: a wait that is too long ends, and is said to have expired.
#[test]
fn a_wait_has_an_end() {
    let world = World::seed(38);
    world.queue_has(|queue| queue.max_wait_secs = 20);
    let _ana = world.agent("ana");
    let call = caller(&world);
    world.within(25, "it ends", |_| call.is_over());
    assert_eq!(call.end(), Some(End::TheyHungUp));
    world.settle();
    assert_eq!(world.records()[0].queue.as_ref().unwrap().outcome, "expired");
}

/// AD-03: a queue goes from the settings while somebody waits in it. He hears its music on and is served; a newcomer finds no
/// such number.
#[test]
fn ad_03_who_waits_in_a_queue_that_goes_is_served() {
    let world = World::seed(49);
    let ana = world.agent("ana").ready();
    ana.selects(Selection::not_ready("lunch")).unwrap();
    let call = caller(&world);
    world.within(2, "music", |world| world.hears(&call, Voice::MUSIC));
    the_queue_goes(&world);
    world.run_for(secs(5));
    assert!(call.is_up() && world.hears(&call, Voice::MUSIC), "nobody who waits notices");
    let late = world.carrier().calls(SUPPORT_NUMBER);
    world.within(3, "a newcomer is refused", |_| late.is_over());
    ana.answers_after(secs(1));
    ana.selects(Selection::Ready).unwrap();
    world.within(5, "they talk", |world| world.hear_each_other(&call, &ana));
    call.hangs_up();
    world.settle();
    assert!(world.snapshot().acd.queues.is_empty(), "and then it is gone");
    assert_eq!(ana.status(), Status::Ready);
}

/// AD-03, OP-02: the process dies while somebody waits in a queue that went from the settings. In the next one he hears what that
/// queue lets hear, here nothing, and is served.
#[test]
fn ad_03_a_queue_that_goes_outlives_a_crash() {
    for compacted in [false, true] {
        let world = World::seed(50);
        world.centre_has(|centre| {
            let (waiting, spoken) = (WaitingSound::Silence, Spoken::default());
            centre.queues.push(QueueVoice { queue: SUPPORT, waiting, caller_id: None, spoken });
        });
        let ana = world.agent("ana").ready();
        ana.selects(Selection::not_ready("lunch")).unwrap();
        let call = caller(&world);
        world.run_for(secs(2));
        the_queue_goes(&world);
        world.run_for(secs(2));
        if compacted {
            world.compacts();
        }
        world.crashes();
        world.run_for(millis(200));
        world.starts();
        world.run_for(secs(5));
        assert!(call.is_up(), "nobody who waits notices");
        assert!(!world.hears(&call, Voice::MUSIC), "the centre's music is not this queue's");
        let late = world.carrier().calls(SUPPORT_NUMBER);
        world.within(3, "a newcomer is refused", |_| late.is_over());
        ana.answers_after(secs(1));
        ana.selects(Selection::Ready).unwrap();
        world.within(5, "they talk", |world| world.hear_each_other(&call, &ana));
        call.hangs_up();
        world.settle();
        assert!(world.snapshot().acd.queues.is_empty(), "and then it is gone");
        let queues: Vec<_> = world.records().into_iter().filter_map(|record| record.queue).collect();
        assert_eq!(
            queues.iter().map(|it| (it.queue, it.outcome.as_str())).collect::<Vec<_>>(),
            [(SUPPORT, "answered")]
        );
    }
}

/// From the settings, with the way that leads to it.
fn the_queue_goes(world: &World) {
    world.centre_has(|centre| {
        centre.acd.queues.clear();
        centre.queues.clear();
        centre.routes.retain(|route| !matches!(route.destination, Destination::Queue(_)));
    });
}
