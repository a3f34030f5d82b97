//! One question to a program elsewhere, over HTTP.
//!
//! Only addresses out of the settings are ever asked. A redirect is an answer like any other and leads nowhere, no proxy is
//! taken from the environment, and an answer has a size and a time: whoever runs the other side can neither send us to a
//! third nor hold anything up. A connection serves one question; there are few, and none waits for another.

use std::{fmt, io, sync::Arc, time::Duration};

use axum::body::{Body, to_bytes};
use bytes::Bytes;
use hmac::{Hmac, Mac as _};
use hyper::{
    Request,
    client::conn::http1,
    header::{CONNECTION, CONTENT_TYPE, HOST, HeaderName, HeaderValue, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use sha2::Sha256;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;

use crate::{
    base::{Private, Wall},
    settings::Endpoint,
};

/// An answer longer than this is none.
pub const ANSWER_MAX: usize = 64 * 1024;

/// Whoever takes longer to be reached is away.
const CONNECT_TIME: Duration = Duration::from_secs(5);

/// What the other side said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Said {
    pub status: u16,
    pub body: Bytes,
}

/// Why it said nothing.
#[derive(Debug)]
pub enum HttpError {
    /// Not reached, or not the one whom its certificate should name.
    Away(io::Error),
    TooLate,
    /// Not HTTP, broken off, or too long.
    Garbled(String),
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Away(why) => write!(f, "not reached: {why}"),
            Self::TooLate => f.write_str("no answer in time"),
            Self::Garbled(why) => write!(f, "no usable answer: {why}"),
        }
    }
}

impl std::error::Error for HttpError {}

/// Asks; cheap to clone.
#[derive(Clone)]
pub struct HttpClient {
    tls: TlsConnector,
}

impl HttpClient {
    /// Trusts whom the system trusts.
    pub fn new() -> Result<Self, rustls::Error> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { tls: TlsConnector::from(Arc::new(config)) })
    }

    /// Puts JSON to an endpoint; the answer comes within `time`, or not at all.
    pub async fn post(
        &self,
        to: &Endpoint,
        headers: Vec<(HeaderName, HeaderValue)>,
        json: Vec<u8>,
        time: Duration,
    ) -> Result<Said, HttpError> {
        let mut request = Request::post(to.path.as_str())
            .header(HOST, to.authority())
            .header(USER_AGENT, "strowger")
            .header(CONTENT_TYPE, "application/json")
            .header(CONNECTION, "close")
            .body(Body::from(json))
            .map_err(|why| HttpError::Garbled(why.to_string()))?;
        request.headers_mut().extend(headers);
        timeout(time, self.exchange(to, request)).await.unwrap_or(Err(HttpError::TooLate))
    }

    async fn exchange(&self, to: &Endpoint, request: Request<Body>) -> Result<Said, HttpError> {
        let reached = timeout(CONNECT_TIME, TcpStream::connect((to.host.as_str(), to.port))).await;
        let stream = reached.map_err(|_| HttpError::TooLate)?.map_err(HttpError::Away)?;
        stream.set_nodelay(true).map_err(HttpError::Away)?;
        if !to.secure {
            return exchange_over(stream, request).await;
        }
        let name = ServerName::try_from(to.host.clone()).map_err(|why| HttpError::Away(io::Error::other(why)))?;
        let stream = self.tls.connect(name, stream).await.map_err(HttpError::Away)?;
        exchange_over(stream, request).await
    }
}

async fn exchange_over<S>(stream: S, request: Request<Body>) -> Result<Said, HttpError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let garbled = |why: hyper::Error| HttpError::Garbled(why.to_string());
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(garbled)?;
    let answer = async move {
        let response = sender.send_request(request).await.map_err(garbled)?;
        let status = response.status().as_u16();
        let body = to_bytes(Body::new(response.into_body()), ANSWER_MAX).await;
        Ok(Said { status, body: body.map_err(|why| HttpError::Garbled(why.to_string()))? })
    };
    tokio::pin!(answer, connection);
    tokio::select! {
        said = &mut answer => return said,
        // It has read all that there is.
        _ = &mut connection => {}
    }
    answer.await
}

/// Whoever knows the secret sees that a body comes from here, and when it was sent: an HMAC-SHA256 over the time, a full
/// stop and the body.
pub fn signature(secret: Option<&Private<String>>, at: Wall, body: &[u8]) -> Vec<(HeaderName, HeaderValue)> {
    let Some(secret) = secret else { return Vec::new() };
    let seconds = at.as_millis() / 1000;
    let mut headers = vec![(HeaderName::from_static("x-strowger-time"), HeaderValue::from(seconds))];
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.reveal().as_bytes()).expect("any length is a key");
    mac.update(seconds.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    let text = format!("sha256={}", hex::encode(mac.finalize().into_bytes()));
    headers.extend(
        HeaderValue::from_str(&text).ok().map(|value| (HeaderName::from_static("x-strowger-signature"), value)),
    );
    headers
}

#[cfg(test)]
mod tests;
