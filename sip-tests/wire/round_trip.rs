//! What is written reads back, for generated values.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::{collection::vec, option, prelude::*};
use strowger::wire::{
    rtcp::{Block, Compound, Packet, REPORT_MAX, Report, Sender},
    rtp::Header,
    sdp::{Direction, Format, Media, Session},
    sip::{self, Message, Method, Name, NameAddr, Writer},
};

use super::properties;

fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<u32>().prop_map(|bits| IpAddr::V4(Ipv4Addr::from_bits(bits))),
        any::<u128>().prop_map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits))),
    ]
}

fn direction() -> impl Strategy<Value = Direction> {
    prop::sample::select(vec![Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive])
}

proptest! {
    #[test]
    fn a_display_name_survives_whatever_it_holds(name in "\\PC*", user in "[a-z0-9+]{1,20}", tag in "[a-zA-Z0-9]{1,20}") {
        let written = format!("{} <sip:{user}@h>;tag={tag}", sip::quoted(&name));
        let read = NameAddr::parse(&written).unwrap();
        prop_assert_eq!(read.display.as_deref().unwrap_or_default(), name.as_str());
        prop_assert_eq!((read.uri.user, read.tag()), (Some(user.as_str()), Some(tag.as_str())));
    }

    #[test]
    fn a_written_message_reads_back(
        method in "[A-Z]{1,12}",
        user in "[a-z0-9]{1,20}",
        cseq in 0..1_u32 << 31,
        values in vec("\\PC{0,60}", 0..8),
        body in vec(any::<u8>(), 0..400),
    ) {
        let method = Method::parse(&method).unwrap();
        let mut writer = Writer::request(&method, &format!("sip:{user}@example.com"));
        writer.header(Name::Via, "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1").header(Name::From, "<sip:a@h>;tag=1");
        writer.header(Name::To, "<sip:b@h>").header(Name::CallId, "c").header(Name::CSeq, format_args!("{cseq} {method}"));
        for value in &values {
            writer.raw("X-Value", value);
        }
        let message = Message::parse(writer.body("a/b", &body)).unwrap();
        prop_assert_eq!(message.method(), Some(&method));
        prop_assert_eq!(message.request_uri().unwrap().user, Some(user.as_str()));
        prop_assert_eq!((message.cseq().number, message.body()), (cseq, &body[..]));
        let read: Vec<_> = message.lines().filter(|line| line.1 == Name::Other).map(|line| line.2.to_owned()).collect();
        let wanted: Vec<_> = values.iter().map(|value| value.trim_matches([' ', '\t']).to_owned()).collect();
        prop_assert_eq!(read, wanted);
    }

    #[test]
    fn nothing_breaks_out_of_a_header(value in any::<String>(), name in any::<String>()) {
        let mut writer = Writer::response(200, Some(&value));
        let bytes = writer.header(Name::From, &value).raw(&name, &value).end();
        let text = std::str::from_utf8(&bytes).unwrap();
        prop_assert!(text.matches("\r\n").count() <= 5 && text.ends_with("\r\n\r\n"), "{text:?}");
        prop_assert!(text.split("\r\n").all(|line| !line.bytes().any(|b| b.is_ascii_control())), "{text:?}");
    }

    #[test]
    fn any_text_is_some_header_value_or_none(value in "[\\PC\t]*") {
        properties::sip_value(&value);
    }

    #[test]
    fn a_written_description_reads_back(
        addr in address(),
        version in any::<u64>(),
        port in 1..=u16::MAX,
        pts in vec(96..128_u8, 1..6),
        ptime in option::of(1..200_u16),
        rtcp in option::of((any::<u16>(), option::of(address()))),
        own in option::of(address()),
        direction in direction(),
    ) {
        let mut session = Session::new(addr, version, version);
        let mut formats: Vec<Format> = Vec::new();
        for pt in pts {
            if !formats.iter().any(|format| format.pt == pt) {
                formats.push(if pt % 2 == 0 { Format::telephone_event(pt, 8_000) } else { Format::new(pt, "opus", 48_000) });
            }
        }
        let mut media = Media::audio(port, formats);
        (media.ptime, media.rtcp, media.connection, media.direction) = (ptime, rtcp, own, direction);
        session.media.push(media);
        prop_assert_eq!(Session::parse(&session.to_bytes()), Ok(session));
    }

    #[test]
    fn a_written_packet_reads_back(pt in 0..128_u8, marker: bool, seq: u16, ts: u32, ssrc: u32, len in 0..1_400_u16) {
        let mut packet = vec![0xA5; 12 + usize::from(len)];
        let mut header = Header::new(pt, seq, ts, ssrc, len);
        header.marker = marker;
        header.write(&mut packet);
        prop_assert_eq!(Header::read(&packet), Some(header));
    }

    #[test]
    fn a_written_report_reads_back(
        ntp: u64, words: [u32; 8], lost in -0x80_0000..0x80_0000_i32, fraction_lost: u8, cname in "[a-z]{0,40}", bye: bool,
    ) {
        let [ssrc, timestamp, packets, octets, highest_sequence, jitter, last_report, delay] = words;
        let sender = Sender { ntp, timestamp, packets, octets };
        let block = Block { ssrc, fraction_lost, lost, highest_sequence, jitter, last_report, delay };
        let mut buffer = [0; REPORT_MAX];
        let report = Report { ssrc, sender: Some(sender), block: Some(block), cname: &cname, bye };
        let len = report.write(&mut buffer).unwrap();
        let Some(Packet::SenderReport { ssrc: read_ssrc, sender: read, blocks }) = Compound::new(&buffer[..len]).next()
        else { panic!("no sender report") };
        prop_assert_eq!((read_ssrc, read, blocks.iter().next()), (ssrc, sender, Some(block)));
        prop_assert_eq!(Compound::new(&buffer[..len]).count(), if bye { 3 } else { 2 });
    }
}
