//! STUN (RFC 8489) as far as ICE (RFC 8445) and phones behind NAT use it: the binding request and its answers.
//!
//! Reading borrows from the datagram, writing goes to a buffer of a fixed size: nothing here allocates.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use hmac::{Hmac, Mac};
use sha1::Sha1;

/// The longest datagram that is read: a request with both user fragments at their longest stays below.
pub const READ_MAX: usize = 1_280;

/// The longest that is written.
pub const WRITE_MAX: usize = 704;

/// A user fragment is 4 to 256 characters (RFC 8445 5.3); so is half of USERNAME.
pub const FRAGMENT_MAX: usize = 256;

const COOKIE: [u8; 4] = 0x2112_A442_u32.to_be_bytes();
const HEADER: usize = 20;
const INTEGRITY: usize = 20;
const FINGERPRINT_MASK: u32 = 0x5354_554e;

/// Of one request and its answer.
pub type TransactionId = [u8; 12];

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    Request,
    Indication,
    Success,
    Error,
}

/// Who nominates, as a check says it, with what decides when both want to (RFC 8445 7.1.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    Controlling(u64),
    Controlled(u64),
}

/// A binding message as read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Message<'a> {
    octets: &'a [u8],
    pub class: Class,
    pub transaction: TransactionId,
    /// `theirs:ours`: the receiver's user fragment first.
    pub username: Option<&'a str>,
    pub priority: Option<u32>,
    pub use_candidate: bool,
    pub role: Option<Role>,
    pub mapped: Option<SocketAddr>,
    pub error: Option<u16>,
    /// Attributes that must be understood: some, and some that we don't know.
    pub has_required: bool,
    pub has_unknown: bool,
    /// Where MESSAGE-INTEGRITY begins.
    integrity: Option<usize>,
}

/// Whether a datagram is STUN at all (RFC 7983 7 beside RTP; no SIP begins with an octet under 4 either).
pub fn is_stun(datagram: &[u8]) -> bool {
    datagram.len() >= HEADER && datagram.first().is_some_and(|octet| *octet < 4) && datagram.get(4..8) == Some(&COOKIE)
}

impl<'a> Message<'a> {
    /// `None` for what is no whole binding message.
    pub fn parse(octets: &'a [u8]) -> Option<Self> {
        if !is_stun(octets) || octets.len() > READ_MAX {
            return None;
        }
        let length = usize::from(word(octets, 2)?);
        if octets.len() != HEADER + length || !length.is_multiple_of(4) {
            return None;
        }
        let class = match word(octets, 0)? {
            0x0001 => Class::Request,
            0x0011 => Class::Indication,
            0x0101 => Class::Success,
            0x0111 => Class::Error,
            _ => return None,
        };
        let mut message = Self {
            octets,
            class,
            transaction: *octets.get(8..HEADER)?.first_chunk()?,
            username: None,
            priority: None,
            use_candidate: false,
            role: None,
            mapped: None,
            error: None,
            has_required: false,
            has_unknown: false,
            integrity: None,
        };
        let mut at = HEADER;
        while at < octets.len() {
            let (kind, length) = (word(octets, at)?, usize::from(word(octets, at + 2)?));
            let value = octets.get(at + 4..at + 4 + length)?;
            message.attribute(at, kind, value)?;
            at += 4 + length.next_multiple_of(4);
        }
        (at == octets.len()).then_some(message)
    }

    /// Whether whoever wrote it has the password.
    pub fn is_signed_with(&self, password: &str) -> bool {
        let Some(at) = self.integrity else { return false };
        let (Some(signed), Some(tag)) = (self.octets.get(..at), self.octets.get(at + 4..at + 4 + INTEGRITY)) else {
            return false;
        };
        signature(password, signed, at).is_some_and(|mac| mac.verify_slice(tag).is_ok())
    }

    /// Our fragment and theirs, of a request.
    pub fn fragments(&self) -> Option<(&'a str, &'a str)> {
        self.username?.split_once(':')
    }

    fn attribute(&mut self, at: usize, kind: u16, value: &'a [u8]) -> Option<()> {
        // What follows the signature is not signed: the fingerprint alone may (RFC 8489 14.5).
        if self.integrity.is_some() && kind != 0x8028 {
            return Some(());
        }
        self.has_required |= kind < 0x8000;
        match kind {
            0x0006 => self.username = Some(std::str::from_utf8(value).ok().filter(|text| text.len() <= 513)?),
            0x0008 if value.len() == INTEGRITY => self.integrity = Some(at),
            0x0009 => self.error = Some(u16::from(*value.get(2)? & 7) * 100 + u16::from(*value.get(3)?)),
            0x0020 => self.mapped = Some(unmask(value, &self.transaction)?),
            0x0024 => self.priority = Some(u32::from_be_bytes(*value.first_chunk()?)),
            0x0025 => self.use_candidate = true,
            0x8029 => self.role = Some(Role::Controlled(u64::from_be_bytes(*value.first_chunk()?))),
            0x802a => self.role = Some(Role::Controlling(u64::from_be_bytes(*value.first_chunk()?))),
            0x8028 => {
                let told = u32::from_be_bytes(*value.first_chunk()?);
                return (told == crc32(self.octets.get(..at)?) ^ FINGERPRINT_MASK).then_some(());
            }
            0x0000..0x8000 => self.has_unknown = true,
            0x8000.. => {}
        }
        Some(())
    }
}

/// A binding message in the making; attributes that have no room are left out.
#[derive(Clone, Copy, Debug)]
pub struct Writer {
    octets: [u8; WRITE_MAX],
    len: usize,
}

impl Writer {
    pub fn new(class: Class, transaction: TransactionId) -> Self {
        let mut octets = [0; WRITE_MAX];
        let kind: u16 = match class {
            Class::Request => 0x0001,
            Class::Indication => 0x0011,
            Class::Success => 0x0101,
            Class::Error => 0x0111,
        };
        octets[..2].copy_from_slice(&kind.to_be_bytes());
        octets[4..8].copy_from_slice(&COOKIE);
        octets[8..HEADER].copy_from_slice(&transaction);
        Self { octets, len: HEADER }
    }

    /// Of a check: the receiver's fragment, then ours.
    pub fn username(mut self, theirs: &str, ours: &str) -> Self {
        let mut value = [0; 2 * FRAGMENT_MAX + 1];
        let len = theirs.len() + 1 + ours.len();
        if let Some(value) = value.get_mut(..len) {
            let (first, second) = value.split_at_mut(theirs.len());
            first.copy_from_slice(theirs.as_bytes());
            second[0] = b':';
            second[1..].copy_from_slice(ours.as_bytes());
            self.put(0x0006, value);
        }
        self
    }

    pub fn priority(mut self, priority: u32) -> Self {
        self.put(0x0024, &priority.to_be_bytes());
        self
    }

    pub fn use_candidate(mut self, nominates: bool) -> Self {
        if nominates {
            self.put(0x0025, &[]);
        }
        self
    }

    pub fn role(mut self, role: Role) -> Self {
        match role {
            Role::Controlled(tie_breaker) => self.put(0x8029, &tie_breaker.to_be_bytes()),
            Role::Controlling(tie_breaker) => self.put(0x802a, &tie_breaker.to_be_bytes()),
        }
        self
    }

    /// XOR-MAPPED-ADDRESS: where the request came from.
    pub fn mapped(mut self, address: SocketAddr) -> Self {
        let mut value = [0; 20];
        let mask = mask(self.octets.get(8..HEADER).and_then(|id| id.first_chunk()).copied().unwrap_or_default());
        value[2..4].copy_from_slice(&address.port().to_be_bytes());
        value[2] ^= mask[0];
        value[3] ^= mask[1];
        let len = match address.ip().to_canonical() {
            IpAddr::V4(ip) => {
                value[1] = 1;
                value[4..8].copy_from_slice(&ip.octets());
                8
            }
            IpAddr::V6(ip) => {
                value[1] = 2;
                value[4..].copy_from_slice(&ip.octets());
                20
            }
        };
        value[4..].iter_mut().zip(mask).for_each(|(octet, mask)| *octet ^= mask);
        self.put(0x0020, &value[..len]);
        self
    }

    /// ERROR-CODE, without words.
    pub fn error(mut self, code: u16) -> Self {
        self.put(0x0009, &[0, 0, (code / 100) as u8, (code % 100) as u8]);
        self
    }

    /// Signs it with the password and closes it with the fingerprint.
    pub fn sign(mut self, password: &str) -> Self {
        self.set_length(self.len + 4 + INTEGRITY - HEADER);
        let tag = signature(password, &self.octets[..self.len], self.len).map(|mac| mac.finalize().into_bytes());
        if let Some(tag) = tag {
            self.put(0x0008, &tag);
        }
        self.set_length(self.len + 8 - HEADER);
        let print = crc32(&self.octets[..self.len]) ^ FINGERPRINT_MASK;
        self.put(0x8028, &print.to_be_bytes());
        self
    }

    pub fn octets(&self) -> &[u8] {
        &self.octets[..self.len]
    }

    fn put(&mut self, kind: u16, value: &[u8]) {
        let end = self.len + 4 + value.len().next_multiple_of(4);
        let Some(room) = self.octets.get_mut(self.len..end) else { return };
        room[..2].copy_from_slice(&kind.to_be_bytes());
        room[2..4].copy_from_slice(&(value.len() as u16).to_be_bytes());
        room[4..4 + value.len()].copy_from_slice(value);
        self.len = end;
        self.set_length(end - HEADER);
    }

    fn set_length(&mut self, length: usize) {
        self.octets[2..4].copy_from_slice(&(length as u16).to_be_bytes());
    }
}

/// The MAC of a message up to the signature at `at`, with the length that the message has with it (RFC 8489 14.5).
fn signature(password: &str, signed: &[u8], at: usize) -> Option<Hmac<Sha1>> {
    let mut mac = <Hmac<Sha1> as Mac>::new_from_slice(password.as_bytes()).ok()?;
    mac.update(signed.get(..2)?);
    mac.update(&((at + 4 + INTEGRITY - HEADER) as u16).to_be_bytes());
    mac.update(signed.get(4..)?);
    Some(mac)
}

fn word(octets: &[u8], at: usize) -> Option<u16> {
    octets.get(at..)?.first_chunk().map(|word| u16::from_be_bytes(*word))
}

/// What an address is masked with: the cookie and the transaction.
fn mask(transaction: TransactionId) -> [u8; 16] {
    let mut mask = [0; 16];
    mask[..4].copy_from_slice(&COOKIE);
    mask[4..].copy_from_slice(&transaction);
    mask
}

fn unmask(value: &[u8], transaction: &TransactionId) -> Option<SocketAddr> {
    let mask = mask(*transaction);
    let port = word(value, 2)? ^ u16::from_be_bytes([mask[0], mask[1]]);
    let ip: IpAddr = match value.get(1)? {
        1 => {
            let mut octets: [u8; 4] = *value.get(4..)?.first_chunk()?;
            octets.iter_mut().zip(mask).for_each(|(octet, mask)| *octet ^= mask);
            Ipv4Addr::from(octets).into()
        }
        2 => {
            let mut octets: [u8; 16] = *value.get(4..)?.first_chunk()?;
            octets.iter_mut().zip(mask).for_each(|(octet, mask)| *octet ^= mask);
            Ipv6Addr::from(octets).into()
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

/// Of ISO 3309, as the fingerprint uses it (RFC 8489 14.7).
fn crc32(octets: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut at = 0;
        while at < 256 {
            let (mut value, mut bit) = (at as u32, 0);
            while bit < 8 {
                value = if value & 1 == 1 { value >> 1 ^ 0xedb8_8320 } else { value >> 1 };
                bit += 1;
            }
            table[at] = value;
            at += 1;
        }
        table
    };
    !octets.iter().fold(u32::MAX, |crc, octet| crc >> 8 ^ TABLE[usize::from(crc as u8 ^ octet)])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 5769 2.1: a request with everything that ICE puts in it.
    const SAMPLE: &str = "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74\
        002400046e0001ff80290008932ff9b151263b36000600096576746a3a68367659202020\
        000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf";
    const PASSWORD: &str = "VOkJxbRl1RmTxUk/WvJxBt";

    fn sample() -> Vec<u8> {
        hex::decode(SAMPLE.replace(char::is_whitespace, "")).unwrap()
    }

    /// SW-09: the RFC's own request is read, and believed only with its password.
    #[test]
    fn sw_09_the_request_of_rfc_5769() {
        let octets = sample();
        let message = Message::parse(&octets).unwrap();
        assert_eq!((message.class, message.fragments()), (Class::Request, Some(("evtj", "h6vY"))));
        assert_eq!(message.priority, Some(0x6e00_01ff));
        assert_eq!(message.role, Some(Role::Controlled(0x932f_f9b1_5126_3b36)));
        assert!(message.is_signed_with(PASSWORD));
        assert!(!message.is_signed_with("VOkJxbRl1RmTxUk/WvJxBs"));
        // The fingerprint at the end tells STUN from other things; it proves nothing, and may be missing.
        for at in 0..octets.len() - 8 {
            let mut changed = octets.clone();
            changed[at] ^= 1;
            let believed = Message::parse(&changed).is_some_and(|message| message.is_signed_with(PASSWORD));
            assert!(!believed, "octet {at} changed");
            assert!(Message::parse(&octets[..at]).is_none(), "cut at {at}");
        }
    }

    /// RFC 5769 2.2 and 2.3: answers to it, IPv4 and IPv6, octet for octet what we write.
    #[test]
    fn what_is_written_is_read() {
        let id = *b"transaction1";
        for address in ["192.0.2.1:32853", "[2001:db8:1234:5678:11:2233:4455:6677]:32853"] {
            let address: SocketAddr = address.parse().unwrap();
            let written = Writer::new(Class::Success, id).mapped(address).sign(PASSWORD);
            let read = Message::parse(written.octets()).unwrap();
            assert_eq!((read.class, read.mapped, read.transaction), (Class::Success, Some(address), id));
            assert!(read.is_signed_with(PASSWORD));
        }
        let (long, other) = ("a".repeat(FRAGMENT_MAX), "b".repeat(FRAGMENT_MAX));
        let written = Writer::new(Class::Request, id)
            .username(&long, &other)
            .priority(7)
            .use_candidate(true)
            .role(Role::Controlling(9))
            .sign(PASSWORD);
        let read = Message::parse(written.octets()).unwrap();
        assert_eq!(read.fragments(), Some((&*long, &*other)));
        assert!(read.use_candidate && read.role == Some(Role::Controlling(9)) && read.is_signed_with(PASSWORD));
        let written = Writer::new(Class::Error, id).error(487).sign(PASSWORD);
        assert_eq!(Message::parse(written.octets()).unwrap().error, Some(487));
    }

    /// What comes after the signature could be anybody's.
    #[test]
    fn what_is_not_signed_is_not_read() {
        let mut octets = Writer::new(Class::Request, *b"transaction1").sign(PASSWORD).octets().to_vec();
        octets.truncate(octets.len() - 8);
        octets.extend([0x00, 0x25, 0, 0]);
        let length = (octets.len() - HEADER) as u16;
        octets[2..4].copy_from_slice(&length.to_be_bytes());
        let read = Message::parse(&octets).unwrap();
        assert!(!read.use_candidate);
    }
}
