//! Calls that are forwarded (SW-02): end 0 calls, end 1 forwards, ends 2 and on are called.

use std::time::Duration;

use smallvec::SmallVec;

use super::world::{Line, MS, World, address, answer};
use crate::{
    sip::{
        Body, Event, Mark, Path, Reply, Transport, UsageId,
        proxy::{NextPhase, ProxyPlan, ProxyTarget},
    },
    wire::sip::{Message, Name, NameAddr},
};

mod sides;

struct Town {
    world: World,
    phases: Vec<Vec<u8>>,
    next: NextPhase,
    /// Where else the first target can be reached.
    spare: Option<u8>,
    refused: Vec<u16>,
}

fn town(seed: u64, ends: usize, phases: &[&[u8]]) -> Town {
    println!("seed {seed}");
    let phases = phases.iter().map(|phase| phase.to_vec()).collect();
    let world = World::new(seed, ends, Transport::Udp);
    Town { world, phases, next: NextPhase::Refused, spare: None, refused: Vec::new() }
}

impl Town {
    fn target(&self, end: u8, path: Path) -> ProxyTarget {
        let remote = address(&format!("10.0.0.{}:5060", end + 1));
        ProxyTarget {
            path: Path { remote, ..path },
            uri: format!("sip:bob@{remote};x=1"),
            routes: Vec::new(),
            headers: vec![("P-Asserted-Identity".into(), "<sip:alice@switch>".into())],
            withheld: SmallVec::new(),
            label: u32::from(end),
            dead_time: MS(3_000),
            spares: Vec::new(),
        }
    }

    fn plan(&self, path: Path) -> ProxyPlan {
        let phases = self.phases.iter();
        let mut phases: Vec<Vec<ProxyTarget>> =
            phases.map(|phase| phase.iter().map(|end| self.target(*end, path)).collect()).collect();
        if let Some(spare) = self.spare {
            phases[0][0].spares.push(self.target(spare, path));
        }
        ProxyPlan { phases, next: self.next, after: Mark::default() }
    }

    /// Lets time pass; what comes to the proxy is forwarded.
    fn run(&mut self, length: Duration) {
        let end = self.world.now.mono + length;
        while self.world.now.mono < end {
            self.world.run(MS(5).min(end.since(self.world.now.mono)));
            let is_invite = |event: &Event| matches!(event, Event::Invite { .. });
            while let Some(at) = self.world.ends[1].events.iter().position(is_invite) {
                let Event::Invite { usage, path, .. } = self.world.ends[1].events.remove(at) else { return };
                let plan = self.plan(path);
                let (stack, now) = self.world.stack(1);
                if let Err(reply) = stack.forward(now, usage, path, plan) {
                    self.refused.push(reply.status);
                    stack.respond(now, usage, reply);
                }
                self.world.drain();
            }
        }
    }

    fn call(&mut self) -> UsageId {
        let bob = self.world.ends[1].address;
        self.world.call(bob)
    }

    fn respond(&mut self, end: usize, status: u16) -> UsageId {
        let usage = self.world.invited(end);
        let reply = Reply::new(status);
        let reply = if status == 200 { reply.body(Body::sdp("answer")) } else { reply };
        let (stack, now) = self.world.stack(end);
        stack.respond(now, usage, reply);
        self.world.drain();
        usage
    }

    fn hang_up(&mut self, usage: UsageId) {
        let (stack, now) = self.world.stack(0);
        stack.bye(now, usage, None);
    }

    fn request(&self, end: usize) -> Message {
        let found = self.world.ends[end].events.iter().rev().find_map(|event| match event {
            Event::Invite { request, .. } => Some(request.clone()),
            _ => None,
        });
        found.expect("an INVITE")
    }

    fn has(&self, end: usize, fits: impl Fn(&Event) -> bool) -> bool {
        self.world.ends[end].events.iter().any(fits)
    }

    fn is_invited(&self, end: usize) -> bool {
        self.has(end, |event| matches!(event, Event::Invite { .. }))
    }

    fn rejected(&self) -> Option<u16> {
        self.world.ends[0].events.iter().find_map(|event| match event {
            Event::Rejected { status, .. } => Some(*status),
            _ => None,
        })
    }

    /// Nothing is left of anything, anywhere.
    #[track_caller]
    fn settle(&mut self) {
        self.run(Duration::from_secs(40));
        self.world.settle();
    }
}

fn is_answered(event: &Event) -> bool {
    matches!(event, Event::Answered { .. })
}

fn is_cancelled(event: &Event) -> bool {
    matches!(event, Event::Cancelled { .. })
}

/// SW-02: an INVITE goes through with our Via and Record-Route; all that follows in the dialog goes the same way, from
/// either side, and nothing is kept of it.
#[test]
fn sw_02_a_dialog_goes_through_us() {
    let mut town = town(700, 3, &[&[2]]);
    let ours = town.call();
    town.run(MS(50));
    let request = town.request(2);
    assert_eq!(request.list(Name::Via).count(), 2);
    assert_eq!(request.list(Name::RecordRoute).count(), 2);
    assert_eq!((request.max_forwards(), request.other("Max-Breadth")), (Some(69), Some("60")));
    assert_eq!(request.uri_text(), Some("sip:bob@10.0.0.3:5060;x=1"));
    assert_eq!(request.header(Name::PAssertedIdentity), Some("<sip:alice@switch>"));
    town.respond(2, 180);
    let theirs = town.respond(2, 200);
    town.run(MS(100));
    assert!(town.has(0, is_answered) && town.has(2, |event| matches!(event, Event::Acked { .. })));
    town.world.forget();
    let (stack, now) = town.world.stack(2);
    stack.reinvite(now, theirs, Some(Body::sdp("again")));
    town.run(MS(50));
    let offered = |event: &Event| matches!(event, Event::SdpOffer { .. });
    assert!(town.has(0, offered), "{:?}", town.world.events(0));
    let (stack, now) = town.world.stack(0);
    stack.respond_offer(now, ours, 200, Some(Body::sdp("yes")));
    town.run(MS(100));
    assert!(town.has(2, |event| matches!(event, Event::OfferAnswered { .. })), "{:?}", town.world.events(2));
    town.hang_up(ours);
    town.run(MS(50));
    assert!(town.has(2, |event| matches!(event, Event::Ended { .. })));
    assert_eq!(town.world.counts()[1].usages, 0, "no dialog is kept");
    town.settle();
}

/// SW-02, seeds: with packets lost, doubled and out of order a call through us is still made and ended.
#[test]
fn sw_02_a_bad_line_spoils_nothing() {
    for seed in 0..25 {
        let mut town = town(800 + seed, 4, &[&[2, 3]]);
        town.world.line = Line { loss: 20, copies: 20, disorder: 20 };
        let ours = town.call();
        town.run(Duration::from_secs(8));
        assert!(town.is_invited(2), "seed {seed}");
        town.respond(2, 180);
        town.respond(2, 200);
        town.run(Duration::from_secs(12));
        assert!(town.has(0, is_answered), "seed {seed}");
        assert!(!town.is_invited(3) || town.has(3, is_cancelled), "seed {seed}");
        town.hang_up(ours);
        town.run(Duration::from_secs(33));
        assert!(town.has(2, |event| matches!(event, Event::Ended { .. })), "seed {seed}");
        town.settle();
    }
}

/// SW-02: all devices of a phase ring, the first that answers wins and the others hear why they stop; the next phase is
/// tried when all have refused.
#[test]
fn sw_02_forks_and_phases() {
    let mut town = town(701, 5, &[&[2, 3], &[4]]);
    let ours = town.call();
    town.run(MS(50));
    assert!(town.is_invited(2) && town.is_invited(3) && !town.is_invited(4));
    assert_eq!(
        (2..4).map(|end| town.request(end).other("Max-Breadth").unwrap().to_owned()).collect::<Vec<_>>(),
        ["30", "30"]
    );
    town.respond(2, 486);
    town.respond(3, 180);
    town.run(MS(50));
    assert!(!town.is_invited(4), "one still rings");
    town.respond(3, 480);
    town.run(MS(50));
    assert!(town.is_invited(4));
    town.respond(4, 200);
    town.run(MS(100));
    assert!(town.has(0, is_answered));
    town.hang_up(ours);
    town.settle();

    let mut town = self::town(702, 4, &[&[2, 3]]);
    let ours = town.call();
    town.run(MS(50));
    town.respond(2, 180);
    town.respond(3, 180);
    town.run(MS(50));
    town.respond(3, 200);
    town.run(MS(100));
    assert!(town.has(0, is_answered) && town.has(2, is_cancelled));
    let why = town.world.ends[2].events.iter().find_map(|event| match event {
        Event::Cancelled { reason, .. } => reason.clone(),
        _ => None,
    });
    assert!(why.is_some_and(|why| why.contains("completed elsewhere")));
    town.hang_up(ours);
    town.settle();
}

/// SW-02, RFC 3261 16.7: of all refusals the most telling goes back.
#[test]
fn sw_02_the_best_answer_goes_back() {
    let cases: [(&[u16], u16); 6] = [
        (&[503, 486], 486),
        (&[404, 302], 302),
        (&[486, 603], 603),
        (&[503, 503], 500),
        (&[500, 484], 484),
        (&[], 408),
    ];
    for (statuses, expected) in cases {
        let mut town = town(703, 4, &[&[2, 3]]);
        town.call();
        town.run(MS(50));
        for (end, status) in (2..).zip(statuses) {
            town.respond(end, *status);
        }
        if statuses.is_empty() {
            town.world.ends.truncate(2);
            town.world.line.loss = 0;
            town.run(Duration::from_secs(33));
        }
        town.run(MS(100));
        assert_eq!(town.rejected(), Some(expected), "{statuses:?}");
        town.settle();
    }
}

/// SW-02: challenges of all who asked go back together, and copies of the INVITE are not forwarded anew.
#[test]
fn sw_02_challenges_go_back_together() {
    let mut town = town(704, 2, &[&[2, 3]]);
    town.call();
    town.run(MS(50));
    let invites: Vec<Message> = town.world.post.iter().map(|(_, message)| message.clone()).collect();
    let asks = |name: &str, realm: &str| format!("{name}: Digest realm=\"{realm}\", nonce=\"n\"\r\n");
    let (two, three) = (address("10.0.0.3:5060"), address("10.0.0.4:5060"));
    town.world.inject(two, 1, &answer(&invites[0], 407, "a", &asks("Proxy-Authenticate", "one"), ""));
    town.world.inject(three, 1, &answer(&invites[1], 401, "b", &asks("WWW-Authenticate", "two"), ""));
    town.run(MS(50));
    let asked = town.world.ends[0].events.iter().find_map(|event| match event {
        Event::Rejected { response: Some(response), .. } => Some(response.clone()),
        _ => None,
    });
    let asked = asked.expect("refused");
    assert!(asked.header(Name::ProxyAuthenticate).unwrap().contains("one"));
    assert!(asked.header(Name::WwwAuthenticate).unwrap().contains("two"));
    assert_eq!(asked.list(Name::Via).count(), 1);
    town.settle();
}

/// SW-02: a caller who gives up reaches all who ring, whether they have said anything or not.
#[test]
fn sw_02_a_cancel_goes_through() {
    for rings in [true, false] {
        let mut town = town(705, 4, &[&[2, 3]]);
        let ours = town.call();
        town.run(MS(50));
        if rings {
            town.respond(2, 180);
            town.respond(3, 180);
            town.run(MS(50));
        }
        let (stack, now) = town.world.stack(0);
        stack.cancel(now, ours, None);
        town.run(Duration::from_secs(2));
        assert!(town.has(2, is_cancelled) && town.has(3, is_cancelled), "rings: {rings}");
        assert_eq!(town.rejected(), Some(487), "rings: {rings}");
        town.settle();
    }
}

/// SW-02: timer C ends a phone that rings for ever, and each word of it begins the time anew (RFC 3261 16.8).
#[test]
fn sw_02_nobody_rings_for_ever() {
    let mut town = town(706, 3, &[&[2]]);
    town.call();
    town.run(MS(50));
    town.respond(2, 180);
    town.run(Duration::from_secs(170));
    town.respond(2, 183);
    town.run(Duration::from_secs(170));
    assert!(!town.has(2, is_cancelled));
    town.run(Duration::from_secs(12));
    assert!(town.has(2, is_cancelled) && town.rejected() == Some(487));
    town.settle();
}

/// SW-02: whoever says nothing is passed over for his spare; what he says then ends him, and the call is made once.
#[test]
fn sw_02_a_silent_server_has_a_spare() {
    let mut town = town(707, 3, &[&[8]]);
    town.spare = Some(2);
    let ours = town.call();
    town.run(Duration::from_secs(2));
    assert!(!town.is_invited(2));
    town.run(Duration::from_secs(2));
    assert!(town.is_invited(2));
    let late = town.world.last_request("INVITE");
    town.world.inject(address("10.0.0.9:5060"), 1, &answer(&late, 180, "late", "", ""));
    town.run(MS(50));
    assert_eq!(town.world.sent_requests("CANCEL"), 1, "it rings nobody's phone");
    town.respond(2, 200);
    town.run(MS(100));
    assert!(town.has(0, is_answered));
    town.hang_up(ours);
    town.settle();
}

/// SW-02: who answers without the Via of whoever asked can't be heard behind us, and rings no longer than others.
#[test]
fn sw_02_an_eaten_via_holds_nothing() {
    let mut town = town(708, 3, &[&[8]]);
    town.call();
    town.run(MS(50));
    let invite = town.world.last_request("INVITE");
    let ringing = answer(&invite, 180, "late", "", "");
    let ours = ringing.find("Via: ").unwrap();
    let theirs = ours + ringing[ours..].find("\r\nVia: ").unwrap() + 2;
    let end = theirs + ringing[theirs..].find("\r\n").unwrap() + 2;
    town.world.inject(address("10.0.0.9:5060"), 1, &format!("{}{}", &ringing[..theirs], &ringing[end..]));
    town.run(Duration::from_secs(182));
    assert!(town.world.sent_requests("CANCEL") > 0);
    town.settle();
}

fn by_hand(more: &str) -> String {
    super::world::invite_text(address(super::world::EVE), "z9hG4bKhand", more, "offer")
}

/// SW-02, RFC 5393: the breadth of a fork is bounded; what has come to its end, or comes again as it was, is refused.
#[test]
fn sw_02_loops_and_breadth_end() {
    let eve = address(super::world::EVE);
    for (more, expected) in
        [("Max-Breadth: 0\r\n", 440), ("Max-Breadth: many\r\n", 440), ("Proxy-Require: tea\r\n", 420)]
    {
        let mut town = town(708, 3, &[&[2]]);
        town.world.inject(eve, 1, &by_hand(more));
        town.run(MS(50));
        assert_eq!(town.refused, [expected], "{more}");
    }
    let mut town = town(709, 4, &[&[2, 3]]);
    town.world.inject(eve, 1, &by_hand("Max-Breadth: 1\r\n"));
    town.run(MS(50));
    assert!(town.is_invited(2) && !town.is_invited(3), "one after the other");
    assert_eq!(town.request(2).other("Max-Breadth"), Some("1"));
    town.respond(2, 486);
    town.run(MS(50));
    assert!(town.is_invited(3));

    let zero = by_hand("").replace("Max-Forwards: 70", "Max-Forwards: 0");
    let mut town = self::town(710, 3, &[&[2]]);
    town.world.inject(eve, 1, &zero);
    town.run(MS(50));
    assert_eq!(town.refused, [483]);

    // It comes back as we sent it, but to where it was before: a loop. To somewhere else: a spiral, which goes on.
    let mut town = self::town(711, 2, &[&[2]]);
    town.world.inject(eve, 1, &by_hand(""));
    town.run(MS(50));
    let sent = String::from_utf8(town.world.last_request("INVITE").bytes().to_vec()).unwrap();
    let hop = "Via: SIP/2.0/UDP 10.0.0.3:5060;branch=z9hG4bKhop\r\n";
    let again = |uri: &str| {
        let (_, rest) = sent.split_once("\r\n").unwrap();
        format!("INVITE {uri} SIP/2.0\r\n{hop}{rest}")
    };
    let before = town.world.sent_requests("INVITE");
    town.world.inject(address("10.0.0.3:5060"), 1, &again("sip:rob@10.0.0.1"));
    town.run(MS(50));
    assert!(town.refused.is_empty() && town.world.sent_requests("INVITE") > before, "a spiral is no loop");
    town.world.inject(address("10.0.0.3:5060"), 1, &again("sip:bob@10.0.0.1").replace("z9hG4bKhop", "z9hG4bKhop2"));
    town.run(MS(50));
    assert_eq!(town.refused, [482]);
}

/// SW-02, THREATS: whoever has seen our Record-Route sends nothing through us: a request inside goes on between the two tags
/// of a dialog that lives, and to an address that one of both has named; and no REFER does.
#[test]
fn sw_02_we_are_no_open_relay() {
    let mut town = town(712, 2, &[&[2]]);
    let eve = address(super::world::EVE);
    town.world.inject(eve, 1, &by_hand(""));
    town.run(MS(50));
    let invite = town.world.last_request("INVITE");
    let contact = "sip:bob@10.0.0.3:5060";
    let taken = answer(&invite, 200, "theirs", &format!("Contact: <{contact};ob>\r\n"), "");
    town.world.inject(address("10.0.0.3:5060"), 1, &taken);
    town.run(MS(50));
    let taken = town.world.last_answer("INVITE");
    let mut routes: Vec<String> = invite.list(Name::RecordRoute).map(str::to_owned).collect();
    routes.reverse();
    let routes = routes.join(", ");
    let (ours, theirs) = (taken.from_tag().unwrap().to_owned(), taken.to_tag().unwrap().to_owned());
    let mut number = 0;
    let mut ask = |town: &mut Town, method: &str, uri: &str, (from, to): (&str, &str), call: &str, routes: &str| {
        number += 1;
        let text = format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {eve};branch=z9hG4bKask{number}\r\nMax-Forwards: 70\r\n\
             From: <sip:eve@x>;tag={from}\r\nTo: <sip:v@x>;tag={to}\r\nCall-ID: {call}\r\nCSeq: {} {method}\r\n\
             Route: {routes}\r\nRefer-To: <sip:premium@x>\r\nContent-Length: 0\r\n\r\n",
            100 + number
        );
        town.world.forget();
        town.world.inject(eve, 1, &text);
        town.run(MS(50));
        let sent = town.world.post.iter().find(|(_, message)| message.is_request()).map(|(to, _)| *to);
        let answer = town.world.statuses(method).first().copied();
        (sent, answer)
    };
    let call = invite.call_id().to_owned();
    let own = NameAddr::parse(invite.header(Name::Contact).unwrap()).unwrap().uri_text.to_owned();
    let tags = (&*ours, &*theirs);
    let forged = routes.replacen('0', "1", 1);
    for (uri, tags, call, routes) in [
        (contact, tags, "another", &*routes),
        (contact, tags, &*call, &*forged),
        (contact, (&*ours, "guess"), &*call, &*routes),
        (contact, ("guess", &*theirs), &*call, &*routes),
        ("sip:premium@10.0.0.3:5060", tags, &*call, &*routes),
        ("sip:bob@192.0.2.1:5060", tags, &*call, &*routes),
        // What he calls his own address leads nobody to the other side.
        (&*own, tags, &*call, &*routes),
    ] {
        assert_eq!(ask(&mut town, "OPTIONS", uri, tags, call, routes), (None, Some(481)), "{uri} {tags:?} {call}");
    }
    let phone = Some(address("10.0.0.3:5060"));
    assert_eq!(ask(&mut town, "OPTIONS", contact, tags, &call, &routes).0, phone, "the dialog itself goes on");
    let renamed = format!("{contact};transport=udp");
    assert_eq!(ask(&mut town, "OPTIONS", &renamed, tags, &call, &routes).0, phone, "parameters are no other address");
    assert_eq!(ask(&mut town, "REFER", contact, tags, &call, &routes), (None, Some(403)));

    let (stack, now) = town.world.stack(1);
    stack.end_through(now.mono, &call, &ours);
    town.run(Duration::from_secs(31));
    assert_eq!(ask(&mut town, "BYE", contact, tags, &call, &routes).0, phone, "a BYE with credentials comes late");
    town.run(Duration::from_secs(2));
    assert_eq!(ask(&mut town, "OPTIONS", contact, tags, &call, &routes), (None, Some(481)), "it is over");
}
