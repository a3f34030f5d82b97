//! One UDP listener: batches in, batches out, ICMP errors heard. Never blocks.

mod batch;

pub use batch::BATCH_MAX;

use std::{
    collections::VecDeque,
    io,
    net::SocketAddr,
    os::fd::{AsRawFd, RawFd},
};

use bytes::Bytes;
use socket2::{Domain, Protocol, Socket, Type};

use batch::{ReceiveBatch, SendBatch};

/// What the kernel is asked to hold for us while the loop is in the middle of a turn: some thousand messages.
const RECEIVE_BUFFER: usize = 16 << 20;
const SEND_BUFFER: usize = 4 << 20;

/// Messages that wait because the kernel's send buffer is full. Beyond it they are dropped; SIP sends again.
pub const UNSENT_MAX: usize = 8_192;

/// ICMP errors read in one turn; the rest waits for the next.
const ERRORS_MAX: usize = 64;

struct Unsent {
    remote: SocketAddr,
    bytes: Bytes,
}

pub struct UdpListener {
    socket: Socket,
    local: SocketAddr,
    receive: ReceiveBatch,
    send: SendBatch,
    unsent: VecDeque<Unsent>,
    dropped: u64,
}

impl UdpListener {
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_nonblocking(true)?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.bind(&address.into())?;
        enlarge(&socket);
        batch::report_errors(&socket, address.is_ipv6())?;
        let local = socket.local_addr()?.as_socket().ok_or_else(|| io::Error::other("no address after bind"))?;
        let (receive, send) = (ReceiveBatch::new(), SendBatch::new());
        Ok(Self { socket, local, receive, send, unsent: VecDeque::new(), dropped: 0 })
    }

    pub fn local(&self) -> SocketAddr {
        self.local
    }

    pub fn fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// Reads one batch and hands each message to `take`. Returns how many there were; fewer than a full batch means
    /// that the socket is empty.
    pub fn receive(&mut self, mut take: impl FnMut(SocketAddr, &[u8])) -> usize {
        let count = match self.receive.fill(&self.socket) {
            Ok(count) => count,
            // An ICMP error is reported here once; it is read from the error queue.
            Err(_) => return 0,
        };
        for index in 0..count {
            if let Some((remote, bytes)) = self.receive.message(index) {
                take(remote, bytes);
            }
        }
        count
    }

    /// Puts a message into the batch; [`UdpListener::flush`] sends it.
    pub fn send(&mut self, remote: SocketAddr, bytes: Bytes) {
        if self.unsent.len() >= UNSENT_MAX {
            self.dropped += 1;
            return;
        }
        self.unsent.push_back(Unsent { remote, bytes });
    }

    /// Sends what waits, as far as the kernel takes it.
    pub fn flush(&mut self) {
        let mut refused = 0;
        while !self.unsent.is_empty() {
            let messages = self.unsent.iter().map(|unsent| (unsent.remote, &unsent.bytes[..]));
            match self.send.send(&self.socket, messages) {
                Ok(sent) => {
                    refused = 0;
                    self.unsent.drain(..sent.max(1).min(self.unsent.len()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Either an old ICMP error of the socket, told and cleared by this call, or this message's own fault
                // (too long, no route). The second refusal in a row is the message's own.
                Err(_) if refused == 0 => refused = 1,
                Err(error) => {
                    refused = 0;
                    self.dropped += 1;
                    if let Some(unsent) = self.unsent.pop_front() {
                        tracing::debug!(remote = %unsent.remote, %error, "not sent");
                    }
                }
            }
        }
    }

    /// Messages wait for the kernel's buffer: ask for the socket to become writable.
    pub fn is_blocked(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// Messages dropped since the last call.
    pub fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }

    /// Addresses that the network reported as not reachable.
    pub fn take_unreachable(&mut self, found: &mut Vec<SocketAddr>) {
        for _ in 0..ERRORS_MAX {
            match batch::read_error(&self.socket) {
                Some(Some(remote)) if !found.contains(&remote) => found.push(remote),
                Some(_) => {}
                None => return,
            }
        }
    }
}

/// Past `net.core.rmem_max` only with the right to; without it as far as allowed.
fn enlarge(socket: &Socket) {
    if !batch::force_receive_buffer(socket, RECEIVE_BUFFER) {
        let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
    }
    let _ = socket.set_send_buffer_size(SEND_BUFFER);
    let held = socket.recv_buffer_size().unwrap_or(0);
    if held < RECEIVE_BUFFER {
        tracing::debug!(bytes = held, "receive buffer is small; raise net.core.rmem_max for high load");
    }
}

#[cfg(test)]
mod tests;
