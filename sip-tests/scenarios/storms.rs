//! Everybody's phone at once: a power cut, a network that comes back, a switch that has started again (THREATS, restart
//! storms).

use std::{cell::Cell, rc::Rc};

use super::talking;
use crate::sim::{Agent, Call, HoldForm, Link, Phone, Voice, World, millis, secs};

const PHONES: usize = 1_000;

/// They register, ten at a time, the next after fifty milliseconds: all of them in five seconds.
fn storm(world: &World, phones: &[Phone]) {
    for phones in phones.chunks(10) {
        phones.iter().for_each(Phone::registers_anew);
        world.run_for(millis(50));
    }
}

/// How many REGISTERs reach the switch's network from now on.
fn registers(world: &World) -> Rc<Cell<usize>> {
    let count = Rc::new(Cell::new(0));
    let counted = Rc::clone(&count);
    world.loses(move |_, text| {
        counted.set(counted.get() + usize::from(text.starts_with("REGISTER")));
        false
    });
    count
}

fn all_are_in(phones: &[Phone]) -> bool {
    phones.iter().all(|phone| phone.registered() == Some(200))
}

/// Hold and resume are answered while it goes on: a talk is none of its business.
fn talk_goes_on(world: &World, call: &Call, agent: &Agent) {
    call.holds(HoldForm::SendOnly);
    world.within(2, "the agent hears music", |world| world.hears(agent, Voice::MUSIC));
    call.resumes();
    world.within(2, "they talk again", |world| world.hear_each_other(call, agent));
}

/// SW-01, SW-18, THREATS: a thousand phones register within five seconds, for the first time, after the network was
/// away and after the switch has started again. Each is answered at once, none has to ask again, and those who talk
/// meanwhile hold and resume.
#[test]
fn sw_01_sw_18_a_storm_of_registrations_is_served() {
    let world = World::seed(910);
    let phones: Vec<Phone> = (0..PHONES).map(|number| world.phone(&format!("p{number}"))).collect();
    let ana = world.agent("ana").ready();
    let call = talking(&world, &ana);
    for what in ["the first time", "after the network", "after a restart"] {
        if what == "after a restart" {
            world.crashes();
            world.run_for(secs(2));
            world.starts();
        }
        let sent = registers(&world);
        let (first, last) = phones.split_at(PHONES / 2);
        storm(&world, first);
        talk_goes_on(&world, &call, &ana);
        storm(&world, last);
        world.within(1, "the last are in as well", |_| all_are_in(&phones));
        assert_eq!(sent.get(), 2 * PHONES, "{what}: one challenge and one answer each");
        assert_eq!(world.snapshot().counts.bindings, PHONES as u64 + 1, "{what}");
        world.within(3, "they hear each other still", |world| world.hear_each_other(&call, &ana));
        world.loses_nothing();
    }
    call.hangs_up();
    world.settle();
}

/// SW-01, THREATS: on a network that loses a tenth and doubles some of what is left all of them are in before any gives up.
#[test]
fn sw_01_a_storm_on_a_bad_line_is_served() {
    let world = World::seed(911);
    println!("seed 911");
    let phones: Vec<Phone> = (0..PHONES).map(|number| world.phone(&format!("p{number}"))).collect();
    world.set_link(Link { loss: 0.1, duplicates: 0.05, ..Link::default() });
    storm(&world, &phones);
    world.within(31, "within the time of one transaction", |_| all_are_in(&phones));
    assert_eq!(world.snapshot().counts.bindings, PHONES as u64);
}
