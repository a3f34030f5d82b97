//! Connections that we make, over TCP or TLS.

use std::{io, net::SocketAddr, sync::PoisonError, time::Duration};

use rustls::pki_types::ServerName;
use tokio::{
    net::{TcpSocket, TcpStream},
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_util::sync::CancellationToken;

use super::{Arrival, Shared, accept::prepare, connection, table::WriteQueue};
use crate::{
    base::FlowId,
    sip::{Path, Transport},
};

/// A peer that has not accepted our connection by then is not reachable; below Timer B (32 s) by far.
const CONNECT_TIME: Duration = Duration::from_secs(4);

pub async fn run(shared: &Shared, path: Path, flow: FlowId, queue: WriteQueue, stop: CancellationToken) {
    let why = match path.transport {
        Transport::Tls => match timeout(CONNECT_TIME, dial_tls(shared, &path)).await {
            Ok(Ok(stream)) => Ok(connection::serve(shared, tokio::io::split(stream), path, queue, stop).await),
            failed => Err(reason(failed)),
        },
        Transport::Tcp => match timeout(CONNECT_TIME, dial(&path)).await {
            Ok(Ok(stream)) => Ok(connection::serve(shared, stream.into_split(), path, queue, stop).await),
            failed => Err(reason(failed)),
        },
        // Browsers come to us.
        Transport::Udp | Transport::Ws | Transport::Wss => Err(String::from("nobody is called that way")),
    };
    match why {
        Ok(why) => tracing::debug!(%path, why, "connection ended"),
        Err(why) => {
            tracing::info!(%path, why, "could not connect");
            shared.table.remove(flow);
            shared.tell(Arrival::Unreachable { transport: path.transport, remote: path.remote }).await;
        }
    }
    shared.end(flow).await;
}

fn reason<T, E>(failed: Result<io::Result<T>, E>) -> String {
    match failed {
        Ok(Err(error)) => error.to_string(),
        Ok(Ok(_)) | Err(_) => String::from("no answer in time"),
    }
}

/// From the listener's own address where it has one, so that the carrier sees the address it knows.
async fn dial(path: &Path) -> io::Result<TcpStream> {
    let socket = if path.remote.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if !path.local.ip().is_unspecified() && path.local.is_ipv4() == path.remote.is_ipv4() {
        socket.bind(SocketAddr::new(path.local.ip(), 0))?;
    }
    let stream = socket.connect(path.remote).await?;
    prepare(&stream);
    Ok(stream)
}

/// The certificate must be that of the host that was to be reached.
async fn dial_tls(shared: &Shared, path: &Path) -> io::Result<TlsStream<TcpStream>> {
    let tls = shared.tls().ok_or_else(|| io::Error::other("no TLS listener, so no certificate"))?;
    let config = tls.for_carriers()?;
    let name = shared.names.lock().unwrap_or_else(PoisonError::into_inner).get(&path.remote).cloned();
    let name = match name {
        Some(host) => ServerName::try_from(host).map_err(io::Error::other)?,
        None => ServerName::from(path.remote.ip()),
    };
    TlsConnector::from(config).connect(name, dial(path).await?).await
}
