use std::time::Duration;

use super::world::{CARRIER, World, centre};
use crate::{
    base::{TrunkId, UserId},
    engine::{Direction, Entry, Request},
    sip::{Event, Reply},
    switch::{Cause, EndedBy, LegParty, LegSide},
    wire::sip::{Method, Name},
};

/// CH-16, SW-02: two phones talk through two dialogs; nothing of one shows at the other.
#[test]
fn ch_16_sw_02_a_user_calls_a_user() {
    let mut world = World::new(1);
    let (ana, rui) = (world.phone("ana", 6001), world.phone("rui", 6002));
    let call = world.call(ana, "ana", "202");
    let (usage, invite) = world.incoming(rui).expect("Rui's phone is called");
    assert_ne!(invite.call_id(), world.phones[&ana].stack.call_id(call).unwrap());
    let text = std::str::from_utf8(invite.bytes()).unwrap();
    assert!(!text.contains("6001") && !text.contains("26001"), "the caller's address shows:\n{text}");
    assert!(text.contains("Dona ana") && text.contains("P-Asserted-Identity: <sip:201@"), "{text}");
    world.respond(rui, usage, Reply::new(180));
    let rings = world.event(ana, |event| matches!(event, Event::Provisional { status: 180, .. }));
    assert!(rings.is_some(), "the caller hears that it rings");
    let body = world.phones[&rui].describe(&[8], 101, "sendrecv");
    world.respond(rui, usage, Reply::new(200).body(body));
    let Some(Event::Answered { body: Some(body), .. }) =
        world.event(ana, |event| matches!(event, Event::Answered { .. }))
    else {
        panic!("the caller is answered")
    };
    let answer = String::from_utf8_lossy(&body.bytes).into_owned();
    assert!(answer.contains("RTP/AVP 8 96"), "the callee's codec, the caller's own digits: {answer}");
    assert_eq!(world.joins(), 1);
    world.bye(rui, usage);
    assert!(world.is_ended(ana));
    let [record] = &world.records[..] else { panic!("one record: {:?}", world.records) };
    assert_eq!((record.direction, record.cause, record.legs.len()), (Direction::Internal, Cause::NORMAL, 2));
    assert!(record.answered.is_some() && record.connected.is_some());
    assert!(record.legs.iter().any(|leg| leg.side == LegSide::Called && leg.ended_by == EndedBy::Peer));
    world.assert_nothing_left();
}

/// SW-01: the 200 to REGISTER leaves after its entry, and the way back is where the packet came from.
#[test]
fn sw_01_a_registration_is_durable_before_it_is_told() {
    let mut world = World::new(2);
    let ana = world.phone("ana", 6001);
    let bound = world.journal.iter().rev().find(|(_, entry)| matches!(entry, Entry::Bound(_))).expect("journalled").0;
    let (_, _, after) = world.sent.iter().find(|(to, reply, _)| *to == ana && reply.status() == Some(200)).unwrap();
    assert!(after.is_some_and(|after| after >= bound));
    // A third party's name, or a wrong password, changes nothing.
    let eve = world.add_phone("127.0.0.1:6666", "pw-rui");
    world.register(eve, "ana");
    assert!(matches!(world.response(eve), Some(401 | 403)));
    world.call(ana, "ana", "201");
    assert_eq!(world.rejected(ana), Some(486), "he would only ring himself");
    world.assert_nothing_left();
}

/// SW-01, OP-01: a copy of a REGISTER waits for the same entry as its first answer did, and so does one that only asks.
#[test]
fn sw_01_op_01_a_copy_of_a_registration_waits_too() {
    let mut world = World::new(2);
    let ana = world.phone("ana", 6001);
    let bound = world.journal.iter().rev().find(|(_, entry)| matches!(entry, Entry::Bound(_))).expect("journalled").0;
    let register = world.heard.iter().rev().find(|(_, message)| message.method() == Some(&Method::Register));
    let copy = register.expect("the signed one").1.bytes().to_vec();
    for _ in 0..2 {
        world.sent.clear();
        world.packet(ana, &copy);
        let [(_, answer, after)] = &world.sent[..] else { panic!("one answer: {:?}", world.sent) };
        assert_eq!((answer.status(), *after), (Some(200), Some(bound)));
    }
    world.sent.clear();
    world.register_with(ana, "ana", &[]);
    let listed = world.sent.iter().find(|(_, answer, _)| answer.status() == Some(200)).expect("it may ask");
    assert!(listed.1.contacts().count() == 1 && listed.2 == Some(bound), "{listed:?}");
    world.assert_nothing_left();
}

/// SW-02, RT-08: all devices of a user ring, one wins, the others learn that the call was answered elsewhere.
#[test]
fn sw_02_rt_08_all_devices_ring_and_one_wins() {
    let mut world = World::new(3);
    let (ana, desk, soft) = (world.phone("ana", 6001), world.phone("rui", 6002), world.phone("rui", 6003));
    let call = world.call(ana, "ana", "rui");
    let (desk_usage, _) = world.incoming(desk).expect("the desk phone rings");
    world.respond(desk, desk_usage, Reply::new(180));
    let soft_usage = world.answer(soft);
    assert!(world.is_answered(ana));
    let cancelled = world.event(desk, |event| matches!(event, Event::Cancelled { .. }));
    let Some(Event::Cancelled { reason: Some(reason), .. }) = cancelled else { panic!("the desk phone is cancelled") };
    assert!(reason.contains("cause=200") && reason.contains("Call completed elsewhere"), "{reason}");
    world.bye(ana, call);
    assert!(world.is_ended(soft));
    let _ = soft_usage;
    assert_eq!(world.records[0].legs.len(), 3);
    world.assert_nothing_left();
}

/// RT-08: two devices answer in the same moment; the later one is told BYE.
#[test]
fn rt_08_two_answers_make_one_call() {
    let mut world = World::new(4);
    let (ana, desk, soft) = (world.phone("ana", 6001), world.phone("rui", 6002), world.phone("rui", 6003));
    world.call(ana, "ana", "rui");
    let (one, two) = (world.incoming(desk).unwrap().0, world.incoming(soft).unwrap().0);
    let now = world.now;
    for (at, usage) in [(desk, one), (soft, two)] {
        let body = world.phones[&at].offer();
        world.phones.get_mut(&at).unwrap().stack.respond(now, usage, Reply::new(200).body(body));
    }
    world.settle();
    let ended = [desk, soft].map(|at| world.is_ended(at));
    assert_eq!(ended.iter().filter(|ended| **ended).count(), 1, "{ended:?}");
    assert!(world.is_answered(ana));
    assert_eq!(world.joins(), 1);
}

/// SW-02: the caller may give up in every phase, and every phone stops ringing at once.
#[test]
fn sw_02_a_caller_gives_up_in_every_phase() {
    for rings in [None, Some(100), Some(180), Some(183)] {
        let mut world = World::new(5);
        let (ana, rui) = (world.phone("ana", 6001), world.phone("rui", 6002));
        let call = world.call(ana, "ana", "rui");
        let (usage, _) = world.incoming(rui).unwrap();
        if rings == Some(100) {
            // His stack says 100 when nobody has said more for 200 ms (RFC 3261 17.2.1).
            world.pass(Duration::from_millis(300));
        } else if let Some(status) = rings {
            let mut reply = Reply::new(status);
            reply.body = (status == 183).then(|| world.phones[&rui].offer());
            world.respond(rui, usage, reply);
        }
        world.cancel(ana, call);
        if rings.is_none() {
            // Nothing was heard: the CANCEL waits for the first provisional answer.
            world.respond(rui, usage, Reply::new(180));
        }
        assert!(world.event(rui, |event| matches!(event, Event::Cancelled { .. })).is_some(), "{rings:?}");
        assert_eq!(world.rejected(ana), Some(487));
        assert_eq!(world.records[0].cause.sip, 487);
        assert!(world.records[0].answered.is_none(), "failed attempts are recorded too (AP-05)");
        world.assert_nothing_left();
    }
}

/// TK-02: a carrier is known by its address; its number reaches a user, and 9000 leads out only from inside.
#[test]
fn tk_02_a_trunk_brings_and_takes_calls() {
    let mut world = World::new(6);
    let (carrier, ana) = (CARRIER.parse().unwrap(), world.phone("ana", 6001));
    let call = world.call(carrier, "+351210000001", "201");
    let (usage, invite) = world.incoming(ana).expect("Ana's phone is called");
    assert!(invite.from().unwrap().uri.user_decoded() == "+351210000001");
    let body = world.phones[&ana].offer();
    world.respond(ana, usage, Reply::new(200).body(body));
    assert!(world.is_answered(carrier));
    world.bye(carrier, call);
    assert_eq!(world.records[0].direction, Direction::Inbound);
    assert_eq!(world.records[0].trunk, Some(TrunkId(1)));
    // From the trunk to the trunk: no.
    world.call(carrier, "+351210000001", "9000");
    assert_eq!(world.rejected(carrier), Some(404));
    // From inside: yes.
    let out = world.call(ana, "ana", "9000");
    let (usage, invite) = world.incoming(carrier).expect("the carrier is called");
    assert_eq!(invite.request_uri().unwrap().user_decoded(), "9000");
    let body = world.phones[&carrier].offer();
    world.respond(carrier, usage, Reply::new(200).body(body));
    assert!(world.is_answered(ana));
    world.bye(ana, out);
    assert_eq!(world.records[2].direction, Direction::Outbound);
    world.assert_nothing_left();
}

/// TK-02: who is no trunk and no user reaches nobody.
#[test]
fn tk_02_strangers_are_challenged() {
    let mut world = World::new(7);
    let ana = world.phone("ana", 6001);
    let stranger = world.add_phone("127.0.0.1:6667", "");
    for number in ["201", "9000", "800"] {
        world.call(stranger, "+351219999999", number);
        assert_eq!(world.rejected(stranger), Some(401), "{number}");
    }
    // A local name from a trunk's address proves itself as well.
    let carrier = CARRIER.parse().unwrap();
    world.call_with(carrier, "ana", "9000", None, |invite| invite.from.uri = "sip:ana@strowger.test".to_owned());
    assert_eq!(world.rejected(carrier), Some(401));
    assert!(world.incoming(ana).is_none() && world.incoming(carrier).is_none());
    assert!(world.records.is_empty(), "strangers leave no records");
    world.assert_nothing_left();
}

/// RT-02: a group rings all at once, or one after the other.
#[test]
fn rt_02_groups_ring_by_their_strategy() {
    let mut world = World::new(8);
    let (ana, rui, carrier) = (world.phone("ana", 6001), world.phone("rui", 6002), CARRIER.parse().unwrap());
    let call = world.call(carrier, "+351210000001", "group1");
    assert!(
        world.incoming(ana).is_some() && world.phones[&rui].events.iter().any(|e| matches!(e, Event::Invite { .. }))
    );
    let usage = world.answer(rui);
    assert!(world.is_answered(carrier));
    world.bye(rui, usage);
    assert!(world.is_ended(carrier));
    let _ = call;
    world.call(carrier, "+351210000001", "group2");
    let (usage, _) = world.incoming(ana).expect("first the first");
    world.respond(ana, usage, Reply::new(180));
    assert!(world.incoming(rui).is_none());
    world.pass(Duration::from_secs(16));
    assert!(world.event(ana, |event| matches!(event, Event::Cancelled { .. })).is_some());
    world.answer(rui);
    assert!(world.is_answered(carrier), "then the second");
}

/// SW-02: what the called says reaches the caller; a dead device hides no live one.
#[test]
fn sw_02_refusals_reach_the_caller() {
    for (status, expected) in [(486, 486), (603, 603), (404, 404), (488, 488), (302, 480)] {
        let mut world = World::new(9);
        let (ana, rui) = (world.phone("ana", 6001), world.phone("rui", 6002));
        world.call(ana, "ana", "rui");
        let (usage, _) = world.incoming(rui).unwrap();
        world.respond(rui, usage, Reply::new(status).header("Reason", "Q.850;cause=21"));
        assert_eq!(world.rejected(ana), Some(expected));
        assert_eq!(world.records[0].cause.q850, 21, "SW-17: the carrier's own cause is kept");
        world.assert_nothing_left();
    }
    let mut world = World::new(10);
    let (ana, gone, live) = (world.phone("ana", 6001), world.phone("rui", 6002), world.phone("rui", 6003));
    world.dead.push(gone);
    world.call(ana, "ana", "rui");
    let (usage, _) = world.incoming(live).unwrap();
    world.respond(live, usage, Reply::new(180));
    world.pass(Duration::from_secs(4));
    let body = world.phones[&live].offer();
    world.respond(live, usage, Reply::new(200).body(body));
    assert!(world.is_answered(ana));
    let devices = world.engine.devices();
    assert_eq!(devices.iter().filter(|device| device.user == UserId(2) && !device.reachable).count(), 1);
}

/// AP-05: each attempt is in the record, with its cause.
#[test]
fn ap_05_failed_attempts_have_legs() {
    let mut world = World::new(11);
    let (ana, rui) = (world.phone("ana", 6001), world.phone("rui", 6002));
    world.call(ana, "ana", "rui");
    let (usage, _) = world.incoming(rui).unwrap();
    world.respond(rui, usage, Reply::new(486));
    let record = &world.records[0];
    let called = record.legs.iter().find(|leg| leg.side == LegSide::Called).expect("the attempt");
    assert_eq!((called.party, called.cause.sip, called.answered), (LegParty::User(UserId(2)), 486, None));
    assert_eq!((record.cause.sip, record.answered), (486, None));
    assert_eq!(world.rejected(ana), Some(486));
    world.call(ana, "ana", "nobody");
    assert_eq!(world.rejected(ana), Some(404));
    assert_eq!(world.records[1].cause, Cause::NOT_FOUND);
}

/// SW-17: a cause given in a BYE reaches the other leg.
#[test]
fn sw_17_a_cause_crosses_the_switch() {
    let mut world = World::new(12);
    let (ana, carrier) = (world.phone("ana", 6001), CARRIER.parse().unwrap());
    world.call(ana, "ana", "9000");
    let usage = world.answer(carrier);
    world.command(carrier, |stack, now| stack.bye(now, usage, Some("Q.850;cause=34".to_owned())));
    let byes = world.sent_to(ana, &Method::Bye);
    assert!(byes[0].header(Name::Reason).unwrap().contains("34"));
    assert_eq!(world.records[0].cause.q850, 34);
}

/// OP-01: of a call that an older switch wrote down, which could not have gone on, there is a record after the restart,
/// and nobody is busy with it.
#[test]
fn op_01_an_older_journal_is_read() {
    let mut world = World::new(13);
    let (ana, carrier) = (world.phone("ana", 6001), CARRIER.parse().unwrap());
    world.call(carrier, "+351210000001", "201");
    world.answer(ana);
    assert!(world.is_answered(carrier));
    let journal: Vec<Entry> = world.journal.iter().map(|(_, entry)| entry.clone()).collect();
    for entries in [journal, world.engine.checkpoint(world.now)] {
        let older = |entry| match entry {
            Entry::Running(running) => Entry::CallBegan(Box::new(running.record)),
            other => other,
        };
        let entries: Vec<Entry> = entries.into_iter().map(older).collect();
        let mut after = World::with(14, centre());
        after.input(crate::engine::Input::Restore(entries));
        after.input(crate::engine::Input::Restored);
        let [record] = &after.records[..] else { panic!("one broken call: {:?}", after.records) };
        assert_eq!((record.cause, record.direction), (Cause::SWITCH, Direction::Inbound));
        assert!(after.journal.iter().any(|(_, entry)| matches!(entry, Entry::CallEnded { .. })));
        assert_eq!(after.engine.devices().len(), 1, "bindings live on");
        after.add_phone("127.0.0.1:6001", "pw-ana");
        after.call(carrier, "+351210000001", "201");
        assert!(after.incoming(ana).is_some(), "and are rung");
    }
}

/// A page may end a call; draining lets calls end and takes no new ones.
#[test]
fn a_call_ends_by_request_and_a_drain_waits() {
    let mut world = World::new(15);
    let (ana, rui) = (world.phone("ana", 6001), world.phone("rui", 6002));
    world.call(ana, "ana", "rui");
    world.answer(rui);
    world.input(crate::engine::Input::Drain);
    assert!(!world.drained);
    world.call(rui, "rui", "ana");
    assert_eq!(world.rejected(rui), Some(503));
    let call = world.engine.snapshot(world.now).calls[0].call;
    world.request(Request::HangUp { call }).unwrap();
    assert!(world.is_ended(ana) && world.is_ended(rui));
    assert_eq!(world.records[0].ended_by, EndedBy::Request);
    assert!(world.drained);
    assert!(world.request(Request::HangUp { call }).is_err());
}

/// SW-08: two phones that share a codec of which we know only the name talk in it, and the record says which.
#[test]
fn sw_08_a_codec_that_both_have_passes() {
    let mut world = World::new(61);
    let (ana, rui) = (world.phone("ana", 6001), world.phone("rui", 6002));
    let offer = world.phones[&ana].describe(&[18, 8], 96, "sendrecv");
    let call = world.call_with(ana, "ana", "rui", Some(offer), |_| {});
    let (usage, _) = world.incoming(rui).unwrap();
    let body = world.phones[&rui].describe(&[18], 97, "sendrecv");
    world.respond(rui, usage, Reply::new(200).body(body));
    let Some(Event::Answered { body: Some(body), .. }) =
        world.event(ana, |event| matches!(event, Event::Answered { .. }))
    else {
        panic!("the caller is answered")
    };
    assert!(String::from_utf8_lossy(&body.bytes).contains("RTP/AVP 18 96"), "{body:?}");
    assert_eq!(world.joins(), 1);
    world.bye(ana, call);
    let codecs: Vec<_> = world.records[0].legs.iter().map(|leg| leg.codec.clone()).collect();
    assert_eq!(codecs, [Some("G729".to_owned()), Some("G729".to_owned())]);
    world.assert_nothing_left();
}
