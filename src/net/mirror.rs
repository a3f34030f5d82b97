//! All SIP mirrored to a collector (Homer): every message once, as HEPv3 over UDP, secrets masked. What the collector can't
//! take is lost and counted; the switch waits for nobody.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::{net::UdpSocket, runtime::Handle, sync::mpsc};
use tokio_util::task::TaskTracker;

use super::trace::masked;
use crate::{
    base::{Now, Private},
    sip::{Path, Transport},
    wire::{
        hep::{Told, encode},
        sip::Message,
    },
};

/// Messages on their way to the collector; when it is full, the next is not mirrored.
pub const MIRRORED_MAX: usize = 1_024;

/// Where to, and as whom.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Collector {
    pub address: SocketAddr,
    pub key: Option<Private<String>>,
    pub agent: u32,
}

/// The loop's end of the mirror.
pub struct Mirror {
    collector: Collector,
    packets: mpsc::Sender<Vec<u8>>,
    lost: Arc<AtomicU64>,
}

impl Mirror {
    pub fn open(runtime: &Handle, collector: Collector) -> io::Result<Self> {
        let any: SocketAddr = match collector.address {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = std::net::UdpSocket::bind(any)?;
        socket.connect(collector.address)?;
        socket.set_nonblocking(true)?;
        let _inside = runtime.enter();
        let socket = UdpSocket::from_std(socket)?;
        let (packets, mut waiting) = mpsc::channel::<Vec<u8>>(MIRRORED_MAX);
        let lost = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&lost);
        let carry = async move {
            while let Some(packet) = waiting.recv().await {
                // Nobody may be listening yet; the next packet tries again.
                if socket.send(&packet).await.is_err() {
                    counted.fetch_add(1, Ordering::Relaxed);
                }
            }
        };
        TaskTracker::new().spawn_on(carry, runtime);
        Ok(Self { collector, packets, lost })
    }

    pub fn tell(&self, now: Now, path: &Path, message: &Message, came: bool) {
        self.tell_octets(now, path, (message.call_id(), message.bytes()), came);
    }

    /// The same of octets that may be no readable message.
    pub fn tell_octets(&self, now: Now, path: &Path, (call, bytes): (&str, &[u8]), came: bool) {
        let (from, to) = if came { (path.remote, path.local) } else { (path.local, path.remote) };
        let packet = self.packets.try_reserve().ok().and_then(|place| {
            let packet = encode(&Told {
                from,
                to,
                over_udp: path.transport == Transport::Udp,
                at: now.wall,
                agent: self.collector.agent,
                key: self.collector.key.as_ref().map(|key| key.reveal().as_str()),
                call,
                message: &masked(bytes),
            })?;
            place.send(packet);
            Some(())
        });
        if packet.is_none() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Messages that the collector did not get, since the last call.
    pub fn take_lost(&self) -> u64 {
        self.lost.swap(0, Ordering::Relaxed)
    }
}
