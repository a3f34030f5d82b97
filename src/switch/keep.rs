//! Calls that outlive their process: what is kept of each, and how they go on.
//!
//! What two people say to each other goes on; so does what a caller is played while he waits. A leg that nobody had
//! answered is cancelled or refused, one whose port is not there any more is hung up.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::{
    Caller, Cause, Digits, EndedBy, Guest, LegParty, LegRecord, LegSide, Quirks, Switch, Timer,
    call::{Call, Farewell},
    doors::Towards,
    leg::{Leg, LegMedia, LegState, PlayWhy},
    negotiate::Agreed,
    signalling::{Signalling, peer_name},
};
use crate::{
    base::{CallId, Dialled, LegId, Now, Private, StreamId, Wall},
    media::{KEY_BYTES, Source, Standing, Tone},
    sip::{Credentials, Headers, KeptUsage, Path, Reply},
};

/// What must be known of a call to go on with it in another process.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct KeptCall {
    pub call: CallId,
    party: LegParty,
    caller: Caller,
    shown: Caller,
    dialled: Private<String>,
    caller_leg: LegId,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    passed: Headers,
    max_forwards: u8,
    #[serde(default)]
    secure: bool,
    began: Wall,
    answered: Option<Wall>,
    connected: Option<Wall>,
    hold_music: Option<Source>,
    legs: Vec<KeptLeg>,
    /// Of legs that have ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    records: Vec<LegRecord>,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct KeptLeg {
    leg: LegId,
    side: LegSide,
    party: LegParty,
    address: Private<String>,
    /// `None`: its dialog is ending, or it has none.
    dialog: Option<KeptUsage>,
    /// It is at a page, or was: whichever comes takes it up.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    page: bool,
    /// Of an answered leg whose media is agreed on.
    media: Option<KeptMedia>,
    peer: Option<LegId>,
    joined: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    guest: Option<Guest>,
    #[serde(default)]
    muted: bool,
    #[serde(default)]
    gain_db: i8,
    #[serde(default)]
    held: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    info_digits: Option<Digits>,
    began: Wall,
    rang: Option<Wall>,
    answered: Option<Wall>,
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct KeptMedia {
    rtp: std::net::SocketAddr,
    /// What our description says, and its origin's numbers.
    address: std::net::IpAddr,
    session: u64,
    version: u64,
    #[serde(default, skip_serializing_if = "Quirks::is_usual")]
    quirks: Quirks,
    key: Private<[u8; KEY_BYTES]>,
    wants_security: bool,
    agreed: Agreed,
    standing: Standing,
    standing_at: Wall,
}

impl std::fmt::Debug for KeptMedia {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeptMedia({} {})", self.agreed.codec_name(), self.rtp)
    }
}

/// How a call goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Resumed {
    /// Two people hear each other.
    Talking,
    /// The caller is there, alone.
    Alone,
    /// It is over.
    Over,
}

impl KeptCall {
    /// Whether keys are in it.
    pub fn has_keys(&self) -> bool {
        self.legs.iter().filter_map(|leg| leg.media.as_ref()).any(|media| media.agreed.security.is_some())
    }

    /// Takes over what was told later of a leg's sound.
    pub fn stands(&mut self, leg: LegId, standing: Standing, at: Wall) {
        let media = self.legs.iter_mut().find(|kept| kept.leg == leg).and_then(|kept| kept.media.as_mut());
        if let Some(media) = media {
            (media.standing, media.standing_at) = (standing, at);
        }
    }

    /// Whose legs are in it.
    pub fn highest_leg(&self) -> u64 {
        self.legs.iter().map(|leg| leg.leg.0).chain(self.records.iter().map(|record| record.leg.0)).max().unwrap_or(0)
    }
}

impl Switch {
    /// What another process needs to go on with a call; `None` for one without legs.
    pub fn keep(&self, now: Now, id: CallId) -> Option<KeptCall> {
        let call = self.calls.get(&id).filter(|call| !call.legs.is_empty())?;
        Some(KeptCall {
            call: id,
            party: call.party,
            caller: call.caller.clone(),
            shown: call.shown.clone(),
            dialled: Private::new(call.dialled.to_string()),
            caller_leg: call.caller_leg,
            passed: call.passed.clone(),
            max_forwards: call.max_forwards,
            secure: call.secure,
            began: call.began,
            answered: call.answered,
            connected: call.connected,
            hold_music: call.hold_music.clone(),
            legs: call.legs.iter().filter_map(|leg| self.legs.get(leg)).map(|leg| self.keep_one(now, leg)).collect(),
            records: call.records.clone(),
        })
    }

    fn keep_one(&self, now: Now, leg: &Leg) -> KeptLeg {
        let media = &leg.media;
        // A browser's handshake is its process's own: nobody else can go on with it.
        let agreed = media.agreed.clone().filter(|_| leg.is_up() && media.door.is_none());
        KeptLeg {
            leg: leg.id,
            side: leg.side,
            party: leg.party,
            address: leg.address.clone(),
            dialog: leg.signalling.usage().and_then(|usage| self.stack.keep(now, usage)),
            media: agreed.map(|agreed| KeptMedia {
                rtp: media.port.rtp,
                address: media.address,
                session: media.session,
                version: media.version,
                quirks: Quirks::clone(&media.quirks),
                key: media.key.clone(),
                wants_security: media.wants_security,
                agreed,
                standing: media.standing,
                standing_at: media.standing_at,
            }),
            page: leg.signalling.usage().is_none() && leg.is_up(),
            peer: leg.peer,
            joined: leg.joined,
            guest: leg.guest,
            muted: leg.muted,
            gain_db: leg.gain_db,
            held: leg.held,
            info_digits: leg.info_digits,
            began: leg.began,
            rang: leg.rang,
            answered: leg.answered,
        }
    }

    /// A leg's numbers and when they were so.
    pub fn standing(&self, leg: LegId) -> Option<(Standing, Wall)> {
        self.legs.get(&leg).map(|leg| (leg.media.standing, leg.media.standing_at))
    }

    /// Goes on with a call of an earlier process, as far as it can. `None`: there is no room for it.
    pub fn resume(
        &mut self,
        now: Now,
        kept: KeptCall,
        credentials: impl Fn(LegParty) -> Option<Credentials>,
    ) -> Option<Resumed> {
        let id = kept.call;
        let dialled = Dialled::new(kept.dialled.reveal())?;
        if self.calls.contains_key(&id) || self.calls.len() >= self.settings.calls_max {
            return None;
        }
        self.ids.raise_leg(kept.highest_leg());
        let lasted = now.wall.since(kept.began);
        let rest = self.settings.times.call_time_max.saturating_sub(lasted);
        self.timers.set(Timer::CallTooLong(id), now.mono + rest);
        self.calls.insert(
            id,
            Call {
                id,
                party: kept.party,
                caller: kept.caller,
                shown: kept.shown,
                dialled,
                caller_leg: kept.caller_leg,
                legs: SmallVec::new(),
                rings: SmallVec::new(),
                records: kept.records,
                unsettled: SmallVec::new(),
                worker: None,
                offered: None,
                passed: kept.passed,
                refused: Headers::new(),
                max_forwards: kept.max_forwards,
                secure: kept.secure,
                mixed: false,
                told: 200,
                began: kept.began,
                clock: Now { mono: now.mono, wall: now.wall.max(kept.began) },
                answered: kept.answered,
                connected: kept.connected,
                ended: None,
                left: None,
                hold_music: kept.hold_music,
            },
        );
        let mut pair = None;
        for leg in kept.legs {
            let joined = (leg.joined && leg.guest.is_none()).then_some(leg.leg).zip(leg.peer);
            if self.resume_leg(now, id, leg, &credentials) {
                pair = pair.or(joined);
            }
        }
        Some(self.rejoin(now, id, kept.caller_leg, pair))
    }

    /// Brings two together who talked, and sees what is left of the call.
    fn rejoin(&mut self, now: Now, id: CallId, caller: LegId, pair: Option<(LegId, LegId)>) -> Resumed {
        let pair = pair.filter(|(one, other)| {
            [one, other].into_iter().all(|leg| self.legs.get(leg).is_some_and(|leg| leg.call == id))
                && (*one == caller || *other == caller)
        });
        if let Some((one, other)) = pair {
            self.pair(one, other);
            for leg in [one, other] {
                if let Some(leg) = self.legs.get_mut(&leg) {
                    leg.joined = true;
                }
            }
            self.join(now, one, other);
            [one, other].into_iter().for_each(|leg| self.await_page(leg));
            self.take_guests_back(id);
        }
        let legs = self.calls.get(&id).map(|call| call.legs.clone()).unwrap_or_default();
        let is_guest = |leg: &LegId| self.legs.get(leg).is_some_and(|leg| leg.guest.is_some());
        let stays = |leg: &LegId| match pair {
            Some((one, other)) => *leg == one || *leg == other || is_guest(leg),
            None => *leg == caller,
        };
        let gone: SmallVec<[LegId; 2]> = legs.iter().copied().filter(|leg| !stays(leg)).collect();
        for leg in gone {
            self.end_leg(now, leg, Cause::SWITCH, EndedBy::Switch, Farewell::Ours);
        }
        match (pair, legs.contains(&caller)) {
            (Some(_), _) => Resumed::Talking,
            (None, true) => {
                self.open_media(caller);
                Resumed::Alone
            }
            (None, false) => {
                if let Some(call) = self.calls.get_mut(&id) {
                    call.ended = Some((call.at(now), Cause::SWITCH, EndedBy::Switch));
                }
                self.after_leg(now, id);
                Resumed::Over
            }
        }
    }

    /// Who talked to somebody at a page hears music until that page is back.
    fn await_page(&mut self, id: LegId) {
        let Some(leg) = self.legs.get(&id).filter(|leg| leg.media.agreed.is_some() && !leg.media.open) else { return };
        let music = self.calls.get(&leg.call).and_then(|call| call.hold_music.clone());
        self.open_media(id);
        self.play(id, music.unwrap_or(Source::Tone(Tone::Beep)), true, PlayWhy::Waiting);
    }

    /// Thirds and supervisors are in it as they were.
    fn take_guests_back(&mut self, id: CallId) {
        let legs = self.calls.get(&id).map(|call| call.legs.clone()).unwrap_or_default();
        for leg in legs {
            self.open_media(leg);
        }
        self.arrange(id);
    }

    /// False: it could not be, and was ended.
    fn resume_leg(
        &mut self,
        now: Now,
        call: CallId,
        kept: KeptLeg,
        credentials: &impl Fn(LegParty) -> Option<Credentials>,
    ) -> bool {
        if kept.page {
            return self.resume_at_page(now, call, kept);
        }
        let Some(dialog) = kept.dialog.clone() else {
            self.write_off(now, call, &kept);
            return false;
        };
        let (path, call_id) = (Path { flow: None, ..dialog.path() }, Box::from(dialog.call_id()));
        let Some(usage) = self.stack.resume(now, dialog, credentials(kept.party)) else {
            self.write_off(now, call, &kept);
            return false;
        };
        let media = kept.media.clone().filter(|_| kept.answered.is_some());
        let Some(media) = media.and_then(|media| self.resume_media(now, media)) else {
            let reason = Cause::SWITCH.reason();
            match (kept.answered, kept.side) {
                (Some(_), _) => self.stack.bye(now, usage, Some(reason)),
                (None, LegSide::Called) => self.stack.cancel(now, usage, Some(reason)),
                (None, LegSide::Caller) => {
                    let reply = Reply::new(Cause::SWITCH.status()).header("Reason", reason);
                    self.stack.respond(now, usage, reply);
                }
            }
            self.write_off(now, call, &kept);
            return false;
        };
        self.stack.spare(usage, media.quirks.abilities());
        if matches!(kept.party, LegParty::Trunk(_)) {
            self.stack.send_large_by_tcp(usage, media.quirks.datagram_max());
        }
        self.keep_resumed(call, Signalling::Dialog { usage, call_id, path }, media, kept);
        true
    }

    /// A page's handshake was its process's own: the leg waits for a new one, with the next page of its user.
    fn resume_at_page(&mut self, now: Now, call: CallId, kept: KeptLeg) -> bool {
        let worker = self.calls.get(&call).and_then(|call| call.worker);
        let Some(media) = self.take_media(now, worker, Towards::Page, (None, Arc::default())) else {
            self.write_off(now, call, &kept);
            return false;
        };
        let id = kept.leg;
        self.keep_resumed(call, Signalling::Page(None), media, kept);
        self.set_adrift(now, id);
        true
    }

    fn keep_resumed(&mut self, call: CallId, signalling: Signalling, media: LegMedia, kept: KeptLeg) {
        if let Some(known) = self.calls.get_mut(&call) {
            known.worker.get_or_insert(media.port.worker);
            known.legs.push(kept.leg);
        }
        let end = self.draw_end();
        let leg = Leg {
            id: kept.leg,
            call,
            signalling,
            side: kept.side,
            party: kept.party,
            address: kept.address,
            state: LegState::Up,
            ends_call: true,
            media,
            end,
            info_digits: kept.info_digits,
            peer: None,
            joined: kept.guest.is_some(),
            forsaken: false,
            guest: kept.guest,
            muted: kept.muted,
            gain_db: kept.gain_db,
            held: kept.held,
            ring: None,
            began: kept.began,
            rang: kept.rang,
            answered: kept.answered,
        };
        if let Some(usage) = leg.signalling.usage() {
            self.usages.insert(usage, leg.id);
        }
        self.streams.insert(leg.media.stream, leg.id);
        self.legs.insert(leg.id, leg);
    }

    fn resume_media(&mut self, now: Now, kept: KeptMedia) -> Option<LegMedia> {
        let port = self.ports.claim(kept.rtp)?;
        let passed = now.wall.since(kept.standing_at);
        let standing = kept.standing.later(passed, kept.agreed.codec.clock_hz());
        let stream = StreamId(self.ids.next_stream());
        Some(LegMedia {
            address: kept.address,
            version: kept.version,
            quirks: Arc::new(kept.quirks),
            wants_security: kept.wants_security,
            agreed: Some(kept.agreed),
            ..LegMedia::new(stream, port, kept.session, kept.key, (standing, now.wall))
        })
    }

    /// The record of a leg that did not live on.
    fn write_off(&mut self, now: Now, call: CallId, kept: &KeptLeg) {
        let path = kept.dialog.as_ref().map(KeptUsage::path);
        let record = LegRecord {
            leg: kept.leg,
            side: kept.side,
            party: kept.party,
            address: kept.address.clone(),
            peer: path.map(|path| peer_name(&path)).unwrap_or_default(),
            sip_call_id: kept.dialog.as_ref().map(|dialog| dialog.call_id().to_owned()).unwrap_or_default(),
            began: kept.began,
            rang: kept.rang,
            answered: kept.answered,
            ended: self.time_in(call, now),
            cause: Cause::SWITCH,
            ended_by: EndedBy::Switch,
            codec: kept.media.as_ref().map(|media| media.agreed.codec_name().to_owned()),
            quality: None,
        };
        if let Some(call) = self.calls.get_mut(&call) {
            call.records.push(record);
        }
    }

    /// A phone of the user of a leg has registered from `path`, calling itself `contact`: if it is that of the leg and its own
    /// way has ended, the call goes on there: true.
    pub fn reconnected(&mut self, id: LegId, path: Path, contact: &str) -> bool {
        let leg = self.legs.get_mut(&id).filter(|leg| leg.is_up() || leg.side == LegSide::Called);
        let Some(Signalling::Dialog { usage, path: at, .. }) = leg.map(|leg| &mut leg.signalling) else { return false };
        let goes_on = self.stack.reconnected(*usage, path, contact);
        if goes_on {
            *at = path;
            self.called_from_now_on(id, contact, path);
        }
        goes_on
    }
}
