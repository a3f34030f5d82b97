//! Asking elsewhere who gets a call.

use super::{Call, Model, Ms, secs};

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(in super::super) enum Wish {
    /// To be asked for before the next offer.
    #[default]
    Due,
    /// Waited for until then.
    Asked(Ms),
    /// This one, or whoever it may be.
    Given(Option<u64>),
}

impl Model {
    /// Whether a call is, or must be, asked about first, and if nothing speaks against it, asks.
    pub fn asks_first(&mut self, id: u64) -> bool {
        let call = &self.calls[&id];
        let rules = &self.queues[&call.queue];
        let Some(decision) = rules.decision.as_ref().filter(|_| call.offers.is_empty()) else { return false };
        match call.wish {
            Wish::Given(_) => return false,
            Wish::Asked(_) => return true,
            Wish::Due => {}
        }
        let free = self.agents.values().filter(|agent| agent.may_be_asked(call.queue) && self.fits(agent, call));
        let free: Vec<u64> = free.map(|agent| agent.id).collect();
        let alike = |it: &&Call| {
            it.queue == call.queue && (self.need(it), self.wants(it)) == (self.need(call), self.wants(call))
        };
        let asked = self.calls.values().filter(alike).filter(|it| matches!(it.wish, Wish::Asked(_))).count();
        if asked < free.len() && free.iter().any(|agent| !call.vetoed.contains(agent)) {
            let until = self.now + u64::from(decision.answer_ms);
            self.calls.get_mut(&id).expect("a call").wish = Wish::Asked(until);
            self.asked.push(id);
        }
        true
    }

    pub fn decided(&mut self, id: u64, agent: Option<u64>, veto: Vec<u64>) {
        let until = self.now + secs(self.queues[&self.calls[&id].queue].decision.as_ref().map_or(0, |it| it.veto_secs));
        let call = self.calls.get_mut(&id).expect("a call");
        call.wish = Wish::Given(agent);
        if !veto.is_empty() {
            (call.vetoed, call.veto_until, call.veto_outlived) = (veto, Some(until), false);
        }
    }

    /// Nobody else's wish, and the same to wait for.
    pub fn rule_out(&mut self, id: u64, agent: u64, wait: u32) {
        let until = self.now + secs(wait);
        let call = self.calls.get_mut(&id).expect("a call");
        if !call.vetoed.contains(&agent) {
            call.vetoed.push(agent);
        }
        (call.veto_until, call.veto_outlived) = (Some(until), false);
    }

    pub fn veto_over(&mut self, id: u64) {
        let call = self.calls.get_mut(&id).expect("a call");
        call.veto_until = None;
        if !call.offers.is_empty() && self.queues[&call.queue].decision.is_some() {
            call.veto_outlived = true;
            return;
        }
        call.vetoed.clear();
        if matches!(call.wish, Wish::Given(_)) {
            call.wish = Wish::Due;
        }
    }
}

impl Call {
    pub fn wants_nobody_special(&mut self) {
        (self.wish, self.veto_until, self.veto_outlived) = (Wish::Due, None, false);
        self.vetoed.clear();
    }
}
