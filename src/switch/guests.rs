//! Who is in a call beside the two of its bridge, and what each of all these hears.
//!
//! A call's bridge is its two main legs, the one for whom is rung and its peer, and any number of guests. What a guest
//! is decides a row and a column of the matrix and nothing else: the legs are the same.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::{
    Cause, EndedBy, Fact, Switch,
    call::Farewell,
    leg::{Leg, LegState, PlayWhy},
};
use crate::{
    base::{CallId, LegId, Now, StreamId},
    media::{Command, Gain, MIX_LEGS_MAX, Matrix, Source, Tone},
};

/// Guests of one call: with its two main legs they fill one mix.
pub const GUESTS_MAX: usize = MIX_LEGS_MAX - 2;

/// What a leg is in a bridge beside the two main ones.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guest {
    /// One of those who talk, as much as the two.
    Party,
    /// Hears all; nobody hears it.
    Listens,
    /// Hears all; this leg alone hears it, or the peer of the caller when that one is gone.
    Whispers { to: LegId },
    /// Heard by all, though its keys are not.
    Barges,
    /// Asked first (CH-07): in private with one of the two, or waiting while that one talks to the other.
    Consults { with: LegId, talks: bool },
}

impl Guest {
    /// Whether the two who are left would go on talking with it; a supervisor's ear is no company.
    pub const fn talks(self) -> bool {
        match self {
            Self::Party | Self::Consults { .. } => true,
            Self::Listens | Self::Whispers { .. } | Self::Barges => false,
        }
    }
}

impl Switch {
    /// Whether a third can be brought in: all who are there speak what we can decode, and there is room.
    pub fn can_take_guest(&self, call: CallId) -> bool {
        let Some(known) = self.calls.get(&call) else { return false };
        let legs = || known.legs.iter().filter_map(|leg| self.legs.get(leg));
        let is_ours = |leg: &Leg| leg.media.agreed.as_ref().is_none_or(|agreed| agreed.codec.is_ours());
        let guests = legs().filter(|leg| leg.guest.is_some()).count() + known.rings.len();
        legs().all(is_ours) && guests < GUESTS_MAX
    }

    /// An answered leg of a ring of this call becomes a guest of it.
    pub fn admit_guest(&mut self, now: Now, leg: LegId, guest: Guest) -> bool {
        let Some(known) = self.legs.get_mut(&leg).filter(|leg| leg.is_up() && leg.peer.is_none()) else { return false };
        let is_ours = known.media.agreed.as_ref().is_some_and(|agreed| agreed.codec.is_ours());
        if !is_ours {
            self.drop_leg(now, leg, Cause::MEDIA);
            return false;
        }
        known.guest = Some(guest);
        let call = known.call;
        self.open_media(leg);
        self.arrange(call);
        self.fact(Fact::Changed { call });
        true
    }

    /// A guest becomes another one.
    pub fn set_guest(&mut self, leg: LegId, guest: Guest) {
        let Some(known) = self.legs.get_mut(&leg).filter(|leg| leg.guest.is_some_and(|was| was != guest)) else {
            return;
        };
        known.guest = Some(guest);
        let call = known.call;
        self.arrange(call);
        self.fact(Fact::Changed { call });
    }

    /// Nobody hears a leg, though it may go on speaking (CH-03).
    pub fn set_muted(&mut self, leg: LegId, muted: bool) -> bool {
        let Some(call) = self.legs.get(&leg).map(|leg| leg.call) else { return false };
        if muted && !self.can_take_guest(call) {
            return false;
        }
        if let Some(known) = self.legs.get_mut(&leg) {
            known.muted = muted;
        }
        self.arrange(call);
        self.fact(Fact::Changed { call });
        true
    }

    /// The others hear a leg so many decibels louder than it is, within [`Gain::DB`].
    pub fn set_gain(&mut self, leg: LegId, gain_db: i8) -> bool {
        let Some(call) = self.legs.get(&leg).map(|leg| leg.call) else { return false };
        if gain_db != 0 && !self.can_take_guest(call) {
            return false;
        }
        if let Some(known) = self.legs.get_mut(&leg) {
            known.gain_db = gain_db.clamp(*Gain::DB.start(), *Gain::DB.end());
        }
        self.arrange(call);
        self.fact(Fact::Changed { call });
        true
    }

    /// Ends one leg at somebody's wish. The others talk on if there are two of them; otherwise the call is over.
    pub fn drop_leg(&mut self, now: Now, leg: LegId, cause: Cause) {
        self.replace_leg(now, leg, None, cause);
    }

    /// The same, and this guest, if it is one, takes its place before any other.
    pub fn replace_leg(&mut self, now: Now, leg: LegId, by: Option<LegId>, cause: Cause) {
        let Some(known) = self.legs.get(&leg) else { return };
        let (call, guest, peer) = (known.call, known.guest, known.peer);
        let is_caller = self.calls.get(&call).is_some_and(|call| call.caller_leg == leg);
        let is_main = guest.is_none() && (is_caller || peer.is_some());
        if !is_main {
            self.end_leg(now, leg, cause, EndedBy::Request, Farewell::Ours);
            self.arrange(call);
            return self.after_leg(now, call);
        }
        let Some(heir) = self.heir(call, by).filter(|_| peer.is_some()) else {
            return self.end_call(now, call, cause, EndedBy::Request);
        };
        if let (true, Some(peer), Some(call)) = (is_caller, peer, self.calls.get_mut(&call)) {
            call.caller_leg = peer;
        }
        let party = known_party(&self.legs, leg);
        self.end_leg(now, leg, cause, EndedBy::Request, Farewell::Ours);
        self.promote(now, call, heir, party);
        self.after_leg(now, call);
    }

    /// One of the two main legs that is not the caller has gone: a third talks on with the caller. False: there is none.
    pub(super) fn go_on(&mut self, now: Now, call: CallId, without: Option<super::LegParty>) -> bool {
        let Some(heir) = self.heir(call, None) else { return false };
        self.promote(now, call, heir, without);
        true
    }

    /// One of ours called somebody, brought a third in and leaves: to whom, with the third. A customer who waited in a queue, or
    /// comes from a carrier, leaves it to nobody: with him the call is over.
    pub(super) fn leaves_to(&self, id: LegId) -> Option<LegId> {
        let leg = self.legs.get(&id).filter(|leg| matches!(leg.party, super::LegParty::User(_)))?;
        let peer = leg.peer.filter(|peer| self.legs.get(peer).is_some_and(|peer| peer.is_up() && peer.ends_call))?;
        self.heir(leg.call, None).map(|_| peer)
    }

    fn heir(&self, call: CallId, wanted: Option<LegId>) -> Option<LegId> {
        let known = self.calls.get(&call)?;
        let talks = |leg: &LegId| {
            self.legs.get(leg).is_some_and(|leg| leg.state == LegState::Up && leg.guest == Some(Guest::Party))
        };
        let is_asked =
            |leg: &LegId| self.legs.get(leg).is_some_and(|leg| matches!(leg.guest, Some(Guest::Consults { .. })));
        let legs = || known.legs.iter().copied();
        // Who hangs up while he asks first has asked enough.
        wanted.filter(talks).or_else(|| legs().find(talks)).or_else(|| legs().find(is_asked))
    }

    /// A guest becomes a main leg.
    fn promote(&mut self, now: Now, call: CallId, heir: LegId, without: Option<super::LegParty>) {
        let Some(caller) = self.calls.get(&call).map(|call| call.caller_leg) else { return };
        let mut asked = false;
        if let Some(leg) = self.legs.get_mut(&heir) {
            asked = matches!(leg.guest, Some(Guest::Consults { .. }));
            (leg.guest, leg.held, leg.ring, leg.ends_call) = (None, false, None, true);
        }
        self.fact(Fact::WentOn { call, without, asked });
        self.hush(caller);
        self.hush(heir);
        self.pair(caller, heir);
        self.join(now, caller, heir);
    }

    /// A call ends in another: its guests come along, and nobody is rung for it any more.
    pub(super) fn move_guests(&mut self, now: Now, from: CallId, to: CallId) {
        let Some(known) = self.calls.get_mut(&from) else { return };
        let rings = known.rings.clone();
        let legs = &self.legs;
        let guests: SmallVec<[LegId; 2]> =
            known.legs.iter().copied().filter(|leg| legs.get(leg).is_some_and(|leg| leg.guest.is_some())).collect();
        known.legs.retain(|leg| !guests.contains(leg));
        for leg in &guests {
            if let Some(leg) = self.legs.get_mut(leg) {
                leg.call = to;
            }
        }
        if let Some(kept) = self.calls.get_mut(&to) {
            kept.legs.extend(guests);
        }
        for ring in rings {
            self.stop_ring(now, ring, Cause::CANCELLED);
        }
    }

    /// Whether somebody else talks in a call beside the two.
    pub fn has_third(&self, call: CallId) -> bool {
        self.heir(call, None).and_then(|leg| self.legs.get(&leg)).is_some_and(|leg| leg.guest == Some(Guest::Party))
    }

    /// Whether the two main legs of a call don't hear each other: one holds, is on hold or asks somebody in private, and nobody
    /// else talks with who is left.
    pub fn is_on_hold(&self, call: CallId) -> bool {
        let Some(caller) = self.calls.get(&call).map(|call| call.caller_leg) else { return false };
        let peer = self.legs.get(&caller).and_then(|leg| leg.peer);
        let is_gone =
            |leg: LegId| self.legs.get(&leg).is_some_and(Leg::holds) || self.is_away(leg) || self.is_deserted(leg);
        !self.has_third(call) && std::iter::once(caller).chain(peer).any(is_gone)
    }

    /// Legs that get a leg's digits when they come beside its sound.
    pub(super) fn hearers_of_digits(&self, id: LegId) -> SmallVec<[LegId; 2]> {
        let talks = |leg: &&Leg| sends_digits(leg) && (leg.peer.is_some() || leg.guest.is_some());
        let Some(presser) = self.legs.get(&id).filter(talks) else { return SmallVec::new() };
        let call = self.calls.get(&presser.call);
        let others = call.into_iter().flat_map(|call| &call.legs).filter(|leg| **leg != id);
        let members: SmallVec<[&Leg; 4]> =
            call.into_iter().flat_map(|call| &call.legs).filter_map(|leg| self.legs.get(leg)).collect();
        let here = room(&members, presser);
        let heard = others.filter_map(|leg| self.legs.get(leg)).filter(talks).filter(|leg| leg.media.open);
        let heard = heard.filter(|leg| here != Room::Alone && room(&members, leg) == here);
        heard.map(|leg| leg.id).collect()
    }

    /// Takes a leg out of its call's talk, or back into it (CH-02); who talked to it hears music.
    pub fn set_held(&mut self, leg: LegId, held: bool) -> bool {
        let Some(call) = self.legs.get(&leg).map(|leg| leg.call) else { return false };
        if held && !self.can_take_guest(call) {
            return false;
        }
        if let Some(known) = self.legs.get_mut(&leg) {
            known.held = held;
        }
        self.arrange(call);
        self.fact(Fact::Changed { call });
        true
    }

    /// Ringback for somebody who has somebody rung, or an end to it.
    pub fn sound_ringback(&mut self, leg: LegId, rings: bool) {
        let plays = self.legs.get(&leg).is_some_and(|leg| leg.media.play.is_some());
        match (rings, plays) {
            (true, _) => _ = self.play(leg, Source::Tone(Tone::Ringback), true, PlayWhy::Waiting),
            (false, true) => self.hush(leg),
            (false, false) => {}
        }
    }

    /// Whether a leg is in its call's talk no more: on hold by hand, or asking somebody in private.
    pub(super) fn is_away(&self, leg: LegId) -> bool {
        let Some(leg) = self.legs.get(&leg) else { return false };
        let members: SmallVec<[&Leg; 4]> = self
            .calls
            .get(&leg.call)
            .into_iter()
            .flat_map(|call| &call.legs)
            .filter_map(|leg| self.legs.get(leg))
            .collect();
        room(&members, leg) != Room::Main
    }

    /// Music for who was asked first and waits now.
    fn sound_waiting_guest(&mut self, id: LegId) {
        let Some(leg) = self.legs.get(&id).filter(|leg| leg.guest.is_some()) else { return };
        let waits = matches!(leg.guest, Some(Guest::Consults { talks: false, .. }));
        let plays = leg.media.play.is_some_and(|play| play.why == PlayWhy::Held);
        let music = self.calls.get(&leg.call).and_then(|call| call.hold_music.clone());
        match (waits, plays) {
            (true, false) => _ = self.play(id, music.unwrap_or(Source::Tone(Tone::Beep)), true, PlayWhy::Held),
            (false, true) => self.hush(id),
            (true, true) | (false, false) => {}
        }
    }

    /// Tells the media workers who hears whom in a call.
    pub(super) fn arrange(&mut self, call: CallId) {
        let Some((worker, command, is_plain)) = self.arrangement(call) else { return };
        self.command(worker, command);
        let Some(known) = self.calls.get_mut(&call) else { return };
        let was_mixed = std::mem::replace(&mut known.mixed, !is_plain);
        if was_mixed || !is_plain {
            let (caller, legs) = (known.caller_leg, known.legs.clone());
            legs.into_iter().for_each(|leg| self.sound_waiting_guest(leg));
            let peer = self.legs.get(&caller).and_then(|leg| leg.peer);
            for leg in std::iter::once(caller).chain(peer) {
                if self.legs.get(&leg).is_some_and(|leg| leg.media.open) {
                    // Who hears music may be silent for longer.
                    self.open_media(leg);
                }
                self.sound_hold(leg);
            }
        }
    }

    /// Who is together in a call, as an order for the worker; whether it is the two alone, heard as they are.
    fn arrangement(&self, call: CallId) -> Option<(u16, Command, bool)> {
        let known = self.calls.get(&call)?;
        let peer = self.legs.get(&known.caller_leg).and_then(|leg| leg.peer);
        let guests = known.legs.iter().copied().filter(|leg| self.legs.get(leg).is_some_and(|leg| leg.guest.is_some()));
        let members: SmallVec<[&Leg; 4]> = std::iter::once(known.caller_leg)
            .chain(peer)
            .chain(guests)
            .filter_map(|leg| self.legs.get(&leg))
            .filter(|leg| leg.media.open)
            .collect();
        let worker = members.first()?.media.port.worker;
        let is_plain = members.iter().all(|leg| leg.guest.is_none() && !leg.muted && !leg.held && leg.gain_db == 0);
        let command = match members[..] {
            [one, other] if is_plain => Command::Join { a: one.media.stream, b: other.media.stream },
            [_, _, ..] => {
                let legs: SmallVec<[(StreamId, bool); 4]> =
                    members.iter().map(|leg| (leg.media.stream, sends_digits(leg))).collect();
                let reaches = |listener: usize, speaker: usize| {
                    is_within_hearing(&members, members[listener], members[speaker], peer)
                };
                let gain = |listener: usize, speaker: usize| match reaches(listener, speaker) {
                    true if !members[speaker].muted => Gain::from_db(f32::from(members[speaker].gain_db)),
                    true | false => Gain::SILENT,
                };
                // Who is muted is not heard, but still presses keys (CH-03).
                let matrix = Matrix::telling(&legs, gain, reaches);
                Command::Mix { matrix: Box::new(matrix) }
            }
            [alone] if known.mixed => Command::Part { stream: alone.media.stream },
            [_] | [] => return None,
        };
        Some((worker, command, is_plain))
    }
}

fn known_party(legs: &crate::base::FastMap<LegId, Leg>, leg: LegId) -> Option<super::LegParty> {
    legs.get(&leg).map(|leg| leg.party)
}

fn sends_digits(leg: &Leg) -> bool {
    match leg.guest {
        None | Some(Guest::Party | Guest::Consults { .. }) => true,
        Some(Guest::Listens | Guest::Whispers { .. } | Guest::Barges) => false,
    }
}

/// Where a leg is in its call: those in one room hear each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Room {
    Main,
    /// One of the two with whom he asks first.
    Private,
    /// On hold, or waiting until it is asked again.
    Alone,
}

fn room(members: &[&Leg], leg: &Leg) -> Room {
    let asks = |other: &&Leg| matches!(other.guest, Some(Guest::Consults { with, talks: true }) if with == leg.id);
    match leg.guest {
        Some(Guest::Consults { talks: true, .. }) => Room::Private,
        Some(Guest::Consults { talks: false, .. }) => Room::Alone,
        _ if leg.held => Room::Alone,
        None if members.iter().any(asks) => Room::Private,
        None | Some(Guest::Party | Guest::Listens | Guest::Whispers { .. } | Guest::Barges) => Room::Main,
    }
}

/// Whether one hears another who is not muted; `peer` is the main leg that is not the caller's.
fn is_within_hearing(members: &[&Leg], listener: &Leg, speaker: &Leg, peer: Option<LegId>) -> bool {
    let (here, there) = (room(members, listener), room(members, speaker));
    let is_near = here == there && here != Room::Alone;
    match speaker.guest {
        // Who listens hears whoever talks, wherever that is.
        None | Some(Guest::Party | Guest::Barges | Guest::Consults { .. }) => {
            let listens = matches!(listener.guest, Some(Guest::Listens | Guest::Whispers { .. }));
            is_near || (listens && there != Room::Alone)
        }
        Some(Guest::Listens) => false,
        Some(Guest::Whispers { to }) => {
            let is_main = listener.guest.is_none();
            is_main && (listener.id == to || (listener.peer != Some(to) && Some(listener.id) == peer))
        }
    }
}
