//! Binding the pool of ports ahead.

use std::{io, net::SocketAddr};

use super::{PlaneSettings, sys};
use crate::media::Port;

/// Files that stay for everything else (SIP connections, databases, pages): a quarter of the limit, but at least this.
const FILES_RESERVED_MIN: u64 = 256;

/// RTP and RTCP sockets of one port.
#[derive(Debug)]
pub struct Pair {
    pub rtp: sys::Udp,
    pub rtcp: sys::Udp,
}

/// Binds every free pair of the range, as far as the limit of open files allows, dealt out among the workers. A port
/// that someone else holds is left out.
pub fn bind(settings: &PlaneSettings, workers: usize) -> io::Result<(Vec<Pair>, Vec<Port>)> {
    let files = sys::raise_file_limit()?;
    let reserved = (files / 4).max(FILES_RESERVED_MIN);
    let room = usize::try_from(files.saturating_sub(reserved) / 2).unwrap_or(usize::MAX).min(usize::from(u16::MAX));
    let (first, last) = (*settings.ports.start(), *settings.ports.end());
    let (mut pairs, mut ports, mut fault) = (Vec::new(), Vec::new(), None);
    let even = first.checked_next_multiple_of(2).into_iter().flat_map(|first| (first..last).step_by(2));
    for port in even.take(room) {
        let rtp = SocketAddr::new(settings.address, port);
        let rtcp = SocketAddr::new(settings.address, port + 1);
        match sys::Udp::bind(rtp).and_then(|rtp| Ok(Pair { rtp, rtcp: sys::Udp::bind(rtcp)? })) {
            Ok(pair) => {
                // There are at most 32768 pairs.
                let index = pairs.len() as u16;
                pairs.push(pair);
                ports.push(Port { worker: index % workers as u16, index, rtp });
            }
            Err(refused) => fault = Some(refused),
        }
    }
    match fault {
        Some(fault) if pairs.is_empty() => Err(fault),
        _ => Ok((pairs, ports)),
    }
}
