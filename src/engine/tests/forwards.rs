use std::net::SocketAddr;

use super::world::{CARRIER, REALM, World};
use crate::{
    base::UserId,
    sip::{Event, Reply},
    switch::LegParty,
    wire::sip::{Message, Method, Name},
};

fn moved(to: &str) -> Reply {
    Reply::new(302).header("Contact", format!("<{to}>"))
}

/// The phone there answers its INVITE with a redirection.
fn redirects(world: &mut World, at: SocketAddr, to: &str) -> Message {
    let (usage, invite) = world.incoming(at).expect("it is called");
    world.respond(at, usage, moved(to));
    invite
}

/// CH-15, SW-13: a phone that is forwarded sends the call on, with the caller shown and told of it.
#[test]
fn ch_15_sw_13_a_redirection_is_followed() {
    let mut world = World::new(60);
    let (ana, rui, eva) = (world.phone("ana", 6001), world.phone("rui", 6002), world.phone("eva", 6003));
    let call = world.call(ana, "ana", "rui");
    let (usage, _) = world.incoming(rui).unwrap();
    let away = "<mailto:rui@example.com>;q=1.0, <sip:rui@example.com>";
    let elsewhere = format!("<sip:max@{REALM}>;q=0.2, {away}, <sip:eva@{REALM}>;q=0.9");
    world.respond(rui, usage, Reply::new(302).header("Contact", elsewhere));
    let forwarded = world.event(ana, |event| matches!(event, Event::Provisional { status: 181, .. }));
    assert!(forwarded.is_some(), "the caller is told");
    let (usage, invite) = world.incoming(eva).expect("Eva is called");
    assert_eq!(invite.header(Name::Diversion), Some(&*format!("<sip:202@{REALM}>;reason=unconditional")));
    assert!(invite.header(Name::From).unwrap().contains("Dona ana"));
    let body = world.phones[&eva].offer();
    world.respond(eva, usage, Reply::new(200).body(body));
    assert!(world.is_answered(ana));
    world.bye(ana, call);
    assert!(world.is_ended(eva));
    world.assert_nothing_left();
}

/// CH-15: phones that point at each other, at themselves or at nobody end it soon.
#[test]
fn ch_15_redirections_end() {
    let mut world = World::new(61);
    let (ana, rui, eva) = (world.phone("ana", 6001), world.phone("rui", 6002), world.phone("eva", 6003));
    world.call(ana, "ana", "rui");
    for _ in 0..3 {
        redirects(&mut world, rui, &format!("sip:eva@{REALM}"));
        redirects(&mut world, eva, &format!("sip:rui@{REALM}"));
    }
    assert_eq!(world.rejected(ana), Some(480));
    assert_eq!(world.sent_to(rui, &Method::Invite).len() + world.sent_to(eva, &Method::Invite).len(), 6);
    for to in
        [format!("sip:rui@{REALM}"), format!("sip:none@{REALM}"), "mailto:a@b".into(), "sip:eva@evil.example".into()]
    {
        world.call(ana, "ana", "rui");
        redirects(&mut world, rui, &to);
        assert_eq!(world.rejected(ana), Some(480), "{to}");
    }
    world.assert_nothing_left();
}

/// CH-15, SW-13: when the first contact of a redirection can't be reached the next is tried, by q, and no further than one that
/// was reached.
#[test]
fn ch_15_sw_13_the_next_contact_is_tried() {
    let mut world = World::new(64);
    let (ana, rui, eva) = (world.phone("ana", 6001), world.phone("rui", 6002), world.phone("eva", 6003));
    // Nobody answers for Max, who has no phone; a contact that is not ours is passed over.
    let to = format!("<sip:eva@{REALM}>;q=0.2, <sip:x@evil.example>;q=0.8, <sip:max@{REALM}>;q=0.9");
    for (status, told) in [(486, 486), (503, 503), (200, 200)] {
        let call = world.call(ana, "ana", "rui");
        let (usage, _) = world.incoming(rui).unwrap();
        world.respond(rui, usage, Reply::new(302).header("Contact", to.clone()));
        let (usage, _) = world.incoming(eva).expect("the last of them is called");
        let body = (status == 200).then(|| world.phones[&eva].offer());
        world.respond(eva, usage, Reply { body, ..Reply::new(status) });
        if told == 200 {
            assert!(world.is_answered(ana));
            world.bye(ana, call);
        } else {
            assert_eq!(world.rejected(ana), Some(told));
        }
    }
    world.assert_nothing_left();
}

/// CH-15, TK-05: a carrier's next contact is tried when its first fails, within its own house, and not when the first was busy.
#[test]
fn ch_15_tk_05_a_carriers_next_contact_is_tried() {
    let carrier: SocketAddr = CARRIER.parse().unwrap();
    for (status, tries) in [(503, true), (486, false), (404, false), (603, false)] {
        let mut world = World::new(65);
        let ana = world.phone("ana", 6001);
        world.call(ana, "ana", "9000");
        let (usage, _) = world.incoming(carrier).unwrap();
        let to = "<sip:+351960000002@127.0.0.1:5080>;q=0.1, <sip:+351960000009@evil.example>;q=0.5, \
                  <sip:+351960000001@127.0.0.1:5080>";
        world.respond(carrier, usage, Reply::new(302).header("Contact", to));
        let (usage, first) = world.incoming(carrier).expect("the first");
        assert_eq!(first.uri_text(), Some("sip:+351960000001@127.0.0.1:5080"));
        world.respond(carrier, usage, Reply::new(status));
        let next = world.incoming(carrier);
        assert_eq!(next.is_some(), tries, "{status}");
        if let Some((usage, next)) = next {
            assert_eq!(next.uri_text(), Some("sip:+351960000002@127.0.0.1:5080"));
            world.respond(carrier, usage, Reply::new(503));
        }
        assert_eq!(world.rejected(ana), Some(status), "{status}");
        world.assert_nothing_left();
    }
}

/// TK-05, CH-15: out by a trunk a redirection leads only whom his own dial plan lets; a carrier's stays with the carrier.
#[test]
fn tk_05_ch_15_a_redirection_buys_nothing() {
    let carrier: SocketAddr = CARRIER.parse().unwrap();
    let mut world = World::new(62);
    let (ana, rui) = (world.phone("ana", 6001), world.phone("rui", 6002));
    // A caller from outside, forwarded to a mobile by the one he calls: his right, not the caller's.
    world.call(carrier, "351910000000", "rui");
    redirects(&mut world, rui, &format!("sip:9000@{REALM}"));
    let (usage, invite) = world.incoming(carrier).expect("out again");
    assert!(invite.header(Name::Diversion).is_none(), "our names are not the carrier's affair");
    world.respond(carrier, usage, Reply::new(486));
    assert_eq!(world.rejected(carrier), Some(486));
    // The carrier knows better where to go: within its own house.
    world.call(ana, "ana", "9000");
    redirects(&mut world, carrier, "sip:+351960000000@127.0.0.1:5080");
    let invite = redirects(&mut world, carrier, "sip:+351960000001@127.0.0.1:5099");
    assert_eq!(invite.uri_text(), Some("sip:+351960000000@127.0.0.1:5080"));
    assert_eq!(world.rejected(ana), Some(480));
    let record = world.records.last().unwrap();
    assert!(record.legs.iter().any(|leg| leg.party == LegParty::User(UserId(1))) && record.legs.len() == 3);
    world.assert_nothing_left();
}

/// CH-15: a queue's offer follows nobody's forwarding: the next agent is asked.
#[test]
fn ch_15_a_queue_offer_is_not_forwarded() {
    let carrier: SocketAddr = CARRIER.parse().unwrap();
    let mut world = World::new(63);
    let (rui, eva) = (world.phone("rui", 6002), world.phone("eva", 6003));
    let call = world.call(carrier, "351910000000", "800");
    redirects(&mut world, eva, &format!("sip:rui@{REALM}"));
    assert!(world.incoming(rui).is_none());
    world.bye(carrier, call);
    world.assert_nothing_left();
}
