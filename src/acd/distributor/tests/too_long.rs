//! Statuses that may last so long and no longer (AS-16).

use super::{
    Room,
    agents::{ANA, ME, comes, on, takes, versatile},
    room::*,
};
use crate::{acd::*, base::CallId};

/// AS-03, AS-16: statuses of the administrator's, each timed by itself, the long one told and, where he says so, ended;
/// over a restart too.
#[test]
fn a_status_has_its_longest_time() {
    let mut room = Room::with(1, |settings| {
        settings.reasons[0].max_secs = 60;
        settings.reasons[1] =
            ReasonSettings { kind: ReasonKind::Productive, max_secs: 30, max_logs_out: true, ..reason("training") };
    });
    room.select(1, Selection::not_ready("break")).unwrap();
    room.pass(59);
    room.restart(0, &[], false);
    room.ask(|acd, now| acd.handle_device(now, ANA, true));
    assert_eq!(room.notices(), []);
    room.pass(1);
    let Notice::TooLong { reason: told, logged_out, .. } = &room.notices()[0] else { panic!("{:?}", room.notices()) };
    assert_eq!((told.as_str(), *logged_out, room.status(1)), ("break", false, Status::NotReady));
    room.select(1, Selection::not_ready("training")).unwrap();
    room.pass_ms(29_999);
    assert_eq!(room.status(1), Status::NotReady);
    room.pass_ms(1);
    assert_eq!((room.status(1), room.view(1).reason), (Status::Offline, Some(Reason::too_long())));
    let ms = |reason: &str| {
        let times = room.agent(1).times;
        times.iter().find(|it| it.reason == Some(reason.into())).map(|it| it.ms)
    };
    assert_eq!((ms("break"), ms("training")), (Some(60_000), Some(30_000)));
}

/// AS-16: who is Not Ready for too long in the middle of a call is told of at once, and is signed out when call and wrap-up
/// are over, also over a restart; who chose Ready meanwhile stays.
#[test]
fn too_long_in_a_call_counts_after_it() {
    for chooses_again in [false, true] {
        let mut room = Room::with(1, |settings| {
            settings.policies.not_ready_mode = NotReadyMode::Immediate;
            settings.reasons[1] = ReasonSettings { max_secs: 30, max_logs_out: true, ..reason("training") };
            first_queue(settings).acw_secs = 10;
        });
        let call = room.call();
        let engagement = room.talk();
        room.select(1, Selection::not_ready("training")).unwrap();
        room.pass(30);
        assert!(matches!(room.notices()[0], Notice::TooLong { logged_out: false, .. }));
        assert_eq!((room.status(1), room.view(1).pending), (Status::NotReady, Some(Pending::LogOff)));
        // Its limit is gone with the process; that it was passed is not.
        room.settings.reasons[1].max_secs = 0;
        room.restart(0, &[call], false);
        if chooses_again {
            room.select(1, Selection::Ready).unwrap();
        }
        room.end(engagement);
        room.pass_ms(9_999);
        assert_eq!(room.view(1).activity, Activity::WrapUp);
        room.pass_ms(1);
        let sent_away = (Status::Offline, Some(Reason::too_long()));
        assert_eq!(
            (room.status(1), room.view(1).reason),
            if chooses_again { (Status::Ready, None) } else { sent_away }
        );
        assert_eq!(room.agent(1).queues[0].state, MemberState::Active, "he did not sign out");
    }
}

/// An agent who is Not Ready for training, of which half a minute is allowed; for lunch there is no limit.
fn in_training(change: impl FnOnce(&mut Settings)) -> Room {
    let mut room = Room::with(1, |settings| {
        settings.reasons[0] = ReasonSettings { max_secs: 30, max_logs_out: true, ..reason("training") };
        settings.policies.logout_on_signout = true;
        change(settings);
    });
    room.select(1, Selection::not_ready("training")).unwrap();
    room
}

/// AS-16: whoever signs out himself after it was told, or is made to by an administrator, is Offline for that and not for having
/// been away too long.
#[test]
fn his_own_sign_out_is_his_own() {
    for forced in [false, true] {
        let mut room = Room::with(1, |settings| {
            settings.policies.not_ready_mode = NotReadyMode::Immediate;
            settings.reasons[0] = ReasonSettings { max_secs: 30, max_logs_out: true, ..reason("training") };
        });
        room.direct(1, 7);
        room.select(1, Selection::not_ready("training")).unwrap();
        room.pass(30);
        room.ask(|acd, now| match forced {
            true => acd.force_offline(now, ANA, Actor::Api),
            false => acd.sign_out(now, ANA, ME),
        })
        .unwrap();
        room.ask(|acd, now| acd.handle_direct_ended(now, ANA, CallId(7)));
        assert_eq!((room.status(1), room.view(1).reason), (Status::Offline, None));
    }
}

/// AS-16: told once, whoever goes on being away; the time begins anew with each status, and one who is called meanwhile has not
/// been away.
#[test]
fn too_long_is_told_once() {
    let mut room = in_training(|settings| settings.reasons[0].max_logs_out = false);
    room.pass(29);
    room.direct(1, 7);
    room.pass(60);
    assert_eq!((room.status(1), room.notices()), (Status::Busy, vec![]));
    room.ask(|acd, now| acd.handle_direct_ended(now, ANA, CallId(7)));
    room.pass(29);
    assert_eq!(room.notices(), []);
    room.pass(300);
    assert_eq!(room.notices().len(), 1);
    let mut settings = room.settings.clone();
    room.ask(|acd, now| acd.settings(now, settings.clone()));
    room.pass(60);
    assert_eq!(room.notices().len(), 1, "nor anew with each reload");
    room.select(1, Selection::not_ready("lunch")).unwrap();
    room.pass(300);
    room.select(1, Selection::not_ready("training")).unwrap();
    room.pass(30);
    assert_eq!((room.status(1), room.notices().len()), (Status::NotReady, 2));
    settings.reasons[0].max_logs_out = true;
    room.ask(|acd, now| acd.settings(now, settings));
    room.pass_ms(0);
    assert_eq!(room.status(1), Status::Offline, "unless there is more to it now");
}

/// AS-16: new settings count for a status that lasts, a limit that was passed before they came at once.
#[test]
fn a_new_limit_counts_at_once() {
    let mut room = in_training(|_| {});
    let limit = |room: &mut Room, secs| {
        let mut settings = room.settings.clone();
        settings.reasons[0].max_secs = secs;
        room.ask(|acd, now| acd.settings(now, settings));
    };
    limit(&mut room, 0);
    room.pass(60);
    assert_eq!((room.status(1), room.notices()), (Status::NotReady, vec![]));
    limit(&mut room, 90);
    room.pass_ms(29_999);
    assert_eq!(room.status(1), Status::NotReady);
    room.pass_ms(1);
    assert_eq!((room.status(1), room.view(1).reason), (Status::Offline, Some(Reason::too_long())));
    let mut room = in_training(|settings| settings.reasons[0].max_secs = 600);
    room.pass(60);
    limit(&mut room, 45);
    room.pass_ms(0);
    assert_eq!((room.status(1), room.agent(1).queues[0].state.clone()), (Status::Offline, MemberState::Active));
}

/// AS-16: also a limit that is reached while the switch is down; and one who has a chat still is signed out after it.
#[test]
fn too_long_counts_while_the_switch_is_down() {
    let mut room = in_training(|_| {});
    room.pass(10);
    room.restart(60, &[], true);
    room.ask(|acd, now| acd.handle_device(now, ANA, true));
    room.pass_ms(0);
    assert_eq!((room.status(1), room.view(1).reason), (Status::Offline, Some(Reason::too_long())));
    assert!(matches!(room.notices()[..], [Notice::TooLong { logged_out: true, .. }]));
    let mut room = versatile(|settings| {
        settings.reasons[0] = ReasonSettings { max_secs: 30, max_logs_out: true, ..reason("training") };
    });
    comes(&mut room, 2);
    let engagement = takes(&mut room);
    room.ask(|acd, now| acd.select(now, ANA, Channel::Voice, Selection::not_ready("training"), ME)).unwrap();
    room.pass(30);
    assert!(matches!(room.notices()[..], [Notice::TooLong { logged_out: false, .. }]));
    assert_eq!(on(&room, Channel::Voice), Status::NotReady, "he chats still");
    room.end(engagement);
    assert_eq!((on(&room, Channel::Voice), room.view(1).reason), (Status::Offline, Some(Reason::too_long())));
}
