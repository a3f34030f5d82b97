//! What strangers send, and what it must not do.

use super::world::{EVE, MS, World, address, answer, in_dialog_text, invite_text, talking_by_hand};
use crate::{
    sip::{Event, Party, Reply, Request, StackCounts, Transport},
    wire::sip::{Method, Name},
};

/// Tags are 64 unguessable bits: whoever has not all three gets 481, and the call lives.
#[test]
fn a_spoofed_request_finds_no_call() {
    let eve = address(EVE);
    let (mut world, _, ok) = talking_by_hand(1, "");
    let to = ok.to_tag().unwrap().to_owned();
    let wrong = [
        (to.as_str(), "0000000000000000"),
        ("evetag", "other"),
        ("hand-made", "other-call"),
        (&to, "short"),
        (&to, "ZZZZZZZZZZZZZZZZ"),
    ];
    for method in ["BYE", "INVITE", "UPDATE", "INFO", "OPTIONS", "REFER", "PRACK", "NOTIFY"] {
        for (at, (right, other)) in wrong.iter().enumerate() {
            let cseq = 10 + u32::try_from(at).unwrap();
            world.inject(eve, 0, &in_dialog_text(eve, &ok, method, cseq, "", "x").replace(right, other));
        }
        world.run(MS(10));
        assert_eq!(world.statuses(method), [481; 5], "{method}");
    }
    assert!(world.events(0).is_empty());
    assert_eq!(world.counts()[0].usages, 1);
    let cancel = invite_text(eve, "z9hG4bKguess", "", "").replace("INVITE", "CANCEL");
    world.inject(eve, 0, &cancel);
    world.run(MS(10));
    assert_eq!(world.statuses("CANCEL"), [481]);
}

/// Requests inside a call must come in order (12.2.2).
#[test]
fn an_overtaken_request_is_refused() {
    let eve = address(EVE);
    let (mut world, _, ok) = talking_by_hand(2, "");
    world.inject(eve, 0, &in_dialog_text(eve, &ok, "INFO", 9, "", "x"));
    for cseq in [1, 8] {
        world.inject(eve, 0, &in_dialog_text(eve, &ok, "BYE", cseq, "", ""));
    }
    world.run(MS(10));
    assert_eq!(world.statuses("BYE"), [500, 500]);
    assert_eq!(world.counts()[0].usages, 1);
}

/// SW-01: where responses go: the source address, the source port only with `rport`, never `maddr`.
#[test]
fn an_answer_goes_where_the_request_came_from() {
    let source = address("10.0.0.66:40000");
    let cases = [
        ("10.0.0.66:5062;branch=z9hG4bKa", "10.0.0.66:5062", None, None),
        ("10.0.0.66;branch=z9hG4bKb", "10.0.0.66:5060", None, None),
        ("10.0.0.66:5062;branch=z9hG4bKc;rport", "10.0.0.66:40000", Some("10.0.0.66"), Some(40000)),
        ("9.9.9.9:5062;branch=z9hG4bKd", "10.0.0.66:5062", Some("10.0.0.66"), None),
        ("9.9.9.9:5062;maddr=8.8.8.8;branch=z9hG4bKe", "10.0.0.66:5062", Some("10.0.0.66"), None),
        ("victim.example;branch=z9hG4bKf;received=8.8.8.8;rport=53", "10.0.0.66:40000", Some("10.0.0.66"), Some(40000)),
    ];
    for (via, expected, received, rport) in cases {
        let mut world = World::new(3, 1, Transport::Udp);
        let text = invite_text(source, "x", "", "")
            .replace("INVITE", "PUBLISH")
            .replace("10.0.0.66:40000;branch=x;rport", via);
        world.inject(source, 0, &text);
        world.run(MS(10));
        let (to, answer) = &world.post[0];
        assert_eq!((answer.status(), *to), (Some(405), address(expected)), "{via}");
        let back = answer.top_via().unwrap();
        assert_eq!(back.received().map(|ip| ip.to_string()).as_deref(), received, "{via}");
        assert_eq!(back.rport().flatten(), rport, "{via}");
    }
}

/// A challenge costs no memory and goes out once per request, even for an INVITE over UDP.
#[test]
fn a_challenge_leaves_nothing_behind() {
    let eve = address(EVE);
    for method in ["INVITE", "OPTIONS"] {
        let mut world = World::new(4, 1, Transport::Udp);
        let text = invite_text(eve, "z9hG4bK1", "", "offer").replace("INVITE", method);
        for _ in 0..3 {
            world.inject(eve, 0, &text);
            let event = world.ends[0].events.pop();
            let (stack, now) = world.stack(0);
            match event {
                Some(Event::Invite { usage, .. }) => stack.respond(now, usage, Reply::new(407)),
                Some(Event::Request { transaction, .. }) => stack.reply(now, transaction, Reply::new(407)),
                other => panic!("{other:?}"),
            }
        }
        world.drain();
        assert_eq!((world.counts()[0].transactions, world.counts()[0].usages), (0, 0));
        world.run(MS(40_000));
        assert_eq!(world.statuses(method), [407; 3]);
        let to = world.last_answer(method).header(Name::To).unwrap().to_owned();
        let ack = text.replace(method, "ACK").replace("To: <sip:bob@10.0.0.1>", &format!("To: {to}"));
        world.inject(eve, 0, &ack);
        assert_eq!(world.counts()[0], StackCounts::default());
    }
}

/// `once` is for any other refusal of a stranger.
#[test]
fn a_stranger_is_refused_without_memory() {
    let eve = address(EVE);
    let mut world = World::new(5, 1, Transport::Udp);
    world.inject(eve, 0, &invite_text(eve, "z9hG4bK1", "", "offer"));
    let usage = world.invited(0);
    let (stack, now) = world.stack(0);
    stack.respond(now, usage, Reply::new(403).once());
    world.run(MS(40_000));
    assert_eq!(world.statuses("INVITE"), [403]);
    assert_eq!(world.counts()[0], StackCounts::default());
}

/// Stray answers and ACKs get nothing, wake nobody and leave nothing.
#[test]
fn strays_are_dropped() {
    let eve = address(EVE);
    let mut world = World::new(6, 1, Transport::Udp);
    world.inject(eve, 0, &invite_text(eve, "z9hG4bK1", "", "").replace("INVITE", "ACK"));
    let tagged = "To: <sip:bob@10.0.0.1>;tag=0123456789abcdef";
    let ack = invite_text(eve, "z9hG4bK2", "", "").replace("INVITE", "ACK").replace("To: <sip:bob@10.0.0.1>", tagged);
    world.inject(eve, 0, &ack);
    world.call(address("10.0.0.2:5060"));
    world.run(MS(20));
    let invite = world.last_request("INVITE");
    let via = invite.header(Name::Via).unwrap().to_owned();
    let branch = invite.top_via().unwrap().branch().unwrap().to_owned();
    let ok = answer(&invite, 200, "t", "Contact: <sip:b@10.0.0.2>\r\n", "x");
    for wrong in [
        ok.replace(&branch, "z9hG4bK0000000000000000f"),
        ok.replace(&branch, "z9hG4bKffffffffffffffff0"),
        ok.replace(&branch, "other"),
        ok.replace("1 INVITE", "1 BYE"),
        ok.replace(&format!("Via: {via}"), &format!("Via: {via}\r\nVia: SIP/2.0/UDP 1.2.3.4;branch=z9hG4bKx")),
    ] {
        world.inject(eve, 0, &wrong);
    }
    world.run(MS(20));
    assert!(world.events(0).is_empty());
    assert_eq!(world.post.len(), 1);
}

/// The same INVITE over two ways of a fork before us is one call (8.2.2.2).
#[test]
fn a_merged_request_is_refused() {
    let eve = address(EVE);
    let mut world = World::new(7, 1, Transport::Udp);
    world.inject(eve, 0, &invite_text(eve, "z9hG4bK1", "", "offer"));
    world.inject(eve, 0, &invite_text(eve, "z9hG4bK2", "", "offer"));
    world.run(MS(10));
    assert_eq!((world.statuses("INVITE"), world.events(0).len()), (vec![482], 1));
}

/// What we can't do is said without remembering who asked.
#[test]
fn what_we_cant_do_is_refused_by_number() {
    let eve = address(EVE);
    let cases = [
        ("FROBNICATE", "", "sip:bob@10.0.0.1", 501),
        ("PUBLISH", "", "sip:bob@10.0.0.1", 405),
        ("OPTIONS", "Require: 100rel, nothing, other\r\n", "sip:bob@10.0.0.1", 420),
        ("INVITE", "", "isbn:123", 416),
        ("BYE", "", "sip:bob@10.0.0.1", 481),
        ("PRACK", "", "sip:bob@10.0.0.1", 481),
    ];
    for (method, more, uri, status) in cases {
        let mut world = World::new(8, 1, Transport::Udp);
        let text =
            invite_text(eve, "z9hG4bK1", more, "").replace("INVITE sip:bob@10.0.0.1 ", &format!("INVITE {uri} "));
        let text = text.replace("INVITE", method);
        world.inject(eve, 0, &text);
        world.inject(eve, 0, &text);
        world.run(MS(10));
        assert_eq!(world.statuses(method), [status; 2]);
        assert_eq!(world.post[0].1.bytes(), world.post[1].1.bytes());
        let refusal = world.last_answer(method);
        let (name, expected) = match status {
            420 => (Name::Unsupported, Some("nothing, other")),
            405 | 501 => (Name::Allow, refusal.header(Name::Allow).filter(|allow| allow.contains("INVITE, ACK"))),
            _ => (Name::Allow, None),
        };
        assert_eq!(refusal.header(name), expected);
        assert_eq!(world.counts()[0], StackCounts::default());
    }
    let mut world = World::new(9, 1, Transport::Udp);
    let bare = invite_text(eve, "z9hG4bK1", "", "").replace("Contact: <sip:eve@10.0.0.66:5060>\r\n", "");
    world.inject(eve, 0, &bare);
    world.run(MS(10));
    assert_eq!(world.statuses("INVITE"), [400]);
}

/// A full table forgets the answered ones first, then says 503; our own calls wait with the rest.
#[test]
fn a_flood_fills_the_table_and_no_more() {
    let eve = address(EVE);
    let mut world = World::with(10, 1, Transport::Udp, |settings| settings.transactions_max = 100);
    let flood = |world: &mut World, from: usize, to: usize| {
        for n in from..to {
            world.inject(eve, 0, &invite_text(eve, &format!("z9hG4bK{n}"), "", "").replace("INVITE", "OPTIONS"));
        }
    };
    flood(&mut world, 0, 100);
    let asked: Vec<_> = world.ends[0].events.drain(..).collect();
    for event in asked.iter().take(50) {
        let Event::Request { transaction, .. } = event else { panic!() };
        let (stack, now) = world.stack(0);
        stack.reply(now, *transaction, Reply::new(200));
    }
    flood(&mut world, 100, 150);
    assert_eq!((world.counts()[0].transactions, world.events(0).len()), (100, 50));
    flood(&mut world, 150, 160);
    world.run(MS(10));
    assert_eq!(world.statuses("OPTIONS").iter().filter(|status| **status == 503).count(), 10);
    assert_eq!((world.counts()[0].transactions, world.events(0).len()), (100, 50));
    let path = world.path(0, eve);
    let (stack, now) = world.stack(0);
    let party = Party::new("sip:x@y");
    stack.request(now, Request::outside(Method::Options, path, "sip:x@y", party.clone(), party));
    world.drain();
    assert!(matches!(world.events(0).last(), Some(Event::Response { status: 503, response: None, .. })));
    world.settle();
}

/// Nothing that a user part or a header of theirs holds breaks out of its line in what we send.
#[test]
fn what_they_write_stays_in_its_place() {
    let mut world = World::new(11, 1, Transport::Udp);
    let mut invite = world.invite_to(0, address("10.0.0.2:5060"), Some("offer"));
    invite.contact_user = "a b\r\nVia: x<>\"".into();
    invite.from = Party::named("Eve\r\nVia: evil\" <sip:x>", "sip:eve@10.0.0.1");
    invite.headers.push(("X-Note".into(), "one\r\nVia: two".into()));
    let (stack, now) = world.stack(0);
    stack.invite(now, invite);
    world.run(MS(20));
    let sent = world.last_request("INVITE");
    assert_eq!(sent.headers(Name::Via).count(), 1);
    assert_eq!(sent.header(Name::Contact), Some("<sip:a%20b%0D%0AVia%3A%20x%3C%3E%22@10.0.0.1:5060>"));
    assert_eq!(sent.from().unwrap().uri_text, "sip:eve@10.0.0.1");
}
