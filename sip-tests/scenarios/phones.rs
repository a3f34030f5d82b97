//! Users call each other, and out over the trunk.

use strowger::{engine::Direction, switch::GroupStrategy};

use crate::sim::{Abilities, End, Habit, Phone, Voice, World, millis, secs};

fn ana_and_rui(world: &World) -> (Phone, Phone) {
    let (ana, rui) = (world.phone("ana"), world.phone("rui"));
    for phone in [&ana, &rui] {
        phone.registers();
        world.within(3, "registered", |_| phone.registered() == Some(200));
    }
    (ana, rui)
}

/// SW-02: two dialogs with audio between them, and the one knows nothing of the other's.
#[test]
fn two_phones_talk() {
    let world = World::seed(1);
    let (ana, rui) = ana_and_rui(&world);
    rui.answers_after(secs(2));
    let call = ana.calls("rui");
    world.within(1, "it rings", |_| rui.is_ringing() && call.statuses().contains(&180));
    world.within(5, "they talk", |world| world.hear_each_other(&call, &rui));
    let (id, tag, _) = call.with(|call| call.secrets());
    for request in rui.requests() {
        let text = String::from_utf8_lossy(request.bytes()).into_owned();
        assert!(!text.contains(&id) && !text.contains(&tag), "the caller's dialog shows through:\n{text}");
        assert!(!text.contains(&ana.address().ip().to_string()), "the caller's address shows through:\n{text}");
    }
    call.hangs_up();
    world.settle();
    assert_eq!(rui.call().end(), Some(End::TheyHungUp));
    let records = world.records();
    assert_eq!(records.len(), 1);
    assert_eq!((records[0].direction, records[0].legs.len()), (Direction::Internal, 2));
    assert!(records[0].connected.is_some());
}

#[test]
fn the_called_side_hangs_up() {
    let world = World::seed(2);
    let (ana, rui) = ana_and_rui(&world);
    rui.answers_after(secs(1));
    let call = ana.calls("rui");
    world.within(5, "they talk", |world| world.hear_each_other(&call, &rui));
    rui.hangs_up();
    world.settle();
    assert_eq!(call.end(), Some(End::TheyHungUp));
}

/// SW-07: no gap, no jump in sequence, one source, over a whole call.
#[test]
fn what_is_heard_is_whole() {
    let world = World::seed(3);
    let (ana, rui) = ana_and_rui(&world);
    rui.answers_after(secs(1));
    let call = ana.calls("rui");
    world.within(5, "they talk", |world| world.hear_each_other(&call, &rui));
    let other = rui.call();
    for side in [&call, &other] {
        side.listens_anew();
    }
    world.run_for(secs(20));
    for side in [&call, &other] {
        side.with(|call| {
            let ear = &call.media.ear;
            assert_eq!((ear.sources.len(), ear.skipped), (1, 0));
            assert!(ear.longest_gap_us <= 40_000, "a gap of {} us", ear.longest_gap_us);
            assert!(ear.strange_payload_types.is_empty());
        });
    }
    call.hangs_up();
    world.settle();
}

/// SW-05: the switch carries between phones that have no law in common.
#[test]
fn each_side_keeps_its_own_codec() {
    let world = World::seed(4);
    let (ana, rui) = ana_and_rui(&world);
    let only =
        |which: usize| Abilities { codecs: vec![Abilities::default().codecs[which]], event: Some(101), lines: "" };
    ana.can(only(0));
    rui.can(only(1));
    rui.answers_after(secs(1));
    let call = ana.calls("rui");
    world.within(5, "they talk", |world| world.hear_each_other(&call, &rui));
    call.hangs_up();
    world.settle();
}

/// SW-05, SW-11: digits cross with each side's own payload type.
#[test]
fn digits_cross_between_payload_types() {
    let world = World::seed(5);
    let (ana, rui) = ana_and_rui(&world);
    ana.can(Abilities { event: Some(96), ..Abilities::default() });
    rui.can(Abilities { event: Some(101), ..Abilities::default() });
    rui.answers_after(secs(1));
    let call = ana.calls("rui");
    world.within(5, "they talk", |world| world.hear_each_other(&call, &rui));
    call.presses("12#");
    world.within(3, "rui hears the digits", |_| rui.call().digits() == "12#");
    rui.call().presses("*9");
    world.within(3, "ana hears the digits", |_| call.digits() == "*9");
    world.run_for(secs(1));
    for side in [&call, &rui.call()] {
        assert!(side.with(|call| call.media.ear.strange_payload_types.is_empty()), "digits of a type not agreed");
    }
    assert!(world.hear_each_other(&call, &rui), "the talk goes on");
    call.hangs_up();
    world.settle();
}

/// SW-05: an INVITE without a description; the offer comes in the 200, the answer in the ACK.
#[test]
fn a_late_offer_is_answered_in_the_ack() {
    let world = World::seed(6);
    let (ana, rui) = ana_and_rui(&world);
    rui.answers_after(secs(1));
    let call = ana.calls_with_late_offer("rui");
    world.within(5, "they talk", |world| world.hear_each_other(&call, &rui));
    rui.hangs_up();
    world.settle();
}

#[test]
fn refusals_reach_the_caller() {
    let world = World::seed(7);
    let (ana, rui) = ana_and_rui(&world);
    for (habit, status) in [
        (Habit::Refuses(486), 486),
        (Habit::RingsThenRefuses(secs(1), 603), 603),
        (Habit::Refuses(480), 480),
        (Habit::RingsThenRefuses(secs(1), 486), 486),
    ] {
        rui.does(habit);
        let call = ana.calls("rui");
        world.within(5, "refused", |_| call.is_over());
        assert_eq!(call.end(), Some(End::Refused(status)), "{habit:?}");
        world.settle();
    }
}

/// SW-17: who is not there is not found or not available, and it is said which.
#[test]
fn nobody_there_is_said_so() {
    let world = World::seed(8);
    let (ana, rui) = ana_and_rui(&world);
    let call = ana.calls("nobody");
    world.within(5, "refused", |_| call.is_over());
    assert_eq!(call.status(), Some(404));
    rui.unregisters();
    world.run_for(secs(1));
    let call = ana.calls("rui");
    world.within(5, "refused", |_| call.is_over());
    assert_eq!(call.status(), Some(480));
    world.settle();
}

#[test]
fn a_cancelled_call_stops_ringing_at_once() {
    let world = World::seed(9);
    let (ana, rui) = ana_and_rui(&world);
    let call = ana.calls("rui");
    world.within(2, "it rings", |_| rui.is_ringing());
    world.run_for(secs(2));
    let hung_up = world.clock();
    call.hangs_up();
    world.within(1, "it stops", |_| !rui.is_ringing());
    let stopped = rui.call().with(|call| call.ended).unwrap();
    assert!(stopped.since(hung_up) < millis(50), "{:?}", stopped.since(hung_up));
    world.settle();
    assert_eq!(call.end(), Some(End::Refused(487)));
    assert_eq!(rui.call().end(), Some(End::Cancelled));
}

/// SW-01: all bindings ring, one wins, the others are told that it was answered elsewhere.
#[test]
fn all_devices_of_a_user_ring_and_one_wins() {
    let world = World::seed(10);
    let (ana, desk) = ana_and_rui(&world);
    let mobile = world.second_phone(&desk);
    mobile.registers();
    world.within(3, "registered", |_| mobile.registered() == Some(200));
    mobile.answers_after(secs(2));
    let call = ana.calls("rui");
    world.within(2, "both ring", |_| desk.is_ringing() && mobile.is_ringing());
    world.within(5, "they talk", |world| world.hear_each_other(&call, &mobile));
    assert_eq!(desk.call().end(), Some(End::Cancelled));
    assert!(desk.call().reasons().iter().any(|reason| reason.contains("cause=200")), "{:?}", desk.call().reasons());
    call.hangs_up();
    world.settle();
}

/// P35, SW-01: a binding that nobody answers on never hides one that lives.
#[test]
fn a_dead_binding_does_not_hide_a_live_one() {
    let world = World::seed(11);
    let (ana, desk) = ana_and_rui(&world);
    let mobile = world.second_phone(&desk);
    mobile.registers();
    world.within(3, "registered", |_| mobile.registered() == Some(200));
    mobile.dies();
    desk.answers_after(secs(5));
    let call = ana.calls("rui");
    world.within(15, "they talk", |world| world.hear_each_other(&call, &desk));
    call.hangs_up();
    world.settle();
}

/// RT-02: simultaneous, sequential.
#[test]
fn a_group_is_rung_by_its_strategy() {
    for strategy in [GroupStrategy::Simultaneous, GroupStrategy::Sequential, GroupStrategy::Random] {
        let world = World::seed(12);
        let (ana, rui) = ana_and_rui(&world);
        let eva = world.phone("eva");
        eva.registers();
        world.within(3, "registered", |_| eva.registered() == Some(200));
        world.centre_has(|centre| {
            let members = centre.users.iter().skip(1).map(|user| user.id).collect();
            centre.groups.push(strowger::switch::Group {
                id: strowger::base::GroupId(1),
                name: strowger::base::Extension::new("sales").unwrap(),
                strategy,
                members,
                ring_time: secs(5),
            });
        });
        let call = ana.calls("sales");
        world.run_for(secs(1));
        let both = rui.is_ringing() && eva.is_ringing();
        assert_eq!(both, strategy == GroupStrategy::Simultaneous, "{strategy:?}");
        if strategy == GroupStrategy::Sequential {
            assert!(rui.is_ringing(), "the first in order rings first");
        }
        let next = if rui.is_ringing() && !both { eva } else { rui };
        next.answers_after(secs(1));
        if both {
            next.call().answers();
        }
        world.within(15, "they talk", |world| world.hear_each_other(&call, &next));
        call.hangs_up();
        world.settle();
    }
}

/// A user dials out over the trunk; the trunk side rings, answers, and hangs up.
#[test]
fn a_user_calls_out_over_the_trunk() {
    let world = World::seed(13);
    let (ana, _) = ana_and_rui(&world);
    let carrier = world.carrier();
    carrier.answers_after(secs(2));
    let call = ana.calls("9+351911111111");
    world.within(6, "they talk", |world| world.hear_each_other(&call, &carrier));
    let asked = carrier.call().with(|call| call.invite.clone()).unwrap();
    assert!(asked.uri_text().is_some_and(|uri| uri.contains("+351911111111") && !uri.contains("9+351")));
    carrier.hangs_up();
    world.settle();
    assert_eq!(world.records()[0].direction, Direction::Outbound);
}

/// SW-05: both ask the other to wait in the same moment; both are refused with 491 and try again in their turn.
#[test]
fn glare_is_settled() {
    let world = World::seed(14);
    let (ana, rui) = ana_and_rui(&world);
    rui.answers_after(secs(1));
    let call = ana.calls("rui");
    world.within(5, "they talk", |world| world.hear_each_other(&call, &rui));
    call.holds(crate::sim::HoldForm::SendOnly);
    rui.call().holds(crate::sim::HoldForm::SendOnly);
    world.run_for(secs(15));
    call.resumes();
    world.run_for(secs(5));
    rui.call().resumes();
    world.within(10, "they talk again", |world| world.hear_each_other(&call, &rui));
    assert!(world.is_spared(&rui, Voice::MUSIC) && world.is_spared(&call, Voice::MUSIC));
    call.hangs_up();
    world.settle();
}

/// SW-11: a digit told by INFO, as older phones do it, arrives as an event in the other's sound.
#[test]
fn a_digit_by_info_arrives() {
    let world = World::seed(15);
    let (ana, rui) = ana_and_rui(&world);
    rui.answers_after(secs(1));
    let call = ana.calls("rui");
    world.within(5, "they talk", |world| world.hear_each_other(&call, &rui));
    call.presses_by_info('7');
    world.within(3, "rui hears the digit", |_| rui.call().digits() == "7");
    call.hangs_up();
    world.settle();
}

/// SW-01: some phones give up over an algorithm they don't know; they are asked in the one they do.
#[test]
fn a_phone_that_knows_md5_alone_is_asked_in_it() {
    let world = World::seed(16);
    let _ana = world.phone("ana");
    let challenges = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let seen = std::rc::Rc::clone(&challenges);
    world.loses(move |_, text| {
        if text.starts_with("SIP/2.0 401") {
            seen.borrow_mut().push(text.lines().filter(|line| line.starts_with("WWW-Authenticate")).count());
        }
        false
    });
    for agent in ["baresip v1.0.0 (x86_64/linux)", "another"] {
        let branch = agent.len();
        let text = format!(
            "REGISTER sip:10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.1.1:5060;branch=z9hG4bK{branch};rport\r\n\
             From: <sip:ana@10.0.0.1>;tag=1\r\nTo: <sip:ana@10.0.0.1>\r\nCall-ID: {branch}\r\nCSeq: 1 REGISTER\r\n\
             User-Agent: {agent}\r\nContact: <sip:ana@10.0.1.1:5060>\r\nContent-Length: 0\r\n\r\n"
        );
        world.forges("10.0.1.1:5060".parse().unwrap(), &text);
        world.run_for(secs(1));
    }
    assert_eq!(*challenges.borrow(), [1, 2]);
}
