//! What the switch tells, and whose affair each of it is.

use super::{Engine, Happened, UsedDevice};
use crate::{
    base::{CallId, FlowId, LegId, Now, UserId},
    sip::TransactionId,
    switch::{Fact, LegParty, LegSide, LegStage, RingId},
    wire::sip::Message,
};

impl Engine {
    /// What the switch tells.
    pub(super) fn on_fact(&mut self, now: Now, fact: Fact) {
        match fact {
            Fact::Invite { usage, request, path } => self.on_invite(now, usage, &request, path),
            Fact::Request { transaction, request, path, leg } => {
                self.on_sip_request(now, transaction, &request, path, leg);
            }
            Fact::Subscribe { transaction, request, path, known } => {
                self.on_subscribe(now, transaction, &request, path, known);
            }
            Fact::Through(through) => self.on_through(now, *through),
            Fact::NotifyDue { subscription } => self.notify_watcher(now, subscription),
            Fact::SubscriptionEnded { subscription, why } => self.on_subscription_ended(subscription, why),
            Fact::Response { transaction, status, response, flow } => {
                self.on_response(now, transaction, status, (response.as_deref(), flow));
            }
            Fact::Rang { call, ring } => self.on_rang(now, call, ring),
            Fact::Alerted { call, ring } => self.on_alerted(call, ring),
            Fact::Alive { ring, .. } => self.on_offer_rings(now, ring),
            Fact::RingWon { call, ring, leg, .. } => {
                self.forget_unrung(now, call);
                self.on_ring_won(now, call, ring, leg);
            }
            Fact::RingLost { call, ring, lost, cause, moved } => {
                self.forget_unrung(now, call);
                self.on_ring_lost(now, call, ring, (lost, cause), moved);
            }
            Fact::Dead { party: LegParty::Trunk(_), path, .. } => self.note_server_failed(now, path),
            Fact::Dead { party, contact, path, flow_failed } => {
                self.on_dead(now, party, (&contact, path.flow), flow_failed);
            }
            Fact::PageDead { page } => self.on_page_dead(now, page),
            Fact::Used { party: LegParty::Trunk(_), .. } | Fact::PageUsed { party: LegParty::Trunk(_) } => {}
            Fact::Used { party: LegParty::User(user), contact, .. } => self.note_phone_used(user, &contact),
            Fact::PageUsed { party: LegParty::User(user) } => self.note_used(user, UsedDevice::Web),
            Fact::Connected { call, .. } => self.on_connected(now, call),
            Fact::CallerGone { call, .. } => self.on_caller_gone(now, call),
            Fact::Leg { call, leg, party, side, ring, stage } => {
                self.on_leg_stage(now, call, (leg, party, ring), (side, stage));
            }
            Fact::WinnerLost { call, .. } => self.on_winner_lost(now, call),
            Fact::Deserted { call, leg } => self.on_deserted(now, call, leg),
            Fact::WentOn { call, without, asked } => self.on_went_on(now, call, without, asked),
            Fact::Untaped { leg } => self.on_untaped(now, leg),
            Fact::Held { call, leg, holds } => self.on_held(now, call, leg, holds),
            Fact::Renewed { call } => self.keep_call_later(now, call),
            Fact::Stands { leg } => self.keep_standing(now, leg),
            Fact::Dtmf { call, leg, digit, .. } => {
                if !self.on_supervisor_key(now, call, leg, digit) && !self.on_menu_key(now, call, leg, digit) {
                    self.on_digit(now, call, digit);
                }
            }
            Fact::AnswerJudged { call, leg, answer, because } => {
                self.live(now, Happened::AnswerJudged { call, leg, answer, because });
            }
            Fact::Beep { call, leg } => self.live(now, Happened::Beep { call, leg }),
            Fact::Played { call, play, .. } => self.on_played(now, call, play),
            Fact::Changed { call } => self.on_changed(now, call),
            Fact::Over { call, by, left } => self.on_over(now, call, (by, left)),
            Fact::Settled(summary) => self.on_settled(now, *summary),
            Fact::NoPort => self.alarm(now, super::Alarm::PortsExhausted),
        }
    }

    fn on_rang(&mut self, now: Now, call: CallId, ring: RingId) {
        self.on_offer_rings(now, ring);
        if !self.is_third(ring) {
            self.on_transfer_rings(now, call);
        }
    }

    fn on_alerted(&mut self, call: CallId, ring: RingId) {
        if !self.is_third(ring) {
            self.note_trunk_rings(call);
        }
    }

    fn on_ring_won(&mut self, now: Now, call: CallId, ring: RingId, leg: LegId) {
        if self.rings.contains_key(&ring) {
            self.on_offer_answered(now, call, ring, leg);
        } else if !self.on_third_answered(now, ring, leg) {
            self.on_transferred(now, call);
        }
    }

    fn on_leg_stage(
        &mut self,
        now: Now,
        call: CallId,
        (leg, party, ring): (LegId, LegParty, Option<RingId>),
        what: (LegSide, LegStage),
    ) {
        self.on_watched_leg(now, leg, party, what);
        self.on_leg(now, call, party, what);
        if let (LegParty::User(user), (LegSide::Called, LegStage::Ringing)) = (party, what) {
            self.on_phone_rings(now, user, leg);
        }
        if what.1 == LegStage::Ended {
            self.end_segment(now, leg);
            self.review_recording(now, call);
        }
        self.on_transferor_leg(now, call, leg, what.1);
        let offered = ring.is_some_and(|ring| self.rings.contains_key(&ring));
        if let (LegParty::User(user), false) = (party, offered) {
            self.on_user_leg(now, call, leg, user, what);
        }
    }

    /// To a text, to what was asked of a trunk, or of a device that was silent.
    fn on_response(&mut self, now: Now, of: TransactionId, status: u16, answer: (Option<&Message>, Option<FlowId>)) {
        let heard = answer.0.is_some();
        let is_known = self.on_text_answer(now, of, status, heard) || self.on_holder_answer(now, of, status, heard);
        let heard = heard.then_some(status);
        if !is_known && !self.on_line_answer(now, of, status, answer) && !self.on_contest_answer(now, of, heard) {
            self.on_probed(now, of, heard);
        }
    }

    /// A trunk's share of its lines.
    fn on_leg(&mut self, now: Now, call: CallId, party: LegParty, (side, stage): (LegSide, LegStage)) {
        if let LegParty::Trunk(trunk) = party {
            match stage {
                LegStage::Begun => self.trunk_load.take(now.mono, trunk, side),
                LegStage::Ended => self.trunk_load.give_back(trunk, side),
                LegStage::Ringing | LegStage::Answered => {}
            }
        }
        self.keep_leg(now, call, stage);
    }

    /// Legs of agents outside queues keep them busy (rules 22, 22b, 37).
    fn on_user_leg(&mut self, now: Now, call: CallId, leg: LegId, user: UserId, what: (LegSide, LegStage)) {
        let Some(agent) = self.directory.agent_of(user) else { return };
        let (key, kind) = ((call, agent), self.direct_kind(call));
        if self.has_engagement(call, agent) && !self.direct.contains_key(&key) {
            // He is busy with this very call, at whichever of his phones.
            return;
        }
        match what {
            (LegSide::Called, LegStage::Begun) => {
                // The turn of a group's member comes long after the call did: is he still free?
                if self.direct.contains_key(&key) || self.acd.handle_direct_ringing(now, agent, call, kind).is_ok() {
                    *self.direct.entry(key).or_insert(0) += 1;
                } else {
                    self.switch.pass_over(now, leg);
                }
            }
            (LegSide::Caller, LegStage::Begun) | (_, LegStage::Ringing) => {}
            (_, LegStage::Answered) => self.acd.handle_direct_busy(now, agent, call, kind),
            (_, LegStage::Ended) => {
                let Some(legs) = self.direct.get_mut(&key) else { return };
                *legs = legs.saturating_sub(1);
                let is_over = *legs == 0;
                if self.switch.call(call).is_none_or(|sight| sight.caller_leg() == leg) {
                    // He waited in a queue that may be his own: he is not to be offered himself.
                    self.on_caller_gone(now, call);
                }
                if is_over {
                    self.end_direct(now, agent, call);
                }
            }
        }
    }
}
