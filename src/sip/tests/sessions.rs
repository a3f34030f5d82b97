//! Session timers (RFC 4028): SW-06.

use std::time::Duration;

use super::world::{EVE, MS, World, address, answer, in_dialog_text, invite_text, talking_by_hand};
use crate::{
    sip::{Body, Ended, Event, Reply, Transport},
    wire::sip::Name,
};

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// SW-06: between two of us the caller refreshes by UPDATE for as long as the call lasts, and nobody
/// is told but that it goes on.
#[test]
fn a_long_call_is_kept_alive() {
    let mut world = World::new(1, 2, Transport::Udp);
    let (ours, _) = world.talking();
    world.run(secs(4 * 3600));
    let quiet = |end: usize| world.events(end).iter().all(|event| matches!(event, Event::Renewed { .. }));
    assert!(quiet(0) && quiet(1));
    assert!(world.counts().iter().all(|counts| counts.usages == 1));
    let (stack, now) = world.stack(0);
    stack.bye(now, ours, None);
    world.settle();
}

/// SW-06: a call whose refresher died is ended, on both sides.
#[test]
fn a_dead_call_is_reaped() {
    let mut world = World::new(2, 2, Transport::Udp);
    world.talking();
    world.line.loss = 100;
    world.run(secs(1800));
    let ended = |end: usize| match world.events(end) {
        [Event::Ended { why, .. }] => why.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!((ended(0), ended(1)), (Ended::Timeout, Ended::SessionExpired));
    world.settle();
}

/// SW-06: the peer that is to refresh does, by UPDATE or re-INVITE; when it stops, BYE a third (at most 32 s) early.
#[test]
fn the_peer_refreshes_or_loses_the_call() {
    let eve = address(EVE);
    let session = "Supported: timer\r\nSession-Expires: 120;refresher=uac\r\n";
    let (mut world, usage, ok) = talking_by_hand(3, session);
    assert_eq!(ok.header(Name::SessionExpires), Some("120;refresher=uac"));
    assert_eq!(ok.header(Name::Require), Some("timer"));
    world.run(secs(80));
    world.inject(eve, 0, &in_dialog_text(eve, &ok, "UPDATE", 2, session, ""));
    world.run(secs(80));
    world.inject(eve, 0, &in_dialog_text(eve, &ok, "INVITE", 3, session, "the same"));
    let (stack, now) = world.stack(0);
    stack.respond_offer(now, usage, 200, Some(Body::sdp("the same")));
    world.inject(eve, 0, &in_dialog_text(eve, &ok, "ACK", 3, "", ""));
    world.forget();
    world.run(secs(87));
    assert!(world.events(0).is_empty());
    world.run(secs(2));
    assert!(matches!(world.events(0), [Event::Ended { why: Ended::SessionExpired, .. }]));
    assert_eq!(world.transactions("BYE"), 1);
    world.settle();
}

/// SW-06, RFC 4028 9: a refresh that names no interval ends the timer, be it an UPDATE or a re-INVITE: its 200 names none, and
/// nobody ends the call for want of the next.
#[test]
fn sw_06_a_refresh_without_an_interval_ends_the_timer() {
    let eve = address(EVE);
    for method in ["UPDATE", "INVITE"] {
        let session = "Supported: timer\r\nSession-Expires: 120;refresher=uac\r\n";
        let (mut world, usage, ok) = talking_by_hand(31, session);
        world.run(secs(50));
        if method == "UPDATE" {
            world.inject(eve, 0, &in_dialog_text(eve, &ok, "UPDATE", 2, "Supported: timer\r\n", ""));
        } else {
            world.inject(eve, 0, &in_dialog_text(eve, &ok, "INVITE", 2, "Supported: timer\r\n", "the same"));
            let (stack, now) = world.stack(0);
            stack.respond_offer(now, usage, 200, Some(Body::sdp("the same")));
            world.inject(eve, 0, &in_dialog_text(eve, &ok, "ACK", 2, "", ""));
        }
        world.forget();
        world.run(secs(600));
        assert!(world.events(0).is_empty(), "{method}: {:?}", world.events(0));
        let (stack, now) = world.stack(0);
        stack.bye(now, usage, None);
        world.settle();
    }
}

/// A peer that asks for timers but can't keep them is refreshed by us; without UPDATE by a re-INVITE from above.
#[test]
fn we_refresh_for_who_cant() {
    let (mut world, _, ok) = talking_by_hand(4, "Allow: INVITE, ACK, BYE, UPDATE\r\nSession-Expires: 100\r\n");
    assert_eq!((ok.header(Name::SessionExpires), ok.header(Name::Require)), (Some("100;refresher=uas"), None));
    world.run(secs(51));
    let update = world.last_request("UPDATE");
    assert_eq!(update.header(Name::SessionExpires), Some("100;refresher=uac"));
    assert!(update.body().is_empty());
    world.inject(address(EVE), 0, &answer(&update, 200, "", "Session-Expires: 100;refresher=uac\r\n", ""));
    world.run(secs(51));
    assert_eq!(world.transactions("UPDATE"), 2);

    let (mut world, usage, _) = talking_by_hand(5, "Allow: INVITE, ACK, BYE\r\nSession-Expires: 100\r\n");
    world.run(secs(51));
    assert!(matches!(world.events(0), [Event::RefreshDue { .. }]));
    let (stack, now) = world.stack(0);
    stack.reinvite(now, usage, Some(Body::sdp("the same")));
    world.run(MS(10));
    let reinvite = world.last_request("INVITE");
    assert_eq!(reinvite.header(Name::SessionExpires), Some("100;refresher=uac"));
    world.inject(address(EVE), 0, &answer(&reinvite, 200, "", "Session-Expires: 100;refresher=uac\r\n", "the same"));
    world.run(secs(45));
    assert!(!world.events(0).iter().any(|e| matches!(e, Event::Ended { .. })));
}

#[test]
fn too_short_an_interval_is_refused() {
    let eve = address(EVE);
    let mut world = World::new(6, 1, Transport::Udp);
    let short = "Supported: timer\r\nSession-Expires: 30\r\n";
    world.inject(eve, 0, &invite_text(eve, "z9hG4bK1", short, "offer"));
    world.run(MS(10));
    let refusal = world.last_answer("INVITE");
    assert_eq!((refusal.status(), refusal.header(Name::MinSe)), (Some(422), Some("90")));
    assert!(world.events(0).is_empty());
    // Who does not know 422 gets the shortest that we keep.
    world.inject(
        eve,
        0,
        &invite_text(eve, "z9hG4bK2", "Session-Expires: 30\r\n", "offer").replace("hand-made", "again"),
    );
    let usage = world.invited(0);
    let (stack, now) = world.stack(0);
    stack.respond(now, usage, Reply::new(200).body(Body::sdp("answer")));
    world.run(MS(10));
    assert_eq!(world.last_answer("INVITE").header(Name::SessionExpires), Some("90;refresher=uas"));
}

#[test]
fn a_422_is_followed_once() {
    let bob = address("10.0.0.2:5060");
    let mut world = World::new(7, 1, Transport::Udp);
    world.call(bob);
    world.run(MS(20));
    let first = world.last_request("INVITE");
    assert_eq!(first.header(Name::SessionExpires), Some("1800"));
    world.inject(bob, 0, &answer(&first, 422, "x", "Min-SE: 3600\r\n", ""));
    world.run(MS(20));
    let second = world.last_request("INVITE");
    assert_eq!((second.header(Name::SessionExpires), second.header(Name::MinSe)), (Some("3600"), Some("3600")));
    assert_eq!((second.cseq().number, second.body()), (2, first.body()));
    world.inject(bob, 0, &answer(&second, 422, "x", "Min-SE: 7200\r\n", ""));
    world.run(MS(20));
    assert!(matches!(world.events(0), [Event::Rejected { status: 422, .. }]));
    world.settle();
}

/// SW-06: a refresh that asks for too short an interval is sent again with the one that the peer names; a peer that then names
/// a longer one still is not asked without pause.
#[test]
fn sw_06_a_422_to_a_refresh_is_followed() {
    let (mut world, _, _) = talking_by_hand(8, "Allow: INVITE, ACK, BYE, UPDATE\r\nSession-Expires: 100\r\n");
    world.run(secs(51));
    for min_se in [200, 300] {
        let update = world.last_request("UPDATE");
        world.inject(address(EVE), 0, &answer(&update, 422, "", &format!("Min-SE: {min_se}\r\n"), ""));
        world.run(MS(10));
    }
    assert_eq!(world.transactions("UPDATE"), 2, "one at once");
    world.run(secs(6));
    let third = world.last_request("UPDATE");
    let asked = (third.header(Name::SessionExpires), third.header(Name::MinSe));
    assert_eq!((world.transactions("UPDATE"), asked), (3, (Some("300;refresher=uac"), Some("300"))));
    world.inject(address(EVE), 0, &answer(&third, 200, "", "Session-Expires: 300;refresher=uac\r\n", ""));
    world.run(secs(151));
    let next = world.last_request("UPDATE");
    assert_eq!((next.header(Name::SessionExpires), next.header(Name::MinSe)), (Some("300;refresher=uac"), Some("90")));
    assert!(!world.events(0).iter().any(|event| matches!(event, Event::Ended { .. })));
}
