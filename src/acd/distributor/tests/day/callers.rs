//! What callers and telephones do.

use std::cell::Cell;

use super::{
    super::model::{Call, Fault, Wish},
    AGENTS, Day, QUEUES,
};
use crate::{
    acd::*,
    base::{AgentId, EngagementId, InteractionId, OfferId, Private, QueueId},
};

impl Day {
    pub fn call(&mut self) {
        let id = self.next_call;
        self.next_call += 1;
        let queue = self.below(QUEUES) + 1;
        if !self.room.settings.queues.contains_key(&QueueId(queue)) {
            return self.call_to_one_that_went(id, queue);
        }
        self.presented += 1;
        let priority = [0, 0, 0, 3][self.below(4) as usize];
        // In these queues some want what few have, or nobody, and that has an end there.
        let more = if [5, 11].contains(&queue) { 3 } else { 0 };
        let skill = (queue % 2 == 1 && self.below(3) == 0).then(|| ("pt".to_owned(), self.below(9) as u8 + 1 + more));
        let back = self.below(8) == 0;
        let skills = skill.iter().map(|(skill, level)| NeededSkill { skill: skill.clone(), level: *level }).collect();
        let kind = if back { InteractionKind::Callback } else { InteractionKind::Inbound };
        let inbound = Enqueue::inbound(InteractionId(id), QueueId(queue), Private::default());
        let call = Enqueue { kind, priority, skills, ..inbound };
        self.both(
            |acd, now| assert_eq!(acd.enqueue(now, call), Ok(())),
            |model| {
                let arrived = model.now;
                model.calls.insert(id, Call { id, queue, priority, arrived, back, skill, ..Call::default() });
            },
        );
    }

    /// Nobody new comes in.
    fn call_to_one_that_went(&mut self, id: u64, queue: u64) {
        let drains = self.model.draining.contains(&queue);
        let refused = if drains { Outcome::Closed } else { Outcome::SystemError };
        let call = Enqueue::inbound(InteractionId(id), QueueId(queue), Private::default());
        self.both(
            |acd, now| assert_eq!(acd.enqueue(now, call), Err(refused)),
            |model| model.saw("a newcomer to a queue that goes", drains),
        );
    }

    /// One ringing phone: its call, agent, and number in the model.
    fn a_ring(&mut self) -> Option<(u64, u64, u64)> {
        let calls = self.model.calls.values();
        let rings = calls.flat_map(|call| call.offers.iter().map(|ring| (call.id, ring.agent, ring.offer)));
        let all: Vec<_> = rings.filter(|(call, agent, _)| !self.deserted.contains(&(*call, *agent))).collect();
        self.one_of(&all)
    }

    pub fn phone(&mut self) {
        let Some((call, agent, number)) = self.a_ring() else { return };
        let offer = self.offers[&(call, agent)];
        match self.below(20) {
            0 => self.refuse(offer, number, OfferFault::Declined, Fault::Declined),
            1 => self.refuse(offer, number, OfferFault::DeviceBusy, Fault::DeviceBusy),
            2 => self.refuse(offer, number, OfferFault::NoAnswer, Fault::GaveUp),
            3 if self.below(4) == 0 => self.refuse(offer, number, OfferFault::Unreachable, Fault::Unreachable),
            5 if self.below(4) == 0 => self.refuse(offer, number, OfferFault::Unfit, Fault::Unfit),
            6 if self.below(4) == 0 => self.refuse(offer, number, OfferFault::Unable, Fault::Unable),
            4 if self.below(4) == 0 => self.refuse(offer, number, OfferFault::NoRoom, Fault::NoRoom),
            _ => self.answer(call, offer, number),
        }
    }

    fn refuse(&mut self, offer: OfferId, number: u64, fault: OfferFault, plain: Fault) {
        self.both(|acd, now| acd.handle_failed(now, offer, fault), |model| model.fail(number, plain));
    }

    fn answer(&mut self, call: u64, offer: OfferId, number: u64) {
        let engagement = Cell::new(EngagementId(0));
        let at_page = self.below(4) == 0;
        self.both(
            |acd, now| {
                let taken = match at_page {
                    true => acd.accept(now, offer, Actor::System).ok(),
                    false => acd.handle_answered(now, offer),
                };
                engagement.set(taken.expect("a live offer"));
            },
            |model| model.answer(number, engagement.get().0, at_page),
        );
        self.engagements.insert(call, engagement.get());
    }

    /// A program elsewhere answers: it names somebody, free or not, rules some out, or has no wish. Or it keeps silent.
    pub fn program(&mut self) {
        let asked = self.calls_where(|call| matches!(call.wish, Wish::Asked(_)));
        let Some(call) = self.one_of(&asked) else { return };
        let named = (self.below(3) > 0).then(|| self.below(AGENTS) + 1);
        let some = (self.below(4) * 3) as usize;
        let veto: Vec<u64> = (0..some).map(|_| self.below(AGENTS) + 1).collect();
        self.vetoes += u64::from(!veto.is_empty());
        let decision = self.decisions[&call];
        let said = Verdict::Said { agent: named.map(AgentId), veto: veto.iter().copied().map(AgentId).collect() };
        self.both(
            |acd, now| acd.handle_decided(now, InteractionId(call), decision, said),
            |model| model.decided(call, named, veto),
        );
    }

    pub fn calls_where(&self, which: impl Fn(&Call) -> bool) -> Vec<u64> {
        self.model.calls.values().filter(|call| which(call)).map(|call| call.id).collect()
    }

    pub fn bridge(&mut self) {
        let connecting = self.calls_where(|call| call.connecting.is_some() && call.talking.is_none());
        let Some(call) = self.one_of(&connecting) else { return };
        let engagement = self.engagements[&call];
        let back = self.model.calls[&call].back;
        match self.below(25) {
            7..=9 if self.model.calls[&call].unpicked.is_some() => self.both(
                |acd, _| acd.handle_picked_up(engagement),
                |model| model.calls.get_mut(&call).expect("a call").unpicked = None,
            ),
            10 if self.model.calls[&call].unpicked.is_some() => {
                let agent = self.model.calls[&call].connecting.expect("an agent");
                self.device(agent, false)
            }
            0 => self.both(|acd, now| acd.handle_winner_lost(now, engagement), |model| model.winner_lost(call)),
            1..=6 if back => self.both(
                |acd, now| acd.handle_ended(now, engagement, PartEnd::Customer),
                |model| model.leave(call, "abandoned_ringing"),
            ),
            _ => self.both(|acd, now| acd.handle_connected(now, engagement), |model| model.connected(call)),
        }
    }

    pub fn end(&mut self) {
        let talking = self.calls_where(|call| call.talking.is_some());
        let Some(call) = self.one_of(&talking) else { return };
        let engagement = self.engagements[&call];
        self.both(|acd, now| acd.handle_ended(now, engagement, PartEnd::Customer), |model| model.ended(call));
    }

    pub fn hang_up(&mut self) {
        let waiting = self.calls_where(|call| call.talking.is_none());
        let Some(call) = self.one_of(&waiting) else { return };
        self.both(|acd, now| acd.handle_customer_gone(now, InteractionId(call)), |model| model.hang_up(call));
    }
}
