//! `recvmmsg`, `sendmmsg` and the error queue: the only place of `net` with raw system calls.

use std::{
    io,
    mem::MaybeUninit,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6},
    os::fd::AsRawFd,
};

use socket2::Socket;

use crate::wire::sip::MESSAGE_MAX;

/// Messages in one system call. At 32 the call itself no longer shows in a profile.
pub const BATCH_MAX: usize = 32;

/// Room for an extended error with the offender's address.
const CONTROL_MAX: usize = 128;

#[repr(align(8))]
struct Control([u8; CONTROL_MAX]);

/// Buffers for one `recvmmsg`, used again and again.
pub struct ReceiveBatch {
    buffers: Box<[u8]>,
    names: Box<[libc::sockaddr_storage]>,
    headers: Box<[libc::mmsghdr]>,
    slices: Box<[libc::iovec]>,
}

// SAFETY: the raw pointers in `headers` and `slices` are set anew from the boxes before every call and never read
// otherwise.
unsafe impl Send for ReceiveBatch {}

impl ReceiveBatch {
    pub fn new() -> Self {
        Self {
            buffers: vec![0; BATCH_MAX * MESSAGE_MAX].into_boxed_slice(),
            names: vec![zeroed(); BATCH_MAX].into_boxed_slice(),
            headers: vec![zeroed(); BATCH_MAX].into_boxed_slice(),
            slices: vec![zeroed(); BATCH_MAX].into_boxed_slice(),
        }
    }

    /// Reads up to [`BATCH_MAX`] messages without waiting.
    pub fn fill(&mut self, socket: &Socket) -> io::Result<usize> {
        for (index, buffer) in self.buffers.chunks_exact_mut(MESSAGE_MAX).enumerate() {
            self.slices[index] = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
            let header = &mut self.headers[index];
            header.msg_len = 0;
            header.msg_hdr.msg_name = (&raw mut self.names[index]).cast();
            header.msg_hdr.msg_namelen = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
            header.msg_hdr.msg_iov = &raw mut self.slices[index];
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_flags = 0;
        }
        // SAFETY: every header points to a name and a slice of this value, which outlive the call.
        let count = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                self.headers.as_mut_ptr(),
                BATCH_MAX as libc::c_uint,
                libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
            )
        };
        usize::try_from(count).map_err(|_| io::Error::last_os_error())
    }

    /// The message at `index`: from whom, its bytes. `None` when it was cut.
    pub fn message(&self, index: usize) -> Option<(SocketAddr, &[u8])> {
        let header = self.headers.get(index)?;
        if header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0 {
            return None;
        }
        let remote = address_of(self.names.get(index)?)?;
        let start = index * MESSAGE_MAX;
        let bytes = self.buffers.get(start..start + header.msg_len as usize)?;
        Some((remote, bytes))
    }
}

/// Headers for one `sendmmsg`, used again and again.
pub struct SendBatch {
    names: Box<[libc::sockaddr_storage]>,
    headers: Box<[libc::mmsghdr]>,
    slices: Box<[libc::iovec]>,
}

// SAFETY: as for `ReceiveBatch`.
unsafe impl Send for SendBatch {}

impl SendBatch {
    pub fn new() -> Self {
        Self {
            names: vec![zeroed(); BATCH_MAX].into_boxed_slice(),
            headers: vec![zeroed(); BATCH_MAX].into_boxed_slice(),
            slices: vec![zeroed(); BATCH_MAX].into_boxed_slice(),
        }
    }

    /// Sends as many of the messages as fit into one call; returns how many went.
    pub fn send<'a>(
        &mut self,
        socket: &Socket,
        messages: impl Iterator<Item = (SocketAddr, &'a [u8])>,
    ) -> io::Result<usize> {
        let mut count = 0;
        for (remote, bytes) in messages.take(BATCH_MAX) {
            let name_length = write_address(&mut self.names[count], remote);
            self.slices[count] = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
            let header = &mut self.headers[count].msg_hdr;
            header.msg_name = (&raw mut self.names[count]).cast();
            header.msg_namelen = name_length;
            header.msg_iov = &raw mut self.slices[count];
            header.msg_iovlen = 1;
            header.msg_flags = 0;
            header.msg_control = std::ptr::null_mut();
            header.msg_controllen = 0;
            count += 1;
        }
        // SAFETY: the first `count` headers point to names and slices of this value and to the caller's
        // bytes, all of which outlive the call; `sendmmsg` does not write through the slices.
        let sent = unsafe {
            libc::sendmmsg(
                socket.as_raw_fd(),
                self.headers.as_mut_ptr(),
                count as libc::c_uint,
                libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL,
            )
        };
        usize::try_from(sent).map_err(|_| io::Error::last_os_error())
    }
}

/// Asks the kernel to keep ICMP errors for us (RFC 1122 4.1.3.3).
pub fn report_errors(socket: &Socket, v6: bool) -> io::Result<()> {
    if v6 {
        switch_on(socket, libc::IPPROTO_IPV6, libc::IPV6_RECVERR)
    } else {
        switch_on(socket, libc::IPPROTO_IP, libc::IP_RECVERR)
    }
}

/// A receive buffer beyond `net.core.rmem_max`; needs CAP_NET_ADMIN.
pub fn force_receive_buffer(socket: &Socket, bytes: usize) -> bool {
    set(socket, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, bytes as libc::c_int).is_ok()
}

fn switch_on(socket: &Socket, level: libc::c_int, option: libc::c_int) -> io::Result<()> {
    set(socket, level, option, 1)
}

fn set(socket: &Socket, level: libc::c_int, option: libc::c_int, value: libc::c_int) -> io::Result<()> {
    // SAFETY: the value outlives the call and its length is told.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            (&raw const value).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// One entry of the error queue: `None` when it is empty, `Some(None)` for an error that names nobody or does not mean
/// that nobody is there.
pub fn read_error(socket: &Socket) -> Option<Option<SocketAddr>> {
    let mut name: libc::sockaddr_storage = zeroed();
    let mut control = Control([0; CONTROL_MAX]);
    let mut byte = [0u8; 1];
    let mut slice = libc::iovec { iov_base: byte.as_mut_ptr().cast(), iov_len: 1 };
    let mut header: libc::msghdr = zeroed();
    header.msg_name = (&raw mut name).cast();
    header.msg_namelen = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
    header.msg_iov = &raw mut slice;
    header.msg_iovlen = 1;
    header.msg_control = control.0.as_mut_ptr().cast();
    header.msg_controllen = CONTROL_MAX as _;
    // SAFETY: the header points to locals that outlive the call.
    let read = unsafe { libc::recvmsg(socket.as_raw_fd(), &mut header, libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT) };
    if read < 0 {
        return None;
    }
    // SAFETY: the kernel filled the control buffer.
    let errno = unsafe { error_of(&header) };
    let nobody_there =
        matches!(errno, Some(libc::ECONNREFUSED | libc::EHOSTUNREACH | libc::ENETUNREACH | libc::EHOSTDOWN));
    Some(address_of(&name).filter(|_| nobody_there))
}

/// # Safety
/// `header` must have been filled by `recvmsg` and its control buffer must still be there.
unsafe fn error_of(header: &libc::msghdr) -> Option<libc::c_int> {
    // SAFETY: walks the control messages within the length that the kernel wrote.
    unsafe {
        let mut next = libc::CMSG_FIRSTHDR(header);
        while let Some(message) = next.as_ref() {
            let kind = (message.cmsg_level, message.cmsg_type);
            if kind == (libc::IPPROTO_IP, libc::IP_RECVERR) || kind == (libc::IPPROTO_IPV6, libc::IPV6_RECVERR) {
                let error = libc::CMSG_DATA(message).cast::<libc::sock_extended_err>().read_unaligned();
                return Some(error.ee_errno as libc::c_int);
            }
            next = libc::CMSG_NXTHDR(header, message);
        }
    }
    None
}

fn address_of(name: &libc::sockaddr_storage) -> Option<SocketAddr> {
    let storage: *const libc::sockaddr_storage = name;
    match libc::c_int::from(name.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says that the storage holds a `sockaddr_in`.
            let v4 = unsafe { storage.cast::<libc::sockaddr_in>().read_unaligned() };
            let ip = Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr));
            Some(SocketAddr::V4(SocketAddrV4::new(ip, u16::from_be(v4.sin_port))))
        }
        libc::AF_INET6 => {
            // SAFETY: the family says that the storage holds a `sockaddr_in6`.
            let v6 = unsafe { storage.cast::<libc::sockaddr_in6>().read_unaligned() };
            let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
            Some(SocketAddr::V6(SocketAddrV6::new(ip, u16::from_be(v6.sin6_port), 0, v6.sin6_scope_id)))
        }
        _ => None,
    }
}

fn write_address(name: &mut libc::sockaddr_storage, address: SocketAddr) -> libc::socklen_t {
    let storage: *mut libc::sockaddr_storage = name;
    match address {
        SocketAddr::V4(v4) => {
            let mut raw: libc::sockaddr_in = zeroed();
            raw.sin_family = libc::AF_INET as libc::sa_family_t;
            raw.sin_port = v4.port().to_be();
            raw.sin_addr.s_addr = u32::from(*v4.ip()).to_be();
            // SAFETY: a `sockaddr_storage` has room for every kind of address.
            unsafe { storage.cast::<libc::sockaddr_in>().write_unaligned(raw) };
            size_of::<libc::sockaddr_in>() as libc::socklen_t
        }
        SocketAddr::V6(v6) => {
            let mut raw: libc::sockaddr_in6 = zeroed();
            raw.sin6_family = libc::AF_INET6 as libc::sa_family_t;
            raw.sin6_port = v6.port().to_be();
            raw.sin6_addr.s6_addr = v6.ip().octets();
            raw.sin6_scope_id = v6.scope_id();
            // SAFETY: as above.
            unsafe { storage.cast::<libc::sockaddr_in6>().write_unaligned(raw) };
            size_of::<libc::sockaddr_in6>() as libc::socklen_t
        }
    }
}

/// The system's plain structures are valid when all their bytes are zero.
fn zeroed<T: Copy>() -> T {
    // SAFETY: used for libc's plain-data structures alone.
    unsafe { MaybeUninit::zeroed().assume_init() }
}
