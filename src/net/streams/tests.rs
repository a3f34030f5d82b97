mod tls;
mod websocket;

use std::{
    io::{Read, Write},
    net::TcpStream as StdStream,
    time::Duration,
};

use tokio::time::timeout;

use super::*;
use crate::wire::sip::MESSAGE_MAX;

struct Fixture {
    /// Keeps the connections' tasks running.
    runtime: tokio::runtime::Runtime,
    streams: Streams,
    address: SocketAddr,
}

fn start(limits: StreamLimits) -> Fixture {
    start_as(Transport::Tcp, limits, None)
}

fn start_as(transport: Transport, limits: StreamLimits, tls: Option<Arc<Tls>>) -> Fixture {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let mut streams = Streams::new(runtime.handle().clone(), Bell::new().unwrap(), limits, FlowId(1));
    streams.set_tls(tls);
    let address = streams.listen(transport, "127.0.0.1:0".parse().unwrap()).unwrap();
    Fixture { runtime, streams, address }
}

fn generous() -> StreamLimits {
    StreamLimits { total_max: 100, per_ip_max: 100, idle_time: Duration::from_secs(30) }
}

impl Fixture {
    fn connect(&self) -> StdStream {
        let stream = StdStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    /// The next thing a connection tells; at most 20 s.
    fn next(&mut self) -> Arrival {
        let arrivals = &mut self.streams.arrivals;
        self.runtime
            .block_on(async { timeout(Duration::from_secs(20), arrivals.recv()).await })
            .expect("nothing came within 20 s")
            .unwrap()
    }

    fn next_message(&mut self) -> (Path, Message) {
        match self.next() {
            Arrival::Message { path, message } => (path, message),
            other @ (Arrival::Malformed { .. }
            | Arrival::Certified { .. }
            | Arrival::Closed(_)
            | Arrival::Idle(_)
            | Arrival::Unreachable { .. }) => panic!("{other:?}"),
        }
    }

    fn expect_closed(&mut self) -> FlowId {
        match self.next() {
            Arrival::Closed(flow) => flow,
            other @ (Arrival::Message { .. }
            | Arrival::Malformed { .. }
            | Arrival::Certified { .. }
            | Arrival::Idle(_)
            | Arrival::Unreachable { .. }) => panic!("{other:?}"),
        }
    }

    fn expect_idle(&mut self) -> FlowId {
        match self.next() {
            Arrival::Idle(flow) => flow,
            other @ (Arrival::Message { .. }
            | Arrival::Malformed { .. }
            | Arrival::Certified { .. }
            | Arrival::Closed(_)
            | Arrival::Unreachable { .. }) => panic!("{other:?}"),
        }
    }
}

pub fn options(number: u32) -> String {
    format!(
        "OPTIONS sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:5070;branch=z9hG4bK{number}\r\n\
         From: <sip:a@b>;tag=1\r\nTo: <sip:127.0.0.1>\r\nCall-ID: {number}\r\nCSeq: 1 OPTIONS\r\n\
         Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    )
}

fn read_to_end(mut stream: StdStream) -> Vec<u8> {
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all);
    all
}

/// SW-03: octet by octet or several at once, each message comes out once, in order, and goes back on its flow.
#[test]
fn messages_are_framed_however_they_are_cut() {
    let mut fixture = start(generous());
    let mut phone = fixture.connect();
    phone.set_nodelay(true).unwrap();
    for octet in options(1).bytes() {
        phone.write_all(&[octet]).unwrap();
    }
    phone.write_all(format!("{}{}{}", options(2), options(3), options(4)).as_bytes()).unwrap();
    let mut flow = None;
    for number in ["1", "2", "3", "4"] {
        let (path, message) = fixture.next_message();
        assert_eq!(message.call_id(), number);
        assert_eq!((path.transport, path.local), (Transport::Tcp, fixture.address));
        flow = Some(path);
    }
    fixture.streams.send(&flow.unwrap(), Bytes::from_static(b"answer"));
    let mut answer = [0; 6];
    phone.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"answer");
    drop(phone);
    assert_eq!(Some(fixture.expect_closed()), flow.unwrap().flow);
    assert_eq!(fixture.streams.count(), 0);
}

/// SW-03: CRLF CRLF is answered by CRLF (RFC 5626 4.4.1).
#[test]
fn a_keep_alive_is_answered() {
    let fixture = start(generous());
    let mut phone = fixture.connect();
    phone.write_all(b"\r\n\r\n").unwrap();
    let mut pong = [0; 2];
    phone.read_exact(&mut pong).unwrap();
    assert_eq!(&pong, b"\r\n");
}

/// SW-19: a length that no message may have closes the connection before anything is allocated for it.
#[test]
fn a_huge_length_is_refused_at_once() {
    let mut fixture = start(generous());
    let mut peer = fixture.connect();
    peer.write_all(options(1).replace("Content-Length: 0", "Content-Length: 4000000000").as_bytes()).unwrap();
    let said = String::from_utf8(read_to_end(peer)).unwrap();
    assert!(said.starts_with("SIP/2.0 4") || said.starts_with("SIP/2.0 513"), "{said:?}");
    fixture.expect_closed();
}

/// SW-19: ten megabytes of header end the connection, not the switch.
#[test]
fn endless_headers_are_cut_off() {
    let mut fixture = start(generous());
    let mut peer = fixture.connect();
    let mut written = 0;
    let _ = peer.write_all(b"OPTIONS sip:127.0.0.1 SIP/2.0\r\n");
    while written < 10_000_000 && peer.write_all(&[b"X: y\r\n".as_slice(); 1_000].concat()).is_ok() {
        written += 6_000;
    }
    assert!(written < 20 * MESSAGE_MAX + 8_000_000, "all of it was read");
    fixture.expect_closed();
}

/// SW-19: one address can't take all connections, and all together have a limit.
#[test]
fn connections_are_limited_by_address_and_in_total() {
    let mut fixture = start(StreamLimits { per_ip_max: 2, ..generous() });
    let mut held: Vec<_> = (0..2).map(|_| fixture.connect()).collect();
    for (number, phone) in held.iter_mut().enumerate() {
        phone.write_all(options(number as u32).as_bytes()).unwrap();
        fixture.next_message();
    }
    assert_eq!(read_to_end(fixture.connect()), b"", "closed without a word");
    assert_eq!(fixture.streams.take_refused(), 1);
    drop(held.pop());
    fixture.expect_closed();
    let mut phone = fixture.connect();
    phone.write_all(options(9).as_bytes()).unwrap();
    assert_eq!(fixture.next_message().1.call_id(), "9");
}

/// SW-19, SW-03: of a connection that says nothing the loop is asked each time that it has been silent for long; one that is
/// of no use is closed, the others stay open.
#[test]
fn sw_19_a_silent_connection_is_asked_about() {
    let mut fixture = start(StreamLimits { idle_time: Duration::from_millis(100), ..generous() });
    let mut peer = fixture.connect();
    let flow = fixture.expect_idle();
    assert_eq!(fixture.expect_idle(), flow, "nobody has said that it be closed");
    peer.write_all(options(1).as_bytes()).unwrap();
    assert_eq!(fixture.next_message().0.flow, Some(flow));
    assert_eq!(fixture.expect_idle(), flow);
    fixture.streams.hang_up(flow);
    assert_eq!(fixture.expect_closed(), flow);
    assert_eq!(read_to_end(peer), b"");
    fixture.streams.hang_up(flow);
}

/// SW-19: whoever does not read what we send is cut off, and costs a bounded number of messages until then.
#[test]
fn a_peer_that_never_reads_is_cut_off() {
    let mut fixture = start(generous());
    let mut peer = fixture.connect();
    peer.write_all(options(1).as_bytes()).unwrap();
    let (path, _) = fixture.next_message();
    let large = Bytes::from(vec![b'x'; 60_000]);
    for _ in 0..table::WRITES_MAX + 200 {
        fixture.streams.send(&path, large.clone());
    }
    assert_eq!(Some(fixture.expect_closed()), path.flow);
    assert_eq!(fixture.streams.count(), 0);
}

/// SW-03: a request without a flow opens a connection, the next one uses it, and both directions are one flow.
#[test]
fn an_outgoing_connection_is_made_once_and_used_again() {
    let mut fixture = start(generous());
    let carrier = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let remote = carrier.local_addr().unwrap();
    let path = Path { transport: Transport::Tcp, local: fixture.address, remote, flow: None };
    fixture.streams.send(&path, Bytes::from_static(b"one"));
    fixture.streams.send(&path, Bytes::from_static(b"two"));
    let (mut stream, _) = carrier.accept().unwrap();
    let mut both = [0; 6];
    stream.read_exact(&mut both).unwrap();
    assert_eq!(&both, b"onetwo");
    stream.write_all(options(5).as_bytes()).unwrap();
    let (back, message) = fixture.next_message();
    assert_eq!((back.remote, back.local, message.call_id()), (remote, fixture.address, "5"));
    assert!(back.flow.is_some());
}

/// RT-12: nobody listens there, and that is told at once.
#[test]
fn a_refused_connection_is_told() {
    let mut fixture = start(generous());
    let remote = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let path = Path { transport: Transport::Tcp, local: fixture.address, remote, flow: None };
    fixture.streams.send(&path, Bytes::from_static(b"anybody?"));
    match fixture.next() {
        Arrival::Unreachable { remote: told, .. } => assert_eq!(told, remote),
        other @ (Arrival::Message { .. }
        | Arrival::Malformed { .. }
        | Arrival::Certified { .. }
        | Arrival::Closed(_)
        | Arrival::Idle(_)) => {
            panic!("{other:?}")
        }
    }
}

/// SW-03, TK-01: a connection of ours is kept alive by us, for as long as its peer's host is there, whether or not it answers
/// the pings; a pong is no message begun.
#[test]
fn sw_03_tk_01_a_connection_of_ours_is_kept_alive() {
    let idle_time = Duration::from_millis(300);
    let mut fixture = start(StreamLimits { idle_time, ..generous() });
    let carrier = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let remote = carrier.local_addr().unwrap();
    let path = Path { transport: Transport::Tcp, local: fixture.address, remote, flow: None };
    fixture.streams.send(&path, Bytes::from_static(b"REGISTER"));
    let (mut stream, _) = carrier.accept().unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut first = [0; 8];
    stream.read_exact(&mut first).unwrap();
    for ping in 0..12 {
        let mut said = [0; 4];
        stream.read_exact(&mut said).unwrap();
        assert_eq!(&said, b"\r\n\r\n");
        if ping < 4 {
            stream.write_all(b"\r\n").unwrap();
        }
    }
    stream.write_all(options(7).as_bytes()).unwrap();
    let (back, _) = fixture.next_message();
    assert_eq!(fixture.streams.count(), 1);
    drop(stream);
    assert_eq!(Some(fixture.expect_closed()), back.flow);
}
