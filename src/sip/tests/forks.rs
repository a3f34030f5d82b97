//! One INVITE, several answers: early dialogs, late offers, proxies on the way, reliable ringing.

use std::time::Duration;

use super::world::{MS, World, address, answer, in_dialog_text, invite_text};
use crate::{
    base::Private,
    sip::{Body, Credentials, Event, Fault, Reply, Transport, UsageId},
    wire::sip::{Message, Name},
};

const BOB: &str = "10.0.0.2:5060";
const CONTACT: &str = "Contact: <sip:bob@10.0.0.2:5060>\r\n";
const OTHER: &str = "Contact: <sip:bob@10.0.0.3:5070>\r\n";

fn calling(seed: u64) -> (World, UsageId, Message) {
    let mut world = World::new(seed, 1, Transport::Udp);
    let usage = world.call(address(BOB));
    world.run(MS(20));
    let invite = world.last_request("INVITE");
    (world, usage, invite)
}

/// SW-02: the first branch to answer wins; the later one is acknowledged and ended, however often it repeats itself.
#[test]
fn a_later_2xx_of_a_fork_is_ended() {
    let (mut world, _, invite) = calling(1);
    for (tag, contact) in [("one", CONTACT), ("two", OTHER)] {
        world.inject(address(BOB), 0, &answer(&invite, 180, tag, contact, ""));
    }
    world.inject(address(BOB), 0, &answer(&invite, 200, "two", OTHER, "answer two"));
    for _ in 0..3 {
        world.inject(address(BOB), 0, &answer(&invite, 200, "one", CONTACT, "answer one"));
    }
    world.inject(address(BOB), 0, &answer(&invite, 200, "two", OTHER, "answer two"));
    world.run(MS(20));
    let provisional = world.events(0).iter().filter(|e| matches!(e, Event::Provisional { .. })).count();
    let answered: Vec<_> = world
        .events(0)
        .iter()
        .filter_map(|e| match e {
            Event::Answered { body, .. } => body.clone(),
            _ => None,
        })
        .collect();
    assert_eq!((provisional, answered), (2, vec![Body::sdp("answer two")]));
    let acks: Vec<_> = world.post.iter().filter(|(_, m)| m.method().is_some_and(|m| m.as_str() == "ACK")).collect();
    let tags: Vec<_> = acks.iter().map(|(_, m)| m.to_tag().unwrap()).collect();
    assert_eq!(tags, ["two", "one", "one", "one", "two"]);
    assert_eq!(world.sent_requests("BYE"), 1);
    let bye = world.last_request("BYE");
    assert_eq!((bye.to_tag(), bye.uri_text(), bye.cseq().number), (Some("one"), Some("sip:bob@10.0.0.2:5060"), 2));
}

#[test]
fn a_2xx_after_the_call_is_over_is_ended_too() {
    let (mut world, usage, invite) = calling(2);
    world.inject(address(BOB), 0, &answer(&invite, 200, "one", CONTACT, "answer"));
    let (stack, now) = world.stack(0);
    stack.bye(now, usage, None);
    world.run(MS(20));
    world.inject(address(BOB), 0, &answer(&world.last_request("BYE"), 200, "", "", ""));
    assert_eq!(world.counts()[0].usages, 0);
    world.forget();
    world.inject(address(BOB), 0, &answer(&invite, 200, "late", OTHER, "answer"));
    world.run(MS(20));
    assert_eq!(world.last_request("ACK").to_tag(), Some("late"));
    assert_eq!(world.last_request("BYE").to_tag(), Some("late"));
    assert_eq!(world.post.last().unwrap().0, address("10.0.0.3:5070"));
    assert!(world.events(0).is_empty());
    world.settle();
}

/// SW-05: late offer: their 2xx offers, our ACK answers; the 2xx that comes again meanwhile gets nothing yet.
#[test]
fn a_late_offer_is_answered_in_the_ack() {
    let mut world = World::new(3, 1, Transport::Udp);
    let invite = world.invite_to(0, address(BOB), None);
    let (stack, now) = world.stack(0);
    let usage = stack.invite(now, invite);
    world.run(MS(20));
    let invite = world.last_request("INVITE");
    assert!(!invite.header(Name::Supported).unwrap().contains("100rel"));
    let ok = answer(&invite, 200, "one", CONTACT, "their offer");
    world.inject(address(BOB), 0, &ok);
    world.inject(address(BOB), 0, &ok);
    world.run(MS(20));
    assert!(matches!(world.events(0), [Event::Answered { needs_ack_body: true, body: Some(_), .. }]));
    assert_eq!(world.sent_requests("ACK"), 0);
    let (stack, now) = world.stack(0);
    stack.ack(now, usage, Some(Body::sdp("our answer")));
    world.inject(address(BOB), 0, &ok);
    world.run(MS(20));
    assert_eq!(world.sent_requests("ACK"), 2);
    assert_eq!(world.last_request("ACK").body(), b"our answer");
    let (stack, now) = world.stack(0);
    stack.bye(now, usage, None);
    world.settle();
}

#[test]
fn a_late_offer_is_given_in_the_2xx() {
    let eve = address("10.0.0.66:5060");
    let mut world = World::new(4, 1, Transport::Udp);
    world.inject(eve, 0, &invite_text(eve, "z9hG4bK1", "", ""));
    let usage = world.invited(0);
    let (stack, now) = world.stack(0);
    stack.respond(now, usage, Reply::new(200).body(Body::sdp("our offer")));
    world.run(MS(20));
    let ack = in_dialog_text(eve, &world.last_answer("INVITE"), "ACK", 1, "", "their answer");
    world.inject(eve, 0, &ack);
    let Some(Event::Acked { body: Some(body), .. }) = world.events(0).last() else { panic!() };
    assert_eq!(body, &Body::sdp("their answer"));
    let (stack, now) = world.stack(0);
    stack.bye(now, usage, None);
    world.settle();
}

/// Record-Route: what follows goes by the same proxies, loose or strict, to the address of the first.
#[test]
fn requests_follow_the_route_set() {
    let (mut world, usage, invite) = calling(5);
    let routes = format!(
        "Record-Route: <sip:10.0.0.9:5080;lr>, <sip:near@10.0.0.8:5090;lr>\r\nRecord-Route: <sip:10.0.0.7;lr>\r\n{CONTACT}"
    );
    world.inject(address(BOB), 0, &answer(&invite, 200, "one", &routes, "answer"));
    let (stack, now) = world.stack(0);
    stack.bye(now, usage, None);
    world.run(MS(20));
    let bye = world.last_request("BYE");
    let set: Vec<_> = bye.list(Name::Route).collect();
    assert_eq!(set, ["<sip:10.0.0.7;lr>", "<sip:near@10.0.0.8:5090;lr>", "<sip:10.0.0.9:5080;lr>"]);
    assert_eq!(
        (bye.uri_text(), world.post.last().unwrap().0),
        (Some("sip:bob@10.0.0.2:5060"), address("10.0.0.7:5060"))
    );

    let (mut world, usage, invite) = calling(6);
    let strict = format!("Record-Route: <sip:10.0.0.9;lr>, <sip:strict@10.0.0.7:5061>\r\n{CONTACT}");
    world.inject(address(BOB), 0, &answer(&invite, 200, "one", &strict, "answer"));
    let (stack, now) = world.stack(0);
    stack.bye(now, usage, None);
    world.run(MS(20));
    let bye = world.last_request("BYE");
    assert_eq!(bye.uri_text(), Some("sip:strict@10.0.0.7:5061"));
    assert_eq!(bye.list(Name::Route).collect::<Vec<_>>(), ["<sip:10.0.0.9;lr>", "<sip:bob@10.0.0.2:5060>"]);
}

/// As the callee the route set is taken in order, and given back in every answer that makes the dialog.
#[test]
fn a_callee_gives_the_routes_back() {
    let eve = address("10.0.0.66:5060");
    let mut world = World::new(7, 1, Transport::Udp);
    let routes = "Record-Route: <sip:10.0.0.7;lr>\r\nRecord-Route: <sip:10.0.0.8;lr>\r\n";
    world.inject(eve, 0, &invite_text(eve, "z9hG4bK1", routes, "offer"));
    let usage = world.invited(0);
    let (stack, now) = world.stack(0);
    stack.respond(now, usage, Reply::new(180));
    stack.respond(now, usage, Reply::new(200).body(Body::sdp("answer")));
    world.run(MS(20));
    for (_, answer) in &world.post {
        assert_eq!(answer.list(Name::RecordRoute).collect::<Vec<_>>(), ["<sip:10.0.0.7;lr>", "<sip:10.0.0.8;lr>"]);
        assert!(answer.header(Name::Contact).unwrap().starts_with("<sip:bob@10.0.0.1:5060"));
    }
    world.inject(eve, 0, &in_dialog_text(eve, &world.last_answer("INVITE"), "ACK", 1, "", ""));
    let (stack, now) = world.stack(0);
    stack.bye(now, usage, None);
    world.run(MS(20));
    assert_eq!(world.post.last().unwrap().0, address("10.0.0.7:5060"));
    assert_eq!(world.last_request("BYE").list(Name::Route).count(), 2);
}

/// A Contact that can't be meant for us to reach (behind a NAT, or a name) does not send us anywhere.
#[test]
fn a_contact_behind_a_nat_is_reached_where_it_spoke_from() {
    for (contact, expected) in [
        ("sip:eve@192.168.1.5:5060", "9.9.9.9:40000"),
        ("sip:eve@evil.example.com", "9.9.9.9:40000"),
        ("sip:eve@127.0.0.1:22", "9.9.9.9:40000"),
    ] {
        let eve = address("9.9.9.9:40000");
        let mut world = World::new(8, 1, Transport::Udp);
        let invite = invite_text(eve, "z9hG4bK1", "", "offer")
            .replace("Via: SIP/2.0/UDP 9.9.9.9:40000", "Via: SIP/2.0/UDP 192.168.1.5:5060")
            .replace("Contact: <sip:eve@9.9.9.9:40000>", &format!("Contact: <{contact}>"));
        world.inject(eve, 0, &invite);
        let usage = world.invited(0);
        let (stack, now) = world.stack(0);
        stack.respond(now, usage, Reply::new(200).body(Body::sdp("answer")));
        world.run(MS(20));
        world.inject(eve, 0, &in_dialog_text(eve, &world.last_answer("INVITE"), "ACK", 1, "", ""));
        let (stack, now) = world.stack(0);
        stack.bye(now, usage, None);
        world.run(MS(20));
        assert_eq!(world.last_request("BYE").uri_text(), Some(contact));
        assert_eq!(world.post.last().unwrap().0, address(expected), "{contact}");
    }
}

/// RFC 3262: a reliable 183 is acknowledged by PRACK once, told once, and only in order.
#[test]
fn reliable_ringing_is_acknowledged() {
    let (mut world, _, invite) = calling(9);
    assert!(invite.header(Name::Supported).unwrap().contains("100rel"));
    let reliable = |rseq: u32| format!("Require: 100rel\r\nRSeq: {rseq}\r\n{CONTACT}");
    for rseq in [100, 100, 102, 101] {
        world.inject(address(BOB), 0, &answer(&invite, 183, "one", &reliable(rseq), "early"));
    }
    world.run(MS(20));
    let told = world.events(0).iter().filter(|e| matches!(e, Event::Provisional { status: 183, .. })).count();
    let racks: Vec<_> = world.post.iter().filter_map(|(_, m)| m.header(Name::RAck)).collect();
    assert_eq!((told, racks), (2, vec!["100 1 INVITE", "101 1 INVITE"]));
    let prack = world.last_request("PRACK");
    assert_eq!((prack.to_tag(), prack.cseq().number), (Some("one"), 3));
    world.inject(address(BOB), 0, &answer(&invite, 200, "one", CONTACT, "answer"));
    world.run(MS(20));
    assert_eq!(world.last_request("ACK").cseq().number, 1);
}

/// RFC 3262 as callee, for callers that insist: one at a time, repeated until PRACK, refused without.
#[test]
fn who_requires_reliable_ringing_gets_it() {
    let eve = address("10.0.0.66:5060");
    let mut world = World::new(10, 1, Transport::Udp);
    world.inject(eve, 0, &invite_text(eve, "z9hG4bK1", "Require: 100rel\r\n", "offer"));
    let usage = world.invited(0);
    let (stack, now) = world.stack(0);
    stack.respond(now, usage, Reply::new(180));
    stack.respond(now, usage, Reply::new(183));
    world.run(MS(1600));
    assert_eq!(world.statuses("INVITE"), [180, 180, 180]);
    let ringing = world.last_answer("INVITE");
    let rseq: u32 = ringing.header(Name::RSeq).unwrap().parse().unwrap();
    let wrong = in_dialog_text(eve, &ringing, "PRACK", 2, &format!("RAck: {} 1 INVITE\r\n", rseq + 1), "");
    world.inject(eve, 0, &wrong);
    let right = in_dialog_text(eve, &ringing, "PRACK", 3, &format!("RAck: {rseq} 1 INVITE\r\n"), "");
    world.inject(eve, 0, &right);
    world.run(MS(20));
    assert_eq!(world.statuses("PRACK"), [481, 200]);
    assert_eq!(world.statuses("INVITE"), [180, 180, 180, 183]);
    assert_eq!(world.last_answer("INVITE").header(Name::RSeq), Some((rseq + 1).to_string().as_str()));
    world.run(Duration::from_secs(40));
    assert!(world.statuses("INVITE").contains(&500));
    assert!(matches!(world.events(0).last(), Some(Event::Cancelled { .. })));
    world.settle();
}

/// The ACK to a challenged INVITE carries its credentials (RFC 3261 22.1).
#[test]
fn a_signed_call_has_a_signed_ack_and_a_challenged_bye_is_signed() {
    let mut world = World::new(11, 1, Transport::Udp);
    let mut invite = world.invite_to(0, address(BOB), Some("offer"));
    invite.credentials =
        Some(Credentials { user: "u".into(), password: Private::new("p".into()), realm: None, account: None });
    let (stack, now) = world.stack(0);
    let usage = stack.invite(now, invite);
    world.run(MS(20));
    let challenge = "Proxy-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\"\r\n";
    world.inject(address(BOB), 0, &answer(&world.last_request("INVITE"), 407, "x", challenge, ""));
    world.run(MS(20));
    world.inject(address(BOB), 0, &answer(&world.last_request("INVITE"), 200, "one", CONTACT, "answer"));
    world.run(MS(20));
    let ack = world.last_request("ACK");
    assert!(ack.header(Name::ProxyAuthorization).is_some());
    assert_eq!(ack.cseq().number, 2);
    let (stack, now) = world.stack(0);
    stack.bye(now, usage, None);
    world.run(MS(20));
    assert_eq!(world.last_request("BYE").cseq().number, 3);
    world.inject(address(BOB), 0, &answer(&world.last_request("BYE"), 407, "", challenge, ""));
    world.run(MS(20));
    let bye = world.last_request("BYE");
    assert_eq!((bye.cseq().number, bye.header(Name::ProxyAuthorization).is_some()), (4, true));
    world.inject(address(BOB), 0, &answer(&bye, 200, "", "", ""));
    world.settle();
}

#[test]
fn a_full_switch_says_so() {
    let eve = address("10.0.0.66:5060");
    let mut world = World::with(12, 1, Transport::Udp, |settings| settings.usages_max = 1);
    world.inject(eve, 0, &invite_text(eve, "z9hG4bK1", "", "offer"));
    world.inject(eve, 0, &invite_text(eve, "z9hG4bK2", "", "offer").replace("hand-made", "another"));
    world.run(MS(20));
    assert!(world.statuses("INVITE").contains(&503));
    world.forget();
    world.call(address(BOB));
    world.run(MS(20));
    assert!(matches!(world.events(0), [Event::Rejected { status: 503, why: Fault::Full, .. }]));
    assert_eq!((world.sent_requests("INVITE"), world.counts()[0].usages), (0, 1));
}
