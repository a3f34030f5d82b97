use std::net::IpAddr;

use super::*;

const PHONE: &str = "v=0\r\no=ana 2890844526 7 IN IP4 192.0.2.1\r\ns=call\r\ni=a call\r\nc=IN IP4 192.0.2.1\r\n\
    b=AS:84\r\nt=0 0\r\na=tool:x\r\nm=audio 49170 RTP/AVP 0 8 18 101\r\nb=TIAS:64000\r\na=rtpmap:101 telephone-event/8000\r\n\
    a=fmtp:101 0-15\r\na=fmtp:18 annexb=no\r\na=ptime:30\r\na=rtcp:53020 IN IP4 192.0.2.9\r\na=ssrc:1 cname:x\r\na=sendonly\r\n\
    m=video 0 RTP/AVP 99\r\na=rtpmap:99 H264/90000\r\n";

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn a_phones_offer_is_read() {
    let session = Session::parse(PHONE.as_bytes()).unwrap();
    assert_eq!((session.origin.session_id, session.origin.version), (2_890_844_526, 7));
    let [audio, video] = &session.media[..] else { panic!("{session:?}") };
    assert_eq!((&audio.kind, audio.port, audio.proto.as_str()), (&Kind::Audio, 49_170, "RTP/AVP"));
    let names: Vec<_> = audio.formats.iter().map(|f| (f.pt, &*f.name, f.clock)).collect();
    let wanted = [(0, "PCMU", 8_000), (8, "PCMA", 8_000), (18, "G729", 8_000), (101, "telephone-event", 8_000)];
    assert_eq!(names, wanted);
    assert_eq!(audio.formats[3].fmtp.as_deref(), Some("0-15"));
    assert_eq!((audio.direction, audio.ptime), (Direction::SendOnly, Some(30)));
    assert_eq!(audio.rtcp, Some((53_020, Some(ip("192.0.2.9")))));
    assert_eq!(session.address(audio), Some(ip("192.0.2.1")));
    assert_eq!((video.port, &*video.formats[0].name, video.direction), (0, "H264", Direction::SendRecv));
}

#[test]
fn what_we_do_not_read_is_kept_in_its_order() {
    let session = Session::parse(PHONE.as_bytes()).unwrap();
    assert_eq!(session.lines, ["i=a call", "b=AS:84", "a=tool:x"]);
    assert_eq!(session.media[0].lines, ["b=TIAS:64000", "a=ssrc:1 cname:x"]);
    let written = session.to_string();
    assert_eq!(Session::parse(written.as_bytes()).unwrap(), session, "{written}");
    let order: String = written.lines().map(|line| &line[..1]).collect();
    assert_eq!(order, "vosicbtambaaaaaaaaaama", "{written}");
}

#[test]
fn a_direction_of_the_session_holds_for_media_without_their_own() {
    let text = "v=0\no=- 1 1 IN IP6 ::1\ns=-\nc=IN IP6 2001:db8::1\nt=0 0\na=inactive\nm=audio 1 RTP/AVP 0\nm=audio 2 RTP/AVP 0\na=sendrecv\n";
    let session = Session::parse(text.as_bytes()).unwrap();
    let directions: Vec<_> = session.media.iter().map(|media| media.direction).collect();
    assert_eq!(directions, [Direction::Inactive, Direction::SendRecv]);
    assert_eq!(session.connection, Some(ip("2001:db8::1")));
}

#[test]
fn odd_lines_cost_their_format_and_not_the_call() {
    let text = "v=0\r\no=- x 99999999999999999999999 IN IP4 host.example.com\r\ns=-\r\nc=IN IP4 224.2.1.1/127\r\nt=0 0\r\n\
        m=audio 5004/2 RTP/AVP 0 0 96 97 200 300 x\r\na=rtpmap:96 opus/0\r\na=rtpmap:97 L16/44100/2\r\na=rtpmap:\r\n\
        a=rtpmap:8 PCMA/8000\r\na=fmtp:255 x\r\na=ptime:20.5\r\na=rtcp:x\r\nm=image 5006 udptl t38\r\n";
    let session = Session::parse(text.as_bytes()).unwrap();
    assert_eq!((session.origin.version, session.origin.addr), (0, None));
    assert_eq!(session.connection, Some(ip("224.2.1.1")));
    let media = &session.media[0];
    let formats: Vec<_> = media.formats.iter().map(|f| (f.pt, &*f.name, f.channels)).collect();
    assert_eq!(formats, [(0, "PCMU", 1), (96, "", 1), (97, "L16", 2)]);
    assert_eq!((media.ptime, media.rtcp), (Some(20), None));
    assert_eq!(session.media[1].refused().to_string(), "m=image 0 udptl t38\r\n");
}

#[test]
fn a_description_beyond_its_limits_or_grammar_is_refused() {
    let head = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n";
    let media = "m=audio 49170 RTP/AVP 0\r\n";
    let refused = |text: &str| Session::parse(text.as_bytes()).is_err();
    assert!(!refused(&format!("{head}{}", media.repeat(MEDIA_MAX))));
    assert!(refused(&format!("{head}{}", media.repeat(1_000))));
    assert!(refused(&format!("{head}{}", "a=x\r\n".repeat(LINES_MAX))));
    assert!(refused(&format!("{head}{}", "a".repeat(MESSAGE_MAX_TEST))));
    let formats: String = (0..128).map(|pt| format!(" {pt}")).collect();
    let many = Session::parse(format!("{head}m=audio 1 RTP/AVP{formats}\r\n").as_bytes()).unwrap();
    assert_eq!(many.media[0].formats.len(), FORMATS_MAX);
    for bad in [
        "m=audio",
        "m=audio x RTP/AVP 0",
        "m=audio 65536 RTP/AVP 0",
        "m=audio -1 RTP/AVP 0",
        "m=audio 1 RTP/AVP",
        "m=audio 1 RTP/AVP 128",
        "c=IN IP4",
        "c=XX IP4 1.2.3.4",
        "o=x",
        "nonsense",
        "long=x",
        "a=x\0y",
    ] {
        assert!(refused(&format!("{head}{bad}\r\n")), "{bad}");
    }
    assert!(refused("") && refused("v=1\r\n") && refused("v=0\r\ns=-\r\n"));
}

const MESSAGE_MAX_TEST: usize = crate::wire::sip::MESSAGE_MAX;

#[test]
fn our_own_description_is_written_whole() {
    let mut session = Session::new(ip("192.0.2.7"), 5, 6);
    session.media.push(Media::audio(4_000, [Format::new(8, "PCMA", 8_000), Format::telephone_event(101, 8_000)]));
    let text = "v=0\r\no=- 5 6 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8 101\r\n\
        a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=sendrecv\r\n";
    assert_eq!(session.to_bytes(), text);
}
