//! From the accept to what comes after.

use std::rc::Rc;

use super::{Call, Model, Pending, agent::WrapUp, secs};
use crate::acd::{DeviceChoice, Extend, NextStatus, TimeoutPriority};

impl Model {
    pub fn connected(&mut self, call: u64) {
        let now = self.now;
        let it = self.calls.get_mut(&call).expect("a call");
        (it.talking, it.connect_by, it.unpicked) = (Some(now), None, None);
        let (agent, queue) = (it.connecting.expect("an agent"), it.queue);
        self.change(agent, |it| it.dials_back = false);
        *self.outcomes.entry("answered").or_default() += 1;
        self.saw("answered from a queue that goes", self.draining.contains(&queue));
    }

    /// The agent's phone died before the bridge.
    pub fn winner_lost(&mut self, call: u64) {
        let now = self.now;
        let it = self.calls.get_mut(&call).expect("a call");
        let (agent, queue, late) = (it.connecting.take().expect("a winner"), it.queue, now >= it.rang_until);
        (it.connect_by, it.unpicked) = (None, None);
        if !it.tried.contains(&agent) {
            it.tried.push(agent);
        }
        let most = self.queues[&queue].missed_max;
        self.change(agent, |it| (it.call, it.dials_back) = (None, false));
        self.leave_if_leaving(agent, queue);
        if late {
            self.missed(agent, most);
        }
        self.after(agent, None);
        self.back(call);
    }

    /// What an agent accepted at his page rings at a device that is gone, or has none left to ring at.
    pub fn unpicked_lost(&mut self, agent: u64, device: Option<&DeviceChoice>) {
        let lost = |call: &&Call| {
            let rings = call.unpicked.as_ref().filter(|_| call.connecting == Some(agent));
            rings.is_some_and(|at| device.is_none_or(|device| at == device))
        };
        let lost = self.calls.values().find(lost).map(|call| call.id);
        self.saw("accepted at a page, and the phone was gone", lost.is_some());
        if let Some(call) = lost {
            self.winner_lost(call);
        }
    }

    /// Customer and agent have spoken.
    pub fn ended(&mut self, call: u64) {
        let it = self.calls.remove(&call).expect("a call");
        let agent = it.connecting.expect("an agent");
        let now = self.now;
        let talk = now - it.talking.expect("talk");
        let rules = Rc::clone(&self.queues[&it.queue]);
        if let Some(place) = self.agent(agent).places.get_mut(&it.queue) {
            place.calls += 1;
            place.talk += talk;
        }
        let wrap_up = (rules.acw_secs > 0).then(|| WrapUp {
            until: rules.after_service_limit.then(|| now + secs(rules.acw_secs)),
            engagement: it.engagement,
            extended: 0,
            queue: Some(it.queue),
        });
        self.change(agent, |it| {
            it.call = None;
            it.wrap_ups.extend(wrap_up);
        });
        self.leave_if_leaving(agent, it.queue);
        if wrap_up.is_none() {
            self.change(agent, |it| (it.idle_since, it.handled) = (now, true));
            self.after(agent, Some(it.queue));
        }
    }

    /// One after the other.
    pub fn wrap_ups_over(&mut self, agent: u64) {
        let all: Vec<u64> = self.agents[&agent].wrap_ups.iter().map(|it| it.engagement).collect();
        all.into_iter().for_each(|engagement| self.engagement_over(agent, engagement));
    }

    pub fn engagement_over(&mut self, agent: u64, engagement: u64) {
        let now = self.now;
        let wrap_up = self.agents[&agent].wrap_ups.iter().find(|it| it.engagement == engagement).copied();
        self.change(agent, |it| {
            it.wrap_ups.retain(|it| it.engagement != engagement);
            (it.idle_since, it.handled) = (now, true);
        });
        self.after(agent, wrap_up.expect("a wrap-up").queue);
    }

    /// Whether the queue let it be longer.
    pub fn extend(&mut self, agent: u64) -> bool {
        let queues = self.queues.clone();
        let Some(it) = self.agent(agent).wrap_ups.first_mut() else { return false };
        let Some(queue) = it.queue else { return false };
        let Extend::By(by) = queues[&queue].acw_extend else { return false };
        if it.extended >= by.max {
            return false;
        }
        it.extended += 1;
        it.until = it.until.map(|until| until + secs(by.secs));
        true
    }

    /// What comes when an agent has become idle: first what was asked for, then the lost session, then what the queue
    /// wants after an engagement.
    pub fn after(&mut self, agent: u64, engagement: Option<u64>) {
        let it = &self.agents[&agent];
        if !it.online || !it.idle() {
            return;
        }
        let lost = it.lost;
        match it.pending {
            Some(Pending::NotReady) => self.change(agent, |it| it.choose(false)),
            Some(Pending::LogOff) => return self.offline(agent, false),
            None if lost => {}
            None => {
                let next = engagement.filter(|_| it.untouched).map(|queue| self.queues[&queue].next_status.clone());
                let not_ready = matches!(next, Some(NextStatus::NotReady(_) | NextStatus::Manual));
                self.change(agent, |it| {
                    it.over_activity = false;
                    if not_ready {
                        it.choose(false);
                    }
                });
            }
        }
        if lost {
            self.offline(agent, true);
        }
    }

    pub fn hang_up(&mut self, call: u64) {
        let it = &self.calls[&call];
        let waited = self.now - it.arrived;
        let outcome = if !it.offers.is_empty() || it.connecting.is_some() {
            "abandoned_ringing"
        } else if waited <= secs(self.queues[&it.queue].short_secs) {
            "abandoned_short"
        } else {
            "abandoned"
        };
        self.leave(call, outcome);
    }

    pub fn max_wait(&mut self, call: u64) {
        let it = self.calls.get_mut(&call).expect("a call");
        let rings_on = !it.offers.is_empty() && self.queues[&it.queue].timeout_priority == TimeoutPriority::Conf;
        if it.connecting.is_some() || rings_on { it.expired = true } else { self.leave(call, "expired") }
    }

    /// Out of the line, before anybody has spoken.
    pub fn leave(&mut self, call: u64, outcome: &'static str) {
        let it = self.calls.remove(&call).expect("a call");
        *self.outcomes.entry(outcome).or_default() += 1;
        for ring in it.offers {
            self.change(ring.agent, |agent| agent.offer = None);
            self.after(ring.agent, None);
        }
        if let Some(agent) = it.connecting {
            self.change(agent, |it| (it.call, it.dials_back) = (None, false));
            self.leave_if_leaving(agent, it.queue);
            self.after(agent, None);
        }
    }
}
