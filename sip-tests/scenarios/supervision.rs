//! Supervisors in calls: one who listens, whispers, barges or takes over. Who hears whom is a table, each cell of it measured.

use strowger::{
    acd::{PartEnd, Status},
    engine::{Request, Supervision},
};

use super::desk::{Desk, EVA, SOFIA, desk, desk_at_a_page, is_in};
use crate::sim::secs;

/// SV-07, SV-08, SW-10: listen, whisper, barge, by key and by page, and back; each cell of who hears whom.
#[test]
fn sv_07_sv_08_sw_10_who_hears_a_supervisor() {
    let desk = desk(303);
    let Desk { world, customer, ana, sofia, .. } = &desk;
    customer.listens_anew();
    ana.call().listens_anew();
    desk.supervises(Supervision::Listen).expect("rung");
    world.within(3, "she is in it", |_| is_in(sofia));
    world.run_for(secs(1));
    for call in [customer, &ana.call()] {
        let gap = call.with(|call| call.media.ear.longest_gap_us);
        assert!(gap <= 60_000, "nobody notices: {gap} us");
    }
    let listening = [".x.", "x..", "xx."];
    let whispering = [".x.", "x.x", "xx."];
    let barging = [".xx", "x.x", "xx."];
    assert_eq!(desk.table(), listening);
    for (mode, key, table) in [
        (Supervision::Whisper, "5", whispering),
        (Supervision::Barge, "6", barging),
        (Supervision::Listen, "4", listening),
    ] {
        desk.supervises(mode).expect("changed");
        assert_eq!(desk.table(), table, "{mode:?} by page");
        desk.supervises(Supervision::Listen).expect("changed");
        sofia.call().presses(key);
        world.run_for(secs(2));
        assert_eq!(desk.table(), table, "{mode:?} by key {key}");
        assert_eq!((customer.digits(), ana.call().digits()), (String::new(), String::new()), "her keys are her own");
    }
    desk.asks(Request::EndSupervision { call: desk.call(), user: SOFIA }).expect("left");
    world.within(1, "she is out", |_| sofia.call().is_over());
    assert_eq!(desk.table(), [".x", "x."]);
    desk.judges_streams(&[customer, &ana.call()]);
    customer.hangs_up();
    world.settle();
}

/// CH-13, SV-07, SV-08: the same with an agent at a page: a third joins and leaves, a supervisor listens, whispers and
/// barges; each cell of who hears whom.
#[test]
fn ch_13_sv_07_sv_08_who_hears_whom_with_a_page() {
    let (desk, page) = desk_at_a_page(319);
    let Desk { world, customer, eva, sofia, .. } = &desk;
    assert_eq!(desk.table(), [".x", "x."]);
    for _ in 0..2 {
        desk.adds("eva").expect("rung");
        world.within(3, "Eva is in it", |_| is_in(eva));
        world.run_for(secs(1));
        assert_eq!(desk.table(), [".xx", "x.x", "xx."], "customer, page, Eva");
        eva.hangs_up();
        world.run_for(secs(1));
        assert_eq!(desk.table(), [".x", "x."]);
    }
    desk.supervises(Supervision::Listen).expect("rung");
    world.within(3, "she is in it", |_| is_in(sofia));
    world.run_for(secs(1));
    for (mode, table) in [
        (Supervision::Listen, [".x.", "x..", "xx."]),
        (Supervision::Whisper, [".x.", "x.x", "xx."]),
        (Supervision::Barge, [".xx", "x.x", "xx."]),
        (Supervision::Listen, [".x.", "x..", "xx."]),
    ] {
        desk.supervises(mode).expect("changed");
        assert_eq!(desk.table(), table, "{mode:?}");
    }
    sofia.hangs_up();
    world.run_for(secs(1));
    assert_eq!(desk.table(), [".x", "x."]);
    desk.judges_streams(&[customer, &page.call()]);
    page.lets_go();
    world.settle();
}

/// SV-08: a supervisor takes over, from within or at once: she talks to the customer, the agent wraps up.
#[test]
fn sv_08_a_supervisor_takes_over() {
    for listens_first in [true, false] {
        let desk = desk(304);
        let Desk { world, customer, ana, sofia, .. } = &desk;
        if listens_first {
            desk.supervises(Supervision::Listen).expect("rung");
            world.within(3, "she is in it", |_| is_in(sofia));
        }
        desk.supervises(Supervision::TakeOver).expect("asked");
        world.within(3, "the agent is out of it", |_| ana.call().is_over());
        world.within(3, "they talk", |world| world.hear_each_other(customer, sofia));
        assert_eq!(ana.status(), Status::WrapUp);
        ana.asks(Request::FinishWrapUp { agent: ana.id, engagement: None }).unwrap();
        assert_eq!(world.engagements()[0].end, Some(PartEnd::TakenOver));
        desk.judges_streams(&[customer]);
        sofia.hangs_up();
        world.within(1, "over", |_| customer.is_over());
        world.settle();
    }
}

/// SV-08: of two supervisors who take a call over the first has it, and the other is told so: whoever is first, and whether
/// the second is in the call, comes to it, or is being rung for it.
#[test]
fn sv_08_of_two_who_take_over_the_first_has_the_call() {
    for sofia_is_first in [true, false] {
        let desk = desk(314);
        let Desk { world, customer, ana, eva, sofia } = &desk;
        let call = desk.call();
        let takes = |user, mode| desk.asks(Request::Supervise { call, user, mode });
        for (user, phone) in [(SOFIA, sofia), (EVA, eva)] {
            takes(user, Supervision::Listen).expect("rung");
            world.within(3, "in it", |_| is_in(phone));
        }
        let ((first, has), (second, other)) =
            if sofia_is_first { ((SOFIA, sofia), (EVA, eva)) } else { ((EVA, eva), (SOFIA, sofia)) };
        assert_eq!(takes(first, Supervision::TakeOver), Ok(()));
        let refused = takes(second, Supervision::TakeOver).expect_err("it is taken over");
        assert_eq!(refused.code, "taken_over");
        world.within(3, "the agent is out of it", |_| ana.call().is_over());
        world.within(3, "they talk", |world| world.hear_each_other(customer, has));
        desk.asks(Request::EndSupervision { call, user: second }).expect("left");
        world.within(1, "left", |_| other.all_calls().pop().is_some_and(|call| call.is_over()));
        let refused = takes(second, Supervision::TakeOver).expect_err("nor can he come for that");
        assert_eq!(refused.code, "taken_over");
        has.hangs_up();
        world.within(1, "over", |_| customer.is_over());
        world.settle();
    }
}

/// SV-08: a supervisor takes a call over while another's phone rings for the same: picked up, it is let go.
#[test]
fn sv_08_a_phone_that_rings_to_take_over_comes_too_late() {
    let desk = desk(315);
    let Desk { world, customer, ana, eva, sofia } = &desk;
    let call = desk.call();
    let takes = |user, mode| desk.asks(Request::Supervise { call, user, mode });
    takes(EVA, Supervision::Listen).expect("rung");
    world.within(3, "in it", |_| is_in(eva));
    takes(SOFIA, Supervision::TakeOver).expect("rung");
    takes(EVA, Supervision::TakeOver).expect("has it");
    world.within(3, "they talk", |world| world.hear_each_other(customer, eva));
    world.within(3, "hers is let go", |_| sofia.all_calls().pop().is_some_and(|call| call.is_over()));
    assert!(ana.call().is_over() && eva.all_calls().pop().is_some_and(|call| call.is_up()));
    world.within(1, "nothing changed for them", |world| world.hear_each_other(customer, eva));
    eva.hangs_up();
    world.within(1, "over", |_| customer.is_over());
    world.settle();
}

/// SV-07: her ear follows the customer when he is passed on; she and her call end with it.
#[test]
fn sv_07_an_ear_follows_a_transfer() {
    let desk = desk(305);
    let Desk { world, customer, ana, eva, sofia, .. } = &desk;
    desk.supervises(Supervision::Listen).expect("rung");
    world.within(3, "she is in it", |_| is_in(sofia));
    ana.call().refers("eva");
    world.within(5, "Eva has him", |_| is_in(eva));
    world.run_for(secs(1));
    assert_eq!(desk.table(), [".x.", "x..", "xx."], "customer, Eva, Sofia");
    assert_eq!(ana.status(), Status::WrapUp);
    // Into the queue again, to Ana.
    ana.selects(strowger::acd::Selection::Ready).expect("wraps up no more");
    eva.call().refers("800");
    world.within(8, "Ana has him again", |world| world.makes_out(customer, &ana.call()) && ana.call().is_up());
    world.run_for(secs(1));
    assert_eq!(desk.table().iter().map(String::len).collect::<Vec<_>>(), [3, 3, 3]);
    assert_eq!(desk.table(), [".x.", "x..", "xx."], "customer, Ana, Sofia");
    customer.hangs_up();
    world.within(1, "hers ends with it", |_| sofia.call().is_over());
    world.settle();
}
