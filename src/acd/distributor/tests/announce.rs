//! What people who wait are told, and when (§3.5).

use super::{Room, room::*};
use crate::{acd::*, base::InteractionId};

fn room(agents: u64, change: impl FnOnce(&mut Announce)) -> Room {
    Room::with(agents, |settings| {
        let queue = first_queue(settings);
        (queue.expected_handle_secs, queue.ewt_round_secs) = (120, 1);
        change(&mut queue.announce);
    })
}

/// Everything told in the next seconds, each with its second; saying it takes `length` of them.
fn told(room: &mut Room, secs: u64, length: u64) -> Vec<(u64, u64, Announcement)> {
    let (mut all, mut says) = (Vec::new(), Vec::<(u64, InteractionId)>::new());
    for second in 0..=secs {
        let over: Vec<_> = says.iter().filter(|(end, _)| *end <= second).map(|(_, id)| *id).collect();
        says.retain(|(end, _)| *end > second);
        for id in over {
            room.ask(|acd, now| acd.handle_announced(now, id));
        }
        for output in std::mem::take(&mut room.said) {
            if let Output::Announce { interaction, what, .. } = output {
                assert!(says.iter().all(|(_, id)| *id != interaction), "one thing at a time");
                says.push((second + length, interaction));
                all.push((second, interaction.0, what));
            }
        }
        if second < secs {
            room.pass(1);
        }
    }
    all
}

fn place(place: Place) -> Announcement {
    Announcement::Standing { place: Some(place), wait: None }
}

fn clip(key: &str) -> Announcement {
    Announcement::Clip(key.into())
}

/// QE-06: each is told his place, again after `every`, and the first that he is the first.
#[test]
fn places_are_told_now_and_then() {
    let mut room = room(0, |rules| (rules.place, rules.every_secs, rules.least_secs) = (PlaceRule::Always, 60, 0));
    let (one, two) = (room.call().0, room.call().0);
    let first = [(5, one, place(Place::First)), (5, two, place(Place::Number(2)))];
    assert_eq!(told(&mut room, 64, 2), first);
    let again = [(1, one, place(Place::First)), (1, two, place(Place::Number(2)))];
    assert_eq!(told(&mut room, 30, 2), again);
}

/// QE-06: who has come forward is told sooner, but not before the least interval; who has not waits for the regular one.
#[test]
fn a_better_place_is_told_sooner() {
    let mut room = room(0, |rules| (rules.place, rules.every_secs, rules.least_secs) = (PlaceRule::Always, 100, 20));
    let (one, two) = (room.call(), room.call().0);
    assert_eq!(told(&mut room, 10, 1).len(), 2);
    room.ask(|acd, now| acd.handle_customer_gone(now, one));
    assert_eq!(told(&mut room, 50, 1), [(15, two, place(Place::First))], "20 s after the last time");
    assert_eq!(told(&mut room, 64, 1), []);
    assert_eq!(told(&mut room, 10, 1), [(1, two, place(Place::First))]);
}

/// QE-06: limit, more than, only if improved.
#[test]
fn far_places_are_told_as_the_rule_says() {
    let far = |rule| {
        let mut room = room(0, |rules| (rules.place, rules.place_max) = (rule, 2));
        let calls: Vec<u64> = (0..3).map(|_| room.call().0).collect();
        let of_last = told(&mut room, 6, 1).into_iter().filter(|(_, id, _)| *id == calls[2]).map(|(.., what)| what);
        of_last.collect::<Vec<_>>()
    };
    assert_eq!(far(PlaceRule::Limit), []);
    assert_eq!(far(PlaceRule::MoreThan), [place(Place::Beyond(2))]);
    assert_eq!(far(PlaceRule::Always), [place(Place::Number(3))]);
    assert_eq!(far(PlaceRule::Off), []);
    let mut room = room(0, |rules| (rules.place, rules.only_if_improved) = (PlaceRule::Always, true));
    room.call();
    assert_eq!(told(&mut room, 200, 1).len(), 1, "never twice the same");
}

/// QE-06, QE-08: the wait in minutes, rounded up, "more than" beyond the bound, once where once is enough, and never where
/// nobody works.
#[test]
fn the_wait_is_told_while_somebody_works() {
    let waits = |agents, change: fn(&mut Announce)| {
        let mut room = room(agents, |rules| {
            rules.wait = WaitRule::Always;
            change(rules);
        });
        for agent in 1..=agents {
            room.call();
            let (offer, ..) = room.the_ring();
            let engagement = room.answer(offer);
            room.ask(|acd, now| acd.handle_connected(now, engagement));
            assert_eq!(agent, 1);
        }
        let calls: Vec<u64> = (0..2).map(|_| room.call().0).collect();
        let told = told(&mut room, 70, 1).into_iter().filter(|(_, id, _)| *id == calls[1]);
        told.map(|(.., what)| what).collect::<Vec<_>>()
    };
    let minutes = |minutes| Announcement::Standing { place: None, wait: Some(Expected::Minutes(minutes)) };
    assert_eq!(waits(0, |_| {}), [], "staffed = 0");
    let twice = waits(1, |_| {});
    assert_eq!(twice.len(), 2, "{twice:?}");
    assert!(
        matches!(twice[0], Announcement::Standing { place: None, wait: Some(Expected::Minutes(2..=4)) }),
        "{twice:?}"
    );
    assert_eq!(waits(1, |rules| rules.wait = WaitRule::Once).len(), 1);
    let more = Announcement::Standing { place: None, wait: Some(Expected::MoreThan(1)) };
    assert_eq!(waits(1, |rules| rules.wait_max_minutes = 1)[0], more);
    assert!(!waits(1, |rules| rules.only_if_improved = true).contains(&minutes(0)));
}

/// QE-07: clips in their order, after the start delay, counted from the beginning or from the end of the one before.
#[test]
fn clips_take_turns() {
    let clips = |from_end| {
        let mut room = room(0, |rules| {
            rules.periodic = ["a", "b"].map(String::from).into();
            (rules.periodic_first_secs, rules.periodic_secs, rules.periodic_from_end) = (10, 20, from_end);
        });
        room.call();
        told(&mut room, 70, 7).into_iter().map(|(second, _, what)| (second, what)).collect::<Vec<_>>()
    };
    assert_eq!(clips(false), [(10, clip("a")), (30, clip("b")), (50, clip("a")), (70, clip("b"))]);
    assert_eq!(clips(true), [(10, clip("a")), (37, clip("b")), (64, clip("a"))]);
}

/// QE-07: a drawn order draws them all.
#[test]
fn clips_in_a_drawn_order() {
    let mut room = room(0, |rules| {
        rules.periodic = ["a", "b", "c"].map(String::from).into();
        (rules.periodic_random, rules.periodic_secs) = (true, 5);
    });
    room.call();
    let heard: Vec<Announcement> = told(&mut room, 300, 1).into_iter().map(|(.., what)| what).collect();
    assert!(["a", "b", "c"].iter().all(|key| heard.contains(&clip(key))));
    let in_order = heard.windows(2).filter(|pair| pair[0] == pair[1]).count();
    assert!(in_order > 0, "an order would never repeat one");
}

/// QE-06, QE-07: an agent who accepts ends it; if he fails, it goes on; new rules and a queue without any are obeyed.
#[test]
fn nothing_is_told_once_an_agent_accepts() {
    let mut room = room(1, |rules| (rules.place, rules.first_secs) = (PlaceRule::Always, 5));
    room.call();
    let (offer, ..) = room.the_ring();
    let engagement = room.answer(offer);
    assert_eq!(told(&mut room, 4, 1), []);
    room.ask(|acd, now| acd.handle_winner_lost(now, engagement));
    room.ask(|acd, now| {
        acd.select(now, crate::base::AgentId(1), Channel::Voice, Selection::not_ready("lunch"), Actor::System)
    })
    .unwrap();
    assert_eq!(told(&mut room, 10, 1).len(), 1);
    let mut settings = room.settings.clone();
    first_queue(&mut settings).announce.place = PlaceRule::Off;
    room.ask(|acd, now| acd.settings(now, settings));
    assert_eq!(told(&mut room, 200, 1), []);
}

/// Bad rules are named with their place.
#[test]
fn faults_name_the_key() {
    let mut settings = centre(1, 1);
    let rules = &mut first_queue(&mut settings).announce;
    (rules.every_secs, rules.place_max, rules.periodic, rules.periodic_secs) = (2, 0, vec!["a".into()], 1);
    let places: Vec<_> = settings.check().into_iter().map(|fault| fault.place).collect();
    let key = |key: &str| format!("queues.q1.announce.{key}");
    assert_eq!(places, [key("every_secs"), key("place_max"), key("least_secs"), key("periodic_secs")]);
}
