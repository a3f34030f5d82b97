//! Offer and answer (RFC 3264) for each leg by itself: every leg's media ends at a port of ours.

use std::{fmt::Write, net::IpAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

mod body;
mod browser;
mod crypto;
mod fax;
mod formats;
mod lengths;
mod lines;
mod places;

pub(super) use body::description;
pub(super) use browser::Door;
pub(super) use fax::can_have as can_fax;
pub(super) use formats::Menu;
pub(super) use places::no_way;

use super::leg::LegMedia;
use crate::{
    media::{
        Codec, Form, PayloadTypes, Remote, Security, Wishes,
        link::{Link, Side},
    },
    sip::Reply,
    wire::{
        sdp::{Direction, Format, Kind, Media, Session},
        sip::{Message, Name},
    },
};
use browser::{Browser, Ours};
use crypto::Crypto;
use fax::Fax;
use formats::Choice;
use lengths::Lengths;
use lines::Lines;
use places::remote;

/// RTCP beside RTP on one port (RFC 5761): taken when offered, and offered; who doesn't know it leaves it out.
const MUX: &str = "a=rtcp-mux\r\n";

/// What a peer offers, as far as it concerns us.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct SdpOffer {
    /// What we could take, in the peer's order, with the peer's payload types.
    menu: Menu,
    remote: Remote,
    lengths: Lengths,
    direction: Direction,
    holds: bool,
    proto: Box<str>,
    /// How they protect what they send.
    crypto: Option<Crypto>,
    /// A browser's way and certificate.
    browser: Option<Browser>,
    lines: Lines,
    /// Fax in place of sound.
    fax: Option<Fax>,
}

/// What offer and answer have settled for one leg.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct Agreed {
    pub codec: Codec,
    /// The peer's description of the codec.
    format: Format,
    payload: PayloadTypes,
    /// What else of ours the peer has answered with, by our numbers.
    #[serde(default, skip_serializing_if = "is_none")]
    also: Box<[(u8, Codec)]>,
    telephone_event: Option<PayloadTypes>,
    event_hz: u32,
    comfort_noise: Option<PayloadTypes>,
    /// A leg that has keys keeps to them.
    pub security: Option<Security>,
    /// A browser's leg stays one, and is not kept for another process.
    #[serde(skip)]
    pub link: Option<Arc<Link>>,
    #[serde(flatten)]
    lengths: Lengths,
    pub remote: Remote,
    /// From the peer's side.
    direction: Direction,
    /// The peer does not want to hear us.
    pub holds: bool,
    /// Fax in place of sound, as the peer wants it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fax: Option<Fax>,
    /// What stands around it in the descriptions of both.
    #[serde(default, skip_serializing_if = "Lines::is_usual")]
    lines: Lines,
}

const fn is_none(also: &[(u8, Codec)]) -> bool {
    also.is_empty()
}

/// The offer in an INVITE: `None` when it has none, `Err` with the answer when there is nothing that we could take.
pub(super) fn offered(request: &Message) -> Result<Option<SdpOffer>, Reply> {
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
    let Some(description) = description(request.header(Name::ContentType).unwrap_or_default(), request.body()) else {
        return Err(no_description());
    };
    read_offer(description).map(Some).ok_or_else(no_media)
}

/// To who sends a body of another kind.
pub(super) fn no_description() -> Reply {
    Reply::new(415).header("Accept", "application/sdp")
}

/// To who offers nothing that could be taken (RFC 3261 20.43).
pub(super) fn no_media() -> Reply {
    Reply::new(488).header("Warning", "304 strowger \"Media type not available\"")
}

/// Reads an offer; `None` when it is malformed or has neither sound that we could take nor fax.
pub(super) fn read_offer(text: &[u8]) -> Option<SdpOffer> {
    let session = Session::parse(text).ok()?;
    let Some(taken) = line_to_take(&session) else {
        return fax::read_offer(&session);
    };
    let media = session.media.get(taken)?;
    Some(SdpOffer {
        menu: Menu::of(media),
        remote: remote(&session, media)?,
        lengths: Lengths::of(media),
        direction: media.direction,
        holds: holds(&session, media),
        proto: media.proto.as_str().into(),
        crypto: is_secure(media).then(|| Crypto::of(media)).flatten(),
        browser: browser_of(&session, media),
        lines: Lines::of(&session, taken),
        fax: None,
    })
}

/// Our answer to an offer of somebody who talks, or will talk, with the owner of `other`. `None` when the two can't be
/// brought together.
pub(super) fn answer(leg: &LegMedia, offered: &SdpOffer, other: Option<&Agreed>) -> Option<(Bytes, Agreed)> {
    if !leg.meets(offered) {
        return None;
    }
    if offered.is_fax() {
        return fax::answer(leg, offered, other);
    }
    if offered.crypto.is_none() && leg.is_secure() {
        // What was secure is not talked about in the clear (RFC 4568 7.1.4 leaves it to us).
        return None;
    }
    let link = match (&offered.browser, &leg.door) {
        (Some(browser), Some(door)) => Some(Arc::new(browser.link(door, leg.link(), false)?)),
        (None, None) => None,
        // A browser's leg has a port of another kind: what a leg is, it stays.
        (Some(_), None) | (None, Some(_)) => return None,
    };
    let menu = offered.menu.bent(&leg.quirks);
    let lengths = offered.lengths.bent(&leg.quirks);
    let other = other.filter(|other| !other.is_fax());
    let asked = Lengths::asked(&leg.quirks, offered.lengths.ms, other.and_then(|other| other.lengths.most));
    let theirs = menu.choose(other.map(|other| other.codec))?;
    let codec = theirs.codec;
    let passed = other.filter(|other| other.codec == codec).map(|other| other.format.fmtp.clone());
    let fmtp = passed.unwrap_or_else(|| formats::wishes(codec));
    let menu = suited(leg, menu.only(Choice { codec, format: Format { fmtp, ..theirs.format.clone() } }));
    let direction = match (offered.direction, offered.holds) {
        (Direction::SendRecv, false) => "sendrecv",
        (Direction::SendRecv, true) | (Direction::SendOnly, _) => "recvonly",
        (Direction::RecvOnly, _) => "sendonly",
        (Direction::Inactive, _) => "inactive",
    };
    let ours = offered.browser.as_ref().zip(link.as_deref()).map(|(browser, link)| Ours {
        credentials: &link.ours,
        handshake: Some(link.handshake),
        mid: browser.mid(),
        bundles: browser.bundles(),
        is_lite: link.side == Side::Lite,
    });
    let mut text = head(leg, ours.as_ref());
    offered.lines.write(&mut text, |text| {
        audio(text, leg, &offered.proto, &menu, asked);
        if offered.remote.is_muxed() && leg.door.is_none() {
            text.push_str(MUX);
        }
        if let Some(crypto) = &offered.crypto {
            text.push_str(&crypto.answer(&leg.key));
        }
        if let (Some(door), Some(ours)) = (&leg.door, &ours) {
            door.lines(text, ours);
        }
        let _ = write!(text, "a={direction}\r\n");
    });
    let event = menu.event(codec);
    let agreed = Agreed {
        codec,
        format: theirs.format.clone(),
        payload: PayloadTypes::both(theirs.format.pt),
        // Our answer leaves the peer one alone.
        also: Box::default(),
        telephone_event: event.map(|(_, pt)| PayloadTypes::both(pt)),
        event_hz: event.map_or(codec.clock_hz(), |(clock, _)| clock),
        comfort_noise: menu.noise(codec).map(PayloadTypes::both),
        security: offered.crypto.as_ref().map(|crypto| crypto.security(&leg.key)),
        link,
        lengths,
        remote: leg.sends_to(offered.remote),
        direction: offered.direction,
        holds: offered.holds,
        fax: None,
        lines: offered.lines.clone(),
    };
    Some((text.into(), agreed))
}

/// A browser gets what browsers can do with.
fn suited(leg: &LegMedia, mut menu: Menu) -> Menu {
    if leg.door.is_some() {
        menu.suit_browser();
    }
    menu
}

impl SdpOffer {
    /// Does it come from a browser?
    pub const fn is_browsers(&self) -> bool {
        self.browser.is_some()
    }

    /// Is anything in it that we encode ourselves?
    pub fn has_ours(&self) -> bool {
        self.menu.choices.iter().any(|choice| choice.codec.is_ours())
    }

    pub const fn is_fax(&self) -> bool {
        self.fax.is_some()
    }

    /// Whether it asks for nothing but what is agreed on, as far as the other side would notice.
    pub fn keeps(&self, agreed: &Agreed) -> bool {
        self.fax == agreed.fax
    }
}

/// Whom an offer of ours is to suit.
#[derive(Clone, Debug)]
pub(super) enum Suits<'a> {
    /// Nobody yet.
    Anybody,
    /// Who has offered this, and has no answer yet.
    Offered(&'a SdpOffer),
    /// Who speaks this.
    Agreed(&'a Agreed),
}

impl<'a> Suits<'a> {
    const fn fax(&self) -> Option<&'a Fax> {
        match self {
            Self::Anybody => None,
            Self::Offered(offered) => offered.fax.as_ref(),
            Self::Agreed(agreed) => agreed.fax.as_ref(),
        }
    }
}

/// Our offer, and what its numbers mean: what suits the other side untouched, in its order, then what we transcode.
pub(super) fn offer(leg: &LegMedia, suits: Suits<'_>) -> (Bytes, Menu) {
    if let Some(fax) = suits.fax() {
        return fax::offer(leg, fax);
    }
    let (menu, theirs) = match suits {
        Suits::Anybody => (Menu::for_peer_of(None), Lengths::USUAL),
        Suits::Offered(offered) => (Menu::for_peer_of(Some(&offered.menu)), offered.lengths),
        Suits::Agreed(agreed) => (Menu::for_peer_of(Some(&agreed.menu())), agreed.lengths),
    };
    let (menu, asked) = (menu.bent(&leg.quirks), Lengths::asked(&leg.quirks, theirs.ms, theirs.most));
    if let Some(door) = &leg.door {
        return offer_to_browser(leg, door, menu, asked);
    }
    let mut text = head(leg, None);
    let secure = leg.is_secure();
    lines_of(leg).write(&mut text, |text| {
        audio(text, leg, if secure { "RTP/SAVP" } else { "RTP/AVP" }, &menu, asked);
        text.push_str(MUX);
        if secure {
            text.push_str(&Crypto::offer(&leg.key));
        }
        text.push_str("a=sendrecv\r\n");
    });
    (text.into(), menu)
}

/// The lines that both sides have described before.
fn lines_of(leg: &LegMedia) -> Lines {
    leg.agreed.as_ref().map(|agreed| agreed.lines.clone()).unwrap_or_default()
}

/// The same for a browser, which is offered nothing else.
fn offer_to_browser(leg: &LegMedia, door: &Door, mut menu: Menu, asked: Lengths) -> (Bytes, Menu) {
    menu.suit_browser();
    let credentials = leg.link().map_or_else(|| door.credentials(None), |link| link.ours.clone());
    let is_lite = leg.link().is_none_or(|link| link.side == Side::Lite);
    let ours = Ours { credentials: &credentials, handshake: None, mid: "0", bundles: true, is_lite };
    let mut text = head(leg, Some(&ours));
    audio(&mut text, leg, browser::PROTO, &menu, asked);
    door.lines(&mut text, &ours);
    text.push_str("a=sendrecv\r\n");
    (text.into(), menu)
}

/// Reads the answer to our offer; `None` when it is malformed or takes nothing of it.
pub(super) fn read_answer(text: &[u8], leg: &LegMedia) -> Option<Agreed> {
    let ours = &leg.ours;
    let session = Session::parse(text).ok()?;
    if ours.find(Codec::T38).is_some() {
        return fax::read_answer(&session, leg);
    }
    // Some answer with the one line that they take.
    let lines = lines_of(leg);
    let media = session.media.get(lines.taken()).or(session.media.first());
    let media = media.filter(|media| is_usable(&session, media))?;
    if is_secure(media) != leg.is_secure() {
        return None;
    }
    let link = match (browser_of(&session, media), &leg.door) {
        (Some(browser), Some(door)) => Some(Arc::new(browser.link(door, leg.link(), true)?)),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => return None,
    };
    let crypto = is_secure(media).then(|| Crypto::of(media)).flatten();
    let theirs = Menu::of(media);
    let (choice, known) = theirs.choices.iter().find_map(|choice| Some((choice, ours.find(choice.codec)?)))?;
    let codec = choice.codec;
    let event = theirs.event(codec);
    Some(Agreed {
        codec,
        format: choice.format.clone(),
        payload: PayloadTypes { send: choice.format.pt, receive: known.format.pt },
        also: theirs.also_of(ours, codec),
        telephone_event: event.and_then(|(clock, pt)| formats::both(Some(pt), ours.event_at(clock))),
        event_hz: event.map_or(codec.clock_hz(), |(clock, _)| clock),
        comfort_noise: formats::both(theirs.noise(codec), ours.noise(codec)),
        security: crypto.map(|crypto| crypto.security(&leg.key)),
        link,
        lengths: Lengths::of(media).bent(&leg.quirks),
        remote: leg.answered_at(remote(&session, media)?)?,
        direction: media.direction,
        holds: holds(&session, media),
        fax: None,
        lines,
    })
}

impl Agreed {
    pub const fn is_fax(&self) -> bool {
        self.fax.is_some()
    }

    /// Digits go to its peer as telephone-events.
    pub fn has_events(&self) -> bool {
        self.telephone_event.is_some()
    }

    /// As the records name it.
    pub fn codec_name(&self) -> &str {
        &self.format.name
    }

    /// The codec in the peer's words, for an offer to whom it talks with.
    fn menu(&self) -> Menu {
        let mut menu = Menu::default();
        menu.choices.push(Choice { codec: self.codec, format: self.format.clone() });
        menu
    }

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
            also: self.also.clone(),
            telephone_event: self.telephone_event,
            event_hz: self.event_hz,
            digits_elsewhere: false,
            comfort_noise: self.comfort_noise,
            security: self.security.clone(),
            link: self.link.clone(),
            wishes: self.format.fmtp.as_deref().map(Wishes::read).unwrap_or_default(),
            ptime_ms: self.lengths.ms,
            maxptime_ms: self.lengths.most,
            may_send: hears && !self.holds,
            // What a holder goes on sending is not for the held one's ears: he hears our music.
            may_receive: sends && !self.holds,
            local: None,
            allowed: SmallVec::from_slice(&[signalling]),
            silence: sends.then_some(silence),
        }
    }
}

/// Which sound to take of several: the first that we can have, but none in the clear where one is offered that is protected.
fn line_to_take(session: &Session) -> Option<usize> {
    let is_protected = |media: &Media| media.proto.to_ascii_uppercase().contains("SAVP");
    let is_offered = |media: &&Media| media.kind == Kind::Audio && media.port != 0 && is_protected(media);
    let wants_protection = session.media.iter().any(|media| is_offered(&media));
    let fits = |media: &Media| is_usable(session, media) && is_protected(media) == wants_protection;
    session.media.iter().position(fits)
}

fn is_usable(session: &Session, media: &Media) -> bool {
    media.kind == Kind::Audio
        && media.port != 0
        && (matches!(media.proto.as_str(), "RTP/AVP" | "RTP/AVPF")
            || is_secure(media) && Crypto::of(media).is_some()
            || browser_of(session, media).is_some())
        && !Menu::of(media).choices.is_empty()
        && remote(session, media).is_some()
}

fn browser_of(session: &Session, media: &Media) -> Option<Browser> {
    browser::is_browsers(media).then(|| Browser::of(session, media)).flatten()
}

/// To be protected by keys in the description itself (RFC 4568).
fn is_secure(media: &Media) -> bool {
    matches!(media.proto.as_str(), "RTP/SAVP" | "RTP/SAVPF")
}

fn holds(session: &Session, media: &Media) -> bool {
    // A browser names no address there: its candidates do.
    let nowhere =
        !browser::is_browsers(media) && media.connection.or(session.connection).is_some_and(|ip| ip.is_unspecified());
    nowhere || matches!(media.direction, Direction::SendOnly | Direction::Inactive)
}

fn head(leg: &LegMedia, browser: Option<&Ours<'_>>) -> String {
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
    if let (Some(door), Some(ours)) = (&leg.door, browser) {
        door.head(&mut text, ours);
    }
    text
}

fn audio(text: &mut String, leg: &LegMedia, proto: &str, menu: &Menu, asked: Lengths) {
    let _ = write!(text, "m=audio {} {proto}", leg.port.rtp.port());
    for format in menu.formats() {
        let _ = write!(text, " {}", format.pt);
    }
    text.push_str("\r\n");
    for format in menu.formats() {
        let _ = write!(text, "{format}");
    }
    asked.write(text);
}

#[cfg(test)]
mod tests;
