//! Queues that say in words of their own whom their interactions may have.

use super::{Room, room::*};
use crate::{
    acd::*,
    base::{AgentId, InteractionId, Private, QueueId},
};

const NATIVES: &str = "skill.pt >= 3 or not caller starts_with \"+351\" or priority >= 9";

/// The first of two speaks no Portuguese.
fn settings(fits: &str) -> Settings {
    let mut settings = centre(2, 1);
    settings.agents.get_mut(&AgentId(2)).unwrap().skills.insert("pt".into(), 5);
    first_queue(&mut settings).fits = fits.into();
    settings
}

fn call(room: &mut Room, id: u64, caller: &str) {
    room.enqueue(Enqueue::inbound(InteractionId(id), QueueId(1), Private::new(caller.into()))).unwrap();
}

fn unfit(room: &Room, id: u64) -> Vec<(u64, bool)> {
    let members = room.acd.explain(room.now, InteractionId(id)).expect("it waits").members;
    members.iter().map(|member| (member.agent.0, member.unfit)).collect()
}

/// RT-03: who does not fit is not asked though he is free, and it is told why; those behind go on, and he who fits comes.
#[test]
fn rt_03_an_expression_keeps_away() {
    let mut room = Room::with(2, |it| *it = settings(NATIVES));
    room.select(2, Selection::not_ready("break")).unwrap();
    call(&mut room, 1, "+351210000001");
    assert!(room.ringing().is_empty());
    assert_eq!(unfit(&room, 1), [(1, true), (2, false)]);
    let nobody = room.said.iter().any(|it| matches!(it, Output::Nobody { why, .. } if why.unfit == 1));
    assert!(nobody, "{:?}", room.said);
    call(&mut room, 2, "+34910000001");
    assert_eq!((room.the_ring().1, room.the_ring().2), (AgentId(1), InteractionId(2)));
    room.select(2, Selection::Ready).unwrap();
    assert_eq!(room.the_ring_of(2), InteractionId(1));
}

/// RT-03: it is judged anew when the priority, the agent's skills or the rule change; and after a restart.
#[test]
fn rt_03_an_expression_is_judged_anew() {
    let alone = || {
        let mut room = Room::with(2, |it| *it = settings(NATIVES));
        room.select(2, Selection::not_ready("break")).unwrap();
        call(&mut room, 1, "+351210000001");
        assert!(room.ringing().is_empty());
        room
    };
    let mut room = alone();
    room.ask(|acd, now| acd.reprioritise(now, InteractionId(1), 9, Actor::System)).unwrap();
    assert_eq!(room.rings_at(), [1]);
    let mut room = alone();
    room.settings.agents.get_mut(&AgentId(1)).unwrap().skills.insert("pt".into(), 3);
    let better = room.settings.clone();
    room.ask(|acd, now| acd.settings(now, better));
    assert_eq!(room.rings_at(), [1]);
    let mut room = alone();
    room.ask(|acd, now| acd.settings(now, settings("")));
    assert_eq!(room.rings_at(), [1]);
    let mut room = alone();
    room.restart(1, &[InteractionId(1)], true);
    room.ask(|acd, now| acd.handle_device(now, AgentId(1), true));
    assert!(room.ringing().is_empty());
    assert_eq!(unfit(&room, 1)[0], (1, true));
}

/// RT-03: nobody logged in fits: an alert that says so, and by the queue's rule anybody then, which a restart keeps.
#[test]
fn rt_03_who_fits_nobody_is_not_forgotten() {
    let mut settings = settings("agent == \"a2\"");
    first_queue(&mut settings).unfit = Unfit { then: UnfitRule::Relax, secs: 10 };
    let mut room = Room::with(2, |it| *it = settings);
    room.ask(|acd, now| acd.handle_device(now, AgentId(2), false));
    room.pass(40);
    room.said.clear();
    call(&mut room, 1, "");
    room.pass(6);
    let told = room.notices();
    assert!(matches!(told[..], [Notice::Unserved { by_rule: true, waiting: 1, .. }]), "{told:?}");
    assert!(room.ringing().is_empty());
    room.pass(4);
    assert_eq!(room.rings_at(), [1]);
    room.restart(1, &[InteractionId(1)], true);
    room.ask(|acd, now| acd.handle_device(now, AgentId(1), true));
    assert_eq!(room.rings_at(), [1]);
}

/// RT-03: what can't be read, names nobody and nothing, or holds for no member, is refused with its place.
#[test]
fn rt_03_expressions_that_mean_nothing_are_refused() {
    let said = |fits: &str| settings(fits).check().iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    assert_eq!(said(NATIVES), "");
    for (fits, wanted) in [
        ("skill.pt > ", "queues.q1.fits: at character 12: `skill.pt` is compared with a whole number"),
        ("skill.tp > 1", "queues.q1.fits: no agent has the skill `tp`"),
        ("agent != \"bob\"", "queues.q1.fits: there is no agent `bob`"),
        ("kind == \"mail\"", "queues.q1.fits: `mail` is none of inbound, callback, campaign"),
        ("skill.pt > 5 and priority > 1", "queues.q1.fits: no member could ever be asked"),
    ] {
        assert!(said(fits).starts_with(wanted), "{fits}: {}", said(fits));
    }
}
