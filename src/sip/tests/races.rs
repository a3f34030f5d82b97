//! Two things that happen at once, in both orders.

use super::world::{MS, World, address, answer, in_dialog_text, invite_text};
use crate::{
    base::FlowId,
    sip::{Body, Ended, Event, Fault, Reply, Transport, UsageId},
    wire::sip::{Message, Name},
};

const BOB: &str = "10.0.0.2:5060";
const EVE: &str = "10.0.0.66:5060";
const CONTACT: &str = "Contact: <sip:bob@10.0.0.2:5060>\r\n";

fn calling(seed: u64) -> (World, UsageId, Message) {
    let mut world = World::new(seed, 1, Transport::Udp);
    let usage = world.call(address(BOB));
    world.run(MS(20));
    let invite = world.last_request("INVITE");
    (world, usage, invite)
}

fn invited(seed: u64) -> (World, UsageId, String) {
    let mut world = World::new(seed, 1, Transport::Udp);
    let invite = invite_text(address(EVE), "z9hG4bK1", "", "offer");
    world.inject(address(EVE), 0, &invite);
    let usage = world.invited(0);
    (world, usage, invite)
}

fn cancel(world: &mut World, usage: UsageId) {
    let (stack, now) = world.stack(0);
    stack.cancel(now, usage, Some("SIP;cause=200;text=\"Call completed elsewhere\"".into()));
    world.run(MS(10));
}

/// SW-17: CANCEL waits for a sign of life, then goes at once, and carries the Reason.
#[test]
fn a_cancel_before_any_answer_waits_for_the_first() {
    let (mut world, usage, invite) = calling(1);
    cancel(&mut world, usage);
    assert_eq!(world.sent_requests("CANCEL"), 0);
    world.inject(address(BOB), 0, &answer(&invite, 100, "", "", ""));
    world.run(MS(10));
    let sent = world.last_request("CANCEL");
    assert_eq!(sent.header(Name::Via), invite.header(Name::Via));
    assert_eq!((sent.cseq().number, sent.uri_text(), sent.to_tag()), (1, invite.uri_text(), None));
    assert!(sent.header(Name::Reason).unwrap().contains("cause=200"));
    world.inject(address(BOB), 0, &answer(&invite, 180, "one", CONTACT, ""));
    world.inject(address(BOB), 0, &answer(&sent, 200, "one", "", ""));
    world.inject(address(BOB), 0, &answer(&invite, 487, "one", "", ""));
    world.run(MS(10));
    assert!(matches!(world.events(0), [Event::Rejected { status: 487, why: Fault::Cancelled, .. }]));
    assert_eq!((world.sent_requests("CANCEL"), world.sent_requests("ACK")), (1, 1));
    world.settle();
}

#[test]
fn a_cancelled_call_that_stays_silent_is_given_up() {
    for heard in [false, true] {
        let (mut world, usage, invite) = calling(2);
        if heard {
            world.inject(address(BOB), 0, &answer(&invite, 180, "one", CONTACT, ""));
        }
        cancel(&mut world, usage);
        world.run(MS(33_000));
        assert!(matches!(world.events(0).last(), Some(Event::Rejected { why: Fault::Cancelled, .. })));
        world.settle();
    }
}

/// 200 and CANCEL cross: the call is acknowledged and ended, and told as cancelled.
#[test]
fn an_answer_that_crosses_our_cancel_is_ended() {
    for heard in [false, true] {
        let (mut world, usage, invite) = calling(3);
        if heard {
            world.inject(address(BOB), 0, &answer(&invite, 180, "one", CONTACT, ""));
        }
        cancel(&mut world, usage);
        world.inject(address(BOB), 0, &answer(&invite, 200, "one", CONTACT, "answer"));
        world.run(MS(10));
        assert_eq!((world.sent_requests("ACK"), world.sent_requests("BYE")), (1, 1));
        let Some(Event::Rejected { why: Fault::Cancelled, .. }) = world.events(0).last() else { panic!() };
        assert!(!world.events(0).iter().any(|e| matches!(e, Event::Answered { .. })));
        let bye = world.last_request("BYE");
        world.inject(address(BOB), 0, &answer(&bye, 200, "", "", ""));
        world.settle();
    }
}

/// The answer came first: what was meant as CANCEL becomes BYE.
#[test]
fn a_cancel_after_the_answer_is_a_bye() {
    let (mut world, usage, invite) = calling(4);
    world.inject(address(BOB), 0, &answer(&invite, 200, "one", CONTACT, "answer"));
    cancel(&mut world, usage);
    assert_eq!((world.sent_requests("CANCEL"), world.sent_requests("BYE")), (0, 1));
    world.settle();
}

#[test]
fn a_cancelled_call_answers_no_challenge() {
    let (mut world, usage, invite) = calling(5);
    cancel(&mut world, usage);
    let challenge = "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\n";
    world.inject(address(BOB), 0, &answer(&invite, 401, "one", challenge, ""));
    world.run(MS(10));
    assert!(matches!(world.events(0), [Event::Rejected { status: 401, why: Fault::Cancelled, .. }]));
    assert_eq!(world.sent_requests("INVITE"), 1);
    world.settle();
}

/// Their CANCEL before our answer: 200 to it, 487 to the INVITE, and what we say later goes nowhere.
#[test]
fn a_caller_may_give_up_before_we_answer() {
    for ringing in [false, true] {
        let (mut world, usage, invite) = invited(6);
        if ringing {
            let (stack, now) = world.stack(0);
            stack.respond(now, usage, Reply::new(180));
        }
        let text = invite.replace("INVITE", "CANCEL").replace("Max-Forwards", "Reason: SIP;cause=487\r\nMax-Forwards");
        world.inject(address(EVE), 0, &text);
        world.inject(address(EVE), 0, &text);
        let (stack, now) = world.stack(0);
        stack.respond(now, usage, Reply::new(200).body(Body::sdp("answer")));
        world.run(MS(10));
        assert_eq!(world.statuses("CANCEL"), [200, 200]);
        assert!(world.post.iter().all(|(_, m)| m.to_tag() == world.post[0].1.to_tag()));
        assert_eq!(world.statuses("INVITE").last(), Some(&487));
        let [_, Event::Cancelled { reason: Some(reason), .. }] = world.events(0) else {
            panic!("{:?}", world.events(0))
        };
        assert_eq!(reason, "SIP;cause=487");
        world.settle();
    }
}

/// Their CANCEL after our 200: 200 to it, and the call goes on.
#[test]
fn a_cancel_after_our_answer_changes_nothing() {
    let (mut world, usage, invite) = invited(7);
    let (stack, now) = world.stack(0);
    stack.respond(now, usage, Reply::new(200).body(Body::sdp("answer")));
    world.inject(address(EVE), 0, &invite.replace("INVITE", "CANCEL"));
    world.run(MS(10));
    assert_eq!((world.statuses("CANCEL"), world.statuses("INVITE")), (vec![200], vec![200]));
    world.inject(address(EVE), 0, &in_dialog_text(address(EVE), &world.last_answer("INVITE"), "ACK", 1, "", ""));
    assert!(matches!(world.events(0).last(), Some(Event::Acked { .. })));
    let (stack, now) = world.stack(0);
    stack.bye(now, usage, None);
    world.settle();
}

/// BYE × BYE: both are answered, nobody is told twice, nothing is left.
#[test]
fn byes_may_cross() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let mut world = World::new(8, 2, transport);
        let (ours, theirs) = world.talking();
        let now = world.now;
        world.ends[0].stack.bye(now, ours, None);
        world.ends[1].stack.bye(now, theirs, None);
        world.run(MS(100));
        assert!(world.events(0).is_empty() && world.events(1).is_empty());
        assert!(world.counts().iter().all(|counts| counts.usages == 0));
        world.settle();
    }
}

/// The callee hangs up before the ACK has come: BYE waits for it, or for its end (RFC 3261 15).
#[test]
fn a_bye_before_the_ack_waits_for_it() {
    for ack_comes in [true, false] {
        let (mut world, usage, _) = invited(9);
        let (stack, now) = world.stack(0);
        stack.respond(now, usage, Reply::new(200).body(Body::sdp("answer")));
        stack.bye(now, usage, None);
        world.run(MS(100));
        assert_eq!(world.sent_requests("BYE"), 0);
        if ack_comes {
            let ack = in_dialog_text(address(EVE), &world.last_answer("INVITE"), "ACK", 1, "", "");
            world.inject(address(EVE), 0, &ack);
        } else {
            world.run(MS(32_000));
        }
        world.run(MS(10));
        assert_eq!(world.sent_requests("BYE"), 1);
        assert_eq!(world.events(0).len(), 1, "nobody asked to hear more");
        world.settle();
    }
}

/// A caller may end an early dialog by BYE (15.1.2): 200 to it, 487 to the INVITE.
#[test]
fn a_bye_before_the_answer_cancels() {
    let (mut world, usage, _) = invited(10);
    let (stack, now) = world.stack(0);
    stack.respond(now, usage, Reply::new(180));
    world.run(MS(10));
    let bye = in_dialog_text(address(EVE), &world.last_answer("INVITE"), "BYE", 2, "", "");
    world.inject(address(EVE), 0, &bye);
    world.run(MS(10));
    assert_eq!((world.statuses("BYE"), world.statuses("INVITE")), (vec![200], vec![180, 487]));
    assert!(matches!(world.events(0).last(), Some(Event::Cancelled { .. })));
    world.settle();
}

/// The ACK is lost and the caller's BYE comes instead: the call ends, and the 200 is repeated no more.
#[test]
fn a_bye_overtakes_the_ack() {
    let (mut world, usage, _) = invited(11);
    let (stack, now) = world.stack(0);
    stack.respond(now, usage, Reply::new(200).body(Body::sdp("answer")));
    world.run(MS(10));
    let bye = in_dialog_text(address(EVE), &world.last_answer("INVITE"), "BYE", 2, "", "");
    world.inject(address(EVE), 0, &bye);
    assert!(matches!(world.events(0).last(), Some(Event::Ended { why: Ended::Bye { .. }, .. })));
    world.run(MS(5000));
    assert_eq!((world.statuses("INVITE"), world.statuses("BYE")), (vec![200], vec![200]));
    world.settle();
}

/// Our 200 to BYE is lost: the repeated BYE gets the same bytes, though the call is long gone.
#[test]
fn a_repeated_bye_is_answered_the_same() {
    let (mut world, usage, _) = invited(12);
    let (stack, now) = world.stack(0);
    stack.respond(now, usage, Reply::new(200).body(Body::sdp("answer")));
    world.run(MS(10));
    let ok = world.last_answer("INVITE");
    world.inject(address(EVE), 0, &in_dialog_text(address(EVE), &ok, "ACK", 1, "", ""));
    let bye = in_dialog_text(address(EVE), &ok, "BYE", 2, "", "");
    world.forget();
    world.inject(address(EVE), 0, &bye);
    world.inject(address(EVE), 0, &bye);
    world.run(MS(10));
    assert_eq!((world.statuses("BYE"), world.events(0).len()), (vec![200, 200], 1));
    assert_eq!(world.post[0].1.bytes(), world.post[1].1.bytes());
    world.settle();
}

#[test]
fn a_caller_whose_connection_closes_has_hung_up() {
    let mut world = World::new(13, 2, Transport::Tcp);
    let bob = world.ends[1].address;
    world.call(bob);
    world.run(MS(50));
    let flow = world.path(0, bob).flow.unwrap_or(FlowId(0));
    let now = world.now;
    world.ends.iter_mut().for_each(|end| end.stack.handle_flow_closed(now, flow));
    world.run(MS(50));
    assert!(matches!(world.events(1), [Event::Invite { .. }, Event::Cancelled { .. }]));
    assert!(matches!(world.events(0), [Event::Rejected { why: Fault::Unreachable, .. }]));
    world.settle();
}

/// An answered call outlives its TCP connection; what comes over a new one is answered there. Behind a WebSocket nobody
/// can be called back: the call ends when the page has not returned in time.
#[test]
fn an_answered_call_outlives_its_connection() {
    let mut world = World::new(14, 2, Transport::Tcp);
    let (ours, theirs) = world.talking();
    let flow = world.path(0, world.ends[1].address).flow.unwrap_or(FlowId(0));
    let (stack, now) = world.stack(1);
    stack.handle_flow_closed(now, flow);
    world.run(MS(60_000));
    assert!(world.events(1).is_empty());
    let (stack, now) = world.stack(0);
    stack.info(now, ours, Body::new("application/dtmf-relay", "Signal=1"));
    world.run(MS(50));
    let (stack, now) = world.stack(1);
    stack.bye(now, theirs, None);
    world.run(MS(50));
    assert!(matches!(world.events(0).last(), Some(Event::Ended { why: Ended::Bye { .. }, .. })));
    world.settle();

    let mut world = World::new(15, 2, Transport::Wss);
    let (_, theirs) = world.talking();
    let flow = world.path(0, world.ends[1].address).flow.unwrap_or(FlowId(0));
    let (stack, now) = world.stack(1);
    stack.handle_flow_closed(now, flow);
    world.run(MS(33_000));
    let [Event::Ended { usage, why: Ended::FlowClosed, .. }] = world.events(1) else { panic!("{:?}", world.events(1)) };
    assert_eq!(*usage, theirs);
    assert_eq!(world.counts()[1].usages, 0);
}
