//! What must hold of any octets at all. The fuzz targets check the same, so nothing here knows of tests.

use std::net::SocketAddr;

use bytes::Bytes;
use strowger::wire::{
    rtcp::{self, Compound, Packet},
    rtp,
    sdp::Session,
    sip::{self, Frame, Framer, MESSAGE_MAX, Message, Name, NameAddr, Uri, Via, Writer},
};

/// Reads a message in every way there is; a refusal must be one clean response or nothing.
pub fn sip_message(bytes: &[u8]) {
    let bytes = Bytes::copy_from_slice(bytes);
    match Message::parse(bytes.clone()) {
        Ok(message) => {
            read_everything(&message);
            reads_back(&message);
        }
        Err(malformed) => {
            assert!(!malformed.reason.is_empty());
            let source = SocketAddr::from(([192, 0, 2, 9], 5_060));
            assert_eq!(malformed.answer_to(source, false).is_some(), malformed.answer().is_some());
            if let Some((_, answer)) = malformed.answer_to(source, false) {
                is_one_response(&answer);
            }
            if let Some(answer) = malformed.answer() {
                is_one_response(&answer);
                assert!(answer.len() <= bytes.len() + 256, "an answer may not amplify");
            }
        }
    }
}

fn read_everything(message: &Message) {
    assert!(message.bytes().len() <= MESSAGE_MAX);
    assert_eq!(message.is_request(), message.status().is_none());
    assert_eq!(message.is_request(), message.request_uri().is_ok());
    assert!(message.top_via().is_ok() && message.vias().all(|via| via.is_ok()));
    assert!(message.from().is_ok() && message.to().is_ok() && !message.call_id().is_empty());
    assert!(message.contacts().all(|contact| contact.is_ok()));
    // What the parser remembers is what reading the header again would give.
    let first = |name| message.list(name).next().unwrap_or_default();
    assert_eq!(message.top_via(), Via::parse(first(Name::Via)));
    assert_eq!(message.from(), NameAddr::parse(message.header(Name::From).unwrap_or_default()));
    assert_eq!(message.to(), NameAddr::parse(message.header(Name::To).unwrap_or_default()));
    assert_eq!(message.from_tag(), message.from().ok().and_then(|from| from.tag()));
    assert_eq!(message.to_tag(), message.to().ok().and_then(|to| to.tag()));
    let contacts = message.list(Name::Contact).filter(|contact| *contact != "*").map(NameAddr::parse);
    assert!(message.contacts().eq(contacts));
    assert!(message.cseq().number < 1 << 31);
    let _ = (message.max_forwards(), message.expires(), message.content_type(), message.contact_is_star());
    for (label, name, value) in message.lines() {
        assert!(!label.is_empty() && !value.contains(['\r', '\n']));
        assert!(message.other(label).is_some() && (name == Name::Other || message.header(name).is_some()));
        sip_value(value);
    }
}

/// Reads any text as every kind of header value.
pub fn sip_value(value: &str) {
    if let Ok(address) = NameAddr::parse(value) {
        let quoted = address.display.as_deref().map(|display| format!("{} ", sip::quoted(display)));
        let params = if address.params.is_empty() { "" } else { ";" };
        let written =
            format!("{}<{}>{params}{}", quoted.unwrap_or_default(), address.uri_text, address.params.as_str());
        let again = NameAddr::parse(&written);
        let again = again.unwrap_or_else(|error| panic!("{value:?} was written as {written:?}: {error}"));
        assert_eq!((again.uri, again.params), (address.uri, address.params));
        let _ = (address.tag(), address.uri.user_decoded(), address.uri.host.to_string());
    }
    if let Ok(via) = Via::parse(value) {
        let _ = (via.branch(), via.received(), via.rport(), via.is_rfc3261(), via.params.iter().count());
    }
    let _ = Uri::parse(value).map(|uri| uri.params.iter().count());
    assert!(sip::list(value).map(str::len).sum::<usize>() <= value.len());
}

/// Written anew line by line, a message means the same.
fn reads_back(message: &Message) {
    let mut writer = match (message.method(), message.uri_text(), message.status()) {
        (Some(method), Some(uri), _) => Writer::request(method, uri),
        (_, _, status) => Writer::response(status.unwrap_or_default(), Some(message.reason_phrase())),
    };
    let mut kept = 0;
    for (label, name, value) in message.lines().filter(|line| line.1 != Name::ContentLength) {
        if name == Name::Other {
            writer.raw(label, value)
        } else {
            writer.header(name, value)
        };
        kept += 1;
    }
    let mut head = writer.end();
    // The writer counts the body it is given; here the body stands behind a length of nothing.
    let written = Message::parse(head.clone()).unwrap_or_else(|error| panic!("{head:?}: {error}"));
    assert_eq!(written.lines().count(), kept + 1);
    assert_eq!((written.method(), written.uri_text()), (message.method(), message.uri_text()));
    assert_eq!((written.status(), written.cseq()), (message.status(), message.cseq()));
    let same = |name| message.headers(name).map(blanked).eq(written.headers(name).map(blanked));
    assert!(same(Name::Via) && same(Name::From) && same(Name::To) && same(Name::CallId) && same(Name::Contact));
    head.clear();
}

/// Control characters that the message quoted are blanks in what we write.
fn blanked(value: &str) -> String {
    value.chars().map(|c| if c.is_ascii_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
}

fn is_one_response(answer: &[u8]) {
    let text = std::str::from_utf8(answer).expect("an answer is text");
    let head = text.strip_suffix("\r\n\r\n").expect("an answer has no body");
    let mut lines = head.split("\r\n");
    assert!(lines.next().is_some_and(|start| start.starts_with("SIP/2.0 ")));
    for line in lines {
        let (name, value) = line.split_once(": ").expect("a header line");
        assert!(["Via", "From", "To", "Call-ID", "CSeq", "Content-Length"].contains(&name), "{line:?}");
        assert!(!value.bytes().any(|b| b.is_ascii_control()), "{line:?}");
    }
}

/// The same octets make the same frames however they are cut, and nothing is kept beyond one message.
pub fn framer(bytes: &[u8]) {
    let mut whole = Framer::default();
    whole.push(bytes);
    let wanted = frames(&mut whole);
    let step = bytes.first().map_or(1, |b| usize::from(*b) + 1);
    let mut pieces = Framer::default();
    let mut got = Vec::new();
    let mut failed = false;
    for piece in bytes.chunks(step) {
        pieces.push(piece);
        let (more, error) = frames(&mut pieces);
        got.extend(more);
        failed |= error;
    }
    assert_eq!((got, failed), wanted);
}

fn frames(framer: &mut Framer) -> (Vec<Frame>, bool) {
    let mut frames = Vec::new();
    loop {
        match framer.next_frame() {
            Ok(Some(frame)) => {
                assert!(!matches!(&frame, Frame::Message(bytes) if bytes.len() > MESSAGE_MAX));
                frames.push(frame);
            }
            Ok(None) => return (frames, false),
            Err(error) => {
                error.answer.as_deref().inspect(|answer| is_one_response(answer));
                return (frames, true);
            }
        }
    }
}

/// What was read of a description reads the same when written.
pub fn sdp(bytes: &[u8]) {
    let Ok(session) = Session::parse(bytes) else { return };
    for media in &session.media {
        assert!(media.formats.iter().all(|format| format.pt < 128));
        let _ = (session.address(media), media.refused().to_string());
    }
    let written = session.to_bytes();
    let again = Session::parse(&written).unwrap_or_else(|error| panic!("{written:?}: {error}"));
    assert_eq!(again.to_bytes(), written);
}

pub fn rtp(bytes: &[u8]) {
    let _ = rtp::is_rtcp(bytes);
    let Some(header) = rtp::Header::read(bytes) else { return };
    assert!(bytes.get(header.payload()).is_some());
    let mut packet = bytes.to_vec();
    header.rewrite(&mut packet);
    assert_eq!(packet, bytes);
}

pub fn rtcp(bytes: &[u8]) {
    let mut packets = 0;
    for packet in Compound::new(bytes) {
        packets += 1;
        let (Packet::SenderReport { blocks, .. } | Packet::ReceiverReport { blocks, .. }) = packet else { continue };
        for block in blocks.iter() {
            let mut buffer = [0; rtcp::REPORT_MAX];
            let report = rtcp::Report { ssrc: 1, sender: None, block: Some(block), cname: "c", bye: false };
            let len = report.write(&mut buffer).expect("the buffer is long enough");
            let Some(Packet::ReceiverReport { blocks, .. }) = Compound::new(&buffer[..len]).next() else {
                panic!("our own report does not read back");
            };
            assert_eq!(blocks.iter().next(), Some(block));
        }
    }
    assert!(packets <= rtcp::PACKETS_MAX);
}
