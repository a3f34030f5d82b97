use std::{net::SocketAddr, time::Duration};

use super::world::{CARRIER, SWITCH, World, centre};
use crate::{
    base::{FlowId, Instant, Private, TrunkGroupId, TrunkId},
    engine::{Alarm, Direction, GateOrder, Input},
    sip::{Event, Path, Reply, Transport, UsageId},
    switch::{
        Destination, Health, LegSide, Trunk, TrunkCredentials, TrunkGroup, TrunkLimits, TrunkLoad, TrunkMember, Upkeep,
    },
    wire::sip::{Message, Method, Name},
};

fn secs(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// A trunk that registers, and nothing else tells whose calls are its own.
fn registering(seed: u64) -> World {
    let mut centre = centre();
    let trunk = &mut centre.trunks[0];
    trunk.sources.clear();
    trunk.credentials =
        Some(TrunkCredentials { user: "acct".into(), password: Private::new("secret".into()), realm: None });
    trunk.upkeep = Upkeep { register: Some(secs(600)), health: None };
    let mut world = World::with(seed, centre);
    world.pass(secs(1));
    world
}

/// The REGISTER that waits at the carrier, answered.
fn registers(world: &mut World, reply: impl FnOnce(&Message) -> Reply) -> Option<Message> {
    let carrier: SocketAddr = CARRIER.parse().unwrap();
    let is_register =
        |event: &Event| matches!(event, Event::Request { request, .. } if request.method() == Some(&Method::Register));
    let Some(Event::Request { transaction, request, .. }) = world.event(carrier, is_register) else { return None };
    let reply = reply(&request);
    world.command(carrier, |stack, now| stack.reply(now, transaction, reply));
    Some(request)
}

/// Seconds until the carrier is sent a request.
fn until_asked(world: &mut World) -> u64 {
    let from = world.now.mono;
    let carrier: SocketAddr = CARRIER.parse().unwrap();
    while !world.phones[&carrier].events.iter().any(|event| matches!(event, Event::Request { .. })) {
        world.pass(secs(1));
    }
    world.now.mono.since(from).as_secs()
}

fn accepted(request: &Message) -> Reply {
    let contact = request.header(Name::Contact).unwrap().split(';').next().unwrap().to_owned();
    Reply::new(200).header("Contact", format!("{contact};expires=300"))
}

fn challenged(_: &Message) -> Reply {
    Reply::new(401).header("WWW-Authenticate", r#"Digest realm="carrier", nonce="n1", qop="auth", algorithm=MD5"#)
}

/// TK-01, TK-03: a trunk registers with its credentials, renews before it ends, and what comes to the registration is the
/// trunk's call, dialled as To says.
#[test]
fn tk_01_tk_03_a_trunk_registers() {
    let mut world = registering(70);
    let first = registers(&mut world, challenged).expect("a REGISTER");
    assert_eq!((first.uri_text(), first.header(Name::Authorization)), (Some("sip:127.0.0.1"), None));
    let second = registers(&mut world, accepted).expect("with credentials");
    assert!(second.header(Name::Authorization).unwrap().contains(r#"username="acct""#));
    assert_eq!((first.call_id(), first.cseq().number + 1), (second.call_id(), second.cseq().number));
    let view = &world.engine.trunk_views(world.now.wall)[0];
    assert!(view.registered_until.is_some() && view.registration == Some(200), "{view:?}");
    world.pass(secs(235));
    assert!(registers(&mut world, challenged).is_none(), "not yet");
    assert!((0..32).contains(&until_asked(&mut world)));
    let third = registers(&mut world, challenged).expect("before the 300 s are over");
    assert!(third.cseq().number > second.cseq().number && third.call_id() == second.call_id());
    registers(&mut world, accepted).expect("renewed");

    // A call from anywhere at the carrier's, to our registration.
    let other = world.add_phone("127.0.0.1:5099", "");
    let rui = world.phone("rui", 6002);
    let contact = third.contacts().next().unwrap().unwrap().uri_text.to_owned();
    let call = world.call_with(other, "351910000000", "x", None, |invite| {
        invite.uri = contact;
        invite.to = crate::sip::Party::new("sip:202@carrier.example");
    });
    world.answer(rui);
    assert!(world.event(other, |event| matches!(event, Event::Answered { .. })).is_some());
    world.command(other, |stack, now| stack.ack(now, call, None));
    world.bye(other, call);
    assert_eq!(world.records.last().map(|record| record.direction), Some(Direction::Inbound));
    // Another's guess is nobody.
    world.call_with(other, "351910000000", "0123456789abcdef", None, |_| {});
    assert!(matches!(world.rejected(other), Some(401 | 403)));
}

/// SW-18, SW-19, TK-01: where we are registered calls come from a trunk: the gate spares it as long as that lasts, and whoever
/// guesses there has it banned for nobody.
#[test]
fn sw_19_tk_01_a_registrar_is_spared() {
    let mut world = registering(78);
    let carrier: SocketAddr = CARRIER.parse().unwrap();
    registers(&mut world, accepted).expect("a REGISTER");
    let until = world.now.mono + secs(300);
    let spared = |order: &GateOrder| matches!(order, GateOrder::Known { remote, until: at } if *remote == carrier && until.since(*at) < secs(1));
    assert!(world.gate.iter().any(spared), "{:?}", world.gate);
    let eve = world.add_phone(&format!("{}:6668", carrier.ip()), "wrong");
    for number in 0..60 {
        world.register(eve, &format!("u{number}"));
        world.register(eve, "ana");
    }
    assert!(!world.gate.iter().any(|order| matches!(order, GateOrder::Ban { .. })), "{:?}", world.gate);
    let mut centre = centre();
    centre.trunks[0].sources = Vec::new();
    world.input(Input::Settings(Box::new(centre)));
    assert!(world.gate.contains(&GateOrder::Unknown { remote: carrier }), "no trunk registers there any more");
}

/// TK-01, TK-02: of two accounts at one carrier each has the calls to its own registration; those to neither are the first's.
#[test]
fn tk_01_tk_02_two_accounts_at_one_carrier() {
    let mut centre = centre();
    let first = &mut centre.trunks[0];
    assert!(!first.sources.is_empty());
    first.credentials =
        Some(TrunkCredentials { user: "acct".into(), password: Private::new("secret".into()), realm: None });
    first.upkeep = Upkeep { register: Some(secs(600)), health: None };
    let second = Trunk { id: TrunkId(2), name: "second".into(), ..first.clone() };
    centre.trunks.push(second);
    let mut world = World::with(80, centre);
    world.pass(secs(1));
    let carrier: SocketAddr = CARRIER.parse().unwrap();
    let rui = world.phone("rui", 6002);
    let mut contacts = Vec::new();
    for _ in 0..2 {
        let request = registers(&mut world, accepted).expect("a REGISTER");
        contacts.push(request.contacts().next().unwrap().unwrap().uri_text.to_owned());
    }
    let mut called = |contact: Option<&String>| {
        let call = world.call_with(carrier, "351910000000", "202", None, |invite| {
            invite.uri = contact.map_or(invite.uri.clone(), Clone::clone);
            invite.to = crate::sip::Party::new("sip:202@carrier.example");
        });
        world.answer(rui);
        assert!(world.event(carrier, |event| matches!(event, Event::Answered { .. })).is_some());
        world.command(carrier, |stack, now| stack.ack(now, call, None));
        world.bye(carrier, call);
        world.records.last().and_then(|record| record.trunk)
    };
    let mut trunks = [called(contacts.first()), called(contacts.last())];
    trunks.sort_unstable();
    assert_eq!((trunks, called(None)), ([Some(TrunkId(1)), Some(TrunkId(2))], Some(TrunkId(1))));
}

/// SEMANTICS 9, TK-01: who is registered from a carrier's own address stays known when no trunk is registered there any more.
#[test]
fn tk_01_a_phone_at_a_registrar_stays_known() {
    for phone_too in [true, false] {
        let mut world = registering(79);
        let carrier: SocketAddr = CARRIER.parse().unwrap();
        registers(&mut world, accepted).expect("a REGISTER");
        if phone_too {
            world.phones.get_mut(&carrier).unwrap().password = "pw-ana".into();
            world.register(carrier, "ana");
            assert_eq!(world.response(carrier), Some(200));
        }
        let mut centre = centre();
        centre.trunks[0].sources = Vec::new();
        world.input(Input::Settings(Box::new(centre)));
        assert_eq!(world.gate.contains(&GateOrder::Unknown { remote: carrier }), !phone_too, "{:?}", world.gate);
    }
}

/// SEMANTICS 9, TK-01: of two accounts at one registrar one is given up, and the address stays known for the other.
#[test]
fn tk_01_a_registrar_stays_known_for_another_account() {
    let mut centre = centre();
    let first = &mut centre.trunks[0];
    first.sources = Vec::new();
    first.credentials =
        Some(TrunkCredentials { user: "acct".into(), password: Private::new("secret".into()), realm: None });
    first.upkeep = Upkeep { register: Some(secs(600)), health: None };
    let second = Trunk { id: TrunkId(2), name: "second".into(), ..first.clone() };
    centre.trunks.push(second);
    let carrier: SocketAddr = CARRIER.parse().unwrap();
    for gone in [0, 1] {
        let mut world = World::with(81, centre.clone());
        world.pass(secs(1));
        registers(&mut world, accepted).expect("a REGISTER");
        registers(&mut world, accepted).expect("another");
        let mut one = centre.clone();
        one.trunks.remove(gone);
        world.input(Input::Settings(Box::new(one.clone())));
        assert!(!world.gate.contains(&GateOrder::Unknown { remote: carrier }), "{:?}", world.gate);
        one.trunks.clear();
        one.routes.retain(|route| !matches!(route.destination, Destination::Trunk(_)));
        world.input(Input::Settings(Box::new(one)));
        assert!(world.gate.contains(&GateOrder::Unknown { remote: carrier }), "{:?}", world.gate);
    }
}

/// TK-03: a nonce that was too old is replaced once more; wrong credentials are not tried again.
#[test]
fn tk_03_a_stale_nonce_is_renewed_once() {
    let stale = |nonce: &'static str| {
        move |_: &Message| {
            let value = format!(r#"Digest realm="carrier", nonce="{nonce}", qop="auth", stale=true"#);
            Reply::new(401).header("WWW-Authenticate", value)
        }
    };
    let mut world = registering(75);
    registers(&mut world, challenged).unwrap();
    registers(&mut world, stale("n2")).unwrap();
    let third = registers(&mut world, stale("n3")).expect("with the new nonce");
    assert!(third.header(Name::Authorization).unwrap().contains(r#"nonce="n2""#));
    assert_eq!(third.headers(Name::Authorization).count(), 1);
    assert!(registers(&mut world, accepted).is_none(), "enough");
    let mut world = registering(76);
    registers(&mut world, challenged).unwrap();
    registers(&mut world, challenged).unwrap();
    assert!(registers(&mut world, accepted).is_none(), "wrong is wrong");
}

/// TK-01: a carrier that says no is asked again later and later; what it says of the time is heeded.
#[test]
fn tk_01_a_refused_registration_backs_off() {
    let mut world = registering(71);
    let mut times = Vec::new();
    for _ in 0..4 {
        registers(&mut world, |_| Reply::new(503)).expect("a REGISTER");
        times.push(until_asked(&mut world));
    }
    assert!(times.windows(2).all(|pair| pair[1] >= pair[0] * 3 / 2) && (30..35).contains(&times[0]), "{times:?}");
    registers(&mut world, |_| Reply::new(423).header("Min-Expires", "1800"));
    let later = registers(&mut world, accepted);
    // Only the first failure in a row is followed at once.
    assert!(later.is_none());
    let mut world = registering(72);
    registers(&mut world, |_| Reply::new(423).header("Min-Expires", "1800")).unwrap();
    world.pass(secs(1));
    let longer = registers(&mut world, accepted).expect("at once");
    assert_eq!(longer.header(Name::Expires), Some("1800"));
}

/// TK-01: over a connection that has ended nobody calls us: the trunk registers anew, on another one, long before its time.
#[test]
fn tk_01_a_registration_ends_with_its_connection() {
    let carrier: SocketAddr = CARRIER.parse().unwrap();
    let mut world = registering(79);
    let is_request = |event: &Event| matches!(event, Event::Request { .. });
    let Some(Event::Request { request, .. }) = world.event(carrier, is_request) else { panic!("a REGISTER") };
    let line = |name: Name| format!("{}: {}\r\n", name.as_str(), request.header(name).unwrap());
    let head: String = [Name::Via, Name::From, Name::CallId, Name::CSeq, Name::Contact].map(line).concat();
    let to = request.header(Name::To).unwrap();
    let answer = format!("SIP/2.0 200 OK\r\n{head}To: {to};tag=c\r\nContent-Length: 0\r\n\r\n");
    let (local, flow) = (SWITCH.parse().unwrap(), Some(FlowId(7)));
    let path = Path { transport: Transport::Tcp, local, remote: carrier, flow };
    world.input(Input::Sip { path, message: Message::parse(answer.into()).unwrap() });
    assert_eq!(world.engine.trunk_views(world.now.wall)[0].registration, Some(200));
    world.input(Input::FlowClosed(FlowId(8)));
    world.pass(secs(20));
    assert!(world.event(carrier, is_request).is_none(), "that was another's");
    world.input(Input::FlowClosed(FlowId(7)));
    assert!((2..=5).contains(&until_asked(&mut world)));
    let again = registers(&mut world, accepted).unwrap();
    assert_eq!((again.call_id(), again.header(Name::Expires)), (request.call_id(), Some("600")));
}

/// TK-01: a trunk that is gone from the settings takes its registration back.
#[test]
fn tk_01_a_removed_trunk_unregisters() {
    let mut world = registering(73);
    registers(&mut world, accepted).unwrap();
    let mut without = centre();
    without.trunks.clear();
    without.routes.clear();
    world.input(Input::Settings(Box::new(without)));
    let last = registers(&mut world, accepted).expect("a last one");
    assert_eq!(last.header(Name::Expires), Some("0"));
    world.pass(secs(600));
    assert!(registers(&mut world, accepted).is_none() && world.engine.trunk_views(world.now.wall).is_empty());
}

/// TK-04: silence for long enough takes a trunk out, answers bring it back; nothing is sent to one that is out.
#[test]
fn tk_04_a_trunk_that_does_not_answer_gets_no_calls() {
    let carrier: SocketAddr = CARRIER.parse().unwrap();
    let mut centre = centre();
    centre.trunks[0].upkeep.health = Some(Health { every: secs(30), down_after: 3, up_after: 2 });
    let mut world = World::with(74, centre);
    let ana = world.phone("ana", 6001);
    let reachable = |world: &World| world.engine.trunk_views(world.now.wall)[0].reachable;
    world.pass(secs(90));
    assert_eq!(reachable(&world), Some(true));
    world.dead.push(carrier);
    world.pass(secs(72));
    assert_eq!(reachable(&world), Some(true), "two are not three");
    world.pass(secs(50));
    assert_eq!(reachable(&world), Some(false));
    let invites = world.sent_to(carrier, &Method::Invite).len();
    world.call(ana, "ana", "9000");
    assert_eq!((world.rejected(ana), world.sent_to(carrier, &Method::Invite).len()), (Some(503), invites));
    world.dead.clear();
    world.pass(secs(35));
    assert_eq!(reachable(&world), Some(false), "one is not two");
    world.pass(secs(30));
    assert_eq!(reachable(&world), Some(true));
    world.call(ana, "ana", "9000");
    assert!(world.incoming(carrier).is_some());
    let told: Vec<bool> = world
        .alarms
        .iter()
        .filter_map(|alarm| match alarm {
            Alarm::Trunk { up, .. } => Some(*up),
            _ => None,
        })
        .collect();
    assert_eq!(told, [false, true]);
}

/// A centre with three carriers behind 9000: one first, of the other two one by chance.
fn three(seed: u64) -> (World, SocketAddr, [SocketAddr; 3]) {
    let mut centre = centre();
    let first = centre.trunks[0].clone();
    for (id, port) in [(2, 5081), (3, 5082)] {
        let mut trunk = first.clone();
        (trunk.id, trunk.name) = (TrunkId(id), format!("carrier{id}"));
        trunk.destination.as_mut().unwrap().port = Some(port);
        trunk.sources[0].port = Some(port);
        centre.trunks.push(trunk);
    }
    let member = |id, priority| TrunkMember { trunk: TrunkId(id), priority, weight: 1 };
    let members = vec![member(2, 2), member(1, 1), member(3, 2)];
    centre.trunk_groups.push(TrunkGroup { id: TrunkGroupId(1), name: "out".into(), members });
    centre.routes[0].destination = Destination::Trunks(TrunkGroupId(1));
    let mut world = World::with(seed, centre);
    let carriers = [CARRIER, "127.0.0.1:5081", "127.0.0.1:5082"].map(|address| world.add_phone(address, ""));
    let ana = world.phone("ana", 6001);
    (world, ana, carriers)
}

/// The carrier that is asked, among those whose turn it may be.
fn asked(world: &mut World, carriers: &[SocketAddr]) -> Option<(SocketAddr, UsageId)> {
    carriers.iter().find_map(|carrier| world.incoming(*carrier).map(|(usage, _)| (*carrier, usage)))
}

/// TK-05: the next carrier is tried when one can't, not when the called number itself said no.
#[test]
fn tk_05_a_call_leaves_by_the_next_carrier() {
    let failures = [Some(500), Some(503), Some(408), None];
    for first in failures {
        let (mut world, ana, carriers) = three(80);
        let call = world.call(ana, "ana", "9000");
        let (carrier, usage) = asked(&mut world, &carriers).expect("a carrier is asked");
        assert_eq!(carrier, carriers[0], "the first priority");
        match first {
            Some(status) => world.respond(carrier, usage, Reply::new(status)),
            None => {
                // It says nothing at all.
                world.dead.push(carrier);
                world.pass(secs(2));
                assert!(asked(&mut world, &carriers[1..]).is_none(), "not before its time");
                world.pass(secs(2));
            }
        }
        let (second, usage) = asked(&mut world, &carriers[1..]).expect("one of the others");
        world.respond(second, usage, Reply::new(502));
        let (third, usage) = asked(&mut world, &carriers[1..]).expect("the last one");
        assert_ne!(second, third);
        let body = world.phones[&third].offer();
        world.respond(third, usage, Reply::new(200).body(body));
        assert!(world.is_answered(ana), "{first:?}");
        world.bye(ana, call);
        let record = world.records.last().unwrap();
        assert_eq!((record.legs.len(), record.trunk), (4, Some(TrunkId(if third == carriers[1] { 2 } else { 3 }))));
        world.dead.clear();
        world.assert_nothing_left();
    }
    for (status, rings) in [(486, false), (404, false), (603, false), (480, true), (503, true)] {
        let (mut world, ana, carriers) = three(81);
        world.call(ana, "ana", "9000");
        let (carrier, usage) = asked(&mut world, &carriers).unwrap();
        if rings {
            world.respond(carrier, usage, Reply::new(180));
        }
        world.respond(carrier, usage, Reply::new(status));
        let next = asked(&mut world, &carriers).is_some();
        // Only the carrier's own trouble is tried elsewhere, and nobody is rung twice.
        assert!(!next, "{status}");
        assert_eq!(world.rejected(ana), Some(status));
    }
}

/// TK-05: where nobody listens (ICMP) the next carrier is asked at once; when all fail the caller learns of it.
#[test]
fn tk_05_the_last_refusal_is_the_callers() {
    let (mut world, ana, carriers) = three(82);
    world.call(ana, "ana", "9000");
    assert!(asked(&mut world, &carriers[..1]).is_some());
    world.input(Input::Unreachable { transport: Transport::Udp, remote: carriers[0] });
    for _ in 0..2 {
        let (carrier, usage) = asked(&mut world, &carriers[1..]).expect("the next");
        world.respond(carrier, usage, Reply::new(503));
    }
    assert_eq!(world.rejected(ana), Some(503));
    assert_eq!(world.records.last().map(|record| record.legs.len()), Some(4));
    world.assert_nothing_left();
}

/// TK-09: calls out, calls in and calls a second have limits of their own; what a trunk of a group can't carry, the next
/// one does.
#[test]
fn tk_09_a_trunk_carries_no_more_than_it_may() {
    let carrier: SocketAddr = CARRIER.parse().unwrap();
    let limited = |limits: TrunkLimits| {
        let mut centre = centre();
        centre.trunks[0].limits = limits;
        let mut world = World::with(83, centre);
        let phones = [world.phone("ana", 6001), world.phone("rui", 6002)];
        world.pass(secs(2));
        (world, phones)
    };
    let none = TrunkLimits::default();
    let (mut world, [ana, rui]) = limited(TrunkLimits { calls_out: Some(1), ..none });
    let first = world.call(ana, "ana", "9000");
    world.call(rui, "rui", "9000");
    assert_eq!(world.rejected(rui), Some(503));
    world.call(carrier, "351910000000", "rui");
    assert!(world.incoming(rui).is_some(), "the other way is free");
    world.cancel(ana, first);
    let (usage, _) = world.incoming(carrier).unwrap();
    world.respond(carrier, usage, Reply::new(180));
    world.call(rui, "rui", "9000");
    assert!(world.rejected(rui).is_none(), "free again");

    let (mut world, [_, rui]) = limited(TrunkLimits { calls_in: Some(1), ..none });
    world.call(carrier, "351910000000", "rui");
    world.call(carrier, "351910000001", "rui");
    assert_eq!((world.rejected(carrier), world.sent_to(rui, &Method::Invite).len()), (Some(503), 1));

    let (mut world, [ana, rui]) = limited(TrunkLimits { per_second: Some(1), ..none });
    world.call(ana, "ana", "9000");
    world.call(rui, "rui", "9000");
    assert_eq!((world.rejected(ana), world.rejected(rui)), (None, Some(503)));
    world.pass(secs(1));
    world.call(rui, "rui", "9000");
    assert!(world.rejected(rui).is_none());
}

/// TK-09: never more begin in any second than `calls_per_second` allows, wherever that second begins.
#[test]
fn tk_09_no_second_has_more_calls_than_the_limit() {
    let limits = TrunkLimits { per_second: Some(2), ..TrunkLimits::default() };
    let trunk = Trunk { limits, calls_max: None, ..centre().trunks.remove(0) };
    let mut load = TrunkLoad::default();
    let mut begun: Vec<u64> = Vec::new();
    for step in 0..2_000 {
        let millis = 610 + step * 13;
        let now = Instant::from_micros(millis * 1_000);
        if load.has_room(now, &trunk, LegSide::Called) {
            load.take(now, trunk.id, LegSide::Called);
            begun.push(millis);
        }
    }
    assert!(begun.windows(3).all(|three| three[2] - three[0] >= 1_000), "{begun:?}");
    assert!(begun.len() >= 2 * 24, "and what it allows is let through: {}", begun.len());
    for _ in 0..5 {
        load.resume(trunk.id, LegSide::Called);
    }
    let later = Instant::from_micros(60_000_000);
    assert!(load.has_room(later, &trunk, LegSide::Called), "who talks on from before begins nothing");
}

/// TK-01: the way that a carrier's registrar tells (RFC 3608) is the way that calls to it take.
#[test]
fn tk_01_a_carriers_service_route_is_taken() {
    let mut world = registering(78);
    registers(&mut world, |request| accepted(request).header("Service-Route", "<sip:edge.carrier.example;lr>"))
        .unwrap();
    let ana = world.phone("ana", 6001);
    world.call(ana, "ana", "9000");
    let carrier: SocketAddr = CARRIER.parse().unwrap();
    let sent = world.sent_to(carrier, &Method::Invite);
    assert_eq!(sent[0].header(Name::Route), Some("<sip:edge.carrier.example;lr>"));
}
