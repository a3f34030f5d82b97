//! What remains of calls that are only forwarded: who called whom, when somebody answered, when a BYE passed.
//!
//! Requests inside their dialogs go where our Record-Route says as long as the dialog lives (`sip::proxy`), in the next process
//! too, since the key that seals it and what is known of both sides are in the journal. A dialog whose BYE never comes by ends
//! here when no call may last longer.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::{CallRecord, Engine, Entry, Output, Record, calls::direction, drive::Timer};
use crate::{
    base::{CallId, Dialled, FastMap, FlowId, LegId, Now, Private, TrunkId, Wall},
    sip::{
        Mark, Path, Reply,
        proxy::{Sides, Through, ThroughStep, WayKey},
    },
    switch::{Caller, Cause, Destination, EndedBy, LegParty, LegRecord, LegSide, peer_name},
    wire::sip::Message,
};

/// Forwarded calls whose end has not come by; the next gets 503. At about 1 KB each this is 20 MB.
pub const FORWARDED_MAX: usize = 20_000;

/// Their Call-ID and the caller's tag.
type Key = (Box<str>, Box<str>);

/// A forwarded call, as the journal has it once it is answered.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct KeptForward {
    pub record: CallRecord,
    call_id: Box<str>,
    from: Box<str>,
    /// The tag of who answered first.
    to: Option<Box<str>>,
    /// What a request inside is known by, as it stood when this was written.
    #[serde(default)]
    sides: Sides,
    /// The called carrier whose line it takes up.
    #[serde(default)]
    line: Option<TrunkId>,
    /// Who is called, by label.
    #[serde(skip)]
    called: Vec<(LegParty, Private<String>)>,
    /// Both clocks at its beginning, or where another process took it up: its record goes by these (OP-10).
    #[serde(skip)]
    clock: Now,
    /// The connections over which it came and was answered. None outlives its process.
    #[serde(skip)]
    flows: SmallVec<[FlowId; 2]>,
}

impl KeptForward {
    fn key(&self) -> Key {
        (self.call_id.clone(), self.from.clone())
    }

    /// The wall clock as its record goes by it.
    fn at(&self, now: Now) -> Wall {
        self.clock.wall + now.mono.since(self.clock.mono)
    }

    /// Carriers' lines that it takes up.
    fn lines(&self) -> impl Iterator<Item = (TrunkId, LegSide)> {
        let caller = self.record.legs.first().and_then(|leg| trunk_of(leg.party));
        caller.map(|trunk| (trunk, LegSide::Caller)).into_iter().chain(self.line.map(|trunk| (trunk, LegSide::Called)))
    }
}

fn trunk_of(party: LegParty) -> Option<TrunkId> {
    if let LegParty::Trunk(trunk) = party { Some(trunk) } else { None }
}

/// All forwarded calls that are not over.
#[derive(Default)]
pub(super) struct Forwarded {
    calls: FastMap<Key, KeptForward>,
    keys: BTreeMap<CallId, Key>,
    /// Connections that they depend on.
    flows: BTreeSet<(FlowId, CallId)>,
    /// The journal has the key of the ways, or will have it then.
    key_kept: Option<Mark>,
}

impl Forwarded {
    pub fn len(&self) -> usize {
        self.calls.len()
    }

    /// Whether a forwarded call goes over a connection, which may be silent then.
    pub fn is_in_use(&self, flow: FlowId) -> bool {
        self.flows.range((flow, CallId(0))..=(flow, CallId(u64::MAX))).next().is_some()
    }

    fn insert(&mut self, kept: KeptForward) {
        self.flows.extend(kept.flows.iter().map(|flow| (*flow, kept.record.call)));
        self.keys.insert(kept.record.call, kept.key());
        self.calls.insert(kept.key(), kept);
    }

    fn remove(&mut self, key: &Key) -> Option<KeptForward> {
        let kept = self.calls.remove(key)?;
        self.keys.remove(&kept.record.call);
        for flow in &kept.flows {
            self.flows.remove(&(*flow, kept.record.call));
        }
        Some(kept)
    }
}

impl Engine {
    /// Whether there is room for one more.
    pub(super) fn can_keep_forward(&self) -> Result<(), Reply> {
        let full = self.forwarded.len() >= FORWARDED_MAX;
        if full { Err(Reply::new(503).header("Retry-After", "30")) } else { Ok(()) }
    }

    /// The record of a call as it begins.
    pub(super) fn forward_record(
        &mut self,
        now: Now,
        (party, caller, dialled): (LegParty, &Caller, &Dialled),
        (request, path): (&Message, Path),
        to: Destination,
    ) -> CallRecord {
        let trunk = match (party, to) {
            (LegParty::Trunk(trunk), _) | (LegParty::User(_), Destination::Trunk(trunk)) => Some(trunk),
            (LegParty::User(_), _) => None,
        };
        let leg = self.forward_leg(now, (party, caller.number.clone()), request.call_id(), path);
        CallRecord {
            call: CallId(self.switch.ids().next_call()),
            direction: direction(party, Some(to)),
            trunk,
            caller: caller.number.clone(),
            dialled: Private::new(dialled.to_string()),
            began: now.wall,
            answered: None,
            connected: None,
            ended: now.wall,
            cause: Cause::NORMAL,
            ended_by: EndedBy::Switch,
            queue: None,
            menus: Vec::new(),
            legs: vec![LegRecord { side: LegSide::Caller, ..leg }],
        }
    }

    fn forward_leg(
        &mut self,
        now: Now,
        (party, address): (LegParty, Private<String>),
        call_id: &str,
        path: Path,
    ) -> LegRecord {
        LegRecord {
            leg: LegId(self.switch.ids().next_leg()),
            side: LegSide::Called,
            party,
            address,
            peer: peer_name(&path),
            sip_call_id: call_id.to_owned(),
            began: now.wall,
            rang: None,
            answered: None,
            ended: now.wall,
            cause: Cause::NORMAL,
            ended_by: EndedBy::Peer,
            codec: None,
            quality: None,
        }
    }

    /// It is on its way. One that comes by again, as a spiral, is the same call.
    pub(super) fn keep_forward(
        &mut self,
        now: Now,
        (request, path): (&Message, Path),
        record: CallRecord,
        called: Vec<(LegParty, Private<String>)>,
    ) {
        let kept = KeptForward {
            record,
            call_id: request.call_id().into(),
            from: request.from_tag().unwrap_or_default().into(),
            to: None,
            sides: Sides::default(),
            line: called.first().and_then(|(party, _)| trunk_of(*party)),
            called,
            clock: now,
            flows: path.flow.into_iter().collect(),
        };
        if !self.forwarded.calls.contains_key(&kept.key()) {
            for (trunk, side) in kept.lines() {
                self.trunk_load.take(now.mono, trunk, side);
            }
            self.timers.set(Timer::ForwardLong(kept.record.call), now.mono + self.settings.times.call_time_max);
            self.forwarded.insert(kept);
        }
    }

    /// The line that a call takes up is that of the carrier that answered.
    fn move_line(&mut self, now: Now, key: &Key, to: Option<TrunkId>) {
        let Some(kept) = self.forwarded.calls.get_mut(key).filter(|kept| kept.line != to) else { return };
        if let Some(before) = std::mem::replace(&mut kept.line, to) {
            self.trunk_load.give_back(before, LegSide::Called);
        }
        if let Some(to) = to {
            self.trunk_load.take(now.mono, to, LegSide::Called);
        }
    }

    /// Who is called gives no sign of life: others are not sent there for a while.
    fn on_forward_silent(&mut self, now: Now, key: &Key, (label, path): (u32, Path)) {
        let called = |kept: &KeptForward| Some(kept.called.get(usize::try_from(label).ok()?)?.0);
        match self.forwarded.calls.get(key).and_then(called) {
            Some(LegParty::Trunk(_)) => self.note_server_failed(now, path),
            Some(LegParty::User(user)) => self.doubt_phone(now, user, &path),
            None => {}
        }
    }

    /// Something of a forwarded call came by.
    pub(super) fn on_through(&mut self, now: Now, through: Through) {
        let Through { call_id, from, step } = through;
        match step {
            ThroughStep::Rang => {
                if let Some(kept) = self.forwarded.calls.get_mut(&(call_id, from)) {
                    let at = kept.at(now);
                    kept.record.legs.first_mut().into_iter().for_each(|leg| _ = leg.rang.get_or_insert(at));
                }
            }
            ThroughStep::Silent { label, path } => self.on_forward_silent(now, &(call_id, from), (label, path)),
            ThroughStep::Answered { to, label, path } => {
                self.on_forward_answered(now, (call_id, from), to, (label, path))
            }
            ThroughStep::Refused { status } => {
                if self.forwarded.calls.get(&(call_id.clone(), from.clone())).is_some_and(|kept| kept.to.is_none()) {
                    self.end_forward(now, &(call_id, from), Cause::from_status(status), EndedBy::Peer);
                }
            }
            ThroughStep::Left { to, reason } => {
                let cause = reason.as_deref().and_then(Cause::from_reason).unwrap_or(Cause::NORMAL);
                // From either side; of another branch of a fork it is not this call's end.
                for (caller, callee) in [(&from, &to), (&to, &from)] {
                    let key = (call_id.clone(), caller.clone());
                    let kept = self.forwarded.calls.get(&key);
                    if kept.is_some_and(|kept| kept.to.as_ref() == Some(callee)) {
                        self.end_forward(now, &key, cause, EndedBy::Peer);
                    }
                }
            }
            ThroughStep::Moved { to } => {
                for caller in [from, to] {
                    self.journal_forward(&(call_id.clone(), caller));
                }
            }
        }
    }

    fn on_forward_answered(&mut self, now: Now, key: Key, to: Box<str>, (label, path): (u32, Path)) {
        let Some(kept) = self.forwarded.calls.get_mut(&key).filter(|kept| kept.to.is_none()) else { return };
        let at = kept.at(now);
        kept.to = Some(to);
        kept.flows.extend(path.flow);
        self.forwarded.flows.extend(path.flow.map(|flow| (flow, kept.record.call)));
        let answered = usize::try_from(label).ok().and_then(|label| kept.called.get(label).cloned());
        kept.called = Vec::new();
        (kept.record.answered, kept.record.connected) = (Some(at), Some(at));
        let (began, rang) = kept.record.legs.first_mut().map_or((at, None), |leg| {
            leg.answered = Some(at);
            (leg.began, leg.rang.take())
        });
        self.move_line(now, &key, answered.as_ref().and_then(|(party, _)| trunk_of(*party)));
        let leg = answered.map(|answered| self.forward_leg(now, answered, &key.0, path));
        let Some(kept) = self.forwarded.calls.get_mut(&key) else { return };
        if let Some(LegParty::Trunk(trunk)) = leg.as_ref().map(|leg| leg.party) {
            kept.record.trunk.get_or_insert(trunk);
        }
        kept.record.legs.extend(leg.map(|leg| LegRecord { began, rang, answered: Some(at), ..leg }));
        self.journal_forward(&key);
    }

    /// Writes an answered call as it stands.
    fn journal_forward(&mut self, key: &Key) {
        let kept = self.forwarded.calls.get(key).filter(|kept| kept.to.is_some());
        if let Some(kept) = kept.map(|kept| self.kept_forward(kept)) {
            self.journal(Entry::Forwarded(Box::new(kept)));
        }
    }

    fn kept_forward(&self, kept: &KeptForward) -> KeptForward {
        let sides = self.switch.sides_through(&kept.call_id, &kept.from).cloned().unwrap_or_default();
        KeptForward { sides, ..kept.clone() }
    }

    fn end_forward(&mut self, now: Now, key: &Key, cause: Cause, ended_by: EndedBy) {
        let Some(kept) = self.forwarded.remove(key) else { return };
        self.switch.end_through(now, &kept.call_id, &kept.from);
        for (trunk, side) in kept.lines() {
            self.trunk_load.give_back(trunk, side);
        }
        let at = kept.at(now);
        let (mut record, was_answered) = (kept.record, kept.to.is_some());
        self.timers.cancel(Timer::ForwardLong(record.call));
        (record.ended, record.cause, record.ended_by) = (at, cause, ended_by);
        for leg in &mut record.legs {
            (leg.ended, leg.cause, leg.ended_by) = (at, cause, ended_by);
        }
        let call = record.call;
        self.emit(Output::Record(Record::Call(Box::new(record))));
        if was_answered {
            self.journal(Entry::CallEnded { call, at });
        }
    }

    /// Its BYE went another way, or was never sent.
    pub(super) fn on_forward_long(&mut self, now: Now, call: CallId) {
        if let Some(key) = self.forwarded.keys.get(&call).cloned() {
            self.end_forward(now, &key, Cause::LOST, EndedBy::Switch);
        }
    }

    /// The key of the ways must be in the journal before anybody has a way that it seals: what must be done first.
    pub(super) fn keep_way_key(&mut self) -> Mark {
        if let Some(kept) = self.forwarded.key_kept {
            return kept;
        }
        let key = self.switch.way_key().clone();
        let kept = Mark::promise(self.journal(Entry::WayKey(key)).0);
        self.forwarded.key_kept = Some(kept);
        kept
    }

    pub(super) fn restore_forwards(&mut self, now: Now, key: Option<WayKey>, kept: impl Iterator<Item = KeptForward>) {
        if let Some(key) = key {
            self.switch.set_way_key(key);
            self.forwarded.key_kept = Some(Mark::default());
        } else if self.directory.forwards {
            self.keep_way_key();
        }
        for mut kept in kept.take(FORWARDED_MAX) {
            kept.clock = Now { mono: now.mono, wall: now.wall.max(kept.record.began) };
            let lasted = now.wall.since(kept.record.began);
            let rest = self.settings.times.call_time_max.saturating_sub(lasted);
            self.timers.set(Timer::ForwardLong(kept.record.call), now.mono + rest);
            for (trunk, side) in kept.lines() {
                self.trunk_load.resume(trunk, side);
            }
            self.switch.restore_through(&kept.call_id, &kept.from, kept.sides.clone());
            self.forwarded.insert(kept);
        }
    }

    /// For a checkpoint.
    pub(super) fn kept_forwards(&self) -> Vec<Entry> {
        let answered = self.forwarded.keys.values().filter_map(|key| self.forwarded.calls.get(key));
        let answered = answered.filter(|kept| kept.to.is_some());
        let key = self.forwarded.key_kept.map(|_| Entry::WayKey(self.switch.way_key().clone()));
        key.into_iter().chain(answered.map(|kept| Entry::Forwarded(Box::new(self.kept_forward(kept))))).collect()
    }
}
