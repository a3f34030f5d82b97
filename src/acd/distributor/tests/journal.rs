//! What survives a crash, and what is mended (rules 39 and 40).

use super::{Room, room::*};
use crate::{acd::*, base::AgentId};

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
