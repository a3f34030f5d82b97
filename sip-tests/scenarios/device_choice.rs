//! Which of an agent's devices rings for a queue (QM-10): the one that he used last, or the one that is pinned.

use strowger::{
    acd::{DeviceChoice, Factor, OfferEnd, Selection, Status},
    engine::{Request, StoryEvent},
};

use super::caller;
use crate::sim::{Agent, Call, Habit, Party, Phone, SUPPORT, Voice, World, secs};

/// Ana with two phones: the second came later.
fn two_phones(world: &World) -> (Agent, Phone) {
    let desk = world.agent("ana").ready();
    desk.is_called("Yealink SIP-T46S");
    desk.registers();
    world.run_for(secs(1));
    let soft = world.second_phone(&desk);
    soft.is_called("Linphone/5.2");
    soft.registers();
    world.run_for(secs(1));
    (desk, soft)
}

/// The settings' word on Ana's membership.
fn pinned(world: &World, device: &str) {
    let device = DeviceChoice::try_from(device.to_owned()).unwrap();
    world.queue_has(|queue| queue.members[0].device = device);
    world.run_for(secs(1));
}

/// A caller who talks to one device, while the other has never rung.
fn rings_alone(world: &World, at: &impl Party, silent: &Phone) -> Call {
    let before = silent.all_calls().len();
    let call = caller(world);
    world.within(5, "they hear each other", |world| world.hear_each_other(&call, at));
    assert_eq!(silent.all_calls().len(), before, "the other did not ring");
    call
}

fn answer(phones: &[&Phone]) {
    phones.iter().for_each(|phone| phone.answers_after(secs(1)));
}

/// QM-10: without a word of anybody's the device rings that the agent used last: the newest, then the one he called from;
/// a restart knows it still.
#[test]
fn qm_10_the_device_used_last_rings() {
    let world = World::seed(950);
    let (desk, soft) = two_phones(&world);
    let rui = world.phone("rui");
    rui.registers();
    answer(&[&desk, &soft, &rui]);
    world.run_for(secs(1));
    rings_alone(&world, &soft, &desk).hangs_up();
    world.run_for(secs(1));
    let own = desk.calls("rui");
    world.within(5, "he calls from his desk", |world| world.hear_each_other(&own, &rui));
    own.hangs_up();
    world.run_for(secs(1));
    rings_alone(&world, &desk, &soft).hangs_up();
    world.run_for(secs(1));
    world.crashes();
    world.starts();
    world.run_for(secs(2));
    rings_alone(&world, &desk, &soft).hangs_up();
    world.settle();
}

/// QM-10: a last device that gives no sign of life gives way to the others within its share of the time; one at which he
/// says no does not.
#[test]
fn qm_10_others_ring_only_for_a_device_that_is_gone() {
    let world = World::seed(951);
    let (desk, soft) = two_phones(&world);
    answer(&[&desk]);
    soft.dies();
    let call = caller(&world);
    world.within(5, "the other has him", |world| world.hear_each_other(&call, &desk));
    assert_eq!((desk.view().missed, desk.view().reachable), (0, true));
    call.hangs_up();
    world.run_for(secs(40));
    soft.revives();
    soft.registers();
    world.run_for(secs(1));
    soft.does(Habit::Answers(secs(1)));
    let own = soft.calls("ana");
    world.within(2, "nobody rings himself", |_| own.is_over());
    world.run_for(secs(1));
    let rung = desk.all_calls().len();
    soft.does(Habit::RingsThenRefuses(secs(1), 603));
    let call = caller(&world);
    world.within(5, "declined", |_| desk.status() == Status::Banned);
    assert_eq!(desk.all_calls().len(), rung, "no is no");
    call.hangs_up();
    world.settle();
}

/// QM-10, rule 19: where the last device says that it can't, the other has the call at once; where both do, their agent is asked
/// again when he has been left alone as if he were busy.
#[test]
fn qm_10_others_ring_for_a_device_that_can_not() {
    for status in [302, 488, 503] {
        let world = World::seed(953);
        let (desk, soft) = two_phones(&world);
        answer(&[&desk]);
        soft.does(Habit::Refuses(status));
        let call = caller(&world);
        world.within(3, "the other has him", |world| world.hear_each_other(&call, &desk));
        call.hangs_up();
        world.run_for(secs(1));
        desk.does(Habit::Refuses(status));
        let call = caller(&world);
        world.run_for(secs(4));
        let rung = (desk.all_calls().len(), soft.all_calls().len());
        assert_eq!((desk.view().reachable, desk.view().missed), (true, 0), "{status}");
        answer(&[&desk, &soft]);
        world.run_for(secs(4));
        assert_eq!((desk.all_calls().len(), soft.all_calls().len()), rung, "{status}: left alone");
        world.within(10, "he has him", |world| {
            world.hear_each_other(&call, &desk) || world.hear_each_other(&call, &soft)
        });
        call.hangs_up();
        world.settle();
    }
}

/// QM-10: a pinned device rings alone, whichever was used last: a phone by its name, the page, all of them.
#[test]
fn qm_10_a_pinned_device_rings_alone() {
    let world = World::seed(952);
    let (desk, soft) = two_phones(&world);
    answer(&[&desk, &soft]);
    pinned(&world, "phone:Yealink");
    rings_alone(&world, &desk, &soft).hangs_up();
    pinned(&world, "phone:linphone");
    rings_alone(&world, &soft, &desk).hangs_up();
    pinned(&world, "all");
    let (at_desk, at_soft) = (desk.all_calls().len(), soft.all_calls().len());
    desk.does(Habit::Rings);
    let call = caller(&world);
    world.within(5, "they hear each other", |world| world.hear_each_other(&call, &soft));
    assert_eq!((desk.all_calls().len(), soft.all_calls().len()), (at_desk + 1, at_soft + 1), "both rang");
    call.hangs_up();
    pinned(&world, "web");
    let page = desk.opens_page();
    world.run_for(secs(1));
    let (at_desk, at_soft) = (desk.all_calls().len(), soft.all_calls().len());
    let call = caller(&world);
    world.within(2, "the page rings", |_| page.is_ringing());
    page.accepts();
    world.within(3, "they hear each other", |world| world.hear_each_other(&call, &page));
    assert!(world.is_spared(&call, Voice::MUSIC), "the caller hears the agent alone");
    call.hangs_up();
    world.within(2, "the page is let go", |_| page.call().is_over());
    // The page is a device of the same telephone in this world: its own call is all that was added.
    assert_eq!(soft.all_calls().len(), at_soft);
    assert!(desk.all_calls().len() <= at_desk + 1);
    world.settle();
}

/// QM-10, rule 20: a pinned phone that is silent for the queue's own short patience is not asked; once it gives a sign of
/// life it is. His other phone is none the worse for it.
#[test]
fn qm_10_a_silent_pinned_device_is_asked_again() {
    let world = World::seed(956);
    let (desk, soft) = two_phones(&world);
    world.centre_has(|centre| {
        let queue = centre.acd.queues.get_mut(&SUPPORT).unwrap();
        (queue.device_dead_secs, queue.ring_secs) = (1, 20);
    });
    answer(&[&desk, &soft]);
    pinned(&world, "phone:linphone");
    soft.dies();
    let call = caller(&world);
    world.run_for(secs(5));
    assert!(world.hears(&call, Voice::MUSIC) && desk.all_calls().is_empty());
    assert_eq!((desk.view().missed, desk.view().reachable, desk.status()), (0, true, Status::Ready));
    soft.revives();
    world.within(45, "it answers a probe, and is asked", |world| world.hear_each_other(&call, &soft));
    assert!(desk.all_calls().is_empty());
    call.hangs_up();
    world.settle();
}

/// QM-10: with his pinned device away the agent is not asked, though his other phone is there; the story says why, the
/// next agent has the call, and he is asked again when it is back. A device that goes while it rings lets the next agent have
/// the call, and nobody is blamed.
#[test]
fn qm_10_an_agent_without_his_pinned_device_is_not_asked() {
    let world = World::seed(953);
    let (desk, soft) = two_phones(&world);
    let bia = world.agent("bia").ready();
    answer(&[&desk, &soft, &bia]);
    pinned(&world, "phone:Linphone");
    soft.does(Habit::Rings);
    let call = caller(&world);
    world.within(2, "it rings at the pinned phone", |_| soft.is_ringing());
    soft.unregisters();
    world.within(5, "the next agent has him", |world| world.hear_each_other(&call, &bia));
    assert!(!soft.is_ringing() && desk.all_calls().is_empty());
    assert_eq!((desk.view().missed, desk.status()), (0, Status::Ready));
    let waiting = caller(&world);
    world.run_for(secs(5));
    assert!(world.hears(&waiting, Voice::MUSIC), "nobody is asked");
    soft.answers_after(secs(1));
    soft.registers();
    world.within(4, "it is back", |world| world.hear_each_other(&waiting, &soft));
    waiting.hangs_up();
    call.hangs_up();
    world.settle();
    let story = |at: usize| world.records()[at].queue.clone().unwrap().story;
    let held: Vec<Factor> = (0..2)
        .flat_map(story)
        .flat_map(|step| match step.what {
            StoryEvent::Nobody(why) => why.excluded,
            StoryEvent::Offered { ref why, .. } => why.excluded.clone(),
            StoryEvent::Decided(_) | StoryEvent::AgentLost { .. } | StoryEvent::Left { .. } => Vec::new(),
        })
        .map(|(factor, _)| factor)
        .collect();
    assert!(held.contains(&Factor::PinnedDevice), "{held:?}");
    let ends: Vec<Option<OfferEnd>> = (0..2)
        .flat_map(story)
        .filter_map(|step| match step.what {
            StoryEvent::Offered { end, .. } => Some(end),
            StoryEvent::Nobody(_) | StoryEvent::Decided(_) | StoryEvent::AgentLost { .. } | StoryEvent::Left { .. } => {
                None
            }
        })
        .collect();
    assert!(ends.iter().all(|end| *end != Some(OfferEnd::NoAnswer)), "{ends:?}");
}

/// QM-10: the agent chooses for himself, over what the settings say; a crash forgets nothing of it; without a choice the
/// settings count again.
#[test]
fn qm_10_a_choice_outlives_the_process() {
    let world = World::seed(954);
    let (desk, soft) = two_phones(&world);
    answer(&[&desk, &soft]);
    pinned(&world, "phone:Linphone");
    let choose = |device| desk.asks(Request::SetDevice { agent: desk.id, queue: SUPPORT, device }).unwrap();
    choose(Some(DeviceChoice::Named("Yealink".into())));
    rings_alone(&world, &desk, &soft).hangs_up();
    world.run_for(secs(1));
    world.crashes();
    world.starts();
    world.run_for(secs(2));
    rings_alone(&world, &desk, &soft).hangs_up();
    choose(None);
    rings_alone(&world, &soft, &desk).hangs_up();
    desk.selects(Selection::not_ready("lunch")).unwrap();
    world.settle();
}
