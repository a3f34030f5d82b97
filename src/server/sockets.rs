//! The sockets that the settings name, and what the engine is told of them.

use std::{io, net::SocketAddr, path::Path, sync::Arc};

use tokio::runtime::Handle as Runtime;

use super::{certificate, start::StartError};
use crate::{
    base::{FlowId, Now},
    engine::Centre,
    net::{Bell, Bound, Net, StreamLimits, Tls, Trusted, addresses},
    settings::{Limits, ListenerKind, ServerSettings},
    sip::Transport,
    switch::Listener,
};

/// Opens all of them, or says which could not be.
pub fn open(
    server: &ServerSettings,
    folder: &Path,
    data: &Path,
    runtime: &Runtime,
    now: Now,
) -> Result<(Net, Bell), StartError> {
    let Limits { connections_max, connections_per_ip_max, idle_time, .. } = server.limits;
    let limits = StreamLimits { total_max: connections_max, per_ip_max: connections_per_ip_max, idle_time };
    // Above every flow of earlier runs: a million connections a second would be needed to catch up.
    let first_flow = FlowId((now.wall.as_millis().max(0).unsigned_abs() / 1_000) << 20);
    let mut net = Net::new(runtime.clone(), limits, first_flow).map_err(StartError::new("sockets"))?;
    net.set_tls(open_tls(server, folder, data)?);
    net.set_origins(server.sip.origins.as_slice().into());
    for listener in &server.sip.listen {
        let each = expand(listener.address).map_err(StartError::new("addresses of this machine"))?;
        for address in each {
            net.listen(transport(listener.kind), address)
                .map_err(StartError::new(format!("[sip] listen {listener}")))?;
        }
    }
    let bell = net.bell();
    Ok((net, bell))
}

fn transport(kind: ListenerKind) -> Transport {
    match kind {
        ListenerKind::Udp => Transport::Udp,
        ListenerKind::Tcp => Transport::Tcp,
        ListenerKind::Tls => Transport::Tls,
        ListenerKind::Ws => Transport::Ws,
        ListenerKind::Wss => Transport::Wss,
    }
}

/// Where a certificate is configured or a listener needs one.
fn open_tls(server: &ServerSettings, folder: &Path, data: &Path) -> Result<Option<Arc<Tls>>, StartError> {
    if server.tls.own.is_none() && !server.sip.listen.iter().any(|listener| listener.kind.is_secure()) {
        return Ok(None);
    }
    let settings = certificate::find(server, folder, data).map_err(StartError::new("[tls] certificate"))?;
    let tls = Tls::new(settings).map_err(io::Error::from).map_err(StartError::new("[tls]"))?;
    Ok(Some(Arc::new(tls)))
}

/// Calls from trunks have limits of their own.
pub fn trunk_sources(centre: &Centre) -> Trusted {
    let sources: Vec<_> = centre.trunks.iter().flat_map(|trunk| trunk.sources.iter().copied()).collect();
    Box::new(move |remote| sources.iter().any(|source| source.matches(remote)))
}

/// An address for all means each of them, so that every message knows where it came to.
fn expand(address: SocketAddr) -> io::Result<Vec<SocketAddr>> {
    if !address.ip().is_unspecified() {
        return Ok(vec![address]);
    }
    let alike = addresses()?.into_iter().filter(|ip| ip.is_ipv4() == address.is_ipv4());
    Ok(alike.map(|ip| SocketAddr::new(ip, address.port())).collect())
}

/// As peers are to know them.
pub fn listeners(server: &ServerSettings, bound: &[Bound]) -> Vec<Listener> {
    let advertised = server.sip.advertised.as_ref();
    let media_address =
        |local: SocketAddr| server.rtp.advertised.or_else(|| server.rtp.bind.is_unspecified().then_some(local.ip()));
    let listener = |bound: &Bound| Listener {
        transport: bound.transport,
        local: bound.address,
        advertised: advertised.map(|host| (host.clone(), bound.address.port())),
        media_address: media_address(bound.address),
    };
    bound.iter().map(listener).collect()
}
