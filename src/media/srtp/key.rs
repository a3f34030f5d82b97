//! The keys of one direction: counter mode with HMAC-SHA1 (RFC 3711 4), or AES-GCM (RFC 7714).

use aes::{
    Aes128,
    cipher::{InnerIvInit, KeyInit, StreamCipher, generic_array::GenericArray},
};
use aes_gcm::{Aes128Gcm, aead::AeadInPlace};
use hmac::{Hmac, Mac};
use sha1::Sha1;
use subtle::ConstantTimeEq;

use super::{KEY_BYTES, Suite};

/// Octets of a master key without its salt.
const MASTER_BYTES: usize = 16;

const SALT_BYTES: usize = 14;

/// AES-GCM's salt, its nonce, and its tag, which stands for RTP and RTCP alike.
const NONCE_BYTES: usize = 12;
const SEAL_BYTES: usize = 16;

pub const INDEX_BYTES: usize = 4;

/// SRTCP's tag is long in both suites that have a tag of their own (RFC 4568 6.2.1.2).
const TAG_RTCP: usize = 10;

/// What protection adds at most: SRTCP's index and a seal.
pub const TAIL_MAX: usize = INDEX_BYTES + SEAL_BYTES;

/// RTCP's first words, with the sender, are never encrypted.
const RTCP_HEAD: usize = 8;

/// What RFC 3711 4.3 derives from a master key.
pub struct Keys {
    pub rtp: SessionKey,
    pub rtcp: SessionKey,
}

pub enum SessionKey {
    Counter(CounterKey),
    Sealed(SealedKey),
}

pub struct CounterKey {
    cipher: Aes128,
    salt: [u8; SALT_BYTES],
    mac: Hmac<Sha1>,
    /// Octets of an RTP packet's tag.
    tag: usize,
}

pub struct SealedKey {
    cipher: Aes128Gcm,
    salt: [u8; NONCE_BYTES],
}

impl Keys {
    pub fn new(master: &[u8; KEY_BYTES], suite: Suite) -> Self {
        let (mut key, mut salt) = ([0; MASTER_BYTES], [0; SALT_BYTES]);
        key.copy_from_slice(&master[..MASTER_BYTES]);
        // A shorter salt is filled with zeros (RFC 7714 11).
        let salted = suite.key_bytes() - MASTER_BYTES;
        salt[..salted].copy_from_slice(&master[MASTER_BYTES..suite.key_bytes()]);
        let master = Aes128::new(&GenericArray::from(key));
        Self { rtp: SessionKey::derive(&master, salt, suite, 0), rtcp: SessionKey::derive(&master, salt, suite, 3) }
    }
}

impl SessionKey {
    /// Three keys by the labels from `first` on.
    fn derive(master: &Aes128, master_salt: [u8; SALT_BYTES], suite: Suite, first: u8) -> Self {
        let (mut key, mut auth, mut salt) = ([0; MASTER_BYTES], [0; 20], [0; SALT_BYTES]);
        for (label, out) in [(0, &mut key[..]), (1, &mut auth[..]), (2, &mut salt[..])] {
            let mut seed = master_salt;
            seed[7] ^= first + label;
            counter_mode(master, seed, out);
        }
        let tag = match suite {
            Suite::Long => 10,
            Suite::Short => 4,
            Suite::Sealed => {
                let mut nonce = [0; NONCE_BYTES];
                nonce.copy_from_slice(&salt[..NONCE_BYTES]);
                return Self::Sealed(SealedKey::new(&key, nonce));
            }
        };
        // HMAC pads a short key with zeros to a block (RFC 2104 2).
        let mut block = [0; 64];
        block[..auth.len()].copy_from_slice(&auth);
        let mac = <Hmac<Sha1> as Mac>::new(&GenericArray::from(block));
        Self::Counter(CounterKey { cipher: Aes128::new(&GenericArray::from(key)), salt, mac, tag })
    }

    /// What it adds to an RTP packet.
    pub const fn tail(&self) -> usize {
        match self {
            Self::Counter(key) => key.tag,
            Self::Sealed(_) => SEAL_BYTES,
        }
    }

    /// Octets of an RTP packet that stand behind a key identifier: AES-GCM's seal is part of what is encrypted.
    pub const fn behind_mki(&self) -> usize {
        match self {
            Self::Counter(key) => key.tag,
            Self::Sealed(_) => 0,
        }
    }

    /// The same of an RTCP packet.
    pub const fn behind_mki_rtcp(&self) -> usize {
        match self {
            Self::Counter(_) => TAG_RTCP,
            Self::Sealed(_) => 0,
        }
    }

    /// Protects the first `len` octets, of which those from `start` on are encrypted; tells the new length.
    pub fn protect(&self, packet: &mut [u8], start: usize, len: usize, ssrc: u32, index: u64) -> Option<usize> {
        let end = len + self.tail();
        match self {
            Self::Counter(key) => {
                key.crypt(ssrc, index, packet.get_mut(start..len)?);
                let tag = key.sign(packet.get(..len)?, &rollover(index));
                packet.get_mut(len..end)?.copy_from_slice(tag.get(..key.tag)?);
            }
            Self::Sealed(key) => {
                let (head, rest) = packet.get_mut(..end)?.split_at_mut_checked(start)?;
                let (body, tail) = rest.split_at_mut_checked(len.checked_sub(start)?)?;
                tail.copy_from_slice(&key.seal(key.nonce(ssrc, index), head, body)?);
            }
        }
        Some(end)
    }

    /// Checks a whole packet and decrypts it in place; tells its length without the tag. Nothing is changed when it is not
    /// authentic.
    pub fn unprotect(&self, packet: &mut [u8], start: usize, ssrc: u32, index: u64) -> Option<usize> {
        let len = packet.len().checked_sub(self.tail())?;
        match self {
            Self::Counter(key) => {
                let (plain, tag) = packet.split_at_mut_checked(len)?;
                let wanted = key.sign(plain, &rollover(index));
                if !bool::from(wanted.get(..key.tag)?.ct_eq(tag)) {
                    return None;
                }
                key.crypt(ssrc, index, plain.get_mut(start..)?);
            }
            Self::Sealed(key) => {
                let (head, rest) = packet.split_at_mut_checked(start)?;
                let (body, tail) = rest.split_at_mut_checked(len.checked_sub(start)?)?;
                key.open(key.nonce(ssrc, index), head, body, tail)?;
            }
        }
        Some(len)
    }

    /// Protects an RTCP compound of `len` octets; tells the new length.
    pub fn protect_rtcp(&self, packet: &mut [u8], len: usize, ssrc: u32, index: u32) -> Option<usize> {
        let word = (index | 1 << 31).to_be_bytes();
        match self {
            Self::Counter(key) => {
                key.crypt(ssrc, u64::from(index), packet.get_mut(RTCP_HEAD..len)?);
                packet.get_mut(len..len + INDEX_BYTES)?.copy_from_slice(&word);
                let tag = key.sign(packet.get(..len + INDEX_BYTES)?, &[]);
                let end = len + INDEX_BYTES + TAG_RTCP;
                packet.get_mut(len + INDEX_BYTES..end)?.copy_from_slice(tag.get(..TAG_RTCP)?);
                Some(end)
            }
            // The index comes last here (RFC 7714 9.2).
            Self::Sealed(key) => {
                let end = len + SEAL_BYTES + INDEX_BYTES;
                let (head, rest) = packet.get_mut(..end)?.split_at_mut_checked(RTCP_HEAD)?;
                let (body, tail) = rest.split_at_mut_checked(len.checked_sub(RTCP_HEAD)?)?;
                let known = sealed_head(head, word)?;
                let seal = key.seal(key.nonce(ssrc, u64::from(index)), &known, body)?;
                tail.get_mut(..SEAL_BYTES)?.copy_from_slice(&seal);
                tail.get_mut(SEAL_BYTES..)?.copy_from_slice(&word);
                Some(end)
            }
        }
    }

    /// The index word of an RTCP packet and the length of its compound.
    pub fn rtcp_index(&self, packet: &[u8]) -> Option<(u32, usize)> {
        let tail = match self {
            Self::Counter(_) => TAG_RTCP + INDEX_BYTES,
            Self::Sealed(_) => SEAL_BYTES + INDEX_BYTES,
        };
        let len = packet.len().checked_sub(tail).filter(|len| *len >= RTCP_HEAD)?;
        let at = match self {
            Self::Counter(_) => len,
            Self::Sealed(_) => len + SEAL_BYTES,
        };
        Some((u32::from_be_bytes(*packet.get(at..)?.first_chunk()?), len))
    }

    /// Checks a whole RTCP packet and decrypts its compound of `len` octets in place.
    pub fn unprotect_rtcp(&self, packet: &mut [u8], len: usize, ssrc: u32, word: u32) -> Option<()> {
        let (index, is_encrypted) = (u64::from(word & 0x7fff_ffff), word >> 31 != 0);
        match self {
            Self::Counter(key) => {
                let (plain, tag) = packet.split_at_mut_checked(len + INDEX_BYTES)?;
                let wanted = key.sign(plain, &[]);
                if !bool::from(wanted.get(..TAG_RTCP)?.ct_eq(tag)) {
                    return None;
                }
                if is_encrypted {
                    key.crypt(ssrc, index, plain.get_mut(RTCP_HEAD..len)?);
                }
            }
            Self::Sealed(key) => {
                let (compound, tail) = packet.split_at_mut_checked(len)?;
                let (nonce, seal) = (key.nonce(ssrc, index), tail.get(..SEAL_BYTES)?);
                if is_encrypted {
                    let (head, body) = compound.split_at_mut_checked(RTCP_HEAD)?;
                    let known = sealed_head(head, word.to_be_bytes())?;
                    key.open(nonce, &known, body, seal)?;
                } else {
                    let known = [&*compound, &word.to_be_bytes()].concat();
                    key.open(nonce, &known, &mut [], seal)?;
                }
            }
        }
        Some(())
    }
}

impl CounterKey {
    fn crypt(&self, ssrc: u32, index: u64, octets: &mut [u8]) {
        let mut seed = self.salt;
        for (place, octet) in seed[4..8].iter_mut().zip(ssrc.to_be_bytes()) {
            *place ^= octet;
        }
        for (place, octet) in seed[8..].iter_mut().zip(&index.to_be_bytes()[2..]) {
            *place ^= octet;
        }
        counter_mode(&self.cipher, seed, octets);
    }

    fn sign(&self, octets: &[u8], rollover: &[u8]) -> [u8; 20] {
        let mut mac = self.mac.clone();
        mac.update(octets);
        mac.update(rollover);
        mac.finalize().into_bytes().into()
    }
}

impl SealedKey {
    fn new(key: &[u8; MASTER_BYTES], salt: [u8; NONCE_BYTES]) -> Self {
        Self { cipher: Aes128Gcm::new(&GenericArray::from(*key)), salt }
    }

    /// Two zeros, the sender, and the packet's index, with the salt over it (RFC 7714 8.1 and 9.1).
    fn nonce(&self, ssrc: u32, index: u64) -> [u8; NONCE_BYTES] {
        let mut nonce = self.salt;
        for (place, octet) in nonce[2..6].iter_mut().zip(ssrc.to_be_bytes()) {
            *place ^= octet;
        }
        for (place, octet) in nonce[6..].iter_mut().zip(&index.to_be_bytes()[2..]) {
            *place ^= octet;
        }
        nonce
    }

    fn seal(&self, nonce: [u8; NONCE_BYTES], known: &[u8], body: &mut [u8]) -> Option<[u8; SEAL_BYTES]> {
        self.cipher.encrypt_in_place_detached(&GenericArray::from(nonce), known, body).ok().map(Into::into)
    }

    fn open(&self, nonce: [u8; NONCE_BYTES], known: &[u8], body: &mut [u8], seal: &[u8]) -> Option<()> {
        let seal: [u8; SEAL_BYTES] = seal.try_into().ok()?;
        let (nonce, seal) = (GenericArray::from(nonce), GenericArray::from(seal));
        self.cipher.decrypt_in_place_detached(&nonce, known, body, &seal).ok()
    }
}

/// What is authentic without being encrypted: RTCP's head and the index word (RFC 7714 9.2).
fn sealed_head(head: &[u8], word: [u8; INDEX_BYTES]) -> Option<[u8; RTCP_HEAD + INDEX_BYTES]> {
    let mut known = [0; RTCP_HEAD + INDEX_BYTES];
    known.get_mut(..RTCP_HEAD)?.copy_from_slice(head);
    known.get_mut(RTCP_HEAD..)?.copy_from_slice(&word);
    Some(known)
}

fn rollover(index: u64) -> [u8; 4] {
    ((index >> 16) as u32).to_be_bytes()
}

/// AES in counter mode, from the first 14 octets of the counter block.
fn counter_mode(cipher: &Aes128, seed: [u8; SALT_BYTES], octets: &mut [u8]) {
    let mut start = [0; 16];
    start[..SALT_BYTES].copy_from_slice(&seed);
    let core = ctr::CtrCore::<&Aes128, ctr::flavors::Ctr128BE>::inner_iv_init(cipher, &GenericArray::from(start));
    ctr::cipher::StreamCipherCoreWrapper::from_core(core).apply_keystream(octets);
}

#[cfg(test)]
mod tests {
    use aes::cipher::BlockEncrypt;

    use super::*;

    fn hex<const N: usize>(text: &str) -> [u8; N] {
        hex::decode(text.replace(' ', "")).expect("hex").try_into().expect("its length")
    }

    /// SW-09: RFC 3711 B.2 and B.3, keystream and key derivation.
    #[test]
    fn sw_09_vectors_of_rfc_3711() {
        let cipher = Aes128::new(&GenericArray::from(hex::<16>("2B7E151628AED2A6ABF7158809CF4F3C")));
        let mut stream = [0; 48];
        counter_mode(&cipher, hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD"), &mut stream);
        let wanted =
            "E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB 41E95B3BB0A2E8DD477901E4FCA894C0";
        assert_eq!(stream, hex::<48>(wanted));
        let master = Aes128::new(&GenericArray::from(hex::<16>("E1F97A0D3E018BE0D64FA32C06DE4139")));
        let salt: [u8; 14] = hex("0EC675AD498AFEEBB6960B3AABE6");
        let SessionKey::Counter(derived) = SessionKey::derive(&master, salt, Suite::Long, 0) else {
            panic!("its kind")
        };
        assert_eq!(derived.salt, hex::<14>("30CBBC08863D8C85D49DB34A9AE1"));
        let mut block = GenericArray::from([0; 16]);
        derived.cipher.encrypt_block(&mut block);
        let mut wanted = GenericArray::from([0; 16]);
        Aes128::new(&GenericArray::from(hex::<16>("C61E7A93744F39EE10734AFE3FF7A087"))).encrypt_block(&mut wanted);
        assert_eq!(block, wanted);
        let mut auth = [0; 20];
        let mut seed = salt;
        seed[7] ^= 1;
        counter_mode(&master, seed, &mut auth);
        assert_eq!(auth, hex::<20>("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"));
    }

    /// SW-09: RFC 7714 16.1 and 17.1, 17.3, from the session key and salt on.
    #[test]
    fn sw_09_vectors_of_rfc_7714() {
        let (key, salt) = (hex("000102030405060708090a0b0c0d0e0f"), hex("517569642070726f2071756f"));
        let key = SessionKey::Sealed(SealedKey::new(&key, salt));
        let plain: [u8; 50] = hex(
            "8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976 69736120 696e2070 61727465 73207472 \
             6573",
        );
        let wire: [u8; 66] = hex(
            "8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a 51c7d19b 36de3adf \
             8833899d 7f27beb1 6a9152cf 765ee439 0cce",
        );
        let mut packet = [0; 66];
        packet[..50].copy_from_slice(&plain);
        assert_eq!(key.protect(&mut packet, 12, 50, 0x5501_a0b2, 0xf17b), Some(66));
        assert_eq!(packet, wire);
        assert_eq!(key.unprotect(&mut packet, 12, 0x5501_a0b2, 0xf17b), Some(50));
        assert_eq!(packet[..50], plain);

        let plain: [u8; 52] = hex(
            "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 deadbeef deadbeef deadbeef deadbeef \
             deadbeef",
        );
        let wire: [u8; 72] = hex(
            "81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1 730d6fda 4ce09b46 86303ded \
             0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4",
        );
        let mut packet = [0; 72];
        packet[..52].copy_from_slice(&plain);
        assert_eq!(key.protect_rtcp(&mut packet, 52, 0x4d61_7273, 0x5d4), Some(72));
        assert_eq!(packet, wire);
        assert_eq!(key.rtcp_index(&packet), Some((0x8000_05d4, 52)));
        assert!(key.unprotect_rtcp(&mut packet, 52, 0x4d61_7273, 0x8000_05d4).is_some());
        assert_eq!(packet[..52], plain);

        // In the clear, and authentic all the same.
        let tag: [u8; 20] = hex("841dd968 3dd78ec9 2ae58790 125f62b3 000005d4");
        let mut packet = [plain.as_slice(), &tag].concat();
        assert_eq!(key.rtcp_index(&packet), Some((0x5d4, 52)));
        assert!(key.unprotect_rtcp(&mut packet, 52, 0x4d61_7273, 0x5d4).is_some());
        packet[20] ^= 1;
        assert!(key.unprotect_rtcp(&mut packet, 52, 0x4d61_7273, 0x5d4).is_none());
    }
}
