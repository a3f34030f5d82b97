//! Agents whose desk phone is gone in the middle of a queue's call: nobody is lost with it.

use strowger::{
    acd::{PartEnd, Status},
    base::UserId,
    engine::{Actor, AgentLost, Input, Request, StoryEvent},
    sip::Transport,
    switch::{Cause, EndedBy, LegSide},
};

use super::{caller, talking};
use crate::sim::{Agent, Call, End, HoldForm, Talk, Voice, World, millis, secs};

/// What is told of an agent's telephone in the only record.
fn lost_agents(world: &World) -> usize {
    let records = world.records();
    assert_eq!(records.len(), 1, "one call, one record");
    let story = &records[0].queue.as_ref().unwrap().story;
    story.iter().filter(|step| matches!(step.what, StoryEvent::AgentLost { .. })).count()
}

/// The next agent, who is free from now on.
fn next_agent(world: &World) -> Agent {
    let bia = world.agent("bia");
    bia.answers_after(secs(1));
    bia.ready()
}

/// AS-21, SW-07: a phone without battery: after a minute of silence its customer is at the head of the queue that he came
/// from, before one who has waited meanwhile, hears music in the same stream, and then the next agent. The record says why.
#[test]
fn as_21_a_dead_phone_loses_no_customer() {
    let world = World::seed(1400);
    let ana = world.agent("ana").ready();
    let call = talking(&world, &ana);
    let later = caller(&world);
    world.run_for(secs(20));
    ana.dies();
    world.run_for(secs(50));
    assert!(ana.status() == Status::Busy, "a minute is not over");
    call.listens_anew();
    world.within(12, "music", |world| world.hears(&call, Voice::MUSIC));
    assert!(!ana.view().reachable && ana.status() != Status::Busy, "{:?}", ana.status());
    let bia = next_agent(&world);
    world.within(10, "the next agent has him", |world| world.hear_each_other(&call, &bia));
    assert!(later.is_up() && world.hears(&later, Voice::MUSIC), "who came later waits");
    call.with(|call| assert_eq!((call.media.ear.sources.len(), call.media.ear.skipped), (1, 0)));
    call.hangs_up();
    world.within(2, "the record", |world| world.records().len() == 1);
    assert_eq!(lost_agents(&world), 1);
    let hers = world.records()[0].legs.iter().find(|leg| leg.side == LegSide::Called).cloned().unwrap();
    assert_eq!((hers.cause, hers.ended_by), (Cause::LOST, EndedBy::Switch));
    world.within(10, "then he who came later", |world| world.hear_each_other(&later, &bia));
    later.hangs_up();
    ana.revives();
    world.within(40, "she is asked whether she is back", |_| ana.view().reachable);
    let now = world.clock();
    ana.call().with(|call| call.finish(now, End::Silence));
    world.settle();
    let ends: Vec<_> = world.engagements().iter().map(|it| it.end).collect();
    assert_eq!(ends, [PartEnd::Lost, PartEnd::Customer, PartEnd::Customer].map(Some), "Ana's part and Bia's two");
}

/// AS-21: a phone that is known to be gone, since its registration is, is missed after two seconds: his customer hears
/// music, and the phone again when it comes back; half a minute later he waits in the queue.
#[test]
fn as_21_a_phone_that_left_is_missed_soon() {
    for comes_back in [true, false] {
        let world = World::seed(1401);
        let ana = world.agent("ana").ready();
        let call = talking(&world, &ana);
        ana.unregisters();
        world.run_for(secs(100));
        assert!(world.hear_each_other(&call, &ana), "what is heard is not gone");
        ana.talks(Talk::Never);
        world.within(4, "music meanwhile", |world| world.hears(&call, Voice::MUSIC));
        world.run_for(secs(20));
        assert!(ana.call().is_up());
        if comes_back {
            ana.registers();
            ana.talks(Talk::Always);
            world.within(3, "they talk on", |world| world.hear_each_other(&call, &ana));
            world.run_for(secs(60));
            assert!(world.hear_each_other(&call, &ana));
        } else {
            world.within(15, "it is given up", |_| ana.call().end() == Some(End::TheyHungUp));
            let bia = next_agent(&world);
            world.within(10, "the next agent has him", |world| world.hear_each_other(&call, &bia));
        }
        call.hangs_up();
        world.within(2, "the record", |world| world.records().len() == 1);
        assert_eq!(lost_agents(&world), usize::from(!comes_back));
        world.settle();
    }
}

/// CH-02, AS-21: a phone that dies while it holds sends nothing, as is right, and is found gone by what it does not answer:
/// its customer is at the head of his queue within two minutes. One that lives holds as long as it likes.
#[test]
fn ch_02_a_phone_that_dies_while_it_holds_is_missed() {
    for (seed, form) in [(1404, HoldForm::SendOnly), (1405, HoldForm::Inactive)] {
        let world = World::seed(seed);
        let ana = world.agent("ana").ready();
        let call = talking(&world, &ana);
        ana.call().holds(form);
        ana.talks(Talk::Never);
        world.run_for(secs(200));
        assert!(call.is_up() && ana.call().is_up() && world.hears(&call, Voice::MUSIC));
        ana.dies();
        let bia = next_agent(&world);
        world.within(100, "the next agent has him", |world| world.hear_each_other(&call, &bia));
        call.hangs_up();
        world.within(2, "the record", |world| world.records().len() == 1);
        assert_eq!(lost_agents(&world), 1);
        world.settle();
    }
}

/// SW-07, AS-21: a phone that holds and can't even be asked, because its address refuses or its connection is gone, has as
/// long to come back as one that says nothing: one that is back in time keeps its customer.
#[test]
fn as_21_a_holder_that_refuses_has_time_to_come_back() {
    for (seed, away, kept) in [(1415, 20, true), (1416, 60, false)] {
        let world = World::seed(seed);
        let ana = world.agent("ana").ready();
        let call = talking(&world, &ana);
        ana.call().holds(HoldForm::SendOnly);
        ana.talks(Talk::Never);
        world.within(3, "music", |world| world.hears(&call, Voice::MUSIC));
        ana.dies();
        let until = world.clock() + secs(31 + away);
        while world.clock() < until {
            world.run_for(millis(200));
            world.feeds(Input::Unreachable { transport: Transport::Udp, remote: ana.address() });
        }
        assert_eq!(world.snapshot().calls[0].legs.len() == 2, kept, "away for {away} s");
        if kept {
            ana.revives();
            world.run_for(secs(100));
            assert!(call.is_up() && world.hears(&call, Voice::MUSIC));
            ana.talks(Talk::Always);
            ana.call().resumes();
            world.within(3, "they talk", |world| world.hear_each_other(&call, &ana));
        }
        call.hangs_up();
        world.settle();
        assert_eq!(lost_agents(&world) == 0, kept);
    }
}

/// SW-07: a customer who is heard no more ends the call, whatever his agent does; and so does an agent's phone where the
/// centre wants it so.
#[test]
fn sw_07_a_silent_customer_is_let_go() {
    let world = World::seed(1402);
    let ana = world.agent("ana").ready();
    let call = talking(&world, &ana);
    world.carrier().talks(Talk::Never);
    world.within(65, "over", |_| call.end() == Some(End::TheyHungUp));
    assert!(ana.call().is_over());
    assert_eq!(lost_agents(&world), 0);
    world.carrier().talks(Talk::Always);
    world.centre_has(|centre| centre.agent_lost = AgentLost::HangUp);
    let call = talking(&world, &ana);
    ana.talks(Talk::Never);
    world.within(65, "over", |_| call.end() == Some(End::TheyHungUp));
    assert!(ana.view().reachable);
    world.settle();
}

/// SW-07: both are gone at once, as when the network between is: nobody waits in a queue for somebody who is not there.
#[test]
fn sw_07_both_fall_silent() {
    let world = World::seed(1403);
    let ana = world.agent("ana").ready();
    let call = talking(&world, &ana);
    ana.talks(Talk::Never);
    world.carrier().talks(Talk::Never);
    world.within(65, "over", |_| call.is_over() && ana.call().is_over());
    world.settle();
}

/// A talk whose phone falls silent, so long ago that it is about to be given up in `lead` milliseconds.
fn about_to_be_lost(seed: u64, lead: u64) -> (World, Agent, Call) {
    let silent = |millis_on: u64| {
        let world = World::seed(seed);
        let ana = world.agent("ana").ready();
        let call = talking(&world, &ana);
        ana.talks(Talk::Never);
        world.run_for(millis(millis_on));
        (world, ana, call)
    };
    let (world, ana, _) = silent(59_000);
    let begun = world.clock();
    while ana.call().is_up() {
        world.run_for(millis(1));
    }
    let gone_after = u64::try_from(world.clock().since(begun).as_millis()).unwrap();
    silent(59_000 + gone_after - lead)
}

/// Plays what races with that moment, from before it to after it; how often the customer was in the queue again first.
fn race(seed: u64, act: impl Fn(&Agent, &Call)) -> (usize, usize) {
    let (mut first, mut later) = (0, 0);
    for lead in 0..8 {
        let (world, ana, call) = about_to_be_lost(seed, lead);
        act(&ana, &call);
        world.run_for(secs(1));
        if call.is_up() {
            call.listens_anew();
            world.within(2, "he waits and hears music", |world| world.hears(&call, Voice::MUSIC));
            call.hangs_up();
        }
        world.settle();
        assert!(call.is_over() && ana.call().is_over() && ana.status() != Status::Busy, "lead {lead}");
        let went_back = lost_agents(&world) == 1;
        (first, later) = if went_back { (first + 1, later) } else { (first, later + 1) };
    }
    (first, later)
}

/// AS-21, RT-10: the phone hangs up, or its customer does, at the very moment at which it is given up: whichever is first
/// counts, and nothing is left in either order.
#[test]
fn as_21_a_phone_is_given_up_as_somebody_hangs_up() {
    let (first, later) = race(1410, |ana, _| {
        if ana.call().is_up() {
            ana.hangs_up();
        }
    });
    assert!(first > 0 && later > 0, "the phone's BYE: {first} {later}");
    let (first, later) = race(1430, |_, call| call.hangs_up());
    assert!(first > 0 && later > 0, "the customer's BYE: {first} {later}");
}

/// CH-07, AS-21: where a third is in the call, he talks on with the customer.
#[test]
fn as_21_a_third_talks_on() {
    let world = World::seed(1404);
    let ana = world.agent("ana").ready();
    let eva = world.phone("eva");
    eva.registers();
    eva.answers_after(secs(1));
    let call = talking(&world, &ana);
    let id = world.snapshot().calls[0].call;
    let add = Request::AddLeg { call: id, by: UserId(1), to: "eva".into() };
    world.asks(Actor::Agent(ana.id), add).unwrap();
    world.within(5, "Eva is in it", |_| eva.all_calls().pop().is_some_and(|call| call.is_up()));
    ana.talks(Talk::Never);
    world.within(70, "the two are left", |world| world.snapshot().calls[0].legs.len() == 2);
    world.within(2, "and talk", |world| world.hear_each_other(&call, &eva));
    eva.hangs_up();
    world.within(2, "over", |_| call.is_over());
    world.settle();
}
