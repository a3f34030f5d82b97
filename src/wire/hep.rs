//! HEPv3: one SIP message and where it went, as Homer and its like collect them.

use std::net::{IpAddr, SocketAddr};

use crate::base::Wall;

/// Octets of a packet: its length field has 16 bits, and UDP carries 20 and 8 octets less.
pub const PACKET_MAX: usize = 65_507;

const FAMILY_V4: u8 = 2;
const FAMILY_V6: u8 = 10;
const UDP: u8 = 17;
const TCP: u8 = 6;
const SIP: u8 = 1;

/// What one packet tells.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub over_udp: bool,
    pub at: Wall,
    /// Which switch of a collector's many.
    pub agent: u32,
    pub key: Option<&'a str>,
    /// The Call-ID, by which the legs of a call are found.
    pub call: &'a str,
    pub message: &'a [u8],
}

/// One packet; `None` when it would be longer than may be.
pub fn encode(told: &Told<'_>) -> Option<Vec<u8>> {
    let mut packet = Vec::with_capacity(told.message.len() + 160);
    packet.extend(b"HEP3\0\0");
    let (from, to) = (told.from.ip().to_canonical(), told.to.ip().to_canonical());
    match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            chunk(&mut packet, 1, &[FAMILY_V4])?;
            chunk(&mut packet, 3, &from.octets())?;
            chunk(&mut packet, 4, &to.octets())?;
        }
        (from, to) => {
            chunk(&mut packet, 1, &[FAMILY_V6])?;
            chunk(&mut packet, 5, &six(from))?;
            chunk(&mut packet, 6, &six(to))?;
        }
    }
    let millis = told.at.as_millis().max(0).unsigned_abs();
    let (seconds, micros) = (u32::try_from(millis / 1_000).ok()?, (millis % 1_000) as u32 * 1_000);
    chunk(&mut packet, 2, &[if told.over_udp { UDP } else { TCP }])?;
    chunk(&mut packet, 7, &told.from.port().to_be_bytes())?;
    chunk(&mut packet, 8, &told.to.port().to_be_bytes())?;
    chunk(&mut packet, 9, &seconds.to_be_bytes())?;
    chunk(&mut packet, 10, &micros.to_be_bytes())?;
    chunk(&mut packet, 11, &[SIP])?;
    chunk(&mut packet, 12, &told.agent.to_be_bytes())?;
    if let Some(key) = told.key {
        chunk(&mut packet, 14, key.as_bytes())?;
    }
    chunk(&mut packet, 17, told.call.as_bytes())?;
    chunk(&mut packet, 15, told.message)?;
    let length = u16::try_from(packet.len()).ok().filter(|_| packet.len() <= PACKET_MAX)?;
    packet.get_mut(4..6)?.copy_from_slice(&length.to_be_bytes());
    Some(packet)
}

fn six(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    }
}

/// Vendor (0: generic), kind, length with these six octets, value.
fn chunk(packet: &mut Vec<u8>, kind: u16, value: &[u8]) -> Option<()> {
    let length = u16::try_from(value.len() + 6).ok()?;
    packet.extend([0, 0]);
    packet.extend(kind.to_be_bytes());
    packet.extend(length.to_be_bytes());
    packet.extend(value);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// AP-08: octet by octet as a collector takes a packet apart.
    #[test]
    fn ap_08_a_packet_has_its_chunks() {
        let told = Told {
            from: "192.0.2.7:5070".parse().unwrap(),
            to: "127.0.0.1:5060".parse().unwrap(),
            over_udp: true,
            at: Wall(1_795_000_000_250),
            agent: 2001,
            key: Some("k"),
            call: "c1",
            message: b"OPTIONS",
        };
        let packet = encode(&told).unwrap();
        let head = [&b"HEP3"[..], &[0, packet.len() as u8], &[0, 0, 0, 1, 0, 7, 2], &[0, 0, 0, 3, 0, 10, 192, 0, 2, 7]];
        assert!(packet.starts_with(&head.concat()), "{packet:?}");
        let has = |part: &[u8]| packet.windows(part.len()).any(|window| window == part);
        assert!(has(&[0, 0, 0, 7, 0, 8, 0x13, 0xCE]) && has(&[0, 0, 0, 8, 0, 8, 0x13, 0xC4]));
        assert!(has(&[&[0, 0, 0, 9, 0, 10][..], &1_795_000_000_u32.to_be_bytes()].concat()));
        assert!(has(&[&[0, 0, 0, 10, 0, 10][..], &250_000_u32.to_be_bytes()].concat()));
        assert!(
            has(b"\0\0\0\x0e\0\x07k") && has(b"\0\0\0\x11\0\x08c1") && packet.ends_with(b"\0\0\0\x0f\0\x0dOPTIONS")
        );
        let long = vec![b'x'; PACKET_MAX];
        assert!(encode(&Told { message: &long, ..told }).is_none());
        let mixed = encode(&Told { to: "[2001:db8::1]:5060".parse().unwrap(), over_udp: false, ..told }).unwrap();
        assert!(mixed.starts_with(&[&b"HEP3\0"[..], &[mixed.len() as u8], &[0, 0, 0, 1, 0, 7, 10]].concat()));
    }
}
