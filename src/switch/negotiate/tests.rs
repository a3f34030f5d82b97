use super::*;
use crate::{base::StreamId, media::Port};

fn leg() -> LegMedia {
    LegMedia {
        stream: StreamId(1),
        port: Port { worker: 0, index: 0, rtp: "192.0.2.1:20000".parse().unwrap() },
        address: "192.0.2.1".parse().unwrap(),
        session: 7,
        version: 1,
        agreed: None,
        local: Bytes::new(),
        awaits_answer: false,
        open: false,
        form: None,
        remote: None,
        play: None,
        queued: None,
    }
}

fn sdp(lines: &str) -> String {
    format!("v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n{lines}")
}

fn answered(lines: &str) -> (String, Agreed) {
    let offered = read_offer(sdp(lines).as_bytes()).expect("an offer that we can take");
    let (text, agreed) = answer(&leg(), &offered, None);
    (String::from_utf8(text.to_vec()).unwrap(), agreed)
}

/// SW-05: the peer's order decides, the answer names one codec, and digits keep the peer's payload type.
#[test]
fn sw_05_the_offerers_order_and_numbers_are_kept() {
    let (text, agreed) = answered("m=audio 4000 RTP/AVP 18 8 0 96\r\na=rtpmap:96 telephone-event/8000\r\n");
    assert_eq!((agreed.codec, agreed.telephone_event), (Codec::Pcma, Some(PayloadTypes::both(96))));
    assert!(text.contains("m=audio 20000 RTP/AVP 8 96\r\n"), "{text}");
    assert!(text.contains("c=IN IP4 192.0.2.1"), "the peer sends to us, never to the other leg");
    let offered = read_offer(sdp("m=audio 4000 RTP/AVP 8 0\r\n").as_bytes()).unwrap();
    let (_, agreed) = answer(&leg(), &offered, Some(Codec::Pcmu));
    assert_eq!(agreed.codec, Codec::Pcmu, "what the other leg speaks, where the offer has it");
    assert_eq!(agreed.telephone_event, None);
}

/// SW-05: lines that we don't take are refused in their place (RFC 3264 6).
#[test]
fn sw_05_other_lines_are_answered_with_port_zero() {
    let lines =
        "m=video 4002 RTP/AVP 34\r\nm=audio 4000 RTP/AVP 0\r\nm=image 4004 udptl t38\r\nm=audio 4006 RTP/AVP 0\r\n";
    let (text, agreed) = answered(lines);
    let answers: Vec<&str> = text.lines().filter(|line| line.starts_with("m=")).collect();
    assert_eq!(answers.len(), 4, "{text}");
    assert!(answers[0].starts_with("m=video 0 ") && answers[1].starts_with("m=audio 20000 "), "{text}");
    assert!(answers[2].starts_with("m=image 0 udptl") && answers[3].starts_with("m=audio 0 "), "{text}");
    assert_eq!(agreed.remote.rtp, "198.51.100.7:4000".parse().unwrap());
}

/// SW-05, CH-02: each way of holding.
#[test]
fn sw_05_ch_02_holds_are_understood() {
    let cases = [
        ("", "sendrecv", false, true, true),
        ("a=sendonly\r\n", "recvonly", true, false, false),
        ("a=inactive\r\n", "inactive", true, false, false),
        ("a=recvonly\r\n", "sendonly", false, true, false),
        ("c=IN IP4 0.0.0.0\r\n", "recvonly", true, false, false),
    ];
    for (line, expected, holds, may_send, may_receive) in cases {
        let (text, agreed) = answered(&format!("m=audio 4000 RTP/AVP 0\r\n{line}"));
        assert!(text.contains(&format!("a={expected}\r\n")), "{line}: {text}");
        let form = agreed.form([198, 51, 100, 9].into(), Duration::from_secs(60));
        assert_eq!((agreed.holds, form.may_send, form.may_receive), (holds, may_send, may_receive), "{line}");
    }
    let (_, inactive) = answered("m=audio 4000 RTP/AVP 0\r\na=inactive\r\n");
    assert_eq!(
        inactive.form([1, 1, 1, 1].into(), Duration::from_secs(60)).silence,
        None,
        "who may not send is not missed"
    );
}

/// A call that was to be encrypted is never answered in the clear, and what has no audio for us is no call.
#[test]
fn what_we_cannot_take_is_no_offer() {
    for lines in [
        "m=audio 4000 RTP/SAVP 0\r\n",
        "m=audio 4000 UDP/TLS/RTP/SAVPF 0\r\n",
        "m=audio 0 RTP/AVP 0\r\n",
        "m=audio 4000 RTP/AVP 18\r\n",
        "m=image 4000 udptl t38\r\n",
        "m=audio 4000 RTP/AVP 99\r\na=rtpmap:99 PCMU/16000\r\n",
        "",
    ] {
        assert_eq!(read_offer(sdp(lines).as_bytes()), None, "{lines}");
    }
    assert_eq!(read_offer(b"\0\xff"), None);
}

/// SW-05: our offer has what we can, the caller's choice first; an answer may number digits as it likes.
#[test]
fn sw_05_our_offers_and_their_answers() {
    let like = read_offer(sdp("m=audio 4000 RTP/AVP 8\r\n").as_bytes()).unwrap();
    let text = String::from_utf8(offer(&leg(), Some(&like)).to_vec()).unwrap();
    assert!(text.contains("m=audio 20000 RTP/AVP 8 0 101\r\n"), "{text}");
    let agreed =
        read_answer(sdp("m=audio 4000 RTP/AVP 8 97\r\na=rtpmap:97 telephone-event/8000\r\n").as_bytes()).unwrap();
    assert_eq!(agreed.telephone_event, Some(PayloadTypes { send: 97, receive: 101 }));
    assert_eq!(read_answer(sdp("m=audio 0 RTP/AVP 8\r\n").as_bytes()), None);
}

#[test]
fn a_description_is_found_in_a_multipart() {
    let kind = "multipart/mixed; boundary=\"b1\"";
    let body =
        b"--b1\r\nContent-Type: text/plain\r\n\r\nhi\r\n--b1\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--b1--\r\n";
    assert!(description(kind, body).unwrap().starts_with(b"v=0"));
    for broken in ["multipart/mixed", "multipart/mixed;boundary=", "multipart/mixed;boundary=\"\"", "text/plain"] {
        assert_eq!(description(broken, body), None, "{broken}");
    }
    assert_eq!(description(kind, b"--b1"), None);
    assert_eq!(description(kind, b""), None);
    assert_eq!(description(kind, b"--b1\r\n--b1--"), None);
}
