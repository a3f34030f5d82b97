use std::{net::SocketAddr, sync::Arc, time::Duration};

use super::world::{CARRIER, REALM, SWITCH, World, centre};
use crate::{
    base::FlowId,
    engine::{Devices, Entry, Input},
    media::Command,
    sip::{Event, Path, Reply, Transport},
    switch::Listener,
    wire::sip::{Message, Method, Name},
};

fn secs(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// SW-01: devices of one q ring together, the next q when those have rung long enough.
#[test]
fn sw_01_the_preferred_phone_rings_first() {
    let mut world = World::new(301);
    let caller = world.phone("ana", 6001);
    let [desk, soft, mobile] = [6002, 6003, 6004].map(|port| world.add_phone(&format!("127.0.0.1:{port}"), "pw-rui"));
    for (phone, q) in [(desk, "1.0"), (soft, "1.0"), (mobile, "0.4")] {
        let contact = format!("<sip:rui-{}@{phone}>;q={q}", phone.port());
        world.register_with(phone, "rui", &[("Contact", contact)]);
        assert_eq!(world.response(phone), Some(200));
    }
    world.call(caller, "ana", "202");
    let (at_desk, _) = world.incoming(desk).expect("rings at once");
    let (at_soft, _) = world.incoming(soft).expect("so does its equal");
    assert!(world.incoming(mobile).is_none(), "not yet");
    world.respond(desk, at_desk, Reply::new(180));
    world.respond(soft, at_soft, Reply::new(486));
    world.pass(secs(29));
    assert!(world.incoming(mobile).is_none());
    world.pass(secs(2));
    assert!(world.event(desk, |event| matches!(event, Event::Cancelled { .. })).is_some());
    let won = world.answer(mobile);
    assert!(world.is_answered(caller));
    world.bye(mobile, won);
    world.assert_nothing_left();
}

/// SW-03: of two phones of one user on WebSockets, what comes of the one's connection is nothing to the other, which was there
/// before or comes from elsewhere; a later one from the same place is the same phone's.
#[test]
fn sw_03_another_page_takes_over_no_call() {
    let way = |transport, flow| Path {
        transport,
        local: SWITCH.parse().unwrap(),
        remote: CARRIER.parse().unwrap(),
        flow: Some(FlowId(flow)),
    };
    let follows = |path| crate::engine::register::may_follow(path, FlowId(5));
    assert!(follows(way(Transport::Ws, 6)) && follows(way(Transport::Tls, 4)));
    assert!(!follows(way(Transport::Ws, 4)) && !follows(way(Transport::Wss, 4)));
    assert!(!follows(Path { flow: None, ..way(Transport::Tcp, 6) }));
}

/// RFC 3261 16.7: 603 is for all of a user's phones, also for those that would ring next.
#[test]
fn sw_06_who_declines_for_good_is_not_rung_elsewhere() {
    for (status, rings_next) in [(603, false), (486, true)] {
        let mut world = World::new(309);
        let caller = world.phone("ana", 6001);
        let [desk, mobile] = [6002, 6004].map(|port| world.add_phone(&format!("127.0.0.1:{port}"), "pw-rui"));
        for (phone, q) in [(desk, "1.0"), (mobile, "0.4")] {
            world.register_with(phone, "rui", &[("Contact", format!("<sip:rui-{}@{phone}>;q={q}", phone.port()))]);
        }
        world.call(caller, "ana", "202");
        let (at_desk, _) = world.incoming(desk).expect("rings at once");
        world.respond(desk, at_desk, Reply::new(180));
        world.respond(desk, at_desk, Reply::new(status));
        assert_eq!(world.incoming(mobile).is_some(), rings_next, "{status}");
        assert_eq!(world.rejected(caller), (!rings_next).then_some(status));
    }
}

/// A phone that keeps two flows over connections, as raw messages.
fn registers_flow(world: &mut World, flow: u64, number: u32) -> Path {
    registers_flow_as(world, (flow, number), "10.0.0.7")
}

/// The same of a phone with that address; as number 0 its flows are none in the sense of RFC 5626.
fn registers_flow_as(world: &mut World, (flow, number): (u64, u32), host: &str) -> Path {
    let path = Path {
        transport: Transport::Tcp,
        local: SWITCH.parse().unwrap(),
        remote: SocketAddr::new("127.0.0.1".parse().unwrap(), 40_000 + u16::try_from(flow).unwrap()),
        flow: Some(FlowId(flow)),
    };
    let outbound = match number {
        0 => String::new(),
        number => format!(";+sip.instance=\"<urn:uuid:1>\";reg-id={number}"),
    };
    let request = |cseq: u32, more: &str| {
        let text = format!(
            "REGISTER sip:strowger.test SIP/2.0\r\nVia: SIP/2.0/TCP {host};branch=z9hG4bKr{flow}x{cseq}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:rui@strowger.test>;tag=1\r\nTo: <sip:rui@strowger.test>\r\n\
             Call-ID: flow{flow}\r\nCSeq: {cseq} REGISTER\r\nSupported: outbound, path\r\nUser-Agent: SIPp\r\n\
             Contact: <sip:rui@{host};transport=tcp>{outbound}\r\n{more}\
             Content-Length: 0\r\n\r\n"
        );
        Message::parse(bytes::Bytes::from(text)).unwrap()
    };
    let done = by_rui(world, path, ("REGISTER", "sip:strowger.test"), request);
    assert_eq!(done.header(Name::Require), (number > 0).then_some("outbound"));
    path
}

/// A request of his, again with what was asked for; its 200.
fn by_rui(world: &mut World, path: Path, target: (&str, &str), request: impl Fn(u32, &str) -> Message) -> Message {
    world.input(Input::Sip { path, message: request(1, "") });
    let challenge = answer_to(world, path, 401).header(Name::WwwAuthenticate).unwrap().to_owned();
    let credentials = crate::sip::Credentials {
        user: "rui".into(),
        password: crate::base::Private::new("pw-rui".into()),
        realm: None,
        account: None,
    };
    let value = crate::sip::digest::answer([challenge.as_str()].into_iter(), &credentials, target, b"", "cn").unwrap();
    world.input(Input::Sip { path, message: request(2, &format!("Authorization: {value}\r\n")) });
    answer_to(world, path, 200)
}

/// SW-14: who watches over a connection that ends, or that ends with the process, is told how things stand when his phone has
/// registered over the next one; in the order in which both are seen.
#[test]
fn sw_14_a_watcher_is_told_where_his_phone_registers_anew() {
    for (closes_first, restarts) in [(true, false), (false, false), (true, true)] {
        let mut world = World::new(308);
        let ana = world.phone("ana", 6001);
        let _eva = world.phone("eva", 6003);
        let first = registers_flow_as(&mut world, (1, 0), "10.0.0.7:40001");
        let watch = |cseq: u32, more: &str| {
            let text = format!(
                "SUBSCRIBE sip:ana@strowger.test SIP/2.0\r\nVia: SIP/2.0/TCP 10.0.0.7;branch=z9hG4bKw{cseq}\r\nMax-Forwards: 70\r\n\
                 From: <sip:rui@strowger.test>;tag=w\r\nTo: <sip:ana@strowger.test>\r\nCall-ID: watch\r\nCSeq: {cseq} SUBSCRIBE\r\n\
                 Contact: <sip:rui@10.0.0.7:40001;transport=tcp>\r\nEvent: dialog\r\nExpires: 600\r\n{more}Content-Length: 0\r\n\r\n"
            );
            Message::parse(bytes::Bytes::from(text)).unwrap()
        };
        by_rui(&mut world, first, ("SUBSCRIBE", "sip:ana@strowger.test"), watch);
        let notified =
            |world: &World, at: Path| world.sent_to(at.remote, &Method::Notify).last().map(|it| (*it).clone());
        let notify = notified(&world, first).expect("how it stands");
        response_of(&mut world, first, &notify, "200 OK", "NOTIFY");
        let mut second = None;
        if !closes_first {
            second = Some(registers_flow_as(&mut world, (2, 0), "10.0.0.7:40002"));
        }
        if restarts {
            world.restart(centre());
        } else {
            world.input(Input::FlowClosed(FlowId(1)));
            world.call(ana, "ana", "203");
        }
        let before = world.sent_to(first.remote, &Method::Notify).len();
        world.pass(secs(1));
        let second = second.unwrap_or_else(|| registers_flow_as(&mut world, (2, 0), "10.0.0.7:40002"));
        world.pass(secs(1));
        assert_eq!(world.sent_to(first.remote, &Method::Notify).len(), before, "nobody is there any more");
        let told = notified(&world, second).expect("told at the new one");
        response_of(&mut world, second, &told, "200 OK", "NOTIFY");
        world.pass(secs(1));
        let told = notified(&world, second).expect("and how it stands by now");
        let (is_it, body) = (told.call_id() == notify.call_id(), String::from_utf8_lossy(told.body()).into_owned());
        assert!(is_it && body.contains("<state>proceeding</state>") != restarts, "{closes_first} {restarts} {body}");
        assert!(told.cseq().number > notify.cseq().number);
        assert!(told.header(Name::SubscriptionState).unwrap().starts_with("active"));
    }
}

fn answer_to(world: &World, path: Path, status: u16) -> Message {
    let fits = |sent: &&(SocketAddr, Message, _)| sent.0 == path.remote && sent.1.status() == Some(status);
    world.sent.iter().rev().find(fits).unwrap_or_else(|| panic!("a {status}")).1.clone()
}

fn invite_at(world: &World, path: Path) -> Option<Message> {
    world.sent_to(path.remote, &Method::Invite).last().map(|message| (*message).clone())
}

/// An answer to what the switch sent, as it comes from the phone.
fn response(world: &mut World, path: Path, request: &Message, status: &str) {
    response_of(world, path, request, status, "INVITE");
}

fn response_of(world: &mut World, path: Path, request: &Message, status: &str, method: &str) {
    let header = |name| request.header(name).unwrap_or_default();
    let text = format!(
        "SIP/2.0 {status}\r\nVia: {}\r\nFrom: {}\r\nTo: {};tag=far\r\nCall-ID: {}\r\nCSeq: {} {method}\r\n\
         Content-Length: 0\r\n\r\n",
        header(Name::Via),
        header(Name::From),
        header(Name::To),
        request.call_id(),
        request.cseq().number,
    );
    world.input(Input::Sip { path, message: Message::parse(bytes::Bytes::from(text)).unwrap() });
}

/// 200 with a description, and who is at `host`.
fn answers(world: &mut World, path: Path, request: &Message, host: &str) {
    let header = |name| request.header(name).unwrap_or_default();
    let body = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40010 RTP/AVP 0 8\r\n";
    let text = format!(
        "SIP/2.0 200 OK\r\nVia: {}\r\nFrom: {}\r\nTo: {};tag=far\r\nCall-ID: {}\r\nCSeq: {} INVITE\r\n\
         Contact: <sip:rui@{host};transport=tcp>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
        header(Name::Via),
        header(Name::From),
        header(Name::To),
        request.call_id(),
        request.cseq().number,
        body.len(),
    );
    world.input(Input::Sip { path, message: Message::parse(bytes::Bytes::from(text)).unwrap() });
}

/// SW-01: two flows of one phone ring it once; when one has failed, the call takes the other, and the failed one is
/// forgotten. A connection that ends takes its binding along.
#[test]
fn sw_01_a_failed_flow_gives_way_to_the_next() {
    let mut world = World::new(302);
    let caller = world.phone("ana", 6001);
    let first = registers_flow(&mut world, 1, 1);
    world.pass(secs(1));
    let second = registers_flow(&mut world, 2, 2);
    world.call(caller, "ana", "202");
    let invite = invite_at(&world, second).expect("the latest flow");
    assert!(invite_at(&world, first).is_none(), "one phone rings once");
    response(&mut world, second, &invite, "430 Flow Failed");
    assert_eq!(world.engine.registrar.bindings("rui").len(), 1, "what has failed is gone");
    let invite = invite_at(&world, first).expect("the other flow");
    assert_eq!(world.rejected(caller), None);
    response(&mut world, first, &invite, "486 Busy Here");
    assert_eq!(world.rejected(caller), Some(486));
    world.input(Input::FlowClosed(FlowId(1)));
    assert!(world.engine.registrar.bindings("rui").is_empty());
    world.assert_nothing_left();
}

/// SW-03: a connection is in use while a phone is registered over it, or in a call, or a request waits for its answer there.
#[test]
fn sw_03_a_connection_is_in_use_while_something_depends_on_it() {
    let mut world = World::new(304);
    assert!(!world.engine.is_in_use(FlowId(1)));
    let phone = registers_flow(&mut world, 1, 1);
    assert!(world.engine.is_in_use(FlowId(1)) && !world.engine.is_in_use(FlowId(2)));
    let caller = world.phone("ana", 6001);
    world.call(caller, "ana", "202");
    let invite = invite_at(&world, phone).expect("it rings");
    world.engine.registrar.remove("rui", "sip:rui@10.0.0.7;transport=tcp", None).unwrap();
    assert!(world.engine.is_in_use(FlowId(1)), "it is being called");
    response(&mut world, phone, &invite, "486 Busy Here");
    world.pass(secs(40));
    assert!(!world.engine.is_in_use(FlowId(1)));
    world.assert_nothing_left();
}

/// Whether the first connection ends before the phone has registered over the second, and what it calls itself at each.
const BOTH_ORDERS: [(bool, [&str; 2]); 4] = [
    (true, ["10.0.0.7"; 2]),
    (false, ["10.0.0.7"; 2]),
    (true, ["10.0.0.7:40001", "10.0.0.7:40002"]),
    (false, ["10.0.0.7:40001", "10.0.0.7:40002"]),
];

/// SW-01, SW-03: a phone whose connection is gone in mid-call registers over another one, and hears there what is said in the
/// call; that of another phone of the same user is none of the call's.
#[test]
fn sw_01_sw_03_a_call_goes_on_where_its_phone_registers_anew() {
    // It may call itself by the port of its connection.
    for (closes_first, names) in BOTH_ORDERS {
        let mut world = World::new(305);
        let caller = world.phone("ana", 6001);
        let first = registers_flow_as(&mut world, (1, 0), names[0]);
        let usage = world.call(caller, "ana", "202");
        let invite = invite_at(&world, first).expect("it rings");
        answers(&mut world, first, &invite, "10.0.0.7");
        assert!(world.is_answered(caller));
        if closes_first {
            world.input(Input::FlowClosed(FlowId(1)));
        }
        let _other = registers_flow_as(&mut world, (3, 0), "10.0.0.9");
        let second = registers_flow_as(&mut world, (2, 0), names[1]);
        if !closes_first {
            world.input(Input::FlowClosed(FlowId(1)));
        }
        world.bye(caller, usage);
        let byes = world.sent.iter().filter(|(_, message, _)| message.method() == Some(&Method::Bye));
        let at: Vec<_> = byes.map(|(at, ..)| *at).collect();
        assert_eq!(at, [second.remote], "{closes_first} {names:?}");
    }
}

/// SW-01, SW-03: a phone whose connection ends while it is rung gets the very INVITE over the one on which it registers anew,
/// whichever is seen first, and can take the call there; another phone of the user does not. One that does not come back is
/// given up after three seconds.
#[test]
fn sw_01_sw_03_a_phone_that_reconnects_is_rung_there() {
    let all = BOTH_ORDERS.into_iter().flat_map(|(order, names)| [(order, true, names), (order, false, names)]);
    for (closes_first, rings, names) in all {
        let mut world = World::new(306);
        let caller = world.phone("ana", 6001);
        let first = registers_flow_as(&mut world, (1, 0), names[0]);
        let usage = world.call(caller, "ana", "202");
        let invite = invite_at(&world, first).expect("it rings");
        if rings {
            response(&mut world, first, &invite, "180 Ringing");
        }
        if closes_first {
            world.input(Input::FlowClosed(FlowId(1)));
            assert_eq!(world.rejected(caller), None, "it may come back");
        }
        let other = registers_flow_as(&mut world, (3, 0), "10.0.0.9");
        let second = registers_flow_as(&mut world, (2, 0), names[1]);
        if !closes_first {
            world.input(Input::FlowClosed(FlowId(1)));
        }
        assert!(invite_at(&world, other).is_none(), "another phone");
        let again = invite_at(&world, second).expect("it rings there");
        let same = |name| again.header(name) == invite.header(name);
        assert!([Name::Via, Name::CSeq, Name::CallId, Name::From].into_iter().all(same), "a repetition");
        assert_eq!(again.body(), invite.body());
        world.pass(secs(if rings { 5 } else { 2 }));
        answers(&mut world, second, &again, "10.0.0.7");
        assert!(world.is_answered(caller), "{closes_first} {rings} {names:?}");
        let ack = world.sent.iter().rev().find(|(_, message, _)| message.method() == Some(&Method::Ack));
        assert_eq!(ack.map(|(at, ..)| *at), Some(second.remote));
        world.bye(caller, usage);
    }
    let mut world = World::new(307);
    let caller = world.phone("ana", 6001);
    let first = registers_flow_as(&mut world, (1, 0), "10.0.0.7");
    world.call(caller, "ana", "202");
    let invite = invite_at(&world, first).expect("it rings");
    response(&mut world, first, &invite, "180 Ringing");
    world.input(Input::FlowClosed(FlowId(1)));
    world.pass(Duration::from_millis(2_900));
    assert_eq!(world.rejected(caller), None);
    world.pass(Duration::from_millis(200));
    assert!(world.rejected(caller).is_some());
    world.assert_nothing_left();
}

/// A connection from the carrier that is protected.
fn over_tls() -> Path {
    Path {
        transport: Transport::Tls,
        local: "127.0.0.1:5061".parse().unwrap(),
        remote: CARRIER.parse().unwrap(),
        flow: Some(FlowId(9)),
    }
}

/// An INVITE to `sips:`.
fn by_sips(dialled: &str, number: u32, offer: &[u8]) -> Message {
    let text = format!(
        "INVITE sips:{dialled}@{SWITCH} SIP/2.0\r\nVia: SIP/2.0/TLS {CARRIER};branch=z9hG4bKs{number}\r\nMax-Forwards: 70\r\n\
         From: <sip:351@carrier.example>;tag=1\r\nTo: <sips:{dialled}@{SWITCH}>\r\nCall-ID: s{number}\r\nCSeq: 1 INVITE\r\n\
         Contact: <sips:351@{CARRIER}>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n",
        offer.len()
    );
    Message::parse(bytes::Bytes::from([text.as_bytes(), offer].concat())).unwrap()
}

/// SW-03, RT-12: an agent to whom there is no secure way can't take who calls as `sips:`, and may take the next caller.
#[test]
fn sw_03_rt_12_no_secure_way_is_no_fault_of_a_phone() {
    let mut world = World::new(305);
    let eva = world.phone("eva", 6003);
    let offer = world.phones[&eva].offer();
    world.input(Input::Sip { path: over_tls(), message: by_sips("800", 1, &offer.bytes) });
    world.pass(Duration::from_secs(3));
    assert!(world.incoming(eva).is_none());
    let seen = world.engine.snapshot(world.now).acd.agents[0].clone();
    assert_eq!((seen.reachable, seen.missed, seen.today.unreachable), (true, 0, 0));
    assert!((1..=4).contains(&seen.today.offered), "now and then: {}", seen.today.offered);
    world.call(CARRIER.parse().unwrap(), "+351210000001", "800");
    world.pass(Duration::from_secs(10));
    assert!(world.incoming(eva).is_some(), "she is there for others");
}

/// SW-03: who is called as `sips:` is called securely or not at all, and a Contact of that kind that comes insecurely is
/// refused: it could not be answered.
#[test]
fn sw_03_sips_never_leaves_insecurely() {
    let mut world = World::new(303);
    let insecure = world.phone("rui", 6002);
    let tls = over_tls();
    let offer = world.phones[&insecure].offer();
    let invite = |number: u32| by_sips("202", number, &offer.bytes);
    world.input(Input::Sip { path: tls, message: invite(1) });
    answer_to(&world, tls, 480);
    assert!(world.incoming(insecure).is_none());
    world.input(Input::Sip { path: Path { transport: Transport::Udp, flow: None, ..tls }, message: invite(2) });
    answer_to(&world, tls, 400);

    // A phone with a sips: contact is reached over TLS, at the address that it registered from.
    let listener = |transport, local: &str| {
        let local = local.parse().unwrap();
        Listener { transport, local, advertised: None, media_address: None, inside: Vec::new() }
    };
    world.input(Input::Listeners(vec![listener(Transport::Udp, SWITCH), listener(Transport::Tls, "127.0.0.1:5061")]));
    let secure = world.add_phone("127.0.0.1:6003", "pw-rui");
    world.register_with(secure, "rui", &[("Contact", "<sips:rui@127.0.0.1:6003>".to_owned())]);
    world.sent.clear();
    world.input(Input::Sip { path: tls, message: invite(3) });
    let sent = world.sent_to(secure, &Method::Invite);
    let [invite] = sent[..] else { panic!("one INVITE: {}", sent.len()) };
    assert!(invite.header(Name::Via).unwrap().starts_with("SIP/2.0/TLS 127.0.0.1:5061"));
    assert!(invite.header(Name::Contact).unwrap().starts_with("<sips:"));
    assert!(world.sent_to(insecure, &Method::Invite).is_empty());
}

/// SW-03, SW-13: who is named as `sips:` in a REFER is called securely or not at all; the call comes back, and what is asked of
/// it next is not bound by that.
#[test]
fn sw_03_sw_13_a_transfer_to_sips_never_leaves_insecurely() {
    let mut world = World::new(304);
    let (ana, rui, eva) = (world.phone("ana", 6001), world.phone("rui", 6002), world.phone("eva", 6003));
    let call = world.call(rui, "rui", "ana");
    let leg = world.answer(ana);
    let refers = |world: &mut World, scheme: &str| {
        let mut request = crate::sip::Request::inside(Method::Refer, leg);
        request.headers.push(("Refer-To".into(), format!("<{scheme}:eva@{REALM}>")));
        world.command(ana, |stack, now| {
            stack.request(now, request);
        });
        world.response(ana)
    };
    assert_eq!(refers(&mut world, "sips"), Some(202));
    assert!(world.incoming(eva).is_none(), "her phone is registered by UDP");
    assert_eq!(refers(&mut world, "sip"), Some(202), "and eva is not busy with what never rang");
    assert!(world.incoming(eva).is_some());
    world.bye(rui, call);
    world.assert_nothing_left();
}

/// SW-07, RFC 4961: with ports for all addresses, each leg's sound leaves from the address that its phone was told: the one
/// that its signalling came to.
#[test]
fn sw_07_each_leg_has_its_own_address_of_ours() {
    let mut world = World::new(307);
    let listener = |local: &str| {
        let (transport, local) = (Transport::Udp, local.parse().unwrap());
        Listener { transport, local, advertised: None, media_address: None, inside: Vec::new() }
    };
    let listeners = vec![listener(SWITCH), listener("127.0.0.2:5060")];
    let settings = crate::engine::EngineSettings { listeners, ..world.engine.settings.clone() };
    world.engine = crate::engine::Engine::new(settings, [7; 32], world.now);
    let port = |index| crate::media::Port { worker: 0, index, rtp: SocketAddr::from(([0; 4], 20_000 + 2 * index)) };
    world.input(Input::Settings(Box::new(centre())));
    world.input(Input::Ports((0..8).map(port).collect()));
    let ana = world.phone("ana", 6001);
    let carrier: SocketAddr = CARRIER.parse().unwrap();
    let offer = world.phones[&carrier].offer();
    let text = format!(
        "INVITE sip:201@127.0.0.2 SIP/2.0\r\nVia: SIP/2.0/UDP {CARRIER};branch=z9hG4bK7\r\nMax-Forwards: 70\r\n\
         From: <sip:+351210000001@{CARRIER}>;tag=7\r\nTo: <sip:201@127.0.0.2>\r\nCall-ID: 7\r\nCSeq: 1 INVITE\r\n\
         Contact: <sip:351@{CARRIER}>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n",
        offer.bytes.len()
    );
    let message = Message::parse(bytes::Bytes::from([text.as_bytes(), &offer.bytes].concat())).unwrap();
    let path =
        Path { transport: Transport::Udp, local: "127.0.0.2:5060".parse().unwrap(), remote: carrier, flow: None };
    world.input(Input::Sip { path, message });
    world.answer(ana);
    let told = |command: &Command| if let Command::Open { form, .. } = command { form.local } else { None };
    let mut locals: Vec<_> = world.commands.iter().filter_map(told).collect();
    locals.sort_unstable();
    assert_eq!(locals, [std::net::IpAddr::from([127, 0, 0, 1]), [127, 0, 0, 2].into()]);
}

/// SW-01: with keep-alives a phone that is gone is known before anybody calls it, and one that is back too.
#[test]
fn sw_01_phones_are_asked_for_signs_of_life() {
    let devices = Devices { keep_alive: secs(30), ..Devices::default() };
    let mut world = World::with_devices(304, centre(), devices);
    let phone = world.phone("rui", 6002);
    world.pass(secs(60));
    assert!(world.sent_to(phone, &Method::Options).len() >= 2);
    let reachable = |world: &World| world.engine.registrar.bindings("rui")[0].reachable;
    assert!(reachable(&world));
    world.dead.push(phone);
    world.pass(secs(30 + 33));
    assert!(!reachable(&world), "one keep-alive without an answer is enough");
    world.dead.clear();
    world.pass(secs(40));
    assert!(reachable(&world));
}

/// SW-01: whoever registered with a password that is none any more has to show the new one; his call goes on, and others'
/// devices stay.
#[test]
fn sw_01_a_new_password_ends_what_the_old_one_registered() {
    let mut world = World::new(302);
    let (ana, rui) = (world.phone("ana", 6001), world.phone("rui", 6002));
    world.call(ana, "ana", "202");
    let talk = world.answer(rui);
    assert!(world.is_answered(ana));
    let mut centre = centre();
    centre.users[1].ha1 = Some(crate::sip::digest::Ha1::new("rui", "strowger.test", "another"));
    world.input(Input::Settings(Box::new(centre)));
    let left: Vec<_> = world.engine.devices().into_iter().map(|device| device.user).collect();
    assert_eq!(left, [crate::base::UserId(1)]);
    world.pass(secs(5));
    assert!(world.event(ana, |event| matches!(event, Event::Ended { .. })).is_none());
    world.bye(rui, talk);
    world.assert_nothing_left();
}

/// SW-01, OP-01: so it is when the password is changed, or the user gone, while the switch is down; and those stay out in
/// the run after it.
#[test]
fn sw_01_op_01_a_new_password_ends_registrations_of_an_earlier_run() {
    let mut world = World::new(303);
    let _ = (world.phone("ana", 6001), world.phone("rui", 6002));
    let left = |world: &World| world.engine.devices().into_iter().map(|device| device.user.0).collect::<Vec<_>>();
    world.restart(centre());
    assert_eq!(left(&world), [1, 2], "with the same passwords all stay");
    let mut changed = centre();
    changed.users[1].ha1 = Some(crate::sip::digest::Ha1::new("rui", "strowger.test", "another"));
    world.restart(changed);
    assert_eq!(left(&world), [1]);
    world.restart(centre());
    assert_eq!(left(&world), [1], "the old password is back, what it had registered is not");
    let mut fewer = centre();
    fewer.users.retain(|user| user.name.as_str() != "ana");
    world.restart(fewer);
    assert!(left(&world).is_empty());
    world.restart(centre());
    assert!(left(&world).is_empty());
    world.assert_nothing_left();
}

/// OP-01: a checkpoint of many devices pauses the engine for no copy of them, and what a phone says later changes nothing in
/// it.
#[test]
fn op_01_a_checkpoint_shares_what_is_registered() {
    let bound = |world: &World| {
        let entries = world.engine.checkpoint(world.now);
        entries.into_iter().find_map(|entry| match entry {
            Entry::Bound(kept) => Some(kept.binding),
            _ => None,
        })
    };
    let mut world = World::new(331);
    let phone = world.phone("ana", 6001);
    let [first, second] = [bound(&world).unwrap(), bound(&world).unwrap()];
    assert!(Arc::ptr_eq(&first, &second));
    let was = (first.cseq, first.refreshed);
    world.pass(secs(5));
    world.register(phone, "ana");
    let later = bound(&world).unwrap();
    assert_eq!((first.cseq, first.refreshed), was);
    assert!(later.refreshed > first.refreshed && !Arc::ptr_eq(&first, &later));
    world.assert_nothing_left();
}
