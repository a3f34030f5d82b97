//! New settings, restarts and repairs.

use std::{collections::BTreeSet, rc::Rc};

use super::{Call, Doing, Model, Place, Standing, Wish};
use crate::{
    acd::{DeviceChoice, QueueSettings, Ring, Settings, Strategy},
    base::QueueId,
};

impl Model {
    /// Takes over new settings. Agents are known by the numbers in their keys.
    pub fn settings(&mut self, settings: &Settings) {
        let heeded_phones = self.heeds_phones;
        self.policies(&settings.policies);
        let everybody: Vec<u64> = self.agents.keys().copied().collect();
        everybody.into_iter().for_each(|agent| self.watch_presence(agent));
        let gone = self.queues.keys().filter(|id| !settings.queues.contains_key(&QueueId(**id)));
        for id in gone.copied().collect::<Vec<_>>() {
            self.drain(id);
        }
        for (id, queue) in &settings.queues {
            let came_back = self.draining.remove(&id.0);
            self.saw("a queue came back that was going", came_back);
            self.take_rules(id.0, queue);
        }
        for (id, queue) in &settings.queues {
            self.take_members(id.0, queue);
        }
        if self.heeds_phones && !heeded_phones {
            self.heed_phones();
        }
        self.tick = self.goes_by_occupancy().then_some(self.now + 1_000);
    }

    /// The settings know a queue no more: it goes on as it was, for those who are in it.
    fn drain(&mut self, id: u64) {
        if self.draining.insert(id) {
            let rules = Rc::clone(&self.queues[&id]);
            self.take_rules(id, &rules);
            let waits = self.calls.values().any(|call| call.queue == id && call.talking.is_none());
            self.saw("a queue went in which somebody waited", waits);
        }
    }

    /// From a queue that goes everybody leaves when nobody is logged in any more. True: somebody did.
    pub fn leave_drained(&mut self) -> bool {
        let nobody = |id: &&u64| {
            let mut places = self.agents.values().filter_map(|agent| Some((agent.online, agent.places.get(id)?)));
            places.all(|(online, place)| !online || place.leaving || place.standing == Standing::LoggedOut)
        };
        let empty: Vec<u64> = self.draining.iter().filter(nobody).copied().collect();
        let alone = |call: &&Call| call.talking.is_none() && call.connecting.is_none() && call.offers.is_empty();
        let leaves = self.calls.values().filter(alone).filter(|call| empty.contains(&call.queue));
        let leaves: Vec<u64> = leaves.map(|call| call.id).collect();
        for call in &leaves {
            self.leave(*call, "no_agents");
            self.saw("left a queue that goes for want of agents", true);
        }
        !leaves.is_empty()
    }

    /// And it is forgotten when it is over for everybody who was in it.
    pub fn forget_drained(&mut self) {
        let calls = self.calls.values().map(|call| call.queue);
        let wrap_ups = self.agents.values().flat_map(|agent| &agent.wrap_ups).filter_map(|it| it.queue);
        let goes_on: BTreeSet<u64> = calls.chain(wrap_ups).collect();
        for id in self.draining.difference(&goes_on).copied().collect::<Vec<_>>() {
            self.draining.remove(&id);
            self.queues.remove(&id);
            self.pointers.remove(&id);
            self.agents.values_mut().for_each(|agent| drop(agent.places.remove(&id)));
        }
    }

    fn take_rules(&mut self, id: u64, rules: &QueueSettings) {
        let mut rules = rules.clone();
        if let Some(first) = rules.rings.first().cloned()
            && let (Some(tier), true) = (first.tier, first.after_secs > 0)
        {
            // Until the first ring's time, who stands below it.
            rules.rings.insert(0, Ring { after_secs: 0, tier: Some(tier.max(1) - 1), drop_skills: BTreeSet::new() });
        }
        let rules = &rules;
        let Some(old) = self.queues.insert(id, Rc::new(rules.clone())) else { return };
        if old.strategy != rules.strategy {
            self.pointers.remove(&id);
        } else if rules.strategy == Strategy::OrderedRoundRobin {
            self.follow_pointer(id, &old, rules);
        }
        if (&old.rings, old.no_agent_no_wait) != (&rules.rings, rules.no_agent_no_wait) {
            self.calls.values_mut().filter(|call| call.queue == id).for_each(|call| call.opened = 0);
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
            call.unfit_since = None;
            if call.talking.is_none() {
                (call.connecting, call.connect_by, call.unpicked) = (None, None, None);
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
            agent.wrap_ups.sort_by_key(|it| it.engagement);
        }
        let waits = self.calls.values().any(|call| self.draining.contains(&call.queue) && call.talking.is_none());
        self.saw("a restart while somebody waited in a queue that goes", waits);
        let inactive = now + self.inactive.0;
        let everybody: Vec<u64> = self.agents.keys().copied().collect();
        for agent in everybody {
            for queue in self.agents[&agent].places.keys().copied().collect::<Vec<_>>() {
                self.leave_if_leaving(agent, queue);
            }
            self.after(agent, None);
            self.watch_presence(agent);
            let it = self.agent(agent);
            it.inactive = (it.online && it.page).then_some(inactive);
        }
        self.tick = self.goes_by_occupancy().then_some(now + 1_000);
    }

    /// Offers and engagements were torn away from under everybody, and what is left was put in order.
    pub fn repair(&mut self) {
        let talking: Vec<u64> = self.calls.values().filter(|call| call.talking.is_some()).map(|call| call.id).collect();
        talking.iter().for_each(|call| drop(self.calls.remove(call)));
        for agent in self.agents.keys().copied().collect::<Vec<_>>() {
            self.change(agent, |it| {
                (it.offer, it.call, it.dials_back) = (None, None, false);
                it.wrap_ups.clear();
            });
        }
        for call in self.calls.keys().copied().collect::<Vec<_>>() {
            let it = self.calls.get_mut(&call).expect("a call");
            it.offers.clear();
            (it.connecting, it.connect_by, it.unpicked) = (None, None, None);
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
