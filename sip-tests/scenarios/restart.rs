//! The process dies without a word and starts again on its journal.

use strowger::acd::{Reason, Selection, Status};

use super::{caller, talking};
use crate::sim::{World, secs};

/// OP-01, P20: Not Ready with its reason, and who is registered, survive; the next call is served.
#[test]
fn selections_and_bindings_survive() {
    for compacted in [false, true] {
        let world = World::seed(140);
        let (ana, bia) = (world.agent("ana").ready(), world.agent("bia").ready());
        ana.selects(Selection::not_ready("lunch")).unwrap();
        world.run_for(secs(60));
        if compacted {
            world.compacts();
        }
        let since = ana.view().since;
        world.crashes();
        world.run_for(secs(5));
        world.starts();
        world.run_for(secs(1));
        let view = ana.view();
        assert_eq!((view.status, view.selection.reason()), (Status::NotReady, Some(&Reason::new("lunch"))));
        assert_eq!(view.since, since, "the timer of the status goes on");
        assert_eq!(bia.status(), Status::Ready);
        let call = talking(&world, &bia);
        call.hangs_up();
        world.settle();
        assert!(ana.all_calls().is_empty());
    }
}

/// AS-15: also in a call that came through no queue an agent is Busy since he is, and what he wants afterwards comes
/// afterwards.
#[test]
fn as_15_a_direct_call_keeps_its_timer() {
    let world = World::seed(141);
    let ana = world.agent("ana").ready();
    let eva = world.phone("eva");
    eva.registers();
    world.run_for(secs(1));
    ana.answers_after(secs(1));
    eva.calls("ana");
    world.within(5, "they talk", |world| world.hear_each_other(&eva, &ana));
    ana.selects(Selection::not_ready("lunch")).unwrap();
    world.run_for(secs(20));
    let (since, waits) = (ana.view().since, caller(&world));
    world.crashes();
    world.run_for(secs(2));
    world.starts();
    world.within(3, "they talk on", |world| world.hear_each_other(&eva, &ana));
    let view = ana.view();
    assert_eq!((view.status, view.since), (Status::Busy, since));
    assert!(view.pending.is_some());
    eva.hangs_up();
    world.run_for(secs(2));
    assert_eq!((ana.status(), ana.is_ringing()), (Status::NotReady, false));
    waits.hangs_up();
    world.settle();
}

/// AW-12: a wrap-up keeps its end.
#[test]
fn a_wrap_up_keeps_its_deadline() {
    let world = World::seed(142);
    let ana = world.agent("ana").ready().queue_has(|queue| queue.acw_secs = 60);
    let call = talking(&world, &ana);
    call.hangs_up();
    world.within(2, "wraps up", |_| ana.status() == Status::WrapUp);
    let until = ana.view().until.unwrap();
    world.run_for(secs(10));
    world.crashes();
    world.run_for(secs(5));
    world.starts();
    world.run_for(secs(1));
    assert_eq!((ana.status(), ana.view().until), (Status::WrapUp, Some(until)));
    world.run_for(secs(42));
    assert_eq!(ana.status(), Status::WrapUp);
    world.within(4, "ends on time", |_| ana.status() == Status::Ready);
    world.settle();
}

/// A caller who waits when the process dies is not left in a queue that nobody knows.
#[test]
fn a_waiting_caller_is_not_left_behind() {
    let world = World::seed(143);
    let ana = world.agent("ana");
    let call = caller(&world);
    world.run_for(secs(5));
    world.crashes();
    world.starts();
    world.run_for(secs(1));
    call.hangs_up();
    let ana = ana.ready();
    world.settle();
    assert!(ana.all_calls().is_empty(), "a caller who is gone rings nobody");
}

/// What was told as done is done, whenever the process dies: the reply waits for the disk.
#[test]
fn what_was_acknowledged_is_kept() {
    for delay in 0..8 {
        let world = World::seed(150 + delay);
        let ana = world.agent("ana").ready();
        let reply = ana.selects(Selection::not_ready("lunch"));
        world.crashes();
        world.starts();
        world.run_for(secs(1));
        assert!(reply.is_ok());
        assert_eq!(ana.status(), Status::NotReady);
        let eva = world.agent("eva");
        eva.registers();
        world.within(3, "registered", |_| eva.registered() == Some(200));
        world.crashes();
        world.starts();
        world.run_for(secs(1));
        assert!(eva.view().reachable, "a 200 to REGISTER is a promise");
        world.settle();
    }
}
