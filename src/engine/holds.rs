//! Holding (CH-02): from a page the agent's leg is put aside here; a phone says hold itself. Whoever leaves somebody on hold
//! for long is called back to him (P9): at a page by a beep and a word, at a phone, which hears nothing while it holds, by
//! a ring of its own. Picking that up is talking on; taking the call back by hand stops it.

use super::{Actor, Engine, Happened, PageTold, Refused, drive::Timer};
use crate::{
    base::{CallId, LegId, Now, UserId},
    media::{Source, Tone},
    switch::{Caller, LegParty, Target},
};

impl Engine {
    /// The side of a call that asks for it, or its agent's, waits, and the other hears music; or both talk on.
    pub(super) fn hold(&mut self, now: Now, call: CallId, actor: Actor, held: bool) -> Result<(), Refused> {
        let leg = self
            .leg_for(call, self.acting_user(actor))
            .ok_or_else(|| Refused::not_now("not_talking", "nobody talks in this call"))?;
        if self.is_asking(call) {
            return Err(Refused::not_now("consulting", "end the private talk first"));
        }
        if self.hold_leg(now, leg, held) {
            self.tell_held(leg);
            return Ok(());
        }
        Err(Refused::not_now("codec", "somebody in this call speaks a codec that can't be decoded here"))
    }

    /// The page that a leg is at shows how it is now, whoever wished it so.
    pub(super) fn tell_held(&mut self, leg: LegId) {
        let Some(sight) = self.switch.leg(leg) else { return };
        let held = sight.is_held();
        if let Some(page) = sight.page() {
            self.tell_page(page, PageTold::Held { leg, held });
        }
    }

    /// One leg waits, or talks on. False: it can't.
    pub(super) fn hold_leg(&mut self, now: Now, leg: LegId, held: bool) -> bool {
        let done = self.switch.set_held(leg, held);
        if held && done {
            self.end_clip_at(leg);
        }
        if !held || done {
            self.watch_hold(now, leg, held);
        }
        done
    }

    /// Whoever is put aside hears music in place of a clip, so that it is over for the others too: nobody goes on hearing it
    /// alone, deaf to who talks to him.
    pub(super) fn end_clip_at(&mut self, leg: LegId) {
        if let Some(call) = self.switch.leg(leg).map(|leg| leg.call()) {
            self.stop_clip(call);
        }
    }

    /// A phone has put us on hold, or taken us back.
    pub(super) fn on_held(&mut self, now: Now, call: CallId, leg: LegId, holds: bool) {
        self.keep_call_later(now, call);
        let is_ours = self.switch.leg(leg).is_some_and(|leg| matches!(leg.party(), LegParty::User(_)));
        if is_ours {
            self.watch_hold(now, leg, holds);
            self.watch_holder(now, leg);
        }
        if holds {
            self.end_clip_at(leg);
        } else {
            self.stop_recall(now, leg);
        }
    }

    fn watch_hold(&mut self, now: Now, leg: LegId, holds: bool) {
        let time = self.directory.hold_recall;
        if !holds {
            self.timers.cancel(Timer::HoldLong(leg));
        } else if !time.is_zero() {
            self.timers.set(Timer::HoldLong(leg), now.mono + time);
        }
    }

    /// After a restart: the time begins anew.
    pub(super) fn watch_holds(&mut self, now: Now) {
        let mut calls: Vec<CallId> = self.notes.keys().copied().collect();
        calls.sort();
        for call in calls {
            let legs = self.switch.call(call).into_iter().flat_map(|sight| sight.legs());
            let ours = legs.filter(|leg| matches!(leg.party(), LegParty::User(_)));
            let held: Vec<LegId> = ours.filter(|leg| leg.is_held() || leg.holds()).map(|leg| leg.id()).collect();
            for leg in held {
                self.watch_hold(now, leg, true);
                self.watch_holder(now, leg);
            }
        }
    }

    /// Whoever has had somebody on hold for long hears so, and his page shows it.
    pub(super) fn on_hold_long(&mut self, now: Now, leg: LegId) {
        let Some(sight) = self.switch.leg(leg).filter(|leg| leg.is_held() || leg.holds()) else { return };
        let (call, page, by_phone) = (sight.call(), sight.page(), sight.holds());
        let user = match sight.party() {
            LegParty::User(user) => Some(user),
            LegParty::Trunk(_) => None,
        };
        self.watch_hold(now, leg, true);
        if self.is_asking(call) {
            return;
        }
        self.live(now, Happened::HeldLong { call, leg });
        if let Some(page) = page {
            self.tell_page(page, PageTold::HeldLong { leg });
        }
        match user.filter(|_| by_phone) {
            Some(user) => self.recall(now, call, leg, user),
            None => _ = self.switch.play_over(leg, Source::Tone(Tone::Beep)),
        }
    }

    /// Rings whose phone holds somebody. Where that can't be, the time begins anew.
    fn recall(&mut self, now: Now, call: CallId, leg: LegId, user: UserId) {
        if self.switch.partner(leg).is_none() || !self.switch.can_take_guest(call) || self.is_recalled(leg) {
            return;
        }
        let targets: Vec<Target> =
            self.directory.users.get(&user).cloned().map(|user| self.user_targets(&user)).unwrap_or_default();
        if targets.is_empty() {
            return;
        }
        let shown = self.held_by(call, leg);
        let display = Some(format!("[on hold] {}", shown.name().unwrap_or(shown.number.reveal())));
        let caller = Caller { display, number: shown.visible_number(), ..Caller::default() };
        self.ring_back(now, call, leg, targets, caller);
    }

    /// Who is held by a leg, as its user may see him.
    fn held_by(&self, call: CallId, leg: LegId) -> Caller {
        match self.switch.partner(leg) {
            Some(partner) => self.shown_as(call, partner),
            None => Caller::default(),
        }
    }
}
