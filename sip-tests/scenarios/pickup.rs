//! INVITE with Replaces: a ringing call is picked up by a colleague, a talk moves to another phone.

use crate::sim::{Call, Habit, Phone, World, secs};

pub(super) fn replaces(of: &Call) -> String {
    let (call_id, ours, theirs) = of.with(|call| call.secrets());
    format!("Replaces: {call_id};to-tag={theirs};from-tag={ours}\r\nRequire: replaces\r\n")
}

pub(super) fn people(seed: u64) -> (World, [Phone; 4]) {
    let world = World::seed(seed);
    let phones = ["ana", "rui", "eva", "max"].map(|name| world.phone(name));
    phones.iter().for_each(Phone::registers);
    super::group(&world, "sales", &["rui", "eva"]);
    world.run_for(secs(1));
    (world, phones)
}

/// SW-13: what rings at a colleague of one's group is picked up; nobody else can, and nothing rings on.
#[test]
fn sw_13_a_colleague_picks_up() {
    let (world, [ana, rui, eva, max]) = people(130);
    let desk = world.second_phone(&rui);
    desk.registers();
    rui.does(Habit::Rings);
    desk.does(Habit::Rings);
    world.run_for(secs(1));
    let call = ana.calls("rui");
    world.within(2, "both phones of Rui ring", |_| rui.is_ringing() && desk.is_ringing());
    let line = replaces(&rui.call());
    let foreign = max.calls_with("rui", false, &line);
    world.run_for(secs(1));
    assert_eq!((foreign.status(), rui.is_ringing()), (Some(403), true));
    let picked = eva.calls_with("rui", false, &line);
    world.within(2, "Ana and Eva talk", |world| world.hear_each_other(&call, &picked));
    assert!(!rui.is_ringing() && !desk.is_ringing());
    let reasons = [rui.call(), desk.call()].map(|call| call.reasons().join(""));
    assert!(reasons.iter().all(|reason| reason.contains("completed elsewhere")), "{reasons:?}");
    let late = max.calls_with("rui", false, &line);
    world.run_for(secs(1));
    assert_eq!(late.status(), Some(481), "it rings no more");
    picked.hangs_up();
    world.settle();
    assert!(call.is_over());
}

/// SW-13: a talk moves to another phone of the same user, whoever had called; nobody else gets into it.
#[test]
fn sw_13_a_talk_moves_to_another_phone() {
    for late_offer in [false, true] {
        let (world, [ana, rui, eva, _]) = people(131);
        rui.answers_after(secs(1));
        let call = ana.calls("rui");
        world.within(5, "they talk", |world| world.hear_each_other(&call, &rui));
        let [line, other] = [replaces(&rui.call()), replaces(&call)];
        let foreign = eva.calls_with("rui", false, &line);
        let early =
            format!("{};early-only{}", &line[..line.find("\r\n").unwrap()], &line[line.find("\r\n").unwrap()..]);
        let desk = world.second_phone(&rui);
        let too_late = desk.calls_with("rui", false, &early);
        world.run_for(secs(1));
        assert_eq!((foreign.status(), too_late.status()), (Some(403), Some(486)));
        let moved = desk.calls_with("rui", late_offer, &line);
        world.within(3, "Ana hears the desk phone", |world| world.hear_each_other(&call, &moved));
        world.within(1, "the first phone is done", |_| rui.call().is_over());
        // The caller may move too.
        let soft = world.second_phone(&ana);
        let her = soft.calls_with("rui", late_offer, &other);
        world.within(3, "and the other way", |world| world.hear_each_other(&her, &moved));
        assert!(call.is_over());
        her.hangs_up();
        world.settle();
        assert!(moved.is_over());
    }
}

/// SW-13: a queue's offer can't be picked up past the queue, and a carrier picks up nothing.
#[test]
fn sw_13_a_queue_gives_its_calls_itself() {
    let world = World::seed(132);
    let (ana, rui) = (world.agent("ana").ready(), world.phone("rui"));
    rui.registers();
    super::group(&world, "sales", &["ana", "rui"]);
    ana.does(Habit::Rings);
    world.run_for(secs(1));
    let call = super::caller(&world);
    world.within(3, "Ana rings", |_| ana.is_ringing());
    let line = replaces(&ana.call());
    let tried = [rui.calls_with("ana", false, &line), world.carrier().calls_with("+351210000001", false, &line)];
    world.run_for(secs(1));
    assert_eq!(tried.map(|call| call.status()), [Some(403), Some(403)]);
    assert!(ana.is_ringing());
    ana.call().answers();
    world.within(2, "they talk", |world| world.hear_each_other(&call, &ana));
    call.hangs_up();
    world.settle();
}
