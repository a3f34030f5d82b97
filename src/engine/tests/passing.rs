//! What passes from one leg to the other beside sound: header lines, and who talks with whom.

use std::net::SocketAddr;

use super::world::{CARRIER, World, centre};
use crate::{
    engine::Centre,
    sip::{Event, Reply, Request, UsageId},
    switch::{Destination, Forwarding, HeaderPattern, HeaderRules, Pattern, Route, Side},
    wire::sip::{Message, Method, Name},
};

fn carrier() -> SocketAddr {
    CARRIER.parse().unwrap()
}

fn passing(names: &[&str]) -> HeaderRules {
    HeaderRules(names.iter().map(|name| HeaderPattern::new(name).unwrap()).collect())
}

/// The carrier calls Ana with these headers; what she gets.
fn called(world: &mut World, ana: SocketAddr, headers: &[(&'static str, &str)]) -> (UsageId, UsageId, Message) {
    let body = world.phones[&carrier()].offer();
    let call = world.call_with(carrier(), "+351910000000", "201", Some(body), |invite| {
        invite.headers.extend(headers.iter().map(|(name, value)| ((*name).into(), (*value).to_owned())));
    });
    let (usage, invite) = world.incoming(ana).expect("it rings");
    (call, usage, invite)
}

fn answered(world: &mut World, at: SocketAddr) -> Message {
    match world.event(at, |event| matches!(event, Event::Answered { .. })) {
        Some(Event::Answered { response, .. }) => response,
        other => panic!("answered: {other:?}"),
    }
}

/// SW-02: what the settings list passes in the INVITE and in its answers, in INFO and BYE, both ways; nothing else does.
#[test]
fn sw_02_listed_headers_pass_both_ways() {
    let mut world = World::new(400);
    let ana = world.phone("ana", 6001);
    let sent = [("User-to-User", "31;encoding=hex"), ("X-Account", "77"), ("Subject", "secret"), ("P-Charge", "5")];
    let (call, usage, invite) = called(&mut world, ana, &sent);
    assert_eq!((invite.other("User-to-User"), invite.other("X-Account")), (Some("31;encoding=hex"), Some("77")));
    assert_eq!((invite.other("Subject"), invite.other("P-Charge")), (None, None));
    world.respond(ana, usage, Reply::new(180).header("X-Phone", "desk"));
    let Some(Event::Provisional { response, .. }) =
        world.event(carrier(), |event| matches!(event, Event::Provisional { .. }))
    else {
        panic!("it rings")
    };
    assert_eq!(response.other("X-Phone"), Some("desk"));
    let body = world.phones[&ana].offer();
    let reply = Reply::new(200).body(body).header("User-to-User", "32;encoding=hex").header("Warning", "399 a b");
    world.respond(ana, usage, reply);
    let response = answered(&mut world, carrier());
    assert_eq!((response.other("User-to-User"), response.other("Warning")), (Some("32;encoding=hex"), None));
    assert_eq!(response.other("X-Phone"), None, "each message by itself");

    let mut info = Request::inside(Method::Info, call);
    info.headers.push(("X-Screen".into(), "open".into()));
    world.command(carrier(), |stack, now| {
        stack.request(now, info);
    });
    assert_eq!(world.response(carrier()), Some(200));
    let at_ana = |event: &Event| matches!(event, Event::Info { .. });
    let Some(Event::Info { transaction, request, .. }) = world.event(ana, at_ana) else { panic!("INFO") };
    assert_eq!(request.other("X-Screen"), Some("open"));
    world.command(ana, |stack, now| stack.reply(now, transaction, Reply::new(200)));

    let farewell = vec![("User-to-User".into(), "33".to_owned()), ("Server-Secret".into(), "s".to_owned())];
    world.command(ana, |stack, now| stack.bye_with(now, usage, None, farewell));
    let Some(Event::Ended { request: Some(bye), .. }) =
        world.event(carrier(), |event| matches!(event, Event::Ended { .. }))
    else {
        panic!("BYE")
    };
    assert_eq!((bye.other("User-to-User"), bye.other("Server-Secret")), (Some("33"), None));
    world.assert_nothing_left();
}

/// SW-02: a refusal brings what is listed of it to the caller, and an empty list lets nothing pass.
#[test]
fn sw_02_a_refusal_passes_too_and_nothing_is_nothing() {
    for (listed, passes) in [(passing(&["X-Why"]), true), (passing(&[]), false)] {
        let mut world = World::with(401, Centre { headers: listed, ..centre() });
        let ana = world.phone("ana", 6001);
        let (_, usage, invite) = called(&mut world, ana, &[("X-Account", "77"), ("X-Why", "in")]);
        assert_eq!((invite.other("X-Account"), invite.other("X-Why")), (None, passes.then_some("in")));
        world.respond(ana, usage, Reply::new(486).header("X-Why", "lunch").header("X-Account", "1"));
        let Some(Event::Rejected { response: Some(response), status: 486, .. }) =
            world.event(carrier(), |event| matches!(event, Event::Rejected { .. }))
        else {
            panic!("busy")
        };
        assert_eq!((response.other("X-Why"), response.other("X-Account")), (passes.then_some("lunch"), None));
        world.assert_nothing_left();
    }
}

/// SW-02: nothing of the one side's addresses is seen on the other: hosts, Call-ID, tags, Via, Contact, User-Agent.
#[test]
fn sw_02_topology_is_hidden() {
    let mut world = World::new(402);
    let ana = world.phone("ana", 6001);
    let history = "<sip:+351210000009@10.77.0.1?Reason=SIP%3Bcause%3D486>;index=1";
    let sent = [
        ("Diversion", "\"Lisbon\" <sip:+351210000009@10.77.0.5:5070>;reason=no-answer"),
        ("History-Info", history),
        ("Contact-Note", "10.77.0.9"),
        ("User-Agent", "secret/10.77.0.10"),
    ];
    let (call, usage, invite) = called(&mut world, ana, &sent);
    let text = String::from_utf8_lossy(invite.bytes()).into_owned();
    assert!(!text.contains("10.77.0") && !text.contains("5080"), "{text}");
    assert_eq!(invite.header(Name::Diversion), Some("\"Lisbon\" <sip:+351210000009@strowger.test>;reason=no-answer"));
    assert_eq!(invite.header(Name::HistoryInfo), Some("<sip:+351210000009@strowger.test>;index=1"));
    let outer = world.phones[&carrier()].stack.call_id(call).unwrap().to_owned();
    assert!(!text.contains(&outer));
    let body = world.phones[&ana].offer();
    world.respond(ana, usage, Reply::new(200).body(body).header("X-Plain", "yes"));
    let response = answered(&mut world, carrier());
    let text = String::from_utf8_lossy(response.bytes()).into_owned();
    assert!(!text.contains("6001") && !text.contains(invite.call_id()), "{text}");
    world.bye(carrier(), call);
    world.assert_nothing_left();
}

/// TK-08: where a call has been is believed of trunks, not of phones, and told to a trunk only where the settings say so.
#[test]
fn tk_08_a_phone_forges_no_history() {
    for told in [false, true] {
        let mut centre = centre();
        centre.trunks[0].identity.forwarding = Forwarding { diversion: told, history: told, referred_by: false };
        let to_trunk = Destination::Trunk(centre.trunks[0].id);
        let transit =
            Route { from: Side::Trunk(centre.trunks[0].id), ..Route::new(Pattern::new("7*").unwrap(), to_trunk) };
        centre.routes.push(transit);
        let mut world = World::with(403, centre);
        let ana = world.phone("ana", 6001);
        let headers = || [("Diversion", "<sip:+351999@x.example>"), ("History-Info", "<sip:1@x.example>;index=1")];
        let add = |invite: &mut crate::sip::Invite| {
            invite.headers.extend(headers().map(|(name, value)| (name.into(), value.to_owned())));
        };
        let body = world.phones[&ana].offer();
        world.call_with(ana, "ana", "9000", Some(body), add);
        let (usage, invite) = world.incoming(carrier()).unwrap();
        assert_eq!((invite.header(Name::Diversion), invite.header(Name::HistoryInfo)), (None, None));
        world.respond(carrier(), usage, Reply::new(486));
        let body = world.phones[&carrier()].offer();
        world.call_with(carrier(), "+351910000000", "7000", Some(body), add);
        let (usage, invite) = world.incoming(carrier()).unwrap();
        assert_eq!(
            (invite.header(Name::Diversion).is_some(), invite.header(Name::HistoryInfo).is_some()),
            (told, told)
        );
        world.respond(carrier(), usage, Reply::new(486));
        world.assert_nothing_left();
    }
}

const NAME_OF_CALLER: &str = "ab30317f1a784dc48ff824d0d3715d86";
const NAME_OF_CALLED: &str = "47755a9de7794ba387653f2099600ef2";
const NOBODY: &str = "00000000000000000000000000000000";

/// SW-02 (RFC 7989): both dialogs of a call carry the same two names, from the INVITE to the BYE, and a peer without a
/// name is given one.
#[test]
fn sw_02_session_ids_are_the_same_on_both_legs() {
    let mut world = World::new(404);
    let ana = world.phone("ana", 6001);
    let (call, usage, invite) =
        called(&mut world, ana, &[("Session-ID", &format!("{NAME_OF_CALLER};remote={NOBODY}"))]);
    assert_eq!(invite.header(Name::SessionId), Some(&*format!("{NAME_OF_CALLER};remote={NOBODY}")));
    let named = format!("{NAME_OF_CALLED};remote={NAME_OF_CALLER}");
    world.respond(ana, usage, Reply::new(180).header("Session-ID", named.clone()));
    let body = world.phones[&ana].offer();
    world.respond(ana, usage, Reply::new(200).body(body).header("Session-ID", named.clone()));
    let response = answered(&mut world, carrier());
    assert_eq!(response.header(Name::SessionId), Some(&*named));
    let ack = world.sent_to(ana, &Method::Ack).pop().unwrap();
    assert_eq!(ack.header(Name::SessionId), Some(&*format!("{NAME_OF_CALLER};remote={NAME_OF_CALLED}")));
    world.bye(carrier(), call);
    let bye = world.sent_to(ana, &Method::Bye).pop().unwrap();
    assert_eq!(bye.header(Name::SessionId), Some(&*format!("{NAME_OF_CALLER};remote={NAME_OF_CALLED}")));
    let gone = world.sent.iter().rev().find(|(to, message, _)| *to == carrier() && message.status() == Some(200));
    assert_eq!(gone.and_then(|(_, message, _)| message.header(Name::SessionId)), Some(&*named), "the 200 to the BYE");
    world.assert_nothing_left();

    // Neither has a name: each is told of the other by one of ours, and it stays.
    let (call, usage, invite) = called(&mut world, ana, &[]);
    let name = invite.header(Name::SessionId).unwrap().split(';').next().unwrap().to_owned();
    assert!(name.len() == 32 && name != NOBODY);
    let body = world.phones[&ana].offer();
    world.respond(ana, usage, Reply::new(200).body(body));
    let other = answered(&mut world, carrier()).header(Name::SessionId).unwrap().to_owned();
    assert!(other.ends_with(&format!("remote={NOBODY}")) && !other.starts_with(&name), "{other}");
    world.bye(carrier(), call);
    let bye = world.sent_to(ana, &Method::Bye).pop().unwrap();
    assert!(bye.header(Name::SessionId).unwrap().starts_with(&name));
    // Taken off the list, it is not there at all.
    let mut world = World::with(405, Centre { headers: passing(&["X-*"]), ..centre() });
    let ana = world.phone("ana", 6001);
    let (_, _, invite) = called(&mut world, ana, &[("Session-ID", NAME_OF_CALLER)]);
    assert_eq!(invite.header(Name::SessionId), None);
}

/// SW-02 (RFC 7989): while a caller waits in a queue he talks with the switch; with the agent, both are told so.
#[test]
fn sw_02_session_ids_follow_the_queue() {
    let mut world = World::new(406);
    let eva = world.phone("eva", 6003);
    let body = world.phones[&carrier()].offer();
    let call = world.call_with(carrier(), "+351910000000", "800", Some(body), |invite| {
        invite.headers.push(("Session-ID".into(), format!("{NAME_OF_CALLER};remote={NOBODY}")));
    });
    let switch = answered(&mut world, carrier()).header(Name::SessionId).unwrap().to_owned();
    assert!(switch.ends_with(&format!("remote={NAME_OF_CALLER}")), "{switch}");
    let (usage, invite) = world.incoming(eva).expect("she is offered him");
    assert!(invite.header(Name::SessionId).unwrap().starts_with(NAME_OF_CALLER));
    let body = world.phones[&eva].offer();
    world.respond(eva, usage, Reply::new(200).body(body).header("Session-ID", NAME_OF_CALLED));
    world.bye(eva, usage);
    let bye = world.sent_to(carrier(), &Method::Bye).pop().expect("the caller is told");
    assert_eq!(bye.header(Name::SessionId), Some(&*format!("{NAME_OF_CALLED};remote={NAME_OF_CALLER}")));
    let _ = call;
}
