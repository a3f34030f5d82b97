//! STUN on the SIP port (RFC 5626 8): a phone asks what its address looks like from here, and keeps its way open.

use std::net::SocketAddr;

use bytes::Bytes;

pub use crate::wire::stun::is_stun;
use crate::wire::stun::{Class, Message, Writer};

/// Longer ones carry what nobody needs here; none is longer in practice.
const REQUEST_MAX: usize = 548;

/// The answer to a binding request; anything else gets none, nor what wants to be understood: nothing must on this port
/// (RFC 8489 14).
pub fn answer(datagram: &[u8], source: SocketAddr) -> Option<Bytes> {
    let asked = Message::parse(datagram).filter(|_| datagram.len() <= REQUEST_MAX)?;
    let is_plain = asked.class == Class::Request && !asked.has_required;
    is_plain.then(|| Bytes::copy_from_slice(Writer::new(Class::Success, asked.transaction).mapped(source).octets()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const COOKIE: [u8; 4] = 0x2112_A442_u32.to_be_bytes();

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
