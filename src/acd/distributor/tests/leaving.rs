//! Ways out of a line, and ways into it: chains, keys, hours, second chances, and people's hands.

use super::{Room, room::*};
use crate::{
    acd::*,
    base::{AgentId, InteractionId, Private, QueueId, UserId, Wall},
};

const BOSS: Actor = Actor::Supervisor(UserId(9));

/// Agents of queue 1; queues 2 and 3 have nobody.
fn three_queues(agents: u64, change: impl FnOnce(&mut Settings)) -> Room {
    Room::with(agents, |settings| {
        let more = centre(agents, 3).queues;
        settings.queues.extend(more.into_iter().skip(1));
        for queue in [2, 3] {
            settings.queues.get_mut(&QueueId(queue)).unwrap().members.clear();
        }
        change(settings);
    })
}

fn onward(text: &str) -> Onward {
    text.parse().unwrap()
}

pub(super) fn from(id: u64, queue: u64, number: &str) -> Enqueue {
    Enqueue::inbound(InteractionId(id), QueueId(queue), Private::new(number.into()))
}

fn waits_in(room: &Room, queue: u64) -> Vec<u64> {
    room.queue(queue).waiting.iter().map(|it| it.interaction.0).collect()
}

/// QE-12, QE-14: after the longest wait the chain is followed past what can't take him; his arrival stays; each queue
/// has one outcome of him. A restart finds him in the second queue.
#[test]
fn an_overflow_keeps_the_arrival() {
    let mut room = three_queues(0, |settings| {
        let queue = first_queue(settings);
        (queue.max_wait_secs, queue.overflow) = (30, vec![onward("queue:q2"), onward("queue:q3"), onward("user:ana")]);
        settings.queues.get_mut(&QueueId(2)).unwrap().closed = true;
    });
    let first = room.call();
    room.pass(5);
    room.call_to(QueueId(3), 0);
    room.pass(25);
    assert_eq!(room.outcomes(), [(first, Outcome::Overflowed(onward("queue:q3")))]);
    assert_eq!(waits_in(&room, 3)[0], first.0, "he came before the other");
    let today = room.queue(1).today;
    assert_eq!((today.entered, today.overflowed, today.ended()), (1, 1, 1));
    let live: Vec<_> = room.queue(3).waiting.iter().map(|it| it.interaction).collect();
    room.restart(1, &live, false);
    assert_eq!((waits_in(&room, 1), waits_in(&room, 3)[0]), (vec![], first.0));
}

/// QE-12: where no queue takes him it is told where he goes; without a chain he has the plain outcome; a step that came
/// to nothing leads to the next.
#[test]
fn a_chain_leads_out_of_the_queues() {
    let mut room = three_queues(0, |settings| {
        let queue = first_queue(settings);
        queue.max_waiting = 1;
        queue.overflow = vec![onward("group:office"), onward("queue:q2"), onward("clip:sorry")];
        settings.queues.get_mut(&QueueId(2)).unwrap().max_waiting = 1;
    });
    room.call();
    let office = onward("group:office");
    assert_eq!(room.enqueue(from(1, 1, "+1")), Err(Outcome::Overflowed(office.clone())));
    let again = |room: &mut Room, id, after: &Onward| {
        let after = after.clone();
        room.ask(|acd, now| acd.overflow_further(now, QueueId(1), &after, from(id, 1, "+1")))
    };
    assert_eq!(again(&mut room, 1, &office), Ok(()));
    assert_eq!(waits_in(&room, 2), [1]);
    assert_eq!(again(&mut room, 2, &office), Err(Some(onward("clip:sorry"))), "the second queue is full by now");
    assert_eq!(again(&mut room, 2, &onward("clip:sorry")), Err(None));
    assert_eq!(room.enqueue(from(3, 2, "+1")), Err(Outcome::Full));
}

/// QE-11: a key leads away at any time, also while an agent rings, and into another queue with the place kept.
#[test]
fn a_key_leads_to_another_queue() {
    let mut room =
        three_queues(1, |settings| first_queue(settings).exit_keys = [("5".into(), onward("queue:q2"))].into());
    let call = room.call();
    assert_eq!(room.rings_at(), [1]);
    assert!(!room.ask(|acd, now| acd.handle_exit_key(now, call, '4')));
    assert!(room.ask(|acd, now| acd.handle_exit_key(now, call, '5')));
    assert_eq!(room.outcomes(), [(call, Outcome::ExitKey('5'))]);
    assert_eq!((room.rings_at(), waits_in(&room, 2)), (vec![], vec![call.0]));
    assert_eq!(room.ends(), [(AgentId(1), OfferEnd::CancelledCustomer)]);
}

/// QE-09, QE-10: each factor alone refuses newcomers and empties the queue, where it holds everybody back.
#[test]
fn each_factor_can_be_chosen() {
    for factor in Factor::ALL {
        let mut room = Room::with(1, |settings| {
            let queue = first_queue(settings);
            (queue.join_unless, queue.leave_when) = ([factor].into(), [factor].into());
            queue.ban_secs = BanTime::Secs(60);
            queue.acw_secs = 60;
            if factor == Factor::PinnedDevice {
                queue.members[0].device = DeviceChoice::Web;
            }
            if factor == Factor::Tier {
                queue.members[0].tier = 1;
                let ring = |after_secs, tier| Ring { after_secs, tier, ..Ring::default() };
                queue.rings = vec![ring(0, Some(0)), ring(600, None)];
                queue.no_agent_no_wait = false;
            }
        });
        let me = Actor::Agent(AgentId(1));
        if factor == Factor::PinnedDevice {
            room.ask(|acd, now| acd.handle_pinned(now, AgentId(1), &DeviceChoice::Web, true));
        }
        if factor != Factor::Tier {
            assert_eq!(room.enqueue(from(1, 1, "+1")), Ok(()), "{factor:?}");
            room.progress();
        }
        match factor {
            Factor::LoggedOut => room.ask(|acd, now| acd.logout(now, AgentId(1), None, LogoutWhen::Now, me)).unwrap(),
            Factor::PinnedDevice => {
                room.ask(|acd, now| acd.handle_pinned(now, AgentId(1), &DeviceChoice::Web, false));
            }
            Factor::Unavailable => room.ask(|acd, now| acd.handle_device(now, AgentId(1), false)),
            Factor::Paused => room.ask(|acd, now| acd.pause(now, AgentId(1), None, None, me)).unwrap(),
            Factor::Dnd => room.ask(|acd, now| acd.set_dnd(now, AgentId(1), true, me)).unwrap(),
            Factor::NotReady => room.select(1, Selection::not_ready("break")).unwrap(),
            Factor::InUse => drop(room.talk()),
            Factor::Ringing => {}
            Factor::Wrapup => {
                let engagement = room.talk();
                room.end(engagement);
            }
            Factor::Banned => room.pass(20),
            Factor::Tier => {}
        }
        assert_eq!(room.enqueue(from(2, 1, "+2")), Err(Outcome::NoAgents), "{factor:?} refuses");
        let alone = !matches!(factor, Factor::InUse | Factor::Ringing | Factor::Wrapup | Factor::Tier);
        if alone {
            assert_eq!(room.outcomes(), [(InteractionId(1), Outcome::NoAgents)], "{factor:?} empties");
        }
        for other in Factor::ALL.into_iter().filter(|other| *other != factor) {
            let mut settings = room.settings.clone();
            first_queue(&mut settings).join_unless = [other].into();
            // Who is offline is unreachable too, and so is he whose one device is.
            let implied = matches!(
                (factor, other),
                (Factor::Unavailable, Factor::LoggedOut) | (Factor::PinnedDevice, Factor::Unavailable)
            );
            if !implied {
                room.ask(|acd, now| acd.settings(now, settings));
                assert_eq!(room.enqueue(from(9, 1, "+2")), Ok(()), "{other:?} does not refuse for {factor:?}");
                room.hang_up(InteractionId(9));
            }
        }
    }
}

/// QE-10: nobody leaves an empty queue before the least wait; each then at his own time.
#[test]
fn the_least_wait_holds_before_leaving() {
    let mut room = Room::with(1, |settings| {
        let queue = first_queue(settings);
        (queue.leave_when, queue.leave_min_wait_secs) = ([Factor::NotReady].into(), 30);
    });
    room.select(1, Selection::not_ready("break")).unwrap();
    let first = room.call();
    room.pass(10);
    let second = room.call();
    room.pass_ms(19_999);
    assert_eq!(room.outcomes(), []);
    room.pass_ms(1);
    assert_eq!(room.outcomes(), [(first, Outcome::NoAgents)]);
    room.pass(10);
    assert_eq!(room.outcomes().last(), Some(&(second, Outcome::NoAgents)));
}

/// QE-08, QE-09: a wait that is estimated too long refuses newcomers; a higher priority may still enter.
#[test]
fn too_long_an_estimate_refuses() {
    let mut room = Room::with(1, |settings| {
        let queue = first_queue(settings);
        (queue.expected_handle_secs, queue.max_ewt_secs) = (60, 100);
    });
    room.direct(1, 1);
    room.call();
    assert_eq!(room.enqueue(from(901, 1, "+1")), Err(Outcome::EwtExceeded), "the second would wait 120 s");
    assert_eq!(room.enqueue(Enqueue { priority: 1, ..from(902, 1, "+2") }), Ok(()));
}

/// QE-17: hours refuse, hands override them over a restart, the door is told when it moves, closing time lets go.
#[test]
fn doors_open_and_close() {
    let hours = "key = 'office'\ntime_zone = 'Europe/Lisbon'
        hours = [{ days = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'], from = '09:00', to = '18:00' }]";
    let mut room = Room::with(0, |settings| {
        settings.calendars.push(toml::from_str(hours).unwrap());
        let queue = first_queue(settings);
        (queue.hours, queue.closing_lets_go) = (Some("office".into()), true);
    });
    // The morning of these tests is 08:00 in Lisbon.
    assert_eq!(MORNING % 86_400_000, 8 * 3_600_000);
    assert!(!room.queue(1).open);
    assert_eq!(room.enqueue(from(1, 1, "+1")), Err(Outcome::Closed));
    room.pass(3_600);
    let told = |room: &Room| -> Vec<bool> {
        let doors = room.said.iter().filter_map(|output| {
            let Output::Queue(event) = output else { return None };
            Some(event.open)
        });
        doors.collect()
    };
    assert_eq!((told(&room), room.queue(1).open), (vec![false, true], true));
    let early = room.call();
    room.pass(9 * 3_600);
    assert_eq!(room.outcomes(), [(early, Outcome::Closed)]);
    assert_eq!(told(&room), [false, true, false]);
    room.ask(|acd, now| acd.set_door(now, QueueId(1), Door::Open, BOSS)).unwrap();
    let late = room.call();
    room.restart(60, &[late], false);
    assert_eq!((room.queue(1).door, room.queue(1).open, waits_in(&room, 1)), (Door::Open, true, vec![late.0]));
    room.ask(|acd, now| acd.set_door(now, QueueId(1), Door::Closed, BOSS)).unwrap();
    assert_eq!(room.enqueue(from(7, 1, "+1")), Err(Outcome::Closed));
    room.ask(|acd, now| acd.set_door(now, QueueId(1), Door::Hours, BOSS)).unwrap();
    room.pass(15 * 3_600);
    assert!(room.queue(1).open, "the next morning");
}

/// QE-09, QE-17: at whom an agent rings at closing time is let go when that ring is over, if it was in vain.
#[test]
fn qe_17_who_rings_at_closing_time_goes_when_it_is_over() {
    for answered in [false, true] {
        let mut room = Room::with(1, |settings| {
            let queue = first_queue(settings);
            (queue.closing_lets_go, queue.ring_secs, queue.missed_max) = (true, 4, 0);
        });
        let call = room.call();
        room.progress();
        room.ask(|acd, now| acd.set_door(now, QueueId(1), Door::Closed, BOSS)).unwrap();
        assert_eq!((room.rings_at(), room.outcomes()), (vec![1], vec![]));
        if answered {
            room.talk();
        }
        room.pass(4);
        let outcome = if answered { Outcome::Answered } else { Outcome::Closed };
        assert_eq!(room.outcomes(), [(call, outcome)]);
    }
}

/// QE-13: who gave up and calls again in time has his old place, once, over a restart; another number has not, nor one
/// that hides.
#[test]
fn who_comes_back_has_his_place() {
    let mut room = Room::with(0, |settings| first_queue(settings).resume_secs = 60);
    room.enqueue(from(1, 1, "+351911")).unwrap();
    room.enqueue(from(2, 1, "anonymous")).unwrap();
    room.pass(10);
    room.enqueue(from(3, 1, "+351922")).unwrap();
    room.hang_up(InteractionId(1));
    room.hang_up(InteractionId(2));
    room.restart(30, &[InteractionId(3)], false);
    room.enqueue(from(4, 1, "anonymous")).unwrap();
    room.enqueue(from(5, 1, "+351911")).unwrap();
    assert_eq!(waits_in(&room, 1), [5, 3, 4]);
    room.enqueue(from(6, 1, "+351911")).unwrap();
    assert_eq!(waits_in(&room, 1), [5, 3, 4, 6], "a place is given back once");
    room.hang_up(InteractionId(5));
    room.pass(61);
    room.enqueue(from(7, 1, "+351911")).unwrap();
    assert_eq!(waits_in(&room, 1), [3, 4, 6, 7], "too late");
}

/// QE-13: the place is the one of before though the arrival is given; one who only goes back to his own place takes nobody
/// else's, and a full queue takes him.
#[test]
fn qe_13_who_returns_takes_no_place_but_his_own() {
    let mut room = Room::with(0, |settings| {
        let queue = first_queue(settings);
        (queue.resume_secs, queue.max_waiting) = (60, 2);
    });
    room.enqueue(from(1, 1, "+1")).unwrap();
    room.hang_up(InteractionId(1));
    room.pass(5);
    room.enqueue(from(2, 1, "+2")).unwrap();
    let now = room.ask(|_, now| now.wall);
    room.enqueue(Enqueue { arrived: Some(now), ..from(3, 1, "+1") }).unwrap();
    assert_eq!(waits_in(&room, 1), [3, 2]);
    room.hang_up(InteractionId(3));
    room.pass(5);
    room.enqueue(from(4, 1, "+4")).unwrap();
    assert_eq!(room.enqueue(from(5, 1, "+1")), Err(Outcome::Full));
    let later = room.ask(|_, now| now.wall);
    room.enqueue(Enqueue { arrived: Some(later), returns: true, ..from(6, 1, "+1") }).unwrap();
    assert_eq!(waits_in(&room, 1), [2, 4, 6]);
}

/// QE-15: moved with his arrival, one outcome each; not into a closed or a full queue.
#[test]
fn a_supervisor_moves_who_waits() {
    let mut room = three_queues(1, |settings| settings.queues.get_mut(&QueueId(3)).unwrap().closed = true);
    let call = room.call();
    assert_eq!(room.rings_at(), [1]);
    room.pass(5);
    room.call_to(QueueId(2), 0);
    let moved = |room: &mut Room, queue| room.ask(|acd, now| acd.move_to(now, call, QueueId(queue), BOSS));
    assert_eq!(moved(&mut room, 3).unwrap_err().status, 409);
    assert_eq!(moved(&mut room, 4).unwrap_err().status, 404);
    moved(&mut room, 2).unwrap();
    assert_eq!(room.outcomes(), [(call, Outcome::TransferredInWait)]);
    assert_eq!((waits_in(&room, 2)[0], room.rings_at()), (call.0, vec![]));
    room.ask(|acd, now| acd.withdraw(now, call, BOSS)).unwrap();
    assert_eq!(room.outcomes().last(), Some(&(call, Outcome::Withdrawn(BOSS))));
}

/// QE-15, RT-18: assigned to one agent, who need be neither Ready nor a member; not answered, it is back in its place.
/// An agent takes one of his queues himself.
#[test]
fn one_who_waits_is_given_or_taken() {
    let mut room = three_queues(3, |settings| {
        settings.queues.get_mut(&QueueId(2)).unwrap().members.push(MemberSettings::new("a3"));
        first_queue(settings).members.pop();
        first_queue(settings).strategy = Strategy::RingAll;
    });
    room.select(3, Selection::not_ready("break")).unwrap();
    room.direct(2, 5);
    let call = room.call();
    assert_eq!(room.rings_at(), [1]);
    let assign = |room: &mut Room, agent| room.ask(|acd, now| acd.assign(now, call, AgentId(agent), BOSS));
    assert_eq!(assign(&mut room, 2).unwrap_err().code, "occupied");
    assign(&mut room, 3).unwrap();
    assert_eq!(room.rings_at(), [3], "nobody beside him, though all of the queue ring otherwise");
    room.progress();
    room.pass(20);
    assert_eq!(room.rings_at(), [1], "back in the queue");
    assert_eq!(room.ask(|acd, now| acd.pull(now, call, AgentId(3))).unwrap_err().status, 403);
    let other = room.call_to(QueueId(2), 0);
    let engagement = room.ask(|acd, now| acd.pull(now, other, AgentId(3))).unwrap();
    room.connected(engagement);
    assert_eq!((room.status(3), room.outcomes()), (Status::Busy, vec![(other, Outcome::Answered)]));
    let why = room.said.iter().rev().find_map(|output| {
        let Output::Offer(offer) = output else { return None };
        offer.why.assigned
    });
    assert_eq!(why, Some(Actor::Agent(AgentId(3))));
}

/// RT-18: an agent gives one who waits to a colleague of the queue who could be asked anyhow, and to nobody else.
#[test]
fn one_who_waits_is_given_to_a_colleague() {
    let mut room = three_queues(3, |settings| _ = first_queue(settings).members.pop());
    let call = room.call();
    assert_eq!(room.rings_at(), [1]);
    let gives = |room: &mut Room, by: u64, to: u64| {
        let done = room.ask(|acd, now| acd.assign(now, call, AgentId(to), Actor::Agent(AgentId(by))));
        done.map_err(|refused| (refused.status, refused.code))
    };
    assert_eq!(gives(&mut room, 1, 3), Err((403, "not_assigned")));
    assert_eq!(gives(&mut room, 3, 2), Err((403, "not_assigned")));
    gives(&mut room, 1, 2).unwrap();
    assert_eq!(room.rings_at(), [2]);
    room.select(2, Selection::not_ready("break")).unwrap();
    assert_eq!((room.rings_at(), gives(&mut room, 1, 2)), (vec![1], Err((409, "occupied"))));
    let offer = room.said.iter().rev().find_map(|output| {
        let Output::Offer(offer) = output else { return None };
        (offer.agent == AgentId(2)).then_some(offer.why.assigned)?
    });
    assert_eq!(offer, Some(Actor::Agent(AgentId(1))));
}

/// QE-12: a wait that begins in the second queue counts from there for its longest wait.
#[test]
fn the_second_queue_has_its_own_clock() {
    let mut room = three_queues(0, |settings| {
        first_queue(settings).max_wait_secs = 10;
        first_queue(settings).overflow = vec![onward("queue:q2")];
        settings.queues.get_mut(&QueueId(2)).unwrap().max_wait_secs = 10;
    });
    let call = room.call();
    let arrived = room.queue(1).waiting[0].arrived;
    room.pass(19);
    assert_eq!(room.queue(2).waiting[0].arrived, arrived);
    room.pass(1);
    assert_eq!(room.outcomes().last(), Some(&(call, Outcome::Expired)));
    assert!(arrived > Wall(0));
}

/// A queue in which only Ana speaks Portuguese; Rui is there, too.
fn only_ana_speaks_it(then: UnfitRule) -> (Room, InteractionId) {
    let mut room = Room::with(2, |settings| {
        settings.agents.get_mut(&AgentId(1)).expect("an agent").skills.insert("pt".into(), 5);
        first_queue(settings).unfit = Unfit { then, secs: 20 };
    });
    room.select(2, Selection::not_ready("break")).unwrap();
    let queue = Some(QueueId(1));
    room.ask(|acd, now| acd.logout(now, AgentId(1), queue, LogoutWhen::Now, Actor::System)).unwrap();
    let skills = vec![NeededSkill { skill: "pt".into(), level: 3 }];
    let id = InteractionId(900);
    let inbound = Enqueue::inbound(id, QueueId(1), Private::default());
    assert_eq!(room.enqueue(Enqueue { skills, ..inbound }), Ok(()));
    (room, id)
}

fn alerts(room: &Room) -> Vec<(Vec<String>, u32)> {
    let told = room.notices().into_iter().filter_map(|notice| {
        let Notice::Unserved { skills, waiting, .. } = notice else { return None };
        Some((skills.into_iter().map(|it| it.skill).collect(), waiting))
    });
    told.collect()
}

/// QE-10, RT-03: nobody is left with the skill: an alert at once, told once, and a defined end: by the chain, as
/// `no_agents`. Never a silent wait.
#[test]
fn qe_10_nobody_left_with_the_skill() {
    let (mut room, id) = only_ana_speaks_it(UnfitRule::Leave);
    assert_eq!(alerts(&room), [(vec!["pt".to_owned()], 1)]);
    room.pass_ms(19_999);
    assert!(room.outcomes().is_empty());
    room.pass_ms(1);
    assert_eq!(room.outcomes(), [(id, Outcome::NoAgents)]);
    assert_eq!(alerts(&room).len(), 1);
    // Paused, she is there and may come back.
    let (mut room, id) = only_ana_speaks_it(UnfitRule::Leave);
    room.ask(|acd, now| acd.login(now, AgentId(1), QueueId(1), Actor::System)).unwrap();
    assert_eq!(room.the_ring_of(1), id, "she is back in time");
    room.select(1, Selection::not_ready("break")).unwrap();
    room.pass(120);
    assert_eq!((room.outcomes(), alerts(&room).len()), (Vec::new(), 1), "no alert but the first");
}

/// QE-10: the time counts from when the last one went who has the skill, and from anew when somebody was back.
#[test]
fn qe_10_the_time_without_the_skill_counts_exactly() {
    let (mut room, id) = only_ana_speaks_it(UnfitRule::Leave);
    let ana = AgentId(1);
    let login = |acd: &mut Acd, now| acd.login(now, ana, QueueId(1), Actor::System);
    let logout = |acd: &mut Acd, now| acd.logout(now, ana, Some(QueueId(1)), LogoutWhen::Now, Actor::System);
    room.select(1, Selection::not_ready("break")).unwrap();
    room.pass_ms(7_300);
    room.ask(login).unwrap();
    room.ask(logout).unwrap();
    room.pass_ms(12_700);
    room.ask(login).unwrap();
    room.pass_ms(8_100);
    room.ask(logout).unwrap();
    assert_eq!(alerts(&room).len(), 3);
    room.pass_ms(19_999);
    assert!(room.outcomes().is_empty());
    room.pass_ms(1);
    assert_eq!(room.outcomes(), [(id, Outcome::NoAgents)]);
    // So it does where it is shorter than the time between two looks.
    let mut room = Room::with(1, |settings| {
        first_queue(settings).unfit = Unfit { then: UnfitRule::Leave, secs: 2 };
        settings.agents.get_mut(&AgentId(1)).expect("an agent").skills.insert("pt".into(), 2);
    });
    let skills = vec![NeededSkill { skill: "pt".into(), level: 3 }];
    let id = InteractionId(901);
    let inbound = Enqueue::inbound(id, QueueId(1), Private::default());
    assert_eq!(room.enqueue(Enqueue { skills, ..inbound }), Ok(()));
    room.pass_ms(1_999);
    assert!(room.outcomes().is_empty());
    room.pass_ms(1);
    assert_eq!(room.outcomes(), [(id, Outcome::NoAgents)]);
}

/// QE-10: the queue may let him go to anybody instead, or let him wait on.
#[test]
fn qe_10_who_needs_nobody_left_may_need_less() {
    let (mut room, id) = only_ana_speaks_it(UnfitRule::Relax);
    room.pass(20);
    room.select(2, Selection::Ready).unwrap();
    assert_eq!(room.the_ring_of(2), id);
    let (mut room, _) = only_ana_speaks_it(UnfitRule::Wait);
    room.pass(300);
    assert!(room.outcomes().is_empty());
    assert_eq!(alerts(&room).len(), 1);
    // Where nobody at all is logged in there is an alert as well; leaving is leave_when's affair.
    let mut room = Room::new(1);
    room.ask(|acd, now| acd.logout(now, AgentId(1), Some(QueueId(1)), LogoutWhen::Now, Actor::System)).unwrap();
    room.call();
    room.pass(300);
    assert!(room.outcomes().is_empty());
    assert_eq!(alerts(&room), [(Vec::new(), 1)]);
}

/// RT-04: rules that leave nobody to be asked are refused when they are read.
#[test]
fn rt_04_rules_that_exclude_everybody_are_refused() {
    let faults = |change: &dyn Fn(&mut Settings)| {
        let mut settings = centre(2, 1);
        change(&mut settings);
        settings.check().into_iter().map(|fault| fault.to_string()).collect::<Vec<_>>().join("\n")
    };
    let ring = |tier, skill: &str| Ring { after_secs: 1, tier, drop_skills: [skill.to_owned()].into() };
    let said = faults(&|settings| first_queue(settings).rings = vec![ring(None, "pt")]);
    assert_eq!(said, "queues.q1.rings: drop_skills: no agent has the skill `pt`");
    let said = faults(&|settings| {
        let queue = first_queue(settings);
        queue.members.iter_mut().for_each(|member| member.tier = 3);
        queue.rings = vec![Ring { after_secs: 0, tier: Some(2), ..Ring::default() }];
    });
    assert_eq!(said, "queues.q1.rings: the last ring ends at tier 2, and every member stands in 3 or higher");
    let said = faults(&|settings| first_queue(settings).channel = Channel::Chat);
    assert_eq!(said, "queues.q1.channel: no member has this channel among his `channels`");
    let said = faults(&|settings| {
        settings.policies.capacity.insert(Channel::Chat, 0);
    });
    assert!(said.starts_with("policies.capacity: 0 would keep everybody from it"), "{said}");
    assert_eq!(faults(&|_| {}), "");
}
