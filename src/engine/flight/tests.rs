use std::net::SocketAddr;

use bytes::Bytes;

use super::{
    frame::{Frame, Frames, write_input},
    *,
};
use crate::{
    acd::Actor,
    base::{AgentId, CallId, FlowId, Instant, LegId, Now, StreamId, UserId, Wall},
    engine::{Input, PageSays, Request, RequestId},
    media::{self, Stats, link},
    sip::{Lookup, Path, Server, Transport},
    switch::Listener,
    wire::sip::Message,
};

fn inputs() -> Vec<Input> {
    let (v4, v6): (SocketAddr, SocketAddr) = ("192.0.2.7:5060".parse().unwrap(), "[2001:db8::9]:5061".parse().unwrap());
    let text =
        b"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/WSS x;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\n\
                 Call-ID: \xc3\xa9\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 2\r\n\r\n\xff\0";
    let message = Message::parse(Bytes::from_static(text)).unwrap();
    let port = media::Port { worker: 1, index: 7, rtp: v4 };
    let stats = Stats { mos: Some(4.4), first_heard: Some(Instant::from_micros(9)), ..Stats::default() };
    let server = Server { transport: Transport::Tls, address: v6, priority: 1, weight: 2 };
    let listener = Listener {
        transport: Transport::Ws,
        local: v6,
        advertised: Some(("x".into(), 9)),
        media_address: None,
        inside: Vec::new(),
    };
    vec![
        Input::Sip { path: Path { transport: Transport::Wss, local: v4, remote: v6, flow: Some(FlowId(5)) }, message },
        Input::FlowClosed(FlowId(5)),
        Input::Unreachable { transport: Transport::Udp, remote: v6 },
        Input::Media(media::Event::Closed { stream: StreamId(3), stats: Box::new(stats) }),
        Input::Media(media::Event::Stands { stream: StreamId(3), standing: Box::default() }),
        Input::Ports(vec![port]),
        Input::Doors(link::Doors {
            fingerprint: link::Fingerprint([9; 32]),
            ports: vec![port],
            others: vec![vec![v6], Vec::new()],
        }),
        Input::Settings(Box::new(crate::engine::tests::world::centre())),
        Input::Settings(Box::default()),
        Input::Listeners(vec![listener]),
        Input::Restore(Vec::new()),
        Input::Restored,
        Input::Request { id: RequestId(4), actor: Actor::Api, request: Request::Dnd { agent: AgentId(1), on: true } },
        Input::Session { agent: AgentId(1), open: true },
        Input::Seed([7; 32]),
        Input::Resolved {
            lookup: Lookup { host: "sip.example".into(), port: Some(1), transport: Some(Transport::Tcp) },
            servers: vec![server],
            lasts: std::time::Duration::from_secs(9),
        },
        Input::Drain,
        Input::Tick,
    ]
}

/// Every kind of input comes out of a recording as it went in, and a recording that is cut off is read up to there.
#[test]
fn every_input_makes_the_way_there_and_back() {
    let now = Now { mono: Instant::from_micros(u64::MAX - 1), wall: Wall(-5) };
    let mut written = Vec::new();
    inputs().iter().for_each(|input| write_input(&mut written, now, input));
    let written = Bytes::from(written);
    let read: Vec<String> = Frames::new(written.clone())
        .map(|frame| match frame {
            Ok(Frame::Input(at, input)) if at == now => format!("{input:?}"),
            other => panic!("{other:?}"),
        })
        .collect();
    let wanted: Vec<String> = inputs().iter().map(|input| format!("{input:?}")).collect();
    assert_eq!(read, wanted);
    for cut in 0..written.len() {
        let whole = Frames::new(written.slice(..cut)).map(Result::unwrap).count();
        assert!(whole < wanted.len());
    }
}

/// Whatever stands in a recording, reading it ends and does not panic.
#[test]
fn a_damaged_recording_is_an_error() {
    let mut written = Vec::new();
    inputs().iter().for_each(|input| write_input(&mut written, Now::default(), input));
    let mut chance = crate::base::Chance::from_number(8_200);
    for _ in 0..2_000 {
        let mut damaged = written.clone();
        for _ in 0..1 + chance.below(3) {
            let at = chance.below(damaged.len() as u64) as usize;
            damaged[at] = chance.word() as u8;
        }
        assert!(Frames::new(Bytes::from(damaged.clone())).count() <= damaged.len());
        assert!(replay(Bytes::from(damaged), Play::default(), |_| {}).is_err(), "no birth");
    }
}

/// OP-01: what recordings of before call by other names is read all the same.
#[test]
fn op_01_older_names_are_read() {
    let (call, leg) = (CallId(1), LegId(2));
    for (text, request) in [
        (r#"{"do":"add_party","call":1,"by":3,"to":"eva"}"#, Request::AddLeg { call, by: UserId(3), to: "eva".into() }),
        (r#"{"do":"drop_party","call":1,"leg":2}"#, Request::DropLeg { call, leg }),
        (r#"{"do":"mute_party","call":1,"leg":2,"muted":true}"#, Request::MuteLeg { call, leg, muted: true }),
    ] {
        assert_eq!(serde_json::from_str::<Request>(text).expect(text), request);
    }
    let says = serde_json::from_str::<PageSays>(r#"{"do":"offer","leg":2,"sdp":"v=0"}"#).expect("a further offer");
    assert_eq!(says, PageSays::SdpOffer { leg, sdp: "v=0".into() });
}

/// OP-01: a recording of another version says so, also where nothing else of its birth can be read.
#[test]
fn another_version_is_said_to_be_one() {
    let birth = |text: String| {
        let mut written = vec![1];
        written.extend(u32::try_from(text.len()).unwrap().to_le_bytes());
        written.extend(text.into_bytes());
        replay(Bytes::from(written), Play::default(), |_| {}).unwrap_err().to_string()
    };
    let said = birth(r#"{"version":1,"settings":"of another time"}"#.into());
    assert!(said.contains("it is of version 1, and this program reads 2 alone"), "{said}");
    let said = birth(format!(r#"{{"version":{RECORDING_VERSION},"settings":"none"}}"#));
    assert!(said.contains("settings") || said.contains("invalid type"), "{said}");
}
