//! STUN on the SIP port (RFC 5626 8): a phone asks what its address looks like from here, and keeps its way open.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;

const COOKIE: [u8; 4] = 0x2112_A442_u32.to_be_bytes();
const HEADER: usize = 20;
const BINDING_REQUEST: [u8; 2] = [0x00, 0x01];
const BINDING_SUCCESS: [u8; 2] = [0x01, 0x01];
const XOR_MAPPED_ADDRESS: [u8; 2] = [0x00, 0x20];

/// Longer ones carry what nobody needs here; none is longer in practice.
const REQUEST_MAX: usize = 548;

/// Whether a datagram is STUN: no SIP begins with an octet under 4.
pub fn is_stun(datagram: &[u8]) -> bool {
    datagram.len() >= HEADER && datagram.first().is_some_and(|octet| *octet < 4) && datagram.get(4..8) == Some(&COOKIE)
}

/// The answer to a binding request; anything else gets none.
pub fn answer(datagram: &[u8], source: SocketAddr) -> Option<Bytes> {
    let head = datagram.get(..HEADER)?;
    let length = usize::from(u16::from_be_bytes([*head.get(2)?, *head.get(3)?]));
    let whole = datagram.len() == HEADER + length && length.is_multiple_of(4) && datagram.len() <= REQUEST_MAX;
    if !whole || !datagram.starts_with(&BINDING_REQUEST) || !is_understood(datagram.get(HEADER..)?) {
        return None;
    }
    let mask = head.get(4..)?;
    let (family, address) = match source.ip().to_canonical() {
        IpAddr::V4(v4) => (1, v4.octets().to_vec()),
        IpAddr::V6(v6) => (2, v6.octets().to_vec()),
    };
    let port = source.port() ^ u16::from_be_bytes([*mask.first()?, *mask.get(1)?]);
    let mut value = vec![0, family];
    value.extend(port.to_be_bytes());
    value.extend(address.iter().zip(mask).map(|(octet, mask)| octet ^ mask));
    let size = |length: usize| u16::try_from(length).unwrap_or_default().to_be_bytes();
    let parts = [&BINDING_SUCCESS, &size(value.len() + 4)[..], mask, &XOR_MAPPED_ADDRESS, &size(value.len()), &value];
    Some(Bytes::from(parts.concat()))
}

/// Whether every attribute that must be understood is: none must on this port (RFC 8489 14).
fn is_understood(mut attributes: &[u8]) -> bool {
    while let [kind, _, high, low, ..] = *attributes {
        let length = 4 + usize::from(u16::from_be_bytes([high, low])).next_multiple_of(4);
        match attributes.get(length..) {
            Some(rest) if kind >= 0x80 => attributes = rest,
            Some(_) | None => return false,
        }
    }
    attributes.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(attributes: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 1, 0, attributes.len() as u8];
        bytes.extend(COOKIE);
        bytes.extend(b"transaction1");
        bytes.extend(attributes);
        bytes
    }

    /// SW-03: the answer carries the source, masked as RFC 5769 2.2 shows it.
    #[test]
    fn a_binding_request_is_told_its_source() {
        let asked = request(&[]);
        assert!(is_stun(&asked));
        let told = answer(&asked, "192.0.2.1:32853".parse().unwrap()).unwrap();
        assert_eq!(told[..4], [1, 1, 0, 12]);
        assert_eq!(told[4..20], asked[4..20]);
        assert_eq!(told[20..], [0, 0x20, 0, 8, 0, 1, 0xA1, 0x47, 0xE1, 0x12, 0xA6, 0x43]);
        let told = answer(&asked, "[2001:db8::1]:5060".parse().unwrap()).unwrap();
        assert_eq!(told.len(), 20 + 24);
    }

    /// SW-19: what is no whole binding request is not answered.
    #[test]
    fn anything_else_gets_no_answer() {
        let source = "192.0.2.1:5060".parse().unwrap();
        let software = [0x80, 0x22, 0, 3, b'a', b'b', b'c', 0];
        assert!(answer(&request(&software), source).is_some());
        for attributes in [&[0x00, 0x24, 0, 4, 0, 0, 0, 1][..], &[0x80, 0x22, 0xFF, 0xFF], &[0x80, 0x22]] {
            assert!(answer(&request(attributes), source).is_none(), "{attributes:?}");
        }
        let mut response = request(&[]);
        response[0] = 1;
        assert!(answer(&response, source).is_none());
        for length in 0..20 {
            assert!(!is_stun(&request(&[])[..length]));
        }
        assert!(!is_stun(b"OPTIONS sip:a SIP/2.0\r\n"));
    }
}
