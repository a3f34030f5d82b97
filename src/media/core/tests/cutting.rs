//! Phones whose packets are longer than the other side takes.

use super::{
    super::*,
    secure::{protect, security},
    world::{Phone, World, form, music},
};
use crate::{
    media::{Codec, Suite, codec::FRAME},
    wire::rtp::{HEADER_BYTES, Header},
};

/// A phone's next packet, of so many frames of 20 ms.
fn long(phone: &mut Phone, frames: usize) -> Vec<u8> {
    let mut packet = phone.packet();
    let (sequence, timestamp) = (phone.sequence, phone.timestamp);
    for _ in 1..frames {
        packet.extend(&phone.packet()[HEADER_BYTES..]);
    }
    // Its own times are those of the packets' first frames.
    let mut header = Header::read(&packet).expect("RTP");
    (header.sequence, header.timestamp) = (sequence, timestamp);
    header.write(&mut packet);
    phone.sequence = sequence;
    packet
}

/// A call whose first phone speaks in packets of 60 ms, and whose second takes no longer ones than told.
fn call(codecs: [Codec; 2], maxptime_ms: u16) -> World {
    let mut world = World::call(codecs);
    world.phones[0].speaks = false;
    world.update(1, Form { maxptime_ms: Some(maxptime_ms), ..form(codecs[1]) });
    world
}

fn speak_long(world: &mut World, packets: usize) -> Verdict {
    let mut verdict = Verdict::Nothing;
    for _ in 0..packets {
        let packet = long(&mut world.phones[0], 3);
        verdict = world.send(0, packet);
        world.run(60);
    }
    verdict
}

/// Octets of sound in what a phone heard, packet by packet.
fn lengths(phone: &Phone) -> Vec<usize> {
    phone.heard.iter().map(|header| header.payload().len()).collect()
}

/// SW-08: who takes 20 ms a packet is sent no more of one who speaks 60 ms a packet: the same sound in thrice as many,
/// numbered one by one, each at its own time, and only the first of them marked.
#[test]
fn sw_08_long_packets_are_cut_for_their_hearer() {
    for codecs in [[Codec::Pcmu; 2], [Codec::Pcma, Codec::Pcmu], [Codec::G722; 2]] {
        for (most, pieces) in [(20, 3), (10, 6), (40, 2), (50, 2)] {
            let mut world = call(codecs, most);
            speak_long(&mut world, 40);
            let phone = &world.phones[1];
            phone.assert_continuous();
            assert_eq!(phone.heard.len(), 40 * pieces, "{codecs:?}, {most} ms");
            let heard = lengths(phone);
            assert!(heard.iter().all(|octets| *octets <= usize::from(most) * 8), "{codecs:?}, {most} ms: {heard:?}");
            assert_eq!(heard.iter().sum::<usize>(), 40 * 480);
            for two in phone.heard.windows(2) {
                let length = two[0].payload().len() as u32;
                assert_eq!(two[1].timestamp.wrapping_sub(two[0].timestamp), length, "{codecs:?}, {most} ms");
            }
            assert_eq!(phone.heard.iter().filter(|header| header.marker).count(), 1);
            assert!(phone.hears_db(400.0) > 25.0, "{codecs:?}, {most} ms: {}", phone.hears_db(400.0));
            assert_eq!(world.close(1).packets_sent, 40 * pieces as u64);
        }
    }
}

/// SW-08: what is lost or comes late leaves the places of its pieces, and digits between are numbered with them.
#[test]
fn sw_08_pieces_keep_their_places() {
    let mut world = call([Codec::Pcmu; 2], 20);
    let packets: Vec<Vec<u8>> = (0..7).map(|_| long(&mut world.phones[0], 3)).collect();
    // The third never comes, and the fifth behind the sixth, which comes twice.
    for place in [0, 1, 3, 5, 4, 5] {
        world.send(0, packets[place].clone());
    }
    let started = world.phones[0].timestamp;
    // Behind the seventh, which never comes either.
    world.event_packet(0, 7, started, 800, true);
    let last = long(&mut world.phones[0], 1);
    world.send(0, last);
    let first = world.phones[1].heard[0];
    let told: Vec<(u16, u32)> = world.phones[1]
        .heard
        .iter()
        .map(|header| (header.sequence.wrapping_sub(first.sequence), header.timestamp.wrapping_sub(first.timestamp)))
        .collect();
    let sound = |packet: u16| (packet * 3..packet * 3 + 3).map(|piece| (piece, u32::from(piece) * 160));
    let expected: Vec<(u16, u32)> = [0, 1, 3, 5, 4, 5].into_iter().flat_map(sound).collect();
    assert_eq!(told[..18], expected);
    // The digit comes behind a hole of one packet; that this was a long one nobody knows.
    assert_eq!((told[18].0, told[19].0, told.len()), (19, 20, 20));
}

/// SW-08, SW-09: each piece is protected by itself.
#[test]
fn sw_08_sw_09_pieces_are_protected() {
    for suite in [Suite::Long, Suite::Sealed] {
        let mut world = call([Codec::Pcmu; 2], 20);
        protect(&mut world, 1, suite);
        let keys = security(suite, 1, 2);
        world.update(1, Form { maxptime_ms: Some(20), security: Some(keys), ..form(Codec::Pcmu) });
        speak_long(&mut world, 30);
        world.phones[1].assert_continuous();
        assert_eq!(world.phones[1].heard.len(), 90, "{suite:?}");
        assert!(world.phones[1].hears_db(400.0) > 25.0, "{suite:?}");
    }
}

/// SW-08: what its hearer takes is left as it is, and so is what can't be cut.
#[test]
fn sw_08_nothing_is_cut_without_need() {
    let foreign = Codec::named("speex", 8_000, 1).expect("a codec");
    for (codec, most) in [(Codec::Pcmu, 60), (Codec::Pcmu, 150), (Codec::Opus, 20), (foreign, 20)] {
        let mut world = call([codec; 2], most);
        let mut packet = long(&mut world.phones[0], if codec == Codec::Opus { 1 } else { 3 });
        packet.resize(HEADER_BYTES + 480, 0);
        let verdict = world.send(0, packet);
        assert!(matches!(verdict, Verdict::Forward { len: 492, .. }), "{codec:?}, {most} ms: {verdict:?}");
    }
    // Longer than any phone's.
    let mut world = call([Codec::Pcmu; 2], 10);
    let packet = long(&mut world.phones[0], 11);
    let verdict = world.send(0, packet);
    assert!(matches!(verdict, Verdict::Forward { len, .. } if len == HEADER_BYTES + 11 * FRAME / 2), "{verdict:?}");
}

/// SW-08: neither is what we make ourselves longer, decoded, mixed or played, where a codec of ours makes 20 ms.
#[test]
fn sw_08_our_own_packets_are_cut_too() {
    for codecs in [[Codec::Opus, Codec::Pcmu], [Codec::Pcma, Codec::G722]] {
        let mut world = World::call(codecs);
        world.tell(Command::LoadClip { clip: ClipId(1), sound: music(1_000.0, 400) });
        world.update(1, Form { maxptime_ms: Some(10), ptime_ms: 10, ..form(codecs[1]) });
        world.run(2_500);
        assert!(world.phones[1].hears_db(400.0) > 12.0, "{codecs:?}: {}", world.phones[1].hears_db(400.0));
        world.play(1, 1, Source::Clip(ClipId(1)), true);
        world.run(2_000);
        let phone = &world.phones[1];
        phone.assert_continuous();
        assert!(phone.hears_db(1_000.0) > 12.0, "{codecs:?}: {}", phone.hears_db(1_000.0));
        assert!(lengths(phone).iter().all(|octets| *octets <= 80), "{codecs:?}: {:?}", lengths(phone));
    }
}
