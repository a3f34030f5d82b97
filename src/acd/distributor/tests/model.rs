//! A second, dumber distributor: it sorts everything and looks at everybody after each event. It uses nothing of the
//! real one but the words for settings, so that the two can only agree by being right.
//!
//! Times are milliseconds since the start of the day it plays.

use std::{
    collections::{BTreeMap, VecDeque},
    rc::Rc,
};

use crate::acd::{BanTime, QueueSettings, Status, Strategy};

pub(super) type Ms = u64;

#[derive(Clone, Debug, Default)]
pub(super) struct Agent {
    pub id: u64,
    pub skills: BTreeMap<String, u8>,
    pub online: bool,
    pub device: bool,
    pub ready: bool,
    pub dnd: bool,
    pub pending: bool,
    pub ban: Option<Ms>,
    pub not_before: Option<Ms>,
    pub missed: u32,
    pub idle_since: Ms,
    pub handled: bool,
    pub grace: Option<Ms>,
    pub lost: bool,
    pub direct: bool,
    pub offer: Option<u64>,
    pub call: Option<u64>,
    pub wrap_up: Option<(Ms, u64)>,
    pub places: BTreeMap<u64, Place>,
}

/// A membership.
#[derive(Clone, Debug, Default)]
pub(super) struct Place {
    pub active: bool,
    pub order: u64,
    pub tier: u16,
    pub calls: u32,
    pub talk: Ms,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Call {
    pub id: u64,
    pub queue: u64,
    pub priority: i32,
    pub arrived: Ms,
    pub skill: Option<(String, u8)>,
    pub tried: Vec<u64>,
    /// Sequence number of the offer, agent, its end, its early end.
    pub offers: Vec<Ring>,
    pub step_due: bool,
    pub next_step: Option<Ms>,
    /// Accepted by this agent, not bridged yet.
    pub connecting: Option<u64>,
    pub connect_by: Ms,
    /// The end of the ring time that was left when it was accepted.
    pub rang_until: Ms,
    pub expired: bool,
    /// Bridged since.
    pub talking: Option<Ms>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Ring {
    pub offer: u64,
    pub agent: u64,
    pub until: Ms,
    pub dead: Option<Ms>,
    pub tier: u16,
}

/// What is due, in the order in which things of one moment happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    MaxWait(u64),
    Dead(u64),
    Ring(u64),
    Connect(u64),
    WrapUp(u64, u64),
    Ban(u64),
    NotBefore(u64),
    Grace(u64),
    Widen(u64),
    Step(u64),
}

#[derive(Default)]
pub(super) struct Model {
    pub agents: BTreeMap<u64, Agent>,
    pub queues: BTreeMap<u64, Rc<QueueSettings>>,
    pub pointers: BTreeMap<u64, (u64, u64)>,
    pub calls: BTreeMap<u64, Call>,
    pub now: Ms,
    /// Offers made in the last turn: interaction and agent.
    pub made: Vec<(u64, u64)>,
    pub outcomes: BTreeMap<&'static str, u64>,
    next_offer: u64,
    pub contested: u64,
    pub decisions: u64,
    /// What the real one drew, for strategies by chance.
    pub drawn: BTreeMap<u64, VecDeque<u64>>,
    pub chosen: BTreeMap<Strategy, u64>,
}

impl Agent {
    fn idle(&self) -> bool {
        self.offer.is_none() && self.call.is_none() && self.wrap_up.is_none() && !self.direct
    }

    fn may_be_asked(&self, queue: u64) -> bool {
        let place = self.places.get(&queue).is_some_and(|place| place.active);
        let free = self.idle() && self.ban.is_none() && self.not_before.is_none();
        place && free && self.online && self.device && self.ready && !self.dnd && !self.pending
    }

    pub fn idle_and_online(&self) -> bool {
        self.idle() && self.online
    }

    pub fn status(&self) -> Status {
        if !self.online {
            Status::Offline
        } else if self.call.is_some() || self.direct {
            Status::Busy
        } else if self.offer.is_some() {
            Status::Ringing
        } else if self.wrap_up.is_some() {
            Status::WrapUp
        } else if self.ban.is_some() {
            Status::Banned
        } else if self.dnd {
            Status::Dnd
        } else if !self.ready {
            Status::NotReady
        } else {
            Status::Ready
        }
    }
}

impl Model {
    /// The next moment at which something is due.
    pub fn next(&self) -> Option<Ms> {
        self.all_due().into_iter().map(|(at, _)| at).min()
    }

    fn all_due(&self) -> Vec<(Ms, Due)> {
        let mut due = Vec::new();
        for agent in self.agents.values() {
            due.extend(agent.ban.map(|at| (at, Due::Ban(agent.id))));
            due.extend(agent.not_before.map(|at| (at, Due::NotBefore(agent.id))));
            due.extend(agent.grace.map(|at| (at, Due::Grace(agent.id))));
            due.extend(agent.wrap_up.map(|(at, engagement)| (at, Due::WrapUp(engagement, agent.id))));
        }
        for call in self.calls.values().filter(|call| call.talking.is_none()) {
            let rules = &self.queues[&call.queue];
            if rules.max_wait_secs > 0 && !call.expired {
                due.push((call.arrived + secs(rules.max_wait_secs), Due::MaxWait(call.id)));
            }
            for ring in &call.offers {
                due.push((ring.until, Due::Ring(ring.offer)));
                due.extend(ring.dead.map(|at| (at, Due::Dead(ring.offer))));
            }
            if call.connecting.is_some() {
                due.push((call.connect_by, Due::Connect(call.id)));
            }
            due.extend(call.next_step.map(|at| (at, Due::Step(call.id))));
            let widenings = rules.rings.iter().map(|ring| call.arrived + secs(ring.after_secs));
            due.extend(widenings.filter(|at| *at > self.now).map(|at| (at, Due::Widen(call.id))));
        }
        due
    }

    /// Moves the clock to a moment not after the next due one, and does what is due then.
    pub fn advance(&mut self, to: Ms) {
        self.made.clear();
        loop {
            let due = self.all_due().into_iter().filter(|(at, _)| *at <= to).min();
            let Some((at, due)) = due else { break };
            self.now = at.max(self.now);
            self.on_due(due);
        }
        self.now = to;
        self.pass();
    }

    fn on_due(&mut self, due: Due) {
        match due {
            Due::MaxWait(call) => self.max_wait(call),
            Due::Dead(offer) => self.fail(offer, Fault::Unreachable),
            Due::Ring(offer) => {
                let ring = self.ring(offer).expect("a live offer");
                self.fail(offer, if ring.dead.is_some() { Fault::Unreachable } else { Fault::NoAnswer });
            }
            Due::Connect(call) => self.winner_lost(call),
            Due::WrapUp(_, agent) => self.wrap_up_over(agent),
            Due::Ban(agent) => self.agent(agent).ban = None,
            Due::NotBefore(agent) => self.agent(agent).not_before = None,
            Due::Grace(agent) => {
                let it = self.agent(agent);
                it.grace = None;
                if it.idle() { self.offline(agent) } else { it.lost = true }
            }
            Due::Widen(_) => {}
            Due::Step(call) => {
                let call = self.calls.get_mut(&call).expect("a call");
                (call.next_step, call.step_due) = (None, true);
            }
        }
    }

    pub fn agent(&mut self, id: u64) -> &mut Agent {
        self.agents.get_mut(&id).expect("an agent")
    }

    fn ring(&self, offer: u64) -> Option<Ring> {
        self.calls.values().flat_map(|call| &call.offers).find(|ring| ring.offer == offer).cloned()
    }

    fn offline(&mut self, id: u64) {
        let it = self.agent(id);
        (it.online, it.lost, it.pending, it.missed) = (false, false, false, 0);
        (it.ban, it.not_before, it.grace) = (None, None, None);
    }

    pub fn device(&mut self, id: u64, there: bool) {
        let now = self.now;
        let it = self.agent(id);
        if it.device == there {
            return;
        }
        it.device = there;
        if there {
            if !it.online {
                (it.online, it.ready, it.pending, it.missed, it.lost) = (true, true, false, 0, false);
                (it.ban, it.not_before) = (None, None);
                if !it.handled {
                    it.idle_since = now;
                }
            }
            (it.grace, it.lost) = (None, false);
            return;
        }
        if it.online && it.grace.is_none() && !it.lost {
            it.grace = Some(now + 30_000);
        }
        if it.offer.is_some() {
            self.withdraw(id, None);
        }
    }

    /// Withdraws the agent's offer, without blame.
    pub fn withdraw(&mut self, agent: u64, queue: Option<u64>) {
        let found = self.calls.values().find(|call| call.offers.iter().any(|ring| ring.agent == agent));
        let Some(call) = found.filter(|call| queue.is_none_or(|queue| call.queue == queue)).map(|call| call.id) else {
            return;
        };
        self.end_ring(call, agent);
        self.after(agent);
        self.back(call);
    }

    fn end_ring(&mut self, call: u64, agent: u64) {
        self.calls.get_mut(&call).expect("a call").offers.retain(|ring| ring.agent != agent);
        self.agent(agent).offer = None;
    }

    fn back(&mut self, call: u64) {
        let it = self.calls.get_mut(&call).expect("a call");
        if it.offers.is_empty() && it.connecting.is_none() {
            (it.step_due, it.next_step) = (false, None);
            if it.expired {
                self.leave(call, "expired");
            }
        }
    }

    /// What comes when an agent has become idle.
    fn after(&mut self, agent: u64) {
        let it = self.agent(agent);
        if !it.online || !it.idle() {
            return;
        }
        if it.pending {
            (it.pending, it.ready) = (false, false);
        }
        if it.lost {
            self.offline(agent);
        }
    }

    pub fn fail(&mut self, offer: u64, fault: Fault) {
        let Some(ring) = self.ring(offer) else { return };
        let call = self.calls.values().find(|call| call.offers.contains(&ring)).expect("a call").id;
        let rules = Rc::clone(&self.queues[&self.calls[&call].queue]);
        let now = self.now;
        let tried = &mut self.calls.get_mut(&call).expect("a call").tried;
        if !tried.contains(&ring.agent) {
            tried.push(ring.agent);
        }
        self.end_ring(call, ring.agent);
        let it = self.agent(ring.agent);
        match fault {
            Fault::NoAnswer => {
                ban(it, now, rules.ban_secs);
                it.missed += 1;
                if rules.missed_max > 0 && it.missed >= rules.missed_max && it.ready {
                    (it.ready, it.missed) = (false, 0);
                }
            }
            Fault::Declined => ban(it, now, rules.reject_secs),
            Fault::DeviceBusy => it.not_before = Some(now + secs(rules.busy_secs)),
            Fault::Unreachable => {
                it.device = false;
                self.offline(ring.agent);
            }
        }
        self.after(ring.agent);
        self.back(call);
    }

    pub fn answer(&mut self, offer: u64) {
        let Some(ring) = self.ring(offer) else { return };
        let it = self.calls.values_mut().find(|call| call.offers.contains(&ring)).expect("a call");
        let call = it.id;
        let losers: Vec<u64> = it.offers.iter().map(|ring| ring.agent).filter(|agent| *agent != ring.agent).collect();
        it.offers.clear();
        (it.connecting, it.next_step) = (Some(ring.agent), None);
        (it.rang_until, it.connect_by) = (ring.until, ring.until.max(self.now + 5_000));
        for loser in losers {
            self.agent(loser).offer = None;
            self.after(loser);
        }
        let it = self.agent(ring.agent);
        (it.offer, it.call, it.missed) = (None, Some(call), 0);
    }

    pub fn connected(&mut self, call: u64) {
        let it = self.calls.get_mut(&call).expect("a call");
        it.talking = Some(self.now);
        *self.outcomes.entry("answered").or_default() += 1;
    }

    pub fn winner_lost(&mut self, call: u64) {
        let now = self.now;
        let it = self.calls.get_mut(&call).expect("a call");
        let (agent, late) = (it.connecting.take().expect("a winner"), now >= it.rang_until);
        let rules = Rc::clone(&self.queues[&it.queue]);
        let it = self.agent(agent);
        it.call = None;
        if late {
            it.missed += 1;
            if rules.missed_max > 0 && it.missed >= rules.missed_max && it.ready {
                (it.ready, it.missed) = (false, 0);
            }
        }
        self.after(agent);
        self.back(call);
    }

    pub fn ended(&mut self, call: u64, engagement: u64) {
        let it = self.calls.remove(&call).expect("a call");
        let agent = it.connecting.expect("an agent");
        let now = self.now;
        let talk = now - it.talking.expect("talk");
        let acw = self.queues[&it.queue].acw_secs;
        let it2 = self.agent(agent);
        it2.call = None;
        if let Some(place) = it2.places.get_mut(&it.queue) {
            place.calls += 1;
            place.talk += talk;
        }
        if acw > 0 {
            it2.wrap_up = Some((now + secs(acw), engagement));
        } else {
            (it2.idle_since, it2.handled) = (now, true);
            self.after(agent);
        }
    }

    pub fn hang_up_direct(&mut self, agent: u64) {
        self.after(agent);
    }

    pub fn wrap_up_over(&mut self, agent: u64) {
        let now = self.now;
        let it = self.agent(agent);
        it.wrap_up = None;
        (it.idle_since, it.handled) = (now, true);
        self.after(agent);
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

    fn max_wait(&mut self, call: u64) {
        let it = self.calls.get_mut(&call).expect("a call");
        if it.connecting.is_some() { it.expired = true } else { self.leave(call, "expired") }
    }

    pub fn leave(&mut self, call: u64, outcome: &'static str) {
        let it = self.calls.remove(&call).expect("a call");
        *self.outcomes.entry(outcome).or_default() += 1;
        for ring in it.offers {
            self.agent(ring.agent).offer = None;
        }
        if let Some(agent) = it.connecting {
            self.agent(agent).call = None;
            self.after(agent);
        }
    }

    /// Everything stops and comes back: nobody rings, phones have to register again, of the talks those in `live` go on.
    pub fn restart(&mut self, live: &[u64]) {
        let now = self.now;
        for call in self.calls.values_mut() {
            call.offers.clear();
            (call.step_due, call.next_step, call.expired) = (false, None, false);
            if call.talking.is_none() {
                call.connecting = None;
            }
        }
        self.calls.retain(|id, call| call.talking.is_none() || live.contains(id));
        let calls = &self.calls;
        for agent in self.agents.values_mut() {
            (agent.offer, agent.device, agent.direct, agent.lost) = (None, false, false, false);
            agent.call = agent.call.filter(|call| calls.get(call).is_some_and(|call| call.talking.is_some()));
            agent.grace = agent.online.then_some(now + 30_000);
        }
        let everybody: Vec<u64> = self.agents.keys().copied().collect();
        everybody.into_iter().for_each(|agent| self.after(agent));
    }

    /// Looks at every call and every agent.
    pub fn pass(&mut self) {
        let open = self.calls.values().filter(|call| call.connecting.is_none());
        let mut line: Vec<_> = open
            .map(|call| {
                let weight = self.queues[&call.queue].weight;
                (u32::MAX - weight, -i64::from(call.priority), call.arrived, call.id)
            })
            .collect();
        line.sort();
        for (_, _, _, call) in line {
            self.serve(call);
        }
    }

    fn serve(&mut self, id: u64) {
        let call = &self.calls[&id];
        let rules = Rc::clone(&self.queues[&call.queue]);
        let many = rules.strategy == Strategy::RingAll || rules.strategy == Strategy::RingProgressive && call.step_due;
        if !call.offers.is_empty() && !many {
            return;
        }
        let pointer = self.pointers.get(&call.queue).copied();
        let asked = self.agents.values().filter(|agent| agent.may_be_asked(call.queue) && self.fits(agent, call));
        let mut candidates: Vec<_> =
            asked.map(|agent| rank(agent, call.queue, rules.strategy, pointer, call)).collect();
        candidates.sort();
        let Some(lowest) = candidates.first().map(|rank| rank.0) else { return };
        let rivals = self.calls.values().filter(|it| it.connecting.is_none() && it.offers.is_empty()).count();
        self.decisions += 1;
        if candidates.len() > 1 || rivals > 1 {
            self.contested += 1;
        }
        let near: Vec<u64> = candidates.iter().filter(|rank| rank.0 == lowest).map(|rank| rank.4).collect();
        let all: Vec<u64> = candidates.iter().map(|rank| rank.4).collect();
        let chosen = if rules.strategy == Strategy::RingAll {
            let ringing = call.offers.iter().map(|ring| ring.tier).max().unwrap_or(u16::MAX);
            if lowest <= ringing { near } else { Vec::new() }
        } else if rules.strategy == Strategy::Random {
            self.drawn_among(id, &near)
        } else if rules.strategy == Strategy::WeightedRandom {
            self.drawn_among(id, &all)
        } else {
            let first = all.iter().find(|agent| !call.tried.contains(agent));
            vec![*first.unwrap_or(&all[0])]
        };
        for agent in chosen {
            *self.chosen.entry(rules.strategy).or_default() += 1;
            self.offer(id, agent, &rules);
        }
    }

    fn fits(&self, agent: &Agent, call: &Call) -> bool {
        let rules = &self.queues[&call.queue];
        let open = rules.rings.iter().filter(|ring| call.arrived + secs(ring.after_secs) <= self.now);
        let dropped = |skill: &String| open.clone().any(|ring| ring.drop_skills.contains(skill));
        let most = open.clone().next_back().and_then(|ring| ring.tier);
        let tier = most.is_none_or(|most| agent.places[&call.queue].tier <= most);
        let skill = call.skill.as_ref().filter(|(skill, _)| !dropped(skill));
        tier && skill.is_none_or(|(skill, level)| agent.skills.get(skill).is_some_and(|have| have >= level))
    }

    /// What the real one drew, if it could be drawn.
    fn drawn_among(&mut self, call: u64, urn: &[u64]) -> Vec<u64> {
        let tried = &self.calls[&call].tried;
        let fresh: Vec<u64> = urn.iter().copied().filter(|id| !tried.contains(id)).collect();
        let urn = if fresh.is_empty() { urn.to_vec() } else { fresh };
        let drawn = self.drawn.get_mut(&call).and_then(VecDeque::pop_front);
        urn.into_iter().filter(|id| Some(*id) == drawn).collect()
    }

    fn offer(&mut self, call: u64, agent: u64, rules: &QueueSettings) {
        let (now, offer) = (self.now, self.next_offer);
        self.next_offer += 1;
        let place = self.agents[&agent].places[&self.calls[&call].queue].clone();
        let it = self.calls.get_mut(&call).expect("a call");
        let mut until = now + secs(rules.ring_secs);
        if rules.max_wait_secs > 0 {
            until = until.min(it.arrived + secs(rules.max_wait_secs));
        }
        let dead = Some(now + secs(rules.device_dead_secs));
        it.offers.push(Ring { offer, agent, until, dead, tier: place.tier });
        it.step_due = false;
        if rules.strategy == Strategy::RingProgressive {
            it.next_step = Some(now + secs(rules.progressive_secs));
        }
        self.pointers.insert(it.queue, (place.order, agent));
        self.agent(agent).offer = Some(offer);
        self.made.push((call, agent));
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    NoAnswer,
    Declined,
    DeviceBusy,
    Unreachable,
}

fn ban(agent: &mut Agent, now: Ms, time: BanTime) {
    if let BanTime::Secs(length) = time
        && length > 0
    {
        agent.ban = Some((now + secs(length)).max(agent.ban.unwrap_or(0)));
    }
}

/// Tier, then what the strategy compares, then the order of membership.
fn rank(
    agent: &Agent,
    queue: u64,
    strategy: Strategy,
    pointer: Option<(u64, u64)>,
    call: &Call,
) -> (u16, i64, i64, u64, u64) {
    let place = &agent.places[&queue];
    let level = |(skill, _): &(String, u8)| i64::from(agent.skills.get(skill).copied().unwrap_or(0));
    let (first, then) = match strategy {
        Strategy::LongestIdle => (agent.idle_since as i64, 0),
        Strategy::FewestCalls => (i64::from(place.calls), 0),
        Strategy::LeastTalk => (place.talk as i64, 0),
        Strategy::SkillsBest => (-call.skill.as_ref().map_or(0, level), agent.idle_since as i64),
        Strategy::RoundRobin | Strategy::OrderedRoundRobin => {
            (i64::from(pointer.is_some_and(|pointer| (place.order, agent.id) <= pointer)), 0)
        }
        Strategy::LeastOccupied
        | Strategy::Random
        | Strategy::WeightedRandom
        | Strategy::Linear
        | Strategy::RingAll
        | Strategy::RingProgressive => (0, 0),
    };
    (place.tier, first, then, place.order, agent.id)
}

pub(super) fn secs(secs: u32) -> Ms {
    u64::from(secs) * 1000
}
