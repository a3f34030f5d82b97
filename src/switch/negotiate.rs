//! Offer and answer (RFC 3264) for each leg by itself: every leg's media ends at a port of ours.

use std::{
    fmt::Write,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use bytes::Bytes;
use smallvec::SmallVec;

use super::leg::LegMedia;
use crate::{
    media::{Codec, Form, PayloadTypes, Remote},
    sip::Reply,
    wire::{
        sdp::{Direction, Kind, Media, Session},
        sip::{Message, Name},
    },
};

/// What we can relay, encode and decode, in our order of preference.
const CODECS: [Codec; 2] = [Codec::Pcmu, Codec::Pcma];

/// The payload type of telephone-event in our offers: what most peers use, so that both directions agree.
const TELEPHONE_EVENT: u8 = 101;

/// Parts of a multipart body that are searched for a description.
const PARTS_MAX: usize = 8;

/// What a peer offers, as far as it concerns us.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Offered {
    /// Codecs that we share, in the peer's order, with the peer's payload types.
    codecs: SmallVec<[(Codec, u8); 2]>,
    telephone_event: Option<u8>,
    remote: Remote,
    ptime_ms: u16,
    direction: Direction,
    holds: bool,
    proto: Box<str>,
    /// The `m=` lines in order; `None` stands for the one we take.
    lines: SmallVec<[Option<Box<str>>; 1]>,
}

/// What offer and answer have settled for one leg.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Agreed {
    pub codec: Codec,
    payload: PayloadTypes,
    telephone_event: Option<PayloadTypes>,
    ptime_ms: u16,
    pub remote: Remote,
    /// From the peer's side.
    direction: Direction,
    /// The peer does not want to hear us.
    pub holds: bool,
}

/// The offer in an INVITE: `None` when it has none, `Err` with the answer when there is nothing that we could take.
pub(super) fn offered(request: &Message) -> Result<Option<Offered>, Reply> {
    let accepts = |accept: &str| {
        let kind = accept.split(';').next().unwrap_or_default().trim();
        ["application/sdp", "application/*", "*/*"].iter().any(|wanted| kind.eq_ignore_ascii_case(wanted))
    };
    let mut accept = request.list(Name::Accept).peekable();
    if accept.peek().is_some() && !accept.any(accepts) {
        return Err(Reply::new(406).header("Accept", "application/sdp"));
    }
    if request.body().is_empty() {
        return Ok(None);
    }
    let Some(description) = description(request.content_type().unwrap_or_default(), request.body()) else {
        return Err(Reply::new(415).header("Accept", "application/sdp"));
    };
    match read_offer(description) {
        Some(offered) => Ok(Some(offered)),
        None => Err(Reply::new(488).header("Warning", "304 strowger \"Media type not available\"")),
    }
}

/// The session description in a body: the whole of it, or the first such part of a multipart (RFC 5621).
pub(super) fn description<'a>(content_type: &str, body: &'a [u8]) -> Option<&'a [u8]> {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/sdp") {
        return Some(body);
    }
    if !kind.get(..10).is_some_and(|head| head.eq_ignore_ascii_case("multipart/")) {
        return None;
    }
    let (_, rest) = content_type.split_once("boundary=")?;
    let boundary = rest.split(';').next().unwrap_or_default().trim().trim_matches('"');
    if boundary.is_empty() || boundary.len() > 70 {
        return None;
    }
    let delimiter = format!("--{boundary}");
    split_on(body, delimiter.as_bytes()).into_iter().skip(1).find_map(|part| {
        let at = find(part, b"\r\n\r\n")?;
        let head = std::str::from_utf8(part.get(..at)?).ok()?;
        let is_sdp = head.lines().any(|line| {
            let Some((name, value)) = line.split_once(':') else { return false };
            let name = name.trim();
            (name.eq_ignore_ascii_case("Content-Type") || name.eq_ignore_ascii_case("c"))
                && value.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/sdp")
        });
        is_sdp.then(|| part.get(at + 4..)).flatten()
    })
}

/// The pieces between delimiters; those beyond [`PARTS_MAX`] are let go.
fn split_on<'a>(text: &'a [u8], delimiter: &[u8]) -> SmallVec<[&'a [u8]; PARTS_MAX]> {
    let mut pieces = SmallVec::new();
    let mut rest = text;
    while pieces.len() < PARTS_MAX {
        let Some((piece, behind)) =
            find(rest, delimiter).and_then(|at| Some((rest.get(..at)?, rest.get(at + delimiter.len()..)?)))
        else {
            pieces.push(rest);
            break;
        };
        pieces.push(piece);
        rest = behind;
    }
    pieces
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

/// Reads an offer; `None` when it is malformed or has no audio that we could take.
pub(super) fn read_offer(text: &[u8]) -> Option<Offered> {
    let session = Session::parse(text).ok()?;
    let taken = session.media.iter().position(|media| is_usable(&session, media))?;
    let media = session.media.get(taken)?;
    let lines = session.media.iter().enumerate().map(|(at, other)| (at != taken).then(|| refused_line(other)));
    Some(Offered {
        codecs: shared_codecs(media),
        telephone_event: telephone_event(media),
        remote: remote(&session, media)?,
        ptime_ms: ptime(media),
        direction: media.direction,
        holds: holds(&session, media),
        proto: media.proto.as_str().into(),
        lines: lines.collect(),
    })
}

/// Our answer to an offer, with the wanted codec if the offer has it.
pub(super) fn answer(leg: &LegMedia, offered: &Offered, wanted: Option<Codec>) -> (Bytes, Agreed) {
    let liked = offered.codecs.iter().find(|(codec, _)| Some(*codec) == wanted);
    let (codec, payload) = liked.or(offered.codecs.first()).copied().unwrap_or((Codec::Pcmu, 0));
    let direction = match (offered.direction, offered.holds) {
        (Direction::SendRecv, false) => "sendrecv",
        (Direction::SendRecv, true) | (Direction::SendOnly, _) => "recvonly",
        (Direction::RecvOnly, _) => "sendonly",
        (Direction::Inactive, _) => "inactive",
    };
    let mut text = head(leg);
    for line in &offered.lines {
        match line {
            Some(refused) => text.push_str(refused),
            None => audio(&mut text, leg, &offered.proto, &[(codec, payload)], offered.telephone_event, direction),
        }
    }
    let agreed = Agreed {
        codec,
        payload: PayloadTypes::both(payload),
        telephone_event: offered.telephone_event.map(PayloadTypes::both),
        ptime_ms: offered.ptime_ms,
        remote: offered.remote,
        direction: offered.direction,
        holds: offered.holds,
    };
    (text.into(), agreed)
}

/// Our offer: everything we can, in the order of the other leg's offer where there is one.
pub(super) fn offer(leg: &LegMedia, like: Option<&Offered>) -> Bytes {
    let mut codecs: SmallVec<[(Codec, u8); 2]> = SmallVec::new();
    let first = like.into_iter().flat_map(|offered| offered.codecs.iter().map(|(codec, _)| *codec));
    for codec in first.chain(CODECS) {
        if !codecs.iter().any(|(other, _)| *other == codec) {
            codecs.push((codec, codec.static_payload_type().unwrap_or(0)));
        }
    }
    let mut text = head(leg);
    audio(&mut text, leg, "RTP/AVP", &codecs, Some(TELEPHONE_EVENT), "sendrecv");
    text.into()
}

/// Reads the answer to our offer; `None` when it is malformed or takes nothing of it.
pub(super) fn read_answer(text: &[u8]) -> Option<Agreed> {
    let session = Session::parse(text).ok()?;
    let media = session.media.first().filter(|media| is_usable(&session, media))?;
    let (codec, payload) = shared_codecs(media).first().copied()?;
    Some(Agreed {
        codec,
        payload: PayloadTypes { send: payload, receive: codec.static_payload_type().unwrap_or(payload) },
        telephone_event: telephone_event(media).map(|send| PayloadTypes { send, receive: TELEPHONE_EVENT }),
        ptime_ms: ptime(media),
        remote: remote(&session, media)?,
        direction: media.direction,
        holds: holds(&session, media),
    })
}

impl Agreed {
    /// As the media plane wants it.
    pub fn form(&self, signalling: IpAddr, silence: Duration) -> Form {
        let (sends, hears) = match self.direction {
            Direction::SendRecv => (true, true),
            Direction::SendOnly => (true, false),
            Direction::RecvOnly => (false, true),
            Direction::Inactive => (false, false),
        };
        Form {
            codec: self.codec,
            payload: self.payload,
            telephone_event: self.telephone_event,
            ptime_ms: self.ptime_ms,
            may_send: hears && !self.holds,
            // What a holder goes on sending is not for the held one's ears: he hears our music.
            may_receive: sends && !self.holds,
            allowed: SmallVec::from_slice(&[signalling]),
            silence: sends.then_some(silence),
        }
    }
}

fn is_usable(session: &Session, media: &Media) -> bool {
    media.kind == Kind::Audio
        && media.port != 0
        && matches!(media.proto.as_str(), "RTP/AVP" | "RTP/AVPF")
        && !shared_codecs(media).is_empty()
        && remote(session, media).is_some()
}

fn shared_codecs(media: &Media) -> SmallVec<[(Codec, u8); 2]> {
    let known = media.formats.iter().filter_map(|format| {
        let codec = CODECS
            .into_iter()
            .find(|codec| codec.name().eq_ignore_ascii_case(&format.name) && format.clock == codec.clock_hz())?;
        Some((codec, format.pt))
    });
    let mut codecs: SmallVec<[(Codec, u8); 2]> = SmallVec::new();
    for (codec, payload) in known {
        if !codecs.iter().any(|(other, _)| *other == codec) {
            codecs.push((codec, payload));
        }
    }
    codecs
}

fn telephone_event(media: &Media) -> Option<u8> {
    let event = |format: &&crate::wire::sdp::Format| {
        format.name.eq_ignore_ascii_case("telephone-event") && format.clock == 8_000
    };
    media.formats.iter().find(event).map(|format| format.pt)
}

fn remote(session: &Session, media: &Media) -> Option<Remote> {
    let ip = media.connection.or(session.connection)?;
    let rtp = SocketAddr::new(ip, media.port);
    let mut remote = Remote::new(rtp);
    if let Some((port, addr)) = media.rtcp {
        remote.rtcp = SocketAddr::new(addr.unwrap_or(ip), port);
    }
    Some(remote)
}

fn holds(session: &Session, media: &Media) -> bool {
    let nowhere = media.connection.or(session.connection).is_some_and(|ip| ip.is_unspecified());
    nowhere || matches!(media.direction, Direction::SendOnly | Direction::Inactive)
}

/// Between what phones make; without a wish, 20 ms.
fn ptime(media: &Media) -> u16 {
    media.ptime.filter(|ms| (10..=60).contains(ms) && ms % 10 == 0).unwrap_or(20)
}

/// An `m=` line refused (RFC 3264 6), with one of its formats since the grammar wants one.
fn refused_line(media: &Media) -> Box<str> {
    let kind = media.kind_text();
    let format = media.formats.first().map_or_else(|| "0".to_owned(), |format| format.pt.to_string());
    format!("m={kind} 0 {} {format}\r\n", media.proto).into()
}

fn head(leg: &LegMedia) -> String {
    let family = if leg.address.is_ipv4() { "IP4" } else { "IP6" };
    let mut text = String::with_capacity(320);
    // Writing to a String can't fail; so below.
    let _ = write!(
        text,
        "v=0\r\no=- {session} {version} IN {family} {address}\r\ns=-\r\nc=IN {family} {address}\r\nt=0 0\r\n",
        session = leg.session,
        version = leg.version,
        address = leg.address,
    );
    text
}

fn audio(
    text: &mut String,
    leg: &LegMedia,
    proto: &str,
    codecs: &[(Codec, u8)],
    telephone_event: Option<u8>,
    direction: &str,
) {
    let _ = write!(text, "m=audio {} {proto}", leg.port.rtp.port());
    for (_, payload) in codecs {
        let _ = write!(text, " {payload}");
    }
    if let Some(event) = telephone_event {
        let _ = write!(text, " {event}");
    }
    text.push_str("\r\n");
    for (codec, payload) in codecs {
        let _ = write!(text, "a=rtpmap:{payload} {}/{}\r\n", codec.name(), codec.clock_hz());
    }
    if let Some(event) = telephone_event {
        let _ = write!(text, "a=rtpmap:{event} telephone-event/8000\r\na=fmtp:{event} 0-16\r\n");
    }
    let _ = write!(text, "a=ptime:20\r\na={direction}\r\n");
}

#[cfg(test)]
mod tests;
