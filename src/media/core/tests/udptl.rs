//! Fax between two legs: datagrams as they are, and sound before and after.

use super::{
    super::{
        super::{Listener, ingress::UDPTL_BYTES_MAX},
        *,
    },
    *,
};

fn turn(world: &mut World, phone: usize, codec: Codec) {
    let (stream, remote) = (world.phones[phone].stream, Some(Remote::new(world.phones[phone].addr)));
    let form = Form { telephone_event: None, ..form(codec) };
    world.tell(Command::Update { stream, remote, form });
}

/// What the other phone is sent of a datagram.
fn send(world: &mut World, phone: usize, datagram: &[u8]) -> Option<Vec<u8>> {
    let (index, from) = (world.phones[phone].port.index, world.phones[phone].addr);
    let mut buffer = datagram.to_vec();
    match world.core.handle_packet(world.now, index, from, &mut buffer, datagram.len()) {
        Verdict::Forward { index, to, len, .. } => {
            let other = &world.phones[1 - phone];
            assert_eq!((index, to), (other.port.index, other.addr));
            Some(buffer[..len].to_vec())
        }
        Verdict::Nothing | Verdict::Pieces { .. } => None,
    }
}

/// SW-07, SW-16: however fast packets come on a leg, no more go on than a phone could mean: what goes round between
/// ports of ours does not take the machine with it.
#[test]
fn sw_07_sw_16_a_leg_brings_only_so_many() {
    for fax in [false, true] {
        let mut world = World::call([Codec::Pcmu, Codec::Pcmu]);
        world.run(500);
        if fax {
            (0..2).for_each(|phone| turn(&mut world, phone, Codec::T38));
        }
        let count = |world: &mut World| {
            let passed = (0..10_000).filter(|_| {
                let phone = &mut world.phones[0];
                phone.sequence = phone.sequence.wrapping_add(1);
                let mut packet = [0; 172];
                Header::new(0, phone.sequence, phone.timestamp, phone.ssrc, 160).write(&mut packet);
                if fax {
                    packet[0] = 0;
                }
                send(world, 0, &packet).is_some()
            });
            passed.count()
        };
        let at_once = count(&mut world);
        assert!((400..=500).contains(&at_once), "{fax}: {at_once}");
        world.now += Duration::from_secs(1);
        let later = count(&mut world);
        assert!((499..=500).contains(&later), "{fax}: {later}, but for one that says that its sender began anew");
    }
}

/// SW-16: whatever two legs spoke, relayed or mixed, their datagrams pass at once, both ways, octet by octet, also those that
/// look like RTP or RTCP; nothing is reported and nothing played; and the same sound is back afterwards.
#[test]
fn sw_16_datagrams_pass_as_they_are() {
    for codecs in [[Codec::Pcmu, Codec::Pcma], [Codec::Opus, Codec::Pcmu]] {
        let mut world = World::call(codecs);
        world.run(500);
        turn(&mut world, 0, Codec::T38);
        assert_eq!(send(&mut world, 0, &[0, 1, 2, 3, 4]), None, "the other side has sound still");
        turn(&mut world, 1, Codec::T38);
        world.reports.clear();
        for datagram in [&[0, 1, 1, 0, 0, 0][..], &[0x80, 200, 0, 6, 1, 2, 3, 4, 5, 6, 7, 8], &[7; UDPTL_BYTES_MAX]] {
            for phone in [0, 1] {
                assert_eq!(send(&mut world, phone, datagram).as_deref(), Some(datagram), "{codecs:?}");
            }
        }
        let straggler = Header::new(0, 9, 9, world.phones[0].ssrc, 12);
        let mut packet = [0; 40];
        straggler.write(&mut packet);
        assert_eq!(send(&mut world, 0, &packet), None, "the last of the sound is no fax");
        assert_eq!((send(&mut world, 0, &[1; 3]), send(&mut world, 0, &[1; UDPTL_BYTES_MAX + 1])), (None, None));
        world.play(0, 1, Source::Tone(Tone::Beep), true);
        world.phones.iter_mut().for_each(|phone| phone.speaks = false);
        world.run(20_000);
        assert!(world.reports.is_empty(), "{codecs:?}: fax has no reports");
        for (phone, codec) in codecs.into_iter().enumerate() {
            turn(&mut world, phone, codec);
            world.phones[phone].speaks = true;
        }
        world.run(500);
        world.phones.iter_mut().for_each(|phone| phone.ear = Listener::new());
        world.phones.iter_mut().for_each(|phone| phone.wide.clear());
        let before: Vec<usize> = world.phones.iter().map(|phone| phone.heard.len()).collect();
        world.run(1_000);
        for (phone, before) in world.phones.iter().zip(before) {
            assert!(phone.heard.len() >= before + 49, "{codecs:?}: sound again");
            assert!(phone.heard.iter().all(|header| header.ssrc == phone.heard[0].ssrc), "one source");
        }
    }
}
