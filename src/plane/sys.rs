//! The few system calls that the media workers make, each wrapped once. Nothing here allocates.

mod batch;

use std::{
    io,
    mem::{MaybeUninit, size_of, zeroed},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6},
    os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd},
};

pub use batch::{BATCH_MAX, Inbox, Outbox};

/// Kernel's receive buffer of one socket: about 80 packets, 1.6 s of a stream. More would only store old speech, and a
/// flood on many ports would eat the kernel's memory.
const RECEIVE_BUFFER_BYTES: libc::c_int = 32 * 1024;

/// The same of a socket that many legs share: a tenth of a second of 1,000 of them.
const SHARED_BUFFER_BYTES: libc::c_int = 2 * 1024 * 1024;

/// Expedited forwarding (RFC 3246) as it stands in the traffic class octet.
const DSCP_EF: libc::c_int = 46 << 2;

/// Below 0 goes first; -20 is the most.
const MEDIA_NICE: libc::c_int = -11;

/// A bound UDP socket that never blocks.
#[derive(Debug)]
pub struct Udp {
    fd: OwnedFd,
    /// Bound to every address of both families. The kernel writes IPv4 as IPv6 there; nobody else sees that.
    takes_both: bool,
    /// Bound to every address: without being told, the kernel picks the one that a packet leaves from.
    is_everywhere: bool,
    family: libc::c_int,
}

/// Room for one control message with an address.
#[repr(C, align(8))]
struct Control([u8; 64]);

/// Readiness of many sockets.
#[derive(Debug)]
pub struct Epoll(OwnedFd);

/// Wakes a worker from another thread.
#[derive(Debug)]
pub struct Waker(OwnedFd);

/// One readiness report.
pub type Ready = libc::epoll_event;

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

fn owned(result: libc::c_int) -> io::Result<OwnedFd> {
    // SAFETY: a descriptor that the kernel just returned belongs to nobody else.
    check(result).map(|fd| unsafe { OwnedFd::from_raw_fd(fd) })
}

impl Udp {
    pub fn bind(addr: SocketAddr) -> io::Result<Self> {
        let family = if addr.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
        let kind = libc::SOCK_DGRAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
        // SAFETY: no pointers.
        let fd = owned(unsafe { libc::socket(family, kind, 0) })?;
        let is_everywhere = addr.ip().is_unspecified();
        let socket = Self { fd, takes_both: addr.is_ipv6() && is_everywhere, is_everywhere, family };
        socket.set(libc::SOL_SOCKET, libc::SO_RCVBUF, RECEIVE_BUFFER_BYTES)?;
        match addr.ip() {
            // A mark that the kernel refuses costs quality, not the call.
            IpAddr::V4(_) => _ = socket.set(libc::IPPROTO_IP, libc::IP_TOS, DSCP_EF),
            IpAddr::V6(_) => {
                socket.set(libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, (!socket.takes_both).into())?;
                let _ = socket.set(libc::IPPROTO_IPV6, libc::IPV6_TCLASS, DSCP_EF);
                let _ = socket.set(libc::IPPROTO_IP, libc::IP_TOS, DSCP_EF);
            }
        }
        let (raw, len) = to_raw(addr);
        // SAFETY: `raw` lives through the call and holds `len` octets of an address.
        check(unsafe { libc::bind(socket.fd(), (&raw const raw).cast(), len) })?;
        Ok(socket)
    }

    /// Like [`bind`](Self::bind), for many legs.
    pub fn bind_shared(addr: SocketAddr) -> io::Result<Self> {
        let socket = Self::bind(addr)?;
        // The kernel gives what it may; less costs packets in a burst.
        socket.set(libc::SOL_SOCKET, libc::SO_RCVBUF, SHARED_BUFFER_BYTES)?;
        match socket.family {
            _ if !socket.is_everywhere => {}
            libc::AF_INET => socket.set(libc::IPPROTO_IP, libc::IP_PKTINFO, 1)?,
            _ => socket.set(libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, 1)?,
        }
        Ok(socket)
    }

    /// Whether it can send there.
    pub fn reaches(&self, local: SocketAddr, to: SocketAddr) -> bool {
        self.takes_both || local.is_ipv4() == to.is_ipv4()
    }

    /// One datagram into `buffer`: how long it was and whence. `WouldBlock` when none waits.
    #[inline]
    pub fn receive(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let mut from = MaybeUninit::<libc::sockaddr_storage>::uninit();
        let mut len = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
        // SAFETY: pointer and length of `buffer` and `from` belong together; both outlive the call.
        let count = unsafe {
            let (data, room) = (buffer.as_mut_ptr().cast(), buffer.len());
            libc::recvfrom(self.fd(), data, room, libc::MSG_TRUNC, from.as_mut_ptr().cast(), &raw mut len)
        };
        if count < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel wrote an address of the socket's family, IPv4 or IPv6, for every datagram it gave.
        let from = unsafe { from_raw(from.as_ptr()) };
        Ok((count as usize, self.seen(from.ok_or(io::ErrorKind::InvalidData)?)))
    }

    /// An address as everybody but the kernel writes it.
    #[inline]
    fn seen(&self, addr: SocketAddr) -> SocketAddr {
        if self.takes_both { SocketAddr::new(addr.ip().to_canonical(), addr.port()) } else { addr }
    }

    /// Sends from that address of ours; from the one that the kernel picks when it is `None`, or of another family. A socket
    /// that is bound to one address sends from there.
    #[inline]
    pub fn send(&self, packet: &[u8], to: SocketAddr, local: Option<IpAddr>) -> io::Result<()> {
        let (raw, len) = to_raw(self.written(to));
        if let Some(local) = self.leaves_from(to, local) {
            return self.send_from(packet, &raw, len, local);
        }
        // SAFETY: pointers and lengths of `packet` and `raw` belong together; both outlive the call.
        let sent = unsafe {
            libc::sendto(
                self.fd(),
                packet.as_ptr().cast(),
                packet.len(),
                libc::MSG_NOSIGNAL,
                (&raw const raw).cast(),
                len,
            )
        };
        if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    fn send_from(
        &self,
        packet: &[u8],
        to: &libc::sockaddr_storage,
        to_len: libc::socklen_t,
        local: IpAddr,
    ) -> io::Result<()> {
        let mut slice = libc::iovec { iov_base: packet.as_ptr().cast_mut().cast(), iov_len: packet.len() };
        let mut control = Control([0; 64]);
        // SAFETY: all zeros are a valid, empty header.
        let mut header: libc::msghdr = unsafe { zeroed() };
        header.msg_name = (&raw const *to).cast_mut().cast();
        header.msg_namelen = to_len;
        (header.msg_iov, header.msg_iovlen) = (&raw mut slice, 1);
        header.msg_controllen = control.put_local(self.family, local);
        header.msg_control = (&raw mut control).cast();
        // SAFETY: the header points to a name, a slice and a control buffer that outlive the call, with their lengths;
        // `sendmsg` writes to none of them.
        let sent = unsafe { libc::sendmsg(self.fd(), &raw const header, libc::MSG_NOSIGNAL) };
        if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// An address as the kernel writes it.
    #[inline]
    fn written(&self, to: SocketAddr) -> SocketAddr {
        match to {
            SocketAddr::V4(to) if self.takes_both => SocketAddr::new(to.ip().to_ipv6_mapped().into(), to.port()),
            SocketAddr::V4(_) | SocketAddr::V6(_) => to,
        }
    }

    /// Which address of ours the kernel has to be told that it leaves from, if any.
    #[inline]
    fn leaves_from(&self, to: SocketAddr, local: Option<IpAddr>) -> Option<IpAddr> {
        local.filter(|local| self.is_everywhere && local.is_ipv4() == to.is_ipv4())
    }

    fn set(&self, level: libc::c_int, name: libc::c_int, value: libc::c_int) -> io::Result<()> {
        let len = size_of::<libc::c_int>() as libc::socklen_t;
        // SAFETY: `value` lives through the call and is as long as `len` says.
        check(unsafe { libc::setsockopt(self.fd(), level, name, (&raw const value).cast(), len) }).map(drop)
    }

    fn fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

impl Control {
    /// Says which address of ours a datagram leaves from; tells how long all is then.
    fn put_local(&mut self, family: libc::c_int, local: IpAddr) -> usize {
        match (family, local) {
            (libc::AF_INET, IpAddr::V4(local)) => {
                let spec = libc::in_addr { s_addr: u32::from_ne_bytes(local.octets()) };
                let info =
                    libc::in_pktinfo { ipi_ifindex: 0, ipi_spec_dst: spec, ipi_addr: libc::in_addr { s_addr: 0 } };
                self.put(libc::IPPROTO_IP, libc::IP_PKTINFO, info)
            }
            (_, local) => {
                // A socket of IPv6 wants IPv4 written its way here too.
                let local = match local {
                    IpAddr::V4(local) => local.to_ipv6_mapped(),
                    IpAddr::V6(local) => local,
                };
                let info = libc::in6_pktinfo { ipi6_addr: libc::in6_addr { s6_addr: local.octets() }, ipi6_ifindex: 0 };
                self.put(libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, info)
            }
        }
    }

    /// Writes one message; tells how long all is then.
    fn put<T: Copy>(&mut self, level: libc::c_int, kind: libc::c_int, value: T) -> usize {
        const { assert!(size_of::<T>() + size_of::<libc::cmsghdr>() + 8 <= size_of::<Self>()) };
        let len = size_of::<T>() as libc::c_uint;
        // SAFETY: the buffer is aligned for a control message's head and has room for it and for a value of this length
        // behind it, where `CMSG_DATA` points.
        unsafe {
            let head = self.0.as_mut_ptr().cast::<libc::cmsghdr>();
            (*head).cmsg_level = level;
            (*head).cmsg_type = kind;
            (*head).cmsg_len = libc::CMSG_LEN(len) as _;
            libc::CMSG_DATA(head).cast::<T>().write_unaligned(value);
            libc::CMSG_SPACE(len) as usize
        }
    }
}

impl Epoll {
    pub fn new() -> io::Result<Self> {
        // SAFETY: no pointers.
        owned(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) }).map(Self)
    }

    /// Reports `token` while the socket has something to read.
    pub fn add(&self, socket: &Udp, token: u64) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, socket.fd(), token)
    }

    pub fn add_waker(&self, waker: &Waker, token: u64) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, waker.0.as_raw_fd(), token)
    }

    pub fn remove(&self, socket: &Udp) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_DEL, socket.fd(), 0)
    }

    /// Waits at most `timeout_ms` (for ever when negative) and tells how many reports there are.
    pub fn wait(&self, ready: &mut [Ready], timeout_ms: i32) -> io::Result<usize> {
        let room = libc::c_int::try_from(ready.len()).unwrap_or(libc::c_int::MAX);
        // SAFETY: `ready` has room for as many reports as we say.
        let count = unsafe { libc::epoll_wait(self.0.as_raw_fd(), ready.as_mut_ptr(), room, timeout_ms) };
        match check(count) {
            Ok(count) => Ok(count as usize),
            Err(fault) if fault.kind() == io::ErrorKind::Interrupted => Ok(0),
            Err(fault) => Err(fault),
        }
    }

    fn control(&self, what: libc::c_int, fd: RawFd, token: u64) -> io::Result<()> {
        let mut event = Ready { events: libc::EPOLLIN as u32, u64: token };
        // SAFETY: `event` lives through the call.
        check(unsafe { libc::epoll_ctl(self.0.as_raw_fd(), what, fd, &raw mut event) }).map(drop)
    }
}

impl Waker {
    pub fn new() -> io::Result<Self> {
        // SAFETY: no pointers.
        owned(unsafe { libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC) }).map(Self)
    }

    pub fn wake(&self) {
        let one = 1u64;
        // SAFETY: eight octets, as an eventfd wants. It fails only when it is awake more than enough.
        unsafe { libc::write(self.0.as_raw_fd(), (&raw const one).cast(), size_of::<u64>()) };
    }

    pub fn rest(&self) {
        let mut count = 0u64;
        // SAFETY: room for eight octets, as an eventfd writes. It fails only when nobody woke.
        unsafe { libc::read(self.0.as_raw_fd(), (&raw mut count).cast(), size_of::<u64>()) };
    }
}

/// Lets the calling thread go before others when all want a core, where the process may ask for it: sound that comes late
/// is lost, everything else only waits.
pub fn prefer_this_thread() {
    // SAFETY: no pointers. On Linux 0 means this thread alone.
    let _ = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, MEDIA_NICE) };
}

/// Raises the number of files the process may open as far as it may, and tells it.
pub fn raise_file_limit() -> io::Result<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` lives through the call.
    check(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) })?;
    if limit.rlim_cur < limit.rlim_max {
        let wanted = libc::rlimit { rlim_cur: limit.rlim_max, rlim_max: limit.rlim_max };
        // SAFETY: `wanted` lives through the call.
        if check(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const wanted) }).is_ok() {
            limit = wanted;
        }
    }
    Ok(limit.rlim_cur)
}

#[inline]
fn to_raw(addr: SocketAddr) -> (libc::sockaddr_storage, libc::socklen_t) {
    // SAFETY: all zeros are a valid, empty address.
    let mut storage: libc::sockaddr_storage = unsafe { zeroed() };
    let len = match addr {
        SocketAddr::V4(addr) => {
            let raw = libc::sockaddr_in {
                sin_family: libc::AF_INET as libc::sa_family_t,
                sin_port: addr.port().to_be(),
                sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(addr.ip().octets()) },
                sin_zero: [0; 8],
            };
            // SAFETY: a storage has room and alignment for any address.
            unsafe { (&raw mut storage).cast::<libc::sockaddr_in>().write(raw) };
            size_of::<libc::sockaddr_in>()
        }
        SocketAddr::V6(addr) => {
            let raw = libc::sockaddr_in6 {
                sin6_family: libc::AF_INET6 as libc::sa_family_t,
                sin6_port: addr.port().to_be(),
                sin6_flowinfo: addr.flowinfo(),
                sin6_addr: libc::in6_addr { s6_addr: addr.ip().octets() },
                sin6_scope_id: addr.scope_id(),
            };
            // SAFETY: a storage has room and alignment for any address.
            unsafe { (&raw mut storage).cast::<libc::sockaddr_in6>().write(raw) };
            size_of::<libc::sockaddr_in6>()
        }
    };
    (storage, len as libc::socklen_t)
}

/// # Safety
/// `raw` points to a storage whose family is set and whose address of that family is written.
#[inline]
unsafe fn from_raw(raw: *const libc::sockaddr_storage) -> Option<SocketAddr> {
    // SAFETY: the caller's promise; a storage is aligned for any address.
    unsafe {
        match libc::c_int::from((*raw).ss_family) {
            libc::AF_INET => {
                let raw = &*raw.cast::<libc::sockaddr_in>();
                let ip = Ipv4Addr::from(raw.sin_addr.s_addr.to_ne_bytes());
                Some(SocketAddrV4::new(ip, u16::from_be(raw.sin_port)).into())
            }
            libc::AF_INET6 => {
                let raw = &*raw.cast::<libc::sockaddr_in6>();
                let ip = Ipv6Addr::from(raw.sin6_addr.s6_addr);
                Some(SocketAddrV6::new(ip, u16::from_be(raw.sin6_port), raw.sin6_flowinfo, raw.sin6_scope_id).into())
            }
            _ => None,
        }
    }
}

/// Which address of ours a datagram was sent to.
///
/// # Safety
/// The kernel wrote the header and the control messages that it points to.
unsafe fn local_of(header: &libc::msghdr) -> Option<IpAddr> {
    // SAFETY: the caller's promise: each message is as long as its head says, and of the kind that it says.
    unsafe {
        let mut message = libc::CMSG_FIRSTHDR(header);
        while !message.is_null() {
            match ((*message).cmsg_level, (*message).cmsg_type) {
                (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                    let info = libc::CMSG_DATA(message).cast::<libc::in_pktinfo>().read_unaligned();
                    return Some(Ipv4Addr::from(info.ipi_spec_dst.s_addr.to_ne_bytes()).into());
                }
                (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                    let info = libc::CMSG_DATA(message).cast::<libc::in6_pktinfo>().read_unaligned();
                    return Some(Ipv6Addr::from(info.ipi6_addr.s6_addr).into());
                }
                _ => message = libc::CMSG_NXTHDR(header, message),
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SW-07, RFC 4961: a socket for all addresses sends from the one that it is told to, and says which it was spoken to at,
    /// in either family and for IPv4 in a socket of both.
    #[test]
    fn sw_07_packets_leave_from_the_address_that_was_told() {
        for (bound, phone, ours) in [
            ("0.0.0.0:0", "127.0.0.9:0", "127.0.0.2"),
            ("[::]:0", "127.0.0.9:0", "127.0.0.2"),
            ("[::]:0", "[::1]:0", "::1"),
            ("127.0.0.2:0", "127.0.0.9:0", "127.0.0.2"),
        ] {
            let ours: IpAddr = ours.parse().expect("an address");
            let bound: SocketAddr = bound.parse().expect("an address");
            let (Ok(socket), Ok(phone)) = (Udp::bind_shared(bound), std::net::UdpSocket::bind(phone)) else {
                println!("{bound}, {phone}: this machine has no such family");
                continue;
            };
            phone.set_read_timeout(Some(std::time::Duration::from_secs(5))).expect("bounded");
            let (mut buffer, theirs) = ([0; 16], phone.local_addr().expect("bound"));
            let (mut raw, mut len) = (to_raw(bound).0, size_of::<libc::sockaddr_storage>() as libc::socklen_t);
            // SAFETY: both pointers live through the call, and `len` says how much `raw` holds.
            let done = unsafe { libc::getsockname(socket.fd(), (&raw mut raw).cast(), &raw mut len) };
            assert_eq!(done, 0);
            // SAFETY: the kernel has just written it.
            let port = unsafe { from_raw(&raw const raw) }.expect("an address").port();

            socket.send(b"told", theirs, Some(ours)).expect("sent");
            let (len, from) = phone.recv_from(&mut buffer).expect("heard in time");
            assert_eq!((&buffer[..len], from), (&b"told"[..], SocketAddr::new(ours, port)), "{bound}");
            phone.send_to(b"back", from).expect("sent");
            let poll = Epoll::new().expect("a poll");
            poll.add(&socket, 1).expect("added");
            assert_eq!(poll.wait(&mut [Ready { events: 0, u64: 0 }], 5_000).expect("works"), 1);
            let mut inbox = Inbox::<16>::new();
            assert_eq!(socket.receive_many(&mut inbox).expect("one waits"), 1);
            let (octets, came) = inbox.datagram(0).expect("known");
            let everywhere = bound.ip().is_unspecified();
            assert_eq!((&octets[..4], came.len, came.from), (&b"back"[..], 4, theirs), "{bound}");
            assert_eq!(came.local, Some(ours).filter(|_| everywhere), "{bound}");
        }
    }

    /// SW-07: what is sent is marked as speech (EF, RFC 3246), in either family.
    #[test]
    fn sw_07_sound_is_marked_as_such() {
        for (address, level, option) in [
            ("127.0.0.1:0", libc::IPPROTO_IP, libc::IP_TOS),
            ("[::1]:0", libc::IPPROTO_IPV6, libc::IPV6_TCLASS),
            ("[::]:0", libc::IPPROTO_IP, libc::IP_TOS),
        ] {
            let Ok(socket) = Udp::bind(address.parse().expect("an address")) else {
                println!("{address}: this machine has no such family");
                continue;
            };
            let (mut value, mut len): (libc::c_int, _) = (0, size_of::<libc::c_int>() as libc::socklen_t);
            // SAFETY: both pointers live through the call, and `len` says how much `value` holds.
            let done = unsafe { libc::getsockopt(socket.fd(), level, option, (&raw mut value).cast(), &raw mut len) };
            assert_eq!((done, value), (0, DSCP_EF), "{address}");
        }
    }
}
