//! The offer protocol: rules 15 to 21 and 32, and both orders of its races.

use super::{Room, room::*};
use crate::{
    acd::*,
    base::{AgentId, UserId},
};

fn ring_all(agents: u64) -> Room {
    Room::with(agents, |settings| first_queue(settings).strategy = Strategy::RingAll)
}

/// Rule 17: a ringing phone that nobody answers: back in place, banned as the queue says, asked again after the others.
/// AS-10, RT-11.
#[test]
fn an_unanswered_offer_goes_to_the_next() {
    let mut room = Room::with(2, |settings| first_queue(settings).ban_secs = BanTime::Secs(30));
    let call = room.call();
    room.progress();
    room.pass_ms(19_999);
    assert_eq!(room.rings_at(), [1]);
    room.pass_ms(1);
    assert_eq!((room.rings_at(), room.the_ring().2), (vec![2], call));
    assert_eq!((room.status(1), room.agent(1).missed), (Status::Banned, 1));
    assert_eq!(room.withdrawals(), [(AgentId(1), WithdrawCause::NoAnswer)]);
    assert_eq!(room.agent(1).today.missed, 1);
    room.hang_up(call);
    room.pass(30);
    assert_eq!(room.status(1), Status::Ready, "the ban expires by itself");
    assert_eq!(room.hits(Rule::BanOver), 1);
}

/// Without a ban the others are still asked first, and the one who missed it again only when nobody else is left.
/// RT-11.
#[test]
fn who_missed_a_call_is_asked_again_last() {
    let mut room = Room::with(3, |settings| first_queue(settings).missed_max = 0);
    room.call();
    for expected in [1, 2, 3, 1] {
        assert_eq!(room.rings_at(), [expected]);
        room.progress();
        room.pass(20);
    }
}

/// Rule 17: so many missed in a row make Not Ready, and people are told; an answer starts the count again. AS-11.
#[test]
fn too_many_missed_make_not_ready() {
    let mut room = Room::new(1);
    room.call();
    for missed in 1..=2 {
        room.progress();
        room.pass(20);
        assert_eq!(room.agent(1).missed, missed);
    }
    let engagement = room.talk();
    assert_eq!(room.agent(1).missed, 0, "answered");
    room.end(engagement);
    room.call();
    for _ in 1..=3 {
        room.progress();
        room.pass(20);
    }
    assert_eq!((room.status(1), room.view(1).reason), (Status::NotReady, Some(Reason::missed())));
    assert_eq!(room.notices(), [Notice::Missed { agent: AgentId(1), missed: 3 }]);
    assert!(room.ringing().is_empty());
    room.select(1, Selection::Ready).unwrap();
    assert_eq!((room.rings_at(), room.agent(1).missed), (vec![1], 0));
}

/// Rules 18, 19 and 20 each have their own delay, and only what is missed counts as missed. RT-12, AS-10.
#[test]
fn declined_busy_and_unreachable_differ() {
    let mut room = Room::new(1);
    room.call();
    let fail = |room: &mut Room, fault| {
        let (offer, _, _) = room.the_ring();
        room.fail(offer, fault);
    };
    fail(&mut room, OfferFault::Declined);
    assert_eq!(room.status(1), Status::Banned);
    room.pass_ms(4_999);
    assert!(room.ringing().is_empty());
    room.pass_ms(1);
    fail(&mut room, OfferFault::DeviceBusy);
    assert_eq!(room.status(1), Status::Ready);
    room.pass_ms(9_999);
    assert!(room.ringing().is_empty());
    room.pass_ms(1);
    assert_eq!((room.rings_at(), room.agent(1).missed), (vec![1], 0));
    let today = room.agent(1).today;
    assert_eq!((today.declined, today.busy, today.missed), (1, 1, 0));
    let mut room = Room::with(1, |settings| first_queue(settings).reject_counts = true);
    room.call();
    let (offer, _, _) = room.the_ring();
    room.ask(|acd, now| acd.decline(now, offer, Actor::Agent(AgentId(1)))).unwrap();
    assert_eq!(room.agent(1).missed, 1);
    assert_eq!(room.withdrawals(), [(AgentId(1), WithdrawCause::Declined)]);
}

/// Rules 17 to 19: a device that refuses at once is not asked again at once, even when the settings leave nobody alone.
#[test]
fn who_refuses_is_not_asked_in_the_same_second() {
    for fault in [OfferFault::Declined, OfferFault::DeviceBusy, OfferFault::NoAnswer] {
        let mut room = Room::with(1, |settings| {
            let rules = first_queue(settings);
            (rules.reject_secs, rules.busy_secs, rules.missed_max) = (BanTime::Secs(0), 0, 0);
        });
        room.call();
        room.progress();
        room.fail(room.the_ring().0, fault);
        room.pass_ms(999);
        assert!(room.ringing().is_empty(), "{fault:?}");
        room.pass_ms(1);
        assert_eq!(room.rings_at(), [1], "{fault:?}");
    }
}

/// Rule 21: for whom there was no port to ask with, nothing is amiss: he is asked again a second later, as one who had not been.
#[test]
fn who_could_not_be_asked_stays_as_he_is() {
    let mut room = Room::new(2);
    let call = room.call();
    let agent = room.the_ring().1;
    for _ in 0..2 {
        room.fail(room.the_ring().0, OfferFault::NoRoom);
    }
    assert!(room.ringing().is_empty(), "both rest");
    for agent in [1, 2] {
        let it = room.agent(agent);
        assert_eq!((room.status(agent), it.missed, it.reachable), (Status::Ready, 0, true));
        assert_eq!((it.today.missed, it.today.unreachable), (0, 0));
    }
    room.pass_ms(999);
    assert!(room.ringing().is_empty());
    room.pass_ms(1);
    assert_eq!((room.the_ring().1, room.the_ring().2), (agent, call), "the same one first: he did not refuse");
}

/// RT-12, rule 19: what a device can't take, it may never take: whoever waits behind is next, and then it is asked again. What
/// there is no way for to an agent costs him no pause.
#[test]
fn rt_12_what_nobody_can_take_holds_up_nobody() {
    for (fault, pause) in [(OfferFault::Unable, 10_000), (OfferFault::Unfit, 0)] {
        let mut room = Room::new(1);
        let (first, second) = (room.call(), room.call());
        assert_eq!(room.the_ring().2, first);
        room.fail(room.the_ring().0, fault);
        if pause > 0 {
            room.pass_ms(pause - 1);
            assert!(room.ringing().is_empty(), "{fault:?}: left alone");
            room.pass_ms(1);
        }
        assert_eq!(room.the_ring().2, second, "{fault:?}");
        assert_eq!((room.agent(1).missed, room.agent(1).reachable), (0, true));
        room.hang_up(second);
        room.pass_ms(if pause > 0 { 1_000 } else { 30_000 });
        assert_eq!(room.the_ring().2, first, "{fault:?}: its turn again");
    }
}

/// Rule 17: a phone that stops ringing by itself has missed the call, and has its pause.
#[test]
fn a_phone_that_gives_up_early_has_missed_it() {
    let mut room = Room::new(1);
    room.call();
    room.progress();
    room.fail(room.the_ring().0, OfferFault::NoAnswer);
    assert_eq!((room.status(1), room.agent(1).missed), (Status::Banned, 1));
    room.pass_ms(4_999);
    assert!(room.ringing().is_empty());
    room.pass_ms(1);
    assert_eq!(room.rings_at(), [1]);
}

/// Rule 20: nothing heard from the device at all: given up after three seconds, not missed. P4, RT-12.
#[test]
fn a_dead_device_is_given_up_early() {
    let mut room = Room::new(2);
    room.call();
    room.pass_ms(2_999);
    assert_eq!(room.rings_at(), [1]);
    room.pass_ms(1);
    assert_eq!((room.rings_at(), room.agent(1).missed), (vec![2], 0));
    room.progress();
    room.pass(10);
    assert_eq!(room.rings_at(), [2], "a sign of life gives it the whole time");
}

/// Rule 32: banned until somebody selects Ready. AS-10.
#[test]
fn a_ban_may_last_until_ready_is_chosen() {
    let mut room = Room::with(1, |settings| first_queue(settings).ban_secs = BanTime::UNTIL_MANUAL);
    room.call();
    room.progress();
    room.pass(20);
    room.pass(50_000);
    assert_eq!(room.status(1), Status::Banned);
    room.restart(60, &[], false);
    assert_eq!(room.status(1), Status::Banned);
    room.ask(|acd, now| acd.handle_device(now, AgentId(1), true));
    room.select(1, Selection::Ready).unwrap();
    assert_eq!(room.status(1), Status::Ready);
}

/// A burst of calls: each agent rings for one, two never ring for the same in a single-agent strategy, and the rest
/// wait. RT-07, P34.
#[test]
fn no_agent_is_asked_twice_at_once() {
    let mut room = Room::new(5);
    let calls: Vec<_> = (0..8).map(|_| room.call()).collect();
    assert_eq!(room.rings_at(), [1, 2, 3, 4, 5]);
    let asked: Vec<_> = room.ringing().iter().map(|(_, _, call)| *call).collect();
    assert_eq!(asked, calls[..5]);
}

/// Ring-all: the first answer wins, the second finds no offer, the losers go without blame or wrap-up; whichever order.
/// RT-08, P15, AW-12.
#[test]
fn ring_all_has_one_winner() {
    for first in 0..2 {
        let mut room = ring_all(2);
        first_queue(&mut room.settings).acw_secs = 30;
        room.call();
        let ringing = room.ringing();
        let (winner, loser) = (ringing[first], ringing[1 - first]);
        let engagement = room.answer(winner.0);
        assert_eq!(room.acd.handle_answered(room.now, loser.0), None, "the second answer is late");
        room.connected(engagement);
        assert_eq!((room.status(winner.1.0), room.status(loser.1.0)), (Status::Busy, Status::Ready));
        assert_eq!(room.withdrawals(), [(loser.1, WithdrawCause::Elsewhere)]);
        assert_eq!(room.ends(), [(loser.1, OfferEnd::LostRace), (winner.1, OfferEnd::Accepted)]);
        let loser = room.agent(loser.1.0);
        assert_eq!((loser.missed, loser.today.missed), (0, 0));
    }
}

/// Ring-all: everybody who is free, newcomers too; nobody stays reserved when it is over. P2, RT-01.
#[test]
fn ring_all_leaves_nobody_reserved() {
    let mut room = ring_all(4);
    room.select(4, Selection::not_ready("break")).unwrap();
    let call = room.call();
    assert_eq!(room.rings_at(), [1, 2, 3]);
    room.select(4, Selection::Ready).unwrap();
    assert_eq!(room.rings_at(), [1, 2, 3, 4], "he may join");
    room.hang_up(call);
    assert!((1..=4).all(|agent| room.status(agent) == Status::Ready));
    assert_eq!(room.outcomes(), [(call, Outcome::AbandonedRinging)]);
    assert!(room.ringing().is_empty());
}

/// Rule 16b: the winner dies before the bridge: the caller keeps his place and is offered again at once, to all;
/// one dump, nobody missed. RT-09, P16.
#[test]
fn a_lost_winner_costs_the_caller_nothing() {
    let mut room = ring_all(3);
    let call = room.call();
    let later = room.call();
    let (offer, winner, _) = room.ringing()[0];
    let engagement = room.answer(offer);
    assert_eq!(room.rings_at(), [2, 3], "the next caller's turn meanwhile");
    for (_, agent, asked) in room.ringing() {
        assert_eq!(asked, later, "{agent}");
    }
    room.ask(|acd, now| acd.handle_winner_lost(now, engagement));
    assert_eq!(room.acd.position(call), Some(1));
    assert_eq!(room.the_ring_of(winner.0), call);
    let dumps = room.ends().into_iter().filter(|(_, end)| *end == OfferEnd::Dump);
    assert_eq!(dumps.collect::<Vec<_>>(), [(winner, OfferEnd::Dump)]);
    assert_eq!(room.agent(winner.0).missed, 0);
    room.ask(|acd, now| acd.handle_winner_lost(now, engagement));
    assert_eq!(room.hits(Rule::WinnerLost), 1, "once");
}

/// Rule 16b: whoever has lost a winner's call is asked again only when nobody else can be. RT-09, P5, P16.
#[test]
fn rt_09_a_lost_winner_gives_way_to_others() {
    let mut room = Room::new(2);
    let call = room.call();
    assert_eq!(room.rings_at(), [1]);
    for next in [2, 1, 1] {
        let engagement = room.answer(room.the_ring().0);
        if next == 1 {
            room.select(2, Selection::not_ready("break")).unwrap();
        }
        room.ask(|acd, now| acd.handle_winner_lost(now, engagement));
        assert_eq!((room.rings_at(), room.the_ring_of(next)), (vec![next], call));
    }
}

/// Rule 16b: after the ring time it was a missed call all the same; a phone never picked up after a page's accept.
#[test]
fn an_accept_without_a_phone_is_missed() {
    let mut room = Room::new(1);
    room.call();
    let (offer, _, _) = room.the_ring();
    room.ask(|acd, now| acd.accept(now, offer, Actor::Agent(AgentId(1)))).unwrap();
    room.pass(20);
    assert_eq!(room.agent(1).missed, 1);
    assert_eq!(room.withdrawals(), [(AgentId(1), WithdrawCause::NoAnswer)]);
    assert_eq!(room.rings_at(), [1], "offered again");
}

/// The caller leaves as an agent answers, both orders: no wrap-up without talk, one outcome. RT-10, AW-12, P3.
#[test]
fn caller_and_agent_cross() {
    let mut room = Room::with(1, |settings| first_queue(settings).acw_secs = 30);
    let call = room.call();
    let (offer, _, _) = room.the_ring();
    room.hang_up(call);
    assert_eq!(room.acd.handle_answered(room.now, offer), None);
    assert_eq!(room.withdrawals(), [(AgentId(1), WithdrawCause::CustomerGone)]);
    assert_eq!(room.status(1), Status::Ready);

    let call = room.call();
    let (offer, _, _) = room.the_ring();
    let engagement = room.answer(offer);
    room.hang_up(call);
    room.connected(engagement);
    room.end(engagement);
    assert_eq!(room.status(1), Status::Ready, "no wrap-up without talk");
    let mine: Vec<_> = room.outcomes().into_iter().filter(|(id, _)| *id == call).collect();
    assert_eq!(mine, [(call, Outcome::AbandonedRinging)]);
}

/// The ring time ends as the agent answers, both orders: either missed or answered, never both. P1, P18.
#[test]
fn ring_time_and_answer_cross() {
    let mut room = Room::new(1);
    room.call();
    room.progress();
    let (offer, _, _) = room.the_ring();
    room.pass(20);
    assert_eq!(room.acd.handle_answered(room.now, offer), None, "this offer is over");
    assert_eq!(room.agent(1).missed, 1);

    let (offer, _, _) = room.the_ring();
    room.progress();
    let engagement = room.answer(offer);
    room.connected(engagement);
    room.pass(30);
    assert_eq!((room.status(1), room.agent(1).today.answered), (Status::Busy, 1));
    assert_eq!(room.agent(1).today.missed, 1);
}

/// A phone's refusal and its agent's Not Ready cross, both orders; so do a decline and an accept. RT-07.
#[test]
fn refusals_cross() {
    let mut room = Room::new(1);
    room.call();
    let (offer, _, _) = room.the_ring();
    room.select(1, Selection::not_ready("break")).unwrap();
    room.fail(offer, OfferFault::Declined);
    assert_eq!(room.ends(), [(AgentId(1), OfferEnd::CancelledAgentNotReady)]);

    let mut room = Room::new(1);
    room.call();
    let (offer, _, _) = room.the_ring();
    room.fail(offer, OfferFault::Declined);
    room.select(1, Selection::not_ready("break")).unwrap();
    assert_eq!(room.ends(), [(AgentId(1), OfferEnd::Declined)]);

    let mut room = Room::new(1);
    room.call();
    let (offer, _, _) = room.the_ring();
    let engagement = room.answer(offer);
    let refused = room.ask(|acd, now| acd.decline(now, offer, Actor::Agent(AgentId(1)))).unwrap_err();
    assert_eq!((refused.status, refused.code), (404, "no_offer"));
    room.connected(engagement);
    assert_eq!(room.status(1), Status::Busy);
}

/// The longest wait ends while an agent rings: by default the wait wins, by setting the offer. RT-11, QE-14.
#[test]
fn the_longest_wait_and_the_ring() {
    let mut room = Room::with(1, |settings| first_queue(settings).max_wait_secs = 10);
    let call = room.call();
    room.progress();
    room.pass(10);
    assert_eq!(room.outcomes(), [(call, Outcome::Expired)]);
    assert_eq!((room.status(1), room.agent(1).missed), (Status::Ready, 0));

    let mut room = Room::with(1, |settings| {
        let queue = first_queue(settings);
        (queue.max_wait_secs, queue.timeout_priority) = (10, TimeoutPriority::Conf);
    });
    let call = room.call();
    room.progress();
    room.pass(19);
    assert_eq!(room.rings_at(), [1]);
    room.pass(1);
    assert_eq!((room.outcomes(), room.agent(1).missed), (vec![(call, Outcome::Expired)], 1));
}

/// RT-11, QE-10: where the offer wins, nobody joins it once the longest wait is over: the caller leaves with its last ring.
#[test]
fn rt_11_nobody_joins_when_the_wait_is_over() {
    let mut room = Room::with(6, |settings| {
        let queue = first_queue(settings);
        queue.strategy = Strategy::RingProgressive;
        (queue.progressive_secs, queue.max_wait_secs, queue.timeout_priority) = (4, 10, TimeoutPriority::Conf);
    });
    let call = room.call();
    for _ in 0..9 {
        room.progress();
        room.pass(1);
    }
    let ringing = room.rings_at();
    assert_eq!(ringing.len(), 3);
    for _ in 0..12 {
        room.progress();
        room.pass(1);
        assert!(room.rings_at().iter().all(|agent| ringing.contains(agent)), "{:?}", room.rings_at());
    }
    room.pass(10);
    assert_eq!(room.outcomes(), [(call, Outcome::Expired)]);
}

/// What is offered says what it is: kind, queue, caller, wait, until when, and why this agent. RT-14.
#[test]
fn an_offer_says_what_it_is() {
    let mut room = Room::new(3);
    room.select(3, Selection::not_ready("break")).unwrap();
    room.said.clear();
    let call = room.call();
    let offer = room.said.iter().find_map(|output| {
        let Output::Offer(offer) = output else { return None };
        Some(offer.clone())
    });
    let offer = offer.expect("an offer");
    assert_eq!((offer.interaction, offer.queue.0, offer.kind), (call, 1, InteractionKind::Inbound));
    assert_eq!(offer.caller.reveal(), "+351210000001");
    assert_eq!(offer.until_wall.0 - offer.made.0, 20_000);
    assert_eq!((offer.why.agent, offer.why.rank, offer.why.candidates), (AgentId(1), 1, 2));
    assert_eq!(offer.why.first.iter().map(|it| it.agent.0).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(offer.why.excluded, [(Factor::NotReady, 1)]);
    let explained = room.acd.explain(room.now, call).expect("it waits");
    assert_eq!((explained.position, explained.members.len()), (1, 3));
    assert_eq!(explained.members[0].rank, Some(1));
}

/// A supervisor pulls a waiting call while it rings: one outcome, the agent free. QE-14.
#[test]
fn a_withdrawn_call_stops_ringing() {
    let mut room = Room::new(1);
    let call = room.call();
    let boss = Actor::Supervisor(UserId(3));
    room.ask(|acd, now| acd.withdraw(now, call, boss)).unwrap();
    assert_eq!(room.outcomes(), [(call, Outcome::Withdrawn(boss))]);
    assert_eq!(room.ends(), [(AgentId(1), OfferEnd::CancelledWithdrawn)]);
    assert_eq!(room.ask(|acd, now| acd.withdraw(now, call, boss)).unwrap_err().status, 404);
}

/// Settings that let no more ring together leave the first ringing; the others are free, and without a missed call.
#[test]
fn ring_all_that_is_no_more_leaves_one_ringing() {
    let mut room = ring_all(3);
    room.call();
    assert_eq!(room.rings_at(), [1, 2, 3]);
    let mut settings = room.settings.clone();
    first_queue(&mut settings).strategy = Strategy::LongestIdle;
    room.ask(|acd, now| acd.settings(now, settings));
    assert_eq!(room.rings_at(), [1]);
    assert!((2..=3).all(|agent| (room.status(agent), room.agent(agent).missed) == (Status::Ready, 0)));
    room.call();
    assert_eq!(room.rings_at(), [1, 2], "the next caller has the next agent");
}
