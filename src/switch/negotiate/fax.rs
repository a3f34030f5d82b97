//! Fax over IP (ITU-T T.38 D.2): what one side says of it reaches the other in its own words; the address is ours.

use std::{borrow::Cow, fmt::Write};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{
    Agreed, Menu, SdpOffer, formats::Choice, head, holds, lengths::Lengths, lines::Lines, lines_of, places::remote,
};
use crate::{
    media::{Codec, PayloadTypes},
    switch::leg::LegMedia,
    wire::sdp::{Format, Kind, Media, Session},
};

/// Attributes of one description that are passed on; T.38 names some twelve, and makers add a few.
const LINES_MAX: usize = 24;

/// Octets of one of them; the longest usual one has forty.
const LINE_BYTES_MAX: usize = 128;

/// How one side wants its fax, or grants it: its attributes in its order.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Fax(Vec<Box<str>>);

impl Fax {
    /// The terms of an `m=` line; `None` when it is no fax that could be had.
    fn of(session: &Session, media: &Media) -> Option<Self> {
        let is_fax = media.kind == Kind::Image
            && media.port != 0
            && media.proto.eq_ignore_ascii_case("udptl")
            && media.other_formats.iter().any(|format| format.eq_ignore_ascii_case("t38"))
            && remote(session, media).is_some();
        let is_term = |line: &&String| {
            line.len() <= LINE_BYTES_MAX && line.get(..5).is_some_and(|head| head.eq_ignore_ascii_case("a=T38"))
        };
        is_fax.then(|| {
            Self(media.lines.iter().filter(is_term).take(LINES_MAX).map(|line| line.as_str().into()).collect())
        })
    }

    /// The first fax of a description.
    fn find(session: &Session) -> Option<(usize, &Media, Self)> {
        let mut media = session.media.iter().enumerate();
        media.find_map(|(at, media)| Some((at, media, Self::of(session, media)?)))
    }

    fn write(&self, text: &mut String, leg: &LegMedia, proto: &str) {
        // Writing to a String can't fail.
        let _ = write!(text, "m=image {} {proto} t38\r\n", leg.port.rtp.port());
        for line in &self.0 {
            let _ = write!(text, "{line}\r\n");
        }
    }
}

/// An offer of fax and of no sound that we could take.
pub fn read_offer(session: &Session) -> Option<SdpOffer> {
    let (taken, media, fax) = Fax::find(session)?;
    Some(SdpOffer {
        menu: menu(),
        remote: remote(session, media)?,
        lengths: Lengths::USUAL,
        direction: media.direction,
        holds: holds(session, media),
        proto: media.proto.as_str().into(),
        crypto: None,
        browser: None,
        lines: Lines::of(session, taken),
        fax: Some(fax),
    })
}

/// Our answer, with what the other side grants; `None` while there is none who does.
pub fn answer(leg: &LegMedia, offered: &SdpOffer, other: Option<&Agreed>) -> Option<(Bytes, Agreed)> {
    let theirs = offered.fax.as_ref().filter(|_| can_have(leg))?;
    let granted = other?.fax.as_ref()?;
    let mut text = head(leg, None);
    offered.lines.write(&mut text, |text| granted.write(text, leg, &offered.proto));
    let (direction, holds, lines) = (offered.direction, offered.holds, offered.lines.clone());
    Some((text.into(), Agreed { direction, holds, lines, ..agreed(theirs.clone(), leg.sends_to(offered.remote)) }))
}

/// Our offer to the other side of whoever wants it so, and what its numbers mean.
pub fn offer(leg: &LegMedia, wanted: &Fax) -> (Bytes, Menu) {
    let mut text = head(leg, None);
    lines_of(leg).write(&mut text, |text| wanted.write(text, leg, "udptl"));
    (text.into(), menu())
}

pub fn read_answer(session: &Session, leg: &LegMedia) -> Option<Agreed> {
    let (_, media, fax) = Fax::find(session).filter(|_| can_have(leg))?;
    let (direction, holds) = (media.direction, holds(session, media));
    Some(Agreed { direction, holds, lines: lines_of(leg), ..agreed(fax, leg.answered_at(remote(session, media)?)?) })
}

/// UDPTL is not protected: what was secure does not become fax, and a browser knows none.
pub fn can_have(leg: &LegMedia) -> bool {
    !leg.is_secure() && leg.door.is_none()
}

fn menu() -> Menu {
    let mut menu = Menu::default();
    menu.choices.push(Choice { codec: Codec::T38, format: format() });
    menu
}

/// Payload types mean nothing here.
fn format() -> Format {
    Format { pt: 0, name: Cow::Borrowed(Codec::T38.name()), clock: Codec::T38.clock_hz(), channels: 1, fmtp: None }
}

fn agreed(fax: Fax, remote: crate::media::Remote) -> Agreed {
    Agreed {
        codec: Codec::T38,
        format: format(),
        payload: PayloadTypes::both(0),
        also: Box::default(),
        telephone_event: None,
        event_hz: Codec::T38.clock_hz(),
        comfort_noise: None,
        security: None,
        link: None,
        lengths: Lengths::USUAL,
        remote,
        direction: crate::wire::sdp::Direction::SendRecv,
        holds: false,
        fax: Some(fax),
        lines: Lines::default(),
    }
}
