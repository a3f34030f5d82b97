//! What supervisors may do to an agent, cell by cell.

use super::{Room, room::*};
use crate::{
    acd::*,
    base::{AgentId, CallId, QueueId, UserId},
};

const BOSS: Actor = Actor::Supervisor(UserId(9));
const ANA: AgentId = AgentId(1);

/// What an agent is doing when the supervisor comes.
#[derive(Clone, Copy, Debug)]
enum Is {
    Offline,
    Ready,
    NotReady,
    Dnd,
    Banned,
    Offered,
    Dialing,
    Busy,
    WrapUp,
}

fn room(is: Is) -> Room {
    let mut room = Room::with(1, |settings| {
        let queue = first_queue(settings);
        (queue.acw_secs, queue.reject_secs) = (30, BanTime::Secs(600));
    });
    match is {
        Is::Offline => room.ask(|acd, now| acd.force_offline(now, ANA, BOSS)).unwrap(),
        Is::Ready => {}
        Is::NotReady => room.select(1, Selection::not_ready("lunch")).unwrap(),
        Is::Dnd => room.ask(|acd, now| acd.set_dnd(now, ANA, true, Actor::Agent(ANA))).unwrap(),
        Is::Banned => {
            let call = room.call();
            let (offer, _, _) = room.the_ring();
            room.fail(offer, OfferFault::Declined);
            room.hang_up(call);
        }
        Is::Offered => drop(room.call()),
        Is::Dialing => {
            room.ask(|acd, now| acd.handle_direct_dialing(now, ANA, CallId(7), DirectKind::Internal)).unwrap()
        }
        Is::Busy | Is::WrapUp => {
            room.call();
            let engagement = room.talk();
            if matches!(is, Is::WrapUp) {
                room.end(engagement);
            }
        }
    }
    room.said.clear();
    room
}

fn set(room: &mut Room, selection: Selection, how: Force) -> Result<(), Refused> {
    room.ask(|acd, now| acd.set_status(now, ANA, None, selection, how, BOSS))
}

/// Every cell of the table of supervisors' overrides that the distributor answers: set Ready, set Not Ready, log out of
/// the queue, end the wrap-up. SV-02, SV-04, SV-06.
#[test]
fn supervisors_override_cell_by_cell() {
    use Status as S;
    let lunch = || Selection::not_ready("lunch");
    //        state         Ready                           Not Ready                     log out  end the wrap-up
    type Row = (Is, Result<S, u16>, Result<S, u16>, S, Result<S, u16>);
    let table: [Row; 9] = [
        (Is::Offline, Err(409), Err(409), S::Offline, Err(409)),
        (Is::Ready, Ok(S::Ready), Ok(S::NotReady), S::Ready, Err(409)),
        (Is::NotReady, Ok(S::Ready), Ok(S::NotReady), S::NotReady, Err(409)),
        (Is::Dnd, Ok(S::Dnd), Ok(S::Dnd), S::Dnd, Err(409)),
        (Is::Banned, Ok(S::Ready), Ok(S::Banned), S::Banned, Err(409)),
        (Is::Offered, Ok(S::Ringing), Ok(S::NotReady), S::Ready, Err(409)),
        (Is::Dialing, Err(409), Ok(S::Dialing), S::Dialing, Err(409)),
        (Is::Busy, Err(409), Ok(S::Busy), S::Busy, Err(409)),
        (Is::WrapUp, Ok(S::Ready), Ok(S::WrapUp), S::WrapUp, Ok(S::Ready)),
    ];
    for (is, ready, not_ready, logged_out, finished) in table {
        let told = |room: &Room| room.notices().iter().any(|it| matches!(it, Notice::Override(it) if it.agent == ANA));
        let check = |what: &str, mut it: Room, result: Result<(), Refused>, expected: Result<S, u16>| {
            it.settle();
            let got = result.map(|()| it.status(1)).map_err(|refused| refused.status);
            assert_eq!(got, expected, "{is:?}: {what}");
            assert_eq!(told(&it), expected.is_ok(), "{is:?}: {what}: he is told");
        };
        let mut it = room(is);
        let result = set(&mut it, Selection::Ready, Force::default());
        check("set Ready", it, result, ready);
        let mut it = room(is);
        let result = set(&mut it, lunch(), Force::default());
        check("set Not Ready", it, result, not_ready);
        let mut it = room(is);
        let result = it.ask(|acd, now| acd.logout(now, ANA, Some(QueueId(1)), LogoutWhen::Now, BOSS));
        let member = it.agent(1).queues[0].state.clone();
        assert_eq!(member, MemberState::LoggedOut, "{is:?}: at once");
        check("log out", it, result, Ok(logged_out));
        let mut it = room(is);
        let result = it.ask(|acd, now| acd.finish_wrap_up(now, ANA, None, BOSS));
        check("end wrap-up", it, result, finished);
    }
}

/// A log-out during a call takes effect after it, unless it is asked for now. SV-02.
#[test]
fn a_log_out_waits_for_the_call() {
    let mut it = room(Is::Busy);
    it.ask(|acd, now| acd.logout(now, ANA, Some(QueueId(1)), LogoutWhen::After, BOSS)).unwrap();
    assert_eq!(it.agent(1).queues[0].state, MemberState::Active);
    let engagement = it.agent(1).engagements[0].engagement;
    it.end(engagement);
    assert_eq!(it.agent(1).queues[0].state, MemberState::LoggedOut);
}

/// What a supervisor locked the agent can't undo, also after a restart; forced, Ready ends do-not-disturb. SV-04.
#[test]
fn a_locked_status_is_the_supervisors() {
    let mut it = room(Is::Ready);
    set(&mut it, Selection::not_ready("lunch"), Force { locked: true, ..Force::default() }).unwrap();
    for restarted in [false, true] {
        if restarted {
            it.restart(1, &[], true);
        }
        assert!(it.agent(1).locked);
        assert_eq!(it.select(1, Selection::Ready).unwrap_err().code, "locked");
        let own = Actor::Agent(ANA);
        assert_eq!(it.ask(|acd, now| acd.set_dnd(now, ANA, true, own)).unwrap_err().code, "locked");
        assert_eq!(it.ask(|acd, now| acd.receive(now, ANA, true, own)).unwrap_err().code, "locked");
    }
    set(&mut it, Selection::not_ready("lunch"), Force::default()).unwrap();
    it.select(1, Selection::Ready).unwrap();
    let mut it = room(Is::Dnd);
    set(&mut it, Selection::Ready, Force { force: true, ..Force::default() }).unwrap();
    assert_eq!(it.status(1), Status::Ready);
    let own = it.ask(|acd, now| acd.set_status(now, ANA, None, Selection::Ready, Force::default(), Actor::Agent(ANA)));
    assert_eq!(own.unwrap_err().status, 403);
}

/// SV-05: whoever acts on an agent's behalf, he is told who, how he stood before and after, in which queues, why and when;
/// what he does himself is no news to him.
#[test]
fn an_agent_is_told_what_others_did_to_him() {
    let mut room = Room::with(1, |settings| first_queue(settings).acw_secs = 30);
    let told = |room: &mut Room| {
        let mut notices = room.notices();
        room.said.clear();
        assert!(notices.len() <= 1, "{notices:?}");
        match notices.pop() {
            Some(Notice::Override(it)) => Some(*it),
            Some(other) => panic!("{other:?}"),
            None => None,
        }
    };
    room.ask(|acd, now| acd.set_status(now, ANA, None, Selection::not_ready("lunch"), Force::default(), BOSS)).unwrap();
    let it = told(&mut room).expect("a notice");
    assert_eq!((it.agent, it.actor, it.reason, it.at), (ANA, BOSS, Some("lunch".into()), room.now.wall));
    assert_eq!((it.old.view.status, it.new.view.status), (Status::Ready, Status::NotReady));
    assert!(it.old.queues.is_empty() && it.new.queues.is_empty(), "no queue changed");

    room.ask(|acd, now| acd.logout(now, ANA, Some(QueueId(1)), LogoutWhen::Now, BOSS)).unwrap();
    let it = told(&mut room).expect("a notice");
    let standing = |state| vec![QueueStanding { queue: QueueId(1), state }];
    assert_eq!((it.old.queues, it.new.queues), (standing(MemberState::Active), standing(MemberState::LoggedOut)));
    room.ask(|acd, now| acd.login(now, ANA, QueueId(1), BOSS)).unwrap();
    assert_eq!(told(&mut room).expect("a notice").new.queues, standing(MemberState::Active));

    room.select(1, Selection::Ready).unwrap();
    assert_eq!(told(&mut room), None, "his own choice");
    room.call();
    let engagement = room.talk();
    room.end(engagement);
    room.said.clear();
    room.ask(|acd, now| acd.finish_wrap_up(now, ANA, None, BOSS)).unwrap();
    let it = told(&mut room).expect("a notice");
    assert_eq!((it.old.view.status, it.new.view.status), (Status::WrapUp, Status::Ready));
    room.ask(|acd, now| acd.force_offline(now, ANA, BOSS)).unwrap();
    assert_eq!(told(&mut room).expect("a notice").new.view.status, Status::Offline);
}
