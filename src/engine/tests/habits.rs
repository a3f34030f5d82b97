//! What single trunks want otherwise (TK-10), when they may be used (TK-09), and digits in INFO (SW-11).

use std::{net::SocketAddr, sync::Arc, time::Duration};

use super::world::{CARRIER, World, centre};
use crate::{
    acd::CalendarSettings,
    base::{TrunkGroupId, TrunkId},
    engine::Centre,
    media::{Codec, Command, Event as MediaEvent},
    sip::{Body, Event, Reply, UsageId},
    switch::{Destination, Digits, HeaderPattern, HeaderRules, Quirks, TrunkDestination, TrunkGroup, TrunkMember},
    wire::sip::{Message, Method, Name},
};

fn carrier() -> SocketAddr {
    CARRIER.parse().unwrap()
}

fn with(quirks: Quirks) -> Centre {
    let mut centre = centre();
    centre.trunks[0].quirks = Arc::new(quirks);
    centre
}

fn body(message: &Message) -> String {
    String::from_utf8_lossy(message.body()).into_owned()
}

/// Ana calls out; what the carrier gets.
fn leaves(world: &mut World, ana: SocketAddr, headers: &[(&'static str, &str)]) -> (UsageId, UsageId, Message) {
    let offer = world.phones[&ana].offer();
    let call = world.call_with(ana, "ana", "9000", Some(offer), |invite| {
        invite.headers.extend(headers.iter().map(|(name, value)| ((*name).into(), (*value).to_owned())));
    });
    let (usage, invite) = world.incoming(carrier()).expect("it leaves");
    (call, usage, invite)
}

/// TK-10: codecs, ptime, extensions and headers as one trunk wants them, both when it is called and when it calls.
#[test]
fn tk_10_a_trunk_has_its_ways() {
    let quirks = Quirks {
        codecs: vec![Codec::Pcma, Codec::G722],
        ptime_ms: Some(30),
        no_reliable: true,
        no_update: true,
        no_session_timer: true,
        pass: Some(HeaderRules(vec![HeaderPattern::new("X-Own-*").unwrap()])),
        add: vec![("X-Site".into(), "Lisbon".into()), ("P-Charge-Info".into(), "<sip:1@x>".into())],
        ..Quirks::default()
    };
    let mut world = World::with(420, with(quirks));
    let ana = world.phone("ana", 6001);
    let (call, usage, invite) = leaves(&mut world, ana, &[("X-Own-Id", "7"), ("X-Other", "8")]);
    let offer = body(&invite);
    assert!(offer.contains("RTP/AVP 8 9 101") && offer.contains("a=ptime:30"), "{offer}");
    let tags = format!("{} {}", invite.header(Name::Supported).unwrap(), invite.header(Name::Allow).unwrap());
    assert!(!tags.contains("100rel") && !tags.contains("timer") && !tags.contains("UPDATE"), "{tags}");
    assert_eq!(invite.header(Name::SessionExpires), None);
    assert_eq!((invite.other("X-Own-Id"), invite.other("X-Other")), (Some("7"), None));
    assert_eq!((invite.other("X-Site"), invite.other("P-Charge-Info")), (Some("Lisbon"), Some("<sip:1@x>")));
    let answer = world.phones[&carrier()].describe(&[8], 101, "sendrecv");
    world.respond(carrier(), usage, Reply::new(200).body(answer));
    assert!(world.is_answered(ana));
    world.bye(ana, call);

    // It calls: µ-law, which it puts first, is not among its codecs.
    let offer = world.phones[&carrier()].offer();
    let call = world.call_with(carrier(), "+351910000000", "201", Some(offer), |_| {});
    world.answer(ana);
    let Some(Event::Answered { response, .. }) =
        world.event(carrier(), |event| matches!(event, Event::Answered { .. }))
    else {
        panic!("answered")
    };
    assert!(body(&response).contains("RTP/AVP 8 "), "{}", body(&response));
    assert!(body(&response).contains("a=ptime:30"), "{}", body(&response));
    assert_eq!(response.header(Name::SessionExpires), None);
    world.bye(carrier(), call);
    world.assert_nothing_left();
}

/// TK-10: a trunk whose 183 is not worth hearing rings for the caller.
#[test]
fn tk_10_progress_may_be_taken_for_ringing() {
    for rings in [true, false] {
        let mut world = World::with(421, with(Quirks { rings_for_progress: rings, ..Quirks::default() }));
        let ana = world.phone("ana", 6001);
        let (_, usage, _) = leaves(&mut world, ana, &[]);
        let early = world.phones[&carrier()].offer();
        world.respond(carrier(), usage, Reply::new(183).body(early));
        let Some(Event::Provisional { status, body, .. }) =
            world.event(ana, |event| matches!(event, Event::Provisional { .. }))
        else {
            panic!("progress")
        };
        assert_eq!((status, body.is_some()), if rings { (180, false) } else { (183, true) });
        world.respond(carrier(), usage, Reply::new(486));
        world.assert_nothing_left();
    }
}

/// TK-10: a trunk takes larger requests by UDP, or smaller ones by TCP, than others do.
#[test]
fn tk_10_a_trunk_has_its_own_largest_datagram() {
    for (most, sent) in [(Some(500), false), (None, true)] {
        let mut world = World::with(422, with(Quirks { datagram_max: most, ..Quirks::default() }));
        let ana = world.phone("ana", 6001);
        world.call(ana, "ana", "9000");
        // The world has no TCP: what goes that way is not heard.
        assert_eq!(world.sent_to(carrier(), &Method::Invite).len(), 1);
        let via = world.sent_to(carrier(), &Method::Invite)[0].header(Name::Via).unwrap().to_owned();
        assert_eq!(via.starts_with("SIP/2.0/UDP"), sent, "{via}");
    }
}

/// SW-11: a digit that is heard becomes INFO for a leg that wants INFO, with its length, and INFO of either form becomes
/// what the other leg wants.
#[test]
fn sw_11_digits_become_info_and_come_back() {
    for (digits, kind, text) in [
        (Digits::InfoRelay, "application/dtmf-relay", "Signal=5\r\nDuration=240\r\n"),
        (Digits::InfoPlain, "application/dtmf", "5"),
    ] {
        let mut world = World::with(423, with(Quirks { digits, ..Quirks::default() }));
        let ana = world.phone("ana", 6001);
        let (call, usage, invite) = leaves(&mut world, ana, &[]);
        assert!(!body(&invite).contains("telephone-event"), "{}", body(&invite));
        let answer = world.phones[&carrier()].describe(&[8], 101, "sendrecv");
        world.respond(carrier(), usage, Reply::new(200).body(answer));
        assert!(world.is_answered(ana));
        let is_told = |command: &Command| matches!(command, Command::Open { form, .. } | Command::Update { form, .. } if form.digits_elsewhere);
        assert!(world.commands.iter().any(is_told), "no tones for it");
        // Heard on Ana's stream.
        let stream = {
            let switch = &world.engine.switch;
            let call = world.engine.snapshot(world.now).calls[0].call;
            switch.leg(switch.call(call).unwrap().caller_leg()).unwrap().stream()
        };
        world.input(crate::engine::Input::Media(MediaEvent::Dtmf { stream, digit: '5', millis: 240 }));
        let Some(Event::Info { transaction, request, .. }) =
            world.event(carrier(), |event| matches!(event, Event::Info { .. }))
        else {
            panic!("INFO for the carrier")
        };
        assert_eq!((request.content_type(), body(&request).as_str()), (Some(kind), text));
        world.command(carrier(), |stack, now| stack.reply(now, transaction, Reply::new(200)));
        // And back: Ana has telephone-events.
        for sent in
            [Body::new("application/dtmf-relay", "Signal=#\r\nDuration=100\r\n"), Body::new("application/dtmf", "#")]
        {
            world.commands.clear();
            world.command(carrier(), |stack, now| stack.info(now, usage, sent));
            assert!(world.commands.iter().any(|command| matches!(command, Command::SendDtmf { digit: '#', .. })));
            assert_eq!(world.response(carrier()), Some(200));
        }
        // From INFO to INFO.
        world.commands.clear();
        world.command(ana, |stack, now| stack.info(now, call, Body::new("application/dtmf", "9")));
        let Some(Event::Info { request, .. }) = world.event(carrier(), |event| matches!(event, Event::Info { .. }))
        else {
            panic!("INFO for the carrier")
        };
        assert!(body(&request).contains('9'));
        assert!(!world.commands.iter().any(|command| matches!(command, Command::SendDtmf { .. })));
        world.bye(ana, call);
        world.assert_nothing_left();
    }
}

/// SW-11: what is no digit is refused, and a phone that has no telephone-events and sends INFO is answered in kind.
#[test]
fn sw_11_a_phone_that_sends_info_gets_info() {
    let mut world = World::new(424);
    let (ana, rui) = (world.phone("ana", 6001), world.phone("rui", 6002));
    let plain = |world: &World, at: SocketAddr| {
        let text = String::from_utf8_lossy(&world.phones[&at].offer().bytes).into_owned();
        Body::sdp(text.replace(" 96\r\na=rtpmap:96 telephone-event/8000", ""))
    };
    let offer = plain(&world, ana);
    let call = world.call_with(ana, "ana", "rui", Some(offer), |_| {});
    let usage = world.answer(rui);
    assert!(world.is_answered(ana));
    world.command(ana, |stack, now| stack.info(now, call, Body::new("text/plain", "5")));
    assert_eq!(world.response(ana), Some(415));
    world.command(ana, |stack, now| stack.info(now, call, Body::new("application/dtmf-relay", "Signal=1\r\n")));
    assert_eq!(world.response(ana), Some(200));
    world.command(rui, |stack, now| stack.info(now, usage, Body::new("application/dtmf", "2")));
    let Some(Event::Info { request, .. }) = world.event(ana, |event| matches!(event, Event::Info { .. })) else {
        panic!("INFO for Ana")
    };
    assert_eq!(body(&request), "Signal=2\r\nDuration=160\r\n");
}

/// SW-11: who gets a digit by INFO gets no tones of it beside that, in the next process neither.
#[test]
fn sw_11_who_gets_info_gets_no_tones() {
    let mut world = World::new(427);
    let (ana, rui) = (world.phone("ana", 6001), world.phone("rui", 6002));
    world.call(ana, "ana", "rui");
    let usage = world.incoming(rui).expect("rung").0;
    let text = String::from_utf8_lossy(&world.phones[&rui].offer().bytes).into_owned();
    let answer = Body::sdp(text.replace(" 96\r\na=rtpmap:96 telephone-event/8000", ""));
    world.respond(rui, usage, Reply::new(200).body(answer));
    assert!(world.is_answered(ana));
    let is_told = |command: &Command| matches!(command, Command::Open { form, .. } | Command::Update { form, .. } if form.digits_elsewhere);
    assert!(!world.commands.iter().any(is_told), "nobody knows yet");
    world.command(rui, |stack, now| stack.info(now, usage, Body::new("application/dtmf", "2")));
    assert!(world.commands.iter().any(is_told), "no tones from now on");
    let stream = {
        let switch = &world.engine.switch;
        let call = world.engine.snapshot(world.now).calls[0].call;
        switch.leg(switch.call(call).unwrap().caller_leg()).unwrap().stream()
    };
    world.input(crate::engine::Input::Media(MediaEvent::Dtmf { stream, digit: '5', millis: 240 }));
    let Some(Event::Info { request, .. }) = world.event(rui, |event| matches!(event, Event::Info { .. })) else {
        panic!("INFO for Rui")
    };
    assert_eq!(body(&request), "5");
    world.pass(Duration::from_millis(200));
    let mut next = World::with(428, centre());
    next.input(crate::engine::Input::Restore(world.journal.iter().map(|(_, entry)| entry.clone()).collect()));
    next.input(crate::engine::Input::Restored);
    assert_eq!(next.commands.iter().filter(|command| is_told(command)).count(), 1, "{:?}", next.commands);
}

/// TK-05: a trunk that has rung the called and then fails was reached: nobody is rung a second time by another way. 183 is no
/// such sign: carriers announce with it that they can't put the call through.
#[test]
fn tk_05_who_rang_is_not_rung_by_another_trunk() {
    for (rings, says, tried) in [
        (None, 503, true),
        (Some(180), 503, false),
        (Some(180), 408, false),
        (Some(183), 503, true),
        (Some(183), 408, true),
        (Some(183), 486, false),
    ] {
        let mut centre = centre();
        let mut spare = centre.trunks[0].clone();
        (spare.id, spare.name, spare.sources) = (TrunkId(2), "spare".into(), Vec::new());
        let at = TrunkDestination {
            host: "127.0.0.1".into(),
            port: Some(5081),
            transport: centre.trunks[0].destination.as_ref().unwrap().transport,
        };
        spare.destination = Some(at);
        centre.trunks.push(spare);
        let member = |trunk, priority| TrunkMember { trunk: TrunkId(trunk), priority, weight: 1 };
        centre.trunk_groups.push(TrunkGroup {
            id: TrunkGroupId(1),
            name: "out".into(),
            members: vec![member(1, 1), member(2, 2)],
        });
        centre.routes[0].destination = Destination::Trunks(TrunkGroupId(1));
        let mut world = World::with(425, centre);
        let ana = world.phone("ana", 6001);
        let spare = world.add_phone("127.0.0.1:5081", "");
        let (_, usage, _) = leaves(&mut world, ana, &[]);
        if let Some(status) = rings {
            let announces = world.phones[&carrier()].offer();
            let reply = Reply::new(status);
            world.respond(carrier(), usage, if status == 183 { reply.body(announces) } else { reply });
        }
        world.respond(carrier(), usage, Reply::new(says));
        let next = world.incoming(spare);
        assert_eq!(next.is_some(), tried, "{rings:?} {says}");
        if let (Some(183), Some((usage, _))) = (rings, next) {
            // Who has listened to the one goes on listening to us.
            world.commands.clear();
            world.respond(spare, usage, Reply::new(180));
            assert!(
                world.commands.iter().any(|command| matches!(command, Command::Play { .. })),
                "{:?}",
                world.commands
            );
        }
        if !tried {
            assert_eq!(world.rejected(ana), Some(says));
            world.assert_nothing_left();
        }
    }
}

/// TK-09: by a trunk with hours nobody calls out outside them, but for help; what comes in comes in.
#[test]
fn tk_09_a_trunk_has_its_hours() {
    // The clock of the world stands at 11:06:40 UTC.
    let hours = |from: &str, to: &str| -> CalendarSettings {
        let days = "['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']";
        toml::from_str(&format!("key = 'office'\nhours = [{{ days = {days}, from = '{from}', to = '{to}' }}]")).unwrap()
    };
    for (calendar, goes) in [(hours("00:00", "23:59"), true), (hours("03:00", "03:01"), false)] {
        let mut centre = centre();
        centre.trunks[0].hours = Some("office".into());
        centre.acd.calendars.push(calendar);
        centre.acd.policies.time_zone = "UTC".into();
        centre.dial_plan.emergency.push(crate::switch::Pattern::new("112").unwrap());
        let mut help = centre.routes[0].clone();
        help.pattern = crate::switch::Pattern::new("112").unwrap();
        centre.routes.push(help);
        let mut world = World::with(426, centre);
        let ana = world.phone("ana", 6001);
        world.call(ana, "ana", "9000");
        let left = world.incoming(carrier());
        assert_eq!(left.is_some(), goes);
        match left {
            Some((usage, _)) => world.respond(carrier(), usage, Reply::new(486)),
            None => assert_eq!(world.rejected(ana), Some(503)),
        }
        world.call(ana, "ana", "112");
        assert!(world.incoming(carrier()).is_some(), "help at any hour");
        world.call(carrier(), "+351910000000", "201");
        assert!(world.incoming(ana).is_some(), "what comes in comes in");
        world.pass(Duration::from_secs(1));
    }
}
