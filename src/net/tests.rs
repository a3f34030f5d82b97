use std::{io::Write as _, net::UdpSocket};

use super::*;
use crate::wire::sip::Name;

struct Fixture {
    _runtime: tokio::runtime::Runtime,
    net: Net,
    address: SocketAddr,
    phone: UdpSocket,
}

fn start() -> Fixture {
    start_with(Duration::from_secs(30))
}

fn start_with(idle_time: Duration) -> Fixture {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let limits = StreamLimits { total_max: 10, per_ip_max: 10, idle_time };
    let mut net = Net::new(runtime.handle().clone(), limits, FlowId(1)).unwrap();
    let address = net.listen(Transport::Udp, "127.0.0.1:0".parse().unwrap()).unwrap().address;
    let phone = UdpSocket::bind("127.0.0.1:0").unwrap();
    phone.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    Fixture { _runtime: runtime, net, address, phone }
}

fn request(method: &str, number: usize) -> String {
    format!(
        "{method} sip:800@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK{number};rport\r\n\
         From: <sip:a@b>;tag=1\r\nTo: <sip:800@b>\r\nCall-ID: {number}\r\nCSeq: 1 {method}\r\nMax-Forwards: 70\r\n\
         Content-Length: 0\r\n\r\n"
    )
}

impl Fixture {
    fn say(&self, text: &str) {
        self.phone.send_to(text.as_bytes(), self.address).unwrap();
    }

    fn hear(&self) -> String {
        let mut buffer = [0; 4_096];
        let (count, from) = self.phone.recv_from(&mut buffer).unwrap();
        assert_eq!(from, self.address);
        String::from_utf8(buffer[..count].to_vec()).unwrap()
    }

    /// One turn of the loop, at the given time.
    fn turn(&mut self, millis: u64) {
        self.net.wait(Some(Duration::from_secs(10)), || false);
        self.net.receive(Instant::from_micros(millis * 1_000));
        self.net.flush();
    }
}

#[test]
fn a_request_comes_in_and_an_answer_goes_back() {
    let mut fixture = start();
    fixture.say(&request("OPTIONS", 1));
    fixture.turn(0);
    let Some(Input::Sip { path, message }) = fixture.net.next_input() else { panic!("nothing came") };
    assert_eq!((path.local, path.remote), (fixture.address, fixture.phone.local_addr().unwrap()));
    assert_eq!(message.call_id(), "1");
    fixture.net.send(path, Bytes::from_static(b"hello"));
    fixture.net.flush();
    assert_eq!(fixture.hear(), "hello");
    assert!(fixture.net.next_input().is_none());
}

/// SW-19: a malformed request is answered 400 without the engine; garbage and keep-alives get silence.
#[test]
fn what_is_malformed_is_answered_here() {
    let mut fixture = start();
    fixture.say("\0\u{1}\u{2}garbage");
    fixture.say("\r\n\r\n");
    fixture.say(&request("OPTIONS", 1).replace("CSeq: 1 OPTIONS", "CSeq: one OPTIONS"));
    let mut answered = false;
    while !answered {
        fixture.turn(0);
        answered = fixture.net.take_counts().sent == 1;
        assert!(fixture.net.next_input().is_none());
    }
    assert!(fixture.hear().starts_with("SIP/2.0 400 "));
}

/// SW-03: STUN on the SIP port is answered at once, and never seen by the engine.
#[test]
fn a_binding_request_is_answered_here() {
    let mut fixture = start();
    let asked = [&[0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42][..], b"transaction1"].concat();
    fixture.phone.send_to(&asked, fixture.address).unwrap();
    fixture.turn(0);
    let mut buffer = [0; 64];
    let (count, _) = fixture.phone.recv_from(&mut buffer).unwrap();
    assert_eq!((count, &buffer[..2]), (32, &[1, 1][..]));
    assert!(fixture.net.next_input().is_none());
}

/// AD-03: a listener that is gone from the settings takes nothing new, but what belongs to its calls; then it closes, and
/// can be opened again.
#[test]
fn a_retired_listener_lets_its_calls_end() {
    let mut fixture = start();
    let bound = fixture.net.bound()[0];
    fixture.net.retire(bound);
    fixture.say(&request("INVITE", 1));
    fixture.say(&request("BYE", 2).replace("To: <sip:800@b>", "To: <sip:800@b>;tag=x"));
    while fixture.net.waiting(Lane::Dialog) == 0 {
        fixture.turn(0);
    }
    assert_eq!(fixture.net.waiting(Lane::Invite), 0);
    fixture.net.close(bound);
    assert!(fixture.net.bound().is_empty());
    fixture.net.listen(Transport::Udp, fixture.address).unwrap();
    fixture.say(&request("INVITE", 3));
    while fixture.net.waiting(Lane::Invite) == 0 {
        fixture.net.receive(Instant::from_micros(0));
    }
}

/// SW-18: while old inputs wait, a new call hears 503 with Retry-After and other requests are let in.
#[test]
fn an_overloaded_switch_refuses_new_calls_by_itself() {
    let mut fixture = start();
    fixture.say(&request("OPTIONS", 1));
    fixture.turn(0);
    fixture.say(&request("INVITE", 2));
    fixture.say(&request("REGISTER", 3));
    while fixture.net.waiting(Lane::Register) == 0 || fixture.net.counts.refused_calls == 0 {
        // What waits already keeps `wait` from sleeping; the engine of this test is busy.
        fixture.net.receive(Instant::from_micros(1_000_000));
        fixture.net.flush();
    }
    let refusal = fixture.hear();
    assert!(refusal.starts_with("SIP/2.0 503 "), "{refusal}");
    assert!(refusal.contains("Retry-After: "), "{refusal}");
    assert_eq!(fixture.net.waiting(Lane::Invite), 0);
    let counts = fixture.net.take_counts();
    assert_eq!((counts.refused_calls, counts.received), (1, 3));
}

/// SW-18: an INVITE that comes again after it was let in is no new call: it is neither refused nor counted while the switch
/// is overloaded, nor held back by its source's rate.
#[test]
fn a_copy_of_an_admitted_call_is_let_in_under_load() {
    let mut fixture = start();
    fixture.net.limit_calls(1, Box::new(|_, _| false));
    fixture.say(&request("INVITE", 1));
    fixture.turn(0);
    assert_eq!(fixture.net.waiting(Lane::Invite), 1);
    fixture.say(&request("INVITE", 1));
    fixture.say(&request("INVITE", 2));
    while fixture.net.counts.received < 3 {
        fixture.net.receive(Instant::from_micros(500_000));
        fixture.net.flush();
    }
    assert_eq!((fixture.net.waiting(Lane::Invite), fixture.net.waiting(Lane::Dialog)), (2, 0));
    assert_eq!(fixture.net.take_counts().rate_limited, 1);
    assert!(fixture.hear().contains("Call-ID: 2"));
    fixture.net.limit_calls(10_000, Box::new(|_, _| false));
    fixture.say(&request("INVITE", 1));
    fixture.say(&request("INVITE", 3));
    while fixture.net.counts.received < 2 {
        fixture.net.receive(Instant::from_micros(1_000_000));
        fixture.net.flush();
    }
    assert_eq!((fixture.net.waiting(Lane::Invite), fixture.net.take_counts().refused_calls), (3, 1));
    assert!(fixture.hear().contains("Call-ID: 3"));
}

/// SW-18: an INVITE that comes for ever gets past the rate as often as a caller sends it, and no further, with however many
/// tokens; copies of one that was refused by an answer that left nothing behind have their price.
#[test]
fn sw_18_one_invite_for_ever_is_no_way_round_the_rate() {
    let mut fixture = start();
    fixture.net.limit_calls(2, Box::new(|_, _| false));
    let sends = |fixture: &mut Fixture, count: u64| {
        for _ in 0..count {
            fixture.say(&request("INVITE", 1));
        }
        while fixture.net.counts.received < count {
            fixture.net.receive(Instant::from_micros(0));
            fixture.net.flush();
        }
        fixture.net.take_counts()
    };
    let counts = sends(&mut fixture, 40);
    assert_eq!((fixture.net.waiting(Lane::Invite), counts.rate_limited, counts.shut_out), (1 + 11, 0, 28));
    assert_eq!(fixture.net.waiting(Lane::Dialog), 0);
    let Some(Input::Sip { path, message }) = fixture.net.next_input() else { panic!("nothing came") };
    while fixture.net.next_input().is_some() {}
    let header = |name| message.header(name).unwrap();
    let refusal = format!(
        "SIP/2.0 401 Unauthorized\r\nVia: {};received=127.0.0.1\r\nFrom: {}\r\nTo: {};tag=x\r\nCall-ID: {}\r\nCSeq: {}\r\n\
         Content-Length: 0\r\n\r\n",
        header(Name::Via),
        header(Name::From),
        header(Name::To),
        message.call_id(),
        header(Name::CSeq),
    );
    fixture.net.send(path, Bytes::from(refusal.clone()));
    let counts = sends(&mut fixture, 5);
    assert_eq!((fixture.net.waiting(Lane::Invite), counts.shut_out), (0, 5));
    fixture.say(&request("INVITE", 2));
    while fixture.net.counts.received < 1 {
        fixture.net.receive(Instant::from_micros(0));
    }
    assert!(fixture.net.next_input().is_some(), "the second token");
    let second = refusal.replace("z9hG4bK1;", "z9hG4bK2;").replace("Call-ID: 1", "Call-ID: 2");
    fixture.net.send(path, Bytes::from(second));
    fixture.net.take_counts();
    for _ in 0..15 {
        fixture.say(&request("INVITE", 2));
    }
    while fixture.net.counts.received < 15 {
        fixture.net.receive(Instant::from_micros(0));
    }
    let counts = fixture.net.take_counts();
    assert_eq!((fixture.net.waiting(Lane::Invite), counts.rate_limited, counts.shut_out), (0, 11, 4));
}

/// SW-19: whoever forges a stranger's address has it sent no more than he sends himself, 401, 404 or what OPTIONS gets.
#[test]
fn sw_19_a_stranger_is_answered_no_more_than_he_says() {
    let mut fixture = start();
    fixture.say(&request("OPTIONS", 1));
    fixture.turn(0);
    let Some(Input::Sip { path, message }) = fixture.net.next_input() else { panic!("nothing came") };
    let answer = |status: &str, method: &str| {
        let text = format!(
            "SIP/2.0 {status}\r\nVia: {}\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:800@b>;tag=2\r\nCall-ID: 1\r\n\
             CSeq: 1 {method}\r\nSubject: {}\r\nContent-Length: 0\r\n\r\n",
            message.header(Name::Via).unwrap(),
            "x".repeat(800)
        );
        Bytes::from(text)
    };
    for _ in 0..100 {
        fixture.net.send(path, answer("403 Forbidden", "REGISTER"));
    }
    let counts = fixture.net.take_counts();
    assert!(counts.sent > 60 && counts.withheld > 20, "{counts:?}");
    fixture.net.send(path, answer("200 OK", "OPTIONS"));
    fixture.net.send(path, answer("401 Unauthorized", "REGISTER"));
    fixture.net.send(path, answer("180 Ringing", "INVITE"));
    fixture.net.send(path, answer("200 OK", "INVITE"));
    let counts = fixture.net.take_counts();
    assert_eq!((counts.sent, counts.withheld), (3, 1), "who may come in is asked, and a call that was let in goes on");
    fixture.net.obey(Instant::from_micros(0), GateOrder::Known { remote: path.remote, until: Instant::FAR });
    fixture.net.send(path, answer("403 Forbidden", "REGISTER"));
    assert_eq!(fixture.net.take_counts().withheld, 0, "a phone that is registered there");
}

/// SW-18: a call beyond its source's rate hears 503 with Retry-After, so often in a second that nobody gains by forging a
/// source.
#[test]
fn sw_18_a_call_beyond_the_rate_hears_503() {
    let mut fixture = start();
    fixture.net.limit_calls(1, Box::new(|_, _| false));
    fixture.net.refusals = Rates::new(2);
    for number in 1..=5 {
        fixture.say(&request("INVITE", number));
    }
    while fixture.net.counts.received < 5 {
        fixture.net.receive(Instant::from_micros(0));
        fixture.net.flush();
    }
    let counts = fixture.net.take_counts();
    assert_eq!((fixture.net.waiting(Lane::Invite), counts.rate_limited, counts.sent), (1, 4, 2));
    for number in [2, 3] {
        let refusal = fixture.hear();
        assert!(refusal.starts_with("SIP/2.0 503 ") && refusal.contains("Retry-After: "), "{refusal}");
        assert!(refusal.contains(&format!("Call-ID: {number}\r\n")), "{refusal}");
    }
}

/// SW-18, SW-03: a connection with a trunk's certificate is a trunk's as long as it lives, and no other from there is.
#[test]
fn sw_18_sw_03_a_certified_connection_is_spared() {
    let mut fixture = start();
    let now = Instant::from_micros(0);
    fixture.net.limit_calls(1, Box::new(|_, domains| domains.iter().any(|domain| domain == "sip.carrier.example")));
    let remote: SocketAddr = "127.0.0.1:40000".parse().unwrap();
    let call = |fixture: &mut Fixture, flow: u64, number: usize| {
        let path = Path { transport: Transport::Tls, local: fixture.address, remote, flow: Some(FlowId(flow)) };
        let message = Message::parse(Bytes::from(request("INVITE", number))).unwrap();
        fixture.net.take(now, streams::Arrival::Message { path, message });
        fixture.net.take_counts().rate_limited == 0
    };
    let domains = vec!["sip.carrier.example".to_owned()];
    fixture.net.take(now, streams::Arrival::Certified { flow: FlowId(7), source: remote.ip(), domains });
    assert!((0..5).all(|number| call(&mut fixture, 7, number)));
    assert!(call(&mut fixture, 8, 10) && !call(&mut fixture, 8, 11));
    fixture.net.take(now, streams::Arrival::Closed(FlowId(7)));
    assert!(!call(&mut fixture, 7, 12) && fixture.net.domains.is_empty());
}

/// SW-19: a banned source and a scanner are dropped without an answer, a registered phone at the same address is heard, and
/// a trunk is whatever it calls itself; limits on new calls don't touch those who are known.
#[test]
fn the_gate_drops_those_who_are_not_heard() {
    let mut fixture = start();
    let now = Instant::from_micros(0);
    let until = Instant::from_micros(60_000_000);
    fixture.net.set_scanners(&[String::from("friendly-scanner")]);
    let source = fixture.phone.local_addr().unwrap();
    fixture.say(&request("OPTIONS", 1).replace("Max-Forwards", "User-Agent: friendly-scanner\r\nMax-Forwards"));
    fixture.net.obey(now, GateOrder::Ban { source: source.ip(), user: Some("a".into()), until });
    fixture.say(&request("REGISTER", 2));
    while fixture.net.counts.received < 2 {
        fixture.net.receive(now);
    }
    assert_eq!((fixture.net.take_counts().shut_out, fixture.net.next_input().is_none()), (2, true));

    fixture.net.obey(now, GateOrder::Known { remote: source, until });
    fixture.net.limit_calls(1, Box::new(|_, _| false));
    for number in 3..8 {
        fixture.say(&request("INVITE", number));
    }
    fixture.say(&request("REGISTER", 8));
    while fixture.net.waiting(Lane::Invite) < 5 || fixture.net.waiting(Lane::KnownRegister) == 0 {
        fixture.net.receive(now);
    }
    while fixture.net.next_input().is_some() {}
    fixture.net.obey(now, GateOrder::Unknown { remote: source });
    fixture.net.limit_calls(1, Box::new(move |remote, _| remote == source));
    fixture.say(&request("REGISTER", 9));
    while fixture.net.waiting(Lane::KnownRegister) == 0 {
        fixture.net.receive(now);
    }
    assert_eq!(fixture.net.take_counts().sent, 0, "nobody was answered");
}

/// RT-12: an ICMP error comes in as a fact.
#[test]
fn a_dead_phone_is_a_fact() {
    let mut fixture = start();
    let remote = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let path = Path { transport: Transport::Udp, local: fixture.address, remote, flow: None };
    fixture.net.send(path, Bytes::from_static(b"anybody?"));
    fixture.net.flush();
    fixture.turn(0);
    match fixture.net.next_input() {
        Some(Input::Unreachable { transport: Transport::Udp, remote: told }) => assert_eq!(told, remote),
        _ => panic!("not told"),
    }
}

/// SW-03, SW-01: what a connection said just before it ended comes before its end, so that a binding made by it ends too.
#[test]
fn sw_03_an_end_comes_behind_what_was_said() {
    let mut fixture = start();
    let listening = fixture.net.listen(Transport::Tcp, "127.0.0.1:0".parse().unwrap()).unwrap().address;
    for number in 0..20 {
        let mut phone = std::net::TcpStream::connect(listening).unwrap();
        phone.write_all(request("OPTIONS", number).replace("SIP/2.0/UDP", "SIP/2.0/TCP").as_bytes()).unwrap();
        drop(phone);
        // Both are here before either is taken out.
        while fixture.net.ended.is_empty() {
            std::thread::yield_now();
            fixture.net.receive(Instant::from_micros(0));
        }
        let Some(Input::Sip { path, .. }) = fixture.net.next_input() else { panic!("nothing was said") };
        let Some(Input::FlowClosed(flow)) = fixture.net.next_input() else { panic!("no end") };
        assert_eq!((path.flow, fixture.net.next_input().is_none()), (Some(flow), true));
    }
}

/// SW-03, SW-19: a connection on which a registered phone or a call depends is not closed though it is silent for long; once
/// nothing depends on it, it is.
#[test]
fn sw_03_sw_19_a_silent_connection_lives_as_long_as_it_is_used() {
    let mut fixture = start_with(Duration::from_millis(50));
    let listening = fixture.net.listen(Transport::Tcp, "127.0.0.1:0".parse().unwrap()).unwrap().address;
    let _phone = std::net::TcpStream::connect(listening).unwrap();
    let asked = std::cell::Cell::new(0);
    while asked.get() < 3 {
        fixture.turn(0);
        fixture.net.close_idle(|_| asked.replace(asked.get() + 1) < 3);
        assert!(fixture.net.next_input().is_none(), "it is in use");
    }
    assert_eq!(fixture.net.connections(), 1);
    while fixture.net.ended.is_empty() {
        fixture.turn(0);
        fixture.net.close_idle(|_| false);
    }
    assert!(matches!(fixture.net.next_input(), Some(Input::FlowClosed(_))));
    assert_eq!(fixture.net.connections(), 0);
}

/// The chunks of a packet by kind.
fn chunks(packet: &[u8]) -> std::collections::BTreeMap<u16, Vec<u8>> {
    assert!(packet.starts_with(b"HEP3"));
    assert_eq!(usize::from(u16::from_be_bytes([packet[4], packet[5]])), packet.len());
    let (mut found, mut rest) = (std::collections::BTreeMap::new(), &packet[6..]);
    while let [_, _, high, low, one, two, ..] = *rest {
        let length = usize::from(u16::from_be_bytes([one, two]));
        found.insert(u16::from_be_bytes([high, low]), rest[6..length].to_vec());
        rest = &rest[length..];
    }
    found
}

/// AP-08: a collector gets every message, in and out, with its time and its ends, and no secret; one that does not read
/// holds up nobody.
#[test]
fn ap_08_a_collector_gets_what_comes_and_goes() {
    let mut fixture = start();
    let collector = UdpSocket::bind("127.0.0.1:0").unwrap();
    collector.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let key = Some(crate::base::Private::new("shared".to_owned()));
    let address = collector.local_addr().unwrap();
    fixture.net.set_mirror(Some(Collector { address, key, agent: 7 })).unwrap();
    fixture.net.stamp(Now { mono: Instant::from_micros(0), wall: crate::base::Wall(1_795_000_000_250) });
    let asked =
        request("OPTIONS", 1).replace("Max-Forwards", "Authorization: Digest response=\"secret\"\r\nMax-Forwards");
    fixture.say(&asked);
    fixture.turn(0);
    let mut buffer = [0; 4_096];
    let mut next = || {
        let count = collector.recv(&mut buffer).unwrap();
        chunks(&buffer[..count])
    };
    let came = next();
    let phone = fixture.phone.local_addr().unwrap();
    assert_eq!(
        (&came[&7][..], &came[&8][..]),
        (&phone.port().to_be_bytes()[..], &fixture.address.port().to_be_bytes()[..])
    );
    assert_eq!((&came[&1][..], &came[&2][..], &came[&11][..]), (&[2][..], &[17][..], &[1][..]));
    assert_eq!((&came[&9][..], &came[&10][..]), (&1_795_000_000_u32.to_be_bytes()[..], &250_000_u32.to_be_bytes()[..]));
    assert_eq!((&came[&12][..], &came[&14][..], &came[&17][..]), (&[0, 0, 0, 7][..], &b"shared"[..], &b"1"[..]));
    let text = String::from_utf8(came[&15].clone()).unwrap();
    assert!(text.len() == asked.len() && !text.contains("secret") && text.contains("Call-ID: 1\r\n"), "{text}");
    let Some(Input::Sip { path, .. }) = fixture.net.next_input() else { panic!("nothing came") };
    fixture.net.send(path, Bytes::from(request("INFO", 2)));
    let went = next();
    assert_eq!((&went[&7], &went[&8]), (&came[&8], &came[&7]));
    assert_eq!(went[&15], request("INFO", 2).into_bytes());
    let _ = fixture.net.take_counts();
    drop(collector);
    for _ in 0..3 * MIRRORED_MAX {
        fixture.net.send(path, Bytes::from(request("INFO", 3)));
    }
    fixture.net.set_mirror(None).unwrap();
}
