//! One asks the other to wait: three ways to say it, from either side, and the music is for the one who waits.

use crate::sim::{Call, HoldForm, Voice, World, secs};

fn holds_and_resumes(world: &World, holder: &Call, held: &Call) {
    for form in HoldForm::ALL {
        holder.holds(form);
        world.within(3, "the held one hears music", |world| world.hears(held, Voice::MUSIC));
        holder.listens_anew();
        world.run_for(secs(2));
        let holder_voice = holder.with(|call| call.media.voice);
        assert!(world.is_spared(held, holder_voice), "{form:?}: what the holder says is not for the held");
        assert!(world.is_spared(holder, Voice::MUSIC), "{form:?}: the music is not for the holder");
        holder.resumes();
        world.within(3, "they talk again", |world| world.hear_each_other(holder, held));
        assert!(world.is_spared(held, Voice::MUSIC), "{form:?}: the music has stopped");
    }
    held.with(|call| {
        assert_eq!(call.media.ear.sources.len(), 1, "one source towards a leg, for its whole life");
        assert!(call.media.ear.strange_payload_types.is_empty());
    });
}

/// CH-02, P27: hold and resume between two phones, from both sides, with audio both ways afterwards.
#[test]
fn either_phone_may_hold() {
    let world = World::seed(20);
    let (ana, rui) = (world.phone("ana"), world.phone("rui"));
    ana.registers();
    rui.registers();
    world.run_for(secs(1));
    rui.answers_after(secs(1));
    let call = ana.calls("rui");
    world.within(5, "they talk", |world| world.hear_each_other(&call, &rui));
    holds_and_resumes(&world, &call, &rui.call());
    holds_and_resumes(&world, &rui.call(), &call);
    call.hangs_up();
    world.settle();
}

/// CH-02: an agent holds his caller, a carrier holds the agent.
#[test]
fn a_queue_call_is_held_and_resumed() {
    let world = World::seed(21);
    let ana = world.agent("ana").ready();
    let call = super::talking(&world, &ana);
    holds_and_resumes(&world, &ana.call(), &call);
    holds_and_resumes(&world, &call, &ana.call());
    call.hangs_up();
    world.settle();
}

/// A held call ends like any other, from the side that waits.
#[test]
fn the_held_one_may_leave() {
    let world = World::seed(22);
    let ana = world.agent("ana").ready();
    let call = super::talking(&world, &ana);
    ana.call().holds(HoldForm::SendOnly);
    world.within(3, "music", |world| world.hears(&call, Voice::MUSIC));
    call.hangs_up();
    world.settle();
    assert!(ana.call().is_over());
}
