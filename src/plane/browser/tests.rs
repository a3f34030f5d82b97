use super::{
    course,
    handshake::{Association, Progress},
    *,
};
use crate::{
    base::Private,
    media::{
        ice::WAYS_MAX,
        link::{Credentials, Fingerprint, Handshake, Side},
    },
};

fn credentials(name: &str) -> Credentials {
    Credentials { fragment: name.into(), password: Private::new(format!("{name}-password-of-22-and-more").into()) }
}

/// A browser that calls a worker of ours, over a wire that loses nothing.
struct World {
    browsers: Browsers,
    ours: Arc<Identity>,
    identity: Identity,
    ice: Ice,
    association: Association,
    at: SocketAddr,
    /// The address of ours that it speaks to.
    ours_at: IpAddr,
    now: Instant,
    chance: Chance,
    keys: [Option<Security>; 2],
    way: Option<SocketAddr>,
    broken: bool,
    sent: usize,
}

const INDEX: u16 = 300;
const STREAM: StreamId = StreamId(9);

impl World {
    /// `shown`: whose certificate its description names; its own when `None`.
    fn new(part: Handshake, shown: Option<Fingerprint>) -> Self {
        let (ours, identity) = (Arc::new(Identity::make().unwrap()), Identity::make().unwrap());
        let mut chance = Chance::from_number(3);
        let now = Instant::from_micros(1_000_000);
        let (theirs, part_of_theirs) = match part {
            Handshake::Await => (Side::Controlling, Handshake::Begin),
            Handshake::Begin => (Side::Controlling, Handshake::Await),
        };
        let link = |ours, theirs, fingerprint, handshake, side| Link {
            ours: credentials(ours),
            theirs: credentials(theirs),
            candidates: [switch()].into_iter().collect(),
            fingerprint,
            handshake,
            side,
        };
        let its = link("brow", "ours", ours.fingerprint, part_of_theirs, theirs);
        let mut world = Self {
            browsers: Browsers::new(Arc::clone(&ours), chance.fork()),
            ice: Ice::new(now, &its, 1, &mut chance),
            association: Association::new(&identity, ours.fingerprint, part_of_theirs),
            at: "198.51.100.7:50000".parse().unwrap(),
            ours_at: switch().ip(),
            now,
            chance,
            keys: [None, None],
            way: None,
            broken: false,
            sent: 0,
            ours,
            identity,
        };
        let shown = shown.unwrap_or(world.identity.fingerprint);
        let link = link("ours", "brow", shown, part, Side::Lite);
        world.deliver(|browsers, now, say| browsers.link(now, INDEX, STREAM, &link, say));
        world
    }

    /// Has the worker do something, and the browser hear what it says.
    fn deliver<T>(&mut self, act: impl FnOnce(&mut Browsers, Instant, &mut dyn FnMut(Said<'_>)) -> T) -> T {
        let mut sent = Vec::new();
        let (way, keys, broken, ours) = (&mut self.way, &mut self.keys, &mut self.broken, self.ours_at);
        let result = act(&mut self.browsers, self.now, &mut |said| match said {
            Said::Send { to, local, octets } => {
                assert_eq!(local, Some(ours));
                sent.push((to, octets.to_vec()));
            }
            Said::Way { way: told, local, .. } => {
                assert_eq!(local, told.map(|_| ours));
                *way = told;
            }
            Said::Keys { keys: told, .. } => keys[0] = Some(told),
            Said::Broken { .. } => *broken = true,
        });
        self.sent += sent.len();
        for (to, octets) in sent {
            assert_eq!(to, self.at);
            if stun::is_stun(&octets) {
                self.ice.handle(self.now, switch(), &stun::Message::parse(&octets).unwrap());
            } else if let Progress::Keys(keys) = self.association.handle(self.now, &octets) {
                self.keys[1] = Some(keys);
            }
        }
        result
    }

    fn hears(&mut self, from: SocketAddr, octets: &[u8]) -> Option<u16> {
        let local = self.ours_at;
        self.deliver(|browsers, now, say| browsers.handle(now, (from, local), octets, say))
    }

    fn run(&mut self, millis: u64) {
        for _ in 0..millis / 10 {
            self.now += std::time::Duration::from_millis(10);
            while let Some((_, check)) = self.ice.handle_timeout(self.now, &mut self.chance) {
                self.hears(self.at, check.octets());
            }
            if self.ice.chosen(self.now).is_some() {
                self.association.begin(self.now, &self.identity);
            }
            if self.association.poll_timeout().is_some_and(|due| due <= self.now) {
                self.association.handle_timeout(self.now);
            }
            while let Some(octets) = self.association.poll_transmit() {
                self.hears(self.at, &octets);
            }
            self.deliver(|browsers, now, say| browsers.handle_timeout(now, say));
        }
    }
}

fn switch() -> SocketAddr {
    "192.0.2.1:20000".parse().unwrap()
}

/// SW-09: whoever begins the handshake, both sides come to the same keys over the way that ICE found, and nothing is left
/// behind when the leg is over.
#[test]
fn sw_09_both_parts_of_the_handshake_bring_keys() {
    for part in [Handshake::Await, Handshake::Begin] {
        let mut world = World::new(part, None);
        world.run(2_000);
        let [Some(ours), Some(theirs)] = &world.keys else { panic!("{part:?}: no keys") };
        assert!(ours.ours == theirs.theirs && ours.theirs == theirs.ours && ours.suite == theirs.suite);
        assert_eq!(world.way, Some(world.at));
        let sound = [0x80; 60];
        assert_eq!(world.hears(world.at, &sound), Some(INDEX));
        assert_eq!(world.hears("198.51.100.8:50000".parse().unwrap(), &sound), None, "a stranger's");
        world.deliver(|browsers, now, say| browsers.unlink(now, INDEX, STREAM, say));
        assert_eq!(world.browsers.sizes(), [0; 4]);
    }
}

/// SW-09, RFC 8445 7.2.5.2.1: whichever of our addresses a browser goes by, it is answered from there, and its sound goes out
/// there; when it chooses another, from that one.
#[test]
fn sw_09_a_browser_is_answered_from_where_it_asked() {
    let mut world = World::new(Handshake::Await, None);
    world.run(2_000);
    assert_eq!(world.way, Some(world.at));
    world.ours_at = "192.0.2.99".parse().unwrap();
    let check = stun::Writer::new(stun::Class::Request, [5; 12])
        .username("ours", "brow")
        .use_candidate(true)
        .sign("ours-password-of-22-and-more");
    world.way = None;
    world.hears(world.at, check.octets());
    assert_eq!(world.way, Some(world.at), "told anew, with the other address of ours");
}

/// SW-09, THREATS, NAT rebind: a browser that goes from port to port is answered at each, and only so many are remembered.
#[test]
fn sw_09_a_browser_may_move_as_often_as_it_likes() {
    let mut world = World::new(Handshake::Await, None);
    world.run(2_000);
    let check = stun::Writer::new(stun::Class::Request, [5; 12])
        .username("ours", "brow")
        .use_candidate(true)
        .sign("ours-password-of-22-and-more");
    for port in 1..=60 {
        world.now += std::time::Duration::from_secs(6);
        world.at.set_port(port);
        let sent = world.sent;
        world.hears(world.at, check.octets());
        assert!(world.sent > sent && world.way == Some(world.at), "port {port}");
        assert_eq!(world.hears(world.at, &[0x80; 60]), Some(INDEX));
    }
    let [peers, addresses, _, _] = world.browsers.sizes();
    assert!(peers == 1 && addresses <= WAYS_MAX + 1, "{addresses}");
    world.deliver(|browsers, now, say| browsers.unlink(now, INDEX, STREAM, say));
    assert_eq!(world.browsers.sizes(), [0; 4]);
}

/// SW-09: a certificate that the description did not name gets no keys, and the leg is told broken.
#[test]
fn sw_09_another_certificate_is_refused() {
    let mut world = World::new(Handshake::Await, Some(Fingerprint([1; 32])));
    world.run(2_000);
    assert!(world.keys[0].is_none() && world.broken);
}

/// THREATS, "STUN/DTLS garbage, ClientHello race": before a signed check nobody gets as much as an answer.
#[test]
fn a_handshake_from_an_unproved_address_starts_nothing() {
    let mut world = World::new(Handshake::Await, None);
    let mut early = Association::new(&world.identity, world.ours.fingerprint, Handshake::Begin);
    early.begin(world.now, &world.identity);
    let hello = early.poll_transmit().expect("a ClientHello");
    let sent = world.sent;
    world.hears(world.at, &hello);
    for garbage in [&[0, 1, 0, 0][..], &[22; 200], &[255; 40], &[]] {
        world.hears(world.at, garbage);
    }
    assert_eq!(world.sent, sent);
    world.run(2_000);
    assert!(world.keys[0].is_some(), "the browser itself is not kept out by it");
}

/// THREATS, "one forged DTLS ChangeCipherSpec": neither it nor an alert in the clear, with the browser's own address, ends
/// the leg or makes us send anything.
#[test]
fn forged_records_do_not_end_a_leg() {
    let mut world = World::new(Handshake::Await, None);
    world.run(2_000);
    assert!(world.keys[0].is_some());
    let sent = world.sent;
    let forged = |kind: u8, epoch: u8, body: &[u8]| {
        let mut record = vec![kind, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0, 9, 0, body.len() as u8];
        record.extend(body);
        record
    };
    for record in [forged(20, 1, &[1]), forged(21, 0, &[2, 40]), forged(20, 2, &[1])] {
        world.hears(world.at, &record);
        world.hears(world.at, &[record, forged(23, 1, &[0; 40])].concat());
    }
    assert_eq!(world.sent, sent, "no alert of ours");
    world.run(1_000);
    assert!(!world.broken && world.way.is_some());
}

/// A peer's address is not another's to take while it is alive.
#[test]
fn an_address_in_use_is_not_taken_over() {
    let mut world = World::new(Handshake::Await, None);
    world.run(2_000);
    let link = Link {
        ours: credentials("thief"),
        theirs: credentials("other"),
        candidates: Default::default(),
        fingerprint: world.identity.fingerprint,
        handshake: Handshake::Await,
        side: Side::Lite,
    };
    world.deliver(|browsers, now, say| browsers.link(now, INDEX + 1, StreamId(10), &link, say));
    let check = stun::Writer::new(stun::Class::Request, [5; 12])
        .username("thief", "other")
        .use_candidate(true)
        .sign("thief-password-of-22-and-more");
    world.hears(world.at, check.octets());
    assert_eq!(world.hears(world.at, &[0x80; 60]), Some(INDEX));
}

/// SW-09, THREATS, DTLS garbage: what the fuzzers start from and what they once found, played at every test run. The first
/// course is an honest one over a line that loses nothing, and ends with keys on both sides.
#[test]
fn sw_09_any_course_of_a_handshake_is_survived() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("sip-tests/corpus/dtls");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let keys: Vec<_> = files.iter().map(|file| course::course(&std::fs::read(file).unwrap())).collect();
    assert_eq!(keys.first(), Some(&[true; 2]), "{}", files[0].display());
}
