//! The HTTP listener: bounded in connections, in header size and in patience.

use std::{
    collections::HashMap,
    future::pending,
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{Router, extract::ConnectInfo};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinSet,
};

use crate::base::network_of;

/// Limits of the listener. Pages keep one connection each for the live socket and a few for the rest.
#[derive(Clone, Copy, Debug)]
pub struct ServeSettings {
    /// Connections at once; those beyond wait in the kernel's list. Each costs some 100 KB at most.
    pub connections_max: usize,
    /// Of them, from one source (of IPv6 a /64): an office behind one address has many people.
    pub per_source_max: usize,
    /// How long a request's headers may take, and how long a connection may idle.
    pub header_time: Duration,
}

impl Default for ServeSettings {
    fn default() -> Self {
        Self { connections_max: 8_192, per_source_max: 2_048, header_time: Duration::from_secs(20) }
    }
}

/// Bytes of all headers together, with the request line.
const HEADERS_BYTES_MAX: usize = 16 * 1024;

/// How many headers.
const HEADERS_MAX: usize = 64;

/// How long open requests may take when the switch ends.
const GOODBYE_TIME: Duration = Duration::from_secs(3);

/// Serves until `stop` becomes true or its sender is gone.
pub async fn serve(listener: TcpListener, router: Router, settings: ServeSettings, mut stop: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(settings.connections_max));
    let sources = Sources::default();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stopped(&mut stop) => break,
            Some(_) = connections.join_next() => {}
            accepted = accept(&listener, &places) => match accepted {
                Ok((stream, peer, place)) => {
                    if let Some(visit) = sources.enter(peer.ip(), settings.per_source_max) {
                        let router = router.clone();
                        connections.spawn(connection(stream, peer, router, settings, stop.clone(), (place, visit)));
                    } else {
                        metrics::counter!("api_connections_refused_total").increment(1);
                    }
                }
                Err(why) => tracing::warn!(%why, "a connection to the pages could not be taken"),
            },
        }
    }
    let _ = tokio::time::timeout(GOODBYE_TIME, async { while connections.join_next().await.is_some() {} }).await;
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(io::Error::other)?;
    match listener.accept().await {
        Ok((stream, peer)) => Ok((stream, peer, place)),
        Err(why) => {
            // Out of descriptors, most likely: others must end first, and trying at once would only burn the core.
            let _ = tokio::time::timeout(Duration::from_millis(100), pending::<()>()).await;
            Err(why)
        }
    }
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    settings: ServeSettings,
    mut stop: watch::Receiver<bool>,
    _held: (OwnedSemaphorePermit, Visit),
) {
    let _ = stream.set_nodelay(true);
    let service = TowerToHyperService::new(router.layer(axum::Extension(ConnectInfo(peer))));
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(settings.header_time)
        .max_buf_size(HEADERS_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopped(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(why) = ended {
        tracing::debug!(%peer, %why, "a connection to the pages ended");
    }
}

/// Connections by source (`network_of` the address).
#[derive(Clone, Default)]
struct Sources(Arc<Mutex<HashMap<IpAddr, usize>>>);

struct Visit {
    sources: Sources,
    source: IpAddr,
}

impl Sources {
    fn enter(&self, source: IpAddr, max: usize) -> Option<Visit> {
        let source = network_of(source);
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(source).or_insert(0);
        if *count >= max {
            return None;
        }
        *count += 1;
        Some(Visit { sources: self.clone(), source })
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let mut counts = self.sources.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.source) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All addresses of a /64 share the places of one source.
    #[test]
    fn a_64_of_ipv6_has_the_places_of_one_source() {
        let sources = Sources::default();
        let of = |network: u16, host: u16| IpAddr::from([0x2001, 0xdb8, 0, network, 0, 0, 0, host]);
        let visits = [sources.enter(of(1, 1), 2), sources.enter(of(1, 2), 2)];
        assert!(visits.iter().all(Option::is_some));
        assert!(sources.enter(of(1, 3), 2).is_none() && sources.enter(of(2, 1), 2).is_some());
        drop(visits);
        assert!(sources.enter(of(1, 3), 2).is_some());
    }
}
