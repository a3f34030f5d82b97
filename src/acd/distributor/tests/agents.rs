//! Agents with several channels, statuses with limits, pages without people, and how a day adds up.

use super::{Room, room::*};
use crate::{
    acd::*,
    base::{AgentId, CallId, InteractionId, Private, QueueId, UserId},
};

const BOSS: Actor = Actor::Supervisor(UserId(9));
pub(super) const ANA: AgentId = AgentId(1);
pub(super) const ME: Actor = Actor::Agent(ANA);

/// One agent with a page and a phone, for voice (queue 1), chat (queue 2) and mail (queue 3).
pub(super) fn versatile(change: impl FnOnce(&mut Settings)) -> Room {
    let mut settings = centre(1, 3);
    settings.policies.default_on_login = LoginDefault::Ready;
    settings.agents.get_mut(&ANA).unwrap().channels = Channel::ALL.into();
    for (queue, channel) in [(2, Channel::Chat), (3, Channel::Email)] {
        settings.queues.get_mut(&QueueId(queue)).unwrap().channel = channel;
    }
    change(&mut settings);
    assert_eq!(settings.check(), []);
    let mut room = Room::closed(settings.clone());
    room.acd.settings(room.now, settings);
    room.ask(|acd, now| acd.handle_device(now, ANA, true));
    room.ask(|acd, now| acd.sign_in(now, ANA, ME)).unwrap();
    room.said.clear();
    room
}

pub(super) fn on(room: &Room, channel: Channel) -> Status {
    room.acd.status(ANA, channel).unwrap().status
}

pub(super) fn comes(room: &mut Room, queue: u64) {
    room.call_to(QueueId(queue), 0);
}

/// What rings at the agent: the queues of his offers.
fn rings(room: &Room) -> Vec<u64> {
    room.agent(1).offers.iter().map(|offer| offer.queue.0).collect()
}

pub(super) fn takes(room: &mut Room) -> crate::base::EngagementId {
    let offer = room.agent(1).offers[0].offer;
    let engagement = room.answer(offer);
    room.connected(engagement);
    engagement
}

/// AS-12: Not Ready for one channel, Ready for another; one choice for all; off one channel alone, and back.
#[test]
fn each_channel_has_its_own_status() {
    let mut room = versatile(|_| {});
    let select =
        |room: &mut Room, channel, selection| room.ask(|acd, now| acd.select(now, ANA, channel, selection, ME));
    select(&mut room, Channel::Voice, Selection::not_ready("break")).unwrap();
    assert_eq!((on(&room, Channel::Voice), on(&room, Channel::Chat)), (Status::NotReady, Status::Ready));
    comes(&mut room, 1);
    comes(&mut room, 2);
    assert_eq!(rings(&room), [2]);
    let chat = takes(&mut room);
    select(&mut room, Channel::Email, Selection::NotReady { reason: Some(Reason::logged_off()) }).unwrap();
    assert_eq!(on(&room, Channel::Email), Status::NotReady);
    room.ask(|acd, now| acd.select_all(now, ANA, Selection::not_ready("lunch"), ME)).unwrap();
    let pending = room.acd.status(ANA, Channel::Chat).unwrap();
    assert_eq!((pending.status, pending.pending.is_some()), (Status::Busy, true), "the busy channel pends");
    assert_eq!(room.acd.status(ANA, Channel::Voice).unwrap().reason, Some("lunch".into()));
    room.end(chat);
    assert_eq!(on(&room, Channel::Chat), Status::NotReady);
    room.ask(|acd, now| acd.select_all(now, ANA, Selection::Ready, ME)).unwrap();
    assert_eq!(rings(&room), [1]);
}

/// AS-07, AS-08: one switch: off is not to be disturbed on all channels, on is Ready on all; what was chosen for each
/// channel is there again when only the disturbance is allowed.
#[test]
fn one_switch_for_everything() {
    let mut room = versatile(|_| {});
    room.ask(|acd, now| acd.select(now, ANA, Channel::Chat, Selection::not_ready("break"), ME)).unwrap();
    room.ask(|acd, now| acd.receive(now, ANA, false, ME)).unwrap();
    assert!(Channel::ALL.iter().all(|channel| on(&room, *channel) == Status::Dnd));
    (1..=3).for_each(|queue| comes(&mut room, queue));
    assert_eq!(rings(&room), [] as [u64; 0]);
    room.ask(|acd, now| acd.set_dnd(now, ANA, false, ME)).unwrap();
    assert_eq!((on(&room, Channel::Voice), on(&room, Channel::Chat)), (Status::Ringing, Status::NotReady));
    room.ask(|acd, now| acd.receive(now, ANA, false, ME)).unwrap();
    room.ask(|acd, now| acd.receive(now, ANA, true, ME)).unwrap();
    assert!(Channel::ALL.iter().all(|channel| on(&room, *channel) == Status::Ringing));
}

/// AS-13: immediate for one channel, pending for another.
#[test]
fn each_channel_has_its_own_mode() {
    let mut room = versatile(|settings| {
        settings.policies.not_ready_modes = [(Channel::Chat, NotReadyMode::Immediate)].into();
    });
    comes(&mut room, 1);
    takes(&mut room);
    comes(&mut room, 2);
    takes(&mut room);
    room.ask(|acd, now| acd.select_all(now, ANA, Selection::not_ready("break"), ME)).unwrap();
    assert_eq!((on(&room, Channel::Voice), on(&room, Channel::Chat)), (Status::Busy, Status::NotReady));
}

/// RT-16: three chats at once, each accepted, ended and wrapped up by itself; the fourth waits for room.
#[test]
fn a_channel_takes_what_it_has_room_for() {
    let mut room = versatile(|settings| {
        settings.policies.capacity = [(Channel::Chat, 3)].into();
        settings.queues.get_mut(&QueueId(2)).unwrap().acw_secs = 5;
    });
    (0..4).for_each(|_| comes(&mut room, 2));
    assert_eq!(rings(&room), [2, 2, 2]);
    let first = takes(&mut room);
    assert_eq!((on(&room, Channel::Chat), rings(&room).len()), (Status::Busy, 2), "two ring on");
    let declined = room.agent(1).offers[0].offer;
    room.ask(|acd, now| acd.decline(now, declined, ME)).unwrap();
    assert_eq!(rings(&room).len(), 1, "declined while busy with another, and left alone for a while");
    takes(&mut room);
    room.pass(5);
    assert_eq!(rings(&room).len(), 1, "one more fits");
    room.end(first);
    assert_eq!(room.agent(1).engagements.len(), 2);
    assert_eq!(rings(&room).len(), 1, "a wrap-up takes room too");
    room.pass(5);
    assert_eq!(rings(&room).len(), 2);
    let mut settings = room.settings.clone();
    settings.agents.get_mut(&ANA).unwrap().capacity = [(Channel::Chat, 1)].into();
    room.ask(|acd, now| acd.settings(now, settings));
    comes(&mut room, 2);
    assert_eq!(rings(&room).len(), 2, "his own capacity is smaller");
}

/// RT-16: a call blocks chats and mails, one chat leaves room for mails but not for a call, by what each takes.
#[test]
fn what_one_takes_blocks_the_others() {
    let mut room = versatile(|settings| {
        settings.policies.capacity = [(Channel::Chat, 2), (Channel::Email, 3)].into();
        settings.policies.load = [(Channel::Voice, 100), (Channel::Chat, 50), (Channel::Email, 20)].into();
    });
    comes(&mut room, 1);
    comes(&mut room, 2);
    assert_eq!(rings(&room), [1]);
    let call = takes(&mut room);
    comes(&mut room, 3);
    assert_eq!(rings(&room), [] as [u64; 0]);
    room.end(call);
    assert_eq!(rings(&room), [2, 3]);
    (0..3).for_each(|_| comes(&mut room, 3));
    assert_eq!(rings(&room), [2, 3, 3], "50 + 3 × 20 would be too much");
    comes(&mut room, 1);
    assert_eq!(rings(&room), [2, 3, 3]);
}

/// QM-04, QM-05: the same verbs for queues of every kind; what comes is dispatched whatever its kind.
#[test]
fn queues_of_every_kind_are_alike() {
    let mut room = versatile(|_| {});
    room.ask(|acd, now| acd.pause(now, ANA, Some(QueueId(2)), Some("break".into()), ME)).unwrap();
    room.ask(|acd, now| acd.logout(now, ANA, Some(QueueId(3)), LogoutWhen::Now, ME)).unwrap();
    (1..=3).for_each(|queue| comes(&mut room, queue));
    assert_eq!(rings(&room), [1]);
    room.ask(|acd, now| acd.resume(now, ANA, Some(QueueId(2)), ME)).unwrap();
    room.ask(|acd, now| acd.login(now, ANA, QueueId(3), ME)).unwrap();
    assert_eq!(rings(&room), [1, 2, 3]);
}

/// AS-20: nobody at the page: asked, then Offline; whoever answers, or is in a call, stays. Rule 36.
#[test]
fn a_page_without_people_is_no_agent() {
    let mut room = versatile(|settings| {
        (settings.policies.inactive_secs, settings.policies.inactive_prompt_secs) = (600, 180);
    });
    room.pass(600);
    assert!(matches!(room.notices()[..], [Notice::Inactive { agent: ANA, .. }]));
    assert!(room.agent(1).inactive_until.is_some());
    room.pass(100);
    room.ask(|acd, now| acd.handle_activity(now, ANA));
    room.pass(599);
    assert_eq!((on(&room, Channel::Voice), room.notices().len()), (Status::Ready, 1));
    comes(&mut room, 1);
    let engagement = takes(&mut room);
    room.pass(3_600);
    assert_eq!((on(&room, Channel::Voice), room.notices().len()), (Status::Busy, 1), "he talks");
    room.end(engagement);
    room.pass(600 + 180);
    assert_eq!((on(&room, Channel::Voice), room.view(1).reason), (Status::Offline, Some(Reason::inactive())));
    assert_eq!(room.hits(Rule::Inactive), 2);
}

/// RP-09: time in each status adds up to the time signed in, to the millisecond, over a restart; midnight begins anew.
#[test]
fn a_day_adds_up() {
    let mut room = Room::with(1, |settings| first_queue(settings).acw_secs = 5);
    let begun = room.now.mono;
    for round in 0..20 {
        room.call();
        room.progress();
        room.pass_ms(1_234);
        let engagement = room.talk();
        room.pass_ms(7_777 + round);
        room.end(engagement);
        room.pass_ms(5_001);
        room.select(1, Selection::not_ready(["break", "lunch"][round as usize % 2])).unwrap();
        room.pass_ms(3_003);
        room.ask(|acd, now| acd.set_dnd(now, ANA, true, ME)).unwrap();
        room.pass_ms(17);
        room.ask(|acd, now| acd.set_dnd(now, ANA, false, ME)).unwrap();
        room.select(1, Selection::Ready).unwrap();
    }
    let sum = |room: &Room| room.agent(1).times.iter().map(|it| it.ms).sum::<u64>();
    let passed = u64::try_from(room.now.mono.since(begun).as_millis()).unwrap();
    // He was signed in one millisecond before.
    assert_eq!(sum(&room), passed + 1);
    let of = |room: &Room, status, reason: Option<&str>| {
        let times = room.agent(1).times;
        times.iter().find(|it| it.status == status && it.reason.as_ref().map(Reason::as_str) == reason).map(|it| it.ms)
    };
    assert_eq!(of(&room, Status::Ringing, None), Some(20 * 1_234));
    assert_eq!(of(&room, Status::NotReady, Some("lunch")), Some(10 * 3_003));
    assert_eq!(of(&room, Status::WrapUp, None), Some(20 * 5_000));
    room.restart(10, &[], true);
    assert_eq!(sum(&room), passed + 1 + 10_000);
    room.ask(|acd, now| acd.handle_device(now, ANA, true));
    let midnight = 86_400 - room.now.wall.0 / 1_000 % 86_400;
    room.pass(midnight as u64 + 60);
    assert!((59_000..=61_000).contains(&sum(&room)), "{}", sum(&room));
}

/// RT-01: least occupied goes by the last half hour: busy time against busy and Ready time; older work is forgotten,
/// pauses count for nothing.
#[test]
fn least_occupied_goes_by_the_last_half_hour() {
    let mut room = Room::with(3, |settings| first_queue(settings).strategy = Strategy::LeastOccupied);
    let busy = |room: &mut Room, agent: u64, secs| {
        room.direct(agent, agent);
        room.pass(secs);
        room.ask(|acd, now| acd.handle_direct_ended(now, AgentId(agent), CallId(agent)));
    };
    busy(&mut room, 1, 600);
    busy(&mut room, 2, 300);
    busy(&mut room, 3, 400);
    room.pass(61);
    let of = |room: &Room| [1, 2, 3].map(|agent| room.agent(agent).occupancy / 100);
    assert_eq!(of(&room), [44, 22, 29]);
    let served = |room: &mut Room| {
        let call = room.call();
        let (_, agent, _) = room.the_ring();
        room.hang_up(call);
        agent.0
    };
    assert_eq!(served(&mut room), 2);
    // Agent 1's work ages out of the half hour, agent 3 works on.
    room.select(2, Selection::not_ready("break")).unwrap();
    busy(&mut room, 3, 900);
    room.pass(400);
    assert_eq!(of(&room)[0], 0);
    assert_eq!(served(&mut room), 1);
    // 39 seconds of his call are left in the window, beside 461 of waiting.
    assert_eq!(of(&room)[1], 7, "a pause is neither work nor waiting for it");
}

/// QM-07, QM-08: switched off, nobody logs himself in to a queue that is not his (403); who is in stays in, is seen to be
/// there for the time being, may leave, and can't come back; a supervisor may log him in.
#[test]
fn unassigned_queues_may_be_shut() {
    let mut room = Room::with(1, |settings| {
        let more = centre(1, 2).queues;
        settings.queues.extend(more.into_iter().skip(1));
        settings.queues.get_mut(&QueueId(2)).unwrap().members.clear();
    });
    let login = |room: &mut Room, actor| room.ask(|acd, now| acd.login(now, ANA, QueueId(2), actor));
    login(&mut room, ME).unwrap();
    let mut settings = room.settings.clone();
    settings.policies.login_unassigned = false;
    room.ask(|acd, now| acd.settings(now, settings));
    let second = |room: &Room| room.agent(1).queues.into_iter().find(|it| it.queue == QueueId(2));
    assert!(second(&room).is_some_and(|it| it.temporary && it.state == MemberState::Active));
    comes(&mut room, 2);
    assert_eq!(rings(&room), [2], "he takes its calls as before");
    room.ask(|acd, now| acd.logout(now, ANA, Some(QueueId(2)), LogoutWhen::Now, ME)).unwrap();
    assert_eq!(login(&mut room, ME).unwrap_err().status, 403);
    assert_eq!(second(&room), None);
    login(&mut room, BOSS).unwrap();
    assert!(second(&room).is_some_and(|it| it.temporary));
}

/// SV-02, SV-03, SV-04: what a supervisor does at once or after the call, who did it, and that the agent is told.
#[test]
fn a_supervisor_acts_for_an_agent() {
    let mut room = Room::with(1, |settings| first_queue(settings).acw_secs = 30);
    room.call();
    let engagement = room.talk();
    let pause =
        |room: &mut Room| room.ask(|acd, now| acd.pause(now, ANA, Some(QueueId(1)), Some("break".into()), BOSS));
    pause(&mut room).unwrap();
    assert_eq!(room.status(1), Status::Busy, "the call goes on");
    let set = |room: &mut Room, selection| room.ask(|acd, now| acd.select(now, ANA, Channel::Voice, selection, BOSS));
    assert_eq!(set(&mut room, Selection::Ready).unwrap_err().code, "occupied");
    set(&mut room, Selection::not_ready("lunch")).unwrap();
    assert!(room.view(1).pending.is_some());
    room.ask(|acd, now| acd.logout(now, ANA, Some(QueueId(1)), LogoutWhen::After, BOSS)).unwrap();
    assert_ne!(room.agent(1).queues[0].state, MemberState::LoggedOut, "after the call");
    room.end(engagement);
    assert_eq!(room.agent(1).queues[0].state, MemberState::LoggedOut);
    set(&mut room, Selection::Ready).unwrap();
    assert_eq!(room.status(1), Status::Ready, "Ready ends the wrap-up");
    let told =
        room.notices().into_iter().filter(|notice| matches!(notice, Notice::Override(it) if it.actor == BOSS)).count();
    assert_eq!(told, 4);
    let last = room.events(1).last().cloned().unwrap();
    assert_eq!((last.actor, last.rule), (BOSS, Rule::Override));
    let call = Enqueue::inbound(InteractionId(9), QueueId(1), Private::default());
    room.enqueue(call).unwrap();
    assert!(room.ringing().is_empty(), "Ready, and in no queue");
}

/// Whoever enters and is offered to nobody is told why, with everybody's reason counted; who lacks the skill or is in a
/// tier that is not open is counted by himself, also beside an offer. RT-03, RT-04.
#[test]
fn why_nobody_is_asked() {
    let mut room = Room::with(4, |settings| {
        first_queue(settings).members[3].tier = 2;
        first_queue(settings).rings = vec![Ring { after_secs: 0, tier: Some(1), ..Ring::default() }];
        settings.agents.get_mut(&AgentId(3)).unwrap().skills.insert("pt".into(), 5);
    });
    room.select(1, Selection::not_ready("break")).unwrap();
    room.direct(2, 5);
    room.ask(|acd, now| acd.pause(now, AgentId(3), None, None, ME)).unwrap();
    let skills = vec![NeededSkill { skill: "pt".into(), level: 3 }];
    let call =
        |id| Enqueue { skills: skills.clone(), ..Enqueue::inbound(InteractionId(id), QueueId(1), Private::default()) };
    room.enqueue(call(1)).unwrap();
    let told = room.said.iter().find_map(|output| {
        let Output::Nobody { why, .. } = output else { return None };
        Some(why.clone())
    });
    let excluded = vec![(Factor::Paused, 1), (Factor::NotReady, 1), (Factor::InUse, 1)];
    assert_eq!(told, Some(WhyNobody { excluded, unfit: 1, vetoed: 0, delayed: false }));
    room.said.clear();
    room.ask(|acd, now| acd.resume(now, AgentId(3), None, ME)).unwrap();
    let offered = room.said.iter().find_map(|output| {
        let Output::Offer(offer) = output else { return None };
        Some((offer.agent, offer.why.candidates, offer.why.unfit))
    });
    assert_eq!(offered, Some((AgentId(3), 1, 1)));
    assert!(!room.said.iter().any(|output| matches!(output, Output::Nobody { .. })));
}
