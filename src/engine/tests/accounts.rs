//! Whom the passwords of our accounts at carriers answer.

use std::{net::SocketAddr, time::Duration};

use super::world::{CARRIER, World, centre};
use crate::{
    base::Private,
    engine::Input,
    sip::{Server, Transport},
    switch::{TrunkCredentials, TrunkDestination},
    wire::sip::{Message, Method, Name},
};

/// The carrier's server, which writes what it likes.
const SERVER: &str = "127.0.0.1:5999";
const ELSEWHERE: &str = "127.0.0.1:7999";

fn world(seed: u64, realm: Option<&str>) -> World {
    let mut centre = centre();
    let server: SocketAddr = SERVER.parse().unwrap();
    let (user, password) = ("acct".to_owned(), Private::new("secret".to_owned()));
    let trunk = &mut centre.trunks[0];
    trunk.credentials = Some(TrunkCredentials { user, password, realm: realm.map(str::to_owned) });
    trunk.destination =
        Some(TrunkDestination { host: server.ip().to_string(), port: Some(server.port()), transport: None });
    World::with(seed, centre)
}

fn last(world: &World, to: &str, method: &Method) -> Message {
    (*world.sent_to(to.parse().unwrap(), method).last().expect("a request")).clone()
}

fn count(world: &World, to: &str, method: &Method) -> usize {
    world.sent_to(to.parse().unwrap(), method).len()
}

fn answer(world: &mut World, from: &str, request: &Message, status: u16, more: &str) {
    let header = |name| request.header(name).unwrap_or_default();
    let text = format!(
        "SIP/2.0 {status} x\r\nVia: {}\r\nFrom: {}\r\nTo: {};tag=far\r\nCall-ID: {}\r\nCSeq: {}\r\n{more}",
        header(Name::Via),
        header(Name::From),
        header(Name::To).split(";tag").next().unwrap(),
        request.call_id(),
        header(Name::CSeq),
    );
    world.packet(from.parse().unwrap(), text.as_bytes());
}

fn challenge(world: &mut World, from: &str, request: &Message, realm: &str) {
    let more =
        format!("Proxy-Authenticate: Digest realm=\"{realm}\", nonce=\"n\", qop=\"auth\"\r\nContent-Length: 0\r\n\r\n");
    answer(world, from, request, 407, &more);
}

/// Whether a call of ana's that is challenged in this realm is tried again with a hash.
fn is_answered(world: &mut World, ana: SocketAddr, realm: &str) -> bool {
    let before = count(world, SERVER, &Method::Invite);
    world.call(ana, "ana", "9000");
    let invite = last(world, SERVER, &Method::Invite);
    challenge(world, SERVER, &invite, realm);
    let hashes = last(world, SERVER, &Method::Invite).header(Name::ProxyAuthorization).is_some();
    assert_eq!(count(world, SERVER, &Method::Invite) - before, if hashes { 2 } else { 1 });
    hashes
}

/// TK-03: a challenge that a carrier passes on from behind it, in a realm that is not its own, gets no hash.
#[test]
fn tk_03_a_challenge_in_another_realm_gets_no_hash() {
    let mut world = world(720, Some("carrier"));
    let ana = world.phone("ana", 6001);
    assert!(!is_answered(&mut world, ana, "evil"));
    assert!(is_answered(&mut world, ana, "carrier"));
    let mut world = self::world(721, None);
    let ana = world.phone("ana", 6001);
    assert!(is_answered(&mut world, ana, "first"));
    assert!(!is_answered(&mut world, ana, "evil"), "the one that was heard first counts");
    assert!(is_answered(&mut world, ana, "first"));
}

/// TK-03: the servers that a trunk's name leads to are its own, also those that it led to when a call began.
#[test]
fn tk_03_the_servers_of_a_name_are_answered() {
    let mut centre = centre();
    let (user, password) = ("acct".to_owned(), Private::new("secret".to_owned()));
    centre.trunks[0].credentials = Some(TrunkCredentials { user, password, realm: None });
    centre.trunks[0].destination =
        Some(TrunkDestination { host: "carrier.example".to_owned(), port: None, transport: None });
    let mut world = World::with(723, centre);
    let lookup = world.lookups[0].clone();
    let leads_to = |world: &mut World, to: &str| {
        let address = to.parse().unwrap();
        let servers = vec![Server { transport: Transport::Udp, address, priority: 1, weight: 1 }];
        world.input(Input::Resolved { lookup: lookup.clone(), servers, lasts: Duration::from_secs(60) });
    };
    leads_to(&mut world, SERVER);
    let ana = world.phone("ana", 6001);
    assert!(is_answered(&mut world, ana, "first"));
    world.call(ana, "ana", "9000");
    let invite = last(&world, SERVER, &Method::Invite);
    leads_to(&mut world, ELSEWHERE);
    let before = count(&world, SERVER, &Method::Invite);
    challenge(&mut world, SERVER, &invite, "first");
    assert_eq!(count(&world, SERVER, &Method::Invite), before + 1);
}

/// TK-03: a request inside a call goes where the far end's Contact says, and a challenge from there gets no hash.
#[test]
fn tk_03_a_challenge_from_elsewhere_gets_no_hash() {
    for (contact, hashes) in [(SERVER, true), (ELSEWHERE, false)] {
        let mut world = world(722, None);
        let ana = world.phone("ana", 6001);
        let call = world.call(ana, "ana", "9000");
        let invite = last(&world, SERVER, &Method::Invite);
        let carrier: SocketAddr = CARRIER.parse().unwrap();
        let body = world.phones[&carrier].offer();
        let more = format!(
            "Contact: <sip:x@{contact}>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{}",
            body.bytes.len(),
            String::from_utf8_lossy(&body.bytes),
        );
        answer(&mut world, SERVER, &invite, 200, &more);
        assert!(world.is_answered(ana));
        world.bye(ana, call);
        let bye = last(&world, contact, &Method::Bye);
        challenge(&mut world, contact, &bye, "first");
        let again = last(&world, contact, &Method::Bye);
        let given = again.header(Name::ProxyAuthorization).is_some();
        assert_eq!((given, count(&world, contact, &Method::Bye)), (hashes, 1 + usize::from(hashes)), "{contact}");
    }
}
