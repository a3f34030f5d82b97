//! What others may see of live calls.

use super::{Caller, Guest, LegParty, LegSide, RingId, Switch, call::Call, leg::Leg, signalling::Signalling};
use crate::base::{CallId, Dialled, LegId, Private, StreamId, Wall};

/// A live call.
#[derive(Clone, Copy)]
pub struct CallSight<'a> {
    switch: &'a Switch,
    call: &'a Call,
}

/// One of its legs.
#[derive(Clone, Copy)]
pub struct LegSight<'a>(&'a Leg);

impl Switch {
    pub fn call(&self, call: CallId) -> Option<CallSight<'_>> {
        let call = self.calls.get(&call).filter(|call| !call.legs.is_empty())?;
        Some(CallSight { switch: self, call })
    }

    /// A call that nobody is in any more, whose figures are still to come.
    pub fn settling(&self, call: CallId) -> Option<CallSight<'_>> {
        self.calls.get(&call).filter(|call| call.legs.is_empty()).map(|call| CallSight { switch: self, call })
    }

    pub fn leg(&self, leg: LegId) -> Option<LegSight<'_>> {
        self.legs.get(&leg).map(LegSight)
    }
}

impl<'a> CallSight<'a> {
    pub fn id(self) -> CallId {
        self.call.id
    }

    /// Whose leg it is for whom is rung.
    pub fn party(self) -> LegParty {
        self.switch.legs.get(&self.call.caller_leg).map_or(self.call.party, |leg| leg.party)
    }

    /// Who is shown as calling to whom is rung next.
    pub fn shown(self) -> &'a Caller {
        &self.call.shown
    }

    /// Who made the call.
    pub fn caller(self) -> &'a Caller {
        &self.call.caller
    }

    pub fn dialled(self) -> &'a Dialled {
        &self.call.dialled
    }

    pub fn began(self) -> Wall {
        self.call.began
    }

    pub fn answered(self) -> Option<Wall> {
        self.call.answered
    }

    pub fn connected(self) -> Option<Wall> {
        self.call.connected
    }

    pub fn caller_leg(self) -> LegId {
        self.call.caller_leg
    }

    pub fn legs(self) -> impl Iterator<Item = LegSight<'a>> {
        self.call.legs.iter().filter_map(move |leg| self.switch.legs.get(leg)).map(LegSight)
    }
}

impl<'a> LegSight<'a> {
    pub fn id(self) -> LegId {
        self.0.id
    }

    pub(super) fn signalling(&self) -> &Signalling {
        &self.0.signalling
    }

    pub fn call(self) -> CallId {
        self.0.call
    }

    pub fn side(self) -> LegSide {
        self.0.side
    }

    pub fn party(self) -> LegParty {
        self.0.party
    }

    /// The ring that made it.
    pub fn ring(self) -> Option<RingId> {
        self.0.ring
    }

    pub fn stream(self) -> StreamId {
        self.0.media.stream
    }

    pub fn address(self) -> &'a Private<String> {
        &self.0.address
    }

    pub fn is_answered(self) -> bool {
        self.0.is_up()
    }

    /// What it is beside the two of the bridge.
    pub fn guest(self) -> Option<Guest> {
        self.0.guest
    }

    /// On hold by hand.
    pub fn is_held(self) -> bool {
        self.0.held
    }

    pub fn is_muted(self) -> bool {
        self.0.muted
    }

    /// How much louder the others hear it than it is, in decibels.
    pub fn gain_db(self) -> i8 {
        self.0.gain_db
    }

    /// Its peer has put us on hold.
    pub fn holds(self) -> bool {
        self.0.holds()
    }
}
