//! Belonging to queues: log-in, pause, log-out, and what settings do to it (rules 34 and 35).

use super::{Room, room::*};
use crate::{
    acd::*,
    base::{AgentId, QueueId, UserId},
};

const ME: Actor = Actor::Agent(AgentId(1));
const BOSS: Actor = Actor::Supervisor(UserId(9));

fn three_queues() -> Room {
    let settings = centre(1, 3);
    let mut room = Room::closed(settings.clone());
    room.acd.settings(room.now, settings);
    room.ask(|acd, now| acd.handle_device(now, AgentId(1), true));
    room
}

fn states(room: &Room) -> Vec<MemberState> {
    room.agent(1).queues.into_iter().map(|member| member.state).collect()
}

fn paused(reason: &str) -> MemberState {
    MemberState::Paused { reason: Some(reason.into()) }
}

fn pause(room: &mut Room, queue: Option<u64>, reason: &str) {
    let reason = Some(reason.into());
    room.ask(|acd, now| acd.pause(now, AgentId(1), queue.map(QueueId), reason, ME)).unwrap();
}

fn resume(room: &mut Room, queue: Option<u64>) {
    room.ask(|acd, now| acd.resume(now, AgentId(1), queue.map(QueueId), ME)).unwrap();
}

fn log_in(room: &mut Room, queue: u64, actor: Actor) -> Result<(), Refused> {
    room.ask(|acd, now| acd.login(now, AgentId(1), QueueId(queue), actor))
}

fn log_out(room: &mut Room, queue: Option<u64>, when: LogoutWhen) {
    room.ask(|acd, now| acd.logout(now, AgentId(1), queue.map(QueueId), when, BOSS)).unwrap();
}

/// One queue is paused with a reason, the others go on; out and in again. QM-01, QM-02.
#[test]
fn one_queue_at_a_time() {
    let mut room = three_queues();
    pause(&mut room, Some(2), "lunch");
    assert_eq!(states(&room), [MemberState::Active, paused("lunch"), MemberState::Active]);
    room.call_to(QueueId(2), 0);
    assert!(room.ringing().is_empty());
    resume(&mut room, Some(2));
    assert_eq!(room.rings_at(), [1], "what waited there is offered at once");
    let engagement = room.talk();
    room.end(engagement);
    log_out(&mut room, Some(2), LogoutWhen::After);
    assert_eq!((states(&room)[1].clone(), room.queue(2).logged_in), (MemberState::LoggedOut, 0));
    let refused = room.ask(|acd, now| acd.pause(now, AgentId(1), Some(QueueId(2)), None, ME)).unwrap_err();
    assert_eq!((refused.status, refused.code), (409, "logged_out"));
    log_in(&mut room, 2, ME).unwrap();
    assert_eq!(states(&room)[1], MemberState::Active);
}

/// Everywhere at once; Ready resumes exactly what was active before. QM-03.
#[test]
fn everywhere_and_exactly_back() {
    let mut room = three_queues();
    pause(&mut room, Some(2), "lunch");
    log_out(&mut room, Some(3), LogoutWhen::Now);
    pause(&mut room, None, "break");
    assert_eq!(states(&room), [paused("break"), paused("lunch"), MemberState::LoggedOut]);
    resume(&mut room, None);
    assert_eq!(states(&room), [MemberState::Active, paused("lunch"), MemberState::LoggedOut]);
}

/// QM-03: whoever is on a break from all queues says what for once more, and that is what holds; one queue's own pause
/// stays as it was.
#[test]
fn qm_03_a_break_from_all_queues_changes_its_reason() {
    let mut room = three_queues();
    pause(&mut room, Some(2), "lunch");
    pause(&mut room, None, "break");
    pause(&mut room, None, "lunch");
    assert_eq!(states(&room), [paused("lunch"), paused("lunch"), paused("lunch")]);
    resume(&mut room, None);
    assert_eq!(states(&room), [MemberState::Active, paused("lunch"), MemberState::Active]);
}

/// Rule 39, OP-02: who was to leave a queue after a call that a restart has ended is out of it.
#[test]
fn op_02_who_was_leaving_is_out_after_a_restart() {
    for from_checkpoint in [false, true] {
        let mut room = three_queues();
        room.call_to(QueueId(2), 0);
        room.answer(room.the_ring().0);
        log_out(&mut room, Some(2), LogoutWhen::After);
        assert_eq!(states(&room)[1], MemberState::Active, "the call comes first");
        room.restart(1, &[], from_checkpoint);
        assert_eq!((states(&room)[1].clone(), room.queue(2).logged_in), (MemberState::LoggedOut, 0));
    }
}

/// Ready, chosen by the agent or for him, ends a break from all queues as well; but not a log-out that is due. QM-03.
#[test]
fn ready_ends_a_break_from_all_queues() {
    for by_supervisor in [false, true] {
        let mut room = three_queues();
        pause(&mut room, Some(2), "lunch");
        pause(&mut room, None, "break");
        room.select(1, Selection::not_ready("break")).unwrap();
        let (agent, ready) = (AgentId(1), Selection::Ready);
        let done = room.ask(|acd, now| {
            if by_supervisor {
                acd.set_status(now, agent, None, ready, Force::default(), BOSS)
            } else {
                acd.select(now, agent, Channel::Voice, ready, Actor::Agent(agent))
            }
        });
        done.unwrap();
        assert_eq!(states(&room), [MemberState::Active, paused("lunch"), MemberState::Active]);
        pause(&mut room, Some(1), "break");
        room.select(1, Selection::Ready).unwrap();
        assert_eq!(states(&room)[0], paused("break"), "paused alone");
    }
    let mut room = three_queues();
    room.call();
    let engagement = room.talk();
    pause(&mut room, None, "break");
    log_out(&mut room, Some(1), LogoutWhen::After);
    room.select(1, Selection::Ready).unwrap();
    room.end(engagement);
    assert_eq!(states(&room), [MemberState::LoggedOut, MemberState::Active, MemberState::Active]);
}

/// Pausing while it rings passes the call on without blame. QM-02.
#[test]
fn a_pause_withdraws_the_offer() {
    let mut room = Room::new(2);
    room.call();
    pause(&mut room, Some(1), "break");
    assert_eq!((room.rings_at(), room.agent(1).missed), (vec![2], 0));
}

/// A supervisor logs somebody in to a queue he is not assigned to: temporary, and gone with the log-out. QM-06, QM-07.
#[test]
fn a_temporary_membership_ends_with_its_log_out() {
    let mut settings = centre(1, 2);
    settings.queues.get_mut(&QueueId(2)).unwrap().members.clear();
    settings.policies.login_unassigned = false;
    let mut room = Room::closed(settings.clone());
    room.acd.settings(room.now, settings);
    room.ask(|acd, now| acd.handle_device(now, AgentId(1), true));
    assert_eq!(log_in(&mut room, 2, ME).unwrap_err().status, 403);
    log_in(&mut room, 2, BOSS).unwrap();
    assert!(room.agent(1).queues[1].temporary);
    room.call_to(QueueId(2), 0);
    assert_eq!(room.rings_at(), [1]);
    let engagement = room.talk();
    log_out(&mut room, Some(2), LogoutWhen::After);
    assert_eq!(room.agent(1).queues.len(), 2, "after the call");
    room.end(engagement);
    assert_eq!(room.agent(1).queues.len(), 1);
    assert_eq!(log_in(&mut room, 9, BOSS).unwrap_err().status, 404);
}

/// Rule 34: now ends the membership, never the call; a ringing offer goes to the next.
#[test]
fn logging_out_now_spares_the_call() {
    let mut room = Room::new(2);
    room.call();
    let engagement = room.talk();
    log_out(&mut room, Some(1), LogoutWhen::Now);
    assert_eq!((states(&room), room.status(1)), (vec![MemberState::LoggedOut], Status::Busy));
    room.end(engagement);
    assert_eq!(room.status(1), Status::Ready);
    let room_hits = room.hits(Rule::LogOutFor);
    assert_eq!(room_hits, 1);
}

/// Memberships, pauses, their reasons and who is temporary are the same after a restart, by journal or by checkpoint.
/// QM-11, P20.
#[test]
fn memberships_survive_a_restart() {
    for from_checkpoint in [false, true] {
        let mut settings = centre(1, 3);
        settings.queues.get_mut(&QueueId(3)).unwrap().members.clear();
        let mut room = Room::closed(settings.clone());
        room.acd.settings(room.now, settings);
        room.ask(|acd, now| acd.handle_device(now, AgentId(1), true));
        log_in(&mut room, 3, BOSS).unwrap();
        pause(&mut room, Some(2), "lunch");
        pause(&mut room, None, "break");
        let before = room.agent(1).queues;
        room.restart(100, &[], from_checkpoint);
        assert_eq!(room.agent(1).queues, before);
        resume(&mut room, None);
        assert_eq!(states(&room), [MemberState::Active, paused("lunch"), MemberState::Active]);
    }
}

/// Rule 35: a queue, an assignment and a reason disappear under a live call; nobody notices until it is over.
#[test]
fn a_reload_is_gentle() {
    let mut room = three_queues();
    room.call_to(QueueId(2), 0);
    let engagement = room.talk();
    pause(&mut room, Some(3), "lunch");
    let waiting = room.call_to(QueueId(2), 0);
    let mut settings = room.settings.clone();
    settings.queues.remove(&QueueId(2));
    settings.reasons.retain(|reason| reason.key != "lunch".into());
    room.ask(|acd, now| acd.settings(now, settings.clone()));
    assert_eq!(room.status(1), Status::Busy);
    assert_eq!(room.queue(2).waiting[0].interaction, waiting, "he waits on");
    assert_eq!(states(&room), [MemberState::Active, MemberState::Active, paused("(removed)")]);
    settings.queues.get_mut(&QueueId(1)).unwrap().members.clear();
    settings.agents.clear();
    settings.queues.values_mut().for_each(|queue| queue.members.clear());
    room.ask(|acd, now| acd.settings(now, settings));
    assert_eq!(room.status(1), Status::Busy, "his call goes on");
    room.end(engagement);
    assert!(room.acd.status(AgentId(1), Channel::Voice).is_none(), "now he is gone");
    assert_eq!(room.outcomes().last(), Some(&(waiting, Outcome::NoAgents)), "and nobody is left for who waits");
}

/// A reload changes no selection and no membership (I8). OP-02.
#[test]
fn a_reload_keeps_what_people_chose() {
    let mut room = three_queues();
    pause(&mut room, Some(2), "lunch");
    room.select(1, Selection::not_ready("break")).unwrap();
    let before = room.agent(1);
    let settings = room.settings.clone();
    room.ask(|acd, now| acd.settings(now, settings));
    assert_eq!(room.agent(1), before);
}

/// What is wrong with settings is said with its place.
#[test]
fn wrong_settings_are_named() {
    let mut settings = centre(2, 1);
    let queue = first_queue(&mut settings);
    queue.members.push(MemberSettings::new("nobody"));
    queue.ring_secs = 0;
    queue.next_status = NextStatus::NotReady("golf".into());
    let faults: Vec<_> = settings.check().iter().map(|fault| fault.to_string()).collect();
    assert_eq!(
        faults,
        [
            "queues.q1.members: there is no agent `nobody`",
            "queues.q1.ring_secs: expected at least 1 second",
            "queues.q1.next_status: there is no reason `golf`",
        ]
    );
}

/// Taken from a queue and given back while he talks: he never left. QM-01.
#[test]
fn who_is_given_back_in_time_stays() {
    let mut room = three_queues();
    room.call_to(QueueId(2), 0);
    let engagement = room.talk();
    let (with, mut without) = (room.settings.clone(), room.settings.clone());
    without.queues.get_mut(&QueueId(2)).unwrap().members.clear();
    for settings in [without, with] {
        room.ask(|acd, now| acd.settings(now, settings));
    }
    room.end(engagement);
    assert_eq!(states(&room)[1], MemberState::Active);
    room.call_to(QueueId(2), 0);
    assert_eq!(room.rings_at(), [1]);
}

/// QM-01, QM-08: logging in to several is one thing: where one queue refuses, none is logged in to, and it is said which
/// refuse.
#[test]
fn qm_01_several_queues_or_none() {
    let mut settings = centre(1, 4);
    settings.policies.login_unassigned = false;
    for queue in [3, 4] {
        settings.queues.get_mut(&QueueId(queue)).unwrap().members.clear();
    }
    let mut room = Room::with(1, |it| *it = settings);
    let (ana, me) = (AgentId(1), Actor::Agent(AgentId(1)));
    room.ask(|acd, now| acd.logout(now, ana, None, LogoutWhen::Now, me)).unwrap();
    let log_in = |room: &mut Room, queues: &[u64]| {
        let queues: Vec<_> = queues.iter().copied().map(QueueId).collect();
        room.ask(|acd, now| acd.login_all(now, ana, &queues, me))
    };
    let refused = log_in(&mut room, &[1, 3, 2, 4]).unwrap_err();
    assert_eq!((refused.status, refused.code), (403, "not_assigned"));
    assert_eq!(refused.detail, "a1 is not assigned to q3; a1 is not assigned to q4");
    let inside = |room: &Room| room.agent(1).queues.iter().filter(|it| it.state == MemberState::Active).count();
    assert_eq!(inside(&room), 0);
    log_in(&mut room, &[1, 2]).unwrap();
    assert_eq!(inside(&room), 2);
}
