//! Many datagrams of one socket in one system call, for sockets that many legs share.

use std::{
    io,
    mem::{MaybeUninit, size_of, zeroed},
    net::{IpAddr, SocketAddr},
};

use super::{Control, Udp, from_raw, local_of, to_raw};

/// Datagrams that one call takes or sends.
pub const BATCH_MAX: usize = 32;

/// Room for datagrams of so many octets that came, and for where they came from. It is allocated once.
pub struct Inbox<const OCTETS: usize> {
    datagrams: Box<[[u8; OCTETS]; BATCH_MAX]>,
    came: Box<[Option<Came>; BATCH_MAX]>,
}

/// How long a datagram was, whence it came, and to which address of ours where the socket has several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Came {
    pub len: usize,
    pub from: SocketAddr,
    pub local: Option<IpAddr>,
}

/// Datagrams of at most so many octets that wait to be sent together.
pub struct Outbox<const OCTETS: usize> {
    datagrams: Box<[[u8; OCTETS]; BATCH_MAX]>,
    goes: Vec<Goes>,
}

#[derive(Clone, Copy)]
struct Goes {
    len: usize,
    to: SocketAddr,
    local: Option<IpAddr>,
}

impl<const OCTETS: usize> Inbox<OCTETS> {
    pub fn new() -> Self {
        Self { datagrams: Box::new([[0; OCTETS]; BATCH_MAX]), came: Box::new([None; BATCH_MAX]) }
    }

    /// One of those that [`Udp::receive_many`] has brought, in its buffer; `None` for what came from nowhere that we know.
    pub fn datagram(&mut self, at: usize) -> Option<(&mut [u8; OCTETS], Came)> {
        Some((self.datagrams.get_mut(at)?, (*self.came.get(at)?)?))
    }
}

impl<const OCTETS: usize> Outbox<OCTETS> {
    pub fn new() -> Self {
        Self { datagrams: Box::new([[0; OCTETS]; BATCH_MAX]), goes: Vec::with_capacity(BATCH_MAX) }
    }

    pub fn is_empty(&self) -> bool {
        self.goes.is_empty()
    }

    /// Keeps a datagram until [`Udp::send_many`]; false when there is no room for it.
    pub fn push(&mut self, octets: &[u8], to: SocketAddr, local: Option<IpAddr>) -> bool {
        let room = self.datagrams.get_mut(self.goes.len()).and_then(|room| room.get_mut(..octets.len()));
        let fits = room.map(|room| room.copy_from_slice(octets)).is_some();
        if fits {
            self.goes.push(Goes { len: octets.len(), to, local });
        }
        fits
    }
}

impl Udp {
    /// Takes what waits, as much as there is room for; tells how many. `WouldBlock` when none waits.
    pub fn receive_many<const OCTETS: usize>(&self, inbox: &mut Inbox<OCTETS>) -> io::Result<usize> {
        let mut names = [const { MaybeUninit::<libc::sockaddr_storage>::uninit() }; BATCH_MAX];
        let mut controls = [const { Control([0; 64]) }; BATCH_MAX];
        // SAFETY: all zeros are valid, empty slices and headers.
        let (mut slices, mut headers): ([libc::iovec; BATCH_MAX], [libc::mmsghdr; BATCH_MAX]) = unsafe { zeroed() };
        for (at, header) in headers.iter_mut().enumerate() {
            slices[at] = libc::iovec { iov_base: inbox.datagrams[at].as_mut_ptr().cast(), iov_len: OCTETS };
            let header = &mut header.msg_hdr;
            header.msg_name = names[at].as_mut_ptr().cast();
            header.msg_namelen = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
            (header.msg_iov, header.msg_iovlen) = (&raw mut slices[at], 1);
            if self.is_everywhere {
                (header.msg_control, header.msg_controllen) =
                    ((&raw mut controls[at]).cast(), size_of::<Control>() as _);
            }
        }
        let (room, flags) = (BATCH_MAX as libc::c_uint, libc::MSG_TRUNC as _);
        // SAFETY: each header points to a name, a slice and a control buffer of its own that outlive the call, with their
        // lengths; there is no timeout.
        let count = unsafe { libc::recvmmsg(self.fd(), headers.as_mut_ptr(), room, flags, std::ptr::null_mut()) };
        let count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
        for (at, header) in headers.iter().enumerate().take(count) {
            // SAFETY: the kernel wrote an address of the socket's family for every datagram it gave, and left the header and
            // what it points to as they are now.
            let (from, local) = unsafe { (from_raw(names[at].as_ptr()), local_of(&header.msg_hdr)) };
            let local = local.map(|local| local.to_canonical());
            inbox.came[at] = from.map(|from| Came { len: header.msg_len as usize, from: self.seen(from), local });
        }
        Ok(count)
    }

    /// Sends all that waits in the box, each as [`send`](Self::send) would; tells how many went and how many the kernel
    /// refused.
    pub fn send_many<const OCTETS: usize>(&self, outbox: &mut Outbox<OCTETS>) -> (u64, u64) {
        let count = outbox.goes.len();
        let mut controls = [const { Control([0; 64]) }; BATCH_MAX];
        let mut names = [const { MaybeUninit::<libc::sockaddr_storage>::uninit() }; BATCH_MAX];
        // SAFETY: all zeros are valid, empty slices and headers.
        let (mut slices, mut headers): ([libc::iovec; BATCH_MAX], [libc::mmsghdr; BATCH_MAX]) = unsafe { zeroed() };
        for (at, goes) in outbox.goes.iter().enumerate() {
            let (raw, name_len) = to_raw(self.written(goes.to));
            let name = names[at].write(raw);
            let header = &mut headers[at].msg_hdr;
            (header.msg_name, header.msg_namelen) = ((&raw mut *name).cast(), name_len);
            slices[at] = libc::iovec { iov_base: outbox.datagrams[at].as_mut_ptr().cast(), iov_len: goes.len };
            (header.msg_iov, header.msg_iovlen) = (&raw mut slices[at], 1);
            if let Some(local) = self.leaves_from(goes.to, goes.local) {
                header.msg_control = (&raw mut controls[at]).cast();
                header.msg_controllen = controls[at].put_local(self.family, local) as _;
            }
        }
        let (mut done, mut sent, mut refused) = (0, 0, 0);
        while done < count {
            let rest = &mut headers[done..count];
            // SAFETY: the headers point to names, slices and control buffers that outlive the call, with their lengths;
            // `sendmmsg` writes to none of them.
            let went = unsafe {
                libc::sendmmsg(self.fd(), rest.as_mut_ptr(), rest.len() as libc::c_uint, libc::MSG_NOSIGNAL as _)
            };
            match usize::try_from(went) {
                Ok(went) if went > 0 => {
                    sent += went as u64;
                    done += went;
                }
                // The first of them is refused; the others may be good.
                Ok(_) | Err(_) => {
                    refused += 1;
                    done += 1;
                }
            }
        }
        outbox.goes.clear();
        (sent, refused)
    }
}

impl<const OCTETS: usize> std::fmt::Debug for Inbox<OCTETS> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Inbox")
    }
}

impl<const OCTETS: usize> std::fmt::Debug for Outbox<OCTETS> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Outbox({})", self.goes.len())
    }
}

#[cfg(test)]
mod tests {
    use std::{net::UdpSocket, time::Duration};

    use super::*;
    use crate::plane::sys::{Epoll, Ready};

    /// SW-07: what waits on a socket that many share is taken together, in order, each with where it came from and went to; and
    /// what goes out together goes to each from the address that it was spoken to at. One that can't be sent stops no other.
    #[test]
    fn sw_07_datagrams_are_taken_and_sent_together() {
        for (bound, ours) in [("127.0.0.1:0", "127.0.0.1"), ("0.0.0.0:0", "127.0.0.2"), ("[::]:0", "127.0.0.2")] {
            let ours: IpAddr = ours.parse().expect("an address");
            let Ok(socket) = Udp::bind_shared(bound.parse().expect("an address")) else {
                println!("{bound}: this machine has no such family");
                continue;
            };
            let phones: Vec<UdpSocket> = (0..3).map(|_| UdpSocket::bind("127.0.0.1:0").expect("bound")).collect();
            let at = phones.iter().map(|phone| phone.local_addr().expect("bound")).collect::<Vec<SocketAddr>>();
            let mut outbox = Outbox::<64>::new();
            assert!(outbox.is_empty() && !outbox.push(&[0; 65], at[0], None));
            for number in 0..BATCH_MAX as u8 {
                // Nobody can be sent anything at port 0.
                let to = if number == 5 { SocketAddr::new(at[0].ip(), 0) } else { at[usize::from(number) % 3] };
                assert!(outbox.push(&[number; 7], to, Some(ours)));
            }
            assert!(!outbox.push(b"more", at[0], None));
            assert_eq!(socket.send_many(&mut outbox), (BATCH_MAX as u64 - 1, 1), "{bound}");
            assert!(outbox.is_empty());
            let mut buffer = [0; 16];
            let mut whole = None;
            for (place, phone) in phones.iter().enumerate() {
                phone.set_read_timeout(Some(Duration::from_secs(5))).expect("bounded");
                for number in (0..BATCH_MAX).filter(|number| number % 3 == place && *number != 5) {
                    let (len, from) = phone.recv_from(&mut buffer).expect("heard in time");
                    assert_eq!((&buffer[..len], from.ip()), (&[number as u8; 7][..], ours), "{bound}");
                    whole = Some(from);
                }
            }
            for number in 0..BATCH_MAX as u8 + 3 {
                let sent = phones[usize::from(number) % 3].send_to(&[number; 9], whole.expect("heard"));
                assert_eq!(sent.expect("sent"), 9);
            }
            let poll = Epoll::new().expect("a poll");
            poll.add(&socket, 1).expect("added");
            let (mut inbox, mut heard) = (Inbox::<64>::new(), Vec::new());
            while heard.len() < BATCH_MAX + 3 {
                assert_eq!(poll.wait(&mut [Ready { events: 0, u64: 0 }], 5_000).expect("works"), 1);
                let count = socket.receive_many(&mut inbox).expect("some wait");
                for at in 0..count {
                    let (octets, came) = inbox.datagram(at).expect("known");
                    heard.push((octets[..came.len].to_vec(), came));
                }
            }
            assert_eq!(socket.receive_many(&mut inbox).expect_err("none").kind(), io::ErrorKind::WouldBlock);
            for (number, (octets, came)) in heard.iter().enumerate() {
                let local = Some(ours).filter(|_| !bound.starts_with("127"));
                assert_eq!(*came, Came { len: 9, from: at[number % 3], local }, "{bound}");
                assert_eq!(octets, &[number as u8; 9]);
            }
        }
    }
}
