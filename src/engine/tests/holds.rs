use std::time::Duration;

use super::world::{CARRIER, World};
use crate::{
    media::{self, Command},
    sip::{Body, Event, Reply, UsageId},
    switch::Cause,
};

struct Talk {
    world: World,
    ana: std::net::SocketAddr,
    rui: std::net::SocketAddr,
    ana_usage: UsageId,
    rui_usage: UsageId,
}

fn talk(seed: u64) -> Talk {
    let mut world = World::new(seed);
    let (ana, rui) = (world.phone("ana", 6001), world.phone("rui", 6002));
    let ana_usage = world.call(ana, "ana", "rui");
    let rui_usage = world.answer(rui);
    assert!(world.is_answered(ana));
    world.commands.clear();
    Talk { world, ana, rui, ana_usage, rui_usage }
}

fn plays(world: &World) -> usize {
    world.commands.iter().filter(|command| matches!(command, Command::Play { .. })).count()
}

fn stops(world: &World) -> usize {
    world.commands.iter().filter(|command| matches!(command, Command::Stop { .. })).count()
}

/// CH-02, SW-05: whichever way a phone says hold, the other side hears music until it is taken back.
#[test]
fn ch_02_sw_05_a_held_leg_hears_music() {
    for way in ["sendonly", "inactive", "c=0.0.0.0"] {
        let mut talk = talk(20);
        let world = &mut talk.world;
        let hold = match way {
            "c=0.0.0.0" => {
                let text = world.phones[&talk.ana].describe(&[0, 8], 96, "sendrecv");
                let text = String::from_utf8_lossy(&text.bytes).replace("c=IN IP4 127.0.0.1", "c=IN IP4 0.0.0.0");
                Body::sdp(text)
            }
            direction => world.phones[&talk.ana].describe(&[0, 8], 96, direction),
        };
        world.reinvite(talk.ana, talk.ana_usage, Some(hold));
        assert_eq!(plays(world), 1, "{way}");
        let Some(Event::OfferAnswered { status: 200, body: Some(body), .. }) =
            world.event(talk.ana, |event| matches!(event, Event::OfferAnswered { .. }))
        else {
            panic!("{way}: the hold is answered")
        };
        let answer = String::from_utf8_lossy(&body.bytes).into_owned();
        let expected = if way == "inactive" { "a=inactive" } else { "a=recvonly" };
        assert!(answer.contains(expected), "{way}: {answer}");
        let held = world
            .commands
            .iter()
            .any(|command| matches!(command, Command::Update { form, .. } if !form.may_send && !form.may_receive));
        assert!(held, "{way}: what the holder goes on sending is not heard, and he hears nothing");
        let resume = world.phones[&talk.ana].offer();
        world.reinvite(talk.ana, talk.ana_usage, Some(resume));
        assert_eq!(stops(world), 1, "{way}");
        world.bye(talk.rui, talk.rui_usage);
        world.assert_nothing_left();
    }
}

/// SW-05: an UPDATE may do the same, and a re-INVITE without a description gets our offer.
#[test]
fn sw_05_update_and_empty_reinvite() {
    let mut talk = talk(21);
    let hold = talk.world.phones[&talk.rui].describe(&[0], 96, "sendonly");
    let usage = talk.rui_usage;
    talk.world.command(talk.rui, |stack, now| stack.update(now, usage, Some(hold)));
    assert_eq!(plays(&talk.world), 1);
    talk.world.reinvite(talk.ana, talk.ana_usage, None);
    let offered = talk.world.event(talk.ana, |event| matches!(event, Event::OfferAnswered { status: 200, .. }));
    let Some(Event::OfferAnswered { body: Some(body), .. }) = offered else { panic!("our offer comes") };
    assert!(String::from_utf8_lossy(&body.bytes).contains("m=audio"));
    let (answer, usage) = (talk.world.phones[&talk.ana].offer(), talk.ana_usage);
    talk.world.command(talk.ana, |stack, now| stack.ack(now, usage, Some(answer)));
    talk.world.bye(talk.ana, talk.ana_usage);
    talk.world.assert_nothing_left();
}

/// SW-05: a codec that we don't have is refused, and the call goes on as it was.
#[test]
fn sw_05_an_impossible_offer_changes_nothing() {
    let mut talk = talk(22);
    let odd = talk.world.phones[&talk.ana].describe(&[18], 96, "sendrecv");
    talk.world.reinvite(talk.ana, talk.ana_usage, Some(odd));
    let refused = talk.world.event(talk.ana, |event| matches!(event, Event::OfferAnswered { status: 488, .. }));
    assert!(refused.is_some());
    assert!(talk.world.commands.is_empty(), "{:?}", talk.world.commands);
    assert!(!talk.world.is_ended(talk.rui));
}

/// SW-05: an INVITE without an offer gets ours in the 200, and its ACK brings the answer.
#[test]
fn sw_05_late_offer() {
    let mut world = World::new(23);
    let (ana, carrier) = (world.phone("ana", 6001), CARRIER.parse().unwrap());
    let call = world.call_with(carrier, "+351210000001", "201", None, |_| {});
    world.answer(ana);
    let Some(Event::Answered { body: Some(body), needs_ack_body: true, .. }) =
        world.event(carrier, |event| matches!(event, Event::Answered { .. }))
    else {
        panic!("our offer comes with the 200")
    };
    assert!(String::from_utf8_lossy(&body.bytes).contains("m=audio"));
    assert_eq!(world.joins(), 0, "nothing is settled yet");
    let answer = world.phones[&carrier].offer();
    world.command(carrier, |stack, now| stack.ack(now, call, Some(answer)));
    assert_eq!(world.joins(), 1);
    world.bye(carrier, call);
    assert!(world.is_ended(ana));
    world.assert_nothing_left();
}

/// SW-05: an ACK that never comes ends both sides.
#[test]
fn sw_05_lost_ack() {
    let mut world = World::new(24);
    let (ana, carrier) = (world.phone("ana", 6001), CARRIER.parse().unwrap());
    world.call(carrier, "+351210000001", "201");
    let (usage, _) = world.incoming(ana).unwrap();
    world.dead.push(carrier);
    let body = world.phones[&ana].offer();
    world.respond(ana, usage, Reply::new(200).body(body));
    assert!(!world.is_ended(ana));
    world.pass(Duration::from_secs(40));
    assert!(world.is_ended(ana), "32 seconds without an ACK");
    world.assert_nothing_left();
}

/// SW-07: early media is heard, and only 180 is passed on as such.
#[test]
fn early_media_is_heard_by_the_caller() {
    let mut world = World::new(25);
    let (ana, carrier) = (world.phone("ana", 6001), CARRIER.parse().unwrap());
    world.call(ana, "ana", "9000");
    let (usage, _) = world.incoming(carrier).unwrap();
    let body = world.phones[&carrier].offer();
    world.respond(carrier, usage, Reply::new(183).body(body.clone()));
    let Some(Event::Provisional { status: 183, body: Some(_), .. }) =
        world.event(ana, |event| matches!(event, Event::Provisional { .. }))
    else {
        panic!("183 with a description")
    };
    assert_eq!(world.joins(), 1);
    world.respond(carrier, usage, Reply::new(200).body(body));
    assert!(world.is_answered(ana));
    world.bye(carrier, usage);
    assert!(world.is_ended(ana));
    world.assert_nothing_left();
}

/// A leg from which nothing is heard any more ends the call on both sides.
#[test]
fn silence_ends_the_call() {
    let mut talk = talk(26);
    let call = talk.world.engine.snapshot(talk.world.now).calls[0].call;
    let stream = {
        let switch = &talk.world.engine.switch;
        switch.leg(switch.call(call).unwrap().caller_leg()).unwrap().stream()
    };
    talk.world.input(crate::engine::Input::Media(media::Event::Silent { stream, for_ms: 60_000 }));
    assert!(talk.world.is_ended(talk.ana) && talk.world.is_ended(talk.rui));
    assert_eq!(talk.world.records[0].cause, Cause::LOST);
    talk.world.assert_nothing_left();
}

/// SW-11: a digit sent by INFO becomes a telephone event on the other leg.
#[test]
fn sw_11_info_digits_are_passed_as_events() {
    let mut talk = talk(27);
    let usage = talk.ana_usage;
    let body = Body::new("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n");
    talk.world.command(talk.ana, |stack, now| stack.info(now, usage, body));
    let sent =
        talk.world.commands.iter().any(|command| matches!(command, Command::SendDtmf { digit: '5', millis: 160, .. }));
    assert!(sent);
    let _ = talk.rui_usage;
}
