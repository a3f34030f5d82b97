//! What a lamp tells a phone that may do something about it, and by which names phones ask for lamps.

use super::{
    watching::{DIALOG, shows, subscribe, told},
    world::World,
    writer::Writer,
};
use crate::sip::{Event, Reply};

/// The value of an attribute of the last document told.
fn attribute(told: &[(String, String)], name: &str) -> Option<String> {
    let (_, rest) = told.last()?.1.split_once(&format!(" {name}=\""))?;
    Some(rest.split_once('"')?.0.to_owned())
}

/// SW-13, SW-14: a colleague's phone picks up by what its lamp was told and nothing else; who shares no group is told nothing
/// of it, and those names are good for nothing but that.
#[test]
fn sw_13_sw_14_what_a_lamp_is_told_picks_up() {
    for swapped in [false, true] {
        let mut world = World::new(430);
        let (ana, eva) = (world.phone("ana", 6001), world.phone("eva", 6003));
        let (mut rui, mut max) = (Writer::new("rui", 7002), Writer::new("max", 7004));
        for watcher in [&mut rui, &mut max] {
            assert_eq!(subscribe(&mut world, watcher, "ana", DIALOG).status(), Some(200));
        }
        world.call(eva, "eva", "ana");
        let (ringing, _) = world.incoming(ana).expect("it rings");
        world.respond(ana, ringing, Reply::new(180));
        let [seen, other] = [&mut rui, &mut max].map(|watcher| told(&mut world, watcher, 200));
        assert!(shows(&seen, "early") && shows(&other, "early"));
        assert!(other.iter().all(|(_, body)| !body.contains("-tag=") && !body.contains("eva")), "{other:?}");
        assert!(seen.last().unwrap().1.contains("<remote><identity display=\"Dona eva\">sip:203@"), "{seen:?}");
        let [call_id, local, remote] =
            ["call-id", "local-tag", "remote-tag"].map(|name| attribute(&seen, name).unwrap());
        assert!(world.sent.iter().all(|(_, message, _)| message.call_id() != call_id), "none of our dialogs");
        let (to, from) = if swapped { (&remote, &local) } else { (&local, &remote) };
        let bye = format!(
            "BYE sip:ana@127.0.0.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:7002;branch=z9hG4bKf\r\nMax-Forwards: 70\r\n\
             From: <sip:x@x>;tag={from}\r\nTo: <sip:y@y>;tag={to}\r\nCall-ID: {call_id}\r\nCSeq: 9 BYE\r\n\
             Content-Length: 0\r\n\r\n"
        );
        world.packet(rui.at, bye.as_bytes());
        let refused = world.sent.iter().find(|(_, message, _)| message.call_id() == call_id).expect("an answer");
        assert_eq!(refused.1.status(), Some(481));

        let replaces = format!("Replaces: {call_id};to-tag={to};from-tag={from}\r\nContent-Type: application/sdp\r\n");
        let sdp =
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40100 RTP/AVP 0 8\r\n";
        let wrong = replaces.replace(&**to, "l0000000000000000");
        let try_it = |world: &mut World, user: &'static str, port: u16, line: &str| {
            Writer::new(user, port).ask(world, "INVITE", "ana", (line, sdp)).status()
        };
        assert_eq!(try_it(&mut world, "rui", 7012, &wrong), Some(481));
        assert_eq!(try_it(&mut world, "max", 7014, &replaces), Some(403));
        assert_eq!(try_it(&mut world, "rui", 7022, &replaces), Some(200));
        assert!(world.is_answered(eva));
        assert!(world.event(ana, |event| matches!(event, Event::Cancelled { .. })).is_some());
        assert_eq!(try_it(&mut world, "rui", 7032, &replaces), Some(481), "it rings no more");
    }
}

/// SW-14: a phone may call the switch what it has registered with.
#[test]
fn sw_14_a_phone_watches_by_its_own_name_for_us() {
    let mut world = World::new(431);
    let rui = world.phone("rui", 6002);
    let mut watcher = Writer::new("rui", 7002);
    let ask = |world: &mut World, watcher: &mut Writer| {
        watcher.ask_at(world, "SUBSCRIBE", ("ana", "pbx.lan"), (DIALOG, "")).status()
    };
    assert_eq!(ask(&mut world, &mut watcher), Some(404));
    world.register_at(rui, "rui", "pbx.lan", &[("Contact", format!("<sip:rui-6002@{rui}>"))]);
    assert_eq!(world.response(rui), Some(200));
    assert_eq!(ask(&mut world, &mut Writer::new("rui", 7003)), Some(200));
}
