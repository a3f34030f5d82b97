#![allow(clippy::disallowed_methods, reason = "a name server of the test's own, on a thread of its own")]
use std::net::UdpSocket;

use super::*;

/// A DNS server of a few records, on loopback: name, kind, and what the record holds.
struct Zone(Vec<(&'static str, u16, Vec<u8>)>);

const A: u16 = 1;
const SRV: u16 = 33;
const NAPTR: u16 = 35;

fn name(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in text.split('.').filter(|label| !label.is_empty()) {
        bytes.push(label.len() as u8);
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes
}

fn srv(priority: u16, port: u16, target: &str) -> Vec<u8> {
    [&priority.to_be_bytes()[..], &1_u16.to_be_bytes(), &port.to_be_bytes(), &name(target)].concat()
}

fn naptr(order: u16, service: &str, replacement: &str) -> Vec<u8> {
    let text = |text: &str| [&[text.len() as u8][..], text.as_bytes()].concat();
    [&order.to_be_bytes()[..], &[0, 1], &text("s"), &text(service), &text(""), &name(replacement)].concat()
}

impl Zone {
    fn start(self) -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        std::thread::spawn(move || {
            let mut buffer = [0; 512];
            while let Ok((count, from)) = socket.recv_from(&mut buffer) {
                let _ = socket.send_to(&self.answer(&buffer[..count]), from);
            }
        });
        address
    }

    fn answer(&self, query: &[u8]) -> Vec<u8> {
        let end = 12 + query[12..].iter().position(|octet| *octet == 0).unwrap() + 1;
        let asked = query[12..end].to_ascii_lowercase();
        let kind = u16::from_be_bytes([query[end], query[end + 1]]);
        let fits: Vec<_> = self.0.iter().filter(|(owner, of, _)| *of == kind && name(owner) == asked).collect();
        let known = self.0.iter().any(|(owner, ..)| name(owner) == asked);
        let code = if known { 0x80 } else { 0x83 };
        let mut bytes = [&query[..2], &[0x85, code, 0, 1, 0, fits.len() as u8, 0, 0, 0, 0]].concat();
        bytes.extend(&query[12..end + 4]);
        for (_, kind, data) in fits {
            bytes.extend([0xc0, 12]);
            bytes.extend(kind.to_be_bytes());
            bytes.extend([0, 1, 0, 0, 0, 60]);
            bytes.extend((data.len() as u16).to_be_bytes());
            bytes.extend(data);
        }
        bytes
    }
}

/// TK-05: the records of a real DNS server, on loopback, become servers in the order that its domain wants.
#[test]
fn tk_05_names_are_resolved_by_naptr_and_srv() {
    let zone = Zone(vec![
        ("carrier.example", NAPTR, naptr(10, "SIP+D2T", "_sip._tcp.carrier.example")),
        ("carrier.example", NAPTR, naptr(20, "SIP+D2U", "_sip._udp.carrier.example")),
        ("_sip._tcp.carrier.example", SRV, srv(2, 5082, "two.example")),
        ("_sip._tcp.carrier.example", SRV, srv(1, 5081, "one.example")),
        ("_sip._udp.carrier.example", SRV, srv(1, 5083, "one.example")),
        ("one.example", A, vec![192, 0, 2, 1]),
        ("two.example", A, vec![192, 0, 2, 2]),
    ]);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let dns = {
        let _inside = runtime.enter();
        open(&[zone.start()]).unwrap()
    };
    let able = [Transport::Udp, Transport::Tcp];
    let find = |lookup: &Lookup| {
        let found = runtime.block_on(locate(&dns, lookup, &able));
        let show = |server: &Server| format!("{} {}", server.transport.via_name(), server.address);
        (found.servers.iter().map(show).collect::<Vec<_>>(), found.lasts)
    };
    let whole = Lookup { host: "carrier.example".into(), port: None, transport: None };
    let (servers, lasts) = find(&whole);
    assert_eq!(servers, ["TCP 192.0.2.1:5081", "TCP 192.0.2.2:5082", "UDP 192.0.2.1:5083"]);
    assert!((50..=60).contains(&lasts.as_secs()), "{lasts:?}");
    let (servers, _) = find(&Lookup { transport: Some(Transport::Udp), ..whole.clone() });
    assert_eq!(servers, ["UDP 192.0.2.1:5083"]);
    let (servers, _) = find(&Lookup { host: "two.example".into(), port: Some(5099), transport: None });
    assert_eq!(servers, ["UDP 192.0.2.2:5099"]);
    let (servers, _) = find(&Lookup { host: "nobody.example".into(), ..whole });
    assert!(servers.is_empty());
}
