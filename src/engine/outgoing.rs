//! Calls that leave by a group of trunks (TK-05): which is tried first, and when the next one is.

use std::{collections::VecDeque, time::Duration};

use super::{
    Engine,
    trunks::{OUT_OF_ORDER, trunk_credentials},
};
use crate::{
    base::{CallId, Now, Private, TrunkGroupId, TrunkId, UserId},
    sip::{Path, Transport},
    switch::{Cause, LegParty, LegSide, Lost, Presentation, SipWay, Target, Trunk, Way, authority, escape_user},
};

/// A trunk of a group that has said nothing at all to an INVITE for so long is passed over, while there is another.
pub(super) const RESPONSE_TIME: Duration = Duration::from_secs(3);

/// By this trunk nobody calls out at this time.
const OUT_OF_HOURS: Cause = Cause { sip: 503, q850: 58 };

/// The trunks that have not been tried yet for a call.
pub(super) struct Attempts {
    rest: VecDeque<TrunkId>,
    number: String,
    /// The one that is being tried has been heard to ring: the called was reached.
    rang: bool,
}

impl Engine {
    pub(super) fn ring_trunks(&mut self, now: Now, call: CallId, group: TrunkGroupId, number: String) {
        let Some(order) = self.trunks_in_order(group) else {
            return self.refuse_call(now, call, Cause::NOT_FOUND);
        };
        let rest = order.into();
        if let Some(note) = self.notes.get_mut(&call) {
            note.attempts = Some(Attempts { rest, number, rang: false });
        }
        if !self.try_next_trunk(now, call) {
            self.refuse_call(now, call, OUT_OF_ORDER);
        }
    }

    /// The next trunk that may be tried. False when none is left.
    fn try_next_trunk(&mut self, now: Now, call: CallId) -> bool {
        loop {
            let Some(attempts) = self.notes.get_mut(&call).and_then(|note| note.attempts.as_mut()) else {
                return false;
            };
            let Some(trunk) = attempts.rest.pop_front() else { return false };
            attempts.rang = false;
            let (last, number) = (attempts.rest.is_empty(), attempts.number.clone());
            let Ok(mut target) = self.trunk_target(now, trunk, number, call) else { continue };
            if !last {
                target.dead_time = target.dead_time.min(RESPONSE_TIME);
            }
            self.ring_target(now, call, trunk, target);
            return true;
        }
    }

    /// Whoever is called rings: his telephone is not rung again by another way.
    pub(super) fn note_trunk_rings(&mut self, call: CallId) {
        if let Some(attempts) = self.notes.get_mut(&call).and_then(|note| note.attempts.as_mut()) {
            attempts.rang = true;
        }
    }

    /// A trunk did not take a call: another one of its group may. What the called number itself says is not asked twice.
    pub(super) fn try_another_trunk(&mut self, now: Now, call: CallId, lost: Lost, cause: Cause) -> bool {
        let rang = self.notes.get(&call).and_then(|note| note.attempts.as_ref()).is_some_and(|attempts| attempts.rang);
        // A 408 behind a 183 is told as if nobody had answered; it is the trunk's all the same.
        let nobody = matches!(lost, Lost::Unreachable | Lost::Unfit | Lost::Unable)
            || (lost == Lost::NoAnswer && cause.sip == 408);
        let is_the_trunks = !rang && nobody && matches!(cause.sip, 408 | 500..=599);
        is_the_trunks && self.try_next_trunk(now, call)
    }

    /// A trunk as the next to be rung for a call.
    pub(super) fn trunk_target(
        &mut self,
        now: Now,
        id: TrunkId,
        number: String,
        call: CallId,
    ) -> Result<Target, Cause> {
        let trunk = self.directory.trunks.get(&id).cloned().ok_or(Cause::NOT_FOUND)?;
        let number = match self.rights(call) {
            Some(LegParty::User(_)) => self.directory.dial_plan.leaving(&number).into_owned(),
            Some(LegParty::Trunk(_)) | None => number,
        };
        let shown = self.presentation(call, &trunk);
        self.trunk_target_showing(now, &trunk, &number, shown, self.is_urgent(call))
    }

    /// The same for a user who brings somebody in by himself.
    pub(super) fn trunk_target_of(&mut self, now: Now, id: TrunkId, number: &str, by: UserId) -> Result<Target, Cause> {
        let trunk = self.directory.trunks.get(&id).cloned().ok_or(Cause::NOT_FOUND)?;
        let shown = self.presentation_of(by, &trunk);
        let urgent = self.directory.dial_plan.is_emergency(number);
        let number = self.directory.dial_plan.leaving(number).into_owned();
        self.trunk_target_showing(now, &trunk, &number, shown, urgent)
    }

    /// Its first server, and the others for when that can't be reached (RFC 3263 4.3). `urgent`: whatever its limits say,
    /// and though it be out of order as far as we know.
    pub(super) fn trunk_target_showing(
        &mut self,
        now: Now,
        trunk: &Trunk,
        number: &str,
        shown: Presentation,
        urgent: bool,
    ) -> Result<Target, Cause> {
        let id = trunk.id;
        if !urgent && !self.directory.is_in_hours(id, now.wall) {
            return Err(OUT_OF_HOURS);
        }
        if !urgent && !self.has_line(now, trunk, LegSide::Called) {
            return Err(Cause::NO_ROOM);
        }
        let destination = trunk.destination.as_ref().ok_or(Cause::NOT_FOUND)?;
        if !urgent && !self.lines.is_up(id) {
            return Err(OUT_OF_ORDER);
        }
        let ways = self.trunk_ways(now, destination);
        let transport = destination.transport.and_then(Transport::uri_param);
        let param = transport.map(|name| format!(";transport={name}")).unwrap_or_default();
        let number = trunk.numbering.called_out(number).into_owned();
        let uri = format!("sip:{}@{}{param}", escape_user(&number), destination.authority());
        let spares_left = ways.len() > 1;
        let trunk_dead_time = self.settings.times.trunk_dead_time;
        let on = |path: Path| Target {
            party: LegParty::Trunk(id),
            way: Way::Sip(SipWay {
                path,
                uri: uri.clone(),
                route_set: self.lines.service_route(id).to_vec(),
                credentials: trunk_credentials(trunk).map(Box::new),
            }),
            domain: trunk.from_domain().unwrap_or_else(|| self.own_authority(&path).into()),
            called_at: destination.authority().into(),
            address: Private::new(number.clone()),
            dead_time: if spares_left { trunk_dead_time.min(RESPONSE_TIME) } else { trunk_dead_time },
            shown: shown.clone(),
            quirks: trunk.quirks.clone(),
            forwarding: trunk.identity.forwarding,
            spares: Vec::new(),
        };
        let mut targets: Vec<Target> = ways.into_iter().map(on).collect();
        let spares = targets.split_off(targets.len().min(1));
        let first = targets.pop().ok_or(OUT_OF_ORDER)?;
        Ok(Target { spares, ..first })
    }

    /// Our host and port on a path, as peers write them.
    fn own_authority(&self, path: &Path) -> String {
        let listener = self.settings.listeners.iter().find(|listener| listener.carries(path));
        let (host, port) = listener.map_or_else(
            || (path.local.ip().to_string(), path.local.port()),
            |listener| listener.authority(path.remote.ip()),
        );
        authority(&host, port)
    }

    /// Whether a trunk may carry one more call that way (TK-09).
    pub(super) fn has_line(&self, now: Now, trunk: &Trunk, side: LegSide) -> bool {
        self.trunk_load.has_room(now.mono, trunk, side)
    }
}
