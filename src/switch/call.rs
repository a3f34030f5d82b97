//! A conversation from its first INVITE to its last BYE.

use std::sync::Arc;

use smallvec::SmallVec;

use super::{
    CallSummary, Caller, Cause, EndedBy, Fact, LegParty, LegRecord, LegSide, LegStage, Quirks, RingId, Switch, Timer,
    Way,
    doors::Towards,
    leg::{Leg, LegMedia, LegState},
    negotiate,
    signalling::Signalling,
};
use crate::{
    base::{CallId, Dialled, LegId, Now, StreamId, Wall},
    media,
    sip::{Headers, Path, Reply, UsageId},
    wire::sip::Message,
};

/// Pairs of ports that newcomers leave to those who answer: a house full of callers could be served by nobody.
const KEPT_BACK: usize = 1;

/// How long an ended call waits for the last word of the media workers.
pub const STATS_WAIT: std::time::Duration = std::time::Duration::from_secs(2);

/// One conversation through the switch.
pub(super) struct Call {
    pub id: CallId,
    pub party: LegParty,
    pub caller: Caller,
    /// Who is shown as calling to whom is rung next: the caller, or who was passed on.
    pub shown: Caller,
    pub dialled: Dialled,
    /// The one for whom is rung: who called, or, after a transfer, who was passed on.
    pub caller_leg: LegId,
    /// Live legs, the caller's included.
    pub legs: SmallVec<[LegId; 2]>,
    pub rings: SmallVec<[RingId; 1]>,
    pub records: Vec<LegRecord>,
    /// Closed streams whose figures have not come, and the record they belong to.
    pub unsettled: SmallVec<[(StreamId, LegId); 2]>,
    /// All streams of a call share a media worker.
    pub worker: Option<u16>,
    /// Their INVITE's offer; `None` when it had none.
    pub offered: Option<negotiate::SdpOffer>,
    /// What the called gets of the caller's headers.
    pub passed: Headers,
    /// What the caller gets of the headers with which the called refused.
    pub refused: Headers,
    pub max_forwards: u8,
    /// Dialled, or passed on, as `sips:`: nothing of it leaves on an insecure transport (RFC 3261 26.2.2).
    pub secure: bool,
    /// The provisional answer that the caller has had last.
    pub told: u16,
    pub began: Wall,
    /// Both clocks at its beginning, or where another process took it up: what its record says goes by these, so that no
    /// part of it is longer or shorter when somebody sets the wall clock.
    pub clock: Now,
    pub answered: Option<Wall>,
    pub connected: Option<Wall>,
    pub ended: Option<(Wall, Cause, EndedBy)>,
    /// By whose leaving it ended.
    pub left: Option<LegParty>,
    /// The media workers mix it.
    pub mixed: bool,
    /// What a held leg of this call hears.
    pub hold_music: Option<media::Source>,
}

/// A call to take on: judged, identified, not yet routed.
#[derive(Clone, Debug)]
pub struct Admission {
    pub party: LegParty,
    pub caller: Caller,
    pub dialled: Dialled,
    pub hold_music: Option<media::Source>,
    /// A call for help: the number of calls at once does not stand in its way.
    pub urgent: bool,
    /// What the caller's trunk wants otherwise than others.
    pub quirks: Arc<Quirks>,
}

/// How a call came: an INVITE.
#[derive(Clone, Copy, Debug)]
pub struct Invited<'a> {
    pub usage: UsageId,
    pub request: &'a Message,
    pub path: Path,
}

/// What came with a call, however it came.
pub(super) struct Arrival {
    pub signalling: Signalling,
    pub media: LegMedia,
    pub offered: Option<negotiate::SdpOffer>,
    pub passed: Headers,
    pub max_forwards: u8,
    pub secure: bool,
}

fn is_sips(request: &Message) -> bool {
    request.request_uri().is_ok_and(|uri| uri.scheme.eq_ignore_ascii_case("sips"))
}

impl Switch {
    /// Takes a call on. `Err` is the answer to give it; nothing is kept then.
    pub fn admit(&mut self, now: Now, invited: Invited<'_>, admission: Admission) -> Result<CallId, Reply> {
        let Invited { usage, request, path } = invited;
        self.serves(request)?;
        let max_forwards = request.max_forwards().unwrap_or(70).checked_sub(1).ok_or_else(|| Reply::new(483))?;
        let offered = negotiate::offered(request)?;
        let media = self.room_for(now, Towards::Phone(&path), offered.as_ref(), &admission)?;
        let mut passed = self.headers.of(request);
        passed.retain(|(name, _)| admission.quirks.passes(name));
        self.stack.spare(usage, admission.quirks.abilities());
        if matches!(admission.party, LegParty::Trunk(_)) {
            self.stack.send_large_by_tcp(usage, admission.quirks.datagram_max());
        }
        self.speak_for_ourselves(usage);
        let signalling = Signalling::Dialog { usage, call_id: request.call_id().into(), path };
        let secure = is_sips(request);
        Ok(self.begin(now, Arrival { signalling, media, offered, passed, max_forwards, secure }, admission))
    }

    /// Whether we can do all that an INVITE which we take on ourselves requires.
    pub(super) fn serves(&self, request: &Message) -> Result<(), Reply> {
        self.stack.lacks(request).map_or(Ok(()), Err)
    }

    /// A port for one more call, if there is room for it and for somebody who answers one.
    pub(super) fn room_for(
        &mut self,
        now: Now,
        towards: Towards<'_>,
        offered: Option<&negotiate::SdpOffer>,
        admission: &Admission,
    ) -> Result<LegMedia, Reply> {
        let full = || Reply::new(503).header("Retry-After", "5");
        if self.calls.len() >= self.settings.calls_max && !admission.urgent {
            return Err(full());
        }
        let media = (admission.urgent || self.ports_free(towards, offered) > KEPT_BACK)
            .then(|| self.take_media(now, None, towards, (offered, admission.quirks.clone())));
        let Some(media) = media.flatten() else {
            self.fact(Fact::NoPort);
            return Err(full());
        };
        if offered.is_some_and(|offered| !media.meets(offered)) {
            self.give_back(now, &media);
            return Err(negotiate::no_way());
        }
        Ok(media)
    }

    pub(super) fn begin(&mut self, now: Now, arrival: Arrival, admission: Admission) -> CallId {
        let (id, leg) = (CallId(self.ids.next_call()), LegId(self.ids.next_leg()));
        let Arrival { signalling, media, offered, passed, max_forwards, secure } = arrival;
        let end = self.draw_end();
        let call = Call {
            id,
            party: admission.party,
            shown: admission.caller.clone(),
            caller: admission.caller,
            dialled: admission.dialled,
            caller_leg: leg,
            legs: SmallVec::from_slice(&[leg]),
            rings: SmallVec::new(),
            records: Vec::new(),
            unsettled: SmallVec::new(),
            worker: Some(media.port.worker),
            offered,
            passed,
            refused: Headers::new(),
            max_forwards,
            secure,
            told: 100,
            began: now.wall,
            clock: now,
            answered: None,
            connected: None,
            ended: None,
            left: None,
            mixed: false,
            hold_music: admission.hold_music,
        };
        let leg = Leg {
            id: leg,
            call: id,
            signalling,
            side: LegSide::Caller,
            party: admission.party,
            address: call.caller.number.clone(),
            state: LegState::Incoming,
            ends_call: true,
            media,
            end,
            info_digits: None,
            peer: None,
            guest: None,
            muted: false,
            gain_db: 0,
            held: false,
            joined: false,
            forsaken: false,
            ring: None,
            began: now.wall,
            rang: None,
            answered: None,
        };
        self.timers.set(Timer::CallTooLong(id), now.mono + self.settings.times.call_time_max);
        self.calls.insert(id, call);
        self.keep_leg(leg);
        id
    }

    /// What the caller is called from now on, at whoever is rung for him.
    pub fn name_caller(&mut self, call: CallId, name: String) {
        if let Some(known) = self.calls.get_mut(&call) {
            known.shown.looked_up = Some(name);
            self.fact(Fact::Changed { call });
        }
    }

    /// The wall clock as what is told of this call goes by it.
    pub fn time_in(&self, call: CallId, now: Now) -> Wall {
        self.calls.get(&call).map_or(now.wall, |call| call.at(now))
    }

    /// Refuses a call that was not admitted.
    pub fn refuse(&mut self, now: Now, usage: UsageId, reply: Reply) {
        self.stack.respond(now, usage, reply);
    }

    /// Ends a whole call; a caller who has had no answer gets the cause's status.
    pub fn end_call(&mut self, now: Now, call: CallId, cause: Cause, by: EndedBy) {
        let Some(known) = self.calls.get_mut(&call) else { return };
        known.ended.get_or_insert((known.at(now), cause, by));
        let (rings, legs) = (std::mem::take(&mut known.rings), known.legs.clone());
        for ring in rings {
            self.forget_ring(ring);
        }
        for leg in legs {
            self.end_leg(now, leg, cause, by, Farewell::Ours);
        }
        self.after_leg(now, call);
    }

    pub(super) fn keep_leg(&mut self, leg: Leg) {
        if let Some(usage) = leg.signalling.usage() {
            self.usages.insert(usage, leg.id);
        }
        self.streams.insert(leg.media.stream, leg.id);
        self.fact(Fact::Leg {
            call: leg.call,
            leg: leg.id,
            party: leg.party,
            side: leg.side,
            ring: leg.ring,
            stage: LegStage::Begun,
        });
        self.legs.insert(leg.id, leg);
    }

    /// Takes a leg down: signalling, media, record. What it means for the call is for the caller of this to say.
    pub(super) fn end_leg(&mut self, now: Now, id: LegId, cause: Cause, by: EndedBy, farewell: Farewell) {
        let Some(leg) = self.legs.remove(&id) else { return };
        if let Some(usage) = leg.signalling.usage() {
            self.usages.remove(&usage);
        }
        self.streams.remove(&leg.media.stream);
        self.timers.cancel(Timer::Dead(id));
        self.timers.cancel(Timer::Adrift(id));
        self.timers.cancel(Timer::TurnLate(id));
        self.called.remove(&id);
        match farewell {
            Farewell::Theirs => {}
            Farewell::Ours => {
                let waits = leg.state == LegState::Incoming;
                let call = self.calls.get_mut(&leg.call).filter(|call| waits && call.caller_leg == id);
                let refused = call.map(|call| std::mem::take(&mut call.refused)).unwrap_or_default();
                self.say_goodbye(now, &leg, cause, refused);
            }
        }
        if let Some(peer) = leg.peer.and_then(|peer| self.legs.get_mut(&peer)) {
            peer.peer = None;
        }
        self.fact(Fact::Leg {
            call: leg.call,
            leg: id,
            party: leg.party,
            side: leg.side,
            ring: leg.ring,
            stage: LegStage::Ended,
        });
        let record = leg.record(self.time_in(leg.call, now), cause, by);
        let (stream, worker) = (leg.media.stream, leg.media.port.worker);
        self.give_back(now, &leg.media);
        if leg.media.open {
            self.command(worker, media::Command::Close { stream });
            self.closing.insert(stream, leg.call);
        }
        if let Some(call) = self.calls.get_mut(&leg.call) {
            call.legs.retain(|other| *other != id);
            call.records.push(record);
            if leg.media.open {
                call.unsettled.push((stream, id));
            }
        }
    }

    /// A leg ended by its peer: what that means for the rest of its call.
    pub(super) fn leg_gone(&mut self, now: Now, id: LegId, cause: Cause, by: EndedBy) {
        let Some(leg) = self.legs.get(&id) else { return };
        let (call, ring, up) = (leg.call, leg.ring, leg.is_up());
        let (guest, party) = (leg.guest, leg.party);
        let ends_all = leg.joined || (leg.peer.is_some() && leg.ends_call);
        let is_caller = self.calls.get(&call).is_some_and(|call| call.caller_leg == id);
        let left = if is_caller && up { self.leaves_to(id) } else { None };
        if let (Some(left), Some(call)) = (left, self.calls.get_mut(&call)) {
            call.caller_leg = left;
        }
        self.end_leg(now, id, cause, by, Farewell::Theirs);
        if guest.is_some() {
            self.arrange(call);
        } else if left.is_some() && self.go_on(now, call, Some(party)) {
            // The two whom one of ours had brought together talk on.
        } else if is_caller {
            self.end_others(now, call, party, (cause, by));
            self.fact(Fact::CallerGone { call, cause });
        } else if up && ends_all && self.go_on(now, call, Some(party)) {
            // A third talks on with the caller.
        } else if up && ends_all {
            self.end_others(now, call, party, (cause, by));
        } else if let Some(ring) = ring.filter(|_| up) {
            self.fact(Fact::WinnerLost { call, ring, leg: id });
        }
        self.after_leg(now, call);
    }

    /// The rest of a call follows the leg that ended it.
    fn end_others(&mut self, now: Now, call: CallId, left: LegParty, (cause, by): (Cause, EndedBy)) {
        let Some(known) = self.calls.get_mut(&call) else { return };
        if known.ended.is_none() {
            (known.ended, known.left) = (Some((known.at(now), cause, by)), Some(left));
        }
        let (rings, legs) = (std::mem::take(&mut known.rings), known.legs.clone());
        for ring in rings {
            self.forget_ring(ring);
        }
        for leg in legs {
            self.end_leg(now, leg, cause, EndedBy::Other, Farewell::Ours);
        }
    }

    /// Ends the call when its last leg is gone, and keeps it only until its media is accounted for.
    pub(super) fn after_leg(&mut self, now: Now, id: CallId) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        if !call.legs.is_empty() {
            return self.fact(Fact::Changed { call: id });
        }
        let (.., by) = *call.ended.get_or_insert((call.at(now), Cause::NORMAL, EndedBy::Switch));
        let (settled, left) = (call.unsettled.is_empty(), call.left);
        self.timers.cancel(Timer::CallTooLong(id));
        self.fact(Fact::Over { call: id, by, left });
        if settled {
            self.settle(id);
        } else {
            self.timers.set(Timer::StatsLate(id), now.mono + STATS_WAIT);
        }
    }

    pub(super) fn settle(&mut self, id: CallId) {
        let Some(call) = self.calls.remove(&id) else { return };
        self.timers.cancel(Timer::StatsLate(id));
        for (stream, _) in &call.unsettled {
            self.closing.remove(stream);
        }
        self.fact(Fact::Settled(Box::new(call.summary())));
    }
}

/// Who ends a leg's signalling.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Farewell {
    /// The peer has: nothing is left to say.
    Theirs,
    /// We do.
    Ours,
}

impl Call {
    /// Nobody has answered, and whoever does gets fax.
    pub fn offers_fax(&self) -> bool {
        self.answered.is_none() && self.offered.as_ref().is_some_and(negotiate::SdpOffer::is_fax)
    }

    /// Whether anybody may be called for it on that way.
    pub fn may_go(&self, way: &Way, secures: bool) -> bool {
        let is_plain = !secures && matches!(way, Way::Sip(_));
        (!self.secure || way.is_secure()) && (!self.offers_fax() || is_plain)
    }

    /// What whoever is called for it is offered, when its caller speaks that. A fax that goes on is not offered to others.
    pub fn offers<'a>(&'a self, spoken: Option<&'a negotiate::Agreed>) -> negotiate::Suits<'a> {
        let offered = self.offered.as_ref().filter(|offered| self.offers_fax() || !offered.is_fax());
        match (spoken.filter(|spoken| !spoken.is_fax()), offered) {
            (Some(agreed), _) => negotiate::Suits::Agreed(agreed),
            (None, Some(offered)) => negotiate::Suits::Offered(offered),
            (None, None) => negotiate::Suits::Anybody,
        }
    }

    pub fn at(&self, now: Now) -> Wall {
        self.clock.wall + now.mono.since(self.clock.mono)
    }

    fn summary(self) -> CallSummary {
        let (ended, cause, ended_by) = self.ended.unwrap_or((self.began, Cause::SWITCH, EndedBy::Switch));
        CallSummary {
            call: self.id,
            party: self.party,
            caller: self.caller.number,
            dialled: crate::base::Private::new(self.dialled.into()),
            began: self.began,
            answered: self.answered,
            connected: self.connected,
            ended,
            cause,
            ended_by,
            legs: self.records,
        }
    }
}
