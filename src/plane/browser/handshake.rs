//! The door to rtc-dtls: one DTLS association, from which SRTP keys come (RFC 5764). Nobody else names that crate, so
//! that another can take its place.
//!
//! What it can't be trusted with is kept from it here: see [`wanted`].

use std::net::SocketAddr;

use bytes::BytesMut;
use rtc_dtls::{
    endpoint::{Endpoint, EndpointEvent},
    extension::extension_use_srtp::SrtpProtectionProfile,
    state::State,
};

use super::certificate::{Identity, fingerprint};
use crate::{
    base::{Instant, Private},
    media::{
        KEY_BYTES, Security, Suite,
        link::{Fingerprint, Handshake},
    },
};

const KEY: usize = 16;

/// rtc-dtls keeps associations by address. Ours has one each, and it stays the same when ICE finds another way.
const PEER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1);

/// One DTLS association.
pub struct Association {
    endpoint: Endpoint,
    /// The peer's certificate must be this one.
    expected: Fingerprint,
    part: Handshake,
    epoch: std::time::Instant,
    has_begun: bool,
    has_keys: bool,
}

/// What a datagram brought.
#[derive(Debug)]
pub enum Progress {
    Nothing,
    Keys(Security),
    /// It is somebody else, or nothing that we could protect sound with.
    Refused,
}

/// How sound may be protected, in the order of our preference.
const PROFILES: [(SrtpProtectionProfile, Suite); 3] = [
    (SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm, Suite::Sealed),
    (SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80, Suite::Long),
    (SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_32, Suite::Short),
];

pub fn profiles() -> Vec<SrtpProtectionProfile> {
    PROFILES.iter().map(|(profile, _)| *profile).collect()
}

impl Association {
    pub fn new(identity: &Identity, expected: Fingerprint, part: Handshake) -> Self {
        let server = (part == Handshake::Await).then(|| identity.config(part));
        let endpoint = Endpoint::new(PEER, Default::default(), server);
        Self { endpoint, expected, part, epoch: identity.epoch, has_begun: false, has_keys: false }
    }

    /// Says the first word, if that is ours to say and has not been said.
    pub fn begin(&mut self, now: Instant, identity: &Identity) {
        if self.part == Handshake::Begin && !self.has_begun {
            self.has_begun = true;
            // It fails only by a configuration that can't be; then no handshake comes about, and the leg ends.
            let _ = self.endpoint.connect(self.clock(now), PEER, identity.config(self.part), None);
        }
    }

    /// A datagram of the peer.
    pub fn handle(&mut self, now: Instant, datagram: &[u8]) -> Progress {
        let records = wanted(datagram);
        if records.is_empty() {
            return Progress::Nothing;
        }
        // An error is about that datagram, which may be forged. What is lost by it is sent again.
        let events = self.endpoint.read(self.clock(now), PEER, None, records).unwrap_or_default();
        let is_complete = events.iter().any(|event| matches!(event, EndpointEvent::HandshakeComplete));
        if !is_complete || self.has_keys {
            return Progress::Nothing;
        }
        let keys = self.endpoint.get_connection_state(PEER).and_then(|state| keys(state, self.expected));
        self.has_keys = keys.is_some();
        keys.map_or(Progress::Refused, Progress::Keys)
    }

    pub fn poll_transmit(&mut self) -> Option<BytesMut> {
        self.endpoint.poll_transmit().map(|sent| sent.message)
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        let due = self.endpoint.poll_timeout(&PEER)?;
        Some(Instant::ZERO + due.saturating_duration_since(self.epoch))
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        // When it has sent often enough it says so; the leg's own limit ends it.
        let _ = self.endpoint.handle_timeout(PEER, self.clock(now));
    }

    /// Tells the peer that it is over.
    pub fn close(&mut self, now: Instant) {
        let _ = self.endpoint.close(self.clock(now));
    }

    pub const fn has_keys(&self) -> bool {
        self.has_keys
    }

    fn clock(&self, now: Instant) -> std::time::Instant {
        self.epoch + now.since(Instant::ZERO)
    }
}

/// The records of a datagram that rtc-dtls may see. A ChangeCipherSpec under encryption can only be forged, and makes it
/// send a fatal alert (THREATS, "one forged DTLS ChangeCipherSpec"); an alert in the clear proves nothing either.
fn wanted(datagram: &[u8]) -> BytesMut {
    const RECORD: usize = 13;
    let (change_cipher_spec, alert) = (20, 21);
    let mut records = BytesMut::with_capacity(datagram.len());
    let mut rest = datagram;
    while let Some(head) = rest.get(..RECORD) {
        let (kind, epoch) = (head[0], u16::from_be_bytes([head[3], head[4]]));
        let end = RECORD + usize::from(u16::from_be_bytes([head[11], head[12]]));
        let Some(record) = rest.get(..end) else { break };
        let is_forged = if epoch == 0 { kind == alert } else { kind == change_cipher_spec };
        if !is_forged {
            records.extend_from_slice(record);
        }
        rest = rest.get(end..).unwrap_or_default();
    }
    records
}

/// The keys of a handshake with the holder of that certificate (RFC 5764 4.2).
fn keys(state: &State, expected: Fingerprint) -> Option<Security> {
    let shown = state.peer_certificates.first()?;
    if fingerprint(shown) != expected {
        return None;
    }
    let profile = state.srtp_protection_profile();
    let (_, suite) = PROFILES.into_iter().find(|(known, _)| *known == profile)?;
    let salt_bytes = suite.key_bytes() - KEY;
    let material = state.export_keying_material("EXTRACTOR-dtls_srtp", &[], 2 * suite.key_bytes()).ok()?;
    let material = material.as_ref();
    // The client's key, the server's, the client's salt, the server's.
    let half = |key: usize, salt: usize| -> Option<Private<[u8; KEY_BYTES]>> {
        let mut half = [0; KEY_BYTES];
        half[..KEY].copy_from_slice(material.get(key..key + KEY)?);
        half[KEY..suite.key_bytes()].copy_from_slice(material.get(salt..salt + salt_bytes)?);
        Some(Private::new(half))
    };
    let (client, server) = (half(0, 2 * KEY)?, half(KEY, 2 * KEY + salt_bytes)?);
    let (ours, theirs) = if state.is_client() { (client, server) } else { (server, client) };
    Some(Security { suite, ours, theirs, mki: 0 })
}
