use std::net::SocketAddr;

use super::world::{CARRIER, REALM, SWITCH, World};
use crate::{
    engine::GateOrder,
    sip::Body,
    wire::sip::{Message, Name},
};

/// What the switch answers to a request from an address.
fn answer(world: &mut World, from: &str, packet: &str) -> Option<Message> {
    let from: SocketAddr = from.parse().unwrap();
    world.sent.clear();
    world.packet(from, packet.as_bytes());
    let answers = world.sent.iter().rev().map(|(_, message, _)| message);
    answers.into_iter().find(|message| message.status().is_some_and(|status| status != 100)).cloned()
}

fn status(world: &mut World, from: &str, packet: &str) -> Option<u16> {
    answer(world, from, packet).and_then(|message| message.status())
}

fn request(method: &str, uri: &str, more: &str, body: &str) -> String {
    static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let tag = format!("{method}{}", COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
    format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5080;branch=z9hG4bK{tag}{length}\r\nMax-Forwards: 70\r\n\
         From: <sip:+351210000001@carrier.example>;tag=a\r\nTo: <sip:800@{SWITCH}>\r\nCall-ID: {tag}-{length}\r\nCSeq: 1 {method}\r\n\
         Contact: <sip:c@127.0.0.1:5080>\r\n{more}Content-Length: {length}\r\n\r\n{body}",
        length = body.len()
    )
}

const SDP: &str =
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n";

/// AP-07: a call that is challenged, answers that and talks is none that was refused; a stranger's guess is one.
#[test]
fn ap_07_a_challenge_refuses_no_call() {
    let mut world = World::new(7);
    let (ana, rui) = (world.phone("ana", 6001), world.phone("rui", 6002));
    let call = world.call(ana, "ana", "202");
    assert!(world.sent.iter().any(|(_, message, _)| message.status() == Some(401)), "challenged");
    world.answer(rui);
    let counts = world.engine.counts();
    assert_eq!((counts.calls_begun, counts.calls_refused), (1, 0));
    world.bye(ana, call);
    let guesser = world.add_phone("127.0.0.1:6003", "guess");
    world.call(guesser, "ana", "202");
    let counts = world.engine.counts();
    assert_eq!((counts.calls_begun, counts.calls_refused), (1, 1));
}

#[test]
fn each_fault_has_its_answer() {
    let sdp = "Content-Type: application/sdp\r\n";
    let invite = |more: &str, body: &str| request("INVITE", &format!("sip:800@{SWITCH}"), more, body);
    let uri = format!("sip:800@{SWITCH}");
    let cases = [
        (request("INVITE", "soap.beep://192.0.2.103:3002", sdp, SDP), 416),
        (request("OPTIONS", "nobody:nothing", "", ""), 416),
        (invite("Require: nothing-we-know\r\n", ""), 420),
        (invite("Content-Type: application/unknown\r\n", "what"), 415),
        (
            invite(
                "Content-Type: multipart/mixed;boundary=x\r\n",
                "--x\r\nContent-Type: text/plain\r\n\r\nno\r\n--x--",
            ),
            415,
        ),
        (invite("Content-Type: multipart/mixed;boundary=\r\n", "--"), 415),
        // Its description is found, and read (RFC 5621): that codec nobody has.
        (
            invite(
                "Content-Type: multipart/mixed; boundary=\"x\"\r\n",
                &format!(
                    "--x\r\nContent-Type: application/sdp\r\n\r\n{}\r\n--x--",
                    SDP.replace("RTP/AVP 0", "RTP/AVP 18")
                ),
            ),
            488,
        ),
        (invite(&format!("{sdp}Accept: text/plain\r\n"), SDP), 406),
        (invite(sdp, &SDP.replace("RTP/AVP 0", "RTP/AVP 18")), 488),
        (invite(sdp, &SDP.replace("RTP/AVP", "RTP/SAVP")), 488),
        (invite(sdp, "v=0\r\nnonsense"), 488),
        (invite(sdp, SDP).replace("Max-Forwards: 70", "Max-Forwards: 0"), 483),
        (request("INVITE", &format!("sip:nobody@{SWITCH}"), sdp, SDP), 404),
        (request("INVITE", &format!("sip:{SWITCH}"), sdp, SDP), 404),
        (request("PUBLISH", &uri, "", ""), 401),
        (request("SUBSCRIBE", &uri, "Event: presence\r\n", ""), 401),
        (request("FROBNICATE", &uri, "", ""), 501),
        (request("OPTIONS", &uri, "", "").replace("Max-Forwards: 70", "Max-Forwards: 0"), 200),
        (request("BYE", &uri, "", "").replace(&format!("<{uri}>\r\nCall"), &format!("<{uri}>;tag=x\r\nCall")), 481),
        (request("REGISTER", &format!("sip:{SWITCH}"), "", ""), 401),
    ];
    let mut world = World::new(60);
    for (packet, expected) in cases {
        assert_eq!(status(&mut world, CARRIER, &packet), Some(expected), "{packet}");
    }
    world.assert_nothing_left();
}

/// RFC 3966: a number is a number however it is written.
#[test]
fn a_tel_uri_is_dialled_like_any_other() {
    let mut world = World::new(61);
    let sdp = "Content-Type: application/sdp\r\n";
    for uri in
        ["tel:800", "tel:8-0(0);phone-context=example.com", &format!("sip:800;phone-context=x@{SWITCH};user=phone")]
    {
        let packet = request("INVITE", uri, sdp, SDP);
        assert_eq!(status(&mut world, CARRIER, &packet), Some(200), "the queue takes {uri}");
    }
}

#[test]
fn options_tells_what_we_can() {
    let mut world = World::new(61);
    let options = request("OPTIONS", &format!("sip:{SWITCH}"), "", "");
    let reply = answer(&mut world, CARRIER, &options).unwrap();
    assert_eq!(reply.status(), Some(200));
    for name in [Name::Allow, Name::Supported, Name::Accept] {
        assert!(reply.header(name).is_some(), "{name:?}");
    }
    let reply = answer(&mut world, CARRIER, &request("NOTIFY", &format!("sip:{SWITCH}"), "", "")).unwrap();
    assert!(reply.header(Name::Allow).unwrap().contains("INVITE"), "405 says what would do");
}

/// SW-19: a stranger's OPTIONS by datagram is answered at its own length: a forged one sends nobody more than it cost.
#[test]
fn sw_19_a_strangers_options_gets_no_more_than_it_is_long() {
    let mut world = World::new(61);
    for more in ["", &format!("Subject: {}\r\n", "x".repeat(200)), &format!("Subject: {}\r\n", "x".repeat(900))] {
        let options = request("OPTIONS", &format!("sip:{SWITCH}"), more, "");
        let reply = answer(&mut world, "192.0.2.7:7000", &options).unwrap();
        assert_eq!(reply.status(), Some(200));
        let (came, went) = (options.len(), reply.bytes().len());
        assert!(went <= came.max(350) + 40, "{went} octets for {came}: {}", String::from_utf8_lossy(reply.bytes()));
        assert_eq!(reply.header(Name::AcceptLanguage).is_some(), more.len() > 900);
    }
}

/// What comes straight back to us, or has been here before, is a loop.
#[test]
fn loops_are_cut() {
    let mut world = World::new(62);
    let invite = request("INVITE", &format!("sip:800@{SWITCH}"), "Content-Type: application/sdp\r\n", SDP);
    let via = format!("Via: SIP/2.0/UDP {SWITCH};branch=z9hG4bKours\r\n");
    let again = invite.replace("Max-Forwards", &format!("{via}Max-Forwards"));
    assert_eq!(status(&mut world, CARRIER, &again), Some(482));
    world.assert_nothing_left();
}

/// Whether a user exists, and what was wrong, can't be told from outside.
#[test]
fn unknown_users_look_like_wrong_passwords() {
    let mut world = World::new(63);
    let mut seen = Vec::new();
    for (port, name) in [(7001, "ana"), (7002, "nosuchuser")] {
        let at = world.add_phone(&format!("127.0.0.1:{port}"), "wrong");
        world.register(at, name);
        let texts: Vec<String> = world
            .sent
            .iter()
            .filter(|(to, _, _)| *to == at)
            .map(|(_, message, _)| {
                let names: Vec<&str> = message.lines().map(|(name, _, _)| name).collect();
                format!("{:?} {names:?}", message.status())
            })
            .collect();
        seen.push(texts);
        assert!(world.engine.registrar.is_empty());
    }
    assert_eq!(seen[0], seen[1]);
    assert!(seen[0].len() >= 2, "challenged, then refused: {seen:?}");
}

fn bans(world: &mut World) -> Vec<(String, Option<String>)> {
    let orders = std::mem::take(&mut world.gate).into_iter();
    let ban = |order| match order {
        GateOrder::Ban { source, user, .. } => Some((source.to_string(), user.map(String::from))),
        GateOrder::Known { .. } | GateOrder::Unknown { .. } => None,
    };
    orders.filter_map(ban).collect()
}

/// SW-19: who guesses a password is banned for that user after ten times, who guesses for many users altogether; an address
/// where somebody is registered never altogether, and not for a user who is registered there: his further phones are heard,
/// and the guesser is told no.
#[test]
fn sw_19_guessers_are_banned_and_the_real_user_is_not() {
    let mut world = World::new(66);
    let ana = world.phone("ana", 6001);
    assert!(world.gate.iter().any(|order| matches!(order, GateOrder::Known { remote, .. } if *remote == ana)));
    bans(&mut world);
    let (eve, away) = (world.add_phone("127.0.0.1:6666", "wrong"), world.add_phone("127.0.0.8:6666", "wrong"));
    for _ in 0..15 {
        world.register(eve, "ana");
        world.register(away, "ana");
    }
    assert_eq!(bans(&mut world), [("127.0.0.8".to_owned(), Some("ana".to_owned()))]);
    world.register(ana, "ana");
    assert_eq!(world.response(ana), Some(200), "her own phone is heard");
    world.phone("ana", 6010);
    let (near, far) = (world.add_phone("127.0.0.1:6667", "wrong"), world.add_phone("127.0.0.9:6668", "wrong"));
    for number in 0..60 {
        world.register(near, &format!("u{number}"));
        world.register(far, &format!("u{number}"));
    }
    assert_eq!(bans(&mut world), [("127.0.0.9".to_owned(), None)]);
    // At last she has guessed it, and is not heard all the same.
    let eve = world.add_phone("127.0.0.1:6666", "pw-ana");
    world.register(eve, "ana");
    assert_eq!(world.response(eve), Some(403));
    world.pass(std::time::Duration::from_secs(400));
    let eve = world.add_phone("127.0.0.1:6666", "wrong");
    world.register(eve, "ana");
    assert_eq!((world.response(eve), bans(&mut world)), (Some(403), Vec::new()), "a new count");
}

/// SW-19: a phone that un-registers, to start anew, is let in again whatever is guessed beside it meanwhile; who guessed, and
/// whoever guesses further, is not.
#[test]
fn sw_19_a_phone_that_starts_anew_beside_a_guesser_is_heard() {
    let mut world = World::new(68);
    let ana = world.phone("ana", 6001);
    let eve = world.add_phone("127.0.0.1:6666", "wrong");
    for _ in 0..15 {
        world.register(eve, "ana");
    }
    bans(&mut world);
    world.register_with(ana, "ana", &[("Contact", "*".to_owned()), ("Expires", "0".to_owned())]);
    assert_eq!(world.response(ana), Some(200));
    for port in 6700..6770 {
        let other = world.add_phone(&format!("127.0.0.1:{port}"), "wrong");
        world.register(other, "ana");
    }
    assert_eq!(bans(&mut world), []);
    let eve = world.add_phone("127.0.0.1:6666", "pw-ana");
    world.register(eve, "ana");
    assert_eq!(world.response(eve), Some(403), "too late");
    world.register(ana, "ana");
    assert_eq!(world.response(ana), Some(200), "where she was before");
}

/// Of two guessers in one second both are told; a crowd of them doesn't fill the log.
#[test]
fn each_guesser_is_an_alarm_and_a_crowd_is_some() {
    let mut world = World::new(70);
    for host in 1..=40 {
        let eve = world.add_phone(&format!("127.0.1.{host}:6666"), "wrong");
        for _ in 0..10 {
            world.register(eve, "ana");
        }
    }
    let told: Vec<_> = world.alarms.iter().map(|alarm| format!("{alarm:?}")).collect();
    assert!(told[1].contains("127.0.1.2"), "{told:?}");
    assert!((16..40).contains(&told.len()), "{told:?}");
}

/// SW-19: who has a /64 of IPv6 is one source: banned after ten guesses from ten addresses. Where somebody is registered in it,
/// it is not banned as a whole, nor for that user.
#[test]
fn sw_19_a_guesser_with_a_64_is_banned() {
    let mut world = World::new(71);
    let ana = world.add_phone("[2001:db8:0:1::5]:6001", "pw-ana");
    world.register(ana, "ana");
    assert_eq!(world.response(ana), Some(200));
    bans(&mut world);
    for host in 1..=10 {
        let eve = world.add_phone(&format!("[2001:db8:0:2::{host}]:6666"), "wrong");
        world.register(eve, "ana");
    }
    assert_eq!(bans(&mut world), [("2001:db8:0:2::10".to_owned(), Some("ana".to_owned()))]);
    for number in 0..60 {
        let eve = world.add_phone(&format!("[2001:db8:0:1::a{number}]:6666"), "wrong");
        world.register(eve, if number < 15 { "ana" } else { "rui" });
    }
    assert_eq!(bans(&mut world), [("2001:db8:0:1::a24".to_owned(), Some("rui".to_owned()))]);
    world.register(ana, "ana");
    assert_eq!(world.response(ana), Some(200), "her own phone is heard");
}

/// SEMANTICS 9: who is registered is spared limits though another account of the same address leaves.
#[test]
fn an_address_is_known_while_anybody_is_registered_from_it() {
    let mut world = World::new(69);
    let at = world.phone("ana", 6001);
    for name in ["rui", "ana"] {
        world.phones.get_mut(&at).unwrap().password = format!("pw-{name}");
        if name == "rui" {
            world.register(at, name);
            assert_eq!(world.response(at), Some(200));
        }
        world.gate.clear();
        world.register_with(at, name, &[("Contact", "*".to_owned()), ("Expires", "0".to_owned())]);
        assert_eq!(world.response(at), Some(200));
        let forgotten = world.gate.contains(&GateOrder::Unknown { remote: at });
        assert_eq!(forgotten, name == "ana", "{name} has left");
    }
}

/// SW-19: whoever writes another's address into his datagrams can't have him banned, since he never hears a nonce for it; nor
/// does a mere difference in the address that credentials were made for count.
#[test]
fn sw_19_a_forged_source_bans_nobody() {
    let mut world = World::new(67);
    let uri = "sip:strowger.test";
    let zeros = "0".repeat(64);
    for number in 0..120 {
        let user = if number < 60 { format!("u{number}") } else { "ana".to_owned() };
        let proof = format!(
            "Authorization: Digest username=\"{user}\",realm=\"{REALM}\",nonce=\"{zeros}\",uri=\"{uri}\",\
             response=\"{zeros}\"\r\n"
        );
        let text = request("REGISTER", uri, &proof, "");
        let reply = answer(&mut world, "127.0.0.9:7000", &text).unwrap();
        assert_eq!(reply.status(), Some(401));
        assert!(reply.header(Name::WwwAuthenticate).unwrap().contains("stale=true"));
    }
    assert_eq!((bans(&mut world), world.alarms.len()), (Vec::new(), 0));
    let nonce = |world: &mut World| {
        let reply = answer(world, "127.0.0.9:7000", &request("REGISTER", uri, "", "")).unwrap();
        let challenge = reply.header(Name::WwwAuthenticate).unwrap().to_owned();
        challenge.split("nonce=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
    };
    for (uri_of_digest, refused) in [("sip:elsewhere.test", 400), ("sip:strowger.test:5060", 403)] {
        for _ in 0..10 {
            let nonce = nonce(&mut world);
            let proof = format!(
                "Authorization: Digest username=\"ana\",realm=\"{REALM}\",nonce=\"{nonce}\",uri=\"{uri_of_digest}\",\
                 response=\"{zeros}\"\r\n"
            );
            assert_eq!(status(&mut world, "127.0.0.9:7000", &request("REGISTER", uri, &proof, "")), Some(refused));
        }
        let expected = if refused == 403 { vec![("127.0.0.9".to_owned(), Some("ana".to_owned()))] } else { Vec::new() };
        assert_eq!(bans(&mut world), expected, "{uri_of_digest}");
    }
}

/// Hidden callers stay hidden from users, and headers that only we write can't be forged.
#[test]
fn what_a_caller_sends_is_passed_with_care() {
    let mut world = World::new(64);
    let (ana, carrier) = (world.phone("ana", 6001), CARRIER.parse().unwrap());
    let body = world.phones[&carrier].offer();
    world.call_with(carrier, "+351210000001", "201", Some(body), |invite| {
        invite.headers.push(("Privacy".into(), "id".into()));
        invite.headers.push(("User-to-User".into(), "3132;encoding=hex".into()));
        invite.headers.push(("X-Account".into(), "77".into()));
        invite.headers.push(("X-Strowger-Queue".into(), "forged".into()));
        invite.max_forwards = 7;
    });
    let (_, invite) = world.incoming(ana).unwrap();
    let text = String::from_utf8_lossy(invite.bytes()).into_owned();
    assert!(!text.contains("+351210000001") && text.contains("anonymous"), "{text}");
    assert_eq!(invite.other("User-to-User"), Some("3132;encoding=hex"));
    assert_eq!(invite.other("X-Account"), Some("77"));
    assert_eq!(invite.other("X-Strowger-Queue"), None);
    assert_eq!(invite.max_forwards(), Some(6));
}

/// SW-07, RFC 3261 20.43: who wants his sound where none of ours can go is told so, and nothing of his call remains.
#[test]
fn sw_07_an_offer_of_another_family_is_refused_with_its_reason() {
    let mut world = World::new(480);
    let mut rui = super::writer::Writer::new("rui", 7002);
    let described = |place: &str| {
        format!("v=0\r\no=- 1 1 IN {place}\r\ns=-\r\nc=IN {place}\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n")
    };
    for (place, status, warning) in [
        ("IP6 2001:db8::7", 488, Some("301 strowger \"Incompatible network address formats\"")),
        ("IP4 224.0.0.7", 488, Some("304 strowger \"Media type not available\"")),
        ("IP4 127.0.0.1", 200, None),
    ] {
        let answer = rui.ask(&mut world, "INVITE", "800", ("Content-Type: application/sdp\r\n", &described(place)));
        assert_eq!((answer.status(), answer.other("Warning")), (Some(status), warning), "{place}");
        let calls = usize::from(status == 200);
        assert_eq!(world.engine.switch.counts().calls, calls, "{place}");
    }
}

/// SW-07, RFC 3261 20.43: the same inside a call, which goes on as it was.
#[test]
fn sw_07_a_reinvite_of_another_family_is_refused_with_its_reason() {
    let mut world = World::new(481);
    let rui = world.phone("rui", 6002);
    let usage = world.call(rui, "rui", "800");
    assert!(world.is_answered(rui));
    world.command(rui, |stack, now| stack.ack(now, usage, None));
    let offer =
        "v=0\r\no=- 1 2 IN IP6 2001:db8::7\r\ns=-\r\nc=IN IP6 2001:db8::7\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n";
    world.sent.clear();
    world.reinvite(rui, usage, Some(Body::sdp(offer)));
    let answer = world.sent.iter().map(|(_, message, _)| message).find(|message| message.status() == Some(488));
    let answer = answer.expect("it is refused");
    assert_eq!(answer.other("Warning"), Some("301 strowger \"Incompatible network address formats\""));
    assert_eq!(world.engine.counts().calls, 1);
    world.sent.clear();
    world.reinvite(rui, usage, Some(Body::new("text/plain", "x")));
    let answer = world.sent.iter().map(|(_, message, _)| message).find(|message| message.status() == Some(415));
    assert_eq!(answer.and_then(|answer| answer.header(Name::Accept)), Some("application/sdp"));
    world.bye(rui, usage);
    assert_eq!(world.engine.counts().calls, 0);
}
