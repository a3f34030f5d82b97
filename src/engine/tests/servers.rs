use std::{net::SocketAddr, time::Duration};

use super::world::{CARRIER, World, centre};
use crate::{
    engine::Input,
    sip::{Event, Lookup, Reply, Server, Transport},
    switch::TrunkDestination,
};

fn secs(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// A carrier that is a name, with one server before the other.
fn named(seed: u64) -> (World, SocketAddr, SocketAddr) {
    let mut centre = centre();
    let destination = TrunkDestination { host: "carrier.example".to_owned(), port: None, transport: None };
    centre.trunks[0].destination = Some(destination.clone());
    let mut world = World::with(seed, centre);
    let asked = Lookup { host: "carrier.example".to_owned(), port: None, transport: None };
    assert_eq!(world.lookups, std::slice::from_ref(&asked), "a trunk's name is looked up before anybody calls");
    let (first, second) = (world.add_phone("127.0.0.1:5081", ""), CARRIER.parse().unwrap());
    let server = |address, priority| Server { transport: Transport::Udp, address, priority, weight: 1 };
    let servers = vec![server(first, 1), server(second, 2)];
    world.input(Input::Resolved { lookup: asked, servers, lasts: secs(60) });
    (world, first, second)
}

/// TK-05: a trunk's name leads to several servers: the next is tried when one is silent or says 503 (RFC 3263 4.3), not
/// when it gives the called's own answer; one that failed comes last for a while.
#[test]
fn tk_05_the_next_server_of_a_name_is_tried() {
    let (mut world, first, second) = named(310);
    let ana = world.phone("ana", 6001);
    world.dead.push(first);
    world.call(ana, "ana", "9000");
    assert!(world.incoming(second).is_none(), "the first is asked first");
    world.pass(secs(4));
    let (_, invite) = world.incoming(second).expect("the second in its place");
    assert_eq!(invite.uri_text(), Some("sip:9000@carrier.example"), "the name stays in the Request-URI");
    assert!(world.event(ana, |event| matches!(event, Event::Rejected { .. })).is_none());

    let rui = world.phone("rui", 6002);
    world.call(rui, "rui", "9000");
    let (usage, _) = world.incoming(second).expect("who failed just now comes last");
    world.respond(second, usage, Reply::new(486));
    assert_eq!(world.rejected(rui), Some(486), "that is an answer");

    // Until nothing of the first call is on its way any more.
    world.pass(secs(70));
    world.dead.clear();
    let eva = world.phone("eva", 6003);
    world.call(eva, "eva", "9000");
    let (usage, _) = world.incoming(first).expect("it is asked again");
    world.respond(first, usage, Reply::new(503));
    assert!(world.incoming(second).is_some());
    assert!(world.rejected(eva).is_none());
}

/// TK-05: names are looked up again when their time is over; an answer without servers takes away none.
#[test]
fn tk_05_names_are_looked_up_again() {
    let (mut world, first, _) = named(311);
    world.pass(secs(59));
    assert_eq!(world.lookups.len(), 1);
    world.pass(secs(2));
    assert_eq!(world.lookups.len(), 2);
    let lookup = world.lookups[0].clone();
    world.input(Input::Resolved { lookup, servers: Vec::new(), lasts: Duration::ZERO });
    let ana = world.phone("ana", 6001);
    world.call(ana, "ana", "9000");
    assert!(world.incoming(first).is_some());
    // What nobody asked for is not kept.
    let server = Server { transport: Transport::Udp, address: first, priority: 1, weight: 1 };
    let stranger = Lookup { host: "stranger.example".to_owned(), port: None, transport: None };
    world.input(Input::Resolved { lookup: stranger, servers: vec![server], lasts: secs(60) });
    assert_eq!(world.engine.servers.known(), 1);
}
