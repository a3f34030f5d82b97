//! What must hold of any octets on the media floor: checks of ICE, sealed packets, files of sound. The fuzz targets check the
//! same, so nothing here knows of tests.

use std::{net::SocketAddr, time::Duration};

use hmac::{Hmac, Mac};
use sha1::Sha1;
use strowger::{
    base::{Chance, Instant, Private},
    media::{
        KEY_BYTES, PROTECTION_BYTES_MAX, SAMPLE_RATE, SOUND_SAMPLES_MAX, Secure, Security, Suite,
        ice::{Ice, WAYS_MAX},
        link::{Credentials, Fingerprint, Handshake, Link, Side},
        upload, wav,
    },
    wire::{
        rtp,
        stun::{self, Class, Message, Writer},
    },
};

const OURS: &str = "a-password-of-ours-22-chars";
const THEIRS: &str = "a-password-of-theirs-22-chars";

/// Octets taken one after the other; zeros when there are no more.
struct Octets<'a>(&'a [u8]);

impl<'a> Octets<'a> {
    fn next(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().map_or((0, &[][..]), |(first, rest)| (*first, rest));
        self.0 = rest;
        first
    }

    fn take(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        taken
    }

    const fn is_over(&self) -> bool {
        self.0.is_empty()
    }
}

/// Any octets as a STUN message of a stranger, then as a course of checks and answers of a peer that has the passwords and
/// says in them what it likes.
pub fn stun(bytes: &[u8]) {
    let stranger = SocketAddr::from(([192, 0, 2, 9], 5_060));
    if let Some(message) = Message::parse(bytes) {
        assert!(!message.is_signed_with(OURS) && !message.is_signed_with(THEIRS), "nobody has told the password");
        let (mut ice, _) = side(bytes.len());
        let (_, answer) = ice.handle(Instant::ZERO, stranger, &message);
        assert!(answer.is_none() && !ice.believes(stranger) && ice.chosen(Instant::ZERO).is_none());
    }
    let mut octets = Octets(bytes);
    let (mut ice, mut chance) = side(octets.next().into());
    let (mut now, mut asked) = (Instant::ZERO, None);
    for _ in 0..64 {
        if octets.is_over() {
            break;
        }
        let (step, from) = (octets.next(), peer(octets.next()));
        now += Duration::from_millis(u64::from(octets.next()) * 4);
        if step & 3 == 3 {
            asked = ice.handle_timeout(now, &mut chance).or(asked);
            asked.iter().for_each(|(_, writer)| reads_back(writer));
            continue;
        }
        let len = usize::from(octets.next());
        let datagram = signed(step, octets.take(len), asked.as_ref().map(|(_, writer)| writer));
        let Some(message) = Message::parse(&datagram) else { continue };
        let (_, answer) = ice.handle(now, from, &message);
        if let Some(answer) = answer {
            reads_back(&answer);
            assert!(answer.octets().len() <= datagram.len() + 64, "an answer may not amplify");
        }
        if let Some(chosen) = ice.chosen(now) {
            assert!(ice.believes(chosen), "what is sent to has proved itself");
        }
        assert!((0..=255).filter(|number| ice.believes(peer(*number))).count() <= WAYS_MAX);
    }
}

fn side(number: usize) -> (Ice, Chance) {
    let credentials =
        |name: &str, password: &str| Credentials { fragment: name.into(), password: Private::new(password.into()) };
    let link = Link {
        ours: credentials("ours", OURS),
        theirs: credentials("peer", THEIRS),
        candidates: (0..2).map(peer).collect(),
        fingerprint: Fingerprint([0; 32]),
        handshake: Handshake::Await,
        side: [Side::Lite, Side::Controlling, Side::Controlled][number % 3],
    };
    let mut chance = Chance::from_number(7);
    (Ice::new(Instant::ZERO, &link, 1, &mut chance), chance)
}

fn peer(number: u8) -> SocketAddr {
    SocketAddr::from(([198, 51, 100, number % 32], 40_000 + u16::from(number)))
}

/// A message of a peer that has the password: with these attributes and a proper signature. An answer answers what we asked.
fn signed(step: u8, attributes: &[u8], asked: Option<&Writer>) -> Vec<u8> {
    let kinds: [u16; 4] = [0x0001, 0x0101, 0x0111, 0x0011];
    let kind = kinds[usize::from(step >> 2 & 3)];
    let mut transaction = [step; 12];
    if let Some(asked) = asked.and_then(|asked| asked.octets().get(8..20)).filter(|_| step & 0x40 == 0) {
        transaction.copy_from_slice(asked);
    }
    let name: &[u8] = b"\x00\x06\x00\x09ours:peer\x00\x00\x00";
    let mut body = if step & 0x80 == 0 { name.to_vec() } else { Vec::new() };
    body.extend_from_slice(attributes.get(..attributes.len() / 4 * 4).unwrap_or_default());
    let length = u16::try_from(body.len() + 24).unwrap_or(u16::MAX);
    let mut datagram = Vec::new();
    datagram.extend(kind.to_be_bytes());
    datagram.extend(length.to_be_bytes());
    datagram.extend(0x2112_A442_u32.to_be_bytes());
    datagram.extend(transaction);
    datagram.extend(body);
    let password = if kind == 0x0001 { OURS } else { THEIRS };
    let mut mac = <Hmac<Sha1> as Mac>::new_from_slice(password.as_bytes()).expect("any length is a key");
    mac.update(&datagram);
    datagram.extend([0, 8, 0, 20]);
    datagram.extend(mac.finalize().into_bytes());
    datagram
}

fn reads_back(writer: &Writer) {
    let message = Message::parse(writer.octets()).expect("what we write reads back");
    assert!(stun::is_stun(writer.octets()));
    assert_eq!(message.is_signed_with(THEIRS), message.class == Class::Request, "by the password of who reads it");
}

const SUITES: [Suite; 3] = [Suite::Long, Suite::Short, Suite::Sealed];

fn pair(suite: Suite) -> [Secure; 2] {
    let key = |fill: u8| Private::new([fill; KEY_BYTES]);
    [(1, 2), (2, 1)].map(|(ours, theirs)| Secure::new(Security { suite, ours: key(ours), theirs: key(theirs), mki: 0 }))
}

/// Any octets as a course of packets: forged ones are refused and change nothing, honest ones come through as they were sent,
/// once, in whatever order.
pub fn srtp(bytes: &[u8]) {
    let mut octets = Octets(bytes);
    let [mut sender, mut receiver] = pair(SUITES[usize::from(octets.next()) % 3]);
    let mut on_the_way: Vec<(bool, Vec<u8>, Vec<u8>)> = Vec::new();
    for _ in 0..64 {
        if octets.is_over() {
            break;
        }
        let (step, len) = (octets.next(), usize::from(octets.next()));
        let plain = octets.take(len);
        let is_rtcp = step & 1 != 0;
        if step & 2 == 0 {
            let mut forged = plain.to_vec();
            let opened = open(&mut receiver, is_rtcp, &mut forged);
            assert!(opened.is_none() && forged == plain, "a forged packet is believed, or touched");
        } else if let Some(sealed) = seal(&mut sender, is_rtcp, plain) {
            on_the_way.push((is_rtcp, plain.to_vec(), sealed));
        }
        if step & 4 != 0 && !on_the_way.is_empty() {
            let at = usize::from(step >> 3) % on_the_way.len();
            let (is_rtcp, plain, sealed) = on_the_way.swap_remove(at);
            arrives(&mut receiver, is_rtcp, &plain, &sealed);
        }
    }
}

fn arrives(receiver: &mut Secure, is_rtcp: bool, plain: &[u8], sealed: &[u8]) {
    let mut changed = sealed.to_vec();
    if let Some(last) = changed.last_mut() {
        *last ^= 1;
        assert!(open(receiver, is_rtcp, &mut changed).is_none(), "a changed packet is believed");
    }
    let mut packet = sealed.to_vec();
    // One that is far behind, or counts as of another turn, may be refused; then it stays as it was.
    match open(receiver, is_rtcp, &mut packet) {
        Some(len) => {
            assert_eq!(&packet[..len], plain);
            assert!(open(receiver, is_rtcp, &mut sealed.to_vec()).is_none(), "a copy is believed");
        }
        None => assert_eq!(packet, sealed),
    }
}

fn open(secure: &mut Secure, is_rtcp: bool, packet: &mut [u8]) -> Option<usize> {
    if is_rtcp { secure.unprotect_rtcp(packet) } else { secure.unprotect(packet) }
}

fn seal(secure: &mut Secure, is_rtcp: bool, plain: &[u8]) -> Option<Vec<u8>> {
    if !is_rtcp && rtp::Header::read(plain).is_none() {
        return None;
    }
    let mut packet = plain.to_vec();
    packet.resize(plain.len() + PROTECTION_BYTES_MAX, 0);
    let len =
        if is_rtcp { secure.protect_rtcp(&mut packet, plain.len()) } else { secure.protect(&mut packet, plain.len()) };
    packet.truncate(len?);
    Some(packet)
}

/// Any octets as a clip of the settings and as an upload: sound within its bounds, or a refusal.
pub fn upload(bytes: &[u8]) {
    if let Ok(sound) = wav::read(bytes) {
        assert!(sound.len() <= SOUND_SAMPLES_MAX);
        let again = wav::read(&wav::write(&sound)).expect("what we write is read");
        assert_eq!(again.len(), sound.len());
    }
    if let Ok(sound) = upload::decode(bytes.to_vec(), upload::Bounds::UPLOAD) {
        assert!((1..=(upload::UPLOAD_SECONDS_MAX + 1) * SAMPLE_RATE).contains(&sound.len()));
    }
}
