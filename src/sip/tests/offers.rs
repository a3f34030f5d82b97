//! Changing a call: re-INVITE and UPDATE, one at a time, from both sides.

use std::time::Duration;

use super::world::{EVE, MS, World, address, answer, in_dialog_text, invite_text, talking_by_hand};
use crate::{
    sip::{Body, Ended, Event, Reply, Transport},
    wire::sip::{Method, Name},
};

fn offered(world: &World, end: usize) -> Vec<(Method, Option<Body>)> {
    let offers = world.events(end).iter().filter_map(|event| match event {
        Event::SdpOffer { method, body, .. } => Some((method.clone(), body.clone())),
        _ => None,
    });
    offers.collect()
}

fn answered(world: &World, end: usize) -> Vec<(u16, Option<Body>)> {
    let answers = world.events(end).iter().filter_map(|event| match event {
        Event::OfferAnswered { status, body, .. } => Some((*status, body.clone())),
        _ => None,
    });
    answers.collect()
}

/// SW-05: hold and back by re-INVITE or UPDATE, asked by either side.
#[test]
fn either_side_may_change_the_session() {
    for method in [Method::Invite, Method::Update] {
        for asks in [0, 1] {
            let mut world = World::new(1, 2, Transport::Udp);
            let (ours, theirs) = world.talking();
            let sides = [ours, theirs];
            for round in 0..3 {
                world.forget();
                let (stack, now) = world.stack(asks);
                match method {
                    Method::Invite => stack.reinvite(now, sides[asks], Some(Body::sdp("hold"))),
                    _ => stack.update(now, sides[asks], Some(Body::sdp("hold"))),
                }
                world.run(MS(50));
                assert_eq!(offered(&world, 1 - asks), [(method.clone(), Some(Body::sdp("hold")))], "round {round}");
                let (stack, now) = world.stack(1 - asks);
                stack.respond_offer(now, sides[1 - asks], 200, Some(Body::sdp("held")));
                world.run(MS(1000));
                assert_eq!(answered(&world, asks), [(200, Some(Body::sdp("held")))]);
                let acked = world.events(1 - asks).iter().filter(|e| matches!(e, Event::Acked { .. })).count();
                assert_eq!(acked, usize::from(method == Method::Invite));
            }
            let (stack, now) = world.stack(0);
            stack.bye(now, ours, None);
            world.settle();
        }
    }
}

/// A refused change leaves the call as it was, and the next may be tried.
#[test]
fn a_refused_offer_leaves_the_call() {
    let mut world = World::new(2, 2, Transport::Udp);
    let (ours, theirs) = world.talking();
    let (stack, now) = world.stack(0);
    stack.reinvite(now, ours, Some(Body::sdp("video")));
    stack.reinvite(now, ours, Some(Body::sdp("hold")));
    stack.update(now, ours, Some(Body::sdp("hold, better")));
    world.run(MS(50));
    let (stack, now) = world.stack(1);
    stack.respond_offer(now, theirs, 488, None);
    world.run(MS(50));
    assert_eq!(answered(&world, 0), [(488, None)]);
    // Of the two that waited the newer goes.
    assert_eq!(offered(&world, 1)[1], (Method::Update, Some(Body::sdp("hold, better"))));
    let (stack, now) = world.stack(1);
    stack.respond_offer(now, theirs, 200, Some(Body::sdp("held")));
    stack.bye(now, theirs, None);
    world.settle();
}

/// SW-05: glare: both sides offer at once, both get 491, both come through after their back-off.
#[test]
fn offers_that_meet_are_both_made_in_the_end() {
    for seed in 0..40 {
        for methods in
            [[Method::Invite, Method::Invite], [Method::Update, Method::Update], [Method::Invite, Method::Update]]
        {
            let mut world = World::new(seed, 2, Transport::Udp);
            let (ours, theirs) = world.talking();
            let sides = [ours, theirs];
            for (end, method) in methods.iter().enumerate() {
                let (stack, now) = world.stack(end);
                let body = Some(Body::sdp(["zero", "one"][end]));
                if *method == Method::Invite {
                    stack.reinvite(now, sides[end], body);
                } else {
                    stack.update(now, sides[end], body);
                }
            }
            let mut done = [0, 0];
            for _ in 0..1000 {
                world.run(MS(20));
                for end in [0, 1] {
                    let asked = offered(&world, end).len();
                    if asked > done[end] {
                        done[end] = asked;
                        let (stack, now) = world.stack(end);
                        stack.respond_offer(now, sides[end], 200, Some(Body::sdp("yes")));
                    }
                }
            }
            for end in [0, 1] {
                assert_eq!(answered(&world, end), [(200, Some(Body::sdp("yes")))], "seed {seed} {methods:?} end {end}");
            }
            let (stack, now) = world.stack(0);
            stack.bye(now, ours, None);
            world.settle();
        }
    }
}

/// The opener of the dialog waits 2.1 to 4 s, the other up to 2 s (14.1); a peer that never gives way is left.
#[test]
fn a_peer_that_never_gives_way_is_left_after_a_few_tries() {
    let (mut world, usage, _) = talking_by_hand(3, "");
    let (stack, now) = world.stack(0);
    stack.reinvite(now, usage, Some(Body::sdp("hold")));
    for _ in 0..20 {
        world.run(MS(10));
        if let Some((_, last)) = world.post.iter().rev().find(|(_, m)| m.method() == Some(&Method::Invite)) {
            let text = answer(&last.clone(), 491, "", "", "");
            world.inject(address(EVE), 0, &text);
        }
        world.run(MS(2_010));
    }
    assert_eq!(world.transactions("INVITE"), 6);
    assert_eq!(answered(&world, 0), [(491, None)]);
    let (stack, now) = world.stack(0);
    stack.bye(now, usage, None);
    world.settle();
}

#[test]
fn a_peer_that_is_busy_with_itself_is_asked_again_after_what_it_says() {
    let (mut world, usage, _) = talking_by_hand(4, "");
    let (stack, now) = world.stack(0);
    stack.reinvite(now, usage, Some(Body::sdp("hold")));
    world.run(MS(10));
    world.inject(address(EVE), 0, &answer(&world.last_request("INVITE"), 500, "", "Retry-After: 3\r\n", ""));
    world.run(MS(2_900));
    assert_eq!(world.sent_requests("INVITE"), 1);
    world.run(MS(2_200));
    assert_eq!(world.transactions("INVITE"), 2);
    assert!(answered(&world, 0).is_empty());
}

/// While their offer waits for us the next gets 500 with Retry-After; while ours waits for them theirs gets 491 (14.2).
#[test]
fn one_offer_at_a_time() {
    let eve = address(EVE);
    let (mut world, usage, ok) = talking_by_hand(5, "");
    world.inject(eve, 0, &in_dialog_text(eve, &ok, "INVITE", 2, "", "offer 2"));
    world.inject(eve, 0, &in_dialog_text(eve, &ok, "INVITE", 3, "", "offer 3"));
    world.inject(eve, 0, &in_dialog_text(eve, &ok, "UPDATE", 4, "", "offer 4"));
    world.run(MS(10));
    assert_eq!((world.statuses("INVITE"), world.statuses("UPDATE")), (vec![500], vec![500]));
    let after: u64 = world.last_answer("UPDATE").header(Name::RetryAfter).unwrap().parse().unwrap();
    assert!(after <= 10);
    assert_eq!(offered(&world, 0).len(), 1);
    let (stack, now) = world.stack(0);
    stack.respond_offer(now, usage, 200, Some(Body::sdp("answer 2")));
    stack.reinvite(now, usage, Some(Body::sdp("ours")));
    world.run(MS(10));
    // Ours waits for the ACK of theirs.
    assert_eq!(world.sent_requests("INVITE"), 0);
    world.inject(eve, 0, &in_dialog_text(eve, &ok, "ACK", 2, "", ""));
    world.run(MS(10));
    assert_eq!(world.last_request("INVITE").body(), b"ours");
    world.inject(eve, 0, &in_dialog_text(eve, &ok, "INVITE", 5, "", "offer 5"));
    world.inject(eve, 0, &in_dialog_text(eve, &ok, "UPDATE", 6, "", "offer 6"));
    world.run(MS(10));
    assert_eq!((world.statuses("INVITE").last(), world.statuses("UPDATE").last()), (Some(&491), Some(&491)));
}

/// SW-05: a re-INVITE without body asks for our offer; theirs comes in the ACK. And the other way round.
#[test]
fn a_late_offer_works_inside_a_call_too() {
    let mut world = World::new(6, 2, Transport::Udp);
    let (ours, theirs) = world.talking();
    let (stack, now) = world.stack(0);
    stack.reinvite(now, ours, None);
    world.run(MS(50));
    assert_eq!(offered(&world, 1), [(Method::Invite, None)]);
    let (stack, now) = world.stack(1);
    stack.respond_offer(now, theirs, 200, Some(Body::sdp("their offer")));
    world.run(MS(600));
    assert_eq!(answered(&world, 0), [(200, Some(Body::sdp("their offer")))]);
    let (stack, now) = world.stack(0);
    stack.ack(now, ours, Some(Body::sdp("our answer")));
    world.run(MS(50));
    let Some(Event::Acked { body: Some(body), .. }) = world.events(1).last() else { panic!() };
    assert_eq!(body, &Body::sdp("our answer"));
    let (stack, now) = world.stack(0);
    stack.bye(now, ours, None);
    world.settle();
}

/// pjsua's habit: an UPDATE right after the answer, before its ACK has come; and one that only refreshes.
#[test]
fn an_update_may_overtake_the_ack() {
    let eve = address(EVE);
    let mut world = World::new(7, 1, Transport::Udp);
    world.inject(eve, 0, &invite_text(eve, "z9hG4bK1", "", "offer"));
    let usage = world.invited(0);
    let (stack, now) = world.stack(0);
    stack.respond(now, usage, Reply::new(200).body(Body::sdp("answer")));
    world.run(MS(10));
    let ok = world.last_answer("INVITE");
    world.inject(eve, 0, &in_dialog_text(eve, &ok, "UPDATE", 2, "", "one codec"));
    assert_eq!(offered(&world, 0).len(), 1);
    let (stack, now) = world.stack(0);
    stack.respond_offer(now, usage, 200, Some(Body::sdp("one codec")));
    world.inject(eve, 0, &in_dialog_text(eve, &ok, "ACK", 1, "", ""));
    world.inject(eve, 0, &in_dialog_text(eve, &ok, "UPDATE", 3, "", ""));
    world.run(MS(10));
    assert_eq!(world.statuses("UPDATE"), [200, 200]);
    assert_eq!(offered(&world, 0).len(), 1, "a refresh is nobody's affair");
    let (stack, now) = world.stack(0);
    stack.bye(now, usage, None);
    world.settle();
}

#[test]
fn a_peer_without_update_is_asked_by_reinvite() {
    let (mut world, usage, _) = talking_by_hand(8, "");
    let (stack, now) = world.stack(0);
    stack.update(now, usage, Some(Body::sdp("hold")));
    world.run(MS(10));
    world.inject(address(EVE), 0, &answer(&world.last_request("UPDATE"), 405, "", "", ""));
    world.run(MS(10));
    assert_eq!(world.last_request("INVITE").body(), b"hold");
    assert!(answered(&world, 0).is_empty());
}

#[test]
fn a_reinvite_may_be_taken_back() {
    let eve = address(EVE);
    let (mut world, usage, ok) = talking_by_hand(9, "");
    let reinvite = in_dialog_text(eve, &ok, "INVITE", 2, "", "offer");
    world.inject(eve, 0, &reinvite);
    let cancel = reinvite.replace("INVITE sip", "CANCEL sip").replace("2 INVITE", "2 CANCEL");
    world.inject(eve, 0, &cancel);
    let (stack, now) = world.stack(0);
    stack.respond_offer(now, usage, 200, Some(Body::sdp("answer")));
    world.run(MS(10));
    assert_eq!((world.statuses("CANCEL"), world.statuses("INVITE")), (vec![200], vec![487]));
    assert_eq!(world.counts()[0].usages, 1);
    let (stack, now) = world.stack(0);
    stack.bye(now, usage, None);
    world.settle();
}

/// Hanging up while an offer waits, from either side: theirs gets 487, ours is forgotten (15.1.2).
#[test]
fn a_call_may_end_in_the_middle_of_an_offer() {
    for (asks, ends) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        let mut world = World::new(10, 2, Transport::Udp);
        let (ours, theirs) = world.talking();
        let sides = [ours, theirs];
        let (stack, now) = world.stack(asks);
        stack.reinvite(now, sides[asks], Some(Body::sdp("hold")));
        world.run(MS(50));
        let (stack, now) = world.stack(ends);
        stack.bye(now, sides[ends], None);
        world.run(MS(50));
        assert!(matches!(world.events(1 - ends).last(), Some(Event::Ended { why: Ended::Bye { .. }, .. })));
        world.settle();
    }
}

/// No answer, 408 or 481 to an offer: the other side is gone, and so is the call (12.2.1.2).
#[test]
fn a_peer_that_lost_the_call_ends_it() {
    for status in [Some(481), Some(408), None] {
        let (mut world, usage, _) = talking_by_hand(11, "");
        let (stack, now) = world.stack(0);
        stack.reinvite(now, usage, Some(Body::sdp("hold")));
        world.run(MS(10));
        match status {
            Some(status) => world.inject(address(EVE), 0, &answer(&world.last_request("INVITE"), status, "", "", "")),
            None => world.run(MS(33_000)),
        }
        assert!(matches!(world.events(0), [Event::Ended { why: Ended::Timeout, .. }]), "{status:?}");
        world.settle();
    }
}

/// Target refresh: what follows goes to the new Contact (12.2.2).
#[test]
fn a_peer_may_move() {
    let eve = address(EVE);
    let (mut world, usage, ok) = talking_by_hand(12, "");
    let moved = in_dialog_text(eve, &ok, "INVITE", 2, "", "offer")
        .replace("<sip:eve@10.0.0.66:5060>\r\n", "<sip:eve@10.0.0.67:5099>\r\n");
    world.inject(eve, 0, &moved);
    let (stack, now) = world.stack(0);
    stack.respond_offer(now, usage, 200, Some(Body::sdp("answer")));
    world.run(MS(10));
    world.inject(eve, 0, &in_dialog_text(eve, &ok, "ACK", 2, "", ""));
    let (stack, now) = world.stack(0);
    stack.bye(now, usage, None);
    world.run(MS(10));
    assert_eq!(world.last_request("BYE").uri_text(), Some("sip:eve@10.0.0.67:5099"));
    assert_eq!(world.post.last().unwrap().0, address("10.0.0.67:5099"));
}

/// The ACK to our 2xx inside a call is missing too: the call ends (13.3.1.4).
#[test]
fn a_missing_ack_to_a_later_2xx_ends_the_call() {
    let eve = address(EVE);
    let (mut world, usage, ok) = talking_by_hand(13, "");
    world.inject(eve, 0, &in_dialog_text(eve, &ok, "INVITE", 2, "", "offer"));
    let (stack, now) = world.stack(0);
    stack.respond_offer(now, usage, 200, Some(Body::sdp("answer")));
    world.run(Duration::from_secs(33));
    assert!(matches!(
        world.events(0),
        [Event::SdpOffer { .. }, Event::AckMissing { .. }, Event::Ended { why: Ended::Timeout, .. }]
    ));
    assert_eq!(world.transactions("BYE"), 1);
    world.settle();
}
