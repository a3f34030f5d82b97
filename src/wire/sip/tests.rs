//! Whole messages: what is read out of them, what is refused, how they come out of a stream.

use bytes::Bytes;

use super::*;

const INVITE: &str = "INVITE sip:800@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa;rport\r\n\
    v: SIP/2.0/TCP 192.0.2.2, SIP/2.0/UDP [2001:db8::1]:5070\r\nMax-Forwards: 70\r\nf: \"Ana\" <sip:ana@example.com>;tag=1\r\n\
    To: <sip:800@example.com>\r\nCall-ID: a@b\r\nCSeq: 7 INVITE\r\nm: <sip:ana@192.0.2.1>, <tel:+1>;q=0.1\r\nX-Note: one\r\n\
    x-note: two\r\nc: application/sdp; charset=utf-8\r\nl: 3\r\n\r\nabc";

fn parse(text: &str) -> Result<Message, Malformed> {
    Message::parse(Bytes::copy_from_slice(text.as_bytes()))
}

/// The message with one line in place of another.
fn with(line: &str, other: &str) -> String {
    let changed = INVITE.replace(line, other);
    assert_ne!(changed, INVITE, "{line} is not in the message");
    changed
}

#[test]
fn everything_in_a_request_is_found() {
    let message = parse(INVITE).unwrap();
    assert_eq!((message.method(), message.status()), (Some(&Method::Invite), None));
    assert_eq!(message.uri_text(), Some("sip:800@example.com"));
    assert_eq!(message.request_uri().unwrap().user, Some("800"));
    let vias: Vec<_> = message.vias().map(Result::unwrap).collect();
    assert_eq!((vias.len(), vias[0].branch(), vias[2].port), (3, Some("z9hG4bKa"), Some(5_070)));
    assert_eq!((message.from_tag(), message.to_tag(), message.call_id()), (Some("1"), None, "a@b"));
    assert_eq!(message.from().unwrap().display.as_deref(), Some("Ana"));
    assert_eq!(message.cseq(), CSeq { number: 7, method: Method::Invite });
    let contacts: Vec<_> = message.contacts().map(|contact| contact.unwrap().uri_text).collect();
    assert_eq!(contacts, ["sip:ana@192.0.2.1", "tel:+1"]);
    assert_eq!((message.max_forwards(), message.content_type()), (Some(70), Some("application/sdp")));
    assert_eq!((message.other("X-NOTE"), message.header(Name::Via)), (Some("one"), message.headers(Name::Via).next()));
    assert_eq!((message.body(), message.body_bytes()), (&b"abc"[..], Bytes::from_static(b"abc")));
    assert_eq!(message.lines().nth(9), Some(("x-note", Name::Other, "two")));
    assert_eq!(message.bytes(), INVITE);
}

#[test]
fn everything_in_a_response_is_found() {
    let text = with("INVITE sip:800@example.com SIP/2.0", "SIP/2.0 486 Busy, sorry");
    let message = parse(&text).unwrap();
    assert_eq!((message.is_request(), message.method(), message.uri_text()), (false, None, None));
    assert_eq!((message.status(), message.reason_phrase()), (Some(486), "Busy, sorry"));
    assert_eq!(message.cseq().method, Method::Invite);
    for (start, reason) in [("SIP/2.0 486 ", ""), ("SIP/2.0 486", ""), ("sip/2.0 486 x", "x")] {
        assert_eq!(parse(&text.replace("SIP/2.0 486 Busy, sorry", start)).unwrap().reason_phrase(), reason);
    }
}

#[test]
fn a_folded_value_is_one_line() {
    let text = with("Ana\" <sip:ana@example.com>;tag=1", "Ana\"\r\n\t<sip:ana@example.com>\r\n  ;\r\n tag = 1");
    let shared = Bytes::copy_from_slice(text.as_bytes());
    let message = Message::parse(shared.clone()).unwrap();
    assert_eq!((message.from_tag(), message.body()), (Some("1"), &b"abc"[..]));
    assert!(message.lines().all(|(_, _, value)| !value.contains(['\r', '\n'])));
    assert_eq!(shared, text, "bytes that others hold are left as they are");
}

#[test]
fn what_frames_a_message_must_be_right() {
    let bad = [
        ("SIP/2.0\r\n", "SIP/2.0\n"),
        ("SIP/2.0\r\n", "SIP/2.0 \r\n"),
        ("INVITE sip", "INVITE  sip"),
        ("INVITE sip", "INV;TE sip"),
        ("INVITE sip", " INVITE sip"),
        ("sip:800@example.com SIP/2.0", "sip:800 @example.com SIP/2.0"),
        ("sip:800@example.com SIP/2.0", "<sip:800@example.com> SIP/2.0"),
        ("sip:800@example.com SIP/2.0", "sip:800@example.com?a=b SIP/2.0"),
        ("X-Note: one", "X-Note one"),
        ("X-Note: one", "X Note: one"),
        ("X-Note: one", ": one"),
        ("X-Note: one", "X-Note: o\0ne"),
        ("X-Note: one", "X-Note: o\rne"),
        ("X-Note: one", "X-Note: o\nne"),
        ("l: 3", "l: 4"),
        ("l: 3", "l: -1"),
        ("l: 3", "l: 3, 3"),
        ("l: 3", "l: 99999999999999999999"),
        ("l: 3", "l: 3\r\nContent-Length: 3"),
        ("l: 3", "l: 3\r\nContent-Length : 2"),
        ("l: 3", "l:"),
        ("CSeq: 7 INVITE", "CSeq: 7 BYE"),
        ("CSeq: 7 INVITE", "CSeq: 2147483648 INVITE"),
        ("CSeq: 7 INVITE", "CSeq: INVITE"),
        ("Call-ID: a@b", "Call-ID:"),
        ("Call-ID: a@b", "Call-ID: a b"),
        ("Call-ID: a@b", "Call-ID: a@b\r\ni: c@d"),
        ("Max-Forwards: 70", "Max-Forwards: 256"),
        ("Max-Forwards: 70", "Max-Forwards:"),
        ("X-Note: one", "Contact: *"),
        ("X-Note: one", "Contact:"),
        ("X-Note: one", "Via:"),
        ("X-Note: one", "Contact: <sip:a@h>,"),
        ("\r\n\r\nabc", "\r\n"),
    ];
    for (line, other) in bad {
        assert!(parse(&with(line, other)).is_err(), "{other:?}");
    }
    for name in ["Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa;rport\r\nv", "f", "To", "Call-ID", "CSeq"] {
        let name = format!("\r\n{name}:");
        assert!(parse(&with(&name, "\r\nX-Gone:")).is_err(), "{name}");
    }
}

#[test]
fn a_star_stands_for_all_contacts() {
    let message = parse(&with("m: <sip:ana@192.0.2.1>, <tel:+1>;q=0.1", "Contact: *")).unwrap();
    assert!(message.contact_is_star() && message.contacts().next().is_none());
    assert!(parse(&with("m: <sip:ana@192.0.2.1>, <tel:+1>;q=0.1", "Contact: *\r\nm: <sip:a@h>")).is_err());
    assert!(!parse(INVITE).unwrap().contact_is_star());
}

#[test]
fn octets_around_a_datagrams_message_are_left_out() {
    let message = parse(&format!("\r\n\r\n{INVITE}INVITE sip:evil SIP/2.0\r\n")).unwrap();
    assert_eq!(message.bytes(), INVITE);
    let endless = parse(&with("l: 3\r\n", "")).unwrap();
    assert_eq!(endless.body(), b"abc", "without a length the body ends with the datagram");
}

#[test]
fn every_size_has_its_limit() {
    let filled = |line: String| parse(&with("X-Note: one", &line));
    assert!(filled(format!("X-Note: {}", "x".repeat(HEADER_LINE_MAX - 8))).is_ok());
    assert!(filled(format!("X-Note: {}", "x".repeat(HEADER_LINE_MAX - 7))).is_err());
    assert!(filled(format!("X-Note:{}", "\r\n x".repeat(HEADER_LINE_MAX / 4))).is_err());
    assert!(filled(["Accept: a/b"; SAME_HEADER_MAX].join("\r\n")).is_ok());
    assert!(filled(["Accept: a/b"; SAME_HEADER_MAX + 1].join("\r\n")).is_err());
    assert!(filled(["X-Note: one"; HEADERS_MAX].join("\r\n")).is_err());
    assert!(parse(&with("800@", &format!("{}@", "8".repeat(HEADER_LINE_MAX)))).is_err());
    let room = MESSAGE_MAX - INVITE.len() + 3;
    assert!(parse(&with("abc", &"a".repeat(room))).is_ok());
    let malformed = parse(&with("abc", &"a".repeat(room + 1))).unwrap_err();
    assert_eq!(malformed.status, 513);
}

#[test]
fn a_refusal_says_what_is_wrong_and_gives_back_what_it_can() {
    let malformed = parse(&with("Max-Forwards: 70", "Max-Forwards: x")).unwrap_err();
    let answer = String::from_utf8(malformed.answer().unwrap().to_vec()).unwrap();
    let (start, rest) = answer.split_once("\r\n").unwrap();
    assert_eq!(start, "SIP/2.0 400 Malformed Max-Forwards header field: malformed");
    assert_eq!(rest.matches("Via: ").count(), 2);
    assert!(rest.contains("\r\nTo: <sip:800@example.com>;tag="), "{rest}");
    assert!(rest.contains("\r\nCall-ID: a@b\r\nCSeq: 7 INVITE\r\nContent-Length: 0\r\n\r\n"), "{rest}");
    assert_eq!(malformed.answer(), malformed.answer());
    for silent in [
        "ACK sip:a@h SIP/2.0\r\nVia: SIP/2.0/UDP h\r\n\r\n",
        "SIP/2.0 999\r\nVia: x\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "INVITE sip:a@h SIP/2.0\r\nTo: x\r\n\r\n",
        "",
        "\0\0\0",
        "SIP/2.0\r\nVia: x\r\n\r\n",
    ] {
        assert_eq!(parse(silent).unwrap_err().answer(), None, "{silent}");
    }
    let version = parse(&with("SIP/2.0\r\nVia", "SIP/3.0\r\nVia")).unwrap_err();
    assert!(version.answer().unwrap().starts_with(b"SIP/2.0 505 "));
}

#[test]
fn a_refusal_goes_where_its_via_says() {
    let source = "198.51.100.7:40000".parse().unwrap();
    let sent = |text: &str| {
        let (to, bytes) = parse(text).unwrap_err().answer_to(source, false).unwrap();
        (to.to_string(), String::from_utf8(bytes.to_vec()).unwrap())
    };
    let broken = with("Max-Forwards: 70", "Max-Forwards: x");
    let (to, answer) = sent(&broken);
    assert_eq!(to, "198.51.100.7:40000");
    assert!(answer.contains("Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa;received=198.51.100.7;rport=40000\r\n"));
    assert_eq!(sent(&broken.replace(";rport", "")).0, "198.51.100.7:5060");
    assert_eq!(sent(&broken.replace(":5060;branch=z9hG4bKa;rport", ":5099;maddr=10.0.0.1")).0, "198.51.100.7:5099");
    assert_eq!(sent(&with("UDP 192.0.2.1:5060;", "UDP 192.0.2.1:5060;;")).0, "198.51.100.7:40000");
}

fn frames(framer: &mut Framer) -> Vec<Frame> {
    std::iter::from_fn(|| framer.next_frame().unwrap()).collect()
}

#[test]
fn a_stream_is_cut_into_messages_however_it_arrives() {
    let stream = format!("\r\n\r\n{INVITE}\r\n{INVITE}\r\n\r\n\r\n{INVITE}");
    let message = || Frame::Message(Bytes::from_static(INVITE.as_bytes()));
    let wanted = [Frame::KeepAlive, message(), message(), Frame::KeepAlive, message()];
    for step in [1, 2, 3, 7, 100, stream.len()] {
        let mut framer = Framer::default();
        let mut got = Vec::new();
        for piece in stream.as_bytes().chunks(step) {
            framer.push(piece);
            got.extend(frames(&mut framer));
        }
        assert_eq!(got, wanted, "in steps of {step}");
        assert!(!framer.is_partial());
    }
}

#[test]
fn a_stream_that_lies_about_its_lengths_is_refused_for_good() {
    let lies = [
        with("l: 3\r\n", ""),
        with("l: 3", "l: 4294967295"),
        with("l: 3", &format!("l: {MESSAGE_MAX}")),
        with("l: 3", "l: 18446744073709551616"),
        with("l: 3", "l: 3\r\nContent-Length: 100"),
        with("l: 3", "l: 3\r\nl: 3"),
        with("l: 3", "l: +3"),
        with("l: 3", "l: 3;x"),
        "x".repeat(MESSAGE_MAX + 1),
        format!("{}{}", with("X-Note: one", &"X-Note: one\r\n".repeat(9_000)), ""),
    ];
    for lie in lies {
        let mut framer = Framer::default();
        framer.push(lie.as_bytes());
        let error = framer.next_frame().unwrap_err();
        assert_eq!(error.answer.is_some(), lie.starts_with("INVITE"), "{}", error.reason);
        framer.push(INVITE.as_bytes());
        assert!(framer.next_frame().is_err(), "nothing is believed after {}", error.reason);
    }
}

#[test]
fn a_length_may_be_folded() {
    let mut framer = Framer::default();
    framer.push(with("l: 3", "Content-Length :\r\n 3").as_bytes());
    assert_eq!(frames(&mut framer).len(), 1);
}

/// SW-19, SW-03: what phones really write, within the grammar and a little beside it.
#[test]
fn sw_19_what_phones_write_is_read() {
    let contact = [
        "<sip:ana@192.0.2.1;ob>;+sip.instance=\"<urn:uuid:1>\";reg-id=1;methods=\"INVITE, ACK\";audio;mobility=\"fixed\"",
        "<sip:ana@192.0.2.1:5060;transport=UDP>;+u.sip!model.ccm.cisco.com=\"30016\";q=1.0;expires=60",
        "Ana Maria <sip:ana@192.0.2.1:5060;line=abc;rinstance=9f>",
        "sip:ana@192.0.2.1:5060;expires=60",
        "\"Ana, Maria\" <sip:ana@192.0.2.1> ; expires = 60",
        "\"A \\\" B\"<sip:ana@192.0.2.1>",
        "<sip:ana:pw@[2001:db8::1]:5060;transport=tls>;expires=60",
        "<sip:%2B351;phone-context=example.com@192.0.2.1;user=phone>",
        "<sip:*31#9@192.0.2.1>",
        "<sip:ana@192.0.2.1;x-ast-orig-host=>",
    ];
    for value in contact {
        let message = parse(&with("m: <sip:ana@192.0.2.1>, <tel:+1>;q=0.1", &format!("m: {value}"))).unwrap();
        let found = message.contacts().next().unwrap().unwrap();
        assert!(found.uri.host.ip().is_some(), "{value}");
    }
    let lines = [
        ("f: \"Ana\" <sip:ana@example.com>;tag=1", "f: sip:ana@example.com;tag=1"),
        ("f: \"Ana\" <sip:ana@example.com>;tag=1", "FROM : Ana<sip:ana@example.com> ;tag=1"),
        ("To: <sip:800@example.com>", "t: tel:+351-800;phone-context=+351"),
        ("v: SIP/2.0/TCP 192.0.2.2,", "v: SIP / 2.0 / TCP 192.0.2.2 : 5060 ; branch = z9hG4bKq ; rport,"),
        ("CSeq: 7 INVITE", "CSEQ:    0000000007   INVITE"),
        ("X-Note: one", "Supported:"),
        ("X-Note: one", "Require: "),
        ("X-Note: one", "Allow: INVITE,ACK,BYE"),
        ("X-Note: one", "Date: Sat, 28 Nov 2026 15:00:00 GMT"),
        ("X-Note: one", "x:1800;Refresher=UAS"),
        ("X-Note: one", "Record-Route: <sip:192.0.2.9;lr=on;ftag=1;did=a.b>,<sip:[2001:db8::9]:5060;lr>"),
    ];
    for (line, other) in lines {
        parse(&with(line, other)).unwrap_or_else(|wrong| panic!("{other}: {}", wrong.reason));
    }
}
