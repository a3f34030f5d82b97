//! Connections that come to us: counted before anything is read, then shaken hands with as their listener wants it.

use std::{sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Arrival, Shared,
    connection::{self, handshake_time},
    table::{Flow, Full, WriteQueue},
    websocket,
};
use crate::{
    net::domains::domains,
    sip::{Path, Transport},
};

/// After an accept that failed (no descriptors left), before the next.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A peer is asked by TCP whether it is there after this silence, and so often again.
const ALIVE_AFTER: Duration = Duration::from_secs(60);
const ALIVE_EVERY: Duration = Duration::from_secs(10);

/// What its host does not acknowledge for so long will not be: the connection is over, as a SIP transaction is after 64*T1.
/// Of itself Linux goes on trying for a quarter of an hour, and all that while nothing is sent another way.
const UNACKNOWLEDGED: Duration = Duration::from_secs(32);

pub async fn accept_all(
    shared: Arc<Shared>,
    transport: Transport,
    listener: TcpListener,
    tasks: TaskTracker,
    stop: CancellationToken,
) {
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, remote)) = accepted else {
            if timeout(ACCEPT_PAUSE, stop.cancelled()).await.is_ok() {
                return;
            }
            continue;
        };
        let Ok(local) = stream.local_addr() else { continue };
        let flow = shared.new_flow();
        let path = Path { transport, local, remote, flow: Some(flow) };
        let (entry, queue) = Flow::new(path, false);
        let stop = entry.stop.clone();
        if let Err(Full) = shared.table.insert(flow, entry) {
            continue;
        }
        let shared = Arc::clone(&shared);
        tasks.spawn(async move {
            let why = serve(&shared, stream, path, queue, stop).await;
            tracing::debug!(%path, why, "connection ended");
            shared.end(flow).await;
        });
    }
}

/// Small messages leave at once, and a peer that has gone without a word is found out.
pub fn prepare(stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
    let alive = socket2::TcpKeepalive::new().with_time(ALIVE_AFTER).with_interval(ALIVE_EVERY);
    let _ = socket2::SockRef::from(stream).set_tcp_keepalive(&alive);
    let _ = socket2::SockRef::from(stream).set_tcp_user_timeout(Some(UNACKNOWLEDGED));
}

async fn serve(
    shared: &Shared,
    stream: TcpStream,
    path: Path,
    queue: WriteQueue,
    stop: CancellationToken,
) -> &'static str {
    prepare(&stream);
    match path.transport {
        Transport::Udp => "no stream",
        Transport::Tcp => connection::serve(shared, stream.into_split(), path, queue, stop).await,
        Transport::Ws => websocket::serve(shared, stream, path, queue, stop).await,
        Transport::Tls => match shake_hands(shared, stream, path.transport, &stop).await {
            Ok(stream) => {
                tell_domains(shared, &stream, path).await;
                connection::serve(shared, tokio::io::split(stream), path, queue, stop).await
            }
            Err(why) => why,
        },
        Transport::Wss => match shake_hands(shared, stream, path.transport, &stop).await {
            Ok(stream) => websocket::serve(shared, stream, path, queue, stop).await,
            Err(why) => why,
        },
    }
}

/// Before anything that comes on it: for whom its certificate is, if it has shown one that we trust.
async fn tell_domains(shared: &Shared, stream: &TlsStream<TcpStream>, path: Path) {
    let shown = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
    let domains = shown.map(domains).unwrap_or_default();
    if let Some(flow) = path.flow.filter(|_| !domains.is_empty()) {
        tracing::debug!(%path, ?domains, "a certificate was shown");
        shared.tell(Arrival::Certified { flow, source: path.remote.ip(), domains }).await;
    }
}

async fn shake_hands(
    shared: &Shared,
    stream: TcpStream,
    transport: Transport,
    stop: &CancellationToken,
) -> Result<TlsStream<TcpStream>, &'static str> {
    let tls = shared.tls().ok_or("no certificate")?;
    let config = if transport == Transport::Wss { tls.for_browsers() } else { tls.for_phones() };
    let shaken = tokio::select! {
        () = stop.cancelled() => return Err("closed by us"),
        shaken = timeout(handshake_time(shared), TlsAcceptor::from(config).accept(stream)) => shaken,
    };
    match shaken {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => {
            metrics::counter!("sip_tls_failures_total").increment(1);
            tracing::debug!(%error, "no TLS handshake");
            Err("no TLS handshake")
        }
        Err(_) => Err("handshake too slow"),
    }
}
