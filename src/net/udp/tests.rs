use super::*;

fn loopback() -> UdpListener {
    UdpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap()
}

fn wait_for(listener: &UdpListener, events: libc::c_short) {
    let mut fds = [libc::pollfd { fd: listener.fd(), events, revents: 0 }];
    // SAFETY: one descriptor, valid for the call.
    let ready = unsafe { libc::poll(fds.as_mut_ptr(), 1, 5_000) };
    assert_eq!(ready, 1, "nothing came within 5 s");
}

fn receive_all(listener: &mut UdpListener, wanted: usize) -> Vec<(SocketAddr, Vec<u8>)> {
    let mut got = Vec::new();
    while got.len() < wanted {
        wait_for(listener, libc::POLLIN);
        listener.receive(|remote, bytes| got.push((remote, bytes.to_vec())));
    }
    got
}

/// SW-03: what goes into a batch comes out whole, in order, with the sender's address.
#[test]
fn a_burst_arrives_whole_and_in_order() {
    let (mut one, mut two) = (loopback(), loopback());
    for number in 0..100u32 {
        one.send(two.local(), Bytes::from(format!("message {number}").into_bytes()));
    }
    one.flush();
    assert!(!one.is_blocked());
    let got = receive_all(&mut two, 100);
    for (number, (remote, bytes)) in got.iter().enumerate() {
        assert_eq!(*remote, one.local());
        assert_eq!(bytes, format!("message {number}").as_bytes());
    }
}

/// SW-03: IPv6 works like IPv4.
#[test]
fn ipv6_works_alike() {
    let bind = || UdpListener::bind("[::1]:0".parse().unwrap()).unwrap();
    let (mut one, mut two) = (bind(), bind());
    one.send(two.local(), Bytes::from_static(b"six"));
    one.flush();
    assert_eq!(receive_all(&mut two, 1)[0], (one.local(), b"six".to_vec()));
}

/// RT-12: a phone whose port is closed is reported at once, and sending to others goes on.
#[test]
fn a_closed_port_is_reported_and_hinders_nobody() {
    let (mut one, mut two) = (loopback(), loopback());
    let closed = loopback().local();
    one.send(closed, Bytes::from_static(b"anybody?"));
    one.flush();
    wait_for(&one, 0);
    for _ in 0..3 {
        one.send(two.local(), Bytes::from_static(b"still here"));
    }
    one.flush();
    let mut gone = Vec::new();
    one.take_unreachable(&mut gone);
    assert_eq!(gone, [closed]);
    assert_eq!(receive_all(&mut two, 3).len(), 3);
    assert_eq!(one.take_dropped(), 0);
}

/// One message that can't be sent is dropped and counted; those behind it go.
#[test]
fn a_message_too_long_to_send_holds_up_nobody() {
    let (mut one, mut two) = (loopback(), loopback());
    one.send(two.local(), Bytes::from(vec![b'x'; 66_000]));
    one.send(two.local(), Bytes::from_static(b"behind"));
    one.flush();
    assert_eq!(receive_all(&mut two, 1)[0].1, b"behind");
    assert_eq!(one.take_dropped(), 1);
}
