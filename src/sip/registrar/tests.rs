use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::{
    base::{Instant, Wall},
    sip::Transport,
};

fn at(seconds: u64) -> Now {
    let millis = i64::try_from(seconds * 1000).unwrap();
    Now { mono: Instant::from_micros(seconds * 1_000_000), wall: Wall(1_700_000_000_000 + millis) }
}

fn path(remote: &str) -> Path {
    Path {
        transport: Transport::Udp,
        local: "10.0.0.1:5060".parse().unwrap(),
        remote: remote.parse().unwrap(),
        flow: None,
    }
}

fn flowing(remote: &str, flow: u64) -> Path {
    Path { transport: Transport::Tcp, flow: Some(FlowId(flow)), ..path(remote) }
}

fn register(call: &str, cseq: u32, more: &str) -> Message {
    let text = format!(
        "REGISTER sip:home SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.7;branch=z9hG4bK{call}{cseq}\r\nMax-Forwards: 70\r\n\
         From: <sip:ana@home>;tag=1\r\nTo: <sip:ana@home>\r\nCall-ID: {call}\r\nCSeq: {cseq} REGISTER\r\n{more}\
         Content-Length: 0\r\n\r\n"
    );
    Message::parse(Bytes::from(text)).unwrap()
}

fn status(result: Result<Registered, RegisterFault>) -> u16 {
    result.expect_err("refused").status
}

fn contacts(registrar: &Registrar) -> Vec<String> {
    registrar.bindings("ana").iter().map(|binding| binding.contact.to_string()).collect()
}

fn empty() -> Registrar {
    Registrar::new(RegistrarSettings::default())
}

/// SW-01: several contacts, by q; Expires asked, default, cut; the list comes back.
#[test]
fn several_phones_register_and_are_listed_by_preference() {
    let mut registrar = empty();
    let now = at(0);
    let one = register("a", 1, "Contact: <sip:ana@10.0.0.7:5062>;q=0.3;expires=99999\r\n");
    let done = registrar.register(now, "ana", &one, path("10.0.0.7:5062")).unwrap();
    assert!(matches!(&done.changed[..], [BindingChange::Added(binding)] if binding.q == 300));
    assert_eq!(done.headers, [("Contact".into(), "<sip:ana@10.0.0.7:5062>;expires=3600;q=0.300".to_owned())]);
    let two = register(
        "b",
        1,
        "Expires: 120\r\nContact: \"Ana\" <sip:ana2@10.0.0.8>\r\nContact: <sip:ana3@10.0.0.8>;q=0.5\r\n",
    );
    let done = registrar.register(now, "ana", &two, path("10.0.0.8:5060")).unwrap();
    assert_eq!(done.changed.len(), 2);
    assert_eq!(contacts(&registrar), ["sip:ana2@10.0.0.8", "sip:ana3@10.0.0.8", "sip:ana@10.0.0.7:5062"]);
    let query = registrar.register(at(20), "ana", &register("c", 1, ""), path("10.0.0.9:5060")).unwrap();
    assert_eq!((query.changed.len(), query.headers.len()), (0, 3));
    assert!(query.headers[0].1.contains("expires=100"));
    assert_eq!(registrar.poll_timeout(), Some(now.mono + Duration::from_secs(120)));
    let gone = registrar.handle_timeout(at(120));
    assert_eq!(gone.len(), 2);
    assert!(gone.iter().all(BindingChange::is_gone));
    assert_eq!((registrar.len(), contacts(&registrar).len()), (1, 1));
}

/// SW-01 (RFC 3261 10.3, step 7): one REGISTER that names a contact twice makes one binding, as it is named last; what differs by
/// transport or device is another's.
#[test]
fn sw_01_a_contact_named_twice_is_one() {
    let bound = |more: &str| {
        let mut registrar = empty();
        registrar.register(at(0), "ana", &register("a", 1, more), path("10.0.0.7:5060")).unwrap();
        let bindings = registrar.bindings("ana");
        bindings.iter().map(|binding| (binding.contact.to_string(), binding.q)).collect::<Vec<_>>()
    };
    let once = |q| vec![("sip:ana@10.0.0.7".to_owned(), q)];
    assert_eq!(bound("Contact: <sip:ana@10.0.0.7>;q=0.1\r\nContact: <sip:ana@10.0.0.7>;q=0.9\r\n"), once(900));
    assert_eq!(bound("Contact: <sip:ana@10.0.0.7>, <SIP:ana@10.0.0.7>, <sip:ana@10.0.0.7>;q=0.5\r\n"), once(500));
    assert_eq!(bound("Contact: <sip:ana@10.0.0.7>, <sip:ana@10.0.0.7>;expires=0\r\n"), []);
    assert_eq!(bound("Contact: <sip:ana@10.0.0.7>, <sip:ana@10.0.0.7;transport=tcp>\r\n").len(), 2);
    let of = |instance: &str| format!("<sip:ana@10.0.0.7>;+sip.instance=\"<urn:uuid:{instance}>\"");
    assert_eq!(bound(&format!("Contact: {}, {}\r\n", of("1"), of("2"))).len(), 2);
}

/// SW-01: too brief is 423 with Min-Expires; `*` only alone and with Expires 0; both change nothing else.
#[test]
fn what_cant_be_granted_changes_nothing() {
    let mut registrar = empty();
    let now = at(0);
    registrar.register(now, "ana", &register("a", 5, "Contact: <sip:ana@h>\r\n"), path("10.0.0.7:5060")).unwrap();
    let brief = register("b", 1, "Contact: <sip:x@h>;expires=3600, <sip:y@h>;expires=59\r\n");
    let fault = registrar.register(now, "ana", &brief, path("10.0.0.8:5060")).unwrap_err();
    assert_eq!((fault.status, fault.headers), (423, vec![("Min-Expires".into(), "60".to_owned())]));
    // A `*` beside other contacts does not even parse.
    for star in ["Contact: *\r\n", "Contact: *\r\nExpires: 60\r\n"] {
        assert_eq!(
            status(registrar.register(now, "ana", &register("c", 1, star), path("10.0.0.8:5060"))),
            400,
            "{star}"
        );
    }
    for bad in ["Contact: <mailto:a@h>\r\n", "Contact: <tel:+351>\r\n"] {
        assert_eq!(status(registrar.register(now, "ana", &register("c", 1, bad), path("10.0.0.8:5060"))), 400, "{bad}");
    }
    let long = format!("Contact: <sip:{}@h>\r\n", "a".repeat(600));
    assert_eq!(status(registrar.register(now, "ana", &register("c", 1, &long), path("10.0.0.8:5060"))), 400);
    assert_eq!(contacts(&registrar), ["sip:ana@h"]);
}

#[test]
fn an_older_request_of_the_same_phone_is_refused() {
    let mut registrar = empty();
    let now = at(0);
    let contact = "Contact: <sip:ana@h>\r\n";
    registrar.register(now, "ana", &register("a", 5, contact), path("10.0.0.7:5060")).unwrap();
    for cseq in [4, 5] {
        assert_eq!(status(registrar.register(now, "ana", &register("a", cseq, contact), path("10.0.0.7:5060"))), 500);
        let star = register("a", cseq, "Contact: *\r\nExpires: 0\r\n");
        assert_eq!(status(registrar.register(now, "ana", &star, path("10.0.0.7:5060"))), 500);
    }
    let done = registrar.register(at(9), "ana", &register("a", 6, contact), path("10.0.0.7:5060")).unwrap();
    assert!(
        matches!(&done.changed[..], [BindingChange::Refreshed(b)] if b.since == now.wall && b.refreshed == at(9).wall)
    );
    let gone = register("a", 7, "Contact: <sip:ana@h>;expires=0\r\n");
    assert!(matches!(
        &registrar.register(now, "ana", &gone, path("10.0.0.7:5060")).unwrap().changed[..],
        [BindingChange::Removed(_)]
    ));
    assert!(registrar.is_empty() && registrar.poll_timeout().is_none());
}

#[test]
fn a_star_takes_all_away() {
    let mut registrar = empty();
    let now = at(0);
    let two = register("a", 1, "Contact: <sip:a@h>, <sip:b@h>\r\n");
    registrar.register(now, "ana", &two, path("10.0.0.7:5060")).unwrap();
    registrar.register(now, "bob", &two, path("10.0.0.7:5060")).unwrap();
    let star = register("a", 2, "Contact: *\r\nExpires: 0\r\n");
    let done = registrar.register(now, "ana", &star, path("10.0.0.7:5060")).unwrap();
    assert_eq!((done.changed.len(), done.headers.len()), (2, 0));
    assert_eq!((registrar.len(), registrar.bindings("bob").len()), (2, 2));
}

/// SW-01: a phone that comes back replaces itself: by instance, by Contact, or behind another port by the Call-ID with which
/// one phone registers. Two phones behind one NAT do not replace each other.
#[test]
fn the_same_device_replaces_itself() {
    let mut registrar = empty();
    let now = at(0);
    let first = register("a", 1, "Contact: <sip:ana@10.0.0.7:5062>\r\n");
    registrar.register(now, "ana", &first, path("10.0.0.7:5062")).unwrap();
    let moved = register("a", 2, "Contact: <sip:ana@10.0.0.7:6000>\r\n");
    let done = registrar.register(now, "ana", &moved, path("10.0.0.7:6000")).unwrap();
    assert!(matches!(&done.changed[..], [BindingChange::Removed(_), BindingChange::Added(_)]));
    assert_eq!(contacts(&registrar), ["sip:ana@10.0.0.7:6000"]);
    let leaves = register("a", 3, "Contact: <sip:ana@10.0.0.7:5062>;expires=0\r\n");
    let done = registrar.register(now, "ana", &leaves, path("10.0.0.7:5062")).unwrap();
    assert_eq!((done.changed.len(), contacts(&registrar)), (0, vec!["sip:ana@10.0.0.7:6000".to_owned()]), "late");

    let page = |call, host, id| {
        register(call, 1, &format!("Contact: <sip:x{host}@{host}.invalid>;+sip.instance=\"<{id}>\"\r\n"))
    };
    registrar.register(now, "ana", &page("c", "one", "urn:1"), flowing("10.0.0.8:1000", 1)).unwrap();
    registrar.register(now, "ana", &page("d", "two", "urn:2"), flowing("10.0.0.8:2000", 2)).unwrap();
    assert_eq!(registrar.len(), 3);
    registrar.register(now, "ana", &page("e", "three", "urn:1"), flowing("10.0.0.8:3000", 3)).unwrap();
    assert_eq!(registrar.len(), 3);
    assert!(!contacts(&registrar).iter().any(|contact| contact.contains("one")));

    let mut nat = empty();
    nat.register(now, "ana", &register("f", 1, "Contact: <sip:ana@192.168.1.5:5060>\r\n"), path("9.9.9.9:1000"))
        .unwrap();
    nat.register(now, "ana", &register("g", 1, "Contact: <sip:ana@192.168.1.6:5060>\r\n"), path("9.9.9.9:2000"))
        .unwrap();
    assert_eq!(nat.len(), 2);
}

/// SW-01: on one host, behind another port and with another Call-ID, it may be another phone or the same one: the older is
/// contested until it is known, and a refresh of its own ends that. Where there is no room for both it is replaced.
#[test]
fn sw_01_another_port_of_a_host_leaves_a_doubt() {
    let mut registrar = empty();
    let one = |call: &str, cseq, port: u16| register(call, cseq, &format!("Contact: <sip:ana@10.0.0.7:{port}>\r\n"));
    let at_port = |port: u16| path(&format!("10.0.0.7:{port}"));
    let contested = |registrar: &Registrar, port: u16| {
        let contact = format!("sip:ana@10.0.0.7:{port}");
        registrar.bindings("ana").iter().find(|of| *of.contact == contact).and_then(|of| of.contested)
    };
    registrar.register(at(0), "ana", &one("a", 1, 5000), at_port(5000)).unwrap();
    let done = registrar.register(at(1), "ana", &one("b", 1, 6000), at_port(6000)).unwrap();
    assert!(matches!(&done.changed[..], [BindingChange::Contest(_), BindingChange::Added(_)]));
    assert_eq!((contested(&registrar, 5000), contested(&registrar, 6000)), (Some(at(1).wall), None));
    let done = registrar.register(at(2), "ana", &one("b", 2, 6000), at_port(6000)).unwrap();
    assert!(matches!(&done.changed[..], [BindingChange::Refreshed(_)]), "who is known contests nobody's place");
    let old = ("ana", "sip:ana@10.0.0.7:5000", None);
    assert!(registrar.end_contest(old, at(0).wall, false).is_none(), "that was another time");
    registrar.register(at(3), "ana", &one("a", 2, 5000), at_port(5000)).unwrap();
    assert!(registrar.end_contest(old, at(1).wall, false).is_none(), "it has refreshed meanwhile");
    registrar.register(at(4), "ana", &one("c", 1, 7000), at_port(7000)).unwrap();
    assert!(matches!(registrar.end_contest(old, at(4).wall, true), Some(BindingChange::Contest(_))));
    let other = ("ana", "sip:ana@10.0.0.7:6000", None);
    registrar.mark_reachable(other.0, other.1, None, false);
    assert!(
        matches!(registrar.end_contest(other, at(4).wall, true), Some(BindingChange::Reachability(of)) if of.reachable)
    );
    assert!(contested(&registrar, 5000).is_none() && contested(&registrar, 6000).is_none());

    let two = "Contact: <sip:ana@10.0.0.8:1>, <sip:ana@10.0.0.8:2>\r\n";
    for cseq in 1..3 {
        let done = registrar.register(at(5), "ana", &register("d", cseq, two), path("10.0.0.8:1")).unwrap();
        assert_eq!((done.changed.len(), registrar.len()), (2, 5), "two contacts of one phone are its own");
    }
    for port in 1..=5 {
        registrar.register(at(6), "ana", &one(&format!("x{port}"), 1, port), at_port(port)).unwrap();
    }
    let done = registrar.register(at(7), "ana", &one("y", 1, 9000), at_port(9000)).unwrap();
    assert!(matches!(&done.changed[..], [BindingChange::Removed(old), ..] if &*old.contact == other.1), "the oldest");
    assert_eq!(registrar.len(), BINDINGS_MAX);
}

/// SW-01: where a device registered from, and whether another did from the same place.
#[test]
fn sw_01_a_place_is_known_as_long_as_a_device_is_there() {
    let mut registrar = empty();
    let edge = path("10.0.0.9:5060");
    registrar.register(at(0), "ana", &register("a", 1, "Contact: <sip:ana@h>\r\n"), edge).unwrap();
    registrar.register(at(0), "rui", &register("b", 1, "Contact: <sip:rui@h>\r\n"), edge).unwrap();
    registrar.remove("ana", "sip:ana@h", None);
    assert!(registrar.is_known(edge.remote) && registrar.is_at_home(edge.remote.ip()));
    assert!(!registrar.is_known("10.0.0.9:5061".parse().unwrap()));
    registrar.remove("rui", "sip:rui@h", None);
    assert!(!registrar.is_known(edge.remote) && !registrar.is_at_home(edge.remote.ip()));
}

/// SW-01: the way back is the way it came; a closed connection takes its binding along.
#[test]
fn a_closed_connection_unregisters() {
    let mut registrar = empty();
    let now = at(0);
    registrar
        .register(now, "ana", &register("a", 1, "Contact: <sip:ana@x.invalid>\r\n"), flowing("10.0.0.8:999", 7))
        .unwrap();
    registrar.register(now, "ana", &register("b", 1, "Contact: <sip:ana@h>\r\n"), path("10.0.0.9:5060")).unwrap();
    assert_eq!(registrar.bindings("ana").iter().filter(|b| b.path == flowing("10.0.0.8:999", 7)).count(), 1);
    assert!(registrar.flow_closed(FlowId(8)).is_empty());
    // The phone comes back over a new connection before the old one is seen to end.
    registrar
        .register(now, "ana", &register("a", 2, "Contact: <sip:ana@x.invalid>\r\n"), flowing("10.0.0.8:1999", 9))
        .unwrap();
    assert!(registrar.flow_closed(FlowId(7)).is_empty());
    assert!(matches!(&registrar.flow_closed(FlowId(9))[..], [BindingChange::Removed(_)]));
    assert_eq!(contacts(&registrar), ["sip:ana@h"]);
}

#[test]
fn a_phone_that_does_not_answer_goes_last_until_it_comes_back() {
    let mut registrar = empty();
    let now = at(0);
    registrar.register(now, "ana", &register("a", 1, "Contact: <sip:a@h>\r\n"), path("10.0.0.7:5060")).unwrap();
    registrar.register(now, "ana", &register("b", 1, "Contact: <sip:b@h>;q=0.1\r\n"), path("10.0.0.8:5060")).unwrap();
    assert!(
        matches!(registrar.mark_reachable("ana", "sip:a@h", None, false), Some(BindingChange::Reachability(b)) if !b.reachable)
    );
    assert!(registrar.mark_reachable("ana", "sip:a@h", None, false).is_none());
    assert_eq!(contacts(&registrar), ["sip:b@h", "sip:a@h"]);
    registrar.register(now, "ana", &register("a", 2, "Contact: <sip:a@h>\r\n"), path("10.0.0.7:5060")).unwrap();
    assert_eq!(contacts(&registrar), ["sip:a@h", "sip:b@h"]);
    assert!(matches!(registrar.remove("ana", "sip:b@h", None), Some(BindingChange::Removed(_))));
    assert_eq!(registrar.len(), 1);
}

#[test]
fn a_flood_of_contacts_is_capped() {
    let mut registrar = empty();
    let now = at(0);
    let many: String = (0..11).map(|n| format!("Contact: <sip:u{n}@h>\r\n")).collect();
    assert_eq!(status(registrar.register(now, "ana", &register("a", 1, &many), path("10.0.0.7:5060"))), 403);
    for n in 0..BINDINGS_MAX {
        let one = register(&format!("c{n}"), 1, &format!("Contact: <sip:u{n}@h>\r\n"));
        registrar.register(now, "ana", &one, path("10.0.0.7:5060")).unwrap();
    }
    let more = register("x", 1, "Contact: <sip:more@h>\r\n");
    assert_eq!(status(registrar.register(now, "ana", &more, path("10.0.0.7:5060"))), 403);
    let refresh = register("c3", 2, "Contact: <sip:u3@h>\r\n");
    assert!(registrar.register(now, "ana", &refresh, path("10.0.0.7:5060")).is_ok());
    assert_eq!(registrar.len(), BINDINGS_MAX);
}

/// RFC 3327: the Path is kept as the way to the phone and given back.
#[test]
fn a_path_through_an_edge_proxy_is_kept() {
    let mut registrar = empty();
    let more = "Supported: path\r\nPath: <sip:edge.example;lr>, <sip:inner.example;lr>\r\nContact: <sip:a@h>\r\n";
    let done = registrar.register(at(0), "ana", &register("a", 1, more), path("10.0.0.7:5060")).unwrap();
    let route: Vec<&str> = registrar.bindings("ana")[0].route.iter().map(|route| &**route).collect();
    assert_eq!(route, ["<sip:edge.example;lr>", "<sip:inner.example;lr>"]);
    assert_eq!(done.headers.iter().filter(|(name, _)| name == "Path").count(), 2);
}

/// A binding goes through the journal and comes back with what was left of its life.
#[test]
fn bindings_survive_a_restart() {
    let mut before = empty();
    let more = "User-Agent: phone\r\nContact: <sip:a@h>;expires=100;+sip.instance=\"<urn:1>\";reg-id=1\r\n";
    before.register(at(50), "ana", &register("a", 1, more), flowing("10.0.0.7:5060", 3)).unwrap();
    let kept = serde_json::to_string(before.all().next().unwrap()).unwrap();
    let mut after = empty();
    let restarted = Now { mono: Instant::from_micros(5), wall: at(90).wall };
    after.restore(restarted, serde_json::from_str(&kept).unwrap());
    after.restore(restarted, serde_json::from_str(&kept).unwrap());
    assert_eq!(after.all().collect::<Vec<_>>(), before.all().collect::<Vec<_>>());
    assert_eq!(after.poll_timeout(), Some(restarted.mono + Duration::from_secs(60)));
}

/// A registered device costs less than 1 KB of ours, and finding it does not slow down with their number.
#[test]
fn places_are_used_again() {
    let mut registrar = empty();
    for round in 0..3 {
        for n in 0..1000 {
            let one = register(&format!("c{n}"), round + 1, &format!("Contact: <sip:u{n}@h>\r\n"));
            registrar.register(at(0), &format!("u{n}"), &one, path("10.0.0.7:5060")).unwrap();
        }
        assert_eq!((registrar.len(), registrar.bindings.len()), (1000, 1000));
    }
    registrar.handle_timeout(at(3600));
    assert!(registrar.is_empty() && registrar.aors.is_empty() && registrar.flows.is_empty());
}

/// SW-01: RFC 5626: a flow has a number of its own where phone, first hop and registrar all keep flows; else the number is
/// nothing, or the first hop is named as the one that can't.
#[test]
fn sw_01_flows_are_numbered_where_all_keep_them() {
    let mut registrar = empty();
    let contact = |id| format!("Contact: <sip:ana@h>;+sip.instance=\"<urn:1>\";reg-id={id}\r\n");
    let outbound = |call, id, more: &str| register(call, 1, &format!("Supported: outbound\r\n{}{more}", contact(id)));
    let done = registrar.register(at(0), "ana", &outbound("a", 1, ""), flowing("10.0.0.7:1000", 1)).unwrap();
    let told = |name: &str| done.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    assert_eq!((told("Require"), told("Flow-Timer")), (Some("outbound"), Some("120")));
    assert!(told("Contact").unwrap().contains("reg-id=1"));
    registrar.register(at(0), "ana", &outbound("b", 2, ""), flowing("10.0.0.7:2000", 2)).unwrap();
    assert_eq!(registrar.len(), 2, "two flows of one phone");
    registrar.register(at(0), "ana", &outbound("c", 2, ""), flowing("10.0.0.7:3000", 3)).unwrap();
    assert_eq!(registrar.len(), 2, "the second one anew");

    let two = "Contact: <sip:ana@i>;+sip.instance=\"<urn:1>\";reg-id=2\r\n";
    assert_eq!(status(registrar.register(at(0), "ana", &outbound("d", 1, two), flowing("10.0.0.7:1", 4))), 400);
    let through = |call, path: &str| {
        let text = outbound(call, 3, path);
        let via = "Via: SIP/2.0/TCP 10.0.0.9;branch=z9hG4bKedge\r\nVia: ";
        Message::parse(Bytes::from(String::from_utf8(text.bytes().to_vec()).unwrap().replacen("Via: ", via, 1)))
            .unwrap()
    };
    let edge = flowing("10.0.0.9:5060", 5);
    assert_eq!(status(registrar.register(at(0), "ana", &through("e", ""), edge)), 439);
    assert_eq!(status(registrar.register(at(0), "ana", &through("e", "Path: <sip:10.0.0.9;lr>\r\n"), edge)), 439);
    assert!(registrar.register(at(0), "ana", &through("e", "Path: <sip:10.0.0.9;lr;ob>\r\n"), edge).is_ok());

    let mut plain = empty();
    let done = plain.register(at(0), "ana", &register("a", 1, &contact(1)), flowing("10.0.0.7:1000", 1)).unwrap();
    assert!(done.headers.iter().all(|(name, _)| name == "Contact"), "{:?}", done.headers);
    assert_eq!(plain.bindings("ana")[0].reg_id, None);
}

/// SW-01: the Path goes back only to who can read it, the Service-Route to all (RFC 3327 5.3, RFC 3608 5).
#[test]
fn sw_01_ways_are_told_to_who_reads_them() {
    let service_route = vec!["<sip:out.example;lr>".to_owned()];
    let mut registrar = Registrar::new(RegistrarSettings { service_route, ..RegistrarSettings::default() });
    let more = "Path: <sip:10.0.0.9;lr>\r\nContact: <sip:a@h>\r\n";
    let done = registrar.register(at(0), "ana", &register("a", 1, more), path("10.0.0.9:5060")).unwrap();
    let names: Vec<&str> = done.headers.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["Contact", "Service-Route"]);
    assert_eq!(&*registrar.bindings("ana")[0].route[0], "<sip:10.0.0.9;lr>");
}

/// SW-01, SW-03: which way a device is called: its connection, the nearest proxy of its Path, the transport that its
/// Contact names; `sips:` securely or not at all, and nobody is sent where no REGISTER came from.
#[test]
fn sw_03_a_contact_names_its_transport() {
    let way = |contact: &str, more: &str, from: Path| {
        let mut registrar = empty();
        let request = register("a", 1, &format!("Contact: <{contact}>\r\n{more}"));
        registrar.register(at(0), "ana", &request, from).unwrap();
        let way = registrar.bindings("ana")[0].way();
        way.map(|way| (way.transport, way.remote.to_string(), way.flow))
    };
    let udp = path("10.0.0.7:6000");
    let is = |transport, remote: &str| Some((transport, remote.to_owned(), None));
    assert_eq!(way("sip:a@10.0.0.7:5062", "", udp), is(Transport::Udp, "10.0.0.7:6000"));
    assert_eq!(way("sip:a@10.0.0.7:5062;transport=tcp", "", udp), is(Transport::Tcp, "10.0.0.7:5062"));
    assert_eq!(way("sips:a@10.0.0.7", "", udp), is(Transport::Tls, "10.0.0.7:5061"));
    assert_eq!(way("sips:a@10.0.0.7:5071;transport=tcp", "", udp), is(Transport::Tls, "10.0.0.7:5071"));
    // Behind a NAT nobody can be called at another transport, nor anywhere else than where the REGISTER came from.
    assert_eq!(way("sip:a@192.168.1.5;transport=tcp", "", udp), is(Transport::Udp, "10.0.0.7:6000"));
    assert_eq!(way("sip:a@victim.example;transport=tcp", "", udp), is(Transport::Udp, "10.0.0.7:6000"));
    assert_eq!(way("sips:a@192.168.1.5", "", udp), None);
    assert_eq!(way("sips:a@x.invalid;transport=ws", "", Path { transport: Transport::Ws, ..udp }), None);
    let flow = flowing("10.0.0.7:999", 4);
    assert_eq!(way("sip:a@10.0.0.7:5062;transport=udp", "", flow).unwrap().2, Some(FlowId(4)));
    assert_eq!(way("sip:a@192.168.1.5", "Path: <sip:10.0.0.7:5080;lr>\r\n", udp), is(Transport::Udp, "10.0.0.7:5080"));
    let tcp = "Path: <sip:10.0.0.7;transport=tcp;lr>\r\n";
    assert_eq!(way("sip:a@192.168.1.5", tcp, udp), is(Transport::Tcp, "10.0.0.7:5060"));
    // A carrier's address, another phone's, a name.
    for elsewhere in ["10.0.0.9:5080", "10.0.0.9;transport=tcp", "edge.example"] {
        let path = format!("Path: <sip:{elsewhere};lr>, <sip:10.0.0.7;lr>\r\n");
        assert_eq!(way("sip:+351760000001@10.0.0.9:5080", &path, udp), is(Transport::Udp, "10.0.0.7:6000"), "{path}");
    }
    assert_eq!(way("sip:a@192.168.1.5", "Path: <sip:127.0.0.1:22;lr>\r\n", udp), is(Transport::Udp, "10.0.0.7:6000"));
}

/// SW-01: everybody is asked in turn, each once a round.
#[test]
fn sw_01_a_round_asks_each_once() {
    let mut registrar = empty();
    for n in 0..5 {
        let one = register(&format!("c{n}"), 1, &format!("Contact: <sip:u{n}@h>\r\n"));
        registrar.register(at(0), &format!("u{n}"), &one, path("10.0.0.7:5060")).unwrap();
    }
    registrar.remove("u1", "sip:u1@h", None);
    let mut asked: Vec<String> = Vec::new();
    for _ in 0..2 {
        asked.extend(registrar.next_round(2).iter().map(|binding| binding.aor.to_string()));
    }
    asked.sort();
    assert_eq!(asked, ["u0", "u2", "u3", "u4"]);
    assert_eq!(registrar.next_round(9).len(), 4);
}

/// SW-19: who is at home somewhere is known as long as a device of his is, wherever it moves, and no longer.
#[test]
fn sw_19_a_home_is_known_while_a_device_is_there() {
    let mut registrar = empty();
    let knows = |registrar: &Registrar, ip: &str| registrar.is_at_home(ip.parse().unwrap());
    for (call, remote) in [("a", "10.0.0.7:5062"), ("b", "10.0.0.7:5064")] {
        let contact = format!("Contact: <sip:{call}@10.0.0.7>;expires=600\r\n");
        registrar.register(at(0), "ana", &register(call, 1, &contact), path(remote)).unwrap();
    }
    assert!(knows(&registrar, "10.0.0.7") && !knows(&registrar, "10.0.0.8"));
    let moves = register("a", 2, "Contact: <sip:a@10.0.0.7>;expires=60\r\n");
    registrar.register(at(1), "ana", &moves, path("10.0.0.8:5062")).unwrap();
    assert!(knows(&registrar, "10.0.0.7") && knows(&registrar, "10.0.0.8"));
    registrar.handle_timeout(at(100));
    assert!(knows(&registrar, "10.0.0.7") && !knows(&registrar, "10.0.0.8"));
    registrar.remove("ana", "sip:b@10.0.0.7", None);
    assert!(!knows(&registrar, "10.0.0.7") && registrar.is_empty());
}
