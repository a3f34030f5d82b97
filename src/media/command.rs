//! The words between the engine and the media plane.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::{Answer, AnswerSettings, Because, Matrix, Security, Sound, Standing, Wishes, link::Link, tape::Taping};
use crate::base::{ClipId, Instant, PlayId, StreamId};

/// Clips in one [`Source::Sequence`]; an announcement of more parts is cut there.
pub const SEQUENCE_CLIPS_MAX: usize = 64;

/// What the engine tells the plane. A command about a stream that is not open is ignored.
#[derive(Clone, Debug)]
pub enum Command {
    /// Starts a stream on a port taken from the pool, at the numbers where it stands. `remote` is the peer's SDP address,
    /// once known.
    Open { stream: StreamId, port: Port, remote: Option<Remote>, form: Form, standing: Box<Standing> },
    /// The offer/answer changed: address, codec, direction. SSRC, sequence numbers and players live on.
    Update { stream: StreamId, remote: Option<Remote>, form: Form },
    /// What either hears is sent to the other. Ends earlier joins of both; a running player goes first until it ends.
    Join { a: StreamId, b: StreamId },
    /// These are together from now on and hear each other as the matrix says; whoever was with them and is not named any
    /// more is not. A leg whose codec is not ours neither hears nor is heard in it.
    Mix { matrix: Box<Matrix> },
    /// Ends a join, for both, or takes a stream out of a mix.
    Part { stream: StreamId },
    /// Plays towards the leg, in place of what it would hear or along with it; replaces a running player, or lies over it.
    Play { stream: StreamId, play: Play },
    /// Stops that player; nothing happens when another one runs by now.
    Stop { stream: StreamId, play: PlayId },
    /// Records what the leg says and hears, or leaves off.
    Record { stream: StreamId, taping: Taping },
    /// Sends one digit as telephone-event, or as two tones where none was negotiated. Digits queue up.
    SendDtmf { stream: StreamId, digit: char, millis: u32 },
    /// Judges from now on who has picked up; [`Event::Answered`] follows once, [`Event::Beep`] perhaps.
    Judge { stream: StreamId, settings: Box<AnswerSettings> },
    /// Ends the stream; answered by [`Event::Closed`]. The port may be given back to the pool at once.
    Close { stream: StreamId },
    /// Makes a clip known to every worker, or replaces it for players that start later.
    LoadClip { clip: ClipId, sound: Arc<Sound> },
    /// Forgets a clip; what plays it goes on.
    DropClip { clip: ClipId },
}

impl Command {
    /// The stream that the command is about; of a join or a mix, the first.
    pub fn stream(&self) -> Option<StreamId> {
        match self {
            Self::Open { stream, .. }
            | Self::Update { stream, .. }
            | Self::Join { a: stream, .. }
            | Self::Part { stream }
            | Self::Play { stream, .. }
            | Self::Stop { stream, .. }
            | Self::Record { stream, .. }
            | Self::SendDtmf { stream, .. }
            | Self::Judge { stream, .. }
            | Self::Close { stream } => Some(*stream),
            Self::Mix { matrix } => matrix.streams().next(),
            Self::LoadClip { .. } | Self::DropClip { .. } => None,
        }
    }
}

/// What the plane tells the engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A digit was pressed (RFC 4733, or as two tones); told once, when it ends, with its whole length.
    Dtmf { stream: StreamId, digit: char, millis: u32 },
    /// Who has picked up, as far as [`Command::Judge`] asked.
    Answered { stream: StreamId, answer: Answer, because: Because },
    /// A machine's beep has just ended.
    Beep { stream: StreamId, hz: u16, millis: u32 },
    /// Nothing, not even RTCP, came for the leg's silence time. Told once until something is heard again.
    Silent { stream: StreamId, for_ms: u64 },
    /// The first packet, or the first after [`Event::Silent`].
    Heard { stream: StreamId },
    /// How far a stream has come, for whoever should go on with it in another process.
    Stands { stream: StreamId, standing: Box<Standing> },
    /// A player ended.
    Finished { stream: StreamId, play: PlayId, end: End },
    /// Some of what is recorded of the leg is lost: whoever writes it is too slow.
    Untaped { stream: StreamId },
    /// A browser's leg has its keys: from now on it hears and is heard.
    Secured { stream: StreamId },
    /// A browser's leg that will get no keys: no handshake in time, or a certificate that the description did not name.
    Broken { stream: StreamId },
    /// The answer to [`Command::Close`].
    Closed { stream: StreamId, stats: Box<Stats> },
}

/// Why a player ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// To the end of its source.
    Played,
    /// By [`Command::Stop`], or with its stream.
    Stopped,
    /// By another player.
    Replaced,
    /// None of its clips is loaded, or the leg's codec is not one we can encode.
    Unplayable,
}

/// A pre-bound pair of sockets, RTP and RTCP on the port above. Taken from the [`PortPool`](super::PortPool).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Port {
    /// The worker whose sockets these are; streams of one call belong on one worker.
    pub worker: u16,
    /// The pair's number in the plane.
    pub index: u16,
    pub rtp: SocketAddr,
}

impl Port {
    pub fn rtcp(&self) -> SocketAddr {
        SocketAddr::new(self.rtp.ip(), self.rtp.port().saturating_add(1))
    }

    /// Whether it sends to that address and hears it: one that is bound to every IPv6 address takes both families.
    pub fn reaches(&self, ip: IpAddr) -> bool {
        let bound = self.rtp.ip();
        bound.is_ipv4() == ip.is_ipv4() || (bound.is_ipv6() && bound.is_unspecified())
    }
}

/// Where the peer's SDP wants RTP and RTCP sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remote {
    pub rtp: SocketAddr,
    pub rtcp: SocketAddr,
}

impl Remote {
    /// RTCP on the port above (RFC 3550 11), unless the SDP said otherwise (RFC 3605).
    pub fn new(rtp: SocketAddr) -> Self {
        Self { rtp, rtcp: SocketAddr::new(rtp.ip(), rtp.port().saturating_add(1)) }
    }

    /// Both on one port (RFC 5761).
    pub fn muxed(rtp: SocketAddr) -> Self {
        Self { rtp, rtcp: rtp }
    }

    pub fn is_muxed(&self) -> bool {
        self.rtp == self.rtcp
    }
}

/// How a leg's media looks, agreed by offer and answer. "Send" and "receive" are the switch's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    pub codec: Codec,
    /// Payload types of the codec.
    pub payload: PayloadTypes,
    /// Other codecs of ours that the peer may change to at any time, by the payload types that we announced (RFC 3264 7).
    pub also: Box<[(u8, Codec)]>,
    /// Payload types of telephone-event (RFC 4733), where both sides have it.
    pub telephone_event: Option<PayloadTypes>,
    /// Clock of their durations; the codec's, but for peers that know no other than 8000.
    pub event_hz: u32,
    /// Digits reach this leg by signalling: none are made for it, not even as tones.
    pub digits_elsewhere: bool,
    /// Payload types of comfort noise (RFC 3389), where both sides have it.
    pub comfort_noise: Option<PayloadTypes>,
    /// The keys of a secure leg. What is not protected by them is not heard, and nothing leaves unprotected.
    pub security: Option<Security>,
    /// A browser's leg: ICE says where it is, and its keys come by DTLS. Until then it neither hears nor is heard.
    pub link: Option<Arc<Link>>,
    /// What the peer asks of our encoder.
    pub wishes: Wishes,
    /// Length of the packets that we make ourselves; 20 unless the peer asked for another.
    pub ptime_ms: u16,
    /// The longest packet that the peer takes, ten milliseconds at least; what others send it is cut to that.
    pub maxptime_ms: Option<u16>,
    /// We may send to the leg (its direction is sendrecv or recvonly).
    pub may_send: bool,
    /// What the leg sends may be heard; false while it holds: the holder's own music or silence stops here.
    pub may_receive: bool,
    /// Ours that its packets leave from, where the port is bound to several: the one that the peer was told (RFC 4961).
    pub local: Option<IpAddr>,
    /// IPs, beside the SDP's, that media may come from: that of the leg's signalling.
    pub allowed: SmallVec<[IpAddr; 2]>,
    /// After how long without any packet the leg counts as silent; `None` for a leg that may not send.
    pub silence: Option<Duration>,
}

impl Form {
    /// Whether the peer may send that without another offer. One who agreed on one G.711 law is understood in the other.
    pub fn may_say(&self, codec: Codec) -> bool {
        codec == self.codec
            || (codec.is_g711() && self.codec.is_g711())
            || self.also.iter().any(|(_, other)| *other == codec)
    }

    /// Its digits come as tones, if at all.
    pub fn presses_tones(&self) -> bool {
        self.telephone_event.is_none() && !self.digits_elsewhere && self.codec.is_ours()
    }

    /// Digits reach it, but not as tones.
    pub fn is_told_digits(&self) -> bool {
        self.telephone_event.is_some() || self.digits_elsewhere
    }

    /// A plain leg of a static codec, sending and receiving, telephone-event on 101, no silence watch.
    pub fn plain(codec: Codec) -> Self {
        let payload = codec.static_payload_type().unwrap_or(96);
        Self {
            codec,
            payload: PayloadTypes::both(payload),
            also: Box::default(),
            telephone_event: Some(PayloadTypes::both(101)),
            event_hz: codec.clock_hz(),
            digits_elsewhere: false,
            comfort_noise: None,
            security: None,
            link: None,
            wishes: Wishes::default(),
            ptime_ms: 20,
            maxptime_ms: None,
            may_send: true,
            may_receive: true,
            local: None,
            allowed: SmallVec::new(),
            silence: None,
        }
    }
}

/// A payload type in either direction: each side names the number it wants to receive (RFC 3264 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayloadTypes {
    /// What the peer wants to receive.
    pub send: u8,
    /// What we announced.
    pub receive: u8,
}

impl PayloadTypes {
    pub const fn both(payload_type: u8) -> Self {
        Self { send: payload_type, receive: payload_type }
    }
}

/// What a leg speaks. What is not ours passes between legs that agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Codec {
    Pcmu,
    Pcma,
    G722,
    G729,
    Opus,
    Other(Foreign),
    /// Fax, which is no sound (ITU-T T.38 over UDPTL): its datagrams pass as they are.
    T38,
}

/// An encoding that we know only by its description: a print of its name and channels, and its clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Foreign {
    print: u32,
    clock_hz: u32,
}

impl Codec {
    /// What `a=rtpmap` calls so; `None` for a clock that no audio has.
    pub fn named(name: &str, clock_hz: u32, channels: u8) -> Option<Self> {
        let known = [Self::Pcmu, Self::Pcma, Self::G722, Self::G729, Self::Opus]
            .into_iter()
            .find(|codec| codec.name().eq_ignore_ascii_case(name) && codec.clock_hz() == clock_hz);
        if known.is_some_and(|codec| channels <= codec.channels()) {
            return known;
        }
        if name.is_empty() || !(8_000..=192_000).contains(&clock_hz) {
            return None;
        }
        // FNV-1a: names differ, if not on purpose.
        let octets = name.bytes().map(|octet| octet.to_ascii_lowercase()).chain([channels]);
        let print = octets.fold(0x811c_9dc5_u32, |print, octet| (print ^ u32::from(octet)).wrapping_mul(0x0100_0193));
        Some(Self::Other(Foreign { print, clock_hz }))
    }

    /// RFC 3551 6; 8000 for G.722 too, by an old error that stands (RFC 3551 4.5.2).
    pub const fn clock_hz(self) -> u32 {
        match self {
            Self::Pcmu | Self::Pcma | Self::G722 | Self::G729 | Self::T38 => 8_000,
            Self::Opus => 48_000,
            Self::Other(foreign) => foreign.clock_hz,
        }
    }

    pub const fn static_payload_type(self) -> Option<u8> {
        match self {
            Self::Pcmu => Some(0),
            Self::Pcma => Some(8),
            Self::G722 => Some(9),
            Self::G729 => Some(18),
            Self::Opus | Self::Other(_) | Self::T38 => None,
        }
    }

    /// Name in `a=rtpmap`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
            Self::G722 => "G722",
            Self::G729 => "G729",
            Self::Opus => "opus",
            Self::Other(_) => "other",
            Self::T38 => "t38",
        }
    }

    /// In `a=rtpmap`: Opus always says two (RFC 7587 7).
    pub const fn channels(self) -> u8 {
        if matches!(self, Self::Opus) { 2 } else { 1 }
    }

    /// Do we encode and decode it?
    pub const fn is_ours(self) -> bool {
        matches!(self, Self::Pcmu | Self::Pcma | Self::G722 | Self::Opus)
    }

    pub const fn is_g711(self) -> bool {
        matches!(self, Self::Pcmu | Self::Pcma)
    }

    /// Of ours, those whose packets follow on each other.
    pub const fn has_memory(self) -> bool {
        matches!(self, Self::G722 | Self::Opus)
    }

    /// Can what one leg sends be heard by the other without being decoded?
    pub fn reaches(self, other: Self) -> bool {
        self == other || (self.is_g711() && other.is_g711())
    }
}

/// One thing to play.
#[derive(Clone, Debug)]
pub struct Play {
    pub id: PlayId,
    pub source: Source,
    /// From the start again at the end, without a gap.
    pub repeat: bool,
    /// What plays already rests meanwhile and goes on when this ends. With nothing there it plays like any other.
    pub over: bool,
    /// The same, and the leg goes on hearing the others beneath it, 12 dB quieter. Where there is nobody to hear, or it
    /// can't be decoded, it plays like any other.
    pub with_talk: bool,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    Clip(ClipId),
    Tone(Tone),
    /// A clip from so far in on; nothing where it is shorter.
    From {
        clip: ClipId,
        millis: u32,
    },
    /// One after the other without a gap; clips not loaded are left out.
    Sequence(Vec<ClipId>),
}

/// Tones of the core's country. Each is one whole cadence: repeat it to let it sound on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tone {
    Ringback,
    Busy,
    /// All lines taken, or no way to the number.
    Congestion,
    /// Short and single, before a recording or at an agent's ear.
    Beep,
}

/// One stream from open to close. "Received" counts what passed the source rule.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stats {
    pub packets_received: u64,
    pub bytes_received: u64,
    pub packets_sent: u64,
    pub bytes_sent: u64,
    /// Sequence numbers that never came (RFC 3550 6.4.1).
    pub lost: u64,
    /// What the peer says it misses of ours; from its last report.
    pub lost_at_peer: u32,
    /// Interarrival jitter (RFC 3550 6.4.1), its mean over all packets.
    pub jitter_us: u32,
    /// The jitter that the peer reports of ours.
    pub jitter_at_peer_us: u32,
    /// Came after a later one.
    pub late: u64,
    /// From an address that may not speak on this leg.
    pub strangers: u64,
    /// Not RTP, a payload type that was not agreed, or not protected by the key of the leg, from where that is.
    pub malformed: u64,
    /// Beyond what one leg may bring.
    #[serde(default)]
    pub excess: u64,
    /// Came while the leg held or had nobody to go to.
    pub unheard: u64,
    /// The peer has reported what it hears of us.
    #[serde(default)]
    pub has_reported: bool,
    /// Round trip, from the peer's last report.
    pub rtt_us: Option<u32>,
    /// Mean opinion score of what the leg sent, by the E-model.
    pub mos: Option<f32>,
    /// The same of what it heard, by its own reports.
    #[serde(default)]
    pub mos_at_peer: Option<f32>,
    pub first_heard: Option<Instant>,
    pub last_heard: Option<Instant>,
}
