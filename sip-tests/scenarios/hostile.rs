//! Strangers, forgers and floods. What they send changes nothing for anybody else.

use std::net::SocketAddr;

use strowger::acd::Status;

use super::{caller, talking};
use crate::sim::{Voice, World, secs};

const STRANGER: &str = "203.0.113.66:5060";

fn stranger() -> SocketAddr {
    STRANGER.parse().unwrap()
}

fn request(method: &str, uri: &str, rest: &str) -> String {
    format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {STRANGER};branch=z9hG4bK{rest_hash};rport\r\nMax-Forwards: 70\r\n\
         {rest}Contact: <sip:x@{STRANGER}>\r\nContent-Length: 0\r\n\r\n",
        rest_hash = rest.len() * 31 + uri.len() + method.len()
    )
}

/// A BYE with everything but the tags, and one with everything but our tag: the call lives.
#[test]
fn a_forged_bye_ends_nothing() {
    let world = World::seed(170);
    let ana = world.agent("ana").ready();
    let call = talking(&world, &ana);
    let (id, theirs, ours) = call.with(|call| call.secrets());
    for (from, to) in [("guess", "guess"), (theirs.as_str(), "guess"), ("guess", ours.as_str())] {
        for method in ["BYE", "INVITE", "UPDATE", "INFO"] {
            let rest = format!(
                "From: <sip:a@b>;tag={from}\r\nTo: <sip:c@d>;tag={to}\r\nCall-ID: {id}\r\nCSeq: 9 {method}\r\n"
            );
            world.forges(stranger(), &request(method, "sip:10.0.0.1", &rest));
        }
    }
    for cseq in [1, 2, 3] {
        let rest = format!("From: <sip:a@b>;tag={theirs}\r\nTo: <sip:c@d>\r\nCall-ID: {id}\r\nCSeq: {cseq} CANCEL\r\n");
        world.forges(stranger(), &request("CANCEL", "sip:+351210000001@10.0.0.1", &rest));
    }
    world.run_for(secs(5));
    assert!(call.is_up() && world.hear_each_other(&call, &ana));
    call.hangs_up();
    world.settle();
}

/// SW-07: a stranger's RTP is neither heard nor answered.
#[test]
fn a_strangers_voice_is_not_heard() {
    let world = World::seed(171);
    let ana = world.agent("ana").ready();
    let call = talking(&world, &ana);
    let ports = [&call, &ana.call()].map(|call| call.with(|call| call.media.remote.unwrap()));
    let shout = Voice::STRANGER;
    for step in 0..200_u16 {
        for port in ports {
            let mut packet = vec![0x80, 0];
            packet.extend((step + 7_000).to_be_bytes());
            packet.extend((u32::from(step) * 160).to_be_bytes());
            packet.extend([1, 2, 3, 4]);
            packet.extend(crate::sim::mu_law(shout, u64::from(step) * 160));
            world.injects("203.0.113.66:40000".parse().unwrap(), port, packet);
        }
        world.run_for(crate::sim::millis(20));
    }
    assert!(world.hear_each_other(&call, &ana));
    for side in [&call, &ana.call()] {
        assert!(world.is_spared(side, Voice::STRANGER));
        assert_eq!(side.with(|call| call.media.ear.sources.len()), 1);
    }
    call.hangs_up();
    world.settle();
    let counted: u64 = world.records()[0].legs.iter().filter_map(|leg| leg.quality.as_ref()).map(|q| q.strangers).sum();
    assert!(counted >= 350, "strangers are counted: {counted}");
}

/// TK-02: a stranger gets no call out, nor a trunk's caller, nor a user with a wrong password.
#[test]
fn nobody_calls_out_who_may_not() {
    let world = World::seed(172);
    let _ana = world.agent("ana").ready();
    let carrier = world.carrier();
    let thief = world.bare_phone("thief");
    let liar = world.bare_phone("ana");
    liar.set_password("wrong");
    let calls = [thief.calls("9+19005550100"), liar.calls("9+19005550100"), thief.calls("800"), thief.calls("ana")];
    world.run_for(secs(5));
    for call in &calls {
        assert!(call.is_over() && matches!(call.status(), Some(401 | 403 | 407)), "{:?}", call.status());
    }
    let around = [carrier.calls("9+19005550100"), carrier.calls("+19005550100")];
    world.run_for(secs(5));
    for call in &around {
        assert!(call.is_over() && matches!(call.status(), Some(403 | 404)), "{:?}", call.status());
    }
    assert_eq!(carrier.requests_of("INVITE"), 0, "nothing went out");
    world.settle();
}

/// A registration in another's name changes nothing.
#[test]
fn nobody_registers_for_another() {
    let world = World::seed(173);
    let ana = world.agent("ana").ready();
    let thief = world.bare_phone("ana");
    thief.set_password("wrong");
    thief.registers();
    world.run_for(secs(3));
    assert!(matches!(thief.registered(), Some(401 | 403)));
    let call = talking(&world, &ana);
    assert!(thief.requests_of("INVITE") == 0);
    call.hangs_up();
    world.settle();
}

/// Floods of every kind, and right after them a call that is served as ever; nothing of them is left.
#[test]
fn a_flood_leaves_nothing_behind() {
    let world = World::seed(174);
    let ana = world.agent("ana").ready();
    for number in 0..1_500 {
        let rest = |method: &str| {
            format!(
                "From: <sip:u{number}@x>;tag=t{number}\r\nTo: <sip:{number}@10.0.0.1>\r\nCall-ID: flood{number}\r\n\
                 CSeq: 1 {method}\r\n"
            )
        };
        let method = ["OPTIONS", "REGISTER", "INVITE", "BYE", "SUBSCRIBE", "FOO"][number % 6];
        let text = format!(
            "{method} sip:{number}@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {STRANGER};branch=z9hG4bKf{number};rport\r\n\
             Max-Forwards: 70\r\n{}Contact: <sip:x@{STRANGER}>\r\nContent-Length: 0\r\n\r\n",
            rest(method)
        );
        world.forges(stranger(), &text);
        world.forges(stranger(), "not SIP at all\r\n\r\n");
    }
    world.run_for(secs(1));
    let before = world.clock();
    let call = talking(&world, &ana);
    assert!(world.clock().since(before) < secs(4));
    call.hangs_up();
    world.settle();
    assert_eq!(world.snapshot().counts.bindings, 1);
}

/// Max-Forwards of zero is not passed on; the switch itself still answers.
#[test]
fn max_forwards_is_honoured() {
    let world = World::seed(175);
    let ana = world.agent("ana").ready();
    let call = world.carrier().calls_with("+351210000001", false, "Max-Forwards: 0\r\n");
    world.run_for(secs(2));
    assert!(!ana.is_ringing(), "two Max-Forwards, or none left: it goes no further");
    assert!(call.is_over());
    world.settle();
    assert_eq!(ana.status(), Status::Ready);
    let call = caller(&world);
    call.hangs_up();
    world.settle();
}
