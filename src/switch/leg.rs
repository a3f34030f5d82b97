//! One side of a call.

use std::{net::IpAddr, sync::Arc};

use bytes::Bytes;

use super::{
    Cause, Digits, EndedBy, Guest, LegParty, LegRecord, LegSide, Quality, Quirks, RingId,
    negotiate::{self, Agreed, Menu, SdpOffer, Suits},
    signalling::Signalling,
};
use crate::{
    base::{CallId, LegId, PlayId, Private, StreamId, Wall},
    media,
    sip::EndId,
};

/// One side of a call: its signalling and its media.
pub(super) struct Leg {
    pub id: LegId,
    pub call: CallId,
    pub signalling: Signalling,
    pub side: LegSide,
    pub party: LegParty,
    pub address: Private<String>,
    pub state: LegState,
    pub media: LegMedia,
    /// What it is called towards others where it has no name of its own (Session-ID).
    pub end: EndId,
    /// How it has sent digits in INFO.
    pub info_digits: Option<Digits>,
    /// The leg that it hears, or will hear once both have media.
    pub peer: Option<LegId>,
    /// The call ends with it even before it was joined.
    pub ends_call: bool,
    /// What it is in a bridge, when it is not one of the two main legs.
    pub guest: Option<Guest>,
    /// Nobody hears it.
    pub muted: bool,
    /// How much louder the others hear it than it is, in decibels.
    pub gain_db: i8,
    /// On hold by hand: it neither hears nor is heard.
    pub held: bool,
    /// It has heard its peer.
    pub joined: bool,
    /// Its phone's registration or connection is gone, or it does not answer.
    pub forsaken: bool,
    /// The ring that made it.
    pub ring: Option<RingId>,
    pub began: Wall,
    pub rang: Option<Wall>,
    pub answered: Option<Wall>,
}

/// What a leg waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum LegState {
    /// They called; they have not had a final answer yet.
    Incoming,
    /// We called; nothing but perhaps a 100 has come.
    Calling,
    /// We called; it rings there.
    Ringing,
    /// Answered, either way.
    Up,
}

/// The media half of a leg.
pub(super) struct LegMedia {
    pub stream: StreamId,
    pub port: media::Port,
    /// The address in our SDP.
    pub address: IpAddr,
    /// Of our SDP's origin line (RFC 8866 5.2).
    pub session: u64,
    pub version: u64,
    /// What this peer wants otherwise than others.
    pub quirks: Arc<Quirks>,
    /// Ours, for a secure leg.
    pub key: Private<[u8; media::KEY_BYTES]>,
    /// Our offers ask for a secure leg.
    pub wants_security: bool,
    /// Our side of a browser's leg; its port is one of the doors then.
    pub door: Option<negotiate::Door>,
    /// What offer and answer have settled; `None` before.
    pub agreed: Option<Agreed>,
    /// The last description that we sent.
    pub local: Bytes,
    /// What the numbers of our last offer mean.
    pub ours: Menu,
    /// An answer of theirs is due to `local`, which is our offer.
    pub awaits_answer: bool,
    /// An offer of theirs that the peer has to answer first.
    pub turns: Option<Box<SdpOffer>>,
    /// `local` asks for what the peer wants to become.
    pub asked_to_turn: bool,
    /// The plane has the stream.
    pub open: bool,
    /// What the plane was told last.
    pub form: Option<media::Form>,
    pub remote: Option<media::Remote>,
    pub play: Option<Playing>,
    /// What lies over it, or over the talk, until it ends.
    pub clip: Option<PlayId>,
    /// To be played as soon as the stream is open.
    pub queued: Option<(media::Play, PlayWhy)>,
    /// Where its stream began, or stood when that was told last.
    pub standing: media::Standing,
    pub standing_at: Wall,
}

/// What a leg is made to hear instead of its peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Playing {
    pub id: PlayId,
    pub why: PlayWhy,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum PlayWhy {
    /// It waits.
    Waiting,
    /// Its peer holds it.
    Held,
    /// A clip, once; the end is told.
    Once,
}

impl LegMedia {
    /// Nothing has been offered or agreed on yet, and the address told is the port's own.
    pub fn new(
        stream: StreamId,
        port: media::Port,
        session: u64,
        key: Private<[u8; media::KEY_BYTES]>,
        (standing, standing_at): (media::Standing, Wall),
    ) -> Self {
        Self {
            stream,
            port,
            address: port.rtp.ip(),
            session,
            version: 1,
            quirks: Arc::default(),
            key,
            wants_security: false,
            door: None,
            agreed: None,
            local: Bytes::new(),
            ours: Menu::default(),
            awaits_answer: false,
            turns: None,
            asked_to_turn: false,
            open: false,
            form: None,
            remote: None,
            play: None,
            clip: None,
            queued: None,
            standing,
            standing_at,
        }
    }

    /// It is protected, or nothing.
    pub fn is_secure(&self) -> bool {
        self.wants_security || self.agreed.as_ref().is_some_and(|agreed| agreed.security.is_some())
    }

    /// What is settled of a browser's leg.
    pub fn link(&self) -> Option<&media::link::Link> {
        self.agreed.as_ref()?.link.as_deref()
    }

    pub fn can_fax(&self) -> bool {
        negotiate::can_fax(self)
    }

    /// Our next answer, to an offer inside the call: with the codec as it is, where the offer has it.
    pub fn answer(&mut self, offered: &SdpOffer, other: Option<&Agreed>) -> Option<(Bytes, Agreed)> {
        self.version += 1;
        let answer = negotiate::answer(self, offered, other.or(self.agreed.as_ref()));
        self.version -= u64::from(answer.is_none());
        answer
    }

    /// Makes an offer of ours, to be sent; their answer is due from now on.
    pub fn offer(&mut self, suits: Suits<'_>) {
        (self.local, self.ours) = negotiate::offer(self, suits);
        self.awaits_answer = true;
    }
}

impl Leg {
    /// Whether its peer has put us on hold.
    pub fn holds(&self) -> bool {
        self.media.agreed.as_ref().is_some_and(|agreed| agreed.holds)
    }

    pub fn is_up(&self) -> bool {
        self.state == LegState::Up
    }

    /// Whether its device is away, as far as anybody tells.
    pub fn is_adrift(&self) -> bool {
        self.forsaken || self.signalling.is_adrift()
    }

    pub fn record(&self, ended: Wall, cause: Cause, ended_by: EndedBy) -> LegRecord {
        LegRecord {
            leg: self.id,
            side: self.side,
            party: self.party,
            address: self.address.clone(),
            peer: self.signalling.peer_name(),
            sip_call_id: self.signalling.call_id().to_owned(),
            began: self.began,
            rang: self.rang,
            answered: self.answered,
            ended,
            cause,
            ended_by,
            codec: self.media.agreed.as_ref().map(|agreed| agreed.codec_name().to_owned()),
            quality: None,
        }
    }
}

impl From<&media::Stats> for Quality {
    fn from(stats: &media::Stats) -> Self {
        let rounded = |mos: f32| (mos * 100.0).round() / 100.0;
        Self {
            packets_received: stats.packets_received,
            packets_sent: stats.packets_sent,
            packets_lost: stats.lost,
            strangers: stats.strangers,
            excess: stats.excess,
            malformed: stats.malformed,
            jitter_ms: stats.jitter_us as f32 / 1_000.0,
            round_trip_ms: stats.rtt_us.map(|us| us as f32 / 1_000.0),
            mos: stats.mos.map(rounded),
            peer_lost: stats.has_reported.then_some(stats.lost_at_peer),
            peer_jitter_ms: stats.has_reported.then_some(stats.jitter_at_peer_us as f32 / 1_000.0),
            peer_mos: stats.mos_at_peer.map(rounded),
        }
    }
}
