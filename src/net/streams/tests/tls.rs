use std::{fs, path::PathBuf, sync::atomic::AtomicU32};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};

use super::*;
use crate::net::TlsSettings;

/// Certificates in a folder that goes away with it.
pub struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Folder {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("strowger-tls-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = Self(std::env::temp_dir().join(name));
        fs::create_dir_all(&folder.0).unwrap();
        folder.make("own");
        folder
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// A certificate for the loopback address, its own authority.
    fn make(&self, name: &str) {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed([String::from("127.0.0.1"), String::from("carrier.example")]).unwrap();
        fs::write(self.file(&format!("{name}.key")), signing_key.serialize_pem()).unwrap();
        fs::write(self.file(&format!("{name}.pem")), cert.pem()).unwrap();
    }

    fn settings(&self) -> TlsSettings {
        TlsSettings {
            certificate: self.file("own.pem"),
            key: self.file("own.key"),
            client_authorities: None,
            client_required: false,
            trusted: self.file("own.pem"),
        }
    }

    pub fn tls(&self) -> Arc<Tls> {
        Arc::new(Tls::new(self.settings()).unwrap())
    }

    /// One that trusts our certificate, and shows `certificate` when it is asked.
    pub fn client(&self, certificate: Option<&str>) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.file("own.pem")).unwrap()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(rustls::DEFAULT_VERSIONS)
            .unwrap()
            .with_root_certificates(roots);
        Arc::new(match certificate {
            None => builder.with_no_client_auth(),
            Some(name) => {
                let chain = vec![CertificateDer::from_pem_file(self.file(&format!("{name}.pem"))).unwrap()];
                let key = PrivateKeyDer::from_pem_file(self.file(&format!("{name}.key"))).unwrap();
                builder.with_client_auth_cert(chain, key).unwrap()
            }
        })
    }
}

type Secured = StreamOwned<ClientConnection, StdStream>;

fn secured(fixture: &Fixture, config: Arc<ClientConfig>) -> Secured {
    let name = ServerName::try_from("127.0.0.1").unwrap();
    StreamOwned::new(ClientConnection::new(config, name).unwrap(), fixture.connect())
}

/// SW-03: a message comes in over TLS on a flow, the answer goes back on it, and the flow ends with its connection.
#[test]
fn a_phone_speaks_over_tls() {
    let folder = Folder::new();
    let mut fixture = start_as(Transport::Tls, generous(), Some(folder.tls()));
    let mut phone = secured(&fixture, folder.client(None));
    phone.write_all(options(1).as_bytes()).unwrap();
    let (path, message) = fixture.next_message();
    assert_eq!((path.transport, message.call_id()), (Transport::Tls, "1"));
    fixture.streams.send(&path, Bytes::from_static(b"answer"));
    let mut answer = [0; 6];
    phone.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"answer");
    drop(phone);
    assert_eq!(Some(fixture.expect_closed()), path.flow);
}

/// SW-03: a certificate that is replaced on disk is shown from the next handshake on; a broken one changes nothing.
#[test]
fn a_new_certificate_is_taken_without_a_restart() {
    let folder = Folder::new();
    let mut fixture = start_as(Transport::Tls, generous(), Some(folder.tls()));
    let old = folder.client(None);
    folder.make("own");
    let mut phone = secured(&fixture, folder.client(None));
    phone.write_all(options(1).as_bytes()).unwrap();
    fixture.next_message();
    assert!(secured(&fixture, old).write_all(options(2).as_bytes()).is_err(), "the old one is still shown");
    let good = folder.client(None);
    fs::write(folder.file("own.pem"), "nonsense").unwrap();
    let mut phone = secured(&fixture, good);
    phone.write_all(options(3).as_bytes()).unwrap();
    loop {
        match fixture.next() {
            Arrival::Message { message, .. } => return assert_eq!(message.call_id(), "3"),
            Arrival::Certified { .. } | Arrival::Closed(_) | Arrival::Idle(_) => {}
            Arrival::Malformed { .. } | Arrival::Unreachable { .. } => panic!(),
        }
    }
}

/// SW-03: where client certificates are demanded, one of a known authority is let in and none other.
#[test]
fn client_certificates_are_asked_for_where_wanted() {
    let folder = Folder::new();
    folder.make("carrier");
    folder.make("stranger");
    let settings = TlsSettings {
        client_authorities: Some(folder.file("carrier.pem")),
        client_required: true,
        ..folder.settings()
    };
    let mut fixture = start_as(Transport::Tls, generous(), Some(Arc::new(Tls::new(settings).unwrap())));
    for name in [None, Some("stranger")] {
        let mut peer = secured(&fixture, folder.client(name));
        let _ = peer.write_all(options(1).as_bytes());
        fixture.expect_closed();
    }
    let mut carrier = secured(&fixture, folder.client(Some("carrier")));
    carrier.write_all(options(2).as_bytes()).unwrap();
    assert_eq!(told(&mut fixture), ["carrier.example"]);
    assert_eq!(fixture.next_message().1.call_id(), "2");
}

/// The domains that are told of the next connection.
fn told(fixture: &mut Fixture) -> Vec<String> {
    match fixture.next() {
        Arrival::Certified { domains, .. } => domains,
        other @ (Arrival::Message { .. }
        | Arrival::Malformed { .. }
        | Arrival::Closed(_)
        | Arrival::Idle(_)
        | Arrival::Unreachable { .. }) => {
            panic!("{other:?}")
        }
    }
}

/// SW-03: where certificates are welcome, phones come without one, who shows one by a known authority is told of before
/// his first message, also when his session is taken up again, and one by nobody known is turned away.
#[test]
fn sw_03_who_shows_a_certificate_is_told() {
    let folder = Folder::new();
    folder.make("carrier");
    folder.make("stranger");
    let settings = TlsSettings { client_authorities: Some(folder.file("carrier.pem")), ..folder.settings() };
    let mut fixture = start_as(Transport::Tls, generous(), Some(Arc::new(Tls::new(settings).unwrap())));
    let mut phone = secured(&fixture, folder.client(None));
    phone.write_all(options(1).as_bytes()).unwrap();
    assert_eq!(fixture.next_message().1.call_id(), "1");
    let config = folder.client(Some("carrier"));
    for number in [2, 3] {
        let mut carrier = secured(&fixture, Arc::clone(&config));
        carrier.write_all(options(number).as_bytes()).unwrap();
        let Arrival::Certified { flow, domains, .. } = fixture.next() else { panic!("it comes first") };
        assert_eq!(domains, ["carrier.example"]);
        let (path, message) = fixture.next_message();
        assert_eq!((path.flow, message.call_id()), (Some(flow), &*number.to_string()));
        fixture.streams.send(&path, Bytes::from_static(b"answer"));
        carrier.read_exact(&mut [0; 6]).unwrap();
        drop(carrier);
        assert_eq!(fixture.expect_closed(), flow);
    }
    let mut stranger = secured(&fixture, folder.client(Some("stranger")));
    let _ = stranger.write_all(options(4).as_bytes());
    fixture.expect_closed();
}

/// SW-03: a carrier that demands a certificate is shown ours, and knows us by it.
#[test]
fn sw_03_a_carrier_is_shown_our_certificate() {
    let folder = Folder::new();
    let settings =
        TlsSettings { client_authorities: Some(folder.file("own.pem")), client_required: true, ..folder.settings() };
    let mut carrier = start_as(Transport::Tls, generous(), Some(Arc::new(Tls::new(settings).unwrap())));
    let fixture = start_as(Transport::Tls, generous(), Some(folder.tls()));
    let path = Path { transport: Transport::Tls, local: fixture.address, remote: carrier.address, flow: None };
    fixture.streams.send(&path, Bytes::from(options(1).into_bytes()));
    assert_eq!(told(&mut carrier), ["carrier.example"]);
    assert_eq!(carrier.next_message().1.call_id(), "1");
}

/// SW-03: a request to a carrier over TLS opens a connection; the carrier must show the certificate of the host that was
/// to be reached.
#[test]
fn a_carrier_must_be_who_it_is_said_to_be() {
    let folder = Folder::new();
    let carrier = start_as(Transport::Tls, generous(), Some(folder.tls()));
    let mut fixture = start_as(Transport::Tls, generous(), Some(folder.tls()));
    let path = Path { transport: Transport::Tls, local: fixture.address, remote: carrier.address, flow: None };
    fixture.streams.name(carrier.address, "someone-else.example");
    fixture.streams.send(&path, Bytes::from(options(1).into_bytes()));
    assert!(matches!(fixture.next(), Arrival::Unreachable { transport: Transport::Tls, .. }));
    fixture.expect_closed();
    fixture.streams.name(carrier.address, "carrier.example");
    fixture.streams.send(&path, Bytes::from(options(2).into_bytes()));
    let mut carrier = carrier;
    loop {
        match carrier.next() {
            Arrival::Message { message, .. } => return assert_eq!(message.call_id(), "2"),
            Arrival::Certified { .. } | Arrival::Closed(_) | Arrival::Idle(_) => {}
            Arrival::Malformed { .. } | Arrival::Unreachable { .. } => panic!(),
        }
    }
}

/// SW-19: a handshake that is not finished, or none at all, ends its connection and nothing else.
#[test]
fn half_a_handshake_is_cut_off() {
    let folder = Folder::new();
    let limits = StreamLimits { idle_time: Duration::from_secs(2), ..generous() };
    let mut fixture = start_as(Transport::Tls, limits, Some(folder.tls()));
    let mut stranger = fixture.connect();
    stranger.write_all(b"\x16\x03\x01\x02\x00\x01\x00").unwrap();
    let mut talker = fixture.connect();
    talker.write_all(options(1).as_bytes()).unwrap();
    fixture.expect_closed();
    let mut phone = secured(&fixture, folder.client(None));
    phone.write_all(options(2).as_bytes()).unwrap();
    assert_eq!(fixture.next_message().1.call_id(), "2");
    assert_eq!(read_to_end(stranger), b"");
}
