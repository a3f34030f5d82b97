//! One piece of a recording as octets: a kind, a length, and what it holds. Messages stand as they were on the wire, the
//! rest is JSON: it is rare beside them.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};

use bytes::Bytes;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{Bearings, Digest};
use crate::{
    base::{FlowId, Instant, Now, Wall},
    engine::{EngineSettings, Entry, Input},
    sip::{Path, Transport},
    wire::sip::Message,
};

/// Another shape of recording is not read. 2: a request to log in names several queues.
pub const RECORDING_VERSION: u16 = 2;

/// A frame that claims to be longer is not one: the longest is a whole journal.
const FRAME_OCTETS_MAX: usize = 1 << 30;

/// Why a recording can't be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Broken {
    /// Octets from its beginning.
    pub at: usize,
    pub why: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the recording can't be read from octet {} on: {}", self.at, self.why)
    }
}

impl std::error::Error for Broken {}

/// How the engine came into the world.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Birth {
    pub version: u16,
    /// It lived already: a base and its bearings follow, and what it was told once and for all.
    pub is_based: bool,
    pub settings: EngineSettings,
    pub seed: [u8; 32],
    pub now: Now,
}

/// What a recording is made of.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly all are inputs, and each is moved once")]
pub enum Frame {
    Birth(Box<Birth>),
    /// Where an engine that had lived already stood: its journal in short.
    Base {
        now: Now,
        entries: Vec<Entry>,
    },
    /// The rest of it, behind the base.
    Bearings(Box<Bearings>),
    Input(Now, Input),
    /// What came out of the input before it.
    Told(Vec<Digest>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Kind {
    Birth = 1,
    Base = 2,
    Bearings = 3,
    Told = 4,
    Sip = 5,
    Tick = 6,
    Other = 7,
}

impl Kind {
    const ALL: [Self; 7] = [Self::Birth, Self::Base, Self::Bearings, Self::Told, Self::Sip, Self::Tick, Self::Other];
}

/// Octets before what a frame holds.
const HEAD: usize = 5;

fn write(to: &mut Vec<u8>, kind: Kind, body: impl FnOnce(&mut Vec<u8>)) {
    let begin = to.len();
    to.push(kind as u8);
    to.extend([0; 4]);
    body(to);
    let length = u32::try_from(to.len() - begin - HEAD).unwrap_or(u32::MAX);
    if let Some(place) = to.get_mut(begin + 1..begin + HEAD) {
        place.copy_from_slice(&length.to_le_bytes());
    }
}

fn json(to: &mut Vec<u8>, value: &impl Serialize) {
    // What can't be written is missed by the replay, which says so.
    let _ = serde_json::to_writer(to, value);
}

pub fn write_birth(to: &mut Vec<u8>, birth: &Birth) {
    write(to, Kind::Birth, |to| json(to, birth));
}

pub fn write_base(to: &mut Vec<u8>, now: Now, entries: &[Entry]) {
    write(to, Kind::Base, |to| {
        write_now(to, now);
        json(to, &entries);
    });
}

pub fn write_bearings(to: &mut Vec<u8>, bearings: &Bearings) {
    write(to, Kind::Bearings, |to| json(to, bearings));
}

pub fn write_told(to: &mut Vec<u8>, digests: &[Digest]) {
    write(to, Kind::Told, |to| digests.iter().for_each(|digest| to.extend(digest.to_le_bytes())));
}

pub fn write_input(to: &mut Vec<u8>, now: Now, input: &Input) {
    match input {
        Input::Sip { path, message } => write(to, Kind::Sip, |to| {
            write_now(to, now);
            write_path(to, path);
            to.extend_from_slice(message.bytes());
        }),
        Input::Tick => write(to, Kind::Tick, |to| write_now(to, now)),
        Input::Certified { .. }
        | Input::FlowClosed(_)
        | Input::Unreachable { .. }
        | Input::Media(_)
        | Input::Segment(_)
        | Input::Ports(_)
        | Input::Doors(_)
        | Input::Settings(_)
        | Input::Listeners(_)
        | Input::Restore(_)
        | Input::Restored
        | Input::Request { .. }
        | Input::Session { .. }
        | Input::Page { .. }
        | Input::Seed(_)
        | Input::Resolved { .. }
        | Input::Answered { .. }
        | Input::Drain => write(to, Kind::Other, |to| {
            write_now(to, now);
            json(to, input);
        }),
    }
}

fn write_now(to: &mut Vec<u8>, now: Now) {
    to.extend(now.mono.as_micros().to_le_bytes());
    to.extend(now.wall.as_millis().to_le_bytes());
}

fn write_path(to: &mut Vec<u8>, path: &Path) {
    let transport = TRANSPORTS.iter().position(|transport| *transport == path.transport).unwrap_or(0);
    to.push(transport as u8);
    write_address(to, path.local);
    write_address(to, path.remote);
    to.push(u8::from(path.flow.is_some()));
    to.extend(path.flow.map_or(0, |flow| flow.0).to_le_bytes());
}

const TRANSPORTS: [Transport; 5] = [Transport::Udp, Transport::Tcp, Transport::Tls, Transport::Ws, Transport::Wss];

fn write_address(to: &mut Vec<u8>, address: SocketAddr) {
    match address.ip() {
        IpAddr::V4(ip) => {
            to.push(4);
            to.extend(ip.octets());
        }
        IpAddr::V6(ip) => {
            to.push(6);
            to.extend(ip.octets());
        }
    }
    to.extend(address.port().to_le_bytes());
}

/// Reads frame after frame. What was cut off at the end is left out: a process may die while it writes.
pub struct Frames {
    recording: Bytes,
    at: usize,
}

impl Frames {
    pub fn new(recording: Bytes) -> Self {
        Self { recording, at: 0 }
    }

    fn broken(&self, why: impl fmt::Display) -> Broken {
        Broken { at: self.at, why: why.to_string() }
    }

    fn frame(&mut self) -> Option<Result<Frame, Broken>> {
        let mut head = Cursor(self.recording.slice(self.at..));
        let (kind, length) = (head.octets::<1>()?[0], u32::from_le_bytes(head.octets()?) as usize);
        if length > FRAME_OCTETS_MAX {
            return Some(Err(self.broken("a frame that is longer than any")));
        }
        if head.0.len() < length {
            return None;
        }
        let Some(kind) = Kind::ALL.into_iter().find(|known| *known as u8 == kind) else {
            return Some(Err(self.broken(format_args!("unknown kind of frame {kind}"))));
        };
        let read = read(kind, head.0.slice(..length)).map_err(|why| self.broken(why));
        self.at += HEAD + length;
        Some(read)
    }
}

impl Iterator for Frames {
    type Item = Result<Frame, Broken>;

    fn next(&mut self) -> Option<Self::Item> {
        let frame = self.frame();
        if frame.as_ref().is_none_or(Result::is_err) {
            self.at = self.recording.len();
        }
        frame
    }
}

fn read(kind: Kind, body: Bytes) -> Result<Frame, String> {
    let short = || String::from("a frame is too short");
    let mut body = Cursor(body);
    Ok(match kind {
        Kind::Birth => Frame::Birth(read_birth(&body.0)?),
        Kind::Bearings => Frame::Bearings(parse(&body.0)?),
        Kind::Base => Frame::Base { now: body.now().ok_or_else(short)?, entries: parse(&body.0)? },
        Kind::Told => {
            let (digests, _) = body.0.as_chunks::<4>();
            Frame::Told(digests.iter().map(|digest| u32::from_le_bytes(*digest)).collect())
        }
        Kind::Tick => Frame::Input(body.now().ok_or_else(short)?, Input::Tick),
        Kind::Other => Frame::Input(body.now().ok_or_else(short)?, parse(&body.0)?),
        Kind::Sip => {
            let (now, path) = (body.now().ok_or_else(short)?, body.path().ok_or_else(short)?);
            let message = Message::parse(body.0).map_err(|_| "a message that is none")?;
            Frame::Input(now, Input::Sip { path, message })
        }
    })
}

/// The version first: of another, settings may not be readable either.
fn read_birth(text: &[u8]) -> Result<Box<Birth>, String> {
    #[derive(Deserialize)]
    struct Version {
        version: u16,
    }
    let Version { version } = parse(text)?;
    if version != RECORDING_VERSION {
        return Err(format!("it is of version {version}, and this program reads {RECORDING_VERSION} alone"));
    }
    parse(text)
}

fn parse<T: DeserializeOwned>(text: &[u8]) -> Result<T, String> {
    serde_json::from_slice(text).map_err(|error| error.to_string())
}

/// Takes octets from the front.
struct Cursor(Bytes);

impl Cursor {
    fn octets<const N: usize>(&mut self) -> Option<[u8; N]> {
        let octets = *self.0.first_chunk::<N>()?;
        self.0 = self.0.slice(N..);
        Some(octets)
    }

    fn now(&mut self) -> Option<Now> {
        let mono = Instant::from_micros(u64::from_le_bytes(self.octets()?));
        Some(Now { mono, wall: Wall::from_millis(i64::from_le_bytes(self.octets()?)) })
    }

    fn address(&mut self) -> Option<SocketAddr> {
        let ip: IpAddr = match self.octets::<1>()? {
            [4] => self.octets::<4>()?.into(),
            [6] => self.octets::<16>()?.into(),
            [_] => return None,
        };
        Some(SocketAddr::new(ip, u16::from_le_bytes(self.octets()?)))
    }

    fn path(&mut self) -> Option<Path> {
        let transport = *TRANSPORTS.get(usize::from(self.octets::<1>()?[0]))?;
        let (local, remote) = (self.address()?, self.address()?);
        let [has_flow] = self.octets::<1>()?;
        let flow = FlowId(u64::from_le_bytes(self.octets()?));
        Some(Path { transport, local, remote, flow: (has_flow == 1).then_some(flow) })
    }
}
