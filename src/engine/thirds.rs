//! Thirds in a live call: somebody whom an agent brings in (CH-13), a supervisor who listens, whispers, barges or takes
//! over (SV-07, SV-08).

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Actor, Engine, Happened, Refused};
use crate::{
    acd::PartEnd,
    base::{AgentId, CallId, Dialled, LegId, Now, UserId},
    media::AnswerSettings,
    switch::{Caller, Cause, Destination, GoesOn, Guest, LegParty, LegSight, RingId, RingPlan, Routed, Target, Then},
};

/// How a supervisor is in a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Supervision {
    /// Hears both, unheard.
    Listen,
    /// The agent alone hears him.
    Whisper,
    /// All hear him.
    Barge,
    /// He talks on in the agent's place.
    TakeOver,
}

/// Somebody rung for a call that talks already.
pub(super) struct Third {
    pub call: CallId,
    what: ThirdIs,
}

#[derive(Clone, Copy)]
enum ThirdIs {
    Party,
    Supervisor(Supervision),
    /// Asked first by this leg.
    Asked(LegId),
    /// Called back to whom this leg of his holds.
    Recalled(LegId),
}

const OVER: &str = "this call is over";

impl Engine {
    /// Rings somebody for a call in which people talk, by the rights of `by`.
    pub(super) fn add_leg(&mut self, now: Now, call: CallId, by: UserId, to: &str) -> Result<(), Refused> {
        let (targets, caller) = self.whom_to_add(now, call, by, to)?;
        self.ring_third(now, Third { call, what: ThirdIs::Party }, targets, caller)
    }

    /// Where a number leads for a user.
    pub(super) fn routed_for(&self, by: UserId, to: &str) -> Result<Routed, Refused> {
        if Dialled::new(to).is_none() {
            return Err(Refused::not_understood("number", "this can't be dialled"));
        }
        let routed = self.route_dialled(LegParty::User(by), to);
        let routed = routed.ok_or_else(|| Refused::unknown("no_route", "this number leads nowhere for you"))?;
        if !self.is_allowed(LegParty::User(by), &routed) {
            return Err(Refused::not_allowed("barred", "this number is barred for you"));
        }
        Ok(routed)
    }

    /// The devices of whoever a number means to a user, and how the user is shown there.
    fn whom_to_add(&mut self, now: Now, call: CallId, by: UserId, to: &str) -> Result<(Vec<Target>, Caller), Refused> {
        self.check_talks(call)?;
        let routed = self.routed_for(by, to)?;
        let targets = self.third_targets(now, call, by, routed)?;
        Ok((targets, self.shown_user(by, false)))
    }

    /// Rings somebody whom `leg` wants to ask in private.
    pub(super) fn ask_first(
        &mut self,
        now: Now,
        call: CallId,
        leg: LegId,
        by: UserId,
        to: &str,
    ) -> Result<(), Refused> {
        let (targets, caller) = self.whom_to_add(now, call, by, to)?;
        self.ring_third(now, Third { call, what: ThirdIs::Asked(leg) }, targets, caller)
    }

    /// The ring of who is to be asked, and who asks.
    pub(super) fn rings_to_ask(&self, call: CallId) -> Option<(RingId, LegId)> {
        self.thirds.iter().find_map(|(ring, third)| match third.what {
            ThirdIs::Asked(with) if third.call == call => Some((*ring, with)),
            ThirdIs::Asked(_) | ThirdIs::Party | ThirdIs::Supervisor(_) | ThirdIs::Recalled(_) => None,
        })
    }

    /// Nobody is rung to be asked any more. False: nobody was.
    pub(super) fn stop_asking(&mut self, now: Now, call: CallId) -> bool {
        let Some((ring, with)) = self.rings_to_ask(call) else { return false };
        self.thirds.remove(&ring);
        self.switch.stop_ring(now, ring, Cause::CANCELLED);
        self.end_asking(with);
        true
    }

    /// A supervisor comes into a call, or changes how he is in it. His own phone rings.
    pub(super) fn supervise(&mut self, now: Now, call: CallId, user: UserId, mode: Supervision) -> Result<(), Refused> {
        if let Some(leg) = self.supervisor_leg(call, user) {
            return self.change_supervision(now, call, leg, mode);
        }
        self.check_talks(call)?;
        if mode == Supervision::TakeOver {
            self.whom_to_take_over(call)?;
        }
        if self.thirds.values().any(|third| third.call == call && matches!(third.what, ThirdIs::Supervisor(_))) {
            return Err(Refused::not_now("ringing", "a supervisor's phone rings for this call already"));
        }
        let targets = self.targets_of(now, call, user)?;
        let shown = self.agent_leg(call).and_then(|leg| self.switch.leg(leg)).map(|leg| leg.address().clone());
        let number = shown.unwrap_or_default();
        let display = Some(format!("[supervision] {}", number.reveal()));
        let caller = Caller { display, number, ..Caller::default() };
        self.ring_third(now, Third { call, what: ThirdIs::Supervisor(mode) }, targets, caller)
    }

    /// A supervisor leaves a call that goes on.
    pub(super) fn end_supervision(&mut self, now: Now, call: CallId, user: UserId) -> Result<(), Refused> {
        let leg = self.supervisor_leg(call, user);
        let leg = leg.ok_or_else(|| Refused::unknown("not_in_it", "you are not in this call"))?;
        self.switch.drop_leg(now, leg, Cause::NORMAL);
        Ok(())
    }

    /// The agent's own leg of a call that he was brought into: it is another's.
    pub(super) fn guest_leg(&self, call: CallId, actor: Actor) -> Option<LegId> {
        let Actor::Agent(agent) = actor else { return None };
        let user = self.directory.user_of(agent)?.id;
        let his = |leg: &LegSight<'_>| leg.party() == LegParty::User(user) && leg.guest().is_some();
        self.switch.call(call)?.legs().find(his).map(|leg| leg.id())
    }

    /// Who was brought into a call does nothing with it: that is for its agent.
    pub(super) fn host(&mut self, call: CallId, actor: Actor) -> Result<&mut Self, Refused> {
        match self.guest_leg(call, actor) {
            Some(_) => {
                Err(Refused::not_allowed("guest", "you were brought into this call: it is for its agent to do this"))
            }
            None => Ok(self),
        }
    }

    /// As [`host`](Self::host), but each may end or mute his own leg.
    pub(super) fn host_or_own(&mut self, call: CallId, actor: Actor, leg: LegId) -> Result<&mut Self, Refused> {
        if self.guest_leg(call, actor) == Some(leg) { Ok(self) } else { self.host(call, actor) }
    }

    /// Ends a call, or the part of who was brought into it.
    pub(super) fn hang_up_asked(&mut self, now: Now, call: CallId, actor: Actor) -> Result<(), Refused> {
        match self.guest_leg(call, actor) {
            Some(own) => self.drop_leg(now, call, actor, own),
            None => self.hang_up(now, call, actor),
        }
    }

    /// Ends one leg of a call; two who are left talk on.
    pub(super) fn drop_leg(&mut self, now: Now, call: CallId, actor: Actor, leg: LegId) -> Result<(), Refused> {
        self.check_leg(call, leg)?;
        if self.switch.call(call).is_some_and(|sight| sight.caller_leg() == leg && self.switch.partner(leg).is_none()) {
            // There is nobody else.
            return self.hang_up(now, call, actor);
        }
        self.switch.drop_leg(now, leg, Cause::NORMAL);
        Ok(())
    }

    pub(super) fn mute_leg(&mut self, call: CallId, actor: Actor, leg: LegId, muted: bool) -> Result<(), Refused> {
        self.host_or_own(call, actor, leg)?.check_leg(call, leg)?;
        if self.switch.set_muted(leg, muted) {
            return Ok(());
        }
        Err(Refused::not_now("codec", "somebody in this call speaks a codec that can't be decoded here"))
    }

    pub(super) fn set_gain(&mut self, call: CallId, actor: Actor, leg: LegId, gain_db: i8) -> Result<(), Refused> {
        self.host_or_own(call, actor, leg)?.check_leg(call, leg)?;
        if self.switch.set_gain(leg, gain_db) {
            return Ok(());
        }
        Err(Refused::not_now("codec", "somebody in this call speaks a codec that can't be decoded here"))
    }

    /// Has a leg listened to: who has picked up there.
    pub(super) fn judge_answer(&mut self, call: CallId, leg: LegId, settings: AnswerSettings) -> Result<(), Refused> {
        self.check_leg(call, leg)?;
        if self.switch.judge_answer(leg, settings) {
            return Ok(());
        }
        Err(Refused::not_now("no_sound", "this leg has not answered, or speaks a codec that can't be decoded here"))
    }

    fn check_leg(&self, call: CallId, leg: LegId) -> Result<(), Refused> {
        let sight = self.switch.leg(leg).filter(|sight| sight.call() == call);
        sight.map(|_| ()).ok_or_else(|| Refused::unknown("no_leg", "this leg is not in the call"))
    }

    /// Two people hear each other, and a third can be decoded for them.
    fn check_talks(&self, call: CallId) -> Result<(), Refused> {
        let sight = self.switch.call(call).ok_or_else(|| Refused::unknown("no_call", OVER))?;
        let passes_on = self.notes.get(&call).is_none_or(|note| note.transfer.is_some());
        if passes_on || self.switch.partner(sight.caller_leg()).is_none() {
            return Err(Refused::not_now("not_talking", "nobody talks in this call yet, or it is being passed on"));
        }
        if !self.switch.can_take_guest(call) {
            return Err(Refused::not_now("no_room", "the call is full, or speaks a codec that can't be decoded here"));
        }
        Ok(())
    }

    fn third_targets(&mut self, now: Now, call: CallId, by: UserId, to: Routed) -> Result<Vec<Target>, Refused> {
        let nobody = || Refused::not_now("unreachable", "nobody can be reached there now");
        match to.destination {
            Destination::User(user) => self.targets_of(now, call, user),
            Destination::Group(group) => {
                let members = self.directory.groups.get(&group).map(|group| group.members.clone()).unwrap_or_default();
                let targets: Vec<Target> =
                    members.into_iter().filter_map(|user| self.targets_of(now, call, user).ok()).flatten().collect();
                if targets.is_empty() { Err(nobody()) } else { Ok(targets) }
            }
            Destination::Trunk(trunk) => {
                self.trunk_target_of(now, trunk, &to.number, by).map(|target| vec![target]).map_err(|_| nobody())
            }
            Destination::Trunks(group) => {
                let trunks = self.directory.trunk_groups.get(&group).map(|group| group.members.clone());
                let mut trunks = trunks.unwrap_or_default();
                trunks.sort_by_key(|member| member.priority);
                let target = trunks.iter().find_map(|one| self.trunk_target_of(now, one.trunk, &to.number, by).ok());
                target.map(|target| vec![target]).ok_or_else(nobody)
            }
            Destination::Queue(_) | Destination::Clip(_) | Destination::Menu(_) => {
                Err(Refused::not_now("not_a_person", "only a person or a number can be brought into a call"))
            }
        }
    }

    /// A user's devices, if he is free and not in the call already.
    fn targets_of(&mut self, now: Now, call: CallId, user: UserId) -> Result<Vec<Target>, Refused> {
        let party = LegParty::User(user);
        if self.switch.call(call).is_some_and(|sight| sight.legs().any(|leg| leg.party() == party)) {
            return Err(Refused::not_now("in_it", "he is in this call already"));
        }
        let targets = self.directory.users.get(&user).cloned().map(|user| self.user_targets(&user)).unwrap_or_default();
        if targets.is_empty() {
            return Err(Refused::not_now("unreachable", "no phone of his is registered"));
        }
        self.try_to_ring(now, call, user)?;
        Ok(targets)
    }

    fn ring_third(&mut self, now: Now, third: Third, targets: Vec<Target>, caller: Caller) -> Result<(), Refused> {
        let call = third.call;
        let plan = RingPlan {
            phases: vec![targets],
            phase_time: self.settings.times.ring_time,
            goes_on: GoesOn::Always,
            then: Then::Tell,
            caller,
            headers: Arc::new(Vec::new()),
        };
        let ring = self.switch.ring(now, call, plan).ok_or_else(|| Refused::unknown("no_call", OVER))?;
        self.thirds.insert(ring, third);
        self.changed(now, call);
        Ok(())
    }

    /// Whoever was rung for a call picked up. False: this ring is no such one.
    pub(super) fn on_third_answered(&mut self, now: Now, ring: RingId, leg: LegId) -> bool {
        let Some(third) = self.thirds.remove(&ring) else { return false };
        if self.switch.call(third.call).is_none_or(|sight| self.switch.partner(sight.caller_leg()).is_none()) {
            // Nobody talks any more.
            self.switch.drop_leg(now, leg, Cause::CANCELLED);
            if let ThirdIs::Asked(with) = third.what {
                self.end_asking(with);
            }
            return true;
        }
        if let ThirdIs::Recalled(held) = third.what {
            self.on_recalled(now, held, leg);
            return true;
        }
        if matches!(third.what, ThirdIs::Supervisor(Supervision::TakeOver))
            && self.whom_to_take_over(third.call).is_err()
        {
            // Another was faster while this one's phone rang.
            self.switch.drop_leg(now, leg, Cause::ELSEWHERE);
            self.live(now, Happened::PartyLost { call: third.call, cause: Cause::ELSEWHERE });
            return true;
        }
        let guest = match third.what {
            ThirdIs::Party | ThirdIs::Recalled(_) => Guest::Party,
            ThirdIs::Supervisor(mode) => self.guest_for(third.call, mode),
            ThirdIs::Asked(with) => Guest::Consults { with, talks: true },
        };
        let is_in = self.switch.admit_guest(now, leg, guest);
        match third.what {
            ThirdIs::Supervisor(Supervision::TakeOver) if is_in => {
                // Nothing to refuse: he is in the call.
                let _ = self.change_supervision(now, third.call, leg, Supervision::TakeOver);
            }
            ThirdIs::Asked(with) => self.end_asking(with),
            ThirdIs::Party | ThirdIs::Supervisor(_) | ThirdIs::Recalled(_) => {}
        }
        true
    }

    /// Rings back whom a leg of his holds.
    pub(super) fn ring_back(&mut self, now: Now, call: CallId, held: LegId, targets: Vec<Target>, caller: Caller) {
        // If the call is over, so is the hold.
        let _ = self.ring_third(now, Third { call, what: ThirdIs::Recalled(held) }, targets, caller);
    }

    /// He has picked up, and talks on there; unless he took the call back himself in this very moment.
    fn on_recalled(&mut self, now: Now, held: LegId, leg: LegId) {
        if self.switch.leg(held).is_none_or(|leg| !leg.holds()) {
            return self.switch.drop_leg(now, leg, Cause::ELSEWHERE);
        }
        if self.switch.admit_guest(now, leg, Guest::Party) {
            self.switch.replace_leg(now, held, Some(leg), Cause::ELSEWHERE);
        }
    }

    fn recall_of(&self, leg: LegId) -> Option<RingId> {
        let of_it = |third: &Third| matches!(third.what, ThirdIs::Recalled(held) if held == leg);
        self.thirds.iter().find(|(_, third)| of_it(third)).map(|(ring, _)| *ring)
    }

    pub(super) fn is_recalled(&self, leg: LegId) -> bool {
        self.recall_of(leg).is_some()
    }

    pub(super) fn stop_recall(&mut self, now: Now, leg: LegId) {
        let Some(ring) = self.recall_of(leg) else { return };
        self.thirds.remove(&ring);
        self.switch.stop_ring(now, ring, Cause::ELSEWHERE);
    }

    /// Whether a call is an agent's by the engagement that he has with it.
    pub(super) fn has_engagement(&self, call: CallId, agent: AgentId) -> bool {
        self.notes.get(&call).is_some_and(|note| {
            note.engagement.is_some() && note.queue.as_ref().and_then(|queue| queue.agent) == Some(agent)
        })
    }

    /// Whether a third talks in a call or is rung to: neither would be asked whether the two are parted.
    pub(super) fn has_company(&self, call: CallId) -> bool {
        self.switch.has_third(call)
            || self.thirds.values().any(|third| third.call == call && matches!(third.what, ThirdIs::Party))
    }

    /// Nobody picked up. False: this ring is no such one.
    pub(super) fn on_third_lost(&mut self, now: Now, ring: RingId, cause: Cause) -> bool {
        let Some(third) = self.thirds.remove(&ring) else { return false };
        if let ThirdIs::Asked(with) = third.what {
            self.end_asking(with);
        }
        if !matches!(third.what, ThirdIs::Recalled(_)) {
            self.live(now, Happened::PartyLost { call: third.call, cause });
        }
        true
    }

    pub(super) fn is_third(&self, ring: RingId) -> bool {
        self.thirds.contains_key(&ring)
    }

    /// A supervisor's keys: 4 listens, 5 whispers, 6 barges. True when they were his.
    pub(super) fn on_supervisor_key(&mut self, now: Now, call: CallId, leg: LegId, digit: char) -> bool {
        let Some(guest) = self.switch.leg(leg).and_then(|leg| leg.guest()) else { return false };
        if matches!(guest, Guest::Party | Guest::Consults { .. }) {
            return true;
        }
        let mode = match digit {
            '4' => Supervision::Listen,
            '5' => Supervision::Whisper,
            '6' => Supervision::Barge,
            _ => return true,
        };
        // The agent may have left in this very moment.
        let _ = self.change_supervision(now, call, leg, mode);
        true
    }

    fn change_supervision(&mut self, now: Now, call: CallId, leg: LegId, mode: Supervision) -> Result<(), Refused> {
        let guest = self.guest_for(call, mode);
        if mode != Supervision::TakeOver {
            self.switch.set_guest(leg, guest);
            return Ok(());
        }
        let agent = self.whom_to_take_over(call)?;
        if let Some(note) = self.notes.get_mut(&call) {
            note.taken_over = Some(leg);
            note.part_end = Some(PartEnd::TakenOver);
        }
        self.switch.set_guest(leg, Guest::Party);
        self.switch.replace_leg(now, agent, Some(leg), Cause::NORMAL);
        Ok(())
    }

    /// The agent's leg, unless a supervisor has taken it over already: of two the first has the call.
    fn whom_to_take_over(&self, call: CallId) -> Result<LegId, Refused> {
        let agent = self.agent_leg(call);
        let agent = agent.ok_or_else(|| Refused::not_now("not_talking", "there is no agent to take over from"))?;
        if self.notes.get(&call).and_then(|note| note.taken_over) == Some(agent) {
            return Err(Refused::not_now("taken_over", "another supervisor has taken this call over already"));
        }
        Ok(agent)
    }

    fn guest_for(&self, call: CallId, mode: Supervision) -> Guest {
        match mode {
            Supervision::Listen | Supervision::TakeOver => Guest::Listens,
            Supervision::Whisper => self.agent_leg(call).map_or(Guest::Listens, |to| Guest::Whispers { to }),
            Supervision::Barge => Guest::Barges,
        }
    }

    /// The leg of a supervisor who is in the call as one.
    fn supervisor_leg(&self, call: CallId, user: UserId) -> Option<LegId> {
        let supervises = |guest: Guest| !matches!(guest, Guest::Party | Guest::Consults { .. });
        let mut legs = self.switch.call(call)?.legs();
        let leg = legs.find(|leg| leg.party() == LegParty::User(user) && leg.guest().is_some_and(supervises))?;
        Some(leg.id())
    }

    /// The agent's leg: that of whoever has the engagement; in other calls that of the one who is an agent, or of whoever
    /// was called.
    pub(super) fn agent_leg(&self, call: CallId) -> Option<LegId> {
        let sight = self.switch.call(call)?;
        let engaged = self.notes.get(&call).and_then(|note| note.queue.as_ref().filter(|_| note.engagement.is_some()));
        let engaged = engaged.and_then(|queue| queue.agent);
        let caller = sight.caller_leg();
        let called = self.switch.partner(caller)?;
        let agent_at = |leg: LegId| match self.switch.leg(leg)?.party() {
            LegParty::User(user) => self.directory.agent_of(user),
            LegParty::Trunk(_) => None,
        };
        let fits = |leg: &LegId| agent_at(*leg).is_some_and(|agent| engaged.is_none_or(|wanted| wanted == agent));
        [called, caller].into_iter().find(fits).or(Some(called))
    }

    /// The leg that somebody acts for: his own, where he is one of the two; else the agent's.
    pub(super) fn leg_for(&self, call: CallId, user: Option<UserId>) -> Option<LegId> {
        let caller = self.switch.call(call)?.caller_leg();
        let two = [caller, self.switch.partner(caller)?];
        let is_his = |leg: &LegId| {
            let party = self.switch.leg(*leg).map(|leg| leg.party());
            user.is_some_and(|user| party == Some(LegParty::User(user)))
        };
        two.into_iter().find(is_his).or_else(|| self.agent_leg(call))
    }

    /// Whose telephone is meant when somebody acts.
    pub(super) fn acting_user(&self, actor: Actor) -> Option<UserId> {
        match actor {
            Actor::Agent(agent) => self.directory.user_of(agent).map(|user| user.id),
            Actor::Supervisor(user) | Actor::Admin(user) => Some(user),
            Actor::System | Actor::Api => None,
        }
    }

    /// Those who were in a call talk on without one of them: if he was the agent, his part is over (rule 26).
    pub(super) fn on_went_on(&mut self, now: Now, call: CallId, without: Option<LegParty>, asked: bool) {
        self.review_recording(now, call);
        let Some(LegParty::User(user)) = without else { return };
        let is_his = self.directory.agent_of(user).is_some_and(|agent| self.has_engagement(call, agent));
        if is_his && !self.talks_on(call, user) {
            let known = self.notes.get_mut(&call).and_then(|note| note.part_end.take());
            let end = known.unwrap_or(if asked { PartEnd::Transferred } else { PartEnd::Left });
            self.end_interaction(now, call, end);
        }
    }

    /// He is one of the two again, at another of his phones.
    fn talks_on(&self, call: CallId, user: UserId) -> bool {
        let Some(caller) = self.switch.call(call).map(|sight| sight.caller_leg()) else { return false };
        let legs = [Some(caller), self.switch.partner(caller)];
        legs.into_iter().flatten().filter_map(|leg| self.switch.leg(leg)).any(|leg| leg.party() == LegParty::User(user))
    }

    pub(super) fn forget_thirds(&mut self, call: CallId) {
        self.thirds.retain(|_, third| third.call != call);
    }
}
