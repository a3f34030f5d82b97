//! New settings, restarts and repairs.

use std::rc::Rc;

use super::{Call, Doing, Model, Place, Standing, Wish};
use crate::acd::{DeviceChoice, QueueSettings, Settings, Strategy};

impl Model {
    /// Takes over new settings. Agents are known by the numbers in their keys.
    pub fn settings(&mut self, settings: &Settings) {
        self.policies(&settings.policies);
        let everybody: Vec<u64> = self.agents.keys().copied().collect();
        everybody.into_iter().for_each(|agent| self.watch_presence(agent));
        for (id, queue) in &settings.queues {
            self.take_rules(id.0, queue);
        }
        for (id, queue) in &settings.queues {
            self.take_members(id.0, queue);
        }
        let by_occupancy = settings.queues.values().any(|queue| queue.strategy == Strategy::LeastOccupied);
        self.tick = by_occupancy.then_some(self.now + 1_000);
    }

    fn take_rules(&mut self, id: u64, rules: &QueueSettings) {
        let Some(old) = self.queues.insert(id, Rc::new(rules.clone())) else { return };
        if old.strategy != rules.strategy {
            self.pointers.remove(&id);
        } else if rules.strategy == Strategy::OrderedRoundRobin {
            self.follow_pointer(id, &old, rules);
        }
        if old.decision != rules.decision {
            self.calls.values_mut().filter(|call| call.queue == id).for_each(Call::wants_nobody_special);
        }
        // Where one after the other is asked now, the first who rings goes on.
        if !matches!(rules.strategy, Strategy::RingAll | Strategy::RingProgressive) {
            let here = self.calls.values().filter(|call| call.queue == id);
            let rest: Vec<_> =
                here.flat_map(|call| call.offers.iter().skip(1).map(|ring| (call.id, ring.agent))).collect();
            for (call, agent) in rest {
                self.end_ring(call, agent);
                self.after(agent, None);
            }
        }
    }

    /// The next to be asked is whoever stands, in the new order, behind the last one asked; if he is gone, behind the
    /// nearest before him who is not.
    fn follow_pointer(&mut self, id: u64, old: &QueueSettings, new: &QueueSettings) {
        let Some((order, _)) = self.pointers.remove(&id) else { return };
        let asked = old.members.iter().take(order as usize + 1).rev();
        let still = asked.filter_map(|asked| new.members.iter().position(|member| member.agent == asked.agent)).next();
        if let Some(at) = still {
            self.pointers.insert(id, (at as u64, number(&new.members[at].agent)));
        }
    }

    fn take_members(&mut self, id: u64, rules: &QueueSettings) {
        let assigned: Vec<u64> = rules.members.iter().map(|member| number(&member.agent)).collect();
        for ((agent, member), order) in assigned.iter().zip(&rules.members).zip(0..) {
            if !self.agents[agent].places.contains_key(&id) {
                self.stand(*agent, id, Standing::Active);
            }
            let place = self.agent(*agent).places.get_mut(&id).expect("a place");
            // Taken away and given back: he never left.
            place.leaving &= place.assigned;
            (place.assigned, place.tier, place.order) = (true, member.tier, order);
            place.settled = member.device.clone();
        }
        let dropped = |place: Option<&Place>| place.is_some_and(|place| place.assigned);
        let everybody = self.agents.values().filter(|agent| dropped(agent.places.get(&id)));
        let gone: Vec<u64> = everybody.map(|agent| agent.id).filter(|agent| !assigned.contains(agent)).collect();
        for agent in gone {
            let place = self.agent(agent).places.get_mut(&id).expect("a place");
            (place.assigned, place.leaving) = (false, true);
            self.withdraw(agent, Some(id));
            self.leave_if_leaving(agent, id);
        }
    }

    /// Everything stops and comes back: nobody rings, phones have to register again, of the talks those in `live` go on,
    /// of the agents' own calls those in `direct`.
    pub fn restart(&mut self, live: &[u64], direct: &[u64]) {
        let now = self.now;
        for call in self.calls.values_mut() {
            call.offers.clear();
            call.wants_nobody_special();
            call.alone = false;
            (call.step_due, call.next_step, call.expired) = (false, None, false);
            if call.talking.is_none() {
                (call.connecting, call.connect_by) = (None, None);
            }
        }
        self.calls.retain(|id, call| call.talking.is_none() || live.contains(id));
        let calls = &self.calls;
        for agent in self.agents.values_mut() {
            (agent.offer, agent.device, agent.lost, agent.dials_back) = (None, false, false, false);
            (agent.page_open, agent.prompted, agent.grace) = (false, false, None);
            agent.pins.clear();
            for place in agent.places.values_mut().filter(|place| !place.assigned) {
                place.settled = DeviceChoice::LastActive;
            }
            agent.direct.retain(|it| it.doing == Doing::Talks && direct.contains(&it.call));
            agent.call = agent.call.filter(|call| calls.get(call).is_some_and(|call| call.talking.is_some()));
            agent.forget_work(now);
        }
        let inactive = now + self.inactive.0;
        let everybody: Vec<u64> = self.agents.keys().copied().collect();
        for agent in everybody {
            self.after(agent, None);
            self.watch_presence(agent);
            let it = self.agent(agent);
            it.inactive = (it.online && it.page).then_some(inactive);
        }
        self.tick = self.tick.map(|_| now + 1_000);
    }

    /// Offers and engagements were torn away from under everybody, and what is left was put in order.
    pub fn repair(&mut self) {
        let talking: Vec<u64> = self.calls.values().filter(|call| call.talking.is_some()).map(|call| call.id).collect();
        talking.iter().for_each(|call| drop(self.calls.remove(call)));
        for agent in self.agents.keys().copied().collect::<Vec<_>>() {
            self.change(agent, |it| (it.offer, it.call, it.dials_back, it.wrap_up) = (None, None, false, None));
        }
        for call in self.calls.keys().copied().collect::<Vec<_>>() {
            let it = self.calls.get_mut(&call).expect("a call");
            it.offers.clear();
            (it.connecting, it.connect_by) = (None, None);
            if matches!(it.wish, Wish::Asked(_)) {
                it.wish = Wish::Due;
            }
            self.back(call);
        }
        for agent in self.agents.keys().copied().collect::<Vec<_>>() {
            for queue in self.agents[&agent].places.keys().copied().collect::<Vec<_>>() {
                self.leave_if_leaving(agent, queue);
            }
            self.after(agent, None);
        }
    }
}

/// `a17` is 17.
fn number(key: &str) -> u64 {
    key[1..].parse().expect("a number")
}
