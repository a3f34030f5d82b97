//! The two sides of a forwarded call, and what each may have called of the other (SW-02).

use std::net::SocketAddr;

use super::{
    super::world::{EVE, MS, address, answer},
    Town, by_hand,
};
use crate::wire::sip::{Method, Name};

/// A dialog that the caller at `EVE` has opened through us, and whoever sends something in it.
struct Inside {
    call: String,
    caller: String,
    number: u32,
}

impl Inside {
    const CALLED: &str = "10.0.0.3:5060";
    const FORK: &str = "10.0.0.4:5060";

    /// Eve calls, and says that her Contact is `contact`.
    fn of(town: &mut Town, contact: &str) -> Self {
        let text = by_hand("");
        let (before, rest) = text.split_once("Contact: <").unwrap();
        let (_, after) = rest.split_once('>').unwrap();
        town.world.inject(address(EVE), 1, &format!("{before}Contact: <{contact}>{after}"));
        town.run(MS(50));
        let invite = town.world.last_request("INVITE");
        Self { call: invite.call_id().to_owned(), caller: invite.from_tag().unwrap().to_owned(), number: 0 }
    }

    /// The copy that went to that hop, which answers it. What a request from the caller to it names as its routes.
    fn answer(town: &mut Town, hop: &str, status: u16, tag: &str, contact: &str) -> String {
        let post = town.world.post.iter();
        let mut sent = post.filter(|(to, message)| *to == address(hop) && message.method() == Some(&Method::Invite));
        let invite = sent.next().unwrap().1.clone();
        let text = answer(&invite, status, tag, &format!("Contact: <{contact}>\r\n"), "");
        town.world.inject(address(hop), 1, &text);
        town.run(MS(50));
        let mut routes: Vec<String> = invite.list(Name::RecordRoute).map(str::to_owned).collect();
        routes.reverse();
        routes.join(", ")
    }

    /// What becomes of a request: where it went, or the answer.
    fn ask(
        &mut self,
        town: &mut Town,
        (source, from, to): (&str, &str, &str),
        method: &str,
        uri: &str,
        (routes, contact): (&str, &str),
    ) -> Result<SocketAddr, u16> {
        self.number += 1;
        let (call, number) = (&self.call, self.number);
        let text = format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {source};branch=z9hG4bKin{number}\r\nMax-Forwards: 70\r\n\
             From: <sip:a@x>;tag={from}\r\nTo: <sip:b@x>;tag={to}\r\nCall-ID: {call}\r\nCSeq: {} {method}\r\n\
             Route: {routes}\r\nContact: <{contact}>\r\nContent-Length: 0\r\n\r\n",
            100 + number
        );
        town.world.forget();
        town.world.inject(address(source), 1, &text);
        town.run(MS(50));
        let sent = town.world.post.iter().find(|(_, message)| message.is_request()).map(|(to, _)| *to);
        sent.ok_or_else(|| {
            let mut statuses = town.world.statuses(method).into_iter();
            statuses.find(|status| *status > 100).unwrap_or_default()
        })
    }
}

fn reversed(routes: &str) -> String {
    let mut routes: Vec<&str> = routes.split(", ").collect();
    routes.reverse();
    routes.join(", ")
}

/// SW-02, THREATS: whoever names an expensive number as his own address does not reach it through us, whichever tags he sends
/// and whomever he says to be, and from neither side.
#[test]
fn sw_02_no_side_plays_the_other() {
    const PREMIUM: &str = "sip:999premium@carrier.example";
    let (eve, called, bob) = (EVE, Inside::CALLED, "sip:bob@10.0.0.3:5060");
    let mut town = super::town(713, 2, &[&[2]]);
    let mut inside = Inside::of(&mut town, PREMIUM);
    let to_called = Inside::answer(&mut town, called, 200, "theirs", bob);
    let to_caller = reversed(&to_called);
    let caller = inside.caller.clone();
    let as_caller = (eve, &*caller, "theirs");
    let as_called = (eve, "theirs", &*caller);
    let routes = (&*to_called, PREMIUM);
    assert_eq!(inside.ask(&mut town, as_caller, "OPTIONS", bob, routes), Ok(address(called)));
    assert_eq!(inside.ask(&mut town, as_caller, "INVITE", PREMIUM, routes), Err(481));
    assert_eq!(inside.ask(&mut town, as_called, "INVITE", PREMIUM, routes), Err(481), "by the way to the other side");
    // She plays the called and names the number as its address: that goes to herself, and nobody believes it.
    for method in ["INVITE", "UPDATE"] {
        let back = (&*to_caller, PREMIUM);
        assert_eq!(inside.ask(&mut town, as_called, method, PREMIUM, back), Ok(address(eve)));
        let both = format!("{to_called}, {to_caller}");
        assert_eq!(inside.ask(&mut town, as_called, method, PREMIUM, (&both, PREMIUM)), Ok(address(eve)));
        assert_eq!(inside.ask(&mut town, as_caller, "INVITE", PREMIUM, routes), Err(481), "after her {method}");
    }

    // The other way round: who was called has the caller's hop call nothing but the caller.
    let mut town = super::town(714, 2, &[&[2]]);
    let own = format!("sip:eve@{eve}");
    let mut inside = Inside::of(&mut town, &own);
    let to_called = Inside::answer(&mut town, called, 200, "theirs", PREMIUM);
    let to_caller = reversed(&to_called);
    let caller = inside.caller.clone();
    let back = (&*to_caller, PREMIUM);
    assert_eq!(inside.ask(&mut town, (called, "theirs", &caller), "OPTIONS", &own, back), Ok(address(eve)));
    assert_eq!(inside.ask(&mut town, (called, "theirs", &caller), "INVITE", PREMIUM, back), Err(481));
    assert_eq!(inside.ask(&mut town, (called, &caller, "theirs"), "INVITE", PREMIUM, back), Err(481));
    let routes = (&*to_called, PREMIUM);
    assert_eq!(inside.ask(&mut town, (called, &caller, "theirs"), "UPDATE", PREMIUM, routes), Ok(address(called)));
    assert_eq!(inside.ask(&mut town, (called, "theirs", &caller), "INVITE", PREMIUM, back), Err(481));
}

/// SW-02, RFC 3261 12.2: either side may change its address inside the dialog, and is reached at the new one; each of those
/// who ring has his own, and none of the others'.
#[test]
fn sw_02_a_side_changes_its_own_address_alone() {
    let (eve, called, fork) = (EVE, Inside::CALLED, Inside::FORK);
    let own = format!("sip:eve@{eve}");
    let mut town = super::town(715, 2, &[&[2, 3]]);
    let mut inside = Inside::of(&mut town, &own);
    let caller = inside.caller.clone();
    let to_fork = Inside::answer(&mut town, fork, 183, "fork", "sip:fork@10.0.0.4:5060");
    let to_called = Inside::answer(&mut town, called, 183, "theirs", "sip:bob@10.0.0.3:5060");
    for (tag, routes, uri, expected) in [
        ("theirs", &to_called, "sip:bob@10.0.0.3:5060", Ok(address(called))),
        ("fork", &to_fork, "sip:fork@10.0.0.4:5060", Ok(address(fork))),
        ("theirs", &to_called, "sip:fork@10.0.0.4:5060", Err(481)),
        ("fork", &to_fork, "sip:bob@10.0.0.3:5060", Err(481)),
    ] {
        assert_eq!(inside.ask(&mut town, (eve, &caller, tag), "UPDATE", uri, (routes, &own)), expected, "{tag} {uri}");
    }
    let to_caller = reversed(&to_called);
    let (moved, new) = ("sip:bob@10.0.0.3:5999", format!("sip:eve2@{eve}"));
    let (as_caller, as_called) = ((eve, &*caller, "theirs"), (called, "theirs", &*caller));
    assert_eq!(inside.ask(&mut town, as_caller, "OPTIONS", moved, (&to_called, &own)), Err(481), "not named yet");
    assert_eq!(inside.ask(&mut town, as_called, "UPDATE", &own, (&to_caller, moved)), Ok(address(eve)));
    assert_eq!(inside.ask(&mut town, as_caller, "UPDATE", moved, (&to_called, &new)), Ok(address(called)));
    assert_eq!(inside.ask(&mut town, as_called, "OPTIONS", &new, (&to_caller, moved)), Ok(address(eve)));
    assert_eq!(inside.ask(&mut town, as_called, "OPTIONS", moved, (&to_caller, moved)), Err(481), "his own");
}
