//! Lines and strategies: who is next, on both sides.

use super::{Room, room::*};
use crate::{
    acd::*,
    base::{AgentId, CallId, InteractionId, Now, Private, QueueId, Wall},
};

const BOSS: Actor = Actor::Supervisor(crate::base::UserId(9));

fn with_strategy(agents: u64, strategy: Strategy) -> Room {
    Room::with(agents, |settings| first_queue(settings).strategy = strategy)
}

/// One short call: who got it.
pub(super) fn serve(room: &mut Room) -> u64 {
    room.call();
    let (_, agent, _) = room.the_ring();
    let engagement = room.talk();
    room.pass(10);
    room.end(engagement);
    room.pass(1);
    agent.0
}

fn line(room: &Room) -> Vec<u64> {
    room.queue(1).waiting.iter().map(|it| it.interaction.0).collect()
}

/// Priority first, then arrival; a kept arrival keeps its place; the priority can change while waiting. QE-01.
#[test]
fn the_line_is_in_order() {
    let mut room = Room::new(0);
    let first = room.call();
    room.pass(1);
    let second = room.call();
    let urgent = room.call_to(QueueId(1), 5);
    let at = room.acd.snapshot(room.now).at;
    let old = Enqueue {
        arrived: Some(Wall(at.0 - 60_000)),
        ..Enqueue::inbound(InteractionId(7), QueueId(1), Private::default())
    };
    room.enqueue(old).unwrap();
    assert_eq!(line(&room), [urgent.0, 7, first.0, second.0]);
    assert_eq!(room.acd.position(second), Some(4));
    room.ask(|acd, now| acd.reprioritise(now, second, 9, BOSS)).unwrap();
    assert_eq!(line(&room), [second.0, urgent.0, 7, first.0]);
    let positions: Vec<_> = room.queue(1).waiting.iter().map(|it| it.position).collect();
    assert_eq!(positions, [1, 2, 3, 4]);
}

/// A shared agent takes the heavier queue first, among equals the longest waiting. QE-02, QE-03.
#[test]
fn a_shared_agent_is_fair() {
    for (weight, expected) in [(0, 1), (1, 2)] {
        let mut settings = centre(1, 2);
        settings.queues.get_mut(&QueueId(2)).unwrap().weight = weight;
        let mut room = Room::closed(settings.clone());
        room.acd.settings(room.now, settings);
        room.call_to(QueueId(1), 0);
        room.pass(5);
        room.call_to(QueueId(2), 0);
        room.ask(|acd, now| acd.handle_device(now, AgentId(1), true));
        assert_eq!(room.agent(1).offers[0].queue, QueueId(expected));
    }
}

/// P5, RT-07: the last of the list can't be reached, and the others are busy. With every strategy the caller comes to the
/// first of them who is free again, at once and before who came later.
#[test]
fn p_5_one_unreachable_agent_at_the_end_halts_nobody() {
    for strategy in Strategy::ALL {
        let mut room = with_strategy(3, strategy);
        let talks = [(1, 901), (2, 902)];
        talks.into_iter().for_each(|(agent, call)| room.direct(agent, call));
        let (first, second) = (room.call(), room.call());
        assert_eq!((room.the_ring().1, room.the_ring().2), (AgentId(3), first), "{strategy:?}");
        room.fail(room.the_ring().0, OfferFault::Unreachable);
        assert!(room.ringing().is_empty(), "{strategy:?}: nobody else is free, and he is not asked again");
        room.pass(60);
        assert!(room.ringing().is_empty(), "{strategy:?}");
        for ((agent, call), waits) in talks.into_iter().zip([first, second]) {
            room.ask(|acd, now| acd.handle_direct_ended(now, AgentId(agent), CallId(call)));
            assert_eq!((room.rings_at(), room.the_ring_of(agent)), (vec![agent], waits), "{strategy:?}");
            room.talk();
        }
    }
}

/// Longest idle since the end of the last wrap-up; never handled: since the sign-in. RT-01, P18.
#[test]
fn longest_idle_is_exact() {
    let mut room = Room::with(3, |settings| first_queue(settings).acw_secs = 5);
    assert_eq!(serve(&mut room), 1);
    assert_eq!(serve(&mut room), 2);
    assert_eq!(serve(&mut room), 3);
    room.pass(10);
    assert_eq!(serve(&mut room), 1);
    room.pass(10);
    room.ask(|acd, now| acd.handle_device(now, AgentId(2), false));
    room.pass(31);
    room.ask(|acd, now| acd.handle_device(now, AgentId(2), true));
    assert_eq!(serve(&mut room), 2, "handling counts, not the sign-in");
}

/// Round-robin: the next after the last offered, over restarts too. RT-01.
#[test]
fn round_robin_remembers() {
    for strategy in [Strategy::RoundRobin, Strategy::OrderedRoundRobin] {
        let mut room = with_strategy(3, strategy);
        assert_eq!((0..4).map(|_| serve(&mut room)).collect::<Vec<_>>(), [1, 2, 3, 1]);
        room.restart(1, &[], true);
        for agent in 1..=3 {
            room.ask(|acd, now| acd.handle_device(now, AgentId(agent), true));
        }
        assert_eq!(serve(&mut room), 2);
    }
}

/// In order of joining, or of the settings. RT-01.
#[test]
fn round_robin_orders_differ() {
    for (strategy, expected) in [(Strategy::RoundRobin, [2, 3, 1]), (Strategy::OrderedRoundRobin, [1, 2, 3])] {
        let mut room = Room::with(3, |settings| {
            first_queue(settings).strategy = strategy;
            first_queue(settings).members.retain(|member| member.agent != "a1");
        });
        room.ask(|acd, now| {
            acd.settings(now, {
                let mut settings = centre(3, 1);
                first_queue(&mut settings).strategy = strategy;
                settings
            })
        });
        assert_eq!((0..3).map(|_| serve(&mut room)).collect::<Vec<_>>(), expected, "{strategy:?}");
    }
}

/// Fewest calls and least talk count this queue's day. RT-01, P18.
#[test]
fn fewest_calls_and_least_talk() {
    let mut room = with_strategy(3, Strategy::FewestCalls);
    room.select(1, Selection::not_ready("break")).unwrap();
    assert_eq!((serve(&mut room), serve(&mut room), serve(&mut room)), (2, 3, 2));
    room.select(1, Selection::Ready).unwrap();
    assert_eq!((serve(&mut room), serve(&mut room), serve(&mut room)), (1, 1, 3));

    let mut room = with_strategy(2, Strategy::LeastTalk);
    room.call();
    let engagement = room.talk();
    room.pass(100);
    room.end(engagement);
    assert_eq!((0..3).map(|_| serve(&mut room)).collect::<Vec<_>>(), [2, 2, 2]);
}

/// Linear always begins at the top; a lower tier is asked first in each strategy. RT-01, QM-12.
#[test]
fn linear_and_tiers() {
    let mut room = with_strategy(3, Strategy::Linear);
    assert_eq!((serve(&mut room), serve(&mut room)), (1, 1));
    for strategy in Strategy::ALL.into_iter().filter(|it| *it != Strategy::WeightedRandom) {
        let mut room = Room::with(3, |settings| {
            first_queue(settings).strategy = strategy;
            first_queue(settings).members[0].tier = 2;
            first_queue(settings).members[1].tier = 1;
        });
        room.call();
        assert_eq!(room.rings_at(), [3], "{strategy:?}");
    }
}

/// Random reaches everybody about equally; the same seed draws the same. RT-01.
#[test]
fn random_is_even() {
    let mut counts = [0u32; 4];
    let mut room = with_strategy(4, Strategy::Random);
    for _ in 0..400 {
        counts[serve(&mut room) as usize - 1] += 1;
    }
    assert!(counts.iter().all(|count| (60..=140).contains(count)), "{counts:?}");
    let mut other = with_strategy(4, Strategy::Random);
    let mut again = with_strategy(4, Strategy::Random);
    for _ in 0..20 {
        assert_eq!(serve(&mut other), serve(&mut again));
    }
}

/// A higher tier is less likely, not impossible. RT-01.
#[test]
fn weighted_random_prefers_the_lower_tier() {
    let mut room = Room::with(2, |settings| {
        first_queue(settings).strategy = Strategy::WeightedRandom;
        first_queue(settings).members[1].tier = 3;
    });
    let first = (0..400).filter(|_| serve(&mut room) == 1).count();
    assert!((270..=370).contains(&first), "4 in 5 expected: {first} of 400");
}

/// One more phone each step, the others go on ringing. RT-01.
#[test]
fn ring_progressive_adds_one_by_one() {
    let mut room = with_strategy(3, Strategy::RingProgressive);
    room.call();
    room.progress();
    assert_eq!(room.rings_at(), [1]);
    room.pass(5);
    assert_eq!(room.rings_at(), [1, 2]);
    room.progress();
    room.pass(5);
    assert_eq!(room.rings_at(), [1, 2, 3]);
    room.progress();
    let (offer, _, _) = room.ringing()[1];
    let engagement = room.answer(offer);
    room.connected(engagement);
    assert!(room.ringing().is_empty());
}

/// Full, by the queue's length; what is refused was presented all the same. QE-09, QE-14.
#[test]
fn a_full_queue_refuses() {
    let mut room = Room::with(0, |settings| first_queue(settings).max_waiting = 2);
    room.call();
    room.call();
    let third = Enqueue::inbound(InteractionId(1), QueueId(1), Private::default());
    assert_eq!(room.enqueue(third), Err(Outcome::Full));
    let today = room.queue(1).today;
    assert_eq!((today.entered, today.refused), (2, 1));
}

/// Nobody logged in: newcomers are refused, those who wait leave, at once or after a while. QE-09, QE-10.
#[test]
fn an_empty_queue_lets_go() {
    let mut room = Room::with(1, |settings| {
        let queue = first_queue(settings);
        queue.join_unless = [Factor::LoggedOut].into();
        queue.leave_when = [Factor::LoggedOut, Factor::Paused].into();
        queue.leave_after_secs = 10;
    });
    room.select(1, Selection::not_ready("break")).unwrap();
    let call = room.call();
    let me = Actor::Agent(AgentId(1));
    room.ask(|acd, now| acd.pause(now, AgentId(1), None, None, me)).unwrap();
    room.pass(9);
    room.ask(|acd, now| acd.resume(now, AgentId(1), None, me)).unwrap();
    room.pass(9);
    assert_eq!(room.outcomes(), [], "he was back in time");
    room.ask(|acd, now| acd.logout(now, AgentId(1), None, LogoutWhen::After, me)).unwrap();
    room.pass(10);
    assert_eq!(room.outcomes(), [(call, Outcome::NoAgents)]);
    let next = Enqueue::inbound(InteractionId(1), QueueId(1), Private::default());
    assert_eq!(room.enqueue(next), Err(Outcome::NoAgents));
}

/// The longest wait, the exit key, a caller who gives up early or late: each has its one outcome, and the sum is what
/// was presented. QE-10, QE-14, P1.
#[test]
fn each_caller_has_one_outcome() {
    let mut room = Room::with(1, |settings| {
        let queue = first_queue(settings);
        queue.max_wait_secs = 60;
        queue.exit_keys = [("1".into(), Onward::HangUp)].into();
    });
    room.select(1, Selection::not_ready("break")).unwrap();
    let calls: Vec<_> = (0..4).map(|_| room.call()).collect();
    room.pass(3);
    room.hang_up(calls[0]);
    room.pass(10);
    room.hang_up(calls[1]);
    assert!(!room.ask(|acd, now| acd.handle_exit_key(now, calls[2], '2')));
    assert!(room.ask(|acd, now| acd.handle_exit_key(now, calls[2], '1')));
    room.pass(60);
    room.hang_up(calls[0]);
    let expected = [Outcome::AbandonedShort, Outcome::Abandoned, Outcome::ExitKey('1'), Outcome::Expired];
    assert_eq!(room.outcomes(), calls.iter().copied().zip(expected).collect::<Vec<_>>());
    let today = room.queue(1).today;
    assert_eq!((today.entered, today.ended(), today.abandoned_short), (4, 4, 1));
}

/// A closed queue refuses. QE-09.
#[test]
fn a_closed_queue_refuses() {
    let mut room = Room::with(1, |settings| first_queue(settings).closed = true);
    let call = Enqueue::inbound(InteractionId(1), QueueId(1), Private::default());
    assert_eq!(room.enqueue(call), Err(Outcome::Closed));
}

fn skilled() -> Settings {
    let mut settings = centre(3, 1);
    for (agent, level) in [(1, 3), (2, 8)] {
        let agent = settings.agents.get_mut(&AgentId(agent)).unwrap();
        agent.skills.insert("pt".into(), level);
    }
    settings
}

fn needing(id: u64, level: u8) -> Enqueue {
    let skills = vec![NeededSkill { skill: "pt".into(), level }];
    Enqueue { skills, ..Enqueue::inbound(InteractionId(id), QueueId(1), Private::default()) }
}

/// Required skills hold; who lacks them takes the next call instead; dropped after a while, the place kept.
/// RT-03, RT-04.
#[test]
fn skills_hold_until_relaxed() {
    let mut settings = skilled();
    first_queue(&mut settings).rings = vec![Ring { after_secs: 15, tier: None, drop_skills: ["pt".into()].into() }];
    let mut room = Room::with(3, |it| *it = settings);
    room.select(2, Selection::not_ready("break")).unwrap();
    room.enqueue(needing(1, 5)).unwrap();
    assert!(room.ringing().is_empty(), "nobody good enough is there");
    let plain = room.call();
    assert_eq!((room.the_ring().1, room.the_ring().2), (AgentId(1), plain));
    room.progress();
    room.pass_ms(14_999);
    assert_eq!(room.rings_at(), [1]);
    room.pass_ms(1);
    assert_eq!((room.rings_at(), room.the_ring_of(3)), (vec![1, 3], InteractionId(1)));
}

/// The best sum of levels, then the longest idle. RT-01, RT-03.
#[test]
fn skills_best_asks_the_best() {
    let mut settings = skilled();
    first_queue(&mut settings).strategy = Strategy::SkillsBest;
    let mut room = Room::with(3, |it| *it = settings);
    room.enqueue(needing(1, 2)).unwrap();
    assert_eq!(room.rings_at(), [2]);
    room.enqueue(needing(2, 2)).unwrap();
    assert_eq!(room.rings_at(), [2, 1]);
}

/// The preferred agent alone for a while; then anybody. RT-05.
#[test]
fn the_preferred_agent_is_waited_for() {
    let mut room = Room::new(2);
    room.direct(2, 5);
    let sticky = Enqueue {
        preferred: Some(Preferred { agent: AgentId(2), secs: 20 }),
        ..Enqueue::inbound(InteractionId(1), QueueId(1), Private::default())
    };
    let until = room.now.wall + std::time::Duration::from_secs(20);
    room.enqueue(sticky.clone()).unwrap();
    let explained = |room: &Room| room.acd.explain(room.now, InteractionId(1)).expect("it waits");
    assert_eq!(explained(&room).kept_for, Some(KeptFor { agent: AgentId(2), until }));
    assert!(explained(&room).members.iter().all(|it| !it.unfit), "the other lacks nothing");
    room.pass(19);
    assert!(room.ringing().is_empty());
    room.pass(1);
    assert_eq!((room.rings_at(), explained(&room).kept_for), (vec![1], None));
    let mut room = Room::new(2);
    room.enqueue(sticky.clone()).unwrap();
    assert_eq!(room.rings_at(), [2]);
    let mut room = Room::new(2);
    room.ask(|acd, now| acd.logout(now, AgentId(2), Some(QueueId(1)), LogoutWhen::Now, Actor::System)).unwrap();
    room.enqueue(sticky).unwrap();
    assert_eq!(room.rings_at(), [1], "nobody is waited for who is out of the queue");
}

/// RT-05: who calls again comes to the agent whom he spoke to last, over a restart too; then to anybody. Not after the
/// queue's days, nor to one who is not logged in, and without a number to nobody in particular.
#[test]
fn rt_05_who_calls_again_comes_to_the_same_agent() {
    for from_checkpoint in [false, true] {
        let mut room = Room::with(2, |settings| first_queue(settings).last_agent = LastAgent { secs: 10, days: 2 });
        let from = |room: &mut Room, id: u64, caller: &str| {
            let inbound = Enqueue::inbound(InteractionId(id), QueueId(1), Private::new(caller.into()));
            assert_eq!(room.enqueue(inbound), Ok(()));
            InteractionId(id)
        };
        from(&mut room, 1, "+351919000001");
        assert_eq!(room.rings_at(), [1]);
        let talk = room.talk();
        room.end(talk);
        // Rui is idle longer by now; a stranger comes to him.
        from(&mut room, 2, "+351919000002");
        assert_eq!(room.rings_at(), [2]);
        room.hang_up(InteractionId(2));
        from(&mut room, 3, "+351919000001");
        assert_eq!(room.rings_at(), [1], "he comes to her again");
        room.hang_up(InteractionId(3));
        room.restart(0, &[], from_checkpoint);
        for agent in [1, 2] {
            room.ask(|acd, now| acd.handle_device(now, AgentId(agent), true));
        }
        room.select(1, Selection::not_ready("break")).unwrap();
        from(&mut room, 4, "+351919000001");
        assert!(room.ringing().is_empty(), "she is waited for");
        room.pass(10);
        assert_eq!(room.rings_at(), [2], "not for ever");
        room.hang_up(InteractionId(4));
        room.ask(|acd, now| acd.sign_out(now, AgentId(1), Actor::Agent(AgentId(1)))).unwrap();
        from(&mut room, 5, "+351919000001");
        assert_eq!(room.rings_at(), [2], "she is not there");
        room.hang_up(InteractionId(5));
        room.pass(3 * 24 * 3_600);
        room.ask(|acd, now| acd.sign_in(now, AgentId(1), Actor::Agent(AgentId(1)))).unwrap();
        from(&mut room, 6, "+351919000001");
        assert_eq!(room.rings_at(), [2], "too long ago");
    }
}

/// RT-05, I4: nobody is kept waiting for an agent who goes while he is waited for, whichever way; he who only pauses is waited for.
#[test]
fn rt_05_nobody_waits_for_an_agent_who_has_gone() {
    let away: [fn(&mut Acd, Now) -> bool; 5] = [
        |acd, now| acd.logout(now, AgentId(2), Some(QueueId(1)), LogoutWhen::Now, Actor::System).is_ok(),
        |acd, now| acd.sign_out(now, AgentId(2), Actor::Agent(AgentId(2))).is_ok(),
        |acd, now| acd.force_offline(now, AgentId(2), BOSS).is_ok(),
        |acd, now| {
            acd.handle_device(now, AgentId(2), false);
            true
        },
        |acd, now| {
            let mut settings = centre(2, 1);
            first_queue(&mut settings).members.retain(|member| member.agent != "a2");
            acd.settings(now, settings);
            true
        },
    ];
    for (place, goes) in away.into_iter().enumerate() {
        let mut room = Room::new(2);
        room.direct(2, 5);
        let preferred = Some(Preferred { agent: AgentId(2), secs: 120 });
        let inbound = Enqueue::inbound(InteractionId(1), QueueId(1), Private::default());
        room.enqueue(Enqueue { preferred, ..inbound }).unwrap();
        room.ask(|acd, now| acd.pause(now, AgentId(2), Some(QueueId(1)), Some(Reason::new("break")), BOSS)).unwrap();
        room.pass(1);
        assert!(room.ringing().is_empty(), "he comes back");
        room.ask(|acd, now| acd.handle_direct_ended(now, AgentId(2), CallId(5)));
        assert!(room.ask(goes), "{place}");
        // A phone that is gone has some time to come back.
        room.pass(60);
        assert_eq!(room.outcomes(), []);
        let asked: Vec<_> = room
            .said
            .iter()
            .filter_map(|output| {
                let Output::Offer(offer) = output else { return None };
                Some(offer.agent.0)
            })
            .collect();
        assert_eq!(asked.first(), Some(&1), "{place}");
    }
}

/// Tiers open with time, and the call keeps its place. RT-04.
#[test]
fn tiers_open_with_time() {
    let mut room = Room::with(2, |settings| {
        let queue = first_queue(settings);
        queue.members[1].tier = 1;
        queue.rings =
            [(0, Some(0)), (10, None)].map(|(after_secs, tier)| Ring { after_secs, tier, ..Ring::default() }).into();
    });
    room.direct(1, 5);
    room.call();
    room.pass_ms(9_999);
    assert!(room.ringing().is_empty());
    room.pass_ms(1);
    assert_eq!(room.rings_at(), [2]);
}

/// The pause before an offer. QE-10.
#[test]
fn the_member_delay_holds() {
    let mut room = Room::with(1, |settings| first_queue(settings).member_delay_secs = 4);
    room.call();
    room.pass_ms(3_999);
    assert!(room.ringing().is_empty());
    room.pass_ms(1);
    assert_eq!(room.rings_at(), [1]);
}

/// Somebody before whoever was asked last is taken out of the settings: the next is asked, nobody is passed over. RT-01.
#[test]
fn round_robin_goes_on_over_other_settings() {
    let mut room = Room::with(4, |settings| {
        first_queue(settings).strategy = Strategy::OrderedRoundRobin;
        first_queue(settings).members.reverse();
    });
    assert_eq!((serve(&mut room), serve(&mut room)), (4, 3));
    let mut settings = room.settings.clone();
    first_queue(&mut settings).members.retain(|member| member.agent != "a4");
    room.ask(|acd, now| acd.settings(now, settings));
    assert_eq!((0..3).map(|_| serve(&mut room)).collect::<Vec<_>>(), [2, 1, 3]);
}

/// Who helps out in a queue keeps his place in its order over a restart. RT-01, OP-01.
#[test]
fn helpers_keep_their_order_over_a_restart() {
    let mut room = Room::with(3, |settings| {
        first_queue(settings).strategy = Strategy::Linear;
        first_queue(settings).members.clear();
    });
    for agent in [3, 1, 2] {
        room.ask(|acd, now| acd.login(now, AgentId(agent), QueueId(1), BOSS)).unwrap();
    }
    assert_eq!(serve(&mut room), 3);
    room.restart(1, &[], true);
    for agent in 1..=3 {
        room.ask(|acd, now| acd.handle_device(now, AgentId(agent), true));
    }
    assert_eq!(serve(&mut room), 3, "the first who came is still the first");
}
