//! What comes from the network: from whom, in what order, and how broken.

use super::{
    super::*,
    world::{World, addr, form},
};
use crate::media::{Codec, Remote};

/// SW-07: bleed. A stranger's packets reach nobody and get nothing, they are only counted.
#[test]
fn a_stranger_is_neither_heard_nor_answered() {
    let mut world = World::call([Codec::Pcmu, Codec::Pcmu]);
    let mut forged = world.phones[0].packet();
    assert_eq!(world.send_from(0, addr("203.0.113.9:4000"), forged.clone()), Verdict::Nothing);
    world.run(500);
    let heard = world.phones[1].heard.len();
    for _ in 0..50 {
        assert_eq!(world.send_from(0, addr("203.0.113.9:4000"), forged.clone()), Verdict::Nothing);
        forged[3] = forged[3].wrapping_add(1);
    }
    assert_eq!(world.phones[1].heard.len(), heard);
    world.run(500);
    world.phones[1].assert_continuous();
    assert_eq!(world.close(0).strangers, 51);
    assert_eq!(world.close(1).strangers, 0);
}

/// SW-05, SW-07: of two early branches the first is heard, then the second, and the first again from its answer on.
#[test]
fn sw_05_a_branch_that_is_described_again_is_heard_at_once() {
    let mut world = World::call([Codec::Pcmu, Codec::Pcmu]);
    world.run(500);
    let (stream, first) = (world.phones[0].stream, world.phones[0].addr);
    let second = addr("203.0.113.9:4000");
    world.tell(Command::Update { stream, remote: Some(Remote::new(second)), form: form(Codec::Pcmu) });
    let mut other = world.phones[0].packet();
    other[8..12].copy_from_slice(&[9; 4]);
    for _ in 0..25 {
        world.send_from(0, second, other.clone());
        let sequence = u16::from_be_bytes([other[2], other[3]]).wrapping_add(1);
        other[2..4].copy_from_slice(&sequence.to_be_bytes());
        world.run(20);
    }
    let heard = world.phones[1].heard.len();
    world.tell(Command::Update { stream, remote: Some(Remote::new(first)), form: form(Codec::Pcmu) });
    world.run(200);
    let now = world.phones[1].heard.len();
    assert!(now >= heard + 9, "{} of 10 packets", now - heard);
    world.phones[1].assert_continuous();
}

/// SW-07, THREATS (SSRC change): whoever can forge a datagram with a phone's address costs it that moment, not two seconds; and one
/// who really has another SSRC is followed by his second packet.
#[test]
fn sw_07_one_packet_of_another_ssrc_silences_nobody() {
    for codec in [Codec::Pcmu, Codec::Opus] {
        let mut world = World::call([Codec::Pcmu, codec]);
        world.run(500);
        let heard = world.phones[1].heard.len();
        for round in 0..10 {
            let numbers = (world.phones[0].sequence, world.phones[0].timestamp);
            let mut forged = world.phones[0].packet();
            (world.phones[0].sequence, world.phones[0].timestamp) = numbers;
            forged[8..12].copy_from_slice(&[0x66, 0, 0, round]);
            let from = world.phones[0].addr;
            world.send_from(0, from, forged);
            world.run(200);
        }
        let now = world.phones[1].heard.len();
        assert!(
            (99..=101).contains(&(now - heard)),
            "{codec:?}: {} of 100 packets, and none that was forged",
            now - heard
        );
        world.phones[0].ssrc = 0x9999;
        world.phones[0].sequence = 7;
        world.run(1_000);
        let then = world.phones[1].heard.len();
        assert!(then >= now + 49, "{codec:?}: {} of 50 packets", then - now);
        world.phones[1].assert_continuous();
        assert!(world.phones[1].ear.longest_hole <= std::time::Duration::from_millis(20), "{codec:?}");
    }
}

/// SW-07: a phone whose NAT gave it a new port is followed after two seconds, heard and answered there.
#[test]
fn a_phone_behind_nat_is_followed() {
    let mut world = World::call([Codec::Pcmu, Codec::Pcmu]);
    world.phones[0].addr = addr("198.51.100.10:7777");
    world.run(500);
    assert!(!world.phones[0].heard.is_empty(), "learnt beside the SDP's port");
    world.phones[0].addr = addr("198.51.100.10:8888");
    world.run(1_000);
    let before = world.phones[0].heard.len();
    world.run(1_500);
    assert!(world.phones[0].heard.len() > before + 20, "followed");
    assert!(world.phones.iter().all(|phone| phone.ear.ssrc_changes == 0));
}

/// SW-07: loss, reordering and doubling pass through as they are: the listener's buffer judges, no number is invented.
#[test]
fn loss_and_disorder_pass_through() {
    let mut world = World::call([Codec::Pcmu, Codec::Pcmu]);
    world.phones.iter_mut().for_each(|phone| phone.speaks = false);
    let packets: Vec<Vec<u8>> = (0..10).map(|_| world.phones[0].packet()).collect();
    for place in [0, 1, 3, 2, 4, 4, 6, 9] {
        world.send(0, packets[place].clone());
    }
    let first = world.phones[1].heard[0];
    let steps: Vec<u16> =
        world.phones[1].heard.iter().map(|header| header.sequence.wrapping_sub(first.sequence)).collect();
    assert_eq!(steps, [0, 1, 3, 2, 4, 4, 6, 9]);
    let times = world.phones[1].heard.iter().map(|header| header.timestamp.wrapping_sub(first.timestamp) / 160);
    assert!(times.eq([0, 1, 3, 2, 4, 4, 6, 9]));
    let stats = world.close(0);
    assert_eq!((stats.packets_received, stats.lost, stats.late), (8, 2, 2));
}

/// SW-07: extension, contributing sources and padding of one leg don't reach the other.
#[test]
fn only_the_payload_crosses() {
    let mut world = World::call([Codec::Pcmu, Codec::Pcmu]);
    world.run(100);
    let mut packet = world.phones[0].packet();
    let payload = packet.split_off(12);
    packet[0] = 0x80 | 0x20 | 0x10 | 2;
    packet.extend([9; 8]);
    packet.extend([0xbe, 0xde, 0, 1, 1, 2, 3, 4]);
    packet.extend(&payload);
    packet.extend([0, 0, 0, 4]);
    let mut bytes = packet.clone();
    let verdict = {
        let len = bytes.len();
        world.core.handle_packet(world.now, 0, world.phones[0].addr, &mut bytes, len)
    };
    let Verdict::Forward { len, .. } = verdict else { panic!("{verdict:?}") };
    assert_eq!((len, bytes[0]), (172, 0x80));
    assert_eq!(bytes[12..172], payload[..]);
}

/// SW-07: whatever comes in, cut and flipped, nothing breaks and nobody hears garbage of another payload type.
#[test]
fn malformed_packets_are_counted_and_dropped() {
    let mut world = World::call([Codec::Pcmu, Codec::Pcmu]);
    world.run(100);
    world.phones.iter_mut().for_each(|phone| phone.speaks = false);
    let whole = world.phones[0].packet();
    for cut in 0..12 {
        assert_eq!(world.send(0, whole[..cut].to_vec()), Verdict::Nothing);
    }
    for first in 0..=255u8 {
        for cut in [12, 13, 16, 40, whole.len()] {
            let mut torn = whole[..cut].to_vec();
            torn[0] = first;
            world.send(0, torn);
        }
    }
    let mut other = whole.clone();
    other[1] = 34;
    assert_eq!(world.send(0, other), Verdict::Nothing);
    let mut chance = Chance::from_number(11);
    for _ in 0..20_000 {
        let mut torn = whole[..chance.below(40) as usize + 1].to_vec();
        for _ in 0..chance.below(5) {
            let place = chance.below(torn.len() as u64) as usize;
            torn[place] = chance.below(256) as u8;
        }
        let mut report = torn.clone();
        let len = torn.len();
        world.core.handle_packet(world.now, 0, world.phones[0].addr, &mut torn, len);
        report[0] = 0x81;
        world.core.handle_rtcp(world.now, 0, world.phones[0].addr, &mut report.clone());
    }
    assert!(world.close(0).malformed > 12);
}
