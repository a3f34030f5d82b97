//! A browser's phone: SIP over a secure WebSocket, with a Contact that names no place.

use std::{net::TcpStream, path::Path, sync::Arc, time::Duration};

use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use strowger::{
    base::Private,
    sip::{Credentials, digest},
    wire::sip::{Message, Name},
};
use tokio_tungstenite::tungstenite::{ClientRequestBuilder, Message as WsMessage, WebSocket, client};

use super::running::Program;

const PATIENCE: Duration = Duration::from_secs(20);

/// Where the page says it is.
const NOWHERE: &str = "df7jal23ls0d.invalid";

pub struct PagePhone {
    socket: WebSocket<StreamOwned<ClientConnection, TcpStream>>,
    count: u32,
}

/// A TLS client that trusts the certificate in that file.
pub fn trusting(certificate: &Path) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificate).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(rustls::DEFAULT_VERSIONS);
    Arc::new(builder.unwrap().with_root_certificates(roots).with_no_client_auth())
}

impl PagePhone {
    pub fn open(program: &Program) -> Self {
        let server = program.listeners["WSS"];
        let stream = TcpStream::connect(server).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let name = ServerName::from(server.ip());
        let config = trusting(&program.data("tls/certificate.pem"));
        let stream = StreamOwned::new(ClientConnection::new(config, name).unwrap(), stream);
        let asked = ClientRequestBuilder::new(format!("wss://{server}/").parse().unwrap()).with_sub_protocol("sip");
        Self { socket: client(asked, stream).unwrap().0, count: 0 }
    }

    pub fn say(&mut self, text: &str) {
        self.socket.send(WsMessage::text(text)).unwrap();
    }

    pub fn hear(&mut self) -> Message {
        loop {
            match self.socket.read().unwrap() {
                WsMessage::Text(text) => return Message::parse(text.into()).unwrap(),
                WsMessage::Binary(bytes) => return Message::parse(bytes).unwrap(),
                WsMessage::Ping(_) | WsMessage::Pong(_) | WsMessage::Close(_) | WsMessage::Frame(_) => {}
            }
        }
    }

    /// With one answer to the challenge; returns the last response.
    pub fn register(&mut self, user: &str, password: &str) -> Message {
        let challenged = self.try_register(user, "");
        let credentials = Credentials {
            user: user.to_owned(),
            password: Private::new(password.to_owned()),
            realm: None,
            account: None,
        };
        let challenges = challenged.headers(Name::WwwAuthenticate);
        let answer = digest::answer(challenges, &credentials, ("REGISTER", "sip:strowger"), b"", "cnonce1").unwrap();
        self.try_register(user, &format!("Authorization: {answer}\r\n"))
    }

    fn try_register(&mut self, user: &str, more: &str) -> Message {
        self.count += 1;
        let count = self.count;
        self.say(&format!(
            "REGISTER sip:strowger SIP/2.0\r\nVia: SIP/2.0/WSS {NOWHERE};branch=z9hG4bKp{count}\r\n\
             From: <sip:{user}@strowger>;tag=p\r\nTo: <sip:{user}@strowger>\r\nCall-ID: page\r\n\
             CSeq: {count} REGISTER\r\nMax-Forwards: 70\r\nSupported: outbound, path\r\n\
             Contact: <sip:{user}@{NOWHERE};transport=ws>;reg-id=1;\
             +sip.instance=\"<urn:uuid:00000000-0000-0000-0000-000000000001>\"\r\n{more}Expires: 600\r\n\
             Content-Length: 0\r\n\r\n"
        ));
        self.hear()
    }

    pub fn expect_request(&mut self, method: &str) -> Message {
        loop {
            let message = self.hear();
            if message.method().is_some_and(|came| came.as_str() == method) {
                return message;
            }
        }
    }

    pub fn answer(&mut self, request: &Message, status: u16, sdp: &str) {
        let mut text = format!("SIP/2.0 {status} x\r\n");
        for (label, name, value) in request.lines() {
            let tag = if name == Name::To && request.to_tag().is_none() { ";tag=t1" } else { "" };
            if matches!(name, Name::Via | Name::From | Name::To | Name::CallId | Name::CSeq | Name::RecordRoute) {
                text.push_str(&format!("{label}: {value}{tag}\r\n"));
            }
        }
        let kind = if sdp.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let contact = format!("Contact: <sip:page@{NOWHERE};transport=ws;ob>\r\n");
        self.say(&format!("{text}{contact}{kind}Content-Length: {}\r\n\r\n{sdp}", sdp.len()));
    }
}
