//! Numbers that are only forwarded (SW-02, `mode = "proxy"`).

use std::{net::SocketAddr, time::Duration};

use super::world::{CARRIER, REALM, SWITCH, World, centre};
use crate::{
    base::{FlowId, TrunkGroupId, TrunkId, Wall},
    engine::{Centre, Direction, Entry, Input},
    sip::{Event, Path, Reply, Transport},
    switch::{
        Cause, Destination, EndedBy, LegParty, LegSide, Mode, Side, Trunk, TrunkDestination, TrunkGroup, TrunkMember,
    },
    wire::sip::{Message, Method, Name},
};

const OTHER: &str = "127.0.0.1:5081";

fn carrier() -> SocketAddr {
    CARRIER.parse().unwrap()
}

/// Calls to 9000 are forwarded to the carrier.
fn forwarding() -> Centre {
    let mut centre = centre();
    centre.routes.iter_mut().filter(|route| route.pattern.as_str() == "9000").for_each(|route| {
        route.mode = Mode::Proxy;
    });
    centre
}

/// SW-02: a route's call goes through as it is: who asked is known, nothing of our secrets goes along, and it is no call of
/// ours, without a port.
#[test]
fn sw_02_a_route_is_forwarded() {
    let mut world = World::with(440, forwarding());
    let ana = world.phone("ana", 6001);
    let call = world.call(ana, "ana", "9000");
    let (at_carrier, request) = world.incoming(carrier()).expect("it rings there");
    assert_eq!(request.uri_text(), Some("sip:9000@127.0.0.1:5080"));
    assert!(request.header(Name::From).unwrap().contains(&format!("sip:ana@{REALM}")));
    assert!(request.header(Name::Authorization).is_none(), "that was for us");
    assert_eq!(request.body(), &world.phones[&ana].offer().bytes[..], "they talk without us");
    assert!(request.headers(Name::RecordRoute).all(|route| route.contains(SWITCH)));
    assert_eq!(world.engine.switch.counts().calls, 0);
    world.respond(carrier(), at_carrier, Reply::new(180));
    let answer = world.phones[&carrier()].offer();
    world.respond(carrier(), at_carrier, Reply::new(200).body(answer));
    assert!(world.is_answered(ana));
    world.bye(ana, call);
    assert!(world.is_ended(carrier()));
    let counts = world.engine.counts();
    assert_eq!((counts.calls_forwarded, counts.calls_begun), (1, 0));
    world.assert_nothing_left();
    assert_eq!((world.engine.counts().forwarding, world.engine.forwarded.len()), (0, 0));
}

/// SW-02, OP-01: nobody is told a way of ours before the journal has the key that seals it, not by a copy of the INVITE either.
#[test]
fn sw_02_op_01_the_key_of_a_way_is_kept_before_it_is_told() {
    let mut world = World::with(448, forwarding());
    let ana = world.phone("ana", 6001);
    world.dead.push(carrier());
    world.call(ana, "ana", "9000");
    world.pass(Duration::from_secs(2));
    let is_key = |entry: &Entry| matches!(entry, Entry::WayKey(_));
    let kept = world.journal.iter().find(|(_, entry)| is_key(entry)).map(|(id, _)| *id);
    let is_copy = |message: &&(SocketAddr, Message, Option<crate::engine::EntryId>)| {
        message.0 == carrier() && message.1.method() == Some(&Method::Invite)
    };
    let waits: Vec<_> = world.sent.iter().filter(is_copy).map(|(.., after)| *after).collect();
    assert!(kept.is_some() && waits.len() >= 2 && waits.iter().all(|after| *after == kept), "{kept:?} {waits:?}");
}

/// SW-02, AP-05: a forwarded call has a record like any other: who called whom, where it went, when it rang, was answered and
/// ended, whoever hung up; one that nobody took has one too, and says why.
#[test]
fn sw_02_ap_05_a_forwarded_call_has_a_record() {
    for caller_leaves in [true, false] {
        let mut world = World::with(445, forwarding());
        let ana = world.phone("ana", 6001);
        let call = world.call(ana, "ana", "9000");
        let (at_carrier, _) = world.incoming(carrier()).expect("it rings there");
        world.pass(Duration::from_secs(1));
        world.respond(carrier(), at_carrier, Reply::new(180));
        world.pass(Duration::from_secs(2));
        let answer = world.phones[&carrier()].offer();
        world.respond(carrier(), at_carrier, Reply::new(200).body(answer));
        assert!(world.is_answered(ana) && world.records.is_empty());
        world.pass(Duration::from_secs(5));
        if caller_leaves {
            world.bye(ana, call);
        } else {
            world.bye(carrier(), at_carrier);
        }
        let [record] = &world.records[..] else { panic!("{:?}", world.records) };
        assert_eq!((record.direction, record.trunk), (Direction::Outbound, Some(TrunkId(1))));
        assert_eq!((record.caller.reveal().as_str(), record.dialled.reveal().as_str()), ("201", "9000"));
        let of = |at: Option<Wall>| at.map(|at| (at.since(record.began).as_millis() + 500) / 1_000);
        assert_eq!((of(record.answered), of(record.connected), of(Some(record.ended))), (Some(3), Some(3), Some(8)));
        assert_eq!((record.cause, record.ended_by), (Cause::NORMAL, EndedBy::Peer));
        let [from, to] = &record.legs[..] else { panic!("{:?}", record.legs) };
        assert_eq!((from.side, from.peer.as_str()), (LegSide::Caller, "udp:127.0.0.1:6001"));
        assert_eq!(
            (to.side, to.party, to.peer.as_str()),
            (LegSide::Called, LegParty::Trunk(TrunkId(1)), "udp:127.0.0.1:5080")
        );
        assert_eq!((of(to.rang), of(to.answered), of(Some(to.ended))), (Some(1), Some(3), Some(8)));
    }
    let mut world = World::with(446, forwarding());
    let ana = world.phone("ana", 6001);
    world.call(ana, "ana", "9000");
    let (at_carrier, _) = world.incoming(carrier()).unwrap();
    world.respond(carrier(), at_carrier, Reply::new(486));
    let [record] = &world.records[..] else { panic!("{:?}", world.records) };
    assert_eq!((record.cause, record.answered, record.legs.len()), (Cause::BUSY, None, 1));
    assert_eq!(world.engine.forwarded.len(), 0);
}

/// OP-10, AP-05: whoever sets the wall clock in a forwarded call makes its record no longer or shorter.
#[test]
fn op_10_ap_05_a_forwarded_call_lasts_as_long_as_it_did() {
    for millis in [3_600_000, -3_600_000] {
        let mut world = World::with(449, forwarding());
        let ana = world.phone("ana", 6001);
        let call = world.call(ana, "ana", "9000");
        let (at_carrier, _) = world.incoming(carrier()).expect("it rings there");
        world.now.wall.0 += millis;
        world.respond(carrier(), at_carrier, Reply::new(180));
        world.pass(Duration::from_secs(2));
        let answer = world.phones[&carrier()].offer();
        world.respond(carrier(), at_carrier, Reply::new(200).body(answer));
        world.pass(Duration::from_secs(5));
        world.now.wall.0 -= 3 * millis;
        world.bye(ana, call);
        let [record] = &world.records[..] else { panic!("{:?}", world.records) };
        let of = |at: Option<Wall>| (at.unwrap().0 - record.began.0 + 500) / 1_000;
        assert_eq!((of(record.answered), of(Some(record.ended))), (2, 7), "{millis}: {record:?}");
        let to = &record.legs[1];
        assert_eq!((of(Some(to.began)), of(to.rang), of(to.answered), of(Some(to.ended))), (0, 0, 2, 7));
    }
}

/// SW-02, OP-01: the process dies in a forwarded call. The next one forwards what is inside the dialog as the Record-Route
/// says, and the record is made when the BYE comes by; a stranger's way leads nowhere in either.
#[test]
fn sw_02_op_01_a_forwarded_call_outlives_the_process() {
    let mut world = World::with(447, forwarding());
    let ana = world.phone("ana", 6001);
    let call = world.call(ana, "ana", "9000");
    let at_carrier = world.answer(carrier());
    world.pass(Duration::from_secs(2));
    world.restart(forwarding());
    assert_eq!((world.engine.forwarded.len(), world.records.len()), (1, 0));
    let offer = world.phones[&ana].offer();
    world.reinvite(ana, call, Some(offer));
    let asked = world.event(carrier(), |event| matches!(event, Event::SdpOffer { .. }));
    assert!(asked.is_some(), "a re-INVITE goes through the new process");
    let answer = world.phones[&carrier()].offer();
    world.command(carrier(), |stack, now| {
        stack.respond_offer(now, at_carrier, 200, Some(answer));
    });
    assert!(world.event(ana, |event| matches!(event, Event::OfferAnswered { status: 200, .. })).is_some());
    world.bye(carrier(), at_carrier);
    assert!(world.is_ended(ana));
    let [record] = &world.records[..] else { panic!("{:?}", world.records) };
    assert!(record.answered.is_some() && record.cause == Cause::NORMAL && record.legs.len() == 2);
    world.assert_nothing_left();
    assert_eq!(world.engine.forwarded.len(), 0);
    // Once more from the journal: it is over.
    world.restart(forwarding());
    assert_eq!((world.engine.forwarded.len(), world.records.len()), (0, 1));
}

/// SW-02: a call whose BYE goes another way is closed when none may last longer.
#[test]
fn sw_02_a_forwarded_call_without_an_end_is_closed() {
    let mut world = World::with(448, forwarding());
    world.engine.settings.times.call_time_max = Duration::from_secs(600);
    let ana = world.phone("ana", 6001);
    world.call(ana, "ana", "9000");
    world.answer(carrier());
    world.dead.extend([ana, carrier()]);
    world.pass(Duration::from_secs(599));
    assert!(world.records.is_empty());
    world.pass(Duration::from_secs(2));
    let [record] = &world.records[..] else { panic!("{:?}", world.records) };
    assert_eq!((record.cause, record.ended_by), (Cause::LOST, EndedBy::Switch));
    assert_eq!(world.engine.forwarded.len(), 0);
}

/// SW-02, THREATS: forwarding is no way around what a caller may: a stranger is challenged, a carrier finds no way out.
#[test]
fn sw_02_forwarding_is_authorised_like_a_call() {
    let mut world = World::with(441, forwarding());
    let stranger = world.add_phone("127.0.0.1:6009", "wrong");
    world.call(stranger, "ana", "9000");
    assert_eq!(world.rejected(stranger), Some(403));
    world.call(carrier(), "+351910000001", "9000");
    assert_eq!(world.rejected(carrier()), Some(404));
    assert!(world.incoming(carrier()).is_none());
    assert_eq!(world.engine.counts().calls_forwarded, 0);
}

/// SW-02, TK-08: whoever hides is taken on instead, for a proxy can't hide his From.
#[test]
fn sw_02_who_hides_is_taken_on() {
    let mut centre = forwarding();
    centre.users[0].hides_number = true;
    let mut world = World::with(442, centre);
    let ana = world.phone("ana", 6001);
    let call = world.call(ana, "ana", "9000");
    let (_, request) = world.incoming(carrier()).expect("it rings there");
    assert!(!String::from_utf8_lossy(request.bytes()).contains("ana"), "{request:?}");
    assert_eq!((world.engine.counts().calls_forwarded, world.engine.switch.counts().calls), (0, 1));
    world.cancel(ana, call);
}

/// Calls to 9000 are forwarded to one of two carriers.
fn forwarding_to_two() -> Centre {
    let mut centre = forwarding();
    centre.trunks.push(Trunk {
        destination: Some(TrunkDestination {
            host: "127.0.0.1".to_owned(),
            port: Some(5081),
            transport: Some(Transport::Udp),
        }),
        ..Trunk::new(TrunkId(2), "other")
    });
    let member = |trunk, priority| TrunkMember { trunk: TrunkId(trunk), priority, weight: 1 };
    let members = vec![member(1, 1), member(2, 2)];
    centre.trunk_groups.push(TrunkGroup { id: TrunkGroupId(1), name: "out".to_owned(), members });
    let route = centre.routes.iter_mut().find(|route| route.mode == Mode::Proxy).unwrap();
    route.destination = Destination::Trunks(TrunkGroupId(1));
    centre
}

/// SW-02, TK-05: a carrier that gives no sign of life is left for the next after three seconds, and is not asked first by
/// the next call.
#[test]
fn sw_02_tk_05_a_silent_carrier_is_left_soon() {
    let mut world = World::with(449, forwarding_to_two());
    let ana = world.phone("ana", 6001);
    let other = world.add_phone(OTHER, "");
    world.dead.push(carrier());
    world.call(ana, "ana", "9000");
    world.pass(Duration::from_millis(2_900));
    assert!(world.incoming(other).is_none());
    world.pass(Duration::from_millis(200));
    let (usage, _) = world.incoming(other).expect("the next is asked");
    world.respond(other, usage, Reply::new(486));
    assert_eq!(world.rejected(ana), Some(486));
    world.pass(Duration::from_secs(40));
    world.assert_nothing_left();
}

/// TK-09: forwarded calls take up lines of both carriers, from the first INVITE to the end; beyond the limit they get 503.
#[test]
fn tk_09_a_forwarded_call_takes_a_line() {
    let mut centre = forwarding();
    centre.trunks[0].limits.calls_out = Some(1);
    let mut world = World::with(450, centre);
    let (ana, rui) = (world.phone("ana", 6001), world.phone("rui", 6002));
    let call = world.call(ana, "ana", "9000");
    let (usage, _) = world.incoming(carrier()).expect("it rings there");
    world.call(rui, "rui", "9000");
    assert_eq!(world.rejected(rui), Some(503), "while it rings");
    let answer = world.phones[&carrier()].offer();
    world.respond(carrier(), usage, Reply::new(200).body(answer));
    world.call(rui, "rui", "9000");
    assert_eq!(world.rejected(rui), Some(503), "and while they talk");
    assert_eq!(world.engine.trunk_views(world.now.wall)[0].calls, 1, "as metrics and pages have it");
    world.bye(ana, call);
    world.call(rui, "rui", "9000");
    let (usage, _) = world.incoming(carrier()).expect("the line is free again");
    world.respond(carrier(), usage, Reply::new(404));
    assert_eq!(world.rejected(rui), Some(404));
    world.assert_nothing_left();
}

/// SW-02, SW-03: a connection over which a forwarded call came is not closed for silence while the call lasts.
#[test]
fn sw_02_sw_03_a_forwarded_call_keeps_its_connection() {
    let mut centre = forwarding();
    let route = centre.routes.iter_mut().find(|route| route.mode == Mode::Proxy).unwrap();
    (route.destination, route.from) = (Destination::User(centre.users[1].id), Side::Anyone);
    let mut world = World::with(451, centre);
    let rui = world.phone("rui", 6002);
    for (flow, status) in [(FlowId(9), 200), (FlowId(10), 486)] {
        let local = SWITCH.parse().unwrap();
        let path = Path { transport: Transport::Tcp, local, remote: carrier(), flow: Some(flow) };
        let text = format!(
            "INVITE sip:9000@{SWITCH} SIP/2.0\r\nVia: SIP/2.0/TCP {CARRIER};branch=z9hG4bK{status}\r\n\
             From: <sip:351910000000@{CARRIER}>;tag=1\r\nTo: <sip:9000@{SWITCH}>\r\nCall-ID: {status}\r\n\
             CSeq: 1 INVITE\r\nContact: <sip:{CARRIER};transport=tcp>\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        );
        let message = Message::parse(bytes::Bytes::from(text)).unwrap();
        world.input(Input::Sip { path, message });
        let (usage, _) = world.incoming(rui).expect("it rings there");
        assert!(world.engine.is_in_use(flow));
        let answer = world.phones[&rui].offer();
        world.respond(rui, usage, Reply::new(status).body(answer));
        world.pass(Duration::from_secs(20));
        assert_eq!(world.engine.is_in_use(flow), status == 200, "{status}");
    }
}

/// SW-02, TK-05: of a group of carriers the next is tried when one fails, and not when the called number refuses.
#[test]
fn sw_02_a_group_fails_over() {
    let centre = forwarding_to_two();
    for (status, goes_on) in [(503, true), (486, false)] {
        let mut world = World::with(443, centre.clone());
        let ana = world.phone("ana", 6001);
        let other = world.add_phone(OTHER, "");
        world.call(ana, "ana", "9000");
        let (usage, _) = world.incoming(carrier()).expect("the first is asked");
        world.respond(carrier(), usage, Reply::new(status));
        let asked = world.incoming(other);
        assert_eq!(asked.is_some(), goes_on, "{status}");
        match asked {
            Some((usage, _)) => world.respond(other, usage, Reply::new(404)),
            None => assert_eq!(world.rejected(ana), Some(486)),
        }
        world.assert_nothing_left();
    }
}

/// SW-02: a user's devices are forked to; a cancelled call stops at each of them.
#[test]
fn sw_02_devices_are_forked_to() {
    let mut centre = forwarding();
    let route = centre.routes.iter_mut().find(|route| route.mode == Mode::Proxy).unwrap();
    route.destination = Destination::User(centre.users[1].id);
    let mut world = World::with(444, centre);
    let (ana, desk, soft) = (world.phone("ana", 6001), world.phone("rui", 6002), world.phone("rui", 6012));
    let call = world.call(ana, "ana", "9000");
    for device in [desk, soft] {
        let (usage, _) = world.incoming(device).expect("it rings");
        world.respond(device, usage, Reply::new(180));
    }
    world.cancel(ana, call);
    assert_eq!(world.rejected(ana), Some(487));
    let cancels =
        world.sent.iter().filter(|(_, message, _)| message.method().is_some_and(|method| method.as_str() == "CANCEL"));
    assert_eq!(cancels.count(), 2);
    world.assert_nothing_left();
}
