//! One asks the other to wait: three ways to say it, from either side, and the music is for the one who waits.

use strowger::acd::Status;

use crate::sim::{Agent, Call, Habit, HoldForm, Voice, World, secs};

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

/// Ana's phone holds her customer, and she forgets him for 20 s.
fn forgotten(world: &World) -> (Agent, Call, Call) {
    world.centre_has(|centre| centre.acd.policies.hold_recall_secs = 20);
    let ana = world.agent("ana").queue_has(|queue| queue.acw_secs = 5).ready();
    let customer = super::talking(world, &ana);
    let first = ana.call();
    ana.does(Habit::Rings);
    first.holds(HoldForm::SendOnly);
    world.within(3, "music", |world| world.hears(&customer, Voice::MUSIC));
    world.run_for(secs(18));
    assert!(!ana.is_ringing(), "not before its time");
    world.within(3, "she is called back", |_| ana.is_ringing());
    (ana, customer, first)
}

/// CH-02, P9: whose phone holds a customer for too long is rung, sees whom it is about, and talks on there when she picks up:
/// both hear each other, the old leg is gone, and the call is the same for the queue and the record.
#[test]
fn p9_who_forgets_whom_he_holds_is_called_back() {
    let world = World::seed(23);
    let (ana, customer, first) = forgotten(&world);
    let from = ana.requests().iter().rev().find_map(|it| it.from().ok()?.display.as_ref().map(ToString::to_string));
    assert!(from.is_some_and(|name| name.contains("[on hold]")));
    assert!(world.hears(&customer, Voice::MUSIC), "until she picks up");
    ana.call().answers();
    world.within(3, "they talk", |world| world.hear_each_other(&customer, &ana));
    world.within(2, "the old leg is over", |_| first.is_over());
    assert!(world.is_spared(&customer, Voice::MUSIC));
    assert_eq!(ana.status(), Status::Busy);
    assert_eq!(world.snapshot().calls[0].agent, Some(ana.id));
    world.run_for(secs(30));
    assert!(!ana.is_ringing(), "nobody is held any more");
    customer.hangs_up();
    world.run_for(secs(1));
    assert_eq!(ana.status(), Status::WrapUp, "after the whole of it");
    world.run_for(secs(6));
    world.settle();
    assert_eq!(ana.status(), Status::Ready);
    let record = world.records().pop().unwrap();
    assert_eq!((record.queue.unwrap().agent, record.legs.len()), (Some(ana.id), 3));
}

/// CH-02, P9: she takes the call back by hand, or the customer leaves, while she is called back; she picks up in the very
/// moment, in both orders; or she lets it ring, and is called again. Nothing is left of any of it.
#[test]
fn p9_a_recall_ends_with_its_reason() {
    for way in ["resumes", "leaves", "resumes and answers", "answers and resumes", "lets it ring", "declines"] {
        println!("{way}");
        let world = World::seed(24);
        let (ana, customer, first) = forgotten(&world);
        let recall = ana.call();
        match way {
            "resumes" => first.resumes(),
            "leaves" => customer.hangs_up(),
            "resumes and answers" => {
                first.resumes();
                recall.answers();
            }
            "answers and resumes" => {
                recall.answers();
                first.resumes();
            }
            "declines" => recall.refuses(486),
            _ => {}
        }
        match way {
            "leaves" => world.within(2, "it stops", |_| !ana.is_ringing()),
            "lets it ring" | "declines" => {
                world.within(70, "it is over", |_| recall.is_over());
                world.within(45, "once more", |_| ana.is_ringing());
                assert!(world.hears(&customer, Voice::MUSIC));
                customer.hangs_up();
            }
            _ => {
                world.run_for(secs(2));
                assert!(!ana.is_ringing());
                let leg = if first.is_over() { &recall } else { &first };
                assert!(world.hear_each_other(&customer, leg), "{way}");
                assert!(first.is_over() != recall.is_over(), "one of her two legs is left");
                customer.hangs_up();
            }
        }
        world.run_for(secs(8));
        world.settle();
        assert_eq!(ana.status(), Status::Ready, "{way}");
    }
}

/// P9: `kill -9` while somebody is held: the next process counts anew and calls back.
#[test]
fn p9_a_hold_outlives_the_process() {
    let world = World::seed(25);
    world.centre_has(|centre| centre.acd.policies.hold_recall_secs = 20);
    let ana = world.agent("ana").ready();
    let customer = super::talking(&world, &ana);
    ana.does(Habit::Rings);
    ana.call().holds(HoldForm::SendOnly);
    world.within(3, "music", |world| world.hears(&customer, Voice::MUSIC));
    world.run_for(secs(5));
    world.crashes();
    world.run_for(secs(1));
    world.starts();
    world.within(25, "she is called back", |_| ana.is_ringing());
    ana.call().answers();
    world.within(3, "they talk", |world| world.hear_each_other(&customer, &ana));
    customer.hangs_up();
    world.settle();
}
