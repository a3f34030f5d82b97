//! The one certificate that all browsers' legs show.

use std::{io, sync::Arc, time::Duration};

use rtc_dtls::{
    config::{ClientAuthType, ConfigBuilder, ExtendedMasterSecretType, HandshakeConfig},
    crypto::Certificate,
};
use sha2::{Digest, Sha256};

use crate::media::link::{Fingerprint, Handshake};

/// Before a flight of the handshake is sent again. The peer has just answered a check: it is near.
const FLIGHT: Duration = Duration::from_millis(250);

/// Who we are in a handshake: made at each start, known by its fingerprint in the description.
pub struct Identity {
    pub fingerprint: Fingerprint,
    /// What rtc-dtls counts its time from: its clock is the system's, ours is handed in.
    pub epoch: std::time::Instant,
    begin: Arc<HandshakeConfig>,
    awaits: Arc<HandshakeConfig>,
}

impl Identity {
    pub fn make() -> io::Result<Self> {
        let provider = rtc_dtls::crypto_provider::default_provider().map_err(io::Error::other)?;
        let names = vec![String::from("strowger")];
        let certificate = Certificate::generate_self_signed(names, provider.crypto()).map_err(io::Error::other)?;
        let shown = certificate.certificate.first().ok_or(io::ErrorKind::InvalidData)?;
        let fingerprint = fingerprint(shown);
        let config = |begins| {
            ConfigBuilder::default()
                .with_crypto_provider(Arc::clone(&provider))
                .with_certificates(vec![certificate.clone()])
                .with_srtp_protection_profiles(super::handshake::profiles())
                .with_client_auth(ClientAuthType::RequireAnyClientCert)
                .with_extended_master_secret(ExtendedMasterSecretType::Require)
                .with_flight_interval(FLIGHT)
                // Sent to nobody who checks it; unset, the crate warns at each start.
                .with_server_name(String::from("strowger"))
                // Nobody vouches for a browser's certificate but its fingerprint, which we compare ourselves.
                .with_insecure_skip_verify(true)
                .build(begins, None)
                .map(Arc::new)
                .map_err(io::Error::other)
        };
        #[expect(clippy::disallowed_methods, reason = "a moment to count from, whichever")]
        let epoch = std::time::Instant::now();
        Ok(Self { fingerprint, epoch, begin: config(true)?, awaits: config(false)? })
    }

    pub fn config(&self, part: Handshake) -> Arc<HandshakeConfig> {
        Arc::clone(match part {
            Handshake::Begin => &self.begin,
            Handshake::Await => &self.awaits,
        })
    }
}

pub fn fingerprint(certificate: &[u8]) -> Fingerprint {
    Fingerprint(Sha256::digest(certificate).into())
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Identity({})", self.fingerprint)
    }
}
