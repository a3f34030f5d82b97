//! Calls that go well, and those that simply end.

use super::world::{Line, MS, World, address, answer};
use crate::{
    base::Private,
    sip::{Body, Credentials, Ended, Event, Fault, Party, Reply, Request, Target, Transport},
    wire::sip::{Method, Name},
};

/// SW-02: two dialogs, own Call-ID and tags; a call is set up, talked, and ended by either side, over both transports.
#[test]
fn a_call_is_set_up_and_ended_and_nothing_is_left() {
    for transport in [Transport::Udp, Transport::Tcp] {
        for hangs_up in [0, 1] {
            let mut world = World::new(1, 2, transport);
            let bob = world.ends[1].address;
            let ours = world.call(bob);
            world.run(MS(50));
            let theirs = world.invited(1);
            let (stack, now) = world.stack(1);
            stack.respond(now, theirs, Reply::new(180));
            world.run(MS(50));
            assert!(matches!(world.events(0), [Event::Provisional { status: 180, .. }]));
            let (stack, now) = world.stack(1);
            stack.respond(now, theirs, Reply::new(200).body(Body::sdp("answer")));
            world.run(MS(3000));
            let answered = &world.events(0)[1];
            let Event::Answered { body: Some(body), needs_ack_body: false, .. } = answered else {
                panic!("{answered:?}")
            };
            assert_eq!(body, &Body::sdp("answer"));
            assert!(matches!(world.events(1), [Event::Invite { .. }, Event::Acked { body: None, .. }]));
            world.forget();
            let (stack, now) = world.stack(hangs_up);
            let reason = Some("Q.850;cause=16".to_owned());
            stack.bye(now, [ours, theirs][hangs_up], reason.clone());
            world.run(MS(50));
            let other = &world.events(1 - hangs_up)[0];
            let Event::Ended { why, .. } = other else { panic!("{other:?}") };
            assert_eq!(why, &Ended::Bye { reason });
            assert!(world.events(hangs_up).is_empty());
            assert!(world.counts().iter().all(|counts| counts.usages == 0));
            world.settle();
        }
    }
}

/// SW-02: whatever the line does within reason, a call comes up once and goes down once.
#[test]
fn a_bad_line_changes_nothing_but_time() {
    for seed in 0..150 {
        let mut world = World::new(seed, 2, Transport::Udp);
        world.line = Line { loss: 25, copies: 20, disorder: 30 };
        let bob = world.ends[1].address;
        let ours = world.call(bob);
        world.run(MS(20_000));
        if world.ends[1].events.is_empty() {
            // Seven INVITEs lost in a row.
            world.settle();
            continue;
        }
        let theirs = world.invited(1);
        assert_eq!(world.events(1).iter().filter(|e| matches!(e, Event::Invite { .. })).count(), 1, "seed {seed}");
        let (stack, now) = world.stack(1);
        stack.respond(now, theirs, Reply::new(180));
        stack.respond(now, theirs, Reply::new(200).body(Body::sdp("answer")));
        world.run(MS(28_000));
        let answered = world.events(0).iter().filter(|e| matches!(e, Event::Answered { .. })).count();
        let acked = world.events(1).iter().filter(|e| matches!(e, Event::Acked { .. })).count();
        assert!(answered <= 1 && acked <= 1, "seed {seed}");
        assert!(answered == 1 || acked == 0, "seed {seed}");
        let (stack, now) = world.stack(0);
        stack.bye(now, ours, None);
        world.line = Line::default();
        world.settle();
        let ends = world.events(1).iter().filter(|e| matches!(e, Event::Ended { .. })).count();
        assert_eq!(ends, 1, "seed {seed}: {:?}", world.events(1));
    }
}

#[test]
fn a_busy_callee_is_told_once_and_acknowledged() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let mut world = World::new(3, 2, transport);
        let bob = world.ends[1].address;
        world.call(bob);
        world.run(MS(50));
        let theirs = world.invited(1);
        let (stack, now) = world.stack(1);
        stack.respond(now, theirs, Reply::new(486).header("Reason", "Q.850;cause=17"));
        world.run(MS(2000));
        let [Event::Rejected { status: 486, why: Fault::Refused, response: Some(response), .. }] = world.events(0)
        else {
            panic!("{:?}", world.events(0))
        };
        assert_eq!(response.header(Name::Reason), Some("Q.850;cause=17"));
        world.settle();
    }
}

#[test]
fn nobody_answers_and_the_caller_is_told_after_64_t1() {
    let silent = address("10.9.9.9:5060");
    for (transport, sent) in [(Transport::Udp, 7), (Transport::Tcp, 1)] {
        let mut world = World::new(4, 1, transport);
        world.call(silent);
        world.run(MS(31_900));
        assert!(world.events(0).is_empty());
        assert_eq!(world.sent_requests("INVITE"), sent);
        world.run(MS(200));
        assert!(matches!(world.events(0), [Event::Rejected { status: 408, response: None, why: Fault::Silent, .. }]));
        world.settle();
    }
}

#[test]
fn an_unreachable_callee_is_told_at_once() {
    let nowhere = address("10.9.9.9:5060");
    let mut world = World::new(4, 1, Transport::Udp);
    world.call(nowhere);
    world.run(MS(10));
    let (stack, now) = world.stack(0);
    stack.handle_unreachable(now, Transport::Tcp, nowhere);
    stack.handle_unreachable(now, Transport::Udp, nowhere);
    world.run(MS(10));
    assert!(matches!(world.events(0), [Event::Rejected { status: 503, why: Fault::Unreachable, .. }]));
    world.settle();
}

/// A long INVITE takes TCP where it may, and UDP after all when that is refused (RFC 3261 18.1.1).
#[test]
fn a_long_invite_takes_tcp_and_comes_back_when_refused() {
    let bob = address("10.0.0.2:5060");
    for refused in [false, true] {
        let mut world = World::new(5, 1, Transport::Udp);
        let mut invite = world.invite_to(0, bob, Some("offer"));
        invite.large_by_tcp = true;
        let short = invite.clone();
        invite.headers.push(("X-Long".into(), "x".repeat(1300)));
        let (stack, now) = world.stack(0);
        stack.invite(now, short);
        stack.invite(now, invite);
        world.run(MS(20));
        let by = |world: &World| -> Vec<String> {
            world.post.iter().filter_map(|(_, m)| Some(m.top_via().ok()?.transport.to_owned())).collect()
        };
        assert_eq!(by(&world), ["UDP", "TCP"]);
        assert!(world.last_request("INVITE").header(Name::Contact).unwrap().contains(";transport=tcp"));
        if refused {
            let (stack, now) = world.stack(0);
            stack.handle_unreachable(now, Transport::Tcp, bob);
            world.run(MS(20));
            assert_eq!(by(&world), ["UDP", "TCP", "UDP"]);
            let again = world.last_request("INVITE");
            assert_eq!(again.header(Name::Contact), Some("<sip:alice@10.0.0.1:5060>"));
            let (stack, now) = world.stack(0);
            stack.handle_unreachable(now, Transport::Udp, bob);
            world.run(MS(20));
            assert_eq!(world.events(0).len(), 2);
        }
        world.settle();
    }
}

/// One end in a call with a peer whose messages lie in the post, to whom it sends a long request.
fn sends_a_long(method: &str, datagram_max: Option<usize>) -> World {
    let bob = address("10.0.0.2:5060");
    let mut world = World::new(5, 1, Transport::Udp);
    let ours = world.call(bob);
    world.run(MS(20));
    let contact = "Contact: <sip:bob@10.0.0.2:5060>\r\n";
    let ok = answer(&world.last_request("INVITE"), 200, "bobtag", contact, "answer");
    world.inject(bob, 0, &ok);
    world.run(MS(20));
    world.forget();
    let path = world.path(0, bob);
    let (stack, now) = world.stack(0);
    datagram_max.into_iter().for_each(|most| stack.send_large_by_tcp(ours, most));
    let body = Some(Body::sdp("x".repeat(1_300)));
    match method {
        "INVITE" => stack.reinvite(now, ours, body),
        "UPDATE" => stack.update(now, ours, body),
        "NOTIFY" => drop(stack.request(now, Request { body, ..Request::inside(Method::Notify, ours) })),
        _ => {
            let mut request =
                Request::outside(Method::Message, path, "sip:b@h", Party::new("sip:a@h"), Party::new("sip:b@h"));
            let Target::Outside(outside) = &mut request.target else { unreachable!() };
            outside.datagram_max = datagram_max;
            stack.request(now, Request { body, ..request });
        }
    }
    world.run(MS(20));
    world
}

/// SW-03: what is long inside a call, or a text, takes TCP like an INVITE for a new one, and UDP when that is refused; to a
/// registered device it goes the way of its dialog.
#[test]
fn sw_03_a_long_request_takes_tcp_and_comes_back_when_refused() {
    let bob = address("10.0.0.2:5060");
    for method in ["INVITE", "UPDATE", "NOTIFY", "MESSAGE"] {
        let by = |world: &World| -> Vec<String> {
            let requests = world.post.iter().filter(|(_, m)| m.method().is_some_and(|own| own.as_str() == method));
            requests.filter_map(|(_, m)| Some(m.top_via().ok()?.transport.to_owned())).collect()
        };
        assert_eq!(by(&sends_a_long(method, None)), ["UDP"], "{method} to a registered device");
        let mut world = sends_a_long(method, Some(1_300));
        assert_eq!(by(&world), ["TCP"], "{method}");
        let first = world.last_request(method);
        assert_eq!(first.body().len(), 1_300);
        for (transport, sent) in [(Transport::Tcp, &["TCP", "UDP"]), (Transport::Udp, &["TCP", "UDP"])] {
            let (stack, now) = world.stack(0);
            stack.handle_unreachable(now, transport, bob);
            world.run(MS(20));
            assert_eq!(by(&world), sent[..], "{method}");
        }
        let again = world.last_request(method);
        assert_eq!((again.cseq().number, again.body()), (first.cseq().number + 1, first.body()), "{method}");
    }
}

#[test]
fn a_lost_ack_is_repeated_and_a_missing_one_ends_the_call() {
    let eve = address("10.0.0.66:5060");
    let mut world = World::new(5, 1, Transport::Udp);
    world.inject(eve, 0, &super::world::invite_text(eve, "z9hG4bK1", "", "offer"));
    let usage = world.invited(0);
    let (stack, now) = world.stack(0);
    stack.respond(now, usage, Reply::new(200).body(Body::sdp("answer")));
    world.run(MS(31_900));
    // 0, 0.5, 1.5, 3.5, 7.5, then every 4 s.
    assert_eq!(world.statuses("INVITE").len(), 11);
    assert!(world.post.iter().all(|(_, m)| m.bytes() == world.post[0].1.bytes()), "every copy is the same");
    world.forget();
    world.run(MS(200));
    assert!(matches!(world.events(0), [Event::AckMissing { .. }, Event::Ended { why: Ended::Timeout, .. }]));
    assert_eq!(world.last_request("BYE").uri_text(), Some("sip:eve@10.0.0.66:5060"));
    world.settle();
}

/// The retransmitted 2xx gets the same ACK again, without anybody being told.
#[test]
fn a_2xx_that_comes_again_is_acknowledged_again() {
    let bob = address("10.0.0.2:5060");
    let mut world = World::new(6, 1, Transport::Udp);
    world.call(bob);
    world.run(MS(20));
    let ok = answer(&world.last_request("INVITE"), 200, "bobtag", "Contact: <sip:bob@10.0.0.2:5060>\r\n", "answer");
    for _ in 0..3 {
        world.inject(bob, 0, &ok);
    }
    world.run(MS(20));
    assert_eq!(world.sent_requests("ACK"), 3);
    assert_eq!(world.events(0).len(), 1);
    assert_eq!(world.sent_requests("BYE"), 0);
}

/// One retry with digest, with the credentials that were given for this call, and only one.
#[test]
fn a_challenge_is_answered_once() {
    let bob = address("10.0.0.2:5060");
    let challenge = "WWW-Authenticate: Digest realm=\"trunk\", nonce=\"abc\", algorithm=SHA-256, qop=\"auth\"\r\n\
                     WWW-Authenticate: Digest realm=\"trunk\", nonce=\"abc\", qop=\"auth\"\r\n";
    let mut world = World::new(7, 1, Transport::Udp);
    let mut invite = world.invite_to(0, bob, Some("offer"));
    invite.credentials = Some(Credentials {
        user: "u".into(),
        password: Private::new("p".into()),
        realm: Some("trunk".into()),
        account: None,
    });
    let (stack, now) = world.stack(0);
    stack.invite(now, invite);
    world.run(MS(20));
    let first = world.last_request("INVITE");
    world.inject(bob, 0, &answer(&first, 401, "x", challenge, ""));
    world.run(MS(20));
    let second = world.last_request("INVITE");
    assert_eq!((second.cseq().number, second.body()), (2, first.body()));
    assert_ne!(second.top_via().unwrap().branch(), first.top_via().unwrap().branch());
    let authorization = second.header(Name::Authorization).unwrap();
    assert!(authorization.contains("algorithm=SHA-256") && authorization.contains("username=\"u\""));
    world.inject(bob, 0, &answer(&second, 401, "y", challenge, ""));
    world.run(MS(20));
    assert_eq!(world.sent_requests("INVITE"), 2);
    assert!(matches!(world.events(0), [Event::Rejected { status: 401, .. }]));
    world.settle();
}

#[test]
fn a_strangers_challenge_gets_no_hash() {
    let bob = address("10.0.0.2:5060");
    let mut world = World::new(8, 1, Transport::Udp);
    let mut invite = world.invite_to(0, bob, Some("offer"));
    invite.credentials = Some(Credentials {
        user: "u".into(),
        password: Private::new("p".into()),
        realm: Some("trunk".into()),
        account: None,
    });
    let (stack, now) = world.stack(0);
    stack.invite(now, invite);
    world.run(MS(20));
    let challenge = "WWW-Authenticate: Digest realm=\"evil\", nonce=\"abc\"\r\n";
    world.inject(bob, 0, &answer(&world.last_request("INVITE"), 401, "x", challenge, ""));
    world.run(MS(20));
    assert!(matches!(world.events(0), [Event::Rejected { status: 401, .. }]));
    assert_eq!(world.sent_requests("INVITE"), 1);
}

#[test]
fn requests_inside_and_outside_a_call_are_answered() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let mut world = World::new(9, 2, transport);
        let (ours, theirs) = world.talking();
        let path = world.path(0, world.ends[1].address);
        let party = Party::new("sip:x@y");
        let (stack, now) = world.stack(0);
        let out = stack.request(now, Request::outside(Method::Options, path, "sip:bob@10.0.0.2", party.clone(), party));
        let inside = stack.request(now, Request::inside(Method::Notify, ours));
        stack.info(now, ours, Body::new("application/dtmf-relay", "Signal=1"));
        world.run(MS(50));
        let mut waiting = Vec::new();
        for event in world.events(1) {
            match event {
                Event::Request { transaction, usage, .. } => waiting.push((*transaction, *usage)),
                Event::Info { transaction, usage, .. } => waiting.push((*transaction, Some(*usage))),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(waiting.iter().map(|(_, usage)| *usage).collect::<Vec<_>>(), [None, Some(theirs), Some(theirs)]);
        let (stack, now) = world.stack(1);
        waiting.iter().for_each(|(transaction, _)| stack.reply(now, *transaction, Reply::new(200)));
        world.run(MS(50));
        let told: Vec<_> = world
            .events(0)
            .iter()
            .map(|e| match e {
                Event::Response { transaction, status: 200, .. } => *transaction,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(told[..2], [out, inside]);
        let (stack, now) = world.stack(0);
        stack.bye(now, ours, None);
        world.settle();
    }
}

/// RFC 4320: nobody here answered, and no 408 adds to the storm; the transaction goes all the same.
#[test]
fn a_forgotten_request_costs_no_answer_and_no_memory() {
    let eve = address("10.0.0.66:5060");
    let mut world = World::new(10, 1, Transport::Udp);
    let options = super::world::invite_text(eve, "z9hG4bK1", "", "").replace("INVITE", "OPTIONS");
    world.inject(eve, 0, &options);
    world.inject(eve, 0, &options);
    assert_eq!(world.events(0).len(), 1, "a repetition is no second request");
    world.settle();
    assert!(world.post.is_empty());
}
