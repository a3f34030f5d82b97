//! The time after the call.

use strowger::{
    acd::{
        DirectKind, DispositionRule, DispositionSettings, Extend, Extension, MarkDone, NextStatus, NotReadyMode,
        PartEnd, Reason, Selection, Status, WorkChange,
    },
    base::{Private, UserId},
    engine::{Actor, Request},
};

use super::{caller, talking};
use crate::sim::{World, secs};

/// AW-01, AW-02, P14: the wrap-up is a status of its own, ends by its limit, and nobody rings meanwhile.
#[test]
fn a_wrap_up_runs_to_its_limit() {
    let world = World::seed(160);
    let ana = world.agent("ana").ready().queue_has(|queue| queue.acw_secs = 30);
    let call = talking(&world, &ana);
    call.hangs_up();
    world.within(1, "wraps up", |_| ana.status() == Status::WrapUp);
    let next = caller(&world);
    world.run_for(secs(25));
    assert_eq!((ana.status(), ana.all_calls().len()), (Status::WrapUp, 1));
    world.within(8, "then the next", |world| world.hear_each_other(&next, &ana));
    next.hangs_up();
    world.settle();
}

/// AW-03, AW-05: finished early, or made longer.
#[test]
fn a_wrap_up_is_finished_or_extended() {
    let world = World::seed(161);
    let ana = world.agent("ana").ready().queue_has(|queue| {
        queue.acw_secs = 20;
        queue.acw_extend = Extend::by(30, 1);
    });
    let call = talking(&world, &ana);
    ana.hangs_up();
    world.within(1, "wraps up", |_| ana.status() == Status::WrapUp);
    ana.asks(Request::ExtendWrapUp { agent: ana.id, engagement: None, by: Extension::Step }).unwrap();
    world.run_for(secs(40));
    assert_eq!(ana.status(), Status::WrapUp, "20 s and 30 more");
    let again = ana.asks(Request::ExtendWrapUp { agent: ana.id, engagement: None, by: Extension::Step });
    assert_eq!(again.unwrap_err().status, 409, "once only");
    ana.asks(Request::FinishWrapUp { agent: ana.id, engagement: None }).unwrap();
    assert_eq!(ana.status(), Status::Ready);
    assert!(call.is_over());
    world.settle();
}

/// AW-11, P11: each agent's wrap-up is his own.
#[test]
fn one_wrap_up_does_not_wait_for_another() {
    let world = World::seed(162);
    let (ana, bia) = (world.agent("ana").ready(), world.agent("bia").ready());
    world.queue_has(|queue| queue.acw_secs = 30);
    let calls = [talking(&world, &ana), talking(&world, &bia)];
    calls[0].hangs_up();
    world.run_for(secs(20));
    calls[1].hangs_up();
    world.run_for(secs(12));
    assert_eq!((ana.status(), bia.status()), (Status::Ready, Status::WrapUp));
    world.settle();
}

/// AW-07: what follows is what the queue says.
#[test]
fn the_queue_decides_what_follows() {
    for (next, status, reason) in [
        (NextStatus::Ready, Status::Ready, None),
        (NextStatus::NotReady(Reason::new("paperwork")), Status::NotReady, Some(Reason::new("paperwork"))),
        (NextStatus::Manual, Status::NotReady, Some(Reason::manual())),
    ] {
        let world = World::seed(163);
        let ana = world.agent("ana").ready().queue_has(|queue| queue.next_status = next.clone());
        let call = talking(&world, &ana);
        call.hangs_up();
        world.settle();
        assert_eq!((ana.status(), ana.view().selection.reason().cloned()), (status, reason), "{next:?}");
    }
}

/// Rule 11, AS-10: Not Ready asked for in a call comes at its end; rule 10: or at once, if the centre wants it so.
#[test]
fn not_ready_in_a_call_waits_for_its_end() {
    for mode in [NotReadyMode::Pending, NotReadyMode::Immediate] {
        let world = World::seed(164);
        world.centre_has(|centre| centre.acd.policies.not_ready_mode = mode);
        let ana = world.agent("ana").ready();
        let call = talking(&world, &ana);
        ana.selects(Selection::not_ready("lunch")).unwrap();
        let expected = if mode == NotReadyMode::Pending { Status::Busy } else { Status::NotReady };
        assert_eq!(ana.status(), expected);
        assert!(world.hear_each_other(&call, &ana), "the call goes on");
        call.hangs_up();
        world.settle();
        assert_eq!(ana.status(), Status::NotReady);
    }
}

/// AW-06: a supervisor ends a wrap-up.
#[test]
fn a_supervisor_ends_a_wrap_up() {
    let world = World::seed(165);
    let ana = world.agent("ana").ready().queue_has(|queue| queue.acw_secs = 300);
    let call = talking(&world, &ana);
    call.hangs_up();
    world.within(1, "wraps up", |_| ana.status() == Status::WrapUp);
    let request = Request::FinishWrapUp { agent: ana.id, engagement: None };
    world.asks(Actor::Supervisor(UserId(99)), request).unwrap();
    assert_eq!(ana.status(), Status::Ready);
    world.settle();
}

/// AW-08, AW-09, CH-18: the agent writes in the call and after it, Done is his, and the record has it under the call.
#[test]
fn what_the_agent_writes_is_in_the_record() {
    let world = World::seed(164);
    let ana = world.agent("ana").ready().queue_has(|queue| {
        (queue.mark_done, queue.disposition) = (MarkDone::Required, DispositionRule::Required);
    });
    world.centre_has(|centre| {
        centre.acd.dispositions = vec![DispositionSettings { key: "sold".into(), name: "Sold".into() }];
    });
    let call = talking(&world, &ana);
    let engagement = ana.view().engagements[0].engagement;
    let write = |change| ana.asks(Request::Write { agent: ana.id, engagement, change });
    write(WorkChange { notes: Some(Private::new("wants two".into())), ..WorkChange::default() }).unwrap();
    call.hangs_up();
    world.within(1, "wraps up", |_| ana.status() == Status::WrapUp);
    world.run_for(secs(900));
    let done = || ana.asks(Request::MarkDone { agent: ana.id, engagement, next: None });
    assert_eq!(done().unwrap_err().status, 409, "no disposition yet");
    write(WorkChange { disposition: Some(Some("sold".into())), ..WorkChange::default() }).unwrap();
    done().unwrap();
    assert_eq!(ana.status(), Status::Ready);
    let summary = world.engagements().pop().expect("it is over");
    assert_eq!(summary.call, Some(world.records()[0].call));
    assert_eq!(summary.work.disposition, Some("sold".into()));
    assert_eq!(summary.work.notes.reveal(), "wants two");
    world.settle();
}

/// AW-10: a call that an agent makes to the outside, one that comes to him from there, and one to a colleague are kinds of
/// their own; so is one that he makes while he has a customer.
#[test]
fn aw_10_each_kind_of_call_past_the_queues_has_its_own_rule() {
    for has in DirectKind::ALL {
        let world = World::seed(165);
        let (ana, eva) = (world.agent("ana").ready(), world.phone("eva"));
        eva.registers();
        let carrier = world.carrier();
        for phone in [&eva, &carrier] {
            phone.answers_after(secs(1));
        }
        world.centre_has(|centre| {
            let policies = &mut centre.acd.policies;
            (policies.direct_acw_secs, policies.direct_acw_types) = (20, [has].into());
        });
        world.run_for(secs(1));
        for (kind, number) in [(DirectKind::Outbound, "9+351210000002"), (DirectKind::Internal, "eva")] {
            let call = ana.calls(number);
            world.within(5, "they talk", |_| call.is_up());
            call.hangs_up();
            world.run_for(secs(1));
            assert_eq!(ana.status() == Status::WrapUp, kind == has, "{kind:?}, {has:?} has one");
            world.run_for(secs(20));
        }
        let customer = talking(&world, &ana);
        let asks = ana.calls("eva");
        world.within(5, "she asks eva", |_| asks.is_up());
        asks.hangs_up();
        customer.hangs_up();
        world.run_for(secs(1));
        assert_eq!(ana.status() == Status::WrapUp, has == DirectKind::Consult, "{has:?} has one");
        world.settle();
    }
}

/// CH-23, P21: how each agent's part in a call ended stands beside it: who hung up, or that the customer was passed on.
#[test]
fn ch_23_p_21_how_a_part_ended() {
    let ways = ["customer", "agent", "his page", "supervisor", "passed on", "asked first"];
    let ends = [PartEnd::Customer, PartEnd::Agent, PartEnd::Agent, PartEnd::Request];
    let ends = ends.into_iter().chain([PartEnd::Transferred; 2]);
    for (seed, (way, expected)) in (2_300..).zip(ways.into_iter().zip(ends)) {
        let world = World::seed(seed);
        let ana = world.agent("ana").ready();
        let eva = world.phone("eva");
        eva.registers();
        let call = talking(&world, &ana);
        eva.answers_after(secs(1));
        let number = || world.snapshot().calls[0].call;
        match way {
            "customer" => call.hangs_up(),
            "agent" => ana.call().hangs_up(),
            "his page" => drop(ana.asks(Request::HangUp { call: number() }).unwrap()),
            "supervisor" => {
                let boss = Actor::Supervisor(UserId(9));
                drop(world.asks(boss, Request::HangUp { call: number() }).unwrap());
            }
            _ => {
                if way == "passed on" {
                    ana.call().refers("eva");
                } else {
                    let asked = super::transfers::consults(&world, &ana.call(), &eva);
                    ana.all_calls()[0].refers_to(&asked, "eva");
                }
                world.within(6, "they talk", |world| world.hear_each_other(&call, &eva));
                call.hangs_up();
            }
        }
        world.settle();
        let ended: Vec<_> = world.engagements().iter().map(|it| (it.agent, it.end)).collect();
        assert_eq!(ended, [(ana.id, Some(expected))], "{way}");
    }
}

/// RP-09: each stretch of an agent's time goes out to be kept as soon as it is over, one behind the other.
#[test]
fn rp_09_an_agents_time_is_kept() {
    let world = World::seed(2_306);
    let ana = world.agent("ana").ready().queue_has(|queue| queue.acw_secs = 30);
    let call = talking(&world, &ana);
    world.run_for(secs(10));
    call.hangs_up();
    world.within(32, "Ready again", |_| ana.status() == Status::Ready);
    ana.selects(Selection::not_ready("lunch")).unwrap();
    world.settle();
    let spans: Vec<_> = world.spans().into_iter().filter(|span| span.agent == ana.id).collect();
    assert!(spans.windows(2).all(|pair| pair[0].to == pair[1].from), "{spans:#?}");
    let last: Vec<_> = spans.iter().rev().take(4).map(|span| span.status).collect();
    assert_eq!(last, [Status::Ready, Status::WrapUp, Status::Busy, Status::Ringing], "{spans:#?}");
    let wrapped_up = spans.iter().find(|span| span.status == Status::WrapUp).unwrap();
    assert_eq!(wrapped_up.to.0 - wrapped_up.from.0, 30_000);
}
