//! Stories of a centre's day, one each, played in the simulated world. Every call is heard both ways and everything is
//! given back at the end.

mod asking;
mod bad_line;
mod behind_menus;
mod beside;
mod clips;
mod colleagues;
mod crash_points;
mod day;
mod dead_phones;
mod decisions;
mod desk;
mod device_choice;
mod devices;
mod distribution;
mod early;
mod ears;
mod fax;
mod flight;
mod going_on;
mod hold;
mod hostile;
mod joints;
mod loss;
mod menus;
mod nat;
mod pages;
mod phones;
mod pickup;
mod places;
mod presence;
mod queue;
mod races;
mod recordings;
mod reports;
mod restart;
mod resting;
mod storms;
mod supervision;
mod thirds;
mod told;
mod transfers;
mod wrap_up;

use strowger::{
    base::{Extension, GroupId},
    switch::{Group, GroupStrategy},
};

use crate::sim::{Agent, Call, World, secs};

/// The trunk's number of the queue `support`.
const SUPPORT_NUMBER: &str = "+351210000001";

/// A caller from outside, in the queue.
fn caller(world: &World) -> Call {
    let call = world.carrier().calls(SUPPORT_NUMBER);
    world.within(3, "the queue takes the call", |_| call.is_up());
    call
}

/// A caller from outside who talks to the agent.
fn talking(world: &World, agent: &Agent) -> Call {
    agent.answers_after(secs(1));
    let call = caller(world);
    world.within(10, "caller and agent hear each other", |world| world.hear_each_other(&call, agent));
    call
}

/// A group whose members are rung one after the other.
fn group(world: &World, name: &str, members: &[&str]) {
    world.centre_has(|centre| {
        let id = |name: &&str| centre.users.iter().find(|user| user.name.as_str() == *name).unwrap().id;
        centre.groups.push(Group {
            id: GroupId(1),
            name: Extension::new(name).unwrap(),
            strategy: GroupStrategy::Sequential,
            members: members.iter().map(id).collect(),
            ring_time: secs(5),
        });
    });
}
