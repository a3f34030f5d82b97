//! Messages that cross, repeat themselves or never come.

use std::{net::SocketAddr, time::Duration};

use super::world::{CARRIER, World, centre};
use crate::{
    base::Private,
    engine::Input,
    sip::{Event, Reply},
    switch::{Cause, TrunkCredentials},
    wire::sip::{Method, Name},
};

fn carrier() -> SocketAddr {
    CARRIER.parse().unwrap()
}

/// SW-05: both sides offer at once: one gives way and both are answered in the end.
#[test]
fn sw_05_glare_is_settled() {
    let mut world = World::new(80);
    let (ana, rui) = (world.phone("ana", 6001), world.phone("rui", 6002));
    let ana_usage = world.call(ana, "ana", "rui");
    let rui_usage = world.answer(rui);
    let now = world.now;
    for (at, usage) in [(ana, ana_usage), (rui, rui_usage)] {
        let hold = world.phones[&at].describe(&[0], 96, "sendonly");
        world.phones.get_mut(&at).unwrap().stack.reinvite(now, usage, Some(hold));
    }
    world.settle();
    world.pass(Duration::from_secs(5));
    for at in [ana, rui] {
        let answered = world.event(at, |event| matches!(event, Event::OfferAnswered { status: 200, .. }));
        assert!(answered.is_some(), "{at}: each leg is negotiated by itself");
    }
    world.bye(ana, ana_usage);
    world.assert_nothing_left();
}

/// Both hang up in the same moment.
#[test]
fn byes_may_cross() {
    let mut world = World::new(81);
    let (ana, rui) = (world.phone("ana", 6001), world.phone("rui", 6002));
    let ana_usage = world.call(ana, "ana", "rui");
    let rui_usage = world.answer(rui);
    let now = world.now;
    for (at, usage) in [(ana, ana_usage), (rui, rui_usage)] {
        world.phones.get_mut(&at).unwrap().stack.bye(now, usage, None);
    }
    world.settle();
    assert_eq!(world.records.len(), 1);
    world.assert_nothing_left();
}

/// A phone that is pulled out of the wall: the call ends when nothing answers our BYE, and the record is there.
#[test]
fn a_phone_that_vanished_leaves_nothing_behind() {
    let mut world = World::new(82);
    let (ana, rui) = (world.phone("ana", 6001), world.phone("rui", 6002));
    let ana_usage = world.call(ana, "ana", "rui");
    world.answer(rui);
    world.dead.push(rui);
    world.bye(ana, ana_usage);
    assert_eq!(world.records.len(), 1);
    world.assert_nothing_left();
}

/// The network says that nobody is there: the next device, or the caller, is told at once.
#[test]
fn an_unreachable_device_is_known_at_once() {
    let mut world = World::new(83);
    let (ana, rui) = (world.phone("ana", 6001), world.phone("rui", 6002));
    world.dead.push(rui);
    world.call(ana, "ana", "rui");
    world.input(Input::Unreachable { transport: crate::sip::Transport::Udp, remote: rui });
    assert!(world.rejected(ana).is_some());
    assert_eq!(world.records[0].legs.len(), 2);
}

/// Spoofed requests hit no dialog: 481, and the call lives.
#[test]
fn a_guessed_bye_ends_nothing() {
    let mut world = World::new(84);
    let (ana, rui) = (world.phone("ana", 6001), world.phone("rui", 6002));
    let usage = world.call(ana, "ana", "rui");
    world.answer(rui);
    let call_id = world.phones[&ana].stack.call_id(usage).unwrap().to_owned();
    let packet = format!(
        "BYE sip:ana@127.0.0.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:6666;branch=z9hG4bKx\r\nMax-Forwards: 70\r\n\
         From: <sip:ana@strowger.test>;tag=0000000000000000\r\nTo: <sip:rui@strowger.test>;tag=1111111111111111\r\n\
         Call-ID: {call_id}\r\nCSeq: 9 BYE\r\nContent-Length: 0\r\n\r\n"
    );
    world.packet("127.0.0.1:6666".parse().unwrap(), packet.as_bytes());
    let (_, reply, _) = world.sent.last().unwrap();
    assert_eq!(reply.status(), Some(481));
    assert!(!world.is_ended(ana) && !world.is_ended(rui));
}

/// Our credentials answer the trunk's challenge, once; a trunk that goes on challenging is a 503 for the caller.
#[test]
fn tk_02_a_trunk_may_challenge_once() {
    for right in [true, false] {
        let mut centre = centre();
        centre.trunks[0].credentials =
            Some(TrunkCredentials { user: "us".to_owned(), password: Private::new("secret".to_owned()), realm: None });
        let mut world = World::with(85, centre);
        let ana = world.phone("ana", 6001);
        world.call(ana, "ana", "9000");
        let challenge = "Digest realm=\"carrier\", nonce=\"n1\", algorithm=MD5, qop=\"auth\"";
        let (usage, first) = world.incoming(carrier()).unwrap();
        assert!(first.header(Name::ProxyAuthorization).is_none());
        world.respond(carrier(), usage, Reply::new(407).header("Proxy-Authenticate", challenge));
        let (usage, second) = world.incoming(carrier()).expect("with credentials");
        let given = second.header(Name::ProxyAuthorization).expect("an answer");
        assert!(given.contains("username=\"us\"") && !given.contains("secret"));
        if right {
            let body = world.phones[&carrier()].offer();
            world.respond(carrier(), usage, Reply::new(200).body(body));
            assert!(world.is_answered(ana));
        } else {
            world.respond(carrier(), usage, Reply::new(407).header("Proxy-Authenticate", challenge));
            assert_eq!(world.rejected(ana), Some(503), "no loop, and no challenge passed on");
            world.assert_nothing_left();
        }
    }
}

/// Rule 16b: the agent hangs up before the customer's media is settled; the customer keeps his place.
#[test]
fn rt_09_an_agent_who_leaves_before_the_bridge() {
    let mut world = World::new(86);
    let (eva, max) = (world.phone("eva", 6003), world.phone("max", 6004));
    // A late offer: there is no media before the ACK, and this ACK is slow.
    let call = world.call_with(carrier(), "+351210000001", "800", None, |_| {});
    let usage = world.answer(eva);
    assert_eq!(world.joins(), 0);
    world.bye(eva, usage);
    assert!(!world.is_ended(carrier()), "the customer stays");
    let answer = world.phones[&carrier()].offer();
    world.command(carrier(), |stack, now| stack.ack(now, call, Some(answer)));
    assert!(world.incoming(max).is_some() || world.incoming(eva).is_some(), "and is offered again");
    world.bye(carrier(), call);
    world.assert_nothing_left();
}

/// The carrier repeats its INVITE and its BYE: one call, one record.
#[test]
fn repeated_requests_are_one() {
    let mut world = World::new(87);
    let ana = world.phone("ana", 6001);
    let call = world.call(carrier(), "+351210000001", "201");
    world.pass(Duration::from_millis(1_600));
    let invites = world.sent_to(ana, &Method::Invite);
    assert!(invites.iter().all(|invite| invite.call_id() == invites[0].call_id()), "one dialog");
    world.answer(ana);
    world.bye(carrier(), call);
    assert_eq!(world.records.len(), 1);
    assert_eq!(world.records[0].cause, Cause::NORMAL);
    world.assert_nothing_left();
}

/// Trunks have so many lines and no more.
#[test]
fn tk_02_a_full_trunk_refuses() {
    let mut centre = centre();
    centre.trunks[0].calls_max = Some(2);
    let mut world = World::with(88, centre);
    let ana = world.phone("ana", 6001);
    world.call(carrier(), "+351210000001", "800");
    world.call(ana, "ana", "9000");
    assert!(world.incoming(carrier()).is_some());
    world.call(carrier(), "+351210000002", "800");
    assert_eq!(world.rejected(carrier()), Some(503));
    let ana_again = world.call(ana, "ana", "9000");
    let _ = ana_again;
    assert_eq!(world.rejected(ana), Some(503));
}
