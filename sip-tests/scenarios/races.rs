//! Two things at once, in both orders.

use strowger::{
    acd::{Status, Strategy},
    engine::Request,
};

use super::{
    caller, talking,
    transfers::{Talk, talk},
};
use crate::sim::{End, Habit, HoldForm, Way, World, millis, secs};

fn is_final(text: &str, status: u16, method: &str) -> bool {
    text.starts_with(&format!("SIP/2.0 {status} ")) && text.contains(&format!(" {method}\r\n"))
}

/// P3, RT-10: the agent's 200 crosses our CANCEL: the half call is acknowledged and ended, the agent is free.
#[test]
fn an_answer_that_crosses_the_cancel_leaves_no_half_call() {
    for lead in 0..6 {
        let world = World::seed(60 + lead);
        let ana = world.agent("ana").ready();
        let call = caller(&world);
        world.within(2, "it rings", |_| ana.is_ringing());
        // From three milliseconds before to three after: the link takes one.
        if lead < 3 {
            ana.call().answers();
            world.run_for(millis(lead));
            call.hangs_up();
        } else {
            call.hangs_up();
            world.run_for(millis(lead - 3));
            ana.call().answers();
        }
        world.settle();
        assert!(ana.call().is_over() && call.is_over(), "lead {lead}");
        assert_eq!((ana.status(), ana.view().missed), (Status::Ready, 0), "lead {lead}");
        assert_eq!(world.records().len(), 1, "lead {lead}");
    }
}

/// Between phones: CANCEL and 200 pass each other on the wire.
#[test]
fn a_caller_who_cancels_as_it_is_answered() {
    for lead in 0..6 {
        let world = World::seed(70 + lead);
        let (ana, rui) = (world.phone("ana"), world.phone("rui"));
        ana.registers();
        rui.registers();
        world.run_for(secs(1));
        let call = ana.calls("rui");
        world.within(2, "it rings", |_| rui.is_ringing());
        if lead < 3 {
            rui.call().answers();
            world.run_for(millis(lead));
            call.hangs_up();
        } else {
            call.hangs_up();
            world.run_for(millis(lead - 3));
            rui.call().answers();
        }
        world.settle();
        assert!(rui.call().is_over() && call.is_over(), "lead {lead}");
    }
}

/// BYE meets BYE.
#[test]
fn both_hang_up_at_once() {
    for lead in 0..4 {
        let world = World::seed(80 + lead);
        let ana = world.agent("ana").ready();
        let call = talking(&world, &ana);
        call.hangs_up();
        world.run_for(millis(lead));
        ana.hangs_up();
        world.settle();
        assert_eq!(ana.status(), Status::Ready);
        assert_eq!(world.records().len(), 1, "one call, one record");
    }
}

/// P15, RT-08: two agents answer in the same moment: one talks, the other is thanked and released without penalty.
#[test]
fn two_answers_have_one_winner() {
    for lead in 0..3 {
        let world = World::seed(90 + lead);
        world.queue_has(|queue| queue.strategy = Strategy::RingAll);
        let agents = [world.agent("ana").ready(), world.agent("bia").ready()];
        let call = caller(&world);
        world.within(2, "both ring", |_| agents.iter().all(|agent| agent.is_ringing()));
        agents[0].call().answers();
        world.run_for(millis(lead));
        agents[1].call().answers();
        world.within(3, "one talks", |world| agents.iter().any(|agent| world.hear_each_other(&call, &**agent)));
        world.run_for(secs(1));
        let talking = agents.iter().filter(|agent| world.hear_each_other(&call, &***agent)).count();
        assert_eq!(talking, 1);
        let loser = agents.iter().find(|agent| !world.hear_each_other(&call, &***agent)).unwrap();
        assert!(loser.call().is_over(), "lead {lead}: acknowledged and ended at once");
        assert_eq!((loser.status(), loser.view().missed), (Status::Ready, 0));
        call.hangs_up();
        world.settle();
        assert_eq!(world.records().len(), 1);
    }
}

/// The 180 is lost, the CANCEL waits for a provisional: nobody is left ringing.
#[test]
fn a_cancel_waits_for_the_first_provisional() {
    let world = World::seed(100);
    let ana = world.agent("ana").ready();
    let mut dropped = 0;
    world.loses(move |way, text| {
        let is_first = way == Way::In && text.starts_with("SIP/2.0 180") && dropped < 1;
        dropped += u32::from(is_first);
        is_first
    });
    let call = caller(&world);
    world.run_for(millis(100));
    assert!(ana.is_ringing());
    call.hangs_up();
    world.settle();
    assert_eq!(ana.call().end(), Some(End::Cancelled));
    assert_eq!(ana.status(), Status::Ready);
}

/// A 200 that is repeated because its ACK was lost is acknowledged again, and makes no second call.
#[test]
fn a_repeated_answer_is_acknowledged_again() {
    let world = World::seed(101);
    let ana = world.agent("ana").ready();
    let mut dropped = 0;
    world.loses(move |way, text| {
        let is_ack = way == Way::Out && text.starts_with("ACK ") && dropped < 2;
        dropped += u32::from(is_ack);
        is_ack
    });
    let call = talking(&world, &ana);
    world.run_for(secs(5));
    assert!(ana.call().is_up() && world.hear_each_other(&call, &ana));
    call.hangs_up();
    world.settle();
    assert_eq!(ana.all_calls().len(), 1);
}

/// A repeated INVITE is the same call.
#[test]
fn a_repeated_invite_makes_one_call() {
    let world = World::seed(102);
    let ana = world.agent("ana").ready();
    let mut dropped = 0;
    world.loses(move |way, text| {
        let early = way == Way::Out
            && (text.starts_with("SIP/2.0 100") || is_final(text, 200, "INVITE") || text.starts_with("SIP/2.0 18"))
            && dropped < 2;
        dropped += u32::from(early);
        early
    });
    let call = talking(&world, &ana);
    call.hangs_up();
    world.settle();
    assert_eq!((world.records().len(), ana.all_calls().len()), (1, 1));
}

/// RT-09, P16, rule 16b: accepted at the page, refused by the phone: the caller keeps his place and goes on at once.
#[test]
fn a_winner_whose_phone_refuses_gives_the_caller_back() {
    let world = World::seed(103);
    let ana = world.agent("ana").ready();
    world.run_for(secs(1));
    let bia = world.agent("bia").ready();
    bia.answers_after(secs(1));
    ana.does(Habit::RingsThenRefuses(secs(2), 486));
    let call = caller(&world);
    world.within(2, "it rings", |_| ana.is_ringing());
    let offer = ana.view().offers[0].offer;
    ana.asks(Request::Accept { agent: ana.id, offer }).unwrap();
    world.within(9, "the other agent has him", |world| world.hear_each_other(&call, &bia));
    assert_eq!(ana.view().missed, 0);
    call.hangs_up();
    world.settle();
    assert_eq!(world.records().len(), 1);
}

/// BYE meets re-INVITE, in both orders, from the same side and from the other: the call ends once and nobody waits on.
#[test]
fn a_bye_meets_a_reinvite() {
    for (lead, same_side) in (0..6).flat_map(|lead| [(lead, false), (lead, true)]) {
        let Talk { world, rui, call, .. } = talk(110 + lead);
        let (leaves, holds) = if same_side { (call.clone(), call.clone()) } else { (call.clone(), rui.call()) };
        if lead < 3 {
            holds.holds(HoldForm::SendOnly);
            world.run_for(millis(lead));
            leaves.hangs_up();
        } else {
            leaves.hangs_up();
            world.run_for(millis(lead - 3));
            holds.holds(HoldForm::SendOnly);
        }
        world.settle();
        assert!(call.is_over() && rui.call().is_over(), "lead {lead}, same side: {same_side}");
        assert_eq!(world.records().len(), 1);
    }
}

/// REFER meets BYE, in both orders: of the one who is passed on, nobody is rung for long; of the one who passes on, the
/// transfer goes on, or the call was over before. Nothing is left either way.
#[test]
fn a_refer_meets_a_bye() {
    for (lead, own) in (0..6).flat_map(|lead| [(lead, false), (lead, true)]) {
        let Talk { world, rui, eva, call } = talk(120 + lead);
        eva.answers_after(secs(1));
        let leaves = if own { call.clone() } else { rui.call() };
        if lead < 3 {
            call.refers("eva");
            world.run_for(millis(lead));
            leaves.hangs_up();
        } else {
            leaves.hangs_up();
            world.run_for(millis(lead - 3));
            call.refers("eva");
        }
        world.run_for(secs(4));
        let went_on = own && lead < 3;
        assert_eq!(world.hear_each_other(&rui, &eva), went_on, "lead {lead}, own: {own}");
        assert!(call.is_over() && !eva.is_ringing(), "lead {lead}, own: {own}");
        if went_on {
            rui.hangs_up();
        }
        world.settle();
        assert_eq!(world.records().len(), 1, "lead {lead}, own: {own}");
    }
}

/// Two phones of one user answer in the same moment, in either order: one talks, the other is acknowledged and ended.
#[test]
fn two_phones_of_a_user_answer_at_once() {
    for lead in 0..6 {
        let world = World::seed(130 + lead);
        let (ana, desk) = (world.phone("ana"), world.phone("rui"));
        let mobile = world.second_phone(&desk);
        for phone in [&ana, &desk, &mobile] {
            phone.registers();
            world.run_for(secs(1));
        }
        let call = ana.calls("rui");
        world.within(2, "both ring", |_| desk.is_ringing() && mobile.is_ringing());
        let (first, second) = if lead < 3 { (&desk, &mobile) } else { (&mobile, &desk) };
        first.call().answers();
        world.run_for(millis(lead % 3));
        second.call().answers();
        world.within(3, "they talk", |world| world.hear_each_other(&call, first));
        assert!(second.call().is_over(), "lead {lead}: acknowledged and ended at once");
        call.hangs_up();
        world.settle();
        assert_eq!(world.records().len(), 1);
    }
}
