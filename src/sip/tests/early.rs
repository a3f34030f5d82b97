//! Offers and answers before the final response: reliable provisional answers, PRACK and UPDATE (RFC 3262 5, RFC 3311 5.1).

use super::world::{EVE, MS, World, address, answer, in_dialog_text, invite_text};
use crate::{
    sip::{Body, Event, Reply, Transport, UsageId},
    wire::sip::{Message, Method, Name},
};

const BOB: &str = "10.0.0.2:5060";
const CONTACT: &str = "Contact: <sip:bob@10.0.0.2:5060>\r\n";

fn reliable(rseq: u32) -> String {
    format!("Require: 100rel\r\nRSeq: {rseq}\r\n{CONTACT}")
}

fn calling(seed: u64) -> (World, UsageId, Message) {
    let mut world = World::new(seed, 1, Transport::Udp);
    let usage = world.call(address(BOB));
    world.run(MS(20));
    let invite = world.last_request("INVITE");
    (world, usage, invite)
}

/// A call of Eve's that requires reliable ringing.
fn invited(seed: u64, body: &str) -> (World, UsageId) {
    let mut world = World::new(seed, 1, Transport::Udp);
    world.inject(address(EVE), 0, &invite_text(address(EVE), "z9hG4bK1", "Require: 100rel\r\n", body));
    let usage = world.invited(0);
    (world, usage)
}

fn respond(world: &mut World, usage: UsageId, status: u16, body: Option<&'static str>) {
    let (stack, now) = world.stack(0);
    stack.respond(now, usage, Reply { body: body.map(Body::sdp), ..Reply::new(status) });
    world.run(MS(20));
}

fn rack(ringing: &Message) -> String {
    format!("RAck: {} 1 INVITE\r\n", ringing.header(Name::RSeq).expect("reliable"))
}

fn pracks(world: &mut World, cseq: u32, body: &str) {
    let ringing = world.last_answer("INVITE");
    let text = in_dialog_text(address(EVE), &ringing, "PRACK", cseq, &rack(&ringing), body);
    world.inject(address(EVE), 0, &text);
    world.run(MS(20));
}

fn answered(world: &World) -> Option<Body> {
    world.events(0).iter().find_map(|event| match event {
        Event::Answered { body, .. } => body.clone(),
        _ => None,
    })
}

/// SW-04: each branch of a fork has described itself in its own early dialog; the 2xx without a description means that of its
/// own branch.
#[test]
fn sw_04_each_branch_has_its_own_description() {
    for winner in ["one", "two"] {
        let (mut world, _, invite) = calling(20);
        for tag in ["one", "two"] {
            let body = format!("answer of {tag}");
            world.inject(address(BOB), 0, &answer(&invite, 183, tag, &reliable(1), &body));
        }
        world.inject(address(BOB), 0, &answer(&invite, 200, winner, CONTACT, ""));
        assert_eq!(answered(&world), Some(Body::sdp(format!("answer of {winner}"))));
    }
}

/// SW-04: a 2xx waits for the PRACK of a description; without one in between it goes at once, and the PRACK that comes behind
/// it is answered.
#[test]
fn sw_04_a_2xx_waits_for_a_description_alone() {
    let (mut world, usage) = invited(21, "offer");
    respond(&mut world, usage, 183, Some("answer"));
    respond(&mut world, usage, 200, Some("answer"));
    assert_eq!(world.statuses("INVITE"), [183]);
    pracks(&mut world, 2, "");
    assert_eq!((world.statuses("PRACK"), world.statuses("INVITE")), (vec![200], vec![183, 200]));

    let (mut world, usage) = invited(22, "offer");
    respond(&mut world, usage, 180, None);
    let ringing = world.last_answer("INVITE");
    respond(&mut world, usage, 200, Some("answer"));
    assert_eq!(world.statuses("INVITE"), [180, 200]);
    let text = in_dialog_text(address(EVE), &ringing, "PRACK", 2, &rack(&ringing), "");
    world.inject(address(EVE), 0, &text);
    let stranger = in_dialog_text(address(EVE), &ringing, "PRACK", 3, "RAck: 7 1 INVITE\r\n", "");
    world.inject(address(EVE), 0, &stranger);
    world.run(MS(20));
    assert_eq!(world.statuses("PRACK"), [200, 481]);
}

/// SW-04, SW-05: a PRACK may bring a new offer once ours was an answer; its 2xx brings the answer, before that of the INVITE.
#[test]
fn sw_04_sw_05_a_prack_may_offer() {
    let (mut world, usage) = invited(23, "offer");
    respond(&mut world, usage, 183, Some("answer"));
    respond(&mut world, usage, 200, Some("answer"));
    pracks(&mut world, 2, "another offer");
    let Some(Event::SdpOffer { method: Method::Prack, body: Some(body), .. }) = world.events(0).last() else {
        panic!("{:?}", world.events(0))
    };
    assert_eq!(body, &Body::sdp("another offer"));
    assert!(!world.statuses("INVITE").contains(&200), "one after the other");
    let (stack, now) = world.stack(0);
    stack.respond_offer(now, usage, 200, Some(Body::sdp("another answer")));
    world.run(MS(20));
    assert_eq!(world.last_answer("PRACK").body(), b"another answer");
    assert_eq!(world.statuses("INVITE"), [183, 200]);
}

/// SW-04, SW-05: our reliable provisional answer to an INVITE without an offer brings ours, and the PRACK the answer.
#[test]
fn sw_04_sw_05_a_prack_answers_our_offer() {
    let (mut world, usage) = invited(24, "");
    assert!(world.stack(0).0.must_offer(usage));
    respond(&mut world, usage, 180, Some("our offer"));
    assert!(!world.stack(0).0.must_offer(usage));
    pracks(&mut world, 2, "their answer");
    let Some(Event::Acked { body: Some(body), .. }) = world.events(0).last() else { panic!() };
    assert_eq!(body, &Body::sdp("their answer"));
    respond(&mut world, usage, 200, None);
    world.inject(address(EVE), 0, &in_dialog_text(address(EVE), &world.last_answer("INVITE"), "ACK", 1, "", ""));
    assert!(matches!(world.events(0).last(), Some(Event::Acked { body: None, .. })));
    let (stack, now) = world.stack(0);
    stack.bye(now, usage, None);
    world.settle();
}

/// SW-05: an UPDATE before the answer is taken once a reliable provisional answer has settled the first offer, from either
/// side, and refused before (RFC 3311 5.2).
#[test]
fn sw_05_an_early_update_waits_for_a_settled_offer() {
    let (mut world, usage) = invited(25, "offer");
    respond(&mut world, usage, 183, Some("answer"));
    let ringing = world.last_answer("INVITE");
    let update = |cseq| in_dialog_text(address(EVE), &ringing, "UPDATE", cseq, "", "new offer");
    world.inject(address(EVE), 0, &update(2));
    pracks(&mut world, 3, "");
    world.inject(address(EVE), 0, &update(4));
    assert!(matches!(world.events(0).last(), Some(Event::SdpOffer { method: Method::Update, .. })));
    let (stack, now) = world.stack(0);
    stack.respond_offer(now, usage, 200, Some(Body::sdp("new answer")));
    world.run(MS(20));
    assert_eq!(world.statuses("UPDATE"), [500, 200]);

    let (mut world, usage, invite) = calling(26);
    let update = |cseq: u32| {
        let [from, to] = [Name::To, Name::From].map(|name| invite.header(name).unwrap());
        format!(
            "UPDATE sip:alice@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {BOB};branch=z9hG4bKu{cseq};rport\r\nMax-Forwards: 70\r\n\
             From: {from};tag=one\r\nTo: {to}\r\nCall-ID: {}\r\nCSeq: {cseq} UPDATE\r\n{CONTACT}\
             Content-Type: application/sdp\r\nContent-Length: 9\r\n\r\nnew offer",
            invite.call_id()
        )
    };
    world.inject(address(BOB), 0, &answer(&invite, 180, "one", CONTACT, ""));
    world.inject(address(BOB), 0, &update(1));
    world.inject(address(BOB), 0, &answer(&invite, 183, "one", &reliable(1), "answer"));
    world.inject(address(BOB), 0, &update(2));
    assert!(matches!(world.events(0).last(), Some(Event::SdpOffer { .. })));
    let (stack, now) = world.stack(0);
    stack.respond_offer(now, usage, 200, Some(Body::sdp("new answer")));
    world.run(MS(20));
    assert_eq!(world.statuses("UPDATE"), [491, 200]);
    // What was agreed on last stands, not what the branch said first.
    world.inject(address(BOB), 0, &answer(&invite, 200, "one", CONTACT, ""));
    assert!(matches!(world.events(0).last(), Some(Event::Answered { body: None, .. })));
}
