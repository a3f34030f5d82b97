//! Phones with SRTP.

use super::{
    super::*,
    world::{World, addr, form, music},
};
use crate::{
    base::Private,
    media::{Codec, KEY_BYTES, PROTECTION_BYTES_MAX, Security, Suite, srtp::Secure},
};

pub fn security(suite: Suite, ours: u8, theirs: u8) -> Security {
    let key = |octet| Private::new([octet; KEY_BYTES]);
    Security { suite, ours: key(ours), theirs: key(theirs), mki: 0 }
}

/// A phone's leg is protected from now on; keys 1 are the switch's, 2 the phone's.
pub fn protect(world: &mut World, place: usize, suite: Suite) {
    let form = form(world.phones[place].codec);
    world.update(place, Form { security: Some(security(suite, 1, 2)), ..form });
    world.phones[place].guard = Some(Secure::new(security(suite, 2, 1)));
}

/// Phone 0 is secure.
fn secure_call(suite: Suite, codecs: [Codec; 2]) -> World {
    let mut world = World::call(codecs);
    protect(&mut world, 0, suite);
    world
}

/// SW-09: a secure phone and a plain one hear each other, relayed or transcoded, with music between; reports are protected
/// too.
#[test]
fn sw_09_a_secure_phone_talks_with_a_plain_one() {
    for (suite, codecs) in [(Suite::Long, [Codec::Pcmu, Codec::Pcma]), (Suite::Short, [Codec::Pcma, Codec::G722])] {
        let mut world = secure_call(suite, codecs);
        world.tell(Command::LoadClip { clip: ClipId(1), sound: music(1_000.0, 400) });
        world.run(2_500);
        assert!(world.phones[0].hears_db(700.0) > 25.0 && world.phones[1].hears_db(400.0) > 25.0, "{suite:?}");
        world.play(0, 1, Source::Clip(ClipId(1)), true);
        world.run(2_000);
        assert!(world.phones[0].hears_db(1_000.0) > 25.0, "{suite:?}");
        world.run(8_000);
        assert!(world.reports.iter().any(|(place, _)| *place == 0), "{suite:?}: a report, opened by its keys");
        world.phones[0].assert_continuous();
    }
}

/// SW-09: a plain phone that sends other sound under a number that it had sent before does not have it protected by the same
/// bits: of two such the first alone goes on, late ones too.
#[test]
fn sw_09_no_number_is_protected_twice() {
    for suite in [Suite::Long, Suite::Sealed] {
        let mut world = secure_call(suite, [Codec::Pcmu, Codec::Pcmu]);
        world.phones.iter_mut().for_each(|phone| phone.speaks = false);
        let packets: Vec<Vec<u8>> = (0..5).map(|_| world.phones[1].packet()).collect();
        let other = |packet: &[u8]| packet.iter().enumerate().map(|(at, octet)| octet ^ u8::from(at >= 12)).collect();
        let (again, late): (Vec<u8>, Vec<u8>) = (other(&packets[2]), other(&packets[1]));
        for packet in [&packets[0], &packets[2], &again, &packets[1], &late, &packets[4], &again] {
            world.send(1, packet.clone());
        }
        let first = world.phones[0].heard[0].sequence;
        let heard: Vec<u16> = world.phones[0].heard.iter().map(|header| header.sequence.wrapping_sub(first)).collect();
        assert_eq!(heard, [0, 2, 1, 4], "{suite:?}");
    }
}

/// SW-09, SW-07, SEMANTICS 9: a secure phone that goes over to another network is heard and answered there with its next
/// packet; copies of what it has said, from elsewhere, turn nothing.
#[test]
fn sw_09_a_secure_phone_changes_its_network() {
    let mut world = secure_call(Suite::Long, [Codec::Pcmu, Codec::Pcmu]);
    world.run(500);
    let copy = {
        let (phone, mut packet) = (&mut world.phones[0], Vec::new());
        packet.extend(phone.packet());
        let guard = phone.guard.as_mut().expect("keys");
        let len = packet.len();
        packet.resize(len + PROTECTION_BYTES_MAX, 0);
        let len = guard.protect(&mut packet, len).expect("room");
        packet.truncate(len);
        packet
    };
    let (at, elsewhere) = (world.phones[0].addr, addr("203.0.113.5:9000"));
    assert_ne!(world.send_from(0, at, copy.clone()), Verdict::Nothing);
    assert_eq!(world.send_from(0, elsewhere, copy), Verdict::Nothing);
    let heard = world.phones[0].heard.len();
    world.run(100);
    assert!(world.phones[0].heard.len() >= heard + 4, "still answered where it is");
    world.phones[0].addr = elsewhere;
    let heard = world.phones.iter().map(|phone| phone.heard.len()).collect::<Vec<usize>>();
    world.run(100);
    for (phone, heard) in world.phones.iter().zip(heard) {
        assert!(phone.heard.len() >= heard + 4, "{} of 5", phone.heard.len() - heard);
    }
    world.phones[1].assert_continuous();
    assert_eq!(world.close(0).strangers, 1, "who sent the copy");
}

/// SW-09, THREATS, RTP bleed: what a stranger sends to a secure leg is counted as his, and his reports don't tell where ours
/// go.
#[test]
fn sw_09_a_stranger_at_a_secure_leg_is_counted() {
    let mut world = secure_call(Suite::Long, [Codec::Pcmu, Codec::Pcmu]);
    let (stranger, beside) = (addr("203.0.113.66:4000"), addr("198.51.100.10:5555"));
    let forged = [0x80, 200, 0, 6].into_iter().chain([7; 24]).collect::<Vec<u8>>();
    world.send_from(0, beside, forged);
    for _ in 0..100 {
        let packet = world.phones[1].packet();
        world.send_from(0, stranger, packet);
    }
    world.run(8_000);
    assert!(world.reports.iter().any(|(place, _)| *place == 0), "to the phone's own address");
    let stats = world.close(0);
    assert_eq!((stats.strangers, stats.malformed), (100, 1));
}

/// SW-09, SEMANTICS 9, THREATS, RTP bleed: strangers at a secure leg are opened fifty times a second, whatever they send. The
/// leg itself is found by its SSRC in the midst of them; one with a new SSRC when they leave off.
#[test]
fn sw_09_strangers_cost_a_secure_leg_little() {
    let mut world = secure_call(Suite::Long, [Codec::Pcmu, Codec::Pcmu]);
    world.run(500);
    let flood = |world: &mut World| {
        for _ in 0..60 {
            let packet = world.phones[1].packet();
            assert_eq!(world.send_from(0, addr("203.0.113.66:4000"), packet), Verdict::Nothing);
        }
    };
    let speaks = |world: &mut World| {
        let packet = world.phones[0].packet();
        world.send(0, packet)
    };
    flood(&mut world);
    world.phones[0].addr = addr("203.0.113.5:9000");
    assert_ne!(speaks(&mut world), Verdict::Nothing, "it has moved");
    flood(&mut world);
    (world.phones[0].addr, world.phones[0].ssrc) = (addr("203.0.113.5:9100"), 0x9999);
    assert_eq!(speaks(&mut world), Verdict::Nothing, "not looked at");
    world.phones[0].speaks = false;
    world.run(100);
    assert_ne!(speaks(&mut world), Verdict::Nothing, "a try was left");
    assert_eq!(world.close(0).strangers, 121);
}

/// SW-09: what is not protected, or by other keys, is not heard, and no packet leaves in the clear.
#[test]
fn sw_09_nothing_in_the_clear() {
    for keys in [None, Some(9)] {
        let mut world = secure_call(Suite::Long, [Codec::Pcmu, Codec::Pcmu]);
        world.phones[0].guard = keys.map(|key| Secure::new(security(Suite::Long, key, key)));
        world.phones[1].speaks = false;
        world.run(1_000);
        assert_eq!(world.phones[1].heard.len(), 0, "{keys:?}");
        // A clear re-offer that slipped through would not open the leg either.
        world.phones[0].guard = Some(Secure::new(security(Suite::Long, 2, 1)));
        world.update(0, form(Codec::Pcmu));
        world.phones[1].speaks = true;
        world.run(500);
        assert!(world.phones[1].heard.len() > 20 && world.phones[0].heard.len() > 20);
        assert!(world.close(0).malformed >= 49);
    }
}
