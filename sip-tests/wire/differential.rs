//! Other parsers as a second opinion: where both accept, both must have read the same.

use std::net::IpAddr;

use bytes::Bytes;
use rsip::prelude::{HasHeaders, HeadersExt, ToTypedHeader, UntypedHeader};
use strowger::wire::{sdp::Session, sip::Message};

use super::corpus;
use crate::torture;

#[test]
fn rsip_reads_the_same_where_it_reads_at_all() {
    let mut compared = 0;
    let messages = torture::cases().into_iter().map(|case| (case.file, case.bytes));
    let ours =
        corpus::of("sip").into_iter().enumerate().map(|(at, bytes)| (format!("corpus {at}"), Bytes::from(bytes)));
    for (file, bytes) in messages.chain(ours) {
        let (Ok(message), Ok(theirs)) = (Message::parse(bytes.clone()), rsip::SipMessage::try_from(bytes)) else {
            continue;
        };
        same_start(&file, &message, &theirs);
        same_headers(&file, &message, &theirs);
        compared += 1;
    }
    assert!(compared >= 30, "rsip accepted only {compared}");
}

fn same_start(file: &str, message: &Message, theirs: &rsip::SipMessage) {
    match theirs {
        rsip::SipMessage::Request(request) => {
            assert_eq!(message.method().map(ToString::to_string), Some(request.method.to_string()), "{file}");
        }
        rsip::SipMessage::Response(response) => {
            assert_eq!(message.status(), Some(response.status_code.code()), "{file}");
        }
    }
}

fn same_headers(file: &str, message: &Message, theirs: &rsip::SipMessage) {
    if let Ok(call_id) = theirs.call_id_header() {
        assert_eq!(message.call_id(), call_id.value(), "{file}");
    }
    if let Ok(Ok(cseq)) = theirs.cseq_header().map(|header| header.typed()) {
        assert_eq!(message.cseq().number, cseq.seq, "{file}");
    }
    if let Ok(Ok(from)) = theirs.from_header().map(|header| header.typed()) {
        let tag = from.params.iter().find_map(|p| if let rsip::Param::Tag(tag) = p { Some(tag.value()) } else { None });
        assert_eq!(message.from_tag(), tag, "{file}");
        // It loses the user of an address without angle brackets.
        if let Some(auth) = &from.uri.auth {
            assert_eq!(message.from().expect("a From").uri.user, Some(auth.user.as_str()), "{file}");
        }
    }
    let Ok(header) = theirs.via_header() else { return };
    // It takes a list of Vias for one, so only single ones can be compared.
    if let (false, Ok(theirs)) = (header.value().contains(','), header.typed()) {
        let via = message.top_via().expect("a Via");
        let branch = theirs.branch().map(|branch| branch.value());
        assert_eq!((via.branch(), via.transport), (branch, theirs.transport.to_string().as_str()), "{file}");
        assert_eq!(via.port, theirs.uri.host_with_port.port.map(|port| *port.value()), "{file}");
    }
}

#[test]
fn rsip_knows_no_message_that_we_wrongly_refuse() {
    for case in torture::cases().iter().filter(|case| case.parse == "accept") {
        if rsip::SipMessage::try_from(case.bytes.clone()).is_ok_and(|message| message.headers().iter().count() > 0) {
            assert!(Message::parse(case.bytes.clone()).is_ok(), "{}", case.file);
        }
    }
}

#[test]
fn sdp_types_reads_the_same_description() {
    let mut compared = 0;
    let bodies = torture::cases().into_iter().filter_map(|case| {
        let message = Message::parse(case.bytes).ok()?;
        (message.content_type() == Some("application/sdp")).then(|| message.body().to_vec())
    });
    for body in bodies.chain(corpus::of("sdp")) {
        let (Ok(session), Ok(theirs)) = (Session::parse(&body), sdp_types::Session::parse(&body)) else { continue };
        compared += 1;
        let text = body.escape_ascii();
        assert_eq!(session.media.len(), theirs.medias.len(), "{text}");
        assert_eq!(session.connection, address(theirs.connection.as_ref()), "{text}");
        for (media, theirs) in session.media.iter().zip(&theirs.medias) {
            assert_eq!((media.kind_text(), media.port), (theirs.media.as_str(), theirs.port), "{text}");
            assert_eq!(media.proto, theirs.proto, "{text}");
            assert_eq!(media.connection, address(theirs.connections.first()), "{text}");
            for format in &media.formats {
                assert!(theirs.fmt.split(' ').any(|pt| pt == format.pt.to_string()), "{text}");
            }
        }
    }
    assert!(compared >= 10, "{compared}");
}

fn address(connection: Option<&sdp_types::Connection>) -> Option<IpAddr> {
    connection.and_then(|connection| connection.connection_address.split('/').next()?.parse().ok())
}
