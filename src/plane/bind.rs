//! Binding the pool of ports ahead.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    num::NonZero,
    thread::{self, Builder, available_parallelism},
};

use super::{PlaneSettings, sys};
use crate::media::{Port, port_pairs, port_pairs_min};

/// Files that stay for everything else (SIP connections, databases, pages): a quarter of the limit, but at least this.
const FILES_RESERVED_MIN: u64 = 256;

/// RTP and RTCP sockets of one port.
#[derive(Debug)]
pub struct Pair {
    pub rtp: sys::Udp,
    pub rtcp: sys::Udp,
}

/// Pairs that one thread binds: fewer are not worth a thread.
const PAIRS_A_THREAD_MIN: usize = 512;

/// Binds every free pair of the range, as far as the limit of open files allows, dealt out among the workers. A port
/// that someone else holds is left out.
pub fn bind(settings: &PlaneSettings, workers: usize, shared: &[SharedSockets]) -> io::Result<(Vec<Pair>, Vec<Port>)> {
    let files = sys::raise_file_limit()?;
    let reserved = (files / 4).max(FILES_RESERVED_MIN);
    let room = usize::try_from(files.saturating_sub(reserved) / 2).unwrap_or(usize::MAX).min(usize::from(u16::MAX));
    let (first, last) = (*settings.ports.start(), *settings.ports.end());
    let even = first.checked_next_multiple_of(2).into_iter().flat_map(|first| (first..last).step_by(2));
    let taken = |port: &u16| shared.iter().flatten().any(|(local, _)| local.port() & !1 == *port);
    let wanted: Vec<u16> = even.filter(|port| !taken(port)).take(room).collect();
    let threads = available_parallelism().map_or(1, NonZero::get);
    let share = wanted.len().div_ceil(threads).max(PAIRS_A_THREAD_MIN);
    let bound: Vec<io::Result<Vec<_>>> = thread::scope(|scope| {
        let binders: Vec<_> = wanted
            .chunks(share)
            .map(|share| Builder::new().name("media-bind".into()).spawn_scoped(scope, || bind_all(settings, share)))
            .collect();
        let stopped = |_| io::Error::other("binding the RTP ports stopped");
        binders.into_iter().map(|binder| binder?.join().map_err(stopped)?).collect()
    });
    let (mut pairs, mut ports, mut fault) = (Vec::new(), Vec::new(), None);
    for share in bound {
        match share {
            Ok(share) => {
                for (rtp, pair) in share {
                    // There are at most 32768 pairs.
                    let index = pairs.len() as u16;
                    pairs.push(pair);
                    ports.push(Port { worker: index % workers as u16, index, rtp });
                }
            }
            Err(refused) => fault = Some(refused),
        }
    }
    match fault {
        Some(fault) if pairs.is_empty() => Err(fault),
        Some(_) | None => Ok((pairs, ports)),
    }
}

/// One worker's sockets for browsers' legs, an address each.
pub type SharedSockets = Vec<(SocketAddr, sys::Udp)>;

/// Binds a port a worker from the top of the range for all browsers' legs, the same on each address.
pub fn bind_shared(settings: &PlaneSettings, workers: usize) -> io::Result<Vec<SharedSockets>> {
    let Some(others) = &settings.browsers else { return Ok(Vec::new()) };
    let addresses: Vec<IpAddr> = std::iter::once(settings.address).chain(others.iter().copied()).collect();
    let (pairs, least) = (port_pairs(&settings.ports), port_pairs_min(workers));
    if pairs < least {
        let why = format!(
            "that is room for {pairs} pairs of ports, and {least} are the least: one for each of {workers} media workers \
             and two for a call; widen the range"
        );
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    let mut free = settings.ports.clone().rev().filter(|port| port % 2 == 0);
    let mut fault = io::Error::from(io::ErrorKind::AddrInUse);
    let mut one = || {
        free.find_map(|port| {
            let bind = |address: &IpAddr| {
                let local = SocketAddr::new(*address, port);
                sys::Udp::bind_shared(local).map(|socket| (local, socket))
            };
            addresses.iter().map(bind).collect::<io::Result<SharedSockets>>().map_err(|refused| fault = refused).ok()
        })
    };
    let sockets: Option<Vec<_>> = (0..workers).map(|_| one()).collect();
    sockets.ok_or(fault)
}

/// The pairs that could be bound; an error only when none could.
fn bind_all(settings: &PlaneSettings, wanted: &[u16]) -> io::Result<Vec<(SocketAddr, Pair)>> {
    let (mut bound, mut fault) = (Vec::with_capacity(wanted.len()), None);
    for port in wanted {
        let rtp = SocketAddr::new(settings.address, *port);
        let rtcp = SocketAddr::new(settings.address, port + 1);
        match sys::Udp::bind(rtp).and_then(|rtp| Ok(Pair { rtp, rtcp: sys::Udp::bind(rtcp)? })) {
            Ok(pair) => bound.push((rtp, pair)),
            Err(refused) => fault = Some(refused),
        }
    }
    match fault {
        Some(fault) if bound.is_empty() => Err(fault),
        Some(_) | None => Ok(bound),
    }
}
