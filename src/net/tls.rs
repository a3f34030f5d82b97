//! TLS: certificates from files, read again when the files change.

use std::{
    fmt, fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};

/// A file of certificates longer than this is not one; the whole trust store of a distribution has a quarter of it.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Where certificates are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsSettings {
    /// Ours, with those between it and its authority, in PEM.
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// Authorities whose certificates clients may show on TLS listeners; `None`: nobody is asked for one.
    pub client_authorities: Option<PathBuf>,
    /// Whoever shows none is turned away.
    pub client_required: bool,
    /// Authorities that vouch for the carriers we connect to.
    pub trusted: PathBuf,
}

/// What can't be used, and why.
#[derive(Debug)]
pub struct TlsError {
    path: PathBuf,
    why: String,
}

impl TlsError {
    /// The file at fault.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn new(path: &Path) -> impl Fn(&dyn fmt::Display) -> Self {
        let path = path.to_owned();
        move |why| Self { path: path.clone(), why: why.to_string() }
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.why)
    }
}

impl std::error::Error for TlsError {}

/// All of TLS for one switch. Files are looked at before each handshake, and read only when one has changed; what can't
/// be read then changes nothing and is logged once.
pub struct Tls {
    settings: TlsSettings,
    ours: Mutex<Kept<Ours>>,
    theirs: Mutex<Option<Kept<Arc<ClientConfig>>>>,
}

#[derive(Clone)]
struct Ours {
    /// For phones and carriers, who may be asked for a certificate.
    phones: Arc<ServerConfig>,
    /// For browsers, who would ask their user for one.
    browsers: Arc<ServerConfig>,
}

struct Kept<T> {
    stamp: Stamp,
    value: T,
}

/// What changes when a file is written or replaced.
type Stamp = Vec<Option<(u64, i64, i64, u64)>>;

fn stamp(files: &[&Path]) -> Stamp {
    let one = |path: &&Path| {
        let found = fs::metadata(path).ok()?;
        Some((found.ino(), found.mtime(), found.mtime_nsec(), found.len()))
    };
    files.iter().map(one).collect()
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads our own certificate; the authorities of others are read when they are needed.
    pub fn new(settings: TlsSettings) -> Result<Self, TlsError> {
        let ours = Kept { stamp: stamp(&settings.own_files()), value: settings.read_ours()? };
        Ok(Self { settings, ours: Mutex::new(ours), theirs: Mutex::default() })
    }

    pub fn for_phones(&self) -> Arc<ServerConfig> {
        self.ours().phones
    }

    pub fn for_browsers(&self) -> Arc<ServerConfig> {
        self.ours().browsers
    }

    fn ours(&self) -> Ours {
        let mut kept = self.ours.lock().unwrap_or_else(PoisonError::into_inner);
        let now = stamp(&self.settings.own_files());
        if now != kept.stamp {
            kept.stamp = now;
            match self.settings.read_ours() {
                Ok(value) => {
                    tracing::info!(certificate = %self.settings.certificate.display(), "the certificate was read again");
                    kept.value = value;
                }
                Err(error) => {
                    metrics::counter!("tls_certificate_errors_total").increment(1);
                    tracing::error!(%error, "the changed certificate can't be used; the one before stays");
                }
            }
        }
        kept.value.clone()
    }

    /// For connections that we make.
    pub fn for_carriers(&self) -> Result<Arc<ClientConfig>, TlsError> {
        let mut kept = self.theirs.lock().unwrap_or_else(PoisonError::into_inner);
        let now = stamp(&self.settings.carrier_files());
        if let Some(kept) = &*kept
            && kept.stamp == now
        {
            return Ok(Arc::clone(&kept.value));
        }
        let value = self.settings.read_theirs()?;
        *kept = Some(Kept { stamp: now, value: Arc::clone(&value) });
        Ok(value)
    }
}

impl TlsSettings {
    fn own_files(&self) -> Vec<&Path> {
        [Some(&self.certificate), Some(&self.key), self.client_authorities.as_ref()]
            .into_iter()
            .flatten()
            .map(PathBuf::as_path)
            .collect()
    }

    fn carrier_files(&self) -> [&Path; 3] {
        [&self.trusted, &self.certificate, &self.key]
    }

    fn read_ours(&self) -> Result<Ours, TlsError> {
        let wrong = TlsError::new(&self.certificate);
        let builder = || {
            ServerConfig::builder_with_provider(provider())
                .with_protocol_versions(rustls::DEFAULT_VERSIONS)
                .map_err(|error| wrong(&error))
        };
        let browsers = builder()?
            .with_no_client_auth()
            .with_single_cert(certificates(&self.certificate)?, private_key(&self.key)?)
            .map_err(|error| wrong(&error))?;
        let phones = match &self.client_authorities {
            None => browsers.clone(),
            Some(file) => {
                let wrong_ca = TlsError::new(file);
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(authorities(file)?), provider());
                let verifier = if self.client_required { verifier } else { verifier.allow_unauthenticated() };
                builder()?
                    .with_client_cert_verifier(verifier.build().map_err(|error| wrong_ca(&error))?)
                    .with_single_cert(certificates(&self.certificate)?, private_key(&self.key)?)
                    .map_err(|error| wrong(&error))?
            }
        };
        Ok(Ours { phones: Arc::new(phones), browsers: Arc::new(browsers) })
    }

    /// Our own certificate is shown to carriers that ask for one.
    fn read_theirs(&self) -> Result<Arc<ClientConfig>, TlsError> {
        let wrong = TlsError::new(&self.certificate);
        let config = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(rustls::DEFAULT_VERSIONS)
            .map_err(|error| wrong(&error))?
            .with_root_certificates(authorities(&self.trusted)?)
            .with_client_auth_cert(certificates(&self.certificate)?, private_key(&self.key)?)
            .map_err(|error| wrong(&error))?;
        Ok(Arc::new(config))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let wrong = TlsError::new(path);
    let length = fs::metadata(path).map_err(|error| wrong(&error))?.len();
    if length > FILE_BYTES_MAX {
        return Err(wrong(&"too long for a file of certificates"));
    }
    fs::read(path).map_err(|error| wrong(&error))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let wrong = TlsError::new(path);
    let found: Vec<_> =
        CertificateDer::pem_slice_iter(&read(path)?).collect::<Result<_, _>>().map_err(|error| wrong(&error))?;
    if found.is_empty() {
        return Err(wrong(&"no certificate in it (expected PEM: -----BEGIN CERTIFICATE-----)"));
    }
    Ok(found)
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let wrong = TlsError::new(path);
    PrivateKeyDer::from_pem_slice(&read(path)?).map_err(|error| wrong(&error))
}

/// Whether a file of authorities can be used.
pub fn check_authorities(path: &Path) -> Result<(), TlsError> {
    authorities(path).map(drop)
}

fn authorities(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates(path)?);
    if roots.is_empty() {
        return Err(TlsError::new(path)(&"no authority in it that can be used"));
    }
    Ok(roots)
}

impl From<TlsError> for io::Error {
    fn from(error: TlsError) -> Self {
        Self::other(error.to_string())
    }
}
