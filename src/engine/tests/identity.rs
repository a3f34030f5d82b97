//! Numbers as each side writes them, and who sees who calls.

use std::net::SocketAddr;

use super::world::{CARRIER, REALM, World, centre};
use crate::{
    base::{DialClassId, Number, QueueId},
    engine::{Alarm, Centre, Direction, Input},
    sip::Reply,
    switch::{
        CallerIdRule, Destination, DialClass, Forwarding, IdentityHeader, NumberForm, NumberPlan, Pattern, Route, Side,
        TrunkFrom, TrunkIdentity, User,
    },
    wire::sip::{Message, Name},
};

fn number(text: &str) -> Number {
    Number::new(text).unwrap()
}

fn plan(form: NumberForm) -> NumberPlan {
    NumberPlan { country: "351".into(), national: String::new(), international: "00".into(), form }
}

/// A carrier that writes digits without a plus, Portuguese users, numbers in E.164 between them.
fn portuguese() -> Centre {
    let mut centre = centre();
    centre.trunks[0].numbering.plan = Some(plan(NumberForm::Digits));
    centre.dial_plan.plan = Some(plan(NumberForm::E164));
    (centre.dial_plan.hide_code, centre.dial_plan.show_code) = ("#31#".into(), "*31#".into());
    let to_trunk = centre.routes[0].destination;
    let mut out = Route::new(Pattern::new("+*").unwrap(), to_trunk);
    out.from = Side::Users;
    centre.routes.push(out);
    centre.routes.push(Route::new(Pattern::new("+351210000001").unwrap(), Destination::Queue(QueueId(1))));
    ana(&mut centre).number = Some(number("+351220000001"));
    centre
}

fn ana(centre: &mut Centre) -> &mut User {
    &mut centre.users[0]
}

fn trusting(mut centre: Centre) -> Centre {
    centre.trunks[0].identity.trusted = true;
    centre
}

/// What the carrier gets when Ana dials, and the call is gone again.
fn dials(world: &mut World, ana: SocketAddr, what: &str, headers: &[(&'static str, &str)]) -> Message {
    let carrier: SocketAddr = CARRIER.parse().unwrap();
    let body = world.phones[&ana].offer();
    world.call_with(ana, "ana", &what.replace('#', "%23"), Some(body), |invite| {
        invite.headers.extend(headers.iter().map(|(name, value)| ((*name).into(), (*value).to_owned())));
    });
    let (usage, invite) = world.incoming(carrier).expect("it leaves");
    world.respond(carrier, usage, Reply::new(486));
    world.rejected(ana);
    invite
}

fn from(message: &Message) -> &str {
    message.header(Name::From).unwrap().split(";tag").next().unwrap()
}

fn asserted(message: &Message) -> Option<&str> {
    message.header(Name::PAssertedIdentity)
}

/// TK-08, SW-20: a carrier's caller is not shown as a colleague whose name or extension he has, unless what the trunk says is
/// believed.
#[test]
fn tk_08_sw_20_nobody_outside_is_a_colleague() {
    let carrier: SocketAddr = CARRIER.parse().unwrap();
    for (seed, trusted) in [(220, false), (221, true)] {
        let mut world = World::with(seed, if trusted { trusting(centre()) } else { centre() });
        let ana = world.phone("ana", 6001);
        for number in ["202", "rui", "RUI", "+351910000000"] {
            let call = world.call_with(carrier, "x", "ana", None, |invite| {
                invite.from = crate::sip::Party::new(format!("sip:{number}@carrier.example"));
            });
            let (_, invite) = world.incoming(ana).expect("it rings");
            let shown = trusted || number.starts_with('+');
            assert_eq!(from(&invite).contains(&format!("<sip:{number}@")), shown, "{}", from(&invite));
            assert_eq!(asserted(&invite).is_some(), shown, "{:?}", asserted(&invite));
            world.cancel(carrier, call);
            world.pass(std::time::Duration::from_secs(3));
        }
        world.assert_nothing_left();
    }
}

/// TK-07: what comes from a trunk is E.164 inside, whom it shows too; what leaves is written as the carrier writes it.
#[test]
fn tk_07_numbers_are_e164_inside() {
    let carrier: SocketAddr = CARRIER.parse().unwrap();
    let mut world = World::with(200, portuguese());
    let (ana, eva) = (world.phone("ana", 6001), world.phone("eva", 6003));
    let call = world.call(carrier, "351910000000", "351210000001");
    let (_, invite) = world.incoming(eva).expect("the queue has it");
    assert!(from(&invite).contains("sip:+351910000000@"), "{}", from(&invite));
    world.cancel(carrier, call);
    world.pass(std::time::Duration::from_secs(3));
    let record = world.records.last().unwrap();
    assert_eq!((record.caller.reveal().as_str(), record.dialled.reveal().as_str()), ("+351910000000", "+351210000001"));
    let invite = dials(&mut world, ana, "930000000", &[]);
    assert_eq!(invite.request_uri().unwrap().user, Some("351930000000"));
    assert!(from(&invite).contains("<sip:351220000001@"), "{}", from(&invite));
    let invite = dials(&mut world, ana, "0044207000000", &[]);
    assert_eq!(invite.request_uri().unwrap().user, Some("44207000000"));
    let record = world.records.last().unwrap();
    assert_eq!((record.direction, record.dialled.reveal().as_str()), (Direction::Outbound, "+44207000000"));
    world.assert_nothing_left();
}

/// TK-08: who hides is nobody outside; a trusted trunk is told in confidence, another not at all.
#[test]
fn tk_08_a_hidden_number_is_hidden() {
    let nobody = "\"Anonymous\" <sip:anonymous@anonymous.invalid>";
    for trusted in [true, false] {
        let centre = if trusted { trusting(portuguese()) } else { portuguese() };
        let mut world = World::with(201, centre);
        let ana = world.phone("ana", 6001);
        for (dialled, headers) in [("#31#930000000", vec![]), ("930000000", vec![("Privacy", "id")])] {
            let invite = dials(&mut world, ana, dialled, &headers);
            assert_eq!((from(&invite), invite.header(Name::Privacy)), (nobody, Some("id")));
            assert_eq!(asserted(&invite).is_some_and(|value| value.contains("351220000001")), trusted);
            assert_eq!(invite.request_uri().unwrap().user, Some("351930000000"));
            let text = String::from_utf8_lossy(invite.bytes()).into_owned();
            assert!(trusted || !text.contains("220000001"), "{text}");
            assert!(!text.contains("Dona"), "{text}");
        }
        let open = dials(&mut world, ana, "930000000", &[]);
        assert_eq!(open.header(Name::Privacy), None);
        assert_eq!(asserted(&open).is_some(), trusted);
    }
    // A user who always hides, and says otherwise once.
    let mut centre = portuguese();
    ana(&mut centre).hides_number = true;
    let mut world = World::with(202, centre);
    let phone = world.phone("ana", 6001);
    let rui = world.phone("rui", 6002);
    assert_eq!(from(&dials(&mut world, phone, "930000000", &[])), nobody);
    assert!(from(&dials(&mut world, phone, "*31#930000000", &[])).contains("351220000001"));
    world.call(phone, "ana", "202");
    let (_, invite) = world.incoming(rui).unwrap();
    assert!(from(&invite).contains("Dona ana"), "colleagues see each other: {}", from(&invite));
}

/// TK-08: a phone is who it is, whatever it asserts or prefers; nobody is taken for another.
#[test]
fn tk_08_a_phone_asserts_nothing() {
    let mut world = World::with(203, trusting(portuguese()));
    let ana = world.phone("ana", 6001);
    for name in ["P-Asserted-Identity", "P-Preferred-Identity", "Remote-Party-ID"] {
        let invite = dials(&mut world, ana, "930000000", &[(name, "\"Boss\" <sip:+351999999999@bank.example>")]);
        let text = String::from_utf8_lossy(invite.bytes()).into_owned();
        assert!(!text.contains("999999999") && !text.contains("Boss"), "{text}");
        assert!(asserted(&invite).unwrap().contains("351220000001"));
    }
}

/// TK-08: P-Asserted-Identity is believed of a trusted trunk alone; the agent sees nobody where the caller hides, and
/// the record knows him.
#[test]
fn tk_08_only_a_trusted_trunk_asserts() {
    let carrier: SocketAddr = CARRIER.parse().unwrap();
    let identity = "\"A\" <sip:351911111111@c.example>, <tel:+351911111111>";
    for (trusted, privacy, anonymous, seen, recorded) in [
        (true, None, true, None, "+351911111111"),
        (true, Some("id"), true, None, "+351911111111"),
        (true, Some("none"), true, Some("+351911111111"), "+351911111111"),
        (true, Some("user;id;critical"), false, None, "+351911111111"),
        (false, None, false, Some("+351910000000"), "+351910000000"),
        (false, None, true, None, "anonymous"),
        (false, Some("id"), false, None, "+351910000000"),
    ] {
        let centre = if trusted { trusting(portuguese()) } else { portuguese() };
        let mut world = World::with(204, centre);
        let eva = world.phone("eva", 6003);
        let body = world.phones[&carrier].offer();
        let who = if anonymous { "anonymous" } else { "351910000000" };
        let call = world.call_with(carrier, who, "351210000001", Some(body), |invite| {
            invite.headers.push(("P-Asserted-Identity".into(), identity.into()));
            invite.headers.extend(privacy.map(|value| ("Privacy".into(), value.to_owned())));
        });
        let (_, invite) = world.incoming(eva).expect("Eva is asked");
        let text = String::from_utf8_lossy(invite.bytes()).into_owned();
        let case = format!("{trusted} {privacy:?} {anonymous}: {text}");
        match seen {
            Some(number) => assert!(asserted(&invite).unwrap().contains(number), "{case}"),
            None => {
                assert!(from(&invite).ends_with("<sip:anonymous@anonymous.invalid>"), "{case}");
                assert!(asserted(&invite).is_none() && !text.contains("91"), "{case}");
            }
        }
        world.cancel(carrier, call);
        world.pass(std::time::Duration::from_secs(3));
        assert_eq!(world.records.last().unwrap().caller.reveal(), recorded, "{case}");
    }
}

/// TK-08, QE-13: what carriers write in place of a withheld number is nobody's number: two such callers are not taken for one.
#[test]
fn tk_08_words_for_a_withheld_number_are_nobodys() {
    let carrier: SocketAddr = CARRIER.parse().unwrap();
    for word in ["Restricted", "unavailable", "UNKNOWN", "withheld"] {
        let mut world = World::with(212, portuguese());
        let eva = world.phone("eva", 6003);
        let call = world.call(carrier, word, "351210000001");
        let (_, invite) = world.incoming(eva).expect("Eva is asked");
        assert!(from(&invite).ends_with("<sip:anonymous@anonymous.invalid>"), "{word}");
        world.cancel(carrier, call);
        world.pass(std::time::Duration::from_secs(3));
        assert_eq!(world.records.last().unwrap().caller.reveal(), "anonymous", "{word}");
    }
}

/// TK-08: the number shown is the route's, the trunk's, the user's, in this order.
#[test]
fn tk_08_the_nearest_caller_id_is_shown() {
    let mut centre = portuguese();
    let mut world = World::with(205, centre.clone());
    let phone = world.phone("ana", 6001);
    assert!(from(&dials(&mut world, phone, "930000000", &[])).contains("<sip:351220000001@"));
    centre.trunks[0].caller_id = CallerIdRule::Fixed(number("+351220000002"));
    let mut world = World::with(205, centre.clone());
    let phone = world.phone("ana", 6001);
    assert!(from(&dials(&mut world, phone, "930000000", &[])).contains("<sip:351220000002@"));
    centre.routes.iter_mut().for_each(|route| route.caller_id = Some(number("+351220000003")));
    let mut world = World::with(205, centre);
    let phone = world.phone("ana", 6001);
    assert!(from(&dials(&mut world, phone, "930000000", &[])).contains("<sip:351220000003@"));
}

/// TK-08: a carrier that looks for the account in From is told who calls beside it, in the header that it reads; To names
/// its own host.
#[test]
fn tk_08_from_may_name_the_account() {
    for (told_in, name, shown) in [
        (IdentityHeader::Preferred, Name::PPreferredIdentity, "<sip:351220000001@sip.example.net>"),
        (
            IdentityHeader::RemoteParty,
            Name::RemotePartyId,
            "\"Dona ana\" <sip:351220000001@sip.example.net>;party=calling;screen=yes;privacy=off",
        ),
    ] {
        let mut centre = portuguese();
        let from_domain = Some("sip.example.net".into());
        let account = TrunkFrom { user: Some("acme 1".into()), domain: from_domain };
        centre.trunks[0].identity = TrunkIdentity { told_in, from: account, ..TrunkIdentity::default() };
        let mut world = World::with(209, centre);
        let ana = world.phone("ana", 6001);
        let open = dials(&mut world, ana, "930000000", &[]);
        assert_eq!(from(&open), "\"Dona ana\" <sip:acme%201@sip.example.net>");
        assert_eq!((open.header(name), open.header(Name::Privacy)), (Some(shown), None));
        assert_eq!(open.header(Name::To), Some("<sip:351930000000@127.0.0.1:5080>"));
        assert_eq!(asserted(&open), None);
        let hidden = dials(&mut world, ana, "#31#930000000", &[]);
        assert_eq!(from(&hidden), "\"Anonymous\" <sip:acme%201@sip.example.net>");
        assert_eq!(hidden.header(Name::Privacy), Some("id"));
        let told = hidden.header(name).unwrap();
        assert!(told.contains("351220000001") && !told.contains("Dona") && !told.contains("privacy=off"), "{told}");
    }
}

/// TK-08: Remote-Party-ID is read as well, of a trusted trunk alone, and its wish for privacy of any.
#[test]
fn tk_08_the_older_header_is_read() {
    let carrier: SocketAddr = CARRIER.parse().unwrap();
    for (trusted, privacy, recorded, hidden) in [
        (true, "off", "+351911111111", false),
        (true, "full", "+351911111111", true),
        (false, "off", "+351910000000", false),
        (false, "uri-network", "+351910000000", true),
    ] {
        let mut centre = portuguese();
        centre.trunks[0].identity.trusted = trusted;
        let mut world = World::with(208, centre);
        let eva = world.phone("eva", 6003);
        let body = world.phones[&carrier].offer();
        let lines = format!(
            "<sip:351920000000@c.example>;party=called, \"A\" <sip:351911111111@c.example>;party=calling;privacy={privacy}"
        );
        let call = world.call_with(carrier, "351910000000", "351210000001", Some(body), |invite| {
            invite.headers.push(("Remote-Party-ID".into(), lines));
        });
        let (_, invite) = world.incoming(eva).expect("Eva is asked");
        assert_eq!(from(&invite).contains("anonymous.invalid"), hidden, "{trusted} {privacy}");
        world.cancel(carrier, call);
        world.pass(std::time::Duration::from_secs(3));
        assert_eq!(world.records.last().unwrap().caller.reveal(), recorded, "{trusted} {privacy}");
    }
}

/// TK-08, CH-15: a carrier that wants to know is told who sent the call there, by a number that the outside knows.
#[test]
fn tk_08_ch_15_forwards_are_told_to_the_carrier() {
    let carrier: SocketAddr = CARRIER.parse().unwrap();
    let mut centre = trusting(portuguese());
    let told = Forwarding { diversion: true, history: true, referred_by: true };
    centre.trunks[0].identity = TrunkIdentity { trusted: true, forwarding: told, ..TrunkIdentity::default() };
    centre.users[1].number = Some(number("+351220000009"));
    let mut world = World::with(206, centre);
    let rui = world.phone("rui", 6002);
    let call = world.call(carrier, "351910000000", "202");
    let (usage, _) = world.incoming(rui).unwrap();
    let elsewhere = format!("<sip:930000000@{REALM}>");
    world.respond(rui, usage, Reply::new(302).header("Contact", elsewhere));
    let (_, invite) = world.incoming(carrier).expect("out again");
    let host = "127.0.0.1:5060";
    let diversion = format!("<sip:351220000009@{host}>;reason=unconditional;counter=1;privacy=off");
    assert_eq!(invite.header(Name::Diversion), Some(&*diversion));
    let history = format!("<sip:351220000009@{host}>;index=1, <sip:351930000000@{host};cause=302>;index=1.1;mp=1");
    assert_eq!(invite.header(Name::HistoryInfo), Some(&*history));
    assert!(from(&invite).contains("<sip:351910000000@"), "the caller himself: {}", from(&invite));
    assert_eq!(invite.header(Name::ReferredBy), None, "nobody passed it on");
    world.cancel(carrier, call);
    world.assert_nothing_left();
}

/// TK-08: control characters in a caller's name or number reach neither a phone nor a record (THREATS: caller id).
#[test]
fn tk_08_a_caller_id_breaks_out_of_nothing() {
    let carrier: SocketAddr = CARRIER.parse().unwrap();
    let mut world = World::with(207, centre());
    let ana = world.phone("ana", 6001);
    let packet = "INVITE sip:201@127.0.0.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5080;branch=z9hG4bKx;rport\r\n\
                  Max-Forwards: 70\r\nFrom: \"Bo\\\tb\u{202e}%0d%0aVia: evil\" <sip:12%0d%0aX-Evil:%201@h>;tag=1\r\n\
                  To: <sip:201@h>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\nContact: <sip:x@127.0.0.1:5080>\r\n\
                  Content-Length: 0\r\n\r\n";
    world.packet(carrier, packet.as_bytes());
    let (_, invite) = world.incoming(ana).expect("Ana is rung all the same");
    let text = String::from_utf8_lossy(invite.bytes()).into_owned();
    assert!(!text.lines().any(|line| line.starts_with("Via: evil") || line.starts_with("X-Evil")), "{text}");
    assert!(!from(&invite).contains(['\t', '\u{202e}']) && from(&invite).contains("anonymous.invalid"), "{text}");
}

/// Portuguese, with a list of what nobody dials, a number for help, and a class of Ana's.
fn barring(allowed: &[&str], per_hour: Option<u32>) -> Centre {
    let mut centre = portuguese();
    let patterns = |list: &[&str]| list.iter().map(|text| Pattern::new(text).unwrap()).collect();
    centre.dial_plan.barred = patterns(&["+35176*"]);
    centre.dial_plan.emergency = patterns(&["112"]);
    let class = DialClass {
        id: DialClassId(1),
        name: "home".into(),
        allowed: patterns(allowed),
        barred: Vec::new(),
        calls_per_hour: per_hour,
    };
    centre.dial_plan.classes.push(class);
    ana(&mut centre).class = Some(DialClassId(1));
    let help = Route { from: Side::Users, ..Route::new(Pattern::new("112").unwrap(), centre.routes[0].destination) };
    centre.routes.push(help);
    centre
}

/// SW-20, CB-09: barred numbers and those of no class of his are no way out for a user: not called, not by REFER, not by
/// forwarding; and so many in an hour are enough (THREATS: toll fraud, transfer toll fraud).
#[test]
fn sw_20_barred_numbers_stay_barred() {
    let carrier: SocketAddr = CARRIER.parse().unwrap();
    let mut world = World::with(210, barring(&["+3519*"], Some(2)));
    let (ana, rui) = (world.phone("ana", 6001), world.phone("rui", 6002));
    for (at, who, dialled) in [
        (rui, "rui", "760000000"),
        (rui, "rui", "+351760000000"),
        (ana, "ana", "210000009"),
        (ana, "ana", "0044207000000"),
    ] {
        world.call(at, who, dialled);
        assert_eq!(world.rejected(at), Some(403), "{who} {dialled}");
    }
    assert!(world.incoming(carrier).is_none());
    // By transfer, and by forwarding.
    let call = world.call(rui, "rui", "ana");
    let ana_leg = world.answer(ana);
    let refer = |number: &str| {
        let mut request = crate::sip::Request::inside(crate::wire::sip::Method::Refer, ana_leg);
        request.headers.push(("Refer-To".into(), format!("<sip:{number}@{REALM}>")));
        request
    };
    for number in ["210000009", "760000000"] {
        world.command(ana, |stack, now| {
            stack.request(now, refer(number));
        });
        assert_eq!(world.response(ana), Some(403), "{number}");
    }
    world.bye(rui, call);
    world.call(rui, "rui", "ana");
    let (usage, _) = world.incoming(ana).unwrap();
    world.respond(ana, usage, Reply::new(302).header("Contact", format!("<sip:210000009@{REALM}>")));
    assert_eq!(world.rejected(rui), Some(480));
    assert!(world.incoming(carrier).is_none());
    // Two in an hour, and one more in the next.
    for _ in 0..2 {
        dials(&mut world, ana, "930000000", &[]);
    }
    world.call(ana, "ana", "930000000");
    assert_eq!(world.rejected(ana), Some(403));
    assert!(world.alarms.iter().any(|alarm| matches!(alarm, Alarm::DialledTooMuch { user } if user == "ana")));
    world.assert_nothing_left();
}

/// SW-20, THREATS (toll fraud): behind a prefix for outside lines too, what is judged is what the carrier gets; it never reads
/// another number, abroad or barred, in what was let through.
#[test]
fn sw_20_what_is_judged_is_what_leaves() {
    let carrier: SocketAddr = CARRIER.parse().unwrap();
    let mut centre = barring(&["+351*"], None);
    let trunk = centre.routes[0].destination;
    let outside = Route { from: Side::Users, strip: 1, ..Route::new(Pattern::new("0*").unwrap(), trunk) };
    centre.routes.push(outside);
    let mut world = World::with(213, centre);
    let (ana, rui) = (world.phone("ana", 6001), world.phone("rui", 6002));
    for (at, who, dialled, leaves) in
        [(ana, "ana", "0442079460000", "351442079460000"), (rui, "rui", "0351761234567", "351351761234567")]
    {
        world.call(at, who, dialled);
        let (usage, invite) = world.incoming(carrier).expect("it leaves");
        let uri = invite.uri_text().unwrap_or_default();
        assert!(uri.starts_with(&format!("sip:{leaves}@")), "{dialled} left as {uri}");
        world.respond(carrier, usage, Reply::new(486));
        world.rejected(at);
    }
    for dialled in ["000351761234567", "000351761", "0+351761"] {
        world.call(rui, "rui", dialled);
        assert_eq!(world.rejected(rui), Some(403), "{dialled}");
    }
    world.assert_nothing_left();
}

/// SW-20: a call for help leaves whatever the limits say, and is not hidden.
#[test]
fn sw_20_help_is_always_reached() {
    let mut centre = barring(&["+3519*"], Some(1));
    centre.trunks[0].limits.calls_out = Some(0);
    ana(&mut centre).hides_number = true;
    let mut world = World::with(211, centre);
    let ana = world.phone("ana", 6001);
    world.call(ana, "ana", "930000000");
    assert_eq!(world.rejected(ana), Some(503), "the trunk is full");
    world.input(Input::Drain);
    for _ in 0..3 {
        let invite = dials(&mut world, ana, "112", &[("Privacy", "id")]);
        assert_eq!(invite.request_uri().unwrap().user, Some("112"));
        assert!(from(&invite).contains("<sip:351220000001@"), "{}", from(&invite));
    }
    world.call(ana, "ana", "930000000");
    assert_eq!(world.rejected(ana), Some(503), "it drains");
    world.assert_nothing_left();
}

/// SW-20, SW-02: a route that forwards is no way around the lists, nor around the count.
#[test]
fn sw_20_a_proxy_route_lets_nobody_around_the_lists() {
    let carrier: SocketAddr = CARRIER.parse().unwrap();
    let mut centre = barring(&["+3519*"], Some(1));
    for route in &mut centre.routes {
        route.mode = crate::switch::Mode::Proxy;
    }
    let mut world = World::with(212, centre);
    let (ana, rui) = (world.phone("ana", 6001), world.phone("rui", 6002));
    for (at, who, dialled) in [(rui, "rui", "760000000"), (ana, "ana", "210000009")] {
        world.call(at, who, dialled);
        assert_eq!(world.rejected(at), Some(403), "{who} {dialled}");
    }
    assert!(world.incoming(carrier).is_none());
    dials(&mut world, ana, "930000000", &[]);
    world.call(ana, "ana", "930000000");
    assert_eq!(world.rejected(ana), Some(403), "one in an hour");
    world.assert_nothing_left();
}

/// CH-12, SW-13: a phone that knows us by another name passes calls on by it: by what it registered with, and by what it
/// called. Elsewhere is elsewhere.
#[test]
fn ch_12_sw_13_a_phone_transfers_by_its_own_name_for_us() {
    let mut world = World::new(211);
    let (ana, rui, eva) = (world.phone("ana", 6001), world.phone("rui", 6002), world.phone("eva", 6003));
    let refer = |usage, host: &str| {
        let mut request = crate::sip::Request::inside(crate::wire::sip::Method::Refer, usage);
        request.headers.push(("Refer-To".into(), format!("<sip:eva@{host}>")));
        request
    };
    let refers = |world: &mut World, at, usage, host: &str| {
        world.command(at, |stack, now| {
            stack.request(now, refer(usage, host));
        });
        world.response(at)
    };
    let call = world.call(rui, "rui", "ana");
    let leg = world.answer(ana);
    assert_eq!(refers(&mut world, ana, leg, "pbx.lan"), Some(403));
    world.register_at(ana, "ana", "PBX.lan", &[("Contact", format!("<sip:ana-6001@{ana}>"))]);
    assert_eq!(world.response(ana), Some(200));
    assert_eq!(refers(&mut world, ana, leg, "other.lan"), Some(403));
    assert_eq!(refers(&mut world, rui, call, "pbx.lan"), Some(403), "his own phone does not call us so");
    assert_eq!(refers(&mut world, ana, leg, "pbx.lan"), Some(202));
    assert!(world.incoming(eva).is_some());
    world.bye(rui, call);

    world.call(rui, "rui", "ana");
    let (usage, _) = world.incoming(ana).unwrap();
    world.respond(ana, usage, Reply::new(302).header("Contact", "<sip:eva@pbx.lan>"));
    assert_eq!(world.rejected(rui), None);
    assert!(world.incoming(eva).is_some(), "and forwards by it");

    let mut world = World::new(212);
    let (ana, rui, eva) = (world.phone("ana", 6001), world.phone("rui", 6002), world.phone("eva", 6003));
    let body = world.phones[&rui].offer();
    let called = crate::sip::Party::new("sip:ana@desk.lan");
    let call = world.call_with(rui, "rui", "ana", Some(body), |invite| invite.to = called);
    world.answer(ana);
    assert_eq!(refers(&mut world, rui, call, "other.lan"), Some(403));
    assert_eq!(refers(&mut world, rui, call, "desk.lan"), Some(202));
    assert!(world.incoming(eva).is_some());
}
