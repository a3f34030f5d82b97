//! What survives a crash, and what is mended (rules 39 and 40).

use super::{Room, room::*};
use crate::{
    acd::*,
    base::{AgentId, CallId},
};

/// Rule 39: selection with its reason, missed count, idle order, place in line; nobody busy, nobody ringing. OP-02.
#[test]
fn a_restart_keeps_what_people_had() {
    for from_checkpoint in [false, true] {
        let mut room = Room::with(3, |settings| first_queue(settings).missed_max = 0);
        room.select(3, Selection::not_ready("lunch")).unwrap();
        let first = room.call();
        let gone = room.call();
        let third = room.call();
        room.progress();
        room.pass(20);
        room.progress();
        let missed = (room.agent(1).missed, room.agent(2).missed);
        let counters = room.queue(1).today;
        room.restart(40, &[first, third], from_checkpoint);
        assert_eq!(room.outcomes(), [(gone, Outcome::SystemError)]);
        let view = room.view(3);
        assert_eq!((view.status, view.reason), (Status::NotReady, Some("lunch".into())));
        assert_eq!((room.agent(1).missed, room.agent(2).missed), missed);
        assert_eq!(room.queue(1).waiting.iter().map(|it| it.interaction).collect::<Vec<_>>(), [first, third]);
        assert!(room.ringing().is_empty(), "no phone is there yet");
        assert_eq!(room.queue(1).today.entered, counters.entered);
        for agent in 1..=2 {
            room.ask(|acd, now| acd.handle_device(now, AgentId(agent), true));
        }
        assert_eq!(room.ringing().len(), 2);
    }
}

/// Rule 39: a talk whose call is gone leaves nobody Busy; one whose call lives on stays an engagement. OP-02, P10.
#[test]
fn nobody_is_busy_without_a_call() {
    for lives in [false, true] {
        let mut room = Room::with(1, |settings| first_queue(settings).acw_secs = 20);
        let call = room.call();
        let engagement = room.talk();
        let live = if lives { vec![call] } else { vec![] };
        room.restart(5, &live, false);
        assert_eq!(room.status(1), if lives { Status::Busy } else { Status::Ready });
        room.end(engagement);
        assert_eq!(room.status(1), if lives { Status::WrapUp } else { Status::Ready });
    }
}

/// Rule 39: a wrap-up keeps its absolute end over a restart, early or late. AW-11.
#[test]
fn a_wrap_up_keeps_its_end() {
    for (away, left) in [(10, 15), (60, 0)] {
        let mut room = Room::with(1, |settings| first_queue(settings).acw_secs = 30);
        room.call();
        let engagement = room.talk();
        room.end(engagement);
        room.pass(5);
        room.restart(away, &[], true);
        assert_eq!(room.status(1), Status::WrapUp);
        room.ask(|acd, now| acd.handle_device(now, AgentId(1), true));
        if left > 0 {
            room.pass_ms(left * 1000 - 1);
            assert_eq!(room.status(1), Status::WrapUp);
        }
        room.pass_ms(1);
        assert_eq!(room.status(1), Status::Ready);
    }
}

/// After a restart sessions have their grace. AS-21.
#[test]
fn sessions_have_a_grace_after_a_restart() {
    let mut room = Room::new(1);
    room.restart(5, &[], false);
    assert_eq!(room.status(1), Status::Ready);
    room.pass(30);
    assert_eq!(room.status(1), Status::Offline);
}

/// The journal may come before the settings or after them, twice or once: it is the same.
#[test]
fn reading_twice_does_no_harm() {
    let mut room = Room::new(3);
    room.call();
    let engagement = room.talk();
    room.end(engagement);
    let mut twice = room.journal.clone();
    twice.extend(room.journal.clone());
    let once = room.journal.clone();
    let read = |entries: Vec<Entry>, before: bool| {
        let mut acd = Acd::new(crate::base::Chance::from_number(3));
        if before {
            acd.restore(room.now, entries, &Default::default());
            acd.settings(room.now, room.settings.clone());
        } else {
            acd.settings(room.now, room.settings.clone());
            acd.restore(room.now, entries, &Default::default());
        }
        acd.checkpoint(room.now)
    };
    assert_eq!(read(once.clone(), true), read(once.clone(), false));
    assert_eq!(read(twice, true), read(once, true));
}

/// Rule 40: an agent held by nothing is freed, counted and told. OP-02, P2, P10.
#[test]
fn a_broken_agent_is_mended() {
    let mut room = Room::new(2);
    room.call();
    room.call();
    let (offer, ..) = room.ringing()[0];
    let engagement = room.answer(offer);
    room.connected(engagement);
    room.acd.break_for_test();
    assert!(!room.acd.check_invariants().is_empty());
    let mended = room.ask(|acd, now| acd.repair(now));
    assert!(mended >= 2, "{mended}");
    assert_eq!(room.acd.repairs_total(), mended as u64);
    assert!(room.notices().iter().any(|notice| matches!(notice, Notice::Repaired { .. })));
    assert_eq!(room.ringing().len(), 1, "who still waits is asked again");
    assert!(room.hits(Rule::Repair) > 0);
}

/// One status, as somebody came to it.
type Comes = (&'static str, fn(&mut Room), Status);

/// Every status that lasts, and one way to each.
fn statuses() -> [Comes; 10] {
    [
        ("ready", |_| {}, Status::Ready),
        ("not ready", |room| room.select(1, Selection::not_ready("lunch")).expect("done"), Status::NotReady),
        (
            "not to be disturbed",
            |room| room.ask(|acd, now| acd.set_dnd(now, AgentId(1), true, Actor::Api)).expect("done"),
            Status::Dnd,
        ),
        (
            "banned",
            |room| {
                room.call();
                let (offer, ..) = room.the_ring();
                room.fail(offer, OfferFault::Declined);
            },
            Status::Banned,
        ),
        (
            "in a queue's call",
            |room| {
                room.call();
                room.talk();
            },
            Status::Busy,
        ),
        ("in a call of his own", |room| room.direct(1, 9), Status::Busy),
        (
            "wraps up a queue's call",
            |room| {
                room.call();
                let engagement = room.talk();
                room.end(engagement);
            },
            Status::WrapUp,
        ),
        (
            "wraps up a call of his own",
            |room| {
                room.direct(1, 9);
                room.ask(|acd, now| acd.handle_direct_ended(now, AgentId(1), CallId(9)));
            },
            Status::WrapUp,
        ),
        (
            "not ready at once, in a call of his own",
            |room| {
                room.direct(1, 9);
                room.select(1, Selection::not_ready("lunch")).expect("done");
            },
            Status::NotReady,
        ),
        (
            "offline",
            |room| room.ask(|acd, now| acd.force_offline(now, AgentId(1), Actor::Api)).expect("done"),
            Status::Offline,
        ),
    ]
}

/// Whatever an agent's status is, a restart leaves it and its timer alone: also where it is due to what a call through no
/// queue does, or did. AS-15, P10.
#[test]
fn a_status_lasts_on_over_a_restart() {
    for (name, come, status) in statuses() {
        for from_checkpoint in [false, true] {
            let mut room = Room::with(1, |settings| {
                settings.policies.not_ready_mode = NotReadyMode::Immediate;
                settings.policies.direct_acw_secs = 600;
                let queue = first_queue(settings);
                (queue.acw_secs, queue.reject_secs) = (600, BanTime::Secs(600));
            });
            room.pass(60);
            come(&mut room);
            assert_eq!(room.status(1), status, "{name}");
            room.pass(7);
            let before = (room.view(1), room.agent(1).since);
            let waiting = room.queue(1).waiting.iter().map(|it| it.interaction).collect();
            let talking = room.agent(1).engagements.iter().map(|it| it.interaction).collect();
            let direct = [(AgentId(1), CallId(9), DirectKind::Internal)].into();
            let direct = if name.ends_with("in a call of his own") { direct } else { Default::default() };
            room.restart_with(40, &Alive { waiting, talking, direct }, from_checkpoint);
            assert_eq!((room.view(1), room.agent(1).since), before, "{name}, {from_checkpoint}");
            assert_eq!(room.events(1), [], "{name}");
        }
    }
}

/// A status that ended with the process begins anew, at that moment: who was busy is not Ready since then. AS-15.
#[test]
fn what_a_restart_ended_begins_anew() {
    let mut room = Room::new(1);
    room.direct(1, 9);
    room.pass(7);
    room.restart(40, &[], false);
    assert_eq!((room.status(1), room.agent(1).since), (Status::Ready, room.now.wall));
    let [event] = &room.events(1)[..] else { panic!("{:?}", room.events(1)) };
    assert_eq!((event.old.status, event.new.status, event.rule), (Status::Busy, Status::Ready, Rule::Boot));
}

/// Not Ready and signing out that wait for the end of a call of his own wait for it over a restart, and no queue rings in
/// between. AS-15, AS-21.
#[test]
fn what_waits_for_a_direct_call_waits_over_a_restart() {
    for signs_out in [false, true] {
        let mut room = Room::new(1);
        room.direct(1, 9);
        if signs_out {
            room.ask(|acd, now| acd.sign_out(now, AgentId(1), Actor::Agent(AgentId(1)))).expect("done");
        } else {
            room.select(1, Selection::not_ready("lunch")).expect("done");
        }
        let call = room.call();
        let alive = Alive {
            waiting: [call].into(),
            direct: [(AgentId(1), CallId(9), DirectKind::Internal)].into(),
            ..Alive::default()
        };
        room.restart_with(5, &alive, false);
        room.ask(|acd, now| acd.handle_device(now, AgentId(1), true));
        assert_eq!((room.status(1), room.view(1).pending.is_some()), (Status::Busy, true));
        assert!(room.ringing().is_empty());
        room.ask(|acd, now| acd.handle_direct_ended(now, AgentId(1), CallId(9)));
        let after = if signs_out { Status::Offline } else { Status::NotReady };
        assert_eq!((room.status(1), room.rings_at()), (after, vec![]));
    }
}

/// The settings come before the journal is read: what they say of memberships is not written behind what people did, so that a
/// pause outlives a second restart as well, wherever the first one was torn. QM-11, P20.
#[test]
fn a_pause_survives_every_restart() {
    let mut room = Room::new(1);
    room.ask(|acd, now| acd.pause(now, AgentId(1), None, Some("lunch".into()), Actor::Api)).expect("done");
    let before = room.agent(1).queues;
    for _ in 0..3 {
        let entries = room.journal.clone();
        room.acd = Acd::new(crate::base::Chance::from_number(4));
        let settings = room.settings.clone();
        room.ask(|acd, now| acd.settings(now, settings));
        room.ask(|acd, now| acd.restore(now, entries, &Alive::default()));
        assert_eq!(room.agent(1).queues, before);
    }
}
