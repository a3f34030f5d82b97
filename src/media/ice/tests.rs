use super::*;
use crate::{
    base::Private,
    media::link::{Fingerprint, Handshake},
};

fn credentials(name: &str) -> Credentials {
    Credentials { fragment: name.into(), password: Private::new(format!("{name}-password-of-22-and-more").into()) }
}

fn link(ours: &str, theirs: &str, side: Side, candidates: &[SocketAddr]) -> Link {
    Link {
        ours: credentials(ours),
        theirs: credentials(theirs),
        candidates: candidates.iter().copied().collect(),
        fingerprint: Fingerprint([0; 32]),
        handshake: Handshake::Await,
        side,
    }
}

fn at(millis: u64) -> Instant {
    Instant::from_micros(millis * 1_000)
}

fn switch() -> SocketAddr {
    "192.0.2.1:20000".parse().unwrap()
}

fn browser() -> SocketAddr {
    "198.51.100.7:50000".parse().unwrap()
}

/// Two agents and the wire between them; each behind one address.
struct Pair {
    ice: [Ice; 2],
    places: [SocketAddr; 2],
    chance: Chance,
    now: u64,
}

impl Pair {
    fn new(switch_side: Side, browser_side: Side) -> Self {
        let mut chance = Chance::from_number(7);
        let links = [link("ours", "brow", switch_side, &[]), link("brow", "ours", browser_side, &[switch()])];
        let ice = links.map(|link| Ice::new(at(0), &link, 7, &mut chance));
        Self { ice, places: [switch(), browser()], chance, now: 0 }
    }

    /// Lets both check for so long; tells how many checks were sent.
    fn run(&mut self, millis: u64) -> usize {
        let (end, mut sent) = (self.now + millis, 0);
        while self.now < end {
            for one in 0..2 {
                let now = at(self.now);
                while let Some((to, check)) = self.ice[one].handle_timeout(now, &mut self.chance) {
                    sent += 1;
                    assert_eq!(to, self.places[1 - one]);
                    let message = Message::parse(check.octets()).unwrap();
                    let (_, answer) = self.ice[1 - one].handle(now, self.places[one], &message);
                    if let Some(answer) = answer {
                        let message = Message::parse(answer.octets()).unwrap();
                        self.ice[one].handle(now, to, &message);
                    }
                }
            }
            self.now += 10;
        }
        sent
    }

    fn chosen(&self) -> [Option<SocketAddr>; 2] {
        [self.ice[0].chosen(at(self.now)), self.ice[1].chosen(at(self.now))]
    }
}

/// SW-09: whoever checks, both come to use the one way there is, and go on asking for consent at an easy pace.
#[test]
fn sw_09_every_mix_of_lite_and_full_finds_the_way() {
    for (ours, theirs) in [
        (Side::Lite, Side::Controlling),
        (Side::Controlled, Side::Controlling),
        (Side::Controlling, Side::Controlled),
        (Side::Controlling, Side::Controlling),
        (Side::Controlled, Side::Controlled),
    ] {
        let mut pair = Pair::new(ours, theirs);
        let begun = pair.run(1_000);
        assert_eq!(pair.chosen(), [Some(browser()), Some(switch())], "{ours:?} and {theirs:?}");
        assert!(begun <= 8, "{ours:?} and {theirs:?}: {begun} checks");
        let later = pair.run(60_000);
        assert!((10..50).contains(&later), "{ours:?} and {theirs:?}: {later} checks a minute");
        assert!(!pair.ice[0].is_lost(at(pair.now)));
    }
}

/// SW-09: an address is believed by the password alone; strangers get no answer, neither do answers that nobody asked for.
#[test]
fn sw_09_strangers_are_not_believed() {
    let mut chance = Chance::from_number(1);
    let mut ice = Ice::new(at(0), &link("ours", "brow", Side::Lite, &[]), 7, &mut chance);
    let check = |user: &str, password: Option<&str>| {
        let writer = Writer::new(Class::Request, *b"transaction1").username(user, "brow").use_candidate(true);
        password.map_or(writer, |password| writer.sign(password))
    };
    let good = "ours-password-of-22-and-more";
    for forged in [check("ours", None), check("ours", Some("brow-password-of-22-and-more")), check("other", Some(good))]
    {
        let message = Message::parse(forged.octets()).unwrap();
        assert!(matches!(ice.handle(at(1), browser(), &message), (Heard::Nothing, None)));
    }
    let answer = Writer::new(Class::Success, *b"transaction1").mapped(switch()).sign("brow-password-of-22-and-more");
    let message = Message::parse(answer.octets()).unwrap();
    assert!(matches!(ice.handle(at(1), browser(), &message), (Heard::Nothing, None)));
    assert!(!ice.believes(browser()) && ice.chosen(at(1)).is_none());
    let message = check("ours", Some(good));
    let message = Message::parse(message.octets()).unwrap();
    let (heard, reply) = ice.handle(at(2), browser(), &message);
    assert_eq!((heard, ice.chosen(at(2))), (Heard::Believed, Some(browser())));
    let reply = reply.unwrap();
    let reply = Message::parse(reply.octets()).unwrap();
    assert!(reply.mapped == Some(browser()) && reply.is_signed_with(good));
}

/// SW-09: who knows the password from ever new addresses fills no more than the table, and the way in use stays.
#[test]
fn sw_09_addresses_are_bounded() {
    let mut chance = Chance::from_number(1);
    let mut ice = Ice::new(at(0), &link("ours", "brow", Side::Lite, &[]), 7, &mut chance);
    for number in 0..1_000_u16 {
        let from = SocketAddr::new([198, 51, 100, 7].into(), 10_000 + number);
        let check = Writer::new(Class::Request, *b"transaction1").username("ours", "brow").use_candidate(number == 0);
        let check = check.sign("ours-password-of-22-and-more");
        ice.handle(at(1), from, &Message::parse(check.octets()).unwrap());
    }
    assert_eq!(ice.ways.len(), WAYS_MAX);
    assert_eq!(ice.chosen(at(2)).map(|way| way.port()), Some(10_000));
}

/// SW-09: a peer that says nothing any more is sent nothing any more (RFC 7675), and comes back by a check.
#[test]
fn sw_09_without_consent_nothing_is_sent() {
    let mut pair = Pair::new(Side::Lite, Side::Controlling);
    pair.run(1_000);
    let gone = at(pair.now) + CONSENT;
    assert!(pair.ice[0].is_lost(gone) && pair.ice[0].chosen(gone).is_none());
    assert!(pair.ice[0].poll_timeout(at(pair.now)).is_some_and(|due| due <= gone), "it wakes up to say so");
    assert_eq!(pair.ice[0].poll_timeout(gone), None);
    let check = Writer::new(Class::Request, *b"transaction2").username("ours", "brow").use_candidate(true);
    let check = check.sign("ours-password-of-22-and-more");
    pair.ice[0].handle(gone, browser(), &Message::parse(check.octets()).unwrap());
    assert_eq!(pair.ice[0].chosen(gone), Some(browser()));
}
