//! Calls on their way: from a routed number to whoever shall hear it, until their record.

use std::sync::Arc;

use super::{
    Alarm, CallRecord, Direction, Engine, Entry, Happened, Output, Record, Refused, note::Note, order::phases_of,
};
use crate::{
    acd::{Actor, DirectKind, PartEnd},
    base::{AgentId, CallId, GroupId, Now, TrunkId, UserId},
    sip::Headers,
    switch::{
        CallSummary, Cause, Destination, EndedBy, GoesOn, GroupStrategy, LegParty, Lost, Moved, RingId, RingPlan,
        Routed, Target, Then,
    },
};

/// Which way a call goes from somebody to somewhere.
pub(super) fn direction(party: LegParty, to: Option<Destination>) -> Direction {
    match (party, to) {
        (LegParty::Trunk(_), Some(Destination::Trunk(_) | Destination::Trunks(_))) => Direction::Transit,
        (LegParty::Trunk(_), _) => Direction::Inbound,
        (LegParty::User(_), Some(Destination::Trunk(_) | Destination::Trunks(_))) => Direction::Outbound,
        (LegParty::User(_), _) => Direction::Internal,
    }
}

/// What a caller is told for whom the distributor lets nobody ring: an agent who is offline can't be reached, any other is
/// busy.
pub(super) fn why_not_rung(why: &Refused) -> Cause {
    if why.code == "offline" { Cause::from_status(480) } else { Cause::BUSY }
}

impl Direction {
    const fn of_an_agent(self) -> DirectKind {
        match self {
            Self::Outbound => DirectKind::Outbound,
            Self::Inbound | Self::Transit => DirectKind::Inbound,
            Self::Internal => DirectKind::Internal,
        }
    }
}

/// How often a call may be led elsewhere without any time passing; the next time ends it.
const LEADS_AT_ONCE_MAX: u8 = 16;

impl Engine {
    /// A call was admitted: find out where it goes.
    pub(super) fn begin_call(&mut self, now: Now, call: CallId, party: LegParty, shows_number: bool) {
        let Some(sight) = self.switch.call(call) else { return };
        let dialled = sight.dialled().clone();
        let routed = self.directory.router.route(party, dialled.as_str());
        let trunk = match party {
            LegParty::Trunk(trunk) => Some(trunk),
            LegParty::User(_) => None,
        };
        let direction = direction(party, routed.as_ref().map(|routed| routed.destination));
        let urgent = routed.as_ref().is_some_and(|routed| self.is_for_help(routed));
        self.notes.insert(call, Note { trunk, shows_number, urgent, ..Note::new(direction) });
        let Some(routed) = routed else { return self.refuse_call(now, call, Cause::NOT_FOUND) };
        if !self.may_dial(now, call, (party, direction)) {
            return self.refuse_call(now, call, Cause::FORBIDDEN);
        }
        self.direct_to(now, call, routed);
    }

    /// An agent who calls is not free for a queue meanwhile (rule 22).
    fn may_dial(&mut self, now: Now, call: CallId, (party, direction): (LegParty, Direction)) -> bool {
        let agent = match party {
            LegParty::User(user) => self.directory.agent_of(user),
            LegParty::Trunk(_) => None,
        };
        let Some(agent) = agent else { return true };
        if self.acd.handle_direct_dialing(now, agent, call, direction.of_an_agent()).is_err() {
            return self.is_urgent(call);
        }
        self.direct.insert((call, agent), 1);
        true
    }

    /// Where nothing waits or plays on the way, a circle of numbers, menus and queues would go round for ever within one turn.
    fn goes_in_circles(&mut self, now: Now, call: CallId) -> bool {
        let Some(note) = self.notes.get_mut(&call) else { return false };
        let times = if note.led.0 == now.mono { note.led.1.saturating_add(1) } else { 1 };
        note.led = (now.mono, times);
        times > LEADS_AT_ONCE_MAX
    }

    fn end_circle(&mut self, now: Now, call: CallId) {
        let dialled = self.switch.call(call).map(|call| call.dialled().to_string()).unwrap_or_default();
        self.alarm(now, Alarm::Circle { dialled });
        let cause = Cause::from_status(482);
        if !self.on_transfer_failed(now, call, cause) {
            self.switch.end_call(now, call, cause, EndedBy::Switch);
        }
    }

    pub(super) fn direct_to(&mut self, now: Now, call: CallId, routed: Routed) {
        if self.goes_in_circles(now, call) {
            return self.end_circle(now, call);
        }
        let urgent = self.is_for_help(&routed);
        if let Some(note) = self.notes.get_mut(&call) {
            (note.attempts, note.urgent) = (None, urgent);
            note.caller_id = routed.caller_id.clone();
        }
        if !self.may_leave(now, call, &routed) {
            return self.refuse_call(now, call, Cause::FORBIDDEN);
        }
        let by_us = matches!(routed.destination, Destination::Queue(_) | Destination::Clip(_) | Destination::Menu(_));
        if by_us && !self.switch.can_play_to(call) {
            return self.refuse_call(now, call, Cause::MEDIA);
        }
        match routed.destination {
            Destination::User(user) => self.ring_user(now, call, user),
            Destination::Group(group) => self.ring_group(now, call, group),
            Destination::Trunk(trunk) => self.ring_trunk(now, call, trunk, routed.number),
            Destination::Trunks(group) => self.ring_trunks(now, call, group, routed.number),
            Destination::Queue(queue) => self.approach(now, call, queue),
            Destination::Clip(clip) => self.play_farewell(now, call, clip),
            Destination::Menu(menu) => self.enter_menu(now, call, menu),
        }
    }

    fn ring_user(&mut self, now: Now, call: CallId, user: UserId) {
        let Some(user) = self.directory.users.get(&user).cloned() else {
            return self.refuse_call(now, call, Cause::NOT_FOUND);
        };
        if self.is_own_call(call, user.id) {
            return self.refuse_call(now, call, Cause::BUSY);
        }
        let phases = self.user_phases(&user);
        if phases.is_empty() {
            return self.refuse_call(now, call, Cause::from_status(480));
        }
        if let Err(why) = self.try_to_ring(now, call, user.id) {
            return self.refuse_call(now, call, why_not_rung(&why));
        }
        let time = self.settings.times.ring_time / u32::try_from(phases.len()).unwrap_or(1).max(1);
        self.ring(now, call, phases, time, Vec::new());
    }

    fn ring_group(&mut self, now: Now, call: CallId, group: GroupId) {
        let Some(group) = self.group_in_order(group) else {
            return self.refuse_call(now, call, Cause::NOT_FOUND);
        };
        let mut members: Vec<Vec<Target>> = Vec::new();
        let mut why = None;
        for member in group.members {
            let Some(user) = self.directory.users.get(&member).cloned() else { continue };
            let targets = self.user_targets(&user);
            if targets.is_empty() || self.is_own_call(call, member) {
                continue;
            }
            if group.strategy == GroupStrategy::Simultaneous
                && let Err(refused) = self.try_to_ring(now, call, member)
            {
                // That one is busy says more than that another is away.
                why = why.filter(|why| *why == Cause::BUSY).or(Some(why_not_rung(&refused)));
                continue;
            }
            members.push(targets);
        }
        let phases = phases_of(group.strategy, members);
        if phases.is_empty() {
            return self.refuse_call(now, call, why.unwrap_or(Cause::from_status(480)));
        }
        self.ring(now, call, phases, group.ring_time, Vec::new());
    }

    pub(super) fn ring_trunk(&mut self, now: Now, call: CallId, trunk: TrunkId, number: String) {
        match self.trunk_target(now, trunk, number, call) {
            Ok(target) => self.ring_target(now, call, trunk, target),
            Err(cause) => self.refuse_call(now, call, cause),
        }
    }

    pub(super) fn ring_target(&mut self, now: Now, call: CallId, trunk: TrunkId, target: Target) {
        if let Some(note) = self.notes.get_mut(&call) {
            // The last one tried is the one that carries it.
            if note.direction == Direction::Outbound {
                note.trunk = Some(trunk);
            }
            note.trunk.get_or_insert(trunk);
        }
        let time = self.settings.times.ring_time;
        let told = self.directory.trunks.get(&trunk).map(|trunk| self.forwarding_headers(call, trunk, &target));
        self.ring(now, call, vec![vec![target]], time, told.unwrap_or_default());
    }

    fn ring(&mut self, now: Now, call: CallId, phases: Vec<Vec<Target>>, time: std::time::Duration, headers: Headers) {
        let Some(mut caller) = self.switch.call(call).map(|sight| sight.shown().clone()) else { return };
        // Whoever calls for help is to be found.
        caller.hidden &= !self.is_urgent(call);
        let mut headers = headers;
        // Names of ours are nothing for a carrier.
        if phases.iter().flatten().all(|target| matches!(target.party, LegParty::User(_))) {
            headers.extend(self.referred_by(call).map(|by| ("Referred-By".into(), by)));
            headers.extend(self.diverted_by(call).map(|by| ("Diversion".into(), by)));
        }
        let plan = RingPlan {
            phases,
            phase_time: time,
            goes_on: GoesOn::Always,
            then: Then::Connect,
            caller,
            headers: Arc::new(headers),
        };
        self.switch.ring(now, call, plan);
    }

    /// Whether a call was made by this very user: he would only ring himself.
    pub(super) fn is_own_call(&self, call: CallId, user: UserId) -> bool {
        self.switch.call(call).is_some_and(|sight| sight.party() == LegParty::User(user))
    }

    /// A call that comes through no queue is about to ring a user; an agent may be busy or offline (rule 22b).
    pub(super) fn try_to_ring(&mut self, now: Now, call: CallId, user: UserId) -> Result<(), Refused> {
        let Some(agent) = self.directory.agent_of(user) else { return Ok(()) };
        self.acd.handle_direct_ringing(now, agent, call, self.direct_kind(call))?;
        self.direct.entry((call, agent)).or_insert(0);
        Ok(())
    }

    /// What a call is to its agents when it came through no queue.
    pub(super) fn direct_kind(&self, call: CallId) -> DirectKind {
        self.notes.get(&call).map_or(DirectKind::Internal, |note| note.direction.of_an_agent())
    }

    pub(super) fn on_changed(&mut self, now: Now, call: CallId) {
        if self.notes.get(&call).is_some_and(|note| note.journalled) {
            self.keep_call_later(now, call);
        }
        self.review_recording(now, call);
        self.changed(now, call);
    }

    pub(super) fn on_ring_lost(
        &mut self,
        now: Now,
        call: CallId,
        ring: RingId,
        (lost, cause): (Lost, Cause),
        moved: Option<Moved>,
    ) {
        if self.rings.contains_key(&ring) {
            // A queue's offer follows nobody's forwarding (CH-15).
            return self.on_offer_lost(now, ring, lost);
        }
        if self.on_third_lost(now, ring, cause) {
            return;
        }
        let follows = moved.is_some_and(|moved| self.follow(now, call, moved));
        if !follows && !self.try_another_trunk(now, call, lost, cause) {
            self.refuse_call(now, call, cause);
        }
    }

    /// Agents whom a call that came through no queue rings or keeps busy.
    pub(super) fn direct_of(&self, call: CallId) -> impl Iterator<Item = AgentId> + '_ {
        let of_call = (call, AgentId(0))..=(call, AgentId(u64::MAX));
        self.direct.range(of_call).map(|((_, agent), _)| *agent)
    }

    /// Agents who were to be rung for the call, and could not be dialled: no port was free, or no way secure enough.
    pub(super) fn forget_unrung(&mut self, now: Now, call: CallId) {
        let of_call = (call, AgentId(0))..=(call, AgentId(u64::MAX));
        let unrung = self.direct.range(of_call).filter(|(_, legs)| **legs == 0).map(|((_, agent), _)| *agent);
        for agent in unrung.collect::<Vec<_>>() {
            self.end_direct(now, agent, call);
        }
    }

    pub(super) fn end_direct(&mut self, now: Now, agent: AgentId, call: CallId) {
        if self.direct.remove(&(call, agent)).is_some() {
            self.acd.handle_direct_ended(now, agent, call);
        }
    }

    pub(super) fn on_over(&mut self, now: Now, call: CallId, (by, left): (EndedBy, Option<LegParty>)) {
        self.keep_over(call);
        let end = self.part_end(call, by, left);
        self.end_interaction(now, call, end);
        self.forget_thirds(call);
        self.forget_plays(call);
        self.forget_menus(call);
        self.forget_recording(call);
        let left: Vec<AgentId> = self.direct_of(call).collect();
        for agent in left {
            self.end_direct(now, agent, call);
        }
        self.live(now, Happened::CallEnded { call });
    }

    /// How the agent's part in a call ended with the call.
    fn part_end(&self, call: CallId, by: EndedBy, left: Option<LegParty>) -> PartEnd {
        let note = self.notes.get(&call);
        let his = |party| match party {
            LegParty::User(user) => {
                let agent = self.directory.agent_of(user);
                agent.is_some() && note.and_then(|note| note.queue.as_ref()?.agent) == agent
            }
            LegParty::Trunk(_) => false,
        };
        match (by, left) {
            (EndedBy::Peer, Some(party)) if his(party) => PartEnd::Agent,
            (EndedBy::Peer, _) => PartEnd::Customer,
            (EndedBy::Request, _) if note.is_some_and(|note| note.agent_asked) => PartEnd::Agent,
            (EndedBy::Request, _) => PartEnd::Request,
            (EndedBy::Other | EndedBy::Switch, _) => PartEnd::System,
        }
    }

    pub(super) fn on_settled(&mut self, now: Now, summary: CallSummary) {
        let call = summary.call;
        let Some(note) = self.notes.remove(&call) else { return };
        self.forget_kept(call);
        self.totals.calls_ended += 1;
        let journalled = note.journalled;
        let record = CallRecord {
            call,
            direction: note.direction,
            trunk: note.trunk,
            caller: summary.caller,
            dialled: summary.dialled,
            began: summary.began,
            answered: summary.answered,
            connected: summary.connected,
            ended: summary.ended,
            cause: summary.cause,
            ended_by: note.ended_by.unwrap_or(summary.ended_by),
            queue: note.queue,
            menus: note.menus,
            legs: summary.legs,
        };
        self.emit(Output::Record(Record::Call(Box::new(record))));
        if journalled {
            self.journal(Entry::CallEnded { call, at: now.wall });
        }
    }

    /// Ends a call at somebody's wish.
    pub(super) fn hang_up(&mut self, now: Now, call: CallId, actor: Actor) -> Result<(), Refused> {
        if self.switch.call(call).is_none() {
            return Err(Refused::unknown("no_call", "this call is over"));
        }
        if let Some(note) = self.notes.get_mut(&call) {
            note.ended_by = Some(EndedBy::Request);
            note.agent_asked = matches!(actor, Actor::Agent(_));
            // The switch ends: who waits has not given up, and his queue does not count him so.
            if let (Actor::System, Some(interaction), None) = (&actor, note.interaction, note.engagement)
                && self.acd.shut_down(now, interaction)
            {
                return Ok(());
            }
        }
        // Nor has he whom somebody put out of the line.
        let waits = self.notes.get(&call).and_then(|note| note.interaction.filter(|_| note.engagement.is_none()));
        if let Some(interaction) = waits.filter(|_| actor.overrides())
            && self.acd.withdraw(now, interaction, actor).is_ok()
        {
            return Ok(());
        }
        self.switch.end_call(now, call, Cause::NORMAL, EndedBy::Request);
        Ok(())
    }
}
