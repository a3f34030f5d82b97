//! Trunks that are known by their certificate.

use std::{net::SocketAddr, time::Duration};

use super::world::{REALM, SWITCH, World, centre};
use crate::{
    base::{FlowId, Private},
    engine::{Centre, Direction, GateOrder, Input},
    sip::{Path, Transport},
    switch::{Source, TrunkCredentials, Upkeep},
    wire::sip::{Message, Method},
};

const FLOW: FlowId = FlowId(70);

/// Its calls come from anywhere.
fn certified() -> Centre {
    let mut centre = centre();
    centre.trunks[0].sources.clear();
    centre.trunks[0].certificate_names = vec!["sip.carrier.example".into(), "other.carrier.example".into()];
    centre
}

fn shows(world: &mut World, flow: FlowId, domain: &str) {
    world.input(Input::Certified {
        flow,
        source: [127, 0, 0, 1].into(),
        domains: vec!["x.example".into(), domain.into()],
    });
}

/// The first answer to a call to the queue that comes on a connection.
fn call(world: &mut World, number: u32, from: &str, flow: Option<FlowId>) -> Option<u16> {
    call_to(world, &format!("sip:800@{REALM}"), number, from, flow)
}

fn call_to(world: &mut World, uri: &str, number: u32, from: &str, flow: Option<FlowId>) -> Option<u16> {
    let remote: SocketAddr = "127.0.0.1:7777".parse().unwrap();
    let (transport, word) = if flow.is_some() { (Transport::Tls, "TLS") } else { (Transport::Udp, "UDP") };
    let text = format!(
        "INVITE {uri} SIP/2.0\r\nVia: SIP/2.0/{} {remote};branch=z9hG4bKc{number}\r\nMax-Forwards: 70\r\n\
         From: <{from}>;tag=f{number}\r\nTo: <sip:800@{REALM}>\r\nCall-ID: c{number}\r\nCSeq: 1 INVITE\r\n\
         Contact: <sip:x@{remote}>\r\nContent-Type: application/sdp\r\nContent-Length: 97\r\n\r\n\
         v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\na=sendrecv\r\n",
        word,
    );
    let text = text
        .replace("Content-Length: 97", &format!("Content-Length: {}", text.split_once("\r\n\r\n").unwrap().1.len()));
    let path = Path { transport, local: SWITCH.parse().unwrap(), remote, flow };
    world.sent.clear();
    world.input(Input::Sip { path, message: Message::parse(text.into()).unwrap() });
    let answers = world
        .sent
        .iter()
        .filter(|(to, message, _)| *to == remote && !message.is_request() && message.cseq().method == Method::Invite);
    answers.filter_map(|(_, message, _)| message.status()).find(|status| *status > 100)
}

/// SW-03, TK-02: whoever shows the certificate of a trunk is that trunk, whatever address he comes from, and as long as his
/// connection lives; others are strangers, and phones.
#[test]
fn sw_03_tk_02_a_trunk_is_known_by_its_certificate() {
    let mut world = World::with(460, certified());
    let number = "sip:+351210000009@carrier.example";
    assert_eq!(call(&mut world, 1, number, Some(FLOW)), Some(401), "no certificate");
    shows(&mut world, FLOW, "sip.carrier.example");
    assert_eq!(call(&mut world, 2, number, None), Some(401), "not on that connection");
    assert_eq!(call(&mut world, 3, number, Some(FlowId(71))), Some(401), "not on that one either");
    assert_eq!(call(&mut world, 4, &format!("sip:ana@{REALM}"), Some(FLOW)), Some(401), "a user proves himself");
    assert_eq!(call(&mut world, 5, number, Some(FLOW)), Some(200));
    assert_eq!(world.engine.counts().calls, 1);
    shows(&mut world, FlowId(72), "carrier.example");
    assert_eq!(call(&mut world, 6, number, Some(FlowId(72))), Some(401), "of another domain");
    world.input(Input::FlowClosed(FLOW));
    assert_eq!(call(&mut world, 7, number, Some(FLOW)), Some(401), "it is over");
    let begun = world.records.iter().filter(|record| record.direction == Direction::Inbound);
    assert!(begun.count() <= 1);
}

/// SW-03, TK-02: a trunk with sources and names is known by both together.
#[test]
fn sw_03_tk_02_names_and_sources_must_both_hold() {
    let number = "sip:+351210000009@carrier.example";
    for (network, expected) in [("10.0.0.0/8", 401), ("127.0.0.0/8", 200)] {
        let mut centre = certified();
        centre.trunks[0].sources = vec![Source { network: network.parse().unwrap(), port: None }];
        let mut world = World::with(461, centre);
        assert_eq!(call(&mut world, 1, number, Some(FLOW)), Some(401), "the address alone");
        shows(&mut world, FLOW, "other.carrier.example");
        assert_eq!(call(&mut world, 2, number, Some(FLOW)), Some(expected), "{network}");
    }
}

/// SW-03, TK-01: a call to what we registered at a carrier is its own, but where the carrier has a certificate that must be shown
/// as well: whoever carries a request reads the one.
#[test]
fn sw_03_tk_01_a_registration_is_no_certificate() {
    let number = "sip:+351210000009@carrier.example";
    for named in [true, false] {
        let mut centre = certified();
        let trunk = &mut centre.trunks[0];
        trunk.credentials =
            Some(TrunkCredentials { user: "acct".into(), password: Private::new("secret".into()), realm: None });
        trunk.upkeep = Upkeep { register: Some(Duration::from_secs(600)), health: None };
        if !named {
            trunk.certificate_names.clear();
        }
        let mut world = World::with(463, centre);
        world.pass(Duration::from_secs(1));
        let register = world.sent.iter().find(|(_, message, _)| message.method() == Some(&Method::Register));
        let contact = register.expect("a REGISTER").1.contacts().next().unwrap().unwrap().uri_text.to_owned();
        let alone = if named { 401 } else { 200 };
        assert_eq!(call_to(&mut world, &contact, 1, number, Some(FLOW)), Some(alone), "named: {named}");
        shows(&mut world, FLOW, "sip.carrier.example");
        assert_eq!(call_to(&mut world, &contact, 2, number, Some(FLOW)), Some(200));
    }
}

/// SW-19, SW-03: who guesses beside a trunk that has shown its certificate does not have its whole address banned.
#[test]
fn sw_19_sw_03_a_certified_trunk_is_at_home() {
    for (source, banned) in [([127, 0, 0, 9], false), ([127, 0, 0, 8], true)] {
        let mut world = World::with(462, certified());
        let domains = vec!["sip.carrier.example".into()];
        world.input(Input::Certified { flow: FLOW, source: source.into(), domains });
        let eve = world.add_phone("127.0.0.9:6668", "wrong");
        for number in 0..60 {
            world.register(eve, &format!("u{number}"));
        }
        let whole = world.gate.iter().any(|order| matches!(order, GateOrder::Ban { user: None, .. }));
        assert_eq!(whole, banned, "{source:?}");
    }
}
