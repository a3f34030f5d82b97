//! The timers of RFC 3261 table 4, one by one, on the wire.

use std::time::Duration;

use crate::{
    sip::{
        Event, Party, Reply, Request, Transport,
        tests::world::{MS, World, address, answer, invite_text},
    },
    wire::sip::Method,
};

const HALVES: [u64; 7] = [0, 500, 1500, 3500, 7500, 15500, 31500];
const CAPPED: [u64; 11] = [0, 500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500];

fn times_of(world: &World, method: &str, request: bool) -> Vec<u64> {
    let fits = |m: &crate::wire::sip::Message| m.cseq().method.as_str() == method && m.is_request() == request;
    world.post.iter().zip(&world.times).filter(|((_, m), _)| fits(m)).map(|(_, at)| at - 5).collect()
}

fn options(world: &mut World) {
    let path = world.path(0, address("10.0.0.2:5060"));
    let party = Party::new("sip:x@y");
    let (stack, now) = world.stack(0);
    stack.request(now, Request::outside(Method::Options, path, "sip:bob@10.0.0.2", party.clone(), party));
}

/// Timers A and B: doubling, 64*T1; none of A over TCP.
#[test]
fn an_invite_is_repeated_and_given_up() {
    for (transport, expected) in [(Transport::Udp, &HALVES[..]), (Transport::Tcp, &[0])] {
        let mut world = World::new(1, 1, transport);
        world.call(address("10.0.0.2:5060"));
        world.run(MS(31_999));
        assert_eq!((times_of(&world, "INVITE", true), world.events(0).len()), (expected.to_vec(), 0));
        world.run(MS(2));
        assert!(matches!(world.events(0), [Event::Rejected { status: 408, .. }]));
        assert_eq!(world.counts()[0].transactions, 0);
    }
}

/// Timers E and F: doubling up to T2, 64*T1.
#[test]
fn another_request_is_repeated_up_to_t2_and_given_up() {
    for (transport, expected) in [(Transport::Udp, &CAPPED[..]), (Transport::Tcp, &[0])] {
        let mut world = World::new(1, 1, transport);
        options(&mut world);
        world.run(MS(32_001));
        assert_eq!(times_of(&world, "OPTIONS", true), expected);
        assert!(matches!(world.events(0), [Event::Response { status: 408, response: None, .. }]));
        assert_eq!(world.counts()[0].transactions, 0);
    }
}

/// A provisional answer stops A and B for good, and slows E to T2.
#[test]
fn a_provisional_answer_calms_the_caller() {
    let bob = address("10.0.0.2:5060");
    let mut world = World::new(1, 1, Transport::Udp);
    world.call(bob);
    options(&mut world);
    world.run(MS(600));
    let (invite, other) = (world.last_request("INVITE"), world.last_request("OPTIONS"));
    world.inject(bob, 0, &answer(&invite, 100, "", "", ""));
    world.inject(bob, 0, &answer(&other, 100, "", "", ""));
    world.run(MS(180_000));
    assert_eq!(times_of(&world, "INVITE", true), [0, 500]);
    assert_eq!(times_of(&world, "OPTIONS", true), [0, 500, 1500, 5500, 9500, 13500, 17500, 21500, 25500, 29500]);
    assert_eq!(world.counts()[0].transactions, 1, "an INVITE may ring for ever");
}

/// Timers D, K and M: how long an answered request stays, by answer and transport.
#[test]
fn an_answered_request_stays_for_stragglers() {
    let bob = address("10.0.0.2:5060");
    let cases = [
        (Transport::Udp, 486, 32_000, 5_000),
        (Transport::Tcp, 486, 0, 0),
        (Transport::Udp, 200, 32_000, 5_000),
        (Transport::Tcp, 200, 32_000, 0),
    ];
    for (transport, status, invite_stays, other_stays) in cases {
        let mut world = World::new(1, 1, transport);
        world.call(bob);
        options(&mut world);
        world.run(MS(20));
        let contact = "Contact: <sip:bob@10.0.0.2:5060>\r\n";
        world.inject(bob, 0, &answer(&world.last_request("INVITE"), status, "t", contact, ""));
        world.inject(bob, 0, &answer(&world.last_request("OPTIONS"), status, "t", "", ""));
        assert_eq!(world.sent_requests("ACK"), 0);
        let held = |world: &World| world.counts()[0].transactions;
        let mut left: Vec<u64> = Vec::new();
        for wait in [0, 4_999, 1 + TOGETHER, 26_999 - TOGETHER, 1 + TOGETHER] {
            world.run(MS(wait));
            left.push(held(&world) as u64);
        }
        let stay =
            |length: u64| [0, 4_999, 5_000 + TOGETHER, 31_999, 32_000 + TOGETHER].map(|at| u64::from(at < length));
        let expected: Vec<u64> = stay(invite_stays).iter().zip(stay(other_stays)).map(|(a, b)| a + b).collect();
        assert_eq!(left, expected, "{transport:?} {status}");
        assert_eq!(world.sent_requests("ACK"), 1);
    }
}

/// Stragglers are waited for a little longer than must be, so that many transactions end at once.
const TOGETHER: u64 = 66;

/// Timers G, H and I: a refused INVITE is told until its ACK, over UDP; then its stragglers are absorbed for T4.
#[test]
fn a_refusal_is_repeated_until_its_ack() {
    let eve = address("10.0.0.66:5060");
    for (transport, expected, confirmed) in [(Transport::Udp, &CAPPED[..], 5_000), (Transport::Tcp, &[0], 0)] {
        let mut world = World::new(1, 1, transport);
        let invite = invite_text(eve, "z9hG4bK1", "", "");
        world.inject(eve, 0, &invite);
        let usage = world.invited(0);
        let (stack, now) = world.stack(0);
        stack.respond(now, usage, Reply::new(486));
        world.run(MS(31_999));
        assert_eq!(times_of(&world, "INVITE", false), expected);
        assert_eq!(world.counts()[0].transactions, 1);
        world.run(MS(1 + TOGETHER));
        assert_eq!(world.counts()[0].transactions, 0);

        let mut world = World::new(1, 1, transport);
        world.inject(eve, 0, &invite);
        let usage = world.invited(0);
        let (stack, now) = world.stack(0);
        stack.respond(now, usage, Reply::new(486));
        world.run(MS(100));
        let to = world.last_answer("INVITE").header(crate::wire::sip::Name::To).unwrap().to_owned();
        let ack = invite.replace("INVITE", "ACK").replace("To: <sip:bob@10.0.0.1>", &format!("To: {to}"));
        world.inject(eve, 0, &ack);
        world.inject(eve, 0, &ack);
        world.run(Duration::from_millis(confirmed).saturating_sub(MS(1)));
        assert_eq!(world.counts()[0].transactions, u64::from(confirmed > 0) as usize);
        world.run(MS(1 + TOGETHER));
        assert_eq!(world.counts()[0].transactions, 0);
        assert_eq!(world.statuses("INVITE"), [486]);
    }
}

/// Timer J: an answered request is answered again the same for 64*T1 over UDP; over TCP it is gone at once.
#[test]
fn an_answer_is_kept_for_repetitions() {
    let eve = address("10.0.0.66:5060");
    for (transport, kept, events) in [(Transport::Udp, 1, 1), (Transport::Tcp, 0, 2)] {
        let mut world = World::new(1, 1, transport);
        let text = invite_text(eve, "z9hG4bK1", "", "").replace("INVITE", "OPTIONS");
        world.inject(eve, 0, &text);
        let Some(Event::Request { transaction, .. }) = world.events(0).first() else { panic!() };
        let transaction = *transaction;
        let (stack, now) = world.stack(0);
        stack.reply(now, transaction, Reply::new(200).header("X-Once", "1"));
        world.run(MS(31_000));
        assert_eq!(world.counts()[0].transactions, kept);
        world.inject(eve, 0, &text);
        assert_eq!(world.events(0).len(), events);
        world.run(MS(900));
        if transport == Transport::Udp {
            assert_eq!(world.post[0].1.bytes(), world.post[1].1.bytes());
            world.run(MS(200));
            assert_eq!(world.counts()[0].transactions, 0);
        }
    }
}

/// 100 goes out when nobody answered an INVITE for 200 ms, or when it comes again (17.2.1).
#[test]
fn an_invite_that_waits_is_told_so() {
    let eve = address("10.0.0.66:5060");
    let mut world = World::new(1, 1, Transport::Udp);
    let invite = invite_text(eve, "z9hG4bK1", "Timestamp: 54\r\n", "");
    world.inject(eve, 0, &invite);
    world.run(MS(199));
    assert!(world.post.is_empty());
    world.run(MS(10));
    assert_eq!(world.statuses("INVITE"), [100]);
    let trying = world.last_answer("INVITE");
    assert_eq!((trying.to_tag(), trying.header(crate::wire::sip::Name::Timestamp)), (None, Some("54")));
    world.inject(eve, 0, &invite);
    let usage = world.invited(0);
    let (stack, now) = world.stack(0);
    stack.respond(now, usage, Reply::new(180));
    world.inject(eve, 0, &invite);
    world.run(MS(300));
    assert_eq!(world.statuses("INVITE"), [100, 100, 180, 180]);
}
