//! Skills that a queue likes to see, by what it finds each worth.

use super::{Room, room::*};
use crate::{
    acd::*,
    base::{AgentId, InteractionId, Private, QueueId},
};

/// A queue of three that asks the best: one speaks both languages a little, one speaks one well, one the other.
fn settings(prefer: &[(&str, u32)]) -> Settings {
    let mut settings = centre(3, 1);
    let levels: [&[(&str, u8)]; 3] = [&[("pt", 3), ("es", 3)], &[("pt", 8)], &[("es", 5)]];
    for (agent, skills) in settings.agents.values_mut().zip(levels) {
        agent.skills = skills.iter().map(|(skill, level)| ((*skill).to_owned(), *level)).collect();
    }
    let queue = first_queue(&mut settings);
    queue.strategy = Strategy::SkillsBest;
    queue.prefer = weights(prefer);
    settings
}

fn weights(prefer: &[(&str, u32)]) -> std::collections::BTreeMap<String, u32> {
    prefer.iter().map(|(skill, weight)| ((*skill).to_owned(), *weight)).collect()
}

/// A call that needs these skills, and whom it was offered to, with everybody's score as it is explained.
fn asked(room: &mut Room, id: u64, skills: &[(&str, u8)]) -> Vec<(u64, Option<i64>)> {
    let skills = skills.iter().map(|(skill, level)| NeededSkill { skill: (*skill).into(), level: *level }).collect();
    let inbound = Enqueue::inbound(InteractionId(id), QueueId(1), Private::default());
    room.enqueue(Enqueue { skills, ..inbound }).unwrap();
    let why = room.said.iter().rev().find_map(|output| {
        let Output::Offer(offer) = output else { return None };
        Some(offer.why.first.iter().map(|candidate| (candidate.agent.0, candidate.measure)).collect())
    });
    why.expect("an offer")
}

/// RT-03: levels count by their weight, nobody is kept away for want of a preferred skill, what a call needs counts once
/// unless it is weighed, and the scores are explained.
#[test]
fn rt_03_preferred_skills_are_weighed() {
    let mut room = Room::with(3, |it| *it = settings(&[("pt", 2), ("es", 3)]));
    assert_eq!(asked(&mut room, 1, &[]), [(2, Some(16)), (1, Some(15)), (3, Some(15))]);
    room.hang_up(InteractionId(1));
    let mut room = Room::with(3, |it| *it = settings(&[("es", 3)]));
    assert_eq!(asked(&mut room, 1, &[("pt", 1)]), [(1, Some(12)), (2, Some(8))]);
    let mut room = Room::with(3, |it| *it = settings(&[("pt", 5)]));
    assert_eq!(asked(&mut room, 1, &[("pt", 1)]), [(2, Some(40)), (1, Some(15))]);
}

/// RT-03: of two who suit alike the one who has been idle longest is asked, whatever the order of membership.
#[test]
fn rt_03_who_suits_alike_by_idleness() {
    let mut settings = settings(&[("pt", 5), ("es", 8)]);
    settings.agents.get_mut(&AgentId(1)).unwrap().skills = [("es".to_owned(), 5)].into();
    let mut room = Room::with(3, |it| *it = settings);
    assert_eq!(asked(&mut room, 1, &[])[0].0, 1);
    let engagement = room.talk();
    room.end(engagement);
    assert_eq!(asked(&mut room, 2, &[]), [(2, Some(40)), (3, Some(40)), (1, Some(40))]);
}

/// RT-03: new weights and new levels hold for the next offer of a call that waits already.
#[test]
fn rt_03_weights_change_while_a_call_waits() {
    for (prefer, next) in [(("pt", 1), 1), (("es", 1), 3)] {
        let mut room = Room::with(3, |it| *it = settings(&[("pt", 1)]));
        assert_eq!(asked(&mut room, 1, &[])[0].0, 2);
        room.ask(|acd, now| acd.settings(now, settings(&[prefer])));
        room.fail(room.the_ring().0, OfferFault::Declined);
        assert_eq!(room.rings_at(), [next]);
    }
    let mut room = Room::with(3, |it| *it = settings(&[("pt", 1)]));
    assert_eq!(asked(&mut room, 1, &[])[0].0, 2);
    let mut better = settings(&[("pt", 1)]);
    better.agents.get_mut(&AgentId(3)).unwrap().skills.insert("pt".into(), 9);
    room.ask(|acd, now| acd.settings(now, better));
    room.fail(room.the_ring().0, OfferFault::Declined);
    assert_eq!(room.rings_at(), [3]);
}

/// RT-03: weights that nothing compares, of skills that nobody has, or out of their range, are refused with a hint.
#[test]
fn rt_03_weights_that_mean_nothing_are_refused() {
    let said = |strategy, prefer: &[(&str, u32)]| {
        let mut settings = settings(prefer);
        first_queue(&mut settings).strategy = strategy;
        settings.check().iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    };
    assert_eq!(said(Strategy::SkillsBest, &[("pt", 100), ("es", 1)]), "");
    let all_at_once = said(Strategy::LongestIdle, &[("vip", 0)]);
    for wanted in [
        "queues.q1.prefer: only one strategy compares skills: set strategy = \"skills_best\"",
        "queues.q1.prefer: no agent has the skill `vip`; there are: es, pt",
        "queues.q1.prefer: vip: expected a weight from 1 to 100",
    ] {
        assert!(all_at_once.contains(wanted), "{all_at_once}");
    }
}
