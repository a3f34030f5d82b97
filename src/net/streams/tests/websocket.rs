use tokio_tungstenite::tungstenite::{
    self, ClientRequestBuilder, WebSocket, client,
    http::Uri,
    protocol::{
        Message as WsMessage,
        frame::{CloseFrame, coding::CloseCode},
    },
};

use super::{tls::Folder, *};

fn start() -> Fixture {
    start_as(Transport::Ws, generous(), None)
}

fn asking(fixture: &Fixture) -> ClientRequestBuilder {
    let uri: Uri = format!("ws://{}/", fixture.address).parse().unwrap();
    ClientRequestBuilder::new(uri)
}

fn page(fixture: &Fixture) -> WebSocket<StdStream> {
    client(asking(fixture).with_sub_protocol("sip"), fixture.connect()).unwrap().0
}

fn status_of(fixture: &Fixture, asked: ClientRequestBuilder) -> u16 {
    match client(asked, fixture.connect()) {
        Ok((_, response)) => response.status().as_u16(),
        Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(response))) => response.status().as_u16(),
        Err(other) => panic!("{other:?}"),
    }
}

fn close_code(page: &mut WebSocket<StdStream>) -> CloseCode {
    loop {
        match page.read().unwrap() {
            WsMessage::Close(Some(frame)) => return frame.code,
            WsMessage::Text(_)
            | WsMessage::Binary(_)
            | WsMessage::Ping(_)
            | WsMessage::Pong(_)
            | WsMessage::Frame(_)
            | WsMessage::Close(None) => {}
        }
    }
}

/// SW-03: one SIP message in each WebSocket message, text or binary, whole or in pieces, both ways (RFC 7118 5).
#[test]
fn a_page_speaks_sip() {
    let mut fixture = start();
    let mut page = page(&fixture);
    page.send(WsMessage::text(options(1))).unwrap();
    page.send(WsMessage::binary(options(2).into_bytes())).unwrap();
    // A text in two frames, by hand: the mask is zero.
    let text = options(3).into_bytes();
    let (one, two) = text.split_at(100);
    let mut raw = vec![0x01, 0x80 | 100, 0, 0, 0, 0];
    raw.extend(one);
    raw.extend([0x80, 0x80 | 126, 0, two.len() as u8, 0, 0, 0, 0]);
    raw.extend(two);
    page.get_mut().write_all(&raw).unwrap();
    let mut path = None;
    for number in ["1", "2", "3"] {
        let (came, message) = fixture.next_message();
        assert_eq!((came.transport, message.call_id()), (Transport::Ws, number));
        path = Some(came);
    }
    let path = path.unwrap();
    fixture.streams.send(&path, Bytes::from_static(b"SIP/2.0 200 OK\r\n\r\n"));
    assert_eq!(page.read().unwrap(), WsMessage::text("SIP/2.0 200 OK\r\n\r\n"));
    page.send(WsMessage::text("\r\n\r\n")).unwrap();
    assert_eq!(page.read().unwrap(), WsMessage::text("\r\n"), "keep-alives are answered");
    drop(page);
    assert_eq!(Some(fixture.expect_closed()), path.flow);
}

/// SW-03: the same over TLS.
#[test]
fn a_page_speaks_sip_over_tls() {
    let folder = Folder::new();
    let mut fixture = start_as(Transport::Wss, generous(), Some(folder.tls()));
    let name = rustls::pki_types::ServerName::try_from("127.0.0.1").unwrap();
    let secured = rustls::ClientConnection::new(folder.client(None), name).unwrap();
    let stream = rustls::StreamOwned::new(secured, fixture.connect());
    let mut page = client(asking(&fixture).with_sub_protocol("sip"), stream).unwrap().0;
    page.send(WsMessage::text(options(1))).unwrap();
    let (path, message) = fixture.next_message();
    assert_eq!((path.transport, message.call_id()), (Transport::Wss, "1"));
}

/// SW-03: without the subprotocol `sip` there is no connection, and no page of a foreign host opens one unless it is
/// listed.
#[test]
fn subprotocol_and_origin_are_checked() {
    let fixture = start();
    assert_eq!(status_of(&fixture, asking(&fixture)), 400);
    assert_eq!(status_of(&fixture, asking(&fixture).with_sub_protocol("chat")), 400);
    let from = |origin: &str| asking(&fixture).with_sub_protocol("sip").with_header("Origin", origin);
    assert_eq!(status_of(&fixture, from("https://evil.example")), 403);
    assert_eq!(status_of(&fixture, from("null")), 403);
    assert_eq!(status_of(&fixture, from("https://127.0.0.1:8443")), 101);
    fixture.streams.set_origins(Arc::from([String::from("https://pages.example")]));
    assert_eq!(status_of(&fixture, from("https://pages.example")), 101);
}

/// SW-19: a frame that claims 2^64-1 octets, or one more than a message may have, closes its connection with 1009; others
/// notice nothing.
#[test]
fn a_giant_frame_closes_its_own_connection_only() {
    let mut fixture = start();
    let mut good = page(&fixture);
    for claim in [u64::MAX, 1 << 40, MESSAGE_MAX as u64 + 1] {
        let mut bad = page(&fixture);
        let mut raw = vec![0x81, 0x80 | 127];
        raw.extend(claim.to_be_bytes());
        raw.extend([0; 12]);
        bad.get_mut().write_all(&raw).unwrap();
        assert_eq!(close_code(&mut bad), CloseCode::Size);
        fixture.expect_closed();
    }
    good.send(WsMessage::text(options(1))).unwrap();
    assert_eq!(fixture.next_message().1.call_id(), "1");
}

/// SW-19: small pieces of one endless message are cut off at the same size.
#[test]
fn an_endless_message_in_pieces_is_cut_off() {
    let mut fixture = start();
    let mut bad = page(&fixture);
    let mut raw = vec![0x01, 0x80 | 126, 0x10, 0, 0, 0, 0, 0];
    raw.extend([b'x'; 0x1000]);
    for _ in 0..=MESSAGE_MAX / 0x1000 {
        let _ = bad.get_mut().write_all(&raw);
        raw[0] = 0;
    }
    assert_eq!(close_code(&mut bad), CloseCode::Size);
    fixture.expect_closed();
}

/// SW-19: what no client may send (unmasked, reserved, not UTF-8) closes with a code that says so; an empty message and
/// one that is no SIP harm nobody.
#[test]
fn broken_frames_close_and_empty_ones_do_not() {
    let mut fixture = start();
    let cases: [(&[u8], CloseCode); 3] = [
        (&[0x81, 5, b'h', b'e', b'l', b'l', b'o'], CloseCode::Protocol),
        (&[0xF1, 0x80, 0, 0, 0, 0], CloseCode::Protocol),
        (&[0x81, 0x82, 0, 0, 0, 0, 0xFF, 0xFE], CloseCode::Invalid),
    ];
    for (raw, code) in cases {
        let mut bad = page(&fixture);
        bad.get_mut().write_all(raw).unwrap();
        assert_eq!(close_code(&mut bad), code, "{raw:?}");
        fixture.expect_closed();
    }
    let mut good = page(&fixture);
    for text in ["", "garbage", "\0"] {
        good.send(WsMessage::text(text)).unwrap();
    }
    good.send(WsMessage::text(options(1).replace("CSeq: 1", "CSeq: one"))).unwrap();
    good.send(WsMessage::text(options(2))).unwrap();
    let malformed =
        std::iter::repeat_with(|| fixture.next()).take_while(|came| matches!(came, Arrival::Malformed { .. }));
    assert_eq!(malformed.count(), 2, "and then what can be read");
}

/// SW-03, RFC 6455 5.5.1: a close frame is answered by one before the connection ends.
#[test]
fn sw_03_a_page_that_says_goodbye_is_answered() {
    let fixture = start();
    let mut page = page(&fixture);
    page.close(Some(CloseFrame { code: CloseCode::Normal, reason: "bye".into() })).unwrap();
    assert_eq!(close_code(&mut page), CloseCode::Normal);
}

/// SW-03, SW-08: a page that is silent is pinged (RFC 6455 5.5.2); one that answers stays, one that does not is closed.
#[test]
fn sw_03_a_page_that_answers_no_ping_is_closed() {
    let limits = StreamLimits { idle_time: Duration::from_millis(300), ..generous() };
    let mut fixture = start_as(Transport::Ws, limits, None);
    let mut answering = page(&fixture);
    for _ in 0..5 {
        assert!(matches!(answering.read().unwrap(), WsMessage::Ping(_)));
        answering.flush().unwrap();
    }
    let kept = std::iter::from_fn(|| fixture.streams.try_recv()).all(|came| matches!(came, Arrival::Idle(_)));
    assert!(kept, "it is asked about as before");
    let closed = std::iter::repeat_with(|| fixture.next()).take(20).find(|came| !matches!(came, Arrival::Idle(_)));
    assert!(matches!(closed, Some(Arrival::Closed(_))), "it reads no more");
}

/// SW-19: pings don't keep a stranger's connection open, a silent one is asked about, and half a handshake ends by itself.
#[test]
fn a_page_that_never_speaks_sip_is_closed() {
    let limits = StreamLimits { idle_time: Duration::from_millis(300), ..generous() };
    let mut fixture = start_as(Transport::Ws, limits, None);
    let mut pinging = page(&fixture);
    let half = fixture.connect();
    (&half).write_all(b"GET / HTTP/1.1\r\nHost: x\r\n").unwrap();
    let (mut closed, mut idle) = (None, None);
    while closed.is_none() || idle.is_none() {
        pinging.send(WsMessage::Ping(Bytes::from_static(b"x"))).unwrap();
        pinging.read().unwrap();
        match fixture.streams.try_recv() {
            None => {}
            Some(Arrival::Closed(flow)) => closed = Some(flow),
            Some(Arrival::Idle(flow)) => idle = Some(flow),
            Some(
                other @ (Arrival::Message { .. }
                | Arrival::Malformed { .. }
                | Arrival::Certified { .. }
                | Arrival::Unreachable { .. }),
            ) => {
                panic!("{other:?}")
            }
        }
    }
    let flow = idle.unwrap();
    assert_eq!(fixture.expect_idle(), flow, "nobody has said that it be closed");
    fixture.streams.hang_up(flow);
    assert_eq!(fixture.expect_closed(), flow);
    assert!(read_to_end(half).is_empty());
    assert_eq!(fixture.streams.count(), 0);
}
