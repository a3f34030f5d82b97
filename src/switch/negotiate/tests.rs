use std::net::SocketAddr;

use super::*;
use crate::{
    base::StreamId,
    media::{Port, Suite},
};

fn leg() -> LegMedia {
    let port = Port { worker: 0, index: 0, rtp: "192.0.2.1:20000".parse().unwrap() };
    LegMedia::new(StreamId(1), port, 7, crate::base::Private::new([7; 30]), Default::default())
}

fn leg_of(ours: &Menu) -> LegMedia {
    LegMedia { ours: ours.clone(), ..leg() }
}

fn sdp(lines: &str) -> String {
    format!("v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n{lines}")
}

fn answered(lines: &str) -> (String, Agreed) {
    let offered = read_offer(sdp(lines).as_bytes()).expect("an offer that we can take");
    let (text, agreed) = answer(&leg(), &offered, None).unwrap();
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
    let (_, other) = answered("m=audio 4000 RTP/AVP 0\r\n");
    let (_, agreed) = answer(&leg(), &offered, Some(&other)).unwrap();
    assert_eq!(agreed.codec, Codec::Pcmu, "what the other leg speaks, where the offer has it");
    assert_eq!(agreed.telephone_event, None);
}

/// SW-05: lines that were refused stay in their places in what we offer later, as for a hold (RFC 3264 8).
#[test]
fn sw_05_refused_lines_stay_where_they_are() {
    let three = "m=video 5000 RTP/AVP 96\r\nm=audio 4000 RTP/AVP 8\r\nm=text 5002 RTP/AVP 98\r\n";
    let (_, agreed) = answered(three);
    let mut leg = LegMedia { agreed: Some(agreed), ..leg() };
    let (text, ours) = offer(&leg, Suits::Anybody);
    let text = String::from_utf8(text.to_vec()).unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("m=")).collect();
    assert_eq!((lines.len(), lines[0], lines[2]), (3, "m=video 0 RTP/AVP 96", "m=text 0 RTP/AVP 98"));
    assert!(lines[1].starts_with("m=audio 20000 RTP/AVP"), "{text}");
    leg.ours = ours;
    let answer = "m=video 0 RTP/AVP 96\r\nm=audio 4002 RTP/AVP 8\r\nm=text 0 RTP/AVP 98\r\n";
    for answer in [answer, "m=audio 4002 RTP/AVP 8\r\n"] {
        let agreed = read_answer(sdp(answer).as_bytes(), &leg).unwrap();
        assert_eq!((agreed.remote.rtp.port(), agreed.lines.taken()), (4002, 1), "{answer}");
    }
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
    assert_eq!(agreed.remote.rtp, "198.51.100.7:4000".parse::<SocketAddr>().unwrap());
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

/// A call that was to be encrypted is never answered in the clear, and what has neither sound nor fax for us is no call.
#[test]
fn what_we_cannot_take_is_no_offer() {
    for lines in [
        "m=audio 4000 RTP/SAVP 0\r\n",
        "m=audio 4000 UDP/TLS/RTP/SAVPF 0\r\n",
        "m=audio 0 RTP/AVP 0\r\n",
        "m=image 0 udptl t38\r\n",
        "m=image 4000 tcp t38\r\n",
        "m=image 4000 udptl other\r\n",
        "m=audio 4000 RTP/AVP 99\r\na=rtpmap:99 red/8000\r\n",
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
    let (text, ours) = offered_to_peer_of(Suits::Offered(&like));
    assert!(text.contains("m=audio 20000 RTP/AVP 8 0 9 111 101 96\r\n"), "{text}");
    assert!(text.contains("a=rtpmap:111 opus/48000/2") && text.contains("a=rtpmap:96 telephone-event/48000"), "{text}");
    let agreed = read_answer(
        sdp("m=audio 4000 RTP/AVP 8 97\r\na=rtpmap:97 telephone-event/8000\r\n").as_bytes(),
        &leg_of(&ours),
    )
    .unwrap();
    assert_eq!(agreed.telephone_event, Some(PayloadTypes { send: 97, receive: 101 }));
    assert_eq!(read_answer(sdp("m=audio 0 RTP/AVP 8\r\n").as_bytes(), &leg_of(&ours)), None);
    assert_eq!(
        read_answer(sdp("m=audio 4000 RTP/AVP 18\r\n").as_bytes(), &leg_of(&ours)),
        None,
        "that was not offered"
    );
}

/// SW-08: who answers with several codecs may change between them at any time (RFC 3264 7): all that we can decode are
/// known by the numbers that we have given them, in the next process too.
#[test]
fn sw_08_an_answer_may_have_several_codecs() {
    let (_, ours) = offered_to_peer_of(Suits::Anybody);
    let text =
        sdp("m=audio 4000 RTP/AVP 9 18 0 98 101\r\na=rtpmap:98 opus/48000/2\r\na=rtpmap:101 telephone-event/8000\r\n");
    let agreed = read_answer(text.as_bytes(), &leg_of(&ours)).unwrap();
    let also = [(0, Codec::Pcmu), (111, Codec::Opus)];
    assert_eq!((agreed.codec, &*agreed.also), (Codec::G722, &also[..]));
    let form = agreed.form("192.0.2.7".parse().unwrap(), Duration::from_secs(60));
    assert!(form.may_say(Codec::Opus) && form.may_say(Codec::G722) && !form.may_say(Codec::Pcma));
    let kept: Agreed = serde_json::from_str(&serde_json::to_string(&agreed).unwrap()).unwrap();
    assert_eq!(kept, agreed);
}

fn offered_to_peer_of(suits: Suits<'_>) -> (String, Menu) {
    let (text, menu) = offer(&leg(), suits);
    (String::from_utf8(text.to_vec()).unwrap(), menu)
}

const ILBC: &str = "m=audio 4000 RTP/AVP 98 18 13 99\r\na=rtpmap:98 iLBC/8000\r\na=fmtp:98 mode=20\r\n\
     a=rtpmap:99 telephone-event/8000\r\na=ptime:40\r\n";

/// SW-08: what we can't decode is offered on, with its parameters, its packet length and comfort noise, and to nobody
/// who could not be heard: nothing of ours is added to it.
#[test]
fn sw_08_foreign_codecs_are_offered_on_untouched() {
    let like = read_offer(sdp(ILBC).as_bytes()).unwrap();
    let (text, ours) = offered_to_peer_of(Suits::Offered(&like));
    assert!(text.contains("m=audio 20000 RTP/AVP 98 18 13 101\r\n"), "{text}");
    for line in ["a=rtpmap:98 iLBC/8000", "a=fmtp:98 mode=20", "a=rtpmap:18 G729/8000", "a=ptime:40"] {
        assert!(text.contains(line), "{line}: {text}");
    }
    // The called side has its own number for it, and another mode.
    let lines = "m=audio 4000 RTP/AVP 120 13\r\na=rtpmap:120 iLBC/8000\r\na=fmtp:120 mode=30\r\n";
    let called = read_answer(sdp(lines).as_bytes(), &leg_of(&ours)).unwrap();
    let form = called.form([198, 51, 100, 9].into(), Duration::from_secs(60));
    assert_eq!(form.payload, PayloadTypes { send: 120, receive: 98 });
    assert_eq!(form.comfort_noise, Some(PayloadTypes::both(13)));
    let (text, caller) = answer(&leg(), &like, Some(&called)).unwrap();
    let text = String::from_utf8(text.to_vec()).unwrap();
    assert!(text.contains("m=audio 20000 RTP/AVP 98 13 99\r\n") && text.contains("a=fmtp:98 mode=30"), "{text}");
    assert_eq!((caller.codec, caller.codec_name()), (called.codec, "iLBC"));
    // Whom nobody else can understand is not brought together with the rest.
    let (_, pcmu) = answered("m=audio 4000 RTP/AVP 0\r\n");
    assert!(answer(&leg(), &like, Some(&pcmu)).is_none());
}

/// SW-08: numbers of our own keep out of the way of the offer's.
#[test]
fn sw_08_numbers_do_not_collide() {
    let lines = "m=audio 4000 RTP/AVP 101 8\r\na=rtpmap:101 speex/16000\r\na=rtpmap:8 PCMA/8000\r\n";
    let like = read_offer(sdp(lines).as_bytes()).unwrap();
    let (text, ours) = offered_to_peer_of(Suits::Offered(&like));
    let mut numbers: Vec<u8> = ours.formats().map(|format| format.pt).collect();
    let count = numbers.len();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), count, "{text}");
    assert!(text.contains("telephone-event/8000") && text.contains("telephone-event/16000"), "{text}");
}

#[test]
fn a_description_is_found_in_a_multipart() {
    let kind = "multipart/mixed; boundary=\"b1\"";
    let body =
        b"--b1\r\nContent-Type: text/plain\r\n\r\nhi\r\n--b1\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--b1--\r\n";
    assert!(description(kind, body).unwrap().starts_with(b"v=0"));
    for other in [
        "multipart/mixed; Boundary=b1",
        "Multipart/Mixed;BOUNDARY=\"b1\"",
        "multipart/mixed;type=\"a;boundary=b2\" ; boundary = b1 ;charset=x",
        "multipart/related;x-boundary=b2;boundary=b1",
    ] {
        assert!(description(other, body).is_some_and(|found| found.starts_with(b"v=0")), "{other}");
    }
    for broken in [
        "multipart/mixed",
        "multipart/mixed;boundary=\"b1",
        "multipart/mixed;boundary=",
        "multipart/mixed;boundary=\"\"",
        "text/plain",
    ] {
        assert_eq!(description(broken, body), None, "{broken}");
    }
    // RFC 5621 8: what its sender calls indispensable, and we don't know, makes the whole one that we don't know.
    let more = |disposition: &str| {
        let part =
            format!("--b1\r\nContent-Type: application/isup\r\nContent-Disposition: signal{disposition}\r\n\r\nx\r\n");
        [part.as_bytes(), body].concat()
    };
    assert!(description(kind, &more("")).is_some());
    assert!(description(kind, &more("; handling=optional")).is_some());
    assert_eq!(description(kind, &more("; Handling = \"required\"")), None);
    assert_eq!(description(kind, b"--b1"), None);
    assert_eq!(description(kind, b""), None);
    assert_eq!(description(kind, b"--b1\r\n--b1--"), None);
}

/// SW-08: an answer has one telephone-event, at its codec's clock, and who brought another codec than the other side has
/// is answered in his own, the cheapest first.
#[test]
fn sw_08_a_wide_phone_meets_a_narrow_one() {
    let browser = "m=audio 4000 RTP/AVP 111 9 0 110 126\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 useinbandfec=1\r\n\
         a=rtpmap:110 telephone-event/48000\r\na=rtpmap:126 telephone-event/8000\r\n";
    let offered = read_offer(sdp(browser).as_bytes()).unwrap();
    let (_, alaw) = answered("m=audio 4000 RTP/AVP 8\r\n");
    let (text, agreed) = answer(&leg(), &offered, Some(&alaw)).unwrap();
    assert_eq!(agreed.codec, Codec::Pcmu, "no decoding where a table does");
    assert!(String::from_utf8_lossy(&text).contains("RTP/AVP 0 126\r\n"), "{text:?}");
    let only = read_offer(sdp(&browser.replace(" 9 0 ", " ")).as_bytes()).unwrap();
    let (text, agreed) = answer(&leg(), &only, Some(&alaw)).unwrap();
    let form = agreed.form([198, 51, 100, 9].into(), Duration::from_secs(60));
    assert_eq!((form.codec, form.event_hz, form.wishes.second_copies), (Codec::Opus, 48_000, true));
    let text = String::from_utf8(text.to_vec()).unwrap();
    assert!(text.contains("RTP/AVP 111 110\r\n") && text.contains("a=rtpmap:111 opus/48000/2\r\n"), "{text}");
    assert!(text.contains("a=fmtp:111 useinbandfec=1\r\n"), "{text}");
}

/// CH-03, SW-08: given comfort noise, Chromium all but stops sending while its user is silent or muted. It offers it, and gets
/// none; other phones do.
#[test]
fn ch_03_a_browser_gets_no_comfort_noise() {
    let noise = "a=rtpmap:13 CN/8000\r\n";
    let browser = format!(
        "m=audio 9 UDP/TLS/RTP/SAVPF 0 13 126\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=rtcp-mux\r\na=ice-ufrag:page\r\n\
         a=ice-pwd:0123456789abcdefghijklmn\r\n\
         a=candidate:1 1 udp 2122260223 198.51.100.7 4000 typ host\r\na=fingerprint:sha-256 {}\r\na=setup:actpass\r\n{noise}\
         a=rtpmap:126 telephone-event/8000\r\n",
        crate::media::link::Fingerprint([1; 32])
    );
    let door = Door {
        secret: crate::base::Private::new([1; 32]),
        fingerprint: crate::media::link::Fingerprint([2; 32]),
        addresses: ["192.0.2.1:20000".parse().unwrap()].into_iter().collect(),
    };
    let at_door = LegMedia { door: Some(door), ..leg() };
    let offered = read_offer(sdp(&browser).as_bytes()).expect("a browser's offer");
    let (text, agreed) = answer(&at_door, &offered, None).unwrap();
    let text = String::from_utf8_lossy(&text);
    assert!(text.contains("UDP/TLS/RTP/SAVPF 0 126\r\n") && !text.contains("CN"), "{text}");
    assert_eq!(agreed.comfort_noise, None);
    let like = read_offer(sdp(&format!("m=audio 4000 RTP/AVP 0 13\r\n{noise}")).as_bytes()).unwrap();
    let (text, ours) = offer(&at_door, Suits::Offered(&like));
    assert!(!String::from_utf8_lossy(&text).contains("CN") && ours.noise(Codec::Pcmu).is_none(), "{text:?}");
    assert!(offered_to_peer_of(Suits::Offered(&like)).0.contains("CN/8000"));
}

const CRYPTO: &str = "a=crypto:4 AES_256_CM_HMAC_SHA1_80 inline:x\r\n\
     a=crypto:5 AES_CM_128_HMAC_SHA1_80 inline:AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0e|2^31|1:4;inline:AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0f|2^31|2:4\r\n\
     a=crypto:6 AES_CM_128_HMAC_SHA1_32 inline:AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0e|2^31\r\n";

/// SW-09: the first crypto line that we can follow is taken, with a key of our own; what can't be followed is refused, and
/// never answered in the clear.
#[test]
fn sw_09_secure_offers_are_answered_securely() {
    let lines = format!("m=audio 4000 RTP/SAVP 0\r\n{CRYPTO}");
    let (text, agreed) = answered(&lines);
    assert!(text.contains("m=audio 20000 RTP/SAVP 0\r\n"), "{text}");
    let ours = "a=crypto:6 AES_CM_128_HMAC_SHA1_32 inline:BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH\r\n";
    assert!(text.contains(ours), "{text}");
    let security = agreed.security.as_ref().expect("keys");
    assert_eq!((security.theirs.reveal()[0], security.theirs.reveal()[29], security.ours.reveal()[0]), (1, 30, 7));
    assert!(!format!("{agreed:?}").contains("AQID"), "keys are not for the log");
    assert!(agreed.form([1, 1, 1, 1].into(), Duration::from_secs(60)).security.is_some());
    for broken in [
        "",
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AQID\r\n",
        "a=crypto:x\r\n",
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0e UNENCRYPTED_SRTP\r\n",
    ] {
        assert_eq!(read_offer(sdp(&format!("m=audio 4000 RTP/SAVP 0\r\n{broken}")).as_bytes()), None, "{broken}");
    }
}

/// SW-09, THREATS: of a protected line and one in the clear the protected one is taken, wherever it stands; where it can't be
/// had, neither is.
#[test]
fn sw_09_protected_sound_goes_before_sound_in_the_clear() {
    let (plain, secure) = ("m=audio 4000 RTP/AVP 0\r\n", format!("m=audio 4002 RTP/SAVP 0\r\n{CRYPTO}"));
    for lines in [format!("{plain}{secure}"), format!("{secure}{plain}")] {
        let (text, agreed) = answered(&lines);
        assert!(agreed.security.is_some() && agreed.remote.rtp.port() == 4002, "{lines}");
        assert!(text.contains("m=audio 0 RTP/AVP 0\r\n") && text.contains("m=audio 20000 RTP/SAVP 0\r\n"), "{text}");
    }
    let foreign = "m=audio 4002 RTP/SAVP 0\r\na=crypto:1 F8_128_HMAC_SHA1_80 inline:x\r\n";
    for lines in [format!("{plain}{foreign}"), format!("{foreign}{plain}")] {
        assert_eq!(read_offer(sdp(&lines).as_bytes()), None, "{lines}");
    }
    let refused = format!("{plain}m=audio 0 RTP/SAVP 0\r\n");
    assert!(answered(&refused).1.security.is_none(), "what is refused already is not offered");
}

/// SW-09: AES-GCM's key is shorter: 28 octets, no more and no less.
#[test]
fn sw_09_a_sealed_leg_has_its_own_length_of_key() {
    let line = |key: &str| format!("m=audio 4000 RTP/SAVP 0\r\na=crypto:7 AEAD_AES_128_GCM inline:{key}\r\n");
    let (text, agreed) = answered(&line("AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHA=="));
    let security = agreed.security.as_ref().expect("keys");
    assert_eq!((security.suite, &security.theirs.reveal()[26..]), (Suite::Sealed, [27, 28, 0, 0].as_slice()));
    let ours = text.split_once("a=crypto:7 AEAD_AES_128_GCM inline:").and_then(|(_, key)| key.split("\r\n").next());
    assert_eq!(ours.map(str::len), Some(40), "{text}");
    for key in ["AQID", "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0e"] {
        assert_eq!(read_offer(sdp(&line(key)).as_bytes()), None, "{key}");
    }
}

/// SW-09: one key may have an identifier, whose octets each packet carries; what changes nothing for us is passed over.
#[test]
fn sw_09_a_key_may_have_an_identifier() {
    let key = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0e";
    let line =
        |rest: &str| format!("m=audio 4000 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{key}{rest}\r\n");
    for (rest, mki) in [("|2^31|1:4", 4), ("|1:1", 1), ("|2^20", 0), ("; WSH=64 -ours=1", 0)] {
        let (text, agreed) = answered(&line(rest));
        assert_eq!(agreed.security.map(|security| security.mki), Some(mki), "{rest}");
        assert!(!text.contains('|'), "our packets carry none: {text}");
    }
    for rest in ["|1:129", "|1:4;inline:AAAA|2:4", "|1:x", " KDR=1"] {
        assert_eq!(read_offer(sdp(&line(rest)).as_bytes()), None, "{rest}");
    }
}

/// SW-09: a secure leg can't be talked down, neither by a later offer nor by an answer to ours.
#[test]
fn sw_09_a_secure_leg_is_not_talked_down() {
    let (_, agreed) = answered(&format!("m=audio 4000 RTP/SAVP 0\r\n{CRYPTO}"));
    let secure = LegMedia { agreed: Some(agreed), ..leg() };
    let plain = read_offer(sdp("m=audio 4000 RTP/AVP 0\r\n").as_bytes()).unwrap();
    assert!(answer(&secure, &plain, None).is_none());
    let wants = LegMedia { wants_security: true, ..leg() };
    let (text, ours) = offer(&wants, Suits::Anybody);
    let text = String::from_utf8(text.to_vec()).unwrap();
    assert!(text.contains("RTP/SAVP 0 8") && text.matches("a=crypto:").count() == 3, "{text}");
    let wants = LegMedia { ours, ..wants };
    assert!(read_answer(sdp("m=audio 4000 RTP/AVP 0\r\n").as_bytes(), &wants).is_none());
    let taken = read_answer(sdp(&format!("m=audio 4000 RTP/SAVP 0\r\n{CRYPTO}")).as_bytes(), &wants).unwrap();
    assert!(taken.security.is_some());
    let unasked = sdp(&format!("m=audio 4000 RTP/SAVP 0\r\n{CRYPTO}"));
    assert!(read_answer(unasked.as_bytes(), &leg_of(&wants.ours)).is_none());
}

/// SW-07, THREATS (reflection): nothing is sent to groups, whole networks and reserved addresses, whichever line names
/// them, nor to what a peer calls his own loopback; where he wants nothing sent, nothing is.
#[test]
fn sw_07_no_description_makes_us_send_to_others() {
    let offer = |family: &str, ip: &str, more: &str| {
        let text = format!("v=0\r\no=- 1 1 IN IP4 x.example\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\n");
        read_offer(format!("{text}m=audio 4000 RTP/AVP 8\r\n{more}").as_bytes())
    };
    for ip in ["224.0.0.1", "239.1.2.3/127", "255.255.255.255", "240.0.0.1", "0.1.2.3"] {
        assert_eq!(offer("IP4", ip, ""), None, "{ip}");
        let line = format!("c=IN IP4 {ip}\r\n");
        assert_eq!(offer("IP4", "198.51.100.7", &line), None, "{ip} for the line");
        let fax = format!("m=image 4000 udptl t38\r\nc=IN IP4 {ip}\r\n");
        assert_eq!(read_offer(sdp(&fax).as_bytes()), None, "{ip} for fax");
        let text = sdp(&format!("m=audio 4000 RTP/AVP 8\r\nc=IN IP4 {ip}\r\n"));
        let ours = Menu::for_peer_of(None);
        assert_eq!(read_answer(text.as_bytes(), &leg_of(&ours)), None, "{ip} in an answer");
    }
    assert_eq!(offer("IP6", "ff02::1", ""), None);
    assert_eq!(offer("IP6", "::ffff:224.0.0.1", ""), None);
    let place = |ip: &str, more: &str| answer(&leg(), &offer("IP4", ip, more).unwrap(), None).unwrap().1.remote;
    let at = |text: &str| -> SocketAddr { text.parse().unwrap() };
    let rtcp = |to: &str| place("198.51.100.7", &format!("a=rtcp:4007 IN IP4 {to}\r\n")).rtcp;
    assert_eq!(rtcp("198.51.100.8"), at("198.51.100.8:4007"));
    assert_eq!(rtcp("224.0.0.1"), at("198.51.100.7:4007"));
    assert_eq!(place("127.0.0.1", "").rtp, at("0.0.0.0:4000"));
    let held = answer(&leg(), &offer("IP4", "0.0.0.0", "").unwrap(), None).unwrap().1;
    assert!(held.holds && held.remote.rtp == at("0.0.0.0:4000"));
    // On one machine it is everybody's.
    let here = LegMedia { address: "127.0.0.1".parse().unwrap(), ..leg() };
    let (_, agreed) = answer(&here, &offer("IP4", "127.0.0.1", "").unwrap(), None).unwrap();
    assert_eq!(agreed.remote.rtp, at("127.0.0.1:4000"));
}

/// SW-07: a leg is answered in the family that it offers, or not at all; what we offered is answered in either where
/// the port takes both.
#[test]
fn sw_07_an_offer_of_the_other_family_is_not_met() {
    let six = "v=0\r\no=- 1 1 IN IP6 2001:db8::7\r\ns=-\r\nc=IN IP6 2001:db8::7\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n";
    let offered = read_offer(six.as_bytes()).unwrap();
    assert!(!leg().meets(&offered) && answer(&leg(), &offered, None).is_none());
    let both = Port { rtp: "[::]:20000".parse().unwrap(), ..leg().port };
    let leg_at = |port: Port, address: &str| LegMedia { address: address.parse().unwrap(), port, ..leg() };
    assert!(!leg_at(both, "192.0.2.1").meets(&offered), "what we name is what he can reach");
    let (text, agreed) = answer(&leg_at(both, "2001:db8::1"), &offered, None).unwrap();
    assert!(std::str::from_utf8(&text).unwrap().contains("\r\nc=IN IP6 2001:db8::1\r\n"));
    assert_eq!(agreed.remote.rtp.to_string(), "[2001:db8::7]:4000");
    let ours = Menu::for_peer_of(None);
    let with = |port: Port| LegMedia { ours: ours.clone(), ..leg_at(port, "192.0.2.1") };
    assert!(read_answer(six.as_bytes(), &with(both)).is_some());
    assert!(read_answer(six.as_bytes(), &with(leg().port)).is_none());
    // Six-dressed four is four.
    let mapped = six.replace("2001:db8::7", "::ffff:198.51.100.7");
    assert!(leg().meets(&read_offer(mapped.as_bytes()).unwrap()));
}
