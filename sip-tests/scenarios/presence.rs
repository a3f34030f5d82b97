//! Agents come and go, by page and by phone.

use strowger::{
    acd::{DevicePresence, LoginDefault, Reason, Selection, Status},
    engine::Request,
};

use super::{caller, talking};
use crate::sim::{Agent, End, World, secs};

fn with_page(world: &World, login: LoginDefault) -> Agent {
    world.centre_has(|centre| {
        centre.acd.policies.device_presence = DevicePresence::Off;
        centre.acd.policies.default_on_login = login;
    });
    let ana = world.agent("ana");
    ana.registers();
    world.within(3, "registered", |_| ana.registered() == Some(200));
    assert_eq!(ana.status(), Status::Offline, "a phone alone does not sign in");
    ana.signs_in()
}

/// AS-06: signed in and nothing chosen yet: Not Ready or Ready, as the centre wants it.
#[test]
fn signing_in_is_not_yet_being_ready() {
    let world = World::seed(180);
    let ana = with_page(&world, LoginDefault::NotReady);
    assert_eq!((ana.status(), ana.view().selection.reason()), (Status::NotReady, Some(&Reason::login())));
    let call = caller(&world);
    world.run_for(secs(5));
    assert!(!ana.is_ringing(), "no queue calls");
    ana.answers_after(secs(1));
    ana.selects(Selection::Ready).unwrap();
    world.within(5, "they talk", |world| world.hear_each_other(&call, &ana));
    call.hangs_up();
    world.settle();

    let world = World::seed(181);
    assert_eq!(with_page(&world, LoginDefault::Ready).status(), Status::Ready);
}

/// AS-05, AS-21, P31: a page that is gone is missed after its grace; then nobody rings there.
#[test]
fn a_page_that_stays_away_is_offline() {
    let world = World::seed(182);
    let ana = with_page(&world, LoginDefault::Ready);
    world.session(ana.id, false);
    world.run_for(secs(20));
    assert_eq!(ana.status(), Status::Ready, "a reload takes no more than its grace");
    world.run_for(secs(15));
    assert_eq!((ana.status(), ana.view().reason), (Status::Offline, Some(Reason::lost())));
    let call = caller(&world);
    world.run_for(secs(5));
    assert!(!ana.is_ringing());
    call.hangs_up();
    world.settle();
}

/// AS-05: who is offline is neither called, by a queue or past it, nor calls; he belongs to his queue without standing in it. Where the
/// centre wants it he may dial.
#[test]
fn as_05_offline_neither_calls_nor_is_called() {
    let world = World::seed(186);
    let ana = with_page(&world, LoginDefault::Ready);
    let eva = world.phone("eva");
    eva.registers();
    eva.answers_after(secs(1));
    ana.asks(Request::SignOut { agent: ana.id }).unwrap();
    assert_eq!((ana.status(), ana.view().reachable), (Status::Offline, true));
    let waits = caller(&world);
    let direct = eva.calls("ana");
    world.within(3, "nobody rings", |_| direct.end() == Some(End::Refused(480)));
    let own = ana.calls("eva");
    world.within(3, "nor dials", |_| own.end() == Some(End::Refused(403)));
    world.run_for(secs(3));
    assert!(!ana.is_ringing() && waits.is_up() && eva.all_calls().len() == 1);
    let queue = &world.snapshot().acd.queues[0];
    assert_eq!((queue.logged_in, ana.view().queues.len()), (0, 1));
    world.centre_has(|centre| centre.acd.policies.dial_offline = true);
    ana.calls("eva");
    world.within(5, "he dials", |world| world.hear_each_other(&ana, &eva));
    assert_eq!(ana.status(), Status::Offline);
    ana.hangs_up();
    waits.hangs_up();
    world.settle();
}

/// AS-19, rule 38: a page that closes in the middle of a call ends nothing.
#[test]
fn a_call_outlives_its_page() {
    let world = World::seed(183);
    let ana = with_page(&world, LoginDefault::Ready);
    let call = talking(&world, &ana);
    world.session(ana.id, false);
    world.run_for(secs(60));
    assert!(world.hear_each_other(&call, &ana));
    assert_eq!(ana.status(), Status::Busy);
    call.hangs_up();
    world.settle();
    assert_eq!(ana.status(), Status::Offline, "rule 31: what was lost comes after the call");
}

/// AS-15, rule 3: signing out in a call waits for its end.
#[test]
fn signing_out_in_a_call_waits() {
    let world = World::seed(184);
    let ana = with_page(&world, LoginDefault::Ready);
    let call = talking(&world, &ana);
    ana.asks(Request::SignOut { agent: ana.id }).unwrap();
    assert_eq!(ana.status(), Status::Busy);
    assert!(world.hear_each_other(&call, &ana));
    call.hangs_up();
    world.settle();
    assert_eq!(ana.status(), Status::Offline);
}

/// QM-01, QM-02: a pause in a queue, and logging out of it, keep its calls away and nothing else.
#[test]
fn a_pause_keeps_the_queue_away() {
    let world = World::seed(185);
    let ana = world.agent("ana").ready();
    let pause = Request::Pause { agent: ana.id, queue: None, reason: Some(Reason::new("lunch")) };
    ana.asks(pause).unwrap();
    let call = caller(&world);
    world.run_for(secs(5));
    assert!(!ana.is_ringing());
    ana.answers_after(secs(1));
    ana.asks(Request::Resume { agent: ana.id, queue: None }).unwrap();
    world.within(5, "they talk", |world| world.hear_each_other(&call, &ana));
    ana.asks(Request::LogOut { agent: ana.id, queue: None, now: true }).unwrap();
    assert!(world.hear_each_other(&call, &ana), "logging out never cuts a call");
    call.hangs_up();
    world.settle();
    let call = caller(&world);
    world.run_for(secs(5));
    assert!(!ana.is_ringing());
    call.hangs_up();
    world.settle();
}
