//! What gets lost: messages, packets, peers.

use strowger::acd::Status;

use super::{caller, talking};
use crate::sim::{Link, Talk, Way, World, millis, secs};

/// P10, OP-02: the ACK to the caller's 200 never comes: both sides are released after 64*T1.
#[test]
fn a_lost_ack_releases_both_sides() {
    let world = World::seed(110);
    let ana = world.agent("ana").ready();
    world.loses(|way, text| way == Way::In && text.starts_with("ACK "));
    ana.answers_after(secs(1));
    let call = world.carrier().calls(super::SUPPORT_NUMBER);
    world.run_for(secs(34));
    world.loses_nothing();
    world.run_for(secs(5));
    assert!(call.is_over() && ana.call().is_over());
    world.settle();
    assert_eq!(ana.status(), Status::Ready);
}

/// P10: the BYE is lost and the phone is gone: silence ends the call, and the agent is free.
#[test]
fn a_vanished_caller_is_noticed_by_his_silence() {
    let world = World::seed(111);
    let ana = world.agent("ana").ready();
    let call = talking(&world, &ana);
    world.carrier().dies();
    world.within(75, "the agent is free", |_| ana.status() == Status::Ready);
    assert!(ana.call().is_over());
    call.phone.revives();
    call.hangs_up();
    world.settle();
}

/// SEMANTICS 8: a phone that is held sends nothing, and is not taken for dead.
#[test]
fn a_held_phone_may_be_silent_for_long() {
    let world = World::seed(112);
    let ana = world.agent("ana").ready();
    let call = talking(&world, &ana);
    ana.call().holds(crate::sim::HoldForm::Inactive);
    call.phone.talks(Talk::Never);
    world.run_for(secs(300));
    assert!(call.is_up() && ana.call().is_up());
    call.phone.talks(Talk::Always);
    ana.call().resumes();
    world.within(3, "they talk again", |world| world.hear_each_other(&call, &ana));
    call.hangs_up();
    world.settle();
}

/// P28: one message in ten lost, some doubled, some late: the same story ends the same way.
#[test]
fn calls_get_through_a_bad_network() {
    for seed in 120..130 {
        let link = Link { loss: 0.10, duplicates: 0.05, reordered: 0.05, delay: millis(5), jitter: millis(15) };
        let world = World::seed(seed);
        let ana = world.agent("ana").ready();
        world.set_link(link);
        ana.answers_after(secs(2));
        let call = world.carrier().calls(super::SUPPORT_NUMBER);
        world.within(40, "they talk", |world| {
            let (one, two) = (&call, ana.all_calls().pop());
            two.is_some_and(|two| world.makes_out(one, &two) && world.makes_out(&two, one))
        });
        call.hangs_up();
        world.run_for(secs(80));
        world.set_link(Link::default());
        world.settle();
        assert_eq!(world.records().len(), 1, "seed {seed}");
    }
}

/// The port unreachable: an ICMP answer re-routes without waiting.
#[test]
fn a_refused_datagram_re_routes_at_once() {
    let world = World::seed(131);
    let ana = world.agent("ana").ready();
    world.run_for(secs(1));
    let bia = world.agent("bia").ready();
    bia.answers_after(secs(1));
    ana.dies();
    let call = caller(&world);
    world.feeds(strowger::engine::Input::Unreachable {
        transport: strowger::sip::Transport::Udp,
        remote: ana.address(),
    });
    world.within(2, "the other agent has him", |world| world.hear_each_other(&call, &bia));
    call.hangs_up();
    world.settle();
}
