//! TLS and WebSocket on the real program.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use rustls::{ClientConnection, StreamOwned, pki_types::ServerName};

use super::{
    http::Http,
    page_phone::{PagePhone, trusting},
    phone::Phone,
    running::{Program, Setup},
};

fn everything(name: &str) -> Setup {
    let listen = "udp:127.0.0.1:0,tcp:127.0.0.1:0,tls:127.0.0.1:0,ws:127.0.0.1:0,wss:127.0.0.1:0";
    Program::demo(name).set("STROWGER_SIP_LISTEN", listen)
}

/// SW-03: a browser's phone registers over WSS with a Contact that names no place, is rung, answers and is hung up, all on
/// its own connection, with the self-signed certificate of the first start; when it closes, its binding is gone.
#[test]
fn a_browser_phone_is_rung_on_its_own_connection() {
    let program = everything("wss").start();
    let mut page = PagePhone::open(&program);
    assert_eq!(page.register("ana", program.password("ana")).status(), Some(200));
    let mut carrier = Phone::at(program.sip, program.trunk);
    carrier.invite("201");
    let invite = page.expect_request("INVITE");
    assert!(invite.uri_text().unwrap().contains(".invalid"), "the Request-URI is the Contact that it gave");
    assert!(invite.header(strowger::wire::sip::Name::Via).unwrap().starts_with("SIP/2.0/WSS "));
    assert!(invite.header(strowger::wire::sip::Name::Contact).unwrap().contains(";transport=ws"));
    let offer = String::from_utf8_lossy(invite.body()).into_owned();
    assert!(
        offer.contains("UDP/TLS/RTP/SAVPF") && !offer.contains("RTP/AVP "),
        "a browser is offered this alone: {offer}"
    );
    page.answer(&invite, 200, &browsers_answer());
    assert_eq!(carrier.next_status_over_100(), 200);
    carrier.ack();
    page.expect_request("ACK");
    carrier.bye();
    page.expect_request("BYE");
    drop(page);
    let admin = Http::sign_in(program.http, "admin", program.password("admin"));
    admin.until("/metrics", |text| text.contains("\nregistered_devices 0\n"));
    program.stop();
}

/// What a browser answers (RFC 8829).
fn browsers_answer() -> String {
    let print = ["AB"; 32].join(":");
    format!(
        "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\n\
         c=IN IP4 0.0.0.0\r\na=ice-ufrag:Abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=fingerprint:sha-256 {print}\r\n\
         a=setup:active\r\na=mid:0\r\na=sendrecv\r\na=rtcp-mux\r\na=rtpmap:0 PCMU/8000\r\n"
    )
}

/// SW-03: OPTIONS over TLS with the certificate that was made at first start, which a second start keeps.
#[test]
fn the_certificate_of_the_first_start_is_kept() {
    let mut program = everything("tls").start();
    let file = program.data("tls/certificate.pem");
    let first = std::fs::read(&file).unwrap();
    let server = program.listeners["TLS"];
    let stream = TcpStream::connect(server).unwrap();
    let secured = ClientConnection::new(trusting(&file), ServerName::from(server.ip())).unwrap();
    let mut stream = StreamOwned::new(secured, stream);
    let text = format!(
        "OPTIONS sip:{server} SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.1:1;branch=z9hG4bKtls\r\nFrom: <sip:x@y>;tag=1\r\n\
         To: <sip:{server}>\r\nCall-ID: tls\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    );
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"SIP/2.0 200 ");
    program.kill();
    program = program.start_again();
    assert_eq!(std::fs::read(&file).unwrap(), first);
    program.stop();
}

/// SW-03: over each transport a sign of life is answered, IPv6 like IPv4: STUN over UDP, CRLF over TCP and TLS (RFC 5626 4.4);
/// the same sockets answer SIP.
#[test]
fn signs_of_life_are_answered_over_each_transport() {
    let listen = "udp:127.0.0.1:0,tcp:[::1]:0,tls:[::1]:0";
    let program = Program::demo("alive").set("STROWGER_SIP_LISTEN", listen).start();
    let udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    udp.set_read_timeout(Some(std::time::Duration::from_secs(10))).unwrap();
    let asked = [&[0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42][..], b"transaction1"].concat();
    udp.send_to(&asked, program.sip).unwrap();
    let mut answer = [0; 64];
    let (count, _) = udp.recv_from(&mut answer).unwrap();
    assert_eq!((count, &answer[..2], &answer[8..20]), (32, &[1, 1][..], &b"transaction1"[..]));

    let tcp = TcpStream::connect(program.listeners["TCP"]).unwrap();
    assert!(tcp.peer_addr().unwrap().is_ipv6());
    is_alive(tcp, "TCP");
    let server = program.listeners["TLS"];
    let file = program.data("tls/certificate.pem");
    let secured = ClientConnection::new(trusting(&file), ServerName::from(server.ip())).unwrap();
    is_alive(StreamOwned::new(secured, TcpStream::connect(server).unwrap()), "TLS");
    program.stop();
}

fn is_alive(mut stream: impl Read + Write, transport: &str) {
    stream.write_all(b"\r\n\r\n").unwrap();
    let mut pong = [0; 2];
    stream.read_exact(&mut pong).unwrap();
    assert_eq!(&pong, b"\r\n", "{transport}");
    let text = format!(
        "OPTIONS sip:[::1] SIP/2.0\r\nVia: SIP/2.0/{transport} [::1]:1;branch=z9hG4bKalive\r\nFrom: <sip:x@[::1]>;tag=1\r\n\
         To: <sip:[::1]>\r\nCall-ID: alive\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    );
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"SIP/2.0 200 ", "{transport}");
}
