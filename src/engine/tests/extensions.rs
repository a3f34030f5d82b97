//! What a request may ask of us beyond the usual, and what real phones write.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;

use super::world::{CARRIER, REALM, SWITCH, World, centre};
use crate::{
    sip::{Event, Party, Path, Reply, Request, Transport},
    switch::Mode,
    wire::sip::{Message, Method, Name},
};

fn secs(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn carrier() -> SocketAddr {
    CARRIER.parse().unwrap()
}

/// An answer of the switch to the carrier.
fn answered(world: &World, status: u16) -> &Message {
    let fits = |message: &Message| message.status() == Some(status);
    let found = world.sent.iter().rev().find(|(at, message, _)| *at == carrier() && fits(message));
    &found.unwrap_or_else(|| panic!("no {status}")).1
}

/// SW-02: what nobody here can do is refused where the switch takes a call on, and left to the called where it only forwards
/// one (RFC 3261 8.2.2.3, 16.3).
#[test]
fn sw_02_an_extension_is_judged_by_who_serves_it() {
    let ask = |world: &mut World, ana: SocketAddr, number: &str| {
        let body = world.phones[&ana].offer();
        world.call_with(ana, "ana", number, Some(body), |invite| {
            invite.headers.push(("Require".into(), "precondition".into()));
        });
    };
    let mut world = World::new(500);
    let ana = world.phone("ana", 6001);
    ask(&mut world, ana, "9000");
    assert_eq!(world.rejected(ana), Some(420));
    let refused = world.sent.iter().rev().find(|(_, message, _)| message.status() == Some(420)).unwrap();
    assert_eq!(refused.1.header(Name::Unsupported), Some("precondition"));
    assert!(world.incoming(carrier()).is_none());
    world.assert_nothing_left();

    let mut forwarding = centre();
    forwarding.routes.iter_mut().filter(|route| route.pattern.as_str() == "9000").for_each(|route| {
        route.mode = Mode::Proxy;
    });
    let mut world = World::with(501, forwarding);
    let ana = world.phone("ana", 6001);
    ask(&mut world, ana, "9000");
    let (at_carrier, invite) = world.incoming(carrier()).expect("the carrier is asked");
    assert_eq!(invite.header(Name::Require), Some("precondition"));
    world.respond(carrier(), at_carrier, Reply::new(486));
    assert_eq!(world.rejected(ana), Some(486));
}

/// SW-05: a description that is packed is not read as if it were not: 415 tells how we want it, first and later.
#[test]
fn sw_05_a_packed_body_is_not_read() {
    let mut world = World::new(502);
    let ana = world.phone("ana", 6001);
    let body = world.phones[&carrier()].offer();
    world.call_with(carrier(), "+351910000000", "201", Some(body), |invite| {
        invite.headers.push(("Content-Encoding".into(), "gzip".into()));
    });
    assert_eq!(world.rejected(carrier()), Some(415));
    assert_eq!(answered(&world, 415).header(Name::AcceptEncoding), Some("identity"));
    assert!(world.incoming(ana).is_none());
    world.assert_nothing_left();
}

/// SW-04: an INVITE that is good for some seconds is over after them, answered by nobody (RFC 3261 13.3.1); once somebody has
/// answered it says nothing any more.
#[test]
fn sw_04_an_invite_lapses() {
    let lasting = |world: &mut World, seconds: u64| {
        let body = world.phones[&carrier()].offer();
        world.call_with(carrier(), "+351910000000", "201", Some(body), |invite| {
            invite.headers.push(("Expires".into(), seconds.to_string()));
        })
    };
    let mut world = World::new(503);
    let ana = world.phone("ana", 6001);
    lasting(&mut world, 5);
    let (at_ana, _) = world.incoming(ana).expect("Ana is rung");
    world.respond(ana, at_ana, Reply::new(180));
    world.pass(secs(4));
    assert_eq!(world.rejected(carrier()), None);
    world.pass(secs(2));
    assert_eq!(world.rejected(carrier()), Some(487));
    assert!(world.event(ana, |event| matches!(event, Event::Cancelled { .. })).is_some());
    world.assert_nothing_left();

    let call = lasting(&mut world, 5);
    world.answer(ana);
    assert!(world.is_answered(carrier()));
    world.pass(secs(10));
    assert!(!world.is_ended(carrier()) && !world.is_ended(ana));
    world.bye(carrier(), call);
    world.assert_nothing_left();
}

/// SW-13: REFER outside a call is understood and refused; what can be watched is said with what can be done.
#[test]
fn sw_13_sw_14_what_is_served_is_said() {
    let mut world = World::new(504);
    let ana = world.phone("ana", 6001);
    let ask = |world: &mut World, method: Method, headers: &[(&'static str, &str)]| {
        let path = Path { transport: Transport::Udp, local: ana, remote: SWITCH.parse().unwrap(), flow: None };
        let (us, them) = (Party::new(format!("sip:ana@{REALM}")), Party::new(format!("sip:202@{REALM}")));
        let mut request = Request::outside(method, path, format!("sip:202@{SWITCH}"), us, them);
        request.headers.extend(headers.iter().map(|(name, value)| ((*name).into(), (*value).to_owned())));
        request.credentials = Some(crate::sip::Credentials {
            user: "ana".into(),
            password: crate::base::Private::new("pw-ana".into()),
            realm: None,
            account: None,
        });
        world.command(ana, |stack, now| {
            stack.request(now, request);
        });
        world.response(ana)
    };
    assert_eq!(ask(&mut world, Method::Refer, &[("Refer-To", "<sip:9000@strowger.test>")]), Some(403));
    assert!(world.incoming(carrier()).is_none());
    assert_eq!(ask(&mut world, Method::Options, &[]), Some(200));
    let told = world.sent.iter().rev().find(|(at, message, _)| *at == ana && message.status() == Some(200)).unwrap();
    let events = told.1.header(Name::AllowEvents).unwrap();
    assert!(events.contains("dialog") && events.contains("presence"), "{events}");
}

/// SW-19, TK-08: a name in Latin-1, as older gateways write it, keeps nobody from calling.
#[test]
fn tk_08_a_name_in_latin_1_is_no_fault() {
    let mut world = World::new(505);
    let ana = world.phone("ana", 6001);
    let packet = b"INVITE sip:201@127.0.0.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5080;branch=z9hG4bKx;rport\r\n\
                   Max-Forwards: 70\r\nFrom: \"Jos\xe9 Concei\xe7\xe3o\" <sip:+351910000000@h>;tag=1\r\nTo: <sip:201@h>\r\n\
                   Call-ID: c\r\nCSeq: 1 INVITE\r\nContact: \"Jos\xe9\" <sip:x@127.0.0.1:5080>\r\nSubject: \xff\r\n\
                   Content-Length: 0\r\n\r\n";
    world.packet(carrier(), packet);
    let (_, invite) = world.incoming(ana).expect("Ana is rung");
    assert!(invite.header(Name::From).unwrap().starts_with("\"Jos? Concei??o\" <sip:+351910000000@"));
    // What must come back as it was is not guessed at.
    let odd = String::from_utf8_lossy(packet).replace("Call-ID: c", "Call-ID: \u{fffd}");
    let odd: Vec<u8> = odd.chars().map(|c| if c == '\u{fffd}' { 0xe9 } else { c as u8 }).collect();
    assert!(Message::parse(Bytes::from(odd)).is_err());
}
